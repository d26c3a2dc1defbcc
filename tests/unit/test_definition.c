#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/hunt/definition.h"

#define FAULTS 64

static struct definition_fault list[FAULTS];

static struct name name_of(const char *text)
{
    struct name name;
    assert_int_equal(name_set(&name, text, strlen(text)), STATUS_OK);
    return name;
}

/* A flat hunt of `count` treasures named t0, t1, ... that nothing is wrong with. */
static struct definition *plain_hunt(uint16_t count)
{
    struct definition *definition = definition_new(count);
    assert_non_null(definition);
    definition->hunt = name_of("harbour");
    for (uint16_t i = 0; i < count; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "t%u", (unsigned)i);
        definition->treasures[i].id = name_of(id);
        definition->treasures[i].radius = 10;
        definition->treasures[i].points = 5;
    }
    return definition;
}

static struct definition_faults check(const struct definition *definition)
{
    struct definition_faults faults = {.list = list, .capacity = FAULTS};
    definition_check(definition, &faults);
    return faults;
}

static void assert_no_faults(const struct definition *definition)
{
    const struct definition_faults faults = check(definition);
    if (faults.count > 0)
        print_message("%s %s\n", list[0].field, list[0].detail);
    assert_int_equal(faults.count, 0);
}

static void assert_only_fault(const struct definition *definition, const char *field,
                              const char *words)
{
    const struct definition_faults faults = check(definition);
    for (uint32_t i = 0; faults.count != 1 && i < faults.count; i++)
        print_message("%s %s\n", list[i].field, list[i].detail);
    assert_int_equal(faults.count, 1);
    assert_string_equal(list[0].field, field);
    if (strstr(list[0].detail, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", list[0].detail, words);
}

static uint8_t *encoded(const struct definition *definition, size_t *ret_size)
{
    const size_t size = definition_bytes(definition);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    struct writer writer;
    writer_init(&writer, bytes, size);
    definition_encode(definition, &writer);
    assert_true(writer_ok(&writer));
    assert_int_equal(writer.used, size);
    *ret_size = size;
    return bytes;
}

struct limit {
    const char *field;
    size_t offset; /* in the definition or in its treasure 0 */
    bool of_treasure;
    uint32_t low, high;
    bool zero_is_off; /* 0 is good although below `low` */
};

static void assert_limit(const struct limit *limit, uint32_t value, bool good)
{
    struct definition *definition = plain_hunt(1);
    struct treasure *treasure = &definition->treasures[0];
    /* Groups are whole, so that only the value in question can be at fault. */
    definition->rate_claims = definition->rate_per_ms = 1;
    treasure->points = limit->offset == offsetof(struct treasure, points) ? 0 : POINTS_MAX;
    treasure->taps_count = 2;
    treasure->taps_within_ms = 1;
    treasure->decay_per_ms = treasure->decay_points = 1;

    memcpy((limit->of_treasure ? (char *)treasure : (char *)definition) + limit->offset, &value,
           sizeof value);
    if (good)
        assert_no_faults(definition);
    else
        assert_only_fault(definition, limit->field,
                          limit->offset == offsetof(struct treasure, decay_floor) ? "above points"
                                                                                  : "from");
    definition_free(definition);
}

static void every_number_is_held_to_its_limits(void **state)
{
    (void)state;
#define HUNT(field, member, ...)                                                                   \
    {                                                                                              \
        field, offsetof(struct definition, member), false, __VA_ARGS__                             \
    }
#define TREASURE(field, member, ...)                                                               \
    {                                                                                              \
        field, offsetof(struct treasure, member), true, __VA_ARGS__                                \
    }
    static const struct limit limits[] = {
        HUNT("claim_ttl_ms", claim_ttl_ms, 0, CLAIM_TTL_MS_MAX, true),
        HUNT("clock_tolerance_ms", clock_tolerance_ms, 0, CLOCK_TOLERANCE_MS_MAX, true),
        HUNT("max_speed", max_speed, 0, SPEED_MAX, true),
        HUNT("rate.claims", rate_claims, 1, 1000000, false),
        HUNT("rate.per_ms", rate_per_ms, 1, 3600000, false),
        TREASURE("treasures[0].radius", radius, 1, 1000000, false),
        TREASURE("treasures[0].points", points, 0, 1000000, true),
        TREASURE("treasures[0].supply", supply, 1, 1000000, true),
        TREASURE("treasures[0].taps.count", taps_count, 2, 16, false),
        TREASURE("treasures[0].taps.within_ms", taps_within_ms, 1, 3600000, false),
        TREASURE("treasures[0].unlock.reactions", unlock_reactions, 1, UNLOCK_REACTIONS_MAX, true),
        TREASURE("treasures[0].decay.per_ms", decay_per_ms, 1, DECAY_PER_MS_MAX, false),
        TREASURE("treasures[0].decay.points", decay_points, 1, 1000000, false),
        TREASURE("treasures[0].decay.floor", decay_floor, 0, 1000000, true),
    };
#undef HUNT
#undef TREASURE
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const struct limit *limit = &limits[i];
        assert_limit(limit, limit->low, true);
        assert_limit(limit, limit->high, true);
        assert_limit(limit, limit->high + 1, false);
        assert_limit(limit, UINT32_MAX, false);
        assert_limit(limit, 0, limit->zero_is_off);
        if (limit->low > 1)
            assert_limit(limit, limit->low - 1, false);
    }
}

static void places_stay_within_their_plane(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(1);
    struct treasure *treasure = &definition->treasures[0];
    treasure->x = INT32_MAX;
    treasure->y = -INT32_MAX;
    assert_no_faults(definition);
    treasure->y = INT32_MIN;
    assert_only_fault(definition, "treasures[0].at.y", "from -2147483647 to 2147483647");
    treasure->y = 0;
    treasure->x = INT32_MIN;
    assert_only_fault(definition, "treasures[0].at.x", "from -2147483647");

    definition->plane = PLANE_GEO;
    treasure->x = -1800000000;
    treasure->y = 900000000;
    assert_no_faults(definition);
    treasure->x = 1800000001;
    assert_only_fault(definition, "treasures[0].at.lon", "-180 to 180");
    treasure->x = 1800000000;
    treasure->y = -900000001;
    assert_only_fault(definition, "treasures[0].at.lat", "-90 to 90");
    definition_free(definition);
}

static void there_are_1_to_1024_treasures(void **state)
{
    (void)state;
    struct definition *most = plain_hunt(TREASURES_MAX);
    assert_no_faults(most);
    definition_free(most);
    struct definition *none = plain_hunt(0);
    assert_only_fault(none, "treasures", "at least one");
    definition_free(none);
    struct definition *more = plain_hunt(TREASURES_MAX + 1);
    assert_only_fault(more, "treasures", "1025; at most 1024");
    definition_free(more);
}

static void texts_are_short_printable_utf8(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(1);
    char text[HINT_BYTES_MAX + 2];
    memset(text, 'x', sizeof text);
    definition->title = definition_text(definition, text, TITLE_BYTES_MAX);
    definition->treasures[0].hint = definition_text(definition, text, HINT_BYTES_MAX);
    assert_no_faults(definition);
    definition->title = definition_text(definition, text, TITLE_BYTES_MAX + 1);
    assert_only_fault(definition, "title", "201 bytes; at most 200");
    definition->title = NULL;
    definition->treasures[0].hint = definition_text(definition, text, HINT_BYTES_MAX + 1);
    assert_only_fault(definition, "treasures[0].hint", "501 bytes; at most 500");

    definition->treasures[0].hint = "two\nlines\tand ünïcödé 🔥";
    assert_no_faults(definition);
    static const char *const bad[] = {"", "a\x1b[2J", "\x7f", "\xc2\x9b", "\xff", "\xc0\x80"};
    static const char *const words[] = {"empty", "control", "control", "control", "UTF-8", "UTF-8"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        definition->treasures[0].hint = bad[i];
        assert_only_fault(definition, "treasures[0].hint", words[i]);
    }
    definition_free(definition);
}

static void utf8_is_what_rfc_3629_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t good;
    } cases[] = {
        {"", 0},
        {"plain", 5},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"a\x80", 1},             /* a continuation on its own */
        {"\xc1\xbf", 0},          /* longer than needed */
        {"\xe0\x9f\xbf", 0},      /* the same */
        {"\xf0\x8f\xbf\xbf", 0},  /* the same */
        {"\xed\xa0\x80", 0},      /* a surrogate */
        {"\xf4\x90\x80\x80", 0},  /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 0},  /* no such first byte */
        {"ab\xe2\x82", 2},        /* cut off */
        {"\xe2(\xa1", 0},         /* not a continuation */
        {"\xf0\x9f\x94\xa5z", 5}, /* an emoji */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(utf8_prefix(cases[i].text, strlen(cases[i].text)), cases[i].good);
}

