/* tests/sim/test_settling.c -- Engines of several ranges against the model while epochs are
 * settled: random hunts, players and versions; who wins is decided here, from a plain list of all
 * pending claims, and told to each range when chance says so, in runs of epochs. Every answer, and
 * in the end every receipt, page, board, award and count, must be the model's. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/hash.h"
#include "cluster/clock/hlc.h"
#include "cluster/hunt/engine.h"
#include "tests/sim/generate.h"
#include "tests/sim/model.h"

#define RANGES     3
#define REPLICAS   2 /* the second is only written to, the first is read as well */
#define HUNT       7
#define EPOCH_MS   1000
#define EPOCHS     40
#define START_MS   INT64_C(1790000000000)
#define FIRST      ((uint64_t)START_MS / EPOCH_MS)
#define TREASURES  10
#define VERSIONS   4
#define CLAIMS_MAX 4000

/* A limited claim that was judged pending, in the order of judging. */
struct claim {
    uint32_t range;
    uint64_t epoch;
    uint32_t supply;
    struct engine_claim what;
    uint32_t place; /* from 1; 0: it has lost */
};

/* A reaction that was taken. */
struct gift {
    uint32_t range; /* of the giver */
    uint64_t epoch;
    struct engine_reaction what; /* of count 1 */
};

struct world {
    struct rng rng;
    struct model *model;
    struct engine *engines[REPLICAS][RANGES];
    struct definition *definitions[VERSIONS];
    uint32_t version;
    struct generate_players *players;
    uint64_t now_us;
    uint64_t epoch; /* the open one */
    uint64_t last_hlc[RANGES];
    uint64_t log_index[RANGES];
    uint64_t settled_next[RANGES];
    uint32_t awarded[EPOCHS][TREASURES]; /* once that epoch is settled */
    uint32_t known[RANGES][TREASURES];   /* of it, in the range */
    struct claim claims[CLAIMS_MAX];
    uint32_t claim_count;
    struct gift gifts[CLAIMS_MAX];
    uint32_t gift_count;
};

/* What the games of a test brought altogether. */
struct seen {
    uint32_t won, lost, won_after_lost, sold_out, delivered, dropped, runs;
};

static uint32_t range_of(const struct player_id *player)
{
    return hash_range(hash_player(player), RANGES);
}

static const struct definition *active(const struct world *world)
{
    return world->definitions[world->version - 1];
}

static void activate(struct world *world)
{
    world->version++;
    for (uint32_t range = 0; range < RANGES; range++) {
        for (uint32_t i = 0; i < REPLICAS; i++) {
            const enum status status = engine_activate(world->engines[i][range], HUNT,
                                                       world->version, active(world), world->epoch);
            assert_int_equal(status, STATUS_OK);
        }
        const struct model_version version = {
            .range = range,
            .hunt = HUNT,
            .version = world->version,
            .active_from_epoch = world->epoch,
        };
        model_version(world->model, &version, active(world));
    }
    if (world->players != NULL)
        generate_change(world->players, active(world));
}

/* Versions of one hunt: the same treasures are limited in each. */
static void draw_versions(struct world *world)
{
    const uint32_t must = GENERATE_SUPPLY | GENERATE_REACTIONS | GENERATE_UNLOCK;
    const uint32_t may = GENERATE_ALL & ~(GENERATE_GEO | GENERATE_OPENING);
    const struct generate_hunt hunt = {
        .name = "settling",
        .features = must | (may & (uint32_t)rng_next(&world->rng)),
        .treasures = TREASURES,
        .start_ms = START_MS,
        .length_ms = INT64_C(1) * EPOCHS * EPOCH_MS,
    };
    for (uint32_t i = 0; i < VERSIONS; i++) {
        world->definitions[i] = generate_definition(&world->rng, &hunt);
        for (uint32_t j = 0; j < TREASURES; j++)
            world->definitions[i]->treasures[j].supply =
                j % 2 == 0 ? 1 + (uint32_t)rng_below(&world->rng, 8) : 0;
    }
}

