/* tests/unit/test_routes.c -- The public interface, request by request: a real HTTP server and a
 * real core, without a disk, in one thread. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/resource.h>

#include "tests/unit/routes_stage.h"
#include "tests/unit/routes_talk.h"

#include "node/log.h"
#include "node/routes_cursor.h"

#define HARBOUR                                                                                    \
    "hunt: harbour\n"                                                                              \
    "title: \"Harbour \\\"Night\\\"\"\n"                                                           \
    "plane: flat\n"                                                                                \
    "treasures:\n"                                                                                 \
    "  - { id: gate, at: { x: 0, y: 0 }, radius: 50, points: 10, hint: Ships, shown: true }\n"     \
    "  - { id: anchor, at: { x: 1200, y: -340 }, radius: 25, points: 100 }\n"

static void claim(struct stage *stage, const char *player, unsigned seq, int x, int y)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"hunt\":\"harbour\",\"claims\":[{\"player\":\"%s\",\"seq\":%u,\"x\":%d,"
                   "\"y\":%d,\"time_ms\":0}]}",
                   player, seq, x, y);
    post(stage, "/hunt", text);
    assert_status(200);
}

/* The hunt is put, and counts. */
static void play_harbour(struct stage *stage)
{
    put_hunt(stage, "/v1/hunts/harbour", HARBOUR);
    assert_status(200);
    pass_epochs(stage, 3);
}

/* --- Paths, methods, queries ------------------------------------------------------------------ */

