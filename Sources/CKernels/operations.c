// Spreads each step of a layer over the worker pool. A task is a run of whole outputs, so its result does
// not depend on which worker runs it.

#include "include/operations.h"
#include "kernels.h"

#include <string.h>

enum {
    // Fewer tokens than this are not worth waking another thread for.
    PARALLEL_TOKENS = 4,
    // Tasks a thread should find in a step, so that a late thread does not hold up the others.
    TASKS_PER_THREAD = 8,
};

typedef struct {
    const sp_matrix *matrix;
    sp_element_type type;
    const void *source;
    int32_t rotary_pairs;
    uint8_t *data;
} pack_step;

static void pack_task(void *context, int tile, int worker) {
    (void)worker;
    const pack_step *step = context;
    sp_matrix_pack(step->matrix, step->type, step->source, step->rotary_pairs, step->data, tile, tile + 1);
}

void sp_pack(
    sp_pool *pool, const sp_matrix *matrix, sp_element_type type, const void *source, int32_t rotary_pairs,
    uint8_t *data) {
    pack_step step = {matrix, type, source, rotary_pairs, data};
    sp_pool_run(pool, matrix->tiles, pack_task, &step);
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
        for (int index = from; index < to; index++) {
            int32_t tile = product->tiles ? product->tiles[index] : index;
            step->kernels->multiply_tile(product, step->input, tile, 0, step->tokens);
        }
        base += tiles;
    }
}

void sp_multiply(sp_pool *pool, const sp_product *products, int count, const sp_activations *input, int tokens) {
    multiply_step step = {sp_pool_kernels(pool), products, count, input, tokens, 0, 1};
    for (int i = 0; i < count; i++) step.tiles += tiles_of(&products[i]);
    int tasks = sp_pool_threads(pool) * TASKS_PER_THREAD;
    step.tiles_per_task = (step.tiles + tasks - 1) / tasks;
    if (step.tiles_per_task < 1) return;
    sp_pool_run(pool, (step.tiles + step.tiles_per_task - 1) / step.tiles_per_task, multiply_task, &step);
}

// Runs work(context, token, worker) for every token, on this thread where they are few.
static void for_tokens(sp_pool *pool, int tokens, void (*work)(void *, int, int), void *context) {
    if (tokens >= PARALLEL_TOKENS) {
        sp_pool_run(pool, tokens, work, context);
    } else {
        for (int token = 0; token < tokens; token++) work(context, token, 0);
    }
}

typedef struct {
    const sp_kernels *kernels;
    const float *x;
    const float *second;
    size_t stride;
    const float *weight;
    int count;
    float epsilon;
    const sp_activations *destination;
} token_step;

static void quantize_task(void *context, int token, int worker) {
    (void)worker;
    const token_step *step = context;
    step->kernels->quantize(step->destination, token);
}

void sp_quantize(sp_pool *pool, const sp_activations *input, int tokens) {
    token_step step = {.kernels = sp_pool_kernels(pool), .destination = input};
    if (input->quants) for_tokens(pool, tokens, quantize_task, &step);
}

static float *token_values(const sp_activations *activations, int token) {
    return activations->values + (size_t)token * (size_t)activations->groups * SP_GROUP_COLUMNS;
}

static void norm_task(void *context, int token, int worker) {
    (void)worker;
    const token_step *step = context;
    step->kernels->rms_norm(
        step->x + step->stride * (size_t)token, step->weight, step->count, step->epsilon,
        token_values(step->destination, token));
    if (step->destination->quants) step->kernels->quantize(step->destination, token);
}

void sp_rms_norm(
    sp_pool *pool, const float *x, size_t stride, int tokens, const float *weight, int count, float epsilon,
    const sp_activations *destination) {
    token_step step = {
        .kernels = sp_pool_kernels(pool), .x = x, .stride = stride, .weight = weight, .count = count,
        .epsilon = epsilon, .destination = destination,
    };
    for_tokens(pool, tokens, norm_task, &step);
}

static void swiglu_task(void *context, int token, int worker) {
    (void)worker;
    const token_step *step = context;
    const float *gate = step->x + step->stride * (size_t)token;
    const float *up = step->second + step->stride * (size_t)token;
    step->kernels->swiglu(gate, up, token_values(step->destination, token), step->count);
    if (step->destination->quants) step->kernels->quantize(step->destination, token);
}

