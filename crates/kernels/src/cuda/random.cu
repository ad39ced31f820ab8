/* The random streams of random.rs: Philox 4x32-10, whose words are functions of key and counter. */

DEVICE void philox(u64 block, u32 key0, u32 key1, u32 *words) {
    u32 c0 = (u32)block, c1 = (u32)(block >> 32), c2 = 0, c3 = 0;
    UNROLL
    for (int round = 0; round < 10; round++) {
        if (round > 0) {
            key0 += 0x9E3779B9u;
            key1 += 0xBB67AE85u;
        }
        const u64 a = (u64)0xD2511F53u * c0;
        const u64 b = (u64)0xCD9E8D57u * c2;
        c0 = (u32)(b >> 32) ^ c1 ^ key0;
        c1 = (u32)b;
        c2 = (u32)(a >> 32) ^ c3 ^ key1;
        c3 = (u32)a;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* Number `index` of a stream, in [0, 1). */
DEVICE float uniform(u32 key0, u32 key1, u64 index) {
    u32 words[4];
    philox(index / 4, key0, key1, words);
    return (float)(words[index % 4] >> 8) * (1.0f / 16777216.0f);
}

/* Element `index` of the bits of random/bernoulli.rs, for a probability of `numerator` / 2^16 with so many
   binary digits up to its last 1. */
DEVICE int bernoulli(u32 key0, u32 key1, u32 numerator, u32 digits, u64 index) {
    if (numerator >> 16) return 1;
    const u64 first = index / 256 * 32;
    const u32 word = (u32)(index % 256) / 32;
    u32 below = 0;
    for (u32 left = digits; left > 0; left--) {
        const u32 digit = left - 1;
        u32 words[4];
        philox(first + 2 * digit + word / 4, key0, key1, words);
        const u32 random = words[word % 4] >> (index % 32) & 1;
        below = numerator >> (15 - digit) & 1 ? below | random : below & random;
    }
    return (int)below;
}
