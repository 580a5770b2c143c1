// Spreads what is done with each token by itself over the worker pool.

#include "include/operations.h"
#include "kernels.h"

enum {
    // Tokens whose values one task computes: neighbours share cache lines of the integer form, and a few tokens are
    // not worth waking another thread for.
    TOKENS_PER_TASK = 16,
};

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
