/* tests/sim/rig.h -- One to five cores on a table, for tests that tell a story: the test holds the
 * clock, the disks and the wires.
 *
 * Every message takes a millisecond. Nodes hear at once of a link that is made, and lost; a node
 * that is off refuses connections, every 100 ms, unless it is deaf. Every write is on disk a
 * millisecond later, unless the disk is stuck. Nothing happens by chance. While it runs, the rig
 * itself checks that no accepted claim is acknowledged before its entry is on the disks of a
 * quorum, and that no turn sends replicas more than a chunk. */
#ifndef CAIRN_TESTS_SIM_RIG_H
#define CAIRN_TESTS_SIM_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/cluster.h"
#include "tests/sim/disk.h"

#define RIG_NODES_MAX   5
#define RIG_REPLIES_MAX 8192
#define RIG_START_US    UINT64_C(1790000000000000) /* true time at the start */
#define RIG_NOBODY      UINT32_MAX
#define RIG_NO_GROUP    (UINT32_MAX - 1)

struct rig_node {
    struct cluster *core;
    struct disk disk;
    uint64_t boot;
    bool full;                      /* no snapshot finds room on its disk */
    bool off;                       /* without power, until rig_restart */
    bool stuck;                     /* its disk finishes nothing */
    bool mute, deaf;                /* nothing leaves it; nothing reaches it */
    uint32_t deaf_to;               /* no message of this group reaches it; RIG_NO_GROUP: all do */
    int64_t offset_us;              /* of its clock */
    uint64_t linked[RIG_NODES_MAX]; /* to which start of each other node; 0: to none */
    uint64_t heard[RIG_NODES_MAX];  /* which start of each other node it has heard */
    uint64_t redial_us[RIG_NODES_MAX]; /* when a connection is tried again */
    uint32_t clock_notes;              /* warnings about clocks */
    uint64_t continued;                /* how often it had more to do than one list holds */
    /* Where it dials each node since it booted; a message arrives only where that node is. */
    char dialled[RIG_NODES_MAX][ADDRESS_LENGTH_MAX + 1];
};

/* What became of a DEFINE. */
struct rig_defined {
    uint64_t token;
    enum status status;
    uint32_t version;
    uint64_t active_from_epoch;
    uint32_t missing[RANGES_MAX];
    uint32_t missing_count;
};

struct rig_letter;

/* What becomes of a message on its way. */
enum rig_fate {
    RIG_ARRIVES,
    RIG_LOST,
    RIG_TWICE,
    RIG_LATE,    /* by a few milliseconds: others overtake it */
    RIG_DAMAGED, /* a byte of a snapshot's chunk is another */
};

struct rig {
    uint32_t count; /* of nodes */
    uint64_t now_us;
    struct settings settings;
    struct member members[RIG_NODES_MAX];
    struct rig_node nodes[RIG_NODES_MAX];
    uint32_t spread_after_ms; /* of cores that boot from now on; 0: leaders stay where they are */
    uint32_t silent_group;    /* whose messages are all lost; RIG_NO_GROUP: none */
    bool pushes_lost;         /* summaries come only to those who asked for them */
    /* How many pulls are not answered yet: of the second node, by the first. */
    uint32_t pulls[RIG_NODES_MAX][RIG_NODES_MAX];
    uint32_t snapshot_bytes;                              /* cluster_config; 0: none are taken */
    enum rig_fate (*fate)(const struct message *message); /* NULL: all arrive */
    uint32_t turn_chunks; /* of snapshots that went to replicas in this turn */
    uint32_t chunks;      /* in all */
    struct rig_letter *letters;
    struct effects effects;

    struct reply replies[RIG_REPLIES_MAX]; /* in the order in which they came */
    uint32_t reply_count;
    struct rig_defined defined; /* the newest */
    uint32_t defined_count;
    char error[256]; /* the newest note of that level */
    uint32_t error_count;
    struct query_reply answer; /* the newest */
    uint64_t answer_token;
    uint32_t answer_count;
};

/* Founds a cluster; nothing has run yet. */
void rig_init(struct rig *rig, uint32_t nodes, uint32_t ranges, uint32_t epoch_ms);
/* The same, and its groups take a snapshot for each so many bytes of log. */
void rig_init_taking(struct rig *rig, uint32_t nodes, uint32_t ranges, uint32_t epoch_ms,
                     uint32_t snapshot_bytes);
/* The first node founds alone, and the others are off until they join by asking a contact. */
void rig_init_alone(struct rig *rig, uint32_t nodes, uint32_t replicas, uint32_t ranges,
                    uint32_t epoch_ms);
void rig_join(struct rig *rig, uint32_t node, uint32_t contact);
void rig_fini(struct rig *rig);

/* One event of one node, and everything that follows from it at once. */
void rig_event(struct rig *rig, uint32_t node, const struct event *event);

void rig_run(struct rig *rig, uint32_t ms);

/* Runs until every group has a leader that is ready; fails after ten seconds. */
void rig_settle(struct rig *rig);

/* Who leads and takes actions; RIG_NOBODY. */
uint32_t rig_leader(const struct rig *rig, uint32_t group);

/* Power loss and start: what was not on disk is gone. */
void rig_off(struct rig *rig, uint32_t node);
void rig_restart(struct rig *rig, uint32_t node);
/* It is elsewhere from its next start on, and reached there only. */
void rig_move(struct rig *rig, uint32_t node);
/* The same; from now on cores that boot take a snapshot for each so many bytes of log. */
void rig_restart_taking(struct rig *rig, uint32_t node, uint32_t snapshot_bytes);

uint64_t rig_epoch(const struct rig *rig);

void rig_send(struct rig *rig, uint32_t node, uint64_t token, const struct action *actions,
              uint32_t count);
void rig_define(struct rig *rig, uint32_t node, uint64_t token,
                const struct definition *definition);
void rig_ask(struct rig *rig, uint32_t node, const struct query *query);

/* The newest result that came for this action of this request; NULL: none. */
const struct result *rig_result(const struct rig *rig, uint64_t token, uint32_t place);

#endif
