/* tests/unit/test_merge.c -- The global board against one list of all players, sorted by brute
 * force; and what is known while summaries are missing, late, repeated or contradicting. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/epochs/merge.h"

#define HUNT 8

/* A cluster's players of one hunt. */
struct world {
    uint32_t ranges, count;
    enum ties ties;
    struct board_entry *players;
};

static struct player_id player_of(uint32_t number)
{
    struct player_id player = {.bytes = {1, (uint8_t)number, (uint8_t)(number >> 8), 5}};
    return player;
}

/* Scores from 0 to `score_max` with many ties, also in the stamp. */
static void world_init(struct world *world, struct rng *rng, uint32_t players, int64_t score_max)
{
    world->count = players;
    world->players = calloc(players + 1, sizeof *world->players);
    assert_non_null(world->players);
    for (uint32_t i = 0; i < players; i++) {
        struct board_entry *player = &world->players[i];
        player->player = player_of(i);
        player->range = (uint32_t)rng_below(rng, world->ranges);
        player->score = (int64_t)rng_below(rng, (uint64_t)score_max + 1);
        if (rng_chance(rng, 1, 50))
            player->score = BOARD_SCORE_MAX - (int64_t)rng_below(rng, 3);
        player->hlc = player->score > 0 ? 100 + rng_below(rng, players) : 0;
    }
}

static struct summary *range_summary(const struct world *world, uint32_t range, uint64_t from,
                                     uint64_t through)
{
    struct board *board = board_new(range);
    assert_non_null(board);
    for (uint32_t i = 0; i < world->count; i++) {
        const struct board_entry *player = &world->players[i];
        if (player->range != range)
            continue;
        board_join(board);
        const struct board_change change = {
            .slot = i, .player = player->player, .after = player->score, .hlc = player->hlc};
        if (player->score > 0)
            board_score(board, &change);
    }
    const struct summary_source source = {.hunt = HUNT, .ties = world->ties, .board = board};
    const struct summary_input input = {
        .range = range, .from = from, .through = through, .sources = &source, .count = 1};
    struct summary *summary = summary_build(&input);
    assert_non_null(summary);
    board_free(board);
    return summary;
}

/* A summary in which `players` players have no score; whoever differs in it differs in content. */
static struct summary *plain_with(uint32_t range, uint64_t from, uint64_t through, uint32_t players,
                                  enum ties ties)
{
    struct world world = {.ranges = range + 1, .count = players, .ties = ties};
    world.players = calloc(players + 1, sizeof *world.players);
    assert_non_null(world.players);
    for (uint32_t i = 0; i < players; i++)
        world.players[i].range = range;
    struct summary *summary = range_summary(&world, range, from, through);
    free(world.players);
    return summary;
}

static struct summary *plain(uint32_t range, uint64_t from, uint64_t through, uint32_t players)
{
    return plain_with(range, from, through, players, TIES_FIRST);
}

static enum status add(struct merge *merge, struct summary *summary)
{
    const enum status status = merge_add(merge, summary);
    summary_release(summary);
    return status;
}

static void add_ok(struct merge *merge, struct summary *summary)
{
    assert_int_equal(add(merge, summary), STATUS_OK);
}

static struct merge *new_merge(uint32_t ranges, uint64_t first_epoch)
{
    struct merge *merge = merge_new(ranges, first_epoch);
    assert_non_null(merge);
    return merge;
}

static struct global_board *board_of(struct merge *merge, uint64_t epoch)
{
    struct global_board *board = NULL;
    assert_int_equal(merge_board(merge, epoch, &board), STATUS_OK);
    return board;
}

static void assert_no_board(struct merge *merge, uint64_t epoch)
{
    struct global_board *board = NULL;
    assert_int_equal(merge_board(merge, epoch, &board), STATUS_NOT_FOUND);
    assert_null(board);
}

static void assert_complete(const struct merge *merge, uint64_t expected)
{
    uint64_t epoch = 0;
    assert_true(merge_complete(merge, &epoch));
    assert_int_equal(epoch, expected);
}

static void assert_nothing_complete(const struct merge *merge)
{
    uint64_t epoch = 0;
    assert_false(merge_complete(merge, &epoch));
}

static int by_rank(const void *a, const void *b)
{
    return board_entry_compare(a, b);
}

static uint64_t naive_rank(const struct world *world, int64_t score)
{
    uint64_t rank = 1;
    for (uint32_t i = 0; i < world->count; i++)
        rank += world->players[i].score > score;
    return rank;
}

