#include "proto/actions.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"
#include "proto/actions_scan.h"
#include "proto/cairn.pb-c.h"
#include "proto/told.h"

/* Memory for the unpacker, which gives nothing back. */

static void *take(void *arena, size_t bytes)
{
    return arena_take(arena, bytes);
}

static void give_back(void *arena, void *bytes)
{
    (void)arena;
    (void)bytes;
}

static ProtobufCAllocator allocator_of(struct arena *arena)
{
    return (ProtobufCAllocator){.alloc = take, .free = give_back, .allocator_data = arena};
}

/* Requests. */

enum status actions_request_read(struct actions_request *ret_request, struct arena *arena,
                                 struct actions_bytes body, bool names_hunt,
                                 struct request_fault *ret_fault)
{
    struct request_reading reading = {.fault = ret_fault};
    if (!actions_scan(&reading, body.data, body.bytes, names_hunt))
        return STATUS_INVALID;
    ProtobufCAllocator allocator = allocator_of(arena);
    const Cairn__V1__HuntRequest *message =
        cairn__v1__hunt_request__unpack(&allocator, body.bytes, body.data);
    if (message == NULL) {
        (void)request_refuse(&reading, 400, "malformed", "", "the bytes are no HuntRequest");
        return STATUS_INVALID;
    }
    struct actions_request request = {.message = message};
    if (names_hunt && message->hunt[0] == '\0') {
        (void)request_refuse_missing(&reading, "hunt");
        return STATUS_INVALID;
    }
    if (names_hunt &&
        !request_check_hunt(&reading, message->hunt, strlen(message->hunt), &request.hunt))
        return STATUS_INVALID;
    *ret_request = request;
    return STATUS_OK;
}

static bool read_player(const struct request_reading *reading, const char *member,
                        const ProtobufCBinaryData *bytes, struct player_id *ret_player)
{
    if (bytes->len == 0)
        return request_refuse_missing(reading, member);
    if (bytes->len != sizeof ret_player->bytes)
        return request_refuse_type(reading, member, "a UUID of 16 bytes");
    memcpy(ret_player->bytes, bytes->data, sizeof ret_player->bytes);
    return true;
}

static bool read_degrees(const struct request_reading *reading, const char *member, int32_t value,
                         int32_t limit)
{
    return (value >= -limit && value <= limit) || request_refuse_degrees(reading, member, limit);
}

static bool read_claim(const struct request_reading *reading, const Cairn__V1__Claim *claim,
                       struct action *action)
{
    *action = (struct action){.kind = ACTION_CLAIM,
                              .hunt = reading->hunt,
                              .time_ms = claim->time_ms,
                              .x = claim->x,
                              .y = claim->y};
    if (!read_player(reading, "player", &claim->player, &action->player) ||
        !request_check_seq(reading, claim->seq, &action->seq))
        return false;
    if (reading->plane == PLANE_GEO)
        return read_degrees(reading, "y", claim->y, LATITUDE_MAX) &&
               read_degrees(reading, "x", claim->x, LONGITUDE_MAX);
    return request_check_coordinate(reading, "x", claim->x, &action->x) &&
           request_check_coordinate(reading, "y", claim->y, &action->y);
}

static bool read_reaction(const struct request_reading *reading,
                          const Cairn__V1__Reaction *reaction, struct action *action)
{
    *action = (struct action){
        .kind = ACTION_REACTION, .hunt = reading->hunt, .time_ms = reaction->time_ms};
    return read_player(reading, "player", &reaction->player, &action->player) &&
           request_check_seq(reading, reaction->seq, &action->seq) &&
           read_player(reading, "to", &reaction->to, &action->to) &&
           request_check_emoji(reading, reaction->emoji, strlen(reaction->emoji), &action->emoji);
}

static bool read_all(struct request_reading *reading, const Cairn__V1__HuntRequest *message,
                     struct request_actions *actions)
{
    reading->list = "claims";
    for (size_t i = 0; i < message->n_claims; i++) {
        reading->at = i;
        if (!read_claim(reading, message->claims[i], &actions->list[actions->count++]))
            return false;
    }
    reading->list = "reactions";
    for (size_t i = 0; i < message->n_reactions; i++) {
        reading->at = i;
        if (!read_reaction(reading, message->reactions[i], &actions->list[actions->count++]))
            return false;
    }
    return request_check_players(reading, actions, message->n_claims);
}

enum status actions_read(struct request_actions *ret_actions, const struct actions_request *request,
                         uint16_t hunt, enum plane plane, struct request_fault *ret_fault)
{
    struct request_reading reading = {.plane = plane, .hunt = hunt, .fault = ret_fault};
    const size_t count = request->message->n_claims + request->message->n_reactions;
    CHECK(count <= ACTIONS_PER_REQUEST_MAX);
    if (!request_check_any(&reading, count))
        return STATUS_INVALID;
    struct request_actions actions = {.list = malloc(count * sizeof actions.list[0])};
    if (actions.list == NULL)
        return STATUS_NO_MEMORY;
    if (!read_all(&reading, request->message, &actions)) {
        free(actions.list);
        return STATUS_INVALID;
    }
    *ret_actions = actions;
    return STATUS_OK;
}

/* Writing. The library's messages hold pointers to what may change, though packing changes nothing.
 */

