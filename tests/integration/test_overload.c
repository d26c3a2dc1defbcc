/* A node that is asked for more than it may take: what is too much is turned away with 503 and
 * Retry-After, what was accepted is answered and kept, and when the crowd has gone the node is as
 * it was.
 *
 * CAIRN_SEED: of claims (the machine's timing stays its own). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/process_compare.h"
#include "tests/integration/process_http.h"
#include "tests/integration/process_single.h"

/* Far below what the clients bring: each of the sixteen has up to six claims under way. */
#define WAITING_ACTIONS "limits.waiting_actions=4"

#define REFUSED_MIN  200
#define ANSWERED_MIN 200
#define SLICE_MS     50

/* What was admitted is answered in milliseconds, were it not for what else this machine does. */
#define ANSWER_WITHIN_MS 5000

static void assert_served(const struct single *test, struct link *link)
{
    static const char *const cheap[] = {"/healthz", "/readyz", "/metrics"};
    for (size_t i = 0; i < sizeof cheap / sizeof cheap[0]; i++)
        assert_int_equal(http_ask(link, test->process.port, "GET", cheap[i], "").status, 200);
}

static uint64_t shed_total(const struct single *test, struct link *link)
{
    static const char name[] = "\ncairn_requests_shed_total ";
    const struct answer page = http_ask(link, test->process.port, "GET", "/metrics", "");
    const char *line = strstr(page.body, name);
    assert_non_null(line);
    return strtoull(line + strlen(name), NULL, 10);
}

/* Many more clients than the node takes, until enough was answered and enough turned away. */
static void crowd(struct single *test, struct link *link)
{
    const uint64_t start = process_now_ms();
    while (test->load.refused < REFUSED_MIN || test->load.answers < ANSWERED_MIN) {
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("%llu answered and %llu refused; the node said: %s",
                     (unsigned long long)test->load.answers, (unsigned long long)test->load.refused,
                     process_said(&test->process));
        load_run(&test->load, &test->process, SLICE_MS);
        assert_served(test, link);
    }
}

static void too_much_is_turned_away_and_nothing_accepted_is_lost(void **state)
{
    struct single *test = *state;
    static const char *const arguments[] = {"--set", WAITING_ACTIONS, NULL};
    char digest[DIGEST_BYTES];
    char digest_again[DIGEST_BYTES];
    struct link link;
    link_init(&link);
    process_launch(&test->process, arguments);
    process_wait_ready(&test->process);
    load_put_hunt(&test->process);

    crowd(test, &link);
    const uint64_t shed = shed_total(test, &link);
    assert_true(shed > 0);
    assert_true(test->load.slowest_ms < ANSWER_WITHIN_MS);

    /* The crowd goes: whoever was turned away is served in the end, and then all is quiet. */
    load_finish(&test->load, &test->process);
    assert_served(test, &link);
    const uint64_t shed_in_the_end = shed_total(test, &link);
    compare_all(&test->players, &test->process, digest);
    assert_int_equal(shed_total(test, &link), shed_in_the_end);
    link_close(&link);

    /* From the disk alone, and with room for all. */
    process_kill(&test->process);
    process_start(&test->process);
    compare_all(&test->players, &test->process, digest_again);
    assert_string_equal(digest_again, digest);
    print_message("answers=%llu refused=%llu shed=%llu slowest_ms=%llu\n",
                  (unsigned long long)test->load.answers, (unsigned long long)test->load.refused,
                  (unsigned long long)shed, (unsigned long long)test->load.slowest_ms);
    link_fini(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(too_much_is_turned_away_and_nothing_accepted_is_lost,
                                        single_setup, single_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
