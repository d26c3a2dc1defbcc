/* tests/unit/test_table.c -- The index must find every number again, whatever the hashes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>

#include "cluster/base/rng.h"
#include "cluster/base/table.h"

/* Whether the table offers this number for this hash; *ret_offered counts what it offers. */
static bool offers(const struct table *table, uint64_t hash, uint32_t number, uint32_t *ret_offered)
{
    struct table_probe probe = table_probe(table, hash);
    bool found = false;
    *ret_offered = 0;
    for (;;) {
        const uint32_t offered = table_next(table, &probe);
        if (offered == TABLE_NONE)
            return found;
        found = found || offered == number;
        ++*ret_offered;
    }
}

static void an_empty_table_offers_nothing(void **state)
{
    (void)state;
    struct table table;
    assert_int_equal(table_init(&table, 1), STATUS_OK);
    uint32_t offered = 0;
    assert_false(offers(&table, 0, 0, &offered));
    assert_false(offers(&table, UINT64_MAX, 0, &offered));
    assert_int_equal(offered, 0);
    table_fini(&table);
}

static void every_number_is_found_in_a_table_filled_to_its_capacity(void **state)
{
    (void)state;
    const uint32_t capacity = 5000;
    struct table table;
    assert_int_equal(table_init(&table, capacity), STATUS_OK);
    struct rng rng;
    rng_init(&rng, 7);
    static uint64_t hashes[5000];
    for (uint32_t i = 0; i < capacity; i++) {
        hashes[i] = rng_next(&rng);
        table_insert(&table, hashes[i], i);
    }
    uint32_t offered_more = 0;
    for (uint32_t i = 0; i < capacity; i++) {
        uint32_t offered = 0;
        assert_true(offers(&table, hashes[i], i, &offered));
        offered_more += offered - 1;
    }
    /* Tags of 32 bits: neighbours are hardly ever taken for what is looked for. */
    assert_true(offered_more < 3);
    table_fini(&table);
}

static void equal_hashes_are_all_offered(void **state)
{
    (void)state;
    struct table table;
    assert_int_equal(table_init(&table, 300), STATUS_OK);
    for (uint32_t i = 0; i < 300; i++)
        table_insert(&table, 42, i);
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t offered = 0;
        assert_true(offers(&table, 42, i, &offered));
        assert_int_equal(offered, 300);
    }
    table_fini(&table);
}

static void hashes_of_one_cell_are_told_apart_by_their_tags(void **state)
{
    (void)state;
    struct table table;
    assert_int_equal(table_init(&table, 100), STATUS_OK);
    /* The same upper bits of the tag, so all want the same cell. */
    for (uint32_t i = 0; i < 100; i++)
        table_insert(&table, 0xab000000U | i, i);
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t offered = 0;
        assert_true(offers(&table, 0xab000000U | i, i, &offered));
        assert_int_equal(offered, 1);
    }
    uint32_t offered = 0;
    assert_false(offers(&table, 0xab000000U | 100, 100, &offered));
    assert_int_equal(offered, 0);
    table_fini(&table);
}

static void a_run_of_cells_goes_round_the_end(void **state)
{
    (void)state;
    struct table table;
    assert_int_equal(table_init(&table, 8), STATUS_OK);
    for (uint32_t i = 0; i < 8; i++)
        table_insert(&table, UINT64_MAX - i, i);
    assert_int_not_equal(table.cells[table.mask].number_plus_1, 0);
    assert_int_not_equal(table.cells[0].number_plus_1, 0);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t offered = 0;
        assert_true(offers(&table, UINT64_MAX - i, i, &offered));
    }
    table_fini(&table);
}

static void a_third_of_the_cells_stays_free_and_few_more_than_needed_are_made(void **state)
{
    (void)state;
    for (uint32_t capacity = 1; capacity < 3000; capacity += 7) {
        struct table table;
        assert_int_equal(table_init(&table, capacity), STATUS_OK);
        for (uint32_t i = 0; i < capacity; i++) {
            table_insert(&table, i * UINT32_C(2654435769), i);
            const uint64_t cells = table.mask + UINT64_C(1);
            assert_true(2 * cells >= 3 * (i + UINT64_C(1)));
            assert_true(cells <= 512 || cells <= 3 * (i + UINT64_C(1)));
            assert_int_equal(cells & table.mask, 0);
            assert_int_equal(table_bytes(&table), cells * sizeof(struct table_cell));
        }
        table_fini(&table);
    }
}

static void a_table_for_many_is_small_while_there_are_few(void **state)
{
    (void)state;
    struct table table;
    assert_int_equal(table_init(&table, UINT32_C(1) << 30), STATUS_OK);
    assert_true(table_bytes(&table) <= 4096);
    for (uint32_t i = 0; i < 100000; i++)
        table_insert(&table, i * UINT64_C(0x9e3779b97f4a7c15), i);
    assert_true(table_bytes(&table) <= 24 * 100000);
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t offered = 0;
        assert_true(offers(&table, i * UINT64_C(0x9e3779b97f4a7c15), i, &offered));
    }
    table_fini(&table);
}

static void prefetching_changes_nothing(void **state)
{
    (void)state;
    struct table table;
    assert_int_equal(table_init(&table, 4), STATUS_OK);
    table_insert(&table, 9, 1);
    table_prefetch(&table, 9);
    table_prefetch(&table, UINT64_MAX);
    uint32_t offered = 0;
    assert_true(offers(&table, 9, 1, &offered));
    assert_int_equal(table.count, 1);
    table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_offers_nothing),
        cmocka_unit_test(every_number_is_found_in_a_table_filled_to_its_capacity),
        cmocka_unit_test(equal_hashes_are_all_offered),
        cmocka_unit_test(hashes_of_one_cell_are_told_apart_by_their_tags),
        cmocka_unit_test(a_run_of_cells_goes_round_the_end),
        cmocka_unit_test(a_third_of_the_cells_stays_free_and_few_more_than_needed_are_made),
        cmocka_unit_test(a_table_for_many_is_small_while_there_are_few),
        cmocka_unit_test(prefetching_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