static struct world *world_new(uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    rng_init(&world->rng, seed);
    world->model = model_new(RANGES, EPOCH_MS);
    world->epoch = FIRST;
    world->now_us = UINT64_C(1000) * START_MS;
    for (uint32_t i = 0; i < REPLICAS * RANGES; i++) {
        const struct engine_config config = {
            .range = i % RANGES, .players_max = 100, .receipts_max = 2000, .epoch_ms = EPOCH_MS};
        world->engines[i / RANGES][i % RANGES] = engine_new(&config);
        assert_non_null(world->engines[i / RANGES][i % RANGES]);
    }
    for (uint32_t range = 0; range < RANGES; range++)
        world->settled_next[range] = FIRST;
    draw_versions(world);
    activate(world);
    world->players = generate_players_new(&world->rng, 25, HUNT, active(world));
    return world;
}

static void world_free(struct world *world)
{
    generate_players_free(world->players);
    for (uint32_t i = 0; i < REPLICAS * RANGES; i++)
        engine_free(world->engines[i / RANGES][i % RANGES]);
    for (uint32_t i = 0; i < VERSIONS; i++)
        definition_free(world->definitions[i]);
    model_free(world->model);
    free(world);
}

/* Playing. */

static void note(struct world *world, const struct action *action, const struct moment *moment,
                 const struct result *result)
{
    if (result->replayed)
        return;
    if (result->outcome == OUTCOME_PENDING) {
        assert_true(world->claim_count < CLAIMS_MAX);
        world->claims[world->claim_count++] = (struct claim){
            .range = result->range,
            .epoch = world->epoch,
            .supply = active(world)->treasures[result->treasure].supply,
            .what = {.hunt = HUNT,
                     .treasure = result->treasure,
                     .player = result->player,
                     .seq = result->seq,
                     .uncertainty_us = moment->uncertainty_us,
                     .hlc = result->hlc,
                     .log_index = result->log_index},
        };
    }
    if (result->outcome == OUTCOME_REACTED) {
        assert_true(world->gift_count < CLAIMS_MAX);
        world->gifts[world->gift_count++] = (struct gift){
            .range = result->range,
            .epoch = world->epoch,
            .what = {.hunt = HUNT, .to = action->to, .emoji = action->emoji, .count = 1},
        };
    }
}

static void compare(const struct result *expected, const struct result *actual)
{
    char why[200] = "";
    if (!model_compare_result(expected, actual, why, sizeof why))
        fail_msg("%s", why);
}

static void play_one(struct world *world, struct seen *seen)
{
    struct action action;
    generate_action(world->players, &world->rng, (int64_t)(world->now_us / 1000), &action);
    if (action.kind == ACTION_REACTION && rng_chance(&world->rng, 1, 20))
        action.to.bytes[0] ^= 1; /* nobody */
    const uint32_t range = range_of(&action.player);
    const uint64_t now = hlc_from_us(world->now_us);
    const uint64_t hlc = now > world->last_hlc[range] ? now : world->last_hlc[range] + 1;
    world->last_hlc[range] = hlc;
    const struct moment moment = {
        .hlc = hlc,
        .epoch = world->epoch,
        .log_index = ++world->log_index[range],
        .uncertainty_us = (uint32_t)rng_below(&world->rng, 1000),
    };
    struct result result, other, expected;
    engine_judge(world->engines[0][range], &action, &moment, &result);
    engine_judge(world->engines[1][range], &action, &moment, &other);
    const struct model_place place = {
        .range = range, .log_index = moment.log_index, .hlc = moment.hlc};
    (void)model_judge(world->model, &place, &action, &result, &expected);
    compare(&expected, &result);
    compare(&expected, &other);
    generate_learn(world->players, &result);
    note(world, &action, &moment, &result);
    seen->sold_out += result.outcome == OUTCOME_SOLD_OUT;
}

static void play_epoch(struct world *world, struct seen *seen)
{
    const uint64_t end_us = UINT64_C(1000) * EPOCH_MS * (world->epoch + 1);
    while (world->now_us + 20000 < end_us) {
        world->now_us += rng_below(&world->rng, 20000);
        play_one(world, seen);
    }
    world->now_us = end_us;
}

/* Closing: what each range leaves must be what the plain lists say. */

/* Whether the claim is among the first of its range that could win, as far as the range knows. */
static bool may_win(const struct world *world, const struct claim *claim)
{
    const uint32_t known = world->known[claim->range][claim->what.treasure];
    uint32_t earlier = 0;
    for (const struct claim *other = world->claims; other < claim; other++)
        earlier += other->range == claim->range && other->epoch == claim->epoch &&
                   other->what.treasure == claim->what.treasure;
    return known + earlier < claim->supply;
}

