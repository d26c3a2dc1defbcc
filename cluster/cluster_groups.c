/* Stepping all groups of this node: ticks, finished writes, messages, and applying what is
 * committed.
 *
 * Work over all groups is a sweep that remembers its place: when the list of effects or the turn's
 * memory is full, the step ends with `more`, and EVENT_CONTINUE goes on from there. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/cluster_internal.h"

/* Between ticks at most this long, whatever the groups say: epochs and definitions wait for it. */
#define TICK_US 10000

bool group_leads(const struct group *group)
{
    return group_role(group) == GROUP_LEADER && group_ready_to_lead(group);
}

struct group *groups_find(const struct cluster *cluster, uint32_t group)
{
    if (group == GROUP_SYSTEM)
        return cluster->system_group;
    const struct slot *slot = group < cluster->slot_count ? cluster->slots[group] : NULL;
    return slot != NULL ? slot->group : NULL;
}

enum status groups_submit(struct cluster *cluster, struct group *group, const struct record *record,
                          uint64_t *ret_index)
{
    const size_t bytes = record_bytes(record);
    if (bytes > ENTRY_BYTES_MAX)
        return STATUS_TOO_LARGE;
    uint8_t *block = group_block((uint32_t)bytes);
    if (block == NULL)
        return STATUS_NO_MEMORY;
    const enum status encoded = record_encode(record, block, bytes);
    CHECK(encoded == STATUS_OK);
    const struct group_turn turn = cluster_group_turn(cluster);
    const enum status submitted = group_submit(group, &turn, block, (uint32_t)bytes, ret_index);
    if (submitted == STATUS_OK)
        cluster->submitted_bytes += bytes;
    return submitted;
}

/* A new group object on this node. */
static struct group *make_group(struct cluster *cluster, uint32_t number, uint64_t replica)
{
    const uint64_t seeds[3] = {cluster->config.seed, cluster->config.node, number};
    const struct group_config config = {
        .group = number,
        .replica = replica,
        .seed = (uint32_t)hash_bytes(seeds, sizeof seeds),
        .tail_bytes_max = cluster->config.tail_bytes_max,
    };
    return group_new(&config);
}

enum status groups_add(struct cluster *cluster, uint32_t number, uint64_t replica)
{
    struct group *group = make_group(cluster, number, replica);
    if (group == NULL)
        return STATUS_NO_MEMORY;
    if (number == GROUP_SYSTEM) {
        cluster->system_group = group;
        return STATUS_OK;
    }
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL) {
        group_free(group);
        return STATUS_NO_MEMORY;
    }
    slot->range = number;
    slot->group = group;
    slot->flights_end = &slot->flights;
    cluster->slots[number] = slot;
    if (number >= cluster->slot_count)
        cluster->slot_count = number + 1;
    return STATUS_OK;
}

/* The founding record, the second entry of the system group's log. */
static uint8_t *found_record(struct cluster *cluster, const struct event *event,
                             uint32_t *ret_bytes)
{
    uint8_t *body = arena_take(&cluster->arena, FOUND_BYTES_MAX);
    struct writer writer;
    writer_init(&writer, body, FOUND_BYTES_MAX);
    found_encode(event->found.settings, event->found.members, event->found.count, &writer);
    CHECK(writer_ok(&writer));
    const struct record record = {
        .kind = RECORD_FOUND,
        /* The same bytes on every founding node, so not the stamp of any of them. */
        .stamp = epoch_start(event->found.settings->first_epoch, event->found.settings->epoch_ms),
        .body = body,
        .body_bytes = writer.used,
    };
    const size_t bytes = record_bytes(&record);
    uint8_t *data = arena_take(&cluster->arena, bytes);
    const enum status encoded = record_encode(&record, data, bytes);
    CHECK(encoded == STATUS_OK);
    *ret_bytes = (uint32_t)bytes;
    return data;
}

