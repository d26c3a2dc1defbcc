/* How an action is judged: a function for each line of the contract, in its order and words. */
#include <math.h>
#include <string.h>

#include "cluster/base/check.h"
#include "tests/sim/model_trial.h"

static bool choose(struct chooser *chooser, bool computed, bool close)
{
    if (!close || chooser->used == CHOICES_MAX)
        return computed;
    return computed != ((chooser->bits >> chooser->used++ & 1) != 0);
}

/* 1. Version and window. */

static bool same_content(const struct action *a, const struct action *b)
{
    if (a->kind != b->kind || a->time_ms != b->time_ms)
        return false;
    if (a->kind == ACTION_CLAIM)
        return a->x == b->x && a->y == b->y;
    return memcmp(a->to.bytes, b->to.bytes, sizeof a->to.bytes) == 0 &&
           strcmp(a->emoji.text, b->emoji.text) == 0;
}

static bool no_room(const struct trial *trial)
{
    const struct model *model = trial->model;
    if (trial->known || model->players_max == 0)
        return false;
    uint64_t held = 0;
    for (uint32_t i = 0; i < model->record_count; i++)
        held += model->records[i].range == trial->place->range;
    const uint64_t share = ((uint64_t)model->players_max + model->ranges - 1) / model->ranges;
    return held >= share + share / 16;
}

static enum outcome line_window(struct trial *trial)
{
    if (trial->version == NULL)
        return OUTCOME_NOT_OPEN;
    const uint32_t seq = trial->action->seq;
    const struct judged *stored = model_judged_find(trial->record, seq);
    const bool in_window = model_window_holds(trial->record, seq);
    if (stored != NULL && (in_window || outcome_accepted(stored->outcome))) {
        if (!same_content(&stored->action, trial->action))
            return OUTCOME_CONFLICT;
        trial->stored = stored;
        return stored->outcome;
    }
    if (!in_window)
        return OUTCOME_STALE;
    return no_room(trial) ? OUTCOME_FULL : OUTCOME_NONE;
}

/* 2. The hunt's own time. */

static bool before(uint64_t t_us, int64_t time_ms)
{
    return (int64_t)t_us < model_us_of_ms(time_ms);
}

static enum outcome line_opening(struct trial *trial)
{
    const struct definition *hunt = &trial->version->definition;
    if (hunt->has_opens_at && before(trial->t_us, hunt->opens_at_ms))
        return OUTCOME_NOT_OPEN;
    if (hunt->has_closes_at && !before(trial->t_us, hunt->closes_at_ms))
        return OUTCOME_ENDED;
    return OUTCOME_NONE;
}

/* 3. Rate. */

struct model_wide model_bucket_token(const struct trial *trial)
{
    return model_wide_multiply(model_wide_of(trial->version->definition.rate_per_ms),
                               model_wide_of(1000));
}

struct model_wide model_bucket_units(const struct trial *trial)
{
    const struct model_wide claims = model_wide_of(trial->version->definition.rate_claims);
    const struct model_wide most = model_wide_multiply(claims, model_bucket_token(trial));
    if (!trial->record->bucket_used)
        return most;
    const uint64_t passed_us = trial->t_us - trial->record->bucket_us;
    const struct model_wide refill = model_wide_multiply(claims, model_wide_of(passed_us));
    const struct model_wide units = model_wide_add(trial->record->bucket_units, refill);
    return model_wide_compare(units, most) > 0 ? most : units;
}

static enum outcome line_rate(struct trial *trial)
{
    if (trial->version->definition.rate_claims == 0)
        return OUTCOME_NONE;
    if (model_wide_compare(model_bucket_units(trial), model_bucket_token(trial)) < 0)
        return OUTCOME_RATE_LIMITED;
    return OUTCOME_NONE;
}

/* 4. The client's clock. */

static enum outcome line_client_time(struct trial *trial)
{
    const struct definition *hunt = &trial->version->definition;
    const int64_t ahead_us = model_us_of_ms(trial->action->time_ms) - (int64_t)trial->t_us;
    const int64_t tolerance_us = (int64_t)hunt->clock_tolerance_ms * 1000;
    const int64_t ttl_us = (int64_t)hunt->claim_ttl_ms * 1000;
    if (tolerance_us != 0 && ahead_us > tolerance_us)
        return OUTCOME_CLOCK_SKEW;
    if (ttl_us != 0 && -ahead_us > ttl_us)
        return OUTCOME_EXPIRED;
    return OUTCOME_NONE;
}

/* 5. Reactions. */

