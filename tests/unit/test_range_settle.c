/* tests/unit/test_range_settle.c -- SETTLE records in one range's log: what takes effect, once and
 * whole, and what every replica ignores. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/clock/hlc.h"
#include "cluster/epochs/settle.h"
#include "cluster/ranges/range_state.h"

#define EPOCH_MS 10000
#define EPOCH_US (UINT64_C(1000) * EPOCH_MS)
#define FIRST    UINT64_C(179000000)
#define HUNT     2
#define RANGE    1
#define REPLICAS 2
#define POINTS   10

/* Two replicas apply the same log; after each record they must be the same. */
struct lab {
    struct range_state *replicas[REPLICAS];
    struct arena arena;
    uint64_t index, term;
    uint64_t us; /* since the first epoch */
    struct range_applied applied;
};

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
    for (uint32_t i = 0; i < REPLICAS; i++)
        range_state_free(lab->replicas[i]);
}

static struct engine *engine_of(const struct lab *lab)
{
    return range_state_engine(lab->replicas[0]);
}

static void assert_replicas_agree(const struct lab *lab)
{
    assert_true(range_state_digest(lab->replicas[0]) == range_state_digest(lab->replicas[1]));
    assert_true(engine_digest(engine_of(lab)) ==
                engine_digest(range_state_engine(lab->replicas[1])));
    assert_true(range_state_settle_next(lab->replicas[0]) ==
                range_state_settle_next(lab->replicas[1]));
}

static const struct range_applied *apply(struct lab *lab, struct record *record)
{
    record->stamp = hlc_from_us(FIRST * EPOCH_US + lab->us);
    const size_t bytes = record_bytes(record);
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    assert_int_equal(record_encode(record, data, bytes), STATUS_OK);
    const struct log_entry entry = {
        .term = lab->term, .type = ENTRY_COMMAND, .data = data, .bytes = (uint32_t)bytes};
    lab->index++;
    for (uint32_t i = 0; i < REPLICAS; i++) {
        lab_forget(lab);
        assert_int_equal(
            range_state_apply(lab->replicas[i], lab->index, &entry, &lab->arena, &lab->applied),
            STATUS_OK);
    }
    free(data);
    assert_replicas_agree(lab);
    return &lab->applied;
}

/* Treasure i lies at (100 i, 0); the first two are limited to four. */
static void apply_hunt(struct lab *lab)
{
    enum { TREASURES = 3 };
    struct definition *definition = definition_new(TREASURES);
    assert_non_null(definition);
    definition->treasure_count = TREASURES;
    assert_int_equal(name_set(&definition->hunt, "harbour", 7), STATUS_OK);
    for (int32_t i = 0; i < TREASURES; i++) {
        struct treasure *treasure = &definition->treasures[i];
        const char id[2] = {'t', (char)('0' + i)};
        assert_int_equal(name_set(&treasure->id, id, 2), STATUS_OK);
        treasure->number = (uint16_t)i;
        treasure->x = 100 * i;
        treasure->radius = 10;
        treasure->points = POINTS;
        treasure->supply = i < 2 ? 4 : 0;
    }
    const size_t bytes = definition_bytes(definition);
    uint8_t *body = malloc(bytes);
    assert_non_null(body);
    struct writer writer;
    writer_init(&writer, body, bytes);
    definition_encode(definition, &writer);
    definition_free(definition);
    struct record learn = {
        .kind = RECORD_LEARN, .hunt = HUNT, .version = 1, .body = body, .body_bytes = bytes};
    assert_false(apply(lab, &learn)->ignored);
    free(body);
    struct record resolve = {.kind = RECORD_RESOLVE, .hunt = HUNT, .version = 1, .epoch = FIRST};
    assert_false(apply(lab, &resolve)->ignored);
}

static void lab_init(struct lab *lab)
{
    const struct settings settings = {.cluster_id = 1,
                                      .first_epoch = FIRST,
                                      .ranges = 3,
                                      .replicas = 1,
                                      .epoch_ms = EPOCH_MS,
                                      .players_max = 300};
    *lab = (struct lab){.index = 10, .term = 5};
    for (uint32_t i = 0; i < REPLICAS; i++) {
        lab->replicas[i] = range_state_new(&settings, RANGE, i);
        assert_non_null(lab->replicas[i]);
    }
    arena_init(&lab->arena);
    apply_hunt(lab);
}

static struct player_id player_of(uint32_t number)
{
    return (struct player_id){.bytes = {0xc0, (uint8_t)number, 7}};
}

