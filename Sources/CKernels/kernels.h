// The table of kernels that each instruction set fills in. One thread runs a kernel; operations.c spreads
// them over the pool.

#ifndef CKERNELS_KERNELS_H
#define CKERNELS_KERNELS_H

#include "include/operations.h"

typedef struct {
    const char *name;
    // One tile of one product for the tokens [first_token, last_token).
    void (*multiply_tile)(
        const sp_product *product, const sp_activations *input, int32_t tile, int first_token, int last_token);
    void (*quantize)(const sp_activations *input, int token);
    void (*rms_norm)(const float *x, const float *weight, int count, float epsilon, float *destination);
    void (*swiglu)(const float *gate, const float *up, float *destination, int count);
    void (*rotate)(float *head, const float *cosines, const float *sines, int pairs);
    // The queries of rows [0, rows), rows <= SP_ATTENTION_ROWS, of one key/value group.
    void (*attend)(
        const sp_attention *attention, const sp_attention_group *group, const float *const *queries,
        float *const *outputs, const int *positions, int rows, float *scratch);
} sp_kernels;

enum { SP_ATTENTION_ROWS = 8 };

// The kernels of an instruction set by name, or the fastest for NULL; NULL where the processor lacks it.
const sp_kernels *sp_kernels_named(const char *name);
const sp_kernels *sp_pool_kernels(const sp_pool *pool);

extern const sp_kernels sp_kernels_portable;
#if defined(__x86_64__)
extern const sp_kernels sp_kernels_avx2;
extern const sp_kernels sp_kernels_avx512;
extern const sp_kernels sp_kernels_avx512vl_vnni;
extern const sp_kernels sp_kernels_avx_vnni;
#elif defined(__aarch64__)
extern const sp_kernels sp_kernels_neon_i8mm;
extern const sp_kernels sp_kernels_neon_dotprod;
#endif

#endif
