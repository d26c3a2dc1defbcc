/* tests/unit/test_geo.c -- Flat distances are exact. On the earth a radius must be right within
 * 0.5 % up to 10 km, everywhere, whether one measures on WGS 84 or on the mean sphere: both
 * references are computed here in floating point, by other formulas than those of the code. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "cluster/base/rng.h"
#include "cluster/base/wide.h"
#include "cluster/hunt/geo.h"
#include "cluster/hunt/places.h"

#define PI          3.14159265358979323846264338327950288L
#define MEAN_RADIUS 6371008.8L

struct point {
    int32_t longitude, latitude; /* 1e-7 degrees */
};

static long double radians(long double steps)
{
    return steps * PI / 1.8e9L;
}

/* The great circle on the mean sphere (haversine). */
static long double sphere_distance(struct point a, struct point b)
{
    const long double up = sinl((radians(a.latitude) - radians(b.latitude)) / 2);
    const long double across = sinl((radians(a.longitude) - radians(b.longitude)) / 2);
    const long double h =
        up * up + cosl(radians(a.latitude)) * cosl(radians(b.latitude)) * across * across;
    return 2 * MEAN_RADIUS * asinl(sqrtl(h < 1 ? h : 1));
}

/* On WGS 84, up to some tens of km: the chord between two points of the ellipsoid and what the arc
 * is longer. */
static long double wgs84_distance(struct point a, struct point b)
{
    const long double axis = 6378137.0L, flattening = 1 / 298.257223563L;
    const long double e2 = flattening * (2 - flattening);
    long double at[2][3];
    for (int i = 0; i < 2; i++) {
        const long double latitude = radians(i == 0 ? a.latitude : b.latitude);
        const long double longitude = radians(i == 0 ? a.longitude : b.longitude);
        const long double n = axis / sqrtl(1 - e2 * sinl(latitude) * sinl(latitude));
        at[i][0] = n * cosl(latitude) * cosl(longitude);
        at[i][1] = n * cosl(latitude) * sinl(longitude);
        at[i][2] = n * (1 - e2) * sinl(latitude);
    }
    const long double x = at[0][0] - at[1][0], y = at[0][1] - at[1][1], z = at[0][2] - at[1][2];
    const long double chord = sqrtl(x * x + y * y + z * z);
    return chord * (1 + chord * chord / (24 * MEAN_RADIUS * MEAN_RADIUS));
}

/* The point at a distance and bearing, on the sphere; good enough to aim with. */
static struct point towards(struct point from, long double metres, long double bearing)
{
    const long double arc = metres / MEAN_RADIUS;
    const long double latitude = radians(from.latitude);
    const long double up = asinl(fminl(
        1, fmaxl(-1, sinl(latitude) * cosl(arc) + cosl(latitude) * sinl(arc) * cosl(bearing))));
    const long double across =
        atan2l(sinl(bearing) * sinl(arc) * cosl(latitude), cosl(arc) - sinl(latitude) * sinl(up));
    long double longitude = from.longitude + across * 1.8e9L / PI;
    if (longitude > 1.8e9L)
        longitude -= 3.6e9L;
    if (longitude < -1.8e9L)
        longitude += 3.6e9L;
    return (struct point){.longitude = (int32_t)lroundl(longitude),
                          .latitude = (int32_t)lroundl(up * 1.8e9L / PI)};
}

static bool is_within(struct point a, struct point b, uint32_t radius)
{
    const struct spot one = geo_spot(PLANE_GEO, a.longitude, a.latitude);
    const struct spot other = geo_spot(PLANE_GEO, b.longitude, b.latitude);
    uint64_t square = 0, back = 0;
    const bool within = geo_within(&one, &other, geo_reach(PLANE_GEO, radius), &square);
    assert_int_equal(geo_within(&other, &one, geo_reach(PLANE_GEO, radius), &back), within);
    assert_true(square == back);
    return within;
}

static void check_against(long double distance, bool within, uint32_t radius, struct point a,
                          struct point b)
{
    const long double error = 0.005L * radius;
    if ((distance < radius - error && !within) || (distance > radius + error && within))
        fail_msg("%d,%d to %d,%d: %.4Lf m, radius %u, within %d", a.latitude, a.longitude,
                 b.latitude, b.longitude, distance, radius, within);
}

