/* tests/unit/test_range_state.c -- One range's log, record by record: stamps, epochs, versions, and
 * what is void. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/clock/hlc.h"
#include "cluster/ranges/range_state.h"

#define EPOCH_MS    10000
#define EPOCH_US    (UINT64_C(1000) * EPOCH_MS)
#define FIRST_EPOCH UINT64_C(179000000)
#define START_US    (FIRST_EPOCH * EPOCH_US)
#define HUNT        2
#define RANGE       1

/* A range, and what its last record did. */
struct lab {
    struct range_state *state;
    struct settings settings;
    struct arena arena;
    uint64_t index;
    struct range_applied applied;
};

/* Each one has a secret of its own, as replicas have. */
static void lab_init(struct lab *lab, uint32_t players_max)
{
    static uint64_t secret;
    *lab = (struct lab){
        .settings = {.cluster_id = 1,
                     .first_epoch = FIRST_EPOCH,
                     .ranges = 3,
                     .replicas = 1,
                     .epoch_ms = EPOCH_MS,
                     .players_max = players_max},
        .index = 10,
    };
    lab->state = range_state_new(&lab->settings, RANGE, ++secret);
    assert_non_null(lab->state);
    arena_init(&lab->arena);
}

static void lab_forget(struct lab *lab)
{
    for (uint32_t i = 0; i < lab->applied.summary_count; i++)
        summary_release(lab->applied.summaries[i]);
    lab->applied = (struct range_applied){0};
    arena_reset(&lab->arena, 1 << 20);
}

static void lab_fini(struct lab *lab)
{
    lab_forget(lab);
    arena_fini(&lab->arena);
    range_state_free(lab->state);
}

static const struct range_applied *apply_bytes(struct lab *lab, const uint8_t *data, size_t bytes)
{
    lab_forget(lab);
    /* A copy of just this size, so that a sanitizer sees a read past the end. */
    uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
    assert_non_null(copy);
    if (bytes > 0)
        memcpy(copy, data, bytes);
    const struct log_entry entry = {
        .term = 1, .type = ENTRY_COMMAND, .data = copy, .bytes = (uint32_t)bytes};
    const enum status status =
        range_state_apply(lab->state, ++lab->index, &entry, &lab->arena, &lab->applied);
    free(copy);
    assert_int_equal(status, STATUS_OK);
    return &lab->applied;
}

static const struct range_applied *apply(struct lab *lab, const struct record *record)
{
    const size_t bytes = record_bytes(record);
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    assert_int_equal(record_encode(record, data, bytes), STATUS_OK);
    const struct range_applied *applied = apply_bytes(lab, data, bytes);
    free(data);
    return applied;
}

/* The summary of a record that closed one run. */
static const struct summary *only_summary(const struct range_applied *applied)
{
    assert_int_equal(applied->summary_count, 1);
    return applied->summaries[0];
}

/* Microseconds since the first epoch as a stamp. */
static uint64_t at_us(uint64_t us)
{
    return hlc_from_us(START_US + us);
}

static struct player_id player_of(uint32_t number)
{
    return (struct player_id){.bytes = {0xc0, (uint8_t)(number >> 8), (uint8_t)number, 7}};
}

static struct action click(uint32_t player, uint32_t seq, int32_t x)
{
    return (struct action){.kind = ACTION_CLAIM,
                           .hunt = HUNT,
                           .seq = seq,
                           .player = player_of(player),
                           .time_ms = (int64_t)(START_US / 1000),
                           .x = x};
}

static const struct range_applied *apply_actions(struct lab *lab, uint64_t stamp,
                                                 const struct action *actions, uint32_t count)
{
    const size_t capacity = (size_t)count * ACTION_BYTES_MAX;
    uint8_t *body = malloc(capacity);
    assert_non_null(body);
    struct writer writer;
    writer_init(&writer, body, capacity);
    for (uint32_t i = 0; i < count; i++)
        action_encode(&actions[i], &writer);
    assert_true(writer_ok(&writer));
    const struct record record = {.kind = RECORD_ACTIONS,
                                  .stamp = stamp,
                                  .count = count,
                                  .body = body,
                                  .body_bytes = writer.used};
    const struct range_applied *applied = apply(lab, &record);
    free(body);
    return applied;
}

static struct result apply_click(struct lab *lab, uint64_t stamp, const struct action *action)
{
    const struct range_applied *applied = apply_actions(lab, stamp, action, 1);
    assert_int_equal(applied->count, 1);
    return applied->results[0];
}

static const struct range_applied *apply_close(struct lab *lab, uint64_t stamp, uint64_t epoch)
{
    const struct record record = {.kind = RECORD_CLOSE, .stamp = stamp, .epoch = epoch};
    return apply(lab, &record);
}

