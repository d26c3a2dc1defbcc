#include "cluster/hunt/rules.h"

#include <stddef.h>

#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"

/* Client times and those of a hunt file may be any number of milliseconds, far beyond what
 * microseconds can hold: sums and products stop at the ends of the scale. */
#define US_PER_MS 1000

static int64_t us_from_ms(int64_t ms)
{
    if (ms > INT64_MAX / US_PER_MS)
        return INT64_MAX;
    if (ms < INT64_MIN / US_PER_MS)
        return INT64_MIN;
    return ms * US_PER_MS;
}

/* a - b. */
static int64_t difference(int64_t a, int64_t b)
{
    if (b < 0 && a > INT64_MAX + b)
        return INT64_MAX;
    if (b > 0 && a < INT64_MIN + b)
        return INT64_MIN;
    return a - b;
}

/* t has 52 bits. */
static bool is_before(uint64_t t_us, int64_t moment_ms)
{
    return (int64_t)t_us < us_from_ms(moment_ms);
}

static uint64_t passed_us(uint64_t t_us, uint64_t since_us)
{
    return t_us > since_us ? t_us - since_us : 0;
}

/* Line 3. A token is per_ms x 1000 units, a microsecond brings `claims` of them, and a full bucket
 * has `claims` tokens. When a version changes the rate, the units stay, up to what is full now. */
_Static_assert(UINT64_C(1000) * RATE_CLAIMS_MAX * RATE_PER_MS_MAX < UINT64_MAX / 2,
               "a full bucket and as much again fit in 64 bits");

static bool take_token(const struct trial *trial, struct bucket *ret_bucket)
{
    const struct definition *definition = trial->hunt->definition;
    const struct player *player = trial->player;
    const uint64_t token = UINT64_C(1000) * definition->rate_per_ms;
    const uint64_t full = token * definition->rate_claims;
    uint64_t units = full;
    if (player->has_bucket) {
        /* After per_ms any bucket is full; before that the product is small. */
        const uint64_t passed = passed_us(trial->t_us, player->bucket.at_us);
        const uint64_t brought = passed < token ? passed * definition->rate_claims : full;
        units = player->bucket.units < full ? player->bucket.units + brought : full;
        units = units < full ? units : full;
    }
    if (units < token)
        return false;
    *ret_bucket = (struct bucket){.units = units - token, .at_us = trial->t_us};
    return true;
}

/* Line 4. OUTCOME_NONE: the client's clock will do. */
static enum outcome judge_clock(const struct definition *definition, int64_t time_ms, uint64_t t_us)
{
    const int64_t ahead_us = difference(us_from_ms(time_ms), (int64_t)t_us);
    const int64_t behind_us = difference((int64_t)t_us, us_from_ms(time_ms));
    if (definition->clock_tolerance_ms > 0 && ahead_us > us_from_ms(definition->clock_tolerance_ms))
        return OUTCOME_CLOCK_SKEW;
    if (definition->claim_ttl_ms > 0 && behind_us > us_from_ms(definition->claim_ttl_ms))
        return OUTCOME_EXPIRED;
    return OUTCOME_NONE;
}

/* Line 5. */
static enum outcome judge_reaction(const struct definition *definition, const struct action *action)
{
    if (player_id_equal(&action->player, &action->to))
        return OUTCOME_INVALID;
    for (uint32_t i = 0; i < definition->emoji_count; i++) {
        if (emoji_equal(&definition->emoji[i], &action->emoji))
            return OUTCOME_REACTED;
    }
    return OUTCOME_INVALID;
}

/* Line 6. */
static bool is_too_fast(const struct trial *trial, const struct spot *here)
{
    const struct definition *definition = trial->hunt->definition;
    const struct player *player = trial->player;
    if (definition->max_speed == 0 || !player->has_place)
        return false;
    const struct spot there = geo_spot(definition->plane, player->place_x, player->place_y);
    return geo_too_fast(definition->plane, &there, here, definition->max_speed,
                        passed_us(trial->t_us, player->place_us));
}

bool rules_unlocked(const struct treasure *treasure, const struct player *player)
{
    return player->reactions >= treasure->unlock_reactions;
}

bool rules_reached(const struct definition *definition, const struct treasure *treasure,
                   struct holdings *holdings)
{
    for (uint32_t i = 0; i < treasure->requires_count; i++) {
        CHECK(treasure->requires[i] < definition -> treasure_count);
        if (!holdings_his(holdings, definition->treasures[treasure->requires[i]].number))
            return false;
    }
    return true;
}

bool rules_in_window(const struct treasure *treasure, uint64_t t_us)
{
    if (!treasure->has_window)
        return true;
    return !is_before(t_us, treasure->window_from_ms) && is_before(t_us, treasure->window_to_ms);
}

bool rules_hunt_open(const struct definition *definition, uint64_t t_us)
{
    if (definition->has_opens_at && is_before(t_us, definition->opens_at_ms))
        return false;
    return !definition->has_closes_at || is_before(t_us, definition->closes_at_ms);
}

/* Line 7: what a treasure that is open to the player has for him; a lower class decides. */
enum candidate_class {
    CLASS_FREE,
    CLASS_SOLD_OUT,
    CLASS_CLOSED,
    CLASS_ALREADY,
    CLASS_NONE,
};

static enum candidate_class classify(const struct trial *trial, const struct treasure *treasure,
                                     struct holdings *holdings)
{
    if (holdings_his(holdings, treasure->number) || holdings_pending(holdings, treasure->number))
        return CLASS_ALREADY;
    if (!rules_in_window(treasure, trial->t_us))
        return CLASS_CLOSED;
    if (treasure->supply > 0 && trial->hunt->awarded[treasure->number] >= treasure->supply)
        return CLASS_SOLD_OUT;
    return CLASS_FREE;
}

