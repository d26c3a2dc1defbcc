/* Three nodes, kill -9 of any of them, under claims at all of them that are retried anywhere: none
 * that was acknowledged is lost, and none counts twice, as each node tells it.
 *
 * CAIRN_KILLS: how many; CAIRN_SEED: of moments and claims (the machine's timing stays its own). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cluster/base/rng.h"
#include "tests/integration/process_cluster.h"
#include "tests/integration/process_load.h"

#define ROUNDS_DEFAULT 16
#define ROUNDS_MIN     8 /* however slow the machine */
#define QUICK_MS       70000

#define BEFORE_MAX_MS 1200
#define DOWN_MAX_MS   1500

/* From when a claim is made to its answer, while a quorum lives: elections and a slow machine. */
#define ANSWERED_MS 10000

struct test {
    struct rng rng;
    struct nodes nodes;
    struct players players;
    struct load load;
    uint32_t kills;
};

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static int setup(void **state)
{
    static struct test test;
    const uint64_t seed = number_from("CAIRN_SEED", (uint64_t)time(NULL));
    print_message("seed=%llu\n", (unsigned long long)seed);
    test = (struct test){.kills = 0};
    rng_init(&test.rng, seed);
    nodes_init(&test.nodes);
    players_init(&test.players, &test.rng);
    load_init(&test.load, &test.players);
    *state = &test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    load_fini(&test->load);
    players_fini(&test->players);
    nodes_fini(&test->nodes);
    return 0;
}

static void run(struct test *test, uint64_t ms)
{
    load_run_at(&test->load, test->nodes.all, CLUSTER_NODES, ms);
}

/* Runs until so many more requests are answered. */
static void run_until_answered(struct test *test, uint64_t more)
{
    const uint64_t wanted = test->load.answers + more;
    const uint64_t start = process_now_ms();
    while (test->load.answers < wanted) {
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("claims are not answered any more; n1 said: %s",
                     process_said(&test->nodes.list[0]));
        run(test, 50);
    }
}

static void kill_one(struct test *test, uint32_t number)
{
    process_kill(&test->nodes.list[number]);
    test->kills++;
}

/* Where it was, or, as after a new lease of its address, elsewhere. */
static void start_again(struct test *test, uint32_t number)
{
    nodes_launch(&test->nodes, number, rng_chance(&test->rng, 1, 2) ? 0 : CLUSTER_PEER_PORT);
}

static void kill_and_start_one(struct test *test)
{
    const uint32_t number = (uint32_t)rng_below(&test->rng, CLUSTER_NODES);
    kill_one(test, number);
    run(test, rng_below(&test->rng, DOWN_MAX_MS));
    start_again(test, number);
    process_wait_ready(&test->nodes.list[number]);
}

/* The one that is left has no quorum: nothing is answered until another is back. */
static void kill_and_start_two(struct test *test)
{
    const uint32_t left = (uint32_t)rng_below(&test->rng, CLUSTER_NODES);
    const uint32_t first = (left + 1) % CLUSTER_NODES;
    const uint32_t second = (left + 2) % CLUSTER_NODES;
    kill_one(test, first);
    run(test, rng_below(&test->rng, 100));
    kill_one(test, second);
    run(test, rng_below(&test->rng, DOWN_MAX_MS));
    start_again(test, first);
    start_again(test, second);
    process_wait_ready(&test->nodes.list[first]);
    process_wait_ready(&test->nodes.list[second]);
}

static void kill_again_and_again(struct test *test, uint64_t *ret_longest_ms)
{
    const uint64_t wanted = number_from("CAIRN_KILLS", ROUNDS_DEFAULT);
    const uint64_t start = process_now_ms();
    for (uint32_t round = 0; round < wanted; round++) {
        if (round >= ROUNDS_MIN && process_now_ms() - start > QUICK_MS)
            break;
        run(test, rng_below(&test->rng, BEFORE_MAX_MS));
        const bool two = rng_chance(&test->rng, 1, 5);
        test->load.longest_ms = 0;
        if (two)
            kill_and_start_two(test);
        else
            kill_and_start_one(test);
        run_until_answered(test, LOAD_CLIENTS);
        if (!two && test->load.longest_ms > *ret_longest_ms)
            *ret_longest_ms = test->load.longest_ms;
    }
}

static void report(const struct test *test, uint64_t longest_ms)
{
    const struct players *players = &test->players;
    print_message("kills=%u acknowledged=%llu finds=%llu replays=%llu unheard=%llu "
                  "unanswered=%llu cut=%llu refused=%llu longest_ms=%llu\n",
                  test->kills, (unsigned long long)players->acknowledged,
                  (unsigned long long)players->finds, (unsigned long long)players->replays,
                  (unsigned long long)players->unheard, (unsigned long long)test->load.unanswered,
                  (unsigned long long)test->load.cut, (unsigned long long)test->load.refused,
                  (unsigned long long)longest_ms);
}

static void kill_9_of_any_nodes_loses_no_acknowledged_claim_and_counts_none_twice(void **state)
{
    struct test *test = *state;
    uint64_t longest_ms = 0;
    nodes_grow(&test->nodes);
    load_put_hunt(&test->nodes.list[rng_below(&test->rng, CLUSTER_NODES)]);
    kill_again_and_again(test, &longest_ms);
    load_finish_at(&test->load, test->nodes.all, CLUSTER_NODES);
    report(test, longest_ms);
    nodes_wait_whole(&test->nodes);
    nodes_compare(&test->nodes, &test->players);
    /* Without these it was no test of what it says. */
    assert_true(test->players.finds > 0);
    assert_true(test->players.unheard > 0);
    assert_true(longest_ms < ANSWERED_MS);
}

static void kill_9_of_all_nodes_at_once_loses_nothing(void **state)
{
    struct test *test = *state;
    nodes_grow(&test->nodes);
    load_put_hunt(&test->nodes.list[2]);
    for (uint32_t round = 0; round < 3; round++) {
        run_until_answered(test, 4 * LOAD_CLIENTS);
        run(test, rng_below(&test->rng, BEFORE_MAX_MS));
        for (uint32_t i = 0; i < CLUSTER_NODES; i++)
            process_signal(&test->nodes.list[i], SIGKILL);
        for (uint32_t i = 0; i < CLUSTER_NODES; i++)
            assert_int_equal(process_wait(&test->nodes.list[i], PROCESS_WAIT_MS),
                             PROCESS_KILLED_BY + SIGKILL);
        for (uint32_t i = 0; i < CLUSTER_NODES; i++)
            nodes_launch(&test->nodes, i, CLUSTER_PEER_PORT);
        for (uint32_t i = 0; i < CLUSTER_NODES; i++)
            process_wait_ready(&test->nodes.list[i]);
    }
    load_finish_at(&test->load, test->nodes.all, CLUSTER_NODES);
    report(test, test->load.longest_ms);
    nodes_wait_whole(&test->nodes);
    nodes_compare(&test->nodes, &test->players);
    assert_true(test->players.finds > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            kill_9_of_any_nodes_loses_no_acknowledged_claim_and_counts_none_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(kill_9_of_all_nodes_at_once_loses_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
