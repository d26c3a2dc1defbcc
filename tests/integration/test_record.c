/* tests/integration/test_record.c -- cairn-load --record against a real node: every action of a run
 * is in the file once, with the answer that the node gave, whatever happened in between. What the
 * file says was sent is sent again: the node must know it, and answer the same. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/process.h"
#include "tests/integration/process_http.h"
#include "tests/integration/process_load.h"
#include "tests/integration/process_players.h"
#include "tests/unit/metrics_page.h"

/* So many players that hardly one has more actions than his window (16) keeps: all can be asked for
 * again. */
#define PLAYERS      "300"
#define RATE         "400"
#define SECONDS      "2"
#define CLAIMS       800
#define BEGUN        100 /* of these, before the node is disturbed */
#define LOAD_WAIT_MS 40000
/* Above the two seconds after which the same claims are sent again. */
#define SILENCE_MS   2500
#define REPORT_BYTES 8192

struct test {
    struct process process;
    struct link link;
    pid_t load; /* 0: none runs */
    int out;    /* its output */
};

static int setup(void **state)
{
    static struct test test;
    test = (struct test){.out = -1};
    process_init(&test.process);
    link_init(&test.link);
    process_start(&test.process);
    load_put_hunt(&test.process);
    *state = &test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    if (test->load != 0) {
        (void)kill(test->load, SIGKILL);
        (void)waitpid(test->load, NULL, 0);
    }
    (void)close(test->out);
    link_fini(&test->link);
    process_fini(&test->process);
    return 0;
}

/* --- The run ---------------------------------------------------------------------------------- */

