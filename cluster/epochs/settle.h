/* cluster/epochs/settle.h -- Who has won: the same answer on every node, from the ledgers of all
 * ranges.
 *
 * Epochs are settled in order and only when complete. Of each limited treasure the candidates of an
 * epoch, over all ranges, stand in the published order (hlc, range, log index); the first
 * left = max(0, supply in that epoch - awarded) win, with the places awarded + 1 up. Whoever is not
 * among them has lost. Pure: no range's state is touched here.
 *
 * settled_digest is a hash chain over the award list of the whole cluster, by (epoch, hunt,
 * treasure, place), so two ranges that settled differently show it. It does not depend on how the
 * epochs were cut into runs. */
#ifndef CAIRN_CLUSTER_EPOCHS_SETTLE_H
#define CAIRN_CLUSTER_EPOCHS_SETTLE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/bytes.h"
#include "cluster/base/status.h"
#include "cluster/epochs/ledger.h"

/* What a range leaves of an epoch. */
struct settle_ledger {
    uint64_t epoch;
    uint32_t range;
    uint64_t digest; /* hash_bytes of the ledger's canonical bytes */
    const struct ledger *ledger;
};

struct settle_awarded {
    uint16_t hunt, treasure;
    uint32_t awarded; /* in the whole cluster */
};

struct settle_winner {
    uint16_t hunt, treasure;
    uint32_t range;
    uint32_t place; /* from 1, in the whole cluster */
    uint64_t epoch; /* of the claim */
    struct ledger_claim claim;
};

struct settle_reaction {
    uint16_t hunt;
    struct ledger_reaction reaction;
};

struct settle_input {
    uint64_t from, through; /* epochs, both included */
    uint32_t ranges;
    /* By rising (epoch, range), all of the run and of these ranges. What is not named is empty, and
     * an empty one makes no difference. */
    const struct settle_ledger *ledgers;
    uint32_t ledger_count;
    /* Before `from`, by rising (hunt, treasure); what is not named has 0. */
    const struct settle_awarded *awarded;
    uint32_t awarded_count;
    uint64_t settled_digest; /* before `from`; 0 where nothing was settled */
};

/* One block of memory, freed with settlement_free. */
struct settlement {
    uint64_t from, through;
    uint32_t ranges;
    uint64_t inputs_digest;  /* over the run, what was settled before and the ledgers, in order */
    uint64_t settled_digest; /* after `through` */
    uint32_t awarded_count;
    struct settle_awarded *awarded; /* of the treasures that were won from, by rising number */
    uint32_t winner_count;
    struct settle_winner *winners; /* by rising (hunt, treasure, place): of each by epochs, too */
    uint32_t reaction_count;
    struct settle_reaction *reactions; /* added up, by rising (hunt, player, emoji); the sums stop
                                        * at UINT32_MAX */
    uint32_t *reaction_ranges;         /* of the receivers */
};

/* STATUS_CORRUPT: ledgers of one epoch name different supplies or versions, which replicas of one
 * cluster cannot; STATUS_NO_MEMORY. */
MUST_USE enum status settle_compute(const struct settle_input *input,
                                    struct settlement **ret_settlement);
void settlement_free(struct settlement *settlement);

/* What one range's log carries of a settlement, in parts of at most SETTLE_PART_BYTES_MAX. The
 * lists of all parts, one after the other, are the whole lists, each item once:
 *
 *    0  u8   version (SETTLE_VERSION), 7 bytes zero
 *    8  u64  from
 *   16  u64  through
 *   24  u32  part, from 1
 *   28  u32  parts; of several, none is empty
 *   32  u64  inputs_digest
 *   40  u64  settled_digest
 *   48  u64  all_settled_through + 1; 0: not even the first epoch has been settled by all ranges
 *   56  u32  awarded, u32 winners, u32 reactions (those for players of this range), u32 zero
 *   72       awarded, by rising (hunt, treasure): u16 hunt, u16 treasure, u32 awarded
 *            winners of this range, by rising (hunt, treasure, place): u16 hunt, u16 treasure, u32
 *              place, 16 bytes player, u32 seq, u32 uncertainty
 *            reactions, by rising (hunt, player, emoji): u16 hunt, 16 bytes player, u8 length,
 *              emoji, u32 count
 */
#define SETTLE_VERSION        1
#define SETTLE_PART_BYTES_MAX ((size_t)256 << 10)

struct settle_own_winner {
    uint16_t hunt, treasure;
    uint32_t place;
    struct player_id player;
    uint32_t seq;
    uint32_t uncertainty_us;
};

struct settle_part {
    uint64_t from, through;
    uint32_t part, parts;
    uint64_t inputs_digest, settled_digest;
    uint64_t all_settled_next; /* all ranges have settled every epoch before this one */
    uint32_t awarded_count, winner_count, reaction_count;
    struct settle_awarded *awarded;
    struct settle_own_winner *winners;
    struct settle_reaction *reactions;
};

/* One range's share of a settlement. */
struct settle_share {
    const struct settlement *settlement;
    uint32_t range; /* below settlement->ranges */
    uint64_t all_settled_next;
};

/* How many parts it is logged in, at least 1. */
uint32_t settle_parts(const struct settle_share *share);

/* Puts part `part`, from 1 to settle_parts(share); a writer with room for SETTLE_PART_BYTES_MAX
 * never overflows. The same share gives the same bytes. */
void settle_encode_part(const struct settle_share *share, uint32_t part, struct writer *writer);

/* Puts a part that was read, as settle_encode_part put it; the same bound holds. */
void settle_put_part(const struct settle_part *part, struct writer *writer);

/* One heap block, freed with free(). STATUS_INVALID: against any rule of the layout that one part
 * can show; STATUS_NO_MEMORY. */
MUST_USE enum status settle_decode_part(struct settle_part **ret_part, const void *data,
                                        size_t size);

#endif
