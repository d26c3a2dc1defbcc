#include "cluster/hunt/tap_pool.h"

#include <stdlib.h>

#include "cluster/base/check.h"

/* Where a set that was given back holds the reference to the next one. */
#define LINK patterns[0].last_us

enum status tap_pool_init(struct tap_pool *pool, uint32_t capacity)
{
    CHECK(capacity > 0);
    CHECK(capacity < UINT32_MAX);
    *pool = (struct tap_pool){.capacity = capacity};
    pool->sets = calloc(capacity, sizeof pool->sets[0]);
    return pool->sets != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void tap_pool_fini(struct tap_pool *pool)
{
    cut_end(&pool->cut);
    free(pool->sets);
    *pool = (struct tap_pool){0};
}

const struct tap_set *tap_pool_at(const struct tap_pool *pool, uint32_t reference)
{
    CHECK(reference > 0);
    CHECK(reference <= pool->count);
    return &pool->sets[reference - 1];
}

struct tap_set *tap_pool_open(struct tap_pool *pool, uint32_t reference)
{
    CHECK(reference > 0);
    CHECK(reference <= pool->count);
    cut_touch(&pool->cut, reference - 1);
    return &pool->sets[reference - 1];
}

uint32_t tap_pool_take(struct tap_pool *pool)
{
    const uint32_t reference = pool->given_back;
    if (reference == 0) {
        CHECK(pool->count < pool->capacity);
        return ++pool->count;
    }
    struct tap_set *set = tap_pool_open(pool, reference);
    pool->given_back = (uint32_t)set->LINK;
    set->LINK = 0;
    return reference;
}

void tap_pool_give_back(struct tap_pool *pool, uint32_t reference)
{
    struct tap_set *set = tap_pool_open(pool, reference);
    CHECK(taps_empty(set));
    set->LINK = pool->given_back;
    pool->given_back = reference;
}
