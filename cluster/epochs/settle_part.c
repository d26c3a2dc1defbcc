/* A range's share of a settlement as its log carries it. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/epochs/settle.h"

#define HEADER_BYTES         72
#define AWARDED_BYTES        (2 + 2 + 4)
#define WINNER_BYTES         (2 + 2 + 4 + 16 + 4 + 4)
#define REACTION_BYTES       (2 + 16 + 1 + 4)
#define REACTION_BYTES_LEAST (REACTION_BYTES + 1)

/* Which stretch of a settlement's list one part carries. Not all of the stretch is this range's. */
struct stretch {
    uint32_t from, to;
    uint32_t count; /* of this range */
};

/* Fills part after part with the items in their order, and remembers what went into one of them. */
struct packer {
    uint32_t wanted;
    uint32_t part; /* that is being filled */
    size_t used;   /* bytes of it */
    struct stretch awarded, winners, reactions;
};

static void pack(struct packer *packer, struct stretch *stretch, uint32_t item, size_t bytes)
{
    if (packer->used + bytes > SETTLE_PART_BYTES_MAX) {
        packer->part++;
        packer->used = HEADER_BYTES;
    }
    packer->used += bytes;
    if (packer->part != packer->wanted)
        return;
    if (stretch->count == 0)
        stretch->from = item;
    stretch->to = item + 1;
    stretch->count++;
}

static void pack_all(struct packer *packer, const struct settle_share *share, uint32_t wanted)
{
    const struct settlement *settlement = share->settlement;
    CHECK(share->range < settlement->ranges);
    *packer = (struct packer){.wanted = wanted, .part = 1, .used = HEADER_BYTES};
    for (uint32_t i = 0; i < settlement->awarded_count; i++)
        pack(packer, &packer->awarded, i, AWARDED_BYTES);
    for (uint32_t i = 0; i < settlement->winner_count; i++) {
        if (settlement->winners[i].range == share->range)
            pack(packer, &packer->winners, i, WINNER_BYTES);
    }
    for (uint32_t i = 0; i < settlement->reaction_count; i++) {
        if (settlement->reaction_ranges[i] == share->range)
            pack(packer, &packer->reactions, i,
                 REACTION_BYTES + (size_t)settlement->reactions[i].reaction.emoji.length);
    }
}

uint32_t settle_parts(const struct settle_share *share)
{
    struct packer packer;
    pack_all(&packer, share, 1);
    return packer.part;
}

static void put_header(struct writer *writer, const struct settle_part *part)
{
    put_u64(writer, SETTLE_VERSION);
    put_u64(writer, part->from);
    put_u64(writer, part->through);
    put_u32(writer, part->part);
    put_u32(writer, part->parts);
    put_u64(writer, part->inputs_digest);
    put_u64(writer, part->settled_digest);
    put_u64(writer, part->all_settled_next);
    put_u32(writer, part->awarded_count);
    put_u32(writer, part->winner_count);
    put_u32(writer, part->reaction_count);
    put_u32(writer, 0);
}

static struct settle_part header_of(const struct settle_share *share, const struct packer *packer)
{
    const struct settlement *settlement = share->settlement;
    return (struct settle_part){
        .from = settlement->from,
        .through = settlement->through,
        .part = packer->wanted,
        .parts = packer->part,
        .inputs_digest = settlement->inputs_digest,
        .settled_digest = settlement->settled_digest,
        .all_settled_next = share->all_settled_next,
        .awarded_count = packer->awarded.count,
        .winner_count = packer->winners.count,
        .reaction_count = packer->reactions.count,
    };
}

static void put_awarded(struct writer *writer, const struct settle_awarded *awarded)
{
    put_u16(writer, awarded->hunt);
    put_u16(writer, awarded->treasure);
    put_u32(writer, awarded->awarded);
}

static void put_winner(struct writer *writer, const struct settle_own_winner *winner)
{
    put_u16(writer, winner->hunt);
    put_u16(writer, winner->treasure);
    put_u32(writer, winner->place);
    put_bytes(writer, winner->player.bytes, sizeof winner->player.bytes);
    put_u32(writer, winner->seq);
    put_u32(writer, winner->uncertainty_us);
}

