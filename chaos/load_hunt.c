#include "chaos/load_hunt.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/hunt/geo.h"
#include "cluster/hunt/places.h"
#include "node/hunt_file_scalar.h"

/* Tries for each empty place; where treasures cover everything around, fewer are found. */
#define EMPTY_TRIES 8

/* A number that is not there, or is none, is 0; what does not fit becomes the nearest that does. */
static int64_t whole_member(const json_t *object, const char *key, int64_t low, int64_t high)
{
    const int64_t value = json_integer_value(json_object_get(object, key));
    return value < low ? low : value > high ? high : value;
}

static int32_t degrees_member(const json_t *object, const char *key, int32_t limit)
{
    const double degrees = json_number_value(json_object_get(object, key));
    if (!(degrees >= -limit / 1e7 && degrees <= limit / 1e7))
        return 0;
    return (int32_t)(degrees * 1e7 + (degrees < 0 ? -0.5 : 0.5));
}

static void take_place(struct treasure *treasure, const json_t *at, enum plane plane)
{
    if (plane == PLANE_GEO) {
        treasure->x = degrees_member(at, "lon", LONGITUDE_MAX);
        treasure->y = degrees_member(at, "lat", LATITUDE_MAX);
        return;
    }
    treasure->x = (int32_t)whole_member(at, "x", -(int64_t)COORDINATE_MAX, COORDINATE_MAX);
    treasure->y = (int32_t)whole_member(at, "y", -(int64_t)COORDINATE_MAX, COORDINATE_MAX);
}

static bool take_id(struct treasure *treasure, const json_t *item)
{
    const json_t *id = json_object_get(item, "id");
    return json_is_string(id) &&
           name_set(&treasure->id, json_string_value(id), json_string_length(id)) == STATUS_OK;
}

static void take_window(struct treasure *treasure, const json_t *window)
{
    const char *from = json_string_value(json_object_get(window, "from"));
    const char *to = json_string_value(json_object_get(window, "to"));
    treasure->has_window = from != NULL && to != NULL &&
                           scalar_time(from, &treasure->window_from_ms) == STATUS_OK &&
                           scalar_time(to, &treasure->window_to_ms) == STATUS_OK;
}

int32_t load_hunt_find(const struct load_hunt *hunt, const char *id, int32_t likely)
{
    const struct definition *definition = hunt->definition;
    if (likely >= 0 && strcmp(definition->treasures[likely].id.text, id) == 0)
        return likely;
    for (int32_t i = 0; i < definition->treasure_count; i++) {
        if (strcmp(definition->treasures[i].id.text, id) == 0)
            return i;
    }
    return -1;
}

static void take_requires(const struct load_hunt *hunt, struct treasure *treasure,
                          const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = json_string_value(json_array_get(list, i));
        const int32_t required = id != NULL ? load_hunt_find(hunt, id, -1) : -1;
        if (required >= 0 && treasure->requires_count < REQUIRES_MAX)
        treasure->requires[treasure->requires_count++] = (uint16_t)required;
    }
}

/* Makes room for so many treasures. */
static enum status hunt_init(struct load_hunt *ret_hunt, size_t treasures)
{
    *ret_hunt = (struct load_hunt){0};
    if (treasures == 0 || treasures > TREASURES_MAX)
        return STATUS_INVALID;
    ret_hunt->definition = definition_new((uint16_t)treasures);
    ret_hunt->sold_out = calloc(treasures, sizeof *ret_hunt->sold_out);
    if (ret_hunt->definition == NULL || ret_hunt->sold_out == NULL)
        return STATUS_NO_MEMORY;
    return STATUS_OK;
}

static enum status hunt_end(struct load_hunt *hunt, enum status status)
{
    if (status == STATUS_OK) {
        hunt->places = places_new(hunt->definition);
        status = hunt->places != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    }
    if (status != STATUS_OK)
        load_hunt_fini(hunt);
    return status;
}

static enum status take_treasures(struct load_hunt *hunt, const json_t *list)
{
    struct definition *definition = hunt->definition;
    for (size_t i = 0; i < definition->treasure_count; i++) {
        const json_t *item = json_array_get(list, i);
        struct treasure *treasure = &definition->treasures[i];
        if (!take_id(treasure, item))
            return STATUS_INVALID;
        take_place(treasure, json_object_get(item, "at"), definition->plane);
        treasure->radius = (uint32_t)whole_member(item, "radius", RADIUS_MIN, RADIUS_MAX);
        treasure->unlock_reactions = (uint32_t)whole_member(json_object_get(item, "unlock"),
                                                            "reactions", 0, UNLOCK_REACTIONS_MAX);
        take_window(treasure, json_object_get(item, "window"));
    }
    for (size_t i = 0; i < definition->treasure_count; i++)
        take_requires(hunt, &definition->treasures[i],
                      json_object_get(json_array_get(list, i), "requires"));
    return STATUS_OK;
}

enum status load_hunt_from_definition(struct load_hunt *ret_hunt, const json_t *page)
{
    const json_t *list = json_object_get(page, "treasures");
    const char *plane = json_string_value(json_object_get(page, "plane"));
    enum status status = hunt_init(ret_hunt, json_array_size(list));
    if (status == STATUS_OK) {
        ret_hunt->definition->plane =
            plane != NULL && strcmp(plane, "geo") == 0 ? PLANE_GEO : PLANE_FLAT;
        status = take_treasures(ret_hunt, list);
    }
    return hunt_end(ret_hunt, status);
}

/* Which of the treasures open to him a player is shown. */
static bool is_shown(const json_t *item)
{
    return json_object_get(item, "radius") != NULL;
}

