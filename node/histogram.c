#include "node/histogram.h"

#include "cluster/base/check.h"

/* Values below 2^8 are their own buckets; of a larger one the top eight bits count. */
static uint32_t bucket_of(uint64_t value)
{
    uint32_t shift = 0;
    while ((value >> shift) >= UINT64_C(2) * HISTOGRAM_STEPS)
        shift++;
    return shift * HISTOGRAM_STEPS + (uint32_t)(value >> shift);
}

static uint64_t middle_of(uint32_t bucket)
{
    if (bucket < 2 * HISTOGRAM_STEPS)
        return bucket;
    const uint32_t shift = bucket / HISTOGRAM_STEPS - 1;
    const uint64_t low = (uint64_t)(bucket - shift * HISTOGRAM_STEPS) << shift;
    return low + (UINT64_C(1) << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t duration_us, uint64_t times)
{
    if (times == 0)
        return;
    const uint64_t counted_us = duration_us < HISTOGRAM_US_MAX ? duration_us : HISTOGRAM_US_MAX;
    const uint32_t bucket = bucket_of(counted_us);
    CHECK(bucket < HISTOGRAM_BUCKETS);
    histogram->buckets[bucket] += times;
    histogram->count += times;
    histogram->sum_us += counted_us * times;
    if (duration_us > histogram->max_us)
        histogram->max_us = duration_us;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    into->sum_us += from->sum_us;
    if (from->max_us > into->max_us)
        into->max_us = from->max_us;
}

/* ceil(count x per_mille / 1000) without overflow. */
static uint64_t rank_of(uint64_t count, uint32_t per_mille)
{
    return count / 1000 * per_mille + (count % 1000 * per_mille + 999) / 1000;
}

uint64_t histogram_quantile_us(const struct histogram *histogram, uint32_t per_mille)
{
    CHECK(per_mille <= 1000);
    if (histogram->count == 0 || per_mille == 1000)
        return histogram->max_us;
    uint64_t rank = rank_of(histogram->count, per_mille);
    rank = rank > 0 ? rank : 1;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank) {
            const uint64_t middle = middle_of(i);
            return middle < histogram->max_us ? middle : histogram->max_us;
        }
    }
    UNREACHABLE();
}

void histogram_below(const struct histogram *histogram, const uint32_t *bounds_us, uint32_t count,
                     uint64_t *ret_below)
{
    uint64_t below = 0;
    uint32_t bucket = 0;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(i == 0 || bounds_us[i] > bounds_us[i - 1]);
        const uint32_t end = bucket_of(bounds_us[i]);
        for (; bucket < end; bucket++)
            below += histogram->buckets[bucket];
        ret_below[i] = below;
    }
}