static void set_emoji(struct definition *definition, uint16_t at, const char *text)
{
    definition->emoji[at].length = (uint8_t)strlen(text);
    (void)snprintf(definition->emoji[at].text, sizeof definition->emoji[at].text, "%s", text);
    if (definition->emoji_count <= at)
        definition->emoji_count = (uint16_t)(at + 1);
}

static void emoji_are_few_short_and_distinct(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(1);
    for (uint16_t i = 0; i < EMOJI_MAX; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "\xf0\x9f\x94%c", 0x80 + i);
        set_emoji(definition, i, text);
    }
    set_emoji(definition, 0, "12345678901234567890123456789012");
    assert_no_faults(definition);
    definition->emoji_count = EMOJI_MAX + 1;
    assert_only_fault(definition, "reactions", "17; at most 16");
    definition->emoji_count = EMOJI_MAX;
    set_emoji(definition, 7, definition->emoji[3].text);
    assert_only_fault(definition, "reactions[7]", "same as reactions[3]");
    set_emoji(definition, 7, "\xf0\x9f\x94");
    assert_only_fault(definition, "reactions[7]", "UTF-8");
    set_emoji(definition, 7, "");
    assert_only_fault(definition, "reactions[7]", "1 to 32 bytes");
    definition->emoji[7].length = EMOJI_BYTES_MAX + 1;
    assert_only_fault(definition, "reactions[7]", "1 to 32 bytes");
    definition_free(definition);
}

