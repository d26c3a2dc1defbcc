#include "node/http_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "cluster/base/check.h"

/* Answers to pipelined requests are gathered up to here before the client must take some. */
#define OUTPUT_BYTES_MAX 65536
/* Requests of one connection before the others have their turn. */
#define REQUESTS_PER_TURN 64

static const struct http_fault cut_short = {400, "incomplete_request",
                                            "the request ended before it was complete"};
static const struct http_fault late = {408, "request_timeout", "the request took too long to send"};

#define BIT(state) (1u << (state))

void http_connection_move(struct http_connection *connection, enum http_state next)
{
    static const unsigned allowed[] = {
        [HTTP_HEAD_STATE] = BIT(HTTP_BODY_STATE) | BIT(HTTP_CHUNKS_STATE) |
                            BIT(HTTP_HANDLING_STATE) | BIT(HTTP_FLUSHING_STATE) |
                            BIT(HTTP_CLOSED_STATE),
        [HTTP_BODY_STATE] = BIT(HTTP_HANDLING_STATE) | BIT(HTTP_CLOSED_STATE),
        [HTTP_CHUNKS_STATE] = BIT(HTTP_HANDLING_STATE) | BIT(HTTP_CLOSED_STATE),
        [HTTP_HANDLING_STATE] = BIT(HTTP_HEAD_STATE) | BIT(HTTP_FLUSHING_STATE) |
                                BIT(HTTP_LINGERING_STATE) | BIT(HTTP_CLOSED_STATE),
        [HTTP_FLUSHING_STATE] =
            BIT(HTTP_HEAD_STATE) | BIT(HTTP_LINGERING_STATE) | BIT(HTTP_CLOSED_STATE),
        [HTTP_LINGERING_STATE] = BIT(HTTP_CLOSED_STATE),
        [HTTP_CLOSED_STATE] = 0,
    };
    /* How long each may last; a body shares the deadline that its head began. */
    static const enum http_wait waits[] = {
        [HTTP_HEAD_STATE] = HTTP_WAIT_IDLE,      [HTTP_HANDLING_STATE] = HTTP_WAIT_NOTHING,
        [HTTP_FLUSHING_STATE] = HTTP_WAIT_WRITE, [HTTP_LINGERING_STATE] = HTTP_WAIT_LINGER,
        [HTTP_CLOSED_STATE] = HTTP_WAIT_NOTHING,
    };
    CHECK((allowed[connection->state] & BIT(next)) != 0);
    CHECK(connection->request.release == NULL || connection->state == HTTP_HANDLING_STATE);
    connection->state = next;
    if (next == HTTP_HEAD_STATE && connection->begun)
        http_server_await(connection, HTTP_WAIT_REQUEST);
    else if (next != HTTP_BODY_STATE && next != HTTP_CHUNKS_STATE)
        http_server_await(connection, waits[next]);
}

/* Closing. */

static void stream_close(struct http_connection *connection)
{
    if (connection->stream != NULL)
        bufferevent_free(connection->stream);
    connection->stream = NULL;
    if (connection->fd >= 0) {
        (void)close(connection->fd);
        connection->server->counters.connections_open--;
        connection->server->surplus -= connection->surplus ? 1 : 0;
    }
    connection->fd = -1;
}

static void request_release(struct http_request *request)
{
    void (*release)(void *state) = request->release;
    void *state = request->state;
    request->release = NULL;
    request->state = NULL;
    if (release != NULL)
        release(state);
}

void http_connection_free(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    stream_close(connection);
    http_server_await(connection, HTTP_WAIT_NOTHING);
    http_server_forget_resume(connection);
    TAILQ_REMOVE(&server->connections, connection, all);
    request_release(&connection->request);
    free(connection->message);
    free(connection);
}

/* Frees it now, unless its own loop is on the stack and will do it. */
static void reap(struct http_connection *connection)
{
    if (connection->state == HTTP_CLOSED_STATE && !connection->running)
        http_connection_free(connection);
}

static void close_now(struct http_connection *connection)
{
    stream_close(connection);
    http_connection_move(connection, HTTP_CLOSED_STATE);
}

/* The connection is of no more use; a request that the handler has outlives it. */
void http_connection_abandon(struct http_connection *connection)
{
    if (connection->state == HTTP_HANDLING_STATE)
        stream_close(connection);
    else
        close_now(connection);
}

/* Output. */

static size_t unsent_bytes(const struct http_connection *connection)
{
    return evbuffer_get_length(bufferevent_get_output(connection->stream));
}

/* Straight to the socket; what it does not take is left in `parts`. Saves the event loop a round
 * and two epoll_ctl calls an answer. False: the connection broke. */
static bool send_direct(struct http_connection *connection, struct iovec *parts, size_t parts_count)
{
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = parts_count};
    const ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    size_t left = (size_t)sent;
    for (size_t i = 0; i < parts_count; i++) {
        const size_t taken = left < parts[i].iov_len ? left : parts[i].iov_len;
        parts[i].iov_base = (char *)parts[i].iov_base + taken;
        parts[i].iov_len -= taken;
        left -= taken;
    }
    return true;
}

