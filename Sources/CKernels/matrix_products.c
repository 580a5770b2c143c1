// Spreads the packing of a matrix and its products over the worker pool. A task is a run of whole outputs, so its
// result does not depend on which worker runs it.

#include "include/operations.h"
#include "product_tasks.h"

#include <stdatomic.h>

typedef struct {
    const sp_matrix *matrix;
    sp_element_type type;
    const void *source;
    const sp_arrangement *arrangement;
    uint8_t *data;
    int32_t first_tile;
    atomic_bool is_finite;
} pack_step;

static void pack_task(void *context, int tile, int worker) {
    (void)worker;
    pack_step *step = context;
    tile += step->first_tile;
    if (!sp_matrix_pack(step->matrix, step->type, step->source, step->arrangement, step->data, tile, tile + 1))
        atomic_store(&step->is_finite, false);
}

bool sp_pack(
    sp_pool *pool, const sp_matrix *matrix, sp_element_type type, const void *source,
    const sp_arrangement *arrangement, uint8_t *data, int32_t first_tile, int32_t last_tile) {
    pack_step step = {matrix, type, source, arrangement, data, first_tile, true};
    sp_pool_run(pool, last_tile - first_tile, pack_task, &step);
    return atomic_load(&step.is_finite);
}

typedef struct {
    const sp_pool *pool;
    const sp_kernels *kernels;
    const sp_product *products;
    int count;
    const sp_activations *inputs;
    bool is_each;            // whether each product has an input of its own, or all have the first
    int tokens;              // of an input
    int tiles;
    int tiles_per_task;
    int tile_tasks;          // tasks of a run of tokens
} multiply_step;

// The product's tile `index` for the tokens from `first_token` on, where this thread goes on with its tile `next`.
static sp_tile tile_at(
    const sp_product *product, int index, int next, int first_token, sp_weight_stream *ahead) {
    const int32_t tile = sp_tile_at(product, index);
    float *row = product->output + product->output_stride * (size_t)sp_token_row(first_token);
    return (sp_tile){product, tile, row + (size_t)tile * SP_TILE_ROWS, sp_tile_at(product, next), ahead};
}

// The stream of what a thread reads from a task's first tile on: the product's tile `index`.
static sp_weight_stream start_stream(
    const multiply_step *step, int product, int index, int task, int worker, bool in_turns) {
    const int end = end_of_tasks(step->pool, step->tile_tasks, task, worker);
    return sp_start_stream(&(sp_reading){
        .products = step->products + product, .count = step->count - product, .place = index,
        .tiles = (end - task) * step->tiles_per_task, .tiles_per_task = step->tiles_per_task, .in_turns = in_turns,
        .groups_ahead = step->kernels->groups_ahead,
    });
}

static void multiply_task(void *context, int task, int worker) {
    const multiply_step *step = context;
    const int run = task / step->tile_tasks, first_token = run * SP_TOKENS_TOGETHER;
    const int tokens = sp_tokens_of_run(step->tokens, run);
    int first = task % step->tile_tasks * step->tiles_per_task;
    int last = first + step->tiles_per_task < step->tiles ? first + step->tiles_per_task : step->tiles;
    int base = 0;
    sp_weight_stream stream, *ahead = NULL;
    for (int i = 0; i < step->count; i++) {
        const sp_product *product = &step->products[i];
        const sp_matrix *matrix = product->matrix;
        int tiles = sp_tile_count(product);
        int to = last - base < tiles ? last - base : tiles;
        int index = first > base ? first - base : 0;
        const sp_activations input = from_token(&step->inputs[step->is_each ? i : 0], first_token);
        const bool is_ahead = reads_ahead(matrix, &input, tokens);
        const bool in_turns = is_ahead && takes_turns(step->kernels, tokens);
        if (!ahead && index < to && is_ahead) {
            fetch_input(&input);
            stream = start_stream(step, i, index, task, worker, in_turns);
            ahead = &stream;
        }
        if (are_pair(step->kernels, matrix, matrix, &input, tokens)) {
            for (; index + 2 <= to; index += 2) {
                const int next = index + 4 <= to ? index + 2 : index;
                const sp_tile pair[2] = {
                    tile_at(product, index, next, first_token, NULL),
                    tile_at(product, index + 1, next + 1, first_token, NULL),
                };
                step->kernels->multiply_pair(pair, &input, tokens);
            }
        }
        const sp_tile_order order = sp_order_tiles(matrix, index, to > index ? to - index : 0, in_turns);
        for (int s = 0; s < order.steps; s++) {
            const int place = sp_place_of(order, s);
            if (s < order.pairs) {
                const sp_tile turns[2] = {
                    tile_at(product, place, place, first_token, ahead),
                    tile_at(product, place + order.pairs, place + order.pairs, first_token, ahead),
                };
                step->kernels->multiply_in_turns(turns, &input);
            } else {
                const sp_tile tile = tile_at(product, place, place + 1 < to ? place + 1 : place, first_token, ahead);
                step->kernels->multiply_tile(&tile, &input, tokens);
            }
        }
        base += tiles;
    }
}

static void run(sp_pool *pool, multiply_step step) {
    step.pool = pool;
    step.kernels = sp_pool_kernels(pool);
    for (int i = 0; i < step.count; i++) step.tiles += sp_tile_count(&step.products[i]);
    const int tasks = tasks_of_run(pool, step.tokens);
    step.tiles_per_task = (step.tiles + tasks - 1) / tasks;
    if (step.tiles_per_task < 1) return;
    if (step.tokens > FEW_TOKENS) step.tiles_per_task += step.tiles_per_task % 2;
    step.tile_tasks = (step.tiles + step.tiles_per_task - 1) / step.tiles_per_task;
    sp_pool_run(pool, step.tile_tasks * sp_runs_of_tokens(step.tokens), multiply_task, &step);
}

void sp_multiply(sp_pool *pool, const sp_product *products, int count, const sp_activations *input, int tokens) {
    run(pool, (multiply_step){.products = products, .count = count, .inputs = input, .tokens = tokens});
}

void sp_multiply_each(sp_pool *pool, const sp_product *products, const sp_activations *inputs, int count) {
    run(pool, (multiply_step){.products = products, .count = count, .inputs = inputs, .is_each = true, .tokens = 1});
}
