/* Clients that are slow, silent, gone, or too many, over real sockets to a real node: each costs it
 * a bounded time and a descriptor, and a good client is served meanwhile. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <jansson.h>

#include "tests/integration/process.h"
#include "tests/integration/process_http.h"
#include "tests/integration/process_players.h"
#include "tests/integration/process_state.h"

#define REQUEST_MS  1000
#define LINKS_MAX   64
#define CONNECTIONS "cairn_http_connections"

#define HOST "Host: localhost\r\n"
#define POST "POST /hunt HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"

struct test {
    struct process process;
    struct link good;
    struct link links[LINKS_MAX];
};

static int setup(void **state)
{
    static struct test test;
    process_init(&test.process);
    link_init(&test.good);
    for (size_t i = 0; i < LINKS_MAX; i++)
        link_init(&test.links[i]);
    *state = &test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    link_fini(&test->good);
    for (size_t i = 0; i < LINKS_MAX; i++)
        link_fini(&test->links[i]);
    process_fini(&test->process);
    return 0;
}

static void start(struct test *test, const char *setting)
{
    process_launch(&test->process, (const char *const[]){"--set", setting, NULL});
    process_wait_ready(&test->process);
}

/* A good client, on a connection of its own that stays open. */
static void ask(struct test *test)
{
    const struct answer answer =
        http_ask(&test->good, test->process.port, "GET", "/v1/cluster", "");
    assert_int_equal(answer.status, 200);
    assert_false(answer.last);
}

static void expect_problem(const struct answer *answer, int status, const char *code)
{
    json_t *problem = json_loadb(answer->body, answer->bytes, 0, NULL);
    assert_int_equal(answer->status, status);
    assert_true(answer->problem);
    assert_true(answer->last);
    assert_string_equal(json_text_of(problem, "code"), code);
    assert_true(json_is_true(json_object_get(problem, "retryable")));
    json_decref(problem);
}

/* Until the connection has ended. */
static void expect_end(struct link *link)
{
    struct answer answer;
    const uint64_t from = process_now_ms();
    enum link_state state = link_receive(link, &answer);
    while (state == LINK_WAITS && process_now_ms() - from < PROCESS_WAIT_MS) {
        (void)poll(&(struct pollfd){.fd = link->fd, .events = POLLIN}, 1, PROCESS_WAIT_MS);
        state = link_receive(link, &answer);
    }
    assert_int_equal(state, LINK_ENDED);
    link_close(link);
}

/* Until the metric is at most, or at least, so much. */
static void wait_metric(struct test *test, const char *name, double least, double most)
{
    const uint64_t from = process_now_ms();
    double value = state_metric(&test->good, &test->process, name);
    while (value < least || value > most) {
        if (process_now_ms() - from > PROCESS_WAIT_MS)
            fail_msg("%s is %g, and not from %g to %g", name, value, least, most);
        (void)poll(NULL, 0, 10);
        value = state_metric(&test->good, &test->process, name);
    }
}

/* --- Slow ------------------------------------------------------------------------------------- */