/* A hunt with a treasure at each of `treasures` places (100 i, 0), each worth `points`. */
static const struct range_applied *apply_learn(struct lab *lab, uint64_t stamp, uint32_t version,
                                               uint32_t points)
{
    enum { TREASURES = 8 };
    struct definition *definition = definition_new(TREASURES);
    assert_non_null(definition);
    definition->treasure_count = TREASURES;
    assert_int_equal(name_set(&definition->hunt, "harbour", 7), STATUS_OK);
    for (int32_t i = 0; i < TREASURES; i++) {
        const char id[3] = {'t', (char)('0' + i), '\0'};
        assert_int_equal(name_set(&definition->treasures[i].id, id, 2), STATUS_OK);
        definition->treasures[i].number = (uint16_t)i;
        definition->treasures[i].x = 100 * i;
        definition->treasures[i].radius = 10;
        definition->treasures[i].points = points;
    }
    const size_t bytes = definition_bytes(definition);
    uint8_t *body = malloc(bytes);
    assert_non_null(body);
    struct writer writer;
    writer_init(&writer, body, bytes);
    definition_encode(definition, &writer);
    const struct record record = {.kind = RECORD_LEARN,
                                  .stamp = stamp,
                                  .hunt = HUNT,
                                  .version = version,
                                  .body = body,
                                  .body_bytes = bytes};
    const struct range_applied *applied = apply(lab, &record);
    free(body);
    definition_free(definition);
    return applied;
}

static const struct range_applied *apply_resolve(struct lab *lab, uint64_t stamp, uint32_t version,
                                                 uint64_t epoch)
{
    const struct record record = {
        .kind = RECORD_RESOLVE, .stamp = stamp, .hunt = HUNT, .version = version, .epoch = epoch};
    return apply(lab, &record);
}

/* Version 1 judges from the first epoch on. */
static void lab_play(struct lab *lab, uint32_t players_max)
{
    lab_init(lab, players_max);
    assert_false(apply_learn(lab, at_us(0), 1, 10)->ignored);
    assert_false(apply_resolve(lab, at_us(1), 1, FIRST_EPOCH)->ignored);
}

static uint64_t promise_of(const struct lab *lab)
{
    struct range_learned learned;
    assert_true(range_state_unresolved(lab->state, 0, &learned));
    assert_true(learned.promise == range_state_promise(lab->state));
    return learned.promise;
}

/* What must not move when a record is void. */
struct snapshot {
    uint64_t last_hlc, open_epoch, promise, engine;
    uint32_t learned, players;
};

static struct snapshot snapshot_of(const struct lab *lab)
{
    const struct engine *engine = range_state_engine(lab->state);
    return (struct snapshot){
        .last_hlc = range_state_last_hlc(lab->state),
        .open_epoch = range_state_open_epoch(lab->state),
        .promise = range_state_promise(lab->state),
        .engine = engine_digest(engine),
        .learned = range_state_learned(lab->state, HUNT),
        .players = engine_players(engine),
    };
}

static void assert_void(const struct lab *lab, const struct snapshot *before)
{
    const struct snapshot after = snapshot_of(lab);
    assert_true(lab->applied.ignored);
    assert_int_equal(lab->applied.summary_count, 0);
    assert_true(after.last_hlc == before->last_hlc);
    assert_true(after.open_epoch == before->open_epoch);
    assert_true(after.promise == before->promise);
    assert_true(after.engine == before->engine);
    assert_int_equal(after.learned, before->learned);
    assert_int_equal(after.players, before->players);
}

/* ---- Stamps. */

static void the_first_action_may_have_the_first_stamp_of_the_first_epoch(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 30);
    const struct action action = click(1, 1, 0);
    const struct result result = apply_click(&lab, at_us(0), &action);
    assert_true(result.hlc == at_us(0));
    assert_true(result.epoch == FIRST_EPOCH);
    assert_int_equal(result.outcome, OUTCOME_NOT_OPEN);
    lab_fini(&lab);
}

static void action_i_of_an_entry_has_its_stamp_plus_i(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    const struct action actions[] = {click(1, 1, 0), click(2, 1, 0), click(1, 2, 100)};
    const struct range_applied *applied = apply_actions(&lab, at_us(500), actions, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(applied->results[i].hlc == at_us(500) + i);
        assert_true(applied->results[i].log_index == lab.index);
        assert_int_equal(applied->results[i].range, RANGE);
        assert_int_equal(applied->results[i].outcome, OUTCOME_FOUND);
    }
    assert_true(range_state_last_hlc(lab.state) == at_us(500) + 2);
    lab_fini(&lab);
}

