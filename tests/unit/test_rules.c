/* tests/unit/test_rules.c -- Lines 2 to 9 of "How an action is judged", each at, below and above
 * its limit, and which line comes first. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cluster/clock/hlc.h"
#include "cluster/hunt/rules.h"

#define EPOCH_MS 10000
#define T_MS     INT64_C(1790000000000) /* an epoch's start */
#define T_US     (UINT64_C(1000) * T_MS)

/* A hunt with four treasures: 0 at (0, 0), 1 at (20, 0), 2 and 3 far away at (1000, 0); each
 * reaches 15 and brings 100. Tests change what they are about. */
struct scene {
    struct player player;
    struct hunt_state *hunt;
    uint64_t t_us;
    struct receipts receipts;
    struct action action;
    struct tap_set taps;
    struct definition definition;
    struct treasure treasures[4];
};

static void scene_init(struct scene *scene)
{
    *scene = (struct scene){.t_us = T_US};
    scene->definition.treasures = scene->treasures;
    scene->definition.treasure_count = 4;
    for (uint16_t i = 0; i < 4; i++) {
        struct treasure *treasure = &scene->treasures[i];
        (void)snprintf(treasure->id.text, sizeof treasure->id.text, "t%u", (unsigned)i);
        treasure->number = i;
        treasure->x = i < 2 ? 20 * i : 1000;
        treasure->radius = 15;
        treasure->points = 100;
    }
    scene->player.id.bytes[0] = 1;
    scene->action = (struct action){.kind = ACTION_CLAIM, .seq = 1, .player = scene->player.id};
    scene->action.time_ms = T_MS;
    scene->hunt = hunt_state_new(0);
    assert_non_null(scene->hunt);
    assert_int_equal(receipts_init(&scene->receipts, 8), STATUS_OK);
}

static void scene_fini(struct scene *scene)
{
    receipts_fini(&scene->receipts);
    hunt_state_free(scene->hunt);
}

/* What the definition, as it is now, makes of the action. */
static struct verdict judged(struct scene *scene)
{
    assert_int_equal(hunt_state_learn(scene->hunt, &scene->definition), STATUS_OK);
    assert_int_equal(hunt_state_activate(scene->hunt, scene->hunt->version + 1, &scene->definition,
                                         (uint64_t)T_MS / EPOCH_MS),
                     STATUS_OK);
    const struct trial trial = {.hunt = scene->hunt,
                                .player = &scene->player,
                                .taps = &scene->taps,
                                .receipts = &scene->receipts,
                                .action = &scene->action,
                                .t_us = scene->t_us,
                                .epoch_ms = EPOCH_MS};
    struct verdict verdict;
    memset(&verdict, 0xee, sizeof verdict);
    rules_judge(&trial, &verdict);
    return verdict;
}

static enum outcome outcome(struct scene *scene)
{
    return judged(scene).outcome;
}

static enum outcome outcome_at(struct scene *scene, uint64_t t_us)
{
    scene->t_us = t_us;
    return outcome(scene);
}

static enum outcome outcome_with_time(struct scene *scene, int64_t time_ms)
{
    scene->action.time_ms = time_ms;
    return outcome(scene);
}

/* Which treasure a click at (x, 0) comes to, as its number; -1: none. */
static int treasure_at(struct scene *scene, int32_t x)
{
    scene->action.x = x;
    const struct verdict verdict = judged(scene);
    return verdict.treasure != NULL ? verdict.treasure->number : -1;
}

/* Line 2. */

static void a_hunt_opens_at_its_moment(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.has_opens_at = true;
    scene.definition.opens_at_ms = T_MS;
    assert_int_equal(outcome_at(&scene, T_US - 1), OUTCOME_NOT_OPEN);
    assert_int_equal(outcome_at(&scene, T_US), OUTCOME_FOUND);
    assert_int_equal(outcome_at(&scene, T_US + 1), OUTCOME_FOUND);
    scene.definition.opens_at_ms = INT64_MAX;
    assert_int_equal(outcome_at(&scene, HLC_US_MAX), OUTCOME_NOT_OPEN);
    scene.definition.opens_at_ms = INT64_MIN;
    assert_int_equal(outcome_at(&scene, 0), OUTCOME_FOUND);
    scene_fini(&scene);
}

