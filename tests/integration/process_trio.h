/* tests/integration/process_trio.h -- What tests of a cluster under load stand on: three nodes, the
 * players of the hunt "field", and their clients at all three. As a cmocka fixture.
 *
 * CAIRN_SEED: of moments and claims (the machine's timing stays its own). */
#ifndef CAIRN_TESTS_INTEGRATION_PROCESS_TRIO_H
#define CAIRN_TESTS_INTEGRATION_PROCESS_TRIO_H

#include <stdint.h>

#include "cluster/base/rng.h"
#include "tests/integration/process_cluster.h"
#include "tests/integration/process_load.h"

struct trio {
    struct rng rng;
    struct nodes nodes;
    struct players players;
    struct load load;
};

int trio_setup(void **state);
int trio_teardown(void **state);

/* Grows the cluster and puts the hunt at any node. */
void trio_begin(struct trio *trio);

/* Claims at all nodes for so long. */
void trio_run(struct trio *trio, uint64_t ms);

/* The same until so many more requests are answered; fails when that takes too long. */
void trio_run_until_answered(struct trio *trio, uint64_t more);

/* Has every claim acknowledged, waits for a whole cluster, compares, and prints what there was. */
void trio_compare(struct trio *trio);

#endif
