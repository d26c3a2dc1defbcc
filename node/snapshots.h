/* node/snapshots.h -- The snapshots of the groups on this node: a directory with one file for each,
 * and a thread that writes them.
 *
 *     DATA/snapshots/GROUP-INDEX.snapshot          eight and sixteen hexadecimal digits
 *     DATA/snapshots/GROUP-INDEX.snapshot.partial  being written
 *
 * A snapshot goes
 *
 *     begin -> chunk, chunk, ... -> commit -> STORED -> keep
 *
 * one at a time. The worker compresses the chunks, writes them, syncs the file, renames it and
 * syncs the directory; only then it reports STORED. The caller then writes the reference to it into
 * the log store, in the same write that drops the log behind it, and when that is durable says
 * keep: the group's older file goes. So at each moment the file that the log store refers to is
 * there and whole, whatever dies when; what nobody refers to is removed at the next start
 * (snapshots_clean).
 *
 * What fails to be written is reported once, as STORED with the failure, and what still comes of it
 * is dropped. STATUS_FULL: there was no room, and the partial file is gone; it may be tried again.
 * STATUS_IO: the disk refused. The caller stops then as after a failed write of the log: a device
 * that loses one file's pages may have lost the log's too, and without snapshots the log would grow
 * until the disk is full.
 *
 * Threads: everything belongs to one thread (the thinking one); `report` is called on the worker's,
 * moves the news to where it is waited for, and calls nothing of this interface. */
#ifndef CAIRN_NODE_SNAPSHOTS_H
#define CAIRN_NODE_SNAPSHOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "node/snapshot_file.h"

struct snapshots;

enum snapshot_news {
    SNAPSHOT_NEWS_WRITTEN, /* `sum.chunks` of its chunks are done with */
    SNAPSHOT_NEWS_STORED,  /* it is durable, or it failed */
    SNAPSHOT_NEWS_KEPT,    /* the group's older files are gone */
};

struct snapshot_report {
    enum snapshot_news news;
    uint64_t number; /* of the writing: each begin has another; not of KEPT */
    struct snapshot_id id;
    struct snapshot_sum sum;
    enum status status;   /* STORED: OK, FULL, IO, NO_MEMORY */
    uint64_t duration_us; /* STORED: since begin */
    uint64_t through;     /* KEPT: as it was said */
};

typedef void snapshot_report_fn(void *context, const struct snapshot_report *report);

/* A sentence for the log or the operator; written on failure only. */
struct snapshots_error {
    char text[768];
};

/* Opens the directory, making it if missing (its parent exists), and starts the worker. Removes
 * nothing. STATUS_IO, STATUS_NO_MEMORY. */
MUST_USE enum status snapshots_open(struct snapshots **ret_snapshots, const char *path,
                                    snapshot_report_fn *report, void *context,
                                    struct snapshots_error *error);

/* Drops what is not committed; finishes what is. Accepts NULL. */
void snapshots_close(struct snapshots *snapshots);

/* --- Writing ---------------------------------------------------------------------------------- */

/* None is under way: the one before was reported STORED, or aborted. */
void snapshots_begin(struct snapshots *snapshots, const struct snapshot_id *id);

/* The next chunk of what was begun last. Copied. At most SNAPSHOT_CHUNKS_AHEAD behind the last
 * WRITTEN. */
void snapshots_chunk(struct snapshots *snapshots, const void *data, uint32_t bytes);

void snapshots_commit(struct snapshots *snapshots);

/* Drops a snapshot, whatever became of it so far; never one that the log store refers to. Reports
 * of it may still be under way. */
void snapshots_abort(struct snapshots *snapshots, uint32_t group, uint64_t index);

/* Whether a report is about what was begun last, and not aborted. */
bool snapshots_is_current(const struct snapshots *snapshots, const struct snapshot_report *report);

/* The log store durably refers to this snapshot of the group, and has dropped the log through
 * there: older files of the group go. Where the worker has not come to an earlier keep of the
 * group, this one takes its place. */
void snapshots_keep(struct snapshots *snapshots, uint32_t group, uint64_t index, uint64_t through);

/* --- At the start ----------------------------------------------------------------------------- */

/* Calls fn for each chunk of a stored snapshot, in order, until it returns another status than
 * STATUS_OK; that is the result then. The file must be the one that `sum` describes (its bytes, its
 * digest). STATUS_CORRUPT: the file is missing, damaged or another one; nothing is changed.
 * STATUS_IO, STATUS_NO_MEMORY. */
typedef enum status snapshot_chunk_fn(void *context, uint32_t chunk, bool last, const uint8_t *data,
                                      uint32_t bytes);
MUST_USE enum status snapshots_read(struct snapshots *snapshots, const struct snapshot_id *id,
                                    const struct snapshot_sum *sum, struct snapshots_error *error,
                                    snapshot_chunk_fn *fn, void *context);

/* Removes every file of ours that `wanted` does not know: unfinished ones, and those that were not
 * referred to yet, or not any more. Returns how many. Before the first snapshot begins. */
typedef bool snapshot_wanted_fn(void *context, uint32_t group, uint64_t index);
uint32_t snapshots_clean(struct snapshots *snapshots, snapshot_wanted_fn *wanted, void *context);

#endif
