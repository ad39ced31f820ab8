DEVICE double folded(const double *parts, u32 chunks, u32 channels, u64 id) {
    parts += id / channels * chunks * channels + id % channels;
    double sum = 0;
    for (u32 chunk = 0; chunk < chunks; chunk++) sum += parts[(u64)chunk * channels];
    return sum;
}

/* Sums over chunks of rows, in their order: `parts` [kinds, chunks, channels] to `sums` [kinds, channels]. */
KERNEL fold(const double *parts, u32 kinds, u32 chunks, u32 channels, double *sums) {
    const u64 id = THREAD;
    if (id < (u64)kinds * channels) sums[id] = folded(parts, chunks, channels, id);
}

/* As `fold`, of one kind, to floats. */
KERNEL fold_to_floats(const double *parts, u32 chunks, u32 channels, float *sums) {
    if (THREAD < channels) sums[THREAD] = (float)folded(parts, chunks, channels, THREAD);
}

/* As `fold`, of one kind; the parts are 0 afterwards. */
KERNEL take(double *parts, u32 chunks, u32 channels, double *sums) {
    if (THREAD >= channels) return;
    sums[THREAD] = folded(parts, chunks, channels, THREAD);
    for (u64 chunk = 0; chunk < chunks; chunk++) parts[chunk * channels + THREAD] = 0;
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