static void an_unknown_path_is_not_found(void **state)
{
    static const char actions[] = "/v1/hunts/a/players/" PLAYER "/actions";
    static const char *const paths[] = {"/",
                                        "/nothing",
                                        "/hunt/",
                                        "/v1",
                                        "/v1/hunts/",
                                        "/v1/hunts//claims",
                                        "/v1/hunts/a/b",
                                        "/v1/epochs",
                                        actions,
                                        "/v1/a/b/c/d/e/f/g/h/i/j"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_get_refused(*state, paths[i], 404, "unknown_path", "");
}

static void a_malformed_path_is_told_so(void **state)
{
    assert_get_refused(*state, "/v1/%zz", 400, "malformed", "path");
    assert_get_refused(*state, "/v1/../hunt", 400, "malformed", "path");
    assert_get_refused(*state, "/v1/hunts/Harbour", 400, "malformed", "hunt");
    assert_get_refused(*state, "/v1/hunts/harbour/players/7", 400, "malformed", "player");
    assert_get_refused(*state, "/v1/hunts/a/players/" PLAYER "/actions/x", 400, "malformed", "seq");
    assert_get_refused(*state, "/v1/hunts/a/players/" PLAYER "/actions/0", 422, "out_of_range",
                       "seq");
    assert_get_refused(*state, "/v1/hunts/a/players/" PLAYER "/actions/4294967296", 422,
                       "out_of_range", "seq");
    assert_get_refused(*state, "/v1/epochs/newest", 400, "malformed", "epoch");
}

static void another_method_is_told_which_are_allowed(void **state)
{
    call(*state, "GET", "/hunt");
    assert_problem(405, "method_not_allowed", "");
    assert_non_null(strstr(reply.head, "\r\nAllow: POST, OPTIONS\r\n"));
    call(*state, "DELETE", "/v1/hunts/harbour");
    assert_problem(405, "method_not_allowed", "");
    assert_non_null(strstr(reply.head, "\r\nAllow: GET, HEAD, PUT, OPTIONS\r\n"));
    call(*state, "PROPFIND", "/healthz");
    assert_problem(405, "method_not_allowed", "");
}

static void head_answers_like_get_without_the_body(void **state)
{
    call(*state, "HEAD", "/healthz");
    assert_status(200);
    assert_non_null(strstr(reply.head, "Content-Length: 15"));
    assert_string_equal(reply.body, "");
}

static void unknown_and_double_parameters_are_named(void **state)
{
    assert_get_refused(*state, "/healthz?verbose=1", 400, "unknown_field", "verbose");
    assert_get_refused(*state, "/v1/hunts/a/leaderboard?limit=1&limit=1", 400, "malformed",
                       "limit");
    assert_get_refused(*state, "/v1/hunts/a/leaderboard?%zz", 400, "malformed", "query");
    assert_get_refused(*state, "/v1/hunts/a/leaderboard?limit=ten", 400, "malformed", "limit");
    assert_get_refused(*state, "/v1/hunts/a/leaderboard?limit=0", 422, "out_of_range", "limit");
    assert_get_refused(*state, "/v1/hunts/a/leaderboard?limit=1001", 422, "out_of_range", "limit");
    assert_get_refused(*state, "/v1/hunts/a/leaderboard?epoch=-1", 400, "malformed", "epoch");
    assert_get_refused(*state, "/v1/hunts/a/players/" PLAYER "?consistent=yes", 400, "malformed",
                       "consistent");
}

static void a_node_that_serves_is_healthy_and_ready(void **state)
{
    get(*state, "/healthz");
    assert_string_equal(reply.body, "{\"status\":\"ok\"}");
    get(*state, "/readyz");
    assert_string_equal(reply.body, "{\"status\":\"ready\"}");
}

static void a_node_that_stops_is_healthy_but_not_ready(void **state)
{
    struct stage *stage = *state;
    stage_step(&stage->node, &(struct event){.kind = EVENT_STOP});
    get(stage, "/healthz");
    assert_get_refused(stage, "/readyz", 503, "not_ready", "");
    assert_non_null(strstr(reply.head, "Retry-After: 1"));
}

/* --- Hunts ------------------------------------------------------------------------------------ */

static void a_hunt_is_put_and_read_back(void **state)
{
    struct stage *stage = *state;
    put_hunt(stage, "/v1/hunts/harbour", HARBOUR);
    assert_status(200);
    json_t *root = parsed();
    assert_string_equal(json_string_value(json_object_get(root, "hunt")), "harbour");
    assert_int_equal(json_integer_value(json_object_get(root, "version")), 1);
    assert_true(json_is_string(json_object_get(root, "active_from_epoch")));
    json_decref(root);

    get(stage, "/v1/hunts/harbour");
    root = parsed();
    assert_int_equal(json_integer_value(json_object_get(root, "version")), 1);
    assert_true(json_is_string(json_object_get(root, "active_from_epoch")));
    assert_string_equal(json_string_value(json_object_get(root, "plane")), "flat");
    assert_int_equal(json_array_size(json_object_get(root, "treasures")), 2);
    json_decref(root);

    get(stage, "/v1/hunts");
    root = parsed();
    const json_t *hunt = json_array_get(json_object_get(root, "hunts"), 0);
    assert_string_equal(json_string_value(json_object_get(hunt, "title")), "Harbour \"Night\"");
    assert_int_equal(json_integer_value(json_object_get(hunt, "treasures")), 2);
    json_decref(root);
}

static void versions_are_counted_and_kept(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    put_hunt(stage, "/v1/hunts/harbour", HARBOUR);
    assert_status(200);
    assert_non_null(strstr(reply.body, "\"version\":2"));
    get(stage, "/v1/hunts/harbour");
    assert_non_null(strstr(reply.body, "\"version\":2"));
    get(stage, "/v1/hunts/harbour?version=1");
    assert_non_null(strstr(reply.body, "\"version\":1"));
    assert_get_refused(stage, "/v1/hunts/harbour?version=3", 404, "unknown_version", "version");
    assert_get_refused(stage, "/v1/hunts/harbour?version=0", 422, "out_of_range", "version");
}

static void a_dry_run_checks_and_changes_nothing(void **state)
{
    struct stage *stage = *state;
    put_hunt(stage, "/v1/hunts/harbour?dry_run=true", HARBOUR);
    assert_status(200);
    assert_string_equal(reply.body, "{\"hunt\":\"harbour\",\"dry_run\":true}");
    assert_get_refused(stage, "/v1/hunts/harbour", 404, "unknown_hunt", "hunt");
    put_hunt(stage, "/v1/hunts/harbour?dry_run=1", HARBOUR);
    assert_problem(400, "malformed", "dry_run");
}

static void every_fault_of_a_hunt_is_told_with_its_line(void **state)
{
    static const char text[] = "hunt: harbour\n"
                               "plane: flat\n"
                               "treasures:\n"
                               "  - { id: a, at: { x: 0, y: 0 }, radius: 0, points: 1 }\n"
                               "  - { id: b, at: { x: 0, y: 0 }, radius: 1, points: -1 }\n";
    put_hunt(*state, "/v1/hunts/harbour", text);
    assert_problem(422, "invalid_hunt", "");
    json_t *root = parsed();
    const json_t *errors = json_object_get(root, "errors");
    assert_int_equal(json_array_size(errors), 2);
    const json_t *first = json_array_get(errors, 0);
    const json_t *second = json_array_get(errors, 1);
    assert_int_equal(json_integer_value(json_object_get(first, "line")), 4);
    assert_string_equal(json_string_value(json_object_get(first, "field")), "treasures[0].radius");
    assert_true(json_is_string(json_object_get(first, "detail")));
    assert_int_equal(json_integer_value(json_object_get(second, "line")), 5);
    assert_string_equal(json_string_value(json_object_get(second, "field")), "treasures[1].points");
    json_decref(root);
}

static void a_change_that_is_not_allowed_is_told_with_its_line(void **state)
{
    static const char text[] = "hunt: harbour\n"
                               "plane: geo\n"
                               "treasures:\n"
                               "  - { id: gate, at: { lat: 0, lon: 0 }, radius: 1, points: 1 }\n";
    struct stage *stage = *state;
    play_harbour(stage);
    put_hunt(stage, "/v1/hunts/harbour", text);
    assert_problem(422, "invalid_hunt", "");
    json_t *root = parsed();
    const json_t *first = json_array_get(json_object_get(root, "errors"), 0);
    assert_int_equal(json_integer_value(json_object_get(first, "line")), 2);
    assert_string_equal(json_string_value(json_object_get(first, "field")), "plane");
    json_decref(root);
}

static void a_hunt_must_be_the_one_of_its_path(void **state)
{
    put_hunt(*state, "/v1/hunts/other", HARBOUR);
    assert_problem(422, "invalid_hunt", "");
    assert_non_null(strstr(reply.body, "\"line\":1"));
}

static void other_types_of_a_hunt_are_refused(void **state)
{
    struct asking asking = {
        .method = "PUT", .path = "/v1/hunts/harbour", .type = "text/plain", .body = HARBOUR};
    stage_call(*state, &asking, &reply);
    assert_problem(415, "unsupported_type", "");
    asking.type = "application/yaml";
    asking.headers = "Content-Encoding: gzip\r\n";
    stage_call(*state, &asking, &reply);
    assert_problem(415, "unsupported_coding", "");
    assert_non_null(strstr(reply.head, "Accept-Encoding: identity"));
}

static void a_token_guards_what_shows_or_changes_hunts(void **state)
{
    (void)state;
    static struct stage stage;
    char path[] = "/tmp/cairn-test-token-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "sesame\n", 7), 7);
    (void)close(fd);
    stage_open(&stage, path);

    call(&stage, "GET", "/v1/hunts/harbour");
    assert_problem(401, "unauthorized", "");
    assert_non_null(strstr(reply.head, "WWW-Authenticate: Bearer"));
    put_hunt(&stage, "/v1/hunts/harbour", HARBOUR);
    assert_problem(401, "unauthorized", "");
    struct asking asking = {.method = "GET", .path = "/v1/hunts/harbour"};
    asking.headers = "Authorization: Bearer sesamo\r\n";
    stage_call(&stage, &asking, &reply);
    assert_problem(401, "unauthorized", "");
    asking.headers = "Authorization: Basic sesame\r\n";
    stage_call(&stage, &asking, &reply);
    assert_problem(401, "unauthorized", "");
    asking.headers = "Authorization: bearer sesame\r\n";
    stage_call(&stage, &asking, &reply);
    assert_problem(404, "unknown_hunt", "hunt");
    get(&stage, "/v1/hunts");
    /* Which nodes there are is not told without it either. */
    post(&stage, "/v1/cluster/nodes/n2/drain", "");
    assert_problem(401, "unauthorized", "");
    call(&stage, "DELETE", "/v1/cluster/nodes/n2");
    assert_problem(401, "unauthorized", "");
    asking.method = "DELETE";
    asking.path = "/v1/cluster/nodes/n2";
    stage_call(&stage, &asking, &reply);
    assert_problem(404, "unknown_node", "name");
    asking.headers = "Authorization: Bearer sesame\r\nContent-Length: 0\r\n";
    asking.method = "POST";
    asking.path = "/v1/cluster/nodes/n2/drain";
    stage_call(&stage, &asking, &reply);
    assert_problem(404, "unknown_node", "name");

    stage_close(&stage);
    assert_int_equal(unlink(path), 0);
}

/* The only node cannot be drained or removed; it says so instead of doing something else. */
static void the_only_node_can_be_neither_drained_nor_removed(void **state)
{
    struct stage *stage = *state;
    post(stage, "/v1/cluster/nodes/n1/drain", "");
    assert_problem(409, "only_node", "name");
    call(stage, "DELETE", "/v1/cluster/nodes/n1");
    assert_problem(409, "only_node", "name");
    post(stage, "/v1/cluster/nodes/n2/drain", "");
    assert_problem(404, "unknown_node", "name");
    call(stage, "DELETE", "/v1/cluster/nodes/n2");
    assert_problem(404, "unknown_node", "name");
    post(stage, "/v1/cluster/nodes/N1/drain", "");
    assert_problem(400, "malformed", "name");
    call(stage, "DELETE", "/v1/cluster/nodes/N1");
    assert_problem(400, "malformed", "name");
    post(stage, "/v1/cluster/nodes/n1/drain", "{}");
    assert_problem(400, "malformed", "");
    call(stage, "GET", "/v1/cluster/nodes/n1/drain");
    assert_problem(405, "method_not_allowed", "");
    assert_non_null(strstr(reply.head, "\r\nAllow: POST, OPTIONS\r\n"));
    call(stage, "GET", "/v1/cluster/nodes/n1");
    assert_problem(405, "method_not_allowed", "");
    assert_non_null(strstr(reply.head, "\r\nAllow: DELETE, OPTIONS\r\n"));
    get(stage, "/v1/cluster");
    assert_non_null(strstr(reply.body, "\"draining\":false"));
}

static void an_unreadable_token_file_stops_the_start(void **state)
{
    struct stage *stage = *state;
    char path[] = "/nonexistent/token";
    stage->node.config.http.admin_token_file = path;
    assert_null(routes_new(&stage->node));
}

/* Whether this part of a sentence is in what is logged when routes cannot be made, with no more
 * than so many descriptors. */
static bool refusal_says(struct stage *stage, rlim_t descriptors, const char *part)
{
    char said[1024] = "";
    struct rlimit before;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    log_redirect(ends[1]);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit fewer = {.rlim_cur = descriptors, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &fewer), 0);
    struct routes *routes = routes_new(&stage->node);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    log_redirect(STDERR_FILENO);
    assert_null(routes);
    assert_true(read(ends[0], said, sizeof said - 1) > 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return strstr(said, part) != NULL;
}

static void why_there_is_no_start_is_said(void **state)
{
    struct stage *stage = *state;
    char path[] = "/nonexistent/token";
    stage->node.config.http.admin_token_file = path;
    assert_true(refusal_says(stage, 100, "the administrator's token cannot be read"));
    assert_true(refusal_says(stage, 0, "no memory, descriptor or thread"));
}

/* --- Actions ---------------------------------------------------------------------------------- */

static void a_claim_is_judged_and_its_receipt_kept(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    claim(stage, PLAYER, 7, 1190, -340);
    assert_non_null(strstr(reply.body,
                           "\"seq\":\"7\",\"outcome\":\"found\",\"treasure\":\"anchor\","
                           "\"points\":100,\"score\":\"100\",\"state\":\"final\""));
    assert_non_null(strstr(reply.body, "\"replayed\":false"));

    claim(stage, PLAYER, 7, 1190, -340);
    assert_non_null(strstr(reply.body, "\"outcome\":\"found\""));
    assert_non_null(strstr(reply.body, "\"replayed\":true"));
    claim(stage, PLAYER, 7, 0, 0);
    assert_non_null(strstr(reply.body, "\"outcome\":\"conflict\""));

    get(stage, "/v1/hunts/harbour/players/" PLAYER "/actions/7");
    assert_non_null(strstr(reply.body, "{\"player\":\"" PLAYER "\",\"seq\":\"7\","
                                       "\"outcome\":\"found\",\"treasure\":\"anchor\""));
    assert_get_refused(stage, "/v1/hunts/harbour/players/" PLAYER "/actions/8", 404, "not_judged",
                       "seq");
    assert_get_refused(stage, "/v1/hunts/other/players/" PLAYER "/actions/7", 404, "unknown_hunt",
                       "hunt");
}

static void a_receipt_that_left_the_window_is_gone(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    for (unsigned seq = 1; seq <= 17; seq++)
        claim(stage, PLAYER, seq, 5000, 5000);
    assert_get_refused(stage, "/v1/hunts/harbour/players/" PLAYER "/actions/1", 410, "receipt_gone",
                       "seq");
    get(stage, "/v1/hunts/harbour/players/" PLAYER "/actions/2");
    assert_non_null(strstr(reply.body, "\"outcome\":\"nothing\""));
}

static void claims_may_name_their_hunt_in_the_path(void **state)
{
    static const char text[] =
        "{\"claims\":[{\"player\":\"" PLAYER "\",\"seq\":\"1\",\"x\":0,\"y\":0,\"time_ms\":0},"
        "{\"player\":\"" OTHER "\",\"seq\":\"1\",\"x\":9999,\"y\":0,\"time_ms\":0}]}";
    struct stage *stage = *state;
    play_harbour(stage);
    post(stage, "/v1/hunts/harbour/claims", text);
    assert_status(200);
    json_t *root = parsed();
    const json_t *results = json_object_get(root, "results");
    assert_int_equal(json_array_size(results), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(results, 0), "outcome")),
                        "found");
    assert_string_equal(json_string_value(json_object_get(json_array_get(results, 1), "outcome")),
                        "nothing");
    json_decref(root);
    post(stage, "/v1/hunts/other/claims", text);
    assert_problem(404, "unknown_hunt", "hunt");
}

