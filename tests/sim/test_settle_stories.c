/* tests/sim/test_settle_stories.c -- What players see of settling: who wins a limited treasure, how
 * reactions arrive, and what a change of the hunt or a silent range does to it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/sim/play.h"

#define EPOCH_MS 1000

static struct play play;

static bool holds(const uint16_t *list, uint16_t count, uint16_t number)
{
    for (uint16_t i = 0; i < count; i++) {
        if (list[i] == number)
            return true;
    }
    return false;
}

/* ---- A limited treasure. */

/* Ten players of each range at a time, a few milliseconds apart. */
static void four_hundred_claim(void)
{
    const uint64_t epoch = rig_epoch(&play.rig);
    for (uint32_t first = 0; first < 50; first += 10) {
        play_claim_everywhere(&play, first, 10, PLAY_RARE);
        rig_run(&play.rig, 7);
    }
    rig_run(&play.rig, 50);
    assert_true(rig_epoch(&play.rig) == epoch);
    for (uint32_t i = 0; i < play.sent_count; i++)
        assert_int_equal(play_answer(&play, &play.sent[i])->outcome, OUTCOME_PENDING);
    assert_int_equal(play.sent_count, 400);
}

static void the_earliest_three_of_four_hundred_win(void **state)
{
    (void)state;
    for (uint32_t nodes = 1; nodes <= 3; nodes += 2) {
        play_init(&play, nodes, 8, EPOCH_MS, 3);
        four_hundred_claim();
        play_settle(&play, rig_epoch(&play.rig));
        assert_int_equal(play_assert_earliest_won(&play, PLAY_RARE, 3), 3);
        play_assert_points(&play, 3 * PLAY_RARE_POINTS);
        play_assert_replicas_agree(&play);
        play_fini(&play);
    }
}

/* One batch of each range: their stamps overlap, so that some are equal. */
static void of_equal_stamps_the_lower_range_wins(void **state)
{
    (void)state;
    play_init(&play, 1, 8, EPOCH_MS, 5);
    play_claim_everywhere(&play, 0, 10, PLAY_RARE);
    rig_run(&play.rig, 50);
    struct play_pending *list;
    const uint32_t count = play_list_pending(&play, PLAY_RARE, &list);
    uint32_t equal = 0;
    for (uint32_t i = 1; i < 6; i++)
        equal += list[i - 1].result->hlc == list[i].result->hlc;
    free(list);
    assert_int_equal(count, 80);
    assert_true(equal > 0);
    play_settle(&play, rig_epoch(&play.rig));
    assert_int_equal(play_assert_earliest_won(&play, PLAY_RARE, 5), 5);
    play_fini(&play);
}

static void until_its_epoch_is_settled_a_claim_is_pending_and_brings_nothing(void **state)
{
    (void)state;
    play_init(&play, 3, 4, EPOCH_MS, 3);
    const struct play_sent *sent = play_claim(&play, 1, 0, PLAY_RARE);
    play_run_before_end(&play, 1);
    assert_int_equal(play_answer(&play, sent)->points, PLAY_RARE_POINTS);
    assert_false(play_answer(&play, sent)->final);
    assert_int_equal(play_receipt(&play, sent).outcome, OUTCOME_PENDING);
    const struct player_page *page = play_page(&play, 1, 0);
    assert_true(page->score == 0);
    assert_true(holds(page->pending, page->pending_count, PLAY_RARE));
    assert_int_equal(page->won_count, 0);
    play_assert_points(&play, 0);
    play_fini(&play);
}

static void pages_and_retries_tell_who_won_and_who_lost(void **state)
{
    (void)state;
    play_init(&play, 3, 4, EPOCH_MS, 1);
    struct play_sent *winner = play_next_claim(&play, 2, 0, PLAY_RARE);
    play_send(&play, winner);
    rig_run(&play.rig, 5);
    struct play_sent *loser = play_next_claim(&play, 1, 0, PLAY_RARE);
    play_send(&play, loser);
    play_settle(&play, rig_epoch(&play.rig));

    const struct player_page *page = play_page(&play, 2, 0);
    assert_true(page->score == PLAY_RARE_POINTS);
    assert_true(holds(page->won, page->won_count, PLAY_RARE));
    assert_int_equal(page->pending_count, 0);
    page = play_page(&play, 1, 0);
    assert_true(page->score == 0);
    assert_true(holds(page->lost, page->lost_count, PLAY_RARE));
    assert_int_equal(page->pending_count, 0);

    play_send(&play, winner);
    play_send(&play, loser);
    rig_run(&play.rig, 50);
    assert_true(play_answer(&play, winner)->replayed);
    assert_int_equal(play_answer(&play, winner)->outcome, OUTCOME_WON);
    assert_int_equal(play_answer(&play, winner)->points, PLAY_RARE_POINTS);
    assert_int_equal(play_answer(&play, loser)->outcome, OUTCOME_LOST);
    assert_int_equal(play_answer(&play, loser)->points, 0);
    play_fini(&play);
}

