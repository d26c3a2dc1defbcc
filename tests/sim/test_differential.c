/* tests/sim/test_differential.c -- The engine against the model: random hunts, random players,
 * every answer, receipt, page, board and rank compared. A failure prints its seed=.
 *
 * CAIRN_DIFFERENTIAL_ACTIONS says how many actions are played (1000000), CAIRN_DIFFERENTIAL_SEED
 * which seed is the first (1). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/clock/hlc.h"
#include "cluster/epochs/merge.h"
#include "cluster/hunt/engine.h"
#include "tests/sim/generate.h"
#include "tests/sim/model.h"

#define START_US        UINT64_C(1790000000000000)
#define HUNT            3
#define VERSIONS_MAX    8
#define ACTIONS_DEFAULT UINT64_C(1000000)
#define BOARDS_COMPARED 4

/* Nothing settles here: pending stays pending, and no reaction is delivered. */
#define FEATURES GENERATE_ALL

/* One hunt on one range, played to both. */
/* Longer than the engine looks ahead. */
#define ENTRY_ACTIONS 90

struct game {
    uint64_t seed;
    struct rng rng;
    uint32_t epoch_ms, players_max;
    struct engine *engine;
    struct model *model;
    struct generate_players *players;
    struct generate_hunt wish;
    struct definition *versions[VERSIONS_MAX];
    uint32_t version_count;
    uint64_t clock_us; /* since START_US */
    uint64_t last_hlc, log_index, epoch;
    uint64_t played;
    uint32_t outcomes[OUTCOME_COUNT];
};

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* The next version is in force from the epoch that is about to begin. */
static void activate_next(struct game *game, uint64_t epoch)
{
    if (game->version_count == VERSIONS_MAX)
        return;
    struct definition *definition = NULL;
    do {
        definition_free(definition);
        definition = generate_definition(&game->rng, &game->wish);
    } while (game->version_count > 0 && definition->plane != game->versions[0]->plane);
    const uint32_t version = ++game->version_count;
    game->versions[version - 1] = definition;
    const enum status status = engine_activate(game->engine, HUNT, version, definition, epoch);
    assert_int_equal(status, STATUS_OK);
    const struct model_version what = {
        .hunt = HUNT, .version = version, .active_from_epoch = epoch};
    model_version(game->model, &what, definition);
    if (game->players == NULL)
        game->players = generate_players_new(&game->rng, (uint32_t)rng_between(&game->rng, 5, 60),
                                             HUNT, definition);
    else
        generate_change(game->players, definition);
}

static void game_init(struct game *game, uint64_t seed)
{
    *game = (struct game){.seed = seed, .log_index = 10};
    rng_init(&game->rng, seed);
    struct rng *rng = &game->rng;
    game->epoch_ms = rng_chance(rng, 1, 2) ? (uint32_t)rng_between(rng, 100, 2000) : 10000;
    game->players_max = rng_chance(rng, 1, 4) ? (uint32_t)rng_between(rng, 1, 40) : 1000;
    const struct engine_config config = {
        .players_max = game->players_max + game->players_max / 16,
        .receipts_max = 100000,
        .epoch_ms = game->epoch_ms,
        .index_secret = seed,
    };
    game->engine = engine_new(&config);
    assert_non_null(game->engine);
    game->model = model_new(1, game->epoch_ms);
    model_limit_players(game->model, game->players_max);
    /* Some hunts have everything, most a few things that then matter more often. */
    const uint32_t some = (uint32_t)rng_next(rng) & (uint32_t)rng_next(rng);
    game->wish = (struct generate_hunt){
        .name = "harbour",
        .start_ms = (int64_t)(START_US / 1000),
    };
    game->wish.features = FEATURES & (rng_chance(rng, 1, 4) ? UINT32_MAX : some);
    game->wish.treasures = (uint16_t)rng_between(rng, 1, rng_chance(rng, 1, 10) ? 90 : 16);
    game->wish.length_ms = (int64_t)rng_between(rng, 5000, 60000);
    game->epoch = epoch_of(hlc_from_us(START_US), game->epoch_ms);
    game->last_hlc = hlc_from_us(START_US) - 1;
    (void)model_entry(game->model, 0, game->last_hlc, 0);
    activate_next(game, game->epoch);
}

static void game_fini(struct game *game)
{
    generate_players_free(game->players);
    model_free(game->model);
    engine_free(game->engine);
    for (uint32_t i = 0; i < game->version_count; i++)
        definition_free(game->versions[i]);
}

static void compare_one(struct game *game, const struct action *action,
                        const struct model_place *place, const struct result *actual)
{
    struct result expected;
    (void)model_judge(game->model, place, action, actual, &expected);
    char why[200];
    if (!model_compare_result(&expected, actual, why, sizeof why))
        fail_msg("seed=%" PRIu64 ", action %" PRIu64 ": %s", game->seed, game->played, why);
    generate_learn(game->players, actual);
    game->outcomes[actual->outcome]++;
    game->played++;
}

