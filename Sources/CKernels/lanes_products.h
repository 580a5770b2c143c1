// Matrix products of one tile over 16 lanes: part of lanes.h.

// A group's scales, or their second part: minimums, or the scales of the second half.
INLINE f32x16 load_scales(const sp_matrix *matrix, const sp_group *group, int part) {
    const f32x16 stored =
        matrix->half_scales ? load_halves(group->scales + 32 * part) : load_floats(group->scales + 64 * part);
    return stored * splat(matrix->scale_unit);
}

// The levels of a group: a quant stands for `scale * (first + step * quant)`, less the level of zero. See
// weight_levels.h.
typedef struct {
    f32x16 scale;
    i32x16 first;
    i32x16 step;
} level_lanes;

INLINE level_lanes load_levels(const sp_matrix *matrix, const sp_group *group, const int BITS) {
    u16x16 words;
    u8x16 first;
    memcpy(&words, group->scales, sizeof words);
    memcpy(&first, group->scales + SP_FIRST_LEVELS, sizeof first);
    const u16x16 halves = words >> 1;
    const f32x16 scale = load_halves((const uint8_t *)&halves) * splat(matrix->scale_unit);
    const i32x16 step = __builtin_convertvector(words & (uint16_t)(0xff >> BITS), i32x16) + 1;
    return (level_lanes){scale, __builtin_convertvector(first, i32x16), step};
}

// The bits above the fourth of half a group of quants of 5 or 6 bits: those of the half's i-th step are the lowest bits
// of each byte shifted by (BITS - 4) * i.
INLINE u8x64 load_high_bits(const uint8_t *half, const int BITS) {
    if (BITS == 6) return load_bytes(half + SP_HIGH_BITS);
    u8x32 rows[2];
    memcpy(&rows[0], half + SP_HIGH_BITS, sizeof rows[0]);
    rows[1] = rows[0] >> 4;
    u8x64 high;
    memcpy(&high, rows, sizeof high);
    return high;
}

// Those of the half's i-th step, in their place.
INLINE u8x64 high_bits_of_step(u8x64 high, const int i, const int BITS) {
    const int shift = (BITS - 4) * i - 4, mask = BITS == 6 ? 0x30 : 0x10;
    return (shift < 0 ? high << (uint8_t)-shift : high >> (uint8_t)shift) & (uint8_t)mask;
}

// The four steps of half a group of weights in two parts.
INLINE void join_parts(const sp_group *group, const int half, u8x64 steps[4]) {
    const uint8_t *upper = group->halves[half];
    const u8x64 lower = load_bytes(group->lower + SP_LOWER_HALF_BYTES * half);
    for (int i = 0; i < 3; i++) steps[i] = load_bytes(upper + 64 * i);
    steps[3] = steps[0] << 6 | (steps[1] << 4 & 0x30) | (steps[2] << 2 & 0x0c);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) steps[i] = (steps[i] & 0xfc) | (lower >> (uint8_t)(SP_LOWER_BITS * i) & 0x03);
}

// Where the products of a tile go, read from it once for many tokens.
typedef struct {
    float *output;
    size_t stride;
    f32x16 bias;
    bool has_bias;
    bool accumulate;
} tile_output;

INLINE tile_output output_of(const sp_tile *tile) {
    const sp_product *product = tile->product;
    const f32x16 bias = product->bias ? load_floats(product->bias + (size_t)tile->tile * SP_TILE_ROWS) : splat(0);
    return (tile_output){tile->output, product->output_stride, bias, product->bias, product->accumulate};
}

INLINE float *place_of(const tile_output *tile, int token) { return tile->output + tile->stride * (size_t)token; }

// What products are added to. Those in integers begin with it, so that their last group's sums are the output; those in
// single precision, of many more additions, end with it.
INLINE f32x16 base_of(const tile_output *tile, int token) {
    if (!tile->accumulate) return tile->bias;
    const f32x16 outputs = load_floats(place_of(tile, token));
    return tile->has_bias ? outputs + tile->bias : outputs;
}

// `tokens` tokens in blocks of 8, 4, 2 and 1, each starting at `token`.
#define TOKEN_BLOCKS(CALL)                        \
    do {                                          \
        int token = 0;                            \
        for (; token + 8 <= tokens; token += 8) { \
            CALL(8);                              \
        }                                         \
        if (tokens - token >= 4) {                \
            CALL(4);                              \
            token += 4;                           \
        }                                         \
        if (tokens - token >= 2) {                \
            CALL(2);                              \
            token += 2;                           \
        }                                         \
        if (tokens - token >= 1) CALL(1);         \
    } while (0)

