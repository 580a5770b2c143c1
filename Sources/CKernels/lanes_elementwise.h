// Steps that treat each token by itself, over 16 lanes: part of lanes.h.

// The sums of the 16 lanes of `low` and of `high`, in lanes 0 and 8.
INLINE u32x16 two_sums(u32x16 low, u32x16 high) {
    u32x16 v = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
        + __builtin_shufflevector(low, high, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    v += __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    return v;
}

// x, of at most 127 scales, in units of a scale: integers in the low bits, above them those of the ROUNDING_SHIFT.
INLINE u32x16 shifted_integers(const float *x, f32x16 inverse) {
    const f32x16 shifted = load_floats(x) * inverse + splat(ROUNDING_SHIFT);
    u32x16 bits;
    memcpy(&bits, &shifted, sizeof bits);
    return bits;
}

// At most 16 units, each step for all of them before the next one: they hide each other's latencies, and share divisions.
INLINE void quantize_units(const sp_activations *input, sp_input_units units) {
    const uint32_t shifts = SP_HALF_COLUMNS * ((u32x16)splat(ROUNDING_SHIFT))[0];
    _Alignas(64) float scales[16] = {0}, inverses[16];
    for (int i = 0; i < units.count; i++) {
        const float *x = units.values + units.value_step * (size_t)i;
        scales[i] = largest_magnitude(larger(magnitude(load_floats(x)), magnitude(load_floats(x + 16))));
    }
    const f32x16 rounded = short_mantissas(larger(load_floats(scales) / splat(127), splat(LEAST_INPUT_SCALE)));
    store_floats(inverses, splat(1) / rounded);
    store_floats(scales, rounded);
    for (int i = 0; i < units.count; i++) {
        const float *x = units.values + units.value_step * (size_t)i;
        const size_t at = units.index + units.index_step * (size_t)i;
        int8_t *quants = input->quants + at * SP_GROUP_COLUMNS;
        const f32x16 inverse = splat(inverses[i]);
        const u32x16 low = shifted_integers(x, inverse), high = shifted_integers(x + 16, inverse);
        const u8x16 low_bytes = __builtin_convertvector(low, u8x16), high_bytes = __builtin_convertvector(high, u8x16);
        memcpy(quants, &low_bytes, 16);
        memcpy(quants + 16, &high_bytes, 16);
        const u32x16 both = two_sums(low, high) - shifts;
        const int32_t first = (int32_t)both[0], second = (int32_t)both[8];
        input->scales[at] = scales[i];
        input->half_sums[2 * at] = first;
        input->half_sums[2 * at + 1] = second;
        input->scaled_sums[at] = scales[i] * (float)(first + second);
    }
}

static void quantize(const sp_activations *input, sp_input_units units) {
    const int count = units.count;
    for (int first = 0; first < count; first += 16) {
        units.count = count - first < 16 ? count - first : 16;
        quantize_units(input, units);
        units.values += 16 * units.value_step;
        units.index += 16 * units.index_step;
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

static void swiglu(const float *gate, const float *up, float *destination, int tokens) {
    for (int i = 0; i < tokens; i++) {
        const f32x16 g = load_floats(gate + 16 * i), u = load_floats(up + 16 * i);
        store_floats(destination + SP_GROUP_COLUMNS * i, g / (splat(1) + exponential(-g)) * u);
    }
}
