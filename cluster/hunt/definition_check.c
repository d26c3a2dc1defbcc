#include "cluster/hunt/definition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/hunt/definition_index.h"

/* The length of the UTF-8 sequence at `bytes`, 0 where there is none: RFC 3629, table 3-7 of the
 * Unicode standard (no surrogates, nothing above U+10FFFF, no longer form than needed). */
static size_t utf8_sequence(const uint8_t *bytes, size_t left)
{
    const uint8_t first = bytes[0];
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length > left)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    }
    const uint8_t second = bytes[1];
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
        return 0;
    return length;
}

size_t utf8_prefix(const char *text, size_t length)
{
    CHECK(text != NULL || length == 0);
    size_t at = 0;
    while (at < length) {
        const size_t sequence = utf8_sequence((const uint8_t *)text + at, length - at);
        if (sequence == 0)
            break;
        at += sequence;
    }
    return at;
}

/* Control characters but line feed and tab: texts end up on operators' terminals, where such
 * characters are commands. */
static bool has_control(const char *text)
{
    for (const uint8_t *at = (const uint8_t *)text; *at != 0; at++) {
        if ((*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7f)
            return true;
        /* U+0080 to U+009F. */
        if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
            return true;
    }
    return false;
}

/* What is wrong with a text as such; NULL: nothing. */
static const char *text_fault(const char *text)
{
    const size_t length = strlen(text);
    if (length == 0)
        return "must not be empty";
    if (utf8_prefix(text, length) != length)
        return "must be UTF-8";
    if (has_control(text))
        return "must not hold control characters";
    return NULL;
}

static void check_text(const char *text, size_t bytes_max, const char *field,
                       struct definition_faults *faults)
{
    if (text == NULL)
        return;
    const char *fault = text_fault(text);
    if (fault != NULL)
        definition_fault(faults, field, "%s", fault);
    else if (strlen(text) > bytes_max)
        definition_fault(faults, field, "has %zu bytes; at most %zu", strlen(text), bytes_max);
}

static void check_name(const struct name *name, const char *field, struct definition_faults *faults)
{
    struct name same;
    const char *end = memchr(name->text, 0, sizeof name->text);
    if (end == NULL || name_set(&same, name->text, (size_t)(end - name->text)) != STATUS_OK)
        definition_fault(faults, field, "must be 1 to %d of a-z 0-9 -", NAME_LENGTH_MAX);
}

/* What is being looked at: treasures report below their own field. */
struct place {
    struct definition_faults *faults;
    const char *prefix; /* "treasures[3]." or "" */
};

static void fault_at(const struct place *place, const char *field, const char *detail)
{
    char path[sizeof((struct definition_fault *)0)->field];
    (void)snprintf(path, sizeof path, "%s%s", place->prefix, field);
    definition_fault(place->faults, path, "%s", detail);
}

static void check_range(const struct place *place, const char *field, int64_t value,
                        const int64_t limits[2])
{
    if (value >= limits[0] && value <= limits[1])
        return;
    char detail[80];
    (void)snprintf(detail, sizeof detail, "must be from %lld to %lld", (long long)limits[0],
                   (long long)limits[1]);
    fault_at(place, field, detail);
}

static void check_moment(const struct place *place, const char *field, int64_t moment_ms)
{
    if (moment_ms < 0 || moment_ms > MOMENT_MS_MAX)
        fault_at(place, field, "must lie in the years 1970 to 9999");
}

static bool emoji_in_shape(const struct emoji *emoji)
{
    if (emoji->length < 1 || emoji->length > EMOJI_BYTES_MAX)
        return false;
    const char *end = memchr(emoji->text, 0, sizeof emoji->text);
    return end == emoji->text + emoji->length;
}

static void check_emoji(const struct definition *definition, struct definition_faults *faults)
{
    uint16_t count = definition->emoji_count;
    if (count > EMOJI_MAX) {
        definition_fault(faults, "reactions", "are %u; at most %d", (unsigned)count, EMOJI_MAX);
        count = EMOJI_MAX;
    }
    for (uint16_t i = 0; i < count; i++) {
        char field[24];
        (void)snprintf(field, sizeof field, "reactions[%u]", (unsigned)i);
        const struct emoji *emoji = &definition->emoji[i];
        if (!emoji_in_shape(emoji)) {
            definition_fault(faults, field, "must be 1 to %d bytes", EMOJI_BYTES_MAX);
            continue;
        }
        const char *fault = text_fault(emoji->text);
        if (fault != NULL)
            definition_fault(faults, field, "%s", fault);
        for (uint16_t j = 0; j < i; j++) {
            if (strcmp(definition->emoji[j].text, emoji->text) == 0)
                definition_fault(faults, field, "is the same as reactions[%u]", (unsigned)j);
        }
    }
}

static void check_head(const struct definition *definition, struct definition_faults *faults)
{
    const struct place place = {.faults = faults, .prefix = ""};
    check_name(&definition->hunt, "hunt", faults);
    check_text(definition->title, TITLE_BYTES_MAX, "title", faults);
    if (definition->plane != PLANE_FLAT && definition->plane != PLANE_GEO)
        definition_fault(faults, "plane", "must be flat or geo");
    if (definition->ties != TIES_FIRST && definition->ties != TIES_SHARED)
        definition_fault(faults, "ties", "must be first or shared");

    if (definition->has_opens_at)
        check_moment(&place, "opens_at", definition->opens_at_ms);
    if (definition->has_closes_at)
        check_moment(&place, "closes_at", definition->closes_at_ms);
    if (definition->has_opens_at && definition->has_closes_at &&
        definition->opens_at_ms >= definition->closes_at_ms)
        definition_fault(faults, "closes_at", "must be after opens_at");

    check_range(&place, "claim_ttl_ms", definition->claim_ttl_ms,
                (const int64_t[]){0, CLAIM_TTL_MS_MAX});
    check_range(&place, "clock_tolerance_ms", definition->clock_tolerance_ms,
                (const int64_t[]){0, CLOCK_TOLERANCE_MS_MAX});
    check_range(&place, "max_speed", definition->max_speed, (const int64_t[]){0, SPEED_MAX});
    if (definition->rate_claims > 0 || definition->rate_per_ms > 0) {
        check_range(&place, "rate.claims", definition->rate_claims,
                    (const int64_t[]){1, RATE_CLAIMS_MAX});
        check_range(&place, "rate.per_ms", definition->rate_per_ms,
                    (const int64_t[]){1, RATE_PER_MS_MAX});
    }
    check_emoji(definition, faults);
}

static void check_place(const struct place *place, const struct treasure *treasure,
                        enum plane plane)
{
    if (plane == PLANE_FLAT) {
        check_range(place, "at.x", treasure->x, (const int64_t[]){-COORDINATE_MAX, COORDINATE_MAX});
        check_range(place, "at.y", treasure->y, (const int64_t[]){-COORDINATE_MAX, COORDINATE_MAX});
        return;
    }
    if (treasure->y < -LATITUDE_MAX || treasure->y > LATITUDE_MAX)
        fault_at(place, "at.lat", "must be from -90 to 90 degrees");
    if (treasure->x < -LONGITUDE_MAX || treasure->x > LONGITUDE_MAX)
        fault_at(place, "at.lon", "must be from -180 to 180 degrees");
}

static void check_window(const struct place *place, const struct treasure *treasure)
{
    if (!treasure->has_window)
        return;
    check_moment(place, "window.from", treasure->window_from_ms);
    check_moment(place, "window.to", treasure->window_to_ms);
    if (treasure->window_from_ms >= treasure->window_to_ms)
        fault_at(place, "window.to", "must be after from");
}

static void check_taps(const struct place *place, const struct treasure *treasure)
{
    if (treasure->taps_count == 0 && treasure->taps_within_ms == 0)
        return;
    check_range(place, "taps.count", treasure->taps_count, (const int64_t[]){TAPS_MIN, TAPS_MAX});
    check_range(place, "taps.within_ms", treasure->taps_within_ms,
                (const int64_t[]){1, TAPS_WITHIN_MS_MAX});
}

static void check_decay(const struct place *place, const struct treasure *treasure)
{
    if (treasure->decay_per_ms == 0 && treasure->decay_points == 0 && treasure->decay_floor == 0)
        return;
    check_range(place, "decay.per_ms", treasure->decay_per_ms,
                (const int64_t[]){1, DECAY_PER_MS_MAX});
    check_range(place, "decay.points", treasure->decay_points, (const int64_t[]){1, POINTS_MAX});
    if (treasure->decay_floor > treasure->points)
        fault_at(place, "decay.floor", "must not be above points");
}

static void check_requires(const struct place *place, const struct definition *definition,
                           uint16_t at)
{
    const struct treasure *treasure = &definition->treasures[at];
    uint16_t count = treasure->requires_count;
    if (count > REQUIRES_MAX) {
        check_range(place, "requires", count, (const int64_t[]){0, REQUIRES_MAX});
        count = REQUIRES_MAX;
    }
    for (uint16_t i = 0; i < count; i++) {
        char field[24];
        (void)snprintf(field, sizeof field, "requires[%u]", (unsigned)i);
        if (treasure->requires[i] >= definition->treasure_count)
            fault_at(place, field, "is no treasure of this hunt");
        else if (treasure->requires[i] == at)
            fault_at(place, field, "is the treasure itself");
        for (uint16_t j = 0; j < i; j++) {
            if (treasure->requires[j] != treasure->requires[i])
                continue;
            fault_at(place, field, "is required twice");
            break;
        }
    }
}

static void check_treasure(const struct definition *definition, uint16_t at,
                           struct definition_faults *faults)
{
    const struct treasure *treasure = &definition->treasures[at];
    char prefix[24], field[48];
    (void)snprintf(prefix, sizeof prefix, "treasures[%u].", (unsigned)at);
    const struct place place = {.faults = faults, .prefix = prefix};

    (void)snprintf(field, sizeof field, "%sid", prefix);
    check_name(&treasure->id, field, faults);
    check_place(&place, treasure, definition->plane);
    check_range(&place, "radius", treasure->radius, (const int64_t[]){RADIUS_MIN, RADIUS_MAX});
    check_range(&place, "points", treasure->points, (const int64_t[]){0, POINTS_MAX});
    /* Absent is 0 here, so the lower limit is the file's to keep. */
    if (treasure->supply != 0)
        check_range(&place, "supply", treasure->supply, (const int64_t[]){SUPPLY_MIN, SUPPLY_MAX});
    (void)snprintf(field, sizeof field, "%shint", prefix);
    check_text(treasure->hint, HINT_BYTES_MAX, field, faults);
    check_requires(&place, definition, at);
    check_window(&place, treasure);
    check_taps(&place, treasure);
    if (treasure->unlock_reactions != 0)
        check_range(&place, "unlock.reactions", treasure->unlock_reactions,
                    (const int64_t[]){1, UNLOCK_REACTIONS_MAX});
    check_decay(&place, treasure);
}

/* Two with one id, and, in a definition that has numbers, two with one number. One without has
 * zeros. Expects at most TREASURES_MAX treasures. */
static void check_distinct(const struct definition *definition, struct definition_faults *faults)
{
    _Static_assert(TREASURES_MAX <= TREASURE_NUMBERS_MAX, "the index holds every treasure");
    struct name_index index;
    bool numbered = false;
    uint8_t used[TREASURE_NUMBERS_MAX / 8] = {0};
    char field[48];
    name_index_init(&index);
    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        const struct treasure *treasure = &definition->treasures[i];
        numbered = numbered || treasure->number != 0;
        if (treasure->id.text[0] != '\0')
            name_index_add(&index, &treasure->id, i);
    }
    name_index_sort(&index);

    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        const struct treasure *treasure = &definition->treasures[i];
        const uint16_t first = name_index_find(&index, &treasure->id);
        if (first < i) {
            (void)snprintf(field, sizeof field, "treasures[%u].id", (unsigned)i);
            definition_fault(faults, field, "is the same as treasures[%u].id", (unsigned)first);
        }
        if (!numbered)
            continue;
        const uint16_t number = treasure->number;
        const uint8_t bit = (uint8_t)(1u << number % 8u);
        if (number >= TREASURE_NUMBERS_MAX || (used[number / 8] & bit) != 0) {
            (void)snprintf(field, sizeof field, "treasures[%u].number", (unsigned)i);
            definition_fault(faults, field, "must be below %d and the treasure's own",
                             TREASURE_NUMBERS_MAX);
            continue;
        }
        used[number / 8] |= bit;
    }
}