static bool same_claim(const struct engine_claim *a, const struct engine_claim *b)
{
    return a->hunt == b->hunt && a->treasure == b->treasure && a->seq == b->seq &&
           a->hlc == b->hlc && a->log_index == b->log_index &&
           a->uncertainty_us == b->uncertainty_us && player_id_equal(&a->player, &b->player);
}

static void check_candidates(const struct world *world, uint32_t range)
{
    struct engine_claim list[200];
    const struct engine *engine = world->engines[0][range];
    const uint32_t count = engine_candidates(engine, world->epoch, list, 200);
    assert_true(count <= 200);
    uint32_t at = 0;
    for (uint16_t treasure = 0; treasure < TREASURES; treasure++) {
        for (uint32_t i = 0; i < world->claim_count; i++) {
            const struct claim *claim = &world->claims[i];
            if (claim->range != range || claim->epoch != world->epoch ||
                claim->what.treasure != treasure || !may_win(world, claim))
                continue;
            assert_true(at < count);
            assert_true(same_claim(&list[at], &claim->what));
            assert_int_equal(list[at].supply, claim->supply);
            at++;
        }
    }
    assert_int_equal(at, count);
}

static int compare_gifts(const struct engine_reaction *a, const struct engine_reaction *b)
{
    const int order = player_id_compare(&a->to, &b->to);
    return order != 0 ? order : strcmp(a->emoji.text, b->emoji.text);
}

static void check_given(const struct world *world, uint32_t range)
{
    struct engine_reaction list[500];
    const uint32_t count = engine_given(world->engines[0][range], list, 500);
    assert_true(count <= 500);
    uint32_t given = 0, listed = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(list[i].hunt, HUNT);
        assert_true(list[i].count > 0);
        assert_true(i == 0 || compare_gifts(&list[i - 1], &list[i]) < 0);
        listed += list[i].count;
    }
    for (uint32_t i = 0; i < world->gift_count; i++) {
        const struct gift *gift = &world->gifts[i];
        if (gift->range != range || gift->epoch != world->epoch)
            continue;
        uint32_t at = 0;
        while (at < count && compare_gifts(&list[at], &gift->what) != 0)
            at++;
        assert_true(at < count);
        assert_true(list[at].count > 0);
        list[at].count--; /* none is listed too often, and at last none is left */
        given++;
    }
    assert_int_equal(given, listed);
}

/* Claims stand in the published order: hlc, range, log index. */
static bool is_earlier(const struct claim *a, const struct claim *b)
{
    if (a->what.hlc != b->what.hlc)
        return a->what.hlc < b->what.hlc;
    return a->range < b->range;
}

/* Decides the open epoch for the whole cluster: each claim's place is one more than the earlier
 * ones, and what epochs before have awarded. */
static void decide(struct world *world)
{
    const uint64_t at = world->epoch - FIRST;
    if (at > 0)
        memcpy(world->awarded[at], world->awarded[at - 1], sizeof world->awarded[at]);
    uint32_t before[TREASURES];
    memcpy(before, world->awarded[at], sizeof before);
    for (uint32_t i = 0; i < world->claim_count; i++) {
        struct claim *claim = &world->claims[i];
        if (claim->epoch != world->epoch)
            continue;
        const uint16_t treasure = claim->what.treasure;
        uint32_t place = before[treasure] + 1;
        for (uint32_t j = 0; j < world->claim_count; j++) {
            const struct claim *other = &world->claims[j];
            place += other->epoch == world->epoch && other->what.treasure == treasure &&
                     is_earlier(other, claim);
        }
        claim->place = place <= claim->supply ? place : 0;
        world->awarded[at][treasure] += claim->place > 0;
        if (claim->place > 0) /* its range named it as a candidate */
            assert_true(may_win(world, claim));
    }
}

static void close_epoch(struct world *world)
{
    for (uint32_t range = 0; range < RANGES; range++) {
        check_candidates(world, range);
        check_given(world, range);
        for (uint32_t i = 0; i < REPLICAS; i++)
            engine_close_epoch(world->engines[i][range]);
    }
    decide(world);
    world->epoch++;
}

/* Settling. */

/* What one range is told of a run of epochs. */
struct told {
    struct engine_settlement what;
    struct engine_awarded awarded[TREASURES];
    struct engine_winner winners[500];
    struct engine_reaction reactions[500];
};

