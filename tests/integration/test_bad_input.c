/* Every request of chaos/bad_requests, over real sockets, to a real node: each gets the answer that
 * the contract names, in its form; a good client is served meanwhile; nothing changes, and the
 * node's memory does not grow. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <jansson.h>

#include "chaos/bad_requests.h"
#include "proto/frame_lz4.h"
#include "tests/integration/process.h"
#include "tests/integration/process_http.h"
#include "tests/integration/process_players.h"
#include "tests/integration/process_state.h"

#define PLAYER "4be0643f-1d98-573b-97cd-ca98a65347dd"
#define OTHER  "0b7a2f6e-93e1-4f6e-9d8e-0c4f5a1b2c3d"

/* What grew for good would grow each time. */
#define ROUNDS 2

#define BODY_BYTES_MAX   ((size_t)1 << 20)
#define GROWTH_BYTES_MAX ((uint64_t)2 << 20)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true /* which keep what was freed, and much else */
#else
#define SANITIZED false
#endif

static const char *const hunts[] = {BAD_FLAT_HUNT, BAD_GEO_HUNT, NULL};
static const char *const players[] = {PLAYER, OTHER, NULL};
static const struct state_of all = {hunts, players};

struct test {
    struct process process;
    struct link good, bad;
    struct bad_requests requests;
};

static int setup(void **state)
{
    static struct test test;
    process_init(&test.process);
    link_init(&test.good);
    link_init(&test.bad);
    bad_requests_init(&test.requests);
    *state = &test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    bad_requests_fini(&test->requests);
    link_fini(&test->good);
    link_fini(&test->bad);
    process_fini(&test->process);
    return 0;
}

/* --- The game --------------------------------------------------------------------------------- */

static void put_hunts(struct test *test)
{
    static const char *const texts[] = {bad_flat_hunt, bad_geo_hunt};
    for (size_t i = 0; i < 2; i++) {
        char target[64];
        (void)snprintf(target, sizeof target, "/v1/hunts/%s", hunts[i]);
        const struct answer answer =
            http_ask(&test->good, test->process.port, "PUT", target, texts[i]);
        assert_int_equal(answer.status, 200);
    }
}

/* The outcome of the first action; the caller frees it. */
static char *act(struct test *test, const char *body)
{
    const struct answer answer = http_ask(&test->good, test->process.port, "POST", "/hunt", body);
    if (answer.status != 200)
        fail_msg("%d: %s", answer.status, answer.body);
    json_t *json = json_loadb(answer.body, answer.bytes, 0, NULL);
    const json_t *first = json_array_get(json_object_get(json, "results"), 0);
    char *outcome = strdup(json_text_of(first, "outcome"));
    json_decref(json);
    return outcome;
}

/* Acts until the outcome is the one that is waited for. */
static void act_until(struct test *test, const char *body, const char *wanted)
{
    const uint64_t start = process_now_ms();
    for (;;) {
        char *outcome = act(test, body);
        const bool right = strcmp(outcome, wanted) == 0;
        if (!right && process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("%s, and not %s", outcome, wanted);
        free(outcome);
        if (right)
            return;
        (void)poll(NULL, 0, 20);
    }
}

static void play(struct test *test)
{
    act_until(test,
              "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[{\"player\":\"" PLAYER
              "\",\"seq\":5,\"x\":0,\"y\":0,\"time_ms\":1}]}",
              "found");
    act_until(test,
              "{\"hunt\":\"" BAD_GEO_HUNT "\",\"claims\":[{\"player\":\"" OTHER
              "\",\"seq\":7,\"lat\":43.5,\"lon\":7.25,\"time_ms\":1}]}",
              "found");
    act_until(test,
              "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[{\"player\":\"" OTHER
              "\",\"seq\":1,\"x\":900,\"y\":0,\"time_ms\":1}]}",
              "pending");
    act_until(test,
              "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"reactions\":[{\"player\":\"" OTHER
              "\",\"seq\":2,\"to\":\"" PLAYER "\",\"emoji\":\"\xf0\x9f\x94\xa5\","
              "\"time_ms\":1}]}",
              "reacted");
}

/* A claim once more in the largest body there may be, as an LZ4 frame: the memory that the node
 * keeps for bodies has been used by a good client before the bad one comes. */
static void play_large(struct test *test)
{
    static const char claim[] = "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[{\"player\":\"" PLAYER
                                "\",\"seq\":5,\"x\":0,\"y\":0,\"time_ms\":1}]";
    const size_t room = frame_lz4_bytes_max(BODY_BYTES_MAX);
    char *body = malloc(BODY_BYTES_MAX);
    char *text = malloc(512 + room);
    char *frame = malloc(room);
    assert_non_null(body);
    assert_non_null(text);
    assert_non_null(frame);
    memset(body, ' ', BODY_BYTES_MAX);
    memcpy(body, claim, sizeof claim - 1);
    body[BODY_BYTES_MAX - 1] = '}';
    const size_t bytes = frame_lz4_encode(frame, room, body, BODY_BYTES_MAX);
    const int head = snprintf(text, 512,
                              "POST /hunt HTTP/1.1\r\nHost: localhost\r\n"
                              "Content-Type: application/json\r\nContent-Encoding: lz4\r\n"
                              "Content-Length: %zu\r\n\r\n",
                              bytes);
    memcpy(text + head, frame, bytes);
    assert_true(link_send(&test->good, text, (size_t)head + bytes));
    const struct answer answer = link_await(&test->good, "a large request");
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"replayed\":true"));
    free(frame);
    free(text);
    free(body);
}

