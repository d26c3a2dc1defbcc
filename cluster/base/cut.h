/* cluster/base/cut.h -- An array as it was at one moment, read little by little while it goes on
 * changing: a block about to change is copied before the change (copy-before-write).
 *
 * Whoever changes an element that is there calls cut_touch first: one comparison while nothing is
 * being read, and at most one copy of a small block otherwise. Elements that came after the moment
 * are none of the cut's. Elements are read in order, and a copy goes when its block has been read.
 * So the copies take no more memory than the array, and mostly far less.
 *
 * A zeroed cut is one that nobody reads. One thread. */
#ifndef CAIRN_CLUSTER_BASE_CUT_H
#define CAIRN_CLUSTER_BASE_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct cut {
    uint32_t next, left; /* elements that are not read yet: from `next`, so many */
    const uint8_t *list; /* the array itself, which must not move */
    uint32_t element_bytes;
    uint32_t block_bits; /* a block has 2^this elements */
    uint32_t first_block, block_count;
    uint8_t **copies; /* of the blocks that were about to change; NULL: not changed yet */
    bool failed;      /* a copy found no memory: the cut is not to be read on */
};

/* The elements from `first` to before `end`, as they are now. STATUS_NO_MEMORY. */
MUST_USE enum status cut_begin(struct cut *cut, const void *list, uint32_t element_bytes,
                               uint32_t first, uint32_t end);
void cut_end(struct cut *cut);

/* cut_touch's other half. */
void cut_copy(struct cut *cut, uint32_t number);

/* The element is about to change. */
static inline void cut_touch(struct cut *cut, uint32_t number)
{
    if (number - cut->next < cut->left)
        cut_copy(cut, number);
}

/* The element as it was; one that is not read yet. It stays until the array changes or the cut goes
 * past it. */
const void *cut_at(const struct cut *cut, uint32_t number);

/* The first n that are left have been read. */
void cut_read(struct cut *cut, uint32_t n);

#endif
