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

#define WANTERS 48
#define SUPPLY  3

static const char gold[] =
    "hunt: gold\nplane: flat\ntreasures:\n"
    "  - { id: ring, at: { x: 0, y: 0 }, radius: 9, points: 5, supply: 3 }\n";

static const char claim_body[] =
    "{\"hunt\":\"gold\",\"claims\":[{\"player\":\"%08x-0000-4000-8000-000000000000\",\"seq\":1,"
    "\"x\":0,\"y\":0,\"time_ms\":1000}]}";

static void claim_at(struct link *link, const struct process *process, uint32_t player)
{
    char body[256];
    char text[512];
    (void)snprintf(body, sizeof body, claim_body, player);
    const size_t bytes = http_write(text, sizeof text, "POST", "/hunt", body);
    if (!link_open_in(link, process->network, process->port) || !link_send(link, text, bytes))
        fail_msg("cannot ask %s", process->name);
}

/* The outcome of player's claim, or of its receipt; "unavailable": ask again. */
static void outcome_of(const struct answer *answer, char outcome[16])
{
    (void)snprintf(outcome, 16, "unavailable");
    if (answer->status != 200)
        return;
    json_t *json = json_loadb(answer->body, answer->bytes, 0, NULL);
    const json_t *results = json_object_get(json, "results");
    const json_t *result = results != NULL ? json_array_get(results, 0) : json;
    (void)snprintf(outcome, 16, "%s", json_text_of(result, "outcome"));
    json_decref(json);
}

static void put_gold(struct trio *trio)
{
    struct link link;
    const uint64_t start = process_now_ms();
    link_init(&link);
    for (;;) {
        const struct answer answer =
            http_ask(&link, trio->nodes.list[1].port, "PUT", "/v1/hunts/gold", gold);
        if (answer.status == 200)
            break;
        if (answer.status != 503 || process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("the hunt is refused: %d %s", answer.status, answer.body);
        (void)poll(NULL, 0, 20);
    }
    link_fini(&link);
}

/* Claims until it is judged, at one node after the other. */
static void claim_until_judged(struct trio *trio, struct link *link, uint32_t player)
{
    const uint64_t start = process_now_ms();
    char outcome[16] = "";
    for (uint32_t at = player;; at++) {
        claim_at(link, &trio->nodes.list[at % CLUSTER_NODES], player);
        const struct answer answer = link_await(link, "a claim");
        outcome_of(&answer, outcome);
        if (strcmp(outcome, "unavailable") != 0 && strcmp(outcome, "not_open") != 0)
            break;
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("the claim of player %u stays %s", player, outcome);
        (void)poll(NULL, 0, 20);
    }
    if (strcmp(outcome, "pending") != 0 && strcmp(outcome, "won") != 0 &&
        strcmp(outcome, "lost") != 0 && strcmp(outcome, "sold_out") != 0)
        fail_msg("player %u gets %s", player, outcome);
}

/* What became of it, as a node tells it. */
static void settled_outcome(struct trio *trio, uint32_t number, uint32_t player, char outcome[16])
{
    const uint64_t start = process_now_ms();
    char target[128];
    (void)snprintf(target, sizeof target,
                   "/v1/hunts/gold/players/%08x-0000-4000-8000-000000000000/actions/1", player);
    for (;;) {
        int status = 0;
        json_t *json = nodes_get(&trio->nodes, number, target, &status);
        (void)snprintf(outcome, 16, "%s", status == 200 ? json_text_of(json, "outcome") : "");
        json_decref(json);
        if (*outcome != '\0' && strcmp(outcome, "pending") != 0)
            return;
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("the claim of player %u stays '%s' at %s", player, outcome,
                     trio->nodes.list[number].name);
        (void)poll(NULL, 0, 20);
    }
}

static void compare_awards(struct trio *trio)
{
    json_t *first = nodes_get(&trio->nodes, 0, "/v1/hunts/gold/awards", NULL);
    const json_t *award = json_array_get(json_object_get(first, "awards"), 0);
    const json_t *winners = json_object_get(award, "winners");
    assert_int_equal(json_array_size(winners), SUPPLY);
    for (uint32_t i = 1; i < SUPPLY; i++)
        assert_true(json_u64(json_array_get(winners, i), "hlc") >
                    json_u64(json_array_get(winners, i - 1), "hlc"));
    for (uint32_t i = 1; i < CLUSTER_NODES; i++) {
        json_t *other = nodes_get(&trio->nodes, i, "/v1/hunts/gold/awards", NULL);
        if (!json_equal(json_object_get(first, "awards"), json_object_get(other, "awards")))
            fail_msg("awards differ: %s %s", json_dumps(first, 0), json_dumps(other, 0));
        json_decref(other);
    }
    json_decref(first);
}

static void three_win_a_treasure_for_three_though_a_node_stands_still(void **state)
{
    struct trio *trio = *state;
    struct link links[WANTERS];
    uint32_t won = 0;
    nodes_grow(&trio->nodes);
    put_gold(trio);
    nodes_wait_whole(&trio->nodes);
    for (uint32_t i = 0; i < WANTERS; i++)
        link_init(&links[i]);
    /* Player 0 is served when the hunt is active; the others ask all at once. */
    claim_until_judged(trio, &links[0], 0);
    const struct process *paused = &trio->nodes.list[rng_below(&trio->rng, CLUSTER_NODES)];
    process_signal(paused, SIGSTOP);
    for (uint32_t i = 1; i < WANTERS; i++)
        claim_at(&links[i], &trio->nodes.list[i % CLUSTER_NODES], i);
    (void)poll(NULL, 0, (int)rng_below(&trio->rng, PAUSED_MS));
    process_signal(paused, SIGCONT);
    for (uint32_t i = 1; i < WANTERS; i++)
        (void)link_await(&links[i], "a claim");
    for (uint32_t i = 1; i < WANTERS; i++)
        claim_until_judged(trio, &links[i], i);
    for (uint32_t i = 0; i < WANTERS; i++) {
        char outcome[CLUSTER_NODES][16];
        for (uint32_t node = 0; node < CLUSTER_NODES; node++) {
            settled_outcome(trio, node, i, outcome[node]);
            assert_string_equal(outcome[node], outcome[0]);
        }
        won += strcmp(outcome[0], "won") == 0;
        link_fini(&links[i]);
    }
    assert_int_equal(won, SUPPLY);
    compare_awards(trio);
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