enum {
    // A step is 4 columns of 16 rows.
    STEPS = SP_GROUP_COLUMNS / 4,
};

// CALL(FIRST, LAST) for the steps of a group's halves, which are constants.
#define STEPS_OF_HALVES(HALVES, CALL)                   \
    switch (HALVES) {                                   \
    case SP_FIRST_HALF: CALL(0, STEPS / 2); break;      \
    case SP_SECOND_HALF: CALL(STEPS / 2, STEPS); break; \
    case SP_BOTH_HALVES: CALL(0, STEPS); break;         \
    }

// MULTIPLY_STEPS(I, GROUP, AT, FIRST, LAST), which the caller defines, for each group that a product reads of a tile,
// or of each of two in turns: for the I-th tile, the group's steps, and where the inputs have the group of a block's
// first token. What the thread reads later is fetched meanwhile. COUNT and FORMAT are constants.
#define EACH_GROUP_OF_TILES(TILES, COUNT, INPUT, TOKEN, FORMAT)                                                    \
    do {                                                                                                           \
        const sp_tile *const of_tiles = (TILES);                                                                   \
        const sp_activations *const inputs = (INPUT);                                                              \
        const sp_product *const product = of_tiles[0].product;                                                     \
        const bool has_parts = sp_has_parts(FORMAT), is_wide = sp_quant_bits(FORMAT) > 4, has_other = (COUNT) > 1; \
        const int32_t first_tile = of_tiles[0].tile, other_tile = has_other ? of_tiles[1].tile : first_tile;       \
        const size_t apart = sp_tiles_apart(product->matrix, first_tile, other_tile);                              \
        const int count = sp_group_count(product);                                                                 \
        const sp_group_strides strides = sp_strides_of(product->matrix);                                           \
        sp_fetch_cursor ahead = sp_cursor_of((TOKEN) == 0 ? of_tiles[0].ahead : NULL, is_wide);                    \
        sp_group_run run;                                                                                          \
        for (int i = 0, next; i < count; i = next) {                                                               \
            sp_find_run(product, first_tile, i, &run);                                                             \
            next = i + run.count;                                                                                  \
            size_t at = sp_input_index(inputs, run.index, TOKEN);                                                  \
            STEPS_OF_HALVES(run.halves, STEPS_OF_RUN);                                                             \
        }                                                                                                          \
        sp_put_back(&ahead);                                                                                       \
    } while (0)
// Of a run of these groups.
#define STEPS_OF_RUN(FIRST, LAST)                                                                       \
    for (; run.count > 0; at += (size_t)inputs->token_stride) {                                         \
        const sp_group group = sp_first_of_run(product, first_tile, &run, has_parts);                   \
        sp_fetch_next(&ahead, is_wide);                                                                 \
        MULTIPLY_STEPS(0, &group, at, FIRST, LAST);                                                     \
        if (has_other) {                                                                                \
            const sp_group of_other = sp_group_apart(product, other_tile, apart, &run, has_parts);      \
            MULTIPLY_STEPS(1, &of_other, at, FIRST, LAST);                                              \
        }                                                                                               \
        sp_shorten_run(strides, &run);                                                                  \
    }

// ROW(FORMAT, NAME) for each format that products in integers take.
#define EACH_INTEGER_FORMAT(ROW)        \
    ROW(SP_PACKED_U4, u4)               \
    ROW(SP_PACKED_U4_LEVELS, u4_levels) \
    ROW(SP_PACKED_U5, u5)               \
    ROW(SP_PACKED_U5_LEVELS, u5_levels) \
    ROW(SP_PACKED_U6_SPLIT, u6_split)   \
    ROW(SP_PACKED_U8, u8)               \
    ROW(SP_PACKED_U8_PARTS, u8_parts)

// multiply_int8(tile, input, tokens, FORMAT): one tile in int8, where the format is a constant at every call.
#ifdef INT8_PRODUCTS
#include INT8_PRODUCTS
#else
#include "lanes_int8_products.h"
#endif