static void a_bad_claim_is_refused_and_named(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    post(stage, "/hunt",
         "{\"hunt\":\"harbour\",\"claims\":[{\"player\":\"" PLAYER
         "\",\"seq\":1,\"y\":0,\"time_ms\":0}]}");
    assert_problem(400, "missing_field", "claims[0].x");
    post(stage, "/hunt", "{\"hunt\":\"harbour\"}");
    assert_problem(422, "no_actions", "");
    post(stage, "/hunt", "{\"hunt\":\"other\",\"claims\":[]}");
    assert_problem(404, "unknown_hunt", "hunt");
    post(stage, "/hunt", "{");
    assert_problem(400, "malformed", "");
    get(stage, "/v1/hunts/harbour/players/" PLAYER);
    assert_non_null(strstr(reply.body, "\"last_seq\":\"0\""));
}

static void other_types_of_actions_are_refused(void **state)
{
    struct asking asking = {.method = "POST", .path = "/hunt", .type = "text/plain", .body = "{}"};
    stage_call(*state, &asking, &reply);
    assert_problem(415, "unsupported_type", "");
    asking.type = NULL;
    stage_call(*state, &asking, &reply);
    assert_problem(415, "unsupported_type", "");
    asking.type = "application/json; charset=utf-8";
    asking.headers = "Content-Encoding: gzip\r\n";
    stage_call(*state, &asking, &reply);
    assert_problem(415, "unsupported_coding", "");
    asking.headers = "Content-Encoding: identity\r\n";
    stage_call(*state, &asking, &reply);
    assert_problem(400, "missing_field", "hunt");
}

