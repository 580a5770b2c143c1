// What the files for 256-bit registers share.

#include <string.h>

#include "kernels.h"
#include "lane_types.h"

#define PRIMITIVE static inline __attribute__((always_inline))

typedef struct {
    __m256i part[2];  // rows 0...7 and 8...15
} two_registers;

PRIMITIVE f32x16 load_halves(const uint8_t *p) {
    __m256 parts[2] = {
        _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
        _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 16))),
    };
    f32x16 v;
    memcpy(&v, parts, sizeof v);
    return v;
}

PRIMITIVE two_registers split(u8x64 v) {
    two_registers r;
    memcpy(&r, &v, sizeof r);
    return r;
}

PRIMITIVE i32x16 join(two_registers r) {
    i32x16 v;
    memcpy(&v, &r, sizeof v);
    return v;
}

// The 4 bytes at p, for every row: inputs, or the sums of a group's two halves.
PRIMITIVE __m256i broadcast_word(const void *p) {
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm256_set1_epi32(word);
}

PRIMITIVE i32x16 multiply_word(i32x16 sums, i32x16 pairs, int32_t word) {
    const __m256i x = _mm256_set1_epi32(word);
    two_registers r, p;
    memcpy(&r, &sums, sizeof r);
    memcpy(&p, &pairs, sizeof p);
    for (int i = 0; i < 2; i++) r.part[i] = _mm256_add_epi32(r.part[i], _mm256_madd_epi16(p.part[i], x));
    return join(r);
}

#define MULTIPLY_PAIRS(sums, pairs, word) multiply_word(sums, pairs, word)

// Sixteen registers, two to a sum of 16 lanes.
#define PEAK_CHAINS 5