static void what_is_used_up_is_sold_out_for_all_but_the_winners(void **state)
{
    (void)state;
    play_init(&play, 3, 4, EPOCH_MS, 1);
    play_claim(&play, 2, 0, PLAY_RARE);
    rig_run(&play.rig, 5);
    play_claim(&play, 1, 0, PLAY_RARE);
    play_settle(&play, rig_epoch(&play.rig));
    assert_int_equal(play_now(&play, 2, 0, PLAY_RARE).outcome, OUTCOME_ALREADY);
    assert_int_equal(play_now(&play, 1, 0, PLAY_RARE).outcome, OUTCOME_SOLD_OUT);
    for (uint32_t range = 0; range < 4; range++)
        assert_int_equal(play_now(&play, range, 7, PLAY_RARE).outcome, OUTCOME_SOLD_OUT);
    play_settle(&play, rig_epoch(&play.rig));
    play_assert_points(&play, PLAY_RARE_POINTS);
    play_fini(&play);
}

static void who_has_lost_may_win_what_is_left_in_a_later_epoch(void **state)
{
    (void)state;
    play_init(&play, 1, 4, EPOCH_MS, 4);
    /* Three places are given; whoever comes later has the fourth. */
    for (uint32_t i = 0; i < 3; i++)
        play_claim(&play, i, 0, PLAY_RARE);
    play_settle(&play, rig_epoch(&play.rig));
    const struct play_sent *fourth = play_claim(&play, 3, 1, PLAY_RARE);
    rig_run(&play.rig, 5);
    play_claim(&play, 0, 1, PLAY_RARE);
    play_settle(&play, rig_epoch(&play.rig));
    assert_int_equal(play_receipt(&play, fourth).outcome, OUTCOME_WON);
    assert_int_equal(play_assert_earliest_won(&play, PLAY_RARE, 4), 4);
    play_fini(&play);
}

/* Claims in every epoch, more of them than there is supply, and two treasures at once. */
static void over_many_epochs_no_more_is_awarded_than_there_is(void **state)
{
    (void)state;
    enum { EPOCHS = 6, SUPPLY = 11 };
    play_init(&play, 3, 4, EPOCH_MS, SUPPLY);
    for (uint32_t i = 0; i < EPOCHS; i++) {
        const uint64_t epoch = rig_epoch(&play.rig);
        play_claim_everywhere(&play, 2 * i, 1, PLAY_RARE);
        rig_run(&play.rig, 200);
        play_claim_everywhere(&play, 2 * i + 1, 1, PLAY_BELL);
        play_run_to_epoch(&play, epoch + 1);
    }
    play_settle(&play, rig_epoch(&play.rig));
    assert_int_equal(play_assert_earliest_won(&play, PLAY_RARE, SUPPLY), SUPPLY);
    assert_int_equal(play_assert_earliest_won(&play, PLAY_BELL, 2), 2);
    play_assert_points(&play, SUPPLY * PLAY_RARE_POINTS + 2 * PLAY_BELL_POINTS);
    play_assert_replicas_agree(&play);
    play_fini(&play);
}

/* ---- The boundary. */

/* Puts a claim into the log at this very microsecond. */
static const struct play_sent *claim_at_once(uint32_t range, uint16_t treasure)
{
    const struct play_sent *sent = play_claim(&play, range, 0, treasure);
    const struct event flush = {.kind = EVENT_FLUSH};
    rig_event(&play.rig, rig_leader(&play.rig, range), &flush);
    return sent;
}

