/* tests/sim/test_group.c -- One Raft group, its stories in simulated time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "tests/sim/group_world.h"

static struct group_world world;

static int set_up(void **state)
{
    (void)state;
    group_world_init(&world, 7);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    group_world_fini(&world);
    return 0;
}

static void submit(uint64_t node, uint64_t value)
{
    assert_int_equal(group_world_submit(&world, node, value, 8), STATUS_OK);
}

static void settle(void)
{
    assert_true(group_world_run_until(&world, group_world_all_applied, 10000));
}

/* --- One voter -----------------------------------------------------------------------------------
 */

static void a_sole_voter_leads_at_once_with_a_vote_for_itself_in_a_term_of_its_own(void **state)
{
    (void)state;
    group_world_found(&world, 1);
    const struct group_view view = group_world_view(&world, 1);
    assert_int_equal(view.role, GROUP_LEADER);
    assert_int_equal(view.term, 2);
    assert_int_equal(view.leader, 1);
    assert_int_equal(view.leader_node, 1);
    group_world_run(&world, 10);
    assert_int_equal(world.nodes[1].disk.durable.hard_state.term, 2);
    assert_int_equal(world.nodes[1].disk.durable.hard_state.vote, 1);
    assert_int_equal(world.nodes[1].disk.durable.hard_state.replica, 1);
}

static void nothing_is_applied_before_it_is_on_disk(void **state)
{
    (void)state;
    group_world_found(&world, 1);
    group_world_run(&world, 10);
    world.nodes[1].disk.held = true;
    submit(1, 100);
    group_world_run(&world, 1000);
    assert_int_equal(group_world_view(&world, 1).last_index, 2);
    assert_int_equal(group_world_view(&world, 1).durable_index, 1);
    assert_int_equal(group_world_view(&world, 1).commit_index, 1);
    assert_int_equal(world.nodes[1].last_value, 0);

    world.nodes[1].disk.held = false;
    group_world_run(&world, 5);
    assert_int_equal(world.nodes[1].last_value, 100);
}

static void a_sole_voter_replays_its_log_after_a_restart(void **state)
{
    (void)state;
    group_world_found(&world, 1);
    for (uint64_t i = 1; i <= 50; i++) {
        submit(1, i);
        group_world_run(&world, 4);
    }
    settle();
    group_world_crash_losing(&world, 1);
    group_world_restart(&world, 1);
    assert_int_equal(group_world_view(&world, 1).applied_index, 0);
    settle(); /* the witness compares the entries with those of the first life */
    assert_int_equal(world.nodes[1].last_value, 50);
    assert_true(world.log_reads > 0);
    assert_int_equal(group_world_view(&world, 1).term, 3);
    assert_string_equal(group_world_story(&world), "[    0] 1 leads in term 2\n"
                                                   "[  200] 1 is killed\n"
                                                   "[  200] 1 starts again with 51 entries\n"
                                                   "[  200] 1 leads in term 3\n");
}

static void a_founding_that_was_lost_leaves_nothing_behind(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    for (uint64_t i = 1; i <= 3; i++)
        group_world_crash_losing(&world, i);
    assert_int_equal(world.nodes[1].disk.durable.count, 0);
    group_world_found(&world, 3);
    assert_int_not_equal(group_world_await_leader(&world), 0);
}

static void submits_are_refused_while_too_much_waits_for_the_disk(void **state)
{
    (void)state;
    world.nodes[1].tail_bytes_max = 1024;
    group_world_found(&world, 1);
    group_world_run(&world, 10);
    world.nodes[1].disk.held = true;
    uint32_t taken = 0;
    enum status status;
    while ((status = group_world_submit(&world, 1, taken, 256)) == STATUS_OK)
        taken++;
    assert_int_equal(status, STATUS_FULL);
    assert_int_equal(taken, 8); /* twice the tail */
    world.nodes[1].disk.held = false;
    group_world_run(&world, 20);
    /* A single entry above the bound is taken when nothing waits. */
    assert_int_equal(group_world_submit(&world, 1, 1, 4096), STATUS_OK);
    settle();
}

