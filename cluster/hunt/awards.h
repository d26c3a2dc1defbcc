/* cluster/hunt/awards.h -- Which claims of a range have won, for ever.
 *
 * One array of fixed capacity; those of each treasure are a chain in it, by rising place. A chain
 * is held by references that are 0 when it is empty. */
#ifndef CAIRN_CLUSTER_HUNT_AWARDS_H
#define CAIRN_CLUSTER_HUNT_AWARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/cut.h"
#include "cluster/base/status.h"

struct award {
    uint32_t receipt; /* reference to it, never 0 */
    uint32_t player;  /* his slot */
    uint32_t place;   /* from 1, in the whole cluster */
    uint32_t uncertainty_us;
    uint32_t next; /* reference to the next place; 0: none */
};

struct award_chain {
    uint32_t first, last;
};

struct awards {
    struct award *list; /* memory is touched as it fills */
    uint32_t count;
    uint32_t capacity;
    struct cut cut; /* while a snapshot is being taken */
};

/* STATUS_NO_MEMORY. */
MUST_USE enum status awards_init(struct awards *awards, uint32_t capacity);
void awards_fini(struct awards *awards);

/* NULL for reference 0. Walk a chain from its first by award->next. */
const struct award *awards_at(const struct awards *awards, uint32_t reference);

/* Stores a copy where its place is in the chain, which is the end unless somebody gives places out
 * of order; after those with the same place. There must be room. */
void awards_add(struct awards *awards, struct award_chain *chain, const struct award *award);

#endif
