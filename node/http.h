/* node/http.h -- An HTTP/1.1 server on one event loop (RFC 9110, 9112; problems: RFC 9457).
 *
 * A server belongs to the thread that runs its event base, and so do its requests: nothing here
 * may be called from another thread. It has no globals, so several threads may each have one on the
 * same port (`reuse_port`). The program must ignore SIGPIPE before it starts one.
 *
 * For every request that is well-formed and within the limits the handler is called once, and owes
 * exactly one reply, at once or later:
 *
 *   accept -> head -> body -> handler ... http_reply -> next request or close
 *
 * One request of a connection is handled at a time; what the client sends ahead waits, most of it
 * in the kernel. The handler is never called from inside http_reply. What breaks the protocol or a
 * limit is answered here, as application/problem+json, and the connection is closed: after the
 * answer whatever the client still sends is read and dropped for a while, because closing over
 * unread bytes resets the connection and may destroy the answer on its way.
 *
 * Against request smuggling the framing is stricter than the RFC asks: bare LF or CR, folded lines,
 * white space before a colon, two lengths, a length beside a coding, any coding but "chunked" and a
 * missing or second Host are all 400. */
#ifndef CAIRN_NODE_HTTP_H
#define CAIRN_NODE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "node/histogram.h"

struct event_base;
struct json_t;
struct http_server;
struct http_request;

/* Settings. */

#define HTTP_HEADER_BYTES_LIMIT 65000 /* the most that `header_bytes_max` may be */
#define HTTP_ADDRESS_BYTES      64    /* room for "[IPv6]:port" and a zero */

struct http_settings {
    const char *listen;    /* "127.0.0.1:7801" or "[::1]:7801"; numeric; port 0 takes a free one */
    size_t body_bytes_max; /* of one request, chunks put together; over it 413 */
    size_t header_bytes_max;  /* request line to empty line, all included; over it 431 */
    uint32_t request_ms;      /* from accept or a request's first byte to its last; over it 408 */
    uint32_t idle_ms;         /* between requests of one connection, then it is closed */
    uint32_t write_ms;        /* for the client to take an answer, then it is cut off */
    uint32_t connections_max; /* over it 503 */
    uint32_t requests_per_connection_max; /* 0: no limit */
    int priority;                         /* of our events in the base; -1: the base's default */
    bool reuse_port; /* several servers share the port; otherwise a second one fails to start */
    const char *const
        *cors;         /* origins ("https://play.example") whose pages may read our answers; */
    size_t cors_count; /* "*": all. They outlive the server */
};

/* The contract's defaults: 127.0.0.1:7801, 1 MiB, 8192, 10 s, 60 s, 30 s, 10 000, none, -1, no,
 * none.
 */
void http_settings_init(struct http_settings *settings);

/* Server. */

/* Called on the loop's thread for each request; owes one http_reply or http_reply_problem. */
typedef void http_handler(struct http_request *request, void *context);

/* Listens and accepts as soon as the base runs. `settings` is copied; `base` outlives the server.
 * STATUS_INVALID: `listen` is not an address, or a limit is out of range.
 * STATUS_CONFLICT: the address is taken. STATUS_IO: another refusal; errno tells. STATUS_NO_MEMORY.
 */
MUST_USE enum status http_server_start(struct http_server **ret_server,
                                       const struct http_settings *settings,
                                       struct event_base *base, http_handler *handle,
                                       void *context);

/* Stops accepting and closes idle connections. Requests under way are read, handled and answered,
 * then their connections are closed. May be called in a handler, and twice. */
void http_server_stop(struct http_server *server);

/* Connections with a request under way or an answer not yet sent: 0 some time after a stop. */
size_t http_server_busy(const struct http_server *server);

/* Frees everything at once. Requests that were not answered are released (see http_request_hold)
 * and must not be used any more. NULL is fine. Not from a handler or a release function. */
void http_server_close(struct http_server *server);

/* Where it listens, with the real port. Valid as long as the server. */
const char *http_server_address(const struct http_server *server);

struct http_counters {
    uint64_t connections_open;
    uint64_t connections_total;
    uint64_t connections_refused; /* over connections_max */
    uint64_t accept_failures;     /* out of descriptors or memory */
    uint64_t requests;            /* handed to the handler */
    uint64_t replies[6];          /* by class: [2] counts 200 to 299; ours and the handler's */
    uint64_t malformed;           /* refused here, whatever the limit or rule */
    uint64_t timeouts;            /* 408 */
    uint64_t bytes_in;            /* taken from connections, dropped ones too */
    uint64_t bytes_out;
    struct histogram answer_time; /* the handler's answers, since http_request_received_us */
};

const struct http_counters *http_server_counters(const struct http_server *server);

/* Request. All pointers are valid until the reply. Texts are zero terminated. */

/* Whose it is. */
const struct http_server *http_request_server(const struct http_request *request);

enum http_verb {
    HTTP_VERB_GET,
    HTTP_VERB_HEAD, /* answer as for GET: the body is left out here */
    HTTP_VERB_POST,
    HTTP_VERB_PUT,
    HTTP_VERB_DELETE,
    HTTP_VERB_OPTIONS,
    HTTP_VERB_PATCH,
    HTTP_VERB_OTHER,
};

