#include "tests/integration/process_players.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Treasures stand 100 apart, 32 in a row, each with a radius of 40. */
#define ROW      32
#define DISTANCE 100
#define RADIUS   40
#define GATED    (FIELD_TREASURES / 2)

#define YAML_LINE_BYTES 128

static const char *const words[] = {
    [VERDICT_FOUND] = "found",
    [VERDICT_ALREADY] = "already",
    [VERDICT_NOTHING] = "nothing",
};

/* --- The field -------------------------------------------------------------------------------- */

uint32_t field_points(uint32_t treasure)
{
    return 1 + treasure * 7 % 97;
}

char *field_yaml(void)
{
    const size_t capacity = (FIELD_TREASURES + 1) * (size_t)YAML_LINE_BYTES;
    char *yaml = malloc(capacity);
    assert_non_null(yaml);
    size_t used = (size_t)snprintf(yaml, capacity, "hunt: field\nplane: flat\ntreasures:\n");
    for (uint32_t i = 0; i < FIELD_TREASURES; i++) {
        char gate[32] = "";
        if (i >= GATED)
            (void)snprintf(gate, sizeof gate, ", requires: [t%u]", i - GATED);
        used +=
            (size_t)snprintf(yaml + used, capacity - used,
                             "  - {id: t%u, at: {x: %u, y: %u}, radius: %d, points: %u%s}\n", i,
                             i % ROW * DISTANCE, i / ROW * DISTANCE, RADIUS, field_points(i), gate);
        assert_true(used < capacity);
    }
    return yaml;
}

/* --- Players ---------------------------------------------------------------------------------- */

void players_init(struct players *players, struct rng *rng)
{
    *players = (struct players){.rng = rng};
    for (uint32_t i = 0; i < FIELD_PLAYERS; i++) {
        const uint64_t high = rng_next(rng);
        const uint64_t low = rng_next(rng);
        (void)snprintf(players->list[i].id, sizeof players->list[i].id,
                       "%08llx-%04llx-%04llx-%04llx-%012llx", (unsigned long long)(high >> 32),
                       (unsigned long long)(high >> 16 & 0xffff),
                       (unsigned long long)(high & 0xffff), (unsigned long long)(low >> 48),
                       (unsigned long long)(low & 0xffffffffffff));
    }
}

void players_fini(struct players *players)
{
    for (uint32_t i = 0; i < FIELD_PLAYERS; i++)
        free(players->list[i].claims);
    *players = (struct players){0};
}

static enum verdict judge(const struct player *player, uint32_t place)
{
    if (place == FIELD_NOWHERE || (place >= GATED && !player->found[place - GATED]))
        return VERDICT_NOTHING;
    return player->found[place] ? VERDICT_ALREADY : VERDICT_FOUND;
}

/* Everybody begins with a find, so that who has played has a score. */
static uint32_t choose_place(const struct players *players, const struct player *player)
{
    if (player->count == 0)
        return (uint32_t)rng_below(players->rng, GATED);
    if (rng_chance(players->rng, 1, 8))
        return FIELD_NOWHERE;
    if (rng_chance(players->rng, 1, 3))
        return player->claims[rng_below(players->rng, player->count)].place;
    return (uint32_t)rng_below(players->rng, FIELD_TREASURES);
}

uint32_t players_make_claim(struct players *players, uint32_t number)
{
    struct player *player = &players->list[number];
    if (player->count == player->capacity) {
        const uint32_t capacity = player->capacity == 0 ? 64 : 2 * player->capacity;
        struct claim *claims = realloc(player->claims, capacity * sizeof *claims);
        assert_non_null(claims);
        player->claims = claims;
        player->capacity = capacity;
    }
    const uint32_t before = player->count > 0 ? player->claims[player->count - 1].seq : 0;
    const uint32_t place = choose_place(players, player);
    const enum verdict verdict = judge(player, place);
    if (verdict == VERDICT_FOUND) {
        player->found[place] = true;
        player->score += field_points(place);
    }
    player->claims[player->count] = (struct claim){
        /* Gaps are allowed. */
        .seq = before + 1 + (rng_chance(players->rng, 1, 16) ? 2 : 0),
        .place = place,
        .verdict = verdict,
        .score = player->score,
    };
    return player->count++;
}

