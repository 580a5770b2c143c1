// Asks for memory before it is read or written.

#ifndef CKERNELS_CACHE_FETCH_H
#define CKERNELS_CACHE_FETCH_H

#include <stddef.h>
#include <stdint.h>

// Which cache lines are fetched into.
typedef enum {
    SP_FIRST_CACHE,
    // For those that are wanted later: a core waits for far fewer lines of its first cache at once.
    SP_SECOND_CACHE,
} sp_cache;

static inline __attribute__((always_inline)) void sp_fetch_line(const uint8_t *line, const sp_cache cache) {
    if (cache == SP_FIRST_CACHE)
        __builtin_prefetch(line, 0, 3);
    else
        __builtin_prefetch(line, 0, 2);
}

// Every line that some bytes are in.
static inline __attribute__((always_inline)) void sp_fetch_bytes(
    const uint8_t *start, size_t bytes, const sp_cache cache) {
    const uint8_t *end = start + bytes;
    for (start -= (uintptr_t)start % 64; start < end; start += 64) sp_fetch_line(start, cache);
}

// The same of bytes that will be written: stores are done in their order, so one that waits for its line holds up
// those that follow, and what reads what they write.
static inline __attribute__((always_inline)) void sp_fetch_to_write(const uint8_t *start, size_t bytes) {
    const uint8_t *end = start + bytes;
    for (start -= (uintptr_t)start % 64; start < end; start += 64) __builtin_prefetch(start, 1, 3);
}

#endif
