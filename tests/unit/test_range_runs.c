/* tests/unit/test_range_runs.c -- How a range cuts the epochs that it closes into runs, and that
 * ranges which do it differently still say the same of every epoch. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/clock/hlc.h"
#include "cluster/epochs/merge.h"
#include "cluster/ranges/range_state.h"

#define EPOCH_MS 10000
#define EPOCH_US (UINT64_C(1000) * EPOCH_MS)
#define FIRST    UINT64_C(179000000)
#define RANGES   3
#define HUNTS    3
#define POINTS   10

/* All ranges of a cluster, on one node that merges what they close. */
struct lab {
    struct range_state *ranges[RANGES];
    uint64_t index[RANGES];
    struct merge *merge;
    struct arena arena;
    struct range_applied applied; /* what the last record did */
};

static void lab_init(struct lab *lab)
{
    const struct settings settings = {.cluster_id = 1,
                                      .first_epoch = FIRST,
                                      .ranges = RANGES,
                                      .replicas = 1,
                                      .epoch_ms = EPOCH_MS,
                                      .players_max = 300};
    memset(lab, 0, sizeof *lab);
    for (uint32_t i = 0; i < RANGES; i++) {
        lab->ranges[i] = range_state_new(&settings, i, 7 * i);
        assert_non_null(lab->ranges[i]);
    }
    lab->merge = merge_new(RANGES, FIRST);
    assert_non_null(lab->merge);
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
    merge_free(lab->merge);
    for (uint32_t i = 0; i < RANGES; i++)
        range_state_free(lab->ranges[i]);
}

static const struct range_applied *apply(struct lab *lab, uint32_t range,
                                         const struct record *record)
{
    lab_forget(lab);
    const size_t bytes = record_bytes(record);
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    assert_int_equal(record_encode(record, data, bytes), STATUS_OK);
    const struct log_entry entry = {
        .term = 1, .type = ENTRY_COMMAND, .data = data, .bytes = (uint32_t)bytes};
    assert_int_equal(range_state_apply(lab->ranges[range], ++lab->index[range], &entry, &lab->arena,
                                       &lab->applied),
                     STATUS_OK);
    free(data);
    assert_false(lab->applied.ignored);
    for (uint32_t i = 0; i < lab->applied.summary_count; i++)
        assert_int_equal(merge_add(lab->merge, lab->applied.summaries[i]), STATUS_OK);
    return &lab->applied;
}

/* Where `epoch` begins, counted from the first one. */
static uint64_t start_of(uint64_t epoch)
{
    return hlc_from_us((FIRST + epoch) * EPOCH_US);
}

static void learn(struct lab *lab, uint32_t range, uint16_t hunt, uint32_t version, enum ties ties)
{
    struct definition *definition = definition_new(1);
    assert_non_null(definition);
    const char name[2] = {'h', (char)('0' + hunt)};
    assert_int_equal(name_set(&definition->hunt, name, 2), STATUS_OK);
    assert_int_equal(name_set(&definition->treasures[0].id, "gold", 4), STATUS_OK);
    definition->treasure_count = 1;
    definition->treasures[0].radius = 10;
    definition->treasures[0].points = POINTS;
    definition->treasures[0].supply = hunt == 0 ? 4 : 0;
    definition->ties = ties;
    const size_t bytes = definition_bytes(definition);
    uint8_t *body = malloc(bytes);
    assert_non_null(body);
    struct writer writer;
    writer_init(&writer, body, bytes);
    definition_encode(definition, &writer);
    definition_free(definition);
    const struct record record = {.kind = RECORD_LEARN,
                                  .stamp = start_of(0),
                                  .hunt = hunt,
                                  .version = version,
                                  .body = body,
                                  .body_bytes = bytes};
    (void)apply(lab, range, &record);
    free(body);
}

static void resolve(struct lab *lab, uint32_t range, uint16_t hunt, uint32_t version,
                    uint64_t epoch)
{
    const struct record record = {.kind = RECORD_RESOLVE,
                                  .stamp = start_of(0),
                                  .hunt = hunt,
                                  .version = version,
                                  .epoch = epoch};
    (void)apply(lab, range, &record);
}

/* A version that counts from `epoch`, from the first one. */
static void change(struct lab *lab, uint32_t range, uint16_t hunt, uint32_t version, enum ties ties,
                   uint64_t epoch)
{
    learn(lab, range, hunt, version, ties);
    resolve(lab, range, hunt, version, FIRST + epoch);
}

static const struct range_applied *close_through(struct lab *lab, uint32_t range, uint64_t epoch)
{
    const struct record record = {
        .kind = RECORD_CLOSE, .stamp = start_of(epoch + 1), .epoch = FIRST + epoch};
    return apply(lab, range, &record);
}

