// Weight matrices repacked into tiles that a vector register walks.
//
// A tile is 16 output rows. Its input columns come in groups of 32. Row blocks (attention heads) start on
// a tile of their own, so a head is a contiguous run of tiles, and a set of heads is a list of tiles:
// running fewer heads copies nothing.
//
//   quantised tile:  [group] of [scales of 16 rows][minimums of 16 rows]   (half or single precision)
//                               or [scales and steps][first levels]         (of levels, see weight_levels.h)
//                               2 of half a group:
//                                 [step 0..3][row 0..15][4 columns]         (8 bits, or else the low 4: step 2i in
//                                                                            the low nibbles and 2i+1 in the high
//                                                                            ones of run i)
//                                 [row 0..15][4 columns]                    (the upper 2 of 6 bits, of all four steps;
//                                                                            of 5 bits, the lower 4 of a byte are of
//                                                                            rows 0..7, the upper ones of 8..15)
//   float tile:      [group][column 0..31][row 0..15]
//
// Weights of 8 bits may have two parts, the upper 6 bits and the lower 2:
//
//   half a group:     [step 0..2][row 0..15][4 columns]           (their upper parts, and in the lower 2 bits what is
//                                                                 upper of step 3)
//   behind all tiles: [16 tiles][group][tile] of 2 of half a group:
//                     [row 0..15][4 columns]                      (the lower parts of all four steps)
//
// A product reads a tile from its first byte to its last, which is what a processor prefetches best. Columns that may
// be left out would be holes in every tile, so they lie together. Those of an attention head have a panel of their own,
// all of its tiles one after another. Where halves of groups may be left out, a tile has the scales and first halves of
// all its groups, then the second halves of all.

#ifndef CKERNELS_PACKED_MATRIX_H
#define CKERNELS_PACKED_MATRIX_H

#include "element_types.h"

enum {
    SP_TILE_ROWS = 16,
    SP_GROUP_COLUMNS = 32,
    SP_HALF_COLUMNS = SP_GROUP_COLUMNS / 2,
};

// Those that are quantised stand in the order of their bits.
typedef enum {
    SP_PACKED_F32,
    SP_PACKED_F16,
    SP_PACKED_BF16,
    SP_PACKED_U4,         // scale * (quant - zero), quants of 4 bits
    SP_PACKED_U4_LEVELS,  // scale * (first + step * quant - zero)
    SP_PACKED_U4_MINIMUM, // scale * quant + minimum
    SP_PACKED_U5,
    SP_PACKED_U5_LEVELS,
    SP_PACKED_U5_MINIMUM,
    SP_PACKED_U6_SPLIT,   // a scale for each half group of 16 columns
    SP_PACKED_U8,
    SP_PACKED_U8_PARTS,   // the lower 2 bits apart from the others
} sp_packed_format;

// What a matrix is packed for.
typedef enum {
    // Products in single precision: every weight is the checkpoint's.
    SP_FOR_FLOATS,
    // Products in integers: a minimum becomes a whole number of 8-bit levels, whose scale is rounded (see
    // weight_levels.h), and other scales that the checkpoint has in single precision are rounded to half. Products in
    // single precision may be had of these weights.
    SP_FOR_INTEGERS,
    // Likewise, and for sp_find_largest where that takes the type.
    SP_FOR_LARGEST,
} sp_packing;

static inline bool sp_is_quantized(sp_packed_format format) { return format > SP_PACKED_BF16; }

// Bits of a quant of a quantised format.
static inline int sp_quant_bits(sp_packed_format format) {
    if (format >= SP_PACKED_U8) return 8;
    return format >= SP_PACKED_U6_SPLIT ? 6 : format >= SP_PACKED_U5 ? 5 : 4;
}

static inline bool sp_has_levels(sp_packed_format format) {
    return format == SP_PACKED_U4_LEVELS || format == SP_PACKED_U5_LEVELS;
}

static inline bool sp_has_minimum(sp_packed_format format) {
    return format == SP_PACKED_U4_MINIMUM || format == SP_PACKED_U5_MINIMUM;
}

// Whether each half of a group has scales of its own.
static inline bool sp_has_split_scales(sp_packed_format format) { return format == SP_PACKED_U6_SPLIT; }

// Whether the lower bits lie apart from the others.
static inline bool sp_has_parts(sp_packed_format format) { return format == SP_PACKED_U8_PARTS; }

// Whether products in integers take it.
static inline bool sp_is_for_integers(sp_packed_format format) {
    return sp_is_quantized(format) && !sp_has_minimum(format);
}