static void a_node_with_too_much_to_do_turns_claims_away(void **state)
{
    struct stage *stage = *state;
    stage->node.load = 49999;
    post(stage, "/hunt", "{");
    assert_problem(400, "malformed", "");
    stage->node.load = 50000;
    post(stage, "/hunt", "{");
    assert_problem(503, "overloaded", "");
    assert_non_null(strstr(reply.head, "Retry-After: 1"));
}

static void what_asks_the_core_is_turned_away_too_and_what_is_cheap_is_not(void **state)
{
    static const char *const shed[] = {
        "/v1/hunts/harbour/players/" PLAYER, "/v1/hunts/harbour/players/" PLAYER "/actions/1",
        "/v1/hunts/harbour/leaderboard",     "/v1/hunts/harbour/leaderboard/around/" PLAYER,
        "/v1/hunts/harbour/awards",
    };
    static const char *const served[] = {"/healthz",    "/readyz",   "/metrics",
                                         "/v1/cluster", "/v1/hunts", "/v1/hunts/harbour"};
    struct stage *stage = *state;
    play_harbour(stage);
    stage->node.load = 50000;
    for (size_t i = 0; i < sizeof shed / sizeof shed[0]; i++) {
        assert_get_refused(stage, shed[i], 503, "overloaded", "");
        assert_non_null(strstr(reply.head, "Retry-After: 1"));
    }
    for (size_t i = 0; i < sizeof served / sizeof served[0]; i++)
        get(stage, served[i]);
    put_hunt(stage, "/v1/hunts/harbour", HARBOUR);
    assert_status(200);
}

