/* tests/sim/play.h -- A small hunt on the table-top cluster, and what the tests of settling ask of
 * it: who claimed, who won, what everybody's points come to. Needs cmocka included before. */
#ifndef CAIRN_TESTS_SIM_PLAY_H
#define CAIRN_TESTS_SIM_PLAY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/hash.h"
#include "cluster/clock/hlc.h"
#include "cluster/ranges/range_state.h"
#include "tests/sim/rig.h"

#define PLAY_HUNT       0 /* the first hunt that is defined */
#define PLAY_RANGES_MAX 8
#define PLAY_EACH       60 /* players of a range */
#define PLAY_SENT_MAX   8192
#define PLAY_OWN_MAX    20 /* treasures that everybody finds */

/* Treasure i lies at (100 i, 0). */
enum {
    PLAY_RARE, /* limited */
    PLAY_BELL, /* limited */
    PLAY_GATE, /* opens to whoever has received two reactions */
    PLAY_OWN,  /* everybody's; the first of PLAY_OWN_MAX */
    PLAY_TREASURES = PLAY_OWN + PLAY_OWN_MAX,
};

#define PLAY_RARE_POINTS 100
#define PLAY_BELL_POINTS 30
#define PLAY_GATE_POINTS 7
#define PLAY_OWN_POINTS  10

static const struct emoji PLAY_FIRE = {.length = 4, .text = "\xf0\x9f\x94\xa5"};
static const struct emoji PLAY_CLAP = {.length = 4, .text = "\xf0\x9f\x91\x8f"};

/* An action that was sent, and where its answer is found. */
struct play_sent {
    uint64_t token;
    uint32_t place;
    uint32_t range, number; /* of the player */
    uint16_t treasure;
    struct action action;
};

struct play {
    struct rig rig;
    struct player_id players[PLAY_RANGES_MAX][PLAY_EACH];
    uint32_t seqs[PLAY_RANGES_MAX][PLAY_EACH];
    uint64_t token;
    struct play_sent sent[PLAY_SENT_MAX];
    uint32_t sent_count;
};

/* Players whose hash lies in the range, found by trying. */
static inline void play_find_players(struct play *play)
{
    const uint32_t ranges = play->rig.settings.ranges;
    uint32_t found[PLAY_RANGES_MAX] = {0};
    uint32_t missing = ranges * PLAY_EACH;
    for (uint32_t i = 0; missing > 0; i++) {
        struct player_id player = {.bytes = {0xc1, 0x57}};
        player.bytes[8] = (uint8_t)(i >> 16);
        player.bytes[9] = (uint8_t)(i >> 8);
        player.bytes[10] = (uint8_t)i;
        const uint32_t range = hash_range(hash_player(&player), ranges);
        if (found[range] == PLAY_EACH)
            continue;
        play->players[range][found[range]++] = player;
        missing--;
    }
}

/* The hunt with this supply of PLAY_RARE and two of PLAY_BELL. */
static inline struct definition *play_hunt(uint32_t supply)
{
    struct definition *definition = definition_new(PLAY_TREASURES);
    assert_non_null(definition);
    definition->treasure_count = PLAY_TREASURES;
    assert_int_equal(name_set(&definition->hunt, "harbour", 7), STATUS_OK);
    definition->emoji_count = 2;
    definition->emoji[0] = PLAY_FIRE;
    definition->emoji[1] = PLAY_CLAP;
    for (int32_t i = 0; i < PLAY_TREASURES; i++) {
        struct treasure *treasure = &definition->treasures[i];
        char id[16];
        const int length = snprintf(id, sizeof id, "t%d", (int)i);
        assert_int_equal(name_set(&treasure->id, id, (size_t)length), STATUS_OK);
        treasure->x = 100 * i;
        treasure->radius = 10;
        treasure->points = PLAY_OWN_POINTS;
    }
    definition->treasures[PLAY_RARE].points = PLAY_RARE_POINTS;
    definition->treasures[PLAY_RARE].supply = supply;
    definition->treasures[PLAY_BELL].points = PLAY_BELL_POINTS;
    definition->treasures[PLAY_BELL].supply = 2;
    definition->treasures[PLAY_GATE].points = PLAY_GATE_POINTS;
    definition->treasures[PLAY_GATE].unlock_reactions = 2;
    return definition;
}

