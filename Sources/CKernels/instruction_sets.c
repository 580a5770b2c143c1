// Which kernels this processor can run, fastest first.

#include "kernels.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

enum { MOST_SETS = 5 };

#if defined(__x86_64__)

// CPUID leaf 7, subleaf 1, EAX bit 4.
static bool has_avx_vnni(void) {
    unsigned eax = 0, ebx, ecx, edx;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1);
}

#elif defined(__aarch64__) && defined(__linux__)

static bool has_dot_product(void) { return getauxval(AT_HWCAP) & HWCAP_ASIMDDP; }
static bool has_int8_matrices(void) { return getauxval(AT_HWCAP2) & HWCAP2_I8MM; }

#elif defined(__aarch64__) && defined(__APPLE__)

static bool has_feature(const char *name) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}

static bool has_dot_product(void) { return has_feature("hw.optional.arm.FEAT_DotProd"); }
static bool has_int8_matrices(void) { return has_feature("hw.optional.arm.FEAT_I8MM"); }

#elif defined(__aarch64__)

static bool has_dot_product(void) { return false; }
static bool has_int8_matrices(void) { return false; }

#endif

// Fills `sets` with what the processor has and returns how many.
static int available(const sp_kernels *sets[MOST_SETS]) {
    int count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    bool vnni256 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512vnni");
    bool vnni512 = vnni256 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    if (vnni512) sets[count++] = &sp_kernels_avx512;
    if (vnni256) sets[count++] = &sp_kernels_avx512vl_vnni;
    if (avx2 && has_avx_vnni()) sets[count++] = &sp_kernels_avx_vnni;
    if (avx2) sets[count++] = &sp_kernels_avx2;
#elif defined(__aarch64__)
    if (has_int8_matrices()) sets[count++] = &sp_kernels_neon_i8mm;
    if (has_dot_product()) sets[count++] = &sp_kernels_neon_dotprod;
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
