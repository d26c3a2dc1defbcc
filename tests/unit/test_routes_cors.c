/* tests/unit/test_routes_cors.c -- What web pages of other origins may read and do. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/routes_stage.h"
#include "tests/unit/routes_talk.h"

#define PLAY  "https://play.example"
#define LOCAL "http://localhost:3000"

#define FROM(origin)         "Origin: " origin "\r\n"
#define ASKS(origin, method) FROM(origin) "Access-Control-Request-Method: " method "\r\n"

static void ask(struct stage *stage, const char *method, const char *path, const char *headers)
{
    stage_call(stage, &(struct asking){.method = method, .path = path, .headers = headers}, &reply);
}

static bool has(const char *line)
{
    return strstr(reply.head, line) != NULL;
}

static bool allows(const char *origin)
{
    char line[128];
    (void)snprintf(line, sizeof line, "\r\nAccess-Control-Allow-Origin: %s", origin);
    return has(line) && has("\r\nAccess-Control-Expose-Headers: ETag, Retry-After");
}

static bool allows_nobody(void)
{
    return !has("Access-Control-");
}

static int open_listed(void **state)
{
    static char play[] = PLAY;
    static char local[] = LOCAL;
    static char *items[] = {play, local};
    *state = malloc(sizeof(struct stage));
    assert_non_null(*state);
    stage_open_to(*state, stage_no_text, (struct config_list){.items = items, .count = 2});
    stage_pass(&((struct stage *)*state)->node, STEP_US);
    return 0;
}

static int open_to_all(void **state)
{
    static char all[] = "*";
    static char local[] = LOCAL;
    static char *items[] = {all, local};
    *state = malloc(sizeof(struct stage));
    assert_non_null(*state);
    stage_open_to(*state, stage_no_text, (struct config_list){.items = items, .count = 2});
    stage_pass(&((struct stage *)*state)->node, STEP_US);
    return 0;
}

/* --- Answers ---------------------------------------------------------------------------------- */

static void a_listed_origin_may_read(void **state)
{
    ask(*state, "GET", "/healthz", FROM(PLAY));
    assert_status(200);
    assert_true(allows(PLAY "\r\n"));
    assert_true(has("\r\nVary: Origin"));
    assert_false(has("Access-Control-Allow-Credentials"));
    ask(*state, "GET", "/healthz", FROM(LOCAL));
    assert_true(allows(LOCAL "\r\n"));
}

static void other_origins_may_not(void **state)
{
    static const char *const others[] = {"https://evil.example",
                                         "http://play.example",
                                         "https://play.example:444",
                                         "https://play.example.evil",
                                         "https://PLAY.example",
                                         "https://play.exampl",
                                         "null",
                                         "*",
                                         ""};
    char headers[128];
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        (void)snprintf(headers, sizeof headers, "Origin: %s\r\n", others[i]);
        ask(*state, "GET", "/healthz", headers);
        assert_status(200);
        assert_true(allows_nobody());
        /* Another origin's answer would differ. */
        assert_true(has("\r\nVary: Origin"));
    }
    call(*state, "GET", "/healthz");
    assert_true(allows_nobody());
    assert_true(has("\r\nVary: Origin"));
}

static void nothing_is_said_where_nothing_is_configured(void **state)
{
    ask(*state, "GET", "/healthz", FROM(PLAY));
    assert_status(200);
    assert_true(allows_nobody());
    assert_false(has("Origin"));
}

static void a_star_lets_everybody_read(void **state)
{
    ask(*state, "GET", "/healthz", FROM("https://any.example"));
    assert_true(allows("*\r\n"));
    assert_false(has("Vary: Origin"));
    ask(*state, "GET", "/healthz", FROM(LOCAL));
    assert_true(allows("*\r\n"));
    /* A cache may give this answer to a page later. */
    call(*state, "GET", "/healthz");
    assert_true(allows("*\r\n"));
}

/* A page must be able to read why it was refused. */
static void problems_may_be_read_too(void **state)
{
    struct stage *stage = *state;
    ask(stage, "GET", "/nothing", FROM(PLAY));
    assert_problem(404, "unknown_path", "");
    assert_true(allows(PLAY));
    ask(stage, "DELETE", "/hunt", FROM(PLAY));
    assert_problem(405, "method_not_allowed", "");
    assert_true(allows(PLAY));
    ask(stage, "POST", "/hunt", FROM(PLAY) "Content-Length: 2000000\r\n");
    assert_problem(413, "body_too_large", "");
    assert_true(allows(PLAY));
    ask(stage, "POST", "/hunt", FROM(PLAY));
    assert_problem(411, "length_required", "");
    assert_true(allows(PLAY));
    ask(stage, "GET", "/healthz", FROM(PLAY) "Host: twice\r\n");
    assert_problem(400, "malformed_host", "");
    assert_true(allows(PLAY));
    stage->node.load = 50000;
    ask(stage, "POST", "/hunt", FROM(PLAY) "Content-Length: 0\r\n");
    assert_problem(503, "overloaded", "");
    assert_true(allows(PLAY));
    assert_true(has("\r\nRetry-After: 1"));
}

/* Of a head that cannot be read the origin is not known, and nothing of it may be taken. */
static void what_cannot_be_read_has_no_origin(void **state)
{
    ask(*state, "GET", "/healthz", FROM(PLAY) "Bad Header: x\r\n");
    assert_problem(400, "malformed_request", "");
    assert_true(allows_nobody());
    assert_true(has("\r\nVary: Origin"));
}

