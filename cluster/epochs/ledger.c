#include "cluster/epochs/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

/* The least that an item takes: what bounds a count by the bytes that are left. */
#define HUNT_BYTES           (2 + 4)
#define HUNT_BYTES_LEAST     (HUNT_BYTES + 1 + 1)
#define TREASURE_BYTES       (2 + 4)
#define CLAIM_BYTES          (16 + 4 + 8 + 8 + 4)
#define TREASURE_BYTES_LEAST (TREASURE_BYTES + 1 + CLAIM_BYTES)
#define REACTION_BYTES       (16 + 1)
#define REACTION_BYTES_LEAST (REACTION_BYTES + 1 + 1)

int ledger_reaction_compare(const struct ledger_reaction *a, const struct ledger_reaction *b)
{
    const int receivers = player_id_compare(&a->to, &b->to);
    if (receivers != 0)
        return receivers;
    const uint8_t shorter = a->emoji.length < b->emoji.length ? a->emoji.length : b->emoji.length;
    const int texts = memcmp(a->emoji.text, b->emoji.text, shorter);
    return texts != 0 ? texts : a->emoji.length - b->emoji.length;
}

bool ledger_empty(const struct ledger *ledger)
{
    return ledger->hunt_count == 0;
}

static size_t varint_bytes(uint64_t value)
{
    size_t bytes = 1;
    for (; value >= 0x80; value >>= 7)
        bytes++;
    return bytes;
}

static size_t hunt_bytes(const struct ledger_hunt *hunt)
{
    size_t bytes = HUNT_BYTES + varint_bytes(hunt->treasure_count);
    for (uint32_t i = 0; i < hunt->treasure_count; i++) {
        const uint32_t claims = hunt->treasures[i].claim_count;
        bytes += TREASURE_BYTES + varint_bytes(claims) + (size_t)claims * CLAIM_BYTES;
    }
    bytes += varint_bytes(hunt->reaction_count);
    for (uint32_t i = 0; i < hunt->reaction_count; i++) {
        const struct ledger_reaction *reaction = &hunt->reactions[i];
        bytes += REACTION_BYTES + (size_t)reaction->emoji.length + varint_bytes(reaction->count);
    }
    return bytes;
}

size_t ledger_bytes(const struct ledger *ledger)
{
    size_t bytes = LEDGER_HEADER_BYTES;
    for (uint32_t i = 0; i < ledger->hunt_count; i++)
        bytes += hunt_bytes(&ledger->hunts[i]);
    return bytes;
}

static void put_treasure(struct writer *writer, const struct ledger_treasure *treasure)
{
    put_u16(writer, treasure->number);
    put_u32(writer, treasure->supply);
    put_varint(writer, treasure->claim_count);
    for (uint32_t i = 0; i < treasure->claim_count; i++) {
        const struct ledger_claim *claim = &treasure->claims[i];
        put_bytes(writer, claim->player.bytes, sizeof claim->player.bytes);
        put_u32(writer, claim->seq);
        put_u64(writer, claim->hlc);
        put_u64(writer, claim->log_index);
        put_u32(writer, claim->uncertainty_us);
    }
}

static void put_reaction(struct writer *writer, const struct ledger_reaction *reaction)
{
    CHECK(reaction->emoji.length <= EMOJI_BYTES_MAX);
    put_bytes(writer, reaction->to.bytes, sizeof reaction->to.bytes);
    put_u8(writer, reaction->emoji.length);
    put_bytes(writer, reaction->emoji.text, reaction->emoji.length);
    put_varint(writer, reaction->count);
}

void ledger_encode(const struct ledger *ledger, struct writer *writer)
{
    CHECK(ledger->hunt_count <= HUNTS_MAX);
    CHECK(ledger->settled_any || ledger->settled_through == 0);
    CHECK(ledger->settled_any || ledger->settled_digest == 0);
    put_u8(writer, LEDGER_VERSION);
    put_u8(writer, ledger->settled_any);
    put_u16(writer, (uint16_t)ledger->hunt_count);
    put_u64(writer, ledger->settled_through);
    put_u64(writer, ledger->settled_digest);
    for (uint32_t i = 0; i < ledger->hunt_count; i++) {
        const struct ledger_hunt *hunt = &ledger->hunts[i];
        put_u16(writer, hunt->hunt);
        put_u32(writer, hunt->version);
        put_varint(writer, hunt->treasure_count);
        for (uint32_t j = 0; j < hunt->treasure_count; j++)
            put_treasure(writer, &hunt->treasures[j]);
        put_varint(writer, hunt->reaction_count);
        for (uint32_t j = 0; j < hunt->reaction_count; j++)
            put_reaction(writer, &hunt->reactions[j]);
    }
}