/* Frees the definition; returns when the change is answered, which must be with OK. */
static inline void play_define(struct play *play, struct definition *definition)
{
    const uint32_t leader = rig_leader(&play->rig, GROUP_SYSTEM);
    assert_true(leader != RIG_NOBODY);
    const uint32_t before = play->rig.defined_count;
    rig_define(&play->rig, leader, ++play->token, definition);
    definition_free(definition);
    for (uint32_t ms = 0; play->rig.defined_count == before; ms++) {
        assert_true(ms < 12000);
        rig_run(&play->rig, 1);
    }
    assert_int_equal(play->rig.defined.status, STATUS_OK);
}

static inline void play_run_to_epoch(struct play *play, uint64_t epoch)
{
    while (rig_epoch(&play->rig) < epoch)
        rig_run(&play->rig, 1);
}

/* Runs until this long before the end of the present epoch; at once, where that is past. */
static inline void play_run_before_end(struct play *play, uint32_t ms)
{
    const uint64_t length_us = UINT64_C(1000) * play->rig.settings.epoch_ms;
    while ((RIG_START_US + play->rig.now_us) % length_us + UINT64_C(1000) * ms < length_us)
        rig_run(&play->rig, 1);
}

/* A cluster at the start of an epoch, in which this version of the hunt is active. Frees the
 * definition. */
static inline void play_init_with(struct play *play, uint32_t nodes, uint32_t ranges,
                                  uint32_t epoch_ms, struct definition *definition)
{
    assert_true(ranges <= PLAY_RANGES_MAX);
    play->sent_count = 0;
    play->token = 0;
    memset(play->seqs, 0, sizeof play->seqs);
    rig_init(&play->rig, nodes, ranges, epoch_ms);
    play_find_players(play);
    rig_settle(&play->rig);
    play_define(play, definition);
    play_run_to_epoch(play, play->rig.defined.active_from_epoch);
    rig_run(&play->rig, 20);
}

static inline void play_init(struct play *play, uint32_t nodes, uint32_t ranges, uint32_t epoch_ms,
                             uint32_t supply)
{
    play_init_with(play, nodes, ranges, epoch_ms, play_hunt(supply));
}

static inline void play_fini(struct play *play)
{
    rig_fini(&play->rig);
}

/* The engine of a range on a node. */
static inline struct engine *play_engine(const struct play *play, uint32_t node, uint32_t range)
{
    struct range_state *state = cluster_range_state(play->rig.nodes[node].core, range);
    assert_non_null(state);
    return range_state_engine(state);
}

/* The same where the range is led. */
static inline struct engine *play_leading(const struct play *play, uint32_t range)
{
    const uint32_t leader = rig_leader(&play->rig, range);
    assert_true(leader != RIG_NOBODY);
    return play_engine(play, leader, range);
}

/* ---- Acting. */

static inline struct play_sent *play_next(struct play *play, uint32_t range, uint32_t number)
{
    assert_true(play->sent_count < PLAY_SENT_MAX);
    struct play_sent *sent = &play->sent[play->sent_count++];
    *sent = (struct play_sent){.range = range, .number = number, .treasure = TREASURE_NONE};
    sent->action = (struct action){
        .hunt = PLAY_HUNT,
        .seq = ++play->seqs[range][number],
        .player = play->players[range][number],
        .time_ms = (int64_t)(RIG_START_US / 1000),
    };
    return sent;
}

static inline struct play_sent *play_next_claim(struct play *play, uint32_t range, uint32_t number,
                                                uint16_t treasure)
{
    struct play_sent *sent = play_next(play, range, number);
    sent->treasure = treasure;
    sent->action.kind = ACTION_CLAIM;
    sent->action.x = 100 * treasure;
    return sent;
}

static inline const struct play_sent *play_send(struct play *play, struct play_sent *sent)
{
    const uint32_t leader = rig_leader(&play->rig, sent->range);
    assert_true(leader != RIG_NOBODY);
    sent->token = ++play->token;
    rig_send(&play->rig, leader, sent->token, &sent->action, 1);
    return sent;
}

static inline const struct play_sent *play_claim(struct play *play, uint32_t range, uint32_t number,
                                                 uint16_t treasure)
{
    return play_send(play, play_next_claim(play, range, number, treasure));
}

