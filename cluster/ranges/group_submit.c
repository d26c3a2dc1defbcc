#include <string.h>

#include "cluster/base/check.h"
#include "cluster/ranges/group_internal.h"

uint8_t *group_block(uint32_t bytes)
{
    return tail_block(bytes);
}

void group_block_free(uint8_t *block)
{
    tail_block_free(block);
}

static enum status submit(struct group *group, const struct group_turn *turn, enum entry_type type,
                          uint8_t *block, uint32_t bytes)
{
    const enum status status = core_submit(group, turn, type, block, bytes);
    if (!group->broken)
        group_leave(group, turn);
    return status;
}

static bool takes_entries(const struct group *group)
{
    return group->role == GROUP_LEADER && !core_transferring(group);
}

enum status group_submit(struct group *group, const struct group_turn *turn, uint8_t *block,
                         uint32_t bytes, uint64_t *ret_index)
{
    CHECK(block != NULL);
    CHECK(bytes > 0);
    CHECK(bytes % 8 == 0);
    CHECK(bytes <= ENTRY_BYTES_MAX);
    enum status refusal = STATUS_OK;
    if (!group_enter(group, turn) || !takes_entries(group))
        refusal = STATUS_NOT_LEADER;
    else if (!durable_has_room(group, bytes, 1))
        refusal = STATUS_FULL;
    if (refusal != STATUS_OK) {
        group_block_free(block);
        return refusal;
    }
    const uint64_t index = group->terms.last_index + 1;
    const enum status status = submit(group, turn, ENTRY_COMMAND, block, bytes);
    if (status == STATUS_OK)
        *ret_index = index;
    return status;
}

/* Without an entry of its own term a leader does not know that no other CHANGE is on its way to be
 * committed; libraft makes such an entry only where something uncommitted was left over. */
static enum status barrier(struct group *group, const struct group_turn *turn)
{
    if (terms_last(&group->terms) == core_term(group))
        return STATUS_CONFLICT;
    uint8_t *block = group_block(8);
    if (block == NULL)
        return STATUS_NO_MEMORY;
    memset(block, 0, 8);
    const enum status status = submit(group, turn, ENTRY_BARRIER, block, 8);
    return status == STATUS_OK ? STATUS_CONFLICT : status;
}

/* A voter that lacks what is committed would be one that cannot help (section 4.2.1); it would not
 * even know that it is in the group, and refuse its vote. */
static bool new_voters_are_up_to_date(const struct group *group, const struct replica_set *next)
{
    for (uint32_t i = 0; i < next->count; i++) {
        const struct replica *replica = &next->list[i];
        const struct replica *present = replica_set_find(&group->replicas, replica->number);
        const bool was_voter = present != NULL && present->role == REPLICA_VOTER;
        if (replica->role == REPLICA_VOTER && !was_voter &&
            (present == NULL || core_match(group, replica->number) < group->commit))
            return false;
    }
    return true;
}

enum status group_change(struct group *group, const struct group_turn *turn,
                         const struct replica *replicas, uint32_t count)
{
    if (!group_enter(group, turn) || !takes_entries(group))
        return STATUS_NOT_LEADER;
    if (core_open_change(group) != 0)
        return STATUS_CONFLICT;
    struct replica_set wanted, next;
    enum status status = replica_set_make(&wanted, replicas, count);
    if (status == STATUS_OK)
        status = replica_set_change(&group->replicas, &wanted, &next);
    if (status != STATUS_OK)
        return status;
    if (terms_of(&group->terms, group->commit) != core_term(group))
        return barrier(group, turn);
    if (!new_voters_are_up_to_date(group, &next))
        return STATUS_CONFLICT;

    uint8_t payload[REPLICA_SET_BYTES_MAX];
    const uint32_t bytes = replica_set_encode(&next, payload);
    uint8_t *block = group_block(bytes);
    if (block == NULL)
        return STATUS_NO_MEMORY;
    memcpy(block, payload, bytes);
    return submit(group, turn, ENTRY_CHANGE, block, bytes);
}

enum status group_transfer(struct group *group, const struct group_turn *turn, uint64_t replica)
{
    if (!group_enter(group, turn) || !takes_entries(group))
        return STATUS_NOT_LEADER;
    const struct replica *target = replica_set_find(&group->replicas, replica);
    if (target == NULL || target->role != REPLICA_VOTER || replica == group->config.replica)
        return STATUS_INVALID;
    const enum status status = core_transfer(group, turn, replica);
    if (!group->broken)
        group_leave(group, turn);
    return status;
}
