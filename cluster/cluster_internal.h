/* cluster/cluster_internal.h -- What the parts of the core share. Nobody else includes it.
 *
 *   cluster.c           life, and the one switch over events
 *   cluster_groups.c    stepping all groups: ticks, persisted writes, messages, applying
 *   cluster_actions.c   from an action to its entry and back to its reply
 *   cluster_forward.c   actions of ranges that others lead: there and back
 *   cluster_join.c      members that come, and what this node asks of others
 *   cluster_members.c   who is alive and where: membership's events and messages
 *   cluster_clock.c     what membership knows, used: whose clock is off, what we say of ourselves
 *   cluster_exchange.c  summaries, pushed and pulled
 *   cluster_document.c  the system group's state for those who hold no replica of it
 *   cluster_grow.c      replicas, voters and leaders for whoever has come
 *   cluster_hunts.c     DEFINE, LEARN, ACTIVATE, RESOLVE: one epoch for all ranges
 *   cluster_epochs.c    closing epochs, and the boards
 *   cluster_settle.c    who has won: each range logs its share
 *   cluster_restore.c   what was stored, at the start
 *   cluster_snapshots.c when a snapshot is taken, and what becomes of it
 *   cluster_stream.c    a snapshot for a replica that the log does not reach
 *   cluster_intake.c    one that a leader sends us
 *   cluster_query.c     reading what one range knows
 *   cluster_query_all.c reading what all ranges know together
 */
#ifndef CAIRN_CLUSTER_CLUSTER_INTERNAL_H
#define CAIRN_CLUSTER_CLUSTER_INTERNAL_H

#include "cluster/base/arena.h"
#include "cluster/clock/hlc.h"
#include "cluster/cluster.h"
#include "cluster/epochs/ledgers.h"
#include "cluster/epochs/settle.h"
#include "cluster/ranges/group.h"
#include "cluster/ranges/range_snapshot.h"
#include "cluster/ranges/range_state.h"
#include "cluster/ranges/router.h"
#include "cluster/ranges/snapshot.h"
#include "cluster/ranges/system_snapshot.h"
#include "cluster/ranges/system_state.h"

/* Who waits for an action: a request of this node, or another node that forwarded it. */
struct origin {
    uint64_t node;  /* 0: this one */
    uint64_t token; /* the request; of another node: its number for the action */
    uint32_t place; /* in the request */
};

/* Actions on their way into one entry. */
struct batch {
    uint8_t *bytes; /* encoded actions */
    size_t used, capacity;
    struct action_key {
        struct player_id player;
        uint32_t seq;
    } * keys; /* who is to be told when it fails */
    struct origin *origins;
    uint32_t count, room;
};

/* An entry of ours in the log, and who waits for it. Answered when it is applied, in log order. */
struct flight {
    struct flight *next;
    uint64_t index, term;
    uint32_t count;
    struct action_key *keys;
    struct origin *origins;
};

/* A question that waits until the barrier at `index` is applied. */
struct waiting_query {
    struct waiting_query *next;
    uint64_t index, term;
    struct query query;
};

/* The epochs that a leader settled last, or is settling. */
struct settle_run {
    uint64_t from, through;
    uint64_t all_settled_next; /* as its first part says it */
    uint32_t logged, parts;    /* those in the log, and all */
    uint64_t index;            /* of the last one; the next run waits until it is applied */
};

/* What is known of a group's last snapshot. */
struct snapshot_mark {
    uint64_t bytes, stored_us;
    uint64_t log_mark; /* group_applied_bytes when it was taken */
};

