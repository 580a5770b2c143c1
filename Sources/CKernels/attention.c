// Spreads attention over the worker pool: first the cache grows by the batch, then blocks of queries attend.

#include "include/operations.h"
#include "product_tasks.h"

enum {
    // Batches of at most this many tokens have too few queries to share out, and are split by position as well.
    SPLIT_TOKENS = 2,
    // Tasks a thread should find then.
    SPLIT_TASKS_PER_THREAD = 4,
    // A batch's queries lie in a farther cache, and too far apart for a processor to guess the next: for how many
    // tokens ahead they are fetched.
    TOKENS_AHEAD = 2,
};

// A block of rows of one key/value group. A row is one query of one token: row r is head r % head_count of
// token r / head_count.
typedef struct {
    const sp_attention_group *group;
    int first_row;
    int rows;
    int rows_between;        // rows of tokens, in buffers of them, that lie before this run's and are nobody's
    int base;                // rows of the groups before this one
} row_block;

typedef struct {
    const sp_kernels *kernels;
    const sp_attention *attention;
    int blocks_of_run;       // blocks of one group and a run of tokens, at most
    int blocks;
    int rows;
    int chunks;              // of the whole text
    int chunks_per_task;     // of all blocks', one after the other
    bool appends;            // whether who attends to a token's own position appends the token before
} attention_step;

static int chunks_of(int positions) { return (positions + SP_ATTENTION_CHUNK - 1) / SP_ATTENTION_CHUNK; }

static int blocks_of(int rows) { return (rows + SP_ATTENTION_ROWS - 1) / SP_ATTENTION_ROWS; }

size_t sp_attention_partials(int positions, int heads, int head_stride) {
    return (size_t)chunks_of(positions) * SPLIT_TOKENS * (size_t)heads * SP_ATTENTION_STATE(head_stride);
}

// Blocks lie by runs of tokens, as tasks of other steps do, and in a run by groups, because those of a group read the
// same keys and values. Where a group has fewer heads than another, or a run fewer tokens, its last blocks have no
// rows.
static row_block find_block(const attention_step *step, int index) {
    const sp_attention *a = step->attention;
    const int place = index / step->blocks_of_run % a->group_count;
    const int run = index / step->blocks_of_run / a->group_count, first_token = run * SP_TOKENS_TOGETHER;
    int base = 0;
    for (int i = 0; i < place; i++) base += a->tokens * a->groups[i].head_count;
    const sp_attention_group *group = &a->groups[place];
    const int first = index % step->blocks_of_run * SP_ATTENTION_ROWS;
    const int left = sp_tokens_of_run(a->tokens, run) * group->head_count - first;
    const int rows = left < 0 ? 0 : left < SP_ATTENTION_ROWS ? left : SP_ATTENTION_ROWS;
    const int between = sp_token_row(first_token) - first_token;
    return (row_block){group, first_token * group->head_count + first, rows, between, base};
}

// A query or a key of a token as it is multiplied: its norm, where it has one, then its rotation. Both vectors hold
// head_stride floats.
static void norm_and_rotate(
    const attention_step *step, const float *head, const float *norm, size_t token, float *destination) {
    const sp_attention *a = step->attention;
    float normed[SP_LARGEST_HEAD];
    if (norm) {
        step->kernels->rms_norm(head, norm, a->head_size, a->norm_epsilon, normed);
        for (int i = a->head_size; i < a->head_stride; i++) normed[i] = 0;
        head = normed;
    }
    const size_t angle = token * (size_t)a->pairs;
    step->kernels->rotate(head, a->cosines + angle, a->sines + angle, a->pairs, a->head_stride, destination);
}

// Writes a token's key and value into the cache of a group.
static void append_token(const attention_step *step, const sp_attention_group *group, int token) {
    const sp_attention *a = step->attention;
    const size_t at = a->key_stride * (size_t)sp_token_row(token) + (size_t)group->index * (size_t)a->head_stride;
    float key[SP_LARGEST_HEAD];
    norm_and_rotate(step, a->keys + at, a->key_norm, (size_t)token, key);
    step->kernels->append(group, a->format, a->first_position + token, a->head_stride, key, a->values + at);
}

