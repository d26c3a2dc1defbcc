/* chaos/load_hunt.h -- What simulated players know of a hunt: where treasures lie and what they ask
 * for, as the hunt's page tells an administrator, or a new player's page everybody.
 *
 * Answers are read leniently: members that are not known here are passed over. One thread. */
#ifndef CAIRN_CHAOS_LOAD_HUNT_H
#define CAIRN_CHAOS_LOAD_HUNT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "cluster/base/rng.h"
#include "cluster/base/status.h"
#include "cluster/hunt/definition.h"

struct places;

struct load_place {
    int32_t x, y; /* flat: units; geo: longitude, latitude in 1e-7 degrees */
};

/* Places where nothing lies, found once. */
#define LOAD_EMPTY_PLACES 4096

struct load_hunt {
    struct definition *definition; /* its ids, places, radii, requires, windows and unlocks only */
    struct places *places;
    bool *sold_out; /* of each treasure */
    uint32_t empty_count;
    struct load_place empty[LOAD_EMPTY_PLACES];
};

/* From GET /v1/hunts/{hunt}. STATUS_INVALID: it is no hunt, or has no treasures;
 * STATUS_NO_MEMORY. */
MUST_USE enum status load_hunt_from_definition(struct load_hunt *ret_hunt, const json_t *page);

/* From the page of a player who has found nothing yet: the treasures whose places are shown. Errors
 * as above. */
MUST_USE enum status load_hunt_from_player(struct load_hunt *ret_hunt, const json_t *page);

void load_hunt_fini(struct load_hunt *hunt);

/* Looks for empty places around and between the treasures. */
void load_hunt_find_empty(struct load_hunt *hunt, struct rng *rng);

/* A click that hits the treasure, not always on its middle. */
struct load_place load_hunt_aim(const struct load_hunt *hunt, uint16_t treasure, struct rng *rng);

/* A click that hits nothing. */
struct load_place load_hunt_miss(const struct load_hunt *hunt, struct rng *rng);

/* The treasure with this id; -1: there is none. `likely` is looked at first. */
int32_t load_hunt_find(const struct load_hunt *hunt, const char *id, int32_t likely);

#endif
