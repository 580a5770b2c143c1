// AVX-512 with VNNI.

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push(                                                                     \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"))),       \
    apply_to = function)

#include "avx512_primitives.h"

#define LANES_TABLE sp_kernels_avx512
#define LANES_NAME "avx512-vnni"
#include "lanes.h"

#pragma clang attribute pop

#endif
