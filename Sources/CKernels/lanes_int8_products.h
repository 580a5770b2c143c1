// Matrix products of one tile in int8 over 16 lanes, for instruction sets that keep 8 tokens' sums in registers: part
// of lanes.h.

// The steps [FIRST, LAST) of a group.
INLINE void unpack_steps(
    const sp_group *group, const bool FOUR_BIT, const int FIRST, const int LAST, u8x64 steps[STEPS]) {
    const int share = FOUR_BIT ? 2 : 1, runs = STEPS / 2 / share;
#pragma clang loop unroll(full)
    for (int i = FIRST / share; i < LAST / share; i++) {
        const u8x64 bytes = load_bytes(group->halves[i / runs] + 64 * (i % runs));
        if (FOUR_BIT) {
            steps[2 * i] = bytes & 0x0f;
            steps[2 * i + 1] = bytes >> 4;
        } else {
            steps[i] = bytes;
        }
    }
}

typedef struct {
    u8x64 steps[STEPS];
    f32x16 scale;
    f32x16 second;  // the scale of the second half, where it has its own
} unpacked_group;

INLINE unpacked_group unpack_group(
    const sp_matrix *matrix, const sp_group *group, const int FIRST, const int LAST, const bool FOUR_BIT,
    const bool SPLIT) {
    unpacked_group unpacked;
    unpack_steps(group, FOUR_BIT, FIRST, LAST, unpacked.steps);
    unpacked.scale = load_scales(group->scales, matrix->half_scales, 0);
    unpacked.second = SPLIT ? load_scales(group->scales, matrix->half_scales, 1) : unpacked.scale;
    return unpacked;
}

// Adds the products of the steps [FIRST, LAST) of one group, all of them or a half, with TOKENS tokens, the first of
// them at index `at` of the inputs, to their sums.
INLINE void multiply_steps(
    const sp_matrix *matrix, const sp_activations *input, const sp_group *group, size_t at, const int FIRST,
    const int LAST, const int TOKENS, const bool FOUR_BIT, const bool LEVELS, const bool SPLIT, f32x16 sums[8]) {
    const unpacked_group unpacked = unpack_group(matrix, group, FIRST, LAST, FOUR_BIT, SPLIT);
    const level_lanes levels = LEVELS ? load_levels(group->scales) : (level_lanes){0, 1};
    const u8x64 *steps = unpacked.steps;
    const f32x16 scale = unpacked.scale, second = unpacked.second;
    const int half_steps = STEPS / 2;
#pragma clang loop unroll(full)
    for (int t = 0; t < TOKENS; t++) {
        const size_t index = at + (size_t)t;
        const int8_t *x = input->quants + index * SP_GROUP_COLUMNS;
        const int16_t *half_sums = input->half_sums + 2 * index;
        const f32x16 x_scale = splat(input->scales[index]);
        if (SPLIT) {
            if (FIRST < half_steps) {
                const i32x16 dot = dot_half_u8(steps, x) - matrix->zero * half_sums[0];
                sums[t] += to_float(dot) * (scale * x_scale);
            }
            if (LAST > half_steps) {
                const i32x16 dot = dot_half_u8(steps + half_steps, x + SP_HALF_COLUMNS) - matrix->zero * half_sums[1];
                sums[t] += to_float(dot) * (second * x_scale);
            }
            continue;
        }
        i32x16 dot = {0};
        if (FOUR_BIT) {
            dot = dot_u4(steps + FIRST, x + 4 * FIRST, LAST - FIRST);
        } else {
            if (FIRST < half_steps) dot += dot_half_u8(steps, x);
            if (LAST > half_steps) dot += dot_half_u8(steps + half_steps, x + SP_HALF_COLUMNS);
        }
        const int32_t sum = half_sums[0] + half_sums[1];
        if (LEVELS) dot = dot * levels.step + levels.first * sum;
        dot -= matrix->zero * sum;
        sums[t] += to_float(dot) * (scale * x_scale);
    }
}

// One tile for `TOKENS` tokens in int8. FOUR_BIT, LEVELS and SPLIT are constants at every call.
INLINE void multiply_block(
    const sp_tile *tile, const sp_activations *input, int token, const int TOKENS, const bool FOUR_BIT,
    const bool LEVELS, const bool SPLIT) {
    const sp_matrix *matrix = tile->product->matrix;
    const sp_columns *columns = &tile->product->columns;
    const int count = sp_group_count(tile->product);
    f32x16 sums[8];
    for (int t = 0; t < TOKENS; t++) sums[t] = splat(0);
    sp_weight_stream *ahead = token == 0 ? tile->ahead : NULL;
    for (int i = 0; i < count; i++) {
        const int32_t index = sp_group_index(columns, i);
        const sp_group group = sp_matrix_group(matrix, tile->tile, index);
        const size_t at = sp_input_index(input, index, token);
        if (ahead) sp_fetch_next(ahead);
#define STEPS_OF_GROUP(FIRST, LAST) \
    multiply_steps(matrix, input, &group, at, FIRST, LAST, TOKENS, FOUR_BIT, LEVELS, SPLIT, sums)
        STEPS_OF_HALVES(sp_halves_of(columns, i), STEPS_OF_GROUP);
#undef STEPS_OF_GROUP
    }
    const tile_output output = output_of(tile);
    for (int t = 0; t < TOKENS; t++) finish(&output, token + t, sums[t]);
}

INLINE void multiply_int8(
    const sp_tile *tile, const sp_activations *input, int tokens, const bool FOUR_BIT, const bool LEVELS,
    const bool SPLIT) {
#define INT8_BLOCK(N) multiply_block(tile, input, token, N, FOUR_BIT, LEVELS, SPLIT)
    TOKEN_BLOCKS(INT8_BLOCK);
#undef INT8_BLOCK
}
