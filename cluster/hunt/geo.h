/* cluster/hunt/geo.h -- Places and distances, in integers only.
 *
 * A place becomes a spot: a point in space with integer coordinates. On flat hunts these are the
 * hunt's own units. On geo hunts latitude and longitude become a point of an ellipsoid, in half
 * millimetres from the earth's centre, so that the poles and the date line are places like any
 * other, and "within the radius" is a comparison of squared straight lines.
 *
 * The ellipsoid lies half-way between WGS 84 and the sphere of the earth's mean radius (6 371 008.8
 * m). Those two differ by up to 0.56 %, and people check distances with either; from half-way none
 * of them is off by more than 0.3 %. Rounding adds less than 2 mm. */
#ifndef CAIRN_CLUSTER_HUNT_GEO_H
#define CAIRN_CLUSTER_HUNT_GEO_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/hunt/definition.h"

/* The first coordinate is the one that treasures are sorted by; on the earth, the polar axis. */
struct spot {
    int64_t first, second, third;
};

/* Any x, y will do: beyond the pole a latitude stands for the pole, and a longitude goes round. */
struct spot geo_spot(enum plane plane, int32_t x, int32_t y);

/* A radius (at most RADIUS_MAX) as the length of a straight line between spots. */
uint32_t geo_reach(enum plane plane, uint32_t radius);

/* Whether b lies within `reach` of a; then *ret_square is the square of the straight line. */
static inline bool geo_within(const struct spot *a, const struct spot *b, uint32_t reach,
                              uint64_t *ret_square)
{
    const int64_t limit = reach;
    const int64_t first = a->first - b->first;
    const int64_t second = a->second - b->second;
    const int64_t third = a->third - b->third;
    /* Each difference is looked at first, so that no square overflows. */
    if (first > limit || first < -limit || second > limit || second < -limit || third > limit ||
        third < -limit)
        return false;
    const uint64_t square =
        (uint64_t)(first * first) + (uint64_t)(second * second) + (uint64_t)(third * third);
    if (square > (uint64_t)(limit * limit))
        return false;
    *ret_square = square;
    return true;
}

/* Whether the way from a to b, over the surface, is longer than `speed` (units or metres a second,
 * 1 to SPEED_MAX) allows in this time. Exact on flat hunts. */
bool geo_too_fast(enum plane plane, const struct spot *a, const struct spot *b, uint32_t speed,
                  uint64_t elapsed_us);

#endif
