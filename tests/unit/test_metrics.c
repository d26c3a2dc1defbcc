/* tests/unit/test_metrics.c -- The page of metrics to the letter, as scrapers take it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "node/metrics.h"
#include "node/metrics_text.h"
#include "node/vitals.h"
#include "tests/unit/metrics_page.h"

static struct metrics_text text;

static int begin(void **state)
{
    (void)state;
    text.used = 0;
    text.overflowed = false;
    text.family = NULL;
    return 0;
}

/* As a string, which the page is not. */
static const char *written(void)
{
    static char page[METRICS_TEXT_BYTES + 1];
    memcpy(page, text.data, text.used);
    page[text.used] = '\0';
    return page;
}

static void a_family_says_what_it_is_and_then_its_samples(void **state)
{
    (void)state;
    metrics_text_family(&text, "cairn_epoch", METRICS_GAUGE, "The open epoch.");
    metrics_text_number(&text, NULL, UINT64_MAX);
    metrics_text_family(&text, "cairn_actions_total", METRICS_COUNTER, "Actions.");
    metrics_text_number(&text, &(struct metrics_label){"outcome", "found"}, 7);
    metrics_text_number(&text, &(struct metrics_label){"outcome", "lost"}, 0);

    assert_string_equal(written(), "# HELP cairn_epoch The open epoch.\n"
                                   "# TYPE cairn_epoch gauge\n"
                                   "cairn_epoch 18446744073709551615\n"
                                   "# HELP cairn_actions_total Actions.\n"
                                   "# TYPE cairn_actions_total counter\n"
                                   "cairn_actions_total{outcome=\"found\"} 7\n"
                                   "cairn_actions_total{outcome=\"lost\"} 0\n");
    page_check(written());
}

static void seconds_are_exact(void **state)
{
    (void)state;
    metrics_text_family(&text, "cairn_lag_seconds", METRICS_GAUGE, "Lag.");
    metrics_text_seconds(&text, &(struct metrics_label){"of", "a"}, 0);
    metrics_text_seconds(&text, &(struct metrics_label){"of", "b"}, 1000001);
    metrics_text_seconds(&text, &(struct metrics_label){"of", "c"}, UINT64_MAX);

    assert_non_null(strstr(written(), "{of=\"a\"} 0.000000\n"));
    assert_non_null(strstr(written(), "{of=\"b\"} 1.000001\n"));
    assert_non_null(strstr(written(), "{of=\"c\"} 18446744073709.551615\n"));
}

static void no_text_breaks_out_of_its_line_or_its_quotes(void **state)
{
    (void)state;
    metrics_text_family(&text, "cairn_x", METRICS_GAUGE, "A \\ \"b\"\nc.");
    metrics_text_number(&text, &(struct metrics_label){"of", "a\"} 1\ncairn_y\\"}, 2);

    assert_string_equal(written(), "# HELP cairn_x A \\\\ \"b\"\\nc.\n"
                                   "# TYPE cairn_x gauge\n"
                                   "cairn_x{of=\"a\\\"} 1\\ncairn_y\\\\\"} 2\n");
}

static void the_buckets_of_a_histogram_are_cumulative(void **state)
{
    (void)state;
    static struct histogram histogram;
    histogram_add(&histogram, 7, 1);
    histogram_add(&histogram, 8, 2);
    histogram_add(&histogram, 999, 4);
    histogram_add(&histogram, 1000, 8);
    histogram_add(&histogram, 16000, 16);
    histogram_add(&histogram, 16383999, 32);
    histogram_add(&histogram, 17000000, 64);
    metrics_text_family(&text, "cairn_parse_seconds", METRICS_HISTOGRAM, "Parsing.");
    metrics_text_histogram(&text, &histogram);

    const char *page = written();
    page_check(page);
    page_assert(page, "cairn_parse_seconds_bucket{le=\"0.000008\"}", 1);
    page_assert(page, "cairn_parse_seconds_bucket{le=\"0.000016\"}", 3);
    page_assert(page, "cairn_parse_seconds_bucket{le=\"0.000500\"}", 3);
    page_assert(page, "cairn_parse_seconds_bucket{le=\"0.001000\"}", 7);
    page_assert(page, "cairn_parse_seconds_bucket{le=\"0.002000\"}", 15);
    page_assert(page, "cairn_parse_seconds_bucket{le=\"0.016000\"}", 15);
    page_assert(page, "cairn_parse_seconds_bucket{le=\"0.032000\"}", 31);
    page_assert(page, "cairn_parse_seconds_bucket{le=\"16.384000\"}", 63);
    page_assert(page, "cairn_parse_seconds_bucket{le=\"+Inf\"}", 127);
    page_assert(page, "cairn_parse_seconds_count", 127);
    page_assert(page, "cairn_parse_seconds_sum",
                (7 + 16 + 3996 + 8000 + 256000 + 32 * 16383999.0 + 64 * 17000000.0) / 1e6);
}

