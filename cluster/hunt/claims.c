#include "cluster/hunt/claims.h"

#include <stdlib.h>

#include "cluster/base/check.h"

enum status claims_init(struct claims *claims, uint32_t capacity)
{
    CHECK(capacity > 0);
    *claims = (struct claims){.capacity = capacity};
    claims->list = calloc(capacity, sizeof claims->list[0]);
    return claims->list != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void claims_fini(struct claims *claims)
{
    cut_end(&claims->cut);
    free(claims->list);
    *claims = (struct claims){0};
}

uint32_t claims_count(const struct claims *claims)
{
    return claims->end - claims->first;
}

const struct pending_claim *claims_at(const struct claims *claims, uint32_t n)
{
    CHECK(n < claims_count(claims));
    return &claims->list[claims->first + n];
}

void claims_push(struct claims *claims, const struct pending_claim *claim)
{
    CHECK(claims->end < claims->capacity);
    CHECK(claim->receipt > 0);
    /* Where all were dropped the places serve again. */
    cut_touch(&claims->cut, claims->end);
    claims->list[claims->end++] = *claim;
}

void claims_drop(struct claims *claims, uint32_t n)
{
    CHECK(n <= claims_count(claims));
    claims->first += n;
    /* Mostly all of them are settled, and the memory that was touched serves again. */
    if (claims->first == claims->end) {
        claims->first = 0;
        claims->end = 0;
    }
}