/* --- Sole voter with a learner -------------------------------------------------------------------
 */

static const struct replica one_and_learner[] = {{1, 1, REPLICA_VOTER}, {2, 2, REPLICA_LEARNER}};

/* Only an entry of the present term lets a leader change its configuration. */
static void change(uint64_t node, const struct replica *replicas, uint32_t count)
{
    enum status status = STATUS_CONFLICT;
    for (int i = 0; i < 1000 && status == STATUS_CONFLICT; i++) {
        status = group_world_change(&world, node, replicas, count);
        group_world_run(&world, 1);
    }
    assert_int_equal(status, STATUS_OK);
}

static void a_learner_gets_no_entry_that_the_sole_voter_may_lose(void **state)
{
    (void)state;
    group_world_found(&world, 1);
    group_world_join(&world, 2);
    change(1, one_and_learner, 2);
    settle();
    assert_int_equal(group_world_view(&world, 2).replica_count, 2);

    world.nodes[1].disk.held = true;
    submit(1, 100);
    group_world_run(&world, 500);
    assert_int_equal(group_world_view(&world, 2).last_index,
                     group_world_view(&world, 1).last_index - 1);
    world.nodes[1].disk.held = false;
    settle();
    assert_int_equal(world.nodes[2].last_value, 100);
}

/* With it the learner would count as a voter of a group whose voter may forget that. */
static void the_change_that_ends_a_sole_voter_waits_for_its_disk(void **state)
{
    (void)state;
    group_world_found(&world, 1);
    group_world_join(&world, 2);
    change(1, one_and_learner, 2);
    group_world_run(&world, 100);
    world.nodes[1].disk.held = true;
    const struct replica two[] = {{1, 1, REPLICA_VOTER}, {2, 2, REPLICA_VOTER}};
    assert_int_equal(group_world_change(&world, 1, two, 2), STATUS_OK);
    group_world_run(&world, 200);
    assert_int_equal(group_world_view(&world, 2).last_index,
                     group_world_view(&world, 1).last_index - 1);
    world.nodes[1].disk.held = false;
    settle();
    assert_int_equal(group_world_view(&world, 2).replicas[1].role, REPLICA_VOTER);
}

/* Whatever the millisecond of the kill: the witness knows every entry that was ever written or
 * sent, and none may come back as another one with its index and term. */
static void a_sole_voter_killed_between_send_and_sync_makes_no_two_entries_of_one(void **state)
{
    (void)state;
    world.telling = false;
    group_world_found(&world, 1);
    group_world_join(&world, 2);
    change(1, one_and_learner, 2);
    settle();
    uint64_t value = 1000;
    for (uint64_t kill_after = 0; kill_after < 40; kill_after++) {
        world.nodes[1].disk.sync_ms_max = 1 + (uint32_t)(kill_after % 7);
        for (uint64_t i = 0; i < kill_after; i++) {
            submit(1, value++);
            group_world_run(&world, 1);
        }
        const uint64_t term = group_world_view(&world, 1).term;
        group_world_crash_losing(&world, 1);
        group_world_restart(&world, 1);
        assert_int_equal(group_world_view(&world, 1).term, term + 1);
        submit(1, value++);
        group_world_run(&world, kill_after % 3);
    }
    settle();
    assert_int_equal(world.nodes[1].last_value, world.nodes[2].last_value);
}

static void one_voter_grows_to_three_back_to_back(void **state)
{
    (void)state;
    group_world_found(&world, 1);
    for (uint64_t i = 1; i <= 20; i++)
        submit(1, i);
    group_world_join(&world, 2);
    group_world_join(&world, 3);
    struct replica list[] = {
        {1, 1, REPLICA_VOTER}, {2, 2, REPLICA_LEARNER}, {3, 3, REPLICA_LEARNER}};
    change(1, list, 2);
    change(1, list, 3);
    group_world_run(&world, 100);
    assert_int_equal(group_match(world.nodes[1].group, 3), group_world_view(&world, 1).last_index);
    list[1].role = REPLICA_VOTER;
    change(1, list, 3);
    list[2].role = REPLICA_VOTER;
    change(1, list, 3);
    settle();
    assert_int_equal(group_world_view(&world, 3).replicas[2].role, REPLICA_VOTER);

    group_world_crash_losing(&world, 1);
    assert_int_not_equal(group_world_await_leader(&world), 0);
    submit(group_world_leader(&world), 21);
    settle();
}

