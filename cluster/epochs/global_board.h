/* cluster/epochs/global_board.h -- The leaderboards of all hunts over all ranges, as one epoch left
 * them: merged from the summaries that are there, immutable, and read directly by any thread.
 *
 * COMPLETE: all ranges are in, and every node makes the same board; else PARTIAL, with the missing
 * ranges named, whose players are not counted.
 *
 * Rank: one more than the players with a higher score. In the top list that is so where the hunt's
 * ties are shared; where the first wins, it is the place in the list. Whoever is in the list has
 * his rank there everywhere.
 *
 * References are counted atomically; everything else never changes. */
#ifndef CAIRN_CLUSTER_EPOCHS_GLOBAL_BOARD_H
#define CAIRN_CLUSTER_EPOCHS_GLOBAL_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/ids.h"
#include "cluster/base/status.h"
#include "cluster/epochs/summary.h"
#include "cluster/hunt/board.h"
#include "cluster/hunt/definition.h"

struct global_entry {
    uint64_t rank;
    struct board_entry entry;
};

#define GLOBAL_PLACES 2048

struct global_hunt {
    uint16_t hunt;
    enum ties ties;
    uint64_t players;
    uint32_t bucket_count;
    uint32_t *scores; /* the occupied scores, upwards */
    uint32_t *above;  /* players above each of them */
    uint32_t entry_count;
    struct global_entry *entries; /* the best BOARD_TOP, best first */
    /* Over number, ties, players, histogram, and entries with their ranks; not over the epoch. */
    uint64_t digest;
    uint16_t places[GLOBAL_PLACES]; /* position + 1 by the player's hash; 0: free */
};

struct global_summary {
    uint32_t range;
    uint64_t bytes;
    uint64_t digest;
};

struct global_board {
    atomic_uint references;
    uint64_t from, through; /* the board of each of these epochs; a partial one has one epoch */
    bool complete;
    uint32_t ranges, ranges_in;
    uint32_t *missing;                /* ranges - ranges_in of them, upwards */
    struct global_summary *summaries; /* ranges_in of them, by rising range */
    uint32_t hunt_count;
    struct global_hunt *hunts; /* by rising number */
    uint64_t digest;           /* over the missing ranges and the hunts' digests; not the epoch */
    size_t bytes;              /* of memory, for the metrics */
};

struct global_input {
    uint64_t from, through;
    uint32_t ranges;
    /* By range; NULL where there is none. At most UINT32_MAX / ranges players each. */
    struct summary *const *summaries;
};

/* A board with one reference, the caller's. It keeps nothing of the input. STATUS_CORRUPT: two
 * ranges say of one hunt that its ties are broken in different ways; STATUS_NO_MEMORY. */
MUST_USE enum status global_board_new(const struct global_input *input,
                                      struct global_board **ret_board);

struct global_board *global_board_hold(struct global_board *board);
void global_board_release(struct global_board *board);

/* NULL: nobody has played this hunt. */
const struct global_hunt *global_board_hunt(const struct global_board *board, uint16_t hunt);

/* The player's entry in the top list; NULL: he is not in it. */
const struct global_entry *global_hunt_entry(const struct global_hunt *hunt,
                                             const struct player_id *player);

/* Players whose score is higher; any score may be asked for. */
uint64_t global_hunt_above(const struct global_hunt *hunt, int64_t score);

/* The rank of a player (NULL: of anybody) with this score; of one in the top list, whatever the
 * score, his rank there. 0: the board does not have the hunt. */
uint64_t global_board_rank(const struct global_board *board, uint16_t hunt, int64_t score,
                           const struct player_id *player);

#endif