static void a_hunt_ends_at_its_moment(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.has_closes_at = true;
    scene.definition.closes_at_ms = T_MS;
    assert_int_equal(outcome_at(&scene, T_US - 1), OUTCOME_FOUND);
    assert_int_equal(outcome_at(&scene, T_US), OUTCOME_ENDED);
    assert_int_equal(outcome_at(&scene, T_US + 1), OUTCOME_ENDED);
    scene.definition.closes_at_ms = INT64_MIN;
    assert_int_equal(outcome_at(&scene, 0), OUTCOME_ENDED);
    scene.definition.closes_at_ms = INT64_MAX;
    assert_int_equal(outcome_at(&scene, HLC_US_MAX), OUTCOME_FOUND);
    scene_fini(&scene);
}

/* Line 3. */

/* Judges at t and keeps the bucket, as the engine does. */
static enum outcome spend_at(struct scene *scene, uint64_t t_us)
{
    scene->t_us = t_us;
    const struct verdict verdict = judged(scene);
    if (verdict.took_token) {
        scene->player.has_bucket = true;
        scene->player.bucket = verdict.bucket;
    }
    return verdict.outcome;
}

static void a_full_bucket_has_as_many_tokens_as_claims(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.rate_claims = 3;
    scene.definition.rate_per_ms = 1000;
    for (int i = 0; i < 3; i++)
        assert_int_equal(spend_at(&scene, T_US), OUTCOME_FOUND);
    assert_int_equal(spend_at(&scene, T_US), OUTCOME_RATE_LIMITED);
    /* A third of a second brings a token: 333 334 us, as 333 333 bring 999 999 of 10^6 units. */
    assert_int_equal(spend_at(&scene, T_US + 333333), OUTCOME_RATE_LIMITED);
    assert_int_equal(spend_at(&scene, T_US + 333334), OUTCOME_FOUND);
    /* What was too much stays: 2 units, so the next token takes a microsecond less. */
    assert_int_equal(spend_at(&scene, T_US + 666666), OUTCOME_RATE_LIMITED);
    assert_int_equal(spend_at(&scene, T_US + 666667), OUTCOME_FOUND);
    scene_fini(&scene);
}

static void a_bucket_holds_no_more_than_it_does_when_full(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.rate_claims = 2;
    scene.definition.rate_per_ms = 10;
    assert_int_equal(spend_at(&scene, T_US), OUTCOME_FOUND);
    const uint64_t late = HLC_US_MAX;
    assert_int_equal(spend_at(&scene, late), OUTCOME_FOUND);
    assert_int_equal(spend_at(&scene, late), OUTCOME_FOUND);
    assert_int_equal(spend_at(&scene, late), OUTCOME_RATE_LIMITED);
    scene_fini(&scene);
}

static void the_largest_rate_is_counted_exactly(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.rate_claims = RATE_CLAIMS_MAX;
    scene.definition.rate_per_ms = RATE_PER_MS_MAX;
    const uint64_t token = UINT64_C(1000) * RATE_PER_MS_MAX;
    const uint64_t full = token * RATE_CLAIMS_MAX;
    assert_int_equal(spend_at(&scene, T_US), OUTCOME_FOUND);
    assert_true(scene.player.bucket.units == full - token);
    assert_int_equal(spend_at(&scene, T_US + 1), OUTCOME_FOUND);
    assert_true(scene.player.bucket.units == full - 2 * token + RATE_CLAIMS_MAX);
    scene.player.bucket.units = 0;
    assert_int_equal(spend_at(&scene, T_US + token), OUTCOME_FOUND);
    assert_true(scene.player.bucket.units == (token - 1) * RATE_CLAIMS_MAX - token);
    scene.player.bucket.units = 0;
    assert_int_equal(spend_at(&scene, T_US + 2 * token), OUTCOME_FOUND);
    assert_true(scene.player.bucket.units == full - token);
    scene_fini(&scene);
}

static void another_rate_goes_on_with_the_units_there_are(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.rate_claims = 10;
    scene.definition.rate_per_ms = 1000;
    assert_int_equal(spend_at(&scene, T_US), OUTCOME_FOUND);
    assert_true(scene.player.bucket.units == 9000000);
    scene.definition.rate_claims = 2;
    assert_int_equal(spend_at(&scene, T_US), OUTCOME_FOUND);
    assert_int_equal(spend_at(&scene, T_US), OUTCOME_FOUND);
    assert_int_equal(spend_at(&scene, T_US), OUTCOME_RATE_LIMITED);
    scene.definition.rate_claims = 0;
    assert_int_equal(spend_at(&scene, T_US), OUTCOME_FOUND);
    scene_fini(&scene);
}

