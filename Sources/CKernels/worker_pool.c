#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "include/worker_pool.h"
#include "kernels.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    // About 50 microseconds: longer than the serial code between two steps, short enough to burn nothing
    // while no text is being processed.
    SPINS_BEFORE_PARK = 2000,
    SPINS_BEFORE_YIELD = 4000,
};

typedef void (*work_function)(void *context, int task, int worker);

// A worker's own run of a step's tasks: the step's number above, the next task below.
typedef struct {
    _Alignas(64) _Atomic uint64_t next;
} task_run;

struct sp_pool {
    const sp_kernels *kernels;
    int threads;
    pthread_t *handles;

    pthread_mutex_t parking;
    pthread_cond_t wake;
    bool stop;

    // What one thread writes while others look at it has a cache line of its own.
    _Alignas(64) pthread_mutex_t callers;  // one step at a time
    _Alignas(64) work_function work;
    void *context;
    int tasks;
    task_run *runs;            // [threads]
    _Alignas(64) _Atomic uint32_t step;    // raised once per step
    _Alignas(64) _Atomic int running;      // workers that have not finished the step
    _Alignas(64) _Atomic int parked;       // workers that wait for `wake`, or are about to
};

typedef struct {
    sp_pool *pool;
    int worker;
} worker_start;

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// The first task of a worker's run, which ends where the next worker's starts.
static int start_of_run(const sp_pool *pool, int worker) {
    return (int)((int64_t)pool->tasks * worker / pool->threads);
}

// The next task of a worker's run, or -1 where all are taken. Who comes first starts the run.
static int next_of_run(sp_pool *pool, uint32_t step, int worker) {
    _Atomic uint64_t *next = &pool->runs[worker].next;
    const int end = start_of_run(pool, worker + 1);
    uint64_t seen = atomic_load_explicit(next, memory_order_relaxed);
    if (seen >> 32 != step) {
        const uint64_t start = (uint64_t)step << 32 | (uint32_t)start_of_run(pool, worker);
        if (atomic_compare_exchange_strong_explicit(
                next, &seen, start, memory_order_relaxed, memory_order_relaxed))
            seen = start;
    }
    // Without taking anything, so that many who look do not hold up each other.
    if ((int)(uint32_t)seen >= end) return -1;
    const int task = (int)(uint32_t)atomic_fetch_add_explicit(next, 1, memory_order_relaxed);
    return task < end ? task : -1;
}

// A worker's own run, then what is left of the others'.
static void take_tasks(sp_pool *pool, uint32_t step, int worker) {
    for (int i = 0; i < pool->threads; i++) {
        const int owner = (worker + i) % pool->threads;
        for (int task; (task = next_of_run(pool, step, owner)) >= 0;) pool->work(pool->context, task, worker);
    }
}

// Waits for a step other than `seen`; false when the pool is being destroyed.
static bool wait_for_step(sp_pool *pool, uint32_t seen) {
    for (int spin = 0; spin < SPINS_BEFORE_PARK; spin++) {
        if (atomic_load_explicit(&pool->step, memory_order_acquire) != seen) return true;
        pause_briefly();
    }
    pthread_mutex_lock(&pool->parking);
    // Either this look at the step sees a new one, or who raised it sees this worker parked.
    atomic_fetch_add_explicit(&pool->parked, 1, memory_order_seq_cst);
    while (!pool->stop && atomic_load_explicit(&pool->step, memory_order_seq_cst) == seen)
        pthread_cond_wait(&pool->wake, &pool->parking);
    atomic_fetch_sub_explicit(&pool->parked, 1, memory_order_relaxed);
    bool stop = pool->stop;
    pthread_mutex_unlock(&pool->parking);
    return !stop;
}

static void *worker_main(void *argument) {
    worker_start start = *(worker_start *)argument;
    free(argument);
    sp_pool *pool = start.pool;
    uint32_t seen = 0;
    while (wait_for_step(pool, seen)) {
        // Steps never overlap, so the step only ever advances by one between two looks.
        seen++;
        take_tasks(pool, seen, start.worker);
        atomic_fetch_sub_explicit(&pool->running, 1, memory_order_release);
    }
    return NULL;
}

sp_pool *sp_pool_create(int threads, const char *instruction_set) {
    const sp_kernels *kernels = sp_kernels_named(instruction_set);
    if (!kernels) return NULL;
    if (threads < 1) threads = 1;
    sp_pool *pool = aligned_alloc(64, (sizeof(sp_pool) + 63) / 64 * 64);
    if (!pool) return NULL;
    *pool = (sp_pool){.kernels = kernels, .threads = 1};
    pool->handles = calloc((size_t)threads, sizeof *pool->handles);
    pool->runs = aligned_alloc(64, (size_t)threads * sizeof *pool->runs);
    pthread_mutex_init(&pool->callers, NULL);
    pthread_mutex_init(&pool->parking, NULL);
    pthread_cond_init(&pool->wake, NULL);
    if (!pool->handles || !pool->runs) {
        sp_pool_destroy(pool);
        return NULL;
    }
    for (int worker = 0; worker < threads; worker++) atomic_init(&pool->runs[worker].next, 0);
    for (int worker = 1; worker < threads; worker++) {
        worker_start *start = malloc(sizeof *start);
        if (start) *start = (worker_start){pool, worker};
        if (!start || pthread_create(&pool->handles[worker], NULL, worker_main, start) != 0) {
            free(start);
            sp_pool_destroy(pool);
            return NULL;
        }
        pool->threads++;
    }
    return pool;
}

void sp_pool_destroy(sp_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->parking);
    pool->stop = true;
    pool->tasks = 0;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->parking);
    for (int worker = 1; worker < pool->threads; worker++) pthread_join(pool->handles[worker], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->parking);
    pthread_mutex_destroy(&pool->callers);
    free(pool->runs);
    free(pool->handles);
    free(pool);
}

int sp_pool_threads(const sp_pool *pool) { return pool->threads; }

const sp_kernels *sp_pool_kernels(const sp_pool *pool) { return pool->kernels; }

const char *sp_pool_instruction_set(const sp_pool *pool) { return pool->kernels->name; }

void sp_pool_run(sp_pool *pool, int tasks, work_function work, void *context) {
    if (tasks <= 0) return;
    if (tasks == 1) {
        work(context, 0, 0);
        return;
    }
    pthread_mutex_lock(&pool->callers);
    if (pool->threads == 1) {
        for (int task = 0; task < tasks; task++) work(context, task, 0);
        pthread_mutex_unlock(&pool->callers);
        return;
    }
    pool->work = work;
    pool->context = context;
    pool->tasks = tasks;
    atomic_store_explicit(&pool->running, pool->threads - 1, memory_order_relaxed);
    const uint32_t step = atomic_fetch_add_explicit(&pool->step, 1, memory_order_seq_cst) + 1;
    if (atomic_load_explicit(&pool->parked, memory_order_seq_cst) > 0) {
        // Under the lock, so that it has begun to wait.
        pthread_mutex_lock(&pool->parking);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->parking);
    }
    take_tasks(pool, step, 0);
    for (int spin = 0; atomic_load_explicit(&pool->running, memory_order_acquire) > 0; spin++) {
        if (spin < SPINS_BEFORE_YIELD) pause_briefly();
        else sched_yield();
    }
    pthread_mutex_unlock(&pool->callers);
}

int sp_available_processors(void) {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (int)count : 1;
}
