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
        const struct engine_config config = {.range = i % RANGES,
                                             .players_max = 100,
                                             .receipts_max = 2000,
                                             .epoch_ms = EPOCH_MS};
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

static uint32_t gifts_between(const struct world *world, uint64_t from, uint64_t through,
                              const struct engine_reaction *what)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->gift_count; i++) {
        const struct gift *gift = &world->gifts[i];
        count += gift->epoch >= from && gift->epoch <= through &&
                 player_id_equal(&gift->what.to, &what->to) &&
                 emoji_equal(&gift->what.emoji, &what->emoji);
    }
    return count;
}

static void check_given(const struct world *world)
{
    static struct engine_reaction lists[RANGES][500];
    uint32_t total = 0, distinct_counts = 0;
    for (uint32_t range = 0; range < RANGES; range++) {
        const uint32_t count = engine_given(world->engines[0][range], lists[range], 500);
        assert_true(count <= 500);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t elsewhere = 0; /* the lists are by giver's range, the gifts by receiver */
            for (uint32_t j = 0; j < range; j++)
                elsewhere += j < range;
            (void)elsewhere;
            total += lists[range][i].count;
            distinct_counts += lists[range][i].count > 0;
            if (i > 0)
                assert_true(player_id_compare(&lists[range][i - 1].to, &lists[range][i].to) <= 0);
        }
    }
    uint32_t expected = 0;
    for (uint32_t i = 0; i < world->gift_count; i++)
        expected += world->gifts[i].epoch == world->epoch;
    assert_int_equal(total, expected);
    (void)distinct_counts;
}
