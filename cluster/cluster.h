/* cluster/cluster.h -- The core of a node: decides everything, does nothing.
 *
 * cluster_step() takes one event, which is something that happened, and fills a list of effects,
 * which is what shall be done. It reads no clock, touches no file or socket, starts no thread and
 * calls nobody back, so a whole cluster of cores runs in one process from one seed.
 *
 * A turn is: any number of steps, the effects of each carried out in order before the next; then
 * cluster_turn_end(). All writes of a turn carry the same ticket and must become durable together
 * and in order; EVENT_PERSISTED(ticket) says so. When effects->more is set, the turn must be ended
 * next and EVENT_CONTINUE stepped before any other event.
 *
 * Life: cluster_new; then either EVENT_FOUND, or EVENT_JOIN, or for each stored group
 * EVENT_RESTORE_SNAPSHOT (the chunks of its snapshot, where there is one) and EVENT_RESTORE (its
 * hard state and its entries in order), and then EVENT_START; then the rest. One thread. */
#ifndef CAIRN_CLUSTER_CLUSTER_H
#define CAIRN_CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/epochs/merge.h"
#include "cluster/hunt/definition.h"
#include "cluster/members/members.h"
#include "cluster/ranges/query.h"
#include "cluster/ranges/system_state.h"
#include "cluster/values/action.h"
#include "cluster/values/effects.h"
#include "cluster/values/now.h"

struct cluster_config {
    uint64_t node;            /* this node's id; above 0 */
    uint64_t seed;            /* spreads election time-outs */
    uint64_t index_secret;    /* random, told to nobody: what the players' indexes hash with */
    uint32_t tail_bytes_max;  /* of each group; TAIL_BYTES_MAX, smaller in tests */
    uint64_t snapshot_bytes;  /* of log behind its last snapshot, from which on a group takes one,
                               * or as much as that one was long, if that is more:
                               * SNAPSHOT_LOG_BYTES, smaller in tests; 0: none are taken */
    uint32_t spread_after_ms; /* a leader hands a range to the node where it belongs when it has led
                               * for so long; SPREAD_AFTER_MS; 0: never, for tests */
    struct member self;       /* id and boot included: what the system group shall know of us */
};

/* Where one entry of the log lives while it is restored: only during the step. */
struct restored_group {
    uint32_t group;
    struct hard_state hard_state;
    uint64_t first; /* index of entries[0]; without gaps from 1, or from behind what the log was
                     * compacted through */
    const struct log_entry *entries;
    uint32_t count;
};

enum event_kind {
    EVENT_TICK = 1,  /* time has passed; at least every 10 ms */
    EVENT_CONTINUE,  /* the list of effects was full */
    EVENT_FLUSH,     /* put the gathered actions into the log now */
    EVENT_ACTIONS,   /* actions of clients */
    EVENT_MESSAGE,   /* from another node */
    EVENT_LINK,      /* what a link to another node has come to */
    EVENT_PERSISTED, /* all writes up to a ticket are on disk */
    EVENT_LOG_READ,  /* what READ_LOG asked for */
    EVENT_QUERY,
    EVENT_DEFINE,           /* a new version of a hunt */
    EVENT_FOUND,            /* found a cluster; this node is one of its first members */
    EVENT_JOIN,             /* ask these to be taken into their cluster; also after a start, where
                             * no replica of the system group was restored */
    EVENT_RESTORE_SNAPSHOT, /* a chunk of a stored group's snapshot, in order, before its entries */
    EVENT_RESTORE,          /* a piece of a stored group */
    EVENT_START,            /* all groups are restored */
    EVENT_STOP,             /* accept nothing new; finish what was accepted */
    EVENT_SNAPSHOT_WRITTEN, /* so many chunks of a snapshot have been taken from the queue */
    EVENT_SNAPSHOT_STORED,  /* a snapshot is durable, or could not be stored */
};

/* A chunk of a snapshot as it was handed out: only during the step. */
struct restored_chunk {
    uint32_t group;
    struct hard_state hard_state;
    uint64_t index, term; /* of the snapshot */
    uint32_t chunk;       /* from 0, without gaps */
    bool last;
    const uint8_t *data;
    uint32_t bytes;
};