enum status load_hunt_from_player(struct load_hunt *ret_hunt, const json_t *page)
{
    const json_t *list = json_object_get(page, "open");
    size_t shown = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        shown += is_shown(json_array_get(list, i));
    enum status status = hunt_init(ret_hunt, shown);
    size_t at = 0;
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!is_shown(item))
            continue;
        struct treasure *treasure = &ret_hunt->definition->treasures[at++];
        if (json_object_get(item, "lat") != NULL)
            ret_hunt->definition->plane = PLANE_GEO;
        take_place(treasure, item, ret_hunt->definition->plane);
        treasure->radius = (uint32_t)whole_member(item, "radius", RADIUS_MIN, RADIUS_MAX);
        status = take_id(treasure, item) ? STATUS_OK : STATUS_INVALID;
    }
    return hunt_end(ret_hunt, status);
}

void load_hunt_fini(struct load_hunt *hunt)
{
    places_free(hunt->places);
    definition_free(hunt->definition);
    free(hunt->sold_out);
    *hunt = (struct load_hunt){0};
}

/* Around the treasures, with a margin in which the outermost ones do not reach. */
struct area {
    int64_t x_from, x_to, y_from, y_to;
};

/* A metre of latitude is 90 of its 1e-7 degrees; a longitude's is more, which only makes the margin
 * too small away from the equator. */
static int64_t margin_of(const struct load_hunt *hunt, const struct treasure *treasure)
{
    const int64_t scale = hunt->definition->plane == PLANE_GEO ? 90 : 1;
    return (int64_t)treasure->radius * 2 * scale;
}

static struct area area_of(const struct load_hunt *hunt)
{
    const bool geo = hunt->definition->plane == PLANE_GEO;
    const int64_t x_max = geo ? LONGITUDE_MAX : COORDINATE_MAX;
    const int64_t y_max = geo ? LATITUDE_MAX : COORDINATE_MAX;
    struct area area = {x_max, -x_max, y_max, -y_max};
    for (uint16_t i = 0; i < hunt->definition->treasure_count; i++) {
        const struct treasure *treasure = &hunt->definition->treasures[i];
        const int64_t margin = margin_of(hunt, treasure);
        area.x_from = treasure->x - margin < area.x_from ? treasure->x - margin : area.x_from;
        area.x_to = treasure->x + margin > area.x_to ? treasure->x + margin : area.x_to;
        area.y_from = treasure->y - margin < area.y_from ? treasure->y - margin : area.y_from;
        area.y_to = treasure->y + margin > area.y_to ? treasure->y + margin : area.y_to;
    }
    area.x_from = area.x_from < -x_max ? -x_max : area.x_from;
    area.x_to = area.x_to > x_max ? x_max : area.x_to;
    area.y_from = area.y_from < -y_max ? -y_max : area.y_from;
    area.y_to = area.y_to > y_max ? y_max : area.y_to;
    return area;
}

static bool is_empty(const struct load_hunt *hunt, struct load_place place)
{
    const struct spot spot = geo_spot(hunt->definition->plane, place.x, place.y);
    struct places_scan scan = places_around(hunt->places, &spot);
    struct places_hit hit;
    return !places_next(&scan, &hit);
}

static struct load_place random_place(const struct area *area, struct rng *rng)
{
    const uint64_t width = (uint64_t)(area->x_to - area->x_from) + 1;
    const uint64_t height = (uint64_t)(area->y_to - area->y_from) + 1;
    const int64_t x = area->x_from + (int64_t)rng_below(rng, width);
    const int64_t y = area->y_from + (int64_t)rng_below(rng, height);
    return (struct load_place){(int32_t)x, (int32_t)y};
}

void load_hunt_find_empty(struct load_hunt *hunt, struct rng *rng)
{
    const struct area area = area_of(hunt);
    hunt->empty_count = 0;
    uint32_t tries = LOAD_EMPTY_PLACES * EMPTY_TRIES;
    while (tries-- > 0 && hunt->empty_count < LOAD_EMPTY_PLACES) {
        const struct load_place place = random_place(&area, rng);
        if (is_empty(hunt, place))
            hunt->empty[hunt->empty_count++] = place;
    }
    /* A hunt without any empty place: then some corner will have to do. */
    if (hunt->empty_count == 0)
        hunt->empty[hunt->empty_count++] =
            (struct load_place){(int32_t)area.x_from, (int32_t)area.y_from};
}

/* Within half the radius along both axes is within 0.71 of it in a straight line. In degrees the
 * middle is hit: how many of them a metre is depends on the place. */
struct load_place load_hunt_aim(const struct load_hunt *hunt, uint16_t treasure, struct rng *rng)
{
    CHECK(treasure < hunt->definition->treasure_count);
    const struct treasure *at = &hunt->definition->treasures[treasure];
    const int64_t reach = hunt->definition->plane == PLANE_FLAT ? at->radius / 2 : 0;
    const uint64_t width = (uint64_t)reach * 2 + 1;
    int64_t x = at->x + (int64_t)rng_below(rng, width) - reach;
    int64_t y = at->y + (int64_t)rng_below(rng, width) - reach;
    if (x < -(int64_t)COORDINATE_MAX || x > COORDINATE_MAX)
        x = at->x;
    if (y < -(int64_t)COORDINATE_MAX || y > COORDINATE_MAX)
        y = at->y;
    return (struct load_place){(int32_t)x, (int32_t)y};
}

struct load_place load_hunt_miss(const struct load_hunt *hunt, struct rng *rng)
{
    CHECK(hunt->empty_count > 0);
    return hunt->empty[rng_below(rng, hunt->empty_count)];
}
