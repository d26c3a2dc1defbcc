#include "node/clock.h"

#include <sys/timex.h>
#include <time.h>

#include "cluster/clock/hlc.h"

/* How often the kernel is asked for its error. */
#define ERROR_PERIOD_US UINT64_C(1000000)

static int64_t bounded(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Readings are kept where sums of a few of them cannot overflow. */
static int64_t reading_us(int64_t us)
{
    return bounded(us, -(int64_t)HLC_US_MAX, (int64_t)HLC_US_MAX);
}

static int64_t target_us(const struct clock_reading *reading)
{
    return reading_us(reading->wall_us) - reading_us(reading->boot_us);
}

void clock_init(struct clock *clock, const struct clock_reading *reading)
{
    *clock = (struct clock){
        .offset_us = target_us(reading),
        .boot_us = reading_us(reading->boot_us),
        .wall_error_us = reading->wall_error_us,
        .wall_error_read_us = reading->monotonic_us,
    };
}

/* Whole parts of what has passed may be slewed; the rest is kept, or many short steps would slew
 * nothing at all. */
static void slew(struct clock *clock, int64_t elapsed_us, int64_t difference_us)
{
    clock->credit_us += bounded(elapsed_us, 0, CLOCK_GAP_MAX_US);
    const int64_t allowed_us = clock->credit_us / CLOCK_SLEW_PART;
    clock->credit_us %= CLOCK_SLEW_PART;
    clock->offset_us += bounded(difference_us, -allowed_us, allowed_us);
}

int64_t clock_behind_us(const struct clock *clock, const struct clock_reading *reading)
{
    return target_us(reading) - clock->offset_us;
}

/* The wall clock's own error, and how far we are from it. */
static uint32_t uncertainty_us(const struct clock *clock, const struct clock_reading *reading)
{
    const int64_t behind_us = clock_behind_us(clock, reading);
    const int64_t distance_us = behind_us < 0 ? -behind_us : behind_us;
    return (uint32_t)bounded(distance_us + reading->wall_error_us, 0, CLOCK_UNCERTAINTY_MAX_US);
}

struct now clock_advance(struct clock *clock, const struct clock_reading *reading)
{
    const int64_t boot_us = reading_us(reading->boot_us);
    if (boot_us > clock->boot_us) {
        slew(clock, boot_us - clock->boot_us, clock_behind_us(clock, reading));
        clock->boot_us = boot_us;
    }
    const int64_t physical_us = clock->boot_us + clock->offset_us;
    return (struct now){
        .monotonic_us = reading->monotonic_us,
        .physical_us = (uint64_t)bounded(physical_us, 0, (int64_t)HLC_US_MAX),
        .uncertainty_us = uncertainty_us(clock, reading),
    };
}

static int64_t read_us(clockid_t id)
{
    struct timespec time = {0};
    (void)clock_gettime(id, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static uint32_t read_error_us(void)
{
    struct timex timex = {.modes = 0};
    if (adjtimex(&timex) < 0)
        return CLOCK_UNCERTAINTY_MAX_US;
    return (uint32_t)bounded(timex.maxerror, 0, CLOCK_UNCERTAINTY_MAX_US);
}

uint64_t clock_monotonic_us(void)
{
    return (uint64_t)read_us(CLOCK_MONOTONIC);
}

void clock_read(struct clock *clock, struct clock_reading *ret_reading)
{
    ret_reading->monotonic_us = clock_monotonic_us();
    ret_reading->boot_us = read_us(CLOCK_BOOTTIME);
    ret_reading->wall_us = read_us(CLOCK_REALTIME);
    const uint64_t age_us = ret_reading->monotonic_us - clock->wall_error_read_us;
    if (clock->wall_error_read_us == 0 || age_us >= ERROR_PERIOD_US) {
        clock->wall_error_us = read_error_us();
        clock->wall_error_read_us = ret_reading->monotonic_us;
    }
    ret_reading->wall_error_us = clock->wall_error_us;
}
