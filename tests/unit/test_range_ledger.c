/* tests/unit/test_range_ledger.c -- What a range leaves to be settled of the epoch that it closes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "cluster/base/rng.h"
#include "cluster/ranges/range_ledger.h"
#include "tests/unit/stage.h"

#define FIRST ((uint64_t)STAGE_START_MS / STAGE_EPOCH_MS)

static const struct emoji FIRE = {.length = 4, .text = "\xf0\x9f\x94\xa5"};
static const struct emoji CLAP = {.length = 4, .text = "\xf0\x9f\x91\x8f"};

struct lab {
    struct stage stage;
    struct arena arena;
    struct ledger ledger;
};

/* Treasures 0 and 2 are limited to `supply`. */
static void lab_init(struct lab *lab, uint32_t supply)
{
    memset(lab, 0, sizeof *lab);
    stage_init(&lab->stage, 4);
    lab->stage.definition.emoji_count = 2;
    lab->stage.definition.emoji[0] = FIRE;
    lab->stage.definition.emoji[1] = CLAP;
    lab->stage.treasures[0].supply = supply;
    lab->stage.treasures[2].supply = supply;
    stage_activate(&lab->stage);
    arena_init(&lab->arena);
}

static void lab_fini(struct lab *lab)
{
    arena_fini(&lab->arena);
    stage_fini(&lab->stage);
}

static uint64_t epoch_now(const struct lab *lab)
{
    return epoch_of(hlc_from_us(stage_us(&lab->stage)), STAGE_EPOCH_MS);
}

/* The ledger of the present epoch; it must also be one that travels. */
static const struct ledger *ledger_now(struct lab *lab)
{
    range_ledger(lab->stage.engine, epoch_now(lab), &lab->arena, &lab->ledger);
    const size_t size = ledger_bytes(&lab->ledger);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    struct writer writer;
    writer_init(&writer, bytes, size);
    ledger_encode(&lab->ledger, &writer);
    assert_true(writer_ok(&writer));
    struct ledger_outline outline;
    assert_int_equal(ledger_check(&outline, bytes, size), STATUS_OK);
    free(bytes);
    return &lab->ledger;
}

static void close_epoch(struct lab *lab)
{
    const int64_t length = INT64_C(1000) * STAGE_EPOCH_MS;
    lab->stage.us = (lab->stage.us / length + 1) * length;
    engine_close_epoch(lab->stage.engine);
}

static struct result react(struct lab *lab, uint8_t player, uint32_t seq, uint8_t to,
                           const struct emoji *emoji)
{
    struct action action = stage_claim(&lab->stage, player, seq, 0, 0);
    action.kind = ACTION_REACTION;
    action.to = stage_player(to);
    action.emoji = *emoji;
    return stage_judge(&lab->stage, &action);
}

static void a_quiet_epoch_leaves_nothing(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 3);
    assert_int_equal(stage_click(&lab.stage, 1, 1, 1000).outcome, OUTCOME_FOUND);
    assert_int_equal(stage_click(&lab.stage, 1, 2, 500).outcome, OUTCOME_NOTHING);
    const struct ledger *ledger = ledger_now(&lab);
    assert_true(ledger_empty(ledger));
    assert_false(ledger->settled_any);
    assert_true(ledger->settled_through == 0);
    assert_true(ledger->settled_digest == 0);
    lab_fini(&lab);
}

static void pending_claims_stand_by_treasure_in_the_order_of_the_log(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 3);
    const uint8_t players[] = {4, 1, 3, 2};
    const int32_t places[] = {2000, 0, 2000, 0};
    struct result results[4];
    for (uint32_t i = 0; i < 4; i++) {
        results[i] = stage_click(&lab.stage, players[i], 10 + i, places[i]);
        assert_int_equal(results[i].outcome, OUTCOME_PENDING);
    }
    const struct ledger *ledger = ledger_now(&lab);
    assert_int_equal(ledger->hunt_count, 1);
    const struct ledger_hunt *hunt = &ledger->hunts[0];
    assert_int_equal(hunt->hunt, STAGE_HUNT);
    assert_int_equal(hunt->version, 1);
    assert_int_equal(hunt->reaction_count, 0);
    assert_int_equal(hunt->treasure_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct ledger_treasure *treasure = &hunt->treasures[i];
        assert_int_equal(treasure->number, 2 * i);
        assert_int_equal(treasure->supply, 3);
        assert_int_equal(treasure->claim_count, 2);
        for (uint32_t j = 0; j < 2; j++) {
            const struct result *result = &results[2 * j + (1 - i)];
            const struct ledger_claim *claim = &treasure->claims[j];
            assert_true(player_id_equal(&claim->player, &result->player));
            assert_int_equal(claim->seq, result->seq);
            assert_true(claim->hlc == result->hlc);
            assert_true(claim->log_index == result->log_index);
        }
    }
    lab_fini(&lab);
}

