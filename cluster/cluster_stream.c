/* Sending a snapshot to a replica that needs entries which are gone.
 *
 * The group's leader cuts its state as it is now and sends it in chunks, one stream at a time on a
 * node. A few chunks are on their way and are kept until the receiver has taken them: what is lost
 * is sent again from there. A chunk a turn is the most, so that no heartbeat waits behind bulk.
 *
 *   begin -> the first chunk goes out, again and again, until the receiver takes it: he may be busy
 *   taken -> further chunks, STREAM_WINDOW ahead
 *   all taken -> he stores it and begins anew there; the stream is over when his log says so
 *   end   our leadership or term is over; the receiver has lost what he had; nothing moves
 *
 * While it lasts the group takes no snapshot of its own: the log behind the cut stays for the
 * receiver. That is bounded in time by what moves, and in bytes by LOG_FACTOR. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

/* What is not taken is sent again after so long. */
#define AGAIN_MS 250
/* A receiver who takes nothing for so long is given up, and another one gets his turn. */
#define PATIENCE_MS 10000
/* Nothing is begun for so long then: the group may take a snapshot of its own. */
#define PAUSE_MS 2000
/* Only to whom we have heard of so lately. */
#define HEARD_MS 1000
/* Log behind the last snapshot, times what makes one due: then the stream has lasted too long. */
#define LOG_FACTOR 4

static void forget_chunks(struct stream *stream, uint32_t through)
{
    for (; stream->taken < through; stream->taken++) {
        struct stream_chunk *chunk = &stream->window[stream->taken % STREAM_WINDOW];
        free(chunk->data);
        *chunk = (struct stream_chunk){0};
    }
}

/* Nothing is copied for it any more. */
static void end_cut(struct cluster *cluster)
{
    struct stream *stream = &cluster->stream;
    if (stream->writer == NULL)
        return;
    if (stream->group == GROUP_SYSTEM)
        system_snapshot_end(cluster->system, stream->writer);
    else
        range_snapshot_end(cluster->slots[stream->group]->state, stream->writer);
    stream->writer = NULL;
}

static void end(struct cluster *cluster)
{
    struct stream *stream = &cluster->stream;
    end_cut(cluster);
    forget_chunks(stream, stream->made);
    *stream = (struct stream){
        .place = stream->place, .in_turn = stream->in_turn, .after_ms = stream->after_ms};
}

static void give_up(struct cluster *cluster, const char *why)
{
    const struct stream *stream = &cluster->stream;
    cluster_note(cluster, NOTE_WARNING, "snapshot of group %u for replica %llu given up: %s",
                 stream->group, (unsigned long long)stream->replica, why);
    end(cluster);
}

bool stream_cuts(const struct cluster *cluster, uint32_t group)
{
    return cluster->stream.writer != NULL && cluster->stream.group == group;
}

bool stream_holds(struct cluster *cluster, uint32_t group, uint64_t bytes, uint64_t least)
{
    if (!cluster->stream.active || cluster->stream.group != group)
        return false;
    if (bytes / LOG_FACTOR < least)
        return true;
    give_up(cluster, "too much log waits for it");
    return false;
}

void stream_end_group(struct cluster *cluster, uint32_t group)
{
    if (cluster->stream.active && cluster->stream.group == group)
        end(cluster);
}

void stream_free(struct cluster *cluster)
{
    end(cluster);
}

/* --- Beginning -------------------------------------------------------------------------------- */

/* The replica of the group that waits for a snapshot; NULL: none, or it cannot be had now. */
static const struct replica *who_waits(const struct cluster *cluster, uint32_t number,
                                       struct group_view *view)
{
    const struct group *group = groups_find(cluster, number);
    if (group == NULL || !group_leads(group) || snapshots_cuts(cluster, number))
        return NULL;
    const bool known = number == GROUP_SYSTEM ? cluster->system_next == NULL
                                              : cluster->slots[number]->state != NULL;
    if (!known || system_state_settings(cluster->system) == NULL)
        return NULL;
    group_view(group, view);
    /* Entries may be applied before our own disk has them. */
    if (view->stranded == 0 || view->durable_index < view->applied_index)
        return NULL;
    const uint64_t heard_ms = group_heard_ms(group, view->stranded);
    if (heard_ms == 0 || cluster_now_ms(cluster) - heard_ms > HEARD_MS)
        return NULL;
    for (uint32_t i = 0; i < view->replica_count; i++) {
        if (view->replicas[i].number == view->stranded)
            return &view->replicas[i];
    }
    return NULL;
}

static void begin(struct cluster *cluster, uint32_t number, const struct replica *replica)
{
    struct stream *stream = &cluster->stream;
    const struct group *group = groups_find(cluster, number);
    struct group_base base;
    group_snapshot_point(group, &base);
    struct snapshot_writer *writer;
    const enum status status =
        number == GROUP_SYSTEM
            ? system_snapshot_begin(cluster->system, number, &base, &writer)
            : range_snapshot_begin(cluster->slots[number]->state,
                                   system_state_settings(cluster->system), &base, &writer);
    if (status != STATUS_OK) {
        cluster_note(cluster, NOTE_WARNING, "no memory to send a snapshot of group %u", number);
        return;
    }
    *stream = (struct stream){
        .active = true,
        .group = number,
        .replica = replica->number,
        .node = replica->node,
        .term = group_term(group),
        .base = base,
        .writer = writer,
        .moved_ms = cluster_now_ms(cluster),
        .place = stream->place,
        .in_turn = stream->in_turn,
        .after_ms = stream->after_ms,
    };
}

