#include <stdlib.h>

#include "cluster/base/check.h"
#include "cluster/hunt/engine_internal.h"
#include "cluster/hunt/engine_restore.h"

/* Who has which receipt, and what was seen of the chains. */
struct audit {
    struct engine *engine;
    uint32_t *owners; /* by receipt: his slot plus 1; 0: nobody's yet */
    bool *awarded;    /* by receipt: an award names it */
    bool *chained;    /* by award, then by received emoji: it is in a chain */
    uint32_t pending, won;
    uint32_t had[TREASURE_NUMBERS_MAX]; /* by treasure: the last slot plus 1 that has it */
};

static struct audit *audit_new(struct engine *engine)
{
    struct audit *audit = calloc(1, sizeof *audit);
    if (audit == NULL)
        return NULL;
    const uint32_t chained = engine->awards.count > engine->received.count ? engine->awards.count
                                                                           : engine->received.count;
    audit->engine = engine;
    audit->owners = calloc((size_t)engine->receipts.count + 1, sizeof audit->owners[0]);
    audit->awarded = calloc((size_t)engine->receipts.count + 1, sizeof audit->awarded[0]);
    audit->chained = calloc((size_t)chained + 1, sizeof audit->chained[0]);
    return audit;
}

static void audit_free(struct audit *audit)
{
    if (audit == NULL)
        return;
    free(audit->owners);
    free(audit->awarded);
    free(audit->chained);
    free(audit);
}

/* Counts one receipt of the player's; his bits and points gather in *sum. */
static bool count_receipt(struct audit *audit, uint32_t slot, const struct receipt *receipt,
                          struct player *sum)
{
    const struct hunt_state *hunt = engine_hunt(audit->engine, sum->hunt);
    if (hunt_state_treasure_id(hunt, receipt->treasure) == NULL)
        return false;
    if (receipt->outcome == OUTCOME_LOST)
        return true;
    if (audit->had[receipt->treasure] == slot + 1)
        return false;
    audit->had[receipt->treasure] = slot + 1;
    const uint64_t bit = player_bit(receipt->treasure);
    if (receipt->outcome == OUTCOME_PENDING) {
        sum->pending |= bit;
        audit->pending++;
        return true;
    }
    sum->his |= bit;
    sum->score += receipt->points;
    audit->won += receipt->outcome == OUTCOME_WON;
    return true;
}

/* His chain falls by seq, so it has an end; nobody else has any of it. */
static bool check_receipts(struct audit *audit, uint32_t slot)
{
    const struct receipts *receipts = &audit->engine->receipts;
    struct player *player = &audit->engine->players.records[slot];
    struct player sum = {.hunt = player->hunt};
    uint32_t above = 0;
    for (uint32_t at = player->receipts; at != 0; at = receipts->list[at - 1].next) {
        if (at > receipts->count || audit->owners[at - 1] != 0)
            return false;
        const struct receipt *receipt = &receipts->list[at - 1];
        audit->owners[at - 1] = slot + 1;
        if ((above != 0 && receipt->seq >= above) || !count_receipt(audit, slot, receipt, &sum))
            return false;
        above = receipt->seq;
    }
    player->his = sum.his;
    player->pending = sum.pending;
    return player->score == sum.score && (player->score > 0) == (player->score_hlc > 0);
}

/* What the window says was accepted has a receipt, and no receipt is above the window. */
static bool check_window(const struct audit *audit, const struct player *player)
{
    const struct receipts *receipts = &audit->engine->receipts;
    for (uint32_t n = 0; n < player->window.count; n++) {
        const struct window_entry *entry = window_at(&player->window, n);
        const struct receipt *receipt = receipts_find(receipts, player->receipts, entry->seq);
        if (outcome_accepted((enum outcome)entry->outcome) != (receipt != NULL))
            return false;
    }
    const struct receipt *highest = receipts_at(receipts, player->receipts);
    return highest == NULL || highest->seq <= player->window.highest;
}

static bool check_received(struct audit *audit, const struct player *player, uint32_t *seen)
{
    const struct received *received = &audit->engine->received;
    const struct hunt_state *hunt = engine_hunt(audit->engine, player->hunt);
    uint64_t kinds = 0;
    for (uint32_t at = player->received; at != 0; at = received->list[at - 1].next) {
        if (at > received->count || audit->chained[at - 1])
            return false;
        audit->chained[at - 1] = true;
        (*seen)++;
        const uint16_t emoji = received->list[at - 1].emoji;
        if (emoji >= hunt->emoji_count || (kinds >> emoji & 1) != 0)
            return false;
        kinds |= UINT64_C(1) << emoji;
    }
    return true;
}

