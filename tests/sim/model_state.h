/* tests/sim/model_state.h -- What the model remembers: lists, and nothing clever. Only for the
 * model's own files. */
#ifndef CAIRN_TESTS_SIM_MODEL_STATE_H
#define CAIRN_TESTS_SIM_MODEL_STATE_H

#include "tests/sim/model.h"
#include "tests/sim/model_wide.h"

/* An action that took a place in its player's window, and what became of it. */
struct judged {
    struct action action;
    struct model_place place;
    enum outcome outcome;
    uint16_t treasure;
    uint32_t points;
    uint32_t version;
    uint64_t final_epoch;
};

/* The score from an epoch on; the newest of an epoch counts. */
struct standing {
    uint64_t epoch;
    int64_t score;
    uint64_t score_hlc;
};

/* An unfinished click pattern: every click since it began. */
struct pattern {
    uint16_t treasure;
    uint64_t *clicks_us;
    uint32_t click_count;
};
#define PATTERNS_MAX 4

struct received {
    struct emoji emoji;
    uint64_t count;
};

/* One player in one hunt. */
struct record {
    struct player_id player;
    uint16_t hunt;
    uint32_t range;

    struct judged *judged; /* in the order of judging */
    uint32_t judged_count;
    struct standing *standings; /* in the order of the log */
    uint32_t standing_count;

    bool bucket_used;
    struct model_wide bucket_units;
    uint64_t bucket_us; /* when it held those units */

    struct pattern patterns[PATTERNS_MAX];
    uint32_t pattern_count;

    struct received received[EMOJI_MAX * 4]; /* over all versions of the hunt */
    uint32_t received_count;
};

/* A version in one range, with a copy of the definition that has no texts. */
struct version {
    struct model_version what;
    struct definition definition;
};

struct awarded {
    uint32_t range;
    uint16_t hunt;
    uint16_t treasure;
    uint32_t count;
};

struct range_log {
    uint64_t last_hlc;
    bool settled_any;
    uint64_t settled_through;
};

struct model {
    uint32_t ranges;
    uint32_t epoch_ms;
    uint32_t players_max;
    struct range_log *logs;
    struct version *versions;
    uint32_t version_count;
    struct record *records;
    uint32_t record_count;
    struct awarded *awarded;
    uint32_t awarded_count;
};

/* Makes room for one more member of `size` bytes in a list of `count`. */
void *model_list_grow(void *list, uint32_t count, size_t size);

/* NULL: none. */
struct record *model_record_find(const struct model *model, uint16_t hunt,
                                 const struct player_id *player);
const struct judged *model_judged_find(const struct record *record, uint32_t seq);
const struct version *model_version_active(const struct model *model, uint32_t range, uint16_t hunt,
                                           uint64_t epoch);

/* The name of a treasure in any version of its hunt. */
const char *model_treasure_name(const struct model *model, uint16_t hunt, uint16_t number);

uint32_t model_awarded_so_far(const struct model *model, uint32_t range, uint16_t hunt,
                              uint16_t treasure);

/* The present score, and the change of it by a claim. */
const struct standing *model_standing_now(const struct record *record);
void model_standing_add(struct record *record, uint64_t epoch, uint32_t points, uint64_t claim_hlc);

/* In the window of the 16 highest judged seqs lies what has fewer than 16 of them above it. */
bool model_window_holds(const struct record *record, uint32_t seq);

/* A stored action as an answer, as it stands now. */
void model_receipt_fill(const struct model *model, const struct record *record,
                        const struct judged *judged, struct result *ret_receipt);

/* A time in ms as microseconds. It stops at 2^53 ms either way, far beyond every stamp. */
int64_t model_us_of_ms(int64_t time_ms);

/* How far two places are apart. */
struct distance {
    enum plane plane;
    struct model_wide squared; /* flat: exact */
    long double metres;        /* geo */
};
struct distance model_distance_between(enum plane plane, int32_t x1, int32_t y1, int32_t x2,
                                       int32_t y2);

#endif
