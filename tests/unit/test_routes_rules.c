/* tests/unit/test_routes_rules.c -- Sentences of the contract about whole answers: what is refused
 * as a whole, how long things are kept, how long lists are, and what becomes of a hunt that is put.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/routes_stage.h"
#include "tests/unit/routes_talk.h"

#include "cluster/values/effects.h"

#define HUNT                                                                                       \
    "hunt: quay\n"                                                                                 \
    "plane: flat\n"                                                                                \
    "treasures:\n"                                                                                 \
    "  - { id: gate, at: { x: 0, y: 0 }, radius: 50, points: 10 }\n"                               \
    "  - { id: chest, at: { x: 1000, y: 0 }, radius: 50, points: 100, supply: 100 }\n"

#define CLAIMS "/v1/hunts/quay/claims"
#define BOARD  "/v1/hunts/quay/leaderboard"
#define AWARDS "/v1/hunts/quay/awards"

static void play(struct stage *stage)
{
    put_hunt(stage, "/v1/hunts/quay", HUNT);
    assert_status(200);
    pass_epochs(stage, 3);
}

/* Players 1 to `count` claim what lies at x. */
static void all_claim(struct stage *stage, unsigned count, unsigned seq, int x)
{
    static char text[1 << 16];
    (void)snprintf(text, sizeof text, "{\"claims\":[");
    for (unsigned i = 1; i <= count; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                       "%s{\"player\":\"%08x-0000-4000-8000-000000000000\",\"seq\":%u,\"x\":%d,"
                       "\"y\":0,\"time_ms\":0}",
                       i > 1 ? "," : "", i, seq, x);
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "]}");
    post(stage, CLAIMS, text);
    assert_status(200);
}

static json_t *ask(struct stage *stage, const char *path)
{
    get(stage, path);
    return parsed();
}

static size_t length_of(const json_t *root, const char *key)
{
    const json_t *list = json_object_get(root, key);
    assert_true(json_is_array(list));
    return json_array_size(list);
}

static uint64_t quoted(const json_t *root, const char *key)
{
    return strtoull(text_of(root, key), NULL, 10);
}

/* --- Actions ---------------------------------------------------------------------------------- */

static void a_malformed_member_refuses_all_of_the_request(void **state)
{
    struct stage *stage = *state;
    play(stage);
    post(stage, CLAIMS,
         "{\"claims\":[{\"player\":\"" PLAYER "\",\"seq\":1,\"x\":0,\"y\":0,\"time_ms\":0},"
         "{\"player\":\"" OTHER "\",\"seq\":1,\"x\":0,\"y\":0}]}");
    assert_problem(400, "missing_field", "claims[1].time_ms");
    get(stage, "/v1/hunts/quay/players/" PLAYER);
    assert_non_null(strstr(reply.body, "\"score\":\"0\""));
    assert_non_null(strstr(reply.body, "\"last_seq\":\"0\""));
}

static void the_hunt_is_named_in_one_place(void **state)
{
    struct stage *stage = *state;
    play(stage);
    post(stage, CLAIMS,
         "{\"hunt\":\"quay\",\"claims\":[{\"player\":\"" PLAYER
         "\",\"seq\":1,\"x\":0,\"y\":0,\"time_ms\":0}]}");
    assert_problem(400, "unknown_field", "hunt");
    post(stage, "/hunt",
         "{\"claims\":[{\"player\":\"" PLAYER "\",\"seq\":1,\"x\":0,\"y\":0,\"time_ms\":0}]}");
    assert_problem(400, "missing_field", "hunt");
}

static void the_receipt_of_an_accepted_claim_is_kept(void **state)
{
    struct stage *stage = *state;
    play(stage);
    all_claim(stage, 1, 1, 0);
    for (unsigned seq = 2; seq <= 40; seq++)
        all_claim(stage, 1, seq, 5000);
    get(stage, "/v1/hunts/quay/players/00000001-0000-4000-8000-000000000000/actions/1");
    assert_non_null(strstr(reply.body, "\"outcome\":\"found\",\"treasure\":\"gate\""));
    assert_non_null(strstr(reply.body, "\"log_index\":\""));
    assert_get_refused(stage,
                       "/v1/hunts/quay/players/00000001-0000-4000-8000-000000000000/actions/24",
                       410, "receipt_gone", "seq");
    get(stage, "/v1/hunts/quay/players/00000001-0000-4000-8000-000000000000/actions/25");
    assert_non_null(strstr(reply.body, "\"outcome\":\"nothing\""));
}

