#include "cluster/hunt/engine.h"

#include <stdlib.h>

#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"
#include "cluster/hunt/engine_internal.h"
#include "cluster/hunt/rules.h"

/* What a player has who has not been judged yet. */
static const struct player newcomer;

static enum status make_lists(struct engine *engine)
{
    const uint32_t players_max = engine->config.players_max;
    const uint32_t receipts_max = engine->config.receipts_max;
    CHECK(players_max <= UINT32_MAX / RECEIVED_PER_PLAYER - 1);
    if (players_init(&engine->players, players_max, engine->config.index_secret) != STATUS_OK ||
        receipts_init(&engine->receipts, receipts_max) != STATUS_OK ||
        claims_init(&engine->claims, receipts_max) != STATUS_OK ||
        awards_init(&engine->awards, receipts_max) != STATUS_OK ||
        received_init(&engine->received, players_max * RECEIVED_PER_PLAYER) != STATUS_OK)
        return STATUS_NO_MEMORY;
    return given_init(&engine->given);
}

struct engine *engine_new(const struct engine_config *config)
{
    CHECK(config->epoch_ms > 0);
    CHECK(config->players_max > 0);
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->config = *config;
    if (make_lists(engine) == STATUS_OK)
        return engine;
    engine_free(engine);
    return NULL;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    for (uint32_t i = 0; i < HUNTS_MAX; i++)
        hunt_state_free(engine->hunts[i]);
    given_fini(&engine->given);
    received_fini(&engine->received);
    awards_fini(&engine->awards);
    claims_fini(&engine->claims);
    receipts_fini(&engine->receipts);
    players_fini(&engine->players);
    free(engine);
}

struct hunt_state *engine_hunt(const struct engine *engine, uint16_t hunt)
{
    return hunt < HUNTS_MAX ? engine->hunts[hunt] : NULL;
}

enum status engine_learn(struct engine *engine, uint16_t hunt, const struct definition *definition)
{
    if (hunt >= HUNTS_MAX)
        return STATUS_INVALID;
    if (engine->hunts[hunt] != NULL)
        return hunt_state_learn(engine->hunts[hunt], definition);

    struct hunt_state *learned = hunt_state_new(engine->config.range);
    if (learned == NULL)
        return STATUS_NO_MEMORY;
    const enum status status = hunt_state_learn(learned, definition);
    if (status != STATUS_OK) {
        hunt_state_free(learned);
        return status;
    }
    engine->hunts[hunt] = learned;
    return STATUS_OK;
}

enum status engine_activate(struct engine *engine, uint16_t hunt, uint32_t version,
                            const struct definition *definition, uint64_t epoch)
{
    const enum status status = engine_learn(engine, hunt, definition);
    if (status != STATUS_OK)
        return status;
    return hunt_state_activate(engine->hunts[hunt], version, definition, epoch);
}

static void fill_treasure(const struct hunt_state *hunt, uint16_t treasure, struct result *result)
{
    result->treasure = treasure;
    result->treasure_id = treasure != TREASURE_NONE ? hunt_state_treasure_id(hunt, treasure) : NULL;
}

/* What stays open until its epoch is settled: a pending claim, and a reaction. */
static bool is_final(const struct engine *engine, const struct result *result)
{
    if (result->outcome == OUTCOME_REACTED)
        return result->epoch < engine->settled_next;
    return result->outcome != OUTCOME_PENDING;
}

static void replay_receipt(const struct engine *engine, const struct hunt_state *hunt,
                           const struct receipt *receipt, struct result *result)
{
    const bool settled = receipt->outcome == OUTCOME_WON || receipt->outcome == OUTCOME_LOST;
    fill_treasure(hunt, receipt->treasure, result);
    result->outcome = (enum outcome)receipt->outcome;
    result->points = receipt->points;
    result->hlc = receipt->hlc;
    result->epoch = epoch_of(receipt->hlc, engine->config.epoch_ms);
    result->log_index = receipt->log_index;
    result->definition_version = receipt->version;
    result->final_epoch = settled ? result->epoch + receipt->final_after : 0;
}

static void replay_entry(const struct engine *engine, const struct hunt_state *hunt,
                         const struct window_entry *entry, struct result *result)
{
    fill_treasure(hunt, entry->treasure, result);
    result->outcome = (enum outcome)entry->outcome;
    result->hlc = window_hlc(entry);
    result->epoch = epoch_of(result->hlc, engine->config.epoch_ms);
    result->log_index = 0;
    result->definition_version = 0;
}