static void the_last_and_the_first_microsecond_are_settled_apart(void **state)
{
    (void)state;
    for (uint32_t nodes = 1; nodes <= 3; nodes += 2) {
        play_init(&play, nodes, 4, EPOCH_MS, 2);
        const uint64_t epoch = rig_epoch(&play.rig);
        play_run_before_end(&play, 1);
        play.rig.now_us += 999;
        const struct play_sent *last = claim_at_once(3, PLAY_RARE);
        play.rig.now_us += 1;
        const struct play_sent *first = claim_at_once(0, PLAY_RARE);
        rig_run(&play.rig, 50);
        const uint64_t start_us = UINT64_C(1000) * EPOCH_MS * (epoch + 1);
        assert_true(hlc_us(play_answer(&play, last)->hlc) == start_us - 1);
        assert_true(hlc_us(play_answer(&play, first)->hlc) == start_us);
        assert_true(play_answer(&play, last)->epoch == epoch);
        assert_true(play_answer(&play, first)->epoch == epoch + 1);

        play_settle(&play, epoch);
        assert_int_equal(play_receipt(&play, last).outcome, OUTCOME_WON);
        assert_int_equal(play_receipt(&play, first).outcome, OUTCOME_PENDING);
        play_settle(&play, epoch + 1);
        assert_int_equal(play_receipt(&play, first).outcome, OUTCOME_WON);
        assert_true(play_receipt(&play, last).final_epoch == epoch + 1);
        assert_true(play_receipt(&play, first).final_epoch == epoch + 2);
        play_fini(&play);
    }
}

/* ---- Another version of the hunt. */

/* Of the claims pending in one epoch the first `won` have won, with the places after `before`. */
static void assert_won_in(uint64_t epoch, uint32_t before, uint32_t won)
{
    struct play_pending *list;
    const uint32_t count = play_list_pending(&play, PLAY_RARE, &list);
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].result->epoch != epoch)
            continue;
        const enum outcome outcome = at < won ? OUTCOME_WON : OUTCOME_LOST;
        assert_int_equal(play_receipt(&play, list[i].sent).outcome, outcome);
        if (at < won)
            play_assert_award(&play, before + at + 1, &list[i]);
        at++;
    }
    free(list);
    assert_true(at > won);
}

static void a_supply_counts_as_it_was_in_the_epoch_of_the_claim(void **state)
{
    (void)state;
    play_init(&play, 3, 4, EPOCH_MS, 2);
    const uint64_t first = rig_epoch(&play.rig);
    play_claim_everywhere(&play, 0, 2, PLAY_RARE);
    play_settle(&play, first);
    assert_won_in(first, 0, 2);

    /* Three more. */
    play_define(&play, play_hunt(5));
    play_run_to_epoch(&play, play.rig.defined.active_from_epoch);
    assert_int_equal(play_now(&play, 0, 5, PLAY_RARE).outcome, OUTCOME_PENDING);
    /* Fewer than are awarded; but this epoch still has five. */
    play_define(&play, play_hunt(1));
    const uint64_t second = rig_epoch(&play.rig);
    assert_true(play.rig.defined.active_from_epoch == second + 1);
    play_claim_everywhere(&play, 6, 2, PLAY_RARE);
    play_settle(&play, second);
    assert_won_in(second, 2, 3);

    for (uint32_t range = 0; range < 4; range++)
        assert_int_equal(play_now(&play, range, 9, PLAY_RARE).outcome, OUTCOME_SOLD_OUT);
    play_settle(&play, rig_epoch(&play.rig));
    play_assert_points(&play, 5 * PLAY_RARE_POINTS);
    play_assert_replicas_agree(&play);
    play_fini(&play);
}

static void a_supply_lowered_below_what_is_awarded_leaves_none_until_it_is_raised(void **state)
{
    (void)state;
    play_init(&play, 1, 4, EPOCH_MS, 3);
    play_claim_everywhere(&play, 0, 1, PLAY_RARE);
    play_settle(&play, rig_epoch(&play.rig));
    const uint32_t supplies[] = {1, 3, 4};
    const enum outcome outcomes[] = {OUTCOME_SOLD_OUT, OUTCOME_SOLD_OUT, OUTCOME_PENDING};
    for (uint32_t i = 0; i < 3; i++) {
        play_define(&play, play_hunt(supplies[i]));
        play_run_to_epoch(&play, play.rig.defined.active_from_epoch);
        for (uint32_t range = 0; range < 4; range++)
            assert_int_equal(play_now(&play, range, 1 + i, PLAY_RARE).outcome, outcomes[i]);
        play_settle(&play, rig_epoch(&play.rig));
    }
    assert_int_equal(play_awards(&play, 0, PLAY_RARE), 4);
    play_assert_points(&play, 4 * PLAY_RARE_POINTS);
    play_fini(&play);
}