static enum outcome line_reaction(struct trial *trial)
{
    const struct action *action = trial->action;
    const struct definition *hunt = &trial->version->definition;
    if (action->kind != ACTION_REACTION)
        return OUTCOME_NONE;
    if (memcmp(action->to.bytes, action->player.bytes, sizeof action->to.bytes) == 0)
        return OUTCOME_INVALID;
    for (uint32_t i = 0; i < hunt->emoji_count; i++)
        if (strcmp(hunt->emoji[i].text, action->emoji.text) == 0)
            return OUTCOME_REACTED;
    return OUTCOME_INVALID;
}

/* 6. Speed. */

static const struct judged *last_accepted(const struct record *record)
{
    for (uint32_t i = record->judged_count; i-- > 0;)
        if (outcome_accepted(record->judged[i].outcome))
            return &record->judged[i];
    return NULL;
}

static enum outcome line_speed(struct trial *trial)
{
    const struct definition *hunt = &trial->version->definition;
    const struct judged *last = last_accepted(trial->record);
    if (hunt->max_speed == 0 || last == NULL)
        return OUTCOME_NONE;
    const struct distance way = model_distance_between(hunt->plane, last->action.x, last->action.y,
                                                       trial->action->x, trial->action->y);
    const uint64_t passed_us = trial->t_us - (last->place.hlc >> 12);

    /* way > speed * passed / 10^6, both sides times 10^6; on the plane both squared. */
    const uint64_t million = 1000000;
    if (hunt->plane == PLANE_GEO) {
        const long double allowed =
            (long double)hunt->max_speed * (long double)passed_us / (long double)million;
        const long double slack = fmaxl(way.metres * 0.005L, 0.02L);
        const bool close = fabsl(way.metres - allowed) <= slack;
        return choose(&trial->chooser, way.metres > allowed, close) ? OUTCOME_TOO_FAST
                                                                    : OUTCOME_NONE;
    }
    const struct model_wide allowed =
        model_wide_multiply(model_wide_of(hunt->max_speed), model_wide_of(passed_us));
    const struct model_wide scale = model_wide_of(million * million);
    if (model_wide_compare(model_wide_multiply(way.squared, scale),
                           model_wide_multiply(allowed, allowed)) > 0)
        return OUTCOME_TOO_FAST;
    return OUTCOME_NONE;
}

/* 7. Candidates. */

/* Has the player this treasure with one of these two outcomes? */
static bool has(const struct record *record, uint16_t treasure, enum outcome a, enum outcome b)
{
    for (uint32_t i = 0; i < record->judged_count; i++) {
        const struct judged *judged = &record->judged[i];
        if (judged->treasure == treasure && (judged->outcome == a || judged->outcome == b))
            return true;
    }
    return false;
}

static bool is_his(const struct record *record, uint16_t treasure)
{
    return has(record, treasure, OUTCOME_FOUND, OUTCOME_WON) ||
           has(record, treasure, OUTCOME_PENDING, OUTCOME_PENDING);
}

static bool is_open(const struct trial *trial, const struct treasure *treasure)
{
    const struct definition *hunt = &trial->version->definition;
    for (uint32_t i = 0; i < treasure->requires_count; i++) {
        const struct treasure *required = &hunt->treasures[treasure->requires[i]];
        if (!has(trial->record, required->number, OUTCOME_FOUND, OUTCOME_WON))
            return false;
    }
    uint64_t received = 0;
    for (uint32_t i = 0; i < trial->record->received_count; i++)
        received += trial->record->received[i].count;
    return received >= treasure->unlock_reactions;
}

static bool within_radius(struct trial *trial, const struct treasure *treasure,
                          const struct distance *distance)
{
    if (distance->plane == PLANE_GEO) {
        const long double radius = treasure->radius;
        const bool close = fabsl(distance->metres - radius) <= radius * 0.005L;
        return choose(&trial->chooser, distance->metres <= radius, close);
    }
    const struct model_wide radius = model_wide_of(treasure->radius);
    return model_wide_compare(distance->squared, model_wide_multiply(radius, radius)) <= 0;
}

static enum outcome class_of(const struct trial *trial, const struct treasure *treasure)
{
    if (is_his(trial->record, treasure->number))
        return OUTCOME_ALREADY;
    if (treasure->has_window && (before(trial->t_us, treasure->window_from_ms) ||
                                 !before(trial->t_us, treasure->window_to_ms)))
        return OUTCOME_CLOSED;
    const uint32_t awarded = model_awarded_so_far(trial->model, trial->place->range,
                                                  trial->action->hunt, treasure->number);
    if (treasure->supply != 0 && awarded >= treasure->supply)
        return OUTCOME_SOLD_OUT;
    return OUTCOME_NONE; /* goes on to line 8 */
}

/* (a) is the best. */
static unsigned class_place(enum outcome class)
{
    const enum outcome best_first[] = {OUTCOME_NONE, OUTCOME_SOLD_OUT, OUTCOME_CLOSED,
                                       OUTCOME_ALREADY};
    unsigned place = 0;
    while (best_first[place] != class)
        place++;
    return place;
}