static enum outcome click(struct lab *lab, uint32_t player, uint32_t seq, uint32_t treasure)
{
    const struct action action = {.kind = ACTION_CLAIM,
                                  .hunt = HUNT,
                                  .seq = seq,
                                  .player = player_of(player),
                                  .x = 100 * (int32_t)treasure};
    uint8_t body[ACTION_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    action_encode(&action, &writer);
    struct record record = {
        .kind = RECORD_ACTIONS, .count = 1, .body = body, .body_bytes = writer.used};
    return apply(lab, &record)->results[0].outcome;
}

/* Closes the epochs up to this one, counted from the first. */
static void close_through(struct lab *lab, uint64_t epoch)
{
    lab->us = (epoch + 1) * EPOCH_US;
    struct record record = {.kind = RECORD_CLOSE, .epoch = FIRST + epoch};
    assert_false(apply(lab, &record)->ignored);
}

/* A part of a settlement as the log carries it, with at most one item of each list. */
struct item {
    uint64_t from, through; /* counted from the first epoch */
    uint32_t part, parts;
    uint32_t awarded; /* of treasure 0 */
    uint32_t winner;  /* player of that treasure's place 1, seq 1 */
    uint32_t fires;   /* for player 1 */
};

static size_t encode(const struct item *item, uint8_t *body, size_t capacity)
{
    struct writer writer;
    writer_init(&writer, body, capacity);
    put_u64(&writer, SETTLE_VERSION);
    put_u64(&writer, FIRST + item->from);
    put_u64(&writer, FIRST + item->through);
    put_u32(&writer, item->part);
    put_u32(&writer, item->parts);
    put_u64(&writer, 77);                 /* inputs */
    put_u64(&writer, 88);                 /* settled */
    put_u64(&writer, FIRST + item->from); /* all have settled what is before */
    put_u32(&writer, item->awarded > 0);
    put_u32(&writer, item->winner > 0);
    put_u32(&writer, item->fires > 0);
    put_u32(&writer, 0);
    const struct player_id winner = player_of(item->winner), receiver = player_of(1);
    if (item->awarded > 0) {
        put_u16(&writer, HUNT);
        put_u16(&writer, 0);
        put_u32(&writer, item->awarded);
    }
    if (item->winner > 0) {
        put_u16(&writer, HUNT);
        put_u16(&writer, 0);
        put_u32(&writer, 1);
        put_bytes(&writer, winner.bytes, sizeof winner.bytes);
        put_u32(&writer, 1);
        put_u32(&writer, 500);
    }
    if (item->fires > 0) {
        put_u16(&writer, HUNT);
        put_bytes(&writer, receiver.bytes, sizeof receiver.bytes);
        put_u8(&writer, 1);
        put_bytes(&writer, "f", 1);
        put_u32(&writer, item->fires);
    }
    assert_true(writer_ok(&writer));
    return writer.used;
}

/* True: it counted. */
static bool settle(struct lab *lab, const struct item *item)
{
    uint8_t body[200];
    struct record record = {.kind = RECORD_SETTLE, .body = body};
    record.body_bytes = encode(item, body, sizeof body);
    return !apply(lab, &record)->ignored;
}

/* Player 1 wins treasure 0, player 2 loses it, player 1 gets three reactions: in three parts. */
static const struct item RUN[3] = {
    {.part = 1, .parts = 3, .awarded = 2},
    {.part = 2, .parts = 3, .winner = 1},
    {.part = 3, .parts = 3, .fires = 3},
};

static void lab_play(struct lab *lab)
{
    lab_init(lab);
    assert_int_equal(click(lab, 1, 1, 0), OUTCOME_PENDING);
    assert_int_equal(click(lab, 2, 1, 0), OUTCOME_PENDING);
    close_through(lab, 0);
}

static struct result receipt_of(const struct lab *lab, uint32_t player, uint32_t seq)
{
    const struct player_id id = player_of(player);
    struct result result;
    assert_int_equal(engine_receipt(engine_of(lab), HUNT, &id, seq, &result), STATUS_OK);
    return result;
}

static const struct player_page *page_of(const struct lab *lab, uint32_t player)
{
    static struct player_page page;
    const struct player_id id = player_of(player);
    engine_player(engine_of(lab), HUNT, &id, range_state_last_hlc(lab->replicas[0]), &page);
    return &page;
}

static void assert_not_settled(const struct lab *lab)
{
    assert_true(range_state_settle_next(lab->replicas[0]) == FIRST);
    assert_int_equal(engine_pending(engine_of(lab)), 2);
    assert_int_equal(engine_awarded(engine_of(lab), HUNT, 0), 0);
    assert_int_equal(page_of(lab, 1)->reactions, 0);
}

static void assert_settled_once(const struct lab *lab)
{
    assert_true(range_state_settle_next(lab->replicas[0]) == FIRST + 1);
    assert_int_equal(engine_awarded(engine_of(lab), HUNT, 0), 2);
    assert_int_equal(receipt_of(lab, 1, 1).outcome, OUTCOME_WON);
    assert_int_equal(receipt_of(lab, 2, 1).outcome, OUTCOME_LOST);
    assert_true(page_of(lab, 1)->score == POINTS);
    assert_int_equal(page_of(lab, 1)->reactions, 3);
    assert_true(engine_settled_digest(engine_of(lab)) == 88);
}

static void a_settlement_takes_effect_as_a_whole_with_its_last_part(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab);
    const uint64_t before = engine_digest(engine_of(&lab));
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(settle(&lab, &RUN[i]));
        assert_true(lab.applied.all_settled_next == 0);
        assert_true(engine_digest(engine_of(&lab)) == before);
        assert_not_settled(&lab);
    }
    assert_true(settle(&lab, &RUN[2]));
    assert_true(lab.applied.all_settled_next == FIRST);
    assert_settled_once(&lab);
    lab_fini(&lab);
}

