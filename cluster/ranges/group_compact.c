#include "cluster/base/check.h"
#include "cluster/ranges/group_internal.h"

/* A few entries more are not worth a write of their own. */
#define WORTH_ENTRIES 256

uint64_t compact_everywhere(const struct group *group)
{
    if (group->role != GROUP_LEADER)
        return group->everywhere;
    uint64_t everywhere = group->durable_index;
    for (uint32_t i = 0; i < group->replicas.count; i++) {
        const uint64_t number = group->replicas.list[i].number;
        if (number == group->config.replica)
            continue;
        const uint64_t match = core_match(group, number);
        if (match < everywhere)
            everywhere = match;
    }
    return everywhere;
}

/* The last entry that may go. Whoever asks for the entries behind one that he has must find that
 * one too, or its term would not be known. Nobody is waited for longer than one snapshot. */
static uint64_t last_to_go(const struct group *group, uint64_t index)
{
    const bool alone = group->replicas.count == 1;
    const uint64_t everywhere = alone ? index + 1 : compact_everywhere(group);
    const uint64_t spare = everywhere > 0 ? everywhere - 1 : 0;
    uint64_t through = spare < index ? spare : index;
    if (through < group->base_before)
        through = group->base_before;
    return through > group->terms.base ? through : group->terms.base;
}

/* The reference to the snapshot, and the log through an entry gone, in one write. */
static void cut_log(struct group *group, const struct group_turn *turn, uint64_t through)
{
    const struct group_base *base = &group->base;
    struct effect *effect = effects_add(turn->effects, EFFECT_COMPACT);
    effect->group = group->config.group;
    effect->ticket = turn->ticket;
    effect->compact.index = base->index;
    effect->compact.term = base->term;
    effect->compact.through = through;
    group->write_ticket = turn->ticket;

    core_compact(group, turn, through);
    if (through > group->terms.base)
        terms_drop(&group->terms, through, through == base->index ? base->term : 0);
    /* What was asked for may not be there any more. */
    if (group->reading && group->read_first <= through)
        group->read_overtaken = true;
}

void group_compact(struct group *group, const struct group_turn *turn,
                   const struct group_base *base)
{
    CHECK(base->index > group->base.index);
    CHECK(base->index <= group->applied);
    CHECK(base->index <= group->durable_index);
    CHECK(group_has(group, base->index, base->term));
    if (!group_enter(group, turn))
        return;
    group->base_before = group->base.index;
    group->base = *base;
    cut_log(group, turn, last_to_go(group, base->index));
    if (!group->broken)
        group_leave(group, turn);
}

void compact_more(struct group *group, const struct group_turn *turn)
{
    const uint64_t index = group->base.index;
    if (index == 0 || group->terms.base >= index || !group_room(group, turn, 2))
        return;
    const uint64_t through = last_to_go(group, index);
    const uint64_t more = through - group->terms.base;
    if (more >= WORTH_ENTRIES || (more > 0 && through == index))
        cut_log(group, turn, through);
}

void group_snapshot_point(const struct group *group, struct group_base *ret_base)
{
    *ret_base = (struct group_base){
        .index = group->applied,
        .term = terms_of(&group->terms, group->applied),
        .replicas_index = group->replicas_applied_index,
        .replicas = group->replicas_applied,
    };
}

uint64_t group_applied_bytes(const struct group *group)
{
    return group->applied_bytes;
}

uint64_t group_base_index(const struct group *group)
{
    return group->base.index;
}

uint64_t group_compacted(const struct group *group)
{
    return group->terms.base;
}
