/* The worker shares the disk with the log, whose syncs everybody waits for. On a journalling file
 * system a sync of one file waits for what other files have newly written, so a snapshot that is
 * left to the page cache until its end would hold up the log for as long as its writing takes. The
 * worker therefore has its data written out as they come, a portion at a time, waits until a
 * portion is out before it starts on the one after the next, and rests as long as that took: the
 * log finds little of it in its way, and half of the disk's time free. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "node/snapshots_parts.h"

#define PORTION_BYTES (UINT64_C(1) << 20)
#define REST_MAX_US   20000
#define NICENESS      5 /* the thinking thread comes first where cores are few */

uint64_t snapshots_now_us(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static enum status status_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT ? STATUS_FULL : STATUS_IO;
}

/* --- One snapshot ----------------------------------------------------------------------------- */

/* Is the rest of what is written wanted? Not when it failed. */
static bool goes_on(const struct snapshots *snapshots, const struct order *order)
{
    return !snapshots->dropped && order->number == snapshots->writing;
}

static void report(const struct snapshots *snapshots, enum snapshot_news news, enum status status,
                   const struct snapshot_sum *sum)
{
    const struct snapshot_report said = {
        .news = news,
        .number = snapshots->writing,
        .id = snapshots->id,
        .sum = *sum,
        .status = status,
        .duration_us = news == SNAPSHOT_NEWS_STORED ? snapshots_now_us() - snapshots->begun_us : 0,
    };
    snapshots->report(snapshots->context, &said);
}

/* Closes what is open of it, and removes it. */
static void drop_partial(struct snapshots *snapshots)
{
    char name[SNAPSHOT_NAME_BYTES];
    if (snapshots->fd < 0)
        return;
    (void)close(snapshots->fd);
    snapshots->fd = -1;
    snapshot_file_writer_fini(&snapshots->writer);
    snapshots_name_partial(name, snapshots->id.group, snapshots->id.index);
    (void)unlinkat(snapshots->directory, name, 0);
}

static void fail(struct snapshots *snapshots, enum status status)
{
    const struct snapshot_sum sum = snapshots->writer.sum;
    drop_partial(snapshots);
    snapshots->dropped = true;
    report(snapshots, SNAPSHOT_NEWS_STORED, status, &sum);
}

