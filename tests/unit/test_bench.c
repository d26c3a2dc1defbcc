/* tests/unit/test_bench.c -- The game that cairn-bench plays is the one that it says it plays. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "chaos/bench_hunt.h"
#include "chaos/bench_players.h"
#include "chaos/bench_ranges.h"
#include "node/allocations.h"

static int64_t square(const struct treasure *treasure, struct bench_place place)
{
    const int64_t x = place.x - treasure->x, y = place.y - treasure->y;
    return x * x + y * y;
}

static void clicks_hit_the_treasure_that_is_meant_or_nothing(void **state)
{
    (void)state;
    static const uint16_t counts[] = {1, 64, 1024};
    for (uint32_t n = 0; n < 3; n++) {
        static struct bench_hunt hunt;
        assert_int_equal(bench_hunt_init(&hunt, counts[n]), STATUS_OK);
        struct rng rng;
        rng_init(&rng, 1);
        for (uint32_t i = 0; i < 2000; i++) {
            const uint16_t meant = (uint16_t)(i % counts[n]);
            const struct bench_place at = bench_hunt_at(&hunt, meant, &rng);
            const struct bench_place beside = bench_hunt_nothing(&hunt, &rng);
            for (uint16_t t = 0; t < counts[n]; t++) {
                const struct treasure *treasure = &hunt.definition->treasures[t];
                const int64_t reach = (int64_t)treasure->radius * treasure->radius;
                assert_true((square(treasure, at) <= reach) == (t == meant));
                assert_true(square(treasure, beside) > reach);
            }
        }
        bench_hunt_fini(&hunt);
    }
}

static void a_player_has_what_he_found_and_his_seqs_rise(void **state)
{
    (void)state;
    static struct bench_hunt hunt;
    struct bench_players players;
    assert_int_equal(bench_hunt_init(&hunt, 64), STATUS_OK);
    assert_int_equal(bench_players_init(&players, &hunt, 2), STATUS_OK);
    for (uint32_t i = 1; i <= 100; i++) {
        assert_int_equal(bench_players_find(&players, 1).seq, i);
        /* As many as there are for everyone, then no more. */
        const int has = __builtin_popcountll(players.has[1]);
        assert_int_equal(has, i < 52 ? i : 52);
    }
    assert_int_equal(players.has[0], 0);
    assert_int_equal(bench_players_miss(&players, 0).seq, 1);
    bench_players_fini(&players);
    bench_hunt_fini(&hunt);
}

/* A count of zero says something only where it could be another. */
static void allocations_of_a_turn_are_seen(void **state)
{
    (void)state;
    static struct bench_hunt hunt;
    static struct bench_ranges ranges;
    struct bench_players players;
    assert_int_equal(bench_hunt_init(&hunt, 8), STATUS_OK);
    assert_int_equal(bench_players_init(&players, &hunt, 1), STATUS_OK);
    assert_int_equal(bench_ranges_init(&ranges, &hunt, 1), STATUS_OK);
    struct bench_turn turn = {.ns = 0};
    for (uint32_t i = 0; i < BENCH_TURN_CLAIMS; i++)
        bench_ranges_gather(&ranges, bench_players_miss(&players, 0));
    assert_int_equal(bench_ranges_apply(&ranges, &turn), STATUS_OK);
    assert_int_equal(turn.outcomes[OUTCOME_NOTHING], BENCH_TURN_CLAIMS);
    assert_true(turn.ns > 0);
    /* The turn is larger than any before, so its memory was taken from the heap. */
    if (ALLOCATIONS_COUNTED)
        assert_true(turn.allocations > 0);
    bench_ranges_fini(&ranges);
    bench_players_fini(&players);
    bench_hunt_fini(&hunt);
}

static void a_closed_epoch_is_merged_and_settled(void **state)
{
    (void)state;
    enum { PLAYERS = 3000 };
    static struct bench_hunt hunt;
    static struct bench_ranges ranges;
    struct bench_players players;
    assert_int_equal(bench_hunt_init(&hunt, 16), STATUS_OK);
    assert_int_equal(bench_players_init(&players, &hunt, PLAYERS), STATUS_OK);
    assert_int_equal(bench_ranges_init(&ranges, &hunt, PLAYERS), STATUS_OK);
    /* All look for the one limited treasure. */
    struct bench_turn turn = {.ns = 0};
    for (uint32_t i = 0; i < PLAYERS; i++) {
        struct action claim = bench_players_miss(&players, i);
        const struct bench_place place = bench_hunt_at(&hunt, 7, &players.rng);
        claim.x = place.x;
        claim.y = place.y;
        bench_ranges_gather(&ranges, claim);
    }
    assert_int_equal(bench_ranges_apply(&ranges, &turn), STATUS_OK);
    assert_int_equal(turn.outcomes[OUTCOME_PENDING], PLAYERS);
    assert_false(bench_ranges_sold_out(&ranges, &hunt));

    struct bench_close close;
    assert_int_equal(bench_ranges_close(&ranges, &close), STATUS_OK);
    assert_true(ranges.board->complete);
    assert_int_equal(global_board_hunt(ranges.board, BENCH_HUNT)->players, PLAYERS);
    assert_true(close.summary_bytes > 0);
    assert_true(bench_ranges_sold_out(&ranges, &hunt));
    uint64_t won = 0;
    for (uint32_t i = 0; i < BENCH_RANGES; i++)
        won += engine_tally(range_state_engine(ranges.states[i]))->won;
    assert_int_equal(won, BENCH_SUPPLY);

    assert_int_equal(bench_ranges_close(&ranges, &close), STATUS_OK);
    assert_true(global_board_hunt(ranges.board, BENCH_HUNT)->entry_count >= BOARD_TOP);
    bench_ranges_fini(&ranges);
    bench_players_fini(&players);
    bench_hunt_fini(&hunt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clicks_hit_the_treasure_that_is_meant_or_nothing),
        cmocka_unit_test(a_player_has_what_he_found_and_his_seqs_rise),
        cmocka_unit_test(allocations_of_a_turn_are_seen),
        cmocka_unit_test(a_closed_epoch_is_merged_and_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
