/* cluster/ranges/range_snapshot.h -- A range's state as the items of a snapshot, and back.
 *
 *   SECTION_HEAD        snapshot_head.h, then u64 last_hlc, u64 open epoch, u64 digest, u64 first
 *                       epoch not settled here, u64 the same for all ranges, u64 term of the
 *                       unfinished settlement, HUNTS_MAX x u32 newest version learned, u16 hunts,
 *                       u16 versions that judge, u16 versions to come, u32 parts, u32 summaries,
 *                       the engine's head (engine_snapshot.h)
 *   SECTION_HUNT        engine_snapshot.h; by rising number
 *   SECTION_DEFINITION  u8 1: it judges, 2: it is to come; u16 hunt, u32 version, u64 promise, u64
 *                       active from (both 0 where it judges), the definition's canonical form;
 *                       those that judge by rising hunt, then those to come as they were learned
 *   SECTION_PART        settle.h; in order
 *   SECTION_SUMMARY     summary.h; by rising epoch
 *   SECTION_LIST + n    engine_snapshot.h
 *
 * A range that is restored equals the one that was written: what is applied next has the same
 * results, summaries and digests. One thread. */
#ifndef CAIRN_CLUSTER_RANGES_RANGE_SNAPSHOT_H
#define CAIRN_CLUSTER_RANGES_RANGE_SNAPSHOT_H

#include "cluster/base/status.h"
#include "cluster/ranges/group_base.h"
#include "cluster/ranges/range_state.h"
#include "cluster/ranges/snapshot.h"

/* The state as it is now, which goes on changing meanwhile. One at a time for a state. *ret_writer
 * belongs to range_snapshot_end, which comes before the state's end. STATUS_NO_MEMORY. */
MUST_USE enum status range_snapshot_begin(struct range_state *state,
                                          const struct settings *settings,
                                          const struct group_base *base,
                                          struct snapshot_writer **ret_writer);
void range_snapshot_end(struct range_state *state, struct snapshot_writer *writer);

/* Reading. */

struct range_restore;

/* NULL: no memory. */
struct range_restore *range_restore_new(uint32_t range, uint64_t index_secret);
void range_restore_free(struct range_restore *restore);

/* An item, from anywhere, in order. STATUS_CORRUPT: no snapshot of this range; STATUS_NO_MEMORY. */
MUST_USE enum status range_restore_item(struct range_restore *restore,
                                        const struct snapshot_item *item);

/* After the last item was taken: hands the state out, with what its snapshot says of the group and
 * the cluster. */
struct range_state *range_restore_take(struct range_restore *restore, struct settings *ret_settings,
                                       struct group_base *ret_base);

#endif
