/* tests/unit/test_settling.c -- What a range leaves to be settled, and what settling does to
 * claims, scores, players' pages and reactions. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/hunt/given.h"
#include "tests/unit/stage.h"

#define NOWHERE (-5000)
#define FIRST   ((uint64_t)STAGE_START_MS / STAGE_EPOCH_MS) /* the stage's first epoch */

static const struct emoji FIRE = {.length = 4, .text = "\xf0\x9f\x94\xa5"};
static const struct emoji CLAP = {.length = 4, .text = "\xf0\x9f\x91\x8f"};

/* Players click, epochs close, and a settlement is written piece by piece. */
struct play {
    struct stage stage;
    struct engine_settlement settlement;
    struct engine_awarded awarded[8];
    struct engine_winner winners[40];
    struct engine_reaction reactions[400];
};

static void play_init(struct play *play, uint16_t treasures)
{
    memset(play, 0, sizeof *play);
    stage_init(&play->stage, treasures);
    play->stage.definition.emoji_count = 2;
    play->stage.definition.emoji[0] = FIRE;
    play->stage.definition.emoji[1] = CLAP;
}

static void play_fini(struct play *play)
{
    stage_fini(&play->stage);
}

static struct result click(struct play *play, uint8_t player, uint32_t seq, int32_t x)
{
    return stage_click(&play->stage, player, seq, x);
}

static struct result react(struct play *play, uint8_t player, uint32_t seq, uint8_t to,
                           const struct emoji *emoji)
{
    struct action action = stage_claim(&play->stage, player, seq, 0, 0);
    action.kind = ACTION_REACTION;
    action.to = stage_player(to);
    action.emoji = *emoji;
    return stage_judge(&play->stage, &action);
}

static uint64_t open_epoch(const struct play *play)
{
    return epoch_of(hlc_from_us(stage_us(&play->stage)), STAGE_EPOCH_MS);
}

static void next_epoch(struct play *play)
{
    const int64_t length = INT64_C(1000) * STAGE_EPOCH_MS;
    play->stage.us = (play->stage.us / length + 1) * length;
    engine_close_epoch(play->stage.engine);
}

static void award(struct play *play, uint16_t treasure, uint32_t awarded)
{
    play->awarded[play->settlement.awarded_count++] =
        (struct engine_awarded){.hunt = STAGE_HUNT, .treasure = treasure, .awarded = awarded};
}

static struct engine_winner *name(struct play *play, uint16_t treasure, uint32_t place,
                                  uint8_t player, uint32_t seq)
{
    struct engine_winner *winner = &play->winners[play->settlement.winner_count++];
    *winner = (struct engine_winner){.hunt = STAGE_HUNT,
                                     .treasure = treasure,
                                     .place = place,
                                     .player = stage_player(player),
                                     .seq = seq,
                                     .uncertainty_us = 77};
    return winner;
}

static void bring(struct play *play, uint8_t player, const struct emoji *emoji, uint32_t count)
{
    play->reactions[play->settlement.reaction_count++] = (struct engine_reaction){
        .hunt = STAGE_HUNT, .to = stage_player(player), .emoji = *emoji, .count = count};
}

static enum status settle_status(struct play *play, uint64_t through)
{
    play->settlement.through = through;
    play->settlement.final_epoch = open_epoch(play);
    play->settlement.awarded = play->awarded;
    play->settlement.winners = play->winners;
    play->settlement.reactions = play->reactions;
    play->settlement.settled_digest = through * 31;
    const enum status status = engine_settle(play->stage.engine, &play->settlement);
    play->settlement = (struct engine_settlement){0};
    return status;
}

/* Settles everything before the open epoch. */
static void settle(struct play *play)
{
    assert_int_equal(settle_status(play, open_epoch(play) - 1), STATUS_OK);
}

static struct result receipt_of(const struct play *play, uint8_t player, uint32_t seq)
{
    const struct player_id id = stage_player(player);
    struct result result;
    memset(&result, 0xee, sizeof result);
    assert_int_equal(engine_receipt(play->stage.engine, STAGE_HUNT, &id, seq, &result), STATUS_OK);
    return result;
}

static const struct player_page *page_of(const struct play *play, uint8_t player)
{
    static struct player_page page;
    const struct player_id id = stage_player(player);
    engine_player(play->stage.engine, STAGE_HUNT, &id, hlc_from_us(stage_us(&play->stage)), &page);
    return &page;
}

static int64_t score_before(const struct play *play, uint8_t player, uint64_t epoch)
{
    const struct player_id id = stage_player(player);
    return engine_score_before(play->stage.engine, STAGE_HUNT, &id,
                               epoch_start(epoch, STAGE_EPOCH_MS));
}

/* One limited treasure at 0, two of it, and a free one at 1000 that requires it. */
static void play_limited(struct play *play)
{
    play_init(play, 2);
    play->stage.treasures[0].supply = 2;
    play->stage.treasures[1].requires_count = 1;
    stage_activate(&play->stage);
}

/* Winning and losing. */

static void a_claim_that_is_named_wins_its_points(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    const struct result pending = click(&play, 1, 1, 0);
    assert_int_equal(pending.outcome, OUTCOME_PENDING);
    next_epoch(&play);
    next_epoch(&play);
    award(&play, 0, 1);
    name(&play, 0, 1, 1, 1);
    settle(&play);

    const struct result won = receipt_of(&play, 1, 1);
    assert_int_equal(won.outcome, OUTCOME_WON);
    assert_true(won.final);
    assert_int_equal(won.points, 100);
    assert_true(won.score == 100);
    assert_true(won.epoch == FIRST);
    assert_true(won.final_epoch == FIRST + 2);
    assert_true(won.hlc == pending.hlc);
    assert_true(won.log_index == pending.log_index);
    assert_int_equal(won.definition_version, 1);
    const struct player_page *page = page_of(&play, 1);
    assert_int_equal(page->won_count, 1);
    assert_int_equal(page->pending_count + page->lost_count + page->found_count, 0);
    assert_true(page->score == 100);
    assert_true(page->score_hlc == pending.hlc);
    assert_int_equal(click(&play, 1, 2, 0).outcome, OUTCOME_ALREADY);
    assert_int_equal(click(&play, 1, 3, 1000).outcome, OUTCOME_FOUND);
    assert_int_equal(engine_pending(play.stage.engine), 0);
    play_fini(&play);
}

