/* tests/sim/world_internal.h -- The parts of a simulated world.
 *
 *   world.c          time: who is next
 *   world_node.c     one node: stepping its core, its disk, crash and restart
 *   world_net.c      messages between nodes
 *   world_faults.c   partitions, pauses, clocks, disks, and who joins when
 *   world_clients.c  players, their requests and retries; the hunts they play
 *   world_check.c    what must be true
 *   world_snapshot.c the same of snapshots
 *   world_lies.c     what is made untrue, to check the checks
 */
#ifndef CAIRN_TESTS_SIM_WORLD_INTERNAL_H
#define CAIRN_TESTS_SIM_WORLD_INTERNAL_H

#include "cluster/base/rng.h"
#include "cluster/base/status.h"
#include "cluster/cluster.h"
#include "tests/sim/disk.h"
#include "tests/sim/generate.h"
#include "tests/sim/mail.h"
#include "tests/sim/world.h"

#define WORLD_RANGES_MAX    4
#define WORLD_HUNTS_MAX     2
#define REQUEST_ACTIONS_MAX 8

/* How rough this seed's world is: drawn once. */
struct world_climate {
    uint32_t ranges, epoch_ms, players_max;
    uint32_t tail_bytes_max;
    uint32_t snapshot_bytes;
    uint32_t sync_us_max;       /* a sync takes up to this */
    uint32_t slow_sync_percent; /* and some take fifty times as long */
    uint32_t delay_us_max;      /* a message takes up to this */
    uint32_t loss_percent, duplicate_percent;
    uint32_t reply_loss_percent;
    uint32_t crash_every_ms; /* on average; 0: no crashes */
    uint32_t away_ms_max;    /* a crashed node stays away up to this */
    uint32_t request_every_us;
    uint32_t redefine_every_ms;
    uint32_t spread_after_ms;
    int32_t clock_offset_us_max;
    uint32_t features; /* of hunts */
};

struct node {
    uint32_t number;
    uint64_t id, boot;
    struct cluster *core; /* NULL: down */
    struct disk disk;
    uint64_t restart_us;   /* when down */
    uint64_t disk_free_us; /* when the last submitted turn is done */
    int64_t clock_offset_us;
    uint64_t ticked_us;

    /* world_faults.c */
    uint64_t paused_until_us, full_until_us;
    bool pause_loses; /* what comes meanwhile; else it waits */
    int32_t drift_ppm;
    int64_t jump_us;
    bool ran_off; /* its clock has jumped, once or more */

    /* What must not fall while it runs. */
    uint64_t stamp, complete_next, open_epochs[WORLD_RANGES_MAX];
};

struct envelope {
    struct envelope *next; /* by time */
    uint64_t at_us;
    uint64_t from; /* the sender's id */
    uint64_t boot; /* and which start of him */
    uint32_t to;
    uint64_t stamp;
    struct mail mail;
};

/* From one node to another, as its transport sees it. */
struct link {
    uint64_t boot;   /* of the other one when it was linked; 0: it is not */
    uint64_t due_us; /* when something is noticed */
};

/* A request that a client sent and still wants answered. */
struct request {
    struct request *next;
    uint64_t token;
    uint32_t node;     /* asked last */
    uint64_t retry_us; /* when to ask again, unless answered */
    uint32_t count;
    uint32_t places[REQUEST_ACTIONS_MAX]; /* which action stood where in the last attempt */
    struct action actions[REQUEST_ACTIONS_MAX];
    bool done[REQUEST_ACTIONS_MAX];
    uint32_t waiting;
};

/* What a client was told. */
struct acknowledgement {
    struct action action;
    struct result result;
};

struct played_hunt {
    char name[16];
    bool known;      /* a version has been active */
    uint16_t number; /* once known */
    uint32_t version;
    uint32_t next_id;              /* of treasures that later versions bring */
    struct definition *definition; /* numbered, as the players know it */
    struct generate_players *players;
    struct definition *wanted; /* to be put; NULL: nothing */
    uint64_t put_us;           /* when */
    bool put_waits;            /* an answer is awaited */
    uint64_t put_token;
};

enum world_fault {
    FAULT_CUT,
    FAULT_PAUSE,
    FAULT_JUMP,
    FAULT_STALL,
    FAULT_FULL,
    FAULTS,
};

struct world_rough {
    struct rng rng;
    bool grows; /* founded by the first node alone */
    uint64_t every_us[FAULTS], next_us[FAULTS];
    uint64_t cut_until_us[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* from, to */
};

struct world {
    struct world_options options;
    struct world_climate climate;
    struct world_rough rough;
    struct world_report *report;
    struct rng rng;
    uint64_t now_us; /* true time, since the start */
    bool calm;       /* faults are over */
    struct settings settings;
    struct member members[WORLD_NODES_MAX];
    struct node nodes[WORLD_NODES_MAX];
    struct effects effects;
    struct envelope *mail;
    struct link links[WORLD_NODES_MAX][WORLD_NODES_MAX];

