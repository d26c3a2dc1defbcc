#include "cluster/cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

/* A turn hands out, and puts into the logs, at most about this much; what is left goes on in the
 * next one. What a turn writes is one write of the store, which takes four times as much and ends
 * the node that wants more. */
#define TURN_BYTES_MAX ((size_t)8 << 20)
/* Kept between turns, so that usual turns allocate nothing. */
#define TURN_BYTES_KEPT ((size_t)2 << 20)

struct cluster *cluster_new(const struct cluster_config *config)
{
    CHECK(config->node != 0);
    CHECK(config->self.id == config->node);
    struct cluster *cluster = calloc(1, sizeof *cluster);
    if (cluster == NULL)
        return NULL;
    cluster->config = *config;
    cluster->ticket = 1;
    hlc_init(&cluster->hlc);
    arena_init(&cluster->arena);
    cluster->system = system_state_new();
    if (cluster->system == NULL || forward_begin(cluster) != STATUS_OK ||
        membership_begin(cluster) != STATUS_OK) {
        cluster_free(cluster);
        return NULL;
    }
    return cluster;
}

static void slot_free(struct slot *slot)
{
    if (slot == NULL)
        return;
    actions_free(slot);
    query_free(slot);
    group_free(slot->group);
    range_state_free(slot->state);
    range_state_free(slot->restored);
    free(slot);
}

void cluster_free(struct cluster *cluster)
{
    if (cluster == NULL)
        return;
    snapshots_free(cluster);
    stream_free(cluster);
    restore_free(cluster);
    for (uint32_t i = 0; i < cluster->slot_count; i++)
        slot_free(cluster->slots[i]);
    forward_free(cluster);
    membership_free(cluster);
    document_free(cluster);
    system_state_free(cluster->system_next);
    hunts_free(cluster);
    settle_free(cluster);
    group_free(cluster->system_group);
    system_state_free(cluster->system);
    merge_free(cluster->merge);
    arena_fini(&cluster->arena);
    free(cluster);
}

uint64_t cluster_now_ms(const struct cluster *cluster)
{
    return cluster->now.monotonic_us / 1000;
}

struct group_turn cluster_group_turn(struct cluster *cluster)
{
    return (struct group_turn){
        .now_ms = cluster_now_ms(cluster),
        .ticket = cluster->ticket,
        .effects = cluster->effects,
        .arena = &cluster->arena,
    };
}

bool cluster_has_room(const struct cluster *cluster)
{
    /* Applying one entry makes a few effects besides the group's own. */
    return effects_room(cluster->effects, 2 * GROUP_EFFECTS_MAX) &&
           cluster->arena.used < TURN_BYTES_MAX && cluster->submitted_bytes < TURN_BYTES_MAX;
}

void cluster_note(struct cluster *cluster, enum note_level level, const char *format, ...)
{
    enum { TEXT_BYTES = 512 };
    if (!effects_room(cluster->effects, GROUP_EFFECTS_MAX))
        return; /* a note is never worth the room of something that must be done */
    char *text = arena_take(&cluster->arena, TEXT_BYTES);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, TEXT_BYTES, format, arguments);
    va_end(arguments);
    struct effect *effect = effects_add(cluster->effects, EFFECT_NOTE);
    effect->note.level = level;
    effect->note.text = text;
}

static enum status receive(struct cluster *cluster, const struct event *event)
{
    const struct message *message = event->received.message;
    /* Whatever our clocks say: it is by gossip that a node learns that its own is off. Nothing of
     * it touches the HLC. */
    if (message->kind == MESSAGE_GOSSIP) {
        membership_received(cluster, event);
        return STATUS_OK;
    }
    if (hlc_observe(&cluster->hlc, cluster->now.physical_us, event->received.stamp) != STATUS_OK) {
        cluster->skewed_messages++;
        return STATUS_OK;
    }
    switch (message->kind) {
    case MESSAGE_GROUP:
        groups_receive(cluster, &message->group);
        break;
    case MESSAGE_LEARNED:
        hunts_received(cluster, &message->learned);
        break;
    case MESSAGE_JOIN:
        join_message(cluster, event->received.node, &message->join);
        break;
    case MESSAGE_REFUSED:
        join_refused(cluster, &message->refused);
        break;
    case MESSAGE_SYSTEM_PULL:
        document_send(cluster, event->received.node, &message->system_pull);
        break;
    case MESSAGE_SNAPSHOT:
        if (message->snapshot.to == 0)
            return document_received(cluster, event->received.node, &message->snapshot);
        intake_received(cluster, event->received.node, &message->snapshot);
        break;
    case MESSAGE_SUMMARY:
        return exchange_received(cluster, &message->summary);
    case MESSAGE_PULL:
        exchange_pulled(cluster, event->received.node, &message->pull);
        break;
    case MESSAGE_SNAPSHOT_TAKEN:
        stream_taken(cluster, event->received.node, &message->snapshot_taken);
        break;
    case MESSAGE_GOSSIP:
        break;
    case MESSAGE_FORWARD:
        forward_received(cluster, event->received.node, &message->forward);
        break;
    case MESSAGE_RESULTS:
        forward_answered(cluster, event->received.node, &message->results);
        break;
    }
    return STATUS_OK;
}