static void a_retry_after_settling_gets_what_became_of_the_claim(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    const struct action action = stage_claim(&play.stage, 1, 1, 0, 0);
    assert_int_equal(stage_judge(&play.stage, &action).outcome, OUTCOME_PENDING);
    next_epoch(&play);
    name(&play, 0, 1, 1, 1);
    settle(&play);
    const struct result replay = stage_judge(&play.stage, &action);
    assert_int_equal(replay.outcome, OUTCOME_WON);
    assert_true(replay.replayed);
    assert_true(replay.final);
    assert_true(replay.final_epoch == FIRST + 1);
    play_fini(&play);
}

static void a_claim_that_is_not_named_has_lost_and_may_be_tried_again(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    click(&play, 1, 1, 0);
    next_epoch(&play);
    award(&play, 0, 1);
    settle(&play);

    const struct result lost = receipt_of(&play, 1, 1);
    assert_int_equal(lost.outcome, OUTCOME_LOST);
    assert_true(lost.final);
    assert_int_equal(lost.points, 0);
    assert_true(lost.score == 0);
    assert_true(lost.final_epoch == FIRST + 1);
    assert_int_equal(page_of(&play, 1)->lost_count, 1);
    assert_int_equal(page_of(&play, 1)->pending_count, 0);
    assert_int_equal(page_of(&play, 1)->open_count, 1);
    assert_int_equal(click(&play, 1, 2, 1000).outcome, OUTCOME_NOTHING);

    assert_int_equal(click(&play, 1, 3, 0).outcome, OUTCOME_PENDING);
    assert_int_equal(page_of(&play, 1)->lost_count, 0);
    assert_int_equal(page_of(&play, 1)->pending_count, 1);
    next_epoch(&play);
    name(&play, 0, 2, 1, 3);
    settle(&play);
    assert_int_equal(receipt_of(&play, 1, 1).outcome, OUTCOME_LOST);
    assert_int_equal(receipt_of(&play, 1, 3).outcome, OUTCOME_WON);
    assert_int_equal(page_of(&play, 1)->lost_count, 0);
    assert_int_equal(page_of(&play, 1)->won_count, 1);
    assert_true(page_of(&play, 1)->score == 100);
    play_fini(&play);
}

static void treasures_beyond_the_bits_are_won_and_lost_alike(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 67);
    play.stage.treasures[65].supply = 1;
    play.stage.treasures[66].requires_count = 1;
    play.stage.treasures[66].requires[0] = 65;
    stage_activate(&play.stage);
    click(&play, 1, 1, 65000);
    click(&play, 2, 1, 65000);
    next_epoch(&play);
    name(&play, 65, 1, 2, 1);
    settle(&play);
    assert_int_equal(click(&play, 1, 2, 65000).outcome, OUTCOME_PENDING);
    assert_int_equal(click(&play, 2, 2, 65000).outcome, OUTCOME_ALREADY);
    assert_int_equal(click(&play, 1, 3, 66000).outcome, OUTCOME_NOTHING);
    assert_int_equal(click(&play, 2, 3, 66000).outcome, OUTCOME_FOUND);
    play_fini(&play);
}

static void points_are_those_of_the_moment_of_the_click(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 1);
    play.stage.treasures[0].supply = 1;
    play.stage.treasures[0].decay_per_ms = 1000;
    play.stage.treasures[0].decay_points = 10;
    stage_activate(&play.stage);
    play.stage.us = 3000000;
    assert_int_equal(click(&play, 1, 1, 0).points, 70);
    next_epoch(&play);
    name(&play, 0, 1, 1, 1);
    settle(&play);
    assert_int_equal(receipt_of(&play, 1, 1).points, 70);
    assert_true(page_of(&play, 1)->score == 70);
    play_fini(&play);
}

static void a_treasure_without_points_is_won_and_moves_no_board(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 1);
    play.stage.treasures[0].supply = 1;
    play.stage.treasures[0].points = 0;
    stage_activate(&play.stage);
    click(&play, 1, 1, 0);
    next_epoch(&play);
    name(&play, 0, 1, 1, 1);
    settle(&play);
    assert_int_equal(page_of(&play, 1)->won_count, 1);
    assert_true(page_of(&play, 1)->score_hlc == 0);
    struct board_entry entries[BOARD_TOP];
    assert_int_equal(board_top(engine_board(play.stage.engine, STAGE_HUNT), entries), 0);
    play_fini(&play);
}

/* A run of epochs at once; logged twice. */

static void a_run_of_epochs_is_settled_at_once(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    for (uint8_t player = 1; player <= 4; player++) {
        click(&play, player, 1, 0);
        next_epoch(&play);
    }
    name(&play, 0, 1, 2, 1);
    assert_int_equal(settle_status(&play, FIRST + 2), STATUS_OK);
    assert_int_equal(receipt_of(&play, 1, 1).outcome, OUTCOME_LOST);
    assert_int_equal(receipt_of(&play, 2, 1).outcome, OUTCOME_WON);
    assert_int_equal(receipt_of(&play, 3, 1).outcome, OUTCOME_LOST);
    assert_int_equal(receipt_of(&play, 4, 1).outcome, OUTCOME_PENDING);
    assert_true(receipt_of(&play, 1, 1).final_epoch == FIRST + 4);
    assert_int_equal(engine_pending(play.stage.engine), 1);
    uint64_t through = 0;
    assert_true(engine_settled_through(play.stage.engine, &through));
    assert_true(through == FIRST + 2);
    assert_true(engine_settled_digest(play.stage.engine) == (FIRST + 2) * 31);
    settle(&play);
    assert_int_equal(receipt_of(&play, 4, 1).outcome, OUTCOME_LOST);
    play_fini(&play);
}