size_t players_write_claim(const struct player *player, const struct claim *claim, char *text,
                           size_t capacity)
{
    const bool nowhere = claim->place == FIELD_NOWHERE;
    const uint32_t x = claim->place % ROW * DISTANCE + claim->seq % RADIUS;
    const uint32_t y = claim->place / ROW * DISTANCE;
    const int bytes =
        snprintf(text, capacity, "{\"player\":\"%s\",\"seq\":%u,\"x\":%u,\"y\":%u,\"time_ms\":%u}",
                 player->id, claim->seq, nowhere ? 100000 : x, y, 1000 + claim->seq);
    assert_in_range(bytes, 1, capacity - 1);
    return (size_t)bytes;
}

/* --- Answers ---------------------------------------------------------------------------------- */

_Noreturn void players_fail(const struct player *player, uint32_t seq, const char *what,
                            const json_t *got)
{
    char *text = got != NULL ? json_dumps(got, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    fail_msg("player %s, seq %u: %s; got %s", player->id, seq, what,
             text != NULL ? text : "nothing");
    abort(); /* fail_msg has jumped away */
}

uint64_t json_u64(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_integer(value))
        return (uint64_t)json_integer_value(value);
    char *end = NULL;
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    const uint64_t number = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0')
        fail_msg("%s is not the number it should be in %s", name, json_dumps(object, 0));
    return number;
}

const char *json_text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* What the rules say of it, whether it was acknowledged before or not. */
static void compare_with_rules(const struct player *player, const struct claim *claim,
                               const json_t *result)
{
    char treasure[16] = "";
    const bool found = claim->verdict == VERDICT_FOUND;
    const bool replayed = json_is_true(json_object_get(result, "replayed"));
    const uint64_t score = json_u64(result, "score");
    if (claim->verdict != VERDICT_NOTHING)
        (void)snprintf(treasure, sizeof treasure, "t%u", claim->place);
    if (strcmp(json_text_of(result, "player"), player->id) != 0 ||
        json_u64(result, "seq") != claim->seq)
        players_fail(player, claim->seq, "this is another claim's result", result);
    if (strcmp(json_text_of(result, "outcome"), words[claim->verdict]) != 0)
        players_fail(player, claim->seq, words[claim->verdict], result);
    if (strcmp(json_text_of(result, "treasure"), treasure) != 0 ||
        json_u64(result, "points") != (found ? field_points(claim->place) : 0))
        players_fail(player, claim->seq, "another treasure, or other points", result);
    /* In a replay it is the present score, perhaps after later claims of the same request. */
    if (replayed ? score < claim->score || score > player->score : score != claim->score)
        players_fail(player, claim->seq, "the score is not the sum of the finds", result);
}

static void compare_with_acknowledged(const struct player *player, const struct claim *claim,
                                      const json_t *result)
{
    if (!json_is_true(json_object_get(result, "replayed")))
        players_fail(player, claim->seq, "it was acknowledged, and is now judged again", result);
    if (json_u64(result, "hlc") != claim->hlc || json_u64(result, "epoch") != claim->epoch ||
        json_u64(result, "range") != claim->range ||
        (claim->verdict == VERDICT_FOUND && json_u64(result, "log_index") != claim->log_index))
        players_fail(player, claim->seq, "it was acknowledged with another stamp or place", result);
}

bool players_take(struct players *players, uint32_t number, uint32_t at, const json_t *result)
{
    const struct player *player = &players->list[number];
    struct claim *claim = &player->claims[at];
    if (strcmp(json_text_of(result, "outcome"), "unavailable") == 0)
        return false;
    const bool replayed = json_is_true(json_object_get(result, "replayed"));
    compare_with_rules(player, claim, result);
    players->replays += replayed;
    if (claim->acknowledged) {
        compare_with_acknowledged(player, claim, result);
        return true;
    }
    players->unheard += replayed;
    players->acknowledged++;
    players->finds += claim->verdict == VERDICT_FOUND;
    claim->acknowledged = true;
    claim->hlc = json_u64(result, "hlc");
    claim->epoch = json_u64(result, "epoch");
    claim->range = (uint32_t)json_u64(result, "range");
    if (claim->verdict == VERDICT_FOUND)
        claim->log_index = json_u64(result, "log_index");
    if (claim->epoch > players->last_epoch)
        players->last_epoch = claim->epoch;
    /* The log's clock never runs backwards, not over a restart either. */
    if (at > 0 && player->claims[at - 1].acknowledged && player->claims[at - 1].hlc >= claim->hlc)
        players_fail(player, claim->seq, "its stamp is not above that of the one before", result);
    return true;
}
