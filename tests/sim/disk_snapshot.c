#include "tests/sim/disk_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

static void snapshot_free(struct disk_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->count; i++)
        free(snapshot->chunks[i].data);
    free(snapshot->chunks);
    free(snapshot);
}

static void remove_where(struct disk *disk,
                         bool (*goes)(const struct disk *disk, const struct disk_snapshot *snapshot,
                                      uint32_t group, uint64_t index),
                         uint32_t group, uint64_t index)
{
    struct disk_snapshot **link = &disk->snapshots;
    while (*link != NULL) {
        struct disk_snapshot *snapshot = *link;
        if (!goes(disk, snapshot, group, index)) {
            link = &snapshot->next;
            continue;
        }
        *link = snapshot->next;
        snapshot_free(snapshot);
    }
}

static bool is_older(const struct disk *disk, const struct disk_snapshot *snapshot, uint32_t group,
                     uint64_t index)
{
    (void)disk;
    return snapshot->group == group && snapshot->index < index;
}

static bool is_same(const struct disk *disk, const struct disk_snapshot *snapshot, uint32_t group,
                    uint64_t index)
{
    (void)disk;
    return snapshot->group == group && snapshot->index == index;
}

static bool counts_not(const struct disk *disk, const struct disk_snapshot *snapshot,
                       uint32_t group, uint64_t index)
{
    (void)group;
    (void)index;
    const struct disk_group *of = disk_find(disk, snapshot->group);
    return !snapshot->stored || of == NULL || of->snapshot_index != snapshot->index;
}

static bool any(const struct disk *disk, const struct disk_snapshot *snapshot, uint32_t group,
                uint64_t index)
{
    (void)disk;
    (void)snapshot;
    (void)group;
    (void)index;
    return true;
}

void disk_snapshots_before(struct disk *disk, uint32_t group, uint64_t index)
{
    remove_where(disk, is_older, group, index);
}

void disk_snapshots_crash(struct disk *disk)
{
    remove_where(disk, counts_not, 0, 0);
}

void disk_snapshots_clear(struct disk *disk)
{
    remove_where(disk, any, 0, 0);
}

struct disk_snapshot *disk_snapshot_find(const struct disk *disk, uint32_t group, uint64_t index)
{
    struct disk_snapshot *snapshot = disk->snapshots;
    while (snapshot != NULL && (snapshot->group != group || snapshot->index != index))
        snapshot = snapshot->next;
    return snapshot;
}

bool disk_snapshot_stored(const struct disk *disk, uint32_t group, uint64_t index)
{
    const struct disk_snapshot *snapshot = disk_snapshot_find(disk, group, index);
    return snapshot != NULL && snapshot->stored;
}

static bool in_progress(const struct disk_snapshot *snapshot)
{
    return !snapshot->stored;
}

static void begin(struct disk *disk, const struct effect *effect)
{
    /* One at a time, and none twice. */
    for (const struct disk_snapshot *each = disk->snapshots; each != NULL; each = each->next)
        CHECK(!in_progress(each));
    CHECK(disk_snapshot_find(disk, effect->group, effect->snapshot.index) == NULL);
    struct disk_snapshot *snapshot = calloc(1, sizeof *snapshot);
    CHECK(snapshot != NULL);
    snapshot->group = effect->group;
    snapshot->index = effect->snapshot.index;
    snapshot->term = effect->snapshot.term;
    snapshot->done_us = UINT64_MAX;
    snapshot->next = disk->snapshots;
    disk->snapshots = snapshot;
}

static void add_chunk(struct disk_snapshot *snapshot, const struct effect *effect)
{
    CHECK(effect->snapshot.chunk == snapshot->count);
    CHECK(effect->snapshot.bytes > 0);
    CHECK(effect->snapshot.bytes <= SNAPSHOT_CHUNK_BYTES_MAX);
    CHECK(snapshot->count - snapshot->written < SNAPSHOT_CHUNKS_AHEAD);
    if (snapshot->count == snapshot->room) {
        snapshot->room = snapshot->room == 0 ? 8 : 2 * snapshot->room;
        snapshot->chunks = realloc(snapshot->chunks, snapshot->room * sizeof snapshot->chunks[0]);
        CHECK(snapshot->chunks != NULL);
    }
    struct disk_chunk *chunk = &snapshot->chunks[snapshot->count++];
    chunk->bytes = effect->snapshot.bytes;
    chunk->data = malloc(chunk->bytes);
    CHECK(chunk->data != NULL);
    memcpy(chunk->data, effect->snapshot.data, chunk->bytes);
}

void disk_snapshot_add(struct disk *disk, const struct effect *effect, uint64_t done_us, bool full)
{
    if (effect->kind == EFFECT_SNAPSHOT_BEGIN) {
        begin(disk, effect);
        return;
    }
    if (effect->kind == EFFECT_SNAPSHOT_ABORT) {
        remove_where(disk, is_same, effect->group, effect->snapshot.index);
        return;
    }
    struct disk_snapshot *snapshot =
        disk_snapshot_find(disk, effect->group, effect->snapshot.index);
    CHECK(snapshot != NULL);
    CHECK(!snapshot->committed);
    snapshot->done_us = done_us;
    if (effect->kind == EFFECT_SNAPSHOT_CHUNK) {
        add_chunk(snapshot, effect);
        return;
    }
    CHECK(effect->kind == EFFECT_SNAPSHOT_COMMIT);
    CHECK(effect->snapshot.chunk == snapshot->count);
    snapshot->committed = true;
    snapshot->full = full;
}

uint64_t disk_snapshot_next_us(const struct disk *disk)
{
    uint64_t next_us = UINT64_MAX;
    for (const struct disk_snapshot *each = disk->snapshots; each != NULL; each = each->next)
        next_us = each->done_us < next_us ? each->done_us : next_us;
    return next_us;
}

static uint64_t file_bytes(const struct disk_snapshot *snapshot)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < snapshot->count; i++)
        bytes += snapshot->chunks[i].bytes;
    return bytes;
}

bool disk_snapshot_due(struct disk *disk, uint64_t now_us, struct event *ret_event)
{
    struct disk_snapshot *due = disk->snapshots;
    while (due != NULL && due->done_us > now_us)
        due = due->next;
    if (due == NULL)
        return false;
    due->done_us = UINT64_MAX;
    due->written = due->count;
    *ret_event = (struct event){
        .kind = due->committed ? EVENT_SNAPSHOT_STORED : EVENT_SNAPSHOT_WRITTEN,
        .snapshot = {.group = due->group,
                     .index = due->index,
                     .chunks = due->written,
                     .bytes = file_bytes(due),
                     .status = due->full ? STATUS_FULL : STATUS_OK},
    };
    if (due->full)
        remove_where(disk, is_same, due->group, due->index);
    else if (due->committed)
        due->stored = true;
    return true;
}
