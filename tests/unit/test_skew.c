/* tests/unit/test_skew.c -- Whose clock is off. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/members/skew.h"

#define MS     INT64_C(1000)
#define SECOND UINT64_C(1000000)

static struct skew_sample samples[64];

/* `count` members of `live` were measured, this much apart, within 5 ms. */
static struct skew_view view_of(uint32_t live, uint32_t count, int64_t offset_us)
{
    for (uint32_t i = 0; i < count; i++)
        samples[i] = (struct skew_sample){offset_us, 5000};
    return (struct skew_view){samples, count, live};
}

static enum skew_verdict judge(struct skew_view view)
{
    struct skew skew = {0};
    return skew_step(&skew, SECOND, &view);
}

static void a_majority_to_one_side_means_ourselves(void **state)
{
    (void)state;
    assert_int_equal(judge(view_of(3, 2, -300 * MS)), SKEW_AHEAD);
    assert_int_equal(judge(view_of(3, 2, 300 * MS)), SKEW_BEHIND);
    assert_int_equal(judge(view_of(5, 3, 300 * MS)), SKEW_BEHIND);
}

static void half_or_less_is_believed_by_nobody(void **state)
{
    (void)state;
    assert_int_equal(judge(view_of(1, 0, 0)), SKEW_NONE);
    assert_int_equal(judge(view_of(2, 1, 300 * MS)), SKEW_NONE);
    assert_int_equal(judge(view_of(3, 1, 300 * MS)), SKEW_NONE);
    assert_int_equal(judge(view_of(4, 2, 300 * MS)), SKEW_NONE);
    assert_int_equal(judge(view_of(4, 3, 300 * MS)), SKEW_BEHIND);
    struct skew_view both = view_of(5, 4, 300 * MS);
    samples[0].offset_us = samples[1].offset_us = -300 * MS;
    assert_int_equal(judge(both), SKEW_NONE);
    assert_int_equal(skew_apart(&both), 4);
}

static void the_bound_is_exclusive_and_errors_are_granted(void **state)
{
    (void)state;
    assert_int_equal(judge(view_of(3, 2, 255 * MS)), SKEW_NONE);
    assert_int_equal(judge(view_of(3, 2, 255 * MS + 1)), SKEW_BEHIND);
    assert_int_equal(judge(view_of(3, 2, -255 * MS)), SKEW_NONE);
    assert_int_equal(judge(view_of(3, 2, -255 * MS - 1)), SKEW_AHEAD);
    struct skew_view view = view_of(3, 2, 250 * MS);
    samples[0].error_us = samples[1].error_us = 0;
    assert_int_equal(judge(view), SKEW_NONE);
    samples[0].offset_us = samples[1].offset_us = 250 * MS + 1;
    assert_int_equal(judge(view), SKEW_BEHIND);
}

static void the_largest_offsets_are_no_trouble(void **state)
{
    (void)state;
    assert_int_equal(judge(view_of(3, 2, INT64_MAX)), SKEW_BEHIND);
    assert_int_equal(judge(view_of(3, 2, INT64_MIN)), SKEW_AHEAD);
    struct skew_view view = view_of(3, 2, INT64_MAX);
    samples[0].error_us = samples[1].error_us = UINT64_MAX;
    assert_int_equal(judge(view), SKEW_NONE);
}

static void many_fresh_samples_stand_for_all(void **state)
{
    (void)state;
    assert_int_equal(judge(view_of(1000, SKEW_SAMPLES - 1, 300 * MS)), SKEW_NONE);
    assert_int_equal(judge(view_of(1000, SKEW_SAMPLES, 300 * MS)), SKEW_BEHIND);
    struct skew_view view = view_of(1000, SKEW_SAMPLES, 300 * MS);
    for (uint32_t i = 0; i < SKEW_SAMPLES / 2; i++)
        samples[i].offset_us = 0;
    assert_int_equal(judge(view), SKEW_NONE);
}

