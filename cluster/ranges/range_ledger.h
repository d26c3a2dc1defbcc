/* cluster/ranges/range_ledger.h -- What a range leaves to be settled of the epoch that it closes.
 */
#ifndef CAIRN_CLUSTER_RANGES_RANGE_LEDGER_H
#define CAIRN_CLUSTER_RANGES_RANGE_LEDGER_H

#include <stdint.h>

#include "cluster/base/arena.h"
#include "cluster/epochs/ledger.h"
#include "cluster/hunt/engine.h"

/* The ledger of `epoch`, which is still open; its lists live in the arena. */
void range_ledger(const struct engine *engine, uint64_t epoch, struct arena *arena,
                  struct ledger *ret_ledger);

#endif