static void names_are_1_to_63_of_a_z_0_9_and_dash(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(1);
    memset(definition->hunt.text, 'a', NAME_LENGTH_MAX);
    assert_no_faults(definition);
    definition->hunt.text[NAME_LENGTH_MAX] = 'a';
    assert_only_fault(definition, "hunt", "1 to 63");
    definition->hunt = name_of("ok");
    definition->treasures[0].id.text[0] = 'T';
    assert_only_fault(definition, "treasures[0].id", "a-z 0-9 -");
    definition->treasures[0].id.text[0] = '\0';
    assert_only_fault(definition, "treasures[0].id", "a-z 0-9 -");
    definition_free(definition);
}

static void times_lie_in_order_and_in_range(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(1);
    struct treasure *treasure = &definition->treasures[0];
    definition->has_opens_at = definition->has_closes_at = true;
    definition->closes_at_ms = 1;
    assert_no_faults(definition);
    definition->opens_at_ms = 1;
    assert_only_fault(definition, "closes_at", "after opens_at");
    definition->closes_at_ms = MOMENT_MS_MAX;
    assert_no_faults(definition);
    definition->closes_at_ms = MOMENT_MS_MAX + 1;
    assert_only_fault(definition, "closes_at", "1970 to 9999");
    definition->has_closes_at = false;
    definition->opens_at_ms = -1;
    assert_only_fault(definition, "opens_at", "1970 to 9999");
    definition->has_opens_at = false;

    treasure->has_window = true;
    treasure->window_to_ms = 1;
    assert_no_faults(definition);
    treasure->window_from_ms = 1;
    assert_only_fault(definition, "treasures[0].window.to", "after from");
    treasure->window_to_ms = INT64_MAX;
    assert_only_fault(definition, "treasures[0].window.to", "1970 to 9999");
    treasure->window_to_ms = 1;
    treasure->window_from_ms = INT64_MIN;
    assert_only_fault(definition, "treasures[0].window.from", "1970 to 9999");
    definition_free(definition);
}

static void require_one(struct definition *definition, uint16_t from, uint16_t to)
{
    struct treasure *treasure = &definition->treasures[from];
    treasure->requires[treasure->requires_count++] = to;
}

static void requirements_name_other_treasures_once(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(20);
    struct treasure *last = &definition->treasures[19];
    for (uint16_t i = 0; i < REQUIRES_MAX; i++)
        require_one(definition, 19, i);
    assert_no_faults(definition);
    last->requires[15] = 19;
    assert_only_fault(definition, "treasures[19].requires[15]", "itself");
    last->requires[15] = 20;
    assert_only_fault(definition, "treasures[19].requires[15]", "no treasure");
    last->requires[15] = 3;
    assert_only_fault(definition, "treasures[19].requires[15]", "twice");
    last->requires[15] = 15;
    last->requires_count = REQUIRES_MAX + 1;
    assert_only_fault(definition, "treasures[19].requires", "from 0 to 16");
    definition_free(definition);
}

static void a_circle_of_requirements_is_found_where_it_closes(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(6);
    /* 0 -> 1 -> 2, 0 -> 2 twice reached, 3 -> 4 -> 5 -> 3 */
    require_one(definition, 0, 1);
    require_one(definition, 1, 2);
    require_one(definition, 0, 2);
    require_one(definition, 3, 2);
    require_one(definition, 3, 4);
    require_one(definition, 4, 5);
    assert_no_faults(definition);
    require_one(definition, 5, 3);
    assert_only_fault(definition, "treasures[5].requires[0]", "circle: t3 requires t5");
    /* A second circle, through the first three. */
    require_one(definition, 2, 0);
    const struct definition_faults faults = check(definition);
    assert_int_equal(faults.count, 2);
    assert_string_equal(list[0].field, "treasures[2].requires[0]");
    assert_string_equal(list[1].field, "treasures[5].requires[0]");
    definition_free(definition);
}

