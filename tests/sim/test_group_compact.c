/* tests/sim/test_group_compact.c -- A group whose log begins behind a snapshot: how it starts
 * again, how far the log goes, and who cannot catch up from it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tests/sim/group_world.h"

#define GROUP 3

static struct group_world world;

static void submit(uint64_t node, uint32_t count)
{
    static uint64_t value;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(group_world_submit(&world, node, ++value, 64), STATUS_OK);
        group_world_run(&world, 2);
    }
}

static void found(uint32_t voters)
{
    group_world_init(&world, 11);
    group_world_found(&world, voters);
    group_world_elect(&world, 1);
    submit(1, 50);
    assert_true(group_world_run_until(&world, group_world_all_applied, 5000));
    group_world_run(&world, 200);
}

static void a_log_goes_as_far_as_everybody_has_it(void **state)
{
    (void)state;
    found(3);
    for (uint64_t node = 1; node <= 3; node++) {
        struct group_base base;
        group_snapshot_point(world.nodes[node].group, &base);
        const struct group_view view = group_world_view(&world, node);
        assert_int_equal(base.index, view.applied_index);
        assert_int_equal(base.term, group_term_of(world.nodes[node].group, base.index));
        assert_int_equal(base.replicas_index, 1);
        assert_int_equal(base.replicas.count, 3);
        group_world_compact(&world, node);
        assert_int_equal(group_base_index(world.nodes[node].group), base.index);
        /* The last one stays: whoever asks for what follows it names it. */
        assert_int_equal(group_compacted(world.nodes[node].group), base.index - 1);
        assert_int_equal(group_term_of(world.nodes[node].group, base.index - 1), 0);
        assert_int_equal(group_term_of(world.nodes[node].group, base.index), base.term);
    }
    submit(1, 20);
    assert_true(group_world_run_until(&world, group_world_all_applied, 5000));
    /* Others lead with what they have. */
    world.only_candidate = 2;
    assert_int_equal(group_world_transfer(&world, 1, 2), STATUS_OK);
    group_world_run(&world, 500);
    assert_int_equal(group_world_leader(&world), 2);
    submit(2, 20);
    assert_true(group_world_run_until(&world, group_world_all_applied, 5000));
    group_world_fini(&world);
}

static void nothing_goes_that_a_cut_off_replica_lacks(void **state)
{
    (void)state;
    found(3);
    group_world_isolate(&world, 3, true);
    const uint64_t has = group_world_view(&world, 3).last_index;
    submit(1, 40);
    group_world_compact(&world, 1);
    group_world_compact(&world, 2);
    assert_true(group_compacted(world.nodes[1].group) < has);
    assert_true(group_compacted(world.nodes[2].group) < has);
    group_world_isolate(&world, 3, false);
    group_world_elect(&world, 1);
    assert_true(group_world_run_until(&world, group_world_all_applied, 5000));
    assert_int_equal(group_world_view(&world, 1).stranded, 0);
    /* And then it does, without another snapshot. */
    group_world_run(&world, 500);
    assert_true(group_compacted(world.nodes[1].group) >= has);
    group_world_fini(&world);
}

/* What one replica lacks stays for one snapshot; the next one is not held up by it. */
static void nobody_is_waited_for_longer_than_a_snapshot(void **state)
{
    (void)state;
    found(3);
    group_world_isolate(&world, 3, true);
    const uint64_t has = group_world_view(&world, 3).last_index;
    submit(1, 20);
    group_world_run(&world, 200);
    group_world_compact(&world, 1);
    const uint64_t first = group_base_index(world.nodes[1].group);
    assert_true(first > has);
    assert_true(group_compacted(world.nodes[1].group) < has);
    submit(1, 20);
    group_world_run(&world, 200);
    group_world_compact(&world, 1);
    assert_true(group_base_index(world.nodes[1].group) > first);
    assert_int_equal(group_compacted(world.nodes[1].group), first);
    assert_int_equal(group_term_of(world.nodes[1].group, first), 0);
    assert_int_not_equal(group_term_of(world.nodes[1].group, first + 1), 0);
    group_world_isolate(&world, 3, false);
    group_world_elect(&world, 1);
    group_world_run(&world, 500);
    assert_int_equal(group_world_view(&world, 1).stranded, 3);
    group_world_fini(&world);
}

