// Arm's 8-bit integer extension (i8mm), whose dot product takes unsigned weights and signed inputs.

#if defined(__aarch64__)

#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("i8mm"))), apply_to = function)

#define DOT_BYTES(sums, weights, x, lane) vusdotq_laneq_s32(sums, weights, x, lane)
#define UNSIGNED_KEYS
#define DOT_LANES(sums, first, second) vusdotq_s32(sums, first, second)
#include "neon_primitives.h"

PRIMITIVE i32x16 dot_half_u8(const u8x64 *weights, const int8_t *x) {
    return join(dot_columns(equal_sums(0), weights, x, 0));
}

#define LANES_TABLE sp_kernels_neon_i8mm
#define LANES_NAME "neon-i8mm"
#include "lanes.h"

#pragma clang attribute pop

#endif
