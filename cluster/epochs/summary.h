/* cluster/epochs/summary.h -- What one range says of a run of closed epochs: its boards, and what
 * is left to be settled.
 *
 * A summary follows from the range's log alone, so every replica makes the same bytes. One close
 * covers a run of epochs that the same versions of the hunts judge, in which nothing happened but
 * at its beginning; so does its summary. The boards are cumulative: a summary replaces the older
 * ones of its range. The ledger is the first epoch's alone: those of the other epochs of the run
 * are empty, with the same settled_ values.
 *
 * How ties are broken is said here, by the version that was active in the range, and not left to
 * whoever merges: a node may hear of a version later than of epochs that were closed under it. A
 * version becomes active in the same epoch everywhere and no run crosses that epoch, so the
 * summaries of all ranges say the same of each epoch, wherever their runs end.
 *
 * The canonical layout (little-endian; varints are LEB128 in their shortest form):
 *
 *    0  u16  version (SUMMARY_VERSION)
 *    2  u16  hunts
 *    4  u32  range
 *    8  u64  first epoch of the run
 *   16  u64  last epoch of the run
 *   24  u64  the range's last HLC when it closed
 *   32  u32  bytes of the ledger; 0: an empty one with nothing settled, which has no other form
 *   36       the ledger (ledger.h); its settled_through is below the first epoch
 *            for each hunt, by rising number:
 *              u16 number, u8 ties (0 while no version is active), varint players
 *              varint entries, each: varint score, u64 hlc, 16 bytes player; the best min(players
 *                that have scored, BOARD_TOP) in the order of board_entry_compare
 *              varint buckets, each: varint gap (score - the last one's - 1; the first: the score),
 *                varint players, above 0
 *
 * A summary is immutable. References are counted atomically, so any thread may hold one. */
#ifndef CAIRN_CLUSTER_EPOCHS_SUMMARY_H
#define CAIRN_CLUSTER_EPOCHS_SUMMARY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/arena.h"
#include "cluster/base/bounds.h"
#include "cluster/base/bytes.h"
#include "cluster/base/status.h"
#include "cluster/epochs/ledger.h"
#include "cluster/hunt/board.h"
#include "cluster/hunt/definition.h"

#define SUMMARY_VERSION      1
#define SUMMARY_HEADER_BYTES 36

/* Where a hunt's part lies. */
struct summary_hunt {
    uint16_t hunt;
    enum ties ties;
    uint32_t players, entries, buckets;
    size_t entries_at, buckets_at; /* offsets in the bytes */
};

struct summary {
    atomic_uint references;
    uint32_t range;
    uint64_t from, through; /* epochs, both included */
    uint64_t last_hlc;
    bool settled_any; /* these three as in the ledger */
    uint64_t settled_through, settled_digest;
    uint32_t ledger_bytes; /* of the canonical form, at SUMMARY_HEADER_BYTES */
    uint32_t ledger_hunts; /* 0: neither claims nor reactions */
    size_t ledger_memory;  /* bytes of what summary_ledger makes */
    uint32_t hunt_count;
    struct summary_hunt hunts[HUNTS_MAX]; /* by rising number */
    uint64_t digest;                      /* hash_bytes of the bytes */
    size_t size;
    uint8_t *bytes; /* the canonical encoding */
};

struct summary_source {
    uint16_t hunt;
    enum ties ties;
    struct board *board;
};

struct summary_input {
    uint32_t range;         /* below RANGES_MAX */
    uint64_t from, through; /* epochs; through below UINT64_MAX */
    uint64_t last_hlc;
    const struct summary_source *sources; /* by rising hunt; all of this range */
    uint32_t count;                       /* of sources, at most HUNTS_MAX */
    const struct ledger *ledger;          /* of `from`; NULL: an empty one with nothing settled */
    struct arena *room;                   /* where it is written at first; NULL: the heap */
};

/* A summary with one reference, the caller's. The boards' top lists are sorted in place; nothing
 * else about them changes. NULL: no memory. */
struct summary *summary_build(const struct summary_input *input);

/* Reads bytes from anywhere into a new summary with its own copy of them and one reference.
 * STATUS_INVALID: not what summary_build makes (every rule of the layout is checked, and that the
 * top list is the histogram's upper end); STATUS_NO_MEMORY. Takes no memory before all is checked.
 */
MUST_USE enum status summary_decode(struct summary **ret_summary, const void *data, size_t size);

struct summary *summary_hold(struct summary *summary);
void summary_release(struct summary *summary);

/* The ledger of the run's first epoch in one heap block, freed with free(). STATUS_NO_MEMORY. */
MUST_USE enum status summary_ledger(const struct summary *summary, struct ledger **ret_ledger);

/* The hunt's part; NULL: there is none. */
const struct summary_hunt *summary_hunt(const struct summary *summary, uint16_t hunt);

/* Walks one hunt's buckets (scores upwards) or its entries (best first). The summary must be held
 * meanwhile. False: there is no further one. */
struct summary_cursor {
    struct reader reader;
    uint32_t range;
    uint32_t left;
    int64_t score; /* of the last bucket */
};
void summary_buckets(struct summary_cursor *cursor, const struct summary *summary,
                     const struct summary_hunt *hunt);
bool summary_next_bucket(struct summary_cursor *cursor, struct board_bucket *ret_bucket);
void summary_entries(struct summary_cursor *cursor, const struct summary *summary,
                     const struct summary_hunt *hunt);
bool summary_next_entry(struct summary_cursor *cursor, struct board_entry *ret_entry);

#endif
