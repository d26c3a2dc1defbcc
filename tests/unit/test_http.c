/* tests/unit/test_http.c -- The HTTP server, over real sockets on loopback. Server and clients
 * share one thread: a client that waits turns the server's event loop meanwhile. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>

#include "node/http.h"
#include "node/loop.h"

#define PATIENCE_MS 10000
#define BIG_BYTES   ((size_t)16 << 20)
#define HELD_MAX    8
#define CROWD       40
#define SLOW_US     500
#define BEAT_US     2000

struct world {
    struct event_base *base;
    struct http_settings settings;
    struct http_server *server;
    unsigned handled;
    struct http_request *held[HELD_MAX];
    size_t held_count;
    unsigned released;
    char *big;
    struct loop_event *beat;
    unsigned handled_at_beat;
};

struct client {
    struct world *world;
    int fd;
    bool ended; /* the server sends no more, or reset the connection */
    char *data; /* received and not yet read as a reply */
    size_t used;
    size_t capacity;
};

struct reply {
    int status;
    char head[4096];
    char body[8192];
    size_t body_bytes; /* of which `body` has the first */
};

/* The handler. */

static void count_release(void *state)
{
    struct world *world = state;
    world->released++;
}

static void reply_text(struct http_request *request, const char *text)
{
    http_reply(request, &(struct http_answer){
                            .status = 200,
                            .content_type = "text/plain",
                            .body = text,
                            .body_bytes = strlen(text),
                        });
}

/* "POST /echo a=1 [body]" */
static void reply_echo(struct http_request *request)
{
    char text[4096];
    (void)snprintf(text, sizeof text, "%s %s %s [%.1000s]", http_request_method(request),
                   http_request_path(request), http_request_query(request),
                   (const char *)http_request_body(request));
    reply_text(request, text);
}

static void reply_size(struct http_request *request)
{
    char text[32];
    const char *body = http_request_body(request);
    const size_t bytes = http_request_body_bytes(request);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(body[i], 'a' + (int)(i % 26));
    (void)snprintf(text, sizeof text, "%zu", bytes);
    reply_text(request, text);
}

static void reply_facts(struct http_request *request)
{
    char text[512];
    const char *trace = http_request_header(request, "x-TRACE");
    (void)snprintf(text, sizeof text, "trace=%s json=%d lz4=%d gzip=%d keep=%d loopback=%d late=%d",
                   trace != NULL ? trace : "(none)",
                   http_request_is_type(request, "application/json"),
                   http_request_accepts_coding(request, "lz4"),
                   http_request_accepts_coding(request, "gzip"), http_request_keeps_alive(request),
                   http_request_is_loopback(request), http_request_received_us(request) == 0);
    reply_text(request, text);
}

/* Takes its time; the first one sets an urgent timer. */
static void reply_slowly(struct http_request *request, struct world *world)
{
    struct timespec now;
    struct timespec start;
    if (world->handled == 1)
        loop_timer_after(world->beat, BEAT_US);
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &start), 0);
    do
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    while ((now.tv_sec - start.tv_sec) * 1000000 + (now.tv_nsec - start.tv_nsec) / 1000 < SLOW_US);
    reply_text(request, "done");
}

static void hold(struct http_request *request, struct world *world)
{
    assert_true(world->held_count < HELD_MAX);
    http_request_hold(request, world, count_release);
    world->held[world->held_count++] = request;
}

static void handle(struct http_request *request, void *context)
{
    struct world *world = context;
    const char *path = http_request_path(request);
    world->handled++;
    if (strcmp(path, "/later") == 0)
        hold(request, world);
    else if (strcmp(path, "/size") == 0)
        reply_size(request);
    else if (strcmp(path, "/slow") == 0)
        reply_slowly(request, world);
    else if (strcmp(path, "/facts") == 0)
        reply_facts(request);
    else if (strcmp(path, "/big") == 0)
        http_reply(request, &(struct http_answer){
                                .status = 200, .body = world->big, .body_bytes = BIG_BYTES});
    else if (strcmp(path, "/nothing") == 0)
        http_reply(request, &(struct http_answer){.status = 204});
    else if (strcmp(path, "/problem") == 0)
        http_reply_problem(request, &(struct http_problem){.status = 422,
                                                           .code = "bad_claim",
                                                           .detail = "no \"x\" \xff here",
                                                           .field = "claims[3].x"});
    else if (strcmp(path, "/busy") == 0)
        http_reply_problem(request, &(struct http_problem){.status = 429, .retry_after_s = 7});
    else if (strcmp(path, "/inject") == 0)
        http_reply(request, &(struct http_answer){
                                .status = 200,
                                .headers = &(struct http_header){"X-Name", "a\r\nX-Evil: b"},
                                .headers_count = 1});
    else if (strcmp(path, "/stop") == 0) {
        http_server_stop(world->server);
        reply_echo(request);
    } else
        reply_echo(request);
}

/* The world. */

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->base = event_base_new();
    assert_non_null(world->base);
    assert_int_equal(event_base_priority_init(world->base, 2), 0);
    http_settings_init(&world->settings);
    world->settings.listen = "127.0.0.1:0";
    world->settings.priority = 1;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    http_server_close(world->server);
    event_base_free(world->base);
    free(world->big);
    free(world);
    return 0;
}

static void start(struct world *world)
{
    assert_int_equal(
        http_server_start(&world->server, &world->settings, world->base, handle, world), STATUS_OK);
}

static const struct http_counters *counters(const struct world *world)
{
    return http_server_counters(world->server);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One turn of the loop; waits at most a moment when nothing happens. */
static void turn(struct world *world)
{
    const struct timeval moment = {.tv_sec = 0, .tv_usec = 1000};
    assert_int_equal(event_base_loopexit(world->base, &moment), 0);
    assert_true(event_base_loop(world->base, EVLOOP_ONCE) >= 0);
}

#define WAIT_UNTIL(world, condition)                                                               \
    for (uint64_t until_ms = now_ms() + PATIENCE_MS; !(condition);) {                              \
        assert_true(now_ms() < until_ms);                                                          \
        turn(world);                                                                               \
    }

/* Clients. */

static void client_open(struct client *client, struct world *world)
{
    *client = (struct client){.world = world};
    const char *address = http_server_address(world->server);
    const char *colon = strrchr(address, ':');
    assert_non_null(colon);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(client->fd >= 0);
    const int on = 1;
    assert_int_equal(setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&to, sizeof to), 0);
}

static void client_close(struct client *client)
{
    if (client->fd >= 0)
        assert_int_equal(close(client->fd), 0);
    client->fd = -1;
    free(client->data);
    client->data = NULL;
}