static void reactions_and_refused_clocks_take_tokens_and_early_actions_do_not(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.rate_claims = 2;
    scene.definition.rate_per_ms = 1000;
    scene.definition.has_opens_at = true;
    scene.definition.opens_at_ms = T_MS;
    assert_int_equal(spend_at(&scene, T_US - 1), OUTCOME_NOT_OPEN);
    assert_false(scene.player.has_bucket);
    scene.action.kind = ACTION_REACTION;
    assert_int_equal(spend_at(&scene, T_US), OUTCOME_INVALID);
    scene.definition.claim_ttl_ms = 1;
    scene.action.time_ms = 0;
    assert_int_equal(spend_at(&scene, T_US), OUTCOME_EXPIRED);
    assert_int_equal(spend_at(&scene, T_US), OUTCOME_RATE_LIMITED);
    scene_fini(&scene);
}

/* Line 4. */

static void a_client_may_be_ahead_by_the_tolerance(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.clock_tolerance_ms = 5000;
    assert_int_equal(outcome_with_time(&scene, T_MS + 4999), OUTCOME_FOUND);
    assert_int_equal(outcome_with_time(&scene, T_MS + 5000), OUTCOME_FOUND);
    assert_int_equal(outcome_with_time(&scene, T_MS + 5001), OUTCOME_CLOCK_SKEW);
    /* t counts in microseconds. */
    scene.t_us = T_US - 1;
    assert_int_equal(outcome_with_time(&scene, T_MS + 5000), OUTCOME_CLOCK_SKEW);
    scene_fini(&scene);
}

static void a_claim_may_be_as_old_as_it_lives(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.claim_ttl_ms = 10000;
    assert_int_equal(outcome_with_time(&scene, T_MS - 9999), OUTCOME_FOUND);
    assert_int_equal(outcome_with_time(&scene, T_MS - 10000), OUTCOME_FOUND);
    assert_int_equal(outcome_with_time(&scene, T_MS - 10001), OUTCOME_EXPIRED);
    scene.t_us = T_US + 1;
    assert_int_equal(outcome_with_time(&scene, T_MS - 10000), OUTCOME_EXPIRED);
    scene_fini(&scene);
}

static void any_client_time_is_compared_without_overflow(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.clock_tolerance_ms = CLOCK_TOLERANCE_MS_MAX;
    scene.definition.claim_ttl_ms = CLAIM_TTL_MS_MAX;
    static const uint64_t moments[] = {0, 1, T_US, HLC_US_MAX};
    static const int64_t ahead[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 1000,
                                    INT64_MAX / 1000 + 1};
    static const int64_t behind[] = {INT64_MIN, INT64_MIN + 1, INT64_MIN / 1000,
                                     INT64_MIN / 1000 - 1, -CLAIM_TTL_MS_MAX - 1};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        scene.t_us = moments[i];
        for (size_t j = 0; j < sizeof ahead / sizeof ahead[0]; j++)
            assert_int_equal(outcome_with_time(&scene, ahead[j]), OUTCOME_CLOCK_SKEW);
        for (size_t j = 0; j < sizeof behind / sizeof behind[0]; j++)
            assert_int_equal(outcome_with_time(&scene, behind[j]), OUTCOME_EXPIRED);
    }
    scene_fini(&scene);
}

static void the_year_2038_is_a_year_like_any_other(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.clock_tolerance_ms = 1000;
    scene.definition.claim_ttl_ms = 1000;
    for (int64_t second = INT64_C(2147483646); second <= INT64_C(2147483649); second++) {
        scene.t_us = (uint64_t)second * 1000000;
        assert_int_equal(outcome_with_time(&scene, second * 1000 + 1000), OUTCOME_FOUND);
        assert_int_equal(outcome_with_time(&scene, second * 1000 - 1001), OUTCOME_EXPIRED);
    }
    scene_fini(&scene);
}

static void without_limits_any_client_time_will_do(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    assert_int_equal(outcome_with_time(&scene, INT64_MAX), OUTCOME_FOUND);
    assert_int_equal(outcome_with_time(&scene, INT64_MIN), OUTCOME_FOUND);
    scene_fini(&scene);
}

/* Line 5. */

