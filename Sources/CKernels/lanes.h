// Kernels written once over 16 lanes, in the compiler's vector types. Each instruction set's file defines
//
//   LANES_TABLE, LANES_NAME       the table to fill and its name
//   load_halves(p)                16 half-precision values to float
//   dot_group_u4(w, x)            sum over 32 columns of 16 rows, quants 0...15   (w: 8 steps of 64 bytes)
//   dot_half_u8(w, x)             sum over 16 columns of 16 rows, quants 0...255  (w: 4 steps of 64 bytes)
//
// and includes this file inside its target attribute, so that the same code becomes AVX-512, AVX2 or
// whatever the compiler's default is. A lane is an output row (or a cached position, or a value of a
// head): sums run down a lane in a fixed order and never across lanes, whatever the register width.

#include "kernels.h"
#include "lane_types.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

INLINE f32x16 load_floats(const void *p) {
    f32x16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store_floats(float *p, f32x16 v) { memcpy(p, &v, sizeof v); }

INLINE u8x64 load_bytes(const uint8_t *p) {
    u8x64 v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE f32x16 splat(float x) { return (f32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }

INLINE f32x16 to_float(i32x16 v) { return __builtin_convertvector(v, f32x16); }

// Adding and subtracting 1.5 * 2^23 rounds to the nearest integer, ties to even, for |v| < 2^22.
INLINE f32x16 round_to_nearest(f32x16 v) { return (v + splat(12582912.0f)) - splat(12582912.0f); }

INLINE float sum_of_lanes(f32x16 v) {
    float sum = 0;
    for (int i = 0; i < 16; i++) sum += v[i];
    return sum;
}

INLINE float largest_lane(f32x16 v) {
    float largest = v[0];
    for (int i = 1; i < 16; i++) largest = v[i] > largest ? v[i] : largest;
    return largest;
}

INLINE f32x16 larger(f32x16 a, f32x16 b) { return __builtin_elementwise_max(a, b); }
INLINE f32x16 smaller(f32x16 a, f32x16 b) { return __builtin_elementwise_min(a, b); }

// exp(x) to about one unit in the last place: 2^n times a degree-6 polynomial on |r| <= ln(2) / 2.
// Inputs are clamped to the range where the result is a normal number.
INLINE f32x16 exponential(f32x16 x) {
    x = smaller(larger(x, splat(-87.0f)), splat(88.0f));
    f32x16 n = round_to_nearest(x * splat(1.44269504088896f));
    f32x16 r = x - n * splat(0.693359375f);
    r = r - n * splat(-2.12194440e-4f);
    f32x16 p = splat(1.0f / 720);
    p = p * r + splat(1.0f / 120);
    p = p * r + splat(1.0f / 24);
    p = p * r + splat(1.0f / 6);
    p = p * r + splat(0.5f);
    p = p * r + splat(1.0f);
    p = p * r + splat(1.0f);
    i32x16 exponent = (__builtin_convertvector(n, i32x16) + 127) << 23;
    f32x16 power;
    memcpy(&power, &exponent, sizeof power);
    return p * power;
}

// MARK: - Matrix products

// Where the scales of a group start, and how many bytes apart two groups' scales are.
INLINE f32x16 load_scales(const uint8_t *scales, bool half, int part) {
    return half ? load_halves(scales + 32 * part) : load_floats(scales + 64 * part);
}

INLINE void finish(const sp_product *product, int32_t tile, int token, f32x16 sum) {
    float *out = product->output + product->output_stride * (size_t)token + (size_t)tile * SP_TILE_ROWS;
    if (product->bias) sum += load_floats(product->bias + (size_t)tile * SP_TILE_ROWS);
    if (product->accumulate) sum += load_floats(out);
    store_floats(out, sum);
}

INLINE void unpack_u4(const uint8_t *quants, u8x64 steps[8]) {
    for (int i = 0; i < 4; i++) {
        u8x64 pair = load_bytes(quants + 64 * i);
        steps[2 * i] = pair & 0x0f;
        steps[2 * i + 1] = pair >> 4;
    }
}

INLINE void unpack_u8(const uint8_t *quants, u8x64 steps[8]) {
    for (int i = 0; i < 8; i++) steps[i] = load_bytes(quants + 64 * i);
}

// One tile for `TOKENS` tokens in int8. FOUR_BIT, MINIMUM and SPLIT are constants at every call.
INLINE void multiply_int8(
    const sp_product *product, const sp_activations *input, int32_t tile, int token, const int TOKENS,
    const bool FOUR_BIT, const bool MINIMUM, const bool SPLIT) {
    const sp_matrix *matrix = product->matrix;
    const uint8_t *data = matrix->data + matrix->tile_bytes * (size_t)tile;
    const bool half = matrix->half_scales;
    const size_t scale_bytes = (size_t)(half ? 32 : 64) * (MINIMUM || SPLIT ? 2 : 1);
    const size_t quant_bytes = FOUR_BIT ? 256 : 512;
    const size_t width = (size_t)input->groups;
    const int count = product->groups ? product->group_count : matrix->groups;
    f32x16 sums[8];
    for (int t = 0; t < TOKENS; t++) sums[t] = splat(0);
    for (int i = 0; i < count; i++) {
        const size_t group = (size_t)(product->groups ? product->groups[i] : i);
        const uint8_t *scales = data + scale_bytes * group;
        const uint8_t *quants = data + matrix->quants_offset + quant_bytes * group;
        u8x64 steps[8];
        if (FOUR_BIT) unpack_u4(quants, steps);
        else unpack_u8(quants, steps);
        const f32x16 scale = load_scales(scales, half, 0);
        const f32x16 second = MINIMUM || SPLIT ? load_scales(scales, half, 1) : scale;
#pragma clang loop unroll(full)
        for (int t = 0; t < TOKENS; t++) {
            const size_t at = (size_t)(token + t) * width + group;
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

INLINE f32x16 load_column(const sp_matrix *matrix, const uint8_t *data, size_t column) {
    if (matrix->format == SP_PACKED_F32) return load_floats(data + 64 * column);
    if (matrix->format == SP_PACKED_F16) return load_halves(data + 32 * column);
    u16x16 bits;
    memcpy(&bits, data + 32 * column, sizeof bits);
    u32x16 wide = __builtin_convertvector(bits, u32x16) << 16;
    f32x16 value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

// The 16 rows' weights of one column of a quantised group, as floats.
INLINE f32x16 dequantize_column(const sp_matrix *matrix, const uint8_t *data, size_t group, int column) {
    const bool four_bit = matrix->format <= SP_PACKED_U4_MINIMUM;
    const bool minimum = matrix->format == SP_PACKED_U4_MINIMUM || matrix->format == SP_PACKED_U8_MINIMUM;
    const bool split = matrix->format == SP_PACKED_U8_SPLIT;
    const uint8_t *scales = data + (size_t)(matrix->half_scales ? 32 : 64) * (minimum || split ? 2 : 1) * group;
    const uint8_t *quants = data + matrix->quants_offset + (size_t)(four_bit ? 256 : 512) * group;
    const int step = column / 4;
    u32x16 words;
    memcpy(&words, quants + 64 * (four_bit ? step / 2 : step), sizeof words);
    words >>= (uint32_t)(8 * (column % 4) + (four_bit ? 4 * (step % 2) : 0));
    words &= four_bit ? 0x0f : 0xff;
    f32x16 quant = to_float((i32x16)words - matrix->zero);
    f32x16 value = quant * load_scales(scales, matrix->half_scales, split && column >= 16 ? 1 : 0);
    return minimum ? value + load_scales(scales, matrix->half_scales, 1) : value;
}

// One tile for `TOKENS` tokens in float32.
INLINE void multiply_float(
    const sp_product *product, const sp_activations *input, int32_t tile, int token, const int TOKENS) {
    const sp_matrix *matrix = product->matrix;
    const uint8_t *data = matrix->data + matrix->tile_bytes * (size_t)tile;
    const size_t width = (size_t)input->groups * SP_GROUP_COLUMNS;
    const int count = product->groups ? product->group_count : matrix->groups;
    const bool quantized = matrix->format > SP_PACKED_BF16;
    f32x16 sums[8];
    for (int t = 0; t < TOKENS; t++) sums[t] = splat(0);
    for (int i = 0; i < count; i++) {
        const size_t group = (size_t)(product->groups ? product->groups[i] : i);
        const float *x = input->values + (size_t)token * width + group * SP_GROUP_COLUMNS;
        for (int column = 0; column < SP_GROUP_COLUMNS; column++) {
            const f32x16 weights = quantized ? dequantize_column(matrix, data, group, column)
                                             : load_column(matrix, data, group * SP_GROUP_COLUMNS + (size_t)column);
#pragma clang loop unroll(full)
            for (int t = 0; t < TOKENS; t++) sums[t] += weights * splat(x[(size_t)t * width + (size_t)column]);
        }
    }
    for (int t = 0; t < TOKENS; t++) finish(product, tile, token + t, sums[t]);
}

// Instantiates one product kernel for blocks of 8, 4, 2 and 1 tokens.
#define TOKEN_BLOCKS(CALL)                              \
    do {                                                \
        int token = first_token;                        \
        for (; token + 8 <= last_token; token += 8) {   \
            CALL(8);                                    \
        }                                               \
        if (last_token - token >= 4) {                  \
            CALL(4);                                    \
            token += 4;                                 \
        }                                               \
        if (last_token - token >= 2) {                  \
            CALL(2);                                    \
            token += 2;                                 \
        }                                               \
        if (last_token - token >= 1) CALL(1);           \
    } while (0)

#define PRODUCT_KERNEL(NAME)                                                                                 \
    static void NAME(                                                                                        \
        const sp_product *product, const sp_activations *input, int32_t tile, int first_token, int last_token) { \
        TOKEN_BLOCKS(NAME##_CALL);                                                                           \
    }

#define multiply_u4_CALL(N) multiply_int8(product, input, tile, token, N, true, false, false)
#define multiply_u4_minimum_CALL(N) multiply_int8(product, input, tile, token, N, true, true, false)
#define multiply_u8_CALL(N) multiply_int8(product, input, tile, token, N, false, false, false)
#define multiply_u8_minimum_CALL(N) multiply_int8(product, input, tile, token, N, false, true, false)
#define multiply_u8_split_CALL(N) multiply_int8(product, input, tile, token, N, false, false, true)
#define multiply_floats_CALL(N) multiply_float(product, input, tile, token, N)

PRODUCT_KERNEL(multiply_u4)
PRODUCT_KERNEL(multiply_u4_minimum)
PRODUCT_KERNEL(multiply_u8)
PRODUCT_KERNEL(multiply_u8_minimum)
PRODUCT_KERNEL(multiply_u8_split)
PRODUCT_KERNEL(multiply_floats)

static void multiply_tile(
    const sp_product *product, const sp_activations *input, int32_t tile, int first_token, int last_token) {
    if (!input->quants) {
        multiply_floats(product, input, tile, first_token, last_token);
        return;
    }
    switch (product->matrix->format) {
    case SP_PACKED_U4: multiply_u4(product, input, tile, first_token, last_token); break;
    case SP_PACKED_U4_MINIMUM: multiply_u4_minimum(product, input, tile, first_token, last_token); break;
    case SP_PACKED_U8: multiply_u8(product, input, tile, first_token, last_token); break;
    case SP_PACKED_U8_MINIMUM: multiply_u8_minimum(product, input, tile, first_token, last_token); break;
    case SP_PACKED_U8_SPLIT: multiply_u8_split(product, input, tile, first_token, last_token); break;
    default: multiply_floats(product, input, tile, first_token, last_token); break;
    }
}

// MARK: - Elementwise steps

static void quantize(const sp_activations *input, int token) {
    for (int32_t group = 0; group < input->groups; group++) {
        const size_t at = (size_t)token * (size_t)input->groups + (size_t)group;
        const float *x = input->values + at * SP_GROUP_COLUMNS;
        int8_t *quants = input->quants + at * SP_GROUP_COLUMNS;
        f32x16 low = load_floats(x), high = load_floats(x + 16);
        float peak = largest_lane(larger(larger(low, -low), larger(high, -high)));
        float scale = peak / 127.0f;
        // A subnormal peak has no finite inverse; such a group is as good as zero.
        f32x16 inverse = splat(peak > 1e-30f ? 127.0f / peak : 0.0f);
        i32x16 low_quants = __builtin_convertvector(round_to_nearest(low * inverse), i32x16);
        i32x16 high_quants = __builtin_convertvector(round_to_nearest(high * inverse), i32x16);
        i8x16 low_bytes = __builtin_convertvector(low_quants, i8x16);
        i8x16 high_bytes = __builtin_convertvector(high_quants, i8x16);
        memcpy(quants, &low_bytes, 16);
        memcpy(quants + 16, &high_bytes, 16);
        int32_t low_sum = 0, high_sum = 0;
        for (int i = 0; i < 16; i++) {
            low_sum += low_quants[i];
            high_sum += high_quants[i];
        }
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

// count is a multiple of 16: both inputs are rows of whole tiles.
static void swiglu(const float *gate, const float *up, float *destination, int count) {
    for (int i = 0; i < count; i += 16) {
        f32x16 g = load_floats(gate + i);
        store_floats(destination + i, g / (splat(1) + exponential(-g)) * load_floats(up + i));
    }
}

static void rotate(float *head, const float *cosines, const float *sines, int pairs) {
    for (int i = 0; i < pairs; i++) {
        float first = head[i], second = head[pairs + i];
        head[i] = first * cosines[i] - second * sines[i];
        head[pairs + i] = first * sines[i] + second * cosines[i];
    }
}

// MARK: - Attention

// scores[row][position] = scale * query . key for every block of 16 cached positions.
INLINE void score_blocks(
    const sp_attention *attention, const float *keys, const float *const *queries, int blocks, const int ROWS,
    float *scores, size_t stride) {
    const int width = attention->head_stride;
    for (int block = 0; block < blocks; block++) {
        const float *tile = keys + (size_t)block * SP_KEY_BLOCK * (size_t)width;
        f32x16 sums[SP_ATTENTION_ROWS];
        for (int row = 0; row < ROWS; row++) sums[row] = splat(0);
        for (int i = 0; i < attention->head_size; i++) {
            const f32x16 column = load_floats(tile + (size_t)i * SP_KEY_BLOCK);
#pragma clang loop unroll(full)
            for (int row = 0; row < ROWS; row++) sums[row] += column * splat(queries[row][i]);
        }
        for (int row = 0; row < ROWS; row++)
            store_floats(scores + (size_t)row * stride + (size_t)block * SP_KEY_BLOCK, sums[row] * splat(attention->scale));
    }
}

// Turns scores into softmax weights over the first `positions` of `stride`; the rest become 0. Returns one
// over their sum.
INLINE float soften(float *scores, int positions, size_t stride) {
    const int end = (positions + SP_KEY_BLOCK - 1) / SP_KEY_BLOCK * SP_KEY_BLOCK;
    for (int i = positions; i < end; i++) scores[i] = -__builtin_inff();
    f32x16 peaks = load_floats(scores);
    for (int i = SP_KEY_BLOCK; i < end; i += SP_KEY_BLOCK) peaks = larger(peaks, load_floats(scores + i));
    const f32x16 peak = splat(largest_lane(peaks));
    f32x16 sums = splat(0);
    for (int i = 0; i < end; i += SP_KEY_BLOCK) {
        f32x16 weights = exponential(load_floats(scores + i) - peak);
        store_floats(scores + i, weights);
        sums += weights;
    }
    // exponential() clamps, so a masked position holds about 1e-38 here: nothing beside a sum of at least 1.
    memset(scores + positions, 0, sizeof(float) * (stride - (size_t)positions));
    return 1.0f / sum_of_lanes(sums);
}

// outputs[row][i] = sum over positions of weight * value, for `VECTORS` runs of 16 values from `start`.
INLINE void mix_values(
    const sp_attention *attention, const float *values, const float *weights, size_t stride, const int *positions,
    const float *inverse, float *const *outputs, int start, const int ROWS, const int VECTORS) {
    const int width = attention->head_stride;
    f32x16 sums[SP_ATTENTION_ROWS][2];
    int longest = 0;
    for (int row = 0; row < ROWS; row++) {
        longest = positions[row] > longest ? positions[row] : longest;
        for (int v = 0; v < VECTORS; v++) sums[row][v] = splat(0);
    }
    for (int position = 0; position < longest; position++) {
        const float *value = values + (size_t)position * (size_t)width + start;
#pragma clang loop unroll(full)
        for (int v = 0; v < VECTORS; v++) {
            const f32x16 run = load_floats(value + 16 * v);
#pragma clang loop unroll(full)
            for (int row = 0; row < ROWS; row++) sums[row][v] += run * splat(weights[(size_t)row * stride + (size_t)position]);
        }
    }
    for (int row = 0; row < ROWS; row++) {
        for (int v = 0; v < VECTORS; v++) {
            const f32x16 result = sums[row][v] * splat(inverse[row]);
            const int at = start + 16 * v, left = attention->head_size - at;
            memcpy(outputs[row] + at, &result, sizeof(float) * (size_t)(left < 16 ? left : 16));
        }
    }
}

INLINE void attend_rows(
    const sp_attention *attention, const sp_attention_group *group, const float *const *queries,
    float *const *outputs, const int *positions, const int ROWS, float *scratch) {
    int longest = 0;
    for (int row = 0; row < ROWS; row++) longest = positions[row] > longest ? positions[row] : longest;
    const int blocks = (longest + SP_KEY_BLOCK - 1) / SP_KEY_BLOCK;
    const size_t stride = (size_t)blocks * SP_KEY_BLOCK;
    score_blocks(attention, group->keys, queries, blocks, ROWS, scratch, stride);
    float inverse[SP_ATTENTION_ROWS];
    for (int row = 0; row < ROWS; row++) inverse[row] = soften(scratch + (size_t)row * stride, positions[row], stride);
    int start = 0;
    for (; start + 32 <= attention->head_stride; start += 32)
        mix_values(attention, group->values, scratch, stride, positions, inverse, outputs, start, ROWS, 2);
    if (start < attention->head_stride)
        mix_values(attention, group->values, scratch, stride, positions, inverse, outputs, start, ROWS, 1);
}

static void attend(
    const sp_attention *attention, const sp_attention_group *group, const float *const *queries,
    float *const *outputs, const int *positions, int rows, float *scratch) {
    switch (rows) {
#define ROWS_CASE(N) case N: attend_rows(attention, group, queries, outputs, positions, N, scratch); break;
    ROWS_CASE(1) ROWS_CASE(2) ROWS_CASE(3) ROWS_CASE(4) ROWS_CASE(5) ROWS_CASE(6) ROWS_CASE(7) ROWS_CASE(8)
#undef ROWS_CASE
    }
}

const sp_kernels LANES_TABLE = {
    .name = LANES_NAME,
    .multiply_tile = multiply_tile,
    .quantize = quantize,
    .rms_norm = rms_norm,
    .swiglu = swiglu,
    .rotate = rotate,
    .attend = attend,
};
