/* tests/unit/made_ledger.h -- Ledgers made of chance, for the tests of what carries and settles
 * them. Needs cmocka included before. */
#ifndef CAIRN_TESTS_UNIT_MADE_LEDGER_H
#define CAIRN_TESTS_UNIT_MADE_LEDGER_H

#include <stdlib.h>
#include <string.h>

#include "cluster/base/bytes.h"
#include "cluster/base/hash.h"
#include "cluster/base/rng.h"
#include "cluster/epochs/ledger.h"

#define MADE_HUNTS     3
#define MADE_TREASURES 3
#define MADE_CLAIMS    4
#define MADE_REACTIONS 4

struct made {
    struct ledger ledger;
    struct ledger_hunt hunts[MADE_HUNTS];
    struct ledger_treasure treasures[MADE_HUNTS][MADE_TREASURES];
    struct ledger_claim claims[MADE_HUNTS][MADE_TREASURES][MADE_CLAIMS];
    struct ledger_reaction reactions[MADE_HUNTS][MADE_REACTIONS];
};

static inline struct player_id made_player(uint32_t number)
{
    struct player_id player = {.bytes = {9}};
    for (unsigned i = 0; i < 4; i++)
        player.bytes[12 + i] = (uint8_t)(number >> (24 - 8 * i));
    return player;
}

static inline struct emoji made_emoji(const char *text)
{
    struct emoji emoji = {.length = (uint8_t)strlen(text)};
    memcpy(emoji.text, text, emoji.length);
    return emoji;
}

/* What a treasure's supply is in an epoch: it may be lowered and raised again. */
static inline uint32_t made_supply(uint64_t epoch, uint16_t hunt, uint16_t treasure)
{
    const uint64_t steps[] = {6, 6, 2, 9, 1, 14};
    return (uint32_t)(steps[(epoch / 3 + hunt + treasure) % 6] + 3U * treasure);
}

/* Claims of one treasure, with stamps so close that those of other ranges are often equal. */
static inline uint32_t made_claims(struct rng *rng, uint32_t most, uint64_t epoch,
                                   struct ledger_claim *claims)
{
    const uint32_t count = (uint32_t)rng_between(rng, 1, most);
    uint64_t hlc = 100 * epoch, log_index = 10 * epoch + 1;
    for (uint32_t i = 0; i < count; i++) {
        hlc += rng_between(rng, 1, 3);
        log_index += rng_below(rng, 2);
        claims[i] = (struct ledger_claim){
            .player = made_player((uint32_t)rng_below(rng, 1000)),
            .seq = (uint32_t)rng_between(rng, 1, 50),
            .uncertainty_us = (uint32_t)rng_below(rng, 5000),
            .hlc = hlc,
            .log_index = log_index,
        };
    }
    return count;
}

static inline uint32_t made_reactions(struct rng *rng, struct ledger_reaction *reactions)
{
    static const char *const texts[] = {"a", "ab", "b", "\xf0\x9f\x8e\x89"};
    uint32_t count = 0;
    for (uint32_t receiver = 0; receiver < 2; receiver++) {
        for (unsigned i = 0; i < 4 && count < MADE_REACTIONS; i++) {
            if (!rng_chance(rng, 1, 3))
                continue;
            reactions[count++] = (struct ledger_reaction){
                .to = made_player(receiver),
                .emoji = made_emoji(texts[i]),
                .count = rng_chance(rng, 1, 20) ? UINT32_MAX : (uint32_t)rng_between(rng, 1, 300),
            };
        }
    }
    return count;
}

static inline void made_fill(struct made *made, struct rng *rng, uint64_t epoch)
{
    memset(made, 0, sizeof *made);
    uint32_t hunts = 0;
    for (uint16_t hunt = 0; hunt < MADE_HUNTS; hunt++) {
        uint32_t treasures = 0;
        for (uint16_t number = 0; number < MADE_TREASURES; number++) {
            if (!rng_chance(rng, 1, 2))
                continue;
            const uint32_t supply = made_supply(epoch, hunt, number);
            const uint32_t most = supply < MADE_CLAIMS ? supply : MADE_CLAIMS;
            struct ledger_claim *claims = made->claims[hunts][treasures];
            const uint32_t count = made_claims(rng, most, epoch, claims);
            made->treasures[hunts][treasures++] = (struct ledger_treasure){
                .number = number, .supply = supply, .claim_count = count, .claims = claims};
        }
        const uint32_t reactions = made_reactions(rng, made->reactions[hunts]);
        if (treasures + reactions == 0)
            continue;
        made->hunts[hunts] = (struct ledger_hunt){
            .hunt = (uint16_t)(hunt * 20),
            .version = (uint32_t)(1 + epoch / 3),
            .treasure_count = treasures,
            .reaction_count = reactions,
            .treasures = made->treasures[hunts],
            .reactions = made->reactions[hunts],
        };
        hunts++;
    }
    made->ledger.hunt_count = hunts;
    made->ledger.hunts = made->hunts;
}

/* The canonical bytes in a block of their exact size, so that the sanitizers see a read past the
 * end. */
static inline uint8_t *made_bytes(const struct ledger *ledger, size_t *ret_size)
{
    const size_t size = ledger_bytes(ledger);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    struct writer writer;
    writer_init(&writer, bytes, size);
    ledger_encode(ledger, &writer);
    assert_true(writer_ok(&writer));
    assert_int_equal(writer.used, size);
    *ret_size = size;
    return bytes;
}

static inline uint64_t made_digest(const struct ledger *ledger)
{
    size_t size = 0;
    uint8_t *bytes = made_bytes(ledger, &size);
    const uint64_t digest = hash_bytes(bytes, size);
    free(bytes);
    return digest;
}

#endif
