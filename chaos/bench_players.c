#include "chaos/bench_players.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"

#define SEED UINT64_C(20270101)

/* One in so many of those who look for what they lack looks for something limited. */
#define LIMITED_ONE_IN 16

/* Treasures that nobody has when there are none of a kind. */
#define NO_TREASURE UINT16_MAX

enum status bench_players_init(struct bench_players *players, const struct bench_hunt *hunt,
                               uint32_t count)
{
    CHECK(count > 0);
    *players = (struct bench_players){.hunt = hunt, .count = count};
    players->words = (hunt->definition->treasure_count + UINT32_C(63)) / 64;
    const size_t words = (size_t)count * players->words;
    players->seqs = malloc(count * sizeof players->seqs[0]);
    players->has = malloc(words * sizeof players->has[0]);
    if (players->seqs == NULL || players->has == NULL) {
        bench_players_fini(players);
        return STATUS_NO_MEMORY;
    }
    /* Written to, so that it is there when memory is measured. */
    memset(players->seqs, 0, count * sizeof players->seqs[0]);
    memset(players->has, 0, words * sizeof players->has[0]);
    rng_init(&players->rng, SEED);
    return STATUS_OK;
}

void bench_players_fini(struct bench_players *players)
{
    free(players->seqs);
    free(players->has);
    *players = (struct bench_players){.count = 0};
}

struct player_id bench_players_id(uint32_t number)
{
    struct player_id id;
    const uint64_t halves[2] = {hash_chain(1, &number, sizeof number),
                                hash_chain(2, &number, sizeof number)};
    memcpy(id.bytes, halves, sizeof id.bytes);
    return id;
}

static struct action claim_at(struct bench_players *players, uint32_t number,
                              struct bench_place place)
{
    CHECK(number < players->count);
    return (struct action){
        .kind = ACTION_CLAIM,
        .hunt = BENCH_HUNT,
        .seq = ++players->seqs[number],
        .player = bench_players_id(number),
        .x = place.x,
        .y = place.y,
    };
}

struct action bench_players_miss(struct bench_players *players, uint32_t number)
{
    return claim_at(players, number, bench_hunt_nothing(players->hunt, &players->rng));
}

static bool has(const struct bench_players *players, uint32_t number, uint16_t treasure)
{
    const uint64_t *words = &players->has[(size_t)number * players->words];
    return (words[treasure / 64] >> treasure % 64 & 1) != 0;
}

/* A random treasure of the kind, of those that the player has, or lacks. */
static uint16_t pick_free(struct bench_players *players, uint32_t number, bool is_his)
{
    const uint16_t count = players->hunt->definition->treasure_count;
    const uint16_t start = (uint16_t)rng_below(&players->rng, count);
    for (uint16_t i = 0; i < count; i++) {
        const uint16_t treasure = (uint16_t)((start + i) % count);
        if (bench_hunt_kind(treasure) == BENCH_FREE && has(players, number, treasure) == is_his)
            return treasure;
    }
    return NO_TREASURE;
}

static uint16_t pick_kind(struct bench_players *players, enum bench_kind kind)
{
    const uint16_t count = players->hunt->definition->treasure_count;
    const uint16_t start = (uint16_t)rng_below(&players->rng, count);
    for (uint16_t i = 0; i < count; i++) {
        const uint16_t treasure = (uint16_t)((start + i) % count);
        if (bench_hunt_kind(treasure) == kind)
            return treasure;
    }
    return NO_TREASURE;
}

/* Where there is no such treasure, nothing is hit. */
static struct action claim_treasure(struct bench_players *players, uint32_t number,
                                    uint16_t treasure)
{
    if (treasure == NO_TREASURE)
        return bench_players_miss(players, number);
    return claim_at(players, number, bench_hunt_at(players->hunt, treasure, &players->rng));
}

struct action bench_players_find(struct bench_players *players, uint32_t number)
{
    uint16_t treasure = pick_free(players, number, false);
    if (treasure == NO_TREASURE)
        treasure = pick_free(players, number, true);
    CHECK(treasure != NO_TREASURE); /* the first one is free */
    players->has[(size_t)number * players->words + treasure / 64] |= UINT64_C(1) << treasure % 64;
    return claim_treasure(players, number, treasure);
}

struct action bench_players_play(struct bench_players *players)
{
    const uint32_t number = (uint32_t)rng_below(&players->rng, players->count);
    const uint64_t share = rng_below(&players->rng, 100);
    if (share < BENCH_NOTHING)
        return bench_players_miss(players, number);
    if (share < BENCH_NOTHING + BENCH_CLOSED_SHARE)
        return claim_treasure(players, number, pick_kind(players, BENCH_CLOSED));
    if (share < BENCH_NOTHING + BENCH_CLOSED_SHARE + BENCH_ALREADY)
        return claim_treasure(players, number, pick_free(players, number, true));
    if (!players->sold_out && rng_chance(&players->rng, 1, LIMITED_ONE_IN)) {
        const uint16_t limited = pick_kind(players, BENCH_LIMITED);
        if (limited != NO_TREASURE)
            return claim_treasure(players, number, limited);
    }
    return bench_players_find(players, number);
}