struct candidate {
    enum candidate_class class;
    uint64_t square;
    uint16_t place;
};

static bool is_better(const struct candidate *a, const struct candidate *b)
{
    if (a->class != b->class)
        return a->class < b->class;
    if (a->square != b->square)
        return a->square < b->square;
    return a->place < b->place;
}

static struct candidate best_candidate(const struct trial *trial, const struct spot *spot)
{
    const struct definition *definition = trial->hunt->definition;
    struct candidate best = {.class = CLASS_NONE};
    struct holdings holdings;
    holdings_init(&holdings, trial->player, trial->receipts);
    struct places_scan scan = places_around(trial->hunt->places, spot);
    struct places_hit hit;
    while (places_next(&scan, &hit)) {
        const struct treasure *treasure = &definition->treasures[hit.place];
        if (!rules_unlocked(treasure, trial->player) ||
            !rules_reached(definition, treasure, &holdings))
            continue;
        const struct candidate candidate = {
            .class = classify(trial, treasure, &holdings),
            .square = hit.square,
            .place = hit.place,
        };
        if (is_better(&candidate, &best))
            best = candidate;
    }
    return best;
}

/* Line 8. */
static bool is_tap(const struct trial *trial, const struct treasure *treasure)
{
    if (treasure->taps_count == 0)
        return false;
    const uint32_t before =
        taps_count(trial->taps, treasure->number, trial->t_us, treasure->taps_within_ms);
    return before + 1 < treasure->taps_count;
}

/* Line 9. */
static int64_t decay_start_us(const struct hunt_state *hunt, const struct treasure *treasure,
                              uint32_t epoch_ms)
{
    const struct definition *definition = hunt->definition;
    if (treasure->has_window)
        return us_from_ms(treasure->window_from_ms);
    if (definition->has_opens_at)
        return us_from_ms(definition->opens_at_ms);
    const uint64_t epoch = hunt_state_first_epoch(hunt, treasure->number);
    return (int64_t)hlc_us(epoch_start(epoch, epoch_ms));
}

uint32_t rules_points(const struct hunt_state *hunt, const struct treasure *treasure,
                      uint32_t epoch_ms, uint64_t t_us)
{
    if (treasure->decay_per_ms == 0 || treasure->points <= treasure->decay_floor)
        return treasure->points;
    const int64_t start = decay_start_us(hunt, treasure, epoch_ms);
    const int64_t passed = difference((int64_t)t_us, start);
    if (passed < 0)
        return treasure->points;
    const uint64_t steps = (uint64_t)passed / (UINT64_C(1000) * treasure->decay_per_ms);
    const uint32_t range = treasure->points - treasure->decay_floor;
    if (treasure->decay_points == 0 || steps <= range / treasure->decay_points)
        return treasure->points - (uint32_t)(steps * treasure->decay_points);
    return treasure->decay_floor;
}

/* Lines 6 to 9. */
static void judge_claim(const struct trial *trial, struct verdict *verdict)
{
    const struct definition *definition = trial->hunt->definition;
    const struct spot spot = geo_spot(definition->plane, trial->action->x, trial->action->y);
    if (is_too_fast(trial, &spot)) {
        verdict->outcome = OUTCOME_TOO_FAST;
        return;
    }
    const struct candidate best = best_candidate(trial, &spot);
    if (best.class == CLASS_NONE) {
        verdict->outcome = OUTCOME_NOTHING;
        return;
    }
    const struct treasure *treasure = &definition->treasures[best.place];
    verdict->treasure = treasure;
    if (best.class == CLASS_ALREADY)
        verdict->outcome = OUTCOME_ALREADY;
    else if (best.class == CLASS_CLOSED)
        verdict->outcome = OUTCOME_CLOSED;
    else if (best.class == CLASS_SOLD_OUT)
        verdict->outcome = OUTCOME_SOLD_OUT;
    else if (is_tap(trial, treasure))
        verdict->outcome = OUTCOME_TAP;
    else {
        verdict->outcome = treasure->supply > 0 ? OUTCOME_PENDING : OUTCOME_FOUND;
        verdict->points = rules_points(trial->hunt, treasure, trial->epoch_ms, trial->t_us);
    }
}

void rules_judge(const struct trial *trial, struct verdict *ret_verdict)
{
    const struct definition *definition = trial->hunt->definition;
    const struct action *action = trial->action;
    CHECK(definition != NULL);
    CHECK(trial->t_us <= HLC_US_MAX);
    *ret_verdict = (struct verdict){.outcome = OUTCOME_NONE};

    if (definition->has_opens_at && is_before(trial->t_us, definition->opens_at_ms)) {
        ret_verdict->outcome = OUTCOME_NOT_OPEN;
        return;
    }
    if (definition->has_closes_at && !is_before(trial->t_us, definition->closes_at_ms)) {
        ret_verdict->outcome = OUTCOME_ENDED;
        return;
    }
    if (definition->rate_claims > 0) {
        ret_verdict->took_token = take_token(trial, &ret_verdict->bucket);
        if (!ret_verdict->took_token) {
            ret_verdict->outcome = OUTCOME_RATE_LIMITED;
            return;
        }
    }
    ret_verdict->outcome = judge_clock(definition, action->time_ms, trial->t_us);
    if (ret_verdict->outcome != OUTCOME_NONE)
        return;
    if (action->kind == ACTION_REACTION)
        ret_verdict->outcome = judge_reaction(definition, action);
    else
        judge_claim(trial, ret_verdict);
}
