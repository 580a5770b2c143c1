// Kernels for any processor, and the reference that the others are held to.

#include <string.h>

#include "kernels.h"
#include "lane_types.h"

#define PRIMITIVE static inline __attribute__((always_inline))

// Half to single without a branch per lane: scaling by 2^112 moves the exponent and makes subnormals normal.
PRIMITIVE f32x16 load_halves(const uint8_t *p) {
    u16x16 halves;
    memcpy(&halves, p, sizeof halves);
    const u32x16 bits = __builtin_convertvector(halves, u32x16);
    const u32x16 shifted = (bits & 0x7fff) << 13;
    f32x16 magnitude;
    memcpy(&magnitude, &shifted, sizeof magnitude);
    magnitude *= 0x1p112f;
    u32x16 result;
    memcpy(&result, &magnitude, sizeof result);
    // Infinities and NaN have every bit of the exponent.
    result |= (u32x16)((bits & 0x7c00) == 0x7c00) & 0x7f800000;
    result |= (bits & 0x8000) << 16;
    f32x16 value;
    memcpy(&value, &result, sizeof value);
    return value;
}

PRIMITIVE i32x16 dot_steps(const u8x64 *weights, const int8_t *x, const int steps) {
    i32x16 sums = {0};
    for (int step = 0; step < steps; step++) {
        u32x16 words;
        memcpy(&words, &weights[step], sizeof words);
        for (int i = 0; i < 4; i++) sums += (i32x16)((words >> (uint32_t)(8 * i)) & 0xff) * (int32_t)x[4 * step + i];
    }
    return sums;
}

PRIMITIVE i32x16 dot_u7(const u8x64 *weights, const int8_t *x, const int STEPS) { return dot_steps(weights, x, STEPS); }
PRIMITIVE i32x16 dot_half_u8(const u8x64 *weights, const int8_t *x) { return dot_steps(weights, x, 4); }

#define LANES_TABLE sp_kernels_portable
#define LANES_NAME "portable"
#include "lanes.h"