static void what_is_settled_or_still_open_is_not_settled(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    uint64_t through = 5;
    assert_false(engine_settled_through(play.stage.engine, &through));
    assert_true(through == 5);
    click(&play, 1, 1, 0);
    next_epoch(&play);
    next_epoch(&play);
    assert_int_equal(settle_status(&play, FIRST + 2), STATUS_INVALID);
    assert_int_equal(settle_status(&play, FIRST), STATUS_OK);

    const uint64_t digest = engine_digest(play.stage.engine);
    award(&play, 0, 2);
    name(&play, 0, 1, 1, 1);
    bring(&play, 1, &FIRE, 1);
    assert_int_equal(settle_status(&play, FIRST), STATUS_INVALID);
    assert_true(engine_digest(play.stage.engine) == digest);
    assert_int_equal(settle_status(&play, FIRST + 1), STATUS_OK);
    play_fini(&play);
}

static void winners_who_are_not_pending_here_are_left_out(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 3);
    play.stage.treasures[0].supply = 5;
    stage_activate(&play.stage);
    click(&play, 1, 1, 0);
    click(&play, 1, 2, 2000);
    click(&play, 1, 3, NOWHERE);
    next_epoch(&play);
    click(&play, 2, 1, 0);
    next_epoch(&play);
    name(&play, 0, 1, 1, 2);             /* found */
    name(&play, 0, 1, 1, 3);             /* a miss */
    name(&play, 0, 1, 1, 4);             /* never judged */
    name(&play, 1, 1, 1, 1);             /* another treasure */
    name(&play, 0, 1, 3, 1);             /* an unknown player */
    name(&play, 0, 1, 2, 1);             /* a later epoch */
    name(&play, 0, 1, 1, 1)->hunt = 4;   /* no such hunt */
    name(&play, 0, 1, 1, 1)->hunt = 999; /* nor such a number */
    name(&play, 4095, 1, 1, 1);
    name(&play, UINT16_MAX, 1, 1, 1);
    assert_int_equal(settle_status(&play, FIRST), STATUS_OK);
    assert_int_equal(receipt_of(&play, 1, 1).outcome, OUTCOME_LOST);
    assert_int_equal(receipt_of(&play, 1, 2).outcome, OUTCOME_FOUND);
    assert_int_equal(receipt_of(&play, 2, 1).outcome, OUTCOME_PENDING);
    const struct engine_tally *tally = engine_tally(play.stage.engine);
    assert_true(tally->ignored == 10);
    assert_true(tally->won == 0);
    assert_true(tally->lost == 1);

    name(&play, 0, 1, 2, 1);
    name(&play, 0, 1, 2, 1); /* twice */
    settle(&play);
    assert_true(page_of(&play, 2)->score == 100);
    assert_true(tally->ignored == 11);
    assert_true(tally->won == 1);
    play_fini(&play);
}

/* Supply. */

static void a_treasure_is_sold_out_when_settled_epochs_used_it_up(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    click(&play, 1, 1, 0);
    click(&play, 2, 1, 0);
    assert_int_equal(click(&play, 3, 1, 0).outcome, OUTCOME_PENDING);
    next_epoch(&play);
    award(&play, 0, 1);
    name(&play, 0, 1, 1, 1);
    settle(&play);
    assert_int_equal(click(&play, 3, 2, 0).outcome, OUTCOME_PENDING);
    next_epoch(&play);
    award(&play, 0, 2);
    settle(&play);
    const struct result sold_out = click(&play, 3, 3, 0);
    assert_int_equal(sold_out.outcome, OUTCOME_SOLD_OUT);
    assert_int_equal(sold_out.treasure, 0);
    assert_int_equal(click(&play, 1, 2, 0).outcome, OUTCOME_ALREADY);
    assert_int_equal(engine_awarded(play.stage.engine, STAGE_HUNT, 0), 2);
    assert_int_equal(engine_supply(play.stage.engine, STAGE_HUNT, 0), 2);
    assert_int_equal(engine_supply(play.stage.engine, STAGE_HUNT, 1), 0);
    assert_int_equal(engine_awarded(play.stage.engine, STAGE_HUNT, 999), 0);
    assert_int_equal(engine_supply(play.stage.engine, STAGE_HUNT + 1, 0), 0);
    play_fini(&play);
}

static void a_version_may_raise_and_lower_the_supply(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    click(&play, 1, 1, 0);
    next_epoch(&play);
    award(&play, 0, 2);
    settle(&play);
    play.stage.treasures[0].supply = 3;
    stage_activate(&play.stage);
    assert_int_equal(click(&play, 1, 2, 0).outcome, OUTCOME_PENDING);
    struct engine_claim claims[2];
    assert_int_equal(engine_candidates(play.stage.engine, open_epoch(&play), claims, 2), 1);
    next_epoch(&play);
    play.stage.treasures[0].supply = 1; /* below what was awarded */
    stage_activate(&play.stage);
    assert_int_equal(click(&play, 2, 1, 0).outcome, OUTCOME_SOLD_OUT);
    award(&play, 0, 3); /* settled by the supply of its own epoch */
    name(&play, 0, 3, 1, 2);
    settle(&play);
    assert_int_equal(receipt_of(&play, 1, 2).outcome, OUTCOME_WON);
    assert_int_equal(click(&play, 2, 2, 0).outcome, OUTCOME_SOLD_OUT);
    play_fini(&play);
}