/* What is kept of a seq: the receipt where it was accepted, else its place in the window. */
struct kept {
    const struct receipt *receipt;
    const struct window_entry *entry;
};

static struct kept find_kept(const struct engine *engine, const struct player *player, uint32_t seq)
{
    struct kept kept = {0};
    if (seq > player->window.highest)
        return kept;
    kept.entry = window_find(&player->window, seq);
    if (kept.entry != NULL && !outcome_accepted((enum outcome)kept.entry->outcome))
        return kept;
    if (kept.entry != NULL || window_forgot(&player->window, seq))
        kept.receipt = receipts_find(&engine->receipts, player->receipts, seq);
    CHECK(kept.entry == NULL || kept.receipt != NULL);
    return kept;
}

static void fill_replay(const struct engine *engine, const struct player *player,
                        const struct kept *kept, struct result *result)
{
    const struct hunt_state *hunt = engine_hunt(engine, player->hunt);
    CHECK(hunt != NULL);
    if (kept->receipt != NULL)
        replay_receipt(engine, hunt, kept->receipt, result);
    else
        replay_entry(engine, hunt, kept->entry, result);
    result->final = is_final(engine, result);
    result->replayed = true;
}

/* Line 1 of the contract: true when the seq is none to be judged now. */
static bool answer_known_seq(const struct engine *engine, const struct player *player,
                             const struct action *action, struct result *result)
{
    if (action->seq > player->window.highest)
        return false;
    const struct kept kept = find_kept(engine, player, action->seq);
    if (kept.receipt == NULL && kept.entry == NULL) {
        if (!window_forgot(&player->window, action->seq))
            return false;
        result->outcome = OUTCOME_STALE;
        return true;
    }
    const uint32_t content = kept.receipt != NULL ? kept.receipt->content : kept.entry->content;
    if (content != window_content(action))
        result->outcome = OUTCOME_CONFLICT;
    else
        fill_replay(engine, player, &kept, result);
    return true;
}

/* A new action with what was decided about it. */
struct judgement {
    const struct action *action;
    const struct moment *moment;
    struct verdict verdict;
    uint32_t content;
};

void engine_gain(struct engine *engine, struct player *player, const struct gain *gain)
{
    CHECK(gain->points > 0);
    players_touch(&engine->players, player);
    const uint64_t hlc = gain->hlc > player->score_hlc ? gain->hlc : player->score_hlc;
    const struct board_change change = {
        .slot = players_slot(&engine->players, player),
        .player = player->id,
        .before = player->score,
        .after = player->score + gain->points,
        .hlc = hlc,
    };
    player->score = change.after;
    player->score_hlc = hlc;
    if (gain->from > player->score_from)
        player->score_from = gain->from;
    board_score(engine_hunt(engine, player->hunt)->board, &change);
}

/* Returns the reference to it. */
static uint32_t add_receipt(struct engine *engine, struct player *player,
                            const struct judgement *judgement)
{
    const struct receipt receipt = {
        .hlc = judgement->moment->hlc,
        .log_index = judgement->moment->log_index,
        .seq = judgement->action->seq,
        .content = judgement->content,
        .points = judgement->verdict.points,
        .version = engine_hunt(engine, player->hunt)->version,
        .treasure = judgement->verdict.treasure->number,
        .outcome = (uint8_t)judgement->verdict.outcome,
    };
    if (receipt.seq > player->window.highest)
        receipts_push(&engine->receipts, &player->receipts, &receipt);
    else
        receipts_insert(&engine->receipts, &player->receipts, &receipt);
    return engine->receipts.count;
}

static void accept_claim(struct engine *engine, struct player *player,
                         const struct judgement *judgement)
{
    const struct verdict *verdict = &judgement->verdict;
    const uint16_t treasure = verdict->treasure->number;
    const uint32_t receipt = add_receipt(engine, player, judgement);
    player->has_place = true;
    player->place_x = judgement->action->x;
    player->place_y = judgement->action->y;
    player->place_us = hlc_us(judgement->moment->hlc);
    players_forget_taps(&engine->players, player, treasure);
    if (verdict->outcome == OUTCOME_PENDING) {
        const struct pending_claim claim = {
            .receipt = receipt,
            .player = players_slot(&engine->players, player),
            .uncertainty_us = judgement->moment->uncertainty_us,
        };
        player->pending |= player_bit(treasure);
        claims_push(&engine->claims, &claim);
        return;
    }
    player->his |= player_bit(treasure);
    const uint64_t hlc = judgement->moment->hlc;
    const struct gain gain = {.points = verdict->points, .hlc = hlc, .from = hlc};
    if (gain.points > 0)
        engine_gain(engine, player, &gain);
}

