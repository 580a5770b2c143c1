// How keys, values and queries are stored for attention: part of lanes.h.
//
// As integers, a vector, or a group of a key's dimensions in bytes, is its largest magnitude's share: x = scale *
// integer. Sums of products are exact, so the limits keep them within 32 bits: those of keys with queries over the
// values of a head, those of weights with values over the positions of a chunk. Weights have 7 bits and so have the
// magnitudes of bytes: two products fit in 16 bits. A wide key may be much larger in a few of its dimensions than in
// those that tell positions apart, for which 8 bits would not do.

enum {
    KEY_LIMIT = 4095,
    LONG_KEY_LIMIT = 2047,
    LONG_KEY = 128,
    KEY_BYTE_LIMIT = INT8_MAX,
    WEIGHT_LIMIT = INT8_MAX,
    VALUE_LIMIT = INT8_MAX,
};

_Static_assert((int64_t)LONG_KEY * KEY_LIMIT * KEY_LIMIT <= INT32_MAX, "scores fit in 32 bits");
_Static_assert((int64_t)SP_LARGEST_HEAD * LONG_KEY_LIMIT * LONG_KEY_LIMIT <= INT32_MAX, "scores fit in 32 bits");
_Static_assert((int64_t)SP_ATTENTION_CHUNK * WEIGHT_LIMIT * VALUE_LIMIT <= INT32_MAX, "values fit in 32 bits");
_Static_assert(2 * WEIGHT_LIMIT * VALUE_LIMIT <= INT16_MAX, "a pair of values fits in 16 bits");

INLINE int key_limit(int head_stride) { return head_stride <= LONG_KEY ? KEY_LIMIT : LONG_KEY_LIMIT; }

// The largest magnitude of all lanes: without their signs, floats are ordered as the integers of their bits.
INLINE float largest_magnitude(f32x16 v) {
    i32x16 bits;
    memcpy(&bits, &v, sizeof bits);
    const int32_t largest = __builtin_reduce_max(bits & 0x7fffffff);
    float result;
    memcpy(&result, &largest, sizeof result);
    return result;
}

// What to multiply numbers up to `peak` with so that they reach `limit`. A subnormal peak has no finite inverse; such
// numbers are as good as zero.
static const float LEAST_PEAK = 1e-30f;
INLINE float inverse_scale(float peak, int limit) { return peak > LEAST_PEAK ? (float)limit / peak : 0.0f; }

// The nearest integers, for magnitudes below 2^22: they stand in the low bits, above them those of the ROUNDING_SHIFT.
INLINE i32x16 nearest_integers(f32x16 v) { return (i32x16)(v + splat(ROUNDING_SHIFT)); }

// The largest magnitude of `count` numbers, a multiple of 16; NaN where one of them is.
INLINE float peak_of(const float *x, int count) {
    f32x16 peaks = splat(0);
    for (int i = 0; i < count; i += 16) peaks = larger_positive(peaks, magnitude(load_floats(x + i)));
    return largest_magnitude(peaks);
}

// x = scale * integers, of at most `limit`; returns the scale. `count` is a multiple of 16.
INLINE float round_to_integers(const float *x, int count, int limit, int16_t *integers) {
    const float peak = peak_of(x, count);
    const f32x16 inverse = splat(inverse_scale(peak, limit));
    for (int i = 0; i < count; i += 16) {
        const i16x16 run = __builtin_convertvector(nearest_integers(load_floats(x + i) * inverse), i16x16);
        memcpy(integers + i, &run, sizeof run);
    }
    return peak / (float)limit;
}

// The same in bytes, for limits of at most a byte's, where the largest magnitude is known.
INLINE float round_to_bytes_by(float peak, const float *x, int count, int limit, uint8_t *bytes) {
    const f32x16 inverse = splat(inverse_scale(peak, limit));
    for (int i = 0; i < count; i += 16) {
        const u8x16 run = __builtin_convertvector(nearest_integers(load_floats(x + i) * inverse), u8x16);
        memcpy(bytes + i, &run, sizeof run);
    }
    return peak / (float)limit;
}

INLINE float round_to_bytes(const float *x, int count, int limit, uint8_t *bytes) {
    return round_to_bytes_by(peak_of(x, count), x, count, limit, bytes);
}

// A block of keys, followed in integers by the scales of its keys and of its values.
INLINE uint8_t *key_block(const sp_attention_group *group, sp_cache_format format, int head_stride, size_t block) {
    return (uint8_t *)group->keys + block * sp_key_block_bytes(format, head_stride);
}

INLINE float *key_scales(uint8_t *block, sp_cache_format format, int head_stride) {
    return (float *)(block + (format == SP_CACHE_BYTES ? 1 : 2) * SP_KEY_BLOCK * head_stride);
}
INLINE float *value_scales(uint8_t *block, sp_cache_format format, int head_stride) {
    return (float *)(block + sp_key_block_bytes(format, head_stride)) - SP_KEY_BLOCK;
}