static uint64_t number_at(struct test *test, const char *target, const char *name)
{
    const struct answer answer = http_ask(&test->good, test->process.port, "GET", target, "");
    if (answer.status != 200)
        return 0;
    json_t *json = json_loadb(answer.body, answer.bytes, 0, NULL);
    const uint64_t number = json_object_get(json, name) != NULL ? json_u64(json, name) : 0;
    json_decref(json);
    return number;
}

/* Until what was played is settled, and on a board that counts the awards. */
static void wait_settled(struct test *test)
{
    const uint64_t start = process_now_ms();
    const uint64_t played = number_at(test, "/v1/cluster", "epoch");
    uint64_t settled_in = 0;
    while (settled_in == 0 || number_at(test, "/v1/epochs/latest", "epoch") < settled_in + 1) {
        if (settled_in == 0 &&
            number_at(test, "/v1/epochs/latest", "settled_through_epoch") >= played)
            settled_in = number_at(test, "/v1/cluster", "epoch");
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("nothing is settled");
        (void)poll(NULL, 0, 20);
    }
}

/* --- The bad requests ------------------------------------------------------------------------- */

/* The fault of that field, with its line, among a hunt file's. */
static bool names_field(const json_t *errors, const char *field)
{
    size_t i;
    json_t *error;
    json_array_foreach(errors, i, error)
    {
        if (strcmp(json_text_of(error, "field"), field) == 0 &&
            json_text_of(error, "detail")[0] != '\0' &&
            (json_integer_value(json_object_get(error, "line")) > 0 || field[0] == '\0'))
            return true;
    }
    return false;
}

static bool is_right(const struct bad_request *request, const struct answer *answer,
                     const json_t *problem)
{
    const json_t *errors = json_object_get(problem, "errors");
    const char *field = request->field != NULL ? request->field : "";
    const bool named = errors != NULL ? names_field(errors, field)
                                      : strcmp(json_text_of(problem, "field"), field) == 0;
    return answer->status == request->status && answer->problem &&
           answer->last == request->closes &&
           json_integer_value(json_object_get(problem, "status")) == request->status &&
           strcmp(json_text_of(problem, "code"), request->code) == 0 && named &&
           strcmp(json_text_of(problem, "type"), "about:blank") == 0 &&
           json_text_of(problem, "title")[0] != '\0' && json_text_of(problem, "detail")[0] != '\0';
}

static void expect_end(struct link *link, const struct bad_request *request)
{
    struct answer answer;
    const uint64_t start = process_now_ms();
    enum link_state state = link_receive(link, &answer);
    while (state == LINK_WAITS && process_now_ms() - start < PROCESS_WAIT_MS) {
        (void)poll(&(struct pollfd){.fd = link->fd, .events = POLLIN}, 1, PROCESS_WAIT_MS);
        state = link_receive(link, &answer);
    }
    if (state != LINK_ENDED)
        fail_msg("%s: the connection is not closed", request->name);
    link_close(link);
}

