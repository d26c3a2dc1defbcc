/* cluster/values/gossip.h -- What nodes tell each other about nodes, as values. Bytes are proto's
 * business (proto/gossip.h); who says what when is cluster/members'. */
#ifndef CAIRN_CLUSTER_VALUES_GOSSIP_H
#define CAIRN_CLUSTER_VALUES_GOSSIP_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/ids.h"

/* In the order in which one outdoes the other about the same incarnation. */
enum liveness {
    LIVENESS_UNHEARD = 0, /* listed, but never heard of; in a rumour: says nothing of liveness */
    LIVENESS_ALIVE,
    LIVENESS_SUSPECT,
    LIVENESS_FAILED,
    LIVENESS_LEFT, /* said so itself */
};
#define LIVENESS_COUNT 5

/* A lower-case word for logs: "alive", "suspect", ... */
const char *liveness_name(enum liveness liveness);

/* What is known of a node's life. It only ever grows, in the order of life_compare, whatever kind
 * of evidence makes it grow. */
struct life {
    uint64_t boot;        /* how many times the node has started; 0: unheard */
    uint64_t incarnation; /* raised by the node itself only, to refute what is said of it */
    enum liveness liveness;
};

/* By boot, incarnation, liveness: below, equal to or above zero. */
int life_compare(const struct life *a, const struct life *b);

/* The same life, whatever is said of it. */
bool life_same(const struct life *a, const struct life *b);

/* Where a node is found. New details come with a new incarnation or boot. */
struct member_details {
    struct name name;
    struct name zone;                  /* may be empty */
    char peer[ADDRESS_LENGTH_MAX + 1]; /* "tcp://10.0.0.1:7901" */
    char http[ADDRESS_LENGTH_MAX + 1];
};

/* What a node says of its work. Nothing is decided by it: it helps to route and to plan. */
struct member_hints {
    uint32_t version; /* raised by the node with each change, from 0 (nothing said) at its boot */
    uint32_t actions_per_s;
    uint32_t players;
    int32_t clock_offset_us; /* of the others' clocks from its own, as it measures the majority */
    uint32_t clock_error_us;
    bool skewed;                   /* it is the one whose clock is off */
    uint8_t leads[RANGES_MAX / 8]; /* bit (range % 8) of byte (range / 8): it leads the range */
};

bool member_hints_lead(const struct member_hints *hints, uint32_t range);

struct accusation {
    uint64_t observer;
    bool refused; /* a connection was; else a probe stayed unanswered */
};

/* One member, as one node knows it. A rumour without liveness (UNHEARD) carries hints only, about
 * that boot. One with liveness has the details of that incarnation, so that nobody ever knows of an
 * incarnation without knowing where it lives. */
struct rumour {
    uint64_t id;
    struct life life;
    struct accusation accusations[OBSERVERS_MAX]; /* SUSPECT */
    uint32_t accusation_count;
    const struct member_details *details; /* NULL: none */
    const struct member_hints *hints;     /* NULL: none */
};

enum gossip_kind {
    GOSSIP_PING = 1,     /* are you there? */
    GOSSIP_ACK = 2,      /* I am; or, with `target`: that node is */
    GOSSIP_PING_REQ = 3, /* ask `target` for me */
    GOSSIP_NACK = 4,     /* I did, it has not answered yet; I am there myself */
    GOSSIP_NEWS = 5,     /* rumours only */
    GOSSIP_JOIN = 6,     /* rumours: the sender; tell me of everybody */
    GOSSIP_PULL = 7,     /* our views differ: these are the digests of the parts of mine */
    GOSSIP_VIEW = 8,     /* rumours: what is in the parts that differ */
};

struct gossip {
    enum gossip_kind kind;
    uint32_t probe;          /* PING, ACK, PING_REQ, NACK: a number of the one who asked */
    uint64_t target;         /* PING_REQ, and the ACK and NACK to it; else 0 */
    uint64_t digest;         /* PING, ACK: of the sender's view */
    uint64_t physical_us;    /* ACK without target: the sender's clock, between ping and ack */
    const uint64_t *buckets; /* PULL: GOSSIP_BUCKETS digests; else NULL */
    uint64_t wanted;         /* VIEW: bits of the parts that the sender wants in return */
    const struct rumour *rumours;
    uint32_t rumour_count; /* at most GOSSIP_RUMOURS_MAX */
};

#endif
