/* cluster/hunt/received.h -- How many of each emoji the players of a range have received.
 *
 * One array of fixed capacity; a player's counts are a chain in it, in the order in which he got
 * each emoji first. A chain is held by its head, a reference that is 0 when there is none. */
#ifndef CAIRN_CLUSTER_HUNT_RECEIVED_H
#define CAIRN_CLUSTER_HUNT_RECEIVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/cut.h"
#include "cluster/base/status.h"

struct received_emoji {
    uint32_t count; /* stops at UINT32_MAX */
    uint32_t next;  /* reference; 0: none */
    uint16_t emoji; /* its number in the hunt */
};

struct received {
    struct received_emoji *list; /* memory is touched as it fills */
    uint32_t count;
    uint32_t capacity;
    struct cut cut; /* while a snapshot is being taken */
};

/* STATUS_NO_MEMORY. */
MUST_USE enum status received_init(struct received *received, uint32_t capacity);
void received_fini(struct received *received);

/* NULL for reference 0. Walk a chain by ->next. */
const struct received_emoji *received_at(const struct received *received, uint32_t reference);

/* Adds to a player's count of an emoji. False: it would be his first of that kind, and there is no
 * room for it; nothing has changed. */
bool received_add(struct received *received, uint32_t *head, uint16_t emoji, uint32_t count);

#endif
