// Matrix products of one tile in int8 over 16 lanes, for instruction sets that keep 8 tokens' sums in registers: part
// of lanes.h.

INLINE void unpack_u4(const sp_group *group, u8x64 steps[8]) {
    for (int i = 0; i < 4; i++) {
        u8x64 pair = load_bytes(group->halves[i / 2] + 64 * (i % 2));
        steps[2 * i] = pair & 0x0f;
        steps[2 * i + 1] = pair >> 4;
    }
}

INLINE void unpack_u8(const sp_group *group, u8x64 steps[8]) {
    for (int i = 0; i < 8; i++) steps[i] = load_bytes(group->halves[i / 4] + 64 * (i % 4));
}

// One tile for `TOKENS` tokens in int8. FOUR_BIT, MINIMUM and SPLIT are constants at every call.
INLINE void multiply_block(
    const sp_product *product, const sp_activations *input, int32_t tile, int token, const int TOKENS,
    const bool FOUR_BIT, const bool MINIMUM, const bool SPLIT) {
    const sp_matrix *matrix = product->matrix;
    const bool half = matrix->half_scales;
    const sp_columns *columns = &product->columns;
    const int count = sp_group_count(product);
    f32x16 sums[8];
    for (int t = 0; t < TOKENS; t++) sums[t] = splat(0);
    for (int i = 0; i < count; i++) {
        const int32_t index = sp_group_index(columns, i);
        const sp_group group = sp_matrix_group(matrix, tile, index);
        u8x64 steps[8];
        if (FOUR_BIT) unpack_u4(&group, steps);
        else unpack_u8(&group, steps);
        const f32x16 scale = load_scales(group.scales, half, 0);
        const f32x16 second = MINIMUM || SPLIT ? load_scales(group.scales, half, 1) : scale;
#pragma clang loop unroll(full)
        for (int t = 0; t < TOKENS; t++) {
            const size_t at = sp_input_index(input, index, token + t);
            const int8_t *x = input->quants + at * SP_GROUP_COLUMNS;
            const f32x16 x_scale = splat(input->scales[at]);
            const int32_t *half_sums = input->half_sums + 2 * at;
            if (SPLIT) {
                i32x16 low = dot_half_u8(steps, x) - matrix->zero * half_sums[0];
                i32x16 high = dot_half_u8(steps + 4, x + 16) - matrix->zero * half_sums[1];
                sums[t] += to_float(low) * (scale * x_scale);
                sums[t] += to_float(high) * (second * x_scale);
            } else {
                i32x16 dot = FOUR_BIT ? dot_group_u4(steps, x) : dot_half_u8(steps, x) + dot_half_u8(steps + 4, x + 16);
                if (!MINIMUM) dot -= matrix->zero * (half_sums[0] + half_sums[1]);
                sums[t] += to_float(dot) * (scale * x_scale);
                if (MINIMUM) sums[t] += second * splat(input->scaled_sums[at]);
            }
        }
    }
    for (int t = 0; t < TOKENS; t++) finish(product, tile, token + t, sums[t]);
}

INLINE void multiply_int8(
    const sp_product *product, const sp_activations *input, int32_t tile, int32_t next_tile, int first_token,
    int last_token, const bool FOUR_BIT, const bool MINIMUM, const bool SPLIT) {
    (void)next_tile;
#define INT8_BLOCK(N) multiply_block(product, input, tile, token, N, FOUR_BIT, MINIMUM, SPLIT)
    TOKEN_BLOCKS(INT8_BLOCK);
#undef INT8_BLOCK
}
