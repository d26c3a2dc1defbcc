#include "tests/sim/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

/* A geo hunt is drawn as a flat one of metres around this place, then put on the earth. */
#define GEO_LONGITUDE       72712000
#define GEO_LATITUDE        436942000
#define GEO_UNITS_PER_METRE 100

/* Half the width of the field on which treasures lie, squared, for each of them: a quarter of the
 * field is treasure then, so that random clicks often hit. */
#define FIELD_SQUARED_PER_TREASURE 900
#define FIELD_MIN                  60

/* What a player still knows of what he sent, for retries. */
#define SENT_KEPT 48

struct player {
    struct player_id id;
    uint32_t next_seq;
    struct action sent[SENT_KEPT]; /* a ring */
    uint32_t sent_count;           /* ever */
    uint32_t skipped_seq;          /* the newest number left out; 0: none */
    bool has[TREASURE_NUMBERS_MAX];
};

struct generate_players {
    uint32_t count;
    uint16_t hunt;
    const struct definition *definition;
    struct player *list;
};

/* Hunts. */

static int32_t field_of(const struct definition *definition)
{
    int32_t field = FIELD_MIN;
    while (field * field < definition->treasure_count * FIELD_SQUARED_PER_TREASURE)
        field++;
    return field;
}

static int32_t between(struct rng *rng, int32_t low, int32_t high)
{
    return (int32_t)((int64_t)rng_below(rng, (uint64_t)((int64_t)high - low) + 1) + low);
}

static uint32_t number(struct rng *rng, uint32_t low, uint32_t high)
{
    return (uint32_t)rng_between(rng, low, high);
}

/* Somewhere around the time of play, and not before 1970, which definitions do not know. */
static int64_t moment(struct rng *rng, const struct generate_hunt *hunt)
{
    const uint64_t length = (uint64_t)hunt->length_ms;
    const int64_t earliest_ms = hunt->start_ms - hunt->length_ms / 4;
    const int64_t drawn_ms = earliest_ms + (int64_t)rng_below(rng, length + length / 2 + 1);
    return drawn_ms < 0 ? 0 : drawn_ms;
}

static void put_on_plane(const struct definition *definition, int32_t x, int32_t y, int32_t *ret_x,
                         int32_t *ret_y)
{
    const bool geo = definition->plane == PLANE_GEO;
    *ret_x = geo ? GEO_LONGITUDE + x * GEO_UNITS_PER_METRE : x;
    *ret_y = geo ? GEO_LATITUDE + y * GEO_UNITS_PER_METRE : y;
}

static bool feature(struct rng *rng, uint32_t features, uint32_t bit, uint64_t percent)
{
    return (features & bit) != 0 && rng_chance(rng, percent, 100);
}

static void draw_requires(struct rng *rng, struct treasure *treasure, uint16_t earlier)
{
    const uint32_t most = earlier < 2 ? earlier : 2;
    const uint32_t wanted = most == 0 ? 0 : number(rng, 1, most);
    for (uint32_t i = 0; i < wanted; i++) {
        const uint16_t required = (uint16_t)rng_below(rng, earlier);
        if (treasure->requires_count == 0 || treasure->requires[0] != required)
        treasure->requires[treasure->requires_count++] = required;
    }
}

static void draw_window(struct rng *rng, const struct generate_hunt *hunt,
                        struct treasure *treasure)
{
    treasure->has_window = true;
    treasure->window_from_ms = moment(rng, hunt);
    const uint64_t length = (uint64_t)hunt->length_ms / 2 + 1;
    treasure->window_to_ms = treasure->window_from_ms + 1 + (int64_t)rng_below(rng, length);
}

