/* An engine made of a snapshot: reading its parts. What holds between them is checked at the end,
 * in engine_restore_check.c. */
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/clock/hlc.h"
#include "cluster/hunt/engine_internal.h"
#include "cluster/hunt/engine_restore.h"
#include "cluster/hunt/engine_snapshot.h"

#define FLAG_BUCKET 1
#define FLAG_PLACE  2

enum status engine_restore_head(struct engine_restore *restore, struct reader *reader)
{
    struct engine *engine = restore->engine;
    CHECK(engine->players.count == 0);
    engine->settled_next = take_u64(reader);
    engine->settled_digest = take_u64(reader);
    for (int list = 0; list < ENGINE_LISTS; list++)
        restore->expected[list] = take_u32(reader);
    const uint32_t *expected = restore->expected;
    /* 0: nothing was settled yet. */
    if (engine->settled_next == 0 ? engine->settled_digest != 0
                                  : engine->settled_next != restore->settle_next)
        return STATUS_CORRUPT;
    const bool fits = expected[ENGINE_PLAYERS] <= engine->players.capacity &&
                      expected[ENGINE_RECEIPTS] <= engine->receipts.capacity &&
                      expected[ENGINE_CLAIMS] <= engine->claims.capacity &&
                      expected[ENGINE_AWARDS] <= engine->awards.capacity &&
                      expected[ENGINE_RECEIVED] <= engine->received.capacity &&
                      expected[ENGINE_GIVEN] <= GIVEN_MAX;
    return reader_ok(reader) && fits ? STATUS_OK : STATUS_CORRUPT;
}

static bool take_emoji(struct reader *reader, struct emoji *ret_emoji)
{
    const uint8_t length = take_u8(reader);
    const uint8_t *text = take_bytes(reader, length);
    if (text == NULL || length == 0 || length > EMOJI_BYTES_MAX || memchr(text, 0, length) != NULL)
        return false;
    *ret_emoji = (struct emoji){.length = length};
    memcpy(ret_emoji->text, text, length);
    return true;
}

static bool take_all_emoji(struct reader *reader, struct hunt_state *hunt)
{
    const uint16_t count = take_u16(reader);
    if (count > EMOJI_NUMBERS_MAX)
        return false;
    for (uint16_t i = 0; i < count; i++) {
        struct emoji emoji;
        if (!take_emoji(reader, &emoji) || hunt_state_emoji(hunt, &emoji) != EMOJI_NUMBER_NONE)
            return false;
        hunt->emoji[hunt->emoji_count++] = emoji;
    }
    return true;
}

static bool take_name(struct reader *reader, struct name *name)
{
    const uint8_t length = take_u8(reader);
    const uint8_t *text = take_bytes(reader, length);
    if (text == NULL)
        return false;
    return length == 0 || name_set(name, (const char *)text, length) == STATUS_OK;
}

static bool take_treasures(struct reader *reader, struct hunt_state *hunt)
{
    hunt->names_count = take_u16(reader);
    if (hunt->names_count > TREASURE_NUMBERS_MAX)
        return false;
    for (uint16_t i = 0; i < hunt->names_count; i++) {
        if (!take_name(reader, &hunt->names[i]))
            return false;
        hunt->awarded[i] = take_u32(reader);
        hunt->awards[i].first = take_u32(reader);
        hunt->awards[i].last = take_u32(reader);
        hunt->first_epoch_plus_1[i] = take_u64(reader);
    }
    /* The last number is one that has a name. */
    return hunt->names_count == 0 || hunt->names[hunt->names_count - 1].text[0] != '\0';
}

enum status engine_restore_hunt(struct engine_restore *restore, struct reader *reader)
{
    struct engine *engine = restore->engine;
    const uint16_t number = take_u16(reader);
    const uint32_t version = take_u32(reader);
    /* By rising number. */
    if (!reader_ok(reader) || number >= HUNTS_MAX || restore->known_hunts >> number != 0)
        return STATUS_CORRUPT;
    struct hunt_state *hunt = hunt_state_new(engine->config.range);
    if (hunt == NULL)
        return STATUS_NO_MEMORY;
    engine->hunts[number] = hunt;
    restore->known_hunts |= UINT64_C(1) << number;
    restore->judging[number] = version;
    if (!take_all_emoji(reader, hunt) || !take_treasures(reader, hunt) || !reader_done(reader))
        return STATUS_CORRUPT;
    return STATUS_OK;
}

enum status engine_restore_judging(struct engine_restore *restore, uint16_t hunt, uint32_t version,
                                   const struct definition *definition)
{
    struct hunt_state *known = engine_hunt(restore->engine, hunt);
    if (known == NULL || known->definition != NULL || version == 0 ||
        restore->judging[hunt] != version)
        return STATUS_CORRUPT;
    const enum status status = hunt_state_resume(known, version, definition);
    return status == STATUS_INVALID ? STATUS_CORRUPT : status;
}

