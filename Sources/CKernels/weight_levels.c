// How finely a group's step is divided so that its minimum is a whole number of the parts.

#include "weight_levels.h"
#include "lane_types.h"

#include <math.h>

// The same levels on every processor.
#pragma clang fp contract(off)

#define LANES_OF_FIT static inline __attribute__((always_inline))

// Eight ways to divide a scale.
typedef struct {
    i32x8 words;   // sp_levels.scale_and_step
    f32x8 scales;  // what the words stand for
} divisions;

static const float ROUNDING_SHIFT = 0x1.8p23f;

// To the nearest integer, ties to even, for |v| < 2^22.
LANES_OF_FIT f32x8 nearest(f32x8 v) { return (v + ROUNDING_SHIFT) - ROUNDING_SHIFT; }

// Scales near those that are wanted, not negative and at most 255, with the steps' bits in their last place.
LANES_OF_FIT divisions store_scales(f32x8 wanted, f32x8 parts, int bits) {
    const int step_bits = 8 - bits;
    const f32x8 halves = wanted * (1 / SP_LEVEL_UNIT);
    // The place of each among the halves in their order, which is what their bits are, with a fraction.
    const f32x8 normal = __builtin_convertvector((i32x8)halves - (112 << 23), f32x8) * 0x1p-13f;
    const f32x8 place = halves < 0x1p-14f ? halves * 0x1p24f : normal;
    const i32x8 steps = __builtin_convertvector(parts, i32x8) - 1, last = steps >> 1;
    const float spacing = (float)(1 << (step_bits - 1));
    const f32x8 code = nearest((place - __builtin_convertvector(last, f32x8)) * (1 / spacing));
    const i32x8 codes = __builtin_convertvector(code < 0 ? (f32x8)0 : code, i32x8);
    const f32x8 scales = (f32x8)((codes << (step_bits - 1) | last) << 13) * (0x1p112f * SP_LEVEL_UNIT);
    return (divisions){codes << step_bits | steps, scales};
}

LANES_OF_FIT f32x8 lesser(f32x8 a, f32x8 b) { return a < b ? a : b; }

// Into how many parts to divide the scale: `most` or up to 7 fewer. Returns whether any of these are bytes.
static bool divide_scale(float scale, float minimum, int bits, int most, sp_levels *levels) {
    const float largest = (float)((1 << bits) - 1), middle = largest / 2, far = 0x1p96f;
    const f32x8 parts = (f32x8){0, -1, -2, -3, -4, -5, -6, -7} + (float)most;
    const divisions divided = store_scales(scale / parts, parts, bits);
    // A scale is a little off: the first level makes up for it in the middle of the quants.
    const f32x8 off = parts * divided.scales - scale;
    const f32x8 first = nearest((minimum - middle * off) / divided.scales);
    const i32x8 is_byte = (first >= -SP_LEVEL_OF_ZERO) & (first + parts * largest < SP_LEVEL_OF_ZERO);
    // The mean square over quants whose root mean square from the middle is a quarter of them all.
    const f32x8 of_middle = first * divided.scales - minimum + middle * off;
    const f32x8 of_quarter = off * (middle / 2);
    const f32x8 error = is_byte ? of_middle * of_middle + of_quarter * of_quarter : far;
    // The least of the errors with their lanes in the last bits.
    const i32x8 lane = {0, 1, 2, 3, 4, 5, 6, 7};
    f32x8 least = (f32x8)(((i32x8)error & ~7) | lane);
    least = lesser(least, __builtin_shufflevector(least, least, 4, 5, 6, 7, 0, 1, 2, 3));
    least = lesser(least, __builtin_shufflevector(least, least, 2, 3, 0, 1, 6, 7, 4, 5));
    least = lesser(least, __builtin_shufflevector(least, least, 1, 0, 3, 2, 5, 4, 7, 6));
    if (!(least[0] < far)) return false;
    const int best = ((i32x8)least)[0] & 7;
    *levels = (sp_levels){(uint16_t)divided.words[best], (uint8_t)(SP_LEVEL_OF_ZERO + (int)first[best])};
    return true;
}

// Of weights that no division of their scale reaches: a level is a 126th of the largest one, and so is a step.
static sp_levels divide_largest(float minimum, float peak, int bits) {
    const divisions divided = store_scales((f32x8)(peak / 126), (f32x8)1, bits);
    const float wanted = rintf(minimum / divided.scales[0]), last = (float)(SP_LEVEL_OF_ZERO - (1 << bits));
    if (!(divided.scales[0] > 0)) return (sp_levels){0, SP_LEVEL_OF_ZERO};
    const float first = fmaxf(fminf(wanted, last), -SP_LEVEL_OF_ZERO);
    return (sp_levels){(uint16_t)divided.words[0], (uint8_t)(SP_LEVEL_OF_ZERO + first)};
}

sp_levels sp_fit_levels(float scale, float minimum, int bits) {
    const float last = minimum + scale * (float)((1 << bits) - 1), peak = fmaxf(fabsf(minimum), fabsf(last));
    const uint16_t infinity = 0x7c00 << 1;
    if (isnan(scale) || isnan(minimum) || !(fmaxf(scale, peak / 126) <= SP_LARGEST_SCALE))
        return (sp_levels){infinity, SP_LEVEL_OF_ZERO};
    sp_levels levels;
    // Whatever up to 8 parts reach, twice as many do as well, if those are bytes. Nothing divides a scale of 0.
    if (scale > 0 && bits == 4 && divide_scale(scale, minimum, bits, 16, &levels)) return levels;
    if (scale > 0 && divide_scale(scale, minimum, bits, 8, &levels)) return levels;
    return divide_largest(minimum, peak, bits);
}

uint8_t sp_nearest_quant(sp_levels levels, float weight, int bits) {
    const float level = rintf(weight / sp_level_scale(levels.scale_and_step)) + SP_LEVEL_OF_ZERO;
    const float quant = rintf((level - (float)levels.first) / (float)sp_level_step(levels.scale_and_step, bits));
    return (uint8_t)fmaxf(0, fminf((float)((1 << bits) - 1), quant));
}
