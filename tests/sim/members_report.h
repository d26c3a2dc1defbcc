/* tests/sim/members_report.h -- cairn-sim --members: membership alone, measured. */
#ifndef CAIRN_TESTS_SIM_MEMBERS_REPORT_H
#define CAIRN_TESTS_SIM_MEMBERS_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct members_report_options {
    uint64_t seed, seeds;
    uint32_t nodes;   /* from 2 to MEMBERS_REPORT_NODES_MAX */
    uint32_t seconds; /* of idling */
    bool json;
};

/* A place is kept for one that joins. */
#define MEMBERS_REPORT_NODES_MAX 1000

/* Starts all nodes at once, lets them idle, kills (with refusals and silently), joins and parts
 * them, and prints what it cost and how long it took until all knew. */
void members_report(const struct members_report_options *options);

#endif
