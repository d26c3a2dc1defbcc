/* What the cluster looks like from this node, and whether the node works. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "node/routes_internal.h"

/* The map is as it was founded until replicas can be moved. */
#define MAP_VERSION_FOUNDED 1

static const char *member_name(const struct system_state *system, uint64_t node)
{
    const struct member *member = node != 0 ? system_state_find_member(system, node) : NULL;
    return member != NULL ? member->name.text : NULL;
}

static bool holds_replica(const struct group_view *group, uint64_t node)
{
    for (uint32_t i = 0; i < group->replica_count; i++) {
        if (group->replicas[i].node == node)
            return true;
    }
    return false;
}

/* How many ranges the member leads, and has a replica of. */
static void write_share(struct json_text *text, const struct query_reply *reply, uint64_t node)
{
    uint32_t leads = 0;
    uint32_t replicas = 0;
    for (uint32_t i = 0; i < reply->ranges.count; i++) {
        const struct range_answer *range = &reply->ranges.list[i];
        if (range->range == GROUP_SYSTEM)
            continue;
        leads += range->group.leader_node == node;
        replicas += holds_replica(&range->group, node);
    }
    json_text_key(text, "leads");
    json_text_number(text, leads);
    json_text_key(text, "replicas");
    json_text_number(text, replicas);
}

/* A member that nothing bad is known of is alive. Its clock and version are known of ourselves. */
static void write_member(struct json_text *text, const struct query_reply *reply,
                         const struct member *member, bool ours)
{
    json_text_object(text);
    json_text_key(text, "id");
    json_text_hex(text, member->id);
    json_text_key(text, "name");
    json_text_string(text, member->name.text);
    json_text_key(text, "state");
    json_text_string(text, "alive");
    json_text_key(text, "draining");
    json_text_bool(text, false);
    json_text_key(text, "http");
    json_text_string(text, member->http);
    json_text_key(text, "peer");
    json_text_string(text, member->peer);
    write_share(text, reply, member->id);
    if (ours) {
        json_text_key(text, "version");
        json_text_string(text, CAIRN_VERSION);
        json_text_key(text, "clock_offset_us");
        json_text_number(text, 0);
    }
    json_text_object_end(text);
}

static void write_members(struct json_text *text, const struct routes *routes,
                          const struct query_reply *reply)
{
    const struct system_state *system = cluster_system(node_cluster(routes->node));
    json_text_key(text, "members");
    json_text_array(text);
    for (uint32_t i = 0; i < system_state_members(system); i++) {
        const struct member *member = system_state_member(system, i);
        write_member(text, reply, member, member->id == node_id(routes->node));
    }
    json_text_array_end(text);
}

static void write_replicas(struct json_text *text, const struct system_state *system,
                           const struct group_view *group, enum replica_role role)
{
    json_text_key(text, role == REPLICA_VOTER ? "voters" : "learners");
    json_text_array(text);
    for (uint32_t i = 0; i < group->replica_count; i++) {
        const char *name = member_name(system, group->replicas[i].node);
        if (group->replicas[i].role == role && name != NULL)
            json_text_string(text, name);
    }
    json_text_array_end(text);
}

/* The first hash (its top 16 bits) that hash_range gives to the range. */
static uint32_t first_hash(uint32_t range, uint32_t ranges)
{
    return (range * UINT32_C(65536) + ranges - 1) / ranges;
}

static void write_range(struct json_text *text, const struct system_state *system,
                        const struct range_answer *range)
{
    const uint32_t ranges = system_state_settings(system)->ranges;
    const char *leader = member_name(system, range->group.leader_node);
    json_text_object(text);
    json_text_key(text, "range");
    json_text_number(text, range->range);
    json_text_key(text, "from");
    json_text_number(text, first_hash(range->range, ranges));
    json_text_key(text, "to");
    json_text_number(text, first_hash(range->range + 1, ranges) - 1);
    if (leader != NULL) {
        json_text_key(text, "leader");
        json_text_string(text, leader);
    }
    write_replicas(text, system, &range->group, REPLICA_VOTER);
    write_replicas(text, system, &range->group, REPLICA_LEARNER);
    json_text_key(text, "term");
    json_text_number(text, range->group.term);
    json_text_key(text, "applied");
    json_text_number(text, range->group.applied_index);
    json_text_object_end(text);
}

