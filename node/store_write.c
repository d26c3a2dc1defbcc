/* Turns are lists of operations in memory until the log thread makes one RocksDB batch of all that
 * wait. Joining lists is a copy, where joining RocksDB's batches is not offered; and the thinking
 * thread does no more than lay bytes one behind the other.
 *
 *     operation:  kind u8  key bytes u8  value bytes u32  key  value
 *
 * `put` has a value; `drop` has as its value the key that its range ends before. Three buffers go
 * round: the one being built, the one that waits, the one that is written. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "node/store_format.h"
#include "node/store_parts.h"

#define OPERATION_PUT        1
#define OPERATION_DROP       2
#define OPERATION_HEAD_BYTES 6

/* Room for an operation; the caller fills in the value. NULL: none, and the turn is incomplete. */
static uint8_t *operation_add(struct store *store, uint8_t kind, const struct store_key *key,
                              size_t value_bytes)
{
    struct store_buffer *buffer = &store->building;
    CHECK(key->size <= UINT8_MAX);
    CHECK(value_bytes <= SIZE_MAX - OPERATION_HEAD_BYTES - UINT8_MAX);
    const size_t bytes = OPERATION_HEAD_BYTES + key->size + value_bytes;
    if (buffer->overflowed || value_bytes > UINT32_MAX || bytes > buffer->capacity - buffer->used) {
        buffer->overflowed = true;
        return NULL;
    }
    uint8_t *at = buffer->data + buffer->used;
    buffer->used += bytes;
    const uint32_t stored_bytes = (uint32_t)value_bytes;
    at[0] = kind;
    at[1] = (uint8_t)key->size;
    memcpy(at + 2, &stored_bytes, sizeof stored_bytes);
    memcpy(at + OPERATION_HEAD_BYTES, key->bytes, key->size);
    return at + OPERATION_HEAD_BYTES + key->size;
}

static void put_small(struct store *store, const struct store_key *key, const void *payload,
                      size_t bytes)
{
    uint8_t value[STORE_SMALL_BYTES_MAX];
    const size_t value_bytes = store_small_write(value, key, payload, bytes);
    uint8_t *place = operation_add(store, OPERATION_PUT, key, value_bytes);
    if (place != NULL)
        memcpy(place, value, value_bytes);
}

static void put_u64_at(uint8_t *place, uint64_t value)
{
    for (size_t i = 0; i < 8; i++)
        place[i] = (uint8_t)(value >> (8 * i));
}

void store_hard_state(struct store *store, uint32_t group, uint64_t term, uint64_t vote,
                      uint64_t replica)
{
    uint8_t payload[STORE_HARD_STATE_BYTES];
    put_u64_at(payload, term);
    put_u64_at(payload + 8, vote);
    put_u64_at(payload + 16, replica);
    const struct store_key key = store_key_group(STORE_KEY_HARD_STATE, group);
    put_small(store, &key, payload, sizeof payload);
}

void store_append(struct store *store, uint32_t group, uint64_t first_index,
                  const struct store_entry *entries, size_t count)
{
    CHECK(first_index > 0);
    CHECK(count < UINT64_MAX - first_index);
    for (size_t i = 0; i < count; i++) {
        const struct store_entry *entry = &entries[i];
        const struct store_key key = store_key_entry(group, first_index + i);
        uint8_t head[STORE_ENTRY_HEAD_BYTES];
        store_entry_head(head, &key, entry);
        uint8_t *place = operation_add(store, OPERATION_PUT, &key, sizeof head + entry->bytes);
        if (place == NULL)
            return;
        memcpy(place, head, sizeof head);
        if (entry->bytes > 0)
            memcpy(place + sizeof head, entry->data, entry->bytes);
    }
}

/* Entries from `from` on, up to but not including `to`. */
static void drop_entries(struct store *store, uint32_t group, uint64_t from, uint64_t to)
{
    const struct store_key first = store_key_entry(group, from);
    const struct store_key end = store_key_entry(group, to);
    uint8_t *place = operation_add(store, OPERATION_DROP, &first, end.size);
    if (place != NULL)
        memcpy(place, end.bytes, end.size);
}

