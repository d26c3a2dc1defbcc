/* node/room.h -- Is there room on the disk for more claims?
 *
 * A log that cannot be written ends the node, so claims are refused while there is still room for
 * what must be written without them: what waits already, the log's own entries (closing, settling),
 * a snapshot of each size that is there now, and RocksDB's flushes and merges, which need room
 * before they give some back. What is asked for comes from a thread that asks the file system
 * regularly, since that may take long where the disk is a network; between its answers what the log
 * took since is subtracted.
 *
 * room_start, room_free and room_stop belong to one thread. */
#ifndef CAIRN_NODE_ROOM_H
#define CAIRN_NODE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct room;
struct store;

/* Full below the reserve; then not before a quarter more is free, so that a node at the edge does
 * not change its mind with every file that RocksDB deletes. */
bool room_is_full(bool full, uint64_t free_bytes, uint64_t reserve_bytes);

/* Watches the file system of this directory; the first answer is there on return. The store is the
 * caller's and stays until room_stop. STATUS_IO: no answer; STATUS_NO_MEMORY. */
MUST_USE enum status room_start(struct room **ret_room, const char *path, struct store *store);
/* Accepts NULL. */
void room_stop(struct room *room);

/* What is free for this user, by estimation; UINT64_MAX: the file system has no limit. */
uint64_t room_free(struct room *room);

#endif
