// Holds every instruction set of the processor it runs on to the portable kernels, bit for bit: all of them
// are the same chains of operations in single precision, and integer products are exact. The portable
// products in turn are held to double precision.
//
// Prints the processor's instruction sets, fastest first; the exit status is 1 where anything differed.

#include "CKernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 1;

static uint64_t next_random(void) {
    state += 0x9e3779b97f4a7c15;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

// Uniform between -bound and bound.
static float random_float(float bound) { return bound * ((float)(next_random() >> 40) * 0x1p-23f - 1); }

static void *allocate(size_t count, size_t size) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, count * size + 64) != 0) abort();
    return memset(memory, 0, count * size + 64);
}

static float *random_floats(size_t count, float bound) {
    float *values = allocate(count, sizeof *values);
    for (size_t i = 0; i < count; i++) values[i] = random_float(bound);
    return values;
}

static int failures = 0;

static void expect_same(
    sp_pool *pool, const char *what, int detail, const void *found, const void *expected, size_t bytes) {
    if (memcmp(found, expected, bytes) == 0) return;
    failures++;
    fprintf(stderr, "%s: %s (%d) differs from the portable kernels\n", sp_pool_instruction_set(pool), what, detail);
}

// MARK: - Activations

static sp_activations make_activations(int groups, int tokens) {
    const size_t count = sp_integer_groups(groups, tokens);
    return (sp_activations){
        .groups = groups,
        .token_stride = sp_token_stride(tokens),
        .values = allocate(32 * (size_t)groups * (size_t)sp_token_rows(tokens), sizeof(float)),
        .quants = allocate(32 * count, 1),
        .scales = allocate(count, sizeof(float)),
        .half_sums = allocate(2 * count, sizeof(int16_t)),
    };
}

static void free_activations(sp_activations *input) {
    free(input->values);
    free(input->quants);
    free(input->scales);
    free(input->half_sums);
}

static void expect_same_activations(
    sp_pool *pool, const char *what, int detail, const sp_activations *a, const sp_activations *b, int tokens) {
    const size_t count = sp_integer_groups(a->groups, tokens);
    const size_t floats = 32 * (size_t)a->groups * (size_t)sp_token_rows(tokens);
    expect_same(pool, what, detail, a->values, b->values, floats * sizeof(float));
    expect_same(pool, what, detail, a->quants, b->quants, 32 * count);
    expect_same(pool, what, detail, a->scales, b->scales, count * sizeof(float));
    expect_same(pool, what, detail, a->half_sums, b->half_sums, 2 * count * sizeof(int16_t));
}

// MARK: - Matrix products

typedef enum { RANDOM, SMALLEST, LARGEST, FILLS } weight_fill;

static void set_half(uint8_t *at, uint16_t bits) { memcpy(at, &bits, sizeof bits); }

static uint8_t *make_weights(sp_element_type type, size_t count, weight_fill fill) {
    const size_t block_bytes = (size_t)sp_type_block_bytes(type), blocks = count / (size_t)sp_type_block_size(type);
    uint8_t *bytes = allocate(blocks, block_bytes);
    for (size_t i = 0; i < blocks * block_bytes; i++)
        bytes[i] = fill == RANDOM ? (uint8_t)next_random() : fill == LARGEST ? 0xff : 0;
    for (size_t i = 0; i < blocks; i++) {
        uint8_t *block = bytes + block_bytes * i;
        const uint16_t bits = (uint16_t)next_random(), scale = 0x2400 | (bits & 0x3ff);
        const float value = random_float(1);
        switch (type) {
        case SP_TYPE_F32: memcpy(block, &value, sizeof value); break;
        case SP_TYPE_F16: set_half(block, bits & 0xbfff); break;  // below 2, some of them subnormal
        case SP_TYPE_BF16: set_half(block, 0x3c00 | (bits & 0x83ff)); break;
        case SP_TYPE_Q4_0: case SP_TYPE_Q5_0: case SP_TYPE_Q8_0: set_half(block, scale); break;
        case SP_TYPE_Q6_K: set_half(block + 208, scale); break;
        case SP_TYPE_Q4_1: case SP_TYPE_Q5_1:
            set_half(block, scale);
            set_half(block + 2, (uint16_t)(0x1c00 + next_random() % 0x1800) | (bits % 5 == 0 ? 0 : 0x8000));
            break;
        default:
            set_half(block, scale);
            set_half(block + 2, scale | 0x8000);
        }
    }
    // An 8-bit quant of 0 or 255 is a signed byte of the other end.
    for (size_t i = 0; type == SP_TYPE_Q8_0 && fill != RANDOM && i < blocks; i++)
        memset(bytes + block_bytes * i + 2, fill == LARGEST ? 0x7f : 0x80, 32);
    return bytes;
}

