#include "cluster/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"

uint64_t hash_bytes(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

uint64_t hash_chain(uint64_t seed, const void *data, size_t size)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

/* All that it calls becomes part of it, where the size decides what is left. */
#define FLATTEN __attribute__((flatten))

FLATTEN uint64_t hash_16(uint64_t seed, const void *data)
{
    return XXH3_64bits_withSeed(data, 16, seed);
}

FLATTEN uint64_t hash_32(uint64_t seed, const void *data)
{
    return XXH3_64bits_withSeed(data, 32, seed);
}

uint64_t hash_player(const struct player_id *player)
{
    _Static_assert(sizeof player->bytes == 16, "a player's id is 16 bytes");
    return hash_16(0, player->bytes); /* seed 0 is XXH3_64bits */
}

uint32_t hash_range(uint64_t player_hash, uint32_t ranges)
{
    CHECK(ranges > 0);
    CHECK(ranges <= RANGES_MAX);
    return (uint32_t)(((player_hash >> 48) * ranges) >> 16);
}
