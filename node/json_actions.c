#include "node/json_actions.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"
#include "proto/told.h"

/* The member's value; NULL, and refused: it is missing. */
static const json_t *take_member(const struct request_reading *reading, const json_t *object,
                                 const char *member)
{
    const json_t *value = json_object_get(object, member);
    if (value == NULL)
        (void)request_refuse_missing(reading, member);
    return value;
}

/* Every member of the object is one of `known` (`count` of them). */
static bool check_members(const struct request_reading *reading, const json_t *object,
                          const char *const *known, size_t count)
{
    /* Iterating needs a mutable object, though it changes nothing. */
    json_t *members = (json_t *)(uintptr_t)object;
    for (void *at = json_object_iter(members); at != NULL;
         at = json_object_iter_next(members, at)) {
        const char *key = json_object_iter_key(at);
        size_t i = 0;
        while (i < count && strcmp(key, known[i]) != 0)
            i++;
        if (i == count)
            return request_refuse(reading, 400, "unknown_field", key,
                                  "there is no such field here");
    }
    return true;
}

/* Digits without leading zeros, with a sign perhaps. Values that fit no int64 become the nearest
 * that does: they are out of any range of ours. */
static bool parse_digits(const char *text, int64_t *ret_value)
{
    const bool negative = text[0] == '-';
    const char *digits = negative ? text + 1 : text;
    const size_t count = strspn(digits, "0123456789");
    if (count == 0 || digits[count] != '\0' || (digits[0] == '0' && (count > 1 || negative)))
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t digit = digits[i] - '0';
        value = value > (INT64_MAX - digit) / 10 ? INT64_MAX : value * 10 + digit;
    }
    *ret_value = negative ? -value : value;
    return true;
}

static bool take_seq(const struct request_reading *reading, const json_t *object, uint32_t *ret_seq)
{
    const json_t *value = take_member(reading, object, "seq");
    int64_t seq = 0;
    if (value == NULL)
        return false;
    if (json_is_integer(value))
        seq = json_integer_value(value);
    else if (!json_is_string(value) || !parse_digits(json_string_value(value), &seq))
        return request_refuse_type(reading, "seq", "a whole number, or its digits in a string,");
    /* One below zero is as far above the range. */
    return request_check_seq(reading, (uint64_t)seq, ret_seq);
}

static bool take_whole(const struct request_reading *reading, const json_t *object,
                       const char *member, int64_t *ret_value)
{
    const json_t *value = take_member(reading, object, member);
    if (value == NULL)
        return false;
    if (!json_is_integer(value))
        return request_refuse_type(reading, member, "a whole number");
    *ret_value = json_integer_value(value);
    return true;
}

static bool take_player(const struct request_reading *reading, const json_t *object,
                        const char *member, struct player_id *ret_player)
{
    const json_t *value = take_member(reading, object, member);
    if (value == NULL)
        return false;
    if (!json_is_string(value) || player_id_parse(ret_player, json_string_value(value),
                                                  json_string_length(value)) != STATUS_OK)
        return request_refuse_type(reading, member, "a UUID in the form 8-4-4-4-12");
    return true;
}

static bool take_coordinate(const struct request_reading *reading, const json_t *object,
                            const char *member, int32_t *ret_value)
{
    int64_t value = 0;
    return take_whole(reading, object, member, &value) &&
           request_check_coordinate(reading, member, value, ret_value);
}

/* A double holds degrees to about 3e-14, so that whatever is given with seven places lies far
 * closer to its multiple of 1e-7 than to the middle between two. */
static bool take_degrees(const struct request_reading *reading, const json_t *object,
                         const char *member, int32_t limit, int32_t *ret_value)
{
    const json_t *value = take_member(reading, object, member);
    if (value == NULL)
        return false;
    if (!json_is_number(value))
        return request_refuse_type(reading, member, "a number of degrees");
    const double degrees = json_number_value(value);
    if (!(degrees >= -limit / 1e7 && degrees <= limit / 1e7))
        return request_refuse_degrees(reading, member, limit);
    *ret_value = (int32_t)(degrees * 1e7 + (degrees < 0 ? -0.5 : 0.5));
    return true;
}

static bool take_emoji(const struct request_reading *reading, const json_t *object,
                       struct emoji *ret_emoji)
{
    const json_t *value = take_member(reading, object, "emoji");
    if (value == NULL)
        return false;
    if (!json_is_string(value))
        return request_refuse_type(reading, "emoji", "a string");
    return request_check_emoji(reading, json_string_value(value), json_string_length(value),
                               ret_emoji);
}

