// The steps of a transformer layer over a batch of tokens, each spread over a worker pool.
//
// Results never depend on the number of threads, nor on how many tokens share a batch: every output is one
// chain of operations in a fixed order.

#ifndef CKERNELS_OPERATIONS_H
#define CKERNELS_OPERATIONS_H

#include "packed_matrix.h"
#include "worker_pool.h"

// Packs a run of tiles in parallel; the parameters and the result are those of sp_matrix_pack.
bool sp_pack(
    sp_pool *pool, const sp_matrix *matrix, sp_element_type type, const void *source,
    const sp_arrangement *arrangement, uint8_t *data, int32_t first_tile, int32_t last_tile);

enum {
    // The most tokens that a thread takes at once: as many as kernels do.
    SP_TOKENS_TOGETHER = 128,
    // How many steps of one length a processor fetches ahead of a loop that goes on in them, beyond its end too. What
    // two threads write lies as many steps apart: else one takes lines from the other, who waits to have them back.
    // Measured on Zen 4, see performance.md.
    SP_STEPS_AHEAD = 16,
};

// Runs of tokens: all of them are as long as they may be but the last.
static inline int sp_runs_of_tokens(int tokens) { return (tokens + SP_TOKENS_TOGETHER - 1) / SP_TOKENS_TOGETHER; }

static inline int sp_tokens_of_run(int tokens, int run) {
    const int left = tokens - run * SP_TOKENS_TOGETHER;
    return left < SP_TOKENS_TOGETHER ? left : SP_TOKENS_TOGETHER;
}

// The row of a token in a buffer that has one for each: rows of a run of SP_TOKENS_TOGETHER tokens, which one thread
// may own, then as many as a processor fetches ahead, and the next run's.
static inline int sp_token_row(int token) { return token + token / SP_TOKENS_TOGETHER * SP_STEPS_AHEAD; }

// The rows of such a buffer.
static inline int sp_token_rows(int tokens) { return tokens > 0 ? sp_token_row(tokens - 1) + 1 : 0; }

// Input vectors of a matrix product. The integer form is filled where `quants` is not NULL: x = scale * quant for each
// group of 32. In it the tokens of a group lie side by side, because a product takes a group of many tokens at a time:
// those of a run, SP_STEPS_AHEAD groups apart from the next run's.
typedef struct {
    int32_t groups;
    int32_t token_stride;    // tokens from one group to the next in the integer form
    float *values;           // [rows of tokens][groups * 32], zero-padded
    int8_t *quants;          // [runs][groups and those between runs][token_stride][32]
    float *scales;           // [runs][groups and those between runs][token_stride]
    int16_t *half_sums;      // [runs][groups and those between runs][token_stride][2]   sums of 16 quants
} sp_activations;

// The token stride for a number of tokens: a cache line more than those of a run need, so that the groups of one token
// do not all fall into the same few sets of a cache.
static inline int32_t sp_token_stride(int tokens) { return tokens == 1 ? 1 : sp_tokens_of_run(tokens, 0) + 2; }

// Groups of 32 that the integer form of these tokens has room for.
static inline size_t sp_integer_groups(int groups, int tokens) {
    const int runs = sp_runs_of_tokens(tokens);
    return ((size_t)runs * (size_t)(groups + SP_STEPS_AHEAD) - SP_STEPS_AHEAD) * (size_t)sp_token_stride(tokens);
}

// Which columns a product reads: groups of 32, or halves of them.
typedef struct {
    const int32_t *groups;   // ascending; NULL for all of them, whole
    const uint8_t *halves;   // [count] of sp_halves for each of `groups`; NULL for both of every one
    int32_t count;
    const uint8_t *whole;    // [all groups], of weights in two parts, whether the lower one is read: where it is not,
                             // SP_MIDDLE_OF_LOWER stands in for it; NULL for every one
} sp_columns;

enum { SP_MIDDLE_OF_LOWER = 2 };

// The inputs of a half that is not read must be zero: where a kernel takes the sum of inputs, it is the group's.
typedef enum {
    SP_FIRST_HALF = 1,
    SP_SECOND_HALF = 2,
    SP_BOTH_HALVES = 3,
} sp_halves;

// One matrix product: output[row of token][16 * t + lane] (+)= matrix row of tile t . input[token] + bias.
typedef struct {
    const sp_matrix *matrix;
    const int32_t *tiles;    // which tiles to compute; NULL for all
    int32_t tile_count;
    sp_columns columns;
    float *output;
    size_t output_stride;    // from a row to the next
    const float *bias;       // [tiles * 16], or NULL
    bool accumulate;         // add to what `output` holds
} sp_product;

// Computes several products of the same input in one parallel step. Integer arithmetic is used where the
// matrix is packed for it and the input has its integer form; float32 otherwise.
void sp_multiply(sp_pool *pool, const sp_product *products, int count, const sp_activations *input, int tokens);

// Computes products of one token each in one parallel step: products[i] of inputs[i].
void sp_multiply_each(sp_pool *pool, const sp_product *products, const sp_activations *inputs, int count);

// Fills the integer form of the input from `values`.
void sp_quantize(sp_pool *pool, const sp_activations *input, int tokens);

// destination = x / rms(x) * weight, then its integer form. `x` is [rows of tokens][stride], `count` values each.
void sp_rms_norm(
    sp_pool *pool, const float *x, size_t stride, int tokens, const float *weight, int count, float epsilon,
    const sp_activations *destination);

// The tile of half h of group g of channels: g * group + h * second.
typedef struct {
    int32_t group;
    int32_t second;
} sp_half_layout;