static void begin(struct snapshots *snapshots, const struct order *order)
{
    char name[SNAPSHOT_NAME_BYTES];
    CHECK(snapshots->fd < 0);
    snapshots->writing = order->number;
    snapshots->id = order->id;
    snapshots->begun_us = order->begun_us;
    snapshots->started = 0;
    snapshots->dropped = false;
    snapshots->writer = (struct snapshot_file_writer){.fd = -1};
    snapshots_name_partial(name, order->id.group, order->id.index);
    snapshots->fd =
        openat(snapshots->directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (snapshots->fd < 0) {
        fail(snapshots, status_of_errno());
        return;
    }
    const enum status status =
        snapshot_file_writer_init(&snapshots->writer, snapshots->fd, &order->id);
    if (status != STATUS_OK)
        fail(snapshots, status);
}

static void rest(uint64_t us)
{
    const uint64_t bounded = us < REST_MAX_US ? us : REST_MAX_US;
    const struct timespec time = {.tv_nsec = (long)(bounded * 1000)};
    (void)nanosleep(&time, NULL);
}

/* Starts the writing out of a portion when it is there, and waits for the one before it. That there
 * is no such call on some file systems does not matter: the sync at the end is what counts, and
 * reports what went wrong with any of them. */
static void write_out(struct snapshots *snapshots)
{
    const uint64_t written = snapshots->writer.sum.file_bytes;
    if (written - snapshots->started < PORTION_BYTES)
        return;
    const uint64_t begun_us = snapshots_now_us();
    (void)sync_file_range(snapshots->fd, (off_t)snapshots->started,
                          (off_t)(written - snapshots->started), SYNC_FILE_RANGE_WRITE);
    if (snapshots->started > 0)
        (void)sync_file_range(snapshots->fd, 0, (off_t)snapshots->started,
                              SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                  SYNC_FILE_RANGE_WAIT_AFTER);
    snapshots->started = written;
    rest(snapshots_now_us() - begun_us);
}

static void chunk(struct snapshots *snapshots, const struct order *order)
{
    if (!goes_on(snapshots, order))
        return;
    const enum status status =
        snapshot_file_writer_chunk(&snapshots->writer, order->data, order->bytes);
    if (status != STATUS_OK) {
        fail(snapshots, status);
        return;
    }
    write_out(snapshots);
}

/* The file's bytes, then its name. */
static enum status make_durable(struct snapshots *snapshots)
{
    char partial[SNAPSHOT_NAME_BYTES];
    char name[SNAPSHOT_NAME_BYTES];
    snapshots_name_partial(partial, snapshots->id.group, snapshots->id.index);
    snapshots_name(name, snapshots->id.group, snapshots->id.index);
    if (fdatasync(snapshots->fd) != 0)
        return status_of_errno();
    if (renameat(snapshots->directory, partial, snapshots->directory, name) != 0)
        return status_of_errno();
    return fsync(snapshots->directory) == 0 ? STATUS_OK : status_of_errno();
}

static void remove_whole(const struct snapshots *snapshots, const struct snapshot_id *id)
{
    char name[SNAPSHOT_NAME_BYTES];
    snapshots_name(name, id->group, id->index);
    (void)unlinkat(snapshots->directory, name, 0);
}

static void commit(struct snapshots *snapshots, const struct order *order)
{
    struct snapshot_sum sum = {0};
    if (!goes_on(snapshots, order))
        return;
    enum status status = snapshot_file_writer_end(&snapshots->writer, &sum);
    if (status == STATUS_OK)
        status = make_durable(snapshots);
    if (status != STATUS_OK) {
        remove_whole(snapshots, &snapshots->id);
        fail(snapshots, status);
        return;
    }
    /* What the sync did not report, a close does on file systems of other machines. */
    const bool closed = close(snapshots->fd) == 0;
    snapshots->fd = -1;
    snapshot_file_writer_fini(&snapshots->writer);
    snapshots->dropped = true; /* nothing more comes of it */
    report(snapshots, SNAPSHOT_NEWS_STORED, closed ? STATUS_OK : status_of_errno(), &sum);
}

static void abort_it(struct snapshots *snapshots, const struct order *order)
{
    if (snapshots->fd < 0 || order->number != snapshots->writing) {
        remove_whole(snapshots, &order->id);
        return;
    }
    drop_partial(snapshots);
    snapshots->dropped = true;
}

static bool is_not_older(void *context, uint32_t group, uint64_t index, bool partial)
{
    const struct order *order = context;
    return partial || group != order->id.group || index >= order->id.index;
}

static void keep(struct snapshots *snapshots, struct order *order)
{
    (void)snapshots_remove(snapshots, is_not_older, order);
    const struct snapshot_report said = {
        .news = SNAPSHOT_NEWS_KEPT, .id = order->id, .through = order->through};
    snapshots->report(snapshots->context, &said);
}

/* --- The thread ------------------------------------------------------------------------------- */

static void carry_out(struct snapshots *snapshots, struct order *order)
{
    switch (order->kind) {
    case ORDER_BEGIN:
        begin(snapshots, order);
        return;
    case ORDER_CHUNK:
        chunk(snapshots, order);
        return;
    case ORDER_COMMIT:
        commit(snapshots, order);
        return;
    case ORDER_ABORT:
        abort_it(snapshots, order);
        return;
    case ORDER_KEEP:
        keep(snapshots, order);
        return;
    }
    UNREACHABLE();
}

/* With the mutex held. */
static bool commit_waits(const struct snapshots *snapshots)
{
    for (uint32_t i = 0; i < snapshots->count; i++) {
        if (snapshots->orders[(snapshots->first + i) % ORDERS_MAX].kind == ORDER_COMMIT)
            return true;
    }
    return false;
}

/* With the mutex held. False: there is nothing more to do. What is not committed at the end would
 * not be whole. */
static bool take_order(struct snapshots *snapshots, struct order *ret_order)
{
    while (snapshots->count == 0 && !snapshots->stopping)
        (void)pthread_cond_wait(&snapshots->wake, &snapshots->mutex);
    if (snapshots->count == 0 || (snapshots->stopping && !commit_waits(snapshots)))
        return false;
    *ret_order = snapshots->orders[snapshots->first];
    snapshots->first = (snapshots->first + 1) % ORDERS_MAX;
    snapshots->count--;
    return true;
}

/* With the mutex held: those that were left over. */
static void free_slots(struct snapshots *snapshots)
{
    for (; snapshots->count > 0; snapshots->count--) {
        const struct order *order = &snapshots->orders[snapshots->first];
        if (order->data != NULL)
            snapshots->slots[snapshots->slots_free++] = order->data;
        snapshots->first = (snapshots->first + 1) % ORDERS_MAX;
    }
}

static void *worker_thread(void *argument)
{
    struct snapshots *snapshots = argument;
    struct order order;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
    (void)pthread_mutex_lock(&snapshots->mutex);
    while (take_order(snapshots, &order)) {
        (void)pthread_mutex_unlock(&snapshots->mutex);
        carry_out(snapshots, &order);
        (void)pthread_mutex_lock(&snapshots->mutex);
        if (order.data == NULL)
            continue;
        /* The slot is there again before anybody hears of it. */
        snapshots->slots[snapshots->slots_free++] = order.data;
        if (goes_on(snapshots, &order)) {
            const struct snapshot_sum sum = snapshots->writer.sum;
            (void)pthread_mutex_unlock(&snapshots->mutex);
            report(snapshots, SNAPSHOT_NEWS_WRITTEN, STATUS_OK, &sum);
            (void)pthread_mutex_lock(&snapshots->mutex);
        }
    }
    free_slots(snapshots);
    (void)pthread_mutex_unlock(&snapshots->mutex);
    drop_partial(snapshots);
    return NULL;
}

enum status snapshots_worker_start(struct snapshots *snapshots)
{
    /* Signals are for the main thread. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failure = pthread_create(&snapshots->thread, NULL, worker_thread, snapshots);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0)
        return STATUS_IO;
    snapshots->running = true;
    (void)pthread_setname_np(snapshots->thread, "cairn-snapshot");
    return STATUS_OK;
}

void snapshots_worker_stop(struct snapshots *snapshots)
{
    if (!snapshots->running)
        return;
    (void)pthread_mutex_lock(&snapshots->mutex);
    snapshots->stopping = true;
    (void)pthread_cond_signal(&snapshots->wake);
    (void)pthread_mutex_unlock(&snapshots->mutex);
    (void)pthread_join(snapshots->thread, NULL);
    snapshots->running = false;
}
