#include "tests/sim/disk.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "tests/sim/disk_snapshot.h"

/* One write; the entries' data are its own. */
struct disk_operation {
    struct disk_operation *next;
    enum effect_kind kind;
    uint32_t group;
    struct hard_state hard_state;
    uint64_t from; /* TRUNCATE, and the first index of APPEND */
    struct log_entry *entries;
    uint32_t count;
    uint64_t snapshot, through; /* COMPACT */
};

struct disk_turn {
    struct disk_turn *next;
    uint64_t ticket, done_us;
    size_t bytes; /* of entries */
    struct disk_operation *first, **end;
};

void disk_init(struct disk *disk)
{
    *disk = (struct disk){0};
    disk->end = &disk->first;
}

static void free_entries(struct log_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free((void *)(uintptr_t)entries[i].data);
    free(entries);
}

static void turn_free(struct disk_turn *turn)
{
    if (turn == NULL)
        return;
    while (turn->first != NULL) {
        struct disk_operation *operation = turn->first;
        turn->first = operation->next;
        free_entries(operation->entries, operation->count);
        free(operation);
    }
    free(turn);
}

static void drop_pending(struct disk *disk)
{
    while (disk->first != NULL) {
        struct disk_turn *turn = disk->first;
        disk->first = turn->next;
        turn_free(turn);
    }
    disk->end = &disk->first;
    turn_free(disk->open);
    disk->open = NULL;
}

void disk_fini(struct disk *disk)
{
    drop_pending(disk);
    for (uint32_t i = 0; i < disk->group_count; i++)
        free_entries(disk->groups[i].entries, disk->groups[i].count);
    free(disk->groups);
    disk_snapshots_clear(disk);
    disk_init(disk);
}

static struct log_entry *copy_entries(const struct log_entry *entries, uint32_t count)
{
    struct log_entry *copies = calloc(count > 0 ? count : 1, sizeof *copies);
    CHECK(copies != NULL);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *data = malloc(entries[i].bytes > 0 ? entries[i].bytes : 1);
        CHECK(data != NULL);
        if (entries[i].bytes > 0)
            memcpy(data, entries[i].data, entries[i].bytes);
        copies[i] = entries[i];
        copies[i].data = data;
    }
    return copies;
}

void disk_add(struct disk *disk, const struct effect *effect)
{
    if (disk->open == NULL) {
        disk->open = calloc(1, sizeof *disk->open);
        CHECK(disk->open != NULL);
        disk->open->end = &disk->open->first;
    }
    struct disk_operation *operation = calloc(1, sizeof *operation);
    CHECK(operation != NULL);
    operation->kind = effect->kind;
    operation->group = effect->group;
    if (effect->kind == EFFECT_HARD_STATE) {
        operation->hard_state = effect->hard_state;
    } else if (effect->kind == EFFECT_TRUNCATE) {
        operation->from = effect->truncate.from;
    } else if (effect->kind == EFFECT_COMPACT) {
        operation->snapshot = effect->compact.index;
        operation->through = effect->compact.through;
    } else {
        CHECK(effect->kind == EFFECT_APPEND);
        operation->from = effect->append.first;
        operation->entries = copy_entries(effect->append.entries, effect->append.count);
        operation->count = effect->append.count;
        for (uint32_t i = 0; i < operation->count; i++)
            disk->open->bytes += operation->entries[i].bytes;
    }
    *disk->open->end = operation;
    disk->open->end = &operation->next;
}

bool disk_submit(struct disk *disk, uint64_t ticket, uint64_t done_us)
{
    struct disk_turn *turn = disk->open;
    if (turn == NULL)
        return false;
    disk->open = NULL;
    if (turn->bytes > disk->turn_bytes_max)
        disk->turn_bytes_max = turn->bytes;
    turn->ticket = ticket;
    turn->done_us = done_us;
    *disk->end = turn;
    disk->end = &turn->next;
    return true;
}

uint64_t disk_next_us(const struct disk *disk)
{
    return disk->first != NULL ? disk->first->done_us : UINT64_MAX;
}

