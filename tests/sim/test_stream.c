/* tests/sim/test_stream.c -- Stories of snapshots that are sent: who is behind what the others'
 * logs still hold catches up, whatever dies, fills up or gets lost meanwhile. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/ranges/range_state.h"
#include "tests/sim/disk_snapshot.h"
#include "tests/sim/play.h"

#define RANGES         2
#define EPOCH_MS       250
#define SNAPSHOT_BYTES 1500
#define AWAY_MS        100000 /* far more than two snapshots */
#define CAUGHT_UP_MS   20000

static struct play play;
static uint32_t faults; /* what the wire did so far */

static const struct cluster *core(uint32_t node)
{
    return play.rig.nodes[node].core;
}

static struct disk_group *stored(uint32_t node, uint32_t group)
{
    struct disk_group *found = disk_find(&play.rig.nodes[node].disk, group);
    assert_non_null(found);
    return found;
}

static uint32_t adopted(uint32_t node)
{
    return play.rig.nodes[node].disk.adopted;
}

static void begin(void)
{
    memset(&play, 0, sizeof play);
    faults = 0;
    rig_init_taking(&play.rig, 3, RANGES, EPOCH_MS, SNAPSHOT_BYTES);
    rig_settle(&play.rig);
    play_find_players(&play);
    play_define(&play, play_hunt(3));
    play_run_to_epoch(&play, play.rig.defined.active_from_epoch);
    play_claim_everywhere(&play, 0, 5, PLAY_OWN);
    rig_run(&play.rig, 100);
}

/* A node is off until the others' logs have gone past what it has. */
static uint32_t leave_one_behind(void)
{
    begin();
    const uint32_t away = (rig_leader(&play.rig, 0) + 1) % 3;
    rig_off(&play.rig, away);
    rig_settle(&play.rig);
    const uint64_t has = stored(away, 0)->count;
    play_claim_everywhere(&play, 10, 5, PLAY_OWN);
    for (uint32_t ms = 0;
         stored((away + 1) % 3, 0)->compacted <= has || stored((away + 2) % 3, 0)->compacted <= has;
         ms += 100) {
        if (ms >= AWAY_MS)
            fail_msg("the log stays for a replica that is away");
        rig_run(&play.rig, 100);
    }
    return away;
}

static bool equals_leader(uint32_t node, uint32_t range)
{
    const uint32_t leader = rig_leader(&play.rig, range);
    if (leader == RIG_NOBODY ||
        cluster_applied(core(node), range) != cluster_applied(core(leader), range))
        return false;
    struct range_state *ours = cluster_range_state(core(node), range);
    struct range_state *theirs = cluster_range_state(core(leader), range);
    assert_true(range_state_digest(ours) == range_state_digest(theirs));
    assert_true(engine_digest(range_state_engine(ours)) ==
                engine_digest(range_state_engine(theirs)));
    return true;
}

static bool is_level(uint32_t node)
{
    for (uint32_t range = 0; range < RANGES; range++) {
        if (!equals_leader(node, range))
            return false;
    }
    return true;
}

static void catch_up(uint32_t node)
{
    for (uint32_t ms = 0; !is_level(node); ms++) {
        if (ms >= CAUGHT_UP_MS)
            fail_msg("node %u is not level with the leaders", node);
        rig_run(&play.rig, 1);
    }
}

static bool is_receiving(uint32_t node)
{
    const struct disk_snapshot *snapshot = play.rig.nodes[node].disk.snapshots;
    for (; snapshot != NULL; snapshot = snapshot->next) {
        if (!snapshot->stored && snapshot->index > stored(node, snapshot->group)->count)
            return true;
    }
    return false;
}

static void run_until_receiving(uint32_t node)
{
    for (uint32_t ms = 0; !is_receiving(node); ms++) {
        if (ms >= CAUGHT_UP_MS)
            fail_msg("node %u is sent no snapshot", node);
        rig_run(&play.rig, 1);
    }
}

/* All that was answered is answered so by whoever leads, also where the one that was away does. */
static void assert_nothing_lost(uint32_t node)
{
    for (uint32_t i = 0; i < play.sent_count; i++)
        assert_int_equal(OUTCOME_FOUND, play_receipt(&play, &play.sent[i]).outcome);
    rig_off(&play.rig, (node + 1) % 3);
    rig_settle(&play.rig);
    for (uint32_t i = 0; i < play.sent_count; i++)
        assert_int_equal(OUTCOME_FOUND, play_receipt(&play, &play.sent[i]).outcome);
    play_claim_everywhere(&play, 30, 2, PLAY_OWN);
    rig_run(&play.rig, 200);
    for (uint32_t i = 0; i < play.sent_count; i++)
        assert_int_equal(OUTCOME_FOUND, play_answer(&play, &play.sent[i])->outcome);
}

