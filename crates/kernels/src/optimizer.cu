/* The optimizer steps of optimizer.rs, element by element. */

KERNEL sgd(const float *gradient, float learning_rate, float weight_decay, u64 count, float *parameters) {
    if (THREAD >= count) return;
    const float p = parameters[THREAD];
    parameters[THREAD] = p - learning_rate * (gradient[THREAD] + weight_decay * p);
}

KERNEL sgd_with_momentum(
    const float *gradient, float along_gradient, float along_velocity, float momentum, float weight_decay,
    u64 count, float *parameters, float *velocity
) {
    if (THREAD >= count) return;
    const float p = parameters[THREAD], g = gradient[THREAD] + weight_decay * p;
    const float m = momentum * velocity[THREAD] + g;
    velocity[THREAD] = m;
    parameters[THREAD] = p - (along_gradient * g + along_velocity * m);
}

KERNEL adamw(
    const float *gradient, float beta1, float beta2, float epsilon, float keep, float size, float root,
    u64 count, float *parameters, float *first, float *second
) {
    if (THREAD >= count) return;
    const float g = gradient[THREAD];
    const float m = beta1 * first[THREAD] + (1.0f - beta1) * g;
    const float v = beta2 * second[THREAD] + (1.0f - beta2) * (g * g);
    first[THREAD] = m;
    second[THREAD] = v;
    parameters[THREAD] = keep * parameters[THREAD] - size * m / (sqrtf(v) * root + epsilon);
}

/* The sums of squares of x, in parts [chunks, width]: a thread owns a column of a span of rows of so many values. */
KERNEL squares(const float *x, u64 count, u32 width, u32 span, double *parts) {
    const u32 column = (u32)(THREAD % width);
    const u64 chunk = THREAD / width, rows = (count + width - 1) / width;
    if (chunk >= (rows + span - 1) / span) return;
    double sum = 0;
    for (u64 row = chunk * span; row < rows && row < (chunk + 1) * span; row++) {
        const u64 at = row * width + column;
        if (at < count) sum += (double)x[at] * (double)x[at];
    }
    parts[chunk * width + column] = sum;
}
