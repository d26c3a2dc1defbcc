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
    uint64_t index_secret; /* of this process (players.h); no replicated state */
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

/* Judges one action as the contract says ("How an action is judged") and changes the state
 * accordingly. Calls come with rising hlc. Fills *ret_result completely. Where the range has no
 * room for one more player, or receipt, the outcome is `full` and nothing changes; where a reaction
 * finds no room in the open epoch's ledger it is `unavailable`, and nothing changes either.
 *
 * Where the contract is silent: when a version changes the rate, a player's units stay, up to what
 * is full by then; clicks in the same microsecond are ordered by their hlc; the click patterns of a
 * treasure that is his in another way are forgotten too. */
void engine_judge(struct engine *engine, const struct action *action, const struct moment *moment,
                  struct result *ret_result);

/* Judges the actions of one entry, one after the other, as engine_judge does; the n-th is stamped
 * moment->hlc + n, in the same epoch. Faster than one by one: what the coming ones need is asked of
 * the memory ahead of their turn. */
void engine_judge_all(struct engine *engine, const struct action *actions, uint32_t count,
                      const struct moment *moment, struct result *results);

/* The stored result of a judged action, as it stands now: replayed, with the present score.
 * STATUS_NOT_FOUND: never judged here; STATUS_TRUNCATED: was judged or may have been, and its
 * receipt is not kept any more. */
MUST_USE enum status engine_receipt(const struct engine *engine, uint16_t hunt,
                                    const struct player_id *player, uint32_t seq,
                                    struct result *ret_result);

/* ---- Settling.
 *
 * A claim on a limited treasure is pending until its epoch is settled; a reaction travels until
 * then. When an epoch closes, the caller takes from the engine what the range leaves to be settled
 * (engine_candidates, engine_given) and calls engine_close_epoch, before another version is
 * activated. What was decided for the whole cluster comes back by engine_settle. */

/* A pending claim that may win. */
struct engine_claim {
    uint16_t hunt, treasure;
    uint32_t supply; /* of the treasure in this epoch */
    struct player_id player;
    uint32_t seq;
    uint32_t uncertainty_us; /* of the clock that stamped it */
    uint64_t hlc;
    uint64_t log_index;
};

/* The pending claims of the open epoch that may win: of each treasure the first `left` in the order
 * of the log, where left = supply - awarded as far as this range knows; later ones cannot. By
 * rising (hunt, treasure, hlc). Returns how many there are; when `room` is less, nothing is
 * written. Linear in the claims that are pending. */
uint32_t engine_candidates(const struct engine *engine, uint64_t epoch, struct engine_claim *claims,
                           uint32_t room);

/* Reactions for one player, added up. */
struct engine_reaction {
    uint16_t hunt;
    struct player_id to;
    struct emoji emoji;
    uint32_t count;
};

/* The reactions given in the open epoch, by rising (hunt, bytes of the receiver, bytes of the
 * emoji). Returns how many there are; when `room` is less, nothing is written. */
uint32_t engine_given(const struct engine *engine, struct engine_reaction *reactions,
                      uint32_t room);

/* Whether the open epoch's ledger takes no further reaction (but for ones like those that it has).
 * The leader then refuses reactions before they reach the log. */
bool engine_ledger_full(const struct engine *engine);

/* The open epoch is closed: the reactions given from now on belong to a later one. */
void engine_close_epoch(struct engine *engine);

struct engine_awarded {
    uint16_t hunt, treasure;
    uint32_t awarded; /* in the whole cluster by now */
};

/* A claim of this range that has won. */
struct engine_winner {
    uint16_t hunt, treasure;
    uint32_t place; /* from 1, in the whole cluster */
    struct player_id player;
    uint32_t seq;
    uint32_t uncertainty_us;
};

/* What is settled of all epochs up to `through`, as this range is to know it. */
struct engine_settlement {
    uint64_t through;
    uint64_t final_epoch; /* the range's open one: boards count the awards from it on */
    uint32_t awarded_count, winner_count, reaction_count;
    const struct engine_awarded *awarded;
    const struct engine_winner *winners;
    const struct engine_reaction *reactions; /* for players of this range */
    uint64_t settled_digest;
};

/* Settles: claims named have won, and bring the points that they were judged to bring; all other
 * pending ones up to `through` have lost, and their players may try again. Reactions arrive with
 * the players who are known; those for others are dropped. What names no hunt, treasure or pending
 * claim of this range is left out, and an `awarded` below the known one too: tallied, nothing else.
 * STATUS_INVALID: `through` is settled already, or its epoch is not over; nothing has changed. */
MUST_USE enum status engine_settle(struct engine *engine,
                                   const struct engine_settlement *settlement);

/* True, and the epoch through which all are settled; false: none is. */
bool engine_settled_through(const struct engine *engine, uint64_t *ret_epoch);
uint64_t engine_settled_digest(const struct engine *engine);

/* Of a treasure, by number: what settled epochs have awarded in the cluster, and what the active
 * version supplies; 0: it is not limited, or not in that version. */
uint32_t engine_awarded(const struct engine *engine, uint16_t hunt, uint16_t treasure);
uint32_t engine_supply(const struct engine *engine, uint16_t hunt, uint16_t treasure);

/* All treasures of which settled epochs have awarded something, by rising (hunt, treasure). Returns
 * how many there are; when `room` is less, nothing is written. */