    struct played_hunt hunts[WORLD_HUNTS_MAX];
    uint32_t hunt_count;
    struct request *requests;
    uint32_t open_requests;
    uint64_t next_token, next_request_us, next_crash_us, next_redefine_us;
    struct acknowledgement *acknowledgements;
    uint32_t acknowledged, acknowledged_room;

    /* Each range's log, as the nodes apply it: some will start behind another one's snapshot. */
    struct log_entry *archive[WORLD_RANGES_MAX]; /* index 1 is [0]; the data are its own */
    uint32_t archive_count[WORLD_RANGES_MAX], archive_room[WORLD_RANGES_MAX];

    /* The digest of a range's state at each applied index, by whoever was first. */
    uint64_t *digests[WORLD_RANGES_MAX];
    uint64_t digest_count[WORLD_RANGES_MAX];
    struct seen_snapshot {
        uint32_t group;
        uint64_t index, digest;
    } * snapshots; /* of their bytes, by whoever was first */
    uint32_t snapshot_count, snapshot_room;
    uint64_t leader_term[WORLD_RANGES_MAX + 1]; /* the newest term with a known leader */
    uint64_t leader_node[WORLD_RANGES_MAX + 1];

    const struct query_reply *answer; /* of the query under way */
    struct query_reply answer_copy;
};

/* The world's year: simulated time 0 is this moment. */
#define WORLD_START_US UINT64_C(1790000000000000)

PRINTF_LIKE(2, 3) void world_fail(struct world *world, const char *format, ...);
PRINTF_LIKE(2, 3) void world_trace(const struct world *world, const char *format, ...);

/* Folds a number into the run's digest. */
void world_fold(struct world *world, uint64_t value);

/* world_node.c */
void node_boot(struct world *world, struct node *node);
void node_crash(struct world *world, struct node *node);
void node_event(struct world *world, struct node *node, const struct event *event);
uint64_t node_next_us(const struct world *world, const struct node *node);
void node_wake(struct world *world, struct node *node);
struct now node_now(const struct world *world, const struct node *node);
/* Asks a core at once; NULL: it did not answer within the step. */
const struct query_reply *node_ask(struct world *world, struct node *node, struct query query);

/* world_net.c */
void net_send(struct world *world, const struct node *from, const struct effect *effect);
uint64_t net_next_us(const struct world *world);
void net_deliver(struct world *world);
/* The node has started or crashed. */
void net_links_changed(struct world *world, uint32_t number);
uint64_t net_next_link_us(const struct world *world);
void net_links(struct world *world);
void net_clear(struct world *world);

/* world_faults.c */
void faults_draw(struct world *world);
void faults_wake(struct world *world);
uint64_t faults_next_us(const struct world *world);
void faults_end(struct world *world);
/* How far the node's clock is from the true time. */
int64_t faults_clock_us(const struct world *world, const struct node *node);
bool faults_cut(const struct world *world, uint32_t from, uint32_t to);
bool faults_paused(const struct world *world, const struct node *node);

/* world_clients.c */
void clients_start(struct world *world);
void clients_free(struct world *world);
uint64_t clients_next_us(const struct world *world);
void clients_wake(struct world *world);
void clients_replied(struct world *world, struct node *node, const struct reply *reply);
void clients_defined(struct world *world, const struct effect *effect);
bool clients_quiet(const struct world *world);

/* world_check.c */
void check_step(struct world *world, struct node *node);
/* The node starts: what it said before its crash binds it no more. */
void check_boot(struct node *node);
void check_end(struct world *world);

/* world_snapshot.c */
/* Added to a range's number where its state was written for comparison only. */
#define WORLD_STATE_BYTES 10000

/* A node has written all of a snapshot: its bytes are those of whoever took it at this index. */
void check_snapshot(struct world *world, struct node *node, uint32_t group, uint64_t index);
/* A range's state, taken as a snapshot now, has the same bytes on every node, and what is made of
 * them is the same state. */
void check_state_bytes(struct world *world, struct node *node, uint32_t range);
void snapshots_free_seen(struct world *world);
/* Entries of the range that this node has on disk and has applied, as far as they are new. */
void archive_add(struct world *world, const struct node *node, uint32_t range);
void archive_free(struct world *world);

/* world_lies.c */
/* Whether this lie is to be told now; notes that it was. */
bool world_lies(struct world *world, enum world_mutation mutation);
/* Whether the entry shall be missing when the log is read. */
bool lies_drop(struct world *world, uint32_t range, uint64_t index);
/* Changes what the clients remember. */
void lies_tell(struct world *world);

#endif