static void reading_a_page_creates_no_player(void **state)
{
    struct stage *stage = *state;
    play(stage);
    all_claim(stage, 1, 1, 0);
    get(stage, "/v1/hunts/quay/players/" OTHER);
    get(stage, "/v1/hunts/quay/players/" OTHER "?consistent=true");
    get(stage, "/v1/hunts/quay/players/" OTHER "?consistent=false");
    pass_epochs(stage, 2);
    get(stage, BOARD "/around/" OTHER);
    json_t *root = ask(stage, BOARD);
    assert_int_equal(json_integer_value(json_object_get(root, "players")), 1);
    json_decref(root);
}

/* --- Lists ------------------------------------------------------------------------------------ */

static void lists_have_fifty_members_unless_told_otherwise(void **state)
{
    struct stage *stage = *state;
    play(stage);
    all_claim(stage, 60, 1, 1000);
    pass_epochs(stage, 4);
    json_t *root = ask(stage, BOARD);
    assert_int_equal(length_of(root, "entries"), 50);
    assert_non_null(json_object_get(root, "next_cursor"));
    json_decref(root);
    root = ask(stage, BOARD "?limit=1000");
    assert_int_equal(length_of(root, "entries"), 60);
    assert_null(json_object_get(root, "next_cursor"));
    json_decref(root);
    root = ask(stage, AWARDS);
    const json_t *chest = json_array_get(json_object_get(root, "awards"), 0);
    assert_int_equal(length_of(chest, "winners"), 50);
    assert_non_null(json_object_get(root, "next_cursor"));
    json_decref(root);
    root = ask(stage, AWARDS "?limit=1000");
    chest = json_array_get(json_object_get(root, "awards"), 0);
    assert_int_equal(length_of(chest, "winners"), 60);
    json_decref(root);
    root = ask(stage, BOARD "/around/00000005-0000-4000-8000-000000000000");
    assert_int_equal(length_of(root, "entries"), 10);
    json_decref(root);
}

static void the_limits_of_lists_are_kept(void **state)
{
    static const char around[] = BOARD "/around/00000001-0000-4000-8000-000000000000";
    static const char *const lists[] = {BOARD, around, AWARDS};
    static const struct {
        const char *value;
        int status;
    } limits[] = {
        {"0", 422},   {"1", 200},  {"1000", 200}, {"1001", 422}, {"18446744073709551617", 422},
        {"", 400},    {"-1", 400}, {"1.0", 400},  {"%31", 200},  {"1%20", 400},
        {"0x10", 400}};
    struct stage *stage = *state;
    char path[160];
    play(stage);
    all_claim(stage, 3, 1, 0);
    pass_epochs(stage, 2);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (size_t j = 0; j < sizeof limits / sizeof limits[0]; j++) {
            (void)snprintf(path, sizeof path, "%s?limit=%s", lists[i], limits[j].value);
            call(stage, "GET", path);
            if (limits[j].status == 200)
                assert_status(200);
            else
                assert_problem(limits[j].status,
                               limits[j].status == 400 ? "malformed" : "out_of_range", "limit");
        }
    }
}

/* --- Epochs ----------------------------------------------------------------------------------- */

static int status_of(struct stage *stage, const char *before, uint64_t epoch)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s%llu", before, (unsigned long long)epoch);
    call(stage, "GET", path);
    return reply.status;
}

static void the_newest_sixteen_epochs_are_kept(void **state)
{
    struct stage *stage = *state;
    play(stage);
    for (unsigned seq = 1; seq <= 30; seq++) {
        all_claim(stage, 3, seq, 5000);
        pass_epochs(stage, 1);
    }
    /* So that no further epoch closes while we ask. */
    stage->node.frozen = true;
    json_t *root = ask(stage, "/v1/epochs/latest");
    const uint64_t newest = quoted(root, "epoch");
    json_decref(root);
    for (unsigned age = 0; age < 16; age++) {
        assert_int_equal(status_of(stage, BOARD "?epoch=", newest - age), 200);
        assert_int_equal(status_of(stage, "/v1/epochs/", newest - age), 200);
    }
    assert_int_equal(status_of(stage, BOARD "?epoch=", newest - 16), 410);
    assert_problem(410, "epoch_gone", "epoch");
    assert_int_equal(status_of(stage, "/v1/epochs/", newest - 16), 410);
    assert_problem(410, "epoch_gone", "epoch");
}

