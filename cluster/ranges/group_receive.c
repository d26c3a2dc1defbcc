#include "cluster/base/check.h"
#include "cluster/ranges/group_internal.h"

/* Every message is judged in full before libraft sees it: its assertions are compiled out, and a
 * broken contract corrupts in silence. */

static bool number_ok(uint64_t number)
{
    return number < RAFT_NUMBER_LIMIT;
}

/* An index and the term of its entry: both 0 before the first one. */
static bool place_ok(uint64_t index, uint64_t term, uint64_t message_term)
{
    return number_ok(index) && term <= message_term && (index == 0) == (term == 0);
}

/* The node that an answer goes to; 0: the sender may not say this.
 *
 * Votes and entries are taken from strangers as well, for our configuration may be older than
 * theirs (Ongaro, 2014, section 4.1): a replica that joins has none at all. */
static uint64_t sender_node(const struct group *group, const struct group_message *message)
{
    const struct replica *sender = replica_set_find(&group->replicas, message->from);
    if (sender != NULL) {
        const bool same = message->from_node == 0 || message->from_node == sender->node;
        return same ? sender->node : 0;
    }
    if (message->type == GROUP_VOTE || message->type == GROUP_APPEND)
        return message->from_node;
    return 0;
}

static bool entry_ok(const struct log_entry *entry, uint64_t previous_term, uint64_t message_term)
{
    if (entry->type < ENTRY_COMMAND || entry->type > ENTRY_CHANGE)
        return false;
    if (entry->term == 0 || entry->term < previous_term || entry->term > message_term)
        return false;
    if (entry->data == NULL || entry->bytes == 0 || entry->bytes % 8 != 0 ||
        entry->bytes > ENTRY_BYTES_MAX)
        return false;
    struct replica_set set;
    return entry->type != ENTRY_CHANGE ||
           replica_set_decode(&set, entry->data, entry->bytes) == STATUS_OK;
}

static bool append_ok(const struct group_message *message)
{
    const uint64_t previous = message->append.previous_index;
    const uint32_t count = message->append.count;
    if (!place_ok(previous, message->append.previous_term, message->term) ||
        !number_ok(message->append.commit) || !number_ok(message->append.everywhere))
        return false;
    if (count > GROUP_APPEND_ENTRIES_MAX || !number_ok(previous + count) ||
        (count > 0 && message->append.entries == NULL))
        return false;
    /* Every log begins with the configuration that founded the group. */
    if (previous == 0 && count > 0 && message->append.entries[0].type != ENTRY_CHANGE)
        return false;
    uint64_t term = message->append.previous_term, bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct log_entry *entry = &message->append.entries[i];
        if (!entry_ok(entry, term, message->term))
            return false;
        term = entry->term;
        bytes += entry->bytes;
    }
    return count <= 1 || bytes <= GROUP_APPEND_BYTES_MAX;
}

/* A follower acknowledges only what we sent in this term. */
static bool append_result_ok(const struct group *group, const struct group_message *message)
{
    const uint64_t rejected = message->append_result.rejected;
    const uint64_t last = message->append_result.last_index;
    if (!number_ok(rejected) || !number_ok(last))
        return false;
    if (rejected > 0)
        return last < rejected;
    return group->role != GROUP_LEADER || message->term != core_term(group) ||
           last <= group->terms.last_index;
}

static bool message_ok(const struct group *group, const struct group_message *message)
{
    if (message->group != group->config.group || message->to != group->config.replica ||
        message->from == group->config.replica)
        return false;
    if (message->from == 0 || !number_ok(message->from) || message->term == 0 ||
        !number_ok(message->term))
        return false;
    switch (message->type) {
    case GROUP_APPEND:
        return append_ok(message);
    case GROUP_APPEND_RESULT:
        return append_result_ok(group, message);
    case GROUP_VOTE:
        return place_ok(message->vote.last_index, message->vote.last_term, message->term);
    case GROUP_VOTE_RESULT:
        return true;
    case GROUP_TIMEOUT_NOW:
        return place_ok(message->timeout_now.last_index, message->timeout_now.last_term,
                        message->term);
    }
    return false;
}

/* Nothing is wrong with these but that their time is over; libraft would still act on them.
 *
 * It reads a vote result as a candidate's whatever it is. A follower cannot reject what it has
 * acknowledged: libraft would set it back to before that, and never send it an entry again. Whoever
 * stands aside does not want to lead any more. */
static bool is_late(const struct group *group, const struct group_message *message)
{
    const uint64_t term = core_term(group);
    const uint64_t rejected = message->append_result.rejected;
    switch (message->type) {
    case GROUP_APPEND_RESULT:
        return group->role != GROUP_LEADER || (message->term == term && rejected > 0 &&
                                               rejected <= core_match(group, message->from));
    case GROUP_VOTE_RESULT:
        return group->role != GROUP_CANDIDATE || group->aside ||
               (message->vote_result.granted &&
                message->term != term + (message->vote_result.pre_vote ? 1 : 0));
    case GROUP_TIMEOUT_NOW:
        return message->term != term || group->aside;
    default:
        return false;
    }
}

/* Tells a leader of an older term that it is over. It must read as a rejection even if that leader
 * leads again, in our term, when it arrives; an index of 0 would be a success. */
