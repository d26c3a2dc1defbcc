/* tests/unit/test_system_state.c -- What the system group's log makes of the cluster: members,
 * settings, and every version of every hunt. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/ranges/system_state.h"

static const struct settings settings = {
    .cluster_id = 77,
    .first_epoch = 179000000,
    .ranges = 16,
    .replicas = 3,
    .epoch_ms = 10000,
    .replace_after_ms = 30000,
    .players_max = 1000,
};

static struct member member_of(uint64_t id, uint64_t boot)
{
    struct member member = {.id = id, .boot = boot};
    char name[8];
    const int length = snprintf(name, sizeof name, "n%u", (unsigned)(id % 1000));
    assert_int_equal(name_set(&member.name, name, (size_t)length), STATUS_OK);
    (void)snprintf(member.http, sizeof member.http, "10.0.0.%u:80", (unsigned)(id % 250));
    (void)snprintf(member.peer, sizeof member.peer, "tcp://10.0.0.%u:90", (unsigned)(id % 250));
    return member;
}

static struct system_change apply_bytes(struct system_state *state, const void *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    struct system_change change;
    memset(&change, 0xee, sizeof change);
    system_state_apply(state, copy, size, &change);
    free(copy);
    return change;
}

static struct system_change apply(struct system_state *state, const struct record *record)
{
    const size_t bytes = record_bytes(record);
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    assert_int_equal(record_encode(record, data, bytes), STATUS_OK);
    const struct system_change change = apply_bytes(state, data, bytes);
    free(data);
    return change;
}

static size_t encode_found(uint8_t body[FOUND_BYTES_MAX], uint32_t members)
{
    struct member list[NODES_MAX];
    for (uint32_t i = 0; i < members; i++)
        list[i] = member_of(100 + i, 5);
    struct writer writer;
    writer_init(&writer, body, FOUND_BYTES_MAX);
    found_encode(&settings, list, members, &writer);
    assert_true(writer_ok(&writer));
    return writer.used;
}

static enum status apply_found(struct system_state *state, uint32_t members)
{
    uint8_t *body = malloc(FOUND_BYTES_MAX);
    assert_non_null(body);
    const struct record record = {
        .kind = RECORD_FOUND, .body = body, .body_bytes = encode_found(body, members)};
    const struct system_change change = apply(state, &record);
    free(body);
    assert_int_equal(change.kind, RECORD_FOUND);
    return change.status;
}

static struct system_state *founded(void)
{
    struct system_state *state = system_state_new();
    assert_non_null(state);
    assert_int_equal(apply_found(state, 3), STATUS_OK);
    return state;
}

static enum status apply_member(struct system_state *state, const struct member *member)
{
    uint8_t body[MEMBER_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    member_encode(member, &writer);
    assert_true(writer_ok(&writer));
    const struct record record = {.kind = RECORD_MEMBER, .body = body, .body_bytes = writer.used};
    return apply(state, &record).status;
}

/* A hunt with these treasures, by name: "a b c". */
static struct definition *hunt_of(const char *name, const char *treasures)
{
    uint16_t count = 0;
    for (const char *at = treasures; *at != '\0'; at++) {
        if (at == treasures || at[-1] == ' ')
            count++;
    }
    struct definition *definition = definition_new(count);
    assert_non_null(definition);
    definition->treasure_count = count;
    assert_int_equal(name_set(&definition->hunt, name, strlen(name)), STATUS_OK);
    for (uint16_t i = 0; i < count; i++) {
        const size_t length = strcspn(treasures, " ");
        struct treasure *treasure = &definition->treasures[i];
        assert_int_equal(name_set(&treasure->id, treasures, length), STATUS_OK);
        treasure->radius = 10;
        treasures += length + (treasures[length] == ' ');
    }
    return definition;
}

/* Frees the definition. */
static struct system_change define(struct system_state *state, struct definition *definition)
{
    const size_t bytes = definition_bytes(definition);
    uint8_t *body = malloc(bytes);
    assert_non_null(body);
    struct writer writer;
    writer_init(&writer, body, bytes);
    definition_encode(definition, &writer);
    assert_true(writer_ok(&writer));
    const struct record record = {.kind = RECORD_DEFINE, .body = body, .body_bytes = bytes};
    const struct system_change change = apply(state, &record);
    free(body);
    definition_free(definition);
    assert_int_equal(change.kind, RECORD_DEFINE);
    return change;
}