/* With more requests waiting, answers are gathered instead, to leave in one piece. */
bool http_connection_send(struct http_connection *connection, const struct iovec *parts,
                          size_t parts_count)
{
    struct iovec rest[2];
    CHECK(parts_count <= sizeof rest / sizeof rest[0]);
    for (size_t i = 0; i < parts_count; i++) {
        rest[i] = parts[i];
        connection->server->counters.bytes_out += parts[i].iov_len;
    }
    if (unsent_bytes(connection) == 0 && http_input_bytes(connection) == 0 &&
        !send_direct(connection, rest, parts_count))
        return false;
    bool added = true;
    for (size_t i = 0; i < parts_count; i++) {
        if (rest[i].iov_len > 0)
            added = added &&
                    bufferevent_write(connection->stream, rest[i].iov_base, rest[i].iov_len) == 0;
    }
    return added;
}

static void linger(struct http_connection *connection)
{
    if (connection->ended || shutdown(connection->fd, SHUT_WR) != 0)
        close_now(connection);
    else
        http_connection_move(connection, HTTP_LINGERING_STATE);
}

/* The answer is on its way, or among those gathered. */
static void answered(struct http_connection *connection)
{
    if (connection->closing)
        linger(connection);
    else
        http_connection_move(connection, HTTP_HEAD_STATE);
}

static void request_end(struct http_connection *connection)
{
    request_release(&connection->request);
    http_head_init(&connection->request.head);
    connection->request.received_us = 0;
    connection->scan = (struct http_scan){0};
    connection->chunks = (struct http_chunks){0};
    connection->begun = false;
    http_input_clear(connection);
}

bool http_connection_will_close(struct http_connection *connection)
{
    const struct http_server *server = connection->server;
    const uint32_t served_max = server->settings.requests_per_connection_max;
    if (!connection->request.head.keeps_alive || server->stopping ||
        (served_max > 0 && connection->served >= served_max))
        connection->closing = true;
    return connection->closing;
}

/* Where an answered request leaves its connection. */
static void settle(struct http_connection *connection, bool sent)
{
    if (!sent) {
        close_now(connection);
        return;
    }
    const size_t unsent = unsent_bytes(connection);
    const bool gathering =
        connection->running && !connection->closing && unsent <= OUTPUT_BYTES_MAX;
    if (unsent == 0 || gathering)
        answered(connection);
    else
        http_connection_move(connection, HTTP_FLUSHING_STATE);
}

/* Refusals of ours are at once, and would only hide how long the handler takes. */
static void count_answer(const struct http_connection *connection)
{
    struct http_server *server = connection->server;
    const uint64_t received_us = connection->request.received_us;
    if (received_us == 0)
        return;
    CHECK(server->now_us >= received_us);
    histogram_add(&server->counters.answer_time, server->now_us - received_us, 1);
}

void http_connection_answer(struct http_connection *connection, const struct iovec *parts,
                            size_t parts_count)
{
    CHECK(connection->state == HTTP_HANDLING_STATE);
    CHECK(parts_count > 0);
    http_server_tick(connection->server);
    const bool sent =
        connection->stream != NULL && http_connection_send(connection, parts, parts_count);
    count_answer(connection);
    request_end(connection);
    settle(connection, sent);
    if (connection->running)
        return;
    if (connection->state == HTTP_CLOSED_STATE)
        reap(connection);
    else if (http_input_bytes(connection) > 0 || connection->ended)
        http_server_resume(connection);
}

/* Nothing more will come. */
static void finish(struct http_connection *connection)
{
    switch (connection->state) {
    case HTTP_HEAD_STATE:
        if (!connection->begun) {
            http_connection_abandon(connection);
            return;
        }
        (void)http_input_refuse(connection, &cut_short);
        return;
    case HTTP_BODY_STATE:
    case HTTP_CHUNKS_STATE:
        (void)http_input_refuse(connection, &cut_short);
        return;
    case HTTP_LINGERING_STATE:
        http_connection_abandon(connection);
        return;
    case HTTP_HANDLING_STATE:
    case HTTP_FLUSHING_STATE:
    case HTTP_CLOSED_STATE:
        return;
    }
    UNREACHABLE();
}

static enum http_step take_step(struct http_connection *connection)
{
    switch (connection->state) {
    case HTTP_HEAD_STATE:
        return http_input_head(connection);
    case HTTP_BODY_STATE:
        return http_input_body(connection);
    case HTTP_CHUNKS_STATE:
        return http_input_chunks(connection);
    case HTTP_FLUSHING_STATE:
        return connection->closing ? http_input_drop(connection) : HTTP_STEP_WAIT;
    case HTTP_LINGERING_STATE:
        return http_input_drop(connection);
    case HTTP_HANDLING_STATE:
    case HTTP_CLOSED_STATE:
        return HTTP_STEP_WAIT;
    }
    UNREACHABLE();
}