// Dimensions of a key's group that begins at `start`.
INLINE int group_width(int head_stride, int start) {
    return head_stride - start < SP_KEY_GROUP ? head_stride - start : SP_KEY_GROUP;
}

// A query in bytes: an integer for each dimension, then for each group a scale, then for each group the integers' sum.
INLINE const float *query_scales(const float *query, int head_stride) { return query + head_stride / 4; }
INLINE const int32_t *query_sums(const float *query, int head_stride) {
    return (const int32_t *)(query_scales(query, head_stride) + sp_key_groups(head_stride));
}

// destination = head with its first 2 * pairs values rotated, halves apart. Both hold head_stride floats.
static void rotate(
    const float *head, const float *cosines, const float *sines, int pairs, int head_stride, float *destination) {
    int i = 0;
    for (; i + 16 <= pairs; i += 16) {
        const f32x16 first = load_floats(head + i), second = load_floats(head + pairs + i);
        const f32x16 c = load_floats(cosines + i), s = load_floats(sines + i);
        store_floats(destination + i, first * c - second * s);
        store_floats(destination + pairs + i, first * s + second * c);
    }
    for (; i < pairs; i++) {
        const float first = head[i], second = head[pairs + i];
        destination[i] = first * cosines[i] - second * sines[i];
        destination[pairs + i] = first * sines[i] + second * cosines[i];
    }
    for (i = 2 * pairs; i < head_stride; i++) destination[i] = head[i];
}

static void append(
    const sp_attention_group *group, sp_cache_format format, int position, int head_stride, const float *key,
    const float *value) {
    const size_t width = (size_t)head_stride, at = (size_t)position;
    uint8_t *block = key_block(group, format, head_stride, at / SP_KEY_BLOCK);
    const size_t lane = at % SP_KEY_BLOCK;
    if (format == SP_CACHE_F32) {
        for (int i = 0; i < head_stride; i++) ((float *)block)[(size_t)i * SP_KEY_BLOCK + lane] = key[i];
        memcpy((float *)group->values + at * width, value, sizeof(float) * width);
        return;
    }
    uint8_t bytes[SP_LARGEST_HEAD];
    float *scales = key_scales(block, format, head_stride) + lane;
    if (format == SP_CACHE_BYTES) {
        for (int start = 0; start < head_stride; start += SP_KEY_GROUP, scales += SP_KEY_BLOCK)
            *scales = round_to_bytes(key + start, group_width(head_stride, start), KEY_BYTE_LIMIT, bytes + start);
        for (size_t i = 0; i < width; i += 4) memcpy(block + SP_KEY_BLOCK * i + 4 * lane, bytes + i, 4);
    } else {
        int16_t integers[SP_LARGEST_HEAD];
        *scales = round_to_integers(key, head_stride, key_limit(head_stride), integers);
        for (size_t i = 0; i < width; i += 2) memcpy(block + 2 * SP_KEY_BLOCK * i + 4 * lane, integers + i, 4);
    }
    value_scales(block, format, head_stride)[lane] = round_to_bytes(value, head_stride, VALUE_LIMIT, bytes);
    // The other positions of each four stay.
    uint32_t *values = (uint32_t *)group->values + at / 4 * width;
    const uint32_t shift = at % 4 * 8;
    for (size_t i = 0; i < width; i += 16) {
        u8x16 run;
        u32x16 fours;
        memcpy(&run, bytes + i, sizeof run);
        memcpy(&fours, values + i, sizeof fours);
        fours = (fours & ~(0xffu << shift)) | __builtin_convertvector(run, u32x16) << shift;
        memcpy(values + i, &fours, sizeof fours);
    }
}

// query = factor * head as what a cache of this format is multiplied with: floats, or integers and then their scale.
// Times log2(e) as well, so that the weights of a softmax are powers of two.
static void prepare_query(const float *head, float factor, int head_stride, sp_cache_format format, float *query) {
    if (format == SP_CACHE_F32) {
        for (int i = 0; i < head_stride; i += 16) {
            store_floats(query + i, load_floats(head + i) * splat(factor * LOG2_E));
        }
        return;
    }
    if (format == SP_CACHE_BYTES) {
        uint8_t *bytes = (uint8_t *)query;
        float *scales = (float *)query_scales(query, head_stride);
        int32_t *sums = (int32_t *)query_sums(query, head_stride);
        for (int start = 0; start < head_stride; start += SP_KEY_GROUP) {
            const int count = group_width(head_stride, start);
            *scales++ = factor * LOG2_E * round_to_bytes(head + start, count, KEY_BYTE_LIMIT, bytes + start);
            int32_t sum = 0;
            for (int i = 0; i < count; i++) sum += (int8_t)bytes[start + i];
            *sums++ = sum;
        }
        return;
    }
    const float scale = round_to_integers(head, head_stride, key_limit(head_stride), (int16_t *)query);
    query[head_stride / 2] = factor * LOG2_E * scale;
}
