// AVX2: pairs of byte products are added in 16 bits, where they must not overflow.

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "avx256_primitives.h"

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
    return join(sums);
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
    return join(low);
}

// A step of the limit: its sums stay in 16 bits, where they may overflow.
PRIMITIVE i32x16 dot_step(i32x16 sums, u8x64 weights, const int8_t *x) {
    // Makes the compiler believe that x has moved: the product of a chain is not that of the one before.
    __asm__ volatile("" : "+r"(x));
    const __m256i inputs = four_inputs(x);
    const two_registers w = split(weights);
    two_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 2; i++) r.part[i] = _mm256_add_epi16(r.part[i], _mm256_maddubs_epi16(w.part[i], inputs));
    return join(r);
}

#define DOT_STEP(sums, weights, x) dot_step(sums, weights, x)
#define INT8_PRODUCTS "avx2_products.h"
#define LANES_TABLE sp_kernels_avx2
#define LANES_NAME "avx2"
#include "lanes.h"

#pragma clang attribute pop

#endif
