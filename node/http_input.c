#include "node/http_connection.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "cluster/base/check.h"

/* Room for the head and body of most requests; what grew beyond is given back after the answer, so
 * that ten thousand idle connections stay small. */
#define MESSAGE_BYTES      2048
#define MESSAGE_BYTES_KEPT 4096
/* What is read and dropped after a refusal. */
#define DROPPED_BYTES_MAX (UINT64_C(8) << 20)

static const struct http_fault bad_lines = {
    400, "malformed_request", "a line of the head is folded or does not end with CR LF"};
static const struct http_fault bad_chunks = {400, "malformed_chunks",
                                             "the chunked body is malformed"};
static const struct http_fault long_body = {413, "body_too_large", "the body is too large"};
static const struct http_fault long_head = {431, "headers_too_large",
                                            "the request line and headers are too large"};
static const struct http_fault long_trailer = {431, "headers_too_large",
                                               "the trailers or chunk extensions are too large"};
static const struct http_fault crowded = {503, "too_many_connections",
                                          "there are too many connections"};

size_t http_input_bytes(const struct http_connection *connection)
{
    return evbuffer_get_length(bufferevent_get_input(connection->stream));
}

/* The message: head and body in one piece, with room for a zero behind. */

static bool message_reserve(struct http_connection *connection, size_t bytes)
{
    size_t capacity = connection->message_capacity;
    if (bytes + 1 <= capacity)
        return true;
    capacity = capacity > 0 ? capacity : MESSAGE_BYTES;
    while (capacity < bytes + 1)
        capacity *= 2;
    char *grown = realloc(connection->message, capacity);
    if (grown == NULL)
        return false;
    connection->message = grown;
    connection->message_capacity = capacity;
    return true;
}

static size_t message_bytes(const struct http_connection *connection)
{
    return connection->head_bytes + connection->body_bytes;
}

/* Moves bytes from the front of the input to the end of the body. */
static bool message_take(struct http_connection *connection, size_t bytes)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    if (!message_reserve(connection, message_bytes(connection) + bytes))
        return false;
    const int taken =
        evbuffer_remove(input, connection->message + message_bytes(connection), bytes);
    CHECK(taken == (int)bytes);
    connection->body_bytes += bytes;
    connection->server->counters.bytes_in += bytes;
    return true;
}

/* Ready for the next request. The memory of a large one is given back. */
void http_input_clear(struct http_connection *connection)
{
    connection->head_bytes = 0;
    connection->body_bytes = 0;
    if (connection->message_capacity > MESSAGE_BYTES_KEPT) {
        free(connection->message);
        connection->message = NULL;
        connection->message_capacity = 0;
    }
}

static void input_drain(struct http_connection *connection, size_t bytes)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    connection->server->counters.bytes_in += bytes;
    const int failed = evbuffer_drain(input, bytes);
    CHECK(failed == 0);
}

/* Answers for the handler, and closes afterwards: what follows cannot be trusted, or is too much.
 */
enum http_step http_input_refuse(struct http_connection *connection, const struct http_fault *fault)
{
    connection->server->counters.malformed++;
    if (fault->status == 408)
        connection->server->counters.timeouts++;
    connection->closing = true;
    http_connection_move(connection, HTTP_HANDLING_STATE);
    http_reply_problem(&connection->request, &(struct http_problem){
                                                 .status = fault->status,
                                                 .code = fault->code,
                                                 .detail = fault->detail,
                                                 .retryable = fault->status == 408,
                                             });
    return HTTP_STEP_MORE;
}

static enum http_step run_out_of_memory(struct http_connection *connection)
{
    http_connection_abandon(connection);
    return HTTP_STEP_WAIT;
}

static enum http_step hand_over(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    connection->message[message_bytes(connection)] = '\0';
    connection->request.received_us = connection->arrived_us;
    connection->served++;
    server->counters.requests++;
    http_connection_move(connection, HTTP_HANDLING_STATE);
    server->handle(&connection->request, server->context);
    return HTTP_STEP_MORE;
}

