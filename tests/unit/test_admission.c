/* tests/unit/test_admission.c -- The rule for shedding, with made-up loads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "node/admission.h"
#include "node/store.h"

#define ACTIONS_MAX 1000

static bool admits(struct admission *admission, struct node_load load)
{
    return admission_admits(admission, &load, ACTIONS_MAX);
}

static void an_idle_node_admits(void **state)
{
    (void)state;
    struct admission admission = {0};
    assert_true(admits(&admission, (struct node_load){0}));
}

/* The measures one by one, each just below its bound, at it, and above. */
static void each_measure_sheds_from_its_bound_on(void **state)
{
    (void)state;
    static const struct {
        struct node_load load;
        bool admitted;
    } cases[] = {
        {{.actions = ACTIONS_MAX - 1}, true},
        {{.actions = ACTIONS_MAX}, false},
        {{.actions = ACTIONS_MAX + 1}, false},
        {{.actions = UINT32_MAX}, false},
        {{.write_backlog = ADMISSION_BYTES - 1}, true},
        {{.write_backlog = ADMISSION_BYTES}, false},
        {{.write_backlog = ADMISSION_BYTES + 1}, false},
        {{.write_us = ADMISSION_WAIT_US - 1}, true},
        {{.write_us = ADMISSION_WAIT_US}, false},
        {{.write_us = ADMISSION_WAIT_US + 1}, false},
        {{.queue_us = ADMISSION_WAIT_US - 1}, true},
        {{.queue_us = ADMISSION_WAIT_US}, false},
        {{.queue_us = ADMISSION_WAIT_US + 1}, false},
        /* One waits for the loop first, and for the disk then. */
        {{.queue_us = ADMISSION_WAIT_US / 2, .write_us = ADMISSION_WAIT_US / 2 - 1}, true},
        {{.queue_us = ADMISSION_WAIT_US / 2, .write_us = ADMISSION_WAIT_US / 2}, false},
        /* Below all bounds at once. */
        {{.actions = ACTIONS_MAX - 1,
          .write_backlog = ADMISSION_BYTES - 1,
          .queue_us = ADMISSION_WAIT_US - 1},
         true},
        /* Requests alone are bounded by connections. */
        {{.requests = UINT32_MAX}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct admission admission = {0};
        if (admits(&admission, cases[i].load) != cases[i].admitted)
            fail_msg("case %zu", i);
    }
}

static void shedding_ends_when_all_measures_are_down_to_half(void **state)
{
    (void)state;
    struct admission admission = {0};
    assert_false(admits(&admission, (struct node_load){.actions = ACTIONS_MAX}));
    assert_false(admits(&admission, (struct node_load){.actions = ACTIONS_MAX - 1}));
    assert_false(admits(&admission, (struct node_load){.actions = ACTIONS_MAX / 2 + 1}));
    assert_false(admits(&admission, (struct node_load){.actions = ACTIONS_MAX / 2,
                                                       .write_backlog = ADMISSION_BYTES / 2 + 1}));
    assert_false(admits(&admission, (struct node_load){.queue_us = ADMISSION_WAIT_US / 2 + 1}));
    assert_true(admits(&admission, (struct node_load){.actions = ACTIONS_MAX / 2,
                                                      .write_backlog = ADMISSION_BYTES / 2,
                                                      .queue_us = ADMISSION_WAIT_US / 2}));
    /* And it is as patient as before. */
    assert_true(admits(&admission, (struct node_load){.actions = ACTIONS_MAX - 1}));
}

static void the_smallest_bound_admits_when_nothing_waits(void **state)
{
    (void)state;
    struct admission admission = {0};
    assert_false(admission_admits(&admission, &(struct node_load){.actions = 1}, 1));
    assert_true(admission_admits(&admission, &(struct node_load){.actions = 0}, 1));
}

static void the_store_has_room_for_a_whole_turn_more_than_is_admitted(void **state)
{
    (void)state;
    assert_true(ADMISSION_BYTES + (UINT64_C(8) << 20) <= STORE_BACKLOG_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_node_admits),
        cmocka_unit_test(each_measure_sheds_from_its_bound_on),
        cmocka_unit_test(shedding_ends_when_all_measures_are_down_to_half),
        cmocka_unit_test(the_smallest_bound_admits_when_nothing_waits),
        cmocka_unit_test(the_store_has_room_for_a_whole_turn_more_than_is_admitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