typedef struct {
    sp_packed_format format;
    bool half_scales;       // scales and minimums in half precision, else single
    float scale_unit;       // what a stored scale of 1 is worth: a power of two
    int32_t zero;           // 0 where the format has none, or a minimum
    int32_t rows;           // as in the checkpoint
    int32_t columns;
    int32_t block_rows;     // rows of one block (head size); equals rows where there are no heads
    int32_t block_tiles;    // tiles of one block
    int32_t tiles;
    int32_t groups;         // groups of 32 columns, the last one padded with zeros
    int32_t panel_shift;    // a panel has 1 << panel_shift groups; SP_ONE_PANEL where it has all of them
    size_t scale_bytes;     // of a group
    size_t half_bytes;      // of the weights of half a group
    size_t first_stride;    // from a group's scales and first half to the next group's
    size_t second_start;    // from a tile's start to the second half of its first group
    size_t second_stride;
    size_t tile_bytes;      // from a tile to the next of its panel
    size_t panel_bytes;
    size_t lower_start;     // from `data` to the lower parts of weights in two parts
    const uint8_t *data;    // [panels][tiles][tile_bytes], 64-byte aligned
} sp_matrix;

enum { SP_ONE_PANEL = 30 };

enum {
    // Where a group of levels has the first of them, a byte for each row, after its scales and steps.
    SP_FIRST_LEVELS = 2 * SP_TILE_ROWS,
    // Where half a group of 5 or 6 bits has those above the fourth.
    SP_HIGH_BITS = SP_TILE_ROWS * SP_HALF_COLUMNS / 2,
    // Bits of the lower part of weights in two parts, its bytes for half a group and for a group.
    SP_LOWER_BITS = 2,
    SP_LOWER_HALF_BYTES = SP_TILE_ROWS * SP_HALF_COLUMNS * SP_LOWER_BITS / 8,
    SP_LOWER_BYTES = 2 * SP_LOWER_HALF_BYTES,
    // Tiles whose lower parts of a group lie together, so that those of a few groups are long runs as well.
    SP_TILES_TOGETHER = 16,
};

// Where the parts of one group of a tile are.
typedef struct {
    const uint8_t *scales;
    const uint8_t *halves[2];
    const uint8_t *lower;    // of weights in two parts: [2][SP_LOWER_HALF_BYTES]
} sp_group;

static inline const uint8_t *sp_matrix_lower(const sp_matrix *matrix, int32_t tile, int32_t group) {
    const size_t run = (size_t)tile / SP_TILES_TOGETHER * (size_t)matrix->groups + (size_t)group;
    const size_t place = SP_TILES_TOGETHER * run + (size_t)tile % SP_TILES_TOGETHER;
    return matrix->data + matrix->lower_start + SP_LOWER_BYTES * place;
}

static inline sp_group sp_matrix_group(const sp_matrix *matrix, int32_t tile, int32_t group) {
    const size_t panel = (size_t)group >> matrix->panel_shift;
    const size_t inner = (size_t)group - (panel << matrix->panel_shift);
    const uint8_t *start = matrix->data + matrix->panel_bytes * panel + matrix->tile_bytes * (size_t)tile;
    const uint8_t *scales = start + matrix->first_stride * inner;
    const uint8_t *second = start + matrix->second_start + matrix->second_stride * inner;
    return (sp_group){scales, {scales + matrix->scale_bytes, second}, sp_matrix_lower(matrix, tile, group)};
}

// Fills every field of `matrix` but `data` for a [rows, columns] matrix of `type` whose rows come in
// blocks of `block_rows` (a divisor of `rows`) and of `block_columns` columns (of `columns`) that may be left out of a
// product: all of them, half a group, or several groups, which have panels where they are a power of two. Returns the
// bytes that `data` needs, or 0 where the sizes are not usable: non-positive, too large, or columns not a multiple of
// the type's block.
size_t sp_matrix_layout(
    sp_matrix *matrix, sp_element_type type, sp_packing packing, int64_t rows, int64_t columns, int64_t block_rows,
    int64_t block_columns);

// Where a packed row or column stands in the checkpoint.
typedef struct {
    // Where not 0, the first `rotary_pairs * 2` rows of each block are stored as adjacent rotary pairs in the source
    // and are packed with the two halves apart (row 2i+j of the source becomes row j * rotary_pairs + i).
    int32_t rotary_pairs;
    // [rows], the source's row for each packed one, for matrices whose rows are one block; NULL for their own order.
    const int32_t *rows;
    // [columns], likewise. A group of 32 holds the columns of one group of the source, which share their scales; in
    // SP_PACKED_U6_SPLIT a half holds those of the same half of it.
    const int32_t *columns;
} sp_arrangement;

// Packs the tiles [first_tile, last_tile) into `data` from checkpoint rows. Returns whether weights, or the scales
// and minimums of quantised ones, are finite numbers as they are stored.
bool sp_matrix_pack(
    const sp_matrix *matrix, sp_element_type type, const void *source, const sp_arrangement *arrangement,
    uint8_t *data, int32_t first_tile, int32_t last_tile);

// Writes row `row` (counted without padding) as floats to destination[columns].
void sp_matrix_row(const sp_matrix *matrix, int32_t row, float *destination);

// Memory for packed tiles, 64-byte aligned and in huge pages where the system has them; NULL if there is none.
uint8_t *sp_tiles_allocate(size_t bytes);
void sp_tiles_free(uint8_t *tiles);

#endif