static void what_was_awarded_never_falls_and_is_listed(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 3);
    play.stage.treasures[2].supply = 9;
    stage_activate(&play.stage);
    next_epoch(&play);
    award(&play, 2, 5);
    award(&play, 0, 1);
    award(&play, 1, 0);
    settle(&play);
    next_epoch(&play);
    award(&play, 2, 4);
    award(&play, 3, 1); /* no such treasure */
    settle(&play);
    assert_true(engine_tally(play.stage.engine)->ignored == 2);
    struct engine_awarded list[2] = {{0}};
    assert_int_equal(engine_awarded_list(play.stage.engine, list, 1), 2);
    assert_int_equal(list[0].awarded, 0);
    assert_int_equal(engine_awarded_list(play.stage.engine, list, 2), 2);
    assert_int_equal(list[0].treasure, 0);
    assert_int_equal(list[0].awarded, 1);
    assert_int_equal(list[1].hunt, STAGE_HUNT);
    assert_int_equal(list[1].treasure, 2);
    assert_int_equal(list[1].awarded, 5);
    play_fini(&play);
}

/* Boards. */

static void an_award_counts_for_ties_from_its_click(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 3);
    play.stage.treasures[0].supply = 1;
    play.stage.treasures[1].points = 100;
    play.stage.treasures[2].points = 50;
    stage_activate(&play.stage);
    const uint64_t early = click(&play, 1, 1, 0).hlc;
    play.stage.us = 1000;
    const uint64_t later = click(&play, 2, 1, 1000).hlc;
    const uint64_t newest = click(&play, 3, 1, 2000).hlc;
    next_epoch(&play);
    name(&play, 0, 1, 1, 1);
    settle(&play);
    struct board_entry entries[BOARD_TOP];
    struct board *board = engine_board(play.stage.engine, STAGE_HUNT);
    assert_int_equal(board_top(board, entries), 3);
    assert_true(entries[0].hlc == early);
    assert_true(entries[1].hlc == later);
    assert_true(entries[2].hlc == newest);
    play_fini(&play);
}

static void an_award_older_than_a_find_leaves_the_newer_stamp(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 2);
    play.stage.treasures[0].supply = 1;
    stage_activate(&play.stage);
    click(&play, 1, 1, 0);
    next_epoch(&play);
    const uint64_t newer = click(&play, 1, 2, 1000).hlc;
    next_epoch(&play);
    name(&play, 0, 1, 1, 1);
    settle(&play);
    assert_true(page_of(&play, 1)->score == 201);
    assert_true(page_of(&play, 1)->score_hlc == newer);
    struct board_entry entries[BOARD_TOP];
    assert_int_equal(board_top(engine_board(play.stage.engine, STAGE_HUNT), entries), 1);
    assert_true(entries[0].score == 201);
    assert_true(entries[0].hlc == newer);
    play_fini(&play);
}

static void boards_count_an_award_from_the_epoch_that_settled_it(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 2);
    play.stage.treasures[0].supply = 1;
    stage_activate(&play.stage);
    click(&play, 1, 1, 0);    /* epoch 0, 100 points */
    click(&play, 1, 2, 1000); /* epoch 0, 101 points */
    for (int i = 0; i < 3; i++)
        next_epoch(&play);
    name(&play, 0, 1, 1, 1);
    assert_int_equal(settle_status(&play, FIRST), STATUS_OK);
    assert_true(score_before(&play, 1, FIRST) == 0);
    assert_true(score_before(&play, 1, FIRST + 1) == 101);
    assert_true(score_before(&play, 1, FIRST + 3) == 101);
    assert_true(score_before(&play, 1, FIRST + 4) == 201);
    assert_true(score_before(&play, 2, FIRST + 4) == 0);
    play_fini(&play);
}

/* Candidates. */

static void candidates_are_the_first_that_may_win(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 3);
    play.stage.treasures[0].supply = 3;
    play.stage.treasures[2].supply = 1;
    stage_activate(&play.stage);
    click(&play, 9, 1, 0);
    next_epoch(&play);
    award(&play, 0, 1);
    settle(&play);
    uint64_t stamps[6];
    stamps[0] = click(&play, 5, 1, 2000).hlc;
    stamps[1] = click(&play, 4, 1, 0).hlc;
    stamps[2] = click(&play, 3, 1, 2000).hlc; /* one too many */
    stamps[3] = click(&play, 2, 1, 0).hlc;
    stamps[4] = click(&play, 1, 1, 0).hlc;    /* one too many */
    stamps[5] = click(&play, 1, 2, 1000).hlc; /* not limited */
    struct engine_claim claims[4];
    memset(claims, 0, sizeof claims);
    assert_int_equal(engine_candidates(play.stage.engine, FIRST + 1, claims, 2), 3);
    assert_int_equal(claims[0].seq, 0); /* nothing is written */
    assert_int_equal(engine_candidates(play.stage.engine, FIRST + 1, NULL, 0), 3);
    assert_int_equal(engine_candidates(play.stage.engine, FIRST + 1, claims, 4), 3);
    static const uint16_t treasures[] = {0, 0, 2};
    static const uint8_t players[] = {4, 2, 5}, order[] = {1, 3, 0};
    for (uint32_t i = 0; i < 3; i++) {
        const struct player_id id = stage_player(players[i]);
        assert_int_equal(claims[i].hunt, STAGE_HUNT);
        assert_int_equal(claims[i].treasure, treasures[i]);
        assert_int_equal(claims[i].supply, treasures[i] == 0 ? 3 : 1);
        assert_true(player_id_equal(&claims[i].player, &id));
        assert_int_equal(claims[i].seq, 1);
        assert_true(claims[i].hlc == stamps[order[i]]);
        assert_true(claims[i].log_index == receipt_of(&play, players[i], 1).log_index);
    }
    play_fini(&play);
}

