/* What the cluster looks like from this node, and whether the node works. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "node/routes_internal.h"

static const char *member_name(const struct system_state *system, uint64_t node)
{
    const struct member *member = node != 0 ? system_state_find_member(system, node) : NULL;
    return member != NULL ? member->name.text : NULL;
}

/* What is told of a range. Of one that this node has no replica of: who is to hold it, and what was
 * heard of its leader. */
struct range_told {
    uint32_t range;
    uint64_t leader; /* 0: not known */
    uint64_t term;   /* 0: not known */
    bool held;
    uint64_t applied; /* where it is held */
    uint32_t replica_count;
    struct replica replicas[REPLICA_SET_MAX];
};

struct cluster_told {
    const struct routes *routes;
    const struct system_state *system;
    const struct settings *settings;
    struct range_told *ranges; /* settings->ranges */
};

/* The configuration that a group without one of its replicas here is meant to have: its leader
 * makes as many voters as make an odd number. */
static void tell_planned(struct range_told *told, const struct placed *placed)
{
    const uint32_t voters = placement_voters(placed->count, placed->count);
    for (uint32_t i = 0; i < placed->count; i++) {
        told->replicas[told->replica_count++] = (struct replica){
            .number = placed->list[i].number,
            .node = placed->list[i].node,
            .role = i < voters ? REPLICA_VOTER : REPLICA_LEARNER,
        };
    }
}

static void tell_held(struct range_told *told, const struct group_view *group)
{
    told->held = true;
    told->applied = group->applied_index;
    told->replica_count = group->replica_count;
    for (uint32_t i = 0; i < group->replica_count; i++)
        told->replicas[i] = group->replicas[i];
}

static void tell_ranges(struct cluster_told *told, const struct query_reply *reply)
{
    const struct cluster *cluster = node_cluster(told->routes->node);
    const struct placement *placement = system_state_placement(told->system);
    uint32_t at = 0; /* the replicas of this node come in the ranges' order */
    for (uint32_t i = 0; i < told->settings->ranges; i++) {
        struct range_told *range = &told->ranges[i];
        *range = (struct range_told){
            .range = i,
            .leader = cluster_range_leader(cluster, i),
            .term = cluster_range_term(cluster, i),
        };
        const bool held = at < reply->ranges.count && reply->ranges.list[at].range == i;
        if (held && reply->ranges.list[at].group.replica_count > 0)
            tell_held(range, &reply->ranges.list[at].group);
        else
            tell_planned(range, &placement->groups[i]);
        at += held;
    }
}

static bool holds_replica(const struct range_told *range, uint64_t node)
{
    for (uint32_t i = 0; i < range->replica_count; i++) {
        if (range->replicas[i].node == node)
            return true;
    }
    return false;
}

/* How many ranges the member leads, and has a replica of. Others say themselves what they lead: a
 * node without replicas knows too little of it. */
static void write_share(struct json_text *text, const struct cluster_told *told,
                        const struct cluster_member *member, bool own)
{
    uint32_t leads = own ? 0 : member->leads;
    uint32_t replicas = 0;
    for (uint32_t i = 0; i < told->settings->ranges; i++) {
        leads += own && told->ranges[i].leader == member->id;
        replicas += holds_replica(&told->ranges[i], member->id);
    }
    json_text_key(text, "leads");
    json_text_number(text, leads);
    json_text_key(text, "replicas");
    json_text_number(text, replicas);
}

/* A version is known of ourselves, and a clock when it was measured against others. */
static void write_member(struct json_text *text, const struct cluster_told *told,
                         const struct cluster_member *member)
{
    const bool own = member->id == node_id(told->routes->node);
    json_text_object(text);
    json_text_key(text, "id");
    json_text_hex(text, member->id);
    json_text_key(text, "name");
    json_text_string(text, member->name);
    json_text_key(text, "state");
    json_text_string(text, liveness_name(member->liveness));
    json_text_key(text, "draining");
    json_text_bool(text, false);
    json_text_key(text, "http");
    json_text_string(text, member->http);
    json_text_key(text, "peer");
    json_text_string(text, member->peer);
    write_share(text, told, member, own);
    if (own) {
        json_text_key(text, "version");
        json_text_string(text, CAIRN_VERSION);
    }
    if (member->measured) {
        json_text_key(text, "clock_offset_us");
        json_text_signed(text, member->clock_offset_us);
    }
    json_text_object_end(text);
}

