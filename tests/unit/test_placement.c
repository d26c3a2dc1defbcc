/* tests/unit/test_placement.c -- Where replicas shall be. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/ranges/placement.h"

static struct placement placement;

static const uint64_t nodes[] = {100, 200, 300, 400, 500};

/* Adds all that is missing, as the system group would log it; returns how many. */
static uint32_t fill(uint32_t node_count, uint32_t wanted)
{
    struct placement_step step;
    uint32_t steps = 0;
    while (placement_next(&placement, nodes, node_count, wanted, &step)) {
        uint64_t number;
        assert_int_equal(STATUS_OK, placement_add(&placement, step.place, step.node, &number));
        steps++;
    }
    return steps;
}

static uint32_t held_by(uint64_t node)
{
    uint32_t count = 0;
    uint64_t number;
    for (uint32_t place = 0; place < placement.group_count; place++)
        count += placement_find(&placement, place, node, &number);
    return count;
}

static void a_founding_numbers_the_replicas_of_a_group_next_to_each_other(void **state)
{
    (void)state;
    placement_found(&placement, 2, nodes, 3);
    assert_int_equal(3, placement.group_count);
    for (uint32_t place = 0; place < 3; place++) {
        assert_int_equal(3, placement.groups[place].count);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(place * 3 + i + 1, placement.groups[place].list[i].number);
            assert_int_equal(nodes[i], placement.groups[place].list[i].node);
        }
    }
}

static void voters_are_odd_and_never_more_than_nodes_or_wanted(void **state)
{
    (void)state;
    assert_int_equal(1, placement_voters(3, 1));
    assert_int_equal(1, placement_voters(3, 2));
    assert_int_equal(3, placement_voters(3, 3));
    assert_int_equal(3, placement_voters(3, 64));
    assert_int_equal(3, placement_voters(5, 4));
    assert_int_equal(5, placement_voters(5, 5));
    assert_int_equal(7, placement_voters(7, 9));
}

static void two_nodes_that_join_get_a_replica_of_everything(void **state)
{
    (void)state;
    placement_found(&placement, 16, nodes, 1);
    assert_int_equal(0, fill(3, 1));
    assert_int_equal(2 * 17, fill(3, 3));
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(17, held_by(nodes[i]));
    assert_int_equal(0, fill(3, 3));
}

static void the_system_group_comes_first(void **state)
{
    (void)state;
    placement_found(&placement, 16, nodes, 1);
    struct placement_step step;
    assert_true(placement_next(&placement, nodes, 3, 3, &step));
    assert_int_equal(16, step.place);
}

static void replicas_spread_evenly_over_nodes(void **state)
{
    (void)state;
    placement_found(&placement, 15, nodes, 1);
    (void)fill(5, 3);
    for (uint32_t i = 1; i < 5; i++)
        assert_in_range(held_by(nodes[i]), 8, 8); /* 32 of them on four nodes */
}

static void numbers_are_never_used_again(void **state)
{
    (void)state;
    placement_found(&placement, 4, nodes, 1);
    (void)fill(5, 5);
    uint8_t seen[64] = {0};
    for (uint32_t place = 0; place < placement.group_count; place++) {
        for (uint32_t i = 0; i < placement.groups[place].count; i++) {
            const uint64_t number = placement.groups[place].list[i].number;
            assert_in_range(number, 1, placement.next_number - 1);
            assert_int_equal(0, seen[number]++);
        }
    }
}

static void what_cannot_be_added_is_refused(void **state)
{
    (void)state;
    placement_found(&placement, 1, nodes, 1);
    uint64_t number = 77;
    assert_int_equal(STATUS_INVALID, placement_add(&placement, 2, 200, &number));
    assert_int_equal(STATUS_INVALID, placement_add(&placement, 0, 100, &number));
    assert_int_equal(STATUS_INVALID, placement_add(&placement, 0, 0, &number));
    assert_int_equal(77, number);
    for (uint64_t node = 2; node <= REPLICAS_MAX; node++)
        assert_int_equal(STATUS_OK, placement_add(&placement, 0, node, &number));
    assert_int_equal(STATUS_FULL, placement_add(&placement, 0, 999, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_founding_numbers_the_replicas_of_a_group_next_to_each_other),
        cmocka_unit_test(voters_are_odd_and_never_more_than_nodes_or_wanted),
        cmocka_unit_test(two_nodes_that_join_get_a_replica_of_everything),
        cmocka_unit_test(the_system_group_comes_first),
        cmocka_unit_test(replicas_spread_evenly_over_nodes),
        cmocka_unit_test(numbers_are_never_used_again),
        cmocka_unit_test(what_cannot_be_added_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
