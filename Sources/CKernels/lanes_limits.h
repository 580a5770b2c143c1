// What an instruction set does at best, to measure the other kernels against: part of lanes.h. A file may define
//
//   DOT_STEP(sums, weights, x)    sums + the products of 4 columns of 16 rows, in as few instructions as it has
//   PEAK_CHAINS                   how many sums of 16 lanes its registers hold beside their inputs

#ifndef PEAK_CHAINS
#define PEAK_CHAINS 10
#endif

// `rounds` rounds of byte products whose inputs never leave the first cache. Returns the multiply-adds done.
static uint64_t multiply_bytes(int rounds, float *sink) {
    uint8_t weights[512];
    int8_t inputs[SP_GROUP_COLUMNS];
    memset(weights, 3, sizeof weights);
    memset(inputs, 5, sizeof inputs);
    // Bytes the compiler does not know, so that products of equal weights are not computed once.
    __asm__ volatile("" : "+m"(weights));
    u8x64 steps[8];
    for (int i = 0; i < 8; i++) steps[i] = load_bytes(weights + 64 * i);
    const int8_t *x = inputs;
    i32x16 sums[PEAK_CHAINS] = {0};
    for (int round = 0; round < rounds; round++) {
        // Makes the compiler believe that x has moved: the products of a round are not those of the one before.
        __asm__ volatile("" : "+r"(x));
#pragma clang loop unroll(full)
        for (int i = 0; i < PEAK_CHAINS; i++) {
#ifdef DOT_STEP
            sums[i] = DOT_STEP(sums[i], steps[0], x);
#else
            sums[i] += dot_u7(steps, x, 8);
            __asm__ volatile("" : "+r"(x));
#endif
        }
    }
    for (int i = 1; i < PEAK_CHAINS; i++) sums[0] += sums[i];
    *sink = (float)sums[0][0];
#ifdef DOT_STEP
    return (uint64_t)rounds * PEAK_CHAINS * SP_TILE_ROWS * 4;
#else
    return (uint64_t)rounds * PEAK_CHAINS * SP_TILE_ROWS * SP_GROUP_COLUMNS;
#endif
}

// The same in single precision, in registers.
static uint64_t multiply_singles(int rounds, float *sink) {
    f32x16 sums[PEAK_CHAINS];
    for (int i = 0; i < PEAK_CHAINS; i++) sums[i] = splat((float)i);
    const f32x16 factor = splat(0.5f + *sink * 0), offset = splat(1);
    for (int round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < PEAK_CHAINS; i++) sums[i] = sums[i] * factor + offset;
    }
    for (int i = 1; i < PEAK_CHAINS; i++) sums[0] += sums[i];
    *sink = sums[0][0];
    return (uint64_t)rounds * PEAK_CHAINS * SP_TILE_ROWS;
}

enum {
    // How far ahead bytes are fetched that are read in order.
    BYTES_AHEAD = 32 * 304,
    // Places that are read in turns, where a processor fetches ahead by itself.
    READING_PLACES = 4,
};

// Reads `bytes` bytes, a multiple of 256, once: in order, or a line at each of several places in turn.
static void read_bytes(const uint8_t *data, size_t bytes, bool in_turns, float *sink) {
    u8x64 seen[READING_PLACES] = {0};
    const size_t apart = in_turns ? bytes / READING_PLACES : 64, step = in_turns ? 64 : 64 * READING_PLACES;
    for (size_t at = 0; at < bytes / READING_PLACES; at += 64) {
        const uint8_t *lines = data + at / 64 * step;
#pragma clang loop unroll(full)
        for (size_t i = 0; i < READING_PLACES; i++) {
            if (!in_turns) sp_fetch_line(lines + i * apart + BYTES_AHEAD, SP_SECOND_CACHE);
            seen[i] |= load_bytes(lines + i * apart);
        }
    }
    seen[0] |= seen[1] | seen[2] | seen[3];
    *sink = (float)seen[0][0];
}
