/* node/vitals.h -- What the system and the allocator say of this process, for the metrics.
 *
 * Reading takes some ten microseconds, more where the heap is in many pieces, or where an older
 * kernel (before 6.2) lets descriptors be counted only one by one. Any thread. */
#ifndef CAIRN_NODE_VITALS_H
#define CAIRN_NODE_VITALS_H

#include <stdint.h>

/* What cannot be read is 0. */
struct vitals {
    uint64_t resident_bytes;
    uint64_t resident_max_bytes; /* the most that it ever was */
    uint64_t heap_arena_bytes;   /* what the allocator took from the system */
    uint64_t heap_used_bytes;    /* of those, what is allocated; the rest is free, and kept */
    uint64_t heap_mapped_bytes;  /* large blocks, which have pages of their own */
    uint64_t heap_mapped_blocks;
    uint64_t descriptors;
    uint64_t descriptors_max;
    uint64_t cpu_us; /* of all threads, in user and system mode */
};

void vitals_read(struct vitals *ret_vitals);

#endif
