/* tests/unit/test_board.c -- The board against a naive list of players: whatever is counted or
 * sorted there by brute force, the board answers alike. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/hunt/board.h"

#define RANGE 3

/* The board and what it should know. */
struct world {
    struct board *board;
    struct board_entry *players; /* by slot; those with score 0 have not scored */
    uint32_t count, capacity;
    uint64_t hlc;
};

static struct player_id player_of(uint32_t slot)
{
    struct player_id player = {.bytes = {(uint8_t)slot, (uint8_t)(slot >> 8), 9}};
    return player;
}

static void world_init(struct world *world, uint32_t capacity)
{
    *world = (struct world){.board = board_new(RANGE), .capacity = capacity, .hlc = 1000};
    world->players = calloc(capacity, sizeof *world->players);
    assert_non_null(world->board);
    assert_non_null(world->players);
}

static void world_fini(struct world *world)
{
    board_free(world->board);
    free(world->players);
}

static uint32_t join(struct world *world)
{
    assert_true(world->count < world->capacity);
    const uint32_t slot = world->count++;
    world->players[slot].range = RANGE;
    world->players[slot].player = player_of(slot);
    board_join(world->board);
    return slot;
}

static void join_many(struct world *world, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        join(world);
}

static void score_to(struct world *world, uint32_t slot, int64_t after)
{
    struct board_entry *player = &world->players[slot];
    const struct board_change change = {
        .slot = slot,
        .player = player->player,
        .before = player->score,
        .after = after,
        .hlc = ++world->hlc,
    };
    board_score(world->board, &change);
    player->score = after;
    player->hlc = change.hlc;
}

static uint64_t naive_above(const struct world *world, int64_t score)
{
    uint64_t above = 0;
    for (uint32_t i = 0; i < world->count; i++)
        above += world->players[i].score > score;
    return above;
}

static int by_rank(const void *a, const void *b)
{
    return board_entry_compare(a, b);
}

/* Everybody, best first. The caller frees it. */
static struct board_entry *naive_order(const struct world *world)
{
    struct board_entry *order = malloc(world->count * sizeof *order + 1);
    assert_non_null(order);
    memcpy(order, world->players, world->count * sizeof *order);
    qsort(order, world->count, sizeof *order, by_rank);
    return order;
}

static void assert_same_entry(const struct board_entry *a, const struct board_entry *b)
{
    assert_int_equal(a->score, b->score);
    assert_int_equal(a->hlc, b->hlc);
    assert_int_equal(a->range, b->range);
    assert_true(player_id_equal(&a->player, &b->player));
}

static void assert_top_is_right(const struct world *world)
{
    static struct board_entry top[BOARD_TOP];
    struct board_entry *order = naive_order(world);
    const uint64_t scored = naive_above(world, 0);
    const uint32_t count = board_top(world->board, top);
    assert_int_equal(count, scored < BOARD_TOP ? scored : BOARD_TOP);
    for (uint32_t i = 0; i < count; i++)
        assert_same_entry(&top[i], &order[i]);
    free(order);
}

static void assert_ranks_are_right(const struct world *world)
{
    for (uint32_t i = 0; i < world->count; i += 1 + world->count / 100) {
        const int64_t score = world->players[i].score;
        assert_int_equal(board_above(world->board, score), naive_above(world, score));
        assert_int_equal(board_above(world->board, score - 1), naive_above(world, score - 1));
        assert_int_equal(board_above(world->board, score + 1), naive_above(world, score + 1));
    }
    assert_int_equal(board_above(world->board, -1), world->count);
    assert_int_equal(board_above(world->board, BOARD_SCORE_MAX), 0);
    assert_int_equal(board_above(world->board, INT64_MAX), 0);
    assert_int_equal(board_above(world->board, INT64_MIN), world->count);
}

static void assert_buckets_are_right(const struct world *world)
{
    struct board_entry *order = naive_order(world);
    /* In pieces of several sizes, so that some end in the middle of a leaf. */
    struct board_bucket list[7] = {{.score = -1}};
    uint64_t buckets = 0;
    int64_t last = -1;
    uint32_t count = 1;
    uint32_t left = world->count; /* order[0] to order[left - 1] have not come yet */
    for (uint32_t room = 1; count > 0; room = room % 7 + 1) {
        count = board_buckets_after(world->board, last, list, room);
        assert_true(count <= room);
        for (uint32_t i = 0; i < count; i++) {
            buckets++;
            uint64_t players = 0;
            for (; left > 0 && order[left - 1].score == list[i].score; left--)
                players++;
            assert_true(players > 0);
            assert_int_equal(list[i].players, players);
            last = list[i].score;
        }
        if (count < room)
            assert_int_equal(board_buckets_after(world->board, last, list, 1), 0);
    }
    assert_int_equal(left, 0);
    assert_int_equal(board_buckets(world->board), buckets);
    assert_int_equal(board_players(world->board), world->count);
    free(order);
}

static void assert_board_is_right(const struct world *world)
{
    assert_top_is_right(world);
    assert_ranks_are_right(world);
    assert_buckets_are_right(world);
}

