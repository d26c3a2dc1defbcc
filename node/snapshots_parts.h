/* node/snapshots_parts.h -- What the files of the snapshots share. Not for others.
 *
 *   snapshots.c         life, the queue and its caller's side
 *   snapshots_worker.c  the worker: from the queue to the disk
 *   snapshots_files.c   names in the directory; reading and removing */
#ifndef CAIRN_NODE_SNAPSHOTS_PARTS_H
#define CAIRN_NODE_SNAPSHOTS_PARTS_H

#include <pthread.h>

#include "cluster/base/bounds.h"
#include "cluster/values/effects.h"
#include "node/snapshots.h"

#define SNAPSHOT_NAME_BYTES 48

/* The chunks that may be ahead, and one of an aborted snapshot that the worker has in hand. */
#define CHUNK_SLOTS (SNAPSHOT_CHUNKS_AHEAD + 1)

/* One snapshot has its begin, chunks and commit in the queue; an abort takes them out again, and
 * stays there itself only when the worker had begun. There is one keep of a group. */
#define ORDERS_MAX (RANGES_MAX + 64)

enum order_kind {
    ORDER_BEGIN = 1,
    ORDER_CHUNK,
    ORDER_COMMIT,
    ORDER_ABORT,
    ORDER_KEEP,
};

struct order {
    enum order_kind kind;
    uint64_t number;       /* of the writing; not of KEEP */
    struct snapshot_id id; /* ABORT, KEEP: group and index count */
    uint64_t begun_us;     /* BEGIN */
    uint8_t *data;         /* CHUNK: a slot */
    uint32_t bytes;
    uint64_t through; /* KEEP */
};

struct snapshots {
    int directory;
    char *path;
    snapshot_report_fn *report;
    void *context;

    /* The caller's: what was begun last. */
    uint64_t number;
    struct snapshot_id newest;
    bool current; /* and not aborted */

    /* The worker's: what it writes. */
    uint64_t writing; /* its number */
    struct snapshot_id id;
    struct snapshot_file_writer writer;
    int fd; /* -1: none is */
    uint64_t begun_us;
    uint64_t started; /* bytes whose writing out was asked for */
    bool dropped;     /* it failed: the rest of it is dropped */

    /* The mutex guards what follows. */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct order orders[ORDERS_MAX]; /* a ring */
    uint32_t first, count;
    uint8_t *slots[CHUNK_SLOTS]; /* those that are free */
    uint32_t slots_free;
    bool stopping;

    bool running;
    pthread_t thread;
};

/* snapshots_worker.c */
MUST_USE enum status snapshots_worker_start(struct snapshots *snapshots);
/* Finishes what is committed, drops the rest. */
void snapshots_worker_stop(struct snapshots *snapshots);
uint64_t snapshots_now_us(void);

/* snapshots_files.c */
void snapshots_name(char name[SNAPSHOT_NAME_BYTES], uint32_t group, uint64_t index);
void snapshots_name_partial(char name[SNAPSHOT_NAME_BYTES], uint32_t group, uint64_t index);

/* False: none of ours. */
bool snapshots_name_read(const char *name, uint32_t *ret_group, uint64_t *ret_index,
                         bool *ret_partial);

/* Removes those of our files that `stays` does not want; returns how many. */
uint32_t snapshots_remove(struct snapshots *snapshots,
                          bool (*stays)(void *context, uint32_t group, uint64_t index,
                                        bool partial),
                          void *context);

#endif
