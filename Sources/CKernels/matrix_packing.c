// Checkpoint rows into tiles, a group of 16 rows at a time.

#include "cache_fetch.h"
#include "lane_types.h"
#include "packed_scales.h"

#include <math.h>

// The checkpoint row that lane `lane` of tile `tile` holds, or -1 for padding.
static int64_t source_row(const sp_matrix *matrix, int32_t tile, int32_t lane, const sp_arrangement *arrangement) {
    const int32_t rotary_pairs = arrangement->rotary_pairs;
    int32_t block = tile / matrix->block_tiles;
    int32_t inner = (tile % matrix->block_tiles) * SP_TILE_ROWS + lane;
    if (inner >= matrix->block_rows) return -1;
    if (inner < 2 * rotary_pairs) inner = 2 * (inner % rotary_pairs) + inner / rotary_pairs;
    if (arrangement->rows) return arrangement->rows[inner];
    return (int64_t)block * matrix->block_rows + inner;
}

static int32_t source_column(const int32_t *columns, int32_t column) { return columns ? columns[column] : column; }

// A part of a group that is being packed.
static uint8_t *writable(const uint8_t *part) { return (uint8_t *)(uintptr_t)part; }

// The checkpoint's block in the order of a group's packed columns. Minimums are those of scales that are not negative,
// and weights of a scale of 0 are what stands for 0.
static sp_block read_block(
    const sp_matrix *matrix, sp_element_type type, const uint8_t *row, const int32_t *columns, int32_t group) {
    sp_block block, source;
    const int32_t first = SP_GROUP_COLUMNS * group;
    sp_read_block(type, row, (size_t)(source_column(columns, first) / SP_GROUP_COLUMNS), &block);
    if (columns) {
        source = block;
        for (int i = 0; i < SP_GROUP_COLUMNS; i++) block.quant[i] = source.quant[columns[first + i] % SP_GROUP_COLUMNS];
    }
    if (sp_has_levels(matrix->format) && block.scale[0] < 0) {
        const uint8_t largest = (uint8_t)((1 << sp_quant_bits(matrix->format)) - 1);
        block.minimum += block.scale[0] * (float)largest;
        block.scale[0] = -block.scale[0];
        for (int i = 0; i < SP_GROUP_COLUMNS; i++) block.quant[i] = largest - block.quant[i];
    }
    return block;
}

// Stores the levels of a row's weights of a group. Afterwards the block's scale is the one that will be loaded, and its
// quants are those of the levels.
static void pack_levels(const sp_matrix *matrix, uint8_t *scales, int32_t lane, sp_block *block) {
    const int bits = sp_quant_bits(matrix->format);
    const sp_levels levels = sp_fit_levels(block->scale[0], block->minimum, bits);
    // Where a level is a step, quants need not be the checkpoint's.
    if (sp_level_step(levels.scale_and_step, bits) == 1) {
        for (int i = 0; i < SP_GROUP_COLUMNS; i++) {
            const float weight = block->scale[0] * (float)block->quant[i] + block->minimum;
            block->quant[i] = sp_nearest_quant(levels, weight, bits);
        }
    }
    sp_store_word(scales, lane, levels.scale_and_step);
    scales[SP_FIRST_LEVELS + lane] = levels.first;
    block->scale[0] = block->scale[1] = sp_level_scale(levels.scale_and_step);
}

// Stores what scales a row's weights of a group, and returns whether it is finite. Afterwards the block's scales are
// those that will be loaded.
static bool pack_scales(const sp_matrix *matrix, uint8_t *scales, int32_t lane, sp_block *block) {
    if (sp_has_levels(matrix->format)) {
        pack_levels(matrix, scales, lane, block);
        return isfinite(block->scale[0]);
    }
    const int32_t second = SP_TILE_ROWS + lane;
    const bool is_split = sp_has_split_scales(matrix->format);
    block->scale[0] = sp_store_scale(matrix, scales, lane, block->scale[0]);
    block->scale[1] = is_split ? sp_store_scale(matrix, scales, second, block->scale[1]) : block->scale[0];
    const float minimum = sp_has_minimum(matrix->format) ? sp_store_scale(matrix, scales, second, block->minimum) : 0;
    return isfinite(block->scale[0]) && isfinite(block->scale[1]) && isfinite(minimum);
}

