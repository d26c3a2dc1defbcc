/* node/routes_internal.h -- What the routes' files share: a request with its path taken apart, the
 * small refusals, and the requests that wait for the node. */
#ifndef CAIRN_NODE_ROUTES_INTERNAL_H
#define CAIRN_NODE_ROUTES_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/cluster.h"
#include "node/aside.h"
#include "node/http.h"
#include "node/json_text.h"
#include "node/node.h"
#include "node/proxy.h"
#include "node/page_cache.h"

struct wire_room;

struct routes {
    struct node *node;
    struct proxy *proxy;
    struct page_cache *pages; /* of complete boards */
    struct wire_room *room;   /* of POST /hunt */
    struct aside *aside;      /* reads large bodies */
    void *description_gzip;   /* NULL: there was no memory for it */
    size_t description_gzip_bytes;
    char *admin_token; /* NULL: none is set, and loopback is trusted */
    size_t admin_token_bytes;
};

/* One request. The call itself lives only while the handler runs. */
struct call {
    const struct routes *routes;
    struct http_request *request;
    const struct http_path *path;
};

/* Handlers; each replies, or hands the request to a `waiting`. */
typedef void route_fn(const struct call *call);
route_fn routes_post_hunt, routes_post_claims, routes_get_receipt;
route_fn routes_get_player;
route_fn routes_get_leaderboard, routes_get_around, routes_get_epoch;
route_fn routes_get_awards;
route_fn routes_put_hunt, routes_get_hunt, routes_get_hunts;
route_fn routes_get_cluster, routes_get_health, routes_get_ready;
route_fn routes_get_metrics;
route_fn routes_drain_node, routes_remove_node;
route_fn routes_get_description;

/* What there is (routes.c), for the tests that compare it with the description. */

#define ROUTE_PARAMETERS_MAX 3

/* What one method does, and the query parameters that it takes. */
struct route_method {
    route_fn *handle; /* NULL: not allowed */
    const char *parameters[ROUTE_PARAMETERS_MAX];
};

/* A segment in braces stands for any text. */
struct route {
    const char *pattern;
    const char *allow; /* the header of a 405 and of OPTIONS */
    struct route_method get, post, put, remove;
};

const struct route *routes_table(size_t *ret_count);

/* Not too much waits already; else 503. For what asks the core, or puts something into it: to be
 * looked at before anything else of the request. */
bool routes_admit_load(const struct call *call);

/* Replies with a problem; `field` and `detail` may be NULL. */
void routes_refuse(struct http_request *request, int status, const char *code, const char *field,
                   const char *detail);

/* Passes the request on to another node, which answers it. False: nobody is known who could, or it
 * was passed on before; it is the caller's still. */
bool routes_pass_on(const struct call *call, uint64_t node);
/* The node that leads the player's range, that leads the system group, or that holds all ranges, if
 * that is not this one; else 0. */
uint64_t routes_player_node(const struct call *call, const struct player_id *player);
uint64_t routes_system_node(const struct call *call);
uint64_t routes_whole_node(const struct call *call);

/* 503: the range, or the system group, has no leader here to ask. */
void routes_refuse_leaderless(struct http_request *request);
void routes_refuse_memory(struct http_request *request);
/* 503 while what grows the log cannot be taken; false then. */
bool routes_admit_growth(const struct call *call);

/* Reading the call. Each replies with the fault and returns false (NULL) where there is one. */

/* The hunt's name, in the path's third segment. */
bool routes_hunt_name(const struct call *call, struct name *ret_name);
/* The hunt of that name, or of the path; 404 where there is none. */
const struct hunt *routes_find_hunt(const struct call *call, const struct name *name);
const struct hunt *routes_path_hunt(const struct call *call);
/* The player's id, in the path's segment `at`. */
bool routes_path_player(const struct call *call, size_t at, struct player_id *ret_player);
/* Digits only: else 400. Outside of `min` to `max`: 422. */
struct number_rule {
    const char *name; /* the field, or the query parameter */
    uint64_t min, max;
};
bool routes_number(const struct call *call, const struct number_rule *rule, const char *text,
                   uint64_t *ret_number);
