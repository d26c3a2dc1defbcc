/* tests/unit/test_places.c -- The treasures around a click are those that looking at each one
 * finds, wherever they lie. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>

#include "cluster/base/rng.h"
#include "cluster/hunt/places.h"

static void assert_found(const struct places *places, const struct definition *definition,
                         int32_t x, int32_t y)
{
    bool found[TREASURES_MAX] = {false};
    const struct spot spot = geo_spot(definition->plane, x, y);
    struct places_scan scan = places_around(places, &spot);
    struct places_hit hit;
    while (places_next(&scan, &hit)) {
        assert_true(hit.place < definition->treasure_count);
        assert_false(found[hit.place]);
        found[hit.place] = true;
    }
    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        const struct treasure *treasure = &definition->treasures[i];
        const struct spot there = geo_spot(definition->plane, treasure->x, treasure->y);
        uint64_t square;
        const bool lies_there =
            geo_within(&spot, &there, geo_reach(definition->plane, treasure->radius), &square);
        assert_true(found[i] == lies_there);
    }
}

/* Clicks at each treasure, at the edges of its radius and just beyond, and anywhere. */
static void assert_all_found(const struct definition *definition, struct rng *rng)
{
    struct places *places = places_new(definition);
    assert_non_null(places);
    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        const struct treasure *treasure = &definition->treasures[i];
        const int32_t radius = (int32_t)treasure->radius;
        for (int32_t off = -1; off <= 1; off++) {
            assert_found(places, definition, treasure->x + radius + off, treasure->y);
            assert_found(places, definition, treasure->x - radius + off, treasure->y);
            assert_found(places, definition, treasure->x, treasure->y - radius + off);
        }
    }
    for (uint32_t i = 0; i < 200; i++)
        assert_found(places, definition, (int32_t)rng_next(rng) / 2, (int32_t)rng_next(rng) / 2);
    places_free(places);
}

static void fill(struct definition *definition, struct rng *rng, int32_t width)
{
    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        struct treasure *treasure = &definition->treasures[i];
        treasure->x = (int32_t)rng_below(rng, (uint64_t)width) - width / 2;
        treasure->y = (int32_t)rng_below(rng, (uint64_t)width) - width / 2;
        treasure->radius = (uint32_t)rng_between(rng, 1, 50);
    }
}

static void treasures_lie_anywhere(void **state)
{
    (void)state;
    static const uint16_t counts[] = {1, 2, 3, 64, 130};
    static const int32_t widths[] = {1, 2, 511, 512, 513, 5000, 90000000};
    struct rng rng;
    rng_init(&rng, 3);
    for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
            struct definition *definition = definition_new(counts[n]);
            assert_non_null(definition);
            fill(definition, &rng, widths[w]);
            definition->plane = w % 2 == 0 ? PLANE_FLAT : PLANE_GEO;
            assert_all_found(definition, &rng);
            definition_free(definition);
        }
    }
}

/* One bucket holds nearly all of them. */
static void a_crowd_and_two_far_away_are_found(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 4);
    struct definition *definition = definition_new(200);
    assert_non_null(definition);
    fill(definition, &rng, 3000);
    definition->treasures[17].x = COORDINATE_MAX - 1000;
    definition->treasures[18].x = -COORDINATE_MAX + 1000;
    assert_all_found(definition, &rng);
    definition_free(definition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(treasures_lie_anywhere),
        cmocka_unit_test(a_crowd_and_two_far_away_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
