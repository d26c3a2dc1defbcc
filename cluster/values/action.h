/* cluster/values/action.h -- What a player does: a claim (one click) or a reaction (an emoji for
 * another player's score), and the word for what became of it. */
#ifndef CAIRN_CLUSTER_VALUES_ACTION_H
#define CAIRN_CLUSTER_VALUES_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/bytes.h"
#include "cluster/base/ids.h"

enum action_kind {
    ACTION_CLAIM = 1,
    ACTION_REACTION = 2,
};

/* An emoji: 1 to EMOJI_BYTES_MAX bytes of UTF-8, zero terminated. */
struct emoji {
    uint8_t length;
    char text[EMOJI_BYTES_MAX + 1];
};

bool emoji_equal(const struct emoji *a, const struct emoji *b);

/* Order of the bytes: below, equal to or above zero. */
int emoji_compare(const struct emoji *a, const struct emoji *b);

struct action {
    enum action_kind kind;
    uint16_t hunt; /* the hunt's number in this cluster */
    uint32_t seq;  /* the player's own numbering, from 1 */
    struct player_id player;
    int64_t time_ms; /* the client's clock, ms since 1970 UTC */

    /* Claims. Flat hunts: units; geo hunts: longitude, latitude in 1e-7 degrees. */
    int32_t x, y;

    /* Reactions. */
    struct player_id to;
    struct emoji emoji;
};

/* A hash of what makes two actions of one (player, seq) the same: kind, place or receiver and
 * emoji, and client time. */
uint64_t action_content(const struct action *action);

/* The canonical form in a log record; the hunt is part of it. */
void action_encode(const struct action *action, struct writer *writer);

/* False, and the reader failed: not a valid action. */
bool action_decode(struct action *action, struct reader *reader);

/* Bytes that action_encode writes at most. */
#define ACTION_BYTES_MAX 80

/* Numbers as in the public schema; never reused. */
enum outcome {
    OUTCOME_NONE = 0,
    OUTCOME_FOUND = 1,
    OUTCOME_PENDING = 2,
    OUTCOME_WON = 3,
    OUTCOME_LOST = 4,
    OUTCOME_TAP = 5,
    OUTCOME_NOTHING = 6,
    OUTCOME_ALREADY = 7,
    OUTCOME_SOLD_OUT = 8,
    OUTCOME_CLOSED = 9,
    OUTCOME_NOT_OPEN = 10,
    OUTCOME_ENDED = 11,
    OUTCOME_TOO_FAST = 12,
    OUTCOME_RATE_LIMITED = 13,
    OUTCOME_CLOCK_SKEW = 14,
    OUTCOME_EXPIRED = 15,
    OUTCOME_REACTED = 16,
    OUTCOME_INVALID = 17,
    OUTCOME_STALE = 18,
    OUTCOME_CONFLICT = 19,
    OUTCOME_FULL = 20,
    OUTCOME_UNAVAILABLE = 21,
    OUTCOME_COUNT,
};

/* "found", "sold_out", ...: the word of the JSON contract. */
const char *outcome_name(enum outcome outcome);

/* Found, pending, won or lost: the claims whose receipts are kept as long as the hunt. */
bool outcome_accepted(enum outcome outcome);

#endif
