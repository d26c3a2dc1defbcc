#include "node/room.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "node/store.h"

#define ASK_EVERY_MS 100

struct room {
    char *path;
    struct store *store;

    /* The mutex guards what follows. */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    uint64_t free_bytes; /* as the file system said last */
    uint64_t taken;      /* store_taken() before it was asked */
    bool stopping;

    bool running;
    pthread_t thread;
};

bool room_is_full(bool full, uint64_t free_bytes, uint64_t reserve_bytes)
{
    const uint64_t more = full ? reserve_bytes / 4 : 0;
    return free_bytes < reserve_bytes || free_bytes - reserve_bytes < more;
}

/* False: it does not answer; what it said before stands, less what is taken since. */
static bool ask(struct room *room)
{
    struct statvfs space;
    const uint64_t taken = store_taken(room->store);
    if (statvfs(room->path, &space) != 0)
        return false;
    const bool limited = space.f_blocks > 0;
    (void)pthread_mutex_lock(&room->mutex);
    room->free_bytes = limited ? (uint64_t)space.f_bavail * space.f_frsize : UINT64_MAX;
    room->taken = taken;
    (void)pthread_mutex_unlock(&room->mutex);
    return true;
}

static struct timespec next_time(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += ASK_EVERY_MS * 1000000L;
    if (time.tv_nsec >= 1000000000L) {
        time.tv_nsec -= 1000000000L;
        time.tv_sec++;
    }
    return time;
}

static void *watch_thread(void *argument)
{
    struct room *room = argument;
    (void)pthread_mutex_lock(&room->mutex);
    while (!room->stopping) {
        const struct timespec until = next_time();
        if (pthread_cond_timedwait(&room->wake, &room->mutex, &until) == 0)
            continue;
        (void)pthread_mutex_unlock(&room->mutex);
        (void)ask(room);
        (void)pthread_mutex_lock(&room->mutex);
    }
    (void)pthread_mutex_unlock(&room->mutex);
    return NULL;
}

static enum status start_thread(struct room *room)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    const int failure = pthread_create(&room->thread, NULL, watch_thread, room);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0)
        return STATUS_IO;
    room->running = true;
    (void)pthread_setname_np(room->thread, "cairn-room");
    return STATUS_OK;
}

enum status room_start(struct room **ret_room, const char *path, struct store *store)
{
    struct room *room = calloc(1, sizeof *room);
    if (room == NULL)
        return STATUS_NO_MEMORY;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&room->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&room->mutex, NULL);
    room->store = store;
    room->path = strdup(path);
    enum status status = room->path != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK && !ask(room))
        status = STATUS_IO;
    if (status == STATUS_OK)
        status = start_thread(room);
    if (status != STATUS_OK) {
        room_stop(room);
        return status;
    }
    *ret_room = room;
    return STATUS_OK;
}

void room_stop(struct room *room)
{
    if (room == NULL)
        return;
    if (room->running) {
        (void)pthread_mutex_lock(&room->mutex);
        room->stopping = true;
        (void)pthread_cond_signal(&room->wake);
        (void)pthread_mutex_unlock(&room->mutex);
        (void)pthread_join(room->thread, NULL);
    }
    (void)pthread_cond_destroy(&room->wake);
    (void)pthread_mutex_destroy(&room->mutex);
    free(room->path);
    free(room);
}

uint64_t room_free(struct room *room)
{
    const uint64_t taken = store_taken(room->store);
    (void)pthread_mutex_lock(&room->mutex);
    const uint64_t said = room->free_bytes;
    const uint64_t since = taken - room->taken;
    (void)pthread_mutex_unlock(&room->mutex);
    if (said == UINT64_MAX)
        return said;
    return said > since ? said - since : 0;
}
