// Steps that treat each token by itself, over 16 lanes: part of lanes.h.

INLINE f32x16 larger_magnitude(f32x16 a, f32x16 b) { return larger_positive(magnitude(a), magnitude(b)); }

INLINE i32x16 plus_integers(i32x16 a, i32x16 b) { return a + b; }

// The sums of 16 runs of 16 signed bytes, one after the other.
INLINE i32x16 sums_of_runs(const u8x64 bytes[4]) {
    i32x16 sums[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        // Of bytes that are 128 too large, and so not negative: as two numbers of 16 bits.
        const i32x16 words = (i32x16)bytes[i] ^ (int32_t)0x80808080;
        sums[i] = (words & 0x00ff00ff) + (words >> 8 & 0x00ff00ff);
    }
    i32x16 runs = FOLD_QUARTERS(plus_integers, sums[0], sums[1], sums[2], sums[3]);
    runs = (runs & 0xffff) + (runs >> 16) - 128 * SP_HALF_COLUMNS;
    return __builtin_shufflevector(runs, runs, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}

// 32 numbers of at most 127 scales in units of a scale.
INLINE u8x32 bytes_of_unit(const float *x, float inverse) {
    u8x16 runs[2];
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++) {
        // Integers in the low bits, above them those of the ROUNDING_SHIFT.
        const f32x16 shifted = load_floats(x + 16 * i) * splat(inverse) + splat(ROUNDING_SHIFT);
        runs[i] = __builtin_convertvector((u32x16)shifted, u8x16);
    }
    return __builtin_shufflevector(
        runs[0], runs[1], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
        26, 27, 28, 29, 30, 31);
}

INLINE u8x64 side_by_side(u8x32 a, u8x32 b) {
    u8x64 both;
    memcpy(&both, &a, sizeof a);
    memcpy((char *)&both + sizeof a, &b, sizeof b);
    return both;
}

// The integer form of 16 units.
typedef struct {
    _Alignas(64) int8_t quants[16 * SP_GROUP_COLUMNS];
    _Alignas(64) int16_t half_sums[2 * 16];
    _Alignas(64) float scales[16];
} quantized_units;

// At most 16 units, each step for all of them before the next one: they hide each other's latencies, and share
// divisions and sums. The rest of them are zero.
INLINE void quantize_units(const float *values, size_t value_step, int count, quantized_units *result) {
    f32x16 peaks[16];
    for (int i = 0; i < count; i++) {
        const float *x = values + value_step * (size_t)i;
        peaks[i] = larger_magnitude(load_floats(x), load_floats(x + 16));
    }
    _Alignas(64) float largest[16] = {0}, inverses[16];
    largest_positive_of_each(peaks, count, largest);
    const f32x16 scales =
        short_mantissas(larger_positive(load_floats(largest) / splat(127), splat(LEAST_INPUT_SCALE)));
    store_floats(inverses, splat(1) / scales);
    // Pairs of units in registers: bytes that were stored a few at a time would be read late.
    u8x64 pairs[8];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i += 2) {
        const float *x = values + value_step * (size_t)i;
        const u8x32 first = i < count ? bytes_of_unit(x, inverses[i]) : (u8x32)0;
        const u8x32 second = i + 1 < count ? bytes_of_unit(x + value_step, inverses[i + 1]) : (u8x32)0;
        pairs[i / 2] = side_by_side(first, second);
    }
    memcpy(result->quants, pairs, sizeof pairs);
    for (int i = 0; i < 2; i++) {
        const i16x16 half_sums = __builtin_convertvector(sums_of_runs(pairs + 4 * i), i16x16);
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

static void quantize(const sp_activations *input, const sp_input_units *units) {
    const float *values = units->values;
    const size_t value_step = units->value_step, index_step = units->index_step;
    size_t index = units->index;
    for (int left = units->count; left > 0; left -= 16) {
        quantized_units result;
        if (left >= 16) {
            // Constants, so that loops over units are unrolled.
            quantize_units(values, value_step, 16, &result);
            store_units(&result, 16, input, index, index_step);
        } else {
            quantize_units(values, value_step, left, &result);
            store_units(&result, (size_t)left, input, index, index_step);
        }
        values += 16 * value_step;
        index += 16 * index_step;
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