/* The bytes are gone through twice by the same rules: first only to look and to count, then with
 * places to fill. */
struct walk {
    struct reader reader;
    struct ledger_outline seen;
    struct ledger_hunt *hunts; /* these four NULL: only looking */
    struct ledger_treasure *treasures;
    struct ledger_claim *claims;
    struct ledger_reaction *reactions;
};

static bool read_claim(struct reader *reader, struct ledger_claim *claim)
{
    const uint8_t *player = take_bytes(reader, sizeof claim->player.bytes);
    if (player != NULL)
        memcpy(claim->player.bytes, player, sizeof claim->player.bytes);
    claim->seq = take_u32(reader);
    claim->hlc = take_u64(reader);
    claim->log_index = take_u64(reader);
    claim->uncertainty_us = take_u32(reader);
    return reader_ok(reader) && claim->seq >= SEQ_MIN;
}

static bool read_claims(struct walk *walk, uint32_t count)
{
    struct ledger_claim last = {.seq = 0};
    for (uint32_t i = 0; i < count; i++) {
        struct ledger_claim claim = {.seq = 0};
        if (!read_claim(&walk->reader, &claim))
            return false;
        if (i > 0 && (claim.hlc <= last.hlc || claim.log_index < last.log_index))
            return false;
        last = claim;
        if (walk->claims != NULL)
            walk->claims[walk->seen.claims] = claim;
        walk->seen.claims++;
    }
    return true;
}

/* A count of items that take at least so many bytes each. */
static bool read_count(struct reader *reader, size_t bytes_least, uint32_t limit,
                       uint32_t *ret_count)
{
    const uint64_t count = take_varint(reader);
    if (!reader_ok(reader) || count > limit || count > reader_left(reader) / bytes_least)
        return false;
    *ret_count = (uint32_t)count;
    return true;
}

static bool read_treasure(struct walk *walk, struct ledger_treasure *treasure)
{
    struct reader *reader = &walk->reader;
    treasure->number = take_u16(reader);
    treasure->supply = take_u32(reader);
    if (treasure->number >= TREASURE_NUMBERS_MAX || treasure->supply < SUPPLY_MIN ||
        treasure->supply > SUPPLY_MAX)
        return false;
    if (!read_count(reader, CLAIM_BYTES, treasure->supply, &treasure->claim_count) ||
        treasure->claim_count == 0)
        return false;
    if (walk->claims != NULL)
        treasure->claims = walk->claims + walk->seen.claims;
    return read_claims(walk, treasure->claim_count);
}

static bool read_treasures(struct walk *walk, struct ledger_hunt *hunt)
{
    if (!read_count(&walk->reader, TREASURE_BYTES_LEAST, TREASURES_MAX, &hunt->treasure_count))
        return false;
    if (walk->treasures != NULL)
        hunt->treasures = walk->treasures + walk->seen.treasures;
    uint16_t last = 0;
    for (uint32_t i = 0; i < hunt->treasure_count; i++) {
        struct ledger_treasure treasure = {.number = 0};
        if (!read_treasure(walk, &treasure) || (i > 0 && treasure.number <= last))
            return false;
        last = treasure.number;
        if (walk->treasures != NULL)
            walk->treasures[walk->seen.treasures] = treasure;
        walk->seen.treasures++;
    }
    return true;
}

static bool read_reaction(struct reader *reader, struct ledger_reaction *reaction)
{
    const uint8_t *to = take_bytes(reader, sizeof reaction->to.bytes);
    const uint8_t length = take_u8(reader);
    if (to == NULL || length == 0 || length > EMOJI_BYTES_MAX)
        return false;
    const uint8_t *text = take_bytes(reader, length);
    /* The text is a C string to whoever prints it. */
    if (text == NULL || memchr(text, 0, length) != NULL)
        return false;
    memcpy(reaction->to.bytes, to, sizeof reaction->to.bytes);
    memcpy(reaction->emoji.text, text, length);
    reaction->emoji.length = length;
    const uint64_t count = take_varint(reader);
    reaction->count = (uint32_t)count;
    return reader_ok(reader) && count > 0 && count <= UINT32_MAX;
}

