/* tests/unit/routes_stage.h -- A node for the routes' tests: the real core, whose writes are
 * durable at once and whose clock the test moves by hand, behind the calls of node/node.h; and a
 * client that talks to the routes over a real HTTP server on loopback. All in one thread. */
#ifndef CAIRN_TESTS_UNIT_ROUTES_STAGE_H
#define CAIRN_TESTS_UNIT_ROUTES_STAGE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>

#include "node/loop.h"
#include "node/metrics.h"
#include "node/peers.h"
#include "node/routes.h"
#include "node/routes_internal.h"
#include "node/store.h"

#define STAGE_NODE     UINT64_C(0x1234567890abcdef)
#define STAGE_EPOCH_MS 1000
#define STAGE_START_US (UINT64_C(1790000000) * 1000000)
#define STAGE_RANGES   3
#define STEP_US        10000
#define PATIENCE       2000 /* steps of the clock that an answer may take */
#define ASKED_MAX      8
#define REPLY_BYTES    (1 << 18)

/* Who waits for the core. */
struct asked {
    uint64_t token; /* 0: free */
    struct result *results;
    uint32_t count, left;
    node_results_fn *on_results;
    node_answer_fn *on_answer;
    node_defined_fn *on_defined;
    void *context;
};

struct node {
    struct event_base *base;
    struct cluster *cluster;
    struct effects *effects;
    struct config config;
    struct now now;
    bool wrote;
    uint64_t last_token;
    uint32_t load; /* what node_load shall say */
    struct admission admission;
    bool disk_full;               /* what node_disk_full shall say */
    bool deaf;                    /* keeps what it is asked to itself ... */
    struct query kept;            /* ... and this is it */
    bool frozen;                  /* time passes, but the core is not told */
    const struct effect *defined; /* what becomes of a hunt instead of what the core would do */
    struct metrics metrics;
    struct asked asked[ASKED_MAX];
};

struct stage {
    struct node node;
    struct event_base *base;
    struct http_server *server;
    struct routes *routes;
    uint16_t port;
};

/* --- The node --------------------------------------------------------------------------------- */

static struct asked *stage_ask(struct node *node, void *context)
{
    for (size_t i = 0; i < ASKED_MAX; i++) {
        if (node->asked[i].token == 0) {
            node->asked[i] = (struct asked){.token = ++node->last_token, .context = context};
            return &node->asked[i];
        }
    }
    fail_msg("too many requests wait");
    return NULL;
}

static struct asked *stage_find(struct node *node, uint64_t token)
{
    for (size_t i = 0; i < ASKED_MAX; i++) {
        if (node->asked[i].token == token)
            return &node->asked[i];
    }
    fail_msg("an answer to nobody");
    return NULL;
}

static void stage_result(struct node *node, const struct reply *reply)
{
    struct asked *asked = stage_find(node, reply->token);
    if (asked->results == NULL) {
        fail_msg("an answer to nobody");
        return;
    }
    asked->results[reply->place] = reply->result;
    if (--asked->left > 0)
        return;
    const struct asked whole = *asked;
    *asked = (struct asked){0};
    whole.on_results(whole.context, whole.results, whole.count);
    free(whole.results);
}

static void stage_carry_out(struct node *node, const struct effect *effect)
{
    struct asked asked;
    switch (effect->kind) {
    case EFFECT_HARD_STATE:
    case EFFECT_APPEND:
    case EFFECT_TRUNCATE:
        node->wrote = true;
        return;
    case EFFECT_REPLY:
        for (uint32_t i = 0; i < effect->reply.count; i++)
            stage_result(node, &effect->reply.replies[i]);
        return;
    case EFFECT_QUERIED:
        asked = *stage_find(node, effect->queried.token);
        stage_find(node, effect->queried.token)->token = 0;
        asked.on_answer(asked.context, effect->queried.reply);
        return;
    case EFFECT_DEFINED:
        asked = *stage_find(node, effect->defined.token);
        stage_find(node, effect->defined.token)->token = 0;
        asked.on_defined(asked.context, effect);
        return;
    case EFFECT_PUBLISH:
        global_board_release(effect->publish.board);
        return;
    default:
        return;
    }
}

