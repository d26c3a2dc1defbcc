#include "cluster/ranges/range_ledger.h"

#include "cluster/base/check.h"

/* The engine's lists and how far they have been read. */
struct lists {
    const struct engine_claim *claims;
    uint32_t claim_count, claim_at;
    const struct engine_reaction *reactions;
    uint32_t reaction_count, reaction_at;
};

static void read_engine(const struct engine *engine, uint64_t epoch, struct arena *arena,
                        struct lists *lists)
{
    *lists = (struct lists){0};
    lists->claim_count = engine_candidates(engine, epoch, NULL, 0);
    if (lists->claim_count > 0) {
        struct engine_claim *claims = arena_take(arena, lists->claim_count * sizeof *claims);
        (void)engine_candidates(engine, epoch, claims, lists->claim_count);
        lists->claims = claims;
    }
    lists->reaction_count = engine_given(engine, NULL, 0);
    if (lists->reaction_count > 0) {
        struct engine_reaction *given = arena_take(arena, lists->reaction_count * sizeof *given);
        (void)engine_given(engine, given, lists->reaction_count);
        lists->reactions = given;
    }
}

/* The claims of one treasure, which stand next to each other. */
static struct ledger_treasure take_treasure(struct lists *lists, struct arena *arena)
{
    const struct engine_claim *first = &lists->claims[lists->claim_at];
    uint32_t count = 0;
    while (lists->claim_at + count < lists->claim_count && first[count].hunt == first->hunt &&
           first[count].treasure == first->treasure)
        count++;
    struct ledger_claim *claims = arena_take(arena, count * sizeof *claims);
    for (uint32_t i = 0; i < count; i++) {
        claims[i] = (struct ledger_claim){
            .player = first[i].player,
            .seq = first[i].seq,
            .uncertainty_us = first[i].uncertainty_us,
            .hlc = first[i].hlc,
            .log_index = first[i].log_index,
        };
    }
    lists->claim_at += count;
    return (struct ledger_treasure){
        .number = first->treasure, .supply = first->supply, .claim_count = count, .claims = claims};
}

static void take_treasures(struct lists *lists, struct arena *arena, struct ledger_hunt *hunt)
{
    const uint32_t most = lists->claim_count - lists->claim_at;
    struct ledger_treasure *treasures =
        most > 0 ? arena_take(arena, most * sizeof *treasures) : NULL;
    while (lists->claim_at < lists->claim_count &&
           lists->claims[lists->claim_at].hunt == hunt->hunt)
        treasures[hunt->treasure_count++] = take_treasure(lists, arena);
    hunt->treasures = treasures;
}

static void take_reactions(struct lists *lists, struct arena *arena, struct ledger_hunt *hunt)
{
    const uint32_t most = lists->reaction_count - lists->reaction_at;
    struct ledger_reaction *reactions =
        most > 0 ? arena_take(arena, most * sizeof *reactions) : NULL;
    while (lists->reaction_at < lists->reaction_count &&
           lists->reactions[lists->reaction_at].hunt == hunt->hunt) {
        const struct engine_reaction *given = &lists->reactions[lists->reaction_at++];
        reactions[hunt->reaction_count++] =
            (struct ledger_reaction){.to = given->to, .emoji = given->emoji, .count = given->count};
    }
    hunt->reactions = reactions;
}

/* The lowest hunt that is not read yet; HUNTS_MAX: none is left. */
static uint16_t next_hunt(const struct lists *lists)
{
    uint16_t hunt = HUNTS_MAX;
    if (lists->claim_at < lists->claim_count)
        hunt = lists->claims[lists->claim_at].hunt;
    if (lists->reaction_at < lists->reaction_count &&
        lists->reactions[lists->reaction_at].hunt < hunt)
        hunt = lists->reactions[lists->reaction_at].hunt;
    return hunt;
}

void range_ledger(const struct engine *engine, uint64_t epoch, struct arena *arena,
                  struct ledger *ret_ledger)
{
    struct lists lists;
    read_engine(engine, epoch, arena, &lists);
    struct ledger_hunt *hunts = arena_take(arena, HUNTS_MAX * sizeof *hunts);
    uint32_t count = 0;
    for (uint16_t hunt = next_hunt(&lists); hunt < HUNTS_MAX; hunt = next_hunt(&lists)) {
        CHECK(count < HUNTS_MAX);
        struct ledger_hunt *entry = &hunts[count++];
        *entry = (struct ledger_hunt){.hunt = hunt};
        (void)engine_definition(engine, hunt, &entry->version);
        take_treasures(&lists, arena, entry);
        take_reactions(&lists, arena, entry);
    }
    *ret_ledger = (struct ledger){.hunt_count = count, .hunts = hunts};
    ret_ledger->settled_any = engine_settled_through(engine, &ret_ledger->settled_through);
    if (ret_ledger->settled_any)
        ret_ledger->settled_digest = engine_settled_digest(engine);
    else
        ret_ledger->settled_through = 0;
}
