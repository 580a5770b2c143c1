#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "packed_scales.h"

#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

// Scales that a checkpoint has in single precision are stored in so small a unit that rounding to half precision costs
// no digits from 2^-18 on; above 4094 they are too large.
static const float ROUNDED_SCALE_UNIT = 1.0f / 16;

// Bytes of the weights of half a group of a tile.
static size_t half_bytes(sp_packed_format format) {
    const size_t weights = SP_TILE_ROWS * SP_HALF_COLUMNS;
    if (format == SP_PACKED_F32) return weights * 4;
    if (!sp_is_quantized(format)) return weights * 2;
    const int apart = sp_has_parts(format) ? SP_LOWER_BITS : 0;
    return weights * (size_t)(sp_quant_bits(format) - apart) / 8;
}

static size_t scale_bytes(const sp_matrix *matrix) {
    if (!sp_is_quantized(matrix->format)) return 0;
    if (sp_has_levels(matrix->format)) return SP_FIRST_LEVELS + SP_TILE_ROWS;
    const bool pair = sp_has_minimum(matrix->format) || sp_has_split_scales(matrix->format);
    return (size_t)SP_TILE_ROWS * (matrix->half_scales ? 2 : 4) * (pair ? 2 : 1);
}

static sp_packed_format packed_format(
    sp_element_type type, sp_block_traits traits, bool has_levels, bool has_parts) {
    switch (type) {
    case SP_TYPE_F32: return SP_PACKED_F32;
    case SP_TYPE_F16: return SP_PACKED_F16;
    case SP_TYPE_BF16: return SP_PACKED_BF16;
    default: break;
    }
    switch (traits.bits) {
    case 4: return has_levels ? SP_PACKED_U4_LEVELS : traits.has_minimum ? SP_PACKED_U4_MINIMUM : SP_PACKED_U4;
    case 5: return has_levels ? SP_PACKED_U5_LEVELS : traits.has_minimum ? SP_PACKED_U5_MINIMUM : SP_PACKED_U5;
    case 6: return SP_PACKED_U6_SPLIT;
    default: return has_parts ? SP_PACKED_U8_PARTS : SP_PACKED_U8;
    }
}

// The panels' shift for blocks of so many columns.
static int32_t panel_shift(int64_t columns, int64_t block_columns) {
    if (block_columns == columns) return SP_ONE_PANEL;
    int32_t shift = 0;
    while (shift < SP_ONE_PANEL && (int64_t)SP_GROUP_COLUMNS << shift < block_columns) shift++;
    return (int64_t)SP_GROUP_COLUMNS << shift == block_columns ? shift : SP_ONE_PANEL;
}

size_t sp_matrix_layout(
    sp_matrix *matrix, sp_element_type type, sp_packing packing, int64_t rows, int64_t columns, int64_t block_rows,
    int64_t block_columns) {
    const int64_t limit = INT32_MAX / 2;
    int block = sp_type_block_size(type);
    if (block == 0 || rows <= 0 || columns <= 0 || rows > limit || columns > limit) return 0;
    if (block_rows <= 0 || rows % block_rows != 0 || columns % block != 0) return 0;
    if (block_columns <= 0 || columns % block_columns != 0) return 0;
    sp_block_traits traits = sp_block_traits_of(type);
    if (traits.has_minimum && traits.bits > 5) return 0;
    const bool is_for_integers = packing != SP_FOR_FLOATS, has_levels = is_for_integers && traits.has_minimum;
    const bool rounds_scales = is_for_integers && traits.split_scales;
    *matrix = (sp_matrix){
        .format = packed_format(type, traits, has_levels, packing == SP_FOR_LARGEST && block_columns == columns),
        .half_scales = traits.half_scales || rounds_scales || has_levels,
        .scale_unit = has_levels ? SP_LEVEL_UNIT : rounds_scales ? ROUNDED_SCALE_UNIT : 1,
        .zero = has_levels ? SP_LEVEL_OF_ZERO : traits.zero,
        .rows = (int32_t)rows,
        .columns = (int32_t)columns,
        .block_rows = (int32_t)block_rows,
        .block_tiles = (int32_t)((block_rows + SP_TILE_ROWS - 1) / SP_TILE_ROWS),
        .groups = (int32_t)((columns + SP_GROUP_COLUMNS - 1) / SP_GROUP_COLUMNS),
    };
    int64_t tiles = rows / block_rows * matrix->block_tiles;
    if (tiles > limit / SP_TILE_ROWS) return 0;
    matrix->tiles = (int32_t)tiles;
    matrix->panel_shift = panel_shift(columns, block_columns);
    matrix->scale_bytes = scale_bytes(matrix);
    matrix->half_bytes = half_bytes(matrix->format);
    const size_t panels = matrix->panel_shift == SP_ONE_PANEL ? 1 : (size_t)matrix->groups >> matrix->panel_shift;
    const size_t groups = (size_t)matrix->groups / panels, group_bytes = matrix->scale_bytes + 2 * matrix->half_bytes;
    const bool halves_apart = block_columns == SP_HALF_COLUMNS;
    matrix->first_stride = halves_apart ? matrix->scale_bytes + matrix->half_bytes : group_bytes;
    matrix->second_start = halves_apart ? groups * matrix->first_stride : matrix->scale_bytes + matrix->half_bytes;
    matrix->second_stride = halves_apart ? matrix->half_bytes : group_bytes;
    matrix->tile_bytes = group_bytes * groups;
    matrix->panel_bytes = matrix->tile_bytes * (size_t)tiles;
    const size_t bytes = matrix->panel_bytes * panels;
    if (!sp_has_parts(matrix->format)) return bytes;
    matrix->lower_start = (bytes + 63) / 64 * 64;
    const size_t runs = ((size_t)tiles + SP_TILES_TOGETHER - 1) / SP_TILES_TOGETHER;
    return matrix->lower_start + SP_LOWER_BYTES * SP_TILES_TOGETHER * runs * (size_t)matrix->groups;
}

