/* Stopping under load, whether asked for or forced by the disk: nobody gets half an answer, nothing
 * that was acknowledged is lost, and the exit code says how it was. Also what a node refuses to
 * start on.
 *
 * CAIRN_SEED: of moments and claims (the machine's timing stays its own). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/rng.h"
#include "tests/integration/process.h"
#include "tests/integration/process_compare.h"
#include "tests/integration/process_http.h"
#include "tests/integration/process_load.h"
#include "tests/integration/process_players.h"

#define STOPS              6
#define STOP_WITHIN_MS     8000 /* below the node's own patience: nothing hung */
#define AT_ONCE_MS         5000 /* likewise, and on a busy machine */
#define LARGE_LINKS        24
#define LARGE_BYTES        (1000 << 10)
#define FULL_DISKS         4
#define FULL_BYTES         UINT64_C(100000)
#define EXIT_DISK          74
#define EXIT_CONFIGURATION 78

struct test {
    struct rng rng;
    struct process process;
    struct process second; /* in the folder of the first */
    struct players players;
    struct load load;
};

static uint64_t seed(void)
{
    const char *text = getenv("CAIRN_SEED");
    return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
}

static int setup(void **state)
{
    static struct test test;
    const uint64_t number = seed();
    print_message("seed=%llu\n", (unsigned long long)number);
    rng_init(&test.rng, number);
    process_init(&test.process);
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
    test->second.folder[0] = '\0'; /* not its own */
    process_fini(&test->second);
    process_fini(&test->process);
    return 0;
}

static void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no '%s' in: %s", part, text);
}

/* Whoever binds it again is not refused: nobody listens there. */
static void assert_port_is_free(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    struct link link;
    link_init(&link);
    assert_false(link_open(&link, port));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0)
        fail_msg("port %u is not free: %s", port, strerror(errno));
    (void)close(fd);
}

/* Everything acknowledged is there in a node started from what is on the disk. */
static void start_and_compare(struct test *test)
{
    char digest[DIGEST_BYTES];
    process_start(&test->process);
    load_finish(&test->load, &test->process);
    compare_all(&test->players, &test->process, digest);
}

/* --- SIGTERM ---------------------------------------------------------------------------------- */

/* How many answers came after the signal. */
static uint64_t run_and_stop(struct test *test)
{
    process_start(&test->process);
    const uint16_t port = test->process.port;
    load_run(&test->load, &test->process, rng_between(&test->rng, 50, 400));
    const uint64_t cut = test->load.cut;
    const uint64_t answers = test->load.answers;
    process_signal(&test->process, SIGTERM);
    load_run(&test->load, &test->process, STOP_WITHIN_MS);
    const int code = process_wait(&test->process, STOP_WITHIN_MS);
    if (code != 0)
        fail_msg("SIGTERM ends it with %d; it said: %s", code, process_said(&test->process));
    load_take_rest(&test->load);
    /* An answer or none, but not half of one. */
    assert_int_equal(test->load.cut, cut);
    assert_port_is_free(port);
    return test->load.answers - answers;
}

static void sigterm_under_load_finishes_what_was_accepted(void **state)
{
    struct test *test = *state;
    uint64_t finished = 0;
    process_start(&test->process);
    load_put_hunt(&test->process);
    process_signal(&test->process, SIGTERM);
    assert_int_equal(process_wait(&test->process, STOP_WITHIN_MS), 0);
    for (uint32_t i = 0; i < STOPS; i++)
        finished += run_and_stop(test);
    start_and_compare(test);
    print_message("finished after the signal: %llu\n", (unsigned long long)finished);
    assert_true(finished > 0);
    assert_true(test->players.finds > 0);
}

/* One claim of the first player, as a body; its number. */
static uint32_t make_body(struct test *test, char *body, size_t capacity)
{
    const uint32_t claim = players_make_claim(&test->players, 0);
    const struct player *player = &test->players.list[0];
    size_t used = (size_t)snprintf(body, capacity, "{\"hunt\":\"field\",\"claims\":[");
    used += players_write_claim(player, &player->claims[claim], body + used, capacity - used);
    (void)snprintf(body + used, capacity - used, "]}");
    return claim;
}