static void a_cursor_goes_with_its_epoch(void **state)
{
    struct stage *stage = *state;
    char path[128];
    play(stage);
    all_claim(stage, 3, 1, 0);
    pass_epochs(stage, 2);
    json_t *root = ask(stage, BOARD "?limit=1");
    (void)snprintf(path, sizeof path, BOARD "?cursor=%s", text_of(root, "next_cursor"));
    json_decref(root);
    get(stage, path);
    for (unsigned seq = 2; seq <= 30; seq++) {
        all_claim(stage, 3, seq, 5000);
        pass_epochs(stage, 1);
    }
    assert_get_refused(stage, path, 410, "epoch_gone", "epoch");
}

/* --- Hunts ------------------------------------------------------------------------------------ */

static void a_hunt_is_active_at_most_two_epochs_after_the_answer(void **state)
{
    struct stage *stage = *state;
    /* At other moments of the epoch. */
    for (unsigned i = 0; i < 12; i++) {
        put_hunt(stage, "/v1/hunts/quay", HUNT);
        assert_status(200);
        const uint64_t present = stage->node.now.physical_us / 1000 / STAGE_EPOCH_MS;
        json_t *root = parsed();
        assert_true(quoted(root, "active_from_epoch") <= present + 2);
        json_decref(root);
        for (unsigned pass = 0; pass < 37 + i; pass++)
            stage_pass(&stage->node, STEP_US);
    }
}

static void a_cluster_has_sixty_four_hunts(void **state)
{
    struct stage *stage = *state;
    char path[64];
    char text[256];
    for (unsigned i = 0; i <= 64; i++) {
        (void)snprintf(path, sizeof path, "/v1/hunts/h%u", i);
        (void)snprintf(text, sizeof text,
                       "hunt: h%u\nplane: flat\n"
                       "treasures: [{ id: a, at: { x: 0, y: 0 }, radius: 1, points: 1 }]\n",
                       i);
        put_hunt(stage, path, text);
        if (i < 64)
            assert_status(200);
    }
    assert_problem(422, "invalid_hunt", "");
    assert_non_null(strstr(reply.body, "\"field\":\"hunt\""));
    json_t *root = ask(stage, "/v1/hunts");
    assert_int_equal(length_of(root, "hunts"), 64);
    json_decref(root);
}

static void put_and_become(struct stage *stage, enum status status)
{
    static const uint32_t missing[] = {1, 2};
    const struct effect defined = {
        .kind = EFFECT_DEFINED,
        .defined = {.status = status,
                    .missing = missing,
                    .missing_count = status == STATUS_NOT_FOUND ? 2 : 0}};
    stage->node.defined = &defined;
    put_hunt(stage, "/v1/hunts/quay", HUNT);
    stage->node.defined = NULL;
}

/* The core's answers come true in the simulator; here it is how they are told. */
static void what_becomes_of_a_hunt_is_told(void **state)
{
    struct stage *stage = *state;
    put_and_become(stage, STATUS_NOT_FOUND);
    assert_problem(503, "ranges_unavailable", "");
    assert_non_null(strstr(reply.body, "\"missing_ranges\":[1,2]"));
    assert_non_null(strstr(reply.body, "\"retryable\":true"));
    assert_non_null(strstr(reply.head, "\r\nRetry-After: 1"));
    put_and_become(stage, STATUS_CONFLICT);
    assert_problem(409, "conflict", "");
    put_and_become(stage, STATUS_FULL);
    assert_problem(422, "full", "");
    put_and_become(stage, STATUS_INVALID);
    assert_problem(422, "invalid_hunt", "");
    put_and_become(stage, STATUS_TOO_LARGE);
    assert_problem(422, "too_large", "");
    put_and_become(stage, STATUS_NOT_LEADER);
    assert_problem(503, "no_leader", "");
    assert_non_null(strstr(reply.head, "\r\nRetry-After: 1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_malformed_member_refuses_all_of_the_request),
        TEST(the_hunt_is_named_in_one_place),
        TEST(the_receipt_of_an_accepted_claim_is_kept),
        TEST(reading_a_page_creates_no_player),
        TEST(lists_have_fifty_members_unless_told_otherwise),
        TEST(the_limits_of_lists_are_kept),
        TEST(the_newest_sixteen_epochs_are_kept),
        TEST(a_cursor_goes_with_its_epoch),
        TEST(a_hunt_is_active_at_most_two_epochs_after_the_answer),
        TEST(a_cluster_has_sixty_four_hunts),
        TEST(what_becomes_of_a_hunt_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
