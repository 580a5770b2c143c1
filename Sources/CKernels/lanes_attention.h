// Attention over a chunk of cached positions with its own softmax, and the merging of chunks: part of lanes.h.
//
// A row is one query of one token. Its state after some chunks is what a softmax can be continued from:
// [head_stride] sums of weight * value, then the largest score and the sum of weights.
//
// What a cache in bfloat16 is multiplied with, queries and weights, is rounded to bfloat16 as well. DOT_PAIRS takes
// it in pairs, one to a word; without it a pair is two floats.

#ifndef SCORE_SUMS
// Sums of 16 lanes that the registers hold beside their inputs, in scores and in weighted values.
#define SCORE_SUMS 8
#define VALUE_SUMS 16
#endif

#ifdef DOT_PAIRS
#define PAIR_WORDS 1
#else
#define PAIR_WORDS 2
#endif

enum {
    CHUNK_BLOCKS = SP_ATTENTION_CHUNK / SP_KEY_BLOCK,
    ROWS_TOGETHER = SCORE_SUMS < SP_ATTENTION_ROWS ? SCORE_SUMS : SP_ATTENTION_ROWS,
};

// How many sums for each of `rows` rows fit where `sums` do: 4, 2 or 1.
INLINE int sums_per_row(int rows, int sums) { return 4 * rows <= sums ? 4 : 2 * rows <= sums ? 2 : 1; }

// Below any score, and far enough from infinity that differences stay finite.
static const float NO_SCORE = -1e30f;

