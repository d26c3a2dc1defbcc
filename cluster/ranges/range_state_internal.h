/* cluster/ranges/range_state_internal.h -- What a range's state consists of. Only for its own
 * files.
 *
 *   range_state.c     applying records
 *   range_snapshot.c  the state as a snapshot
 *   range_restore.c   and back
 */
#ifndef CAIRN_CLUSTER_RANGES_RANGE_STATE_INTERNAL_H
#define CAIRN_CLUSTER_RANGES_RANGE_STATE_INTERNAL_H

#include "cluster/hunt/graveyard.h"
#include "cluster/ranges/range_kept.h"
#include "cluster/ranges/range_state.h"
#include "cluster/ranges/settling.h"

/* Versions that are known and not yet judging. One of a hunt may be undecided while another waits
 * for its epoch. */
#define COMING_MAX (2 * HUNTS_MAX)

/* A version on its way: undecided, or waiting for its epoch to open. */
struct coming {
    uint16_t hunt;
    uint32_t version;
    uint64_t promise;     /* no epoch after it opens while undecided; PROMISE_NONE once resolved */
    uint64_t active_from; /* once resolved */
    struct definition *definition;
};

struct range_state {
    uint32_t range;
    uint32_t epoch_ms;
    uint64_t last_hlc;
    uint64_t open_epoch;
    uint64_t digest;
    struct engine *engine;
    uint64_t settle_next; /* the first epoch that is not settled here */
    struct settling settling;
    struct range_kept kept;
    uint32_t coming_count;
    struct coming coming[COMING_MAX];
    uint32_t learned[HUNTS_MAX];
    struct definition *judging[HUNTS_MAX];
    struct graveyard graveyard; /* of definitions; open while a snapshot is being taken */
};

#endif