static void draw_features(struct rng *rng, const struct generate_hunt *hunt, uint16_t earlier,
                          struct treasure *treasure)
{
    const uint32_t features = hunt->features;
    if (feature(rng, features, GENERATE_REQUIRES, 25))
        draw_requires(rng, treasure, earlier);
    if (feature(rng, features, GENERATE_WINDOW, 25))
        draw_window(rng, hunt, treasure);
    if (feature(rng, features, GENERATE_TAPS, 25)) {
        treasure->taps_count = number(rng, TAPS_MIN, 4);
        treasure->taps_within_ms = number(rng, 1, (uint32_t)hunt->length_ms / 2 + 1);
    }
    if (feature(rng, features, GENERATE_DECAY, 25)) {
        treasure->decay_per_ms = number(rng, 1, (uint32_t)hunt->length_ms / 4 + 1);
        treasure->decay_points = number(rng, 1, 40);
        treasure->decay_floor = number(rng, 0, treasure->points);
    }
    if (feature(rng, features, GENERATE_SUPPLY, 25))
        treasure->supply = number(rng, 1, 5);
    if (feature(rng, features, GENERATE_UNLOCK, 20))
        treasure->unlock_reactions = number(rng, 1, 5);
}

static void draw_treasure(struct rng *rng, const struct generate_hunt *hunt,
                          const struct definition *definition, uint16_t at)
{
    struct treasure *treasure = &definition->treasures[at];
    char name[16];
    const int length = snprintf(name, sizeof name, "t%u", (unsigned)at);
    CHECK(name_set(&treasure->id, name, (size_t)length) == STATUS_OK);
    const int32_t field = field_of(definition);
    const int32_t x = between(rng, -field, field);
    const int32_t y = between(rng, -field, field);
    put_on_plane(definition, x, y, &treasure->x, &treasure->y);
    treasure->number = at;
    treasure->radius = number(rng, 1, 30);
    treasure->points = rng_chance(rng, 1, 20) ? 0 : 10 * number(rng, 1, 10);
    treasure->shown = rng_chance(rng, 1, 2);
    draw_features(rng, hunt, at, treasure);
}

static void draw_emoji(struct definition *definition)
{
    static const char *const texts[] = {"\xF0\x9F\x94\xA5", "\xF0\x9F\x91\x8F", "\xE2\x9D\xA4"};
    definition->emoji_count = sizeof texts / sizeof texts[0];
    for (uint32_t i = 0; i < definition->emoji_count; i++) {
        struct emoji *emoji = &definition->emoji[i];
        emoji->length = (uint8_t)strlen(texts[i]);
        memcpy(emoji->text, texts[i], emoji->length);
    }
}

static void draw_hunt(struct rng *rng, const struct generate_hunt *hunt,
                      struct definition *definition)
{
    const uint32_t features = hunt->features;
    if (feature(rng, features, GENERATE_GEO, 100))
        definition->plane = PLANE_GEO;
    if (feature(rng, features, GENERATE_TIES, 50))
        definition->ties = TIES_SHARED;
    if (feature(rng, features, GENERATE_OPENING, 60)) {
        definition->has_opens_at = true;
        definition->opens_at_ms = hunt->start_ms + (int64_t)rng_below(rng, 1000);
    }
    if (feature(rng, features, GENERATE_OPENING, 60)) {
        const uint64_t early = (uint64_t)hunt->length_ms / 8;
        definition->has_closes_at = true;
        definition->closes_at_ms =
            hunt->start_ms + hunt->length_ms + 1000 - (int64_t)rng_below(rng, early + 1);
    }
    if (feature(rng, features, GENERATE_TTL, 80))
        definition->claim_ttl_ms = number(rng, 500, 5000);
    if (feature(rng, features, GENERATE_TOLERANCE, 80))
        definition->clock_tolerance_ms = number(rng, 500, 5000);
    if (feature(rng, features, GENERATE_SPEED, 80))
        definition->max_speed = number(rng, 20, 2000);
    if (feature(rng, features, GENERATE_RATE, 80)) {
        definition->rate_claims = number(rng, 1, 10);
        definition->rate_per_ms = number(rng, 100, 2000);
    }
    if (feature(rng, features, GENERATE_REACTIONS, 100))
        draw_emoji(definition);
}

struct definition *generate_definition(struct rng *rng, const struct generate_hunt *hunt)
{
    CHECK(hunt->treasures > 0);
    CHECK(hunt->length_ms > 0);
    struct definition *definition = definition_new(hunt->treasures);
    CHECK(definition != NULL);
    CHECK(name_set(&definition->hunt, hunt->name, strlen(hunt->name)) == STATUS_OK);
    definition->treasure_count = hunt->treasures;
    draw_hunt(rng, hunt, definition);
    for (uint16_t i = 0; i < hunt->treasures; i++)
        draw_treasure(rng, hunt, definition, i);
    return definition;
}