// Rows of the matrix against double precision. A chain of n single-precision additions is off by at most n
// half-units of the sum of magnitudes; the factor covers the scales' own roundings.
static void expect_near(
    const sp_matrix *matrix, const sp_activations *input, int tokens, const float *output, size_t stride) {
    float *weights = allocate((size_t)matrix->columns, sizeof *weights);
    for (int row = 0; row < matrix->rows; row++) {
        sp_matrix_row(matrix, row, weights);
        const int lane = row / matrix->block_rows * matrix->block_tiles * 16 + row % matrix->block_rows;
        for (int token = 0; token < tokens; token++) {
            double sum = 0, magnitude = 0;
            for (int column = 0; column < matrix->columns; column++) {
                const size_t at = (size_t)(column / 32) * (size_t)input->token_stride + (size_t)token;
                const bool integers = input->quants && sp_is_for_integers(matrix->format);
                const double x =
                    integers ? (double)input->quants[32 * at + (size_t)column % 32] * input->scales[at]
                             : input->values[(size_t)token * (size_t)input->groups * 32 + (size_t)column];
                sum += weights[column] * x;
                magnitude += fabs(weights[column] * x);
            }
            const double error = fabs(output[stride * (size_t)token + (size_t)lane] - sum);
            if (error <= magnitude * matrix->columns * 0x1p-23 + 1e-6) continue;
            failures++;
            fprintf(stderr, "portable: format %d, row %d is off by %g of %g\n", matrix->format, row, error, magnitude);
        }
    }
    free(weights);
}

static void compare_product(
    sp_pool *pool, sp_pool *portable, sp_element_type type, sp_product product, const sp_activations *input, int tokens,
    bool whole) {
    const size_t count = product.output_stride * (size_t)tokens;
    float *found = random_floats(count, 1), *expected = allocate(count, sizeof *expected);
    memcpy(expected, found, count * sizeof *expected);
    product.output = found;
    sp_multiply(pool, &product, 1, input, tokens);
    product.output = expected;
    sp_multiply(portable, &product, 1, input, tokens);
    expect_same(pool, input->quants ? "integer product" : "product", type, found, expected, count * sizeof *expected);
    if (whole) expect_near(product.matrix, input, tokens, expected, product.output_stride);
    free(found);
    free(expected);
}

static void compare_search(
    sp_pool *pool, sp_pool *portable, const sp_matrix *matrix, const sp_activations *input) {
    const size_t tiles = (size_t)matrix->tiles;
    sp_largest_search search = {
        .matrix = matrix, .outputs = allocate(16 * tiles, sizeof(float)), .tiles = allocate(tiles, sizeof(int32_t)),
        .whole = allocate((size_t)matrix->groups, 1),
    };
    float *norms = allocate(16 * tiles, sizeof *norms);
    search.slack = sp_measure_lower_parts(matrix, norms);
    search.norms = norms;
    const sp_largest found = sp_find_largest(pool, &search, input);
    const sp_largest expected = sp_find_largest(portable, &search, input);
    const float numbers[2][3] = {
        {(float)found.row, found.output, (float)found.tiles},
        {(float)expected.row, expected.output, (float)expected.tiles},
    };
    expect_same(pool, "search", SP_TYPE_Q8_0, numbers[0], numbers[1], sizeof numbers[0]);
    free(norms);
    free(search.outputs);
    free(search.tiles);
    free(search.whole);
}