/* The player clicks on the hunt's treasure as `epoch` begins. */
static const struct range_applied *click(struct lab *lab, uint32_t range, uint16_t hunt,
                                         uint8_t player, uint64_t epoch)
{
    const struct action action = {.kind = ACTION_CLAIM,
                                  .hunt = hunt,
                                  .seq = 1,
                                  .player = {.bytes = {0xc2, (uint8_t)range, player}},
                                  .time_ms = (int64_t)((FIRST + epoch) * EPOCH_MS)};
    uint8_t body[ACTION_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    action_encode(&action, &writer);
    const struct record record = {.kind = RECORD_ACTIONS,
                                  .stamp = start_of(epoch),
                                  .count = 1,
                                  .body = body,
                                  .body_bytes = writer.used};
    return apply(lab, range, &record);
}

static void assert_run(const struct range_applied *applied, uint32_t at, uint64_t from,
                       uint64_t through)
{
    assert_true(at < applied->summary_count);
    assert_true(applied->summaries[at]->from == FIRST + from);
    assert_true(applied->summaries[at]->through == FIRST + through);
}

static enum ties ties_in(const struct range_applied *applied, uint32_t at, uint16_t hunt)
{
    const struct summary_hunt *part = summary_hunt(applied->summaries[at], hunt);
    assert_non_null(part);
    return part->ties;
}

static void a_run_ends_where_a_version_becomes_active(void **state)
{
    (void)state;
    for (unsigned by_action = 0; by_action < 2; by_action++) {
        struct lab lab;
        lab_init(&lab);
        change(&lab, 1, 2, 1, TIES_FIRST, 0);
        change(&lab, 1, 2, 2, TIES_SHARED, 2);
        const struct range_applied *applied =
            by_action ? click(&lab, 1, 2, 1, 5) : close_through(&lab, 1, 4);
        assert_int_equal(applied->summary_count, 2);
        assert_run(applied, 0, 0, 1);
        assert_run(applied, 1, 2, 4);
        assert_int_equal(ties_in(applied, 0, 2), TIES_FIRST);
        assert_int_equal(ties_in(applied, 1, 2), TIES_SHARED);
        assert_true(range_state_open_epoch(lab.ranges[1]) == FIRST + 5);
        lab_fini(&lab);
    }
}

static void a_version_that_is_active_from_the_next_epoch_cuts_nothing(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab);
    change(&lab, 1, 2, 1, TIES_SHARED, 5);
    const struct range_applied *applied = close_through(&lab, 1, 4);
    assert_int_equal(applied->summary_count, 1);
    assert_run(applied, 0, 0, 4);
    assert_int_equal(ties_in(applied, 0, 2), TIES_FIRST); /* nobody plays yet */
    applied = close_through(&lab, 1, 9);
    assert_int_equal(applied->summary_count, 1);
    assert_run(applied, 0, 5, 9);
    assert_int_equal(ties_in(applied, 0, 2), TIES_SHARED);
    lab_fini(&lab);
}

static void a_cancelled_version_cuts_nothing(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab);
    change(&lab, 1, 2, 1, TIES_FIRST, 0);
    learn(&lab, 1, 2, 2, TIES_SHARED);
    resolve(&lab, 1, 2, 2, RECORD_NO_EPOCH);
    const struct range_applied *applied = close_through(&lab, 1, 4);
    assert_int_equal(applied->summary_count, 1);
    assert_run(applied, 0, 0, 4);
    assert_int_equal(ties_in(applied, 0, 2), TIES_FIRST);
    lab_fini(&lab);
}

static void hunts_that_change_in_the_same_epoch_cut_once(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab);
    change(&lab, 1, 0, 1, TIES_SHARED, 2);
    change(&lab, 1, 1, 1, TIES_SHARED, 4);
    change(&lab, 1, 2, 1, TIES_SHARED, 2);
    change(&lab, 1, 2, 2, TIES_FIRST, 4);
    const struct range_applied *applied = close_through(&lab, 1, 6);
    assert_int_equal(applied->summary_count, 3);
    assert_run(applied, 0, 0, 1);
    assert_run(applied, 1, 2, 3);
    assert_run(applied, 2, 4, 6);
    const enum ties expected[3][HUNTS] = {
        {TIES_FIRST, TIES_FIRST, TIES_FIRST},
        {TIES_SHARED, TIES_FIRST, TIES_SHARED},
        {TIES_SHARED, TIES_SHARED, TIES_FIRST},
    };
    for (uint32_t run = 0; run < 3; run++) {
        for (uint16_t hunt = 0; hunt < HUNTS; hunt++)
            assert_int_equal(ties_in(applied, run, hunt), expected[run][hunt]);
    }
    lab_fini(&lab);
}

