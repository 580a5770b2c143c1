#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "include/worker_pool.h"
#include "cache_fetch.h"
#include "kernels.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    // About 50 microseconds, of a worker between steps and of the caller at a step's end: longer than the serial code
    // between two steps, short enough to burn nothing while no text is being processed.
    SPINS_BEFORE_PARK = 2000,
    // A step that keeps its caller waiting for so many nanoseconds, and as long as so many of the caller's own tasks,
    // waits for a worker that has lost its processor to another program.
    STALL = 300000,
    STALL_TASKS = 4,
    // Where one follows another within so many nanoseconds, steps are the caller's alone for a while, and for twice as
    // long each time it goes on, up to the most.
    STALLS_APART = 32000000,
    SHORTEST_SOLO = 4000000,
    LONGEST_SOLO = 256000000,
    RENEWED_AFTER_STEPS = 1 << 30,
    // What a step's context refers to lies above it on its caller's stack. A worker that comes upon one such thing
    // after the other waits for another processor's cache each time, so it asks for so many bytes at once.
    CONTEXT_AHEAD = 1024,
};

typedef void (*work_function)(void *context, int task, int worker);

// Steps are numbered. A number stands above, a count below: a step and how many tasks it has, the step that a worker's
// own run of tasks is of and the next task of it, or the step that a worker did tasks of last and how many.
typedef uint64_t numbered;

static inline numbered numbered_count(uint32_t number, int count) { return (uint64_t)number << 32 | (uint32_t)count; }
static inline uint32_t number_of(numbered value) { return (uint32_t)(value >> 32); }
static inline int count_of(numbered value) { return (int)(uint32_t)value; }

// What one thread writes while others look at it has a cache line of its own, as every line that changes hands takes
// 30 to 200 nanoseconds, and what is read together shares one.
typedef struct {
    _Alignas(64) _Atomic numbered next;    // of the worker's own run of tasks
    _Alignas(64) _Atomic numbered done;
} worker_progress;

struct sp_pool {
    const sp_kernels *kernels;
    int threads;
    pthread_t *handles;
    worker_progress *progress; // [threads]

    pthread_mutex_t parking;
    pthread_cond_t wake;       // of workers: a step has begun
    pthread_cond_t finished;   // of the caller: a step has ended
    bool stop;

    _Alignas(64) pthread_mutex_t callers;  // one step at a time
    uint64_t solo_end;         // in nanoseconds of the clock: until then steps are the caller's alone
    uint64_t solo_length;      // 0 after the first stall
    _Alignas(64) _Atomic numbered step;
    work_function work;
    void *_Atomic context;
    _Alignas(64) _Atomic int parked;       // workers that wait for `wake`, or are about to, and nobody wakes
    _Atomic bool is_awaited;               // the caller waits for `finished`, or is about to
};

typedef struct {
    sp_pool *pool;
    int worker;
} worker_start;

static uint64_t nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// A store that no later load may overtake. A plain one of this order says so too, but emulators of Arm on x86 let it be
// overtaken by a load (seen in QEMU), so that both threads went to sleep.
#define store_before_loads(OBJECT, VALUE) ((void)atomic_exchange_explicit(OBJECT, VALUE, memory_order_seq_cst))

// The next task of a worker's run, or -1 where all are taken. Who comes first starts the run; who comes so late that
// the step has ended finds it all taken, or a later step's.
static int next_of_run(sp_pool *pool, numbered step, int worker) {
    _Atomic numbered *next = &pool->progress[worker].next;
    const int start = sp_first_of_share(pool->threads, count_of(step), worker);
    const int end = sp_first_of_share(pool->threads, count_of(step), worker + 1);
    if (start == end) return -1;
    numbered seen = atomic_load_explicit(next, memory_order_relaxed);
    while (true) {
        const int32_t age = (int32_t)(number_of(step) - number_of(seen));
        const int task = age > 0 ? start : count_of(seen);
        if (age < 0 || task >= end) return -1;
        const numbered taken = numbered_count(number_of(step), task + 1);
        if (atomic_compare_exchange_weak_explicit(next, &seen, taken, memory_order_relaxed, memory_order_relaxed))
            return task;
    }
}

