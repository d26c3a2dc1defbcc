/* cluster/hunt/definition_index.h -- Names in order, so that a thousand ids are looked up among
 * thousands without comparing each with each. Points into the caller's names. */
#ifndef CAIRN_CLUSTER_HUNT_DEFINITION_INDEX_H
#define CAIRN_CLUSTER_HUNT_DEFINITION_INDEX_H

#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/ids.h"

#define NAME_INDEX_NONE UINT16_MAX

struct name_index {
    uint16_t count;
    struct name_index_entry {
        const struct name *name;
        uint16_t place; /* the caller's number for it */
    } entries[TREASURE_NUMBERS_MAX];
};

void name_index_init(struct name_index *index);

/* At most TREASURE_NUMBERS_MAX of them. */
void name_index_add(struct name_index *index, const struct name *name, uint16_t place);

/* After the last add, before the first find. */
void name_index_sort(struct name_index *index);

/* The place of this name, the lowest where several have it; NAME_INDEX_NONE: nobody has it. */
uint16_t name_index_find(const struct name_index *index, const struct name *name);

#endif
