/* tests/unit/test_actions.c -- Actions in protobuf: what is taken, what is refused and why, and the
 * bytes of answers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/rng.h"
#include "proto/actions.h"
#include "proto/cairn.pb-c.h"

#define HUNT 3
#define ROOM 65536

static struct arena arena;

/* A body under construction. */
struct body {
    uint8_t data[ROOM];
    size_t used;
};

static void put(struct body *body, const void *data, size_t bytes)
{
    assert_true(body->used + bytes <= ROOM);
    memcpy(body->data + body->used, data, bytes);
    body->used += bytes;
}

static void put_number(struct body *body, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put(body, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
    put(body, &(uint8_t){(uint8_t)value}, 1);
}

static void put_whole(struct body *body, uint32_t tag, uint64_t value)
{
    put_number(body, (uint64_t)tag << 3);
    put_number(body, value);
}

static void put_block(struct body *body, uint32_t tag, const void *data, size_t bytes)
{
    put_number(body, (uint64_t)tag << 3 | 2);
    put_number(body, bytes);
    put(body, data, bytes);
}

static const uint8_t player[16] = "0123456789abcde";

enum { HUNT_NAME = 1, CLAIMS = 2, REACTIONS = 3 };
enum { PLAYER = 1, SEQ = 2, X = 3, Y = 4, TIME = 5, TO = 3, EMOJI = 4 };

/* A good action, but for the fields of tags from `drop` (0: none), to which a test adds. */
static void put_claim(struct body *body, uint32_t drop)
{
    if (drop != PLAYER)
        put_block(body, PLAYER, player, sizeof player);
    if (drop != SEQ)
        put_whole(body, SEQ, 7);
    if (drop != X)
        put_whole(body, X, 2400); /* 1200 */
    if (drop != Y)
        put_whole(body, Y, 679); /* -340 */
    if (drop != TIME)
        put_whole(body, TIME, 1790000000000);
}

static void put_reaction(struct body *body, uint32_t drop)
{
    if (drop != PLAYER)
        put_block(body, PLAYER, player, sizeof player);
    if (drop != SEQ)
        put_whole(body, SEQ, 8);
    if (drop != TO)
        put_block(body, TO, "fedcba9876543210", 16);
    if (drop != EMOJI)
        put_block(body, EMOJI, "\xf0\x9f\x94\xa5", 4);
}

static enum status read_bytes(const void *data, size_t bytes, enum plane plane,
                              struct request_actions *actions, struct request_fault *fault)
{
    struct actions_request request;
    /* A copy of exactly that size, so that a sanitizer sees each byte read beyond it. */
    uint8_t *copy = malloc(bytes + (bytes == 0));
    assert_non_null(copy);
    memcpy(copy, data, bytes);
    enum status status =
        actions_request_read(&request, &arena, (struct actions_bytes){copy, bytes}, true, fault);
    if (status == STATUS_OK)
        status = actions_read(actions, &request, HUNT, plane, fault);
    free(copy);
    arena_reset(&arena, ROOM);
    return status;
}

static void assert_refused_on(enum plane plane, const struct body *body, int status,
                              const char *code, const char *field)
{
    struct request_actions actions = {0};
    struct request_fault fault = {0};
    assert_int_equal(read_bytes(body->data, body->used, plane, &actions, &fault), STATUS_INVALID);
    assert_null(actions.list);
    assert_string_equal(fault.field, field);
    assert_string_equal(fault.code, code);
    assert_int_equal(fault.status, status);
    assert_true(fault.detail[0] != '\0');
}

static void assert_refused(const struct body *body, int status, const char *code, const char *field)
{
    assert_refused_on(PLANE_FLAT, body, status, code, field);
}

static void assert_taken_on(enum plane plane, const struct body *body, struct action *ret_first)
{
    struct request_actions actions = {0};
    struct request_fault fault = {0};
    const enum status status = read_bytes(body->data, body->used, plane, &actions, &fault);
    *ret_first = (struct action){0};
    if (status != STATUS_OK || actions.list == NULL) {
        fail_msg("%s: %s", fault.field, fault.detail);
        return;
    }
    assert_true(actions.count > 0);
    *ret_first = actions.list[0];
    free(actions.list);
}

/* A request with the one action. */
static struct body request_of(uint32_t list, const struct body *action)
{
    struct body body = {0};
    put_block(&body, HUNT_NAME, "harbour", 7);
    put_block(&body, list, action->data, action->used);
    return body;
}

static struct body with_number(uint32_t list, uint32_t tag, uint64_t value)
{
    struct body action = {0};
    if (list == CLAIMS)
        put_claim(&action, tag);
    else
        put_reaction(&action, tag);
    put_whole(&action, tag, value);
    return request_of(list, &action);
}

static struct body with_bytes(uint32_t list, uint32_t tag, const void *data, size_t bytes)
{
    struct body action = {0};
    if (list == CLAIMS)
        put_claim(&action, tag);
    else
        put_reaction(&action, tag);
    put_block(&action, tag, data, bytes);
    return request_of(list, &action);
}

static void a_request_is_read_claims_first(void **state)
{
    (void)state;
    struct body claim = {0};
    struct body reaction = {0};
    struct body body = {0};
    struct request_actions actions = {0};
    struct request_fault fault;
    put_claim(&claim, 0);
    put_reaction(&reaction, 0);
    put_block(&body, REACTIONS, reaction.data, reaction.used);
    put_block(&body, CLAIMS, claim.data, claim.used);
    put_block(&body, HUNT_NAME, "harbour", 7);
    if (read_bytes(body.data, body.used, PLANE_FLAT, &actions, &fault) != STATUS_OK) {
        fail_msg("%s: %s", fault.field, fault.detail);
        return;
    }
    assert_int_equal(actions.count, 2);
    const struct action *first = &actions.list[0];
    assert_int_equal(first->kind, ACTION_CLAIM);
    assert_int_equal(first->hunt, HUNT);
    assert_memory_equal(first->player.bytes, player, sizeof player);
    assert_int_equal(first->seq, 7);
    assert_int_equal(first->x, 1200);
    assert_int_equal(first->y, -340);
    assert_int_equal(first->time_ms, 1790000000000);
    const struct action *second = &actions.list[1];
    assert_int_equal(second->kind, ACTION_REACTION);
    assert_int_equal(second->seq, 8);
    assert_memory_equal(second->to.bytes, "fedcba9876543210", 16);
    assert_int_equal(second->emoji.length, 4);
    assert_string_equal(second->emoji.text, "\xf0\x9f\x94\xa5");
    free(actions.list);
}

static void numbers_are_taken_at_their_limits_and_refused_beyond(void **state)
{
    (void)state;
    struct action action;
    struct body body = with_number(CLAIMS, SEQ, UINT32_MAX);
    assert_taken_on(PLANE_FLAT, &body, &action);
    assert_int_equal(action.seq, UINT32_MAX);
    body = with_number(CLAIMS, SEQ, 0);
    assert_refused(&body, 422, "out_of_range", "claims[0].seq");
    body = with_number(CLAIMS, SEQ, UINT64_C(1) << 32);
    assert_refused(&body, 422, "out_of_range", "claims[0].seq");
    body = with_number(REACTIONS, SEQ, UINT64_MAX);
    assert_refused(&body, 422, "out_of_range", "reactions[0].seq");
    body = with_number(CLAIMS, X, UINT32_MAX - 1); /* 2^31 - 1 */
    assert_taken_on(PLANE_FLAT, &body, &action);
    assert_int_equal(action.x, INT32_MAX);
    body = with_number(CLAIMS, X, UINT32_MAX); /* -2^31 */
    assert_refused(&body, 422, "out_of_range", "claims[0].x");
    body = with_number(CLAIMS, Y, UINT64_C(1) << 32); /* would be cut to 0 */
    assert_refused(&body, 422, "out_of_range", "claims[0].y");
}

static void places_on_geo_hunts_are_degrees(void **state)
{
    (void)state;
    struct action action;
    struct body body = with_number(CLAIMS, Y, 1800000000); /* 90 degrees */
    assert_taken_on(PLANE_GEO, &body, &action);
    assert_int_equal(action.y, 900000000);
    body = with_number(CLAIMS, Y, 1800000002);
    assert_refused_on(PLANE_GEO, &body, 422, "out_of_range", "claims[0].y");
    body = with_number(CLAIMS, X, 3599999999); /* -180 degrees */
    assert_taken_on(PLANE_GEO, &body, &action);
    assert_int_equal(action.x, -1800000000);
    body = with_number(CLAIMS, X, 3600000001);
    assert_refused_on(PLANE_GEO, &body, 422, "out_of_range", "claims[0].x");
}

static void players_have_sixteen_bytes(void **state)
{
    (void)state;
    struct body body = with_bytes(CLAIMS, PLAYER, player, 15);
    assert_refused(&body, 400, "wrong_type", "claims[0].player");
    body = with_bytes(CLAIMS, PLAYER, "0123456789abcdefg", 17);
    assert_refused(&body, 400, "wrong_type", "claims[0].player");
    body = with_bytes(CLAIMS, PLAYER, "", 0);
    assert_refused(&body, 400, "missing_field", "claims[0].player");
    body = with_bytes(REACTIONS, TO, player, 1);
    assert_refused(&body, 400, "wrong_type", "reactions[0].to");
}

static void texts_are_whole_utf8(void **state)
{
    (void)state;
    struct action action;
    struct body body =
        with_bytes(REACTIONS, EMOJI, "0123456789abcdef0123456789abcdef", EMOJI_BYTES_MAX);
    assert_taken_on(PLANE_FLAT, &body, &action);
    assert_int_equal(action.emoji.length, EMOJI_BYTES_MAX);
    body = with_bytes(REACTIONS, EMOJI, "0123456789abcdef0123456789abcdefg", EMOJI_BYTES_MAX + 1);
    assert_refused(&body, 422, "out_of_range", "reactions[0].emoji");
    body = with_bytes(REACTIONS, EMOJI, "", 0);
    assert_refused(&body, 422, "out_of_range", "reactions[0].emoji");
    body = with_bytes(REACTIONS, EMOJI, "\xf0\x9f\x94", 3);
    assert_refused(&body, 400, "malformed", "reactions[0].emoji");
    body = with_bytes(REACTIONS, EMOJI, "a\0b", 3);
    assert_refused(&body, 400, "malformed", "reactions[0].emoji");
}

static void a_hunt_is_named_once_and_well(void **state)
{
    (void)state;
    struct body claim = {0};
    struct body body = {0};
    put_claim(&claim, 0);
    put_block(&body, CLAIMS, claim.data, claim.used);
    assert_refused(&body, 400, "missing_field", "hunt");
    struct body other = body;
    put_block(&other, HUNT_NAME, "Harbour", 7);
    assert_refused(&other, 422, "out_of_range", "hunt");
    other = body;
    put_block(&other, HUNT_NAME, "", 0);
    assert_refused(&other, 400, "missing_field", "hunt");
    put_block(&body, HUNT_NAME, "harbour", 7);
    put_block(&body, HUNT_NAME, "harbour", 7);
    assert_refused(&body, 400, "malformed", "hunt");
}

static void a_hunt_in_the_path_is_not_in_the_body(void **state)
{
    (void)state;
    struct body claim = {0};
    struct actions_request request;
    struct request_fault fault = {0};
    put_claim(&claim, 0);
    const struct body body = request_of(CLAIMS, &claim);
    assert_int_equal(actions_request_read(&request, &arena,
                                          (struct actions_bytes){body.data, body.used}, false,
                                          &fault),
                     STATUS_INVALID);
    assert_string_equal(fault.code, "unknown_field");
    assert_string_equal(fault.field, "hunt");
}

static void unknown_and_double_fields_are_named(void **state)
{
    (void)state;
    struct body claim = {0};
    struct body body;
    put_claim(&claim, 0);
    body = request_of(CLAIMS, &claim);
    put_whole(&body, 4, 1);
    assert_refused(&body, 400, "unknown_field", "4");
    struct body other = claim;
    put_block(&other, 6, "x", 1);
    body = request_of(CLAIMS, &other);
    assert_refused(&body, 400, "unknown_field", "claims[0].6");
    put_whole(&claim, SEQ, 9);
    body = request_of(CLAIMS, &claim);
    assert_refused(&body, 400, "malformed", "claims[0].seq");
}

static void other_wire_types_are_refused(void **state)
{
    (void)state;
    struct body body = with_bytes(CLAIMS, SEQ, "7", 1);
    assert_refused(&body, 400, "wrong_type", "claims[0].seq");
    body = with_number(CLAIMS, PLAYER, 7);
    assert_refused(&body, 400, "wrong_type", "claims[0].player");
    body = (struct body){0};
    put_whole(&body, CLAIMS, 7);
    assert_refused(&body, 400, "wrong_type", "claims");
    body = (struct body){0};
    put(&body, "\x0b\x0c", 2); /* a group */
    assert_refused(&body, 400, "malformed", "");
}

static struct body many_claims(unsigned count, unsigned players)
{
    struct body body = {0};
    put_block(&body, HUNT_NAME, "harbour", 7);
    for (unsigned i = 0; i < count; i++) {
        struct body claim = {0};
        const uint8_t id[16] = {(uint8_t)(i % players), (uint8_t)(i % players >> 8)};
        put_block(&claim, PLAYER, id, sizeof id);
        put_whole(&claim, SEQ, i + 1);
        put_block(&body, CLAIMS, claim.data, claim.used);
    }
    return body;
}

static void actions_are_counted(void **state)
{
    (void)state;
    struct action action;
    struct body body = many_claims(1000, 63);
    assert_taken_on(PLANE_FLAT, &body, &action);
    body = many_claims(1001, 100);
    assert_refused(&body, 422, "too_many_actions", "claims");
    body = many_claims(32, 2);
    assert_taken_on(PLANE_FLAT, &body, &action);
    body = many_claims(33, 2);
    assert_refused(&body, 422, "too_many_actions", "claims[32].player");
    body = (struct body){0};
    put_block(&body, HUNT_NAME, "harbour", 7);
    assert_refused(&body, 422, "no_actions", "");
    /* Empty messages, of which a body holds half a million, take no memory either. */
    body = (struct body){0};
    while (body.used < ROOM)
        put(&body, "\x12\x00", 2);
    assert_refused(&body, 422, "too_many_actions", "claims");
    assert_int_equal(arena.used, 0);
}

/* Reads whatever that is, and frees it. */
static void read_anything(const void *data, size_t bytes)
{
    struct request_actions actions = {0};
    struct request_fault fault = {0};
    const enum status status = read_bytes(data, bytes, PLANE_FLAT, &actions, &fault);
    if (status == STATUS_OK) {
        assert_in_range(actions.count, 1, 2);
        assert_in_range(actions.list[0].seq, 1, UINT32_MAX);
    } else {
        assert_true(fault.status == 400 || fault.status == 422);
    }
    free(actions.list);
}

static struct body both(void)
{
    struct body claim = {0};
    struct body reaction = {0};
    put_claim(&claim, 0);
    put_reaction(&reaction, 0);
    struct body body = request_of(CLAIMS, &claim);
    put_block(&body, REACTIONS, reaction.data, reaction.used);
    return body;
}

static void a_body_cut_short_is_refused_or_whole_without_its_end(void **state)
{
    (void)state;
    const struct body body = both();
    for (size_t cut = 0; cut < body.used; cut++)
        read_anything(body.data, cut);
    struct body claim = {0};
    put_claim(&claim, 0);
    struct body request = request_of(CLAIMS, &claim);
    request.used--;
    assert_refused(&request, 400, "malformed", "");
}

static void no_damage_does_harm(void **state)
{
    (void)state;
    const struct body good = both();
    struct rng rng;
    rng_init(&rng, 4);
    for (size_t at = 0; at < good.used; at++) {
        for (unsigned value = 0; value < 256; value++) {
            struct body body = good;
            body.data[at] = (uint8_t)value;
            read_anything(body.data, body.used);
        }
    }
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t garbage[64];
        for (size_t at = 0; at < sizeof garbage; at++)
            garbage[at] = (uint8_t)rng_next(&rng);
        read_anything(garbage, sizeof garbage);
    }
}

