/* cluster/ranges/query.h -- Questions to the core, and what they bring. Answers live until the end
 * of the turn. */
#ifndef CAIRN_CLUSTER_RANGES_QUERY_H
#define CAIRN_CLUSTER_RANGES_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/ids.h"
#include "cluster/base/status.h"
#include "cluster/hunt/engine.h"
#include "cluster/ranges/group.h"
#include "cluster/values/result.h"

enum query_kind {
    QUERY_PLAYER = 1, /* a player's page; asks the leader of his range */
    QUERY_RECEIPT,    /* the result of one of his actions; the same */
    QUERY_RANGES,     /* this node's replicas, the system group's last */
    QUERY_AWARDS,     /* who won the limited treasures; of all ranges, by the replicas here */
    QUERY_AROUND,     /* who stands nearest to a player; the same */
};

#define QUERY_LIMIT_MAX 1000

struct query {
    enum query_kind kind;
    uint64_t token;
    uint16_t hunt;
    struct player_id player;
    uint32_t seq;
    bool consistent; /* wait for a barrier in the log, so that the answer is linearizable */
    uint32_t limit;  /* AWARDS: winners; AROUND: players, himself among them; to QUERY_LIMIT_MAX */

    /* AWARDS: goes on after this place; {0, 0}: from the start. Pinned: only claims of epochs up to
     * `epoch` count, so that a list can be read page by page while others win. */
    struct engine_award_position after;
    bool pinned;
    uint64_t epoch;
};

/* A treasure that is open to a player, or locked, as it is now. */
struct open_treasure {
    uint32_t points;            /* what it would bring */
    uint32_t supply_left;       /* where it is limited */
    uint32_t reactions_missing; /* 0: it is not locked */
};

struct player_answer {
    struct player_page page;
    const struct open_treasure *open;   /* of page.open, place by place */
    const struct open_treasure *locked; /* of page.locked */
    uint32_t received_count;            /* kinds of emoji that he received */
    struct engine_received received[RECEIVED_KINDS_MAX];
    const struct definition *definition; /* the active version's; NULL: none */
    uint32_t version;                    /* its number, or 0 */
    uint64_t epoch;                      /* the range's open one */
    /* His rank on the board of the newest complete epoch (0: there is none); false: that does not
     * count him. */
    bool ranked;
    uint64_t rank, rank_epoch;
    bool settled; /* some epoch is, in his range */
    uint64_t settled_through;
};

struct award_winner {
    uint32_t range;
    struct engine_award award;
};

/* A limited treasure, with those of its winners that are on this page. */
struct treasure_awards {
    uint16_t treasure;
    uint32_t supply;         /* in the active version; 0: it is not in that */
    uint32_t awarded;        /* in the whole cluster */
    uint32_t first, winners; /* place in the list of winners, and how many */
};

/* Winners by rising (treasure, place). What is awarded and who won belong together: both as of the
 * same epoch, which all ranges have settled. */
struct awards_answer {
    bool settled; /* false: no epoch is settled yet, and nobody has won */
    uint64_t settled_through;
    const struct treasure_awards *treasures; /* by rising number */
    uint32_t treasure_count;
    const struct award_winner *winners;
    uint32_t winner_count;
    bool more; /* there are winners after the last one */
};

/* A player as he stands now, and his rank on the board. */
struct around_entry {
    struct board_entry entry;
    uint64_t rank; /* 0: the board does not count him */
};

/* Himself and his nearest neighbours in their present order, so the ranks, which are of an epoch,
 * need not rise. An unknown player has none. */
struct around_answer {
    uint64_t epoch;   /* of the board */
    uint64_t players; /* that it counts */
    uint64_t rank;    /* his; 0: it does not count him */
    const struct around_entry *entries;
    uint32_t count;
};

struct range_answer {
    uint32_t range; /* GROUP_SYSTEM: the system group */
    struct group_view group;
    uint64_t open_epoch;
    uint64_t digest;
    uint32_t players, receipts;
};

struct query_reply {
    /* OK; NOT_LEADER: another node leads the range (one of all ranges), or none does; NOT_FOUND: no
     * such receipt, no complete board, or the pinned epoch is not settled here; TRUNCATED: the
     * receipt is not kept any more. */
    enum status status;
    union {
        struct player_answer player;
        struct result receipt;
        struct awards_answer awards;
        struct around_answer around;
        struct {
            const struct range_answer *list;
            uint32_t count;
        } ranges;
    };
};

#endif
