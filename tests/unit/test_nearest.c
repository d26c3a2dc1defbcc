/* tests/unit/test_nearest.c -- The nearest on either side of a place against sorting everybody. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/hunt/nearest.h"

#define PLAYERS_MAX 200

struct crowd {
    struct board_entry list[PLAYERS_MAX];
    uint32_t count;
};

/* Few scores and stamps, so that each field decides at times; players are all different. */
static void gather(struct crowd *crowd, struct rng *rng, uint32_t count)
{
    memset(crowd, 0, sizeof *crowd);
    crowd->count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct board_entry *entry = &crowd->list[i];
        entry->score = (int64_t)rng_below(rng, 4);
        entry->hlc = rng_below(rng, 3);
        entry->range = (uint32_t)rng_below(rng, 2);
        entry->player.bytes[0] = (uint8_t)rng_below(rng, 4);
        entry->player.bytes[1] = (uint8_t)i;
    }
}

static int compare(const void *a, const void *b)
{
    return board_entry_compare(a, b);
}

static void assert_same(const struct board_entry *a, const struct board_entry *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(board_entry_compare(&a[i], &b[i]), 0);
}

static void pick(const struct crowd *crowd, struct nearest *nearest)
{
    for (uint32_t i = 0; i < crowd->count; i++)
        nearest_offer(nearest, &crowd->list[i]);
    nearest_finish(nearest);
}

static void check(struct crowd *crowd, const struct board_entry *place, uint32_t limit)
{
    struct board_entry above[PLAYERS_MAX], below[PLAYERS_MAX];
    struct nearest nearest = {
        .place = *place,
        .above = {.entries = above, .limit = limit},
        .below = {.entries = below, .limit = limit},
    };
    pick(crowd, &nearest);

    qsort(crowd->list, crowd->count, sizeof crowd->list[0], compare);
    uint32_t before = 0;
    while (before < crowd->count && board_entry_compare(&crowd->list[before], place) < 0)
        before++;
    uint32_t after = before;
    while (after < crowd->count && board_entry_compare(&crowd->list[after], place) == 0)
        after++;
    const uint32_t left = crowd->count - after;
    assert_int_equal(nearest.above.count, before < limit ? before : limit);
    assert_int_equal(nearest.below.count, left < limit ? left : limit);
    assert_same(above, &crowd->list[before - nearest.above.count], nearest.above.count);
    assert_same(below, &crowd->list[after], nearest.below.count);
}

static void the_nearest_are_those_of_the_sorted_list(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    struct crowd crowd;
    for (uint32_t round = 0; round < 3000; round++) {
        gather(&crowd, &rng, (uint32_t)rng_below(&rng, PLAYERS_MAX + 1));
        struct board_entry place = {.score = (int64_t)rng_below(&rng, 4), .hlc = 1};
        if (crowd.count > 0 && rng_chance(&rng, 1, 2))
            place = crowd.list[rng_below(&rng, crowd.count)];
        check(&crowd, &place, (uint32_t)rng_below(&rng, 2) * (uint32_t)rng_below(&rng, 201));
    }
}

static void offers_in_order_either_way_bring_the_same(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 8);
    struct crowd crowd;
    gather(&crowd, &rng, PLAYERS_MAX);
    qsort(crowd.list, crowd.count, sizeof crowd.list[0], compare);
    const struct board_entry place = crowd.list[PLAYERS_MAX / 2];
    check(&crowd, &place, 10); /* sorted already */
    for (uint32_t i = 0; i < PLAYERS_MAX / 2; i++) {
        const struct board_entry moved = crowd.list[i];
        crowd.list[i] = crowd.list[PLAYERS_MAX - 1 - i];
        crowd.list[PLAYERS_MAX - 1 - i] = moved;
    }
    check(&crowd, &place, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_are_those_of_the_sorted_list),
        cmocka_unit_test(offers_in_order_either_way_bring_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
