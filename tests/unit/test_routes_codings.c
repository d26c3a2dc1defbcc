/* tests/unit/test_routes_codings.c -- gzip on the answers of GET, and what tags mean with it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <zlib.h>

#include "tests/unit/routes_stage.h"
#include "tests/unit/routes_talk.h"

#include "node/gzip.h"
#include "node/page_cache.h"

#define HARBOUR                                                                                    \
    "hunt: harbour\n"                                                                              \
    "plane: flat\n"                                                                                \
    "treasures:\n"                                                                                 \
    "  - { id: gate, at: { x: 0, y: 0 }, radius: 50, points: 10 }\n"

#define BOARD "/v1/hunts/harbour/leaderboard"

static void ask(struct stage *stage, const char *path, const char *headers)
{
    stage_call(stage, &(struct asking){.method = "GET", .path = path, .headers = headers}, &reply);
}

static bool has(const char *line)
{
    return strstr(reply.head, line) != NULL;
}

/* The last answer's body without its coding. */
static const char *unzipped(void)
{
    static char text[1 << 18];
    z_stream stream = {.next_in = (unsigned char *)reply.body,
                       .avail_in = (uInt)reply.body_bytes,
                       .next_out = (unsigned char *)text,
                       .avail_out = sizeof text - 1};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    text[stream.total_out] = '\0';
    assert_int_equal(inflateEnd(&stream), Z_OK);
    return text;
}

/* A hunt that so many players have found something in, and a complete board of them. */
static void play(struct stage *stage, unsigned players)
{
    static char text[1 << 16];
    put_hunt(stage, "/v1/hunts/harbour", HARBOUR);
    assert_status(200);
    pass_epochs(stage, 3);
    (void)snprintf(text, sizeof text, "{\"claims\":[");
    for (unsigned i = 1; i <= players; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                       "%s{\"player\":\"%08x-0000-4000-8000-000000000000\",\"seq\":1,\"x\":0,"
                       "\"y\":0,\"time_ms\":0}",
                       i > 1 ? "," : "", i);
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "]}");
    post(stage, "/v1/hunts/harbour/claims", text);
    assert_status(200);
    pass_epochs(stage, 2);
}

/* --- Which coding ----------------------------------------------------------------------------- */

static void gzip_is_sent_to_those_who_take_it(void **state)
{
    static const struct {
        const char *accept;
        bool gzip;
    } cases[] = {
        {"gzip", true},
        {"GZIP", true},
        {"deflate, gzip;q=1.0, *;q=0.5", true},
        {"gzip;q=0.001", true},
        {"br;q=1, gzip ; q=0.8", true},
        {"identity;q=0.5, gzip;q=0.5", true},
        {"identity;q=0, gzip;q=0.1", true},
        {"*", true},
        {"*;q=0.1", true},
        {"x-gzip", true},
        {"gzip\r\nAccept-Encoding: br", true},
        {"br\r\nAccept-Encoding: gzip", true},
        {"", false},
        {"br", false},
        {"identity", false},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"gzip;q=0, *", false},
        {"*;q=0", false},
        {"identity;q=1, gzip;q=0.9", false},
        {"identity, *;q=0.5", false},
        {"gzip;q=", false},
        {"gzip;q=2", false},
        {"gzip;q=0.0001", false},
        {"gzip;q=high", false},
        {"gzipped", false},
    };
    struct stage *stage = *state;
    char headers[128];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(headers, sizeof headers, "Accept-Encoding: %s\r\n", cases[i].accept);
        ask(stage, "/metrics", headers);
        assert_status(200);
        if (has("\r\nContent-Encoding: gzip") != cases[i].gzip)
            print_error("Accept-Encoding: %s\n", cases[i].accept);
        assert_int_equal(has("\r\nContent-Encoding: gzip"), cases[i].gzip);
        assert_true(has("\r\nVary: Accept-Encoding"));
    }
    ask(stage, "/metrics", NULL);
    assert_false(has("Content-Encoding"));
    assert_true(has("\r\nVary: Accept-Encoding"));
}

static void what_was_gzipped_reads_as_it_was(void **state)
{
    struct stage *stage = *state;
    play(stage, 30);
    get(stage, BOARD);
    char *plain = strdup(reply.body);
    const size_t plain_bytes = reply.body_bytes;
    ask(stage, BOARD, "Accept-Encoding: gzip\r\n");
    assert_true(has("\r\nContent-Encoding: gzip"));
    assert_true(has("\r\nContent-Type: application/json"));
    assert_true(reply.body_bytes < plain_bytes);
    assert_string_equal(unzipped(), plain);
    /* From what was kept it is the same. */
    ask(stage, BOARD, "Accept-Encoding: gzip\r\n");
    assert_string_equal(unzipped(), plain);
    free(plain);
}

