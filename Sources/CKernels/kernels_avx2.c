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

// Of bytes of at most 127 in magnitude, so that two products fit in 16 bits.
PRIMITIVE i32x16 dot_fours(i32x16 sums, two_registers first, two_registers second) {
    const __m256i ones = _mm256_set1_epi16(1);
    two_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 2; i++) {
        const __m256i pairs = _mm256_maddubs_epi16(first.part[i], second.part[i]);
        r.part[i] = _mm256_add_epi32(r.part[i], _mm256_madd_epi16(pairs, ones));
    }
    return join(r);
}

// Magnitudes of keys with a query that has their signs.
PRIMITIVE i32x16 multiply_keys(i32x16 sums, two_registers keys, two_registers query) {
    for (int i = 0; i < 2; i++) {
        query.part[i] = _mm256_sign_epi8(query.part[i], keys.part[i]);
        keys.part[i] = _mm256_abs_epi8(keys.part[i]);
    }
    return dot_fours(sums, keys, query);
}

#define DOT_FOURS(sums, first, second) dot_fours(sums, split(first), split(second))
#define MULTIPLY_KEYS(sums, keys, query) multiply_keys(sums, split(keys), split(query))
#define DOT_STEP(sums, weights, x) dot_step(sums, weights, x)
#define INT8_PRODUCTS "avx256_products.h"
#define GROUPS_AHEAD 10
#define LANES_TABLE sp_kernels_avx2
#define LANES_NAME "avx2"
#include "lanes.h"

#pragma clang attribute pop

#endif