/* One range's replica on this node. */
struct slot {
    uint32_t range;
    struct group *group;
    struct range_state *state;    /* NULL until the settings are known */
    struct range_state *restored; /* from a snapshot; becomes the state with the settings */
    struct hard_state hard_state; /* as restored; of no use after the start */
    struct snapshot_mark snapshot;
    struct batch batch;
    struct flight *flights, **flights_end;
    uint32_t flying; /* actions in flights */
    struct waiting_query *waiting;
    uint64_t term;            /* in which the fields below were set; another term forgets them */
    uint64_t close_through;   /* the last CLOSE of ours in this term */
    uint64_t reports_due_ms;  /* when promises are told again */
    uint64_t spread_after_ms; /* the range is not handed to where it belongs before */
    struct settle_run settle_run;
    uint64_t learn_index;                /* of our newest LEARN, while it is not applied; else 0 */
    uint64_t learn_epoch;                /* the epoch of its stamp */
    uint32_t learn_version[HUNTS_MAX];   /* the newest that we put into the log in this term */
    uint32_t resolve_version[HUNTS_MAX]; /* the same for RESOLVE */
};

/* An action on its way to whoever leads its range. */
struct forward {
    struct forward *next, *previous; /* in the list it is in */
    uint32_t generation;             /* of this place, so that a late answer finds nobody */
    bool in_use;
    uint32_t range;
    uint64_t node; /* where it was sent; 0: it waits for a leader */
    uint64_t sent_ms;
    uint64_t deadline_ms;   /* then nothing is known of it */
    uint64_t not_before_ms; /* is it sent */
    struct origin origin;
    struct action action;
};

struct forward_list {
    struct forward *first, *last;
};

struct forwards {
    struct forward *places; /* FORWARDS_MAX; memory is touched as they are needed */
    uint32_t touched;       /* places that were ever used */
    uint32_t count;         /* in use */
    struct forward *unused; /* touched ones, by next */
    struct forward_list waiting, sent;
    bool fresh; /* some of those waiting have not been tried */
};

/* A DEFINE that somebody waits for. */
struct defining {
    bool in_use, applied;
    uint64_t token;
    uint64_t index, term; /* of the DEFINE */
    uint16_t hunt;        /* once applied */
    uint32_t version;
};

#define DEFINING_MAX 64

/* The system group's leader gathers the ranges' promises for one undecided version. */
struct learning {
    uint32_t version; /* 0: none */
    uint64_t since_ms;
    uint64_t promise; /* the largest so far */
    uint32_t reported_count;
    bool reported[RANGES_MAX];
    bool decided; /* ACTIVATE or CANCEL is in the log in this term */
};

/* The one snapshot that is being taken on this node, of its own state or as a leader sends it.
 *
 *   IDLE -> WRITING   a group has enough log behind its last one: BEGIN
 *   WRITING           chunks go out, a few ahead of what is written
 *   WRITING -> WAITING   all are out; the log up to the index is not on our disk yet
 *   WAITING -> STORING   it is: COMMIT
 *   STORING -> IDLE   stored: the log behind it goes (COMPACT); or it could not be
 *   IDLE -> RECEIVING   the first chunk of one that is sent to us: BEGIN
 *   RECEIVING -> STORING   the last one: COMMIT; once it is stored, it is our state
 *   WRITING, WAITING, RECEIVING -> IDLE   no memory, we are stopping, or it does not come: ABORT */
enum snapshot_phase {
    SNAPSHOT_IDLE,
    SNAPSHOT_RECEIVING,
    SNAPSHOT_WRITING,
    SNAPSHOT_WAITING,
    SNAPSHOT_STORING,
};

struct snapshot_task {
    enum snapshot_phase phase;
    uint32_t group;
    struct group_base base;
    struct snapshot_writer *writer; /* while WRITING */
    uint32_t chunks, written;
    uint32_t turn_chunks; /* in this turn */
    uint64_t log_mark;    /* group_applied_bytes at the index */
    uint64_t retry_ms;    /* after a failure: none before */
    uint32_t place;       /* whose turn it is to be looked at first */
};

