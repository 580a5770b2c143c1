// The weights that a thread is going to read, in their order: a kernel that waits for memory fetches them ahead.

#ifndef CKERNELS_WEIGHT_STREAM_H
#define CKERNELS_WEIGHT_STREAM_H

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

enum {
    // How far ahead of the products of a few tokens weights are fetched: those wait for memory, which takes as long
    // whatever the size of a tile, and a processor runs ahead by fewer groups than it takes to keep reading.
    SP_GROUPS_AHEAD = 32,
};

// A place in the tiles of several products: of a product one tile is read after the other, and of a tile one group.
typedef struct {
    const sp_product *product;
    const sp_product *end;
    int32_t place;           // of the tile among those of its product
    int32_t i;               // of the group among those that are read of the tile
    int32_t count;           // of these; 0 at the end of the stream
    bool is_contiguous;      // whether the groups of the tile are all read, and evenly spaced
    bool is_plain;           // whether a group's scales are at most a line, and each half two lines
    size_t run_bytes;        // of a group's scales and halves where they follow each other, else 0
    sp_group group;
} sp_weight_stream;

// The stream of `count` products from a tile of the first one on, whose first groups it fetches.
sp_weight_stream sp_start_stream(const sp_product *products, int count, int32_t place);

// Finds the first group of the stream's tile, or of the next product's where this one has no more.
void sp_find_tile(sp_weight_stream *stream);

static inline void sp_find_group(sp_weight_stream *stream) {
    const sp_product *product = stream->product;
    const int32_t tile = sp_tile_at(product, stream->place);
    stream->group = sp_product_group(product, tile, sp_group_index(&product->columns, stream->i));
}

// Which cache lines are fetched into.
typedef enum {
    SP_FIRST_CACHE,
    // For those that are wanted later: a core waits for far fewer lines of its first cache at once.
    SP_SECOND_CACHE,
} sp_cache;

static inline __attribute__((always_inline)) void sp_fetch_line(const uint8_t *line, const sp_cache cache) {
    if (cache == SP_FIRST_CACHE)
        __builtin_prefetch(line, 0, 3);
    else
        __builtin_prefetch(line, 0, 2);
}

// Every line that some bytes are in.
static inline __attribute__((always_inline)) void sp_fetch_bytes(
    const uint8_t *start, size_t bytes, const sp_cache cache) {
    const uint8_t *end = start + bytes;
    for (start -= (uintptr_t)start % 64; start < end; start += 64) sp_fetch_line(start, cache);
}

// Every line that begins among them: what follows bytes that have been fetched.
static inline __attribute__((always_inline)) void sp_fetch_next_lines(const uint8_t *start, size_t bytes) {
    const uint8_t *end = start + bytes;
    for (start += -(uintptr_t)start % 64; start < end; start += 64) sp_fetch_line(start, SP_SECOND_CACHE);
}

static inline __attribute__((always_inline)) void sp_fetch_group(
    const sp_matrix *matrix, const sp_group *group, sp_halves halves, const sp_cache cache) {
    sp_fetch_bytes(group->scales, matrix->scale_bytes, cache);
    if (halves & SP_FIRST_HALF) sp_fetch_bytes(group->halves[0], matrix->half_bytes, cache);
    if (halves & SP_SECOND_HALF) sp_fetch_bytes(group->halves[1], matrix->half_bytes, cache);
    if (sp_has_parts(matrix->format)) sp_fetch_bytes(group->lower, SP_LOWER_BYTES, cache);
}

// Fetches the group at the stream's place and moves on to the next: as the kernel does with each group that it
// multiplies.
static inline __attribute__((always_inline)) void sp_fetch_next(sp_weight_stream *stream) {
    if (stream->count == 0) return;
    const sp_product *product = stream->product;
    const sp_matrix *matrix = product->matrix;
    sp_group *group = &stream->group;
    if (stream->is_plain) {
        sp_fetch_line(group->scales, SP_SECOND_CACHE);
        sp_fetch_line(group->halves[0], SP_SECOND_CACHE);
        sp_fetch_line(group->halves[0] + 64, SP_SECOND_CACHE);
        sp_fetch_line(group->halves[1], SP_SECOND_CACHE);
        sp_fetch_line(group->halves[1] + 64, SP_SECOND_CACHE);
    } else if (stream->run_bytes > 0) {
        sp_fetch_next_lines(group->scales, stream->run_bytes);
        if (sp_has_parts(matrix->format)) sp_fetch_bytes(group->lower, SP_LOWER_BYTES, SP_SECOND_CACHE);
    } else {
        sp_fetch_group(matrix, group, sp_halves_of(&product->columns, stream->i), SP_SECOND_CACHE);
    }
    if (++stream->i == stream->count) {
        stream->place++;
        sp_find_tile(stream);
    } else if (stream->is_contiguous) {
        group->scales += matrix->first_stride;
        group->halves[0] += matrix->first_stride;
        group->halves[1] += matrix->second_stride;
        if (sp_has_parts(matrix->format))
            group->lower = sp_lower_part(product, sp_tile_at(product, stream->place), stream->i);
    } else {
        sp_find_group(stream);
    }
}

#endif
