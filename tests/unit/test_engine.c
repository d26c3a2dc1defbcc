/* tests/unit/test_engine.c -- Line 1 of "How an action is judged" (window, replays, conflicts),
 * what judging leaves behind, and what happens when there is no room. The rules are in
 * test_rules.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/base/rng.h"
#include "cluster/hunt/window.h"
#include "tests/unit/stage.h"

#define NOWHERE (-5000)

static struct result receipt_of(const struct stage *stage, uint8_t player, uint32_t seq)
{
    const struct player_id id = stage_player(player);
    struct result result;
    memset(&result, 0xee, sizeof result);
    assert_int_equal(engine_receipt(stage->engine, STAGE_HUNT, &id, seq, &result), STATUS_OK);
    return result;
}

static enum status receipt_status(const struct stage *stage, uint8_t player, uint32_t seq)
{
    const struct player_id id = stage_player(player);
    struct result result;
    return engine_receipt(stage->engine, STAGE_HUNT, &id, seq, &result);
}

static const struct player_page *page_of(const struct stage *stage, uint8_t player)
{
    static struct player_page page;
    const struct player_id id = stage_player(player);
    engine_player(stage->engine, STAGE_HUNT, &id, hlc_from_us(stage_us(stage)), &page);
    return &page;
}

/* Field by field: structs have padding. */
static void assert_same_result(const struct result *a, const struct result *b)
{
    assert_true(player_id_equal(&a->player, &b->player));
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->treasure, b->treasure);
    assert_int_equal(a->final, b->final);
    assert_int_equal(a->replayed, b->replayed);
    assert_int_equal(a->points, b->points);
    assert_true(a->score == b->score);
    assert_true(a->epoch == b->epoch);
    assert_true(a->hlc == b->hlc);
    assert_int_equal(a->range, b->range);
    assert_true(a->log_index == b->log_index);
    assert_int_equal(a->definition_version, b->definition_version);
    assert_true(a->final_epoch == b->final_epoch);
    assert_ptr_equal(a->treasure_id, b->treasure_id);
}

static void a_find_is_answered_in_full(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 3);
    stage_activate(&stage);
    stage.us = 12345678;
    const struct result result = stage_click(&stage, 1, 7, 2003);
    const struct result expected = {
        .player = stage_player(1),
        .seq = 7,
        .outcome = OUTCOME_FOUND,
        .treasure = 2,
        .final = true,
        .points = 102,
        .score = 102,
        .epoch = (uint64_t)STAGE_START_MS / STAGE_EPOCH_MS + 1,
        .hlc = hlc_from_us(stage_us(&stage)),
        .range = STAGE_RANGE,
        .log_index = 101,
        .definition_version = 1,
        .treasure_id = engine_treasure_id(stage.engine, STAGE_HUNT, 2),
    };
    assert_same_result(&result, &expected);
    assert_string_equal(result.treasure_id, "t2");
    stage_fini(&stage);
}

static void a_miss_is_answered_in_full(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 1);
    stage_activate(&stage);
    stage_click(&stage, 1, 1, 0);
    const struct result result = stage_click(&stage, 1, 2, NOWHERE);
    const struct result expected = {
        .player = stage_player(1),
        .seq = 2,
        .outcome = OUTCOME_NOTHING,
        .treasure = TREASURE_NONE,
        .final = true,
        .score = 100,
        .epoch = (uint64_t)STAGE_START_MS / STAGE_EPOCH_MS,
        .hlc = hlc_from_us(stage_us(&stage)) + 1,
        .range = STAGE_RANGE,
        .log_index = 102,
        .definition_version = 1,
    };
    assert_same_result(&result, &expected);
    stage_fini(&stage);
}

static void finding_twice_scores_once(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 2);
    stage_activate(&stage);
    assert_int_equal(stage_click(&stage, 1, 1, 0).outcome, OUTCOME_FOUND);
    const struct result again = stage_click(&stage, 1, 2, 5);
    assert_int_equal(again.outcome, OUTCOME_ALREADY);
    assert_int_equal(again.treasure, 0);
    assert_int_equal(again.points, 0);
    assert_true(again.score == 100);
    assert_true(stage_click(&stage, 1, 3, 1000).score == 201);
    assert_true(stage_click(&stage, 2, 1, 0).score == 100);
    stage_fini(&stage);
}

static void a_retry_gets_the_receipt_with_the_present_score(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 2);
    stage_activate(&stage);
    const struct action action = stage_claim(&stage, 1, 1, 0, 0);
    struct result first = stage_judge(&stage, &action);
    stage.us += 25000000;
    stage_click(&stage, 1, 2, 1000);
    stage_activate(&stage); /* another version judged nothing of it */
    const struct result again = stage_judge(&stage, &action);
    first.replayed = true;
    first.score = 201;
    assert_same_result(&again, &first);
    const struct result receipt = receipt_of(&stage, 1, 1);
    assert_same_result(&receipt, &first);
    assert_int_equal(engine_receipts(stage.engine), 2);
    stage_fini(&stage);
}

