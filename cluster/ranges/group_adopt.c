#include "cluster/base/check.h"
#include "cluster/ranges/group_internal.h"

bool group_lacks(const struct group *group, const struct group_base *base)
{
    return group->started && !group->broken && group->role != GROUP_LEADER &&
           base->index > group->commit && base->term <= core_term(group) &&
           !group_has(group, base->index, base->term) &&
           !replica_set_sole_voter(&base->replicas, group->config.replica);
}

bool group_follows(const struct group *group, uint64_t node, uint64_t term)
{
    return group->started && !group->broken && group->role == GROUP_FOLLOWER &&
           term == core_term(group) && term == group->leader_term && node == group->leader_node;
}

uint64_t group_replica(const struct group *group)
{
    return group->config.replica;
}

/* Nothing of the log is left, in memory and, with this turn's write, on disk. */
static void forget_log(struct group *group, const struct group_turn *turn)
{
    if (group->terms.last_index > group->terms.base) {
        struct effect *effect = effects_add(turn->effects, EFFECT_TRUNCATE);
        effect->group = group->config.group;
        effect->ticket = turn->ticket;
        effect->truncate.from = group->terms.base + 1;
    }
    group->writes_count = 0;
    outbox_clear(&group->outbox);
    tail_bury(&group->tail, group->kept_block);
    group->kept_block = NULL;
    group->kept = (struct log_part){0};
    group->read_overtaken = group->reading;
}

static void begin_behind(struct group *group, const struct group_turn *turn,
                         const struct group_base *base)
{
    struct effect *effect = effects_add(turn->effects, EFFECT_COMPACT);
    effect->group = group->config.group;
    effect->ticket = turn->ticket;
    effect->compact.index = base->index;
    effect->compact.term = base->term;
    effect->compact.through = base->index;
    group->write_ticket = turn->ticket;

    group->base = *base;
    group->base_before = base->index;
    group->replicas = base->replicas;
    group->replicas_applied = base->replicas;
    group->replicas_applied_index = base->replicas_index;
    group->commit = group->applied = group->durable_index = base->index;
    group->everywhere = group->stranded = 0;
    terms_begin(&group->terms, base->index, base->term);
    tail_restart(&group->tail, base->index + 1);
}

/* libraft's own way (InstallSnapshot, then RAFT_PERSISTED_SNAPSHOT) wants to hear of the snapshot
 * before it is there, and takes no entries and no office meanwhile. A start from it comes to the
 * same, whoever leads by now; term and vote stay. */
void group_adopt(struct group *group, const struct group_turn *turn, const struct group_base *base)
{
    CHECK(group_lacks(group, base));
    if (!group_enter(group, turn))
        return;
    const struct hard_state hard_state = {.term = core_term(group), .vote = core_vote_given(group)};
    forget_log(group, turn);
    core_close(group);
    begin_behind(group, turn, base);
    core_open(group);
    core_start(group, turn, &hard_state);
    if (!group->broken)
        group_leave(group, turn);
}
