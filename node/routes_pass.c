/* Requests that another node can answer and this one cannot. */
#include <stdio.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "node/address.h"
#include "node/routes_internal.h"

static const struct cluster *core_of(const struct call *call)
{
    return node_cluster(call->routes->node);
}

static uint64_t unless_own(const struct call *call, uint64_t node)
{
    return node != node_id(call->routes->node) ? node : 0;
}

uint64_t routes_player_node(const struct call *call, const struct player_id *player)
{
    const struct settings *settings = system_state_settings(cluster_system(core_of(call)));
    if (settings == NULL)
        return 0;
    const uint32_t range = hash_range(hash_player(player), settings->ranges);
    return unless_own(call, cluster_range_holder(core_of(call), range));
}

uint64_t routes_system_node(const struct call *call)
{
    return unless_own(call, cluster_system_leader(core_of(call)));
}

uint64_t routes_whole_node(const struct call *call)
{
    return unless_own(call, cluster_whole_node(core_of(call)));
}

/* A node that listens everywhere says so, and is found where its peers find it. */
static bool http_address(const struct member *member, char *text, size_t bytes)
{
    struct address http, peer;
    if (address_parse(&http, member->http) != STATUS_OK ||
        address_parse_peer(&peer, member->peer) != STATUS_OK)
        return false;
    const bool everywhere = strcmp(http.host, "0.0.0.0") == 0 || strcmp(http.host, "::") == 0;
    const char *host = everywhere ? peer.host : http.host;
    const bool brackets = strchr(host, ':') != NULL;
    const int used = snprintf(text, bytes, "%s%s%s:%u", brackets ? "[" : "", host,
                              brackets ? "]" : "", (unsigned)http.port);
    return used > 0 && (size_t)used < bytes;
}

bool routes_pass_on(const struct call *call, uint64_t node)
{
    char address[ADDRESS_LENGTH_MAX + 1];
    if (node == 0 || proxy_was_passed(call->request))
        return false;
    const struct member *member = system_state_find_member(cluster_system(core_of(call)), node);
    if (member == NULL || !http_address(member, address, sizeof address))
        return false;
    proxy_pass(call->routes->proxy, call->request, address);
    return true;
}
