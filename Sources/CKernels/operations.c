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

static int32_t tile_at(const sp_product *product, int index) { return product->tiles ? product->tiles[index] : index; }

static sp_tile_pair pair_at(const sp_product *product, int index) {
    return (sp_tile_pair){tile_at(product, index), tile_at(product, index + 1)};
}

static bool takes_pairs(const multiply_step *step, const sp_product *product) {
    return step->kernels->multiply_pair && step->tokens > FEW_TOKENS && step->input->quants
        && product->matrix->format > SP_PACKED_BF16;
}

static void multiply_task(void *context, int task, int worker) {
    (void)worker;
    const multiply_step *step = context;
    int first = task * step->tiles_per_task;
    int last = first + step->tiles_per_task < step->tiles ? first + step->tiles_per_task : step->tiles;
    int base = 0;
    for (int i = 0; i < step->count; i++) {
        const sp_product *product = &step->products[i];
        int tiles = tiles_of(product);
        int from = first > base ? first - base : 0;
        int to = last - base < tiles ? last - base : tiles;
        int index = from;
        for (; takes_pairs(step, product) && index + 2 <= to; index += 2) {
            const sp_tile_pair pair = pair_at(product, index);
            const sp_tile_pair next = index + 4 <= to ? pair_at(product, index + 2) : pair;
            step->kernels->multiply_pair(product, step->input, pair, next, step->tokens);
        }
        for (; index < to; index++) {
            const int next = index + 1 < to ? index + 1 : index;
            step->kernels->multiply_tile(
                product, step->input, tile_at(product, index), tile_at(product, next), 0, step->tokens);
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
    sp_pool_run(pool, (step.tiles + step.tiles_per_task - 1) / step.tiles_per_task, multiply_task, &step);
}

typedef struct token_step {
    void (*work)(const struct token_step *step, int token);
    const sp_kernels *kernels;
    const float *x;
    const float *second;
    size_t stride;
    const float *weight;
    int count;
    float epsilon;
    const sp_activations *destination;
    const sp_columns *columns;
    const sp_half_layout *layout;
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
    step->kernels->quantize(step->destination, token, 0, step->destination->groups);
}

void sp_quantize(sp_pool *pool, const sp_activations *input, int tokens) {
    if (input->quants) for_tokens(pool, tokens, (token_step){.work = quantize_token, .destination = input});
}

static float *token_values(const sp_activations *activations, int token) {
    return activations->values + (size_t)token * (size_t)activations->groups * SP_GROUP_COLUMNS;
}

static void norm_token(const token_step *step, int token) {
    step->kernels->rms_norm(
        step->x + step->stride * (size_t)token, step->weight, step->count, step->epsilon,
        token_values(step->destination, token));
    if (step->destination->quants) step->kernels->quantize(step->destination, token, 0, step->destination->groups);
}

void sp_rms_norm(
    sp_pool *pool, const float *x, size_t stride, int tokens, const float *weight, int count, float epsilon,
    const sp_activations *destination) {
    for_tokens(pool, tokens, (token_step){
        .work = norm_token, .x = x, .stride = stride, .weight = weight, .count = count, .epsilon = epsilon,
        .destination = destination,
    });
}

// One half of the groups [first, last) of one token; the last group of a row may have no second half.
static void swiglu_half(const token_step *step, int token, int32_t first, int32_t last, size_t half) {
    const sp_half_layout *layout = step->layout;
    const size_t start = layout->group * (size_t)first + layout->second * half;
    if (layout->group * (size_t)(last - 1) + layout->second * half >= step->stride) last--;
    const size_t row = step->stride * (size_t)token, column = SP_GROUP_COLUMNS * (size_t)first + SP_HALF_COLUMNS * half;
    step->kernels->swiglu(
        step->x + row + start, step->second + row + start, layout->group,
        token_values(step->destination, token) + column, last - first);
}

// The groups [first, last) of one token, of which `halves` are computed and the others zero.
static void swiglu_groups(const token_step *step, int token, int32_t first, int32_t last, sp_halves halves) {
    if (halves != SP_BOTH_HALVES) {
        float *values = token_values(step->destination, token) + (size_t)first * SP_GROUP_COLUMNS;
        memset(values, 0, (size_t)(last - first) * SP_GROUP_COLUMNS * sizeof *values);
    }
    if (halves & SP_FIRST_HALF) swiglu_half(step, token, first, last, 0);
    if (halves & SP_SECOND_HALF) swiglu_half(step, token, first, last, 1);
    if (step->destination->quants) step->kernels->quantize(step->destination, token, first, last);
}

static void swiglu_token(const token_step *step, int token) {
    const sp_columns *columns = step->columns;
    if (!columns->groups) {
        swiglu_groups(step, token, 0, step->destination->groups, SP_BOTH_HALVES);
        return;
    }
    for (int32_t i = 0; i < columns->count;) {
        const int32_t first = columns->groups[i];
        const sp_halves halves = sp_halves_of(columns, i++);
        int32_t last = first + 1;
        for (; i < columns->count && columns->groups[i] == last; i++, last++)
            if (sp_halves_of(columns, i) != halves) break;
        swiglu_groups(step, token, first, last, halves);
    }
}

void sp_swiglu(
    sp_pool *pool, const float *gate, const float *up, size_t stride, const sp_half_layout *layout, int tokens,
    const sp_columns *columns, const sp_activations *destination) {
    for_tokens(pool, tokens, (token_step){
        .work = swiglu_token, .x = gate, .second = up, .stride = stride, .destination = destination,
        .columns = columns, .layout = layout,
    });
}

void sp_sum_tokens(const float *x, size_t stride, int tokens, int count, double *sums, double *squares) {
    for (int token = 0; token < tokens; token++) {
        const float *row = x + stride * (size_t)token;
        for (int i = 0; i < count; i++) sums[i] += (double)row[i];
        for (int i = 0; squares && i < count; i++) squares[i] += (double)row[i] * (double)row[i];
    }
}