static void submit_large(uint64_t node, uint64_t count)
{
    const uint64_t before = world.nodes[node].last_value;
    for (uint64_t i = 1; i <= count; i++) {
        while (group_world_submit(&world, node, before + i, 4096) != STATUS_OK)
            group_world_run(&world, 1);
    }
    settle();
}

/* What it lets go is read back for those who come later. */
static void a_replica_without_others_keeps_hardly_a_tail(void **state)
{
    (void)state;
    group_world_found(&world, 1);
    submit_large(1, 100);
    assert_true(group_tail_bytes(world.nodes[1].group) <= 64 << 10);

    group_world_join(&world, 2);
    change(1, one_and_learner, 2);
    settle();
    assert_int_equal(world.nodes[2].last_value, 100);
    assert_true(world.log_reads > 0);
    submit_large(1, 100);
    assert_true(group_tail_bytes(world.nodes[1].group) >= 400000);
    assert_int_equal(world.nodes[2].last_value, 200);
}

static void a_group_never_shrinks_to_one_voter(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    const uint64_t leader = group_world_await_leader(&world);
    struct replica list[] = {{1, 1, REPLICA_VOTER}, {2, 2, REPLICA_VOTER}, {3, 3, REPLICA_VOTER}};
    submit(leader, 1);
    settle();
    /* Two differences, the first CHANGE's replicas, another node, nobody. */
    assert_int_equal(group_world_change(&world, leader, list, 1), STATUS_INVALID);
    assert_int_equal(group_world_change(&world, leader, list, 3), STATUS_INVALID);
    assert_int_equal(group_world_change(&world, leader, list, 0), STATUS_INVALID);
    list[2].node = 4;
    assert_int_equal(group_world_change(&world, leader, list, 3), STATUS_INVALID);
    list[2].node = 3;

    list[0] = (struct replica){leader, leader, REPLICA_VOTER};
    list[1] = (struct replica){leader % 3 + 1, leader % 3 + 1, REPLICA_VOTER};
    change(leader, list, 2);
    group_world_run(&world, 100);
    assert_int_equal(group_world_change(&world, leader, list, 1), STATUS_INVALID);
    list[1].role = REPLICA_LEARNER;
    assert_int_equal(group_world_change(&world, leader, list, 2), STATUS_INVALID);
}

/* The sole voter dies when its disk alone holds the CHANGE that makes the learner a voter. */
static void a_learner_votes_for_a_leader_that_knows_it_as_a_voter(void **state)
{
    (void)state;
    group_world_found(&world, 1);
    group_world_join(&world, 2);
    change(1, one_and_learner, 2);
    group_world_run(&world, 100);
    const struct replica two[] = {{1, 1, REPLICA_VOTER}, {2, 2, REPLICA_VOTER}};
    group_world_cut(&world, 1, 2, true);
    change(1, two, 2);
    group_world_run(&world, 20);
    group_world_crash_losing(&world, 1);
    group_world_restart(&world, 1);
    group_world_cut(&world, 1, 2, false);
    assert_int_equal(group_world_await_leader(&world), 1);
    assert_int_equal(group_world_view(&world, 2).replicas[1].role, REPLICA_VOTER);
}

static void a_replica_becomes_a_voter_only_when_it_has_what_is_committed(void **state)
{
    (void)state;
    group_world_found(&world, 1);
    submit(1, 1);
    settle();
    change(1, one_and_learner, 2); /* 2 does not run yet */
    group_world_run(&world, 100);
    struct replica two[] = {{1, 1, REPLICA_VOTER}, {2, 2, REPLICA_VOTER}};
    assert_int_equal(group_world_change(&world, 1, two, 2), STATUS_CONFLICT);
    group_world_join(&world, 2);
    group_world_run(&world, 200);
    assert_int_equal(group_world_change(&world, 1, two, 2), STATUS_OK);
}