static void it_is_back_after_ten_calm_seconds(void **state)
{
    (void)state;
    struct skew skew = {0};
    struct skew_view view = view_of(3, 2, 300 * MS);
    uint64_t now_us = SECOND;
    assert_int_equal(skew_step(&skew, now_us, &view), SKEW_BEHIND);
    view = view_of(3, 2, 125 * MS + 1);
    for (uint32_t i = 0; i < 30; i++)
        assert_int_equal(skew_step(&skew, now_us += SECOND, &view), SKEW_BEHIND);
    view = view_of(3, 2, 125 * MS);
    assert_int_equal(skew_step(&skew, now_us += SECOND, &view), SKEW_BEHIND);
    assert_int_equal(skew_step(&skew, now_us + SKEW_CALM_US - 1, &view), SKEW_BEHIND);
    assert_int_equal(skew_step(&skew, now_us + SKEW_CALM_US, &view), SKEW_NONE);
    view = view_of(3, 2, 200 * MS);
    assert_int_equal(skew_step(&skew, now_us + SKEW_CALM_US + SECOND, &view), SKEW_NONE);
}

static void one_bad_measurement_starts_the_wait_again(void **state)
{
    (void)state;
    struct skew skew = {0};
    struct skew_view view = view_of(3, 2, -300 * MS);
    (void)skew_step(&skew, SECOND, &view);
    view = view_of(3, 2, 0);
    assert_int_equal(skew_step(&skew, 2 * SECOND, &view), SKEW_AHEAD);
    view = view_of(3, 2, -130 * MS);
    assert_int_equal(skew_step(&skew, 11 * SECOND, &view), SKEW_AHEAD);
    view = view_of(3, 2, 0);
    assert_int_equal(skew_step(&skew, 12 * SECOND, &view), SKEW_AHEAD);
    assert_int_equal(skew_step(&skew, 13 * SECOND, &view), SKEW_AHEAD);
    assert_int_equal(skew_step(&skew, 22 * SECOND, &view), SKEW_NONE);
}

/* A node that hears nobody does not know that its clock is right again. */
static void without_measurements_nobody_comes_back(void **state)
{
    (void)state;
    struct skew skew = {0};
    struct skew_view view = view_of(3, 2, 300 * MS);
    (void)skew_step(&skew, SECOND, &view);
    view = view_of(3, 0, 0);
    for (uint64_t i = 2; i < 60; i++)
        assert_int_equal(skew_step(&skew, i * SECOND, &view), SKEW_BEHIND);
    view = view_of(3, 1, 0);
    (void)skew_step(&skew, 60 * SECOND, &view);
    assert_int_equal(skew_step(&skew, 70 * SECOND, &view), SKEW_NONE);
}

static void the_median_is_a_measurement(void **state)
{
    (void)state;
    struct skew_view view = view_of(6, 0, 0);
    struct skew_sample median;
    assert_false(skew_median(&view, &median));
    view.count = 5;
    const int64_t offsets[] = {50, -900, 7, 7, 100000};
    for (uint32_t i = 0; i < 5; i++)
        samples[i] = (struct skew_sample){offsets[i], i};
    assert_true(skew_median(&view, &median));
    assert_int_equal(median.offset_us, 7);
    assert_int_equal(median.error_us, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_majority_to_one_side_means_ourselves),
        cmocka_unit_test(half_or_less_is_believed_by_nobody),
        cmocka_unit_test(the_bound_is_exclusive_and_errors_are_granted),
        cmocka_unit_test(the_largest_offsets_are_no_trouble),
        cmocka_unit_test(many_fresh_samples_stand_for_all),
        cmocka_unit_test(it_is_back_after_ten_calm_seconds),
        cmocka_unit_test(one_bad_measurement_starts_the_wait_again),
        cmocka_unit_test(without_measurements_nobody_comes_back),
        cmocka_unit_test(the_median_is_a_measurement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
