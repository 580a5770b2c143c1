// One quantised block of 32 weights in a form that every GGUF block type reaches without loss.

#ifndef CKERNELS_BLOCK_FORMATS_H
#define CKERNELS_BLOCK_FORMATS_H

#include "include/element_types.h"

enum { SP_GROUP = 32 };

// weight[i] = scale[i / 16] * (quant[i] - zero) + minimum, with zero a constant of the type.
typedef struct {
    uint8_t quant[SP_GROUP];
    float scale[2];
    float minimum;
} sp_block;

typedef struct {
    int bits;             // 4, 5, 6 or 8: width of a quant
    int zero;             // subtracted from every quant
    bool has_minimum;     // whether `minimum` can be other than 0; then all quants are used
    bool split_scales;    // whether scale[0] and scale[1] can differ
    bool half_scales;     // whether scale and minimum are exact in half precision
} sp_block_traits;

// Traits of a quantised type; only for types whose block size is a multiple of 32.
sp_block_traits sp_block_traits_of(sp_element_type type);

// Reads the `index`-th run of 32 weights of a row that starts at `row`.
void sp_read_block(sp_element_type type, const uint8_t *row, size_t index, sp_block *block);

uint16_t sp_float_to_half(float value);

#endif
