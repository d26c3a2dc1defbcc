/* tests/sim/test_world.c -- The simulator itself: it repeats, and it notices what is wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "tests/sim/world.h"

#define SEEDS 6

static struct world_report run(uint64_t seed, uint32_t nodes, enum world_mutation mutation)
{
    /* What a start reads can only be untrue after a crash, winners take some epochs, and in a world
     * that is rough from its beginning nobody may play for long. */
    const bool long_run = mutation == WORLD_TRUE || mutation == WORLD_AWARD_TOO_MANY ||
                          mutation == WORLD_FORGET_SYNC || mutation == WORLD_DROP_CHUNK ||
                          mutation == WORLD_ALTER_CHUNK || mutation == WORLD_COMPACT_TOO_FAR;
    const struct world_options options = {
        .seed = seed, .nodes = nodes, .seconds = long_run ? 20 : 5, .mutation = mutation};
    struct world_report report;
    world_run(&options, &report);
    return report;
}

static void an_honest_world_passes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (uint32_t nodes = 1; nodes <= 3; nodes += 2) {
            const struct world_report report = run(seed, nodes, WORLD_TRUE);
            if (report.failed)
                fail_msg("seed=%llu nodes=%u: %s", (unsigned long long)seed, nodes, report.failure);
            assert_true(report.acknowledged > 0);
            assert_true(report.entries > 0);
        }
    }
}

static void a_seed_repeats_itself(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const struct world_report once = run(seed, 3, WORLD_TRUE);
        const struct world_report again = run(seed, 3, WORLD_TRUE);
        assert_true(once.digest == again.digest);
        assert_true(once.actions == again.actions);
        assert_true(once.acknowledged == again.acknowledged);
        assert_true(once.entries == again.entries);
        assert_true(once.crashes == again.crashes);
    }
}

static void different_seeds_are_different_worlds(void **state)
{
    (void)state;
    uint64_t digests[SEEDS];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        digests[seed] = run(seed + 1, 1, WORLD_TRUE).digest;
        for (uint64_t other = 0; other < seed; other++)
            assert_true(digests[other] != digests[seed]);
    }
}

/* With this lie every seed fails in which it could be told; returns how many those were. */
static uint32_t count_noticed(uint32_t nodes, enum world_mutation mutation)
{
    uint32_t told = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct world_report report = run(seed, nodes, mutation);
        if (report.mutated && !report.failed)
            fail_msg("seed=%llu nodes=%u: lie %d is not noticed", (unsigned long long)seed, nodes,
                     (int)mutation);
        if (!report.mutated && report.failed)
            fail_msg("seed=%llu nodes=%u: %s", (unsigned long long)seed, nodes, report.failure);
        told += report.mutated;
    }
    return told;
}

/* It can be told in most. */
static void assert_noticed(uint32_t nodes, enum world_mutation mutation)
{
    assert_true(count_noticed(nodes, mutation) >= SEEDS / 2);
}

/* Likewise for what a start reads: it ends there, and says that the store is corrupt. Only seeds
 * with crashes and small snapshots have it. */
static void assert_refused(enum world_mutation mutation)
{
    uint32_t told = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct world_report report = run(seed, 1, mutation);
        if (report.mutated && strstr(report.failure, "corrupt") == NULL)
            fail_msg("seed=%llu: lie %d is not refused: %s", (unsigned long long)seed,
                     (int)mutation, report.failure);
        told += report.mutated;
    }
    assert_true(told > 0);
}

static void a_lost_acknowledged_claim_is_noticed(void **state)
{
    (void)state;
    assert_noticed(1, WORLD_DROP_ACKNOWLEDGED);
    assert_noticed(3, WORLD_DROP_ACKNOWLEDGED);
}

static void a_claim_that_counts_twice_is_noticed(void **state)
{
    (void)state;
    assert_noticed(1, WORLD_DOUBLE_CLAIM);
}

static void a_receipt_with_another_ones_index_is_noticed(void **state)
{
    (void)state;
    assert_noticed(1, WORLD_SWAP_INDICES);
}

static void a_wrong_score_is_noticed(void **state)
{
    (void)state;
    assert_noticed(1, WORLD_ALTER_SCORE);
}

static void one_winner_too_many_is_noticed(void **state)
{
    (void)state;
    /* Not every seed's players win something. */
    assert_true(count_noticed(1, WORLD_AWARD_TOO_MANY) > 0);
    assert_true(count_noticed(3, WORLD_AWARD_TOO_MANY) > 0);
}

static void a_clock_that_turns_back_or_is_led_astray_is_noticed(void **state)
{
    (void)state;
    assert_noticed(1, WORLD_TURN_BACK);
    assert_noticed(3, WORLD_RUN_AHEAD);
}

static void a_replica_that_went_astray_is_noticed(void **state)
{
    (void)state;
    assert_noticed(3, WORLD_ALTER_STATE);
}

static void a_board_that_differs_is_noticed(void **state)
{
    (void)state;
    assert_noticed(3, WORLD_ALTER_BOARD);
    assert_noticed(1, WORLD_ALTER_PLACE);
    assert_noticed(1, WORLD_ALTER_RANK);
}

static void a_disk_that_forgets_is_noticed(void **state)
{
    (void)state;
    assert_noticed(1, WORLD_FORGET_SYNC);
}

static void a_damaged_snapshot_is_noticed(void **state)
{
    (void)state;
    assert_refused(WORLD_DROP_CHUNK);
    assert_refused(WORLD_ALTER_CHUNK);
}

static void a_log_that_does_not_reach_its_snapshot_is_noticed(void **state)
{
    (void)state;
    assert_refused(WORLD_COMPACT_TOO_FAR);
}

static void a_snapshot_that_differs_is_noticed(void **state)
{
    (void)state;
    assert_noticed(3, WORLD_ALTER_SNAPSHOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_world_passes),
        cmocka_unit_test(a_seed_repeats_itself),
        cmocka_unit_test(different_seeds_are_different_worlds),
        cmocka_unit_test(a_lost_acknowledged_claim_is_noticed),
        cmocka_unit_test(a_claim_that_counts_twice_is_noticed),
        cmocka_unit_test(a_receipt_with_another_ones_index_is_noticed),
        cmocka_unit_test(a_wrong_score_is_noticed),
        cmocka_unit_test(one_winner_too_many_is_noticed),
        cmocka_unit_test(a_clock_that_turns_back_or_is_led_astray_is_noticed),
        cmocka_unit_test(a_replica_that_went_astray_is_noticed),
        cmocka_unit_test(a_board_that_differs_is_noticed),
        cmocka_unit_test(a_disk_that_forgets_is_noticed),
        cmocka_unit_test(a_damaged_snapshot_is_noticed),
        cmocka_unit_test(a_log_that_does_not_reach_its_snapshot_is_noticed),
        cmocka_unit_test(a_snapshot_that_differs_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