static const char *const slow[] = {
    "GET /v1/hunts HTTP/1.1\r\n" HOST "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    POST "Content-Length: 1000\r\n\r\n{                                           ",
    POST "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n \r\n1\r\n \r\n1\r\n \r\n1\r\n \r\n",
    POST "Transfer-Encoding: chunked\r\n\r\n1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
};
#define SLOW (sizeof slow / sizeof slow[0])

/* All but the last bytes, so that some are left to be sent one by one. */
static size_t open_slow(struct test *test, size_t at)
{
    const size_t first = at == 4 ? 1 : strlen(slow[at]) - 30;
    assert_true(link_open(&test->links[at], test->process.port));
    assert_true(link_send(&test->links[at], slow[at], first));
    return first;
}

/* Whoever sends a byte now and then is told after `request_ms` that it took too long, and not
 * before; every read restarts no clock. */
static void a_request_that_is_sent_byte_by_byte_is_408(void **state)
{
    struct test *test = *state;
    size_t sent[SLOW];
    unsigned answered = 0;
    start(test, "limits.request_ms=1000");
    ask(test);
    const uint64_t from = process_now_ms();
    for (size_t i = 0; i < SLOW; i++)
        sent[i] = open_slow(test, i);
    while (answered < SLOW) {
        (void)poll(NULL, 0, 50);
        ask(test);
        for (size_t i = 0; i < SLOW; i++) {
            struct answer answer;
            struct link *link = &test->links[i];
            if (link->fd < 0)
                continue;
            if (link_receive(link, &answer) == LINK_ANSWER) {
                expect_problem(&answer, 408, "request_timeout");
                assert_true(process_now_ms() - from >= REQUEST_MS);
                expect_end(link);
                answered++;
            } else if (slow[i][sent[i]] != '\0') {
                assert_true(link_send(link, slow[i] + sent[i]++, 1));
            }
        }
        assert_true(process_now_ms() - from < PROCESS_WAIT_MS);
    }
    const double timeouts = state_metric(&test->good, &test->process, "cairn_http_timeouts_total");
    assert_int_equal((int)timeouts, SLOW);
}

/* Who says nothing at all is let go without a word. */
static void a_client_that_says_nothing_is_let_go(void **state)
{
    struct test *test = *state;
    start(test, "limits.request_ms=1000");
    const uint64_t from = process_now_ms();
    for (size_t i = 0; i < LINKS_MAX; i++)
        assert_true(link_open(&test->links[i], test->process.port));
    ask(test);
    wait_metric(test, CONNECTIONS, LINKS_MAX + 1, LINKS_MAX + 1);
    for (size_t i = 0; i < LINKS_MAX; i++)
        expect_end(&test->links[i]);
    assert_true(process_now_ms() - from >= REQUEST_MS);
    ask(test);
    wait_metric(test, CONNECTIONS, 1, 1);
}

/* Closes a connection as a pulled cable does: the other side hears nothing. False: this needs a
 * right that we do not have. */
static bool vanish(struct link *link)
{
    if (setsockopt(link->fd, IPPROTO_TCP, TCP_REPAIR, &(int){1}, sizeof(int)) != 0) {
        assert_int_equal(errno, EPERM);
        return false;
    }
    link_close(link);
    return true;
}

static void a_client_that_vanished_is_let_go(void **state)
{
    struct test *test = *state;
    start(test, "limits.request_ms=1000");
    for (size_t i = 0; i < LINKS_MAX; i++) {
        const char *text = slow[i % 4];
        assert_true(link_open(&test->links[i], test->process.port));
        assert_true(link_send(&test->links[i], text, strlen(text) - 30));
    }
    wait_metric(test, CONNECTIONS, LINKS_MAX + 1, LINKS_MAX + 1);
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (!vanish(&test->links[i]))
            skip();
    }
    ask(test);
    wait_metric(test, CONNECTIONS, 1, 1);
}

/* --- Too many --------------------------------------------------------------------------------- */

static void connections_beyond_the_limit_are_told_so(void **state)
{
    struct test *test = *state;
    start(test, "limits.connections=8");
    ask(test);
    for (size_t i = 0; i < 7; i++) {
        const struct answer answer =
            http_ask(&test->links[i], test->process.port, "GET", "/healthz", "");
        assert_int_equal(answer.status, 200);
        assert_false(answer.last);
    }
    for (size_t i = 7; i < 10; i++) {
        const struct answer answer =
            http_ask(&test->links[i], test->process.port, "GET", "/healthz", "");
        expect_problem(&answer, 503, "too_many_connections");
        assert_true(answer.retry_after_s >= 1);
    }
    ask(test);

    link_close(&test->links[0]);
    wait_metric(test, CONNECTIONS, 1, 7);
    const struct answer answer =
        http_ask(&test->links[0], test->process.port, "GET", "/healthz", "");
    assert_int_equal(answer.status, 200);
    assert_false(answer.last);
}

/* --- No descriptors --------------------------------------------------------------------------- */

static unsigned descriptors_of(const struct process *process)
{
    char path[64];
    unsigned count = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/fd", (long)process->pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.' ? 1 : 0;
    (void)closedir(folder);
    return count;
}