static enum status decide(struct system_state *state, enum record_kind kind, uint16_t hunt,
                          uint32_t version)
{
    const struct record record = {
        .kind = kind,
        .hunt = hunt,
        .version = version,
        .epoch = kind == RECORD_ACTIVATE ? settings.first_epoch + version : 0,
    };
    return apply(state, &record).status;
}

static void define_and_activate(struct system_state *state, struct definition *definition)
{
    const struct system_change change = define(state, definition);
    assert_int_equal(change.status, STATUS_OK);
    assert_int_equal(decide(state, RECORD_ACTIVATE, change.hunt, change.version), STATUS_OK);
}

static uint16_t number_of(const struct system_state *state, uint16_t hunt, const char *treasure)
{
    const struct hunt *known = system_state_hunt(state, hunt);
    const struct hunt_version *newest = &known->versions[known->version_count - 1];
    for (uint16_t i = 0; i < newest->definition->treasure_count; i++) {
        if (strcmp(newest->definition->treasures[i].id.text, treasure) == 0)
            return newest->definition->treasures[i].number;
    }
    fail_msg("no treasure %s", treasure);
    return 0;
}

/* ---- The cluster. */

static void before_the_founding_nothing_is_known(void **state)
{
    (void)state;
    struct system_state *system = system_state_new();
    assert_null(system_state_settings(system));
    assert_int_equal(system_state_members(system), 0);
    assert_int_equal(system_state_hunts(system), 0);
    assert_null(system_state_hunt(system, 0));
    assert_null(system_state_find_hunt(system, "harbour"));
    system_state_free(system);
}

static void a_cluster_is_founded_once(void **state)
{
    (void)state;
    struct system_state *system = founded();
    const struct settings *known = system_state_settings(system);
    assert_non_null(known);
    assert_true(known->cluster_id == settings.cluster_id);
    assert_true(known->first_epoch == settings.first_epoch);
    assert_int_equal(known->ranges, settings.ranges);
    assert_int_equal(known->replicas, settings.replicas);
    assert_int_equal(known->epoch_ms, settings.epoch_ms);
    assert_int_equal(known->replace_after_ms, settings.replace_after_ms);
    assert_int_equal(known->players_max, settings.players_max);
    assert_int_equal(system_state_members(system), 3);
    assert_string_equal(system_state_find_member(system, 101)->http, "10.0.0.101:80");

    const uint64_t digest = system_state_digest(system);
    assert_int_equal(apply_found(system, 5), STATUS_INVALID);
    assert_int_equal(system_state_members(system), 3);
    assert_true(system_state_digest(system) == digest);
    system_state_free(system);
}

static void a_member_tells_where_it_is_now(void **state)
{
    (void)state;
    struct system_state *system = founded();
    struct member member = member_of(101, 6);
    (void)snprintf(member.http, sizeof member.http, "192.168.0.1:8080");
    assert_int_equal(apply_member(system, &member), STATUS_OK);
    const struct member *known = system_state_find_member(system, 101);
    assert_true(known->boot == 6);
    assert_string_equal(known->http, "192.168.0.1:8080");
    assert_int_equal(system_state_members(system), 3);
    assert_int_equal(apply_member(system, &member), STATUS_OK);
    system_state_free(system);
}

static void an_older_start_of_a_member_does_not_count(void **state)
{
    (void)state;
    struct system_state *system = founded();
    struct member member = member_of(101, 4);
    const uint64_t digest = system_state_digest(system);
    assert_int_equal(apply_member(system, &member), STATUS_INVALID);
    assert_true(system_state_find_member(system, 101)->boot == 5);
    member.id = 999;
    member.boot = 9;
    assert_int_equal(apply_member(system, &member), STATUS_INVALID);
    assert_null(system_state_find_member(system, 999));
    assert_true(system_state_digest(system) == digest);
    system_state_free(system);
}

