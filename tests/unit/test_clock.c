/* The node's clock over made-up ones: no jump of the wall clock enters it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/clock/hlc.h"
#include "node/clock.h"

#define SECOND INT64_C(1000000)
#define START  (INT64_C(1790000000) * SECOND)

/* A machine that has been up for an hour when the node starts. */
struct machine {
    struct clock clock;
    struct clock_reading reading;
    struct now now;
};

static void start(struct machine *machine)
{
    machine->reading = (struct clock_reading){
        .monotonic_us = 3600 * SECOND,
        .boot_us = 3600 * SECOND,
        .wall_us = START,
        .wall_error_us = 500,
    };
    clock_init(&machine->clock, &machine->reading);
    machine->now = clock_advance(&machine->clock, &machine->reading);
}

/* Time passes in steps, all clocks at their right speed. */
static void pass(struct machine *machine, int64_t us, int64_t step_us)
{
    for (int64_t done = 0; done < us; done += step_us) {
        machine->reading.monotonic_us += (uint64_t)step_us;
        machine->reading.boot_us += step_us;
        machine->reading.wall_us += step_us;
        const uint64_t before = machine->now.physical_us;
        machine->now = clock_advance(&machine->clock, &machine->reading);
        assert_true(machine->now.physical_us >= before);
    }
}

static int64_t ahead_of_wall(const struct machine *machine)
{
    return (int64_t)machine->now.physical_us - machine->reading.wall_us;
}

static void it_starts_at_the_wall_clock(void **state)
{
    (void)state;
    struct machine machine;
    start(&machine);
    assert_int_equal(machine.now.physical_us, START);
    assert_int_equal(machine.now.monotonic_us, 3600 * SECOND);
    assert_int_equal(machine.now.uncertainty_us, 500);
}

static void it_follows_a_steady_wall_clock_exactly(void **state)
{
    (void)state;
    struct machine machine;
    start(&machine);
    pass(&machine, 100 * SECOND, 10007);
    assert_int_equal(ahead_of_wall(&machine), 0);
}

static void a_step_forth_is_taken_over_at_one_percent(void **state)
{
    (void)state;
    struct machine machine;
    start(&machine);
    machine.reading.wall_us += 10 * SECOND;
    pass(&machine, 100 * SECOND, 10000);
    assert_int_equal(ahead_of_wall(&machine), -9 * SECOND);
    pass(&machine, 900 * SECOND, 10000);
    assert_int_equal(ahead_of_wall(&machine), 0);
    pass(&machine, 10 * SECOND, 10000);
    assert_int_equal(ahead_of_wall(&machine), 0);
}

static void a_step_back_never_makes_it_run_backwards(void **state)
{
    (void)state;
    struct machine machine;
    start(&machine);
    machine.reading.wall_us -= 3600 * SECOND;
    pass(&machine, 1000 * SECOND, 5000);
    assert_int_equal(ahead_of_wall(&machine), 3590 * SECOND);
}

static void many_short_steps_slew_as_much_as_a_long_one(void **state)
{
    (void)state;
    struct machine machine;
    start(&machine);
    machine.reading.wall_us += 10 * SECOND;
    pass(&machine, 1 * SECOND, 7);
    const int64_t slewed = ahead_of_wall(&machine) + 10 * SECOND;
    assert_in_range(slewed, 9999, 10001);
}

static void a_night_asleep_is_not_slewed_at_once(void **state)
{
    (void)state;
    struct machine machine;
    start(&machine);
    machine.reading.boot_us += 8 * 3600 * SECOND; /* CLOCK_MONOTONIC stands still meanwhile */
    machine.reading.wall_us += 8 * 3600 * SECOND + 60 * SECOND;
    const struct now now = clock_advance(&machine.clock, &machine.reading);
    const int64_t slept = (int64_t)now.physical_us - START;
    assert_int_equal(slept, 8 * 3600 * SECOND + 10000);
    assert_int_equal(now.monotonic_us, 3600 * SECOND);
}

static void a_drifting_wall_clock_is_followed(void **state)
{
    (void)state;
    struct machine machine;
    start(&machine);
    for (int i = 0; i < 1000; i++) {
        machine.reading.wall_us += 5; /* 500 ppm */
        pass(&machine, 10000, 10000);
    }
    assert_int_equal(ahead_of_wall(&machine), 0);
}

static void the_distance_from_the_wall_clock_is_part_of_the_uncertainty(void **state)
{
    (void)state;
    struct machine machine;
    start(&machine);
    machine.reading.wall_us -= 2 * SECOND;
    pass(&machine, 10000, 10000);
    assert_int_equal(machine.now.uncertainty_us, 2 * SECOND - 100 + 500);
    machine.reading.wall_us -= 3600 * SECOND;
    pass(&machine, 10000, 10000);
    assert_int_equal(machine.now.uncertainty_us, CLOCK_UNCERTAINTY_MAX_US);
}

static void a_reading_that_repeats_or_falls_changes_nothing(void **state)
{
    (void)state;
    struct machine machine;
    start(&machine);
    pass(&machine, SECOND, 10000);
    struct clock_reading earlier = machine.reading;
    earlier.boot_us -= SECOND / 2;
    const struct now now = clock_advance(&machine.clock, &earlier);
    assert_int_equal(now.physical_us, machine.now.physical_us);
}

static void impossible_wall_clocks_saturate(void **state)
{
    (void)state;
    static const int64_t walls[] = {INT64_MIN, -START, -1, 0, INT64_MAX};
    static const uint64_t expected[] = {0, 0, 0, 0, HLC_US_MAX};
    for (size_t i = 0; i < 5; i++) {
        struct machine machine;
        start(&machine);
        machine.reading.wall_us = walls[i];
        clock_init(&machine.clock, &machine.reading);
        const struct now now = clock_advance(&machine.clock, &machine.reading);
        assert_int_equal(now.physical_us, expected[i]);
    }
}

static void the_machines_clocks_can_be_read(void **state)
{
    (void)state;
    struct clock clock = {.boot_us = 0};
    struct clock_reading reading;
    clock_read(&clock, &reading);
    clock_init(&clock, &reading);
    const struct now first = clock_advance(&clock, &reading);
    clock_read(&clock, &reading);
    const struct now second = clock_advance(&clock, &reading);
    assert_true(second.physical_us >= first.physical_us);
    assert_true(second.monotonic_us >= first.monotonic_us);
    assert_true(second.uncertainty_us <= CLOCK_UNCERTAINTY_MAX_US);
    assert_true(second.physical_us > UINT64_C(1700000000) * (uint64_t)SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_at_the_wall_clock),
        cmocka_unit_test(it_follows_a_steady_wall_clock_exactly),
        cmocka_unit_test(a_step_forth_is_taken_over_at_one_percent),
        cmocka_unit_test(a_step_back_never_makes_it_run_backwards),
        cmocka_unit_test(many_short_steps_slew_as_much_as_a_long_one),
        cmocka_unit_test(a_night_asleep_is_not_slewed_at_once),
        cmocka_unit_test(a_drifting_wall_clock_is_followed),
        cmocka_unit_test(the_distance_from_the_wall_clock_is_part_of_the_uncertainty),
        cmocka_unit_test(a_reading_that_repeats_or_falls_changes_nothing),
        cmocka_unit_test(impossible_wall_clocks_saturate),
        cmocka_unit_test(the_machines_clocks_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