// The quants of 16 rows in their place; the lower part of those in two parts goes to `lower`.
static void pack_half(
    const sp_matrix *matrix, const uint32_t (*steps)[SP_TILE_ROWS], uint8_t *half, uint8_t *lower) {
    enum { STEPS = SP_HALF_COLUMNS / 4 };
    u32x16 words[STEPS];
    memcpy(words, steps, sizeof words);
    if (sp_has_parts(matrix->format)) {
        u32x16 last = 0;
        for (int i = 0; i < STEPS; i++) last |= (words[i] & 0x03030303) << (uint32_t)(SP_LOWER_BITS * i);
        memcpy(lower, &last, sizeof last);
        for (int i = 0; i < STEPS - 1; i++) {
            const u32x16 of_last = words[STEPS - 1] >> (uint32_t)(6 - 2 * i) & 0x03030303;
            const u32x16 upper = (words[i] & 0xfcfcfcfc) | of_last;
            memcpy(half + 64 * i, &upper, sizeof upper);
        }
        return;
    }
    const int bits = sp_quant_bits(matrix->format);
    if (bits == 8) {
        memcpy(half, words, sizeof words);
        return;
    }
    for (int i = 0; i < STEPS / 2; i++) {
        const u32x16 pair = (words[2 * i] & 0x0f0f0f0f) | (words[2 * i + 1] & 0x0f0f0f0f) << 4;
        memcpy(half + 64 * i, &pair, sizeof pair);
    }
    if (bits == 4) return;
    u32x16 high = 0;
    for (int i = 0; i < STEPS; i++) high |= (words[i] >> 4 & 0x03030303) << (uint32_t)((bits - 4) * i);
    if (bits == 6) {
        memcpy(half + SP_HIGH_BITS, &high, sizeof high);
    } else {
        const u32x8 both = high.lo | high.hi << 4;
        memcpy(half + SP_HIGH_BITS, &both, sizeof both);
    }
}

// Packs one group of the rows that begin at `rows`, NULL for padding. Returns whether its scales are finite.
static bool pack_group(
    const sp_matrix *matrix, sp_element_type type, const uint8_t *const rows[SP_TILE_ROWS], const int32_t *columns,
    int32_t group, const sp_group *packed) {
    const bool has_levels = sp_has_levels(matrix->format);
    // An integer that stands for 0, whatever it is scaled with.
    const uint32_t zero = has_levels ? 0 : (uint32_t)matrix->zero * 0x01010101;
    uint8_t *scales = writable(packed->scales);
    uint32_t quants[SP_GROUP_COLUMNS / 4][SP_TILE_ROWS];
    bool is_finite = true;
    memset(scales, 0, matrix->scale_bytes);
    for (int32_t lane = 0; lane < SP_TILE_ROWS; lane++) {
        sp_block block = {.scale = {0, 0}};
        if (rows[lane]) {
            block = read_block(matrix, type, rows[lane], columns, group);
            is_finite &= pack_scales(matrix, scales, lane, &block);
        }
        if (has_levels && block.scale[0] == 0) scales[SP_FIRST_LEVELS + lane] = (uint8_t)matrix->zero;
        for (int step = 0; step < SP_GROUP_COLUMNS / 4; step++) {
            uint32_t word = zero;
            if (block.scale[4 * step / SP_HALF_COLUMNS] != 0) memcpy(&word, block.quant + 4 * step, sizeof word);
            quants[step][lane] = word;
        }
    }
    for (int half = 0; half < 2; half++) {
        uint8_t *lower = writable(packed->lower) + SP_LOWER_HALF_BYTES * half;
        pack_half(matrix, quants + half * SP_HALF_COLUMNS / 4, writable(packed->halves[half]), lower);
    }
    return is_finite;
}