static void a_settlement_that_is_logged_twice_applies_once(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(settle(&lab, &RUN[i]));
    const uint64_t settled = engine_digest(engine_of(&lab));
    const uint64_t last_hlc = range_state_last_hlc(lab.replicas[0]);
    for (uint32_t term = 5; term <= 6; term++) {
        lab.term = term;
        for (uint32_t i = 0; i < 3; i++)
            assert_false(settle(&lab, &RUN[i]));
    }
    assert_true(engine_digest(engine_of(&lab)) == settled);
    assert_true(range_state_last_hlc(lab.replicas[0]) == last_hlc);
    assert_settled_once(&lab);
    lab_fini(&lab);
}

/* For each number of parts that the earlier leader got into the log. */
static void a_run_that_was_cut_off_gives_way_to_the_next_leaders(void **state)
{
    (void)state;
    for (uint32_t cut = 1; cut <= 2; cut++) {
        struct lab lab;
        lab_play(&lab);
        for (uint32_t i = 0; i < cut; i++)
            assert_true(settle(&lab, &RUN[i]));
        lab.term = 6;
        assert_false(settle(&lab, &RUN[cut])); /* it does not go on in another term */
        assert_not_settled(&lab);
        for (uint32_t i = 0; i < 3; i++)
            assert_true(settle(&lab, &RUN[i]));
        assert_settled_once(&lab);
        lab_fini(&lab);
    }
}

/* The two came to cut the epochs differently. */
static void a_run_that_was_cut_off_may_be_followed_by_a_longer_one(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab);
    assert_true(settle(&lab, &RUN[0]));
    close_through(&lab, 4);
    lab.term = 6;
    for (uint32_t i = 0; i < 3; i++) {
        struct item item = RUN[i];
        item.through = 4;
        assert_true(settle(&lab, &item));
    }
    assert_true(range_state_settle_next(lab.replicas[0]) == FIRST + 5);
    assert_int_equal(receipt_of(&lab, 1, 1).outcome, OUTCOME_WON);
    assert_int_equal(page_of(&lab, 1)->reactions, 3);
    lab_fini(&lab);
}

static void assert_ignored(struct lab *lab, const struct item *item)
{
    const uint64_t before = engine_digest(engine_of(lab));
    const uint64_t next = range_state_settle_next(lab->replicas[0]);
    const uint64_t last_hlc = range_state_last_hlc(lab->replicas[0]);
    lab->us += 5;
    assert_false(settle(lab, item));
    assert_true(lab->applied.all_settled_next == 0);
    assert_true(engine_digest(engine_of(lab)) == before);
    assert_true(range_state_settle_next(lab->replicas[0]) == next);
    assert_true(range_state_last_hlc(lab->replicas[0]) == last_hlc);
}

static void parts_out_of_their_order_are_ignored(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab);
    assert_ignored(&lab, &RUN[1]);
    assert_ignored(&lab, &RUN[2]);
    assert_true(settle(&lab, &RUN[0]));
    assert_ignored(&lab, &RUN[2]);
    assert_true(settle(&lab, &RUN[1]));
    assert_ignored(&lab, &RUN[1]);
    assert_true(settle(&lab, &RUN[2]));
    assert_settled_once(&lab);
    lab_fini(&lab);
}

static void a_settlement_that_does_not_begin_where_the_last_ended_is_ignored(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab);
    close_through(&lab, 5);
    struct item item = {.from = 1, .through = 1, .part = 1, .parts = 1, .awarded = 1};
    assert_ignored(&lab, &item); /* a gap */
    item.from = 0;
    assert_true(settle(&lab, &item)); /* through 1 */
    for (item.from = 0; item.from <= 1; item.from++) {
        item.through = 3;
        assert_ignored(&lab, &item); /* overlapping */
    }
    item.from = 2;
    assert_true(settle(&lab, &item));
    assert_true(range_state_settle_next(lab.replicas[0]) == FIRST + 4);
    lab_fini(&lab);
}

