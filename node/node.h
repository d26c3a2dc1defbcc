/* node/node.h -- A running node: the thinking thread's loop around the core.
 *
 * It owns the core, the log store, the clock and the event loop. Requests come in by the three
 * calls below; each is answered exactly once, by its callback, on the thinking thread, later than
 * the call or within it. What is pointed to in a callback is valid during the callback only. A
 * callback must not make one of the three calls itself. What is not answered within NODE_REQUEST_MS
 * is unknown: results are `unavailable`, other answers STATUS_NOT_LEADER.
 *
 * All of it belongs to the thinking thread. */
#ifndef CAIRN_NODE_NODE_H
#define CAIRN_NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/cluster.h"
#include "node/admission.h"
#include "node/config.h"

#define NODE_REQUEST_MS 10000

struct event_base;
struct metrics;
struct node;
struct peers_measures;
struct store_measures;

struct node_settings {
    const struct config *config;  /* the caller's, as long as the node */
    const char *http;             /* the address really listened on, with the port that was taken */
    bool allow_clock_jump;        /* start although the newest stamp in the logs is a month old */
    void (*ready)(void *context); /* called once, when everything that this node holds is served */
    void *context;
};

/* Opens the data directory, restores or founds, and begins to run on `base`. On failure a sentence
 * is logged and *ret_exit_code is what the process should exit with: 74 disk, 78 configuration, 1.
 * When later the disk fails, or the log turns out not to be ours, the process exits at once, and
 * nothing more is answered or written. */
MUST_USE enum status node_start(struct node **ret_node, const struct node_settings *settings,
                                struct event_base *base, int *ret_exit_code);

/* Accepts nothing new, finishes what was accepted, then calls back, later than the call; once. */
void node_stop(struct node *node, void (*fn)(void *context), void *context);

/* Closes everything. After node_stop has called back, or at once where the process is to die. */
void node_close(struct node *node);

/* Judges actions, at most ACTIONS_PER_REQUEST_MAX. `results` has one for each, in order. The list
 * is copied. */
typedef void node_results_fn(void *context, const struct result *results, uint32_t count);
void node_actions(struct node *node, const struct action *actions, uint32_t count,
                  node_results_fn *fn, void *context);

/* Asks the core. `query->token` is ours to set. */
typedef void node_answer_fn(void *context, const struct query_reply *reply);
void node_query(struct node *node, const struct query *query, node_answer_fn *fn, void *context);

/* A new version of a hunt; it passed system_state_check. The definition is not kept. */
typedef void node_defined_fn(void *context, const struct effect *defined);
void node_define(struct node *node, const struct definition *definition, node_defined_fn *fn,
                 void *context);

/* For reading between steps (cluster.h says what). */
const struct cluster *node_cluster(const struct node *node);
const struct config *node_config(const struct node *node);
uint64_t node_id(const struct node *node);
struct event_base *node_base(const struct node *node);
/* Where this node says that it is reached by peers: "tcp://127.0.0.1:7901". */
const char *node_peer_address(const struct node *node);

/* The present time as the core would be given it; and only its monotonic_us, which costs less. */
struct now node_now(const struct node *node);
uint64_t node_monotonic_us(const struct node *node);

/* What this node counts; the routes count in it too. */
struct metrics *node_metrics(struct node *node);

/* How the log store does (store.h). */
void node_measure_store(const struct node *node, struct store_measures *ret_measures);

/* How the links to other nodes do (peers.h). */
void node_measure_peers(const struct node *node, struct peers_measures *ret_measures);

/* The snapshots that the log refers to, and how near the disk is to being full. */
struct node_disk {
    uint32_t snapshots;
    uint64_t snapshot_bytes;
    uint64_t reserve_bytes; /* with less free, nothing that grows the log is taken */
    bool full;              /* that is so now */
};
struct node_disk node_disk(const struct node *node);

/* What waits. */
struct node_load node_load(const struct node *node);

/* The disk is nearly full: nothing that grows the log is to be taken (room.h). */
bool node_disk_full(const struct node *node);

/* May a request come in that asks the core for something, or puts something into it? To be asked
 * before its body is read; `received_us`: since when, by node_monotonic_us, it has waited for that.
 * False: too much waits already (admission.h), and it is counted. */
bool node_admits(struct node *node, uint64_t received_us);

#endif
