/* chaos/load_players.h -- Simulated players: who they are, what each has found, and what each
 * claims next, so that the mix is that of cairn-bench: 60 % nothing (or a closed treasure), 30 %
 * already, 10 % found or pending, as long as there are players who have something and players who
 * lack something; else the next one in that order, backwards.
 *
 * A player has one request under way at most: until it is answered he is taken. So his actions are
 * judged in the order of their seqs, and a retry is never older than his window.
 *
 * Pure; one thread. */
#ifndef CAIRN_CHAOS_LOAD_PLAYERS_H
#define CAIRN_CHAOS_LOAD_PLAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "chaos/load_hunt.h"
#include "cluster/base/ids.h"
#include "cluster/base/rng.h"
#include "cluster/base/status.h"
#include "cluster/values/action.h"

/* A claim at no treasure. */
#define LOAD_NO_TREASURE (-1)

struct load_claim {
    uint32_t player;
    uint32_t seq;
    struct load_place place;
    int64_t time_ms;
    int32_t treasure; /* the one aimed at, or LOAD_NO_TREASURE */
};

struct load_player {
    struct player_id id;
    uint32_t last_seq;
    uint16_t held;
    bool has_all; /* nothing is open to him, and more of what he has would be needed for a change */
};

struct load_players {
    const struct load_hunt *hunt;
    struct rng rng;
    uint32_t count;
    struct load_player *list;
    uint64_t *held; /* a bit for each treasure, player by player */
    uint32_t held_words;
    uint32_t *free; /* the players without a request under way: first those who hold something */
    uint32_t free_holders;
    uint32_t free_count;
};

/* Players that follow from `seed` alone: the same seed, the same ids. `hunt` outlives them.
 * STATUS_NO_MEMORY. */
MUST_USE enum status load_players_init(struct load_players *ret_players,
                                       const struct load_hunt *hunt, uint32_t count, uint64_t seed);
void load_players_fini(struct load_players *players);

/* Goes on from his page (GET /v1/hunts/{hunt}/players/{player}). STATUS_INVALID: it is none. */
MUST_USE enum status load_players_resume(struct load_players *players, uint32_t player,
                                         const json_t *page);

/* Everybody is free to claim. Once, and nobody is resumed after it. */
void load_players_begin(struct load_players *players);

/* Fills in `count` claims of free players and takes these. With fewer free players than claims some
 * have several, each at most ACTIONS_PER_PLAYER_MAX. False: there are not enough, and nothing
 * happened. */
MUST_USE bool load_players_claim(struct load_players *players, struct load_claim *claims,
                                 uint32_t count, int64_t time_ms);

/* What became of a claim; `treasure` is the answer's, or LOAD_NO_TREASURE. */
void load_players_learn(struct load_players *players, const struct load_claim *claim,
                        enum outcome outcome, int32_t treasure);

/* The players of a request are free again. The claims are those that load_players_claim gave. */
void load_players_release(struct load_players *players, const struct load_claim *claims,
                          uint32_t count);

#endif