static void a_reaction_needs_a_known_emoji_and_another_player(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.emoji_count = 2;
    scene.definition.emoji[0] = (struct emoji){.length = 1, .text = "a"};
    scene.definition.emoji[1] = (struct emoji){.length = 2, .text = "bc"};
    scene.action.kind = ACTION_REACTION;
    scene.action.to.bytes[0] = 2;
    scene.action.emoji = scene.definition.emoji[1];
    assert_int_equal(outcome(&scene), OUTCOME_REACTED);
    assert_null(judged(&scene).treasure);
    scene.action.emoji = (struct emoji){.length = 1, .text = "b"};
    assert_int_equal(outcome(&scene), OUTCOME_INVALID);
    scene.action.emoji = scene.definition.emoji[0];
    scene.action.to = scene.action.player;
    assert_int_equal(outcome(&scene), OUTCOME_INVALID);
    scene_fini(&scene);
}

/* Line 6. */

static void a_player_may_go_exactly_as_fast_as_allowed(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.max_speed = 10;
    scene.player.place_x = 100;
    scene.player.place_us = T_US;
    assert_int_equal(outcome(&scene), OUTCOME_FOUND); /* his first one */
    scene.player.has_place = true;
    assert_int_equal(outcome(&scene), OUTCOME_TOO_FAST);
    assert_int_equal(outcome_at(&scene, T_US + 9999999), OUTCOME_TOO_FAST);
    assert_int_equal(outcome_at(&scene, T_US + 10000000), OUTCOME_FOUND);
    scene.action.x = 1;
    assert_int_equal(outcome_at(&scene, T_US + 9900000), OUTCOME_FOUND);
    scene.definition.max_speed = 0;
    assert_int_equal(outcome_at(&scene, T_US), OUTCOME_FOUND);
    scene_fini(&scene);
}

/* Line 7. */

static void a_radius_reaches_exactly_so_far(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    assert_int_equal(treasure_at(&scene, -15), 0);
    assert_int_equal(treasure_at(&scene, -16), -1);
    assert_int_equal(treasure_at(&scene, 35), 1);
    assert_int_equal(treasure_at(&scene, 36), -1);
    scene.action.y = 9;
    assert_int_equal(treasure_at(&scene, -12), 0);
    scene.action.y = 10;
    assert_int_equal(treasure_at(&scene, -12), -1);
    scene_fini(&scene);
}

static void the_nearest_of_a_class_decides_and_then_the_first(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    assert_int_equal(treasure_at(&scene, 9), 0);
    assert_int_equal(treasure_at(&scene, 10), 0);
    assert_int_equal(treasure_at(&scene, 11), 1);
    assert_int_equal(treasure_at(&scene, 1000), 2);
    scene_fini(&scene);
}

static void classes_come_before_distance(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    struct treasure *near = &scene.treasures[0], *far = &scene.treasures[1];
    scene.action.x = 6;

    /* (d) gives way to (c), (c) to (b), (b) to (a). */
    scene.player.his = 1;
    far->has_window = true;
    far->window_from_ms = T_MS + 1;
    far->window_to_ms = T_MS + 2;
    assert_int_equal(outcome(&scene), OUTCOME_CLOSED);
    assert_int_equal(treasure_at(&scene, 6), 1);

    scene.player.his = 0;
    near->has_window = true;
    near->window_from_ms = 0;
    near->window_to_ms = T_MS;
    far->has_window = false;
    far->supply = 2;
    scene.hunt->awarded[1] = 2;
    assert_int_equal(outcome(&scene), OUTCOME_SOLD_OUT);
    assert_int_equal(treasure_at(&scene, 6), 1);

    near->has_window = false;
    near->supply = 1;
    scene.hunt->awarded[0] = 1;
    scene.hunt->awarded[1] = 1;
    assert_int_equal(outcome(&scene), OUTCOME_PENDING);
    assert_int_equal(treasure_at(&scene, 6), 1);

    /* All of one class: the nearest again. */
    scene.hunt->awarded[1] = 2;
    assert_int_equal(outcome(&scene), OUTCOME_SOLD_OUT);
    assert_int_equal(treasure_at(&scene, 6), 0);
    scene.player.his = 3;
    assert_int_equal(outcome(&scene), OUTCOME_ALREADY);
    assert_int_equal(treasure_at(&scene, 6), 0);
    scene_fini(&scene);
}