/* The snapshot that is being received: what was read of it. Its file is the snapshot_task's. */
struct intake {
    uint64_t node; /* the sender; 0: none is */
    uint64_t raft_term;
    uint64_t heard_ms;
    struct snapshot_reader reader;
    struct range_restore *range; /* NULL: the system group's */
    struct system_restore *system;
    /* Once all is read. */
    struct group_base base;
    struct range_state *range_state;
    struct system_state *system_state;
};

/* The one snapshot that is being sent by this node. Chunks `taken` to `made` are kept, to be sent
 * again. */
#define STREAM_WINDOW 4

struct stream {
    bool active;
    bool in_turn; /* a chunk went out in this turn */
    uint32_t group;
    uint64_t replica, node; /* the receiver */
    uint64_t term;          /* in which we lead */
    struct group_base base;
    struct snapshot_writer *writer; /* until all chunks are made */
    struct stream_chunk {
        uint8_t *data;
        uint32_t bytes;
        bool last;
    } window[STREAM_WINDOW]; /* by number */
    uint32_t taken, sent, made;
    uint64_t moved_ms, sent_ms; /* when he took one, and we sent one */
    uint64_t after_ms;          /* none is begun before */
    uint32_t place;             /* whose turn it is to be looked at first */
};

/* The snapshot that is being read at the start. */
struct snapshot_restore {
    bool active;
    uint32_t group;
    uint64_t bytes;
    struct snapshot_reader reader;
    struct range_restore *range; /* NULL: the system group's */
    struct system_restore *system;
};

/* The system group's state as it is given to others, and as it comes from them. */
struct document {
    uint64_t index; /* of the last entry applied to it; 0: none is written down */
    struct document_chunk {
        uint8_t *data;
        uint32_t bytes;
    } * chunks;
    uint32_t chunk_count;

    uint64_t reading_index; /* of the one that comes; 0: none does */
    uint64_t giver;         /* who sent the first chunk of it */
    uint32_t asked;         /* the chunk that was asked for last */
    uint64_t taken_ms;      /* when one came that it lacked */
    struct snapshot_reader reader;
    struct system_restore *restore;
};

/* Work over all groups that may need more than one step. */
enum sweep_kind {
    SWEEP_PERSISTED,
    SWEEP_TICK,
    SWEEP_FLUSH,
    SWEEP_COUNT,
};

struct sweep {
    bool active, again;
    uint32_t next; /* place: ranges first, then the system group */
};

/* Where members were, as the restored log names them. */
struct known {
    uint32_t count;
    bool due; /* to be dialled */
    struct {
        uint64_t id, boot;
        char peer[ADDRESS_LENGTH_MAX + 1];
    } list[NODES_MAX];
};

/* Where a link was asked for: the address of that life. */
struct dialled {
    uint64_t node, boot, incarnation;
};

/* Membership, and what the core keeps of it. */
struct membership {
    struct members *members;
    struct members_output *output;
    uint64_t tick_us;
    struct dialled dialled[NODES_MAX]; /* as the members' list goes */
    uint32_t gone;                     /* members failed or left */
    uint64_t failures, sent, received;
    bool usurped_told;
    uint64_t left_us; /* we have said that we leave; 0: not yet */

    uint64_t judge_us; /* clocks are judged next */
    struct skew skew;
    uint32_t apart;         /* members whose clocks are far from ours */
    char skew_reason[64];   /* why this node is not ready */
    struct skew_sample own; /* what the others' clocks say of ours */
    bool measured;
    uint64_t actions, actions_before; /* judged by ranges that we lead; of them a second ago */
    uint32_t actions_per_s, players;
};

struct cluster {
    struct cluster_config config;
    struct hlc hlc;
    struct now now;          /* of this step */
    struct effects *effects; /* of this step */
    bool page_answered;      /* in this step: the page points into the state as it is now */
    struct arena arena;
    uint64_t ticket, persisted_ticket;
    size_t submitted_bytes; /* put into logs in this turn */
    bool started, stopping;

