#include "tests/sim/range_play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"
#include "cluster/epochs/settle.h"

#define START_US  UINT64_C(1790000000000000)
#define EPOCH_MS  1000
#define TREASURES 12
#define BATCH_MAX 40

void range_play_init(struct range_play *play, uint64_t seed, uint32_t players)
{
    memset(play, 0, sizeof *play);
    rng_init(&play->rng, seed);
    arena_init(&play->arena);
    play->settings = (struct settings){
        .cluster_id = 7,
        .first_epoch = epoch_of(hlc_from_us(START_US), EPOCH_MS),
        .ranges = 1,
        .replicas = 1,
        .epoch_ms = EPOCH_MS,
        .replace_after_ms = 1000,
        .players_max = RANGE_PLAY_HUNTS * players + 100,
    };
    play->now_us = START_US;
    play->state = range_state_new(&play->settings, 0, seed);
    play->ledgers = ledgers_new(1, play->settings.first_epoch, (size_t)64 << 20);
    CHECK(play->state != NULL && play->ledgers != NULL);
    for (uint16_t hunt = 0; hunt < RANGE_PLAY_HUNTS; hunt++) {
        char name[8];
        (void)snprintf(name, sizeof name, "h%u", (unsigned)hunt);
        const struct generate_hunt wish = {
            .name = name,
            .features = GENERATE_ALL & ~(GENERATE_GEO | GENERATE_OPENING | GENERATE_TTL |
                                         GENERATE_TOLERANCE | GENERATE_RATE),
            .treasures = TREASURES,
            .start_ms = (int64_t)(START_US / 1000),
            .length_ms = 3600000,
        };
        play->hunts[hunt].next = generate_definition(&play->rng, &wish);
        play->hunts[hunt].next_id = TREASURES;
        play->hunts[hunt].names = calloc(1, sizeof *play->hunts[hunt].names);
        CHECK(play->hunts[hunt].names != NULL);
        CHECK(definition_number(play->hunts[hunt].next, play->hunts[hunt].names) == STATUS_OK);
        play->hunts[hunt].players =
            generate_players_new(&play->rng, players, hunt, play->hunts[hunt].next);
    }
}

void range_play_fini(struct range_play *play)
{
    for (uint16_t hunt = 0; hunt < RANGE_PLAY_HUNTS; hunt++) {
        generate_players_free(play->hunts[hunt].players);
        definition_free(play->hunts[hunt].active);
        definition_free(play->hunts[hunt].next);
        free(play->hunts[hunt].names);
    }
    range_state_free(play->state);
    range_state_free(play->twin);
    ledgers_free(play->ledgers);
    arena_fini(&play->arena);
}

struct group_base range_play_base(const struct range_play *play)
{
    return (struct group_base){
        .index = play->index,
        .term = 3,
        .replicas_index = 1,
        .replicas = {.count = 1, .list = {{.number = 1, .node = 9, .role = REPLICA_VOTER}}},
    };
}

static void release(const struct range_applied *applied)
{
    for (uint32_t i = 0; i < applied->summary_count; i++)
        summary_release(applied->summaries[i]);
}

/* The twin must answer the same. */
static void apply_to_twin(struct range_play *play, const struct log_entry *entry,
                          const struct range_applied *expected)
{
    struct range_applied applied;
    CHECK(range_state_apply(play->twin, play->index, entry, &play->arena, &applied) == STATUS_OK);
    bool same = applied.count == expected->count && applied.ignored == expected->ignored &&
                applied.summary_count == expected->summary_count &&
                range_state_digest(play->twin) == range_state_digest(play->state);
    for (uint32_t i = 0; same && i < applied.summary_count; i++)
        same = applied.summaries[i]->digest == expected->summaries[i]->digest;
    play->differed = play->differed || !same;
    release(&applied);
}