/* Replica numbers at the founding: 1 up, members of a group next to each other. */
static uint32_t founding_replicas(const struct event *event, uint64_t place,
                                  struct replica replicas[REPLICAS_MAX])
{
    const uint32_t count = event->found.count;
    for (uint32_t i = 0; i < count; i++) {
        replicas[i] = (struct replica){
            .number = place * count + i + 1,
            .node = event->found.members[i].id,
            .role = REPLICA_VOTER,
        };
    }
    return count;
}

static enum status found_group(struct cluster *cluster, const struct event *event, uint32_t number,
                               const struct log_entry *first_command)
{
    struct replica replicas[REPLICAS_MAX];
    const uint32_t ranges = event->found.settings->ranges;
    const uint32_t place = number == GROUP_SYSTEM ? ranges : number;
    const uint32_t count = founding_replicas(event, place, replicas);
    uint64_t ours = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (replicas[i].node == cluster->config.node)
            ours = replicas[i].number;
    }
    CHECK(ours != 0);
    const enum status added = groups_add(cluster, number, ours);
    if (added != STATUS_OK)
        return added;
    const struct group_turn turn = cluster_group_turn(cluster);
    group_found(groups_find(cluster, number), &turn, replicas, count, first_command);
    return STATUS_OK;
}

enum status groups_found(struct cluster *cluster, const struct event *event)
{
    CHECK(!cluster->started);
    CHECK(settings_valid(event->found.settings));
    CHECK(event->found.count >= 1 && event->found.count <= REPLICAS_MAX);
    struct log_entry founding = {.term = 1, .type = ENTRY_COMMAND};
    founding.data = found_record(cluster, event, &founding.bytes);

    enum status status = found_group(cluster, event, GROUP_SYSTEM, &founding);
    for (uint32_t i = 0; i < event->found.settings->ranges && status == STATUS_OK; i++) {
        /* A founding of a thousand ranges is one write; the list is made for it. */
        CHECK(effects_room(cluster->effects, 2));
        status = found_group(cluster, event, i, NULL);
    }
    known_founders(cluster, event->found.members, event->found.count);
    cluster->started = true;
    return status;
}

enum status groups_start(struct cluster *cluster)
{
    CHECK(!cluster->started);
    const struct group_turn turn = cluster_group_turn(cluster);
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        if (cluster->slots[i] == NULL)
            continue;
        CHECK(effects_room(cluster->effects, 2));
        const enum status status =
            group_start(cluster->slots[i]->group, &turn, &cluster->slots[i]->hard_state);
        if (status != STATUS_OK)
            return status;
    }
    if (cluster->system_group != NULL) {
        const enum status status =
            group_start(cluster->system_group, &turn, &cluster->system_hard_state);
        if (status != STATUS_OK)
            return status;
    }
    cluster->started = true;
    known_begin(cluster);
    /* A system group with a snapshot knows them already. */
    return system_state_settings(cluster->system) != NULL ? restore_states(cluster) : STATUS_OK;
}

void groups_receive(struct cluster *cluster, const struct group_message *message)
{
    struct group *group = groups_find(cluster, message->group);
    if (group == NULL || !cluster->started)
        return;
    const struct group_turn turn = cluster_group_turn(cluster);
    group_receive(group, &turn, message);
}

void groups_log_read(struct cluster *cluster, const struct event *event)
{
    struct group *group = groups_find(cluster, event->log_read.group);
    if (group == NULL)
        return;
    const struct group_turn turn = cluster_group_turn(cluster);
    group_log_read(group, &turn, event->log_read.first, event->log_read.entries,
                   event->log_read.count);
}

void groups_sweep(struct cluster *cluster, enum sweep_kind kind)
{
    struct sweep *sweep = &cluster->sweeps[kind];
    /* One that is under way goes on to its end and is then done once more from the beginning. */
    if (sweep->active)
        sweep->again = true;
    sweep->active = true;
}

