#include "node/routes.h"

#include <string.h>

#include "cluster/base/check.h"
#include "node/routes_internal.h"

#define READ_ONLY "GET, HEAD, OPTIONS"

/* The busiest first. */
static const struct route table[] = {
    {"/hunt", "POST, OPTIONS", .post = {routes_post_hunt, {0}}},
    {"/v1/hunts/{hunt}/claims", "POST, OPTIONS", .post = {routes_post_claims, {0}}},
    {"/v1/hunts/{hunt}/players/{player}", READ_ONLY, .get = {routes_get_player, {"consistent"}}},
    {"/v1/hunts/{hunt}/players/{player}/actions/{seq}", READ_ONLY,
     .get = {routes_get_receipt, {0}}},
    {"/v1/hunts/{hunt}/leaderboard", READ_ONLY,
     .get = {routes_get_leaderboard, {"limit", "cursor", "epoch"}}},
    {"/v1/hunts/{hunt}/leaderboard/around/{player}", READ_ONLY,
     .get = {routes_get_around, {"limit"}}},
    {"/v1/hunts/{hunt}/awards", READ_ONLY, .get = {routes_get_awards, {"limit", "cursor"}}},
    {"/v1/hunts/{hunt}", "GET, HEAD, PUT, OPTIONS", .get = {routes_get_hunt, {"version"}},
     .put = {routes_put_hunt, {"dry_run"}}},
    {"/v1/hunts", READ_ONLY, .get = {routes_get_hunts, {0}}},
    {"/v1/epochs/{epoch}", READ_ONLY, .get = {routes_get_epoch, {0}}},
    {"/v1/cluster", READ_ONLY, .get = {routes_get_cluster, {0}}},
    {"/v1/cluster/nodes/{name}/drain", "POST, OPTIONS", .post = {routes_drain_node, {0}}},
    {"/v1/cluster/nodes/{name}", "DELETE, OPTIONS", .remove = {routes_remove_node, {0}}},
    {"/v1/openapi.yaml", READ_ONLY, .get = {routes_get_description, {0}}},
    {"/healthz", READ_ONLY, .get = {routes_get_health, {0}}},
    {"/readyz", READ_ONLY, .get = {routes_get_ready, {0}}},
    {"/metrics", READ_ONLY, .get = {routes_get_metrics, {0}}},
};

const struct route *routes_table(size_t *ret_count)
{
    *ret_count = sizeof table / sizeof table[0];
    return table;
}

static bool segment_matches(const char *pattern, size_t length, const char *segment)
{
    if (pattern[0] == '{')
        return segment[0] != '\0';
    return strlen(segment) == length && memcmp(pattern, segment, length) == 0;
}

static bool path_matches(const char *pattern, const struct http_path *path)
{
    size_t at = 0;
    while (*pattern == '/') {
        pattern++;
        const size_t length = strcspn(pattern, "/");
        if (at == path->count || !segment_matches(pattern, length, path->segments[at]))
            return false;
        pattern += length;
        at++;
    }
    return at == path->count;
}

static const struct route *find_route(const struct http_path *path)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (path_matches(table[i].pattern, path))
            return &table[i];
    }
    return NULL;
}

static const struct route_method *find_method(const struct route *route, enum http_verb verb)
{
    const struct route_method *method = NULL;
    if (verb == HTTP_VERB_GET || verb == HTTP_VERB_HEAD)
        method = &route->get;
    else if (verb == HTTP_VERB_POST)
        method = &route->post;
    else if (verb == HTTP_VERB_PUT)
        method = &route->put;
    else if (verb == HTTP_VERB_DELETE)
        method = &route->remove;
    return method != NULL && method->handle != NULL ? method : NULL;
}

static size_t find_parameter(const struct route_method *method, const char *name)
{
    size_t at = 0;
    while (at < ROUTE_PARAMETERS_MAX && method->parameters[at] != NULL &&
           strcmp(method->parameters[at], name) != 0)
        at++;
    return at < ROUTE_PARAMETERS_MAX && method->parameters[at] != NULL ? at : ROUTE_PARAMETERS_MAX;
}

/* Each parameter is one that the method takes, and is there once. */
static bool check_query(struct http_request *request, const struct route_method *method)
{
    bool seen[ROUTE_PARAMETERS_MAX] = {false};
    struct http_parameter parameter;
    const char *at = http_request_query(request);
    enum status status = http_query_next(&parameter, &at);
    for (; status == STATUS_OK; status = http_query_next(&parameter, &at)) {
        const size_t found = find_parameter(method, parameter.name);
        if (found == ROUTE_PARAMETERS_MAX || seen[found]) {
            routes_refuse(request, 400,
                          found == ROUTE_PARAMETERS_MAX ? "unknown_field" : "malformed",
                          parameter.name,
                          found == ROUTE_PARAMETERS_MAX ? "there is no such query parameter here"
                                                        : "the query parameter is there twice");
            return false;
        }
        seen[found] = true;
    }
    if (status == STATUS_NOT_FOUND)
        return true;
    routes_refuse(request, 400, "malformed", "query", "the query cannot be read");
    return false;
}

static void refuse_method(struct http_request *request, const struct route *route)
{
    const struct http_header allow = {"Allow", route->allow};
    http_reply_problem(request, &(struct http_problem){.status = 405,
                                                       .code = "method_not_allowed",
                                                       .detail = "the path has other methods",
                                                       .headers = &allow,
                                                       .headers_count = 1});
}

/* What a page may do here, where its browser asks first (a preflight), or who else wants to know.
 * The browser reads the origin's own header; the rest is the same for all. */
static void reply_options(struct http_request *request, const char *allow)
{
    const struct http_header headers[] = {
        {"Allow", allow},
        {"Access-Control-Allow-Methods", allow},
        {"Access-Control-Allow-Headers",
         "Authorization, Content-Type, Content-Encoding, If-None-Match"},
        {"Access-Control-Max-Age", "600"},
    };
    const bool preflight = http_request_header(request, "Access-Control-Request-Method") != NULL &&
                           http_request_origin_allowed(request);
    http_reply(request, &(struct http_answer){
                            .status = 204,
                            .headers = headers,
                            .headers_count = preflight ? sizeof headers / sizeof headers[0] : 1});
}

void routes_handle(struct http_request *request, void *context)
{
    struct http_path path;
    CHECK(context != NULL);
    if (strcmp(http_request_path(request), "*") == 0) {
        reply_options(request, "GET, HEAD, POST, PUT, DELETE, OPTIONS");
        return;
    }
    const enum status status = http_path_segments(&path, http_request_path(request));
    if (status == STATUS_INVALID) {
        routes_refuse(request, 400, "malformed", "path", "the path cannot be read");
        return;
    }
    /* One that is too long for us is like no path of ours. */
    const struct route *route = status == STATUS_OK ? find_route(&path) : NULL;
    if (route == NULL) {
        routes_refuse(request, 404, "unknown_path", NULL, "there is nothing at this path");
        return;
    }
    if (http_request_verb(request) == HTTP_VERB_OPTIONS) {
        reply_options(request, route->allow);
        return;
    }
    const struct route_method *method = find_method(route, http_request_verb(request));
    if (method == NULL) {
        refuse_method(request, route);
        return;
    }
    if (check_query(request, method))
        method->handle(&(struct call){.routes = context, .request = request, .path = &path});
}
