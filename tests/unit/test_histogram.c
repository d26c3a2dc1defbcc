/* tests/unit/test_histogram.c -- Quantiles of durations are right to better than one per cent. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "node/histogram.h"
#include "cluster/base/rng.h"

static void an_empty_one_says_zero(void **state)
{
    (void)state;
    static const struct histogram empty;

    assert_int_equal(histogram_quantile_us(&empty, 0), 0);
    assert_int_equal(histogram_quantile_us(&empty, 500), 0);
    assert_int_equal(histogram_quantile_us(&empty, 1000), 0);
}

static void short_durations_are_exact(void **state)
{
    (void)state;
    static struct histogram histogram;
    for (uint64_t i = 1; i <= 200; i++)
        histogram_add(&histogram, i, 1);

    assert_int_equal(histogram_quantile_us(&histogram, 5), 1);
    assert_int_equal(histogram_quantile_us(&histogram, 500), 100);
    assert_int_equal(histogram_quantile_us(&histogram, 990), 198);
    assert_int_equal(histogram_quantile_us(&histogram, 1000), 200);
}

static void the_rank_is_rounded_up(void **state)
{
    (void)state;
    static struct histogram histogram;
    histogram_add(&histogram, 10, 999);
    histogram_add(&histogram, 20, 1);

    assert_int_equal(histogram_quantile_us(&histogram, 999), 10);
    histogram_add(&histogram, 20, 1);
    assert_int_equal(histogram_quantile_us(&histogram, 999), 20);
}

static void every_duration_is_kept_within_one_per_cent(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    struct histogram *histogram = malloc(sizeof *histogram);
    assert_non_null(histogram);
    for (int i = 0; i < 2000; i++) {
        const uint64_t duration = rng_next(&rng) >> rng_between(&rng, 33, 63);
        *histogram = (struct histogram){0};
        histogram_add(histogram, duration, 3);
        histogram_add(histogram, HISTOGRAM_US_MAX, 1);

        const uint64_t shown = histogram_quantile_us(histogram, 500);
        const uint64_t error = shown > duration ? shown - duration : duration - shown;
        assert_true(error * 100 <= duration);
    }
    free(histogram);
}

static void durations_that_are_too_long_count_as_the_longest(void **state)
{
    (void)state;
    static struct histogram histogram;
    histogram_add(&histogram, UINT64_MAX, 1);
    histogram_add(&histogram, HISTOGRAM_US_MAX + 1, 1);

    const uint64_t shown = histogram_quantile_us(&histogram, 500);
    assert_true(shown > HISTOGRAM_US_MAX - HISTOGRAM_US_MAX / 100 && shown <= HISTOGRAM_US_MAX);
    assert_true(histogram_quantile_us(&histogram, 1000) == UINT64_MAX);
}

static void no_quantile_is_above_the_maximum(void **state)
{
    (void)state;
    static struct histogram histogram;
    histogram_add(&histogram, 100001, 5);

    assert_true(histogram_quantile_us(&histogram, 999) <= 100001);
}

static void what_lies_below_a_bound_is_counted(void **state)
{
    (void)state;
    static struct histogram histogram;
    static const uint32_t bounds[] = {10, 256, 1000, 4000, 16384000, HISTOGRAM_US_MAX};
    uint64_t below[6];
    histogram_add(&histogram, 9, 1);
    histogram_add(&histogram, 10, 2);
    histogram_add(&histogram, 999, 4);
    histogram_add(&histogram, 1000, 8);
    histogram_add(&histogram, 16383999, 16);
    histogram_add(&histogram, UINT64_MAX, 32);

    histogram_below(&histogram, bounds, 6, below);

    const uint64_t expected[6] = {1, 3, 7, 15, 31, 31};
    assert_memory_equal(below, expected, sizeof expected);
}

static void the_sum_counts_what_is_too_long_as_the_longest(void **state)
{
    (void)state;
    static struct histogram histogram;
    histogram_add(&histogram, 100, 3);
    histogram_add(&histogram, UINT64_MAX, 1);

    assert_true(histogram.sum_us == 300 + HISTOGRAM_US_MAX);
}

static void merging_adds_up(void **state)
{
    (void)state;
    static struct histogram first, second;
    histogram_add(&first, 10, 3);
    histogram_add(&second, 200, 1);

    histogram_merge(&first, &second);

    assert_int_equal(first.count, 4);
    assert_int_equal(first.sum_us, 230);
    assert_int_equal(histogram_quantile_us(&first, 750), 10);
    assert_int_equal(histogram_quantile_us(&first, 751), 200);
    assert_int_equal(first.max_us, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_says_zero),
        cmocka_unit_test(short_durations_are_exact),
        cmocka_unit_test(the_rank_is_rounded_up),
        cmocka_unit_test(every_duration_is_kept_within_one_per_cent),
        cmocka_unit_test(durations_that_are_too_long_count_as_the_longest),
        cmocka_unit_test(no_quantile_is_above_the_maximum),
        cmocka_unit_test(what_lies_below_a_bound_is_counted),
        cmocka_unit_test(the_sum_counts_what_is_too_long_as_the_longest),
        cmocka_unit_test(merging_adds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