void sp_swiglu(
    sp_pool *pool, const float *gate, const float *up, size_t stride, int tokens, const sp_activations *destination) {
    token_step step = {
        .kernels = sp_pool_kernels(pool), .x = gate, .second = up, .stride = stride, .count = (int)stride,
        .destination = destination,
    };
    for_tokens(pool, tokens, swiglu_task, &step);
}

void sp_rotate(
    sp_pool *pool, float *x, size_t stride, int tokens, const int32_t *heads, int head_count, int head_stride,
    const float *cosines, const float *sines, int pairs) {
    const sp_kernels *kernels = sp_pool_kernels(pool);
    for (int token = 0; token < tokens; token++) {
        for (int i = 0; i < head_count; i++) {
            float *head = x + stride * (size_t)token + (size_t)heads[i] * (size_t)head_stride;
            kernels->rotate(head, cosines + (size_t)token * (size_t)pairs, sines + (size_t)token * (size_t)pairs, pairs);
        }
    }
}

void sp_cache_append(
    float *cached_keys, float *cached_values, const float *keys, const float *values, size_t stride, int tokens,
    int first, int head_stride) {
    for (int token = 0; token < tokens; token++) {
        size_t position = (size_t)(first + token);
        float *block = cached_keys + position / SP_KEY_BLOCK * SP_KEY_BLOCK * (size_t)head_stride;
        const float *key = keys + stride * (size_t)token;
        for (int i = 0; i < head_stride; i++) block[(size_t)i * SP_KEY_BLOCK + position % SP_KEY_BLOCK] = key[i];
        memcpy(
            cached_values + position * (size_t)head_stride, values + stride * (size_t)token,
            sizeof(float) * (size_t)head_stride);
    }
}

size_t sp_attention_scratch(int positions) {
    size_t padded = ((size_t)positions + SP_KEY_BLOCK - 1) / SP_KEY_BLOCK * SP_KEY_BLOCK;
    return padded * SP_ATTENTION_ROWS * sizeof(float);
}

typedef struct {
    sp_pool *pool;
    const sp_attention *attention;
    int tokens_per_task;
    int token_tasks;
} attention_step;

// One key/value group and a run of tokens: all their queries that run, a register block at a time.
static void attention_task(void *context, int task, int worker) {
    const attention_step *step = context;
    const sp_attention *attention = step->attention;
    const sp_attention_group *group = &attention->groups[task / step->token_tasks];
    int first = task % step->token_tasks * step->tokens_per_task;
    int last = first + step->tokens_per_task < attention->tokens ? first + step->tokens_per_task : attention->tokens;
    const float *queries[SP_ATTENTION_ROWS];
    float *outputs[SP_ATTENTION_ROWS];
    int positions[SP_ATTENTION_ROWS];
    int rows = 0, left = (last - first) * group->head_count;
    float *scratch = sp_pool_scratch(step->pool, worker);
    for (int token = first; token < last; token++) {
        for (int i = 0; i < group->head_count; i++) {
            size_t head = (size_t)group->heads[i];
            queries[rows] = attention->queries + attention->query_stride * (size_t)token + head * (size_t)attention->head_stride;
            outputs[rows] = attention->output + attention->output_stride * (size_t)token + head * (size_t)attention->head_size;
            positions[rows] = attention->first_position + token + 1;
            rows++;
            left--;
            if (rows == SP_ATTENTION_ROWS || left == 0) {
                sp_pool_kernels(step->pool)->attend(attention, group, queries, outputs, positions, rows, scratch);
                rows = 0;
            }
        }
    }
}

void sp_attend(sp_pool *pool, const sp_attention *attention) {
    attention_step step = {pool, attention, SP_ATTENTION_ROWS, 0};
    step.token_tasks = (attention->tokens + step.tokens_per_task - 1) / step.tokens_per_task;
    sp_pool_run(pool, step.token_tasks * attention->group_count, attention_task, &step);
}

void sp_sum_tokens(const float *x, size_t stride, int tokens, int count, double *sums) {
    for (int token = 0; token < tokens; token++) {
        for (int i = 0; i < count; i++) sums[i] += (double)x[stride * (size_t)token + (size_t)i];
    }
}
