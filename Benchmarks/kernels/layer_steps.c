// Times each step of a layer of the default model's shape: what the engine runs for a batch of tokens, on random
// weights of 30 layers, so that they come from where a model's would. Another version of the kernels may take turns
// with this one in the same process, which tells apart what runs of two programs do not on a machine that does other
// work as well. See --help.

#include "CKernels.h"

#include <dlfcn.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __linux__
#include <sys/auxv.h>
#endif

enum {
    LAYERS = 30,
    WIDTH = 576,
    CHANNELS = 1536,
    HEADS = 9,
    GROUPS = 3,
    HEADS_PER_GROUP = HEADS / GROUPS,
    HEAD_SIZE = 64,
    PAIRS = HEAD_SIZE / 2,
    QUERIES = HEADS * HEAD_SIZE,
    KEYS = GROUPS * HEAD_SIZE,
};

typedef enum { ATTENTION_NORM, QUERY_KEY_VALUE, ATTENTION, QUANTIZE, OUTPUT, NORM, GATE_UP, DOWN, STEP_COUNT } step;

static const char *const names[STEP_COUNT] = {
    "norm", "queries, keys, values", "attention", "quantise", "output", "norm", "gate, up", "down",
};

// Rows times columns of a step's products.
static const double weights_of[STEP_COUNT] = {
    [QUERY_KEY_VALUE] = WIDTH * (QUERIES + 2.0 * KEYS), [OUTPUT] = WIDTH * QUERIES, [GATE_UP] = 2.0 * WIDTH * CHANNELS,
    [DOWN] = WIDTH * CHANNELS,
};

typedef struct {
    int threads, tokens, first, rounds;
    const char *instruction_set;
    const char *against;     // a shared library, or NULL
} options;

// A version of the kernels: the operations of a layer's steps, and a pool of its own.
typedef struct {
    sp_pool *pool;
    __typeof__(sp_rms_norm) *rms_norm;
    __typeof__(sp_multiply) *multiply;
    __typeof__(sp_attend) *attend;
    __typeof__(sp_quantize) *quantize;
    __typeof__(sp_multiply_gated) *multiply_gated;
} version;

enum {
    // This program's kernels, and those of --against.
    OWN, OTHER, VERSIONS,
    // Nanoseconds after which the threads of a pool without work are parked, and take nothing from the other's.
    PARKED = 150000,
};

typedef struct {
    sp_matrix query, key, value, output, gate, up, down;
    sp_attention_group groups[GROUPS];
} layer;

typedef struct {
    options options;
    version versions[VERSIONS];
    layer layers[LAYERS];
    int32_t heads[GROUPS][HEADS_PER_GROUP];
    sp_activations normed, mixed, inner;
    float *residual, *queries, *keys, *values, *cosines, *sines, *norm, *partials, *scratch;
} benchmark;

static _Noreturn void fail(const char *reason) {
    fprintf(stderr, "layer-steps: %s\n", reason);
    exit(1);
}

static void *zeros(size_t bytes) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes + 64) != 0) fail("out of memory");
    return memset(memory, 0, bytes + 64);
}

static float random_float(void) { return 2 * (float)rand() / (float)RAND_MAX - 1; }

static float *random_floats(size_t count) {
    float *values = zeros(count * sizeof *values);
    for (size_t i = 0; i < count; i++) values[i] = random_float();
    return values;
}

// Memory for all tiles, one matrix after the other, so that they lie in huge pages as a model's do.
typedef struct {
    uint8_t *next, *end;
} arena;

static sp_matrix random_matrix(
    sp_pool *pool, arena *tiles, int rows, int columns, int block_rows, int block_columns) {
    sp_matrix matrix;
    const size_t bytes =
        sp_matrix_layout(&matrix, SP_TYPE_Q4_1, SP_FOR_INTEGERS, rows, columns, block_rows, block_columns);
    const size_t blocks = (size_t)rows * (size_t)columns / SP_GROUP_COLUMNS;
    const size_t block_bytes = (size_t)sp_type_block_bytes(SP_TYPE_Q4_1);
    uint8_t *source = zeros(blocks * block_bytes);
    for (size_t i = 0; i < blocks * block_bytes; i++) source[i] = (uint8_t)rand();
    for (size_t block = 0; block < blocks; block++) {
        // A scale of 1/256 to 1/128, and a minimum of minus eight times that.
        const uint16_t scale = (uint16_t)(0x1c00 | (rand() & 0x3ff)), minimum = (uint16_t)((scale + 0xc00) | 0x8000);
        memcpy(source + block * block_bytes, &scale, sizeof scale);
        memcpy(source + block * block_bytes + 2, &minimum, sizeof minimum);
    }
    uint8_t *data = tiles->next;
    tiles->next += (bytes + 63) / 64 * 64;
    if (tiles->next > tiles->end) fail("the tiles of a layer take more than was expected");
    const sp_arrangement arrangement = {0};
    sp_pack(pool, &matrix, SP_TYPE_Q4_1, source, &arrangement, data, 0, matrix.tiles);
    free(source);
    matrix.data = data;
    return matrix;
}

