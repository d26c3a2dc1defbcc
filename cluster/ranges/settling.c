#include "cluster/ranges/settling.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

void settling_init(struct settling *settling)
{
    *settling = (struct settling){0};
}

static void forget(struct settling *settling)
{
    while (settling->count > 0)
        free(settling->parts[--settling->count]);
}

void settling_fini(struct settling *settling)
{
    forget(settling);
    free(settling->parts);
    settling_init(settling);
}

static bool same_run(const struct settle_part *a, const struct settle_part *b)
{
    return a->from == b->from && a->through == b->through && a->parts == b->parts &&
           a->inputs_digest == b->inputs_digest && a->settled_digest == b->settled_digest &&
           a->all_settled_next == b->all_settled_next;
}

static bool fits(const struct settling *settling, const struct settle_part *part, uint64_t term,
                 uint64_t next)
{
    if (part->part == 1)
        return part->from == next;
    return settling->count > 0 && settling->term == term && part->part == settling->count + 1 &&
           same_run(settling->parts[0], part);
}

enum status settling_take(struct settling *settling, struct settle_part *part, uint64_t term,
                          uint64_t next, bool *ret_ignored)
{
    *ret_ignored = !fits(settling, part, term, next);
    if (*ret_ignored) {
        free(part);
        return STATUS_OK;
    }
    if (part->part == 1)
        forget(settling);
    if (settling->count == settling->room) {
        const uint32_t room = settling->room == 0 ? 4 : 2 * settling->room;
        struct settle_part **parts = realloc(settling->parts, room * sizeof *parts);
        if (parts == NULL) {
            free(part);
            return STATUS_NO_MEMORY;
        }
        settling->parts = parts;
        settling->room = room;
    }
    settling->term = term;
    settling->parts[settling->count++] = part;
    return STATUS_OK;
}

bool settling_whole(const struct settling *settling)
{
    return settling->count > 0 && settling->count == settling->parts[0]->parts;
}

static void join_awarded(const struct settling *settling, struct arena *arena,
                         struct engine_settlement *settlement)
{
    struct engine_awarded *list =
        arena_take(arena, settlement->awarded_count * sizeof *list + sizeof *list);
    uint32_t at = 0;
    for (uint32_t i = 0; i < settling->count; i++) {
        for (uint32_t j = 0; j < settling->parts[i]->awarded_count; j++) {
            const struct settle_awarded *awarded = &settling->parts[i]->awarded[j];
            list[at++] = (struct engine_awarded){
                .hunt = awarded->hunt, .treasure = awarded->treasure, .awarded = awarded->awarded};
        }
    }
    settlement->awarded = list;
}

static void join_winners(const struct settling *settling, struct arena *arena,
                         struct engine_settlement *settlement)
{
    struct engine_winner *list =
        arena_take(arena, settlement->winner_count * sizeof *list + sizeof *list);
    uint32_t at = 0;
    for (uint32_t i = 0; i < settling->count; i++) {
        for (uint32_t j = 0; j < settling->parts[i]->winner_count; j++) {
            const struct settle_own_winner *winner = &settling->parts[i]->winners[j];
            list[at++] = (struct engine_winner){.hunt = winner->hunt,
                                                .treasure = winner->treasure,
                                                .place = winner->place,
                                                .player = winner->player,
                                                .seq = winner->seq,
                                                .uncertainty_us = winner->uncertainty_us};
        }
    }
    settlement->winners = list;
}

static void join_reactions(const struct settling *settling, struct arena *arena,
                           struct engine_settlement *settlement)
{
    struct engine_reaction *list =
        arena_take(arena, settlement->reaction_count * sizeof *list + sizeof *list);
    uint32_t at = 0;
    for (uint32_t i = 0; i < settling->count; i++) {
        for (uint32_t j = 0; j < settling->parts[i]->reaction_count; j++) {
            const struct settle_reaction *given = &settling->parts[i]->reactions[j];
            list[at++] = (struct engine_reaction){.hunt = given->hunt,
                                                  .to = given->reaction.to,
                                                  .emoji = given->reaction.emoji,
                                                  .count = given->reaction.count};
        }
    }
    settlement->reactions = list;
}

void settling_finish(struct settling *settling, struct arena *arena,
                     struct engine_settlement *ret_settlement, uint64_t *ret_all_settled_next)
{
    CHECK(settling_whole(settling));
    const struct settle_part *first = settling->parts[0];
    *ret_settlement = (struct engine_settlement){
        .through = first->through,
        .settled_digest = first->settled_digest,
    };
    for (uint32_t i = 0; i < settling->count; i++) {
        ret_settlement->awarded_count += settling->parts[i]->awarded_count;
        ret_settlement->winner_count += settling->parts[i]->winner_count;
        ret_settlement->reaction_count += settling->parts[i]->reaction_count;
    }
    join_awarded(settling, arena, ret_settlement);
    join_winners(settling, arena, ret_settlement);
    join_reactions(settling, arena, ret_settlement);
    *ret_all_settled_next = first->all_settled_next;
    forget(settling);
}