static enum status dispatch(struct cluster *cluster, const struct event *event)
{
    switch (event->kind) {
    case EVENT_TICK:
        membership_tick(cluster);
        groups_sweep(cluster, SWEEP_TICK);
        return STATUS_OK;
    case EVENT_CONTINUE:
        return STATUS_OK;
    case EVENT_FLUSH:
        groups_sweep(cluster, SWEEP_FLUSH);
        return STATUS_OK;
    case EVENT_ACTIONS:
        actions_take(cluster, event);
        return STATUS_OK;
    case EVENT_MESSAGE:
        return receive(cluster, event);
    case EVENT_LINK:
        membership_link(cluster, event);
        join_introduce(cluster, event);
        return STATUS_OK;
    case EVENT_PERSISTED:
        if (event->ticket > cluster->persisted_ticket)
            cluster->persisted_ticket = event->ticket;
        groups_sweep(cluster, SWEEP_PERSISTED);
        return STATUS_OK;
    case EVENT_LOG_READ:
        groups_log_read(cluster, event);
        return STATUS_OK;
    case EVENT_QUERY:
        query_take(cluster, &event->query);
        return STATUS_OK;
    case EVENT_DEFINE:
        hunts_define(cluster, event);
        return STATUS_OK;
    case EVENT_JOIN:
        join_begin(cluster, event);
        return STATUS_OK;
    case EVENT_FOUND:
        return groups_found(cluster, event);
    case EVENT_RESTORE:
        return restore_group(cluster, &event->restore);
    case EVENT_RESTORE_SNAPSHOT:
        return restore_snapshot(cluster, &event->restore_snapshot);
    case EVENT_START:
        return groups_start(cluster);
    case EVENT_STOP:
        cluster->stopping = true;
        cluster->stopping_ms = cluster_now_ms(cluster);
        snapshots_stop(cluster);
        return STATUS_OK;
    case EVENT_SNAPSHOT_WRITTEN:
        snapshots_written(cluster, event);
        return STATUS_OK;
    case EVENT_SNAPSHOT_STORED:
        return snapshots_stored(cluster, event);
    }
    UNREACHABLE();
}

enum status cluster_step(struct cluster *cluster, const struct now *now, const struct event *event,
                         struct effects *effects)
{
    cluster->now = *now;
    cluster->effects = effects;
    cluster->page_answered = false;
    effects->count = 0;
    effects->more = false;

    const size_t submitted_bytes = cluster->submitted_bytes;
    enum status status = dispatch(cluster, event);
    /* Actions that were only gathered have changed no group, and there are thousands in a turn. */
    const bool gathered =
        event->kind == EVENT_ACTIONS && cluster->submitted_bytes == submitted_bytes;
    if (status == STATUS_OK && cluster->started && !gathered)
        status = groups_work(cluster);
    effects->stamp = hlc_now(&cluster->hlc, now->physical_us);
    cluster->effects = NULL;
    return status;
}

void cluster_turn_end(struct cluster *cluster)
{
    arena_reset(&cluster->arena, TURN_BYTES_KEPT);
    cluster->submitted_bytes = 0;
    cluster->snapshot.turn_chunks = 0;
    stream_turn_end(cluster);
    cluster->ticket++;
}

uint64_t cluster_ticket(const struct cluster *cluster)
{
    return cluster->ticket;
}

uint64_t cluster_next_tick_us(const struct cluster *cluster)
{
    return cluster->next_tick_us;
}

bool cluster_has_work(const struct cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        const struct slot *slot = cluster->slots[i];
        if (slot != NULL && (slot->batch.count > 0 || slot->flights != NULL || slot->waiting))
            return true;
    }
    for (uint32_t i = 0; i < DEFINING_MAX; i++) {
        if (cluster->defining[i].in_use)
            return true;
    }
    return cluster->forwards.count > 0 || grow_handing_over(cluster);
}

bool cluster_busy(const struct cluster *cluster)
{
    return cluster_has_work(cluster) || membership_leaving(cluster);
}

