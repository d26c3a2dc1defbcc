/* cluster/hunt/digest.h -- Digests of the replicated state of hunts: over its values in a fixed
 * order, never over memory as it lies. */
#ifndef CAIRN_CLUSTER_HUNT_DIGEST_H
#define CAIRN_CLUSTER_HUNT_DIGEST_H

#include <stdint.h>

#include "cluster/hunt/hunts.h"
#include "cluster/hunt/players.h"
#include "cluster/hunt/receipts.h"

/* Continues the digest `seed` with a hunt: its active version, names, awards, first epochs. */
uint64_t digest_hunt(uint64_t seed, uint16_t number, const struct hunt *hunt);

/* Continues it with a player: his record, window, receipts and click patterns. */
uint64_t digest_player(uint64_t seed, const struct players *players,
                       const struct receipts *receipts, const struct player *player);

#endif
