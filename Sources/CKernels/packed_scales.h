// The scales of one row of a packed group.

#ifndef CKERNELS_PACKED_SCALES_H
#define CKERNELS_PACKED_SCALES_H

#include "block_formats.h"
#include "include/packed_matrix.h"
#include "weight_levels.h"

#include <string.h>

static inline uint16_t sp_load_word(const uint8_t *words, int32_t index) {
    uint16_t word;
    memcpy(&word, words + 2 * (size_t)index, sizeof word);
    return word;
}

static inline void sp_store_word(uint8_t *words, int32_t index, uint16_t word) {
    memcpy(words + 2 * (size_t)index, &word, sizeof word);
}

// The index-th scale, or minimum, of a group that has no levels.
static inline float sp_load_scale(const sp_matrix *matrix, const uint8_t *scales, int32_t index) {
    float value;
    if (matrix->half_scales) {
        value = sp_half_to_float(sp_load_word(scales, index));
    } else {
        memcpy(&value, scales + 4 * (size_t)index, sizeof value);
    }
    return value * matrix->scale_unit;
}

// Stores one. Returns what will be loaded.
static inline float sp_store_scale(const sp_matrix *matrix, uint8_t *scales, int32_t index, float value) {
    const float stored = value / matrix->scale_unit;
    if (matrix->half_scales) {
        sp_store_word(scales, index, sp_float_to_half(stored));
    } else {
        memcpy(scales + 4 * (size_t)index, &stored, sizeof stored);
    }
    return sp_load_scale(matrix, scales, index);
}

#endif