static void a_retry_of_a_miss_has_no_log_index(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 1);
    stage_activate(&stage);
    const struct action action = stage_claim(&stage, 1, 1, NOWHERE, 0);
    struct result first = stage_judge(&stage, &action);
    stage.us += 11000000;
    stage_click(&stage, 1, 2, 0);
    const struct result again = stage_judge(&stage, &action);
    first.replayed = true;
    first.score = 100;
    first.log_index = 0;
    first.definition_version = 0;
    assert_same_result(&again, &first);
    const struct result receipt = receipt_of(&stage, 1, 1);
    assert_same_result(&receipt, &first);
    stage_fini(&stage);
}

static void other_content_under_a_used_seq_is_a_conflict(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 2);
    stage_activate(&stage);
    stage_click(&stage, 1, 1, 0);
    stage_click(&stage, 1, 2, NOWHERE);
    const uint64_t before = engine_digest(stage.engine);
    for (uint32_t seq = 1; seq <= 2; seq++) {
        struct action other = stage_claim(&stage, 1, seq, seq == 1 ? 0 : NOWHERE, 0);
        other.time_ms++;
        const struct result result = stage_judge(&stage, &other);
        assert_int_equal(result.outcome, OUTCOME_CONFLICT);
        assert_false(result.replayed);
        assert_true(result.final);
        assert_int_equal(result.treasure, TREASURE_NONE);
        assert_null(result.treasure_id);
        assert_int_equal(result.points, 0);
        assert_true(result.score == 100);
        assert_true(result.hlc == stage.hlc);
        assert_true(result.log_index == stage.log_index);
        assert_int_equal(result.definition_version, 1);
    }
    assert_true(engine_digest(stage.engine) == before);
    stage_fini(&stage);
}

static void gaps_and_disorder_are_judged_as_they_come(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 5);
    stage_activate(&stage);
    static const uint32_t seqs[] = {9, 3, SEQ_MAX, 1, 5};
    for (int32_t i = 0; i < 5; i++)
        assert_int_equal(stage_click(&stage, 1, seqs[i], 1000 * i).outcome, OUTCOME_FOUND);
    for (int32_t i = 0; i < 5; i++) {
        const struct result again = stage_click(&stage, 1, seqs[i], 1000 * i);
        assert_int_equal(again.outcome, OUTCOME_FOUND);
        assert_true(again.replayed);
        assert_int_equal(again.treasure, i);
    }
    assert_int_equal(receipt_status(&stage, 1, 2), STATUS_NOT_FOUND);
    assert_int_equal(receipt_status(&stage, 1, 0), STATUS_NOT_FOUND);
    assert_int_equal(page_of(&stage, 1)->last_seq, SEQ_MAX);
    stage_fini(&stage);
}

/* Seqs 10, 20, ... 160: a full window. Every fourth is a find. */
static void fill_window(struct stage *stage)
{
    for (uint32_t i = 1; i <= WINDOW_SEQS; i++)
        stage_click(stage, 1, 10 * i, i % 4 == 1 ? (int32_t)(1000 * (i / 4)) : NOWHERE);
}

static void a_full_window_still_holds_its_sixteen_seqs(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 8);
    stage_activate(&stage);
    fill_window(&stage);
    const uint64_t before = engine_digest(stage.engine);
    for (uint32_t i = 1; i <= WINDOW_SEQS; i++) {
        const int32_t x = i % 4 == 1 ? (int32_t)(1000 * (i / 4)) : NOWHERE;
        assert_true(stage_click(&stage, 1, 10 * i, x).replayed);
    }
    for (uint32_t seq = 1; seq < 10; seq++)
        assert_int_equal(stage_click(&stage, 1, seq, NOWHERE).outcome, OUTCOME_STALE);
    assert_true(engine_digest(stage.engine) == before);
    stage_fini(&stage);
}

static void the_seventeenth_seq_pushes_the_lowest_out(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 8);
    stage_activate(&stage);
    fill_window(&stage);
    stage_click(&stage, 1, 170, NOWHERE); /* 10 falls out: it was a find */
    stage_click(&stage, 1, 180, NOWHERE); /* 20 falls out: it was none */

    const struct result found = stage_click(&stage, 1, 10, 0);
    assert_true(found.replayed);
    assert_int_equal(found.outcome, OUTCOME_FOUND);
    assert_true(found.log_index == 101);
    assert_int_equal(stage_click(&stage, 1, 10, 1).outcome, OUTCOME_CONFLICT);

    const struct result missed = stage_click(&stage, 1, 20, NOWHERE);
    assert_int_equal(missed.outcome, OUTCOME_STALE);
    assert_false(missed.replayed);
    assert_true(missed.log_index == stage.log_index);
    assert_int_equal(missed.definition_version, 1);
    assert_int_equal(stage_click(&stage, 1, 25, 7000).outcome, OUTCOME_STALE);

    assert_int_equal(receipt_of(&stage, 1, 10).outcome, OUTCOME_FOUND);
    assert_int_equal(receipt_status(&stage, 1, 20), STATUS_TRUNCATED);
    assert_int_equal(receipt_status(&stage, 1, 25), STATUS_TRUNCATED);
    assert_int_equal(receipt_status(&stage, 1, 30), STATUS_OK);
    assert_int_equal(receipt_status(&stage, 1, 35), STATUS_NOT_FOUND);
    assert_int_equal(receipt_status(&stage, 1, 181), STATUS_NOT_FOUND);
    stage_fini(&stage);
}

