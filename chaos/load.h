/* chaos/load.h -- The load generator: simulated players claim over HTTP, and what became of it is
 * counted.
 *
 * Open loop: claims become due at fixed times, whatever the servers do, and a latency counts from
 * the moment a claim was due until its answer. What is due while all connections are busy waits,
 * and its waiting counts too (there is no "coordinated omission"). With `rate` 0 it is a closed
 * loop instead: each connection sends its next request when it has the answer to the last one.
 *
 * A claim is *unknown* until it is answered: after a lost connection, a late answer, 503, 429, 500
 * or the outcome `unavailable` the same claim (same seq, same content) is sent again, over any
 * connection, until LOAD_GRACE_US after the end. */
#ifndef CAIRN_CHAOS_LOAD_H
#define CAIRN_CHAOS_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "node/histogram.h"
#include "cluster/base/status.h"
#include "cluster/values/action.h"
#include "node/http_client.h"

#define LOAD_TARGETS_MAX     64
#define LOAD_CONNECTIONS_MAX 10000
#define LOAD_PLAYERS_MAX     10000000
#define LOAD_RATE_MAX        10000000
#define LOAD_SECONDS_MAX     604800
#define LOAD_GRACE_US        UINT64_C(5000000)
#define LOAD_ANSWER_MS       2000 /* then the same claims are sent again elsewhere */

enum load_format {
    LOAD_FORMAT_JSON,
    LOAD_FORMAT_PROTOBUF,
    LOAD_FORMAT_PROTOBUF_LZ4,
};

struct load_options {
    struct http_url *targets; /* connections are spread over them evenly */
    uint32_t targets_count;
    const char *hunt;
    const char *token; /* NULL: none */
    uint32_t players;
    uint64_t rate; /* claims a second in all; 0: closed loop */
    uint32_t seconds;
    uint32_t batch; /* claims in a request, due together */
    uint32_t connections;
    enum load_format format;
    uint64_t seed;
    bool resumes;       /* the players may have played before: each goes on after his last seq */
    const char *record; /* file with one JSON line per action; NULL: none */
    bool shows_progress;
};

/* claims = acknowledged + unknown + refused. */
struct load_report {
    uint64_t claims;                  /* sent at least once */
    uint64_t acknowledged;            /* answered with an outcome other than `unavailable` */
    uint64_t unknown;                 /* never answered: may have been judged or not */
    uint64_t refused;                 /* answered with an error that no retry would mend */
    uint64_t unsent;                  /* due, but no connection was free in time */
    uint64_t retries;                 /* of claims */
    uint64_t outcomes[OUTCOME_COUNT]; /* [OUTCOME_NONE]: words that are not known here */
    uint64_t elapsed_us;              /* the planned time, or until the last answer when later */
    struct histogram latency;
    char trouble[512]; /* the first thing that went wrong, as a sentence, or "" */
    char note[256];    /* what the user should know about a run that took place, or "" */
};

/* Runs to the end, or until SIGINT or SIGTERM, and then returns what happened until then.
 * STATUS_INVALID: it could not take place (no target answers, no such hunt, its places are hidden);
 * STATUS_IO: the record could not be written; STATUS_NO_MEMORY. In each case `trouble` says why. */
MUST_USE enum status load_run(const struct load_options *options, struct load_report *ret_report);

#endif
