/* tests/sim/test_grow.c -- A cluster of one takes others in: they join, get replicas, vote, lead
 * their share, and what was acknowledged before is there after the founder is gone. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/ranges/placement.h"
#include "tests/sim/play.h"

#define RANGES   6
#define EPOCH_MS 10000

#define GROWN_MS 10000 /* joined, caught up, voting, spread */

static struct play play;

static const struct cluster *core(uint32_t node)
{
    return play.rig.nodes[node].core;
}

static uint32_t members_of(uint32_t node)
{
    return system_state_members(cluster_system(core(node)));
}

/* Every replica of the group knows of so many voters. */
static bool have_voters(uint32_t group, uint32_t voters)
{
    uint32_t holders = 0;
    for (uint32_t node = 0; node < play.rig.count; node++) {
        const uint32_t known = play.rig.nodes[node].off ? 0 : cluster_voters(core(node), group);
        if (known != 0 && known != voters)
            return false;
        holders += known != 0;
    }
    return holders >= voters;
}

static bool all_have_voters(uint32_t voters)
{
    for (uint32_t range = 0; range < RANGES; range++) {
        if (!have_voters(range, voters))
            return false;
    }
    return have_voters(GROUP_SYSTEM, voters);
}

/* Each of the first `nodes` leads an equal share. */
static bool is_spread(uint32_t nodes)
{
    for (uint32_t range = 0; range < RANGES; range++) {
        if (rig_leader(&play.rig, range) != range * nodes / RANGES)
            return false;
    }
    return true;
}

static void run_until(bool (*holds)(void), const char *what)
{
    for (uint32_t ms = 0; !holds(); ms += 10) {
        if (ms >= GROWN_MS)
            fail_msg("not in %u ms: %s", (unsigned)GROWN_MS, what);
        rig_run(&play.rig, 10);
    }
}

static bool three_voters(void)
{
    return all_have_voters(3);
}

static bool five_voters(void)
{
    return all_have_voters(5);
}

static bool spread_over_three(void)
{
    return is_spread(3);
}

/* A hunt is played on one node, with claims by players of all ranges. */
static void begin(uint32_t nodes, uint32_t replicas)
{
    memset(&play, 0, sizeof play);
    rig_init_alone(&play.rig, nodes, replicas, RANGES, EPOCH_MS);
    rig_settle(&play.rig);
    play_find_players(&play);
    play_define(&play, play_hunt(3));
    play_run_to_epoch(&play, play.rig.defined.active_from_epoch);
    play_claim_everywhere(&play, 0, 5, PLAY_OWN);
    rig_run(&play.rig, 20);
    for (uint32_t i = 0; i < play.sent_count; i++)
        assert_int_equal(OUTCOME_FOUND, play_answer(&play, &play.sent[i])->outcome);
}

static void a_node_that_joins_knows_the_cluster_soon(void **state)
{
    (void)state;
    begin(2, 3);
    rig_join(&play.rig, 1, 0);
    rig_run(&play.rig, 500);
    assert_int_equal(2, members_of(0));
    assert_int_equal(2, members_of(1));
    assert_non_null(system_state_find_hunt(cluster_system(core(1)), "harbour"));
    const char *reason = "";
    assert_true(cluster_ready(core(1), &reason));
    /* Two cannot hold more than one: it takes claims and passes them on. */
    assert_true(all_have_voters(1));
    struct play_sent *sent = play_next_claim(&play, 2, 7, PLAY_OWN);
    sent->token = ++play.token;
    rig_send(&play.rig, 1, sent->token, &sent->action, 1);
    rig_run(&play.rig, 50);
    assert_int_equal(OUTCOME_FOUND, rig_result(&play.rig, sent->token, 0)->outcome);
    play_fini(&play);
}