static void a_pending_treasure_is_already_his_and_a_lost_one_is_not(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.treasures[0].supply = 1;
    scene.player.pending = 1;
    assert_int_equal(outcome(&scene), OUTCOME_ALREADY);
    scene.player.pending = 0; /* lost */
    assert_int_equal(outcome(&scene), OUTCOME_PENDING);
    scene.hunt->awarded[0] = 1;
    assert_int_equal(outcome(&scene), OUTCOME_SOLD_OUT);
    scene_fini(&scene);
}

static void supply_is_left_until_settled_awards_reach_it(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.treasures[0].supply = 3;
    const enum outcome expected[] = {OUTCOME_PENDING, OUTCOME_PENDING, OUTCOME_PENDING,
                                     OUTCOME_SOLD_OUT, OUTCOME_SOLD_OUT};
    for (uint32_t awarded = 0; awarded < 5; awarded++) {
        scene.hunt->awarded[0] = awarded;
        assert_int_equal(outcome(&scene), expected[awarded]);
    }
    scene_fini(&scene);
}

static void a_window_has_its_first_moment_and_not_its_last(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.treasures[0].has_window = true;
    scene.treasures[0].window_from_ms = T_MS;
    scene.treasures[0].window_to_ms = T_MS + 2;
    assert_int_equal(outcome_at(&scene, T_US - 1), OUTCOME_CLOSED);
    assert_int_equal(outcome_at(&scene, T_US), OUTCOME_FOUND);
    assert_int_equal(outcome_at(&scene, T_US + 1999), OUTCOME_FOUND);
    assert_int_equal(outcome_at(&scene, T_US + 2000), OUTCOME_CLOSED);
    scene_fini(&scene);
}

static void a_locked_treasure_answers_like_an_empty_place(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.treasures[0].requires_count = 2;
    scene.treasures[0].requires[0] = 2;
    scene.treasures[0].requires[1] = 3;
    scene.treasures[0].has_window = true; /* would be closed */
    static const uint64_t not_enough[] = {0, 4, 8, 3};
    for (size_t i = 0; i < 4; i++) {
        scene.player.his = not_enough[i];
        assert_int_equal(outcome(&scene), OUTCOME_NOTHING);
        assert_null(judged(&scene).treasure);
    }
    scene.player.pending = 4; /* pending is not won yet */
    scene.player.his = 8;
    assert_int_equal(outcome(&scene), OUTCOME_NOTHING);
    scene.player.his = 12;
    assert_int_equal(outcome(&scene), OUTCOME_CLOSED);
    scene_fini(&scene);
}

static void reactions_unlock_when_there_are_enough(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.treasures[0].unlock_reactions = 5;
    scene.player.reactions = 4;
    assert_int_equal(outcome(&scene), OUTCOME_NOTHING);
    scene.player.reactions = 5;
    assert_int_equal(outcome(&scene), OUTCOME_FOUND);
    scene.player.reactions = UINT32_MAX;
    assert_int_equal(outcome(&scene), OUTCOME_FOUND);
    scene_fini(&scene);
}

static void high_numbers_are_known_from_the_receipts(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.treasures[0].number = 64;
    scene.treasures[1].number = TREASURE_NUMBERS_MAX - 1;
    assert_int_equal(outcome(&scene), OUTCOME_FOUND);
    const struct receipt found = {.seq = 1, .treasure = 64, .outcome = OUTCOME_FOUND};
    receipts_push(&scene.receipts, &scene.player.receipts, &found);
    assert_int_equal(outcome(&scene), OUTCOME_ALREADY);
    assert_int_equal(treasure_at(&scene, 10), TREASURE_NUMBERS_MAX - 1);
    const struct receipt pending = {
        .seq = 2, .treasure = TREASURE_NUMBERS_MAX - 1, .outcome = OUTCOME_PENDING};
    receipts_push(&scene.receipts, &scene.player.receipts, &pending);
    scene.action.x = 20;
    assert_int_equal(outcome(&scene), OUTCOME_ALREADY);

    scene.treasures[2].requires_count = 1;
    scene.action.x = 1000;
    scene.treasures[3].x = 0;
    scene.treasures[2].requires[0] = 0;
    assert_int_equal(outcome(&scene), OUTCOME_FOUND);
    scene.treasures[2].requires[0] = 1;
    assert_int_equal(outcome(&scene), OUTCOME_NOTHING);
    scene_fini(&scene);
}

/* Line 8. */

