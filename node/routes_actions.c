/* POST /hunt, and the receipts of what it did. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "node/clock.h"
#include "node/json_actions.h"
#include "node/metrics.h"
#include "node/routes_internal.h"
#include "node/routes_wire.h"

static void reply_unavailable(struct http_request *request)
{
    routes_refuse(request, 503, "unavailable", NULL,
                  "not known to be judged; the same seqs may be sent again");
}

static bool all_unavailable(const struct result *results, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (results[i].outcome != OUTCOME_UNAVAILABLE)
            return false;
    }
    return true;
}

static void reply_results(const struct waiting *waiting, const struct result *results,
                          uint32_t count)
{
    if (all_unavailable(results, count)) {
        reply_unavailable(waiting->request);
        return;
    }
    routes_wire_reply(waiting->routes->room, waiting->request, results, count);
}

static void judged(void *context, const struct result *results, uint32_t count)
{
    struct waiting *waiting = context;
    CHECK(count > 0);
    if (waiting->request != NULL)
        reply_results(waiting, results, count);
    free(waiting);
}

/* The version that says what a place is; all versions of a hunt agree on it. NULL: the hunt has
 * never had one that counts, or will. */
static const struct definition *any_definition(const struct hunt *hunt)
{
    const struct hunt_version *version = hunt_newest_active(hunt);
    if (version == NULL)
        version = hunt_undecided(hunt);
    return version != NULL ? version->definition : NULL;
}

/* What the body says, for the hunt that it is about. False: it was refused. */
static bool read_actions(const struct call *call, const struct wire_request *wire,
                         const struct hunt *hunt, struct request_actions *ret_actions)
{
    const struct definition *definition = any_definition(hunt);
    if (definition == NULL) {
        routes_refuse(call->request, 404, "unknown_hunt", "hunt", "there is no such hunt");
        return false;
    }
    return routes_wire_actions(call, wire, hunt, definition->plane, ret_actions);
}

/* Cheap refusals, before anything of the body is looked at. */
static bool admit(const struct call *call)
{
    return routes_admit_load(call) && routes_admit_growth(call) && routes_wire_admits(call);
}

/* The actions of a body that was read as far as this. False: it was refused. */
static bool take_actions(const struct call *call, const struct wire_request *wire,
                         enum status status, const struct request_fault *fault,
                         struct request_actions *ret_actions)
{
    if (status != STATUS_OK) {
        routes_wire_refuse(call, status, fault);
        return false;
    }
    const struct hunt *hunt =
        wire->names_hunt ? routes_find_hunt(call, &wire->hunt) : routes_path_hunt(call);
    return hunt != NULL && read_actions(call, wire, hunt, ret_actions);
}

/* When the actions are sent to the node, the request may be answered and gone. */
static void judge(const struct call *call, const struct request_actions *actions)
{
    struct waiting *waiting = routes_wait(call);
    if (waiting != NULL)
        node_actions(call->routes->node, actions->list, actions->count, judged, waiting);
    free(actions->list);
}

/* --- Large bodies ----------------------------------------------------------------------------- */

struct actions_reading {
    struct reading reading; /* the first member */
    struct wire_request wire;
    uint64_t read_us;   /* what the reading took; not the wait for it */
    enum status status; /* of it */
    struct request_fault fault;
};

static void read_large(struct reading *reading)
{
    struct actions_reading *large = (struct actions_reading *)reading;
    const uint64_t begun_us = clock_monotonic_us();
    large->status = routes_wire_read(&large->wire, &large->fault);
    large->read_us = clock_monotonic_us() - begun_us;
}

static void take_large(const struct call *call, struct reading *reading)
{
    struct actions_reading *large = (struct actions_reading *)reading;
    struct request_actions actions;
    const uint64_t begun_us = clock_monotonic_us();
    const bool taken = take_actions(call, &large->wire, large->status, &large->fault, &actions);
    const uint64_t take_us = clock_monotonic_us() - begun_us;
    histogram_add(&node_metrics(call->routes->node)->parse, large->read_us + take_us, 1);
    if (taken)
        judge(call, &actions);
}

static void free_large(struct reading *reading)
{
    struct actions_reading *large = (struct actions_reading *)reading;
    routes_wire_close(&large->wire);
    free(large);
}

/* The wire is closed by it. */
static void post_large(const struct call *call, struct wire_request *wire)
{
    if (!routes_wire_move(call, wire))
        return;
    struct actions_reading *large = calloc(1, sizeof *large);
    if (large == NULL) {
        routes_wire_close(wire);
        routes_refuse_memory(call->request);
        return;
    }
    large->reading = (struct reading){.read = read_large, .take = take_large, .free = free_large};
    large->wire = *wire;
    routes_read_aside(call, &large->reading);
}

/* --- Requests --------------------------------------------------------------------------------- */

/* The wire is closed by it. False: it was refused. */
static bool read_here(const struct call *call, struct wire_request *wire,
                      struct request_actions *ret_actions)
{
    struct request_fault fault;
    const enum status status = routes_wire_read(wire, &fault);
    const bool taken = take_actions(call, wire, status, &fault, ret_actions);
    routes_wire_close(wire);
    return taken;
}

static void post_actions(const struct call *call, bool names_hunt)
{
    struct node *node = call->routes->node;
    struct wire_request wire;
    struct request_actions actions;
    if (!admit(call))
        return;
    const uint64_t begun_us = node_monotonic_us(node);
    const bool opened = routes_wire_open(call, names_hunt, &wire);
    if (opened && wire.large) {
        post_large(call, &wire);
        return;
    }
    const bool taken = opened && read_here(call, &wire, &actions);
    histogram_add(&node_metrics(node)->parse, node_monotonic_us(node) - begun_us, 1);
    if (taken)
        judge(call, &actions);
}

void routes_post_hunt(const struct call *call)
{
    post_actions(call, true);
}

void routes_post_claims(const struct call *call)
{
    post_actions(call, false);
}

static void reply_receipt(struct http_request *request, const struct query_reply *reply)
{
    struct json_text text = {0};
    switch (reply->status) {
    case STATUS_OK:
        json_result_write(&text, &reply->receipt);
        routes_reply(request, &text);
        return;
    case STATUS_NOT_FOUND:
        routes_refuse(request, 404, "not_judged", "seq", "this seq was never judged");
        return;
    case STATUS_TRUNCATED:
        routes_refuse(request, 410, "receipt_gone", "seq", "this receipt is not kept any more");
        return;
    default:
        routes_refuse_leaderless(request);
    }
}

static void receipt_read(void *context, const struct query_reply *reply)
{
    struct waiting *waiting = context;
    if (waiting->request != NULL)
        reply_receipt(waiting->request, reply);
    free(waiting);
}

void routes_get_receipt(const struct call *call)
{
    const struct number_rule rule = {"seq", SEQ_MIN, SEQ_MAX};
    struct query query = {.kind = QUERY_RECEIPT};
    uint64_t seq = 0;
    if (!routes_admit_load(call))
        return;
    if (!routes_path_player(call, 4, &query.player) ||
        !routes_number(call, &rule, call->path->segments[6], &seq))
        return;
    const struct hunt *hunt = routes_path_hunt(call);
    if (hunt == NULL || routes_pass_on(call, routes_player_node(call, &query.player)))
        return;
    struct waiting *waiting = routes_wait(call);
    if (waiting == NULL)
        return;
    query.hunt = hunt->number;
    query.seq = (uint32_t)seq;
    node_query(call->routes->node, &query, receipt_read, waiting);
}
