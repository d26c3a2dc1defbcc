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
    uint64_t messages_dropped;       /* for other nodes, or from them while the core was busy */
    uint64_t messages_malformed;     /* of peers, that came whole and could not be read */
    struct histogram parse;          /* a body, from its bytes to its actions, or to its fault */
    struct histogram commit;         /* a request's actions, from being taken to having results */
    struct histogram tick_late;      /* ticks, after the moment they were set for */
    struct histogram sync;           /* writes, from being handed over to being durable */
    uint64_t snapshots_stored, snapshots_failed;
    uint64_t snapshot_bytes;     /* of the files of those that were stored */
    uint64_t snapshot_stored_us; /* the newest, in monotonic time; 0: none since the start */
    struct histogram snapshot;   /* from its beginning to its being durable */
    struct histogram apply;      /* steps of the core that commit entries and apply them */
    struct histogram completion; /* from an epoch's end to its complete board */

    uint64_t epochs_completed; /* boards published of epochs of which all ranges are in */
    uint64_t completed_us;     /* when the newest was; monotonic; 0: none was */
    uint64_t completing_us;    /* from the one before it; 0: there are not two */

    /* When it was ready, so that growth can be told from size. */
    uint64_t resident_at_ready_bytes;
    uint64_t heap_at_ready_bytes; /* of blocks in use */
};

/* Notes what a complete board that is published now, of an epoch that ended at `end_us` (physical),
 * tells about time. */
void metrics_count_epoch(struct metrics *metrics, const struct now *now, uint64_t end_us);

/* Counts actions that were answered. */
void metrics_count_results(struct metrics *metrics, const struct result *results, uint32_t count);

#endif
