/* cluster/values/result.h -- The answer to one action, and the receipt read later. */
#ifndef CAIRN_CLUSTER_VALUES_RESULT_H
#define CAIRN_CLUSTER_VALUES_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/ids.h"
#include "cluster/values/action.h"

/* No treasure was hit. */
#define TREASURE_NONE UINT16_MAX

struct result {
    struct player_id player;
    uint32_t seq;
    enum outcome outcome;
    uint16_t treasure;  /* the treasure's number in its hunt, or TREASURE_NONE */
    bool final;         /* false while pending, and for reacted until delivered */
    bool replayed;      /* answered from what was stored before */
    uint32_t points;    /* pending: what it would bring */
    int64_t score;      /* the player's score after this action; a replay: the present one */
    uint64_t epoch;     /* of the hlc */
    uint64_t hlc;       /* 0: absent (full, unavailable) */
    uint32_t range;     /* with hlc */
    uint64_t log_index; /* 0: absent */
    uint32_t definition_version; /* 0: absent */
    uint64_t final_epoch;        /* won, lost: the epoch that settled it; else 0 */
    const char
        *treasure_id; /* its name, or NULL; belongs to the hunt's registry, valid this turn */
};

#endif
