/* tests/unit/test_cut.c -- An array is read as it was, whatever becomes of it meanwhile. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "cluster/base/cut.h"
#include "cluster/base/rng.h"

#define NUMBERS 5000

static uint32_t list[NUMBERS], before[NUMBERS];

static void fill(void)
{
    for (uint32_t i = 0; i < NUMBERS; i++)
        list[i] = i * 7;
    memcpy(before, list, sizeof before);
}

static void change(struct cut *cut, uint32_t at, uint32_t value)
{
    cut_touch(cut, at);
    list[at] = value;
}

static uint32_t at(const struct cut *cut, uint32_t number)
{
    uint32_t value;
    memcpy(&value, cut_at(cut, number), sizeof value);
    return value;
}

static void a_cut_that_nobody_reads_costs_nothing(void **state)
{
    (void)state;
    struct cut cut = {0};
    fill();
    change(&cut, 0, 1);
    change(&cut, NUMBERS - 1, 1);
    assert_null(cut.copies);
    assert_int_equal(cut_begin(&cut, list, sizeof list[0], 9, 9), STATUS_OK);
    change(&cut, 9, 1);
    assert_int_equal(cut.left, 0);
    cut_end(&cut);
}

static void only_the_elements_of_the_moment_are_kept(void **state)
{
    (void)state;
    struct cut cut = {0};
    fill();
    assert_int_equal(cut_begin(&cut, list, sizeof list[0], 1000, 2000), STATUS_OK);
    change(&cut, 999, 1);
    change(&cut, 2000, 1);
    for (uint32_t i = 0; i < cut.block_count; i++)
        assert_null(cut.copies[i]);
    change(&cut, 1000, 1);
    change(&cut, 1999, 1);
    assert_int_equal(at(&cut, 1000), before[1000]);
    assert_int_equal(at(&cut, 1999), before[1999]);
    cut_end(&cut);
}

static void what_is_read_is_not_copied_any_more(void **state)
{
    (void)state;
    struct cut cut = {0};
    fill();
    assert_int_equal(cut_begin(&cut, list, sizeof list[0], 0, NUMBERS), STATUS_OK);
    change(&cut, 3, 1);
    cut_read(&cut, 4);
    change(&cut, 3, 2);
    /* The block of the next one is still needed. */
    assert_int_equal(at(&cut, 4), before[4]);
    change(&cut, 4, 2);
    assert_int_equal(at(&cut, 4), before[4]);
    cut_read(&cut, NUMBERS - 4);
    for (uint32_t i = 0; i < cut.block_count; i++)
        assert_null(cut.copies[i]);
    change(&cut, 4000, 2);
    for (uint32_t i = 0; i < cut.block_count; i++)
        assert_null(cut.copies[i]);
    cut_end(&cut);
}

/* Elements as large as a block, and as small as a byte. */
static void every_size_of_element_has_its_blocks(void **state)
{
    (void)state;
    static uint8_t bytes[3 * 5000];
    for (uint32_t size = 1; size <= 5000; size = size * 3 + 1) {
        struct cut cut = {0};
        memset(bytes, 1, sizeof bytes);
        const uint32_t count = (uint32_t)(sizeof bytes / size);
        assert_int_equal(cut_begin(&cut, bytes, size, 0, count), STATUS_OK);
        for (uint32_t i = 0; i < count; i++) {
            cut_touch(&cut, i);
            memset(bytes + (size_t)i * size, 2, size);
        }
        for (uint32_t i = 0; i < count; i++) {
            const uint8_t *element = cut_at(&cut, i);
            assert_int_equal(element[0], 1);
            assert_int_equal(element[size - 1], 1);
            cut_read(&cut, 1);
        }
        assert_false(cut.failed);
        cut_end(&cut);
    }
}

static void random_changes_never_show(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct cut cut = {0};
        fill();
        const uint32_t first = (uint32_t)rng_below(&rng, NUMBERS);
        const uint32_t end = (uint32_t)rng_between(&rng, first, NUMBERS);
        assert_int_equal(cut_begin(&cut, list, sizeof list[0], first, end), STATUS_OK);
        while (cut.left > 0) {
            for (uint32_t i = (uint32_t)rng_below(&rng, 60); i > 0; i--)
                change(&cut, (uint32_t)rng_below(&rng, NUMBERS), (uint32_t)rng_next(&rng));
            const uint32_t next = cut.next;
            const uint32_t count = 1 + (uint32_t)rng_below(&rng, cut.left < 90 ? cut.left : 90);
            for (uint32_t i = 0; i < count; i++) {
                if (at(&cut, next + i) != before[next + i])
                    fail_msg("seed=%llu: element %u changed", (unsigned long long)seed, next + i);
            }
            cut_read(&cut, count);
        }
        cut_end(&cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_that_nobody_reads_costs_nothing),
        cmocka_unit_test(only_the_elements_of_the_moment_are_kept),
        cmocka_unit_test(what_is_read_is_not_copied_any_more),
        cmocka_unit_test(every_size_of_element_has_its_blocks),
        cmocka_unit_test(random_changes_never_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