/* Sorts the world's players as a side effect. */
static void assert_ranks_as_by_hand(const struct global_board *board, struct world *world)
{
    const struct global_hunt *hunt = global_board_hunt(board, HUNT);
    assert_non_null(hunt);
    assert_int_equal(hunt->players, world->count);
    qsort(world->players, world->count, sizeof *world->players, by_rank);
    for (uint32_t i = 0; i < world->count; i++) {
        const struct board_entry *player = &world->players[i];
        const bool listed = i < BOARD_TOP && player->score > 0;
        const uint64_t shared = naive_rank(world, player->score);
        const uint64_t rank = listed && world->ties == TIES_FIRST ? i + UINT64_C(1) : shared;
        assert_int_equal(global_board_rank(board, HUNT, player->score, &player->player), rank);
        assert_int_equal(global_board_rank(board, HUNT, player->score, NULL), shared);
        assert_int_equal(global_hunt_entry(hunt, &player->player) != NULL, listed);
        if (!listed)
            continue;
        assert_true(i < hunt->entry_count);
        assert_int_equal(board_entry_compare(&hunt->entries[i].entry, player), 0);
        assert_int_equal(hunt->entries[i].rank, rank);
    }
    assert_int_equal(global_board_rank(board, HUNT, INT64_MAX, NULL), 1);
    assert_int_equal(global_board_rank(board, HUNT, -1, NULL), world->count + UINT64_C(1));
    assert_int_equal(global_board_rank(board, HUNT + 1, 0, NULL), 0);
}

static void shuffle(uint32_t *list, uint32_t count, struct rng *rng)
{
    for (uint32_t i = 0; i < count; i++)
        list[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        const uint32_t other = (uint32_t)rng_below(rng, i), last = list[i - 1];
        list[i - 1] = list[other];
        list[other] = last;
    }
}

static struct merge *merge_in_random_order(const struct world *world, struct rng *rng)
{
    struct merge *merge = new_merge(world->ranges, 10);
    uint32_t order[RANGES_MAX];
    shuffle(order, world->ranges, rng);
    for (uint32_t i = 0; i < world->ranges; i++) {
        assert_nothing_complete(merge);
        add_ok(merge, range_summary(world, order[i], 10, 10));
    }
    assert_complete(merge, 10);
    return merge;
}

static void check_world(uint32_t ranges, uint32_t players, int64_t score_max, enum ties ties)
{
    struct rng rng;
    rng_init(&rng, players + (uint64_t)score_max);
    struct world world = {.ranges = ranges, .ties = ties};
    world_init(&world, &rng, players, score_max);
    struct merge *here = merge_in_random_order(&world, &rng);
    struct merge *there = merge_in_random_order(&world, &rng);
    struct global_board *board = board_of(here, 10), *other = board_of(there, 10);
    assert_true(board->complete);
    assert_int_equal(board->ranges_in, ranges);
    assert_ranks_as_by_hand(board, &world);
    assert_int_equal(board->digest, other->digest);
    assert_int_equal(board->hunts[0].digest, other->hunts[0].digest);
    global_board_release(board);
    global_board_release(other);
    merge_free(here);
    merge_free(there);
    free(world.players);
}

static void ranks_are_as_by_hand_in_whatever_order_summaries_come(void **state)
{
    (void)state;
    static const uint32_t players[] = {1, 10, 2500};
    static const int64_t scores[] = {1, 40, 5000, BOARD_SCORE_MAX};
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned j = 0; j < 4; j++) {
            check_world(1, players[i], scores[j], TIES_FIRST);
            check_world(7, players[i], scores[j], TIES_FIRST);
            check_world(7, players[i], scores[j], TIES_SHARED);
        }
    }
}

static void a_thousand_ranges_merge_as_one(void **state)
{
    (void)state;
    check_world(RANGES_MAX, 2500, 100, TIES_FIRST);
}

static void hunts_that_only_some_ranges_know_are_merged(void **state)
{
    (void)state;
    struct merge *merge = new_merge(2, 1);
    add_ok(merge, plain(0, 1, 1, 3));
    struct board *board = board_new(1);
    board_join(board);
    const struct summary_source source = {.hunt = HUNT - 1, .board = board};
    const struct summary_input input = {
        .range = 1, .from = 1, .through = 1, .sources = &source, .count = 1};
    add_ok(merge, summary_build(&input));
    struct global_board *merged = board_of(merge, 1);
    assert_int_equal(merged->hunt_count, 2);
    assert_int_equal(merged->hunts[0].hunt, HUNT - 1);
    assert_int_equal(merged->hunts[0].players, 1);
    assert_int_equal(merged->hunts[1].players, 3);
    global_board_release(merged);
    board_free(board);
    merge_free(merge);
}