// The tokens whose positions share a block of the cache.
static void append_task(void *context, int task, int worker) {
    (void)worker;
    const attention_step *step = context;
    const sp_attention *a = step->attention;
    const int block = a->first_position / SP_KEY_BLOCK + task;
    const int start = block * SP_KEY_BLOCK - a->first_position, end = start + SP_KEY_BLOCK;
    for (int token = start > 0 ? start : 0; token < (end < a->tokens ? end : a->tokens); token++) {
        for (int i = 0; i < a->group_count; i++) append_token(step, &a->groups[i], token);
    }
}

// The queries of a block, ready for the kernels, and how many positions each sees. Returns the most of them, 0 for a
// block of no rows.
static int prepare_rows(
    const attention_step *step, const row_block *block, float *queries, int positions[SP_ATTENTION_ROWS]) {
    const sp_attention *a = step->attention;
    const size_t head_bytes = sizeof(float) * (size_t)a->head_stride;
    float rotated[SP_LARGEST_HEAD];
    for (int row = 0; row < block->rows; row++) {
        const int index = block->first_row + row;
        const int token = index / block->group->head_count;
        const size_t row_of_token = (size_t)(token + block->rows_between);
        const size_t head = (size_t)block->group->heads[index % block->group->head_count];
        const float *query = a->queries + a->query_stride * row_of_token + head * (size_t)a->head_stride;
        if (token + TOKENS_AHEAD < a->tokens)
            sp_fetch_bytes((const uint8_t *)(query + TOKENS_AHEAD * a->query_stride), head_bytes, SP_FIRST_CACHE);
        norm_and_rotate(step, query, a->query_norm, (size_t)token, rotated);
        step->kernels->prepare_query(rotated, a->scale, a->head_stride, a->format, queries + row * a->head_stride);
        positions[row] = a->first_position + token + 1;
    }
    return block->rows > 0 ? positions[block->rows - 1] : 0;
}

static float *output_of(const sp_attention *a, const row_block *block, int row) {
    const int index = block->first_row + row;
    const size_t row_of_token = (size_t)(index / block->group->head_count + block->rows_between);
    const size_t head = (size_t)block->group->heads[index % block->group->head_count];
    return a->output + a->output_stride * row_of_token + head * (size_t)a->head_size;
}

// One block over all positions.
static void block_task(void *context, int task, int worker) {
    (void)worker;
    const attention_step *step = context;
    const sp_attention *a = step->attention;
    const size_t stride = SP_ATTENTION_STATE(a->head_stride);
    _Alignas(64) float queries[SP_ATTENTION_ROWS * SP_LARGEST_HEAD];
    _Alignas(64) float states[SP_ATTENTION_ROWS * SP_ATTENTION_STATE(SP_LARGEST_HEAD)];
    _Alignas(64) float chunk[SP_ATTENTION_ROWS * SP_ATTENTION_STATE(SP_LARGEST_HEAD)];
    int positions[SP_ATTENTION_ROWS];
    const row_block block = find_block(step, task);
    if (step->appends) append_token(step, block.group, 0);
    const int longest = prepare_rows(step, &block, queries, positions);
    const size_t output_bytes = sizeof(float) * (size_t)a->head_size;
    for (int row = 0; row < block.rows; row++)
        sp_fetch_to_write((const uint8_t *)output_of(a, &block, row), output_bytes);
    for (int first = 0; first < longest; first += SP_ATTENTION_CHUNK) {
        step->kernels->attend_chunk(
            block.group, a->format, queries, positions, block.rows, first, NULL, a->head_stride,
            first == 0 ? states : chunk);
        if (first > 0) step->kernels->merge_states(states, chunk, block.rows, 1, 0, a->head_stride);
    }
    for (int row = 0; row < block.rows; row++) {
        step->kernels->finish_state(
            states + stride * (size_t)row, a->head_size, a->head_stride, output_of(a, &block, row));
    }
}

static float *partial_of(const attention_step *step, const row_block *block, int chunk) {
    const size_t row = (size_t)chunk * (size_t)step->rows + (size_t)(block->base + block->first_row);
    return step->attention->partials + row * SP_ATTENTION_STATE(step->attention->head_stride);
}

