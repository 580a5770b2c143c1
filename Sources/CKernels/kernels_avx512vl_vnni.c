// The arithmetic of AVX-VNNI in AVX-512's encoding: what a processor with AVX-512 can check AVX-VNNI's kernels by.

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512vl,avx512vnni"))), apply_to = function)

#define DOT_BYTES(sums, weights, x) _mm256_dpbusd_epi32(sums, weights, x)
#include "vnni256_primitives.h"

#define LANES_TABLE sp_kernels_avx512vl_vnni
#define LANES_NAME "avx512vl-vnni"
#include "lanes.h"

#pragma clang attribute pop

#endif
