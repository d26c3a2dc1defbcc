#include "cluster/hunt/engine.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"
#include "cluster/hunt/digest.h"
#include "cluster/hunt/hunts.h"
#include "cluster/hunt/players.h"
#include "cluster/hunt/receipts.h"
#include "cluster/hunt/rules.h"

struct engine {
    struct engine_config config;
    struct players players;
    struct receipts receipts;
    struct hunt *hunts[HUNTS_MAX]; /* NULL: not learned */
    const struct player **order;   /* engine_digest's, touched by it only */
};

/* What a player has who has not been judged yet. */
static const struct player newcomer;
static const struct tap_set no_taps;

struct engine *engine_new(const struct engine_config *config)
{
    CHECK(config->epoch_ms > 0);
    CHECK(config->players_max > 0);
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->config = *config;
    engine->order = calloc(config->players_max, sizeof engine->order[0]);
    if (engine->order == NULL || players_init(&engine->players, config->players_max) != STATUS_OK ||
        receipts_init(&engine->receipts, config->receipts_max) != STATUS_OK) {
        engine_free(engine);
        return NULL;
    }
    return engine;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    for (uint32_t i = 0; i < HUNTS_MAX; i++)
        hunt_free(engine->hunts[i]);
    receipts_fini(&engine->receipts);
    players_fini(&engine->players);
    free(engine->order);
    free(engine);
}

static struct hunt *find_hunt(const struct engine *engine, uint16_t hunt)
{
    return hunt < HUNTS_MAX ? engine->hunts[hunt] : NULL;
}

enum status engine_learn(struct engine *engine, uint16_t hunt, const struct definition *definition)
{
    if (hunt >= HUNTS_MAX)
        return STATUS_INVALID;
    if (engine->hunts[hunt] != NULL)
        return hunt_learn(engine->hunts[hunt], definition);

