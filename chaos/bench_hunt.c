#include "chaos/bench_hunt.h"

#include <stdio.h>

#include "cluster/base/check.h"

/* Treasures lie one to a cell of a square grid, off its middle by at most JITTER, so that two are
 * always further apart than their radii together. */
#define CELL       1000
#define JITTER     300
#define RADIUS_LOW 25
#define RADIUS_TOP 75
_Static_assert(CELL - 2 * JITTER > 2 * RADIUS_TOP, "no two treasures overlap");

#define SEED UINT64_C(20261201)

enum bench_kind bench_hunt_kind(uint16_t treasure)
{
    if (treasure % 8 == 3)
        return BENCH_CLOSED;
    return treasure % 16 == 7 ? BENCH_LIMITED : BENCH_FREE;
}

static int32_t grid_side(uint16_t treasures)
{
    int32_t side = 1;
    while (side * side < treasures)
        side++;
    return side;
}

static int32_t somewhere(struct rng *rng, int32_t low, int32_t high)
{
    return low + (int32_t)rng_below(rng, (uint64_t)(high - low) + 1);
}

static void fill_treasure(struct treasure *treasure, uint16_t number, struct rng *rng)
{
    (void)snprintf(treasure->id.text, sizeof treasure->id.text, "treasure-%u", (unsigned)number);
    treasure->number = number;
    treasure->radius = (uint32_t)rng_between(rng, RADIUS_LOW, RADIUS_TOP);
    treasure->points = (uint32_t)rng_between(rng, 20, 200);
    switch (bench_hunt_kind(number)) {
    case BENCH_CLOSED:
        treasure->has_window = true;
        treasure->window_from_ms = 1000;
        treasure->window_to_ms = 2000;
        break;
    case BENCH_LIMITED:
        treasure->supply = BENCH_SUPPLY;
        break;
    case BENCH_FREE:
        break;
    }
    if (number % 4 == 1) {
        treasure->decay_per_ms = 1000;
        treasure->decay_points = 1;
        treasure->decay_floor = 10;
    }
}

static void place_treasures(struct definition *definition, struct rng *rng)
{
    const int32_t side = grid_side(definition->treasure_count);
    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        struct treasure *treasure = &definition->treasures[i];
        fill_treasure(treasure, i, rng);
        treasure->x = CELL * (i % side) + somewhere(rng, -JITTER, JITTER);
        treasure->y = CELL * (i / side) + somewhere(rng, -JITTER, JITTER);
    }
}

static bool is_empty(const struct definition *definition, struct bench_place place)
{
    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        const struct treasure *treasure = &definition->treasures[i];
        const int64_t x = place.x - treasure->x, y = place.y - treasure->y;
        if (x * x + y * y <= (int64_t)treasure->radius * treasure->radius)
            return false;
    }
    return true;
}

static void find_empty_places(struct bench_hunt *hunt, struct rng *rng)
{
    const int32_t side = CELL * grid_side(hunt->definition->treasure_count);
    uint32_t found = 0;
    while (found < BENCH_EMPTY_PLACES) {
        const struct bench_place place = {somewhere(rng, -CELL / 2, side - CELL / 2),
                                          somewhere(rng, -CELL / 2, side - CELL / 2)};
        if (is_empty(hunt->definition, place))
            hunt->empty[found++] = place;
    }
}

enum status bench_hunt_init(struct bench_hunt *hunt, uint16_t treasures)
{
    CHECK(treasures > 0);
    CHECK(treasures <= TREASURES_MAX);
    hunt->definition = definition_new(treasures);
    if (hunt->definition == NULL)
        return STATUS_NO_MEMORY;
    struct definition *definition = hunt->definition;
    const enum status named = name_set(&definition->hunt, "bench", 5);
    CHECK(named == STATUS_OK);
    definition->claim_ttl_ms = 10000;
    definition->clock_tolerance_ms = 5000;
    struct rng rng;
    rng_init(&rng, SEED);
    place_treasures(definition, &rng);
    find_empty_places(hunt, &rng);
    struct definition_faults faults = {.capacity = 0};
    definition_check(definition, &faults);
    CHECK(faults.count == 0);
    return STATUS_OK;
}

void bench_hunt_fini(struct bench_hunt *hunt)
{
    definition_free(hunt->definition);
    hunt->definition = NULL;
}

struct bench_place bench_hunt_nothing(const struct bench_hunt *hunt, struct rng *rng)
{
    return hunt->empty[rng_below(rng, BENCH_EMPTY_PLACES)];
}

struct bench_place bench_hunt_at(const struct bench_hunt *hunt, uint16_t treasure, struct rng *rng)
{
    CHECK(treasure < hunt->definition->treasure_count);
    const struct treasure *it = &hunt->definition->treasures[treasure];
    /* A square whose corners are within the radius. */
    const int32_t half = (int32_t)it->radius / 2;
    return (struct bench_place){it->x + somewhere(rng, -half, half),
                                it->y + somewhere(rng, -half, half)};
}
