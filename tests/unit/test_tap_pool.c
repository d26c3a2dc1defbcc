/* tests/unit/test_tap_pool.c -- Sets of click patterns are handed out empty, and serve again. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "cluster/hunt/tap_pool.h"

#define SETS 5

static bool is_empty(const struct tap_pool *pool, uint32_t reference)
{
    const struct tap_set *set = tap_pool_at(pool, reference);
    bool is_zero = true;
    for (uint32_t i = 0; i < TAPS_PATTERNS; i++) {
        const struct tap_pattern *pattern = &set->patterns[i];
        is_zero = is_zero && pattern->clicks == 0 && pattern->treasure == 0 &&
                  pattern->last_us == 0 && pattern->before_us[0] == 0;
    }
    return is_zero;
}

static void as_many_sets_as_the_pool_holds_are_taken_and_all_differ(void **state)
{
    (void)state;
    struct tap_pool pool;
    assert_int_equal(tap_pool_init(&pool, SETS), STATUS_OK);
    for (uint32_t i = 1; i <= SETS; i++) {
        assert_int_equal(tap_pool_take(&pool), i);
        assert_true(is_empty(&pool, i));
        taps_click(tap_pool_open(&pool, i), (uint16_t)i, i);
    }
    for (uint32_t i = 1; i <= SETS; i++)
        assert_int_equal(tap_pool_at(&pool, i)->patterns[0].treasure, i);
    tap_pool_fini(&pool);
}

static void sets_given_back_are_taken_again_the_newest_first_and_empty(void **state)
{
    (void)state;
    struct tap_pool pool;
    assert_int_equal(tap_pool_init(&pool, SETS), STATUS_OK);
    for (uint32_t i = 1; i <= SETS; i++)
        assert_int_equal(tap_pool_take(&pool), i);
    tap_pool_give_back(&pool, 2);
    tap_pool_give_back(&pool, 4);
    tap_pool_give_back(&pool, 1);
    const uint32_t expected[] = {1, 4, 2};
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t reference = tap_pool_take(&pool);
        assert_int_equal(reference, expected[i]);
        assert_true(is_empty(&pool, reference));
    }
    assert_int_equal(pool.count, SETS);
    tap_pool_fini(&pool);
}

static void a_set_that_serves_again_knows_nothing_of_its_last_player(void **state)
{
    (void)state;
    struct tap_pool pool;
    assert_int_equal(tap_pool_init(&pool, SETS), STATUS_OK);
    const uint32_t first = tap_pool_take(&pool);
    taps_click(tap_pool_open(&pool, first), 7, 1000);
    taps_click(tap_pool_open(&pool, first), 7, 2000);
    taps_forget(tap_pool_open(&pool, first), 7);
    tap_pool_give_back(&pool, first);
    assert_int_equal(tap_pool_take(&pool), first);
    assert_true(is_empty(&pool, first));
    assert_int_equal(taps_count(tap_pool_at(&pool, first), 7, 2000, 1000), 0);
    tap_pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_sets_as_the_pool_holds_are_taken_and_all_differ),
        cmocka_unit_test(sets_given_back_are_taken_again_the_newest_first_and_empty),
        cmocka_unit_test(a_set_that_serves_again_knows_nothing_of_its_last_player),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
