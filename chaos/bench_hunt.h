/* chaos/bench_hunt.h -- The hunt that the engine is measured with, and where to click in it.
 *
 * A flat square with treasures scattered over it, none overlapping. Of each eight, one is closed
 * for ever and two lose worth with time; of each sixteen, one is limited. */
#ifndef CAIRN_CHAOS_BENCH_HUNT_H
#define CAIRN_CHAOS_BENCH_HUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/rng.h"
#include "cluster/base/status.h"
#include "cluster/hunt/definition.h"

#define BENCH_HUNT 0 /* its number */

enum bench_kind {
    BENCH_FREE,    /* everyone once */
    BENCH_CLOSED,  /* its window is over */
    BENCH_LIMITED, /* the first BENCH_SUPPLY in the cluster */
};
#define BENCH_SUPPLY 1000

struct bench_place {
    int32_t x, y;
};

/* Places where nothing lies are found once and used again and again. */
#define BENCH_EMPTY_PLACES 4096

struct bench_hunt {
    struct definition *definition;
    struct bench_place empty[BENCH_EMPTY_PLACES];
};

/* The same for the same number of treasures. STATUS_NO_MEMORY. */
MUST_USE enum status bench_hunt_init(struct bench_hunt *hunt, uint16_t treasures);
void bench_hunt_fini(struct bench_hunt *hunt);

enum bench_kind bench_hunt_kind(uint16_t treasure);

struct bench_place bench_hunt_nothing(const struct bench_hunt *hunt, struct rng *rng);

/* Somewhere within the treasure's radius. */
struct bench_place bench_hunt_at(const struct bench_hunt *hunt, uint16_t treasure, struct rng *rng);

#endif
