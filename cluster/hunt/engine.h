/* cluster/hunt/engine.h -- The hunts as one range sees them: its players, what they found, their
 * receipts and boards, and the judging of one action.
 *
 * Everything here is replicated state: it follows from the sequence of calls alone, in integer
 * arithmetic. Capacities are fixed when it is made; memory is touched as it fills. Judging
 * allocates nothing. One thread. */
#ifndef CAIRN_CLUSTER_HUNT_ENGINE_H
#define CAIRN_CLUSTER_HUNT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/status.h"
#include "cluster/hunt/board.h"
#include "cluster/hunt/definition.h"
#include "cluster/values/action.h"
#include "cluster/values/result.h"

struct engine_config {
    uint32_t range;
    uint32_t players_max;  /* (hunt, player) pairs that this range may hold */
    uint32_t receipts_max; /* accepted claims that this range may hold */
    uint32_t epoch_ms;
};

struct engine;

/* NULL: no memory. */
struct engine *engine_new(const struct engine_config *config);
void engine_free(struct engine *engine);

/* A version of a hunt has become known: the names and numbers of its treasures are entered, so that
 * receipts can always name them. The definition stays the caller's and is only read here.
 * STATUS_INVALID: the hunt is no number below HUNTS_MAX, or a treasure's number is too high or
 * given twice; STATUS_CONFLICT: a number belongs to another name; STATUS_NO_MEMORY. Nothing has
 * changed then. */
MUST_USE enum status engine_learn(struct engine *engine, uint16_t hunt,
                                  const struct definition *definition);

/* From now on (the start of `epoch`) this version judges the hunt's actions; it is learned too, if
 * it has not been. The definition stays the caller's and must outlive its being active. Fails as
 * engine_learn does, and with STATUS_INVALID for version 0 and epoch UINT64_MAX; what was active
 * stays so then. */
MUST_USE enum status engine_activate(struct engine *engine, uint16_t hunt, uint32_t version,
                                     const struct definition *definition, uint64_t epoch);

/* When and where an action stands in the log. */
struct moment {
    uint64_t hlc;
    uint64_t epoch;
    uint64_t log_index;
    uint32_t uncertainty_us;
};

/* Brings what a coming action needs near, in two steps, as the second reads what the first fetches:
 * call them about twenty and about ten actions ahead of judging. They change nothing else. */
void engine_prefetch_index(const struct engine *engine, const struct action *action);
void engine_prefetch(const struct engine *engine, const struct action *action);

/* Judges one action as the contract says ("How an action is judged") and changes the state
 * accordingly. Calls come with rising hlc. Fills *ret_result completely. Where the range has no
 * room for one more player, or receipt, the outcome is `full` and nothing changes.
 *
 * Where the contract is silent: when a version changes the rate, a player's units stay, up to what
 * is full by then; clicks in the same microsecond are ordered by their hlc; the click patterns of a
 * treasure that is his in another way are forgotten too. */
void engine_judge(struct engine *engine, const struct action *action, const struct moment *moment,
                  struct result *ret_result);

/* The stored result of a judged action, as it stands now: replayed, with the present score.
 * STATUS_NOT_FOUND: never judged here; STATUS_TRUNCATED: was judged or may have been, and its
 * receipt is not kept any more. */
MUST_USE enum status engine_receipt(const struct engine *engine, uint16_t hunt,
                                    const struct player_id *player, uint32_t seq,
                                    struct result *ret_result);

/* What a player's page shows. The lists hold treasure numbers, which grow over all versions, each
 * once and in order. A treasure that was lost and is pending or won by now is not in `lost`. */
struct player_page {
    bool known;
    int64_t score;
    uint64_t score_hlc; /* of the last claim that brought points; 0: none */
    uint32_t last_seq;
    uint32_t reactions; /* emoji received and delivered */
    uint16_t found_count, pending_count, won_count, lost_count, open_count;
    uint16_t found[TREASURE_NUMBERS_MAX], pending[TREASURE_NUMBERS_MAX];
    uint16_t won[TREASURE_NUMBERS_MAX], lost[TREASURE_NUMBERS_MAX];
    uint16_t open[TREASURES_MAX]; /* places in the active definition, not numbers */
};

/* Fills the page (34 KB) as it is at the moment `hlc`. Open are the treasures whose `requires` and
 * `unlock` are fulfilled, that are neither his nor pending, and whose window, where they have one,
 * is now. An unknown player gets an empty page with what is open to a newcomer. */
void engine_player(const struct engine *engine, uint16_t hunt, const struct player_id *player,
                   uint64_t hlc, struct player_page *ret_page);

/* The score that a player had before the stamp `before`: what boards of earlier epochs counted. 0 for
 * an unknown player. */
int64_t engine_score_before(const struct engine *engine, uint16_t hunt,
                            const struct player_id *player, uint64_t before);

/* The active version and its definition; NULL and 0 when there is none. */
const struct definition *engine_definition(const struct engine *engine, uint16_t hunt,
                                           uint32_t *ret_version);

/* The name of a treasure that any learned version has; NULL: no such number. */
const char *engine_treasure_id(const struct engine *engine, uint16_t hunt, uint16_t number);

/* The hunt's board; NULL before its first version is learned. */
struct board *engine_board(struct engine *engine, uint16_t hunt);

/* Whether the player can be judged: known in this hunt, or there is room for one more. */
bool engine_has_room(const struct engine *engine, uint16_t hunt, const struct player_id *player);

uint32_t engine_players(const struct engine *engine);
uint32_t engine_receipts(const struct engine *engine);

/* What one more player, and one more accepted claim, cost; boards and click patterns aside. */
size_t engine_bytes_per_player(const struct engine *engine);
size_t engine_bytes_per_receipt(void);

/* A digest over the whole state in a canonical order (not the tables' order): equal on every
 * replica that applied the same log. Slow: it sorts; for checks. */
uint64_t engine_digest(const struct engine *engine);

#endif
