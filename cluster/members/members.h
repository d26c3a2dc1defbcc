/* cluster/members/members.h -- Who is in the cluster, who is alive, and where.
 *
 * SWIM (Das, Gupta, Motivala, 2002) with the local health of Lifeguard (Dadgar, Phillips, Currey,
 * 2017), and what others learned the hard way. Gossip carries liveness, addresses, load and hints
 * of who leads; it never changes who owns what: that is the system group's log.
 *
 * Probing. Every 200 ms a node pings one member, in a random order that takes each once a round.
 * Without an ack after 80 ms it asks three others to ping him; without any ack by the end of the
 * period it suspects him. Helpers that have no ack either say so (nack), which tells a node that
 * hears nothing at all that it is itself the one in trouble: its local health falls, and it grants
 * others up to nine times as long before it suspects them.
 *
 * Suspicion. A suspect is still routable. He has from 1 s (small clusters) to some seconds to
 * refute it, by raising his incarnation; how long depends on how many observers have found out by
 * themselves, each of which is named in the rumour: a single one has to wait six times as long. A
 * refused connection is a strong suspicion: a second observer's evidence of any kind (with two
 * nodes: one's own second) leaves the accused only a tenth of a second to object, so a kill -9 is
 * known everywhere in a fraction of a second. Refusals are believed again only after an answer.
 *
 * Life grows. What is known of a node is (boot, incarnation, liveness), and the larger one wins
 * whatever evidence brings it, also where the member is taken for dead; so everybody who hears the
 * same rumours knows the same, in any order. Only a node itself starts boots and incarnations.
 *
 *                        a larger incarnation or boot (from himself)
 *      UNHEARD ---> ALIVE <------------------.-----------------.
 *         |           |  evidence            |                 |
 *         |           v        no refutation |                 |
 *         '------> SUSPECT ------------> FAILED ------------> LEFT (from himself)
 *
 * Rumours. News (of liveness and addresses) leave within 20 ms to four members at a time, some more
 * times the larger the cluster is, and ride on pings and acks; hints ride only. Every ping and ack
 * carries a digest of the sender's view (id, boot, incarnation, and whether alive, failed or left;
 * not suspicion or hints). Where digests differ, the views are compared part by part (PULL), and
 * what differs is exchanged both ways (VIEW): a rumour that was missed is repaired at the next
 * ping.
 *
 * Healing. Members that are suspect, failed or not heard of yet are pinged as well, three a period,
 * for ever, and links to those on the system group's list are dialled for ever: a partition of any
 * length heals without an operator.
 *
 * Our own pauses. A node whose own tick comes late takes back its open probe and adds the gap to
 * all suspicions: it does not convict others for what it missed itself.
 *
 * Time and chance are arguments; all memory is taken by members_new. One thread. Nothing that a
 * peer says can make it abort. */
#ifndef CAIRN_CLUSTER_MEMBERS_MEMBERS_H
#define CAIRN_CLUSTER_MEMBERS_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/status.h"
#include "cluster/members/skew.h"
#include "cluster/values/gossip.h"
#include "cluster/values/now.h"

#define MEMBERS_PERIOD_US UINT64_C(200000)

/* members_tick is due so often; a gap above MEMBERS_LATE_US between events is a pause of ours. */
#define MEMBERS_TICK_US UINT64_C(20000)
#define MEMBERS_LATE_US UINT64_C(100000)

struct members;

struct members_config {
    uint64_t id;   /* random, kept in the data directory; above 0 */
    uint64_t boot; /* above 0, and above that of every earlier start */
    struct member_details details;
    uint32_t members_max; /* from 1 to MEMBERS_MAX */
    uint64_t seed;
};

/* What a call wants done. The caller's storage; each call fills it anew, and what it points to
 * stays until the next call. */
#define MEMBERS_SENDS_MAX   64
#define MEMBERS_RUMOURS_MAX (MEMBERS_MAX + 512)

struct members_send {
    uint64_t to;         /* 0: to `address`, whose id is not known */
    const char *address; /* else NULL */
    struct gossip message;
};

/* A member's liveness is another one; its incarnation may be too. */
struct members_change {
    uint64_t id;
    struct life before, after;
};