static void a_chain_through_the_largest_hunt_is_no_circle(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(TREASURES_MAX);
    for (uint16_t i = 0; i + 1 < TREASURES_MAX; i++)
        require_one(definition, i, (uint16_t)(i + 1));
    assert_no_faults(definition);
    require_one(definition, TREASURES_MAX - 1, 0);
    assert_only_fault(definition, "treasures[1023].requires[0]", "circle");
    definition_free(definition);
}

static void ids_and_numbers_are_each_treasures_own(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(4);
    definition->treasures[3].id = definition->treasures[1].id;
    assert_only_fault(definition, "treasures[3].id", "same as treasures[1].id");
    definition->treasures[3].id = name_of("own");
    for (uint16_t i = 0; i < 4; i++)
        definition->treasures[i].number = (uint16_t)(TREASURE_NUMBERS_MAX - 4 + i);
    assert_no_faults(definition);
    definition->treasures[3].number = TREASURE_NUMBERS_MAX;
    assert_only_fault(definition, "treasures[3].number", "below 4096");
    definition->treasures[3].number = definition->treasures[0].number;
    assert_only_fault(definition, "treasures[3].number", "own");
    definition_free(definition);
}

static void half_a_group_is_a_fault(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(1);
    struct treasure *treasure = &definition->treasures[0];
    definition->rate_per_ms = 5;
    assert_only_fault(definition, "rate.claims", "from 1");
    definition->rate_per_ms = 0;
    treasure->taps_within_ms = 5;
    assert_only_fault(definition, "treasures[0].taps.count", "from 2");
    treasure->taps_within_ms = 0;
    treasure->decay_points = 5;
    assert_only_fault(definition, "treasures[0].decay.per_ms", "from 1");
    treasure->decay_points = 0;
    treasure->decay_floor = treasure->points;
    assert_int_equal(check(definition).count, 2);
    definition_free(definition);
}

static void every_fault_is_counted_and_the_first_are_kept(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(FAULTS + 10);
    for (uint16_t i = 0; i < definition->treasure_count; i++)
        definition->treasures[i].radius = 0;
    const struct definition_faults faults = check(definition);
    assert_int_equal(faults.count, FAULTS + 10);
    assert_string_equal(list[FAULTS - 1].field, "treasures[63].radius");
    definition_free(definition);
}

static struct definition_faults check_change(const struct definition *before,
                                             const struct definition *after,
                                             const struct definition_names *names)
{
    struct definition_faults faults = {.list = list, .capacity = FAULTS};
    definition_check_change(before, after, names, &faults);
    return faults;
}

static void a_new_version_keeps_hunt_plane_and_limits(void **state)
{
    (void)state;
    struct definition_names *names = calloc(1, sizeof *names);
    struct definition *before = plain_hunt(3);
    struct definition *after = plain_hunt(3);
    assert_non_null(names);
    before->treasures[1].supply = 3;
    assert_int_equal(definition_number(before, names), STATUS_OK);

    after->treasures[1].supply = 1;
    after->treasures[0].points = 77;
    after->title = "Another";
    assert_int_equal(check_change(before, after, names).count, 0);
    assert_int_equal(check_change(NULL, after, names).count, 0);

    after->hunt = name_of("elsewhere");
    after->plane = PLANE_GEO;
    after->treasures[1].supply = 0;
    after->treasures[2].supply = 9;
    assert_int_equal(check_change(before, after, names).count, 4);
    assert_string_equal(list[0].field, "hunt");
    assert_string_equal(list[1].field, "plane");
    assert_string_equal(list[2].field, "treasures[1].supply");
    assert_non_null(strstr(list[2].detail, "is limited"));
    assert_string_equal(list[3].field, "treasures[2].supply");
    assert_non_null(strstr(list[3].detail, "is unlimited"));
    definition_free(before);
    definition_free(after);
    free(names);
}

static void a_treasure_keeps_its_number_and_no_number_is_used_again(void **state)
{
    (void)state;
    struct definition_names *names = calloc(1, sizeof *names);
    struct definition *first = plain_hunt(3);
    struct definition *second = plain_hunt(3);
    assert_non_null(names);
    assert_int_equal(definition_number(first, names), STATUS_OK);
    for (uint16_t i = 0; i < 3; i++)
        assert_int_equal(first->treasures[i].number, i);

    /* t0 leaves, t2 and t1 swap places, a new one comes. */
    second->treasures[0].id = name_of("t2");
    second->treasures[1].id = name_of("t1");
    second->treasures[2].id = name_of("fresh");
    second->treasures[2].supply = 1;
    assert_int_equal(definition_number(second, names), STATUS_OK);
    assert_int_equal(second->treasures[0].number, 2);
    assert_int_equal(second->treasures[1].number, 1);
    assert_int_equal(second->treasures[2].number, 3);
    assert_true(names->limited[3]);
    assert_int_equal(names->count, 4);

    definition_retire(first, second, names);
    assert_true(names->retired[0]);
    assert_false(names->retired[1] || names->retired[2] || names->retired[3]);
    assert_int_equal(check_change(second, first, names).count, 1);
    assert_string_equal(list[0].field, "treasures[0].id");
    assert_non_null(strstr(list[0].detail, "t0 was removed"));
    definition_free(first);
    definition_free(second);
    free(names);
}

