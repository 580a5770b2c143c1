// The table of kernels that each instruction set fills in. One thread runs a kernel; matrix_products.c,
// gated_products.c, token_steps.c and attention.c spread them over the pool.

#ifndef CKERNELS_KERNELS_H
#define CKERNELS_KERNELS_H

#include "include/operations.h"
#include "weight_stream.h"

// Groups of inputs to be quantised: one for each unit, which may be the groups of a token or the tokens of a group.
typedef struct {
    const float *values;     // 32 of each unit, `value_step` floats apart
    size_t value_step;
    size_t index;            // sp_input_index of the first unit, and from one to the next
    size_t index_step;
    int count;
} sp_input_units;

// One tile of a product.
typedef struct {
    const sp_product *product;
    int32_t tile;
    float *output;           // [tokens][product->output_stride], the 16 rows' outputs
    int32_t next;            // this thread's next tile of the product, or this one where it has none
    sp_weight_stream *ahead; // what this thread reads after it, for products of a few tokens; else NULL
} sp_tile;

// Where an output may be `least` or more: it is not known better than up to slack and norm times a row's own norm.
typedef struct {
    float norm;
    float slack;
    float least;
} sp_output_bound;

typedef struct {
    const char *name;
    // How far ahead products of a few tokens fetch weights: those wait for memory, which takes as long whatever the
    // size of a tile, and a processor runs ahead by fewer groups than it takes to keep reading.
    int groups_ahead;
    void (*multiply_tile)(const sp_tile *tile, const sp_activations *input, int tokens);
    // Two tiles of matrices of one format for integers and of one width, for the integer form of many tokens, where
    // that is faster than one after the other; NULL where it is not.
    void (*multiply_pair)(const sp_tile pair[2], const sp_activations *input, int tokens);
    // Two tiles of one product for integers, for the integer form of one token, their groups in turns; NULL where one
    // after the other is as fast.
    void (*multiply_in_turns)(const sp_tile tiles[2], const sp_activations *input);
    // The integer form of some units.
    void (*quantize)(const sp_activations *input, const sp_input_units *units);
    void (*rms_norm)(const float *x, const float *weight, int count, float epsilon, float *destination);
    // 16 channels of each token: gate and up [tokens][16], destination [tokens][32].
    void (*swiglu)(const float *gate, const float *up, float *destination, int tokens);
    // The largest of the outputs [tiles][16] that are numbers, or minus infinity.
    float (*largest_output)(const float *outputs, int32_t tiles);
    // The tiles with an output that may be at least so large, or is no number, in their order. Returns how many.
    int32_t (*find_outputs)(
        const float *outputs, const float *norms, sp_output_bound bound, int32_t tiles, int32_t *found);
    // destination = head with its first 2 * pairs values rotated; both hold head_stride floats.
    void (*rotate)(
        const float *head, const float *cosines, const float *sines, int pairs, int head_stride, float *destination);
    // Writes one position of one key/value group into the cache.
    void (*append)(
        const sp_attention_group *group, sp_cache_format format, int position, int head_stride, const float *key,
        const float *value);
    // query = factor * head as the cache's format is multiplied with, in the room of head_stride floats.
    void (*prepare_query)(const float *head, float factor, int head_stride, sp_cache_format format, float *query);
    // Attends from `rows` queries, rows <= SP_ATTENTION_ROWS, to the chunk of positions from `first` on. Row r sees
    // positions below positions[r]; one of them sees the chunk. Writes a state for each row. A kernel that waits for
    // memory may fetch ahead the chunk that this thread attends to next, whose keys are at `next_keys`, or NULL.
    void (*attend_chunk)(
        const sp_attention_group *group, sp_cache_format format, const float *queries, const int *positions, int rows,
        int first, const uint8_t *next_keys, int head_stride, float *states);
    // Each of `rows` states becomes what a softmax over its positions and those of `count` others leaves, which are
    // merged with it in their order: others[count][rows], `stride` floats from one of a row to the next.
    void (*merge_states)(float *states, const float *others, int rows, int count, size_t stride, int head_stride);
    void (*finish_state)(const float *state, int head_size, int head_stride, float *output);
    // What the processor does at best: see lanes_limits.h. Results go to `sink` so that the work is not left out.
    uint64_t (*multiply_bytes)(int rounds, float *sink);
    uint64_t (*multiply_singles)(int rounds, float *sink);
    void (*read_bytes)(const uint8_t *data, size_t bytes, bool in_turns, float *sink);
} sp_kernels;

enum {
    SP_ATTENTION_ROWS = 16,
    // Positions that share a softmax before they are merged with the others. Part of the arithmetic: a text has
    // the same chunks however it is batched and however many threads there are.
    SP_ATTENTION_CHUNK = 128,
};

// Floats of one row's state: the weighted values, then the largest score and the sum of the weights.
#define SP_ATTENTION_STATE(head_stride) ((size_t)(head_stride) + 16)

// Where the integer form has a group of a token, in units of a group.
static inline size_t sp_input_index(const sp_activations *input, int32_t group, int token) {
    const size_t run = (unsigned)token / SP_TOKENS_TOGETHER, place = (unsigned)token % SP_TOKENS_TOGETHER;
    const size_t groups = run * (size_t)(input->groups + SP_STEPS_AHEAD) + (size_t)group;
    return groups * (size_t)input->token_stride + place;
}

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