/* What claims and reactions share. */
static bool take_common(const struct request_reading *reading, const json_t *object,
                        struct action *action)
{
    action->hunt = reading->hunt;
    return take_player(reading, object, "player", &action->player) &&
           take_seq(reading, object, &action->seq) &&
           take_whole(reading, object, "time_ms", &action->time_ms);
}

/* A place in the other plane's terms is no unknown field, but the wrong one for this hunt. */
static bool check_plane(const struct request_reading *reading, const json_t *object)
{
    static const char *const members[2][2] = {{"lat", "lon"}, {"x", "y"}};
    const bool geo = reading->plane == PLANE_GEO;
    for (size_t i = 0; i < 2; i++) {
        const char *member = members[geo][i];
        if (json_object_get(object, member) != NULL)
            return request_refuse(reading, 422, "wrong_plane", member, "this hunt is %s: give %s",
                                  geo ? "geo" : "flat", geo ? "lat and lon" : "x and y");
    }
    return true;
}

static bool take_claim(const struct request_reading *reading, const json_t *object,
                       struct action *action)
{
    static const char *const known[] = {"player", "seq", "time_ms", "x", "y", "lat", "lon"};
    action->kind = ACTION_CLAIM;
    if (!check_members(reading, object, known, sizeof known / sizeof known[0]) ||
        !take_common(reading, object, action) || !check_plane(reading, object))
        return false;
    if (reading->plane == PLANE_GEO)
        return take_degrees(reading, object, "lat", LATITUDE_MAX, &action->y) &&
               take_degrees(reading, object, "lon", LONGITUDE_MAX, &action->x);
    return take_coordinate(reading, object, "x", &action->x) &&
           take_coordinate(reading, object, "y", &action->y);
}

static bool take_reaction(const struct request_reading *reading, const json_t *object,
                          struct action *action)
{
    static const char *const known[] = {"player", "seq", "time_ms", "to", "emoji"};
    action->kind = ACTION_REACTION;
    return check_members(reading, object, known, sizeof known / sizeof known[0]) &&
           take_common(reading, object, action) &&
           take_player(reading, object, "to", &action->to) &&
           take_emoji(reading, object, &action->emoji);
}

typedef bool take_fn(const struct request_reading *reading, const json_t *object,
                     struct action *action);

static bool take_list(struct request_reading *reading, const json_t *list, take_fn *take,
                      struct request_actions *actions)
{
    const size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        const json_t *object = json_array_get(list, i);
        reading->at = i;
        if (!json_is_object(object))
            return request_refuse_type(reading, "", "an object");
        struct action *action = &actions->list[actions->count];
        *action = (struct action){0};
        if (!take(reading, object, action))
            return false;
        actions->count++;
    }
    return true;
}

/* An absent list is an empty one. */
static bool count_list(const struct request_reading *reading, const json_t *list,
                       const char *member, size_t *count)
{
    if (list != NULL && !json_is_array(list))
        return request_refuse_type(reading, member, "a list");
    *count += json_array_size(list);
    return request_check_count(reading, *count, member);
}

static bool take_lists(struct request_reading *reading, const json_t *root,
                       struct request_actions *actions)
{
    const json_t *claims = json_object_get(root, "claims");
    const json_t *reactions = json_object_get(root, "reactions");
    reading->list = "claims";
    if (!take_list(reading, claims, take_claim, actions))
        return false;
    reading->list = "reactions";
    return take_list(reading, reactions, take_reaction, actions) &&
           request_check_players(reading, actions, json_array_size(claims));
}

enum status json_actions_read(struct request_actions *ret_actions,
                              const struct json_request *request, uint16_t hunt, enum plane plane,
                              struct request_fault *ret_fault)
{
    CHECK(json_is_object(request->root));
    struct request_reading reading = {.plane = plane, .hunt = hunt, .fault = ret_fault};
    size_t count = 0;
    if (!count_list(&reading, json_object_get(request->root, "claims"), "claims", &count) ||
        !count_list(&reading, json_object_get(request->root, "reactions"), "reactions", &count) ||
        !request_check_any(&reading, count))
        return STATUS_INVALID;
    CHECK(count > 0); /* none at all is a fault */
    struct request_actions actions = {.list = malloc(count * sizeof actions.list[0])};
    if (actions.list == NULL)
        return STATUS_NO_MEMORY;
    if (!take_lists(&reading, request->root, &actions)) {
        free(actions.list);
        return STATUS_INVALID;
    }
    CHECK(actions.count == count);
    *ret_actions = actions;
    return STATUS_OK;
}

