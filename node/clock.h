/* node/clock.h -- The node's time: CLOCK_BOOTTIME plus an offset, taken from the wall clock at the
 * start and then slewed towards it by at most 1 %, so that no jump of the wall clock, in either
 * direction, ever enters a stamp. It runs on while the machine sleeps, and never backwards.
 *
 * The arithmetic is apart from the reading, so that tests make up the clocks. Thinking thread. */
#ifndef CAIRN_NODE_CLOCK_H
#define CAIRN_NODE_CLOCK_H

#include <stdint.h>

#include "cluster/values/now.h"

/* One part in this many is the fastest slew. */
#define CLOCK_SLEW_PART 100

/* A longer gap between two readings (a sleep, a stopped process) slews as if it had been this
 * long: even 1 % of a night is a jump. */
#define CLOCK_GAP_MAX_US INT64_C(1000000)

/* What is reported when the kernel knows nothing better; its own maximum. */
#define CLOCK_UNCERTAINTY_MAX_US UINT32_C(16000000)

/* What the machine's clocks say at one moment. */
struct clock_reading {
    uint64_t monotonic_us;
    int64_t boot_us;        /* since the machine's start, sleep included */
    int64_t wall_us;        /* since 1970 UTC; negative before */
    uint32_t wall_error_us; /* how far the wall clock may be off, as the kernel says */
};

struct clock {
    int64_t offset_us; /* physical time less boot_us */
    int64_t boot_us;   /* of the last reading */
    int64_t credit_us; /* time that has passed and was not used up by slewing; below one part */
    uint32_t wall_error_us;
    uint64_t wall_error_read_us; /* when: it costs a system call */
};

/* Takes the wall clock as it is. */
void clock_init(struct clock *clock, const struct clock_reading *reading);

/* The time now, after slewing for the time since the last call. Before 1970 is 0, and nothing goes
 * beyond what a stamp can hold. */
struct now clock_advance(struct clock *clock, const struct clock_reading *reading);

/* How far the wall clock is ahead of us: it was stepped, or drifts; negative: behind. */
int64_t clock_behind_us(const struct clock *clock, const struct clock_reading *reading);

/* Time for measuring and waiting: the monotonic_us of a reading. */
uint64_t clock_monotonic_us(void);

/* Reads the machine's clocks; the error only now and then. */
void clock_read(struct clock *clock, struct clock_reading *ret_reading);

#endif
