#include "cluster/hunt/geo.h"

#include "cluster/base/check.h"
#include "cluster/base/wide.h"

/* Angles are in radians, all fractions have 60 bits: ONE is 1. */
#define FRACTION_BITS 60
#define ONE           (UINT64_C(1) << FRACTION_BITS)
#define QUARTER_PI    UINT64_C(905502432259640355)
#define HALF_PI       UINT64_C(1811004864519280711)

/* 1e-7 degrees in radians, x 2^92. */
#define RADIANS_PER_STEP UINT64_C(8642451851119134904)
#define RIGHT_ANGLE      900000000 /* in 1e-7 degrees */
#define FULL_ANGLE       (INT64_C(4) * RIGHT_ANGLE)

/* The ellipsoid: semi-major axis 6 374 572.9 m, squared eccentricity e2 = 0.003347189995. The
 * radius of curvature in the prime vertical is AXIS / sqrt(1 - e2 s^2) with s the sine of the
 * latitude; its series AXIS + AXIS_S2 s^2 + AXIS_S4 s^4 is off by a centimetre at most, and so
 * smoothly that distances do not show it. In half millimetres. */
#define AXIS            UINT64_C(12749145800)
#define AXIS_S2         UINT64_C(21336907)
#define AXIS_S4         UINT64_C(53713)
#define ONE_LESS_E2     (ONE - UINT64_C(3859047325321089))
#define STEPS_PER_METRE 2000

/* The mean radius, for the little that a chord is shorter than its arc. */
#define CHORD_DIVISOR  UINT64_C(487077037556)        /* 24 R^2 / STEPS_PER_METRE, in m^2 */
#define HALF_TURN_UM   UINT64_C(20015114442036)      /* pi R */
#define INVERSE_TWO_R  UINT64_C(1591773786566710630) /* 2^104 / (2 R in micrometres) */
#define DIAMETER_STEPS UINT64_C(25484035200)         /* 2 R in half millimetres */

_Static_assert(UINT64_C(3) * (UINT64_C(2000) * RADIUS_MAX) * (UINT64_C(2000) * RADIUS_MAX) <
                   UINT64_MAX,
               "the squares of three coordinates within a radius fit");

/* The product of a number and a fraction, rounded. */
static uint64_t scale(uint64_t number, uint64_t fraction)
{
    const struct wide half = {.low = ONE / 2};
    return wide_shift(wide_add(wide_multiply(number, fraction), half), FRACTION_BITS);
}

/* Taylor's series up to x^13 and x^14; below 45 degrees they are good to 2e-14, that is a
 * thousandth of a step on the earth. */
static const uint64_t sine_terms[] = {ONE,          ONE / 6,        ONE / 120,       ONE / 5040,
                                      ONE / 362880, ONE / 39916800, ONE / 6227020800};
static const uint64_t cosine_terms[] = {
    ONE,         ONE / 2,       ONE / 24,        ONE / 720,
    ONE / 40320, ONE / 3628800, ONE / 479001600, ONE / 87178291200};
#define TERMS(table) (sizeof(table) / sizeof(table)[0])

/* terms[0] - terms[1] s + terms[2] s^2 - ...; the terms fall, so nothing is ever negative. */
static uint64_t alternating_series(const uint64_t *terms, size_t count, uint64_t s)
{
    uint64_t sum = terms[count - 1];
    for (size_t i = count - 1; i > 0; i--)
        sum = terms[i - 1] - scale(s, sum);
    return sum;
}

struct direction {
    uint64_t sine, cosine;
};

/* For an angle from 0 to 45 degrees, in radians. */
static struct direction octant(uint64_t angle)
{
    CHECK(angle <= QUARTER_PI + 1);
    const uint64_t square = scale(angle, angle);
    return (struct direction){
        .sine = scale(angle, alternating_series(sine_terms, TERMS(sine_terms), square)),
        .cosine = alternating_series(cosine_terms, TERMS(cosine_terms), square),
    };
}

/* For 0 to 90 degrees, in 1e-7 degrees. It is folded at 45 degrees while it is a whole number: so
 * both sides of the fold meet exactly. */