/* The head is good. Says 100 to a client that waits for it before it sends the body. */
static enum http_step start_body(struct http_connection *connection)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct http_head *head = &connection->request.head;
    if (!head->chunked && head->content_length == 0)
        return hand_over(connection);
    if (head->content_length > connection->server->settings.body_bytes_max)
        return http_input_refuse(connection, &long_body);
    if (head->expects_continue && http_input_bytes(connection) == 0) {
        struct iovec part = {(char *)(uintptr_t)go_on, sizeof go_on - 1};
        if (!http_connection_send(connection, &part, 1))
            return run_out_of_memory(connection);
    }
    http_connection_move(connection, head->chunked ? HTTP_CHUNKS_STATE : HTTP_BODY_STATE);
    return HTTP_STEP_MORE;
}

/* The first bytes of a request start its clock. */
static void begin(struct http_connection *connection)
{
    if (connection->begun)
        return;
    connection->begun = true;
    /* On a new connection it has been running since the accept. */
    if (connection->wait != HTTP_WAIT_REQUEST && !connection->surplus)
        http_server_await(connection, HTTP_WAIT_REQUEST);
}

enum http_step http_input_head(struct http_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    const size_t bytes_max = connection->server->settings.header_bytes_max;
    size_t available = evbuffer_get_length(input);
    if (available == 0)
        return HTTP_STEP_WAIT;
    begin(connection);
    if (connection->surplus)
        return http_input_refuse(connection, &crowded);
    available = available < bytes_max ? available : bytes_max;
    const char *data = (const char *)evbuffer_pullup(input, (ev_ssize_t)available);
    if (data == NULL)
        return run_out_of_memory(connection);

    size_t head_bytes;
    const enum status status = http_head_scan(&connection->scan, data, available, &head_bytes);
    if (status == STATUS_TRUNCATED)
        return available < bytes_max ? HTTP_STEP_WAIT : http_input_refuse(connection, &long_head);
    if (status != STATUS_OK)
        return http_input_refuse(connection, &bad_lines);
    if (!message_take(connection, head_bytes))
        return run_out_of_memory(connection);
    connection->head_bytes = head_bytes;
    connection->body_bytes = 0;
    const struct http_fault *fault =
        http_head_parse(&connection->request.head, connection->message, head_bytes);
    return fault == NULL ? start_body(connection) : http_input_refuse(connection, fault);
}

enum http_step http_input_body(struct http_connection *connection)
{
    const size_t wanted = (size_t)connection->request.head.content_length - connection->body_bytes;
    const size_t available = http_input_bytes(connection);
    const size_t bytes = available < wanted ? available : wanted;
    if (bytes > 0 && !message_take(connection, bytes))
        return run_out_of_memory(connection);
    return bytes == wanted ? hand_over(connection) : HTTP_STEP_WAIT;
}

static bool append_chunk(struct http_connection *connection, const struct http_span *body)
{
    if (!message_reserve(connection, message_bytes(connection) + body->bytes))
        return false;
    memcpy(connection->message + message_bytes(connection), body->data, body->bytes);
    connection->body_bytes += body->bytes;
    return true;
}

/* One run of bytes that lie together in the input. */
enum http_step http_input_chunks(struct http_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    const size_t available = evbuffer_get_contiguous_space(input);
    if (available == 0)
        return HTTP_STEP_WAIT;
    struct http_span span = {(const char *)evbuffer_pullup(input, (ev_ssize_t)available),
                             available};
    struct http_span body;
    const enum status status = http_chunks_take(&connection->chunks, &span, &body);
    if (status == STATUS_INVALID || status == STATUS_TOO_LARGE)
        return http_input_refuse(connection,
                                 status == STATUS_INVALID ? &bad_chunks : &long_trailer);
    if (!append_chunk(connection, &body))
        return run_out_of_memory(connection);
    input_drain(connection, available - span.bytes);
    const size_t room = connection->server->settings.body_bytes_max;
    if (connection->body_bytes + connection->chunks.left > room)
        return http_input_refuse(connection, &long_body);
    return status == STATUS_OK ? hand_over(connection) : HTTP_STEP_MORE;
}

enum http_step http_input_drop(struct http_connection *connection)
{
    const size_t bytes = http_input_bytes(connection);
    if (bytes == 0)
        return HTTP_STEP_WAIT;
    connection->dropped_bytes += bytes;
    input_drain(connection, bytes);
    /* Whoever sends no more may still be taking the answer. */
    const bool over = connection->ended && connection->state == HTTP_LINGERING_STATE;
    if (connection->dropped_bytes > DROPPED_BYTES_MAX || over)
        http_connection_abandon(connection);
    return HTTP_STEP_WAIT;
}
