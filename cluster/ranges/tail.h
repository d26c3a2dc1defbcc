/* cluster/ranges/tail.h -- The newest entries of a group's log, in memory.
 *
 * Payloads lie in blocks; the entries of one block stand side by side, so a block goes with its
 * last entry. A block that goes is kept until tail_release(), because effects of the present turn
 * may point into it. Blocks come from libraft's heap: libraft frees those that it refuses.
 *
 * Entries older than the tail are read back from the log store, so only what is durable may leave;
 * that is the caller's care. Aborts when there is no memory. */
#ifndef CAIRN_CLUSTER_RANGES_TAIL_H
#define CAIRN_CLUSTER_RANGES_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/values/log_entry.h"

struct tail_slot {
    struct log_entry entry;
    void *block;        /* where entry.data lies */
    uint64_t end_bytes; /* payload bytes up to and including this entry, since tail_init */
};

struct tail {
    struct tail_slot *slots; /* a ring */
    uint32_t capacity;       /* a power of two */
    uint32_t head, count;
    uint64_t first;      /* index of the oldest entry; of the next one when empty */
    uint64_t gone_bytes; /* end_bytes of the entry before `first` */
    void **released;     /* blocks that wait for tail_release */
    uint32_t released_count, released_capacity;
};

/* `first`: the index of the entry that will be appended next. */
void tail_init(struct tail *tail, uint64_t first);
void tail_fini(struct tail *tail);

/* Takes over `block`; entries of the same block are appended one after the other. */
void tail_append(struct tail *tail, const struct log_entry *entry, void *block);

/* False: not in the tail. The data stays until the entry has left and tail_release was called. */
bool tail_get(const struct tail *tail, uint64_t index, struct log_entry *ret_entry);

/* Index of the newest entry; first - 1 when empty. */
uint64_t tail_last(const struct tail *tail);

/* Payload bytes of all entries, and of those after `index`. */
uint64_t tail_bytes(const struct tail *tail);
uint64_t tail_bytes_after(const struct tail *tail, uint64_t index);

/* Drops `from` and all after it. What was older than the tail may be dropped too; then the tail is
 * empty and goes on at `from`. */
void tail_truncate(struct tail *tail, uint64_t from);

/* Drops all; the entry that is appended next is `first`. */
void tail_restart(struct tail *tail, uint64_t first);

/* Drops the oldest entries, up to `through`, while there are more than so many bytes or entries. */
void tail_evict(struct tail *tail, uint64_t through, uint64_t bytes_max, uint32_t entries_max);

/* Frees a block, or another piece of libraft's heap, at the next tail_release. */
void tail_bury(struct tail *tail, void *block);
void tail_release(struct tail *tail);

/* NULL: no memory. */
void *tail_block(size_t bytes);
void tail_block_free(void *block);

#endif