/* All at once as a range does, or one after the other, which must be the same. */
static void judge(struct game *game, const struct action *actions, uint32_t count, uint64_t base,
                  struct result *results)
{
    struct moment moment = {
        .hlc = base, .epoch = game->epoch, .log_index = game->log_index, .uncertainty_us = 7};
    memset(results, 0xee, count * sizeof *results);
    if (rng_chance(&game->rng, 3, 4)) {
        engine_judge_all(game->engine, actions, count, &moment, results);
        return;
    }
    for (uint32_t i = 0; i < count; i++, moment.hlc++)
        engine_judge(game->engine, &actions[i], &moment, &results[i]);
}

/* An entry of some actions, stamped as a range's log stamps it. */
static void play_entry(struct game *game, uint64_t gap_us)
{
    static struct action actions[ENTRY_ACTIONS];
    static struct result results[ENTRY_ACTIONS];
    const bool is_long = rng_chance(&game->rng, 1, 40);
    const uint32_t count = (uint32_t)rng_between(&game->rng, 1, is_long ? ENTRY_ACTIONS : 12);
    game->clock_us += rng_below(&game->rng, 2 * gap_us + 1);
    const uint64_t now_us = START_US + game->clock_us;
    for (uint32_t i = 0; i < count; i++)
        generate_action(game->players, &game->rng, (int64_t)(now_us / 1000), &actions[i]);
    /* Now and then a leader's clock is behind. */
    const uint64_t stamp = hlc_from_us(rng_chance(&game->rng, 1, 10) ? now_us - 200000 : now_us);
    const uint64_t base = model_entry(game->model, 0, stamp, count);
    assert_true(base > game->last_hlc);
    const uint64_t epoch = epoch_of(base, game->epoch_ms);
    if (epoch > game->epoch && rng_chance(&game->rng, 1, 6))
        activate_next(game, epoch);
    game->epoch = epoch;
    game->last_hlc = base + count - 1;
    game->log_index++;
    judge(game, actions, count, base, results);
    for (uint32_t i = 0; i < count; i++) {
        const struct model_place place = {
            .log_index = game->log_index, .at = i, .hlc = base + i, .uncertainty_us = 7};
        compare_one(game, &actions[i], &place, &results[i]);
    }
}

/* ---- Afterwards: what can be read. */

static void compare_receipt(const struct game *game, const struct player_id *player, uint32_t seq)
{
    struct result expected, actual;
    const enum model_receipt kept = model_receipt(game->model, HUNT, player, seq, &expected);
    const enum status status = engine_receipt(game->engine, HUNT, player, seq, &actual);
    char why[200] = "another status";
    const bool same =
        kept == MODEL_RECEIPT_KEPT
            ? status == STATUS_OK && model_compare_result(&expected, &actual, why, sizeof why)
        : kept == MODEL_RECEIPT_NEVER ? status == STATUS_NOT_FOUND
        : kept == MODEL_RECEIPT_GONE  ? status == STATUS_TRUNCATED
                                      : status == STATUS_NOT_FOUND || status == STATUS_TRUNCATED;
    if (!same)
        fail_msg("seed=%" PRIu64 ": receipt %u: status %d, model %d: %s", game->seed, seq,
                 (int)status, (int)kept, why);
}

static bool same_set(const struct model_set *expected, const uint16_t *actual, uint16_t count)
{
    return expected->count == count &&
           memcmp(expected->numbers, actual, count * sizeof actual[0]) == 0;
}

static void compare_player(const struct game *game, const struct player_id *player)
{
    static struct player_page shown;
    static struct model_page page;
    engine_player(game->engine, HUNT, player, game->last_hlc, &shown);
    const bool known = model_player(game->model, HUNT, player, &page);
    bool same = shown.known == known;
    if (known) {
        same = same && shown.score == page.score && shown.score_hlc == page.score_hlc &&
               shown.last_seq == page.last_seq && shown.reactions == page.reactions &&
               same_set(&page.found, shown.found, shown.found_count) &&
               same_set(&page.pending, shown.pending, shown.pending_count) &&
               same_set(&page.won, shown.won, shown.won_count) &&
               same_set(&page.lost, shown.lost, shown.lost_count);
        for (uint32_t seq = 0; seq <= page.last_seq + 2 && seq <= 5000; seq++)
            compare_receipt(game, player, seq);
    }
    if (!same)
        fail_msg("seed=%" PRIu64 ": a page shows score %" PRId64 ", last seq %u, %u finds",
                 game->seed, shown.score, shown.last_seq, shown.found_count);
}

static struct global_board *board_of(const struct game *game, enum ties ties)
{
    const struct summary_source source = {
        .hunt = HUNT, .ties = ties, .board = engine_board(game->engine, HUNT)};
    const struct summary_input input = {
        .from = game->epoch,
        .through = game->epoch,
        .last_hlc = game->last_hlc,
        .sources = &source,
        .count = 1,
    };
    struct summary *summary = summary_build(&input);
    assert_non_null(summary);
    struct merge *merge = merge_new(1, game->epoch);
    assert_non_null(merge);
    assert_int_equal(merge_add(merge, summary), STATUS_OK);
    struct global_board *board = NULL;
    assert_int_equal(merge_board(merge, game->epoch, &board), STATUS_OK);
    summary_release(summary);
    merge_free(merge);
    return board;
}

