// Matrix products of one tile in int8 over 16 lanes, for instruction sets that keep 8 tokens' sums in registers: part
// of lanes.h.

// The steps [FIRST, LAST) of a group, one or both of its halves.
INLINE void unpack_steps(
    const sp_group *group, const sp_packed_format FORMAT, const int FIRST, const int LAST, u8x64 steps[STEPS]) {
    const int half_steps = STEPS / 2, bits = sp_quant_bits(FORMAT);
#pragma clang loop unroll(full)
    for (int half = FIRST / half_steps; half < LAST / half_steps; half++) {
        const uint8_t *weights = group->halves[half];
        u8x64 *of_half = steps + half * half_steps;
        if (sp_has_parts(FORMAT)) {
            join_parts(group, half, of_half);
            continue;
        }
        if (bits == 8) {
#pragma clang loop unroll(full)
            for (int i = 0; i < half_steps; i++) of_half[i] = load_bytes(weights + 64 * i);
            continue;
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < half_steps; i += 2) {
            const u8x64 bytes = load_bytes(weights + 32 * i);
            of_half[i] = bytes & 0x0f;
            of_half[i + 1] = bytes >> 4;
        }
        if (bits == 4) continue;
        const u8x64 high = load_high_bits(weights, bits);
#pragma clang loop unroll(full)
        for (int i = 0; i < half_steps; i++) of_half[i] |= high_bits_of_step(high, i, bits);
    }
}

typedef struct {
    u8x64 steps[STEPS];
    f32x16 scale;
    f32x16 second;       // the scale of the second half, where it has its own
    level_lanes levels;  // where it has levels
} unpacked_group;

INLINE unpacked_group unpack_group(
    const sp_matrix *matrix, const sp_group *group, const int FIRST, const int LAST, const sp_packed_format FORMAT) {
    const bool has_levels = sp_has_levels(FORMAT);
    unpacked_group unpacked;
    unpack_steps(group, FORMAT, FIRST, LAST, unpacked.steps);
    if (has_levels) unpacked.levels = load_levels(matrix, group, sp_quant_bits(FORMAT));
    unpacked.scale = has_levels ? unpacked.levels.scale : load_scales(matrix, group, 0);
    unpacked.second = sp_has_split_scales(FORMAT) ? load_scales(matrix, group, 1) : unpacked.scale;
    return unpacked;
}

// The integer products of the steps [FIRST, LAST), one or both halves of a group.
INLINE i32x16 dot_halves(const u8x64 steps[STEPS], const int8_t *x, const int FIRST, const int LAST, const int BITS) {
    if (BITS < 8) return dot_u7(steps + FIRST, x + 4 * FIRST, LAST - FIRST);
    const int half_steps = STEPS / 2;
    i32x16 dot = {0};
    if (FIRST < half_steps) dot += dot_half_u8(steps, x);
    if (LAST > half_steps) dot += dot_half_u8(steps + half_steps, x + SP_HALF_COLUMNS);
    return dot;
}

// Adds the products of the steps [FIRST, LAST) of one group, all of them or a half, with TOKENS tokens, the first of
// them at index `at` of the inputs, to their sums.
INLINE void multiply_steps(
    const sp_matrix *matrix, const sp_activations *input, const sp_group *group, size_t at, const int FIRST,
    const int LAST, const int TOKENS, const sp_packed_format FORMAT, f32x16 sums[8]) {
    const unpacked_group unpacked = unpack_group(matrix, group, FIRST, LAST, FORMAT);
    const u8x64 *steps = unpacked.steps;
    const int half_steps = STEPS / 2, bits = sp_quant_bits(FORMAT);
#pragma clang loop unroll(full)
    for (int t = 0; t < TOKENS; t++) {
        const size_t index = at + (size_t)t;
        const int8_t *x = input->quants + index * SP_GROUP_COLUMNS;
        const int16_t *half_sums = input->half_sums + 2 * index;
        const f32x16 x_scale = splat(input->scales[index]);
        if (sp_has_split_scales(FORMAT)) {
            if (FIRST < half_steps) {
                const i32x16 dot = dot_halves(steps, x, 0, half_steps, bits) - matrix->zero * half_sums[0];
                sums[t] += to_float(dot) * (unpacked.scale * x_scale);
            }
            if (LAST > half_steps) {
                const i32x16 dot = dot_halves(steps, x, half_steps, STEPS, bits) - matrix->zero * half_sums[1];
                sums[t] += to_float(dot) * (unpacked.second * x_scale);
            }
            continue;
        }
        i32x16 dot = dot_halves(steps, x, FIRST, LAST, bits);
        const int32_t sum = half_sums[0] + half_sums[1];
        if (sp_has_levels(FORMAT)) dot = dot * unpacked.levels.step + (unpacked.levels.first - matrix->zero) * sum;
        else dot -= matrix->zero * sum;
        sums[t] += to_float(dot) * (unpacked.scale * x_scale);
    }
}

// One tile for `TOKENS` tokens in int8. FORMAT is a constant at every call.
INLINE void multiply_block(
    const sp_tile *tile, const sp_activations *input, int token, const int TOKENS, const sp_packed_format FORMAT) {
    const sp_matrix *matrix = tile->product->matrix;
    const tile_output output = output_of(tile);
    f32x16 sums[8];
    for (int t = 0; t < TOKENS; t++) sums[t] = base_of(&output, token + t);
#define MULTIPLY_STEPS(I, GROUP, AT, FIRST, LAST) \
    multiply_steps(matrix, input, GROUP, AT, FIRST, LAST, TOKENS, FORMAT, sums)
    EACH_GROUP_OF_TILES(tile, 1, input, token, FORMAT);
#undef MULTIPLY_STEPS
    for (int t = 0; t < TOKENS; t++) store_floats(place_of(&output, token + t), sums[t]);
}

INLINE void multiply_int8(
    const sp_tile *tile, const sp_activations *input, int tokens, const sp_packed_format FORMAT) {
#define INT8_BLOCK(N) multiply_block(tile, input, token, N, FORMAT)
    TOKEN_BLOCKS(INT8_BLOCK);
#undef INT8_BLOCK
}
