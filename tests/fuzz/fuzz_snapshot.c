/* A range's snapshot, read from a liar: the items of a small range that has played a while are
 * changed where the input says, and read as if their digests were right. What is taken must be a
 * state that works: it writes a snapshot that makes the same state again, and goes on. The rest of
 * the input is read as chunks, which must be refused or, with luck, taken. */
#include "cluster/epochs/settle.h"
#include "cluster/ranges/range_snapshot.h"
#include "cluster/ranges/range_state.h"
#include "cluster/ranges/snapshot_head.h"
#include "tests/fuzz/fuzz_range.h"

#define ITEMS_MAX   64
#define CHANGES_MAX 16
#define PLAYERS_FEW 100000

struct items {
    struct snapshot_item list[ITEMS_MAX];
    uint8_t *bytes[ITEMS_MAX];
    uint32_t count;
};

static void items_clear(struct items *items)
{
    for (uint32_t i = 0; i < items->count; i++)
        free(items->bytes[i]);
}

static void apply(struct range_state *state, uint64_t index, struct record *record)
{
    struct arena arena;
    arena_init(&arena);
    record->stamp = hlc_add(range_state_last_hlc(state), 1);
    const size_t bytes = record_bytes(record);
    uint8_t *data = arena_take(&arena, bytes);
    CHECK(record_encode(record, data, bytes) == STATUS_OK);
    const struct log_entry entry = {
        .term = 1, .type = ENTRY_COMMAND, .data = data, .bytes = (uint32_t)bytes};
    struct range_applied applied;
    CHECK(range_state_apply(state, index, &entry, &arena, &applied) == STATUS_OK);
    for (uint32_t i = 0; i < applied.summary_count; i++)
        summary_release(applied.summaries[i]);
    arena_fini(&arena);
}

static void learn(struct range_state *state, uint64_t index, uint16_t hunt)
{
    struct fuzz_input none = {0};
    struct definition *definition = fuzz_definition(&none);
    const size_t bytes = definition_bytes(definition);
    uint8_t *body = malloc(bytes);
    CHECK(body != NULL);
    struct writer writer;
    writer_init(&writer, body, bytes);
    definition_encode(definition, &writer);
    struct record record = {
        .kind = RECORD_LEARN, .hunt = hunt, .version = 1, .body = body, .body_bytes = bytes};
    apply(state, index, &record);
    free(body);
    definition_free(definition);
}

static void act(struct range_state *state, uint64_t index, uint8_t salt)
{
    uint8_t body[16 * ACTION_BYTES_MAX], script[3 * 16];
    for (uint32_t i = 0; i < sizeof script; i++)
        script[i] = (uint8_t)(i * 37 + salt * 11);
    struct fuzz_input input = {script, sizeof script};
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    for (uint32_t i = 0; i < 16; i++) {
        const struct action action = fuzz_action(&input, range_state_last_hlc(state));
        action_encode(&action, &writer);
    }
    struct record record = {
        .kind = RECORD_ACTIONS, .count = 16, .body = body, .body_bytes = writer.used};
    apply(state, index, &record);
}

static void close_one(struct range_state *state, uint64_t index)
{
    struct record record = {.kind = RECORD_CLOSE, .epoch = range_state_open_epoch(state)};
    apply(state, index, &record);
}

/* Hunt 0 is played, hunt 1 learned only. */
static struct range_state *played(const struct settings *settings)
{
    struct range_state *state = range_state_new(settings, 0, 1);
    CHECK(state != NULL);
    learn(state, 1, 0);
    struct record resolve = {
        .kind = RECORD_RESOLVE, .version = 1, .epoch = range_state_promise(state) + 1};
    apply(state, 2, &resolve);
    close_one(state, 3);
    close_one(state, 4);
    for (uint8_t i = 0; i < 6; i++)
        act(state, 5U + i, i);
    learn(state, 20, 1);
    return state;
}

