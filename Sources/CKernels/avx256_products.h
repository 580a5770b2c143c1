// Matrix products of one tile on 16 registers of 256 bits: part of lanes.h. A file with a byte dot product defines
//
//   DOT_BYTES(sums, weights, x)   sums + four products of an unsigned and a signed byte in each 32-bit lane
//
// A plane is weights of a group, unpacked: [step 0..7][rows 0..7, rows 8..15] registers of 8 rows x 4 columns. Without
// a byte dot product, pairs of products are added in 16 bits: a plane is 4 bits of each weight then, so that they are
// at most 8 steps * 2 products * 15 * 127 = 30480 and a group is widened to 32 bits once, and an 8-bit matrix has two
// planes.

enum {
    // Tokens that share the unpacking of a group; their sums and inputs stay in the first cache.
    BLOCK_TOKENS = 64,
    // Tokens that share the loading of a register of weights: their sums fill half of the registers.
    QUAD_TOKENS = 4,
};

// How many planes an 8-bit matrix has.
#ifdef DOT_BYTES
enum { PLANES = 1 };
#else
enum { PLANES = 2 };
#endif

typedef __m256i plane[STEPS][2];

// The steps [FIRST, LAST) of a group's planes.
INLINE void unpack_planes(
    const sp_group *group, const bool FOUR_BIT, const int FIRST, const int LAST, plane planes[2]) {
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    const int share = FOUR_BIT ? 2 : 1, runs = STEPS / 2 / share;
#pragma clang loop unroll(full)
    for (int i = FIRST / share; i < LAST / share; i++) {
        const uint8_t *quants = group->halves[i / runs] + 64 * (i % runs);
#pragma clang loop unroll(full)
        for (int part = 0; part < 2; part++) {
            const __m256i bytes = _mm256_loadu_si256((const __m256i *)(quants + 32 * part));
            const __m256i low = _mm256_and_si256(bytes, nibble);
            const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
            if (FOUR_BIT) {
                planes[0][2 * i][part] = low;
                planes[0][2 * i + 1][part] = high;
            } else if (PLANES == 1) {
                planes[0][i][part] = bytes;
            } else {
                planes[0][i][part] = low;
                planes[1][i][part] = high;
            }
        }
    }
}

// sums[t] = products of the steps [FIRST, LAST) of a plane with the inputs of token t, in 32 bits; times a factor where
// there are several planes.
INLINE void multiply_plane(
    plane weights, const int8_t *x, int factor, const int TOKENS, const int FIRST, const int LAST,
    __m256i sums[QUAD_TOKENS][2]) {
    __m256i dots[QUAD_TOKENS][2];
#pragma clang loop unroll(full)
    for (int t = 0; t < TOKENS; t++) dots[t][0] = dots[t][1] = _mm256_setzero_si256();
#pragma clang loop unroll(full)
    for (int step = FIRST; step < LAST; step++) {
        const __m256i w[2] = {weights[step][0], weights[step][1]};
#pragma clang loop unroll(full)
        for (int t = 0; t < TOKENS; t++) {
            const __m256i inputs = four_inputs(x + SP_GROUP_COLUMNS * t + 4 * step);
#pragma clang loop unroll(full)
            for (int part = 0; part < 2; part++) {
#ifdef DOT_BYTES
                dots[t][part] = DOT_BYTES(dots[t][part], w[part], inputs);
#else
                dots[t][part] = _mm256_add_epi16(dots[t][part], _mm256_maddubs_epi16(w[part], inputs));
#endif
                // Keeps the compiler from starting several steps before it ends one, which takes more registers
                // than there are.
                __asm__ volatile("" : "+x"(dots[t][part]));
            }
        }
    }
#pragma clang loop unroll(full)
    for (int t = 0; t < TOKENS; t++) {
        for (int part = 0; part < 2; part++) {
#ifdef DOT_BYTES
            (void)factor;
            sums[t][part] = dots[t][part];
#else
            sums[t][part] = _mm256_madd_epi16(dots[t][part], _mm256_set1_epi16((short)factor));
#endif
        }
    }
}

// What the inner loops of a product need to know of its matrix and inputs.
typedef struct {
    const sp_activations *input;
    int32_t zero;
    bool half_scales;
} product_inputs;

// Adds the products of the steps [FIRST, LAST) of one group, all of them or a half, with TOKENS tokens, the first of
// them at index `at` of the inputs, to their sums in single precision.
INLINE void multiply_group(
    const product_inputs *inputs, size_t at, plane planes[2], const __m256 scales[2], const __m256 seconds[2],
    const int FIRST, const int LAST, const int TOKENS, const bool FOUR_BIT, const bool MINIMUM, const bool SPLIT,
    __m256 sums[][2]) {
    const int8_t *x = inputs->input->quants + at * SP_GROUP_COLUMNS;
#pragma clang loop unroll(full)
    for (int half = 0; half < (SPLIT ? 2 : 1); half++) {
        const int first = SPLIT ? half * STEPS / 2 : FIRST, last = SPLIT ? first + STEPS / 2 : LAST;
        if (first < FIRST || last > LAST) continue;
        __m256i dots[QUAD_TOKENS][2], high[QUAD_TOKENS][2];
        multiply_plane(planes[0], x, 1, TOKENS, first, last, dots);
        if (!FOUR_BIT && PLANES == 2) multiply_plane(planes[1], x, 16, TOKENS, first, last, high);
#pragma clang loop unroll(full)
        for (int t = 0; t < TOKENS; t++) {
            const size_t index = at + (size_t)t;
            const int32_t *half_sums = inputs->input->half_sums + 2 * index;
            const __m256 x_scale = _mm256_broadcast_ss(inputs->input->scales + index);
            const __m256 x_sum = _mm256_broadcast_ss(inputs->input->scaled_sums + index);
            const __m256i offset =
                _mm256_set1_epi32(inputs->zero * (SPLIT ? half_sums[half] : half_sums[0] + half_sums[1]));
#pragma clang loop unroll(full)
            for (int part = 0; part < 2; part++) {
                __m256i dot = dots[t][part];
                if (!FOUR_BIT && PLANES == 2) dot = _mm256_add_epi32(dot, high[t][part]);
                if (!MINIMUM) dot = _mm256_sub_epi32(dot, offset);
                const __m256 scale = SPLIT && half == 1 ? seconds[part] : scales[part];
                __m256 sum = sums[t][part];
                sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(scale, x_scale), sum);
                if (MINIMUM) sum = _mm256_fmadd_ps(seconds[part], x_sum, sum);
                sums[t][part] = sum;
            }
        }
    }
}

