/* What a range leaves to be settled, and what comes back. */
#include <stddef.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"
#include "cluster/hunt/engine_internal.h"

/* How many of the pending claims are of epochs up to this one: they are in the order of their
 * stamps, so the first so many. */
static uint32_t pending_through(const struct engine *engine, uint64_t epoch)
{
    uint32_t low = 0;
    uint32_t high = claims_count(&engine->claims);
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct pending_claim *claim = claims_at(&engine->claims, middle);
        const struct receipt *receipt = receipts_at(&engine->receipts, claim->receipt);
        if (epoch_of(receipt->hlc, engine->config.epoch_ms) <= epoch)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A stretch of the pending claims. */
struct stretch {
    uint32_t first, end;
};

static struct stretch pending_in(const struct engine *engine, uint64_t epoch)
{
    return (struct stretch){
        .first = epoch > 0 ? pending_through(engine, epoch - 1) : 0,
        .end = pending_through(engine, epoch),
    };
}

/* A claim with all that belongs to it. */
struct pending_view {
    const struct pending_claim *claim;
    const struct receipt *receipt;
    const struct player *player;
    struct hunt_state *hunt;
};

static struct pending_view view_pending(const struct engine *engine, uint32_t n)
{
    struct pending_view view = {.claim = claims_at(&engine->claims, n)};
    view.receipt = receipts_at(&engine->receipts, view.claim->receipt);
    view.player = &engine->players.records[view.claim->player];
    view.hunt = engine_hunt(engine, view.player->hunt);
    CHECK(view.hunt != NULL);
    CHECK(view.receipt->outcome == OUTCOME_PENDING);
    return view;
}

/* Takes the next place of the claim's treasure, if one is left; its number in *ret_at, counted from
 * the treasure's first. */
static bool take_place(const struct pending_view *view, uint32_t *ret_at)
{
    const uint16_t treasure = view->receipt->treasure;
    const uint32_t supply = view->hunt->supply[treasure];
    const uint32_t awarded = view->hunt->awarded[treasure];
    const uint32_t left = supply > awarded ? supply - awarded : 0;
    struct candidate_count *candidates = &view->hunt->candidates[treasure];
    if (candidates->count >= left)
        return false;
    *ret_at = candidates->first + candidates->count++;
    return true;
}

static uint32_t count_candidates(const struct engine *engine, struct stretch stretch)
{
    for (uint32_t i = 0; i < HUNTS_MAX; i++) {
        struct hunt_state *hunt = engine->hunts[i];
        if (hunt != NULL)
            memset(hunt->candidates, 0, hunt->names_count * sizeof hunt->candidates[0]);
    }
    uint32_t count = 0;
    for (uint32_t n = stretch.first; n < stretch.end; n++) {
        const struct pending_view view = view_pending(engine, n);
        uint32_t at;
        if (take_place(&view, &at))
            count++;
    }
    return count;
}

/* With the counts known, each treasure's stretch of the list is known too. */
static void lay_out_candidates(const struct engine *engine)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < HUNTS_MAX; i++) {
        struct hunt_state *hunt = engine->hunts[i];
        for (uint32_t number = 0; hunt != NULL && number < hunt->names_count; number++) {
            const uint32_t count = hunt->candidates[number].count;
            hunt->candidates[number] = (struct candidate_count){.first = first};
            first += count;
        }
    }
}

uint32_t engine_candidates(const struct engine *engine, uint64_t epoch, struct engine_claim *claims,
                           uint32_t room)
{
    const struct stretch stretch = pending_in(engine, epoch);
    const uint32_t count = count_candidates(engine, stretch);
    if (count > room)
        return count;
    lay_out_candidates(engine);
    for (uint32_t n = stretch.first; n < stretch.end; n++) {
        const struct pending_view view = view_pending(engine, n);
        uint32_t at;
        if (!take_place(&view, &at))
            continue;
        CHECK(at < count);
        claims[at] = (struct engine_claim){
            .hunt = view.player->hunt,
            .treasure = view.receipt->treasure,
            .supply = view.hunt->supply[view.receipt->treasure],
            .player = view.player->id,
            .seq = view.receipt->seq,
            .uncertainty_us = view.claim->uncertainty_us,
            .hlc = view.receipt->hlc,
            .log_index = view.receipt->log_index,
        };
    }
    return count;
}

