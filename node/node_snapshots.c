/* Snapshots, between the core that makes them, the worker that stores them, and the log store that
 * refers to them. Of each group is known which file the log store refers to, which one is stored
 * and waits for that, and in which write the last reference is: when that is durable, older files
 * and the log behind go. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "node/node_parts.h"

/* --- What is there of each group -------------------------------------------------------------- */

static struct held_snapshot *find(struct node_snapshots *held, uint32_t group)
{
    for (uint32_t i = 0; i < held->count; i++) {
        if (held->list[i].group == group)
            return &held->list[i];
    }
    return NULL;
}

static struct held_snapshot *find_or_add(struct node_snapshots *held, uint32_t group)
{
    struct held_snapshot *known = find(held, group);
    if (known != NULL)
        return known;
    if (held->count == held->room) {
        const uint32_t room = held->room == 0 ? 32 : 2 * held->room;
        struct held_snapshot *list = realloc(held->list, room * sizeof *list);
        if (list == NULL)
            node_die(EXIT_FAILED, "no memory", NULL);
        held->list = list;
        held->room = room;
    }
    held->list[held->count] = (struct held_snapshot){.group = group};
    return &held->list[held->count++];
}

static uint64_t largest_file(const struct node_snapshots *held)
{
    uint64_t largest = 0;
    for (uint32_t i = 0; i < held->count; i++) {
        if (held->list[i].reference.bytes > largest)
            largest = held->list[i].reference.bytes;
    }
    return largest;
}

void node_snapshots_restored(struct node *node, const struct store_group *group)
{
    struct held_snapshot *held = find_or_add(&node->held, group->group);
    held->reference = group->snapshot;
}

static bool is_referred_to(void *context, uint32_t group, uint64_t index)
{
    struct node *node = context;
    const struct held_snapshot *held = find(&node->held, group);
    return held != NULL && held->reference.index == index;
}

void node_snapshots_clean(struct node *node)
{
    const uint32_t removed = snapshots_clean(node->snapshots, is_referred_to, node);
    if (removed > 0)
        log_write(LOG_LEVEL_INFO, "removed snapshots that were not finished or not needed any more",
                  LOG_FIELDS(log_number("files", removed)));
}

/* --- What the core wants ---------------------------------------------------------------------- */

static struct snapshot_id id_of(const struct node *node, const struct effect *effect)
{
    return (struct snapshot_id){
        .cluster = node->identity.cluster,
        .node = node->identity.node,
        .group = effect->group,
        .index = effect->snapshot.index,
        .term = effect->snapshot.term,
    };
}

static void compact(struct node *node, const struct effect *effect)
{
    struct held_snapshot *held = find_or_add(&node->held, effect->group);
    if (effect->compact.index != held->reference.index) {
        CHECK(effect->compact.index == held->stored.index);
        CHECK(effect->compact.index > held->reference.index);
        held->reference = held->stored;
    }
    CHECK(effect->compact.term == held->reference.term);
    const struct store_compaction compaction = {
        .through = effect->compact.through,
        .snapshot = held->reference,
    };
    store_compact(node->store, effect->group, &compaction);
    held->through = effect->compact.through;
    held->ticket = cluster_ticket(node->cluster);
    node->wrote = true;
}

static void forget_stored(struct node *node, const struct snapshot_id *id)
{
    struct held_snapshot *held = find(&node->held, id->group);
    if (held != NULL && held->stored.index == id->index)
        held->stored = (struct store_snapshot){.index = 0};
}

void node_snapshots_effect(struct node *node, const struct effect *effect)
{
    const struct snapshot_id id = id_of(node, effect);
    switch (effect->kind) {
    case EFFECT_SNAPSHOT_BEGIN:
        snapshots_begin(node->snapshots, &id);
        return;
    case EFFECT_SNAPSHOT_CHUNK:
        snapshots_chunk(node->snapshots, effect->snapshot.data, effect->snapshot.bytes);
        return;
    case EFFECT_SNAPSHOT_COMMIT:
        snapshots_commit(node->snapshots);
        return;
    case EFFECT_SNAPSHOT_ABORT:
        forget_stored(node, &id);
        snapshots_abort(node->snapshots, id.group, id.index);
        return;
    case EFFECT_COMPACT:
        compact(node, effect);
        return;
    default:
        UNREACHABLE();
    }
}

/* --- What the threads say --------------------------------------------------------------------- */

/* The worker's thread. */
void node_snapshots_report(void *context, const struct snapshot_report *report)
{
    struct node *node = context;
    if (report->news == SNAPSHOT_NEWS_KEPT)
        store_reclaim(node->store, report->id.group, report->through);
    else
        inbox_snapshot(&node->inbox, report);
}

