/* The log of one range: a script of records, some of them as the input has them, some made of a few
 * bytes each so that the state machine gets far. Two replicas apply the same and must agree; what
 * the contract says of stamps and epochs holds after each record, and every summary is readable. */
#include "cluster/clock/hlc.h"
#include "cluster/epochs/ledgers.h"
#include "cluster/epochs/settle.h"
#include "cluster/ranges/range_state.h"
#include "tests/fuzz/fuzz_range.h"

#define RECORDS_MAX 200

/* The replicas, and what a leader would know besides. */
struct lab {
    struct range_state *states[2];
    struct arena arenas[2];
    struct ledgers *ledgers;
    uint64_t index;
    uint32_t versions[HUNTS_MAX];
};

static void check_summary(const struct summary *summary, struct lab *lab)
{
    struct summary *again;
    struct ledger *ledger;
    CHECK(summary->from <= summary->through);
    CHECK(summary_decode(&again, summary->bytes, summary->size) == STATUS_OK);
    CHECK(again->digest == summary->digest);
    CHECK(summary_ledger(again, &ledger) == STATUS_OK);
    free(ledger);
    summary_release(again);
    const enum status status = ledgers_add(lab->ledgers, summary);
    CHECK(status == STATUS_OK || status == STATUS_FULL);
}

static void check_results(const struct range_applied *applied, uint64_t before, uint64_t after)
{
    uint64_t last = before;
    for (uint32_t i = 0; i < applied->count; i++) {
        const struct result *result = &applied->results[i];
        CHECK(result->outcome > OUTCOME_NONE && result->outcome < OUTCOME_COUNT);
        CHECK(result->score >= 0);
        if (result->hlc == 0 || result->replayed)
            continue;
        CHECK(result->hlc > last);
        CHECK(result->hlc <= after);
        last = result->hlc;
    }
}

static void apply_to(struct lab *lab, size_t at, const uint8_t *data, size_t bytes)
{
    struct range_state *state = lab->states[at];
    struct range_applied applied;
    const uint64_t hlc = range_state_last_hlc(state);
    const uint64_t epoch = range_state_open_epoch(state);
    const uint64_t settled = range_state_settle_next(state);
    const struct log_entry entry = {
        .term = 1, .type = ENTRY_COMMAND, .data = data, .bytes = (uint32_t)bytes};
    CHECK(range_state_apply(state, lab->index, &entry, &lab->arenas[at], &applied) == STATUS_OK);
    CHECK(range_state_last_hlc(state) >= hlc);
    CHECK(range_state_open_epoch(state) >= epoch);
    CHECK(range_state_settle_next(state) >= settled);
    CHECK(range_state_settle_next(state) <= range_state_open_epoch(state));
    check_results(&applied, hlc, range_state_last_hlc(state));
    for (uint32_t i = 0; i < applied.summary_count; i++) {
        if (at == 0)
            check_summary(applied.summaries[i], lab);
        summary_release(applied.summaries[i]);
    }
    arena_reset(&lab->arenas[at], 1 << 20);
}

static void apply(struct lab *lab, const uint8_t *data, size_t bytes)
{
    lab->index++;
    for (size_t at = 0; at < 2; at++)
        apply_to(lab, at, data, bytes);
    CHECK(range_state_digest(lab->states[0]) == range_state_digest(lab->states[1]));
}

static void apply_record(struct lab *lab, const struct record *record)
{
    const size_t bytes = record_bytes(record);
    uint8_t *data = malloc(bytes);
    struct record again;
    CHECK(data != NULL);
    CHECK(record_encode(record, data, bytes) == STATUS_OK);
    CHECK(record_decode(&again, data, bytes) == STATUS_OK);
    CHECK(again.kind == record->kind && again.count == record->count);
    CHECK(again.stamp == record->stamp && again.body_bytes == record->body_bytes);
    apply(lab, data, bytes);
    free(data);
}

static uint64_t stamp_after(const struct lab *lab, uint16_t steps)
{
    return hlc_add(range_state_last_hlc(lab->states[0]), (uint64_t)steps << 17);
}

/* --- Steps of the script ---------------------------------------------------------------------- */