/* A parameter that is not there leaves *ret_number as it is; *ret_given (may be NULL) tells. */
bool routes_number_parameter(const struct call *call, const struct number_rule *rule,
                             uint64_t *ret_number, bool *ret_given);
/* `limit`: 1 to ROUTES_LIMIT_MAX; what is not there leaves *ret_limit as it is. */
#define ROUTES_LIMIT_DEFAULT 50
#define ROUTES_LIMIT_MAX     1000
bool routes_limit_parameter(const struct call *call, uint32_t *ret_limit);
/* "true" or "false"; absent: false. */
bool routes_flag_parameter(const struct call *call, const char *name, bool *ret_flag);
/* The cluster's settings; 503 while they are not known. */
const struct settings *routes_settings(const struct call *call);
/* The body came without a coding: else 415. */
bool routes_body_is_plain(const struct call *call);
/* May do what an administrator may: the token, or loopback where none is set; else 401, 403. */
bool routes_admit_admin(const struct call *call);

/* The epoch that is open by this node's clock. */
uint64_t routes_present_epoch(const struct routes *routes, const struct settings *settings);

/* Large bodies (routes_reading.c). */

/* A body of more than this, with its coding or without, is read aside: reading it takes as long as
 * judging hundreds of claims. */
#define ROUTES_LARGE_BYTES ((size_t)32 << 10)

/* A request whose body is read on the other thread; the first member of what more is known of it.
 * Body and headers stay where they are until it is answered. */
struct reading {
    /* Reads; on the other thread. */
    void (*read)(struct reading *reading);
    /* Replies, or hands the request to a `waiting`. */
    void (*take)(const struct call *call, struct reading *reading);
    /* Frees all; on the other thread, since that can take as long. */
    void (*free)(struct reading *reading);
    /* Ours. */
    const struct routes *routes;
    struct http_request *request;
    struct aside_job job;
};

/* Has it read; 503 and freed when too many wait. `reading` is from the heap, with the functions. */
void routes_read_aside(const struct call *call, struct reading *reading);

/* Answering (routes_reply.c). */

/* A body of a GET. Nothing of it is kept. */
struct routes_body {
    const char *type;
    const char *cache_control;
    const void *data;
    size_t bytes;
    bool tagged;     /* with an ETag ... */
    uint64_t digest; /* ... made of this, which stands for the data */
    const void *gzip;
    size_t gzip_bytes; /* 0: it is made when it is wanted */
};

/* 200 with the body, gzipped where the client wants that and it is worth it; or 304 where the
 * client has it. */
void routes_reply_body(struct http_request *request, const struct routes_body *body);
/* True: routes_reply_body would use `gzip`. */
bool routes_wants_gzip(struct http_request *request, size_t bytes);

/* 200 with the JSON, which is freed. */
void routes_reply(struct http_request *request, struct json_text *text);
/* The same with an ETag over the text. */
void routes_reply_cached(struct http_request *request, struct json_text *text,
                         const char *cache_control);
#define ROUTES_CACHE_CHECKED "no-cache"

/* `"missing_ranges":[...]` */
void routes_write_numbers(struct json_text *text, const char *key, const uint32_t *numbers,
                          uint32_t count);
/* `"settled_through_epoch":"..."`; nothing while no epoch is settled. */
void routes_write_settled(struct json_text *text, bool settled, uint64_t epoch);

/* A request that the node will answer. It is owned by the callback, which takes what it needs and
 * frees it; `request` becomes NULL when the server is closed before. */
struct waiting {
    struct http_request *request;
    const struct routes *routes;
    uint16_t hunt;
    struct name name;
    struct player_id player;
};
/* NULL: no memory, and the request is answered. */
struct waiting *routes_wait(const struct call *call);

#endif
