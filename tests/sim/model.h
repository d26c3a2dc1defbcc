/* tests/sim/model.h -- The hunt once more, as plainly as it can be said: an independent model that
 * the engine and whole clusters are checked against.
 *
 * It is fed the committed log of each range, in the order of that log (ranges may be interleaved as
 * one likes), and judges every action by the public contract ("How an action is judged"): nine
 * lines, the first that applies decides. It shares no code with the engine: plain growing lists,
 * linear searches, qsort, wide integers, every judged action kept for ever. It is meant for some
 * ten thousands of actions, not for speed, and aborts when memory runs out.
 *
 * A geo distance may be off by 0.5 % of the radius. Where a decision is closer than that, several
 * results are right: the model takes the one that was given, if it is among them, and goes on from
 * there. On flat hunts everything is exact.
 *
 * Who wins a limited treasure is not decided here yet; what a SETTLE says is applied by the
 * model_settle_... functions.
 *
 * One thread; no clock, no chance. */
#ifndef CAIRN_TESTS_SIM_MODEL_H
#define CAIRN_TESTS_SIM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/ids.h"
#include "cluster/hunt/definition.h"
#include "cluster/values/action.h"
#include "cluster/values/result.h"

struct model;

struct model *model_new(uint32_t ranges, uint32_t epoch_ms);
void model_free(struct model *model);

/* Answers `full` as the contract says once a range holds its share of `players` players. Off (0) at
 * first, because `full` is not logged. */
void model_limit_players(struct model *model, uint32_t players);

/* ---- Time: stamps are 52 bits of microseconds and 12 of counter. */

uint64_t model_epoch_of(uint64_t hlc, uint32_t epoch_ms);

/* The hlc of action 0 of an entry of `actions` (at least 1) actions; action i has base + i. */
uint64_t model_base(uint64_t stamp, uint64_t last_hlc, uint32_t actions, uint32_t epoch_ms);

/* An entry of the range's log with so many actions (0: it carries something else, and takes one
 * stamp): moves the range's last hlc and returns the base. */
uint64_t model_entry(struct model *model, uint32_t range, uint64_t stamp, uint32_t actions);

/* A CLOSE of all epochs up to `epoch`: moves the last hlc to the first stamp after them, or
 * further. */
void model_close(struct model *model, uint32_t range, uint64_t stamp, uint64_t epoch);
uint64_t model_last_hlc(const struct model *model, uint32_t range);

/* ---- Hunts. */

struct model_version {
    uint32_t range;
    uint16_t hunt;
    uint32_t version;
    uint64_t active_from_epoch;
};

/* From that epoch on the range judges by this version, until a higher one is active. The definition
 * is copied; its treasures have their numbers already. */
void model_version(struct model *model, const struct model_version *version,
                   const struct definition *definition);

/* ---- Actions. */

/* Where an action lies in the logs. */
struct model_place {
    uint32_t range;
    uint64_t log_index;
    uint32_t at; /* in its entry, from 0 */
    uint64_t hlc;
    uint64_t uncertainty_us;
};

/* Judges the next action of a range. `actual` is what the engine answered, or NULL; it decides only
 * between results that are all right (geo). Returns true if there were several: without `actual`
 * the state may then differ from the engine's. ret_expected's treasure_id belongs to the model. */
bool model_judge(struct model *model, const struct model_place *place, const struct action *action,
                 const struct result *actual, struct result *ret_expected);

/* True if they are the same; else `why` is a sentence that names the first field that differs.
 * An actual treasure_id of NULL is not compared, as it lives for a turn only. */
bool model_compare_result(const struct result *expected, const struct result *actual, char *why,
                          size_t size);

enum model_receipt {
    MODEL_RECEIPT_NEVER, /* the seq was never judged: 404 */
    MODEL_RECEIPT_KEPT,
    MODEL_RECEIPT_GONE, /* judged, not accepted, and below the window since: 410 */
    MODEL_RECEIPT_GAP,  /* never judged, but below a full window: 404 and 410 look alike */
};

/* The receipt as it stands now (as a replay), where it is kept. */
enum model_receipt model_receipt(const struct model *model, uint16_t hunt,
                                 const struct player_id *player, uint32_t seq,
                                 struct result *ret_receipt);

/* ---- What a SETTLE in a range's log says, piece by piece. */

/* The cluster-wide number of awards of a treasure, as this range now knows it. */
void model_settle_awarded(struct model *model, uint32_t range, uint16_t hunt, uint16_t treasure,
                          uint32_t awarded);

struct model_ruling {
    uint16_t hunt;
    struct player_id player;
    uint32_t seq; /* of a claim that is pending */
    bool won;
    uint64_t final_epoch;   /* the epoch that settled it */
    uint64_t applied_epoch; /* the epoch of the SETTLE itself: boards count the points from it */
};
void model_settle_claim(struct model *model, const struct model_ruling *ruling);

/* False: no such player, the reactions are dropped. */
bool model_settle_reactions(struct model *model, uint16_t hunt, const struct player_id *player,
                            const struct emoji *emoji, uint32_t count);

/* Reactions given in this range up to that epoch are delivered. */
void model_settle_through(struct model *model, uint32_t range, uint64_t epoch);

/* ---- Players. */

/* Numbers of treasures, ascending. */
struct model_set {
    uint16_t count;
    uint16_t numbers[TREASURE_NUMBERS_MAX];
};

struct model_page {
    int64_t score;
    uint64_t score_hlc; /* of the last claim that brought points; 0: none did */
    uint32_t range;
    uint32_t last_seq;
    uint64_t reactions; /* delivered */
    struct model_set found, pending, won, lost;
};

/* False: the player has no record in this hunt. */
bool model_player(const struct model *model, uint16_t hunt, const struct player_id *player,
                  struct model_page *ret_page);
uint64_t model_reactions(const struct model *model, uint16_t hunt, const struct player_id *player,
                         const struct emoji *emoji);

/* All records, numbered from 0 in the order in which they were made. */
uint32_t model_records(const struct model *model);
void model_record_at(const struct model *model, uint32_t at, uint16_t *ret_hunt,
                     struct player_id *ret_player);

/* ---- Boards: as of the end of an epoch that every range's log has passed. */

struct model_board_entry {
    uint64_t rank;
    struct player_id player;
    uint32_t range;
    int64_t score;
    uint64_t hlc;
};

struct model_board {
    uint64_t epoch;
    uint64_t players; /* with a record */
    uint32_t count;
    struct model_board_entry entries[BOARD_TOP];
};

void model_board(const struct model *model, uint16_t hunt, uint64_t epoch,
                 struct model_board *ret_board);

/* 1 + the players above him, or his place where the hunt puts the first to reach a score ahead.
 * 0: he had no record by then. */
uint64_t model_rank(const struct model *model, uint16_t hunt, uint64_t epoch,
                    const struct player_id *player);

/* 1 + the players with a higher score. */
uint64_t model_rank_of_score(const struct model *model, uint16_t hunt, uint64_t epoch,
                             int64_t score);

#endif
