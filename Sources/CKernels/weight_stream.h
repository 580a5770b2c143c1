// The weights that a thread is going to read, in their order: a kernel that waits for memory fetches them ahead.

#ifndef CKERNELS_WEIGHT_STREAM_H
#define CKERNELS_WEIGHT_STREAM_H

#include "cache_fetch.h"
#include "include/operations.h"

// How many groups a product reads of each tile, and which the i-th is.
static inline int sp_group_count(const sp_product *product) {
    return product->columns.groups ? product->columns.count : product->matrix->groups;
}

static inline int32_t sp_group_index(const sp_columns *columns, int i) {
    return columns->groups ? columns->groups[i] : i;
}

static inline sp_halves sp_halves_of(const sp_columns *columns, int i) {
    return columns->halves ? (sp_halves)columns->halves[i] : SP_BOTH_HALVES;
}

// The lower part of a group that a product takes without.
extern const uint8_t sp_middle_of_lower[SP_LOWER_BYTES];

// The lower part of a group that a product takes, which may be none.
static inline const uint8_t *sp_lower_part(const sp_product *product, int32_t tile, int32_t index) {
    const uint8_t *whole = product->columns.whole;
    return whole && !whole[index] ? sp_middle_of_lower : sp_matrix_lower(product->matrix, tile, index);
}

// A group of a product's tile.
static inline sp_group sp_product_group(const sp_product *product, int32_t tile, int32_t index) {
    sp_group group = sp_matrix_group(product->matrix, tile, index);
    group.lower = sp_lower_part(product, tile, index);
    return group;
}

// How many tiles a product computes.
static inline int32_t sp_tile_count(const sp_product *product) {
    return product->tiles ? product->tile_count : product->matrix->tiles;
}

// The tile at a place among those.
static inline int32_t sp_tile_at(const sp_product *product, int32_t place) {
    return product->tiles ? product->tiles[place] : place;
}

// The order in which a thread takes the tiles at consecutive places among a product's: one after the other, or one from
// each half of them, whose groups it takes in turns. A processor fetches ahead by itself wherever memory is read in
// order, so that two places at once are read faster than one; a tile of a matrix with panels is read at as many places
// as it has panels.
typedef struct {
    int32_t first;           // place
    int32_t pairs;           // steps that take two tiles
    int32_t steps;
} sp_tile_order;

static inline sp_tile_order sp_order_tiles(const sp_matrix *matrix, int32_t first, int32_t count, bool in_turns) {
    const int32_t pairs = in_turns && matrix->panel_shift == SP_ONE_PANEL ? count / 2 : 0;
    return (sp_tile_order){first, pairs, count - pairs};
}

// The place of a step's first tile.
static inline int32_t sp_place_of(sp_tile_order order, int32_t step) {
    return order.first + step + (step < order.pairs ? 0 : order.pairs);
}

// How many bytes after a tile's groups another tile has its own.
static inline size_t sp_tiles_apart(const sp_matrix *matrix, int32_t tile, int32_t other) {
    return matrix->tile_bytes * (size_t)(other - tile);
}

// How far it is from a group of a tile to the next.
typedef struct {
    size_t first;            // from scales and first half to those of the next group
    size_t second;           // from second half to second half
    int32_t in_panel;        // the bits of a group's index that say which one of its panel it is
    size_t to_panel;         // how much further it is from the last group of a panel
} sp_group_strides;

static inline sp_group_strides sp_strides_of(const sp_matrix *matrix) {
    const int32_t in_panel = (1 << matrix->panel_shift) - 1;
    const size_t to_panel = matrix->panel_bytes - ((size_t)in_panel + 1) * matrix->first_stride;
    return (sp_group_strides){matrix->first_stride, matrix->second_stride, in_panel, to_panel};
}

// Groups with consecutive indices that a product reads of a tile, the same halves of each.
typedef struct {
    const uint8_t *scales;   // of the first of them
    const uint8_t *second;   // and its second half
    int32_t index;           // and which group it is
    int32_t count;
    sp_halves halves;
} sp_group_run;

// Finds those from the i-th group on that a product reads of a tile.
static inline void sp_find_run(const sp_product *product, int32_t tile, int32_t i, sp_group_run *run) {
    const sp_columns *columns = &product->columns;
    const int32_t index = sp_group_index(columns, i), most = sp_group_count(product) - i;
    const sp_group group = sp_matrix_group(product->matrix, tile, index);
    const sp_halves halves = sp_halves_of(columns, i);
    int32_t count = columns->groups ? 1 : most;
    while (count < most && columns->groups[i + count] == index + count && sp_halves_of(columns, i + count) == halves)
        count++;
    // One by one: a copy of what was just written in pieces would wait for all of them.
    run->scales = group.scales;
    run->second = group.halves[1];
    run->index = index;
    run->count = count;
    run->halves = halves;
}

