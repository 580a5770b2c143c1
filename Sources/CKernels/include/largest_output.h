// The largest output of a product with one token, without reading all of its weights.
//
// The weights lie in two parts, the lower one having the last bits of each. A product first takes most groups of
// columns without it; what was left out changes a row's output by no more than the norm of its lower part times that of
// the inputs (Cauchy and Schwarz). Of the rows that may still have the largest output, few in a language model's output
// head, the outputs are then computed as ever, so that the result is what a search through all of them would find, to
// the last bit.

#ifndef CKERNELS_LARGEST_OUTPUT_H
#define CKERNELS_LARGEST_OUTPUT_H

#include "operations.h"

typedef struct {
    const sp_matrix *matrix; // packed SP_FOR_LARGEST, its weights in two parts, its rows one block
    const float *norms;      // [tiles * 16] of sp_measure_lower_parts
    float slack;             // of the same
    float *outputs;          // room for [tiles * 16]
    int32_t *tiles;          // room for [tiles]
    uint8_t *whole;          // room for [groups]
} sp_largest_search;

typedef struct {
    int32_t row;             // the first of those with the largest output
    float output;            // may be no number, where the largest of all is none
    int32_t tiles;           // tiles of 16 rows that were computed as ever
} sp_largest;

// Whether sp_find_largest takes a matrix.
bool sp_has_largest_search(const sp_matrix *matrix);

// norms[row] of each row's lower part, what stands in for it taken off; 0 for padding. Returns the slack of a search:
// what rounding may change of an output, for each unit of the norm of its inputs.
float sp_measure_lower_parts(const sp_matrix *matrix, float *norms);

// How many groups' lower parts a search reads at first: those of the largest inputs, of which a language model has few.
int32_t sp_groups_read_whole(int32_t groups);

// The largest output of the integer form of one token.
sp_largest sp_find_largest(sp_pool *pool, const sp_largest_search *search, const sp_activations *input);

#endif