static struct settle_own_winner own_winner(const struct settle_winner *winner)
{
    return (struct settle_own_winner){
        .hunt = winner->hunt,
        .treasure = winner->treasure,
        .place = winner->place,
        .player = winner->claim.player,
        .seq = winner->claim.seq,
        .uncertainty_us = winner->claim.uncertainty_us,
    };
}

static void put_reaction(struct writer *writer, const struct settle_reaction *item)
{
    const struct ledger_reaction *reaction = &item->reaction;
    put_u16(writer, item->hunt);
    put_bytes(writer, reaction->to.bytes, sizeof reaction->to.bytes);
    put_u8(writer, reaction->emoji.length);
    put_bytes(writer, reaction->emoji.text, reaction->emoji.length);
    put_u32(writer, reaction->count);
}

void settle_encode_part(const struct settle_share *share, uint32_t part, struct writer *writer)
{
    CHECK(part > 0);
    struct packer packer;
    pack_all(&packer, share, part);
    CHECK(part <= packer.part);
    const struct settle_part header = header_of(share, &packer);
    put_header(writer, &header);
    const struct settlement *settlement = share->settlement;
    for (uint32_t i = packer.awarded.from; i < packer.awarded.to; i++)
        put_awarded(writer, &settlement->awarded[i]);
    for (uint32_t i = packer.winners.from; i < packer.winners.to; i++) {
        if (settlement->winners[i].range != share->range)
            continue;
        const struct settle_own_winner winner = own_winner(&settlement->winners[i]);
        put_winner(writer, &winner);
    }
    for (uint32_t i = packer.reactions.from; i < packer.reactions.to; i++) {
        if (settlement->reaction_ranges[i] == share->range)
            put_reaction(writer, &settlement->reactions[i]);
    }
}

void settle_put_part(const struct settle_part *part, struct writer *writer)
{
    put_header(writer, part);
    for (uint32_t i = 0; i < part->awarded_count; i++)
        put_awarded(writer, &part->awarded[i]);
    for (uint32_t i = 0; i < part->winner_count; i++)
        put_winner(writer, &part->winners[i]);
    for (uint32_t i = 0; i < part->reaction_count; i++)
        put_reaction(writer, &part->reactions[i]);
}

static bool read_header(struct reader *reader, struct settle_part *part)
{
    const uint64_t version = take_u64(reader);
    part->from = take_u64(reader);
    part->through = take_u64(reader);
    part->part = take_u32(reader);
    part->parts = take_u32(reader);
    part->inputs_digest = take_u64(reader);
    part->settled_digest = take_u64(reader);
    part->all_settled_next = take_u64(reader);
    part->awarded_count = take_u32(reader);
    part->winner_count = take_u32(reader);
    part->reaction_count = take_u32(reader);
    const uint32_t zero = take_u32(reader);
    if (!reader_ok(reader) || version != SETTLE_VERSION || zero != 0)
        return false;
    if (part->from > part->through || part->through == UINT64_MAX || part->part == 0 ||
        part->part > part->parts)
        return false;
    /* Sums of 64 bits: three counts of 32 bits cannot overflow them. */
    const uint64_t items =
        (uint64_t)part->awarded_count + part->winner_count + part->reaction_count;
    const uint64_t least = (uint64_t)part->awarded_count * AWARDED_BYTES +
                           (uint64_t)part->winner_count * WINNER_BYTES +
                           (uint64_t)part->reaction_count * REACTION_BYTES_LEAST;
    return least <= reader_left(reader) && (part->parts == 1 || items > 0);
}

static struct settle_part *part_new(const struct settle_part *header)
{
    const size_t winners_bytes = header->winner_count * sizeof(struct settle_own_winner);
    const size_t awarded_bytes = header->awarded_count * sizeof(struct settle_awarded);
    const size_t reactions_bytes = header->reaction_count * sizeof(struct settle_reaction);
    struct settle_part *part =
        malloc(sizeof *part + winners_bytes + awarded_bytes + reactions_bytes);
    if (part == NULL)
        return NULL;
    unsigned char *place = (unsigned char *)(part + 1);
    *part = *header;
    part->winners = (void *)place;
    part->awarded = (void *)(place + winners_bytes);
    part->reactions = (void *)(place + winners_bytes + awarded_bytes);
    return part;
}