uint32_t engine_awarded_list(const struct engine *engine, struct engine_awarded *list,
                             uint32_t room);

/* Claims that wait for their epoch. */
uint32_t engine_pending(const struct engine *engine);

/* What settling did since this process has the engine; for metrics, no replicated state. */
struct engine_tally {
    uint64_t won, lost;
    uint64_t reactions_delivered, reactions_dropped;
    uint64_t ignored; /* winners and awards that name nothing here */
};
const struct engine_tally *engine_tally(const struct engine *engine);

/* ---- Reading. */

/* What a player's page shows. The first lists hold treasure numbers, which grow over all versions,
 * each once and in order. A treasure that was lost and is pending or won by now is not in `lost`.
 */
struct player_page {
    bool known;
    int64_t score;
    uint64_t score_hlc; /* of the last claim that brought points; 0: none */
    uint32_t last_seq;
    uint32_t reactions; /* emoji received and delivered */
    uint16_t found_count, pending_count, won_count, lost_count, open_count, locked_count;
    uint16_t found[TREASURE_NUMBERS_MAX], pending[TREASURE_NUMBERS_MAX];
    uint16_t won[TREASURE_NUMBERS_MAX], lost[TREASURE_NUMBERS_MAX];
    /* Places in the active definition, not numbers. Locked: open but for reactions that are
     * missing, unlock_reactions - reactions of them. */
    uint16_t open[TREASURES_MAX], locked[TREASURES_MAX];
};

/* Fills the page (36 KB) as it is at the moment `hlc`. Open are, while the hunt is, the treasures
 * whose `requires` and `unlock` are fulfilled, that are neither his nor pending, and whose window,
 * where they have one, is now. An unknown player gets an empty page with what is open to a
 * newcomer. */
void engine_player(const struct engine *engine, uint16_t hunt, const struct player_id *player,
                   uint64_t hlc, struct player_page *ret_page);

/* What the treasure at a place in the active definition brings at the moment `hlc`; 0 also where
 * there is none. */
uint32_t engine_points(const struct engine *engine, uint16_t hunt, uint16_t place, uint64_t hlc);

/* How many of each emoji a player has received, by rising bytes of the emoji. Returns how many
 * kinds. Emoji that the hunt has beyond RECEIVED_KINDS_MAX over all its versions, and a player's
 * further kinds once the range holds four per player on average, are in his total only. */
#define RECEIVED_KINDS_MAX 64
struct engine_received {
    struct emoji emoji;
    uint32_t count;
};
uint32_t engine_reactions(const struct engine *engine, uint16_t hunt,
                          const struct player_id *player,
                          struct engine_received list[RECEIVED_KINDS_MAX]);

/* The claims of this range that have won, kept for ever, by rising (treasure, place): those after
 * a position, where {0, 0} stands before all. Returns how many were written, at most `room`. */
struct engine_award {
    uint16_t treasure;
    uint32_t place;
    struct player_id player;
    uint32_t seq;
    uint32_t uncertainty_us;
    uint64_t hlc;
    uint64_t log_index;
    uint64_t epoch; /* of the claim */
};
struct engine_award_position {
    uint16_t treasure;
    uint32_t place;
};
uint32_t engine_awards(const struct engine *engine, uint16_t hunt,
                       struct engine_award_position after, struct engine_award *list,
                       uint32_t room);

/* The highest place that a claim of this range has won of a treasure with claims up to the end of
 * `epoch`; 0: none. Linear in this range's awards of the treasure. */
uint32_t engine_awarded_through(const struct engine *engine, uint16_t hunt, uint16_t treasure,
                                uint64_t epoch);

/* Where a player stands now on the hunt's board; false: unknown. */
bool engine_place(const struct engine *engine, uint16_t hunt, const struct player_id *player,
                  struct board_entry *ret_place);

/* Those of this range's players, whether they have scored or not, who stand nearest to a place on
 * the hunt's board, which may be another range's player's: at most `limit` before it and as many
 * after it, in the board's order. The lists are the caller's, with room for `limit` each. Whoever
 * stands exactly there is in neither. One pass over all players of the range. */
struct engine_neighbours {
    uint32_t limit;
    uint32_t above_count, below_count;
    struct board_entry *above, *below;
};
void engine_neighbours(const struct engine *engine, uint16_t hunt, const struct board_entry *place,
                       struct engine_neighbours *neighbours);

/* The score that a player had before the stamp `before`, an epoch's start: what boards of earlier
 * epochs counted. Awards count from the epoch in which they became final. 0 for an unknown
 * player. */
int64_t engine_score_before(const struct engine *engine, uint16_t hunt,
                            const struct player_id *player, uint64_t before);

/* Whether an action of the player was judged before the stamp `before`, an epoch's start: whether
 * boards of earlier epochs count him. */
bool engine_known_before(const struct engine *engine, uint16_t hunt, const struct player_id *player,
                         uint64_t before);

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

/* What a player, on average at present, and one more accepted claim cost; boards, click patterns,
 * emoji and what waits to be settled aside. */
size_t engine_bytes_per_player(const struct engine *engine);
size_t engine_bytes_per_receipt(void);

/* A digest over the whole state in a canonical order (not the tables' order): equal on every
 * replica that applied the same log. Slow: it sorts, in memory of its own, and aborts when there is
 * none; for checks. */
uint64_t engine_digest(const struct engine *engine);

#endif