static void write_record(struct range_play *play, struct record *record,
                         struct range_applied *ret_applied)
{
    record->stamp = hlc_from_us(play->now_us);
    record->uncertainty_us = (uint32_t)rng_below(&play->rng, 1000);
    const size_t bytes = record_bytes(record);
    uint8_t *data = arena_take(&play->arena, bytes);
    CHECK(record_encode(record, data, bytes) == STATUS_OK);
    const struct log_entry entry = {
        .term = 3, .type = ENTRY_COMMAND, .data = data, .bytes = (uint32_t)bytes};
    play->index++;
    CHECK(range_state_apply(play->state, play->index, &entry, &play->arena, ret_applied) ==
          STATUS_OK);
    if (play->twin != NULL)
        apply_to_twin(play, &entry, ret_applied);
    for (uint32_t i = 0; i < ret_applied->summary_count; i++) {
        CHECK(ledgers_add(play->ledgers, ret_applied->summaries[i]) == STATUS_OK);
        play->epochs++;
    }
    release(ret_applied);
}

static void learn(struct range_play *play, uint16_t hunt)
{
    const struct definition *next = play->hunts[hunt].next;
    const size_t bytes = definition_bytes(next);
    struct record record = {.kind = RECORD_LEARN,
                            .hunt = hunt,
                            .version = play->hunts[hunt].version + 1,
                            .body = arena_take(&play->arena, bytes),
                            .body_bytes = bytes};
    struct writer writer;
    writer_init(&writer, (void *)(uintptr_t)record.body, bytes);
    definition_encode(next, &writer);
    struct range_applied applied;
    write_record(play, &record, &applied);
    CHECK(!applied.ignored);
}

/* Decides the version that was learned: mostly it becomes active soon. */
static void resolve(struct range_play *play, uint16_t hunt)
{
    const bool active = rng_chance(&play->rng, 9, 10) || play->hunts[hunt].active == NULL;
    struct record record = {
        .kind = RECORD_RESOLVE,
        .hunt = hunt,
        .version = play->hunts[hunt].version + 1,
        .epoch = active ? range_state_promise(play->state) + 1 : RECORD_NO_EPOCH,
    };
    struct range_applied applied;
    write_record(play, &record, &applied);
    play->hunts[hunt].version++;
    if (active) {
        generate_change(play->hunts[hunt].players, play->hunts[hunt].next);
        definition_free(play->hunts[hunt].active);
        play->hunts[hunt].active = play->hunts[hunt].next;
    } else {
        definition_free(play->hunts[hunt].next);
    }
    play->hunts[hunt].next = NULL;
}

static void change_hunt(struct range_play *play)
{
    const uint16_t hunt = (uint16_t)rng_below(&play->rng, RANGE_PLAY_HUNTS);
    struct range_learned learned;
    for (uint32_t at = 0; range_state_unresolved(play->state, at, &learned); at++) {
        if (learned.hunt == hunt) {
            resolve(play, hunt);
            return;
        }
    }
    if (play->hunts[hunt].next == NULL) {
        const struct generate_hunt wish = {
            .name = play->hunts[hunt].active->hunt.text,
            .features = GENERATE_SUPPLY | GENERATE_REACTIONS | GENERATE_TAPS,
            .treasures = TREASURES,
            .start_ms = (int64_t)(START_US / 1000),
            .length_ms = 3600000,
        };
        play->hunts[hunt].next =
            generate_next(&play->rng, &wish, play->hunts[hunt].active, &play->hunts[hunt].next_id);
        CHECK(definition_number(play->hunts[hunt].next, play->hunts[hunt].names) == STATUS_OK);
    }
    learn(play, hunt);
}

static void act(struct range_play *play)
{
    const uint32_t count = 1 + (uint32_t)rng_below(&play->rng, BATCH_MAX);
    uint8_t *body = arena_take(&play->arena, BATCH_MAX * ACTION_BYTES_MAX);
    uint16_t *hunts = arena_take(&play->arena, BATCH_MAX * sizeof *hunts);
    struct writer writer;
    writer_init(&writer, body, BATCH_MAX * ACTION_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        hunts[i] = (uint16_t)rng_below(&play->rng, RANGE_PLAY_HUNTS);
        struct action action;
        generate_action(play->hunts[hunts[i]].players, &play->rng, (int64_t)(play->now_us / 1000),
                        &action);
        action_encode(&action, &writer);
    }
    struct record record = {
        .kind = RECORD_ACTIONS, .count = count, .body = body, .body_bytes = writer.used};
    struct range_applied applied;
    write_record(play, &record, &applied);
    for (uint32_t i = 0; i < applied.count; i++)
        generate_learn(play->hunts[hunts[i]].players, &applied.results[i]);
    play->actions += count;
}