static void a_node_whose_disk_is_nearly_full_takes_nothing_new(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    stage->node.disk_full = true;
    post(stage, "/hunt",
         "{\"hunt\":\"harbour\",\"claims\":[{\"player\":\"" PLAYER
         "\",\"seq\":1,\"x\":0,\"y\":0,\"time_ms\":0}]}");
    assert_problem(503, "disk_full", "");
    assert_non_null(strstr(reply.head, "Retry-After: 5"));
    post(stage, "/v1/hunts/harbour/claims", "{");
    assert_problem(503, "disk_full", "");
    put_hunt(stage, "/v1/hunts/other",
             "hunt: other\nplane: flat\ntreasures:\n"
             "  - { id: gate, at: { x: 0, y: 0 }, radius: 5, points: 1 }\n");
    assert_problem(503, "disk_full", "");

    /* What does not grow the log goes on. */
    put_hunt(stage, "/v1/hunts/other?dry_run=true",
             "hunt: other\nplane: flat\ntreasures:\n"
             "  - { id: gate, at: { x: 0, y: 0 }, radius: 5, points: 1 }\n");
    assert_status(200);
    get(stage, "/v1/hunts/harbour/leaderboard");
    assert_status(200);
    get(stage, "/v1/hunts/harbour/players/" PLAYER);
    assert_status(200);

    stage->node.disk_full = false;
    post(stage, "/hunt",
         "{\"hunt\":\"harbour\",\"claims\":[{\"player\":\"" PLAYER
         "\",\"seq\":1,\"x\":0,\"y\":0,\"time_ms\":0}]}");
    assert_status(200);
}

static void a_request_of_which_nothing_is_known_is_unavailable(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    stage_step(&stage->node, &(struct event){.kind = EVENT_STOP});
    post(stage, "/hunt",
         "{\"hunt\":\"harbour\",\"claims\":[{\"player\":\"" PLAYER
         "\",\"seq\":1,\"x\":0,\"y\":0,\"time_ms\":0}]}");
    assert_problem(503, "unavailable", "");
    assert_non_null(strstr(reply.head, "Retry-After: 1"));
    assert_non_null(strstr(reply.body, "\"retryable\":true"));
}

/* --- Players and boards ----------------------------------------------------------------------- */

static void a_page_tells_what_a_player_has_and_what_is_open(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    claim(stage, PLAYER, 4294967295, 1200, -340);
    get(stage, "/v1/hunts/harbour/players/" PLAYER "?consistent=true");
    assert_non_null(strstr(
        reply.body, "\"found\":[\"anchor\"],\"pending\":[],\"won\":[],\"lost\":[],"
                    "\"open\":[{\"id\":\"gate\",\"hint\":\"Ships\",\"points\":10,\"x\":0,\"y\":0,"
                    "\"radius\":50}],\"last_seq\":\"4294967295\",\"reactions\":{},\"epoch\":\""));
    pass_epochs(stage, 2);
    get(stage, "/v1/hunts/harbour/players/" PLAYER);
    assert_non_null(strstr(reply.body, "{\"player\":\"" PLAYER "\",\"score\":\"100\",\"rank\":1,"
                                       "\"rank_epoch\":\""));
    assert_non_null(strstr(reply.body, "\"settled_through_epoch\":\""));
}