uint32_t engine_given(const struct engine *engine, struct engine_reaction *reactions, uint32_t room)
{
    const uint32_t count = engine->given.count;
    if (count > room)
        return count;
    const struct given_reaction *const *given = given_sorted(&engine->given);
    for (uint32_t i = 0; i < count; i++) {
        reactions[i] = (struct engine_reaction){
            .hunt = given[i]->hunt,
            .to = given[i]->to,
            .emoji = given[i]->emoji,
            .count = given[i]->count,
        };
    }
    return count;
}

bool engine_ledger_full(const struct engine *engine)
{
    return given_full(&engine->given);
}

void engine_close_epoch(struct engine *engine)
{
    given_clear(&engine->given);
}

static void take_awarded(struct engine *engine, const struct engine_awarded *awarded)
{
    struct hunt_state *hunt = engine_hunt(engine, awarded->hunt);
    const bool known = hunt != NULL && hunt_state_treasure_id(hunt, awarded->treasure) != NULL;
    if (known && awarded->awarded >= hunt->awarded[awarded->treasure])
        hunt->awarded[awarded->treasure] = awarded->awarded;
    else
        engine->tally.ignored++;
}

/* The claim is decided: the receipt says so from now on, and the player does not wait for it. */
static void decide(struct engine *engine, struct player *player, struct receipt *receipt,
                   uint64_t final_epoch)
{
    const uint64_t epoch = epoch_of(receipt->hlc, engine->config.epoch_ms);
    CHECK(final_epoch > epoch);
    players_touch(&engine->players, player);
    const uint64_t after = final_epoch - epoch;
    receipt->final_after = after < UINT32_MAX ? (uint32_t)after : UINT32_MAX;
    player->pending &= ~player_bit(receipt->treasure);
}

/* The reference to the pending claim that a winner names; 0: there is none. */
static uint32_t find_named(const struct engine *engine, const struct engine_winner *winner,
                           uint64_t through)
{
    const struct player *player = players_find(&engine->players, winner->hunt, &winner->player);
    if (player == NULL)
        return 0;
    const uint32_t reference = receipts_seek(&engine->receipts, player->receipts, winner->seq);
    const struct receipt *receipt = receipts_at(&engine->receipts, reference);
    const bool named = receipt != NULL && receipt->outcome == OUTCOME_PENDING &&
                       receipt->treasure == winner->treasure &&
                       epoch_of(receipt->hlc, engine->config.epoch_ms) <= through;
    return named ? reference : 0;
}

static void crown(struct engine *engine, const struct engine_settlement *settlement,
                  const struct engine_winner *winner)
{
    const uint32_t reference = find_named(engine, winner, settlement->through);
    if (reference == 0) {
        engine->tally.ignored++;
        return;
    }
    struct player *player = players_find(&engine->players, winner->hunt, &winner->player);
    struct receipt *receipt = receipts_open(&engine->receipts, reference);
    receipt->outcome = OUTCOME_WON;
    decide(engine, player, receipt, settlement->final_epoch);
    player->his |= player_bit(receipt->treasure);
    const struct gain gain = {
        .points = receipt->points,
        .hlc = receipt->hlc,
        .from = epoch_start(settlement->final_epoch, engine->config.epoch_ms),
    };
    if (gain.points > 0)
        engine_gain(engine, player, &gain);

    const struct award award = {
        .receipt = reference,
        .player = players_slot(&engine->players, player),
        .place = winner->place,
        .uncertainty_us = winner->uncertainty_us,
    };
    struct hunt_state *hunt = engine_hunt(engine, winner->hunt);
    awards_add(&engine->awards, &hunt->awards[winner->treasure], &award);
    engine->tally.won++;
}

