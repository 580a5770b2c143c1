// See include/largest_output.h.

#include "include/largest_output.h"
#include "kernels.h"
#include "lane_types.h"
#include "packed_scales.h"

#include <math.h>
#include <string.h>

enum {
    // Of so many groups one is read whole from the start, and one more.
    GROUPS_FOR_A_WHOLE_ONE = 16,
};

bool sp_has_largest_search(const sp_matrix *matrix) {
    return sp_has_parts(matrix->format) && matrix->block_rows == matrix->rows;
}

int32_t sp_groups_read_whole(int32_t groups) { return 1 + groups / GROUPS_FOR_A_WHOLE_ONE; }

// For each of 16 rows, the squares of the lower parts of a group less their middle, summed.
static u32x16 squares_of_lower(const uint8_t *lower) {
    u32x16 squares = 0;
    for (int half = 0; half < 2; half++) {
        u32x16 words;
        memcpy(&words, lower + SP_LOWER_HALF_BYTES * half, sizeof words);
        for (int shift = 0; shift < 32; shift += SP_LOWER_BITS) {
            const i32x16 rest = (i32x16)(words >> (uint32_t)shift & 3) - SP_MIDDLE_OF_LOWER;
            squares += (u32x16)(rest * rest);
        }
    }
    return squares;
}

float sp_measure_lower_parts(const sp_matrix *matrix, float *norms) {
    // A weight is at most a scale times this.
    const double largest_weight = 128 * sqrt(SP_GROUP_COLUMNS);
    double longest = 0;
    for (int32_t tile = 0; tile < matrix->tiles; tile++) {
        double lower[SP_TILE_ROWS] = {0}, all[SP_TILE_ROWS] = {0};
        for (int32_t index = 0; index < matrix->groups; index++) {
            const sp_group group = sp_matrix_group(matrix, tile, index);
            const u32x16 squares = squares_of_lower(group.lower);
            for (int lane = 0; lane < SP_TILE_ROWS; lane++) {
                const double scale = (double)sp_load_scale(matrix, group.scales, lane);
                lower[lane] += scale * scale * (double)squares[lane];
                all[lane] += scale * scale;
            }
        }
        for (int lane = 0; lane < SP_TILE_ROWS; lane++) {
            // Rounded up.
            norms[tile * SP_TILE_ROWS + lane] = (float)(sqrt(lower[lane]) * (1 + 0x1p-20));
            longest = fmax(longest, sqrt(all[lane]) * largest_weight);
        }
    }
    // Both the output with lower parts and that without are a chain of `groups` additions, each term of which is a
    // product of two rounded ones.
    return (float)(longest * (double)(matrix->groups + 4) * 0x1p-23);
}

static double square_of_inputs(const sp_activations *input, int32_t group) {
    const size_t at = (size_t)group * (size_t)input->token_stride;
    const int8_t *quants = input->quants + at * SP_GROUP_COLUMNS;
    int32_t sum = 0;
    for (int i = 0; i < SP_GROUP_COLUMNS; i++) sum += quants[i] * quants[i];
    const double scale = (double)input->scales[at];
    return scale * scale * (double)sum;
}

// Marks the groups with the largest inputs.
static void mark_whole_groups(const sp_activations *input, uint8_t *whole) {
    memset(whole, 0, (size_t)input->groups);
    for (int32_t count = sp_groups_read_whole(input->groups); count > 0; count--) {
        int32_t largest = 0;
        double most = -1;
        for (int32_t group = 0; group < input->groups; group++) {
            const double square = whole[group] ? -1 : square_of_inputs(input, group);
            if (square > most) {
                most = square;
                largest = group;
            }
        }
        whole[largest] = 1;
    }
}

// What is known of the outputs of a product that takes the marked groups whole.
static sp_output_bound bound_outputs(const sp_largest_search *search, const sp_activations *input, float least) {
    double all = 0, rest = 0;
    for (int32_t group = 0; group < input->groups; group++) {
        const double square = square_of_inputs(input, group);
        all += square;
        if (!search->whole[group]) rest += square;
    }
    // Rounded up.
    const double norm = sqrt(rest) * (1 + 0x1p-20), slack = sqrt(all) * (double)search->slack;
    return (sp_output_bound){(float)norm, (float)slack, least};
}

// Computes the outputs of the first `count` of the search's tiles from whole weights, and returns the largest of them,
// the first of several, or one that is no number.
static sp_largest compute_outputs(
    sp_pool *pool, const sp_largest_search *search, const sp_activations *input, int32_t count) {
    const sp_product product = {
        .matrix = search->matrix, .tiles = search->tiles, .tile_count = count, .output = search->outputs,
    };
    sp_multiply(pool, &product, 1, input, 1);
    sp_largest largest = {.output = -INFINITY, .tiles = count};
    bool has_any = false;
    for (int32_t i = 0; i < count; i++) {
        const int32_t start = search->tiles[i] * SP_TILE_ROWS, end = start + SP_TILE_ROWS;
        for (int32_t row = start; row < end && row < search->matrix->rows; row++) {
            const float output = search->outputs[row];
            if (has_any && !(output > largest.output) && !isnan(output)) continue;
            largest.row = row;
            largest.output = output;
            has_any = true;
            if (isnan(output)) return largest;
        }
    }
    return largest;
}

sp_largest sp_find_largest(sp_pool *pool, const sp_largest_search *search, const sp_activations *input) {
    const sp_kernels *kernels = sp_pool_kernels(pool);
    const int32_t tiles = search->matrix->tiles;
    mark_whole_groups(input, search->whole);
    const sp_product product = {
        .matrix = search->matrix, .columns = {.whole = search->whole}, .output = search->outputs,
    };
    sp_multiply(pool, &product, 1, input, 1);
    // The tile that seems to have the largest output first: what has less cannot be the largest.
    const sp_output_bound largest = {.least = kernels->largest_output(search->outputs, tiles)};
    kernels->find_outputs(search->outputs, search->norms, largest, tiles, search->tiles);
    const sp_largest first = compute_outputs(pool, search, input, 1);
    const sp_output_bound bound = bound_outputs(search, input, first.output);
    const int32_t count = kernels->find_outputs(search->outputs, search->norms, bound, tiles, search->tiles);
    return compute_outputs(pool, search, input, count);
}
