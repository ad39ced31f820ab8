/* The functions of real.rs, operation by operation, so that the bits are those of the CPU. */

DEVICE float real_exp(float x) {
    x = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
    const float n = (x * 1.44269502f + 12582912.0f) - 12582912.0f;
    const float r = x - n * (355.0f / 512.0f) - n * -2.1219444e-4f;
    float sum = 1.0f / 5040.0f;
    sum = sum * r + 1.0f / 720.0f;
    sum = sum * r + 1.0f / 120.0f;
    sum = sum * r + 1.0f / 24.0f;
    sum = sum * r + 1.0f / 6.0f;
    sum = sum * r + 0.5f;
    sum = sum * r + 1.0f;
    sum = sum * r + 1.0f;
    return sum * from_bits((u32)((int)n + 127) << 23);
}

DEVICE float real_ln(float x) {
    const int n = (int)(bits_of(x) - 0x3f2aaaabu) >> 23;
    const float m = from_bits(bits_of(x) - ((u32)n << 23));
    const float s = (m - 1.0f) / (m + 1.0f);
    const float square = s * s;
    float sum = 1.0f / 11.0f;
    sum = sum * square + 1.0f / 9.0f;
    sum = sum * square + 1.0f / 7.0f;
    sum = sum * square + 1.0f / 5.0f;
    sum = sum * square + 1.0f / 3.0f;
    sum = sum * square + 1.0f;
    const float power = (float)n;
    return power * (355.0f / 512.0f) + (power * -2.1219444e-4f + 2.0f * s * sum);
}

DEVICE float real_cos(float x) {
    const float n = (x * 0.318309873f + 12582912.0f) - 12582912.0f;
    const float r = x - n * 3.140625f - n * 9.676536e-4f;
    const float square = r * r;
    float sum = 1.0f / 479001600.0f;
    sum = sum * square + -1.0f / 3628800.0f;
    sum = sum * square + 1.0f / 40320.0f;
    sum = sum * square + -1.0f / 720.0f;
    sum = sum * square + 1.0f / 24.0f;
    sum = sum * square + -1.0f / 2.0f;
    sum = sum * square + 1.0f;
    return sum * (1.0f - 2.0f * (float)((int)n & 1));
}