static void a_member_with_more_behind_it_is_void(void **state)
{
    (void)state;
    struct system_state *system = founded();
    const struct member member = member_of(101, 9);
    uint8_t body[MEMBER_BYTES_MAX + 1] = {0};
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    member_encode(&member, &writer);
    const struct record record = {
        .kind = RECORD_MEMBER, .body = body, .body_bytes = writer.used + 1};
    assert_int_equal(apply(system, &record).status, STATUS_INVALID);
    assert_true(system_state_find_member(system, 101)->boot == 5);
    system_state_free(system);
}

/* ---- Hunts. */

static void versions_are_numbered_from_one_in_each_hunt(void **state)
{
    (void)state;
    struct system_state *system = founded();
    for (uint32_t version = 1; version <= 3; version++) {
        const struct system_change harbour = define(system, hunt_of("harbour", "gate"));
        const struct system_change castle = define(system, hunt_of("castle", "gate"));
        assert_int_equal(harbour.status, STATUS_OK);
        assert_int_equal(harbour.hunt, 0);
        assert_int_equal(harbour.version, version);
        assert_int_equal(castle.hunt, 1);
        assert_int_equal(castle.version, version);
        assert_int_equal(decide(system, RECORD_ACTIVATE, 0, version), STATUS_OK);
        assert_int_equal(decide(system, RECORD_CANCEL, 1, version), STATUS_OK);
    }
    const struct hunt *harbour = system_state_find_hunt(system, "harbour");
    assert_ptr_equal(harbour, system_state_hunt(system, 0));
    assert_int_equal(harbour->newest, 3);
    assert_int_equal(hunt_newest_active(harbour)->version, 3);
    assert_null(hunt_newest_active(system_state_find_hunt(system, "castle")));
    system_state_free(system);
}

static void while_a_version_is_undecided_another_is_a_conflict(void **state)
{
    (void)state;
    struct system_state *system = founded();
    assert_int_equal(define(system, hunt_of("harbour", "gate")).status, STATUS_OK);
    assert_int_equal(hunt_undecided(system_state_hunt(system, 0))->version, 1);
    const uint64_t digest = system_state_digest(system);
    assert_int_equal(define(system, hunt_of("harbour", "gate tower")).status, STATUS_CONFLICT);
    assert_true(system_state_digest(system) == digest);
    assert_int_equal(system_state_hunt(system, 0)->newest, 1);
    assert_int_equal(define(system, hunt_of("castle", "gate")).status, STATUS_OK);
    assert_int_equal(decide(system, RECORD_CANCEL, 0, 1), STATUS_OK);
    assert_null(hunt_undecided(system_state_hunt(system, 0)));
    assert_int_equal(define(system, hunt_of("harbour", "gate tower")).version, 2);
    system_state_free(system);
}

static void only_the_undecided_version_is_decided_and_once(void **state)
{
    (void)state;
    struct system_state *system = founded();
    assert_int_equal(decide(system, RECORD_ACTIVATE, 0, 1), STATUS_INVALID);
    define_and_activate(system, hunt_of("harbour", "gate"));
    assert_int_equal(decide(system, RECORD_ACTIVATE, 0, 1), STATUS_INVALID);
    assert_int_equal(decide(system, RECORD_CANCEL, 0, 1), STATUS_INVALID);
    assert_int_equal(define(system, hunt_of("harbour", "gate")).status, STATUS_OK);
    const uint64_t digest = system_state_digest(system);
    const struct {
        uint16_t hunt;
        uint32_t version;
    } wrong[] = {{0, 0}, {0, 1}, {0, 3}, {0, UINT32_MAX}, {1, 2}, {HUNTS_MAX, 2}, {UINT16_MAX, 2}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(decide(system, RECORD_ACTIVATE, wrong[i].hunt, wrong[i].version),
                         STATUS_INVALID);
        assert_int_equal(decide(system, RECORD_CANCEL, wrong[i].hunt, wrong[i].version),
                         STATUS_INVALID);
    }
    assert_true(system_state_digest(system) == digest);
    assert_int_equal(decide(system, RECORD_CANCEL, 0, 2), STATUS_OK);
    assert_int_equal(hunt_newest_active(system_state_hunt(system, 0))->version, 1);
    system_state_free(system);
}

