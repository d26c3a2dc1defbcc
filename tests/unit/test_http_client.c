/* tests/unit/test_http_client.c -- The HTTP client against a server that says what a test wants it
 * to, on loopback and on the same event loop. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "node/http_client.h"

#define ANSWER_MS 5000

/* What the server does with each request; it knows its end by the empty line. */
struct script {
    const char *reply; /* NULL: nothing */
    bool byte_by_byte; /* a turn of the loop for each */
    bool closes;       /* after the reply */
};

struct world {
    struct event_base *base;
    struct evconnlistener *listener;
    struct script script;
    uint32_t accepted;
    struct bufferevent *streams[8];
    char received[4096]; /* the last request */
    struct http_url url;
    struct http_client *client;
    uint32_t answers;
};

static void close_stream(struct world *world, struct bufferevent *stream)
{
    for (size_t i = 0; i < sizeof world->streams / sizeof world->streams[0]; i++) {
        if (world->streams[i] == stream)
            world->streams[i] = NULL;
    }
    bufferevent_free(stream);
}

/* A connection that is being sent the reply byte by byte. */
struct drip {
    struct world *world;
    struct bufferevent *stream;
    const char *rest;
};

static void send_byte(evutil_socket_t fd, short what, void *context)
{
    static const struct timeval soon = {.tv_usec = 100};
    struct drip *drip = context;
    (void)fd;
    (void)what;
    if (*drip->rest == '\0') {
        free(drip);
        return;
    }
    assert_int_equal(write(bufferevent_getfd(drip->stream), drip->rest++, 1), 1);
    assert_int_equal(event_base_once(drip->world->base, -1, EV_TIMEOUT, send_byte, drip, &soon), 0);
}

/* Straight to the socket, so that it is sent before the connection is closed. */
static void send_reply(struct world *world, struct bufferevent *stream)
{
    const char *reply = world->script.reply;
    const size_t length = strlen(reply);
    if (!world->script.byte_by_byte) {
        assert_int_equal(write(bufferevent_getfd(stream), reply, length), (ssize_t)length);
        return;
    }
    struct drip *drip = malloc(sizeof *drip);
    assert_non_null(drip);
    *drip = (struct drip){world, stream, reply};
    send_byte(-1, 0, drip);
}

static void on_request(struct bufferevent *stream, void *context)
{
    struct world *world = context;
    struct evbuffer *input = bufferevent_get_input(stream);
    const size_t bytes = evbuffer_get_length(input);
    assert_true(bytes < sizeof world->received);
    (void)evbuffer_copyout(input, world->received, bytes);
    world->received[bytes] = '\0';
    if (strstr(world->received, "\r\n\r\n") == NULL)
        return;
    (void)evbuffer_drain(input, bytes);
    if (world->script.reply != NULL)
        send_reply(world, stream);
    if (world->script.closes)
        close_stream(world, stream);
}

