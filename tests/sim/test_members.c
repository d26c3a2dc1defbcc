/* tests/sim/test_members.c -- What membership promises, in simulated time, over many seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/members/skew.h"
#include "tests/sim/members_world.h"

#define MS      UINT64_C(1000)
#define SECOND  UINT64_C(1000000)
#define PERIOD  MEMBERS_PERIOD_US
#define FOREVER (UINT64_C(3600) * SECOND)

/* A quiet network in one building. */
static struct members_world_options calm(uint64_t seed, uint32_t nodes)
{
    return (struct members_world_options){.seed = seed,
                                          .nodes = nodes,
                                          .links = true,
                                          .delay_us_min = 50,
                                          .delay_us_max = 2000,
                                          .capacity = nodes + 1};
}

static struct members_world *settled(const struct members_world_options *options)
{
    struct members_world *world = members_world_new(options);
    members_world_start_all(world);
    (void)members_world_until_agreed(world, 20 * PERIOD);
    assert_true(members_world_agreed(world));
    members_world_run(world, rng_between(&world->rng, SECOND, 2 * SECOND));
    return world;
}

static void assert_within(const struct members_world *world, uint64_t us, uint64_t most_us)
{
    if (us > most_us)
        print_error("seed=%llu nodes=%u: %llu us\n", (unsigned long long)world->options.seed,
                    (unsigned)world->options.nodes, (unsigned long long)us);
    assert_true(us <= most_us);
}

static uint32_t any_node(struct members_world *world)
{
    return (uint32_t)rng_below(&world->rng, world->options.nodes);
}

/* --- Detection -----------------------------------------------------------------------------------
 */

static void a_killed_process_is_known_to_all_within_half_a_second(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        const struct members_world_options options = calm(seed, 2 + (uint32_t)(seed % 8));
        struct members_world *world = settled(&options);
        const uint32_t node = any_node(world);
        members_world_kill(world, node, true);
        const uint64_t us = members_world_until(world, node, LIVENESS_FAILED, SECOND);
        assert_within(world, us, 500 * MS);
        /* And so is his new boot. */
        members_world_start(world, node, CONTACT_NONE);
        assert_within(world, members_world_until(world, node, LIVENESS_ALIVE, SECOND), 3 * PERIOD);
        members_world_free(world);
    }
}

/* Links or none, and a message in ten lost. */
static void so_it_is_where_messages_are_lost_and_links_come_and_go(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct members_world_options options = calm(seed, 3 + (uint32_t)(seed % 30));
        options.links = seed % 2 == 0;
        options.loss_permille = options.links ? 100 : 0;
        struct members_world *world = settled(&options);
        const uint32_t node = any_node(world);
        members_world_kill(world, node, true);
        const uint64_t us = members_world_until(world, node, LIVENESS_FAILED, 2 * SECOND);
        /* Without links somebody has to have something to say first: his turn comes. */
        assert_within(world, us, options.links ? 500 * MS : SECOND);
        members_world_free(world);
    }
}

static void a_silent_node_is_called_failed_by_all_in_bounded_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        const struct members_world_options options = calm(seed, 2 + (uint32_t)(seed % 30));
        struct members_world *world = settled(&options);
        const uint32_t node = any_node(world);
        members_world_kill(world, node, false);
        const uint64_t us = members_world_until(world, node, LIVENESS_FAILED, 20 * SECOND);
        assert_within(world, us, (options.nodes <= 10 ? 2 : 3) * SECOND);
        members_world_free(world);
    }
}

static void a_node_that_joins_is_known_to_all_within_three_tenths_of_a_second(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        const struct members_world_options options = calm(seed, 1 + (uint32_t)(seed % 40));
        struct members_world *world = settled(&options);
        members_world_start(world, options.nodes, any_node(world));
        const uint64_t us = members_world_until(world, options.nodes, LIVENESS_ALIVE, SECOND);
        assert_within(world, us, 300 * MS);
        assert_within(world, members_world_until_agreed(world, SECOND), 300 * MS);
        members_world_free(world);
    }
}

