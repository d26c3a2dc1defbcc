/* tests/unit/test_json_actions.c -- Actions in JSON: what is taken, what is refused and why, and
 * how results read. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "node/json_actions.h"

#define HUNT     3
#define PLAYER   "4be0643f-1d98-573b-97cd-ca98a65347dd"
#define RECEIVER "0b7a2f6e-93e1-4f6e-9d8e-0c4f5a1b2c3d"
#define TEXT_MAX 4096

/* Outcome of reading one text: STATUS_OK with actions, or a fault. */
struct reading {
    enum status status;
    struct request_actions actions;
    struct name hunt;
    struct request_fault fault;
};

static struct reading read_bytes(const char *text, size_t bytes, bool names_hunt, enum plane plane)
{
    struct reading reading = {0};
    struct json_request request;
    reading.status = json_request_read(&request, text, bytes, names_hunt, &reading.fault);
    if (reading.status != STATUS_OK)
        return reading;
    reading.hunt = request.hunt;
    reading.status = json_actions_read(&reading.actions, &request, HUNT, plane, &reading.fault);
    json_request_fini(&request);
    return reading;
}

static struct reading read_text(const char *text)
{
    return read_bytes(text, strlen(text), true, PLANE_FLAT);
}

static void assert_fault(const struct reading *reading, int status, const char *code,
                         const char *field)
{
    assert_int_equal(reading->status, STATUS_INVALID);
    assert_null(reading->actions.list);
    assert_int_equal(reading->fault.status, status);
    assert_string_equal(reading->fault.code, code);
    assert_string_equal(reading->fault.field, field);
    assert_true(reading->fault.detail[0] != '\0');
}

static void assert_refused(const char *text, int status, const char *code, const char *field)
{
    const struct reading reading = read_text(text);
    assert_fault(&reading, status, code, field);
}

/* A good claim's and a good reaction's members; a test replaces or drops some. */
struct member {
    const char *name;
    const char *value;
};

static const struct member claim_members[] = {
    {"player", "\"" PLAYER "\""},
    {"seq", "7"},
    {"time_ms", "1790000000000"},
    {"x", "1200"},
    {"y", "-340"},
};
static const struct member geo_members[] = {
    {"player", "\"" PLAYER "\""}, {"seq", "7"},       {"time_ms", "1790000000000"},
    {"lat", "43.6942"},           {"lon", "-7.2712"},
};
static const struct member reaction_members[] = {
    {"player", "\"" PLAYER "\""}, {"seq", "8"},
    {"time_ms", "1790000000100"}, {"to", "\"" RECEIVER "\""},
    {"emoji", "\"\\u2764\""},
};
#define MEMBERS 5

static void append(char text[TEXT_MAX], const char *piece)
{
    const size_t used = strlen(text);
    assert_true(used + strlen(piece) < TEXT_MAX);
    memcpy(text + used, piece, strlen(piece) + 1);
}

/* A request with one action, with `changed` in place of its namesake, or dropped when its value is
 * NULL, or added when there is no namesake. */
static void make_request(char text[TEXT_MAX], const struct member *members,
                         const struct member *changed)
{
    bool replaced = false;
    text[0] = '\0';
    append(text, "{\"hunt\":\"harbour\",\"");
    append(text, members == reaction_members ? "reactions" : "claims");
    append(text, "\":[{");
    const char *comma = "";
    for (size_t i = 0; i <= MEMBERS; i++) {
        const struct member *member = i < MEMBERS ? &members[i] : changed;
        if (i < MEMBERS && strcmp(member->name, changed->name) == 0) {
            member = changed;
            replaced = true;
        } else if (i == MEMBERS && replaced) {
            break;
        }
        if (member->value == NULL)
            continue;
        append(text, comma);
        append(text, "\"");
        append(text, member->name);
        append(text, "\":");
        append(text, member->value);
        comma = ",";
    }
    append(text, "}]}");
}

static enum plane plane_of(const struct member *members)
{
    return members == geo_members ? PLANE_GEO : PLANE_FLAT;
}

static struct reading read_changed(const struct member *members, const char *name,
                                   const char *value)
{
    char text[TEXT_MAX];
    make_request(text, members, &(struct member){name, value});
    return read_bytes(text, strlen(text), true, plane_of(members));
}

static void assert_taken(const struct member *members, const char *name, const char *value)
{
    struct reading reading = read_changed(members, name, value);
    if (reading.status != STATUS_OK)
        print_error("%s: %s: %s: %s\n", name, value, reading.fault.field, reading.fault.detail);
    assert_int_equal(reading.status, STATUS_OK);
    assert_int_equal(reading.actions.count, 1);
    free(reading.actions.list);
}

