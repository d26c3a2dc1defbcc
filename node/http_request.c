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

/* "q=0", "q=0.0" and so on, after the member's ';'. */
static bool quality_is_zero(const char *parameters, size_t bytes)
{
    size_t at = 0;
    while (at < bytes && strchr("; \t", parameters[at]) != NULL)
        at++;
    if (bytes - at < 3 || !http_text_equal(parameters + at, 2, "q="))
        return false;
    at += 2;
    while (at < bytes && strchr("0. \t", parameters[at]) != NULL)
        at++;
    return at == bytes;
}

/* Looks for a member of a comma-separated list: 1 it is there, 0 it is not, -1 it is excluded. */
static int list_names(const char *list, const char *token)
{
    while (*list != '\0') {
        list += strspn(list, ", \t");
        const size_t member = strcspn(list, ",");
        const size_t name = strcspn(list, ",; \t");
        if (name > 0 && http_text_equal(list, name, token))
            return quality_is_zero(list + name, member - name) ? -1 : 1;
        list += member;
    }
    return 0;
}

bool http_request_accepts_coding(const struct http_request *request, const char *coding)
{
    size_t at = 0;
    int named = 0;
    const char *list = next_field(request, "accept-encoding", &at);
    while (list != NULL && named == 0) {
        named = list_names(list, coding);
        list = next_field(request, "accept-encoding", &at);
    }
    return named > 0;
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

void *http_request_state(const struct http_request *request)
{
    return request->state;
}