static void a_leader_with_a_slow_clock_goes_on_after_the_last_stamp(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    const struct action first = click(1, 1, 0);
    const struct action second = click(1, 2, 100);
    const uint64_t before = apply_click(&lab, at_us(900000), &first).hlc;
    assert_true(apply_click(&lab, at_us(3), &second).hlc == before + 1);
    lab_fini(&lab);
}

static void every_record_that_counts_moves_the_last_stamp(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 30);
    const struct record barrier = {.kind = RECORD_BARRIER, .stamp = at_us(70)};
    assert_false(apply(&lab, &barrier)->ignored);
    assert_true(range_state_last_hlc(lab.state) == at_us(70));
    assert_false(apply(&lab, &barrier)->ignored);
    assert_true(range_state_last_hlc(lab.state) == at_us(70) + 1);
    assert_false(apply_learn(&lab, at_us(5), 1, 10)->ignored);
    assert_true(range_state_last_hlc(lab.state) == at_us(70) + 2);
    assert_false(apply_resolve(&lab, at_us(80), 1, FIRST_EPOCH)->ignored);
    assert_true(range_state_last_hlc(lab.state) == at_us(80));
    assert_false(apply_close(&lab, at_us(90), FIRST_EPOCH)->ignored);
    assert_true(range_state_last_hlc(lab.state) >= at_us(EPOCH_US));
    lab_fini(&lab);
}

static void an_entry_that_spans_a_boundary_begins_at_the_later_epoch(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    const struct action actions[] = {click(1, 1, 0), click(2, 1, 0), click(3, 1, 0)};
    /* Two of three would still be in the first epoch. */
    const struct range_applied *applied = apply_actions(&lab, at_us(EPOCH_US) - 2, actions, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(applied->results[i].hlc == at_us(EPOCH_US) + i);
        assert_true(applied->results[i].epoch == FIRST_EPOCH + 1);
    }
    assert_true(only_summary(applied)->through == FIRST_EPOCH);
    lab_fini(&lab);
}

static void an_entry_that_just_fits_stays_in_its_epoch(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    const struct action actions[] = {click(1, 1, 0), click(2, 1, 0), click(3, 1, 0)};
    const struct range_applied *applied = apply_actions(&lab, at_us(EPOCH_US) - 3, actions, 3);
    assert_true(applied->results[0].hlc == at_us(EPOCH_US) - 3);
    assert_true(applied->results[2].hlc == at_us(EPOCH_US) - 1);
    assert_true(applied->results[2].epoch == FIRST_EPOCH);
    assert_int_equal(applied->summary_count, 0);
    lab_fini(&lab);
}

static void stamps_at_the_end_of_time_abort_nothing(void **state)
{
    (void)state;
    const struct action actions[] = {click(1, 1, 0), click(2, 1, 0), click(3, 1, 0)};
    const uint64_t stamps[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 2, UINT64_MAX - 3};
    for (size_t i = 0; i < sizeof stamps / sizeof stamps[0]; i++) {
        struct lab lab;
        lab_play(&lab, 30);
        (void)apply_actions(&lab, stamps[i], actions, 3);
        (void)apply_actions(&lab, stamps[i], actions, 3);
        (void)apply_close(&lab, stamps[i], RECORD_NO_EPOCH);
        (void)apply_close(&lab, stamps[i], RECORD_NO_EPOCH - 1);
        (void)apply_learn(&lab, stamps[i], 2, 5);
        (void)apply_resolve(&lab, stamps[i], 2, RECORD_NO_EPOCH - 1);
        /* No stamp is left above the last one. */
        const struct snapshot before = snapshot_of(&lab);
        (void)apply_actions(&lab, at_us(5), actions, 3);
        assert_void(&lab, &before);
        assert_int_equal(lab.applied.results[0].outcome, OUTCOME_UNAVAILABLE);
        lab_fini(&lab);
    }
}

/* ---- Epochs. */

static void a_record_of_a_later_epoch_closes_those_before_it(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    const struct action first = click(1, 1, 0);
    const struct action second = click(1, 2, 100);
    (void)apply_click(&lab, at_us(5), &first);
    assert_int_equal(lab.applied.summary_count, 0);
    const struct result result = apply_click(&lab, at_us(3 * EPOCH_US + 1), &second);
    assert_int_equal(result.outcome, OUTCOME_FOUND);
    const struct summary *summary = only_summary(&lab.applied);
    assert_true(summary->from == FIRST_EPOCH);
    assert_true(summary->through == FIRST_EPOCH + 2);
    assert_int_equal(summary->range, RANGE);
    assert_true(range_state_open_epoch(lab.state) == FIRST_EPOCH + 3);

    /* The board is the one before the action that closed. */
    const struct summary_hunt *hunt = summary_hunt(summary, HUNT);
    assert_non_null(hunt);
    struct summary_cursor cursor;
    struct board_entry entry;
    summary_entries(&cursor, summary, hunt);
    assert_true(summary_next_entry(&cursor, &entry));
    assert_true(entry.score == 10);
    assert_false(summary_next_entry(&cursor, &entry));
    lab_fini(&lab);
}

