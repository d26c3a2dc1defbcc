/* tests/sim/test_cluster.c -- Stories of one core and of three: when a claim is acknowledged, what
 * becomes of it when leadership or power is lost, and how a hunt changes for all ranges at once. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/clock/hlc.h"
#include "cluster/ranges/range_state.h"
#include "tests/sim/rig.h"

#define HUNT      0 /* the first hunt that is defined */
#define TREASURES 40
#define SOON_MS   50 /* an answer that nothing holds up comes within this time */

static struct rig rig;

/* Players are numbered; number n is the n-th of those whose hash lies in the range. */
static struct player_id player_in(uint32_t range, uint32_t number)
{
    struct player_id player = {{0xc1, 0x57}};
    uint32_t found = 0;
    for (uint32_t i = 0;; i++) {
        player.bytes[8] = (uint8_t)(i >> 16);
        player.bytes[9] = (uint8_t)(i >> 8);
        player.bytes[10] = (uint8_t)i;
        if (hash_range(hash_player(&player), rig.settings.ranges) == range && found++ == number)
            return player;
    }
}

/* A click on treasure `treasure`, which lies there for everyone. */
static struct action click(uint32_t range, uint32_t number, uint32_t seq, uint32_t treasure)
{
    return (struct action){
        .kind = ACTION_CLAIM,
        .hunt = HUNT,
        .seq = seq,
        .player = player_in(range, number),
        .time_ms = (int64_t)(RIG_START_US / 1000),
        .x = 100 * (int32_t)treasure,
    };
}

static struct definition *hunt_worth(uint32_t points)
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
        treasure->points = points;
    }
    return definition;
}

/* Frees the definition. */
static void put(uint64_t token, struct definition *definition)
{
    const uint32_t leader = rig_leader(&rig, GROUP_SYSTEM);
    assert_true(leader != RIG_NOBODY);
    rig_define(&rig, leader, token, definition);
    definition_free(definition);
}

static void define(uint64_t token, uint32_t points)
{
    put(token, hunt_worth(points));
}

/* A cluster that plays version 1 of the hunt. */
static void play(uint32_t nodes, uint32_t ranges, uint32_t epoch_ms)
{
    rig_init(&rig, nodes, ranges, epoch_ms);
    rig_settle(&rig);
    define(1, 10);
    for (uint32_t ms = 0; rig.defined_count == 0; ms++) {
        assert_true(ms < 2000);
        rig_run(&rig, 1);
    }
    assert_int_equal(rig.defined.status, STATUS_OK);
    while (rig_epoch(&rig) < rig.defined.active_from_epoch)
        rig_run(&rig, 10);
    rig_run(&rig, 20);
}

static void send_to_leader(uint64_t token, const struct action *action)
{
    const uint32_t range = hash_range(hash_player(&action->player), rig.settings.ranges);
    const uint32_t leader = rig_leader(&rig, range);
    assert_true(leader != RIG_NOBODY);
    rig_send(&rig, leader, token, action, 1);
}

/* The answer to one action, asked of its leader now. */
static struct result answer_to(uint64_t token, const struct action *action)
{
    send_to_leader(token, action);
    rig_run(&rig, SOON_MS);
    const struct result *result = rig_result(&rig, token, 0);
    assert_non_null(result);
    return *result;
}

/* ---- Acknowledging. */

static void nothing_is_acknowledged_before_its_entry_is_on_disk(void **state)
{
    (void)state;
    play(1, 4, 10000);
    const struct action action = click(2, 0, 1, 5);
    rig.nodes[0].stuck = true;
    rig_send(&rig, 0, 100, &action, 1);
    rig_run(&rig, 700);
    assert_null(rig_result(&rig, 100, 0));
    assert_true(cluster_busy(rig.nodes[0].core));

    rig.nodes[0].stuck = false;
    rig_run(&rig, 3);
    const struct result *result = rig_result(&rig, 100, 0);
    assert_non_null(result);
    assert_int_equal(result->outcome, OUTCOME_FOUND);
    assert_int_equal(result->range, 2);
    assert_true(disk_find(&rig.nodes[0].disk, 2)->count >= result->log_index);
    assert_false(cluster_busy(rig.nodes[0].core));
    rig_fini(&rig);
}

static void three_nodes_acknowledge_what_two_disks_hold(void **state)
{
    (void)state;
    play(3, 4, 10000);
    const struct action action = click(1, 0, 1, 5);
    const uint32_t leader = rig_leader(&rig, 1);
    /* The two followers' disks stand still: the leader's alone is no quorum. */
    rig.nodes[(leader + 1) % 3].stuck = true;
    rig.nodes[(leader + 2) % 3].stuck = true;
    send_to_leader(100, &action);
    rig_run(&rig, 100);
    assert_null(rig_result(&rig, 100, 0));
    rig.nodes[(leader + 1) % 3].stuck = false;
    rig_run(&rig, SOON_MS);
    assert_non_null(rig_result(&rig, 100, 0));
    assert_int_equal(rig_result(&rig, 100, 0)->outcome, OUTCOME_FOUND);
    rig_fini(&rig);
}

