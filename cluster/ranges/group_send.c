#include <string.h>

#include "cluster/base/check.h"
#include "cluster/ranges/group_internal.h"

uint64_t send_own_node(const struct group *group)
{
    const struct replica *own = replica_set_find(&group->replicas, group->config.replica);
    return own != NULL ? own->node : 0;
}

/* See "What is durable" in group.h. */
static bool waits_for_own_disk(const struct group *group, const struct group_message *message)
{
    return message->type != GROUP_APPEND || replica_set_voters(&group->replicas) == 1 ||
           core_open_change(group) > group->durable_index;
}

uint64_t group_heard_ms(const struct group *group, uint64_t replica)
{
    if (group_role(group) != GROUP_LEADER)
        return 0;
    for (uint32_t i = 0; i < REPLICA_SET_MAX; i++) {
        if (group->heard[i].replica == replica)
            return group->heard[i].ms;
    }
    return 0;
}

void send_heard(struct group *group, uint64_t replica)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < REPLICA_SET_MAX; i++) {
        if (group->heard[i].replica == replica) {
            group->heard[i].ms = group->now_ms;
            return;
        }
        if (group->heard[i].ms < group->heard[oldest].ms)
            oldest = i;
    }
    group->heard[oldest].replica = replica;
    group->heard[oldest].ms = group->now_ms;
}

/* libraft sends whom it does not hear up to a thousand entries with every heartbeat, for as long as
 * it takes. By this time it waits for an answer before it goes on, so that a heartbeat without
 * entries is as good: the entries follow when it was answered. */
static bool is_away(const struct group *group, uint64_t replica)
{
    uint64_t last_ms = group->elected_ms;
    for (uint32_t i = 0; i < REPLICA_SET_MAX; i++) {
        if (group->heard[i].replica == replica && group->heard[i].ms > last_ms)
            last_ms = group->heard[i].ms;
    }
    return group->now_ms - last_ms >= GROUP_ELECTION_MS;
}

void send_hold(struct group *group, const struct group_message *message, uint64_t node)
{
    struct held_message held = {
        .message = *message,
        .node = node,
        .after_ticket =
            waits_for_own_disk(group, message) ? group->write_ticket : group->state_ticket,
    };
    if (message->type == GROUP_APPEND && is_away(group, message->to))
        held.message.append.count = 0;
    outbox_add(&group->outbox, &held);
}

/* A leader's or candidate's message says nothing true once its term or role is gone. */
static bool expired(const struct group *group, const struct group_message *message)
{
    switch (message->type) {
    case GROUP_APPEND:
        /* What it was to carry may be gone since, because everybody has it. */
        if (message->append.count > 0 && message->append.previous_index < group->terms.base)
            return true;
        return group->role != GROUP_LEADER || message->term != core_term(group);
    case GROUP_TIMEOUT_NOW:
        return group->role != GROUP_LEADER || message->term != core_term(group);
    case GROUP_VOTE:
        return group->role != GROUP_CANDIDATE || message->term < core_term(group);
    case GROUP_APPEND_RESULT:
    case GROUP_VOTE_RESULT:
        return false;
    }
    UNREACHABLE();
}

static void emit(struct group *group, const struct group_turn *turn,
                 const struct held_message *held, const struct log_entry *entries, uint32_t count)
{
    struct message *message = arena_take(turn->arena, sizeof *message);
    *message = (struct message){.kind = MESSAGE_GROUP, .group = held->message};
    if (held->message.type == GROUP_APPEND) {
        message->group.append.entries = entries;
        message->group.append.count = count;
        message->group.append.everywhere = compact_everywhere(group);
    }
    struct effect *effect = effects_add(turn->effects, EFFECT_SEND);
    effect->group = group->config.group;
    effect->send.node = held->node;
    effect->send.message = message;
}

/* From the tail, or from what was just read back. */
static bool entry_to_send(const struct group *group, const struct group_turn *turn, uint64_t index,
                          struct log_entry *ret_entry)
{
    if (tail_get(&group->tail, index, ret_entry))
        return true;
    const struct log_part *given = &group->given;
    if (index < given->first || index - given->first >= given->count)
        return false;
    const struct log_entry *entry = &given->entries[index - given->first];
    uint8_t *copy = arena_take(turn->arena, entry->bytes);
    memcpy(copy, entry->data, entry->bytes);
    *ret_entry = *entry;
    ret_entry->data = copy;
    return true;
}

