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

uint64_t hash_player(const struct player_id *player)
{
    return XXH3_64bits(player->bytes, sizeof player->bytes);
}

uint32_t hash_range(uint64_t player_hash, uint32_t ranges)
{
    CHECK(ranges > 0);
    CHECK(ranges <= RANGES_MAX);
    return (uint32_t)(((player_hash >> 48) * ranges) >> 16);
}