static void a_node_that_leaves_is_not_taken_for_failed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        const struct members_world_options options = calm(seed, 2 + (uint32_t)(seed % 8));
        struct members_world *world = settled(&options);
        const uint32_t node = any_node(world);
        members_leave(world->nodes[node].members);
        assert_within(world, members_world_until(world, node, LIVENESS_LEFT, SECOND), 300 * MS);
        members_world_kill(world, node, true);
        members_world_run(world, 10 * SECOND);
        assert_true(members_world_said(world, 0, node, LIVENESS_FAILED) == UINT64_MAX);
        members_world_free(world);
    }
}

/* --- No false verdicts ---------------------------------------------------------------------------
 */

static void nobody_called_failed(const struct members_world *world, uint32_t about)
{
    const uint64_t at_us = members_world_said(world, 0, about, LIVENESS_FAILED);
    if (at_us != UINT64_MAX)
        print_error("seed=%llu nodes=%u: node %u failed at %llu us\n",
                    (unsigned long long)world->options.seed, (unsigned)world->options.nodes,
                    (unsigned)about, (unsigned long long)at_us);
    assert_true(at_us == UINT64_MAX);
}

/* However many others cannot reach him, in one direction or both, silently or with refusals. */
static void a_node_that_answers_two_observers_is_never_called_failed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        const struct members_world_options options = calm(seed, 3 + (uint32_t)(seed % 6));
        struct members_world *world = settled(&options);
        for (uint32_t i = 3; i < options.nodes; i++) {
            const enum world_cut there = (enum world_cut)rng_below(&world->rng, 3);
            const enum world_cut back = (enum world_cut)rng_below(&world->rng, 2);
            members_world_cut(world, i, 0, there);
            members_world_cut(world, 0, i, back);
            /* Together, or one by one. */
            if (seed % 2 == 0)
                members_world_run(world, rng_below(&world->rng, SECOND));
        }
        members_world_run(world, 30 * SECOND);
        for (uint32_t i = 0; i < options.nodes; i++)
            nobody_called_failed(world, i);
        members_world_heal(world);
        members_world_run(world, 10 * SECOND);
        assert_true(members_world_agreed(world));
        members_world_free(world);
    }
}

static void loss_and_delay_alone_make_nobody_fail(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct members_world_options options = calm(seed, 3 + (uint32_t)(seed % 6));
        options.loss_permille = (uint32_t)(seed % 4) * 50;
        options.duplicate_permille = 100;
        options.delay_us_max = 30000;
        struct members_world *world = members_world_new(&options);
        members_world_start_all(world);
        members_world_run(world, 60 * SECOND);
        for (uint32_t i = 0; i < options.nodes; i++)
            nobody_called_failed(world, i);
        members_world_free(world);
    }
}

static void a_paused_process_convicts_nobody(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct members_world_options options = calm(seed, 2 + (uint32_t)(seed % 8));
        struct members_world *world = settled(&options);
        const uint32_t node = any_node(world);
        for (uint32_t i = 0; i < 10; i++) {
            members_world_pause(world, node, rng_between(&world->rng, 50 * MS, 8 * SECOND));
            members_world_run(world, rng_between(&world->rng, SECOND, 12 * SECOND));
        }
        for (uint32_t i = 0; i < world->change_count; i++)
            assert_true(world->changes[i].after.liveness != LIVENESS_FAILED ||
                        world->changes[i].about == node);
        members_world_run(world, 10 * SECOND);
        assert_true(members_world_agreed(world));
        members_world_free(world);
    }
}

/* It hears nothing and suspects another when it is stopped, and everything is well again when it
 * goes on: whatever it did not hear meanwhile, it hears him out. */
