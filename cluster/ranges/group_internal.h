/* cluster/ranges/group_internal.h -- What the parts of a group share. Nobody else includes it.
 *
 *   group_life.c     founding, restoring, time, and what a group tells about itself
 *   group_raft.c     every call of libraft, and taking its updates apart
 *   group_receive.c  judging a message, and splitting an AppendEntries
 *   group_submit.c   new entries, changes of the configuration, handing over
 *   group_durable.c  what is written, and what of it is on disk
 *   group_send.c     messages out, with their entries
 *   group_apply.c    committed entries, and reading the log back
 *   group_compact.c  what a snapshot replaces
 *   group_adopt.c    a snapshot that another replica took
 *
 * Every public function that does something is group_enter, its own work, group_leave. */
#ifndef CAIRN_CLUSTER_RANGES_GROUP_INTERNAL_H
#define CAIRN_CLUSTER_RANGES_GROUP_INTERNAL_H

#include <raft.h>

#include "cluster/ranges/group.h"
#include "cluster/ranges/outbox.h"
#include "cluster/ranges/tail.h"
#include "cluster/ranges/terms.h"

#if RAFT_VERSION_NUMBER < 2201
#error                                                                                             \
    "libraft before 0.22.1 commits entries of old terms by counting: acknowledged claims get lost"
#endif

/* All groups of a node fire on one grid, so that an idle node sends each peer one message for all
 * of them. */
#define GROUP_GRID_MS 10

/* Entries that wait for the disk or for the other replicas; bytes are bounded by twice the tail. */
#define GROUP_PENDING_ENTRIES_MAX 4096

/* The tail's bound by number: tiny entries cost more than their payload. */
#define GROUP_TAIL_ENTRIES_MAX 4096

/* Steps that one AppendEntries is split into; what is beyond counts as lost on the way. Each step
 * makes up to three effects. */
#define GROUP_PARTS_MAX 8

/* The newest index that a ticket's write made durable, as far as no truncation overtook it. */
struct written {
    uint64_t ticket, last;
};

/* Entries read back from the log: first the caller's (only during group_log_read), then copies
 * that wait to be applied. */
struct log_part {
    uint64_t first;
    uint32_t count;
    const struct log_entry *entries;
};

struct group {
    struct group_config config;
    struct raft raft;
    bool started, broken;
    bool aside;                  /* asks for no votes */
    struct replica_set replicas; /* the newest configuration of the log, committed or not */
    struct terms terms;
    struct tail tail;
    struct outbox outbox;

    /* Between group_restore and group_start. */
    struct raft_entry *restored;
    uint32_t restored_count, restored_capacity;

    uint64_t now_ms;        /* never steps back */
    uint64_t turn_ticket;   /* of the newest turn */
    uint32_t effects_limit; /* of this call */

    uint64_t durable_ticket; /* everything up to it is on disk */
    uint64_t state_ticket;   /* the newest write of term and vote */
    uint64_t write_ticket;   /* the newest write */
    struct written *writes;  /* on their way; oldest first */
    uint32_t writes_count, writes_capacity;
    uint64_t durable_index;

    enum group_role role;
    uint64_t elected_index; /* last index of the log when we were elected */
    uint64_t elected_ms;
    struct {
        uint64_t replica, ms;
    } heard[REPLICA_SET_MAX];     /* when another replica answered last */
    uint64_t leader, leader_term; /* who sent entries in which term */
    uint64_t leader_heard_ms;     /* and when the last time */
    uint64_t leader_node;         /* and from where */
    uint64_t commit, applied;
    uint64_t applied_bytes;              /* payload, since the start */
    struct group_base base;              /* the snapshot's; index 0: none */
    uint64_t base_before;                /* index of the one before it; 0: none since the start */
    struct replica_set replicas_applied; /* as of the applied index */
    uint64_t replicas_applied_index;
    uint64_t everywhere; /* a follower's: as its leader told it last */
    uint64_t stranded;

    bool reading; /* READ_LOG is out for read_first to read_last */
    uint64_t read_first, read_last;
    bool read_overtaken;   /* some of it was truncated since: whatever comes is of no use */
    bool send_reads_next;  /* applying and sending take turns to read */
    bool sends_left;       /* messages that found no room in this call's effects */
    struct log_part given; /* during group_log_read */
    struct log_part kept;  /* for applying */
    void *kept_block;      /* where it lies */

