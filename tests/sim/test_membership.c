/* tests/sim/test_membership.c -- What the core makes of membership: who is gone is known soon and
 * asked nothing, who is back is found, and a node with a bad clock stands aside. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/ranges/group.h"
#include "tests/sim/play.h"

#define NODES    3
#define RANGES   6
#define EPOCH_MS 10000

#define KNOWN_MS  1000 /* of each other, from the founding */
#define KILLED_MS 500  /* until everybody knows of a kill -9 */
#define SILENT_MS 8000 /* ... of silence: a suspicion that nobody else confirms */
#define SKEWED_MS 2000 /* until a node knows that its clock is off */

static struct play play;

static const struct cluster *core(uint32_t node)
{
    return play.rig.nodes[node].core;
}

static struct cluster_member member_of(uint32_t at, uint32_t whom)
{
    struct cluster_member list[NODES_MAX];
    const uint32_t count = cluster_members(core(at), list);
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].id == play.rig.members[whom].id)
            return list[i];
    }
    fail_msg("node %u does not list node %u", at, whom);
    return list[0];
}

/* All who run say this of the node; it itself aside. */
static bool all_say(uint32_t whom, enum liveness liveness)
{
    for (uint32_t at = 0; at < play.rig.count; at++) {
        if (at != whom && !play.rig.nodes[at].off && member_of(at, whom).liveness != liveness)
            return false;
    }
    return true;
}

/* How long that takes. */
static uint32_t run_until_all_say(uint32_t whom, enum liveness liveness, uint32_t ms_max)
{
    uint32_t ms = 0;
    for (; !all_say(whom, liveness); ms++) {
        if (ms == ms_max)
            fail_msg("node %u is not %s to all in %u ms", whom, liveness_name(liveness), ms_max);
        rig_run(&play.rig, 1);
    }
    return ms;
}

static void begin(uint32_t nodes)
{
    play_init(&play, nodes, RANGES, EPOCH_MS, 3);
    for (uint32_t node = 0; node < nodes; node++)
        (void)run_until_all_say(node, LIVENESS_ALIVE, KNOWN_MS);
}

static enum skew_verdict verdict_of(uint32_t node)
{
    struct cluster_membership membership;
    cluster_membership(core(node), &membership);
    return membership.skew;
}

static uint32_t led_by(uint32_t node)
{
    uint32_t led = 0;
    uint64_t term;
    for (uint32_t range = 0; range < RANGES; range++)
        led += cluster_leads(core(node), range, &term);
    return led + cluster_leads(core(node), GROUP_SYSTEM, &term);
}

static void members_are_told_of_with_what_they_say(void **state)
{
    (void)state;
    begin(NODES);
    rig_run(&play.rig, 3000);
    uint32_t leads = 0;
    for (uint32_t whom = 0; whom < NODES; whom++) {
        const struct cluster_member member = member_of(0, whom);
        assert_string_equal(play.rig.members[whom].name.text, member.name);
        assert_string_equal(play.rig.members[whom].peer, member.peer);
        assert_int_equal(1, member.boot);
        assert_int_equal(RANGES, member.replicas);
        assert_int_equal(led_by(whom) - (whom == rig_leader(&play.rig, GROUP_SYSTEM)),
                         member.leads);
        assert_true(member.measured);
        assert_in_range(member.clock_offset_us + 2000, 0, 4000);
        leads += member.leads;
    }
    assert_int_equal(RANGES, leads);
    play_fini(&play);
}

static void a_kill_is_known_to_all_in_half_a_second(void **state)
{
    (void)state;
    for (uint32_t killed = 0; killed < NODES; killed++) {
        begin(NODES);
        rig_off(&play.rig, killed);
        assert_in_range(run_until_all_say(killed, LIVENESS_FAILED, KILLED_MS), 1, KILLED_MS);
        play_fini(&play);
    }
}

static void silence_is_known_to_all_in_bounded_time_and_forgiven(void **state)
{
    (void)state;
    begin(NODES);
    play.rig.nodes[1].deaf = play.rig.nodes[1].mute = true;
    (void)run_until_all_say(1, LIVENESS_FAILED, SILENT_MS);
    play.rig.nodes[1].deaf = play.rig.nodes[1].mute = false;
    (void)run_until_all_say(1, LIVENESS_ALIVE, KNOWN_MS);
    assert_int_equal(1, member_of(0, 1).boot);
    play_fini(&play);
}

