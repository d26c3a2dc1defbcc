/* chaos/bench_ranges.h -- The ranges of a node that has them all, without the node: records go in,
 * encoded as they stand in a log.
 *
 * What is measured is written down in nanoseconds of the calling thread's processor time. */
#ifndef CAIRN_CHAOS_BENCH_RANGES_H
#define CAIRN_CHAOS_BENCH_RANGES_H

#include <stdint.h>

#include "chaos/bench_hunt.h"
#include "cluster/base/arena.h"
#include "cluster/epochs/ledgers.h"
#include "cluster/epochs/merge.h"
#include "cluster/ranges/range_state.h"
#include "cluster/values/action.h"

#define BENCH_RANGES RANGES_DEFAULT

/* Claims of a turn: all of them might be of one range. */
#define BENCH_TURN_CLAIMS ENTRY_ACTIONS_MAX

/* The record of a range's log that is being made. */
struct bench_batch {
    uint8_t *body, *data;
    struct writer writer; /* of the body */
    uint32_t count;
};

struct bench_ranges {
    struct settings settings;
    uint64_t us; /* the time, in microseconds since 1970 */
    struct range_state *states[BENCH_RANGES];
    uint64_t indexes[BENCH_RANGES]; /* of the newest entry */
    struct bench_batch batches[BENCH_RANGES];
    struct arena arena; /* of the turn */
    struct merge *merge;
    struct ledgers *ledgers;
    struct summary *summaries[BENCH_RANGES]; /* of the newest closed epoch */
    struct global_board *board;              /* of the same */
};

/* Room for as many players; the hunt is learned and active in the first epoch. STATUS_NO_MEMORY. */
MUST_USE enum status bench_ranges_init(struct bench_ranges *ranges, const struct bench_hunt *hunt,
                                       uint32_t players);
void bench_ranges_fini(struct bench_ranges *ranges);

/* Which range a player belongs to. */
uint32_t bench_ranges_of(const struct player_id *player);

/* Gathers an action in its range's batch, with the present time as its own; at most
 * BENCH_TURN_CLAIMS a turn. */
void bench_ranges_gather(struct bench_ranges *ranges, struct action action);

/* What a turn did. */
struct bench_turn {
    uint64_t ns;
    uint64_t allocations;
    uint64_t outcomes[OUTCOME_COUNT];
};

/* Logs and applies what was gathered, one entry a range; adds to *turn. STATUS_NO_MEMORY. */
MUST_USE enum status bench_ranges_apply(struct bench_ranges *ranges, struct bench_turn *turn);

/* What the end of an epoch costs. */
struct bench_close {
    uint64_t close_ns;  /* all ranges apply CLOSE: their summaries are ready */
    uint64_t merge_ns;  /* the global board of them */
    uint64_t settle_ns; /* who has won, and all ranges apply SETTLE */
    uint64_t summary_bytes;
};

/* Closes the open epoch in all ranges, merges it into `board`, settles it, and sets the time to the
 * next one's start. STATUS_NO_MEMORY. */
MUST_USE enum status bench_ranges_close(struct bench_ranges *ranges, struct bench_close *ret_close);

/* Whether settled epochs have used up all that is limited. */
bool bench_ranges_sold_out(const struct bench_ranges *ranges, const struct bench_hunt *hunt);

/* For whoever measures: this thread's processor time. */
uint64_t bench_clock_ns(void);

#endif