static void assert_member_refused(const struct member *members, const struct member *changed,
                                  int status, const char *code)
{
    char field[96];
    const struct reading reading = read_changed(members, changed->name, changed->value);
    (void)snprintf(field, sizeof field, "%s[0].%s",
                   members == reaction_members ? "reactions" : "claims", changed->name);
    if (reading.status == STATUS_OK || reading.fault.status != status)
        print_error("%s: %s\n", changed->name, changed->value != NULL ? changed->value : "-");
    assert_fault(&reading, status, code, field);
}

/* What is taken. */

static void a_claim_is_taken_as_it_was_sent(void **state)
{
    (void)state;
    struct reading reading =
        read_text("{ \"hunt\": \"harbour\", \"claims\": [ { \"player\": \"" PLAYER "\", \"seq\": 7,"
                  " \"x\": 1200, \"y\": -340, \"time_ms\": 1790000000000 } ] }");
    struct player_id player;
    assert_int_equal(player_id_parse(&player, PLAYER, PLAYER_TEXT_LENGTH), STATUS_OK);

    assert_int_equal(reading.status, STATUS_OK);
    assert_string_equal(reading.hunt.text, "harbour");
    assert_int_equal(reading.actions.count, 1);
    const struct action *action = &reading.actions.list[0];
    assert_int_equal(action->kind, ACTION_CLAIM);
    assert_int_equal(action->hunt, HUNT);
    assert_int_equal(action->seq, 7);
    assert_true(player_id_equal(&action->player, &player));
    assert_int_equal(action->x, 1200);
    assert_int_equal(action->y, -340);
    assert_true(action->time_ms == INT64_C(1790000000000));
    free(reading.actions.list);
}

static void a_reaction_is_taken_as_it_was_sent(void **state)
{
    (void)state;
    struct reading reading =
        read_text("{\"hunt\":\"harbour\",\"reactions\":[{\"player\":\"" PLAYER "\",\"seq\":\"8\","
                  "\"to\":\"" RECEIVER "\",\"emoji\":\"\xf0\x9f\x94\xa5\",\"time_ms\":-1}]}");
    struct player_id receiver;
    assert_int_equal(player_id_parse(&receiver, RECEIVER, PLAYER_TEXT_LENGTH), STATUS_OK);

    assert_int_equal(reading.status, STATUS_OK);
    const struct action *action = &reading.actions.list[0];
    assert_int_equal(action->kind, ACTION_REACTION);
    assert_int_equal(action->seq, 8);
    assert_true(player_id_equal(&action->to, &receiver));
    assert_int_equal(action->emoji.length, 4);
    assert_string_equal(action->emoji.text, "\xf0\x9f\x94\xa5");
    assert_true(action->time_ms == -1);
    free(reading.actions.list);
}

static void claims_come_before_reactions_whatever_their_order_in_the_text(void **state)
{
    (void)state;
    struct reading reading =
        read_text("{\"reactions\":[{\"player\":\"" PLAYER "\",\"seq\":1,\"to\":\"" RECEIVER
                  "\",\"emoji\":\"!\",\"time_ms\":0}],\"claims\":[{\"player\":\"" PLAYER
                  "\",\"seq\":2,\"x\":0,\"y\":0,\"time_ms\":0},{\"player\":\"" RECEIVER
                  "\",\"seq\":3,\"x\":0,\"y\":0,\"time_ms\":0}],\"hunt\":\"h\"}");
    assert_int_equal(reading.status, STATUS_OK);
    assert_int_equal(reading.actions.count, 3);
    assert_int_equal(reading.actions.list[0].seq, 2);
    assert_int_equal(reading.actions.list[1].seq, 3);
    assert_int_equal(reading.actions.list[2].seq, 1);
    free(reading.actions.list);
}

static void a_request_whose_path_names_the_hunt_must_not_name_it_again(void **state)
{
    (void)state;
    static const char named[] = "{\"hunt\":\"harbour\",\"claims\":[]}";
    static const char unnamed[] = "{\"claims\":[]}";
    struct reading reading = read_bytes(named, strlen(named), false, PLANE_FLAT);
    assert_fault(&reading, 400, "unknown_field", "hunt");
    reading = read_bytes(unnamed, strlen(unnamed), false, PLANE_FLAT);
    assert_fault(&reading, 422, "no_actions", "");
}

