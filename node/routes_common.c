/* What handlers share: the routes' own life, reading a call, refusing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"
#include "node/config.h"
#include "node/description.h"
#include "node/gzip.h"
#include "node/log.h"
#include "node/routes.h"
#include "node/routes_internal.h"
#include "node/routes_wire.h"
#include "node/token_file.h"

/* STATUS_OK also where no file is named. */
static enum status take_token(struct routes *routes, const char *path)
{
    char token[TOKEN_BYTES];
    if (path[0] == '\0')
        return STATUS_OK;
    const enum status status = token_file_read(token, path);
    if (status != STATUS_OK)
        return status;
    routes->admin_token = strdup(token);
    sodium_memzero(token, sizeof token);
    if (routes->admin_token == NULL)
        return STATUS_NO_MEMORY;
    routes->admin_token_bytes = strlen(routes->admin_token);
    return STATUS_OK;
}

static bool make_parts(struct routes *routes, struct node *node)
{
    routes->node = node;
    routes->pages = calloc(1, sizeof *routes->pages);
    routes->room = calloc(1, sizeof *routes->room);
    routes->proxy = proxy_new(node_base(node));
    routes->aside = aside_new(node_base(node));
    if (routes->pages == NULL || routes->room == NULL || routes->proxy == NULL ||
        routes->aside == NULL)
        return false;
    /* It never changes; without memory for this it is gzipped when it is asked for. */
    if (gzip_encode(&routes->description_gzip, &routes->description_gzip_bytes, description,
                    description_bytes) != STATUS_OK)
        routes->description_gzip_bytes = 0;
    const size_t bytes_max = node_config(node)->limits.body_bytes;
    return wire_room_init(routes->room,
                          bytes_max < ROUTES_LARGE_BYTES ? bytes_max : ROUTES_LARGE_BYTES,
                          bytes_max) == STATUS_OK;
}

/* False: a sentence is logged. */
static bool routes_init(struct routes *routes, struct node *node)
{
    const char *path = node_config(node)->http.admin_token_file;
    if (!make_parts(routes, node)) {
        log_write(LOG_LEVEL_ERROR, "no memory, descriptor or thread to answer requests with", NULL);
        return false;
    }
    const enum status status = take_token(routes, path);
    if (status != STATUS_OK)
        log_write(LOG_LEVEL_ERROR, "the administrator's token cannot be read",
                  LOG_FIELDS(log_text("path", path), log_text("status", status_name(status))));
    return status == STATUS_OK;
}

struct routes *routes_new(struct node *node)
{
    struct routes *routes = calloc(1, sizeof *routes);
    if (routes == NULL) {
        log_write(LOG_LEVEL_ERROR, "no memory to answer requests with", NULL);
        return NULL;
    }
    if (routes_init(routes, node))
        return routes;
    routes_free(routes);
    return NULL;
}

void routes_free(struct routes *routes)
{
    if (routes == NULL)
        return;
    if (routes->admin_token != NULL)
        sodium_memzero(routes->admin_token, routes->admin_token_bytes);
    free(routes->admin_token);
    aside_free(routes->aside);
    proxy_free(routes->proxy);
    if (routes->pages != NULL)
        page_cache_fini(routes->pages);
    free(routes->pages);
    free(routes->description_gzip);
    if (routes->room != NULL)
        wire_room_fini(routes->room);
    free(routes->room);
    free(routes);
}

void routes_refuse(struct http_request *request, int status, const char *code, const char *field,
                   const char *detail)
{
    http_reply_problem(
        request,
        &(struct http_problem){.status = status, .code = code, .field = field, .detail = detail});
}

void routes_refuse_leaderless(struct http_request *request)
{
    routes_refuse(request, 503, "no_leader", NULL, "no leader can be asked now");
}

void routes_refuse_memory(struct http_request *request)
{
    routes_refuse(request, 503, "no_memory", NULL, "this node is short of memory");
}

bool routes_admit_load(const struct call *call)
{
    if (node_admits(call->routes->node, http_request_received_us(call->request)))
        return true;
    routes_refuse(call->request, 503, "overloaded", NULL, "too much waits already");
    return false;
}

