/* tests/unit/test_routes_large.c -- Bodies that are read on the other thread: they say what small
 * ones say, are bounded in number, and may outlive the server. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <semaphore.h>

#include "tests/unit/metrics_page.h"
#include "tests/unit/routes_stage.h"
#include "tests/unit/routes_talk.h"

#include "cluster/base/rng.h"
#include "proto/frame_lz4.h"

#define HARBOUR                                                                                    \
    "hunt: harbour\n"                                                                              \
    "plane: flat\n"                                                                                \
    "treasures:\n"                                                                                 \
    "  - { id: gate, at: { x: 0, y: 0 }, radius: 50, points: 10 }\n"

#define WAITING_MAX 32

/* A byte more than is read here. */
#define LARGE_BYTES (ROUTES_LARGE_BYTES + 1)

#define MEBIBYTE ((size_t)1 << 20)

static char large[MEBIBYTE + 2];
static char coded[2 * MEBIBYTE]; /* room for what is not smaller, too */

static int open_harbour(void **state)
{
    return open_harbour_as(state, HARBOUR);
}

/* The text, with spaces behind it up to so many bytes. */
static const char *padded(const char *text, size_t bytes)
{
    assert_true(strlen(text) <= bytes && bytes < sizeof large);
    memset(large, ' ', bytes);
    memcpy(large, text, strlen(text));
    large[bytes] = '\0';
    return large;
}

static const char *claim(unsigned seq, const char *more)
{
    static char text[256];
    (void)snprintf(text, sizeof text,
                   "{\"hunt\":\"harbour\",\"claims\":[{\"player\":\"" PLAYER
                   "\",\"seq\":%u,\"x\":0,\"y\":0,\"time_ms\":5%s}]}",
                   seq, more);
    return text;
}

/* The only result of the last answer. */
static void assert_outcome(const char *outcome)
{
    assert_status(200);
    json_t *root = parsed();
    const json_t *results = json_object_get(root, "results");
    assert_int_equal(json_array_size(results), 1);
    assert_string_equal(text_of(json_array_get(results, 0), "outcome"), outcome);
    json_decref(root);
}

static void a_large_body_says_what_a_small_one_says(void **state)
{
    struct stage *stage = *state;
    static const size_t sizes[] = {ROUTES_LARGE_BYTES - 1, ROUTES_LARGE_BYTES, LARGE_BYTES};
    static const char *const outcomes[] = {"found", "already", "already"};
    for (unsigned i = 0; i < 3; i++) {
        post(stage, "/hunt", padded(claim(i + 1, ""), sizes[i]));
        assert_outcome(outcomes[i]);
    }
    post(stage, "/hunt", padded(claim(1, ""), LARGE_BYTES)); /* once more */
    assert_outcome("found");
}

/* What lies in `coded`, as a frame. */
static void send_frame(struct stage *stage, size_t bytes)
{
    stage_call(stage,
               &(struct asking){.method = "POST",
                                .path = "/hunt",
                                .type = "application/json",
                                .headers = "Content-Encoding: lz4\r\n",
                                .body = coded,
                                .body_bytes = bytes},
               &reply);
}

static void send_coded(struct stage *stage, const char *body)
{
    const size_t bytes = frame_lz4_encode(coded, sizeof coded, body, strlen(body));
    assert_true(bytes > 0);
    send_frame(stage, bytes);
}

static void a_body_that_is_large_without_its_coding_is_too(void **state)
{
    struct stage *stage = *state;
    static const size_t sizes[] = {ROUTES_LARGE_BYTES, LARGE_BYTES};
    send_coded(stage, padded(claim(1, ""), sizes[0]));
    assert_outcome("found");
    send_coded(stage, padded(claim(2, ""), sizes[1]));
    assert_outcome("already");
}

/* Digits that LZ4 makes no smaller than half. */
static void so_is_one_that_is_large_with_it(void **state)
{
    struct stage *stage = *state;
    static char body[4 * LARGE_BYTES];
    struct rng rng;
    rng_init(&rng, 7);
    size_t used = (size_t)snprintf(body, sizeof body, "{\"hunt\":\"harbour\",\"claims\":[\"");
    while (used < sizeof body - 8)
        body[used++] = (char)('0' + rng_below(&rng, 10));
    (void)snprintf(body + used, sizeof body - used, "\"]}");
    assert_true(frame_lz4_encode(coded, sizeof coded, body, strlen(body)) > ROUTES_LARGE_BYTES);
    send_coded(stage, body);
    assert_problem(400, "wrong_type", "claims[0]");
    memset(coded, 'x', LARGE_BYTES);
    send_frame(stage, LARGE_BYTES);
    assert_problem(400, "malformed", "");
}

static void one_that_is_too_large_without_it_is_refused(void **state)
{
    struct stage *stage = *state;
    send_coded(stage, padded(claim(1, ""), MEBIBYTE));
    assert_outcome("found");
    send_coded(stage, padded(claim(2, ""), MEBIBYTE + 1));
    assert_problem(413, "body_too_large", "");
}

