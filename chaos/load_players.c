#include "chaos/load_players.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"

/* Of so many random players the first that suits the mix is taken. */
#define TRIES 8

/* Ours to give: version 8 of RFC 9562. */
static struct player_id make_id(struct rng *rng)
{
    struct player_id id;
    uint64_t words[2];
    for (size_t i = 0; i < 2; i++)
        words[i] = rng_next(rng);
    memcpy(id.bytes, words, sizeof id.bytes);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x80);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

enum status load_players_init(struct load_players *ret_players, const struct load_hunt *hunt,
                              uint32_t count, uint64_t seed)
{
    CHECK(count > 0);
    *ret_players = (struct load_players){.hunt = hunt, .count = count};
    ret_players->held_words = (hunt->definition->treasure_count + 63U) / 64;
    ret_players->list = calloc(count, sizeof *ret_players->list);
    ret_players->held = calloc((size_t)count * ret_players->held_words, sizeof(uint64_t));
    ret_players->free = calloc(count, sizeof *ret_players->free);
    if (ret_players->list == NULL || ret_players->held == NULL || ret_players->free == NULL) {
        load_players_fini(ret_players);
        return STATUS_NO_MEMORY;
    }
    rng_init(&ret_players->rng, seed);
    for (uint32_t i = 0; i < count; i++)
        ret_players->list[i].id = make_id(&ret_players->rng);
    return STATUS_OK;
}

void load_players_fini(struct load_players *players)
{
    free(players->list);
    free(players->held);
    free(players->free);
    *players = (struct load_players){0};
}

static bool holds(const struct load_players *players, uint32_t player, uint16_t treasure)
{
    const uint64_t *held = &players->held[(size_t)player * players->held_words];
    return (held[treasure / 64] >> (treasure % 64) & 1) != 0;
}

static void give(struct load_players *players, uint32_t player, uint16_t treasure)
{
    if (holds(players, player, treasure))
        return;
    players->held[(size_t)player * players->held_words + treasure / 64] |= UINT64_C(1)
                                                                           << (treasure % 64);
    players->list[player].held++;
    players->list[player].has_all = false;
}

static bool take_list(struct load_players *players, uint32_t player, const json_t *list)
{
    if (!json_is_array(list))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = json_string_value(json_array_get(list, i));
        const int32_t treasure = id != NULL ? load_hunt_find(players->hunt, id, -1) : -1;
        if (treasure >= 0)
            give(players, player, (uint16_t)treasure);
    }
    return true;
}

enum status load_players_resume(struct load_players *players, uint32_t player, const json_t *page)
{
    CHECK(player < players->count);
    const char *digits = json_string_value(json_object_get(page, "last_seq"));
    if (digits == NULL || digits[0] < '0' || digits[0] > '9')
        return STATUS_INVALID;
    char *end;
    const unsigned long long last_seq = strtoull(digits, &end, 10);
    /* Beyond the middle a long run could reach the last seq there is. */
    if (*end != '\0' || last_seq > SEQ_MAX / 2)
        return STATUS_INVALID;
    if (!take_list(players, player, json_object_get(page, "found")) ||
        !take_list(players, player, json_object_get(page, "pending")) ||
        !take_list(players, player, json_object_get(page, "won")))
        return STATUS_INVALID;
    players->list[player].last_seq = (uint32_t)last_seq;
    return STATUS_OK;
}

/* Choosing what to claim. */

static bool has_required(const struct load_players *players, uint32_t player,
                         const struct treasure *treasure)
{
    for (uint16_t i = 0; i < treasure->requires_count; i++) {
        if (!holds(players, player, treasure->requires[i]))
            return false;
    }
    return true;
}

static bool is_open(const struct load_players *players, uint32_t player, uint16_t at)
{
    const struct treasure *treasure = &players->hunt->definition->treasures[at];
    return !players->hunt->sold_out[at] && treasure->unlock_reactions == 0 &&
           !holds(players, player, at) && has_required(players, player, treasure);
}

static bool is_in_window(const struct treasure *treasure, int64_t time_ms)
{
    return !treasure->has_window ||
           (treasure->window_from_ms <= time_ms && time_ms < treasure->window_to_ms);
}

/* One that he lacks and could find now, from a random one on; LOAD_NO_TREASURE: there is none. */
static int32_t find_open(struct load_players *players, uint32_t player, int64_t time_ms)
{
    const struct definition *definition = players->hunt->definition;
    const uint16_t count = definition->treasure_count;
    if (players->list[player].has_all)
        return LOAD_NO_TREASURE;
    uint16_t at = (uint16_t)rng_below(&players->rng, count);
    bool later = false;
    for (uint16_t i = 0; i < count; i++) {
        if (is_open(players, player, at)) {
            if (is_in_window(&definition->treasures[at], time_ms))
                return at;
            later = true;
        }
        at = at + 1 < count ? (uint16_t)(at + 1) : 0;
    }
    players->list[player].has_all = !later;
    return LOAD_NO_TREASURE;
}