/* So long it takes at least until room that an operator makes is seen and trusted. */
#define DISK_FULL_RETRY_S 5

bool routes_admit_growth(const struct call *call)
{
    if (!node_disk_full(call->routes->node))
        return true;
    http_reply_problem(call->request,
                       &(struct http_problem){.status = 503,
                                              .code = "disk_full",
                                              .detail = "this node's disk is nearly full: nothing "
                                                        "new is taken until there is room",
                                              .retry_after_s = DISK_FULL_RETRY_S});
    return false;
}

bool routes_hunt_name(const struct call *call, struct name *ret_name)
{
    CHECK(call->path->count > 2);
    const char *text = call->path->segments[2];
    if (name_set(ret_name, text, strlen(text)) == STATUS_OK)
        return true;
    routes_refuse(call->request, 400, "malformed", "hunt",
                  "a hunt's id has 1 to 63 characters of a-z 0-9 -");
    return false;
}

const struct hunt *routes_find_hunt(const struct call *call, const struct name *name)
{
    const struct system_state *system = cluster_system(node_cluster(call->routes->node));
    if (routes_settings(call) == NULL)
        return NULL;
    const struct hunt *hunt = system_state_find_hunt(system, name->text);
    if (hunt == NULL)
        routes_refuse(call->request, 404, "unknown_hunt", "hunt", "there is no such hunt");
    return hunt;
}

const struct hunt *routes_path_hunt(const struct call *call)
{
    struct name name;
    return routes_hunt_name(call, &name) ? routes_find_hunt(call, &name) : NULL;
}

bool routes_path_player(const struct call *call, size_t at, struct player_id *ret_player)
{
    CHECK(call->path->count > at);
    const char *text = call->path->segments[at];
    if (player_id_parse(ret_player, text, strlen(text)) == STATUS_OK)
        return true;
    routes_refuse(call->request, 400, "malformed", "player",
                  "a player is a UUID in the form 8-4-4-4-12");
    return false;
}

/* Saturates: what fits no u64 is out of any range of ours. */
static uint64_t read_digits(const char *text)
{
    uint64_t number = 0;
    for (; *text != '\0'; text++) {
        const uint64_t digit = (uint64_t)(*text - '0');
        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
    }
    return number;
}

bool routes_number(const struct call *call, const struct number_rule *rule, const char *text,
                   uint64_t *ret_number)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') {
        routes_refuse(call->request, 400, "malformed", rule->name, "a whole number is expected");
        return false;
    }
    const uint64_t number = read_digits(text);
    if (number < rule->min || number > rule->max) {
        char detail[80];
        (void)snprintf(detail, sizeof detail, "must be %llu to %llu", (unsigned long long)rule->min,
                       (unsigned long long)rule->max);
        routes_refuse(call->request, 422, "out_of_range", rule->name, detail);
        return false;
    }
    *ret_number = number;
    return true;
}

bool routes_number_parameter(const struct call *call, const struct number_rule *rule,
                             uint64_t *ret_number, bool *ret_given)
{
    char text[HTTP_PARAMETER_VALUE_BYTES];
    const enum status status =
        http_query_get(text, sizeof text, http_request_query(call->request), rule->name);
    CHECK(status == STATUS_OK || status == STATUS_NOT_FOUND);
    if (ret_given != NULL)
        *ret_given = status == STATUS_OK;
    return status == STATUS_NOT_FOUND || routes_number(call, rule, text, ret_number);
}

bool routes_limit_parameter(const struct call *call, uint32_t *ret_limit)
{
    const struct number_rule rule = {"limit", 1, ROUTES_LIMIT_MAX};
    uint64_t limit = *ret_limit;
    if (!routes_number_parameter(call, &rule, &limit, NULL))
        return false;
    *ret_limit = (uint32_t)limit;
    return true;
}

