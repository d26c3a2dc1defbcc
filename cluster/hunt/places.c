#include "cluster/hunt/places.h"

#include <stdlib.h>

#include "cluster/base/check.h"

struct site {
    struct spot spot;
    uint32_t reach;
    uint16_t place;
};

struct places {
    uint32_t count;
    int64_t widest;  /* the largest reach */
    int64_t *firsts; /* the sites' first coordinates, close together for the search */
    struct site sites[];
};

static int compare_sites(const void *a, const void *b)
{
    const struct site *one = a, *other = b;
    if (one->spot.first != other->spot.first)
        return one->spot.first < other->spot.first ? -1 : 1;
    return (int)one->place - (int)other->place;
}

struct places *places_new(const struct definition *definition)
{
    CHECK(definition->treasure_count <= TREASURES_MAX);
    const uint32_t count = definition->treasure_count;
    struct places *places = calloc(1, sizeof *places + count * sizeof places->sites[0]);
    if (places == NULL)
        return NULL;
    places->firsts = calloc(count > 0 ? count : 1, sizeof places->firsts[0]);
    if (places->firsts == NULL) {
        free(places);
        return NULL;
    }

    places->count = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct treasure *treasure = &definition->treasures[i];
        struct site *site = &places->sites[i];
        site->spot = geo_spot(definition->plane, treasure->x, treasure->y);
        site->reach = geo_reach(definition->plane, treasure->radius);
        site->place = (uint16_t)i;
        if (site->reach > places->widest)
            places->widest = site->reach;
    }
    qsort(places->sites, count, sizeof places->sites[0], compare_sites);
    for (uint32_t i = 0; i < count; i++)
        places->firsts[i] = places->sites[i].spot.first;
    return places;
}

void places_free(struct places *places)
{
    if (places == NULL)
        return;
    free(places->firsts);
    free(places);
}

/* The first site at or after a coordinate. Where to go on is a product and not a branch, as nobody
 * could predict it. */
static uint32_t first_from(const struct places *places, int64_t from)
{
    uint32_t at = 0;
    uint32_t left = places->count;
    while (left > 1) {
        const uint32_t half = left / 2;
        at += half * (uint32_t)(places->firsts[at + half - 1] < from);
        left -= half;
    }
    if (left == 1 && places->firsts[at] < from)
        at++;
    return at;
}

struct places_scan places_around(const struct places *places, const struct spot *spot)
{
    return (struct places_scan){
        .places = places,
        .spot = *spot,
        .last = spot->first + places->widest,
        .at = first_from(places, spot->first - places->widest),
    };
}

bool places_next(struct places_scan *scan, struct places_hit *ret_hit)
{
    const struct places *places = scan->places;
    while (scan->at < places->count && places->firsts[scan->at] <= scan->last) {
        const struct site *site = &places->sites[scan->at++];
        if (geo_within(&scan->spot, &site->spot, site->reach, &ret_hit->square)) {
            ret_hit->place = site->place;
            return true;
        }
    }
    return false;
}
