/* cluster/epochs/merge.h -- Collects the ranges' summaries on one node and makes the global boards
 * of them.
 *
 * Summaries come in any order, again and again, or late: links lose them and peers repeat them. Of
 * each range the newest BOARDS_KEPT are kept. An epoch is complete when every range has a summary
 * that covers it; what is missing has a name and is pulled. Boards are cumulative, so an epoch is
 * complete even where an older one never will be: a range that was silent for an hour holds up the
 * boards of that hour, not the ones after it.
 *
 * Every summary handed in must be of an epoch that can be over by now (the caller compares with his
 * clock): a peer that runs ahead would push out the summaries that are needed.
 *
 * Boards are made when first asked for, and the newest BOARDS_KEPT are kept; ask for one as soon as
 * it is complete, before its summaries are pushed out. A run of epochs that the same summaries
 * cover has one board. One thread; the boards themselves are for any. */
#ifndef CAIRN_CLUSTER_EPOCHS_MERGE_H
#define CAIRN_CLUSTER_EPOCHS_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/status.h"
#include "cluster/epochs/global_board.h"
#include "cluster/epochs/summary.h"

struct merge;

/* Epochs before `first_epoch` are not expected from anybody. NULL: no memory. */
struct merge *merge_new(uint32_t ranges, uint64_t first_epoch);
void merge_free(struct merge *merge);

/* Takes its own reference where it keeps the summary. A duplicate, and one that is older than what
 * is kept, are STATUS_OK and change nothing. STATUS_INVALID: of a range that does not exist, or
 * with more players than all ranges together may have. STATUS_CONFLICT: another one is kept for one
 * of its epochs, with other content or another run; the first one stays. Replicas have diverged:
 * raise the alarm, naming the range. */
MUST_USE enum status merge_add(struct merge *merge, struct summary *summary);

/* The newest complete epoch; it never falls. False: there is none yet. */
bool merge_complete(const struct merge *merge, uint64_t *ret_epoch);

/* The newest epoch that any range has closed. False: there is none yet. */
bool merge_newest(const struct merge *merge, uint64_t *ret_epoch);

/* Fills in the ranges whose summary of this epoch is not here and may still come, upwards; returns
 * how many. None for epochs before the first one, or that were dropped. */
uint32_t merge_missing(const struct merge *merge, uint64_t epoch, uint32_t missing[RANGES_MAX]);

/* The range's summary that covers the epoch, to answer a pull; NULL: it is not here. No reference
 * is taken: it may go with the next merge_add. */
struct summary *merge_summary(const struct merge *merge, uint64_t epoch, uint32_t range);

/* The board of an epoch, complete or partial, with a reference for the caller. A complete one is
 * the same object every time while it is kept.
 * STATUS_NOT_FOUND: nothing of this epoch is here, or no longer, or the epoch is not among the
 * newest BOARDS_KEPT complete ones or above them. STATUS_CORRUPT: ranges say of one hunt that its
 * ties are broken in different ways. Versions become active in the same epoch everywhere, so a
 * range has diverged: raise the alarm; which one it is cannot be told from here. STATUS_NO_MEMORY.
 */
MUST_USE enum status merge_board(struct merge *merge, uint64_t epoch,
                                 struct global_board **ret_board);

/* Bytes held in summaries and boards, for the metrics. */
uint64_t merge_bytes(const struct merge *merge);

#endif