static void sixty_silent_hours_are_one_close(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    const uint64_t through = FIRST_EPOCH + 21600 - 1;
    const struct range_applied *applied = apply_close(&lab, at_us(21600 * EPOCH_US), through);
    assert_false(applied->ignored);
    assert_true(only_summary(applied)->from == FIRST_EPOCH);
    assert_true(only_summary(applied)->through == through);
    assert_true(range_state_open_epoch(lab.state) == through + 1);
    assert_true(range_state_last_hlc(lab.state) >= at_us(21600 * EPOCH_US));
    lab_fini(&lab);
}

static void nothing_is_added_to_a_closed_epoch(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    /* A leader whose clock is ahead has closed; the next one's clock is behind. */
    assert_false(apply_close(&lab, at_us(100), FIRST_EPOCH + 1)->ignored);
    const struct action action = click(1, 1, 0);
    const struct result result = apply_click(&lab, at_us(200), &action);
    assert_true(result.epoch == FIRST_EPOCH + 2);
    assert_true(result.hlc > at_us(2 * EPOCH_US));
    assert_int_equal(lab.applied.summary_count, 0);
    lab_fini(&lab);
}

static void a_close_of_what_is_closed_is_void(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    assert_false(apply_close(&lab, at_us(EPOCH_US), FIRST_EPOCH)->ignored);
    const struct snapshot before = snapshot_of(&lab);
    (void)apply_close(&lab, at_us(EPOCH_US + 9), FIRST_EPOCH);
    assert_void(&lab, &before);
    (void)apply_close(&lab, at_us(EPOCH_US + 9), 0);
    assert_void(&lab, &before);
    lab_fini(&lab);
}

static void a_close_that_leaves_no_epoch_to_open_is_void(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    const struct snapshot before = snapshot_of(&lab);
    (void)apply_close(&lab, at_us(9), UINT64_MAX);
    assert_void(&lab, &before);
    (void)apply_close(&lab, at_us(9), UINT64_MAX - 1);
    assert_void(&lab, &before);
    (void)apply_close(&lab, at_us(9), epoch_of(UINT64_MAX, EPOCH_MS));
    assert_void(&lab, &before);
    lab_fini(&lab);
}

/* ---- Versions. */

static void assert_promise_at(uint64_t stamp, uint64_t expected)
{
    struct lab lab;
    lab_init(&lab, 30);
    assert_false(apply_learn(&lab, stamp, 1, 10)->ignored);
    assert_true(promise_of(&lab) == expected);
    lab_fini(&lab);
}

static void learn_promises_the_next_epoch_only_in_the_last_quarter(void **state)
{
    (void)state;
    const uint64_t quarter_us = EPOCH_US / 4;
    assert_promise_at(at_us(0), FIRST_EPOCH);
    assert_promise_at(at_us(EPOCH_US - quarter_us) - 1, FIRST_EPOCH);
    assert_promise_at(at_us(EPOCH_US - quarter_us), FIRST_EPOCH);
    assert_promise_at(at_us(EPOCH_US - quarter_us) + 1, FIRST_EPOCH + 1);
    assert_promise_at(at_us(EPOCH_US) - 1, FIRST_EPOCH + 1);
    /* The clock is past the boundary, though nothing has closed the epoch yet. */
    assert_promise_at(at_us(EPOCH_US), FIRST_EPOCH + 1);
    assert_promise_at(at_us(0) - 1, FIRST_EPOCH);
    assert_promise_at(0, FIRST_EPOCH);
}

static void a_slow_leaders_promise_counts_from_the_last_stamp(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 30);
    const struct record barrier = {.kind = RECORD_BARRIER, .stamp = at_us(EPOCH_US - 5)};
    assert_false(apply(&lab, &barrier)->ignored);
    assert_false(apply_learn(&lab, at_us(9), 1, 10)->ignored);
    assert_true(promise_of(&lab) == FIRST_EPOCH + 1);
    lab_fini(&lab);
}

