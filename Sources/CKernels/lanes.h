// Kernels written once over 16 lanes, in the compiler's vector types. Each instruction set's file defines
//
//   LANES_TABLE, LANES_NAME       the table to fill and its name
//   load_halves(p)                16 half-precision values to float
//   dot_u7(w, x, STEPS)           sum over 4 or 8 steps of 4 columns of 16 rows, quants 0...127  (w: 64 bytes a step)
//   dot_half_u8(w, x)             sum over 4 such steps, quants 0...255
//   MULTIPLY_PAIRS(sums, pairs, word)  optional: sums + the products of two 16-bit integers a lane with those of a word
//   DOT_FOURS(sums, first, second)     optional: sums + the products of four bytes a lane of both; the second are
//                                      signed, the first 0...127, where UNSIGNED_KEYS is defined 0...255
//   MULTIPLY_KEYS(sums, keys, query)   optional: the same of signed bytes, those of the query of at most 127
//   INT8_PRODUCTS                 optional: a file of products for it to use in place of lanes_int8_products.h
//   PAIR_PRODUCTS                 optional: a file that defines multiply_pair, see kernels.h
//   SCORE_SUMS, VALUE_SUMS        optional: see lanes_attention.h
//   GROUPS_AHEAD                  optional: groups_ahead of kernels.h
//
// and includes this file inside its target attribute, so that the same code becomes AVX-512, AVX2 or
// whatever the compiler's default is. A lane is an output row (or a cached position, or a value of a
// head): sums run down a lane in a fixed order and never across lanes, whatever the register width.

#include "kernels.h"
#include "lane_types.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

#ifndef GROUPS_AHEAD
#define GROUPS_AHEAD 32
#endif

INLINE f32x16 load_floats(const void *p) {
    f32x16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store_floats(float *p, f32x16 v) { memcpy(p, &v, sizeof v); }

INLINE u8x64 load_bytes(const uint8_t *p) {
    u8x64 v;
    memcpy(&v, p, sizeof v);
    return v;
}

// The four bytes at p in every lane.
INLINE u8x64 every_lane(const void *p) {
    int32_t word;
    memcpy(&word, p, sizeof word);
    return (u8x64)(i32x16)word;
}

INLINE f32x16 splat(float x) { return (f32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }

INLINE f32x16 to_float(i32x16 v) { return __builtin_convertvector(v, f32x16); }

// Adding and subtracting it rounds to the nearest integer, ties to even, for |v| < 2^22. Adding alone leaves the
// integer in the low bits.
static const float ROUNDING_SHIFT = 0x1.8p23f;

static const float LOG2_E = 1.44269504088896f;

INLINE f32x16 larger(f32x16 a, f32x16 b) { return a > b ? a : b; }
INLINE f32x16 magnitude(f32x16 v) { return __builtin_elementwise_abs(v); }
INLINE f32x16 smaller(f32x16 a, f32x16 b) { return a < b ? a : b; }

INLINE f32x16 plus(f32x16 a, f32x16 b) { return a + b; }

// The larger of numbers that are not negative, where infinity is larger than all others and NaN larger still.
INLINE f32x16 larger_positive(f32x16 a, f32x16 b) {
    const i32x16 x = (i32x16)a, y = (i32x16)b;
    return (f32x16)(x > y ? x : y);
}

#include "lanes_fold.h"

// Scales of inputs have 3 bits of mantissa and are not tiny, so that a product of a scale of weights with one of inputs
// is one of 8 products whose exponent is another: see avx512_pair_products.h.
enum { SHORT_MANTISSAS = 8, SHORT_MANTISSA_SHIFT = 20 };
// Times the least scale of weights, 2^-32, it is a normal number.
static const float LEAST_INPUT_SCALE = 0x1p-80f;

// The next numbers with such mantissas from v on, for v > 0.
INLINE f32x16 short_mantissas(f32x16 v) {
    const int32_t rest = (1 << SHORT_MANTISSA_SHIFT) - 1;
    i32x16 bits;
    memcpy(&bits, &v, sizeof bits);
    bits = (bits + rest) & ~rest;
    memcpy(&v, &bits, sizeof v);
    return v;
}

// 2^(n + r) to about two units in the last place for |r| <= 1/2, where n stands in the low bits of `shifted` as adding
// ROUNDING_SHIFT leaves it there. The polynomial has the least relative error of those of degree 5 that are 1 at 0.
INLINE f32x16 power_of_parts(f32x16 shifted, f32x16 r) {
    f32x16 p = splat(1.326472709e-3f);
    p = p * r + splat(9.671512862e-3f);
    p = p * r + splat(5.550733746e-2f);
    p = p * r + splat(2.402224208e-1f);
    p = p * r + splat(6.931469776e-1f);
    p = p * r + splat(1.0f);
    // Adding n to the exponent multiplies with 2^n.
    i32x16 bits, exponent;
    memcpy(&bits, &p, sizeof bits);
    memcpy(&exponent, &shifted, sizeof exponent);
    bits += exponent << 23;
    memcpy(&p, &bits, sizeof p);
    return p;
}

// 2^x for x <= 127; where that is hardly anything, a number that can be scaled and still is none of the subnormal ones,
// which take a hundred times as long to multiply on some processors. NaN stays NaN.
static const float LEAST_POWER = -80.0f;
INLINE f32x16 power_of_two(f32x16 x) {
    x = larger(splat(LEAST_POWER), x);
    const f32x16 shifted = x + splat(ROUNDING_SHIFT);
    return power_of_parts(shifted, x - (shifted - splat(ROUNDING_SHIFT)));
}

// exp(x), of inputs clamped to the range where the result is a normal number.
INLINE f32x16 exponential(f32x16 x) {
    x = smaller(larger(x, splat(-87.0f)), splat(88.0f));
    const f32x16 shifted = x * splat(LOG2_E) + splat(ROUNDING_SHIFT);
    return power_of_parts(shifted, x * splat(LOG2_E) - (shifted - splat(ROUNDING_SHIFT)));
}

#include "lanes_products.h"
#ifdef PAIR_PRODUCTS
#include PAIR_PRODUCTS
#endif
#include "lanes_elementwise.h"
#include "lanes_search.h"
#include "lanes_cache.h"
#include "lanes_attention.h"
#include "lanes_states.h"
#include "lanes_limits.h"

const sp_kernels LANES_TABLE = {
    .name = LANES_NAME,
    .groups_ahead = GROUPS_AHEAD,
    .multiply_tile = multiply_tile,
#ifdef PAIR_PRODUCTS
    .multiply_pair = multiply_pair,
#endif
#ifdef MULTIPLY_IN_TURNS
    .multiply_in_turns = MULTIPLY_IN_TURNS,
#endif
    .quantize = quantize,
    .rms_norm = rms_norm,
    .swiglu = swiglu,
    .largest_output = largest_output,
    .find_outputs = find_outputs,
    .rotate = rotate,
    .append = append,
    .prepare_query = prepare_query,
    .attend_chunk = attend_chunk,
    .merge_states = merge_states,
    .finish_state = finish_state,
    .multiply_bytes = multiply_bytes,
    .multiply_singles = multiply_singles,
    .read_bytes = read_bytes,
};
