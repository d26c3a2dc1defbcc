#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/rng.h"
#include "cluster/hunt/definition.h"
#include "node/hunt_file.h"
#include "node/hunt_file_scalar.h"
#include "node/hunt_json.h"

/* "LINE FIELD: words of the detail", in order; the field is empty for the file as a whole. */

static void print_faults(const struct hunt_faults *faults)
{
    for (uint32_t i = 0; i < faults->listed; i++)
        print_message("  %u %s: %s\n", (unsigned)faults->list[i].line, faults->list[i].field,
                      faults->list[i].detail);
}

static void assert_faults(const struct hunt_faults *faults, const char *const *expected)
{
    uint32_t count = 0;
    while (expected[count] != NULL)
        count++;
    bool right = faults->count == count && faults->listed == count;
    for (uint32_t i = 0; right && i < count; i++) {
        const struct hunt_fault *fault = &faults->list[i];
        char place[128];
        const int length =
            snprintf(place, sizeof place, "%u %s: ", (unsigned)fault->line, fault->field);
        right = strncmp(expected[i], place, (size_t)length) == 0 &&
                strstr(fault->detail, expected[i] + length) != NULL;
        if (!right)
            print_message("expected %s\n", expected[i]);
    }
    if (!right) {
        print_faults(faults);
        fail_msg("other faults than the %u expected", (unsigned)count);
    }
}

static struct definition *read_good_bytes(const char *text, size_t size,
                                          enum hunt_file_format format)
{
    const struct hunt_file file = {.text = text, .size = size, .format = format};
    struct hunt_faults faults = {0};
    struct definition *definition = NULL;
    const enum status status = hunt_file_read(&definition, &file, &faults);
    print_faults(&faults);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(faults.count, 0);
    hunt_faults_fini(&faults);
    return definition;
}

static struct definition *read_good(const char *text, enum hunt_file_format format)
{
    return read_good_bytes(text, strlen(text), format);
}

/* From a block of exactly that size, so that a sanitizer sees a read past it. */
static void assert_bad_bytes(const char *text, size_t size, enum hunt_file_format format,
                             const char *const *expected)
{
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    const struct hunt_file file = {.text = copy, .size = size, .format = format};
    struct hunt_faults faults = {0};
    struct definition *definition = NULL;
    assert_int_equal(hunt_file_read(&definition, &file, &faults), STATUS_INVALID);
    assert_null(definition);
    assert_faults(&faults, expected);
    hunt_faults_fini(&faults);
    free(copy);
}

#define ASSERT_BAD(text, format, ...)                                                              \
    assert_bad_bytes(text, strlen(text), format, (const char *const[]){__VA_ARGS__, NULL})
#define ASSERT_BAD_YAML(text, ...) ASSERT_BAD(text, HUNT_FILE_YAML, __VA_ARGS__)
#define ASSERT_BAD_JSON(text, ...) ASSERT_BAD(text, HUNT_FILE_JSON, __VA_ARGS__)

static const char full_yaml[] =
    "hunt: harbour\n"
    "title: Harbour Night\n"
    "plane: flat                      # flat: integer units; geo: degrees, metres\n"
    "opens_at: 2026-12-01T18:00:00Z   # optional\n"
    "closes_at: 2026-12-01T23:00:00Z  # optional\n"
    "ties: first\n"
    "claim_ttl_ms: 10000\n"
    "clock_tolerance_ms: 5000\n"
    "max_speed: 0\n"
    "rate: { claims: 10, per_ms: 1000 }\n"
    "reactions: [\"🔥\", \"👏\"]\n"
    "treasures:\n"
    "  - id: gate\n"
    "    at: { x: 0, y: 0 }\n"
    "    radius: 50\n"
    "    points: 10\n"
    "    hint: Where the ships come in\n"
    "    shown: true\n"
    "  - id: anchor\n"
    "    at: { x: 1200, y: -340 }\n"
    "    radius: 25\n"
    "    points: 100\n"
    "    supply: 3\n"
    "    requires: [gate]\n"
    "    window: { from: 2026-12-01T19:00:00Z, to: 2026-12-01T20:00:00Z }\n"
    "    taps: { count: 3, within_ms: 5000 }\n"
    "    unlock: { reactions: 5 }\n"
    "    decay: { per_ms: 60000, points: 5, floor: 20 }\n";

static const char full_json[] =
    "{ \"hunt\": \"harbour\", \"title\": \"Harbour Night\", \"plane\": \"flat\",\n"
    "  \"opens_at\": \"2026-12-01T18:00:00Z\", \"closes_at\": \"2026-12-01T23:00:00Z\",\n"
    "  \"ties\": \"first\", \"claim_ttl_ms\": 10000, \"clock_tolerance_ms\": 5000,\n"
    "  \"max_speed\": 0, \"rate\": { \"claims\": 10, \"per_ms\": 1000 },\n"
    "  \"reactions\": [\"\\ud83d\\udd25\", \"👏\"],\n"
    "\t\"treasures\": [\n"
    "    { \"id\": \"gate\", \"at\": { \"x\": 0, \"y\": 0 }, \"radius\": 50, \"points\": 10,\n"
    "      \"hint\": \"Where the ships\\u0020come in\", \"shown\": true },\n"
    "    { \"id\": \"anchor\", \"at\": { \"x\": 1200, \"y\": -340 }, \"radius\": 25,\r\n"
    "      \"points\": 100, \"supply\": 3, \"requires\": [\"gate\"],\n"
    "      \"window\"\n: { \"from\": \"2026-12-01T19:00:00Z\", \"to\": \"2026-12-01T20:00:00Z\" "
    "},\n"
    "      \"taps\": { \"count\": 3, \"within_ms\": 5000 }, \"unlock\": { \"reactions\": 5 },\n"
    "      \"decay\": { \"per_ms\": 60000, \"points\": 5, \"floor\": 20 } } ] }\n";

static void assert_full(const struct definition *definition)
{
    assert_string_equal(definition->hunt.text, "harbour");
    assert_string_equal(definition->title, "Harbour Night");
    assert_int_equal(definition->plane, PLANE_FLAT);
    assert_true(definition->has_opens_at && definition->has_closes_at);
    assert_int_equal(definition->opens_at_ms, INT64_C(1796148000000));
    assert_int_equal(definition->closes_at_ms, INT64_C(1796166000000));
    assert_int_equal(definition->ties, TIES_FIRST);
    assert_int_equal(definition->claim_ttl_ms, 10000);
    assert_int_equal(definition->clock_tolerance_ms, 5000);
    assert_int_equal(definition->max_speed, 0);
    assert_int_equal(definition->rate_claims, 10);
    assert_int_equal(definition->rate_per_ms, 1000);
    assert_int_equal(definition->emoji_count, 2);
    assert_string_equal(definition->emoji[0].text, "🔥");
    assert_int_equal(definition->emoji[1].length, 4);
    assert_int_equal(definition->treasure_count, 2);

    const struct treasure *gate = &definition->treasures[0];
    assert_string_equal(gate->id.text, "gate");
    assert_string_equal(gate->hint, "Where the ships come in");
    assert_int_equal(gate->radius, 50);
    assert_true(gate->shown);
    assert_false(gate->has_window);
    assert_int_equal(gate->supply + gate->taps_count + gate->unlock_reactions + gate->decay_per_ms,
                     0);

    const struct treasure *anchor = &definition->treasures[1];
    assert_int_equal(anchor->x, 1200);
    assert_int_equal(anchor->y, -340);
    assert_int_equal(anchor->points, 100);
    assert_int_equal(anchor->supply, 3);
    assert_false(anchor->shown);
    assert_null(anchor->hint);
    assert_int_equal(anchor->requires_count, 1);
    assert_int_equal(anchor->requires[0], 0);
    assert_int_equal(anchor->window_from_ms, INT64_C(1796151600000));
    assert_int_equal(anchor->window_to_ms, INT64_C(1796155200000));
    assert_int_equal(anchor->taps_count, 3);
    assert_int_equal(anchor->taps_within_ms, 5000);
    assert_int_equal(anchor->unlock_reactions, 5);
    assert_int_equal(anchor->decay_per_ms, 60000);
    assert_int_equal(anchor->decay_points, 5);
    assert_int_equal(anchor->decay_floor, 20);
}