static sp_activations activations(int width, int tokens) {
    const int groups = width / SP_GROUP_COLUMNS;
    const size_t units = sp_integer_groups(groups, tokens);
    return (sp_activations){
        .groups = groups, .token_stride = sp_token_stride(tokens),
        .values = zeros((size_t)sp_token_rows(tokens) * (size_t)width * sizeof(float)),
        .quants = zeros(units * SP_GROUP_COLUMNS), .scales = zeros(units * sizeof(float)),
        .half_sums = zeros(2 * units * sizeof(int16_t)),
    };
}

static void make_layer(benchmark *b, arena *tiles, layer *l) {
    sp_pool *pool = b->versions[OWN].pool;
    l->query = random_matrix(pool, tiles, QUERIES, WIDTH, HEAD_SIZE, WIDTH);
    l->key = random_matrix(pool, tiles, KEYS, WIDTH, HEAD_SIZE, WIDTH);
    l->value = random_matrix(pool, tiles, KEYS, WIDTH, HEAD_SIZE, WIDTH);
    l->output = random_matrix(pool, tiles, WIDTH, QUERIES, WIDTH, HEAD_SIZE);
    l->gate = random_matrix(pool, tiles, CHANNELS, WIDTH, CHANNELS, WIDTH);
    l->up = random_matrix(pool, tiles, CHANNELS, WIDTH, CHANNELS, WIDTH);
    l->down = random_matrix(pool, tiles, WIDTH, CHANNELS, WIDTH, SP_HALF_COLUMNS);
    const size_t blocks = (size_t)(b->options.first + b->options.tokens + SP_KEY_BLOCK - 1) / SP_KEY_BLOCK;
    for (int i = 0; i < GROUPS; i++) {
        l->groups[i] = (sp_attention_group){
            zeros(blocks * sp_key_block_bytes(SP_CACHE_BYTES, HEAD_SIZE)),
            zeros(blocks * sp_value_block_bytes(SP_CACHE_BYTES, HEAD_SIZE)), i, b->heads[i], HEADS_PER_GROUP,
        };
    }
}

static void make_benchmark(benchmark *b) {
    const size_t tokens = (size_t)b->options.tokens, rows = (size_t)sp_token_rows(b->options.tokens);
    const int positions = b->options.first + b->options.tokens;
    for (int i = 0; i < HEADS; i++) b->heads[i / HEADS_PER_GROUP][i % HEADS_PER_GROUP] = i;
    // A group takes fewer bytes than its blocks in a file.
    const size_t weights = (size_t)(QUERIES + 2 * KEYS + QUERIES + 3 * CHANNELS) * WIDTH;
    const size_t bytes = LAYERS * weights / SP_GROUP_COLUMNS * (size_t)sp_type_block_bytes(SP_TYPE_Q4_1);
    arena tiles = {.next = sp_tiles_allocate(bytes)};
    if (!tiles.next) fail("out of memory");
    tiles.end = tiles.next + bytes;
    for (int i = 0; i < LAYERS; i++) make_layer(b, &tiles, &b->layers[i]);
    b->normed = activations(WIDTH, b->options.tokens);
    b->mixed = activations(QUERIES, b->options.tokens);
    b->inner = activations(CHANNELS, b->options.tokens);
    b->residual = random_floats(rows * WIDTH);
    b->queries = zeros(rows * QUERIES * sizeof(float));
    b->keys = zeros(rows * KEYS * sizeof(float));
    b->values = zeros(rows * KEYS * sizeof(float));
    b->cosines = random_floats(tokens * PAIRS);
    b->sines = zeros(tokens * PAIRS * sizeof(float));
    for (size_t i = 0; i < tokens * PAIRS; i++) b->sines[i] = sqrtf(1 - b->cosines[i] * b->cosines[i]);
    b->norm = random_floats(WIDTH);
    b->partials = zeros(sp_attention_partials(positions, HEADS, HEAD_SIZE) * sizeof(float));
    b->scratch = zeros((size_t)b->options.threads * sp_gated_scratch(b->options.tokens) * sizeof(float));
}

// That of FeedForwardLayout.swift: the tiles of all groups' first halves, then those of the second ones.
static const sp_half_layout LAYOUT = {1, CHANNELS / SP_GROUP_COLUMNS};

