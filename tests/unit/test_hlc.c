/* tests/unit/test_hlc.c -- Stamps never run backwards, whatever the clock does. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/base/rng.h"
#include "cluster/clock/hlc.h"

#define SECOND UINT64_C(1000000)

static void stamps_grow_when_wall_time_steps_back(void **state)
{
    (void)state;
    struct hlc clock;
    hlc_init(&clock);

    const uint64_t first = hlc_now(&clock, 1000);
    const uint64_t second = hlc_now(&clock, 400);

    assert_true(second > first);
    assert_int_equal(hlc_us(second), 1000);
}

static void a_stamp_is_the_physical_time_when_that_is_ahead(void **state)
{
    (void)state;
    struct hlc clock;
    hlc_init(&clock);
    (void)hlc_now(&clock, 1000);
    assert_int_equal(hlc_now(&clock, 5000), hlc_from_us(5000));
}

/* Random walks of the physical clock: small steps, jumps both ways, standing still. */
static void stamps_strictly_increase_over_steps_and_jumps(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct hlc clock;
        hlc_init(&clock);
        uint64_t physical = 1000 * SECOND;
        uint64_t last = 0;
        for (int i = 0; i < 5000; i++) {
            const uint64_t kind = rng_below(&rng, 10);
            if (kind < 6)
                physical += rng_below(&rng, 20);
            else if (kind == 6)
                physical -= rng_below(&rng, physical / 2);
            else if (kind == 7)
                physical += rng_below(&rng, 3600 * SECOND);
            const uint64_t stamp = hlc_now(&clock, physical);
            assert_true(stamp > last);
            assert_true(hlc_us(stamp) >= physical || physical > HLC_US_MAX);
            last = stamp;
        }
    }
}

/* All that survives a restart is what stands in the log: the newest stamp. */
static void stamps_strictly_increase_over_restarts(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    uint64_t logged = 0;
    for (int restart = 0; restart < 1000; restart++) {
        struct hlc clock;
        hlc_init(&clock);
        hlc_restore(&clock, logged);
        for (int i = 0; i < 10; i++) {
            const uint64_t stamp = hlc_now(&clock, rng_below(&rng, 1000 * SECOND));
            assert_true(stamp > logged);
            logged = stamp;
        }
    }
}

static void an_accepted_stamp_is_exceeded(void **state)
{
    (void)state;
    struct hlc clock;
    hlc_init(&clock);
    const uint64_t peer = hlc_from_us(SECOND + HLC_MAX_OFFSET_US) + 7;
    assert_int_equal(hlc_observe(&clock, SECOND, peer), STATUS_OK);
    assert_true(hlc_now(&clock, SECOND) > peer);
}

static void an_old_stamp_is_accepted_and_changes_nothing(void **state)
{
    (void)state;
    struct hlc clock;
    hlc_init(&clock);
    const uint64_t ours = hlc_now(&clock, SECOND);
    assert_int_equal(hlc_observe(&clock, SECOND, hlc_from_us(5)), STATUS_OK);
    assert_int_equal(clock.last, ours);
}

static void the_offset_bound_is_exact(void **state)
{
    (void)state;
    struct hlc clock;
    hlc_init(&clock);
    /* The counter of the last accepted microsecond is still in it. */
    const uint64_t at = hlc_from_us(SECOND + HLC_MAX_OFFSET_US + 1) - 1;
    assert_int_equal(hlc_observe(&clock, SECOND, at), STATUS_OK);
    assert_int_equal(clock.last, at);
    assert_int_equal(hlc_observe(&clock, SECOND, at + 1), STATUS_SKEW);
}

static void a_refused_stamp_leaves_the_clock_untouched(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 3);
    for (int i = 0; i < 10000; i++) {
        struct hlc clock;
        hlc_init(&clock);
        const uint64_t now = rng_below(&rng, HLC_US_MAX);
        (void)hlc_now(&clock, now);
        const struct hlc before = clock;
        const uint64_t peer = rng_next(&rng);
        if (hlc_observe(&clock, now, peer) == STATUS_SKEW) {
            assert_int_equal(clock.last, before.last);
            assert_true(hlc_us(peer) > now + HLC_MAX_OFFSET_US);
        } else {
            assert_true(hlc_us(peer) <= now + HLC_MAX_OFFSET_US);
            assert_true(clock.last >= peer && clock.last >= before.last);
        }
    }
}

static void a_full_counter_carries_into_the_microseconds(void **state)
{
    (void)state;
    struct hlc clock;
    hlc_init(&clock);
    uint64_t last = hlc_now(&clock, 10);
    for (int i = 0; i < 4095; i++)
        last = hlc_now(&clock, 10);
    assert_int_equal(hlc_us(last), 10);
    assert_int_equal(hlc_us(hlc_now(&clock, 10)), 11);
}

static void stamps_order_as_numbers(void **state)
{
    (void)state;
    assert_true(hlc_from_us(5) < hlc_from_us(6));
    assert_true(hlc_from_us(5) + 4095 < hlc_from_us(6));
    assert_int_equal(hlc_us(hlc_from_us(123456789)), 123456789);
}

static void the_end_of_time_saturates(void **state)
{
    (void)state;
    struct hlc clock;
    hlc_init(&clock);
    assert_int_equal(hlc_from_us(UINT64_MAX), hlc_from_us(HLC_US_MAX));
    assert_int_equal(hlc_add(UINT64_MAX - 1, 5), UINT64_MAX);
    hlc_restore(&clock, UINT64_MAX);
    assert_int_equal(hlc_now(&clock, UINT64_MAX), UINT64_MAX);
    assert_int_equal(hlc_observe(&clock, UINT64_MAX, UINT64_MAX), STATUS_OK);
}

static void epochs_begin_and_end_where_they_should(void **state)
{
    (void)state;
    const uint32_t epoch_ms = 10000;
    const uint64_t start = epoch_start(179000000, epoch_ms);
    assert_int_equal(epoch_of(start, epoch_ms), 179000000);
    assert_int_equal(epoch_of(start - 1, epoch_ms), 178999999);
    assert_int_equal(epoch_of(epoch_start(179000001, epoch_ms) - 1, epoch_ms), 179000000);
    assert_int_equal(epoch_start(UINT64_MAX, epoch_ms), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_grow_when_wall_time_steps_back),
        cmocka_unit_test(a_stamp_is_the_physical_time_when_that_is_ahead),
        cmocka_unit_test(stamps_strictly_increase_over_steps_and_jumps),
        cmocka_unit_test(stamps_strictly_increase_over_restarts),
        cmocka_unit_test(an_accepted_stamp_is_exceeded),
        cmocka_unit_test(an_old_stamp_is_accepted_and_changes_nothing),
        cmocka_unit_test(the_offset_bound_is_exact),
        cmocka_unit_test(a_refused_stamp_leaves_the_clock_untouched),
        cmocka_unit_test(a_full_counter_carries_into_the_microseconds),
        cmocka_unit_test(stamps_order_as_numbers),
        cmocka_unit_test(the_end_of_time_saturates),
        cmocka_unit_test(epochs_begin_and_end_where_they_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
