/* cluster/base/arena.h -- Memory that lives until the end of a turn.
 *
 * Blocks are kept between turns, so a turn that is no larger than an earlier one allocates nothing.
 * Pointers stay valid until arena_reset. */
#ifndef CAIRN_CLUSTER_BASE_ARENA_H
#define CAIRN_CLUSTER_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    struct arena_block *first, *current;
    size_t used; /* bytes handed out since the last reset */
};

void arena_init(struct arena *arena);
void arena_fini(struct arena *arena);

/* `size` bytes, aligned for any type, not zeroed. Aborts when there is no memory: the core cannot
 * go on without, and nothing is lost by a restart. */
void *arena_take(struct arena *arena, size_t size);

/* Of all blocks, handed out or not. */
size_t arena_bytes(const struct arena *arena);

/* Gives everything back at once. Blocks beyond `keep_bytes` are freed. */
void arena_reset(struct arena *arena, size_t keep_bytes);

#endif
