/* node/http_connection.h -- What the parts of the HTTP server share. Not for anybody else.
 *
 * http.c owns the server: the listening socket, the list of connections and their deadlines.
 * http_connection.c owns one connection: its states, its output and its end.
 * http_input.c turns its input into requests, or refuses it.
 * http_reply.c writes answers, with the headers of http_cors.c; http_request.c reads requests. */
#ifndef CAIRN_NODE_HTTP_CONNECTION_H
#define CAIRN_NODE_HTTP_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <event2/event.h>

#include "node/http.h"
#include "node/http_chunks.h"
#include "node/http_head.h"

struct bufferevent;

/* A crowd of requests must not keep the loop from urgent events: so long is a portion of them, or
 * of those that one connection has sent ahead. */
#define HTTP_PORTION_US 1000

/* What a connection may wait for at most so long. */
enum http_wait {
    HTTP_WAIT_NOTHING, /* the handler has it */
    HTTP_WAIT_REQUEST,
    HTTP_WAIT_IDLE,
    HTTP_WAIT_WRITE,
    HTTP_WAIT_LINGER,
    HTTP_WAIT_COUNT,
};

/*            +----------------------------------------------+
 *            v                                              |
 *   accept  HEAD -----------------------> HANDLING --> FLUSHING --> LINGERING --> CLOSED
 *            |  \--> BODY, CHUNKS ------>    |  (answer partly          ^
 *            |                               |   unsent)                |
 *            ^------- answer sent -----------+--- sent, to be closed ---+
 *
 * A request that we refuse is HANDLING for the moment it takes to answer it. CLOSED can follow on
 * each; a connection that breaks while HANDLING keeps its memory until the reply. */
enum http_state {
    HTTP_HEAD_STATE,
    HTTP_BODY_STATE,
    HTTP_CHUNKS_STATE,
    HTTP_HANDLING_STATE,
    HTTP_FLUSHING_STATE,
    HTTP_LINGERING_STATE,
    HTTP_CLOSED_STATE,
};

struct http_request {
    struct http_connection *connection;
    struct http_head head;
    uint64_t received_us; /* 0: it is not the handler's yet */
    void *state;
    void (*release)(void *state);
};

struct http_connection {
    TAILQ_ENTRY(http_connection) all;
    TAILQ_ENTRY(http_connection) waiting; /* in a queue of deadlines, unless HTTP_WAIT_NOTHING */
    TAILQ_ENTRY(http_connection) resumed; /* in the server's list, if `resuming` */
    struct http_server *server;
    struct bufferevent *stream; /* NULL once it broke */
    int fd;                     /* the stream's; -1 once closed */

    enum http_state state;
    enum http_wait wait;
    uint64_t deadline_us;

    bool loopback;
    bool begun;          /* bytes of the present request have come */
    bool reading;        /* as opposed to leaving input in the kernel */
    bool ended;          /* the client sends no more */
    bool closing;        /* after the answer */
    bool running;        /* inside its own loop, which frees it when it is CLOSED */
    bool resuming;       /* will be run from the event loop */
    bool surplus;        /* over connections_max: to be told so */
    uint32_t served;     /* requests */
    uint64_t arrived_us; /* when the input was read that is looked at, or will be */
    uint64_t dropped_bytes;

    struct http_request request;
    struct http_scan scan;
    struct http_chunks chunks;

    /* Head and body of the present request; kept between requests while it is small. */
    char *message;
    size_t message_capacity;
    size_t head_bytes;
    size_t body_bytes;
};

TAILQ_HEAD(http_connections, http_connection);

/* Connections that wait for the same kind of thing, and as long: the first is the next to expire.
 */
struct http_waits {
    struct http_connections list;
    uint64_t after_us;
};

struct http_server {
    struct http_settings settings;
    struct event_base *base;
    http_handler *handle;
    void *context;

    int fd; /* listening; -1 after the stop */
    struct event *accepting;
    struct event *accept_pause; /* a timer, while out of descriptors */
    struct event *timer;
    uint64_t timer_due_us; /* UINT64_MAX: not set */
    struct event *resume;
    bool stopping;
    char address[HTTP_ADDRESS_BYTES];

    struct http_connections connections;
    struct http_connections resuming;
    size_t resuming_count;
    struct http_waits waits[HTTP_WAIT_COUNT];
    size_t surplus;
    uint64_t now_us; /* read on every way in from the event loop or a reply */
    int64_t date_s;
    char date[40]; /* "Sun, 06 Nov 1994 08:49:37 GMT" of date_s */
    struct http_counters counters;
};

/* http.c */
void http_server_tick(struct http_server *server);
/* The connection waits for `wait` from now on. */
void http_server_await(struct http_connection *connection, enum http_wait wait);
/* Its loop is to be run soon, from the event loop. */
void http_server_resume(struct http_connection *connection);
void http_server_forget_resume(struct http_connection *connection);
const char *http_server_date(struct http_server *server);

/* What a step of a connection's loop says about the next one. */
enum http_step {
    HTTP_STEP_WAIT, /* for input, the handler, or the client to take its answer */
    HTTP_STEP_MORE,
};

/* http_connection.c */
/* Takes over the socket, which is closed on failure. */
MUST_USE enum status http_connection_open(struct http_server *server, int fd, bool loopback,
                                          bool surplus);
/* Frees it whatever it is doing; releases a pending request. */
void http_connection_free(struct http_connection *connection);
/* Processes what has come, and frees the connection if that ends it. */
void http_connection_run(struct http_connection *connection);
/* Its deadline has passed. May free it. */
void http_connection_expire(struct http_connection *connection);
/* Closed by a stop of the server: nothing of a request has come. */
bool http_connection_is_idle(const struct http_connection *connection);
/* True if the connection is to be closed after the present answer; decides it. */
bool http_connection_will_close(struct http_connection *connection);
/* Sends the answer to the present request and goes on to the next. May free the connection. */
void http_connection_answer(struct http_connection *connection, const struct iovec *parts,
                            size_t parts_count);
void http_connection_move(struct http_connection *connection, enum http_state next);
/* The connection is of no more use; a request that the handler has outlives it. */
void http_connection_abandon(struct http_connection *connection);
/* At most two parts. False: it broke. */
bool http_connection_send(struct http_connection *connection, const struct iovec *parts,
                          size_t parts_count);

/* http_input.c: one step in the state of that name. */
enum http_step http_input_head(struct http_connection *connection);
enum http_step http_input_body(struct http_connection *connection);
enum http_step http_input_chunks(struct http_connection *connection);
/* After the last answer, for a bounded number of bytes. */
enum http_step http_input_drop(struct http_connection *connection);
/* Answers for the handler, and closes afterwards: what follows cannot be trusted, or is too much.
 * May free the connection, unless its loop is running. */
enum http_step http_input_refuse(struct http_connection *connection,
                                 const struct http_fault *fault);
/* http_cors.c: the headers that an answer to this request has besides its own. */
#define HTTP_CORS_HEADERS_MAX 3
size_t http_cors_headers(const struct http_request *request,
                         struct http_header headers[HTTP_CORS_HEADERS_MAX]);

/* Received and not yet used. */
size_t http_input_bytes(const struct http_connection *connection);
/* Forgets the present request's bytes. */
void http_input_clear(struct http_connection *connection);

#endif
