/* tests/sim/range_play.h -- One range's log, written by chance: versions of two hunts, players'
 * actions, closes, settlements. The records are applied to one or two states as they are written.
 * One thread; aborts when memory runs out. */
#ifndef CAIRN_TESTS_SIM_RANGE_PLAY_H
#define CAIRN_TESTS_SIM_RANGE_PLAY_H

#include "cluster/base/arena.h"
#include "cluster/base/rng.h"
#include "cluster/epochs/ledgers.h"
#include "cluster/ranges/group_base.h"
#include "cluster/ranges/range_state.h"
#include "tests/sim/generate.h"

#define RANGE_PLAY_HUNTS 2

struct range_play {
    struct rng rng;
    struct settings settings;
    struct range_state *state;
    struct range_state *twin; /* NULL: none; must stay equal */
    bool differed;            /* and it did not */
    struct arena arena;
    struct ledgers *ledgers;
    uint64_t now_us, index, all_settled_next;
    struct {
        struct definition *active, *next;
        struct definition_names *names;
        uint32_t version, next_id;
        struct generate_players *players;
    } hunts[RANGE_PLAY_HUNTS];
    uint64_t actions, epochs, settled;
};

void range_play_init(struct range_play *play, uint64_t seed, uint32_t players);
void range_play_fini(struct range_play *play);

/* Writes and applies the next record. */
void range_play_next(struct range_play *play);

/* A part of a settlement that will not be finished. */
void range_play_half_settle(struct range_play *play);

/* Where the state is; the term and the replicas are made up. */
struct group_base range_play_base(const struct range_play *play);

#endif