static void the_id_of_a_version_that_never_was_active_may_come_again(void **state)
{
    (void)state;
    struct definition_names *names = calloc(1, sizeof *names);
    struct definition *active = plain_hunt(1);
    struct definition *cancelled = plain_hunt(2);
    struct definition *again = plain_hunt(2);
    assert_non_null(names);
    assert_int_equal(definition_number(active, names), STATUS_OK);
    assert_int_equal(definition_number(cancelled, names), STATUS_OK);
    again->treasures[1].supply = 5;
    assert_int_equal(check_change(active, again, names).count, 0);
    assert_int_equal(definition_number(again, names), STATUS_OK);
    assert_int_equal(again->treasures[1].number, cancelled->treasures[1].number);
    definition_free(active);
    definition_free(cancelled);
    definition_free(again);
    free(names);
}

static void numbers_run_out_without_a_trace(void **state)
{
    (void)state;
    struct definition_names *names = calloc(1, sizeof *names);
    struct definition *last = NULL;
    assert_non_null(names);
    for (unsigned version = 0; version < TREASURE_NUMBERS_MAX / TREASURES_MAX; version++) {
        struct definition *definition = plain_hunt(TREASURES_MAX);
        for (uint16_t i = 0; i < TREASURES_MAX; i++) {
            char id[24];
            (void)snprintf(id, sizeof id, "v%u-%u", version, (unsigned)i);
            definition->treasures[i].id = name_of(id);
        }
        assert_int_equal(check_change(last, definition, names).count, 0);
        assert_int_equal(definition_number(definition, names), STATUS_OK);
        if (last != NULL)
            definition_retire(last, definition, names);
        definition_free(last);
        last = definition;
    }
    assert_int_equal(names->count, TREASURE_NUMBERS_MAX);
    assert_int_equal(last->treasures[TREASURES_MAX - 1].number, TREASURE_NUMBERS_MAX - 1);

    struct definition *more = plain_hunt(1);
    assert_int_equal(check_change(last, more, names).count, 1);
    assert_string_equal(list[0].field, "treasures");
    assert_non_null(strstr(list[0].detail, "4097 treasures"));
    assert_int_equal(definition_number(more, names), STATUS_FULL);
    assert_int_equal(more->treasures[0].number, 0);
    assert_int_equal(names->count, TREASURE_NUMBERS_MAX);
    assert_int_equal(definition_number(last, names), STATUS_OK);
    definition_free(more);
    definition_free(last);
    free(names);
}

static uint32_t draw(struct rng *rng, uint32_t low, uint32_t high)
{
    return (uint32_t)rng_between(rng, low, high);
}

static void draw_treasure(struct rng *rng, struct definition *definition, uint16_t at)
{
    struct treasure *treasure = &definition->treasures[at];
    treasure->x = (int32_t)draw(rng, 0, 1800000000) - 900000000;
    treasure->y = (int32_t)draw(rng, 0, 1800000000) - 900000000;
    treasure->radius = draw(rng, RADIUS_MIN, RADIUS_MAX);
    treasure->points = draw(rng, 0, POINTS_MAX);
    treasure->supply = rng_chance(rng, 1, 2) ? draw(rng, 1, SUPPLY_MAX) : 0;
    treasure->shown = rng_chance(rng, 1, 2);
    if (rng_chance(rng, 1, 2))
        treasure->hint = definition_text(definition, "höher hinauf", draw(rng, 3, 13));
    for (uint16_t to = 0; to < at && treasure->requires_count < REQUIRES_MAX; to++) {
        if (rng_chance(rng, 1, 4))
            require_one(definition, at, to);
    }
    treasure->has_window = rng_chance(rng, 1, 2);
    if (treasure->has_window) {
        treasure->window_from_ms = (int64_t)rng_between(rng, 0, MOMENT_MS_MAX - 1);
        treasure->window_to_ms =
            (int64_t)rng_between(rng, (uint64_t)treasure->window_from_ms + 1, MOMENT_MS_MAX);
    }
    if (rng_chance(rng, 1, 2)) {
        treasure->taps_count = draw(rng, TAPS_MIN, TAPS_MAX);
        treasure->taps_within_ms = draw(rng, 1, TAPS_WITHIN_MS_MAX);
    }
    treasure->unlock_reactions = rng_chance(rng, 1, 2) ? draw(rng, 1, UNLOCK_REACTIONS_MAX) : 0;
    if (rng_chance(rng, 1, 2)) {
        treasure->decay_per_ms = draw(rng, 1, DECAY_PER_MS_MAX);
        treasure->decay_points = draw(rng, 1, POINTS_MAX);
        treasure->decay_floor = draw(rng, 0, treasure->points);
    }
}

