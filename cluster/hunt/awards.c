#include "cluster/hunt/awards.h"

#include <stdlib.h>

#include "cluster/base/check.h"

enum status awards_init(struct awards *awards, uint32_t capacity)
{
    CHECK(capacity > 0);
    CHECK(capacity < UINT32_MAX);
    *awards = (struct awards){.capacity = capacity};
    awards->list = calloc(capacity, sizeof awards->list[0]);
    return awards->list != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void awards_fini(struct awards *awards)
{
    cut_end(&awards->cut);
    free(awards->list);
    *awards = (struct awards){0};
}

const struct award *awards_at(const struct awards *awards, uint32_t reference)
{
    CHECK(reference <= awards->count);
    return reference > 0 ? &awards->list[reference - 1] : NULL;
}

static struct award *award_open(struct awards *awards, uint32_t reference)
{
    CHECK(reference > 0);
    CHECK(reference <= awards->count);
    cut_touch(&awards->cut, reference - 1);
    return &awards->list[reference - 1];
}

/* The link that is to hold the new award's reference. */
static uint32_t *find_link(struct awards *awards, struct award_chain *chain, uint32_t place)
{
    const struct award *last = awards_at(awards, chain->last);
    if (last != NULL && last->place <= place)
        return &award_open(awards, chain->last)->next;
    uint32_t *link = &chain->first;
    while (*link != 0 && awards_at(awards, *link)->place <= place)
        link = &award_open(awards, *link)->next;
    return link;
}

void awards_add(struct awards *awards, struct award_chain *chain, const struct award *award)
{
    CHECK(awards->count < awards->capacity);
    CHECK(award->receipt > 0);
    uint32_t *link = find_link(awards, chain, award->place);
    struct award *added = &awards->list[awards->count++];
    *added = *award;
    added->next = *link;
    *link = awards->count;
    if (added->next == 0)
        chain->last = awards->count;
}
