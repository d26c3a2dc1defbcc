/* cluster/hunt/hunts.h -- One hunt as a range sees it: its versions, the names of its treasures,
 * what is settled about them, and its board. */
#ifndef CAIRN_CLUSTER_HUNT_HUNTS_H
#define CAIRN_CLUSTER_HUNT_HUNTS_H

#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/hunt/board.h"
#include "cluster/hunt/definition.h"
#include "cluster/hunt/places.h"

struct hunt {
    struct board *board;

    /* The active version; NULL and 0 when there is none yet. */
    const struct definition *definition; /* the caller's */
    uint32_t version;
    struct places *places;

    /* By treasure number. */
    uint16_t names_count;                              /* numbers below this may have a name */
    uint32_t awarded[TREASURE_NUMBERS_MAX];            /* of limited ones, in settled epochs */
    uint64_t first_epoch_plus_1[TREASURE_NUMBERS_MAX]; /* first active; 0: never was */
    struct name names[TREASURE_NUMBERS_MAX];           /* empty: none; they never move */
};

/* NULL: no memory. */
struct hunt *hunt_new(uint32_t range);
void hunt_free(struct hunt *hunt);

/* Enters the names of a numbered definition. STATUS_INVALID: a number is too high, or given twice;
 * STATUS_CONFLICT: it belongs to another name. Nothing has changed then. */
MUST_USE enum status hunt_learn(struct hunt *hunt, const struct definition *definition);

/* Makes a learned version (from 1) the active one from an epoch (below UINT64_MAX) on.
 * STATUS_INVALID: no such version or epoch; STATUS_NO_MEMORY. Nothing has changed then. */
MUST_USE enum status hunt_activate(struct hunt *hunt, uint32_t version,
                                   const struct definition *definition, uint64_t epoch);

/* NULL: no learned version has this number. */
const char *hunt_treasure_id(const struct hunt *hunt, uint16_t number);

/* The first epoch in which a version with this treasure was active; it must have been. */
uint64_t hunt_first_epoch(const struct hunt *hunt, uint16_t number);

#endif