/* Wherever the limit lies, just as many bytes are taken, plain and coded. */
static void the_limit_may_be_near_to_what_is_large(void **state)
{
    static const size_t limits[] = {ROUTES_LARGE_BYTES - 1, ROUTES_LARGE_BYTES, LARGE_BYTES};
    for (size_t i = 0; i < 3; i++) {
        stage_body_bytes = (uint32_t)limits[i];
        (void)open_harbour(state);
        stage_body_bytes = MEBIBYTE;
        post(*state, "/hunt", padded(claim(1, ""), limits[i]));
        assert_outcome("found");
        post(*state, "/hunt", padded(claim(2, ""), limits[i] + 1));
        assert_status(413);
        send_coded(*state, padded(claim(2, ""), limits[i]));
        assert_outcome("already");
        send_coded(*state, padded(claim(3, ""), limits[i] + 1));
        assert_problem(413, "body_too_large", "");
        (void)close_stage(state);
    }
}

static void faults_of_a_large_body_are_told(void **state)
{
    struct stage *stage = *state;
    post(stage, "/hunt", padded(claim(1, ",\"z\":1"), LARGE_BYTES));
    assert_problem(400, "unknown_field", "claims[0].z");
    post(stage, "/hunt", padded("{\"hunt\":", LARGE_BYTES));
    assert_problem(400, "malformed", "");
    post(stage, "/hunt", padded("{\"hunt\":\"nobody\",\"claims\":[]}", LARGE_BYTES));
    assert_problem(404, "unknown_hunt", "hunt");
    post(stage, "/v1/hunts/nobody/claims", padded("{\"claims\":[]}", LARGE_BYTES));
    assert_problem(404, "unknown_hunt", "hunt");
    post(stage, "/hunt", claim(1, "")); /* nothing was judged */
    assert_outcome("found");
}

static void a_large_hunt_is_read_and_its_faults_are_told(void **state)
{
    struct stage *stage = *state;
    put_hunt(stage, "/v1/hunts/harbour", padded(HARBOUR "#", LARGE_BYTES));
    assert_status(200);
    put_hunt(stage, "/v1/hunts/harbour", padded(HARBOUR "extra: 1\n#", LARGE_BYTES));
    assert_problem(422, "invalid_hunt", "");
    put_hunt(stage, "/v1/hunts/other", padded(HARBOUR "#", LARGE_BYTES));
    assert_problem(422, "invalid_hunt", "");
    get(stage, "/v1/hunts/harbour");
    json_t *root = parsed();
    assert_int_equal(json_integer_value(json_object_get(root, "version")), 2);
    json_decref(root);
}

/* --- The other thread is busy ----------------------------------------------------------------- */

static sem_t begun, go;

static void hold_up(void *context)
{
    (void)context;
    assert_int_equal(sem_post(&begun), 0);
    assert_int_equal(sem_wait(&go), 0);
}

static void do_nothing(void *context)
{
    (void)context;
}

static struct aside_job holding[WAITING_MAX];

/* So many jobs wait, the first of them for us. */
static void busy(struct stage *stage, unsigned count)
{
    assert_int_equal(sem_init(&begun, 0, 0), 0);
    assert_int_equal(sem_init(&go, 0, 0), 0);
    for (unsigned i = 0; i < count; i++) {
        holding[i] = (struct aside_job){
            .work = i == 0 ? hold_up : do_nothing, .done = do_nothing, .drop = do_nothing};
        aside_run(stage->routes->aside, &holding[i]);
    }
    assert_int_equal(sem_wait(&begun), 0);
}

static void turn_until_done(struct stage *stage)
{
    assert_int_equal(sem_post(&go), 0);
    while (aside_waiting(stage->routes->aside) > 0)
        stage_turn(stage);
}

/* Sends it, and looks at the server until it has come to it: the loop blocks while the thread is
 * busy. */
static int send_large(struct stage *stage, const char *body, unsigned waiting)
{
    const int fd = stage_connect(stage);
    stage_send(fd,
               &(struct asking){
                   .method = "POST", .path = "/hunt", .type = "application/json", .body = body});
    for (unsigned i = 0; i < PATIENCE && aside_waiting(stage->routes->aside) < waiting; i++)
        stage_turn(stage);
    assert_int_equal(aside_waiting(stage->routes->aside), waiting);
    return fd;
}

static int begin(struct stage *stage, const struct asking *asking)
{
    const int fd = stage_connect(stage);
    stage_send(fd, asking);
    return fd;
}