/* What the cluster is does not fit the answer to one question then. */
static void a_cluster_with_many_hunts_takes_a_node_in(void **state)
{
    (void)state;
    begin(3, 3);
    char name[] = "hunt-a";
    for (uint32_t i = 0; i < 20; i++) {
        struct definition *definition = play_hunt(3);
        name[5] = (char)('a' + (int)i);
        assert_int_equal(STATUS_OK, name_set(&definition->hunt, name, 6));
        play_define(&play, definition);
    }
    rig_join(&play.rig, 1, 0);
    rig_run(&play.rig, 2000);
    const char *reason = "";
    assert_true(cluster_ready(core(1), &reason));
    assert_non_null(system_state_find_hunt(cluster_system(core(1)), name));
    /* The next one is told of by him, while the founder may be restarting. */
    rig_join(&play.rig, 2, 1);
    rig_run(&play.rig, 100);
    rig_restart(&play.rig, 0);
    rig_run(&play.rig, 5000);
    assert_true(cluster_ready(core(2), &reason));
    assert_non_null(system_state_find_hunt(cluster_system(core(2)), name));
    play_fini(&play);
}

static void a_founder_that_gains_two_others_has_three_voters_everywhere(void **state)
{
    (void)state;
    begin(3, 3);
    rig_join(&play.rig, 1, 0);
    rig_join(&play.rig, 2, 0);
    run_until(three_voters, "three voters in every group");
    run_until(spread_over_three, "leaders spread");
    for (uint32_t node = 0; node < 3; node++)
        assert_int_equal(3, members_of(node));
    rig_run(&play.rig, 500);
    assert_int_equal(system_state_digest(cluster_system(core(0))),
                     system_state_digest(cluster_system(core(1))));
    assert_int_equal(system_state_digest(cluster_system(core(0))),
                     system_state_digest(cluster_system(core(2))));
    play_fini(&play);
}

static void what_was_acknowledged_by_one_survives_him_among_three(void **state)
{
    (void)state;
    begin(3, 3);
    rig_join(&play.rig, 1, 0);
    rig_join(&play.rig, 2, 1); /* by another member */
    run_until(three_voters, "three voters in every group");
    rig_off(&play.rig, 0);
    rig_settle(&play.rig);
    for (uint32_t i = 0; i < RANGES * 5; i++) {
        const struct result receipt = play_receipt(&play, &play.sent[i]);
        assert_int_equal(OUTCOME_FOUND, receipt.outcome);
        assert_int_equal(play_answer(&play, &play.sent[i])->hlc, receipt.hlc);
    }
    play_claim_everywhere(&play, 10, 5, PLAY_OWN);
    rig_run(&play.rig, 100);
    for (uint32_t i = RANGES * 5; i < play.sent_count; i++)
        assert_int_equal(OUTCOME_FOUND, play_answer(&play, &play.sent[i])->outcome);
    play_fini(&play);
}

static void no_claim_is_refused_while_the_cluster_grows(void **state)
{
    (void)state;
    begin(3, 3);
    rig_join(&play.rig, 1, 0);
    rig_join(&play.rig, 2, 0);
    uint32_t number = 6;
    for (uint32_t ms = 0; ms < 4000; ms += 100) {
        for (uint32_t range = 0; range < RANGES; range++) {
            struct play_sent *sent = play_next_claim(&play, range, number, PLAY_OWN);
            sent->token = ++play.token;
            rig_send(&play.rig, ms / 100 % 3, sent->token, &sent->action, 1);
        }
        number++;
        rig_run(&play.rig, 100);
    }
    rig_run(&play.rig, 3000);
    assert_true(all_have_voters(3));
    for (uint32_t i = RANGES * 5; i < play.sent_count; i++) {
        const struct result *result = rig_result(&play.rig, play.sent[i].token, 0);
        assert_non_null(result);
        /* One that came to a node before he was a member. */
        if (result->outcome == OUTCOME_UNAVAILABLE && i < RANGES * 12)
            continue;
        assert_int_equal(OUTCOME_FOUND, result->outcome);
    }
    play_fini(&play);
}

