#include "cluster/ranges/outbox.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){0};
}

void outbox_fini(struct outbox *outbox)
{
    free(outbox->list);
    outbox_init(outbox);
}

/* The oldest AppendEntries, else the oldest message; of one peer, or of all where `to` is 0. */
static uint32_t victim(const struct outbox *outbox, uint64_t to)
{
    uint32_t oldest = outbox->count;
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct group_message *message = &outbox->list[i].message;
        if (to != 0 && message->to != to)
            continue;
        if (message->type == GROUP_APPEND)
            return i;
        if (oldest == outbox->count)
            oldest = i;
    }
    return oldest;
}

static uint32_t count_for(const struct outbox *outbox, uint64_t to)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < outbox->count; i++) {
        if (outbox->list[i].message.to == to)
            count++;
    }
    return count;
}

static void make_room(struct outbox *outbox, uint64_t to)
{
    if (count_for(outbox, to) >= OUTBOX_PEER_MAX) {
        outbox_remove(outbox, victim(outbox, to));
        outbox->overflowed++;
    } else if (outbox->count == OUTBOX_MAX) {
        outbox_remove(outbox, victim(outbox, 0));
        outbox->overflowed++;
    }
    if (outbox->count < outbox->capacity)
        return;
    const uint32_t capacity = outbox->capacity == 0 ? 8 : outbox->capacity * 2;
    struct held_message *list = realloc(outbox->list, capacity * sizeof *list);
    CHECK(list != NULL);
    outbox->list = list;
    outbox->capacity = capacity;
}

void outbox_add(struct outbox *outbox, const struct held_message *held)
{
    CHECK(held->message.to != 0);
    make_room(outbox, held->message.to);
    CHECK(outbox->count < OUTBOX_MAX);
    outbox->list[outbox->count++] = *held;
}

void outbox_remove(struct outbox *outbox, uint32_t place)
{
    CHECK(place < outbox->count);
    outbox->count--;
    memmove(&outbox->list[place], &outbox->list[place + 1],
            (outbox->count - place) * sizeof outbox->list[0]);
}

void outbox_clear(struct outbox *outbox)
{
    outbox->count = 0;
}