static void a_yaml_file_becomes_a_definition(void **state)
{
    (void)state;
    struct definition *definition = read_good(full_yaml, HUNT_FILE_YAML);
    assert_full(definition);
    definition_free(definition);
}

static void a_json_file_becomes_the_same_definition(void **state)
{
    (void)state;
    struct definition *definition = read_good(full_json, HUNT_FILE_JSON);
    assert_full(definition);
    definition_free(definition);
}

static void what_is_left_out_has_its_default(void **state)
{
    (void)state;
    struct definition *definition =
        read_good("hunt: h\nplane: geo\ntitle: ''\nreactions: []\ntreasures:\n"
                  "- {id: 007, at: {lat: 43.6942, lon: -7.27125}, radius: 1, points: 0, hint: \"\","
                  " requires: []}\n",
                  HUNT_FILE_YAML);
    assert_null(definition->title);
    assert_false(definition->has_opens_at || definition->has_closes_at);
    assert_int_equal(definition->ties, TIES_FIRST);
    assert_int_equal(definition->claim_ttl_ms + definition->clock_tolerance_ms, 0);
    assert_int_equal(definition->max_speed + definition->rate_claims + definition->rate_per_ms, 0);
    assert_int_equal(definition->emoji_count, 0);
    assert_string_equal(definition->treasures[0].id.text, "007");
    assert_null(definition->treasures[0].hint);
    assert_int_equal(definition->treasures[0].y, 436942000);
    assert_int_equal(definition->treasures[0].x, -72712500);
    assert_false(definition->treasures[0].shown);
    definition_free(definition);
}

static void required_keys_are_missed_where_they_should_be(void **state)
{
    (void)state;
    ASSERT_BAD_YAML("title: x\n", "1 hunt: missing", "1 plane: missing", "1 treasures: missing");
    ASSERT_BAD_JSON("\n{}", "2 hunt: missing", "2 plane: missing", "2 treasures: missing");
    ASSERT_BAD_YAML("hunt: h\nplane: flat\ntreasures:\n- shown: true\n  window: {}\n  taps: {}\n"
                    "  unlock: {}\n  decay: {}\n  at: {}\n",
                    "4 treasures[0].id: missing", "4 treasures[0].radius: missing",
                    "4 treasures[0].points: missing", "5 treasures[0].window.from: missing",
                    "5 treasures[0].window.to: missing", "6 treasures[0].taps.count: missing",
                    "6 treasures[0].taps.within_ms: missing",
                    "7 treasures[0].unlock.reactions: missing",
                    "8 treasures[0].decay.per_ms: missing", "8 treasures[0].decay.points: missing",
                    "9 treasures[0].at.x: missing", "9 treasures[0].at.y: missing");
    ASSERT_BAD_JSON("{\"hunt\":\"h\",\"plane\":\"geo\",\"rate\":{},\n\"treasures\":[\n{\"at\":\n"
                    "{}},\n{\"id\":\"b\",\"radius\":1,\"points\":1}]}",
                    "1 rate.claims: missing", "1 rate.per_ms: missing",
                    "3 treasures[0].id: missing", "3 treasures[0].at.lat: missing",
                    "3 treasures[0].at.lon: missing", "3 treasures[0].radius: missing",
                    "3 treasures[0].points: missing", "5 treasures[1].at: missing");
    ASSERT_BAD_YAML("hunt: h\nplane: flat\ntreasures: []\n", "3 treasures: at least one");
}

static void unknown_and_double_keys_are_named(void **state)
{
    (void)state;
    ASSERT_BAD_YAML("hunt: h\nplane: flat\ncolour: red\nplane: geo\ntreasures:\n"
                    "- id: a\n  at: {x: 1, y: 2, z: 3}\n  radius: 5\n  points: 1\n  radius: 6\n"
                    "  Points: 2\n  taps: {count: 2, within_ms: 1, times: 3}\n",
                    "3 colour: no key", "4 plane: again, after line 2",
                    "7 treasures[0].at.z: no key", "10 treasures[0].radius: again, after line 8",
                    "11 treasures[0].Points: no key", "12 treasures[0].taps.times: no key");
    ASSERT_BAD_JSON("{\"hunt\":\"h\",\"plane\":\"flat\",\n\"hunt\":\"h\",\n\"treasures\":[{\"id\":"
                    "\"a\",\"at\":{\"x\":1,\"y\":2,\n\"lat\":1},\"radius\":1,\"points\":1,\n"
                    "\"a\\u0007b\":1}]}",
                    "2 hunt: again, after line 1", "4 treasures[0].at.lat: no key",
                    "5 treasures[0].a?b: no key");
}

static void a_long_unknown_key_is_cut_at_a_character(void **state)
{
    (void)state;
    ASSERT_BAD_YAML("hunt: h\nplane: flat\ntreasures: [{id: a, at: {x: 1, y: 1}, radius: 1, "
                    "points: 1}]\n123456789012345678901234567890123456789é: 1\n"
                    "12345678901234567890123456789012345678é: 1\n",
                    "4 123456789012345678901234567890123456789: no key",
                    "5 12345678901234567890123456789012345678: no key");
}

/* One treasure in YAML with this line for its radius. */
static void assert_radius(const char *value, bool good)
{
    char text[256];
    (void)snprintf(text, sizeof text,
                   "hunt: h\nplane: flat\ntreasures:\n- id: a\n  at: {x: 1, y: 1}\n  points: 1\n"
                   "  radius: %s\n",
                   value);
    if (good)
        definition_free(read_good(text, HUNT_FILE_YAML));
    else
        ASSERT_BAD_YAML(text, "7 treasures[0].radius: whole number from 1 to 1000000");
}

static void whole_numbers_are_plain_and_decimal(void **state)
{
    (void)state;
    static const char *const good[] = {"1", "1000000", "42 # the answer"};
    static const char *const bad[] = {"0",          "1000001",
                                      "-1",         "-0",
                                      "+5",         "007",
                                      "0x10",       "0o17",
                                      "1_000",      "1.0",
                                      "1e3",        "'50'",
                                      "\"50\"",     "",
                                      "~",          "null",
                                      "true",       "fifty",
                                      "[1]",        "{a: 1}",
                                      "5 0",        ".5",
                                      "5.",         "1:30",
                                      "٣",          "99999999999999999999999999999999999999",
                                      "4294967297", "18446744073709551617"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_radius(good[i], true);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_radius(bad[i], false);
}

static void json_numbers_are_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"\"50\"",
                                      "1.0",
                                      "1e3",
                                      "null",
                                      "true",
                                      "[]",
                                      "{}",
                                      "0",
                                      "-1",
                                      "5e0",
                                      "1000001",
                                      "1e300",
                                      "123456789012345678901234567890"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256];
        (void)snprintf(
            text, sizeof text,
            "{\"hunt\":\"h\",\"plane\":\"flat\",\"treasures\":[{\"id\":\"a\",\"points\":1,\n"
            "\"at\":{\"x\":1,\"y\":1},\n\"radius\":%s}]}",
            bad[i]);
        ASSERT_BAD_JSON(text, "3 treasures[0].radius: whole number from 1 to 1000000");
    }
}