// Whether weights of a group are numbers: the bits of their exponents are not all ones.
static bool are_finite(sp_packed_format format, const uint8_t *weights, size_t bytes) {
    bool result = true;
    if (format == SP_PACKED_F32) {
        for (size_t i = 0; i < bytes; i += sizeof(uint32_t)) {
            uint32_t bits;
            memcpy(&bits, weights + i, sizeof bits);
            result &= (bits & 0x7f800000) != 0x7f800000;
        }
        return result;
    }
    const uint16_t exponent = format == SP_PACKED_F16 ? 0x7c00 : 0x7f80;
    for (size_t i = 0; i < bytes; i += sizeof(uint16_t)) {
        uint16_t bits;
        memcpy(&bits, weights + i, sizeof bits);
        result &= (bits & exponent) != exponent;
    }
    return result;
}

static bool pack_float_group(
    const sp_matrix *matrix, const uint8_t *const rows[SP_TILE_ROWS], const int32_t *columns, int32_t group,
    const sp_group *packed) {
    const size_t size = matrix->format == SP_PACKED_F32 ? 4 : 2;
    for (int half = 0; half < 2; half++) memset(writable(packed->halves[half]), 0, matrix->half_bytes);
    for (int32_t i = 0; i < SP_GROUP_COLUMNS && SP_GROUP_COLUMNS * group + i < matrix->columns; i++) {
        const size_t source = (size_t)source_column(columns, SP_GROUP_COLUMNS * group + i) * size;
        uint8_t *destination =
            writable(packed->halves[i / SP_HALF_COLUMNS]) + (size_t)(i % SP_HALF_COLUMNS) * SP_TILE_ROWS * size;
        for (size_t lane = 0; lane < SP_TILE_ROWS; lane++)
            if (rows[lane]) memcpy(destination + lane * size, rows[lane] + source, size);
    }
    return are_finite(matrix->format, packed->halves[0], matrix->half_bytes)
        && are_finite(matrix->format, packed->halves[1], matrix->half_bytes);
}

// Where the checkpoint has a tile's rows, NULL for padding.
typedef struct {
    const uint8_t *of[SP_TILE_ROWS];
} source_rows;

static source_rows find_rows(
    const sp_matrix *matrix, const uint8_t *source, size_t row_bytes, int32_t tile, const sp_arrangement *arrangement) {
    source_rows rows;
    for (int32_t lane = 0; lane < SP_TILE_ROWS; lane++) {
        const int64_t row = source_row(matrix, tile, lane, arrangement);
        rows.of[lane] = row < 0 ? NULL : source + row_bytes * (size_t)row;
    }
    return rows;
}

bool sp_matrix_pack(
    const sp_matrix *matrix, sp_element_type type, const void *source, const sp_arrangement *arrangement,
    uint8_t *data, int32_t first_tile, int32_t last_tile) {
    const size_t row_bytes =
        (size_t)matrix->columns / (size_t)sp_type_block_size(type) * (size_t)sp_type_block_bytes(type);
    const size_t share = row_bytes / (size_t)matrix->groups;
    sp_matrix destination = *matrix;
    destination.data = data;
    bool is_finite = true;
    source_rows rows = find_rows(matrix, source, row_bytes, first_tile, arrangement);
    for (int32_t tile = first_tile; tile < last_tile; tile++) {
        // A file's pages are in no cache, and its rows too many for a processor to guess what is next.
        source_rows next = {{NULL}};
        if (tile + 1 < last_tile) next = find_rows(matrix, source, row_bytes, tile + 1, arrangement);
        for (int32_t index = 0; index < matrix->groups; index++) {
            for (int32_t lane = 0; lane < SP_TILE_ROWS; lane++)
                if (next.of[lane]) sp_fetch_bytes(next.of[lane] + share * (size_t)index, share, SP_SECOND_CACHE);
            const sp_group group = sp_matrix_group(&destination, tile, index);
            is_finite &= sp_is_quantized(matrix->format)
                ? pack_group(matrix, type, rows.of, arrangement->columns, index, &group)
                : pack_float_group(matrix, rows.of, arrangement->columns, index, &group);
        }
        rows = next;
    }
    return is_finite;
}
