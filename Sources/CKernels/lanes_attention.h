// Attention over a chunk of cached positions with its own softmax: part of lanes.h.
//
// A row is one query of one token. Its state after some chunks is what a softmax can be continued from
// (lanes_states.h): [head_stride] sums of weight * value, then the largest score and the sum of weights.
//
// A cache of integers is multiplied with integers: queries, and weights that carry their values' scales. They come as
// words, of four values of a query, or two where keys are wide, or of the weights of four positions.

#ifndef SCORE_SUMS
// Sums of 16 lanes that the registers hold beside their inputs, in scores and in weighted values.
#define SCORE_SUMS 4
#define VALUE_SUMS 4
#endif

enum {
    ROWS_TOGETHER = SCORE_SUMS < 8 ? SCORE_SUMS : 8,
    // The most sums of one row.
    MOST_SUMS = 4,
};

_Static_assert(SP_ATTENTION_ROWS == 16, "what folds lanes of rows takes 16 of them");

// How many sums for each of `rows` rows fit where `sums` do: 4, 2 or 1.
INLINE int sums_per_row(int rows, int sums) { return 4 * rows <= sums ? 4 : 2 * rows <= sums ? 2 : 1; }

// Below any score, and far enough from infinity that differences stay finite.
static const float NO_SCORE = -1e30f;

// sums + the products of two integers a lane with the two integers at `x`.
INLINE i32x16 multiply_pairs(i32x16 sums, i32x16 pairs, const int16_t *x) {
#ifdef MULTIPLY_PAIRS
    int32_t word;
    memcpy(&word, x, sizeof word);
    return MULTIPLY_PAIRS(sums, pairs, word);
#else
    int16_t pair[2];
    memcpy(pair, x, sizeof pair);
    return sums + ((i32x16)((u32x16)pairs << 16) >> 16) * pair[0] + (pairs >> 16) * pair[1];
#endif
}