static struct definition *draw_definition(uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    struct definition *definition = plain_hunt((uint16_t)rng_between(&rng, 1, 12));
    definition->plane = rng_chance(&rng, 1, 2) ? PLANE_GEO : PLANE_FLAT;
    definition->ties = rng_chance(&rng, 1, 2) ? TIES_SHARED : TIES_FIRST;
    if (rng_chance(&rng, 1, 2))
        definition->title = definition_text(definition, "Nächtlicher Hafen", 18);
    definition->has_opens_at = rng_chance(&rng, 1, 2);
    definition->opens_at_ms = definition->has_opens_at ? draw(&rng, 0, 1000000) : 0;
    definition->has_closes_at = rng_chance(&rng, 1, 2);
    definition->closes_at_ms = definition->has_closes_at ? draw(&rng, 1000001, UINT32_MAX) : 0;
    definition->claim_ttl_ms = draw(&rng, 0, CLAIM_TTL_MS_MAX);
    definition->clock_tolerance_ms = draw(&rng, 0, CLOCK_TOLERANCE_MS_MAX);
    definition->max_speed = draw(&rng, 0, SPEED_MAX);
    if (rng_chance(&rng, 1, 2)) {
        definition->rate_claims = draw(&rng, 1, RATE_CLAIMS_MAX);
        definition->rate_per_ms = draw(&rng, 1, RATE_PER_MS_MAX);
    }
    const uint16_t emoji = (uint16_t)rng_below(&rng, EMOJI_MAX + 1);
    for (uint16_t i = 0; i < emoji; i++) {
        char text[24];
        (void)snprintf(text, sizeof text, "🔥%u", (unsigned)i);
        set_emoji(definition, i, text);
    }
    const bool numbered = rng_chance(&rng, 1, 2);
    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        draw_treasure(&rng, definition, i);
        definition->treasures[i].number = numbered ? (uint16_t)(4000 - 7 * i) : 0;
    }
    return definition;
}

static void assert_same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL)
        assert_string_equal(a, b);
}

/* By member and not by the encoding, which could leave one out on both ways. */
static void assert_same_treasure(const struct treasure *a, const struct treasure *b)
{
    assert_string_equal(a->id.text, b->id.text);
    assert_same_text(a->hint, b->hint);
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->x, b->x);
    assert_int_equal(a->y, b->y);
    assert_int_equal(a->radius, b->radius);
    assert_int_equal(a->points, b->points);
    assert_int_equal(a->supply, b->supply);
    assert_int_equal(a->shown, b->shown);
    assert_int_equal(a->requires_count, b->requires_count);
    assert_memory_equal(a->requires, b->requires, sizeof a->requires);
    assert_int_equal(a->has_window, b->has_window);
    assert_int_equal(a->window_from_ms, b->window_from_ms);
    assert_int_equal(a->window_to_ms, b->window_to_ms);
    assert_int_equal(a->taps_count, b->taps_count);
    assert_int_equal(a->taps_within_ms, b->taps_within_ms);
    assert_int_equal(a->unlock_reactions, b->unlock_reactions);
    assert_int_equal(a->decay_per_ms, b->decay_per_ms);
    assert_int_equal(a->decay_points, b->decay_points);
    assert_int_equal(a->decay_floor, b->decay_floor);
}

static void assert_same(const struct definition *a, const struct definition *b)
{
    assert_string_equal(a->hunt.text, b->hunt.text);
    assert_same_text(a->title, b->title);
    assert_int_equal(a->plane, b->plane);
    assert_int_equal(a->ties, b->ties);
    assert_int_equal(a->has_opens_at, b->has_opens_at);
    assert_int_equal(a->has_closes_at, b->has_closes_at);
    assert_int_equal(a->opens_at_ms, b->opens_at_ms);
    assert_int_equal(a->closes_at_ms, b->closes_at_ms);
    assert_int_equal(a->claim_ttl_ms, b->claim_ttl_ms);
    assert_int_equal(a->clock_tolerance_ms, b->clock_tolerance_ms);
    assert_int_equal(a->max_speed, b->max_speed);
    assert_int_equal(a->rate_claims, b->rate_claims);
    assert_int_equal(a->rate_per_ms, b->rate_per_ms);
    assert_int_equal(a->emoji_count, b->emoji_count);
    for (uint16_t i = 0; i < a->emoji_count; i++) {
        assert_int_equal(a->emoji[i].length, b->emoji[i].length);
        assert_string_equal(a->emoji[i].text, b->emoji[i].text);
    }
    assert_int_equal(a->treasure_count, b->treasure_count);
    for (uint16_t i = 0; i < a->treasure_count; i++)
        assert_same_treasure(&a->treasures[i], &b->treasures[i]);
}