static void degrees_are_taken_exactly_to_seven_places(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t value;
    } cases[] = {
        {"43.6942", 436942000}, {"-89.9999999", -899999999}, {"0.0000001", 1},   {"-0.0000001", -1},
        {"90", 900000000},      {"-90.0", -900000000},       {"1e1", 100000000}, {"0.00000014", 1},
        {"0.00000016", 2},      {"12.3456789", 123456789},   {"-0.0", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading reading = read_changed(geo_members, "lat", cases[i].text);
        assert_int_equal(reading.status, STATUS_OK);
        assert_int_equal(reading.actions.list[0].y, cases[i].value);
        assert_int_equal(reading.actions.list[0].x, -72712000);
        free(reading.actions.list);
    }
}

/* Every multiple would take hours; a stride that is prime to ten meets all endings. */
static void no_multiple_of_the_seventh_place_drifts(void **state)
{
    (void)state;
    for (int64_t value = -LONGITUDE_MAX; value <= LONGITUDE_MAX; value += 179999) {
        char text[32];
        const int64_t size = value < 0 ? -value : value;
        (void)snprintf(text, sizeof text, "%s%lld.%07lld", value < 0 ? "-" : "",
                       (long long)(size / 10000000), (long long)(size % 10000000));
        struct reading reading = read_changed(geo_members, "lon", text);
        assert_int_equal(reading.status, STATUS_OK);
        assert_true(reading.actions.list[0].x == value);
        free(reading.actions.list);
    }
}

/* Limits: at, below and above. */

static void limits_are_taken_at_their_ends(void **state)
{
    (void)state;
    static const struct {
        const struct member *members;
        const char *name, *value;
    } cases[] = {
        {claim_members, "seq", "1"},
        {claim_members, "seq", "4294967295"},
        {claim_members, "seq", "\"1\""},
        {claim_members, "seq", "\"4294967295\""},
        {claim_members, "x", "2147483647"},
        {claim_members, "x", "-2147483647"},
        {claim_members, "y", "2147483647"},
        {claim_members, "y", "-2147483647"},
        {claim_members, "time_ms", "9223372036854775807"},
        {claim_members, "time_ms", "-9223372036854775808"},
        {claim_members, "time_ms", "0"},
        {claim_members, "player", "\"00000000-0000-0000-0000-000000000000\""},
        {claim_members, "player", "\"4BE0643F-1D98-573B-97CD-CA98A65347DD\""},
        {geo_members, "lat", "90"},
        {geo_members, "lat", "-90"},
        {geo_members, "lon", "180"},
        {geo_members, "lon", "-180.0000000"},
        {reaction_members, "emoji", "\"a\""},
        {reaction_members, "emoji", "\"12345678901234567890123456789012\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_taken(cases[i].members, cases[i].name, cases[i].value);
}

static void values_beyond_a_limit_are_well_formed_but_invalid(void **state)
{
    (void)state;
    static const struct {
        const struct member *members;
        struct member changed;
    } cases[] = {
        {claim_members, {"seq", "0"}},
        {claim_members, {"seq", "-1"}},
        {claim_members, {"seq", "4294967296"}},
        {claim_members, {"seq", "\"0\""}},
        {claim_members, {"seq", "\"-1\""}},
        {claim_members, {"seq", "\"4294967296\""}},
        {claim_members, {"seq", "\"99999999999999999999999999\""}},
        {claim_members, {"seq", "\"-99999999999999999999999999\""}},
        {claim_members, {"x", "2147483648"}},
        {claim_members, {"x", "-2147483648"}},
        {claim_members, {"y", "2147483648"}},
        {claim_members, {"y", "-2147483648"}},
        {claim_members, {"x", "9223372036854775807"}},
        {geo_members, {"lat", "90.0000001"}},
        {geo_members, {"lat", "-90.0000001"}},
        {geo_members, {"lat", "91"}},
        {geo_members, {"lon", "180.0000001"}},
        {geo_members, {"lon", "-180.0000001"}},
        {geo_members, {"lon", "1e300"}},
        {reaction_members, {"emoji", "\"\""}},
        {reaction_members, {"emoji", "\"123456789012345678901234567890123\""}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_member_refused(cases[i].members, &cases[i].changed, 422, "out_of_range");
}

static void a_hunts_name_has_its_limits_too(void **state)
{
    (void)state;
    char text[256];
    char name[65];
    memset(name, 'a', sizeof name);
    name[64] = '\0';
    (void)snprintf(text, sizeof text, "{\"hunt\":\"%s\",\"claims\":[]}", name + 1);
    assert_refused(text, 422, "no_actions", "");
    (void)snprintf(text, sizeof text, "{\"hunt\":\"%s\",\"claims\":[]}", name);
    assert_refused(text, 422, "out_of_range", "hunt");
    assert_refused("{\"hunt\":\"\"}", 422, "out_of_range", "hunt");
    assert_refused("{\"hunt\":\"Harbour\"}", 422, "out_of_range", "hunt");
    assert_refused("{\"hunt\":7}", 400, "wrong_type", "hunt");
    assert_refused("{\"hunt\":null}", 400, "wrong_type", "hunt");
    assert_refused("{\"claims\":[]}", 400, "missing_field", "hunt");
}

/* Form. */

static void every_member_is_needed(void **state)
{
    (void)state;
    const struct member *kinds[] = {claim_members, geo_members, reaction_members};
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < MEMBERS; i++)
            assert_member_refused(kinds[kind], &(struct member){kinds[kind][i].name, NULL}, 400,
                                  "missing_field");
    }
}

static void the_wrong_type_is_malformed(void **state)
{
    (void)state;
    static const char *const wrong[] = {"null", "true", "[]", "{}", "\"\"", "\"x\""};
    const struct member *kinds[] = {claim_members, geo_members, reaction_members};
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < MEMBERS; i++) {
            /* The empty text is an emoji of the wrong length. */
            const bool text = strcmp(kinds[kind][i].name, "emoji") == 0;
            for (size_t j = 0; j < (text ? 4 : 6); j++)
                assert_member_refused(kinds[kind], &(struct member){kinds[kind][i].name, wrong[j]},
                                      400, "wrong_type");
        }
    }
}

