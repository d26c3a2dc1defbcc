/* node/store.h -- The log store: entries, term and vote of every Raft group on this node, and a few
 * words about the node itself, durable in one RocksDB database.
 *
 * The thinking thread builds a turn out of the calls below and hands it over by store_submit(). The
 * log thread writes all turns that wait as one record with one sync, and then calls
 * `completed(context, ticket, status)` once, with the highest ticket of that write. Turns become
 * durable in the order of their submission and, within a turn, take effect in the order of the
 * calls: a truncation followed by an append at the same index leaves the new entry.
 *
 * After a failed write or sync the store is dead: `completed` is called once with that status, and
 * everything later is refused. A sync is never tried again, because a kernel that reported a
 * failure may have dropped the pages, and would call the next sync a success.
 *
 * A database whose log is damaged is refused at store_open(): see store_recovery.c.
 *
 * Threads: building, submitting and closing belong to one thread (the thinking one). Reading,
 * store_backlog(), store_taken() and store_measure() are for any thread. Callbacks of readers run
 * on the caller's thread, `completed` on the log thread: it only moves the news to where it is
 * waited for, and calls nothing of this interface. */
#ifndef CAIRN_NODE_STORE_H
#define CAIRN_NODE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct store;

#define STORE_BACKLOG_BYTES  (UINT32_C(32) << 20) /* default bound of what waits for the disk */
#define STORE_MEMTABLE_BYTES (UINT32_C(8) << 20)
#define STORE_META_NAME_MAX  32 /* characters */
#define STORE_META_BYTES_MAX 1024

struct store_settings {
    const char *path;         /* directory, made if missing (its parent exists); copied */
    size_t backlog_bytes_max; /* of one turn, and of all that wait together; 0: the default */
    size_t memtable_bytes;    /* 0: the default */
    void (*completed)(void *context, uint64_t ticket, enum status status);
    void *context;
};

/* A sentence for the log or the operator; written on failure only. */
struct store_error {
    char text[512];
};

/* Open, or make, the database, after judging its log.
 * STATUS_CONFLICT: another process (or another store of this one) has it open.
 * STATUS_CORRUPT: stored bytes are damaged; nothing was changed on disk.
 * STATUS_IO, STATUS_NO_MEMORY. */
MUST_USE enum status store_open(struct store **ret_store, const struct store_settings *settings,
                                struct store_error *error);

/* Write what was submitted, then close. What was built but not submitted is dropped. Accepts NULL.
 */
void store_close(struct store *store);

/* --- Building a turn. The data are copied. What does not fit is remembered, and store_submit()
 * tells. Indexes start at 1. ------------------------------------------------------------------- */

struct store_entry {
    uint64_t term;
    uint8_t type;
    const void *data; /* NULL only when bytes is 0 */
    size_t bytes;     /* below 2^32 */
};

/* A group exists from its first hard state on. `replica` is our own number in it. */
void store_hard_state(struct store *store, uint32_t group, uint64_t term, uint64_t vote,
                      uint64_t replica);

/* Entries first_index, first_index + 1, ... They must follow the group's last entry, or its
 * compaction: after a restart a gap is taken for damage. */
void store_append(struct store *store, uint32_t group, uint64_t first_index,
                  const struct store_entry *entries, size_t count);

/* Drop the entries from this index on. */
void store_truncate(struct store *store, uint32_t group, uint64_t from_index);

/* Where a group's state is read from at the start, and its entries from behind it: the file of a
 * snapshot, which is durable. */
struct store_snapshot {
    uint64_t index, term; /* of the last entry it contains; index 0: there is none */
    uint64_t bytes;       /* of the file */
    uint64_t digest;      /* of its content */
};

struct store_compaction {
    uint64_t through; /* entries up to and including this one go; 0: none */
    struct store_snapshot snapshot;
};

/* Refer to the group's snapshot, and drop entries that it replaces. `through` is at most its index;
 * that may lie behind the last entry (a snapshot from the leader). Neither ever goes back. */
void store_compact(struct store *store, uint32_t group, const struct store_compaction *compaction);

