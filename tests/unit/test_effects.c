/* tests/unit/test_effects.c -- The list of what shall be done. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "cluster/values/effects.h"

static struct effects effects;

static void effects_are_listed_in_order(void **state)
{
    (void)state;
    memset(&effects, 0, sizeof effects);
    effects_add(&effects, EFFECT_SEND)->send.node = 7;
    effects_add(&effects, EFFECT_TRUNCATE)->truncate.from = 9;
    assert_int_equal(effects.count, 2);
    assert_int_equal(effects.list[0].kind, EFFECT_SEND);
    assert_true(effects.list[0].send.node == 7);
    assert_int_equal(effects.list[1].kind, EFFECT_TRUNCATE);
    assert_true(effects.list[1].truncate.from == 9);
}

static void an_effect_holds_nothing_of_an_earlier_step(void **state)
{
    (void)state;
    memset(&effects, 0xee, sizeof effects);
    effects.count = 0;
    const struct effect *effect = effects_add(&effects, EFFECT_DEFINED);
    struct effect empty;
    memset(&empty, 0, sizeof empty);
    empty.kind = EFFECT_DEFINED;
    assert_memory_equal(effect, &empty, sizeof empty);
}

static void the_list_is_full_at_its_bound(void **state)
{
    (void)state;
    memset(&effects, 0, sizeof effects);
    assert_true(effects_room(&effects, 0));
    assert_true(effects_room(&effects, EFFECTS_MAX));
    assert_false(effects_room(&effects, EFFECTS_MAX + 1));
    assert_false(effects_room(&effects, UINT32_MAX));
    for (uint32_t left = EFFECTS_MAX; left > 0; left--) {
        assert_true(effects_room(&effects, left));
        assert_false(effects_room(&effects, left + 1));
        (void)effects_add(&effects, EFFECT_NOTE);
    }
    assert_true(effects_room(&effects, 0));
    assert_false(effects_room(&effects, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effects_are_listed_in_order),
        cmocka_unit_test(an_effect_holds_nothing_of_an_earlier_step),
        cmocka_unit_test(the_list_is_full_at_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
