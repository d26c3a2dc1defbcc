/* node/node_parts.h -- What the parts of the running node share. Nobody else includes it.
 *
 *   node.c            life: opening, founding, requests coming in, stopping
 *   node_restore.c    from the store to the core at the start
 *   node_snapshots.c  snapshots: from the core to their files, and what becomes of those; room
 *   node_peers.c      the core's messages: to other nodes, and from them
 *   node_turn.c       stepping the core and carrying out what it decides
 *   node_requests.c   who waits for an answer */
#ifndef CAIRN_NODE_NODE_PARTS_H
#define CAIRN_NODE_NODE_PARTS_H

#include "node/clock.h"
#include "node/identity.h"
#include "node/inbox.h"
#include "node/log.h"
#include "node/metrics.h"
#include "node/node.h"
#include "node/node_requests.h"
#include "node/peers.h"
#include "node/room.h"
#include "node/snapshots.h"
#include "node/store.h"

/* Exit codes of the contract. */
#define EXIT_FAILED        1
#define EXIT_DISK          74
#define EXIT_RESTART       75
#define EXIT_CONFIGURATION 78

struct loop_event;

/* What a READ_LOG asked for. */
struct log_reading {
    uint32_t group;
    uint64_t first, last;
    uint32_t bytes_max;
};

/* A queue of them; at most one per group is under way. */
struct log_readings {
    struct log_reading *list;
    uint32_t count, room;
};

/* One group's snapshots. */
struct held_snapshot {
    uint32_t group;
    struct store_snapshot reference; /* the log store's, durable or on its way there */
    struct store_snapshot stored;    /* the newest that is on the disk */
    uint64_t through;                /* the log store has dropped, or will, the log up to here */
    uint64_t ticket;                 /* of the write with the reference; 0: it is durable */
};

struct node_snapshots {
    struct held_snapshot *list;
    uint32_t count, room;
    bool written_due, stored_due; /* to be stepped */
    struct snapshot_report written, stored;
};

struct node {
    const struct config *config;
    struct peers *peers;
    struct arena outgoing,
        incoming; /* of the message that is written, and of the one that is read */
    uint64_t contacts[CONTACTS_MAX]; /* links to addresses, to join by */
    uint32_t contact_count;
    struct event_base *base;
    struct loop_event *ticks; /* EVENT_TICK, and what is looked after regularly */
    struct loop_event *news;  /* the inbox has some */
    struct loop_event *work;  /* the end of this round of requests */
    struct loop_event *hurry; /* what gathers while the disk is idle has waited long enough */
    struct store *store;
    struct snapshots *snapshots;
    struct node_snapshots held;
    struct room *room;
    struct inbox inbox;
    struct clock clock;
    struct identity identity;
    struct member self;
    struct cluster *cluster;
    struct effects *effects;
    struct requests *requests;
    struct result *refused; /* room for the results of a request that cannot be taken */
    struct metrics metrics;
    struct admission admission;

    bool living;          /* founded or restored: the core may be stepped */
    bool open;            /* there were steps since the last turn ended */
    bool more;            /* EVENT_CONTINUE comes before any other event */
    bool wrote;           /* this turn has writes */
    bool gathers;         /* actions, while the disk is idle */
    bool calling;         /* a request's callback runs */
    bool work_waits;      /* `work` will be called */
    bool disk_full;       /* nearly: nothing that grows the log is taken */
    uint64_t unsubmitted; /* ticket of writes that the store has no room for yet; 0: none */
    uint64_t submitted, durable;
    uint64_t submitted_us;
    uint64_t gathers_since_us;
    uint64_t queue_us;   /* how long the last request waited for its turn */
    uint64_t tick_at_us; /* when `ticks` is to fire */

    /* What is to be stepped as soon as the turn allows it. */
    bool persisted_due, tick_due, flush_due, stop_due;
    struct log_readings readings;

    void (*ready)(void *context); /* NULL once it was called */
    void *ready_context;
    void (*stopped)(void *context); /* NULL: not asked to stop, or called */
    void *stopped_context;
};

/* node_peers.c */

/* Listens, with the keys of the configuration. Failures are logged. */
MUST_USE enum status node_peers_open(struct node *node, int *ret_exit_code);
/* The address that others reach this node at. */
void node_peers_address(const struct node *node, char address[ADDRESS_LENGTH_MAX + 1]);
/* Links to the addresses to join by, and steps EVENT_JOIN. */
void node_peers_join(struct node *node);
/* This node is in a cluster now: the links to addresses are of no use any more. */
void node_peers_joined(struct node *node);

void node_peers_send(struct node *node, const struct effect *effect);
void node_peers_dial(struct node *node, const struct effect *effect);
/* Sends what the turn has gathered. */
void node_peers_flush(struct node *node);

/* node_turn.c */

/* Steps one event and carries out its effects; ends the turn where the core wants that. Allowed
 * when turn_ready() said so. */
void turn_step(struct node *node, const struct event *event);

/* Makes the core able to take an event now, if that can be done in a short while; false: it is busy
 * with earlier ones, or waits for the disk, or has not begun. */
bool turn_ready(struct node *node);

/* Steps what is due, ends the turn and hands its writes over. When that takes long, the rest is put
 * off to the next round of the loop. */
void turn_run(struct node *node);

/* Actions were stepped. What gathers is put into the log at the end of this round of requests, or
 * earlier when the round is long and the disk idle. */
void turn_gather(struct node *node, uint64_t now_us);

/* Puts turn_run, with a flush, off to the end of this round of requests. */
void turn_put_off(struct node *node);

/* The log thread has reported; a failed write ends the process. */
void turn_take_news(struct node *node);

/* Calls those who have their answers. */
void turn_deliver(struct node *node);

/* Ends the process at once: nothing more is answered or written. */
_Noreturn void node_die(int exit_code, const char *message, const struct log_field *fields);

/* node_snapshots.c */

/* Carries out SNAPSHOT_* and COMPACT. */
void node_snapshots_effect(struct node *node, const struct effect *effect);

/* On the worker's thread; the context is the node. */
snapshot_report_fn node_snapshots_report;

/* What the worker has reported; what the disk refused ends the process. */
void node_snapshots_take(struct node *node, const struct inbox_news *news);

/* What is to be stepped because of that; false: nothing. */
bool node_snapshots_event(struct node *node, struct event *ret_event);

/* More writes are durable. */
void node_snapshots_durable(struct node *node);

/* The log store refers to this group's snapshot, which was read. */
void node_snapshots_restored(struct node *node, const struct store_group *group);

/* When all are restored: removes what nothing refers to. */
void node_snapshots_clean(struct node *node);

/* Whether claims can be taken. */
void node_watch_room(struct node *node);

/* node_restore.c */

/* Feeds everything that is stored to the core, before its start. Failures are logged.
 * *ret_groups: how many there are; 0: the store is empty. */
MUST_USE enum status restore_groups(struct node *node, uint32_t *ret_groups, int *ret_exit_code);

#endif