/* Not only the bounds that the test above happens to use. */
static void every_bound_counts_exactly(void **state)
{
    (void)state;
    static struct histogram empty;
    static struct histogram histogram;
    char bounds[64][32];
    size_t count = 0;
    metrics_text_family(&text, "cairn_x_seconds", METRICS_HISTOGRAM, "X.");
    metrics_text_histogram(&text, &empty);
    const char *at = strstr(written(), "{le=\"");
    for (; at != NULL && count < 64; at = strstr(at + 1, "{le=\""))
        assert_int_equal(sscanf(at, "{le=\"%31[^\"]", bounds[count++]), 1);
    assert_int_equal(count, 23);

    for (size_t i = 0; i + 1 < count; i++) {
        char series[128];
        const uint64_t bound_us = (uint64_t)llround(atof(bounds[i]) * 1e6);
        histogram = empty;
        histogram_add(&histogram, bound_us - 1, 1);
        histogram_add(&histogram, bound_us, 1);
        (void)begin(state);
        metrics_text_family(&text, "cairn_x_seconds", METRICS_HISTOGRAM, "X.");
        metrics_text_histogram(&text, &histogram);
        (void)snprintf(series, sizeof series, "cairn_x_seconds_bucket{le=\"%.32s\"}", bounds[i]);
        page_assert(written(), series, 1);
    }
}

static void a_page_that_is_too_long_is_known_to_be(void **state)
{
    (void)state;
    metrics_text_family(&text, "cairn_x", METRICS_GAUGE, "X.");
    while (!text.overflowed) {
        assert_true(text.used < METRICS_TEXT_BYTES);
        metrics_text_number(&text, NULL, 1);
    }
    const size_t used = text.used;
    metrics_text_number(&text, NULL, 1);
    assert_int_equal(text.used, used);
}

static void results_are_counted_by_outcome(void **state)
{
    (void)state;
    static struct metrics metrics;
    const struct result results[3] = {
        {.outcome = OUTCOME_FOUND}, {.outcome = OUTCOME_UNAVAILABLE}, {.outcome = OUTCOME_FOUND}};
    metrics_count_results(&metrics, results, 3);

    assert_int_equal(metrics.actions[OUTCOME_FOUND], 2);
    assert_int_equal(metrics.actions[OUTCOME_UNAVAILABLE], 1);
    assert_int_equal(metrics.actions[OUTCOME_NOTHING], 0);
}

static void epochs_are_timed_from_board_to_board(void **state)
{
    (void)state;
    static struct metrics metrics;
    struct now now = {.monotonic_us = 5000000, .physical_us = 1000300};
    metrics_count_epoch(&metrics, &now, 1000000);
    assert_int_equal(metrics.epochs_completed, 1);
    assert_int_equal(metrics.completing_us, 0);
    assert_int_equal(metrics.completion.sum_us, 300);

    now = (struct now){.monotonic_us = 15000100, .physical_us = 10999999};
    /* An epoch whose end is still to come by this clock. */
    metrics_count_epoch(&metrics, &now, 11000000);
    assert_int_equal(metrics.epochs_completed, 2);
    assert_int_equal(metrics.completing_us, 10000100);
    assert_int_equal(metrics.completion.count, 2);
    assert_int_equal(metrics.completion.sum_us, 300);
}

/* Descriptors are exact, and memory that is touched is seen. */
static void the_vitals_follow_what_the_process_does(void **state)
{
    (void)state;
    enum { BYTES = 64 << 20 };
    struct vitals before;
    struct vitals after;
    vitals_read(&before);
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    char *block = malloc(BYTES);
    assert_non_null(block);
    memset(block, 1, BYTES);
    vitals_read(&after);

    assert_int_equal(after.descriptors, before.descriptors + 1);
    assert_true(after.descriptors_max > after.descriptors);
    assert_true(before.resident_bytes > 0);
    assert_true(after.resident_bytes >= before.resident_bytes + BYTES / 2);
    assert_true(after.resident_max_bytes >= after.resident_bytes - (1 << 20));
    assert_true(after.cpu_us >= before.cpu_us);
    free(block);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_family_says_what_it_is_and_then_its_samples, begin),
        cmocka_unit_test_setup(seconds_are_exact, begin),
        cmocka_unit_test_setup(no_text_breaks_out_of_its_line_or_its_quotes, begin),
        cmocka_unit_test_setup(the_buckets_of_a_histogram_are_cumulative, begin),
        cmocka_unit_test_setup(every_bound_counts_exactly, begin),
        cmocka_unit_test_setup(a_page_that_is_too_long_is_known_to_be, begin),
        cmocka_unit_test(results_are_counted_by_outcome),
        cmocka_unit_test(epochs_are_timed_from_board_to_board),
        cmocka_unit_test(the_vitals_follow_what_the_process_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
