/* tests/unit/test_routes_formats.c -- POST /hunt in each type and coding: all say the same. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/routes_stage.h"
#include "tests/unit/routes_talk.h"

#include "node/json_actions.h"
#include "proto/actions.h"
#include "proto/frame_lz4.h"

#define HARBOUR                                                                                    \
    "hunt: harbour\n"                                                                              \
    "plane: flat\n"                                                                                \
    "reactions: [\"x\"]\n"                                                                         \
    "treasures:\n"                                                                                 \
    "  - { id: gate, at: { x: 0, y: 0 }, radius: 50, points: 10, shown: true }\n"                  \
    "  - { id: chest, at: { x: 500, y: 0 }, radius: 50, points: 30, supply: 1 }\n"

#define JSON     "application/json"
#define PROTOBUF "application/x-protobuf"
#define CODED    "Content-Encoding: lz4\r\n"
#define ACCEPTED "Accept-Encoding: gzip, lz4\r\n"

static struct arena arena;
static char frame[REPLY_BYTES];

static int open_harbour(void **state)
{
    return open_harbour_as(state, HARBOUR);
}

static int close_harbour(void **state)
{
    arena_fini(&arena);
    return close_stage(state);
}

static void send_body(struct stage *stage, const char *type, const char *headers,
                      struct actions_bytes body)
{
    if (headers != NULL && strstr(headers, CODED) != NULL) {
        body.bytes = frame_lz4_encode(frame, sizeof frame, body.data, body.bytes);
        body.data = frame;
    }
    const struct asking asking = {.method = "POST",
                                  .path = "/hunt",
                                  .type = type,
                                  .headers = headers,
                                  .body = body.data,
                                  .body_bytes = body.bytes};
    stage_call(stage, &asking, &reply);
}

/* The last answer without its coding. */
static struct actions_bytes answer_body(bool coded)
{
    static char plain[REPLY_BYTES];
    size_t bytes = 0;
    assert_true((strstr(reply.head, "Content-Encoding: lz4") != NULL) == coded);
    if (!coded)
        return (struct actions_bytes){reply.body, reply.body_bytes};
    assert_int_equal(frame_lz4_decode(plain, sizeof plain, reply.body, reply.body_bytes, &bytes),
                     STATUS_OK);
    return (struct actions_bytes){plain, bytes};
}