static void a_request_over_all_ranges_gets_every_answer_once(void **state)
{
    (void)state;
    enum { RANGES = 16, EACH = 3 };
    play(1, RANGES, 10000);
    struct action actions[RANGES * EACH];
    for (uint32_t i = 0; i < RANGES * EACH; i++)
        actions[i] = click(i % RANGES, i / RANGES, 1, i % TREASURES);
    const uint32_t before = rig.reply_count;
    rig_send(&rig, 0, 100, actions, RANGES * EACH);
    rig_run(&rig, SOON_MS);
    assert_int_equal(rig.reply_count - before, RANGES * EACH);
    for (uint32_t i = 0; i < RANGES * EACH; i++) {
        const struct result *result = rig_result(&rig, 100, i);
        assert_non_null(result);
        assert_int_equal(result->outcome, OUTCOME_FOUND);
        assert_int_equal(result->range, i % RANGES);
        assert_int_equal(result->treasure, i % TREASURES);
        assert_true(player_id_equal(&result->player, &actions[i].player));
    }
    rig_fini(&rig);
}

static void a_node_that_says_it_is_ready_takes_claims_and_changes(void **state)
{
    (void)state;
    rig_init(&rig, 1, 4, 10000);
    const char *reason;
    for (uint32_t ms = 0; !cluster_ready(rig.nodes[0].core, &reason); ms++) {
        assert_true(ms < 1000);
        rig_run(&rig, 1);
    }
    const struct action action = click(3, 0, 1, 5);
    rig_send(&rig, 0, 100, &action, 1);
    define(1, 10);
    assert_int_equal(rig.reply_count, 0); /* not refused */
    assert_int_equal(rig.defined_count, 0);
    rig_run(&rig, SOON_MS);
    assert_int_equal(rig_result(&rig, 100, 0)->outcome, OUTCOME_NOT_OPEN);
    rig_fini(&rig);
}

/* ---- Losing leadership, power, and what then is true. */

static void a_claim_that_never_left_its_leader_is_unavailable_and_then_new(void **state)
{
    (void)state;
    play(3, 4, 10000);
    const struct action action = click(1, 0, 1, 5);
    const uint32_t old = rig_leader(&rig, 1);
    rig.nodes[old].mute = true;
    rig.nodes[old].deaf = true;
    rig_send(&rig, old, 100, &action, 1);
    rig_run(&rig, 100);
    assert_null(rig_result(&rig, 100, 0));
    rig_run(&rig, 3000);
    assert_non_null(rig_result(&rig, 100, 0));
    assert_int_equal(rig_result(&rig, 100, 0)->outcome, OUTCOME_UNAVAILABLE);
    assert_false(cluster_busy(rig.nodes[old].core));

    const uint32_t leader = rig_leader(&rig, 1);
    assert_true(leader != RIG_NOBODY && leader != old);
    const struct result first = answer_to(101, &action);
    assert_int_equal(first.outcome, OUTCOME_FOUND);
    assert_false(first.replayed);

    /* The old leader comes back; its entry does not. */
    rig.nodes[old].mute = false;
    rig.nodes[old].deaf = false;
    rig_run(&rig, 2000);
    const struct result again = answer_to(102, &action);
    assert_true(again.replayed);
    assert_true(again.log_index == first.log_index);
    assert_true(again.hlc == first.hlc);
    assert_true(again.score == 10);
    rig_fini(&rig);
}

static void a_claim_that_was_committed_unseen_counts_once(void **state)
{
    (void)state;
    play(3, 4, 10000);
    const struct action action = click(1, 0, 1, 5);
    const uint32_t old = rig_leader(&rig, 1);
    /* The others have the entry, but the leader never hears so. */
    rig.nodes[old].deaf = true;
    rig_send(&rig, old, 100, &action, 1);
    rig_run(&rig, 20);
    rig.nodes[old].mute = true;
    rig_run(&rig, 3000);
    assert_int_equal(rig_result(&rig, 100, 0)->outcome, OUTCOME_UNAVAILABLE);
    const struct result again = answer_to(101, &action);
    assert_int_equal(again.outcome, OUTCOME_FOUND);
    assert_true(again.replayed);
    assert_true(again.score == 10);
    rig_fini(&rig);
}

