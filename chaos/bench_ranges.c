#include "chaos/bench_ranges.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/clock/hlc.h"
#include "cluster/epochs/settle.h"
#include "node/allocations.h"

#define EPOCH_MS       10000
#define FIRST_EPOCH    UINT64_C(179600000) /* in November 2026 */
#define TERM           1
#define UNCERTAINTY_US 100
#define SECRET         UINT64_C(0x5ec2e7)
#define LEDGERS_BYTES  ((size_t)256 << 20)

/* As much as a node keeps of its turns' memory. */
#define ARENA_KEEP_BYTES ((size_t)16 << 20)

#define BODY_BYTES ((size_t)BENCH_TURN_CLAIMS * ACTION_BYTES_MAX)

uint64_t bench_clock_ns(void)
{
    struct timespec now;
    const int failed = clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    CHECK(failed == 0);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint32_t bench_ranges_of(const struct player_id *player)
{
    return hash_range(hash_player(player), BENCH_RANGES);
}

static enum status apply(struct bench_ranges *ranges, uint32_t range, const uint8_t *data,
                         size_t bytes, struct range_applied *ret_applied)
{
    const struct log_entry entry = {
        .term = TERM, .type = ENTRY_COMMAND, .data = data, .bytes = (uint32_t)bytes};
    const enum status status = range_state_apply(ranges->states[range], ++ranges->indexes[range],
                                                 &entry, &ranges->arena, ret_applied);
    CHECK(status != STATUS_OK || !ret_applied->ignored);
    return status;
}

/* Encodes a record of any kind and applies it. */
static enum status apply_record(struct bench_ranges *ranges, uint32_t range,
                                const struct record *record, struct range_applied *ret_applied)
{
    const size_t bytes = record_bytes(record);
    uint8_t *data = arena_take(&ranges->arena, bytes);
    const enum status encoded = record_encode(record, data, bytes);
    CHECK(encoded == STATUS_OK);
    return apply(ranges, range, data, bytes, ret_applied);
}

static uint64_t stamp(const struct bench_ranges *ranges)
{
    return hlc_from_us(ranges->us);
}

static enum status start_hunt(struct bench_ranges *ranges, const struct bench_hunt *hunt)
{
    const size_t bytes = definition_bytes(hunt->definition);
    uint8_t *text = arena_take(&ranges->arena, bytes);
    struct writer writer;
    writer_init(&writer, text, bytes);
    definition_encode(hunt->definition, &writer);
    CHECK(writer_ok(&writer));
    const struct record learn = {.kind = RECORD_LEARN,
                                 .stamp = stamp(ranges),
                                 .hunt = BENCH_HUNT,
                                 .version = 1,
                                 .body = text,
                                 .body_bytes = bytes};
    const struct record resolve = {.kind = RECORD_RESOLVE,
                                   .stamp = stamp(ranges),
                                   .hunt = BENCH_HUNT,
                                   .version = 1,
                                   .epoch = FIRST_EPOCH};
    for (uint32_t i = 0; i < BENCH_RANGES; i++) {
        struct range_applied applied;
        enum status status = apply_record(ranges, i, &learn, &applied);
        if (status == STATUS_OK)
            status = apply_record(ranges, i, &resolve, &applied);
        if (status != STATUS_OK)
            return status;
    }
    arena_reset(&ranges->arena, ARENA_KEEP_BYTES);
    return STATUS_OK;
}

/* Players spread unevenly, and a range holds so many receipts for each whom it may hold: room for
 * all that they can find. What is never used is never touched. */
static uint32_t room_for(uint32_t players, const struct bench_hunt *hunt)
{
    const uint64_t share = hunt->definition->treasure_count / RECEIPTS_PER_PLAYER + 2;
    const uint64_t room = players * share + UINT64_C(1000) * BENCH_RANGES;
    return room < PLAYERS_MAX_LIMIT ? (uint32_t)room : PLAYERS_MAX_LIMIT;
}

static enum status make_batches(struct bench_ranges *ranges)
{
    for (uint32_t i = 0; i < BENCH_RANGES; i++) {
        struct bench_batch *batch = &ranges->batches[i];
        batch->body = malloc(BODY_BYTES);
        batch->data = malloc(BODY_BYTES + 2 * RECORD_HEADER_BYTES);
        if (batch->body == NULL || batch->data == NULL)
            return STATUS_NO_MEMORY;
        writer_init(&batch->writer, batch->body, BODY_BYTES);
    }
    return STATUS_OK;
}

enum status bench_ranges_init(struct bench_ranges *ranges, const struct bench_hunt *hunt,
                              uint32_t players)
{
    *ranges = (struct bench_ranges){
        .settings = {.cluster_id = 1,
                     .first_epoch = FIRST_EPOCH,
                     .ranges = BENCH_RANGES,
                     .replicas = 1,
                     .epoch_ms = EPOCH_MS,
                     .players_max = room_for(players, hunt)},
        .us = hlc_us(epoch_start(FIRST_EPOCH, EPOCH_MS)),
        .merge = merge_new(BENCH_RANGES, FIRST_EPOCH),
        .ledgers = ledgers_new(BENCH_RANGES, FIRST_EPOCH, LEDGERS_BYTES),
    };
    arena_init(&ranges->arena);
    bool made = ranges->merge != NULL && ranges->ledgers != NULL;
    for (uint32_t i = 0; i < BENCH_RANGES; i++) {
        ranges->states[i] = range_state_new(&ranges->settings, i, SECRET);
        made = made && ranges->states[i] != NULL;
    }
    if (made && make_batches(ranges) == STATUS_OK && start_hunt(ranges, hunt) == STATUS_OK)
        return STATUS_OK;
    bench_ranges_fini(ranges);
    return STATUS_NO_MEMORY;
}

static void drop_epoch(struct bench_ranges *ranges)
{
    for (uint32_t i = 0; i < BENCH_RANGES; i++) {
        summary_release(ranges->summaries[i]);
        ranges->summaries[i] = NULL;
    }
    global_board_release(ranges->board);
    ranges->board = NULL;
}

void bench_ranges_fini(struct bench_ranges *ranges)
{
    drop_epoch(ranges);
    for (uint32_t i = 0; i < BENCH_RANGES; i++) {
        range_state_free(ranges->states[i]);
        free(ranges->batches[i].body);
        free(ranges->batches[i].data);
    }
    merge_free(ranges->merge);
    ledgers_free(ranges->ledgers);
    arena_fini(&ranges->arena);
    *ranges = (struct bench_ranges){.us = 0};
}

void bench_ranges_gather(struct bench_ranges *ranges, struct action action)
{
    struct bench_batch *batch = &ranges->batches[bench_ranges_of(&action.player)];
    CHECK(batch->count < BENCH_TURN_CLAIMS);
    action.time_ms = (int64_t)(ranges->us / 1000);
    action_encode(&action, &batch->writer);
    CHECK(writer_ok(&batch->writer));
    batch->count++;
}

/* One range's entry as it stands in the log; no bytes: it has none in this turn. */
static size_t finish_batch(struct bench_batch *batch, uint64_t stamped)
{
    if (batch->count == 0)
        return 0;
    const struct record record = {.kind = RECORD_ACTIONS,
                                  .stamp = stamped,
                                  .uncertainty_us = UNCERTAINTY_US,
                                  .count = batch->count,
                                  .body = batch->body,
                                  .body_bytes = batch->writer.used};
    const size_t bytes = record_bytes(&record);
    const enum status encoded =
        record_encode(&record, batch->data, BODY_BYTES + 2 * RECORD_HEADER_BYTES);
    CHECK(encoded == STATUS_OK);
    batch->count = 0;
    batch->writer.used = 0;
    return bytes;
}

static void count_outcomes(struct bench_turn *turn, const struct range_applied *applied)
{
    for (uint32_t i = 0; i < applied->count; i++)
        turn->outcomes[applied->results[i].outcome]++;
}

enum status bench_ranges_apply(struct bench_ranges *ranges, struct bench_turn *turn)
{
    size_t bytes[BENCH_RANGES];
    struct range_applied applied[BENCH_RANGES] = {{.count = 0}};
    for (uint32_t i = 0; i < BENCH_RANGES; i++)
        bytes[i] = finish_batch(&ranges->batches[i], stamp(ranges));

    enum status status = STATUS_OK;
    const uint64_t allocated = allocations_count();
    const uint64_t started = bench_clock_ns();
    for (uint32_t i = 0; i < BENCH_RANGES && status == STATUS_OK; i++) {
        if (bytes[i] > 0)
            status = apply(ranges, i, ranges->batches[i].data, bytes[i], &applied[i]);
    }
    turn->ns += bench_clock_ns() - started;
    turn->allocations += allocations_count() - allocated;

    for (uint32_t i = 0; i < BENCH_RANGES; i++) {
        CHECK(applied[i].summary_count == 0);
        count_outcomes(turn, &applied[i]);
    }
    arena_reset(&ranges->arena, ARENA_KEEP_BYTES);
    return status;
}

/* All ranges' summaries of the open epoch; the newest one's before are released. */
static enum status close_all(struct bench_ranges *ranges, uint64_t epoch, struct bench_close *close)
{
    drop_epoch(ranges);
    const struct record record = {.kind = RECORD_CLOSE, .stamp = stamp(ranges), .epoch = epoch};
    const uint64_t started = bench_clock_ns();
    for (uint32_t i = 0; i < BENCH_RANGES; i++) {
        struct range_applied applied;
        const enum status status = apply_record(ranges, i, &record, &applied);
        if (status != STATUS_OK)
            return status;
        CHECK(applied.summary_count == 1);
        ranges->summaries[i] = applied.summaries[0];
    }
    close->close_ns = bench_clock_ns() - started;
    for (uint32_t i = 0; i < BENCH_RANGES; i++)
        close->summary_bytes += ranges->summaries[i]->size;
    return STATUS_OK;
}

static enum status merge_all(struct bench_ranges *ranges, uint64_t epoch, struct bench_close *close)
{
    const uint64_t started = bench_clock_ns();
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < BENCH_RANGES && status == STATUS_OK; i++)
        status = merge_add(ranges->merge, ranges->summaries[i]);
    if (status == STATUS_OK)
        status = merge_board(ranges->merge, epoch, &ranges->board);
    close->merge_ns = bench_clock_ns() - started;
    CHECK(status == STATUS_OK || status == STATUS_NO_MEMORY);
    CHECK(status != STATUS_OK || ranges->board->complete);
    return status;
}

