// AVX2, whose products of integers are avx256_products.h.

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "avx256_primitives.h"

// A step of the limit: its sums stay in 16 bits, where they may overflow.
PRIMITIVE i32x16 dot_step(i32x16 sums, u8x64 weights, const int8_t *x) {
    // Makes the compiler believe that x has moved: the product of a chain is not that of the one before.
    __asm__ volatile("" : "+r"(x));
    const __m256i inputs = broadcast_word(x);
    const two_registers w = split(weights);
    two_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 2; i++) r.part[i] = _mm256_add_epi16(r.part[i], _mm256_maddubs_epi16(w.part[i], inputs));
    return join(r);
}

// Two products of a weight and a value fit in 16 bits.
PRIMITIVE i32x16 multiply_four_weights(i32x16 sums, u8x64 fours, int32_t word) {
    const __m256i weights = _mm256_set1_epi32(word), ones = _mm256_set1_epi16(1);
    const two_registers values = split(fours);
    two_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 2; i++) {
        const __m256i pairs = _mm256_maddubs_epi16(weights, values.part[i]);
        r.part[i] = _mm256_add_epi32(r.part[i], _mm256_madd_epi16(pairs, ones));
    }
    return join(r);
}

// The products of magnitudes of keys with a query that has their signs: of bytes of at most 127, two fit in 16 bits.
PRIMITIVE i32x16 multiply_four_keys(i32x16 sums, u8x64 keys, int32_t word) {
    const __m256i query = _mm256_set1_epi32(word), ones = _mm256_set1_epi16(1);
    const two_registers k = split(keys);
    two_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 2; i++) {
        const __m256i signed_query = _mm256_sign_epi8(query, k.part[i]);
        const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(k.part[i]), signed_query);
        r.part[i] = _mm256_add_epi32(r.part[i], _mm256_madd_epi16(pairs, ones));
    }
    return join(r);
}

#define MULTIPLY_KEYS(sums, keys, word) multiply_four_keys(sums, keys, word)
#define MULTIPLY_FOURS(sums, fours, word) multiply_four_weights(sums, fours, word)
#define DOT_STEP(sums, weights, x) dot_step(sums, weights, x)
#define INT8_PRODUCTS "avx256_products.h"
#define LANES_TABLE sp_kernels_avx2
#define LANES_NAME "avx2"
#include "lanes.h"

#pragma clang attribute pop

#endif
