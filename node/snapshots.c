#include "node/snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "node/snapshots_parts.h"

/* --- Open and close --------------------------------------------------------------------------- */

static enum status io_failure(const char *path, const char *doing, struct snapshots_error *error)
{
    (void)snprintf(error->text, sizeof error->text, "%s: %s: %s", path, doing, strerror(errno));
    return STATUS_IO;
}

/* The directory's own name is durable only when the directory above it is. */
static enum status open_directory(struct snapshots *snapshots, struct snapshots_error *error)
{
    char above[PATH_MAX];
    const char *path = snapshots->path;
    const int length = snprintf(above, sizeof above, "%s/..", path);
    if (length < 0 || (size_t)length >= sizeof above)
        return STATUS_TOO_LARGE;
    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        return io_failure(path, "making the directory", error);
    snapshots->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (snapshots->directory < 0)
        return io_failure(path, "opening the directory", error);
    const int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool failed = fd < 0 || fsync(fd) != 0;
    const enum status status = failed ? io_failure(path, "its parent directory", error) : STATUS_OK;
    if (fd >= 0)
        (void)close(fd);
    return status;
}

static struct snapshots *snapshots_new(const char *path)
{
    struct snapshots *snapshots = calloc(1, sizeof *snapshots);
    if (snapshots == NULL)
        return NULL;
    snapshots->directory = -1;
    snapshots->fd = -1;
    snapshots->writer.fd = -1;
    (void)pthread_mutex_init(&snapshots->mutex, NULL);
    (void)pthread_cond_init(&snapshots->wake, NULL);
    snapshots->path = strdup(path);
    bool made = snapshots->path != NULL;
    while (made && snapshots->slots_free < CHUNK_SLOTS) {
        uint8_t *slot = malloc(SNAPSHOT_CHUNK_BYTES_MAX);
        made = slot != NULL;
        if (made)
            snapshots->slots[snapshots->slots_free++] = slot;
    }
    if (made)
        return snapshots;
    snapshots_close(snapshots);
    return NULL;
}

enum status snapshots_open(struct snapshots **ret_snapshots, const char *path,
                           snapshot_report_fn *report, void *context, struct snapshots_error *error)
{
    CHECK(path != NULL);
    CHECK(report != NULL);
    struct snapshots *snapshots = snapshots_new(path);
    if (snapshots == NULL)
        return STATUS_NO_MEMORY;
    snapshots->report = report;
    snapshots->context = context;
    enum status status = open_directory(snapshots, error);
    if (status == STATUS_OK) {
        status = snapshots_worker_start(snapshots);
        if (status != STATUS_OK)
            (void)snprintf(error->text, sizeof error->text, "%s: no thread can be started", path);
    }
    if (status != STATUS_OK) {
        snapshots_close(snapshots);
        return status;
    }
    *ret_snapshots = snapshots;
    return STATUS_OK;
}

void snapshots_close(struct snapshots *snapshots)
{
    if (snapshots == NULL)
        return;
    snapshots_worker_stop(snapshots);
    if (snapshots->directory >= 0)
        (void)close(snapshots->directory);
    while (snapshots->slots_free > 0)
        free(snapshots->slots[--snapshots->slots_free]);
    (void)pthread_cond_destroy(&snapshots->wake);
    (void)pthread_mutex_destroy(&snapshots->mutex);
    free(snapshots->path);
    free(snapshots);
}

/* --- The queue -------------------------------------------------------------------------------- */

static void lock(struct snapshots *snapshots)
{
    (void)pthread_mutex_lock(&snapshots->mutex);
}

static void unlock(struct snapshots *snapshots)
{
    (void)pthread_mutex_unlock(&snapshots->mutex);
}

/* With the mutex held. */
static void enqueue(struct snapshots *snapshots, const struct order *order)
{
    CHECK(snapshots->count < ORDERS_MAX);
    snapshots->orders[(snapshots->first + snapshots->count) % ORDERS_MAX] = *order;
    snapshots->count++;
    (void)pthread_cond_signal(&snapshots->wake);
}

