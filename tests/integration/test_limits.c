/* Each limit of the contract, where it is met over a socket: what lies at it is taken. What lies
 * beyond is refused in test_bad_input.c, by chaos/bad_requests; where a limit is decided, unit
 * tests hold it at, below and above:
 *
 *   limit                                 at and beyond it, besides here and in bad_requests
 *   body, headers, time, connections      unit/test_http.c, test_bad_clients.c
 *   actions per request, per player       unit/test_json_actions.c, unit/test_actions.c
 *   seq, x, y, lat, lon, emoji bytes      unit/test_json_actions.c, unit/test_actions.c
 *   hunt id, treasure id                  unit/test_base.c, unit/test_hunt_file.c
 *   treasures per hunt                    unit/test_definition.c, unit/test_hunt_file.c
 *   hunts                                 unit/test_system_state.c, unit/test_routes.c
 *   hunt file                             unit/test_hunt_file.c
 *   radius, points, supply, taps          unit/test_definition.c, unit/test_hunt_file.c
 *   requires, reactions                   unit/test_definition.c, unit/test_hunt_file.c
 *   epoch_ms, players_max                 unit/test_config.c, unit/test_system_state.c
 *   players in a range                    unit/test_engine.c, unit/test_range_state.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "chaos/bad_requests.h"
#include "cluster/base/ids.h"
#include "tests/integration/process.h"
#include "tests/integration/process_http.h"
#include "tests/integration/process_players.h"

#define BODY_BYTES_MAX   ((size_t)1 << 20)
#define HEADER_BYTES_MAX 8192
#define HUNTS            64
#define RANGES           8 /* of process_init's configuration */

#define PLAYER "\"player\":\"4be0643f-1d98-573b-97cd-ca98a65347dd\""
#define TO     "\"to\":\"0b7a2f6e-93e1-4f6e-9d8e-0c4f5a1b2c3d\""

struct test {
    struct process process;
    struct link link;
};

static int setup(void **state)
{
    static struct test test;
    process_init(&test.process);
    link_init(&test.link);
    *state = &test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    link_fini(&test->link);
    process_fini(&test->process);
    return 0;
}

static void put(struct test *test, const char *hunt, const char *yaml, int status)
{
    char target[128];
    (void)snprintf(target, sizeof target, "/v1/hunts/%s", hunt);
    const struct answer answer = http_ask(&test->link, test->process.port, "PUT", target, yaml);
    if (answer.status != status)
        fail_msg("%s: %d %s", hunt, answer.status, answer.body);
}

/* No epoch ends, so no version becomes active: what is taken is judged `not_open`. */
static void start(struct test *test, const char *setting)
{
    process_launch(&test->process, (const char *const[]){"--set", "cluster.epoch_ms=600000",
                                                         "--set", setting, NULL});
    process_wait_ready(&test->process);
    put(test, BAD_FLAT_HUNT, bad_flat_hunt, 200);
    put(test, BAD_GEO_HUNT, bad_geo_hunt, 200);
}

/* How many results of the answer have the outcome; all others are fewer. */
static size_t count_outcomes(const struct answer *answer, const char *outcome, size_t *ret_all)
{
    size_t i;
    size_t count = 0;
    json_t *result;
    json_t *json = json_loadb(answer->body, answer->bytes, 0, NULL);
    json_t *results = json_object_get(json, "results");
    json_array_foreach(results, i, result)
    {
        count += strcmp(json_text_of(result, "outcome"), outcome) == 0 ? 1 : 0;
    }
    *ret_all = json_array_size(results);
    json_decref(json);
    return count;
}

static void expect_taken(struct test *test, const char *body, size_t actions)
{
    size_t all;
    const struct answer answer = http_ask(&test->link, test->process.port, "POST", "/hunt", body);
    if (answer.status != 200)
        fail_msg("%.200s: %d %s", body, answer.status, answer.body);
    assert_int_equal(count_outcomes(&answer, "not_open", &all), actions);
    assert_int_equal(all, actions);
}

/* Claims of so many players, so many of each; the caller frees it. */
static char *crowd(size_t players, size_t each)
{
    const size_t room = players * each * 128 + 128;
    char *text = malloc(room);
    assert_non_null(text);
    size_t used = (size_t)snprintf(text, room, "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[");
    for (size_t i = 0; i < players * each; i++)
        used += (size_t)snprintf(text + used, room - used,
                                 "%s{\"player\":\"00000000-0000-0000-0000-%012zx\",\"seq\":%zu,"
                                 "\"x\":0,\"y\":0,\"time_ms\":1}",
                                 i > 0 ? "," : "", i / each, i + 1);
    (void)snprintf(text + used, room - used, "]}");
    return text;
}

