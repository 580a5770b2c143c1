// The steps of a transformer layer over a batch of tokens, each spread over a worker pool.
//
// Results never depend on the number of threads, nor on how many tokens share a batch: every output is one
// chain of operations in a fixed order.

#ifndef CKERNELS_OPERATIONS_H
#define CKERNELS_OPERATIONS_H

#include "packed_matrix.h"
#include "worker_pool.h"

// Packs a whole matrix into `data`; the parameters are those of sp_matrix_pack.
void sp_pack(
    sp_pool *pool, const sp_matrix *matrix, sp_element_type type, const void *source, int32_t rotary_pairs,
    uint8_t *data);

// Input vectors of a matrix product, [tokens][groups * 32], zero-padded. The integer form is filled where
// `quants` is not NULL: x = scale * quant for each group of 32.
typedef struct {
    int32_t groups;
    float *values;
    int8_t *quants;          // [tokens][groups * 32]
    float *scales;           // [tokens][groups]
    float *scaled_sums;      // [tokens][groups]      scale * sum of the 32 quants
    int32_t *half_sums;      // [tokens][groups * 2]  sums of 16 quants
} sp_activations;

// One matrix product: output[token][16 * t + lane] (+)= matrix row of tile t . input[token] + bias.
typedef struct {
    const sp_matrix *matrix;
    const int32_t *tiles;    // which tiles to compute; NULL for all
    int32_t tile_count;
    const int32_t *groups;   // which groups of columns to read; NULL for all
    int32_t group_count;
    float *output;
    size_t output_stride;    // per token
    const float *bias;       // [tiles * 16], or NULL
    bool accumulate;         // add to what `output` holds
} sp_product;

// Computes several products of the same input in one parallel step. Integer arithmetic is used where the
// matrix is quantised and the input has its integer form; float32 otherwise.
void sp_multiply(sp_pool *pool, const sp_product *products, int count, const sp_activations *input, int tokens);

// Fills the integer form of the input from `values`.
void sp_quantize(sp_pool *pool, const sp_activations *input, int tokens);

// destination = x / rms(x) * weight, then its integer form. `x` is [tokens][stride], `count` values each.
void sp_rms_norm(
    sp_pool *pool, const float *x, size_t stride, int tokens, const float *weight, int count, float epsilon,
    const sp_activations *destination);

// destination = silu(gate) * up, then its integer form. gate and up are [tokens][stride].
void sp_swiglu(
    sp_pool *pool, const float *gate, const float *up, size_t stride, int tokens, const sp_activations *destination);

// Rotates the first 2 * pairs values of each listed head by the token's angles, halves apart:
// (x[i], x[pairs + i]). cosines and sines are [tokens][pairs]; x is [tokens][stride], a head each head_stride.
void sp_rotate(
    sp_pool *pool, float *x, size_t stride, int tokens, const int32_t *heads, int head_count, int head_stride,
    const float *cosines, const float *sines, int pairs);

// Keys of one key/value group are cached as [position / 16][head_stride][position % 16], values as
// [position][head_stride].
enum { SP_KEY_BLOCK = 16 };

// Writes the keys and values of `tokens` tokens from position `first` on. `keys` and `values` point at the
// group's head in the first token's row.
void sp_cache_append(
    float *cached_keys, float *cached_values, const float *keys, const float *values, size_t stride, int tokens,
    int first, int head_stride);

typedef struct {
    const float *keys;
    const float *values;
    const int32_t *heads;    // the query heads of this group that run
    int32_t head_count;
} sp_attention_group;

typedef struct {
    const float *queries;    // [tokens][query_stride], head h at h * head_stride
    size_t query_stride;
    float *output;           // [tokens][output_stride], head h at h * head_size
    size_t output_stride;
    int32_t tokens;
    int32_t first_position;  // token t sees positions 0...first_position + t
    int32_t head_size;
    int32_t head_stride;     // head_size rounded up to 16
    float scale;
    const sp_attention_group *groups;
    int32_t group_count;
} sp_attention;

// Scratch bytes that each worker needs for sp_attend over `positions` positions.
size_t sp_attention_scratch(int positions);

// Causal grouped-query attention, softmax(scale * q . k) v. The pool must have its scratch reserved.
void sp_attend(sp_pool *pool, const sp_attention *attention);

// sums[i] += sum over tokens of x[token][i], in token order, in double precision.
void sp_sum_tokens(const float *x, size_t stride, int tokens, int count, double *sums);

#endif
