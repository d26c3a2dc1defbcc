/* chaos/bench.h -- How fast the engine is, alone: log entries in, results out, on one core.
 *
 * The ranges of one node judge claims as they do in a node: encoded records are decoded, stamped
 * and judged by range_state_apply, epochs are closed by CLOSE records, the summaries are merged
 * into the global board, and limited treasures are settled by SETTLE records. What a node adds is
 * not here: sockets, Raft, the disk.
 *
 * Times are the processor's for this thread, so that another program does not count. What is needed
 * to make up the claims is not counted either. */
#ifndef CAIRN_CHAOS_BENCH_H
#define CAIRN_CHAOS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/status.h"
#include "cluster/values/action.h"

#define BENCH_PLAYERS_MAX 10000000
#define BENCH_CLAIMS_MAX  UINT64_C(10000000000)

/* Epochs over which the claims are spread; the medians are over them. */
#define BENCH_EPOCHS 10

struct bench_options {
    uint32_t players;   /* 1 to BENCH_PLAYERS_MAX */
    uint64_t claims;    /* to be judged and measured, BENCH_EPOCHS to BENCH_CLAIMS_MAX */
    uint16_t treasures; /* 1 to TREASURES_MAX */
    bool shows_progress;
};

struct bench_report {
    uint32_t players, ranges;
    uint64_t claims;
    uint16_t treasures;
    uint64_t outcomes[OUTCOME_COUNT]; /* of the measured claims */
    uint64_t judged_ns;               /* all measured claims together */
    uint64_t allocations;             /* while they were judged */
    uint64_t close_ns;                /* all ranges' summaries of an epoch; median */
    uint64_t merge_ns;                /* the global board of them; median */
    uint64_t settle_ns;               /* of one epoch, in all ranges; median */
    uint64_t rank_ps;                 /* one look at the global board */
    uint64_t update_ps;               /* one player's new score, on his range's board */
    uint64_t summary_bytes;           /* of all ranges, in the last epoch */
    uint64_t bytes_per_player;        /* his record and his share of the index */
    uint64_t bytes_per_receipt;
    uint64_t rss_bytes_per_player; /* how much the process grew when the players came */
    uint64_t rss_bytes;            /* of the process, after the last epoch */
};

/* STATUS_NO_MEMORY, and then there is no report. */
MUST_USE enum status bench_run(const struct bench_options *options, struct bench_report *report);

#endif