enum status engine_restore_coming(struct engine_restore *restore, uint16_t hunt,
                                  const struct definition *definition)
{
    const struct hunt_state *known = engine_hunt(restore->engine, hunt);
    return known != NULL && hunt_state_knows(known, definition) ? STATUS_OK : STATUS_CORRUPT;
}

static bool take_id(struct reader *reader, struct player_id *id)
{
    const uint8_t *bytes = take_bytes(reader, sizeof id->bytes);
    if (bytes != NULL)
        memcpy(id->bytes, bytes, sizeof id->bytes);
    return bytes != NULL;
}

/* The ring begins anew: the highest seq at the end of what is used. */
static bool take_window(struct reader *reader, struct window *window)
{
    const uint8_t count = take_u8(reader);
    if (count > WINDOW_SEQS)
        return false;
    for (uint32_t n = 0; n < count; n++) {
        struct window_entry *entry = &window->entries[count - 1U - n];
        entry->seq = take_u32(reader);
        entry->content = take_u32(reader);
        const uint64_t hlc = take_u64(reader);
        entry->hlc_high = (uint32_t)(hlc >> 32);
        entry->hlc_low = (uint32_t)hlc;
        entry->treasure = take_u16(reader);
        entry->outcome = take_u8(reader);
        if (entry->seq < SEQ_MIN || entry->outcome == OUTCOME_NONE ||
            entry->outcome >= OUTCOME_COUNT)
            return false;
        if (n > 0 && entry->seq >= entry[1].seq)
            return false;
    }
    window->count = count;
    window->newest = count > 0 ? (uint8_t)(count - 1) : 0;
    window->highest = count > 0 ? window->entries[count - 1].seq : 0;
    return reader_ok(reader);
}

static bool take_pattern(struct reader *reader, struct tap_pattern *pattern)
{
    pattern->treasure = take_u16(reader);
    pattern->last_us = take_u64(reader);
    pattern->clicks = take_u8(reader);
    if (pattern->treasure >= TREASURE_NUMBERS_MAX || pattern->clicks < 1 ||
        pattern->clicks > TAPS_EARLIER + 1)
        return false;
    for (uint32_t n = 0; n + 1 < pattern->clicks; n++)
        pattern->before_us[n] = take_u32(reader);
    return reader_ok(reader);
}

static bool take_taps(struct reader *reader, struct players *players, struct player *player)
{
    const uint8_t count = take_u8(reader);
    if (count > TAPS_PATTERNS)
        return false;
    if (count == 0)
        return reader_ok(reader);
    player->taps = tap_pool_take(&players->taps);
    struct tap_set *set = tap_pool_open(&players->taps, player->taps);
    for (uint8_t i = 0; i < count; i++) {
        if (!take_pattern(reader, &set->patterns[i]))
            return false;
        for (uint8_t j = 0; j < i; j++) {
            if (set->patterns[j].treasure == set->patterns[i].treasure)
                return false;
        }
    }
    return true;
}

static bool take_record(struct reader *reader, struct player *player, uint8_t flags)
{
    player->has_bucket = (flags & FLAG_BUCKET) != 0;
    player->has_place = (flags & FLAG_PLACE) != 0;
    player->joined = take_u64(reader);
    player->score = take_i64(reader);
    player->score_hlc = take_u64(reader);
    player->score_from = take_u64(reader);
    player->bucket.units = take_u64(reader);
    player->bucket.at_us = take_u64(reader);
    player->place_us = take_u64(reader);
    player->place_x = take_i32(reader);
    player->place_y = take_i32(reader);
    player->reactions = take_u32(reader);
    player->receipts = take_u32(reader);
    player->received = take_u32(reader);
    return flags <= (FLAG_BUCKET | FLAG_PLACE) && player->place_x >= -COORDINATE_MAX &&
           player->place_y >= -COORDINATE_MAX && player->place_us <= HLC_US_MAX &&
           take_window(reader, &player->window);
}

static bool take_player(struct engine_restore *restore, struct reader *reader)
{
    struct engine *engine = restore->engine;
    struct players *players = &engine->players;
    const uint16_t hunt = take_u16(reader);
    const uint8_t flags = take_u8(reader);
    struct player_id id;
    if (!take_id(reader, &id) || engine_hunt(engine, hunt) == NULL || players_full(players))
        return false;
    if (hash_range(hash_player(&id), restore->ranges) != engine->config.range ||
        players_find(players, hunt, &id) != NULL)
        return false;
    struct player *player = players_add(players, hunt, &id);
    return take_record(reader, player, flags) && take_taps(reader, players, player);
}