static void wait_readable(const struct link *link)
{
    struct pollfd wait = {.fd = link->fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, PROCESS_WAIT_MS), 1);
}

/* What was not whole at the signal is not accepted any more; but whoever sends it is told so, and
 * idle connections do not wait. */
static void a_request_half_sent_at_sigterm_is_answered_with_503(void **state)
{
    struct test *test = *state;
    char body[512];
    char text[1024];
    struct link half;
    struct link idle;
    struct answer answer = {0};
    link_init(&half);
    link_init(&idle);
    process_start(&test->process);
    load_put_hunt(&test->process);
    const uint32_t claim = make_body(test, body, sizeof body);
    const size_t bytes = http_write(text, sizeof text, "POST", "/hunt", body);

    assert_true(link_open(&half, test->process.port));
    assert_true(link_send(&half, text, bytes - 20));
    /* When this is answered, the other connection's bytes have been read. */
    assert_int_equal(http_ask(&idle, test->process.port, "GET", "/healthz", "").status, 200);
    process_signal(&test->process, SIGTERM);
    wait_readable(&idle);
    assert_int_equal(link_receive(&idle, &answer), LINK_ENDED);
    assert_true(link_send(&half, text + bytes - 20, 20));
    wait_readable(&half);
    assert_int_equal(link_receive(&half, &answer), LINK_ANSWER);
    assert_int_equal(answer.status, 503);
    assert_true(answer.last);
    assert_int_equal(process_wait(&test->process, STOP_WITHIN_MS), 0);
    link_close(&half);
    link_close(&idle);

    process_start(&test->process);
    answer = http_ask(&half, test->process.port, "POST", "/hunt", body);
    json_t *json = json_loadb(answer.body, answer.bytes, 0, NULL);
    const json_t *result = json_array_get(json_object_get(json, "results"), 0);
    assert_true(players_take(&test->players, 0, claim, result));
    assert_true(json_is_false(json_object_get(result, "replayed")));
    json_decref(json);
    link_fini(&half);
    link_fini(&idle);
}

/* A claim in a body that takes long to be read. */
static uint32_t send_large(struct test *test, struct link *link)
{
    const size_t capacity = LARGE_BYTES + 512;
    char *text = malloc(capacity);
    char *body = malloc(LARGE_BYTES + 1);
    assert_non_null(text);
    assert_non_null(body);
    const uint32_t claim = make_body(test, body, LARGE_BYTES);
    const size_t used = strlen(body);
    memset(body + used, ' ', LARGE_BYTES - used);
    body[LARGE_BYTES] = '\0';
    const size_t bytes = http_write(text, capacity, "POST", "/hunt", body);
    assert_true(link_open(link, test->process.port));
    assert_true(link_send(link, text, bytes));
    free(body);
    free(text);
    return claim;
}

/* Requests that came whole; this one too. */
static uint64_t requests_total(const struct test *test, struct link *link)
{
    static const char name[] = "\ncairn_http_requests_total ";
    const struct answer answer = http_ask(link, test->process.port, "GET", "/metrics", "");
    assert_int_equal(answer.status, 200);
    const char *line = strstr(answer.body, name);
    assert_non_null(line);
    return strtoull(line + sizeof name - 1, NULL, 10);
}

/* So many, without those that ask. */
static void wait_for_requests(const struct test *test, struct link *link, uint64_t wanted)
{
    const uint64_t start = process_now_ms();
    uint64_t asked = 1;
    while (requests_total(test, link) < wanted + asked) {
        assert_true(process_now_ms() - start < PROCESS_WAIT_MS);
        asked++;
    }
}