static void what_is_encoded_is_decoded(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct definition *definition = draw_definition(seed);
        struct definition *decoded = NULL;
        size_t size, again_size;
        assert_no_faults(definition);
        uint8_t *bytes = encoded(definition, &size);
        assert_int_equal(definition_decode(&decoded, bytes, size), STATUS_OK);
        assert_same(definition, decoded);
        uint8_t *again = encoded(decoded, &again_size);
        assert_int_equal(again_size, size);
        assert_memory_equal(again, bytes, size);
        free(bytes);
        free(again);
        definition_free(definition);
        definition_free(decoded);
    }
}

static void the_largest_definition_fits_a_log_entry(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(TREASURES_MAX);
    char text[HINT_BYTES_MAX];
    memset(text, 'x', sizeof text);
    for (uint16_t i = 0; i < TREASURES_MAX; i++) {
        struct treasure *treasure = &definition->treasures[i];
        (void)snprintf(treasure->id.text, sizeof treasure->id.text, "%063u", (unsigned)i);
        treasure->hint = definition_text(definition, text, sizeof text);
        treasure->has_window = true;
        treasure->window_to_ms = 1;
        for (uint16_t to = 0; to < i && to < REQUIRES_MAX; to++)
            require_one(definition, i, to);
    }
    assert_no_faults(definition);
    size_t size;
    struct definition *decoded = NULL;
    uint8_t *bytes = encoded(definition, &size);
    assert_true(size < ENTRY_BYTES_MAX);
    assert_int_equal(definition_decode(&decoded, bytes, size), STATUS_OK);
    assert_same(definition, decoded);
    free(bytes);
    definition_free(definition);
    definition_free(decoded);
}

/* The bytes are copied to the end of a block of their own, so that a sanitizer sees a read past
 * them. */
static enum status decode_exactly(const uint8_t *bytes, size_t size, struct definition **ret)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    const enum status status = definition_decode(ret, copy, size);
    free(copy);
    return status;
}

static void no_beginning_of_a_definition_is_one(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct definition *definition = draw_definition(seed);
        struct definition *decoded = NULL;
        size_t size;
        uint8_t *bytes = encoded(definition, &size);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(decode_exactly(bytes, cut, &decoded), STATUS_INVALID);
        assert_null(decoded);
        free(bytes);
        definition_free(definition);
    }
}

static void nothing_may_follow_a_definition(void **state)
{
    (void)state;
    struct definition *definition = draw_definition(1);
    struct definition *decoded = NULL;
    size_t size;
    uint8_t *bytes = encoded(definition, &size);
    uint8_t *longer = calloc(1, size + 1);
    assert_non_null(longer);
    memcpy(longer, bytes, size);
    assert_int_equal(definition_decode(&decoded, longer, size + 1), STATUS_INVALID);
    free(bytes);
    free(longer);
    definition_free(definition);
}

/* Whatever is accepted says the same when it is written again. */
static void assert_refused_or_canonical(const uint8_t *bytes, size_t size, unsigned *accepted)
{
    struct definition *decoded = NULL;
    if (decode_exactly(bytes, size, &decoded) != STATUS_OK) {
        assert_null(decoded);
        return;
    }
    size_t again_size;
    assert_no_faults(decoded);
    uint8_t *again = encoded(decoded, &again_size);
    assert_int_equal(again_size, size);
    assert_memory_equal(again, bytes, size);
    free(again);
    definition_free(decoded);
    (*accepted)++;
}

static void a_changed_byte_is_refused_or_says_something_else(void **state)
{
    (void)state;
    unsigned accepted = 0, tried = 0;
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct definition *definition = draw_definition(seed);
        size_t size;
        uint8_t *bytes = encoded(definition, &size);
        for (size_t at = 0; at < size; at++) {
            for (unsigned bit = 0; bit < 8; bit++, tried++) {
                bytes[at] ^= (uint8_t)(1u << bit);
                assert_refused_or_canonical(bytes, size, &accepted);
                bytes[at] ^= (uint8_t)(1u << bit);
            }
        }
        free(bytes);
        definition_free(definition);
    }
    /* Coordinates alone leave many that are good; a decoder that refuses all would pass above. */
    assert_true(accepted > 1000);
    assert_true(accepted < tried);
}

