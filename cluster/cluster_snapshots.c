/* When a snapshot is taken, and what becomes of it.
 *
 * A group takes one when the log behind its last one is long enough to be worth it: as long as the
 * configuration says, or as that snapshot was, so that what is written for snapshots is no more
 * than what is written for the log. One at a time on a node, the groups in turn. The state is kept
 * as it was by copies of what changes (base/cut.h); each step writes at most a chunk of it, so no
 * step is longer for a snapshot than that takes. */
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

/* A turn hands out at most so many chunks. */
#define TURN_CHUNKS_MAX 2

/* After one that could not be stored: a full disk does not get room by being asked again. */
#define RETRY_MS 5000

/* A group of this node as snapshots see it; slot NULL: the system group. */
struct subject {
    struct group *group;
    struct slot *slot;
    struct snapshot_mark *mark;
};

static bool find_subject(struct cluster *cluster, uint32_t number, struct subject *ret_subject)
{
    if (number == GROUP_SYSTEM) {
        *ret_subject =
            (struct subject){.group = cluster->system_group, .mark = &cluster->system_snapshot};
        return cluster->system_group != NULL && cluster->system_next == NULL &&
               system_state_settings(cluster->system) != NULL;
    }
    struct slot *slot = number < cluster->slot_count ? cluster->slots[number] : NULL;
    if (slot == NULL)
        return false;
    *ret_subject = (struct subject){.group = slot->group, .slot = slot, .mark = &slot->snapshot};
    return slot->state != NULL;
}

static struct snapshot_mark *mark_of(struct cluster *cluster, uint32_t number)
{
    return number == GROUP_SYSTEM ? &cluster->system_snapshot : &cluster->slots[number]->snapshot;
}

static uint64_t bytes_behind(const struct group *group, const struct snapshot_mark *mark)
{
    return group_applied_bytes(group) - mark->log_mark;
}

static bool is_due(struct cluster *cluster, uint32_t number, const struct subject *subject)
{
    const uint64_t least = subject->mark->bytes > cluster->config.snapshot_bytes
                               ? subject->mark->bytes
                               : cluster->config.snapshot_bytes;
    const uint64_t bytes = bytes_behind(subject->group, subject->mark);
    return bytes >= least && group_applied(subject->group) > group_base_index(subject->group) &&
           !group_broken(subject->group) && !stream_holds(cluster, number, bytes, least);
}

/* ---- The one that is under way. */

static struct effect *add_effect(struct cluster *cluster, enum effect_kind kind)
{
    const struct snapshot_task *task = &cluster->snapshot;
    struct effect *effect = effects_add(cluster->effects, kind);
    effect->group = task->group;
    effect->snapshot.index = task->base.index;
    effect->snapshot.term = task->base.term;
    return effect;
}

/* Nothing is copied for it any more. */
static void end_writing(struct cluster *cluster)
{
    struct snapshot_task *task = &cluster->snapshot;
    if (task->writer == NULL)
        return;
    if (task->group == GROUP_SYSTEM)
        system_snapshot_end(cluster->system, task->writer);
    else
        range_snapshot_end(cluster->slots[task->group]->state, task->writer);
    task->writer = NULL;
}

static void end_task(struct cluster *cluster)
{
    struct snapshot_task *task = &cluster->snapshot;
    end_writing(cluster);
    intake_clear(cluster);
    *task = (struct snapshot_task){
        .retry_ms = task->retry_ms, .place = task->place, .turn_chunks = task->turn_chunks};
}

void snapshots_give_up(struct cluster *cluster, const char *why)
{
    (void)add_effect(cluster, EFFECT_SNAPSHOT_ABORT);
    cluster_note(cluster, NOTE_WARNING, "snapshot of group %u at %llu given up: %s",
                 cluster->snapshot.group, (unsigned long long)cluster->snapshot.base.index, why);
    /* What another one sends may come again at once. */
    if (cluster->snapshot.phase != SNAPSHOT_RECEIVING)
        cluster->snapshot.retry_ms = cluster_now_ms(cluster) + RETRY_MS;
    end_task(cluster);
}

static void begin(struct cluster *cluster, uint32_t number, const struct subject *subject)
{
    struct snapshot_task task = {.phase = SNAPSHOT_WRITING,
                                 .group = number,
                                 .log_mark = group_applied_bytes(subject->group),
                                 .place = cluster->snapshot.place,
                                 .turn_chunks = cluster->snapshot.turn_chunks};
    group_snapshot_point(subject->group, &task.base);
    const enum status status =
        subject->slot == NULL
            ? system_snapshot_begin(cluster->system, GROUP_SYSTEM, &task.base, &task.writer)
            : range_snapshot_begin(subject->slot->state, system_state_settings(cluster->system),
                                   &task.base, &task.writer);
    if (status != STATUS_OK) {
        cluster_note(cluster, NOTE_WARNING, "no memory for a snapshot of group %u", number);
        cluster->snapshot.retry_ms = cluster_now_ms(cluster) + RETRY_MS;
        return;
    }
    cluster->snapshot = task;
    (void)add_effect(cluster, EFFECT_SNAPSHOT_BEGIN);
}