    struct group *system_group;
    struct hard_state system_hard_state; /* as restored */
    struct snapshot_mark system_snapshot;
    struct system_state *system;
    struct settings restored_settings; /* that the snapshots name; 0 ranges: none did */
    uint64_t restored_stamp;
    struct snapshot_restore restoring;
    struct snapshot_task snapshot;
    struct intake intake;
    struct stream stream;
    uint32_t slot_count; /* highest range + 1 */
    struct slot *slots[RANGES_MAX];
    struct sweep sweeps[SWEEP_COUNT];
    uint64_t next_tick_us;
    struct router *router;
    struct forwards forwards;
    struct membership membership;

    struct known known;
    uint64_t contacts[CONTACTS_MAX]; /* to join by, or to tell that we are back */
    uint32_t contact_count;
    uint64_t ask_ms;       /* when we ask again, to be entered or for the system's state */
    uint64_t refused_ms;   /* a refusal was told; not again before */
    uint64_t system_index; /* of a document that `system` came with; 0: from our own replica */
    struct system_state *system_next; /* our own replica's, while it is behind the document */
    struct document document;
    uint64_t join_index, place_index; /* of the newest JOIN or MEMBER, and PLACE, of ours */
    bool dial_due;                    /* the members' list has changed */
    bool replicas_due;                /* one may be placed on this node */
    uint64_t stopping_ms;             /* since */
    uint64_t pull_ms;                 /* when what is missing is asked for again */

    struct merge *merge;
    struct ledgers *ledgers;
    uint8_t *settle_body;          /* where a part is written, SETTLE_PART_BYTES_MAX */
    struct settlement *settlement; /* the last one computed */
    uint64_t settlement_after;     /* settled_digest before it */
    uint64_t all_settled_next;     /* all ranges have settled what is before */
    bool diverged;
    uint64_t published_epoch;
    bool published_any;
    uint64_t partial_epoch; /* the last one published in part */

    struct defining defining[DEFINING_MAX];
    uint64_t learning_term; /* in which `learning` was set */
    struct learning *learning[HUNTS_MAX];
    uint64_t skewed_messages;
};

/* cluster.c */
struct group_turn cluster_group_turn(struct cluster *cluster);
uint64_t cluster_now_ms(const struct cluster *cluster);
PRINTF_LIKE(3, 4)
void cluster_note(struct cluster *cluster, enum note_level level, const char *format, ...);
/* Something was accepted, or is led, that this node has not done with. */
bool cluster_has_work(const struct cluster *cluster);
/* True when the list, the turn's memory and its write have room for one more piece of work on a
 * group. */
bool cluster_has_room(const struct cluster *cluster);

/* cluster_groups.c */
void groups_sweep(struct cluster *cluster, enum sweep_kind kind);
MUST_USE enum status groups_work(struct cluster *cluster);
void groups_receive(struct cluster *cluster, const struct group_message *message);
void groups_log_read(struct cluster *cluster, const struct event *event);
struct group *groups_find(const struct cluster *cluster, uint32_t group);
MUST_USE enum status groups_found(struct cluster *cluster, const struct event *event);
MUST_USE enum status groups_add(struct cluster *cluster, uint32_t number, uint64_t replica);
MUST_USE enum status groups_start(struct cluster *cluster);
/* Puts a record into a group's log. */
MUST_USE enum status groups_submit(struct cluster *cluster, struct group *group,
                                   const struct record *record, uint64_t *ret_index);
bool group_leads(const struct group *group);

/* cluster_known.c */
void known_note(struct cluster *cluster, const struct record *record); /* of the system group */
void known_founders(struct cluster *cluster, const struct member *members, uint32_t count);
void known_begin(struct cluster *cluster); /* all is restored */
void known_dial(struct cluster *cluster);
/* A node says itself where it is. */
void known_heard(struct cluster *cluster, const struct member *member);

/* cluster_restore.c */
MUST_USE enum status restore_snapshot(struct cluster *cluster, const struct restored_chunk *chunk);
MUST_USE enum status restore_group(struct cluster *cluster, const struct restored_group *restored);
/* The settings are known: the ranges get their state, a new one or what was restored. */
MUST_USE enum status restore_states(struct cluster *cluster);
void restore_free(struct cluster *cluster);

