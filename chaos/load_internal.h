/* chaos/load_internal.h -- What the load generator's files share: its requests, and the connections
 * ("lanes") that carry them.
 *
 *   unused --due--> on a lane --answered--> unused
 *                    |     ^
 *       broken, 503, |     | a lane is idle
 *       unavailable  v     |
 *                   pause --> ready */
#ifndef CAIRN_CHAOS_LOAD_INTERNAL_H
#define CAIRN_CHAOS_LOAD_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "chaos/load.h"
#include "chaos/load_hunt.h"
#include "chaos/load_players.h"
#include "chaos/load_wire.h"

struct event;
struct event_base;
struct load;

/* A request with its claims, from the first sending until all are answered or given up. */
struct load_request {
    struct load *load;
    struct load_claim *claims;
    bool *answered; /* of each claim */
    uint32_t left;  /* not answered */
    uint64_t due_us;
    uint64_t invoked_us;
    uint32_t tries;
    const char *node; /* where it was sent last */
    bool in_use;
    struct event *pause;
    struct load_request *next; /* in one of the two lists below */
};

struct lane {
    struct load *load;
    const struct http_url *url;
    struct http_client *client;
    struct load_request *request; /* NULL: none is under way */
    uint32_t failures;            /* in a row */
    struct event *rest;           /* after a failure */
};

struct load {
    const struct load_options *options;
    struct load_report *report;
    struct event_base *base;
    struct load_hunt hunt;
    struct load_players players;
    FILE *record; /* NULL: none */

    struct lane *lanes;
    uint32_t *idle; /* a ring of lanes without a request, so that all take their turns */
    uint32_t idle_first, idle_count;

    struct load_request *requests;
    uint32_t requests_count;
    struct load_request *unused;
    struct load_request *ready_first, *ready_last; /* to be sent again */
    uint32_t outstanding;

    uint64_t start_us, end_us; /* by CLOCK_MONOTONIC */
    uint64_t wall_offset_us;   /* from that to the time since 1970 */
    uint64_t begun;            /* requests */
    uint64_t planned;          /* requests in all; in a closed loop no limit */
    uint64_t last_answer_us;
    bool over; /* given up: nothing is sent any more */
    struct event *due_timer;

    struct load_wire wire;
    const struct load_claim **sending; /* the claims of the request that is being written */
};

uint64_t load_now_us(void);
void load_arm(struct event *timer, uint64_t wait_us);

/* Sends what is due as far as lanes are idle, and arms the timer for what is due next. Ends the
 * event loop when nothing is left to do. */
void load_pump(struct load *load);

/* What is not answered is unknown from now on. */
void load_give_up(struct load *load);

/* Lanes and requests, all idle and unused. STATUS_NO_MEMORY: what was made is freed by the fini. */
MUST_USE enum status load_requests_init(struct load *load);
void load_requests_fini(struct load *load);

#endif