static struct direction quadrant(uint64_t steps)
{
    CHECK(steps <= RIGHT_ANGLE);
    const bool folded = steps > RIGHT_ANGLE / 2;
    const uint64_t angle =
        wide_shift(wide_multiply(folded ? RIGHT_ANGLE - steps : steps, RADIANS_PER_STEP), 32);
    const struct direction near = octant(angle);
    return folded ? (struct direction){.sine = near.cosine, .cosine = near.sine} : near;
}

/* An axis of the earth's equator: `value` with the sign that it has in that quarter. */
static int64_t with_sign(uint64_t value, bool negative)
{
    return negative ? -(int64_t)value : (int64_t)value;
}

static struct spot earth_spot(int32_t longitude, int32_t latitude)
{
    const bool south = latitude < 0;
    const int64_t steps = south ? -(int64_t)latitude : latitude;
    const struct direction up = quadrant(steps < RIGHT_ANGLE ? (uint64_t)steps : RIGHT_ANGLE);

    const int64_t round = ((int64_t)longitude % FULL_ANGLE + FULL_ANGLE) % FULL_ANGLE;
    const int64_t quarter = round / RIGHT_ANGLE;
    const struct direction turn = quadrant((uint64_t)(round % RIGHT_ANGLE));
    const bool odd = (quarter & 1) != 0;
    const uint64_t cosine = odd ? turn.sine : turn.cosine;
    const uint64_t sine = odd ? turn.cosine : turn.sine;

    const uint64_t s2 = scale(up.sine, up.sine);
    const uint64_t curvature = AXIS + scale(AXIS_S2 + scale(AXIS_S4, s2), s2);
    return (struct spot){
        .first = with_sign(scale(curvature, scale(up.sine, ONE_LESS_E2)), south),
        .second =
            with_sign(scale(curvature, scale(up.cosine, cosine)), quarter == 1 || quarter == 2),
        .third = with_sign(scale(curvature, scale(up.cosine, sine)), quarter >= 2),
    };
}

struct spot geo_spot(enum plane plane, int32_t x, int32_t y)
{
    if (plane == PLANE_GEO)
        return earth_spot(x, y);
    return (struct spot){.first = x, .second = y};
}

uint32_t geo_reach(enum plane plane, uint32_t radius)
{
    CHECK(radius <= RADIUS_MAX);
    if (plane == PLANE_FLAT)
        return radius;
    /* chord = r - r^3 / (24 R^2) + ...; the next term is 0.3 m at 1000 km. */
    const uint64_t cube = (uint64_t)radius * radius * radius;
    return (uint32_t)((uint64_t)radius * STEPS_PER_METRE - cube / CHORD_DIVISOR);
}

static uint64_t apart(int64_t a, int64_t b)
{
    return a > b ? (uint64_t)(a - b) : (uint64_t)(b - a);
}

static struct wide square_between(const struct spot *a, const struct spot *b, uint64_t factor)
{
    const struct wide first = wide_square(apart(a->first, b->first) * factor);
    const struct wide second = wide_square(apart(a->second, b->second) * factor);
    const struct wide third = wide_square(apart(a->third, b->third) * factor);
    return wide_add(wide_add(first, second), third);
}

/* In millionths of a unit; two flat places are never further apart: 2^32 x sqrt(2). */
#define FLAT_WAY_MAX UINT64_C(6074001000000000)

/* The straight line that belongs to an arc of the earth: 2 R sin(arc / 2 R). */
static uint64_t chord_steps(uint64_t arc_um)
{
    const uint64_t angle = wide_shift(wide_multiply(arc_um, INVERSE_TWO_R), 44);
    const uint64_t sine = angle <= QUARTER_PI ? octant(angle).sine : octant(HALF_PI - angle).cosine;
    return scale(DIAMETER_STEPS, sine);
}

bool geo_too_fast(enum plane plane, const struct spot *a, const struct spot *b, uint32_t speed,
                  uint64_t elapsed_us)
{
    CHECK(speed > 0);
    CHECK(speed <= SPEED_MAX);
    const uint64_t way_max = plane == PLANE_FLAT ? FLAT_WAY_MAX : HALF_TURN_UM;
    const struct wide way = wide_multiply(speed, elapsed_us);
    if (way.high != 0 || way.low >= way_max)
        return false;
    if (plane == PLANE_FLAT)
        return wide_above(square_between(a, b, 1000000), wide_square(way.low));
    return wide_above(square_between(a, b, 1), wide_square(chord_steps(way.low)));
}
