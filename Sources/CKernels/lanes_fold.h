// What the lanes of vectors combine to: part of lanes.h. COMBINE(a, b) combines those of two vectors.

// Every lane is what a vector's lanes combine to: lane i with lane i + 2, then i + 1, i + 8 and i + 4, the order of
// several vectors together.
#define FOLD_ONE(COMBINE, v)                                                                                 \
    do {                                                                                                     \
        v = COMBINE(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)); \
        v = COMBINE(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)); \
        v = COMBINE(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)); \
        v = COMBINE(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)); \
    } while (0)

INLINE float sum_of_lanes(f32x16 v) {
    FOLD_ONE(plus, v);
    return v[0];
}

// Four vectors folded within their quarters: lane i of a quarter is what the i-th vector's four lanes there combine to.
#define FOLD_QUARTERS(COMBINE, a, b, c, d) FOLD_TWOS(COMBINE, FOLD_PAIRS(COMBINE, a, b), FOLD_PAIRS(COMBINE, c, d))
#define FOLD_PAIRS(COMBINE, a, b)                                                                \
    COMBINE(                                                                                     \
        __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29), \
        __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31))
#define FOLD_TWOS(COMBINE, ab, cd)                                                                 \
    COMBINE(                                                                                       \
        __builtin_shufflevector(ab, cd, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29), \
        __builtin_shufflevector(ab, cd, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))

// The halves of each of two vectors, side by side.
#define FOLD_HALVES(COMBINE, a, b)                                                             \
    COMBINE(                                                                                   \
        __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), \
        __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))

// The quarters of four vectors, of which `ab` and `cd` have two each.
#define FOLD_LAST(COMBINE, ab, cd)                                                                 \
    COMBINE(                                                                                       \
        __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27), \
        __builtin_shufflevector(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31))

// results[i] = what the lanes of v[i] combine to, for i < count <= 16, of a few vectors one after the other. The other
// results may be anything, and vectors may be overwritten.
#define OF_EACH(NAME, COMBINE)                                                                             \
    INLINE void NAME(f32x16 v[16], int count, float results[16]) {                                         \
        if (count < 4) {                                                                                   \
            for (int i = 0; i < count; i++) {                                                              \
                FOLD_ONE(COMBINE, v[i]);                                                                   \
                results[i] = v[i][0];                                                                      \
            }                                                                                              \
            return;                                                                                        \
        }                                                                                                  \
        for (int i = count; i < 16; i++) v[i] = splat(0);                                                  \
        const f32x16 a = FOLD_QUARTERS(COMBINE, v[0], v[1], v[2], v[3]);                                   \
        const f32x16 b = FOLD_QUARTERS(COMBINE, v[4], v[5], v[6], v[7]);                                   \
        const f32x16 c = FOLD_QUARTERS(COMBINE, v[8], v[9], v[10], v[11]);                                 \
        const f32x16 d = FOLD_QUARTERS(COMBINE, v[12], v[13], v[14], v[15]);                               \
        store_floats(results, FOLD_LAST(COMBINE, FOLD_HALVES(COMBINE, a, b), FOLD_HALVES(COMBINE, c, d))); \
    }

OF_EACH(sum_of_each, plus)
OF_EACH(largest_of_each, larger)
OF_EACH(largest_positive_of_each, larger_positive)