/* Sends it, and returns how many of such answers are wrong: 0 or 1. */
static unsigned send_bad(struct test *test, const struct bad_request *request)
{
    struct link *link = &test->bad;
    if (link->fd < 0)
        assert_true(link_open(link, test->process.port));
    assert_true(link_send(link, request->bytes, request->count));
    if (request->ends)
        assert_int_equal(shutdown(link->fd, SHUT_WR), 0);
    const struct answer answer = link_await(link, request->name);
    json_t *problem = json_loadb(answer.body, answer.bytes, JSON_REJECT_DUPLICATES, NULL);
    const bool right = is_right(request, &answer, problem);
    if (!right)
        print_message("%s (%zu bytes): %d %s %s%s wanted, and this came:\n%d%s %s\n", request->name,
                      request->count, request->status, request->code,
                      request->field != NULL ? request->field : "",
                      request->closes ? ", closed" : "", answer.status,
                      answer.last ? ", closed" : "", answer.body);
    json_decref(problem);
    if (answer.last)
        expect_end(link, request);
    return right ? 0 : 1;
}

/* A good client asks after each, on its own connection. */
static void send_all(struct test *test)
{
    unsigned wrong = 0;
    assert_true(test->requests.count > 300);
    for (size_t i = 0; i < test->requests.count; i++) {
        wrong += send_bad(test, &test->requests.list[i]);
        const struct answer answer = http_ask(&test->good, test->process.port, "GET",
                                              "/v1/hunts/" BAD_FLAT_HUNT "/players/" PLAYER, "");
        assert_int_equal(answer.status, 200);
        assert_false(answer.last);
    }
    if (wrong > 0)
        fail_msg("%u of %zu answers are wrong", wrong, test->requests.count);
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void every_bad_request_is_refused_and_changes_nothing(void **state)
{
    struct test *test = *state;
    process_start(&test->process);
    put_hunts(test);
    play(test);
    play_large(test);
    wait_settled(test);
    json_t *before = state_take(&test->good, &test->process, &all);
    const uint64_t resident = process_resident_bytes(&test->process);

    for (unsigned round = 0; round < ROUNDS; round++)
        send_all(test);

    const uint64_t grown = process_resident_bytes(&test->process);
    state_compare(before, state_take(&test->good, &test->process, &all));
    print_message("%zu requests refused; memory grew by %lld KiB\n", ROUNDS * test->requests.count,
                  ((long long)grown - (long long)resident) / 1024);
    if (!SANITIZED)
        assert_true(grown < resident + GROWTH_BYTES_MAX);
    process_signal(&test->process, SIGTERM);
    assert_int_equal(process_wait(&test->process, PROCESS_WAIT_MS), 0);
}

/* The entries of a range once two hunts were put: the first leader's own, then LEARN and RESOLVE of
 * each, of which the last is logged while the PUT is answered. */
#define ENTRIES_OF_TWO_HUNTS 5

static void wait_resolved(struct test *test)
{
    const uint64_t start = process_now_ms();
    for (bool all_are = false; !all_are;) {
        size_t i;
        json_t *entries;
        json_t *applied = state_applied(&test->good, &test->process);
        all_are = true;
        json_array_foreach(applied, i, entries)
        {
            all_are = all_are && json_integer_value(entries) >= ENTRIES_OF_TWO_HUNTS;
        }
        json_decref(applied);
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("the hunts are not resolved");
        (void)poll(NULL, 0, all_are ? 0 : 10);
    }
}

/* No epoch ends while this runs, so whatever reaches a range's log would show. */
static void no_bad_request_reaches_a_log(void **state)
{
    struct test *test = *state;
    process_launch(&test->process, (const char *const[]){"--set", "cluster.epoch_ms=600000", NULL});
    process_wait_ready(&test->process);
    put_hunts(test);
    wait_resolved(test);
    json_t *before = state_applied(&test->good, &test->process);

    send_all(test);

    state_compare(before, state_applied(&test->good, &test->process));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_bad_request_is_refused_and_changes_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_bad_request_reaches_a_log, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
