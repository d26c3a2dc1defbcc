/* tests/sim/test_forward.c -- Any node takes any claim: it goes to whoever leads its range, and the
 * answer comes back, whatever becomes of leaders and messages meanwhile. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/sim/play.h"

#define NODES    3
#define RANGES   4
#define EPOCH_MS 10000
#define SUPPLY   3

#define SOON_MS 50   /* there and back, with two disks on the way */
#define HELD_MS 3000 /* a claim waits so long for a leader */

static struct play play;

/* A node that does not lead the range. */
static uint32_t another(uint32_t range)
{
    return (rig_leader(&play.rig, range) + 1) % NODES;
}

static struct play_sent *send_to(uint32_t node, struct play_sent *sent)
{
    sent->token = ++play.token;
    rig_send(&play.rig, node, sent->token, &sent->action, 1);
    return sent;
}

static struct play_sent *claim_at(uint32_t node, uint32_t range, uint32_t number, uint16_t treasure)
{
    return send_to(node, play_next_claim(&play, range, number, treasure));
}

static const struct result *answer(const struct play_sent *sent)
{
    return rig_result(&play.rig, sent->token, 0);
}

/* Runs until the answer is there; returns how long that took. */
static uint32_t run_until_answered(const struct play_sent *sent, uint32_t ms_max)
{
    for (uint32_t ms = 0; ms <= ms_max; ms++) {
        if (answer(sent) != NULL)
            return ms;
        rig_run(&play.rig, 1);
    }
    fail_msg("no answer in %u ms", ms_max);
    return 0;
}

static void a_claim_at_any_node_is_judged_by_the_leader(void **state)
{
    (void)state;
    play_init(&play, NODES, RANGES, EPOCH_MS, SUPPLY);
    for (uint32_t range = 0; range < RANGES; range++) {
        const struct play_sent *sent = claim_at(another(range), range, 0, PLAY_OWN);
        (void)run_until_answered(sent, SOON_MS);
        const struct result *result = answer(sent);
        assert_int_equal(OUTCOME_FOUND, result->outcome);
        assert_int_equal(range, result->range);
        assert_int_equal(PLAY_OWN_POINTS, result->score);
        /* The name comes from what this node knows of the hunt. */
        assert_non_null(result->treasure_id);
        assert_string_equal(
            engine_treasure_id(play_leading(&play, range), PLAY_HUNT, result->treasure),
            result->treasure_id);
        const struct result receipt = play_receipt(&play, sent);
        assert_int_equal(receipt.hlc, result->hlc);
        assert_int_equal(receipt.log_index, result->log_index);
    }
    for (uint32_t node = 0; node < NODES; node++)
        assert_false(cluster_busy(play.rig.nodes[node].core));
    play_fini(&play);
}

static void a_request_over_all_ranges_is_answered_whole_and_once(void **state)
{
    (void)state;
    play_init(&play, NODES, RANGES, EPOCH_MS, SUPPLY);
    struct action actions[RANGES * 8];
    uint32_t count = 0;
    for (uint32_t number = 0; number < 8; number++) {
        for (uint32_t range = 0; range < RANGES; range++)
            actions[count++] = play_next_claim(&play, range, number, PLAY_OWN)->action;
    }
    const uint32_t before = play.rig.reply_count;
    const uint64_t token = ++play.token;
    rig_send(&play.rig, 1, token, actions, count);
    rig_run(&play.rig, SOON_MS);
    assert_int_equal(count, play.rig.reply_count - before);
    for (uint32_t place = 0; place < count; place++) {
        const struct result *result = rig_result(&play.rig, token, place);
        assert_non_null(result);
        assert_int_equal(OUTCOME_FOUND, result->outcome);
        assert_true(player_id_equal(&actions[place].player, &result->player));
    }
    play_fini(&play);
}

static void the_actions_of_a_player_are_judged_in_their_order(void **state)
{
    (void)state;
    play_init(&play, NODES, RANGES, EPOCH_MS, SUPPLY);
    struct action actions[10];
    for (uint32_t i = 0; i < 10; i++)
        actions[i] = play_next_claim(&play, 2, 0, (uint16_t)(PLAY_OWN + i))->action;
    const uint64_t token = ++play.token;
    rig_send(&play.rig, another(2), token, actions, 10);
    rig_run(&play.rig, SOON_MS);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal((i + 1) * PLAY_OWN_POINTS, rig_result(&play.rig, token, i)->score);
    play_fini(&play);
}