static void stage_step_once(struct node *node, const struct event *event)
{
    assert_int_equal(cluster_step(node->cluster, &node->now, event, node->effects), STATUS_OK);
    const uint32_t count = node->effects->count;
    for (uint32_t i = 0; i < count; i++)
        stage_carry_out(node, &node->effects->list[i]);
}

/* Steps the event and all that follows from it; what is written is durable when the turn ends. */
static void stage_step(struct node *node, const struct event *event)
{
    struct event next = *event;
    bool more = true;
    while (more) {
        stage_step_once(node, &next);
        more = node->effects->more;
        next = (struct event){.kind = EVENT_CONTINUE};
        const uint64_t ticket = cluster_ticket(node->cluster);
        cluster_turn_end(node->cluster);
        if (more || !node->wrote)
            continue;
        node->wrote = false;
        more = true;
        next = (struct event){.kind = EVENT_PERSISTED, .ticket = ticket};
    }
}

static void stage_pass(struct node *node, uint64_t us)
{
    node->now.monotonic_us += us;
    node->now.physical_us += us;
    if (node->frozen)
        return;
    stage_step(node, &(struct event){.kind = EVENT_TICK});
    if (cluster_gathered(node->cluster))
        stage_step(node, &(struct event){.kind = EVENT_FLUSH});
}

void node_actions(struct node *node, const struct action *actions, uint32_t count,
                  node_results_fn *fn, void *context)
{
    struct asked *asked = stage_ask(node, context);
    asked->on_results = fn;
    asked->count = asked->left = count;
    asked->results = calloc(count, sizeof *asked->results);
    assert_non_null(asked->results);
    const struct event event = {
        .kind = EVENT_ACTIONS, .actions = {.token = asked->token, .list = actions, .count = count}};
    stage_step(node, &event);
}

void node_query(struct node *node, const struct query *query, node_answer_fn *fn, void *context)
{
    struct asked *asked = stage_ask(node, context);
    asked->on_answer = fn;
    node->kept = *query;
    node->kept.token = asked->token;
    if (!node->deaf)
        stage_step(node, &(struct event){.kind = EVENT_QUERY, .query = node->kept});
}

void node_define(struct node *node, const struct definition *definition, node_defined_fn *fn,
                 void *context)
{
    if (node->defined != NULL) {
        fn(context, node->defined);
        return;
    }
    struct asked *asked = stage_ask(node, context);
    asked->on_defined = fn;
    const struct event event = {.kind = EVENT_DEFINE,
                                .define = {.token = asked->token, .definition = definition}};
    stage_step(node, &event);
}

const struct cluster *node_cluster(const struct node *node)
{
    return node->cluster;
}

const struct config *node_config(const struct node *node)
{
    return &node->config;
}

struct event_base *node_base(const struct node *node)
{
    return node->base;
}

uint64_t node_id(const struct node *node)
{
    (void)node;
    return STAGE_NODE;
}

struct now node_now(const struct node *node)
{
    return node->now;
}

uint64_t node_monotonic_us(const struct node *node)
{
    return node->now.monotonic_us;
}

struct node_load node_load(const struct node *node)
{
    return (struct node_load){.actions = node->load};
}

bool node_disk_full(const struct node *node)
{
    return node->disk_full;
}

struct node_disk node_disk(const struct node *node)
{
    return (struct node_disk){
        .snapshots = 121, .snapshot_bytes = 122, .reserve_bytes = 123, .full = node->disk_full};
}

bool node_admits(struct node *node, uint64_t received_us)
{
    (void)received_us;
    const struct node_load load = node_load(node);
    const bool admits =
        admission_admits(&node->admission, &load, node->config.limits.waiting_actions);
    node->metrics.requests_shed += !admits;
    return admits;
}

