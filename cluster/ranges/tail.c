#include "cluster/ranges/tail.h"

#include <raft.h>
#include <stdlib.h>

#include "cluster/base/check.h"

#define CAPACITY_MIN 16

void tail_init(struct tail *tail, uint64_t first)
{
    CHECK(first > 0);
    *tail = (struct tail){.first = first};
}

static struct tail_slot *slot_at(const struct tail *tail, uint32_t place)
{
    return &tail->slots[(tail->head + place) & (tail->capacity - 1)];
}

void tail_fini(struct tail *tail)
{
    if (tail->count > 0)
        tail_truncate(tail, tail->first);
    tail_release(tail);
    free(tail->slots);
    free(tail->released);
    *tail = (struct tail){0};
}

static void grow(struct tail *tail)
{
    const uint32_t capacity = tail->capacity == 0 ? CAPACITY_MIN : tail->capacity * 2;
    struct tail_slot *slots = malloc(capacity * sizeof *slots);
    CHECK(slots != NULL);
    for (uint32_t i = 0; i < tail->count; i++)
        slots[i] = *slot_at(tail, i);
    free(tail->slots);
    tail->slots = slots;
    tail->capacity = capacity;
    tail->head = 0;
}

void tail_append(struct tail *tail, const struct log_entry *entry, void *block)
{
    CHECK(block != NULL);
    if (tail->count == tail->capacity)
        grow(tail);
    const uint64_t before =
        tail->count > 0 ? slot_at(tail, tail->count - 1)->end_bytes : tail->gone_bytes;
    *slot_at(tail, tail->count) = (struct tail_slot){
        .entry = *entry,
        .block = block,
        .end_bytes = before + entry->bytes,
    };
    tail->count++;
}

bool tail_get(const struct tail *tail, uint64_t index, struct log_entry *ret_entry)
{
    if (index < tail->first || index - tail->first >= tail->count)
        return false;
    *ret_entry = slot_at(tail, (uint32_t)(index - tail->first))->entry;
    return true;
}

uint64_t tail_last(const struct tail *tail)
{
    return tail->first + tail->count - 1;
}

uint64_t tail_bytes(const struct tail *tail)
{
    return tail->count > 0 ? slot_at(tail, tail->count - 1)->end_bytes - tail->gone_bytes : 0;
}

uint64_t tail_bytes_after(const struct tail *tail, uint64_t index)
{
    if (index < tail->first)
        return tail_bytes(tail);
    if (index >= tail_last(tail))
        return 0;
    const uint64_t upto = slot_at(tail, (uint32_t)(index - tail->first))->end_bytes;
    return tail_bytes(tail) - (upto - tail->gone_bytes);
}

/* The entry at one end has left; its neighbour there says whether the block is still in use. */
static void bury_unless_shared(struct tail *tail, void *block, uint32_t neighbour)
{
    if (tail->count == 0 || slot_at(tail, neighbour)->block != block)
        tail_bury(tail, block);
}

void tail_truncate(struct tail *tail, uint64_t from)
{
    CHECK(from > 0);
    while (tail->count > 0 && tail_last(tail) >= from) {
        void *block = slot_at(tail, tail->count - 1)->block;
        tail->count--;
        bury_unless_shared(tail, block, tail->count > 0 ? tail->count - 1 : 0);
    }
    if (from < tail->first)
        tail->first = from;
}

void tail_restart(struct tail *tail, uint64_t first)
{
    tail_truncate(tail, tail->first);
    tail->first = first;
}

void tail_evict(struct tail *tail, uint64_t through, uint64_t bytes_max, uint32_t entries_max)
{
    while (tail->count > 0 && tail->first <= through &&
           (tail_bytes(tail) > bytes_max || tail->count > entries_max)) {
        const struct tail_slot *slot = slot_at(tail, 0);
        void *block = slot->block;
        tail->gone_bytes = slot->end_bytes;
        tail->head = (tail->head + 1) & (tail->capacity - 1);
        tail->count--;
        tail->first++;
        bury_unless_shared(tail, block, 0);
    }
}

void tail_bury(struct tail *tail, void *block)
{
    if (block == NULL)
        return;
    if (tail->released_count == tail->released_capacity) {
        const uint32_t capacity = tail->released_capacity == 0 ? 16 : tail->released_capacity * 2;
        void **released = realloc(tail->released, capacity * sizeof *released);
        CHECK(released != NULL);
        tail->released = released;
        tail->released_capacity = capacity;
    }
    tail->released[tail->released_count++] = block;
}

void tail_release(struct tail *tail)
{
    for (uint32_t i = 0; i < tail->released_count; i++)
        tail_block_free(tail->released[i]);
    tail->released_count = 0;
}

void *tail_block(size_t bytes)
{
    return raft_malloc(bytes);
}

void tail_block_free(void *block)
{
    raft_free(block);
}
