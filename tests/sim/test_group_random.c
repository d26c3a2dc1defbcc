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

#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/group_world.h"

static uint64_t first_seed = 1, seeds = 300;
static struct world world;
static uint64_t next_value, crashes, changes, transfers, restarts;

/* What replicas there are, by node; a node that lost its replica does not come back here. */
struct troop {
    uint32_t voters; /* at the founding */
    bool joined;     /* node voters + 1 was started as a learner */
};

static uint64_t any_node(const struct troop *troop)
{
    return rng_between(&world.rng, 1, troop->voters + (troop->joined ? 1 : 0));
}

static void kill_or_start(const struct troop *troop)
{
    const uint64_t node = any_node(troop);
    if (world.nodes[node].group == NULL) {
        world_restart(&world, node);
        restarts++;
    } else {
        world_crash(&world, node);
        crashes++;
    }
}

static void cut_or_mend(const struct troop *troop)
{
    const uint64_t a = any_node(troop), b = any_node(troop);
    if (a == b)
        world_isolate(&world, a, rng_chance(&world.rng, 1, 2));
    else if (rng_chance(&world.rng, 1, 3))
        world.cut[a][b] = !world.cut[a][b]; /* one way */
    else
        world_cut(&world, a, b, rng_chance(&world.rng, 1, 2));
}

/* The node after the founders joins, becomes a voter, goes, and so on. */
static void change_members(struct troop *troop, uint64_t leader)
{
    const uint64_t guest = troop->voters + 1;
    if (!troop->joined) {
        world_join(&world, guest);
        troop->joined = true;
    }
    struct group_view view = world_view(&world, leader);
    bool found = false;
    for (uint32_t i = 0; i < view.replica_count; i++) {
        if (view.replicas[i].number != guest)
            continue;
        found = true;
        view.replicas[i].role =
            view.replicas[i].role == REPLICA_VOTER ? REPLICA_LEARNER : REPLICA_VOTER;
    }
    if (!found)
        view.replicas[view.replica_count++] = (struct replica){guest, guest, REPLICA_LEARNER};
    if (world_change(&world, leader, view.replicas, view.replica_count) == STATUS_OK)
        changes++;
}

static void do_something(struct troop *troop)
{
    const uint64_t leader = world_leader(&world);
    const uint64_t what = rng_below(&world.rng, 1000);
    if (what < 8) {
        kill_or_start(troop);
    } else if (what < 16) {
        cut_or_mend(troop);
    } else if (what < 20 && leader != 0) {
        change_members(troop, leader);
    } else if (what < 24 && leader != 0) {
        if (world_transfer(&world, leader, any_node(troop)) == STATUS_OK)
            transfers++;
    } else if (what < 30) {
        struct group_disk *disk = &world.nodes[any_node(troop)].disk;
        disk->held = !disk->held && rng_chance(&world.rng, 1, 4);
    } else if (what < 400) {
        const uint64_t node =
            leader != 0 && rng_chance(&world.rng, 9, 10) ? leader : any_node(troop);
        if (world.nodes[node].group != NULL)
            (void)!world_submit(&world, node, ++next_value,
                                8 * (uint32_t)rng_between(&world.rng, 1, 30));
    }
}

static void stop_faults(const struct troop *troop)
{
    world.loss_percent = world.duplicate_percent = 0;
    world.delay_ms_max = 3;
    for (uint64_t a = 0; a < WORLD_NODES; a++) {
        for (uint64_t b = 0; b < WORLD_NODES; b++)
            world.cut[a][b] = false;
        world.nodes[a].disk.held = false;
    }
    for (uint64_t node = 1; node <= troop->voters + (troop->joined ? 1 : 0); node++) {
        if (world.nodes[node].group == NULL)
            world_restart(&world, node);
    }
}

static void run_seed(uint64_t seed)
{
    world_init(&world, seed);
    world.telling = false;
    struct troop troop = {.voters = (uint32_t)rng_between(&world.rng, 1, 5)};
    world.loss_percent = (uint32_t)rng_below(&world.rng, 20);
    world.duplicate_percent = (uint32_t)rng_below(&world.rng, 20);
    world.delay_ms_max = (uint32_t)rng_between(&world.rng, 1, 60);
    for (uint64_t node = 1; node < WORLD_NODES; node++) {
        world.nodes[node].disk.sync_ms_max = (uint32_t)rng_between(&world.rng, 1, 20);
        world.nodes[node].tail_bytes_max = (uint32_t)rng_between(&world.rng, 256, 8192);
    }
    world_found(&world, troop.voters);
    world_run(&world, 50); /* a founding that got lost is founded again, by somebody else */
    for (int i = 0; i < 4000; i++) {
        do_something(&troop);
        world_run(&world, 1);
    }

    stop_faults(&troop);
    const uint64_t leader = world_await_leader(&world);
    witness_check(&world.witness, leader != 0, "somebody leads when the faults have stopped");
    world_run(&world, 1000);
    const uint64_t now = world_await_leader(&world);
    witness_check(&world.witness, world_submit(&world, now, ++next_value, 8) == STATUS_OK,
                  "the leader takes entries when the faults have stopped");
    witness_check(&world.witness, world_run_until(&world, world_all_applied, 10000),
                  "everything is applied when the faults have stopped");
    world_fini(&world);
}

static void promises_hold_under_faults_and_progress_returns_when_they_stop(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++)
        run_seed(seed);
    printf("%llu seeds: %llu submits, %llu crashes, %llu restarts, %llu changes, %llu transfers\n",
           (unsigned long long)seeds, (unsigned long long)next_value, (unsigned long long)crashes,
           (unsigned long long)restarts, (unsigned long long)changes,
           (unsigned long long)transfers);
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