static float float_element(const sp_matrix *matrix, int32_t tile, int32_t column, int32_t lane) {
    const sp_group group = sp_matrix_group(matrix, tile, column / SP_GROUP_COLUMNS);
    const uint8_t *half = group.halves[column % SP_GROUP_COLUMNS / SP_HALF_COLUMNS];
    size_t index = (size_t)(column % SP_HALF_COLUMNS) * SP_TILE_ROWS + (size_t)lane;
    float value;
    if (matrix->format == SP_PACKED_F32) {
        memcpy(&value, half + 4 * index, sizeof value);
        return value;
    }
    uint16_t bits;
    memcpy(&bits, half + 2 * index, sizeof bits);
    if (matrix->format == SP_PACKED_F16) return sp_half_to_float(bits);
    uint32_t wide = (uint32_t)bits << 16;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static uint32_t load_word(const uint8_t *bytes) {
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

// A row's four weights of a step of half a group, before they are scaled, a byte each.
static uint32_t packed_quants(const sp_matrix *matrix, const sp_group *group, int half, int step, int32_t lane) {
    const uint8_t *weights = group->halves[half] + 4 * lane;
    if (sp_has_parts(matrix->format)) {
        const uint32_t lower = load_word(group->lower + SP_LOWER_HALF_BYTES * half + 4 * lane);
        uint32_t upper = 0;
        if (step < 3) upper = load_word(weights + 64 * step) & 0xfcfcfcfc;
        for (int i = 0; step == 3 && i < 3; i++) upper |= (load_word(weights + 64 * i) & 0x03030303) << (6 - 2 * i);
        return upper | (lower >> (SP_LOWER_BITS * step) & 0x03030303);
    }
    const int bits = sp_quant_bits(matrix->format);
    if (bits == 8) return load_word(weights + 64 * step);
    const uint32_t low = load_word(weights + 64 * (step / 2)) >> (4 * (step % 2)) & 0x0f0f0f0f;
    const uint8_t *high = group->halves[half] + SP_HIGH_BITS;
    if (bits == 5) return low | (load_word(high + 4 * (lane % 8)) >> (lane / 8 * 4 + step) & 0x01010101) << 4;
    if (bits == 6) return low | (load_word(high + 4 * lane) >> (2 * step) & 0x03030303) << 4;
    return low;
}

// The columns of one group of a quantised matrix.
static void quantized_group(const sp_matrix *matrix, int32_t tile, int32_t index, int32_t lane, float *destination) {
    enum { STEPS = SP_HALF_COLUMNS / 4 };
    const sp_group group = sp_matrix_group(matrix, tile, index);
    const bool has_levels = sp_has_levels(matrix->format);
    const float offset = sp_has_minimum(matrix->format)
        ? sp_load_scale(matrix, group.scales, SP_TILE_ROWS + lane) : 0;
    const uint16_t word = has_levels ? sp_load_word(group.scales, lane) : 0;
    const int step_size = has_levels ? sp_level_step(word, sp_quant_bits(matrix->format)) : 1;
    const int first = has_levels ? group.scales[SP_FIRST_LEVELS + lane] - matrix->zero : -matrix->zero;
    float scale = has_levels ? sp_level_scale(word) : sp_load_scale(matrix, group.scales, lane);
    for (int half = 0; half < 2; half++) {
        if (half == 1 && sp_has_split_scales(matrix->format))
            scale = sp_load_scale(matrix, group.scales, SP_TILE_ROWS + lane);
        for (int step = 0; step < STEPS; step++) {
            const uint32_t quants = packed_quants(matrix, &group, half, step, lane);
            for (int i = 0; i < 4; i++)
                *destination++ = scale * (float)(first + step_size * (int)(quants >> 8 * i & 0xff)) + offset;
        }
    }
}

void sp_matrix_row(const sp_matrix *matrix, int32_t row, float *destination) {
    int32_t inner = row % matrix->block_rows;
    int32_t tile = row / matrix->block_rows * matrix->block_tiles + inner / SP_TILE_ROWS;
    int32_t lane = inner % SP_TILE_ROWS;
    if (!sp_is_quantized(matrix->format)) {
        for (int32_t column = 0; column < matrix->columns; column++)
            destination[column] = float_element(matrix, tile, column, lane);
        return;
    }
    for (int32_t group = 0; group < matrix->groups; group++)
        quantized_group(matrix, tile, group, lane, destination + group * SP_GROUP_COLUMNS);
}

uint8_t *sp_tiles_allocate(size_t bytes) {
    const size_t huge = (size_t)2 << 20;
    size_t alignment = bytes >= huge ? huge : 64;
    void *memory = NULL;
    if (posix_memalign(&memory, alignment, bytes) != 0) return NULL;
#ifdef __linux__
    if (bytes >= huge) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

void sp_tiles_free(uint8_t *tiles) { free(tiles); }
