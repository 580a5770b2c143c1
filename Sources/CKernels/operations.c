// Spreads each step of a layer over the worker pool. A task is a run of whole outputs, so its result does
// not depend on which worker runs it.

#include "include/operations.h"
#include "kernels.h"

#include <string.h>

enum {
    // Tokens whose values one task computes: neighbours share cache lines of the integer form, and a few tokens are
    // not worth waking another thread for.
    TOKENS_PER_TASK = 16,
    // Tasks a thread should find in a step, so that a late thread does not hold up the others. With few tokens a
    // step waits for memory, and a long run of tiles reads it fastest.
    TASKS_PER_THREAD = 24,
    TASKS_PER_THREAD_FEW_TOKENS = 3,
    FEW_TOKENS = 8,
};

// The inputs of the tokens from `first` on.
static sp_activations from_token(const sp_activations *input, int first) {
    sp_activations rest = *input;
    const size_t skipped = (size_t)first;
    rest.values += skipped * (size_t)input->groups * SP_GROUP_COLUMNS;
    if (!input->quants) return rest;
    rest.quants += skipped * SP_GROUP_COLUMNS;
    rest.scales += skipped;
    rest.scaled_sums += skipped;
    rest.half_sums += 2 * skipped;
    return rest;
}

static int runs_of_tokens(int tokens) { return (tokens + SP_TOKENS_TOGETHER - 1) / SP_TOKENS_TOGETHER; }

static int tokens_of_run(int tokens, int run) {
    const int left = tokens - run * SP_TOKENS_TOGETHER;
    return left < SP_TOKENS_TOGETHER ? left : SP_TOKENS_TOGETHER;
}

typedef struct {
    const sp_matrix *matrix;
    sp_element_type type;
    const void *source;
    const sp_arrangement *arrangement;
    uint8_t *data;
    int32_t first_tile;
} pack_step;

static void pack_task(void *context, int tile, int worker) {
    (void)worker;
    const pack_step *step = context;
    tile += step->first_tile;
    sp_matrix_pack(step->matrix, step->type, step->source, step->arrangement, step->data, tile, tile + 1);
}

void sp_pack(
    sp_pool *pool, const sp_matrix *matrix, sp_element_type type, const void *source,
    const sp_arrangement *arrangement, uint8_t *data, int32_t first_tile, int32_t last_tile) {
    pack_step step = {matrix, type, source, arrangement, data, first_tile};
    sp_pool_run(pool, last_tile - first_tile, pack_task, &step);
}

static int tiles_of(const sp_product *product) { return product->tiles ? product->tile_count : product->matrix->tiles; }

typedef struct {
    const sp_kernels *kernels;
    const sp_product *products;
    int count;
    const sp_activations *input;
    int tokens;
    int tiles;
    int tiles_per_task;
} multiply_step;

// The product's tile `index` for the tokens from `first_token` on, where this thread goes on with its tile `next`.
static sp_tile tile_at(const sp_product *product, int index, int next, int first_token) {
    const int32_t tile = product->tiles ? product->tiles[index] : index;
    float *output = product->output + product->output_stride * (size_t)first_token + (size_t)tile * SP_TILE_ROWS;
    return (sp_tile){product, tile, output, product, product->tiles ? product->tiles[next] : next};
}

// Whether two tiles of these matrices may be a pair.
static bool are_pair(
    const sp_kernels *kernels, const sp_matrix *a, const sp_matrix *b, const sp_activations *input, int tokens) {
    return kernels->multiply_pair && tokens > FEW_TOKENS && input->quants && a->format > SP_PACKED_BF16
        && a->format == b->format && a->half_scales == b->half_scales && a->zero == b->zero;
}

static void multiply_task(void *context, int task, int worker) {
    (void)worker;
    const multiply_step *step = context;
    const int runs = runs_of_tokens(step->tokens), run = task % runs, first_token = run * SP_TOKENS_TOGETHER;
    const int tokens = tokens_of_run(step->tokens, run);
    const sp_activations input = from_token(step->input, first_token);
    int first = task / runs * step->tiles_per_task;
    int last = first + step->tiles_per_task < step->tiles ? first + step->tiles_per_task : step->tiles;
    int base = 0;
    for (int i = 0; i < step->count; i++) {
        const sp_product *product = &step->products[i];
        const sp_matrix *matrix = product->matrix;
        int tiles = tiles_of(product);
        int to = last - base < tiles ? last - base : tiles;
        int index = first > base ? first - base : 0;
        if (are_pair(step->kernels, matrix, matrix, &input, tokens)) {
            for (; index + 2 <= to; index += 2) {
                const int next = index + 4 <= to ? index + 2 : index;
                const sp_tile pair[2] = {
                    tile_at(product, index, next, first_token), tile_at(product, index + 1, next + 1, first_token),
                };
                step->kernels->multiply_pair(pair, &input, tokens);
            }
        }
        for (; index < to; index++) {
            const sp_tile tile = tile_at(product, index, index + 1 < to ? index + 1 : index, first_token);
            step->kernels->multiply_tile(&tile, &input, tokens);
        }
        base += tiles;
    }
}