static void candidates_are_those_of_one_epoch_and_carry_its_uncertainty(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    click(&play, 1, 1, 0);
    next_epoch(&play);
    const struct action action = stage_claim(&play.stage, 2, 1, 0, 0);
    const struct moment moment = {.hlc = hlc_from_us(stage_us(&play.stage)),
                                  .epoch = open_epoch(&play),
                                  .log_index = 5,
                                  .uncertainty_us = 1234};
    struct result result;
    engine_judge(play.stage.engine, &action, &moment, &result);
    struct engine_claim claims[4];
    assert_int_equal(engine_candidates(play.stage.engine, FIRST, claims, 4), 1);
    assert_int_equal(claims[0].uncertainty_us, 0);
    assert_int_equal(engine_candidates(play.stage.engine, FIRST + 1, claims, 4), 1);
    assert_int_equal(claims[0].uncertainty_us, 1234);
    assert_int_equal(engine_candidates(play.stage.engine, FIRST + 2, claims, 4), 0);
    assert_int_equal(engine_candidates(play.stage.engine, 0, claims, 4), 0);
    assert_int_equal(engine_candidates(play.stage.engine, UINT64_MAX, claims, 4), 0);
    play_fini(&play);
}

static void candidates_of_several_hunts_come_by_hunt(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    const enum status status =
        engine_activate(play.stage.engine, STAGE_HUNT - 1, 1, &play.stage.definition, FIRST);
    assert_int_equal(status, STATUS_OK);
    click(&play, 1, 1, 0);
    struct action action = stage_claim(&play.stage, 1, 1, 0, 0);
    action.hunt = STAGE_HUNT - 1;
    assert_int_equal(stage_judge(&play.stage, &action).outcome, OUTCOME_PENDING);
    struct engine_claim claims[2];
    assert_int_equal(engine_candidates(play.stage.engine, FIRST, claims, 2), 2);
    assert_int_equal(claims[0].hunt, STAGE_HUNT - 1);
    assert_int_equal(claims[1].hunt, STAGE_HUNT);
    play_fini(&play);
}

/* Reactions. */

static void reactions_of_an_epoch_are_added_up(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    react(&play, 1, 1, 3, &FIRE);
    react(&play, 1, 2, 2, &FIRE);
    react(&play, 2, 1, 3, &CLAP);
    react(&play, 2, 2, 3, &FIRE);
    assert_int_equal(react(&play, 2, 3, 2, &FIRE).outcome, OUTCOME_INVALID);
    struct engine_reaction list[3];
    memset(list, 0, sizeof list);
    assert_int_equal(engine_given(play.stage.engine, list, 2), 3);
    assert_int_equal(list[0].count, 0);
    assert_int_equal(engine_given(play.stage.engine, list, 3), 3);
    static const uint8_t to[] = {2, 3, 3};
    static const uint32_t counts[] = {1, 1, 2};
    for (uint32_t i = 0; i < 3; i++) {
        const struct player_id id = stage_player(to[i]);
        assert_int_equal(list[i].hunt, STAGE_HUNT);
        assert_true(player_id_equal(&list[i].to, &id));
        assert_true(emoji_equal(&list[i].emoji, i == 1 ? &CLAP : &FIRE));
        assert_int_equal(list[i].count, counts[i]);
    }
    next_epoch(&play);
    assert_int_equal(engine_given(play.stage.engine, list, 3), 0);
    react(&play, 1, 3, 3, &FIRE);
    assert_int_equal(engine_given(play.stage.engine, list, 3), 1);
    assert_int_equal(list[0].count, 1);
    play_fini(&play);
}

static void a_retried_reaction_counts_once(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    react(&play, 1, 1, 3, &FIRE);
    assert_true(react(&play, 1, 1, 3, &FIRE).replayed);
    struct engine_reaction list[1];
    assert_int_equal(engine_given(play.stage.engine, list, 1), 1);
    assert_int_equal(list[0].count, 1);
    play_fini(&play);
}

static void a_reaction_is_final_once_its_epoch_is_settled(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    react(&play, 1, 1, 3, &FIRE);
    next_epoch(&play);
    react(&play, 1, 2, 3, &FIRE);
    assert_false(receipt_of(&play, 1, 1).final);
    next_epoch(&play);
    assert_int_equal(settle_status(&play, FIRST), STATUS_OK);
    assert_true(receipt_of(&play, 1, 1).final);
    assert_int_equal(receipt_of(&play, 1, 1).outcome, OUTCOME_REACTED);
    assert_false(receipt_of(&play, 1, 2).final);
    settle(&play);
    assert_true(receipt_of(&play, 1, 2).final);
    play_fini(&play);
}

static void reactions_arrive_with_the_players_who_are_known(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    click(&play, 1, 1, NOWHERE);
    next_epoch(&play);
    bring(&play, 1, &FIRE, 3);
    bring(&play, 1, &CLAP, 2);
    bring(&play, 2, &FIRE, 7);
    settle(&play);
    next_epoch(&play);
    bring(&play, 1, &FIRE, 4);
    settle(&play);
    struct engine_received list[RECEIVED_KINDS_MAX];
    const struct player_id one = stage_player(1), two = stage_player(2);
    assert_int_equal(engine_reactions(play.stage.engine, STAGE_HUNT, &one, list), 2);
    assert_true(emoji_equal(&list[0].emoji, &CLAP));
    assert_int_equal(list[0].count, 2);
    assert_true(emoji_equal(&list[1].emoji, &FIRE));
    assert_int_equal(list[1].count, 7);
    assert_int_equal(page_of(&play, 1)->reactions, 9);
    assert_int_equal(engine_reactions(play.stage.engine, STAGE_HUNT, &two, list), 0);
    assert_false(page_of(&play, 2)->known);
    assert_true(engine_tally(play.stage.engine)->reactions_delivered == 9);
    assert_true(engine_tally(play.stage.engine)->reactions_dropped == 7);
    play_fini(&play);
}

