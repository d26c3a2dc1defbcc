/* How a GET is answered: with a tag, coded or not, or with 304. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "node/gzip.h"
#include "node/routes_internal.h"

/* Smaller bodies fit into one packet with their head, coded or not. */
#define GZIP_BYTES_MIN 1024

/* 16 digits, a suffix, quotes and a zero. */
#define TAG_BYTES 32

/* The plain body and the gzipped one are different representations, and have tags of their own: a
 * strong tag stands for the same bytes (RFC 9110 8.8.3.3). */
struct tags {
    char plain[TAG_BYTES];
    char gzip[TAG_BYTES];
};

static void write_tags(struct tags *tags, uint64_t digest)
{
    (void)snprintf(tags->plain, TAG_BYTES, "\"%016llx\"", (unsigned long long)digest);
    (void)snprintf(tags->gzip, TAG_BYTES, "\"%016llx-gzip\"", (unsigned long long)digest);
}

/* The list of If-None-Match names the tag, weakly or not (RFC 9110 13.1.2). No tag of ours holds a
 * comma. */
static bool list_has(const char *list, const char *tag)
{
    const size_t length = strlen(tag);
    while (*list != '\0') {
        list += strspn(list, " \t,");
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        const size_t given = strcspn(list, ", \t");
        if (given == length && memcmp(list, tag, length) == 0)
            return true;
        list += given;
    }
    return false;
}

/* The tag of what the client has already and may be told to use; NULL: it has nothing that helps. A
 * plain body helps everybody, a gzipped one those who still take gzip. */
static const char *find_had(struct http_request *request, const struct tags *tags, bool gzip)
{
    const char *list = http_request_header(request, "If-None-Match");
    if (list == NULL)
        return NULL;
    if (strcmp(list, "*") == 0)
        return gzip ? tags->gzip : tags->plain;
    if (gzip && list_has(list, tags->gzip))
        return tags->gzip;
    return list_has(list, tags->plain) ? tags->plain : NULL;
}

static bool reads(struct http_request *request)
{
    const enum http_verb verb = http_request_verb(request);
    return verb == HTTP_VERB_GET || verb == HTTP_VERB_HEAD;
}

bool routes_wants_gzip(struct http_request *request, size_t bytes)
{
    return bytes >= GZIP_BYTES_MIN && reads(request) &&
           (http_request_prefers_coding(request, "gzip") ||
            http_request_accepts_coding(request, "x-gzip"));
}

#define HEADERS_MAX 4

struct headers {
    struct http_header list[HEADERS_MAX];
    size_t count;
};

static void add(struct headers *headers, const char *name, const char *value)
{
    CHECK(headers->count < HEADERS_MAX);
    headers->list[headers->count++] = (struct http_header){name, value};
}

static void send(struct http_request *request, const struct routes_body *body,
                 const struct headers *headers)
{
    http_reply(request, &(struct http_answer){.status = 200,
                                              .content_type = body->type,
                                              .headers = headers->list,
                                              .headers_count = headers->count,
                                              .body = body->data,
                                              .body_bytes = body->bytes});
}

/* Without memory for it the body goes out as it is, under its own tag. */
static void send_gzip(struct http_request *request, const struct routes_body *body,
                      const struct tags *tags, struct headers *headers)
{
    void *made = NULL;
    struct routes_body coded = *body;
    coded.data = body->gzip;
    coded.bytes = body->gzip_bytes;
    const bool ready = body->gzip_bytes > 0 ||
                       gzip_encode(&made, &coded.bytes, body->data, body->bytes) == STATUS_OK;
    if (made != NULL)
        coded.data = made;
    if (body->tagged)
        add(headers, "ETag", ready ? tags->gzip : tags->plain);
    if (ready)
        add(headers, "Content-Encoding", "gzip");
    send(request, ready ? &coded : body, headers);
    free(made);
}

void routes_reply_body(struct http_request *request, const struct routes_body *body)
{
    struct tags tags;
    struct headers headers = {.count = 0};
    const bool gzip = routes_wants_gzip(request, body->bytes);
    write_tags(&tags, body->digest);
    add(&headers, "Cache-Control", body->cache_control);
    if (reads(request))
        add(&headers, "Vary", "Accept-Encoding");
    const char *had = body->tagged ? find_had(request, &tags, gzip) : NULL;
    if (had == NULL && gzip) {
        send_gzip(request, body, &tags, &headers);
        return;
    }
    if (body->tagged)
        add(&headers, "ETag", had != NULL ? had : tags.plain);
    if (had == NULL)
        send(request, body, &headers);
    else
        http_reply(request, &(struct http_answer){.status = 304,
                                                  .headers = headers.list,
                                                  .headers_count = headers.count});
}

static void reply_json(struct http_request *request, struct json_text *text, bool tagged,
                       const char *cache_control)
{
    if (json_text_ok(text))
        routes_reply_body(request, &(struct routes_body){
                                       .type = "application/json",
                                       .cache_control = cache_control,
                                       .data = text->data,
                                       .bytes = text->used,
                                       .tagged = tagged,
                                       .digest = tagged ? hash_bytes(text->data, text->used) : 0,
                                   });
    else
        routes_refuse_memory(request);
    json_text_fini(text);
}

void routes_reply(struct http_request *request, struct json_text *text)
{
    reply_json(request, text, false, "no-store");
}

void routes_reply_cached(struct http_request *request, struct json_text *text,
                         const char *cache_control)
{
    reply_json(request, text, true, cache_control);
}