// The tasks of an owner's run that nobody has taken yet. Returns how many it did. The step cannot end while a task of
// it is not done, so its work and context stay.
static int do_run(sp_pool *pool, numbered step, int owner, int worker) {
    int done = 0;
    for (int task; (task = next_of_run(pool, step, owner)) >= 0; done++)
        pool->work(atomic_load_explicit(&pool->context, memory_order_relaxed), task, worker);
    return done;
}

// What is left of the others' runs.
static int help_others(sp_pool *pool, numbered step, int worker) {
    int done = 0;
    for (int i = 1; i < pool->threads; i++) done += do_run(pool, step, (worker + i) % pool->threads, worker);
    return done;
}

// Waits for a step other than `seen` and returns it; `seen` itself when the pool is being destroyed.
static numbered wait_for_step(sp_pool *pool, numbered seen) {
    for (int spin = 0; spin < SPINS_BEFORE_PARK; spin++) {
        const numbered step = atomic_load_explicit(&pool->step, memory_order_acquire);
        if (step != seen) return step;
        pause_briefly();
    }
    numbered step = seen;
    pthread_mutex_lock(&pool->parking);
    while (!pool->stop) {
        // Either this look at the step sees a new one, or who raised it sees this worker parked. Each time anew: who
        // wakes workers counts none of them any more, and may have meant an earlier step.
        atomic_fetch_add_explicit(&pool->parked, 1, memory_order_seq_cst);
        step = atomic_load_explicit(&pool->step, memory_order_seq_cst);
        if (step != seen) {
            atomic_fetch_sub_explicit(&pool->parked, 1, memory_order_relaxed);
            break;
        }
        pthread_cond_wait(&pool->wake, &pool->parking);
    }
    pthread_mutex_unlock(&pool->parking);
    return step;
}

// Says how many tasks of a step a worker has done.
static void report(sp_pool *pool, numbered step, int worker, int done) {
    store_before_loads(&pool->progress[worker].done, numbered_count(number_of(step), done));
    if (!atomic_load_explicit(&pool->is_awaited, memory_order_seq_cst)) return;
    pthread_mutex_lock(&pool->parking);
    pthread_cond_signal(&pool->finished);
    pthread_mutex_unlock(&pool->parking);
}

static void *worker_main(void *argument) {
    worker_start start = *(worker_start *)argument;
    free(argument);
    sp_pool *pool = start.pool;
    for (numbered seen = 0, step; (step = wait_for_step(pool, seen)) != seen; seen = step) {
        // Of this step, or of a later one: nothing is read.
        sp_fetch_bytes(atomic_load_explicit(&pool->context, memory_order_relaxed), CONTEXT_AHEAD, SP_FIRST_CACHE);
        // Before it looks for more, which takes as long as a line needs from one processor to another.
        const int own = do_run(pool, step, start.worker, start.worker);
        if (own > 0) report(pool, step, start.worker, own);
        const int others = help_others(pool, step, start.worker);
        if (others > 0) report(pool, step, start.worker, own + others);
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
    pool->progress = aligned_alloc(64, (size_t)threads * sizeof *pool->progress);
    pthread_mutex_init(&pool->callers, NULL);
    pthread_mutex_init(&pool->parking, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->finished, NULL);
    if (!pool->handles || !pool->progress) {
        sp_pool_destroy(pool);
        return NULL;
    }
    for (int worker = 0; worker < threads; worker++) {
        atomic_init(&pool->progress[worker].next, 0);
        atomic_init(&pool->progress[worker].done, 0);
    }
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
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->parking);
    for (int worker = 1; worker < pool->threads; worker++) pthread_join(pool->handles[worker], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->finished);
    pthread_mutex_destroy(&pool->parking);
    pthread_mutex_destroy(&pool->callers);
    free(pool->progress);
    free(pool->handles);
    free(pool);
}

int sp_pool_threads(const sp_pool *pool) { return pool->threads; }

const sp_kernels *sp_pool_kernels(const sp_pool *pool) { return pool->kernels; }

const char *sp_pool_instruction_set(const sp_pool *pool) { return pool->kernels->name; }

// How many tasks of a step others than the caller say that they have done.
static int done_by_others(sp_pool *pool, numbered step) {
    int tasks = 0;
    for (int worker = 1; worker < pool->threads; worker++) {
        const numbered done = atomic_load_explicit(&pool->progress[worker].done, memory_order_seq_cst);
        if (number_of(done) == number_of(step)) tasks += count_of(done);
    }
    return tasks;
}

