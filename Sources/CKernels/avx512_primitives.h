// What the AVX-512 files share: one instruction multiplies 64 pairs of bytes and adds them into 16 sums.

#include <immintrin.h>
#include <string.h>

#include "kernels.h"
#include "lane_types.h"

#define PRIMITIVE static inline __attribute__((always_inline))

PRIMITIVE f32x16 load_halves(const uint8_t *p) {
    return (f32x16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

PRIMITIVE __m512i four_inputs(const int8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
}

PRIMITIVE __m512i dot_step(__m512i sums, u8x64 weights, const int8_t *x) {
    return _mm512_dpbusd_epi32(sums, (__m512i)weights, four_inputs(x));
}

// Two chains of sums, so that one multiplication need not wait for the one before it.
PRIMITIVE i32x16 dot_u7(const u8x64 *weights, const int8_t *x, const int STEPS) {
    __m512i even = _mm512_setzero_si512(), odd = even;
    for (int step = 0; step < STEPS; step += 2) {
        even = dot_step(even, weights[step], x + 4 * step);
        odd = dot_step(odd, weights[step + 1], x + 4 * step + 4);
    }
    return (i32x16)_mm512_add_epi32(even, odd);
}

PRIMITIVE i32x16 dot_half_u8(const u8x64 *weights, const int8_t *x) {
    __m512i sums = _mm512_setzero_si512();
    for (int step = 0; step < 4; step++) sums = dot_step(sums, weights[step], x + 4 * step);
    return (i32x16)sums;
}

// As an instruction of its own: the compiler would make it two, to shorten chains that are short enough.
PRIMITIVE i32x16 multiply_word(i32x16 sums, i32x16 pairs, int32_t word) {
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(pairs), "v"(_mm512_set1_epi32(word)));
    return sums;
}

#define MULTIPLY_PAIRS(sums, pairs, word) multiply_word(sums, pairs, word)
#define DOT_FOURS(sums, first, second) \
    ((i32x16)_mm512_dpbusd_epi32((__m512i)(sums), (__m512i)(first), (__m512i)(second)))
#define UNSIGNED_KEYS
#define PAIR_PRODUCTS "avx512_pair_products.h"
#define DOT_STEP(sums, weights, x) DOT_FOURS(sums, weights, every_lane(x))

// Thirty-two registers, one to a sum of 16 lanes.
#define SCORE_SUMS 16
#define VALUE_SUMS 16
