/* tests/integration/process_gold.h -- The hunt "gold": treasures that only three may win each,
 * wanted by many players at all nodes of a cluster at once, whatever becomes of the nodes
 * meanwhile. A claim that got no answer is sent again with the same number at another node.
 *
 * Whatever is wrong fails the test that called. One thread. */
#ifndef CAIRN_TESTS_INTEGRATION_PROCESS_GOLD_H
#define CAIRN_TESTS_INTEGRATION_PROCESS_GOLD_H

#include <stdint.h>

#include "tests/integration/process_cluster.h"
#include "tests/integration/process_http.h"

#define GOLD_WANTERS   48
#define GOLD_SUPPLY    3
#define GOLD_TREASURES 4

struct gold {
    struct nodes *nodes;
    struct link links[GOLD_WANTERS];
    uint32_t treasure; /* the one that is wanted; below it: those that were */
};

void gold_init(struct gold *gold, struct nodes *nodes);
void gold_fini(struct gold *gold);

/* Grows the cluster and puts the hunt; claims are judged. The other half is gold_fini(). */
void gold_begin(struct gold *gold, struct nodes *nodes);

/* Puts the hunt at a node, which must listen. */
void gold_put(struct gold *gold, uint32_t number);

/* Waits until claims are judged. */
void gold_wait_open(struct gold *gold);

/* All ask at once; does not wait. */
void gold_want(struct gold *gold);

/* All have an answer, the same at each node; as many have won as may; the next treasure is next. */
void gold_settle(struct gold *gold);

#endif