static void whole_numbers_are_whole(void **state)
{
    (void)state;
    static const char *const names[] = {"seq", "x", "y", "time_ms"};
    static const char *const wrong[] = {"1.0", "1e3", "1.5", "-0.0"};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++)
            assert_member_refused(claim_members, &(struct member){names[i], wrong[j]}, 400,
                                  "wrong_type");
    }
    static const char *const strings[] = {"\"007\"", "\"+7\"", "\" 7\"",  "\"7 \"", "\"7.0\"",
                                          "\"0x7\"", "\"-0\"", "\"1e1\"", "\"-\""};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        assert_member_refused(claim_members, &(struct member){"seq", strings[i]}, 400,
                              "wrong_type");
    assert_member_refused(claim_members, &(struct member){"x", "\"7\""}, 400, "wrong_type");
    assert_member_refused(claim_members, &(struct member){"time_ms", "\"7\""}, 400, "wrong_type");
}

static void a_player_is_a_uuid_and_nothing_else(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\"4be0643f-1d98-573b-97cd-ca98a65347d\"",   "\"4be0643f-1d98-573b-97cd-ca98a65347ddd\"",
        "\"4be0643f1d98573b97cdca98a65347dd\"",      "\"4be0643f-1d98-573b-97cd-ca98a65347dg\"",
        "\"{be0643f-1d98-573b-97cd-ca98a65347dd}\"", "7",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_member_refused(claim_members, &(struct member){"player", wrong[i]}, 400,
                              "wrong_type");
        assert_member_refused(reaction_members, &(struct member){"to", wrong[i]}, 400,
                              "wrong_type");
    }
}

static void unknown_members_are_named(void **state)
{
    (void)state;
    assert_member_refused(claim_members, &(struct member){"z", "1"}, 400, "unknown_field");
    assert_member_refused(claim_members, &(struct member){"emoji", "\"a\""}, 400, "unknown_field");
    assert_member_refused(claim_members, &(struct member){"Seq", "1"}, 400, "unknown_field");
    assert_member_refused(reaction_members, &(struct member){"x", "1"}, 400, "unknown_field");
    assert_refused("{\"hunt\":\"harbour\",\"claim\":[]}", 400, "unknown_field", "claim");
}

static void a_place_in_the_other_plane_is_told_so(void **state)
{
    (void)state;
    assert_member_refused(claim_members, &(struct member){"lat", "1"}, 422, "wrong_plane");
    assert_member_refused(claim_members, &(struct member){"lon", "1"}, 422, "wrong_plane");
    assert_member_refused(geo_members, &(struct member){"x", "1"}, 422, "wrong_plane");
    assert_member_refused(geo_members, &(struct member){"y", "1"}, 422, "wrong_plane");
}

static void a_member_that_is_there_twice_is_refused(void **state)
{
    (void)state;
    const struct reading reading =
        read_text("{\"hunt\":\"harbour\",\n\"claims\":[{\"seq\":1,\n\"seq\":2}]}");
    assert_fault(&reading, 400, "malformed", "");
    assert_non_null(strstr(reading.fault.detail, "line 3"));
}

