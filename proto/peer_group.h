/* proto/peer_group.h -- Messages of Raft as bytes; a part of proto/peer_message. Pure. */
#ifndef CAIRN_PROTO_PEER_GROUP_H
#define CAIRN_PROTO_PEER_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "cluster/base/arena.h"
#include "cluster/base/bytes.h"
#include "cluster/values/message.h"

/* Entries in one message, and bytes of one. */
#define PEER_ENTRIES_MAX     1024
#define PEER_ENTRY_BYTES_MAX ENTRY_BYTES_MAX

/* Bytes that peer_group_write takes at most. */
size_t peer_group_bytes(const struct group_message *message);
void peer_group_write(const struct group_message *message, struct writer *writer);

/* False: no such message. The entries' list is in the arena, their data where they were read. */
bool peer_group_read(struct group_message *message, struct arena *arena, struct reader *reader);

#endif
