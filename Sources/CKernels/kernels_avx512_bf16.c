// AVX-512 with VNNI and bfloat16, which halves the arithmetic of attention.

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push(                                                                            \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16"))),   \
    apply_to = function)

#include "avx512_primitives.h"

#define DOT_PAIRS(sums, pairs, x) \
    ((f32x16)_mm512_dpbf16_ps((__m512)(sums), (__m512bh)(pairs), (__m512bh)_mm512_set1_epi32((int)(x))))

#define LANES_TABLE sp_kernels_avx512_bf16
#define LANES_NAME "avx512-bf16"
#include "lanes.h"

#pragma clang attribute pop

#endif