static void compare_products(sp_pool *pool, sp_pool *portable) {
    static const sp_element_type types[] = {
        SP_TYPE_F32, SP_TYPE_F16, SP_TYPE_BF16, SP_TYPE_Q4_0, SP_TYPE_Q4_1, SP_TYPE_Q5_0, SP_TYPE_Q5_1, SP_TYPE_Q8_0,
        SP_TYPE_Q4_K, SP_TYPE_Q5_K, SP_TYPE_Q6_K,
    };
    // Rows that do not fill a tile, heads of 24 rows, columns that do not fill a group, every block of tokens.
    static const struct { int rows, columns, block_rows, tokens; } shapes[] = {
        {1, 256, 1, 1}, {48, 512, 24, 3}, {20, 256, 20, 15}, {16, 77, 16, 2}, {40, 288, 40, 1}, {35, 160, 35, 9},
    };
    enum { SHAPES = sizeof shapes / sizeof *shapes };
    static const int32_t tiles[] = {2, 0}, groups[] = {0, 3, 5};
    static const uint8_t halves[] = {SP_FIRST_HALF, SP_SECOND_HALF, SP_BOTH_HALVES};
    static const sp_packing packings[] = {SP_FOR_FLOATS, SP_FOR_INTEGERS, SP_FOR_LARGEST};
    for (size_t i = 0; i < sizeof types / sizeof *types * 3 * SHAPES * FILLS; i++) {
        const sp_element_type type = types[i / (3 * SHAPES * FILLS)];
        const sp_packing packing = packings[i / (SHAPES * FILLS) % 3];
        const int rows = shapes[i % SHAPES].rows, tokens = shapes[i % SHAPES].tokens, columns = shapes[i % SHAPES].columns;
        const weight_fill fill = (weight_fill)(i / SHAPES % FILLS);
        sp_matrix matrix;
        const int block_columns = columns == 512 ? 64 : columns == 256 ? 16 : columns;
        const size_t bytes =
            sp_matrix_layout(&matrix, type, packing, rows, columns, shapes[i % SHAPES].block_rows, block_columns);
        if (bytes == 0) continue;
        uint8_t *weights = make_weights(type, (size_t)rows * (size_t)columns, fill), *data = sp_tiles_allocate(bytes);
        const sp_arrangement arrangement = {0};
        sp_pack(pool, &matrix, type, weights, &arrangement, data, 0, matrix.tiles);
        matrix.data = data;
        sp_activations input = make_activations(matrix.groups, tokens);
        for (int j = 0; j < tokens * matrix.groups * 32; j++) {
            const float x = random_float(4);
            const int column = j % (matrix.groups * 32);
            // The halves that a part of the product leaves out.
            if (column / 16 == 1 || column / 16 == 6) continue;
            if (column < columns) input.values[j] = fill == RANDOM ? x : j % 7 == 0 ? -3 : 3;
        }
        sp_quantize(pool, &input, tokens);
        sp_activations floats = input;
        floats.quants = NULL;
        const sp_product whole = {.matrix = &matrix, .output_stride = 16 * (size_t)matrix.tiles};
        compare_product(pool, portable, type, whole, &input, tokens, true);
        compare_product(pool, portable, type, whole, &floats, tokens, true);
        sp_product part = whole;
        float *bias = random_floats(whole.output_stride, 1);
        part.bias = bias;
        part.accumulate = true;
        part.tiles = tiles;
        part.tile_count = matrix.tiles > 2 ? 2 : 0;
        part.columns = (sp_columns){.groups = groups, .halves = halves, .count = matrix.groups > 5 ? 3 : 1};
        compare_product(pool, portable, type, part, &input, tokens, false);
        compare_product(pool, portable, type, part, &floats, tokens, false);
        if (sp_has_parts(matrix.format)) {
            static const uint8_t some[] = {0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0};
            part = whole;
            part.columns = (sp_columns){.whole = some};
            compare_product(pool, portable, type, part, &input, tokens, false);
        }
        if (tokens == 1 && sp_has_largest_search(&matrix)) compare_search(pool, portable, &matrix, &input);
        free(bias);
        free_activations(&input);
        sp_tiles_free(data);
        free(weights);
    }
}

// MARK: - Elementwise steps

static void compare_quantize(sp_pool *pool, sp_pool *portable) {
    static const float bounds[] = {1, 1000, 1e30f, 1e-20f, 1e-38f, 1e-44f, 0};
    enum { GROUPS = 7, TOKENS = 5 };
    sp_activations found = make_activations(GROUPS, TOKENS), expected = make_activations(GROUPS, TOKENS);
    for (int i = 0; i < TOKENS * GROUPS * 32; i++) {
        // The last token has its values halfway between two quants.
        const float tie = i % 32 == 0 ? 127 : (float)((int)(next_random() % 253) - 126) + 0.5f;
        found.values[i] = i / 32 / GROUPS == TOKENS - 1 ? tie : random_float(bounds[i / 32 % GROUPS]);
        expected.values[i] = found.values[i];
    }
    sp_quantize(pool, &found, TOKENS);
    sp_quantize(portable, &expected, TOKENS);
    expect_same_activations(pool, "quantize", GROUPS, &found, &expected, TOKENS);
    free_activations(&found);
    free_activations(&expected);
}