/* Whoever is pending still when the winners are crowned has lost. */
static void drop_losers(struct engine *engine, const struct engine_settlement *settlement)
{
    const uint32_t count = pending_through(engine, settlement->through);
    for (uint32_t n = 0; n < count; n++) {
        const struct pending_claim *claim = claims_at(&engine->claims, n);
        struct receipt *receipt = receipts_open(&engine->receipts, claim->receipt);
        if (receipt->outcome != OUTCOME_PENDING)
            continue;
        receipt->outcome = OUTCOME_LOST;
        receipt->points = 0;
        decide(engine, &engine->players.records[claim->player], receipt, settlement->final_epoch);
        engine->tally.lost++;
    }
    claims_drop(&engine->claims, count);
}

static void deliver(struct engine *engine, const struct engine_reaction *reaction)
{
    struct player *player = players_find(&engine->players, reaction->hunt, &reaction->to);
    if (player == NULL) {
        engine->tally.reactions_dropped += reaction->count;
        return;
    }
    players_touch(&engine->players, player);
    const uint32_t room = UINT32_MAX - player->reactions;
    player->reactions += reaction->count < room ? reaction->count : room;
    engine->tally.reactions_delivered += reaction->count;

    const uint16_t emoji = hunt_state_emoji(engine_hunt(engine, reaction->hunt), &reaction->emoji);
    if (emoji != EMOJI_NUMBER_NONE) {
        /* Where there is no room for one more kind the total has it all the same. */
        (void)received_add(&engine->received, &player->received, emoji, reaction->count);
    }
}

enum status engine_settle(struct engine *engine, const struct engine_settlement *settlement)
{
    if (settlement->through < engine->settled_next ||
        settlement->final_epoch <= settlement->through)
        return STATUS_INVALID;
    for (uint32_t i = 0; i < settlement->awarded_count; i++)
        take_awarded(engine, &settlement->awarded[i]);
    for (uint32_t i = 0; i < settlement->winner_count; i++)
        crown(engine, settlement, &settlement->winners[i]);
    drop_losers(engine, settlement);
    for (uint32_t i = 0; i < settlement->reaction_count; i++)
        deliver(engine, &settlement->reactions[i]);
    engine->settled_next = settlement->through + 1;
    engine->settled_digest = settlement->settled_digest;
    return STATUS_OK;
}

bool engine_settled_through(const struct engine *engine, uint64_t *ret_epoch)
{
    if (engine->settled_next == 0)
        return false;
    *ret_epoch = engine->settled_next - 1;
    return true;
}

uint64_t engine_settled_digest(const struct engine *engine)
{
    return engine->settled_digest;
}

uint32_t engine_awarded(const struct engine *engine, uint16_t hunt, uint16_t treasure)
{
    const struct hunt_state *found = engine_hunt(engine, hunt);
    return found != NULL && treasure < found->names_count ? found->awarded[treasure] : 0;
}

uint32_t engine_supply(const struct engine *engine, uint16_t hunt, uint16_t treasure)
{
    const struct hunt_state *found = engine_hunt(engine, hunt);
    return found != NULL && treasure < found->names_count ? found->supply[treasure] : 0;
}

/* Writes to the list unless it is NULL. */
static uint32_t list_awarded(const struct engine *engine, struct engine_awarded *list)
{
    uint32_t count = 0;
    for (uint16_t i = 0; i < HUNTS_MAX; i++) {
        const struct hunt_state *hunt = engine->hunts[i];
        for (uint16_t number = 0; hunt != NULL && number < hunt->names_count; number++) {
            const uint32_t awarded = hunt->awarded[number];
            if (awarded > 0 && list != NULL)
                list[count] = (struct engine_awarded){i, number, awarded};
            count += awarded > 0;
        }
    }
    return count;
}

uint32_t engine_awarded_list(const struct engine *engine, struct engine_awarded *list,
                             uint32_t room)
{
    const uint32_t count = list_awarded(engine, NULL);
    return count <= room ? list_awarded(engine, list) : count;
}

uint32_t engine_pending(const struct engine *engine)
{
    return claims_count(&engine->claims);
}

const struct engine_tally *engine_tally(const struct engine *engine)
{
    return &engine->tally;
}
