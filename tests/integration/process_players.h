/* tests/integration/process_players.h -- What the players of a test did, and what must come of it.
 *
 * The hunt "field" is 1024 unlimited treasures in a square; the second half needs the first. What a
 * claim brings depends on the player's earlier ones only, and each claim is judged once however
 * often it is sent: so its outcome, points and score are known when it is made, and every answer is
 * compared with them. A claim that got an answer is acknowledged; whatever is asked about it later
 * must say the same.
 *
 * Whatever differs fails the test. One thread. */
#ifndef CAIRN_TESTS_INTEGRATION_PROCESS_PLAYERS_H
#define CAIRN_TESTS_INTEGRATION_PROCESS_PLAYERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/rng.h"

#define FIELD_TREASURES   1024
#define FIELD_NOWHERE     FIELD_TREASURES /* the place of a claim that is far from all */
#define FIELD_PLAYERS     64
#define FIELD_CLAIM_BYTES 128 /* of JSON */

enum verdict {
    VERDICT_FOUND,
    VERDICT_ALREADY,
    VERDICT_NOTHING,
};

struct claim {
    uint32_t seq;
    uint32_t place; /* a treasure's number, or FIELD_NOWHERE */
    enum verdict verdict;
    uint64_t score; /* the player's, after it */
    /* As it was acknowledged. */
    bool acknowledged;
    uint32_t range;
    uint64_t hlc, epoch;
    uint64_t log_index; /* of a find only */
};

struct player {
    char id[37];
    uint32_t count, capacity;
    struct claim *claims; /* seq rising */
    uint64_t score;
    bool found[FIELD_TREASURES];
};

struct players {
    struct rng *rng;
    struct player list[FIELD_PLAYERS];
    /* So far, by answers taken. */
    uint64_t acknowledged, finds;
    uint64_t replays; /* answers that repeated an earlier one */
    uint64_t unheard; /* replays whose first answer nobody got */
    uint64_t last_epoch;
};

void players_init(struct players *players, struct rng *rng);
void players_fini(struct players *players);

/* The hunt as YAML; the caller frees it. */
char *field_yaml(void);

uint32_t field_points(uint32_t treasure);

/* The player's next claim: its number in `claims`. */
uint32_t players_make_claim(struct players *players, uint32_t player);

/* The claim as a member of `claims`; how long it is. */
size_t players_write_claim(const struct player *player, const struct claim *claim, char *text,
                           size_t capacity);

/* Compares a result, or a receipt, with the claim, and with what was acknowledged; takes it for the
 * acknowledgement when there was none. False: it is `unavailable`. */
bool players_take(struct players *players, uint32_t player, uint32_t claim, const json_t *result);

/* Fails, showing `got`; `seq` 0: it is about no single claim. */
_Noreturn void players_fail(const struct player *player, uint32_t seq, const char *what,
                            const json_t *got);

/* A member that is a number, or the digits of one; fails when it is not there. */
uint64_t json_u64(const json_t *object, const char *name);

/* A member that is a string; "" when there is none. */
const char *json_text_of(const json_t *object, const char *name);

#endif
