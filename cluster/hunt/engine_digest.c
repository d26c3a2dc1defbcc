/* A digest over the whole replicated state: over its values in a fixed order, never over memory as
 * it lies. */
#include <stdlib.h>

#include "cluster/base/bytes.h"
#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/hunt/engine_internal.h"

/* Enough for the longest piece, a player without his chains. */
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

static void put_id(struct writer *writer, const struct player_id *id)
{
    put_bytes(writer, id->bytes, sizeof id->bytes);
}

static void put_emoji(struct writer *writer, const struct emoji *emoji)
{
    put_u8(writer, emoji->length);
    put_bytes(writer, emoji->text, emoji->length);
}

static uint64_t digest_awards(const struct engine *engine, uint64_t seed,
                              const struct award_chain *chain)
{
    uint64_t digest = seed;
    const struct award *award = awards_at(&engine->awards, chain->first);
    while (award != NULL) {
        struct piece piece;
        piece_init(&piece);
        put_u32(&piece.writer, award->place);
        put_id(&piece.writer, &engine->players.records[award->player].id);
        put_u32(&piece.writer, receipts_at(&engine->receipts, award->receipt)->seq);
        put_u32(&piece.writer, award->uncertainty_us);
        digest = piece_digest(digest, &piece);
        award = awards_at(&engine->awards, award->next);
    }
    return digest;
}

static uint64_t digest_emoji(uint64_t seed, const struct hunt_state *hunt)
{
    uint64_t digest = seed;
    for (uint16_t i = 0; i < hunt->emoji_count; i++) {
        struct piece piece;
        piece_init(&piece);
        put_emoji(&piece.writer, &hunt->emoji[i]);
        digest = piece_digest(digest, &piece);
    }
    return digest;
}

static uint64_t digest_hunt(const struct engine *engine, uint64_t seed, uint16_t number)
{
    const struct hunt_state *hunt = engine->hunts[number];
    struct piece piece;
    piece_init(&piece);
    put_u16(&piece.writer, number);
    put_u32(&piece.writer, hunt->version);
    put_u16(&piece.writer, hunt->names_count);
    put_u16(&piece.writer, hunt->emoji_count);
    uint64_t digest = piece_digest(seed, &piece);
    for (uint16_t i = 0; i < hunt->names_count; i++) {
        piece_init(&piece);
        put_bytes(&piece.writer, hunt->names[i].text, sizeof hunt->names[i].text);
        put_u32(&piece.writer, hunt->supply[i]);
        put_u32(&piece.writer, hunt->awarded[i]);
        put_u64(&piece.writer, hunt->first_epoch_plus_1[i]);
        digest = piece_digest(digest, &piece);
        digest = digest_awards(engine, digest, &hunt->awards[i]);
    }
    return digest_emoji(digest, hunt);
}

static void put_record(struct writer *writer, const struct player *player)
{
    put_u16(writer, player->hunt);
    put_id(writer, &player->id);
    put_u64(writer, player->joined);
    put_i64(writer, player->score);
    put_u64(writer, player->score_hlc);
    put_u64(writer, player->score_from);
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

static uint64_t digest_chains(const struct engine *engine, uint64_t seed,
                              const struct player *player)
{
    uint64_t digest = seed;
    struct piece piece;
    const struct receipt *receipt = receipts_at(&engine->receipts, player->receipts);
    while (receipt != NULL) {
        piece_init(&piece);
        put_receipt(&piece.writer, receipt);
        digest = piece_digest(digest, &piece);
        receipt = receipts_at(&engine->receipts, receipt->next);
    }
    struct engine_received list[RECEIVED_KINDS_MAX];
    const uint32_t kinds = engine_reactions(engine, player->hunt, &player->id, list);
    for (uint32_t i = 0; i < kinds; i++) {
        piece_init(&piece);
        put_emoji(&piece.writer, &list[i].emoji);
        put_u32(&piece.writer, list[i].count);
        digest = piece_digest(digest, &piece);
    }
    return digest;
}

static uint64_t digest_player(const struct engine *engine, uint64_t seed,
                              const struct player *player)
{
    struct piece piece;
    piece_init(&piece);
    put_record(&piece.writer, player);
    put_window(&piece.writer, &player->window);
    put_taps(&piece.writer, players_taps(&engine->players, player));
    return digest_chains(engine, piece_digest(seed, &piece), player);
}

/* What waits to be settled. */
static uint64_t digest_waiting(const struct engine *engine, uint64_t seed)
{
    uint64_t digest = seed;
    struct piece piece;
    for (uint32_t n = 0; n < claims_count(&engine->claims); n++) {
        const struct pending_claim *claim = claims_at(&engine->claims, n);
        const struct player *player = &engine->players.records[claim->player];
        piece_init(&piece);
        put_u16(&piece.writer, player->hunt);
        put_id(&piece.writer, &player->id);
        put_u32(&piece.writer, receipts_at(&engine->receipts, claim->receipt)->seq);
        put_u32(&piece.writer, claim->uncertainty_us);
        digest = piece_digest(digest, &piece);
    }
    const struct given_reaction *const *given = given_sorted(&engine->given);
    for (uint32_t i = 0; i < engine->given.count; i++) {
        piece_init(&piece);
        put_u16(&piece.writer, given[i]->hunt);
        put_id(&piece.writer, &given[i]->to);
        put_emoji(&piece.writer, &given[i]->emoji);
        put_u32(&piece.writer, given[i]->count);
        digest = piece_digest(digest, &piece);
    }
    return digest;
}

static int compare_players(const void *a, const void *b)
{
    const struct player *one = *(const struct player *const *)a;
    const struct player *other = *(const struct player *const *)b;
    if (one->hunt != other->hunt)
        return one->hunt < other->hunt ? -1 : 1;
    return player_id_compare(&one->id, &other->id);
}

static uint64_t digest_head(const struct engine *engine)
{
    struct piece piece;
    piece_init(&piece);
    put_u32(&piece.writer, engine->players.count);
    put_u32(&piece.writer, claims_count(&engine->claims));
    put_u32(&piece.writer, engine->given.count);
    put_u64(&piece.writer, engine->settled_next);
    put_u64(&piece.writer, engine->settled_digest);
    return piece_digest(engine->config.range, &piece);
}

uint64_t engine_digest(const struct engine *engine)
{
    const uint32_t count = engine->players.count;
    const struct player **order = malloc((size_t)count * sizeof *order + 1);
    CHECK(order != NULL);
    for (uint32_t i = 0; i < count; i++)
        order[i] = &engine->players.records[i];
    qsort(order, count, sizeof order[0], compare_players);

    uint64_t digest = digest_head(engine);
    for (uint16_t i = 0; i < HUNTS_MAX; i++) {
        if (engine->hunts[i] != NULL)
            digest = digest_hunt(engine, digest, i);
    }
    for (uint32_t i = 0; i < count; i++)
        digest = digest_player(engine, digest, order[i]);
    free(order);
    return digest_waiting(engine, digest);
}