static void what_is_no_json_object_is_malformed(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        " ",
        "{",
        "{}x",
        "{\"hunt\":\"a\",}",
        "{'hunt':'a'}",
        "nul",
        "\xff",
        "[1,",
        "{\"hunt\":\"\xc3\"}",
        "{\"hunt\":\"a\\u0000b\"}",
        "{\"hunt\":\"\\ud800\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_refused(wrong[i], 400, "malformed", "");
    assert_refused("[]", 400, "wrong_type", "");
    assert_refused("7", 400, "wrong_type", "");
    assert_refused("null", 400, "wrong_type", "");
    const struct reading reading = read_bytes("{\"hunt\"\0:1}", 11, true, PLANE_FLAT);
    assert_fault(&reading, 400, "malformed", "");
}

static void assert_is_text(const char *text)
{
    assert_int_equal(utf8_prefix(text, strlen(text)), strlen(text));
}

/* A name that is cut at the end of its room, within a character, and bytes that are none. */
static void what_is_told_of_a_fault_is_text(void **state)
{
    (void)state;
    char text[TEXT_MAX] = "{\"hunt\":\"h\",\"a";
    for (size_t i = 0; i < 60; i++)
        append(text, "\xc3\xa9");
    append(text, "\":1}");
    const struct reading cut = read_text(text);
    assert_int_equal(cut.status, STATUS_INVALID);
    assert_string_equal(cut.fault.code, "unknown_field");
    assert_is_text(cut.fault.field);
    assert_in_range(strlen(cut.fault.field), 78, 80);

    const struct reading wild = read_text("{\"\\udd\xc5\xa3\x8a\x9b\"");
    assert_fault(&wild, 400, "malformed", "");
    assert_is_text(wild.fault.detail);
}

static void nesting_beyond_the_reader_is_malformed(void **state)
{
    (void)state;
    enum { DEPTH = 200000 };
    char *text = malloc(DEPTH);
    assert_non_null(text);
    memset(text, '[', DEPTH);
    const struct reading reading = read_bytes(text, DEPTH, true, PLANE_FLAT);
    free(text);
    assert_fault(&reading, 400, "malformed", "");
}

static void numbers_beyond_64_bits_are_out_of_range(void **state)
{
    (void)state;
    static const char *const wrong[] = {"9223372036854775808", "-9223372036854775809",
                                        "99999999999999999999999", "1e400"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct reading reading = read_changed(claim_members, "x", wrong[i]);
        assert_fault(&reading, 422, "out_of_range", "");
    }
}

static void lists_are_lists_of_objects(void **state)
{
    (void)state;
    assert_refused("{\"hunt\":\"h\",\"claims\":{}}", 400, "wrong_type", "claims");
    assert_refused("{\"hunt\":\"h\",\"claims\":null}", 400, "wrong_type", "claims");
    assert_refused("{\"hunt\":\"h\",\"reactions\":\"\"}", 400, "wrong_type", "reactions");
    assert_refused("{\"hunt\":\"h\",\"claims\":[7]}", 400, "wrong_type", "claims[0]");
    assert_refused("{\"hunt\":\"h\",\"reactions\":[[]]}", 400, "wrong_type", "reactions[0]");
}

static void a_request_without_actions_is_invalid(void **state)
{
    (void)state;
    assert_refused("{\"hunt\":\"h\"}", 422, "no_actions", "");
    assert_refused("{\"hunt\":\"h\",\"claims\":[],\"reactions\":[]}", 422, "no_actions", "");
}

/* How many. */

struct crowd {
    unsigned claims, reactions; /* actions */
    unsigned each;              /* of one player, one after the other */
};

/* A request of a crowd; the caller frees it. */
static char *crowd_text(const struct crowd *crowd)
{
    const size_t capacity = (size_t)(crowd->claims + crowd->reactions) * 200 + 100;
    char *text = malloc(capacity);
    assert_non_null(text);
    size_t used = (size_t)snprintf(text, capacity, "{\"hunt\":\"h\",\"claims\":[");
    for (unsigned i = 0; i < crowd->claims; i++)
        used += (size_t)snprintf(text + used, capacity - used,
                                 "%s{\"player\":\"%08x-0000-0000-0000-000000000000\",\"seq\":%u,"
                                 "\"x\":0,\"y\":0,\"time_ms\":0}",
                                 i > 0 ? "," : "", i / crowd->each, i + 1);
    used += (size_t)snprintf(text + used, capacity - used, "],\"reactions\":[");
    for (unsigned i = 0; i < crowd->reactions; i++)
        used += (size_t)snprintf(text + used, capacity - used,
                                 "%s{\"player\":\"%08x-0000-0000-0000-000000000000\",\"seq\":%u,"
                                 "\"to\":\"" RECEIVER "\",\"emoji\":\"a\",\"time_ms\":0}",
                                 i > 0 ? "," : "", (crowd->claims + i) / crowd->each, i + 2000);
    used += (size_t)snprintf(text + used, capacity - used, "]}");
    assert_true(used < capacity);
    return text;
}

