// Steps that treat each token by itself, over 16 lanes: part of lanes.h.

static void quantize(const sp_activations *input, int token, int32_t first_group, int32_t last_group) {
    for (int32_t group = first_group; group < last_group; group++) {
        const size_t at = sp_input_index(input, group, token);
        const float *x = input->values + ((size_t)token * (size_t)input->groups + (size_t)group) * SP_GROUP_COLUMNS;
        int8_t *quants = input->quants + at * SP_GROUP_COLUMNS;
        f32x16 low = load_floats(x), high = load_floats(x + 16);
        float peak = largest_magnitude(larger(magnitude(low), magnitude(high)));
        float scale = peak / 127.0f;
        f32x16 inverse = splat(inverse_scale(peak, 127));
        i32x16 low_quants = __builtin_convertvector(round_to_nearest(low * inverse), i32x16);
        i32x16 high_quants = __builtin_convertvector(round_to_nearest(high * inverse), i32x16);
        i8x16 low_bytes = __builtin_convertvector(low_quants, i8x16);
        i8x16 high_bytes = __builtin_convertvector(high_quants, i8x16);
        memcpy(quants, &low_bytes, 16);
        memcpy(quants + 16, &high_bytes, 16);
        const int32_t low_sum = __builtin_reduce_add(low_quants), high_sum = __builtin_reduce_add(high_quants);
        input->scales[at] = scale;
        input->half_sums[2 * at] = low_sum;
        input->half_sums[2 * at + 1] = high_sum;
        input->scaled_sums[at] = scale * (float)(low_sum + high_sum);
    }
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
