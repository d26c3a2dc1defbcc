/* Web pages of other origins may read an answer where a header of it says so (the Fetch standard,
 * 3.2, "CORS protocol"). The headers go on every answer, refusals of broken requests too, or a page
 * could not tell a refusal from a network that is down. Credentials are never allowed: a token is a
 * header that the page must have. */
#include <string.h>

#include "cluster/base/check.h"
#include "node/http_connection.h"

/* Besides those that a page may always read. */
#define EXPOSED "ETag, Retry-After, Allow, Accept-Encoding, WWW-Authenticate"

static bool is_listed(const struct http_settings *settings, const char *origin)
{
    for (size_t i = 0; i < settings->cors_count; i++) {
        if (strcmp(settings->cors[i], origin) == 0)
            return true;
    }
    return false;
}

bool http_request_origin_listed(const struct http_request *request)
{
    const char *origin = http_request_header(request, "origin");
    return origin != NULL && strcmp(origin, "*") != 0 &&
           is_listed(&request->connection->server->settings, origin);
}

/* What Access-Control-Allow-Origin says; NULL: nothing. */
static const char *allowed_origin(const struct http_request *request, bool any)
{
    if (any)
        return "*";
    return http_request_origin_listed(request) ? http_request_header(request, "origin") : NULL;
}

bool http_request_origin_allowed(const struct http_request *request)
{
    return http_request_origin_listed(request) ||
           (http_request_header(request, "origin") != NULL &&
            is_listed(&request->connection->server->settings, "*"));
}

size_t http_cors_headers(const struct http_request *request,
                         struct http_header headers[HTTP_CORS_HEADERS_MAX])
{
    const struct http_settings *settings = &request->connection->server->settings;
    size_t count = 0;
    if (settings->cors_count == 0)
        return 0;
    const bool any = is_listed(settings, "*");
    const char *allowed = allowed_origin(request, any);
    /* A cache must not give one origin's answer to another. */
    if (!any)
        headers[count++] = (struct http_header){"Vary", "Origin"};
    if (allowed != NULL) {
        headers[count++] = (struct http_header){"Access-Control-Allow-Origin", allowed};
        headers[count++] = (struct http_header){"Access-Control-Expose-Headers", EXPOSED};
    }
    CHECK(count <= HTTP_CORS_HEADERS_MAX);
    return count;
}
