/* tests/sim/model_wide.h -- Unsigned integers of 256 bits, so that no product in the model can
 * overflow and none needs an argument why it does not. */
#ifndef CAIRN_TESTS_SIM_MODEL_WIDE_H
#define CAIRN_TESTS_SIM_MODEL_WIDE_H

#include <stdint.h>

#define WIDE_LIMBS 8

struct model_wide {
    uint32_t limbs[WIDE_LIMBS]; /* lowest first */
};

struct model_wide model_wide_of(uint64_t value);
struct model_wide model_wide_add(struct model_wide a, struct model_wide b);

/* a - b; b is at most a. */
struct model_wide model_wide_subtract(struct model_wide a, struct model_wide b);
struct model_wide model_wide_multiply(struct model_wide a, struct model_wide b);

/* Below, equal to or above zero. */
int model_wide_compare(struct model_wide a, struct model_wide b);

#endif