static void run_step(const benchmark *b, const version *v, const layer *l, step step) {
    const int tokens = b->options.tokens;
    const sp_product query_key_value[] = {
        {.matrix = &l->query, .output = b->queries, .output_stride = QUERIES},
        {.matrix = &l->key, .output = b->keys, .output_stride = KEYS},
        {.matrix = &l->value, .output = b->values, .output_stride = KEYS},
    };
    const sp_product output = {.matrix = &l->output, .output = b->residual, .output_stride = WIDTH, .accumulate = true};
    const sp_product down = {.matrix = &l->down, .output = b->residual, .output_stride = WIDTH, .accumulate = true};
    const sp_gated_product gated = {.gate = &l->gate, .up = &l->up, .layout = LAYOUT, .scratch = b->scratch};
    const sp_attention attention = {
        .queries = b->queries, .query_stride = QUERIES, .keys = b->keys, .values = b->values, .key_stride = KEYS,
        .cosines = b->cosines, .sines = b->sines, .pairs = PAIRS, .output = b->mixed.values, .output_stride = QUERIES,
        .tokens = tokens, .first_position = b->options.first, .head_size = HEAD_SIZE, .head_stride = HEAD_SIZE,
        .scale = 0.125f, .format = SP_CACHE_BYTES, .groups = l->groups, .group_count = GROUPS,
        .partials = b->partials,
    };
    switch (step) {
    case ATTENTION_NORM: case NORM:
        v->rms_norm(v->pool, b->residual, WIDTH, tokens, b->norm, WIDTH, 1e-5f, &b->normed);
        break;
    case QUERY_KEY_VALUE: v->multiply(v->pool, query_key_value, 3, &b->normed, tokens); break;
    case ATTENTION: v->attend(v->pool, &attention); break;
    case QUANTIZE: v->quantize(v->pool, &b->mixed, tokens); break;
    case OUTPUT: v->multiply(v->pool, &output, 1, &b->mixed, tokens); break;
    case GATE_UP: v->multiply_gated(v->pool, &gated, &b->normed, tokens, &b->inner); break;
    case DOWN: v->multiply(v->pool, &down, 1, &b->inner, tokens); break;
    case STEP_COUNT: break;
    }
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// One pass over all layers: microseconds of each step, a layer's share.
static void run_layers(const benchmark *b, const version *v, double times[STEP_COUNT]) {
    for (const double start = seconds(); seconds() < start + PARKED * 1e-9;) {}
    run_step(b, v, &b->layers[0], ATTENTION_NORM);
    for (int s = 0; s < STEP_COUNT; s++) times[s] = 0;
    for (int i = 0; i < LAYERS; i++) {
        for (int s = 0; s < STEP_COUNT; s++) {
            const double start = seconds();
            run_step(b, v, &b->layers[i], s);
            times[s] += (seconds() - start) * 1e6 / LAYERS;
        }
    }
}

static double median(double *samples, int count) {
    qsort(samples, (size_t)count, sizeof *samples, compare);
    return (samples[(count - 1) / 2] + samples[count / 2]) / 2;
}

// The medians of all rounds.
typedef struct {
    double times[VERSIONS][STEP_COUNT + 1];  // microseconds a layer; the last one is of all steps together
    double ratios[STEP_COUNT + 1];           // of this program's to the other's, of a round
} medians;

static medians measure(const benchmark *b) {
    const int rounds = b->options.rounds, versions = b->options.against ? VERSIONS : 1;
    double(*samples)[STEP_COUNT + 1][rounds] = zeros(VERSIONS * sizeof *samples);
    double *ratios = zeros((size_t)rounds * sizeof *ratios);
    // A round that is not counted comes first. Who is first in a round takes turns, too.
    for (int round = -1; round < rounds; round++) {
        for (int turn = 0; turn < versions; turn++) {
            const int which = round % 2 == 0 ? turn : versions - 1 - turn;
            double times[STEP_COUNT], all = 0;
            run_layers(b, &b->versions[which], times);
            if (round < 0) continue;
            for (int s = 0; s < STEP_COUNT; s++) {
                samples[which][s][round] = times[s];
                all += times[s];
            }
            samples[which][STEP_COUNT][round] = all;
        }
    }
    medians result = {0};
    for (int s = 0; s <= STEP_COUNT; s++) {
        for (int i = 0; versions > 1 && i < rounds; i++) ratios[i] = samples[OWN][s][i] / samples[OTHER][s][i];
        if (versions > 1) result.ratios[s] = median(ratios, rounds);
        for (int which = 0; which < versions; which++) result.times[which][s] = median(samples[which][s], rounds);
    }
    free(ratios);
    free(samples);
    return result;
}

static void print_table(const benchmark *b) {
    const bool compares = b->options.against;
    const medians found = measure(b);
    printf(
        "%s, %d threads, %d tokens from position %d, medians of %d rounds\n\n",
        sp_pool_instruction_set(b->versions[OWN].pool), b->options.threads, b->options.tokens, b->options.first,
        b->options.rounds);
    printf("step                     us a layer   %s\n",
        compares ? "the other's   ratio" : "ns of a thread for 16 rows x 32 columns x token");
    for (int s = 0; s <= STEP_COUNT; s++) {
        const double time = found.times[OWN][s];
        printf("%-24s %10.1f", s < STEP_COUNT ? names[s] : "all", time);
        const double units =
            s < STEP_COUNT ? weights_of[s] / (SP_TILE_ROWS * SP_GROUP_COLUMNS) * b->options.tokens : 0;
        if (compares) printf("   %11.1f   %5.3f", found.times[OTHER][s], found.ratios[s]);
        else if (units > 0) printf("   %6.2f", time * 1e3 * b->options.threads / units);
        printf("\n");
    }
}

static void print_usage(FILE *file) {
    fprintf(
        file,
        "Times each step of a layer of the default model's shape, on random weights.\n"
        "\n"
        "usage: layer-steps [options]\n"
        "  --threads N           threads to compute with (default: all processors)\n"
        "  --tokens N            tokens of a batch, 1 to 256; 1 is a text that is written (default: 256)\n"
        "  --first N             positions before them (default: 256)\n"
        "  --rounds N            rounds, whose medians are printed (default: 10)\n"
        "  --against LIBRARY     another version of the kernels, which takes turns with this one: the table has the\n"
        "                        median of each and of the ratio in a round. Both must lay out weights and structures\n"
        "                        alike; make bench-kernels-against BASE=COMMIT compiles one\n"
        "  --instruction-set S   one of:");
    for (int i = 0; i < sp_instruction_set_count(); i++) fprintf(file, " %s", sp_instruction_set_name(i));
    fprintf(file, " (default: the first)\n");
}

static _Noreturn void refuse(const char *why) {
    fprintf(stderr, "layer-steps: %s\n\n", why);
    print_usage(stderr);
    exit(64);
}

static int number(const char *text, int least, int most) {
    char *end;
    const long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < least || value > most) refuse("a number is out of its range");
    return (int)value;
}