static void tell_awarded(const struct world *world, uint32_t range, struct told *told)
{
    const uint32_t *awarded = world->awarded[told->what.through - FIRST];
    for (uint16_t i = 0; i < TREASURES; i++) {
        if (awarded[i] == world->known[range][i])
            continue;
        told->awarded[told->what.awarded_count++] =
            (struct engine_awarded){.hunt = HUNT, .treasure = i, .awarded = awarded[i]};
    }
}

static bool is_due(const struct world *world, const struct claim *claim, uint32_t range,
                   uint64_t through)
{
    return claim->range == range && claim->epoch >= world->settled_next[range] &&
           claim->epoch <= through;
}

static void tell_winners(const struct world *world, uint32_t range, struct told *told)
{
    for (uint32_t i = 0; i < world->claim_count; i++) {
        const struct claim *claim = &world->claims[i];
        if (claim->place == 0 || !is_due(world, claim, range, told->what.through))
            continue;
        assert_true(told->what.winner_count < 500);
        told->winners[told->what.winner_count++] = (struct engine_winner){
            .hunt = HUNT,
            .treasure = claim->what.treasure,
            .place = claim->place,
            .player = claim->what.player,
            .seq = claim->what.seq,
            .uncertainty_us = claim->what.uncertainty_us,
        };
    }
}

static void tell_reactions(const struct world *world, uint32_t range, struct told *told)
{
    for (uint32_t i = 0; i < world->gift_count; i++) {
        const struct gift *gift = &world->gifts[i];
        if (range_of(&gift->what.to) != range || gift->epoch < world->settled_next[range] ||
            gift->epoch > told->what.through)
            continue;
        uint32_t at = 0;
        while (at < told->what.reaction_count &&
               compare_gifts(&told->reactions[at], &gift->what) != 0)
            at++;
        assert_true(at < 500);
        if (at == told->what.reaction_count)
            told->reactions[told->what.reaction_count++] = gift->what;
        else
            told->reactions[at].count++;
    }
}

static void model_take(struct world *world, uint32_t range, const struct told *told,
                       struct seen *seen)
{
    for (uint32_t i = 0; i < told->what.awarded_count; i++) {
        const struct engine_awarded *awarded = &told->awarded[i];
        model_settle_awarded(world->model, range, HUNT, awarded->treasure, awarded->awarded);
        world->known[range][awarded->treasure] = awarded->awarded;
    }
    for (uint32_t i = 0; i < world->claim_count; i++) {
        const struct claim *claim = &world->claims[i];
        if (!is_due(world, claim, range, told->what.through))
            continue;
        const struct model_ruling ruling = {
            .hunt = HUNT,
            .player = claim->what.player,
            .seq = claim->what.seq,
            .won = claim->place > 0,
            .final_epoch = told->what.final_epoch,
            .applied_epoch = told->what.final_epoch,
        };
        model_settle_claim(world->model, &ruling);
        seen->won += ruling.won;
        seen->lost += !ruling.won;
    }
    for (uint32_t i = 0; i < told->what.reaction_count; i++) {
        const struct engine_reaction *reaction = &told->reactions[i];
        const bool known = model_settle_reactions(world->model, HUNT, &reaction->to,
                                                  &reaction->emoji, reaction->count);
        seen->delivered += known ? reaction->count : 0;
        seen->dropped += known ? 0 : reaction->count;
    }
    model_settle_through(world->model, range, told->what.through);
}

/* Players hear of it, so that losers try again. */
static void spread(struct world *world, uint32_t range, uint64_t through)
{
    for (uint32_t i = 0; i < world->claim_count; i++) {
        const struct claim *claim = &world->claims[i];
        const struct result result = {
            .player = claim->what.player,
            .treasure = claim->what.treasure,
            .outcome = claim->place > 0 ? OUTCOME_WON : OUTCOME_LOST,
        };
        if (is_due(world, claim, range, through))
            generate_learn(world->players, &result);
    }
}

static void settle(struct world *world, uint32_t range, uint64_t through, struct seen *seen)
{
    static struct told told;
    memset(&told, 0, sizeof told);
    told.what.through = through;
    told.what.final_epoch = world->epoch;
    told.what.settled_digest = through ^ 0x5eed;
    tell_awarded(world, range, &told);
    tell_winners(world, range, &told);
    tell_reactions(world, range, &told);
    told.what.awarded = told.awarded;
    told.what.winners = told.winners;
    told.what.reactions = told.reactions;
    for (uint32_t i = 0; i < REPLICAS; i++) {
        struct engine *engine = world->engines[i][range];
        assert_int_equal(engine_settle(engine, &told.what), STATUS_OK);
        assert_int_equal(engine_settle(engine, &told.what), STATUS_INVALID); /* logged twice */
        assert_true(engine_tally(engine)->ignored == 0);
    }
    model_take(world, range, &told, seen);
    spread(world, range, through);
    seen->runs += through > world->settled_next[range];
    world->settled_next[range] = through + 1;
}