struct event {
    enum event_kind kind;
    union {
        struct {
            uint64_t token; /* the caller's; comes back in every reply */
            const struct action *list;
            uint32_t count;
        } actions;
        struct {
            uint64_t node;  /* the sender */
            uint64_t boot;  /* and which start of him */
            uint64_t stamp; /* his HLC when he sent it */
            const struct message *message;
        } received;
        struct {
            uint64_t node;
            enum members_link what;
        } link;
        uint64_t ticket;
        struct {
            uint32_t group;
            uint64_t first;
            const struct log_entry *entries; /* only during the step */
            uint32_t count;
        } log_read;
        struct query query;
        struct {
            uint64_t token;
            const struct definition *definition; /* the caller's; without numbers */
        } define;
        struct {
            const struct settings *settings;
            const struct member *members; /* the same list on every founding node */
            uint32_t count;               /* odd; each holds a voter of every group */
        } found;
        struct {
            const uint64_t *contacts; /* what EFFECT_SEND may name instead of a node; copied */
            uint32_t count;           /* 1 to CONTACTS_MAX */
        } join;
        struct restored_group restore;
        struct restored_chunk restore_snapshot;
        struct {
            uint32_t group;
            uint64_t index;
            uint32_t chunks;    /* WRITTEN: how many in all, up to now */
            uint64_t bytes;     /* STORED: of the file */
            enum status status; /* STORED: OK; FULL: no room on the disk; IO */
        } snapshot;
    };
};

struct cluster;

/* NULL: no memory. */
struct cluster *cluster_new(const struct cluster_config *config);
void cluster_free(struct cluster *cluster);

/* STATUS_CORRUPT: what was restored is no log of ours; STATUS_NO_MEMORY. After either, only
 * cluster_free. Everything else that goes wrong is an effect. */
MUST_USE enum status cluster_step(struct cluster *cluster, const struct now *now,
                                  const struct event *event, struct effects *effects);

/* Ends the turn: effects' memory is given back, and the next writes get another ticket. */
void cluster_turn_end(struct cluster *cluster);

/* The ticket of this turn's writes. */
uint64_t cluster_ticket(const struct cluster *cluster);

/* When EVENT_TICK is due next, in monotonic microseconds. */
uint64_t cluster_next_tick_us(const struct cluster *cluster);

/* True when something was accepted and is not answered yet. */
bool cluster_busy(const struct cluster *cluster);

/* True when actions wait for EVENT_FLUSH. */
bool cluster_gathered(const struct cluster *cluster);

/* Reading, on the thinking thread, between steps. */

/* What the system group knows; settings are NULL until it is known. */
const struct system_state *cluster_system(const struct cluster *cluster);

/* The newest published board, complete or partial, and the board of `epoch`, if it is kept; both
 * with a reference for the caller. NULL: there is none. */
struct global_board *cluster_newest_board(const struct cluster *cluster);
struct global_board *cluster_board(const struct cluster *cluster, uint64_t epoch);

/* The last epoch that all ranges have settled, as far as this node knows; false: none is. */
bool cluster_settled(const struct cluster *cluster, uint64_t *ret_epoch);

/* NULL until the settings are known. */
const struct merge *cluster_merge(const struct cluster *cluster);

/* True when every range that this node holds is led by somebody and applied up to what was
 * committed at the start; else *ret_reason says what is missing. */
bool cluster_ready(const struct cluster *cluster, const char **ret_reason);

/* Whether this node leads a group (GROUP_SYSTEM: the system's), and in which term. */
bool cluster_leads(const struct cluster *cluster, uint32_t group, uint64_t *ret_term);

/* Whether it leads the range and has applied what leaders before it committed: it judges claims and
 * answers questions about players. */
bool cluster_serves(const struct cluster *cluster, uint32_t range);

/* How many voters a group has, by the configuration that its replica here knows; 0: there is none
 * here. */
uint32_t cluster_voters(const struct cluster *cluster, uint32_t group);