static void name_treasure(struct treasure *treasure, uint32_t id)
{
    char name[16];
    const int length = snprintf(name, sizeof name, "t%u", (unsigned)id);
    CHECK(name_set(&treasure->id, name, (size_t)length) == STATUS_OK);
}

struct definition *generate_next(struct rng *rng, const struct generate_hunt *hunt,
                                 const struct definition *before, uint32_t *next_id)
{
    struct definition *definition = generate_definition(rng, hunt);
    uint16_t gone = 0;
    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        struct treasure *treasure = &definition->treasures[i];
        gone = (uint16_t)(gone + rng_chance(rng, 1, 8));
        if (i + gone >= before->treasure_count) {
            name_treasure(treasure, (*next_id)++);
            continue;
        }
        const struct treasure *kept = &before->treasures[i + gone];
        treasure->id = kept->id;
        if (kept->supply == 0)
            treasure->supply = 0;
        else if (treasure->supply == 0)
            treasure->supply = number(rng, 1, 6);
    }
    return definition;
}

/* Players. */

struct generate_players *generate_players_new(struct rng *rng, uint32_t players, uint16_t hunt,
                                              const struct definition *definition)
{
    CHECK(players > 0);
    struct generate_players *made = calloc(1, sizeof *made);
    CHECK(made != NULL);
    made->list = calloc(players, sizeof *made->list);
    CHECK(made->list != NULL);
    made->count = players;
    made->hunt = hunt;
    made->definition = definition;
    for (uint32_t i = 0; i < players; i++) {
        struct player *player = &made->list[i];
        player->next_seq = 1;
        for (uint32_t j = 0; j < sizeof player->id.bytes; j++)
            player->id.bytes[j] = (uint8_t)rng_below(rng, 256);
        /* Version 4 and variant of RFC 9562. */
        player->id.bytes[6] = (uint8_t)((player->id.bytes[6] & 0x0f) | 0x40);
        player->id.bytes[8] = (uint8_t)((player->id.bytes[8] & 0x3f) | 0x80);
    }
    return made;
}

void generate_players_free(struct generate_players *players)
{
    if (players == NULL)
        return;
    free(players->list);
    free(players);
}

void generate_change(struct generate_players *players, const struct definition *definition)
{
    players->definition = definition;
}

/* A random treasure that he has, or lacks. NULL: none was drawn. */
static const struct treasure *draw_target(const struct generate_players *players,
                                          const struct player *player, struct rng *rng, bool his)
{
    const struct definition *definition = players->definition;
    if (definition->treasure_count == 0)
        return NULL;
    for (unsigned tries = 0; tries < 16; tries++) {
        const uint64_t at = rng_below(rng, definition->treasure_count);
        const struct treasure *treasure = &definition->treasures[at];
        if (player->has[treasure->number] == his)
            return treasure;
    }
    return NULL;
}

/* A click somewhere inside the radius, so that overlapping treasures compete. */
static void aim_at(const struct definition *definition, const struct treasure *treasure,
                   struct rng *rng, struct action *action)
{
    const int32_t unit = definition->plane == PLANE_GEO ? GEO_UNITS_PER_METRE : 1;
    const int32_t reach = (int32_t)treasure->radius * unit / 2;
    action->x = treasure->x + between(rng, -reach, reach);
    action->y = treasure->y + between(rng, -reach, reach);
}

static void draw_click(const struct generate_players *players, const struct player *player,
                       struct rng *rng, struct action *action)
{
    const struct definition *definition = players->definition;
    const uint64_t dice = rng_below(rng, 100);
    const struct treasure *target = dice < 60 ? NULL : draw_target(players, player, rng, dice < 90);
    if (target != NULL) {
        aim_at(definition, target, rng, action);
        return;
    }
    const int32_t field = field_of(definition) * 3;
    const int32_t x = between(rng, -field, field);
    const int32_t y = between(rng, -field, field);
    put_on_plane(definition, x, y, &action->x, &action->y);
}