static void actions_past_the_promise_are_void_and_unavailable(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    assert_false(apply_learn(&lab, at_us(50), 2, 20)->ignored);
    assert_true(promise_of(&lab) == FIRST_EPOCH);
    const struct snapshot before = snapshot_of(&lab);
    const uint64_t digest = range_state_digest(lab.state);

    const struct action actions[] = {click(1, 1, 0), click(2, 9, 100)};
    const struct range_applied *applied = apply_actions(&lab, at_us(EPOCH_US), actions, 2);
    assert_int_equal(applied->count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct result *result = &applied->results[i];
        assert_int_equal(result->outcome, OUTCOME_UNAVAILABLE);
        assert_true(player_id_equal(&result->player, &actions[i].player));
        assert_int_equal(result->seq, actions[i].seq);
        assert_int_equal(result->treasure, TREASURE_NONE);
        assert_true(result->hlc == 0);
        assert_true(result->log_index == 0);
    }
    assert_void(&lab, &before);
    assert_true(range_state_digest(lab.state) != digest);

    /* In the promised epoch the old version goes on judging. */
    assert_int_equal(apply_click(&lab, at_us(EPOCH_US - 1), &actions[0]).points, 10);
    lab_fini(&lab);
}

static void an_entry_that_would_spill_over_the_promise_is_void(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    assert_false(apply_learn(&lab, at_us(50), 2, 20)->ignored);
    const struct action actions[] = {click(1, 1, 0), click(2, 1, 0)};
    const struct snapshot before = snapshot_of(&lab);
    (void)apply_actions(&lab, at_us(EPOCH_US) - 1, actions, 2);
    assert_void(&lab, &before);
    assert_int_equal(apply_click(&lab, at_us(EPOCH_US) - 1, &actions[0]).outcome, OUTCOME_FOUND);
    lab_fini(&lab);
}

static void a_close_may_open_the_promised_epoch_and_no_later_one(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    assert_false(apply_learn(&lab, at_us(EPOCH_US - 5), 2, 20)->ignored);
    assert_true(promise_of(&lab) == FIRST_EPOCH + 1);
    const struct snapshot before = snapshot_of(&lab);
    (void)apply_close(&lab, at_us(EPOCH_US), FIRST_EPOCH + 1);
    assert_void(&lab, &before);
    assert_false(apply_close(&lab, at_us(EPOCH_US), FIRST_EPOCH)->ignored);
    assert_true(range_state_open_epoch(lab.state) == FIRST_EPOCH + 1);
    lab_fini(&lab);
}

static void a_version_judges_from_its_epoch_on_and_not_before(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    assert_false(apply_learn(&lab, at_us(50), 2, 20)->ignored);
    assert_false(apply_resolve(&lab, at_us(60), 2, FIRST_EPOCH + 2)->ignored);
    assert_true(range_state_promise(lab.state) == PROMISE_NONE);
    struct range_learned learned;
    assert_false(range_state_unresolved(lab.state, 0, &learned));

    const struct action actions[] = {click(1, 1, 0), click(1, 2, 100), click(1, 3, 200)};
    const struct result first = apply_click(&lab, at_us(70), &actions[0]);
    const struct result second = apply_click(&lab, at_us(2 * EPOCH_US) - 1, &actions[1]);
    const struct result third = apply_click(&lab, at_us(2 * EPOCH_US), &actions[2]);
    assert_int_equal(first.definition_version, 1);
    assert_int_equal(second.definition_version, 1);
    assert_int_equal(second.points, 10);
    assert_int_equal(third.definition_version, 2);
    assert_int_equal(third.points, 20);
    assert_true(third.epoch == FIRST_EPOCH + 2);

    /* The receipts keep the version that judged. */
    const struct result again = apply_click(&lab, at_us(2 * EPOCH_US + 9), &actions[1]);
    assert_true(again.replayed);
    assert_int_equal(again.definition_version, 1);
    assert_int_equal(again.points, 10);
    lab_fini(&lab);
}

static void a_cancelled_version_never_judges(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    assert_false(apply_learn(&lab, at_us(50), 2, 20)->ignored);
    assert_false(apply_resolve(&lab, at_us(60), 2, RECORD_NO_EPOCH)->ignored);
    assert_true(range_state_promise(lab.state) == PROMISE_NONE);
    const struct action action = click(1, 1, 0);
    const struct result result = apply_click(&lab, at_us(5 * EPOCH_US), &action);
    assert_int_equal(result.definition_version, 1);

    /* Its number is used up; the next one is learned as ever. */
    const struct snapshot before = snapshot_of(&lab);
    (void)apply_learn(&lab, at_us(5 * EPOCH_US + 5), 2, 20);
    assert_void(&lab, &before);
    assert_false(apply_learn(&lab, at_us(5 * EPOCH_US + 6), 3, 30)->ignored);
    assert_int_equal(range_state_learned(lab.state, HUNT), 3);
    lab_fini(&lab);
}

