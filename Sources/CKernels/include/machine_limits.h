// What this machine can do at best with the pool's threads and instruction set, for benchmarks to compare with.

#ifndef CKERNELS_MACHINE_LIMITS_H
#define CKERNELS_MACHINE_LIMITS_H

#include "worker_pool.h"

#include <stdint.h>

typedef enum {
    SP_LIMIT_INT8,      // products of bytes
    SP_LIMIT_FLOAT,     // products in single precision
} sp_limit;

// `rounds` rounds of products on every thread, their inputs in registers or the first cache. Returns the
// multiply-adds done by all threads together.
uint64_t sp_limit_multiply(sp_pool *pool, sp_limit limit, int rounds);

// Reads `bytes` bytes once, each thread shares of its own: each share in order, with lines fetched ahead, or at several
// places in turns. Which is faster depends on the processor. Returns the bytes read: `bytes` rounded down to whole
// shares.
size_t sp_limit_read(sp_pool *pool, const uint8_t *data, size_t bytes, bool in_turns);

// `rounds` steps, one after the other, of as many tasks as a product of few tokens has, which do nothing.
void sp_limit_steps(sp_pool *pool, int rounds);

#endif
