/* tests/sim/test_snapshots.c -- Stories of snapshots: what a start finds, what stays in the log,
 * and what becomes of one that cannot be stored. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>

#include "cluster/base/hash.h"
#include "cluster/ranges/range_state.h"
#include "tests/sim/disk_snapshot.h"
#include "tests/sim/rig.h"

#define HUNT           0
#define TREASURES      40
#define SNAPSHOT_BYTES 2000

static struct rig rig;

/* The n-th of those players whose hash lies in the range. */
static struct player_id player_in(uint32_t range, uint32_t number)
{
    struct player_id player = {{0x5a, 0x11}};
    uint32_t found = 0;
    for (uint32_t i = 0;; i++) {
        player.bytes[9] = (uint8_t)(i >> 8);
        player.bytes[10] = (uint8_t)i;
        if (hash_range(hash_player(&player), rig.settings.ranges) == range && found++ == number)
            return player;
    }
}

static struct action click(uint32_t range, uint32_t number, uint32_t seq)
{
    return (struct action){
        .kind = ACTION_CLAIM,
        .hunt = HUNT,
        .seq = seq,
        .player = player_in(range, number),
        .time_ms = (int64_t)(RIG_START_US / 1000),
        .x = 100 * (int32_t)(seq % TREASURES),
    };
}

static struct definition *make_hunt(void)
{
    struct definition *definition = definition_new(TREASURES);
    assert_non_null(definition);
    definition->treasure_count = TREASURES;
    assert_int_equal(name_set(&definition->hunt, "harbour", 7), STATUS_OK);
    for (uint32_t i = 0; i < TREASURES; i++) {
        struct treasure *treasure = &definition->treasures[i];
        char id[8];
        const int length = snprintf(id, sizeof id, "t%u", i);
        assert_int_equal(name_set(&treasure->id, id, (size_t)length), STATUS_OK);
        treasure->x = 100 * (int32_t)i;
        treasure->radius = 10;
        treasure->points = 10;
    }
    return definition;
}

static void play(uint32_t nodes, uint32_t ranges)
{
    rig_init_taking(&rig, nodes, ranges, 1000, SNAPSHOT_BYTES);
    rig_settle(&rig);
    struct definition *definition = make_hunt();
    rig_define(&rig, rig_leader(&rig, GROUP_SYSTEM), 1, definition);
    definition_free(definition);
    for (uint32_t ms = 0; rig.defined_count == 0; ms++) {
        assert_true(ms < 2000);
        rig_run(&rig, 1);
    }
    assert_int_equal(rig.defined.status, STATUS_OK);
    while (rig_epoch(&rig) < rig.defined.active_from_epoch)
        rig_run(&rig, 10);
    rig_run(&rig, 20);
}

/* Claims of `players` players with seqs from..to, one a millisecond. */
static void claim(uint32_t range, uint32_t players, uint32_t from, uint32_t to)
{
    for (uint32_t seq = from; seq <= to; seq++) {
        for (uint32_t i = 0; i < players; i++) {
            const struct action action = click(range, i, seq);
            const uint32_t leader = rig_leader(&rig, range);
            assert_true(leader != RIG_NOBODY);
            rig_send(&rig, leader, 1000 * seq + i, &action, 1);
            rig_run(&rig, 1);
        }
    }
    rig_run(&rig, 100);
}

static struct disk_group *stored(uint32_t node, uint32_t group)
{
    struct disk_group *found = disk_find(&rig.nodes[node].disk, group);
    assert_non_null(found);
    return found;
}

static uint64_t state_digest(uint32_t node, uint32_t range)
{
    struct range_state *state = cluster_range_state(rig.nodes[node].core, range);
    return range_state_digest(state) ^ engine_digest(range_state_engine(state));
}