static void head_tells_of_the_gzipped_body(void **state)
{
    char length[64];
    struct stage *stage = *state;
    play(stage, 30);
    ask(stage, BOARD, "Accept-Encoding: gzip\r\n");
    (void)snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", reply.body_bytes);
    const struct asking asking = {
        .method = "HEAD", .path = BOARD, .headers = "Accept-Encoding: gzip\r\n"};
    stage_call(stage, &asking, &reply);
    assert_true(has(length));
    assert_true(has("\r\nContent-Encoding: gzip"));
    assert_int_equal(reply.body_bytes, 0);
}

/* A hunt whose hints are so long that a player's page has so many bytes. */
static void fill_page(struct stage *stage, const char *path, size_t bytes)
{
    char hunt[2048];
    size_t hint = 1;
    do {
        (void)snprintf(hunt, sizeof hunt,
                       "hunt: wide\nplane: flat\ntreasures:\n"
                       "  - { id: a, at: { x: 0, y: 0 }, radius: 1, points: 1, hint: h%0480d }\n"
                       "  - { id: b, at: { x: 9, y: 0 }, radius: 1, points: 1, hint: h%0*d }\n",
                       0, (int)hint, 7);
        put_hunt(stage, "/v1/hunts/wide", hunt);
        assert_status(200);
        pass_epochs(stage, 3);
        get(stage, path);
        assert_true(reply.body_bytes <= bytes);
        hint += bytes - reply.body_bytes;
    } while (reply.body_bytes < bytes);
}

static void small_bodies_stay_as_they_are(void **state)
{
    static const char gzip[] = "Accept-Encoding: gzip\r\n";
    static const char path[] = "/v1/hunts/wide/players/" PLAYER;
    struct stage *stage = *state;
    fill_page(stage, path, 1023);
    ask(stage, path, gzip);
    assert_int_equal(reply.body_bytes, 1023);
    assert_false(has("Content-Encoding"));
    assert_true(has("\r\nVary: Accept-Encoding"));
    fill_page(stage, path, 1024);
    ask(stage, path, gzip);
    assert_true(has("\r\nContent-Encoding: gzip"));
    assert_int_equal(strlen(unzipped()), 1024);
}

static void answers_of_other_methods_and_problems_stay_as_they_are(void **state)
{
    struct stage *stage = *state;
    play(stage, 1);
    ask(stage, "/v1/hunts/nothing/leaderboard", "Accept-Encoding: gzip\r\n");
    assert_problem(404, "unknown_hunt", "hunt");
    assert_false(has("Content-Encoding"));
    const struct asking asking = {.method = "PUT",
                                  .path = "/v1/hunts/harbour",
                                  .type = "application/yaml",
                                  .headers = "Accept-Encoding: gzip\r\n",
                                  .body = HARBOUR};
    stage_call(stage, &asking, &reply);
    assert_status(200);
    assert_false(has("Content-Encoding"));
    assert_false(has("Vary"));
}

/* --- Tags ------------------------------------------------------------------------------------- */

static void ask_unless(struct stage *stage, const char *accept, const char *tag)
{
    char headers[256];
    (void)snprintf(headers, sizeof headers, "Accept-Encoding: %s\r\nIf-None-Match: %s\r\n", accept,
                   tag);
    ask(stage, BOARD, headers);
}

static void each_coding_has_a_tag_of_its_own(void **state)
{
    char plain[64];
    char gzip[64];
    struct stage *stage = *state;
    play(stage, 30);
    get(stage, BOARD);
    take_tag(plain);
    ask(stage, BOARD, "Accept-Encoding: gzip\r\n");
    take_tag(gzip);
    assert_string_not_equal(plain, gzip);
    assert_int_equal(strncmp(plain, gzip, 17), 0);

    ask_unless(stage, "gzip", gzip);
    assert_status(304);
    assert_non_null(strstr(reply.head, gzip));
    assert_true(has("\r\nVary: Accept-Encoding"));
    assert_false(has("Content-Encoding"));
    assert_int_equal(reply.body_bytes, 0);
    ask_unless(stage, "identity", plain);
    assert_status(304);
    assert_non_null(strstr(reply.head, plain));
}