static void the_version_of_an_epoch_is_the_newest_active_by_then(void **state)
{
    (void)state;
    struct system_state *system = founded();
    for (int i = 0; i < 3; i++)
        define_and_activate(system, hunt_of("harbour", "gate"));
    const struct hunt *hunt = system_state_hunt(system, 0);
    assert_null(hunt_active_in(hunt, settings.first_epoch));
    for (uint32_t version = 1; version <= 3; version++)
        assert_int_equal(hunt_active_in(hunt, settings.first_epoch + version)->version, version);
    assert_int_equal(hunt_active_in(hunt, UINT64_MAX)->version, 3);
    system_state_free(system);
}

static void a_version_may_not_change_the_plane_or_what_is_limited(void **state)
{
    (void)state;
    struct system_state *system = founded();
    define_and_activate(system, hunt_of("harbour", "gate tower"));
    struct definition *geo = hunt_of("harbour", "gate tower");
    geo->plane = PLANE_GEO;
    assert_int_equal(define(system, geo).status, STATUS_INVALID);
    struct definition *limited = hunt_of("harbour", "gate tower");
    limited->treasures[1].supply = 3;
    assert_int_equal(define(system, limited).status, STATUS_INVALID);
    assert_int_equal(define(system, hunt_of("harbour", "gate tower cellar")).version, 2);
    system_state_free(system);
}

static void a_treasure_keeps_its_number_and_a_removed_one_does_not_come_back(void **state)
{
    (void)state;
    struct system_state *system = founded();
    define_and_activate(system, hunt_of("harbour", "gate tower"));
    assert_int_equal(number_of(system, 0, "tower"), 1);
    define_and_activate(system, hunt_of("harbour", "cellar tower"));
    assert_int_equal(number_of(system, 0, "tower"), 1);
    assert_int_equal(number_of(system, 0, "cellar"), 2);
    assert_int_equal(define(system, hunt_of("harbour", "gate")).status, STATUS_INVALID);
    assert_int_equal(define(system, hunt_of("harbour", "well")).status, STATUS_OK);
    assert_int_equal(number_of(system, 0, "well"), 3);
    system_state_free(system);
}

static void ids_of_a_cancelled_version_may_be_used_again(void **state)
{
    (void)state;
    struct system_state *system = founded();
    define_and_activate(system, hunt_of("harbour", "gate"));
    const struct system_change cancelled = define(system, hunt_of("harbour", "gate tower"));
    assert_int_equal(number_of(system, 0, "tower"), 1);
    assert_int_equal(decide(system, RECORD_CANCEL, 0, cancelled.version), STATUS_OK);
    /* Even as a limited one: nobody has seen it. */
    struct definition *again = hunt_of("harbour", "gate tower");
    again->treasures[1].supply = 2;
    assert_int_equal(define(system, again).status, STATUS_OK);
    assert_int_equal(number_of(system, 0, "tower"), 1);
    system_state_free(system);
}

static void the_cluster_holds_so_many_hunts(void **state)
{
    (void)state;
    struct system_state *system = founded();
    char name[16];
    for (unsigned i = 0; i < HUNTS_MAX; i++) {
        (void)snprintf(name, sizeof name, "hunt-%u", i);
        const struct system_change change = define(system, hunt_of(name, "gate"));
        assert_int_equal(change.status, STATUS_OK);
        assert_int_equal(change.hunt, i);
    }
    const uint64_t digest = system_state_digest(system);
    assert_int_equal(define(system, hunt_of("one-more", "gate")).status, STATUS_FULL);
    assert_null(system_state_find_hunt(system, "one-more"));
    assert_int_equal(system_state_hunts(system), HUNTS_MAX);
    assert_true(system_state_digest(system) == digest);
    assert_int_equal(decide(system, RECORD_CANCEL, 3, 1), STATUS_OK);
    assert_int_equal(define(system, hunt_of("hunt-3", "gate")).version, 2);
    system_state_free(system);
}

