/* chaos/bench_players.h -- Players who click in a given mix: made up without the engine, but
 * knowing what each of them has. */
#ifndef CAIRN_CHAOS_BENCH_PLAYERS_H
#define CAIRN_CHAOS_BENCH_PLAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "chaos/bench_hunt.h"
#include "cluster/base/ids.h"
#include "cluster/base/rng.h"
#include "cluster/values/action.h"

/* Of a hundred claims: so many hit nothing, so many what is closed, so many what the player has;
 * the rest hits what he lacks. */
#define BENCH_NOTHING      50
#define BENCH_CLOSED_SHARE 10
#define BENCH_ALREADY      30

struct bench_players {
    const struct bench_hunt *hunt;
    uint32_t count;
    uint32_t words; /* of `has`, for each player */
    uint32_t *seqs; /* the last one of each */
    uint64_t *has;  /* bits of what each has found, the limited ones aside */
    bool sold_out;  /* nothing limited is left: nobody looks for it any more */
    struct rng rng;
};

/* The hunt must outlive them. STATUS_NO_MEMORY. */
MUST_USE enum status bench_players_init(struct bench_players *players,
                                        const struct bench_hunt *hunt, uint32_t count);
void bench_players_fini(struct bench_players *players);

/* The id of player `number`, below the count. */
struct player_id bench_players_id(uint32_t number);

/* Claims of a player: at nothing; at a treasure that he lacks, so that he has it from now on (at
 * one that he has when he lacks none); in the mix. The time is the caller's to fill in. */
struct action bench_players_miss(struct bench_players *players, uint32_t number);
struct action bench_players_find(struct bench_players *players, uint32_t number);
struct action bench_players_play(struct bench_players *players);

#endif
