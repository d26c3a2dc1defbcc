/* cluster/ranges/group.h -- One Raft group's replica on this node: drives libraft's pure core.
 *
 * libraft (0.22.1, raft_step) decides elections, replication and commitment; it holds no entries,
 * only a trail of terms. This module is all that talks to it. It keeps the newest entries in memory
 * (the tail), turns updates into effects, holds messages back until what they promise is durable,
 * and hands out committed entries in order.
 *
 * What is durable. All effects of one turn carry one ticket; group_persisted(ticket) says that this
 * turn's writes and all before it are on disk. A message leaves when the group's newest write is
 * durable; only an AppendEntries of a leader leaves as soon as its term is durable, so that
 * replicas write at the same time. While the leader is the only voter (or the CHANGE that ends that
 * is not on its disk yet) it waits for its own disk too: a sole voter elects itself again without
 * asking anyone, and an entry that a learner has but the voter's disk lost could otherwise come
 * back as another one with the same index and term. For the same reason a sole voter starts with
 * its term raised by one and a vote for itself.
 *
 * Truncation. When an AppendEntries replaces entries, TRUNCATE comes before APPEND, and whatever
 * part of an unfinished write it overtook is never reported as persisted.
 *
 * Configurations. A CHANGE is confirmed to libraft (RAFT_CONFIGURATION) as soon as it is known to
 * be committed, which does not wait for the state machine, and also when a following CHANGE
 * arrives, for a leader makes one only after the other is committed: otherwise a truncation of the
 * second would roll back both. A leader makes a CHANGE only when an entry of its own term is
 * committed (Ongaro's correction of single-server changes, raft-dev, 10 July 2015).
 *
 * What is kept away from libraft, or put right after it (0.22.1; its assertions are compiled out):
 *  - an AppendEntries with a CHANGE inside is split so that each CHANGE is the first of its step:
 *    the index of any other one would be noted wrongly;
 *  - leader_commit is cut to the last entry of the message: the commit index could step back;
 *  - an AppendEntries of an older term is answered here: the answer to one that begins at index 1
 *    would be taken for a success, with an index that was never set;
 *  - a rejection at or below what that follower has acknowledged (a late duplicate) is dropped: it
 *    would stop replication to that follower for as long as the leader leads;
 *  - a vote result that arrives when we are no candidate is dropped: it is read as if we were;
 *  - a refused pre-vote tells our own term when that is newer: it would echo the candidate's, and a
 *    candidate with the longer log but the older term could never learn better;
 *  - a learner votes when it is asked: the candidate's configuration, newer than its own, makes it
 * a voter, and it would refuse for ever.
 *
 * Snapshots. The caller writes the state as it is at an applied entry (group_snapshot_point) and,
 * when that is stored, hands it in as the group's base (group_compact): the reference to it and the
 * end of the log behind it are one write. The log does not go past an entry that another replica
 * may still ask for: a leader knows what all of them have on disk, and tells the followers with
 * each AppendEntries (`everywhere`), because any of them may lead next. What is left then goes when
 * the last replica has caught up; but behind the snapshot before the last one nothing stays,
 * whoever is away, so that the log is bounded by what two snapshots are apart.
 *
 * A replica that needs what is gone cannot catch up from the log: libraft's InstallSnapshot is not
 * sent, the replica is told in the view (`stranded`), and gets heartbeats only, until the caller
 * has brought it a snapshot. There it begins anew (group_adopt) as it would after a restart from
 * that snapshot. Entries behind its base that a leader still sends it, from an older snapshot of
 * its own, were committed: it passes over them, and its answer tells where it is.
 *
 * Time is in ms, monotonic. Replica numbers are never used again. One thread. */
#ifndef CAIRN_CLUSTER_RANGES_GROUP_H
#define CAIRN_CLUSTER_RANGES_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/arena.h"
#include "cluster/base/bounds.h"
#include "cluster/base/status.h"
#include "cluster/ranges/group_base.h"
#include "cluster/ranges/replica_set.h"
#include "cluster/values/effects.h"
#include "cluster/values/log_entry.h"
#include "cluster/values/message.h"

/* The system group's number; a range's group has the range's number. */
#define GROUP_SYSTEM UINT32_C(0xffffffff)

#define GROUP_ELECTION_MS  300
#define GROUP_HEARTBEAT_MS 50