struct disk_group *disk_find(const struct disk *disk, uint32_t group)
{
    for (uint32_t i = 0; i < disk->group_count; i++) {
        if (disk->groups[i].group == group)
            return &disk->groups[i];
    }
    return NULL;
}

static struct disk_group *find_or_add(struct disk *disk, uint32_t group)
{
    struct disk_group *found = disk_find(disk, group);
    if (found != NULL)
        return found;
    disk->groups = realloc(disk->groups, (disk->group_count + 1) * sizeof *disk->groups);
    CHECK(disk->groups != NULL);
    found = &disk->groups[disk->group_count++];
    *found = (struct disk_group){.group = group};
    return found;
}

static void truncate_group(struct disk_group *group, uint64_t from)
{
    CHECK(from > group->compacted);
    while (group->count >= from) {
        group->count--;
        free((void *)(uintptr_t)group->entries[group->count].data);
    }
}

static void append_group(struct disk_group *group, struct disk_operation *operation)
{
    /* The core must truncate before it writes an index again, and leave no gap. */
    CHECK(operation->from == (uint64_t)group->count + 1);
    const uint32_t count = group->count + operation->count;
    if (count > group->room) {
        group->room = 2 * count;
        group->entries = realloc(group->entries, group->room * sizeof *group->entries);
    }
    CHECK(group->entries != NULL);
    memcpy(group->entries + group->count, operation->entries,
           operation->count * sizeof *group->entries);
    group->count = count;
    /* The data have a new owner. */
    operation->count = 0;
}

/* The log is empty and goes on behind a snapshot that another replica took. */
static void begin_behind(struct disk *disk, struct disk_group *group,
                         const struct disk_operation *operation)
{
    CHECK(group->count == group->compacted);
    CHECK(operation->through == operation->snapshot);
    const uint32_t count = (uint32_t)operation->snapshot;
    group->room = 2 * count;
    group->entries = realloc(group->entries, group->room * sizeof *group->entries);
    CHECK(group->entries != NULL);
    memset(group->entries + group->count, 0, (count - group->count) * sizeof *group->entries);
    group->count = count;
    disk->adopted++;
}

/* The core compacts behind a stored snapshot only, and what it has. */
static void compact_group(struct disk *disk, struct disk_group *group,
                          const struct disk_operation *operation)
{
    CHECK(disk_snapshot_stored(disk, group->group, operation->snapshot));
    CHECK(operation->snapshot >= group->snapshot_index);
    if (operation->snapshot > group->count)
        begin_behind(disk, group, operation);
    CHECK(operation->through <= operation->snapshot);
    CHECK(operation->through >= group->compacted);
    group->snapshot_index = operation->snapshot;
    group->compacted = operation->through;
    disk_snapshots_before(disk, group->group, operation->snapshot);
}

static void make_durable(struct disk *disk)
{
    struct disk_turn *turn = disk->first;
    for (struct disk_operation *each = turn->first; each != NULL; each = each->next) {
        struct disk_group *group = find_or_add(disk, each->group);
        if (each->kind == EFFECT_HARD_STATE)
            group->hard_state = each->hard_state;
        else if (each->kind == EFFECT_TRUNCATE)
            truncate_group(group, each->from);
        else if (each->kind == EFFECT_COMPACT)
            compact_group(disk, group, each);
        else
            append_group(group, each);
    }
    disk->first = turn->next;
    if (disk->first == NULL)
        disk->end = &disk->first;
    turn_free(turn);
}

uint64_t disk_sync(struct disk *disk, uint64_t now_us)
{
    uint64_t ticket = 0;
    while (disk->first != NULL && disk->first->done_us <= now_us) {
        ticket = disk->first->ticket;
        make_durable(disk);
    }
    return ticket;
}

void disk_crash(struct disk *disk, struct rng *rng)
{
    while (disk->first != NULL && rng_chance(rng, 1, 2))
        make_durable(disk);
    drop_pending(disk);
    disk_snapshots_crash(disk);
}

void disk_lose(struct disk *disk)
{
    drop_pending(disk);
    disk_snapshots_crash(disk);
}

void disk_forget(struct disk_group *group)
{
    truncate_group(group, group->count);
}
