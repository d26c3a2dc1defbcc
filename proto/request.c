#include "proto/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"
#include "cluster/base/hash.h"

/* What a client sent may have been cut within a character, or be no text at all. */
static void end_before_no_text(char *text)
{
    text[utf8_prefix(text, strlen(text))] = '\0';
}

static void write_field(const struct request_reading *reading, const char *member)
{
    struct request_fault *fault = reading->fault;
    const char *dot = member[0] != '\0' ? "." : "";
    if (reading->list == NULL)
        (void)snprintf(fault->field, sizeof fault->field, "%.80s", member);
    else
        (void)snprintf(fault->field, sizeof fault->field, "%s[%zu]%s%.60s", reading->list,
                       reading->at, dot, member);
    end_before_no_text(fault->field);
}

bool request_refuse(const struct request_reading *reading, int status, const char *code,
                    const char *member, const char *detail, ...)
{
    struct request_fault *fault = reading->fault;
    fault->status = status;
    fault->code = code;
    write_field(reading, member);
    va_list arguments;
    va_start(arguments, detail);
    (void)vsnprintf(fault->detail, sizeof fault->detail, detail, arguments);
    va_end(arguments);
    end_before_no_text(fault->detail);
    return false;
}

bool request_refuse_type(const struct request_reading *reading, const char *member,
                         const char *expected)
{
    return request_refuse(reading, 400, "wrong_type", member, "%s is expected", expected);
}

bool request_refuse_range(const struct request_reading *reading, const char *member,
                          const char *range)
{
    return request_refuse(reading, 422, "out_of_range", member, "must be %s", range);
}

bool request_refuse_missing(const struct request_reading *reading, const char *member)
{
    return request_refuse(reading, 400, "missing_field", member, "%s is missing", member);
}

bool request_refuse_degrees(const struct request_reading *reading, const char *member,
                            int32_t limit)
{
    return request_refuse(reading, 422, "out_of_range", member, "must be -%d to %d degrees",
                          limit / 10000000, limit / 10000000);
}

bool request_check_hunt(const struct request_reading *reading, const char *text, size_t bytes,
                        struct name *ret_hunt)
{
    if (name_set(ret_hunt, text, bytes) != STATUS_OK)
        return request_refuse_range(reading, "hunt", "1 to 63 of a-z 0-9 -");
    return true;
}

bool request_check_seq(const struct request_reading *reading, uint64_t seq, uint32_t *ret_seq)
{
    if (seq < SEQ_MIN || seq > SEQ_MAX)
        return request_refuse_range(reading, "seq", "1 to 4294967295");
    *ret_seq = (uint32_t)seq;
    return true;
}

bool request_check_coordinate(const struct request_reading *reading, const char *member,
                              int64_t value, int32_t *ret_value)
{
    if (value < -(int64_t)COORDINATE_MAX || value > COORDINATE_MAX)
        return request_refuse_range(reading, member, "-2147483647 to 2147483647");
    *ret_value = (int32_t)value;
    return true;
}

bool request_check_emoji(const struct request_reading *reading, const char *text, size_t bytes,
                         struct emoji *ret_emoji)
{
    if (bytes == 0 || bytes > EMOJI_BYTES_MAX)
        return request_refuse_range(reading, "emoji", "1 to 32 bytes of UTF-8");
    *ret_emoji = (struct emoji){.length = (uint8_t)bytes};
    memcpy(ret_emoji->text, text, bytes);
    return true;
}

bool request_check_count(const struct request_reading *reading, size_t count, const char *member)
{
    if (count > ACTIONS_PER_REQUEST_MAX)
        return request_refuse(reading, 422, "too_many_actions", member,
                              "a request takes at most %d actions", ACTIONS_PER_REQUEST_MAX);
    return true;
}

bool request_check_any(const struct request_reading *reading, size_t count)
{
    if (count == 0)
        return request_refuse(reading, 422, "no_actions", "", "the request has no actions");
    return true;
}

/* A power of two, so that the table is at most half full. */
#define COUNTS_SIZE 2048
_Static_assert(COUNTS_SIZE >= 2 * ACTIONS_PER_REQUEST_MAX, "the table is at most half full");

/* Counts in an open-addressed table of the players' first actions. *ret_at is the action that is
 * one too many. */
static bool players_within_limit(const struct request_actions *actions, uint32_t *ret_at)
{
    uint16_t first[COUNTS_SIZE] = {0}; /* place in the list + 1; 0: free */
    uint8_t counts[COUNTS_SIZE] = {0};
    for (uint32_t i = 0; i < actions->count; i++) {
        const struct player_id *player = &actions->list[i].player;
        size_t at = hash_player(player) % COUNTS_SIZE;
        while (first[at] != 0 && !player_id_equal(&actions->list[first[at] - 1].player, player))
            at = (at + 1) % COUNTS_SIZE;
        if (first[at] == 0)
            first[at] = (uint16_t)(i + 1);
        if (counts[at] == ACTIONS_PER_PLAYER_MAX) {
            *ret_at = i;
            return false;
        }
        counts[at]++;
    }
    return true;
}

bool request_check_players(const struct request_reading *reading,
                           const struct request_actions *actions, size_t claims)
{
    uint32_t at = 0;
    CHECK(actions->count <= ACTIONS_PER_REQUEST_MAX);
    if (actions->count <= ACTIONS_PER_PLAYER_MAX || players_within_limit(actions, &at))
        return true;
    struct request_reading there = *reading;
    there.list = at < claims ? "claims" : "reactions";
    there.at = at < claims ? at : at - claims;
    return request_refuse(&there, 422, "too_many_actions", "player",
                          "a request takes at most %d actions of one player",
                          ACTIONS_PER_PLAYER_MAX);
}