struct group_config {
    uint32_t group;
    uint64_t replica;        /* ours; above 0 */
    uint32_t seed;           /* different for each node and group, or votes split */
    uint32_t tail_bytes_max; /* TAIL_BYTES_MAX; smaller in tests */
};

/* Where a call puts what it wants done, at what time, under which ticket. */
struct group_turn {
    uint64_t now_ms;
    uint64_t ticket;         /* above 0; another turn has a higher one */
    struct effects *effects; /* room for GROUP_EFFECTS_MAX at each call */
    struct arena *arena;     /* lives until the end of the turn */
};

/* Effects that one call makes at most. Messages beyond it leave with the next call: group_next_tick
 * is due at once then. */
#define GROUP_EFFECTS_MAX 64

/* Entries in one AppendEntries, and bytes unless it carries a single entry. */
#define GROUP_APPEND_ENTRIES_MAX 1024
#define GROUP_APPEND_BYTES_MAX   (UINT32_C(1) << 20)

struct group;

/* NULL: no memory. */
struct group *group_new(const struct group_config *config);
void group_free(struct group *group);

/* Founding: the group's first entry, CHANGE in term 1, is written, and behind it `command` (of term
 * 1) where there is one, the same on every founding replica; then the group starts. Instead of
 * group_restore and group_start. */
void group_found(struct group *group, const struct group_turn *turn, const struct replica *replicas,
                 uint32_t count, const struct log_entry *command);

/* After a restart: the base, where there is a snapshot; where the log goes on, when that is not
 * entry 1; its entries in order (only their terms, and the data of CHANGEs, are kept); then
 * group_start. A replica that joins a group starts with an empty log and a hard state of zeros.
 * STATUS_CORRUPT: there is a gap between the base and the log, or the log ends before the base or
 * has another entry there; entry 1 is no CHANGE, a CHANGE does not decode, terms fall, or the hard
 * state's term is below the last entry's. */
MUST_USE enum status group_restore_base(struct group *group, const struct group_base *base);
MUST_USE enum status group_restore_first(struct group *group, uint64_t first);
MUST_USE enum status group_restore(struct group *group, const struct log_entry *entry);
MUST_USE enum status group_start(struct group *group, const struct group_turn *turn,
                                 const struct hard_state *hard_state);

/* When group_tick has something to do next, in ms. */
uint64_t group_next_tick(const struct group *group);
void group_tick(struct group *group, const struct group_turn *turn);

/* A replica that stands aside votes and follows, but never asks for votes: its election time-out is
 * not told to libraft, votes that come all the same are dropped, and so is a leader's wish to hand
 * over to it. One that leads goes on until it has handed over or hears of no majority. Standing
 * aside no longer, it asks at once if it has heard of no leader for the usual time. */
void group_stand_aside(struct group *group, bool aside);

/* A message for this replica. Anything invalid (a stranger's, another replica's, impossible terms,
 * over-long) is dropped and counted. Entries are copied.
 *
 * Votes and entries are also taken from replicas that are not in our configuration: they may be in
 * a newer one. The caller makes sure that the message came from message->from_node. */
void group_receive(struct group *group, const struct group_turn *turn,
                   const struct group_message *message);

/* Everything up to `ticket` is on disk. */
void group_persisted(struct group *group, const struct group_turn *turn, uint64_t ticket);

/* What READ_LOG asked for: entries from index `first` on, copied; an answer that a truncation has
 * overtaken is ignored. None, or others than were written, means that the log cannot be read: the
 * group is broken. */
void group_log_read(struct group *group, const struct group_turn *turn, uint64_t first,
                    const struct log_entry *entries, uint32_t count);

/* A block for the payload of one entry, `bytes` a multiple of 8; NULL: no memory. group_submit
 * takes it over in any case. */
uint8_t *group_block(uint32_t bytes);
void group_block_free(uint8_t *block);

/* Puts a command into the log. *ret_index is its index; it is in the present term.
 * STATUS_NOT_LEADER: not leader, or handing over. STATUS_FULL: too much waits for the disk or for
 * the other replicas; try again after the next event. */
MUST_USE enum status group_submit(struct group *group, const struct group_turn *turn,
                                  uint8_t *block, uint32_t bytes, uint64_t *ret_index);