static bool take_receipt(struct engine_restore *restore, struct reader *reader)
{
    struct receipts *receipts = &restore->engine->receipts;
    if (receipts_full(receipts))
        return false;
    struct receipt *receipt = &receipts->list[receipts->count++];
    receipt->hlc = take_u64(reader);
    receipt->log_index = take_u64(reader);
    receipt->seq = take_u32(reader);
    receipt->content = take_u32(reader);
    receipt->points = take_u32(reader);
    receipt->version = take_u32(reader);
    receipt->final_after = take_u32(reader);
    receipt->next = take_u32(reader);
    receipt->treasure = take_u16(reader);
    receipt->outcome = take_u8(reader);
    return reader_ok(reader) && receipt->hlc <= restore->last_hlc &&
           receipt->log_index <= restore->last_index && receipt->seq >= SEQ_MIN &&
           receipt->points <= POINTS_MAX && receipt->treasure < TREASURE_NUMBERS_MAX &&
           receipt->outcome < OUTCOME_COUNT && outcome_accepted((enum outcome)receipt->outcome);
}

static bool take_claim(struct claims *claims, struct reader *reader)
{
    struct pending_claim claim;
    claim.receipt = take_u32(reader);
    claim.player = take_u32(reader);
    claim.uncertainty_us = take_u32(reader);
    if (!reader_ok(reader) || claim.receipt == 0 || claims->end == claims->capacity)
        return false;
    claims_push(claims, &claim);
    return true;
}

static bool take_award(struct awards *awards, struct reader *reader)
{
    if (awards->count == awards->capacity)
        return false;
    struct award *award = &awards->list[awards->count++];
    award->receipt = take_u32(reader);
    award->player = take_u32(reader);
    award->place = take_u32(reader);
    award->uncertainty_us = take_u32(reader);
    award->next = take_u32(reader);
    return reader_ok(reader) && award->receipt > 0 && award->place > 0;
}

static bool take_received(struct received *received, struct reader *reader)
{
    if (received->count == received->capacity)
        return false;
    struct received_emoji *emoji = &received->list[received->count++];
    emoji->count = take_u32(reader);
    emoji->next = take_u32(reader);
    emoji->emoji = take_u16(reader);
    return reader_ok(reader) && emoji->count > 0;
}

static bool take_given(struct engine *engine, struct reader *reader)
{
    struct given_reaction reaction = {0};
    const bool named = take_id(reader, &reaction.to);
    reaction.hunt = take_u16(reader);
    if (!named || !take_emoji(reader, &reaction.emoji))
        return false;
    reaction.count = take_u32(reader);
    const struct hunt_state *hunt = engine_hunt(engine, reaction.hunt);
    return reader_ok(reader) && hunt != NULL && reaction.count > 0 &&
           given_restore(&engine->given, &reaction);
}

static bool take_element(struct engine_restore *restore, enum engine_list list,
                         struct reader *reader)
{
    struct engine *engine = restore->engine;
    switch (list) {
    case ENGINE_PLAYERS:
        return take_player(restore, reader);
    case ENGINE_RECEIPTS:
        return take_receipt(restore, reader);
    case ENGINE_CLAIMS:
        return take_claim(&engine->claims, reader);
    case ENGINE_AWARDS:
        return take_award(&engine->awards, reader);
    case ENGINE_RECEIVED:
        return take_received(&engine->received, reader);
    case ENGINE_GIVEN:
        return take_given(engine, reader);
    case ENGINE_LISTS:
        break;
    }
    UNREACHABLE();
}

enum status engine_restore_block(struct engine_restore *restore, enum engine_list list,
                                 struct reader *reader)
{
    do {
        if (!take_element(restore, list, reader))
            return STATUS_CORRUPT;
    } while (reader_left(reader) > 0);
    return reader_ok(reader) ? STATUS_OK : STATUS_CORRUPT;
}

enum status engine_restore_finish(struct engine_restore *restore)
{
    const enum status status = engine_restore_check(restore);
    if (status != STATUS_OK)
        return status;
    /* A board counts everybody at 0 first, and then where he came to. */
    struct engine *engine = restore->engine;
    for (uint32_t slot = 0; slot < engine->players.count; slot++) {
        const struct player *player = &engine->players.records[slot];
        struct board *board = engine_hunt(engine, player->hunt)->board;
        board_join(board);
        if (player->score == 0)
            continue;
        const struct board_change change = {
            .slot = slot,
            .player = player->id,
            .after = player->score,
            .hlc = player->score_hlc,
        };
        board_score(board, &change);
    }
    return STATUS_OK;
}
