/* Who won the limited treasures. */
#include <stdlib.h>

#include "cluster/base/check.h"
#include "node/routes_cursor.h"
#include "node/routes_internal.h"

_Static_assert(ROUTES_LIMIT_MAX <= QUERY_LIMIT_MAX, "a page can be asked for");

static void write_winner(struct json_text *text, const struct award_winner *winner)
{
    const struct engine_award *award = &winner->award;
    json_text_object(text);
    json_text_key(text, "place");
    json_text_number(text, award->place);
    json_text_key(text, "player");
    json_text_player(text, &award->player);
    json_text_key(text, "hlc");
    json_text_quoted(text, award->hlc);
    json_text_key(text, "range");
    json_text_number(text, winner->range);
    json_text_key(text, "log_index");
    json_text_quoted(text, award->log_index);
    json_text_key(text, "uncertainty_us");
    json_text_number(text, award->uncertainty_us);
    json_text_key(text, "epoch");
    json_text_quoted(text, award->epoch);
    json_text_object_end(text);
}

static void write_treasure(struct json_text *text, const struct hunt *hunt,
                           const struct awards_answer *awards, const struct treasure_awards *won)
{
    json_text_object(text);
    json_text_key(text, "treasure");
    json_text_string(text, hunt->names.names[won->treasure].text);
    if (won->supply > 0) {
        json_text_key(text, "supply");
        json_text_number(text, won->supply);
    }
    json_text_key(text, "awarded");
    json_text_number(text, won->awarded);
    json_text_key(text, "winners");
    json_text_array(text);
    for (uint32_t i = 0; i < won->winners; i++)
        write_winner(text, &awards->winners[won->first + i]);
    json_text_array_end(text);
    json_text_object_end(text);
}

static void write_next(struct json_text *text, uint16_t hunt, const struct awards_answer *awards)
{
    char next[AWARD_CURSOR_BYTES];
    CHECK(awards->winner_count > 0);
    const struct engine_award *last = &awards->winners[awards->winner_count - 1].award;
    award_cursor_format(next, &(struct award_cursor){.hunt = hunt,
                                                     .epoch = awards->settled_through,
                                                     .treasure = last->treasure,
                                                     .place = last->place});
    json_text_key(text, "next_cursor");
    json_text_string(text, next);
}

static void reply_awards(const struct waiting *waiting, const struct awards_answer *awards)
{
    const struct system_state *system = cluster_system(node_cluster(waiting->routes->node));
    const struct hunt *hunt = system_state_hunt(system, waiting->hunt);
    struct json_text text = {0};
    CHECK(hunt != NULL);
    json_text_object(&text);
    json_text_key(&text, "hunt");
    json_text_string(&text, hunt->name.text);
    routes_write_settled(&text, awards->settled, awards->settled_through);
    json_text_key(&text, "awards");
    json_text_array(&text);
    for (uint32_t i = 0; i < awards->treasure_count; i++) {
        /* The ranges may be ahead of what this node has heard from the system group. */
        if (awards->treasures[i].treasure < hunt->names.count)
            write_treasure(&text, hunt, awards, &awards->treasures[i]);
    }
    json_text_array_end(&text);
    if (awards->more)
        write_next(&text, waiting->hunt, awards);
    json_text_object_end(&text);
    routes_reply_cached(waiting->request, &text, ROUTES_CACHE_CHECKED);
}

static void awards_read(void *context, const struct query_reply *reply)
{
    struct waiting *waiting = context;
    if (waiting->request != NULL && reply->status == STATUS_OK)
        reply_awards(waiting, &reply->awards);
    else if (waiting->request != NULL && reply->status == STATUS_NOT_FOUND)
        routes_refuse(waiting->request, 503, "not_settled", "cursor",
                      "the epoch of this cursor is not settled here yet");
    else if (waiting->request != NULL)
        routes_refuse_leaderless(waiting->request);
    free(waiting);
}

/* Where the list is to go on, if that is said. */
static bool take_cursor(const struct call *call, const struct hunt *hunt, struct query *query)
{
    char text[HTTP_PARAMETER_VALUE_BYTES];
    struct award_cursor cursor;
    const enum status status =
        http_query_get(text, sizeof text, http_request_query(call->request), "cursor");
    CHECK(status == STATUS_OK || status == STATUS_NOT_FOUND);
    if (status == STATUS_NOT_FOUND)
        return true;
    if (award_cursor_parse(&cursor, text) != STATUS_OK || cursor.hunt != hunt->number) {
        routes_refuse(call->request, 400, "malformed", "cursor",
                      "not a cursor that these awards gave out");
        return false;
    }
    query->pinned = true;
    query->epoch = cursor.epoch;
    query->after = (struct engine_award_position){cursor.treasure, cursor.place};
    return true;
}

void routes_get_awards(const struct call *call)
{
    struct query query = {.kind = QUERY_AWARDS, .limit = ROUTES_LIMIT_DEFAULT};
    if (!routes_admit_load(call))
        return;
    if (!routes_limit_parameter(call, &query.limit))
        return;
    const struct hunt *hunt = routes_path_hunt(call);
    if (hunt == NULL || !take_cursor(call, hunt, &query) ||
        routes_pass_on(call, routes_whole_node(call)))
        return;
    struct waiting *waiting = routes_wait(call);
    if (waiting == NULL)
        return;
    query.hunt = hunt->number;
    waiting->hunt = hunt->number;
    node_query(call->routes->node, &query, awards_read, waiting);
}
