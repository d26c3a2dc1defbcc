/* tests/sim/group_witness.h -- What Raft promises (Ongaro, 2014, figure 3.2), checked as it
 * happens.
 *
 *  - election safety: a term has one leader;
 *  - an index and a term make an entry, on whatever disk it was synced and in whatever message;
 *  - state machine safety: all replicas apply the same entry at an index;
 *  - leader completeness: a new leader has everything that was applied anywhere;
 *  - what is committed is on the disks of a majority of the voters: no crash takes it back.
 *
 * A broken promise prints the seed and aborts the test. */
#ifndef CAIRN_TESTS_SIM_GROUP_WITNESS_H
#define CAIRN_TESTS_SIM_GROUP_WITNESS_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/values/log_entry.h"

struct seen_entry {
    uint64_t index, term, hash;
};

struct group_witness {
    uint64_t seed;
    struct seen_entry *seen; /* open addressing on (index, term) */
    size_t seen_count, seen_capacity;
    struct seen_entry *applied; /* applied[i] is index i + 1; hash 0: a barrier or change */
    uint64_t applied_count, applied_capacity;
    struct {
        uint64_t term, leader;
    } * leaders;
    size_t leader_count, leader_capacity;
};

void witness_init(struct group_witness *witness, uint64_t seed);
void witness_fini(struct group_witness *witness);

void witness_entry(struct group_witness *witness, uint64_t index, const struct log_entry *entry);
void witness_leader(struct group_witness *witness, uint64_t term, uint64_t leader);
/* `entry` NULL: a barrier or a change was passed over. */
void witness_applied(struct group_witness *witness, uint64_t index, uint64_t term,
                     const struct log_entry *entry);
/* Term of what was applied somewhere; 0: nothing yet. */
uint64_t witness_applied_term(const struct group_witness *witness, uint64_t index);

/* Fails unless the condition holds. */
void witness_check(const struct group_witness *witness, int condition, const char *promise);

#endif
