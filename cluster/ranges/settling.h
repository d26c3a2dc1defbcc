/* cluster/ranges/settling.h -- The SETTLE records of one range's log, put together.
 *
 * A settlement is logged in parts and takes effect as a whole with the last one. Part 1 must begin
 * where the range has settled to, and drops an unfinished run; any other part must be the next of
 * that run, in the same term. All else is ignored: two leaders may both log the same settlement,
 * and a leader that lost its term may leave half of one behind. */
#ifndef CAIRN_CLUSTER_RANGES_SETTLING_H
#define CAIRN_CLUSTER_RANGES_SETTLING_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/arena.h"
#include "cluster/base/status.h"
#include "cluster/epochs/settle.h"
#include "cluster/hunt/engine.h"

struct settling {
    struct settle_part **parts; /* of the unfinished run */
    uint32_t count, room;
    uint64_t term;
};

void settling_init(struct settling *settling);
void settling_fini(struct settling *settling);

/* Takes a part over; `next` is the first epoch that the range has not settled. True: the run is
 * whole now (settling_whole); false: more is to come, or the part was ignored, as *ret_ignored
 * says. STATUS_NO_MEMORY aside, which must end the replica. */
MUST_USE enum status settling_take(struct settling *settling, struct settle_part *part,
                                   uint64_t term, uint64_t next, bool *ret_ignored);

/* All parts are there. */
bool settling_whole(const struct settling *settling);

/* What a whole run says to the engine; its lists live in the arena. The run is forgotten. */
void settling_finish(struct settling *settling, struct arena *arena,
                     struct engine_settlement *ret_settlement, uint64_t *ret_all_settled_next);

#endif
