/* tests/sim/world.h -- A whole cluster in one process, from one seed: real cores, simulated clocks,
 * disks, network and clients.
 *
 * A run has three parts. While faults last, players play, hunts change, nodes crash and restart,
 * messages and replies are lost. Then the faults stop, and everything that was asked must be
 * answered within a bound (liveness). Then what the clients were told, what the nodes show and what
 * their logs say is compared with the independent model. */
#ifndef CAIRN_TESTS_SIM_WORLD_H
#define CAIRN_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#define WORLD_NODES_MAX 7

struct world_options {
    uint64_t seed;
    uint32_t nodes;   /* odd: each holds a voter of every group */
    uint32_t seconds; /* simulated, with faults */
    bool trace;       /* print what happens */
};

struct world_report {
    bool failed;
    char failure[400]; /* which promise broke, and how */
    uint64_t digest;   /* equal for equal options */
    uint64_t actions;  /* sent by players */
    uint64_t acknowledged;
    uint64_t entries; /* in the ranges' logs at the end */
    uint64_t crashes;
    uint64_t elections; /* leaderships of ranges that were seen */
    uint64_t epochs;    /* complete ones */
    uint64_t replays;
    uint64_t unavailable;
};

void world_run(const struct world_options *options, struct world_report *ret_report);

#endif