static struct reading read_crowd(unsigned claims, unsigned reactions, unsigned each)
{
    char *text = crowd_text(&(struct crowd){claims, reactions, each});
    const struct reading reading = read_text(text);
    free(text);
    return reading;
}

static void assert_crowd_taken(unsigned claims, unsigned reactions, unsigned each)
{
    const struct reading reading = read_crowd(claims, reactions, each);
    assert_int_equal(reading.status, STATUS_OK);
    assert_int_equal(reading.actions.count, claims + reactions);
    free(reading.actions.list);
}

static void a_thousand_actions_are_taken_and_no_more(void **state)
{
    (void)state;
    assert_crowd_taken(999, 0, 1);
    assert_crowd_taken(1000, 0, 1);
    assert_crowd_taken(0, 1000, 1);
    assert_crowd_taken(500, 500, 16);
    struct reading reading = read_crowd(1001, 0, 1);
    assert_fault(&reading, 422, "too_many_actions", "claims");
    reading = read_crowd(0, 1001, 1);
    assert_fault(&reading, 422, "too_many_actions", "reactions");
    reading = read_crowd(501, 500, 1);
    assert_fault(&reading, 422, "too_many_actions", "reactions");
}

static void sixteen_actions_of_a_player_are_taken_and_no_more(void **state)
{
    (void)state;
    assert_crowd_taken(15, 0, 16);
    assert_crowd_taken(16, 0, 16);
    assert_crowd_taken(8, 8, 16);
    assert_crowd_taken(992, 0, 16);
    struct reading reading = read_crowd(17, 0, 17);
    assert_fault(&reading, 422, "too_many_actions", "claims[16].player");
    reading = read_crowd(16, 1, 17);
    assert_fault(&reading, 422, "too_many_actions", "reactions[0].player");
    reading = read_crowd(34, 0, 17);
    assert_fault(&reading, 422, "too_many_actions", "claims[16].player");
}

static void one_bad_action_refuses_the_whole_request(void **state)
{
    (void)state;
    char *text = crowd_text(&(struct crowd){1000, 0, 1});
    char *last = strstr(text, "\"seq\":1000");
    assert_non_null(last);
    memset(last + strlen("\"seq\":"), ' ', strlen("1000"));
    last[strlen("\"seq\":")] = '0';
    const struct reading reading = read_text(text);
    free(text);
    assert_fault(&reading, 422, "out_of_range", "claims[999].seq");
}

/* Results. */

static struct result result_of(enum outcome outcome)
{
    struct result result = {
        .seq = 7,
        .outcome = outcome,
        .treasure = 1,
        .final = true,
        .points = 0,
        .score = 300,
        .epoch = 179000000,
        .hlc = UINT64_C(7331840000000000001),
        .range = 5,
        .log_index = 991,
        .definition_version = 1,
        .treasure_id = "anchor",
    };
    assert_int_equal(player_id_parse(&result.player, PLAYER, PLAYER_TEXT_LENGTH), STATUS_OK);
    return result;
}

static void assert_writes(const struct result *result, const char *expected)
{
    struct json_text text = {0};
    char whole[1024];
    (void)snprintf(whole, sizeof whole, "{\"player\":\"" PLAYER "\",\"seq\":\"7\",%s}", expected);
    json_result_write(&text, result);
    assert_true(json_text_ok(&text));
    assert_int_equal(text.used, strlen(whole));
    assert_memory_equal(text.data, whole, text.used);
    json_text_fini(&text);
}

#define ORIGIN                                                                                     \
    "\"epoch\":\"179000000\",\"hlc\":\"7331840000000000001\",\"range\":5,\"log_index\":\"991\""
#define REST ORIGIN ",\"definition_version\":1,\"replayed\":false"

static void a_find_reads_as_in_the_contract(void **state)
{
    (void)state;
    struct result result = result_of(OUTCOME_FOUND);
    result.points = 100;
    assert_writes(&result, "\"outcome\":\"found\",\"treasure\":\"anchor\",\"points\":100,"
                           "\"score\":\"300\",\"state\":\"final\"," REST);
}