static void on_stream_event(struct bufferevent *stream, short what, void *context)
{
    (void)what;
    close_stream(context, stream);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *name,
                      int size, void *context)
{
    struct world *world = context;
    (void)listener;
    (void)name;
    (void)size;
    struct bufferevent *stream = bufferevent_socket_new(world->base, fd, BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(stream);
    assert_true(world->accepted < sizeof world->streams / sizeof world->streams[0]);
    world->streams[world->accepted++] = stream;
    bufferevent_setcb(stream, on_request, NULL, on_stream_event, world);
    assert_int_equal(bufferevent_enable(stream, EV_READ | EV_WRITE), 0);
}

static void new_client(struct world *world, uint32_t answer_ms, size_t body_bytes_max)
{
    http_client_free(world->client);
    const struct http_client_settings settings = {.base = world->base,
                                                  .url = &world->url,
                                                  .answer_ms = answer_ms,
                                                  .body_bytes_max = body_bytes_max};
    world->client = http_client_new(&settings);
    assert_non_null(world->client);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    char text[64];
    assert_non_null(world);
    world->base = event_base_new();
    assert_non_null(world->base);
    world->listener = evconnlistener_new_bind(world->base, on_accept, world, LEV_OPT_CLOSE_ON_FREE,
                                              16, (const struct sockaddr *)&name, sizeof name);
    assert_non_null(world->listener);
    assert_int_equal(
        getsockname(evconnlistener_get_fd(world->listener), (struct sockaddr *)&name, &size), 0);
    (void)snprintf(text, sizeof text, "http://127.0.0.1:%u/", ntohs(name.sin_port));
    assert_int_equal(http_url_parse(&world->url, text), STATUS_OK);
    new_client(world, ANSWER_MS, 1000);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    http_client_free(world->client);
    for (size_t i = 0; i < sizeof world->streams / sizeof world->streams[0]; i++) {
        if (world->streams[i] != NULL)
            bufferevent_free(world->streams[i]);
    }
    if (world->listener != NULL)
        evconnlistener_free(world->listener);
    event_base_free(world->base);
    free(world);
    return 0;
}

static struct http_response get(struct world *world)
{
    struct http_response response;
    http_client_wait(world->client, &(struct http_call){.method = "GET", .target = "/x"},
                     &response);
    return response;
}

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

static void an_answer_has_its_parts(void **state)
{
    struct world *world = *state;
    world->script.reply = "HTTP/1.1 503 Busy\r\nX: y\r\nRetry-After: 12\r\ncontent-type: a/b\r\n"
                          "Content-Length: 3\r\n\r\nabc";

    const struct http_response response = get(world);

    assert_int_equal(response.failure, HTTP_FAILURE_NONE);
    assert_int_equal(response.status, 503);
    assert_int_equal(response.retry_after_s, 12);
    assert_string_equal(response.content_type, "a/b");
    assert_string_equal(response.body, "abc");
    assert_int_equal(response.body_bytes, 3);
}

static void a_request_has_its_parts(void **state)
{
    struct world *world = *state;
    char expected[400];
    struct http_response response;
    world->script.reply = OK_HELLO;

    http_client_wait(world->client,
                     &(struct http_call){.method = "POST",
                                         .target = "/hunt?a=b",
                                         .token = "secret",
                                         .content_type = "application/json",
                                         .body = "{}",
                                         .body_bytes = 2},
                     &response);

    (void)snprintf(expected, sizeof expected,
                   "POST /hunt?a=b HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer secret\r\n"
                   "Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{}",
                   world->url.authority);
    assert_string_equal(world->received, expected);
}

static void a_connection_is_used_again(void **state)
{
    struct world *world = *state;
    world->script.reply = OK_HELLO;
    for (int i = 0; i < 5; i++)
        assert_string_equal(get(world).body, "hello");
    assert_int_equal(world->accepted, 1);
}

static void an_answer_without_a_body_leaves_the_connection_open(void **state)
{
    struct world *world = *state;
    world->script.reply = "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n";
    assert_int_equal(get(world).status, 304);
    assert_int_equal(get(world).body_bytes, 0);
    assert_int_equal(world->accepted, 1);
}

static void an_answer_may_come_byte_by_byte(void **state)
{
    struct world *world = *state;
    world->script.reply = OK_HELLO;
    world->script.byte_by_byte = true;

    const struct http_response response = get(world);

    assert_string_equal(response.body, "hello");
    assert_string_equal(response.content_type, "text/plain");
    /* The last byte's timer frees what belongs to the reply. */
    assert_true(event_base_loop(world->base, EVLOOP_ONCE) >= 0);
}

static void chunks_are_put_together(void **state)
{
    struct world *world = *state;
    world->script.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
    assert_string_equal(get(world).body, "hello");
    assert_string_equal(get(world).body, "hello");
    assert_int_equal(world->accepted, 1);
}

static void an_answer_may_end_with_its_connection(void **state)
{
    struct world *world = *state;
    world->script.reply = "HTTP/1.1 200 OK\r\n\r\nhello";
    world->script.closes = true;
    assert_string_equal(get(world).body, "hello");
    assert_string_equal(get(world).body, "hello");
    assert_int_equal(world->accepted, 2);
}

static void announcements_are_passed_over(void **state)
{
    struct world *world = *state;
    world->script.reply = "HTTP/1.1 100 Continue\r\n\r\n" OK_HELLO;

    const struct http_response response = get(world);

    assert_int_equal(response.status, 200);
    assert_string_equal(response.body, "hello");
}

static void a_connection_that_is_announced_to_close_is_not_used_again(void **state)
{
    struct world *world = *state;
    world->script.reply = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    assert_string_equal(get(world).body, "ok");
    assert_string_equal(get(world).body, "ok");
    assert_int_equal(world->accepted, 2);
}

static void a_connection_closed_in_between_is_opened_again(void **state)
{
    struct world *world = *state;
    world->script.reply = OK_HELLO;
    assert_string_equal(get(world).body, "hello");
    close_stream(world, world->streams[0]);
    /* The client hears of it in this turn, or the next. */
    for (int i = 0; i < 10; i++)
        assert_true(event_base_loop(world->base, EVLOOP_NONBLOCK) >= 0);

    assert_string_equal(get(world).body, "hello");
    assert_int_equal(world->accepted, 2);
}

static void a_cut_answer_is_a_broken_connection(void **state)
{
    struct world *world = *state;
    static const char *const cuts[] = {"", "HTTP/1.1 200 O",
                                       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"};
    world->script.closes = true;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        world->script.reply = cuts[i];
        assert_int_equal(get(world).failure, HTTP_FAILURE_BROKEN);
    }
}

static void what_is_no_http_is_malformed(void **state)
{
    struct world *world = *state;
    world->script.reply = "SSH-2.0-OpenSSH_9.2\r\n";
    assert_int_equal(get(world).failure, HTTP_FAILURE_MALFORMED);
    world->script.reply = OK_HELLO;
    assert_string_equal(get(world).body, "hello");
}

static void bytes_behind_an_answer_belong_to_nobody(void **state)
{
    struct world *world = *state;
    world->script.reply = OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    assert_string_equal(get(world).body, "hello");
    assert_string_equal(get(world).body, "hello");
    assert_int_equal(world->accepted, 2);
}

static void a_body_over_the_limit_is_refused(void **state)
{
    struct world *world = *state;
    new_client(world, ANSWER_MS, 5);
    world->script.reply = OK_HELLO;
    assert_string_equal(get(world).body, "hello");
    new_client(world, ANSWER_MS, 4);
    assert_int_equal(get(world).failure, HTTP_FAILURE_MALFORMED);
}

static void silence_has_its_limit(void **state)
{
    struct world *world = *state;
    new_client(world, 50, 1000);
    assert_int_equal(get(world).failure, HTTP_FAILURE_LATE);
}

static void a_deadline_is_that_of_its_own_call(void **state)
{
    struct world *world = *state;
    const struct timeval pause = {.tv_usec = 150000};
    new_client(world, 200, 1000);
    world->script.reply = OK_HELLO;
    assert_string_equal(get(world).body, "hello");
    /* The first call's timer is still armed, and fires within the second call. */
    assert_int_equal(event_base_loopexit(world->base, &pause), 0);
    assert_true(event_base_dispatch(world->base) >= 0);
    world->script.reply = NULL;
    struct timeval before, after;
    (void)evutil_gettimeofday(&before, NULL);
    assert_int_equal(get(world).failure, HTTP_FAILURE_LATE);
    (void)evutil_gettimeofday(&after, NULL);
    const int64_t waited_us =
        (int64_t)(after.tv_sec - before.tv_sec) * 1000000 + (after.tv_usec - before.tv_usec);
    assert_true(waited_us >= 190000);
}

static void count_answer(void *context, const struct http_response *response)
{
    struct world *world = context;
    world->answers++;
    assert_int_equal(response->failure, HTTP_FAILURE_CONNECT);
}

static void nobody_listening_is_told_later(void **state)
{
    struct world *world = *state;
    evconnlistener_free(world->listener);
    world->listener = NULL;

    http_client_call(world->client, &(struct http_call){.method = "GET", .target = "/"},
                     count_answer, world);
    assert_int_equal(world->answers, 0);
    while (world->answers == 0)
        assert_true(event_base_loop(world->base, EVLOOP_ONCE) >= 0);
    assert_int_equal(world->answers, 1);
}

static void a_freed_client_tells_nothing(void **state)
{
    struct world *world = *state;
    world->script.reply = OK_HELLO;
    http_client_call(world->client, &(struct http_call){.method = "GET", .target = "/"},
                     count_answer, world);
    http_client_free(world->client);
    world->client = NULL;
    for (int i = 0; i < 10; i++)
        assert_true(event_base_loop(world->base, EVLOOP_NONBLOCK) >= 0);
    assert_int_equal(world->answers, 0);
}

static void urls_are_read(void **state)
{
    (void)state;
    static const char *const good[] = {"http://127.0.0.1:7801", "127.0.0.1:7801",
                                       "HTTP://127.0.0.1:7801/"};
    static const char *const bad[] = {"",
                                      "http://",
                                      "https://127.0.0.1:7801",
                                      "http://127.0.0.1",
                                      "http://127.0.0.1:7801/v1",
                                      "http://127.0.0.1:70000"};
    struct http_url url;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(http_url_parse(&url, good[i]), STATUS_OK);
        assert_string_equal(url.text, "http://127.0.0.1:7801");
        assert_string_equal(url.authority, "127.0.0.1:7801");
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(http_url_parse(&url, bad[i]), STATUS_INVALID);
    assert_int_equal(http_url_parse(&url, "http://[::1]:7801"), STATUS_OK);
    assert_string_equal(url.authority, "[::1]:7801");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_has_its_parts),
        TEST(a_request_has_its_parts),
        TEST(a_connection_is_used_again),
        TEST(an_answer_without_a_body_leaves_the_connection_open),
        TEST(an_answer_may_come_byte_by_byte),
        TEST(chunks_are_put_together),
        TEST(an_answer_may_end_with_its_connection),
        TEST(announcements_are_passed_over),
        TEST(a_connection_that_is_announced_to_close_is_not_used_again),
        TEST(a_connection_closed_in_between_is_opened_again),
        TEST(a_cut_answer_is_a_broken_connection),
        TEST(what_is_no_http_is_malformed),
        TEST(bytes_behind_an_answer_belong_to_nobody),
        TEST(a_body_over_the_limit_is_refused),
        TEST(silence_has_its_limit),
        TEST(a_deadline_is_that_of_its_own_call),
        TEST(nobody_listening_is_told_later),
        TEST(a_freed_client_tells_nothing),
        cmocka_unit_test(urls_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