_Static_assert(sizeof(struct settle_part) % _Alignof(struct settle_own_winner) == 0,
               "winners follow");
_Static_assert(_Alignof(struct settle_own_winner) % _Alignof(struct settle_awarded) == 0,
               "awarded follow");
_Static_assert(_Alignof(struct settle_awarded) % _Alignof(struct settle_reaction) == 0,
               "reactions follow");

static bool read_awarded(struct reader *reader, struct settle_part *part)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < part->awarded_count; i++) {
        struct settle_awarded *awarded = &part->awarded[i];
        awarded->hunt = take_u16(reader);
        awarded->treasure = take_u16(reader);
        awarded->awarded = take_u32(reader);
        const uint32_t key = (uint32_t)awarded->hunt << 16 | awarded->treasure;
        if (!reader_ok(reader) || awarded->hunt >= HUNTS_MAX ||
            awarded->treasure >= TREASURE_NUMBERS_MAX || awarded->awarded == 0 ||
            (i > 0 && key <= last))
            return false;
        last = key;
    }
    return true;
}

static bool read_winners(struct reader *reader, struct settle_part *part)
{
    uint64_t last = 0; /* no place is 0, so the first one is above it */
    for (uint32_t i = 0; i < part->winner_count; i++) {
        struct settle_own_winner *winner = &part->winners[i];
        winner->hunt = take_u16(reader);
        winner->treasure = take_u16(reader);
        winner->place = take_u32(reader);
        const uint8_t *player = take_bytes(reader, sizeof winner->player.bytes);
        winner->seq = take_u32(reader);
        winner->uncertainty_us = take_u32(reader);
        const uint64_t key =
            (uint64_t)winner->hunt << 48 | (uint64_t)winner->treasure << 32 | winner->place;
        if (!reader_ok(reader) || player == NULL || winner->hunt >= HUNTS_MAX ||
            winner->treasure >= TREASURE_NUMBERS_MAX || winner->place == 0 ||
            winner->seq < SEQ_MIN || key <= last)
            return false;
        memcpy(winner->player.bytes, player, sizeof winner->player.bytes);
        last = key;
    }
    return true;
}

static bool read_reaction(struct reader *reader, struct settle_reaction *item)
{
    struct ledger_reaction *reaction = &item->reaction;
    item->hunt = take_u16(reader);
    const uint8_t *to = take_bytes(reader, sizeof reaction->to.bytes);
    const uint8_t length = take_u8(reader);
    if (to == NULL || item->hunt >= HUNTS_MAX || length == 0 || length > EMOJI_BYTES_MAX)
        return false;
    const uint8_t *text = take_bytes(reader, length);
    if (text == NULL || memchr(text, 0, length) != NULL)
        return false;
    memcpy(reaction->to.bytes, to, sizeof reaction->to.bytes);
    memcpy(reaction->emoji.text, text, length);
    reaction->emoji.text[length] = 0;
    reaction->emoji.length = length;
    reaction->count = take_u32(reader);
    return reader_ok(reader) && reaction->count > 0;
}

static bool read_reactions(struct reader *reader, struct settle_part *part)
{
    for (uint32_t i = 0; i < part->reaction_count; i++) {
        struct settle_reaction *item = &part->reactions[i];
        if (!read_reaction(reader, item))
            return false;
        const struct settle_reaction *last = i > 0 ? item - 1 : NULL;
        if (last == NULL || last->hunt < item->hunt)
            continue;
        if (last->hunt > item->hunt ||
            ledger_reaction_compare(&last->reaction, &item->reaction) >= 0)
            return false;
    }
    return true;
}

enum status settle_decode_part(struct settle_part **ret_part, const void *data, size_t size)
{
    if (size > SETTLE_PART_BYTES_MAX)
        return STATUS_INVALID;
    struct reader reader;
    reader_init(&reader, data, size);
    struct settle_part header = {.part = 0};
    if (!read_header(&reader, &header))
        return STATUS_INVALID;
    struct settle_part *part = part_new(&header);
    if (part == NULL)
        return STATUS_NO_MEMORY;
    if (!read_awarded(&reader, part) || !read_winners(&reader, part) ||
        !read_reactions(&reader, part) || !reader_done(&reader)) {
        free(part);
        return STATUS_INVALID;
    }
    *ret_part = part;
    return STATUS_OK;
}
