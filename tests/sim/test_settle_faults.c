/* tests/sim/test_settle_faults.c -- Settling when something goes wrong: power is lost, a node
 * sleeps for hours, a settlement stands in the log twice or in pieces, ranges disagree. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/epochs/settle.h"
#include "tests/sim/play.h"

#define RANGES 4

static struct play play;

/* Claims on both limited treasures and finds in all ranges, and reactions for their first players:
 * 2 of their own range and of the next. */
static void play_an_epoch(void)
{
    play_claim_everywhere(&play, 0, 2, PLAY_OWN);
    rig_run(&play.rig, 20);
    play_claim_everywhere(&play, 0, 2, PLAY_RARE);
    play_claim_everywhere(&play, 2, 2, PLAY_BELL);
    for (uint32_t range = 0; range < RANGES; range++) {
        const struct player_id *to = &play.players[range][0];
        play_react(&play, range, 1, to, &PLAY_FIRE);
        play_react(&play, (range + 1) % RANGES, 1, to, &PLAY_FIRE);
    }
    rig_run(&play.rig, 40);
}

/* What play_an_epoch must come to with three of PLAY_RARE, whatever happened, and that it does on
 * every node. */
static void assert_outcome(void)
{
    play_assert_replicas_agree(&play);
    assert_int_equal(play_assert_earliest_won(&play, PLAY_RARE, 3), 3);
    assert_int_equal(play_assert_earliest_won(&play, PLAY_BELL, 2), 2);
    play_assert_points(&play,
                       3 * PLAY_RARE_POINTS + 2 * PLAY_BELL_POINTS + 2 * RANGES * PLAY_OWN_POINTS);
    for (uint32_t range = 0; range < RANGES; range++)
        assert_int_equal(play_page(&play, range, 0)->reactions, 2);
}

/* Another epoch is played, and settled as any. */
static void assert_goes_on(void)
{
    const int64_t before = play_points(&play, 0);
    play_define(&play, play_hunt(4)); /* one more */
    play_run_to_epoch(&play, play.rig.defined.active_from_epoch);
    const struct play_sent *fourth = play_claim(&play, 3, 20, PLAY_RARE);
    rig_run(&play.rig, 20);
    const struct play_sent *fifth = play_claim(&play, 0, 20, PLAY_RARE);
    play_settle(&play, rig_epoch(&play.rig));
    assert_int_equal(play_receipt(&play, fourth).outcome, OUTCOME_WON);
    assert_int_equal(play_receipt(&play, fifth).outcome, OUTCOME_LOST);
    play_assert_points(&play, before + PLAY_RARE_POINTS);
    play_assert_replicas_agree(&play);
}

/* Until nothing is on its way any more, neither to a disk nor to another node. */
static void come_to_rest(void)
{
    const uint64_t epoch = rig_epoch(&play.rig);
    rig_run(&play.rig, 500);
    assert_true(rig_epoch(&play.rig) == epoch);
    for (uint32_t node = 0; node < play.rig.count; node++) {
        assert_true(disk_next_us(&play.rig.nodes[node].disk) == UINT64_MAX);
        for (uint32_t range = 0; range < RANGES; range++)
            assert_true(play_log_end(&play, node, range) == play_log_end(&play, 0, range));
    }
}

/* ---- Twice, and in pieces. */

/* The index of the first SETTLE of an epoch's settlement in a log; 0: there is none. */
static uint64_t find_settle(uint32_t range, uint64_t epoch, uint32_t *ret_parts)
{
    const struct disk_group *group = disk_find(&play.rig.nodes[0].disk, range);
    for (uint64_t index = 1; index <= group->count; index++) {
        const struct log_entry *entry = &group->entries[index - 1];
        struct record record;
        if (entry->type != ENTRY_COMMAND ||
            record_decode(&record, entry->data, entry->bytes) != STATUS_OK ||
            record.kind != RECORD_SETTLE)
            continue;
        struct settle_part *part;
        assert_int_equal(settle_decode_part(&part, record.body, record.body_bytes), STATUS_OK);
        const bool found = part->part == 1 && part->from <= epoch && part->through >= epoch;
        *ret_parts = part->parts;
        free(part);
        if (found)
            return index;
    }
    return 0;
}

