#include "cluster/hunt/digest.h"

#include "cluster/base/bytes.h"
#include "cluster/base/check.h"
#include "cluster/base/hash.h"

/* Enough for the longest piece, a player without his receipts. */
#define PIECE_BYTES_MAX 1024

struct piece {
    struct writer writer;
    uint8_t bytes[PIECE_BYTES_MAX];
};

static void piece_init(struct piece *piece)
{
    writer_init(&piece->writer, piece->bytes, sizeof piece->bytes);
}

static uint64_t piece_digest(uint64_t seed, const struct piece *piece)
{
    CHECK(writer_ok(&piece->writer));
    return hash_chain(seed, piece->bytes, piece->writer.used);
}

uint64_t digest_hunt(uint64_t seed, uint16_t number, const struct hunt *hunt)
{
    struct piece piece;
    piece_init(&piece);
    put_u16(&piece.writer, number);
    put_u32(&piece.writer, hunt->version);
    put_u16(&piece.writer, hunt->names_count);
    uint64_t digest = piece_digest(seed, &piece);
    for (uint16_t i = 0; i < hunt->names_count; i++) {
        piece_init(&piece);
        put_bytes(&piece.writer, hunt->names[i].text, sizeof hunt->names[i].text);
        put_u32(&piece.writer, hunt->awarded[i]);
        put_u64(&piece.writer, hunt->first_epoch_plus_1[i]);
        digest = piece_digest(digest, &piece);
    }
    return digest;
}

static void put_record(struct writer *writer, const struct player *player)
{
    put_u16(writer, player->hunt);
    put_bytes(writer, player->id.bytes, sizeof player->id.bytes);
    put_i64(writer, player->score);
    put_u64(writer, player->score_hlc);
    put_u64(writer, player->bucket.units);
    put_u64(writer, player->bucket.at_us);
    put_u8(writer, player->has_bucket);
    put_u64(writer, player->his);
    put_u64(writer, player->pending);
    put_u8(writer, player->has_place);
    put_u64(writer, player->place_us);
    put_i32(writer, player->place_x);
    put_i32(writer, player->place_y);
    put_u32(writer, player->reactions);
}

static void put_window(struct writer *writer, const struct window *window)
{
    put_u8(writer, window->count);
    for (uint32_t n = 0; n < window->count; n++) {
        const struct window_entry *entry = window_at(window, n);
        put_u32(writer, entry->seq);
        put_u32(writer, entry->content);
        put_u64(writer, window_hlc(entry));
        put_u16(writer, entry->treasure);
        put_u8(writer, entry->outcome);
    }
}

static void put_taps(struct writer *writer, const struct tap_set *set)
{
    for (uint32_t i = 0; i < TAPS_PATTERNS; i++) {
        const struct tap_pattern *pattern = &set->patterns[i];
        put_u8(writer, pattern->clicks);
        if (pattern->clicks == 0)
            continue;
        put_u16(writer, pattern->treasure);
        put_u64(writer, pattern->last_us);
        for (uint32_t n = 0; n + 1 < pattern->clicks; n++)
            put_u32(writer, pattern->before_us[n]);
    }
}

static void put_receipt(struct writer *writer, const struct receipt *receipt)
{
    put_u32(writer, receipt->seq);
    put_u32(writer, receipt->content);
    put_u64(writer, receipt->hlc);
    put_u64(writer, receipt->log_index);
    put_u32(writer, receipt->points);
    put_u32(writer, receipt->version);
    put_u32(writer, receipt->final_after);
    put_u16(writer, receipt->treasure);
    put_u8(writer, receipt->outcome);
}

uint64_t digest_player(uint64_t seed, const struct players *players,
                       const struct receipts *receipts, const struct player *player)
{
    struct piece piece;
    piece_init(&piece);
    put_record(&piece.writer, player);
    put_window(&piece.writer, &player->window);
    put_taps(&piece.writer, players_taps(players, player));
    uint64_t digest = piece_digest(seed, &piece);

    const struct receipt *receipt = receipts_at(receipts, player->receipts);
    while (receipt != NULL) {
        piece_init(&piece);
        put_receipt(&piece.writer, receipt);
        digest = piece_digest(digest, &piece);
        receipt = receipts_at(receipts, receipt->next);
    }
    return digest;
}
