// Matrix products of two tiles at a time on 32 registers of 512 bits: part of lanes.h.
//
// A byte product takes a register of weights and one of inputs, and a processor loads as many registers in a cycle as
// it starts byte products: inputs are loaded once for both tiles. The weights of a group of both tiles stay in
// registers while tokens pass by, whose sums in single precision lie in the first cache.

enum {
    // Tokens that share the unpacking of a group of both tiles.
    BLOCK_TOKENS = SP_TOKENS_TOGETHER,
    // How far ahead weights are fetched meanwhile.
    PAIR_GROUPS_AHEAD = 2,
    // For fewer tokens a product of two scales is not worth tabulating.
    TABULATING_TOKENS = 32,
};

// The products of a scale of weights with those of inputs, which have one of few mantissas: for each of them, less the
// bits of the mantissa itself. Adding the bits of an input's scale adds its exponent, in a unit that does not multiply.
// A scale of 0 has no exponent: its row's integers stand for 0, whatever they are multiplied with.
typedef struct {
    i32x16 of_mantissa[SHORT_MANTISSAS];
} scale_products;

INLINE void multiply_mantissas(f32x16 scale, scale_products *products) {
    scale = scale == splat(0) ? splat(1) : scale;
#pragma clang loop unroll(full)
    for (int i = 0; i < SHORT_MANTISSAS; i++) {
        const f32x16 mantissa = splat(1 + (float)i / SHORT_MANTISSAS), product = scale * mantissa;
        products->of_mantissa[i] = (i32x16)product - (i32x16)mantissa;
    }
}

INLINE f32x16 multiply_scale(const scale_products *products, const float *x_scale) {
    int32_t bits;
    memcpy(&bits, x_scale, sizeof bits);
    return (f32x16)(products->of_mantissa[bits >> SHORT_MANTISSA_SHIFT & (SHORT_MANTISSAS - 1)] + bits);
}

// A load of inputs and both tiles' byte products, one after the other: where other instructions stand between them, a
// Zen 4 core gives one of its two pipes for products more of them than the other, which takes a tenth longer.
INLINE void multiply_step(__m512i *first, __m512i *second, u8x64 of_first, u8x64 of_second, const int8_t *x) {
    __m512i inputs;
    __asm__(
        "vpbroadcastd %3, %0\n\tvpdpbusd %0, %4, %1\n\tvpdpbusd %0, %5, %2"
        : "=&v"(inputs), "+&v"(*first), "+v"(*second)
        : "m"(*(const int8_t(*)[4])x), "v"(of_first), "v"(of_second));
}

// Puts the levels of quants, which are bytes, in their place.
INLINE void place_on_levels(unpacked_group *group, const int FIRST, const int LAST) {
    const u8x64 firsts = (u8x64)(group->levels.first * 0x01010101);
    // Two bytes at a time: neither product is more than a byte.
    const u16x32 factors = (u16x32)(group->levels.step * 0x00010001);
#pragma clang loop unroll(full)
    for (int i = FIRST; i < LAST; i++) group->steps[i] = (u8x64)((u16x32)group->steps[i] * factors) + firsts;
}

// Fetches what is read some groups after the i-th of a tile's `count`: the next tile's where this one has no more.
INLINE void fetch_ahead(const sp_tile *tile, int i, int count) {
    const bool goes_on = i + PAIR_GROUPS_AHEAD < count;
    const int ahead = goes_on ? i + PAIR_GROUPS_AHEAD : i + PAIR_GROUPS_AHEAD - count;
    if (ahead >= count) return;
    const sp_product *product = tile->product;
    const int32_t index = sp_group_index(&product->columns, ahead);
    const sp_group group = sp_product_group(product, goes_on ? tile->tile : tile->next, index);
    sp_fetch_group(product->matrix, &group, sp_halves_of(&product->columns, ahead), SP_FIRST_CACHE);
}

// Where a tile's sums of the tokens are: the first one's, and how far it is to the next one's.
typedef struct {
    float *first;
    size_t stride;
} sum_places;

