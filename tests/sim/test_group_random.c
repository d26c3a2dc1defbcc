/* tests/sim/test_group_random.c -- Groups under loss, duplication, reordering, cuts and crashes
 * that forget what was not synced. The witness checks Raft's promises at every step; when the
 * faults stop, everything that was committed is applied everywhere and new entries commit.
 *
 *   test_sim_group_random [FIRST_SEED [SEEDS]] */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/group_world.h"

static uint64_t first_seed = 1, seeds = 300;
static struct group_world world;
static uint64_t next_value, crashes, changes, transfers, applied, leaders;

/* Nodes 1 to `nodes` have run a replica so far; `voters` of them founded. A number is not used
 * again: a removed replica runs on, and nobody may mind. */
struct troop {
    uint32_t voters, nodes;
};

static uint64_t any_node(const struct troop *troop)
{
    return rng_between(&world.rng, 1, troop->nodes);
}

static void kill_or_start(const struct troop *troop)
{
    const uint64_t node = any_node(troop);
    if (world.nodes[node].group == NULL) {
        group_world_restart(&world, node);
    } else {
        group_world_crash(&world, node);
        crashes++;
    }
}

static void cut_or_mend(const struct troop *troop)
{
    const uint64_t a = any_node(troop), b = any_node(troop);
    if (a == b)
        group_world_isolate(&world, a, rng_chance(&world.rng, 1, 2));
    else if (rng_chance(&world.rng, 1, 3))
        world.cut[a][b] = !world.cut[a][b]; /* one way */
    else
        group_world_cut(&world, a, b, rng_chance(&world.rng, 1, 2));
}

/* A learner becomes a voter; without one, somebody joins or goes. */
static void change_members(struct troop *troop, uint64_t leader)
{
    struct group_view view = group_world_view(&world, leader);
    uint32_t learner = 0;
    while (learner < view.replica_count && view.replicas[learner].role == REPLICA_VOTER)
        learner++;
    if (learner < view.replica_count) {
        view.replicas[learner].role = REPLICA_VOTER;
    } else if (view.replica_count < 5 && troop->nodes + 1 < WORLD_NODES) {
        const uint64_t guest = ++troop->nodes;
        group_world_join(&world, guest);
        view.replicas[view.replica_count++] = (struct replica){guest, guest, REPLICA_LEARNER};
    } else {
        const uint64_t gone = rng_below(&world.rng, view.replica_count);
        view.replicas[gone] = view.replicas[--view.replica_count];
    }
    if (group_world_change(&world, leader, view.replicas, view.replica_count) == STATUS_OK)
        changes++;
}

/* `rate`: how often something bad happens, in ten thousandths of a millisecond's actions. */
static void do_something(struct troop *troop, uint64_t rate)
{
    const uint64_t leader = group_world_leader(&world);
    const uint64_t what = rng_below(&world.rng, 10000);
    if (what < rate) {
        kill_or_start(troop);
    } else if (what < 2 * rate) {
        cut_or_mend(troop);
    } else if (what < 3 * rate) {
        struct group_disk *disk = &world.nodes[any_node(troop)].disk;
        disk->held = !disk->held && rng_chance(&world.rng, 1, 4);
    } else if (what < 500 && leader != 0) {
        change_members(troop, leader);
    } else if (what < 530 && leader != 0) {
        if (group_world_transfer(&world, leader, any_node(troop)) == STATUS_OK)
            transfers++;
    } else if (what < 4000) {
        const uint64_t node =
            leader != 0 && rng_chance(&world.rng, 9, 10) ? leader : any_node(troop);
        if (world.nodes[node].group != NULL)
            (void)!group_world_submit(&world, node, ++next_value,
                                      8 * (uint32_t)rng_between(&world.rng, 1, 30));
    }
}

static void mend(const struct troop *troop)
{
    for (uint64_t a = 0; a < WORLD_NODES; a++) {
        for (uint64_t b = 0; b < WORLD_NODES; b++)
            world.cut[a][b] = false;
        world.nodes[a].disk.held = false;
    }
    for (uint64_t node = 1; node <= troop->nodes; node++) {
        if (world.nodes[node].group == NULL)
            group_world_restart(&world, node);
    }
}

static void run_seed(uint64_t seed)
{
    group_world_init(&world, seed);
    world.telling = false;
    struct troop troop = {.voters = (uint32_t)rng_between(&world.rng, 1, 5)};
    troop.nodes = troop.voters;
    world.loss_percent = (uint32_t)rng_below(&world.rng, 20);
    world.duplicate_percent = (uint32_t)rng_below(&world.rng, 20);
    world.delay_ms_max = (uint32_t)rng_between(&world.rng, 1, 60);
    for (uint64_t node = 1; node < WORLD_NODES; node++) {
        world.nodes[node].disk.sync_ms_max = (uint32_t)rng_between(&world.rng, 1, 20);
        world.nodes[node].tail_bytes_max = (uint32_t)rng_between(&world.rng, 256, 8192);
    }
    group_world_found(&world, troop.voters);
    group_world_run(&world, 50); /* a founding that got lost is founded again, by somebody else */
    const uint64_t rate = rng_between(&world.rng, 1, 100);
    for (int i = 1; i <= 6000; i++) {
        do_something(&troop, rate);
        if (i % 1500 == 0)
            mend(&troop);
        group_world_run(&world, 1);
    }

    mend(&troop);
    world.loss_percent = world.duplicate_percent = 0;
    world.delay_ms_max = 3;
    const uint64_t leader = group_world_await_leader(&world);
    witness_check(&world.witness, leader != 0, "somebody leads when the faults have stopped");
    group_world_run(&world, 1000);
    const uint64_t now = group_world_await_leader(&world);
    witness_check(&world.witness, group_world_submit(&world, now, ++next_value, 8) == STATUS_OK,
                  "the leader takes entries when the faults have stopped");
    witness_check(&world.witness, group_world_run_until(&world, group_world_all_applied, 10000),
                  "everything is applied when the faults have stopped");
    applied += world.witness.applied_count;
    leaders += world.witness.leader_count;
    group_world_fini(&world);
}

static void promises_hold_under_faults_and_progress_returns_when_they_stop(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++)
        run_seed(seed);
    printf("%" PRIu64 " seeds: %" PRIu64 " submits, %" PRIu64 " applied, %" PRIu64
           " leaders, %" PRIu64 " crashes, %" PRIu64 " changes, %" PRIu64 " transfers\n",
           seeds, next_value, applied, leaders, crashes, changes, transfers);
    assert_true(seeds < 100 || (crashes > 500 && changes > 500 && transfers > 100));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        first_seed = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seeds = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promises_hold_under_faults_and_progress_returns_when_they_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
