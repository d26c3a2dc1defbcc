/* node/admission.h -- Whether a request comes in, or is turned away before its body is read.
 *
 * What came in is never dropped, so it must be bounded before it comes in. Three things can be too
 * much, and each has a bound; at the first that is reached the node begins to shed, and it takes
 * requests again when all are down to half of theirs, so that it does not change its mind with
 * every request:
 *
 *   ADMITTING --one at its bound--> SHEDDING --all at half or below--> ADMITTING
 *
 * The expected wait is measured, not computed from the recent rate of commits: a write takes what
 * has gathered, however much it is, so under light load the rate says what came, and not what could
 * go, and a burst would be turned away for nothing. What is measured is how long the loop takes to
 * come to a request that is already there (a busy processor), and for how long the present write
 * has been under way (a busy disk). A disk without a write under way tells nothing, and is given
 * one.
 *
 * Pure. */
#ifndef CAIRN_NODE_ADMISSION_H
#define CAIRN_NODE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that wait for the disk. A turn of the core writes at most 8 MiB, so the store, which takes
 * 32 MiB, always has room for what was admitted. */
#define ADMISSION_BYTES (UINT64_C(16) << 20)

/* Who waits longer has given up, or will before he is answered: clients usually wait for some
 * seconds, and the wait is that of the whole way in, to which the write itself comes. */
#define ADMISSION_WAIT_US UINT64_C(1000000)

/* What waits in a node. */
struct node_load {
    uint32_t requests;      /* taken by the node, not answered */
    uint32_t actions;       /* in them */
    uint64_t write_backlog; /* bytes that wait for the disk */
    uint64_t write_us;      /* since when the present write is under way; 0: none is */
    uint64_t queue_us;      /* how long the last request waited until the loop came to it */
};

/* A zeroed one admits. */
struct admission {
    bool shedding;
};

/* `actions_max`: actions accepted and not answered (limits.waiting_actions): it bounds memory, some
 * 300 bytes each, and how much work is left when clients stop. One request more may bring its
 * actions above it. */
bool admission_admits(struct admission *admission, const struct node_load *load,
                      uint32_t actions_max);

#endif