static void write_head(struct json_text *text, const struct routes *routes,
                       const struct settings *settings)
{
    json_text_key(text, "cluster_id");
    json_text_hex(text, settings->cluster_id);
    json_text_key(text, "node");
    json_text_string(text, node_config(routes->node)->node.name);
    json_text_key(text, "epoch");
    json_text_quoted(text, routes_present_epoch(routes, settings));
    json_text_key(text, "epoch_ms");
    json_text_number(text, settings->epoch_ms);
    json_text_key(text, "map_version");
    json_text_number(text, MAP_VERSION_FOUNDED);
}

static void reply_cluster(struct http_request *request, const struct routes *routes,
                          const struct query_reply *reply)
{
    const struct system_state *system = cluster_system(node_cluster(routes->node));
    struct json_text text = {0};
    json_text_object(&text);
    write_head(&text, routes, system_state_settings(system));
    write_members(&text, routes, reply);
    json_text_key(&text, "ranges");
    json_text_array(&text);
    for (uint32_t i = 0; i < reply->ranges.count; i++) {
        if (reply->ranges.list[i].range != GROUP_SYSTEM)
            write_range(&text, system, &reply->ranges.list[i]);
    }
    json_text_array_end(&text);
    json_text_object_end(&text);
    routes_reply(request, &text);
}

static void ranges_read(void *context, const struct query_reply *reply)
{
    struct waiting *waiting = context;
    if (waiting->request != NULL && reply->status == STATUS_OK)
        reply_cluster(waiting->request, waiting->routes, reply);
    else if (waiting->request != NULL)
        routes_refuse_leaderless(waiting->request);
    free(waiting);
}

void routes_get_cluster(const struct call *call)
{
    if (routes_settings(call) == NULL)
        return;
    struct waiting *waiting = routes_wait(call);
    if (waiting != NULL)
        node_query(call->routes->node, &(struct query){.kind = QUERY_RANGES}, ranges_read, waiting);
}

/* The member that the path names, for an administrator; false: it was refused. */
static bool find_node(const struct call *call)
{
    const struct system_state *system = cluster_system(node_cluster(call->routes->node));
    const char *text = call->path->segments[3];
    struct name name;
    if (!routes_admit_admin(call))
        return false;
    if (name_set(&name, text, strlen(text)) != STATUS_OK) {
        routes_refuse(call->request, 400, "malformed", "name",
                      "a node's name has 1 to 63 characters of a-z 0-9 -");
        return false;
    }
    if (routes_settings(call) == NULL)
        return false;
    for (uint32_t i = 0; i < system_state_members(system); i++) {
        if (strcmp(system_state_member(system, i)->name.text, name.text) == 0)
            return true;
    }
    routes_refuse(call->request, 404, "unknown_node", "name", "the cluster has no such node");
    return false;
}

/* A cluster of this version has one node. There is no other that could take what a node holds, and
 * the one that answers is not dead. */

void routes_drain_node(const struct call *call)
{
    if (!find_node(call))
        return;
    if (http_request_body_bytes(call->request) > 0)
        routes_refuse(call->request, 400, "malformed", NULL, "this takes no body");
    else
        routes_refuse(call->request, 409, "only_node", "name",
                      "it is the only node: no other could take its ranges over");
}

void routes_remove_node(const struct call *call)
{
    if (find_node(call))
        routes_refuse(call->request, 409, "only_node", "name",
                      "it is the only node, and it is alive; only a dead one is removed");
}

static void reply_word(struct http_request *request, const char *status)
{
    struct json_text text = {0};
    json_text_object(&text);
    json_text_key(&text, "status");
    json_text_string(&text, status);
    json_text_object_end(&text);
    routes_reply(request, &text);
}

void routes_get_health(const struct call *call)
{
    reply_word(call->request, "ok");
}

void routes_get_ready(const struct call *call)
{
    const char *reason = NULL;
    if (cluster_ready(node_cluster(call->routes->node), &reason))
        reply_word(call->request, "ready");
    else
        routes_refuse(call->request, 503, "not_ready", NULL, reason);
}