static void a_claim_carries_the_uncertainty_of_its_clock(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 3);
    const struct action action = stage_claim(&lab.stage, 1, 1, 0, 0);
    const struct moment moment = {.hlc = hlc_from_us(stage_us(&lab.stage)),
                                  .epoch = FIRST,
                                  .log_index = 101,
                                  .uncertainty_us = 4321};
    struct result result;
    engine_judge(lab.stage.engine, &action, &moment, &result);
    assert_int_equal(ledger_now(&lab)->hunts[0].treasures[0].claims[0].uncertainty_us, 4321);
    lab_fini(&lab);
}

static void no_more_claims_are_named_than_are_left(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 2);
    for (uint8_t player = 1; player <= 5; player++)
        assert_int_equal(stage_click(&lab.stage, player, 1, 0).outcome, OUTCOME_PENDING);
    const struct ledger_treasure *treasure = &ledger_now(&lab)->hunts[0].treasures[0];
    assert_int_equal(treasure->claim_count, 2);
    for (uint8_t i = 0; i < 2; i++) {
        const struct player_id player = stage_player((uint8_t)(i + 1));
        assert_true(player_id_equal(&treasure->claims[i].player, &player));
    }
    lab_fini(&lab);
}

/* Those of an earlier epoch wait still; they were said in its ledger. */
static void only_claims_of_the_epoch_are_named(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 9);
    (void)stage_click(&lab.stage, 1, 1, 0);
    (void)react(&lab, 1, 2, 2, &FIRE);
    close_epoch(&lab);
    assert_true(ledger_empty(ledger_now(&lab)));
    (void)stage_click(&lab.stage, 2, 1, 0);
    const struct ledger_hunt *hunt = &ledger_now(&lab)->hunts[0];
    assert_int_equal(hunt->treasures[0].claim_count, 1);
    assert_int_equal(hunt->reaction_count, 0);
    const struct player_id second = stage_player(2);
    assert_true(player_id_equal(&hunt->treasures[0].claims[0].player, &second));
    lab_fini(&lab);
}

static void reactions_are_added_up_by_receiver_and_emoji(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 3);
    const struct {
        uint8_t from, to;
        const struct emoji *emoji;
    } given[] = {{1, 6, &FIRE}, {2, 5, &FIRE}, {1, 6, &CLAP}, {3, 6, &FIRE}, {1, 6, &FIRE}};
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(react(&lab, given[i].from, i + 1, given[i].to, given[i].emoji).outcome,
                         OUTCOME_REACTED);
    const struct ledger_hunt *hunt = &ledger_now(&lab)->hunts[0];
    assert_int_equal(hunt->treasure_count, 0);
    assert_int_equal(hunt->reaction_count, 3);
    const struct ledger_reaction expected[] = {
        {stage_player(5), FIRE, 1}, {stage_player(6), CLAP, 1}, {stage_player(6), FIRE, 3}};
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(ledger_reaction_compare(&hunt->reactions[i], &expected[i]), 0);
        assert_int_equal(hunt->reactions[i].count, expected[i].count);
    }
    lab_fini(&lab);
}

