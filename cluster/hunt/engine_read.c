/* What can be read from the engine: players' pages, awards, neighbours. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"
#include "cluster/hunt/engine_internal.h"
#include "cluster/hunt/nearest.h"
#include "cluster/hunt/rules.h"

static const struct player newcomer;

/* What became of a player's claims on a treasure: the best of them, if he claimed it again after
 * he had lost it. */
static enum outcome better_outcome(enum outcome a, enum outcome b)
{
    if (a == OUTCOME_NONE || a == OUTCOME_LOST)
        return b != OUTCOME_NONE ? b : a;
    return a;
}

static void list_claims(const struct engine *engine, const struct player *player,
                        struct player_page *page)
{
    uint8_t outcomes[TREASURE_NUMBERS_MAX] = {OUTCOME_NONE};
    const struct receipt *receipt = receipts_at(&engine->receipts, player->receipts);
    while (receipt != NULL) {
        uint8_t *outcome = &outcomes[receipt->treasure];
        *outcome =
            (uint8_t)better_outcome((enum outcome) * outcome, (enum outcome)receipt->outcome);
        receipt = receipts_at(&engine->receipts, receipt->next);
    }
    for (uint16_t number = 0; number < TREASURE_NUMBERS_MAX; number++) {
        if (outcomes[number] == OUTCOME_FOUND)
            page->found[page->found_count++] = number;
        else if (outcomes[number] == OUTCOME_PENDING)
            page->pending[page->pending_count++] = number;
        else if (outcomes[number] == OUTCOME_WON)
            page->won[page->won_count++] = number;
        else if (outcomes[number] == OUTCOME_LOST)
            page->lost[page->lost_count++] = number;
    }
}

/* The treasures that are neither his nor pending and whose window is now: what is open, and what
 * lacks reactions only. */
static void list_open(const struct engine *engine, const struct hunt_state *hunt,
                      const struct player *player, uint64_t t_us, struct player_page *page)
{
    const struct definition *definition = hunt->definition;
    struct holdings holdings;
    if (!rules_hunt_open(definition, t_us))
        return;
    holdings_init(&holdings, player, &engine->receipts);
    for (uint16_t place = 0; place < definition->treasure_count; place++) {
        const struct treasure *treasure = &definition->treasures[place];
        if (!rules_reached(definition, treasure, &holdings) || !rules_in_window(treasure, t_us) ||
            holdings_his(&holdings, treasure->number) ||
            holdings_pending(&holdings, treasure->number))
            continue;
        if (rules_unlocked(treasure, player))
            page->open[page->open_count++] = place;
        else
            page->locked[page->locked_count++] = place;
    }
}

void engine_player(const struct engine *engine, uint16_t hunt, const struct player_id *player,
                   uint64_t hlc, struct player_page *ret_page)
{
    memset(ret_page, 0, sizeof *ret_page);
    const struct player *known = players_find(&engine->players, hunt, player);
    if (known != NULL) {
        ret_page->known = true;
        ret_page->score = known->score;
        ret_page->score_hlc = known->score_hlc;
        ret_page->last_seq = known->window.highest;
        ret_page->reactions = known->reactions;
        list_claims(engine, known, ret_page);
    }
    const struct hunt_state *played = engine_hunt(engine, hunt);
    if (played != NULL && played->definition != NULL)
        list_open(engine, played, known != NULL ? known : &newcomer, hlc_us(hlc), ret_page);
}

uint32_t engine_points(const struct engine *engine, uint16_t hunt, uint16_t place, uint64_t hlc)
{
    const struct hunt_state *played = engine_hunt(engine, hunt);
    if (played == NULL || played->definition == NULL || place >= played->definition->treasure_count)
        return 0;
    return rules_points(played, &played->definition->treasures[place], engine->config.epoch_ms,
                        hlc_us(hlc));
}

static void add_kind(struct engine_received *list, uint32_t count,
                     const struct engine_received *kind)
{
    uint32_t at = count;
    for (; at > 0 && emoji_compare(&list[at - 1].emoji, &kind->emoji) > 0; at--)
        list[at] = list[at - 1];
    list[at] = *kind;
}

static uint32_t list_received(const struct engine *engine, const struct player *player,
                              struct engine_received *list)
{
    const struct hunt_state *hunt = engine_hunt(engine, player->hunt);
    CHECK(hunt != NULL);
    uint32_t count = 0;
    const struct received_emoji *received = received_at(&engine->received, player->received);
    while (received != NULL) {
        const struct engine_received kind = {
            .emoji = hunt->emoji[received->emoji],
            .count = received->count,
        };
        CHECK(count < RECEIVED_KINDS_MAX);
        add_kind(list, count++, &kind);
        received = received_at(&engine->received, received->next);
    }
    return count;
}

uint32_t engine_reactions(const struct engine *engine, uint16_t hunt,
                          const struct player_id *player,
                          struct engine_received list[RECEIVED_KINDS_MAX])
{
    const struct player *known = players_find(&engine->players, hunt, player);
    return known != NULL ? list_received(engine, known, list) : 0;
}

static void fill_award(const struct engine *engine, uint16_t treasure, const struct award *award,
                       struct engine_award *ret_award)
{
    const struct receipt *receipt = receipts_at(&engine->receipts, award->receipt);
    CHECK(receipt != NULL);
    CHECK(award->player < engine->players.count);
    *ret_award = (struct engine_award){
        .treasure = treasure,
        .place = award->place,
        .player = engine->players.records[award->player].id,
        .seq = receipt->seq,
        .uncertainty_us = award->uncertainty_us,
        .hlc = receipt->hlc,
        .log_index = receipt->log_index,
        .epoch = epoch_of(receipt->hlc, engine->config.epoch_ms),
    };
}

