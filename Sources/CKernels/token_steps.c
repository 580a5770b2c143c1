// Spreads what is done with each token by itself over the worker pool.

#include "include/operations.h"
#include "kernels.h"

enum {
    // Tokens whose values are computed together: neighbours share cache lines of the integer form, and a few tokens
    // are not worth waking another thread for.
    TOKENS_OF_BLOCK = 16,
};

typedef struct token_step {
    void (*work)(const struct token_step *step, int first, int count);
    const sp_kernels *kernels;
    const float *x;
    size_t stride;
    const float *weight;
    int count;
    float epsilon;
    const sp_activations *destination;
    int tokens;
    int blocks_per_task;
} token_step;

static void token_task(void *context, int task, int worker) {
    (void)worker;
    const token_step *step = context;
    const int size = step->blocks_per_task * TOKENS_OF_BLOCK, start = task * size;
    const int end = start + size < step->tokens ? start + size : step->tokens;
    for (int first = start; first < end; first += TOKENS_OF_BLOCK)
        step->work(step, first, end - first < TOKENS_OF_BLOCK ? end - first : TOKENS_OF_BLOCK);
}

// Does a step's work for every token, on this thread where they are few. A task for each thread: what another one did
// of its tokens would have to come back for the next product, which takes longer than it saved.
static void for_tokens(sp_pool *pool, int tokens, token_step step) {
    const int threads = sp_pool_threads(pool), blocks = (tokens + TOKENS_OF_BLOCK - 1) / TOKENS_OF_BLOCK;
    step.kernels = sp_pool_kernels(pool);
    step.tokens = tokens;
    step.blocks_per_task = (blocks + threads - 1) / threads;
    if (blocks > 0) sp_pool_run(pool, (blocks + step.blocks_per_task - 1) / step.blocks_per_task, token_task, &step);
}

// A group of all tokens after the other; all groups of a token that is alone.
static void quantize_tokens(const token_step *step, int first, int count) {
    const sp_activations *destination = step->destination;
    if (!destination->quants) return;
    const int groups = destination->groups;
    const size_t width = (size_t)groups * SP_GROUP_COLUMNS;
    sp_input_units units = {
        .values = destination->values + width * (size_t)sp_token_row(first),
        .value_step = count > 1 ? width : SP_GROUP_COLUMNS,
        .index = sp_input_index(destination, 0, first),
        .index_step = count > 1 ? 1 : (size_t)destination->token_stride, .count = count > 1 ? count : groups,
    };
    for (int group = 0; group < (count > 1 ? groups : 1); group++) {
        step->kernels->quantize(destination, &units);
        units.values += SP_GROUP_COLUMNS;
        units.index += (size_t)destination->token_stride;
    }
}

void sp_quantize(sp_pool *pool, const sp_activations *input, int tokens) {
    if (input->quants) for_tokens(pool, tokens, (token_step){.work = quantize_tokens, .destination = input});
}

static void norm_tokens(const token_step *step, int first, int count) {
    const size_t width = (size_t)step->destination->groups * SP_GROUP_COLUMNS;
    for (int i = first; i < first + count; i++) {
        const size_t row = (size_t)sp_token_row(i);
        step->kernels->rms_norm(
            step->x + step->stride * row, step->weight, step->count, step->epsilon,
            step->destination->values + width * row);
    }
    quantize_tokens(step, first, count);
}

void sp_rms_norm(
    sp_pool *pool, const float *x, size_t stride, int tokens, const float *weight, int count, float epsilon,
    const sp_activations *destination) {
    for_tokens(pool, tokens, (token_step){
        .work = norm_tokens, .x = x, .stride = stride, .weight = weight, .count = count, .epsilon = epsilon,
        .destination = destination,
    });
}

void sp_sum_tokens(const float *x, size_t stride, int tokens, int count, double *sums, double *squares) {
    for (int token = 0; token < tokens; token++) {
        const float *row = x + stride * (size_t)sp_token_row(token);
        for (int i = 0; i < count; i++) sums[i] += (double)row[i];
        for (int i = 0; squares && i < count; i++) squares[i] += (double)row[i] * (double)row[i];
    }
}
