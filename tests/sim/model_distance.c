/* Distances. On the plane they are exact. On the earth the two places are put on the WGS84
 * ellipsoid as points in space and the straight line between them is bent to an arc: no case for
 * poles or the date line, and exact to a millimetre over ten kilometres. */
#include <math.h>

#include "tests/sim/model_state.h"

#define EARTH_EQUATOR_M    6378137.0L
#define EARTH_FLATTENING   (1.0L / 298.257223563L)
#define EARTH_MEAN_M       6371008.8L
#define RADIANS_PER_DEGREE 0.017453292519943295769236907684886L

struct point {
    long double x, y, z;
};

static struct point point_of(int32_t longitude, int32_t latitude)
{
    const long double lambda = (long double)longitude * 1e-7L * RADIANS_PER_DEGREE;
    const long double phi = (long double)latitude * 1e-7L * RADIANS_PER_DEGREE;
    const long double e2 = EARTH_FLATTENING * (2 - EARTH_FLATTENING);
    const long double n = EARTH_EQUATOR_M / sqrtl(1 - e2 * sinl(phi) * sinl(phi));
    return (struct point){
        .x = n * cosl(phi) * cosl(lambda),
        .y = n * cosl(phi) * sinl(lambda),
        .z = n * (1 - e2) * sinl(phi),
    };
}

static long double metres_between(struct point a, struct point b)
{
    const long double x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
    const long double half_chord = sqrtl(x * x + y * y + z * z) / 2;
    return 2 * EARTH_MEAN_M * asinl(fminl(half_chord / EARTH_MEAN_M, 1));
}

static struct model_wide square_of_difference(int32_t a, int32_t b)
{
    const int64_t difference = (int64_t)a - b;
    const uint64_t size = (uint64_t)(difference < 0 ? -difference : difference);
    return model_wide_multiply(model_wide_of(size), model_wide_of(size));
}

struct distance model_distance_between(enum plane plane, int32_t x1, int32_t y1, int32_t x2,
                                       int32_t y2)
{
    struct distance distance = {.plane = plane};
    if (plane == PLANE_GEO)
        distance.metres = metres_between(point_of(x1, y1), point_of(x2, y2));
    else
        distance.squared =
            model_wide_add(square_of_difference(x1, x2), square_of_difference(y1, y2));
    return distance;
}