enum http_verb http_request_verb(const struct http_request *request);
const char *http_request_method(const struct http_request *request); /* "GET" */

/* Still percent-encoded, printable ASCII: begins with '/', or is "*". */
const char *http_request_path(const struct http_request *request);
/* What follows the '?', still encoded; "" when there is none. */
const char *http_request_query(const struct http_request *request);

/* The first field of that name (any case), without surrounding white space; NULL: there is none.
 * Host, Content-Type and Authorization occur at most once. */
const char *http_request_header(const struct http_request *request, const char *name);
/* Content-Type is this media type, whatever its case and parameters. */
bool http_request_is_type(const struct http_request *request, const char *type);
/* Accept-Encoding names this coding (not "*"), and not with q=0. */
bool http_request_accepts_coding(const struct http_request *request, const char *coding);
/* Accept-Encoding takes this coding, by name or by "*", and no more gladly none at all. */
bool http_request_prefers_coding(const struct http_request *request, const char *coding);

/* Contiguous, followed by a zero that is not counted; never NULL. */
const void *http_request_body(const struct http_request *request);
size_t http_request_body_bytes(const struct http_request *request);

/* The connection stays open after the reply, as far as the client is concerned. */
bool http_request_keeps_alive(const struct http_request *request);
bool http_request_is_loopback(const struct http_request *request);
/* A browser sent it for a page of an origin that settings.cors names; _allowed: or any, by "*". */
bool http_request_origin_listed(const struct http_request *request);
bool http_request_origin_allowed(const struct http_request *request);
/* When its last bytes were read, since when it has waited for its turn: CLOCK_MONOTONIC in
 * microseconds. */
uint64_t http_request_received_us(const struct http_request *request);
/* The connection broke meanwhile. It still wants its reply, which then only frees it. */
bool http_request_is_gone(const struct http_request *request);

/* Ties `state` to the request. `release` (may be NULL) is called once when the request is over:
 * inside the reply, or inside http_server_close, which is how a pending one is called off. */
void http_request_hold(struct http_request *request, void *state, void (*release)(void *state));
void *http_request_state(const struct http_request *request); /* NULL before a hold */
/* Takes the state back, without a release: the request may be held anew. */
void http_request_take_back(struct http_request *request);

/* Reply. */

/* Control characters in a value are sent as spaces, so no value can start another header. */
struct http_header {
    const char *name;
    const char *value;
};

struct http_answer {
    int status;                        /* 200 to 599 */
    const char *content_type;          /* NULL: none is sent */
    const struct http_header *headers; /* not Content-Length, Connection, Date or CORS: ours */
    size_t headers_count;
    const void *body; /* may be NULL when empty */
    size_t body_bytes;
};

/* Sends the answer and ends the request: the caller must not use it any more. All is copied. */
void http_reply(struct http_request *request, const struct http_answer *answer);

struct http_problem {
    int status;
    const char *code;                  /* a stable word, or NULL */
    const char *detail;                /* for people, or NULL; need not be valid UTF-8 */
    const char *field;                 /* "claims[3].x", or NULL */
    bool retryable;                    /* said when true; always true for 429 and 503 */
    uint32_t retry_after_s;            /* for 429 and 503, which always say it; 0: 1 */
    const struct http_header *headers; /* further ones, such as Allow */
    size_t headers_count;
    struct json_t *members; /* an object with further members, borrowed, or NULL */
};

/* The same as application/problem+json with type, title, status and what is given. */
void http_reply_problem(struct http_request *request, const struct http_problem *problem);

/* Path and query. */

#define HTTP_PATH_SEGMENTS_MAX 8
#define HTTP_PATH_BYTES_MAX    512

/* Not to be copied: the segments point into `text`. */
struct http_path {
    size_t count;
    const char *segments[HTTP_PATH_SEGMENTS_MAX];
    char text[HTTP_PATH_BYTES_MAX];
};

/* Splits at '/' and decodes: "/v1/hunts/a%2Db" is "v1", "hunts", "a-b"; "/" has none; a slash at
 * the end or a double one gives an empty segment.
 * STATUS_INVALID: does not begin with '/', a bad % sequence, "." or "..", or one that decodes to a
 * slash or a control character. STATUS_TOO_LARGE: more segments or bytes than fit. */
MUST_USE enum status http_path_segments(struct http_path *ret_path, const char *path);

#define HTTP_PARAMETER_NAME_BYTES  64
#define HTTP_PARAMETER_VALUE_BYTES 1024

struct http_parameter {
    char name[HTTP_PARAMETER_NAME_BYTES];
    char value[HTTP_PARAMETER_VALUE_BYTES];
};

/* Walks "a=1&b=x%20y": begin with *at = the query. '+' is a space; "a" alone has the value "".
 * STATUS_NOT_FOUND: no more. STATUS_INVALID: a bad % sequence or one that gives a control
 * character. STATUS_TOO_LARGE: does not fit. After a failure *at is as before. */
MUST_USE enum status http_query_next(struct http_parameter *ret_parameter, const char **at);

/* Finds one parameter; ret_value has room for `capacity` bytes with the zero.
 * As above; STATUS_CONFLICT: it is there twice. The whole query is checked either way. */
MUST_USE enum status http_query_get(char *ret_value, size_t capacity, const char *query,
                                    const char *name);

#endif
