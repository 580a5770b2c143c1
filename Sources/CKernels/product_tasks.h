// How work is shared out to a pool's threads: products by tiles, and many tokens by runs of them.

#ifndef CKERNELS_PRODUCT_TASKS_H
#define CKERNELS_PRODUCT_TASKS_H

#include "cache_fetch.h"
#include "kernels.h"

enum {
    // Tasks of a run of tokens for each thread, so that a late thread does not hold up the others.
    TASKS_PER_THREAD = 24,
    // Where each thread has runs of its own: who takes over another's task takes the run's inputs into its own cache
    // for it, and what it writes has to come back.
    TASKS_PER_THREAD_OWN_RUNS = 4,
    // A step waits for memory, and a long run of tiles reads it fastest.
    TASKS_PER_THREAD_FEW_TOKENS = 3,
    FEW_TOKENS = 8,
};

// How many tasks all threads together should find in a run of a batch's tokens.
static inline int tasks_of_run(const sp_pool *pool, int tokens) {
    const int threads = sp_pool_threads(pool);
    if (tokens <= FEW_TOKENS) return threads * TASKS_PER_THREAD_FEW_TOKENS;
    const bool has_own_runs = tokens % (threads * SP_TOKENS_TOGETHER) == 0;
    return threads * (has_own_runs ? TASKS_PER_THREAD_OWN_RUNS : TASKS_PER_THREAD);
}

// The task that follows the last one of those that a worker is likely to do one after the other from `task` on: the end
// of its own share, or this task alone where it is another's.
static inline int end_of_tasks(const sp_pool *pool, int tasks, int task, int worker) {
    const int threads = sp_pool_threads(pool);
    const bool is_own =
        task >= sp_first_of_share(threads, tasks, worker) && task < sp_first_of_share(threads, tasks, worker + 1);
    return is_own ? sp_first_of_share(threads, tasks, worker + 1) : task + 1;
}

// The inputs of the tokens from `first` on, the first one of a run.
static inline sp_activations from_token(const sp_activations *input, int first) {
    sp_activations rest = *input;
    rest.values += (size_t)sp_token_row(first) * (size_t)input->groups * SP_GROUP_COLUMNS;
    if (!input->quants) return rest;
    const size_t skipped = sp_input_index(input, 0, first);
    rest.quants += skipped * SP_GROUP_COLUMNS;
    rest.scales += skipped;
    rest.half_sums += 2 * skipped;
    return rest;
}

// Whether a product waits for memory, and its kernel fetches weights ahead.
static inline bool reads_ahead(const sp_matrix *matrix, const sp_activations *input, int tokens) {
    return tokens <= FEW_TOKENS && input->quants && sp_is_for_integers(matrix->format);
}

// Whether it takes tiles two at a time then.
static inline bool takes_turns(const sp_kernels *kernels, int tokens) {
    return kernels->multiply_in_turns && tokens == 1;
}

// Asks for the integers of a few tokens, parts of which other threads have just written.
static inline void fetch_input(const sp_activations *input) {
    const size_t units = (size_t)input->groups * (size_t)input->token_stride;
    sp_fetch_bytes((const uint8_t *)input->quants, units * SP_GROUP_COLUMNS, SP_FIRST_CACHE);
    sp_fetch_bytes((const uint8_t *)input->scales, units * sizeof *input->scales, SP_FIRST_CACHE);
    sp_fetch_bytes((const uint8_t *)input->half_sums, 2 * units * sizeof *input->half_sums, SP_FIRST_CACHE);
}

// Whether two tiles of these matrices may be a pair.
static inline bool are_pair(
    const sp_kernels *kernels, const sp_matrix *a, const sp_matrix *b, const sp_activations *input, int tokens) {
    return kernels->multiply_pair && tokens > FEW_TOKENS && input->quants && sp_is_for_integers(a->format)
        && a->format == b->format && a->half_scales == b->half_scales && a->zero == b->zero;
}

#endif