static void an_epoch_that_is_open_is_not_settled(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab);
    assert_true(range_state_open_epoch(lab.replicas[0]) == FIRST + 1);
    struct item item = {.part = 1, .parts = 1, .awarded = 1};
    for (item.through = 1; item.through <= 3; item.through++)
        assert_ignored(&lab, &item);
    item.through = 0;
    assert_true(settle(&lab, &item));
    lab_fini(&lab);
}

/* It says nothing of another run, so that one goes on. */
static void what_is_void_does_not_disturb_an_unfinished_run(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab);
    assert_true(settle(&lab, &RUN[0]));
    const struct item too_late = {.through = 1, .part = 1, .parts = 1};
    assert_ignored(&lab, &too_late);
    const struct item gap = {.from = 1, .through = 1, .part = 1, .parts = 1};
    assert_ignored(&lab, &gap);
    uint8_t body[200];
    struct record cut_short = {.kind = RECORD_SETTLE, .body = body};
    cut_short.body_bytes = encode(&RUN[0], body, sizeof body) - 1;
    assert_true(apply(&lab, &cut_short)->ignored);
    assert_true(settle(&lab, &RUN[1]));
    assert_true(settle(&lab, &RUN[2]));
    assert_settled_once(&lab);
    lab_fini(&lab);
}

static void claims_and_closes_between_the_parts_change_nothing_about_them(void **state)
{
    (void)state;
    struct lab lab;
    lab_play(&lab);
    assert_true(settle(&lab, &RUN[0]));
    assert_int_equal(click(&lab, 3, 1, 0), OUTCOME_PENDING); /* of a later epoch */
    assert_true(settle(&lab, &RUN[1]));
    close_through(&lab, 2);
    assert_int_equal(click(&lab, 4, 1, 2), OUTCOME_FOUND);
    assert_true(settle(&lab, &RUN[2]));
    assert_settled_once(&lab);
    assert_int_equal(receipt_of(&lab, 3, 1).outcome, OUTCOME_PENDING);
    assert_true(receipt_of(&lab, 1, 1).final_epoch == FIRST + 3); /* the open one by now */
    lab_fini(&lab);
}

/* Replicas are compared after each record. */
static void replicas_agree_on_any_sequence_of_parts(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 31);
    uint32_t whole = 0, ignored = 0;
    for (uint32_t game = 0; game < 60; game++) {
        struct lab lab;
        lab_init(&lab);
        uint64_t open = 0;
        uint32_t seqs[10] = {0};
        for (uint32_t i = 0; i < 150; i++) {
            const uint64_t before = range_state_settle_next(lab.replicas[0]);
            const uint32_t player = (uint32_t)rng_below(&rng, 10);
            if (rng_chance(&rng, 1, 5))
                close_through(&lab, open++);
            else if (rng_chance(&rng, 1, 3))
                (void)click(&lab, player, ++seqs[player], (uint32_t)rng_below(&rng, 3));
            lab.term += rng_chance(&rng, 1, 20);
            const uint32_t parts = 1 + (uint32_t)rng_below(&rng, 2);
            const struct item item = {
                .from = before - FIRST + (rng_chance(&rng, 1, 8) ? 1 : 0),
                .through = before - FIRST + 1,
                .part = 1 + (uint32_t)rng_below(&rng, parts),
                .parts = parts,
                .awarded = 1 + (uint32_t)rng_below(&rng, 4),
                .winner = 1 + player,
                .fires = 1,
            };
            ignored += !settle(&lab, &item);
            const uint64_t after = range_state_settle_next(lab.replicas[0]);
            assert_true(after == before || after == before + 2);
            assert_true(after <= range_state_open_epoch(lab.replicas[0]));
            whole += after > before;
        }
        lab_fini(&lab);
    }
    assert_true(whole > 100);
    assert_true(ignored > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_settlement_takes_effect_as_a_whole_with_its_last_part),
        cmocka_unit_test(a_settlement_that_is_logged_twice_applies_once),
        cmocka_unit_test(a_run_that_was_cut_off_gives_way_to_the_next_leaders),
        cmocka_unit_test(a_run_that_was_cut_off_may_be_followed_by_a_longer_one),
        cmocka_unit_test(parts_out_of_their_order_are_ignored),
        cmocka_unit_test(a_settlement_that_does_not_begin_where_the_last_ended_is_ignored),
        cmocka_unit_test(an_epoch_that_is_open_is_not_settled),
        cmocka_unit_test(what_is_void_does_not_disturb_an_unfinished_run),
        cmocka_unit_test(claims_and_closes_between_the_parts_change_nothing_about_them),
        cmocka_unit_test(replicas_agree_on_any_sequence_of_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
