/* cluster/members/members_internal.h -- What the parts of members share. */
#ifndef CAIRN_CLUSTER_MEMBERS_MEMBERS_INTERNAL_H
#define CAIRN_CLUSTER_MEMBERS_MEMBERS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/rng.h"
#include "cluster/members/members.h"

/* A ping without an ack makes us ask others after the first of these; its number is forgotten after
 * so many more pings. */
#define DIRECT_US UINT64_C(80000)
#define PINGS_MAX 64

/* Others who are asked to ping a member, and independent observers who make suspicion short. */
#define HELPERS 3

#define HEALTH_MAX 8

/* Suspects, failed and unheard members that are pinged in each period besides the probe. */
#define TOUCHES 3

/* News leave so soon, to so many at a time; so many rumours ride on one message. */
#define FLUSH_US         UINT64_C(20000)
#define FANOUT           4
#define MESSAGE_NEWS_MAX 12

/* Oneself, in the order of entries. */
#define SELF 0

/* A member. What is read at every turn; details and hints lie apart. */
struct entry {
    uint64_t id;
    struct life life;
    uint64_t hash;     /* what it adds to the digest; 0 while unheard */
    uint64_t since_us; /* of this liveness */

    uint64_t convict_us; /* SUSPECT: when it fails unless it objects */
    struct accusation accusations[OBSERVERS_MAX];
    uint8_t accusation_count;
    uint8_t own_evidence; /* refusals and failed probes of ours, about this life */

    uint8_t bucket;     /* of the digest */
    uint8_t news_left;  /* how many more times its life is told */
    uint8_t hints_left; /* ... and its hints */
    bool pending;       /* in the list of what is to be told */
    bool listed;
    bool answered; /* since the last refused connection; else refusals prove nothing new */

    bool measured;
    int64_t clock_offset_us;
    uint64_t clock_error_us, measured_us;

    uint32_t echo; /* the pull during which a view told us just what we know */
};

enum ping_purpose {
    PING_NONE = 0,
    PING_PROBE, /* the one that is judged */
    PING_TOUCH, /* to tell and to hear; nothing follows from silence */
    PING_RELAY, /* for another node */
};

struct ping {
    enum ping_purpose purpose;
    uint32_t number;
    uint64_t target;
    uint64_t sent_us, sent_physical_us;
    uint64_t requester; /* RELAY */
    uint32_t requester_probe;
    uint64_t nack_us; /* RELAY: when the requester hears that we wait too; 0: he has */
};

struct probe {
    bool active;
    bool indirect; /* others have been asked */
    uint32_t number;
    uint64_t target;
    uint64_t indirect_us, end_us;
    uint32_t helpers, nacks;
};

struct contact {
    char address[ADDRESS_LENGTH_MAX + 1];
};

struct members {
    uint32_t members_max, count;
    struct entry *entries; /* ourselves first; the others in any order */
    struct member_details *details;
    struct member_hints *hints;
    uint16_t *by_id; /* places by rising id */
    uint16_t *ring;  /* places but SELF, in the order of probing */
    uint16_t *pending;
    uint32_t ring_at, touch_at, pending_count;

    uint32_t live, suspects, troubled; /* alive or suspect; suspect; suspect, failed or unheard */
    uint64_t buckets[GOSSIP_BUCKETS];
    uint64_t changed_us; /* when the digest was another one last */

    uint64_t *removed; /* by rising id */
    uint32_t removed_count;

    struct rng rng;
    uint64_t last_us; /* of the last event */
    uint32_t health;
    bool joined, usurped, leaving;

    uint32_t ping_number;
    struct ping pings[PINGS_MAX]; /* by number */
    uint32_t relays;              /* pings with a nack to come */
    struct probe probe;
    uint64_t next_probe_us, next_touch_us, next_flush_us;
    uint64_t look_at; /* probe this one next; 0: whose turn it is */

    uint64_t pulled_us;
    uint32_t pull_number;

    struct contact contacts[CONTACTS_MAX];
    uint32_t contact_count, contact_at;
    uint64_t next_join_us;
};

