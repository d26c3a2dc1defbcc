/* cluster/hunt/rules.h -- Judging one new action: lines 2 to 9 of the contract's "How an action is
 * judged". Nothing changes here: the verdict says what the engine is to write down. */
#ifndef CAIRN_CLUSTER_HUNT_RULES_H
#define CAIRN_CLUSTER_HUNT_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/hunt/hunts.h"
#include "cluster/hunt/players.h"
#include "cluster/hunt/receipts.h"
#include "cluster/values/action.h"

/* What there is to know about an action. */
struct trial {
    const struct hunt_state *hunt; /* it has an active version */
    const struct player *player;   /* all zeros for a newcomer */
    const struct tap_set *taps;    /* his; all zeros for a newcomer */
    const struct receipts *receipts;
    const struct action *action;
    uint64_t t_us; /* the time of the action's hlc */
    uint32_t epoch_ms;
};

struct verdict {
    enum outcome outcome;
    const struct treasure *treasure; /* found, pending, tap, already, sold_out, closed; or NULL */
    uint32_t points;                 /* found: he gets; pending: it would bring */
    bool took_token;                 /* of the hunt's rate; then ... */
    struct bucket bucket;            /* ... the bucket as it is afterwards */
};

void rules_judge(const struct trial *trial, struct verdict *ret_verdict);

/* A treasure of the active version is open to a player when all that it requires is his ... */
bool rules_reached(const struct definition *definition, const struct treasure *treasure,
                   struct holdings *holdings);

/* ... and he has got the reactions that unlock it. */
bool rules_unlocked(const struct treasure *treasure, const struct player *player);

/* Whether t lies in the treasure's window; true when it has none. */
bool rules_in_window(const struct treasure *treasure, uint64_t t_us);

/* Whether the hunt has begun by t and is not over. */
bool rules_hunt_open(const struct definition *definition, uint64_t t_us);

/* What a treasure of the active version brings at t. */
uint32_t rules_points(const struct hunt_state *hunt, const struct treasure *treasure,
                      uint32_t epoch_ms, uint64_t t_us);

#endif
