/* cluster/hunt/engine_restore.h -- What must hold between the parts of an engine, however it came
 * to be: the engine relies on it without looking. Only for the engine's own files. */
#ifndef CAIRN_CLUSTER_HUNT_ENGINE_RESTORE_H
#define CAIRN_CLUSTER_HUNT_ENGINE_RESTORE_H

#include "cluster/base/status.h"
#include "cluster/hunt/engine_snapshot.h"

/* Reads everything once, and sets the bits of what each player has. STATUS_CORRUPT,
 * STATUS_NO_MEMORY. */
MUST_USE enum status engine_restore_check(struct engine_restore *restore);

#endif
