/* tests/sim/world.h -- A whole cluster in one process, from one seed: real cores, simulated clocks,
 * disks, network and clients.
 *
 * A run has three parts. While faults last, players play, hunts change, nodes crash and restart,
 * join, are cut off and stopped, messages and replies are lost, clocks jump. Then the faults stop,
 * and everything that was asked must be answered within a bound (liveness). Then what the clients
 * were told, what the nodes show and what their logs say is compared with the independent model. */
#ifndef CAIRN_TESTS_SIM_WORLD_H
#define CAIRN_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/values/action.h"

#define WORLD_NODES_MAX 7

/* A lie that the world is told once, so that the checks themselves can be checked: with any of them
 * a run must fail. */
enum world_mutation {
    WORLD_TRUE,
    WORLD_DROP_ACKNOWLEDGED, /* an entry with an acknowledged find is missing from the log */
    WORLD_DOUBLE_CLAIM,      /* a player was told twice that a find is new */
    WORLD_SWAP_INDICES,      /* two players' receipts name each other's log index */
    WORLD_ALTER_SCORE,       /* a player was told another score */
    WORLD_ALTER_STATE,       /* one node's state of a range is another */
    WORLD_ALTER_BOARD,       /* one node's board has another digest */
    WORLD_ALTER_PLACE,       /* one node's board has another rank on a place */
    WORLD_ALTER_RANK,        /* a player's page shows another rank */
    WORLD_FORGET_SYNC,       /* crashes lose what was on disk */
    WORLD_DROP_CHUNK,        /* a stored snapshot lacks a chunk */
    WORLD_ALTER_CHUNK,       /* a bit of a stored snapshot is another */
    WORLD_COMPACT_TOO_FAR,   /* the log lacks the first entry behind its snapshot */
    WORLD_ALTER_SNAPSHOT,    /* one node's snapshot has other bytes */
    WORLD_AWARD_TOO_MANY,    /* a range says that one more has won */
    WORLD_TURN_BACK,         /* a node's stamp is below one before */
    WORLD_RUN_AHEAD,         /* a node took over the time of one that is far ahead */
    WORLD_MUTATIONS,
};

struct world_options {
    uint64_t seed;
    uint32_t nodes;   /* odd: each holds a voter of every group */
    uint32_t seconds; /* simulated, with faults */
    bool trace;       /* print what happens */
    bool plain;       /* none of world_faults.c */
    enum world_mutation mutation;
};

struct world_report {
    bool failed;
    bool mutated;      /* there was something to lie about */
    char failure[400]; /* which promise broke, and how */
    uint64_t digest;   /* equal for equal options */
    uint64_t actions;  /* sent by players */
    uint64_t acknowledged;
    uint64_t entries; /* in the ranges' logs at the end */
    uint64_t crashes;
    uint64_t joins;     /* nodes that were taken in by others */
    uint64_t elections; /* leaderships of ranges that were seen */
    uint64_t epochs;    /* complete ones */
    uint64_t snapshots; /* taken */
    uint64_t restored;  /* by starts */
    uint64_t adopted;   /* from other replicas */
    uint64_t replays;
    uint64_t unavailable;
    uint64_t outcomes[OUTCOME_COUNT];   /* of what was acknowledged */
    uint64_t settled_won, settled_lost; /* by the model, at the end */
};

void world_run(const struct world_options *options, struct world_report *ret_report);

#endif