/* cluster_snapshots.c */
void snapshots_tick(struct cluster *cluster);
/* What can go out of the one that is being taken. */
void snapshots_work(struct cluster *cluster);
void snapshots_written(struct cluster *cluster, const struct event *event);
MUST_USE enum status snapshots_stored(struct cluster *cluster, const struct event *event);
void snapshots_stop(struct cluster *cluster);
/* The group's state is being written as a snapshot: it cannot be written twice at a time. */
bool snapshots_cuts(const struct cluster *cluster, uint32_t group);
void snapshots_give_up(struct cluster *cluster, const char *why);
void snapshots_free(struct cluster *cluster);
/* The file of one that is received: its beginning, and a chunk, from the second call on the last
 * one's end. */
void snapshots_receive(struct cluster *cluster, const struct snapshot_message *message);
void snapshots_received_chunk(struct cluster *cluster, const struct snapshot_message *message);

/* cluster_stream.c */
void stream_tick(struct cluster *cluster);
/* What can go out of the one that is being sent. */
void stream_work(struct cluster *cluster);
void stream_taken(struct cluster *cluster, uint64_t node,
                  const struct snapshot_taken_message *message);
bool stream_cuts(const struct cluster *cluster, uint32_t group);
/* The log behind the group's last snapshot, where `least` bytes of it make one due, must stay for
 * a receiver. */
bool stream_holds(struct cluster *cluster, uint32_t group, uint64_t bytes, uint64_t least);
void stream_end_group(struct cluster *cluster, uint32_t group);
void stream_turn_end(struct cluster *cluster);
void stream_free(struct cluster *cluster);

/* cluster_intake.c */
void intake_received(struct cluster *cluster, uint64_t node,
                     const struct snapshot_message *message);
void intake_written(struct cluster *cluster);
void intake_tick(struct cluster *cluster);
/* It is stored: does it help us still? Then our state and the group's log are what it says. */
bool intake_useful(const struct cluster *cluster);
MUST_USE enum status intake_adopt(struct cluster *cluster);
void intake_clear(struct cluster *cluster);

/* cluster_actions.c */
void actions_take(struct cluster *cluster, const struct event *event);
void actions_flush(struct cluster *cluster, struct slot *slot);
void actions_applied(struct cluster *cluster, struct slot *slot, uint64_t index, uint64_t term,
                     const struct range_applied *applied);
/* Everything that waits for an entry of ours in a term that is over is unknown. */
void actions_check_term(struct cluster *cluster, struct slot *slot);
void actions_free(struct slot *slot);
/* What became of putting an action into its range's batch. */
enum taken {
    TAKEN,
    TAKEN_REFUSED,   /* for good, with an outcome */
    TAKEN_ELSEWHERE, /* this node does not lead the range now */
};
MUST_USE enum taken actions_take_one(struct cluster *cluster, const struct action *action,
                                     struct origin origin, enum outcome *ret_outcome);
/* Answers whoever waits, here or elsewhere. Makes one effect. */
void actions_reply(struct cluster *cluster, struct origin origin, const struct result *result);

/* cluster_forward.c */
MUST_USE enum status forward_begin(struct cluster *cluster);
void forward_free(struct cluster *cluster);
/* False: there is no room. */
MUST_USE bool forward_take(struct cluster *cluster, uint32_t range, const struct action *action,
                           struct origin origin);
/* Sends what waits, where a leader is known; gives up what has waited too long. */
void forward_flush(struct cluster *cluster);
void forward_received(struct cluster *cluster, uint64_t node,
                      const struct forward_message *message);
void forward_answered(struct cluster *cluster, uint64_t node,
                      const struct results_message *message);
/* Tells the nodes that forwarded them what became of these actions: one message a node. `results`
 * NULL: nothing is known. Actions of this node are passed over. */
