/* The metrics of a real node: they grow with what is asked, and add up to it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/process.h"
#include "tests/integration/process_http.h"
#include "tests/integration/process_load.h"
#include "tests/integration/process_players.h"
#include "tests/unit/metrics_page.h"

#define CLAIMS 40 /* of each player, one request each */
#define ASKING 4  /* players */

struct test {
    struct rng rng;
    struct process process;
    struct players players;
    struct link link;
};

static int setup(void **state)
{
    static struct test test;
    rng_init(&test.rng, 1);
    process_init(&test.process);
    players_init(&test.players, &test.rng);
    link_init(&test.link);
    *state = &test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    link_fini(&test->link);
    players_fini(&test->players);
    process_fini(&test->process);
    return 0;
}

/* The caller frees it. */
static char *scrape(struct test *test)
{
    const struct answer answer = http_ask(&test->link, test->process.port, "GET", "/metrics", "");
    assert_int_equal(answer.status, 200);
    char *page = strdup(answer.body);
    assert_non_null(page);
    page_check(page);
    return page;
}

/* Sends the claim, and compares the answer with what must come of it. */
static void send_claim(struct test *test, uint32_t player, uint32_t claim)
{
    char body[512];
    const struct player *who = &test->players.list[player];
    size_t used = (size_t)snprintf(body, sizeof body, "{\"hunt\":\"field\",\"claims\":[");
    used += players_write_claim(who, &who->claims[claim], body + used, sizeof body - used);
    (void)snprintf(body + used, sizeof body - used, "]}");
    const struct answer answer = http_ask(&test->link, test->process.port, "POST", "/hunt", body);
    assert_int_equal(answer.status, 200);
    json_t *json = json_loadb(answer.body, answer.bytes, 0, NULL);
    const json_t *results = json_object_get(json, "results");
    assert_int_equal(json_array_size(results), 1);
    assert_true(players_take(&test->players, player, claim, json_array_get(results, 0)));
    json_decref(json);
}

/* How many claims of each kind were made. */
static void count_verdicts(const struct players *players, double counts[3])
{
    for (uint32_t i = 0; i < FIELD_PLAYERS; i++) {
        const struct player *player = &players->list[i];
        for (uint32_t j = 0; j < player->count; j++)
            counts[player->claims[j].verdict]++;
    }
}

static double grown(const char *before, const char *after, const char *series)
{
    return page_value(after, series) - page_value(before, series);
}

static void assert_grown(const char *before, const char *after, const char *series, double by)
{
    const double got = grown(before, after, series);
    if (fabs(got - by) > 1e-9)
        fail_msg("%s grew by %f and not by %f", series, got, by);
}

static void the_counters_add_up_to_what_was_sent(void **state)
{
    struct test *test = *state;
    process_start(&test->process);
    load_put_hunt(&test->process);
    char *before = scrape(test);
    for (uint32_t i = 0; i < CLAIMS * ASKING; i++)
        send_claim(test, i % ASKING, players_make_claim(&test->players, i % ASKING));
    /* Once more: it is answered again, and so counts again. */
    send_claim(test, 0, test->players.list[0].count - 1);
    char *after = scrape(test);

    double counts[3] = {0};
    count_verdicts(&test->players, counts);
    const struct player *first = &test->players.list[0];
    counts[first->claims[first->count - 1].verdict]++;
    const double sent = CLAIMS * ASKING + 1;
    assert_grown(before, after, "cairn_actions_total{outcome=\"found\"}", counts[VERDICT_FOUND]);
    assert_grown(before, after, "cairn_actions_total{outcome=\"already\"}",
                 counts[VERDICT_ALREADY]);
    assert_grown(before, after, "cairn_actions_total{outcome=\"nothing\"}",
                 counts[VERDICT_NOTHING]);
    assert_true(fabs(page_sum(after, "cairn_actions_total") -
                     page_sum(before, "cairn_actions_total") - sent) < 0.5);
    assert_true(counts[VERDICT_FOUND] > 0);

    assert_grown(before, after, "cairn_commit_duration_seconds_count", sent);
    assert_grown(before, after, "cairn_parse_duration_seconds_count", sent);
    /* The first scrape was answered too. */
    assert_grown(before, after, "cairn_http_requests_total", sent + 1);
    assert_grown(before, after, "cairn_http_responses_total{class=\"2xx\"}", sent + 1);
    assert_grown(before, after, "cairn_http_request_duration_seconds_count", sent + 1);
    assert_true(grown(before, after, "cairn_commit_duration_seconds_sum") > 0);
    assert_grown(before, after, "cairn_receipts", (double)test->players.finds);
    assert_grown(before, after, "cairn_players", ASKING);
    free(before);
    free(after);
}