    uint64_t dropped;
};

/* group_life.c. group_enter returns false when there is nothing to do any more: broken. */
MUST_USE bool group_enter(struct group *group, const struct group_turn *turn);
void group_leave(struct group *group, const struct group_turn *turn);
void group_break(struct group *group, const struct group_turn *turn, const char *why);
/* Room for n more effects of this call. */
bool group_room(const struct group *group, const struct group_turn *turn, uint32_t n);

/* group_raft.c */
void core_open(struct group *group);
void core_close(struct group *group); /* it may be opened again */
void core_start(struct group *group, const struct group_turn *turn,
                const struct hard_state *hard_state);
void core_timeout(struct group *group, const struct group_turn *turn);
void core_persisted(struct group *group, const struct group_turn *turn, uint64_t index);
/* The snapshot is taken and the log gone through an entry. */
void core_compact(struct group *group, const struct group_turn *turn, uint64_t through);
/* The CHANGE that is noted as not committed is committed. */
void core_confirm_change(struct group *group, const struct group_turn *turn);
/* All but AppendEntries and votes; the answer goes to `node`. */
void core_receive(struct group *group, const struct group_turn *turn,
                  const struct group_message *message, uint64_t node);
void core_vote(struct group *group, const struct group_turn *turn,
               const struct group_message *message, uint64_t node);
/* An AppendEntries of at most one CHANGE, the first. */
void core_append(struct group *group, const struct group_turn *turn,
                 const struct group_message *message, uint64_t node);
/* The block is taken over in any case. */
MUST_USE enum status core_submit(struct group *group, const struct group_turn *turn,
                                 enum entry_type type, uint8_t *block, uint32_t bytes);
MUST_USE enum status core_transfer(struct group *group, const struct group_turn *turn,
                                   uint64_t replica);
uint64_t core_deadline(const struct group *group);
uint64_t core_term(const struct group *group);
uint64_t core_vote_given(const struct group *group);
/* As far as libraft was told that the log is on disk. */
uint64_t core_stored(const struct group *group);
uint64_t core_match(const struct group *group, uint64_t replica);
bool core_transferring(const struct group *group);
/* The index of the CHANGE that is not known to be committed; 0: none. */
uint64_t core_open_change(const struct group *group);

/* group_durable.c */
void durable_write_state(struct group *group, const struct group_turn *turn,
                         const struct hard_state *hard_state);
/* Entries of one block from index `first` on, which is taken over. */
void durable_write_entries(struct group *group, const struct group_turn *turn, uint64_t first,
                           const struct raft_entry *entries, uint32_t count);
/* Tells libraft what has become durable, when it can hear it. */
void durable_report(struct group *group, const struct group_turn *turn);
/* Payload bytes and entries that are not durable, or, on a leader, not committed. */
bool durable_has_room(const struct group *group, uint64_t bytes, uint64_t entries);

/* group_send.c */
void send_hold(struct group *group, const struct group_message *message, uint64_t node);
void send_flush(struct group *group, const struct group_turn *turn);
/* A replica has answered. */
void send_heard(struct group *group, uint64_t replica);
/* Reading that a waiting AppendEntries needs: false when none does. */
bool send_wants(const struct group *group, uint64_t *ret_first, uint64_t *ret_last);
/* Our own node, once the configuration tells; 0 before. */
uint64_t send_own_node(const struct group *group);

/* group_apply.c */
void apply_skip_internal(struct group *group);
void apply_read_log(struct group *group, const struct group_turn *turn);
void apply_evict(struct group *group);

/* group_compact.c */
/* The last entry that all replicas are known to have on disk. */
uint64_t compact_everywhere(const struct group *group);
/* The log may be cut further by now. */
void compact_more(struct group *group, const struct group_turn *turn);

/* Whether the log has this entry of this term. */
static inline bool group_has(const struct group *group, uint64_t index, uint64_t term)
{
    return terms_of(&group->terms, index) == term && term != 0;
}

#endif
