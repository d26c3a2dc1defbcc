/* cluster/ranges/range_state.h -- The state machine of one range: its hunts, its clock, its epochs.
 *
 * It is a pure function of its log: apply the same records in the same order and the results, the
 * summaries and the digest are the same on every replica. It decides
 * - the stamp of each action: hlc = base + i, base = max(the record's stamp, last + 1), moved to
 * the start of the later epoch where base and base + n - 1 lie in different ones;
 * - when an epoch closes: by the first record stamped in a later one, or by CLOSE. Nothing is ever
 *   added to a closed epoch. One close covers a run of epochs that the same versions judge: a
 *   record that goes past the epoch in which a version becomes active closes a run up to it, and
 *   another from there. So runs may differ from range to range, but what they say of how ties are
 *   broken in an epoch does not;
 * - which version of a hunt judges: LEARN makes one known and promises that no epoch after
 *   `promise` opens before RESOLVE; a record that would open one is void.
 * One thread. */
#ifndef CAIRN_CLUSTER_RANGES_RANGE_STATE_H
#define CAIRN_CLUSTER_RANGES_RANGE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/arena.h"
#include "cluster/base/status.h"
#include "cluster/epochs/summary.h"
#include "cluster/hunt/engine.h"
#include "cluster/ranges/system_state.h"
#include "cluster/values/log_entry.h"
#include "cluster/values/record.h"

#define PROMISE_NONE UINT64_MAX

struct range_state;

/* The secret is this process's own (engine_config). NULL: no memory. */
struct range_state *range_state_new(const struct settings *settings, uint32_t range,
                                    uint64_t index_secret);
void range_state_free(struct range_state *state);

struct range_applied {
    enum record_kind kind;
    bool ignored;           /* void: not a record, or past a promise */
    struct result *results; /* ACTIONS: one each, in the arena; void ones are `unavailable` */
    uint32_t count;
    struct summary **summaries; /* of the runs of epochs that this record closed, oldest first; the
                                 * list is in the arena, the references are the caller's */
    uint32_t summary_count;
    uint64_t all_settled_next; /* SETTLE, whole: all ranges have settled what is before; else 0 */
};

/* Applies the record at `index`. STATUS_NO_MEMORY: the state must not be used any more. */
MUST_USE enum status range_state_apply(struct range_state *state, uint64_t index,
                                       const struct log_entry *entry, struct arena *arena,
                                       struct range_applied *ret_applied);

uint64_t range_state_open_epoch(const struct range_state *state);

/* The first epoch that is not settled in this range. */
uint64_t range_state_settle_next(const struct range_state *state);
uint64_t range_state_last_hlc(const struct range_state *state);

/* The last epoch that may open now; PROMISE_NONE: any. */
uint64_t range_state_promise(const struct range_state *state);

/* The version at place `at` (from 0) among those learned and not resolved. False: there are no
 * more. */
struct range_learned {
    uint16_t hunt;
    uint32_t version;
    uint64_t promise;
};
bool range_state_unresolved(const struct range_state *state, uint32_t at,
                            struct range_learned *ret_learned);

/* The newest version of a hunt that was learned; 0: none. */
uint32_t range_state_learned(const struct range_state *state, uint16_t hunt);

/* The summaries that belong to the state (range_kept.h), by rising epoch; from *ret_whole on they
 * have their boards, before that their ledgers only. */
struct summary *const *range_state_kept(const struct range_state *state, uint32_t *ret_count,
                                        uint32_t *ret_whole);

/* All ranges have settled the epochs before this one, as this range's log says. */
uint64_t range_state_all_settled_next(const struct range_state *state);

struct engine *range_state_engine(struct range_state *state);

/* Chained over every applied record's outcome: cheap, and equal at equal (range, index). */
uint64_t range_state_digest(const struct range_state *state);

#endif
