// Spreads gate, up and their product over the worker pool: a task is a run of groups of channels, which a thread takes
// from inputs to integers.

#include "include/operations.h"
#include "product_tasks.h"

#include <string.h>

typedef struct {
    const sp_pool *pool;
    const sp_kernels *kernels;
    const sp_gated_product *product;
    const sp_activations *input;
    const sp_activations *destination;
    int tokens;
    int groups;
    int groups_together;     // that scratch has room for
    int groups_per_task;
    int group_tasks;         // tasks of a run of tokens
    int end;                 // of the groups that a thread is likely to take
} gated_step;

// The tile of one half of a group of channels, or -1 where it is not computed.
static int32_t gated_tile(const sp_gated_product *product, int index, int half) {
    const int32_t group = sp_group_index(&product->columns, index);
    const int32_t tile = group * product->layout.group + half * product->layout.second;
    const bool is_wanted = sp_halves_of(&product->columns, index) & (half == 0 ? SP_FIRST_HALF : SP_SECOND_HALF);
    // The last group of a row may have no second half.
    return is_wanted && tile < product->gate->tiles ? tile : -1;
}

// The tiles of the groups [first, last) as they lie in memory, and for each its place among the halves of these groups.
// Returns how many there are.
static int find_gated_tiles(const gated_step *step, int first, int last, int32_t *tiles, int *places) {
    int count = 0;
    for (int half = 0; half < 2; half++) {
        for (int i = first; i < last; i++) {
            const int32_t tile = gated_tile(step->product, i, half);
            if (tile < 0) continue;
            if (places) places[count] = 2 * (i - first) + half;
            tiles[count++] = tile;
        }
    }
    return count;
}

// Gate and up of the groups [first, last) of a task: scratch[group][half][2][tokens][16].
static void multiply_gated_tiles(const gated_step *step, int first, int last, float *scratch) {
    const sp_matrix *gate = step->product->gate, *up = step->product->up;
    int32_t tiles[2 * SP_GATED_UNITS], following[2 * SP_GATED_UNITS];
    int places[2 * SP_GATED_UNITS];
    const int count = find_gated_tiles(step, first, last, tiles, places);
    // The third is what this thread is likely to read after them.
    sp_product products[3] = {
        {.matrix = gate, .tiles = tiles, .tile_count = count, .output_stride = SP_TILE_ROWS},
        {.matrix = up, .tiles = tiles, .tile_count = count, .output_stride = SP_TILE_ROWS},
        {.matrix = gate, .tiles = following},
    };
    const size_t size = (size_t)step->tokens * SP_TILE_ROWS;
    if (are_pair(step->kernels, gate, up, step->input, step->tokens)) {
        for (int i = 0; i < count; i++) {
            float *output = scratch + 2 * size * (size_t)places[i];
            const int32_t next = tiles[i + 1 < count ? i + 1 : i];
            const sp_tile pair[2] = {
                {&products[0], tiles[i], output, next, NULL}, {&products[1], tiles[i], output + size, next, NULL},
            };
            step->kernels->multiply_pair(pair, step->input, step->tokens);
        }
        return;
    }
    // A thread that waits for memory reads one matrix after the other.
    sp_weight_stream stream, *ahead = NULL;
    const bool is_ahead = reads_ahead(gate, step->input, step->tokens);
    const bool in_turns = is_ahead && takes_turns(step->kernels, step->tokens);
    if (is_ahead) {
        fetch_input(step->input);
        const int left = step->end - last, next = left < step->groups_together ? left : step->groups_together;
        products[2].tile_count = find_gated_tiles(step, last, last + next, following, NULL);
        // A task's tiles are all those of a product here.
        stream = sp_start_stream(&(sp_reading){
            .products = products, .count = 3, .tiles = INT32_MAX, .tiles_per_task = INT32_MAX, .in_turns = in_turns,
            .groups_ahead = step->kernels->groups_ahead,
        });
        ahead = &stream;
    }
    const sp_tile_order order = sp_order_tiles(gate, 0, count, in_turns);
    for (int p = 0; p < 2; p++) {
        for (int s = 0; s < order.steps; s++) {
            sp_tile turns[2];
            const int taken = s < order.pairs ? 2 : 1;
            for (int i = 0; i < taken; i++) {
                const int place = sp_place_of(order, s) + i * order.pairs;
                float *output = scratch + size * (size_t)(2 * places[place] + p);
                turns[i] = (sp_tile){&products[p], tiles[place], output, tiles[place], ahead};
            }
            if (taken == 2) step->kernels->multiply_in_turns(turns, step->input);
            else step->kernels->multiply_tile(turns, step->input, step->tokens);
        }
    }
}