static inline const struct play_sent *play_react(struct play *play, uint32_t range, uint32_t number,
                                                 const struct player_id *to,
                                                 const struct emoji *emoji)
{
    struct play_sent *sent = play_next(play, range, number);
    sent->action.kind = ACTION_REACTION;
    sent->action.to = *to;
    sent->action.emoji = *emoji;
    return play_send(play, sent);
}

/* Players `first` up of all ranges claim at once: one request to each node that leads some of
 * them. */
static inline void play_claim_everywhere(struct play *play, uint32_t first, uint32_t count,
                                         uint16_t treasure)
{
    for (uint32_t node = 0; node < play->rig.count; node++) {
        const uint64_t token = ++play->token;
        struct action *actions = calloc(PLAY_RANGES_MAX * PLAY_EACH, sizeof *actions);
        assert_non_null(actions);
        uint32_t places = 0;
        for (uint32_t i = 0; i < count * play->rig.settings.ranges; i++) {
            const uint32_t range = i % play->rig.settings.ranges;
            if (rig_leader(&play->rig, range) != node)
                continue;
            const uint32_t number = first + i / play->rig.settings.ranges;
            struct play_sent *sent = play_next_claim(play, range, number, treasure);
            sent->token = token;
            sent->place = places;
            actions[places++] = sent->action;
        }
        if (places > 0)
            rig_send(&play->rig, node, token, actions, places);
        free(actions);
    }
}

/* ---- Asking. */

/* What was answered; the answer must have come. */
static inline const struct result *play_answer(const struct play *play,
                                               const struct play_sent *sent)
{
    const struct result *result = rig_result(&play->rig, sent->token, sent->place);
    assert_non_null(result);
    return result;
}

/* Sends a claim and returns what is answered soon. */
static inline struct result play_now(struct play *play, uint32_t range, uint32_t number,
                                     uint16_t treasure)
{
    const struct play_sent *sent = play_claim(play, range, number, treasure);
    rig_run(&play->rig, 50);
    return *play_answer(play, sent);
}

/* The receipt as it is now. */
static inline struct result play_receipt(const struct play *play, const struct play_sent *sent)
{
    struct result result;
    assert_int_equal(engine_receipt(play_leading(play, sent->range), PLAY_HUNT,
                                    &sent->action.player, sent->action.seq, &result),
                     STATUS_OK);
    return result;
}

static inline const struct player_page *play_page(const struct play *play, uint32_t range,
                                                  uint32_t number)
{
    static struct player_page page;
    engine_player(play_leading(play, range), PLAY_HUNT, &play->players[range][number],
                  hlc_from_us(RIG_START_US + play->rig.now_us), &page);
    return &page;
}

/* Runs until each node that has power knows every range to have settled through the epoch. */
static inline bool play_settles(const struct play *play, uint64_t epoch)
{
    for (uint32_t node = 0; node < play->rig.count; node++) {
        for (uint32_t i = 0; !play->rig.nodes[node].off && i < play->rig.settings.ranges; i++) {
            const struct range_state *state = cluster_range_state(play->rig.nodes[node].core, i);
            if (state == NULL || range_state_settle_next(state) <= epoch)
                return false;
        }
    }
    return true;
}

static inline void play_settle(struct play *play, uint64_t epoch)
{
    const uint32_t most = 20000 + 2 * play->rig.settings.epoch_ms;
    for (uint32_t ms = 0; !play_settles(play, epoch); ms++) {
        assert_true(ms < most);
        rig_run(&play->rig, 1);
    }
}

static inline bool play_level(const struct play *play)
{
    for (uint32_t node = 1; node < play->rig.count; node++) {
        for (uint32_t i = 0; i < play->rig.settings.ranges; i++) {
            if (cluster_applied(play->rig.nodes[node].core, i) !=
                cluster_applied(play->rig.nodes[0].core, i))
                return false;
        }
    }
    return true;
}

/* All nodes must have power. Runs until they have applied the same logs, and compares. */
static inline void play_assert_replicas_agree(struct play *play)
{
    for (uint32_t ms = 0; !play_level(play); ms++) {
        assert_true(ms < 5000);
        rig_run(&play->rig, 1);
    }
    for (uint32_t node = 1; node < play->rig.count; node++) {
        for (uint32_t i = 0; i < play->rig.settings.ranges; i++) {
            assert_true(range_state_digest(cluster_range_state(play->rig.nodes[node].core, i)) ==
                        range_state_digest(cluster_range_state(play->rig.nodes[0].core, i)));
            assert_true(engine_digest(play_engine(play, node, i)) ==
                        engine_digest(play_engine(play, 0, i)));
        }
    }
}