static void a_newcomer_that_needs_what_is_gone_is_named_and_harms_nobody(void **state)
{
    (void)state;
    found(3);
    for (uint64_t node = 1; node <= 3; node++)
        group_world_compact(&world, node);
    group_world_join(&world, 4);
    const struct replica with[] = {{1, 1, REPLICA_VOTER},
                                   {2, 2, REPLICA_VOTER},
                                   {3, 3, REPLICA_VOTER},
                                   {4, 4, REPLICA_LEARNER}};
    assert_int_equal(group_world_change(&world, 1, with, 4), STATUS_OK);
    submit(1, 30);
    group_world_run(&world, 2000);
    const struct group_view leader = group_world_view(&world, 1);
    assert_int_equal(leader.role, GROUP_LEADER);
    assert_false(leader.broken);
    assert_int_equal(leader.stranded, 4);
    assert_int_equal(leader.commit_index, leader.last_index);
    const struct group_view newcomer = group_world_view(&world, 4);
    assert_false(newcomer.broken);
    assert_int_equal(newcomer.last_index, 0);
    /* It keeps the others' logs from going further, and they go on. */
    submit(1, 10);
    const struct replica without[] = {
        {1, 1, REPLICA_VOTER}, {2, 2, REPLICA_VOTER}, {3, 3, REPLICA_VOTER}};
    assert_int_equal(group_world_change(&world, 1, without, 3), STATUS_OK);
    submit(1, 10);
    assert_true(group_world_run_until(&world, group_world_all_applied, 5000));
    group_world_fini(&world);
}

/* ---- Starting. */

static const struct hard_state held = {.term = 4, .vote = 1, .replica = 1};

static struct group_base base_at(uint64_t index)
{
    return (struct group_base){
        .index = index,
        .term = 3,
        .replicas_index = 1,
        .replicas = {.count = 3,
                     .list = {{1, 1, REPLICA_VOTER}, {2, 2, REPLICA_VOTER}, {3, 3, REPLICA_VOTER}}},
    };
}

/* A start with a base (index 0: none) and `count` entries of term 3 from `first` on. */
static enum status start(uint64_t index, uint64_t first, uint32_t count,
                         struct group_view *ret_view)
{
    const struct group_config config = {
        .group = GROUP, .replica = 1, .seed = 1, .tail_bytes_max = 4096};
    struct group *group = group_new(&config);
    struct effects *effects = calloc(1, sizeof *effects);
    assert_non_null(effects);
    struct arena arena;
    arena_init(&arena);
    const struct group_base base = base_at(index);
    uint8_t change[REPLICA_SET_BYTES_MAX], nothing[8] = {0};
    const uint32_t change_bytes = replica_set_encode(&base.replicas, change);
    enum status status = index > 0 ? group_restore_base(group, &base) : STATUS_OK;
    if (status == STATUS_OK && count > 0)
        status = group_restore_first(group, first);
    for (uint64_t i = first; status == STATUS_OK && i < first + count; i++) {
        const struct log_entry entry = {
            .term = 3,
            .type = i == 1 ? ENTRY_CHANGE : ENTRY_COMMAND,
            .data = i == 1 ? change : nothing,
            .bytes = i == 1 ? change_bytes : 8,
        };
        status = group_restore(group, &entry);
    }
    const struct group_turn turn = {.ticket = 1, .effects = effects, .arena = &arena};
    if (status == STATUS_OK)
        status = group_start(group, &turn, &held);
    if (status == STATUS_OK)
        group_view(group, ret_view);
    group_free(group);
    arena_fini(&arena);
    free(effects);
    return status;
}

static void a_start_goes_on_behind_its_base(void **state)
{
    (void)state;
    struct group_view view;
    /* No entries; those right behind; some that are in the snapshot as well. */
    assert_int_equal(start(100, 0, 0, &view), STATUS_OK);
    assert_int_equal(view.last_index, 100);
    assert_int_equal(view.applied_index, 100);
    assert_int_equal(view.commit_index, 100);
    assert_int_equal(view.replica_count, 3);
    assert_int_equal(start(100, 101, 20, &view), STATUS_OK);
    assert_int_equal(view.last_index, 120);
    assert_int_equal(view.commit_index, 100);
    assert_int_equal(start(100, 90, 31, &view), STATUS_OK);
    assert_int_equal(view.last_index, 120);
    assert_int_equal(view.applied_index, 100);
    assert_int_equal(start(100, 1, 100, &view), STATUS_OK);
    assert_int_equal(view.last_index, 100);
    assert_int_equal(start(0, 1, 5, &view), STATUS_OK);
}

static void a_log_that_does_not_meet_its_base_is_refused(void **state)
{
    (void)state;
    struct group_view view;
    /* A gap behind it; an end before it; no beginning and no base. */
    assert_int_equal(start(100, 102, 5, &view), STATUS_CORRUPT);
    assert_int_equal(start(100, 90, 5, &view), STATUS_CORRUPT);
    assert_int_equal(start(100, 90, 10, &view), STATUS_CORRUPT);
    assert_int_equal(start(100, 0, 5, &view), STATUS_CORRUPT);
    assert_int_equal(start(0, 2, 5, &view), STATUS_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_goes_as_far_as_everybody_has_it),
        cmocka_unit_test(nothing_goes_that_a_cut_off_replica_lacks),
        cmocka_unit_test(nobody_is_waited_for_longer_than_a_snapshot),
        cmocka_unit_test(a_newcomer_that_needs_what_is_gone_is_named_and_harms_nobody),
        cmocka_unit_test(a_start_goes_on_behind_its_base),
        cmocka_unit_test(a_log_that_does_not_meet_its_base_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
