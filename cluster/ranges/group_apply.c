#include <string.h>

#include "cluster/base/check.h"
#include "cluster/ranges/group_internal.h"

/* What a replica that has no others keeps of applied entries: nobody is sent them. */
#define SOLE_TAIL_BYTES (UINT64_C(64) << 10)

static bool entry_to_apply(const struct group *group, uint64_t index, struct log_entry *ret_entry)
{
    if (index > group->commit)
        return false;
    if (tail_get(&group->tail, index, ret_entry))
        return true;
    const struct log_part *kept = &group->kept;
    if (index < kept->first || index - kept->first >= kept->count)
        return false;
    *ret_entry = kept->entries[index - kept->first];
    return true;
}

/* A snapshot says who replicates the group. Every CHANGE was looked at when it came. */
static void note_replicas(struct group *group, const struct log_entry *entry)
{
    struct replica_set set;
    if (replica_set_decode(&set, entry->data, entry->bytes) != STATUS_OK)
        return;
    group->replicas_applied = set;
    group->replicas_applied_index = group->applied;
}

/* Barriers and changes mean nothing to the state machine. */
void apply_skip_internal(struct group *group)
{
    struct log_entry entry;
    while (entry_to_apply(group, group->applied + 1, &entry) && entry.type != ENTRY_COMMAND) {
        group->applied++;
        group->applied_bytes += entry.bytes;
        if (entry.type == ENTRY_CHANGE)
            note_replicas(group, &entry);
    }
}

bool group_has_committed(const struct group *group)
{
    struct log_entry entry;
    return !group->broken && entry_to_apply(group, group->applied + 1, &entry);
}

bool group_next_committed(struct group *group, const struct group_turn *turn, uint64_t *ret_index,
                          struct log_entry *ret_entry)
{
    if (!group_enter(group, turn))
        return false;
    apply_skip_internal(group);
    struct log_entry entry;
    const bool found = entry_to_apply(group, group->applied + 1, &entry);
    if (found) {
        group->applied++;
        group->applied_bytes += entry.bytes;
        *ret_index = group->applied;
        *ret_entry = entry;
    }
    /* What leaves the tail now stays in memory until the next turn. */
    apply_skip_internal(group);
    apply_evict(group);
    apply_read_log(group, turn);
    return found;
}

void apply_evict(struct group *group)
{
    /* What the others may still need soon stays with the leader; what waits to be applied stays
     * where it can, but the bound comes first. Only what is on disk leaves. */
    uint64_t through = group->durable_index;
    if (group->role == GROUP_LEADER && group->commit < through)
        through = group->commit;
    const uint64_t applied = group->applied < through ? group->applied : through;
    const uint64_t bytes_max = group->config.tail_bytes_max;
    const bool alone = group->replicas.count <= 1;
    const uint64_t kept = alone && SOLE_TAIL_BYTES < bytes_max ? SOLE_TAIL_BYTES : bytes_max;
    tail_evict(&group->tail, applied, kept, GROUP_TAIL_ENTRIES_MAX);
    tail_evict(&group->tail, through, 2 * bytes_max, 2 * GROUP_TAIL_ENTRIES_MAX);
}

static bool apply_wants(const struct group *group, uint64_t *ret_first, uint64_t *ret_last)
{
    const uint64_t next = group->applied + 1;
    struct log_entry entry;
    if (next > group->commit || entry_to_apply(group, next, &entry))
        return false;
    CHECK(next < group->tail.first);
    *ret_first = next;
    *ret_last = group->commit < group->tail.first ? group->commit : group->tail.first - 1;
    return true;
}

void apply_read_log(struct group *group, const struct group_turn *turn)
{
    if (group->reading || !group_room(group, turn, 1))
        return;
    uint64_t first, last, send_first, send_last;
    const bool applying = apply_wants(group, &first, &last);
    const bool sending = send_wants(group, &send_first, &send_last);
    if (!applying && !sending)
        return;
    if (sending && (!applying || group->send_reads_next)) {
        first = send_first;
        last = send_last;
        group->send_reads_next = false;
    } else {
        group->send_reads_next = true;
    }
    CHECK(last <= group->durable_index);

    group->reading = true;
    group->read_first = first;
    group->read_last = last;
    struct effect *effect = effects_add(turn->effects, EFFECT_READ_LOG);
    effect->group = group->config.group;
    effect->read_log.first = first;
    effect->read_log.last = last;
    effect->read_log.bytes_max = LOG_READ_BYTES_MAX;
}

/* Keeps what is to be applied next. */
static void keep(struct group *group, const struct log_part *given)
{
    const uint64_t next = group->applied + 1;
    if (next < given->first || next - given->first >= given->count || next > group->commit)
        return;
    const struct log_entry *from = &given->entries[next - given->first];
    uint32_t count = given->count - (uint32_t)(next - given->first);
    if (count > group->commit - group->applied)
        count = (uint32_t)(group->commit - group->applied);

    size_t bytes = count * sizeof *from;
    for (uint32_t i = 0; i < count; i++)
        bytes += from[i].bytes;
    struct log_entry *entries = tail_block(bytes);
    CHECK(entries != NULL);
    uint8_t *data = (uint8_t *)(entries + count);
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = from[i];
        entries[i].data = data;
        memcpy(data, from[i].data, from[i].bytes);
        data += from[i].bytes;
    }
    tail_bury(&group->tail, group->kept_block);
    group->kept_block = entries;
    group->kept = (struct log_part){.first = next, .count = count, .entries = entries};
}

/* What was asked for is on disk and not truncated, so it must be there and be what was written. */
static bool readable(const struct group *group, const struct log_part *given)
{
    if (given->count == 0 || given->first != group->read_first ||
        given->count - 1 > group->read_last - given->first)
        return false;
    for (uint32_t i = 0; i < given->count; i++) {
        const struct log_entry *entry = &given->entries[i];
        if (!group_has(group, given->first + i, entry->term))
            return false;
        if (entry->type < ENTRY_COMMAND || entry->type > ENTRY_CHANGE || entry->bytes == 0 ||
            entry->bytes > ENTRY_BYTES_MAX || entry->bytes % 8 != 0 || entry->data == NULL)
            return false;
    }
    return true;
}

void group_log_read(struct group *group, const struct group_turn *turn, uint64_t first,
                    const struct log_entry *entries, uint32_t count)
{
    if (!group_enter(group, turn) || !group->reading)
        return;
    group->reading = false;
    if (group->read_overtaken) {
        group->read_overtaken = false;
        group_leave(group, turn);
        return;
    }
    group->given = (struct log_part){.first = first, .count = count, .entries = entries};
    if (!readable(group, &group->given)) {
        group->given = (struct log_part){0};
        group_break(group, turn, "the log does not hold what was written");
        return;
    }
    keep(group, &group->given);
    group_leave(group, turn);
    group->given = (struct log_part){0};
}