static void power_loss_of_every_node_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    for (uint32_t nodes = 1; nodes <= 3; nodes += 2) {
        play(nodes, 4, 10000);
        struct result told[4];
        for (uint32_t range = 0; range < 4; range++) {
            const struct action action = click(range, 0, 1, range);
            told[range] = answer_to(100 + range, &action);
            assert_int_equal(told[range].outcome, OUTCOME_FOUND);
        }
        for (uint32_t i = 0; i < nodes; i++)
            rig_restart(&rig, i);
        rig_settle(&rig);
        for (uint32_t range = 0; range < 4; range++) {
            const struct action action = click(range, 0, 1, range);
            const struct result again = answer_to(200 + range, &action);
            assert_true(again.replayed);
            assert_true(again.hlc == told[range].hlc);
            assert_true(again.log_index == told[range].log_index);
            assert_int_equal(again.definition_version, 1);
        }
        rig_fini(&rig);
    }
}

static void what_was_not_on_disk_was_not_acknowledged_and_is_gone(void **state)
{
    (void)state;
    play(1, 4, 10000);
    const struct action action = click(1, 0, 1, 5);
    rig.nodes[0].stuck = true;
    rig_send(&rig, 0, 100, &action, 1);
    rig_run(&rig, 20);
    assert_null(rig_result(&rig, 100, 0));
    rig_restart(&rig, 0);
    rig.nodes[0].stuck = false;
    rig_settle(&rig);
    const struct result again = answer_to(101, &action);
    assert_int_equal(again.outcome, OUTCOME_FOUND);
    assert_false(again.replayed);
    rig_fini(&rig);
}

/* ---- Reading. */

static struct query page_query(uint64_t token, const struct player_id *player, bool consistent)
{
    return (struct query){.kind = QUERY_PLAYER,
                          .token = token,
                          .hunt = HUNT,
                          .player = *player,
                          .consistent = consistent};
}

static void a_consistent_read_waits_for_its_barrier(void **state)
{
    (void)state;
    play(1, 4, 10000);
    const struct action action = click(1, 0, 1, 5);
    assert_int_equal(answer_to(100, &action).outcome, OUTCOME_FOUND);

    rig.nodes[0].stuck = true;
    const struct query consistent = page_query(7, &action.player, true);
    rig_ask(&rig, 0, &consistent);
    assert_int_equal(rig.answer_count, 0);
    /* Another read does not wait. */
    const struct query plain = page_query(8, &action.player, false);
    rig_ask(&rig, 0, &plain);
    assert_int_equal(rig.answer_count, 1);
    assert_true(rig.answer_token == 8);
    assert_true(rig.answer.player.page.score == 10);
    rig_run(&rig, 100);
    assert_int_equal(rig.answer_count, 1);
    assert_true(cluster_busy(rig.nodes[0].core));

    rig.nodes[0].stuck = false;
    rig_run(&rig, 3);
    assert_int_equal(rig.answer_count, 2);
    assert_true(rig.answer_token == 7);
    assert_int_equal(rig.answer.status, STATUS_OK);
    assert_true(rig.answer.player.page.score == 10);
    rig_fini(&rig);
}

static const struct player_answer *answered_page(const struct effects *effects)
{
    uint32_t at = 0;
    while (at < effects->count && effects->list[at].kind != EFFECT_QUERIED)
        at++;
    CHECK(at < effects->count);
    return &effects->list[at].queried.reply->player;
}

/* The step that answers a page may not go on to what frees the definition that the page names. */
static void a_page_keeps_its_definition_though_the_next_version_is_in_the_same_write(void **state)
{
    (void)state;
    play(1, 1, 1000);
    define(2, 20);
    for (uint32_t ms = 0; rig.defined_count == 1; ms++) {
        assert_true(ms < 2000);
        rig_run(&rig, 1);
    }
    while (rig_epoch(&rig) + 1 < rig.defined.active_from_epoch)
        rig_run(&rig, 10);
    rig_run(&rig, 500);
    assert_true(rig_epoch(&rig) + 1 == rig.defined.active_from_epoch);
    struct cluster *core = rig.nodes[0].core;
    const struct player_id player = player_in(0, 0);
    const struct query consistent = page_query(7, &player, true);
    rig.nodes[0].stuck = true;
    rig_ask(&rig, 0, &consistent);
    rig_run(&rig, 1000); /* the epoch is over, and the disk still stands */
    assert_int_equal(rig.answer_count, 0);

    const uint64_t ticket = disk_sync(&rig.nodes[0].disk, UINT64_MAX);
    assert_true(ticket > 0);
    const struct event event = {.kind = EVENT_PERSISTED, .ticket = ticket};
    const struct now now = {.monotonic_us = 1000000 + rig.now_us,
                            .physical_us = RIG_START_US + rig.now_us};
    static struct effects effects;
    assert_int_equal(cluster_step(core, &now, &event, &effects), STATUS_OK);
    const struct player_answer *page = answered_page(&effects);
    assert_int_equal(page->version, 1);
    assert_string_equal(page->definition->hunt.text, "harbour");
    assert_int_equal(page->definition->treasures[0].points, 10);

    /* And what follows is applied in the next turn. */
    assert_true(effects.more);
    cluster_turn_end(core);
    const struct event go_on = {.kind = EVENT_CONTINUE};
    assert_int_equal(cluster_step(core, &now, &go_on, &effects), STATUS_OK);
    cluster_turn_end(core);
    assert_true(range_state_open_epoch(cluster_range_state(core, 0)) ==
                rig.defined.active_from_epoch);
    rig_fini(&rig);
}

