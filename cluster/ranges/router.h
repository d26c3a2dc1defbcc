/* cluster/ranges/router.h -- Who leads each range, as far as this node has heard.
 *
 * Terms order what is heard: a leader of a newer term is believed over one of an older, whoever
 * says it. A hint may be wrong; whoever is asked by mistake says who leads, and costs a round trip.
 * One thread. */
#ifndef CAIRN_CLUSTER_RANGES_ROUTER_H
#define CAIRN_CLUSTER_RANGES_ROUTER_H

#include <stdint.h>

#include "cluster/base/bounds.h"

struct router {
    struct route {
        uint64_t node; /* 0: not known */
        uint64_t term;
    } routes[RANGES_MAX];
};

void router_init(struct router *router);

/* The node leads the range in this term; 0 for a node or a term says nothing. */
void router_learn(struct router *router, uint32_t range, uint64_t node, uint64_t term);

/* The node does not lead the range, or is gone: nobody is known to lead it in a term up to that in
 * which it was said to. Another node that is believed in stays. */
void router_forget(struct router *router, uint32_t range, uint64_t node);

/* 0: not known. */
uint64_t router_leader(const struct router *router, uint32_t range);
uint64_t router_term(const struct router *router, uint32_t range);

#endif