static void an_unknown_player_has_an_empty_page(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    get(stage, "/v1/hunts/harbour/players/" OTHER);
    assert_non_null(strstr(reply.body, "{\"player\":\"" OTHER "\",\"score\":\"0\",\"found\":[],"
                                       "\"pending\":[],\"won\":[],\"lost\":[],\"open\":[{"));
    /* What is not shown does not tell where it is. */
    assert_non_null(strstr(reply.body, "{\"id\":\"anchor\",\"points\":100}"));
    assert_non_null(strstr(reply.body, "\"last_seq\":\"0\""));
}

static void a_page_is_sent_again_only_when_it_has_changed(void **state)
{
    static const char path[] = "/v1/hunts/harbour/players/" PLAYER;
    struct stage *stage = *state;
    char tag[64];
    char tags[128];
    play_harbour(stage);
    get(stage, path);
    take_tag(tag);
    (void)snprintf(tags, sizeof tags, "\"other\", W/%s", tag);
    get_unless(stage, path, tags);
    assert_status(304);
    assert_string_equal(reply.body, "");
    assert_non_null(strstr(reply.head, tag));
    get_unless(stage, path, "*");
    assert_status(304);
    get_unless(stage, path, "\"other\"");
    assert_status(200);
    claim(stage, PLAYER, 1, 0, 0);
    get_unless(stage, path, tags);
    assert_status(200);
}

static void a_board_that_nobody_has_published_is_not_there_yet(void **state)
{
    struct stage *stage = *state;
    put_hunt(stage, "/v1/hunts/harbour", HARBOUR);
    assert_status(200);
    assert_get_refused(stage, "/v1/hunts/harbour/leaderboard", 503, "no_board", "");
    assert_get_refused(stage, "/v1/epochs/latest", 404, "unknown_epoch", "epoch");
}

static json_t *board(struct stage *stage, const char *query)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/leaderboard%s", query);
    get(stage, path);
    return parsed();
}

static void a_board_lists_the_best_page_by_page(void **state)
{
    struct stage *stage = *state;
    char query[128];
    char epoch[32];
    play_harbour(stage);
    claim(stage, OTHER, 1, 0, 0);
    claim(stage, PLAYER, 1, 1200, -340);
    pass_epochs(stage, 2);

    json_t *root = board(stage, "?limit=1");
    const json_t *entry = json_array_get(json_object_get(root, "entries"), 0);
    assert_string_equal(text_of(root, "hunt"), "harbour");
    assert_string_equal(text_of(root, "state"), "complete");
    assert_int_equal(json_array_size(json_object_get(root, "missing_ranges")), 0);
    assert_int_equal(json_integer_value(json_object_get(root, "players")), 2);
    assert_int_equal(strlen(text_of(root, "digest")), 16);
    assert_int_equal(json_array_size(json_object_get(root, "entries")), 1);
    assert_int_equal(json_integer_value(json_object_get(entry, "rank")), 1);
    assert_string_equal(text_of(entry, "player"), PLAYER);
    assert_string_equal(text_of(entry, "score"), "100");
    assert_true(json_is_string(json_object_get(entry, "hlc")));
    (void)snprintf(epoch, sizeof epoch, "%s", text_of(root, "epoch"));
    (void)snprintf(query, sizeof query, "?limit=1&cursor=%s", text_of(root, "next_cursor"));
    json_decref(root);

    /* Later epochs have other boards; the cursor stays with its own. */
    claim(stage, OTHER, 2, 1200, -340);
    pass_epochs(stage, 2);
    root = board(stage, query);
    entry = json_array_get(json_object_get(root, "entries"), 0);
    assert_string_equal(text_of(root, "epoch"), epoch);
    assert_int_equal(json_integer_value(json_object_get(entry, "rank")), 2);
    assert_string_equal(text_of(entry, "player"), OTHER);
    assert_string_equal(text_of(entry, "score"), "10");
    assert_null(json_object_get(root, "next_cursor"));
    json_decref(root);
}

static void a_complete_board_may_be_kept_for_ever(void **state)
{
    struct stage *stage = *state;
    char path[128];
    char tag[64];
    play_harbour(stage);
    claim(stage, PLAYER, 1, 0, 0);
    pass_epochs(stage, 2);
    json_t *root = board(stage, "");
    assert_non_null(strstr(reply.head, "Cache-Control: no-cache"));
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/leaderboard?epoch=%s",
                   text_of(root, "epoch"));
    json_decref(root);
    get(stage, path);
    assert_non_null(strstr(reply.head, "Cache-Control: public, max-age=31536000, immutable"));
    take_tag(tag);
    pass_epochs(stage, 3);
    get_unless(stage, path, tag);
    assert_status(304);
    assert_non_null(strstr(reply.head, "immutable"));
}

