#include "node/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"
#include "node/http.h"
#include "node/http_client.h"

#define FORWARDED_HEADER "Cairn-Forwarded"

/* Connections to one node, and requests that wait for one of them. */
#define CONNECTIONS_MAX 8
#define WAITING_MAX     256

#define ANSWER_MS     10000
#define ANSWER_BYTES  ((size_t)4 << 20)
#define HEADERS_BYTES 4096
#define TARGET_BYTES  8192

/* A request under way, or waiting. The server calls it off by release(). */
struct passage {
    struct passage *next;         /* while it waits */
    struct http_request *request; /* NULL: called off */
};

struct connection {
    struct upstream *upstream;
    struct http_client *client;
    struct passage *passage; /* NULL: it is free */
};

/* Another node. */
struct upstream {
    struct proxy *proxy;
    struct http_url url;
    struct connection connections[CONNECTIONS_MAX];
    struct passage *first, **end; /* waiting */
    uint32_t waiting;
};

struct proxy {
    struct event_base *base;
    struct upstream *upstreams[NODES_MAX];
    uint32_t count;
};

struct proxy *proxy_new(struct event_base *base)
{
    struct proxy *proxy = calloc(1, sizeof *proxy);
    if (proxy != NULL)
        proxy->base = base;
    return proxy;
}

void proxy_free(struct proxy *proxy)
{
    if (proxy == NULL)
        return;
    for (uint32_t i = 0; i < proxy->count; i++) {
        struct upstream *upstream = proxy->upstreams[i];
        for (uint32_t at = 0; at < CONNECTIONS_MAX; at++) {
            http_client_free(upstream->connections[at].client);
            free(upstream->connections[at].passage);
        }
        while (upstream->first != NULL) {
            struct passage *passage = upstream->first;
            upstream->first = passage->next;
            free(passage);
        }
        free(upstream);
    }
    free(proxy);
}

bool proxy_was_passed(const struct http_request *request)
{
    return http_request_header(request, FORWARDED_HEADER) != NULL;
}

static void refuse(struct http_request *request, const char *code, const char *detail)
{
    http_reply_problem(request,
                       &(struct http_problem){.status = 503, .code = code, .detail = detail});
}

/* The request is over: answered by us, or called off by the server that closes. */
static void let_go(void *state)
{
    struct passage *passage = state;
    passage->request = NULL;
}

/* --- Answering -------------------------------------------------------------------------------- */

#define ANSWER_HEADERS_MAX 5

static size_t add_header(struct http_header *headers, size_t count, const char *name,
                         const char *value)
{
    if (value[0] == '\0')
        return count;
    headers[count] = (struct http_header){name, value};
    return count + 1;
}

static void pass_back(struct http_request *request, const struct http_response *response)
{
    struct http_header headers[ANSWER_HEADERS_MAX];
    char retry_after[16] = "";
    if (response->retry_after_s > 0)
        (void)snprintf(retry_after, sizeof retry_after, "%u", response->retry_after_s);
    size_t count = 0;
    count = add_header(headers, count, "ETag", response->etag);
    count = add_header(headers, count, "Cache-Control", response->cache_control);
    count = add_header(headers, count, "Content-Encoding", response->content_coding);
    /* The other node's "Origin" is its own matter; our server adds ours. */
    const bool varies = strstr(response->vary, "Accept-Encoding") != NULL;
    count = add_header(headers, count, "Vary", varies ? "Accept-Encoding" : "");
    count = add_header(headers, count, "Retry-After", retry_after);
    const struct http_answer answer = {
        .status = response->status,
        .content_type = response->content_type[0] != '\0' ? response->content_type : NULL,
        .headers = headers,
        .headers_count = count,
        .body = response->body,
        .body_bytes = response->body_bytes,
    };
    http_reply(request, &answer);
}

static void begin(struct connection *connection, struct passage *passage);

static void answered(void *context, const struct http_response *response)
{
    struct connection *connection = context;
    struct upstream *upstream = connection->upstream;
    struct passage *passage = connection->passage;
    struct http_request *request = passage->request;
    connection->passage = NULL;
    if (request != NULL && response->failure == HTTP_FAILURE_NONE && response->status >= 200)
        pass_back(request, response);
    else if (request != NULL)
        refuse(request, "no_leader", "the node that knows does not answer");
    free(passage); /* the answer has let go of it */
    while (connection->passage == NULL && upstream->first != NULL) {
        struct passage *next = upstream->first;
        upstream->first = next->next;
        if (upstream->first == NULL)
            upstream->end = &upstream->first;
        upstream->waiting--;
        begin(connection, next);
    }
}