static void settle_at_times(struct world *world, struct seen *seen)
{
    for (uint32_t range = 0; range < RANGES; range++) {
        const uint64_t next = world->settled_next[range];
        if (next < world->epoch && rng_chance(&world->rng, 1, 2))
            settle(world, range, rng_between(&world->rng, next, world->epoch - 1), seen);
    }
}

/* Checking. */

static void check_receipts(const struct world *world, const struct player_id *player)
{
    const struct engine *engine = world->engines[0][range_of(player)];
    static struct player_page page;
    engine_player(engine, HUNT, player, 0, &page);
    for (uint32_t seq = 1; seq <= page.last_seq; seq++) {
        struct result actual, expected;
        const enum status status = engine_receipt(engine, HUNT, player, seq, &actual);
        const enum model_receipt kept = model_receipt(world->model, HUNT, player, seq, &expected);
        assert_int_equal(status == STATUS_OK, kept == MODEL_RECEIPT_KEPT);
        if (status == STATUS_OK)
            compare(&expected, &actual);
    }
}

static bool holds(const struct model_set *set, uint16_t number)
{
    for (uint16_t i = 0; i < set->count; i++)
        if (set->numbers[i] == number)
            return true;
    return false;
}

static void check_list(const struct model_set *set, const uint16_t *numbers, uint16_t count)
{
    assert_int_equal(count, set->count);
    for (uint16_t i = 0; i < count; i++)
        assert_int_equal(numbers[i], set->numbers[i]);
}

static void check_page(const struct world *world, const struct player_id *player, struct seen *seen)
{
    static struct player_page page;
    static struct model_page expected;
    engine_player(world->engines[0][range_of(player)], HUNT, player, 0, &page);
    const bool known = model_player(world->model, HUNT, player, &expected);
    assert_int_equal(page.known, known);
    if (!known)
        return;
    assert_true(page.score == expected.score);
    assert_true(page.score_hlc == expected.score_hlc);
    assert_int_equal(page.last_seq, expected.last_seq);
    assert_int_equal(page.reactions, expected.reactions);
    check_list(&expected.found, page.found, page.found_count);
    check_list(&expected.pending, page.pending, page.pending_count);
    check_list(&expected.won, page.won, page.won_count);
    uint16_t lost = 0;
    for (uint16_t i = 0; i < expected.lost.count; i++) {
        const uint16_t number = expected.lost.numbers[i];
        seen->won_after_lost += holds(&expected.won, number);
        if (!holds(&expected.won, number) && !holds(&expected.pending, number))
            assert_int_equal(page.lost[lost++], number);
    }
    assert_int_equal(page.lost_count, lost);
}

static void check_reactions(const struct world *world, const struct player_id *player)
{
    struct engine_received list[RECEIVED_KINDS_MAX];
    const uint32_t kinds =
        engine_reactions(world->engines[0][range_of(player)], HUNT, player, list);
    for (uint16_t i = 0; i < active(world)->emoji_count; i++) {
        const struct emoji *emoji = &active(world)->emoji[i];
        uint32_t count = 0;
        for (uint32_t j = 0; j < kinds; j++)
            count += emoji_equal(&list[j].emoji, emoji) ? list[j].count : 0;
        assert_int_equal(count, model_reactions(world->model, HUNT, player, emoji));
    }
}

static int64_t model_score(const struct model_board *board, const struct player_id *player)
{
    for (uint32_t i = 0; i < board->count; i++)
        if (player_id_equal(&board->entries[i].player, player))
            return board->entries[i].score;
    return 0;
}

/* The scores of every epoch, looked back upon. */
static void check_past(const struct world *world)
{
    static struct model_board board;
    for (uint64_t epoch = FIRST; epoch < world->epoch; epoch++) {
        model_board(world->model, HUNT, epoch, &board);
        for (uint32_t i = 0; i < generate_players_count(world->players); i++) {
            const struct player_id *player = generate_player(world->players, i);
            const int64_t score = engine_score_before(world->engines[0][range_of(player)], HUNT,
                                                      player, epoch_start(epoch + 1, EPOCH_MS));
            assert_true(score == model_score(&board, player));
        }
    }
}

