/* cluster/ranges/range_summary.h -- What a range says of a run of epochs when it closes them. */
#ifndef CAIRN_CLUSTER_RANGES_RANGE_SUMMARY_H
#define CAIRN_CLUSTER_RANGES_RANGE_SUMMARY_H

#include <stdint.h>

#include "cluster/base/arena.h"
#include "cluster/epochs/summary.h"
#include "cluster/hunt/engine.h"

struct range_run {
    uint32_t range;
    uint64_t from, through; /* epochs, both included; `from` is still open, with all that is in it,
                             * and the versions that are active judge each of them */
    uint64_t last_hlc;
};

/* The summary of all hunts that the range has learned, with one reference, the caller's. The arena
 * is for what is needed meanwhile. NULL: no memory. */
struct summary *range_summary(struct engine *engine, const struct range_run *run,
                              struct arena *arena);

#endif
