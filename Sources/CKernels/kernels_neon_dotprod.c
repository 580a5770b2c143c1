// Arm's dot product extension: one instruction multiplies 16 pairs of signed bytes and adds them into 4 sums.

#if defined(__aarch64__)

#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#define DOT_BYTES(sums, weights, x, lane) vdotq_laneq_s32(sums, vreinterpretq_s8_u8(weights), x, lane)
#define DOT_LANES(sums, first, second) vdotq_s32(sums, vreinterpretq_s8_u8(first), second)
#include "neon_primitives.h"

// An unsigned byte with its high bit flipped is a signed one that is 128 less.
PRIMITIVE i32x16 dot_half_u8(const u8x64 *weights, const int8_t *x) {
    return join(dot_columns(equal_sums(128 * vaddlvq_s8(vld1q_s8(x))), weights, x, 0x80));
}

#define LANES_TABLE sp_kernels_neon_dotprod
#define LANES_NAME "neon-dotprod"
#include "lanes.h"

#pragma clang attribute pop

#endif
