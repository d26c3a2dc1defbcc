#include "node/metrics.h"

#include "cluster/base/check.h"

void metrics_count_results(struct metrics *metrics, const struct result *results, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        CHECK(results[i].outcome > OUTCOME_NONE);
        CHECK(results[i].outcome < OUTCOME_COUNT);
        metrics->actions[results[i].outcome]++;
    }
}