static void start_load(struct test *test, const char *format)
{
    char program[512];
    char url[64];
    char record[PROCESS_PATH_BYTES + 64];
    int ends[2];
    posix_spawn_file_actions_t actions;
    const char *bin = getenv("CAIRN_BIN");
    (void)snprintf(program, sizeof program, "%s/cairn-load", bin != NULL ? bin : "build/dev/bin");
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", test->process.port);
    (void)snprintf(record, sizeof record, "%s", process_path(&test->process, "record"));
    const char *const words[] = {program,    "--target", url,  "--hunt",    "field",    "--players",
                                 PLAYERS,    "--rate",   RATE, "--seconds", SECONDS,    "--batch",
                                 "5",        "--seed",   "7",  "--json",    "--format", format,
                                 "--record", record,     NULL};
    char *list[sizeof words / sizeof words[0]];
    memcpy(list, words, sizeof words);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
    assert_int_equal(posix_spawn(&test->load, program, &actions, NULL, list, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    test->out = ends[0];
}

/* Waits for its end; what it reports. */
static json_t *finish_load(struct test *test)
{
    char text[REPORT_BYTES];
    size_t used = 0;
    int how = 0;
    const uint64_t until = process_now_ms() + LOAD_WAIT_MS;
    ssize_t got = 1;
    while (got > 0) {
        struct pollfd wait = {.fd = test->out, .events = POLLIN};
        const uint64_t now = process_now_ms();
        if (now >= until || poll(&wait, 1, (int)(until - now)) != 1)
            fail_msg("cairn-load does not end; it said: %.*s", (int)used, text);
        got = read(test->out, text + used, sizeof text - used);
        used += got > 0 ? (size_t)got : 0;
    }
    assert_int_equal(waitpid(test->load, &how, 0), test->load);
    test->load = 0;
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    json_t *report = json_loadb(text, used, 0, NULL);
    assert_non_null(report);
    return report;
}

/* Waits until the node has answered some. */
static void wait_until_begun(struct test *test)
{
    const uint64_t until = process_now_ms() + LOAD_WAIT_MS;
    double answered = 0;
    while (answered < BEGUN) {
        assert_true(process_now_ms() < until);
        const struct answer page = http_ask(&test->link, test->process.port, "GET", "/metrics", "");
        assert_int_equal(page.status, 200);
        answered = page_sum(page.body, "cairn_actions_total");
    }
}

/* --- The file --------------------------------------------------------------------------------- */

struct counts {
    uint64_t lines, answered;
    uint64_t replayed; /* of these: judged before, by an earlier sending */
    uint64_t fresh;    /* without an answer, and not judged when they were sent again */
    json_t *outcomes;
};

/* The claim of a line as the node is sent it; the caller frees it. */
static char *claim_text(const json_t *action)
{
    json_t *claim = json_object();
    static const char *const keys[] = {"player", "seq", "x", "y", "time_ms"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_int_equal(json_object_set(claim, keys[i], json_object_get(action, keys[i])), 0);
    json_t *body = json_pack("{s:s, s:[o]}", "hunt", "field", "claims", claim);
    assert_non_null(body);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

/* Sends it again, as often as the node is too busy for it; the result. */
static json_t *send_again(struct test *test, const json_t *action)
{
    char *text = claim_text(action);
    const uint64_t until = process_now_ms() + PROCESS_WAIT_MS;
    struct answer answer = {.status = 503};
    while (answer.status == 503) {
        assert_true(process_now_ms() < until);
        answer = http_ask(&test->link, test->process.port, "POST", "/hunt", text);
    }
    if (answer.status != 200)
        fail_msg("%s: %d: %s", text, answer.status, answer.body);
    free(text);
    json_t *body = json_loadb(answer.body, answer.bytes, 0, NULL);
    json_t *result = json_incref(json_array_get(json_object_get(body, "results"), 0));
    json_decref(body);
    return result;
}

static void assert_same(const json_t *result, const json_t *again)
{
    /* What was not accepted keeps no more than this. */
    static const char *const always[] = {"player", "seq", "outcome", "treasure", "hlc", "points"};
    static const char *const accepted[] = {"epoch", "range", "log_index", "definition_version"};
    const bool found = strcmp(json_text_of(result, "outcome"), "found") == 0;
    bool same = json_is_true(json_object_get(again, "replayed"));
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        const json_t *one = json_object_get(result, always[i]);
        const json_t *other = json_object_get(again, always[i]);
        same = same && (one == other || json_equal(one, other) != 0);
    }
    for (size_t i = 0; found && i < sizeof accepted / sizeof accepted[0]; i++)
        same = same && json_equal(json_object_get(result, accepted[i]),
                                  json_object_get(again, accepted[i])) != 0;
    if (same)
        return;
    char *left = json_dumps(result, 0);
    char *right = json_dumps(again, 0);
    fail_msg("recorded: %s\nasked again: %s", left, right);
}

static void check_answered(struct test *test, const json_t *action, struct counts *counts)
{
    const json_t *result = json_object_get(action, "result");
    const char *outcome = json_text_of(result, "outcome");
    const json_int_t before = json_integer_value(json_object_get(counts->outcomes, outcome));
    json_t *again = send_again(test, action);
    assert_same(result, again);
    json_decref(again);
    assert_int_equal(json_object_set_new(counts->outcomes, outcome, json_integer(before + 1)), 0);
    counts->answered++;
    counts->replayed += json_is_true(json_object_get(result, "replayed"));
    assert_true(json_u64(action, "invoked_us") <= json_u64(action, "returned_us"));
}

/* Of an action without an answer nothing is known; but its number has no other content. */
static void check_unknown(struct test *test, const json_t *action, struct counts *counts)
{
    assert_null(json_object_get(action, "returned_us"));
    assert_true(json_u64(action, "invoked_us") > 0);
    json_t *again = send_again(test, action);
    assert_string_not_equal(json_text_of(again, "outcome"), "conflict");
    counts->fresh += json_is_false(json_object_get(again, "replayed"));
    json_decref(again);
}

static void check_line(struct test *test, const char *line, const char *node, json_t *seen,
                       struct counts *counts)
{
    char key[64];
    json_t *action = json_loads(line, 0, NULL);
    assert_non_null(action);
    assert_string_equal(json_text_of(action, "node"), node);
    (void)snprintf(key, sizeof key, "%s %llu", json_text_of(action, "player"),
                   (unsigned long long)json_u64(action, "seq"));
    if (json_object_get(seen, key) != NULL)
        fail_msg("%s comes twice", key);
    assert_int_equal(json_object_set_new(seen, key, json_true()), 0);
    counts->lines++;
    if (json_object_get(action, "result") != NULL)
        check_answered(test, action, counts);
    else
        check_unknown(test, action, counts);
    json_decref(action);
}

/* All lines; `node` is where they were sent. The caller releases the outcomes. */
static struct counts check_record(struct test *test, const char *node)
{
    char line[4096];
    struct counts counts = {.outcomes = json_object()};
    json_t *seen = json_object();
    FILE *file = fopen(process_path(&test->process, "record"), "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        assert_non_null(strchr(line, '\n'));
        check_line(test, line, node, seen, &counts);
    }
    assert_int_equal(fclose(file), 0);
    json_decref(seen);
    return counts;
}

static void format_node(const struct test *test, char *text, size_t bytes)
{
    (void)snprintf(text, bytes, "127.0.0.1:%u", test->process.port);
}

/* --- Tests ------------------------------------------------------------------------------------ */

/* The node falls silent for longer than the clients wait: they send the same again, and what it had
 * judged already is answered as a replay. */
static void record_through_a_silence(struct test *test, const char *format)
{
    char node[32];
    format_node(test, node, sizeof node);
    start_load(test, format);
    wait_until_begun(test);
    process_signal(&test->process, SIGSTOP);
    assert_int_equal(poll(NULL, 0, SILENCE_MS), 0);
    process_signal(&test->process, SIGCONT);
    json_t *report = finish_load(test);

    struct counts counts = check_record(test, node);

    assert_int_equal(counts.lines, CLAIMS);
    assert_int_equal(counts.lines, json_u64(report, "claims"));
    assert_int_equal(counts.answered, json_u64(report, "acknowledged"));
    assert_int_equal(counts.answered, CLAIMS);
    assert_true(json_u64(report, "retries") > 0);
    assert_true(counts.replayed > 0);
    assert_true(json_equal(counts.outcomes, json_object_get(report, "outcomes")) != 0);
    json_decref(counts.outcomes);
    json_decref(report);
}

static void a_retried_action_is_recorded_once_in_json(void **state)
{
    record_through_a_silence(*state, "json");
}

static void a_retried_action_is_recorded_once_in_protobuf(void **state)
{
    record_through_a_silence(*state, "protobuf");
}

static void an_action_without_an_answer_is_recorded_as_unknown(void **state)
{
    struct test *test = *state;
    char node[32];
    format_node(test, node, sizeof node);
    start_load(test, "protobuf+lz4");
    wait_until_begun(test);
    process_kill(&test->process);
    json_t *report = finish_load(test);
    link_close(&test->link);
    process_start(&test->process);

    struct counts counts = check_record(test, node);

    assert_int_equal(counts.lines, json_u64(report, "claims"));
    assert_int_equal(counts.answered, json_u64(report, "acknowledged"));
    assert_int_equal(counts.lines - counts.answered, json_u64(report, "unknown"));
    assert_true(counts.answered >= BEGUN);
    assert_true(counts.fresh > 0);
    json_decref(counts.outcomes);
    json_decref(report);
}

#define RECORD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORD_TEST(a_retried_action_is_recorded_once_in_json),
        RECORD_TEST(a_retried_action_is_recorded_once_in_protobuf),
        RECORD_TEST(an_action_without_an_answer_is_recorded_as_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