static void a_suspicion_from_before_a_pause_is_heard_out_after_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        const struct members_world_options options = calm(seed, 2 + (uint32_t)(seed % 4));
        struct members_world *world = settled(&options);
        for (uint32_t i = 1; i < options.nodes; i++)
            members_world_cut(world, i, 0, WORLD_CUT);
        const uint32_t before = world->change_count;
        while (world->change_count == before)
            members_world_run(world, 10 * MS);
        const uint64_t pause_us = rng_between(&world->rng, SECOND, 20 * SECOND);
        members_world_pause(world, 0, pause_us);
        members_world_heal(world);
        members_world_run(world, pause_us + 5 * SECOND);
        for (uint32_t i = 1; i < options.nodes; i++)
            nobody_called_failed(world, i);
        members_world_free(world);
    }
}

/* A host that was suspended, with everybody on it. */
static void when_all_were_paused_nobody_fails(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct members_world_options options = calm(seed, 2 + (uint32_t)(seed % 8));
        struct members_world *world = settled(&options);
        const uint64_t pause_us = rng_between(&world->rng, SECOND, 100 * SECOND);
        for (uint32_t i = 0; i < options.nodes; i++)
            members_world_pause(world, i, pause_us + rng_below(&world->rng, 50 * MS));
        members_world_run(world, pause_us + 10 * SECOND);
        for (uint32_t i = 0; i < options.nodes; i++)
            nobody_called_failed(world, i);
        assert_true(members_world_agreed(world));
        members_world_free(world);
    }
}

/* --- Healing -------------------------------------------------------------------------------------
 */

static void partition(struct members_world *world, uint32_t from)
{
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        for (uint32_t j = 0; j < world->options.nodes; j++) {
            if ((i < from) != (j < from))
                members_world_cut(world, i, j, WORLD_CUT);
        }
    }
}

static void a_partition_of_any_length_heals_without_an_operator(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {300 * MS, SECOND, 3 * SECOND, 10 * SECOND, 100 * SECOND};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        const struct members_world_options options = calm(seed, 2 + (uint32_t)(seed % 6));
        struct members_world *world = settled(&options);
        partition(world, 1 + (uint32_t)rng_below(&world->rng, options.nodes - 1));
        members_world_run(world, lengths[seed % 5]);
        members_world_heal(world);
        assert_within(world, members_world_until_agreed(world, 10 * SECOND), 3 * PERIOD);
        members_world_free(world);
    }
}

static void a_partition_of_an_hour_heals_too(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct members_world_options options = calm(seed, 3);
        options.links = seed == 1;
        struct members_world *world = settled(&options);
        partition(world, 1);
        members_world_run(world, FOREVER);
        assert_int_equal(members_world_liveness(world, 0, 2), LIVENESS_FAILED);
        members_world_heal(world);
        assert_within(world, members_world_until_agreed(world, 10 * SECOND), 3 * PERIOD);
        members_world_free(world);
    }
}

/* Larger clusters compare views when they have been at rest for half a second, and the news of one
 * half take a few rounds through the other: ten periods more. */
static void halves_of_a_larger_cluster_find_together(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        const struct members_world_options options = calm(seed, 20 + (uint32_t)seed * 10);
        struct members_world *world = settled(&options);
        partition(world, options.nodes / 2);
        members_world_run(world, 20 * SECOND);
        members_world_heal(world);
        assert_within(world, members_world_until_agreed(world, 10 * SECOND), 13 * PERIOD);
        members_world_free(world);
    }
}

/* Everything that can happen, for a while. */

