// What the Arm files share. The including file defines
//
//   DOT_BYTES(sums, weights, x, lane)   sums + four products in each 32-bit lane, of the lane's bytes of `weights`
//                                       (signed or unsigned, as the file says) and bytes 4 * lane ... 4 * lane + 3
//                                       of `x`
//   DOT_KEYS(sums, keys, query)         the same of the lane's bytes of both; keys are signed, or UNSIGNED_KEYS defined
//   DOT_WEIGHTS(sums, weights, values)  the same of the lane's bytes of both, weights of 0...127 and signed values

#include <string.h>

#include "kernels.h"
#include "lane_types.h"

#define PRIMITIVE static inline __attribute__((always_inline))

PRIMITIVE f32x16 load_halves(const uint8_t *p) {
    float32x4_t parts[4];
    for (int i = 0; i < 4; i++) parts[i] = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p + 8 * i)));
    f32x16 v;
    memcpy(&v, parts, sizeof v);
    return v;
}

typedef struct {
    int32x4_t part[4];  // rows 0...3, 4...7, 8...11 and 12...15
} four_registers;

PRIMITIVE four_registers equal_sums(int32_t sum) {
    const int32x4_t v = vdupq_n_s32(sum);
    return (four_registers){{v, v, v, v}};
}

// The weights' bits are flipped by `flip`, sixteen columns at a time: their inputs fill one register.
PRIMITIVE four_registers dot_columns(four_registers sums, const u8x64 *weights, const int8_t *x, uint8_t flip) {
    const int8x16_t inputs = vld1q_s8(x);
    for (int i = 0; i < 4; i++) {
        uint8x16_t w[4];
        for (int step = 0; step < 4; step++)
            w[step] = veorq_u8(vld1q_u8((const uint8_t *)&weights[step] + 16 * i), vdupq_n_u8(flip));
        sums.part[i] = DOT_BYTES(sums.part[i], w[0], inputs, 0);
        sums.part[i] = DOT_BYTES(sums.part[i], w[1], inputs, 1);
        sums.part[i] = DOT_BYTES(sums.part[i], w[2], inputs, 2);
        sums.part[i] = DOT_BYTES(sums.part[i], w[3], inputs, 3);
    }
    return sums;
}

PRIMITIVE i32x16 join(four_registers sums) {
    i32x16 result;
    memcpy(&result, &sums, sizeof result);
    return result;
}

PRIMITIVE i32x16 dot_u7(const u8x64 *weights, const int8_t *x, const int STEPS) {
    four_registers sums = equal_sums(0);
    for (int step = 0; step < STEPS; step += 4) sums = dot_columns(sums, weights + step, x + 4 * step, 0);
    return join(sums);
}

PRIMITIVE i32x16 multiply_four_weights(i32x16 sums, u8x64 fours, int32_t word) {
    const uint8x16_t weights = vreinterpretq_u8_s32(vdupq_n_s32(word));
    four_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 4; i++)
        r.part[i] = DOT_WEIGHTS(r.part[i], weights, vld1q_s8((const int8_t *)&fours + 16 * i));
    return join(r);
}

PRIMITIVE i32x16 multiply_four_keys(i32x16 sums, u8x64 keys, int32_t word) {
    const int8x16_t query = vreinterpretq_s8_s32(vdupq_n_s32(word));
    four_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 4; i++)
        r.part[i] = DOT_KEYS(r.part[i], vld1q_u8((const uint8_t *)&keys + 16 * i), query);
    return join(r);
}

#define MULTIPLY_KEYS(sums, keys, word) multiply_four_keys(sums, keys, word)
#define MULTIPLY_FOURS(sums, fours, word) multiply_four_weights(sums, fours, word)
