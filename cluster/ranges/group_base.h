/* cluster/ranges/group_base.h -- Where a group's log begins when what is before is in a snapshot:
 * the last entry that the snapshot contains, and who replicated the group by then.
 *
 * Layout (little-endian): u64 index, u64 term, u64 index of the CHANGE that made the replicas, u32
 * bytes of its payload, the payload (replica_set.h). */
#ifndef CAIRN_CLUSTER_RANGES_GROUP_BASE_H
#define CAIRN_CLUSTER_RANGES_GROUP_BASE_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bytes.h"
#include "cluster/ranges/replica_set.h"

struct group_base {
    uint64_t index, term;    /* 0: no snapshot */
    uint64_t replicas_index; /* at most index */
    struct replica_set replicas;
};

#define GROUP_BASE_BYTES_MAX (3 * 8 + 4 + REPLICA_SET_BYTES_MAX)

void group_base_put(const struct group_base *base, struct writer *writer);

/* False: malformed, or no base that a group can have. */
bool group_base_take(struct group_base *base, struct reader *reader);

#endif