/* The groups in turn: the system group stands behind the last range. */
void snapshots_tick(struct cluster *cluster)
{
    struct snapshot_task *task = &cluster->snapshot;
    if (task->phase != SNAPSHOT_IDLE || cluster->config.snapshot_bytes == 0 || cluster->stopping ||
        cluster_now_ms(cluster) < task->retry_ms || !effects_room(cluster->effects, 4))
        return;
    for (uint32_t i = 0; i <= cluster->slot_count; i++) {
        const uint32_t place = (task->place + i) % (cluster->slot_count + 1);
        const uint32_t number = place < cluster->slot_count ? place : GROUP_SYSTEM;
        struct subject subject;
        if (!find_subject(cluster, number, &subject) || !is_due(cluster, number, &subject))
            continue;
        task->place = place + 1;
        begin(cluster, number, &subject);
        return;
    }
}

/* One more chunk, when there is room for it on all sides. */
static void write_chunk(struct cluster *cluster)
{
    struct snapshot_task *task = &cluster->snapshot;
    if (task->chunks - task->written >= SNAPSHOT_CHUNKS_AHEAD ||
        task->turn_chunks >= TURN_CHUNKS_MAX)
        return;
    uint8_t *chunk = arena_take(&cluster->arena, SNAPSHOT_CHUNK_BYTES_MAX);
    const uint32_t bytes = snapshot_next(task->writer, chunk);
    if (snapshot_failed(task->writer)) {
        snapshots_give_up(cluster, "no memory");
        return;
    }
    if (bytes == 0) {
        end_writing(cluster);
        task->phase = SNAPSHOT_WAITING;
        return;
    }
    struct effect *effect = add_effect(cluster, EFFECT_SNAPSHOT_CHUNK);
    effect->snapshot.data = chunk;
    effect->snapshot.bytes = bytes;
    effect->snapshot.chunk = task->chunks++;
    task->turn_chunks++;
}

void snapshots_work(struct cluster *cluster)
{
    struct snapshot_task *task = &cluster->snapshot;
    /* What a page names may only be freed in a later turn. */
    if (task->phase == SNAPSHOT_IDLE || cluster->page_answered || !cluster_has_room(cluster))
        return;
    if (task->phase == SNAPSHOT_WRITING)
        write_chunk(cluster);
    if (task->phase != SNAPSHOT_WAITING)
        return;
    const struct group *group = groups_find(cluster, task->group);
    if (group_broken(group)) {
        snapshots_give_up(cluster, "the group is broken");
        return;
    }
    /* Entries may be applied before our own disk has them. */
    if (group_durable(group) < task->base.index)
        return;
    add_effect(cluster, EFFECT_SNAPSHOT_COMMIT)->snapshot.chunk = task->chunks;
    task->phase = SNAPSHOT_STORING;
}

/* What comes of one that is over already is of no interest. */
static bool is_current(const struct cluster *cluster, const struct event *event)
{
    const struct snapshot_task *task = &cluster->snapshot;
    return task->phase != SNAPSHOT_IDLE && event->snapshot.group == task->group &&
           event->snapshot.index == task->base.index;
}

bool snapshots_cuts(const struct cluster *cluster, uint32_t group)
{
    return cluster->snapshot.writer != NULL && cluster->snapshot.group == group;
}

void snapshots_written(struct cluster *cluster, const struct event *event)
{
    struct snapshot_task *task = &cluster->snapshot;
    if (is_current(cluster, event) && event->snapshot.chunks > task->written &&
        event->snapshot.chunks <= task->chunks) {
        task->written = event->snapshot.chunks;
        intake_written(cluster);
    }
}

/* ---- One that is received. */

void snapshots_receive(struct cluster *cluster, const struct snapshot_message *message)
{
    struct snapshot_task *task = &cluster->snapshot;
    CHECK(task->phase == SNAPSHOT_IDLE);
    task->phase = SNAPSHOT_RECEIVING;
    task->group = message->group;
    task->base.index = message->index;
    task->base.term = message->term;
    (void)add_effect(cluster, EFFECT_SNAPSHOT_BEGIN);
}