static void what_lacks_reactions_is_locked_until_they_arrive(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 5);
    play.stage.treasures[0].unlock_reactions = 2;
    play.stage.treasures[1].unlock_reactions = 3;
    play.stage.treasures[2].unlock_reactions = 1;
    play.stage.treasures[2].requires_count = 1;
    play.stage.treasures[2].requires[0] = 4;
    play.stage.treasures[3].unlock_reactions = 1;
    play.stage.treasures[3].has_window = true; /* and it is over */
    stage_activate(&play.stage);
    click(&play, 1, 1, NOWHERE);
    static const uint16_t first[] = {0, 1}, then[] = {0, 4};
    assert_int_equal(page_of(&play, 1)->locked_count, 2);
    assert_memory_equal(page_of(&play, 1)->locked, first, sizeof first);
    assert_int_equal(page_of(&play, 1)->open_count, 1);
    assert_int_equal(page_of(&play, 7)->locked_count, 2); /* a newcomer's, too */
    /* From a player of the same range: even so they travel until the epoch is settled. */
    react(&play, 2, 1, 1, &FIRE);
    react(&play, 2, 2, 1, &FIRE);
    assert_int_equal(click(&play, 1, 2, 0).outcome, OUTCOME_NOTHING);
    next_epoch(&play);
    assert_int_equal(click(&play, 1, 3, 0).outcome, OUTCOME_NOTHING);
    bring(&play, 1, &FIRE, 2);
    settle(&play);
    assert_int_equal(page_of(&play, 1)->locked_count, 1);
    assert_int_equal(page_of(&play, 1)->locked[0], 1);
    assert_int_equal(page_of(&play, 1)->open_count, 2);
    assert_memory_equal(page_of(&play, 1)->open, then, sizeof then);
    assert_int_equal(click(&play, 1, 4, 0).outcome, OUTCOME_FOUND);
    assert_int_equal(click(&play, 1, 5, 1000).outcome, OUTCOME_NOTHING);
    play_fini(&play);
}

static void totals_of_reactions_stop_at_their_end(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    click(&play, 1, 1, NOWHERE);
    next_epoch(&play);
    bring(&play, 1, &FIRE, UINT32_MAX - 1);
    bring(&play, 1, &FIRE, 5);
    settle(&play);
    struct engine_received list[RECEIVED_KINDS_MAX];
    const struct player_id id = stage_player(1);
    assert_int_equal(engine_reactions(play.stage.engine, STAGE_HUNT, &id, list), 1);
    assert_int_equal(list[0].count, UINT32_MAX);
    assert_int_equal(page_of(&play, 1)->reactions, UINT32_MAX);
    play_fini(&play);
}

static struct emoji numbered_emoji(uint32_t number)
{
    struct emoji emoji = {0};
    emoji.length = (uint8_t)snprintf(emoji.text, sizeof emoji.text, "e%03u", (unsigned)number);
    return emoji;
}

/* 20 players have room for 80 kinds between them. */
static void without_room_for_another_kind_only_the_total_counts(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 1);
    play.stage.definition.emoji_count = 5;
    for (uint32_t i = 0; i < 5; i++)
        play.stage.definition.emoji[i] = numbered_emoji(i);
    stage_activate(&play.stage);
    for (uint8_t player = 0; player < 17; player++)
        click(&play, player, 1, NOWHERE);
    next_epoch(&play);
    for (uint32_t i = 0; i < 85; i++) {
        const struct emoji emoji = numbered_emoji(i % 5);
        bring(&play, (uint8_t)(i / 5), &emoji, 2);
    }
    settle(&play);
    struct engine_received list[RECEIVED_KINDS_MAX];
    for (uint8_t player = 0; player < 17; player++) {
        const struct player_id id = stage_player(player);
        const uint32_t kinds = engine_reactions(play.stage.engine, STAGE_HUNT, &id, list);
        assert_int_equal(kinds, player < 16 ? 5 : 0);
        assert_int_equal(page_of(&play, player)->reactions, 10);
    }
    play_fini(&play);
}

static void a_hunt_counts_sixty_four_kinds_one_by_one(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 1);
    play.stage.definition.emoji_count = EMOJI_MAX;
    for (uint32_t version = 0; version < 5; version++) {
        for (uint32_t i = 0; i < EMOJI_MAX; i++)
            play.stage.definition.emoji[i] = numbered_emoji(100 - (EMOJI_MAX * version + i));
        stage_activate(&play.stage);
    }
    click(&play, 1, 1, NOWHERE);
    assert_int_equal(react(&play, 1, 2, 2, &play.stage.definition.emoji[0]).outcome,
                     OUTCOME_REACTED);
    next_epoch(&play);
    for (uint32_t i = 0; i < 80; i++) {
        const struct emoji emoji = numbered_emoji(100 - i);
        bring(&play, 1, &emoji, 1);
    }
    settle(&play);
    struct engine_received list[RECEIVED_KINDS_MAX];
    const struct player_id id = stage_player(1);
    assert_int_equal(engine_reactions(play.stage.engine, STAGE_HUNT, &id, list), 64);
    for (uint32_t i = 0; i < 64; i++) {
        const struct emoji emoji = numbered_emoji(37 + i);
        assert_true(emoji_equal(&list[i].emoji, &emoji));
    }
    assert_int_equal(page_of(&play, 1)->reactions, 80);
    play_fini(&play);
}