static void a_leader_that_is_cut_off_answers_no_consistent_read(void **state)
{
    (void)state;
    play(3, 4, 10000);
    const struct action action = click(1, 0, 1, 5);
    const uint32_t old = rig_leader(&rig, 1);
    rig.nodes[old].mute = true;
    rig.nodes[old].deaf = true;
    const struct query consistent = page_query(7, &action.player, true);
    rig_ask(&rig, old, &consistent);
    rig_run(&rig, 3000);
    assert_int_equal(rig.answer_count, 1);
    assert_int_equal(rig.answer.status, STATUS_NOT_LEADER);
    rig_fini(&rig);
}

static void a_receipt_can_be_read_and_one_that_never_was_cannot(void **state)
{
    (void)state;
    play(1, 4, 10000);
    const struct action action = click(1, 0, 4, 5);
    const struct result told = answer_to(100, &action);
    struct query query = {
        .kind = QUERY_RECEIPT, .token = 9, .hunt = HUNT, .player = action.player, .seq = 4};
    rig_ask(&rig, 0, &query);
    assert_int_equal(rig.answer.status, STATUS_OK);
    assert_true(rig.answer.receipt.log_index == told.log_index);
    query.seq = 5;
    rig_ask(&rig, 0, &query);
    assert_int_equal(rig.answer.status, STATUS_NOT_FOUND);
    rig_fini(&rig);
}

/* ---- Hunts. */

static void before_the_first_version_nothing_is_open(void **state)
{
    (void)state;
    rig_init(&rig, 1, 4, 10000);
    rig_settle(&rig);
    const struct action action = click(1, 0, 1, 5);
    assert_int_equal(answer_to(100, &action).outcome, OUTCOME_NOT_OPEN);
    rig_fini(&rig);
}

/* Everybody clicks on and on while version 2 comes; each answer shows which version judged. */
static void a_version_becomes_active_at_the_same_epoch_in_every_range(void **state)
{
    (void)state;
    enum { RANGES = 8, ROUNDS = 30 };
    play(3, RANGES, 1000);
    const uint64_t asked = rig.now_us;
    uint64_t answered = 0;
    define(2, 20);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t range = 0; range < RANGES; range++) {
            const struct action action = click(range, 0, round + 1, round);
            send_to_leader(1000 + round * RANGES + range, &action);
        }
        rig_run(&rig, 90);
        if (answered == 0 && rig.defined_count == 2)
            answered = rig_epoch(&rig);
    }
    rig_run(&rig, 1000);
    assert_true(asked < rig.now_us);
    assert_int_equal(rig.defined.status, STATUS_OK);
    assert_int_equal(rig.defined.version, 2);
    const uint64_t from = rig.defined.active_from_epoch;
    assert_true(answered != 0 && from <= answered + 2);
    uint32_t judged[3] = {0};
    for (uint32_t i = 0; i < ROUNDS * RANGES; i++) {
        const struct result *result = rig_result(&rig, 1000 + i, 0);
        assert_non_null(result);
        assert_int_equal(result->outcome, OUTCOME_FOUND);
        const uint32_t version = result->epoch < from ? 1 : 2;
        assert_int_equal(result->definition_version, version);
        assert_int_equal(result->points, 10 * version);
        judged[version]++;
    }
    assert_true(judged[1] >= RANGES && judged[2] >= RANGES);

    /* Receipts keep the version that judged. */
    for (uint32_t range = 0; range < RANGES; range++) {
        const struct action first = click(range, 0, 1, 0);
        const struct result again = answer_to(5000 + range, &first);
        assert_true(again.replayed);
        assert_int_equal(again.definition_version, 1);
        assert_int_equal(again.points, 10);
    }
    rig_fini(&rig);
}

/* Runs until the DEFINE is answered; returns after how many ms. */
static uint32_t run_until_defined(uint32_t count)
{
    uint32_t ms = 0;
    for (; rig.defined_count < count; ms++) {
        assert_true(ms < 12000);
        rig_run(&rig, 1);
    }
    return ms;
}

