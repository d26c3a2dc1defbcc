#include "node/http_client.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <http_parser.h>

#include "cluster/base/check.h"
#include "node/address.h"

#define READ_BYTES    16384
#define RETRY_AFTER_S 86400 /* the most that is believed */

enum client_state {
    CLIENT_CLOSED,
    CLIENT_CONNECTING,
    CLIENT_BUSY,
    CLIENT_IDLE,
    CLIENT_FAILED, /* within the call; the function is told by the loop's next turn */
};

/* Always followed by a zero. */
struct growing {
    char *data;
    size_t used;
    size_t capacity;
};

enum header {
    HEADER_OTHER,
    HEADER_CONTENT_TYPE,
    HEADER_CONTENT_CODING,
    HEADER_RETRY_AFTER,
    HEADER_ETAG,
    HEADER_CACHE_CONTROL,
    HEADER_VARY,
};

#define HEADER_NAME_BYTES 32

struct http_client {
    struct http_client_settings settings;
    enum client_state state;
    int fd;
    size_t address; /* the one in use, or to be tried first */
    size_t addresses_tried;
    struct event readable;
    struct event writable;
    struct event timer; /* armed by a call when it isn't, and looks at the deadline when it fires */
    uint64_t deadline_us;

    struct growing output;
    size_t output_sent;

    http_parser parser;
    bool complete;
    enum http_failure failure; /* why a callback of the parser ended the parsing */
    bool in_value;
    char header_name[HEADER_NAME_BYTES]; /* cut: no header that we know is longer */
    size_t header_name_bytes;
    enum header header;
    char content_type[HTTP_CONTENT_TYPE_BYTES];
    char content_coding[HTTP_CONTENT_CODING_BYTES];
    char etag[HTTP_FIELD_BYTES], cache_control[HTTP_FIELD_BYTES], vary[HTTP_FIELD_BYTES];
    uint32_t retry_after_s;
    struct growing body;

    http_response_fn *fn;
    void *context;
};

/* URL. */

static bool look_up(struct http_url *url, const struct address *address)
{
    char port[8];
    (void)snprintf(port, sizeof port, "%u", address->port);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(address->host, port, &hints, &found) != 0)
        return false;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        if (url->addresses_count == HTTP_URL_ADDRESSES_MAX ||
            at->ai_addrlen > sizeof url->addresses[0].name)
            continue;
        memcpy(&url->addresses[url->addresses_count].name, at->ai_addr, at->ai_addrlen);
        url->addresses[url->addresses_count++].size = at->ai_addrlen;
    }
    freeaddrinfo(found);
    return url->addresses_count > 0;
}

enum status http_url_parse(struct http_url *ret_url, const char *text)
{
    static const char scheme[] = "http://";
    const size_t scheme_bytes = sizeof scheme - 1;
    if (strncasecmp(text, scheme, scheme_bytes) == 0)
        text += scheme_bytes;
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '/')
        length--;
    if (scheme_bytes + length >= HTTP_URL_BYTES)
        return STATUS_INVALID;
    *ret_url = (struct http_url){0};
    memcpy(ret_url->text, scheme, scheme_bytes);
    memcpy(ret_url->text + scheme_bytes, text, length);
    ret_url->authority = ret_url->text + scheme_bytes;
    struct address address;
    if (address_parse(&address, ret_url->authority) != STATUS_OK)
        return STATUS_INVALID;
    return look_up(ret_url, &address) ? STATUS_OK : STATUS_NOT_FOUND;
}

const char *http_failure_text(enum http_failure failure)
{
    switch (failure) {
    case HTTP_FAILURE_NONE:
        return "answered";
    case HTTP_FAILURE_CONNECT:
        return "cannot connect";
    case HTTP_FAILURE_BROKEN:
        return "the connection broke before the answer came";
    case HTTP_FAILURE_LATE:
        return "no answer came in time";
    case HTTP_FAILURE_MALFORMED:
        return "the answer is no HTTP that is understood here";
    case HTTP_FAILURE_MEMORY:
        return "out of memory";
    }
    UNREACHABLE();
}

/* Buffers. */

static bool append(struct growing *buffer, const void *bytes, size_t count)
{
    if (buffer->capacity - buffer->used <= count) {
        size_t capacity = buffer->capacity > 0 ? buffer->capacity : 1024;
        while (capacity - buffer->used <= count)
            capacity *= 2;
        char *data = realloc(buffer->data, capacity);
        if (data == NULL)
            return false;
        buffer->data = data;
        buffer->capacity = capacity;
    }
    if (count > 0)
        memcpy(buffer->data + buffer->used, bytes, count);
    buffer->used += count;
    buffer->data[buffer->used] = '\0';
    return true;
}

