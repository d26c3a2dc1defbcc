/* Untruths on purpose: a check that has never failed shows nothing. */
#include "tests/sim/world_internal.h"

bool world_lies(struct world *world, enum world_mutation mutation)
{
    if (world->options.mutation != mutation)
        return false;
    world->report->mutated = true;
    return true;
}

/* A find that was told as new. */
static struct acknowledgement *first_find(const struct world *world)
{
    for (uint32_t i = 0; i < world->acknowledged; i++) {
        const struct result *result = &world->acknowledgements[i].result;
        if (result->outcome == OUTCOME_FOUND && !result->replayed && result->points > 0)
            return &world->acknowledgements[i];
    }
    return NULL;
}

bool lies_drop(struct world *world, uint32_t range, uint64_t index)
{
    const struct acknowledgement *find = first_find(world);
    return find != NULL && find->result.range == range && find->result.log_index == index &&
           world_lies(world, WORLD_DROP_ACKNOWLEDGED);
}

/* Another find, in another entry. */
static struct acknowledgement *other_find(const struct world *world,
                                          const struct acknowledgement *first)
{
    for (uint32_t i = 0; i < world->acknowledged; i++) {
        const struct result *result = &world->acknowledgements[i].result;
        if (result->outcome == OUTCOME_FOUND && result->log_index != first->result.log_index)
            return &world->acknowledgements[i];
    }
    return NULL;
}

/* What the clients remember is made untrue. */
void lies_tell(struct world *world)
{
    struct acknowledgement *find = first_find(world);
    struct acknowledgement *other = find != NULL ? other_find(world, find) : NULL;
    if (other == NULL)
        return;
    if (world_lies(world, WORLD_SWAP_INDICES)) {
        const uint64_t index = find->result.log_index;
        find->result.log_index = other->result.log_index;
        other->result.log_index = index;
    }
    if (world_lies(world, WORLD_ALTER_SCORE))
        find->result.score += find->result.points;
    if (world_lies(world, WORLD_DOUBLE_CLAIM)) {
        /* Some other answer becomes a second one to this find, judged anew. */
        const struct result *result = &find->result;
        *other = *find;
        other->result.hlc++;
        other->result.score += result->points;
    }
}