static void only_one_resolve_of_a_version_counts(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    assert_false(apply_learn(&lab, at_us(50), 2, 20)->ignored);
    struct snapshot before = snapshot_of(&lab);
    (void)apply_resolve(&lab, at_us(55), 3, FIRST_EPOCH + 1);
    assert_void(&lab, &before);
    assert_false(apply_resolve(&lab, at_us(60), 2, FIRST_EPOCH + 3)->ignored);
    before = snapshot_of(&lab);
    /* Two leaders may log it; and none may cancel what is active. */
    (void)apply_resolve(&lab, at_us(61), 2, FIRST_EPOCH + 3);
    assert_void(&lab, &before);
    (void)apply_resolve(&lab, at_us(62), 2, RECORD_NO_EPOCH);
    assert_void(&lab, &before);
    const struct action action = click(1, 1, 0);
    assert_int_equal(apply_click(&lab, at_us(3 * EPOCH_US), &action).definition_version, 2);
    lab_fini(&lab);
}

static void a_version_may_wait_for_its_epoch_while_the_next_is_undecided(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    assert_false(apply_learn(&lab, at_us(50), 2, 20)->ignored);
    assert_false(apply_resolve(&lab, at_us(60), 2, FIRST_EPOCH + 1)->ignored);
    assert_false(apply_learn(&lab, at_us(70), 3, 30)->ignored);
    assert_true(promise_of(&lab) == FIRST_EPOCH);
    assert_false(apply_resolve(&lab, at_us(80), 3, FIRST_EPOCH + 1)->ignored);
    const struct action action = click(1, 1, 0);
    const struct result result = apply_click(&lab, at_us(EPOCH_US), &action);
    assert_int_equal(result.definition_version, 3);
    assert_int_equal(result.points, 30);
    lab_fini(&lab);
}

static void a_version_that_is_resolved_late_judges_from_the_open_epoch(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 30);
    assert_false(apply_close(&lab, at_us(0), FIRST_EPOCH + 4)->ignored);
    assert_false(apply_learn(&lab, at_us(0), 1, 10)->ignored);
    assert_false(apply_resolve(&lab, at_us(0), 1, FIRST_EPOCH)->ignored);
    const struct action action = click(1, 1, 0);
    assert_int_equal(apply_click(&lab, at_us(0), &action).outcome, OUTCOME_FOUND);
    lab_fini(&lab);
}

/* ---- What is void. */

static void what_is_no_record_of_a_range_is_void(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    const struct snapshot before = snapshot_of(&lab);
    const uint8_t garbage[24] = {1, 2, 3};
    (void)apply_bytes(&lab, garbage, 0);
    assert_void(&lab, &before);
    (void)apply_bytes(&lab, garbage, 8);
    assert_void(&lab, &before);
    (void)apply_bytes(&lab, garbage, sizeof garbage);
    assert_void(&lab, &before);
    const struct record foreign[] = {
        {.kind = RECORD_FOUND, .stamp = at_us(9)},
        {.kind = RECORD_DEFINE, .stamp = at_us(9)},
        {.kind = RECORD_ACTIVATE, .stamp = at_us(9), .hunt = HUNT, .version = 1},
        {.kind = RECORD_CANCEL, .stamp = at_us(9), .hunt = HUNT, .version = 1},
        {.kind = RECORD_MEMBER, .stamp = at_us(9)},
    };
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        (void)apply(&lab, &foreign[i]);
        assert_void(&lab, &before);
    }
    lab_fini(&lab);
}

static void actions_that_do_not_decode_are_void_as_a_whole(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    const struct action action = click(1, 1, 0);
    uint8_t body[2 * ACTION_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    action_encode(&action, &writer);
    const size_t one = writer.used;
    action_encode(&action, &writer);

    const struct snapshot before = snapshot_of(&lab);
    struct record record = {.kind = RECORD_ACTIONS, .stamp = at_us(9), .body = body};
    const struct {
        uint32_t count;
        size_t bytes;
    } wrong[] = {{0, 0},
                 {0, one},
                 {1, 0},
                 {1, one - 1},
                 {1, one + 1},
                 {1, 2 * one},
                 {2, one},
                 {3, 2 * one},
                 {ENTRY_ACTIONS_MAX + 1, 2 * one},
                 {UINT32_MAX, 2 * one}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        record.count = wrong[i].count;
        record.body_bytes = wrong[i].bytes;
        (void)apply(&lab, &record);
        assert_void(&lab, &before);
        assert_int_equal(lab.applied.count, 0);
    }
    record.count = 2;
    record.body_bytes = 2 * one;
    assert_false(apply(&lab, &record)->ignored);
    assert_true(lab.applied.results[1].replayed);
    lab_fini(&lab);
}

static void a_learn_that_does_not_decode_is_void(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 30);
    const struct snapshot before = snapshot_of(&lab);
    const uint8_t text[16] = "not a hunt";
    struct record record = {.kind = RECORD_LEARN,
                            .stamp = at_us(9),
                            .hunt = HUNT,
                            .version = 2,
                            .body = text,
                            .body_bytes = sizeof text};
    (void)apply(&lab, &record);
    assert_void(&lab, &before);
    record.hunt = HUNTS_MAX;
    (void)apply(&lab, &record);
    assert_void(&lab, &before);
    record.hunt = UINT16_MAX;
    (void)apply(&lab, &record);
    assert_void(&lab, &before);
    lab_fini(&lab);
}

