#include "cluster/hunt/engine_snapshot.h"

#include <string.h>

#include "cluster/base/check.h"
#include "cluster/hunt/engine_internal.h"

/* Elements of one block: the most for which the longest element still fits, as a power of two. */
static const uint32_t block_elements[ENGINE_LISTS] = {
    [ENGINE_PLAYERS] = 256,    /* of at most 670 bytes */
    [ENGINE_RECEIPTS] = 4096,  /* 43 */
    [ENGINE_CLAIMS] = 16384,   /* 12 */
    [ENGINE_AWARDS] = 8192,    /* 20 */
    [ENGINE_RECEIVED] = 16384, /* 10 */
    [ENGINE_GIVEN] = 4096,     /* 55 */
};

static const struct cut *cut_of(const struct engine *engine, enum engine_list list)
{
    switch (list) {
    case ENGINE_PLAYERS:
        return &engine->players.cut;
    case ENGINE_RECEIPTS:
        return &engine->receipts.cut;
    case ENGINE_CLAIMS:
        return &engine->claims.cut;
    case ENGINE_AWARDS:
        return &engine->awards.cut;
    case ENGINE_RECEIVED:
        return &engine->received.cut;
    case ENGINE_GIVEN:
        return &engine->given.cut;
    case ENGINE_LISTS:
        break;
    }
    UNREACHABLE();
}

static struct cut *open_cut(struct engine *engine, enum engine_list list)
{
    return (struct cut *)(uintptr_t)cut_of(engine, list);
}

static enum status cut_lists(struct engine *engine)
{
    struct players *players = &engine->players;
    struct receipts *receipts = &engine->receipts;
    struct claims *claims = &engine->claims;
    struct awards *awards = &engine->awards;
    struct received *received = &engine->received;
    struct given *given = &engine->given;
    struct tap_pool *taps = &players->taps;
    if (cut_begin(&players->cut, players->records, sizeof players->records[0], 0, players->count) !=
            STATUS_OK ||
        cut_begin(&taps->cut, taps->sets, sizeof taps->sets[0], 0, taps->count) != STATUS_OK ||
        cut_begin(&receipts->cut, receipts->list, sizeof receipts->list[0], 0, receipts->count) !=
            STATUS_OK ||
        cut_begin(&claims->cut, claims->list, sizeof claims->list[0], claims->first, claims->end) !=
            STATUS_OK ||
        cut_begin(&awards->cut, awards->list, sizeof awards->list[0], 0, awards->count) !=
            STATUS_OK ||
        cut_begin(&received->cut, received->list, sizeof received->list[0], 0, received->count) !=
            STATUS_OK)
        return STATUS_NO_MEMORY;
    return cut_begin(&given->cut, given->list, sizeof given->list[0], 0, given->count);
}

enum status engine_cut(struct engine *engine)
{
    const enum status status = cut_lists(engine);
    if (status != STATUS_OK)
        engine_cut_end(engine);
    return status;
}

void engine_cut_end(struct engine *engine)
{
    for (int list = 0; list < ENGINE_LISTS; list++)
        cut_end(open_cut(engine, (enum engine_list)list));
    cut_end(&engine->players.taps.cut);
}

bool engine_cut_failed(const struct engine *engine)
{
    bool failed = engine->players.taps.cut.failed;
    for (int list = 0; list < ENGINE_LISTS; list++)
        failed = failed || cut_of(engine, (enum engine_list)list)->failed;
    return failed;
}

void engine_put_head(const struct engine *engine, struct writer *writer)
{
    put_u64(writer, engine->settled_next);
    put_u64(writer, engine->settled_digest);
    put_u32(writer, engine->players.count);
    put_u32(writer, engine->receipts.count);
    put_u32(writer, claims_count(&engine->claims));
    put_u32(writer, engine->awards.count);
    put_u32(writer, engine->received.count);
    put_u32(writer, engine->given.count);
}

static void put_text(struct writer *writer, const char *text, size_t length)
{
    put_u8(writer, (uint8_t)length);
    put_bytes(writer, text, length);
}

size_t engine_hunt_bytes(const struct engine *engine, uint16_t hunt)
{
    const struct hunt_state *known = engine_hunt(engine, hunt);
    if (known == NULL)
        return 0;
    size_t bytes = 2 + 4 + 2 + 2;
    for (uint16_t i = 0; i < known->emoji_count; i++)
        bytes += 1U + known->emoji[i].length;
    for (uint16_t i = 0; i < known->names_count; i++)
        bytes += 1 + strlen(known->names[i].text) + 4 + 4 + 4 + 8;
    return bytes;
}

