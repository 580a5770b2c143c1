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

#define DOT_STEP(sums, weights, x) dot_step(sums, weights, x)
#define INT8_PRODUCTS "avx256_products.h"
#define LANES_TABLE sp_kernels_avx2
#define LANES_NAME "avx2"
#include "lanes.h"

#pragma clang attribute pop

#endif