static bool read_reactions(struct walk *walk, struct ledger_hunt *hunt)
{
    if (!read_count(&walk->reader, REACTION_BYTES_LEAST, UINT32_MAX, &hunt->reaction_count))
        return false;
    if (walk->reactions != NULL)
        hunt->reactions = walk->reactions + walk->seen.reactions;
    struct ledger_reaction last = {.count = 0};
    for (uint32_t i = 0; i < hunt->reaction_count; i++) {
        struct ledger_reaction reaction = {.count = 0};
        if (!read_reaction(&walk->reader, &reaction) ||
            (i > 0 && ledger_reaction_compare(&last, &reaction) >= 0))
            return false;
        last = reaction;
        if (walk->reactions != NULL)
            walk->reactions[walk->seen.reactions] = reaction;
        walk->seen.reactions++;
    }
    return true;
}

static bool read_hunts(struct walk *walk, uint32_t count)
{
    uint16_t last = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct ledger_hunt hunt = {.hunt = take_u16(&walk->reader)};
        hunt.version = take_u32(&walk->reader);
        if (hunt.hunt >= HUNTS_MAX || (i > 0 && hunt.hunt <= last))
            return false;
        last = hunt.hunt;
        if (!read_treasures(walk, &hunt) || !read_reactions(walk, &hunt) ||
            (hunt.treasure_count == 0 && hunt.reaction_count == 0))
            return false;
        if (walk->hunts != NULL)
            walk->hunts[walk->seen.hunts] = hunt;
        walk->seen.hunts++;
    }
    return true;
}

static bool read_ledger(struct walk *walk)
{
    struct reader *reader = &walk->reader;
    const uint8_t version = take_u8(reader);
    const uint8_t settled = take_u8(reader);
    const uint16_t hunts = take_u16(reader);
    struct ledger_outline *seen = &walk->seen;
    seen->settled_any = settled == 1;
    seen->settled_through = take_u64(reader);
    seen->settled_digest = take_u64(reader);
    if (!reader_ok(reader) || version != LEDGER_VERSION || settled > 1 || hunts > HUNTS_MAX ||
        hunts > reader_left(reader) / HUNT_BYTES_LEAST)
        return false;
    if (settled == 0 && (seen->settled_through != 0 || seen->settled_digest != 0))
        return false;
    return read_hunts(walk, hunts) && reader_done(reader);
}

enum status ledger_check(struct ledger_outline *ret_outline, const void *data, size_t size)
{
    /* So that no sum of counts passes 32 bits. */
    if (size > UINT32_MAX)
        return STATUS_INVALID;
    struct walk walk = {.hunts = NULL};
    reader_init(&walk.reader, data, size);
    if (!read_ledger(&walk))
        return STATUS_INVALID;
    *ret_outline = walk.seen;
    return STATUS_OK;
}

size_t ledger_memory(const struct ledger_outline *outline)
{
    return sizeof(struct ledger) + outline->hunts * sizeof(struct ledger_hunt) +
           outline->treasures * sizeof(struct ledger_treasure) +
           outline->claims * sizeof(struct ledger_claim) +
           outline->reactions * sizeof(struct ledger_reaction);
}

_Static_assert(sizeof(struct ledger) % _Alignof(struct ledger_hunt) == 0, "hunts follow");
_Static_assert(sizeof(struct ledger_hunt) % _Alignof(struct ledger_claim) == 0, "claims follow");
_Static_assert(sizeof(struct ledger) % _Alignof(struct ledger_claim) == 0, "claims follow");
_Static_assert(sizeof(struct ledger_claim) % _Alignof(struct ledger_treasure) == 0,
               "treasures follow");
_Static_assert(sizeof(struct ledger_treasure) % _Alignof(struct ledger_reaction) == 0,
               "reactions follow");

enum status ledger_decode(struct ledger **ret_ledger, const void *data, size_t size)
{
    struct ledger_outline outline;
    const enum status checked = ledger_check(&outline, data, size);
    if (checked != STATUS_OK)
        return checked;
    struct ledger *ledger = malloc(ledger_memory(&outline));
    if (ledger == NULL)
        return STATUS_NO_MEMORY;
    struct walk walk = {.hunts = (void *)(ledger + 1)};
    walk.claims = (void *)(walk.hunts + outline.hunts);
    walk.treasures = (void *)(walk.claims + outline.claims);
    walk.reactions = (void *)(walk.treasures + outline.treasures);
    reader_init(&walk.reader, data, size);
    const bool again = read_ledger(&walk);
    CHECK(again); /* the same bytes by the same rules */
    *ledger = (struct ledger){
        .settled_any = outline.settled_any,
        .settled_through = outline.settled_through,
        .settled_digest = outline.settled_digest,
        .hunt_count = outline.hunts,
        .hunts = walk.hunts,
    };
    *ret_ledger = ledger;
    return STATUS_OK;
}
