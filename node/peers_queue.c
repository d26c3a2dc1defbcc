#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "node/peers_parts.h"

/* Grown in steps, so that an idle link costs little. */
#define QUEUE_BYTES_FIRST  ((size_t)16 << 10)
#define QUEUE_PIECES_FIRST 64
#define QUEUE_PIECES_MAX   65536

void peers_queue_fini(struct piece_queue *queue)
{
    free(queue->data);
    free(queue->pieces);
    *queue = (struct piece_queue){0};
}

static bool make_room(struct piece_queue *queue, size_t bytes)
{
    size_t capacity = queue->capacity > 0 ? queue->capacity : QUEUE_BYTES_FIRST;
    while (capacity - queue->used < bytes && capacity < PEERS_QUEUE_BYTES)
        capacity *= 2;
    if (capacity - queue->used < bytes)
        return false;
    if (capacity > queue->capacity) {
        uint8_t *data = realloc(queue->data, capacity);
        if (data == NULL)
            return false;
        queue->data = data;
        queue->capacity = capacity;
    }
    return true;
}

static bool make_place(struct piece_queue *queue)
{
    if (queue->count < queue->room)
        return true;
    if (queue->room == QUEUE_PIECES_MAX)
        return false;
    const uint32_t room = queue->room > 0 ? 2 * queue->room : QUEUE_PIECES_FIRST;
    struct piece *pieces = realloc(queue->pieces, room * sizeof *pieces);
    if (pieces == NULL)
        return false;
    queue->pieces = pieces;
    queue->room = room;
    return true;
}

bool peers_queue_add(struct piece_queue *queue, const void *piece, size_t bytes, uint64_t now_ms)
{
    CHECK(bytes > 0);
    CHECK(bytes <= ENVELOPE_BODY_MAX);
    if (!make_room(queue, bytes) || !make_place(queue))
        return false;
    memcpy(queue->data + queue->used, piece, bytes);
    queue->used += bytes;
    queue->pieces[queue->count++] = (struct piece){.end = queue->used, .at_ms = now_ms};
    return true;
}

/* Takes the first n pieces off. */
static void drop_first(struct piece_queue *queue, uint32_t n)
{
    if (n == 0)
        return;
    CHECK(n <= queue->count);
    const size_t bytes = queue->pieces[n - 1].end;
    memmove(queue->data, queue->data + bytes, queue->used - bytes);
    queue->used -= bytes;
    queue->count -= n;
    memmove(queue->pieces, queue->pieces + n, queue->count * sizeof queue->pieces[0]);
    for (uint32_t i = 0; i < queue->count; i++)
        queue->pieces[i].end -= bytes;
}

uint32_t peers_queue_drop_before(struct piece_queue *queue, uint64_t before_ms)
{
    uint32_t n = 0;
    while (n < queue->count && queue->pieces[n].at_ms < before_ms)
        n++;
    drop_first(queue, n);
    return n;
}

size_t peers_queue_first(const struct piece_queue *queue, size_t bytes_max)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < queue->count && queue->pieces[i].end <= bytes_max; i++)
        bytes = queue->pieces[i].end;
    return bytes;
}

void peers_queue_take(struct piece_queue *queue, size_t bytes)
{
    uint32_t n = 0;
    while (n < queue->count && queue->pieces[n].end <= bytes)
        n++;
    drop_first(queue, n);
}
