// Weights with a minimum as whole numbers of 8-bit levels, which products in integers take as they are.
//
// A group's weights, scale * quant + minimum, are evenly spaced levels, 16 or 32 of them. In integers the minimum would
// be a product of its own for every token. But for one of 9 to 16 parts that the scale can be divided in, the minimum
// is nearly a whole number of them: within a hundredth of the scale on average (root mean square of the default
// model's), a thirtieth of what rounding to 4 bits left out.

#ifndef CKERNELS_WEIGHT_LEVELS_H
#define CKERNELS_WEIGHT_LEVELS_H

#include <stdint.h>

// The level that stands for 0.
enum { SP_LEVEL_OF_ZERO = 128 };

// weight = scale * (first + step * quant - SP_LEVEL_OF_ZERO); the level of every quant is a byte.
typedef struct {
    float scale;
    uint8_t first;
    uint8_t step;
} sp_levels;

// Levels near scale * quant + minimum for quants 0...largest, which is 15 or 31: of 9 to 16 parts of the scale, or of
// fewer where those would be more than bytes, of which the minimum is most nearly a whole number. It is off by at most
// a sixteenth of the scale, an eighth where there are 32 quants, if one of them is nearly 0, as it is in a quantised
// model; by at most half of it up to 96 scales away from 0. Beyond, a group's weights differ little from each other,
// and are off by at most a sixteenth of the largest, an eighth where there are 32 quants.
sp_levels sp_fit_levels(float scale, float minimum, int largest);

// The level of one weight by itself.
uint8_t sp_nearest_level(const sp_levels *levels, float weight);

#endif
