// Which kernels this processor can run, fastest first.

#include "kernels.h"

#include <string.h>

enum { MOST_SETS = 5 };

// Fills `sets` with what the processor has and returns how many.
static int available(const sp_kernels *sets[MOST_SETS]) {
    int count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    bool vnni256 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512vnni");
    if (vnni256 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        sets[count++] = &sp_kernels_avx512;
    if (vnni256) sets[count++] = &sp_kernels_avx512vl_vnni;
    if (avx2 && __builtin_cpu_supports("avxvnni")) sets[count++] = &sp_kernels_avx_vnni;
    if (avx2) sets[count++] = &sp_kernels_avx2;
#endif
    sets[count++] = &sp_kernels_portable;
    return count;
}

const sp_kernels *sp_kernels_named(const char *name) {
    const sp_kernels *sets[MOST_SETS];
    int count = available(sets);
    if (!name) return sets[0];
    for (int i = 0; i < count; i++) {
        if (strcmp(sets[i]->name, name) == 0) return sets[i];
    }
    return NULL;
}

int sp_instruction_set_count(void) {
    const sp_kernels *sets[MOST_SETS];
    return available(sets);
}

const char *sp_instruction_set_name(int index) {
    const sp_kernels *sets[MOST_SETS];
    int count = available(sets);
    return index >= 0 && index < count ? sets[index]->name : NULL;
}
