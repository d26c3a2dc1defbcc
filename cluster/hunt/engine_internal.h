/* cluster/hunt/engine_internal.h -- What the engine consists of. Only for its own files. */
#ifndef CAIRN_CLUSTER_HUNT_ENGINE_INTERNAL_H
#define CAIRN_CLUSTER_HUNT_ENGINE_INTERNAL_H

#include "cluster/hunt/awards.h"
#include "cluster/hunt/claims.h"
#include "cluster/hunt/engine.h"
#include "cluster/hunt/given.h"
#include "cluster/hunt/hunts.h"
#include "cluster/hunt/players.h"
#include "cluster/hunt/receipts.h"
#include "cluster/hunt/received.h"

/* Different emoji that players receive, on average: few hunts have more. */
#define RECEIVED_PER_PLAYER 4

struct engine {
    struct engine_config config;
    struct players players;
    struct receipts receipts;
    struct received received;
    struct claims claims;
    struct awards awards;
    struct given given;                  /* in the open epoch */
    struct hunt_state *hunts[HUNTS_MAX]; /* NULL: not learned */
    uint64_t settled_next;               /* every epoch before it is settled */
    uint64_t settled_digest;
    struct engine_tally tally;
};

/* NULL: no version of it has been learned. */
struct hunt_state *engine_hunt(const struct engine *engine, uint16_t hunt);

/* Points (at least 1) that a claim stamped `hlc` brings, and that boards count from a stamp on. */
struct gain {
    uint32_t points;
    uint64_t hlc;
    uint64_t from;
};
void engine_gain(struct engine *engine, struct player *player, const struct gain *gain);

#endif