static void a_pattern_takes_its_clicks_within_its_time(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.treasures[0].taps_count = 3;
    scene.treasures[0].taps_within_ms = 5000;
    assert_int_equal(outcome(&scene), OUTCOME_TAP);
    assert_int_equal(judged(&scene).points, 0);
    taps_click(&scene.taps, 0, T_US);
    assert_int_equal(outcome(&scene), OUTCOME_TAP);
    taps_click(&scene.taps, 0, T_US + 1000);
    assert_int_equal(outcome_at(&scene, T_US + 5000000), OUTCOME_FOUND);
    assert_int_equal(outcome_at(&scene, T_US + 5000001), OUTCOME_TAP);
    /* A longer time, by another version, lets the first one count again. */
    scene.treasures[0].taps_within_ms = 5001;
    assert_int_equal(outcome(&scene), OUTCOME_FOUND);
    scene_fini(&scene);
}

static void clicks_count_for_their_treasure_only(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.treasures[0].taps_count = 2;
    scene.treasures[0].taps_within_ms = 5000;
    taps_click(&scene.taps, 1, T_US);
    assert_int_equal(outcome(&scene), OUTCOME_TAP);
    taps_click(&scene.taps, 0, T_US);
    assert_int_equal(outcome(&scene), OUTCOME_FOUND);
    taps_forget(&scene.taps, 0);
    assert_int_equal(outcome(&scene), OUTCOME_TAP);
    assert_int_equal(taps_count(&scene.taps, 1, T_US, 1), 1);
    scene_fini(&scene);
}

static void the_longest_pattern_takes_sixteen_clicks(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.treasures[0].taps_count = TAPS_MAX;
    scene.treasures[0].taps_within_ms = TAPS_WITHIN_MS_MAX;
    const uint64_t hour_us = UINT64_C(1000) * TAPS_WITHIN_MS_MAX;
    for (uint64_t click = 0; click < TAPS_MAX - 1; click++) {
        assert_int_equal(outcome_at(&scene, T_US + click), OUTCOME_TAP);
        taps_click(&scene.taps, 0, T_US + click);
    }
    assert_int_equal(outcome_at(&scene, T_US + hour_us), OUTCOME_FOUND);
    assert_int_equal(outcome_at(&scene, T_US + hour_us + 1), OUTCOME_TAP);
    /* More clicks than can matter push the oldest out. */
    taps_click(&scene.taps, 0, T_US + hour_us + 1);
    assert_int_equal(taps_count(&scene.taps, 0, T_US + hour_us + 1, TAPS_WITHIN_MS_MAX),
                     TAPS_MAX - 1);
    assert_int_equal(outcome_at(&scene, T_US + hour_us + 1), OUTCOME_FOUND);
    scene_fini(&scene);
}

static void a_fifth_pattern_replaces_the_one_left_alone_longest(void **state)
{
    (void)state;
    struct tap_set set = {.patterns = {{.clicks = 0}}};
    for (uint16_t treasure = 0; treasure < 4; treasure++)
        taps_click(&set, treasure, T_US + treasure);
    taps_click(&set, 0, T_US + 4); /* now 1 is the oldest */
    taps_click(&set, 9, T_US + 4); /* the same microsecond, but later */
    const uint32_t expected[] = {2, 0, 1, 1};
    for (uint16_t treasure = 0; treasure < 4; treasure++)
        assert_int_equal(taps_count(&set, treasure, T_US + 5, 1000), expected[treasure]);
    assert_int_equal(taps_count(&set, 9, T_US + 5, 1000), 1);
    taps_click(&set, 8, T_US + 6); /* 2 goes */
    taps_click(&set, 7, T_US + 6); /* 3 goes */
    taps_click(&set, 6, T_US + 6); /* 0 goes, as 9 was clicked after it */
    assert_int_equal(taps_count(&set, 0, T_US + 6, 1000), 0);
    assert_int_equal(taps_count(&set, 9, T_US + 6, 1000), 1);
}

static void clicks_long_ago_are_forgotten_exactly_at_the_longest_time(void **state)
{
    (void)state;
    const uint64_t hour_us = UINT64_C(1000) * TAPS_WITHIN_MS_MAX;
    struct tap_set set = {.patterns = {{.clicks = 0}}};
    taps_click(&set, 5, T_US);
    taps_click(&set, 5, T_US + hour_us);
    assert_int_equal(taps_count(&set, 5, T_US + hour_us, TAPS_WITHIN_MS_MAX), 2);
    taps_click(&set, 5, T_US + hour_us + 1);
    assert_int_equal(taps_count(&set, 5, T_US + hour_us + 1, TAPS_WITHIN_MS_MAX), 2);
    taps_click(&set, 5, HLC_US_MAX);
    assert_int_equal(taps_count(&set, 5, HLC_US_MAX, TAPS_WITHIN_MS_MAX), 1);
}