/* Points as hunts give them: often few and round (ties), sometimes many, rarely a giant leap. */
static int64_t some_points(struct rng *rng, uint64_t kind)
{
    switch (kind) {
    case 0:
        return 10;
    case 1:
        return (int64_t)rng_between(rng, 1, 3) * 100;
    case 2:
        return (int64_t)rng_between(rng, 1, 5000);
    case 3:
        return (int64_t)rng_between(rng, 1, POINTS_MAX);
    default:
        return (int64_t)(UINT64_C(1) << rng_below(rng, 31));
    }
}

static void play(struct world *world, struct rng *rng, uint64_t kind, uint32_t claims)
{
    for (uint32_t i = 0; i < claims; i++) {
        const uint32_t slot = (uint32_t)rng_below(rng, world->count);
        const int64_t after = world->players[slot].score + some_points(rng, kind);
        if (after <= BOARD_SCORE_MAX)
            score_to(world, slot, after);
    }
}

static void play_with(uint32_t players, uint64_t seed)
{
    for (uint64_t kind = 0; kind < 5; kind++) {
        struct rng rng;
        rng_init(&rng, seed + kind);
        struct world world;
        world_init(&world, players);
        join_many(&world, players);
        assert_board_is_right(&world);
        for (unsigned round = 0; round < 6; round++) {
            play(&world, &rng, kind, round < 3 ? players / 2 + 1 : 2 * players);
            assert_board_is_right(&world);
        }
        world_fini(&world);
    }
}

static void one_player_is_ranked_as_by_hand(void **state)
{
    (void)state;
    play_with(1, 100);
}

static void ten_players_are_ranked_as_by_hand(void **state)
{
    (void)state;
    play_with(10, 200);
}

static void players_beyond_the_top_list_are_ranked_as_by_hand(void **state)
{
    (void)state;
    play_with(2500, 300);
}

static void an_empty_board_has_nobody(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1);
    assert_board_is_right(&world);
    world_fini(&world);
}

static void players_without_a_score_count_but_are_not_in_the_top_list(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3);
    join_many(&world, 3);
    score_to(&world, 1, 10);

    struct board_entry top[BOARD_TOP];
    assert_int_equal(board_top(world.board, top), 1);
    assert_int_equal(board_players(world.board), 3);
    assert_int_equal(board_above(world.board, 0), 1);
    world_fini(&world);
}

static void of_equal_scores_the_first_to_reach_it_stands_first(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3);
    join_many(&world, 3);
    score_to(&world, 0, 10);
    score_to(&world, 2, 30);
    score_to(&world, 1, 30);
    score_to(&world, 0, 30);

    struct board_entry top[BOARD_TOP];
    assert_int_equal(board_top(world.board, top), 3);
    assert_true(player_id_equal(&top[0].player, &world.players[2].player));
    assert_true(player_id_equal(&top[1].player, &world.players[1].player));
    assert_true(player_id_equal(&top[2].player, &world.players[0].player));
    world_fini(&world);
}

static void entries_order_by_score_then_hlc_then_range_then_player(void **state)
{
    (void)state;
    const struct board_entry best = {.score = 5, .hlc = 7, .range = 1, .player = {{1}}};
    struct board_entry other = best;
    assert_int_equal(board_entry_compare(&best, &other), 0);
    other.player.bytes[15] = 1;
    assert_true(board_entry_compare(&best, &other) < 0);
    other = best;
    other.range = 2;
    other.player.bytes[0] = 0;
    assert_true(board_entry_compare(&best, &other) < 0);
    other.hlc = 8;
    other.range = 0;
    assert_true(board_entry_compare(&best, &other) < 0);
    other.score = 4;
    other.hlc = 1;
    assert_true(board_entry_compare(&best, &other) < 0);
    assert_true(board_entry_compare(&other, &best) > 0);
}

/* 2000 candidates fit; the next one cuts the list, and the early ones are out of it. */
/* Runs of one score as long as sorting them takes in one way, one longer, and everybody; reached in
 * an order that is not the one of coming. */
static void runs_of_equal_scores_are_ranked_as_by_hand(void **state)
{
    (void)state;
    static const uint32_t runs[] = {1, 2, 31, 32, 33, 700, 2000};
    struct rng rng;
    rng_init(&rng, 5);
    for (size_t n = 0; n < sizeof runs / sizeof runs[0]; n++) {
        struct world world;
        world_init(&world, 2000);
        join_many(&world, 2000);
        for (uint32_t i = 0; i < 2000; i++) {
            const uint32_t slot = (i * 787) % 2000;
            score_to(&world, slot, 5 + slot / runs[n] * (int64_t)(n % 2 == 0 ? 1 : 40000));
        }
        assert_board_is_right(&world);
        for (uint32_t i = 0; i < 300; i++) {
            const uint32_t slot = (uint32_t)rng_below(&rng, 2000);
            score_to(&world, slot, world.players[slot].score + (int64_t)rng_between(&rng, 1, 3));
        }
        assert_board_is_right(&world);
        world_fini(&world);
    }
}