void sp_multiply(sp_pool *pool, const sp_product *products, int count, const sp_activations *input, int tokens) {
    multiply_step step = {sp_pool_kernels(pool), products, count, input, tokens, 0, 1};
    for (int i = 0; i < count; i++) step.tiles += tiles_of(&products[i]);
    int tasks = sp_pool_threads(pool) * (tokens <= FEW_TOKENS ? TASKS_PER_THREAD_FEW_TOKENS : TASKS_PER_THREAD);
    step.tiles_per_task = (step.tiles + tasks - 1) / tasks;
    if (step.tiles_per_task < 1) return;
    if (tokens > FEW_TOKENS) step.tiles_per_task += step.tiles_per_task % 2;
    const int tile_tasks = (step.tiles + step.tiles_per_task - 1) / step.tiles_per_task;
    sp_pool_run(pool, tile_tasks * runs_of_tokens(tokens), multiply_task, &step);
}

typedef struct {
    const sp_kernels *kernels;
    const sp_gated_product *product;
    const sp_activations *input;
    const sp_activations *destination;
    int tokens;
    int groups;
    int groups_per_task;
} gated_step;

// The tile of one half of a group of channels, or -1 where it is not computed.
static int32_t gated_tile(const sp_gated_product *product, int index, int half) {
    const int32_t group = sp_group_index(&product->columns, index);
    const int32_t tile = group * product->layout.group + half * product->layout.second;
    const bool is_wanted = sp_halves_of(&product->columns, index) & (half == 0 ? SP_FIRST_HALF : SP_SECOND_HALF);
    // The last group of a row may have no second half.
    return is_wanted && tile < product->gate->tiles ? tile : -1;
}