void store_truncate(struct store *store, uint32_t group, uint64_t from_index)
{
    CHECK(from_index > 0);
    CHECK(from_index < UINT64_MAX);
    drop_entries(store, group, from_index, UINT64_MAX);
}

void store_compact(struct store *store, uint32_t group, const struct store_compaction *compaction)
{
    const struct store_snapshot *snapshot = &compaction->snapshot;
    CHECK(snapshot->index > 0);
    CHECK(snapshot->index < UINT64_MAX);
    CHECK(compaction->through <= snapshot->index);
    uint8_t payload[STORE_COMPACTION_BYTES];
    put_u64_at(payload, compaction->through);
    put_u64_at(payload + 8, snapshot->index);
    put_u64_at(payload + 16, snapshot->term);
    put_u64_at(payload + 24, snapshot->bytes);
    put_u64_at(payload + 32, snapshot->digest);
    const struct store_key key = store_key_group(STORE_KEY_COMPACTED, group);
    put_small(store, &key, payload, sizeof payload);
    if (compaction->through > 0)
        drop_entries(store, group, 0, compaction->through + 1);
}

void store_put_meta(struct store *store, const char *name, const void *value, size_t bytes)
{
    const struct store_key key = store_key_meta(name);
    put_small(store, &key, value, bytes);
}

/* --- Handing over ------------------------------------------------------------------------------
 */

static void buffer_clear(struct store_buffer *buffer)
{
    buffer->used = 0;
    buffer->turns = 0;
}

static void buffer_swap(struct store_buffer *a, struct store_buffer *b)
{
    const struct store_buffer held = *a;
    *a = *b;
    *b = held;
}

/* The turn goes behind what waits. False: no room. */
static bool queue_turn(struct store *store, uint64_t ticket)
{
    struct store_buffer *building = &store->building;
    struct store_buffer *queued = &store->queued;
    const size_t bytes = building->used;
    if (queued->turns == 0) {
        buffer_swap(building, queued);
    } else {
        if (bytes > queued->capacity - queued->used)
            return false;
        memcpy(queued->data + queued->used, building->data, bytes);
        queued->used += bytes;
    }
    CHECK(queued->turns == 0 || ticket > queued->ticket);
    store->taken += bytes;
    queued->ticket = ticket;
    queued->turns++;
    buffer_clear(building);
    return true;
}

enum status store_submit(struct store *store, uint64_t ticket)
{
    enum status status = STATUS_OK;
    (void)pthread_mutex_lock(&store->mutex);
    if (store->dead) {
        status = STATUS_IO;
    } else if (store->building.overflowed) {
        store->dead = true;
        status = STATUS_TOO_LARGE;
    } else if (!queue_turn(store, ticket)) {
        status = STATUS_FULL;
    } else {
        (void)pthread_cond_signal(&store->wake);
    }
    (void)pthread_mutex_unlock(&store->mutex);
    return status;
}

size_t store_backlog(struct store *store)
{
    (void)pthread_mutex_lock(&store->mutex);
    const size_t bytes = store->queued.used + store->writing_bytes;
    (void)pthread_mutex_unlock(&store->mutex);
    return bytes;
}

uint64_t store_taken(struct store *store)
{
    (void)pthread_mutex_lock(&store->mutex);
    const uint64_t bytes = store->taken;
    (void)pthread_mutex_unlock(&store->mutex);
    return bytes;
}

enum status store_drain(struct store *store)
{
    (void)pthread_mutex_lock(&store->mutex);
    while (store->busy || (store->queued.turns > 0 && !store->dead))
        (void)pthread_cond_wait(&store->idle, &store->mutex);
    const enum status status = store->dead ? STATUS_IO : STATUS_OK;
    (void)pthread_mutex_unlock(&store->mutex);
    return status;
}