/* --- Three voters --------------------------------------------------------------------------------
 */

static void three_voters_elect_replicate_and_commit(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    const uint64_t leader = group_world_await_leader(&world);
    assert_int_not_equal(leader, 0);
    for (uint64_t i = 1; i <= 100; i++) {
        submit(leader, i);
        group_world_run(&world, rng_below(&world.rng, 3));
    }
    settle();
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(world.nodes[i].last_value, 100);
        assert_int_equal(group_world_view(&world, i).leader, leader);
        assert_int_equal(group_world_view(&world, i).leader_node, leader);
        assert_int_equal(group_world_view(&world, i).dropped, 0);
    }
    const uint64_t other = leader % 3 + 1;
    assert_int_equal(group_world_submit(&world, other, 1, 8), STATUS_NOT_LEADER);
    assert_int_equal(group_match(world.nodes[leader].group, other), 101);
    assert_int_equal(group_match(world.nodes[other].group, leader), 0);
}

static void another_leads_within_a_second_and_a_half_after_the_leader_dies(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    const uint64_t first = group_world_await_leader(&world);
    submit(first, 1);
    settle();
    const uint64_t killed_ms = world.now_ms;
    group_world_crash_losing(&world, first);
    const uint64_t second = group_world_await_leader(&world);
    assert_int_not_equal(second, 0);
    assert_int_not_equal(second, first);
    assert_true(world.now_ms - killed_ms <= 1500);
    submit(second, 2);
    group_world_restart(&world, first);
    settle();
    assert_int_equal(world.nodes[first].last_value, 2);
}

static void a_leader_without_a_quorum_steps_down_and_what_it_took_is_replaced(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    const uint64_t first = group_world_await_leader(&world);
    submit(first, 1);
    settle();
    group_world_isolate(&world, first, true);
    submit(first, 666);
    group_world_run(&world, 2 * GROUP_ELECTION_MS + 50);
    assert_int_equal(group_world_view(&world, first).role, GROUP_FOLLOWER);
    const uint64_t second = group_world_await_leader(&world);
    assert_int_not_equal(second, first);
    submit(second, 2);
    group_world_run(&world, 200);
    group_world_isolate(&world, first, false);
    settle();
    assert_int_equal(world.nodes[first].last_value, 2);
}

static void leadership_is_handed_over_within_fifty_ms(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    const uint64_t first = group_world_await_leader(&world);
    submit(first, 1);
    settle();
    const uint64_t target = first % 3 + 1;
    assert_int_equal(group_world_transfer(&world, first, first), STATUS_INVALID);
    assert_int_equal(group_world_transfer(&world, first, 5), STATUS_INVALID);
    assert_int_equal(group_world_transfer(&world, target, first), STATUS_NOT_LEADER);
    assert_int_equal(group_world_transfer(&world, first, target), STATUS_OK);
    assert_true(group_world_view(&world, first).transferring);
    assert_int_equal(group_world_submit(&world, first, 2, 8), STATUS_NOT_LEADER);
    assert_int_equal(group_world_transfer(&world, first, target), STATUS_NOT_LEADER);
    group_world_run(&world, 50);
    assert_int_equal(group_world_leader(&world), target);
    submit(target, 3);
    settle();
}

static void leadership_handed_to_a_dead_replica_stays(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    const uint64_t first = group_world_await_leader(&world);
    submit(first, 1);
    settle();
    const uint64_t target = first % 3 + 1;
    group_world_crash_losing(&world, target);
    assert_int_equal(group_world_transfer(&world, first, target), STATUS_OK);
    group_world_run(&world, 2 * GROUP_ELECTION_MS);
    assert_int_equal(group_world_leader(&world), first);
    assert_false(group_world_view(&world, first).transferring);
    submit(first, 2);
}

/* Figure 3.7 of the dissertation (8 of the paper): an entry of an older term on a majority of the
 * disks is not committed by counting, for a later leader may replace it. */