void forward_answer(struct cluster *cluster, const struct flight *flight,
                    const struct result *results);
/* The node that leads the range, else one that holds a replica of it, another one from time to
 * time. */
uint64_t forward_holder(const struct cluster *cluster, uint32_t range);
/* The node that leads the range; 0: not known. */
uint64_t forward_leader(const struct cluster *cluster, uint32_t range);

/* cluster_hunts.c */
void hunts_define(struct cluster *cluster, const struct event *event);
void hunts_applied(struct cluster *cluster, uint64_t index, uint64_t term,
                   const struct system_change *change);
void hunts_tick_system(struct cluster *cluster);
void hunts_tick_range(struct cluster *cluster, struct slot *slot);
void hunts_received(struct cluster *cluster, const struct learned_message *message);
/* The last epoch that may open in this range now; PROMISE_NONE: any. */
uint64_t hunts_promise(const struct slot *slot);
void hunts_free(struct cluster *cluster);

/* cluster_epochs.c */
MUST_USE enum status epochs_begin(struct cluster *cluster);
void epochs_tick_range(struct cluster *cluster, struct slot *slot);
/* Takes over the references to the summaries. */
MUST_USE enum status epochs_applied(struct cluster *cluster, const struct slot *slot,
                                    const struct range_applied *applied);
/* One that another node made; false: of boards it says nothing. */
MUST_USE enum status epochs_received(struct cluster *cluster, struct summary *summary, bool whole);
/* What the restored ranges have closed and not settled everywhere. STATUS_CORRUPT: it cannot be. */
MUST_USE enum status epochs_restored(struct cluster *cluster);
/* The same of one range that has another state now. */
MUST_USE enum status epochs_adopted(struct cluster *cluster, const struct slot *slot);
void epochs_tick(struct cluster *cluster);

/* cluster_settle.c */
MUST_USE enum status settle_begin(struct cluster *cluster);
MUST_USE enum status settle_summary(struct cluster *cluster, const struct summary *summary);
/* One whose boards are gone. */
MUST_USE enum status settle_fill(struct cluster *cluster, const struct summary *summary);
/* Two nodes say different things of one epoch of the range: settling stops, and it is said, once.
 */
void settle_diverged(struct cluster *cluster, uint32_t range, uint64_t epoch);
void settle_applied(struct cluster *cluster, const struct range_applied *applied);
void settle_forget_before(struct cluster *cluster, uint64_t epoch);
void settle_tick(struct cluster *cluster);
void settle_tick_range(struct cluster *cluster, struct slot *slot);
void settle_free(struct cluster *cluster);

/* cluster_join.c */
void join_begin(struct cluster *cluster, const struct event *event);
void join_tick(struct cluster *cluster);
/* A link to a node was made: it is told where we are, which it may know of old only. */
void join_introduce(struct cluster *cluster, const struct event *event);
/* A member wants to be entered, or changed; `from` is himself or the member who passes it on. */
void join_received(struct cluster *cluster, uint64_t from, const struct member *member);
void join_message(struct cluster *cluster, uint64_t from, const struct join_message *message);
void join_refused(struct cluster *cluster, const struct refused_message *message);
/* Whoever leads the system group, as far as is known, else one who holds a replica of it; 0: nobody
 * is known. */
uint64_t join_system_node(const struct cluster *cluster);
/* A document has come whole: takes the state over. */
MUST_USE enum status join_adopt(struct cluster *cluster, struct system_state *state,
                                uint64_t index);
/* Our own replica has applied an entry: once it knows as much as the document, it takes over. */
MUST_USE enum status join_applied(struct cluster *cluster, uint64_t index);
/* Our own replica has this state now, as of an entry. */
MUST_USE enum status join_restored(struct cluster *cluster, struct system_state *state,
                                   uint64_t index);
/* The state that our own replica of the system group applies entries to. */
struct system_state *join_replica_state(struct cluster *cluster);

