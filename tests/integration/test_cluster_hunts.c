/* Hunts of a cluster are changed at any node, and a change begins at one epoch for everybody. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/process_trio.h"

#define VERSIONS 6

static const char turns[] = "hunt: turns\nplane: flat\ntreasures:\n"
                            "  - { id: well, at: { x: 0, y: 0 }, radius: 9, points: %u }\n";

/* Of each version: from which epoch it judges. */
struct versions {
    uint32_t count;
    uint64_t newest; /* number */
    uint64_t number[VERSIONS];
    uint64_t from[VERSIONS];
    bool again[VERSIONS]; /* it took more than one attempt, and an earlier one may have begun it */
};

static json_t *ask(struct trio *trio, uint32_t number, const char *method, const char *target,
                   const char *body, bool *ret_again)
{
    const struct process *process = &trio->nodes.list[number];
    const uint64_t start = process_now_ms();
    struct link link;
    struct answer answer = {0};
    link_init(&link);
    bool again = false;
    do {
        again |= answer.status != 0;
        answer = http_ask(&link, process->port, method, target, body);
    } while ((answer.status == 503 || answer.status == 409) &&
             process_now_ms() - start < PROCESS_WAIT_MS && poll(NULL, 0, 20) == 0);
    if (answer.status != 200)
        fail_msg("%s answers %s %s with %d %s", process->name, method, target, answer.status,
                 answer.body);
    json_t *json = json_loadb(answer.body, answer.bytes, 0, NULL);
    assert_non_null(json);
    link_fini(&link);
    *ret_again = again;
    return json;
}

static void put_next(struct trio *trio, uint32_t number, struct versions *versions)
{
    char yaml[256];
    (void)snprintf(yaml, sizeof yaml, turns, versions->count + 1);
    bool *again = &versions->again[versions->count];
    json_t *json = ask(trio, number, "PUT", "/v1/hunts/turns", yaml, again);
    const uint64_t version = json_u64(json, "version");
    if (!*again)
        assert_int_equal(version, versions->newest + 1);
    assert_true(version > versions->newest);
    versions->newest = version;
    versions->number[versions->count] = version;
    versions->from[versions->count++] = json_u64(json, "active_from_epoch");
    json_decref(json);
}

/* A new player finds the well: the epoch in which he does says by which version. Returns it. */
static uint64_t find_well(struct trio *trio, const struct versions *versions)
{
    char body[256];
    const uint64_t player = rng_next(&trio->rng);
    (void)snprintf(body, sizeof body,
                   "{\"hunt\":\"turns\",\"claims\":[{\"player\":\"%08x-0000-4000-8000-%012llx\","
                   "\"seq\":1,\"x\":0,\"y\":0,\"time_ms\":1000}]}",
                   (unsigned)(player >> 32), (unsigned long long)(player & 0xffffffff));
    bool again = false;
    json_t *json =
        ask(trio, (uint32_t)rng_below(&trio->rng, CLUSTER_NODES), "POST", "/hunt", body, &again);
    const json_t *result = json_array_get(json_object_get(json, "results"), 0);
    const uint64_t epoch = json_u64(result, "epoch");
    uint32_t put = 0;
    while (put < versions->count && versions->from[put] <= epoch)
        put++;
    /* One that may have begun earlier, by an attempt that nobody heard the end of. */
    const bool sure = put == versions->count || !versions->again[put];
    if (put == 0 && sure)
        assert_string_equal(json_text_of(result, "outcome"), "not_open");
    else if (sure && (json_u64(result, "definition_version") != versions->number[put - 1] ||
                      json_u64(result, "points") != put))
        fail_msg("in epoch %llu version %llu judges, but: %s", (unsigned long long)epoch,
                 (unsigned long long)versions->number[put - 1], json_dumps(result, 0));
    json_decref(json);
    return epoch;
}

static void wait_until_all_say_the_same_of_hunts(struct trio *trio)
{
    const uint64_t start = process_now_ms();
    for (;;) {
        uint32_t same = 0;
        json_t *first = ask(trio, 0, "GET", "/v1/hunts", "", &(bool){false});
        for (uint32_t i = 0; i < CLUSTER_NODES; i++) {
            json_t *other = ask(trio, i, "GET", "/v1/hunts", "", &(bool){false});
            same += (uint32_t)json_equal(first, other);
            json_decref(other);
        }
        json_decref(first);
        if (same == CLUSTER_NODES)
            return;
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("the nodes say different things of hunts");
        (void)poll(NULL, 0, 20);
    }
}

static void a_version_put_at_any_node_judges_from_one_epoch_on_everywhere(void **state)
{
    struct trio *trio = *state;
    struct versions versions = {.count = 0};
    nodes_grow(&trio->nodes);
    for (uint32_t i = 0; i < VERSIONS; i++) {
        put_next(trio, i % CLUSTER_NODES, &versions);
        const uint64_t start = process_now_ms();
        while (find_well(trio, &versions) <= versions.from[i]) {
            if (process_now_ms() - start > PROCESS_WAIT_MS)
                fail_msg("version %u never begins", i + 1);
        }
    }
    wait_until_all_say_the_same_of_hunts(trio);
}

/* Pages, receipts, boards and the same claims once more, at each node, without any fault. */
static void every_node_tells_of_every_claim(void **state)
{
    struct trio *trio = *state;
    trio_begin(trio);
    trio_run_until_answered(trio, 40 * LOAD_CLIENTS);
    trio_compare(trio);
    assert_int_equal(trio->load.cut, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_version_put_at_any_node_judges_from_one_epoch_on_everywhere, trio_setup,
            trio_teardown),
        cmocka_unit_test_setup_teardown(every_node_tells_of_every_claim, trio_setup, trio_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