static void an_entry_of_an_old_term_is_not_committed_by_counting(void **state)
{
    (void)state;
    group_world_found(&world, 5);
    /* (a) 1 leads and replicates index 2 to 2 only. */
    group_world_elect(&world, 1);
    group_world_run(&world, 100);
    const uint64_t old_term = group_world_view(&world, 1).term;
    for (uint64_t i = 3; i <= 5; i++)
        group_world_cut(&world, 1, i, true);
    submit(1, 2);
    group_world_run(&world, 100);
    assert_int_equal(group_world_view(&world, 2).last_index, 2);
    assert_int_equal(group_world_view(&world, 1).commit_index, 1);
    /* (b) 1 dies; 5 is elected by 3 and 4, and takes another entry at index 2, which nobody gets.
     */
    group_world_crash_losing(&world, 1);
    group_world_cut(&world, 2, 5, true);
    group_world_elect(&world, 5);
    group_world_isolate(&world, 5, true);
    submit(5, 3);
    group_world_run(&world, 20);
    assert_int_equal(world.nodes[5].disk.durable.count, 2);
    /* (c) 5 dies; 1 is elected again and replicates index 2 to 3, but nothing newer. */
    group_world_crash_losing(&world, 5);
    group_world_restart(&world, 1);
    for (uint64_t i = 2; i <= 4; i++)
        group_world_cut(&world, 1, i, false);
    group_world_cut(&world, 1, 4, true);
    world.trim_after = 2;
    group_world_elect(&world, 1);
    group_world_run(&world, 400);
    assert_int_equal(group_term_of(world.nodes[1].group, 2), old_term);
    assert_int_equal(group_match(world.nodes[1].group, 2), 2);
    assert_int_equal(group_match(world.nodes[1].group, 3), 2); /* on three of five disks */
    assert_int_equal(group_world_view(&world, 1).commit_index, 1);
    assert_false(group_ready_to_lead(world.nodes[1].group));
    /* (d) 1 dies; 5 is elected and replaces index 2 everywhere. */
    group_world_crash_losing(&world, 1);
    group_world_restart(&world, 5);
    group_world_isolate(&world, 5, false);
    group_world_isolate(&world, 1, false);
    world.trim_after = 0;
    group_world_elect(&world, 5);
    group_world_restart(&world, 1);
    settle();
    for (uint64_t i = 1; i <= 5; i++)
        assert_int_equal(world.nodes[i].last_value, 3);
}

/* A follower that was away needs entries that the leader has on disk only. */
static void entries_older_than_the_tail_are_read_back_for_a_follower(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 3; i++)
        world.nodes[i].tail_bytes_max = 4096;
    group_world_found(&world, 3);
    const uint64_t leader = group_world_await_leader(&world);
    const uint64_t away = leader % 3 + 1;
    group_world_isolate(&world, away, true);
    for (uint64_t i = 1; i <= 3000; i++) {
        while (group_world_submit(&world, leader, i, 64) != STATUS_OK)
            group_world_run(&world, 1);
    }
    group_world_run(&world, 100);
    assert_int_equal(group_world_view(&world, leader).commit_index, 3001);
    group_world_isolate(&world, away, false);
    settle();
    assert_int_equal(world.nodes[away].last_value, 3000);
    assert_true(world.log_reads >= 3);
    assert_int_equal(group_world_leader(&world), leader);
}

/* libraft alone sends it up to 1024 entries with every heartbeat. */
static void a_replica_that_does_not_answer_gets_heartbeats_only(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    const uint64_t leader = group_world_await_leader(&world);
    const uint64_t away = leader % 3 + 1;
    group_world_crash_losing(&world, away);
    for (uint64_t i = 1; i <= 200; i++)
        submit(leader, i);
    group_world_run(&world, 1000);
    world.sent_entries = 0;
    group_world_run(&world, 5000);
    assert_int_equal(world.sent_entries, 0);
    group_world_restart(&world, away);
    group_world_run(&world, 150);
    assert_int_equal(world.nodes[away].last_value, 200);
}

