/* cluster/base/hash.h -- XXH3-64 and what the cluster derives from it. Part of the replicated
 * format: never change a seed or an input. Source: xxHash, https://xxhash.com (XXH3, stable since
 * 0.8.0). */
#ifndef CAIRN_CLUSTER_BASE_HASH_H
#define CAIRN_CLUSTER_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/ids.h"

/* XXH3_64bits, seed 0. */
uint64_t hash_bytes(const void *data, size_t size);

/* XXH3_64bits with a seed: chains digests, `hash_chain(previous, data)`. */
uint64_t hash_chain(uint64_t seed, const void *data, size_t size);

/* hash_chain of just so many bytes, for what is hashed with every action: a compiler that knows the
 * size makes a dozen instructions of it. */
uint64_t hash_16(uint64_t seed, const void *data);
uint64_t hash_32(uint64_t seed, const void *data);

/* The hash that places a player: XXH3_64bits, seed 0, of his 16 bytes. */
uint64_t hash_player(const struct player_id *player);

/* The range that owns a player's hash: its top 16 bits x ranges / 65536. Result below `ranges`. */
uint32_t hash_range(uint64_t player_hash, uint32_t ranges);

#endif