bool cluster_gathered(const struct cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        const struct slot *slot = cluster->slots[i];
        if (slot != NULL && slot->batch.count > 0)
            return true;
    }
    return cluster->forwards.fresh;
}

const struct system_state *cluster_system(const struct cluster *cluster)
{
    return cluster->system;
}

struct global_board *cluster_newest_board(const struct cluster *cluster)
{
    return cluster->published_any ? cluster_board(cluster, cluster->published_epoch) : NULL;
}

const struct merge *cluster_merge(const struct cluster *cluster)
{
    return cluster->merge;
}

void cluster_memory(const struct cluster *cluster, struct cluster_memory *ret_memory)
{
    struct cluster_memory memory = {.turn_bytes = arena_bytes(&cluster->arena)};
    if (cluster->ledgers != NULL)
        memory.ledgers_bytes = ledgers_bytes(cluster->ledgers);
    if (cluster->system_group != NULL)
        memory.tails_bytes = group_tail_bytes(cluster->system_group);
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        const struct slot *slot = cluster->slots[i];
        if (slot != NULL)
            memory.tails_bytes += group_tail_bytes(slot->group);
    }
    *ret_memory = memory;
}

struct range_state *cluster_range_state(const struct cluster *cluster, uint32_t range)
{
    const struct slot *slot = range < cluster->slot_count ? cluster->slots[range] : NULL;
    return slot != NULL ? slot->state : NULL;
}

bool cluster_leads(const struct cluster *cluster, uint32_t group, uint64_t *ret_term)
{
    const struct group *found = groups_find(cluster, group);
    if (found == NULL || group_role(found) != GROUP_LEADER)
        return false;
    *ret_term = group_term(found);
    return true;
}

bool cluster_serves(const struct cluster *cluster, uint32_t range)
{
    const struct slot *slot = range < cluster->slot_count ? cluster->slots[range] : NULL;
    return slot != NULL && slot->state != NULL && group_leads(slot->group);
}

uint32_t cluster_voters(const struct cluster *cluster, uint32_t group)
{
    const struct group *found = groups_find(cluster, group);
    if (found == NULL)
        return 0;
    struct group_view view;
    group_view(found, &view);
    uint32_t voters = 0;
    for (uint32_t i = 0; i < view.replica_count; i++)
        voters += view.replicas[i].role == REPLICA_VOTER;
    return voters;
}

uint64_t cluster_system_leader(const struct cluster *cluster)
{
    return join_system_node(cluster);
}

uint64_t cluster_range_leader(const struct cluster *cluster, uint32_t range)
{
    return forward_leader(cluster, range);
}

uint64_t cluster_range_term(const struct cluster *cluster, uint32_t range)
{
    const struct group *group = groups_find(cluster, range);
    const uint64_t own = group != NULL ? group_term(group) : 0;
    const uint64_t heard = router_term(cluster->router, range);
    return own > heard ? own : heard;
}

uint64_t cluster_range_holder(const struct cluster *cluster, uint32_t range)
{
    return forward_holder(cluster, range);
}

uint32_t cluster_forwards(const struct cluster *cluster)
{
    return cluster->forwards.count;
}

uint64_t cluster_applied(const struct cluster *cluster, uint32_t range)
{
    const struct group *found = groups_find(cluster, range);
    return found != NULL ? group_applied(found) : 0;
}

static bool group_caught_up(const struct group *group)
{
    struct group_view view;
    group_view(group, &view);
    /* A new leader takes nothing before it has applied what was there when it was elected. */
    const bool takes = view.role != GROUP_LEADER || group_ready_to_lead(group);
    /* What founds a group is applied before it is on disk; a cluster that a power cut could still
     * undo is not ready. */
    const bool founded = view.durable_index > 0;
    return view.leader != 0 && !view.broken && view.applied_index == view.commit_index && takes &&
           founded;
}

bool cluster_ready(const struct cluster *cluster, const char **ret_reason)
{
    *ret_reason = "not in a cluster yet";
    if (!cluster->started)
        return false;
    *ret_reason = cluster->membership.skew_reason;
    if (membership_skewed(cluster))
        return false;
    *ret_reason = "the cluster's settings are not known yet";
    if (system_state_settings(cluster->system) == NULL)
        return false;
    *ret_reason = "reading the system group's log, or it has no leader";
    if (cluster->system_group != NULL && !group_caught_up(cluster->system_group))
        return false;
    *ret_reason = "reading the log, or a range has no leader";
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        const struct slot *slot = cluster->slots[i];
        if (slot != NULL && !group_caught_up(slot->group))
            return false;
    }
    *ret_reason = "stopping";
    if (cluster->stopping)
        return false;
    *ret_reason = "";
    return true;
}
