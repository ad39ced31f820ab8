/* The normalization of normalization.rs, over x [rows, channels]. */

/* The sums of x and of its squares, in parts [2, chunks, channels]. */
KERNEL moments(const float *x, u32 rows, u32 channels, u32 span, double *parts) {
    const u32 channel = (u32)(THREAD % channels);
    const u64 chunk = THREAD / channels, chunks = (rows + span - 1) / span;
    if (chunk >= chunks) return;
    double sum = 0, square = 0;
    for (u64 row = chunk * span; row < rows && row < (chunk + 1) * span; row++) {
        const double value = x[row * channels + channel];
        sum += value;
        square += value * value;
    }
    parts[chunk * channels + channel] = sum;
    parts[(chunks + chunk) * channels + channel] = square;
}

DEVICE double inverse_deviation(float variance, float epsilon) {
    return 1.0 / sqrt((double)variance + (double)epsilon);
}

/* Mean, variance, scale and shift of each channel, from the parts of `moments`; moves the running statistics
   towards those of a batch of so many rows, each of which counts `repeats` times. */
KERNEL statistics(
    const double *parts, u32 chunks, u32 channels, u32 rows, u32 repeats,
    const float *gamma, const float *beta, float factor, float epsilon, float momentum,
    float *running_mean, float *running_variance, float *mean, float *variance, float *scale, float *shift
) {
    const u32 channel = (u32)THREAD;
    if (THREAD >= channels) return;
    double sum = 0, square = 0;
    for (u64 chunk = 0; chunk < chunks; chunk++) {
        sum += parts[chunk * channels + channel];
        square += parts[(chunks + chunk) * channels + channel];
    }
    const double exact = rows ? sum / rows : 0;
    const double spread = rows ? square / rows - exact * exact : 0;
    mean[channel] = (float)exact;
    variance[channel] = (float)(spread > 0 ? spread : 0);
    const float count = (float)((u64)rows * repeats);
    const float unbiased = count / (count > 2.0f ? count - 1.0f : 1.0f);
    const float keep = 1.0f - momentum;
    running_mean[channel] = running_mean[channel] * keep + mean[channel] * momentum;
    running_variance[channel] = running_variance[channel] * keep + variance[channel] * (momentum * unbiased);
    scale[channel] = (float)((double)(gamma[channel] * factor) * inverse_deviation(variance[channel], epsilon));
    shift[channel] = beta[channel];
}

/* Scale and shift of each channel from statistics that stand. */
KERNEL given_statistics(
    const float *variance, const float *gamma, const float *beta, float factor, float epsilon, u32 channels,
    float *scale, float *shift
) {
    const u32 channel = (u32)THREAD;
    if (THREAD >= channels) return;
    scale[channel] = (float)((double)(gamma[channel] * factor) * inverse_deviation(variance[channel], epsilon));
    shift[channel] = beta[channel];
}

KERNEL normalize(
    const float *x, const float *mean, const float *scale, const float *shift, u64 count, u32 channels, float *out
) {
    const u32 channel = (u32)(THREAD % channels);
    if (THREAD < count) out[THREAD] = (x[THREAD] - mean[channel]) * scale[channel] + shift[channel];
}

/* The sums of the gradient g and of g · (x − mean), in parts [2, chunks, channels]. */
KERNEL gradient_sums(const float *x, const float *g, const float *mean, u32 rows, u32 channels, u32 span, double *parts) {
    const u32 channel = (u32)(THREAD % channels);
    const u64 chunk = THREAD / channels, chunks = (rows + span - 1) / span;
    if (chunk >= chunks) return;
    double plain = 0, centered = 0;
    for (u64 row = chunk * span; row < rows && row < (chunk + 1) * span; row++) {
        const u64 at = row * channels + channel;
        const double gradient = g[at];
        plain += gradient;
        centered += gradient * (double)(x[at] - mean[channel]);
    }
    parts[chunk * channels + channel] = plain;
    parts[(chunks + chunk) * channels + channel] = centered;
}

/* The gradients of gamma and beta, and the factors of `normalize_gradient`, from the parts of
   `gradient_sums`, of which the products are number `kind`; the statistics are constants or those of the rows. */
KERNEL gradient_factors(
    const double *parts, u32 kind, u32 chunks, u32 channels, u32 rows, const float *variance, const float *gamma,
    float factor, float epsilon, u32 constants,
    float *of_gamma, float *of_beta, float *scale, float *slope, float *offset
) {
    const u32 channel = (u32)THREAD;
    if (THREAD >= channels) return;
    double plain = 0, centered = 0;
    for (u64 chunk = 0; chunk < chunks; chunk++) {
        plain += parts[chunk * channels + channel];
        centered += parts[((u64)kind * chunks + chunk) * channels + channel];
    }
    const double inverse = inverse_deviation(variance[channel], epsilon);
    const double scaled = (double)(gamma[channel] * factor) * inverse;
    of_gamma[channel] = (float)(centered * inverse) * factor;
    of_beta[channel] = (float)plain;
    scale[channel] = (float)scaled;
    const double per_row = scaled / rows;
    slope[channel] = constants ? 0.0f : (float)(per_row * centered * inverse * inverse);
    offset[channel] = constants ? 0.0f : (float)(per_row * plain);
}

/* Turns the gradient g with respect to the normalized values into that with respect to x. */
KERNEL normalize_gradient(
    const float *x, const float *mean, const float *scale, const float *slope, const float *offset,
    u64 count, u32 channels, u32 constants, float *g
) {
    const u32 channel = (u32)(THREAD % channels);
    if (THREAD >= count) return;
    if (constants) g[THREAD] = g[THREAD] * scale[channel];
    else g[THREAD] = scale[channel] * g[THREAD] - (slope[channel] * (x[THREAD] - mean[channel]) + offset[channel]);
}