// Leaves out the first group.
static inline __attribute__((always_inline)) void sp_shorten_run(sp_group_strides strides, sp_group_run *run) {
    run->count--;
    run->index++;
    run->scales += strides.first;
    run->second += strides.second;
    if ((run->index & strides.in_panel) != 0) return;
    run->scales += strides.to_panel;
    run->second += strides.to_panel;
}

// The first group, with its lower part where weights have two.
static inline __attribute__((always_inline)) sp_group sp_first_of_run(
    const sp_product *product, int32_t tile, const sp_group_run *run, const bool has_parts) {
    const uint8_t *lower = has_parts ? sp_lower_part(product, tile, run->index) : NULL;
    return (sp_group){run->scales, {run->scales + product->matrix->scale_bytes, run->second}, lower};
}

// The same group of another tile, which has it so many bytes after.
static inline __attribute__((always_inline)) sp_group sp_group_apart(
    const sp_product *product, int32_t other, size_t apart, const sp_group_run *run, const bool has_parts) {
    sp_group_run of_other = *run;
    of_other.scales += apart;
    of_other.second += apart;
    return sp_first_of_run(product, other, &of_other, has_parts);
}

static inline __attribute__((always_inline)) void sp_fetch_group(
    const sp_matrix *matrix, const sp_group *group, sp_halves halves, const sp_cache cache) {
    sp_fetch_bytes(group->scales, matrix->scale_bytes, cache);
    if (halves & SP_FIRST_HALF) sp_fetch_bytes(group->halves[0], matrix->half_bytes, cache);
    if (halves & SP_SECOND_HALF) sp_fetch_bytes(group->halves[1], matrix->half_bytes, cache);
    if (sp_has_parts(matrix->format)) sp_fetch_bytes(group->lower, SP_LOWER_BYTES, cache);
}

// Which tiles a thread reads.
typedef struct {
    const sp_product *products;
    int count;               // of products
    int32_t place;           // of the first tile among those of the first product
    int32_t tiles;           // how many it reads, of one product after the other, unless they end before
    int32_t tiles_per_task;  // which are ordered by themselves, those of each product
    bool in_turns;           // see sp_order_tiles
    int groups_ahead;        // how far ahead of what it multiplies it fetches them
} sp_reading;

// A place in these.
typedef struct {
    const sp_product *product;
    const sp_product *end;
    int32_t place;           // of the product's tile after those of the order
    int32_t tiles_left;      // after those
    int32_t left_of_task;    // of its tiles, after those
    int32_t tiles_per_task;
    bool in_turns;
    sp_tile_order order;     // of tiles of the product
    int32_t step;
    int32_t i;               // of the group after the run among those that are read of a tile
    int32_t tile;            // of the run
    int32_t other;           // the tile whose groups are read in turns with it, or the same one
    size_t apart;            // how many bytes lie between both tiles' groups
    sp_group_run run;        // from that place on, perhaps with the next tiles' groups; empty at the end of the stream
} sp_weight_stream;

// A group of a stream: whole, from its scales on, where both halves are read.
static inline __attribute__((always_inline)) void sp_fetch_streamed_group(
    const sp_matrix *matrix, const sp_group *group, const sp_halves halves) {
    if (halves != SP_BOTH_HALVES) {
        sp_fetch_group(matrix, group, halves, SP_SECOND_CACHE);
        return;
    }
    sp_fetch_bytes(group->scales, matrix->first_stride, SP_SECOND_CACHE);
    if (matrix->first_stride != matrix->second_stride)
        sp_fetch_bytes(group->halves[1], matrix->second_stride, SP_SECOND_CACHE);
    if (sp_has_parts(matrix->format) && group->lower != sp_middle_of_lower)
        sp_fetch_bytes(group->lower, SP_LOWER_BYTES, SP_SECOND_CACHE);
}

// The stream of these tiles, whose first groups it fetches.
sp_weight_stream sp_start_stream(const sp_reading *reading);

// Fetches the group at the stream's place and moves on to the next.
void sp_fetch_group_of_stream(sp_weight_stream *stream);