static void an_overlong_append_is_split_into_messages_of_a_mebibyte(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    const uint64_t leader = group_world_await_leader(&world);
    const uint64_t away = leader % 3 + 1;
    group_world_isolate(&world, away, true);
    for (uint64_t i = 1; i <= 12; i++) {
        while (group_world_submit(&world, leader, i, i % 4 == 0 ? ENTRY_BYTES_MAX : 400000) !=
               STATUS_OK)
            group_world_run(&world, 1);
    }
    group_world_run(&world, 100);
    group_world_isolate(&world, away, false);
    settle(); /* the world measures every message */
    assert_int_equal(world.nodes[away].last_value, 12);
}

static void a_message_dropped_at_the_outbox_is_a_loss_like_any_other(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    const uint64_t leader = group_world_await_leader(&world);
    const uint64_t slow = leader % 3 + 1;
    /* Answers to heartbeats wait behind a write that does not end. */
    world.nodes[slow].disk.held = true;
    submit(leader, 1);
    group_world_run(&world, 5000);
    const struct group_view view = group_world_view(&world, slow);
    assert_int_equal(view.last_index, 2);
    assert_int_equal(view.durable_index, 1);
    assert_true(view.overflowed > 20);
    world.nodes[slow].disk.held = false;
    group_world_run(&world, 100);
    assert_int_equal(group_match(world.nodes[leader].group, slow), 2);
}

/* Six learners' heartbeats pile up behind the sole voter's disk, more than leave in one call. */
static void what_finds_no_room_in_one_call_leaves_with_the_next(void **state)
{
    (void)state;
    group_world_found(&world, 1);
    struct replica list[7] = {{1, 1, REPLICA_VOTER}};
    for (uint32_t i = 2; i <= 7; i++) {
        group_world_join(&world, i);
        list[i - 1] = (struct replica){i, i, REPLICA_LEARNER};
        change(1, list, i);
    }
    settle();
    world.nodes[1].disk.held = true;
    submit(1, 1);
    group_world_run(&world, 3000);
    assert_true(group_world_view(&world, 1).overflowed > 100);
    world.effects_most = 0;
    world.nodes[1].disk.held = false;
    group_world_run(&world, 200);
    assert_int_equal(world.effects_most, GROUP_EFFECTS_MAX - 1); /* one is kept for READ_LOG */
    settle();
}

/* --- What libraft would get wrong ----------------------------------------------------------------
 */

/* The candidate with the longer log has the older term, the other one is out of date: each refuses
 * the other's pre-vote, and unless the refusal tells the newer term, nobody ever leads. */
static void a_longer_log_with_an_older_term_wins_in_the_end(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    group_world_elect(&world, 1);
    group_world_run(&world, 100);
    group_world_isolate(&world, 2, true);
    submit(1, 1);
    group_world_run(&world, 100);
    for (uint64_t i = 1; i <= 3; i++)
        group_world_crash_losing(&world, i);
    world.only_candidate = 0;
    group_world_isolate(&world, 2, false);
    world.nodes[2].disk.durable.hard_state.term += 7; /* elections that it lost */
    group_world_restart(&world, 1);
    group_world_restart(&world, 2);
    assert_int_equal(group_world_await_leader(&world), 1);
}

/* A rejection that was sent long ago and arrives while the leader probes that follower. */
static void a_late_rejection_does_not_starve_a_follower(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    group_world_elect(&world, 1);
    for (uint64_t i = 1; i <= 10; i++)
        submit(1, i);
    settle();
    group_world_cut(&world, 1, 2, true);
    group_world_run(&world, 250); /* 1 aborts the pipeline to 2 */
    const uint64_t match = group_match(world.nodes[1].group, 2);
    assert_int_equal(match, 11);
    const struct group_message late = {
        .group = WORLD_GROUP,
        .type = GROUP_APPEND_RESULT,
        .from = 2,
        .from_node = 2,
        .to = 1,
        .term = group_world_view(&world, 1).term,
        .append_result = {.rejected = match, .last_index = 3},
    };
    group_world_inject(&world, 1, &late);
    group_world_cut(&world, 1, 2, false);
    submit(1, 11);
    settle();
    assert_int_equal(group_match(world.nodes[1].group, 2), 12);
    assert_int_equal(group_world_view(&world, 1).dropped, 0);
}