static void each_number_of_a_file_is_held_to_its_limits(void **state)
{
    (void)state;
    static const struct {
        const char *line; /* %s: the value */
        const char *field;
        const char *good[2];
        const char *bad[2];
    } cases[] = {
        {"claim_ttl_ms: %s", "claim_ttl_ms", {"0", "86400000"}, {"-1", "86400001"}},
        {"clock_tolerance_ms: %s", "clock_tolerance_ms", {"0", "86400000"}, {"-1", "86400001"}},
        {"max_speed: %s", "max_speed", {"0", "1000000"}, {"-1", "1000001"}},
        {"rate: {claims: %s, per_ms: 1}", "rate.claims", {"1", "1000000"}, {"0", "1000001"}},
        {"rate: {claims: 1, per_ms: %s}", "rate.per_ms", {"1", "3600000"}, {"0", "3600001"}},
        {"treasures: [{id: a, at: {x: %s, y: 0}, radius: 1, points: 1}]",
         "treasures[0].at.x",
         {"-2147483647", "2147483647"},
         {"-2147483648", "2147483648"}},
        {"treasures: [{id: a, at: {x: 0, y: %s}, radius: 1, points: 1}]",
         "treasures[0].at.y",
         {"-2147483647", "2147483647"},
         {"-2147483648", "2147483648"}},
        {"treasures: [{id: a, at: {x: 0, y: 0}, radius: 1, points: %s}]",
         "treasures[0].points",
         {"0", "1000000"},
         {"-1", "1000001"}},
        {"treasures: [{id: a, at: {x: 0, y: 0}, radius: 1, points: 1, supply: %s}]",
         "treasures[0].supply",
         {"1", "1000000"},
         {"0", "1000001"}},
        {"treasures: [{id: a, at: {x: 0, y: 0}, radius: 1, points: 1, "
         "taps: {count: %s, within_ms: 1}}]",
         "treasures[0].taps.count",
         {"2", "16"},
         {"1", "17"}},
        {"treasures: [{id: a, at: {x: 0, y: 0}, radius: 1, points: 1, "
         "taps: {count: 2, within_ms: %s}}]",
         "treasures[0].taps.within_ms",
         {"1", "3600000"},
         {"0", "3600001"}},
        {"treasures: [{id: a, at: {x: 0, y: 0}, radius: 1, points: 1, unlock: {reactions: %s}}]",
         "treasures[0].unlock.reactions",
         {"1", "1000000"},
         {"0", "1000001"}},
        {"treasures: [{id: a, at: {x: 0, y: 0}, radius: 1, points: 1, "
         "decay: {per_ms: %s, points: 1}}]",
         "treasures[0].decay.per_ms",
         {"1", "604800000"},
         {"0", "604800001"}},
        {"treasures: [{id: a, at: {x: 0, y: 0}, radius: 1, points: 1, "
         "decay: {per_ms: 1, points: %s}}]",
         "treasures[0].decay.points",
         {"1", "1000000"},
         {"0", "1000001"}},
        {"treasures: [{id: a, at: {x: 0, y: 0}, radius: 1, points: 7, "
         "decay: {per_ms: 1, points: 1, floor: %s}}]",
         "treasures[0].decay.floor",
         {"0", "7"},
         {"-1", "8"}},
    };
    static const char other[] = "treasures: [{id: a, at: {x: 0, y: 0}, radius: 1, points: 1}]";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (unsigned j = 0; j < 4; j++) {
            char line[256], text[512], fault[96];
            const char *value = j < 2 ? cases[i].good[j] : cases[i].bad[j - 2];
            const char *mark = strstr(cases[i].line, "%s");
            assert_non_null(mark);
            (void)snprintf(line, sizeof line, "%.*s%s%s", (int)(mark - cases[i].line),
                           cases[i].line, value, mark + 2);
            (void)snprintf(text, sizeof text, "hunt: h\nplane: flat\n%s\n%s\n", line,
                           strncmp(line, "treasures", 9) == 0 ? "" : other);
            (void)snprintf(fault, sizeof fault, "3 %s: must", cases[i].field);
            if (j < 2)
                definition_free(read_good(text, HUNT_FILE_YAML));
            else
                ASSERT_BAD_YAML(text, fault);
        }
    }
}

static void wrong_types_are_faults_of_their_field(void **state)
{
    (void)state;
    ASSERT_BAD_YAML("hunt: [h]\nplane: flat\ntitle: {}\nties: second\nopens_at: [1]\nrate: 5\n"
                    "reactions: fire\ntreasures: {}\n",
                    "1 hunt: must be a text", "3 title: must be a text", "4 ties: first or shared",
                    "5 opens_at: must be a time", "6 rate: must be a mapping",
                    "7 reactions: must be a list", "8 treasures: must be a list");
    ASSERT_BAD_YAML(
        "hunt: h\nplane: round\ntreasures:\n- id: a\n  at: [1, 2]\n  radius: 1\n"
        "  points: 1\n  shown: yes\n  hint: ~\n  requires: b\n  window: later\n"
        "  taps: 3\n  unlock: 5\n  decay: 1\n",
        "2 plane: flat or geo", "5 treasures[0].at: must be a mapping",
        "8 treasures[0].shown: true or false", "9 treasures[0].hint: must be a text",
        "10 treasures[0].requires: must be a list", "11 treasures[0].window: must be a mapping",
        "12 treasures[0].taps: must be a mapping", "13 treasures[0].unlock: must be a mapping",
        "14 treasures[0].decay: must be a mapping");
    ASSERT_BAD_JSON("{\"hunt\":5,\n\"plane\":null,\n\"title\":true,\n\"treasures\":[\n7,\n{\"id\":"
                    "7,\n\"at\":{},\"radius\":1,\"points\":1,\n\"shown\":\"true\",\n\"hint\":1,\n"
                    "\"requires\":[1]}]}",
                    "1 hunt: must be a text", "2 plane: flat or geo", "3 title: must be a text",
                    "5 treasures[0]: must be a mapping", "6 treasures[1].id: must be a text",
                    "8 treasures[1].shown: true or false", "9 treasures[1].hint: must be a text",
                    "10 treasures[1].requires[0]: must be the id");
    ASSERT_BAD_YAML("- a\n- b\n", "1 : must be a mapping");
    ASSERT_BAD_JSON("\"text\"", "1 : must be a mapping");
}