/* The hunt without PLAY_RARE. */
static struct definition *hunt_without_rare(void)
{
    struct definition *definition = play_hunt(3);
    definition->treasure_count--;
    memmove(&definition->treasures[0], &definition->treasures[1],
            definition->treasure_count * sizeof definition->treasures[0]);
    return definition;
}

static void claims_on_a_treasure_that_is_removed_meanwhile_are_settled(void **state)
{
    (void)state;
    play_init(&play, 3, 4, EPOCH_MS, 3);
    play_define(&play, hunt_without_rare());
    const uint64_t epoch = rig_epoch(&play.rig);
    assert_true(play.rig.defined.active_from_epoch == epoch + 1);
    play_claim_everywhere(&play, 0, 5, PLAY_RARE);
    play_settle(&play, epoch);
    assert_int_equal(play_assert_earliest_won(&play, PLAY_RARE, 3), 3);
    assert_int_equal(play_now(&play, 0, 20, PLAY_RARE).outcome, OUTCOME_NOTHING);

    /* It never comes back, and nobody loses what he won. */
    play_settle(&play, rig_epoch(&play.rig));
    assert_int_equal(play_assert_earliest_won(&play, PLAY_RARE, 3), 3);
    play_assert_points(&play, 3 * PLAY_RARE_POINTS);
    play_assert_replicas_agree(&play);
    play_fini(&play);
}

/* Points of version 2 are twice those of version 1. */
static struct definition *hunt_worth_twice(uint32_t supply)
{
    struct definition *definition = play_hunt(supply);
    for (uint16_t i = 0; i < definition->treasure_count; i++)
        definition->treasures[i].points *= 2;
    return definition;
}

static void assert_version(const struct result *result, uint64_t active_from)
{
    const uint32_t version = result->epoch < active_from ? 1 : 2;
    assert_int_equal(result->definition_version, version);
    if (result->outcome == OUTCOME_PENDING || result->outcome == OUTCOME_WON)
        assert_int_equal(result->points, version * PLAY_RARE_POINTS);
}

/* Every range has claims pending in each epoch while the version becomes active. */
static void a_version_that_comes_under_load_judges_every_range_from_one_epoch_on(void **state)
{
    (void)state;
    enum { ROUNDS = 50, RANGES = 4, SUPPLY = 120 };
    play_init(&play, 3, RANGES, EPOCH_MS, SUPPLY);
    const uint64_t first = rig_epoch(&play.rig);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (round == ROUNDS / 3)
            play_define(&play, hunt_worth_twice(SUPPLY));
        play_claim_everywhere(&play, round, 1, PLAY_RARE);
        rig_run(&play.rig, 3 * EPOCH_MS / ROUNDS);
    }
    const uint64_t active_from = play.rig.defined.active_from_epoch;
    assert_true(active_from > first && active_from < rig_epoch(&play.rig));
    play_settle(&play, rig_epoch(&play.rig));
    assert_int_equal(play_assert_earliest_won(&play, PLAY_RARE, SUPPLY), SUPPLY);

    uint32_t judged[2] = {0};
    int64_t points = 0;
    for (uint32_t i = 0; i < play.sent_count; i++) {
        const struct result *answer = play_answer(&play, &play.sent[i]);
        const struct result receipt = play_receipt(&play, &play.sent[i]);
        if (answer->outcome != OUTCOME_SOLD_OUT)
            assert_int_equal(answer->outcome, OUTCOME_PENDING);
        assert_version(answer, active_from);
        if (answer->outcome == OUTCOME_PENDING)
            assert_version(&receipt, active_from);
        points += receipt.points;
        judged[answer->epoch >= active_from]++;
    }
    assert_true(judged[0] > 0 && judged[1] > 0);
    play_assert_points(&play, points);
    play_assert_replicas_agree(&play);
    play_fini(&play);
}

/* ---- Reactions. */

static uint32_t received(uint32_t range, uint32_t number)
{
    return play_page(&play, range, number)->reactions;
}