static void compare_norm(sp_pool *pool, sp_pool *portable, int count, int tokens) {
    const int groups = (count + 31) / 32;
    const size_t stride = (size_t)(count + 15) / 16 * 16;
    sp_activations found = make_activations(groups, tokens), expected = make_activations(groups, tokens);
    float *x = random_floats(stride * (size_t)tokens, 3), *weight = random_floats((size_t)count, 2);
    sp_rms_norm(pool, x, stride, tokens, weight, count, 1e-5f, &found);
    sp_rms_norm(portable, x, stride, tokens, weight, count, 1e-5f, &expected);
    expect_same_activations(pool, "rms_norm", count, &found, &expected, tokens);
    free(x);
    free(weight);
    free_activations(&found);
    free_activations(&expected);
}

// MARK: - Gated products

static sp_matrix pack_random(sp_pool *pool, sp_element_type type, int rows, int columns) {
    sp_matrix matrix;
    const size_t bytes = sp_matrix_layout(&matrix, type, SP_FOR_INTEGERS, rows, columns, rows, columns);
    uint8_t *data = sp_tiles_allocate(bytes);
    uint8_t *weights = make_weights(type, (size_t)rows * (size_t)columns, RANDOM);
    const sp_arrangement arrangement = {0};
    sp_pack(pool, &matrix, type, weights, &arrangement, data, 0, matrix.tiles);
    matrix.data = data;
    free(weights);
    return matrix;
}

// `channels` channels of both halves and of some, where a last group may have no second half.
static void compare_gated(
    sp_pool *pool, sp_pool *portable, sp_element_type gate_type, sp_element_type up_type, int channels, int tokens) {
    enum { COLUMNS = 256 };
    const sp_matrix gate = pack_random(pool, gate_type, channels, COLUMNS);
    const sp_matrix up = pack_random(pool, up_type, channels, COLUMNS);
    const int groups = (channels + 31) / 32;
    sp_activations input = make_activations(COLUMNS / 32, tokens);
    // Gates to where the exponential is clamped on either side.
    for (int i = 0; i < sp_token_rows(tokens) * COLUMNS; i++) input.values[i] = random_float(i % 3 == 0 ? 100 : 1);
    sp_quantize(pool, &input, tokens);
    sp_activations floats = input;
    floats.quants = NULL;
    const sp_activations *inputs[] = {&input, &floats};
    const int32_t some[] = {0, groups - 1};
    const uint8_t halves[] = {SP_SECOND_HALF, SP_FIRST_HALF};
    sp_gated_product product = {
        .gate = &gate, .up = &up, .keeps_values = true,
        .layout = channels % 32 == 0 ? (sp_half_layout){1, groups} : (sp_half_layout){2, 1},
        .scratch = allocate(2 * sp_gated_scratch(tokens), sizeof(float)),
    };
    for (int i = 0; i < 4; i++) {
        product.columns = (sp_columns){.groups = NULL};
        if (i >= 2) product.columns = (sp_columns){.groups = some, .halves = halves, .count = groups > 1 ? 2 : 1};
        sp_activations found = make_activations(groups, tokens), expected = make_activations(groups, tokens);
        sp_multiply_gated(pool, &product, inputs[i % 2], tokens, &found);
        sp_multiply_gated(portable, &product, inputs[i % 2], tokens, &expected);
        expect_same_activations(pool, "gated product", channels, &found, &expected, tokens);
        free_activations(&found);
        free_activations(&expected);
    }
    free(product.scratch);
    free_activations(&input);
    sp_tiles_free((uint8_t *)(uintptr_t)gate.data);
    sp_tiles_free((uint8_t *)(uintptr_t)up.data);
}

// MARK: - Attention