static void large_bodies_that_wait_at_sigterm_are_read_and_judged(void **state)
{
    struct test *test = *state;
    struct link links[LARGE_LINKS];
    struct link other;
    uint32_t claims[LARGE_LINKS];
    link_init(&other);
    process_start(&test->process);
    load_put_hunt(&test->process);
    const uint64_t before = requests_total(test, &other);
    for (size_t i = 0; i < LARGE_LINKS; i++) {
        link_init(&links[i]);
        claims[i] = send_large(test, &links[i]);
    }
    wait_for_requests(test, &other, before + LARGE_LINKS);
    process_signal(&test->process, SIGTERM);
    for (size_t i = 0; i < LARGE_LINKS; i++) {
        const struct answer answer = link_await(&links[i], "a large body");
        assert_int_equal(answer.status, 200);
        json_t *json = json_loadb(answer.body, answer.bytes, 0, NULL);
        const json_t *result = json_array_get(json_object_get(json, "results"), 0);
        assert_true(players_take(&test->players, 0, claims[i], result));
        json_decref(json);
        link_fini(&links[i]);
    }
    assert_int_equal(process_wait(&test->process, STOP_WITHIN_MS), 0);
    link_fini(&other);
}

static void wait_until_it_says(const struct process *process, const char *part)
{
    const uint64_t start = process_now_ms();
    while (strstr(process_said(process), part) == NULL) {
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("it does not say '%s', but: %s", part, process_said(process));
        (void)poll(NULL, 0, 2);
    }
}

static void a_second_sigterm_under_load_stops_at_once(void **state)
{
    struct test *test = *state;
    static const char half[] = "POST /hunt HTTP/1.1\r\nHost: localhost\r\n";
    struct link link;
    link_init(&link);
    process_start(&test->process);
    load_put_hunt(&test->process);
    load_run(&test->load, &test->process, 200);
    /* It would wait for the end of this request. */
    assert_true(link_open(&link, test->process.port));
    assert_true(link_send(&link, half, sizeof half - 1));
    load_run(&test->load, &test->process, 200);
    process_signal(&test->process, SIGTERM);
    load_run(&test->load, &test->process, 100);
    wait_until_it_says(&test->process, "stopping");
    assert_false(process_ended(&test->process));
    const uint64_t start = process_now_ms();
    process_signal(&test->process, SIGTERM);
    assert_int_equal(process_wait(&test->process, AT_ONCE_MS), 1);
    print_message("stopped after %llu ms\n", (unsigned long long)(process_now_ms() - start));
    link_fini(&link);
    load_take_rest(&test->load);
    start_and_compare(test);
}

/* --- The disk --------------------------------------------------------------------------------- */

static void assert_ends_with_74(struct process *process)
{
    const int code = process_wait(process, PROCESS_WAIT_MS);
    if (code != EXIT_DISK)
        fail_msg("it ends with %d; it said: %s", code, process_said(process));
}

/* No file grows over a limit, and so the log does not, sooner or later: a full disk. A start writes
 * the last log to a table file, which has to fit: so the limit rises. */
static void a_full_disk_ends_it_with_74_and_loses_no_acknowledged_claim(void **state)
{
    struct test *test = *state;
    process_start(&test->process);
    load_put_hunt(&test->process);
    process_kill(&test->process);
    process_start(&test->process);
    process_kill(&test->process);
    for (uint32_t i = 1; i <= FULL_DISKS; i++) {
        const uint64_t acknowledged = test->players.acknowledged;
        test->process.file_bytes_max = i * FULL_BYTES + rng_below(&test->rng, FULL_BYTES / 2);
        process_start(&test->process);
        load_run(&test->load, &test->process, PROCESS_WAIT_MS);
        assert_ends_with_74(&test->process);
        load_take_rest(&test->load);
        assert_true(test->players.acknowledged > acknowledged);
    }
    assert_says(process_said(&test->process), "the disk refused a write");

    /* Too full even to start. */
    test->process.file_bytes_max = FULL_BYTES / 4;
    process_launch(&test->process, NULL);
    assert_ends_with_74(&test->process);
    assert_says(process_said(&test->process), "File too large");
    test->process.file_bytes_max = 0;
    start_and_compare(test);
}

