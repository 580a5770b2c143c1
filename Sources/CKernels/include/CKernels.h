// Vector kernels for head-sparse transformer inference.
//
// Everything here works on plain buffers. Shapes are written [outer, inner], row-major; sizes are in
// elements unless a name says bytes. No function here allocates per call or keeps global mutable state,
// except where its comment says so.

#ifndef CKERNELS_H
#define CKERNELS_H

#include "element_types.h"
#include "packed_matrix.h"
#include "worker_pool.h"
#include "operations.h"
#include "largest_output.h"
#include "machine_limits.h"

#endif