enum colour {
    COLOUR_NEW = 0,
    COLOUR_OPEN, /* on the way from where the walk began */
    COLOUR_DONE,
};

struct walk {
    const struct definition *definition;
    struct definition_faults *faults;
    uint8_t colour[TREASURES_MAX];
    uint8_t next[TREASURES_MAX]; /* which of its requirements is followed next */
    uint16_t way[TREASURES_MAX];
    uint16_t depth;
};

static void walk_enter(struct walk *walk, uint16_t at)
{
    CHECK(walk->depth < TREASURES_MAX);
    walk->colour[at] = COLOUR_OPEN;
    walk->way[walk->depth++] = at;
}

/* Follows one requirement of the treasure at the end of the way, or leaves it when there is none
 * left. A requirement that leads back onto the way closes a circle. */
static void walk_step(struct walk *walk)
{
    CHECK(walk->depth > 0);
    const uint16_t at = walk->way[walk->depth - 1];
    const struct treasure *treasure = &walk->definition->treasures[at];
    if (walk->next[at] >= treasure->requires_count || walk->next[at] >= REQUIRES_MAX) {
        walk->colour[at] = COLOUR_DONE;
        walk->depth--;
        return;
    }
    const uint8_t which = walk->next[at]++;
    const uint16_t to = treasure->requires[which];
    if (to >= walk->definition->treasure_count || to == at)
        return;
    if (walk->colour[to] == COLOUR_NEW) {
        walk_enter(walk, to);
    } else if (walk->colour[to] == COLOUR_OPEN) {
        char field[48];
        (void)snprintf(field, sizeof field, "treasures[%u].requires[%u]", (unsigned)at,
                       (unsigned)which);
        definition_fault(walk->faults, field, "closes a circle: %s requires %s",
                         walk->definition->treasures[to].id.text, treasure->id.text);
    }
}

/* Treasures that wait for each other could never be found. Depth first, without recursion. */
static void check_circles(const struct definition *definition, struct definition_faults *faults)
{
    CHECK(definition->treasure_count <= TREASURES_MAX);
    struct walk walk = {.definition = definition, .faults = faults};
    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        if (walk.colour[i] != COLOUR_NEW)
            continue;
        walk_enter(&walk, i);
        while (walk.depth > 0)
            walk_step(&walk);
    }
}

void definition_check(const struct definition *definition, struct definition_faults *faults)
{
    CHECK(definition->treasures != NULL || definition->treasure_count == 0);
    CHECK(faults != NULL);
    check_head(definition, faults);
    uint16_t count = definition->treasure_count;
    if (count == 0)
        definition_fault(faults, "treasures", "must be at least one");
    if (count > TREASURES_MAX) {
        definition_fault(faults, "treasures", "are %u; at most %d", (unsigned)count, TREASURES_MAX);
        count = TREASURES_MAX;
    }
    for (uint16_t i = 0; i < count; i++)
        check_treasure(definition, i, faults);
    if (definition->treasure_count > TREASURES_MAX)
        return;
    check_distinct(definition, faults);
    check_circles(definition, faults);
}