static void reactions_arrive_when_their_epoch_is_settled(void **state)
{
    (void)state;
    play_init(&play, 3, 4, EPOCH_MS, 3);
    const uint64_t epoch = rig_epoch(&play.rig);
    play_claim_everywhere(&play, 0, 2, PLAY_OWN);
    rig_run(&play.rig, 20);
    const struct player_id *near = &play.players[1][1], *far = &play.players[2][0];
    const struct play_sent *sent[] = {
        play_react(&play, 1, 0, near, &PLAY_FIRE), play_react(&play, 1, 0, far, &PLAY_FIRE),
        play_react(&play, 3, 0, far, &PLAY_FIRE), play_react(&play, 3, 0, far, &PLAY_CLAP)};
    play_run_before_end(&play, 1);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(play_answer(&play, sent[i])->outcome, OUTCOME_REACTED);
        assert_false(play_receipt(&play, sent[i]).final);
    }
    assert_int_equal(received(1, 1), 0); /* neither in the same range */
    assert_int_equal(received(2, 0), 0);

    play_settle(&play, epoch);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(play_receipt(&play, sent[i]).final);
    assert_int_equal(received(1, 1), 1);
    assert_int_equal(received(2, 0), 3);
    struct engine_received kinds[RECEIVED_KINDS_MAX];
    assert_int_equal(engine_reactions(play_leading(&play, 2), PLAY_HUNT, far, kinds), 2);
    assert_int_equal(kinds[0].count + kinds[1].count, 3);

    /* Once and not again. */
    play_settle(&play, rig_epoch(&play.rig));
    assert_int_equal(received(1, 1), 1);
    assert_int_equal(received(2, 0), 3);
    play_assert_replicas_agree(&play);
    play_fini(&play);
}

static void reactions_to_nobody_are_dropped(void **state)
{
    (void)state;
    play_init(&play, 1, 4, EPOCH_MS, 3);
    const struct play_sent *sent = play_react(&play, 0, 0, &play.players[3][9], &PLAY_FIRE);
    play_react(&play, 0, 1, &play.players[3][9], &PLAY_FIRE);
    play_settle(&play, rig_epoch(&play.rig));
    assert_true(play_receipt(&play, sent).final);
    assert_true(engine_tally(play_leading(&play, 3))->reactions_dropped == 2);
    assert_int_equal(engine_players(play_leading(&play, 3)), 0);

    /* He comes later, and there is nothing for him. */
    assert_int_equal(play_now(&play, 3, 9, PLAY_OWN).outcome, OUTCOME_FOUND);
    play_settle(&play, rig_epoch(&play.rig));
    assert_int_equal(received(3, 9), 0);
    play_fini(&play);
}

static void what_reactions_unlock_opens_in_all_ranges_when_they_are_settled(void **state)
{
    (void)state;
    enum { RANGES = 4 };
    play_init(&play, 3, RANGES, EPOCH_MS, 3);
    const uint64_t epoch = rig_epoch(&play.rig);
    play_claim_everywhere(&play, 0, 2, PLAY_OWN);
    rig_run(&play.rig, 20);
    /* Player 0 of each range gets a reaction from his own range and one from the next; player 1
     * gets one, which is not enough. */
    for (uint32_t range = 0; range < RANGES; range++) {
        const uint32_t next = (range + 1) % RANGES;
        play_react(&play, range, 1, &play.players[range][0], &PLAY_FIRE);
        play_react(&play, next, 1, &play.players[range][0], &PLAY_CLAP);
        play_react(&play, next, 1, &play.players[range][1], &PLAY_CLAP);
    }
    for (uint32_t range = 0; range < RANGES; range++)
        assert_int_equal(play_now(&play, range, 0, PLAY_GATE).outcome, OUTCOME_NOTHING);
    assert_true(rig_epoch(&play.rig) == epoch);

    play_settle(&play, epoch);
    assert_true(rig_epoch(&play.rig) == epoch + 1);
    for (uint32_t range = 0; range < RANGES; range++) {
        assert_int_equal(play_now(&play, range, 0, PLAY_GATE).outcome, OUTCOME_FOUND);
        assert_int_equal(play_now(&play, range, 1, PLAY_GATE).outcome, OUTCOME_NOTHING);
    }
    play_assert_points(&play, RANGES * (2 * PLAY_OWN_POINTS + PLAY_GATE_POINTS));
    play_fini(&play);
}

/* ---- A range without a quorum. */

#define SILENT 2

/* Two of the silent range claim before all others, then it falls silent; the others claim in three
 * epochs. Returns the epoch of the silent ones' claims. */
static uint64_t play_with_a_silent_range(void)
{
    play_init(&play, 3, 4, EPOCH_MS, 5);
    const uint64_t epoch = rig_epoch(&play.rig);
    play_claim(&play, SILENT, 0, PLAY_RARE);
    play_claim(&play, SILENT, 1, PLAY_RARE);
    rig_run(&play.rig, 30);
    play.rig.silent_group = SILENT;
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t range = 0; range < 4; range++) {
            if (range != SILENT)
                play_claim(&play, range, i, PLAY_RARE);
        }
        rig_run(&play.rig, 20);
        play_run_to_epoch(&play, epoch + 1 + i);
    }
    rig_run(&play.rig, EPOCH_MS / 2);
    assert_int_equal(rig_leader(&play.rig, SILENT), RIG_NOBODY);
    return epoch;
}