/* What is durable was written and synced, and what was applied was durable. */
static void the_disk_and_the_process_are_seen(void **state)
{
    struct test *test = *state;
    process_start(&test->process);
    load_put_hunt(&test->process);
    char *before = scrape(test);
    for (uint32_t i = 0; i < CLAIMS; i++)
        send_claim(test, 0, players_make_claim(&test->players, 0));
    char *after = scrape(test);

    assert_true(grown(before, after, "cairn_log_sync_duration_seconds_count") >= CLAIMS);
    assert_true(grown(before, after, "cairn_log_writes_total") >= CLAIMS);
    assert_true(grown(before, after, "cairn_log_entries_applied_total") >= CLAIMS);
    assert_true(grown(before, after, "cairn_log_written_bytes_total") > 0);
    assert_true(grown(before, after, "cairn_uptime_seconds") > 0);
    assert_true(grown(before, after, "cairn_apply_duration_seconds_count") >= CLAIMS);
    assert_true(grown(before, after, "cairn_apply_duration_seconds_sum") > 0);
    assert_true(page_value(after, "cairn_resident_start_bytes") > 1 << 20);
    assert_true(page_value(after, "cairn_store_memtable_bytes") > 0);
    assert_true(page_value(after, "cairn_disk_free_bytes") > 0);
    assert_true(page_value(after, "cairn_resident_bytes") > 1 << 20);
    assert_true(page_value(after, "cairn_descriptors_open") > 8);
    assert_true(page_value(after, "cairn_descriptors_max") >
                page_value(after, "cairn_descriptors_open"));
    assert_true(page_value(after, "cairn_epoch_lag_seconds") < 60);
    page_assert(after, "cairn_ready", 1);
    page_assert(after, "cairn_requests_waiting", 0);
    page_assert(after, "cairn_actions_waiting", 0);
    page_assert(after, "cairn_large_bodies_waiting", 0);
    page_assert(after, "cairn_ranges_led", page_value(after, "cairn_ranges"));
    free(before);
    free(after);
}

/* Boards come at the pace of the epochs, soon after their ends. */
static void epochs_are_timed(void **state)
{
    struct test *test = *state;
    process_start(&test->process);
    load_put_hunt(&test->process);
    char *before = scrape(test);
    char *after = NULL;
    const uint64_t until = process_now_ms() + PROCESS_WAIT_MS;
    do {
        assert_true(process_now_ms() < until);
        free(after);
        after = scrape(test);
        /* Two boards may be complete in the same moment, after a pause. */
    } while (grown(before, after, "cairn_epochs_completed_total") < 4 ||
             page_value(after, "cairn_epoch_duration_seconds") <= 0);

    const double boards = page_value(after, "cairn_epochs_completed_total");
    const double late = page_value(after, "cairn_epoch_completion_seconds_sum");
    page_assert(after, "cairn_epoch_completion_seconds_count", boards);
    assert_true(late > 0);
    assert_true(late / boards < 10);
    assert_true(page_value(after, "cairn_epoch_duration_seconds") < 10);
    free(before);
    free(after);
}

#define METRICS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        METRICS_TEST(the_counters_add_up_to_what_was_sent),
        METRICS_TEST(the_disk_and_the_process_are_seen),
        METRICS_TEST(epochs_are_timed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