/* cluster_members.c */
MUST_USE enum status membership_begin(struct cluster *cluster);
void membership_free(struct cluster *cluster);
void membership_tick(struct cluster *cluster);
void membership_received(struct cluster *cluster, const struct event *event);
void membership_link(struct cluster *cluster, const struct event *event);
/* The members' list has changed: links to all of it, and its members are watched. */
void membership_list(struct cluster *cluster);
/* The node has failed or left: nothing is asked of it. */
bool membership_gone(const struct cluster *cluster, uint64_t node);
/* A node that says that it leads the range; 0: none does. It may be wrong. */
uint64_t membership_hint(const struct cluster *cluster, uint32_t range);
/* Others still have to hear that this node stops. */
bool membership_leaving(const struct cluster *cluster);

/* cluster_clock.c */
/* Once a second: whose clock is off. */
void membership_judge_clocks(struct cluster *cluster);
/* Our clock is: this node leads nothing. */
bool membership_skewed(const struct cluster *cluster);
/* The node says that its clock is off: nothing is handed to it. */
bool membership_skewed_node(const struct cluster *cluster, uint64_t node);
/* What the others shall know of us. */
void membership_say_hints(struct cluster *cluster);

/* cluster_exchange.c */
void exchange_push(struct cluster *cluster, const struct slot *slot,
                   const struct range_applied *applied);
void exchange_pulled(struct cluster *cluster, uint64_t node, const struct pull_message *pull);
MUST_USE enum status exchange_received(struct cluster *cluster,
                                       const struct summary_message *message);
void exchange_tick(struct cluster *cluster);

/* cluster_document.c */
void document_send(struct cluster *cluster, uint64_t node,
                   const struct system_pull_message *wanted);
MUST_USE enum status document_received(struct cluster *cluster, uint64_t node,
                                       const struct snapshot_message *message);
/* One is coming, and its giver has not fallen silent. */
bool document_coming(const struct cluster *cluster);
void document_free(struct cluster *cluster);

/* cluster_grow.c */
void grow_tick_system(struct cluster *cluster);
/* Makes the replicas that are placed on this node and are not there. */
MUST_USE enum status grow_make_replicas(struct cluster *cluster);
/* slot NULL: the system group. */
void grow_tick_group(struct cluster *cluster, struct group *group, struct slot *slot);
/* This node leads the range, in a new term. */
void grow_lead(struct cluster *cluster, struct slot *slot);
void grow_hand_over(struct cluster *cluster, struct group *group);
/* A node that stops still leads what another could lead. */
bool grow_handing_over(const struct cluster *cluster);

/* cluster_query.c */
void query_take(struct cluster *cluster, const struct query *query);
void query_applied(struct cluster *cluster, struct slot *slot, uint64_t index, uint64_t term);
void query_check_term(struct cluster *cluster, struct slot *slot);
void query_free(struct slot *slot);
struct query_reply *query_new_reply(struct cluster *cluster, enum status status);
void query_answer(struct cluster *cluster, uint64_t token, const struct query_reply *reply);
/* The last epoch that is settled in the slot's range; false: none is. */
bool query_settled(const struct cluster *cluster, const struct slot *slot, uint64_t *ret_epoch);

/* The board of the newest complete epoch. */
struct standings {
    struct global_board *board; /* a reference */
    uint64_t epoch;
    uint64_t end; /* the first stamp after the epoch */
};
/* False: no epoch is complete. */
bool query_standings_open(const struct cluster *cluster, struct standings *ret_standings);
void query_standings_close(struct standings *standings);
/* The rank of a player of the engine's range, by the score that he had when the epoch ended; 0: the
 * board does not count him. */
uint64_t query_rank(const struct standings *standings, const struct engine *engine, uint16_t hunt,
                    const struct player_id *player);

/* cluster_query_all.c */
void query_take_all(struct cluster *cluster, const struct query *query);

#endif
