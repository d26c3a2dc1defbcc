/* Three nodes, kill -9 of any of them, under claims at all of them that are retried anywhere: none
 * that was acknowledged is lost, and none counts twice, as each node tells it.
 *
 * CAIRN_KILLS: how often one or two are killed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <string.h>

#include "tests/integration/process_gold.h"
#include "tests/integration/process_trio.h"

#define ROUNDS_DEFAULT 16
#define ROUNDS_MIN     8 /* however slow the machine */
#define QUICK_MS       60000

#define BEFORE_MAX_MS 1200
#define DOWN_MAX_MS   1500
#define WANTED_MAX_MS 30 /* some of the claims are logged, some are on their way */

/* From when a claim is made to its answer, while a quorum lives: elections and a slow machine. */
#define ANSWERED_MS 10000

#define CLOCK_OFF_US 1000000

/* Where it was, or, as after a new lease of its address, elsewhere. */
static void start_again(struct trio *trio, uint32_t number)
{
    nodes_launch(&trio->nodes, number, rng_chance(&trio->rng, 1, 2) ? 0 : CLUSTER_PEER_PORT);
}

static void kill_and_start_one(struct trio *trio)
{
    const uint32_t number = (uint32_t)rng_below(&trio->rng, CLUSTER_NODES);
    process_kill(&trio->nodes.list[number]);
    trio_run(trio, rng_below(&trio->rng, DOWN_MAX_MS));
    start_again(trio, number);
    process_wait_ready(&trio->nodes.list[number]);
}

/* The one that is left has no quorum: nothing is answered until another is back. */
static void kill_and_start_two(struct trio *trio)
{
    const uint32_t left = (uint32_t)rng_below(&trio->rng, CLUSTER_NODES);
    const uint32_t first = (left + 1) % CLUSTER_NODES;
    const uint32_t second = (left + 2) % CLUSTER_NODES;
    process_kill(&trio->nodes.list[first]);
    trio_run(trio, rng_below(&trio->rng, 100));
    process_kill(&trio->nodes.list[second]);
    trio_run(trio, rng_below(&trio->rng, DOWN_MAX_MS));
    start_again(trio, first);
    start_again(trio, second);
    process_wait_ready(&trio->nodes.list[first]);
    process_wait_ready(&trio->nodes.list[second]);
}

/* The longest that a claim went without an answer while only one node was down. */
static uint64_t kill_again_and_again(struct trio *trio, uint32_t *ret_kills)
{
    const uint64_t wanted = process_number("CAIRN_KILLS", ROUNDS_DEFAULT);
    const uint64_t start = process_now_ms();
    uint64_t longest_ms = 0;
    for (uint32_t round = 0; round < wanted; round++) {
        if (round >= ROUNDS_MIN && process_now_ms() - start > QUICK_MS)
            break;
        trio_run(trio, rng_below(&trio->rng, BEFORE_MAX_MS));
        const bool two = rng_chance(&trio->rng, 1, 5);
        trio->load.longest_ms = 0;
        if (two)
            kill_and_start_two(trio);
        else
            kill_and_start_one(trio);
        trio_run_until_answered(trio, LOAD_CLIENTS);
        if (!two && trio->load.longest_ms > longest_ms)
            longest_ms = trio->load.longest_ms;
        *ret_kills += two ? 2 : 1;
    }
    return longest_ms;
}

static void kill_9_of_any_nodes_loses_no_acknowledged_claim_and_counts_none_twice(void **state)
{
    struct trio *trio = *state;
    uint32_t kills = 0;
    trio_begin(trio);
    const uint64_t longest_ms = kill_again_and_again(trio, &kills);
    print_message("kills=%u longest_ms=%llu\n", kills, (unsigned long long)longest_ms);
    trio_compare(trio);
    /* Without this it was no test of what it says. */
    assert_true(trio->players.unheard > 0);
    assert_true(longest_ms < ANSWERED_MS);
}

/* Whoever dies, dies while all want the treasure. */
static void three_win_a_treasure_for_three_though_a_node_is_killed(void **state)
{
    struct trio *trio = *state;
    struct gold gold;
    gold_begin(&gold, &trio->nodes);
    for (uint32_t round = 0; round < GOLD_TREASURES; round++) {
        const uint32_t number = (uint32_t)rng_below(&trio->rng, CLUSTER_NODES);
        gold_want(&gold);
        (void)poll(NULL, 0, (int)rng_below(&trio->rng, WANTED_MAX_MS));
        process_kill(&trio->nodes.list[number]);
        (void)poll(NULL, 0, (int)rng_below(&trio->rng, DOWN_MAX_MS));
        start_again(trio, number);
        process_wait_ready(&trio->nodes.list[number]);
        gold_settle(&gold);
    }
    gold_fini(&gold);
}