static void write_items(struct range_state *state, const struct settings *settings,
                        struct items *items)
{
    static uint8_t chunk[SNAPSHOT_CHUNK_BYTES_MAX];
    const struct group_base base = {
        .index = 30,
        .term = 1,
        .replicas_index = 1,
        .replicas = {.count = 1, .list = {{.number = 1, .node = 1, .role = REPLICA_VOTER}}},
    };
    struct snapshot_writer *writer;
    CHECK(range_snapshot_begin(state, settings, &base, &writer) == STATUS_OK);
    struct snapshot_reader reader;
    snapshot_reader_init(&reader);
    uint32_t bytes;
    while ((bytes = snapshot_next(writer, chunk)) > 0) {
        struct snapshot_item item;
        CHECK(snapshot_take(&reader, chunk, bytes, &item) == STATUS_OK);
        if (!item.whole)
            continue;
        CHECK(items->count < ITEMS_MAX);
        items->bytes[items->count] = malloc(item.size);
        CHECK(items->bytes[items->count] != NULL);
        memcpy(items->bytes[items->count], item.data, item.size);
        items->list[items->count] = item;
        items->list[items->count].data = items->bytes[items->count];
        items->count++;
    }
    CHECK(reader.ended);
    snapshot_reader_fini(&reader);
    range_snapshot_end(state, writer);
}

/* A cluster may be for a hundred million players, and a range takes address space for all of its
 * own when it is made: more than a fuzzer's limits give. */
static bool is_for_few(const struct snapshot_item *first)
{
    struct snapshot_head head;
    struct reader reader;
    reader_init(&reader, first->data, first->size);
    return !snapshot_head_take(&head, &reader) || head.settings.players_max <= PLAYERS_FEW;
}

/* NULL: refused. */
static struct range_state *read_items(const struct items *items)
{
    struct range_restore *restore = range_restore_new(0, 2);
    CHECK(restore != NULL);
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < items->count && status == STATUS_OK; i++)
        status = range_restore_item(restore, &items->list[i]);
    struct settings settings;
    struct group_base base;
    struct range_state *state =
        status == STATUS_OK ? range_restore_take(restore, &settings, &base) : NULL;
    range_restore_free(restore);
    return state;
}

static void change_items(struct items *items, struct fuzz_input *input)
{
    CHECK(items->count > 0);
    for (uint32_t i = 0; i < CHANGES_MAX && input->left >= 4; i++) {
        const uint32_t which = fuzz_u8(input) % items->count;
        const size_t at = fuzz_u16(input);
        const uint8_t value = fuzz_u8(input);
        struct snapshot_item *item = &items->list[which];
        if (at < item->size)
            items->bytes[which][at] = value;
        else if (value < item->size)
            item->size -= value;
    }
}

/* What was taken is as good as any other state. */
static void use(struct range_state *state, const struct settings *settings)
{
    const uint64_t digest = engine_digest(range_state_engine(state));
    struct items items = {0};
    write_items(state, settings, &items);
    struct range_state *again = read_items(&items);
    CHECK(again != NULL);
    CHECK(engine_digest(range_state_engine(again)) == digest);
    CHECK(range_state_digest(again) == range_state_digest(state));
    range_state_free(again);
    items_clear(&items);
    act(state, 31, 7);
    close_one(state, 32);
}

static void read_chunks(struct fuzz_input *input)
{
    struct snapshot_reader reader;
    snapshot_reader_init(&reader);
    enum status status = STATUS_OK;
    while (input->left > 0 && status == STATUS_OK) {
        size_t bytes;
        uint8_t *chunk = fuzz_bytes(input, fuzz_u16(input), &bytes);
        struct snapshot_item item;
        status = snapshot_take(&reader, chunk, bytes, &item);
        free(chunk);
    }
    snapshot_reader_fini(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    const struct settings settings = fuzz_settings();
    struct range_state *state = played(&settings);
    struct items items = {0};
    write_items(state, &settings, &items);
    change_items(&items, &input);
    struct range_state *made = is_for_few(&items.list[0]) ? read_items(&items) : NULL;
    if (made != NULL)
        use(made, &settings);
    range_state_free(made);
    items_clear(&items);
    range_state_free(state);
    read_chunks(&input);
    return 0;
}
