#include "chaos/load_wire.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"
#include "node/json_actions.h"
#include "proto/frame_lz4.h"

/* Far more than a request or an answer of the most claims takes. */
#define ARENA_KEEP_BYTES ((size_t)1 << 20)

enum status load_wire_init(struct load_wire *wire, enum load_format format)
{
    *wire = (struct load_wire){.format = format};
    arena_init(&wire->arena);
    if (format == LOAD_FORMAT_PROTOBUF_LZ4)
        wire->frame = malloc(LOAD_WIRE_BYTES_MAX);
    return format != LOAD_FORMAT_PROTOBUF_LZ4 || wire->frame != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void load_wire_fini(struct load_wire *wire)
{
    load_wire_forget(wire);
    json_text_fini(&wire->text);
    arena_fini(&wire->arena);
    free(wire->frame);
    *wire = (struct load_wire){0};
}

/* Requests. */

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

static void write_json(struct json_text *text, const char *hunt,
                       const struct load_wire_claims *claims)
{
    text->used = 0;
    json_text_object(text);
    json_text_key(text, "hunt");
    json_text_string(text, hunt);
    json_text_key(text, "claims");
    json_text_array(text);
    for (uint32_t i = 0; i < claims->count; i++) {
        json_text_object(text);
        write_claim(text, claims->players, claims->list[i]);
        json_text_object_end(text);
    }
    json_text_array_end(text);
    json_text_object_end(text);
}

static struct actions_bytes write_protobuf(struct load_wire *wire, const char *hunt,
                                           const struct load_wire_claims *claims)
{
    CHECK(claims->count <= ACTIONS_PER_REQUEST_MAX);
    struct request_actions actions = {.count = claims->count};
    actions.list = arena_take(&wire->arena, claims->count * sizeof actions.list[0]);
    for (uint32_t i = 0; i < claims->count; i++) {
        const struct load_claim *claim = claims->list[i];
        actions.list[i] = (struct action){.kind = ACTION_CLAIM,
                                          .seq = claim->seq,
                                          .player = claims->players->list[claim->player].id,
                                          .time_ms = claim->time_ms,
                                          .x = claim->place.x,
                                          .y = claim->place.y};
    }
    return actions_request_write(&wire->arena, hunt, &actions);
}

enum status load_wire_request(struct load_wire *wire, const char *hunt,
                              const struct load_wire_claims *claims, struct http_call *call)
{
    if (wire->format == LOAD_FORMAT_JSON) {
        write_json(&wire->text, hunt, claims);
        call->content_type = "application/json";
        call->body = wire->text.data;
        call->body_bytes = wire->text.used;
        return json_text_ok(&wire->text) ? STATUS_OK : STATUS_NO_MEMORY;
    }
    arena_reset(&wire->arena, ARENA_KEEP_BYTES);
    const struct actions_bytes body = write_protobuf(wire, hunt, claims);
    call->content_type = "application/x-protobuf";
    call->body = body.data;
    call->body_bytes = body.bytes;
    if (wire->format != LOAD_FORMAT_PROTOBUF_LZ4)
        return STATUS_OK;
    call->headers = "Content-Encoding: lz4\r\nAccept-Encoding: lz4\r\n";
    call->body = wire->frame;
    call->body_bytes = frame_lz4_encode(wire->frame, LOAD_WIRE_BYTES_MAX, body.data, body.bytes);
    return call->body_bytes > 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

/* Answers. */

static bool take_body(struct load_wire *wire, const struct http_response *response,
                      struct actions_bytes *ret_body)
{
    *ret_body = (struct actions_bytes){response->body, response->body_bytes};
    if (wire->format != LOAD_FORMAT_PROTOBUF_LZ4)
        return true;
    /* Only an answer without the coding that was asked for would go unnoticed otherwise. */
    ret_body->data = wire->frame;
    return strcasecmp(response->content_coding, "lz4") == 0 &&
           frame_lz4_decode(wire->frame, LOAD_WIRE_BYTES_MAX, response->body, response->body_bytes,
                            &ret_body->bytes) == STATUS_OK;
}

size_t load_wire_answer(struct load_wire *wire, const struct http_response *response)
{
    struct actions_bytes body;
    load_wire_forget(wire);
    if (wire->format == LOAD_FORMAT_JSON) {
        wire->root = json_loadb(response->body, response->body_bytes, 0, NULL);
        return json_array_size(json_object_get(wire->root, "results"));
    }
    if (strcasecmp(response->content_type, "application/x-protobuf") != 0 ||
        !take_body(wire, response, &body) ||
        actions_reply_read(&wire->results, &wire->arena, body) != STATUS_OK)
        return 0;
    return wire->results.count;
}

void load_wire_forget(struct load_wire *wire)
{
    json_decref(wire->root);
    wire->root = NULL;
    wire->results = (struct actions_results){0};
    arena_reset(&wire->arena, ARENA_KEEP_BYTES);
}

struct load_wire_result load_wire_result(const struct load_wire *wire, size_t at)
{
    if (wire->format == LOAD_FORMAT_JSON)
        return (struct load_wire_result){
            .json = json_array_get(json_object_get(wire->root, "results"), at)};
    CHECK(at < wire->results.count);
    return (struct load_wire_result){.protobuf = &wire->results.list[at]};
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

static enum status read_json(enum outcome *ret_outcome, const char **ret_treasure,
                             const json_t *result)
{
    const char *word = json_string_value(json_object_get(result, "outcome"));
    if (word == NULL)
        return STATUS_INVALID;
    *ret_outcome = outcome_of(word);
    *ret_treasure = json_string_value(json_object_get(result, "treasure"));
    return STATUS_OK;
}

enum status load_wire_read(enum outcome *ret_outcome, int32_t *ret_treasure,
                           const struct load_wire_result *result,
                           const struct load_players *players, const struct load_claim *claim)
{
    const char *treasure = NULL;
    if (result->protobuf != NULL) {
        if (result->protobuf->seq != claim->seq ||
            !player_id_equal(&result->protobuf->player, &players->list[claim->player].id))
            return STATUS_INVALID;
        *ret_outcome = result->protobuf->outcome;
        treasure = result->protobuf->treasure_id;
    } else if (!is_of(result->json, players, claim) ||
               read_json(ret_outcome, &treasure, result->json) != STATUS_OK) {
        return STATUS_INVALID;
    }
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
    const struct load_wire_result *result = record->result;
    if (result != NULL && result->protobuf != NULL)
        json_result_write(text, result->protobuf);
    CHECK(text->failed || text->used > 0);
    (void)fwrite(text->data, 1, text->used, file);
    if (result != NULL && result->protobuf == NULL &&
        json_dumpf(result->json, file, JSON_COMPACT) != 0)
        (void)fputs("null", file);
    (void)fputs("}\n", file);
}
