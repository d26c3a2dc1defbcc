/* tests/sim/members_world.h -- Membership alone, in simulated time: nodes with cluster/members and
 * nothing else, links between them, and whatever can happen to both. Every message is encoded and
 * decoded by proto/gossip, so sizes are real.
 *
 * Two kinds of links. With `links` every node keeps one open to each member and learns at once when
 * the process behind it dies (a refused connection); so it is in a real cluster of up to 64.
 * Without, it connects when it has something to say, and is refused then. Silence (a host that is
 * off, a cut cable) gives no sign in either.
 *
 * After every step the invariants that hold whatever happens are checked (CHECK, with seed= on
 * stderr): what is known of a node's life never shrinks while the observer runs, and never exceeds
 * what the node itself has said. */
#ifndef CAIRN_TESTS_SIM_MEMBERS_WORLD_H
#define CAIRN_TESTS_SIM_MEMBERS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/arena.h"
#include "cluster/base/rng.h"
#include "cluster/members/members.h"

struct members_world_options {
    uint64_t seed;
    uint32_t nodes;
    bool links;
    uint32_t delay_us_min, delay_us_max; /* one way */
    uint32_t loss_permille, duplicate_permille;
    uint32_t capacity; /* nodes that may ever be; 0: as many as at the start */
};

struct world_member {
    uint64_t id, boot;
    struct members *members; /* NULL: down */
    bool refuses;            /* while down: the host answers, with a refusal */
    uint64_t paused_until_us;
    int64_t clock_us;  /* off by so much */
    struct life truth; /* the largest that it ever said of itself */
    uint64_t messages, bytes;
};

/* Every change of liveness that a node told, in order. */
struct world_change {
    uint64_t at_us;
    uint32_t observer, about;
    struct life before, after;
};

struct world_event;

struct members_world {
    struct members_world_options options;
    struct rng rng;
    uint64_t now_us;
    uint32_t count;
    struct world_member *nodes;
    struct life *seen;     /* by observer and member */
    uint8_t *links, *cuts; /* by sender and receiver */
    uint64_t *cut_us;      /* since when */
    struct world_change *changes;
    uint32_t change_count, change_room;
    struct world_event *events; /* a heap by time */
    uint32_t event_count, event_room;
    uint64_t event_number;
    struct arena arena;
    struct members_output output;
    uint64_t by_kind[GOSSIP_VIEW + 1];
    uint64_t digest; /* of all that happened */
};

/* All nodes are down at first. Aborts without memory. */
struct members_world *members_world_new(const struct members_world_options *options);
void members_world_free(struct members_world *world);

/* The next boot of a node. It knows the list of all of the first `nodes` (the system group), or, if
 * `contact` is another node, joins by that one's address. */
#define CONTACT_NONE UINT32_MAX
void members_world_start(struct members_world *world, uint32_t node, uint32_t contact);
void members_world_start_all(struct members_world *world);

/* The process ends; from then on connections are refused, or nothing answers. */
void members_world_kill(struct members_world *world, uint32_t node, bool refuses);
void members_world_pause(struct members_world *world, uint32_t node, uint64_t pause_us);

/* Nothing passes from one to the other; a message under way still does. */
enum world_cut {
    WORLD_OPEN = 0,
    WORLD_CUT,   /* silently */
    WORLD_RESET, /* connections are refused by something in between */
};
void members_world_cut(struct members_world *world, uint32_t from, uint32_t to, enum world_cut cut);
void members_world_heal(struct members_world *world);

void members_world_run(struct members_world *world, uint64_t us);

/* Steps the node by hand. */
struct now members_world_now(const struct members_world *world, uint32_t node);
void members_world_carry_out(struct members_world *world, uint32_t node);

/* All nodes that run have one view, and in it just these are alive (not suspect). */
bool members_world_agreed(const struct members_world *world);
/* What one node thinks of another. */
enum liveness members_world_liveness(const struct members_world *world, uint32_t observer,
                                     uint32_t about);
/* How many running nodes think so. */
uint32_t members_world_thinking(const struct members_world *world, uint32_t about,
                                enum liveness liveness);
uint32_t members_world_running(const struct members_world *world);

/* The first time after `since_us` that an observer said so of somebody; UINT64_MAX: never. */
uint64_t members_world_said(const struct members_world *world, uint64_t since_us, uint32_t about,
                            enum liveness liveness);

/* Runs until all who run think so of a node, at most `most_us`; returns how long it took. */
uint64_t members_world_until(struct members_world *world, uint32_t about, enum liveness liveness,
                             uint64_t most_us);
uint64_t members_world_until_agreed(struct members_world *world, uint64_t most_us);

#endif