// Gate and up of the groups [first, last) of a task: scratch[group][half][2][tokens][16].
static void multiply_gated_tiles(const gated_step *step, int first, int last, float *scratch) {
    const sp_gated_product *product = step->product;
    const sp_product products[2] = {
        {.matrix = product->gate, .output_stride = SP_TILE_ROWS}, {.matrix = product->up, .output_stride = SP_TILE_ROWS},
    };
    const size_t size = (size_t)step->tokens * SP_TILE_ROWS;
    sp_tile tiles[2][2 * SP_GATED_UNITS];
    int count = 0;
    for (int half = 0; half < 2; half++) {
        for (int i = first; i < last; i++) {
            const int32_t tile = gated_tile(product, i, half);
            if (tile < 0) continue;
            float *output = scratch + size * (size_t)(4 * (i - first) + 2 * half);
            for (int p = 0; p < 2; p++) tiles[p][count] = (sp_tile){&products[p], tile, output + size * (size_t)p, &products[p], tile};
            count++;
        }
    }
    if (are_pair(step->kernels, product->gate, product->up, step->input, step->tokens)) {
        for (int i = 0; i < count; i++) {
            const sp_tile pair[2] = {tiles[0][i], tiles[1][i]};
            step->kernels->multiply_pair(pair, step->input, step->tokens);
        }
        return;
    }
    // A thread that waits for memory reads one matrix after the other.
    for (int p = 0; p < 2; p++) {
        for (int i = 0; i < count; i++) {
            const sp_tile *next = i + 1 < count ? &tiles[p][i + 1] : &tiles[1][p == 0 ? 0 : i];
            tiles[p][i].next_product = next->product;
            tiles[p][i].next = next->tile;
            step->kernels->multiply_tile(&tiles[p][i], step->input, step->tokens);
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
        step->kernels->quantize(destination, units);
    }
}

static void copy_gated_values(const gated_step *step, int32_t group, const float *values) {
    const size_t width = (size_t)step->destination->groups * SP_GROUP_COLUMNS;
    for (int t = 0; t < step->tokens; t++) {
        float *row = step->destination->values + width * (size_t)t + (size_t)group * SP_GROUP_COLUMNS;
        memcpy(row, values + t * SP_GROUP_COLUMNS, SP_GROUP_COLUMNS * sizeof *values);
    }
}

// The groups of one task, for the tokens of the step.
static void multiply_gated_groups(const gated_step *step, int task, float *scratch) {
    const sp_gated_product *product = step->product;
    const sp_activations *destination = step->destination;
    const size_t size = (size_t)step->tokens * SP_TILE_ROWS;
    float *values = scratch + 4 * size * (size_t)step->groups_per_task;
    const int first = task * step->groups_per_task, left = step->groups - first;
    const int last = first + (left < step->groups_per_task ? left : step->groups_per_task);
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
    const int runs = runs_of_tokens(step->tokens), run = task % runs;
    const sp_activations input = from_token(step->input, run * SP_TOKENS_TOGETHER);
    const sp_activations destination = from_token(step->destination, run * SP_TOKENS_TOGETHER);
    gated_step of_run = *step;
    of_run.input = &input;
    of_run.destination = &destination;
    of_run.tokens = tokens_of_run(step->tokens, run);
    multiply_gated_groups(&of_run, task / runs, step->product->scratch + sp_gated_scratch(step->tokens) * (size_t)worker);
}

void sp_multiply_gated(
    sp_pool *pool, const sp_gated_product *product, const sp_activations *input, int tokens,
    const sp_activations *destination) {
    gated_step step = {
        .kernels = sp_pool_kernels(pool), .product = product, .input = input, .destination = destination,
        .tokens = tokens, .groups = product->columns.groups ? product->columns.count : destination->groups,
        .groups_per_task = 1,
    };
    if (step.groups < 1) return;
    if (tokens <= FEW_TOKENS) {
        const int tasks = sp_pool_threads(pool) * TASKS_PER_THREAD_FEW_TOKENS, room = SP_GATED_UNITS / tokens;
        const int share = (step.groups + tasks - 1) / tasks;
        step.groups_per_task = share < room ? share : room;
    }
    const int group_tasks = (step.groups + step.groups_per_task - 1) / step.groups_per_task;
    sp_pool_run(pool, group_tasks * runs_of_tokens(tokens), gated_task, &step);
}

typedef struct token_step {
    void (*work)(const struct token_step *step, int token);
    const sp_kernels *kernels;
    const float *x;
    size_t stride;
    const float *weight;
    int count;
    float epsilon;
    const sp_activations *destination;
    int tokens;
} token_step;

static void token_task(void *context, int task, int worker) {
    (void)worker;
    const token_step *step = context;
    const int first = task * TOKENS_PER_TASK, left = step->tokens - first;
    for (int i = 0; i < (left < TOKENS_PER_TASK ? left : TOKENS_PER_TASK); i++) step->work(step, first + i);
}

// Does a step's work for every token, on this thread where they are few.
static void for_tokens(sp_pool *pool, int tokens, token_step step) {
    step.kernels = sp_pool_kernels(pool);
    step.tokens = tokens;
    sp_pool_run(pool, (tokens + TOKENS_PER_TASK - 1) / TOKENS_PER_TASK, token_task, &step);
}

static void quantize_token(const token_step *step, int token) {
    const sp_activations *destination = step->destination;
    if (!destination->quants) return;
    step->kernels->quantize(destination, (sp_input_units){
        .values = destination->values + (size_t)token * (size_t)destination->groups * SP_GROUP_COLUMNS,
        .value_step = SP_GROUP_COLUMNS, .index = sp_input_index(destination, 0, token),
        .index_step = (size_t)destination->token_stride, .count = destination->groups,
    });
}

void sp_quantize(sp_pool *pool, const sp_activations *input, int tokens) {
    if (input->quants) for_tokens(pool, tokens, (token_step){.work = quantize_token, .destination = input});
}

static void norm_token(const token_step *step, int token) {
    const sp_activations *destination = step->destination;
    step->kernels->rms_norm(
        step->x + step->stride * (size_t)token, step->weight, step->count, step->epsilon,
        destination->values + (size_t)token * (size_t)destination->groups * SP_GROUP_COLUMNS);
    quantize_token(step, token);
}

void sp_rms_norm(
    sp_pool *pool, const float *x, size_t stride, int tokens, const float *weight, int count, float epsilon,
    const sp_activations *destination) {
    for_tokens(pool, tokens, (token_step){
        .work = norm_token, .x = x, .stride = stride, .weight = weight, .count = count, .epsilon = epsilon,
        .destination = destination,
    });
}

void sp_sum_tokens(const float *x, size_t stride, int tokens, int count, double *sums, double *squares) {
    for (int token = 0; token < tokens; token++) {
        const float *row = x + stride * (size_t)token;
        for (int i = 0; i < count; i++) sums[i] += (double)row[i];
        for (int i = 0; squares && i < count; i++) squares[i] += (double)row[i] * (double)row[i];
    }
}