static void a_gap_inside_a_full_window_is_new(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 8);
    stage_activate(&stage);
    fill_window(&stage);
    assert_int_equal(stage_click(&stage, 1, 11, 5000).outcome, OUTCOME_FOUND); /* 10 falls out */
    assert_int_equal(stage_click(&stage, 1, 12, 6000).outcome, OUTCOME_FOUND); /* 11 falls out */
    assert_int_equal(stage_click(&stage, 1, 155, 7000).outcome, OUTCOME_FOUND);
    assert_int_equal(stage_click(&stage, 1, 13, NOWHERE).outcome, OUTCOME_STALE);
    /* All three finds are known by their receipts, in or below the window. */
    assert_true(stage_click(&stage, 1, 10, 0).replayed);
    assert_true(stage_click(&stage, 1, 11, 5000).replayed);
    assert_true(stage_click(&stage, 1, 12, 6000).replayed);
    assert_true(stage_click(&stage, 1, 155, 7000).replayed);
    stage_fini(&stage);
}

static void what_was_stale_or_a_conflict_takes_no_place(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 8);
    stage_activate(&stage);
    fill_window(&stage);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(stage_click(&stage, 1, 5, 7000).outcome, OUTCOME_STALE);
        assert_int_equal(stage_click(&stage, 1, 100, 7000).outcome, OUTCOME_CONFLICT);
    }
    assert_true(stage_click(&stage, 1, 20, NOWHERE).replayed);
    stage_fini(&stage);
}

/* The window and the receipts against a list of everything, with random seqs. */
static void any_order_of_seqs_gives_what_a_complete_list_gives(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 5);
    for (uint32_t round = 0; round < 300; round++) {
        struct window window = {.highest = 0};
        bool judged[200] = {false};
        for (uint32_t step = 0; step < 150; step++) {
            const uint32_t seq = (uint32_t)rng_between(&rng, 1, 199);
            uint32_t above = 0;
            for (uint32_t i = seq + 1; i < 200; i++)
                above += judged[i];
            const bool in_window = judged[seq] && above < WINDOW_SEQS;
            const bool forgotten = above >= WINDOW_SEQS;
            const struct window_entry *entry = window_find(&window, seq);
            assert_int_equal(entry != NULL, in_window);
            assert_int_equal(window_forgot(&window, seq), forgotten);
            if (entry != NULL)
                assert_true(window_hlc(entry) == seq * UINT64_C(0x100000001));
            if (in_window || forgotten)
                continue;
            judged[seq] = true;
            const struct window_judged next = {.seq = seq, .hlc = seq * UINT64_C(0x100000001)};
            window_enter(&window, &next);
        }
        for (uint32_t n = 1; n < window.count; n++)
            assert_true(window_at(&window, n - 1)->seq > window_at(&window, n)->seq);
    }
}

static void without_a_version_nothing_is_open_and_nothing_is_kept(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 1);
    for (uint32_t learned = 0; learned < 2; learned++) {
        if (learned == 1)
            assert_int_equal(engine_learn(stage.engine, STAGE_HUNT, &stage.definition), STATUS_OK);
        const struct result result = stage_click(&stage, 1, 1, 0);
        assert_int_equal(result.outcome, OUTCOME_NOT_OPEN);
        assert_int_equal(result.definition_version, 0);
        assert_true(result.hlc == stage.hlc);
        assert_true(result.log_index == stage.log_index);
        assert_int_equal(engine_players(stage.engine), 0);
        assert_int_equal(receipt_status(&stage, 1, 1), STATUS_NOT_FOUND);
    }
    stage_activate(&stage);
    assert_int_equal(stage_click(&stage, 1, 1, 0).outcome, OUTCOME_FOUND);
    stage_fini(&stage);
}

static void before_its_opening_a_hunt_keeps_what_it_answered(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 1);
    stage.definition.has_opens_at = true;
    stage.definition.opens_at_ms = STAGE_START_MS + 1;
    stage_activate(&stage);
    const struct action action = stage_claim(&stage, 1, 1, 0, 0);
    assert_int_equal(stage_judge(&stage, &action).outcome, OUTCOME_NOT_OPEN);
    assert_int_equal(engine_players(stage.engine), 1);
    stage.us = 1000;
    const struct result again = stage_judge(&stage, &action);
    assert_int_equal(again.outcome, OUTCOME_NOT_OPEN);
    assert_true(again.replayed);
    assert_int_equal(stage_click(&stage, 1, 2, 0).outcome, OUTCOME_FOUND);
    stage_fini(&stage);
}

