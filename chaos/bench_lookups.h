/* chaos/bench_lookups.h -- What one look at a board, and one new score, cost. */
#ifndef CAIRN_CHAOS_BENCH_LOOKUPS_H
#define CAIRN_CHAOS_BENCH_LOOKUPS_H

#include <stdint.h>

#include "chaos/bench_hunt.h"
#include "chaos/bench_ranges.h"
#include "cluster/base/status.h"

/* The ranks of random players, as often as said, from the newest global board. Nanoseconds for all
 * of them. */
uint64_t bench_lookups_rank(const struct bench_ranges *ranges, uint32_t players, uint32_t count);

/* Random players get the points of random treasures, as often as said, on boards of their own, one
 * for each range, where each player has found a few before. STATUS_NO_MEMORY. */
MUST_USE enum status bench_lookups_update(const struct bench_hunt *hunt, uint32_t players,
                                          uint32_t count, uint64_t *ret_ns);

#endif
