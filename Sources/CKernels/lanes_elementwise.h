// Steps that treat each token by itself, over 16 lanes: part of lanes.h.

INLINE f32x16 larger_magnitude(f32x16 a, f32x16 b) { return larger_positive(magnitude(a), magnitude(b)); }

INLINE i32x16 plus_integers(i32x16 a, i32x16 b) { return a + b; }

// The sums of 16 runs of 16 signed bytes, one after the other.
INLINE i32x16 sums_of_runs(const int8_t *bytes) {
    i32x16 sums[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        // Of bytes that are 128 too large, and so not negative: as two numbers of 16 bits.
        const i32x16 words = (i32x16)load_bytes((const uint8_t *)bytes + 64 * i) ^ (int32_t)0x80808080;
        sums[i] = (words & 0x00ff00ff) + (words >> 8 & 0x00ff00ff);
    }
    i32x16 runs = FOLD_QUARTERS(plus_integers, sums[0], sums[1], sums[2], sums[3]);
    runs = (runs & 0xffff) + (runs >> 16) - 128 * SP_HALF_COLUMNS;
    return __builtin_shufflevector(runs, runs, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}

// 16 numbers of at most 127 scales in units of a scale.
INLINE void store_bytes(const float *x, f32x16 inverse, int8_t *bytes) {
    // Integers in the low bits, above them those of the ROUNDING_SHIFT.
    const f32x16 shifted = load_floats(x) * inverse + splat(ROUNDING_SHIFT);
    const u8x16 integers = __builtin_convertvector((u32x16)shifted, u8x16);
    memcpy(bytes, &integers, sizeof integers);
}

// The integer form of 16 units.
typedef struct {
    _Alignas(64) int8_t quants[16 * SP_GROUP_COLUMNS];
    _Alignas(64) int16_t half_sums[2 * 16];
    _Alignas(64) float scales[16];
} quantized_units;

// At most 16 units, each step for all of them before the next one: they hide each other's latencies, and share
// divisions and sums. The rest of them are zero.
INLINE void quantize_units(sp_input_units units, int count, quantized_units *result) {
    f32x16 peaks[16];
    for (int i = 0; i < count; i++) {
        const float *x = units.values + units.value_step * (size_t)i;
        peaks[i] = larger_magnitude(load_floats(x), load_floats(x + 16));
    }
    _Alignas(64) float largest[16] = {0}, inverses[16];
    largest_positive_of_each(peaks, count, largest);
    const f32x16 scales =
        short_mantissas(larger_positive(load_floats(largest) / splat(127), splat(LEAST_INPUT_SCALE)));
    store_floats(inverses, splat(1) / scales);
    for (int i = 0; i < count; i++) {
        const float *x = units.values + units.value_step * (size_t)i;
        store_bytes(x, splat(inverses[i]), result->quants + SP_GROUP_COLUMNS * i);
        store_bytes(x + 16, splat(inverses[i]), result->quants + SP_GROUP_COLUMNS * i + 16);
    }
    memset(result->quants + SP_GROUP_COLUMNS * count, 0, SP_GROUP_COLUMNS * (size_t)(16 - count));
    for (int i = 0; i < 2; i++) {
        const i32x16 sums = sums_of_runs(result->quants + 8 * SP_GROUP_COLUMNS * i);
        const i16x16 half_sums = __builtin_convertvector(sums, i16x16);
        memcpy(result->half_sums + 16 * i, &half_sums, sizeof half_sums);
    }
    store_floats(result->scales, scales);
}

// Writes the first `count` units to their places from `at` on.
INLINE void store_units(
    const quantized_units *units, size_t count, const sp_activations *input, size_t at, size_t step) {
    if (step == 1) {
        memcpy(input->quants + at * SP_GROUP_COLUMNS, units->quants, count * SP_GROUP_COLUMNS);
        memcpy(input->half_sums + 2 * at, units->half_sums, count * 2 * sizeof *units->half_sums);
        memcpy(input->scales + at, units->scales, count * sizeof *units->scales);
        return;
    }
    for (size_t i = 0; i < count; i++, at += step) {
        memcpy(input->quants + at * SP_GROUP_COLUMNS, units->quants + i * SP_GROUP_COLUMNS, SP_GROUP_COLUMNS);
        memcpy(input->half_sums + 2 * at, units->half_sums + 2 * i, 2 * sizeof *units->half_sums);
        input->scales[at] = units->scales[i];
    }
}

static void quantize(const sp_activations *input, sp_input_units units) {
    const int count = units.count;
    for (int first = 0; first < count; first += 16) {
        quantized_units result;
        const int left = count - first;
        if (left >= 16) {
            // Constants, so that loops over units are unrolled.
            quantize_units(units, 16, &result);
            store_units(&result, 16, input, units.index, units.index_step);
        } else {
            quantize_units(units, left, &result);
            store_units(&result, (size_t)left, input, units.index, units.index_step);
        }
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
    // Of a sum that is too large for a float the root's reciprocal would be 0, and all that follows look like numbers.
    const float scale =
        __builtin_isfinite(sum) ? 1.0f / __builtin_sqrtf(sum / (float)count + epsilon) : __builtin_nanf("");
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
