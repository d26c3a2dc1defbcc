/* tests/sim/generate.h -- Random hunts and random players for the simulator and for comparing the
 * engine with the model. All chance comes from the caller's rng, drawn one statement after another:
 * C leaves the order of calls within an argument list or an initializer to the compiler, and a seed
 * must mean the same to all of them. One thread; aborts when memory runs out. */
#ifndef CAIRN_TESTS_SIM_GENERATE_H
#define CAIRN_TESTS_SIM_GENERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/ids.h"
#include "cluster/base/rng.h"
#include "cluster/hunt/definition.h"
#include "cluster/values/action.h"
#include "cluster/values/result.h"

/* What a hunt may have; a bit allows it, chance decides where it is used. */
#define GENERATE_REQUIRES  (1u << 0)
#define GENERATE_WINDOW    (1u << 1)
#define GENERATE_TAPS      (1u << 2)
#define GENERATE_DECAY     (1u << 3)
#define GENERATE_RATE      (1u << 4)
#define GENERATE_SPEED     (1u << 5)
#define GENERATE_TTL       (1u << 6)
#define GENERATE_TOLERANCE (1u << 7)
#define GENERATE_OPENING   (1u << 8) /* opens_at, closes_at */
#define GENERATE_TIES      (1u << 9) /* ties may be shared */
#define GENERATE_GEO       (1u << 10)
#define GENERATE_SUPPLY    (1u << 11)
#define GENERATE_REACTIONS (1u << 12)
#define GENERATE_UNLOCK    (1u << 13)

#define GENERATE_PLAIN 0u /* every treasure once for everyone, on the plane, always */
#define GENERATE_ALL   ((1u << 14) - 1)

struct generate_hunt {
    const char *name;
    uint32_t features;
    uint16_t treasures; /* 1 to TREASURES_MAX */
    int64_t start_ms;   /* the hunt is played from then on ... */
    int64_t length_ms;  /* ... for so long; windows and opening times lie around it */
};

/* A hunt that passes definition_check. Its treasures are numbered from 0 in their order. The caller
 * frees it with definition_free. */
struct definition *generate_definition(struct rng *rng, const struct generate_hunt *hunt);

/* The next version of a hunt: most treasures go on under their ids, changed at will but for what
 * may not change (limited or not, the plane); some are gone, some are new, with ids t`*next_id` up.
 */
struct definition *generate_next(struct rng *rng, const struct generate_hunt *hunt,
                                 const struct definition *before, uint32_t *next_id);

/* Some players of one hunt, what they sent, and what they know they have. */
struct generate_players;

/* The definition is the caller's and outlives the players, or until generate_change. */
struct generate_players *generate_players_new(struct rng *rng, uint32_t players, uint16_t hunt,
                                              const struct definition *definition);
void generate_players_free(struct generate_players *players);

/* A new version is active: players aim at its treasures from now on. */
void generate_change(struct generate_players *players, const struct definition *definition);

/* What a random player does next: mostly a new click (60 % aimed at nothing in particular, 30 % at
 * a treasure he has, 10 % at one he lacks), some reactions where the hunt has them; now and then a
 * retry, the same seq with other content, a gap in the numbers, a number from a gap or from far
 * below. */
void generate_action(struct generate_players *players, struct rng *rng, int64_t now_ms,
                     struct action *ret_action);

/* An answer came back. */
void generate_learn(struct generate_players *players, const struct result *result);

uint32_t generate_players_count(const struct generate_players *players);
const struct player_id *generate_player(const struct generate_players *players, uint32_t at);

#endif