/* As many of the message's next entries as are at hand and fit into one message. */
static uint32_t gather(const struct group *group, const struct group_turn *turn,
                       const struct group_message *message, struct log_entry *list)
{
    uint32_t count = 0;
    size_t bytes = 0;
    while (count < message->append.count) {
        const uint64_t index = message->append.previous_index + 1 + count;
        struct log_entry *entry = &list[count];
        if (!entry_to_send(group, turn, index, entry))
            break;
        bytes += entry->bytes;
        if (count > 0 && bytes > GROUP_APPEND_BYTES_MAX)
            break;
        count++;
    }
    return count;
}

enum send_result {
    SEND_DONE,
    SEND_WAITS,   /* for the log */
    SEND_NO_ROOM, /* in this call's effects */
};

/* One place is kept for READ_LOG. */
static bool has_room(const struct group *group, const struct group_turn *turn)
{
    return group_room(group, turn, 2);
}

/* Sends the entries in as many messages as they need; what is left stays in *held. */
static enum send_result send_entries(struct group *group, const struct group_turn *turn,
                                     struct held_message *held)
{
    struct group_message *message = &held->message;
    while (message->append.count > 0) {
        if (!has_room(group, turn))
            return SEND_NO_ROOM;
        struct log_entry *list = arena_take(turn->arena, message->append.count * sizeof *list);
        const uint32_t count = gather(group, turn, message, list);
        if (count == 0)
            return SEND_WAITS;
        emit(group, turn, held, list, count);
        message->append.previous_index += count;
        message->append.previous_term = list[count - 1].term;
        message->append.count -= count;
    }
    return SEND_DONE;
}

static enum send_result send_one(struct group *group, const struct group_turn *turn,
                                 struct held_message *held)
{
    if (held->message.type == GROUP_APPEND && held->message.append.count > 0)
        return send_entries(group, turn, held);
    if (!has_room(group, turn))
        return SEND_NO_ROOM;
    emit(group, turn, held, NULL, 0);
    return SEND_DONE;
}

/* Peers for whom a message waits for the log: a later one must not overtake it, or the follower
 * would reject it and the leader begin anew. */
struct waiting {
    uint64_t peers[OUTBOX_MAX];
    uint32_t count;
};

static bool is_waiting(const struct waiting *waiting, uint64_t peer)
{
    for (uint32_t i = 0; i < waiting->count; i++) {
        if (waiting->peers[i] == peer)
            return true;
    }
    return false;
}

void send_flush(struct group *group, const struct group_turn *turn)
{
    struct waiting waiting = {.count = 0};
    group->sends_left = false;
    uint32_t i = 0;
    while (i < group->outbox.count) {
        struct held_message *held = &group->outbox.list[i];
        if (expired(group, &held->message)) {
            outbox_remove(&group->outbox, i);
            continue;
        }
        if (held->after_ticket > group->durable_ticket || is_waiting(&waiting, held->message.to)) {
            i++;
            continue;
        }
        const enum send_result result = send_one(group, turn, held);
        if (result == SEND_NO_ROOM) {
            group->sends_left = true;
            return;
        }
        if (result == SEND_DONE) {
            outbox_remove(&group->outbox, i);
        } else {
            waiting.peers[waiting.count++] = held->message.to;
            i++;
        }
    }
}

bool send_wants(const struct group *group, uint64_t *ret_first, uint64_t *ret_last)
{
    for (uint32_t i = 0; i < group->outbox.count; i++) {
        const struct held_message *held = &group->outbox.list[i];
        const struct group_message *message = &held->message;
        if (message->type != GROUP_APPEND || message->append.count == 0 ||
            held->after_ticket > group->durable_ticket || expired(group, message))
            continue;
        const uint64_t first = message->append.previous_index + 1;
        if (first >= group->tail.first)
            continue;
        const uint64_t last = message->append.previous_index + message->append.count;
        *ret_first = first;
        *ret_last = last < group->tail.first ? last : group->tail.first - 1;
        return true;
    }
    return false;
}