struct metrics *node_metrics(struct node *node)
{
    return &node->metrics;
}

/* There are no other nodes; each field has a value of its own. */
void node_measure_peers(const struct node *node, struct peers_measures *ret_measures)
{
    (void)node;
    *ret_measures = (struct peers_measures){
        .sent = 201,
        .sent_bytes = 202,
        .received = 203,
        .received_bytes = 204,
        .dropped_full = 205,
        .dropped_stale = 206,
        .replayed = 207,
        .replaced = 208,
        .queued_bytes = 209,
        .links = 210,
        .links_up = 211,
    };
    for (unsigned i = 0; i < ENVELOPE_FAULTS; i++)
        ret_measures->refused[i] = 220 + i;
}

/* There is no disk; each field has a value of its own. */
void node_measure_store(const struct node *node, struct store_measures *ret_measures)
{
    (void)node;
    *ret_measures = (struct store_measures){
        .backlog_bytes = 101,
        .turns = 102,
        .writes = 103,
        .bytes = 104,
        .memtable_bytes = 105,
        .memtables = 106,
        .level0_files = 107,
        .table_bytes = 108,
        .disk_free_bytes = 109,
        .table_memory_bytes = 110,
        .stalled_us = 111000001,
        .stalled = true,
    };
}

/* --- Life ------------------------------------------------------------------------------------- */

static char stage_no_text[] = "";
static const char *stage_listen = "127.0.0.1:0";
static in_addr_t stage_address = INADDR_LOOPBACK; /* where clients find it */
static char stage_name[] = "n1";
static uint32_t stage_body_bytes = UINT32_C(1) << 20; /* the most that a body may have */

static void stage_found(struct node *node)
{
    struct cluster_config config = {
        .node = STAGE_NODE, .seed = 1, .tail_bytes_max = TAIL_BYTES_MAX};
    config.self = (struct member){
        .id = STAGE_NODE, .boot = 1, .http = "127.0.0.1:7801", .peer = "tcp://127.0.0.1:7901"};
    assert_int_equal(name_set(&config.self.name, stage_name, strlen(stage_name)), STATUS_OK);
    node->cluster = cluster_new(&config);
    node->effects = malloc(sizeof *node->effects);
    assert_non_null(node->cluster);
    assert_non_null(node->effects);
    const struct settings settings = {
        .cluster_id = UINT64_C(0xfeed),
        .first_epoch = STAGE_START_US / 1000 / STAGE_EPOCH_MS,
        .ranges = STAGE_RANGES,
        .replicas = 1,
        .epoch_ms = STAGE_EPOCH_MS,
        .replace_after_ms = 30000,
        .players_max = 1000,
    };
    const struct event event = {
        .kind = EVENT_FOUND, .found = {.settings = &settings, .members = &config.self, .count = 1}};
    stage_step(node, &event);
}

/* A cluster of one that was just founded, and a server for it. `token_file` may be ""; `cors` are
 * the origins whose pages may read. */
static inline void stage_open_to(struct stage *stage, char *token_file, struct config_list cors)
{
    struct http_settings settings;
    memset(stage, 0, sizeof *stage);
    stage->node.config.node.name = stage_name;
    stage->node.config.http.admin_token_file = token_file;
    stage->node.config.http.cors = cors;
    stage->node.config.limits.body_bytes = stage_body_bytes;
    stage->node.config.limits.waiting_actions = 50000;
    stage->node.now = (struct now){.monotonic_us = 1000000, .physical_us = STAGE_START_US};
    stage_found(&stage->node);
    stage->base = loop_new();
    assert_non_null(stage->base);
    stage->node.base = stage->base;
    stage->routes = routes_new(&stage->node);
    assert_non_null(stage->routes);
    http_settings_init(&settings);
    settings.listen = stage_listen;
    settings.body_bytes_max = stage_body_bytes;
    settings.cors = (const char *const *)cors.items;
    settings.cors_count = cors.count;
    assert_int_equal(
        http_server_start(&stage->server, &settings, stage->base, routes_handle, stage->routes),
        STATUS_OK);
    stage->port = (uint16_t)atoi(strrchr(http_server_address(stage->server), ':') + 1);
}