/* --- Two of them ------------------------------------------------------------------------------ */

static void a_second_node_on_the_same_data_is_refused_and_disturbs_nothing(void **state)
{
    struct test *test = *state;
    process_start(&test->process);
    load_put_hunt(&test->process);
    for (uint32_t i = 0; i < 3; i++) {
        struct process *second = &test->second;
        *second = test->process;
        second->pid = 0;
        second->port = 0;
        load_run(&test->load, &test->process, 50);
        process_launch(second, NULL);
        while (!process_ended(second))
            load_run(&test->load, &test->process, 5);
        assert_int_equal(process_wait(second, AT_ONCE_MS), 1);
    }
    assert_says(process_said(&test->process), "another process uses the data directory");
    load_run(&test->load, &test->process, 50);
    assert_false(process_ended(&test->process));
    load_finish(&test->load, &test->process);
    assert_int_equal(test->load.cut, 0);
    assert_int_equal(test->load.refused, 0);
    process_kill(&test->process);
    load_take_rest(&test->load);
    start_and_compare(test);
}

/* --- Configurations --------------------------------------------------------------------------- */

static const struct {
    const char *text;
    const char *says;
} bad[] = {
    {"node: { name: n1, data: x }\nhttp:\n  lissten: 1\n", "n.yaml:3:3: http.lissten: "},
    {"node: { name: N1, data: x }\n", "n.yaml:1:9: node.name: "},
    {"node:\n  name: n1\n", "node.data: must be given"},
    {"node: { name: n1, data: x }\ncluster:\n  found: true\n  epoch_ms: 99\n",
     "n.yaml:4:3: cluster.epoch_ms: "},
    {"node: { name: n1, data: x }\ncluster:\n  ranges: many\n", "n.yaml:3:3: cluster.ranges: "},
    {"node: { name: n1, data: x }\nhttp:\n  listen: nowhere\n", "n.yaml:3:3: http.listen: "},
    {"node: { name: n1, data: x }\npeer:\n  listen: 127.0.0.1:1\n", "n.yaml:3:3: peer.listen: "},
    {"node: { name: n1, data: x }\nlog: { level: loud }\n", "n.yaml:2:8: log.level: "},
    {"node: { name: n1, data: x }\nlimits: { body_bytes: -1 }\n",
     "n.yaml:2:11: limits.body_bytes: "},
    {"node: { name: n1, data: x }\nnode: { name: n2, data: x }\n", "n.yaml:2:1: node"},
    {"node: { name: n1, data: x\n", "n.yaml:"},
};

static void check_names_the_line_and_the_field(void **state)
{
    struct test *test = *state;
    static const char *const check[] = {"--check", NULL};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        FILE *file = fopen(process_path(&test->process, "n.yaml"), "w");
        assert_non_null(file);
        assert_true(fputs(bad[i].text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        (void)unlink(process_path(&test->process, "err"));
        process_launch(&test->process, check);
        const int code = process_wait(&test->process, PROCESS_WAIT_MS);
        assert_says(process_said(&test->process), bad[i].says);
        if (code != EXIT_CONFIGURATION)
            fail_msg("%d for: %s", code, bad[i].text);
    }
}

#define STOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STOP_TEST(sigterm_under_load_finishes_what_was_accepted),
        STOP_TEST(a_request_half_sent_at_sigterm_is_answered_with_503),
        STOP_TEST(large_bodies_that_wait_at_sigterm_are_read_and_judged),
        STOP_TEST(a_second_sigterm_under_load_stops_at_once),
        STOP_TEST(a_full_disk_ends_it_with_74_and_loses_no_acknowledged_claim),
        STOP_TEST(a_second_node_on_the_same_data_is_refused_and_disturbs_nothing),
        STOP_TEST(check_names_the_line_and_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