static ProtobufCBinaryData binary_of(const struct player_id *player)
{
    return (ProtobufCBinaryData){sizeof player->bytes, (uint8_t *)(uintptr_t)player->bytes};
}

static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static struct actions_bytes pack(struct arena *arena, const ProtobufCMessage *message)
{
    const size_t bytes = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_take(arena, bytes > 0 ? bytes : 1);
    CHECK(protobuf_c_message_pack(message, data) == bytes);
    return (struct actions_bytes){data, bytes};
}

static void fill_result(Cairn__V1__Result *message, const struct result *result)
{
    const struct told told = result_told(result);
    cairn__v1__result__init(message);
    message->player = binary_of(&result->player);
    message->seq = result->seq;
    message->outcome = (Cairn__V1__Outcome)result->outcome;
    message->points = result->points;
    message->final = told.final;
    message->replayed = result->replayed;
    if (told.treasure)
        message->treasure = text_of(result->treasure_id);
    if (told.score)
        message->score = result->score;
    if (told.origin) {
        message->epoch = result->epoch;
        message->hlc = result->hlc;
        message->range = result->range;
    }
    if (told.log_index)
        message->log_index = result->log_index;
    if (told.definition_version)
        message->definition_version = result->definition_version;
    if (told.final_epoch)
        message->final_epoch = result->final_epoch;
}

struct actions_bytes actions_reply_write(struct arena *arena, const struct result *results,
                                         uint32_t count)
{
    Cairn__V1__HuntReply reply = CAIRN__V1__HUNT_REPLY__INIT;
    Cairn__V1__Result *messages = arena_take(arena, count * sizeof *messages);
    reply.results = arena_take(arena, count * sizeof(Cairn__V1__Result *));
    reply.n_results = count;
    for (uint32_t i = 0; i < count; i++) {
        fill_result(&messages[i], &results[i]);
        reply.results[i] = &messages[i];
    }
    return pack(arena, &reply.base);
}

static Cairn__V1__Claim *claim_of(struct arena *arena, const struct action *action)
{
    Cairn__V1__Claim *claim = arena_take(arena, sizeof *claim);
    cairn__v1__claim__init(claim);
    claim->player = binary_of(&action->player);
    claim->seq = action->seq;
    claim->x = action->x;
    claim->y = action->y;
    claim->time_ms = action->time_ms;
    return claim;
}

static Cairn__V1__Reaction *reaction_of(struct arena *arena, const struct action *action)
{
    Cairn__V1__Reaction *reaction = arena_take(arena, sizeof *reaction);
    cairn__v1__reaction__init(reaction);
    reaction->player = binary_of(&action->player);
    reaction->seq = action->seq;
    reaction->to = binary_of(&action->to);
    reaction->emoji = text_of(action->emoji.text);
    reaction->time_ms = action->time_ms;
    return reaction;
}

struct actions_bytes actions_request_write(struct arena *arena, const char *hunt,
                                           const struct request_actions *actions)
{
    Cairn__V1__HuntRequest request;
    cairn__v1__hunt_request__init(&request);
    request.hunt = text_of(hunt);
    request.claims = arena_take(arena, actions->count * sizeof(Cairn__V1__Claim *));
    request.reactions = arena_take(arena, actions->count * sizeof(Cairn__V1__Reaction *));
    for (uint32_t i = 0; i < actions->count; i++) {
        const struct action *action = &actions->list[i];
        if (action->kind == ACTION_CLAIM)
            request.claims[request.n_claims++] = claim_of(arena, action);
        else
            request.reactions[request.n_reactions++] = reaction_of(arena, action);
    }
    return pack(arena, &request.base);
}

/* Answers. */

static bool read_result(const Cairn__V1__Result *message, struct result *result)
{
    const bool known = message->outcome > 0 && (int)message->outcome < OUTCOME_COUNT;
    if (message->player.len != sizeof result->player.bytes || message->seq > SEQ_MAX)
        return false;
    *result = (struct result){
        .seq = (uint32_t)message->seq,
        .outcome = known ? (enum outcome)message->outcome : OUTCOME_NONE,
        .treasure = TREASURE_NONE,
        .final = message->final != 0,
        .replayed = message->replayed != 0,
        .points = message->points,
        .score = message->score,
        .epoch = message->epoch,
        .hlc = message->hlc,
        .range = message->range,
        .log_index = message->log_index,
        .definition_version = message->definition_version,
        .final_epoch = message->final_epoch,
        .treasure_id = message->treasure[0] != '\0' ? message->treasure : NULL,
    };
    memcpy(result->player.bytes, message->player.data, sizeof result->player.bytes);
    return true;
}

enum status actions_reply_read(struct actions_results *ret_results, struct arena *arena,
                               struct actions_bytes body)
{
    ProtobufCAllocator allocator = allocator_of(arena);
    const Cairn__V1__HuntReply *reply =
        cairn__v1__hunt_reply__unpack(&allocator, body.bytes, body.data);
    if (reply == NULL)
        return STATUS_INVALID;
    struct result *results = arena_take(arena, reply->n_results * sizeof *results);
    for (size_t i = 0; i < reply->n_results; i++) {
        if (!read_result(reply->results[i], &results[i]))
            return STATUS_INVALID;
    }
    *ret_results = (struct actions_results){results, reply->n_results};
    return STATUS_OK;
}
