/* tests/sim/model_trial.h -- One action before the judge. The lines of the contract only look; what
 * an action changes is written down afterwards, in one place. So a geo decision that is too close
 * to call can be tried both ways. Only for the model's own files. */
#ifndef CAIRN_TESTS_SIM_MODEL_TRIAL_H
#define CAIRN_TESTS_SIM_MODEL_TRIAL_H

#include "tests/sim/model_state.h"

/* Decisions too close to call that one action may bring; further ones are taken as computed. */
#define CHOICES_MAX 8

/* Turns the n-th close decision round where bit n is set. */
struct chooser {
    uint32_t bits;
    uint32_t used;
};

/* One action before the judge, and what the lines find out about it. */
struct trial {
    const struct model *model;
    const struct model_place *place;
    const struct action *action;
    const struct record *record; /* of a player without one: an empty one */
    bool known;
    const struct version *version; /* NULL: none is active */
    uint64_t epoch;
    uint64_t t_us;
    struct chooser chooser;

    unsigned line; /* that decided */
    enum outcome outcome;
    const struct judged *stored; /* its receipt is the answer */
    const struct treasure *treasure;
    uint32_t points;
};

/* The lines in their order: the first that applies decides. Fills in line and what follows it. */
void model_try_action(struct trial *trial);

/* What one action takes from the bucket of line 3. */
struct model_wide model_bucket_token(const struct trial *trial);

/* What the bucket holds at t. A bucket filled under an older version keeps what it held, up to what
 * the present one allows. */
struct model_wide model_bucket_units(const struct trial *trial);

#endif