/* The loop has nothing more to do for now. */
static void pause_run(struct http_connection *connection)
{
    /* The run of pipelined requests is over: its answers go out before the next one begins, so
     * that a deadline applies to them. */
    if (connection->state == HTTP_HEAD_STATE && unsent_bytes(connection) > 0)
        http_connection_move(connection, HTTP_FLUSHING_STATE);
    if (connection->ended)
        finish(connection);
    if (connection->state == HTTP_HEAD_STATE && !connection->begun && connection->server->stopping)
        http_connection_abandon(connection);
}

/* What a client sends ahead beyond this stays in the kernel. A head that is not complete is always
 * shorter, so one that we wait for can come. A read watermark would say the same, but libevent 2.1
 * then calls the read callback over and over for as long as the input is full. */
static void regulate_input(struct http_connection *connection)
{
    if (connection->stream == NULL || connection->ended)
        return;
    const bool room = http_input_bytes(connection) < connection->server->settings.header_bytes_max;
    if (room == connection->reading)
        return;
    const int failed = room ? bufferevent_enable(connection->stream, EV_READ)
                            : bufferevent_disable(connection->stream, EV_READ);
    if (failed == 0)
        connection->reading = room;
}

void http_connection_run(struct http_connection *connection)
{
    CHECK(!connection->running);
    if (connection->stream == NULL)
        return;
    const uint32_t served_max = connection->served + REQUESTS_PER_TURN;
    const uint64_t until_us = connection->server->now_us + HTTP_PORTION_US;
    connection->running = true;
    enum http_step step = HTTP_STEP_MORE;
    while (step == HTTP_STEP_MORE && connection->served < served_max &&
           connection->server->now_us < until_us)
        step = take_step(connection);
    if (step == HTTP_STEP_MORE)
        http_server_resume(connection);
    else
        pause_run(connection);
    regulate_input(connection);
    connection->running = false;
    reap(connection);
}

/* Events of the stream. */

/* The bytes have been read; what they are is looked at when all that is readable has been read
 * likewise. A socket with unread bytes would be reported again, and at some cost, each time that
 * the loop looks for urgent events between two portions of requests: with thousands of connections
 * the processor did little else. */
static void on_input(struct bufferevent *stream, void *context)
{
    (void)stream;
    struct http_connection *connection = context;
    if (connection->resuming) {
        regulate_input(connection);
        return;
    }
    http_server_tick(connection->server);
    connection->arrived_us = connection->server->now_us;
    http_server_resume(connection);
}

/* All output has been taken. */
static void on_output(struct bufferevent *stream, void *context)
{
    (void)stream;
    struct http_connection *connection = context;
    http_server_tick(connection->server);
    if (connection->state == HTTP_FLUSHING_STATE)
        answered(connection);
    if (connection->state == HTTP_CLOSED_STATE)
        reap(connection);
    else
        http_connection_run(connection);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
    (void)stream;
    struct http_connection *connection = context;
    http_server_tick(connection->server);
    if ((what & BEV_EVENT_ERROR) != 0) {
        http_connection_abandon(connection);
        reap(connection);
        return;
    }
    connection->ended = connection->ended || (what & BEV_EVENT_EOF) != 0;
    http_connection_run(connection);
}

void http_connection_expire(struct http_connection *connection)
{
    /* Something has come, and waits to be looked at. */
    if (connection->resuming && connection->wait == HTTP_WAIT_IDLE) {
        http_server_await(connection, HTTP_WAIT_IDLE);
        return;
    }
    const bool receiving = connection->state == HTTP_BODY_STATE ||
                           connection->state == HTTP_CHUNKS_STATE ||
                           connection->state == HTTP_HEAD_STATE;
    if (receiving && connection->begun) {
        (void)http_input_refuse(connection, &late);
        return;
    }
    http_connection_abandon(connection);
    reap(connection);
}

bool http_connection_is_idle(const struct http_connection *connection)
{
    return connection->state == HTTP_HEAD_STATE && !connection->begun && !connection->running &&
           !connection->resuming;
}

static bool stream_open(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    const int priority = server->settings.priority;
    connection->stream = bufferevent_socket_new(server->base, connection->fd, 0);
    if (connection->stream == NULL)
        return false;
    if (priority >= 0 && bufferevent_priority_set(connection->stream, priority) != 0)
        return false;
    bufferevent_setcb(connection->stream, on_input, on_output, on_event, connection);
    connection->reading = bufferevent_enable(connection->stream, EV_READ | EV_WRITE) == 0;
    return connection->reading;
}

enum status http_connection_open(struct http_server *server, int fd, bool loopback, bool surplus)
{
    CHECK(fd >= 0);
    struct http_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        (void)close(fd);
        return STATUS_NO_MEMORY;
    }
    connection->server = server;
    connection->fd = fd;
    connection->loopback = loopback;
    connection->surplus = surplus;
    connection->request.connection = connection;
    http_head_init(&connection->request.head);
    TAILQ_INSERT_TAIL(&server->connections, connection, all);
    server->counters.connections_open++;
    server->surplus += surplus ? 1 : 0;
    http_server_await(connection, surplus ? HTTP_WAIT_LINGER : HTTP_WAIT_REQUEST);
    if (!stream_open(connection)) {
        http_connection_free(connection);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}
