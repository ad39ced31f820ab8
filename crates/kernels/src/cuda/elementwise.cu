/* Operations on each element by itself. */

/* Where element `id` of [images, height, width, channels] lies. */
DEVICE u64 locate(u64 id, u32 height, u32 width, u32 channels, u32 *row, u32 *column, u32 *channel) {
    *channel = (u32)(id % channels);
    *column = (u32)(id / channels % width);
    *row = (u32)(id / channels / width % height);
    return id / channels / width / height;
}

/* sum += other, which is repeated if it is shorter. */
KERNEL add(const float *other, u64 length, u64 count, float *sum) {
    if (THREAD < count) sum[THREAD] += other[THREAD % length];
}

/* x, repeated. */
KERNEL repeat(const float *x, u64 length, u64 count, float *out) {
    if (THREAD < count) out[THREAD] = x[THREAD % length];
}

/* The sum over the first axis of x [steps, length]. */
KERNEL sum_steps(const float *x, u32 steps, u64 length, float *out) {
    if (THREAD >= length) return;
    float sum = x[THREAD];
    for (u32 t = 1; t < steps; t++) sum += x[t * length + THREAD];
    out[THREAD] = sum;
}

/* Rows and columns of each [rows, columns] exchanged. */
KERNEL transpose(const float *x, u32 rows, u32 columns, u64 count, float *out) {
    if (THREAD >= count) return;
    const u64 size = (u64)rows * columns, matrix = THREAD / size, at = THREAD % size;
    out[THREAD] = x[matrix * size + at % rows * columns + at / rows];
}

/* Dropout of x [steps, length]: one mask for all steps, drawn from a stream. */
KERNEL dropout(const float *x, u32 key0, u32 key1, float p, float keep, u64 length, u64 count, float *out) {
    if (THREAD >= count) return;
    out[THREAD] = x[THREAD] * (uniform(key0, key1, THREAD % length) < p ? 0.0f : keep);
}

/* x · a, or x · (1 − a). */
KERNEL multiply(const float *x, const float *a, u32 inverted, u64 count, float *out) {
    if (THREAD < count) out[THREAD] = x[THREAD] * (inverted ? 1.0f - a[THREAD] : a[THREAD]);
}

/* The gradients of `multiply` with respect to x and to a. */
KERNEL multiply_gradient(const float *x, const float *a, const float *g, u32 inverted, u64 count, float *of_x, float *of_a) {
    if (THREAD >= count) return;
    of_x[THREAD] = g[THREAD] * (inverted ? 1.0f - a[THREAD] : a[THREAD]);
    of_a[THREAD] = g[THREAD] * (inverted ? -x[THREAD] : x[THREAD]);
}