static void check_board(const struct world *world, uint32_t range)
{
    static struct model_board expected;
    static struct board_entry top[BOARD_TOP];
    model_board(world->model, HUNT, world->epoch, &expected);
    const uint32_t count = board_top(engine_board(world->engines[0][range], HUNT), top);
    uint32_t at = 0;
    for (uint32_t i = 0; i < expected.count; i++) {
        const struct model_board_entry *entry = &expected.entries[i];
        if (entry->range != range)
            continue;
        assert_true(at < count);
        assert_true(top[at].score == entry->score);
        assert_true(top[at].hlc == entry->hlc);
        assert_true(player_id_equal(&top[at].player, &entry->player));
        at++;
    }
    assert_int_equal(at, count);
}

static void check_awards(const struct world *world, uint32_t range)
{
    struct engine_award list[200];
    const struct engine_award_position start = {0};
    const uint32_t count = engine_awards(world->engines[0][range], HUNT, start, list, 200);
    uint32_t winners = 0;
    for (uint32_t i = 0; i < world->claim_count; i++) {
        const struct claim *claim = &world->claims[i];
        if (claim->range != range || claim->place == 0 ||
            claim->epoch >= world->settled_next[range])
            continue;
        uint32_t at = 0;
        while (at < count &&
               (list[at].treasure != claim->what.treasure || list[at].place != claim->place))
            at++;
        assert_true(at < count);
        assert_true(player_id_equal(&list[at].player, &claim->what.player));
        assert_int_equal(list[at].seq, claim->what.seq);
        assert_int_equal(list[at].uncertainty_us, claim->what.uncertainty_us);
        assert_true(list[at].hlc == claim->what.hlc);
        assert_true(list[at].log_index == claim->what.log_index);
        assert_true(list[at].epoch == claim->epoch);
        winners++;
    }
    assert_int_equal(winners, count);
    for (uint32_t i = 1; i < count; i++)
        assert_true(
            list[i - 1].treasure < list[i].treasure ||
            (list[i - 1].treasure == list[i].treasure && list[i - 1].place < list[i].place));
    for (uint16_t i = 0; i < TREASURES; i++)
        assert_int_equal(engine_awarded(world->engines[0][range], HUNT, i), world->known[range][i]);
}

static void check_everything(const struct world *world, struct seen *seen)
{
    for (uint32_t i = 0; i < generate_players_count(world->players); i++) {
        const struct player_id *player = generate_player(world->players, i);
        check_receipts(world, player);
        check_page(world, player, seen);
        check_reactions(world, player);
    }
    for (uint32_t range = 0; range < RANGES; range++) {
        check_board(world, range);
        check_awards(world, range);
        assert_true(engine_digest(world->engines[0][range]) ==
                    engine_digest(world->engines[1][range]));
    }
    check_past(world);
}

static void play_game(uint64_t seed, struct seen *seen)
{
    struct world *world = world_new(seed);
    for (uint32_t i = 0; i < EPOCHS; i++) {
        play_epoch(world, seen);
        close_epoch(world);
        if (i % (EPOCHS / VERSIONS) == EPOCHS / VERSIONS - 1 && world->version < VERSIONS)
            activate(world);
        settle_at_times(world, seen);
        if (i == EPOCHS / 2)
            check_everything(world, seen);
    }
    for (uint32_t range = 0; range < RANGES; range++) {
        if (world->settled_next[range] < world->epoch)
            settle(world, range, world->epoch - 1, seen);
        assert_int_equal(engine_pending(world->engines[0][range]), 0);
    }
    check_everything(world, seen);
    world_free(world);
}

static void engines_settle_as_the_model_does(void **state)
{
    (void)state;
    struct seen seen = {0};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        print_message("seed=%llu\n", (unsigned long long)seed);
        play_game(seed, &seen);
    }
    print_message("won %u, lost %u, won after lost %u, sold out %u, delivered %u, dropped %u\n",
                  seen.won, seen.lost, seen.won_after_lost, seen.sold_out, seen.delivered,
                  seen.dropped);
    assert_true(seen.won > 100);
    assert_true(seen.lost > 100);
    assert_true(seen.won_after_lost > 0);
    assert_true(seen.sold_out > 100);
    assert_true(seen.delivered > 100);
    assert_true(seen.dropped > 0);
    assert_true(seen.runs > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(engines_settle_as_the_model_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