/* Clicks from 4 % inside to 4 % outside of the radius, in all directions. */
static void check_around(struct point centre, uint32_t radius, struct rng *rng)
{
    const long double share = 0.96L + 0.08L * (long double)rng_below(rng, 10001) / 10000;
    const long double bearing = 2 * PI * (long double)rng_below(rng, 36000) / 36000;
    const struct point click = towards(centre, share * radius, bearing);
    const bool within = is_within(centre, click, radius);
    check_against(sphere_distance(centre, click), within, radius, centre, click);
    check_against(wgs84_distance(centre, click), within, radius, centre, click);
}

static const uint32_t radii[] = {1, 2, 3, 5, 10, 25, 50, 100, 333, 1000, 2500, 5000, 9999, 10000};
#define RADII (sizeof radii / sizeof radii[0])

static void a_radius_is_right_anywhere_on_earth(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 11);
    for (uint32_t i = 0; i < 60000; i++) {
        const struct point centre = {
            .longitude = (int32_t)((int64_t)rng_below(&rng, 3600000001) - LONGITUDE_MAX),
            .latitude = (int32_t)((int64_t)rng_below(&rng, 1800000001) - LATITUDE_MAX),
        };
        check_around(centre, radii[i % RADII], &rng);
    }
}

static void a_radius_is_right_at_the_poles_the_date_line_and_the_folds(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 12);
    static const int32_t latitudes[] = {
        LATITUDE_MAX, LATITUDE_MAX - 1, LATITUDE_MAX - 1000, 450000000, 450000001, 0, 1, -1};
    static const int32_t longitudes[] = {
        LONGITUDE_MAX, LONGITUDE_MAX - 1, 1350000000, 900000000, 450000000, 1, 0, -1};
    for (uint32_t i = 0; i < 8 * 8 * 4 * RADII * 3; i++) {
        const struct point centre = {
            .latitude = latitudes[i % 8] * ((i / 64 & 1) != 0 ? -1 : 1),
            .longitude = longitudes[i / 8 % 8] * ((i / 128 & 1) != 0 ? -1 : 1),
        };
        check_around(centre, radii[i / 256 % RADII], &rng);
    }
}

static void large_radii_are_right_too(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 13);
    for (uint32_t i = 0; i < 20000; i++) {
        const uint32_t radius = (uint32_t)rng_between(&rng, 10000, RADIUS_MAX);
        const struct point centre = {
            .longitude = (int32_t)((int64_t)rng_below(&rng, 3600000001) - LONGITUDE_MAX),
            .latitude = (int32_t)((int64_t)rng_below(&rng, 1800000001) - LATITUDE_MAX),
        };
        const long double share = 0.96L + 0.08L * (long double)rng_below(&rng, 10001) / 10000;
        const struct point click = towards(centre, share * radius, (long double)rng_below(&rng, 7));
        check_against(sphere_distance(centre, click), is_within(centre, click, radius), radius,
                      centre, click);
    }
}

static void every_longitude_is_the_same_pole(void **state)
{
    (void)state;
    const struct spot pole = geo_spot(PLANE_GEO, 0, LATITUDE_MAX);
    for (int32_t longitude = -LONGITUDE_MAX; longitude < LONGITUDE_MAX; longitude += 77777777) {
        const struct spot same = geo_spot(PLANE_GEO, longitude, LATITUDE_MAX);
        assert_true(same.first == pole.first && same.second == 0 && same.third == 0);
    }
}

static void both_sides_of_the_date_line_are_one_place(void **state)
{
    (void)state;
    const struct spot east = geo_spot(PLANE_GEO, LONGITUDE_MAX, 123456789);
    const struct spot west = geo_spot(PLANE_GEO, -LONGITUDE_MAX, 123456789);
    assert_memory_equal(&east, &west, sizeof east);
}

static void coordinates_off_the_earth_are_still_places(void **state)
{
    (void)state;
    const struct spot pole = geo_spot(PLANE_GEO, 5, LATITUDE_MAX);
    const struct spot beyond = geo_spot(PLANE_GEO, 5, COORDINATE_MAX);
    assert_memory_equal(&pole, &beyond, sizeof pole);
    const struct spot low = geo_spot(PLANE_GEO, INT32_MIN, INT32_MIN);
    assert_true(low.first == -pole.first);
    const struct spot round = geo_spot(PLANE_GEO, COORDINATE_MAX, 0);
    const struct spot same =
        geo_spot(PLANE_GEO, (int32_t)(COORDINATE_MAX - INT64_C(3600000000)), 0);
    assert_memory_equal(&round, &same, sizeof round);
}