static void a_range_without_quorum_cancels_a_change_by_name(void **state)
{
    (void)state;
    enum { RANGES = 4, SILENT = 2 };
    play(3, RANGES, 1000);
    rig.silent_group = SILENT;
    rig_run(&rig, 1500);
    assert_int_equal(rig_leader(&rig, SILENT), RIG_NOBODY);

    define(2, 20);
    rig_run(&rig, 2500);
    assert_int_equal(rig.defined_count, 1);
    /* By now the promised epochs are over: claims wait, and are not refused. */
    for (uint32_t range = 0; range < RANGES; range++) {
        const struct action action = click(range, 0, 1, 5);
        if (range != SILENT)
            send_to_leader(100 + range, &action);
    }
    rig_run(&rig, 500);
    for (uint32_t range = 0; range < RANGES; range++)
        assert_null(rig_result(&rig, 100 + range, 0));

    const uint32_t ms = 3000 + run_until_defined(2);
    assert_true(ms >= 4900 && ms < 5500);
    assert_int_equal(rig.defined.status, STATUS_NOT_FOUND);
    assert_int_equal(rig.defined.missing_count, 1);
    assert_int_equal(rig.defined.missing[0], SILENT);
    rig_run(&rig, 100);
    for (uint32_t range = 0; range < RANGES; range++) {
        if (range == SILENT)
            continue;
        const struct result *result = rig_result(&rig, 100 + range, 0);
        assert_non_null(result);
        assert_int_equal(result->outcome, OUTCOME_FOUND);
        assert_int_equal(result->definition_version, 1);
    }

    /* The range is back, and the same change is made. */
    rig.silent_group = RIG_NO_GROUP;
    rig_settle(&rig);
    define(3, 20);
    (void)run_until_defined(3);
    assert_int_equal(rig.defined.status, STATUS_OK);
    assert_int_equal(rig.defined.version, 3);
    rig_run(&rig, 3000);
    for (uint32_t range = 0; range < RANGES; range++) {
        const struct action action = click(range, 1, 1, 6);
        const struct result result = answer_to(200 + range, &action);
        assert_int_equal(result.outcome, OUTCOME_FOUND);
        assert_int_equal(result.definition_version, 3);
    }
    rig_fini(&rig);
}

/* The range had taken the change into its log before it fell silent; more changes are cancelled
 * meanwhile than are remembered. It must not wait for the forgotten one for ever. */
static void a_range_that_missed_many_cancelled_changes_goes_on(void **state)
{
    (void)state;
    enum { RANGES = 2, SILENT = 1 };
    play(3, RANGES, 1000);
    const uint32_t old = rig_leader(&rig, SILENT);
    define(2, 20);
    for (uint32_t ms = 0;
         range_state_learned(cluster_range_state(rig.nodes[old].core, SILENT), HUNT) < 2; ms++) {
        assert_true(ms < 100);
        rig_run(&rig, 1);
    }
    rig.silent_group = SILENT;
    if (rig.defined_count == 1)
        (void)run_until_defined(2);
    for (uint32_t i = 0; i < HUNT_VERSIONS_KEPT + 2; i++) {
        define(3 + i, 20);
        (void)run_until_defined(rig.defined_count + 1);
        assert_int_equal(rig.defined.status, STATUS_NOT_FOUND);
    }
    rig.silent_group = RIG_NO_GROUP;
    rig_settle(&rig);
    rig_run(&rig, 3000);
    const struct action action = click(SILENT, 0, 1, 5);
    assert_int_equal(answer_to(100, &action).outcome, OUTCOME_FOUND);
    assert_true(range_state_promise(cluster_range_state(rig.nodes[rig_leader(&rig, SILENT)].core,
                                                        SILENT)) == PROMISE_NONE);
    rig_fini(&rig);
}

/* The same places for everybody with the same score, from now on. */
static void share_ties(uint64_t token)
{
    struct definition *definition = hunt_worth(10);
    definition->ties = TIES_SHARED;
    put(token, definition);
}

/* Each epoch's board is the same on every node, and its ties are those of the version that was
 * active in it. */
static void assert_same_boards(uint64_t from, uint64_t through, uint64_t shared_from)
{
    for (uint64_t epoch = from; epoch <= through; epoch++) {
        uint64_t digest = 0;
        for (uint32_t node = 0; node < rig.count; node++) {
            struct global_board *board = cluster_board(rig.nodes[node].core, epoch);
            assert_non_null(board);
            assert_true(board->complete);
            const struct global_hunt *hunt = global_board_hunt(board, HUNT);
            assert_non_null(hunt);
            assert_int_equal(hunt->ties, epoch < shared_from ? TIES_FIRST : TIES_SHARED);
            assert_true(node == 0 || board->digest == digest);
            digest = board->digest;
            global_board_release(board);
        }
    }
}

static void run_until_complete(uint64_t epoch)
{
    for (uint32_t node = 0; node < rig.count; node++) {
        uint64_t complete = 0;
        for (uint32_t ms = 0; complete < epoch; ms += 10) {
            assert_true(ms < 20000);
            rig_run(&rig, 10);
            (void)merge_complete(cluster_merge(rig.nodes[node].core), &complete);
        }
    }
}

