// How finely a group's step is divided so that its minimum is a whole number of the parts.

#include "weight_levels.h"
#include "lane_types.h"

#include <math.h>

// The same levels on every processor.
#pragma clang fp contract(off)

// Of weights that no division of their scale reaches: a level is a 127th of the largest one, and the middle of them is
// where it should be.
static sp_levels divide_largest(float scale, float minimum, int largest) {
    const float last = minimum + scale * (float)largest, peak = fmaxf(fabsf(minimum), fabsf(last));
    // What is no number has to stay none.
    if (!isfinite(last)) return (sp_levels){NAN, SP_LEVEL_OF_ZERO, 0};
    if (scale == 0) return (sp_levels){minimum, SP_LEVEL_OF_ZERO + 1, 0};
    const float level = copysignf(peak / 127, scale), step = rintf(scale / level), span = step * (float)largest;
    const float first = rintf(((minimum + last) / level - span) / 2);
    const float placed = SP_LEVEL_OF_ZERO + fmaxf(fminf(first, SP_LEVEL_OF_ZERO - 1 - span), -SP_LEVEL_OF_ZERO);
    return (sp_levels){level, (uint8_t)placed, (uint8_t)step};
}

static inline __attribute__((always_inline)) f32x8 lesser(f32x8 a, f32x8 b) { return a < b ? a : b; }

// Into how many parts to divide the scale so that the minimum is most nearly a whole number of them: `most` or up to 7
// fewer. A step of 0 where levels would not be bytes.
static sp_levels divide_scale(float scale, float minimum, int largest, int most) {
    const f32x8 parts = (f32x8){0, -1, -2, -3, -4, -5, -6, -7} + (float)most;
    // Adding and subtracting it rounds to the nearest integer.
    const float rounding_shift = 0x1.8p23f, far = 0x1p96f;
    const f32x8 wanted = parts * (minimum / scale), found = (wanted + rounding_shift) - rounding_shift;
    const f32x8 error = (found - wanted) / parts, last = found + parts * (float)largest;
    const i32x8 is_byte = (found >= -SP_LEVEL_OF_ZERO) & (last < SP_LEVEL_OF_ZERO);
    // The least of the errors with their lanes in the last bits.
    const f32x8 size = is_byte ? __builtin_elementwise_abs(error) : far;
    const i32x8 lane = {0, 1, 2, 3, 4, 5, 6, 7};
    f32x8 least = (f32x8)(((i32x8)size & ~7) | lane);
    least = lesser(least, __builtin_shufflevector(least, least, 4, 5, 6, 7, 0, 1, 2, 3));
    least = lesser(least, __builtin_shufflevector(least, least, 2, 3, 0, 1, 6, 7, 4, 5));
    least = lesser(least, __builtin_shufflevector(least, least, 1, 0, 3, 2, 5, 4, 7, 6));
    if (!(least[0] < far)) return (sp_levels){0};
    const int best = ((i32x8)least)[0] & 7;
    return (sp_levels){
        scale / parts[best], (uint8_t)(SP_LEVEL_OF_ZERO + (int)found[best]), (uint8_t)parts[best],
    };
}

sp_levels sp_fit_levels(float scale, float minimum, int largest) {
    // Whatever up to 8 parts reach, twice as many do as well, if those are bytes.
    sp_levels levels = divide_scale(scale, minimum, largest, 16);
    if (levels.step == 0) levels = divide_scale(scale, minimum, largest, 8);
    return levels.step == 0 ? divide_largest(scale, minimum, largest) : levels;
}

uint8_t sp_nearest_level(const sp_levels *levels, float weight) {
    const float level = SP_LEVEL_OF_ZERO + rintf(weight / levels->scale);
    return (uint8_t)fmaxf(0, fminf(255, level));
}