static void hunts_and_players_do_not_mix(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 1);
    stage_activate(&stage);
    assert_int_equal(engine_activate(stage.engine, 63, 1, &stage.definition, 0), STATUS_OK);
    struct action action = stage_claim(&stage, 1, 1, 0, 0);
    assert_int_equal(stage_judge(&stage, &action).outcome, OUTCOME_FOUND);
    action.hunt = 63;
    const struct result other = stage_judge(&stage, &action);
    assert_int_equal(other.outcome, OUTCOME_FOUND);
    assert_false(other.replayed);
    assert_true(other.score == 100);
    action.hunt = 64; /* there can be no such hunt */
    assert_int_equal(stage_judge(&stage, &action).outcome, OUTCOME_NOT_OPEN);
    action.hunt = UINT16_MAX;
    assert_int_equal(stage_judge(&stage, &action).outcome, OUTCOME_NOT_OPEN);
    assert_int_equal(engine_players(stage.engine), 2);
    assert_true(board_players(engine_board(stage.engine, 63)) == 1);
    assert_null(engine_board(stage.engine, 64));
    stage_fini(&stage);
}

static void numbers_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 2);
    struct engine *engine = stage.engine;
    assert_int_equal(engine_learn(engine, HUNTS_MAX, &stage.definition), STATUS_INVALID);
    stage.treasures[1].number = TREASURE_NUMBERS_MAX;
    assert_int_equal(engine_learn(engine, STAGE_HUNT, &stage.definition), STATUS_INVALID);
    stage.treasures[1].number = 0;
    assert_int_equal(engine_learn(engine, STAGE_HUNT, &stage.definition), STATUS_INVALID);
    assert_null(engine_board(engine, STAGE_HUNT));
    stage.treasures[1].number = 7;
    assert_int_equal(engine_learn(engine, STAGE_HUNT, &stage.definition), STATUS_OK);
    assert_int_equal(engine_learn(engine, STAGE_HUNT, &stage.definition), STATUS_OK);
    (void)snprintf(stage.treasures[0].id.text, sizeof stage.treasures[0].id.text, "other");
    assert_int_equal(engine_learn(engine, STAGE_HUNT, &stage.definition), STATUS_CONFLICT);
    assert_string_equal(engine_treasure_id(engine, STAGE_HUNT, 0), "t0");
    assert_string_equal(engine_treasure_id(engine, STAGE_HUNT, 7), "t1");
    assert_null(engine_treasure_id(engine, STAGE_HUNT, 1));
    assert_null(engine_treasure_id(engine, STAGE_HUNT, 8));
    assert_int_equal(engine_activate(engine, STAGE_HUNT, 1, &stage.definition, 0), STATUS_CONFLICT);
    uint32_t version = 9;
    assert_null(engine_definition(engine, STAGE_HUNT, &version));
    assert_int_equal(version, 0);
    (void)snprintf(stage.treasures[0].id.text, sizeof stage.treasures[0].id.text, "t0");
    assert_int_equal(engine_activate(engine, STAGE_HUNT, 0, &stage.definition, 0), STATUS_INVALID);
    assert_int_equal(engine_activate(engine, STAGE_HUNT, 1, &stage.definition, UINT64_MAX),
                     STATUS_INVALID);
    assert_int_equal(engine_activate(engine, STAGE_HUNT, 4, &stage.definition, 0), STATUS_OK);
    assert_ptr_equal(engine_definition(engine, STAGE_HUNT, &version), &stage.definition);
    assert_int_equal(version, 4);
    stage_fini(&stage);
}

static void a_new_version_leaves_scores_and_names_as_they_are(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 3);
    stage_activate(&stage);
    stage_click(&stage, 1, 1, 0);
    const char *id = engine_treasure_id(stage.engine, STAGE_HUNT, 0);
    /* Treasure 0 is gone, 1 is worth more. */
    struct treasure fewer[2] = {stage.treasures[1], stage.treasures[2]};
    fewer[0].points = 5000;
    stage.definition.treasures = fewer;
    stage.definition.treasure_count = 2;
    stage_activate(&stage);
    const struct result replay = stage_click(&stage, 1, 1, 0);
    assert_true(replay.replayed);
    assert_int_equal(replay.points, 100);
    assert_int_equal(replay.definition_version, 1);
    assert_ptr_equal(replay.treasure_id, id);
    assert_string_equal(id, "t0");
    assert_int_equal(stage_click(&stage, 2, 1, 0).outcome, OUTCOME_NOTHING);
    const struct result found = stage_click(&stage, 1, 2, 1000);
    assert_true(found.score == 5100);
    assert_int_equal(found.treasure, 1);
    assert_int_equal(found.definition_version, 2);
    assert_int_equal(page_of(&stage, 1)->found_count, 2);
    stage_fini(&stage);
}

