/* tests/sim/world_play.h -- The committed logs, played to the independent model.
 *
 * Ranges are played side by side, because settling ties them together: a SETTLE of epoch e is
 * played when every range has been played past e. Who wins is not read from the SETTLE but chosen
 * here, by sorting the pending claims of all ranges; what the nodes made of their SETTLEs shows in
 * receipts, scores and boards. */
#ifndef CAIRN_TESTS_SIM_WORLD_PLAY_H
#define CAIRN_TESTS_SIM_WORLD_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/values/action.h"
#include "cluster/values/result.h"
#include "tests/sim/model.h"
#include "tests/sim/world_internal.h"

/* One time that an action stands in a log, and what the model says of it. */
struct occurrence {
    struct player_id player;
    uint16_t hunt;
    uint32_t seq;
    uint64_t content;
    bool voided; /* past a promise: it was never judged */
    struct result expected;
};

struct play;

/* Plays everything that is applied; failures go to the world. */
/* Whether what any node has applied can be read from some node's disk: only then is there nothing
 * missing from the logs that play_new reads. */
bool play_can_read_all(const struct world *world);
struct play *play_new(struct world *world);
void play_free(struct play *play);

struct model *play_model(const struct play *play);

/* All occurrences, by player, seq, content and hunt. */
const struct occurrence *play_occurrences(const struct play *play, size_t *ret_count);
int occurrence_compare(const void *left, const void *right);

/* How many have won a treasure, in the whole cluster. */
uint32_t play_awarded(const struct play *play, uint16_t hunt, uint16_t treasure);

#endif
