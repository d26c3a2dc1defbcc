/* cluster/ranges/system_snapshot.h -- The system group's state as the items of a snapshot, and
 * back.
 *
 *   SECTION_HEAD        snapshot_head.h, then u64 digest, u16 members, u16 hunts, each member
 *                       (system_codec.h), where replicas are to be (placement.h)
 *   SECTION_HUNT        u16 number, u8 length and name, u32 newest version, u16 versions, each: u32
 *                       version, u8 state, u64 active from; u16 ids, each: u8 length, id, u8 flags
 *                       (1 limited, 2 retired); by number
 *   SECTION_DEFINITION  u16 hunt, u32 version, the definition's canonical form; of all versions, in
 *                       order
 *
 * One thread. */
#ifndef CAIRN_CLUSTER_RANGES_SYSTEM_SNAPSHOT_H
#define CAIRN_CLUSTER_RANGES_SYSTEM_SNAPSHOT_H

#include "cluster/base/status.h"
#include "cluster/ranges/group_base.h"
#include "cluster/ranges/snapshot.h"
#include "cluster/ranges/system_state.h"

/* As range_snapshot_begin and _end, for a cluster that is founded. */
MUST_USE enum status system_snapshot_begin(struct system_state *state, uint32_t group,
                                           const struct group_base *base,
                                           struct snapshot_writer **ret_writer);
void system_snapshot_end(struct system_state *state, struct snapshot_writer *writer);

struct system_restore;

/* NULL: no memory. */
struct system_restore *system_restore_new(uint32_t group);
void system_restore_free(struct system_restore *restore);

/* As range_restore_item and _take. */
MUST_USE enum status system_restore_item(struct system_restore *restore,
                                         const struct snapshot_item *item);
struct system_state *system_restore_take(struct system_restore *restore,
                                         struct group_base *ret_base);

#endif
