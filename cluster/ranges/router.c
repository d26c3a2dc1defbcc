#include "cluster/ranges/router.h"

#include "cluster/base/check.h"

void router_init(struct router *router)
{
    *router = (struct router){0};
}

void router_learn(struct router *router, uint32_t range, uint64_t node, uint64_t term)
{
    CHECK(range < RANGES_MAX);
    struct route *route = &router->routes[range];
    /* A term has one leader: the same term with another node is an old hint that was forgotten. */
    if (node == 0 || term == 0 || term < route->term || (term == route->term && route->node != 0))
        return;
    *route = (struct route){.node = node, .term = term};
}

void router_forget(struct router *router, uint32_t range, uint64_t node)
{
    CHECK(range < RANGES_MAX);
    CHECK(node != 0);
    if (router->routes[range].node == node)
        router->routes[range].node = 0;
}

uint64_t router_leader(const struct router *router, uint32_t range)
{
    CHECK(range < RANGES_MAX);
    return router->routes[range].node;
}

uint64_t router_term(const struct router *router, uint32_t range)
{
    CHECK(range < RANGES_MAX);
    return router->routes[range].term;
}