/* --- Configurations ------------------------------------------------------------------------------
 */

static const struct replica three_and_learner[] = {
    {1, 1, REPLICA_VOTER},
    {2, 2, REPLICA_VOTER},
    {3, 3, REPLICA_VOTER},
    {4, 4, REPLICA_LEARNER},
};

static void a_change_inside_an_append_is_noted_at_its_index(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    group_world_join(&world, 4);
    group_world_elect(&world, 1);
    submit(1, 1);
    settle();
    group_world_cut(&world, 1, 3, true);
    submit(1, 2);
    change(1, three_and_learner, 4);
    submit(1, 3);
    group_world_run(&world, 100);
    group_world_cut(&world, 1, 3, false); /* 3 gets a command, the CHANGE and a command at once */
    settle();
    assert_int_equal(group_world_view(&world, 3).replica_count, 4);

    /* As a leader 3 can change the configuration: the earlier CHANGE is known to be committed. */
    world.only_candidate = 0;
    assert_int_equal(group_world_transfer(&world, 1, 3), STATUS_OK);
    group_world_run(&world, 100);
    assert_int_equal(group_world_leader(&world), 3);
    change(3, three_and_learner, 3);
    settle();
    assert_int_equal(group_world_view(&world, 2).replica_count, 3);
}

static void a_truncated_change_is_rolled_back(void **state)
{
    (void)state;
    group_world_found(&world, 5);
    group_world_elect(&world, 1);
    submit(1, 1);
    settle();
    const struct replica more[] = {
        {1, 1, REPLICA_VOTER}, {2, 2, REPLICA_VOTER}, {3, 3, REPLICA_VOTER},
        {4, 4, REPLICA_VOTER}, {5, 5, REPLICA_VOTER}, {6, 6, REPLICA_LEARNER},
    };
    group_world_isolate(&world, 1, true);
    submit(1, 666);
    assert_int_equal(group_world_change(&world, 1, more, 6), STATUS_OK);
    assert_int_equal(group_world_change(&world, 1, more, 5), STATUS_CONFLICT);
    submit(1, 667);
    group_world_run(&world, 20);
    group_world_cut(&world, 1, 2, false); /* only 2 gets them, at once */
    group_world_run(&world, 100);
    assert_int_equal(group_world_view(&world, 2).last_index, 5);
    assert_int_equal(group_world_view(&world, 2).replica_count, 6);
    group_world_crash_losing(&world, 1);

    group_world_isolate(&world, 2, true);
    group_world_elect(&world, 3);
    submit(3, 2);
    group_world_isolate(&world, 2, false);
    settle();
    assert_int_equal(group_world_view(&world, 2).replica_count, 5);
    assert_int_equal(world.nodes[2].last_value, 2);

    group_world_isolate(&world, 1, false);
    world.only_candidate = 0;
    assert_int_equal(group_world_transfer(&world, 3, 2), STATUS_OK);
    group_world_run(&world, 200);
    assert_int_equal(group_world_leader(&world), 2);
    change(2, more, 6);
    group_world_restart(&world, 1);
    settle();
    assert_int_equal(group_world_view(&world, 1).replica_count, 6);
}

/* Ongaro's correction: a leader of a new term with a log that is committed to its end still needs
 * an entry of its own before it may change the configuration. */
static void a_new_leader_changes_nothing_before_an_entry_of_its_term_is_committed(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    group_world_elect(&world, 1);
    assert_int_equal(group_world_view(&world, 1).last_index,
                     group_world_view(&world, 1).commit_index);
    assert_int_equal(group_world_change(&world, 1, three_and_learner, 4), STATUS_CONFLICT);
    assert_int_equal(group_world_change(&world, 1, three_and_learner, 4), STATUS_CONFLICT);
    assert_int_equal(group_world_view(&world, 1).last_index, 2); /* one barrier, not two */
    group_world_run(&world, 50);
    assert_int_equal(group_world_change(&world, 1, three_and_learner, 4), STATUS_OK);
}