void engine_put_hunt(const struct engine *engine, uint16_t hunt, struct writer *writer)
{
    const struct hunt_state *known = engine_hunt(engine, hunt);
    CHECK(known != NULL);
    put_u16(writer, hunt);
    put_u32(writer, known->version);
    put_u16(writer, known->emoji_count);
    for (uint16_t i = 0; i < known->emoji_count; i++)
        put_text(writer, known->emoji[i].text, known->emoji[i].length);
    put_u16(writer, known->names_count);
    for (uint16_t i = 0; i < known->names_count; i++) {
        put_text(writer, known->names[i].text, strlen(known->names[i].text));
        put_u32(writer, known->awarded[i]);
        put_u32(writer, known->awards[i].first);
        put_u32(writer, known->awards[i].last);
        put_u64(writer, known->first_epoch_plus_1[i]);
    }
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
    uint8_t count = 0;
    while (set != NULL && count < TAPS_PATTERNS && set->patterns[count].clicks > 0)
        count++;
    put_u8(writer, count);
    for (uint8_t i = 0; i < count; i++) {
        const struct tap_pattern *pattern = &set->patterns[i];
        put_u16(writer, pattern->treasure);
        put_u64(writer, pattern->last_us);
        put_u8(writer, pattern->clicks);
        for (uint32_t n = 0; n + 1 < pattern->clicks; n++)
            put_u32(writer, pattern->before_us[n]);
    }
}

static void put_player(const struct engine *engine, struct writer *writer, const void *element)
{
    const struct player *player = element;
    put_u16(writer, player->hunt);
    put_u8(writer, (uint8_t)(player->has_bucket | player->has_place << 1));
    put_bytes(writer, player->id.bytes, sizeof player->id.bytes);
    put_u64(writer, player->joined);
    put_i64(writer, player->score);
    put_u64(writer, player->score_hlc);
    put_u64(writer, player->score_from);
    put_u64(writer, player->bucket.units);
    put_u64(writer, player->bucket.at_us);
    put_u64(writer, player->place_us);
    put_i32(writer, player->place_x);
    put_i32(writer, player->place_y);
    put_u32(writer, player->reactions);
    put_u32(writer, player->receipts);
    put_u32(writer, player->received);
    put_window(writer, &player->window);
    const struct cut *taps = &engine->players.taps.cut;
    put_taps(writer, player->taps != 0 ? cut_at(taps, player->taps - 1) : NULL);
}

static void put_receipt(struct writer *writer, const void *element)
{
    const struct receipt *receipt = element;
    put_u64(writer, receipt->hlc);
    put_u64(writer, receipt->log_index);
    put_u32(writer, receipt->seq);
    put_u32(writer, receipt->content);
    put_u32(writer, receipt->points);
    put_u32(writer, receipt->version);
    put_u32(writer, receipt->final_after);
    put_u32(writer, receipt->next);
    put_u16(writer, receipt->treasure);
    put_u8(writer, receipt->outcome);
}

static void put_claim(struct writer *writer, const void *element)
{
    const struct pending_claim *claim = element;
    put_u32(writer, claim->receipt);
    put_u32(writer, claim->player);
    put_u32(writer, claim->uncertainty_us);
}

static void put_award(struct writer *writer, const void *element)
{
    const struct award *award = element;
    put_u32(writer, award->receipt);
    put_u32(writer, award->player);
    put_u32(writer, award->place);
    put_u32(writer, award->uncertainty_us);
    put_u32(writer, award->next);
}

static void put_received(struct writer *writer, const void *element)
{
    const struct received_emoji *received = element;
    put_u32(writer, received->count);
    put_u32(writer, received->next);
    put_u16(writer, received->emoji);
}

static void put_given(struct writer *writer, const void *element)
{
    const struct given_reaction *given = element;
    put_bytes(writer, given->to.bytes, sizeof given->to.bytes);
    put_u16(writer, given->hunt);
    put_text(writer, given->emoji.text, given->emoji.length);
    put_u32(writer, given->count);
}

static void put_element(const struct engine *engine, enum engine_list list, struct writer *writer,
                        const void *element)
{
    switch (list) {
    case ENGINE_PLAYERS:
        put_player(engine, writer, element);
        return;
    case ENGINE_RECEIPTS:
        put_receipt(writer, element);
        return;
    case ENGINE_CLAIMS:
        put_claim(writer, element);
        return;
    case ENGINE_AWARDS:
        put_award(writer, element);
        return;
    case ENGINE_RECEIVED:
        put_received(writer, element);
        return;
    case ENGINE_GIVEN:
        put_given(writer, element);
        return;
    case ENGINE_LISTS:
        break;
    }
    UNREACHABLE();
}

uint32_t engine_cut_left(const struct engine *engine, enum engine_list list)
{
    return cut_of(engine, list)->left;
}

void engine_put_block(struct engine *engine, enum engine_list list, struct writer *writer)
{
    struct cut *cut = open_cut(engine, list);
    CHECK(cut->left > 0);
    const uint32_t most = block_elements[list];
    const uint32_t count = cut->left < most ? cut->left : most;
    for (uint32_t i = 0; i < count; i++)
        put_element(engine, list, writer, cut_at(cut, cut->next + i));
    cut_read(cut, count);
}