struct candidate {
    const struct treasure *treasure;
    struct distance distance;
    enum outcome class;
};

static bool nearer(struct trial *trial, const struct candidate *a, const struct candidate *b)
{
    if (a->distance.plane == PLANE_FLAT)
        return model_wide_compare(a->distance.squared, b->distance.squared) < 0;
    if (a->treasure->x == b->treasure->x && a->treasure->y == b->treasure->y)
        return false;
    const long double slack =
        ((long double)a->treasure->radius + (long double)b->treasure->radius) * 0.005L;
    const bool close = fabsl(a->distance.metres - b->distance.metres) <= slack;
    return choose(&trial->chooser, a->distance.metres < b->distance.metres, close);
}

static enum outcome line_candidates(struct trial *trial)
{
    const struct definition *hunt = &trial->version->definition;
    struct candidate best = {.treasure = NULL};
    for (uint32_t i = 0; i < hunt->treasure_count; i++) {
        const struct treasure *treasure = &hunt->treasures[i];
        struct candidate next = {.treasure = treasure};
        next.distance = model_distance_between(hunt->plane, treasure->x, treasure->y,
                                               trial->action->x, trial->action->y);
        if (!within_radius(trial, treasure, &next.distance) || !is_open(trial, treasure))
            continue;
        next.class = class_of(trial, treasure);
        const unsigned place = class_place(next.class);
        if (best.treasure == NULL || place < class_place(best.class) ||
            (place == class_place(best.class) && nearer(trial, &next, &best)))
            best = next;
    }
    trial->treasure = best.treasure;
    return best.treasure == NULL ? OUTCOME_NOTHING : best.class;
}

/* 8. Click patterns. */

static enum outcome line_taps(struct trial *trial)
{
    const struct treasure *treasure = trial->treasure;
    if (treasure->taps_count == 0)
        return OUTCOME_NONE;
    uint32_t clicks = 1; /* this one */
    for (uint32_t i = 0; i < trial->record->pattern_count; i++) {
        const struct pattern *pattern = &trial->record->patterns[i];
        if (pattern->treasure != treasure->number)
            continue;
        for (uint32_t j = 0; j < pattern->click_count; j++)
            clicks +=
                trial->t_us - pattern->clicks_us[j] <= (uint64_t)treasure->taps_within_ms * 1000;
    }
    return clicks < treasure->taps_count ? OUTCOME_TAP : OUTCOME_NONE;
}

/* 9. Points. */

static int64_t first_activation_us(const struct trial *trial, uint16_t number)
{
    const struct model *model = trial->model;
    uint64_t first = trial->epoch;
    for (uint32_t i = 0; i < model->version_count; i++) {
        const struct version *version = &model->versions[i];
        if (version->what.range != trial->place->range ||
            version->what.hunt != trial->action->hunt || version->what.active_from_epoch >= first)
            continue;
        for (uint32_t j = 0; j < version->definition.treasure_count; j++)
            if (version->definition.treasures[j].number == number)
                first = version->what.active_from_epoch;
    }
    return (int64_t)(first * model->epoch_ms * 1000);
}

static uint32_t points_at(const struct trial *trial)
{
    const struct treasure *treasure = trial->treasure;
    const struct definition *hunt = &trial->version->definition;
    if (treasure->decay_per_ms == 0)
        return treasure->points;
    int64_t start_us = first_activation_us(trial, treasure->number);
    if (treasure->has_window)
        start_us = model_us_of_ms(treasure->window_from_ms);
    else if (hunt->has_opens_at)
        start_us = model_us_of_ms(hunt->opens_at_ms);

    const uint64_t passed_us = (uint64_t)((int64_t)trial->t_us - start_us);
    const uint64_t steps = passed_us / ((uint64_t)treasure->decay_per_ms * 1000);
    const struct model_wide loss =
        model_wide_multiply(model_wide_of(steps), model_wide_of(treasure->decay_points));
    const struct model_wide spare = model_wide_of(treasure->points - treasure->decay_floor);
    if (model_wide_compare(loss, spare) >= 0)
        return treasure->decay_floor;
    return treasure->points - loss.limbs[0];
}

static enum outcome line_points(struct trial *trial)
{
    trial->points = points_at(trial);
    return trial->treasure->supply == 0 ? OUTCOME_FOUND : OUTCOME_PENDING;
}

void model_try_action(struct trial *trial)
{
    enum outcome (*const lines[])(struct trial *) = {
        line_window, line_opening,    line_rate, line_client_time, line_reaction,
        line_speed,  line_candidates, line_taps, line_points,
    };
    trial->outcome = OUTCOME_NONE;
    for (trial->line = 0; trial->outcome == OUTCOME_NONE; trial->line++)
        trial->outcome = lines[trial->line](trial);
}
