#include "chaos/load_wire.h"

#include <string.h>

#include "cluster/base/check.h"

static void write_place(struct json_text *text, enum plane plane, struct load_place place)
{
    const bool geo = plane == PLANE_GEO;
    json_text_key(text, geo ? "lat" : "x");
    if (geo)
        json_text_degrees(text, place.y);
    else
        json_text_signed(text, place.x);
    json_text_key(text, geo ? "lon" : "y");
    if (geo)
        json_text_degrees(text, place.x);
    else
        json_text_signed(text, place.y);
}

static void write_claim(struct json_text *text, const struct load_players *players,
                        const struct load_claim *claim)
{
    CHECK(claim->player < players->count);
    json_text_key(text, "player");
    json_text_player(text, &players->list[claim->player].id);
    json_text_key(text, "seq");
    json_text_number(text, claim->seq);
    write_place(text, players->hunt->definition->plane, claim->place);
    json_text_key(text, "time_ms");
    json_text_signed(text, claim->time_ms);
}

void load_wire_request(struct json_text *text, const char *hunt, const struct load_players *players,
                       const struct load_claim *const *claims, uint32_t count)
{
    text->used = 0;
    json_text_object(text);
    json_text_key(text, "hunt");
    json_text_string(text, hunt);
    json_text_key(text, "claims");
    json_text_array(text);
    for (uint32_t i = 0; i < count; i++) {
        json_text_object(text);
        write_claim(text, players, claims[i]);
        json_text_object_end(text);
    }
    json_text_array_end(text);
    json_text_object_end(text);
}

static enum outcome outcome_of(const char *word)
{
    for (int i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++) {
        if (strcmp(word, outcome_name((enum outcome)i)) == 0)
            return (enum outcome)i;
    }
    return OUTCOME_NONE;
}

/* The answer is to this claim: a server that mixes answers up must not go unnoticed. */
static bool is_of(const json_t *result, const struct load_players *players,
                  const struct load_claim *claim)
{
    char seq[16];
    struct player_id id;
    const json_t *player = json_object_get(result, "player");
    const char *digits = json_string_value(json_object_get(result, "seq"));
    (void)snprintf(seq, sizeof seq, "%u", claim->seq);
    return digits != NULL && strcmp(digits, seq) == 0 && json_is_string(player) &&
           player_id_parse(&id, json_string_value(player), json_string_length(player)) ==
               STATUS_OK &&
           player_id_equal(&id, &players->list[claim->player].id);
}

enum status load_wire_result(enum outcome *ret_outcome, int32_t *ret_treasure, const json_t *result,
                             const struct load_players *players, const struct load_claim *claim)
{
    const char *word = json_string_value(json_object_get(result, "outcome"));
    const char *treasure = json_string_value(json_object_get(result, "treasure"));
    if (word == NULL || !is_of(result, players, claim))
        return STATUS_INVALID;
    *ret_outcome = outcome_of(word);
    *ret_treasure = treasure != NULL ? load_hunt_find(players->hunt, treasure, claim->treasure)
                                     : LOAD_NO_TREASURE;
    return STATUS_OK;
}

void load_wire_record(FILE *file, struct json_text *text, const struct load_players *players,
                      const struct load_claim *claim, const struct load_wire_record *record)
{
    text->used = 0;
    json_text_object(text);
    write_claim(text, players, claim);
    json_text_key(text, "node");
    json_text_string(text, record->node);
    json_text_key(text, "invoked_us");
    json_text_number(text, record->invoked_us);
    if (record->result != NULL) {
        json_text_key(text, "returned_us");
        json_text_number(text, record->returned_us);
        json_text_key(text, "result");
    }
    CHECK(text->failed || text->used > 0);
    (void)fwrite(text->data, 1, text->used, file);
    if (record->result != NULL && json_dumpf(record->result, file, JSON_COMPACT) != 0)
        (void)fputs("null", file);
    (void)fputs("}\n", file);
}