static void list_awarded(struct bench_ranges *ranges, struct settle_input *input)
{
    const struct engine *engine = range_state_engine(ranges->states[0]);
    const uint32_t count = engine_awarded_list(engine, NULL, 0);
    struct engine_awarded *known = arena_take(&ranges->arena, (count + 1) * sizeof *known);
    (void)engine_awarded_list(engine, known, count);
    struct settle_awarded *list = arena_take(&ranges->arena, (count + 1) * sizeof *list);
    for (uint32_t i = 0; i < count; i++)
        list[i] = (struct settle_awarded){known[i].hunt, known[i].treasure, known[i].awarded};
    input->awarded = list;
    input->awarded_count = count;
    input->settled_digest = engine_settled_digest(engine);
}

static enum status apply_share(struct bench_ranges *ranges, const struct settle_share *share)
{
    uint8_t *body = arena_take(&ranges->arena, SETTLE_PART_BYTES_MAX);
    const uint32_t parts = settle_parts(share);
    for (uint32_t part = 1; part <= parts; part++) {
        struct writer writer;
        writer_init(&writer, body, SETTLE_PART_BYTES_MAX);
        settle_encode_part(share, part, &writer);
        const struct record record = {
            .kind = RECORD_SETTLE, .stamp = stamp(ranges), .body = body, .body_bytes = writer.used};
        struct range_applied applied;
        const enum status status = apply_record(ranges, share->range, &record, &applied);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status settle_all(struct bench_ranges *ranges, uint64_t epoch)
{
    struct settle_input input = {.from = epoch, .through = epoch, .ranges = BENCH_RANGES};
    for (uint32_t i = 0; i < BENCH_RANGES; i++) {
        const enum status status = ledgers_add(ranges->ledgers, ranges->summaries[i]);
        if (status != STATUS_OK)
            return STATUS_NO_MEMORY;
    }
    struct settle_ledger *ledgers;
    if (ledgers_gather(ranges->ledgers, epoch, epoch, &ledgers, &input.ledger_count) != STATUS_OK)
        return STATUS_NO_MEMORY;
    input.ledgers = ledgers;
    list_awarded(ranges, &input);
    struct settlement *settlement;
    enum status status = settle_compute(&input, &settlement);
    free(ledgers);
    CHECK(status == STATUS_OK || status == STATUS_NO_MEMORY);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < BENCH_RANGES && status == STATUS_OK; i++) {
        const struct settle_share share = {
            .settlement = settlement, .range = i, .all_settled_next = epoch};
        status = apply_share(ranges, &share);
    }
    settlement_free(settlement);
    ledgers_drop_before(ranges->ledgers, epoch + 1);
    return status;
}

enum status bench_ranges_close(struct bench_ranges *ranges, struct bench_close *ret_close)
{
    const uint64_t epoch = range_state_open_epoch(ranges->states[0]);
    *ret_close = (struct bench_close){.close_ns = 0};
    ranges->us = hlc_us(epoch_start(epoch + 1, EPOCH_MS));
    enum status status = close_all(ranges, epoch, ret_close);
    if (status == STATUS_OK)
        status = merge_all(ranges, epoch, ret_close);
    const uint64_t started = bench_clock_ns();
    if (status == STATUS_OK)
        status = settle_all(ranges, epoch);
    ret_close->settle_ns = bench_clock_ns() - started;
    arena_reset(&ranges->arena, ARENA_KEEP_BYTES);
    return status;
}

bool bench_ranges_sold_out(const struct bench_ranges *ranges, const struct bench_hunt *hunt)
{
    const struct engine *engine = range_state_engine(ranges->states[0]);
    for (uint16_t i = 0; i < hunt->definition->treasure_count; i++) {
        if (bench_hunt_kind(i) == BENCH_LIMITED &&
            engine_awarded(engine, BENCH_HUNT, i) < BENCH_SUPPLY)
            return false;
    }
    return true;
}
