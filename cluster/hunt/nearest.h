/* cluster/hunt/nearest.h -- The players that stand nearest to a place on a board, on either side,
 * picked from a stream of players in any order. A heap on each side, so a pass over n players costs
 * at most n x log(limit). */
#ifndef CAIRN_CLUSTER_HUNT_NEAREST_H
#define CAIRN_CLUSTER_HUNT_NEAREST_H

#include <stdint.h>

#include "cluster/hunt/board.h"

/* One side: the `limit` entries nearest to the place; all zeros but these two at first. */
struct nearest_side {
    struct board_entry *entries; /* the caller's, room for `limit` */
    uint32_t limit;
    uint32_t count;
};

struct nearest {
    struct board_entry place;         /* who stands exactly there is left out */
    struct nearest_side above, below; /* before and after it in board_entry_compare's order */
};

void nearest_offer(struct nearest *nearest, const struct board_entry *entry);

/* After the last offer: puts both sides into the board's order. */
void nearest_finish(struct nearest *nearest);

#endif