static void each_outcome_tells_what_belongs_to_it(void **state)
{
    (void)state;
    for (enum outcome outcome = OUTCOME_TAP; outcome <= OUTCOME_CONFLICT; outcome++) {
        char expected[512];
        const bool tells = outcome == OUTCOME_TAP || outcome == OUTCOME_ALREADY ||
                           outcome == OUTCOME_SOLD_OUT || outcome == OUTCOME_CLOSED;
        const struct result result = result_of(outcome);
        (void)snprintf(expected, sizeof expected,
                       "\"outcome\":\"%s\",%s\"points\":0,\"score\":\"300\",\"state\":\"final\",%s",
                       outcome_name(outcome), tells ? "\"treasure\":\"anchor\"," : "", REST);
        assert_writes(&result, expected);
    }
}

static void what_waits_for_settling_is_pending(void **state)
{
    (void)state;
    struct result result = result_of(OUTCOME_PENDING);
    result.final = false;
    result.points = 50;
    assert_writes(&result, "\"outcome\":\"pending\",\"treasure\":\"anchor\",\"points\":50,"
                           "\"score\":\"300\",\"state\":\"pending\"," REST);
    result = result_of(OUTCOME_REACTED);
    result.final = false;
    assert_writes(&result, "\"outcome\":\"reacted\",\"points\":0,\"score\":\"300\","
                           "\"state\":\"pending\"," REST);
}

static void what_was_settled_tells_when(void **state)
{
    (void)state;
    static const enum outcome outcomes[] = {OUTCOME_WON, OUTCOME_LOST};
    for (size_t i = 0; i < 2; i++) {
        char expected[512];
        struct result result = result_of(outcomes[i]);
        result.replayed = true;
        result.final_epoch = 179000001;
        (void)snprintf(expected, sizeof expected,
                       "\"outcome\":\"%s\",\"treasure\":\"anchor\",\"points\":0,\"score\":\"300\","
                       "\"state\":\"final\",%s,\"final_epoch\":\"179000001\","
                       "\"definition_version\":1,\"replayed\":true",
                       outcome_name(outcomes[i]), ORIGIN);
        assert_writes(&result, expected);
    }
}

static void what_was_not_judged_has_no_origin_and_is_final(void **state)
{
    (void)state;
    struct result result = result_of(OUTCOME_FULL);
    assert_writes(&result,
                  "\"outcome\":\"full\",\"points\":0,\"state\":\"final\",\"replayed\":false");
    result = (struct result){.player = result.player, .seq = 7, .outcome = OUTCOME_UNAVAILABLE};
    assert_writes(
        &result, "\"outcome\":\"unavailable\",\"points\":0,\"state\":\"final\",\"replayed\":false");
}

static void a_replay_of_what_was_not_accepted_has_no_place_in_the_log(void **state)
{
    (void)state;
    struct result result = result_of(OUTCOME_NOTHING);
    result.replayed = true;
    result.log_index = 0;
    result.definition_version = 0;
    assert_writes(&result, "\"outcome\":\"nothing\",\"points\":0,\"score\":\"300\","
                           "\"state\":\"final\",\"epoch\":\"179000000\","
                           "\"hlc\":\"7331840000000000001\",\"range\":5,\"replayed\":true");
}

static void results_are_a_list_in_their_order(void **state)
{
    (void)state;
    struct result results[2] = {result_of(OUTCOME_FULL), result_of(OUTCOME_FULL)};
    struct json_text text = {0};
    results[1].seq = UINT32_MAX;
    json_results_write(&text, results, 2);
    assert_true(json_text_ok(&text));
    json_error_t error;
    json_t *root = json_loadb(text.data, text.used, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(root);
    const json_t *list = json_object_get(root, "results");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "seq")), "7");
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "seq")),
                        "4294967295");
    json_decref(root);
    json_text_fini(&text);
}

/* The text itself. */

static void assert_text(struct json_text *text, const char *expected)
{
    assert_true(json_text_ok(text));
    assert_int_equal(text->used, strlen(expected));
    assert_memory_equal(text->data, expected, text->used);
    json_text_fini(text);
}

static void numbers_are_written_to_their_ends(void **state)
{
    (void)state;
    struct json_text text = {0};
    json_text_array(&text);
    json_text_number(&text, 0);
    json_text_number(&text, UINT64_MAX);
    json_text_signed(&text, INT64_MIN);
    json_text_signed(&text, INT64_MAX);
    json_text_quoted(&text, UINT64_MAX);
    json_text_quoted_signed(&text, -1);
    json_text_hex(&text, 0);
    json_text_hex(&text, UINT64_C(0xfedcba9876543210));
    json_text_bool(&text, true);
    json_text_bool(&text, false);
    json_text_array_end(&text);
    assert_text(&text, "[0,18446744073709551615,-9223372036854775808,9223372036854775807,"
                       "\"18446744073709551615\",\"-1\",\"0000000000000000\","
                       "\"fedcba9876543210\",true,false]");
}