static void write_down(struct engine *engine, struct player *player,
                       const struct judgement *judgement)
{
    const struct verdict *verdict = &judgement->verdict;
    players_touch(&engine->players, player);
    if (verdict->took_token) {
        player->has_bucket = true;
        player->bucket = verdict->bucket;
    }
    if (outcome_accepted(verdict->outcome)) {
        accept_claim(engine, player, judgement);
    } else if (verdict->outcome == OUTCOME_TAP) {
        players_click(&engine->players, player, verdict->treasure->number,
                      hlc_us(judgement->moment->hlc));
    } else if (verdict->outcome == OUTCOME_REACTED) {
        given_add(&engine->given, judgement->action);
    }
    const struct window_judged judged = {
        .seq = judgement->action->seq,
        .content = judgement->content,
        .hlc = judgement->moment->hlc,
        .treasure = verdict->treasure != NULL ? verdict->treasure->number : TREASURE_NONE,
        .outcome = verdict->outcome,
    };
    window_enter(&player->window, &judged);
}

/* What is missing to write a new action down; OUTCOME_NONE: nothing. */
static enum outcome find_shortage(const struct engine *engine, const struct player *player,
                                  const struct judgement *judgement)
{
    const enum outcome outcome = judgement->verdict.outcome;
    if (player == NULL && players_full(&engine->players))
        return OUTCOME_FULL;
    if (outcome_accepted(outcome) && receipts_full(&engine->receipts))
        return OUTCOME_FULL;
    if (outcome == OUTCOME_REACTED && !given_fits(&engine->given, judgement->action))
        return OUTCOME_UNAVAILABLE;
    return OUTCOME_NONE;
}

static void refuse(const struct action *action, enum outcome outcome, struct result *ret_result)
{
    *ret_result = (struct result){
        .player = action->player,
        .seq = action->seq,
        .outcome = outcome,
        .treasure = TREASURE_NONE,
        .final = true,
    };
}

/* Lines 2 to 9, for a seq that is new; `player` is NULL for a newcomer. */
static void judge_new(struct engine *engine, struct player *player, const struct action *action,
                      const struct moment *moment, struct result *result)
{
    struct hunt_state *hunt = engine_hunt(engine, action->hunt);
    const struct trial trial = {
        .hunt = hunt,
        .player = player != NULL ? player : &newcomer,
        .taps = players_taps(&engine->players, player != NULL ? player : &newcomer),
        .receipts = &engine->receipts,
        .action = action,
        .t_us = hlc_us(moment->hlc),
        .epoch_ms = engine->config.epoch_ms,
    };
    struct judgement judgement = {
        .action = action,
        .moment = moment,
        .content = window_content(action),
    };
    const struct verdict *verdict = &judgement.verdict;
    rules_judge(&trial, &judgement.verdict);

    const enum outcome shortage = find_shortage(engine, player, &judgement);
    if (shortage != OUTCOME_NONE) {
        refuse(action, shortage, result);
        return;
    }
    if (player == NULL) {
        player = players_add(&engine->players, action->hunt, &action->player);
        player->joined = moment->hlc;
        board_join(hunt->board);
    }
    write_down(engine, player, &judgement);
    if (verdict->treasure != NULL)
        fill_treasure(hunt, verdict->treasure->number, result);
    result->outcome = verdict->outcome;
    result->final = is_final(engine, result);
    result->points = verdict->points;
    result->score = player->score;
}

/* `player` is NULL for somebody who is not known yet. */
static void judge(struct engine *engine, struct player *player, const struct action *action,
                  const struct moment *moment, struct result *ret_result)
{
    CHECK(action->seq >= SEQ_MIN);
    const struct hunt_state *hunt = engine_hunt(engine, action->hunt);
    *ret_result = (struct result){
        .player = action->player,
        .seq = action->seq,
        .outcome = OUTCOME_NOT_OPEN,
        .treasure = TREASURE_NONE,
        .final = true,
        .score = player != NULL ? player->score : 0,
        .epoch = moment->epoch,
        .hlc = moment->hlc,
        .range = engine->config.range,
        .log_index = moment->log_index,
    };
    if (hunt == NULL || hunt->definition == NULL)
        return;
    ret_result->definition_version = hunt->version;
    if (player == NULL || !answer_known_seq(engine, player, action, ret_result))
        judge_new(engine, player, action, moment, ret_result);
}

