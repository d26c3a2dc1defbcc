/* cluster/hunt/hunts.h -- One hunt as a range sees it: its versions, the names of its treasures,
 * what is settled about them, and its board. */
#ifndef CAIRN_CLUSTER_HUNT_HUNTS_H
#define CAIRN_CLUSTER_HUNT_HUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/hunt/awards.h"
#include "cluster/hunt/board.h"
#include "cluster/hunt/definition.h"
#include "cluster/hunt/places.h"

/* Different emoji that the active versions of a hunt may have had altogether and that are counted
 * one by one; more of them count in players' totals only. */
#define EMOJI_NUMBERS_MAX 64
#define EMOJI_NUMBER_NONE UINT16_MAX

struct hunt_state {
    struct board *board;

    /* The active version; NULL and 0 when there is none yet. */
    const struct definition *definition; /* the caller's */
    uint32_t version;
    struct places *places;

    /* By treasure number. */
    uint16_t names_count;                            /* numbers below this may have a name */
    uint32_t supply[TREASURE_NUMBERS_MAX];           /* in the active version; 0: not limited */
    uint32_t awarded[TREASURE_NUMBERS_MAX];          /* in the cluster, in settled epochs */
    struct award_chain awards[TREASURE_NUMBERS_MAX]; /* those of this range */
    struct candidate_count {
        uint32_t first, count;
    } candidates[TREASURE_NUMBERS_MAX];                /* scratch of engine_candidates */
    uint64_t first_epoch_plus_1[TREASURE_NUMBERS_MAX]; /* first active; 0: never was */
    struct name names[TREASURE_NUMBERS_MAX];           /* empty: none; they never move */

    /* By the number of an emoji: those of all versions that were ever active. */
    uint16_t emoji_count;
    struct emoji emoji[EMOJI_NUMBERS_MAX];
};

/* NULL: no memory. */
struct hunt_state *hunt_state_new(uint32_t range);
void hunt_state_free(struct hunt_state *hunt);

/* Enters the names of a numbered definition. STATUS_INVALID: a number is too high, or given twice;
 * STATUS_CONFLICT: it belongs to another name. Nothing has changed then. */
MUST_USE enum status hunt_state_learn(struct hunt_state *hunt, const struct definition *definition);

/* Makes a learned version (from 1) the active one from an epoch (below UINT64_MAX) on.
 * STATUS_INVALID: no such version or epoch; STATUS_NO_MEMORY. Nothing has changed then. */
MUST_USE enum status hunt_state_activate(struct hunt_state *hunt, uint32_t version,
                                         const struct definition *definition, uint64_t epoch);

/* Whether the definition's treasures all have the names here that they have in it. */
bool hunt_state_knows(const struct hunt_state *hunt, const struct definition *definition);

/* Goes on with a version that was active when a snapshot was taken, all else being restored.
 * STATUS_INVALID: it cannot have been; STATUS_NO_MEMORY. Nothing has changed then. */
MUST_USE enum status hunt_state_resume(struct hunt_state *hunt, uint32_t version,
                                       const struct definition *definition);

/* EMOJI_NUMBER_NONE: no active version ever had it, or it is beyond EMOJI_NUMBERS_MAX. */
uint16_t hunt_state_emoji(const struct hunt_state *hunt, const struct emoji *emoji);

/* NULL: no learned version has this number. */
const char *hunt_state_treasure_id(const struct hunt_state *hunt, uint16_t number);

/* The first epoch in which a version with this treasure was active; it must have been. */
uint64_t hunt_state_first_epoch(const struct hunt_state *hunt, uint16_t number);

#endif
