// Matrix products of one tile on 16 registers of 256 bits: part of lanes.h. A file with a byte dot product defines
//
//   DOT_BYTES(sums, weights, x)   sums + four products of an unsigned and a signed byte in each 32-bit lane
//
// A plane is weights of a group, unpacked: [step 0..7][rows 0..7, rows 8..15] registers of 8 rows x 4 columns. Without
// a byte dot product, pairs of products are added in 16 bits: a plane is 4 bits of each weight then, so that they are
// at most 8 steps * 2 products * 15 * 127 = 30480 and a group is widened to 32 bits once, and a matrix of more bits has
// two planes. What widens them multiplies as well: with the weight of a plane, and with the steps of a group's levels.

enum {
    // Tokens that share the unpacking of a group; their sums and inputs stay in the first cache.
    BLOCK_TOKENS = SP_TOKENS_TOGETHER,
    // Tokens that share the loading of a register of weights: their sums fill half of the registers.
    QUAD_TOKENS = 4,
};

// How many planes a matrix of more than 4 bits has.
#ifdef DOT_BYTES
enum { PLANES = 1 };
#else
enum { PLANES = 2 };
#endif

typedef __m256i plane[STEPS][2];

// The steps [FIRST, LAST) of a group's planes, one or both of its halves.
INLINE void unpack_planes(
    const sp_group *group, const sp_packed_format FORMAT, const int FIRST, const int LAST, plane planes[2]) {
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    const int half_steps = STEPS / 2, bits = sp_quant_bits(FORMAT), share = bits == 8 ? 1 : 2;
    u8x64 joined[STEPS];
#pragma clang loop unroll(full)
    for (int half = FIRST / half_steps; sp_has_parts(FORMAT) && half < LAST / half_steps; half++)
        join_parts(group, half, joined + half * half_steps);
#pragma clang loop unroll(full)
    for (int i = FIRST / share; i < LAST / share; i++) {
        const int half = i * share / half_steps;
        const uint8_t *quants = sp_has_parts(FORMAT)
            ? (const uint8_t *)&joined[i] : group->halves[half] + 64 * (i - half * half_steps / share);
#pragma clang loop unroll(full)
        for (int part = 0; part < 2; part++) {
            const __m256i bytes = _mm256_loadu_si256((const __m256i *)(quants + 32 * part));
            const __m256i low = _mm256_and_si256(bytes, nibble);
            const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
            if (bits < 8) {
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
    if (bits == 4 || bits == 8) return;
#pragma clang loop unroll(full)
    for (int half = FIRST / half_steps; half < LAST / half_steps; half++) {
        const u8x64 high = load_high_bits(group->halves[half], bits);
#pragma clang loop unroll(full)
        for (int i = 0; i < half_steps; i++) {
            const two_registers rest = split(high_bits_of_step(high, i, bits));
            const int step = half * half_steps + i;
#pragma clang loop unroll(full)
            for (int part = 0; part < 2; part++) {
                if (PLANES == 1) {
                    planes[0][step][part] = _mm256_or_si256(planes[0][step][part], rest.part[part]);
                } else {
                    planes[1][step][part] = _mm256_srli_epi16(rest.part[part], 4);
                }
            }
        }
    }
}

// What else a row's integers of a group are multiplied with: two equal numbers of 16 bits for each of 16 rows.
typedef struct {
    __m256i part[2];
} row_factors;

INLINE row_factors equal_factors(int factor) {
    const __m256i v = _mm256_set1_epi16((short)factor);
    return (row_factors){{v, v}};
}

INLINE row_factors factors_of_rows(i32x16 rows) {
    const i32x16 pairs = (rows & 0xffff) | rows << 16;
    row_factors factors;
    memcpy(&factors, &pairs, sizeof factors);
    return factors;
}

#ifdef DOT_BYTES
// Puts the levels of quants, which are bytes, in their place.
INLINE void place_on_levels(const level_lanes *levels, const int FIRST, const int LAST, plane quants) {
    const row_factors steps = factors_of_rows(levels->step), firsts = factors_of_rows(levels->first * 0x0101);
#pragma clang loop unroll(full)
    for (int step = FIRST; step < LAST; step++) {
        for (int part = 0; part < 2; part++) {
            // Two bytes at a time: neither product is more than a byte.
            const __m256i from_first = _mm256_mullo_epi16(quants[step][part], steps.part[part]);
            quants[step][part] = _mm256_add_epi8(from_first, firsts.part[part]);
        }
    }
}
#endif

// sums[t] = products of the steps [FIRST, LAST) of a plane with the inputs of token t, in 32 bits, with factors where
// pairs of products are widened.
INLINE void multiply_plane(
    plane weights, const int8_t *x, row_factors factors, const int TOKENS, const int FIRST, const int LAST,
    __m256i sums[QUAD_TOKENS][2]) {
    __m256i dots[QUAD_TOKENS][2];
#pragma clang loop unroll(full)
    for (int t = 0; t < TOKENS; t++) dots[t][0] = dots[t][1] = _mm256_setzero_si256();
#pragma clang loop unroll(full)
    for (int step = FIRST; step < LAST; step++) {
        const __m256i w[2] = {weights[step][0], weights[step][1]};
#pragma clang loop unroll(full)
        for (int t = 0; t < TOKENS; t++) {
            const __m256i inputs = broadcast_word(x + SP_GROUP_COLUMNS * t + 4 * step);
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
            (void)factors;
            sums[t][part] = dots[t][part];
#else
            sums[t][part] = _mm256_madd_epi16(dots[t][part], factors.part[part]);
#endif
        }
    }
}

// A group, unpacked.
typedef struct {
    plane planes[2];
    row_factors steps;    // of levels, else 1; with a byte dot product in 32 bits
    row_factors high;     // 16 of them
    row_factors offsets;  // what is added to a sum of products for each unit of the sum of inputs
    __m256 scales[2];
    __m256 seconds[2];    // the scales of the second half, where it has its own
} unpacked_group;

// Adds the products of the steps [FIRST, LAST) of one group, all of them or a half, with TOKENS tokens, the first of
// them at index `at` of the inputs, to their sums in single precision.
INLINE void multiply_group(
    const sp_activations *input, size_t at, unpacked_group *group, const int FIRST, const int LAST, const int TOKENS,
    const bool HAS_STEPS, const sp_packed_format FORMAT, __m256 sums[][2]) {
    const bool is_split = sp_has_split_scales(FORMAT), has_planes = PLANES == 2 && sp_quant_bits(FORMAT) > 4;
    const int8_t *x = input->quants + at * SP_GROUP_COLUMNS;
#pragma clang loop unroll(full)
    for (int half = 0; half < (is_split ? 2 : 1); half++) {
        const int first = is_split ? half * STEPS / 2 : FIRST, last = is_split ? first + STEPS / 2 : LAST;
        if (first < FIRST || last > LAST) continue;
        __m256i dots[QUAD_TOKENS][2], high[QUAD_TOKENS][2];
        multiply_plane(group->planes[0], x, group->steps, TOKENS, first, last, dots);
        if (has_planes) multiply_plane(group->planes[1], x, group->high, TOKENS, first, last, high);
#pragma clang loop unroll(full)
        for (int t = 0; t < TOKENS; t++) {
            const size_t index = at + (size_t)t;
            const __m256 x_scale = _mm256_broadcast_ss(input->scales + index);
            __m256i half_sums = broadcast_word(input->half_sums + 2 * index);
            if (is_split) half_sums = _mm256_and_si256(half_sums, _mm256_set1_epi32(half == 0 ? 0xffff : ~0xffff));
#pragma clang loop unroll(full)
            for (int part = 0; part < 2; part++) {
                __m256i dot = dots[t][part];
#ifdef DOT_BYTES
                if (HAS_STEPS) dot = _mm256_mullo_epi32(dot, group->steps.part[part]);
#endif
                if (has_planes) dot = _mm256_add_epi32(dot, high[t][part]);
                dot = _mm256_add_epi32(dot, _mm256_madd_epi16(group->offsets.part[part], half_sums));
                const __m256 scale = is_split && half == 1 ? group->seconds[part] : group->scales[part];
                sums[t][part] =
                    _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(scale, x_scale), sums[t][part]);
            }
        }
    }
}

INLINE void split_lanes(f32x16 v, __m256 parts[2]) { memcpy(parts, &v, sizeof v); }

// Adds the products of the steps [FIRST, LAST) of a group for `tokens` tokens; TOKENS as in multiply_block.
INLINE void multiply_steps(
    const sp_matrix *matrix, const sp_activations *input, const sp_group *group, size_t at, const int FIRST,
    const int LAST, int tokens, const int TOKENS, const sp_packed_format FORMAT, __m256 sums[][2]) {
    // With a byte dot product and many tokens it costs less to make levels of the quants.
    const bool has_steps = sp_has_levels(FORMAT) && (PLANES == 2 || TOKENS > 0);
    unpacked_group unpacked = {
        .steps = equal_factors(1), .high = equal_factors(16), .offsets = equal_factors(-matrix->zero),
    };
    unpack_planes(group, FORMAT, FIRST, LAST, unpacked.planes);
    if (sp_has_levels(FORMAT)) {
        const level_lanes levels = load_levels(matrix, group, sp_quant_bits(FORMAT));
        split_lanes(levels.scale, unpacked.scales);
#ifdef DOT_BYTES
        if (has_steps)
            memcpy(&unpacked.steps, &levels.step, sizeof unpacked.steps);
        else
            place_on_levels(&levels, FIRST, LAST, unpacked.planes[0]);
#else
        unpacked.steps = factors_of_rows(levels.step);
        unpacked.high = factors_of_rows(levels.step << 4);
#endif
        if (has_steps) unpacked.offsets = factors_of_rows(levels.first - matrix->zero);
    } else {
        split_lanes(load_scales(matrix, group, 0), unpacked.scales);
    }
    if (sp_has_split_scales(FORMAT)) split_lanes(load_scales(matrix, group, 1), unpacked.seconds);
#define GROUP(T, N) \
    multiply_group(input, at + (size_t)(T), &unpacked, FIRST, LAST, N, has_steps, FORMAT, sums + (T))
    if (TOKENS) {
        GROUP(0, TOKENS);
    } else {
        for (int t = 0; t < tokens; t += QUAD_TOKENS) GROUP(t, QUAD_TOKENS);
    }
#undef GROUP
}

// TILES tiles of a product for `tokens` tokens in int8: TOKENS of them, at most QUAD_TOKENS, or where that is 0 at most
// BLOCK_TOKENS. FORMAT is a constant at every call.
INLINE void multiply_block(
    const sp_tile *tiles, const int TILES, const sp_activations *input, int token, int tokens, const int TOKENS,
    const sp_packed_format FORMAT) {
    const sp_matrix *matrix = tiles[0].product->matrix;
    const int count = TOKENS ? TOKENS : tokens;
    tile_output outputs[TILES];
    __m256 sums[TILES][TOKENS ? TOKENS : BLOCK_TOKENS][2];
#pragma clang loop unroll(full)
    for (int i = 0; i < TILES; i++) {
        outputs[i] = output_of(&tiles[i]);
        for (int t = 0; t < count; t++) split_lanes(base_of(&outputs[i], token + t), sums[i][t]);
    }
#define MULTIPLY_STEPS(I, GROUP, AT, FIRST, LAST) \
    multiply_steps(matrix, input, GROUP, AT, FIRST, LAST, tokens, TOKENS, FORMAT, sums[I])
    EACH_GROUP_OF_TILES(tiles, TILES, input, token, FORMAT);
#undef MULTIPLY_STEPS
#pragma clang loop unroll(full)
    for (int i = 0; i < TILES; i++) {
        for (int t = 0; t < count; t++) memcpy(place_of(&outputs[i], token + t), sums[i][t], sizeof sums[i][t]);
    }
}

// `tokens` tokens in blocks of a multiple of QUAD_TOKENS, then the rest.
INLINE void multiply_int8(
    const sp_tile *tile, const sp_activations *input, int tokens, const sp_packed_format FORMAT) {
    int token = 0;
    while (tokens - token > QUAD_TOKENS) {
        const int left = (tokens - token) / QUAD_TOKENS * QUAD_TOKENS;
        const int block = left < BLOCK_TOKENS ? left : BLOCK_TOKENS;
        multiply_block(tile, 1, input, token, block, 0, FORMAT);
        token += block;
    }
    switch (tokens - token) {
#define REST(N) \
    case N: multiply_block(tile, 1, input, token, N, N, FORMAT); break;
    REST(1) REST(2) REST(3) REST(4)
#undef REST
    }
}

static void multiply_in_turns(const sp_tile tiles[2], const sp_activations *input) {
    switch (tiles[0].product->matrix->format) {
#define IN_TURNS_CASE(FORMAT, NAME) \
    case FORMAT: multiply_block(tiles, 2, input, 0, 1, 1, FORMAT); break;
    EACH_INTEGER_FORMAT(IN_TURNS_CASE)
#undef IN_TURNS_CASE
    default: break;
    }
}
#define MULTIPLY_IN_TURNS multiply_in_turns
