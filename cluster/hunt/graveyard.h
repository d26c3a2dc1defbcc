/* cluster/hunt/graveyard.h -- Definitions that nobody judges by any more, but that a snapshot which
 * is being taken still has to write: they are freed when it is over. A zeroed one frees at once.
 * One thread. */
#ifndef CAIRN_CLUSTER_HUNT_GRAVEYARD_H
#define CAIRN_CLUSTER_HUNT_GRAVEYARD_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/hunt/definition.h"

struct graveyard {
    bool open;
    struct definition **list;
    uint32_t count, room;
};

void graveyard_open(struct graveyard *graveyard);
/* Frees what came meanwhile. */
void graveyard_close(struct graveyard *graveyard);

/* Takes a definition over that may be freed; NULL does nothing. Aborts when there is no memory: a
 * replica that cannot follow its log must stop. */
void graveyard_take(struct graveyard *graveyard, struct definition *definition);

#endif
