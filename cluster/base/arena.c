#include "cluster/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#include "cluster/base/check.h"

#define BLOCK_BYTES ((size_t)256 << 10)

struct arena_block {
    struct arena_block *next;
    size_t capacity, used;
    alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

static void free_from(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_fini(struct arena *arena)
{
    free_from(arena->first);
    arena_init(arena);
}

static struct arena_block *block_new(size_t size)
{
    const size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct arena_block *block = malloc(sizeof *block + capacity);
    CHECK(block != NULL);
    *block = (struct arena_block){.capacity = capacity};
    return block;
}

/* The next block with room; a kept one that is too small for a large piece is skipped. */
static struct arena_block *block_with_room(struct arena *arena, size_t size)
{
    struct arena_block **link = arena->current != NULL ? &arena->current->next : &arena->first;
    while (*link != NULL && (*link)->capacity < size)
        link = &(*link)->next;
    if (*link == NULL)
        *link = block_new(size);
    return *link;
}

void *arena_take(struct arena *arena, size_t size)
{
    const size_t alignment = alignof(max_align_t);
    CHECK(size <= SIZE_MAX / 2);
    const size_t rounded = (size + alignment - 1) / alignment * alignment;

    struct arena_block *block = arena->current;
    if (block == NULL || rounded > block->capacity - block->used) {
        block = block_with_room(arena, rounded);
        arena->current = block;
    }
    void *place = block->data + block->used;
    block->used += rounded;
    arena->used += rounded;
    return place;
}

size_t arena_bytes(const struct arena *arena)
{
    size_t bytes = 0;
    for (const struct arena_block *block = arena->first; block != NULL; block = block->next)
        bytes += block->capacity;
    return bytes;
}

void arena_reset(struct arena *arena, size_t keep_bytes)
{
    size_t kept = 0;
    struct arena_block **link = &arena->first;
    while (*link != NULL && kept + (*link)->capacity <= keep_bytes) {
        kept += (*link)->capacity;
        (*link)->used = 0;
        link = &(*link)->next;
    }
    free_from(*link);
    *link = NULL;
    arena->current = NULL;
    arena->used = 0;
}