static void look_for_one(struct cluster *cluster)
{
    struct stream *stream = &cluster->stream;
    for (uint32_t i = 0; i <= cluster->slot_count; i++) {
        const uint32_t place = (stream->place + i) % (cluster->slot_count + 1);
        const uint32_t number = place < cluster->slot_count ? place : GROUP_SYSTEM;
        struct group_view view;
        const struct replica *replica = who_waits(cluster, number, &view);
        if (replica == NULL)
            continue;
        stream->place = place + 1;
        begin(cluster, number, replica);
        return;
    }
}

/* --- While it lasts --------------------------------------------------------------------------- */

static bool leads_still(const struct cluster *cluster)
{
    const struct group *group = groups_find(cluster, cluster->stream.group);
    return group_role(group) == GROUP_LEADER && group_term(group) == cluster->stream.term;
}

void stream_tick(struct cluster *cluster)
{
    struct stream *stream = &cluster->stream;
    const uint64_t now_ms = cluster_now_ms(cluster);
    if (stream->active && (!leads_still(cluster) || cluster->stopping))
        end(cluster);
    if (stream->active &&
        group_match(groups_find(cluster, stream->group), stream->replica) >= stream->base.index)
        end(cluster); /* he has it, or what is in it */
    if (stream->active && now_ms - stream->moved_ms >= PATIENCE_MS) {
        stream->after_ms = now_ms + PAUSE_MS;
        give_up(cluster, "it is not taken");
    }
    if (stream->active && stream->sent > stream->taken && now_ms - stream->sent_ms >= AGAIN_MS)
        stream->sent = stream->taken;
    if (!stream->active && !cluster->stopping && now_ms >= stream->after_ms)
        look_for_one(cluster);
}

/* False: there was no memory. */
static bool make_chunk(struct cluster *cluster)
{
    struct stream *stream = &cluster->stream;
    uint8_t *space = arena_take(&cluster->arena, SNAPSHOT_CHUNK_BYTES_MAX);
    const uint32_t bytes = snapshot_next(stream->writer, space);
    uint8_t *data = bytes > 0 ? malloc(bytes) : NULL;
    if (data == NULL)
        return false;
    memcpy(data, space, bytes);
    const bool last = snapshot_ended(stream->writer);
    stream->window[stream->made % STREAM_WINDOW] =
        (struct stream_chunk){.data = data, .bytes = bytes, .last = last};
    stream->made++;
    if (last)
        end_cut(cluster);
    return true;
}

static void send_chunk(struct cluster *cluster)
{
    struct stream *stream = &cluster->stream;
    const struct stream_chunk *chunk = &stream->window[stream->sent % STREAM_WINDOW];
    struct message *message = arena_take(&cluster->arena, sizeof *message);
    uint8_t *copy = arena_take(&cluster->arena, chunk->bytes);
    memcpy(copy, chunk->data, chunk->bytes);
    *message = (struct message){
        .kind = MESSAGE_SNAPSHOT,
        .snapshot = {.group = stream->group,
                     .to = stream->replica,
                     .from_node = cluster->config.node,
                     .raft_term = stream->term,
                     .index = stream->base.index,
                     .term = stream->base.term,
                     .chunk = stream->sent,
                     .last = chunk->last,
                     .data = copy,
                     .bytes = chunk->bytes},
    };
    struct effect *effect = effects_add(cluster->effects, EFFECT_SEND);
    effect->send.node = stream->node;
    effect->send.message = message;
    stream->sent++;
    stream->sent_ms = cluster_now_ms(cluster);
    stream->in_turn = true;
}

void stream_work(struct cluster *cluster)
{
    struct stream *stream = &cluster->stream;
    /* What a page names may only be freed in a later turn. */
    if (!stream->active || stream->in_turn || cluster->page_answered || !cluster_has_room(cluster))
        return;
    const uint32_t ahead = stream->taken == 0 ? 1 : STREAM_WINDOW;
    if (stream->sent == stream->made && stream->writer != NULL &&
        stream->made < stream->taken + ahead && !make_chunk(cluster)) {
        give_up(cluster, "no memory");
        return;
    }
    if (stream->sent < stream->made)
        send_chunk(cluster);
}

void stream_taken(struct cluster *cluster, uint64_t node,
                  const struct snapshot_taken_message *message)
{
    struct stream *stream = &cluster->stream;
    if (!stream->active || message->group != stream->group || node != stream->node ||
        message->from != stream->replica || message->index != stream->base.index ||
        message->chunks > stream->made)
        return;
    if (message->chunks == 0 && stream->taken > 0) {
        give_up(cluster, "the receiver has lost it");
        return;
    }
    if (message->chunks <= stream->taken)
        return;
    forget_chunks(stream, message->chunks);
    if (stream->sent < stream->taken)
        stream->sent = stream->taken;
    stream->moved_ms = cluster_now_ms(cluster);
}

void stream_turn_end(struct cluster *cluster)
{
    cluster->stream.in_turn = false;
}