INLINE i32x16 load_pairs(const void *p) {
    i32x16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

#ifndef DOT_FOURS
// sums + the products of four signed bytes a lane of both.
INLINE i32x16 dot_signed_fours(i32x16 sums, u8x64 first, u8x64 second) {
    for (int i = 0; i < 4; i++) {
        const uint32_t shift = (uint32_t)(24 - 8 * i);
        sums += ((i32x16)((u32x16)first << shift) >> 24) * ((i32x16)((u32x16)second << shift) >> 24);
    }
    return sums;
}
#define DOT_FOURS dot_signed_fours
#endif
#ifndef MULTIPLY_KEYS
#define MULTIPLY_KEYS DOT_FOURS
#endif

// Keys may be made unsigned by adding 128: their sums begin with that many times the sum of a query less.
#ifdef UNSIGNED_KEYS
enum { KEY_OFFSET = 128 };
#else
enum { KEY_OFFSET = 0 };
#endif

// Rows of one key/value group and the chunk they attend to. Their queries are head_stride floats apart, their scores
// and weights SP_ATTENTION_CHUNK.
typedef struct {
    const sp_attention_group *group;
    const float *queries;
    int rows;
    int head_stride;
    int first;               // the chunk's first position
    int count;               // its positions
    const uint8_t *next_keys; // those of the chunk that this thread attends to after it, or NULL
} chunk_rows;

// With at most so many rows a chunk waits for memory: its values are fetched while scores are computed, and the next
// chunk's keys while values are mixed, into the second cache (see cache_fetch.h).
enum { MOST_FETCHING_ROWS = 4 };

// Where a step of scores, of the dimensions from `i` on, finds its share of the block's values.
INLINE const uint8_t *values_of_step(const chunk_rows *rows, int block, int i) {
    const size_t bytes = sp_value_block_bytes(SP_CACHE_BYTES, rows->head_stride);
    return (const uint8_t *)rows->group->values + bytes * (size_t)(rows->first / SP_KEY_BLOCK + block) + 16 * i;
}

// How many bytes of the next chunk's keys are fetched while each 16 values are mixed.
INLINE size_t keys_of_vector(const chunk_rows *rows, const sp_cache_format FORMAT) {
    const size_t bytes = sp_key_block_bytes(FORMAT, rows->head_stride) * (SP_ATTENTION_CHUNK / SP_KEY_BLOCK);
    const size_t vectors = (size_t)rows->head_stride / SP_KEY_BLOCK;
    return (bytes + vectors - 1) / vectors;
}

// scores[row ...][...] of ROWS rows for BLOCKS blocks of 16 positions from the chunk's `block` on, in single precision.
INLINE void score_floats(
    const chunk_rows *rows, int row, int block, const int ROWS, const int BLOCKS, float *scores) {
    const float *queries = rows->queries + row * rows->head_stride;
    f32x16 sums[MOST_SUMS][SP_ATTENTION_ROWS];
    const uint8_t *keys[MOST_SUMS];
    for (int b = 0; b < BLOCKS; b++) {
        const size_t index = (size_t)(rows->first / SP_KEY_BLOCK + block + b);
        keys[b] = key_block(rows->group, SP_CACHE_F32, rows->head_stride, index);
        for (int r = 0; r < ROWS; r++) sums[b][r] = splat(0);
    }
    for (int i = 0; i < rows->head_stride; i++) {
#pragma clang loop unroll(full)
        for (int b = 0; b < BLOCKS; b++) {
            const f32x16 column = load_floats(keys[b] + 64 * i);
#pragma clang loop unroll(full)
            for (int r = 0; r < ROWS; r++) sums[b][r] += column * splat(queries[r * rows->head_stride + i]);
        }
    }
    for (int r = 0; r < ROWS; r++) {
        float *of_row = scores + (row + r) * SP_ATTENTION_CHUNK + block * SP_KEY_BLOCK;
        for (int b = 0; b < BLOCKS; b++) store_floats(of_row + b * SP_KEY_BLOCK, sums[b][r]);
    }
}

// The same of wide keys, in integers.
INLINE void score_wide_keys(
    const chunk_rows *rows, int row, int block, const int ROWS, const int BLOCKS, float *scores) {
    const float *queries = rows->queries + row * rows->head_stride;
    i32x16 sums[MOST_SUMS][SP_ATTENTION_ROWS];
    uint8_t *keys[MOST_SUMS];
    for (int b = 0; b < BLOCKS; b++) {
        const size_t index = (size_t)(rows->first / SP_KEY_BLOCK + block + b);
        keys[b] = key_block(rows->group, SP_CACHE_WIDE_KEYS, rows->head_stride, index);
        for (int r = 0; r < ROWS; r++) sums[b][r] = (i32x16)0;
    }
    for (int i = 0; i < rows->head_stride; i += 2) {
#pragma clang loop unroll(full)
        for (int b = 0; b < BLOCKS; b++) {
            const i32x16 pairs = load_pairs(keys[b] + 32 * i);
            if (ROWS <= MOST_FETCHING_ROWS && i % 4 == 0)
                sp_fetch_line(values_of_step(rows, block + b, i), SP_SECOND_CACHE);
#pragma clang loop unroll(full)
            for (int r = 0; r < ROWS; r++) {
                const int16_t *query = (const int16_t *)(queries + r * rows->head_stride);
                sums[b][r] = multiply_pairs(sums[b][r], pairs, query + i);
            }
        }
    }
    for (int r = 0; r < ROWS; r++) {
        const float scale = queries[r * rows->head_stride + rows->head_stride / 2];
        float *of_row = scores + (row + r) * SP_ATTENTION_CHUNK + block * SP_KEY_BLOCK;
        for (int b = 0; b < BLOCKS; b++) {
            const float *scales = key_scales(keys[b], SP_CACHE_WIDE_KEYS, rows->head_stride);
            store_floats(of_row + b * SP_KEY_BLOCK, to_float(sums[b][r]) * (load_floats(scales) * splat(scale)));
        }
    }
}

// The same in bytes, a group of dimensions after the other.
INLINE void score_bytes(
    const chunk_rows *rows, int row, int block, const int ROWS, const int BLOCKS, float *scores) {
    const float *queries = rows->queries + row * rows->head_stride;
    const int stride = rows->head_stride;
    uint8_t *keys[MOST_SUMS];
    for (int b = 0; b < BLOCKS; b++)
        keys[b] = key_block(rows->group, SP_CACHE_BYTES, stride, (size_t)(rows->first / SP_KEY_BLOCK + block + b));
    for (int start = 0, group = 0; start < stride; start += SP_KEY_GROUP, group++) {
        const int end = start + group_width(stride, start);
        i32x16 sums[MOST_SUMS][SP_ATTENTION_ROWS];
        for (int r = 0; r < ROWS; r++) {
            const int32_t offset = -KEY_OFFSET * query_sums(queries + r * stride, stride)[group];
            for (int b = 0; b < BLOCKS; b++) sums[b][r] = (i32x16)offset;
        }
        for (int i = start; i < end; i += 4) {
#pragma clang loop unroll(full)
            for (int b = 0; b < BLOCKS; b++) {
                const u8x64 fours = load_bytes(keys[b] + SP_KEY_BLOCK * i) ^ (uint8_t)KEY_OFFSET;
                if (ROWS <= MOST_FETCHING_ROWS) sp_fetch_line(values_of_step(rows, block + b, i), SP_SECOND_CACHE);
#pragma clang loop unroll(full)
                for (int r = 0; r < ROWS; r++)
                    sums[b][r] =
                        MULTIPLY_KEYS(sums[b][r], fours, every_lane((const int8_t *)(queries + r * stride) + i));
            }
        }
        for (int r = 0; r < ROWS; r++) {
            const f32x16 scale = splat(query_scales(queries + r * stride, stride)[group]);
            float *of_row = scores + (row + r) * SP_ATTENTION_CHUNK + block * SP_KEY_BLOCK;
            for (int b = 0; b < BLOCKS; b++) {
                const float *scales = key_scales(keys[b], SP_CACHE_BYTES, stride) + SP_KEY_BLOCK * group;
                const f32x16 score = to_float(sums[b][r]) * (load_floats(scales) * scale);
                float *place = of_row + b * SP_KEY_BLOCK;
                store_floats(place, group == 0 ? score : load_floats(place) + score);
            }
        }
    }
}

INLINE void score_blocks(
    const chunk_rows *rows, int row, int block, const int ROWS, const int BLOCKS, const sp_cache_format FORMAT,
    float *scores) {
    switch (FORMAT) {
    case SP_CACHE_F32: score_floats(rows, row, block, ROWS, BLOCKS, scores); break;
    case SP_CACHE_BYTES: score_bytes(rows, row, block, ROWS, BLOCKS, scores); break;
    case SP_CACHE_WIDE_KEYS: score_wide_keys(rows, row, block, ROWS, BLOCKS, scores); break;
    }
}

// Whether a row sees all positions of its chunk, given how many it sees from the chunk's first on.
INLINE bool sees_whole_chunk(int limit) { return limit >= SP_ATTENTION_CHUNK; }

// Hides what a row does not see, beyond its first `limit` positions up to `end`. The largest of the lanes of what it
// returns is the largest score of the others.
INLINE f32x16 hide_unseen(float *scores, int limit, int end) {
    const int seen = limit < 0 ? 0 : limit < end ? limit : end;
    for (int i = seen; i < end; i++) scores[i] = NO_SCORE;
    f32x16 peaks = load_floats(scores);
    for (int i = SP_KEY_BLOCK; i < end; i += SP_KEY_BLOCK) peaks = larger(peaks, load_floats(scores + i));
    return peaks;
}

// The sums over the lanes of a row's weights; and of those that will be integers and carry their values' scales, the
// largest of the lanes.
typedef struct {
    f32x16 sums;
    f32x16 most;
} weight_lanes;

// Turns one row's scores into weights 2^(score - peak), in place.
INLINE weight_lanes soften(
    const chunk_rows *rows, float *scores, float peak, int end, const sp_cache_format FORMAT, const bool WHOLE) {
    const bool INTEGERS = FORMAT != SP_CACHE_F32;
    weight_lanes result = {splat(0), splat(0)};
    const size_t block_bytes = sp_key_block_bytes(FORMAT, rows->head_stride);
    const size_t first_block = (size_t)(rows->first / SP_KEY_BLOCK);
    uint8_t *keys = key_block(rows->group, FORMAT, rows->head_stride, first_block);
    for (int i = 0; i < end; i += SP_KEY_BLOCK, keys += block_bytes) {
        // A score that stands for none gives exactly 0, also where the whole row has none. One that is no number is
        // seen: what it leads to is to be none either.
        const f32x16 score = load_floats(scores + i);
        const i32x16 is_seen = score != splat(NO_SCORE);
        f32x16 weights = power_of_two(score - splat(peak));
        if (!WHOLE) weights = is_seen ? weights : splat(0);
        result.sums += weights;
        if (INTEGERS) {
            weights *= load_floats(value_scales(keys, FORMAT, rows->head_stride));
            // Positions that nobody has written yet may hold any scale.
            if (!WHOLE) weights = is_seen ? weights : splat(0);
            // The scale of a value that is no number is none either, of any sign.
            result.most = larger_positive(result.most, magnitude(weights));
        }
        store_floats(scores + i, weights);
    }
    return result;
}

// A row's weights: floats, or integers that are worth a scale each.
typedef struct {
    const float *floats;
    const uint8_t *integers;
    const float *scales;
} row_weights;

// states[row ...][start ...] = sum over the chunk's positions of weight * value, for ROWS rows and VECTORS runs of 16
// values, in single precision.
INLINE void mix_floats(
    const chunk_rows *rows, int row, const row_weights *weights, int start, const int ROWS, const int VECTORS,
    float *states) {
    f32x16 sums[SP_ATTENTION_ROWS][MOST_SUMS];
    for (int r = 0; r < ROWS; r++) {
        for (int v = 0; v < VECTORS; v++) sums[r][v] = splat(0);
    }
    const float *weight = weights->floats + row * SP_ATTENTION_CHUNK;
    const float *values = (const float *)rows->group->values + (size_t)rows->first * (size_t)rows->head_stride + start;
    for (int i = 0; i < rows->count; i++, values += rows->head_stride) {
#pragma clang loop unroll(full)
        for (int v = 0; v < VECTORS; v++) {
            const f32x16 run = load_floats(values + 16 * v);
#pragma clang loop unroll(full)
            for (int r = 0; r < ROWS; r++) sums[r][v] += run * splat(weight[r * SP_ATTENTION_CHUNK + i]);
        }
    }
    for (int r = 0; r < ROWS; r++) {
        float *state = states + (size_t)(row + r) * SP_ATTENTION_STATE(rows->head_stride) + start;
        for (int v = 0; v < VECTORS; v++) store_floats(state + 16 * v, sums[r][v]);
    }
}

// The same in integers.
INLINE void mix_integers(
    const chunk_rows *rows, int row, const row_weights *weights, int start, const int ROWS, const int VECTORS,
    const sp_cache_format FORMAT, float *states) {
    i32x16 sums[SP_ATTENTION_ROWS][MOST_SUMS];
    for (int r = 0; r < ROWS; r++) {
        for (int v = 0; v < VECTORS; v++) sums[r][v] = (i32x16)0;
    }
    const uint8_t *weight = weights->integers + row * SP_ATTENTION_CHUNK;
    const uint8_t *values =
        (const uint8_t *)rows->group->values + (size_t)rows->first * (size_t)rows->head_stride + 4 * start;
    const bool fetches = ROWS <= MOST_FETCHING_ROWS && rows->next_keys;
    const size_t share = fetches ? keys_of_vector(rows, FORMAT) : 0;
    const uint8_t *keys = fetches ? rows->next_keys + share * ((size_t)start / SP_KEY_BLOCK) : NULL;
    for (int i = 0; i < rows->count; i += 4, values += 4 * rows->head_stride) {
#pragma clang loop unroll(full)
        for (int v = 0; v < VECTORS; v++) {
            const u8x64 fours = load_bytes(values + 64 * v);
            if (fetches) {
                const uint8_t *some = keys + share * (size_t)v;
                sp_fetch_line(some + share * (size_t)i / SP_ATTENTION_CHUNK, SP_SECOND_CACHE);
                sp_fetch_line(some + share * (size_t)(i + 2) / SP_ATTENTION_CHUNK, SP_SECOND_CACHE);
            }
#pragma clang loop unroll(full)
            for (int r = 0; r < ROWS; r++)
                sums[r][v] = DOT_FOURS(sums[r][v], every_lane(weight + r * SP_ATTENTION_CHUNK + i), fours);
        }
    }
    for (int r = 0; r < ROWS; r++) {
        float *state = states + (size_t)(row + r) * SP_ATTENTION_STATE(rows->head_stride) + start;
        const f32x16 scale = splat(weights->scales[row + r]);
        for (int v = 0; v < VECTORS; v++) store_floats(state + 16 * v, to_float(sums[r][v]) * scale);
    }
}

INLINE void mix_values(
    const chunk_rows *rows, int row, const row_weights *weights, int start, const int ROWS, const int VECTORS,
    const sp_cache_format FORMAT, float *states) {
    if (FORMAT != SP_CACHE_F32) mix_integers(rows, row, weights, start, ROWS, VECTORS, FORMAT, states);
    else mix_floats(rows, row, weights, start, ROWS, VECTORS, states);
}

// CALL(N) for the rows of a chunk in runs of N from `row` on, where N is a constant of at most ROWS_TOGETHER: what one
// run reads the next finds in the first cache.
#define EACH_RUN_OF_ROWS(CALL)                                                         \
    for (int row = 0; row < rows->rows; row += ROWS_TOGETHER) {                        \
        switch (rows->rows - row < ROWS_TOGETHER ? rows->rows - row : ROWS_TOGETHER) { \
        case 1: CALL(1); break;                                                        \
        case 2: CALL(2); break;                                                        \
        case 3: CALL(3); break;                                                        \
        case 4: CALL(4); break;                                                        \
        EIGHT_ROWS(CALL)                                                               \
        }                                                                              \
    }
#if SCORE_SUMS > 4
#define EIGHT_ROWS(CALL)    \
    case 5: CALL(5); break; \
    case 6: CALL(6); break; \
    case 7: CALL(7); break; \
    case 8: CALL(8); break;
#else
#define EIGHT_ROWS(CALL)
#endif

// The scores of a chunk's rows over all of its blocks, then their weights and the weighted values.
INLINE void attend_rows(const chunk_rows *rows, const int *positions, const sp_cache_format FORMAT, float *states) {
    const bool INTEGERS = FORMAT != SP_CACHE_F32;
    _Alignas(64) float scores[SP_ATTENTION_ROWS * SP_ATTENTION_CHUNK];
    _Alignas(64) uint8_t integers[SP_ATTENTION_ROWS * SP_ATTENTION_CHUNK];
    float scales[SP_ATTENTION_ROWS];
    const row_weights weights = {scores, integers, scales};
    const size_t stride = SP_ATTENTION_STATE(rows->head_stride);
    const int blocks = (rows->count + SP_KEY_BLOCK - 1) / SP_KEY_BLOCK, end = blocks * SP_KEY_BLOCK;
    // Several blocks at once where there are too few rows to hide the latency of a sum; but memory is read in its
    // order.
    const int most_rows = rows->rows < ROWS_TOGETHER ? rows->rows : ROWS_TOGETHER;
    const int together = rows->rows <= MOST_FETCHING_ROWS ? 1 : sums_per_row(most_rows, SCORE_SUMS);
    for (int block = 0, some; block < blocks; block += some) {
        some = blocks - block < together ? 1 : together;
#define SCORE(N)                                                                                         \
    do {                                                                                                 \
        if (some == 4 && 4 * N <= SCORE_SUMS) score_blocks(rows, row, block, N, 4, FORMAT, scores);      \
        else if (some == 2 && 2 * N <= SCORE_SUMS) score_blocks(rows, row, block, N, 2, FORMAT, scores); \
        else score_blocks(rows, row, block, N, 1, FORMAT, scores);                                       \
    } while (0)
        EACH_RUN_OF_ROWS(SCORE)
#undef SCORE
    }
    // Each step for every row before the next one: they hide each other's latencies, and share what folds lanes.
    f32x16 lanes[SP_ATTENTION_ROWS], most_lanes[SP_ATTENTION_ROWS];
    _Alignas(64) float peaks[SP_ATTENTION_ROWS], sums[SP_ATTENTION_ROWS], most_weights[SP_ATTENTION_ROWS];
    for (int row = 0; row < rows->rows; row++)
        lanes[row] = hide_unseen(scores + row * SP_ATTENTION_CHUNK, positions[row] - rows->first, end);
    largest_of_each(lanes, rows->rows, peaks);
    for (int row = 0; row < rows->rows; row++) {
        float *of_row = scores + row * SP_ATTENTION_CHUNK;
        const weight_lanes of_weights = sees_whole_chunk(positions[row] - rows->first)
            ? soften(rows, of_row, peaks[row], end, FORMAT, true)
            : soften(rows, of_row, peaks[row], end, FORMAT, false);
        lanes[row] = of_weights.sums;
        most_lanes[row] = of_weights.most;
    }
    sum_of_each(lanes, rows->rows, sums);
    if (INTEGERS) largest_positive_of_each(most_lanes, rows->rows, most_weights);
    for (int row = 0; row < rows->rows; row++) {
        float *peak_and_sum = states + stride * (size_t)row + rows->head_stride;
        peak_and_sum[0] = peaks[row];
        peak_and_sum[1] = sums[row];
    }
    for (int row = 0; INTEGERS && row < rows->rows; row++) {
        const int at = row * SP_ATTENTION_CHUNK;
        scales[row] = round_to_bytes_by(most_weights[row], scores + at, end, WEIGHT_LIMIT, integers + at);
    }
    const int most = sums_per_row(most_rows, VALUE_SUMS);
    for (int start = 0, vectors; start < rows->head_stride; start += 16 * vectors) {
        vectors = most;
        while (start + 16 * vectors > rows->head_stride) vectors /= 2;
#define MIX(N)                                                                               \
    do {                                                                                     \
        if (vectors == 4) mix_values(rows, row, &weights, start, N, 4, FORMAT, states);      \
        else if (vectors == 2) mix_values(rows, row, &weights, start, N, 2, FORMAT, states); \
        else mix_values(rows, row, &weights, start, N, 1, FORMAT, states);                   \
    } while (0)
        EACH_RUN_OF_ROWS(MIX)
#undef MIX
    }
}

static void attend_chunk(
    const sp_attention_group *group, sp_cache_format format, const float *queries, const int *positions, int rows,
    int first, const uint8_t *next_keys, int head_stride, float *states) {
    int longest = 0;
    for (int row = 0; row < rows; row++) longest = positions[row] > longest ? positions[row] : longest;
    const int count = longest - first < SP_ATTENTION_CHUNK ? longest - first : SP_ATTENTION_CHUNK;
#define ATTEND(FORMAT, HEAD_STRIDE)                                                                       \
    do {                                                                                                  \
        const chunk_rows chunk = {group, queries, rows, HEAD_STRIDE, first, count, next_keys};            \
        attend_rows(&chunk, positions, FORMAT, states);                                                   \
    } while (0)
    switch (format) {
    case SP_CACHE_F32: ATTEND(SP_CACHE_F32, head_stride); break;
    case SP_CACHE_WIDE_KEYS: ATTEND(SP_CACHE_WIDE_KEYS, head_stride); break;
    case SP_CACHE_BYTES:
        // Most models have heads of one of these sizes, and loops of constant lengths take less time.
        if (head_stride == 64) ATTEND(SP_CACHE_BYTES, 64);
        else if (head_stride == 128) ATTEND(SP_CACHE_BYTES, 128);
        else ATTEND(SP_CACHE_BYTES, head_stride);
        break;
    }
#undef ATTEND
}