static struct definition *numbered_hunt(unsigned first)
{
    struct definition *definition = definition_new(TREASURES_MAX);
    assert_non_null(definition);
    definition->treasure_count = TREASURES_MAX;
    assert_int_equal(name_set(&definition->hunt, "harbour", 7), STATUS_OK);
    for (unsigned i = 0; i < TREASURES_MAX; i++) {
        char id[16];
        const int length = snprintf(id, sizeof id, "t%u", first + i);
        assert_int_equal(name_set(&definition->treasures[i].id, id, (size_t)length), STATUS_OK);
        definition->treasures[i].radius = 10;
    }
    return definition;
}

static void a_hunt_has_so_many_numbers(void **state)
{
    (void)state;
    struct system_state *system = founded();
    for (unsigned i = 0; i < TREASURE_NUMBERS_MAX / TREASURES_MAX; i++) {
        const struct system_change change = define(system, numbered_hunt(i * TREASURES_MAX));
        assert_int_equal(change.status, STATUS_OK);
        assert_int_equal(decide(system, RECORD_CANCEL, 0, change.version), STATUS_OK);
    }
    assert_int_equal(define(system, hunt_of("harbour", "one-more")).status, STATUS_FULL);
    assert_int_equal(define(system, numbered_hunt(TREASURES_MAX)).status, STATUS_OK);
    system_state_free(system);
}

static void the_newest_sixteen_versions_are_kept(void **state)
{
    (void)state;
    struct system_state *system = founded();
    for (int i = 0; i < HUNT_VERSIONS_KEPT + 4; i++)
        define_and_activate(system, hunt_of("harbour", "gate"));
    const struct hunt *hunt = system_state_hunt(system, 0);
    assert_int_equal(hunt->version_count, HUNT_VERSIONS_KEPT);
    assert_int_equal(hunt->newest, HUNT_VERSIONS_KEPT + 4);
    assert_null(hunt_version(hunt, 4));
    assert_non_null(hunt_version(hunt, 5));
    assert_non_null(hunt_version(hunt, 5)->definition);
    assert_int_equal(hunt_newest_active(hunt)->version, HUNT_VERSIONS_KEPT + 4);
    system_state_free(system);
}

/* A range without quorum lets every PUT be cancelled; what is being played must stay known. */
static void the_active_version_outlives_any_number_of_cancelled_ones(void **state)
{
    (void)state;
    struct system_state *system = founded();
    define_and_activate(system, hunt_of("harbour", "gate tower"));
    for (int i = 0; i < 2 * HUNT_VERSIONS_KEPT; i++) {
        const struct system_change change = define(system, hunt_of("harbour", "gate tower"));
        assert_int_equal(change.status, STATUS_OK);
        assert_int_equal(decide(system, RECORD_CANCEL, 0, change.version), STATUS_OK);
    }
    const struct hunt *hunt = system_state_hunt(system, 0);
    assert_non_null(hunt_newest_active(hunt));
    assert_int_equal(hunt_newest_active(hunt)->version, 1);
    assert_int_equal(hunt_newest_active(hunt)->definition->treasure_count, 2);
    assert_int_equal(hunt_active_in(hunt, UINT64_MAX)->version, 1);
    assert_int_equal(hunt_version(hunt, 1)->version, 1);
    struct definition *geo = hunt_of("harbour", "gate tower");
    geo->plane = PLANE_GEO;
    assert_int_equal(define(system, geo).status, STATUS_INVALID);
    system_state_free(system);
}

static void a_definition_that_does_not_decode_is_void(void **state)
{
    (void)state;
    struct system_state *system = founded();
    const uint64_t digest = system_state_digest(system);
    const uint8_t text[16] = "not a hunt";
    const struct record record = {.kind = RECORD_DEFINE, .body = text, .body_bytes = sizeof text};
    assert_int_equal(apply(system, &record).status, STATUS_INVALID);
    assert_int_equal(apply_bytes(system, text, 0).status, STATUS_INVALID);
    assert_int_equal(apply_bytes(system, text, sizeof text).status, STATUS_INVALID);
    const struct record foreign = {.kind = RECORD_CLOSE, .epoch = 1};
    assert_int_equal(apply(system, &foreign).status, STATUS_INVALID);
    assert_int_equal(system_state_hunts(system), 0);
    assert_true(system_state_digest(system) == digest);
    system_state_free(system);
}

