// Tensor element types as GGUF files store them, and their conversion to float.

#ifndef CKERNELS_ELEMENT_TYPES_H
#define CKERNELS_ELEMENT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The numbers are GGUF's own type ids.
typedef enum {
    SP_TYPE_F32 = 0,
    SP_TYPE_F16 = 1,
    SP_TYPE_Q4_0 = 2,
    SP_TYPE_Q4_1 = 3,
    SP_TYPE_Q5_0 = 6,
    SP_TYPE_Q5_1 = 7,
    SP_TYPE_Q8_0 = 8,
    SP_TYPE_Q4_K = 12,
    SP_TYPE_Q5_K = 13,
    SP_TYPE_Q6_K = 14,
    SP_TYPE_BF16 = 30,
} sp_element_type;

// Weights in one block of `type` (1 for the float types), or 0 for a type this library does not read.
int sp_type_block_size(sp_element_type type);

// Bytes of one block of `type`, or 0 for a type this library does not read.
int sp_type_block_bytes(sp_element_type type);

// Converts `count` weights (a multiple of the block size) at `source` to float.
void sp_dequantize(sp_element_type type, const void *source, size_t count, float *destination);

float sp_half_to_float(uint16_t bits);

#endif