static uint32_t node_that_leads_nothing(void)
{
    for (uint32_t node = 0; node < rig.count; node++) {
        bool leads = rig_leader(&rig, GROUP_SYSTEM) == node;
        for (uint32_t range = 0; range < rig.settings.ranges; range++)
            leads = leads || rig_leader(&rig, range) == node;
        if (!leads)
            return node;
    }
    return RIG_NOBODY;
}

/* Its ranges' logs tell a node how ties are broken, whatever it has heard of the system group's. */
static void a_node_that_has_not_heard_of_a_version_makes_the_same_boards(void **state)
{
    (void)state;
    play(3, 1, 1000);
    const struct action first = click(0, 0, 1, 5), second = click(0, 1, 1, 6);
    assert_int_equal(answer_to(100, &first).outcome, OUTCOME_FOUND);
    assert_int_equal(answer_to(101, &second).outcome, OUTCOME_FOUND);

    const uint32_t behind = node_that_leads_nothing();
    assert_true(behind != RIG_NOBODY);
    rig.nodes[behind].deaf_to = GROUP_SYSTEM;
    share_ties(2);
    (void)run_until_defined(2);
    assert_int_equal(rig.defined.status, STATUS_OK);
    const uint64_t from = rig.defined.active_from_epoch;
    run_until_complete(from + 2);
    const struct hunt *hunt = system_state_hunt(cluster_system(rig.nodes[behind].core), HUNT);
    assert_int_equal(hunt->newest, 1);
    assert_same_boards(from - 1, from + 2, from);

    rig.nodes[behind].deaf_to = RIG_NO_GROUP;
    rig_run(&rig, 1000);
    assert_int_equal(hunt->newest, 2);
    assert_same_boards(from - 1, from + 2, from);
    rig_fini(&rig);
}

/* One range closes epoch by epoch, the other, without a quorum, nothing, and then all of them at
 * once, those before the new version and those under it. */
static void a_range_that_slept_through_a_change_makes_the_same_boards(void **state)
{
    (void)state;
    play(3, 2, 4000);
    for (uint32_t range = 0; range < 2; range++) {
        const struct action action = click(range, 0, 1, 5);
        assert_int_equal(answer_to(100 + range, &action).outcome, OUTCOME_FOUND);
    }
    share_ties(2);
    (void)run_until_defined(2);
    assert_int_equal(rig.defined.status, STATUS_OK);
    const uint64_t from = rig.defined.active_from_epoch;
    rig_run(&rig, 100); /* both ranges have it in their logs */

    rig.silent_group = 1;
    rig_run(&rig, 1500);
    assert_true(rig_epoch(&rig) < from);
    assert_int_equal(rig_leader(&rig, 1), RIG_NOBODY);
    while (rig_epoch(&rig) < from + 3)
        rig_run(&rig, 100);
    for (uint32_t node = 0; node < 3; node++) {
        const struct cluster *core = rig.nodes[node].core;
        assert_true(range_state_open_epoch(cluster_range_state(core, 0)) > from + 1);
        assert_true(range_state_open_epoch(cluster_range_state(core, 1)) < from);
        assert_int_equal(range_state_promise(cluster_range_state(core, 1)), PROMISE_NONE);
    }

    rig.silent_group = RIG_NO_GROUP;
    run_until_complete(from + 2);
    assert_same_boards(from - 1, from + 2, from);
    assert_int_equal(rig.error_count, 0);
    rig_fini(&rig);
}

static void a_second_change_meanwhile_is_a_conflict(void **state)
{
    (void)state;
    play(1, 4, 10000);
    rig.nodes[0].stuck = true;
    define(2, 20);
    define(3, 30);
    assert_int_equal(rig.defined_count, 1);
    rig.nodes[0].stuck = false;
    rig_run(&rig, 5);
    /* Both stand in the log; the second was void. */
    assert_int_equal(rig.defined_count, 2);
    assert_true(rig.defined.token == 3);
    assert_int_equal(rig.defined.status, STATUS_CONFLICT);
    (void)run_until_defined(3);
    assert_true(rig.defined.token == 2);
    assert_int_equal(rig.defined.status, STATUS_OK);
    rig_fini(&rig);
}

static void a_change_at_a_leader_that_is_cut_off_is_answered(void **state)
{
    (void)state;
    play(3, 4, 10000);
    const uint32_t old = rig_leader(&rig, GROUP_SYSTEM);
    rig.nodes[old].mute = true;
    rig.nodes[old].deaf = true;
    define(2, 20);
    rig_run(&rig, 3000);
    assert_int_equal(rig.defined_count, 2);
    assert_int_equal(rig.defined.status, STATUS_NOT_LEADER);
    assert_false(cluster_busy(rig.nodes[old].core));
    rig_fini(&rig);
}

/* ---- Many ranges. */