static void degrees_are_written_without_loss_or_idle_zeros(void **state)
{
    (void)state;
    struct json_text text = {0};
    json_text_array(&text);
    json_text_degrees(&text, 436942000);
    json_text_degrees(&text, -1);
    json_text_degrees(&text, 0);
    json_text_degrees(&text, 900000000);
    json_text_degrees(&text, -1799999999);
    json_text_array_end(&text);
    assert_text(&text, "[43.6942,-0.0000001,0,90,-179.9999999]");
}

static void strings_are_escaped_where_they_must_be(void **state)
{
    (void)state;
    struct json_text text = {0};
    json_text_object(&text);
    json_text_key(&text, "a");
    json_text_string(&text, "say \"\\\" [{:\n\x1f\x7f \xf0\x9f\x94\xa5,");
    json_text_key(&text, "b");
    json_text_string(&text, "");
    json_text_key(&text, "c");
    json_text_object(&text);
    json_text_object_end(&text);
    json_text_object_end(&text);
    assert_text(&text, "{\"a\":\"say \\\"\\\\\\\" [{:\\u000a\\u001f\x7f \xf0\x9f\x94\xa5,\","
                       "\"b\":\"\",\"c\":{}}");
}

static void a_long_text_grows(void **state)
{
    (void)state;
    struct json_text text = {0};
    json_text_array(&text);
    for (unsigned i = 0; i < 100000; i++)
        json_text_number(&text, i);
    json_text_array_end(&text);
    json_error_t error;
    json_t *list = json_loadb(text.data, text.used, 0, &error);
    assert_int_equal(json_array_size(list), 100000);
    assert_int_equal(json_integer_value(json_array_get(list, 99999)), 99999);
    json_decref(list);
    json_text_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_is_taken_as_it_was_sent),
        cmocka_unit_test(a_reaction_is_taken_as_it_was_sent),
        cmocka_unit_test(claims_come_before_reactions_whatever_their_order_in_the_text),
        cmocka_unit_test(a_request_whose_path_names_the_hunt_must_not_name_it_again),
        cmocka_unit_test(degrees_are_taken_exactly_to_seven_places),
        cmocka_unit_test(no_multiple_of_the_seventh_place_drifts),
        cmocka_unit_test(limits_are_taken_at_their_ends),
        cmocka_unit_test(values_beyond_a_limit_are_well_formed_but_invalid),
        cmocka_unit_test(a_hunts_name_has_its_limits_too),
        cmocka_unit_test(every_member_is_needed),
        cmocka_unit_test(the_wrong_type_is_malformed),
        cmocka_unit_test(whole_numbers_are_whole),
        cmocka_unit_test(a_player_is_a_uuid_and_nothing_else),
        cmocka_unit_test(unknown_members_are_named),
        cmocka_unit_test(a_place_in_the_other_plane_is_told_so),
        cmocka_unit_test(a_member_that_is_there_twice_is_refused),
        cmocka_unit_test(what_is_no_json_object_is_malformed),
        cmocka_unit_test(what_is_told_of_a_fault_is_text),
        cmocka_unit_test(nesting_beyond_the_reader_is_malformed),
        cmocka_unit_test(numbers_beyond_64_bits_are_out_of_range),
        cmocka_unit_test(lists_are_lists_of_objects),
        cmocka_unit_test(a_request_without_actions_is_invalid),
        cmocka_unit_test(a_thousand_actions_are_taken_and_no_more),
        cmocka_unit_test(sixteen_actions_of_a_player_are_taken_and_no_more),
        cmocka_unit_test(one_bad_action_refuses_the_whole_request),
        cmocka_unit_test(a_find_reads_as_in_the_contract),
        cmocka_unit_test(each_outcome_tells_what_belongs_to_it),
        cmocka_unit_test(what_waits_for_settling_is_pending),
        cmocka_unit_test(what_was_settled_tells_when),
        cmocka_unit_test(what_was_not_judged_has_no_origin_and_is_final),
        cmocka_unit_test(a_replay_of_what_was_not_accepted_has_no_place_in_the_log),
        cmocka_unit_test(results_are_a_list_in_their_order),
        cmocka_unit_test(numbers_are_written_to_their_ends),
        cmocka_unit_test(degrees_are_written_without_loss_or_idle_zeros),
        cmocka_unit_test(strings_are_escaped_where_they_must_be),
        cmocka_unit_test(a_long_text_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
