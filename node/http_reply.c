#include "node/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/check.h"
#include "node/http_connection.h"

/* Most heads fit; those that echo something long get memory of their own. */
#define HEAD_BYTES 1024
/* Status line, Date, Content-Length, Connection and the empty line, with room to spare. */
#define HEAD_BYTES_FIXED 256

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return status < 400 ? "OK" : "Error";
}

/* A head being written; the room was computed before. */
struct head {
    char *data;
    size_t capacity;
    size_t used;
};

static void put(struct head *head, const char *text)
{
    const size_t bytes = strlen(text);
    CHECK(head->used + bytes <= head->capacity);
    memcpy(head->data + head->used, text, bytes);
    head->used += bytes;
}

static void put_number(struct head *head, uint64_t number)
{
    char digits[21];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(head, digits + at);
}

static void put_header(struct head *head, const char *name, const char *value)
{
    put(head, name);
    put(head, ": ");
    const size_t from = head->used;
    put(head, value);
    for (size_t i = from; i < head->used; i++) {
        const unsigned char byte = (unsigned char)head->data[i];
        if (byte < 0x20 || byte == 0x7f)
            head->data[i] = ' ';
    }
    put(head, "\r\n");
}

static size_t headers_bytes(const struct http_header *headers, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(headers[i].name) + strlen(headers[i].value) + 4;
    return bytes;
}

/* Those that the request's origin brings. */
struct cors {
    struct http_header headers[HTTP_CORS_HEADERS_MAX];
    size_t count;
};

static size_t head_bytes(const struct http_answer *answer, const struct cors *cors)
{
    size_t bytes = HEAD_BYTES_FIXED;
    if (answer->content_type != NULL)
        bytes += strlen(answer->content_type);
    return bytes + headers_bytes(answer->headers, answer->headers_count) +
           headers_bytes(cors->headers, cors->count);
}

/* 204 and 304 end with their head (RFC 9110 6.4.1). */
static bool has_body(int status)
{
    return status != 204 && status != 304;
}

static void write_head(struct head *head, struct http_connection *connection,
                       const struct http_answer *answer, const struct cors *cors)
{
    put(head, "HTTP/1.1 ");
    put_number(head, (uint64_t)answer->status);
    put(head, " ");
    put(head, reason(answer->status));
    put(head, "\r\nDate: ");
    put(head, http_server_date(connection->server));
    put(head, "\r\n");
    if (answer->content_type != NULL)
        put_header(head, "Content-Type", answer->content_type);
    if (has_body(answer->status)) {
        put(head, "Content-Length: ");
        put_number(head, answer->body_bytes);
        put(head, "\r\n");
    }
    for (size_t i = 0; i < answer->headers_count; i++)
        put_header(head, answer->headers[i].name, answer->headers[i].value);
    for (size_t i = 0; i < cors->count; i++)
        put_header(head, cors->headers[i].name, cors->headers[i].value);
    if (http_connection_will_close(connection))
        put(head, "Connection: close\r\n");
    else if (connection->request.head.version_1_0)
        put(head, "Connection: keep-alive\r\n");
    put(head, "\r\n");
}

void http_reply(struct http_request *request, const struct http_answer *answer)
{
    struct http_connection *connection = request->connection;
    CHECK(connection->state == HTTP_HANDLING_STATE);
    CHECK(answer->status >= 200);
    CHECK(answer->status <= 599);
    char local[HEAD_BYTES];
    struct cors cors;
    cors.count = http_cors_headers(request, cors.headers);
    const size_t bytes = head_bytes(answer, &cors);
    char *allocated = bytes > sizeof local ? malloc(bytes) : NULL;
    /* Out of memory, a lesser answer beats none. */
    const struct http_answer bare = {.status = 500};
    if (bytes > sizeof local && allocated == NULL) {
        answer = &bare;
        cors.count = 0;
    }
    struct head head = {.data = allocated != NULL ? allocated : local,
                        .capacity = allocated != NULL ? bytes : sizeof local};
    write_head(&head, connection, answer, &cors);

    const bool bodiless = request->head.verb == HTTP_VERB_HEAD || !has_body(answer->status);
    const struct iovec parts[2] = {
        {head.data, head.used},
        {(void *)(uintptr_t)answer->body, bodiless ? 0 : answer->body_bytes},
    };
    connection->server->counters.replies[answer->status / 100]++;
    http_connection_answer(connection, parts, parts[1].iov_len > 0 ? 2 : 1);
    free(allocated);
}

/* JSON text of bytes that a client may have chosen: what is not UTF-8 becomes '?'. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    if (value != NULL)
        return value;
    char *copy = strdup(text);
    if (copy == NULL)
        return NULL;
    for (char *at = copy; *at != '\0'; at++) {
        if ((unsigned char)*at > 0x7e)
            *at = '?';
    }
    value = json_string(copy);
    free(copy);
    return value;
}

static bool waits_for_retry(int status)
{
    return status == 429 || status == 503;
}

/* NULL when out of memory. */
static json_t *problem_value(const struct http_problem *problem)
{
    json_t *object = json_object();
    if (object == NULL)
        return NULL;
    int failed = json_object_set_new(object, "type", json_string("about:blank"));
    failed |= json_object_set_new(object, "title", json_string(reason(problem->status)));
    failed |= json_object_set_new(object, "status", json_integer(problem->status));
    if (problem->code != NULL)
        failed |= json_object_set_new(object, "code", text_value(problem->code));
    if (problem->detail != NULL)
        failed |= json_object_set_new(object, "detail", text_value(problem->detail));
    if (problem->field != NULL)
        failed |= json_object_set_new(object, "field", text_value(problem->field));
    if (problem->retryable || waits_for_retry(problem->status))
        failed |= json_object_set_new(object, "retryable", json_true());
    if (problem->members != NULL)
        failed |= json_object_update(object, problem->members);
    if (failed != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

#define PROBLEM_HEADERS_MAX 8

void http_reply_problem(struct http_request *request, const struct http_problem *problem)
{
    char seconds[12];
    struct http_header headers[PROBLEM_HEADERS_MAX + 1];
    CHECK(problem->status >= 400);
    CHECK(problem->headers_count <= PROBLEM_HEADERS_MAX);
    size_t count = 0;
    for (; count < problem->headers_count; count++)
        headers[count] = problem->headers[count];
    if (waits_for_retry(problem->status)) {
        const uint32_t after_s = problem->retry_after_s > 0 ? problem->retry_after_s : 1;
        (void)snprintf(seconds, sizeof seconds, "%u", after_s);
        headers[count++] = (struct http_header){"Retry-After", seconds};
    }
    json_t *object = problem_value(problem);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    const struct http_answer answer = {
        .status = problem->status,
        .content_type = "application/problem+json",
        .headers = headers,
        .headers_count = count,
        .body = text != NULL ? text : "{}",
        .body_bytes = text != NULL ? strlen(text) : 2,
    };
    http_reply(request, &answer);
    free(text);
    json_decref(object);
}