/* A thousand LEARNs of a long text are more than one turn may hold. */
static void a_thousand_ranges_learn_a_long_hunt_in_more_than_one_turn(void **state)
{
    (void)state;
    play(1, RANGES_MAX, 10000);
    struct definition *definition = hunt_worth(20);
    static char hint[HINT_BYTES_MAX];
    memset(hint, 'h', sizeof hint);
    for (uint32_t i = 0; i < TREASURES; i++)
        definition->treasures[i].hint = definition_text(definition, hint, sizeof hint);
    const uint64_t continued = rig.nodes[0].continued;
    put(2, definition);
    (void)run_until_defined(2);
    assert_int_equal(rig.defined.status, STATUS_OK);
    assert_true(rig.nodes[0].continued > continued);
    while (rig_epoch(&rig) < rig.defined.active_from_epoch)
        rig_run(&rig, 100);

    struct action actions[200];
    for (uint32_t i = 0; i < 200; i++) {
        actions[i] = click(0, 0, 1, i % TREASURES);
        actions[i].player.bytes[15] = (uint8_t)(i + 1); /* wherever that lies */
    }
    rig_send(&rig, 0, 100, actions, 200);
    rig_run(&rig, SOON_MS);
    for (uint32_t i = 0; i < 200; i++) {
        const struct result *result = rig_result(&rig, 100, i);
        assert_non_null(result);
        assert_int_equal(result->outcome, OUTCOME_FOUND);
        assert_int_equal(result->definition_version, 2);
    }
    const uint64_t epoch = rig_epoch(&rig);
    while (rig_epoch(&rig) == epoch)
        rig_run(&rig, 100);
    rig_run(&rig, 500);
    uint64_t complete;
    assert_true(merge_complete(cluster_merge(rig.nodes[0].core), &complete));
    assert_true(complete == epoch);
    rig_fini(&rig);
}

static void three_nodes_find_leaders_for_a_thousand_ranges(void **state)
{
    (void)state;
    rig_init(&rig, 3, RANGES_MAX, 60000);
    rig_settle(&rig);
    const uint32_t leader = rig_leader(&rig, 700);
    const struct action action = click(700, 0, 1, 5);
    rig_send(&rig, leader, 100, &action, 1);
    rig_run(&rig, SOON_MS);
    assert_non_null(rig_result(&rig, 100, 0));
    assert_int_equal(rig_result(&rig, 100, 0)->outcome, OUTCOME_NOT_OPEN);
    rig_fini(&rig);
}

/* ---- Stopping. */

static void stop_finishes_what_was_accepted_and_takes_nothing_new(void **state)
{
    (void)state;
    play(1, 4, 10000);
    const struct action in_log = click(1, 0, 1, 5);
    const struct action gathered = click(2, 0, 1, 6);
    rig.nodes[0].stuck = true;
    rig_send(&rig, 0, 100, &in_log, 1);
    rig_send(&rig, 0, 101, &gathered, 1);
    const struct event stop = {.kind = EVENT_STOP};
    rig_event(&rig, 0, &stop);
    const struct action late = click(3, 0, 1, 7);
    rig_send(&rig, 0, 102, &late, 1);
    assert_int_equal(rig_result(&rig, 102, 0)->outcome, OUTCOME_UNAVAILABLE);
    const char *reason;
    assert_false(cluster_ready(rig.nodes[0].core, &reason));
    assert_string_equal(reason, "stopping");
    assert_true(cluster_busy(rig.nodes[0].core));

    rig.nodes[0].stuck = false;
    rig_run(&rig, 10);
    assert_int_equal(rig_result(&rig, 100, 0)->outcome, OUTCOME_FOUND);
    assert_int_equal(rig_result(&rig, 101, 0)->outcome, OUTCOME_FOUND);
    rig_run(&rig, 150); /* while it tells the others that it goes */
    assert_false(cluster_busy(rig.nodes[0].core));
    rig_fini(&rig);
}

static void stop_answers_a_change_that_is_under_way_and_takes_no_other(void **state)
{
    (void)state;
    play(1, 4, 10000);
    define(2, 20);
    const struct event stop = {.kind = EVENT_STOP};
    rig_event(&rig, 0, &stop);
    define(3, 30);
    assert_int_equal(rig.defined_count, 2);
    assert_true(rig.defined.token == 3);
    assert_int_equal(rig.defined.status, STATUS_NOT_LEADER);
    (void)run_until_defined(3);
    assert_int_equal(rig.defined.status, STATUS_OK);
    rig_fini(&rig);
}

/* ---- Clocks. */

/* A vote request of a far later term, stamped so far ahead of the receiver's clock. */
static void ask_for_vote(uint32_t node, uint64_t term, uint64_t ahead_us)
{
    const uint32_t from = (node + 1) % 3;
    const struct message message = {
        .kind = MESSAGE_GROUP,
        .group = {.group = 1,
                  .type = GROUP_VOTE,
                  .from = 1 * 3 + from + 1,
                  .to = 1 * 3 + node + 1,
                  .from_node = rig.members[from].id,
                  .term = term,
                  .vote = {.last_index = 1000, .last_term = term - 1, .disrupt_leader = true}},
    };
    const struct event event = {
        .kind = EVENT_MESSAGE,
        .received = {.node = rig.members[from].id,
                     .stamp = hlc_from_us(RIG_START_US + rig.now_us + ahead_us),
                     .message = &message},
    };
    rig_event(&rig, node, &event);
}

