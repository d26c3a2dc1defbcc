/* cluster/values/log_entry.h -- One entry of a group's Raft log, as it travels and is stored. */
#ifndef CAIRN_CLUSTER_VALUES_LOG_ENTRY_H
#define CAIRN_CLUSTER_VALUES_LOG_ENTRY_H

#include <stdint.h>

/* Numbers are stored; they equal libraft's. */
enum entry_type {
    ENTRY_COMMAND = 1, /* a record of cluster/values/record.h */
    ENTRY_BARRIER = 2, /* a new leader's empty entry */
    ENTRY_CHANGE = 3,  /* a configuration: the group's replicas */
};

struct log_entry {
    uint64_t term;
    enum entry_type type;
    const uint8_t
        *data;      /* somebody else's; how long it stays is said where the entry is handed over */
    uint32_t bytes; /* a multiple of 8 */
};

/* What a group must remember besides its entries (Raft, figure 3.1), and which of its replicas it
 * is. */
struct hard_state {
    uint64_t term;
    uint64_t vote;    /* replica number, 0: none */
    uint64_t replica; /* our own number */
};

#endif
