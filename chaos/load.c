#include "chaos/load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <jansson.h>

#include "chaos/load_internal.h"
#include "chaos/load_setup.h"
#include "chaos/load_wire.h"
#include "cluster/base/check.h"

#define BODY_BYTES_MAX ((size_t)4 << 20)

/* Requests that wait for another try, beyond those on connections; then no new ones are begun. */
#define WAITING_MAX 4096
/* The same in claims, which bounds the memory of large batches. */
#define WAITING_CLAIMS_MAX 400000

/* A request's first pause before another try, and the longest; a connection's rest after it broke.
 * Far below the second of Retry-After: how long a service was away shall be seen in the figures. */
#define PAUSE_FIRST_US 20000
#define PAUSE_MAX_US   500000

/* A request with its claims, from the first sending until all are answered or given up. */
struct request {
    struct load *load;
    struct load_claim *claims;
    bool *answered;
    uint32_t count;
    uint32_t left; /* not answered */
    uint64_t due_us;
    uint64_t invoked_us;
    uint32_t tries;
    const char *node; /* where it was sent last */
    bool in_use;
    struct event *pause;
    struct request *next; /* in one of the two lists below */
};

struct lane {
    struct load *load;
    const struct http_url *url;
    struct http_client *client;
    struct request *request; /* NULL: none is under way */
    uint32_t failures;       /* in a row */
    struct event *rest;
};

struct load {
    const struct load_options *options;
    struct load_report *report;
    struct event_base *base;
    struct load_hunt hunt;
    struct load_players players;
    FILE *record;

    struct lane *lanes;
    uint32_t *idle; /* a ring of lanes without a request, so that all take their turns */
    uint32_t idle_first, idle_count;

    struct request *requests;
    uint32_t requests_count;
    struct request *unused;
    struct request *ready_first, *ready_last; /* to be sent again */
    uint32_t outstanding;

    uint64_t start_us, end_us;
    uint64_t wall_offset_us; /* from our clock to the time since 1970 */
    uint64_t begun;          /* requests */
    uint64_t planned;        /* requests in all; in a closed loop no limit */
    uint64_t last_answer_us;
    bool giving_up;
    struct event *due_timer, *end_timer, *second_timer, *interrupt, *terminate;

    struct json_text text;
    const struct load_claim **sending; /* the claims of the request that is being written */
};

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

static void arm(struct event *timer, uint64_t wait_us)
{
    const struct timeval wait = {.tv_sec = (time_t)(wait_us / 1000000),
                                 .tv_usec = (suseconds_t)(wait_us % 1000000)};
    (void)evtimer_add(timer, &wait);
}

static uint64_t pause_after(uint32_t tries)
{
    const uint64_t pause = (uint64_t)PAUSE_FIRST_US << (tries < 8 ? tries : 8);
    return pause < PAUSE_MAX_US ? pause : PAUSE_MAX_US;
}
