/* node/identity.h -- Who this node is, as its data directory remembers it: a random id that goes
 * with the data and not with the name, and how many times it has started. Thinking thread. */
#ifndef CAIRN_NODE_IDENTITY_H
#define CAIRN_NODE_IDENTITY_H

#include <stdint.h>

#include "cluster/base/status.h"
#include "node/store.h"

struct identity {
    uint64_t node;    /* random; above 0 */
    uint64_t boot;    /* of this start; the first is 1 */
    uint64_t cluster; /* 0: not in one yet */
};

/* A random number above 0. STATUS_IO: the kernel has none to give. */
MUST_USE enum status identity_random(uint64_t *ret_number);

/* Reads the identity, or makes one, and counts this start; durable when it returns. The store is
 * freshly opened; ticket 0 is used. `has_groups`: the store holds some, so it must hold an
 * identity. STATUS_CORRUPT: it does not, or what it holds is malformed; STATUS_IO. */
MUST_USE enum status identity_load(struct identity *ret_identity, struct store *store,
                                   bool has_groups);

/* Adds to the turn that founds a cluster, or joins one, that it is this one. */
void identity_put_cluster(struct store *store, uint64_t cluster);

#endif