static void names_keep_to_their_alphabet(void **state)
{
    (void)state;
    char long_name[80];
    char text[256];
    memset(long_name, 'a', sizeof long_name);
    (void)snprintf(
        text, sizeof text,
        "hunt: %.63s\nplane: flat\ntreasures:\n- {id: %.63s, at: {x: 0, y: 0}, radius: 1, "
        "points: 1}\n",
        long_name, long_name);
    definition_free(read_good(text, HUNT_FILE_YAML));
    (void)snprintf(
        text, sizeof text,
        "hunt: %.64s\nplane: flat\ntreasures:\n- {id: %.64s, at: {x: 0, y: 0}, radius: 1, "
        "points: 1}\n",
        long_name, long_name);
    ASSERT_BAD_YAML(text, "1 hunt: 1 to 63", "4 treasures[0].id: 1 to 63");
    ASSERT_BAD_YAML("hunt: Harbour\nplane: flat\ntreasures:\n"
                    "- {id: a_b, at: {x: 0, y: 0}, radius: 1, points: 1}\n"
                    "- {id: '', at: {x: 0, y: 0}, radius: 1, points: 1}\n",
                    "1 hunt: a-z 0-9 -", "4 treasures[0].id: a-z 0-9 -",
                    "5 treasures[1].id: a-z 0-9 -");
}

static void texts_that_are_too_long_or_unfit_are_faults(void **state)
{
    (void)state;
    char text[1024];
    char filler[512];
    memset(filler, 'x', sizeof filler);
    for (int more = 0; more < 2; more++) {
        (void)snprintf(
            text, sizeof text,
            "hunt: h\nplane: flat\ntitle: %.*s\ntreasures:\n- id: a\n  at: {x: 0, y: 0}\n"
            "  radius: 1\n  points: 1\n  hint: %.*s\n",
            TITLE_BYTES_MAX + more, filler, HINT_BYTES_MAX + more, filler);
        if (more == 0)
            definition_free(read_good(text, HUNT_FILE_YAML));
        else
            ASSERT_BAD_YAML(text, "3 title: 201 bytes", "9 treasures[0].hint: 501 bytes");
    }
    ASSERT_BAD_JSON("{\"hunt\":\"h\",\"plane\":\"flat\",\n\"title\":\"a\\u001b[2J\",\n\"treasures\""
                    ":[{\"id\":\"a\",\"at\":{\"x\":0,\"y\":0},\"radius\":1,\"points\":1}]}",
                    "2 title: control characters");
}

static void reactions_are_few_short_and_distinct(void **state)
{
    (void)state;
#define REST "plane: flat\ntreasures: [{id: a, at: {x: 0, y: 0}, radius: 1, points: 1}]\n"
    definition_free(read_good("hunt: h\nreactions: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,"
                              "12345678901234567890123456789012]\n" REST,
                              HUNT_FILE_YAML));
    ASSERT_BAD_YAML("hunt: h\nreactions: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]\n" REST,
                    "2 reactions: 17; at most 16");
    ASSERT_BAD_YAML("hunt: h\nreactions:\n- 🔥\n- ''\n- 🔥\n- 123456789012345678901234567890123\n"
                    "- [x]\n- \"\\a\"\n" REST,
                    "4 reactions[1]: 1 to 32 bytes", "5 reactions[2]: same as reactions[0]",
                    "6 reactions[3]: 1 to 32 bytes", "7 reactions[4]: 1 to 32 bytes",
                    "8 reactions[5]: control characters");
#undef REST
}

static void requirements_are_faults_where_they_stand(void **state)
{
    (void)state;
    ASSERT_BAD_YAML("hunt: h\nplane: flat\ntreasures:\n"
                    "- id: a\n  at: {x: 0, y: 0}\n  radius: 1\n  points: 1\n"
                    "  requires:\n  - b\n  - nowhere\n  - a\n  - b\n  - Not An Id\n"
                    "- id: b\n  at: {x: 0, y: 0}\n  radius: 1\n  points: 1\n  requires: [c]\n"
                    "- id: c\n  at: {x: 0, y: 0}\n  radius: 1\n  points: 1\n"
                    "  requires:\n    - b\n"
                    "- id: c\n  at: {x: 0, y: 0}\n  radius: 1\n  points: 1\n"
                    "  requires: [a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a]\n",
                    "10 treasures[0].requires[1]: no treasure has the id \"nowhere\"",
                    "11 treasures[0].requires[2]: itself", "12 treasures[0].requires[3]: twice",
                    "13 treasures[0].requires[4]: no treasure has the id \"Not An Id\"",
                    "24 treasures[2].requires[0]: circle", "25 treasures[3].id: treasures[2].id",
                    "29 treasures[3].requires: 17; at most 16",
                    "29 treasures[3].requires[1]: twice", "29 treasures[3].requires[2]: twice",
                    "29 treasures[3].requires[3]: twice", "29 treasures[3].requires[4]: twice",
                    "29 treasures[3].requires[5]: twice", "29 treasures[3].requires[6]: twice",
                    "29 treasures[3].requires[7]: twice", "29 treasures[3].requires[8]: twice",
                    "29 treasures[3].requires[9]: twice", "29 treasures[3].requires[10]: twice",
                    "29 treasures[3].requires[11]: twice", "29 treasures[3].requires[12]: twice",
                    "29 treasures[3].requires[13]: twice", "29 treasures[3].requires[14]: twice",
                    "29 treasures[3].requires[15]: twice");
}

static void times_must_be_in_order(void **state)
{
    (void)state;
    ASSERT_BAD_YAML("hunt: h\nplane: flat\nopens_at: 2026-12-01T18:00:00Z\n"
                    "closes_at: \"2026-12-01T19:00:00+01:00\"\ntreasures:\n"
                    "- id: a\n  at: {x: 0, y: 0}\n  radius: 1\n  points: 5\n  window:\n"
                    "    from: 2026-12-01T18:00:00Z\n    to: 2026-12-01T17:59:59.999Z\n"
                    "  decay:\n    per_ms: 1\n    points: 1\n    floor: 6\n",
                    "4 closes_at: after opens_at", "12 treasures[0].window.to: after from",
                    "16 treasures[0].decay.floor: above points");
    ASSERT_BAD_YAML("hunt: h\nplane: flat\nopens_at: 1969-12-31T23:59:59Z\ncloses_at: soon\n"
                    "treasures:\n- id: a\n  at: {x: 0, y: 0}\n  radius: 1\n  points: 5\n"
                    "  window: {from: 2026-12-01, to: 2026-02-29T00:00:00Z}\n",
                    "3 opens_at: 1970 to 9999", "4 closes_at: must be a time",
                    "10 treasures[0].window.from: must be a time",
                    "10 treasures[0].window.to: must be a time");
}

static void a_fault_does_not_bring_others_with_it(void **state)
{
    (void)state;
    /* Not: a floor above points that are unknown, half a pattern, half a window. */
    ASSERT_BAD_YAML("hunt: h\nplane: flat\nopens_at: x\ncloses_at: 2026-12-01T18:00:00Z\n"
                    "rate: {claims: 0, per_ms: 5}\ntreasures:\n"
                    "- id: a\n  at: {x: 0, y: 0}\n  radius: 1\n  points: many\n"
                    "  decay: {per_ms: 5, points: 5, floor: 20}\n  taps: {count: 1, within_ms: 5}\n"
                    "  window: {from: x, to: 1970-01-01T00:00:00Z}\n",
                    "3 opens_at: a time", "5 rate.claims: from 1", "10 treasures[0].points: from 0",
                    "12 treasures[0].taps.count: from 2", "13 treasures[0].window.from: a time");
}