static bool take_hunt(const struct request_reading *reading, const json_t *root,
                      struct name *ret_hunt)
{
    const json_t *value = take_member(reading, root, "hunt");
    if (value == NULL)
        return false;
    if (!json_is_string(value))
        return request_refuse_type(reading, "hunt", "a string");
    return request_check_hunt(reading, json_string_value(value), json_string_length(value),
                              ret_hunt);
}

static bool read_head(const struct request_reading *reading, struct json_request *request)
{
    static const char *const known[] = {"claims", "reactions", "hunt"};
    if (!json_is_object(request->root))
        return request_refuse_type(reading, "", "an object");
    if (!check_members(reading, request->root, known, request->names_hunt ? 3 : 2))
        return false;
    return !request->names_hunt || take_hunt(reading, request->root, &request->hunt);
}

/* A number that no 64 bits hold is out of any range; the rest is no JSON, or a double key. */
static enum status refuse_syntax(const struct request_reading *reading, const json_error_t *error)
{
    const enum json_error_code code = json_error_code(error);
    if (code == json_error_out_of_memory)
        return STATUS_NO_MEMORY;
    const bool overflow = code == json_error_numeric_overflow;
    (void)request_refuse(reading, overflow ? 422 : 400, overflow ? "out_of_range" : "malformed", "",
                         "line %d, column %d: %s", error->line, error->column, error->text);
    return STATUS_INVALID;
}

enum status json_request_read(struct json_request *ret_request, const void *body, size_t bytes,
                              bool names_hunt, struct request_fault *ret_fault)
{
    const struct request_reading reading = {.fault = ret_fault};
    struct json_request request = {.names_hunt = names_hunt};
    json_error_t error;
    /* Any value is decoded, so that what is no object is told so, and not called a syntax fault. */
    request.root = json_loadb(body, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (request.root == NULL)
        return refuse_syntax(&reading, &error);
    if (!read_head(&reading, &request)) {
        json_decref(request.root);
        return STATUS_INVALID;
    }
    *ret_request = request;
    return STATUS_OK;
}

void json_request_fini(struct json_request *request)
{
    json_decref(request->root);
    request->root = NULL;
}

/* Where it stands in the log, as far as it does. */
static void write_origin(struct json_text *text, const struct result *result, bool log_index)
{
    json_text_key(text, "epoch");
    json_text_quoted(text, result->epoch);
    json_text_key(text, "hlc");
    json_text_quoted(text, result->hlc);
    json_text_key(text, "range");
    json_text_number(text, result->range);
    if (!log_index)
        return;
    json_text_key(text, "log_index");
    json_text_quoted(text, result->log_index);
}

void json_result_write(struct json_text *text, const struct result *result)
{
    const struct told told = result_told(result);
    json_text_object(text);
    json_text_key(text, "player");
    json_text_player(text, &result->player);
    json_text_key(text, "seq");
    json_text_quoted(text, result->seq);
    json_text_key(text, "outcome");
    json_text_string(text, outcome_name(result->outcome));
    if (told.treasure) {
        json_text_key(text, "treasure");
        json_text_string(text, result->treasure_id);
    }
    json_text_key(text, "points");
    json_text_number(text, result->points);
    if (told.score) {
        json_text_key(text, "score");
        json_text_quoted_signed(text, result->score);
    }
    json_text_key(text, "state");
    json_text_string(text, told.final ? "final" : "pending");
    if (told.origin)
        write_origin(text, result, told.log_index);
    if (told.final_epoch) {
        json_text_key(text, "final_epoch");
        json_text_quoted(text, result->final_epoch);
    }
    if (told.definition_version) {
        json_text_key(text, "definition_version");
        json_text_number(text, result->definition_version);
    }
    json_text_key(text, "replayed");
    json_text_bool(text, result->replayed);
    json_text_object_end(text);
}

void json_results_write(struct json_text *text, const struct result *results, uint32_t count)
{
    json_text_object(text);
    json_text_key(text, "results");
    json_text_array(text);
    for (uint32_t i = 0; i < count; i++)
        json_result_write(text, &results[i]);
    json_text_array_end(text);
    json_text_object_end(text);
}
