/* tests/integration/process_cluster.h -- A cluster of three real nodes: the first founds, the
 * others join it. Their peers' ports are at addresses of 127/8 that no other test uses, so a node
 * can come back where it was, or elsewhere.
 *
 * Whatever goes wrong here fails the test that called. One thread. */
#ifndef CAIRN_TESTS_INTEGRATION_PROCESS_CLUSTER_H
#define CAIRN_TESTS_INTEGRATION_PROCESS_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "tests/integration/process.h"
#include "tests/integration/process_players.h"

#define CLUSTER_NODES     3
#define CLUSTER_RANGES    8
#define CLUSTER_PEER_PORT 7900

struct nodes {
    struct process list[CLUSTER_NODES];
    struct process *all[CLUSTER_NODES]; /* the same */
    char host[CLUSTER_NODES][32];
    const char *const *arguments; /* of all nodes, up to a NULL; NULL: none. Borrowed */
};

void nodes_init(struct nodes *nodes);

/* Kills what runs, removes the folders. Accepts a zeroed struct. */
void nodes_fini(struct nodes *nodes);

/* Starts one; port 0: any. Does not wait. */
void nodes_launch(struct nodes *nodes, uint32_t number, uint16_t peer_port);

/* The same, and waits for its ready line. */
void nodes_start(struct nodes *nodes, uint32_t number, uint16_t peer_port);

/* Starts all three where they were at first, and waits until they are a whole cluster. */
void nodes_grow(struct nodes *nodes);

/* Waits until all nodes say the same: three members where they are now, three voters and a leader
 * of each range; and all are ready. */
void nodes_wait_whole(struct nodes *nodes);

/* How many ranges the node leads, as it says itself. */
uint32_t nodes_led(struct nodes *nodes, uint32_t number);

/* GET at a node; its answer as JSON, the caller's; *ret_status may be NULL: it must be 200. */
json_t *nodes_get(struct nodes *nodes, uint32_t number, const char *target, int *ret_status);

/* Compares all that each node says with what was acknowledged, and the nodes' boards, of one
 * complete epoch, with each other's. */
void nodes_compare(struct nodes *nodes, struct players *players);

#endif