static void what_is_left_to_settle_is_in_the_first_run_only(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab);
    change(&lab, 1, 0, 1, TIES_FIRST, 0);
    change(&lab, 1, 0, 2, TIES_SHARED, 2);
    assert_int_equal(click(&lab, 1, 0, 1, 0)->results[0].outcome, OUTCOME_PENDING);
    const struct range_applied *applied = click(&lab, 1, 0, 2, 4);
    assert_int_equal(applied->results[0].outcome, OUTCOME_PENDING);
    assert_int_equal(applied->summary_count, 2);
    assert_int_equal(applied->summaries[0]->ledger_hunts, 1);
    assert_int_equal(applied->summaries[1]->ledger_hunts, 0);
    struct ledger *ledger;
    assert_int_equal(summary_ledger(applied->summaries[0], &ledger), STATUS_OK);
    assert_int_equal(ledger->hunts[0].version, 1);
    assert_int_equal(ledger->hunts[0].treasures[0].claim_count, 1);
    free(ledger);
    lab_fini(&lab);
}

/* The ties of all hunts in each epoch, as the versions say that were made active. */
enum { EPOCHS = BOARDS_KEPT, VERSIONS = 4 };
struct plan {
    enum ties ties[HUNTS][EPOCHS];
};

/* Every range hears of all versions in the first epoch, in the same order. */
static void play_versions(struct lab *lab, struct rng *rng, struct plan *plan)
{
    memset(plan, 0, sizeof *plan);
    for (uint16_t hunt = 0; hunt < HUNTS; hunt++) {
        uint64_t from = 0;
        for (uint32_t version = 1; version <= VERSIONS && from < EPOCHS; version++) {
            const enum ties ties = rng_chance(rng, 1, 2) ? TIES_SHARED : TIES_FIRST;
            for (uint32_t range = 0; range < RANGES; range++)
                change(lab, range, hunt, version, ties, from);
            for (uint64_t epoch = from; epoch < EPOCHS; epoch++)
                plan->ties[hunt][epoch] = ties;
            from += 1 + rng_below(rng, 6);
        }
    }
}

/* Epoch by epoch, in one go, or in strides of any length; by a CLOSE or by somebody's action. */
static void close_all(struct lab *lab, struct rng *rng, uint32_t range)
{
    const uint64_t stride_max = rng_between(rng, 1, EPOCHS);
    uint8_t player = 0;
    for (uint64_t open = 0; open < EPOCHS;) {
        uint64_t next = open + rng_between(rng, 1, stride_max);
        next = next < EPOCHS ? next : EPOCHS;
        if (rng_chance(rng, 1, 2))
            (void)close_through(lab, range, next - 1);
        else
            (void)click(lab, range, (uint16_t)rng_below(rng, HUNTS), ++player, next);
        open = next;
    }
}

static void check_boards(struct lab *lab, const struct plan *plan, uint64_t seed)
{
    uint64_t complete = 0;
    assert_true(merge_complete(lab->merge, &complete));
    assert_true(complete == FIRST + EPOCHS - 1);
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        struct global_board *board = NULL;
        const enum status status = merge_board(lab->merge, FIRST + epoch, &board);
        if (status != STATUS_OK)
            fail_msg("seed=%llu: no board of epoch %llu: %s", (unsigned long long)seed,
                     (unsigned long long)epoch, status_name(status));
        assert_true(board->complete);
        for (uint16_t hunt = 0; hunt < HUNTS; hunt++) {
            if (global_board_hunt(board, hunt)->ties != plan->ties[hunt][epoch])
                fail_msg("seed=%llu: wrong ties of hunt %u in epoch %llu", (unsigned long long)seed,
                         hunt, (unsigned long long)epoch);
        }
        global_board_release(board);
    }
}

static void ranges_with_other_runs_make_one_board_of_each_epoch(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct lab lab;
        lab_init(&lab);
        struct plan plan;
        play_versions(&lab, &rng, &plan);
        for (uint32_t range = 0; range < RANGES; range++)
            close_all(&lab, &rng, range);
        check_boards(&lab, &plan, seed);
        lab_fini(&lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_ends_where_a_version_becomes_active),
        cmocka_unit_test(a_version_that_is_active_from_the_next_epoch_cuts_nothing),
        cmocka_unit_test(a_cancelled_version_cuts_nothing),
        cmocka_unit_test(hunts_that_change_in_the_same_epoch_cut_once),
        cmocka_unit_test(what_is_left_to_settle_is_in_the_first_run_only),
        cmocka_unit_test(ranges_with_other_runs_make_one_board_of_each_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
