// Searches among the outputs of a product, 16 rows at a time: part of lanes.h.

// The largest of 16 rows of each tile; what is no number is passed over.
static float largest_output(const float *outputs, int32_t tiles) {
    f32x16 most = splat(-__builtin_inff());
    for (int32_t tile = 0; tile < tiles; tile++) most = larger(load_floats(outputs + tile * SP_TILE_ROWS), most);
    return __builtin_reduce_max(most);
}

// Lanes of all ones where output + norms * norm + slack is less than `least`.
INLINE i32x16 is_below(const float *outputs, const float *norms, sp_output_bound bound, int32_t tile) {
    const f32x16 most = load_floats(norms + tile * SP_TILE_ROWS) * splat(bound.norm) + splat(bound.slack);
    return load_floats(outputs + tile * SP_TILE_ROWS) + most < splat(bound.least);
}

static int32_t find_outputs(
    const float *outputs, const float *norms, sp_output_bound bound, int32_t tiles, int32_t *found) {
    int32_t count = 0;
    for (int32_t first = 0; first < tiles; first += 4) {
        const int32_t last = first + 4 < tiles ? first + 4 : tiles;
        i32x16 are_below = is_below(outputs, norms, bound, first);
        for (int32_t tile = first + 1; tile < last; tile++) are_below &= is_below(outputs, norms, bound, tile);
        if (__builtin_reduce_and(are_below)) continue;
        for (int32_t tile = first; tile < last; tile++)
            if (!__builtin_reduce_and(is_below(outputs, norms, bound, tile))) found[count++] = tile;
    }
    return count;
}