/* members_roster.c: who is there. */

#define PLACE_NONE UINT32_MAX

uint32_t roster_place(const struct members *members, uint64_t id); /* PLACE_NONE: unknown */

/* Makes room, if it can, at the cost of a failed or left member that is not listed. PLACE_NONE:
 * there is none. */
uint32_t roster_add(struct members *members, uint64_t id, const struct member_details *details);
void roster_drop(struct members *members, uint32_t place);

/* The only way in which a life changes: it grows, and everything that depends on it follows.
 * `output` takes the change of liveness; NULL for ourselves, who know. */
void roster_live(struct members *members, uint32_t place, const struct life *after,
                 struct members_output *output);

bool life_routable(const struct life *life);

/* Up to `wanted` routable members in random order, but neither ourselves nor `without`. */
uint32_t roster_pick(struct members *members, uint32_t wanted, uint64_t without, uint64_t *ids);

/* The next member to probe; 0: there is none. */
uint64_t roster_next(struct members *members);

/* members_news.c: telling. */

struct bundle {
    const struct rumour *rumours;
    uint32_t count;
};

/* This member's life, or his hints, are to be told from now on. */
void news_arm(struct members *members, uint32_t place);
/* What came in bulk, others learn in bulk too, when their digests differ from ours: one round of
 * news is enough to spread it where it is new. */
void news_arm_few(struct members *members, uint32_t place);
void news_arm_hints(struct members *members, uint32_t place);

/* What should ride on a message to this node. */
struct bundle news_for(struct members *members, uint64_t to, struct members_output *output);

/* Everything we know of one member; false: no room. */
bool news_record(const struct members *members, uint32_t place, struct members_output *output);

/* Sends what waits, if it is time. */
void news_flush(struct members *members, struct members_output *output);

/* Adds a message, which may be lost: it is where there is no room. */
void news_send(struct members_output *output, uint64_t to, const struct gossip *message);

/* members_probe.c: asking. */

void probe_tick(struct members *members, const struct now *now, struct members_output *output);
void probe_touch(struct members *members, const struct now *now, uint64_t id,
                 struct members_output *output);
/* Has others ping this member, whose connections are refused. */
void probe_confirm(struct members *members, uint64_t id, struct members_output *output);
void probe_ping(struct members *members, const struct now *now, uint64_t from,
                const struct gossip *message, struct members_output *output);
void probe_ack(struct members *members, const struct now *now, uint64_t from,
               const struct gossip *message, struct members_output *output);
void probe_request(struct members *members, const struct now *now, uint64_t from,
                   const struct gossip *message, struct members_output *output);
void probe_nack(struct members *members, const struct gossip *message);

/* members_suspect.c: judging. */

/* Evidence of our own against a member. */
void suspect_accuse(struct members *members, uint32_t place, bool refused,
                    struct members_output *output);
/* Evidence of others about the life that we know of, or have just learned of. */
void suspect_hear(struct members *members, uint32_t place, const struct rumour *rumour);
void suspect_expire(struct members *members, struct members_output *output);
/* We were not there for so long. */
void suspect_delay(struct members *members, uint64_t gap_us);
void suspect_health(struct members *members, int change);

/* members_merge.c: believing. */

enum merge_from {
    MERGE_NEWS,
    MERGE_VIEW, /* the message is a view */
    MERGE_BULK, /* ... of many */
};
void merge_rumour(struct members *members, const struct rumour *rumour, enum merge_from from,
                  struct members_output *output);
/* We are alive in an incarnation above this one, or have left in it. */
void merge_raise(struct members *members, uint64_t incarnation);

/* members_sync.c: comparing. */

void sync_compare(struct members *members, uint64_t with, uint64_t digest,
                  struct members_output *output);
void sync_pull(struct members *members, uint64_t from, const struct gossip *message,
               struct members_output *output);
void sync_view(struct members *members, uint64_t from, const struct gossip *message,
               struct members_output *output);
void sync_join(struct members *members, uint64_t from, struct members_output *output);
void sync_tick(struct members *members, struct members_output *output);

#endif
