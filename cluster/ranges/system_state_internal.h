/* cluster/ranges/system_state_internal.h -- What the system group's state consists of. Only for its
 * own files. */
#ifndef CAIRN_CLUSTER_RANGES_SYSTEM_STATE_INTERNAL_H
#define CAIRN_CLUSTER_RANGES_SYSTEM_STATE_INTERNAL_H

#include "cluster/hunt/graveyard.h"
#include "cluster/ranges/system_state.h"

struct system_state {
    bool founded;
    struct settings settings;
    uint32_t member_count;
    struct member members[NODES_MAX];
    struct placement placement;
    uint32_t hunt_count;
    struct hunt *hunts[HUNTS_MAX];
    uint64_t digest;            /* chained over the records that were not void */
    struct graveyard graveyard; /* of definitions; open while a snapshot is being taken */
};

#endif