/* ---- Players. */

static void a_range_holds_an_equal_share_of_players_and_a_sixteenth(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab, 100); /* 34 in each of three, and two more */
    for (uint32_t i = 0; i < 36; i++) {
        const struct action action = click(i, 1, 0);
        assert_true(engine_has_room(range_state_engine(lab.state), HUNT, &action.player));
        assert_int_equal(apply_click(&lab, at_us(100 + i), &action).outcome, OUTCOME_FOUND);
    }
    const struct action one_more = click(36, 1, 0);
    assert_false(engine_has_room(range_state_engine(lab.state), HUNT, &one_more.player));
    assert_int_equal(apply_click(&lab, at_us(500), &one_more).outcome, OUTCOME_FULL);
    const struct action known = click(35, 2, 100);
    assert_int_equal(apply_click(&lab, at_us(600), &known).outcome, OUTCOME_FOUND);
    lab_fini(&lab);
}

/* ---- The same log, the same state. */

/* A record as a leader with a wandering clock would log it; at times one that no leader would. */
static void apply_random(struct lab *labs, struct rng *rng, uint64_t clock_us)
{
    const uint64_t stamp = at_us(clock_us + rng_below(rng, 300000));
    const uint64_t open = range_state_open_epoch(labs[0].state);
    const uint32_t version = range_state_learned(labs[0].state, HUNT);
    /* One version of a hunt is undecided at a time; two leaders may log it both. */
    struct range_learned learned;
    const bool undecided = range_state_unresolved(labs[0].state, 0, &learned);
    struct action actions[20];
    const uint32_t count = (uint32_t)rng_between(rng, 1, 20);
    for (uint32_t i = 0; i < count; i++)
        actions[i] = click((uint32_t)rng_below(rng, 40), (uint32_t)rng_between(rng, 1, 30),
                           100 * (int32_t)rng_below(rng, 9));
    const uint64_t dice = rng_below(rng, 100);
    const uint64_t epoch = open + rng_below(rng, 3);
    uint8_t noise[64];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)rng_below(rng, 4);
    const size_t noise_bytes = 8 * rng_below(rng, 9);
    for (int i = 0; i < 2; i++) {
        if (dice < 70)
            (void)apply_actions(&labs[i], stamp, actions, count);
        else if (dice < 80)
            (void)apply_close(&labs[i], stamp, epoch - (epoch > open ? 0 : dice % 2));
        else if (dice < 86)
            (void)apply_learn(&labs[i], stamp, version + !undecided, 10 + version);
        else if (dice < 96)
            (void)apply_resolve(&labs[i], stamp, version, dice < 94 ? epoch : RECORD_NO_EPOCH);
        else
            (void)apply_bytes(&labs[i], noise, noise_bytes);
    }
}

/* Stamps rise, an entry lies in one epoch that is not closed, and epochs close without gaps. */
static void check_time(const struct lab *lab, uint64_t last_before, uint64_t open_before,
                       uint64_t promise_before)
{
    const struct range_applied *applied = &lab->applied;
    uint64_t last = last_before;
    for (uint32_t i = 0; i < applied->count; i++) {
        const struct result *result = &applied->results[i];
        if (applied->ignored) {
            assert_int_equal(result->outcome, OUTCOME_UNAVAILABLE);
            continue;
        }
        if (result->replayed || result->outcome == OUTCOME_FULL)
            continue; /* the stamp of the first time; none at all */
        assert_true(result->hlc > last);
        last = result->hlc;
        assert_true(result->epoch == epoch_of(result->hlc, EPOCH_MS));
        assert_true(result->epoch == range_state_open_epoch(lab->state));
    }
    assert_true(range_state_last_hlc(lab->state) >= last);
    assert_true(range_state_last_hlc(lab->state) >= last_before);
    const uint64_t open = range_state_open_epoch(lab->state);
    uint64_t next = open_before;
    for (uint32_t i = 0; i < applied->summary_count; i++) {
        assert_true(applied->summaries[i]->from == next);
        next = applied->summaries[i]->through + 1;
    }
    assert_true(open == next);
    assert_true(open == open_before || open <= promise_before);
}