static void the_last_player_gets_in_and_the_next_is_refused(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 2);
    stage_activate(&stage);
    for (uint8_t player = 0; player < 20; player++) {
        const struct player_id id = stage_player(player);
        assert_true(engine_has_room(stage.engine, STAGE_HUNT, &id));
        assert_int_equal(stage_click(&stage, player, 1, 0).outcome, OUTCOME_FOUND);
    }
    const struct player_id known = stage_player(3), unknown = stage_player(20);
    assert_true(engine_has_room(stage.engine, STAGE_HUNT, &known));
    assert_false(engine_has_room(stage.engine, STAGE_HUNT, &unknown));
    assert_false(engine_has_room(stage.engine, STAGE_HUNT + 1, &known));

    const uint64_t before = engine_digest(stage.engine);
    const struct result full = stage_click(&stage, 20, 1, 0);
    const struct result expected = {.player = unknown,
                                    .seq = 1,
                                    .outcome = OUTCOME_FULL,
                                    .treasure = TREASURE_NONE,
                                    .final = true};
    assert_same_result(&full, &expected);
    assert_int_equal(stage_click(&stage, 20, 2, NOWHERE).outcome, OUTCOME_FULL);
    assert_true(engine_digest(stage.engine) == before);
    assert_int_equal(engine_players(stage.engine), 20);
    assert_int_equal(stage_click(&stage, 19, 2, 1000).outcome, OUTCOME_FOUND);
    stage_fini(&stage);
}

static void without_room_for_receipts_only_finds_are_refused(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 4);
    engine_free(stage.engine);
    const struct engine_config config = {
        .players_max = 3, .receipts_max = 2, .epoch_ms = STAGE_EPOCH_MS};
    stage.engine = engine_new(&config);
    assert_non_null(stage.engine);
    stage.treasures[3].taps_count = 2;
    stage.treasures[3].taps_within_ms = 1000;
    stage.definition.rate_claims = 100;
    stage.definition.rate_per_ms = 1000;
    stage_activate(&stage);
    stage_click(&stage, 1, 1, 0);
    stage_click(&stage, 1, 2, 1000);
    stage_click(&stage, 1, 3, 3000);
    const uint64_t before = engine_digest(stage.engine);
    assert_int_equal(stage_click(&stage, 1, 4, 2000).outcome, OUTCOME_FULL);
    assert_int_equal(stage_click(&stage, 1, 4, 3000).outcome, OUTCOME_FULL);
    assert_int_equal(stage_click(&stage, 2, 1, 0).outcome, OUTCOME_FULL);
    assert_true(engine_digest(stage.engine) == before);
    assert_int_equal(engine_players(stage.engine), 1);
    assert_int_equal(stage_click(&stage, 1, 4, NOWHERE).outcome, OUTCOME_NOTHING);
    assert_true(stage_click(&stage, 1, 1, 0).replayed);
    stage_fini(&stage);
}

static void click_patterns_are_kept_and_forgotten(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 6);
    for (uint32_t i = 0; i < 6; i++) {
        stage.treasures[i].taps_count = 3;
        stage.treasures[i].taps_within_ms = 5000;
    }
    stage_activate(&stage);
    const struct result tap = stage_click(&stage, 1, 1, 0);
    assert_int_equal(tap.outcome, OUTCOME_TAP);
    assert_int_equal(tap.treasure, 0);
    assert_true(tap.final);
    assert_true(stage_click(&stage, 1, 1, 0).replayed); /* a retry is no click */
    stage.us += 2000000;
    assert_int_equal(stage_click(&stage, 1, 2, 0).outcome, OUTCOME_TAP);
    stage.us += 3000001;
    assert_int_equal(stage_click(&stage, 1, 3, 0).outcome, OUTCOME_TAP);
    const struct result found = stage_click(&stage, 1, 4, 0);
    assert_int_equal(found.outcome, OUTCOME_FOUND);
    assert_true(found.score == 100);

    /* Five more: the fifth takes the place of the first. */
    for (uint32_t i = 1; i < 6; i++)
        assert_int_equal(stage_click(&stage, 1, 4 + i, (int32_t)(1000 * i)).outcome, OUTCOME_TAP);
    assert_int_equal(stage_click(&stage, 1, 10, 2000).outcome, OUTCOME_TAP);
    assert_int_equal(stage_click(&stage, 1, 11, 2000).outcome, OUTCOME_FOUND);
    assert_int_equal(stage_click(&stage, 1, 12, 1000).outcome, OUTCOME_TAP);
    assert_int_equal(stage_click(&stage, 1, 13, 1000).outcome, OUTCOME_TAP);
    assert_int_equal(stage_click(&stage, 1, 14, 1000).outcome, OUTCOME_FOUND);
    assert_int_equal(stage_click(&stage, 2, 1, 1000).outcome, OUTCOME_TAP);
    stage_fini(&stage);
}

static void limited_treasures_wait_for_their_epoch(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 66);
    stage.treasures[0].supply = 1;
    stage.treasures[65].supply = 1;
    stage.treasures[1].requires_count = 1;
    stage_activate(&stage);
    for (uint32_t i = 0; i < 2; i++) {
        const int32_t x = i == 0 ? 0 : 65000;
        const struct result pending = stage_click(&stage, 1, 2 * i + 1, x);
        assert_int_equal(pending.outcome, OUTCOME_PENDING);
        assert_false(pending.final);
        assert_int_equal(pending.points, i == 0 ? 100 : 165);
        assert_true(pending.score == 0);
        const struct result replay = stage_click(&stage, 1, 2 * i + 1, x);
        assert_true(replay.replayed);
        assert_false(replay.final);
        assert_int_equal(replay.points, pending.points);
        assert_int_equal(stage_click(&stage, 1, 2 * i + 2, x).outcome, OUTCOME_ALREADY);
    }
    assert_int_equal(stage_click(&stage, 1, 5, 1000).outcome, OUTCOME_NOTHING);
    assert_int_equal(page_of(&stage, 1)->pending_count, 2);
    assert_int_equal(page_of(&stage, 1)->pending[1], 65);
    assert_int_equal(page_of(&stage, 1)->found_count, 0);
    assert_int_equal(stage_click(&stage, 2, 1, 0).outcome, OUTCOME_PENDING);
    stage_fini(&stage);
}