/* --- The log thread ----------------------------------------------------------------------------
 */

static void batch_fill(rocksdb_writebatch_t *batch, const struct store_buffer *buffer)
{
    const uint8_t *at = buffer->data;
    const uint8_t *end = buffer->data + buffer->used;
    while (at < end) {
        uint32_t value_bytes = 0;
        memcpy(&value_bytes, at + 2, sizeof value_bytes);
        const size_t key_bytes = at[1];
        const char *key = (const char *)at + OPERATION_HEAD_BYTES;
        const char *value = key + key_bytes;
        if (at[0] == OPERATION_PUT)
            rocksdb_writebatch_put(batch, key, key_bytes, value, value_bytes);
        else
            rocksdb_writebatch_delete_range(batch, key, key_bytes, value, value_bytes);
        at += OPERATION_HEAD_BYTES + key_bytes + value_bytes;
    }
}

/* One record in the log, one sync; its last operation is the marker (store_recovery.c). */
static enum status write_buffer(struct store *store)
{
    if (store->writing.used == 0)
        return STATUS_OK;
    rocksdb_writebatch_clear(store->batch);
    batch_fill(store->batch, &store->writing);
    const struct store_key key = store_key_marker();
    uint8_t marker[STORE_MARKER_BYTES];
    store_marker_write(marker, store->write_number + 1);
    rocksdb_writebatch_put(store->batch, (const char *)key.bytes, key.size, (const char *)marker,
                           sizeof marker);
    char *message = NULL;
    rocksdb_write(store->db, store->write_options, store->batch, &message);
    if (message != NULL) {
        rocksdb_free(message);
        return STATUS_IO;
    }
    store->write_number++;
    return STATUS_OK;
}

/* With the mutex held: take all that waits. False: stopping, and nothing does. */
static bool take_queued(struct store *store)
{
    while (store->queued.turns == 0 && !store->stopping)
        (void)pthread_cond_wait(&store->wake, &store->mutex);
    if (store->queued.turns == 0)
        return false;
    buffer_swap(&store->queued, &store->writing);
    store->writing_bytes = store->writing.used;
    store->busy = true;
    return true;
}

/* With the mutex held: what the write came to. */
static void note_written(struct store *store, enum status status)
{
    if (status == STATUS_OK) {
        store->turns += store->writing.turns;
        store->bytes += store->writing.used;
        store->writes += store->writing.used > 0;
    } else {
        store->dead = true;
    }
    store->writing_bytes = 0;
}

static void *log_thread(void *argument)
{
    struct store *store = argument;
    enum status status = STATUS_OK;
    (void)pthread_mutex_lock(&store->mutex);
    while (status == STATUS_OK && take_queued(store)) {
        (void)pthread_mutex_unlock(&store->mutex);
        status = write_buffer(store);

        (void)pthread_mutex_lock(&store->mutex);
        note_written(store, status);
        (void)pthread_mutex_unlock(&store->mutex);

        store->completed(store->context, store->writing.ticket, status);
        buffer_clear(&store->writing);
        (void)pthread_mutex_lock(&store->mutex);
        store->busy = false;
        (void)pthread_cond_broadcast(&store->idle);
    }
    (void)pthread_mutex_unlock(&store->mutex);
    return NULL;
}

enum status store_log_start(struct store *store)
{
    const int failure = pthread_create(&store->thread, NULL, log_thread, store);
    if (failure != 0)
        return STATUS_IO;
    store->started = true;
    (void)pthread_setname_np(store->thread, "cairn-log");
    return STATUS_OK;
}

void store_log_stop(struct store *store)
{
    if (!store->started)
        return;
    (void)pthread_mutex_lock(&store->mutex);
    store->stopping = true;
    (void)pthread_cond_signal(&store->wake);
    (void)pthread_mutex_unlock(&store->mutex);
    (void)pthread_join(store->thread, NULL);
    store->started = false;
}