static void what_a_client_has_helps_him_where_he_can_read_it(void **state)
{
    char plain[64];
    char gzip[64];
    char both[192];
    struct stage *stage = *state;
    play(stage, 30);
    get(stage, BOARD);
    take_tag(plain);
    ask(stage, BOARD, "Accept-Encoding: gzip\r\n");
    take_tag(gzip);
    /* The plain body is good for who takes gzip, too; the 304 says which one is meant. */
    ask_unless(stage, "gzip", plain);
    assert_status(304);
    assert_non_null(strstr(reply.head, plain));
    ask_unless(stage, "br", gzip);
    assert_status(200);
    assert_false(has("Content-Encoding"));
    (void)snprintf(both, sizeof both, "%s, W/%s", plain, gzip);
    ask_unless(stage, "gzip", both);
    assert_status(304);
    assert_non_null(strstr(reply.head, gzip));
    ask_unless(stage, "gzip", "*");
    assert_status(304);
    assert_non_null(strstr(reply.head, gzip));
    ask_unless(stage, "gzip", "\"0123456789abcdef-gzip\"");
    assert_status(200);
}

/* --- Pages that are kept ---------------------------------------------------------------------- */

static void pages_of_other_questions_are_other_pages(void **state)
{
    char epoch[64];
    char path[128];
    struct stage *stage = *state;
    play(stage, 30);
    get(stage, BOARD);
    json_t *root = parsed();
    (void)snprintf(epoch, sizeof epoch, "%s", text_of(root, "epoch"));
    json_decref(root);
    pass_epochs(stage, 3);
    get(stage, BOARD "?limit=3");
    root = parsed();
    assert_int_equal(json_array_size(json_object_get(root, "entries")), 3);
    (void)snprintf(path, sizeof path, BOARD "?limit=4&cursor=%s", text_of(root, "next_cursor"));
    assert_string_not_equal(text_of(root, "epoch"), epoch);
    json_decref(root);
    get(stage, path);
    root = parsed();
    assert_int_equal(json_integer_value(json_object_get(
                         json_array_get(json_object_get(root, "entries"), 0), "rank")),
                     4);
    assert_int_equal(json_array_size(json_object_get(root, "entries")), 4);
    json_decref(root);
    (void)snprintf(path, sizeof path, BOARD "?epoch=%s", epoch);
    get(stage, path);
    root = parsed();
    assert_string_equal(text_of(root, "epoch"), epoch);
    json_decref(root);
}

static char *text_page(char letter)
{
    char *text = malloc(1);
    assert_non_null(text);
    *text = letter;
    return text;
}

static void the_page_that_was_not_asked_for_longest_makes_room(void **state)
{
    (void)state;
    static struct page_cache cache;
    struct page_key key = {.epoch = 1, .hunt = 2, .offset = 3, .limit = 0};
    for (key.limit = 0; key.limit < PAGE_CACHE_PAGES; key.limit++)
        assert_int_equal(
            page_cache_add(&cache, &key, text_page((char)('a' + key.limit)), 1)->data[0],
            'a' + (int)key.limit);
    key.limit = 0;
    assert_int_equal(page_cache_find(&cache, &key)->data[0], 'a');
    key.limit = PAGE_CACHE_PAGES;
    (void)page_cache_add(&cache, &key, text_page('z'), 1);
    for (key.limit = 0; key.limit <= PAGE_CACHE_PAGES; key.limit++) {
        if (key.limit == 1)
            assert_null(page_cache_find(&cache, &key));
        else
            assert_non_null(page_cache_find(&cache, &key));
    }
    key.limit = 0;
    key.epoch = 9;
    assert_null(page_cache_find(&cache, &key));
    page_cache_fini(&cache);
}

static void gzip_grows_what_cannot_shrink_only_little(void **state)
{
    (void)state;
    static unsigned char noise[100000];
    uint32_t seed = 1;
    void *data;
    size_t bytes;
    for (size_t i = 0; i < sizeof noise; i++) {
        seed = seed * 1664525 + 1013904223;
        noise[i] = (unsigned char)(seed >> 24);
    }
    assert_int_equal(gzip_encode(&data, &bytes, noise, sizeof noise), STATUS_OK);
    assert_true(bytes < sizeof noise + 200);
    free(data);
    assert_int_equal(gzip_encode(&data, &bytes, noise, 0), STATUS_OK);
    assert_true(bytes >= 18);
    free(data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gzip_is_sent_to_those_who_take_it),
        TEST(what_was_gzipped_reads_as_it_was),
        TEST(head_tells_of_the_gzipped_body),
        TEST(small_bodies_stay_as_they_are),
        TEST(answers_of_other_methods_and_problems_stay_as_they_are),
        TEST(each_coding_has_a_tag_of_its_own),
        TEST(what_a_client_has_helps_him_where_he_can_read_it),
        TEST(pages_of_other_questions_are_other_pages),
        cmocka_unit_test(the_page_that_was_not_asked_for_longest_makes_room),
        cmocka_unit_test(gzip_grows_what_cannot_shrink_only_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