/* One that he has, from a random one on. */
static int32_t find_held(struct load_players *players, uint32_t player)
{
    const uint16_t count = players->hunt->definition->treasure_count;
    if (players->list[player].held == 0)
        return LOAD_NO_TREASURE;
    uint16_t at = (uint16_t)rng_below(&players->rng, count);
    while (!holds(players, player, at))
        at = at + 1 < count ? (uint16_t)(at + 1) : 0;
    return at;
}

enum wish {
    WISH_NOTHING,
    WISH_ALREADY,
    WISH_FOUND,
};

static enum wish draw_wish(struct rng *rng)
{
    const uint64_t percent = rng_below(rng, 100);
    return percent < 60 ? WISH_NOTHING : percent < 90 ? WISH_ALREADY : WISH_FOUND;
}

static int32_t find_treasure(struct load_players *players, uint32_t player, enum wish wish,
                             int64_t time_ms)
{
    switch (wish) {
    case WISH_NOTHING:
        return LOAD_NO_TREASURE;
    case WISH_ALREADY:
        return find_held(players, player);
    case WISH_FOUND:
        return find_open(players, player, time_ms);
    }
    UNREACHABLE();
}

/* The hole moves to the end of the holders, and from there to the end of all. */
static void take(struct load_players *players, uint32_t at)
{
    CHECK(at < players->free_count);
    if (at < players->free_holders) {
        players->free[at] = players->free[--players->free_holders];
        at = players->free_holders;
    }
    players->free[at] = players->free[--players->free_count];
}

static void put_back(struct load_players *players, uint32_t player)
{
    CHECK(players->free_count < players->count);
    uint32_t at = players->free_count++;
    if (players->list[player].held > 0) {
        players->free[at] = players->free[players->free_holders];
        at = players->free_holders++;
    }
    players->free[at] = player;
}

void load_players_begin(struct load_players *players)
{
    CHECK(players->free_count == 0);
    for (uint32_t i = 0; i < players->count; i++)
        put_back(players, i);
}

/* A free player who can do what the wish is, and takes him; where there is none, or after some
 * tries, anyone, and what he can do. */
static void choose(struct load_players *players, struct load_claim *claim, int64_t time_ms)
{
    const enum wish wish = draw_wish(&players->rng);
    const bool from_holders = wish == WISH_ALREADY && players->free_holders > 0;
    const uint32_t choice = from_holders ? players->free_holders : players->free_count;
    const uint32_t tries = wish == WISH_FOUND ? TRIES : 1;
    uint32_t at = 0;
    claim->treasure = LOAD_NO_TREASURE;
    for (uint32_t i = 0; i < tries && claim->treasure == LOAD_NO_TREASURE; i++) {
        at = (uint32_t)rng_below(&players->rng, choice);
        claim->treasure = find_treasure(players, players->free[at], wish, time_ms);
    }
    if (claim->treasure == LOAD_NO_TREASURE && wish == WISH_FOUND)
        claim->treasure = find_held(players, players->free[at]);
    claim->player = players->free[at];
    take(players, at);
}

/* A further claim of somebody who is taken already. */
static void choose_for(struct load_players *players, struct load_claim *claim, int64_t time_ms)
{
    claim->treasure = find_treasure(players, claim->player, draw_wish(&players->rng), time_ms);
}

bool load_players_claim(struct load_players *players, struct load_claim *claims, uint32_t count,
                        int64_t time_ms)
{
    const uint32_t persons = count < players->free_count ? count : players->free_count;
    if (count > (uint64_t)persons * ACTIONS_PER_PLAYER_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct load_claim *claim = &claims[i];
        if (i < persons) {
            choose(players, claim, time_ms);
        } else {
            claim->player = claims[i % persons].player;
            choose_for(players, claim, time_ms);
        }
        claim->place = claim->treasure == LOAD_NO_TREASURE
                           ? load_hunt_miss(players->hunt, &players->rng)
                           : load_hunt_aim(players->hunt, (uint16_t)claim->treasure, &players->rng);
        claim->seq = ++players->list[claim->player].last_seq;
        claim->time_ms = time_ms;
    }
    return true;
}

void load_players_learn(struct load_players *players, const struct load_claim *claim,
                        enum outcome outcome, int32_t treasure)
{
    if (treasure == LOAD_NO_TREASURE)
        return;
    CHECK(treasure < players->hunt->definition->treasure_count);
    switch (outcome) {
    case OUTCOME_FOUND:
    case OUTCOME_PENDING:
    case OUTCOME_WON:
    case OUTCOME_ALREADY:
        give(players, claim->player, (uint16_t)treasure);
        return;
    case OUTCOME_SOLD_OUT:
        players->hunt->sold_out[treasure] = true;
        return;
    default:
        return;
    }
}

/* Several claims of one player follow each other's first at a fixed distance: he is put back at his
 * first. */
void load_players_release(struct load_players *players, const struct load_claim *claims,
                          uint32_t count)
{
    const uint32_t first = count > 0 ? claims[0].player : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && claims[i].player == first)
            return;
        put_back(players, claims[i].player);
    }
}