/* Line 9. */

static uint32_t points_at(struct scene *scene, uint64_t t_us)
{
    scene->t_us = t_us;
    const struct verdict verdict = judged(scene);
    assert_int_equal(verdict.outcome, OUTCOME_FOUND);
    return verdict.points;
}

static void points_fall_with_each_whole_period_down_to_the_floor(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    struct treasure *treasure = &scene.treasures[0];
    treasure->decay_per_ms = 60000;
    treasure->decay_points = 30;
    treasure->decay_floor = 20;
    const uint64_t minute = 60000000;
    /* From the first active epoch, which starts at T. */
    assert_int_equal(points_at(&scene, T_US), 100);
    assert_int_equal(points_at(&scene, T_US + minute - 1), 100);
    assert_int_equal(points_at(&scene, T_US + minute), 70);
    assert_int_equal(points_at(&scene, T_US + 2 * minute), 40);
    assert_int_equal(points_at(&scene, T_US + 3 * minute - 1), 40);
    assert_int_equal(points_at(&scene, T_US + 3 * minute), 20);
    assert_int_equal(points_at(&scene, HLC_US_MAX), 20);
    treasure->decay_floor = 40;
    assert_int_equal(points_at(&scene, T_US + 2 * minute), 40);
    treasure->decay_floor = 100;
    assert_int_equal(points_at(&scene, T_US + 2 * minute), 100);
    treasure->decay_floor = 0;
    treasure->decay_points = 0;
    assert_int_equal(points_at(&scene, HLC_US_MAX), 100);
    treasure->decay_points = UINT32_MAX;
    assert_int_equal(points_at(&scene, T_US + minute), 0);
    treasure->decay_per_ms = 0;
    assert_int_equal(points_at(&scene, HLC_US_MAX), 100);
    scene_fini(&scene);
}

static void decay_starts_with_the_window_else_with_the_hunt(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    struct treasure *treasure = &scene.treasures[0];
    treasure->decay_per_ms = 1000;
    treasure->decay_points = 1;
    scene.definition.has_opens_at = true;
    scene.definition.opens_at_ms = T_MS - 10000;
    assert_int_equal(points_at(&scene, T_US), 90);
    scene.definition.opens_at_ms = -5000; /* before 1970 */
    treasure->points = 2000000;
    assert_int_equal(points_at(&scene, 1000000), 2000000 - 6);
    treasure->has_window = true;
    treasure->window_from_ms = T_MS - 3000;
    treasure->window_to_ms = T_MS + 3000;
    treasure->points = 100;
    assert_int_equal(points_at(&scene, T_US), 97);
    scene_fini(&scene);
}

static void the_first_activation_is_that_of_the_treasure_and_not_of_the_version(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.treasures[0].decay_per_ms = 10000;
    scene.treasures[0].decay_points = 1;
    scene.definition.treasure_count = 1;
    const uint64_t epoch = (uint64_t)T_MS / EPOCH_MS;
    assert_int_equal(hunt_state_learn(scene.hunt, &scene.definition), STATUS_OK);
    assert_int_equal(hunt_state_activate(scene.hunt, 1, &scene.definition, epoch - 7), STATUS_OK);
    scene.definition.treasure_count = 4;
    assert_int_equal(points_at(&scene, T_US), 93);
    assert_int_equal(hunt_state_first_epoch(scene.hunt, 0), epoch - 7);
    assert_int_equal(hunt_state_first_epoch(scene.hunt, 1), epoch);
    scene_fini(&scene);
}

static void limited_treasures_stay_pending_with_what_they_would_bring(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.treasures[0].supply = 1;
    scene.treasures[0].points = 0;
    assert_int_equal(outcome(&scene), OUTCOME_PENDING);
    scene.treasures[0].points = POINTS_MAX;
    assert_int_equal(judged(&scene).points, POINTS_MAX);
    scene_fini(&scene);
}

