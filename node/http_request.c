#include "node/http.h"

#include <string.h>

#include "cluster/base/check.h"
#include "node/http_connection.h"

const struct http_server *http_request_server(const struct http_request *request)
{
    return request->connection->server;
}

enum http_verb http_request_verb(const struct http_request *request)
{
    return request->head.verb;
}

const char *http_request_method(const struct http_request *request)
{
    return request->head.method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->connection->message + request->head.path_at;
}

const char *http_request_query(const struct http_request *request)
{
    return request->connection->message + request->head.query_at;
}

/* The next field of that name from *at on; NULL: none. */
static const char *next_field(const struct http_request *request, const char *name, size_t *at)
{
    const char *block = request->connection->message;
    const struct http_head *head = &request->head;
    const size_t name_bytes = strlen(name);
    while (*at < head->fields_count) {
        const struct http_field *field = &head->fields[(*at)++];
        if (field->name_bytes == name_bytes &&
            http_text_equal(block + field->name_at, name_bytes, name))
            return block + field->value_at;
    }
    return NULL;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    size_t at = 0;
    CHECK(name != NULL);
    return next_field(request, name, &at);
}

bool http_request_is_type(const struct http_request *request, const char *type)
{
    const char *value = http_request_header(request, "content-type");
    return value != NULL && http_text_equal(value, strcspn(value, "; \t"), type);
}

/* Thousandths of a weight: "0.5" is 500; 0 for what is none. */
static unsigned read_weight(const char *text, size_t bytes)
{
    unsigned weight = 0;
    unsigned scale = 1000;
    if (bytes == 0 || bytes > 5 || (bytes > 1 && text[1] != '.'))
        return 0;
    for (size_t i = 0; i < bytes; i++) {
        if (i == 1)
            continue;
        if (text[i] < '0' || text[i] > '9')
            return 0;
        weight += (unsigned)(text[i] - '0') * scale;
        scale /= 10;
    }
    return weight <= 1000 ? weight : 0;
}

/* What follows a member's name (RFC 9110 12.4.2); without a weight it has all of it. */
static unsigned weight_of(const char *parameters, size_t bytes)
{
    size_t at = 0;
    while (at < bytes && strchr("; \t", parameters[at]) != NULL)
        at++;
    while (bytes > at && strchr(" \t", parameters[bytes - 1]) != NULL)
        bytes--;
    if (bytes - at < 2 || !http_text_equal(parameters + at, 2, "q="))
        return 1000;
    return read_weight(parameters + at + 2, bytes - at - 2);
}

/* The weight of the first member of that name in a comma-separated list; -1: it is not there. */
static int list_weight(const char *list, const char *token)
{
    while (*list != '\0') {
        list += strspn(list, ", \t");
        const size_t member = strcspn(list, ",");
        const size_t name = strcspn(list, ",; \t");
        if (name > 0 && http_text_equal(list, name, token))
            return (int)weight_of(list + name, member - name);
        list += member;
    }
    return -1;
}

/* The weight that Accept-Encoding gives to a coding by this name; -1: it does not name it. */
static int coding_weight(const struct http_request *request, const char *coding)
{
    size_t at = 0;
    int weight = -1;
    const char *list = next_field(request, "accept-encoding", &at);
    while (list != NULL && weight < 0) {
        weight = list_weight(list, coding);
        list = next_field(request, "accept-encoding", &at);
    }
    return weight;
}

bool http_request_accepts_coding(const struct http_request *request, const char *coding)
{
    return coding_weight(request, coding) > 0;
}

bool http_request_prefers_coding(const struct http_request *request, const char *coding)
{
    int weight = coding_weight(request, coding);
    if (weight < 0)
        weight = coding_weight(request, "*");
    return weight > 0 && weight >= coding_weight(request, "identity");
}

const void *http_request_body(const struct http_request *request)
{
    return request->connection->message + request->connection->head_bytes;
}

size_t http_request_body_bytes(const struct http_request *request)
{
    return request->connection->body_bytes;
}

bool http_request_keeps_alive(const struct http_request *request)
{
    return request->head.keeps_alive;
}

bool http_request_is_loopback(const struct http_request *request)
{
    return request->connection->loopback;
}

uint64_t http_request_received_us(const struct http_request *request)
{
    return request->received_us;
}

bool http_request_is_gone(const struct http_request *request)
{
    return request->connection->stream == NULL;
}

void http_request_hold(struct http_request *request, void *state, void (*release)(void *state))
{
    CHECK(request->connection->state == HTTP_HANDLING_STATE);
    CHECK(request->release == NULL);
    request->state = state;
    request->release = release;
}

void http_request_take_back(struct http_request *request)
{
    CHECK(request->connection->state == HTTP_HANDLING_STATE);
    request->state = NULL;
    request->release = NULL;
}

void *http_request_state(const struct http_request *request)
{
    return request->state;
}
