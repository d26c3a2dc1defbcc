/* cluster/epochs/ledger.h -- What one range leaves to be settled of one epoch: who may win a
 * limited treasure, and which reactions are on their way.
 *
 * A ledger is part of the range's summary and follows from its log alone. Of each limited treasure
 * it names the first claims in log order, at most as many as were left when the epoch closed: later
 * ones of this range cannot win. Reactions are added up.
 *
 * Canonical layout (little-endian; varints are LEB128 in their shortest form):
 *
 *    0  u8   version (LEDGER_VERSION)
 *    1  u8   1: something was settled before, else 0
 *    2  u16  hunts
 *    4  u64  settled_through (0 where nothing was)
 *   12  u64  settled_digest (0 where nothing was)
 *   20       for each hunt, by rising number (below HUNTS_MAX):
 *              u16 number, u32 version
 *              varint treasures, each by rising number (below TREASURE_NUMBERS_MAX): u16 number,
 *                u32 supply (1 to SUPPLY_MAX), varint claims (1 to supply), each by rising hlc: 16
 *                bytes player, u32 seq (at least 1), u64 hlc, u64 log index (never falling), u32
 *                uncertainty in microseconds
 *              varint reactions, each by rising (player, emoji): 16 bytes player, u8 length, emoji
 *                (without zeros), varint count (1 to UINT32_MAX)
 *            a hunt with neither is left out
 */
#ifndef CAIRN_CLUSTER_EPOCHS_LEDGER_H
#define CAIRN_CLUSTER_EPOCHS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/bytes.h"
#include "cluster/base/ids.h"
#include "cluster/base/status.h"
#include "cluster/values/action.h"

#define LEDGER_VERSION      1
#define LEDGER_HEADER_BYTES 20

/* A pending claim. */
struct ledger_claim {
    struct player_id player;
    uint32_t seq;
    uint32_t uncertainty_us; /* of the clock that stamped it */
    uint64_t hlc;
    uint64_t log_index;
};

struct ledger_treasure {
    uint16_t number;
    uint32_t supply; /* in this epoch */
    uint32_t claim_count;
    const struct ledger_claim *claims;
};

struct ledger_reaction {
    struct player_id to;
    struct emoji emoji;
    uint32_t count;
};

struct ledger_hunt {
    uint16_t hunt;
    uint32_t version; /* that judged in this epoch */
    uint32_t treasure_count, reaction_count;
    const struct ledger_treasure *treasures;
    const struct ledger_reaction *reactions;
};

struct ledger {
    bool settled_any;
    uint64_t settled_through; /* this range has settled all epochs up to it */
    uint64_t settled_digest;  /* chained over the awards of the cluster up to it */
    uint32_t hunt_count;
    const struct ledger_hunt *hunts;
};

/* The order of reactions within a hunt: by receiver, then by the emoji's bytes, of which a shorter
 * one stands before those that it begins. Below, equal to or above zero. */
int ledger_reaction_compare(const struct ledger_reaction *a, const struct ledger_reaction *b);

/* Neither claims nor reactions. */
bool ledger_empty(const struct ledger *ledger);

/* The canonical form. The lists must be in order. */
size_t ledger_bytes(const struct ledger *ledger);
void ledger_encode(const struct ledger *ledger, struct writer *writer);

/* What can be said of a ledger without taking memory for it. */
struct ledger_outline {
    bool settled_any;
    uint64_t settled_through, settled_digest;
    uint32_t hunts, treasures, claims, reactions;
};

/* Whether bytes from anywhere are a ledger: STATUS_INVALID where they are not canonical, or against
 * any rule of the layout. */
MUST_USE enum status ledger_check(struct ledger_outline *ret_outline, const void *data,
                                  size_t size);

/* Bytes of the block that ledger_decode makes. */
size_t ledger_memory(const struct ledger_outline *outline);

/* Reads bytes from anywhere into one heap block, freed with free(). STATUS_INVALID: as with
 * ledger_check, which comes before memory is taken; STATUS_NO_MEMORY. */
MUST_USE enum status ledger_decode(struct ledger **ret_ledger, const void *data, size_t size);

#endif
