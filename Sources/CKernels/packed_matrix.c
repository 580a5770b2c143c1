#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "include/packed_matrix.h"
#include "block_formats.h"
#include "weight_levels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

// Scales that a checkpoint has in single precision, or that levels divide, are stored in so small a unit that rounding
// to half precision costs no digits from 2^-18 on; above 4094 they are too large.
static const float ROUNDED_SCALE_UNIT = 1.0f / 16;

// Bytes of the weights of half a group of a tile.
static size_t half_bytes(sp_packed_format format) {
    const size_t weights = SP_TILE_ROWS * SP_HALF_COLUMNS;
    if (format == SP_PACKED_F32) return weights * 4;
    if (!sp_is_quantized(format)) return weights * 2;
    return sp_is_four_bit(format) ? weights / 2 : weights;
}

static size_t scale_bytes(const sp_matrix *matrix) {
    if (!sp_is_quantized(matrix->format)) return 0;
    if (matrix->format == SP_PACKED_U4_LEVELS) return SP_LEVEL_STEPS + SP_TILE_ROWS;
    const bool pair = sp_has_minimum(matrix->format) || matrix->format == SP_PACKED_U8_SPLIT;
    return (size_t)SP_TILE_ROWS * (matrix->half_scales ? 2 : 4) * (pair ? 2 : 1);
}