static void a_node_that_starts_again_is_known_at_its_new_address(void **state)
{
    (void)state;
    begin(NODES);
    rig_off(&play.rig, 2);
    (void)run_until_all_say(2, LIVENESS_FAILED, KILLED_MS);
    (void)snprintf(play.rig.members[2].peer, sizeof play.rig.members[2].peer, "tcp://n3:2");
    rig_restart(&play.rig, 2);
    (void)run_until_all_say(2, LIVENESS_ALIVE, KNOWN_MS);
    rig_run(&play.rig, 50);
    for (uint32_t at = 0; at < 2; at++) {
        assert_int_equal(2, member_of(at, 2).boot);
        assert_string_equal("tcp://n3:2", member_of(at, 2).peer);
        assert_string_equal("tcp://n3:2", play.rig.nodes[at].dialled[2]);
    }
    play_fini(&play);
}

static void
claims_for_a_killed_leader_go_to_the_next_one_without_waiting_for_an_answer(void **state)
{
    (void)state;
    begin(NODES);
    const uint32_t leader = rig_leader(&play.rig, 0);
    const uint32_t other = (leader + 1) % NODES;
    /* It goes to the leader, whose answer never comes. */
    play.rig.nodes[leader].mute = true;
    struct play_sent *sent = play_next_claim(&play, 0, 1, PLAY_OWN);
    sent->token = ++play.token;
    rig_send(&play.rig, other, sent->token, &sent->action, 1);
    rig_run(&play.rig, 2);
    play.rig.nodes[leader].mute = false;
    rig_off(&play.rig, leader);
    uint32_t ms = 0;
    for (; rig_result(&play.rig, sent->token, 0) == NULL; ms++) {
        assert_true(ms < 2000);
        rig_run(&play.rig, 1);
    }
    assert_int_equal(OUTCOME_FOUND, rig_result(&play.rig, sent->token, 0)->outcome);
    play_fini(&play);
}

static void a_node_that_stops_is_not_taken_for_dead(void **state)
{
    (void)state;
    begin(NODES);
    const struct event stop = {.kind = EVENT_STOP};
    rig_event(&play.rig, 1, &stop);
    uint32_t ms = 0;
    for (; cluster_busy(core(1)); ms++) {
        assert_true(ms < 1000);
        rig_run(&play.rig, 1);
    }
    rig_off(&play.rig, 1);
    assert_true(all_say(1, LIVENESS_LEFT));
    rig_run(&play.rig, 3000);
    assert_true(all_say(1, LIVENESS_LEFT));
    rig_restart(&play.rig, 1);
    (void)run_until_all_say(1, LIVENESS_ALIVE, KNOWN_MS);
    play_fini(&play);
}

/* Its clock is off by so much; the others lead and take claims, and it comes back when the clock
 * is right again. */
static void stand_aside(int64_t offset_us, enum skew_verdict verdict)
{
    begin(NODES);
    const uint32_t bad = rig_leader(&play.rig, 0);
    play.rig.nodes[bad].offset_us = offset_us;
    uint32_t ms = 0;
    for (; verdict_of(bad) == SKEW_NONE || led_by(bad) > 0; ms++) {
        assert_true(ms < SKEWED_MS);
        rig_run(&play.rig, 1);
    }
    assert_int_equal(verdict, verdict_of(bad));
    const char *reason = "";
    assert_false(cluster_ready(core(bad), &reason));
    assert_non_null(strstr(reason, "clock is off by"));
    for (uint32_t s = 0; s < 20; s++) {
        rig_run(&play.rig, 1000);
        assert_int_equal(0, led_by(bad));
        assert_int_equal(verdict, verdict_of(bad));
        for (uint32_t node = 0; node < NODES; node++) {
            if (node != bad)
                assert_int_equal(SKEW_NONE, verdict_of(node));
        }
        assert_true(member_of((bad + 1) % NODES, bad).skewed);
        assert_int_equal(LIVENESS_ALIVE, member_of((bad + 1) % NODES, bad).liveness);
    }
    play_claim_everywhere(&play, 30, 1, PLAY_OWN);
    rig_run(&play.rig, 100);
    for (uint32_t i = play.sent_count - RANGES; i < play.sent_count; i++) {
        assert_int_equal(OUTCOME_FOUND, play_answer(&play, &play.sent[i])->outcome);
        /* Nobody has taken over its time. */
        const uint64_t now_us = RIG_START_US + play.rig.now_us;
        assert_in_range(play_answer(&play, &play.sent[i])->hlc >> 12, now_us - 200000, now_us + 1);
    }
    play.rig.nodes[bad].offset_us = 0;
    rig_run(&play.rig, 9000);
    assert_int_equal(verdict, verdict_of(bad));
    rig_run(&play.rig, 3000);
    assert_int_equal(SKEW_NONE, verdict_of(bad));
    rig_settle(&play.rig); /* it is ready, too */
    play_fini(&play);
}

