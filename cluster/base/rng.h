/* cluster/base/rng.h -- Chance as an argument: xoshiro256** (Blackman and Vigna, 2018), seeded by
 * splitmix64. The same seed gives the same numbers on every machine. Not for secrets. */
#ifndef CAIRN_CLUSTER_BASE_RNG_H
#define CAIRN_CLUSTER_BASE_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);

/* Uniform in [0, bound); bound above 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

/* Uniform in [low, high], both included. */
uint64_t rng_between(struct rng *rng, uint64_t low, uint64_t high);

/* True `numerator` times in `denominator`. */
bool rng_chance(struct rng *rng, uint64_t numerator, uint64_t denominator);

#endif
