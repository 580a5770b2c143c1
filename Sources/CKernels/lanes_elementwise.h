// Steps that treat each token by itself, over 16 lanes: part of lanes.h.

// The sums of the 16 lanes of `low` and of `high`, in lanes 0 and 8.
INLINE i32x16 two_sums(i32x16 low, i32x16 high) {
    i32x16 v = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
        + __builtin_shufflevector(low, high, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    v += __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    return v;
}

// The integer form of at most 16 groups of a token, each step for all of them before the next one: they hide each
// other's latencies, and share divisions.
INLINE void quantize_groups(const sp_activations *input, int token, int32_t first, int count) {
    const float *x = input->values + ((size_t)token * (size_t)input->groups + (size_t)first) * SP_GROUP_COLUMNS;
    _Alignas(64) float scales[16] = {0}, inverses[16];
    for (int i = 0; i < count; i++) {
        const float *group = x + (size_t)i * SP_GROUP_COLUMNS;
        scales[i] = largest_magnitude(larger(magnitude(load_floats(group)), magnitude(load_floats(group + 16))));
    }
    const f32x16 peaks = load_floats(scales);
    store_floats(inverses, inverse_scales(peaks, 127));
    store_floats(scales, peaks / splat(127));
    for (int i = 0; i < count; i++) {
        const size_t at = sp_input_index(input, first + i, token);
        const float *group = x + (size_t)i * SP_GROUP_COLUMNS;
        int8_t *quants = input->quants + at * SP_GROUP_COLUMNS;
        const f32x16 inverse = splat(inverses[i]);
        const i32x16 low = __builtin_convertvector(round_to_nearest(load_floats(group) * inverse), i32x16);
        const i32x16 high = __builtin_convertvector(round_to_nearest(load_floats(group + 16) * inverse), i32x16);
        const i8x16 low_bytes = __builtin_convertvector(low, i8x16), high_bytes = __builtin_convertvector(high, i8x16);
        memcpy(quants, &low_bytes, 16);
        memcpy(quants + 16, &high_bytes, 16);
        const i32x16 sums = two_sums(low, high);
        input->scales[at] = scales[i];
        input->half_sums[2 * at] = sums[0];
        input->half_sums[2 * at + 1] = sums[8];
        input->scaled_sums[at] = scales[i] * (float)(sums[0] + sums[8]);
    }
}

static void quantize(const sp_activations *input, int token, int32_t first_group, int32_t last_group) {
    for (int32_t group = first_group; group < last_group; group += 16)
        quantize_groups(input, token, group, last_group - group < 16 ? last_group - group : 16);
}

static void rms_norm(const float *x, const float *weight, int count, float epsilon, float *destination) {
    f32x16 squares = splat(0);
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        f32x16 v = load_floats(x + i);
        squares += v * v;
    }
    float sum = sum_of_lanes(squares);
    for (; i < count; i++) sum += x[i] * x[i];
    const float scale = 1.0f / __builtin_sqrtf(sum / (float)count + epsilon);
    for (i = 0; i + 16 <= count; i += 16)
        store_floats(destination + i, load_floats(x + i) * splat(scale) * load_floats(weight + i));
    for (; i < count; i++) destination[i] = x[i] * scale * weight[i];
}

static void swiglu(const float *gate, const float *up, size_t step, float *destination, int groups) {
    for (int i = 0; i < groups; i++, gate += step, up += step, destination += SP_GROUP_COLUMNS) {
        f32x16 g = load_floats(gate);
        store_floats(destination, g / (splat(1) + exponential(-g)) * load_floats(up));
    }
}