static void who_was_away_for_long_catches_up(void **state)
{
    (void)state;
    const uint32_t away = leave_one_behind();
    rig_restart(&play.rig, away);
    catch_up(away);
    assert_true(adopted(away) >= 1);
    assert_true(play.rig.chunks > 0);
    /* What it has begins behind the snapshot, and a start from there is no different. */
    assert_true(stored(away, 0)->compacted > 0);
    rig_restart(&play.rig, away);
    rig_settle(&play.rig);
    catch_up(away);
    assert_nothing_lost(away);
    play_fini(&play);
}

static void logs_are_bounded_while_one_is_away(void **state)
{
    (void)state;
    const uint32_t away = leave_one_behind();
    const uint32_t other = (away + 1) % 3;
    for (uint32_t i = 0; i < 5; i++) {
        rig_run(&play.rig, 10000);
        const struct disk_group *group = stored(other, 0);
        uint64_t bytes = 0;
        for (uint64_t at = group->compacted; at < group->count; at++)
            bytes += group->entries[at].bytes;
        struct cluster_snapshot snapshot;
        assert_true(cluster_snapshot(core(other), 0, &snapshot));
        assert_true(bytes <= 3 * (snapshot.bytes + SNAPSHOT_BYTES));
    }
    play_fini(&play);
}

static void no_claim_is_refused_meanwhile(void **state)
{
    (void)state;
    const uint32_t away = leave_one_behind();
    rig_restart(&play.rig, away);
    run_until_receiving(away);
    const uint32_t before = play.sent_count;
    for (uint32_t number = 15; number < 20; number++) {
        play_claim_everywhere(&play, number, 1, PLAY_OWN);
        rig_run(&play.rig, 5);
    }
    catch_up(away);
    rig_run(&play.rig, 100);
    for (uint32_t i = before; i < play.sent_count; i++)
        assert_int_equal(OUTCOME_FOUND, play_answer(&play, &play.sent[i])->outcome);
    play_fini(&play);
}

static void the_receiver_dies_in_the_middle(void **state)
{
    (void)state;
    const uint32_t away = leave_one_behind();
    rig_restart(&play.rig, away);
    for (uint32_t times = 0; times < 3; times++) {
        run_until_receiving(away);
        rig_run(&play.rig, times);
        rig_restart(&play.rig, away);
        /* Nothing of it is left behind. */
        assert_false(is_receiving(away));
    }
    catch_up(away);
    assert_nothing_lost(away);
    play_fini(&play);
}

/* Who is gone is sent nothing for ever, and the others' snapshots go on. */
static void a_receiver_that_stays_away_is_left_alone(void **state)
{
    (void)state;
    const uint32_t away = leave_one_behind();
    rig_restart(&play.rig, away);
    run_until_receiving(away);
    rig_off(&play.rig, away);
    rig_run(&play.rig, 15000);
    const uint32_t chunks = play.rig.chunks;
    const uint64_t index = stored((away + 1) % 3, 0)->snapshot_index;
    rig_run(&play.rig, 20000);
    assert_int_equal(chunks, play.rig.chunks);
    assert_true(stored((away + 1) % 3, 0)->snapshot_index > index);
    play_fini(&play);
}

static void the_leader_dies_in_the_middle(void **state)
{
    (void)state;
    const uint32_t away = leave_one_behind();
    rig_restart(&play.rig, away);
    run_until_receiving(away);
    const uint32_t leader = rig_leader(&play.rig, 0);
    assert_true(leader != away);
    rig_off(&play.rig, leader);
    rig_settle(&play.rig); /* by the vote of the one that is behind */
    catch_up(away);
    rig_restart(&play.rig, leader);
    rig_settle(&play.rig);
    catch_up(leader);
    assert_nothing_lost(away);
    play_fini(&play);
}

static void a_full_disk_at_either_end_only_delays_it(void **state)
{
    (void)state;
    const uint32_t away = leave_one_behind();
    for (uint32_t node = 0; node < 3; node++)
        play.rig.nodes[node].full = true;
    rig_restart(&play.rig, away);
    rig_run(&play.rig, 3000);
    assert_int_equal(0, adopted(away));
    assert_false(is_level(away));
    play.rig.nodes[away].full = false; /* the senders need no room for it */
    catch_up(away);
    assert_true(adopted(away) >= 1);
    play_fini(&play);
}

static bool is_chunk(const struct message *message)
{
    return message->kind == MESSAGE_SNAPSHOT && message->snapshot.to != 0;
}