/* A small named value, such as the node's id. `name`: 1 to STORE_META_NAME_MAX characters. */
void store_put_meta(struct store *store, const char *name, const void *value, size_t bytes);

/* Hand the turn over. `ticket` is above all earlier ones.
 * STATUS_FULL: too much waits; the turn stays as it is, may grow, and is submitted again after a
 * completion. It is never full when nothing waits.
 * STATUS_TOO_LARGE: the turn is over backlog_bytes_max by itself; as part of it is missing, the
 * store is dead from here on.
 * STATUS_IO: the store is dead. */
MUST_USE enum status store_submit(struct store *store, uint64_t ticket);

/* Bytes that were submitted and are not durable yet: hold back before they reach the bound. */
size_t store_backlog(struct store *store);

/* Bytes that were ever submitted since the opening. Any thread. */
uint64_t store_taken(struct store *store);

/* Wait until everything submitted is durable and reported. For start and stop, not for turns.
 * STATUS_IO: the store is dead. */
MUST_USE enum status store_drain(struct store *store);

/* --- Reading: what is durable, never what is built or under way. ------------------------------ */

/* STATUS_NOT_FOUND; STATUS_TOO_LARGE: more than `capacity`; STATUS_CORRUPT; STATUS_IO. */
MUST_USE enum status store_get_meta(struct store *store, const char *name, void *value,
                                    size_t capacity, size_t *ret_bytes);

struct store_group {
    uint32_t group;
    uint64_t term;
    uint64_t vote;
    uint64_t replica;
    uint64_t compacted_through; /* 0: never; entries start behind it */
    struct store_snapshot snapshot;
};

/* Calls fn for each group, in ascending order, until it returns another status than STATUS_OK;
 * that is the result then. STATUS_CORRUPT; STATUS_IO. */
MUST_USE enum status
store_each_group(struct store *store, struct store_error *error,
                 enum status (*fn)(void *context, const struct store_group *group), void *context);

/* Calls fn for each entry of a group, from the first behind its compaction, as store_each_group()
 * does. Checks every checksum and that no index is missing. `entry` is valid during the call. */
MUST_USE enum status
store_restore(struct store *store, const struct store_group *group, struct store_error *error,
              enum status (*fn)(void *context, uint64_t index, const struct store_entry *entry),
              void *context);

struct store_span {
    uint32_t group;
    uint64_t first_index;
    size_t bytes_max; /* of data; the first entry comes even if it is larger */
};

/* Entries first_index, first_index + 1, ... Their data start at multiples of 8 bytes. */
struct store_entries {
    struct store_entry *entries;
    size_t count;
    void *block; /* holds the data */
};

/* As many entries of the span as there are and fit. STATUS_NOT_FOUND: the first one is not there;
 * STATUS_CORRUPT; STATUS_IO; STATUS_NO_MEMORY. */
MUST_USE enum status store_read(struct store *store, const struct store_span *span,
                                struct store_entries *ret_entries, struct store_error *error);
void store_entries_free(struct store_entries *entries);

/* --- Space ------------------------------------------------------------------------------------ */

/* Give back what a compaction dropped, as far as whole tables hold nothing else; the rest goes with
 * RocksDB's own work. After the compaction is durable. Takes some milliseconds; any thread. */
void store_reclaim(struct store *store, uint32_t group, uint64_t through_index);

/* --- Metrics ---------------------------------------------------------------------------------- */

struct store_measures {
    uint64_t backlog_bytes;
    uint64_t turns;              /* made durable since the start */
    uint64_t writes;             /* synced writes that carried them */
    uint64_t bytes;              /* of those writes, before RocksDB's framing */
    uint64_t memtable_bytes;     /* of memory */
    uint64_t memtables;          /* waiting to be written out: 2 of 3 slow writing down */
    uint64_t level0_files;       /* many of them slow writing down */
    uint64_t table_bytes;        /* of all table files */
    uint64_t disk_free_bytes;    /* of the file system, for this user */
    uint64_t table_memory_bytes; /* what open table files take of memory */
    bool stalled;                /* RocksDB delays or stops writes now */
    uint64_t stalled_us;         /* how long it has, in all, since the start */
};

void store_measure(struct store *store, struct store_measures *ret_measures);

#endif