static void flat_distances_are_exact(void **state)
{
    (void)state;
    const struct spot zero = geo_spot(PLANE_FLAT, 0, 0);
    const struct {
        int32_t x, y;
        uint32_t radius;
        bool within;
    } cases[] = {
        {6, 8, 10, true},
        {6, -9, 10, false},
        {-7, 8, 10, false},
        {10, 0, 10, true},
        {0, -11, 10, false},
        {0, 1, 1, true},
        {1, 1, 1, false},
        {600000, 800000, 1000000, true},
        {600000, 800001, 1000000, false},
        {600001, 800000, 1000000, false},
        {COORDINATE_MAX, 0, 1000000, false},
        {-COORDINATE_MAX, -COORDINATE_MAX, 1000000, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct spot spot = geo_spot(PLANE_FLAT, cases[i].x, cases[i].y);
        uint64_t square = 7;
        const uint32_t reach = geo_reach(PLANE_FLAT, cases[i].radius);
        assert_int_equal(geo_within(&zero, &spot, reach, &square), cases[i].within);
        if (cases[i].within)
            assert_true(square == (uint64_t)((int64_t)cases[i].x * cases[i].x +
                                             (int64_t)cases[i].y * cases[i].y));
        else
            assert_true(square == 7);
    }
}

static void opposite_corners_of_a_flat_hunt_are_far_apart(void **state)
{
    (void)state;
    const struct spot low = geo_spot(PLANE_FLAT, -COORDINATE_MAX, -COORDINATE_MAX);
    const struct spot high = geo_spot(PLANE_FLAT, COORDINATE_MAX, COORDINATE_MAX);
    uint64_t square = 0;
    assert_false(geo_within(&low, &high, RADIUS_MAX, &square));
    /* 6 074 000 997.1 units: at a million a second that takes 6074.0009971 s. */
    assert_true(geo_too_fast(PLANE_FLAT, &low, &high, SPEED_MAX, 6074000997));
    assert_false(geo_too_fast(PLANE_FLAT, &low, &high, SPEED_MAX, 6074000998));
    assert_false(geo_too_fast(PLANE_FLAT, &low, &high, 2, (UINT64_C(1) << 52) - 1));
    assert_false(geo_too_fast(PLANE_FLAT, &low, &high, SPEED_MAX, UINT64_MAX));
    assert_true(geo_too_fast(PLANE_FLAT, &low, &high, SPEED_MAX, 0));
    assert_false(geo_too_fast(PLANE_FLAT, &low, &low, 1, 0));
}

static void a_flat_way_may_take_exactly_its_time(void **state)
{
    (void)state;
    const struct spot from = geo_spot(PLANE_FLAT, 100, 200);
    const struct spot to = geo_spot(PLANE_FLAT, 103, 196); /* 5 units */
    assert_false(geo_too_fast(PLANE_FLAT, &from, &to, 5, 1000000));
    assert_true(geo_too_fast(PLANE_FLAT, &from, &to, 5, 999999));
    assert_false(geo_too_fast(PLANE_FLAT, &to, &from, 1, 5000000));
    assert_true(geo_too_fast(PLANE_FLAT, &to, &from, 1, 4999999));
}

static void a_way_round_the_earth_takes_its_time(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 14);
    for (uint32_t i = 0; i < 20000; i++) {
        const struct point a = {
            .longitude = (int32_t)((int64_t)rng_below(&rng, 3600000001) - LONGITUDE_MAX),
            .latitude = (int32_t)((int64_t)rng_below(&rng, 1800000001) - LATITUDE_MAX),
        };
        /* From some metres to nearly the other side, each order of size as likely. */
        const long double metres = 4 * powl(10, (long double)rng_below(&rng, 6600) / 1000);
        const struct point b = towards(a, metres, (long double)rng_below(&rng, 7));
        const long double distance = sphere_distance(a, b);
        const struct spot from = geo_spot(PLANE_GEO, a.longitude, a.latitude);
        const struct spot to = geo_spot(PLANE_GEO, b.longitude, b.latitude);
        const uint32_t speed = (uint32_t)rng_between(&rng, 1, 300);
        const long double needed_us = distance / speed * 1e6L;
        if (!geo_too_fast(PLANE_GEO, &from, &to, speed, (uint64_t)(needed_us * 0.99L)))
            fail_msg("%.3Lf m in 0.99 of its time", distance);
        if (geo_too_fast(PLANE_GEO, &from, &to, speed, (uint64_t)(needed_us * 1.01L) + 1000))
            fail_msg("%.3Lf m in 1.01 of its time", distance);
    }
}