static void compare_places(const struct game *game, const struct global_hunt *shown,
                           const struct model_board *expected)
{
    bool same = shown != NULL && shown->players == expected->players &&
                shown->entry_count == expected->count;
    for (uint32_t i = 0; same && i < expected->count; i++) {
        const struct model_board_entry *right = &expected->entries[i];
        const struct global_entry *place = &shown->entries[i];
        same = place->rank == right->rank && place->entry.score == right->score &&
               place->entry.hlc == right->hlc &&
               player_id_equal(&place->entry.player, &right->player);
    }
    if (!same)
        fail_msg("seed=%" PRIu64 ": another board of epoch %" PRIu64, game->seed, game->epoch);
}

static void compare_board(const struct game *game)
{
    static struct model_board expected;
    struct global_board *board = board_of(game, game->versions[game->version_count - 1]->ties);
    model_board(game->model, HUNT, game->epoch, &expected);
    compare_places(game, global_board_hunt(board, HUNT), &expected);
    for (uint32_t i = 0; i < generate_players_count(game->players); i++) {
        const struct player_id *player = generate_player(game->players, i);
        struct model_page page;
        const uint64_t right = model_rank(game->model, HUNT, game->epoch, player);
        if (!model_player(game->model, HUNT, player, &page))
            continue;
        const uint64_t rank = global_board_rank(board, HUNT, page.score, player);
        if (rank != right)
            fail_msg("seed=%" PRIu64 ": rank %" PRIu64 " is shown as %" PRIu64, game->seed, right,
                     rank);
    }
    global_board_release(board);
}

/* What boards of earlier epochs counted can still be told. */
static void compare_past(const struct game *game)
{
    static struct model_board past;
    const uint64_t first = epoch_of(hlc_from_us(START_US), game->epoch_ms);
    for (uint32_t i = 0; i < BOARDS_COMPARED; i++) {
        const uint64_t epoch = first + (game->epoch - first) * i / BOARDS_COMPARED;
        model_board(game->model, HUNT, epoch, &past);
        for (uint32_t j = 0; j < past.count; j++) {
            const int64_t score = engine_score_before(game->engine, HUNT, &past.entries[j].player,
                                                      epoch_start(epoch + 1, game->epoch_ms));
            if (score != past.entries[j].score)
                fail_msg("seed=%" PRIu64 ": score %" PRId64 " of epoch %" PRIu64
                         " is told as %" PRId64,
                         game->seed, past.entries[j].score, epoch, score);
        }
    }
}

static void compare_everything(const struct game *game)
{
    for (uint32_t i = 0; i < generate_players_count(game->players); i++)
        compare_player(game, generate_player(game->players, i));
    compare_board(game);
    compare_past(game);
}

/* Plays one seed's hunt to its end and past it. */
static uint64_t play_game(uint64_t seed, uint32_t outcomes[OUTCOME_COUNT])
{
    struct game game;
    game_init(&game, seed);
    const uint64_t actions = rng_between(&game.rng, 200, 2500);
    const uint64_t gap_us = (uint64_t)game.wish.length_ms * 1000 * 7 / actions;
    while (game.played < actions)
        play_entry(&game, gap_us);
    compare_everything(&game);
    for (int i = 0; i < OUTCOME_COUNT; i++)
        outcomes[i] += game.outcomes[i];
    game_fini(&game);
    return game.played;
}

static void the_engine_answers_as_the_model_does(void **state)
{
    (void)state;
    const uint64_t wanted = number_from("CAIRN_DIFFERENTIAL_ACTIONS", ACTIONS_DEFAULT);
    uint64_t seed = number_from("CAIRN_DIFFERENTIAL_SEED", 1);
    uint32_t outcomes[OUTCOME_COUNT] = {0};
    uint64_t played = 0;
    uint64_t games = 0;
    for (; played < wanted; games++)
        played += play_game(seed++, outcomes);
    print_message("%" PRIu64 " actions in %" PRIu64 " hunts:", played, games);
    for (int i = 1; i < OUTCOME_COUNT; i++)
        print_message(" %s %u", outcome_name((enum outcome)i), outcomes[i]);
    print_message("\n");
    if (wanted < ACTIONS_DEFAULT)
        return;
    /* A comparison of answers that never come up would show nothing. */
    static const enum outcome must_occur[] = {
        OUTCOME_FOUND,    OUTCOME_TAP,      OUTCOME_NOTHING,      OUTCOME_ALREADY,
        OUTCOME_CLOSED,   OUTCOME_NOT_OPEN, OUTCOME_ENDED,        OUTCOME_TOO_FAST,
        OUTCOME_EXPIRED,  OUTCOME_REACTED,  OUTCOME_RATE_LIMITED, OUTCOME_CLOCK_SKEW,
        OUTCOME_CONFLICT, OUTCOME_STALE,    OUTCOME_INVALID,      OUTCOME_FULL,
    };
    for (size_t i = 0; i < sizeof must_occur / sizeof must_occur[0]; i++)
        assert_true(outcomes[must_occur[i]] > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engine_answers_as_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