static void ties_are_part_of_the_digest(void **state)
{
    (void)state;
    struct merge *merges[2];
    struct global_board *boards[2];
    for (unsigned i = 0; i < 2; i++) {
        merges[i] = new_merge(1, 1);
        add_ok(merges[i], plain_with(0, 1, 1, 3, i == 0 ? TIES_FIRST : TIES_SHARED));
        boards[i] = board_of(merges[i], 1);
    }
    assert_int_equal(boards[0]->hunts[0].ties, TIES_FIRST);
    assert_int_equal(boards[1]->hunts[0].ties, TIES_SHARED);
    assert_true(boards[0]->digest != boards[1]->digest);
    for (unsigned i = 0; i < 2; i++) {
        global_board_release(boards[i]);
        merge_free(merges[i]);
    }
}

/* Ties are shared from epoch 4 on; range 0 has closed every epoch by itself, range 1 two runs. */
static void ties_may_change_from_one_run_to_the_next(void **state)
{
    (void)state;
    struct merge *merge = new_merge(2, 1);
    for (uint64_t epoch = 1; epoch <= 6; epoch++)
        add_ok(merge, plain_with(0, epoch, epoch, 3, epoch < 4 ? TIES_FIRST : TIES_SHARED));
    add_ok(merge, plain_with(1, 1, 3, 2, TIES_FIRST));
    add_ok(merge, plain_with(1, 4, 6, 2, TIES_SHARED));
    assert_complete(merge, 6);
    for (uint64_t epoch = 1; epoch <= 6; epoch++) {
        struct global_board *board = board_of(merge, epoch);
        assert_true(board->complete);
        assert_int_equal(board->hunts[0].ties, epoch < 4 ? TIES_FIRST : TIES_SHARED);
        global_board_release(board);
    }
    merge_free(merge);
}

static void ranges_that_break_ties_differently_have_no_board(void **state)
{
    (void)state;
    struct merge *merge = new_merge(3, 1);
    add_ok(merge, plain_with(0, 1, 1, 3, TIES_FIRST));
    add_ok(merge, plain_with(2, 1, 1, 3, TIES_SHARED));
    struct global_board *board = NULL;
    assert_int_equal(merge_board(merge, 1, &board), STATUS_CORRUPT);
    add_ok(merge, plain_with(1, 1, 1, 3, TIES_SHARED));
    assert_complete(merge, 1);
    assert_int_equal(merge_board(merge, 1, &board), STATUS_CORRUPT);
    assert_null(board);

    /* The next epoch is none the worse for it. */
    for (uint32_t range = 0; range < 3; range++)
        add_ok(merge, plain_with(range, 2, 2, 3, TIES_SHARED));
    global_board_release(board_of(merge, 2));
    merge_free(merge);
}

static void a_range_without_the_hunt_has_no_say_in_its_ties(void **state)
{
    (void)state;
    struct merge *merge = new_merge(2, 1);
    const struct summary_input silent = {.range = 0, .from = 1, .through = 1};
    add_ok(merge, summary_build(&silent));
    add_ok(merge, plain_with(1, 1, 1, 3, TIES_SHARED));
    struct global_board *board = board_of(merge, 1);
    assert_true(board->complete);
    assert_int_equal(board->hunts[0].ties, TIES_SHARED);
    global_board_release(board);
    merge_free(merge);
}

static void a_partial_board_names_the_missing_ranges(void **state)
{
    (void)state;
    struct merge *merge = new_merge(4, 5);
    assert_no_board(merge, 5);
    add_ok(merge, plain(2, 5, 5, 10));
    add_ok(merge, plain(0, 5, 5, 3));

    struct global_board *partial = board_of(merge, 5);
    assert_false(partial->complete);
    assert_int_equal(partial->ranges, 4);
    assert_int_equal(partial->ranges_in, 2);
    assert_int_equal(partial->missing[0], 1);
    assert_int_equal(partial->missing[1], 3);
    assert_int_equal(partial->summaries[0].range, 0);
    assert_int_equal(partial->summaries[1].range, 2);
    assert_int_equal(global_board_hunt(partial, HUNT)->players, 13);

    uint32_t missing[RANGES_MAX];
    assert_int_equal(merge_missing(merge, 5, missing), 2);
    assert_int_equal(missing[0], 1);
    assert_int_equal(missing[1], 3);
    assert_int_equal(merge_missing(merge, 4, missing), 0);

    add_ok(merge, plain(3, 5, 5, 1));
    struct global_board *fuller = board_of(merge, 5);
    assert_int_equal(fuller->ranges_in, 3);
    assert_int_equal(fuller->missing[0], 1);
    add_ok(merge, plain(1, 5, 5, 100));
    struct global_board *complete = board_of(merge, 5);
    assert_true(complete->complete);
    assert_int_equal(global_board_hunt(complete, HUNT)->players, 114);
    assert_int_equal(merge_missing(merge, 5, missing), 0);
    assert_int_equal(global_board_hunt(partial, HUNT)->players, 13);
    global_board_release(partial);
    global_board_release(fuller);
    global_board_release(complete);
    merge_free(merge);
}

