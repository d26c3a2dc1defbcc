/* node/inbox.h -- The door from other threads to the thinking one: what they report is kept here,
 * and an eventfd wakes the loop. */
#ifndef CAIRN_NODE_INBOX_H
#define CAIRN_NODE_INBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "node/snapshots.h"

struct inbox_news {
    uint64_t ticket;    /* everything up to it is on disk, if `status` is OK */
    enum status status; /* the first of a write that was not OK */
    /* Of the snapshot that is written: how far it is, and what became of it. Of each only the
     * newest is kept. */
    bool written_any, stored_any;
    struct snapshot_report written, stored;
};

/* The caller's storage; one per node. */
struct inbox {
    pthread_mutex_t mutex;
    int wake; /* readable when there is news */
    bool any;
    struct inbox_news news;
};

/* STATUS_IO: no descriptor. */
MUST_USE enum status inbox_init(struct inbox *inbox);
/* Nobody else may use it any more. */
void inbox_fini(struct inbox *inbox);

/* The log thread reports a write. Any thread. */
void inbox_written(struct inbox *inbox, uint64_t ticket, enum status status);

/* The snapshots' thread reports WRITTEN or STORED. Any thread. */
void inbox_snapshot(struct inbox *inbox, const struct snapshot_report *report);

/* The thinking thread takes what there is; false: nothing. */
bool inbox_take(struct inbox *inbox, struct inbox_news *ret_news);

#endif
