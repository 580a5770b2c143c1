// What the Arm files share. The including file defines
//
//   DOT_BYTES(sums, weights, x, lane)   sums + four products in each 32-bit lane, of the lane's bytes of `weights`
//                                       (signed or unsigned, as the file says) and bytes 4 * lane ... 4 * lane + 3
//                                       of `x`
//   DOT_LANES(sums, first, second)      the same of the lane's bytes of both; the second are signed, the first as those
//                                       of `weights`

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

PRIMITIVE i32x16 dot_fours(i32x16 sums, u8x64 first, u8x64 second) {
    four_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 4; i++) {
        const uint8x16_t a = vld1q_u8((const uint8_t *)&first + 16 * i);
        r.part[i] = DOT_LANES(r.part[i], a, vld1q_s8((const int8_t *)&second + 16 * i));
    }
    return join(r);
}

#define DOT_FOURS(sums, first, second) dot_fours(sums, first, second)
