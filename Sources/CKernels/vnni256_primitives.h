// What the files for VNNI on 256-bit registers share. The including file defines
//
//   DOT_BYTES(sums, weights, x)   sums + four products of an unsigned and a signed byte in each 32-bit lane

#include "avx256_primitives.h"

PRIMITIVE i32x16 dot_fours(i32x16 sums, u8x64 first, u8x64 second) {
    const two_registers a = split(first), b = split(second);
    two_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 2; i++) r.part[i] = DOT_BYTES(r.part[i], a.part[i], b.part[i]);
    return join(r);
}

#define DOT_FOURS(sums, first, second) dot_fours(sums, first, second)
#define UNSIGNED_KEYS
#define DOT_STEP(sums, weights, x) DOT_FOURS(sums, weights, every_lane(x))
#define INT8_PRODUCTS "avx256_products.h"