// A chunk's keys; NULL where there is no such chunk.
static const uint8_t *keys_of_chunk(const attention_step *step, int index) {
    if (index >= step->blocks * step->chunks) return NULL;
    const sp_attention *a = step->attention;
    const row_block block = find_block(step, index / step->chunks);
    const size_t key_blocks = (size_t)(index % step->chunks) * (SP_ATTENTION_CHUNK / SP_KEY_BLOCK);
    return (const uint8_t *)block.group->keys + key_blocks * sp_key_block_bytes(a->format, a->head_stride);
}

// A run of chunks, those of a block one after the other and then the next block's.
static void chunks_task(void *context, int task, int worker) {
    (void)worker;
    const attention_step *step = context;
    const sp_attention *a = step->attention;
    _Alignas(64) float queries[SP_ATTENTION_ROWS * SP_LARGEST_HEAD];
    int positions[SP_ATTENTION_ROWS];
    row_block block;
    const int start = task * step->chunks_per_task, left = step->blocks * step->chunks - start;
    const int end = start + (left < step->chunks_per_task ? left : step->chunks_per_task);
    for (int i = start; i < end; i++) {
        const int chunk = i % step->chunks, first = chunk * SP_ATTENTION_CHUNK;
        if (i == start || chunk == 0) {
            block = find_block(step, i / step->chunks);
            prepare_rows(step, &block, queries, positions);
        }
        if (step->appends && chunk == step->chunks - 1) append_token(step, block.group, 0);
        // A block of several tokens may begin before the last chunk does.
        if (block.rows == 0 || positions[block.rows - 1] <= first) continue;
        step->kernels->attend_chunk(
            block.group, a->format, queries, positions, block.rows, first, keys_of_chunk(step, i + 1), a->head_stride,
            partial_of(step, &block, chunk));
    }
}

// Merges the chunks of one block in the order of their positions, as block_task does.
static void merge_block(const attention_step *step, int index) {
    const sp_attention *a = step->attention;
    const row_block block = find_block(step, index);
    const size_t stride = SP_ATTENTION_STATE(a->head_stride);
    const int longest = a->first_position + (block.first_row + block.rows - 1) / block.group->head_count + 1;
    float *states = partial_of(step, &block, 0);
    step->kernels->merge_states(
        states, partial_of(step, &block, 1), block.rows, chunks_of(longest) - 1, stride * (size_t)step->rows,
        a->head_stride);
    for (int row = 0; row < block.rows; row++) {
        const float *state = states + stride * (size_t)row;
        step->kernels->finish_state(state, a->head_size, a->head_stride, output_of(a, &block, row));
    }
}

void sp_append(sp_pool *pool, const sp_attention *attention) {
    attention_step step = {.kernels = sp_pool_kernels(pool), .attention = attention};
    const int last = attention->first_position + attention->tokens - 1;
    sp_pool_run(pool, last / SP_KEY_BLOCK - attention->first_position / SP_KEY_BLOCK + 1, append_task, &step);
}

void sp_attend(sp_pool *pool, const sp_attention *attention) {
    attention_step step = {.kernels = sp_pool_kernels(pool), .attention = attention};
    const int positions = attention->first_position + attention->tokens;
    step.chunks = chunks_of(positions);
    int most_heads = 0;
    for (int i = 0; i < attention->group_count; i++) {
        const int heads = attention->groups[i].head_count;
        step.rows += attention->tokens * heads;
        most_heads = heads > most_heads ? heads : most_heads;
    }
    step.blocks_of_run = blocks_of(most_heads * sp_tokens_of_run(attention->tokens, 0));
    step.blocks = sp_runs_of_tokens(attention->tokens) * attention->group_count * step.blocks_of_run;
    // One task attends to the last positions of a group then, and no other reads them.
    step.appends = attention->tokens == 1 && step.blocks_of_run == 1;
    if (!step.appends) sp_append(pool, attention);
    if (attention->tokens > SPLIT_TOKENS || step.chunks == 1) {
        sp_pool_run(pool, step.blocks, block_task, &step);
        return;
    }
    const int all = step.blocks * step.chunks, tasks = sp_pool_threads(pool) * SPLIT_TASKS_PER_THREAD;
    step.chunks_per_task = (all + tasks - 1) / tasks;
    sp_pool_run(pool, (all + step.chunks_per_task - 1) / step.chunks_per_task, chunks_task, &step);
    for (int block = 0; block < step.blocks; block++) merge_block(&step, block);
}
