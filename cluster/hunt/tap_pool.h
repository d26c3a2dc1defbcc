/* cluster/hunt/tap_pool.h -- The click patterns of those players of a range who have begun some:
 * most have not, and a set of patterns is large beside a player's record.
 *
 * One array of fixed capacity, whose sets never move. A set is held by a reference, 0 when there is
 * none; those that were given back are a list and are taken again first. */
#ifndef CAIRN_CLUSTER_HUNT_TAP_POOL_H
#define CAIRN_CLUSTER_HUNT_TAP_POOL_H

#include <stdint.h>

#include "cluster/base/cut.h"
#include "cluster/base/status.h"
#include "cluster/hunt/taps.h"

struct tap_pool {
    struct tap_set *sets; /* memory is touched as it fills */
    uint32_t count;       /* sets behind these were never taken */
    uint32_t given_back;  /* reference to the newest; it holds the next one's; 0: none */
    uint32_t capacity;
    struct cut cut; /* while a snapshot is being taken */
};

/* STATUS_NO_MEMORY. */
MUST_USE enum status tap_pool_init(struct tap_pool *pool, uint32_t capacity);
void tap_pool_fini(struct tap_pool *pool);

/* A reference to a set of zeros. At most `capacity` may be taken at a time. */
uint32_t tap_pool_take(struct tap_pool *pool);

/* The set must be empty: all its patterns are forgotten. */
void tap_pool_give_back(struct tap_pool *pool, uint32_t reference);

/* The set of a reference that is taken; open: to be changed. */
const struct tap_set *tap_pool_at(const struct tap_pool *pool, uint32_t reference);
struct tap_set *tap_pool_open(struct tap_pool *pool, uint32_t reference);

#endif
