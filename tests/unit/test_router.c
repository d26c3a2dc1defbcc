/* tests/unit/test_router.c -- Who leads a range, by what is heard. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/ranges/router.h"

static struct router router;

static void nothing_is_known_at_first(void **state)
{
    (void)state;
    router_init(&router);
    assert_int_equal(0, router_leader(&router, 0));
    assert_int_equal(0, router_leader(&router, RANGES_MAX - 1));
}

static void a_newer_term_is_believed_and_an_older_one_is_not(void **state)
{
    (void)state;
    router_init(&router);
    router_learn(&router, 5, 100, 7);
    assert_int_equal(100, router_leader(&router, 5));
    router_learn(&router, 5, 200, 6);
    assert_int_equal(100, router_leader(&router, 5));
    router_learn(&router, 5, 300, 8);
    assert_int_equal(300, router_leader(&router, 5));
    assert_int_equal(8, router_term(&router, 5));
    assert_int_equal(0, router_leader(&router, 4));
}

static void a_term_has_one_leader(void **state)
{
    (void)state;
    router_init(&router);
    router_learn(&router, 5, 100, 7);
    router_learn(&router, 5, 200, 7);
    assert_int_equal(100, router_leader(&router, 5));
}

static void what_says_nothing_teaches_nothing(void **state)
{
    (void)state;
    router_init(&router);
    router_learn(&router, 5, 0, 7);
    router_learn(&router, 5, 100, 0);
    assert_int_equal(0, router_leader(&router, 5));
    assert_int_equal(0, router_term(&router, 5));
}

static void one_that_is_forgotten_makes_room_for_the_same_term(void **state)
{
    (void)state;
    router_init(&router);
    router_learn(&router, 5, 100, 7);
    router_forget(&router, 5, 200);
    assert_int_equal(100, router_leader(&router, 5));
    router_forget(&router, 5, 100);
    assert_int_equal(0, router_leader(&router, 5));
    router_learn(&router, 5, 300, 6);
    assert_int_equal(0, router_leader(&router, 5));
    router_learn(&router, 5, 300, 7);
    assert_int_equal(300, router_leader(&router, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_at_first),
        cmocka_unit_test(a_newer_term_is_believed_and_an_older_one_is_not),
        cmocka_unit_test(a_term_has_one_leader),
        cmocka_unit_test(what_says_nothing_teaches_nothing),
        cmocka_unit_test(one_that_is_forgotten_makes_room_for_the_same_term),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
