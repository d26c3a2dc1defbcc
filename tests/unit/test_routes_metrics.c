/* tests/unit/test_routes_metrics.c -- GET /metrics: what the page says is what has happened. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/metrics_page.h"
#include "tests/unit/routes_stage.h"
#include "tests/unit/routes_talk.h"

#include "node/allocations.h"
#include "node/metrics_text.h"

#define HARBOUR                                                                                    \
    "hunt: harbour\n"                                                                              \
    "plane: flat\n"                                                                                \
    "treasures:\n"                                                                                 \
    "  - { id: gate, at: { x: 0, y: 0 }, radius: 50, points: 10 }\n"                               \
    "  - { id: chest, at: { x: 1000, y: 0 }, radius: 50, points: 10, supply: 1 }\n"

static const char *scrape(struct stage *stage)
{
    get(stage, "/metrics");
    page_check(reply.body);
    return reply.body;
}

static void claim(struct stage *stage, const char *player, unsigned seq, int x)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"hunt\":\"harbour\",\"claims\":[{\"player\":\"%s\",\"seq\":%u,\"x\":%d,"
                   "\"y\":0,\"time_ms\":0}]}",
                   player, seq, x);
    post(stage, "/hunt", text);
    assert_status(200);
}

static void play_harbour(struct stage *stage)
{
    put_hunt(stage, "/v1/hunts/harbour", HARBOUR);
    assert_status(200);
    pass_epochs(stage, 3);
}

static void the_page_is_text_of_version_0_0_4(void **state)
{
    (void)scrape(*state);
    assert_non_null(strstr(reply.head, "\r\nContent-Type: text/plain; version=0.0.4\r\n"));
    assert_non_null(strstr(reply.head, "\r\nCache-Control: no-store\r\n"));
    /* A page has room for twice what there is to say. */
    assert_true(strlen(reply.body) < METRICS_TEXT_BYTES / 2);
}

