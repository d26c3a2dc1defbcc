#include "node/hunt_json.h"

#include <stdbool.h>
#include <stddef.h>

#include "cluster/base/check.h"
#include "node/hunt_file_scalar.h"

/* Members are added by a chain of `ok = ok && set(...)`: jansson's *_new functions take a value and
 * free it on failure, and refuse NULL, so nothing is lost on the way. */
static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static json_t *time_json(int64_t time_ms)
{
    char text[SCALAR_TIME_BYTES];
    scalar_format_time(text, time_ms);
    return json_string(text);
}

static json_t *names_json(const struct definition *definition, const struct treasure *treasure)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (uint16_t i = 0; ok && i < treasure->requires_count; i++) {
        CHECK(treasure->requires[i] < definition -> treasure_count);
        const struct treasure *required = &definition->treasures[treasure->requires[i]];
        ok = json_array_append_new(list, json_string(required->id.text)) == 0;
    }
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *emoji_json(const struct definition *definition)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    CHECK(definition->emoji_count <= EMOJI_MAX);
    for (uint16_t i = 0; ok && i < definition->emoji_count; i++)
        ok = json_array_append_new(list, json_string(definition->emoji[i].text)) == 0;
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

/* Division by 10^7 gives the double nearest to the decimal fraction, which HUNT_JSON_DIGITS digits
 * show as that fraction. */
static json_t *place_json(const struct definition *definition, const struct treasure *treasure)
{
    if (definition->plane == PLANE_FLAT)
        return json_pack("{s:i, s:i}", "x", (int)treasure->x, "y", (int)treasure->y);
    return json_pack("{s:f, s:f}", "lat", treasure->y / 1e7, "lon", treasure->x / 1e7);
}

static bool set_rules(json_t *object, const struct treasure *treasure)
{
    bool ok = true;
    if (treasure->has_window)
        ok = set(object, "window",
                 json_pack("{s:o, s:o}", "from", time_json(treasure->window_from_ms), "to",
                           time_json(treasure->window_to_ms)));
    if (treasure->taps_count > 0)
        ok = ok && set(object, "taps",
                       json_pack("{s:i, s:i}", "count", (int)treasure->taps_count, "within_ms",
                                 (int)treasure->taps_within_ms));
    if (treasure->unlock_reactions > 0)
        ok = ok && set(object, "unlock",
                       json_pack("{s:i}", "reactions", (int)treasure->unlock_reactions));
    if (treasure->decay_per_ms > 0)
        ok = ok && set(object, "decay",
                       json_pack("{s:i, s:i, s:i}", "per_ms", (int)treasure->decay_per_ms, "points",
                                 (int)treasure->decay_points, "floor", (int)treasure->decay_floor));
    return ok;
}

static json_t *treasure_json(const struct definition *definition, const struct treasure *treasure)
{
    json_t *object = json_object();
    bool ok = object != NULL;
    ok = ok && set(object, "id", json_string(treasure->id.text));
    ok = ok && set(object, "at", place_json(definition, treasure));
    ok = ok && set(object, "radius", json_integer(treasure->radius));
    ok = ok && set(object, "points", json_integer(treasure->points));
    if (treasure->hint != NULL)
        ok = ok && set(object, "hint", json_string(treasure->hint));
    ok = ok && set(object, "shown", json_boolean(treasure->shown));
    if (treasure->supply > 0)
        ok = ok && set(object, "supply", json_integer(treasure->supply));
    ok = ok && set(object, "requires", names_json(definition, treasure));
    ok = ok && set_rules(object, treasure);
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *treasures_json(const struct definition *definition)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (uint16_t i = 0; ok && i < definition->treasure_count; i++)
        ok = json_array_append_new(list, treasure_json(definition, &definition->treasures[i])) == 0;
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

static bool set_head(json_t *object, const struct definition *definition)
{
    bool ok = set(object, "hunt", json_string(definition->hunt.text));
    if (definition->title != NULL)
        ok = ok && set(object, "title", json_string(definition->title));
    ok = ok && set(object, "plane", json_string(definition->plane == PLANE_FLAT ? "flat" : "geo"));
    if (definition->has_opens_at)
        ok = ok && set(object, "opens_at", time_json(definition->opens_at_ms));
    if (definition->has_closes_at)
        ok = ok && set(object, "closes_at", time_json(definition->closes_at_ms));
    ok =
        ok && set(object, "ties", json_string(definition->ties == TIES_FIRST ? "first" : "shared"));
    ok = ok && set(object, "claim_ttl_ms", json_integer(definition->claim_ttl_ms));
    ok = ok && set(object, "clock_tolerance_ms", json_integer(definition->clock_tolerance_ms));
    ok = ok && set(object, "max_speed", json_integer(definition->max_speed));
    if (definition->rate_claims > 0)
        ok = ok && set(object, "rate",
                       json_pack("{s:i, s:i}", "claims", (int)definition->rate_claims, "per_ms",
                                 (int)definition->rate_per_ms));
    return ok && set(object, "reactions", emoji_json(definition));
}

json_t *hunt_json(const struct definition *definition)
{
    json_t *object = json_object();
    bool ok = object != NULL;
    ok = ok && set_head(object, definition);
    ok = ok && set(object, "treasures", treasures_json(definition));
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}