static void a_start_needs_only_the_log_behind_the_snapshot(void **state)
{
    (void)state;
    play(1, 2);
    claim(0, 4, 1, 30);
    struct cluster_snapshot snapshot;
    assert_true(cluster_snapshot(rig.nodes[0].core, 0, &snapshot));
    assert_true(snapshot.index > 0);
    assert_true(snapshot.bytes > 0);
    assert_true(snapshot.stored_us > RIG_START_US);
    assert_int_equal(stored(0, 0)->snapshot_index, snapshot.index);
    /* A sole voter needs nothing of what is in the snapshot. */
    assert_int_equal(stored(0, 0)->compacted, snapshot.index);
    const uint64_t digest = state_digest(0, 0);
    const uint64_t applied = cluster_applied(rig.nodes[0].core, 0);

    rig_restart(&rig, 0);
    rig_settle(&rig);
    assert_true(cluster_restored_stamp(rig.nodes[0].core) > 0);
    assert_true(cluster_snapshot(rig.nodes[0].core, 0, &snapshot));
    assert_int_equal(snapshot.index, stored(0, 0)->snapshot_index);
    assert_int_equal(snapshot.stored_us, 0);
    if (cluster_applied(rig.nodes[0].core, 0) == applied)
        assert_true(state_digest(0, 0) == digest);

    /* What was answered is answered the same. */
    const struct action again = click(0, 2, 7);
    rig_send(&rig, 0, 77, &again, 1);
    rig_run(&rig, 50);
    const struct result *before = rig_result(&rig, 7002, 0);
    const struct result *after = rig_result(&rig, 77, 0);
    assert_non_null(before);
    assert_non_null(after);
    assert_true(after->replayed);
    assert_int_equal(after->outcome, before->outcome);
    assert_true(after->hlc == before->hlc);
    rig_fini(&rig);
}

static void the_system_group_starts_from_a_snapshot_too(void **state)
{
    (void)state;
    play(1, 2);
    /* Restarts are announced in its log, with addresses; versions of the hunt are longer. */
    for (uint32_t version = 2; stored(0, GROUP_SYSTEM)->snapshot_index == 0; version++) {
        assert_true(version < 20);
        struct definition *definition = make_hunt();
        rig_define(&rig, 0, version, definition);
        definition_free(definition);
        rig_run(&rig, 3000);
    }
    const uint64_t index = stored(0, GROUP_SYSTEM)->snapshot_index;
    assert_int_equal(stored(0, GROUP_SYSTEM)->compacted, index);
    const uint32_t newest = system_state_hunt(cluster_system(rig.nodes[0].core), 0)->newest;
    rig_restart(&rig, 0);
    rig_settle(&rig);
    const struct system_state *system = cluster_system(rig.nodes[0].core);
    assert_int_equal(system_state_hunt(system, 0)->newest, newest);
    assert_int_equal(system_state_members(system), 1);
    claim(1, 2, 1, 3);
    assert_int_equal(rig_result(&rig, 1000, 0)->outcome, OUTCOME_FOUND);
    rig_fini(&rig);
}

static void a_full_disk_stops_no_claim_and_is_tried_again(void **state)
{
    (void)state;
    play(1, 1);
    const uint64_t before = stored(0, 0)->snapshot_index;
    rig.nodes[0].full = true;
    claim(0, 4, 1, 60);
    assert_int_equal(stored(0, 0)->snapshot_index, before);
    assert_int_equal(stored(0, 0)->compacted, before);
    assert_int_equal(rig_result(&rig, 20000, 0)->outcome, OUTCOME_FOUND);
    struct cluster_snapshot snapshot;
    assert_true(cluster_snapshot(rig.nodes[0].core, 0, &snapshot));
    assert_true(snapshot.log_bytes >= SNAPSHOT_BYTES);

    rig.nodes[0].full = false;
    rig_run(&rig, 6000);
    assert_true(stored(0, 0)->snapshot_index > before);
    assert_true(cluster_snapshot(rig.nodes[0].core, 0, &snapshot));
    assert_true(snapshot.log_bytes < SNAPSHOT_BYTES);
    rig_fini(&rig);
}

static bool is_writing(void)
{
    const struct disk_snapshot *snapshot = rig.nodes[0].disk.snapshots;
    return snapshot != NULL && !snapshot->committed;
}