INLINE void load_two_scales(const uint8_t *scales, bool half, int part, __m256 destination[2]) {
    const f32x16 v = load_scales(scales, half, part);
    memcpy(destination, &v, sizeof v);
}

// Adds the products of the steps [FIRST, LAST) of a group for `tokens` tokens; TOKENS as in multiply_block.
INLINE void multiply_steps(
    const product_inputs *inputs, const sp_group *group, size_t at, const int FIRST, const int LAST, int tokens,
    const int TOKENS, const bool FOUR_BIT, const bool MINIMUM, const bool SPLIT, __m256 sums[][2]) {
    plane planes[2];
    __m256 scales[2], seconds[2];
    unpack_planes(group, FOUR_BIT, FIRST, LAST, planes);
    load_two_scales(group->scales, inputs->half_scales, 0, scales);
    load_two_scales(group->scales, inputs->half_scales, MINIMUM || SPLIT ? 1 : 0, seconds);
#define GROUP(T, N)                                                                                                  \
    multiply_group(                                                                                                  \
        inputs, at + (size_t)(T), planes, scales, seconds, FIRST, LAST, N, FOUR_BIT, MINIMUM, SPLIT, sums + (T))
    if (TOKENS) {
        GROUP(0, TOKENS);
    } else {
        for (int t = 0; t < tokens; t += QUAD_TOKENS) GROUP(t, QUAD_TOKENS);
    }
#undef GROUP
}

// One tile for `tokens` tokens in int8: TOKENS of them, at most QUAD_TOKENS, or where that is 0 at most BLOCK_TOKENS.
// FOUR_BIT, MINIMUM and SPLIT are constants at every call.
INLINE void multiply_block(
    const sp_tile *tile, const sp_activations *input, int token, int tokens, const int TOKENS, const bool FOUR_BIT,
    const bool MINIMUM, const bool SPLIT) {
    const sp_matrix *matrix = tile->product->matrix;
    const product_inputs inputs = {input, matrix->zero, matrix->half_scales};
    const sp_columns *columns = &tile->product->columns;
    const int count = sp_group_count(tile->product);
    __m256 sums[TOKENS ? TOKENS : BLOCK_TOKENS][2];
    for (int t = 0; t < (TOKENS ? TOKENS : tokens); t++) sums[t][0] = sums[t][1] = _mm256_setzero_ps();
    sp_weight_stream *ahead = token == 0 ? tile->ahead : NULL;
    for (int i = 0; i < count; i++) {
        const int32_t index = sp_group_index(columns, i);
        const sp_group group = sp_matrix_group(matrix, tile->tile, index);
        const size_t at = sp_input_index(input, index, token);
        if (ahead) sp_fetch_next(ahead);
#define STEPS_OF_GROUP(FIRST, LAST) \
    multiply_steps(&inputs, &group, at, FIRST, LAST, tokens, TOKENS, FOUR_BIT, MINIMUM, SPLIT, sums)
        STEPS_OF_HALVES(sp_halves_of(columns, i), STEPS_OF_GROUP);
#undef STEPS_OF_GROUP
    }
    const tile_output output = output_of(tile);
    for (int t = 0; t < (TOKENS ? TOKENS : tokens); t++) {
        f32x16 sum;
        memcpy(&sum, sums[t], sizeof sum);
        finish(&output, token + t, sum);
    }
}

// `tokens` tokens in blocks of a multiple of QUAD_TOKENS, then the rest.
INLINE void multiply_int8(
    const sp_tile *tile, const sp_activations *input, int tokens, const bool FOUR_BIT, const bool MINIMUM,
    const bool SPLIT) {
    int token = 0;
    while (tokens - token > QUAD_TOKENS) {
        const int left = (tokens - token) / QUAD_TOKENS * QUAD_TOKENS;
        const int block = left < BLOCK_TOKENS ? left : BLOCK_TOKENS;
        multiply_block(tile, input, token, block, 0, FOUR_BIT, MINIMUM, SPLIT);
        token += block;
    }
    switch (tokens - token) {
#define REST(N) \
    case N: multiply_block(tile, input, token, N, N, FOUR_BIT, MINIMUM, SPLIT); break;
    REST(1) REST(2) REST(3) REST(4)
#undef REST
    }
}
