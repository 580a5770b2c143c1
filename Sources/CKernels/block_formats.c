// GGUF's block formats. Layouts follow ggml's public format definitions (ggml-common.h), checked in the
// tests against gguf-py's dequantisation.

#include "block_formats.h"
#include "lane_types.h"

#include <string.h>

static uint16_t read_u16(const uint8_t *bytes) {
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint32_t read_u32(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static float read_half(const uint8_t *bytes) { return sp_half_to_float(read_u16(bytes)); }

static float float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float sp_half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = (half >> 10) & 0x1f;
    uint32_t mantissa = half & 0x3ff;
    if (exponent == 31) return float_from_bits(sign | 0x7f800000 | (mantissa << 13));
    if (exponent == 0) {
        float magnitude = (float)mantissa * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return float_from_bits(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

// Rounds to nearest even.
uint16_t sp_float_to_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)((bits >> 16) & 0x8000);
    uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x7f800000) return sign | 0x7c00 | (uint16_t)(magnitude > 0x7f800000 ? 0x200 : 0);
    if (magnitude >= 0x477ff000) return sign | 0x7c00;
    if (magnitude < 0x38800000) {
        // Adding 0.5 aligns the mantissa so that its low bits are the subnormal half.
        uint32_t aligned;
        float shifted = float_from_bits(magnitude) + 0.5f;
        memcpy(&aligned, &shifted, sizeof aligned);
        return sign | (uint16_t)(aligned - 0x3f000000);
    }
    uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
    return sign | (uint16_t)((rounded - 0x38000000) >> 13);
}

int sp_type_block_size(sp_element_type type) {
    switch (type) {
    case SP_TYPE_F32: case SP_TYPE_F16: case SP_TYPE_BF16: return 1;
    case SP_TYPE_Q4_0: case SP_TYPE_Q4_1: case SP_TYPE_Q5_0: case SP_TYPE_Q5_1: case SP_TYPE_Q8_0: return 32;
    case SP_TYPE_Q4_K: case SP_TYPE_Q5_K: case SP_TYPE_Q6_K: return 256;
    }
    return 0;
}

int sp_type_block_bytes(sp_element_type type) {
    switch (type) {
    case SP_TYPE_F32: return 4;
    case SP_TYPE_F16: case SP_TYPE_BF16: return 2;
    case SP_TYPE_Q4_0: return 18;
    case SP_TYPE_Q4_1: return 20;
    case SP_TYPE_Q5_0: return 22;
    case SP_TYPE_Q5_1: return 24;
    case SP_TYPE_Q8_0: return 34;
    case SP_TYPE_Q4_K: return 144;
    case SP_TYPE_Q5_K: return 176;
    case SP_TYPE_Q6_K: return 210;
    }
    return 0;
}

sp_block_traits sp_block_traits_of(sp_element_type type) {
    switch (type) {
    case SP_TYPE_Q4_0: return (sp_block_traits){.bits = 4, .zero = 8, .half_scales = true};
    case SP_TYPE_Q4_1: return (sp_block_traits){.bits = 4, .has_minimum = true, .half_scales = true};
    case SP_TYPE_Q5_0: return (sp_block_traits){.bits = 5, .zero = 16, .half_scales = true};
    case SP_TYPE_Q5_1: return (sp_block_traits){.bits = 5, .has_minimum = true, .half_scales = true};
    case SP_TYPE_Q8_0: return (sp_block_traits){.bits = 8, .zero = 128, .half_scales = true};
    // A scale here is the product of a half and a small integer, which needs single precision.
    case SP_TYPE_Q4_K: return (sp_block_traits){.bits = 4, .has_minimum = true};
    case SP_TYPE_Q5_K: return (sp_block_traits){.bits = 5, .has_minimum = true};
    case SP_TYPE_Q6_K: return (sp_block_traits){.bits = 6, .zero = 32, .split_scales = true};
    default: return (sp_block_traits){0};
    }
}

// Quants are read and stored in whole vectors: bytes that were stored one at a time are late for who reads several.
static u8x32 load_quants(const uint8_t *bytes) {
    u8x32 quants;
    memcpy(&quants, bytes, sizeof quants);
    return quants;
}

static void store_quants(u8x32 quants, sp_block *block) { memcpy(block->quant, &quants, sizeof quants); }

// Elements 0..15 sit in the low nibbles, 16..31 in the high ones.
static u8x32 read_nibbles(const uint8_t *bytes) {
    u8x16 both;
    memcpy(&both, bytes, sizeof both);
    const u8x16 low = both & 0x0f, high = both >> 4;
    return __builtin_shufflevector(
        low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
        28, 29, 30, 31);
}

// Bit i as the fifth bit of element i.
static u8x32 fifth_bits(uint32_t bits) {
    const u8x32 bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128,
                       1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    u32x8 words = (u32x8)bits;
    u8x32 bytes;
    memcpy(&bytes, &words, sizeof bytes);
    bytes = __builtin_shufflevector(
        bytes, bytes, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    return (u8x32)((bytes & bit) != 0) & 0x10;
}

// Q4_K and Q5_K keep eight 6-bit scales and eight 6-bit minimums in 12 bytes.
static void read_scale_and_minimum(const uint8_t *packed, int index, int *scale, int *minimum) {
    if (index < 4) {
        *scale = packed[index] & 63;
        *minimum = packed[index + 4] & 63;
    } else {
        *scale = (packed[index + 4] & 0x0f) | ((packed[index - 4] >> 6) << 4);
        *minimum = (packed[index + 4] >> 4) | ((packed[index] >> 6) << 4);
    }
}

static void read_q4_k(const uint8_t *super, int part, sp_block *block) {
    int scale, minimum;
    read_scale_and_minimum(super + 4, part, &scale, &minimum);
    block->scale[0] = block->scale[1] = read_half(super) * (float)scale;
    block->minimum = -(read_half(super + 2) * (float)minimum);
    store_quants(load_quants(super + 16 + 32 * (part / 2)) >> (uint8_t)(4 * (part % 2)) & 0x0f, block);
}

static void read_q5_k(const uint8_t *super, int part, sp_block *block) {
    int scale, minimum;
    read_scale_and_minimum(super + 4, part, &scale, &minimum);
    block->scale[0] = block->scale[1] = read_half(super) * (float)scale;
    block->minimum = -(read_half(super + 2) * (float)minimum);
    const u8x32 low = load_quants(super + 48 + 32 * (part / 2)) >> (uint8_t)(4 * (part % 2)) & 0x0f;
    const u8x32 high = load_quants(super + 16) >> (uint8_t)part & 0x01;
    store_quants(low | high << 4, block);
}

static void read_q6_k(const uint8_t *super, int part, sp_block *block) {
    int half = part / 4, quarter = part % 4;
    const u8x32 low = load_quants(super + 64 * half + 32 * (quarter % 2));
    const u8x32 high = load_quants(super + 128 + 32 * half) >> (uint8_t)(2 * quarter) & 0x03;
    const int8_t *scales = (const int8_t *)super + 192 + 8 * half + 2 * quarter;
    float scale = read_half(super + 208);
    store_quants((quarter < 2 ? low & 0x0f : low >> 4) | high << 4, block);
    block->scale[0] = scale * (float)scales[0];
    block->scale[1] = scale * (float)scales[1];
    block->minimum = 0;
}

void sp_read_block(sp_element_type type, const uint8_t *row, size_t index, sp_block *block) {
    size_t per_source_block = (size_t)sp_type_block_size(type) / SP_GROUP;
    const uint8_t *source = row + (index / per_source_block) * (size_t)sp_type_block_bytes(type);
    int part = (int)(index % per_source_block);
    block->minimum = 0;
    switch (type) {
    case SP_TYPE_Q4_0:
        block->scale[0] = block->scale[1] = read_half(source);
        store_quants(read_nibbles(source + 2), block);
        break;
    case SP_TYPE_Q4_1:
        block->scale[0] = block->scale[1] = read_half(source);
        block->minimum = read_half(source + 2);
        store_quants(read_nibbles(source + 4), block);
        break;
    case SP_TYPE_Q5_0:
        block->scale[0] = block->scale[1] = read_half(source);
        store_quants(read_nibbles(source + 6) | fifth_bits(read_u32(source + 2)), block);
        break;
    case SP_TYPE_Q5_1:
        block->scale[0] = block->scale[1] = read_half(source);
        block->minimum = read_half(source + 2);
        store_quants(read_nibbles(source + 8) | fifth_bits(read_u32(source + 4)), block);
        break;
    case SP_TYPE_Q8_0:
        block->scale[0] = block->scale[1] = read_half(source);
        store_quants(load_quants(source + 2) ^ 0x80, block);
        break;
    case SP_TYPE_Q4_K: read_q4_k(source, part, block); break;
    case SP_TYPE_Q5_K: read_q5_k(source, part, block); break;
    case SP_TYPE_Q6_K: read_q6_k(source, part, block); break;
    default: memset(block, 0, sizeof *block); break;
    }
}

void sp_dequantize(sp_element_type type, const void *source, size_t count, float *destination) {
    const uint8_t *bytes = source;
    switch (type) {
    case SP_TYPE_F32:
        memcpy(destination, source, count * sizeof(float));
        return;
    case SP_TYPE_F16:
        for (size_t i = 0; i < count; i++) destination[i] = read_half(bytes + 2 * i);
        return;
    case SP_TYPE_BF16:
        for (size_t i = 0; i < count; i++) destination[i] = float_from_bits((uint32_t)read_u16(bytes + 2 * i) << 16);
        return;
    default: break;
    }
    int zero = sp_block_traits_of(type).zero;
    for (size_t group = 0; group < count / SP_GROUP; group++) {
        sp_block block;
        sp_read_block(type, bytes, group, &block);
        for (int i = 0; i < SP_GROUP; i++)
            destination[group * SP_GROUP + i] = block.scale[i / 16] * (float)(block.quant[i] - zero) + block.minimum;
    }
}