static void places_belong_to_the_plane(void **state)
{
    (void)state;
    ASSERT_BAD_YAML(
        "hunt: h\nplane: geo\ntreasures:\n"
        "- {id: a, at: {x: 0, y: 0}, radius: 1, points: 1}\n"
        "- {id: b, at: {lat: 90.00000001, lon: 180.1}, radius: 1, points: 1}\n"
        "- {id: c, at: {lat: '1', lon: east}, radius: 1, points: 1}\n",
        "4 treasures[0].at.x: no key", "4 treasures[0].at.y: no key",
        "4 treasures[0].at.lat: missing", "4 treasures[0].at.lon: missing",
        "5 treasures[1].at.lat: from -90 to 90", "5 treasures[1].at.lon: from -180 to 180",
        "6 treasures[2].at.lat: from -90 to 90", "6 treasures[2].at.lon: from -180 to 180");
    ASSERT_BAD_YAML("hunt: h\nplane: flat\ntreasures:\n"
                    "- {id: a, at: {lat: 0, lon: 0}, radius: 1, points: 1}\n"
                    "- {id: b, at: {x: 0.5, y: 1}, radius: 1, points: 1}\n",
                    "4 treasures[0].at.lat: no key", "4 treasures[0].at.lon: no key",
                    "4 treasures[0].at.x: missing", "4 treasures[0].at.y: missing",
                    "5 treasures[1].at.x: whole number");
}

static void the_hunt_must_be_the_one_of_the_address(void **state)
{
    (void)state;
    struct name name;
    struct hunt_faults faults = {0};
    struct definition *definition = NULL;
    struct hunt_file file = {.text = full_yaml, .size = strlen(full_yaml), .hunt = &name};
    assert_int_equal(name_set(&name, "harbour", 7), STATUS_OK);
    assert_int_equal(hunt_file_read(&definition, &file, &faults), STATUS_OK);
    definition_free(definition);
    definition = NULL;
    assert_int_equal(name_set(&name, "haven", 5), STATUS_OK);
    assert_int_equal(hunt_file_read(&definition, &file, &faults), STATUS_INVALID);
    assert_null(definition);
    assert_faults(&faults,
                  (const char *const[]){"1 hunt: is harbour, but the address names haven", NULL});
    hunt_faults_fini(&faults);
}

static void faults_found_elsewhere_get_their_lines(void **state)
{
    (void)state;
    struct definition_fault list[8];
    struct definition_faults found = {.list = list, .capacity = 8};
    struct hunt_faults faults = {0};
    const struct hunt_file file = {.text = full_yaml, .size = strlen(full_yaml)};
    struct definition *definition = read_good(full_yaml, HUNT_FILE_YAML);
    definition_fault(&found, "treasures[1].id", "is old");
    definition_fault(&found, "treasures[1].hint", "is not there");
    definition_fault(&found, "treasures[7].radius", "is not there");
    definition_fault(&found, "reactions", "not good");
    definition_fault(&found, "treasures[1].supply", "not good");
    definition_fault(&found, "treasures[1].unlock", "not good");
    hunt_file_add(&file, &found, &faults);
    assert_faults(&faults, (const char *const[]){
                               "11 reactions: not good", "12 treasures[7].radius: is not there",
                               "19 treasures[1].id: is old", "19 treasures[1].hint: is not there",
                               "23 treasures[1].supply: not good",
                               "27 treasures[1].unlock: not good", NULL});
    hunt_faults_fini(&faults);
    definition_free(definition);
}

static void a_file_with_nothing_to_add_is_not_read_again(void **state)
{
    (void)state;
    const struct hunt_file unreadable = {.text = NULL, .size = 1 << 10};
    struct definition_fault list[1];
    const struct definition_faults none = {.list = list, .capacity = 1};
    const struct definition_faults unlisted = {.count = 2};
    struct hunt_faults faults = {0};
    hunt_file_add(&unreadable, &none, &faults);
    assert_int_equal(faults.count, 0);
    hunt_file_add(&unreadable, &unlisted, &faults);
    assert_int_equal(faults.count, 2);
    hunt_faults_fini(&faults);
}

static void syntax_faults_end_the_reading_of_yaml(void **state)
{
    (void)state;
    ASSERT_BAD_YAML("", "1 : empty");
    ASSERT_BAD_YAML("# nothing\n\n", "3 : empty");
    /* No line after the last one, be it without an end. */
    ASSERT_BAD_YAML("# nothing", "1 : empty");
    ASSERT_BAD_YAML("#\r\n#\r#\n#\xc2\x85#\xe2\x80\xa8#\xe2\x80\xa9# nothing", "7 : empty");
    ASSERT_BAD_YAML("hunt: [a,\n b", "2 : flow sequence");
    ASSERT_BAD_YAML("---", "1 : ");
    ASSERT_BAD_YAML("hunt: h\nplane: [flat\ntreasures: 1\n", "3 : flow sequence");
    ASSERT_BAD_YAML("hunt: h\n  plane: flat\n", "2 : mapping values are not allowed");
    ASSERT_BAD_YAML("hunt: h\n\tplane: flat\n", "2 : ");
    ASSERT_BAD_YAML("hunt: \"h\n", "2 : end of stream");
    ASSERT_BAD_YAML("colour: red\nhunt: &h harbour\n", "2 : anchors");
    ASSERT_BAD_YAML("hunt: h\nrate: &r {claims: 1}\n", "2 : anchors");
    ASSERT_BAD_YAML("hunt: h\nreactions: &r [a]\n", "2 : anchors");
    ASSERT_BAD_YAML("hunt: h\ntitle: *h\n", "2 : aliases");
    ASSERT_BAD_YAML("hunt: !!str h\n", "1 : tags");
    ASSERT_BAD_YAML("hunt: h\nrate: !x {claims: 1}\n", "2 : tags");
    ASSERT_BAD_YAML("hunt: h\nreactions: !x [a]\n", "2 : tags");
    ASSERT_BAD_YAML("hunt: h\n<<: {plane: flat}\n", "2 : merge keys");
    ASSERT_BAD_YAML("%YAML 1.1\n---\nhunt: h\n", "1 : directives");
    ASSERT_BAD_YAML("hunt: h\n---\nhunt: g\n", "2 : one document");
    ASSERT_BAD_YAML("hunt: h\n? [a]\n: b\n", "2 : key must be a word");
    ASSERT_BAD_YAML("hunt: \"a\\0b\"\n", "1 : zero byte");
    ASSERT_BAD_YAML("a: [[[[[[[[1]]]]]]]]\n", "1 : nested too deeply");
}