static void a_leader_that_removes_itself_steps_down_when_that_is_committed(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    const uint64_t leader = group_world_await_leader(&world);
    struct replica rest[2];
    for (uint64_t i = 0; i < 2; i++) {
        const uint64_t number = (leader + i) % 3 + 1;
        rest[i] = (struct replica){number, number, REPLICA_VOTER};
    }
    change(leader, rest, 2);
    group_world_run(&world, 100);
    assert_int_equal(group_world_view(&world, leader).role, GROUP_FOLLOWER);
    const uint64_t next = group_world_await_leader(&world);
    assert_int_not_equal(next, leader);
    submit(next, 1);
    group_world_run(&world, 200);
    assert_int_equal(world.nodes[rest[0].number].last_value, 1);
}

static void followers_change_to_what_a_restarted_leader_tells_of_two_changes(void **state)
{
    (void)state;
    group_world_found(&world, 3);
    group_world_join(&world, 4);
    group_world_elect(&world, 1);
    submit(1, 1);
    settle();
    group_world_isolate(&world, 3, true);
    change(1, three_and_learner, 4);
    change(1, three_and_learner, 3);
    group_world_run(&world, 100);
    /* Both restart and know only that entry 1 is committed; 3 gets both CHANGEs in one message. */
    group_world_crash_losing(&world, 1);
    group_world_crash_losing(&world, 2);
    group_world_restart(&world, 1);
    group_world_restart(&world, 2);
    group_world_isolate(&world, 3, false);
    world.only_candidate = 0;
    group_world_crash_losing(&world, 4);
    assert_int_not_equal(group_world_await_leader(&world), 0);
    settle();
    assert_int_equal(group_world_view(&world, 3).replica_count, 3);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_sole_voter_leads_at_once_with_a_vote_for_itself_in_a_term_of_its_own),
        STORY(nothing_is_applied_before_it_is_on_disk),
        STORY(a_sole_voter_replays_its_log_after_a_restart),
        STORY(a_founding_that_was_lost_leaves_nothing_behind),
        STORY(submits_are_refused_while_too_much_waits_for_the_disk),
        STORY(a_learner_gets_no_entry_that_the_sole_voter_may_lose),
        STORY(the_change_that_ends_a_sole_voter_waits_for_its_disk),
        STORY(a_sole_voter_killed_between_send_and_sync_makes_no_two_entries_of_one),
        STORY(one_voter_grows_to_three_back_to_back),
        STORY(a_replica_without_others_keeps_hardly_a_tail),
        STORY(a_group_never_shrinks_to_one_voter),
        STORY(a_learner_votes_for_a_leader_that_knows_it_as_a_voter),
        STORY(a_replica_becomes_a_voter_only_when_it_has_what_is_committed),
        STORY(three_voters_elect_replicate_and_commit),
        STORY(another_leads_within_a_second_and_a_half_after_the_leader_dies),
        STORY(a_leader_without_a_quorum_steps_down_and_what_it_took_is_replaced),
        STORY(leadership_is_handed_over_within_fifty_ms),
        STORY(leadership_handed_to_a_dead_replica_stays),
        STORY(an_entry_of_an_old_term_is_not_committed_by_counting),
        STORY(entries_older_than_the_tail_are_read_back_for_a_follower),
        STORY(a_replica_that_does_not_answer_gets_heartbeats_only),
        STORY(an_overlong_append_is_split_into_messages_of_a_mebibyte),
        STORY(a_message_dropped_at_the_outbox_is_a_loss_like_any_other),
        STORY(what_finds_no_room_in_one_call_leaves_with_the_next),
        STORY(a_longer_log_with_an_older_term_wins_in_the_end),
        STORY(a_late_rejection_does_not_starve_a_follower),
        STORY(a_change_inside_an_append_is_noted_at_its_index),
        STORY(a_truncated_change_is_rolled_back),
        STORY(a_new_leader_changes_nothing_before_an_entry_of_its_term_is_committed),
        STORY(a_leader_that_removes_itself_steps_down_when_that_is_committed),
        STORY(followers_change_to_what_a_restarted_leader_tells_of_two_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