static options parse(int count, char **arguments) {
    options result = {.threads = sp_available_processors(), .tokens = 256, .first = 256, .rounds = 10};
    const struct option known[] = {
        {"threads", required_argument, NULL, 't'}, {"tokens", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'}, {"instruction-set", required_argument, NULL, 'i'},
        {"rounds", required_argument, NULL, 'r'}, {"against", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'}, {0},
    };
    for (int option; (option = getopt_long(count, arguments, "h", known, NULL)) != -1;) {
        switch (option) {
        case 't': result.threads = number(optarg, 1, 1024); break;
        case 'n': result.tokens = number(optarg, 1, 256); break;
        case 'f': result.first = number(optarg, 0, 100000); break;
        case 'i': result.instruction_set = optarg; break;
        case 'r': result.rounds = number(optarg, 1, 10000); break;
        case 'a': result.against = optarg; break;
        case 'h': print_usage(stdout); exit(0);
        default: refuse("an option is not known");
        }
    }
    if (optind < count) refuse("there is an argument too many");
    return result;
}

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) refuse("that library does not have the kernels' operations");
    return found;
}

static version own_version(const options *options) {
    return (version){
        .pool = sp_pool_create(options->threads, options->instruction_set), .rms_norm = sp_rms_norm,
        .multiply = sp_multiply, .attend = sp_attend, .quantize = sp_quantize, .multiply_gated = sp_multiply_gated,
    };
}

// A program that is linked statically was started without a dynamic linker.
static bool can_load_libraries(void) {
#ifdef __linux__
    return getauxval(AT_BASE) != 0;
#else
    return true;
#endif
}

static version other_version(const options *options) {
    if (!can_load_libraries()) refuse("this program is linked statically; make bench-kernels-against takes another");
    void *library = dlopen(options->against, RTLD_NOW | RTLD_LOCAL);
    if (!library) refuse(dlerror());
    __typeof__(sp_pool_create) *create = symbol(library, "sp_pool_create");
    return (version){
        .pool = create(options->threads, options->instruction_set), .rms_norm = symbol(library, "sp_rms_norm"),
        .multiply = symbol(library, "sp_multiply"), .attend = symbol(library, "sp_attend"),
        .quantize = symbol(library, "sp_quantize"), .multiply_gated = symbol(library, "sp_multiply_gated"),
    };
}

int main(int count, char **arguments) {
    static benchmark b;
    b.options = parse(count, arguments);
    b.versions[OWN] = own_version(&b.options);
    if (b.options.against) b.versions[OTHER] = other_version(&b.options);
    if (!b.versions[OWN].pool || (b.options.against && !b.versions[OTHER].pool))
        refuse("this processor lacks that instruction set, or there is no room for the threads");
    make_benchmark(&b);
    print_table(&b);
    sp_pool_destroy(b.versions[OWN].pool);
}