static void some_fault(struct members_world *world)
{
    const uint32_t node = any_node(world), other = any_node(world);
    const bool up = world->nodes[node].members != NULL;
    switch (rng_below(&world->rng, 8)) {
    case 0:
        if (up)
            members_world_kill(world, node, rng_chance(&world->rng, 1, 2));
        break;
    case 1:
    case 2:
        if (!up)
            members_world_start(world, node, CONTACT_NONE);
        break;
    case 3:
        members_world_pause(world, node, rng_between(&world->rng, 10 * MS, 3 * SECOND));
        break;
    case 4:
        if (node != other)
            members_world_cut(world, node, other, (enum world_cut)rng_below(&world->rng, 3));
        break;
    case 5:
        partition(world, (uint32_t)rng_below(&world->rng, world->options.nodes));
        break;
    case 6:
        world->nodes[node].clock_us =
            (int64_t)rng_below(&world->rng, 2 * FOREVER) - (int64_t)FOREVER;
        break;
    default:
        members_world_heal(world);
        break;
    }
}

static void end_faults(struct members_world *world)
{
    world->options.loss_permille = world->options.duplicate_permille = 0;
    world->options.delay_us_max = 2000;
    members_world_heal(world);
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        world->nodes[i].paused_until_us = 0;
        if (world->nodes[i].members == NULL)
            members_world_start(world, i, CONTACT_NONE);
    }
}

static struct members_world *rough(uint64_t seed, uint64_t us)
{
    struct members_world_options options = calm(seed, 2 + (uint32_t)(seed % 6));
    options.links = seed % 5 != 0;
    options.loss_permille = (uint32_t)(seed % 3) * 150;
    options.duplicate_permille = (uint32_t)(seed % 2) * 100;
    options.delay_us_max = seed % 7 == 0 ? 100000 : 5000;
    struct members_world *world = members_world_new(&options);
    members_world_start_all(world);
    for (const uint64_t end_us = world->now_us + us; world->now_us < end_us;) {
        members_world_run(world, rng_between(&world->rng, 10 * MS, SECOND));
        some_fault(world);
    }
    return world;
}

/* What holds at every step is checked by the world itself. */
static void views_converge_within_three_periods_after_the_faults(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct members_world *world = rough(seed, 10 * SECOND);
        end_faults(world);
        assert_within(world, members_world_until_agreed(world, 20 * SECOND), 3 * PERIOD);
        members_world_run(world, 10 * SECOND);
        assert_true(members_world_agreed(world));
        members_world_free(world);
    }
}

/* --- Removal -------------------------------------------------------------------------------------
 */

static bool is_routable(const struct members_world *world, uint32_t observer, uint32_t about)
{
    struct members_view view;
    return members_find(world->nodes[observer].members, world->nodes[about].id, &view) &&
           view.routable;
}

/* The log reaches the nodes one after another; the removed one runs on and knows nothing of it. */
static void a_removed_node_never_comes_back_as_routable(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        const struct members_world_options options = calm(seed, 3 + (uint32_t)(seed % 6));
        struct members_world *world = settled(&options);
        for (uint32_t i = 1; i < options.nodes; i++) {
            members_world_run(world, rng_below(&world->rng, SECOND));
            const struct now now = members_world_now(world, i);
            assert_int_equal(
                members_remove(world->nodes[i].members, &now, world->nodes[0].id, &world->output),
                STATUS_OK);
            members_world_carry_out(world, i);
        }
        for (uint32_t round = 0; round < 10; round++) {
            if (round % 3 == 0 && world->nodes[0].members != NULL)
                members_world_kill(world, 0, true);
            else if (world->nodes[0].members == NULL)
                members_world_start(world, 0, round % 2 == 0 ? CONTACT_NONE : 1);
            members_world_run(world, rng_below(&world->rng, 3 * SECOND));
            for (uint32_t i = 1; i < options.nodes; i++)
                assert_false(is_routable(world, i, 0));
        }
        members_world_free(world);
    }
}

/* --- Clocks --------------------------------------------------------------------------------------
 */

static enum skew_verdict judge(const struct members_world *world, uint32_t node)
{
    struct skew_sample samples[MEMBERS_MAX];
    const struct now now = members_world_now(world, node);
    const struct members *members = world->nodes[node].members;
    struct skew_view view = {.samples = samples, .live = members_live(members)};
    view.count = members_clocks(members, &now, samples);
    struct skew skew = {0};
    return skew_step(&skew, now.monotonic_us, &view);
}