static void send_order(struct snapshots *snapshots, const struct order *order)
{
    lock(snapshots);
    enqueue(snapshots, order);
    unlock(snapshots);
}

/* With the mutex held: takes what is there of this writing out of the queue, so that whoever aborts
 * again and again finds room each time. True: its begin was there too, and the worker never knew.
 */
static bool take_back(struct snapshots *snapshots, uint64_t number)
{
    bool begin = false;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < snapshots->count; i++) {
        const struct order order = snapshots->orders[(snapshots->first + i) % ORDERS_MAX];
        if (order.kind == ORDER_KEEP || order.kind == ORDER_ABORT || order.number != number) {
            snapshots->orders[(snapshots->first + kept) % ORDERS_MAX] = order;
            kept++;
            continue;
        }
        begin = begin || order.kind == ORDER_BEGIN;
        if (order.data != NULL)
            snapshots->slots[snapshots->slots_free++] = order.data;
    }
    snapshots->count = kept;
    return begin;
}

void snapshots_begin(struct snapshots *snapshots, const struct snapshot_id *id)
{
    CHECK(id->index > 0);
    /* What failed is not waited for: the rest of it may be in the queue still. */
    lock(snapshots);
    const bool unknown = take_back(snapshots, snapshots->number);
    unlock(snapshots);
    CHECK(!unknown);
    snapshots->number++;
    snapshots->newest = *id;
    snapshots->current = true;
    const struct order order = {.kind = ORDER_BEGIN,
                                .number = snapshots->number,
                                .id = *id,
                                .begun_us = snapshots_now_us()};
    send_order(snapshots, &order);
}

void snapshots_chunk(struct snapshots *snapshots, const void *data, uint32_t bytes)
{
    CHECK(snapshots->current);
    CHECK(bytes > 0);
    CHECK(bytes <= SNAPSHOT_CHUNK_BYTES_MAX);
    lock(snapshots);
    CHECK(snapshots->slots_free > 0);
    uint8_t *slot = snapshots->slots[--snapshots->slots_free];
    unlock(snapshots);
    memcpy(slot, data, bytes);
    const struct order order = {
        .kind = ORDER_CHUNK, .number = snapshots->number, .data = slot, .bytes = bytes};
    send_order(snapshots, &order);
}

void snapshots_commit(struct snapshots *snapshots)
{
    CHECK(snapshots->current);
    const struct order order = {.kind = ORDER_COMMIT, .number = snapshots->number};
    send_order(snapshots, &order);
}

void snapshots_abort(struct snapshots *snapshots, uint32_t group, uint64_t index)
{
    const bool newest = snapshots->newest.group == group && snapshots->newest.index == index;
    const struct order order = {
        .kind = ORDER_ABORT,
        .number = newest ? snapshots->number : 0,
        .id = {.group = group, .index = index},
    };
    if (newest)
        snapshots->current = false;
    lock(snapshots);
    if (!newest || !take_back(snapshots, snapshots->number))
        enqueue(snapshots, &order);
    unlock(snapshots);
}

bool snapshots_is_current(const struct snapshots *snapshots, const struct snapshot_report *report)
{
    return snapshots->current && report->number == snapshots->number;
}

/* With the mutex held. */
static struct order *find_keep(struct snapshots *snapshots, uint32_t group)
{
    for (uint32_t i = 0; i < snapshots->count; i++) {
        struct order *order = &snapshots->orders[(snapshots->first + i) % ORDERS_MAX];
        if (order->kind == ORDER_KEEP && order->id.group == group)
            return order;
    }
    return NULL;
}

void snapshots_keep(struct snapshots *snapshots, uint32_t group, uint64_t index, uint64_t through)
{
    const struct order order = {
        .kind = ORDER_KEEP, .id = {.group = group, .index = index}, .through = through};
    lock(snapshots);
    struct order *earlier = find_keep(snapshots, group);
    if (earlier != NULL)
        *earlier = order;
    else
        enqueue(snapshots, &order);
    unlock(snapshots);
}
