/* tests/unit/test_terms.c -- The terms of a log, also of one whose beginning is gone. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/ranges/terms.h"

/* Entries 1 to 10 in terms 1 1 1 2 2 2 2 5 5 5. */
static void fill(struct terms *terms)
{
    static const uint64_t all[10] = {1, 1, 1, 2, 2, 2, 2, 5, 5, 5};
    terms_init(terms);
    for (uint32_t i = 0; i < 10; i++)
        terms_append(terms, all[i]);
}

static void assert_terms(const struct terms *terms, uint64_t first)
{
    static const uint64_t all[11] = {0, 1, 1, 1, 2, 2, 2, 2, 5, 5, 5};
    for (uint64_t index = first; index <= 10; index++)
        assert_int_equal(terms_of(terms, index), all[index]);
    assert_int_equal(terms_of(terms, 11), 0);
    assert_int_equal(terms_last(terms), 5);
}

static void every_beginning_may_go(void **state)
{
    (void)state;
    for (uint64_t base = 0; base < 10; base++) {
        struct terms terms;
        fill(&terms);
        terms_drop(&terms, base, 0);
        assert_terms(&terms, base + 1);
        assert_int_equal(terms_of(&terms, base), 0);
        for (uint64_t gone = 0; gone < base; gone++)
            assert_int_equal(terms_of(&terms, gone), 0);
        terms_fini(&terms);
    }
}

static void a_log_that_is_all_gone_knows_its_last_term(void **state)
{
    (void)state;
    struct terms terms;
    fill(&terms);
    terms_drop(&terms, 10, 5);
    assert_int_equal(terms_of(&terms, 10), 5);
    assert_int_equal(terms_last(&terms), 5);
    terms_append(&terms, 5);
    terms_append(&terms, 6);
    assert_int_equal(terms_of(&terms, 10), 5);
    assert_int_equal(terms_of(&terms, 11), 5);
    assert_int_equal(terms_of(&terms, 12), 6);
    terms_truncate(&terms, 11);
    assert_int_equal(terms_last(&terms), 5);
    assert_int_equal(terms.last_index, 10);
    terms_fini(&terms);
}

static void a_log_begins_behind_its_base(void **state)
{
    (void)state;
    struct terms terms;
    terms_init(&terms);
    terms_begin(&terms, 100, 0);
    assert_int_equal(terms.last_index, 100);
    assert_int_equal(terms_last(&terms), 0);
    terms_append(&terms, 3);
    terms_append(&terms, 4);
    assert_int_equal(terms_of(&terms, 100), 0);
    assert_int_equal(terms_of(&terms, 101), 3);
    assert_int_equal(terms_of(&terms, 102), 4);
    terms_fini(&terms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_beginning_may_go),
        cmocka_unit_test(a_log_that_is_all_gone_knows_its_last_term),
        cmocka_unit_test(a_log_begins_behind_its_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
