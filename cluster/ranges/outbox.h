/* cluster/ranges/outbox.h -- Messages of a group that wait for the disk.
 *
 * Bounded for each peer and in all: one too many throws out the oldest AppendEntries, for Raft a
 * loss like any other. An AppendEntries waits without its entries: previous_index and count say
 * which, and they are filled in when it leaves. */
#ifndef CAIRN_CLUSTER_RANGES_OUTBOX_H
#define CAIRN_CLUSTER_RANGES_OUTBOX_H

#include <stdint.h>

#include "cluster/values/message.h"

#define OUTBOX_PEER_MAX 24
#define OUTBOX_MAX      128

struct held_message {
    struct group_message message;
    uint64_t node;         /* where it goes */
    uint64_t after_ticket; /* leaves when this ticket is durable */
};

struct outbox {
    struct held_message *list; /* oldest first */
    uint32_t count, capacity;
    uint64_t overflowed; /* messages thrown out so far */
};

void outbox_init(struct outbox *outbox);
void outbox_fini(struct outbox *outbox);

/* Aborts when there is no memory. */
void outbox_add(struct outbox *outbox, const struct held_message *held);
void outbox_remove(struct outbox *outbox, uint32_t place);
void outbox_clear(struct outbox *outbox);

#endif