/* What was put into the log in an earlier term may be lost: it is looked at afresh. */
static void slot_enter_term(struct cluster *cluster, struct slot *slot)
{
    const uint64_t term = group_term(slot->group);
    if (slot->term == term)
        return;
    slot->term = term;
    slot->close_through = 0;
    slot->learn_index = 0;
    slot->settle_run = (struct settle_run){0};
    grow_lead(cluster, slot);
    memset(slot->learn_version, 0, sizeof slot->learn_version);
    memset(slot->resolve_version, 0, sizeof slot->resolve_version);
}

static void tick_group(struct cluster *cluster, struct group *group)
{
    const struct group_turn turn = cluster_group_turn(cluster);
    group_stand_aside(group, membership_skewed(cluster));
    group_tick(group, &turn);
}

static void tick_range(struct cluster *cluster, struct slot *slot)
{
    tick_group(cluster, slot->group);
    slot_enter_term(cluster, slot);
    if (slot->state == NULL || !group_leads(slot->group))
        return;
    epochs_tick_range(cluster, slot);
    settle_tick_range(cluster, slot);
    hunts_tick_range(cluster, slot);
    grow_tick_group(cluster, slot->group, slot);
    /* What was accepted is finished first. */
    const bool finished = slot->flights == NULL && slot->batch.count == 0;
    if (membership_skewed(cluster) || (cluster->stopping && finished))
        grow_hand_over(cluster, slot->group);
}

static void tick_system(struct cluster *cluster)
{
    forward_flush(cluster);
    if (cluster->system_group != NULL) {
        tick_group(cluster, cluster->system_group);
        hunts_tick_system(cluster);
        grow_tick_group(cluster, cluster->system_group, NULL);
        if (cluster->stopping || membership_skewed(cluster))
            grow_hand_over(cluster, cluster->system_group);
    }
    join_tick(cluster);
    exchange_tick(cluster);
    epochs_tick(cluster);
    settle_tick(cluster);
    snapshots_tick(cluster);
    intake_tick(cluster);
    stream_tick(cluster);
}

/* The part of a sweep that concerns one group; slot NULL: the system group. */
static void sweep_one(struct cluster *cluster, enum sweep_kind kind, struct slot *slot)
{
    const struct group_turn turn = cluster_group_turn(cluster);
    struct group *group = slot != NULL ? slot->group : cluster->system_group;
    switch (kind) {
    case SWEEP_PERSISTED:
        if (group != NULL)
            group_persisted(group, &turn, cluster->persisted_ticket);
        break;
    case SWEEP_TICK:
        if (slot != NULL)
            tick_range(cluster, slot);
        else
            tick_system(cluster);
        break;
    case SWEEP_FLUSH:
        if (slot != NULL)
            actions_flush(cluster, slot);
        else
            forward_flush(cluster);
        break;
    case SWEEP_COUNT:
        UNREACHABLE();
    }
}

static void set_next_tick(struct cluster *cluster)
{
    uint64_t next_ms = (cluster->now.monotonic_us + TICK_US) / 1000;
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        if (cluster->slots[i] == NULL)
            continue;
        const uint64_t group_ms = group_next_tick(cluster->slots[i]->group);
        if (group_ms < next_ms)
            next_ms = group_ms;
    }
    cluster->next_tick_us = next_ms * 1000;
}

/* False: no room is left, and the sweep goes on in the next turn. */
static bool run_sweep(struct cluster *cluster, enum sweep_kind kind)
{
    struct sweep *sweep = &cluster->sweeps[kind];
    while (sweep->active) {
        for (; sweep->next <= cluster->slot_count; sweep->next++) {
            if (!cluster_has_room(cluster))
                return false;
            struct slot *slot =
                sweep->next < cluster->slot_count ? cluster->slots[sweep->next] : NULL;
            if (slot != NULL || sweep->next == cluster->slot_count)
                sweep_one(cluster, kind, slot);
        }
        sweep->next = 0;
        sweep->active = sweep->again;
        sweep->again = false;
        if (kind == SWEEP_TICK)
            set_next_tick(cluster);
    }
    return true;
}