    struct hunt *learned = hunt_new(engine->config.range);
    if (learned == NULL)
        return STATUS_NO_MEMORY;
    const enum status status = hunt_learn(learned, definition);
    if (status != STATUS_OK) {
        hunt_free(learned);
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
    return hunt_activate(engine->hunts[hunt], version, definition, epoch);
}

void engine_prefetch_index(const struct engine *engine, const struct action *action)
{
    players_prefetch_index(&engine->players, action->hunt, &action->player);
}

void engine_prefetch(const struct engine *engine, const struct action *action)
{
    players_prefetch(&engine->players, action->hunt, &action->player);
}

static void fill_treasure(const struct hunt *hunt, uint16_t treasure, struct result *result)
{
    result->treasure = treasure;
    result->treasure_id = treasure != TREASURE_NONE ? hunt_treasure_id(hunt, treasure) : NULL;
}

/* What stays open: a pending claim until its epoch is complete, a reaction until then too. */
static bool is_final(enum outcome outcome)
{
    return outcome != OUTCOME_PENDING && outcome != OUTCOME_REACTED;
}

static void replay_receipt(const struct engine *engine, const struct hunt *hunt,
                           const struct receipt *receipt, struct result *result)
{
    const bool settled = receipt->outcome == OUTCOME_WON || receipt->outcome == OUTCOME_LOST;
    fill_treasure(hunt, receipt->treasure, result);
    result->outcome = (enum outcome)receipt->outcome;
    result->final = is_final(result->outcome);
    result->points = receipt->points;
    result->hlc = receipt->hlc;
    result->epoch = epoch_of(receipt->hlc, engine->config.epoch_ms);
    result->log_index = receipt->log_index;
    result->definition_version = receipt->version;
    result->final_epoch = settled ? result->epoch + receipt->final_after : 0;
}

static void replay_entry(const struct engine *engine, const struct hunt *hunt,
                         const struct window_entry *entry, struct result *result)
{
    fill_treasure(hunt, entry->treasure, result);
    result->outcome = (enum outcome)entry->outcome;
    result->final = is_final(result->outcome);
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
    const struct hunt *hunt = find_hunt(engine, player->hunt);
    CHECK(hunt != NULL);
    if (kept->receipt != NULL)
        replay_receipt(engine, hunt, kept->receipt, result);
    else
        replay_entry(engine, hunt, kept->entry, result);
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

static void add_score(struct engine *engine, struct player *player, uint32_t points, uint64_t hlc)
{
    const struct board_change change = {
        .slot = players_slot(&engine->players, player),
        .player = player->id,
        .before = player->score,
        .after = player->score + points,
        .hlc = hlc,
    };
    player->score = change.after;
    player->score_hlc = hlc;
    board_score(find_hunt(engine, player->hunt)->board, &change);
}

static void add_receipt(struct engine *engine, struct player *player,
                        const struct judgement *judgement)
{
    const struct receipt receipt = {
        .hlc = judgement->moment->hlc,
        .log_index = judgement->moment->log_index,
        .seq = judgement->action->seq,
        .content = judgement->content,
        .points = judgement->verdict.points,
        .version = find_hunt(engine, player->hunt)->version,
        .treasure = judgement->verdict.treasure->number,
        .outcome = (uint8_t)judgement->verdict.outcome,
    };
    if (receipt.seq > player->window.highest)
        receipts_push(&engine->receipts, &player->receipts, &receipt);
    else
        receipts_insert(&engine->receipts, &player->receipts, &receipt);
}

static void accept_claim(struct engine *engine, struct player *player,
                         const struct judgement *judgement)
{
    const struct verdict *verdict = &judgement->verdict;
    const uint16_t treasure = verdict->treasure->number;
    const uint64_t bit = treasure < PLAYER_BITS ? UINT64_C(1) << treasure : 0;
    add_receipt(engine, player, judgement);
    player->has_place = true;
    player->place_x = judgement->action->x;
    player->place_y = judgement->action->y;
    player->place_us = hlc_us(judgement->moment->hlc);
    if (player->has_taps)
        taps_forget(players_taps(&engine->players, player), treasure);
    if (verdict->outcome == OUTCOME_PENDING) {
        player->pending |= bit;
        return;
    }
    player->his |= bit;
    if (verdict->points > 0)
        add_score(engine, player, verdict->points, judgement->moment->hlc);
}

static void write_down(struct engine *engine, struct player *player,
                       const struct judgement *judgement)
{
    const struct verdict *verdict = &judgement->verdict;
    if (verdict->took_token) {
        player->has_bucket = true;
        player->bucket = verdict->bucket;
    }
    if (outcome_accepted(verdict->outcome)) {
        accept_claim(engine, player, judgement);
    } else if (verdict->outcome == OUTCOME_TAP) {
        player->has_taps = true;
        taps_click(players_taps(&engine->players, player), verdict->treasure->number,
                   hlc_us(judgement->moment->hlc));
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

static void refuse_full(const struct action *action, struct result *ret_result)
{
    *ret_result = (struct result){
        .player = action->player,
        .seq = action->seq,
        .outcome = OUTCOME_FULL,
        .treasure = TREASURE_NONE,
        .final = true,
    };
}

/* Lines 2 to 9, for a seq that is new; `player` is NULL for a newcomer. */
static void judge_new(struct engine *engine, struct player *player, const struct action *action,
                      const struct moment *moment, struct result *result)
{
    struct hunt *hunt = find_hunt(engine, action->hunt);
    const struct trial trial = {
        .hunt = hunt,
        .player = player != NULL ? player : &newcomer,
        .taps = player != NULL ? players_taps(&engine->players, player) : &no_taps,
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

    if ((player == NULL && players_full(&engine->players)) ||
        (outcome_accepted(verdict->outcome) && receipts_full(&engine->receipts))) {
        refuse_full(action, result);
        return;
    }
    if (player == NULL) {
        player = players_add(&engine->players, action->hunt, &action->player);
        board_join(hunt->board);
    }
    write_down(engine, player, &judgement);
    if (verdict->treasure != NULL)
        fill_treasure(hunt, verdict->treasure->number, result);
    result->outcome = verdict->outcome;
    result->final = is_final(verdict->outcome);
    result->points = verdict->points;
    result->score = player->score;
}

void engine_judge(struct engine *engine, const struct action *action, const struct moment *moment,
                  struct result *ret_result)
{
    CHECK(action->seq >= SEQ_MIN);
    CHECK(moment->epoch == epoch_of(moment->hlc, engine->config.epoch_ms));
    const struct hunt *hunt = find_hunt(engine, action->hunt);
    struct player *player = players_find(&engine->players, action->hunt, &action->player);
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

static void list_open(const struct engine *engine, const struct hunt *hunt,
                      const struct player *player, uint64_t t_us, struct player_page *page)
{
    const struct definition *definition = hunt->definition;
    struct holdings holdings;
    holdings_init(&holdings, player, &engine->receipts);
    for (uint16_t place = 0; place < definition->treasure_count; place++) {
        const struct treasure *treasure = &definition->treasures[place];
        if (rules_open(definition, treasure, &holdings) && rules_in_window(treasure, t_us) &&
            !holdings_his(&holdings, treasure->number) &&
            !holdings_pending(&holdings, treasure->number))
            page->open[page->open_count++] = place;
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
    const struct hunt *played = find_hunt(engine, hunt);
    if (played != NULL && played->definition != NULL)
        list_open(engine, played, known != NULL ? known : &newcomer, hlc_us(hlc), ret_page);
}

int64_t engine_score_before(const struct engine *engine, uint16_t hunt,
                            const struct player_id *player, uint64_t before)
{
    const struct player *known = players_find(&engine->players, hunt, player);
    if (known == NULL)
        return 0;
    if (known->score_hlc < before)
        return known->score;
    int64_t score = known->score;
    const struct receipt *receipt = receipts_at(&engine->receipts, known->receipts);
    while (receipt != NULL) {
        if (receipt->outcome == OUTCOME_FOUND && receipt->hlc >= before)
            score -= receipt->points;
        receipt = receipts_at(&engine->receipts, receipt->next);
    }
    return score;
}

const struct definition *engine_definition(const struct engine *engine, uint16_t hunt,
                                           uint32_t *ret_version)
{
    const struct hunt *found = find_hunt(engine, hunt);
    *ret_version = found != NULL ? found->version : 0;
    return found != NULL ? found->definition : NULL;
}

const char *engine_treasure_id(const struct engine *engine, uint16_t hunt, uint16_t number)
{
    const struct hunt *found = find_hunt(engine, hunt);
    return found != NULL ? hunt_treasure_id(found, number) : NULL;
}

struct board *engine_board(struct engine *engine, uint16_t hunt)
{
    struct hunt *found = find_hunt(engine, hunt);
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
    const size_t index = table_bytes(&engine->players.index);
    return sizeof(struct player) +
           (index + engine->players.capacity - 1) / engine->players.capacity;
}

size_t engine_bytes_per_receipt(void)
{
    return sizeof(struct receipt);
}

static int compare_players(const void *a, const void *b)
{
    const struct player *one = *(const struct player *const *)a;
    const struct player *other = *(const struct player *const *)b;
    if (one->hunt != other->hunt)
        return one->hunt < other->hunt ? -1 : 1;
    return player_id_compare(&one->id, &other->id);
}

uint64_t engine_digest(const struct engine *engine)
{
    const uint32_t count = engine->players.count;
    for (uint32_t i = 0; i < count; i++)
        engine->order[i] = &engine->players.records[i];
    qsort(engine->order, count, sizeof engine->order[0], compare_players);

    uint64_t digest = engine->config.range;
    for (uint16_t i = 0; i < HUNTS_MAX; i++) {
        if (engine->hunts[i] != NULL)
            digest = digest_hunt(digest, i, engine->hunts[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        digest = digest_player(digest, &engine->players, &engine->receipts, engine->order[i]);
    return digest;
}
