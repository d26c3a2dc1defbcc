/* cluster/hunt/given.h -- The reactions that players of a range gave in the open epoch, added up by
 * (hunt, receiver, emoji).
 *
 * At most GIVEN_MAX different ones, so that an epoch's ledger is bounded; memory is touched as it
 * fills. */
#ifndef CAIRN_CLUSTER_HUNT_GIVEN_H
#define CAIRN_CLUSTER_HUNT_GIVEN_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/cut.h"
#include "cluster/base/ids.h"
#include "cluster/base/status.h"
#include "cluster/values/action.h"

#define GIVEN_MAX 65536

struct given_reaction {
    struct player_id to;
    uint16_t hunt;
    struct emoji emoji; /* zeros after the text */
    uint32_t count;     /* stops at UINT32_MAX */
    uint32_t cell;      /* of the index, that names it */
};

struct given {
    struct given_reaction *list; /* in the order in which they were first given */
    uint32_t count;
    uint32_t *cells;                     /* open addressing; a place in the list plus 1, 0: empty */
    const struct given_reaction **order; /* given_sorted's */
    struct cut cut;                      /* while a snapshot is being taken */
};

/* STATUS_NO_MEMORY. */
MUST_USE enum status given_init(struct given *given);
void given_fini(struct given *given);

/* Whether a reaction that was not given before finds no room. */
bool given_full(const struct given *given);

/* Whether given_add of this reaction finds room. */
bool given_fits(const struct given *given, const struct action *reaction);

/* Adds a reaction that fits. */
void given_add(struct given *given, const struct action *reaction);

/* Enters one with its count, as it comes from a snapshot. False: it is there already, or there is
 * no room. */
bool given_restore(struct given *given, const struct given_reaction *reaction);

/* Forgets all; costs as much as was there. */
void given_clear(struct given *given);

/* All `count` by rising (hunt, bytes of the receiver, bytes of the emoji); valid until the next
 * call of any of these. */
const struct given_reaction *const *given_sorted(const struct given *given);

#endif