/* The last answer as JSON would have it. */
static json_t *answer_as_json(bool protobuf, bool coded)
{
    struct json_text text = {0};
    struct actions_results results;
    struct actions_bytes body = answer_body(coded);
    assert_status(200);
    assert_non_null(strstr(reply.head, protobuf ? PROTOBUF : JSON));
    if (protobuf) {
        assert_int_equal(actions_reply_read(&results, &arena, body), STATUS_OK);
        json_results_write(&text, results.list, (uint32_t)results.count);
        body = (struct actions_bytes){text.data, text.used};
    }
    json_t *root = json_loadb(body.data, body.bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    json_text_fini(&text);
    return root;
}

static const char json_request[] =
    "{\"hunt\":\"harbour\",\"claims\":["
    "{\"player\":\"" PLAYER "\",\"seq\":1,\"x\":0,\"y\":0,\"time_ms\":5},"
    "{\"player\":\"" PLAYER "\",\"seq\":2,\"x\":510,\"y\":-3,\"time_ms\":6},"
    "{\"player\":\"" PLAYER "\",\"seq\":3,\"x\":-9000,\"y\":1,\"time_ms\":7}],"
    "\"reactions\":[{\"player\":\"" PLAYER "\",\"seq\":4,\"to\":\"" OTHER
    "\",\"emoji\":\"x\",\"time_ms\":8}]}";

static struct actions_bytes protobuf_request(const char *hunt)
{
    static struct action list[4] = {
        {.kind = ACTION_CLAIM, .seq = 1, .x = 0, .y = 0, .time_ms = 5},
        {.kind = ACTION_CLAIM, .seq = 2, .x = 510, .y = -3, .time_ms = 6},
        {.kind = ACTION_CLAIM, .seq = 3, .x = -9000, .y = 1, .time_ms = 7},
        {.kind = ACTION_REACTION, .seq = 4, .emoji = {1, "x"}, .time_ms = 8}};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(player_id_parse(&list[i].player, PLAYER, PLAYER_TEXT_LENGTH), STATUS_OK);
    assert_int_equal(player_id_parse(&list[3].to, OTHER, PLAYER_TEXT_LENGTH), STATUS_OK);
    return actions_request_write(&arena, hunt, &(struct request_actions){list, 4});
}

static struct actions_bytes request_in(bool protobuf)
{
    if (protobuf)
        return protobuf_request("harbour");
    return (struct actions_bytes){json_request, sizeof json_request - 1};
}

static void all_types_and_codings_say_the_same(void **state)
{
    static const char *const headers[] = {NULL, CODED, ACCEPTED, CODED ACCEPTED};
    struct stage *stage = *state;
    /* The first request is judged, and all others are replays of it. */
    send_body(stage, PROTOBUF, CODED ACCEPTED, request_in(true));
    json_t *first = answer_as_json(true, true);
    const json_t *results = json_object_get(first, "results");
    assert_int_equal(json_array_size(results), 4);
    static const char *const outcomes[] = {"found", "pending", "nothing", "reacted"};
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(text_of(json_array_get(results, i), "outcome"), outcomes[i]);
    assert_string_equal(text_of(json_array_get(results, 1), "treasure"), "chest");
    json_decref(first);
    post(stage, "/hunt", json_request);
    json_t *expected = answer_as_json(false, false);
    for (size_t i = 0; i < 8; i++) {
        const bool protobuf = i >= 4;
        send_body(stage, protobuf ? PROTOBUF : JSON, headers[i % 4], request_in(protobuf));
        json_t *root = answer_as_json(protobuf, i % 4 >= 2);
        assert_true(json_equal(root, expected));
        json_decref(root);
    }
    json_decref(expected);
}

static void the_path_may_name_the_hunt_of_a_protobuf_request(void **state)
{
    const struct actions_bytes body = protobuf_request("");
    struct asking asking = {.method = "POST",
                            .path = "/v1/hunts/harbour/claims",
                            .type = PROTOBUF,
                            .body = body.data,
                            .body_bytes = body.bytes};
    stage_call(*state, &asking, &reply);
    json_t *root = answer_as_json(true, false);
    assert_int_equal(json_array_size(json_object_get(root, "results")), 4);
    json_decref(root);
    const struct actions_bytes named = protobuf_request("harbour");
    asking.body = named.data;
    asking.body_bytes = named.bytes;
    stage_call(*state, &asking, &reply);
    assert_problem(400, "unknown_field", "hunt");
}

static void faults_are_told_in_json_whatever_the_format(void **state)
{
    struct stage *stage = *state;
    send_body(stage, PROTOBUF, ACCEPTED, (struct actions_bytes){"\x12\x00\x0a\x07harbour", 11});
    assert_problem(400, "missing_field", "claims[0].player");
    send_body(stage, PROTOBUF, NULL, (struct actions_bytes){"\xff", 1});
    assert_problem(400, "malformed", "");
    send_body(stage, PROTOBUF, NULL, protobuf_request("other"));
    assert_problem(404, "unknown_hunt", "hunt");
    send_body(stage, JSON, CODED ACCEPTED, (struct actions_bytes){"{\"hunt\":\"harbour\"}", 18});
    assert_problem(422, "no_actions", "");
}

static void what_is_no_lz4_frame_is_malformed(void **state)
{
    struct asking asking = {.method = "POST",
                            .path = "/hunt",
                            .type = PROTOBUF,
                            .headers = CODED,
                            .body = json_request};
    stage_call(*state, &asking, &reply);
    assert_problem(400, "malformed", "");
    asking.body = NULL;
    asking.headers = CODED "Content-Length: 0\r\n";
    stage_call(*state, &asking, &reply);
    assert_problem(400, "malformed", "");
}

static void a_body_is_as_small_without_its_coding(void **state)
{
    static char spaces[(1 << 20) + 1];
    struct stage *stage = *state;
    memset(spaces, ' ', sizeof spaces);
    memcpy(spaces, json_request, sizeof json_request - 1);
    char *coded = malloc(frame_lz4_bytes_max(sizeof spaces));
    assert_non_null(coded);
    for (size_t over = 0; over < 2; over++) {
        const size_t bytes = frame_lz4_encode(coded, frame_lz4_bytes_max(sizeof spaces), spaces,
                                              sizeof spaces - 1 + over);
        const struct asking asking = {.method = "POST",
                                      .path = "/hunt",
                                      .type = JSON,
                                      .headers = CODED,
                                      .body = coded,
                                      .body_bytes = bytes};
        stage_call(stage, &asking, &reply);
        if (over == 0)
            assert_status(200);
        else
            assert_problem(413, "body_too_large", "");
    }
    free(coded);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_harbour, close_harbour)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_types_and_codings_say_the_same),
        TEST(the_path_may_name_the_hunt_of_a_protobuf_request),
        TEST(faults_are_told_in_json_whatever_the_format),
        TEST(what_is_no_lz4_frame_is_malformed),
        TEST(a_body_is_as_small_without_its_coding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