static void a_node_that_stops_gives_up_what_it_is_writing(void **state)
{
    (void)state;
    play(1, 1);
    for (uint32_t seq = 1; !is_writing(); seq++) {
        assert_true(seq < 60);
        const struct action action = click(0, seq % 8, seq);
        rig_send(&rig, 0, seq, &action, 1);
        for (uint32_t ms = 0; ms < 15 && !is_writing(); ms++)
            rig_run(&rig, 1);
    }
    const struct event stop = {.kind = EVENT_STOP};
    rig_event(&rig, 0, &stop);
    assert_false(is_writing());
    rig_run(&rig, 200);
    assert_false(is_writing());
    rig_fini(&rig);
}

static void a_power_cut_while_it_is_written_leaves_the_old_one(void **state)
{
    (void)state;
    play(1, 1);
    claim(0, 4, 1, 20);
    const uint64_t old = stored(0, 0)->snapshot_index;
    assert_true(old > 0);
    uint32_t seq = 21;
    do {
        assert_true(seq < 2000);
        const struct action action = click(0, seq % 8, seq);
        rig_send(&rig, 0, seq, &action, 1);
        seq++;
        for (uint32_t ms = 0; ms < 15 && !is_writing(); ms++)
            rig_run(&rig, 1);
    } while (!is_writing());
    const uint64_t before = stored(0, 0)->snapshot_index;
    rig_restart(&rig, 0);
    assert_false(is_writing());
    assert_int_equal(stored(0, 0)->snapshot_index, before);
    rig_settle(&rig);
    claim(0, 1, seq, seq + 2);
    assert_non_null(rig_result(&rig, 1000 * seq, 0));
    rig_fini(&rig);
}

/* The log stays for a replica that is away, on all of them; when it is back, it goes. */
static void the_log_stays_for_a_replica_that_is_away(void **state)
{
    (void)state;
    play(3, 1);
    claim(0, 2, 1, 3);
    const uint32_t away = (rig_leader(&rig, 0) + 1) % 3;
    rig_off(&rig, away);
    rig_settle(&rig);
    const uint64_t has = stored(away, 0)->count;
    claim(0, 4, 4, 30);
    uint32_t taken = 0;
    for (uint32_t node = 0; node < 3; node++) {
        if (node == away)
            continue;
        taken += stored(node, 0)->snapshot_index > has;
        assert_true(stored(node, 0)->compacted < has);
    }
    assert_int_equal(taken, 2);

    rig_restart(&rig, away);
    rig_settle(&rig);
    rig_run(&rig, 3000);
    const uint32_t leader = rig_leader(&rig, 0);
    for (uint32_t node = 0; node < 3; node++)
        assert_int_equal(cluster_applied(rig.nodes[node].core, 0),
                         cluster_applied(rig.nodes[leader].core, 0));
    assert_true(state_digest(away, 0) == state_digest(leader, 0));
    for (uint32_t node = 0; node < 3; node++) {
        if (node != away)
            assert_int_equal(stored(node, 0)->compacted, stored(node, 0)->snapshot_index);
    }
    rig_fini(&rig);
}

static void none_is_taken_when_none_is_wanted(void **state)
{
    (void)state;
    rig_init(&rig, 1, 1, 1000);
    rig_settle(&rig);
    rig_run(&rig, 20000);
    assert_null(rig.nodes[0].disk.snapshots);
    assert_int_equal(stored(0, 0)->snapshot_index, 0);
    rig_fini(&rig);
}

int main(void)
{
    /* Engines take room that they hardly touch here; glibc must not zero it from its heap. */
    (void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_needs_only_the_log_behind_the_snapshot),
        cmocka_unit_test(the_system_group_starts_from_a_snapshot_too),
        cmocka_unit_test(a_full_disk_stops_no_claim_and_is_tried_again),
        cmocka_unit_test(a_node_that_stops_gives_up_what_it_is_writing),
        cmocka_unit_test(a_power_cut_while_it_is_written_leaves_the_old_one),
        cmocka_unit_test(the_log_stays_for_a_replica_that_is_away),
        cmocka_unit_test(none_is_taken_when_none_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