static void draw_reaction(const struct generate_players *players, struct rng *rng,
                          struct action *action)
{
    const struct definition *definition = players->definition;
    static const struct emoji unknown = {.length = 1, .text = "?"};
    action->kind = ACTION_REACTION;
    action->to = players->list[rng_below(rng, players->count)].id; /* himself, at times */
    action->emoji = rng_chance(rng, 1, 20)
                        ? unknown
                        : definition->emoji[rng_below(rng, definition->emoji_count)];
}

/* The client's clock: mostly a little behind ours, at times far off, and rarely absurd. */
static int64_t draw_time(struct rng *rng, int64_t now_ms)
{
    const uint64_t dice = rng_below(rng, 1000);
    if (dice < 2)
        return dice == 0 ? INT64_MAX : INT64_MIN;
    if (dice < 40)
        return now_ms + (int64_t)rng_below(rng, 10000);
    if (dice < 80)
        return now_ms - (int64_t)rng_below(rng, 10000);
    return now_ms - (int64_t)rng_below(rng, 200);
}

static void draw_content(const struct generate_players *players, const struct player *player,
                         struct rng *rng, struct action *action)
{
    action->kind = ACTION_CLAIM;
    if (players->definition->emoji_count > 0 && rng_chance(rng, 1, 10))
        draw_reaction(players, rng, action);
    else
        draw_click(players, player, rng, action);
}

static uint32_t draw_seq(struct player *player, struct rng *rng)
{
    const uint64_t dice = rng_below(rng, 1000);
    if (dice < 20 && player->skipped_seq != 0) {
        const uint32_t seq = player->skipped_seq;
        player->skipped_seq = 0;
        return seq;
    }
    if (dice < 40)
        return number(rng, 1, player->next_seq);
    if (dice < 60 && player->next_seq < SEQ_MAX - 20) {
        player->skipped_seq = player->next_seq;
        player->next_seq += number(rng, 1, 20);
    }
    return player->next_seq < SEQ_MAX ? player->next_seq++ : SEQ_MAX;
}

static const struct action *draw_sent(const struct player *player, struct rng *rng)
{
    const uint32_t kept = player->sent_count < SENT_KEPT ? player->sent_count : SENT_KEPT;
    return &player->sent[rng_below(rng, kept)];
}

/* Same number, other content: at times only the time differs, or only the place. */
static void spoil(const struct generate_players *players, const struct player *player,
                  struct rng *rng, struct action *action)
{
    if (rng_chance(rng, 1, 2))
        action->time_ms += action->time_ms == INT64_MAX ? -1 : 1;
    else
        draw_content(players, player, rng, action);
}

void generate_action(struct generate_players *players, struct rng *rng, int64_t now_ms,
                     struct action *ret_action)
{
    struct player *player = &players->list[rng_below(rng, players->count)];
    const uint64_t dice = rng_below(rng, 1000);
    if (player->sent_count > 0 && dice < 100) {
        *ret_action = *draw_sent(player, rng);
        if (dice < 30)
            spoil(players, player, rng, ret_action);
        return;
    }
    *ret_action = (struct action){.hunt = players->hunt, .player = player->id};
    ret_action->seq = draw_seq(player, rng);
    ret_action->time_ms = draw_time(rng, now_ms);
    draw_content(players, player, rng, ret_action);
    player->sent[player->sent_count++ % SENT_KEPT] = *ret_action;
}

void generate_learn(struct generate_players *players, const struct result *result)
{
    if (!outcome_accepted(result->outcome) || result->treasure >= TREASURE_NUMBERS_MAX)
        return;
    for (uint32_t i = 0; i < players->count; i++)
        if (player_id_equal(&players->list[i].id, &result->player))
            players->list[i].has[result->treasure] = result->outcome != OUTCOME_LOST;
}

uint32_t generate_players_count(const struct generate_players *players)
{
    return players->count;
}

const struct player_id *generate_player(const struct generate_players *players, uint32_t at)
{
    CHECK(at < players->count);
    return &players->list[at].id;
}