static sp_packed_format packed_format(sp_element_type type, sp_block_traits traits, bool has_levels) {
    switch (type) {
    case SP_TYPE_F32: return SP_PACKED_F32;
    case SP_TYPE_F16: return SP_PACKED_F16;
    case SP_TYPE_BF16: return SP_PACKED_BF16;
    default: break;
    }
    if (traits.split_scales) return SP_PACKED_U8_SPLIT;
    const bool four_bit = traits.bits == 4;
    if (traits.largest == 0) return four_bit ? SP_PACKED_U4 : SP_PACKED_U8;
    if (has_levels) return four_bit ? SP_PACKED_U4_LEVELS : SP_PACKED_U8;
    return four_bit ? SP_PACKED_U4_MINIMUM : SP_PACKED_U8_MINIMUM;
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
    const bool is_for_integers = packing == SP_FOR_INTEGERS, has_levels = is_for_integers && traits.largest > 0;
    const bool rounds_scales = has_levels || (is_for_integers && traits.split_scales);
    *matrix = (sp_matrix){
        .format = packed_format(type, traits, has_levels),
        .half_scales = traits.half_scales || rounds_scales,
        .scale_unit = rounds_scales ? ROUNDED_SCALE_UNIT : 1,
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
    matrix->tile_bytes = (group_bytes * groups + 63) / 64 * 64;
    matrix->panel_bytes = matrix->tile_bytes * (size_t)tiles;
    return matrix->panel_bytes * panels;
}

// The checkpoint row that lane `lane` of tile `tile` holds, or -1 for padding.
static int64_t source_row(
    const sp_matrix *matrix, int32_t tile, int32_t lane, const sp_arrangement *arrangement) {
    const int32_t rotary_pairs = arrangement->rotary_pairs;
    int32_t block = tile / matrix->block_tiles;
    int32_t inner = (tile % matrix->block_tiles) * SP_TILE_ROWS + lane;
    if (inner >= matrix->block_rows) return -1;
    if (inner < 2 * rotary_pairs) inner = 2 * (inner % rotary_pairs) + inner / rotary_pairs;
    if (arrangement->rows) return arrangement->rows[inner];
    return (int64_t)block * matrix->block_rows + inner;
}

static float load_scale(const sp_matrix *matrix, const uint8_t *scales, int32_t index) {
    float value;
    if (matrix->half_scales) {
        uint16_t half;
        memcpy(&half, scales + 2 * (size_t)index, sizeof half);
        value = sp_half_to_float(half);
    } else {
        memcpy(&value, scales + 4 * (size_t)index, sizeof value);
    }
    return value * matrix->scale_unit;
}

// Stores a scale or minimum. Returns what will be loaded.
static float store_scale(const sp_matrix *matrix, uint8_t *scales, int32_t index, float value) {
    const float stored = value / matrix->scale_unit;
    if (matrix->half_scales) {
        uint16_t half = sp_float_to_half(stored);
        memcpy(scales + 2 * (size_t)index, &half, sizeof half);
    } else {
        memcpy(scales + 4 * (size_t)index, &stored, sizeof stored);
    }
    return load_scale(matrix, scales, index);
}

// A part of a group that is being packed.
static uint8_t *writable(const uint8_t *part) { return (uint8_t *)(uintptr_t)part; }

static int32_t source_column(const int32_t *columns, int32_t column) { return columns ? columns[column] : column; }

// Every integer of a group is what stands for 0: a row of padding, or one whose scale is 0, is 0 whatever it is scaled
// with.
static void clear_group(const sp_matrix *matrix, const sp_group *group) {
    const bool has_levels = matrix->format == SP_PACKED_U4_LEVELS;
    const int zero = has_levels ? 0 : sp_is_four_bit(matrix->format) ? matrix->zero * 0x11 : matrix->zero;
    memset(writable(group->scales), 0, matrix->scale_bytes);
    if (has_levels) memset(writable(group->scales) + SP_FIRST_LEVELS, matrix->zero, SP_TILE_ROWS);
    for (int half = 0; half < 2; half++) memset(writable(group->halves[half]), zero, matrix->half_bytes);
}

// Stores what scales one row's weights of a group, and returns whether it is finite. Afterwards the block's scales are
// those that will be loaded, and its quants those that are to be stored.
static bool pack_scales(
    const sp_matrix *matrix, sp_block_traits traits, uint8_t *scales, int32_t lane, sp_block *block) {
    if (traits.largest > 0 && !sp_has_minimum(matrix->format)) {
        const float scale = block->scale[0];
        const sp_levels levels = sp_fit_levels(scale, block->minimum, traits.largest);
        block->scale[0] = block->scale[1] = store_scale(matrix, scales, lane, levels.scale);
        if (matrix->format == SP_PACKED_U8) {
            for (int i = 0; i < SP_GROUP; i++)
                block->quant[i] = sp_nearest_level(&levels, scale * (float)block->quant[i] + block->minimum);
        } else if (block->scale[0] != 0) {
            scales[SP_FIRST_LEVELS + lane] = levels.first;
            scales[SP_LEVEL_STEPS + lane] = levels.step;
        }
        return isfinite(block->scale[0]);
    }
    const int32_t second = SP_TILE_ROWS + lane;
    const bool is_split = matrix->format == SP_PACKED_U8_SPLIT;
    block->scale[0] = store_scale(matrix, scales, lane, block->scale[0]);
    block->scale[1] = is_split ? store_scale(matrix, scales, second, block->scale[1]) : block->scale[0];
    const float minimum = sp_has_minimum(matrix->format) ? store_scale(matrix, scales, second, block->minimum) : 0;
    return isfinite(block->scale[0]) && isfinite(block->scale[1]) && isfinite(minimum);
}

static bool pack_quantized_lane(
    const sp_matrix *matrix, sp_element_type type, const uint8_t *row, const int32_t *columns, int32_t tile,
    int32_t lane) {
    const bool four_bit = sp_is_four_bit(matrix->format);
    const sp_block_traits traits = sp_block_traits_of(type);
    bool is_finite = true;
    for (int32_t group = 0; group < matrix->groups; group++) {
        sp_block block;
        const int32_t source_group = source_column(columns, SP_GROUP_COLUMNS * group) / SP_GROUP_COLUMNS;
        sp_read_block(type, row, (size_t)source_group, &block);
        const sp_group packed = sp_matrix_group(matrix, tile, group);
        is_finite &= pack_scales(matrix, traits, writable(packed.scales), lane, &block);
        for (int column = 0; column < SP_GROUP_COLUMNS; column++) {
            uint8_t *quants = writable(packed.halves[column / SP_HALF_COLUMNS]);
            int step = column % SP_HALF_COLUMNS / 4, byte = 4 * lane + column % 4;
            const int32_t source = source_column(columns, SP_GROUP_COLUMNS * group + column) % SP_GROUP_COLUMNS;
            if (block.scale[source / SP_HALF_COLUMNS] == 0) continue;
            const uint8_t quant = block.quant[source];
            if (four_bit) {
                uint8_t *pair = &quants[64 * (step / 2) + byte];
                *pair = step % 2 == 0 ? (uint8_t)((*pair & 0xf0) | quant) : (uint8_t)((*pair & 0x0f) | quant << 4);
            } else {
                quants[64 * step + byte] = quant;
            }
        }
    }
    return is_finite;
}

static void pack_float_lane(
    const sp_matrix *matrix, const uint8_t *row, const int32_t *columns, int32_t tile, int32_t lane) {
    size_t size = matrix->format == SP_PACKED_F32 ? 4 : 2;
    for (int32_t column = 0; column < matrix->columns; column++) {
        const uint8_t *value = row + (size_t)source_column(columns, column) * size;
        const sp_group group = sp_matrix_group(matrix, tile, column / SP_GROUP_COLUMNS);
        uint8_t *half = writable(group.halves[column % SP_GROUP_COLUMNS / SP_HALF_COLUMNS]);
        memcpy(half + ((size_t)(column % SP_HALF_COLUMNS) * SP_TILE_ROWS + (size_t)lane) * size, value, size);
    }
}

bool sp_matrix_pack(
    const sp_matrix *matrix, sp_element_type type, const void *source, const sp_arrangement *arrangement,
    uint8_t *data, int32_t first_tile, int32_t last_tile) {
    size_t row_bytes = (size_t)matrix->columns / (size_t)sp_type_block_size(type) * (size_t)sp_type_block_bytes(type);
    sp_matrix packed = *matrix;
    packed.data = data;
    bool is_finite = true;
    for (int32_t tile = first_tile; tile < last_tile; tile++) {
        for (int32_t index = 0; index < packed.groups; index++) {
            const sp_group group = sp_matrix_group(&packed, tile, index);
            clear_group(&packed, &group);
        }
        for (int32_t lane = 0; lane < SP_TILE_ROWS; lane++) {
            int64_t row = source_row(&packed, tile, lane, arrangement);
            if (row < 0) continue;
            const uint8_t *bytes = (const uint8_t *)source + row_bytes * (size_t)row;
            if (!sp_is_quantized(packed.format)) {
                pack_float_lane(&packed, bytes, arrangement->columns, tile, lane);
            } else {
                is_finite &= pack_quantized_lane(&packed, type, bytes, arrangement->columns, tile, lane);
            }
        }
    }
    return is_finite;
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

// The columns of one group of a quantised matrix.
static void quantized_group(const sp_matrix *matrix, int32_t tile, int32_t index, int32_t lane, float *destination) {
    const sp_group group = sp_matrix_group(matrix, tile, index);
    const bool split = matrix->format == SP_PACKED_U8_SPLIT, four_bit = sp_is_four_bit(matrix->format);
    const bool minimum = sp_has_minimum(matrix->format), has_levels = matrix->format == SP_PACKED_U4_LEVELS;
    const float offset = minimum ? load_scale(matrix, group.scales, SP_TILE_ROWS + lane) : 0;
    const int32_t left = matrix->columns - index * SP_GROUP_COLUMNS;
    float scale = load_scale(matrix, group.scales, lane);
    for (int32_t column = 0; column < (left < SP_GROUP_COLUMNS ? left : SP_GROUP_COLUMNS); column++) {
        if (split && column == SP_HALF_COLUMNS) scale = load_scale(matrix, group.scales, SP_TILE_ROWS + lane);
        const uint8_t *quants = group.halves[column / SP_HALF_COLUMNS];
        const int step = column % SP_HALF_COLUMNS / 4, byte = 4 * lane + column % 4;
        int quant = four_bit ? (quants[64 * (step / 2) + byte] >> (4 * (step % 2))) & 0x0f : quants[64 * step + byte];
        if (has_levels) quant = group.scales[SP_FIRST_LEVELS + lane] + group.scales[SP_LEVEL_STEPS + lane] * quant;
        const float value = scale * (float)(quant - matrix->zero);
        destination[column] = minimum ? value + offset : value;
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
