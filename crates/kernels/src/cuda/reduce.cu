/* Sums over chunks of rows, in their order: `parts` [kinds, chunks, channels] to `sums` [kinds, channels], to
   which they are added if asked. */
KERNEL fold(const double *parts, u32 kinds, u32 chunks, u32 channels, u32 add, double *sums) {
    const u64 id = THREAD;
    if (id >= (u64)kinds * channels) return;
    parts += id / channels * chunks * channels + id % channels;
    double sum = add ? sums[id] : 0;
    for (u32 chunk = 0; chunk < chunks; chunk++) sum += parts[(u64)chunk * channels];
    sums[id] = sum;
}

/* The sums over the rows of x [rows, channels], in parts [chunks, channels]. */
KERNEL column_sums(const float *x, u32 rows, u32 channels, u32 span, double *parts) {
    const u32 channel = (u32)(THREAD % channels);
    const u64 chunk = THREAD / channels;
    if (chunk >= (rows + span - 1) / span) return;
    double sum = 0;
    for (u64 row = chunk * span; row < rows && row < (chunk + 1) * span; row++) sum += x[row * channels + channel];
    parts[chunk * channels + channel] = sum;
}

/* Sums as floats. */
KERNEL rounded(const double *sums, u32 count, float *out) {
    if (THREAD < count) out[THREAD] = (float)sums[THREAD];
}