struct members_output {
    uint32_t send_count, change_count, rumour_count;
    bool dials_changed; /* members_dials tells something else now */
    struct members_send sends[MEMBERS_SENDS_MAX];
    struct members_change changes[MEMBERS_MAX];
    struct rumour rumours[MEMBERS_RUMOURS_MAX]; /* what the messages point to */
};

/* NULL: no memory. */
struct members *members_new(const struct members_config *config);
void members_free(struct members *members);

void members_tick(struct members *members, const struct now *now, struct members_output *output);

/* A message came from a node, which the envelope names. Anything may be in it; what is out of range
 * counts as not said. */
struct members_sender {
    uint64_t id, boot;
};
void members_receive(struct members *members, const struct now *now, struct members_sender sender,
                     const struct gossip *message, struct members_output *output);

enum members_link {
    MEMBERS_LINK_UP,      /* connected, again or for the first time */
    MEMBERS_LINK_DOWN,    /* the connection is lost */
    MEMBERS_LINK_REFUSED, /* a connection was refused: nobody listens there */
};
void members_link(struct members *members, const struct now *now, uint64_t id,
                  enum members_link link, struct members_output *output);

/* The members of the system group, all of them: they are dialled and pinged for ever. Replaces the
 * earlier list; ourselves and removed ids in it are passed over. STATUS_FULL: not all had room. */
struct members_listed {
    uint64_t id;
    struct member_details details; /* until the member says better */
};
MUST_USE enum status members_list(struct members *members, const struct now *now,
                                  const struct members_listed *list, uint32_t count,
                                  struct members_output *output);

/* Addresses to join by, asked in turn until somebody has told us his view. The texts are copied.
 * STATUS_TOO_LARGE: more than CONTACTS_MAX, or one is too long. */
MUST_USE enum status members_contacts(struct members *members, const char *const *addresses,
                                      uint32_t count);

/* The removal of a member was logged: he is forgotten, and never routable again, whatever is said.
 * STATUS_FULL: MEMBERS_REMOVED_MAX are; STATUS_CONFLICT: that is ourselves. */
MUST_USE enum status members_remove(struct members *members, const struct now *now, uint64_t id,
                                    struct members_output *output);
bool members_removed(const struct members *members, uint64_t id);

/* Our own addresses are others: a new incarnation. */
void members_set_details(struct members *members, const struct member_details *details);

/* What we say of our work; `version` is ours to fill in. Says nothing new if nothing is. */
void members_set_hints(struct members *members, const struct member_hints *hints);

/* We stop, on purpose. Tick on for a few more periods, so that it gets around. */
void members_leave(struct members *members);

/* Reading. */

/* A member as we know him; pointers stay valid until the next call that changes anything. */
struct members_view {
    uint64_t id;
    struct life life;
    bool routable; /* alive or suspect */
    bool listed;   /* in the system group */
    const struct member_details *details;
    const struct member_hints *hints;
    bool measured; /* the clock was, of this boot */
    int64_t clock_offset_us;
    uint64_t clock_error_us; /* when it was measured */
    uint64_t measured_us;    /* monotonic */
};

/* Ourselves are at place 0. The order of the others means nothing. */
uint32_t members_count(const struct members *members);
struct members_view members_at(const struct members *members, uint32_t place);
bool members_find(const struct members *members, uint64_t id, struct members_view *ret_view);

/* Whose links should be open: members that are routable or listed. `list` has room for MEMBERS_MAX.
 */
uint32_t members_dials(const struct members *members, uint64_t list[MEMBERS_MAX]);

/* Equal where views are: of id, boot, incarnation, and alive (or suspect), failed or left. */
uint64_t members_digest(const struct members *members);

/* Members alive or suspect, ourselves included. */
uint32_t members_live(const struct members *members);

/* Clocks of live members, with what has been added to their errors since they were measured; those
 * measured too long ago are left out. `list` has room for MEMBERS_MAX. */
uint32_t members_clocks(const struct members *members, const struct now *now,
                        struct skew_sample list[MEMBERS_MAX]);

/* 0: well; up to 8: we hear less than we should, and are slow to suspect others. */
uint32_t members_health(const struct members *members);

/* Somebody told us his view. */
bool members_joined(const struct members *members);

/* Another process runs under our id with a later boot: this one should stop. */
bool members_usurped(const struct members *members);

#endif