// silu(gate row . input) * (up row . input) for the channels of a feed-forward layer.
typedef struct {
    const sp_matrix *gate;
    const sp_matrix *up;
    sp_half_layout layout;   // of the tiles of both
    sp_columns columns;      // which groups of channels, and halves of them, to compute
    float *scratch;          // [threads][sp_gated_scratch(tokens)], 64-byte aligned
    bool keeps_values;       // whether `values` of the destination are wanted beside their integer form
} sp_gated_product;

enum {
    // The most groups of channels times tokens that it takes of a gated product, unless it is one group.
    SP_GATED_UNITS = 64,
};

// Floats of sp_gated_product.scratch for each thread. The last page is not written: between threads lies more than a
// processor fetches ahead.
static inline size_t sp_gated_scratch(int tokens) {
    const size_t most = (size_t)sp_tokens_of_run(tokens, 0), page = 4096 / sizeof(float);
    return (most < SP_GATED_UNITS ? SP_GATED_UNITS : most) * (4 * SP_TILE_ROWS + SP_GROUP_COLUMNS) + page;
}

// Fills the integer form of the destination's groups that are computed, with zeros in a half that is not; and their
// values, where they are wanted or there is no integer form. A product in single precision wants them.
void sp_multiply_gated(
    sp_pool *pool, const sp_gated_product *product, const sp_activations *input, int tokens,
    const sp_activations *destination);

// How cached keys and values are stored. In all, keys lie in blocks of 16 positions.
//   float32:   keys [position / 16][head_stride][position % 16], values [position][head_stride]
//   bytes:     keys [position / 16]([head_stride / 4][position % 16][4], [groups][16] scales, [16] values' scales)
//              values [position / 4][head_stride][4]
//   wide keys: keys [position / 16]([head_stride / 2][position % 16][2] (16 bits), [16] scales, [16] values' scales)
//              values as in bytes
// An integer is worth its position's scale: its key's, of a group of 32 dimensions in bytes, or its value's.
typedef enum {
    SP_CACHE_F32,
    SP_CACHE_BYTES,
    SP_CACHE_WIDE_KEYS,
} sp_cache_format;

enum {
    SP_KEY_BLOCK = 16,
    SP_KEY_GROUP = 32,       // dimensions of a key that share a scale in bytes
    SP_LARGEST_HEAD = 512,   // the most that head_stride may be
};

static inline int sp_key_groups(int head_stride) { return (head_stride + SP_KEY_GROUP - 1) / SP_KEY_GROUP; }

// Bytes of a block's keys and of its values.
static inline size_t sp_key_block_bytes(sp_cache_format format, int head_stride) {
    const size_t values = (size_t)SP_KEY_BLOCK * (size_t)head_stride, scales = sizeof(float) * SP_KEY_BLOCK;
    switch (format) {
    case SP_CACHE_F32: return sizeof(float) * values;
    case SP_CACHE_BYTES: return values + scales * (size_t)(sp_key_groups(head_stride) + 1);
    case SP_CACHE_WIDE_KEYS: return sizeof(int16_t) * values + scales * 2;
    }
    return 0;
}

static inline size_t sp_value_block_bytes(sp_cache_format format, int head_stride) {
    return (size_t)SP_KEY_BLOCK * (size_t)head_stride * (format == SP_CACHE_F32 ? sizeof(float) : sizeof(int8_t));
}

// One key/value head, with the query heads that read it.
typedef struct {
    void *keys;              // room for a multiple of SP_KEY_BLOCK positions
    void *values;
    int32_t index;           // the head's place in sp_attention.keys and .values
    const int32_t *heads;    // the query heads that run
    int32_t head_count;
} sp_attention_group;

// The attention of one layer over a batch of tokens. Head h of a token's row lies at h * head_stride.
typedef struct {
    const float *queries;    // [rows of tokens][query_stride], not yet rotated
    size_t query_stride;
    const float *keys;       // [rows of tokens][key_stride], not yet rotated
    const float *values;     // [rows of tokens][key_stride]
    size_t key_stride;
    const float *cosines;    // [tokens][pairs]: the first 2 * pairs values of a head are rotated, halves apart,
    const float *sines;      // (x[i], x[pairs + i])
    int32_t pairs;
    const float *query_norm; // [head_size]: weights of an RMS norm of every query before it is rotated, NULL for none
    const float *key_norm;   // likewise of every key
    float norm_epsilon;
    float *output;           // [rows of tokens][output_stride], head h at h * head_size
    size_t output_stride;
    int32_t tokens;
    int32_t first_position;  // token t sees positions 0...first_position + t
    int32_t head_size;
    int32_t head_stride;     // head_size rounded up to 16
    float scale;
    sp_cache_format format;
    const sp_attention_group *groups;
    int32_t group_count;
    float *partials;         // sp_attention_partials() floats
} sp_attention;

// Floats of sp_attention.partials for texts of up to `positions` positions.
size_t sp_attention_partials(int positions, int heads, int head_stride);

// Appends the tokens' keys and values to the cache.
void sp_append(sp_pool *pool, const sp_attention *attention);

// Appends the tokens' keys and values to the cache, then writes softmax(scale * q . k) v of every running head.
void sp_attend(sp_pool *pool, const sp_attention *attention);

// sums[i] += sum over tokens of x[row of token][i], in token order, in double precision; squares[i], unless NULL,
// likewise of their squares.
void sp_sum_tokens(const float *x, size_t stride, int tokens, int count, double *sums, double *squares);

#endif