// `tokens` tokens after `first` others; odd query heads do not run.
static void compare_attention(
    sp_pool *pool, sp_pool *portable, sp_cache_format format, int head_size, int heads, int first, int tokens,
    bool has_norms) {
    enum { PAIRS = 4 };
    const int head_stride = (head_size + 15) / 16 * 16, positions = first + tokens;
    const size_t stride = (size_t)(heads * head_stride), output_stride = (size_t)(heads * head_size);
    const size_t rows_before = (size_t)sp_token_rows(first), rows = rows_before + (size_t)sp_token_rows(tokens);
    int32_t running[16];
    for (int i = 0; i < heads; i += 2) running[i / 2] = i;
    // Large keys make a peaked softmax.
    float *keys = random_floats(rows * (size_t)head_stride, 10);
    float *values = random_floats(rows * (size_t)head_stride, 1);
    float *queries = random_floats(rows * stride, 5);
    float *cosines = random_floats((size_t)positions * PAIRS, 1), *sines = random_floats((size_t)positions * PAIRS, 1);
    float *query_norm = random_floats((size_t)head_size, 1), *key_norm = random_floats((size_t)head_size, 1);
    float *outputs[2];
    for (int i = 0; i < 2; i++) {
        outputs[i] = allocate(rows * output_stride, sizeof(float));
        const size_t blocks = (size_t)(positions + 15) / 16;
        void *cached_keys = allocate(blocks, sp_key_block_bytes(format, head_stride));
        void *cached_values = allocate(blocks, sp_value_block_bytes(format, head_stride));
        float *partials = allocate(sp_attention_partials(positions, heads, head_stride), sizeof(float));
        const sp_attention_group group = {cached_keys, cached_values, 0, running, (heads + 1) / 2};
        // First the text so far in one batch, then the tokens.
        for (int start = 0; start < positions; start = start < first ? first : positions) {
            const size_t row = start < first ? 0 : rows_before;
            const sp_attention attention = {
                .queries = queries + row * stride, .query_stride = stride,
                .keys = keys + row * (size_t)head_stride, .values = values + row * (size_t)head_stride,
                .key_stride = (size_t)head_stride, .cosines = cosines + start * PAIRS, .sines = sines + start * PAIRS,
                .pairs = PAIRS, .query_norm = has_norms ? query_norm : NULL, .key_norm = has_norms ? key_norm : NULL,
                .norm_epsilon = 1e-5f, .output = outputs[i] + row * output_stride, .output_stride = output_stride,
                .tokens = start < first ? first : tokens, .first_position = start, .head_size = head_size,
                .head_stride = head_stride, .scale = 0.125f, .format = format, .groups = &group, .group_count = 1,
                .partials = partials,
            };
            sp_attend(i == 0 ? pool : portable, &attention);
        }
        free(cached_keys);
        free(cached_values);
        free(partials);
    }
    const size_t bytes = rows * output_stride * sizeof(float);
    expect_same(pool, "attention", head_size, outputs[0], outputs[1], bytes);
    free(outputs[0]);
    free(outputs[1]);
    free(keys);
    free(values);
    free(queries);
    free(cosines);
    free(sines);
    free(query_norm);
    free(key_norm);
}

int main(void) {
    sp_pool *portable = sp_pool_create(1, "portable");
    for (int i = 0; i < sp_instruction_set_count(); i++) {
        const char *name = sp_instruction_set_name(i);
        printf("%s\n", name);
        if (strcmp(name, "portable") == 0) break;
        sp_pool *pool = sp_pool_create(2, name);
        if (!pool || !portable) return 1;
        compare_products(pool, portable);
        compare_quantize(pool, portable);
        static const int counts[] = {1, 15, 16, 77, 576};
        for (int j = 0; j < 5; j++) compare_norm(pool, portable, counts[j], j + 1);
        compare_gated(pool, portable, SP_TYPE_Q4_1, SP_TYPE_Q4_1, 96, 1);
        compare_gated(pool, portable, SP_TYPE_Q4_1, SP_TYPE_Q6_K, 40, 3);
        compare_gated(pool, portable, SP_TYPE_F16, SP_TYPE_Q8_0, 128, 20);
        compare_gated(pool, portable, SP_TYPE_Q5_0, SP_TYPE_Q5_0, 16, 150);
        for (sp_cache_format format = SP_CACHE_F32; format <= SP_CACHE_WIDE_KEYS; format++) {
            compare_attention(pool, portable, format, 64, 3, 0, 1, false);
            compare_attention(pool, portable, format, 64, 5, 270, 9, false);
            compare_attention(pool, portable, format, 24, 2, 140, 1, true);
            compare_attention(pool, portable, format, 40, 1, 0, 33, false);
            compare_attention(pool, portable, format, 40, 3, 0, 20, true);
            compare_attention(pool, portable, format, 200, 2, 5, 3, false);
        }
        sp_pool_destroy(pool);
    }
    sp_pool_destroy(portable);
    return failures > 0;
}