static struct settlement *compute(struct range_play *play, uint64_t through)
{
    const struct engine *engine = range_state_engine(play->state);
    struct settle_input input = {
        .from = range_state_settle_next(play->state),
        .through = through,
        .ranges = 1,
        .settled_digest = engine_settled_digest(engine),
    };
    struct settle_ledger *ledgers;
    CHECK(ledgers_gather(play->ledgers, input.from, through, &ledgers, &input.ledger_count) ==
          STATUS_OK);
    input.ledgers = ledgers;
    const uint32_t count = engine_awarded_list(engine, NULL, 0);
    struct engine_awarded *known = arena_take(&play->arena, (count + 1) * sizeof *known);
    (void)engine_awarded_list(engine, known, count);
    struct settle_awarded *awarded = arena_take(&play->arena, (count + 1) * sizeof *awarded);
    for (uint32_t i = 0; i < count; i++)
        awarded[i] = (struct settle_awarded){known[i].hunt, known[i].treasure, known[i].awarded};
    input.awarded = awarded;
    input.awarded_count = count;
    struct settlement *settlement;
    CHECK(settle_compute(&input, &settlement) == STATUS_OK);
    free(ledgers);
    return settlement;
}

static void write_part(struct range_play *play, const uint8_t *body, size_t bytes)
{
    struct record record = {.kind = RECORD_SETTLE, .body = body, .body_bytes = bytes};
    struct range_applied applied;
    write_record(play, &record, &applied);
    CHECK(!applied.ignored);
}

static void settle(struct range_play *play)
{
    uint64_t through;
    if (!ledgers_have_all(play->ledgers, range_state_settle_next(play->state), &through))
        return;
    struct settlement *settlement = compute(play, through);
    /* Now and then it is known what all have settled. */
    if (rng_chance(&play->rng, 1, 4))
        play->all_settled_next = range_state_settle_next(play->state);
    const struct settle_share share = {.settlement = settlement,
                                       .all_settled_next = play->all_settled_next};
    uint8_t *body = arena_take(&play->arena, SETTLE_PART_BYTES_MAX);
    for (uint32_t part = 1; part <= settle_parts(&share); part++) {
        struct writer writer;
        writer_init(&writer, body, SETTLE_PART_BYTES_MAX);
        settle_encode_part(&share, part, &writer);
        write_part(play, body, writer.used);
    }
    settlement_free(settlement);
    play->settled++;
}

void range_play_half_settle(struct range_play *play)
{
    const uint64_t from = range_state_settle_next(play->state);
    CHECK(from < range_state_open_epoch(play->state));
    struct settle_awarded awarded = {.hunt = 0, .treasure = 1, .awarded = 5};
    const struct settle_part part = {
        .from = from,
        .through = from,
        .part = 1,
        .parts = 2,
        .inputs_digest = 77,
        .settled_digest = 78,
        .awarded_count = 1,
        .awarded = &awarded,
    };
    uint8_t *body = arena_take(&play->arena, SETTLE_PART_BYTES_MAX);
    struct writer writer;
    writer_init(&writer, body, SETTLE_PART_BYTES_MAX);
    settle_put_part(&part, &writer);
    write_part(play, body, writer.used);
}

static void close_epochs(struct range_play *play)
{
    const uint64_t open = range_state_open_epoch(play->state);
    const uint64_t promise = range_state_promise(play->state);
    uint64_t epoch = epoch_of(hlc_from_us(play->now_us), EPOCH_MS);
    if (promise != PROMISE_NONE && epoch >= promise)
        epoch = promise > 0 ? promise - 1 : 0;
    if (epoch < open)
        return;
    struct record record = {.kind = RECORD_CLOSE, .epoch = epoch};
    struct range_applied applied;
    write_record(play, &record, &applied);
}

void range_play_next(struct range_play *play)
{
    arena_reset(&play->arena, (size_t)4 << 20);
    play->now_us += rng_below(&play->rng, 200000);
    const uint32_t dice = (uint32_t)rng_below(&play->rng, 20);
    if (dice == 0)
        close_epochs(play);
    else if (dice == 1)
        settle(play);
    else if (dice == 2)
        change_hunt(play);
    else
        act(play);
}