/* Every seventh chunk or answer. */
static enum rig_fate lossy(const struct message *message)
{
    const bool counts = is_chunk(message) || message->kind == MESSAGE_SNAPSHOT_TAKEN;
    return counts && faults++ % 7 == 1 ? RIG_LOST : RIG_ARRIVES;
}

static enum rig_fate doubling(const struct message *message)
{
    const bool counts = is_chunk(message) || message->kind == MESSAGE_SNAPSHOT_TAKEN;
    return counts && ++faults > 0 ? RIG_TWICE : RIG_ARRIVES;
}

static enum rig_fate overtaking(const struct message *message)
{
    return is_chunk(message) && faults++ % 2 == 1 ? RIG_LATE : RIG_ARRIVES;
}

static void chunks_may_be_lost_repeated_and_reordered(void **state)
{
    (void)state;
    enum rig_fate (*const wires[])(const struct message *) = {lossy, doubling, overtaking};
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t away = leave_one_behind();
        play.rig.fate = wires[i];
        rig_restart(&play.rig, away);
        catch_up(away);
        assert_true(faults > 3);
        assert_true(adopted(away) >= 1);
        play_fini(&play);
    }
}

static enum rig_fate damaging(const struct message *message)
{
    return is_chunk(message) && message->snapshot.chunk == 1 ? (faults++, RIG_DAMAGED)
                                                             : RIG_ARRIVES;
}

static void a_damaged_chunk_is_refused(void **state)
{
    (void)state;
    const uint32_t away = leave_one_behind();
    play.rig.fate = damaging;
    rig_restart(&play.rig, away);
    rig_run(&play.rig, 5000);
    assert_true(faults > 0);
    assert_int_equal(0, adopted(away));
    assert_false(is_level(away));
    play.rig.fate = NULL;
    catch_up(away);
    assert_true(adopted(away) >= 1);
    play_fini(&play);
}

static bool votes_everywhere(uint32_t voters)
{
    for (uint32_t range = 0; range <= RANGES; range++) {
        const uint32_t group = range == RANGES ? GROUP_SYSTEM : range;
        for (uint32_t node = 0; node < play.rig.count; node++) {
            if (cluster_voters(core(node), group) != voters)
                return false;
        }
    }
    return true;
}

/* A founder whose logs have lost their beginning, the system group's too, takes two others in. */
static void who_joins_a_cluster_without_its_beginning_becomes_a_voter(void **state)
{
    (void)state;
    memset(&play, 0, sizeof play);
    rig_init_alone(&play.rig, 3, 3, RANGES, EPOCH_MS);
    rig_restart_taking(&play.rig, 0, SNAPSHOT_BYTES / 4);
    rig_settle(&play.rig);
    play_find_players(&play);
    play_define(&play, play_hunt(3));
    play_run_to_epoch(&play, play.rig.defined.active_from_epoch);
    play_claim_everywhere(&play, 0, 5, PLAY_OWN);
    rig_run(&play.rig, 20000);
    for (uint32_t range = 0; range < RANGES; range++)
        assert_true(stored(0, range)->compacted > 0);
    assert_true(stored(0, GROUP_SYSTEM)->compacted > 0);
    rig_join(&play.rig, 1, 0);
    rig_join(&play.rig, 2, 0);
    for (uint32_t ms = 0; !votes_everywhere(3); ms += 10) {
        if (ms >= 2 * CAUGHT_UP_MS)
            fail_msg("not three voters in every group");
        rig_run(&play.rig, 10);
    }
    assert_int_equal(RANGES + 1, adopted(1));
    assert_int_equal(RANGES + 1, adopted(2));
    catch_up(1);
    catch_up(2);
    assert_true(system_state_digest(cluster_system(core(0))) ==
                system_state_digest(cluster_system(core(1))));
    rig_settle(&play.rig);
    assert_nothing_lost(2);
    play_fini(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_was_away_for_long_catches_up),
        cmocka_unit_test(logs_are_bounded_while_one_is_away),
        cmocka_unit_test(no_claim_is_refused_meanwhile),
        cmocka_unit_test(the_receiver_dies_in_the_middle),
        cmocka_unit_test(a_receiver_that_stays_away_is_left_alone),
        cmocka_unit_test(the_leader_dies_in_the_middle),
        cmocka_unit_test(a_full_disk_at_either_end_only_delays_it),
        cmocka_unit_test(chunks_may_be_lost_repeated_and_reordered),
        cmocka_unit_test(a_damaged_chunk_is_refused),
        cmocka_unit_test(who_joins_a_cluster_without_its_beginning_becomes_a_voter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
