/* cluster/values/message.h -- What nodes say to each other, as values. Bytes are proto/'s business.
 */
#ifndef CAIRN_CLUSTER_VALUES_MESSAGE_H
#define CAIRN_CLUSTER_VALUES_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/values/action.h"
#include "cluster/values/gossip.h"
#include "cluster/values/log_entry.h"
#include "cluster/values/result.h"

/* Messages of Raft (Ongaro, 2014, figures 3.1 and 5.3), one group's. Numbers equal libraft's. */
enum group_message_type {
    GROUP_APPEND = 1,
    GROUP_APPEND_RESULT = 2,
    GROUP_VOTE = 3,
    GROUP_VOTE_RESULT = 4,
    GROUP_TIMEOUT_NOW = 6,
};

struct group_message {
    uint32_t group;
    enum group_message_type type;
    uint64_t from, to;  /* replica numbers */
    uint64_t from_node; /* where an answer goes; 0: the sender does not know its own node yet */
    uint64_t term;
    union {
        struct {
            uint64_t last_index, last_term;
            bool disrupt_leader, pre_vote;
        } vote;
        struct {
            bool granted, pre_vote;
        } vote_result;
        struct {
            uint64_t previous_index, previous_term, commit;
            uint64_t everywhere; /* all replicas have the log up to it on disk; 0: not known */
            const struct log_entry *entries;
            uint32_t count;
        } append;
        struct {
            uint64_t rejected, last_index;
        } append_result;
        struct {
            uint64_t last_index, last_term;
        } timeout_now;
    };
};

/* A range's leader tells the system group's: version `version` of hunt `hunt` is in my log, and no
 * epoch after `promise` opens before I know from when it is active. */
struct learned_message {
    uint32_t range;
    uint16_t hunt;
    uint32_t version;
    uint64_t promise;
};

/* Actions of clients for ranges that the receiver is believed to lead. Numbers are the sender's,
 * and come back in the answers. */
#define FORWARD_ACTIONS_MAX 1000

struct forwarded_action {
    uint64_t number;
    struct action action;
};

struct forward_message {
    const struct forwarded_action *list;
    uint32_t count; /* 1 to FORWARD_ACTIONS_MAX */
};

/* What became of them. An action that the receiver does not lead is not judged; he says who does,
 * as far as he knows. */
struct forwarded_result {
    uint64_t number;
    bool judged;
    union {
        struct result result; /* judged; without the treasure's name, which its number tells */
        struct {
            uint64_t node, term; /* 0: not known */
        } leader;
    };
};

struct results_message {
    const struct forwarded_result *list;
    uint32_t count; /* 1 to FORWARD_ACTIONS_MAX */
};

/* A summary in its canonical form: pushed when its epochs are over, or pulled. */
struct summary_message {
    bool whole; /* false: only its ledger is left, and it says nothing of boards */
    const uint8_t *data;
    uint32_t bytes;
};

/* Asks for the range's summary that covers an epoch. */
struct pull_message {
    uint32_t range;
    uint64_t epoch;
};

/* A node asks to be on the members' list as it is now: a new one joins, a known one has moved. Any
 * member may be asked, and passes it on to the system group's leader. */
struct join_message {
    const uint8_t *member; /* member_encode's */
    uint32_t bytes;
};

/* The answer to one that cannot join: CONFLICT, another member has its name; FULL. */
struct refused_message {
    enum status status;
};

/* Asks for the system group's state, where it is newer than what the sender has. */
struct system_pull_message {
    uint64_t have;  /* index of the last entry applied to it; 0: none */
    uint64_t index; /* of the one that the sender is putting together; 0: none */
    uint32_t chunk; /* the next one of it that he lacks */
};

/* A chunk of a snapshot, in order: of the system group's state for nodes that hold no replica of it
 * (`to` is 0 then), or of a group for a replica whose log does not reach back far enough. */
struct snapshot_message {
    uint32_t group;
    uint64_t to;          /* replica number */
    uint64_t from_node;   /* as in a group_message */
    uint64_t raft_term;   /* of the leader that sends it */
    uint64_t index, term; /* of the snapshot */
    uint32_t chunk;       /* from 0 */
    bool last;
    const uint8_t *data;
    uint32_t bytes; /* 1 to SNAPSHOT_CHUNK_BYTES_MAX */
};

/* So many chunks have come, so more may be sent. */
struct snapshot_taken_message {
    uint32_t group;
    uint64_t from, to; /* replica numbers; 0 where there are none */
    uint64_t index;
    uint32_t chunks;
};

enum message_kind {
    MESSAGE_GROUP = 1,
    MESSAGE_LEARNED = 2,
    MESSAGE_FORWARD = 3,
    MESSAGE_RESULTS = 4,
    MESSAGE_SUMMARY = 5,
    MESSAGE_PULL = 6,
    MESSAGE_JOIN = 7,
    MESSAGE_REFUSED = 8,
    MESSAGE_SYSTEM_PULL = 9,
    MESSAGE_SNAPSHOT = 10,
    MESSAGE_SNAPSHOT_TAKEN = 11,
    MESSAGE_GOSSIP = 12,
};

/* What may come from whoever does not know which life of ours he talks to. */
static inline bool message_is_first_contact(enum message_kind kind)
{
    return kind == MESSAGE_JOIN || kind == MESSAGE_REFUSED || kind == MESSAGE_SNAPSHOT ||
           kind == MESSAGE_SYSTEM_PULL;
}

struct message {
    enum message_kind kind;
    union {
        struct group_message group;
        struct learned_message learned;
        struct forward_message forward;
        struct results_message results;
        struct summary_message summary;
        struct pull_message pull;
        struct join_message join;
        struct refused_message refused;
        struct system_pull_message system_pull;
        struct snapshot_message snapshot;
        struct snapshot_taken_message snapshot_taken;
        const struct gossip *gossip; /* of membership; what it points to lives as long */
    };
};

#endif