/* The order of the lines: everything is wrong with this claim, and is put right line by line. */
static void the_first_line_that_applies_decides(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.definition.has_opens_at = true;
    scene.definition.opens_at_ms = T_MS + 1;
    scene.definition.has_closes_at = true;
    scene.definition.closes_at_ms = T_MS;
    scene.definition.rate_claims = 1;
    scene.definition.rate_per_ms = 1000;
    scene.definition.clock_tolerance_ms = 1;
    scene.definition.claim_ttl_ms = 1;
    scene.definition.max_speed = 1;
    scene.player.has_bucket = true;
    scene.player.bucket.at_us = T_US;
    scene.player.has_place = true;
    scene.player.place_x = 5000;
    scene.player.place_us = T_US;
    scene.action.time_ms = T_MS + 2;
    scene.treasures[0].taps_count = 2;
    scene.treasures[0].taps_within_ms = 1;
    scene.treasures[0].requires_count = 1;
    scene.treasures[0].requires[0] = 2;

    assert_int_equal(outcome(&scene), OUTCOME_NOT_OPEN);
    scene.definition.has_opens_at = false;
    assert_int_equal(outcome(&scene), OUTCOME_ENDED);
    scene.definition.has_closes_at = false;
    assert_int_equal(outcome(&scene), OUTCOME_RATE_LIMITED);
    scene.player.has_bucket = false;
    assert_int_equal(outcome(&scene), OUTCOME_CLOCK_SKEW);
    scene.action.time_ms = T_MS - 2;
    assert_int_equal(outcome(&scene), OUTCOME_EXPIRED);
    scene.action.time_ms = T_MS;
    assert_int_equal(outcome(&scene), OUTCOME_TOO_FAST);
    scene.player.place_x = 0;
    assert_int_equal(outcome(&scene), OUTCOME_NOTHING);
    scene.player.his = 4;
    assert_int_equal(outcome(&scene), OUTCOME_TAP);
    scene.treasures[0].taps_count = 0;
    assert_int_equal(outcome(&scene), OUTCOME_FOUND);
    scene_fini(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hunt_opens_at_its_moment),
        cmocka_unit_test(a_hunt_ends_at_its_moment),
        cmocka_unit_test(a_full_bucket_has_as_many_tokens_as_claims),
        cmocka_unit_test(a_bucket_holds_no_more_than_it_does_when_full),
        cmocka_unit_test(the_largest_rate_is_counted_exactly),
        cmocka_unit_test(another_rate_goes_on_with_the_units_there_are),
        cmocka_unit_test(reactions_and_refused_clocks_take_tokens_and_early_actions_do_not),
        cmocka_unit_test(a_client_may_be_ahead_by_the_tolerance),
        cmocka_unit_test(a_claim_may_be_as_old_as_it_lives),
        cmocka_unit_test(any_client_time_is_compared_without_overflow),
        cmocka_unit_test(the_year_2038_is_a_year_like_any_other),
        cmocka_unit_test(without_limits_any_client_time_will_do),
        cmocka_unit_test(a_reaction_needs_a_known_emoji_and_another_player),
        cmocka_unit_test(a_player_may_go_exactly_as_fast_as_allowed),
        cmocka_unit_test(a_radius_reaches_exactly_so_far),
        cmocka_unit_test(the_nearest_of_a_class_decides_and_then_the_first),
        cmocka_unit_test(classes_come_before_distance),
        cmocka_unit_test(a_pending_treasure_is_already_his_and_a_lost_one_is_not),
        cmocka_unit_test(supply_is_left_until_settled_awards_reach_it),
        cmocka_unit_test(a_window_has_its_first_moment_and_not_its_last),
        cmocka_unit_test(a_locked_treasure_answers_like_an_empty_place),
        cmocka_unit_test(reactions_unlock_when_there_are_enough),
        cmocka_unit_test(high_numbers_are_known_from_the_receipts),
        cmocka_unit_test(a_pattern_takes_its_clicks_within_its_time),
        cmocka_unit_test(clicks_count_for_their_treasure_only),
        cmocka_unit_test(the_longest_pattern_takes_sixteen_clicks),
        cmocka_unit_test(a_fifth_pattern_replaces_the_one_left_alone_longest),
        cmocka_unit_test(clicks_long_ago_are_forgotten_exactly_at_the_longest_time),
        cmocka_unit_test(points_fall_with_each_whole_period_down_to_the_floor),
        cmocka_unit_test(decay_starts_with_the_window_else_with_the_hunt),
        cmocka_unit_test(the_first_activation_is_that_of_the_treasure_and_not_of_the_version),
        cmocka_unit_test(limited_treasures_stay_pending_with_what_they_would_bring),
        cmocka_unit_test(the_first_line_that_applies_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
