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
#include "node/node.h"
#include "node/node_requests.h"
#include "node/store.h"

/* Exit codes of the contract. */
#define EXIT_FAILED        1
#define EXIT_DISK          74
#define EXIT_CONFIGURATION 78

struct event;

/* What a READ_LOG asked for. */
struct log_reading {
    uint32_t group;
    uint64_t first, last;
    uint32_t bytes_max;
};

struct node {
    const struct config *config;
    struct event_base *base;
    struct event_source *sources; /* node.c's libevent events */
    struct store *store;
    struct inbox inbox;
    struct clock clock;
    struct identity identity;
    struct member self;
    struct cluster *cluster;
    struct effects *effects;
    struct requests *requests;
    struct result *refused; /* room for the results of a request that cannot be taken */

    /* The turn. */
    bool living;   /* founded or restored: the core may be stepped */
    bool open;     /* there were steps since the last turn ended */
    bool more;     /* EVENT_CONTINUE comes before any other event */
    bool wrote;    /* this turn has writes */
    bool calling;  /* a callback of a request runs */
    uint64_t unsubmitted; /* ticket of writes that the store has no room for yet; 0: none */
    uint64_t submitted, durable;
    uint64_t submitted_us, sync_us;

    /* What is to be stepped when the turn allows it. */
    bool persisted_due, tick_due, flush_due, stop_due;
    struct log_reading *readings; /* a queue */
    uint32_t readings_count, readings_room;

    uint64_t last_stamp;        /* the newest in the logs, while restoring */
    uint64_t messages_dropped;  /* SENDs: links come later */
    void (*ready)(void *context); /* NULL once it was called */
    void *ready_context;
    void (*stopped)(void *context); /* NULL: not stopping, or called */
    void *stopped_context;
};

/* node_turn.c */

/* Steps one event and carries out its effects; ends the turn where the core wants it ended. The
 * process exits if that fails. No CONTINUE may be due, unless it is one. */
void turn_step(struct node *node, const struct core_event *event);

#endif
