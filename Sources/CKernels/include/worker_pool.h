// A pool of threads for steps that last microseconds: workers spin briefly between steps, then park.

#ifndef CKERNELS_WORKER_POOL_H
#define CKERNELS_WORKER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_pool sp_pool;

// A pool of `threads` threads, the caller of sp_pool_run being one of them, that runs the kernels of an
// instruction set: an sp_instruction_set_name(), or NULL for the fastest this processor has. NULL where
// memory or threads run out, or the processor lacks the instruction set.
sp_pool *sp_pool_create(int threads, const char *instruction_set);
void sp_pool_destroy(sp_pool *pool);
int sp_pool_threads(const sp_pool *pool);
const char *sp_pool_instruction_set(const sp_pool *pool);

// The instruction sets this processor has kernels for, fastest first ("avx512-vnni", "neon-i8mm", "portable").
int sp_instruction_set_count(void);
const char *sp_instruction_set_name(int index);

// Calls work(context, task, worker) once for each task in 0..<tasks and returns when all are done. A worker starts with
// its own share of the tasks, side by side: where those of several steps lie in the same order, a thread finds in its
// caches what it has written. Then it takes what others have left, so a result must not depend on who took a task.
// Callers take turns, but for a step of a single task, which its caller runs at once. A worker that another program
// keeps from running is not waited for, unless it has begun a task; where that happens again and again, the caller does
// without workers for some milliseconds, up to a quarter of a second.
void sp_pool_run(sp_pool *pool, int tasks, void (*work)(void *context, int task, int worker), void *context);

// The first task of a worker's own share of a step's tasks, which ends where the next worker's begins.
static inline int sp_first_of_share(int threads, int tasks, int worker) {
    return (int)((int64_t)tasks * worker / threads);
}

// The number of threads this process may run at once.
int sp_available_processors(void);

#endif
