// Weights with a minimum as whole numbers of 8-bit levels, which products in integers take as they are.
//
// A group's weights, scale * quant + minimum, are evenly spaced levels, 16 or 32 of them. In integers the minimum would
// be a product of its own for every token. But for one of 9 to 16 parts that the scale can be divided in, or 8 with
// quants of 5 bits, the minimum is nearly a whole number of them: see performance.md for how near.

#ifndef CKERNELS_WEIGHT_LEVELS_H
#define CKERNELS_WEIGHT_LEVELS_H

#include "include/element_types.h"

#include <stdint.h>

// The level that stands for 0.
enum { SP_LEVEL_OF_ZERO = 128 };

// weight = scale * (first + step * quant - SP_LEVEL_OF_ZERO); the level of every quant is a byte.
typedef struct {
    // With quants of some bits a step is at most 2^(8 - bits), so that the step less 1 takes the low 8 - bits of the
    // word. What is above them are bits of the scale: without its lowest bit, the word is a positive half, whose last
    // bits are those of the step. A scale has the unit SP_LEVEL_UNIT.
    uint16_t scale_and_step;
    uint8_t first;
} sp_levels;

// Scales from 2^-22 on are normal numbers in half precision.
#define SP_LEVEL_UNIT 0x1p-8f
#define SP_LARGEST_SCALE 255.0f

static inline int sp_level_step(uint16_t scale_and_step, int bits) { return (scale_and_step & (0xff >> bits)) + 1; }
static inline float sp_level_scale(uint16_t scale_and_step) {
    return sp_half_to_float(scale_and_step >> 1) * SP_LEVEL_UNIT;
}

// Levels near scale * quant + minimum for quants of 4 or 5 bits and a scale that is not negative: of 9 to 16 parts of
// the scale, or of fewer where those would be more than bytes. If one of the weights is nearly 0, as it is in a
// quantised model, none is off by more than a tenth of the scale, with quants of 5 bits a sixth, for scales from 2^-19
// on; up to 96 scales away from 0, by little more than half of it. Beyond, a group's weights differ little from each
// other: a step is one level, and their quants may become others. Where weights are no numbers, or too large (a scale
// of more than SP_LARGEST_SCALE, or a weight of 126 times that), the scale is infinite.
sp_levels sp_fit_levels(float scale, float minimum, int bits);

// The quant of some bits whose level is the nearest to a weight.
uint8_t sp_nearest_quant(sp_levels levels, float weight, int bits);

#endif