static void values_at_their_limits_are_taken(void **state)
{
    struct test *test = *state;
    static const char *const bodies[] = {
        "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[{" PLAYER
        ",\"seq\":1,\"x\":2147483647,\"y\":-2147483647,\"time_ms\":9223372036854775807}]}",
        "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[{" PLAYER
        ",\"seq\":4294967295,\"x\":-2147483647,\"y\":2147483647,\"time_ms\":-9223372036854775808}]"
        "}",
        "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[{" PLAYER
        ",\"seq\":\"4294967295\",\"x\":0,\"y\":0,\"time_ms\":0}]}",
        "{\"hunt\":\"" BAD_GEO_HUNT "\",\"claims\":[{" PLAYER
        ",\"seq\":1,\"lat\":90,\"lon\":180,\"time_ms\":0}]}",
        "{\"hunt\":\"" BAD_GEO_HUNT "\",\"claims\":[{" PLAYER
        ",\"seq\":1,\"lat\":-90.0,\"lon\":-180.0000000,\"time_ms\":0}]}",
        "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"reactions\":[{" PLAYER ",\"seq\":1," TO
        ",\"emoji\":\"12345678901234567890123456789012\",\"time_ms\":0}]}",
    };
    start(test, "cluster.ranges=8");
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        expect_taken(test, bodies[i], 1);
}

static void requests_at_their_limits_are_taken(void **state)
{
    static const char one[] = "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[{" PLAYER
                              ",\"seq\":1,\"x\":0,\"y\":0,\"time_ms\":1}]";
    static const char head[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ";
    struct test *test = *state;
    start(test, "cluster.ranges=8");

    char *text = crowd(1000, 1);
    expect_taken(test, text, 1000);
    free(text);
    text = crowd(1, 16);
    expect_taken(test, text, 16);
    free(text);

    text = malloc(BODY_BYTES_MAX + 1);
    assert_non_null(text);
    memset(text, ' ', BODY_BYTES_MAX);
    memcpy(text, one, sizeof one - 1);
    text[BODY_BYTES_MAX - 1] = '}';
    text[BODY_BYTES_MAX] = '\0';
    expect_taken(test, text, 1);

    memset(text, 'a', HEADER_BYTES_MAX);
    memcpy(text, head, sizeof head - 1);
    memcpy(text + HEADER_BYTES_MAX - 4, "\r\n\r\n", 4);
    assert_true(link_send(&test->link, text, HEADER_BYTES_MAX));
    assert_int_equal(link_await(&test->link, "a head of 8192 bytes").status, 200);
    free(text);
}

static void a_cluster_holds_64_hunts_and_no_more(void **state)
{
    struct test *test = *state;
    char hunt[NAME_LENGTH_MAX + 1];
    char yaml[256];
    start(test, "cluster.ranges=8");
    for (int i = 2; i <= HUNTS; i++) {
        /* The first of them with the longest name that there may be. */
        (void)snprintf(hunt, sizeof hunt, "h%0*d", i == 2 ? NAME_LENGTH_MAX - 1 : 1, i);
        (void)snprintf(yaml, sizeof yaml,
                       "hunt: %s\nplane: flat\ntreasures:\n"
                       "- {id: a, at: {x: 0, y: 0}, radius: 1, points: 1}\n",
                       hunt);
        put(test, hunt, yaml, i < HUNTS ? 200 : 422);
    }
    const struct answer answer = http_ask(&test->link, test->process.port, "GET", "/v1/hunts", "");
    json_t *json = json_loadb(answer.body, answer.bytes, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "hunts")), HUNTS);
    json_decref(json);
}

/* players_max 8 in 8 ranges: each holds one, who goes on; all others are told that it is full. */
static void players_beyond_the_share_of_a_range_get_full(void **state)
{
    struct test *test = *state;
    size_t all;
    process_launch(&test->process, (const char *const[]){"--set", "cluster.players_max=8", NULL});
    process_wait_ready(&test->process);
    put(test, BAD_FLAT_HUNT, bad_flat_hunt, 200);
    char *text = crowd(200, 1);
    const uint64_t start_ms = process_now_ms();
    size_t full = 0;
    while (full == 0 && process_now_ms() - start_ms < PROCESS_WAIT_MS) {
        const struct answer answer =
            http_ask(&test->link, test->process.port, "POST", "/hunt", text);
        assert_int_equal(answer.status, 200);
        full = count_outcomes(&answer, "full", &all);
    }
    assert_int_equal(full, 200 - RANGES);
    const struct answer again = http_ask(&test->link, test->process.port, "POST", "/hunt", text);
    assert_int_equal(count_outcomes(&again, "found", &all), RANGES);
    free(text);
}

int main(void)
{
#define ON_NODE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_NODE(values_at_their_limits_are_taken),
        ON_NODE(requests_at_their_limits_are_taken),
        ON_NODE(a_cluster_holds_64_hunts_and_no_more),
        ON_NODE(players_beyond_the_share_of_a_range_get_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