void engine_judge(struct engine *engine, const struct action *action, const struct moment *moment,
                  struct result *ret_result)
{
    CHECK(moment->epoch == epoch_of(moment->hlc, engine->config.epoch_ms));
    judge(engine, players_find(&engine->players, action->hunt, &action->player), action, moment,
          ret_result);
}

/* Actions are taken in blocks: while one is judged, the players of the next are sought, one step a
 * block. All of a block take a step together, so that the memory answers them together: each is a
 * page of its own, and waiting for one page after the other would be most of the time. */
#define BLOCK       8
#define SEEK_BLOCKS 3 /* steps before judging */

struct seeking {
    const struct players *players;
    const struct action *actions;
    uint32_t count;
    struct players_search searches[(SEEK_BLOCKS + 1) * BLOCK]; /* a ring of blocks */
};

static struct players_search *search_of(struct seeking *seeking, uint32_t i)
{
    return &seeking->searches[i % ((SEEK_BLOCKS + 1) * BLOCK)];
}

static uint32_t block_end(const struct seeking *seeking, uint32_t first)
{
    return seeking->count - first > BLOCK ? first + BLOCK : seeking->count;
}

/* The steps that are due while the block that begins at `first` is judged; it may lie before the
 * first action. */
static void seek_ahead(struct seeking *seeking, int64_t first)
{
    const int64_t index = first + 3 * BLOCK, record = first + 2 * BLOCK, window = first + BLOCK;
    if (index < seeking->count) {
        for (uint32_t i = (uint32_t)index; i < block_end(seeking, (uint32_t)index); i++)
            players_seek_index(seeking->players, seeking->actions[i].hunt,
                               &seeking->actions[i].player, search_of(seeking, i));
    }
    if (record >= 0 && record < seeking->count) {
        for (uint32_t i = (uint32_t)record; i < block_end(seeking, (uint32_t)record); i++)
            players_seek_record(seeking->players, search_of(seeking, i));
    }
    if (window >= 0 && window < seeking->count) {
        for (uint32_t i = (uint32_t)window; i < block_end(seeking, (uint32_t)window); i++)
            players_seek_window(seeking->players, search_of(seeking, i));
    }
}

void engine_judge_all(struct engine *engine, const struct action *actions, uint32_t count,
                      const struct moment *moment, struct result *results)
{
    CHECK(count > 0);
    CHECK(moment->epoch == epoch_of(moment->hlc, engine->config.epoch_ms));
    CHECK(moment->epoch == epoch_of(moment->hlc + (count - 1), engine->config.epoch_ms));
    struct seeking seeking = {.players = &engine->players, .actions = actions, .count = count};
    for (int64_t first = -SEEK_BLOCKS * BLOCK; first < count; first += BLOCK) {
        seek_ahead(&seeking, first);
        for (int64_t i = first; i >= 0 && i < first + BLOCK && i < count; i++) {
            struct moment at = *moment;
            at.hlc += (uint64_t)i;
            struct player *player =
                players_sought(&engine->players, search_of(&seeking, (uint32_t)i), actions[i].hunt,
                               &actions[i].player);
            judge(engine, player, &actions[i], &at, &results[i]);
        }
    }
}

enum status engine_receipt(const struct engine *engine, uint16_t hunt,
                           const struct player_id *player, uint32_t seq, struct result *ret_result)
{
    const struct player *known = players_find(&engine->players, hunt, player);
    if (known == NULL || seq < SEQ_MIN)
        return STATUS_NOT_FOUND;
    const struct kept kept = find_kept(engine, known, seq);
    if (kept.receipt == NULL && kept.entry == NULL)
        return window_forgot(&known->window, seq) ? STATUS_TRUNCATED : STATUS_NOT_FOUND;
    *ret_result = (struct result){
        .player = *player,
        .seq = seq,
        .score = known->score,
        .range = engine->config.range,
    };
    fill_replay(engine, known, &kept, ret_result);
    return STATUS_OK;
}
