/* chaos/attack.h -- A bad client: sends the requests of chaos/bad_requests over and over, at a
 * given rate and for a given time, and keeps some connections open that send a byte now and then.
 * It compares each answer's status with the one that the request must get.
 *
 * First it puts the two hunts that those requests are about, so it is for a node of one's own. One
 * thread; blocks until it is over. */
#ifndef CAIRN_CHAOS_ATTACK_H
#define CAIRN_CHAOS_ATTACK_H

#include <stdint.h>

#include "chaos/bad_requests.h"
#include "cluster/base/status.h"
#include "node/http_client.h"

#define ATTACK_CONNECTIONS_MAX 1024

struct attack_options {
    const struct http_url *target;
    uint32_t connections; /* one request at a time each */
    uint32_t slow;        /* further ones, that send a byte now and then */
    uint32_t rate;        /* requests a second in all; 0: as fast as answers come */
    uint32_t seconds;
};

struct attack_report {
    uint64_t requests;   /* sent as a whole, or answered before */
    uint64_t refused;    /* answered as they must be */
    uint64_t unexpected; /* answered otherwise */
    uint64_t unanswered; /* the connection ended first */
    uint64_t slow_ended; /* slow connections that the node gave up */
    char first[128];     /* the first that was answered otherwise, and how; "": none */
};

/* STATUS_IO: the node cannot be reached, or does not take the hunts. */
MUST_USE enum status attack_run(struct attack_report *ret_report,
                                const struct attack_options *options);

#endif