/* As it stands in the input, zeros behind it as the log would have. */
static void step_raw(struct lab *lab, struct fuzz_input *input)
{
    size_t bytes;
    uint8_t *data = fuzz_bytes(input, fuzz_u16(input) % 2048, &bytes);
    const size_t padded = (bytes + 7) / 8 * 8;
    uint8_t *whole = calloc(1, padded > 0 ? padded : 1);
    CHECK(whole != NULL);
    memcpy(whole, data, bytes);
    apply(lab, whole, padded);
    free(whole);
    free(data);
}

/* With a sound header, so that the body is looked at. */
static void step_body(struct lab *lab, struct fuzz_input *input)
{
    static const enum record_kind kinds[] = {RECORD_ACTIONS, RECORD_LEARN, RECORD_SETTLE,
                                             RECORD_BARRIER};
    struct record record = {.kind = kinds[fuzz_u8(input) % 4],
                            .stamp = stamp_after(lab, fuzz_u16(input)),
                            .hunt = fuzz_u8(input),
                            .version = fuzz_u8(input)};
    record.count = record.kind == RECORD_ACTIONS ? fuzz_u8(input) : 0;
    uint8_t *body = fuzz_bytes(input, fuzz_u16(input) % 2048, &record.body_bytes);
    record.body = body;
    apply_record(lab, &record);
    free(body);
}

static void step_actions(struct lab *lab, struct fuzz_input *input)
{
    uint8_t body[8 * ACTION_BYTES_MAX];
    struct writer writer;
    const uint32_t count = 1 + fuzz_u8(input) % 8;
    const uint64_t stamp = stamp_after(lab, fuzz_u16(input));
    writer_init(&writer, body, sizeof body);
    for (uint32_t i = 0; i < count; i++) {
        const struct action action = fuzz_action(input, stamp);
        action_encode(&action, &writer);
    }
    apply_record(lab, &(struct record){.kind = RECORD_ACTIONS,
                                       .stamp = stamp,
                                       .uncertainty_us = 100,
                                       .count = count,
                                       .body = body,
                                       .body_bytes = writer.used});
}

static void step_close(struct lab *lab, struct fuzz_input *input)
{
    const uint8_t how = fuzz_u8(input);
    const uint64_t open = range_state_open_epoch(lab->states[0]);
    const uint64_t epoch = how == 255 ? fuzz_u64(input) : open + how % 8;
    apply_record(
        lab, &(struct record){.kind = RECORD_CLOSE, .stamp = stamp_after(lab, 0), .epoch = epoch});
}

static void step_learn(struct lab *lab, struct fuzz_input *input)
{
    const uint16_t hunt = fuzz_u8(input) % FUZZ_HUNTS;
    struct definition *definition = fuzz_definition(input);
    const size_t bytes = definition_bytes(definition);
    uint8_t *body = malloc(bytes);
    struct writer writer;
    CHECK(body != NULL);
    writer_init(&writer, body, bytes);
    definition_encode(definition, &writer);
    apply_record(lab, &(struct record){.kind = RECORD_LEARN,
                                       .stamp = stamp_after(lab, 1),
                                       .hunt = hunt,
                                       .version = ++lab->versions[hunt],
                                       .body = body,
                                       .body_bytes = bytes});
    free(body);
    definition_free(definition);
}

static void step_resolve(struct lab *lab, struct fuzz_input *input)
{
    const uint16_t hunt = fuzz_u8(input) % FUZZ_HUNTS;
    const uint8_t how = fuzz_u8(input);
    const uint64_t open = range_state_open_epoch(lab->states[0]);
    apply_record(lab, &(struct record){.kind = RECORD_RESOLVE,
                                       .stamp = stamp_after(lab, 1),
                                       .hunt = hunt,
                                       .version = lab->versions[hunt],
                                       .epoch = how == 255 ? RECORD_NO_EPOCH : open + how % 4});
}