static void answer_old_leader(struct group *group, const struct group_message *append,
                              uint64_t node)
{
    const uint64_t previous = append->append.previous_index;
    const uint64_t rejected = previous > 0 ? previous : 1;
    const struct group_message answer = {
        .group = group->config.group,
        .type = GROUP_APPEND_RESULT,
        .from = group->config.replica,
        .from_node = send_own_node(group),
        .to = append->from,
        .term = core_term(group),
        .append_result = {.rejected = rejected, .last_index = rejected - 1},
    };
    send_hold(group, &answer, node);
}

/* A new CHANGE that fits to our log says that the one before it, which we know as open, was
 * committed by the leader that made this one. */
static void confirm_earlier_change(struct group *group, const struct group_turn *turn,
                                   const struct group_message *part)
{
    const uint64_t open = core_open_change(group);
    const uint64_t previous = part->append.previous_index;
    const struct log_entry *first = part->append.entries;
    if (part->append.count > 0 && first->type == ENTRY_CHANGE && open != 0 && open <= previous &&
        group_has(group, previous, part->append.previous_term) &&
        !group_has(group, previous + 1, first->term))
        core_confirm_change(group, turn);
}

static uint32_t entries_before_change(const struct log_entry *entries, uint32_t count)
{
    uint32_t i = 1;
    while (i < count && entries[i].type != ENTRY_CHANGE)
        i++;
    return i < count ? i : count;
}

/* Steps entries [at, ...) up to the next CHANGE. Returns how many; 0: the rest makes no sense. */
static uint32_t step_part(struct group *group, const struct group_turn *turn,
                          const struct group_message *whole, uint32_t at, uint64_t node)
{
    struct group_message part = *whole;
    if (at > 0) {
        part.append.previous_index += at;
        part.append.previous_term = whole->append.entries[at - 1].term;
        part.append.entries += at;
    }
    const uint32_t left = whole->append.count - at;
    part.append.count = left > 0 ? entries_before_change(part.append.entries, left) : 0;
    const uint64_t last = part.append.previous_index + part.append.count;
    if (part.append.commit > last)
        part.append.commit = last;

    confirm_earlier_change(group, turn, &part);
    if (!group->broken)
        core_append(group, turn, &part, node);
    if (group->broken || part.append.count == 0)
        return 0;
    const uint64_t last_term = part.append.entries[part.append.count - 1].term;
    return group_has(group, last, last_term) ? part.append.count : 0;
}

static uint64_t append_bytes(const struct group_message *message)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < message->append.count; i++)
        bytes += message->append.entries[i].bytes;
    return bytes;
}

/* Entries behind the base are gone, or their terms are: they were committed, so they are the
 * leader's as well. */
static void pass_over_base(const struct group *group, struct group_message *append)
{
    const uint64_t base = group->base.index;
    if (append->append.previous_index >= base || append->append.previous_index > group->terms.base)
        return;
    const uint64_t gone = base - append->append.previous_index;
    if (gone < append->append.count) {
        append->append.entries += gone;
        append->append.count -= (uint32_t)gone;
    } else {
        append->append.count = 0;
    }
    append->append.previous_index = base;
    append->append.previous_term = group->base.term;
}

static bool receive_append(struct group *group, const struct group_turn *turn,
                           const struct group_message *message, uint64_t node)
{
    const uint64_t term = core_term(group);
    if (message->term < term) {
        answer_old_leader(group, message, node);
        return true;
    }
    /* A term has one leader. */
    if (message->term == term && group->role == GROUP_LEADER)
        return false;
    if (message->term == group->leader_term && message->from != group->leader)
        return false;
    group->leader_term = message->term;
    group->leader = message->from;
    group->leader_node = node;
    group->leader_heard_ms = group->now_ms;
    group->everywhere = message->append.everywhere;

    /* Too much waits for the disk: it counts as lost, the leader's sign of life does not. */
    struct group_message taken = *message;
    pass_over_base(group, &taken);
    if (!durable_has_room(group, append_bytes(&taken), taken.append.count))
        taken.append.count = 0;
    uint32_t at = 0, parts = 0;
    do {
        const uint32_t stepped = step_part(group, turn, &taken, at, node);
        if (stepped == 0)
            break;
        at += stepped;
        parts++;
    } while (at < taken.append.count && parts < GROUP_PARTS_MAX);
    return true;
}

void group_receive(struct group *group, const struct group_turn *turn,
                   const struct group_message *message)
{
    if (!group_enter(group, turn))
        return;
    const uint64_t node = sender_node(group, message);
    bool ok = node != 0 && message_ok(group, message);
    if (ok && message->type == GROUP_APPEND_RESULT)
        send_heard(group, message->from);
    if (ok && message->type == GROUP_APPEND)
        ok = receive_append(group, turn, message, node);
    else if (ok && message->type == GROUP_VOTE)
        core_vote(group, turn, message, node);
    else if (ok && !is_late(group, message))
        core_receive(group, turn, message, node);
    if (ok && message->type == GROUP_APPEND_RESULT && message->append_result.rejected == 0 &&
        message->from == group->stranded)
        group->stranded = 0;
    if (!ok)
        group->dropped++;
    if (!group->broken)
        group_leave(group, turn);
}