bool routes_flag_parameter(const struct call *call, const char *name, bool *ret_flag)
{
    char text[HTTP_PARAMETER_VALUE_BYTES];
    const enum status status =
        http_query_get(text, sizeof text, http_request_query(call->request), name);
    CHECK(status == STATUS_OK || status == STATUS_NOT_FOUND);
    *ret_flag = status == STATUS_OK && strcmp(text, "true") == 0;
    if (status == STATUS_NOT_FOUND || *ret_flag || strcmp(text, "false") == 0)
        return true;
    routes_refuse(call->request, 400, "malformed", name, "true or false is expected");
    return false;
}

const struct settings *routes_settings(const struct call *call)
{
    const struct settings *settings =
        system_state_settings(cluster_system(node_cluster(call->routes->node)));
    if (settings == NULL)
        routes_refuse(call->request, 503, "not_ready", NULL, "this node is not in a cluster yet");
    return settings;
}

bool routes_body_is_plain(const struct call *call)
{
    const char *coding = http_request_header(call->request, "Content-Encoding");
    if (coding == NULL || strcasecmp(coding, "identity") == 0)
        return true;
    const struct http_header accepted = {"Accept-Encoding", "identity"};
    http_reply_problem(call->request,
                       &(struct http_problem){.status = 415,
                                              .code = "unsupported_coding",
                                              .detail = "the body must come without a coding",
                                              .headers = &accepted,
                                              .headers_count = 1});
    return false;
}

static bool token_is_right(const struct routes *routes, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *token = authorization + sizeof scheme - 1;
    token += strspn(token, " ");
    return strlen(token) == routes->admin_token_bytes &&
           sodium_memcmp(token, routes->admin_token, routes->admin_token_bytes) == 0;
}

/* A browser on this machine speaks for whatever page is open in it. It names the page's origin, and
 * "*" in http.cors says only that anybody may read. */
static bool admit_loopback(struct http_request *request)
{
    if (!http_request_is_loopback(request))
        routes_refuse(request, 403, "loopback_only", NULL,
                      "no token is set on this node, so this is taken from loopback only");
    else if (http_request_header(request, "Origin") != NULL && !http_request_origin_listed(request))
        routes_refuse(request, 403, "foreign_origin", NULL,
                      "no token is set on this node, and http.cors does not name this origin");
    else
        return true;
    return false;
}

bool routes_admit_admin(const struct call *call)
{
    const struct routes *routes = call->routes;
    if (routes->admin_token == NULL)
        return admit_loopback(call->request);
    const char *authorization = http_request_header(call->request, "Authorization");
    if (authorization != NULL && token_is_right(routes, authorization))
        return true;
    const struct http_header challenge = {
        "WWW-Authenticate", authorization == NULL ? "Bearer" : "Bearer error=\"invalid_token\""};
    http_reply_problem(call->request,
                       &(struct http_problem){.status = 401,
                                              .code = "unauthorized",
                                              .detail = "the administrator's token is needed",
                                              .headers = &challenge,
                                              .headers_count = 1});
    return false;
}

uint64_t routes_present_epoch(const struct routes *routes, const struct settings *settings)
{
    const struct now now = node_now(routes->node);
    return epoch_of(hlc_from_us(now.physical_us), settings->epoch_ms);
}

void routes_write_numbers(struct json_text *text, const char *key, const uint32_t *numbers,
                          uint32_t count)
{
    json_text_key(text, key);
    json_text_array(text);
    for (uint32_t i = 0; i < count; i++)
        json_text_number(text, numbers[i]);
    json_text_array_end(text);
}

void routes_write_settled(struct json_text *text, bool settled, uint64_t epoch)
{
    if (!settled)
        return;
    json_text_key(text, "settled_through_epoch");
    json_text_quoted(text, epoch);
}

static void let_go(void *state)
{
    struct waiting *waiting = state;
    waiting->request = NULL;
}

struct waiting *routes_wait(const struct call *call)
{
    struct waiting *waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL) {
        routes_refuse_memory(call->request);
        return NULL;
    }
    waiting->request = call->request;
    waiting->routes = call->routes;
    http_request_hold(call->request, waiting, let_go);
    return waiting;
}