/* Range 1 has closed nothing since epoch 5: it is missing in 6, however long it says nothing. */
static void a_silent_range_is_not_taken_for_idle(void **state)
{
    (void)state;
    struct merge *merge = new_merge(2, 5);
    add_ok(merge, plain(0, 5, 5, 1));
    add_ok(merge, plain(1, 5, 5, 2));
    for (uint64_t epoch = 6; epoch <= 12; epoch++) {
        add_ok(merge, plain(0, epoch, epoch, 1));
        struct global_board *partial = board_of(merge, epoch);
        assert_false(partial->complete);
        assert_int_equal(partial->missing[0], 1);
        global_board_release(partial);
    }
    assert_complete(merge, 5);
    uint64_t newest = 0;
    assert_true(merge_newest(merge, &newest));
    assert_int_equal(newest, 12);
    merge_free(merge);
}

static void a_run_of_epochs_has_one_board(void **state)
{
    (void)state;
    struct merge *merge = new_merge(2, 0);
    add_ok(merge, plain(0, 0, 21599, 4));
    assert_nothing_complete(merge);
    add_ok(merge, plain(1, 0, 3, 5));
    assert_complete(merge, 3);
    add_ok(merge, plain(1, 4, 21600, 5));
    assert_complete(merge, 21599);

    struct global_board *newest = board_of(merge, 21599);
    struct global_board *oldest = board_of(merge, 21599 - BOARDS_KEPT + 1);
    assert_ptr_equal(newest, oldest);
    assert_int_equal(newest->from, 4);
    assert_int_equal(newest->through, 21599);
    assert_int_equal(newest->summaries[1].bytes, merge_summary(merge, 100, 1)->size);
    assert_no_board(merge, 21599 - BOARDS_KEPT);
    global_board_release(newest);
    global_board_release(oldest);
    merge_free(merge);
}

static void the_newest_boards_are_kept_and_older_ones_go(void **state)
{
    (void)state;
    struct merge *merge = new_merge(2, 1);
    struct global_board *held = NULL;
    uint64_t bytes_at_20 = 0;
    for (uint64_t epoch = 1; epoch <= 60; epoch++) {
        add_ok(merge, plain(0, epoch, epoch, (uint32_t)epoch));
        add_ok(merge, plain(1, epoch, epoch, 1));
        assert_complete(merge, epoch);
        global_board_release(board_of(merge, epoch));
        if (epoch == 10)
            held = board_of(merge, 10);
        if (epoch == 20)
            bytes_at_20 = merge_bytes(merge);
    }
    for (uint64_t epoch = 60 - BOARDS_KEPT + 1; epoch <= 60; epoch++) {
        struct global_board *board = board_of(merge, epoch);
        assert_int_equal(board->from, epoch);
        assert_int_equal(global_board_hunt(board, HUNT)->players, epoch + 1);
        global_board_release(board);
    }
    assert_no_board(merge, 60 - BOARDS_KEPT);
    assert_int_equal(merge_bytes(merge), bytes_at_20);
    assert_int_equal(global_board_hunt(held, HUNT)->players, 11);
    global_board_release(held);
    merge_free(merge);
}

/* A partial board of such an epoch would call a range missing that was in. */
static void an_epoch_whose_summaries_were_pushed_out_has_no_board(void **state)
{
    (void)state;
    struct merge *merge = new_merge(2, 1);
    add_ok(merge, plain(1, 1, 1, 2));
    for (uint64_t epoch = 1; epoch <= BOARDS_KEPT + 1; epoch++)
        add_ok(merge, plain(0, epoch, epoch, 1));
    uint32_t missing[RANGES_MAX];
    assert_no_board(merge, 1);
    assert_complete(merge, 1);
    assert_int_equal(merge_missing(merge, 1, missing), 0);
    assert_null(merge_summary(merge, 1, 0));
    assert_non_null(merge_summary(merge, 2, 0));
    add_ok(merge, plain(0, 1, 1, 1));
    assert_null(merge_summary(merge, 1, 0));
    merge_free(merge);
}