// Waits until others have done so many tasks. A worker that took none is not waited for: it may not have a processor.
// Returns when it went to sleep, in nanoseconds of the clock, or 0 where it did not.
static uint64_t wait_for_others(sp_pool *pool, numbered step, int tasks) {
    for (int spin = 0; spin < SPINS_BEFORE_PARK; spin++) {
        if (done_by_others(pool, step) == tasks) return 0;
        pause_briefly();
    }
    const uint64_t start = nanoseconds();
    // Without this thread there may be a processor for a worker that has none.
    pthread_mutex_lock(&pool->parking);
    store_before_loads(&pool->is_awaited, true);
    while (done_by_others(pool, step) < tasks)
        pthread_cond_wait(&pool->finished, &pool->parking);
    atomic_store_explicit(&pool->is_awaited, false, memory_order_relaxed);
    pthread_mutex_unlock(&pool->parking);
    return start;
}

// After a step in which the caller did some tasks in `own` nanoseconds and waited for others in `stall`: goes on alone
// for a while where that was, again, for a worker without a processor.
static void notice_stall(sp_pool *pool, uint64_t start, uint64_t own, uint64_t stall, int done) {
    if (stall < STALL || stall * (uint64_t)done < STALL_TASKS * own) return;
    // Any system has a single stall now and then.
    const bool is_again = start < pool->solo_end + STALLS_APART;
    const uint64_t longer = pool->solo_length > 0 ? 2 * pool->solo_length : SHORTEST_SOLO;
    pool->solo_length = !is_again ? 0 : longer < LONGEST_SOLO ? longer : LONGEST_SOLO;
    pool->solo_end = start + own + stall + pool->solo_length;
}

// Wakes the workers that are parked. Once each: one without a processor is parked no more.
static void wake_workers(sp_pool *pool) {
    // Under the lock, so that they have begun to wait.
    pthread_mutex_lock(&pool->parking);
    atomic_store_explicit(&pool->parked, 0, memory_order_relaxed);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->parking);
}

// Runs that no step has had tasks for keep an old number, which would be a later one when numbers start over; and a
// worker that has done none since would seem to have done some of the step that has its number then.
static void renew_progress(sp_pool *pool, uint32_t number) {
    for (int worker = 0; worker < pool->threads; worker++) {
        worker_progress *progress = &pool->progress[worker];
        atomic_store_explicit(&progress->next, numbered_count(number - 1, INT32_MAX), memory_order_relaxed);
        atomic_store_explicit(&progress->done, numbered_count(number - 1, 0), memory_order_relaxed);
    }
}

static void do_alone(int tasks, work_function work, void *context) {
    for (int task = 0; task < tasks; task++) work(context, task, 0);
}

void sp_pool_run(sp_pool *pool, int tasks, work_function work, void *context) {
    if (tasks <= 0) return;
    if (tasks == 1) return do_alone(tasks, work, context);
    pthread_mutex_lock(&pool->callers);
    const uint64_t start = nanoseconds();
    if (pool->threads == 1 || start < pool->solo_end) {
        do_alone(tasks, work, context);
        pthread_mutex_unlock(&pool->callers);
        return;
    }
    pool->work = work;
    atomic_store_explicit(&pool->context, context, memory_order_relaxed);
    const uint32_t number = number_of(atomic_load_explicit(&pool->step, memory_order_relaxed)) + 1;
    const numbered step = numbered_count(number, tasks);
    if (number % RENEWED_AFTER_STEPS == 0) renew_progress(pool, number);
    store_before_loads(&pool->step, step);
    uint64_t begun = start;
    if (atomic_load_explicit(&pool->parked, memory_order_seq_cst) > 0) {
        wake_workers(pool);
        begun = nanoseconds();
    }
    int done = do_run(pool, step, 0, 0);
    done += help_others(pool, step, 0);
    const uint64_t wait = wait_for_others(pool, step, tasks - done);
    if (wait > 0 || begun - start > STALL) {
        const uint64_t end = nanoseconds(), own = (wait > 0 ? wait : end) - begun;
        notice_stall(pool, start, own, end - start - own, done);
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
