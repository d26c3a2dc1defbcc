/* cluster/ranges/placement.h -- Which nodes shall hold a replica of which group: the range map as
 * it is planned, part of the system group's state.
 *
 * A group's own configuration is the truth; this is what its leader works towards. Replica numbers
 * come from here and are never used again, for a vote is remembered by its number. One thread. */
#ifndef CAIRN_CLUSTER_RANGES_PLACEMENT_H
#define CAIRN_CLUSTER_RANGES_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/bytes.h"
#include "cluster/base/status.h"

/* Groups by place: ranges first, then the system group. */
#define PLACEMENT_GROUPS_MAX (RANGES_MAX + 1)

struct placed_replica {
    uint64_t number, node;
};

struct placed {
    uint32_t count;
    struct placed_replica list[REPLICAS_MAX];
};

struct placement {
    uint64_t next_number;
    uint32_t group_count;
    struct placed groups[PLACEMENT_GROUPS_MAX];
};

/* The founding: of every group a replica on each of these nodes, numbered from 1 up, those of a
 * group next to each other. `count` from 1 to REPLICAS_MAX. */
void placement_found(struct placement *placement, uint32_t ranges, const uint64_t *nodes,
                     uint32_t count);

/* One more replica of a group, on a node. STATUS_INVALID: no such group, or the node has one;
 * STATUS_FULL: REPLICAS_MAX. */
MUST_USE enum status placement_add(struct placement *placement, uint32_t place, uint64_t node,
                                   uint64_t *ret_number);

/* How many voters a group shall have: the largest odd number not above either. */
uint32_t placement_voters(uint32_t replicas, uint32_t nodes);

/* The next replica that is missing where each group shall have `wanted`: of the first group that
 * lacks one, on the node that holds fewest, the first in the list where several do. False: none
 * is, or no node is left for it. */
struct placement_step {
    uint32_t place;
    uint64_t node;
};
bool placement_next(const struct placement *placement, const uint64_t *nodes, uint32_t node_count,
                    uint32_t wanted, struct placement_step *ret_step);

/* Whether a group has a replica planned on a node; its number. */
bool placement_find(const struct placement *placement, uint32_t place, uint64_t node,
                    uint64_t *ret_number);

/* As it is stored: u64 next number, u32 groups, each: u8 count, each: u64 number, u64 node. */
#define PLACEMENT_BYTES_MAX (8 + 4 + PLACEMENT_GROUPS_MAX * (1 + REPLICAS_MAX * 16))
void placement_encode(const struct placement *placement, struct writer *writer);
/* False: malformed, or not of so many ranges. *placement may be half written then. */
bool placement_decode(struct placement *placement, uint32_t ranges, struct reader *reader);

#endif