static void a_node_with_a_fast_clock_stands_aside(void **state)
{
    (void)state;
    stand_aside(2000000, SKEW_AHEAD);
}

static void a_node_with_a_slow_clock_stands_aside(void **state)
{
    (void)state;
    stand_aside(-2000000, SKEW_BEHIND);
}

static void a_clock_within_the_bound_is_no_reason(void **state)
{
    (void)state;
    begin(NODES);
    const uint32_t node = rig_leader(&play.rig, 0);
    play.rig.nodes[node].offset_us = 245000;
    rig_run(&play.rig, 5000);
    assert_int_equal(SKEW_NONE, verdict_of(node));
    assert_int_equal(node, rig_leader(&play.rig, 0));
    play_fini(&play);
}

/* While its clock has been right for too short a time it could win, and does not ask. */
static void a_node_with_a_bad_clock_starts_no_elections(void **state)
{
    (void)state;
    begin(NODES);
    const uint32_t leader = rig_leader(&play.rig, 0);
    const uint32_t bad = (leader + 1) % NODES, third = (leader + 2) % NODES;
    play.rig.nodes[bad].offset_us = -1000000;
    rig_run(&play.rig, SKEWED_MS);
    assert_int_equal(SKEW_BEHIND, verdict_of(bad));
    play.rig.nodes[bad].offset_us = 0;
    rig_run(&play.rig, SKEWED_MS);
    rig_off(&play.rig, leader);
    rig_run(&play.rig, 3000);
    assert_int_equal(SKEW_BEHIND, verdict_of(bad));
    assert_int_equal(0, led_by(bad));
    assert_int_equal(RANGES + 1, led_by(third));
    /* Then it does, when it has to. */
    rig_run(&play.rig, 10000);
    assert_int_equal(SKEW_NONE, verdict_of(bad));
    rig_restart(&play.rig, leader);
    rig_settle(&play.rig);
    rig_off(&play.rig, third);
    rig_off(&play.rig, leader);
    rig_restart(&play.rig, leader);
    rig_settle(&play.rig);
    assert_true(led_by(bad) > 0);
    play_fini(&play);
}

static void two_nodes_whose_clocks_differ_both_report(void **state)
{
    (void)state;
    memset(&play, 0, sizeof play);
    rig_init_alone(&play.rig, 2, 3, RANGES, EPOCH_MS);
    rig_settle(&play.rig);
    rig_join(&play.rig, 1, 0);
    rig_run(&play.rig, 500);
    for (uint32_t node = 0; node < 2; node++)
        (void)run_until_all_say(node, LIVENESS_ALIVE, KNOWN_MS);
    play.rig.nodes[1].offset_us = 2000000;
    rig_run(&play.rig, SKEWED_MS);
    for (uint32_t node = 0; node < 2; node++) {
        struct cluster_membership membership;
        cluster_membership(core(node), &membership);
        assert_int_equal(SKEW_NONE, membership.skew);
        assert_int_equal(1, membership.clocks_apart);
        assert_int_equal(1, play.rig.nodes[node].clock_notes);
    }
    assert_int_equal(RANGES + 1, led_by(0));
    play_fini(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_told_of_with_what_they_say),
        cmocka_unit_test(a_kill_is_known_to_all_in_half_a_second),
        cmocka_unit_test(silence_is_known_to_all_in_bounded_time_and_forgiven),
        cmocka_unit_test(a_node_that_starts_again_is_known_at_its_new_address),
        cmocka_unit_test(
            claims_for_a_killed_leader_go_to_the_next_one_without_waiting_for_an_answer),
        cmocka_unit_test(a_node_that_stops_is_not_taken_for_dead),
        cmocka_unit_test(a_node_with_a_fast_clock_stands_aside),
        cmocka_unit_test(a_node_with_a_slow_clock_stands_aside),
        cmocka_unit_test(a_clock_within_the_bound_is_no_reason),
        cmocka_unit_test(a_node_with_a_bad_clock_starts_no_elections),
        cmocka_unit_test(two_nodes_whose_clocks_differ_both_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
