/* A player's page: what he has, and what is open to him now. */
#include <stdlib.h>

#include "cluster/base/check.h"
#include "node/routes_internal.h"

/* Treasures by number; the hunt's names know all that any version ever had. */
static void write_treasures(struct json_text *text, const char *key, const struct hunt *hunt,
                            const uint16_t *numbers, uint16_t count)
{
    json_text_key(text, key);
    json_text_array(text);
    for (uint16_t i = 0; i < count; i++) {
        if (numbers[i] < hunt->names.count)
            json_text_string(text, hunt->names.names[numbers[i]].text);
    }
    json_text_array_end(text);
}

static void write_place(struct json_text *text, enum plane plane, const struct treasure *treasure)
{
    if (plane == PLANE_GEO) {
        json_text_key(text, "lat");
        json_text_degrees(text, treasure->y);
        json_text_key(text, "lon");
        json_text_degrees(text, treasure->x);
    } else {
        json_text_key(text, "x");
        json_text_signed(text, treasure->x);
        json_text_key(text, "y");
        json_text_signed(text, treasure->y);
    }
    json_text_key(text, "radius");
    json_text_number(text, treasure->radius);
}

/* Of a locked one the place is not told, even where it is shown to those who unlocked it. */
static void write_open_one(struct json_text *text, enum plane plane,
                           const struct treasure *treasure, const struct open_treasure *open)
{
    json_text_object(text);
    json_text_key(text, "id");
    json_text_string(text, treasure->id.text);
    if (treasure->hint != NULL) {
        json_text_key(text, "hint");
        json_text_string(text, treasure->hint);
    }
    json_text_key(text, "points");
    json_text_number(text, open->points);
    if (treasure->supply > 0) {
        json_text_key(text, "supply_left");
        json_text_number(text, open->supply_left);
    }
    if (open->reactions_missing > 0) {
        json_text_key(text, "reactions_missing");
        json_text_number(text, open->reactions_missing);
    }
    if (treasure->shown && open->reactions_missing == 0)
        write_place(text, plane, treasure);
    json_text_object_end(text);
}

static void write_open_list(struct json_text *text, const struct definition *definition,
                            const uint16_t *places, const struct open_treasure *list,
                            uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        CHECK(places[i] < definition->treasure_count);
        write_open_one(text, definition->plane, &definition->treasures[places[i]], &list[i]);
    }
}

/* What is open, and then what lacks reactions only. */
static void write_open(struct json_text *text, const struct player_answer *answer)
{
    const struct player_page *page = &answer->page;
    json_text_key(text, "open");
    json_text_array(text);
    write_open_list(text, answer->definition, page->open, answer->open, page->open_count);
    write_open_list(text, answer->definition, page->locked, answer->locked, page->locked_count);
    json_text_array_end(text);
}

static void write_reactions(struct json_text *text, const struct player_answer *answer)
{
    json_text_key(text, "reactions");
    json_text_object(text);
    for (uint32_t i = 0; i < answer->received_count; i++) {
        json_text_key_text(text, answer->received[i].emoji.text);
        json_text_number(text, answer->received[i].count);
    }
    json_text_object_end(text);
}

static void write_head(struct json_text *text, const struct player_id *player,
                       const struct player_answer *answer)
{
    json_text_key(text, "player");
    json_text_player(text, player);
    json_text_key(text, "score");
    json_text_quoted_signed(text, answer->page.score);
    if (!answer->ranked)
        return;
    json_text_key(text, "rank");
    json_text_number(text, answer->rank);
    json_text_key(text, "rank_epoch");
    json_text_quoted(text, answer->rank_epoch);
}

static void reply_page(const struct waiting *waiting, const struct player_answer *answer)
{
    const struct system_state *system = cluster_system(node_cluster(waiting->routes->node));
    const struct hunt *hunt = system_state_hunt(system, waiting->hunt);
    const struct player_page *page = &answer->page;
    struct json_text text = {0};
    CHECK(hunt != NULL);
    json_text_object(&text);
    write_head(&text, &waiting->player, answer);
    write_treasures(&text, "found", hunt, page->found, page->found_count);
    write_treasures(&text, "pending", hunt, page->pending, page->pending_count);
    write_treasures(&text, "won", hunt, page->won, page->won_count);
    write_treasures(&text, "lost", hunt, page->lost, page->lost_count);
    write_open(&text, answer);
    json_text_key(&text, "last_seq");
    json_text_quoted(&text, page->last_seq);
    write_reactions(&text, answer);
    json_text_key(&text, "epoch");
    json_text_quoted(&text, answer->epoch);
    routes_write_settled(&text, answer->settled, answer->settled_through);
    json_text_object_end(&text);
    routes_reply_cached(waiting->request, &text, ROUTES_CACHE_CHECKED);
}

static void page_read(void *context, const struct query_reply *reply)
{
    struct waiting *waiting = context;
    if (waiting->request != NULL) {
        if (reply->status == STATUS_OK)
            reply_page(waiting, &reply->player);
        else
            routes_refuse_leaderless(waiting->request);
    }
    free(waiting);
}

void routes_get_player(const struct call *call)
{
    struct query query = {.kind = QUERY_PLAYER};
    if (!routes_admit_load(call))
        return;
    if (!routes_path_player(call, 4, &query.player) ||
        !routes_flag_parameter(call, "consistent", &query.consistent))
        return;
    const struct hunt *hunt = routes_path_hunt(call);
    if (hunt == NULL || routes_pass_on(call, routes_player_node(call, &query.player)))
        return;
    struct waiting *waiting = routes_wait(call);
    if (waiting == NULL)
        return;
    query.hunt = hunt->number;
    waiting->hunt = hunt->number;
    waiting->player = query.player;
    node_query(call->routes->node, &query, page_read, waiting);
}