/* ---- Codecs. */

static void settings_have_limits(void **state)
{
    (void)state;
    assert_true(settings_valid(&settings));
    struct settings at[] = {settings, settings, settings, settings, settings, settings};
    at[0].ranges = RANGES_MAX;
    at[1].epoch_ms = EPOCH_MS_MIN;
    at[2].epoch_ms = EPOCH_MS_MAX;
    at[3].replicas = REPLICAS_MAX;
    at[4].players_max = PLAYERS_MAX_LIMIT;
    at[5].ranges = 1;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
        assert_true(settings_valid(&at[i]));
    struct settings past[] = {settings, settings, settings, settings, settings,
                              settings, settings, settings, settings};
    past[0].ranges = RANGES_MAX + 1;
    past[1].ranges = 0;
    past[2].epoch_ms = EPOCH_MS_MIN - 1;
    past[3].epoch_ms = EPOCH_MS_MAX + 1;
    past[4].replicas = REPLICAS_MAX + 2;
    past[5].replicas = 2;
    past[6].players_max = 0;
    past[7].players_max = PLAYERS_MAX_LIMIT + 1;
    past[8].cluster_id = 0;
    for (size_t i = 0; i < sizeof past / sizeof past[0]; i++)
        assert_false(settings_valid(&past[i]));
}

static bool decode_found(const uint8_t *data, size_t size, uint8_t *ret_again, size_t *ret_bytes)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    struct settings decoded;
    struct member *members = calloc(NODES_MAX, sizeof *members);
    assert_non_null(members);
    uint32_t count;
    struct reader reader;
    reader_init(&reader, copy, size);
    const bool ok = found_decode(&decoded, members, &count, &reader);
    if (ok) {
        struct writer writer;
        writer_init(&writer, ret_again, FOUND_BYTES_MAX);
        found_encode(&decoded, members, count, &writer);
        assert_true(writer_ok(&writer));
        *ret_bytes = writer.used;
    }
    free(members);
    free(copy);
    return ok;
}

static void a_cut_or_longer_founding_is_none(void **state)
{
    (void)state;
    static uint8_t body[FOUND_BYTES_MAX + 1], again[FOUND_BYTES_MAX];
    const size_t bytes = encode_found(body, 3);
    size_t written = 0;
    assert_true(decode_found(body, bytes, again, &written));
    assert_int_equal(written, bytes);
    assert_memory_equal(again, body, bytes);
    for (size_t size = 0; size < bytes; size++)
        assert_false(decode_found(body, size, again, &written));
    body[bytes] = 0;
    assert_false(decode_found(body, bytes + 1, again, &written));
}

static void a_changed_founding_is_canonical_or_none(void **state)
{
    (void)state;
    static uint8_t body[FOUND_BYTES_MAX], again[FOUND_BYTES_MAX];
    struct rng rng;
    rng_init(&rng, 5);
    uint32_t decoded = 0;
    for (int round = 0; round < 20000; round++) {
        const size_t bytes = encode_found(body, 2);
        body[rng_below(&rng, bytes)] ^= (uint8_t)rng_between(&rng, 1, 255);
        size_t written = 0;
        if (!decode_found(body, bytes, again, &written))
            continue;
        decoded++;
        assert_int_equal(written, bytes);
        assert_memory_equal(again, body, bytes);
    }
    assert_true(decoded > 1000);
}

