/* A node that was away until the others had dropped the log it lacks: its leaders send it
 * snapshots, under claims, and kill -9 in the middle of that, of whoever, loses nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/process_trio.h"

/* Every group's log moves on by this much, and by as much as its last snapshot was long, twice in
 * some seconds. */
static const char *const snapping[] = {"--set=disk.snapshot_bytes=4096", NULL};

/* One of the groups has had two of them: behind the snapshot before the last one nothing is kept.
 */
#define SNAPSHOTS (CLUSTER_RANGES + 2)

/* However slow the machine. */
#define DROPPED_MS 120000

#define KILLS       6
#define KILL_MAX_MS 200

static const char adopts[] = "goes on from its leader's snapshot";

static uint64_t snapshots_stored(const struct trio *trio, uint32_t number)
{
    static const char name[] = "\ncairn_snapshots_stored_total ";
    struct link link;
    link_init(&link);
    const struct answer answer =
        http_ask(&link, trio->nodes.list[number].port, "GET", "/metrics", "");
    const char *at = strstr(answer.body, name);
    assert_non_null(at);
    const uint64_t count = strtoull(at + strlen(name), NULL, 10);
    link_fini(&link);
    return count;
}

/* The node has been killed: until what it lacks is gone at both others. */
static void run_until_dropped(struct trio *trio, uint32_t away)
{
    const uint64_t start = process_now_ms();
    for (uint32_t i = 1; i < CLUSTER_NODES; i++) {
        const uint32_t number = (away + i) % CLUSTER_NODES;
        const uint64_t wanted = snapshots_stored(trio, number) + SNAPSHOTS;
        while (snapshots_stored(trio, number) < wanted) {
            if (process_now_ms() - start > DROPPED_MS)
                fail_msg("%s stores too few snapshots; it said: %s", trio->nodes.list[number].name,
                         process_said(&trio->nodes.list[number]));
            trio_run(trio, 50);
        }
    }
}

static void a_node_that_was_away_for_too_long_goes_on_from_its_leaders_snapshots(void **state)
{
    struct trio *trio = *state;
    const uint32_t away = (uint32_t)rng_below(&trio->rng, CLUSTER_NODES);
    struct process *process = &trio->nodes.list[away];
    trio->nodes.arguments = snapping;
    trio_begin(trio);
    process_kill(process);
    run_until_dropped(trio, away);
    assert_int_equal(process_count_said(process, adopts), 0);
    nodes_start(&trio->nodes, away, CLUSTER_PEER_PORT);
    for (uint32_t i = 0; i < KILLS; i++) {
        /* Him, and those who send to him. */
        const uint32_t victim = i % 2 == 0 ? away : (away + 1 + i / 2 % 2) % CLUSTER_NODES;
        trio_run(trio, rng_below(&trio->rng, KILL_MAX_MS));
        process_kill(&trio->nodes.list[victim]);
        nodes_start(&trio->nodes, victim, CLUSTER_PEER_PORT);
    }
    const uint64_t start = process_now_ms();
    while (process_count_said(process, adopts) == 0) {
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("%s gets no snapshot; it said: %s", process->name, process_said(process));
        trio_run(trio, 50);
    }
    trio_run_until_answered(trio, LOAD_CLIENTS);
    trio_compare(trio);
    print_message("%s went on from %u snapshots of others\n", process->name,
                  process_count_said(process, adopts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_node_that_was_away_for_too_long_goes_on_from_its_leaders_snapshots, trio_setup,
            trio_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
