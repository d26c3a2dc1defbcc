/* cluster/hunt/claims.h -- The claims of a range that are pending, in the order of its log.
 *
 * New ones come at the end, and settling takes from the front. Each has a receipt of its own, and a
 * receipt is pending once, so a list as long as the receipts never runs out. */
#ifndef CAIRN_CLUSTER_HUNT_CLAIMS_H
#define CAIRN_CLUSTER_HUNT_CLAIMS_H

#include <stdint.h>

#include "cluster/base/cut.h"
#include "cluster/base/status.h"

struct pending_claim {
    uint32_t receipt; /* reference to it, never 0 */
    uint32_t player;  /* his slot */
    uint32_t uncertainty_us;
};

struct claims {
    struct pending_claim *list; /* memory is touched as it fills */
    uint32_t first, end;        /* those in between are pending */
    uint32_t capacity;
    struct cut cut; /* while a snapshot is being taken */
};

/* STATUS_NO_MEMORY. */
MUST_USE enum status claims_init(struct claims *claims, uint32_t capacity);
void claims_fini(struct claims *claims);

uint32_t claims_count(const struct claims *claims);

/* The n-th from the front, n below the count. */
const struct pending_claim *claims_at(const struct claims *claims, uint32_t n);

/* At most `capacity` in the list's life. */
void claims_push(struct claims *claims, const struct pending_claim *claim);

/* Takes the first n away. */
void claims_drop(struct claims *claims, uint32_t n);

#endif