static enum status apply_to_range(struct cluster *cluster, struct slot *slot, uint64_t index,
                                  const struct log_entry *entry)
{
    struct range_applied applied;
    const enum status status =
        range_state_apply(slot->state, index, entry, &cluster->arena, &applied);
    if (status != STATUS_OK)
        return status;
    hlc_restore(&cluster->hlc, range_state_last_hlc(slot->state));
    if (slot->learn_index == index)
        slot->learn_index = 0;
    settle_applied(cluster, &applied);
    actions_applied(cluster, slot, index, entry->term, &applied);
    query_applied(cluster, slot, index, entry->term);
    return epochs_applied(cluster, slot, &applied);
}

static enum status apply_to_system(struct cluster *cluster, uint64_t index,
                                   const struct log_entry *entry)
{
    struct system_change change;
    struct system_state *state = join_replica_state(cluster);
    system_state_apply(state, entry->data, entry->bytes, &change);
    if (state != cluster->system)
        return join_applied(cluster, index);
    cluster->dial_due |=
        change.kind == RECORD_FOUND || change.kind == RECORD_JOIN || change.kind == RECORD_MEMBER;
    cluster->replicas_due |= change.kind == RECORD_PLACE;
    if (change.kind == RECORD_FOUND && change.status == STATUS_OK)
        return restore_states(cluster);
    hunts_applied(cluster, index, entry->term, &change);
    return STATUS_OK;
}

/* Applies what is committed in one group; slot NULL: the system group. A page that was answered in
 * this step names its definition, which what follows may free: that waits for the next turn. */
static enum status apply_group(struct cluster *cluster, struct slot *slot)
{
    struct group *group = slot != NULL ? slot->group : cluster->system_group;
    const struct group_turn turn = cluster_group_turn(cluster);
    uint64_t index;
    struct log_entry entry;
    while (!cluster->page_answered && cluster_has_room(cluster) &&
           group_next_committed(group, &turn, &index, &entry)) {
        const enum status status = slot != NULL ? apply_to_range(cluster, slot, index, &entry)
                                                : apply_to_system(cluster, index, &entry);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status apply_all(struct cluster *cluster)
{
    if (cluster->system_group != NULL) {
        enum status status = apply_group(cluster, NULL);
        /* What was passed last may be a CHANGE, which is not applied by us. */
        if (status == STATUS_OK && !cluster->page_answered)
            status = join_applied(cluster, group_applied(cluster->system_group));
        if (status != STATUS_OK)
            return status;
    }
    if (system_state_settings(cluster->system) == NULL)
        return STATUS_OK;
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        struct slot *slot = cluster->slots[i];
        if (slot == NULL)
            continue;
        if (group_has_committed(slot->group)) {
            const enum status status = apply_group(cluster, slot);
            if (status != STATUS_OK)
                return status;
        }
        actions_check_term(cluster, slot);
        query_check_term(cluster, slot);
    }
    return STATUS_OK;
}

static bool work_left(const struct cluster *cluster)
{
    for (int kind = 0; kind < SWEEP_COUNT; kind++) {
        if (cluster->sweeps[kind].active)
            return true;
    }
    if (cluster->system_group != NULL && group_has_committed(cluster->system_group))
        return true;
    if (system_state_settings(cluster->system) == NULL)
        return false;
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        if (cluster->slots[i] != NULL && group_has_committed(cluster->slots[i]->group))
            return true;
    }
    return false;
}

enum status groups_work(struct cluster *cluster)
{
    for (int kind = 0; kind < SWEEP_COUNT; kind++) {
        if (!run_sweep(cluster, (enum sweep_kind)kind))
            break;
    }
    const enum status status = apply_all(cluster);
    if (status == STATUS_OK) {
        snapshots_work(cluster);
        stream_work(cluster);
    }
    cluster->effects->more = work_left(cluster);
    return status == STATUS_OK && cluster->replicas_due ? grow_make_replicas(cluster) : status;
}