/* ---- Winners and points. */

/* A claim that was judged pending. */
struct play_pending {
    const struct play_sent *sent;
    const struct result *result;
};

/* The published order: hlc, range; log index and place in it follow the hlc in one range. */
static inline int play_order(const void *left, const void *right)
{
    const struct result *a = ((const struct play_pending *)left)->result;
    const struct result *b = ((const struct play_pending *)right)->result;
    if (a->hlc != b->hlc)
        return a->hlc < b->hlc ? -1 : 1;
    return (a->range > b->range) - (a->range < b->range);
}

/* The claims on a treasure that were answered with pending, in the published order; the list is
 * the caller's to free. */
static inline uint32_t play_list_pending(const struct play *play, uint16_t treasure,
                                         struct play_pending **ret_list)
{
    struct play_pending *list = calloc(PLAY_SENT_MAX, sizeof *list);
    assert_non_null(list);
    uint32_t count = 0;
    for (uint32_t i = 0; i < play->sent_count; i++) {
        const struct play_sent *sent = &play->sent[i];
        const struct result *result = rig_result(&play->rig, sent->token, sent->place);
        if (sent->treasure == treasure && result != NULL && result->outcome == OUTCOME_PENDING)
            list[count++] = (struct play_pending){sent, result};
    }
    if (count > 0)
        qsort(list, count, sizeof *list, play_order);
    *ret_list = list;
    return count;
}

/* The award of a place on one node, from whichever range has it; false: nobody's. */
static inline bool play_award(const struct play *play, uint32_t node, uint16_t treasure,
                              uint32_t place, struct engine_award *ret_award)
{
    for (uint32_t range = 0; range < play->rig.settings.ranges; range++) {
        const struct engine_award_position before = {treasure, place - 1};
        struct engine_award award;
        const uint32_t count =
            engine_awards(play_engine(play, node, range), PLAY_HUNT, before, &award, 1);
        if (count == 1 && award.treasure == treasure && award.place == place) {
            *ret_award = award;
            return true;
        }
    }
    return false;
}

/* How many awards of a treasure all ranges have together on a node. */
static inline uint32_t play_awards(const struct play *play, uint32_t node, uint16_t treasure)
{
    uint32_t count = 0;
    for (uint32_t range = 0; range < play->rig.settings.ranges; range++) {
        struct engine_award list[PLAY_EACH * PLAY_TREASURES];
        const struct engine_award_position start = {0};
        const uint32_t all = engine_awards(play_engine(play, node, range), PLAY_HUNT, start, list,
                                           PLAY_EACH * PLAY_TREASURES);
        for (uint32_t i = 0; i < all; i++)
            count += list[i].treasure == treasure;
    }
    return count;
}

static inline void play_assert_award(const struct play *play, uint32_t place,
                                     const struct play_pending *winner)
{
    const struct result *result = winner->result;
    for (uint32_t node = 0; node < play->rig.count; node++) {
        struct engine_award award = {0};
        assert_true(play_award(play, node, winner->sent->treasure, place, &award));
        assert_true(player_id_equal(&award.player, &winner->sent->action.player));
        assert_int_equal(award.seq, winner->sent->action.seq);
        assert_true(award.hlc == result->hlc);
        assert_true(award.log_index == result->log_index);
        assert_true(award.epoch == result->epoch);
        assert_int_equal(award.uncertainty_us, 500);
    }
}

/* Of all claims on a treasure that were ever pending, exactly the earliest have won, with the
 * places 1 up, on every node, and all others have lost; returns how many have won. For a treasure
 * whose supply never changed, once everything is settled. */
