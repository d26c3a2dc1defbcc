/* cluster/ranges/range_kept.h -- The summaries that belong to a range's state: those that boards of
 * the newest BOARDS_KEPT closes need, and the ledgers of older epochs until all ranges have settled
 * them.
 *
 * Of an older summary only the ledger is kept, as a summary without hunts; neighbours whose ledgers
 * are empty become one. So a range that cannot be settled for days, because another one is silent,
 * grows by what was claimed and not by the epochs. What is kept follows from the log alone. One
 * thread. */
#ifndef CAIRN_CLUSTER_RANGES_RANGE_KEPT_H
#define CAIRN_CLUSTER_RANGES_RANGE_KEPT_H

#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/epochs/summary.h"

struct range_kept {
    struct summary **list; /* by rising epoch; the newest BOARDS_KEPT are whole */
    uint32_t count, room;
    uint64_t all_settled_next; /* every range has settled what is before */
};

/* A zeroed one is empty. */
void range_kept_fini(struct range_kept *kept);

/* The range has closed a run: takes a reference of its own. STATUS_NO_MEMORY. */
MUST_USE enum status range_kept_add(struct range_kept *kept, struct summary *summary);

/* All ranges have settled the epochs before `next`; a lower one than before changes nothing. */
void range_kept_settled(struct range_kept *kept, uint64_t next);

/* Where the whole ones begin. */
uint32_t range_kept_whole(const struct range_kept *kept);

/* One that was written, read in the order in which they were. STATUS_CORRUPT: not of this range, or
 * it does not follow the others; STATUS_NO_MEMORY. Takes the reference over where it is OK. */
MUST_USE enum status range_kept_restore(struct range_kept *kept, uint32_t range,
                                        struct summary *summary);

#endif
