#include "include/machine_limits.h"
#include "product_tasks.h"

enum { READ_UNIT = 1 << 16 };

typedef struct {
    const sp_kernels *kernels;
    sp_limit limit;
    int rounds;
    const uint8_t *data;
    size_t share;
    bool in_turns;
} limit_step;

// Results of the products, so that the compiler cannot leave them out.
static _Thread_local volatile float result;

static void multiply_task(void *context, int task, int worker) {
    (void)task;
    (void)worker;
    const limit_step *step = context;
    float sink = 0;
    if (step->limit == SP_LIMIT_INT8) step->kernels->multiply_bytes(step->rounds, &sink);
    else step->kernels->multiply_singles(step->rounds, &sink);
    result = sink;
}

uint64_t sp_limit_multiply(sp_pool *pool, sp_limit limit, int rounds) {
    limit_step step = {.kernels = sp_pool_kernels(pool), .limit = limit, .rounds = rounds};
    int threads = sp_pool_threads(pool);
    sp_pool_run(pool, threads, multiply_task, &step);
    float sink = 0;
    uint64_t one = limit == SP_LIMIT_INT8 ? step.kernels->multiply_bytes(1, &sink)
                                          : step.kernels->multiply_singles(1, &sink);
    return one * (uint64_t)rounds * (uint64_t)threads;
}

static void read_task(void *context, int task, int worker) {
    (void)worker;
    const limit_step *step = context;
    float sink = 0;
    step->kernels->read_bytes(step->data + step->share * (size_t)task, step->share, step->in_turns, &sink);
    result = sink;
}

size_t sp_limit_read(sp_pool *pool, const uint8_t *data, size_t bytes, bool in_turns) {
    // Shares small enough that a thread that is held up leaves the rest to the others.
    size_t shares = (size_t)sp_pool_threads(pool) * 16;
    limit_step step = {
        .kernels = sp_pool_kernels(pool), .data = data, .share = bytes / shares / READ_UNIT * READ_UNIT,
        .in_turns = in_turns,
    };
    if (step.share == 0) return 0;
    sp_pool_run(pool, (int)shares, read_task, &step);
    return step.share * shares;
}

static void empty_task(void *context, int task, int worker) {
    (void)context;
    (void)task;
    (void)worker;
}

void sp_limit_steps(sp_pool *pool, int rounds) {
    const int tasks = tasks_of_run(pool, 1);
    for (int i = 0; i < rounds; i++) sp_pool_run(pool, tasks, empty_task, &rounds);
}