// What a kernel keeps of a stream in registers. WIDE is a constant and says for which groups of the stream it is quick:
// those of more than 4 bits, or others; the kernel's own are of that kind.
typedef struct {
    sp_weight_stream *stream; // or NULL
    bool is_taken;           // whether `run` is of the stream's run, whose groups are of this kind and read whole
    sp_group_run run;        // these, but for the last one
    sp_group_strides strides;
    size_t first_half;       // from their scales to their first halves
    size_t apart;            // from them to those of the other tile, or 0
} sp_fetch_cursor;

// Begins at the stream's place.
static inline __attribute__((always_inline)) void sp_take_up(sp_fetch_cursor *cursor, const bool WIDE) {
    const sp_group_run *run = &cursor->stream->run;
    cursor->is_taken = false;
    cursor->run.count = 0;
    // At the stream's end there is no product.
    if (run->count <= 1 || run->halves != SP_BOTH_HALVES) return;
    const sp_matrix *matrix = cursor->stream->product->matrix;
    const bool is_plain = matrix->scale_bytes <= 64 && matrix->half_bytes == 128;
    if (is_plain == WIDE) return;
    cursor->is_taken = true;
    cursor->run.scales = run->scales;
    cursor->run.second = run->second;
    cursor->run.index = run->index;
    cursor->run.count = run->count - 1;
    cursor->strides = sp_strides_of(matrix);
    cursor->first_half = matrix->scale_bytes;
    cursor->apart = cursor->stream->apart;
}

// A cursor at the stream's place; of none where that is NULL.
static inline __attribute__((always_inline)) sp_fetch_cursor sp_cursor_of(sp_weight_stream *stream, const bool WIDE) {
    sp_fetch_cursor cursor = {.stream = stream};
    if (stream) sp_take_up(&cursor, WIDE);
    return cursor;
}

// Moves the stream to the cursor's place.
static inline __attribute__((always_inline)) void sp_put_back(const sp_fetch_cursor *cursor) {
    if (!cursor->is_taken) return;
    sp_group_run *run = &cursor->stream->run;
    run->scales = cursor->run.scales;
    run->second = cursor->run.second;
    run->index = cursor->run.index;
    run->count = cursor->run.count + 1;
}

// Fetches a group of 4 bits. What is left of its last line is the next group's first.
static inline __attribute__((always_inline)) void sp_fetch_narrow_group(
    const uint8_t *scales, const uint8_t *first, const uint8_t *second) {
    sp_fetch_line(scales, SP_SECOND_CACHE);
    sp_fetch_line(first, SP_SECOND_CACHE);
    sp_fetch_line(first + 64, SP_SECOND_CACHE);
    sp_fetch_line(second, SP_SECOND_CACHE);
    sp_fetch_line(second + 64, SP_SECOND_CACHE);
}

// Fetches these halves of the first group of a stream's run, and of that of the other tile.
static inline void sp_fetch_groups(const sp_weight_stream *stream, const sp_group_run *run, const sp_halves halves) {
    const sp_product *product = stream->product;
    const bool has_parts = sp_has_parts(product->matrix->format);
    const sp_group group = sp_first_of_run(product, stream->tile, run, has_parts);
    sp_fetch_streamed_group(product->matrix, &group, halves);
    if (stream->apart == 0) return;
    const sp_group other = sp_group_apart(product, stream->other, stream->apart, run, has_parts);
    sp_fetch_streamed_group(product->matrix, &other, halves);
}

// Fetches the cursor's group, and that of the other tile.
static inline __attribute__((always_inline)) void sp_fetch_at(const sp_fetch_cursor *cursor, const bool WIDE) {
    if (WIDE) {
        sp_fetch_groups(cursor->stream, &cursor->run, SP_BOTH_HALVES);
        return;
    }
    const uint8_t *scales = cursor->run.scales, *first = scales + cursor->first_half, *second = cursor->run.second;
    const size_t apart = cursor->apart;
    sp_fetch_narrow_group(scales, first, second);
    if (apart != 0) sp_fetch_narrow_group(scales + apart, first + apart, second + apart);
}

// Fetches a group and moves on to the next: as the kernel does with each group that it multiplies.
static inline __attribute__((always_inline)) void sp_fetch_next(sp_fetch_cursor *cursor, const bool WIDE) {
    if (cursor->run.count > 0) {
        sp_fetch_at(cursor, WIDE);
        sp_shorten_run(cursor->strides, &cursor->run);
    } else if (cursor->stream) {
        sp_put_back(cursor);
        sp_fetch_group_of_stream(cursor->stream);
        sp_take_up(cursor, WIDE);
    }
}

#endif
