/* cluster/epochs/ledgers.h -- One node's collection of the ranges' ledgers that are not settled
 * everywhere yet.
 *
 * Ledgers come with the summaries, in any order, again and again, or late. Of each range the
 * collection knows runs of epochs; an epoch that a run covers without a ledger is known to be
 * empty, so a run costs the same however long it is. What is missing is found with ledgers_unknown,
 * and pulled.
 *
 * The memory is bounded. Where a summary finds no room, the newest runs that lie after it make
 * some: settling goes upwards, so the oldest that is missing must always get in, and what was given
 * up for it can be pulled again.
 *
 * Every summary handed in must be of an epoch that can be over by now, as with merge_add. One
 * thread. */
#ifndef CAIRN_CLUSTER_EPOCHS_LEDGERS_H
#define CAIRN_CLUSTER_EPOCHS_LEDGERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/epochs/ledger.h"
#include "cluster/epochs/settle.h"
#include "cluster/epochs/summary.h"

struct ledgers;

/* Epochs before `first_epoch` are not expected from anybody. `budget_bytes` bounds what is held in
 * runs and their ledgers. NULL: no memory. */
struct ledgers *ledgers_new(uint32_t ranges, uint64_t first_epoch, size_t budget_bytes);
void ledgers_free(struct ledgers *ledgers);

/* Takes what the summary says into the collection; keeps no reference. A duplicate, and what was
 * dropped already, are STATUS_OK and change nothing. STATUS_INVALID: of a range that does not
 * exist. STATUS_CONFLICT: for one of its epochs another ledger, or another run, is known; the first
 * one stays. Replicas have diverged: stop settling and raise the alarm, naming the range.
 * STATUS_FULL: no room, even without all that is newer; nothing changed but what is known of
 * settling. STATUS_NO_MEMORY. */
MUST_USE enum status ledgers_add(struct ledgers *ledgers, const struct summary *summary);

/* The same for a summary whose boards are gone (ranges/range_kept.h): runs without ledgers were
 * made one, so it may begin and end elsewhere than what is known. What is known must say the same,
 * and only the rest is taken. */
MUST_USE enum status ledgers_fill(struct ledgers *ledgers, const struct summary *summary);

/* The first epoch from `from` up that is not known of the range. Epochs that were dropped are not
 * known. */
uint64_t ledgers_unknown(const struct ledgers *ledgers, uint32_t range, uint64_t from);

/* The newest epoch such that of every range all epochs from `from` to it are known. False: there is
 * none. */
bool ledgers_have_all(const struct ledgers *ledgers, uint64_t from, uint64_t *ret_through);

/* The range's ledger of the epoch; NULL: an empty one, or not known. It stays until the next
 * ledgers_add or ledgers_drop_before. */
const struct ledger *ledgers_get(const struct ledgers *ledgers, uint64_t epoch, uint32_t range);

/* The ledgers of the epochs from..through that are not empty, in the order that settle_compute
 * takes. The list is a heap block, freed with free(); what it points to stays as with ledgers_get.
 * STATUS_NO_MEMORY. */
MUST_USE enum status ledgers_gather(const struct ledgers *ledgers, uint64_t from, uint64_t through,
                                    struct settle_ledger **ret_list, uint32_t *ret_count);

/* Forgets all epochs before this one, for good. An epoch that is no later than in an earlier call
 * changes nothing. */
void ledgers_drop_before(struct ledgers *ledgers, uint64_t epoch);

/* How far the ranges have settled, as their newest summaries say. */
struct ledgers_settled {
    uint64_t next; /* all have settled every epoch before this one; 0: one has settled none, or has
                    * said nothing yet */
    /* Two ranges have settled through the same epoch with different digests, once or more: the
     * first such two. One of them is wrong, which cannot be told from digests alone. */
    bool differs;
    uint32_t range, other; /* that said so later, earlier */
    uint64_t epoch;        /* that both have settled through */
};
void ledgers_settled(const struct ledgers *ledgers, struct ledgers_settled *ret_settled);

/* Bytes held of the budget, for the metrics. */
size_t ledgers_bytes(const struct ledgers *ledgers);

#endif