// Rounds to bfloat16, ties to even, and leaves the bits in the low half of each lane.
INLINE u32x16 round_to_bfloat(f32x16 v) {
    u32x16 bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

INLINE void store_bfloats(uint16_t *p, u32x16 bits) {
    const u16x16 halves = __builtin_convertvector(bits, u16x16);
    memcpy(p, &halves, sizeof halves);
}

// Writes `factors` rounded to bfloat16 over floats at `index` of a row. A row may be rounded in place from its start on.
INLINE f32x16 store_factors(float *row, int index, f32x16 factors) {
    const u32x16 rounded = round_to_bfloat(factors);
#ifdef DOT_PAIRS
    store_bfloats((uint16_t *)row + index, rounded);
#else
    store_floats(row + index, from_bfloat(rounded));
#endif
    return from_bfloat(rounded);
}

// sums + the products of two bfloat16 values a lane with the two factors at `x`.
INLINE f32x16 dot_pairs(f32x16 sums, u32x16 pairs, const float *x) {
#ifdef DOT_PAIRS
    uint32_t word;
    memcpy(&word, x, sizeof word);
    return DOT_PAIRS(sums, pairs, word);
#else
    sums += from_bfloat(pairs >> 16) * splat(x[1]);
    return sums + from_bfloat(pairs) * splat(x[0]);
#endif
}

// destination = head with its first 2 * pairs values rotated, halves apart. Both hold head_stride floats.
static void rotate(
    const float *head, const float *cosines, const float *sines, int pairs, int head_stride, float *destination) {
    for (int i = 0; i < pairs; i++) {
        const float first = head[i], second = head[pairs + i];
        destination[i] = first * cosines[i] - second * sines[i];
        destination[pairs + i] = first * sines[i] + second * cosines[i];
    }
    for (int i = 2 * pairs; i < head_stride; i++) destination[i] = head[i];
}

static void append(
    const sp_attention_group *group, sp_cache_format format, int position, int head_stride, const float *key,
    const float *value) {
    const size_t width = (size_t)head_stride, at = (size_t)position;
    const size_t block = at / SP_KEY_BLOCK * SP_KEY_BLOCK * width, lane = at % SP_KEY_BLOCK;
    if (format == SP_CACHE_F32) {
        float *keys = (float *)group->keys + block + lane;
        for (int i = 0; i < head_stride; i++) keys[(size_t)i * SP_KEY_BLOCK] = key[i];
        memcpy((float *)group->values + at * width, value, sizeof(float) * width);
        return;
    }
    uint16_t rounded[16];
    uint16_t *keys = (uint16_t *)group->keys + block + 2 * lane;
    uint16_t *values = (uint16_t *)group->values + at / 2 * 2 * width + at % 2;
    for (int i = 0; i < head_stride; i += 16) {
        store_bfloats(rounded, round_to_bfloat(load_floats(key + i)));
        for (int j = 0; j < 16; j += 2) memcpy(keys + (size_t)(i + j) * SP_KEY_BLOCK, rounded + j, 4);
        store_bfloats(rounded, round_to_bfloat(load_floats(value + i)));
        for (int j = 0; j < 16; j++) values[2 * (i + j)] = rounded[j];
    }
}

// query = scale * head, as what a cache of this format is multiplied with.
static void prepare_query(const float *head, float scale, int head_stride, sp_cache_format format, float *query) {
    for (int i = 0; i < head_stride; i += 16) {
        const f32x16 v = load_floats(head + i) * splat(scale);
        if (format == SP_CACHE_F32) store_floats(query + i, v);
        else store_factors(query, i, v);
    }
}

// scores[row][...] for `BLOCKS` blocks of 16 positions from `block` on.
INLINE void score_blocks(
    const void *keys, size_t block, const float *queries, int head_stride, const int ROWS, const int BLOCKS,
    const bool HALF, float *scores) {
    const int steps = HALF ? head_stride / 2 : head_stride;
    const uint8_t *tile = (const uint8_t *)keys + block * (size_t)steps * 64;
    f32x16 sums[4][SP_ATTENTION_ROWS];
    for (int b = 0; b < BLOCKS; b++) {
        for (int row = 0; row < ROWS; row++) sums[b][row] = splat(0);
    }
    for (int step = 0; step < steps; step++) {
#pragma clang loop unroll(full)
        for (int b = 0; b < BLOCKS; b++) {
            const uint8_t *at = tile + ((size_t)b * (size_t)steps + (size_t)step) * 64;
            if (HALF) {
                u32x16 pairs;
                memcpy(&pairs, at, sizeof pairs);
#pragma clang loop unroll(full)
                for (int row = 0; row < ROWS; row++)
                    sums[b][row] = dot_pairs(sums[b][row], pairs, queries + row * head_stride + PAIR_WORDS * step);
            } else {
                const f32x16 column = load_floats(at);
#pragma clang loop unroll(full)
                for (int row = 0; row < ROWS; row++) sums[b][row] += column * splat(queries[row * head_stride + step]);
            }
        }
    }
    for (int row = 0; row < ROWS; row++) {
        for (int b = 0; b < BLOCKS; b++)
            store_floats(scores + row * SP_ATTENTION_CHUNK + ((int)block % CHUNK_BLOCKS + b) * SP_KEY_BLOCK, sums[b][row]);
    }
}

// Turns one row's scores into weights exp(score - peak) for its first `limit` positions and 0 up to `end`, in
// place; leaves the peak and the sum in the row's state.
INLINE void soften(float *scores, int limit, int end, const bool HALF, float *peak_and_sum) {
    const int seen = limit < 0 ? 0 : limit < end ? limit : end;
    for (int i = seen; i < end; i++) scores[i] = NO_SCORE;
    f32x16 peaks = load_floats(scores);
    for (int i = SP_KEY_BLOCK; i < end; i += SP_KEY_BLOCK) peaks = larger(peaks, load_floats(scores + i));
    const float peak = largest_lane(peaks);
    f32x16 sums = splat(0);
    for (int i = 0; i < end; i += SP_KEY_BLOCK) {
        // A score that stands for none gives exactly 0, also where the whole row has none.
        const f32x16 score = load_floats(scores + i);
        f32x16 weights = score > splat(NO_SCORE) ? exponential(score - splat(peak)) : splat(0);
        if (HALF) weights = store_factors(scores, i, weights);
        else store_floats(scores + i, weights);
        sums += weights;
    }
    peak_and_sum[0] = peak;
    peak_and_sum[1] = sum_of_lanes(sums);
}

// states[row][start ...] = sum over `count` positions of weight * value, for `VECTORS` runs of 16 values.
INLINE void mix_values(
    const void *values, int first, int count, const float *weights, int head_stride, int start, const int ROWS,
    const int VECTORS, const bool HALF, float *states, size_t state_stride) {
    f32x16 sums[SP_ATTENTION_ROWS][4];
    for (int row = 0; row < ROWS; row++) {
        for (int v = 0; v < VECTORS; v++) sums[row][v] = splat(0);
    }
    const int steps = HALF ? (count + 1) / 2 : count;
    const uint8_t *at = (const uint8_t *)values + 4 * ((size_t)(HALF ? first / 2 : first) * (size_t)head_stride + (size_t)start);
    for (int step = 0; step < steps; step++, at += 4 * head_stride) {
#pragma clang loop unroll(full)
        for (int v = 0; v < VECTORS; v++) {
            if (HALF) {
                u32x16 pairs;
                memcpy(&pairs, at + 64 * v, sizeof pairs);
#pragma clang loop unroll(full)
                for (int row = 0; row < ROWS; row++)
                    sums[row][v] = dot_pairs(sums[row][v], pairs, weights + row * SP_ATTENTION_CHUNK + PAIR_WORDS * step);
            } else {
                const f32x16 run = load_floats(at + 64 * v);
#pragma clang loop unroll(full)
                for (int row = 0; row < ROWS; row++) sums[row][v] += run * splat(weights[row * SP_ATTENTION_CHUNK + step]);
            }
        }
    }
    for (int row = 0; row < ROWS; row++) {
        for (int v = 0; v < VECTORS; v++) store_floats(states + (size_t)row * state_stride + start + 16 * v, sums[row][v]);
    }
}

// The scores of ROWS rows over the blocks of a chunk, then their weights and the weighted values.
INLINE void attend_rows(
    const sp_attention_group *group, const float *queries, const int *positions, int first, int count, int head_stride,
    const int ROWS, const bool HALF, float *states) {
    _Alignas(64) float scores[SP_ATTENTION_ROWS * SP_ATTENTION_CHUNK];
    const int blocks = (count + SP_KEY_BLOCK - 1) / SP_KEY_BLOCK, end = blocks * SP_KEY_BLOCK;
    const size_t stride = SP_ATTENTION_STATE(head_stride);
    const size_t first_block = (size_t)(first / SP_KEY_BLOCK);
    // Several blocks at once where there are too few rows to hide the latency of a sum.
    const int together = sums_per_row(ROWS, SCORE_SUMS);
    int block = 0;
    for (; block + together <= blocks; block += together)
        score_blocks(group->keys, first_block + (size_t)block, queries, head_stride, ROWS, together, HALF, scores);
    for (; block < blocks; block++)
        score_blocks(group->keys, first_block + (size_t)block, queries, head_stride, ROWS, 1, HALF, scores);
    for (int row = 0; row < ROWS; row++) {
        soften(
            scores + row * SP_ATTENTION_CHUNK, positions[row] - first, end, HALF,
            states + (size_t)row * stride + head_stride);
    }
    const int most = sums_per_row(ROWS, VALUE_SUMS);
    int start = 0;
#define MIX(VECTORS)                                                                                          \
    for (; most >= VECTORS && start + 16 * VECTORS <= head_stride; start += 16 * VECTORS)                      \
        mix_values(group->values, first, count, scores, head_stride, start, ROWS, VECTORS, HALF, states, stride)
    MIX(4);
    MIX(2);
    MIX(1);
#undef MIX
}

static void attend_chunk(
    const sp_attention_group *group, sp_cache_format format, const float *queries, const int *positions, int rows,
    int first, int head_stride, float *states) {
    int longest = 0;
    for (int row = 0; row < rows; row++) longest = positions[row] > longest ? positions[row] : longest;
    const int count = longest - first < SP_ATTENTION_CHUNK ? longest - first : SP_ATTENTION_CHUNK;
    const size_t stride = SP_ATTENTION_STATE(head_stride);
    for (int row = 0; row < rows; row += ROWS_TOGETHER) {
        const int together = rows - row < ROWS_TOGETHER ? rows - row : ROWS_TOGETHER;
        const float *some = queries + row * head_stride;
        float *some_states = states + stride * (size_t)row;
        switch (format == SP_CACHE_BF16 ? together : -together) {
#define ROWS_CASES(N)                                                                                              \
    case N: attend_rows(group, some, positions + row, first, count, head_stride, N, true, some_states); break;     \
    case -N: attend_rows(group, some, positions + row, first, count, head_stride, N, false, some_states); break;
        ROWS_CASES(1) ROWS_CASES(2) ROWS_CASES(3) ROWS_CASES(4)
#if SCORE_SUMS > 4
        ROWS_CASES(5) ROWS_CASES(6) ROWS_CASES(7) ROWS_CASES(8)
#endif
#undef ROWS_CASES
        }
    }
}

static void merge_states(float *state, const float *chunk, int head_stride) {
    const float peak = state[head_stride], chunk_peak = chunk[head_stride];
    const float top = peak > chunk_peak ? peak : chunk_peak;
    const f32x16 keep = exponential(splat(peak - top)), add = exponential(splat(chunk_peak - top));
    for (int i = 0; i < head_stride; i += 16)
        store_floats(state + i, load_floats(state + i) * keep + load_floats(chunk + i) * add);
    state[head_stride] = top;
    state[head_stride + 1] = state[head_stride + 1] * keep[0] + chunk[head_stride + 1] * add[0];
}

static void finish_state(const float *state, int head_size, int head_stride, float *output) {
    const float inverse = 1.0f / state[head_stride + 1];
    for (int i = 0; i < head_size; i++) output[i] = state[i] * inverse;
}