static void hunts_stand_by_number_and_those_that_leave_nothing_are_left_out(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 3);
    /* The same hunt under three more numbers, in other versions. */
    const uint16_t hunts[] = {40, 1, 20};
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(
            engine_activate(lab.stage.engine, hunts[i], 5 + i, &lab.stage.definition, FIRST),
            STATUS_OK);
    struct action action = stage_claim(&lab.stage, 1, 1, 0, 0);
    action.hunt = 40;
    assert_int_equal(stage_judge(&lab.stage, &action).outcome, OUTCOME_PENDING);
    (void)react(&lab, 1, 2, 2, &FIRE); /* in the stage's own */
    action = stage_claim(&lab.stage, 2, 1, 2000, 0);
    action.hunt = 1;
    assert_int_equal(stage_judge(&lab.stage, &action).outcome, OUTCOME_PENDING);

    const struct ledger *ledger = ledger_now(&lab);
    assert_int_equal(ledger->hunt_count, 3);
    const uint16_t numbers[] = {1, STAGE_HUNT, 40};
    const uint32_t versions[] = {6, 1, 5};
    const uint32_t claims[] = {1, 0, 1};
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(ledger->hunts[i].hunt, numbers[i]);
        assert_int_equal(ledger->hunts[i].version, versions[i]);
        assert_int_equal(ledger->hunts[i].treasure_count, claims[i]);
        assert_int_equal(ledger->hunts[i].reaction_count, 1 - claims[i]);
    }
    lab_fini(&lab);
}

static void a_ledger_tells_how_far_the_range_has_settled(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab, 3);
    (void)stage_click(&lab.stage, 1, 1, 0);
    (void)stage_click(&lab.stage, 2, 1, 0);
    close_epoch(&lab);
    const struct engine_awarded awarded = {.hunt = STAGE_HUNT, .treasure = 0, .awarded = 2};
    const struct engine_settlement settlement = {.through = FIRST,
                                                 .final_epoch = FIRST + 1,
                                                 .awarded_count = 1,
                                                 .awarded = &awarded,
                                                 .settled_digest = 0xd16e57};
    assert_int_equal(engine_settle(lab.stage.engine, &settlement), STATUS_OK);
    /* Of three, two are awarded by now. */
    for (uint8_t player = 3; player <= 5; player++)
        (void)stage_click(&lab.stage, player, 1, 0);
    const struct ledger *ledger = ledger_now(&lab);
    assert_true(ledger->settled_any);
    assert_true(ledger->settled_through == FIRST);
    assert_true(ledger->settled_digest == 0xd16e57);
    assert_int_equal(ledger->hunts[0].treasures[0].supply, 3);
    assert_int_equal(ledger->hunts[0].treasures[0].claim_count, 1);
    lab_fini(&lab);
}

/* Whatever is played, the ledger is one that every node reads (ledger_now), and making it changes
 * nothing. */
static void the_ledger_of_any_play_is_canonical(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 20);
    for (uint32_t game = 0; game < 50; game++) {
        struct lab lab;
        lab_init(&lab, 1 + (uint32_t)rng_below(&rng, 6));
        uint32_t seqs[20] = {0};
        for (uint32_t i = 0; i < 100; i++) {
            const uint8_t player = (uint8_t)rng_below(&rng, 19);
            lab.stage.us += (int64_t)rng_below(&rng, 1000);
            if (rng_chance(&rng, 1, 3))
                (void)react(&lab, player, ++seqs[player], (uint8_t)rng_below(&rng, 25),
                            rng_chance(&rng, 1, 2) ? &FIRE : &CLAP);
            else
                (void)stage_click(&lab.stage, player, ++seqs[player],
                                  1000 * (int32_t)rng_below(&rng, 4));
            if (rng_chance(&rng, 1, 30))
                close_epoch(&lab);
            const uint64_t before = engine_digest(lab.stage.engine);
            (void)ledger_now(&lab);
            assert_true(engine_digest(lab.stage.engine) == before);
        }
        lab_fini(&lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_epoch_leaves_nothing),
        cmocka_unit_test(pending_claims_stand_by_treasure_in_the_order_of_the_log),
        cmocka_unit_test(a_claim_carries_the_uncertainty_of_its_clock),
        cmocka_unit_test(no_more_claims_are_named_than_are_left),
        cmocka_unit_test(only_claims_of_the_epoch_are_named),
        cmocka_unit_test(reactions_are_added_up_by_receiver_and_emoji),
        cmocka_unit_test(hunts_stand_by_number_and_those_that_leave_nothing_are_left_out),
        cmocka_unit_test(a_ledger_tells_how_far_the_range_has_settled),
        cmocka_unit_test(the_ledger_of_any_play_is_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