static void nobody_is_too_fast_for_half_the_earth(void **state)
{
    (void)state;
    const struct spot north = geo_spot(PLANE_GEO, 0, LATITUDE_MAX);
    const struct spot south = geo_spot(PLANE_GEO, 0, -LATITUDE_MAX);
    assert_true(geo_too_fast(PLANE_GEO, &north, &south, 1000, UINT64_C(18000000000)));
    assert_false(geo_too_fast(PLANE_GEO, &north, &south, 1000, UINT64_C(20100000000)));
    assert_false(geo_too_fast(PLANE_GEO, &north, &south, SPEED_MAX, UINT64_MAX));
}

/* The search by one coordinate must find what looking at everything finds. */
static void check_search(enum plane plane, uint32_t spread, uint32_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    struct treasure treasures[40] = {{.number = 0}};
    struct definition definition = {.plane = plane, .treasures = treasures};
    definition.treasure_count = (uint16_t)rng_below(&rng, 41);
    for (uint32_t i = 0; i < definition.treasure_count; i++) {
        treasures[i].x = (int32_t)rng_below(&rng, spread);
        treasures[i].y = (int32_t)rng_below(&rng, spread);
        treasures[i].radius = (uint32_t)rng_between(&rng, 1, spread / 8);
    }
    struct places *places = places_new(&definition);
    assert_non_null(places);
    for (uint32_t click = 0; click < 100; click++) {
        const struct spot spot =
            geo_spot(plane, (int32_t)rng_below(&rng, spread), (int32_t)rng_below(&rng, spread));
        uint64_t expected = 0, found = 0, square = 0;
        for (uint32_t i = 0; i < definition.treasure_count; i++) {
            const struct spot site = geo_spot(plane, treasures[i].x, treasures[i].y);
            if (geo_within(&site, &spot, geo_reach(plane, treasures[i].radius), &square))
                expected |= UINT64_C(1) << i;
        }
        struct places_scan scan = places_around(places, &spot);
        struct places_hit hit;
        while (places_next(&scan, &hit)) {
            assert_int_equal(found >> hit.place & 1, 0);
            found |= UINT64_C(1) << hit.place;
        }
        assert_true(found == expected);
    }
    places_free(places);
}

static void the_search_finds_every_treasure_around_a_click(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 200; seed++) {
        check_search(PLANE_FLAT, 300, seed);
        check_search(PLANE_FLAT, 20, seed);
        check_search(PLANE_GEO, 3000, seed);
    }
}

static void wide_products_carry(void **state)
{
    (void)state;
    const struct wide most = wide_multiply(UINT64_MAX, UINT64_MAX);
    assert_true(most.high == UINT64_MAX - 1 && most.low == 1);
    const struct wide cross = wide_multiply(UINT64_C(0xffffffff00000001), UINT64_C(0x1ffffffff));
    assert_true(cross.high == UINT64_C(0x1fffffffd) && cross.low == UINT64_C(0x2ffffffff));
    const struct wide sum = wide_add((struct wide){.low = UINT64_MAX}, (struct wide){.low = 1});
    assert_true(sum.high == 1 && sum.low == 0);
    assert_true(wide_above((struct wide){.high = 1}, (struct wide){.low = UINT64_MAX}));
    assert_false(wide_above(sum, sum));
    assert_true(wide_shift((struct wide){.high = 3, .low = UINT64_C(1) << 63}, 60) == 56);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_radius_is_right_anywhere_on_earth),
        cmocka_unit_test(a_radius_is_right_at_the_poles_the_date_line_and_the_folds),
        cmocka_unit_test(large_radii_are_right_too),
        cmocka_unit_test(every_longitude_is_the_same_pole),
        cmocka_unit_test(both_sides_of_the_date_line_are_one_place),
        cmocka_unit_test(coordinates_off_the_earth_are_still_places),
        cmocka_unit_test(flat_distances_are_exact),
        cmocka_unit_test(opposite_corners_of_a_flat_hunt_are_far_apart),
        cmocka_unit_test(a_flat_way_may_take_exactly_its_time),
        cmocka_unit_test(a_way_round_the_earth_takes_its_time),
        cmocka_unit_test(nobody_is_too_fast_for_half_the_earth),
        cmocka_unit_test(the_search_finds_every_treasure_around_a_click),
        cmocka_unit_test(wide_products_carry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