static void a_silent_range_keeps_the_claims_of_all_pending(void **state)
{
    (void)state;
    const uint64_t epoch = play_with_a_silent_range();
    for (uint32_t i = 0; i < play.sent_count; i++) {
        if (play.sent[i].range != SILENT)
            assert_int_equal(play_receipt(&play, &play.sent[i]).outcome, OUTCOME_PENDING);
    }
    /* Nobody has settled this epoch; all but the silent have settled the one before. */
    for (uint32_t range = 0; range < 4; range++) {
        for (uint32_t node = 0; node < 3; node++) {
            const uint64_t next =
                range_state_settle_next(cluster_range_state(play.rig.nodes[node].core, range));
            assert_true(range == SILENT ? next <= epoch : next == epoch);
        }
    }
    play_assert_points(&play, 0);
    play_fini(&play);
}

static void beside_a_silent_range_everybody_finds_his_own_and_boards_name_it(void **state)
{
    (void)state;
    const uint64_t epoch = play_with_a_silent_range();
    for (uint32_t range = 0; range < 4; range++) {
        if (range != SILENT)
            assert_int_equal(play_now(&play, range, 0, PLAY_OWN).outcome, OUTCOME_FOUND);
    }
    rig_run(&play.rig, 300); /* until the others have heard that it is committed */
    play_assert_points(&play, 3 * PLAY_OWN_POINTS);
    const struct merge *merge = cluster_merge(play.rig.nodes[0].core);
    uint64_t newest;
    assert_true(merge_newest(merge, &newest));
    assert_true(newest > epoch);
    uint32_t missing[RANGES_MAX];
    assert_int_equal(merge_missing(merge, newest, missing), 1);
    assert_int_equal(missing[0], SILENT);
    play_fini(&play);
}

static void when_a_silent_range_is_back_the_earliest_have_won_all_the_same(void **state)
{
    (void)state;
    (void)play_with_a_silent_range();
    play.rig.silent_group = RIG_NO_GROUP;
    rig_settle(&play.rig);
    play_settle(&play, rig_epoch(&play.rig) - 1);
    assert_int_equal(play_assert_earliest_won(&play, PLAY_RARE, 5), 5);
    for (uint32_t i = 0; i < 2; i++) /* those of the silent range came first */
        assert_int_equal(play_receipt(&play, &play.sent[i]).outcome, OUTCOME_WON);
    play_assert_points(&play, 5 * PLAY_RARE_POINTS);
    play_assert_replicas_agree(&play);
    play_fini(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_three_of_four_hundred_win),
        cmocka_unit_test(of_equal_stamps_the_lower_range_wins),
        cmocka_unit_test(until_its_epoch_is_settled_a_claim_is_pending_and_brings_nothing),
        cmocka_unit_test(pages_and_retries_tell_who_won_and_who_lost),
        cmocka_unit_test(what_is_used_up_is_sold_out_for_all_but_the_winners),
        cmocka_unit_test(who_has_lost_may_win_what_is_left_in_a_later_epoch),
        cmocka_unit_test(over_many_epochs_no_more_is_awarded_than_there_is),
        cmocka_unit_test(the_last_and_the_first_microsecond_are_settled_apart),
        cmocka_unit_test(a_supply_counts_as_it_was_in_the_epoch_of_the_claim),
        cmocka_unit_test(a_supply_lowered_below_what_is_awarded_leaves_none_until_it_is_raised),
        cmocka_unit_test(claims_on_a_treasure_that_is_removed_meanwhile_are_settled),
        cmocka_unit_test(a_version_that_comes_under_load_judges_every_range_from_one_epoch_on),
        cmocka_unit_test(reactions_arrive_when_their_epoch_is_settled),
        cmocka_unit_test(reactions_to_nobody_are_dropped),
        cmocka_unit_test(what_reactions_unlock_opens_in_all_ranges_when_they_are_settled),
        cmocka_unit_test(a_silent_range_keeps_the_claims_of_all_pending),
        cmocka_unit_test(beside_a_silent_range_everybody_finds_his_own_and_boards_name_it),
        cmocka_unit_test(when_a_silent_range_is_back_the_earliest_have_won_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
