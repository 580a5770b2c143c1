// Where a stream of weights begins, and goes on after a tile.

#include "weight_stream.h"

#include <assert.h>

// SP_MIDDLE_OF_LOWER four times in a byte.
#define MIDDLES 0xaa
static_assert(MIDDLES == SP_MIDDLE_OF_LOWER * 0x55, "the middle of the lower part");
#define MIDDLES_8 MIDDLES, MIDDLES, MIDDLES, MIDDLES, MIDDLES, MIDDLES, MIDDLES, MIDDLES
#define MIDDLES_64 MIDDLES_8, MIDDLES_8, MIDDLES_8, MIDDLES_8, MIDDLES_8, MIDDLES_8, MIDDLES_8, MIDDLES_8
_Alignas(64) const uint8_t sp_middle_of_lower[SP_LOWER_BYTES] = {MIDDLES_64, MIDDLES_64};

void sp_find_tile(sp_weight_stream *stream) {
    while (stream->product < stream->end
        && (stream->place >= sp_tile_count(stream->product) || sp_group_count(stream->product) == 0)) {
        stream->product++;
        stream->place = 0;
    }
    stream->i = 0;
    stream->count = stream->product < stream->end ? sp_group_count(stream->product) : 0;
    if (stream->count == 0) return;
    const sp_product *product = stream->product;
    const sp_matrix *matrix = product->matrix;
    stream->is_contiguous = !product->columns.groups && matrix->panel_shift == SP_ONE_PANEL;
    stream->is_plain = !product->columns.halves && matrix->scale_bytes <= 64 && matrix->half_bytes == 128;
    const bool is_run = stream->is_contiguous && matrix->first_stride == matrix->second_stride;
    stream->run_bytes = is_run ? matrix->first_stride : 0;
    sp_find_group(stream);
}

sp_weight_stream sp_start_stream(const sp_product *products, int count, int32_t place) {
    sp_weight_stream stream = {.product = products, .end = products + count, .place = place};
    sp_find_tile(&stream);
    for (int i = 0; i < SP_GROUPS_AHEAD; i++) sp_fetch_next(&stream);
    return stream;
}