static void write_members(struct json_text *text, const struct cluster_told *told)
{
    json_text_key(text, "members");
    json_text_array(text);
    struct cluster_member members[NODES_MAX];
    const uint32_t count = cluster_members(node_cluster(told->routes->node), members);
    for (uint32_t i = 0; i < count; i++)
        write_member(text, told, &members[i]);
    json_text_array_end(text);
}

static void write_replicas(struct json_text *text, const struct system_state *system,
                           const struct range_told *range, enum replica_role role)
{
    json_text_key(text, role == REPLICA_VOTER ? "voters" : "learners");
    json_text_array(text);
    for (uint32_t i = 0; i < range->replica_count; i++) {
        const char *name = member_name(system, range->replicas[i].node);
        if (range->replicas[i].role == role && name != NULL)
            json_text_string(text, name);
    }
    json_text_array_end(text);
}

/* The first hash (its top 16 bits) that hash_range gives to the range. */
static uint32_t first_hash(uint32_t range, uint32_t ranges)
{
    return (range * UINT32_C(65536) + ranges - 1) / ranges;
}

static void write_range(struct json_text *text, const struct cluster_told *told,
                        const struct range_told *range)
{
    const uint32_t ranges = told->settings->ranges;
    const char *leader = member_name(told->system, range->leader);
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
    write_replicas(text, told->system, range, REPLICA_VOTER);
    write_replicas(text, told->system, range, REPLICA_LEARNER);
    if (range->term != 0) {
        json_text_key(text, "term");
        json_text_number(text, range->term);
    }
    if (range->held) {
        json_text_key(text, "applied");
        json_text_number(text, range->applied);
    }
    json_text_object_end(text);
}

/* It grows with each replica that is placed, and is the same on all nodes that know as much. */
static uint64_t map_version(const struct system_state *system)
{
    return system_state_placement(system)->next_number - 1;
}

static void write_head(struct json_text *text, const struct cluster_told *told)
{
    json_text_key(text, "cluster_id");
    json_text_hex(text, told->settings->cluster_id);
    json_text_key(text, "node");
    json_text_string(text, node_config(told->routes->node)->node.name);
    json_text_key(text, "epoch");
    json_text_quoted(text, routes_present_epoch(told->routes, told->settings));
    json_text_key(text, "epoch_ms");
    json_text_number(text, told->settings->epoch_ms);
    json_text_key(text, "map_version");
    json_text_number(text, map_version(told->system));
}

static void write_cluster(struct json_text *text, const struct cluster_told *told)
{
    json_text_object(text);
    write_head(text, told);
    write_members(text, told);
    json_text_key(text, "ranges");
    json_text_array(text);
    for (uint32_t i = 0; i < told->settings->ranges; i++)
        write_range(text, told, &told->ranges[i]);
    json_text_array_end(text);
    json_text_object_end(text);
}

static void reply_cluster(struct http_request *request, const struct routes *routes,
                          const struct query_reply *reply)
{
    const struct system_state *system = cluster_system(node_cluster(routes->node));
    struct cluster_told told = {
        .routes = routes,
        .system = system,
        .settings = system_state_settings(system),
    };
    told.ranges = malloc(told.settings->ranges * sizeof *told.ranges);
    if (told.ranges == NULL) {
        routes_refuse_memory(request);
        return;
    }
    struct json_text text = {0};
    tell_ranges(&told, reply);
    write_cluster(&text, &told);
    free(told.ranges);
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

static bool is_only_node(const struct call *call)
{
    return system_state_members(cluster_system(node_cluster(call->routes->node))) == 1;
}

/* Where there are several nodes, this version cannot move a replica from one to another, so nothing
 * that would need it is begun. */

void routes_drain_node(const struct call *call)
{
    if (!find_node(call))
        return;
    if (http_request_body_bytes(call->request) > 0)
        routes_refuse(call->request, 400, "malformed", NULL, "this takes no body");
    else if (is_only_node(call))
        routes_refuse(call->request, 409, "only_node", "name",
                      "it is the only node: no other could take its ranges over");
    else
        routes_refuse(call->request, 501, "not_supported", "name",
                      "this version cannot move replicas from one node to another");
}

void routes_remove_node(const struct call *call)
{
    if (!find_node(call))
        return;
    if (is_only_node(call))
        routes_refuse(call->request, 409, "only_node", "name",
                      "it is the only node, and it is alive; only a dead one is removed");
    else
        routes_refuse(call->request, 501, "not_supported", "name",
                      "this version cannot give a dead node's replicas to others");
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