static void five_nodes_hold_three_replicas_of_each_range(void **state)
{
    (void)state;
    begin(5, 3);
    for (uint32_t node = 1; node < 5; node++) {
        rig_join(&play.rig, node, node - 1);
        rig_run(&play.rig, 500);
    }
    run_until(three_voters, "three voters in every group");
    /* Those beyond three route. */
    for (uint32_t node = 0; node < 5; node++) {
        struct play_sent *sent = play_next_claim(&play, node, 20, PLAY_OWN);
        sent->token = ++play.token;
        rig_send(&play.rig, node, sent->token, &sent->action, 1);
        rig_run(&play.rig, 100);
        assert_int_equal(OUTCOME_FOUND, rig_result(&play.rig, sent->token, 0)->outcome);
    }
    play_fini(&play);
}

static void five_replicas_are_reached_by_way_of_three(void **state)
{
    (void)state;
    begin(5, 5);
    for (uint32_t node = 1; node < 5; node++)
        rig_join(&play.rig, node, 0);
    run_until(five_voters, "five voters in every group");
    play_fini(&play);
}

static void a_name_that_is_taken_is_refused_and_said(void **state)
{
    (void)state;
    begin(2, 3);
    play.rig.members[1].name = play.rig.members[0].name;
    rig_join(&play.rig, 1, 0);
    rig_run(&play.rig, 1000);
    assert_int_equal(1, members_of(0));
    assert_non_null(strstr(play.rig.error, "name"));
    play_fini(&play);
}

static void a_member_that_starts_again_is_one_and_the_same(void **state)
{
    (void)state;
    begin(3, 3);
    rig_join(&play.rig, 1, 0);
    rig_join(&play.rig, 2, 0);
    run_until(three_voters, "three voters in every group");
    rig_restart(&play.rig, 1);
    rig_settle(&play.rig);
    rig_run(&play.rig, 1000);
    for (uint32_t node = 0; node < 3; node++) {
        assert_int_equal(3, members_of(node));
        const struct member *member =
            system_state_find_member(cluster_system(core(node)), play.rig.members[1].id);
        assert_int_equal(2, member->boot);
    }
    assert_true(all_have_voters(3));
    play_fini(&play);
}

/* Power is lost everywhere while the cluster grows, at any moment: it goes on growing. */
static void growing_survives_power_loss(void **state)
{
    (void)state;
    for (uint32_t after_ms = 0; after_ms < 600; after_ms += 60) {
        begin(3, 3);
        rig_join(&play.rig, 1, 0);
        rig_join(&play.rig, 2, 0);
        rig_run(&play.rig, after_ms);
        for (uint32_t node = 0; node < 3; node++) {
            if (play.rig.nodes[node].disk.group_count > 0) {
                rig_restart(&play.rig, node);
                continue;
            }
            rig_off(&play.rig, node);
            rig_join(&play.rig, node, 0);
        }
        run_until(three_voters, "three voters in every group");
        rig_settle(&play.rig);
        for (uint32_t i = 0; i < RANGES * 5; i++)
            assert_int_equal(OUTCOME_FOUND, play_receipt(&play, &play.sent[i]).outcome);
        play_fini(&play);
    }
}

static void a_node_that_stops_hands_over_what_it_leads(void **state)
{
    (void)state;
    begin(3, 3);
    rig_join(&play.rig, 1, 0);
    rig_join(&play.rig, 2, 0);
    run_until(three_voters, "three voters in every group");
    run_until(spread_over_three, "leaders spread");
    const struct event stop = {.kind = EVENT_STOP};
    rig_event(&play.rig, 0, &stop);
    assert_true(cluster_busy(core(0)));
    uint32_t ms = 0;
    for (; cluster_busy(core(0)) && ms < 1000; ms++)
        rig_run(&play.rig, 1);
    assert_true(ms < 500);
    for (uint32_t range = 0; range < RANGES; range++)
        assert_int_not_equal(0, rig_leader(&play.rig, range));
    assert_int_not_equal(0, rig_leader(&play.rig, GROUP_SYSTEM));
    play_fini(&play);
}