static void what_a_client_writes_is_read(void **state)
{
    (void)state;
    struct action list[2] = {{.kind = ACTION_CLAIM, .seq = 5, .x = -7, .y = 9, .time_ms = -1},
                             {.kind = ACTION_REACTION, .seq = 6, .emoji = {2, "\xc3\xa9"}}};
    const struct request_actions actions = {list, 2};
    const struct actions_bytes bytes = actions_request_write(&arena, "harbour", &actions);
    struct body body = {0};
    put(&body, bytes.data, bytes.bytes);
    struct request_actions read = {0};
    struct request_fault fault;
    if (read_bytes(body.data, body.used, PLANE_FLAT, &read, &fault) != STATUS_OK) {
        fail_msg("%s: %s", fault.field, fault.detail);
        return;
    }
    assert_int_equal(read.count, 2);
    assert_int_equal(read.list[0].x, -7);
    assert_int_equal(read.list[0].y, 9);
    assert_int_equal(read.list[0].time_ms, -1);
    assert_string_equal(read.list[1].emoji.text, "\xc3\xa9");
    free(read.list);
}

static const struct result pending = {
    .player = {{0xaa, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
    .seq = 7,
    .outcome = OUTCOME_PENDING,
    .points = 100,
    .score = 300,
    .epoch = 179,
    .hlc = UINT64_C(0x0102030405060708),
    .range = 5,
    .log_index = 991,
    .definition_version = 1,
    .treasure_id = "anchor",
};

static void an_answer_has_these_bytes(void **state)
{
    (void)state;
    static const uint8_t golden[] =
        "\x0a\x36\x0a\x10\xaa\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
        "\x10\x07\x18\x02\x22\x06"
        "anchor"
        "\x28\x64\x30\xac\x02\x40\xb3\x01\x49\x08\x07\x06\x05\x04\x03\x02\x01\x50\x05\x58\xdf\x07"
        "\x60\x01";
    const struct actions_bytes bytes = actions_reply_write(&arena, &pending, 1);
    assert_int_equal(bytes.bytes, sizeof golden - 1);
    assert_memory_equal(bytes.data, golden, sizeof golden - 1);
    arena_reset(&arena, ROOM);
}

static void what_does_not_apply_is_absent_and_the_rest_reads_back(void **state)
{
    (void)state;
    struct result results[3] = {pending, pending, pending};
    results[1].outcome = OUTCOME_NOTHING;
    results[1].final = true;
    results[1].replayed = true;
    results[2].outcome = OUTCOME_FULL;
    const struct actions_bytes bytes = actions_reply_write(&arena, results, 3);
    struct actions_results read;
    assert_int_equal(actions_reply_read(&read, &arena, bytes), STATUS_OK);
    assert_int_equal(read.count, 3);
    assert_string_equal(read.list[0].treasure_id, "anchor");
    assert_false(read.list[0].final);
    assert_int_equal(read.list[0].hlc, pending.hlc);
    assert_null(read.list[1].treasure_id);
    assert_true(read.list[1].final);
    assert_true(read.list[1].replayed);
    assert_int_equal(read.list[1].score, 300);
    assert_int_equal(read.list[1].log_index, 991);
    assert_int_equal(read.list[2].outcome, OUTCOME_FULL);
    assert_int_equal(read.list[2].score, 0);
    assert_int_equal(read.list[2].hlc, 0);
    arena_reset(&arena, ROOM);
}

static void outcomes_have_the_numbers_of_the_schema(void **state)
{
    (void)state;
    const ProtobufCEnumDescriptor *outcomes = &cairn__v1__outcome__descriptor;
    assert_int_equal(outcomes->n_values, OUTCOME_COUNT);
    for (int i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++) {
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(outcomes, i);
        assert_non_null(value);
        char word[32] = {0};
        for (size_t at = 0; value->name[at] != '\0' && at < sizeof word - 1; at++)
            word[at] = value->name[at] == '_' ? '_' : (char)(value->name[at] + ('a' - 'A'));
        assert_string_equal(word, outcome_name((enum outcome)i));
    }
}

static int close_arena(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_claims_first),
        cmocka_unit_test(numbers_are_taken_at_their_limits_and_refused_beyond),
        cmocka_unit_test(places_on_geo_hunts_are_degrees),
        cmocka_unit_test(players_have_sixteen_bytes),
        cmocka_unit_test(texts_are_whole_utf8),
        cmocka_unit_test(a_hunt_is_named_once_and_well),
        cmocka_unit_test(a_hunt_in_the_path_is_not_in_the_body),
        cmocka_unit_test(unknown_and_double_fields_are_named),
        cmocka_unit_test(other_wire_types_are_refused),
        cmocka_unit_test(actions_are_counted),
        cmocka_unit_test(a_body_cut_short_is_refused_or_whole_without_its_end),
        cmocka_unit_test(no_damage_does_harm),
        cmocka_unit_test(what_a_client_writes_is_read),
        cmocka_unit_test(an_answer_has_these_bytes),
        cmocka_unit_test(what_does_not_apply_is_absent_and_the_rest_reads_back),
        cmocka_unit_test(outcomes_have_the_numbers_of_the_schema),
    };
    return cmocka_run_group_tests(tests, NULL, close_arena);
}