void snapshots_received_chunk(struct cluster *cluster, const struct snapshot_message *message)
{
    struct snapshot_task *task = &cluster->snapshot;
    uint8_t *copy = arena_take(&cluster->arena, message->bytes);
    memcpy(copy, message->data, message->bytes);
    struct effect *effect = add_effect(cluster, EFFECT_SNAPSHOT_CHUNK);
    effect->snapshot.data = copy;
    effect->snapshot.bytes = message->bytes;
    effect->snapshot.chunk = task->chunks++;
    if (!message->last)
        return;
    add_effect(cluster, EFFECT_SNAPSHOT_COMMIT)->snapshot.chunk = task->chunks;
    task->phase = SNAPSHOT_STORING;
}

/* The state, the log and the reference change together; or the file is dropped. */
static enum status take_over(struct cluster *cluster, const struct event *event)
{
    struct snapshot_task *task = &cluster->snapshot;
    const struct group *group = groups_find(cluster, task->group);
    if (!intake_useful(cluster)) {
        (void)add_effect(cluster, EFFECT_SNAPSHOT_ABORT);
        end_task(cluster);
        return STATUS_OK;
    }
    const enum status status = intake_adopt(cluster);
    *mark_of(cluster, task->group) = (struct snapshot_mark){
        .bytes = event->snapshot.bytes,
        .stored_us = cluster->now.physical_us,
        .log_mark = group_applied_bytes(group),
    };
    end_task(cluster);
    return status;
}

/* ---- The end. */

static enum status compact(struct cluster *cluster, const struct event *event)
{
    struct snapshot_task *task = &cluster->snapshot;
    struct subject subject;
    const bool found = find_subject(cluster, task->group, &subject);
    CHECK(found);
    *subject.mark = (struct snapshot_mark){
        .bytes = event->snapshot.bytes,
        .stored_us = cluster->now.physical_us,
        .log_mark = task->log_mark,
    };
    const struct group_turn turn = cluster_group_turn(cluster);
    if (!group_broken(subject.group))
        group_compact(subject.group, &turn, &task->base);
    end_task(cluster);
    return STATUS_OK;
}

enum status snapshots_stored(struct cluster *cluster, const struct event *event)
{
    struct snapshot_task *task = &cluster->snapshot;
    if (!is_current(cluster, event))
        return STATUS_OK;
    if (event->snapshot.status != STATUS_OK) {
        cluster_note(cluster, NOTE_WARNING, "snapshot of group %u at %llu is not stored: %s",
                     task->group, (unsigned long long)task->base.index,
                     status_name(event->snapshot.status));
        task->retry_ms = cluster_now_ms(cluster) + RETRY_MS;
        end_task(cluster);
        return STATUS_OK;
    }
    if (task->phase != SNAPSHOT_STORING)
        return STATUS_OK;
    return cluster->intake.node != 0 ? take_over(cluster, event) : compact(cluster, event);
}

void snapshots_stop(struct cluster *cluster)
{
    const enum snapshot_phase phase = cluster->snapshot.phase;
    if (phase == SNAPSHOT_WRITING || phase == SNAPSHOT_WAITING || phase == SNAPSHOT_RECEIVING)
        snapshots_give_up(cluster, "stopping");
}

void snapshots_free(struct cluster *cluster)
{
    end_writing(cluster);
    intake_clear(cluster);
}

bool cluster_snapshot(const struct cluster *cluster, uint32_t group,
                      struct cluster_snapshot *ret_snapshot)
{
    const struct group *found = groups_find(cluster, group);
    if (found == NULL)
        return false;
    const struct snapshot_mark *mark =
        group == GROUP_SYSTEM ? &cluster->system_snapshot : &cluster->slots[group]->snapshot;
    const struct snapshot_task *task = &cluster->snapshot;
    *ret_snapshot = (struct cluster_snapshot){
        .index = group_base_index(found),
        .bytes = mark->bytes,
        .stored_us = mark->stored_us,
        .log_bytes = bytes_behind(found, mark),
        .under_way =
            (task->phase != SNAPSHOT_IDLE && task->group == group) || stream_cuts(cluster, group),
    };
    return true;
}

uint64_t cluster_log_bytes(const struct cluster *cluster)
{
    struct cluster_snapshot snapshot;
    uint64_t bytes = cluster_snapshot(cluster, GROUP_SYSTEM, &snapshot) ? snapshot.log_bytes : 0;
    for (uint32_t i = 0; i < cluster->slot_count; i++)
        bytes += cluster_snapshot(cluster, i, &snapshot) ? snapshot.log_bytes : 0;
    return bytes;
}