static void check_same_summaries(const struct range_applied *a, const struct range_applied *b)
{
    assert_int_equal(a->summary_count, b->summary_count);
    for (uint32_t i = 0; i < a->summary_count; i++)
        assert_true(a->summaries[i]->digest == b->summaries[i]->digest);
}

static void two_replicas_of_one_log_have_the_same_state(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct lab labs[2];
        lab_init(&labs[0], 90);
        lab_init(&labs[1], 90);
        uint64_t clock_us = 0;
        for (int i = 0; i < 1500; i++) {
            clock_us += rng_below(&rng, 100000);
            const uint64_t last = range_state_last_hlc(labs[0].state);
            const uint64_t open = range_state_open_epoch(labs[0].state);
            const uint64_t promise = range_state_promise(labs[0].state);
            apply_random(labs, &rng, clock_us);
            check_time(&labs[0], last, open, promise);
            if (range_state_digest(labs[0].state) != range_state_digest(labs[1].state))
                fail_msg("seed=%llu: digests differ after record %d", (unsigned long long)seed, i);
            check_same_summaries(&labs[0].applied, &labs[1].applied);
        }
        assert_true(engine_digest(range_state_engine(labs[0].state)) ==
                    engine_digest(range_state_engine(labs[1].state)));
        assert_true(range_state_open_epoch(labs[0].state) > FIRST_EPOCH);
        lab_fini(&labs[0]);
        lab_fini(&labs[1]);
    }
}

static void another_log_has_another_digest(void **state)
{
    (void)state;
    struct lab labs[2];
    lab_play(&labs[0], 30);
    lab_play(&labs[1], 30);
    assert_true(range_state_digest(labs[0].state) == range_state_digest(labs[1].state));
    const struct action right = click(1, 1, 0);
    const struct action wrong = click(1, 1, 50);
    (void)apply_click(&labs[0], at_us(10), &right);
    (void)apply_click(&labs[1], at_us(10), &wrong);
    assert_true(range_state_digest(labs[0].state) != range_state_digest(labs[1].state));
    lab_fini(&labs[0]);
    lab_fini(&labs[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_action_may_have_the_first_stamp_of_the_first_epoch),
        cmocka_unit_test(action_i_of_an_entry_has_its_stamp_plus_i),
        cmocka_unit_test(a_leader_with_a_slow_clock_goes_on_after_the_last_stamp),
        cmocka_unit_test(every_record_that_counts_moves_the_last_stamp),
        cmocka_unit_test(an_entry_that_spans_a_boundary_begins_at_the_later_epoch),
        cmocka_unit_test(an_entry_that_just_fits_stays_in_its_epoch),
        cmocka_unit_test(a_record_of_a_later_epoch_closes_those_before_it),
        cmocka_unit_test(sixty_silent_hours_are_one_close),
        cmocka_unit_test(nothing_is_added_to_a_closed_epoch),
        cmocka_unit_test(a_close_of_what_is_closed_is_void),
        cmocka_unit_test(a_close_that_leaves_no_epoch_to_open_is_void),
        cmocka_unit_test(learn_promises_the_next_epoch_only_in_the_last_quarter),
        cmocka_unit_test(a_slow_leaders_promise_counts_from_the_last_stamp),
        cmocka_unit_test(actions_past_the_promise_are_void_and_unavailable),
        cmocka_unit_test(an_entry_that_would_spill_over_the_promise_is_void),
        cmocka_unit_test(a_close_may_open_the_promised_epoch_and_no_later_one),
        cmocka_unit_test(a_version_judges_from_its_epoch_on_and_not_before),
        cmocka_unit_test(a_cancelled_version_never_judges),
        cmocka_unit_test(only_one_resolve_of_a_version_counts),
        cmocka_unit_test(a_version_may_wait_for_its_epoch_while_the_next_is_undecided),
        cmocka_unit_test(a_version_that_is_resolved_late_judges_from_the_open_epoch),
        cmocka_unit_test(what_is_no_record_of_a_range_is_void),
        cmocka_unit_test(actions_that_do_not_decode_are_void_as_a_whole),
        cmocka_unit_test(a_learn_that_does_not_decode_is_void),
        cmocka_unit_test(a_range_holds_an_equal_share_of_players_and_a_sixteenth),
        cmocka_unit_test(two_replicas_of_one_log_have_the_same_state),
        cmocka_unit_test(another_log_has_another_digest),
        cmocka_unit_test(stamps_at_the_end_of_time_abort_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