static void syntax_faults_end_the_reading_of_json(void **state)
{
    (void)state;
    ASSERT_BAD_JSON("", "1 : empty");
    ASSERT_BAD_JSON(" \n ", "2 : empty");
    ASSERT_BAD_JSON("{\n\"hunt\": \"h\",\n}", "3 : key in quotes");
    ASSERT_BAD_JSON("{\n\"hunt\" \"h\"}", "2 : colon");
    ASSERT_BAD_JSON("{\n\"hunt\": \"h\"\n\"plane\": 1}", "3 : comma or }");
    ASSERT_BAD_JSON("{\n\"hunt\": [1 2]}", "2 : comma or ]");
    ASSERT_BAD_JSON("{\n\"hunt\": [1,]}", "2 : value is missing");
    ASSERT_BAD_JSON("{\n\"hunt\": ,}", "2 : value is missing");
    ASSERT_BAD_JSON("{\n\"hunt\":\n", "3 : ends too early");
    ASSERT_BAD_JSON("{\n\"hunt\": 1\n", "3 : ends too early");
    ASSERT_BAD_JSON("{\n\"hunt\": \"h\n", "2 : no end");
    ASSERT_BAD_JSON("{\n\"hunt\": \"h\\", "2 : no end");
    ASSERT_BAD_JSON("{\"hunt\": \"h\"}\n}", "2 : follows after the end");
    ASSERT_BAD_JSON("{\"hunt\": 1}]", "1 : follows after the end");
    ASSERT_BAD_JSON("{\n\"hunt\": [1}}", "2 : comma or ]");
    ASSERT_BAD_JSON("{\n\"hunt\": h}", "2 : invalid token");
    ASSERT_BAD_JSON("{\n\"hunt\": 01}", "2 : invalid token");
    ASSERT_BAD_JSON("{\n\"hunt\": 1x}", "2 : end of file expected");
    ASSERT_BAD_JSON("{\n\"hunt\": +1}", "2 : invalid token");
    ASSERT_BAD_JSON("{\n\"hunt\": .5}", "2 : invalid token");
    ASSERT_BAD_JSON("{\n\"hunt\": True}", "2 : invalid token");
    ASSERT_BAD_JSON("{\n\"hunt\": \"\\x\"}", "2 : invalid escape");
    ASSERT_BAD_JSON("{\n\"hunt\": \"\\ud83d\"}", "2 : invalid Unicode");
    ASSERT_BAD_JSON("{\n\"hunt\": \"\\u0000\"}", "2 : \\u0000 is not allowed");
    ASSERT_BAD_JSON("{\n\"hunt\": \"a\tb\"}", "2 : control character");
    ASSERT_BAD_JSON("{\n'hunt': 1}", "2 : key in quotes");
    ASSERT_BAD_JSON("{\n\"hunt\": 1 // why\n}", "2 : comma or }");
    ASSERT_BAD_JSON("{\"a\":[[[[[[[[1]]]]]]]]}", "1 : nested too deeply");
}

static void only_utf8_without_zeros_is_read(void **state)
{
    (void)state;
    ASSERT_BAD_YAML("hunt: h\ntitle: \xff\n", "2 : UTF-8");
    ASSERT_BAD_JSON("{\n\n\"hunt\": \"\xc3\"}", "3 : UTF-8");
    static const char zero[] = "hunt: h\nplane: flat\0\n";
    assert_bad_bytes(zero, sizeof zero - 1, HUNT_FILE_YAML,
                     (const char *const[]){"2 : zero bytes", NULL});
    assert_bad_bytes(zero, sizeof zero - 1, HUNT_FILE_JSON,
                     (const char *const[]){"2 : zero bytes", NULL});
    static const char wide[] = "\xff\xfeh\0u\0n\0t\0";
    assert_bad_bytes(wide, sizeof wide - 1, HUNT_FILE_YAML,
                     (const char *const[]){"1 : UTF-8", NULL});
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    char text[4096];
    (void)snprintf(text, sizeof text, "\xef\xbb\xbf%s", full_yaml);
    definition_free(read_good(text, HUNT_FILE_YAML));
    (void)snprintf(text, sizeof text, "\xef\xbb\xbf%s", full_json);
    definition_free(read_good(text, HUNT_FILE_JSON));
}

static void a_file_of_one_mebibyte_is_read_and_no_larger_one(void **state)
{
    (void)state;
    char *text = malloc(HUNT_FILE_BYTES_MAX + 1);
    struct definition *definition = NULL;
    struct hunt_faults faults = {0};
    assert_non_null(text);
    memset(text, '#', HUNT_FILE_BYTES_MAX + 1);
    memcpy(text, full_yaml, sizeof full_yaml - 1);
    definition_free(read_good_bytes(text, HUNT_FILE_BYTES_MAX, HUNT_FILE_YAML));
    const struct hunt_file file = {.text = text, .size = HUNT_FILE_BYTES_MAX + 1};
    assert_int_equal(hunt_file_read(&definition, &file, &faults), STATUS_TOO_LARGE);
    assert_int_equal(faults.count, 0);
    free(text);
}

/* The largest hunt there is, with `count` treasures that use everything, in YAML. */
static char *large_file(unsigned count)
{
    const size_t capacity = 600 * (size_t)count + 100;
    char *text = malloc(capacity);
    assert_non_null(text);
    size_t at = (size_t)snprintf(text, capacity, "hunt: large\nplane: flat\ntreasures:\n");
    for (unsigned i = 0; i < count; i++) {
        at += (size_t)snprintf(text + at, capacity - at,
                               "- {id: t%u, at: {x: 1, y: 2}, radius: 3, points: 40, hint: here, "
                               "shown: false, supply: 9, taps: {count: 2, within_ms: 3}, "
                               "window: {from: 2026-01-01T00:00:00Z, to: 2026-01-02T00:00:00Z}, "
                               "unlock: {reactions: 2}, decay: {per_ms: 1, points: 1, floor: 1}, "
                               "requires: [",
                               i);
        for (unsigned j = 0; j < i && j < REQUIRES_MAX; j++)
            at += (size_t)snprintf(text + at, capacity - at, "t%u, ", i - 1 - j);
        at += (size_t)snprintf(text + at, capacity - at, "]}\n");
        assert_true(at < capacity);
    }
    return text;
}

static void the_largest_hunt_is_read_and_one_more_treasure_is_a_fault(void **state)
{
    (void)state;
    char *text = large_file(TREASURES_MAX);
    struct definition *definition = read_good(text, HUNT_FILE_YAML);
    assert_int_equal(definition->treasure_count, TREASURES_MAX);
    assert_int_equal(definition->treasures[1023].requires[15], 1007);
    definition_free(definition);
    free(text);
    text = large_file(TREASURES_MAX + 1);
    ASSERT_BAD_YAML(text, "3 treasures: are 1025; at most 1024");
    free(text);
}

static void more_values_than_a_hunt_has_end_the_reading(void **state)
{
    (void)state;
    const size_t size = 200000;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '1', size);
    for (size_t i = 1; i < size; i += 2)
        text[i] = ',';
    text[0] = '[';
    text[1] = '1';
    assert_bad_bytes(text, size, HUNT_FILE_JSON,
                     (const char *const[]){"1 : too many values", NULL});
    assert_bad_bytes(text, size, HUNT_FILE_YAML,
                     (const char *const[]){"1 : too many values", NULL});
    free(text);
}

static void a_thousand_faults_are_kept_and_all_are_counted(void **state)
{
    (void)state;
    char *text = malloc(40000);
    struct definition *definition = NULL;
    struct hunt_faults faults = {0};
    assert_non_null(text);
    size_t at = (size_t)sprintf(text, "hunt: h\nplane: flat\ntreasures:\n");
    for (unsigned i = 0; i < 700; i++)
        at += (size_t)sprintf(text + at, "- {id: a%u, at: {x: 1, y: 1}}\n", i);
    const struct hunt_file file = {.text = text, .size = at};
    assert_int_equal(hunt_file_read(&definition, &file, &faults), STATUS_INVALID);
    assert_true(faults.count >= 1400);
    assert_int_equal(faults.listed, HUNT_FAULTS_MAX);
    assert_int_equal(faults.list[0].line, 4);
    hunt_faults_fini(&faults);
    free(text);
}