static void kill_9_of_all_nodes_at_once_loses_nothing(void **state)
{
    struct trio *trio = *state;
    trio_begin(trio);
    for (uint32_t round = 0; round < 3; round++) {
        trio_run_until_answered(trio, 4 * LOAD_CLIENTS);
        trio_run(trio, rng_below(&trio->rng, BEFORE_MAX_MS));
        for (uint32_t i = 0; i < CLUSTER_NODES; i++)
            process_signal(&trio->nodes.list[i], SIGKILL);
        for (uint32_t i = 0; i < CLUSTER_NODES; i++)
            assert_int_equal(process_wait(&trio->nodes.list[i], PROCESS_WAIT_MS),
                             PROCESS_KILLED_BY + SIGKILL);
        for (uint32_t i = 0; i < CLUSTER_NODES; i++)
            nodes_launch(&trio->nodes, i, CLUSTER_PEER_PORT);
        for (uint32_t i = 0; i < CLUSTER_NODES; i++)
            process_wait_ready(&trio->nodes.list[i]);
    }
    trio_compare(trio);
}

/* What node `at` tells of a member; the caller's page. */
static const json_t *told_member(struct trio *trio, uint32_t at, uint32_t number, json_t **ret_page)
{
    *ret_page = nodes_get(&trio->nodes, at, "/v1/cluster", NULL);
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(*ret_page, "members"), i, member)
    {
        if (strcmp(json_text_of(member, "name"), trio->nodes.list[number].name) == 0)
            return member;
    }
    fail_msg("%s is not told of", trio->nodes.list[number].name);
    return NULL;
}

static void wait_told(struct trio *trio, uint32_t at, uint32_t number, const char *state)
{
    const uint64_t until = process_now_ms() + PROCESS_WAIT_MS;
    bool told = false;
    while (!told) {
        json_t *page;
        const json_t *member = told_member(trio, at, number, &page);
        told = strcmp(json_text_of(member, "state"), state) == 0;
        if (told && strcmp(state, "failed") == 0)
            assert_int_equal(json_integer_value(json_object_get(member, "leads")), 0);
        json_decref(page);
        assert_true(process_now_ms() < until);
    }
}

/* All on one machine, so on one clock. */
static void wait_clock_told(struct trio *trio, uint32_t at, uint32_t number)
{
    const uint64_t until = process_now_ms() + PROCESS_WAIT_MS;
    bool told = false;
    while (!told) {
        json_t *page;
        const json_t *offset =
            json_object_get(told_member(trio, at, number, &page), "clock_offset_us");
        told = json_is_integer(offset);
        if (told)
            assert_in_range(json_integer_value(offset) + CLOCK_OFF_US, 0, 2 * CLOCK_OFF_US);
        json_decref(page);
        assert_true(process_now_ms() < until);
    }
}

static void a_killed_node_has_failed_for_the_others_until_it_is_back(void **state)
{
    struct trio *trio = *state;
    trio_begin(trio);
    for (uint32_t number = 0; number < CLUSTER_NODES; number++)
        wait_clock_told(trio, 0, number);
    process_kill(&trio->nodes.list[2]);
    wait_told(trio, 0, 2, "failed");
    wait_told(trio, 1, 2, "failed");
    wait_told(trio, 0, 1, "alive");
    start_again(trio, 2);
    process_wait_ready(&trio->nodes.list[2]);
    for (uint32_t at = 0; at < CLUSTER_NODES; at++)
        wait_told(trio, at, 2, "alive");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            kill_9_of_any_nodes_loses_no_acknowledged_claim_and_counts_none_twice, trio_setup,
            trio_teardown),
        cmocka_unit_test_setup_teardown(a_killed_node_has_failed_for_the_others_until_it_is_back,
                                        trio_setup, trio_teardown),
        cmocka_unit_test_setup_teardown(three_win_a_treasure_for_three_though_a_node_is_killed,
                                        trio_setup, trio_teardown),
        cmocka_unit_test_setup_teardown(kill_9_of_all_nodes_at_once_loses_nothing, trio_setup,
                                        trio_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