/* The pages that the disk refused may be the log's, and the kernel tells each file only once. So
 * this is as final as a failed write of the log, whoever wanted the snapshot. */
static void check_disk(const struct node *node, const struct snapshot_report *report)
{
    if (report->status == STATUS_IO)
        node_die(EXIT_DISK, "the disk refused a snapshot; what was not answered is unknown",
                 LOG_FIELDS(log_number("group", report->id.group),
                            log_text("data", node->config->node.data)));
}

static void take_stored(struct node *node, const struct snapshot_report *report)
{
    struct metrics *metrics = &node->metrics;
    if (report->status == STATUS_OK) {
        struct held_snapshot *held = find_or_add(&node->held, report->id.group);
        held->stored = (struct store_snapshot){
            .index = report->id.index,
            .term = report->id.term,
            .bytes = report->sum.file_bytes,
            .digest = report->sum.digest,
        };
        metrics->snapshots_stored++;
        metrics->snapshot_bytes += report->sum.file_bytes;
        metrics->snapshot_stored_us = node_now(node).monotonic_us;
        histogram_add(&metrics->snapshot, report->duration_us, 1);
    } else {
        metrics->snapshots_failed++;
        log_write(LOG_LEVEL_WARNING, "a snapshot could not be stored; the log is kept until one is",
                  LOG_FIELDS(log_number("group", report->id.group),
                             log_text("status", status_name(report->status))));
    }
    node->held.stored = *report;
    node->held.stored_due = true;
}

void node_snapshots_take(struct node *node, const struct inbox_news *news)
{
    if (news->written_any && snapshots_is_current(node->snapshots, &news->written)) {
        node->held.written = news->written;
        node->held.written_due = true;
    }
    if (news->stored_any)
        check_disk(node, &news->stored);
    if (news->stored_any && snapshots_is_current(node->snapshots, &news->stored))
        take_stored(node, &news->stored);
}

bool node_snapshots_event(struct node *node, struct event *ret_event)
{
    struct node_snapshots *held = &node->held;
    const bool written = held->written_due && snapshots_is_current(node->snapshots, &held->written);
    const bool stored = held->stored_due && snapshots_is_current(node->snapshots, &held->stored);
    const struct snapshot_report *report = written ? &held->written : &held->stored;
    held->written_due = false;
    held->stored_due = stored && written; /* in its turn */
    if (!written && !stored)
        return false;
    *ret_event = (struct event){
        .kind = written ? EVENT_SNAPSHOT_WRITTEN : EVENT_SNAPSHOT_STORED,
        .snapshot =
            {
                .group = report->id.group,
                .index = report->id.index,
                .chunks = report->sum.chunks,
                .bytes = report->sum.file_bytes,
                .status = report->status,
            },
    };
    return true;
}

void node_snapshots_durable(struct node *node)
{
    for (uint32_t i = 0; i < node->held.count; i++) {
        struct held_snapshot *held = &node->held.list[i];
        if (held->ticket == 0 || held->ticket > node->durable)
            continue;
        held->ticket = 0;
        snapshots_keep(node->snapshots, held->group, held->reference.index, held->through);
    }
}

/* --- Room ------------------------------------------------------------------------------------- */

/* The next snapshot is written while the one before it is there, and is perhaps larger. */
static uint64_t reserve(const struct node *node)
{
    return node->config->disk.reserve_bytes + 2 * largest_file(&node->held);
}

void node_watch_room(struct node *node)
{
    const uint64_t free_bytes = room_free(node->room);
    const uint64_t reserve_bytes = reserve(node);
    const bool full = room_is_full(node->disk_full, free_bytes, reserve_bytes);
    if (full == node->disk_full)
        return;
    node->disk_full = full;
    log_write(full ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
              full ? "the disk is nearly full: claims and hunts are refused"
                   : "there is room on the disk again: claims and hunts are taken",
              LOG_FIELDS(log_number("free_bytes", free_bytes),
                         log_number("reserve_bytes", reserve_bytes),
                         log_text("data", node->config->node.data)));
}

bool node_disk_full(const struct node *node)
{
    return node->disk_full;
}

struct node_disk node_disk(const struct node *node)
{
    struct node_disk disk = {.reserve_bytes = reserve(node), .full = node->disk_full};
    for (uint32_t i = 0; i < node->held.count; i++) {
        disk.snapshots += node->held.list[i].reference.index > 0;
        disk.snapshot_bytes += node->held.list[i].reference.bytes;
    }
    return disk;
}