static void old_and_future_epochs_have_no_board(void **state)
{
    struct stage *stage = *state;
    char path[128];
    play_harbour(stage);
    const uint64_t first = STAGE_START_US / 1000 / STAGE_EPOCH_MS;
    for (unsigned i = 0; i < 24; i++) {
        claim(stage, PLAYER, i + 1, 5000, 0);
        pass_epochs(stage, 1);
    }
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/leaderboard?epoch=%llu",
                   (unsigned long long)first + 2);
    assert_get_refused(stage, path, 410, "epoch_gone", "epoch");
    (void)snprintf(path, sizeof path, "/v1/epochs/%llu", (unsigned long long)first + 2);
    assert_get_refused(stage, path, 410, "epoch_gone", "epoch");
    (void)snprintf(path, sizeof path, "/v1/epochs/%llu", (unsigned long long)first - 1);
    assert_get_refused(stage, path, 404, "unknown_epoch", "epoch");
    assert_get_refused(stage, "/v1/hunts/harbour/leaderboard?epoch=18446744073709551615", 404,
                       "unknown_epoch", "epoch");
    assert_get_refused(stage, "/v1/epochs/99999999999999999999999", 404, "unknown_epoch", "epoch");
}

static void a_cursor_of_our_own_making_is_refused(void **state)
{
    struct stage *stage = *state;
    char path[128];
    char text[CURSOR_BYTES];
    play_harbour(stage);
    pass_epochs(stage, 2);
    static const char *const wrong[] = {"",
                                        "x",
                                        "AAAAAAAAAAAAAAAAAAAA",
                                        "AQAAAAAAAAAAAAAAAAA=",
                                        "AQAAAAAAAAAAAAAAAAAA",
                                        "????????????????????"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(path, sizeof path, "/v1/hunts/harbour/leaderboard?cursor=%s", wrong[i]);
        assert_get_refused(stage, path, 400, "malformed", "cursor");
    }
    cursor_format(text, &(struct cursor){.hunt = 1, .epoch = 5, .offset = 1});
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/leaderboard?cursor=%s", text);
    assert_get_refused(stage, path, 400, "malformed", "cursor");
    cursor_format(text, &(struct cursor){.hunt = 0, .epoch = 5, .offset = 1});
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/leaderboard?epoch=6&cursor=%s", text);
    assert_get_refused(stage, path, 400, "malformed", "cursor");
}

static void a_cursor_reads_back_as_it_was_written(void **state)
{
    (void)state;
    const struct cursor cursors[] = {
        {0, 0, 1}, {HUNTS_MAX - 1, UINT64_MAX, BOARD_TOP}, {7, 179000000, 50}};
    for (size_t i = 0; i < 3; i++) {
        char text[CURSOR_BYTES];
        struct cursor read;
        cursor_format(text, &cursors[i]);
        assert_int_equal(cursor_parse(&read, text), STATUS_OK);
        assert_int_equal(read.hunt, cursors[i].hunt);
        assert_true(read.epoch == cursors[i].epoch);
        assert_int_equal(read.offset, cursors[i].offset);
    }
}

/* --- Cluster ---------------------------------------------------------------------------------- */

static void the_ranges_share_all_hashes(void **state)
{
    get(*state, "/v1/cluster");
    json_t *root = parsed();
    assert_string_equal(text_of(root, "cluster_id"), "000000000000feed");
    assert_string_equal(text_of(root, "node"), "n1");
    assert_true(json_is_string(json_object_get(root, "epoch")));
    assert_int_equal(json_integer_value(json_object_get(root, "epoch_ms")), STAGE_EPOCH_MS);
    /* One replica of each range and of the system group was placed. */
    assert_int_equal(json_integer_value(json_object_get(root, "map_version")), STAGE_RANGES + 1);
    const json_t *member = json_array_get(json_object_get(root, "members"), 0);
    assert_string_equal(text_of(member, "id"), "1234567890abcdef");
    assert_string_equal(text_of(member, "state"), "alive");
    assert_string_equal(text_of(member, "http"), "127.0.0.1:7801");
    assert_int_equal(json_integer_value(json_object_get(member, "leads")), STAGE_RANGES);
    assert_int_equal(json_integer_value(json_object_get(member, "replicas")), STAGE_RANGES);
    const json_t *ranges = json_object_get(root, "ranges");
    assert_int_equal(json_array_size(ranges), STAGE_RANGES);
    json_int_t next = 0;
    for (size_t i = 0; i < STAGE_RANGES; i++) {
        const json_t *range = json_array_get(ranges, i);
        assert_int_equal(json_integer_value(json_object_get(range, "range")), i);
        assert_int_equal(json_integer_value(json_object_get(range, "from")), next);
        next = json_integer_value(json_object_get(range, "to")) + 1;
        assert_string_equal(text_of(range, "leader"), "n1");
        assert_int_equal(json_array_size(json_object_get(range, "voters")), 1);
        assert_int_equal(json_array_size(json_object_get(range, "learners")), 0);
        assert_true(json_is_integer(json_object_get(range, "term")));
        assert_true(json_is_integer(json_object_get(range, "applied")));
    }
    assert_int_equal(next, 65536);
    json_decref(root);
}

