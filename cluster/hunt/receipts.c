#include "cluster/hunt/receipts.h"

#include <stdlib.h>

#include "cluster/base/check.h"

_Static_assert(sizeof(struct receipt) == 48, "a receipt is small and has no hidden padding");

enum status receipts_init(struct receipts *receipts, uint32_t capacity)
{
    CHECK(capacity > 0);
    CHECK(capacity < UINT32_MAX);
    *receipts = (struct receipts){.capacity = capacity};
    receipts->list = calloc(capacity, sizeof receipts->list[0]);
    return receipts->list != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void receipts_fini(struct receipts *receipts)
{
    cut_end(&receipts->cut);
    free(receipts->list);
    *receipts = (struct receipts){0};
}

bool receipts_full(const struct receipts *receipts)
{
    return receipts->count == receipts->capacity;
}

const struct receipt *receipts_at(const struct receipts *receipts, uint32_t reference)
{
    CHECK(reference <= receipts->count);
    return reference > 0 ? &receipts->list[reference - 1] : NULL;
}

uint32_t receipts_seek(const struct receipts *receipts, uint32_t head, uint32_t seq)
{
    uint32_t reference = head;
    const struct receipt *receipt = receipts_at(receipts, reference);
    while (receipt != NULL && receipt->seq > seq) {
        reference = receipt->next;
        receipt = receipts_at(receipts, reference);
    }
    return receipt != NULL && receipt->seq == seq ? reference : 0;
}

const struct receipt *receipts_find(const struct receipts *receipts, uint32_t head, uint32_t seq)
{
    return receipts_at(receipts, receipts_seek(receipts, head, seq));
}

struct receipt *receipts_open(struct receipts *receipts, uint32_t reference)
{
    CHECK(reference > 0);
    CHECK(reference <= receipts->count);
    cut_touch(&receipts->cut, reference - 1);
    return &receipts->list[reference - 1];
}

void receipts_push(struct receipts *receipts, uint32_t *head, const struct receipt *receipt)
{
    CHECK(!receipts_full(receipts));
    struct receipt *added = &receipts->list[receipts->count++];
    *added = *receipt;
    added->next = *head;
    *head = receipts->count;
}

void receipts_insert(struct receipts *receipts, uint32_t *head, const struct receipt *receipt)
{
    uint32_t *link = head;
    while (*link != 0 && receipts_at(receipts, *link)->seq > receipt->seq)
        link = &receipts_open(receipts, *link)->next;
    CHECK(*link == 0 || receipts_at(receipts, *link)->seq != receipt->seq);
    receipts_push(receipts, link, receipt);
}