static void whoever_was_cut_from_the_top_list_returns_by_scoring(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2 * BOARD_TOP + 1);
    join_many(&world, 2 * BOARD_TOP + 1);
    for (uint32_t slot = 0; slot < world.count; slot++)
        score_to(&world, slot, 10 + slot);
    assert_top_is_right(&world);

    score_to(&world, 0, 11);
    assert_top_is_right(&world);
    score_to(&world, 0, 10 + 2 * BOARD_TOP);
    assert_top_is_right(&world);
    score_to(&world, 1, 100000);
    assert_top_is_right(&world);

    struct board_entry top[BOARD_TOP];
    assert_int_equal(board_top(world.board, top), BOARD_TOP);
    assert_true(player_id_equal(&top[0].player, &world.players[1].player));
    assert_true(player_id_equal(&top[2].player, &world.players[0].player));
    world_fini(&world);
}

static void a_full_list_that_is_cut_refuses_who_stands_below_it(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2 * BOARD_TOP + 2);
    join_many(&world, 2 * BOARD_TOP + 2);
    for (uint32_t slot = 0; slot < 2 * BOARD_TOP; slot++)
        score_to(&world, slot, 1000 + slot);
    score_to(&world, 2 * BOARD_TOP, 1);
    score_to(&world, 2 * BOARD_TOP, 1000 + BOARD_TOP);
    assert_top_is_right(&world);
    score_to(&world, 2 * BOARD_TOP, 1001 + BOARD_TOP);
    score_to(&world, 2 * BOARD_TOP + 1, 5000);
    assert_board_is_right(&world);
    world_fini(&world);
}

static void the_highest_score_is_counted_exactly(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 4);
    join_many(&world, 4);
    score_to(&world, 0, BOARD_SCORE_MAX - 1);
    score_to(&world, 1, BOARD_SCORE_MAX);
    score_to(&world, 2, (INT64_C(1) << 20) + 1);
    assert_board_is_right(&world);
    score_to(&world, 0, BOARD_SCORE_MAX);
    score_to(&world, 2, (INT64_C(1) << 32) - (INT64_C(1) << 30));
    assert_board_is_right(&world);
    world_fini(&world);
}

static void the_same_content_in_another_order_makes_the_same_board(void **state)
{
    (void)state;
    struct world forth, back;
    world_init(&forth, 2500);
    world_init(&back, 2500);
    join_many(&forth, 2500);
    join_many(&back, 2500);
    for (uint32_t i = 0; i < 2500; i++) {
        forth.hlc = 10 * i;
        back.hlc = 10 * (2499 - i);
        score_to(&forth, i, 1 + i % 7);
        score_to(&back, 2499 - i, 1 + (2499 - i) % 7);
    }
    static struct board_entry a[BOARD_TOP], b[BOARD_TOP];
    assert_int_equal(board_top(forth.board, a), BOARD_TOP);
    assert_int_equal(board_top(back.board, b), BOARD_TOP);
    for (uint32_t i = 0; i < BOARD_TOP; i++)
        assert_same_entry(&a[i], &b[i]);
    world_fini(&forth);
    world_fini(&back);
}

/* A hunt may lead its players over millions of scores; the counters they leave go back. */
static void memory_does_not_grow_with_the_scores_passed(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 20);
    join_many(&world, 20);
    for (uint32_t slot = 0; slot < 20; slot++)
        score_to(&world, slot, BOARD_SCORE_MAX / 2 + 1000003 * (int64_t)slot);
    const uint64_t before = board_bytes(world.board);
    for (int64_t step = 1; step <= 2000; step++) {
        for (uint32_t slot = 0; slot < 20; slot++)
            score_to(&world, slot, world.players[slot].score + 100 * step);
    }
    assert_in_range(board_bytes(world.board), before, before + (128 << 10));
    assert_board_is_right(&world);
    world_fini(&world);
}

static void a_board_that_was_never_made_can_be_freed(void **state)
{
    (void)state;
    board_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_player_is_ranked_as_by_hand),
        cmocka_unit_test(ten_players_are_ranked_as_by_hand),
        cmocka_unit_test(players_beyond_the_top_list_are_ranked_as_by_hand),
        cmocka_unit_test(an_empty_board_has_nobody),
        cmocka_unit_test(players_without_a_score_count_but_are_not_in_the_top_list),
        cmocka_unit_test(of_equal_scores_the_first_to_reach_it_stands_first),
        cmocka_unit_test(entries_order_by_score_then_hlc_then_range_then_player),
        cmocka_unit_test(runs_of_equal_scores_are_ranked_as_by_hand),
        cmocka_unit_test(whoever_was_cut_from_the_top_list_returns_by_scoring),
        cmocka_unit_test(a_full_list_that_is_cut_refuses_who_stands_below_it),
        cmocka_unit_test(the_highest_score_is_counted_exactly),
        cmocka_unit_test(the_same_content_in_another_order_makes_the_same_board),
        cmocka_unit_test(memory_does_not_grow_with_the_scores_passed),
        cmocka_unit_test(a_board_that_was_never_made_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