/* An epoch's ledger has room for so many different reactions. */
static void the_first_reaction_beyond_the_ledger_is_unavailable(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    struct action action = stage_claim(&play.stage, 1, 0, 0, 0);
    action.kind = ACTION_REACTION;
    action.emoji = FIRE;
    for (uint32_t i = 0; i < GIVEN_MAX; i++) {
        assert_false(engine_ledger_full(play.stage.engine));
        action.seq = i + 1;
        memcpy(action.to.bytes, &i, sizeof i);
        assert_int_equal(stage_judge(&play.stage, &action).outcome, OUTCOME_REACTED);
    }
    assert_true(engine_ledger_full(play.stage.engine));
    const uint64_t digest = engine_digest(play.stage.engine);
    action.seq = GIVEN_MAX + 1;
    action.emoji = CLAP;
    const struct result refused = stage_judge(&play.stage, &action);
    assert_int_equal(refused.outcome, OUTCOME_UNAVAILABLE);
    assert_true(refused.final);
    assert_true(refused.hlc == 0);
    assert_true(refused.log_index == 0);
    assert_true(engine_digest(play.stage.engine) == digest);
    action.emoji = FIRE; /* one more of the last kind */
    assert_int_equal(stage_judge(&play.stage, &action).outcome, OUTCOME_REACTED);
    assert_int_equal(click(&play, 1, GIVEN_MAX + 2, 0).outcome, OUTCOME_PENDING);

    next_epoch(&play);
    assert_false(engine_ledger_full(play.stage.engine));
    action.seq = GIVEN_MAX + 3;
    action.emoji = CLAP;
    assert_int_equal(stage_judge(&play.stage, &action).outcome, OUTCOME_REACTED);
    assert_int_equal(engine_given(play.stage.engine, NULL, 0), 1);
    play_fini(&play);
}

static void a_full_ledger_admits_no_newcomer_by_a_reaction(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    struct action action = stage_claim(&play.stage, 1, 0, 0, 0);
    action.kind = ACTION_REACTION;
    action.emoji = FIRE;
    for (uint32_t i = 0; i < GIVEN_MAX; i++) {
        action.seq = i + 1;
        memcpy(action.to.bytes, &i, sizeof i);
        stage_judge(&play.stage, &action);
    }
    assert_int_equal(react(&play, 2, 1, 3, &FIRE).outcome, OUTCOME_UNAVAILABLE);
    assert_int_equal(engine_players(play.stage.engine), 1);
    play_fini(&play);
}

/* Awards. */

static void awards_are_listed_by_treasure_and_place(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 3);
    play.stage.treasures[0].supply = 9;
    play.stage.treasures[2].supply = 9;
    stage_activate(&play.stage);
    uint64_t stamps[5];
    for (uint8_t player = 1; player <= 4; player++)
        stamps[player] = click(&play, player, 1, player == 2 ? 2000 : 0).hlc;
    next_epoch(&play);
    name(&play, 2, 4, 2, 1);
    name(&play, 0, 7, 4, 1); /* places out of order are put in order */
    name(&play, 0, 2, 1, 1);
    name(&play, 0, 5, 3, 1);
    settle(&play);

    struct engine_award list[5];
    const struct engine_award_position start = {0};
    assert_int_equal(engine_awards(play.stage.engine, STAGE_HUNT, start, list, 5), 4);
    static const uint8_t players[] = {1, 3, 4, 2};
    static const uint32_t places[] = {2, 5, 7, 4};
    for (uint32_t i = 0; i < 4; i++) {
        const struct player_id id = stage_player(players[i]);
        assert_int_equal(list[i].treasure, i < 3 ? 0 : 2);
        assert_int_equal(list[i].place, places[i]);
        assert_true(player_id_equal(&list[i].player, &id));
        assert_int_equal(list[i].seq, 1);
        assert_true(list[i].hlc == stamps[players[i]]);
        assert_true(list[i].log_index == receipt_of(&play, players[i], 1).log_index);
        assert_int_equal(list[i].uncertainty_us, 77);
        assert_true(list[i].epoch == FIRST);
    }
    play_fini(&play);
}

static void awards_are_read_page_by_page(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 2);
    play.stage.treasures[0].supply = 9;
    play.stage.treasures[1].supply = 9;
    stage_activate(&play.stage);
    for (uint8_t player = 1; player <= 7; player++) {
        click(&play, player, 1, 0);
        click(&play, player, 2, 1000);
        next_epoch(&play);
        name(&play, 0, player, player, 1);
        name(&play, 1, player, player, 2);
        settle(&play);
    }
    struct engine_award_position after = {0};
    struct engine_award page[3];
    uint32_t seen = 0, count;
    while ((count = engine_awards(play.stage.engine, STAGE_HUNT, after, page, 3)) > 0) {
        for (uint32_t i = 0; i < count; i++, seen++) {
            assert_int_equal(page[i].treasure, seen / 7);
            assert_int_equal(page[i].place, seen % 7 + 1);
        }
        after.treasure = page[count - 1].treasure;
        after.place = page[count - 1].place;
    }
    assert_int_equal(seen, 14);
    assert_int_equal(engine_awards(play.stage.engine, STAGE_HUNT + 1, after, page, 3), 0);
    play_fini(&play);
}

/* Neighbours. */

static void neighbours_stand_on_either_side_of_a_place(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 6);
    stage_activate(&play.stage);
    for (uint8_t player = 0; player < 6; player++)
        click(&play, player, 1, player < 4 ? 1000 * player : NOWHERE);
    struct action action = stage_claim(&play.stage, 7, 1, 0, 0);
    action.hunt = STAGE_HUNT + 1;
    stage_judge(&play.stage, &action); /* not this hunt's */

    /* 3, 2, 1 and 0 have 103 to 100 points; 4 and 5 have none. The place is 1's. */
    struct board_entry above[2], below[2];
    const struct player_page *page = page_of(&play, 1);
    const struct board_entry place = {.score = page->score,
                                      .hlc = page->score_hlc,
                                      .range = STAGE_RANGE,
                                      .player = stage_player(1)};
    struct engine_neighbours neighbours = {.limit = 2, .above = above, .below = below};
    engine_neighbours(play.stage.engine, STAGE_HUNT, &place, &neighbours);
    assert_int_equal(neighbours.above_count, 2);
    assert_true(above[0].score == 103);
    assert_true(above[1].score == 102);
    assert_int_equal(neighbours.below_count, 2);
    assert_true(below[0].score == 100);
    assert_true(below[1].score == 0);
    const struct player_id fourth = stage_player(4);
    assert_true(player_id_equal(&below[1].player, &fourth));
    assert_int_equal(below[1].range, STAGE_RANGE);
    play_fini(&play);
}