static void reactions_are_taken_and_wait_too(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 1);
    stage.definition.emoji_count = 1;
    stage.definition.emoji[0] = (struct emoji){.length = 1, .text = "x"};
    stage_activate(&stage);
    struct action action = stage_claim(&stage, 1, 1, 0, 0);
    action.kind = ACTION_REACTION;
    action.to = stage_player(2);
    action.emoji = stage.definition.emoji[0];
    const struct result taken = stage_judge(&stage, &action);
    assert_int_equal(taken.outcome, OUTCOME_REACTED);
    assert_false(taken.final);
    assert_int_equal(taken.treasure, TREASURE_NONE);
    const struct result replay = stage_judge(&stage, &action);
    assert_true(replay.replayed);
    assert_false(replay.final);
    action.to = stage_player(3);
    assert_int_equal(stage_judge(&stage, &action).outcome, OUTCOME_CONFLICT);
    assert_int_equal(engine_players(stage.engine), 1);
    stage_fini(&stage);
}

static void the_place_of_a_find_bounds_the_way_to_the_next(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 3);
    stage.definition.max_speed = 100;
    stage_activate(&stage);
    assert_int_equal(stage_click(&stage, 1, 1, 1000).outcome, OUTCOME_FOUND);
    stage.us += 9999999;
    assert_int_equal(stage_click(&stage, 1, 2, 0).outcome, OUTCOME_TOO_FAST);
    assert_int_equal(stage_click(&stage, 1, 3, 999).outcome, OUTCOME_ALREADY); /* accepts nothing */
    stage.us += 1;
    assert_int_equal(stage_click(&stage, 1, 4, 0).outcome, OUTCOME_FOUND);
    stage.us += 10000000;
    assert_int_equal(stage_click(&stage, 1, 5, 2000).outcome, OUTCOME_TOO_FAST);
    stage_fini(&stage);
}

static void the_board_follows_the_scores(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 3);
    stage.treasures[2].points = 0;
    stage_activate(&stage);
    stage_click(&stage, 1, 1, 0);
    stage_click(&stage, 2, 1, NOWHERE);
    stage.us = 5;
    stage_click(&stage, 1, 2, 1000);
    const uint64_t hlc = stage.hlc;
    stage.us = 6;
    assert_int_equal(stage_click(&stage, 1, 3, 2000).outcome, OUTCOME_FOUND); /* brings nothing */
    struct board *board = engine_board(stage.engine, STAGE_HUNT);
    assert_true(board_players(board) == 2);
    assert_true(board_above(board, 0) == 1);
    assert_true(board_above(board, 201) == 0);
    static struct board_entry top[BOARD_TOP];
    assert_int_equal(board_top(board, top), 1);
    assert_true(top[0].score == 201);
    assert_true(top[0].hlc == hlc);
    assert_int_equal(top[0].range, STAGE_RANGE);
    assert_true(page_of(&stage, 1)->score_hlc == hlc);
    stage_fini(&stage);
}

static void a_page_lists_what_is_his_and_what_is_open(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 7);
    stage.treasures[1].requires_count = 1; /* of treasure 0 */
    stage.treasures[2].unlock_reactions = 1;
    stage.treasures[3].supply = 1;
    stage.treasures[4].has_window = true;
    stage.treasures[4].window_from_ms = STAGE_START_MS + 1;
    stage.treasures[4].window_to_ms = STAGE_START_MS + 2;
    stage_activate(&stage);

    const struct player_page *page = page_of(&stage, 1);
    assert_false(page->known);
    assert_true(page->score == 0);
    assert_int_equal(page->last_seq, 0);
    static const uint16_t newcomer[] = {0, 3, 5, 6};
    assert_int_equal(page->open_count, 4);
    assert_memory_equal(page->open, newcomer, sizeof newcomer);
    assert_int_equal(engine_players(stage.engine), 0);

    stage_click(&stage, 1, 4, 6000);
    stage_click(&stage, 1, 2, 0);
    stage_click(&stage, 1, 3, 3000);
    stage.us = 1000;
    page = page_of(&stage, 1);
    assert_true(page->known);
    assert_true(page->score == 206);
    assert_int_equal(page->last_seq, 4);
    static const uint16_t found[] = {0, 6}, open[] = {1, 4, 5};
    assert_int_equal(page->found_count, 2);
    assert_memory_equal(page->found, found, sizeof found);
    assert_int_equal(page->pending_count, 1);
    assert_int_equal(page->pending[0], 3);
    assert_int_equal(page->won_count + page->lost_count, 0);
    assert_int_equal(page->open_count, 3);
    assert_memory_equal(page->open, open, sizeof open);
    stage_fini(&stage);
}