/* The most descriptors that the node may have from now on; returns what it was. */
static rlim_t set_descriptors(const struct process *process, rlim_t most)
{
    struct rlimit limit;
    assert_int_equal(prlimit(process->pid, RLIMIT_NOFILE, NULL, &limit), 0);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = most;
    assert_int_equal(prlimit(process->pid, RLIMIT_NOFILE, &limit, NULL), 0);
    return before;
}

static void send_get(struct link *link)
{
    static const char text[] = "GET /healthz HTTP/1.1\r\n" HOST "\r\n";
    assert_true(link_send(link, text, sizeof text - 1));
}

/* A good client goes on for so long; returns the CPU time that the node took meanwhile. */
static uint64_t go_on(struct test *test, uint64_t for_ms)
{
    const uint64_t from = process_now_ms();
    const uint64_t cpu = process_cpu_ms(&test->process);
    while (process_now_ms() - from < for_ms) {
        ask(test);
        (void)poll(NULL, 0, 20);
    }
    return process_cpu_ms(&test->process) - cpu;
}

static void without_descriptors_old_clients_go_on_and_new_ones_wait(void **state)
{
    struct test *test = *state;
    struct answer answer;
    bool served[16];
    unsigned count = 0;
    start(test, "limits.request_ms=30000");
    ask(test);
    const unsigned used = descriptors_of(&test->process);
    const rlim_t before = set_descriptors(&test->process, used + 4);
    for (size_t i = 0; i < 16; i++) {
        assert_true(link_open(&test->links[i], test->process.port));
        send_get(&test->links[i]);
    }
    wait_metric(test, "cairn_http_accept_failures_total", 3, 1e9);
    /* It does not spin: a loop that tries again and again would take a whole core. */
    const uint64_t cpu_ms = go_on(test, 1000);
    assert_in_range(cpu_ms, 0, 600);
    for (size_t i = 0; i < 16; i++) {
        served[i] = link_receive(&test->links[i], &answer) == LINK_ANSWER;
        count += served[i] ? 1 : 0;
    }
    /* The node itself opens and closes files meanwhile. */
    assert_in_range(count, 1, 8);

    (void)set_descriptors(&test->process, before);
    for (size_t i = 0; i < 16; i++) {
        if (!served[i])
            assert_int_equal(link_await(&test->links[i], "what had to wait").status, 200);
    }
    ask(test);
}

/* --- All at once ------------------------------------------------------------------------------ */

/* cairn-attack, as fast as it goes: everything is refused as it must be. */
static void an_attack_is_refused_altogether(void **state)
{
    struct test *test = *state;
    char command[512];
    char line[512] = "";
    const char *folder = getenv("CAIRN_BIN");
    /* Enough for the largest body on a busy machine, and over before the attack is. */
    start(test, "limits.request_ms=4000");
    (void)snprintf(command, sizeof command,
                   "'%s/cairn-attack' --target http://127.0.0.1:%u --seconds 6 --rate 0 --json",
                   folder != NULL ? folder : "build/dev/bin", (unsigned)test->process.port);
    FILE *attack = popen(command, "r");
    assert_non_null(attack);
    while (fgets(line, sizeof line, attack) == NULL && !feof(attack))
        ask(test);
    assert_int_equal(pclose(attack), 0);
    json_t *report = json_loads(line, 0, NULL);
    assert_true(json_integer_value(json_object_get(report, "refused")) > 100);
    assert_int_equal(json_integer_value(json_object_get(report, "unexpected")), 0);
    assert_true(json_integer_value(json_object_get(report, "slow_ended")) > 0);
    json_decref(report);
    ask(test);
    wait_metric(test, CONNECTIONS, 1, 1);
}

int main(void)
{
#define ON_NODE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_NODE(a_request_that_is_sent_byte_by_byte_is_408),
        ON_NODE(a_client_that_says_nothing_is_let_go),
        ON_NODE(a_client_that_vanished_is_let_go),
        ON_NODE(connections_beyond_the_limit_are_told_so),
        ON_NODE(without_descriptors_old_clients_go_on_and_new_ones_wait),
        ON_NODE(an_attack_is_refused_altogether),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