// Adds the products of the steps [FIRST, LAST) of one group of both tiles with `tokens` tokens, the first of them at
// index `at` of the inputs, to their sums in one place, and puts them in another.
INLINE void multiply_pair_steps(
    const sp_matrix *matrix, const sp_activations *input, const sp_group groups[2], size_t at, int tokens,
    const sum_places from[2], const sum_places to[2], const int FIRST, const int LAST, const bool TABULATED,
    const sp_packed_format FORMAT) {
    const bool is_split = sp_has_split_scales(FORMAT);
    unpacked_group tiles[2];
    for (int i = 0; i < 2; i++) {
        tiles[i] = unpack_group(matrix, &groups[i], FIRST, LAST, FORMAT);
        if (sp_has_levels(FORMAT)) place_on_levels(&tiles[i], FIRST, LAST);
    }
    scale_products scales[2][2];
    for (int i = 0; TABULATED && i < 2; i++) {
        multiply_mantissas(tiles[i].scale, &scales[i][0]);
        if (is_split) multiply_mantissas(tiles[i].second, &scales[i][1]);
    }
    // Copies: the compiler must expect that a store of sums changes what it reads through pointers.
    const int8_t *x = input->quants + at * SP_GROUP_COLUMNS;
    const int16_t *half_sums = input->half_sums + 2 * at;
    const float *x_scales = input->scales + at;
    const int32_t zero = matrix->zero;
    const size_t from_strides[2] = {from[0].stride, from[1].stride}, to_strides[2] = {to[0].stride, to[1].stride};
    const float *sources[2] = {from[0].first, from[1].first};
    float *destinations[2] = {to[0].first, to[1].first};
    for (int t = 0; t < tokens; t++, x += SP_GROUP_COLUMNS, half_sums += 2, x_scales++) {
        f32x16 sum[2] = {load_floats(sources[0]), load_floats(sources[1])};
#pragma clang loop unroll(full)
        for (int part = 0; part < (is_split ? 2 : 1); part++) {
            const int first = is_split ? part * STEPS / 2 : FIRST, last = is_split ? first + STEPS / 2 : LAST;
            if (first < FIRST || last > LAST) continue;
            // Two chains of sums for each tile, so that one product need not wait for the one before it. What stands
            // for 0 is taken off before the first.
            const int32_t offset = zero * (is_split ? half_sums[part] : half_sums[0] + half_sums[1]);
            __m512i dots[2][2];
            for (int i = 0; i < 2; i++) {
                dots[i][0] = _mm512_set1_epi32(-offset);
                dots[i][1] = _mm512_setzero_si512();
            }
#pragma clang loop unroll(full)
            for (int step = first; step < last; step++) {
                multiply_step(
                    &dots[0][step % 2], &dots[1][step % 2], tiles[0].steps[step], tiles[1].steps[step], x + 4 * step);
            }
#pragma clang loop unroll(full)
            for (int i = 0; i < 2; i++) {
                const i32x16 dot = (i32x16)dots[i][0] + (i32x16)dots[i][1];
                const f32x16 scale = TABULATED ? multiply_scale(&scales[i][part], x_scales)
                    : (part == 0 ? tiles[i].scale : tiles[i].second) * splat(*x_scales);
                sum[i] += to_float(dot) * scale;
            }
        }
        for (int i = 0; i < 2; i++) {
            store_floats(destinations[i], sum[i]);
            sources[i] += from_strides[i];
            destinations[i] += to_strides[i];
        }
    }
}

// Two tiles for at most BLOCK_TOKENS tokens.
INLINE void multiply_pair_block(
    const sp_tile pair[2], const sp_activations *input, int token, int tokens, const bool TABULATED,
    const sp_packed_format FORMAT) {
    const sp_matrix *matrix = pair[0].product->matrix;
    const sp_columns *columns = &pair[0].product->columns;
    const int count = sp_group_count(pair[0].product);
    _Alignas(64) float sums[BLOCK_TOKENS][2][SP_TILE_ROWS];
    sum_places from[2], between[2], last[2];
    tile_output outputs[2];
    for (int p = 0; p < 2; p++) {
        outputs[p] = output_of(&pair[p]);
        between[p] = (sum_places){sums[0][p], 2 * SP_TILE_ROWS};
        last[p] = (sum_places){place_of(&outputs[p], token), outputs[p].stride};
        // Sums begin with the bias, or the outputs, or both, which are added up first.
        const bool accumulates = outputs[p].accumulate, has_both = accumulates && outputs[p].has_bias;
        from[p] = has_both ? between[p] : accumulates ? last[p] : (sum_places){(float *)&outputs[p].bias, 0};
        if (count > 0 && !has_both) continue;
        const sum_places base = count == 0 ? last[p] : between[p];
        for (int t = 0; t < tokens; t++)
            store_floats(base.first + base.stride * (size_t)t, base_of(&outputs[p], token + t));
    }
    for (int i = 0; i < count; i++) {
        const int32_t index = sp_group_index(columns, i);
        const sp_group groups[2] = {
            sp_product_group(pair[0].product, pair[0].tile, index),
            sp_product_group(pair[1].product, pair[1].tile, index),
        };
        const size_t at = sp_input_index(input, index, token);
        const sum_places *to = i == count - 1 ? last : between;
        for (int p = 0; p < 2; p++) fetch_ahead(&pair[p], i, count);
#define STEPS_OF_GROUP(FIRST, LAST) \
    multiply_pair_steps(matrix, input, groups, at, tokens, from, to, FIRST, LAST, TABULATED, FORMAT)
        STEPS_OF_HALVES(sp_halves_of(columns, i), STEPS_OF_GROUP);
#undef STEPS_OF_GROUP
        for (int p = 0; p < 2; p++) from[p] = between[p];
    }
}

#define PAIR_KERNEL(FORMAT, NAME)                                                                      \
    static void multiply_pair_##NAME(const sp_tile pair[2], const sp_activations *input, int tokens) { \
        for (int token = 0; token < tokens; token += BLOCK_TOKENS) {                                   \
            const int left = tokens - token, count = left < BLOCK_TOKENS ? left : BLOCK_TOKENS;        \
            if (count >= TABULATING_TOKENS)                                                            \
                multiply_pair_block(pair, input, token, count, true, FORMAT);                          \
            else                                                                                       \
                multiply_pair_block(pair, input, token, count, false, FORMAT);                         \
        }                                                                                              \
    }

EACH_INTEGER_FORMAT(PAIR_KERNEL)

static void multiply_pair(const sp_tile pair[2], const sp_activations *input, int tokens) {
    switch (pair[0].product->matrix->format) {
#define PAIR_CASE(FORMAT, NAME) \
    case FORMAT: multiply_pair_##NAME(pair, input, tokens); break;
    EACH_INTEGER_FORMAT(PAIR_CASE)
#undef PAIR_CASE
    default: break;
    }
}
