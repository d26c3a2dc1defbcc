/* cluster/hunt/places.h -- The treasures of one version, arranged so that those around a click are
 * found without looking at all of them: sorted by one coordinate, and a click looks at the stretch
 * that the largest radius spans around it. Where that begins is looked up in buckets of equal
 * width, and by halving in a bucket that holds many. */
#ifndef CAIRN_CLUSTER_HUNT_PLACES_H
#define CAIRN_CLUSTER_HUNT_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/hunt/definition.h"
#include "cluster/hunt/geo.h"

struct places;

/* NULL: no memory. The definition is only read here. */
struct places *places_new(const struct definition *definition);
void places_free(struct places *places);

/* The treasures within their radius of a spot, in no particular order:
 *
 *    struct places_scan scan = places_around(places, &spot);
 *    while (places_next(&scan, &hit)) ... */
struct places_hit {
    uint16_t place;  /* in the definition's list of treasures */
    uint64_t square; /* of the distance, to tell nearer from farther */
};

struct places_scan {
    const struct places *places;
    struct spot spot;
    int64_t last;
    uint32_t at;
};

struct places_scan places_around(const struct places *places, const struct spot *spot);
bool places_next(struct places_scan *scan, struct places_hit *ret_hit);

#endif