static void random_changes_are_refused_or_canonical(void **state)
{
    (void)state;
    struct rng rng;
    unsigned accepted = 0;
    rng_init(&rng, 7);
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct definition *definition = draw_definition(seed);
        size_t size;
        uint8_t *bytes = encoded(definition, &size);
        uint8_t *copy = malloc(size);
        assert_non_null(copy);
        for (unsigned round = 0; round < 200; round++) {
            memcpy(copy, bytes, size);
            for (uint64_t changes = rng_between(&rng, 1, 3); changes > 0; changes--)
                copy[rng_below(&rng, size)] = (uint8_t)rng_next(&rng);
            assert_refused_or_canonical(copy, size, &accepted);
        }
        free(copy);
        free(bytes);
        definition_free(definition);
    }
    assert_true(accepted > 100);
}

static void a_count_that_the_bytes_cannot_hold_is_refused(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(1);
    struct definition *decoded = NULL;
    size_t size;
    uint8_t *bytes = encoded(definition, &size);
    /* format, plane, ties, flags, name, no title, five numbers, no emoji */
    const size_t count_at = 4 + 1 + strlen("harbour") + 2 + 20 + 1;
    assert_int_equal(bytes[count_at], 1);
    static const uint16_t counts[] = {0, 2, TREASURES_MAX, TREASURES_MAX + 1, UINT16_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        bytes[count_at] = (uint8_t)counts[i];
        bytes[count_at + 1] = (uint8_t)(counts[i] >> 8);
        assert_int_equal(definition_decode(&decoded, bytes, size), STATUS_INVALID);
    }
    free(bytes);
    definition_free(definition);
}

static void another_format_is_refused(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(1);
    struct definition *decoded = NULL;
    size_t size;
    uint8_t *bytes = encoded(definition, &size);
    bytes[0]++;
    assert_int_equal(definition_decode(&decoded, bytes, size), STATUS_INVALID);
    free(bytes);
    definition_free(definition);
}

static void what_the_check_finds_is_not_decoded(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(3);
    struct definition *decoded = NULL;
    size_t size;
    require_one(definition, 0, 1);
    require_one(definition, 1, 2);
    require_one(definition, 2, 0);
    uint8_t *bytes = encoded(definition, &size);
    assert_int_equal(definition_decode(&decoded, bytes, size), STATUS_INVALID);
    free(bytes);
    definition_free(definition);
}

static void texts_stay_where_they_are(void **state)
{
    (void)state;
    struct definition *definition = plain_hunt(1);
    const char *first = definition_text(definition, "first", 5);
    const char *copies[200];
    char text[300];
    memset(text, 'y', sizeof text);
    for (size_t i = 0; i < 200; i++)
        copies[i] = definition_text(definition, text, i + 100);
    char *huge = malloc(100000);
    assert_non_null(huge);
    memset(huge, 'z', 100000);
    const char *copy = definition_text(definition, huge, 100000);
    assert_string_equal(first, "first");
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(strlen(copies[i]), i + 100);
    assert_int_equal(strlen(copy), 100000);
    free(huge);
    definition_free(definition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_is_held_to_its_limits),
        cmocka_unit_test(places_stay_within_their_plane),
        cmocka_unit_test(there_are_1_to_1024_treasures),
        cmocka_unit_test(texts_are_short_printable_utf8),
        cmocka_unit_test(utf8_is_what_rfc_3629_says),
        cmocka_unit_test(emoji_are_few_short_and_distinct),
        cmocka_unit_test(names_are_1_to_63_of_a_z_0_9_and_dash),
        cmocka_unit_test(times_lie_in_order_and_in_range),
        cmocka_unit_test(requirements_name_other_treasures_once),
        cmocka_unit_test(a_circle_of_requirements_is_found_where_it_closes),
        cmocka_unit_test(a_chain_through_the_largest_hunt_is_no_circle),
        cmocka_unit_test(ids_and_numbers_are_each_treasures_own),
        cmocka_unit_test(half_a_group_is_a_fault),
        cmocka_unit_test(every_fault_is_counted_and_the_first_are_kept),
        cmocka_unit_test(a_new_version_keeps_hunt_plane_and_limits),
        cmocka_unit_test(a_treasure_keeps_its_number_and_no_number_is_used_again),
        cmocka_unit_test(the_id_of_a_version_that_never_was_active_may_come_again),
        cmocka_unit_test(numbers_run_out_without_a_trace),
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(the_largest_definition_fits_a_log_entry),
        cmocka_unit_test(no_beginning_of_a_definition_is_one),
        cmocka_unit_test(nothing_may_follow_a_definition),
        cmocka_unit_test(a_changed_byte_is_refused_or_says_something_else),
        cmocka_unit_test(random_changes_are_refused_or_canonical),
        cmocka_unit_test(a_count_that_the_bytes_cannot_hold_is_refused),
        cmocka_unit_test(another_format_is_refused),
        cmocka_unit_test(what_the_check_finds_is_not_decoded),
        cmocka_unit_test(texts_stay_where_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
