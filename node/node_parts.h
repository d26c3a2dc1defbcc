/* node/node_parts.h -- What the parts of the running node share. Nobody else includes it.
 *
 *   node.c            life: opening, founding, requests coming in, stopping
 *   node_restore.c    from the store to the core at the start
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
#include "node/store.h"

/* Exit codes of the contract. */
#define EXIT_FAILED        1
#define EXIT_DISK          74
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

struct node {
    const struct config *config;
    struct event_base *base;
    struct loop_event *ticks; /* EVENT_TICK, and what is looked after regularly */
    struct loop_event *news;  /* the inbox has some */
    struct loop_event *work;  /* the end of this round of requests */
    struct loop_event *hurry; /* what gathers while the disk is idle has waited long enough */
    struct store *store;
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
    uint64_t unsubmitted; /* ticket of writes that the store has no room for yet; 0: none */
    uint64_t submitted, durable;
    uint64_t submitted_us;
    uint64_t gathers_since_us;
    uint64_t queue_us;   /* how long the last request waited for its turn */
    uint64_t tick_at_us; /* when `ticks` is to fire */

    /* What is to be stepped as soon as the turn allows it. */
    bool persisted_due, tick_due, flush_due, stop_due;
    struct log_readings readings;

    uint64_t last_stamp;          /* the newest in the logs, while restoring */
    void (*ready)(void *context); /* NULL once it was called */
    void *ready_context;
    void (*stopped)(void *context); /* NULL: not asked to stop, or called */
    void *stopped_context;
};

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

/* node_restore.c */

/* Feeds everything that is stored to the core, before its start. Failures are logged.
 * *ret_groups: how many there are; 0: the store is empty. */
MUST_USE enum status restore_groups(struct node *node, uint32_t *ret_groups, int *ret_exit_code);

#endif