/* Every number of a hunt in one player's hands: beyond the 64 bits of his record. */
static void a_player_may_find_more_than_his_bits_can_hold(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, STAGE_TREASURES);
    stage_activate(&stage);
    for (uint32_t i = 0; i < STAGE_TREASURES; i++)
        assert_int_equal(stage_click(&stage, 1, i + 1, (int32_t)(1000 * i)).outcome, OUTCOME_FOUND);
    for (uint32_t i = 0; i < STAGE_TREASURES; i++)
        assert_int_equal(stage_click(&stage, 1, i + 101, (int32_t)(1000 * i)).outcome,
                         OUTCOME_ALREADY);
    assert_int_equal(page_of(&stage, 1)->found_count, STAGE_TREASURES);
    assert_int_equal(page_of(&stage, 1)->open_count, 0);
    assert_int_equal(page_of(&stage, 2)->open_count, STAGE_TREASURES);
    stage_fini(&stage);
}

/* The same actions of each player, but the players come in another order. */
static void play(struct stage *stage, bool backwards)
{
    stage_init(stage, 4);
    stage->treasures[3].taps_count = 2;
    stage->treasures[3].taps_within_ms = 1000;
    stage_activate(stage);
    const uint64_t base = hlc_from_us(stage_us(stage));
    for (uint32_t i = 0; i < 60; i++) {
        const uint32_t turn = backwards ? 59 - i : i;
        const uint8_t player = (uint8_t)(turn % 20);
        const uint32_t round = i / 20; /* each player's own order is kept */
        const struct action action =
            stage_claim(stage, player, round + 1, (int32_t)(1000 * (player % 3 + round)), 0);
        const struct moment moment = {.hlc = base + 100 * round + player,
                                      .epoch = epoch_of(base, STAGE_EPOCH_MS),
                                      .log_index = 7 + round};
        struct result result;
        engine_judge(stage->engine, &action, &moment, &result);
    }
}

static void a_digest_does_not_depend_on_the_tables_order(void **state)
{
    (void)state;
    struct stage forwards, backwards;
    play(&forwards, false);
    play(&backwards, true);
    const uint64_t digest = engine_digest(forwards.engine);
    assert_true(engine_digest(forwards.engine) == digest);
    assert_true(engine_digest(backwards.engine) == digest);
    stage_fini(&forwards);
    stage_fini(&backwards);
}

static void a_digest_sees_every_change(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 3);
    stage.treasures[2].taps_count = 2;
    stage.treasures[2].taps_within_ms = 1;
    uint64_t digests[8];
    uint32_t count = 0;
    digests[count++] = engine_digest(stage.engine);
    assert_int_equal(engine_learn(stage.engine, STAGE_HUNT, &stage.definition), STATUS_OK);
    digests[count++] = engine_digest(stage.engine);
    stage_activate(&stage);
    digests[count++] = engine_digest(stage.engine);
    static const int32_t clicks[] = {NOWHERE, 0, 1, 2000, 1000};
    for (uint32_t i = 0; i < 5; i++) {
        stage_click(&stage, 1, i + 1, clicks[i]);
        digests[count++] = engine_digest(stage.engine);
    }
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < i; j++)
            assert_true(digests[i] != digests[j]);
    stage_fini(&stage);
}

/* Players whose first action this is stand in it twice, and the numbers end in, at and behind the
 * blocks in which the engine looks ahead. */
static void actions_of_one_entry_are_judged_as_one_by_one(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 200};
    struct stage stages[2];
    for (uint32_t i = 0; i < 2; i++) {
        stage_init_for(&stages[i], 3, 140);
        stage_activate(&stages[i]);
    }
    uint32_t seq = 0;
    for (uint32_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        static struct action actions[200];
        static struct result together[200], alone[200];
        const uint32_t count = counts[n];
        for (uint32_t i = 0; i < count; i++)
            actions[i] = stage_claim(&stages[0], (uint8_t)(6 * n + i / 2 * 7 % 90), ++seq,
                                     (int32_t)(500 * (i % 5)), 0);
        struct moment moment = {.hlc = stages[0].hlc + 1 + (stage_us(&stages[0]) << 12)};
        moment.epoch = epoch_of(moment.hlc, STAGE_EPOCH_MS);
        moment.log_index = n + 1;
        memset(together, 0xee, sizeof together);
        memset(alone, 0xee, sizeof alone);
        engine_judge_all(stages[0].engine, actions, count, &moment, together);
        for (uint32_t i = 0; i < count; i++, moment.hlc++)
            engine_judge(stages[1].engine, &actions[i], &moment, &alone[i]);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(together[i].outcome, alone[i].outcome);
            assert_int_equal(together[i].hlc, alone[i].hlc);
            assert_int_equal(together[i].score, alone[i].score);
        }
        for (uint32_t i = 0; i < 2; i++)
            stages[i].us += 1000;
        assert_true(engine_digest(stages[0].engine) == engine_digest(stages[1].engine));
    }
    assert_int_equal(engine_players(stages[0].engine), 140);
    for (uint32_t i = 0; i < 2; i++)
        stage_fini(&stages[i]);
}

