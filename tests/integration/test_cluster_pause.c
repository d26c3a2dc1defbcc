/* Three nodes, one of which stands still for a while, or stops on request, under claims at all of
 * them; and a treasure that only three may win, wanted by many at all nodes at once. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/process_gold.h"
#include "tests/integration/process_trio.h"

#define ROUNDS 3

/* Longer than any election, and than a link without news is trusted. */
#define PAUSED_MS 4000

/* Generous: a stop takes a transfer of each range, and a quiet moment. */
#define STOP_MS     20000
#define ANSWERED_MS 10000

static void a_node_that_stood_still_comes_back_and_nothing_is_lost_or_doubled(void **state)
{
    struct trio *trio = *state;
    trio_begin(trio);
    const uint32_t first = (uint32_t)rng_below(&trio->rng, CLUSTER_NODES);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        /* Each in turn: at least one of them leads. */
        const struct process *paused = &trio->nodes.list[(first + round) % CLUSTER_NODES];
        trio_run(trio, rng_below(&trio->rng, 1000));
        process_signal(paused, SIGSTOP);
        trio_run(trio, PAUSED_MS);
        trio_run_until_answered(trio, 2 * LOAD_CLIENTS); /* without it */
        process_signal(paused, SIGCONT);
        trio_run_until_answered(trio, LOAD_CLIENTS);
    }
    trio_compare(trio);
}

static void a_node_that_is_stopped_under_load_hands_over_first(void **state)
{
    struct trio *trio = *state;
    trio_begin(trio);
    for (uint32_t number = 0; number < CLUSTER_NODES; number++) {
        struct process *process = &trio->nodes.list[number];
        nodes_wait_whole(&trio->nodes);
        trio_run_until_answered(trio, LOAD_CLIENTS);
        trio->load.longest_ms = 0;
        const uint64_t refused = trio->load.refused;
        const uint64_t begun = process_now_ms();
        const uint32_t led = nodes_led(&trio->nodes, number);
        process_signal(process, SIGTERM);
        while (!process_ended(process)) {
            if (process_now_ms() - begun > STOP_MS)
                fail_msg("it does not stop; it said: %s", process_said(process));
            trio_run(trio, 20);
        }
        const int code = process_wait(process, PROCESS_WAIT_MS);
        if (code != 0)
            fail_msg("SIGTERM ends %s with %d; it said: %s", process->name, code,
                     process_said(process));
        const uint64_t took_ms = process_now_ms() - begun;
        trio_run_until_answered(trio, 4 * LOAD_CLIENTS);
        print_message("%s led %u, stopped in %llu ms; refused=%llu longest_ms=%llu\n",
                      process->name, led, (unsigned long long)took_ms,
                      (unsigned long long)(trio->load.refused - refused),
                      (unsigned long long)trio->load.longest_ms);
        assert_true(trio->load.longest_ms < ANSWERED_MS);
        nodes_start(&trio->nodes, number, CLUSTER_PEER_PORT);
    }
    trio_compare(trio);
}

/* --- A limited treasure ----------------------------------------------------------------------- */

static void three_win_a_treasure_for_three_though_a_node_stands_still(void **state)
{
    struct trio *trio = *state;
    struct gold gold;
    gold_begin(&gold, &trio->nodes);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const struct process *paused = &trio->nodes.list[rng_below(&trio->rng, CLUSTER_NODES)];
        process_signal(paused, SIGSTOP);
        gold_want(&gold);
        (void)poll(NULL, 0, (int)rng_below(&trio->rng, PAUSED_MS));
        process_signal(paused, SIGCONT);
        gold_settle(&gold);
    }
    gold_fini(&gold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_node_that_stood_still_comes_back_and_nothing_is_lost_or_doubled, trio_setup,
            trio_teardown),
        cmocka_unit_test_setup_teardown(a_node_that_is_stopped_under_load_hands_over_first,
                                        trio_setup, trio_teardown),
        cmocka_unit_test_setup_teardown(three_win_a_treasure_for_three_though_a_node_stands_still,
                                        trio_setup, trio_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
