/* tests/integration/process_compare.h -- Asks a node everything about the hunt "field", and
 * compares it with what was acknowledged. All claims made must have been (load_finish). */
#ifndef CAIRN_TESTS_INTEGRATION_PROCESS_COMPARE_H
#define CAIRN_TESTS_INTEGRATION_PROCESS_COMPARE_H

#include "tests/integration/process.h"
#include "tests/integration/process_players.h"

#define DIGEST_BYTES 17

/* Pages of players, receipts, claims sent once more, the leaderboard, the epoch's digest. Fails at
 * the first difference. */
void compare_all(struct players *players, const struct process *process,
                 char ret_digest[DIGEST_BYTES]);

#endif