/* What is there; false when that is nothing. */
static bool client_receive(struct client *client)
{
    if (client->used == client->capacity) {
        client->capacity = client->capacity > 0 ? client->capacity * 2 : 65536;
        client->data = realloc(client->data, client->capacity);
        assert_non_null(client->data);
    }
    const ssize_t got = recv(client->fd, client->data + client->used,
                             client->capacity - client->used, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return false;
    client->ended = client->ended || got <= 0;
    client->used += got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* Goes on receiving meanwhile, as a client must that sends more than the buffers hold; stops when
 * the server closed. */
static void client_send_bytes(struct client *client, const char *data, size_t bytes)
{
    const uint64_t until_ms = now_ms() + PATIENCE_MS;
    while (bytes > 0 && !client->ended) {
        const ssize_t sent = send(client->fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        assert_true(now_ms() < until_ms);
        if (sent > 0) {
            data += sent;
            bytes -= (size_t)sent;
            continue;
        }
        if (errno == EPIPE || errno == ECONNRESET)
            return;
        assert_int_equal(errno, EAGAIN);
        turn(client->world);
    }
}

static void client_send(struct client *client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

static size_t head_length(const struct client *client)
{
    const char *end = client->used > 0 ? memmem(client->data, client->used, "\r\n\r\n", 4) : NULL;
    return end != NULL ? (size_t)(end - client->data) + 4 : 0;
}

static void client_consume(struct client *client, size_t bytes)
{
    assert_true(bytes <= client->used);
    memmove(client->data, client->data + bytes, client->used - bytes);
    client->used -= bytes;
}

static size_t content_length(const char *head)
{
    const char *field = strstr(head, "\r\nContent-Length: ");
    return field != NULL ? strtoul(field + strlen("\r\nContent-Length: "), NULL, 10) : 0;
}

static void client_await(struct client *client, size_t bytes)
{
    WAIT_UNTIL(client->world, client_receive(client) || client->used >= bytes || client->ended);
    while (client->used < bytes) {
        assert_false(client->ended);
        WAIT_UNTIL(client->world, client_receive(client) || client->ended);
    }
}

static void read_head(struct client *client, struct reply *reply)
{
    memset(reply, 0, sizeof *reply);
    while (head_length(client) == 0) {
        assert_false(client->ended);
        client_await(client, client->used + 1);
    }
    const size_t bytes = head_length(client);
    assert_true(bytes < sizeof reply->head);
    memcpy(reply->head, client->data, bytes);
    assert_memory_equal(reply->head, "HTTP/1.1 ", 9);
    reply->status = (int)strtol(reply->head + 9, NULL, 10);
    client_consume(client, bytes);
}

static void read_reply(struct client *client, struct reply *reply)
{
    read_head(client, reply);
    reply->body_bytes = content_length(reply->head);
    if (reply->body_bytes == 0)
        return;
    client_await(client, reply->body_bytes);
    const size_t kept =
        reply->body_bytes < sizeof reply->body ? reply->body_bytes : sizeof reply->body - 1;
    memcpy(reply->body, client->data, kept);
    client_consume(client, reply->body_bytes);
}

static void expect_end(struct client *client)
{
    WAIT_UNTIL(client->world, !client_receive(client) && client->ended);
    assert_int_equal(client->used, 0);
}

static void expect_body(struct client *client, const char *body)
{
    struct reply reply;
    read_reply(client, &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, body);
}

static bool has_line(const struct reply *reply, const char *line)
{
    char text[256];
    (void)snprintf(text, sizeof text, "\r\n%s\r\n", line);
    return strstr(reply->head, text) != NULL;
}

/* A problem of that status in the right form, after which the server closes. */
static void expect_refusal(struct client *client, int status)
{
    struct reply reply;
    read_reply(client, &reply);
    assert_int_equal(reply.status, status);
    assert_true(has_line(&reply, "Content-Type: application/problem+json"));
    assert_true(has_line(&reply, "Connection: close"));
    json_t *problem = json_loads(reply.body, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(problem);
    assert_string_equal(json_string_value(json_object_get(problem, "type")), "about:blank");
    assert_true(json_string_length(json_object_get(problem, "title")) > 0);
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), status);
    assert_true(json_string_length(json_object_get(problem, "code")) > 0);
    json_decref(problem);
    expect_end(client);
}

static void expect_refused(struct world *world, const char *request, int status)
{
    struct client client;
    const unsigned handled = world->handled;
    client_open(&client, world);
    client_send(&client, request);
    WAIT_UNTIL(world, client_receive(&client));
    if (world->handled != handled)
        print_message("taken: %s\n", request);
    assert_int_equal(world->handled, handled);
    expect_refusal(&client, status);
    client_close(&client);
}

/* "a" to "z" over and over. */
static char *letters(size_t bytes)
{
    char *text = malloc(bytes + 1);
    assert_non_null(text);
    for (size_t i = 0; i < bytes; i++)
        text[i] = (char)('a' + (int)(i % 26));
    text[bytes] = '\0';
    return text;
}

/* Requests and replies. */

static void a_post_is_answered_and_the_connection_stays_open(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);

    client_send(&client, "POST /echo?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    expect_body(&client, "POST /echo a=1 [hello]");
    client_send(&client, "GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_body(&client, "GET /again  []");

    assert_int_equal(counters(world)->connections_total, 1);
    assert_int_equal(counters(world)->requests, 2);
    assert_int_equal(counters(world)->replies[2], 2);
    assert_int_equal(counters(world)->answer_time.count, 2);
    client_close(&client);
}

static void a_reply_has_date_type_and_length(void **state)
{
    struct world *world = *state;
    struct client client;
    struct reply reply;
    start(world);
    client_open(&client, world);

    client_send(&client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    read_reply(&client, &reply);

    assert_memory_equal(reply.head, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(reply.head, "\r\nDate: "));
    assert_non_null(strstr(reply.head, " GMT\r\n"));
    assert_true(has_line(&reply, "Content-Type: text/plain"));
    assert_true(has_line(&reply, "Content-Length: 9"));
    assert_null(strstr(reply.head, "Connection:"));
    client_close(&client);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    struct world *world = *state;
    static const char *const requests[] = {
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n",
    };
    struct client client;
    start(world);
    client_open(&client, world);
    for (size_t i = 0; i < 2; i++) {
        for (const char *at = requests[i]; *at != '\0'; at++) {
            const uint64_t before = counters(world)->requests;
            client_send_bytes(&client, at, 1);
            turn(world);
            turn(world);
            assert_true(at[1] == '\0' || counters(world)->requests == before);
        }
        expect_body(&client, "POST /echo  [hello]");
    }
    client_close(&client);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);

    client_send(&client, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
                         "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
                         "POST /3 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
                         "GET /4 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_body(&client, "GET /1  []");
    WAIT_UNTIL(world, world->held_count == 1);
    turn(world);
    assert_int_equal(world->handled, 2);

    reply_text(world->held[0], "two");
    /* The next one is not handled inside the reply. */
    assert_int_equal(world->handled, 2);
    expect_body(&client, "two");
    expect_body(&client, "POST /3  [hi]");
    expect_body(&client, "GET /4  []");
    client_close(&client);
}

static void a_long_run_of_pipelined_requests_is_answered(void **state)
{
    struct world *world = *state;
    struct client client;
    char path[64];
    char body[64];
    start(world);
    client_open(&client, world);
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(path, sizeof path, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
        client_send(&client, path);
    }
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(body, sizeof body, "GET /%d  []", i);
        expect_body(&client, body);
    }
    client_close(&client);
}

static void what_a_client_sends_ahead_stays_in_the_kernel(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);
    client_send(&client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_UNTIL(world, world->held_count == 1);

    /* The sockets' buffers end; ours must not take up what they cannot. */
    const char chunk[4096] = {0};
    size_t accepted = 0;
    for (int refusals = 0; refusals < 50;) {
        const ssize_t sent = send(client.fd, chunk, sizeof chunk, MSG_DONTWAIT | MSG_NOSIGNAL);
        accepted += sent > 0 ? (size_t)sent : 0;
        assert_true(accepted < (size_t)64 << 20);
        if (sent > 0)
            continue;
        refusals++;
        turn(world);
    }
    assert_true(counters(world)->bytes_in < 100);
    /* Nor does the full input keep the loop busy. */
    assert_int_equal(event_base_get_num_events(world->base, EVENT_BASE_COUNT_ACTIVE), 0);
    client_close(&client);
    reply_text(world->held[0], "late");
}

static void a_half_closed_client_gets_its_answers(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);

    client_send(&client, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /later HTTP/1.1\r\nHost: x\r\n\r\n"
                         "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    expect_body(&client, "GET /1  []");
    WAIT_UNTIL(world, world->held_count == 1);
    for (int i = 0; i < 5; i++)
        turn(world);
    assert_false(http_request_is_gone(world->held[0]));
    reply_text(world->held[0], "two");

    expect_body(&client, "two");
    expect_body(&client, "GET /3  []");
    expect_end(&client);
    assert_int_equal(counters(world)->connections_open, 0);
    client_close(&client);
}

/* More than what is refused has come, and the end too, before the answer leaves. */
static void a_half_closed_client_sees_why_it_is_refused(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);
    client_send(&client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
                         "GET /2 HTTP/1.1\nHost: x\r\n\r\nand more");
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    WAIT_UNTIL(world, world->held_count == 1);
    for (int i = 0; i < 5; i++)
        turn(world);
    reply_text(world->held[0], "one");

    expect_body(&client, "one");
    expect_refusal(&client, 400);
    assert_int_equal(counters(world)->connections_open, 0);
    client_close(&client);
}

static void half_a_request_and_an_end_is_400(void **state)
{
    struct world *world = *state;
    static const char *const requests[] = {
        "GET / HT",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhi",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi",
    };
    start(world);
    for (size_t i = 0; i < 3; i++) {
        struct client client;
        client_open(&client, world);
        client_send(&client, requests[i]);
        assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
        expect_refusal(&client, 400);
        client_close(&client);
    }
    assert_int_equal(world->handled, 0);
}

static void keep_alive_follows_version_and_connection_header(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *request;
        const char *line; /* of the reply */
        bool stays;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "Connection: close", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Close, x\r\n\r\n", "Connection: close", false},
        {"GET / HTTP/1.0\r\n\r\n", "Connection: close", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", "Content-Length: 9", true},
    };
    start(world);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client client;
        struct reply reply;
        client_open(&client, world);
        client_send(&client, cases[i].request);
        read_reply(&client, &reply);
        assert_int_equal(reply.status, 200);
        assert_true(has_line(&reply, cases[i].line));
        if (cases[i].stays) {
            client_send(&client, cases[i].request);
            read_reply(&client, &reply);
            assert_int_equal(reply.status, 200);
        } else {
            expect_end(&client);
        }
        client_close(&client);
    }
}

static void a_connection_serves_no_more_requests_than_set(void **state)
{
    struct world *world = *state;
    struct client client;
    struct reply reply;
    world->settings.requests_per_connection_max = 2;
    start(world);
    client_open(&client, world);
    client_send(&client, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
                         "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    read_reply(&client, &reply);
    assert_null(strstr(reply.head, "Connection:"));
    read_reply(&client, &reply);
    assert_true(has_line(&reply, "Connection: close"));
    expect_end(&client);
    assert_int_equal(world->handled, 2);
    client_close(&client);
}

static void head_is_answered_like_get_without_a_body(void **state)
{
    struct world *world = *state;
    struct client client;
    struct reply reply;
    start(world);
    client_open(&client, world);
    client_send(&client, "HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n");
    read_head(&client, &reply);
    assert_int_equal(reply.status, 200);
    assert_true(has_line(&reply, "Content-Length: 13")); /* "HEAD /abc  []" */
    client_send(&client, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    read_head(&client, &reply);
    assert_int_equal(reply.status, 204);
    assert_null(strstr(reply.head, "Content-Length"));
    client_send(&client, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_body(&client, "GET /next  []");
    client_close(&client);
}

static void a_request_tells_its_headers_and_origin(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);
    client_send(&client, "GET /facts HTTP/1.1\r\nHost: x\r\nX-Trace: \t one two \t \r\nX-Empty:\r\n"
                         "Content-Type: Application/JSON; charset=utf-8\r\n"
                         "Accept-Encoding: br, gzip;q=0\r\nAccept-Encoding: identity,LZ4 ; q=0.5"
                         "\r\n\r\n");
    expect_body(&client, "trace=one two json=1 lz4=1 gzip=0 keep=1 loopback=1 late=0");
    client_send(&client, "GET /facts HTTP/1.1\r\nHost:\r\nContent-Type: application/jsonp\r\n"
                         "Accept-Encoding: lz4;q=0.00, gzip\r\nConnection: close\r\n\r\n");
    expect_body(&client, "trace=(none) json=0 lz4=0 gzip=1 keep=0 loopback=1 late=0");
    client_close(&client);
}

static void the_absolute_form_is_understood(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);
    client_send(&client, "GET http://h:1/a/b?c HTTP/1.1\r\nHost: h:1\r\n\r\n"
                         "GET http://h HTTP/1.1\r\nHost: h\r\n\r\n"
                         "GET http://h?q=1 HTTP/1.1\r\nHost: h\r\n\r\n"
                         "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_body(&client, "GET /a/b c []");
    expect_body(&client, "GET /  []");
    expect_body(&client, "GET / q=1 []");
    expect_body(&client, "OPTIONS *  []");
    client_close(&client);
}

static void empty_lines_before_a_request_are_forgiven(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);
    client_send(&client, "\r\n\r\nGET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_body(&client, "GET /1  []");
    client_close(&client);
}

static void a_problem_says_code_detail_and_field(void **state)
{
    struct world *world = *state;
    struct client client;
    struct reply reply;
    start(world);
    client_open(&client, world);
    client_send(&client, "GET /problem HTTP/1.1\r\nHost: x\r\n\r\n");
    read_reply(&client, &reply);
    assert_int_equal(reply.status, 422);
    assert_string_equal(reply.body, "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\","
                                    "\"status\":422,\"code\":\"bad_claim\",\"detail\":"
                                    "\"no \\\"x\\\" ? here\",\"field\":\"claims[3].x\"}");
    client_send(&client, "GET /busy HTTP/1.1\r\nHost: x\r\n\r\n");
    read_reply(&client, &reply);
    assert_int_equal(reply.status, 429);
    assert_true(has_line(&reply, "Retry-After: 7"));
    assert_non_null(strstr(reply.body, "\"retryable\":true"));
    client_close(&client);
}

static void a_header_value_cannot_start_another_header(void **state)
{
    struct world *world = *state;
    struct client client;
    struct reply reply;
    start(world);
    client_open(&client, world);
    client_send(&client, "GET /inject HTTP/1.1\r\nHost: x\r\n\r\n");
    read_reply(&client, &reply);
    assert_true(has_line(&reply, "X-Name: a  X-Evil: b"));
    client_close(&client);
}

/* Bodies. */

static void chunks_are_put_together(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
                         "5\r\nhello\r\n00a;x=\"y\"\r\n, you all!\r\n0\r\nA: b\r\nC: d\r\n\r\n"
                         "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "0\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_body(&client, "POST /echo  [hello, you all!]");
    expect_body(&client, "POST /echo  []");
    expect_body(&client, "GET /3  []");
    client_close(&client);
}

static void send_sized(struct client *client, size_t bytes)
{
    char head[128];
    char *body = letters(bytes);
    (void)snprintf(head, sizeof head,
                   "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", bytes);
    client_send(client, head);
    client_send_bytes(client, body, bytes);
    free(body);
}

/* Two chunks, of which the second is small. */
static void send_chunked(struct client *client, size_t bytes)
{
    char size[32];
    char *body = letters(bytes);
    client_send(client, "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    (void)snprintf(size, sizeof size, "%zX\r\n", bytes - 5);
    client_send(client, size);
    client_send_bytes(client, body, bytes - 5);
    client_send(client, "\r\n5\r\n");
    client_send_bytes(client, body + bytes - 5, 5);
    client_send(client, "\r\n0\r\n\r\n");
    free(body);
}

static void a_body_may_be_as_long_as_the_limit(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);
    send_sized(&client, 1048575);
    expect_body(&client, "1048575");
    send_sized(&client, 1048576);
    expect_body(&client, "1048576");
    send_chunked(&client, 1048575);
    expect_body(&client, "1048575");
    send_chunked(&client, 1048576);
    expect_body(&client, "1048576");
    client_close(&client);
}

static void a_longer_body_is_413_and_the_client_sees_it(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);

    client_open(&client, world);
    send_sized(&client, 1048577);
    expect_refusal(&client, 413);
    client_close(&client);

    /* The rest is dropped: a client that first sends everything is not cut off. */
    client_open(&client, world);
    send_sized(&client, (size_t)6 << 20);
    assert_false(client.ended);
    expect_refusal(&client, 413);
    client_close(&client);

    client_open(&client, world);
    send_chunked(&client, 1048577);
    expect_refusal(&client, 413);
    client_close(&client);
    assert_int_equal(world->handled, 0);
}

static void dropping_the_rest_ends_after_8_mib(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);
    send_sized(&client, (size_t)64 << 20);
    WAIT_UNTIL(world, counters(world)->connections_open == 0);
    assert_in_range(counters(world)->bytes_in, (8 << 20), (8 << 20) + 65536);
    client_close(&client);
}

static void a_413_needs_no_body_to_be_sent(void **state)
{
    struct world *world = *state;
    start(world);
    expect_refused(world,
                   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999999999\r\n\r\n", 413);
    expect_refused(
        world, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n", 413);
}

static void a_body_without_a_length_is_411(void **state)
{
    struct world *world = *state;
    start(world);
    expect_refused(world, "POST / HTTP/1.1\r\nHost: x\r\n\r\n", 411);
    expect_refused(world, "PUT / HTTP/1.1\r\nHost: x\r\n\r\n", 411);
    expect_refused(world, "POST / HTTP/1.0\r\n\r\n", 411);
}

static void expect_100_is_answered_before_the_body(void **state)
{
    struct world *world = *state;
    struct client client;
    struct reply reply;
    start(world);
    client_open(&client, world);
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                         "Expect: 100-Continue\r\n\r\n");
    read_head(&client, &reply);
    assert_int_equal(reply.status, 100);
    client_send(&client, "hi");
    expect_body(&client, "POST /echo  [hi]");

    /* Who has begun to send does not wait; 1.0 does not know of it. */
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                         "Expect: 100-continue\r\n\r\nho");
    expect_body(&client, "POST /echo  [ho]");
    client_send(&client,
                "POST /echo HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    client_send(&client, "he");
    expect_body(&client, "POST /echo  [he]");
    client_close(&client);

    expect_refused(world,
                   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n"
                   "Expect: 100-continue\r\n\r\n",
                   413);
    expect_refused(
        world, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: a-pony\r\n\r\n", 417);
}

/* What is refused. */

static void ambiguous_framing_is_400(void **state)
{
    struct world *world = *state;
    static const char *const lines[] = {
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999999999\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunkedx\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding:\013chunked\r\n",
        "Content-Length : 5\r\n",
        "Content-Length\t: 5\r\n",
        " Content-Length: 5\r\n",
        "Content-Length: \r\n 5\r\n",
        "X: a\r\n b\r\nContent-Length: 5\r\n",
        "X: a\r\n\tb\r\nContent-Length: 5\r\n",
        "X: a\nContent-Length: 5\r\n",
        "X: a\rContent-Length: 5\r\n",
        "X: a\r\r\nContent-Length: 5\r\n",
        "Content-Length: 5\n",
        "Content-Length: 5\r\nHost: y\r\n",
        "Content-Length: 5\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n",
        "Content-Length: 5\r\nX\r\n",
        "Content-Length: 5\r\n: x\r\n",
        "Content-Length: 5\r\nX Y: x\r\n",
        "Content-Length: 5\r\nX(: x\r\n",
        "Content-Length: 5\r\nX: \x01\r\n",
        "Content-Length: 5\r\nX: \x7f\r\n",
    };
    start(world);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char request[512];
        (void)snprintf(request, sizeof request,
                       "POST /a HTTP/1.1\r\nHost: x\r\n%s\r\nhelloGET /b HTTP/1.1\r\n\r\n",
                       lines[i]);
        expect_refused(world, request, 400);
    }
    assert_int_equal(counters(world)->malformed, sizeof lines / sizeof lines[0]);
    assert_int_equal(counters(world)->replies[4], sizeof lines / sizeof lines[0]);
}

static void a_zero_byte_in_the_head_is_400(void **state)
{
    struct world *world = *state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n";
    struct client client;
    start(world);
    client_open(&client, world);
    client_send_bytes(&client, request, sizeof request - 1);
    expect_refusal(&client, 400);
    client_close(&client);
}

static void a_transfer_coding_in_http_1_0_is_400(void **state)
{
    struct world *world = *state;
    start(world);
    expect_refused(world, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

static void malformed_request_lines_are_400(void **state)
{
    struct world *world = *state;
    static const char *const requests[] = {
        "GET / HTTP/1.1\nHost: x\n\n",
        "GET / HTTP/1.1\r\nHost: x\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\n",
        "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/0.9\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: x\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/11.1\r\nHost: x\r\n\r\n",
        "GET / http/1.1\r\nHost: x\r\n\r\n",
        "GET / XTTP/1.1\r\nHost: x\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\tHTTP/1.1\r\nHost: x\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.10\r\nHost: x\r\n\r\n",
        "GET / ICE/1.1\r\nHost: x\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\t HTTP/1.1\r\nHost: x\r\n\r\n",
        "get / HTTP/1.1\r\nHost: x\r\n\r\n",
        "BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x, y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    };
    start(world);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
        expect_refused(world, requests[i], 400);
}

static void connect_and_upgrades_are_400(void **state)
{
    struct world *world = *state;
    start(world);
    expect_refused(world, "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", 400);
    expect_refused(world,
                   "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                   400);
}

static void malformed_chunks_are_400(void **state)
{
    struct world *world = *state;
    static const char *const bodies[] = {
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\r\nA: b\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
        "5;a\nhello\r\n0\r\n\r\n",
        "5;a\n\r\nhello\r\n0\r\n\r\n",
        "5\rXhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        ";a\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "000000005\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
    };
    start(world);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char request[256];
        (void)snprintf(request, sizeof request,
                       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%s",
                       bodies[i]);
        expect_refused(world, request, 400);
    }
}

static void expect_chunk_noise(struct world *world, const char *format, size_t noise, int status)
{
    struct client client;
    char *text = letters(noise);
    const size_t bytes = noise + 256;
    char *request = malloc(bytes);
    assert_non_null(request);
    (void)snprintf(request, bytes,
                   "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const size_t head = strlen(request);
    /* The two places for noise; the other stays empty. */
    const bool extension = strcmp(format, "extension") == 0;
    (void)snprintf(request + head, bytes - head, "2;%s\r\nhi\r\n0\r\n%s%s\r\n",
                   extension ? text : "", extension ? "" : text, extension ? "" : "\r\n");
    client_open(&client, world);
    client_send(&client, request);
    if (status == 200)
        expect_body(&client, "POST /echo  [hi]");
    else
        expect_refusal(&client, status);
    client_close(&client);
    free(request);
    free(text);
}

static void chunk_extensions_and_trailers_are_bounded(void **state)
{
    struct world *world = *state;
    start(world);
    expect_chunk_noise(world, "extension", 4096, 200);
    expect_chunk_noise(world, "extension", 4097, 431);
    expect_chunk_noise(world, "trailer", 8192, 200);
    expect_chunk_noise(world, "trailer", 8193, 431);
}

/* Limits. */

/* A head of exactly that many bytes, most of them in one header or in the path. */
static char *head_of(size_t bytes, bool in_path)
{
    char *head = malloc(bytes + 1);
    assert_non_null(head);
    const char *before = in_path ? "GET /" : "GET /x HTTP/1.1\r\nHost: x\r\nX: ";
    const char *after = in_path ? " HTTP/1.1\r\nHost: x\r\n\r\n" : "\r\n\r\n";
    memset(head, 'p', bytes);
    memcpy(head, before, strlen(before));
    memcpy(head + bytes - strlen(after), after, strlen(after));
    head[bytes] = '\0';
    return head;
}

static void a_head_may_be_as_long_as_the_limit_and_longer_is_431(void **state)
{
    struct world *world = *state;
    start(world);
    for (int in_path = 0; in_path < 2; in_path++) {
        for (size_t bytes = 8191; bytes <= 8193; bytes++) {
            char *head = head_of(bytes, in_path != 0);
            struct client client;
            struct reply reply;
            client_open(&client, world);
            client_send(&client, head);
            if (bytes <= 8192) {
                read_reply(&client, &reply);
                assert_int_equal(reply.status, 200);
            } else {
                expect_refusal(&client, 431);
            }
            client_close(&client);
            free(head);
        }
    }
    assert_int_equal(world->handled, 4);
}

static void a_head_without_an_end_is_431(void **state)
{
    struct world *world = *state;
    struct client client;
    char *text = letters(100000);
    start(world);
    client_open(&client, world);
    client_send(&client, "GET /");
    client_send_bytes(&client, text, 100000);
    expect_refusal(&client, 431);
    client_close(&client);
    free(text);
}

static void send_headers(struct client *client, int count)
{
    client_send(client, "GET /x HTTP/1.1\r\nHost: x\r\n");
    for (int i = 1; i < count; i++)
        client_send(client, "A: b\r\n");
    client_send(client, "\r\n");
}

static void a_hundred_headers_are_taken_and_one_more_is_431(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);
    send_headers(&client, 100);
    expect_body(&client, "GET /x  []");
    send_headers(&client, 101);
    expect_refusal(&client, 431);
    client_close(&client);
}

static void a_request_that_takes_too_long_is_408(void **state)
{
    struct world *world = *state;
    struct client client;
    world->settings.request_ms = 100;
    start(world);

    /* Bytes that keep coming do not put the deadline off. */
    client_open(&client, world);
    const uint64_t began_ms = now_ms();
    client_send(&client, "GET /");
    uint64_t sent_ms = began_ms;
    while (counters(world)->timeouts == 0) {
        assert_true(now_ms() < began_ms + PATIENCE_MS);
        if (now_ms() != sent_ms)
            client_send(&client, "p");
        sent_ms = now_ms();
        turn(world);
    }
    assert_true(now_ms() >= began_ms + 99);
    expect_refusal(&client, 408);
    client_close(&client);

    client_open(&client, world);
    client_send(&client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhi");
    expect_refusal(&client, 408);
    client_close(&client);

    client_open(&client, world);
    client_send(&client, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\nGET /slow");
    expect_body(&client, "GET /ok  []");
    expect_refusal(&client, 408);
    client_close(&client);
    assert_int_equal(world->handled, 1);
}

static void a_connection_without_a_request_is_closed_silently(void **state)
{
    struct world *world = *state;
    struct client fresh;
    struct client idle;
    world->settings.request_ms = 50;
    world->settings.idle_ms = 100;
    start(world);
    client_open(&fresh, world);
    client_open(&idle, world);
    client_send(&idle, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_body(&idle, "GET /x  []");
    const uint64_t answered_ms = now_ms();
    expect_end(&fresh);
    expect_end(&idle);
    assert_true(now_ms() >= answered_ms + 90);
    assert_int_equal(counters(world)->connections_open, 0);
    assert_int_equal(counters(world)->replies[4], 0);
    client_close(&fresh);
    client_close(&idle);
}

static void handling_has_no_deadline(void **state)
{
    struct world *world = *state;
    struct client client;
    world->settings.request_ms = 20;
    world->settings.idle_ms = 20;
    start(world);
    client_open(&client, world);
    client_send(&client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_UNTIL(world, world->held_count == 1);
    const uint64_t from_ms = now_ms();
    WAIT_UNTIL(world, now_ms() > from_ms + 100);
    reply_text(world->held[0], "done");
    expect_body(&client, "done");
    client_close(&client);
}

static void a_client_that_does_not_take_its_answer_is_cut_off(void **state)
{
    struct world *world = *state;
    struct client client;
    world->settings.write_ms = 100;
    world->big = letters(BIG_BYTES);
    start(world);
    client_open(&client, world);
    client_send(&client,
                "GET /big HTTP/1.1\r\nHost: x\r\n\r\nGET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_UNTIL(world, world->handled > 0);
    WAIT_UNTIL(world, counters(world)->connections_open == 0);
    /* The second waited for the first to be taken. */
    assert_int_equal(world->handled, 1);
    client_close(&client);
}

static void a_big_answer_arrives_whole_and_the_next_follows(void **state)
{
    struct world *world = *state;
    struct client client;
    struct reply reply;
    world->big = letters(BIG_BYTES);
    start(world);
    client_open(&client, world);
    client_send(&client, "GET /big HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    read_head(&client, &reply);
    client_await(&client, BIG_BYTES);
    assert_memory_equal(client.data, world->big, BIG_BYTES);
    client_consume(&client, BIG_BYTES);
    expect_body(&client, "GET /2  []");

    client_send(&client, "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    read_head(&client, &reply);
    client_await(&client, BIG_BYTES);
    client_consume(&client, BIG_BYTES);
    expect_end(&client);
    client_close(&client);
}

static void one_connection_too_many_is_503(void **state)
{
    struct world *world = *state;
    struct client first;
    struct client second;
    struct client third;
    struct reply reply;
    world->settings.connections_max = 2;
    start(world);
    client_open(&first, world);
    client_open(&second, world);
    WAIT_UNTIL(world, counters(world)->connections_open == 2);
    client_open(&third, world);
    client_send(&third, "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    read_reply(&third, &reply);
    assert_int_equal(reply.status, 503);
    assert_true(has_line(&reply, "Retry-After: 1"));
    assert_true(has_line(&reply, "Content-Type: application/problem+json"));
    expect_end(&third);
    client_close(&third);
    assert_int_equal(counters(world)->connections_refused, 1);

    client_send(&first, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_body(&first, "GET /1  []");
    client_close(&second);
    WAIT_UNTIL(world, counters(world)->connections_open == 1);
    client_open(&third, world);
    client_send(&third, "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_body(&third, "GET /3  []");
    client_close(&first);
    client_close(&third);
}

static void on_beat(void *context)
{
    struct world *world = context;
    world->handled_at_beat = world->handled;
}

/* A few are handled, then the loop looks for what is urgent. */
static void a_crowd_of_requests_does_not_keep_the_loop_from_urgent_events(void **state)
{
    struct world *world = *state;
    struct client clients[CROWD];
    event_base_free(world->base);
    world->base = loop_new();
    assert_non_null(world->base);
    world->settings.priority = LOOP_REQUESTS;
    world->beat = loop_timer_new(world->base, LOOP_URGENT, on_beat, world);
    assert_non_null(world->beat);
    start(world);
    for (size_t i = 0; i < CROWD; i++) {
        client_open(&clients[i], world);
        client_send(&clients[i], "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for (size_t i = 0; i < CROWD; i++) {
        expect_body(&clients[i], "done");
        client_close(&clients[i]);
    }
    assert_int_equal(world->handled, CROWD);
    assert_in_range(world->handled_at_beat, 1, CROWD / 2);
    loop_event_free(world->beat);
}

static void accepting_goes_on_when_descriptors_are_free_again(void **state)
{
    struct world *world = *state;
    struct client client;
    struct rlimit before;
    start(world);
    client_open(&client, world); /* waits in the backlog: the loop has not run */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {.rlim_cur = (rlim_t)client.fd + 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    client_send(&client, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_UNTIL(world, counters(world)->accept_failures > 0);
    const uint64_t from_ms = now_ms();
    WAIT_UNTIL(world, now_ms() > from_ms + 50);
    /* It does not spin. */
    assert_int_equal(counters(world)->accept_failures, 1);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    expect_body(&client, "GET /x  []");
    client_close(&client);
}

/* Asynchronous replies and the end. */

static void a_reply_after_the_client_left_only_frees(void **state)
{
    struct world *world = *state;
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct client client;
    start(world);

    client_open(&client, world);
    client_send(&client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_UNTIL(world, world->held_count == 1);
    client_close(&client);
    reply_text(world->held[0], "nobody hears");
    assert_int_equal(world->released, 1);
    WAIT_UNTIL(world, counters(world)->connections_open == 0);

    client_open(&client, world);
    client_send(&client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_UNTIL(world, world->held_count == 2);
    assert_int_equal(setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    client_close(&client);
    WAIT_UNTIL(world, http_request_is_gone(world->held[1]));
    assert_int_equal(world->released, 1);
    assert_string_equal(http_request_path(world->held[1]), "/later");
    reply_text(world->held[1], "nobody hears");
    assert_int_equal(world->released, 2);
    assert_int_equal(http_server_busy(world->server), 0);
}

static void requests_of_several_connections_are_answered_in_any_order(void **state)
{
    struct world *world = *state;
    struct client clients[3];
    start(world);
    for (size_t i = 0; i < 3; i++) {
        client_open(&clients[i], world);
        client_send(&clients[i], "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        WAIT_UNTIL(world, world->held_count == i + 1);
    }
    assert_int_equal(http_server_busy(world->server), 3);
    reply_text(world->held[2], "third");
    reply_text(world->held[0], "first");
    reply_echo(world->held[1]);
    expect_body(&clients[0], "first");
    expect_body(&clients[1], "POST /later  [hi]");
    expect_body(&clients[2], "third");
    for (size_t i = 0; i < 3; i++)
        client_close(&clients[i]);
}

static void stop_lets_running_requests_finish(void **state)
{
    struct world *world = *state;
    struct client idle;
    struct client sending;
    struct client waiting;
    struct reply reply;
    start(world);
    client_open(&idle, world);
    client_open(&sending, world);
    client_open(&waiting, world);
    client_send(&idle, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_body(&idle, "GET /x  []");
    client_send(&sending, "GET /y HT");
    client_send(&waiting, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_UNTIL(world, world->held_count == 1 && http_server_busy(world->server) == 2);

    http_server_stop(world->server);
    http_server_stop(world->server);
    expect_end(&idle);
    client_send(&sending, "TP/1.1\r\nHost: x\r\n\r\n");
    read_reply(&sending, &reply);
    assert_string_equal(reply.body, "GET /y  []");
    assert_true(has_line(&reply, "Connection: close"));
    expect_end(&sending);
    assert_int_equal(http_server_busy(world->server), 1);
    reply_text(world->held[0], "done");
    read_reply(&waiting, &reply);
    assert_string_equal(reply.body, "done");
    expect_end(&waiting);
    assert_int_equal(http_server_busy(world->server), 0);
    client_close(&idle);
    client_close(&sending);
    client_close(&waiting);
}

static void stop_may_be_called_by_the_handler(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);
    client_send(&client, "GET /stop HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_body(&client, "GET /stop  []");
    expect_end(&client);
    assert_int_equal(world->handled, 1);
    client_close(&client);
}

static void close_releases_pending_requests(void **state)
{
    struct world *world = *state;
    struct client client;
    start(world);
    client_open(&client, world);
    client_send(&client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_UNTIL(world, world->held_count == 1);
    assert_ptr_equal(http_request_state(world->held[0]), world);
    http_server_close(world->server);
    world->server = NULL;
    assert_int_equal(world->released, 1);
    expect_end(&client);
    client_close(&client);
    http_server_close(NULL);
}

/* Starting. */

static void a_taken_port_is_a_conflict(void **state)
{
    struct world *world = *state;
    struct http_server *second = NULL;
    start(world);
    struct http_settings settings = world->settings;
    settings.listen = http_server_address(world->server);
    assert_int_equal(http_server_start(&second, &settings, world->base, handle, world),
                     STATUS_CONFLICT);
    assert_null(second);
}

static void servers_that_ask_for_it_share_a_port(void **state)
{
    struct world *world = *state;
    struct http_server *second = NULL;
    world->settings.reuse_port = true;
    start(world);
    struct http_settings settings = world->settings;
    settings.listen = http_server_address(world->server);
    assert_int_equal(http_server_start(&second, &settings, world->base, handle, world), STATUS_OK);
    assert_string_equal(http_server_address(second), http_server_address(world->server));
    http_server_close(second);
}

static void a_malformed_address_is_invalid(void **state)
{
    struct world *world = *state;
    static const char *const addresses[] = {
        "",       "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x",
        "host:1", "[::1]",     "::1:1",      "[127.0.0.1]:1",   "127.0.0.1:-1",
        "[]:1",   ":1",        "[::1:80",    "1.2.3:4",         "127.0.0.1:00080x"};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        world->settings.listen = addresses[i];
        assert_int_equal(
            http_server_start(&world->server, &world->settings, world->base, handle, world),
            STATUS_INVALID);
        assert_null(world->server);
    }
}

static void it_listens_on_ipv6(void **state)
{
    struct world *world = *state;
    world->settings.listen = "[::1]:0";
    const enum status status =
        http_server_start(&world->server, &world->settings, world->base, handle, world);
    if (status == STATUS_IO && errno == EAFNOSUPPORT)
        skip();
    assert_int_equal(status, STATUS_OK);
    assert_memory_equal(http_server_address(world->server), "[::1]:", 6);
}

/* The sockets that the server accepted are those of this process whose peer is the client. */
static void accepted_sockets_inherit_their_options(void **state)
{
    struct world *world = *state;
    struct client client;
    struct sockaddr_in mine = {0};
    socklen_t bytes = sizeof mine;
    bool found = false;
    start(world);
    client_open(&client, world);
    WAIT_UNTIL(world, counters(world)->connections_open == 1);
    assert_int_equal(getsockname(client.fd, (struct sockaddr *)&mine, &bytes), 0);
    for (int fd = 3; fd < 64; fd++) {
        struct sockaddr_in peer = {0};
        int no_delay = 0;
        unsigned timeout_ms = 0;
        socklen_t option_bytes = sizeof no_delay;
        bytes = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &bytes) != 0 ||
            peer.sin_port != mine.sin_port)
            continue;
        found = true;
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &option_bytes), 0);
        assert_true(no_delay != 0);
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, &option_bytes),
                         0);
        assert_int_equal(timeout_ms, 20000);
    }
    assert_true(found);
    client_close(&client);
}

/* Path and query. */

static void a_path_is_split_and_decoded(void **state)
{
    (void)state;
    struct http_path path;
    assert_int_equal(http_path_segments(&path, "/v1/hunts/a%2Db%c3%a9/+"), STATUS_OK);
    assert_int_equal(path.count, 4);
    assert_string_equal(path.segments[0], "v1");
    assert_string_equal(path.segments[1], "hunts");
    assert_string_equal(path.segments[2], "a-b\xc3\xa9");
    assert_string_equal(path.segments[3], "+");

    assert_int_equal(http_path_segments(&path, "/"), STATUS_OK);
    assert_int_equal(path.count, 0);
    assert_int_equal(http_path_segments(&path, "/a//b/"), STATUS_OK);
    assert_int_equal(path.count, 4);
    assert_string_equal(path.segments[1], "");
    assert_string_equal(path.segments[3], "");
}

static void a_malformed_path_is_invalid(void **state)
{
    (void)state;
    static const char *const paths[] = {"",     "*",     "a/b",    "/%",      "/%4",
                                        "/%zz", "/%4g",  "/a%2fb", "/a%00b",  "/%0a",
                                        "/%7f", "/a/..", "/./a",   "/%2e%2E", "/%2e"};
    struct http_path path;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(http_path_segments(&path, paths[i]), STATUS_INVALID);
}

static void a_long_path_is_too_large(void **state)
{
    (void)state;
    struct http_path path;
    char text[HTTP_PATH_BYTES_MAX + 2];
    memset(text, 'a', sizeof text);
    text[0] = '/';
    text[HTTP_PATH_BYTES_MAX] = '\0'; /* 511 letters and their zero fit */
    assert_int_equal(http_path_segments(&path, text), STATUS_OK);
    text[HTTP_PATH_BYTES_MAX] = 'a';
    text[HTTP_PATH_BYTES_MAX + 1] = '\0';
    assert_int_equal(http_path_segments(&path, text), STATUS_TOO_LARGE);

    assert_int_equal(http_path_segments(&path, "/1/2/3/4/5/6/7/8"), STATUS_OK);
    assert_int_equal(path.count, HTTP_PATH_SEGMENTS_MAX);
    assert_int_equal(http_path_segments(&path, "/1/2/3/4/5/6/7/8/9"), STATUS_TOO_LARGE);
}

static void a_query_is_walked_and_decoded(void **state)
{
    (void)state;
    struct http_parameter parameter;
    const char *at = "&a=1&&b%20c=x+y%2B%3d&flag&=v&e=";
    static const char *const expected[][2] = {
        {"a", "1"}, {"b c", "x y+="}, {"flag", ""}, {"", "v"}, {"e", ""}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(http_query_next(&parameter, &at), STATUS_OK);
        assert_string_equal(parameter.name, expected[i][0]);
        assert_string_equal(parameter.value, expected[i][1]);
    }
    assert_int_equal(http_query_next(&parameter, &at), STATUS_NOT_FOUND);
}

static void a_parameter_is_found_once_or_refused(void **state)
{
    (void)state;
    char value[8];
    assert_int_equal(http_query_get(value, sizeof value, "x=1&limit=50", "limit"), STATUS_OK);
    assert_string_equal(value, "50");
    assert_int_equal(http_query_get(value, sizeof value, "", "limit"), STATUS_NOT_FOUND);
    assert_int_equal(http_query_get(value, sizeof value, "limits=1", "limit"), STATUS_NOT_FOUND);
    assert_int_equal(http_query_get(value, sizeof value, "a=1&a=1", "a"), STATUS_CONFLICT);
    assert_int_equal(http_query_get(value, sizeof value, "a=1&b=%", "a"), STATUS_INVALID);
    assert_int_equal(http_query_get(value, sizeof value, "a=%00", "a"), STATUS_INVALID);
    assert_int_equal(http_query_get(value, sizeof value, "a=1%f", "a"), STATUS_INVALID);
    assert_int_equal(http_query_get(value, sizeof value, "a=1234567", "a"), STATUS_OK);
    assert_int_equal(http_query_get(value, sizeof value, "a=12345678", "a"), STATUS_TOO_LARGE);
    assert_string_equal(value, "1234567");
}

#define ON_SOCKETS(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SOCKETS(a_post_is_answered_and_the_connection_stays_open),
        ON_SOCKETS(a_reply_has_date_type_and_length),
        ON_SOCKETS(a_request_may_come_byte_by_byte),
        ON_SOCKETS(pipelined_requests_are_answered_in_order),
        ON_SOCKETS(a_long_run_of_pipelined_requests_is_answered),
        ON_SOCKETS(what_a_client_sends_ahead_stays_in_the_kernel),
        ON_SOCKETS(a_half_closed_client_gets_its_answers),
        ON_SOCKETS(a_half_closed_client_sees_why_it_is_refused),
        ON_SOCKETS(half_a_request_and_an_end_is_400),
        ON_SOCKETS(keep_alive_follows_version_and_connection_header),
        ON_SOCKETS(a_connection_serves_no_more_requests_than_set),
        ON_SOCKETS(head_is_answered_like_get_without_a_body),
        ON_SOCKETS(a_request_tells_its_headers_and_origin),
        ON_SOCKETS(the_absolute_form_is_understood),
        ON_SOCKETS(empty_lines_before_a_request_are_forgiven),
        ON_SOCKETS(a_problem_says_code_detail_and_field),
        ON_SOCKETS(a_header_value_cannot_start_another_header),
        ON_SOCKETS(chunks_are_put_together),
        ON_SOCKETS(a_body_may_be_as_long_as_the_limit),
        ON_SOCKETS(a_longer_body_is_413_and_the_client_sees_it),
        ON_SOCKETS(dropping_the_rest_ends_after_8_mib),
        ON_SOCKETS(a_413_needs_no_body_to_be_sent),
        ON_SOCKETS(a_body_without_a_length_is_411),
        ON_SOCKETS(expect_100_is_answered_before_the_body),
        ON_SOCKETS(ambiguous_framing_is_400),
        ON_SOCKETS(a_zero_byte_in_the_head_is_400),
        ON_SOCKETS(a_transfer_coding_in_http_1_0_is_400),
        ON_SOCKETS(malformed_request_lines_are_400),
        ON_SOCKETS(connect_and_upgrades_are_400),
        ON_SOCKETS(malformed_chunks_are_400),
        ON_SOCKETS(chunk_extensions_and_trailers_are_bounded),
        ON_SOCKETS(a_head_may_be_as_long_as_the_limit_and_longer_is_431),
        ON_SOCKETS(a_head_without_an_end_is_431),
        ON_SOCKETS(a_hundred_headers_are_taken_and_one_more_is_431),
        ON_SOCKETS(a_request_that_takes_too_long_is_408),
        ON_SOCKETS(a_connection_without_a_request_is_closed_silently),
        ON_SOCKETS(handling_has_no_deadline),
        ON_SOCKETS(a_client_that_does_not_take_its_answer_is_cut_off),
        ON_SOCKETS(a_big_answer_arrives_whole_and_the_next_follows),
        ON_SOCKETS(one_connection_too_many_is_503),
        ON_SOCKETS(a_crowd_of_requests_does_not_keep_the_loop_from_urgent_events),
        ON_SOCKETS(accepting_goes_on_when_descriptors_are_free_again),
        ON_SOCKETS(a_reply_after_the_client_left_only_frees),
        ON_SOCKETS(requests_of_several_connections_are_answered_in_any_order),
        ON_SOCKETS(stop_lets_running_requests_finish),
        ON_SOCKETS(stop_may_be_called_by_the_handler),
        ON_SOCKETS(close_releases_pending_requests),
        ON_SOCKETS(a_taken_port_is_a_conflict),
        ON_SOCKETS(servers_that_ask_for_it_share_a_port),
        ON_SOCKETS(a_malformed_address_is_invalid),
        ON_SOCKETS(it_listens_on_ipv6),
        ON_SOCKETS(accepted_sockets_inherit_their_options),
        cmocka_unit_test(a_path_is_split_and_decoded),
        cmocka_unit_test(a_malformed_path_is_invalid),
        cmocka_unit_test(a_long_path_is_too_large),
        cmocka_unit_test(a_query_is_walked_and_decoded),
        cmocka_unit_test(a_parameter_is_found_once_or_refused),
    };
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
