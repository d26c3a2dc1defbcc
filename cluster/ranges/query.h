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
};

struct query {
    enum query_kind kind;
    uint64_t token;
    uint16_t hunt;
    struct player_id player;
    uint32_t seq;
    bool consistent; /* wait for a barrier in the log, so that the answer is linearizable */
};

struct player_answer {
    struct player_page page;
    const struct definition *definition; /* the active version's; NULL: none */
    uint32_t version;                    /* its number, or 0 */
    uint64_t epoch;                      /* the range's open one */
    /* His score at the end of the newest complete epoch, and his rank on its board. 0: none yet. */
    bool ranked;
    uint64_t rank, rank_epoch;
};

struct range_answer {
    uint32_t range; /* GROUP_SYSTEM: the system group */
    struct group_view group;
    uint64_t open_epoch;
    uint64_t digest;
    uint32_t players, receipts;
};

struct query_reply {
    /* OK; NOT_LEADER: another node leads the range, or none does; NOT_FOUND: no such receipt;
     * TRUNCATED: the receipt is not kept any more. */
    enum status status;
    union {
        struct player_answer player;
        struct result receipt;
        struct {
            const struct range_answer *list;
            uint32_t count;
        } ranges;
    };
};

#endif