/* --- Asking ----------------------------------------------------------------------------------- */

/* What the other node must know of the request besides its line and body. */
static bool write_headers(const struct http_request *request, char *text, size_t bytes)
{
    static const char *const names[] = {"Accept-Encoding", "If-None-Match", "Authorization",
                                        "Content-Encoding", "Origin"};
    size_t used = (size_t)snprintf(text, bytes, "%s: 1\r\n", FORWARDED_HEADER);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = http_request_header(request, names[i]);
        if (value == NULL)
            continue;
        const int more = snprintf(text + used, bytes - used, "%s: %s\r\n", names[i], value);
        if (more < 0 || (size_t)more >= bytes - used)
            return false;
        used += (size_t)more;
    }
    return true;
}

static bool write_target(const struct http_request *request, char *text, size_t bytes)
{
    const char *query = http_request_query(request);
    const int used = snprintf(text, bytes, "%s%s%s", http_request_path(request),
                              query[0] != '\0' ? "?" : "", query);
    return used > 0 && (size_t)used < bytes;
}

static void begin(struct connection *connection, struct passage *passage)
{
    char headers[HEADERS_BYTES], target[TARGET_BYTES];
    const struct http_request *request = passage->request;
    if (request == NULL) {
        free(passage);
        return;
    }
    if (!write_headers(request, headers, sizeof headers) ||
        !write_target(request, target, sizeof target)) {
        refuse(passage->request, "no_leader", "the request is too long to be passed on");
        free(passage);
        return;
    }
    connection->passage = passage;
    const size_t body_bytes = http_request_body_bytes(request);
    const struct http_call call = {
        /* The body of an answer to HEAD is left out when we pass it back. */
        .method =
            http_request_verb(request) == HTTP_VERB_HEAD ? "GET" : http_request_method(request),
        .target = target,
        .content_type = body_bytes > 0 ? http_request_header(request, "Content-Type") : NULL,
        .headers = headers,
        .body = http_request_body(request),
        .body_bytes = body_bytes,
    };
    http_client_call(connection->client, &call, answered, connection);
}

static struct upstream *make_upstream(struct proxy *proxy, const char *address)
{
    if (proxy->count == NODES_MAX)
        return NULL;
    struct upstream *upstream = calloc(1, sizeof *upstream);
    if (upstream == NULL)
        return NULL;
    upstream->proxy = proxy;
    upstream->end = &upstream->first;
    if (http_url_parse(&upstream->url, address) != STATUS_OK) {
        free(upstream);
        return NULL;
    }
    proxy->upstreams[proxy->count++] = upstream;
    return upstream;
}

static struct upstream *find_upstream(struct proxy *proxy, const char *address)
{
    for (uint32_t i = 0; i < proxy->count; i++) {
        if (strcmp(proxy->upstreams[i]->url.authority, address) == 0)
            return proxy->upstreams[i];
    }
    return make_upstream(proxy, address);
}

/* NULL: all are busy, or there is no memory. */
static struct connection *free_connection(struct upstream *upstream)
{
    for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &upstream->connections[i];
        if (connection->passage != NULL)
            continue;
        if (connection->client == NULL) {
            const struct http_client_settings settings = {
                .base = upstream->proxy->base,
                .url = &upstream->url,
                .answer_ms = ANSWER_MS,
                .body_bytes_max = ANSWER_BYTES,
            };
            connection->upstream = upstream;
            connection->client = http_client_new(&settings);
        }
        return connection->client != NULL ? connection : NULL;
    }
    return NULL;
}

void proxy_pass(struct proxy *proxy, struct http_request *request, const char *address)
{
    struct upstream *upstream = find_upstream(proxy, address);
    struct passage *passage = calloc(1, sizeof *passage);
    if (upstream == NULL || passage == NULL) {
        free(passage);
        refuse(request, "no_leader", "the node that knows cannot be asked");
        return;
    }
    passage->request = request;
    struct connection *connection = free_connection(upstream);
    if (connection == NULL && upstream->waiting == WAITING_MAX) {
        free(passage);
        refuse(request, "overloaded", "too many requests wait for another node");
        return;
    }
    http_request_hold(request, passage, let_go);
    if (connection != NULL) {
        begin(connection, passage);
        return;
    }
    *upstream->end = passage;
    upstream->end = &passage->next;
    upstream->waiting++;
}
