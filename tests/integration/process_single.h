/* tests/integration/process_single.h -- What tests of one node under load stand on: a process, the
 * players of the hunt "field", and their clients. As a cmocka fixture.
 *
 * CAIRN_SEED: of moments and claims (the machine's timing stays its own). */
#ifndef CAIRN_TESTS_INTEGRATION_PROCESS_SINGLE_H
#define CAIRN_TESTS_INTEGRATION_PROCESS_SINGLE_H

#include "cluster/base/rng.h"
#include "tests/integration/process.h"
#include "tests/integration/process_load.h"
#include "tests/integration/process_players.h"

struct single {
    struct rng rng;
    struct process process; /* not started */
    struct players players;
    struct load load;
};

/* Prints the seed. `single` must stay where it is. */
void single_init(struct single *single);
/* Kills what runs, removes the folder. */
void single_fini(struct single *single);

int single_setup(void **state);
int single_teardown(void **state);

#endif