static void claims_of_a_dead_leader_wait_for_the_next_one(void **state)
{
    (void)state;
    play_init(&play, NODES, RANGES, EPOCH_MS, SUPPLY);
    const uint32_t dead = rig_leader(&play.rig, 1);
    rig_off(&play.rig, dead);
    const struct play_sent *sent = claim_at((dead + 1) % NODES, 1, 0, PLAY_OWN);
    const uint32_t ms = run_until_answered(sent, HELD_MS);
    assert_int_equal(OUTCOME_FOUND, answer(sent)->outcome);
    assert_true(ms > 0);
    play_fini(&play);
}

/* The leader has it in its log, and dies before the answer: the next one is asked, and whether the
 * entry was committed or not, the claim counts once. */
static void a_claim_whose_answer_was_lost_with_the_leader_counts_once(void **state)
{
    (void)state;
    for (uint32_t after_ms = 0; after_ms < 8; after_ms++) {
        play_init(&play, NODES, RANGES, EPOCH_MS, SUPPLY);
        const uint32_t dead = rig_leader(&play.rig, 1);
        const struct play_sent *sent = claim_at((dead + 1) % NODES, 1, 0, PLAY_OWN);
        rig_run(&play.rig, after_ms);
        rig_off(&play.rig, dead);
        (void)run_until_answered(sent, HELD_MS);
        assert_int_equal(OUTCOME_FOUND, answer(sent)->outcome);
        assert_int_equal(PLAY_OWN_POINTS, answer(sent)->score);
        play_fini(&play);
    }
}

static void a_message_that_is_lost_is_sent_again(void **state)
{
    (void)state;
    play_init(&play, NODES, RANGES, EPOCH_MS, SUPPLY);
    const uint32_t node = another(1);
    play.rig.nodes[node].mute = true;
    const struct play_sent *sent = claim_at(node, 1, 0, PLAY_OWN);
    rig_run(&play.rig, 10);
    play.rig.nodes[node].mute = false;
    (void)run_until_answered(sent, HELD_MS);
    assert_int_equal(OUTCOME_FOUND, answer(sent)->outcome);
    play_fini(&play);
}

static void without_any_leader_a_claim_is_unavailable_after_a_while(void **state)
{
    (void)state;
    play_init(&play, NODES, RANGES, EPOCH_MS, SUPPLY);
    rig_off(&play.rig, 1);
    rig_off(&play.rig, 2);
    rig_run(&play.rig, 2000); /* a leader without a quorum has stepped down */
    const struct play_sent *sent = claim_at(0, 1, 0, PLAY_OWN);
    const uint32_t ms = run_until_answered(sent, 2 * HELD_MS);
    assert_int_equal(OUTCOME_UNAVAILABLE, answer(sent)->outcome);
    assert_true(ms >= HELD_MS);
    assert_false(cluster_busy(play.rig.nodes[0].core));

    rig_restart(&play.rig, 1);
    rig_settle(&play.rig);
    const struct play_sent *again = send_to(0, play_next_claim(&play, 1, 0, PLAY_OWN));
    (void)run_until_answered(again, HELD_MS);
    assert_int_equal(OUTCOME_FOUND, answer(again)->outcome);
    play_fini(&play);
}

static void other_ranges_do_not_notice_a_range_without_a_leader(void **state)
{
    (void)state;
    play_init(&play, NODES, RANGES, EPOCH_MS, SUPPLY);
    play.rig.silent_group = 1;
    rig_run(&play.rig, 2000);
    const struct play_sent *stuck = claim_at(0, 1, 0, PLAY_OWN);
    for (uint32_t range = 0; range < RANGES; range++) {
        if (range == 1)
            continue;
        const struct play_sent *sent = claim_at(another(range), range, 0, PLAY_OWN);
        (void)run_until_answered(sent, SOON_MS);
        assert_int_equal(OUTCOME_FOUND, answer(sent)->outcome);
    }
    assert_null(answer(stuck));
    play_fini(&play);
}