static void a_board_that_was_made_stays_while_others_run_ahead(void **state)
{
    (void)state;
    struct merge *merge = new_merge(2, 1);
    add_ok(merge, plain(0, 1, 1, 1));
    add_ok(merge, plain(1, 1, 1, 2));
    global_board_release(board_of(merge, 1));
    for (uint64_t epoch = 2; epoch <= 3 * BOARDS_KEPT; epoch++)
        add_ok(merge, plain(0, epoch, epoch, 1));
    struct global_board *board = board_of(merge, 1);
    assert_true(board->complete);
    global_board_release(board);

    add_ok(merge, plain(1, 2, 3 * BOARDS_KEPT, 2));
    assert_complete(merge, 3 * BOARDS_KEPT);
    assert_no_board(merge, 1);
    merge_free(merge);
}

static void a_lost_epoch_does_not_hold_up_the_next_ones(void **state)
{
    (void)state;
    struct merge *merge = new_merge(2, 1);
    uint32_t missing[RANGES_MAX];
    for (uint64_t epoch = 1; epoch <= 5; epoch++) {
        add_ok(merge, plain(0, epoch, epoch, 1));
        if (epoch != 3)
            add_ok(merge, plain(1, epoch, epoch, 2));
    }
    assert_complete(merge, 5);
    assert_int_equal(merge_missing(merge, 3, missing), 1);
    assert_int_equal(missing[0], 1);
    struct global_board *board = board_of(merge, 3);
    assert_false(board->complete);
    global_board_release(board);

    add_ok(merge, plain(1, 3, 3, 2));
    assert_complete(merge, 5);
    board = board_of(merge, 3);
    assert_true(board->complete);
    global_board_release(board);
    merge_free(merge);
}

static void the_newest_common_epoch_is_found_among_gaps(void **state)
{
    (void)state;
    struct merge *merge = new_merge(3, 1);
    add_ok(merge, plain(0, 9, 9, 1));
    add_ok(merge, plain(0, 4, 6, 1));
    add_ok(merge, plain(1, 7, 8, 1));
    add_ok(merge, plain(1, 2, 5, 1));
    add_ok(merge, plain(2, 9, 9, 1));
    assert_nothing_complete(merge);
    add_ok(merge, plain(2, 1, 4, 1));
    assert_complete(merge, 4);
    add_ok(merge, plain(2, 5, 8, 1));
    assert_complete(merge, 5);
    add_ok(merge, plain(1, 9, 10, 1));
    assert_complete(merge, 9);
    merge_free(merge);
}

static void a_duplicate_changes_nothing(void **state)
{
    (void)state;
    struct merge *merge = new_merge(1, 1);
    add_ok(merge, plain(0, 1, 1, 7));
    struct summary *kept = merge_summary(merge, 1, 0);
    const uint64_t bytes = merge_bytes(merge);
    add_ok(merge, plain(0, 1, 1, 7));
    assert_ptr_equal(merge_summary(merge, 1, 0), kept);
    assert_int_equal(merge_bytes(merge), bytes);
    merge_free(merge);
}

static void a_second_copy_with_other_content_is_a_conflict(void **state)
{
    (void)state;
    struct merge *merge = new_merge(2, 1);
    add_ok(merge, plain(0, 1, 1, 7));
    add_ok(merge, plain(0, 2, 5, 7));
    struct summary *kept = merge_summary(merge, 1, 0);
    assert_int_equal(add(merge, plain(0, 1, 1, 8)), STATUS_CONFLICT);
    assert_int_equal(add(merge, plain(0, 1, 2, 7)), STATUS_CONFLICT);
    assert_int_equal(add(merge, plain(0, 3, 3, 7)), STATUS_CONFLICT);
    assert_int_equal(add(merge, plain(0, 5, 9, 7)), STATUS_CONFLICT);
    assert_ptr_equal(merge_summary(merge, 1, 0), kept);
    assert_null(merge_summary(merge, 9, 0));
    add_ok(merge, plain(0, 6, 9, 7));
    add_ok(merge, plain(1, 1, 9, 7));
    assert_complete(merge, 9);
    merge_free(merge);
}

