#include <stdlib.h>

#include "cluster/base/check.h"
#include "cluster/ranges/group_internal.h"

void durable_write_state(struct group *group, const struct group_turn *turn,
                         const struct hard_state *hard_state)
{
    struct effect *effect = effects_add(turn->effects, EFFECT_HARD_STATE);
    effect->group = group->config.group;
    effect->ticket = turn->ticket;
    effect->hard_state = *hard_state;
    effect->hard_state.replica = group->config.replica;
    group->state_ticket = turn->ticket;
    group->write_ticket = turn->ticket;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void truncate(struct group *group, const struct group_turn *turn, uint64_t from)
{
    /* libraft refuses to replace what is committed. */
    CHECK(from > group->commit);
    struct effect *effect = effects_add(turn->effects, EFFECT_TRUNCATE);
    effect->group = group->config.group;
    effect->ticket = turn->ticket;
    effect->truncate.from = from;

    terms_truncate(&group->terms, from);
    tail_truncate(&group->tail, from);
    group->durable_index = smaller(group->durable_index, from - 1);
    if (group->reading && from <= group->read_last)
        group->read_overtaken = true;
    for (uint32_t i = 0; i < group->writes_count; i++)
        group->writes[i].last = smaller(group->writes[i].last, from - 1);
}

static void note_write(struct group *group, uint64_t ticket, uint64_t last)
{
    if (group->writes_count > 0 && group->writes[group->writes_count - 1].ticket == ticket) {
        group->writes[group->writes_count - 1].last = last;
        return;
    }
    if (group->writes_count == group->writes_capacity) {
        const uint32_t capacity = group->writes_capacity == 0 ? 8 : group->writes_capacity * 2;
        struct written *writes = realloc(group->writes, capacity * sizeof *writes);
        CHECK(writes != NULL);
        group->writes = writes;
        group->writes_capacity = capacity;
    }
    group->writes[group->writes_count++] = (struct written){ticket, last};
}

void durable_write_entries(struct group *group, const struct group_turn *turn, uint64_t first,
                           const struct raft_entry *entries, uint32_t count)
{
    CHECK(count > 0);
    if (first <= group->terms.last_index)
        truncate(group, turn, first);
    CHECK(first == group->terms.last_index + 1);
    CHECK(first == tail_last(&group->tail) + 1);

    struct log_entry *list = arena_take(turn->arena, count * sizeof *list);
    for (uint32_t i = 0; i < count; i++) {
        list[i] = (struct log_entry){
            .term = entries[i].term,
            .type = (enum entry_type)entries[i].type,
            .data = entries[i].buf.base,
            .bytes = (uint32_t)entries[i].buf.len,
        };
        terms_append(&group->terms, list[i].term);
        tail_append(&group->tail, &list[i], entries[i].batch);
    }
    struct effect *effect = effects_add(turn->effects, EFFECT_APPEND);
    effect->group = group->config.group;
    effect->ticket = turn->ticket;
    effect->append.first = first;
    effect->append.entries = list;
    effect->append.count = count;
    group->write_ticket = turn->ticket;
    note_write(group, turn->ticket, group->terms.last_index);
}

/* What the writes up to this ticket have made durable. */
static void collect(struct group *group, uint64_t ticket)
{
    uint32_t done = 0;
    while (done < group->writes_count && group->writes[done].ticket <= ticket) {
        if (group->writes[done].last > group->durable_index)
            group->durable_index = group->writes[done].last;
        done++;
    }
    group->writes_count -= done;
    for (uint32_t i = 0; i < group->writes_count; i++)
        group->writes[i] = group->writes[i + done];
    CHECK(group->durable_index <= group->terms.last_index);
}

void group_persisted(struct group *group, const struct group_turn *turn, uint64_t ticket)
{
    CHECK(ticket <= turn->ticket);
    if (!group_enter(group, turn))
        return;
    if (ticket > group->durable_ticket) {
        group->durable_ticket = ticket;
        collect(group, ticket);
    }
    group_leave(group, turn);
}

void durable_report(struct group *group, const struct group_turn *turn)
{
    /* A candidate has nothing on its way to disk and answers RAFT_SHUTDOWN if told otherwise; it is
     * leader or follower soon. */
    if (group->role == GROUP_CANDIDATE || group->durable_index <= core_stored(group))
        return;
    core_persisted(group, turn, group->durable_index);
}

bool durable_has_room(const struct group *group, uint64_t bytes, uint64_t entries)
{
    const uint64_t settled = group->role == GROUP_LEADER
                                 ? smaller(group->durable_index, group->commit)
                                 : group->durable_index;
    const uint64_t waiting = group->terms.last_index - settled;
    if (waiting == 0)
        return true;
    return waiting + entries <= GROUP_PENDING_ENTRIES_MAX &&
           tail_bytes_after(&group->tail, settled) + bytes <=
               2 * (uint64_t)group->config.tail_bytes_max;
}
