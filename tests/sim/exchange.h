/* tests/sim/exchange.h -- cairn-sim --exchange: what it costs to bring the summaries of one epoch
 * to every node, all to all and over a grid.
 *
 * Sizes are those of summary_build, in LZ4 frames. The network is reckoned: each node has one line
 * out and one in, of the same rate, and a message takes a latency besides.
 *
 *   all to all   each node sends its ranges' summaries to every other one
 *   grid         nodes stand in sqrt(N) rows. Each sends its summaries through its row; each merges
 *                what its row has, and sends that down its column. A merged row has one board, and
 *                of each range what settling needs (here: an empty ledger). */
#ifndef CAIRN_TESTS_SIM_EXCHANGE_H
#define CAIRN_TESTS_SIM_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#define EXCHANGE_NODES_MAX 1024

struct exchange_options {
    uint64_t seed;
    uint32_t nodes;      /* from 2 to EXCHANGE_NODES_MAX */
    uint32_t ranges;     /* from 1 to RANGES_MAX; spread over the nodes */
    uint32_t players;    /* spread over the ranges; each has found up to 20 treasures of 1 to 500
                          * points */
    uint32_t latency_us; /* one way */
    uint32_t megabits;   /* per second and line */
    bool json;
};

void exchange_report(const struct exchange_options *options);

#endif