/* The node that leads a range, as far as is known here; 0: it is not. */
uint64_t cluster_range_leader(const struct cluster *cluster, uint32_t range);

/* The newest term of a range that is known here: of our replica, or of the leader that was heard
 * of; 0: neither. */
uint64_t cluster_range_term(const struct cluster *cluster, uint32_t range);

/* The node that leads a range, as far as is known here, else one that holds a replica of it; the
 * settings must be known. */
uint64_t cluster_range_holder(const struct cluster *cluster, uint32_t range);

/* Actions that are on their way to other nodes, or wait for a leader to be sent to. */
uint32_t cluster_forwards(const struct cluster *cluster);

/* The node that leads the system group, as far as is known, else one that holds a replica of it; 0:
 * nobody is known. */
uint64_t cluster_system_leader(const struct cluster *cluster);

/* A node that holds a replica of every range: ourselves, where we do and all of them have leaders;
 * 0: there is none. */
uint64_t cluster_whole_node(const struct cluster *cluster);

/* The last index of a range's log that is applied here. */
uint64_t cluster_applied(const struct cluster *cluster, uint32_t range);

/* A member of the system group, and what is known of its life. Texts are valid until the next step.
 */
struct cluster_member {
    uint64_t id, boot;
    const char *name, *http, *peer;  /* as the member said last */
    enum liveness liveness;          /* SUSPECT while it is on the list and was never heard of */
    uint32_t leads;                  /* ranges, as the member says */
    uint32_t replicas;               /* that are placed on it, of ranges */
    uint32_t players, actions_per_s; /* of the ranges that it leads, as it says */
    bool skewed;                     /* it says that its clock is off */
    bool measured;                   /* the clock was, by our pings; of ourselves: by theirs */
    int64_t clock_offset_us;         /* of its clock from ours; of ourselves: from most others' */
    uint64_t clock_error_us;
};

/* In the order of the members' list, ourselves included. `list` has room for NODES_MAX. */
uint32_t cluster_members(const struct cluster *cluster, struct cluster_member *list);

/* What membership has seen, for metrics. */
struct cluster_membership {
    uint32_t live;             /* members alive or suspect, ourselves included */
    uint32_t gone;             /* failed, or left */
    uint32_t health;           /* members_health */
    uint64_t failures;         /* how often a member was found to have failed */
    uint64_t sent, received;   /* messages of gossip */
    uint64_t messages_refused; /* stamped too far ahead */
    enum skew_verdict skew;    /* whether this node stands aside */
    uint32_t clocks_apart;     /* members whose clocks are far from ours, whoever is right */
    bool usurped;              /* another process runs under our id, started later: stop this one */
};
void cluster_membership(const struct cluster *cluster, struct cluster_membership *ret_membership);

/* Memory of the core besides engines (cluster_range_state) and boards (cluster_merge). */
struct cluster_memory {
    uint64_t turn_bytes;    /* the turn's arena, kept from turn to turn */
    uint64_t tails_bytes;   /* entries of all groups that are kept for the other replicas */
    uint64_t ledgers_bytes; /* of what is to be settled */
};
void cluster_memory(const struct cluster *cluster, struct cluster_memory *ret_memory);

/* A group's last stored snapshot, that of this start or an earlier one, and one under way. False:
 * this node does not have the group. */
struct cluster_snapshot {
    uint64_t index; /* 0: there is none */
    uint64_t bytes;
    uint64_t stored_us; /* physical time; 0: before this start */
    uint64_t log_bytes; /* payload applied behind it: what a start has to apply again */
    bool under_way;
};
bool cluster_snapshot(const struct cluster *cluster, uint32_t group,
                      struct cluster_snapshot *ret_snapshot);

/* log_bytes of all groups of this node. */
uint64_t cluster_log_bytes(const struct cluster *cluster);

/* The newest stamp in what was restored, snapshots and entries; 0: nothing was. */
uint64_t cluster_restored_stamp(const struct cluster *cluster);

/* For checks: the state of a range on this node, NULL until it is there. */
struct range_state *cluster_range_state(const struct cluster *cluster, uint32_t range);

#endif
