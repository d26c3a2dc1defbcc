/* tests/integration/process_load.h -- Clients that claim with hardly a pause, and ask again with
 * the same numbers and content when they got no answer, whatever became of the node meanwhile. Now
 * and then one asks again although it was answered, or hangs up right after sending and asks anew,
 * so that the node has the same request twice at once.
 *
 * Each client has a connection, kept alive, and players of its own. One thread: everything happens
 * in load_run(). */
#ifndef CAIRN_TESTS_INTEGRATION_PROCESS_LOAD_H
#define CAIRN_TESTS_INTEGRATION_PROCESS_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/integration/process.h"
#include "tests/integration/process_http.h"
#include "tests/integration/process_players.h"

#define LOAD_CLIENTS            16
#define LOAD_PLAYERS_PER_CLIENT (FIELD_PLAYERS / LOAD_CLIENTS)
#define LOAD_CLAIMS_MAX         6 /* in a request */
#define LOAD_NODES_MAX          8

struct client {
    struct link link;
    uint32_t first_player;
    uint64_t again_at_ms; /* not to be sent before */
    uint64_t sent_at_ms;
    uint64_t made_at_ms; /* the request under way */
    bool waits;          /* sent, and not answered */
    bool repeat;         /* was answered, and is asked once more */
    /* The request under way: count 0: none. */
    uint32_t count;
    uint32_t player[LOAD_CLAIMS_MAX], claim[LOAD_CLAIMS_MAX];
    char text[512 + LOAD_CLAIMS_MAX * FIELD_CLAIM_BYTES];
    size_t bytes;
};

struct load {
    struct players *players;
    struct client clients[LOAD_CLIENTS];
    bool finishing; /* no new requests */
    /* Where requests go, at random. */
    struct process *const *nodes;
    uint32_t node_count;
    uint64_t patience_ms; /* a request that takes longer is asked again, elsewhere; 0: none does */
    /* So far. */
    uint64_t answers, refused; /* 200; 503 and `unavailable` */
    uint64_t unanswered;       /* connections that ended under a request */
    uint64_t cut;              /* ... in the middle of its answer */
    uint64_t slowest_ms;       /* from a request that was taken to its answer */
    uint64_t longest_ms;       /* from when it was made to its last result, over all attempts */
};

void load_init(struct load *load, struct players *players);
void load_fini(struct load *load);

/* Puts the hunt and waits until it is active. */
void load_put_hunt(struct process *process);

/* Runs for so long, or until the node has ended. */
void load_run(struct load *load, struct process *process, uint64_t run_ms);

/* The node is gone: takes the answers that are on their way, and then the connections' ends. */
void load_take_rest(struct load *load);

/* Runs until every claim made is acknowledged. */
void load_finish(struct load *load, struct process *process);

/* Both for several nodes, which may end and start meanwhile: a request goes to any that is ready,
 * and to another when it got no answer. */
void load_run_at(struct load *load, struct process *const *nodes, uint32_t count, uint64_t run_ms);
void load_finish_at(struct load *load, struct process *const *nodes, uint32_t count);

#endif