static void reading_changes_nothing(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 2);
    stage_activate(&stage);
    stage_click(&stage, 1, 1, 0);
    const uint64_t before = engine_digest(stage.engine);
    for (uint8_t player = 0; player < 3; player++) {
        page_of(&stage, player);
        (void)receipt_status(&stage, player, 1);
    }
    assert_true(engine_digest(stage.engine) == before);
    assert_int_equal(engine_players(stage.engine), 1);
    stage_fini(&stage);
}

static void a_player_and_a_receipt_cost_what_the_budget_says(void **state)
{
    (void)state;
    struct stage stage;
    stage_init_for(&stage, 1, 20000);
    stage_activate(&stage);
    for (uint32_t i = 1; i <= 20000; i++) {
        struct action action = stage_claim(&stage, 0, 1, 500, 0);
        memcpy(action.player.bytes, &i, sizeof i);
        assert_int_equal(stage_judge(&stage, &action).outcome, OUTCOME_NOTHING);
        if (i >= 500)
            assert_true(engine_bytes_per_player(stage.engine) <= 480);
    }
    stage_fini(&stage);
    assert_true(engine_bytes_per_receipt() <= 48);
}

static void moments_at_the_end_of_time_are_judged(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 1);
    stage.definition.max_speed = SPEED_MAX;
    stage.definition.rate_claims = RATE_CLAIMS_MAX;
    stage.definition.rate_per_ms = RATE_PER_MS_MAX;
    stage.definition.claim_ttl_ms = 1;
    stage.treasures[0].decay_per_ms = 1;
    stage.treasures[0].decay_points = 1;
    stage_activate(&stage);
    static const uint64_t moments[] = {0, 1, UINT64_MAX - 1, UINT64_MAX};
    static const int64_t times[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    uint32_t seq = 0;
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 5; j++) {
            struct action action = stage_claim(&stage, 1, ++seq, 0, 0);
            action.time_ms = times[j];
            const struct moment moment = {.hlc = moments[i],
                                          .epoch = epoch_of(moments[i], STAGE_EPOCH_MS)};
            struct result result;
            engine_judge(stage.engine, &action, &moment, &result);
            /* Far too old at the end of time, and below it only what is before 1970. */
            const bool expired = i >= 2 ? times[j] < INT64_MAX : times[j] < -1;
            const bool found = seq == 2;
            assert_int_equal(result.outcome, expired ? OUTCOME_EXPIRED
                                             : found ? OUTCOME_FOUND
                                                     : OUTCOME_ALREADY);
        }
    }
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_find_is_answered_in_full),
        cmocka_unit_test(a_miss_is_answered_in_full),
        cmocka_unit_test(finding_twice_scores_once),
        cmocka_unit_test(a_retry_gets_the_receipt_with_the_present_score),
        cmocka_unit_test(a_retry_of_a_miss_has_no_log_index),
        cmocka_unit_test(other_content_under_a_used_seq_is_a_conflict),
        cmocka_unit_test(gaps_and_disorder_are_judged_as_they_come),
        cmocka_unit_test(a_full_window_still_holds_its_sixteen_seqs),
        cmocka_unit_test(the_seventeenth_seq_pushes_the_lowest_out),
        cmocka_unit_test(a_gap_inside_a_full_window_is_new),
        cmocka_unit_test(what_was_stale_or_a_conflict_takes_no_place),
        cmocka_unit_test(any_order_of_seqs_gives_what_a_complete_list_gives),
        cmocka_unit_test(without_a_version_nothing_is_open_and_nothing_is_kept),
        cmocka_unit_test(before_its_opening_a_hunt_keeps_what_it_answered),
        cmocka_unit_test(hunts_and_players_do_not_mix),
        cmocka_unit_test(numbers_that_cannot_be_are_refused),
        cmocka_unit_test(a_new_version_leaves_scores_and_names_as_they_are),
        cmocka_unit_test(the_last_player_gets_in_and_the_next_is_refused),
        cmocka_unit_test(without_room_for_receipts_only_finds_are_refused),
        cmocka_unit_test(click_patterns_are_kept_and_forgotten),
        cmocka_unit_test(limited_treasures_wait_for_their_epoch),
        cmocka_unit_test(reactions_are_taken_and_wait_too),
        cmocka_unit_test(the_place_of_a_find_bounds_the_way_to_the_next),
        cmocka_unit_test(the_board_follows_the_scores),
        cmocka_unit_test(a_page_lists_what_is_his_and_what_is_open),
        cmocka_unit_test(a_player_may_find_more_than_his_bits_can_hold),
        cmocka_unit_test(a_digest_does_not_depend_on_the_tables_order),
        cmocka_unit_test(a_digest_sees_every_change),
        cmocka_unit_test(actions_of_one_entry_are_judged_as_one_by_one),
        cmocka_unit_test(reading_changes_nothing),
        cmocka_unit_test(a_player_and_a_receipt_cost_what_the_budget_says),
        cmocka_unit_test(moments_at_the_end_of_time_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