/* As the leader of the only range settles, from the ledgers of what was closed. */
static void settle_run(struct lab *lab, uint64_t from, uint64_t through)
{
    struct engine *engine = range_state_engine(lab->states[0]);
    struct engine_awarded known[FUZZ_HUNTS * FUZZ_TREASURES];
    struct settle_awarded awarded[FUZZ_HUNTS * FUZZ_TREASURES];
    struct settle_ledger *list = NULL;
    uint32_t count = 0;
    struct settlement *settlement = NULL;
    const uint32_t awarded_count =
        engine_awarded_list(engine, known, sizeof known / sizeof known[0]);
    CHECK(awarded_count <= sizeof known / sizeof known[0]);
    for (uint32_t i = 0; i < awarded_count; i++)
        awarded[i] = (struct settle_awarded){known[i].hunt, known[i].treasure, known[i].awarded};
    CHECK(ledgers_gather(lab->ledgers, from, through, &list, &count) == STATUS_OK);
    const struct settle_input what = {
        .from = from,
        .through = through,
        .ranges = 1,
        .ledgers = list,
        .ledger_count = count,
        .awarded = awarded,
        .awarded_count = awarded_count,
        .settled_digest = engine_settled_digest(engine),
    };
    CHECK(settle_compute(&what, &settlement) == STATUS_OK);
    free(list);
    const struct settle_share share = {.settlement = settlement, .all_settled_next = from};
    static uint8_t body[SETTLE_PART_BYTES_MAX];
    for (uint32_t part = 1; part <= settle_parts(&share); part++) {
        struct writer writer;
        writer_init(&writer, body, sizeof body);
        settle_encode_part(&share, part, &writer);
        CHECK(writer_ok(&writer));
        apply_record(lab, &(struct record){.kind = RECORD_SETTLE,
                                           .stamp = stamp_after(lab, 0),
                                           .body = body,
                                           .body_bytes = writer.used});
    }
    settlement_free(settlement);
    CHECK(range_state_settle_next(lab->states[0]) == through + 1);
}

static void step_settle(struct lab *lab)
{
    const uint64_t from = range_state_settle_next(lab->states[0]);
    uint64_t through;
    if (ledgers_have_all(lab->ledgers, from, &through) &&
        fuzz_awards_fit(range_state_engine(lab->states[0])))
        settle_run(lab, from, through);
}

static void take_step(struct lab *lab, struct fuzz_input *input)
{
    switch (fuzz_u8(input) % 8) {
    case 0:
        step_raw(lab, input);
        return;
    case 1:
        step_body(lab, input);
        return;
    case 2:
        step_close(lab, input);
        return;
    case 3:
        step_learn(lab, input);
        return;
    case 4:
        step_resolve(lab, input);
        return;
    case 5:
        step_settle(lab);
        return;
    default:
        step_actions(lab, input);
        return;
    }
}

/* --- What can be read of it ------------------------------------------------------------------- */

static void read_player(const struct engine *engine, uint16_t hunt, uint8_t who)
{
    static struct player_page page;
    struct result receipt;
    struct engine_received received[RECEIVED_KINDS_MAX];
    const struct player_id player = fuzz_player(who);
    engine_player(engine, hunt, &player, fuzz_start(), &page);
    CHECK(page.score >= 0);
    CHECK(engine_reactions(engine, hunt, &player, received) <= RECEIVED_KINDS_MAX);
    for (uint32_t seq = 1; seq <= 20; seq++) {
        if (engine_receipt(engine, hunt, &player, seq, &receipt) == STATUS_OK)
            CHECK(receipt.replayed && receipt.seq == seq);
    }
}

static void read_all(const struct lab *lab)
{
    const struct engine *engine = range_state_engine(lab->states[0]);
    for (uint16_t hunt = 0; hunt < FUZZ_HUNTS; hunt++) {
        for (uint8_t who = 0; who < 4; who++)
            read_player(engine, hunt, who);
    }
    CHECK(engine_digest(engine) == engine_digest(range_state_engine(lab->states[1])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    const struct settings settings = fuzz_settings();
    struct lab lab = {.ledgers = ledgers_new(1, FUZZ_FIRST_EPOCH, (size_t)4 << 20)};
    CHECK(lab.ledgers != NULL);
    for (size_t at = 0; at < 2; at++) {
        lab.states[at] = range_state_new(&settings, 0, at);
        CHECK(lab.states[at] != NULL);
        arena_init(&lab.arenas[at]);
    }
    for (size_t i = 0; i < RECORDS_MAX && input.left > 0; i++)
        take_step(&lab, &input);
    read_all(&lab);
    for (size_t at = 0; at < 2; at++) {
        range_state_free(lab.states[at]);
        arena_fini(&lab.arenas[at]);
    }
    ledgers_free(lab.ledgers);
    return 0;
}