static void the_longest_member_fits_and_a_cut_one_is_none(void **state)
{
    (void)state;
    struct member member = member_of(7, 1);
    memset(member.name.text, 'n', NAME_LENGTH_MAX);
    memset(member.http, 'h', ADDRESS_LENGTH_MAX);
    memset(member.peer, 'p', ADDRESS_LENGTH_MAX);
    member.http[ADDRESS_LENGTH_MAX] = '\0';
    member.peer[ADDRESS_LENGTH_MAX] = '\0';
    uint8_t body[MEMBER_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    member_encode(&member, &writer);
    assert_true(writer_ok(&writer));
    assert_int_equal(writer.used, MEMBER_BYTES_MAX);

    struct member read;
    struct reader reader;
    for (size_t size = 0; size < sizeof body; size++) {
        reader_init(&reader, body, size);
        assert_false(member_decode(&read, &reader));
    }
    reader_init(&reader, body, sizeof body);
    assert_true(member_decode(&read, &reader));
    assert_true(reader_done(&reader));
    assert_string_equal(read.peer, member.peer);
    body[20] = 0; /* inside the name */
    reader_init(&reader, body, sizeof body);
    assert_false(member_decode(&read, &reader));
}

static void a_member_needs_an_id_and_a_name(void **state)
{
    (void)state;
    struct member member = member_of(7, 1);
    uint8_t body[MEMBER_BYTES_MAX];
    struct member read;
    for (int wrong = 0; wrong < 2; wrong++) {
        member.id = wrong == 0 ? 0 : 7;
        member.name.text[0] = wrong == 1 ? '\0' : 'n';
        struct writer writer;
        writer_init(&writer, body, sizeof body);
        member_encode(&member, &writer);
        struct reader reader;
        reader_init(&reader, body, writer.used);
        assert_false(member_decode(&read, &reader));
    }
}

static void two_replicas_of_one_log_have_the_same_digest(void **state)
{
    (void)state;
    struct system_state *systems[2] = {founded(), founded()};
    struct rng rng;
    rng_init(&rng, 9);
    for (int round = 0; round < 600; round++) {
        char name[8];
        (void)snprintf(name, sizeof name, "h%u", (unsigned)rng_below(&rng, 4));
        const uint64_t dice = rng_below(&rng, 10);
        const uint16_t hunt = (uint16_t)rng_below(&rng, 5);
        const struct hunt *known = system_state_hunt(systems[0], hunt);
        const uint32_t version = known != NULL ? known->newest : 1;
        for (int i = 0; i < 2; i++) {
            if (dice < 5)
                (void)define(systems[i], hunt_of(name, dice < 3 ? "a b" : "b c"));
            else
                (void)decide(systems[i], dice < 8 ? RECORD_ACTIVATE : RECORD_CANCEL, hunt, version);
        }
        assert_true(system_state_digest(systems[0]) == system_state_digest(systems[1]));
    }
    system_state_free(systems[0]);
    system_state_free(systems[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_founding_nothing_is_known),
        cmocka_unit_test(a_cluster_is_founded_once),
        cmocka_unit_test(a_member_tells_where_it_is_now),
        cmocka_unit_test(an_older_start_of_a_member_does_not_count),
        cmocka_unit_test(a_member_with_more_behind_it_is_void),
        cmocka_unit_test(versions_are_numbered_from_one_in_each_hunt),
        cmocka_unit_test(while_a_version_is_undecided_another_is_a_conflict),
        cmocka_unit_test(only_the_undecided_version_is_decided_and_once),
        cmocka_unit_test(the_version_of_an_epoch_is_the_newest_active_by_then),
        cmocka_unit_test(a_version_may_not_change_the_plane_or_what_is_limited),
        cmocka_unit_test(a_treasure_keeps_its_number_and_a_removed_one_does_not_come_back),
        cmocka_unit_test(ids_of_a_cancelled_version_may_be_used_again),
        cmocka_unit_test(the_cluster_holds_so_many_hunts),
        cmocka_unit_test(a_hunt_has_so_many_numbers),
        cmocka_unit_test(the_newest_sixteen_versions_are_kept),
        cmocka_unit_test(the_active_version_outlives_any_number_of_cancelled_ones),
        cmocka_unit_test(a_definition_that_does_not_decode_is_void),
        cmocka_unit_test(settings_have_limits),
        cmocka_unit_test(a_cut_or_longer_founding_is_none),
        cmocka_unit_test(a_changed_founding_is_canonical_or_none),
        cmocka_unit_test(the_longest_member_fits_and_a_cut_one_is_none),
        cmocka_unit_test(a_member_needs_an_id_and_a_name),
        cmocka_unit_test(two_replicas_of_one_log_have_the_same_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