static void stage_open(struct stage *stage, char *token_file)
{
    stage_open_to(stage, token_file, (struct config_list){0});
}

static void stage_close(struct stage *stage)
{
    http_server_close(stage->server);
    routes_free(stage->routes);
    loop_free(stage->base);
    cluster_free(stage->node.cluster);
    free(stage->node.effects);
}

/* --- The client ------------------------------------------------------------------------------- */

struct reply_text {
    int status;
    char head[4096];
    char body[REPLY_BYTES];
    size_t body_bytes;
};

static int stage_connect(const struct stage *stage)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(stage->port),
                                  .sin_addr.s_addr = htonl(stage_address)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void stage_turn(struct stage *stage)
{
    /* The clock stands still while a body is read on the other thread. */
    const bool reads = aside_waiting(stage->routes->aside) > 0;
    assert_true(event_base_loop(stage->base, reads ? EVLOOP_ONCE : EVLOOP_NONBLOCK) >= 0);
    stage_pass(&stage->node, STEP_US);
}

/* What one request looks like; NULL: none of it. */
struct asking {
    const char *method, *path;
    const char *headers; /* lines, each with its end */
    const char *type;
    const char *body;
    size_t body_bytes; /* 0: the body is a text */
};

static void stage_send(int fd, const struct asking *asking)
{
    char head[4096];
    size_t body_bytes = asking->body_bytes;
    if (asking->body != NULL && body_bytes == 0)
        body_bytes = strlen(asking->body);
    int used =
        snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: t\r\nConnection: close\r\n%s",
                 asking->method, asking->path, asking->headers != NULL ? asking->headers : "");
    if (asking->type != NULL)
        used +=
            snprintf(head + used, sizeof head - (size_t)used, "Content-Type: %s\r\n", asking->type);
    if (asking->body != NULL)
        used += snprintf(head + used, sizeof head - (size_t)used, "Content-Length: %zu\r\n",
                         body_bytes);
    used += snprintf(head + used, sizeof head - (size_t)used, "\r\n");
    assert_int_equal(send(fd, head, (size_t)used, MSG_NOSIGNAL), used);
    if (body_bytes > 0)
        assert_int_equal(send(fd, asking->body, body_bytes, MSG_NOSIGNAL), body_bytes);
}

static void stage_receive(struct stage *stage, int fd, struct reply_text *reply)
{
    static char data[REPLY_BYTES];
    size_t used = 0;
    for (unsigned i = 0; i < PATIENCE; i++) {
        stage_turn(stage);
        const ssize_t got = recv(fd, data + used, sizeof data - 1 - used, MSG_DONTWAIT);
        if (got == 0)
            break;
        if (got > 0)
            used += (size_t)got;
    }
    data[used] = '\0';
    char *end = strstr(data, "\r\n\r\n");
    assert_non_null(end);
    *end = '\0';
    assert_int_equal(sscanf(data, "HTTP/1.1 %d", &reply->status), 1);
    assert_true(strlen(data) < sizeof reply->head);
    memcpy(reply->head, data, strlen(data) + 1);
    reply->body_bytes = used - (size_t)(end + 4 - data);
    memcpy(reply->body, end + 4, reply->body_bytes + 1);
}

/* Asks, and turns the node and the server until the answer is there. */
static void stage_call(struct stage *stage, const struct asking *asking, struct reply_text *reply)
{
    const int fd = stage_connect(stage);
    stage_send(fd, asking);
    stage_receive(stage, fd, reply);
    (void)close(fd);
}

#endif
