/* node/metrics.h -- What a node counts while it runs, for GET /metrics (routes_metrics.c). A zeroed
 * one is a beginning. All of it belongs to the thinking thread, so counting takes no lock; other
 * threads report through the inbox, and what they measured is counted where their news is taken. */
#ifndef CAIRN_NODE_METRICS_H
#define CAIRN_NODE_METRICS_H

#include <stdint.h>

#include "cluster/values/now.h"
#include "cluster/values/result.h"
#include "node/histogram.h"

struct metrics {
    struct now started;
    uint64_t actions[OUTCOME_COUNT]; /* answered, with whatever outcome */
    uint64_t requests_shed;          /* turned away before their body was read */
    uint64_t requests_expired;       /* not answered in time: what became of them is unknown */
    uint64_t messages_dropped;       /* for other nodes */
    struct histogram parse;          /* a body, from its bytes to its actions, or to its fault */
    struct histogram commit;         /* a request's actions, from being taken to having results */
    struct histogram sync;           /* writes, from being handed over to being durable */
};

/* Counts actions that were answered. */
void metrics_count_results(struct metrics *metrics, const struct result *results, uint32_t count);

#endif