// The integer form of the groups [first, last) of a task: values[group][tokens][32].
static void quantize_gated(const gated_step *step, int first, int last, const float *values) {
    const sp_activations *destination = step->destination;
    const size_t size = (size_t)step->tokens * SP_GROUP_COLUMNS;
    for (int i = first, run; i < last; i += run) {
        const int32_t group = sp_group_index(&step->product->columns, i);
        sp_input_units units = {
            .values = values + size * (size_t)(i - first), .value_step = SP_GROUP_COLUMNS,
            .index = sp_input_index(destination, group, 0), .index_step = 1, .count = step->tokens,
        };
        run = 1;
        if (step->tokens == 1) {
            while (i + run < last && sp_group_index(&step->product->columns, i + run) == group + run) run++;
            units.index_step = (size_t)destination->token_stride;
            units.count = run;
        }
        step->kernels->quantize(destination, &units);
    }
}

static void copy_gated_values(const gated_step *step, int32_t group, const float *values) {
    const size_t width = (size_t)step->destination->groups * SP_GROUP_COLUMNS;
    for (int t = 0; t < step->tokens; t++) {
        float *row = step->destination->values + width * (size_t)t + (size_t)group * SP_GROUP_COLUMNS;
        memcpy(row, values + t * SP_GROUP_COLUMNS, SP_GROUP_COLUMNS * sizeof *values);
    }
}

// The groups [first, last) of a task, for the tokens of the step.
static void multiply_gated_groups(const gated_step *step, int first, int last, float *scratch) {
    const sp_gated_product *product = step->product;
    const sp_activations *destination = step->destination;
    const size_t size = (size_t)step->tokens * SP_TILE_ROWS;
    float *values = scratch + 4 * size * (size_t)step->groups_together;
    multiply_gated_tiles(step, first, last, scratch);
    for (int i = first; i < last; i++) {
        float *of_group = values + 2 * size * (size_t)(i - first);
        for (int half = 0; half < 2; half++) {
            const float *gate = scratch + size * (size_t)(4 * (i - first) + 2 * half);
            float *of_half = of_group + half * SP_HALF_COLUMNS;
            if (gated_tile(product, i, half) >= 0) {
                step->kernels->swiglu(gate, gate + size, of_half, step->tokens);
            } else {
                for (int t = 0; t < step->tokens; t++)
                    memset(of_half + t * SP_GROUP_COLUMNS, 0, SP_HALF_COLUMNS * sizeof *of_half);
            }
        }
        if (product->keeps_values || !destination->quants)
            copy_gated_values(step, sp_group_index(&product->columns, i), of_group);
    }
    if (destination->quants) quantize_gated(step, first, last, values);
}

static void gated_task(void *context, int task, int worker) {
    const gated_step *step = context;
    const int run = task / step->group_tasks;
    const sp_activations input = from_token(step->input, run * SP_TOKENS_TOGETHER);
    const sp_activations destination = from_token(step->destination, run * SP_TOKENS_TOGETHER);
    gated_step of_run = *step;
    of_run.input = &input;
    of_run.destination = &destination;
    of_run.tokens = sp_tokens_of_run(step->tokens, run);
    float *scratch = step->product->scratch + sp_gated_scratch(step->tokens) * (size_t)worker;
    const int start = task % step->group_tasks * step->groups_per_task, left = step->groups - start;
    const int end = start + (left < step->groups_per_task ? left : step->groups_per_task);
    const int likely_end = end_of_tasks(step->pool, step->group_tasks, task, worker) * step->groups_per_task;
    of_run.end = likely_end < step->groups ? likely_end : step->groups;
    for (int first = start, last; first < end; first = last) {
        last = first + (end - first < step->groups_together ? end - first : step->groups_together);
        multiply_gated_groups(&of_run, first, last, scratch);
    }
}

void sp_multiply_gated(
    sp_pool *pool, const sp_gated_product *product, const sp_activations *input, int tokens,
    const sp_activations *destination) {
    gated_step step = {
        .pool = pool, .kernels = sp_pool_kernels(pool), .product = product, .input = input,
        .destination = destination, .tokens = tokens,
        .groups = product->columns.groups ? product->columns.count : destination->groups, .groups_together = 1,
    };
    if (step.groups < 1) return;
    const int tasks = tasks_of_run(pool, tokens);
    step.groups_per_task = (step.groups + tasks - 1) / tasks;
    if (tokens <= FEW_TOKENS) {
        const int room = SP_GATED_UNITS / tokens;
        if (step.groups_per_task > room) step.groups_per_task = room;
        step.groups_together = step.groups_per_task;
    }
    step.group_tasks = (step.groups + step.groups_per_task - 1) / step.groups_per_task;
    sp_pool_run(pool, step.group_tasks * sp_runs_of_tokens(tokens), gated_task, &step);
}
