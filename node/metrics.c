#include "node/metrics.h"

#include "cluster/base/check.h"

void metrics_count_epoch(struct metrics *metrics, const struct now *now, uint64_t end_us)
{
    metrics->completing_us =
        metrics->epochs_completed > 0 ? now->monotonic_us - metrics->completed_us : 0;
    metrics->completed_us = now->monotonic_us;
    metrics->epochs_completed++;
    histogram_add(&metrics->completion, now->physical_us > end_us ? now->physical_us - end_us : 0,
                  1);
}

void metrics_count_results(struct metrics *metrics, const struct result *results, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        CHECK(results[i].outcome > OUTCOME_NONE);
        CHECK(results[i].outcome < OUTCOME_COUNT);
        metrics->actions[results[i].outcome]++;
    }
}
