#include "cluster/hunt/received.h"

#include <stdlib.h>

#include "cluster/base/check.h"

enum status received_init(struct received *received, uint32_t capacity)
{
    CHECK(capacity > 0);
    CHECK(capacity < UINT32_MAX);
    *received = (struct received){.capacity = capacity};
    received->list = calloc(capacity, sizeof received->list[0]);
    return received->list != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void received_fini(struct received *received)
{
    cut_end(&received->cut);
    free(received->list);
    *received = (struct received){0};
}

const struct received_emoji *received_at(const struct received *received, uint32_t reference)
{
    CHECK(reference <= received->count);
    return reference > 0 ? &received->list[reference - 1] : NULL;
}

static struct received_emoji *received_open(struct received *received, uint32_t reference)
{
    CHECK(reference > 0);
    CHECK(reference <= received->count);
    cut_touch(&received->cut, reference - 1);
    return &received->list[reference - 1];
}

bool received_add(struct received *received, uint32_t *head, uint16_t emoji, uint32_t count)
{
    uint32_t *link = head;
    while (*link != 0 && received_at(received, *link)->emoji != emoji)
        link = &received_open(received, *link)->next;
    if (*link == 0 && received->count == received->capacity)
        return false;
    if (*link == 0) {
        received->list[received->count++] = (struct received_emoji){.emoji = emoji};
        *link = received->count;
    }
    struct received_emoji *kept = received_open(received, *link);
    kept->count = count < UINT32_MAX - kept->count ? kept->count + count : UINT32_MAX;
    return true;
}