static void a_node_that_stops_answers_what_it_forwarded(void **state)
{
    (void)state;
    play_init(&play, NODES, RANGES, EPOCH_MS, SUPPLY);
    const uint32_t node = another(1);
    const struct play_sent *before = claim_at(node, 1, 0, PLAY_OWN);
    const struct event stop = {.kind = EVENT_STOP};
    rig_event(&play.rig, node, &stop);
    assert_true(cluster_busy(play.rig.nodes[node].core));
    const struct play_sent *after = claim_at(node, 1, 1, PLAY_OWN);
    assert_int_equal(OUTCOME_UNAVAILABLE, answer(after)->outcome);
    (void)run_until_answered(before, SOON_MS);
    assert_int_equal(OUTCOME_FOUND, answer(before)->outcome);
    rig_run(&play.rig, 500); /* what it led is handed over */
    assert_false(cluster_busy(play.rig.nodes[node].core));
    play_fini(&play);
}

/* Answers that nobody asked for, or that name another action, change nothing. */
static void an_answer_out_of_nowhere_is_dropped(void **state)
{
    (void)state;
    play_init(&play, NODES, RANGES, EPOCH_MS, SUPPLY);
    const uint32_t leader = rig_leader(&play.rig, 1);
    const uint32_t node = another(1);
    play.rig.nodes[leader].mute = true; /* the true answer does not come */
    const struct play_sent *sent = claim_at(node, 1, 0, PLAY_OWN);
    rig_run(&play.rig, 2);
    struct forwarded_result lies[3] = {
        {.number = UINT64_C(1) << 40 | 1 << 16, .judged = true},   /* names another action */
        {.number = 12345, .judged = true},                         /* no such place */
        {.number = UINT64_C(1) << 40 | 77 << 16, .judged = false}, /* of another generation */
    };
    const struct message message = {.kind = MESSAGE_RESULTS, .results = {.list = lies, .count = 3}};
    const struct event event = {
        .kind = EVENT_MESSAGE,
        .received = {.node = play.rig.members[leader].id,
                     .stamp = hlc_from_us(RIG_START_US + play.rig.now_us),
                     .message = &message},
    };
    const uint32_t before = play.rig.reply_count;
    rig_event(&play.rig, node, &event);
    assert_int_equal(before, play.rig.reply_count);
    play.rig.nodes[leader].mute = false;
    (void)run_until_answered(sent, HELD_MS);
    assert_int_equal(OUTCOME_FOUND, answer(sent)->outcome);
    play_fini(&play);
}

/* As many as a message may carry, and as there is room for on their way. */
static void what_is_on_its_way_is_bounded(void **state)
{
    (void)state;
    enum { ROOM = 65536, REQUEST = ACTIONS_PER_REQUEST_MAX };
    play_init(&play, NODES, RANGES, EPOCH_MS, SUPPLY);
    const uint32_t node = another(1);
    play.rig.nodes[node].mute = true; /* nothing gets away */
    play.rig.nodes[node].deaf = true;
    static struct action actions[REQUEST];
    for (uint32_t i = 0; i < REQUEST; i++) {
        actions[i] = play_next_claim(&play, 1, 0, PLAY_OWN)->action;
        play.sent_count = 0;
    }
    uint32_t sent = 0;
    while (sent + REQUEST <= ROOM) {
        rig_send(&play.rig, node, ++play.token, actions, REQUEST);
        sent += REQUEST;
    }
    assert_int_equal(0, play.rig.reply_count);
    rig_send(&play.rig, node, ++play.token, actions, REQUEST);
    assert_int_equal(sent + REQUEST - ROOM, play.rig.reply_count);
    for (uint32_t i = 0; i < play.rig.reply_count; i++)
        assert_int_equal(OUTCOME_UNAVAILABLE, play.rig.replies[i].result.outcome);
    play_fini(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_at_any_node_is_judged_by_the_leader),
        cmocka_unit_test(a_request_over_all_ranges_is_answered_whole_and_once),
        cmocka_unit_test(the_actions_of_a_player_are_judged_in_their_order),
        cmocka_unit_test(claims_of_a_dead_leader_wait_for_the_next_one),
        cmocka_unit_test(a_claim_whose_answer_was_lost_with_the_leader_counts_once),
        cmocka_unit_test(a_message_that_is_lost_is_sent_again),
        cmocka_unit_test(without_any_leader_a_claim_is_unavailable_after_a_while),
        cmocka_unit_test(other_ranges_do_not_notice_a_range_without_a_leader),
        cmocka_unit_test(a_node_that_stops_answers_what_it_forwarded),
        cmocka_unit_test(an_answer_out_of_nowhere_is_dropped),
        cmocka_unit_test(what_is_on_its_way_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