static inline uint32_t play_assert_earliest_won(const struct play *play, uint16_t treasure,
                                                uint32_t supply)
{
    struct play_pending *list;
    const uint32_t count = play_list_pending(play, treasure, &list);
    const uint32_t won = count < supply ? count : supply;
    for (uint32_t i = 0; i < count; i++) {
        const struct result receipt = play_receipt(play, list[i].sent);
        assert_int_equal(receipt.outcome, i < won ? OUTCOME_WON : OUTCOME_LOST);
        assert_int_equal(receipt.points, i < won ? list[i].result->points : 0);
        assert_true(receipt.final);
        assert_true(receipt.final_epoch > list[i].result->epoch);
        if (i < won)
            play_assert_award(play, i + 1, &list[i]);
    }
    free(list);
    for (uint32_t node = 0; node < play->rig.count; node++) {
        assert_int_equal(play_awards(play, node, treasure), won);
        for (uint32_t range = 0; range < play->rig.settings.ranges; range++)
            assert_int_equal(engine_awarded(play_engine(play, node, range), PLAY_HUNT, treasure),
                             won);
    }
    return won;
}

/* The scores of all players together on one node. */
static inline int64_t play_points(const struct play *play, uint32_t node)
{
    int64_t sum = 0;
    for (uint32_t range = 0; range < play->rig.settings.ranges; range++) {
        for (uint32_t i = 0; i < PLAY_EACH; i++) {
            struct board_entry place;
            if (engine_place(play_engine(play, node, range), PLAY_HUNT, &play->players[range][i],
                             &place))
                sum += place.score;
        }
    }
    return sum;
}

static inline void play_assert_points(const struct play *play, int64_t points)
{
    for (uint32_t node = 0; node < play->rig.count; node++)
        assert_true(play_points(play, node) == points);
}

/* ---- Logs. */

/* How many entries of a range's log on a node's disk, from `first` on, are records of this kind. */
static inline uint32_t play_count_records(const struct play *play, uint32_t node, uint32_t range,
                                          uint64_t first, enum record_kind kind)
{
    const struct disk_group *group = disk_find(&play->rig.nodes[node].disk, range);
    assert_non_null(group);
    uint32_t count = 0;
    for (uint64_t i = first; i <= group->count; i++) {
        const struct log_entry *entry = &group->entries[i - 1];
        struct record record;
        count += entry->type == ENTRY_COMMAND &&
                 record_decode(&record, entry->data, entry->bytes) == STATUS_OK &&
                 record.kind == kind;
    }
    return count;
}

static inline uint64_t play_log_end(const struct play *play, uint32_t node, uint32_t range)
{
    const struct disk_group *group = disk_find(&play->rig.nodes[node].disk, range);
    assert_non_null(group);
    return group->count;
}

/* Writes into the log on the disk of a node without power, as nobody does. */
static inline void play_forge(struct play *play, uint32_t node, const struct effect *effect)
{
    struct disk *disk = &play->rig.nodes[node].disk;
    assert_true(play->rig.nodes[node].off);
    disk_add(disk, effect);
    assert_true(disk_submit(disk, 1, play->rig.now_us));
    assert_true(disk_sync(disk, play->rig.now_us) > 0);
}

static inline void play_forge_entry(struct play *play, uint32_t node, uint32_t range,
                                    const struct log_entry *entry)
{
    const struct effect effect = {
        .kind = EFFECT_APPEND,
        .group = range,
        .append = {.first = play_log_end(play, node, range) + 1, .entries = entry, .count = 1},
    };
    play_forge(play, node, &effect);
}

static inline void play_forge_record(struct play *play, uint32_t node, uint32_t range,
                                     const struct record *record)
{
    const struct disk_group *group = disk_find(&play->rig.nodes[node].disk, range);
    assert_non_null(group);
    const size_t bytes = record_bytes(record);
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    assert_int_equal(record_encode(record, data, bytes), STATUS_OK);
    const struct log_entry entry = {.term = group->entries[group->count - 1].term,
                                    .type = ENTRY_COMMAND,
                                    .data = data,
                                    .bytes = (uint32_t)bytes};
    play_forge_entry(play, node, range, &entry);
    free(data);
}

static inline void play_power_off(struct play *play)
{
    for (uint32_t node = 0; node < play->rig.count; node++)
        rig_off(&play->rig, node);
}

/* Starts all nodes and runs until they lead. */
static inline void play_power_on(struct play *play)
{
    for (uint32_t node = 0; node < play->rig.count; node++)
        rig_restart(&play->rig, node);
    rig_settle(&play->rig);
}

#endif
