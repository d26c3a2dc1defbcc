#include "cluster/hunt/places.h"

#include <stdlib.h>

#include "cluster/base/check.h"

struct site {
    struct spot spot;
    uint32_t reach;
    uint16_t place;
};

#define BUCKETS 512
_Static_assert(TREASURES_MAX <= UINT16_MAX, "a bucket's start fits 16 bits");

struct places {
    uint32_t count;
    int64_t lowest;               /* of the first coordinates */
    unsigned shift;               /* a bucket is 2^shift wide */
    uint16_t starts[BUCKETS + 1]; /* the first site in each bucket, or after it */
    int64_t widest;               /* the largest reach */
    int64_t *firsts;              /* the sites' first coordinates, close together for the search */
    struct site sites[];
};

static int compare_sites(const void *a, const void *b)
{
    const struct site *one = a, *other = b;
    if (one->spot.first != other->spot.first)
        return one->spot.first < other->spot.first ? -1 : 1;
    return (int)one->place - (int)other->place;
}

/* As narrow as it takes the buckets to reach from the first site to the last. */
static void fill_buckets(struct places *places)
{
    const uint32_t count = places->count;
    places->lowest = count > 0 ? places->firsts[0] : 0;
    const uint64_t span = count > 0 ? (uint64_t)(places->firsts[count - 1] - places->lowest) : 0;
    while (span >> places->shift >= BUCKETS)
        places->shift++;
    uint32_t site = 0;
    for (uint32_t bucket = 0; bucket <= BUCKETS; bucket++) {
        while (site < count &&
               (uint64_t)(places->firsts[site] - places->lowest) >> places->shift < bucket)
            site++;
        places->starts[bucket] = (uint16_t)site;
    }
    CHECK(places->starts[BUCKETS] == count);
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
    fill_buckets(places);
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
    if (from <= places->lowest)
        return 0;
    const uint64_t bucket = (uint64_t)(from - places->lowest) >> places->shift;
    if (bucket >= BUCKETS)
        return places->count;
    uint32_t at = places->starts[bucket];
    uint32_t left = places->starts[bucket + 1] - at;
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