static void a_settlement_that_stands_in_the_log_twice_counts_once(void **state)
{
    (void)state;
    for (uint32_t nodes = 1; nodes <= 3; nodes += 2) {
        play_init(&play, nodes, RANGES, 10000, 3);
        const uint64_t epoch = rig_epoch(&play.rig);
        play_an_epoch();
        play_settle(&play, epoch);
        come_to_rest();
        uint64_t before[RANGES], end[RANGES];
        play_power_off(&play);
        for (uint32_t range = 0; range < RANGES; range++) {
            before[range] = engine_digest(play_engine(&play, 0, range));
            uint32_t parts = 0;
            const uint64_t index = find_settle(range, epoch, &parts);
            assert_true(index > 0 && parts == 1);
            for (uint32_t node = 0; node < nodes; node++) {
                const struct log_entry again =
                    disk_find(&play.rig.nodes[node].disk, range)->entries[index - 1];
                play_forge_entry(&play, node, range, &again);
            }
            end[range] = play_log_end(&play, 0, range);
        }
        play_power_on(&play);
        for (uint32_t range = 0; range < RANGES; range++) {
            const uint32_t leader = rig_leader(&play.rig, range);
            assert_true(cluster_applied(play.rig.nodes[leader].core, range) >= end[range]);
            assert_true(engine_digest(play_leading(&play, range)) == before[range]);
        }
        assert_outcome();
        assert_goes_on();
        play_fini(&play);
    }
}

/* Reactions are long, and for players nobody knows; together they are far more than one record
 * holds. */
struct flood {
    uint32_t receivers;
    bool everywhere; /* in all ranges; else in range 0 */
    uint32_t sent;
    struct emoji emoji[EMOJI_MAX];
};

static struct definition *flood_hunt(struct flood *flood)
{
    struct definition *definition = play_hunt(3);
    definition->emoji_count = EMOJI_MAX;
    for (uint32_t i = 0; i < EMOJI_MAX; i++) {
        struct emoji *emoji = &flood->emoji[i];
        emoji->length = EMOJI_BYTES_MAX;
        memset(emoji->text, 'x', EMOJI_BYTES_MAX);
        emoji->text[0] = (char)('a' + i);
        emoji->text[EMOJI_BYTES_MAX] = '\0';
        if (i >= 2) /* the first two are the hunt's own */
            definition->emoji[i] = *emoji;
    }
    flood->emoji[0] = definition->emoji[0];
    flood->emoji[1] = definition->emoji[1];
    return definition;
}

static void flood_send(struct flood *flood, struct action *actions, uint32_t count)
{
    if (count == 0)
        return;
    play.rig.reply_count = 0;
    rig_send(&play.rig, 0, ++play.token, actions, count);
    rig_run(&play.rig, 1);
    flood->sent += count;
}