static bool check_players(struct audit *audit)
{
    const struct engine *engine = audit->engine;
    uint32_t received = 0;
    for (uint32_t slot = 0; slot < engine->players.count; slot++) {
        const struct player *player = &engine->players.records[slot];
        if (!check_receipts(audit, slot) || !check_window(audit, player) ||
            !check_received(audit, player, &received))
            return false;
    }
    for (uint32_t i = 0; i < engine->receipts.count; i++) {
        if (audit->owners[i] == 0)
            return false;
    }
    return received == engine->received.count;
}

/* In the order of their stamps and of the log; each pending receipt has one. */
static bool check_claims(const struct audit *audit)
{
    const struct engine *engine = audit->engine;
    uint64_t before = 0, index = 0;
    for (uint32_t n = 0; n < claims_count(&engine->claims); n++) {
        const struct pending_claim *claim = claims_at(&engine->claims, n);
        if (claim->receipt > engine->receipts.count ||
            audit->owners[claim->receipt - 1] - 1 != claim->player)
            return false;
        const struct receipt *receipt = receipts_at(&engine->receipts, claim->receipt);
        if (receipt->outcome != OUTCOME_PENDING || (n > 0 && receipt->hlc <= before) ||
            receipt->log_index < index)
            return false;
        before = receipt->hlc;
        index = receipt->log_index;
    }
    return claims_count(&engine->claims) == audit->pending;
}

static bool award_fits(const struct audit *audit, const struct award *award, uint16_t hunt,
                       uint16_t treasure)
{
    const struct engine *engine = audit->engine;
    if (award->receipt > engine->receipts.count ||
        audit->owners[award->receipt - 1] - 1 != award->player)
        return false;
    const struct receipt *receipt = receipts_at(&engine->receipts, award->receipt);
    return receipt->outcome == OUTCOME_WON && receipt->treasure == treasure &&
           engine->players.records[award->player].hunt == hunt &&
           !audit->awarded[award->receipt - 1];
}

static bool check_chain(struct audit *audit, uint16_t hunt, uint16_t treasure, uint32_t *seen)
{
    const struct awards *awards = &audit->engine->awards;
    const struct award_chain *chain = &audit->engine->hunts[hunt]->awards[treasure];
    uint32_t last = 0, place = 0;
    for (uint32_t at = chain->first; at != 0; at = awards->list[at - 1].next) {
        if (at > awards->count || audit->chained[at - 1])
            return false;
        const struct award *award = &awards->list[at - 1];
        if (!award_fits(audit, award, hunt, treasure) || award->place < place)
            return false;
        audit->chained[at - 1] = true;
        audit->awarded[award->receipt - 1] = true;
        (*seen)++;
        place = award->place;
        last = at;
    }
    return chain->last == last;
}

static bool check_hunts(struct audit *audit, const struct engine_restore *restore)
{
    const struct engine *engine = audit->engine;
    for (uint32_t i = 0; i < engine->awards.count; i++)
        audit->chained[i] = false;
    uint32_t awards = 0;
    for (uint16_t hunt = 0; hunt < HUNTS_MAX; hunt++) {
        const struct hunt_state *known = engine->hunts[hunt];
        if (known == NULL)
            continue;
        if ((restore->judging[hunt] != 0) != (known->definition != NULL))
            return false;
        for (uint16_t number = 0; number < known->names_count; number++) {
            if (!check_chain(audit, hunt, number, &awards))
                return false;
        }
    }
    return awards == engine->awards.count && awards == audit->won;
}

static bool complete(const struct engine_restore *restore)
{
    const struct engine *engine = restore->engine;
    const uint32_t *expected = restore->expected;
    return engine->players.count == expected[ENGINE_PLAYERS] &&
           engine->receipts.count == expected[ENGINE_RECEIPTS] &&
           claims_count(&engine->claims) == expected[ENGINE_CLAIMS] &&
           engine->awards.count == expected[ENGINE_AWARDS] &&
           engine->received.count == expected[ENGINE_RECEIVED] &&
           engine->given.count == expected[ENGINE_GIVEN];
}

enum status engine_restore_check(struct engine_restore *restore)
{
    if (!complete(restore))
        return STATUS_CORRUPT;
    struct audit *audit = audit_new(restore->engine);
    if (audit == NULL || audit->owners == NULL || audit->awarded == NULL ||
        audit->chained == NULL) {
        audit_free(audit);
        return STATUS_NO_MEMORY;
    }
    const bool holds = check_players(audit) && check_claims(audit) && check_hunts(audit, restore);
    audit_free(audit);
    return holds ? STATUS_OK : STATUS_CORRUPT;
}