static void a_sole_node_stops_without_waiting(void **state)
{
    (void)state;
    begin(1, 3);
    const struct event stop = {.kind = EVENT_STOP};
    rig_event(&play.rig, 0, &stop);
    assert_false(cluster_busy(core(0)));
    play_fini(&play);
}

/* What says where they are stands in the log, and is committed only when they have met. */
static void nodes_that_lost_power_at_once_find_each_other(void **state)
{
    (void)state;
    begin(3, 3);
    rig_join(&play.rig, 1, 0);
    rig_join(&play.rig, 2, 0);
    run_until(three_voters, "three voters everywhere");
    for (uint32_t node = 0; node < 3; node++)
        rig_off(&play.rig, node);
    for (uint32_t node = 0; node < 3; node++)
        rig_restart(&play.rig, node);
    rig_settle(&play.rig);
    play_fini(&play);
}

/* Nobody can log where they are before they are heard. */
static void two_of_three_that_come_back_elsewhere_are_found(void **state)
{
    (void)state;
    for (uint32_t stays = 0; stays < 3; stays++) {
        begin(3, 3);
        rig_join(&play.rig, 1, 0);
        rig_join(&play.rig, 2, 0);
        run_until(three_voters, "three voters everywhere");
        for (uint32_t node = 0; node < 3; node++) {
            if (node != stays)
                rig_off(&play.rig, node);
        }
        rig_run(&play.rig, 2000);
        for (uint32_t node = 0; node < 3; node++) {
            if (node == stays)
                continue;
            rig_move(&play.rig, node);
            rig_restart(&play.rig, node);
        }
        rig_settle(&play.rig);
        play_fini(&play);
    }
}

static void move_others(uint32_t away, uint32_t moved)
{
    for (uint32_t node = 0; node < 3; node++) {
        if (node == away || (moved >> node & 1) == 0)
            continue;
        rig_move(&play.rig, node);
        rig_restart(&play.rig, node);
        rig_settle(&play.rig);
        rig_run(&play.rig, 1000);
    }
}

/* Whatever it knows of those who moved is old, and what they send is for its life before. */
static void one_that_was_away_while_others_moved_is_found(void **state)
{
    (void)state;
    for (uint32_t away = 0; away < 3; away++) {
        for (uint32_t moved = 1; moved < 8; moved++) {
            begin(3, 3);
            rig_join(&play.rig, 1, 0);
            rig_join(&play.rig, 2, 0);
            run_until(three_voters, "three voters everywhere");
            rig_off(&play.rig, away);
            move_others(away, moved);
            rig_restart(&play.rig, away);
            rig_settle(&play.rig);
            play_fini(&play);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_that_joins_knows_the_cluster_soon),
        cmocka_unit_test(a_cluster_with_many_hunts_takes_a_node_in),
        cmocka_unit_test(a_founder_that_gains_two_others_has_three_voters_everywhere),
        cmocka_unit_test(what_was_acknowledged_by_one_survives_him_among_three),
        cmocka_unit_test(no_claim_is_refused_while_the_cluster_grows),
        cmocka_unit_test(five_nodes_hold_three_replicas_of_each_range),
        cmocka_unit_test(five_replicas_are_reached_by_way_of_three),
        cmocka_unit_test(a_name_that_is_taken_is_refused_and_said),
        cmocka_unit_test(a_member_that_starts_again_is_one_and_the_same),
        cmocka_unit_test(growing_survives_power_loss),
        cmocka_unit_test(a_node_that_stops_hands_over_what_it_leads),
        cmocka_unit_test(a_sole_node_stops_without_waiting),
        cmocka_unit_test(nodes_that_lost_power_at_once_find_each_other),
        cmocka_unit_test(two_of_three_that_come_back_elsewhere_are_found),
        cmocka_unit_test(one_that_was_away_while_others_moved_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
