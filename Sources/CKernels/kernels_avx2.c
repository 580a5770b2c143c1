// AVX2: pairs of byte products are added in 16 bits, where they must not overflow.

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "kernels.h"
#include "lane_types.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define PRIMITIVE static inline __attribute__((always_inline))

typedef struct {
    __m256i part[2];  // rows 0...7 and 8...15
} two_registers;

PRIMITIVE f32x16 load_halves(const uint8_t *p) {
    __m256 parts[2] = {
        _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
        _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 16))),
    };
    f32x16 v;
    memcpy(&v, parts, sizeof v);
    return v;
}

PRIMITIVE two_registers split(u8x64 v) {
    two_registers r;
    memcpy(&r, &v, sizeof r);
    return r;
}

PRIMITIVE __m256i four_inputs(const int8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
}

// Largest magnitude of a 16-bit sum: 8 steps * 2 products * 15 * 127 = 30480.
PRIMITIVE i32x16 dot_group_u4(const u8x64 *weights, const int8_t *x) {
    two_registers sums = {{_mm256_setzero_si256(), _mm256_setzero_si256()}};
    for (int step = 0; step < 8; step++) {
        const __m256i inputs = four_inputs(x + 4 * step);
        const two_registers w = split(weights[step]);
        for (int i = 0; i < 2; i++)
            sums.part[i] = _mm256_add_epi16(sums.part[i], _mm256_maddubs_epi16(w.part[i], inputs));
    }
    for (int i = 0; i < 2; i++) sums.part[i] = _mm256_madd_epi16(sums.part[i], _mm256_set1_epi16(1));
    i32x16 result;
    memcpy(&result, &sums, sizeof result);
    return result;
}

// A byte is 16 * high + low nibble; each nibble's sums stay within 4 * 2 * 15 * 127 = 15240.
PRIMITIVE i32x16 dot_half_u8(const u8x64 *weights, const int8_t *x) {
    const __m256i nibble = _mm256_set1_epi8(0x0f), one = _mm256_set1_epi16(1), sixteen = _mm256_set1_epi16(16);
    two_registers low = {{_mm256_setzero_si256(), _mm256_setzero_si256()}}, high = low;
    for (int step = 0; step < 4; step++) {
        const __m256i inputs = four_inputs(x + 4 * step);
        const two_registers w = split(weights[step]);
        for (int i = 0; i < 2; i++) {
            const __m256i upper = _mm256_and_si256(_mm256_srli_epi16(w.part[i], 4), nibble);
            low.part[i] = _mm256_add_epi16(low.part[i], _mm256_maddubs_epi16(_mm256_and_si256(w.part[i], nibble), inputs));
            high.part[i] = _mm256_add_epi16(high.part[i], _mm256_maddubs_epi16(upper, inputs));
        }
    }
    for (int i = 0; i < 2; i++)
        low.part[i] = _mm256_add_epi32(_mm256_madd_epi16(low.part[i], one), _mm256_madd_epi16(high.part[i], sixteen));
    i32x16 result;
    memcpy(&result, &low, sizeof result);
    return result;
}

#define LANES_TABLE sp_kernels_avx2
#define LANES_NAME "avx2"
#include "lanes.h"

#pragma clang attribute pop

#endif