static void damaged_files_are_read_or_refused(void **state)
{
    (void)state;
    struct rng rng;
    unsigned good = 0;
    rng_init(&rng, 11);
    for (unsigned round = 0; round < 8000; round++) {
        const bool json = round % 2 == 1;
        const char *from = json ? full_json : full_yaml;
        size_t size = strlen(from);
        char *text = malloc(size);
        assert_non_null(text);
        memcpy(text, from, size);
        for (uint64_t changes = rng_below(&rng, 4); changes > 0; changes--)
            text[rng_below(&rng, size)] = rng_chance(&rng, 1, 2)
                                              ? "{}[],:\"'#&*!|>-? \n\t\\0"[rng_below(&rng, 22)]
                                              : (char)rng_next(&rng);
        if (rng_chance(&rng, 1, 4))
            size = rng_below(&rng, size + 1);
        /* The block ends where the file does. */
        char *file_text = malloc(size > 0 ? size : 1);
        assert_non_null(file_text);
        memcpy(file_text, text, size);
        const struct hunt_file file = {
            .text = file_text, .size = size, .format = json ? HUNT_FILE_JSON : HUNT_FILE_YAML};
        struct hunt_faults faults = {0};
        struct definition *definition = NULL;
        const enum status status = hunt_file_read(&definition, &file, &faults);
        assert_true(status == STATUS_OK || status == STATUS_INVALID);
        assert_int_equal(status == STATUS_OK, faults.count == 0);
        for (uint32_t i = 0; i < faults.listed; i++) {
            const struct hunt_fault *fault = &faults.list[i];
            assert_int_equal(utf8_prefix(fault->field, strlen(fault->field)), strlen(fault->field));
            assert_int_equal(utf8_prefix(fault->detail, strlen(fault->detail)),
                             strlen(fault->detail));
            assert_true(fault->line > 0);
        }
        good += status == STATUS_OK;
        hunt_faults_fini(&faults);
        definition_free(definition);
        free(file_text);
        free(text);
    }
    assert_true(good > 500);
}

static void degrees_are_exact_to_seven_decimals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"-0.0", 0},
        {"7.2712", 72712000},
        {"-43.6942", -436942000},
        {"0.1", 1000000},
        {"0.0000001", 1},
        {"1e-7", 1},
        {"9.9999999999999995e-08", 1},
        {"0.00000004999999", 0},
        {"0.00000005", 1},
        {"-0.00000005", -1},
        {"0.00000015", 2},
        {"43.694200000000002", 436942000},
        {"4.36942E+1", 436942000},
        {"0.0436942e3", 436942000},
        {"180", 1800000000},
        {"180.00000000000000000000000000000", 1800000000},
        {"-180.0", -1800000000},
        {"179.99999999", 1800000000},
        {"1.8e2", 1800000000},
        {"0e999999999999", 0},
        {"1e-999999999999", 0},
        {"0.0000000000000000000000000000018e32", 1800000000},
    };
    static const char *const invalid[] = {"",    "-",   "+1",   ".5",  "5.",  "01",   "1e",
                                          "1e+", "1.",  "1.e1", "0x1", "1,5", "1 2",  "--1",
                                          "NaN", "inf", " 1",   "1 ",  "1d",  "43°N", "1e1.5"};
    static const char *const large[] = {
        "180.00000001", "-180.0000001", "181", "1e3", "1e999999999", "2e2", "99999999999999999999"};
    int32_t value;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        value = 77;
        assert_int_equal(scalar_degrees(good[i].text, LONGITUDE_MAX, &value), STATUS_OK);
        assert_int_equal(value, good[i].value);
    }
    value = 77;
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
        assert_int_equal(scalar_degrees(invalid[i], LONGITUDE_MAX, &value), STATUS_INVALID);
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
        assert_int_equal(scalar_degrees(large[i], LONGITUDE_MAX, &value), STATUS_TOO_LARGE);
    assert_int_equal(value, 77);
}

static void every_degree_reads_back_from_the_double_nearest_to_it(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 3);
    for (unsigned round = 0; round < 20000; round++) {
        char text[40];
        int32_t value;
        /* The second half lies close to zero, where numbers are printed with exponents. */
        const int64_t reach = round < 10000 ? LONGITUDE_MAX : 5000;
        const int32_t wanted = (int32_t)((int64_t)rng_below(&rng, 2 * (uint64_t)reach + 1) - reach);
        (void)snprintf(text, sizeof text, "%.17g", wanted / 1e7);
        assert_int_equal(scalar_degrees(text, LONGITUDE_MAX, &value), STATUS_OK);
        assert_int_equal(value, wanted);
    }
}

static void times_are_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T19:30:00-04:30", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.1230000000Z", 123},
        {"2000-02-29T12:00:00Z", INT64_C(951825600000)},
        {"2024-02-29T23:59:59Z", INT64_C(1709251199000)},
        {"2038-01-19T03:14:08Z", INT64_C(2147483648000)},
        {"2100-03-01T00:00:00Z", INT64_C(4107542400000)},
        {"9999-12-31T23:59:59.999Z", MOMENT_MS_MAX},
    };
    static const char *const invalid[] = {
        "",
        "2026-12-01",
        "2026-12-01T18:00Z",
        "2026-12-01T18:00:00",
        "2026-12-01 18:00:00Z",
        "2026-12-01T18:00:00 Z",
        "2026-12-01T18:00:60Z",
        "2016-12-31T23:59:60Z",
        "2026-12-01T24:00:00Z",
        "2026-12-01T18:60:00Z",
        "2026-13-01T18:00:00Z",
        "2026-00-01T18:00:00Z",
        "2026-12-00T18:00:00Z",
        "2026-04-31T18:00:00Z",
        "2026-02-29T18:00:00Z",
        "2100-02-29T18:00:00Z",
        "2026-12-01T18:00:00.Z",
        "2026-12-01T18:00:00.0001Z",
        "2026-12-01T18:00:00,5Z",
        "2026-12-01T18:00:00+1:00",
        "2026-12-01T18:00:00+0100",
        "2026-12-01T18:00:00+24:00",
        "2026-12-01T18:00:00+01:60",
        "2026-12-01T18:00:00+01:00x",
        "2026-12-01T18:00:00Zx",
        "26-12-01T18:00:00Z",
        "-026-12-01T18:00:00Z",
        "1796148000000",
    };
    static const char *const large[] = {"1969-12-31T23:59:59.999Z", "0000-01-01T00:00:00Z",
                                        "0001-01-01T00:00:00+23:59", "1970-01-01T00:00:00+00:01",
                                        "9999-12-31T23:59:59-00:01"};
    int64_t time_ms;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(scalar_time(good[i].text, &time_ms), STATUS_OK);
        assert_int_equal(time_ms, good[i].time_ms);
    }
    time_ms = 77;
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
        assert_int_equal(scalar_time(invalid[i], &time_ms), STATUS_INVALID);
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
        assert_int_equal(scalar_time(large[i], &time_ms), STATUS_TOO_LARGE);
    assert_int_equal(time_ms, 77);
}

static void every_time_reads_back_as_written(void **state)
{
    (void)state;
    struct rng rng;
    char text[SCALAR_TIME_BYTES];
    int64_t time_ms;
    rng_init(&rng, 5);
    for (unsigned round = 0; round < 20000; round++) {
        const int64_t wanted = (int64_t)rng_between(&rng, 0, MOMENT_MS_MAX);
        scalar_format_time(text, wanted);
        assert_int_equal(scalar_time(text, &time_ms), STATUS_OK);
        assert_int_equal(time_ms, wanted);
    }
    scalar_format_time(text, INT64_C(1796148000000));
    assert_string_equal(text, "2026-12-01T18:00:00Z");
    scalar_format_time(text, INT64_C(951825600050));
    assert_string_equal(text, "2000-02-29T12:00:00.050Z");
}

