/* Convolutions as matrix products: the patches of the input that the outputs see, and the way back. */

typedef struct {
    u32 height, width, channels;
    u32 kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
    u32 output_h, output_w;
} Convolution;

/* Patches of so many images x [images, height, width, channels]: one row
   [kernel_h, kernel_w, channels] per output pixel. */
KERNEL patches(const float *x, Convolution g, u32 images, float *out) {
    const u64 outputs = (u64)images * g.output_h * g.output_w;
    if (THREAD >= outputs * g.kernel_h * g.kernel_w * g.channels) return;
    u32 row, column, i, j, c, one;
    const u64 output = locate(THREAD, g.kernel_h, g.kernel_w, g.channels, &i, &j, &c);
    const u64 image = locate(output, g.output_h, g.output_w, 1, &row, &column, &one);
    const u32 y = row * g.stride_h + i, z = column * g.stride_w + j;
    const int inside = y >= g.padding_h && y < g.height + g.padding_h && z >= g.padding_w && z < g.width + g.padding_w;
    out[THREAD] = inside
        ? x[((image * g.height + (y - g.padding_h)) * g.width + (z - g.padding_w)) * g.channels + c]
        : 0.0f;
}

/* The sums, at each input, of the patches that contain it. */
KERNEL from_patches(const float *columns, Convolution g, u32 images, float *out) {
    if (THREAD >= (u64)images * g.height * g.width * g.channels) return;
    u32 row_in, column_in, c;
    const u64 image = locate(THREAD, g.height, g.width, g.channels, &row_in, &column_in, &c);
    const u32 y = row_in + g.padding_h, z = column_in + g.padding_w;
    float sum = 0.0f;
    for (u32 i = 0; i < g.kernel_h; i++) {
        if (y < i || (y - i) % g.stride_h) continue;
        const u32 row = (y - i) / g.stride_h;
        if (row >= g.output_h) continue;
        for (u32 j = 0; j < g.kernel_w; j++) {
            if (z < j || (z - j) % g.stride_w) continue;
            const u32 column = (z - j) / g.stride_w;
            if (column >= g.output_w) continue;
            const u64 pixel = (image * g.output_h + row) * g.output_w + column;
            sum += columns[((pixel * g.kernel_h + i) * g.kernel_w + j) * g.channels + c];
        }
    }
    out[THREAD] = sum;
}

/* out [rows, channels] += bias. */
KERNEL add_bias(const float *bias, u64 count, u32 channels, float *out) {
    if (THREAD < count) out[THREAD] += bias[THREAD % channels];
}