// The 16 rows' weights of one column of a group that is not quantised, as floats.
INLINE f32x16 load_column(const sp_matrix *matrix, const sp_group *group, int column) {
    const uint8_t *half = group->halves[column / SP_HALF_COLUMNS];
    column %= SP_HALF_COLUMNS;
    if (matrix->format == SP_PACKED_F32) return load_floats(half + 64 * column);
    if (matrix->format == SP_PACKED_F16) return load_halves(half + 32 * column);
    u16x16 bits;
    memcpy(&bits, half + 32 * column, sizeof bits);
    u32x16 wide = __builtin_convertvector(bits, u32x16) << 16;
    f32x16 value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

// The same of a quantised group.
INLINE f32x16 dequantize_column(const sp_matrix *matrix, const sp_group *group, int column) {
    const int bits = sp_quant_bits(matrix->format), half = column / SP_HALF_COLUMNS;
    const int step = column % SP_HALF_COLUMNS / 4;
    const uint8_t *weights = group->halves[half];
    u32x16 words;
    if (sp_has_parts(matrix->format)) {
        u8x64 steps[STEPS / 2];
        join_parts(group, half, steps);
        words = (u32x16)steps[step];
    } else {
        memcpy(&words, weights + 64 * (bits == 8 ? step : step / 2), sizeof words);
    }
    if (bits < 8) words = words >> (uint32_t)(4 * (step % 2)) & 0x0f0f0f0f;
    if (bits == 5) words |= (u32x16)high_bits_of_step(load_high_bits(weights, 5), step, 5);
    if (bits == 6) words |= (u32x16)high_bits_of_step(load_high_bits(weights, 6), step, 6);
    i32x16 quant = (i32x16)(words >> (uint32_t)(8 * (column % 4)) & 0xff);
    if (sp_has_levels(matrix->format)) {
        const level_lanes levels = load_levels(matrix, group, bits);
        return to_float(levels.first + levels.step * quant - matrix->zero) * levels.scale;
    }
    const int part = sp_has_split_scales(matrix->format) ? half : 0;
    const f32x16 value = to_float(quant - matrix->zero) * load_scales(matrix, group, part);
    if (!sp_has_minimum(matrix->format)) return value;
    return value + load_scales(matrix, group, 1);
}

// One tile for `TOKENS` tokens in float32.
INLINE void multiply_float(
    const sp_tile *tile, const sp_activations *input, int token, const int TOKENS) {
    const sp_matrix *matrix = tile->product->matrix;
    const size_t width = (size_t)input->groups * SP_GROUP_COLUMNS;
    const sp_columns *columns = &tile->product->columns;
    const int count = sp_group_count(tile->product);
    const bool quantized = sp_is_quantized(matrix->format);
    f32x16 sums[8];
    for (int t = 0; t < TOKENS; t++) sums[t] = splat(0);
    for (int i = 0; i < count; i++) {
        const int32_t index = sp_group_index(columns, i);
        const sp_group group = sp_product_group(tile->product, tile->tile, index);
        const float *x = input->values + (size_t)token * width + (size_t)index * SP_GROUP_COLUMNS;
        const sp_halves halves = sp_halves_of(columns, i);
        const int first = halves == SP_SECOND_HALF ? SP_HALF_COLUMNS : 0;
        const int last = halves == SP_FIRST_HALF ? SP_HALF_COLUMNS : SP_GROUP_COLUMNS;
        for (int column = first; column < last; column++) {
            const f32x16 w =
                quantized ? dequantize_column(matrix, &group, column) : load_column(matrix, &group, column);
#pragma clang loop unroll(full)
            for (int t = 0; t < TOKENS; t++) sums[t] += w * splat(x[(size_t)t * width + (size_t)column]);
        }
    }
    const tile_output output = output_of(tile);
    for (int t = 0; t < TOKENS; t++)
        store_floats(place_of(&output, token + t), sums[t] + base_of(&output, token + t));
}

#define PRODUCT_KERNEL(NAME, ...) \
    static void NAME(const sp_tile *tile, const sp_activations *input, int tokens) { __VA_ARGS__; }

#define INT8_KERNEL(FORMAT, NAME) PRODUCT_KERNEL(multiply_##NAME, multiply_int8(tile, input, tokens, FORMAT))

EACH_INTEGER_FORMAT(INT8_KERNEL)

#define FLOAT_BLOCK(N) multiply_float(tile, input, token, N)
PRODUCT_KERNEL(multiply_floats, TOKEN_BLOCKS(FLOAT_BLOCK))

static void multiply_tile(const sp_tile *tile, const sp_activations *input, int tokens) {
    if (!input->quants) {
        multiply_floats(tile, input, tokens);
        return;
    }
    switch (tile->product->matrix->format) {
#define INT8_CASE(FORMAT, NAME) \
    case FORMAT: multiply_##NAME(tile, input, tokens); break;
    EACH_INTEGER_FORMAT(INT8_CASE)
#undef INT8_CASE
    default: multiply_floats(tile, input, tokens); break;
    }
}