/* Reads the JSON of a definition back and compares the canonical bytes. */
static void assert_reads_back(const struct definition *definition, size_t flags)
{
    static uint8_t before[65536], after[65536];
    struct writer writer_before, writer_after;
    json_t *json = hunt_json(definition);
    assert_non_null(json);
    char *text = json_dumps(json, flags);
    assert_non_null(text);
    struct definition *again = read_good(text, HUNT_FILE_JSON);
    writer_init(&writer_before, before, sizeof before);
    writer_init(&writer_after, after, sizeof after);
    definition_encode(definition, &writer_before);
    definition_encode(again, &writer_after);
    assert_true(writer_ok(&writer_before));
    assert_int_equal(writer_before.used, writer_after.used);
    assert_memory_equal(before, after, writer_before.used);
    definition_free(again);
    free(text);
    json_decref(json);
}

static void a_definition_reads_back_from_its_json(void **state)
{
    (void)state;
    static const char *const files[] = {
        full_yaml,
        "hunt: h\nplane: geo\nties: shared\nopens_at: 2026-12-01T18:00:00.250+02:00\nmax_speed: 9\n"
        "treasures:\n- {id: a, at: {lat: -0.0000001, lon: 179.9999999}, radius: 1, points: 0}\n"
        "- {id: b, at: {lat: 43.6942, lon: 0.00005}, radius: 1, points: 0, "
        "hint: \"tab\\tand\\nline, ünïcödé \\\"quoted\\\" \\\\\", requires: [a]}\n",
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct definition *definition = read_good(files[i], HUNT_FILE_YAML);
        assert_reads_back(definition, 0);
        assert_reads_back(definition, JSON_INDENT(2) | JSON_REAL_PRECISION(HUNT_JSON_DIGITS));
        assert_reads_back(definition, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_SORT_KEYS);
        definition_free(definition);
    }
}

static void json_shows_degrees_as_they_were_given(void **state)
{
    (void)state;
    struct definition *definition =
        read_good("hunt: h\nplane: geo\ntreasures:\n"
                  "- {id: a, at: {lat: 43.6942, lon: -7.2712345}, radius: 1, points: 0}\n",
                  HUNT_FILE_YAML);
    json_t *json = hunt_json(definition);
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(HUNT_JSON_DIGITS));
    assert_string_equal(text,
                        "{\"hunt\":\"h\",\"plane\":\"geo\",\"ties\":\"first\",\"claim_ttl_ms\":0,"
                        "\"clock_tolerance_ms\":0,\"max_speed\":0,\"reactions\":[],\"treasures\":["
                        "{\"id\":\"a\",\"at\":{\"lat\":43.6942,\"lon\":-7.2712345},\"radius\":1,"
                        "\"points\":0,\"shown\":false,\"requires\":[]}]}");
    free(text);
    json_decref(json);
    definition_free(definition);
}

static struct definition *read_sample(const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t size = fread(text, 1, sizeof text, file);
    assert_int_equal(fclose(file), 0);
    struct definition *definition = read_good_bytes(text, size, HUNT_FILE_YAML);
    assert_reads_back(definition, 0);
    return definition;
}

#define YEAR_2026_MS INT64_C(1767225600000)
#define YEAR_2035_MS INT64_C(2051222400000)

/* Every feature that a sample shows. */
struct shown {
    bool trail, limited, window, taps, unlock, decay;
};

static struct shown look_at(const struct definition *definition)
{
    struct shown shown = {0};
    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        const struct treasure *treasure = &definition->treasures[i];
        shown.trail = shown.trail || treasure->requires_count > 0;
        shown.limited = shown.limited || treasure->supply > 0;
        shown.window = shown.window || treasure->has_window;
        shown.taps = shown.taps || treasure->taps_count > 0;
        shown.unlock = shown.unlock || treasure->unlock_reactions > 0;
        shown.decay = shown.decay || treasure->decay_per_ms > 0;
        if (treasure->has_window)
            assert_true(treasure->window_from_ms <= YEAR_2026_MS &&
                        treasure->window_to_ms > YEAR_2035_MS);
    }
    return shown;
}

static void the_sample_hunts_show_every_rule_and_are_open_for_years(void **state)
{
    (void)state;
    static const char *const paths[] = {"configs/hunts/harbour.yaml", "configs/hunts/riviera.yaml"};
    for (size_t i = 0; i < 2; i++) {
        struct definition *definition = read_sample(paths[i]);
        const struct shown shown = look_at(definition);
        assert_true(shown.trail && shown.limited && shown.window);
        assert_true(shown.taps && shown.unlock && shown.decay);
        assert_true(definition->emoji_count > 0);
        assert_int_equal(definition->plane, i == 0 ? PLANE_FLAT : PLANE_GEO);
        assert_true(!definition->has_opens_at || definition->opens_at_ms <= YEAR_2026_MS);
        assert_true(!definition->has_closes_at || definition->closes_at_ms > YEAR_2035_MS);
        definition_free(definition);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_yaml_file_becomes_a_definition),
        cmocka_unit_test(a_json_file_becomes_the_same_definition),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(required_keys_are_missed_where_they_should_be),
        cmocka_unit_test(unknown_and_double_keys_are_named),
        cmocka_unit_test(a_long_unknown_key_is_cut_at_a_character),
        cmocka_unit_test(whole_numbers_are_plain_and_decimal),
        cmocka_unit_test(json_numbers_are_numbers),
        cmocka_unit_test(each_number_of_a_file_is_held_to_its_limits),
        cmocka_unit_test(wrong_types_are_faults_of_their_field),
        cmocka_unit_test(names_keep_to_their_alphabet),
        cmocka_unit_test(texts_that_are_too_long_or_unfit_are_faults),
        cmocka_unit_test(reactions_are_few_short_and_distinct),
        cmocka_unit_test(requirements_are_faults_where_they_stand),
        cmocka_unit_test(times_must_be_in_order),
        cmocka_unit_test(a_fault_does_not_bring_others_with_it),
        cmocka_unit_test(places_belong_to_the_plane),
        cmocka_unit_test(the_hunt_must_be_the_one_of_the_address),
        cmocka_unit_test(faults_found_elsewhere_get_their_lines),
        cmocka_unit_test(a_file_with_nothing_to_add_is_not_read_again),
        cmocka_unit_test(syntax_faults_end_the_reading_of_yaml),
        cmocka_unit_test(syntax_faults_end_the_reading_of_json),
        cmocka_unit_test(only_utf8_without_zeros_is_read),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(a_file_of_one_mebibyte_is_read_and_no_larger_one),
        cmocka_unit_test(the_largest_hunt_is_read_and_one_more_treasure_is_a_fault),
        cmocka_unit_test(more_values_than_a_hunt_has_end_the_reading),
        cmocka_unit_test(a_thousand_faults_are_kept_and_all_are_counted),
        cmocka_unit_test(damaged_files_are_read_or_refused),
        cmocka_unit_test(degrees_are_exact_to_seven_decimals),
        cmocka_unit_test(every_degree_reads_back_from_the_double_nearest_to_it),
        cmocka_unit_test(times_are_rfc_3339),
        cmocka_unit_test(every_time_reads_back_as_written),
        cmocka_unit_test(a_definition_reads_back_from_its_json),
        cmocka_unit_test(json_shows_degrees_as_they_were_given),
        cmocka_unit_test(the_sample_hunts_show_every_rule_and_are_open_for_years),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