static void a_message_from_too_far_ahead_is_dropped_and_moves_no_clock(void **state)
{
    (void)state;
    play(3, 4, 10000);
    const uint32_t leader = rig_leader(&rig, 1);
    uint64_t term;
    assert_true(cluster_leads(rig.nodes[leader].core, 1, &term));

    ask_for_vote(leader, term + 10, HLC_MAX_OFFSET_US + 1);
    uint64_t after = 0;
    assert_true(cluster_leads(rig.nodes[leader].core, 1, &after));
    assert_true(after == term);
    const uint64_t now = hlc_from_us(RIG_START_US + rig.now_us);
    assert_true(rig.effects.stamp < now + hlc_from_us(1000));

    /* At the bound it is taken: the clock follows, and Raft hears of the later term. */
    ask_for_vote(leader, term + 10, HLC_MAX_OFFSET_US);
    assert_false(cluster_leads(rig.nodes[leader].core, 1, &after));
    assert_true(rig.effects.stamp > now + hlc_from_us(HLC_MAX_OFFSET_US) - 1);
    rig_fini(&rig);
}

static void a_node_with_a_fast_clock_stamps_nobody_elses_claims(void **state)
{
    (void)state;
    play(3, 4, 10000);
    const uint32_t fast = (rig_leader(&rig, 1) + 1) % 3;
    rig.nodes[fast].offset_us = 60000000;
    rig_run(&rig, 3000);
    const struct action action = click(1, 0, 1, 5);
    const uint32_t leader = rig_leader(&rig, 1);
    assert_true(leader != RIG_NOBODY && leader != fast);
    const struct result result = answer_to(100, &action);
    assert_int_equal(result.outcome, OUTCOME_FOUND);
    assert_true(hlc_us(result.hlc) <= RIG_START_US + rig.now_us);
    assert_true(hlc_us(result.hlc) + 1000 * SOON_MS >= RIG_START_US + rig.now_us);
    rig_fini(&rig);
}

int main(void)
{
    /* Otherwise glibc, after the first large block is freed, zeroes what engines take and never
     * touch: gigabytes, for three nodes with a thousand ranges. */
    (void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_acknowledged_before_its_entry_is_on_disk),
        cmocka_unit_test(three_nodes_acknowledge_what_two_disks_hold),
        cmocka_unit_test(a_request_over_all_ranges_gets_every_answer_once),
        cmocka_unit_test(a_node_that_says_it_is_ready_takes_claims_and_changes),
        cmocka_unit_test(a_claim_that_never_left_its_leader_is_unavailable_and_then_new),
        cmocka_unit_test(a_claim_that_was_committed_unseen_counts_once),
        cmocka_unit_test(power_loss_of_every_node_loses_nothing_that_was_acknowledged),
        cmocka_unit_test(what_was_not_on_disk_was_not_acknowledged_and_is_gone),
        cmocka_unit_test(a_consistent_read_waits_for_its_barrier),
        cmocka_unit_test(a_page_keeps_its_definition_though_the_next_version_is_in_the_same_write),
        cmocka_unit_test(a_leader_that_is_cut_off_answers_no_consistent_read),
        cmocka_unit_test(a_receipt_can_be_read_and_one_that_never_was_cannot),
        cmocka_unit_test(before_the_first_version_nothing_is_open),
        cmocka_unit_test(a_version_becomes_active_at_the_same_epoch_in_every_range),
        cmocka_unit_test(a_range_without_quorum_cancels_a_change_by_name),
        cmocka_unit_test(a_range_that_missed_many_cancelled_changes_goes_on),
        cmocka_unit_test(a_node_that_has_not_heard_of_a_version_makes_the_same_boards),
        cmocka_unit_test(a_range_that_slept_through_a_change_makes_the_same_boards),
        cmocka_unit_test(a_second_change_meanwhile_is_a_conflict),
        cmocka_unit_test(a_change_at_a_leader_that_is_cut_off_is_answered),
        cmocka_unit_test(a_thousand_ranges_learn_a_long_hunt_in_more_than_one_turn),
        cmocka_unit_test(three_nodes_find_leaders_for_a_thousand_ranges),
        cmocka_unit_test(stop_finishes_what_was_accepted_and_takes_nothing_new),
        cmocka_unit_test(stop_answers_a_change_that_is_under_way_and_takes_no_other),
        cmocka_unit_test(a_message_from_too_far_ahead_is_dropped_and_moves_no_clock),
        cmocka_unit_test(a_node_with_a_fast_clock_stamps_nobody_elses_claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
