// AVX-VNNI, for processors that have the byte dot product but not AVX-512.

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)

#define DOT_BYTES(sums, weights, x) _mm256_dpbusd_avx_epi32(sums, weights, x)
#include "vnni256_primitives.h"

#define LANES_TABLE sp_kernels_avx_vnni
#define LANES_NAME "avx-vnni"
#include "lanes.h"

#pragma clang attribute pop

#endif