static void other_methods_are_refused(void **state)
{
    call(*state, "DELETE", "/metrics");
    assert_problem(405, "method_not_allowed", "");
    assert_non_null(strstr(reply.head, "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
}

static void the_page_says_who_and_since_when(void **state)
{
    struct stage *stage = *state;
    stage->node.metrics.started = stage->node.now;
    pass_epochs(stage, 2);
    const char *page = scrape(stage);
    page_assert(page, "cairn_build_info{version=\"" CAIRN_VERSION "\"}", 1);
    page_assert(page, "cairn_ready", 1);
    assert_true(page_value(page, "cairn_uptime_seconds") >= 2);
    assert_true(page_value(page, "cairn_start_time_seconds") >= STAGE_START_US / 1e6);
}

static void requests_are_counted_by_class(void **state)
{
    struct stage *stage = *state;
    get(stage, "/healthz");
    call(stage, "GET", "/nothing");
    call(stage, "GET", "/nothing");
    const char *page = scrape(stage);
    page_assert(page, "cairn_http_requests_total", 4);
    page_assert(page, "cairn_http_responses_total{class=\"2xx\"}", 1);
    page_assert(page, "cairn_http_responses_total{class=\"4xx\"}", 2);
    page_assert(page, "cairn_http_responses_total{class=\"5xx\"}", 0);
    page_assert(page, "cairn_http_request_duration_seconds_count", 3);
    page_assert(page, "cairn_http_connections", 1);
    page_assert(page, "cairn_http_connections_accepted_total", 4);
}

static void bodies_are_timed_whether_good_or_bad_and_shed_requests_are_counted(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    claim(stage, PLAYER, 1, 0);
    post(stage, "/hunt", "{");
    assert_status(400);
    const struct asking unread = {.method = "POST",
                                  .path = "/hunt",
                                  .headers = "Content-Encoding: br\r\n",
                                  .type = "application/json",
                                  .body = "{}"};
    stage_call(stage, &unread, &reply);
    assert_problem(415, "unsupported_coding", "");
    stage->node.load = 50000;
    post(stage, "/hunt", "{}");
    assert_problem(503, "overloaded", "");
    const char *page = scrape(stage);
    page_assert(page, "cairn_parse_duration_seconds_count", 3);
    page_assert(page, "cairn_requests_shed_total", 1);
    page_assert(page, "cairn_actions_waiting", 50000);
    page_assert(page, "cairn_large_bodies_waiting", 0);
}

static void players_receipts_and_pending_claims_are_added_up_over_the_ranges(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    claim(stage, PLAYER, 1, 0);
    claim(stage, OTHER, 1, 9999);
    const double applied = page_value(scrape(stage), "cairn_log_entries_applied_total");
    claim(stage, PLAYER, 2, 1000);
    const char *page = scrape(stage);
    page_assert(page, "cairn_players", 2);
    page_assert(page, "cairn_receipts", 2);
    page_assert(page, "cairn_claims_pending", 1);
    assert_true(page_value(page, "cairn_log_entries_applied_total") > applied);
    page_assert(page, "cairn_ranges", STAGE_RANGES);
    page_assert(page, "cairn_ranges_held", STAGE_RANGES);
    page_assert(page, "cairn_ranges_led", STAGE_RANGES);

    pass_epochs(stage, 4);
    page_assert(scrape(stage), "cairn_claims_pending", 0);
}

static void the_lag_of_epochs_is_told(void **state)
{
    struct stage *stage = *state;
    const char *page = scrape(stage);
    page_assert(page, "cairn_epoch_length_seconds", STAGE_EPOCH_MS / 1e3);
    play_harbour(stage);
    page = scrape(stage);
    assert_true(page_value(page, "cairn_epoch") >= STAGE_START_US / 1e3 / STAGE_EPOCH_MS + 3);
    assert_true(page_value(page, "cairn_epoch_lag_seconds") < 2 * STAGE_EPOCH_MS / 1e3);
    assert_true(page_value(page, "cairn_settle_lag_epochs") <= 2);

    stage->node.frozen = true;
    pass_epochs(stage, 60);
    page = scrape(stage);
    assert_true(page_value(page, "cairn_epoch_lag_seconds") >= 60 * STAGE_EPOCH_MS / 1e3);
    assert_true(page_value(page, "cairn_settle_lag_epochs") >= 60);
}

static void what_the_store_measures_is_on_the_page(void **state)
{
    const char *page = scrape(*state);
    page_assert(page, "cairn_log_turns_total", 102);
    page_assert(page, "cairn_log_writes_total", 103);
    page_assert(page, "cairn_log_written_bytes_total", 104);
    page_assert(page, "cairn_store_memtable_bytes", 105);
    page_assert(page, "cairn_store_memtables_waiting", 106);
    page_assert(page, "cairn_store_level0_files", 107);
    page_assert(page, "cairn_store_table_bytes", 108);
    page_assert(page, "cairn_disk_free_bytes", 109);
    page_assert(page, "cairn_store_stalled", 1);
    page_assert(page, "cairn_store_table_memory_bytes", 110);
    page_assert(page, "cairn_store_stalled_seconds_total", 111.000001);
}

static void links_to_other_nodes_are_on_the_page(void **state)
{
    struct stage *stage = *state;
    stage->node.metrics.messages_dropped = 212;
    stage->node.metrics.messages_malformed = 213;
    const char *page = scrape(stage);
    page_assert(page, "cairn_peer_messages_sent_total", 201);
    page_assert(page, "cairn_peer_sent_bytes_total", 202);
    page_assert(page, "cairn_peer_messages_received_total", 203);
    page_assert(page, "cairn_peer_received_bytes_total", 204);
    page_assert(page, "cairn_peer_dropped_total{reason=\"full\"}", 205);
    page_assert(page, "cairn_peer_dropped_total{reason=\"stale\"}", 206);
    page_assert(page, "cairn_peer_messages_replayed_total", 207);
    page_assert(page, "cairn_peer_links_replaced_total", 208);
    page_assert(page, "cairn_peer_queued_bytes", 209);
    page_assert(page, "cairn_peer_links", 210);
    page_assert(page, "cairn_peer_links_up", 211);
    page_assert(page, "cairn_messages_dropped_total", 212);
    page_assert(page, "cairn_peer_pieces_malformed_total", 213);
    page_assert(page, "cairn_peer_messages_refused_total{reason=\"garbage\"}", 221);
    page_assert(page, "cairn_peer_messages_refused_total{reason=\"forged\"}", 227);
    page_assert(page, "cairn_forwards_waiting", 0);
    page_assert(page, "cairn_members{state=\"live\"}", 1);
    page_assert(page, "cairn_members{state=\"gone\"}", 0);
    page_assert(page, "cairn_clock_skewed", 0);
}

static void snapshots_and_room_are_on_the_page(void **state)
{
    struct stage *stage = *state;
    struct metrics *metrics = &stage->node.metrics;
    metrics->started = stage->node.now;
    pass_epochs(stage, 2);
    const char *page = scrape(stage);
    page_assert(page, "cairn_snapshots", 121);
    page_assert(page, "cairn_snapshots_bytes", 122);
    page_assert(page, "cairn_disk_reserve_bytes", 123);
    page_assert(page, "cairn_disk_full", 0);
    assert_true(page_value(page, "cairn_log_behind_snapshots_bytes") > 0);
    assert_true(page_value(page, "cairn_snapshot_age_seconds") >= 2 * STAGE_EPOCH_MS / 1e3);

    metrics->snapshots_stored = 7;
    metrics->snapshots_failed = 8;
    metrics->snapshot_bytes = 9;
    metrics->snapshot_stored_us = stage->node.now.monotonic_us;
    histogram_add(&metrics->snapshot, 300, 7);
    stage->node.disk_full = true;
    page = scrape(stage);
    page_assert(page, "cairn_snapshots_stored_total", 7);
    page_assert(page, "cairn_snapshots_failed_total", 8);
    page_assert(page, "cairn_snapshots_written_bytes_total", 9);
    page_assert(page, "cairn_snapshot_age_seconds", 0);
    page_assert(page, "cairn_snapshot_duration_seconds_count", 7);
    page_assert(page, "cairn_disk_full", 1);
}

static void epochs_and_steps_are_timed(void **state)
{
    struct stage *stage = *state;
    stage->node.metrics.epochs_completed = 3;
    stage->node.metrics.completing_us = 1000500;
    histogram_add(&stage->node.metrics.completion, 300, 3);
    histogram_add(&stage->node.metrics.apply, 20, 5);
    const char *page = scrape(stage);
    page_assert(page, "cairn_epochs_completed_total", 3);
    page_assert(page, "cairn_epoch_duration_seconds", 1.0005);
    page_assert(page, "cairn_epoch_completion_seconds_sum", 0.0009);
    page_assert(page, "cairn_apply_duration_seconds_sum", 0.0001);
    page_assert(page, "cairn_apply_duration_seconds_count", 5);
}

/* Growth is from what it was when the node became ready; less than that is none. */
static void memory_is_told_with_its_growth(void **state)
{
    struct stage *stage = *state;
    stage->node.metrics.resident_at_ready_bytes = 1000;
    stage->node.metrics.heap_at_ready_bytes = 1000;
    const char *page = scrape(stage);
    const double resident = page_value(page, "cairn_resident_bytes");
    page_assert(page, "cairn_resident_start_bytes", 1000);
    page_assert(page, "cairn_resident_growth_bytes", resident - 1000);
    /* A sanitizer's allocator says that it holds nothing. */
    const double heap =
        page_value(page, "cairn_heap_used_bytes") + page_value(page, "cairn_heap_mapped_bytes");
    page_assert(page, "cairn_heap_growth_bytes", heap > 1000 ? heap - 1000 : 0);
    assert_true(page_value(page, "cairn_resident_max_bytes") > 1 << 20);

    stage->node.metrics.resident_at_ready_bytes = UINT64_C(1) << 50;
    stage->node.metrics.heap_at_ready_bytes = UINT64_C(1) << 50;
    page = scrape(stage);
    page_assert(page, "cairn_resident_growth_bytes", 0);
    page_assert(page, "cairn_heap_growth_bytes", 0);
}

static void what_the_core_holds_is_told(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    claim(stage, PLAYER, 1, 1000);
    const char *page = scrape(stage);
    assert_true(page_value(page, "cairn_turn_memory_bytes") >= 1 << 18);
    assert_true(page_value(page, "cairn_log_tail_bytes") > 0);
    (void)page_value(page, "cairn_ledgers_bytes");
}

static void allocations_are_counted_where_they_can_be(void **state)
{
    static const char series[] = "cairn_heap_allocations_total";
    const char *page = scrape(*state);
    if (!ALLOCATIONS_COUNTED) {
        assert_null(strstr(page, series));
        return;
    }
    const double before = page_value(page, series);
    assert_true(page_value(scrape(*state), series) > before);
}

#define METRICS_TEST(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        METRICS_TEST(the_page_is_text_of_version_0_0_4),
        METRICS_TEST(other_methods_are_refused),
        METRICS_TEST(the_page_says_who_and_since_when),
        METRICS_TEST(requests_are_counted_by_class),
        METRICS_TEST(bodies_are_timed_whether_good_or_bad_and_shed_requests_are_counted),
        METRICS_TEST(players_receipts_and_pending_claims_are_added_up_over_the_ranges),
        METRICS_TEST(the_lag_of_epochs_is_told),
        METRICS_TEST(what_the_store_measures_is_on_the_page),
        METRICS_TEST(links_to_other_nodes_are_on_the_page),
        METRICS_TEST(snapshots_and_room_are_on_the_page),
        METRICS_TEST(epochs_and_steps_are_timed),
        METRICS_TEST(memory_is_told_with_its_growth),
        METRICS_TEST(what_the_core_holds_is_told),
        METRICS_TEST(allocations_are_counted_where_they_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
