/* node/histogram.h -- Durations counted in log-linear buckets (as in HdrHistogram, Tene, 2012):
 * exact up to 255 microseconds, above that within 1/128 of the value, in a fixed place of 27 KB.
 * Pure; one thread. A zeroed one is empty. */
#ifndef CAIRN_NODE_HISTOGRAM_H
#define CAIRN_NODE_HISTOGRAM_H

#include <stdint.h>

/* Every power of two from 2^8 on is cut into this many equal buckets. */
#define HISTOGRAM_STEPS 128
/* Longer ones (71 minutes) are counted as this long; the maximum is kept exactly. */
#define HISTOGRAM_US_MAX  UINT64_C(0xffffffff)
#define HISTOGRAM_BUCKETS (2 * HISTOGRAM_STEPS + 24 * HISTOGRAM_STEPS)

struct histogram {
    uint64_t count;
    uint64_t max_us;
    uint64_t sum_us; /* too long ones as HISTOGRAM_US_MAX */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t duration_us, uint64_t times);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The duration that `per_mille` of 1000 are not above (990: p99), as the middle of its bucket and
 * never above the maximum; 1000: the maximum; 0 when empty. */
uint64_t histogram_quantile_us(const struct histogram *histogram, uint32_t per_mille);

/* How many are below each of `count` rising bounds, at most HISTOGRAM_US_MAX. A bound that lies
 * inside of a bucket counts from where that begins; those up to 256, and those with no more than
 * eight significant bits, lie at the beginning of one. */
void histogram_below(const struct histogram *histogram, const uint32_t *bounds_us, uint32_t count,
                     uint64_t *ret_below);

#endif