static void summaries_that_cannot_be_of_this_cluster_are_refused(void **state)
{
    (void)state;
    struct merge *merge = new_merge(RANGES_MAX / 2, 1);
    assert_int_equal(add(merge, plain(RANGES_MAX / 2, 1, 1, 1)), STATUS_INVALID);

    struct summary *crowded = plain(0, 1, 1, 1);
    crowded->hunts[0].players = UINT32_MAX / (RANGES_MAX / 2);
    assert_int_equal(merge_add(merge, crowded), STATUS_OK);
    crowded->range = 1;
    crowded->hunts[0].players++;
    assert_int_equal(merge_add(merge, crowded), STATUS_INVALID);
    summary_release(crowded);
    merge_free(merge);
}

static void epochs_before_the_first_are_not_expected(void **state)
{
    (void)state;
    struct merge *merge = new_merge(1, 10);
    add_ok(merge, plain(0, 8, 9, 1));
    assert_nothing_complete(merge);
    assert_no_board(merge, 9);
    add_ok(merge, plain(0, 8, 10, 1));
    assert_complete(merge, 10);
    merge_free(merge);
}

static void the_largest_epoch_is_no_exception(void **state)
{
    (void)state;
    struct merge *merge = new_merge(1, 0);
    add_ok(merge, plain(0, 0, UINT64_MAX - 2, 1));
    add_ok(merge, plain(0, UINT64_MAX - 1, UINT64_MAX - 1, 1));
    assert_complete(merge, UINT64_MAX - 1);
    struct global_board *board = board_of(merge, UINT64_MAX - 2);
    assert_ptr_equal(board_of(merge, UINT64_MAX - 3), board);
    global_board_release(board);
    global_board_release(board);
    merge_free(merge);
}

/* Any order of runs of four ranges, some twice: what is complete is what a naive look finds. */
static void random_arrivals_agree_with_a_naive_look(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct merge *merge = new_merge(4, 0);
        bool covered[4][16] = {{false}};
        int64_t best = -1;
        for (unsigned step = 0; step < 60; step++) {
            const uint32_t range = (uint32_t)rng_below(&rng, 4);
            const uint64_t epoch = rng_below(&rng, 8);
            add_ok(merge, plain(range, 2 * epoch, 2 * epoch + 1, 1));
            covered[range][2 * epoch] = covered[range][2 * epoch + 1] = true;
            for (int64_t i = 0; i < 16; i++) {
                if (covered[0][i] && covered[1][i] && covered[2][i] && covered[3][i])
                    best = i > best ? i : best;
            }
            uint64_t complete = 0;
            assert_int_equal(merge_complete(merge, &complete), best >= 0);
            assert_true(best < 0 || complete == (uint64_t)best);
        }
        merge_free(merge);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_as_by_hand_in_whatever_order_summaries_come),
        cmocka_unit_test(a_thousand_ranges_merge_as_one),
        cmocka_unit_test(hunts_that_only_some_ranges_know_are_merged),
        cmocka_unit_test(ties_are_part_of_the_digest),
        cmocka_unit_test(ties_may_change_from_one_run_to_the_next),
        cmocka_unit_test(ranges_that_break_ties_differently_have_no_board),
        cmocka_unit_test(a_range_without_the_hunt_has_no_say_in_its_ties),
        cmocka_unit_test(a_partial_board_names_the_missing_ranges),
        cmocka_unit_test(a_silent_range_is_not_taken_for_idle),
        cmocka_unit_test(a_run_of_epochs_has_one_board),
        cmocka_unit_test(the_newest_boards_are_kept_and_older_ones_go),
        cmocka_unit_test(an_epoch_whose_summaries_were_pushed_out_has_no_board),
        cmocka_unit_test(a_board_that_was_made_stays_while_others_run_ahead),
        cmocka_unit_test(a_lost_epoch_does_not_hold_up_the_next_ones),
        cmocka_unit_test(the_newest_common_epoch_is_found_among_gaps),
        cmocka_unit_test(a_duplicate_changes_nothing),
        cmocka_unit_test(a_second_copy_with_other_content_is_a_conflict),
        cmocka_unit_test(summaries_that_cannot_be_of_this_cluster_are_refused),
        cmocka_unit_test(epochs_before_the_first_are_not_expected),
        cmocka_unit_test(the_largest_epoch_is_no_exception),
        cmocka_unit_test(random_arrivals_agree_with_a_naive_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
