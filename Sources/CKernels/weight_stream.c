// Where a stream of weights begins, and goes on after a tile.

#include "weight_stream.h"

#include <assert.h>

enum {
    // So that a long list of tiles is not searched to its end for a stream that reads its beginning.
    MOST_TILES_OF_RUN = 64,
};

// SP_MIDDLE_OF_LOWER four times in a byte.
#define MIDDLES 0xaa
static_assert(MIDDLES == SP_MIDDLE_OF_LOWER * 0x55, "the middle of the lower part");
#define MIDDLES_8 MIDDLES, MIDDLES, MIDDLES, MIDDLES, MIDDLES, MIDDLES, MIDDLES, MIDDLES
#define MIDDLES_64 MIDDLES_8, MIDDLES_8, MIDDLES_8, MIDDLES_8, MIDDLES_8, MIDDLES_8, MIDDLES_8, MIDDLES_8
_Alignas(64) const uint8_t sp_middle_of_lower[SP_LOWER_BYTES] = {MIDDLES_64, MIDDLES_64};

// Whether a tile's groups follow the last one of the tile before it as they follow each other.
static bool are_adjacent(const sp_product *product) {
    const sp_matrix *matrix = product->matrix;
    return !product->columns.groups && !sp_has_parts(matrix->format) && matrix->panel_shift == SP_ONE_PANEL
        && matrix->first_stride == matrix->second_stride
        && matrix->tile_bytes == (size_t)matrix->groups * matrix->first_stride;
}

// Goes on with the groups of the next tiles, as far as they follow each other.
static void join_next_tiles(sp_weight_stream *stream, int32_t tiles) {
    const sp_product *product = stream->product;
    for (int joined = 1; joined < MOST_TILES_OF_RUN && stream->place + 1 < tiles; joined++) {
        if (sp_tile_at(product, stream->place + 1) != stream->tile + joined) return;
        stream->place++;
        stream->run.count += product->matrix->groups;
    }
}

// Finds the run of groups at the stream's place: of the next tile, or the next product, where this one has no more.
static void find_next_run(sp_weight_stream *stream) {
    while (stream->product < stream->end) {
        const sp_product *product = stream->product;
        const int32_t tiles = sp_tile_count(product);
        if (stream->place < tiles && stream->i < sp_group_count(product)) {
            stream->tile = sp_tile_at(product, stream->place);
            sp_find_run(product, stream->tile, stream->i, &stream->run);
            stream->i += stream->run.count;
            if (are_adjacent(product)) join_next_tiles(stream, tiles);
            return;
        }
        stream->i = 0;
        if (++stream->place < tiles) continue;
        stream->product++;
        stream->place = 0;
    }
    stream->run.count = 0;
}

void sp_fetch_group_of_stream(sp_weight_stream *stream) {
    sp_group_run *run = &stream->run;
    if (run->count == 0) return;
    const sp_matrix *matrix = stream->product->matrix;
    if (run->halves == SP_BOTH_HALVES) {
        sp_fetch_whole_group(stream->product, stream->tile, run);
    } else {
        const sp_group group = sp_first_of_run(stream->product, stream->tile, run, sp_has_parts(matrix->format));
        sp_fetch_group(matrix, &group, run->halves, SP_SECOND_CACHE);
    }
    if (run->count > 1)
        sp_shorten_run(sp_strides_of(matrix), run);
    else
        find_next_run(stream);
}

sp_weight_stream sp_start_stream(const sp_product *products, int count, int32_t place) {
    sp_weight_stream stream = {.product = products, .end = products + count, .place = place};
    find_next_run(&stream);
    sp_fetch_cursor cursor = sp_cursor_of(&stream, false);
    for (int i = 0; i < SP_GROUPS_AHEAD; i++) sp_fetch_next(&cursor, false);
    sp_put_back(&cursor);
    return stream;
}