static void an_unchanged_answer_may_be_used(void **state)
{
    struct stage *stage = *state;
    char tag[64];
    char headers[256];
    get(stage, "/v1/hunts");
    take_tag(tag);
    (void)snprintf(headers, sizeof headers, FROM(PLAY) "If-None-Match: %s\r\n", tag);
    ask(stage, "GET", "/v1/hunts", headers);
    assert_status(304);
    assert_true(allows(PLAY));
    assert_true(has("\r\nVary: Origin"));
    assert_true(has("\r\nVary: Accept-Encoding"));
}

/* --- Preflights ------------------------------------------------------------------------------- */

static void assert_preflight(struct stage *stage, const char *path, const char *methods)
{
    char line[128];
    ask(stage, "OPTIONS", path, ASKS(PLAY, "GET"));
    assert_status(204);
    assert_int_equal(reply.body_bytes, 0);
    assert_true(allows(PLAY));
    (void)snprintf(line, sizeof line, "\r\nAccess-Control-Allow-Methods: %s\r\n", methods);
    assert_true(has(line));
    (void)snprintf(line, sizeof line, "\r\nAllow: %s\r\n", methods);
    assert_true(has(line));
    assert_true(has("\r\nAccess-Control-Allow-Headers: Authorization, Content-Type, "
                    "Content-Encoding, If-None-Match\r\n"));
    assert_true(has("\r\nAccess-Control-Max-Age: "));
}

static void each_path_tells_a_browser_what_it_allows(void **state)
{
    static const char read_only[] = "GET, HEAD, OPTIONS";
    static const char *const paths[] = {"/v1/hunts/h/players/" PLAYER,
                                        "/v1/hunts/h/players/" PLAYER "/actions/1",
                                        "/v1/hunts/h/leaderboard",
                                        "/v1/hunts/h/leaderboard/around/" PLAYER,
                                        "/v1/hunts/h/awards",
                                        "/v1/hunts",
                                        "/v1/epochs/latest",
                                        "/v1/cluster",
                                        "/v1/openapi.yaml",
                                        "/healthz",
                                        "/readyz",
                                        "/metrics"};
    assert_preflight(*state, "/hunt", "POST, OPTIONS");
    assert_preflight(*state, "/v1/hunts/h/claims", "POST, OPTIONS");
    assert_preflight(*state, "/v1/hunts/h", "GET, HEAD, PUT, OPTIONS");
    assert_preflight(*state, "/v1/cluster/nodes/n1/drain", "POST, OPTIONS");
    assert_preflight(*state, "/v1/cluster/nodes/n1", "DELETE, OPTIONS");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_preflight(*state, paths[i], read_only);
}

static void others_learn_the_methods_only(void **state)
{
    ask(*state, "OPTIONS", "/v1/hunts", ASKS("https://evil.example", "GET"));
    assert_status(204);
    assert_true(allows_nobody());
    assert_true(has("\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    call(*state, "OPTIONS", "/v1/hunts");
    assert_status(204);
    assert_true(allows_nobody());
    call(*state, "OPTIONS", "*");
    assert_status(204);
    assert_true(has("\r\nAllow: GET, HEAD, POST, PUT"));
    call(*state, "OPTIONS", "/nothing");
    assert_problem(404, "unknown_path", "");
}

static void a_preflight_of_anybody_is_allowed_by_a_star(void **state)
{
    ask(*state, "OPTIONS", "/hunt", ASKS("https://any.example", "POST"));
    assert_status(204);
    assert_true(allows("*\r\n"));
    assert_true(has("\r\nAccess-Control-Allow-Methods: POST, OPTIONS\r\n"));
}

/* --- Pages on this machine -------------------------------------------------------------------- */

static void without_a_token_only_listed_pages_may_do_what_an_administrator_may(void **state)
{
    struct stage *stage = *state;
    ask(stage, "GET", "/v1/hunts/harbour", FROM("https://any.example"));
    assert_problem(403, "foreign_origin", "");
    ask(stage, "PUT", "/v1/hunts/harbour", FROM("null") "Content-Length: 0\r\n");
    assert_problem(403, "foreign_origin", "");
    ask(stage, "GET", "/v1/hunts/harbour", FROM(LOCAL));
    assert_problem(404, "unknown_hunt", "hunt");
    call(stage, "GET", "/v1/hunts/harbour");
    assert_problem(404, "unknown_hunt", "hunt");
}

#define LISTED(name) cmocka_unit_test_setup_teardown(name, open_listed, close_stage)
#define STAR(name)   cmocka_unit_test_setup_teardown(name, open_to_all, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LISTED(a_listed_origin_may_read),
        LISTED(other_origins_may_not),
        cmocka_unit_test_setup_teardown(nothing_is_said_where_nothing_is_configured, open_stage,
                                        close_stage),
        STAR(a_star_lets_everybody_read),
        LISTED(problems_may_be_read_too),
        LISTED(what_cannot_be_read_has_no_origin),
        LISTED(an_unchanged_answer_may_be_used),
        LISTED(each_path_tells_a_browser_what_it_allows),
        LISTED(others_learn_the_methods_only),
        STAR(a_preflight_of_anybody_is_allowed_by_a_star),
        STAR(without_a_token_only_listed_pages_may_do_what_an_administrator_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
