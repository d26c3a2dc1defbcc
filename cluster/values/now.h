/* cluster/values/now.h -- The time of a step, read once by the caller. */
#ifndef CAIRN_CLUSTER_VALUES_NOW_H
#define CAIRN_CLUSTER_VALUES_NOW_H

#include <stdint.h>

struct now {
    uint64_t monotonic_us;   /* never runs backwards; for timers */
    uint64_t physical_us;    /* since 1970 UTC, slewed; for stamps */
    uint32_t uncertainty_us; /* how far physical_us may be off, as far as known */
};

#endif