static void an_epoch_is_open_then_complete(void **state)
{
    struct stage *stage = *state;
    char path[64];
    play_harbour(stage);
    claim(stage, PLAYER, 1, 0, 0);
    const uint64_t epoch = stage->node.now.physical_us / 1000 / STAGE_EPOCH_MS;
    (void)snprintf(path, sizeof path, "/v1/epochs/%llu", (unsigned long long)epoch);
    get(stage, path);
    json_t *root = parsed();
    assert_string_equal(text_of(root, "state"), "open");
    assert_int_equal(json_integer_value(json_object_get(root, "ranges_in")), 0);
    assert_int_equal(json_array_size(json_object_get(root, "missing_ranges")), STAGE_RANGES);
    assert_int_equal(json_array_size(json_object_get(root, "hunts")), 0);
    json_decref(root);

    pass_epochs(stage, 2);
    get(stage, path);
    root = parsed();
    assert_string_equal(text_of(root, "state"), "complete");
    assert_int_equal(json_integer_value(json_object_get(root, "ranges_in")), STAGE_RANGES);
    assert_int_equal(json_integer_value(json_object_get(root, "ranges")), STAGE_RANGES);
    assert_int_equal(json_array_size(json_object_get(root, "summaries")), STAGE_RANGES);
    const json_t *hunt = json_array_get(json_object_get(root, "hunts"), 0);
    assert_string_equal(text_of(hunt, "hunt"), "harbour");
    assert_int_equal(json_integer_value(json_object_get(hunt, "players")), 1);
    json_decref(root);
    get(stage, "/v1/epochs/latest");
    assert_non_null(strstr(reply.body, "\"state\":\"complete\""));
}

/* --- Ends ------------------------------------------------------------------------------------- */

static void an_answer_after_the_server_has_closed_goes_nowhere(void **state)
{
    struct stage *stage = *state;
    play_harbour(stage);
    stage->node.deaf = true;
    const int fd = stage_connect(stage);
    stage_send(fd, &(struct asking){.method = "GET", .path = "/v1/hunts/harbour/players/" PLAYER});
    for (unsigned i = 0; i < PATIENCE && stage->node.asked[0].token == 0; i++)
        stage_turn(stage);
    assert_int_equal(stage->node.kept.kind, QUERY_PLAYER);
    http_server_close(stage->server);
    stage->server = NULL;
    routes_free(stage->routes);
    stage->routes = NULL;
    stage_step(&stage->node, &(struct event){.kind = EVENT_QUERY, .query = stage->node.kept});
    assert_int_equal(stage->node.asked[0].token, 0);
    (void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_unknown_path_is_not_found),
        TEST(a_malformed_path_is_told_so),
        TEST(another_method_is_told_which_are_allowed),
        TEST(head_answers_like_get_without_the_body),
        TEST(unknown_and_double_parameters_are_named),
        TEST(a_node_that_serves_is_healthy_and_ready),
        TEST(a_node_that_stops_is_healthy_but_not_ready),
        TEST(a_hunt_is_put_and_read_back),
        TEST(versions_are_counted_and_kept),
        TEST(a_dry_run_checks_and_changes_nothing),
        TEST(every_fault_of_a_hunt_is_told_with_its_line),
        TEST(a_change_that_is_not_allowed_is_told_with_its_line),
        TEST(a_hunt_must_be_the_one_of_its_path),
        TEST(other_types_of_a_hunt_are_refused),
        cmocka_unit_test(a_token_guards_what_shows_or_changes_hunts),
        TEST(the_only_node_can_be_neither_drained_nor_removed),
        TEST(an_unreadable_token_file_stops_the_start),
        TEST(why_there_is_no_start_is_said),
        TEST(a_claim_is_judged_and_its_receipt_kept),
        TEST(a_receipt_that_left_the_window_is_gone),
        TEST(claims_may_name_their_hunt_in_the_path),
        TEST(a_bad_claim_is_refused_and_named),
        TEST(other_types_of_actions_are_refused),
        TEST(a_node_with_too_much_to_do_turns_claims_away),
        TEST(what_asks_the_core_is_turned_away_too_and_what_is_cheap_is_not),
        TEST(a_node_whose_disk_is_nearly_full_takes_nothing_new),
        TEST(a_request_of_which_nothing_is_known_is_unavailable),
        TEST(a_page_tells_what_a_player_has_and_what_is_open),
        TEST(an_unknown_player_has_an_empty_page),
        TEST(a_page_is_sent_again_only_when_it_has_changed),
        TEST(a_board_that_nobody_has_published_is_not_there_yet),
        TEST(a_board_lists_the_best_page_by_page),
        TEST(a_complete_board_may_be_kept_for_ever),
        TEST(old_and_future_epochs_have_no_board),
        TEST(a_cursor_of_our_own_making_is_refused),
        cmocka_unit_test(a_cursor_reads_back_as_it_was_written),
        TEST(the_ranges_share_all_hashes),
        TEST(an_epoch_is_open_then_complete),
        TEST(an_answer_after_the_server_has_closed_goes_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