/* The whole answer, without waiting for the thread as stage_receive does. */
static const char *receive_meanwhile(struct stage *stage, int fd)
{
    static char text[REPLY_BYTES];
    size_t used = 0;
    ssize_t got = -1;
    for (unsigned i = 0; i < PATIENCE && got != 0; i++) {
        assert_true(event_base_loop(stage->base, EVLOOP_NONBLOCK) >= 0);
        stage_pass(&stage->node, STEP_US);
        got = recv(fd, text + used, sizeof text - 1 - used, MSG_DONTWAIT);
        used += got > 0 ? (size_t)got : 0;
    }
    assert_int_equal(got, 0);
    text[used] = '\0';
    (void)close(fd);
    return text;
}

static const char *scrape_meanwhile(struct stage *stage)
{
    const int fd = begin(stage, &(struct asking){.method = "GET", .path = "/metrics"});
    return receive_meanwhile(stage, fd);
}

static void small_ones_do_not_wait_for_it(void **state)
{
    struct stage *stage = *state;
    busy(stage, 1);
    const int fd = send_large(stage, padded(claim(1, ""), LARGE_BYTES), 2);
    const int small = begin(stage, &(struct asking){.method = "POST",
                                                    .path = "/hunt",
                                                    .type = "application/json",
                                                    .body = claim(2, "")});
    assert_memory_equal(receive_meanwhile(stage, small), "HTTP/1.1 200", 12);
    assert_int_equal(aside_waiting(stage->routes->aside), 2);
    turn_until_done(stage);
    stage_receive(stage, fd, &reply);
    assert_outcome("already");
    (void)close(fd);
}

static void not_too_many_wait(void **state)
{
    struct stage *stage = *state;
    busy(stage, WAITING_MAX - 1);
    const int last = send_large(stage, padded(claim(1, ""), LARGE_BYTES), WAITING_MAX);
    const int more = begin(stage, &(struct asking){.method = "POST",
                                                   .path = "/hunt",
                                                   .type = "application/json",
                                                   .body = padded(claim(2, ""), LARGE_BYTES)});
    assert_memory_equal(receive_meanwhile(stage, more), "HTTP/1.1 503", 12);
    const char *page = scrape_meanwhile(stage);
    page_assert(page, "cairn_large_bodies_waiting", WAITING_MAX);
    page_assert(page, "cairn_requests_shed_total", 1);
    turn_until_done(stage);
    stage_receive(stage, last, &reply);
    assert_outcome("found");
    page_assert(scrape_meanwhile(stage), "cairn_large_bodies_waiting", 0);
    (void)close(last);
}

/* The stage's clock passes meanwhile; the reading is timed by the machine's. */
static void the_wait_is_no_part_of_the_time_it_takes_to_read(void **state)
{
    struct stage *stage = *state;
    const struct histogram *parse = &stage->node.metrics.parse;
    busy(stage, 1);
    const int fd = send_large(stage, padded(claim(1, ""), LARGE_BYTES), 2);
    stage_pass(&stage->node, UINT64_C(3600) * 1000000);
    turn_until_done(stage);
    stage_receive(stage, fd, &reply);
    assert_status(200);
    assert_int_equal(parse->count, 1);
    assert_true(parse->max_us < UINT64_C(3600) * 1000000);
    (void)close(fd);
}

static void a_client_may_vanish_meanwhile(void **state)
{
    struct stage *stage = *state;
    busy(stage, 1);
    (void)close(send_large(stage, padded(claim(1, ""), LARGE_BYTES), 2));
    (void)scrape_meanwhile(stage); /* after which the server knows */
    turn_until_done(stage);
    const struct http_counters *counters = http_server_counters(stage->server);
    for (unsigned i = 0; i < PATIENCE && counters->connections_open > 0; i++)
        stage_turn(stage);
    assert_int_equal(counters->connections_open, 0);
    post(stage, "/hunt", claim(1, ""));
    assert_outcome("found");
    assert_non_null(strstr(reply.body, "\"replayed\":true"));
}

static void the_server_may_close_meanwhile(void **state)
{
    struct stage *stage = *state;
    busy(stage, 1);
    const int fd = send_large(stage, padded(claim(1, ""), LARGE_BYTES), 2);
    http_server_close(stage->server);
    stage->server = NULL;
    assert_int_equal(aside_waiting(stage->routes->aside), 1);
    turn_until_done(stage);
    (void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_harbour, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_large_body_says_what_a_small_one_says),
        TEST(a_body_that_is_large_without_its_coding_is_too),
        TEST(so_is_one_that_is_large_with_it),
        TEST(one_that_is_too_large_without_it_is_refused),
        cmocka_unit_test(the_limit_may_be_near_to_what_is_large),
        TEST(faults_of_a_large_body_are_told),
        TEST(a_large_hunt_is_read_and_its_faults_are_told),
        TEST(small_ones_do_not_wait_for_it),
        TEST(not_too_many_wait),
        TEST(the_wait_is_no_part_of_the_time_it_takes_to_read),
        TEST(a_client_may_vanish_meanwhile),
        TEST(the_server_may_close_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