/* On one node: it leads all ranges. */
static void flood_ranges(struct flood *flood)
{
    struct action *actions = calloc(ACTIONS_PER_REQUEST_MAX, sizeof *actions);
    assert_non_null(actions);
    uint32_t count = 0, found = 0;
    for (uint32_t i = 0; found < flood->receivers; i++) {
        struct player_id to = {.bytes = {0xf1, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
        if (!flood->everywhere && hash_range(hash_player(&to), RANGES) != 0)
            continue;
        for (uint32_t j = 0; j < EMOJI_MAX; j++) {
            const uint32_t range = found % RANGES, number = found / RANGES % PLAY_EACH;
            struct play_sent *sent = play_next(&play, range, number);
            play.sent_count--;
            sent->action.kind = ACTION_REACTION;
            sent->action.to = to;
            sent->action.emoji = flood->emoji[j];
            actions[count++] = sent->action;
            if (count == ACTIONS_PER_REQUEST_MAX) {
                flood_send(flood, actions, count);
                count = 0;
            }
        }
        found++;
    }
    flood_send(flood, actions, count);
    free(actions);
    rig_run(&play.rig, 20);
}

/* The power went when no more than the first part was on the disk. What is left of that run means
 * nothing to the next leader's. */
static void a_run_that_was_cut_off_after_its_first_part_is_settled_once_and_whole(void **state)
{
    (void)state;
    struct flood flood = {.receivers = 700};
    play_init_with(&play, 1, RANGES, 10000, flood_hunt(&flood));
    const uint64_t epoch = rig_epoch(&play.rig);
    flood_ranges(&flood);
    play_an_epoch();
    assert_true(rig_epoch(&play.rig) == epoch);
    play_settle(&play, epoch);
    come_to_rest();
    const uint64_t whole = engine_digest(play_engine(&play, 0, 0));
    const uint64_t dropped = engine_tally(play_engine(&play, 0, 0))->reactions_dropped;
    assert_int_equal(dropped, flood.sent);

    uint32_t parts = 0;
    const uint64_t first = find_settle(0, epoch, &parts);
    assert_true(first > 0 && parts >= 2);
    play_power_off(&play);
    const struct effect cut = {.kind = EFFECT_TRUNCATE, .truncate.from = first + 1};
    play_forge(&play, 0, &cut);
    play_power_on(&play);
    play_settle(&play, epoch);

    come_to_rest();
    assert_int_equal(play_count_records(&play, 0, 0, first, RECORD_SETTLE), 1 + parts);
    assert_true(engine_digest(play_engine(&play, 0, 0)) == whole);
    assert_int_equal(engine_tally(play_engine(&play, 0, 0))->reactions_dropped, flood.sent);
    assert_outcome();
    assert_goes_on();
    play_fini(&play);
}

/* More than may wait for the disk at a time: it goes into the log piece by piece. */
static void a_share_larger_than_what_may_wait_for_the_disk_is_settled(void **state)
{
    (void)state;
    struct flood flood = {.receivers = 6000};
    play_init_with(&play, 1, RANGES, 10000, flood_hunt(&flood));
    const uint64_t epoch = rig_epoch(&play.rig);
    flood_ranges(&flood);
    assert_true(rig_epoch(&play.rig) == epoch);
    play_run_to_epoch(&play, epoch + 1);
    const uint64_t before = play_log_end(&play, 0, 0);
    for (uint32_t ms = 0; !play_settles(&play, epoch); ms++) {
        assert_true(ms < 400);
        rig_run(&play.rig, 1);
    }
    rig_run(&play.rig, 50);
    uint32_t parts = 0;
    assert_true(find_settle(0, epoch, &parts) > 0);
    assert_true(parts * SETTLE_PART_BYTES_MAX > 2 * (size_t)TAIL_BYTES_MAX);
    assert_int_equal(play_count_records(&play, 0, 0, before, RECORD_SETTLE), parts);
    assert_int_equal(engine_tally(play_engine(&play, 0, 0))->reactions_dropped, flood.sent);
    play_fini(&play);
}

/* All ranges log their shares in the same tick. The store takes so much in one write, and ends the
 * node that wants more: it would want it again after every start. */
static void shares_of_all_ranges_together_go_to_the_disk_in_more_than_one_write(void **state)
{
    (void)state;
    const size_t write_bytes_max = (size_t)10 << 20;
    struct flood flood = {.receivers = 16000, .everywhere = true};
    play_init_with(&play, 1, RANGES, 10000, flood_hunt(&flood));
    const uint64_t epoch = rig_epoch(&play.rig);
    flood_ranges(&flood);
    assert_true(rig_epoch(&play.rig) == epoch);
    assert_true(flood.sent * (size_t)EMOJI_BYTES_MAX > 3 * write_bytes_max / 4);
    play_settle(&play, epoch);
    uint64_t dropped = 0;
    for (uint32_t range = 0; range < RANGES; range++)
        dropped += engine_tally(play_engine(&play, 0, range))->reactions_dropped;
    assert_int_equal(dropped, flood.sent);
    assert_true(play.rig.nodes[0].disk.turn_bytes_max < write_bytes_max);
    play_fini(&play);
}

/* ---- Sleep. */

static void assert_slept(uint64_t epochs)
{
    play_init(&play, 1, RANGES, 10000, 3);
    play_an_epoch();
    const uint64_t epoch = rig_epoch(&play.rig);
    uint64_t end[RANGES];
    for (uint32_t range = 0; range < RANGES; range++) {
        end[range] = play_log_end(&play, 0, range);
        assert_true(engine_pending(play_engine(&play, 0, range)) > 0);
    }
    play_power_off(&play);
    play.rig.now_us += UINT64_C(10000000) * epochs;
    play_power_on(&play);
    assert_true(rig_epoch(&play.rig) == epoch + epochs);
    for (uint32_t ms = 0; !play_settles(&play, epoch + epochs - 1); ms++) {
        assert_true(ms < 1000);
        rig_run(&play.rig, 1);
    }
    rig_run(&play.rig, 100);
    assert_outcome();
    for (uint32_t range = 0; range < RANGES; range++) {
        const uint64_t first = end[range] + 1;
        assert_int_equal(play_count_records(&play, 0, range, first, RECORD_CLOSE), 1);
        assert_int_equal(play_count_records(&play, 0, range, first, RECORD_SETTLE), 1);
        assert_true(play_log_end(&play, 0, range) <= end[range] + 4);
    }
    uint64_t complete;
    assert_true(merge_complete(cluster_merge(play.rig.nodes[0].core), &complete));
    assert_true(complete == epoch + epochs - 1);
    assert_goes_on();
    play_fini(&play);
}

static void a_node_off_for_360_epochs_settles_them_with_one_close(void **state)
{
    (void)state;
    assert_slept(360);
}

static void a_node_off_for_60_hours_settles_them_with_one_close(void **state)
{
    (void)state;
    assert_slept(21600);
}

static void three_nodes_off_for_60_hours_go_on_as_one_does(void **state)
{
    (void)state;
    play_init(&play, 3, RANGES, 10000, 3);
    play_an_epoch();
    rig_run(&play.rig, 200);
    uint64_t end[RANGES];
    for (uint32_t range = 0; range < RANGES; range++)
        end[range] = play_log_end(&play, 0, range);
    play_power_off(&play);
    play.rig.now_us += UINT64_C(60) * 3600 * 1000000;
    play_power_on(&play);
    play_settle(&play, rig_epoch(&play.rig) - 1);
    assert_outcome();
    for (uint32_t range = 0; range < RANGES; range++)
        assert_true(play_log_end(&play, 0, range) <= end[range] + 8);
    assert_goes_on();
    play_fini(&play);
}

/* One of three is off, the others play and settle 360 epochs meanwhile. */
static void a_node_that_missed_360_epochs_of_the_others_comes_to_the_same(void **state)
{
    (void)state;
    play_init(&play, 3, RANGES, 200, 3);
    const uint64_t first = rig_epoch(&play.rig);
    const uint32_t away = rig_leader(&play.rig, 0);
    play_claim(&play, 0, 0, PLAY_RARE);
    play_claim(&play, 1, 0, PLAY_RARE);
    rig_run(&play.rig, 30);
    rig_off(&play.rig, away);
    rig_settle(&play.rig);
    for (uint16_t i = 0; i < 18; i++) {
        play_claim_everywhere(&play, 2, 1, PLAY_OWN + i);
        play_claim(&play, 2, 10 + i, PLAY_RARE);
        play_run_to_epoch(&play, first + 20 + 20 * i);
    }
    play_settle(&play, first + 359);
    for (uint32_t range = 0; range < RANGES; range++)
        assert_true(range_state_settle_next(
                        cluster_range_state(play.rig.nodes[away].core, range)) <= first);

    rig_restart(&play.rig, away);
    rig_settle(&play.rig);
    play_settle(&play, rig_epoch(&play.rig));
    assert_int_equal(play_assert_earliest_won(&play, PLAY_RARE, 3), 3);
    play_assert_points(&play, 3 * PLAY_RARE_POINTS + 18 * RANGES * PLAY_OWN_POINTS);
    play_assert_replicas_agree(&play);
    play_fini(&play);
}

/* ---- Loss of power. */

/* What the disks hold when the power goes, from an index of each range's log on. */
struct disks {
    uint32_t closes, settles;
};

static struct disks look_at_disks(const uint64_t *end)
{
    struct disks disks = {0};
    for (uint32_t node = 0; node < play.rig.count; node++) {
        for (uint32_t range = 0; range < RANGES; range++) {
            const uint64_t first = end[range] + 1;
            disks.closes += play_count_records(&play, node, range, first, RECORD_CLOSE);
            disks.settles += play_count_records(&play, node, range, first, RECORD_SETTLE);
        }
    }
    return disks;
}

/* The power goes `ms` after the end of an epoch in which much happened, and comes back. */
static struct disks lose_power_after(uint32_t nodes, uint32_t ms)
{
    play_init(&play, nodes, RANGES, 1000, 3);
    const uint64_t epoch = rig_epoch(&play.rig);
    play_an_epoch();
    play_run_before_end(&play, 5);
    assert_true(rig_epoch(&play.rig) == epoch);
    uint64_t end[RANGES];
    for (uint32_t range = 0; range < RANGES; range++)
        end[range] = play_log_end(&play, 0, range);
    rig_run(&play.rig, 5 + ms);
    const struct disks disks = look_at_disks(end);
    play_power_off(&play);
    play_power_on(&play);
    play_settle(&play, epoch);
    assert_outcome();
    return disks;
}

/* At every millisecond from the end of the epoch on, until all is settled on all disks. */
static void points_are_the_same_everywhere_whenever_the_power_went(void **state)
{
    (void)state;
    for (uint32_t nodes = 1; nodes <= 3; nodes += 2) {
        uint32_t open = 0, closed = 0, settling = 0;
        struct disks disks = {0};
        for (uint32_t ms = 0; disks.settles < RANGES * nodes; ms++) {
            assert_true(ms < 300);
            disks = lose_power_after(nodes, ms);
            if (ms % 8 == 0)
                assert_goes_on();
            play_fini(&play);
            open += disks.closes == 0;
            closed += disks.closes > 0 && disks.settles == 0;
            settling += disks.settles > 0 && disks.settles < RANGES * nodes;
        }
        assert_true(open > 0 && closed > 0);
        assert_true(nodes == 1 || settling > 0);
    }
}

/* Of each range on one disk at least. */
static bool all_closed(const uint64_t *end)
{
    for (uint32_t range = 0; range < RANGES; range++) {
        uint32_t closes = 0;
        for (uint32_t node = 0; node < play.rig.count; node++)
            closes += play_count_records(&play, node, range, end[range] + 1, RECORD_CLOSE);
        if (closes == 0)
            return false;
    }
    return true;
}

/* The disks stand still from the CLOSE on, so the SETTLEs are made and reach none of them. */
static void a_settlement_that_reached_no_disk_is_made_again(void **state)
{
    (void)state;
    for (uint32_t nodes = 1; nodes <= 3; nodes += 2) {
        play_init(&play, nodes, RANGES, 1000, 3);
        const uint64_t epoch = rig_epoch(&play.rig);
        play_an_epoch();
        play_run_before_end(&play, 5);
        uint64_t end[RANGES];
        for (uint32_t range = 0; range < RANGES; range++)
            end[range] = play_log_end(&play, 0, range);
        while (!all_closed(end))
            rig_run(&play.rig, 1);
        rig_run(&play.rig, nodes == 1 ? 0 : 2); /* until the leader has heard of a quorum */
        for (uint32_t node = 0; node < nodes; node++)
            play.rig.nodes[node].stuck = true;
        rig_run(&play.rig, 60);
        bool writing = false;
        for (uint32_t node = 0; node < nodes; node++) {
            writing |= disk_next_us(&play.rig.nodes[node].disk) != UINT64_MAX;
            for (uint32_t range = 0; range < RANGES; range++)
                assert_int_equal(
                    play_count_records(&play, node, range, end[range] + 1, RECORD_SETTLE), 0);
        }
        assert_true(writing);
        play_power_off(&play);
        for (uint32_t node = 0; node < nodes; node++)
            play.rig.nodes[node].stuck = false;
        play_power_on(&play);
        play_settle(&play, epoch);
        assert_outcome();
        assert_goes_on();
        play_fini(&play);
    }
}

/* ---- Disagreement. */

/* Range 2 has a settlement of a quiet epoch in its log that is not what the others made of it. */
static void forge_settlement(void)
{
    const struct range_state *range_state = cluster_range_state(play.rig.nodes[0].core, 2);
    const uint64_t epoch = range_state_open_epoch(range_state);
    assert_true(range_state_settle_next(range_state) == epoch);
    const uint64_t stamp = hlc_from_us(RIG_START_US + play.rig.now_us);
    const struct record close = {.kind = RECORD_CLOSE, .stamp = stamp, .epoch = epoch};
    play_forge_record(&play, 0, 2, &close);

    const struct settlement settlement = {
        .from = epoch, .through = epoch, .ranges = RANGES, .settled_digest = 0xbad};
    const struct settle_share share = {.settlement = &settlement, .range = 2};
    static uint8_t body[SETTLE_PART_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    settle_encode_part(&share, 1, &writer);
    const struct record settle = {
        .kind = RECORD_SETTLE, .stamp = stamp, .body = body, .body_bytes = writer.used};
    play_forge_record(&play, 0, 2, &settle);
}

static void ranges_that_settled_differently_stop_settling_with_an_alarm(void **state)
{
    (void)state;
    play_init(&play, 1, RANGES, 1000, 3);
    play_an_epoch();
    play_settle(&play, rig_epoch(&play.rig));
    assert_int_equal(play.rig.error_count, 0);
    play_power_off(&play);
    forge_settlement();
    play_power_on(&play);
    for (uint32_t ms = 0; play.rig.error_count == 0; ms++) {
        assert_true(ms < 5000);
        rig_run(&play.rig, 1);
    }
    assert_non_null(strstr(play.rig.error, "range 2 "));

    const int64_t points = play_points(&play, 0);
    uint64_t next[RANGES];
    rig_run(&play.rig, 100);
    for (uint32_t range = 0; range < RANGES; range++)
        next[range] = range_state_settle_next(cluster_range_state(play.rig.nodes[0].core, range));
    play_define(&play, play_hunt(9));
    play_run_to_epoch(&play, play.rig.defined.active_from_epoch);
    const uint32_t sent = play.sent_count;
    play_claim_everywhere(&play, 30, 1, PLAY_RARE);
    play_run_to_epoch(&play, rig_epoch(&play.rig) + 3);
    for (uint32_t i = sent; i < play.sent_count; i++)
        assert_int_equal(play_receipt(&play, &play.sent[i]).outcome, OUTCOME_PENDING);
    for (uint32_t range = 0; range < RANGES; range++)
        assert_true(range_state_settle_next(cluster_range_state(play.rig.nodes[0].core, range)) ==
                    next[range]);
    play_assert_points(&play, points);
    assert_int_equal(play.rig.error_count, 1); /* said once */
    play_fini(&play);
}

/* Range 2 judges by a version that no other has. */
static void forge_version(void)
{
    const struct range_state *range_state = cluster_range_state(play.rig.nodes[0].core, 2);
    const uint64_t stamp = hlc_from_us(RIG_START_US + play.rig.now_us);
    struct definition *definition = play_hunt(50);
    for (uint16_t i = 0; i < definition->treasure_count; i++)
        definition->treasures[i].number = i;
    const size_t bytes = definition_bytes(definition);
    uint8_t *body = malloc(bytes);
    assert_non_null(body);
    struct writer writer;
    writer_init(&writer, body, bytes);
    definition_encode(definition, &writer);
    const struct record learn = {.kind = RECORD_LEARN,
                                 .stamp = stamp,
                                 .hunt = PLAY_HUNT,
                                 .version = 2,
                                 .body = body,
                                 .body_bytes = bytes};
    play_forge_record(&play, 0, 2, &learn);
    const struct record resolve = {.kind = RECORD_RESOLVE,
                                   .stamp = stamp,
                                   .hunt = PLAY_HUNT,
                                   .version = 2,
                                   .epoch = range_state_open_epoch(range_state)};
    play_forge_record(&play, 0, 2, &resolve);
    free(body);
    definition_free(definition);
}

static void a_range_that_judged_by_another_version_lets_nothing_be_awarded(void **state)
{
    (void)state;
    play_init(&play, 1, RANGES, 1000, 3);
    play_power_off(&play);
    forge_version();
    play_power_on(&play);
    const uint64_t epoch = rig_epoch(&play.rig);
    play_claim_everywhere(&play, 0, 2, PLAY_RARE);
    play_run_to_epoch(&play, epoch + 3);
    assert_int_equal(play.rig.error_count, 1);
    assert_non_null(strstr(play.rig.error, "range "));
    for (uint32_t i = 0; i < play.sent_count; i++)
        assert_int_equal(play_receipt(&play, &play.sent[i]).outcome, OUTCOME_PENDING);
    play_assert_points(&play, 0);
    play_fini(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_settlement_that_stands_in_the_log_twice_counts_once),
        cmocka_unit_test(a_run_that_was_cut_off_after_its_first_part_is_settled_once_and_whole),
        cmocka_unit_test(a_share_larger_than_what_may_wait_for_the_disk_is_settled),
        cmocka_unit_test(shares_of_all_ranges_together_go_to_the_disk_in_more_than_one_write),
        cmocka_unit_test(a_node_off_for_360_epochs_settles_them_with_one_close),
        cmocka_unit_test(a_node_off_for_60_hours_settles_them_with_one_close),
        cmocka_unit_test(three_nodes_off_for_60_hours_go_on_as_one_does),
        cmocka_unit_test(a_node_that_missed_360_epochs_of_the_others_comes_to_the_same),
        cmocka_unit_test(points_are_the_same_everywhere_whenever_the_power_went),
        cmocka_unit_test(a_settlement_that_reached_no_disk_is_made_again),
        cmocka_unit_test(ranges_that_settled_differently_stop_settling_with_an_alarm),
        cmocka_unit_test(a_range_that_judged_by_another_version_lets_nothing_be_awarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
