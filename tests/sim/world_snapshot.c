/* What must be true of snapshots: their bytes follow from the log alone, and what is made of them
 * is the state that they were made of (P10). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/ranges/range_snapshot.h"
#include "tests/sim/disk_snapshot.h"
#include "tests/sim/world_internal.h"

/* How often the states are compared, in entries of a range: each time costs a snapshot. */
#define COMPARE_EVERY 32
#define RESTORE_EVERY 128

static uint64_t *seen_digest(struct world *world, uint32_t group, uint64_t index)
{
    for (uint32_t i = world->snapshot_count; i-- > 0;) {
        if (world->snapshots[i].group == group && world->snapshots[i].index == index)
            return &world->snapshots[i].digest;
    }
    if (world->snapshot_count == world->snapshot_room) {
        world->snapshot_room = world->snapshot_room == 0 ? 64 : 2 * world->snapshot_room;
        world->snapshots =
            realloc(world->snapshots, world->snapshot_room * sizeof world->snapshots[0]);
        CHECK(world->snapshots != NULL);
    }
    world->snapshots[world->snapshot_count] =
        (struct seen_snapshot){.group = group, .index = index};
    return &world->snapshots[world->snapshot_count++].digest;
}

void snapshots_free_seen(struct world *world)
{
    free(world->snapshots);
}

static void compare(struct world *world, const struct node *node, uint32_t group, uint64_t index,
                    uint64_t digest)
{
    uint64_t *seen = seen_digest(world, group, index);
    if (*seen == 0)
        *seen = digest;
    else if (*seen != digest)
        world_fail(world, "P10: group %u at %" PRIu64 ": node %u has another snapshot", group,
                   index, node->number);
}

void archive_add(struct world *world, const struct node *node, uint32_t range)
{
    const struct disk_group *group = disk_find(&node->disk, range);
    const uint64_t applied = cluster_applied(node->core, range);
    uint32_t *count = &world->archive_count[range];
    while (group != NULL && *count < applied && *count < group->count &&
           group->entries[*count].data != NULL) {
        if (*count == world->archive_room[range]) {
            world->archive_room[range] = 2 * *count + 256;
            world->archive[range] = realloc(
                world->archive[range], world->archive_room[range] * sizeof *world->archive[range]);
            CHECK(world->archive[range] != NULL);
        }
        struct log_entry entry = group->entries[*count];
        uint8_t *data = malloc(entry.bytes > 0 ? entry.bytes : 1);
        CHECK(data != NULL);
        memcpy(data, entry.data, entry.bytes);
        entry.data = data;
        world->archive[range][(*count)++] = entry;
    }
}

void archive_free(struct world *world)
{
    for (uint32_t range = 0; range < WORLD_RANGES_MAX; range++) {
        for (uint32_t i = 0; i < world->archive_count[range]; i++)
            free((void *)(uintptr_t)world->archive[range][i].data);
        free(world->archive[range]);
    }
}

void check_snapshot(struct world *world, struct node *node, uint32_t group, uint64_t index)
{
    const struct disk_snapshot *snapshot = disk_snapshot_find(&node->disk, group, index);
    CHECK(snapshot != NULL);
    world->report->snapshots++;
    uint64_t digest = 1;
    for (uint32_t i = 0; i < snapshot->count; i++)
        digest = hash_chain(digest, snapshot->chunks[i].data, snapshot->chunks[i].bytes);
    world_fold(world, digest);
    compare(world, node, group, index, digest | 1);
}

static void check_restored(struct world *world, const struct node *node, uint32_t range,
                           struct range_restore *restore)
{
    struct settings settings;
    struct group_base base;
    struct range_state *made = range_restore_take(restore, &settings, &base);
    struct range_state *state = cluster_range_state(node->core, range);
    if (range_state_digest(made) != range_state_digest(state) ||
        engine_digest(range_state_engine(made)) != engine_digest(range_state_engine(state)))
        world_fail(world, "range %u at %" PRIu64 ": a snapshot of node %u makes another state",
                   range, base.index, node->number);
    range_state_free(made);
}

/* The state's bytes, chained; they are read into *restore where there is one. 0: not readable. */
static uint64_t write_out(struct snapshot_writer *writer, struct range_restore *restore)
{
    static uint8_t chunk[SNAPSHOT_CHUNK_BYTES_MAX];
    struct snapshot_reader reader;
    snapshot_reader_init(&reader);
    uint64_t digest = 1;
    uint32_t bytes;
    bool ok = true;
    while (ok && (bytes = snapshot_next(writer, chunk)) > 0) {
        digest = hash_chain(digest, chunk, bytes);
        struct snapshot_item item;
        ok = snapshot_take(&reader, chunk, bytes, &item) == STATUS_OK;
        if (ok && item.whole && restore != NULL)
            ok = range_restore_item(restore, &item) == STATUS_OK;
    }
    ok = ok && !snapshot_failed(writer) && reader.ended;
    snapshot_reader_fini(&reader);
    return ok ? digest | 1 : 0;
}

void check_state_bytes(struct world *world, struct node *node, uint32_t range)
{
    struct range_state *state = cluster_range_state(node->core, range);
    const uint64_t index = cluster_applied(node->core, range);
    struct cluster_snapshot own;
    /* A state is cut by one snapshot at a time. */
    if (state == NULL || index == 0 || index % COMPARE_EVERY != 0 ||
        !cluster_snapshot(node->core, range, &own) || own.under_way)
        return;
    const struct group_base base = {
        .index = index,
        .term = 1,
        .replicas_index = 1,
        .replicas = {.count = 1, .list = {{.number = 1, .node = 1, .role = REPLICA_VOTER}}},
    };
    struct snapshot_writer *writer;
    CHECK(range_snapshot_begin(state, &world->settings, &base, &writer) == STATUS_OK);
    struct range_restore *restore =
        index % RESTORE_EVERY == 0 ? range_restore_new(range, world->now_us) : NULL;
    uint64_t digest = write_out(writer, restore);
    range_snapshot_end(state, writer);
    if (digest == 0)
        world_fail(world, "range %u at %" PRIu64 ": a snapshot of node %u cannot be read", range,
                   index, node->number);
    else if (restore != NULL)
        check_restored(world, node, range, restore);
    range_restore_free(restore);
    if (node->number == 1 && world_lies(world, WORLD_ALTER_SNAPSHOT))
        digest ^= 2;
    /* Beside those that nodes take themselves, which name the replicas. */
    if (digest != 0)
        compare(world, node, WORLD_STATE_BYTES + range, index, digest);
}