uint32_t engine_awards(const struct engine *engine, uint16_t hunt,
                       struct engine_award_position after, struct engine_award *list, uint32_t room)
{
    const struct hunt_state *found = engine_hunt(engine, hunt);
    const uint32_t numbers = found != NULL ? found->names_count : 0;
    uint32_t count = 0;
    for (uint32_t number = after.treasure; number < numbers && count < room; number++) {
        const struct award *award = awards_at(&engine->awards, found->awards[number].first);
        for (; award != NULL && count < room; award = awards_at(&engine->awards, award->next)) {
            if (number > after.treasure || award->place > after.place)
                fill_award(engine, (uint16_t)number, award, &list[count++]);
        }
    }
    return count;
}

uint32_t engine_awarded_through(const struct engine *engine, uint16_t hunt, uint16_t treasure,
                                uint64_t epoch)
{
    const struct hunt_state *found = engine_hunt(engine, hunt);
    if (found == NULL || treasure >= found->names_count)
        return 0;
    const uint64_t before = epoch_start(epoch + 1, engine->config.epoch_ms);
    const struct award *award = awards_at(&engine->awards, found->awards[treasure].first);
    uint32_t place = 0;
    while (award != NULL && receipts_at(&engine->receipts, award->receipt)->hlc < before) {
        place = award->place;
        award = awards_at(&engine->awards, award->next);
    }
    return place;
}

static struct board_entry place_of(const struct engine *engine, const struct player *player)
{
    return (struct board_entry){
        .score = player->score,
        .hlc = player->score_hlc,
        .range = engine->config.range,
        .player = player->id,
    };
}

bool engine_place(const struct engine *engine, uint16_t hunt, const struct player_id *player,
                  struct board_entry *ret_place)
{
    const struct player *known = players_find(&engine->players, hunt, player);
    if (known == NULL)
        return false;
    *ret_place = place_of(engine, known);
    return true;
}

void engine_neighbours(const struct engine *engine, uint16_t hunt, const struct board_entry *place,
                       struct engine_neighbours *neighbours)
{
    struct nearest nearest = {
        .place = *place,
        .above = {.entries = neighbours->above, .limit = neighbours->limit},
        .below = {.entries = neighbours->below, .limit = neighbours->limit},
    };
    for (uint32_t i = 0; i < engine->players.count; i++) {
        const struct player *player = &engine->players.records[i];
        if (player->hunt != hunt)
            continue;
        const struct board_entry entry = place_of(engine, player);
        nearest_offer(&nearest, &entry);
    }
    nearest_finish(&nearest);
    neighbours->above_count = nearest.above.count;
    neighbours->below_count = nearest.below.count;
}

/* The stamp from which on boards count the points of a receipt. */
static uint64_t counts_from(const struct engine *engine, const struct receipt *receipt)
{
    const uint32_t epoch_ms = engine->config.epoch_ms;
    if (receipt->outcome != OUTCOME_WON)
        return receipt->hlc;
    return epoch_start(epoch_of(receipt->hlc, epoch_ms) + receipt->final_after, epoch_ms);
}

int64_t engine_score_before(const struct engine *engine, uint16_t hunt,
                            const struct player_id *player, uint64_t before)
{
    const struct player *known = players_find(&engine->players, hunt, player);
    if (known == NULL)
        return 0;
    if (known->score_from < before)
        return known->score;
    int64_t score = known->score;
    const struct receipt *receipt = receipts_at(&engine->receipts, known->receipts);
    while (receipt != NULL) {
        const bool scored = receipt->outcome == OUTCOME_FOUND || receipt->outcome == OUTCOME_WON;
        if (scored && counts_from(engine, receipt) >= before)
            score -= receipt->points;
        receipt = receipts_at(&engine->receipts, receipt->next);
    }
    return score;
}

bool engine_known_before(const struct engine *engine, uint16_t hunt, const struct player_id *player,
                         uint64_t before)
{
    const struct player *known = players_find(&engine->players, hunt, player);
    return known != NULL && known->joined < before;
}

const struct definition *engine_definition(const struct engine *engine, uint16_t hunt,
                                           uint32_t *ret_version)
{
    const struct hunt_state *found = engine_hunt(engine, hunt);
    *ret_version = found != NULL ? found->version : 0;
    return found != NULL ? found->definition : NULL;
}

const char *engine_treasure_id(const struct engine *engine, uint16_t hunt, uint16_t number)
{
    const struct hunt_state *found = engine_hunt(engine, hunt);
    return found != NULL ? hunt_state_treasure_id(found, number) : NULL;
}

struct board *engine_board(struct engine *engine, uint16_t hunt)
{
    struct hunt_state *found = engine_hunt(engine, hunt);
    return found != NULL ? found->board : NULL;
}

bool engine_has_room(const struct engine *engine, uint16_t hunt, const struct player_id *player)
{
    return !players_full(&engine->players) || players_find(&engine->players, hunt, player) != NULL;
}

uint32_t engine_players(const struct engine *engine)
{
    return engine->players.count;
}

uint32_t engine_receipts(const struct engine *engine)
{
    return engine->receipts.count;
}

size_t engine_bytes_per_player(const struct engine *engine)
{
    const uint32_t count = engine->players.count;
    const size_t index = table_bytes(&engine->players.index);
    return sizeof(struct player) + (count > 0 ? (index + count - 1) / count : 0);
}

size_t engine_bytes_per_receipt(void)
{
    return sizeof(struct receipt);
}
