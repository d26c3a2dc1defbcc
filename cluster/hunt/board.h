/* cluster/hunt/board.h -- The live leaderboard of one hunt in one range: an exact histogram of
 * scores, and the best BOARD_TOP players.
 *
 * Scores lie in 0 to BOARD_SCORE_MAX and never fall. The histogram is a tree of counters by score
 * (leaves of 128 scores, made when first needed), so an update touches one counter a level, and the
 * number of players above a score is a sum over siblings. The top list holds up to twice BOARD_TOP
 * candidates and is cut back when it is full, and it is put in order only then and when it is read:
 * whoever is cut has BOARD_TOP players above him, whose
 * scores do not fall, so he returns only by scoring again.
 *
 * Memory: the tree takes from its pool and gives back what holds nobody, so it never holds more
 * than players x levels nodes of 512 bytes; it has three levels up to a score of 2^19, six up to
 * BOARD_SCORE_MAX. The pool grows by 32 KB at a time. A replica that skipped a change of its log
 * would diverge, so when there is no memory for that, the process aborts.
 *
 * One thread. */
#ifndef CAIRN_CLUSTER_HUNT_BOARD_H
#define CAIRN_CLUSTER_HUNT_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/ids.h"

/* Every treasure of the largest hunt at the most points, over all numbers ever used: 4096 x 10^6.
 */
#define BOARD_SCORE_MAX ((int64_t)TREASURE_NUMBERS_MAX * POINTS_MAX)

/* A place on a board. Order: score down, hlc up, range up, player bytes up. */
struct board_entry {
    int64_t score;
    uint64_t hlc; /* of the last claim that brought points */
    uint32_t range;
    struct player_id player;
};

/* Below, equal to or above zero: a stands before, with, or after b. */
int board_entry_compare(const struct board_entry *a, const struct board_entry *b);

struct board;

/* NULL: no memory. */
struct board *board_new(uint32_t range);
void board_free(struct board *board);

/* A new player, with score 0. */
void board_join(struct board *board);

/* A player's score rose from `before` to `after` > before by the claim stamped `hlc`. `slot` is his
 * number in the range, the same each time. */
struct board_change {
    uint32_t slot;
    struct player_id player;
    int64_t before, after;
    uint64_t hlc;
};
void board_score(struct board *board, const struct board_change *change);

uint64_t board_players(const struct board *board);

/* Different scores that somebody has. */
uint64_t board_buckets(const struct board *board);

/* Players whose score is higher; any score may be asked for. A player's rank is this plus one. */
uint64_t board_above(const struct board *board, int64_t score);

/* The best players that have scored, in order. Returns how many, at most BOARD_TOP. */
uint32_t board_top(struct board *board, struct board_entry entries[BOARD_TOP]);

/* The scores above `after` (at least -1) that somebody has, upwards. Returns how many were written;
 * fewer than `room`: there are no more. */
struct board_bucket {
    int64_t score;
    uint64_t players;
};
uint32_t board_buckets_after(const struct board *board, int64_t after, struct board_bucket *list,
                             uint32_t room);

/* Bytes held, for the metrics. */
uint64_t board_bytes(const struct board *board);

#endif