/* Another range's player may have the same score and stamp: the range decides. */
static void a_place_of_another_range_has_neighbours_too(void **state)
{
    (void)state;
    struct play play;
    play_init(&play, 1);
    stage_activate(&play.stage);
    const uint64_t hlc = click(&play, 1, 1, 0).hlc;
    struct board_entry above[1], below[1];
    struct engine_neighbours neighbours = {.limit = 1, .above = above, .below = below};
    struct board_entry place = {.score = 100, .hlc = hlc, .range = STAGE_RANGE + 1};
    engine_neighbours(play.stage.engine, STAGE_HUNT, &place, &neighbours);
    assert_int_equal(neighbours.above_count, 1);
    assert_int_equal(neighbours.below_count, 0);
    place.range = STAGE_RANGE - 1;
    engine_neighbours(play.stage.engine, STAGE_HUNT, &place, &neighbours);
    assert_int_equal(neighbours.above_count, 0);
    assert_int_equal(neighbours.below_count, 1);
    play_fini(&play);
}

/* Digest. */

static void a_digest_sees_what_settling_changes(void **state)
{
    (void)state;
    struct play play;
    play_limited(&play);
    struct engine *engine = play.stage.engine;
    uint64_t digests[10];
    uint32_t count = 0;
    digests[count++] = engine_digest(engine);
    click(&play, 1, 1, 0);
    digests[count++] = engine_digest(engine);
    react(&play, 1, 2, 2, &FIRE);
    digests[count++] = engine_digest(engine);
    next_epoch(&play);
    digests[count++] = engine_digest(engine);
    settle(&play); /* lost */
    digests[count++] = engine_digest(engine);
    next_epoch(&play);
    award(&play, 0, 1);
    settle(&play);
    digests[count++] = engine_digest(engine);
    next_epoch(&play);
    bring(&play, 1, &FIRE, 1);
    settle(&play);
    digests[count++] = engine_digest(engine);
    next_epoch(&play);
    settle(&play);
    digests[count++] = engine_digest(engine);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < i; j++)
            assert_true(digests[i] != digests[j]);
    play_fini(&play);
}

/* The same game, but one thing in its settlement may be different. */
static uint64_t digest_of_game(uint32_t place, uint32_t uncertainty_us, const struct emoji *emoji)
{
    struct play play;
    play_limited(&play);
    click(&play, 1, 1, 0);
    next_epoch(&play);
    name(&play, 0, place, 1, 1)->uncertainty_us = uncertainty_us;
    bring(&play, 1, emoji, 1);
    settle(&play);
    const uint64_t digest = engine_digest(play.stage.engine);
    play_fini(&play);
    return digest;
}

static void a_digest_sees_places_uncertainty_and_kinds(void **state)
{
    (void)state;
    const uint64_t digest = digest_of_game(1, 5, &FIRE);
    assert_true(digest_of_game(1, 5, &FIRE) == digest);
    assert_true(digest_of_game(2, 5, &FIRE) != digest);
    assert_true(digest_of_game(1, 6, &FIRE) != digest);
    assert_true(digest_of_game(1, 5, &CLAP) != digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_that_is_named_wins_its_points),
        cmocka_unit_test(a_retry_after_settling_gets_what_became_of_the_claim),
        cmocka_unit_test(a_claim_that_is_not_named_has_lost_and_may_be_tried_again),
        cmocka_unit_test(treasures_beyond_the_bits_are_won_and_lost_alike),
        cmocka_unit_test(points_are_those_of_the_moment_of_the_click),
        cmocka_unit_test(a_treasure_without_points_is_won_and_moves_no_board),
        cmocka_unit_test(a_run_of_epochs_is_settled_at_once),
        cmocka_unit_test(what_is_settled_or_still_open_is_not_settled),
        cmocka_unit_test(winners_who_are_not_pending_here_are_left_out),
        cmocka_unit_test(a_treasure_is_sold_out_when_settled_epochs_used_it_up),
        cmocka_unit_test(a_version_may_raise_and_lower_the_supply),
        cmocka_unit_test(what_was_awarded_never_falls_and_is_listed),
        cmocka_unit_test(an_award_counts_for_ties_from_its_click),
        cmocka_unit_test(an_award_older_than_a_find_leaves_the_newer_stamp),
        cmocka_unit_test(boards_count_an_award_from_the_epoch_that_settled_it),
        cmocka_unit_test(candidates_are_the_first_that_may_win),
        cmocka_unit_test(candidates_are_those_of_one_epoch_and_carry_its_uncertainty),
        cmocka_unit_test(candidates_of_several_hunts_come_by_hunt),
        cmocka_unit_test(reactions_of_an_epoch_are_added_up),
        cmocka_unit_test(a_retried_reaction_counts_once),
        cmocka_unit_test(a_reaction_is_final_once_its_epoch_is_settled),
        cmocka_unit_test(reactions_arrive_with_the_players_who_are_known),
        cmocka_unit_test(what_lacks_reactions_is_locked_until_they_arrive),
        cmocka_unit_test(totals_of_reactions_stop_at_their_end),
        cmocka_unit_test(without_room_for_another_kind_only_the_total_counts),
        cmocka_unit_test(a_hunt_counts_sixty_four_kinds_one_by_one),
        cmocka_unit_test(the_first_reaction_beyond_the_ledger_is_unavailable),
        cmocka_unit_test(a_full_ledger_admits_no_newcomer_by_a_reaction),
        cmocka_unit_test(awards_are_listed_by_treasure_and_place),
        cmocka_unit_test(awards_are_read_page_by_page),
        cmocka_unit_test(neighbours_stand_on_either_side_of_a_place),
        cmocka_unit_test(a_place_of_another_range_has_neighbours_too),
        cmocka_unit_test(a_digest_sees_what_settling_changes),
        cmocka_unit_test(a_digest_sees_places_uncertainty_and_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
