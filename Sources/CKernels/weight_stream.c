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

// Goes on with the groups of the order's next steps, as far as they follow each other.
static void join_next_tiles(sp_weight_stream *stream) {
    const sp_product *product = stream->product;
    const sp_tile_order order = stream->order;
    const bool is_pair = stream->step < order.pairs;
    const int32_t steps = is_pair ? order.pairs : order.steps;
    for (int joined = 1; joined < MOST_TILES_OF_RUN && stream->step + 1 < steps; joined++) {
        const int32_t place = sp_place_of(order, stream->step + 1);
        if (sp_tile_at(product, place) != stream->tile + joined) return;
        if (is_pair && sp_tile_at(product, place + order.pairs) != stream->other + joined) return;
        stream->step++;
        stream->run.count += product->matrix->groups;
    }
}

// Orders the next tiles of a task that are the same product's. Returns whether there are any.
static bool order_next_tiles(sp_weight_stream *stream) {
    while (stream->product < stream->end && stream->tiles_left > 0) {
        int32_t tiles = sp_tile_count(stream->product) - stream->place;
        if (tiles > 0) {
            if (tiles > stream->left_of_task) tiles = stream->left_of_task;
            if (tiles > stream->tiles_left) tiles = stream->tiles_left;
            stream->order = sp_order_tiles(stream->product->matrix, stream->place, tiles, stream->in_turns);
            stream->step = 0;
            stream->place += tiles;
            stream->tiles_left -= tiles;
            stream->left_of_task -= tiles;
            if (stream->left_of_task == 0) stream->left_of_task = stream->tiles_per_task;
            return true;
        }
        stream->product++;
        stream->place = 0;
    }
    return false;
}

// Finds the run of groups at the stream's place: of the next tile, or the next product, where this one has no more.
static void find_next_run(sp_weight_stream *stream) {
    while (stream->step < stream->order.steps || order_next_tiles(stream)) {
        const sp_product *product = stream->product;
        if (stream->i < sp_group_count(product)) {
            const int32_t place = sp_place_of(stream->order, stream->step);
            const bool is_pair = stream->step < stream->order.pairs;
            stream->tile = sp_tile_at(product, place);
            stream->other = is_pair ? sp_tile_at(product, place + stream->order.pairs) : stream->tile;
            stream->apart = sp_tiles_apart(product->matrix, stream->tile, stream->other);
            sp_find_run(product, stream->tile, stream->i, &stream->run);
            stream->i += stream->run.count;
            if (are_adjacent(product)) join_next_tiles(stream);
            return;
        }
        stream->i = 0;
        stream->step++;
    }
    stream->run.count = 0;
}

void sp_fetch_group_of_stream(sp_weight_stream *stream) {
    sp_group_run *run = &stream->run;
    if (run->count == 0) return;
    sp_fetch_groups(stream, run, run->halves);
    if (run->count > 1)
        sp_shorten_run(sp_strides_of(stream->product->matrix), run);
    else
        find_next_run(stream);
}

sp_weight_stream sp_start_stream(const sp_reading *reading) {
    sp_weight_stream stream = {
        .product = reading->products, .end = reading->products + reading->count, .place = reading->place,
        .tiles_left = reading->tiles, .left_of_task = reading->tiles_per_task,
        .tiles_per_task = reading->tiles_per_task, .in_turns = reading->in_turns,
    };
    find_next_run(&stream);
    sp_fetch_cursor cursor = sp_cursor_of(&stream, false);
    for (int i = 0; i < reading->groups_ahead; i += stream.apart != 0 ? 2 : 1) sp_fetch_next(&cursor, false);
    sp_put_back(&cursor);
    return stream;
}