static void the_one_whose_clock_is_off_finds_out_and_the_others_do_not_follow(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        const struct members_world_options options = calm(seed, 2 + (uint32_t)(seed % 8));
        struct members_world *world = settled(&options);
        const uint32_t node = any_node(world);
        const bool fast = rng_chance(&world->rng, 1, 2);
        world->nodes[node].clock_us += fast ? 400000 : -400000;
        members_world_run(world, 10 * SECOND);
        const enum skew_verdict expected = fast ? SKEW_AHEAD : SKEW_BEHIND;
        for (uint32_t i = 0; i < options.nodes; i++)
            assert_int_equal(judge(world, i),
                             i == node && options.nodes > 2 ? expected : SKEW_NONE);
        for (uint32_t i = 0; i < options.nodes; i++)
            assert_true(members_world_said(world, 0, i, LIVENESS_SUSPECT) == UINT64_MAX);
        members_world_free(world);
    }
}

/* --- Costs ---------------------------------------------------------------------------------------
 */

/* Bytes that an idle node sends in a second, its envelopes not counted. */
static uint64_t idle_bytes(uint32_t nodes)
{
    const struct members_world_options options = calm(1, nodes);
    struct members_world *world = settled(&options);
    members_world_run(world, 5 * SECOND);
    for (uint32_t i = 0; i < nodes; i++)
        world->nodes[i].bytes = 0;
    members_world_run(world, 10 * SECOND);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < nodes; i++)
        bytes += world->nodes[i].bytes;
    members_world_free(world);
    return bytes / nodes / 10;
}

static void traffic_of_an_idle_node_does_not_grow_with_the_cluster(void **state)
{
    (void)state;
    const uint64_t few = idle_bytes(3), many = idle_bytes(100);
    assert_in_range(few, 100, 250);
    assert_in_range(many, 100, 250);
}

/* --- Seeds ---------------------------------------------------------------------------------------
 */

/* With every compiler: the number changes with the protocol, its bytes and its timing. */
static void a_seed_means_the_same_to_every_compiler(void **state)
{
    (void)state;
    uint64_t digest = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct members_world *world = rough(seed, 5 * SECOND);
        digest ^= world->digest;
        members_world_free(world);
    }
    assert_int_equal(digest, UINT64_C(0x2a7b96fb209d94f7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_process_is_known_to_all_within_half_a_second),
        cmocka_unit_test(so_it_is_where_messages_are_lost_and_links_come_and_go),
        cmocka_unit_test(a_silent_node_is_called_failed_by_all_in_bounded_time),
        cmocka_unit_test(a_node_that_joins_is_known_to_all_within_three_tenths_of_a_second),
        cmocka_unit_test(a_node_that_leaves_is_not_taken_for_failed),
        cmocka_unit_test(a_node_that_answers_two_observers_is_never_called_failed),
        cmocka_unit_test(loss_and_delay_alone_make_nobody_fail),
        cmocka_unit_test(a_paused_process_convicts_nobody),
        cmocka_unit_test(a_suspicion_from_before_a_pause_is_heard_out_after_it),
        cmocka_unit_test(when_all_were_paused_nobody_fails),
        cmocka_unit_test(a_partition_of_any_length_heals_without_an_operator),
        cmocka_unit_test(a_partition_of_an_hour_heals_too),
        cmocka_unit_test(halves_of_a_larger_cluster_find_together),
        cmocka_unit_test(views_converge_within_three_periods_after_the_faults),
        cmocka_unit_test(a_removed_node_never_comes_back_as_routable),
        cmocka_unit_test(the_one_whose_clock_is_off_finds_out_and_the_others_do_not_follow),
        cmocka_unit_test(traffic_of_an_idle_node_does_not_grow_with_the_cluster),
        cmocka_unit_test(a_seed_means_the_same_to_every_compiler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