/* Puts another configuration into the log; it must differ from the present one by one replica
 * added, removed or made a voter (replica_set_change). STATUS_CONFLICT: a change is under way,
 * nothing of this term is committed yet, or the new voter has not got everything that is committed
 * (so it was a learner before); try again later. STATUS_INVALID: not one such difference, or it
 * would leave a group that had more than one voter with one; NOT_LEADER. */
MUST_USE enum status group_change(struct group *group, const struct group_turn *turn,
                                  const struct replica *replicas, uint32_t count);

/* Hands leadership to another voter. STATUS_NOT_LEADER, STATUS_INVALID: not a voter. */
MUST_USE enum status group_transfer(struct group *group, const struct group_turn *turn,
                                    uint64_t replica);

/* The next committed command to apply, in order; each is handed out once, and *ret_entry stays
 * valid until the next call on this group. Barriers and changes are dealt with inside. Returns
 * false when there is none, or when it must be read from the log first (READ_LOG went out). */
bool group_next_committed(struct group *group, const struct group_turn *turn, uint64_t *ret_index,
                          struct log_entry *ret_entry);

/* True when a committed entry waits to be applied and group_next_committed would give it. */
bool group_has_committed(const struct group *group);

/* The last entry that is applied, as a base; index 0: nothing is. */
void group_snapshot_point(const struct group *group, struct group_base *ret_base);

/* The snapshot at this base, which group_snapshot_point told, is stored, and the log is on disk up
 * to it. */
void group_compact(struct group *group, const struct group_turn *turn,
                   const struct group_base *base);

/* True: a snapshot at this base brings the replica further than its own log can; it follows, and
 * has heard of the base's term. */
bool group_lacks(const struct group *group, const struct group_base *base);

/* The state at this base, which group_lacks said, is stored: all of the log goes, and the group
 * goes on behind it. The caller's state machine is that state from now on. */
void group_adopt(struct group *group, const struct group_turn *turn, const struct group_base *base);

/* True: by what this replica knows, `node` leads the group, in the present term, `term`. */
bool group_follows(const struct group *group, uint64_t node, uint64_t term);
uint64_t group_replica(const struct group *group); /* our number */

/* Payload bytes of the entries applied since the start. */
uint64_t group_applied_bytes(const struct group *group);

/* The last entry that is in the snapshot, 0: there is none; and the last that is gone. */
uint64_t group_base_index(const struct group *group);
uint64_t group_compacted(const struct group *group);

enum group_role {
    GROUP_FOLLOWER,
    GROUP_CANDIDATE,
    GROUP_LEADER,
};

struct group_view {
    enum group_role role;
    bool broken;       /* libraft reported an error that only a rebuild from the log mends */
    bool transferring; /* leading still, but taking nothing new */
    uint64_t term;
    uint64_t leader;      /* replica number; 0: not known */
    uint64_t leader_node; /* its node; 0: not known */
    uint64_t last_index, commit_index, applied_index, durable_index;
    uint32_t replica_count;
    struct replica replicas[REPLICA_SET_MAX];
    uint64_t stranded;   /* a replica that needs entries which are gone; 0: none */
    uint64_t dropped;    /* invalid messages so far */
    uint64_t overflowed; /* messages that waited for the disk and were thrown out */
};

void group_view(const struct group *group, struct group_view *ret_view);
/* A part of it that is asked for with every action: the leader's node; 0: it is not known. */
uint64_t group_leader_node(const struct group *group);
enum group_role group_role(const struct group *group);
uint64_t group_term(const struct group *group);
uint64_t group_applied(const struct group *group);
uint64_t group_durable(const struct group *group);
bool group_broken(const struct group *group);

/* How far another replica's log is known to equal ours, durably; 0 unless we lead. */
uint64_t group_match(const struct group *group, uint64_t replica);

/* When another replica answered last; 0: not in this term of ours, or long ago. */
uint64_t group_heard_ms(const struct group *group, uint64_t replica);

/* True when this replica leads and has applied everything that was in its log when it was elected,
 * so that what it reads is not older than what was acknowledged before. */
bool group_ready_to_lead(const struct group *group);

/* Bytes of the entries that are kept in memory (the tail). */
uint64_t group_tail_bytes(const struct group *group);

/* For checks: the term of an entry of the log; 0: there is none. */
uint64_t group_term_of(const struct group *group, uint64_t index);

#endif
