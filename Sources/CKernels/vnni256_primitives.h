// What the files for VNNI on 256-bit registers share. The including file defines
//
//   DOT_BYTES(sums, weights, x)   sums + four products of an unsigned and a signed byte in each 32-bit lane

#include "avx256_primitives.h"

PRIMITIVE i32x16 dot_step(i32x16 sums, u8x64 weights, const int8_t *x) {
    const __m256i inputs = broadcast_word(x);
    const two_registers w = split(weights);
    two_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 2; i++) r.part[i] = DOT_BYTES(r.part[i], w.part[i], inputs);
    return join(r);
}

PRIMITIVE i32x16 multiply_four_weights(i32x16 sums, u8x64 fours, int32_t word) {
    const __m256i weights = _mm256_set1_epi32(word);
    const two_registers values = split(fours);
    two_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 2; i++) r.part[i] = DOT_BYTES(r.part[i], weights, values.part[i]);
    return join(r);
}

PRIMITIVE i32x16 multiply_four_keys(i32x16 sums, u8x64 keys, int32_t word) {
    const __m256i query = _mm256_set1_epi32(word);
    const two_registers k = split(keys);
    two_registers r;
    memcpy(&r, &sums, sizeof r);
    for (int i = 0; i < 2; i++) r.part[i] = DOT_BYTES(r.part[i], k.part[i], query);
    return join(r);
}

#define MULTIPLY_FOURS(sums, fours, word) multiply_four_weights(sums, fours, word)
#define UNSIGNED_KEYS
#define MULTIPLY_KEYS(sums, keys, word) multiply_four_keys(sums, keys, word)
#define DOT_STEP(sums, weights, x) dot_step(sums, weights, x)
#define INT8_PRODUCTS "avx256_products.h"
