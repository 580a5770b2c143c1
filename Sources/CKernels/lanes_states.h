// The states that chunks of positions leave of rows (lanes_attention.h), merged in their order and finished: part of
// lanes.h.

// As many as a vector has lanes.
enum { STATES_TOGETHER = 16 };

// A state, and another one whose positions come after its own.
typedef struct {
    float *state;
    const float *other;
} state_pair;

// state = what a softmax over the positions of both leaves, of at most STATES_TOGETHER pairs one after the other: their
// factors are powers of two, which take as long for one pair as for all.
INLINE void merge_pairs(const state_pair pairs[STATES_TOGETHER], int count, int head_stride) {
    // What is kept of a state, and what is added of the other.
    _Alignas(64) float kept[STATES_TOGETHER] = {0}, added[STATES_TOGETHER] = {0};
    for (int i = 0; i < count; i++) {
        float *peak = &pairs[i].state[head_stride];
        const float other_peak = pairs[i].other[head_stride], top = *peak > other_peak ? *peak : other_peak;
        kept[i] = *peak - top;
        added[i] = other_peak - top;
        *peak = top;
    }
    store_floats(kept, power_of_two(load_floats(kept)));
    store_floats(added, power_of_two(load_floats(added)));
    for (int i = 0; i < count; i++) {
        float *state = pairs[i].state;
        const float *other = pairs[i].other;
        for (int v = 0; v < head_stride; v += 16)
            store_floats(
                state + v, load_floats(state + v) * splat(kept[i]) + load_floats(other + v) * splat(added[i]));
        state[head_stride + 1] = state[head_stride + 1] * kept[i] + other[head_stride + 1] * added[i];
    }
}

static void merge_states(float *states, const float *others, int rows, int count, size_t stride, int head_stride) {
    state_pair pairs[STATES_TOGETHER];
    int found = 0;
    for (int row = 0; row < rows; row++) {
        const size_t at = SP_ATTENTION_STATE(head_stride) * (size_t)row;
        for (int i = 0; i < count; i++) {
            pairs[found++] = (state_pair){states + at, others + stride * (size_t)i + at};
            if (found < STATES_TOGETHER && (row < rows - 1 || i < count - 1)) continue;
            merge_pairs(pairs, found, head_stride);
            found = 0;
        }
    }
}

static void finish_state(const float *state, int head_size, int head_stride, float *output) {
    const float inverse = 1.0f / state[head_stride + 1];
    for (int i = 0; i < head_size; i++) output[i] = state[i] * inverse;
}
