/* node/http_client.h -- An HTTP/1.1 client for our own tools: one connection to one server, one
 * request at a time, kept alive in between.
 *
 *   CLOSED --call--> CONNECTING --open--> BUSY --answer--> IDLE --call--> BUSY
 *      ^                 |                  |                |
 *      +--- no address --+----- broken -----+---- closed ----+
 *
 * Whatever becomes of a call, its function is called once, from the event loop and never from
 * inside the call. A connection that broke is opened again by the next call; nothing is sent a
 * second time by itself, since only the caller knows what may be repeated.
 *
 * It works on sockets and events, without bufferevents: a small request is one send and its answer
 * one recv, which is what lets a load generator keep a server busy from one core.
 *
 * All of it belongs to the thread of the event base. */
#ifndef CAIRN_NODE_HTTP_CLIENT_H
#define CAIRN_NODE_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "cluster/base/status.h"

struct event_base;
struct http_client;

/* Where a server is. */

#define HTTP_URL_ADDRESSES_MAX 4
#define HTTP_URL_BYTES         300

struct http_url {
    char text[HTTP_URL_BYTES]; /* "http://127.0.0.1:7801" */
    const char *authority;     /* what stands after "http://"; points into `text` */
    size_t addresses_count;
    struct {
        struct sockaddr_storage name;
        socklen_t size;
    } addresses[HTTP_URL_ADDRESSES_MAX];
};

/* Takes "http://HOST:PORT" or "HOST:PORT" and looks the host up, which may block. Not to be copied.
 * STATUS_INVALID: it is no such thing; STATUS_NOT_FOUND: nobody knows the host. */
MUST_USE enum status http_url_parse(struct http_url *ret_url, const char *text);

/* Client. */

struct http_client_settings {
    struct event_base *base;
    const struct http_url *url; /* both outlive the client */
    uint32_t answer_ms;         /* for connecting, sending and the whole answer */
    size_t body_bytes_max;      /* of an answer */
};

/* Connects at the first call. NULL: no memory. */
struct http_client *http_client_new(const struct http_client_settings *settings);

/* Closes; a call under way is dropped without its function being called. NULL is fine. Not from
 * inside that function. */
void http_client_free(struct http_client *client);

/* All is copied. */
struct http_call {
    const char *method;
    const char *target;       /* "/v1/hunts?limit=3", encoded */
    const char *token;        /* for Authorization: Bearer; NULL: none */
    const char *content_type; /* NULL: there is no body */
    const char *headers;      /* further lines, each with its CR and LF; NULL: none */
    const void *body;
    size_t body_bytes;
};

enum http_failure {
    HTTP_FAILURE_NONE,
    HTTP_FAILURE_CONNECT,   /* there was no connection: the server has seen nothing of it */
    HTTP_FAILURE_BROKEN,    /* the connection broke before the answer was complete */
    HTTP_FAILURE_LATE,      /* no complete answer in time */
    HTTP_FAILURE_MALFORMED, /* not HTTP, or a body over the limit */
    HTTP_FAILURE_MEMORY,
};

/* "cannot connect", ...: to go before "to URL" or stand alone. */
const char *http_failure_text(enum http_failure failure);

#define HTTP_CONTENT_TYPE_BYTES   96
#define HTTP_CONTENT_CODING_BYTES 16
#define HTTP_FIELD_BYTES          128

/* Pointers are valid until the next call, or until the client is freed. */
struct http_response {
    enum http_failure failure; /* then nothing else is set */
    int status;
    const char *content_type;   /* "" when there is none; cut when longer than we know any */
    const char *content_coding; /* "" when there is none; cut likewise */
    const char *etag, *cache_control, *vary; /* the same */
    uint32_t retry_after_s;                  /* 0: none */
    const char *body;                        /* followed by a zero that is not counted */
    size_t body_bytes;
};

typedef void http_response_fn(void *context, const struct http_response *response);

/* Not while another call is under way. */
void http_client_call(struct http_client *client, const struct http_call *call,
                      http_response_fn *fn, void *context);

/* The same for who has nothing else to do: turns the event loop until the answer is there. */
void http_client_wait(struct http_client *client, const struct http_call *call,
                      struct http_response *ret_response);

#endif