static bool append_text(struct growing *buffer, const char *text)
{
    return append(buffer, text, strlen(text));
}

static bool write_request(struct http_client *client, const struct http_call *call)
{
    struct growing *output = &client->output;
    char length[64];
    output->used = 0;
    client->output_sent = 0;
    bool ok = append_text(output, call->method) && append_text(output, " ") &&
              append_text(output, call->target) && append_text(output, " HTTP/1.1\r\nHost: ") &&
              append_text(output, client->settings.url->authority) && append_text(output, "\r\n");
    if (call->token != NULL)
        ok = ok && append_text(output, "Authorization: Bearer ") &&
             append_text(output, call->token) && append_text(output, "\r\n");
    if (call->content_type != NULL || strcmp(call->method, "POST") == 0) {
        (void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", call->body_bytes);
        ok = ok && append_text(output, length);
    }
    if (call->content_type != NULL)
        ok = ok && append_text(output, "Content-Type: ") &&
             append_text(output, call->content_type) && append_text(output, "\r\n");
    if (call->headers != NULL)
        ok = ok && append_text(output, call->headers);
    return ok && append_text(output, "\r\n") && append(output, call->body, call->body_bytes);
}

/* Connection. */

static uint64_t now_us(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void disconnect(struct http_client *client)
{
    if (client->fd >= 0) {
        (void)event_del(&client->readable);
        (void)event_del(&client->writable);
        (void)close(client->fd);
    }
    client->fd = -1;
    client->state = CLIENT_CLOSED;
}

/* The client is ready for the next call when its function hears of this one. */
static void deliver(struct http_client *client, const struct http_response *response)
{
    http_response_fn *fn = client->fn;
    client->fn = NULL;
    CHECK(fn != NULL);
    fn(client->context, response);
}

static void fail(struct http_client *client, enum http_failure failure)
{
    disconnect(client);
    deliver(client, &(struct http_response){.failure = failure});
}

/* Inside a call nobody may be told yet. */
static void fail_soon(struct http_client *client, enum http_failure failure)
{
    disconnect(client);
    client->state = CLIENT_FAILED;
    client->failure = failure;
    event_active(&client->timer, EV_TIMEOUT, 0);
}

/* A send that fails is no verdict: an answer may be on its way, and reading finds out. */
static void flush_output(struct http_client *client)
{
    while (client->output_sent < client->output.used) {
        const ssize_t sent = send(client->fd, client->output.data + client->output_sent,
                                  client->output.used - client->output_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                (void)event_add(&client->writable, NULL);
            return;
        }
        client->output_sent += (size_t)sent;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *context);
static void on_writable(evutil_socket_t fd, short what, void *context);

static bool begin_connect(struct http_client *client)
{
    const struct http_url *url = client->settings.url;
    const struct sockaddr_storage *name = &url->addresses[client->address].name;
    const int on = 1;
    const int patience_ms = (int)client->settings.answer_ms;
    const int fd = socket(name->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    /* Neither may fail on a TCP socket, and without them it works too, only worse. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
    if (connect(fd, (const struct sockaddr *)name, url->addresses[client->address].size) != 0 &&
        errno != EINPROGRESS) {
        (void)close(fd);
        return false;
    }
    client->fd = fd;
    client->state = CLIENT_CONNECTING;
    struct event_base *base = client->settings.base;
    (void)event_assign(&client->readable, base, fd, EV_READ | EV_PERSIST, on_readable, client);
    (void)event_assign(&client->writable, base, fd, EV_WRITE, on_writable, client);
    (void)event_add(&client->writable, NULL);
    return true;
}

/* Tries the addresses that are left in this call, beginning with the one that worked last. */
static bool connect_next(struct http_client *client)
{
    const size_t count = client->settings.url->addresses_count;
    disconnect(client);
    while (client->addresses_tried < count) {
        if (client->addresses_tried++ > 0)
            client->address = (client->address + 1) % count;
        if (begin_connect(client))
            return true;
    }
    return false;
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct http_client *client = context;
    (void)what;
    if (client->state == CLIENT_CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
            if (!connect_next(client))
                fail(client, HTTP_FAILURE_CONNECT);
            return;
        }
        client->state = CLIENT_BUSY;
        (void)event_add(&client->readable, NULL);
    }
    flush_output(client);
}

/* Answer. */

static void answer_reset(struct http_client *client)
{
    client->complete = false;
    client->in_value = false;
    client->header_name_bytes = 0;
    client->content_type[0] = '\0';
    client->content_coding[0] = '\0';
    client->etag[0] = '\0';
    client->cache_control[0] = '\0';
    client->vary[0] = '\0';
    client->retry_after_s = 0;
    client->body.used = 0;
}

static int on_begin(http_parser *parser)
{
    answer_reset(parser->data);
    return 0;
}

static int on_header_name(http_parser *parser, const char *text, size_t bytes)
{
    struct http_client *client = parser->data;
    if (client->in_value)
        client->header_name_bytes = 0;
    client->in_value = false;
    const size_t room = sizeof client->header_name - 1 - client->header_name_bytes;
    const size_t taken = bytes < room ? bytes : room;
    memcpy(client->header_name + client->header_name_bytes, text, taken);
    client->header_name_bytes += taken;
    return 0;
}

static enum header header_of(struct http_client *client)
{
    static const struct {
        const char *name;
        enum header header;
    } known[] = {
        {"content-type", HEADER_CONTENT_TYPE},   {"content-encoding", HEADER_CONTENT_CODING},
        {"retry-after", HEADER_RETRY_AFTER},     {"etag", HEADER_ETAG},
        {"cache-control", HEADER_CACHE_CONTROL}, {"vary", HEADER_VARY},
    };
    client->header_name[client->header_name_bytes] = '\0';
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(client->header_name, known[i].name) == 0)
            return known[i].header;
    }
    return HEADER_OTHER;
}

static void append_cut(char *text, size_t capacity, const char *piece, size_t bytes)
{
    const size_t used = strlen(text);
    const size_t room = capacity - 1 - used;
    const size_t taken = bytes < room ? bytes : room;
    memcpy(text + used, piece, taken);
    text[used + taken] = '\0';
}

static void read_seconds(struct http_client *client, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes && text[i] >= '0' && text[i] <= '9'; i++) {
        const uint32_t seconds = client->retry_after_s * 10 + (uint32_t)(text[i] - '0');
        client->retry_after_s = seconds < RETRY_AFTER_S ? seconds : RETRY_AFTER_S;
    }
}

/* A value may come in pieces. */
static int on_header_value(http_parser *parser, const char *text, size_t bytes)
{
    struct http_client *client = parser->data;
    if (!client->in_value)
        client->header = header_of(client);
    client->in_value = true;
    switch (client->header) {
    case HEADER_CONTENT_TYPE:
        append_cut(client->content_type, sizeof client->content_type, text, bytes);
        break;
    case HEADER_CONTENT_CODING:
        append_cut(client->content_coding, sizeof client->content_coding, text, bytes);
        break;
    case HEADER_ETAG:
        append_cut(client->etag, sizeof client->etag, text, bytes);
        break;
    case HEADER_CACHE_CONTROL:
        append_cut(client->cache_control, sizeof client->cache_control, text, bytes);
        break;
    case HEADER_VARY:
        append_cut(client->vary, sizeof client->vary, text, bytes);
        break;
    case HEADER_RETRY_AFTER:
        read_seconds(client, text, bytes);
        break;
    case HEADER_OTHER:
        break;
    }
    return 0;
}

static int on_body(http_parser *parser, const char *bytes, size_t count)
{
    struct http_client *client = parser->data;
    if (count > client->settings.body_bytes_max - client->body.used) {
        client->failure = HTTP_FAILURE_MALFORMED;
        return 1;
    }
    if (!append(&client->body, bytes, count)) {
        client->failure = HTTP_FAILURE_MEMORY;
        return 1;
    }
    return 0;
}

/* "100 Continue" and the like only announce the answer. */
static int on_complete(http_parser *parser)
{
    struct http_client *client = parser->data;
    if (parser->status_code / 100 == 1)
        return 0;
    client->complete = true;
    http_parser_pause(parser, 1);
    return 0;
}

static void finish(struct http_client *client, bool more_follows)
{
    const bool reusable = !more_follows && client->output_sent == client->output.used &&
                          http_should_keep_alive(&client->parser) != 0;
    const struct http_response response = {
        .status = (int)client->parser.status_code,
        .content_type = client->content_type,
        .content_coding = client->content_coding,
        .etag = client->etag,
        .cache_control = client->cache_control,
        .vary = client->vary,
        .retry_after_s = client->retry_after_s,
        .body = client->body.used > 0 ? client->body.data : "",
        .body_bytes = client->body.used,
    };
    if (reusable)
        client->state = CLIENT_IDLE;
    else
        disconnect(client);
    deliver(client, &response);
}

/* No bytes: the end of the connection, which may be the end of the answer. */
static void take_bytes(struct http_client *client, const char *bytes, size_t count)
{
    static const http_parser_settings callbacks = {
        .on_message_begin = on_begin,
        .on_header_field = on_header_name,
        .on_header_value = on_header_value,
        .on_body = on_body,
        .on_message_complete = on_complete,
    };
    client->failure = HTTP_FAILURE_MALFORMED;
    const size_t parsed = http_parser_execute(&client->parser, &callbacks, bytes, count);
    if (client->complete)
        finish(client, count > 0 && parsed < count);
    else if (count == 0)
        fail(client, HTTP_FAILURE_BROKEN);
    else if (HTTP_PARSER_ERRNO(&client->parser) != HPE_OK || parsed != count)
        fail(client, client->failure);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct http_client *client = context;
    char bytes[READ_BYTES];
    (void)what;
    const ssize_t count = recv(fd, bytes, sizeof bytes, 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (client->state == CLIENT_IDLE)
        disconnect(client);
    else if (count < 0)
        fail(client, HTTP_FAILURE_BROKEN);
    else
        take_bytes(client, bytes, (size_t)count);
}

/* Calls. */

static void arm_timer(struct http_client *client, uint64_t wait_us)
{
    const struct timeval wait = {.tv_sec = (time_t)(wait_us / 1000000),
                                 .tv_usec = (suseconds_t)(wait_us % 1000000)};
    (void)evtimer_add(&client->timer, &wait);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct http_client *client = context;
    (void)fd;
    (void)what;
    if (client->state == CLIENT_FAILED) {
        client->state = CLIENT_CLOSED;
        fail(client, client->failure);
        return;
    }
    if (client->state != CLIENT_CONNECTING && client->state != CLIENT_BUSY)
        return;
    const uint64_t now = now_us();
    if (now < client->deadline_us)
        arm_timer(client, client->deadline_us - now);
    else
        fail(client, client->state == CLIENT_CONNECTING ? HTTP_FAILURE_CONNECT : HTTP_FAILURE_LATE);
}

struct http_client *http_client_new(const struct http_client_settings *settings)
{
    CHECK(settings->url->addresses_count > 0);
    struct http_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    client->settings = *settings;
    client->fd = -1;
    (void)evtimer_assign(&client->timer, settings->base, on_timer, client);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    disconnect(client);
    (void)event_del(&client->timer);
    free(client->output.data);
    free(client->body.data);
    free(client);
}

void http_client_call(struct http_client *client, const struct http_call *call,
                      http_response_fn *fn, void *context)
{
    CHECK(client->state == CLIENT_CLOSED || client->state == CLIENT_IDLE);
    CHECK(client->fn == NULL);
    client->fn = fn;
    client->context = context;
    client->deadline_us = now_us() + (uint64_t)client->settings.answer_ms * 1000;
    client->addresses_tried = 0;
    http_parser_init(&client->parser, HTTP_RESPONSE);
    client->parser.data = client;
    answer_reset(client);
    if (!write_request(client, call)) {
        fail_soon(client, HTTP_FAILURE_MEMORY);
        return;
    }
    /* One that is armed fires before this call's deadline, and is then armed for the rest. */
    if (!evtimer_pending(&client->timer, NULL))
        arm_timer(client, (uint64_t)client->settings.answer_ms * 1000);
    if (client->state == CLIENT_IDLE) {
        client->state = CLIENT_BUSY;
        flush_output(client);
    } else if (!connect_next(client))
        fail_soon(client, HTTP_FAILURE_CONNECT);
}

struct waiting {
    bool done;
    struct http_response *response;
};

static void take_waited(void *context, const struct http_response *response)
{
    struct waiting *waiting = context;
    waiting->done = true;
    *waiting->response = *response;
}

void http_client_wait(struct http_client *client, const struct http_call *call,
                      struct http_response *ret_response)
{
    struct waiting waiting = {.response = ret_response};
    http_client_call(client, call, take_waited, &waiting);
    while (!waiting.done)
        CHECK(event_base_loop(client->settings.base, EVLOOP_ONCE) == 0);
}
