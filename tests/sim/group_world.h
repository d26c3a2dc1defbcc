/* tests/sim/group_world.h -- One Raft group in a world of its own: simulated time, network, disks.
 *
 * Every node holds one replica, whose number is the node's. Time goes by milliseconds; in each, a
 * node with something to do has one turn. A turn's memory is given back at its end, so that the
 * sanitizers see whatever outlives it.
 *
 * The witness (group_witness.h) looks at every write and every applied entry and fails the test at
 * the first broken promise of Raft, with the seed. */
#ifndef CAIRN_TESTS_SIM_GROUP_WORLD_H
#define CAIRN_TESTS_SIM_GROUP_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/rng.h"
#include "cluster/ranges/group.h"
#include "tests/sim/group_disk.h"
#include "tests/sim/group_witness.h"

#define WORLD_NODES 8 /* numbers 1 to WORLD_NODES - 1 */
#define WORLD_GROUP 3

struct packet {
    uint64_t due_ms, order;
    uint64_t to_node;
    struct group_message message; /* its entries are ours */
};

struct group_world_node {
    struct group *group; /* NULL: down */
    struct group_disk disk;
    uint64_t ticket;
    uint64_t applied, last_value;
    uint64_t seen_term; /* highest, over all its lives */
    bool was_leader;
    uint32_t tail_bytes_max;
};

struct group_world {
    uint64_t seed;
    struct rng rng;
    uint64_t now_ms;
    struct group_world_node nodes[WORLD_NODES];
    struct group_witness witness;
    struct effects *effects;
    struct arena arena;

    struct packet *packets;
    size_t packet_count, packet_capacity;
    uint64_t packet_order;
    uint64_t committed; /* the highest commit index that anybody has had */
    bool cut[WORLD_NODES][WORLD_NODES];
    uint64_t only_candidate; /* nobody else's requests for votes arrive; 0: everybody's do */
    uint64_t trim_after;     /* entries above this index get lost on the way; 0: none */
    uint32_t delay_ms_max;   /* 1 to this */
    uint32_t loss_percent, duplicate_percent;

    uint64_t log_reads, sent_entries; /* counters for tests */
    uint32_t effects_most;            /* of one call */
    bool telling;
    char *story;
    size_t story_used;
};

void group_world_init(struct group_world *world, uint64_t seed);
void group_world_fini(struct group_world *world);

/* Nodes 1 to voters found the group. */
void group_world_found(struct group_world *world, uint32_t voters);
/* A replica with an empty log. */
void group_world_join(struct group_world *world, uint64_t node);

/* Takes one of the writes that wait, or none, to disk: a crash at any moment. */
void group_world_crash(struct group_world *world, uint64_t node);
/* Unsynced writes are all lost. */
void group_world_crash_losing(struct group_world *world, uint64_t node);
void group_world_restart(struct group_world *world, uint64_t node);

void group_world_run(struct group_world *world, uint64_t ms);
/* False: not within so many ms. */
bool group_world_run_until(struct group_world *world, bool (*done)(struct group_world *world),
                           uint64_t ms);

/* Both ways. */
void group_world_cut(struct group_world *world, uint64_t a, uint64_t b, bool cut);
void group_world_isolate(struct group_world *world, uint64_t node, bool cut);

/* The node that leads in the highest term; 0: nobody. */
uint64_t group_world_leader(const struct group_world *world);
/* Runs until somebody leads and is ready; 0 if that takes more than 10 s. */
uint64_t group_world_await_leader(struct group_world *world);
/* Lets nobody else be elected from now on, and runs until it leads; fails the test after 10 s. */
void group_world_elect(struct group_world *world, uint64_t node);
/* Every living replica of the leader's configuration has applied the whole log. */
bool group_world_all_applied(struct group_world *world);

/* A command whose first 8 bytes are `value`. */
enum status group_world_submit(struct group_world *world, uint64_t node, uint64_t value,
                               uint32_t bytes);
/* What is applied there counts as stored in a snapshot. Such a node cannot be restarted here. */
void group_world_compact(struct group_world *world, uint64_t node);
enum status group_world_change(struct group_world *world, uint64_t node,
                               const struct replica *replicas, uint32_t count);
enum status group_world_transfer(struct group_world *world, uint64_t node, uint64_t to);
/* Gives a node a message, as from the network, now. */
void group_world_inject(struct group_world *world, uint64_t node,
                        const struct group_message *message);

struct group_view group_world_view(const struct group_world *world, uint64_t node);

/* The story so far, one line for an event: "[ 310] 2 leads in term 2". */
const char *group_world_story(const struct group_world *world);

#endif
