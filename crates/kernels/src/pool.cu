/* The pooling of pool.rs, on [images, height, width, channels]. */

typedef struct {
    u32 images, height, width, channels;
    u32 kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
    u32 output_h, output_w;
} Pool;

/* Start and end of window `index` along an axis of `size`. */
DEVICE void window(u32 index, u32 size, u32 kernel, u32 stride, u32 padding, u32 *start, u32 *end) {
    const u32 from = index * stride;
    u32 to = from + kernel > padding ? from + kernel - padding : 0;
    *end = to < size ? to : size;
    *start = from > padding ? from - padding : 0;
}

/* First and last-but-one window that contains row or column `index`. */
DEVICE void windows_of(u32 index, u32 windows, u32 kernel, u32 stride, u32 padding, u32 *start, u32 *end) {
    const u32 last = (index + padding) / stride + 1;
    const u32 before = index + padding + 1 > kernel ? index + padding + 1 - kernel : 0;
    *start = (before + stride - 1) / stride;
    *end = last < windows ? last : windows;
}

KERNEL average_pool(const float *x, Pool p, float *out) {
    if (THREAD >= (u64)p.images * p.output_h * p.output_w * p.channels) return;
    u32 row, column, c;
    const u64 image = locate(THREAD, p.output_h, p.output_w, p.channels, &row, &column, &c);
    u32 top, bottom, left, right;
    window(row, p.height, p.kernel_h, p.stride_h, p.padding_h, &top, &bottom);
    window(column, p.width, p.kernel_w, p.stride_w, p.padding_w, &left, &right);
    float sum = 0.0f;
    for (u32 i = top; i < bottom; i++)
        for (u32 j = left; j < right; j++) sum += x[((image * p.height + i) * p.width + j) * p.channels + c];
    out[THREAD] = sum * (1.0f / (float)(p.kernel_h * p.kernel_w));
}

KERNEL average_pool_gradient(const float *g, Pool p, float *out) {
    if (THREAD >= (u64)p.images * p.height * p.width * p.channels) return;
    u32 row, column, c;
    const u64 image = locate(THREAD, p.height, p.width, p.channels, &row, &column, &c);
    u32 top, bottom, left, right;
    windows_of(row, p.output_h, p.kernel_h, p.stride_h, p.padding_h, &top, &bottom);
    windows_of(column, p.output_w, p.kernel_w, p.stride_w, p.padding_w, &left, &right);
    const float scale = 1.0f / (float)(p.kernel_h * p.kernel_w);
    float sum = 0.0f;
    for (u32 i = top; i < bottom; i++)
        for (u32 j = left; j < right; j++) sum += g[((image * p.output_h + i) * p.output_w + j) * p.channels + c] * scale;
    out[THREAD] = sum;
}

/* The pixel of the first maximum of a window; a NaN is more than any number. */
DEVICE u32 first_maximum(const float *image, const Pool *p, u32 row, u32 column, u32 c, float *most) {
    u32 top, bottom, left, right;
    window(row, p->height, p->kernel_h, p->stride_h, p->padding_h, &top, &bottom);
    window(column, p->width, p->kernel_w, p->stride_w, p->padding_w, &left, &right);
    u32 place = top * p->width + left;
    float best = image[(u64)place * p->channels + c];
    for (u32 i = top; i < bottom; i++)
        for (u32 j = left; j < right; j++) {
            const u32 pixel = i * p->width + j;
            const float value = image[(u64)pixel * p->channels + c];
            const int wins = value > best || (value != value && best == best);
            best = wins ? value : best;
            place = wins ? pixel : place;
        }
    *most = best;
    return place;
}

KERNEL max_pool(const float *x, Pool p, float *out) {
    if (THREAD >= (u64)p.images * p.output_h * p.output_w * p.channels) return;
    u32 row, column, c;
    const u64 image = locate(THREAD, p.output_h, p.output_w, p.channels, &row, &column, &c);
    float most;
    first_maximum(x + image * p.height * p.width * p.channels, &p, row, column, c, &most);
    out[THREAD] = most;
}

/* Each pixel collects the gradients of the windows whose first maximum it is. */
KERNEL max_pool_gradient(const float *x, const float *g, Pool p, float *out) {
    if (THREAD >= (u64)p.images * p.height * p.width * p.channels) return;
    u32 row, column, c;
    const u64 image = locate(THREAD, p.height, p.width, p.channels, &row, &column, &c);
    u32 top, bottom, left, right;
    windows_of(row, p.output_h, p.kernel_h, p.stride_h, p.padding_h, &top, &bottom);
    windows_of(column, p.output_w, p.kernel_w, p.stride_w, p.padding_w, &left, &right);
    const u32 own = row * p.width + column;
    float sum = 0.0f, most;
    for (u32 i = top; i < bottom; i++)
        for (u32 j = left; j < right; j++) {
            const u32 place = first_maximum(x + image * p.height * p.width * p.channels, &p, i, j, c, &most);
            if (place == own) sum += g[((image * p.output_h + i) * p.output_w + j) * p.channels + c];
        }
    out[THREAD] = sum;
}
