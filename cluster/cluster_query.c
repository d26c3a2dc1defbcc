/* Reading a player's state where it is led, and the groups' present state. Questions to all ranges
 * are in cluster_query_all.c. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/cluster_internal.h"

void query_answer(struct cluster *cluster, uint64_t token, const struct query_reply *reply)
{
    struct effect *effect = effects_add(cluster->effects, EFFECT_QUERIED);
    effect->queried.token = token;
    effect->queried.reply = reply;
}

struct query_reply *query_new_reply(struct cluster *cluster, enum status status)
{
    struct query_reply *reply = arena_take(&cluster->arena, sizeof *reply);
    memset(reply, 0, sizeof *reply);
    reply->status = status;
    return reply;
}

/* The slot of the player's range, where it may be read; NULL: elsewhere, if at all. */
static struct slot *slot_to_read(const struct cluster *cluster, const struct player_id *player)
{
    const struct settings *settings = system_state_settings(cluster->system);
    if (settings == NULL)
        return NULL;
    const uint32_t range = hash_range(hash_player(player), settings->ranges);
    struct slot *slot = range < cluster->slot_count ? cluster->slots[range] : NULL;
    if (slot == NULL || slot->state == NULL || !group_leads(slot->group))
        return NULL;
    return slot;
}

bool query_standings_open(const struct cluster *cluster, struct standings *ret_standings)
{
    uint64_t epoch;
    if (cluster->merge == NULL || !merge_complete(cluster->merge, &epoch))
        return false;
    struct global_board *board = cluster_board(cluster, epoch);
    if (board == NULL)
        return false;
    const uint32_t epoch_ms = system_state_settings(cluster->system)->epoch_ms;
    *ret_standings =
        (struct standings){.board = board, .epoch = epoch, .end = epoch_start(epoch + 1, epoch_ms)};
    return true;
}

void query_standings_close(struct standings *standings)
{
    global_board_release(standings->board);
}

uint64_t query_rank(const struct standings *standings, const struct engine *engine, uint16_t hunt,
                    const struct player_id *player)
{
    if (!engine_known_before(engine, hunt, player, standings->end))
        return 0;
    const int64_t score = engine_score_before(engine, hunt, player, standings->end);
    return global_board_rank(standings->board, hunt, score, player);
}

static void rank_player(const struct cluster *cluster, const struct slot *slot,
                        const struct query *query, struct player_answer *player)
{
    struct standings standings;
    if (!query_standings_open(cluster, &standings))
        return;
    player->rank =
        query_rank(&standings, range_state_engine(slot->state), query->hunt, &query->player);
    player->rank_epoch = standings.epoch;
    player->ranked = player->rank > 0;
    query_standings_close(&standings);
}

bool query_settled(const struct cluster *cluster, const struct slot *slot, uint64_t *ret_epoch)
{
    const uint64_t next = range_state_settle_next(slot->state);
    if (next <= system_state_settings(cluster->system)->first_epoch)
        return false;
    *ret_epoch = next - 1;
    return true;
}

/* Places in the active definition, and the player and the moment that they are told about for. */
struct open_places {
    uint16_t hunt;
    const struct definition *definition;
    uint64_t hlc;
    uint32_t reactions;
    const uint16_t *list;
    uint16_t count;
};

/* What is to be told about treasures at places of the active definition. */
static struct open_treasure *tell_open(struct cluster *cluster, const struct slot *slot,
                                       const struct open_places *places)
{
    const struct engine *engine = range_state_engine(slot->state);
    struct open_treasure *list = arena_take(&cluster->arena, (places->count + 1U) * sizeof *list);
    for (uint16_t i = 0; i < places->count; i++) {
        const uint16_t place = places->list[i];
        CHECK(place < places->definition->treasure_count);
        const struct treasure *treasure = &places->definition->treasures[place];
        const uint32_t awarded = engine_awarded(engine, places->hunt, treasure->number);
        const uint32_t needed = treasure->unlock_reactions;
        list[i] = (struct open_treasure){
            .points = engine_points(engine, places->hunt, place, places->hlc),
            .supply_left = treasure->supply > awarded ? treasure->supply - awarded : 0,
            .reactions_missing = needed > places->reactions ? needed - places->reactions : 0,
        };
    }
    return list;
}

static void answer_player(struct cluster *cluster, const struct slot *slot,
                          const struct query *query)
{
    struct query_reply *reply = query_new_reply(cluster, STATUS_OK);
    struct player_answer *player = &reply->player;
    struct player_page *page = &player->page;
    const struct engine *engine = range_state_engine(slot->state);
    const uint64_t now = hlc_from_us(cluster->now.physical_us);
    const uint64_t last = range_state_last_hlc(slot->state);
    const uint64_t present = now > last ? now : last;
    engine_player(engine, query->hunt, &query->player, present, page);
    player->received_count =
        engine_reactions(engine, query->hunt, &query->player, player->received);
    player->definition = engine_definition(engine, query->hunt, &player->version);
    player->epoch = range_state_open_epoch(slot->state);
    struct open_places places = {.hunt = query->hunt,
                                 .definition = player->definition,
                                 .hlc = present,
                                 .reactions = page->reactions,
                                 .list = page->open,
                                 .count = page->open_count};
    player->open = tell_open(cluster, slot, &places);
    places.list = page->locked;
    places.count = page->locked_count;
    player->locked = tell_open(cluster, slot, &places);
    cluster->page_answered = true;
    player->settled = query_settled(cluster, slot, &player->settled_through);
    rank_player(cluster, slot, query, player);
    query_answer(cluster, query->token, reply);
}

static void answer_receipt(struct cluster *cluster, const struct slot *slot,
                           const struct query *query)
{
    struct result result;
    const enum status status = engine_receipt(range_state_engine(slot->state), query->hunt,
                                              &query->player, query->seq, &result);
    struct query_reply *reply = query_new_reply(cluster, status);
    if (status == STATUS_OK)
        reply->receipt = result;
    query_answer(cluster, query->token, reply);
}

static void answer_now(struct cluster *cluster, const struct slot *slot, const struct query *query)
{
    if (query->kind == QUERY_PLAYER)
        answer_player(cluster, slot, query);
    else
        answer_receipt(cluster, slot, query);
}

static void answer_ranges(struct cluster *cluster, const struct query *query)
{
    struct range_answer *list =
        arena_take(&cluster->arena, (cluster->slot_count + 1) * sizeof *list);
    uint32_t count = 0;
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        struct slot *slot = cluster->slots[i];
        if (slot == NULL)
            continue;
        struct range_answer *range = &list[count++];
        *range = (struct range_answer){.range = i};
        group_view(slot->group, &range->group);
        if (slot->state == NULL)
            continue;
        range->open_epoch = range_state_open_epoch(slot->state);
        range->digest = range_state_digest(slot->state);
        range->players = engine_players(range_state_engine(slot->state));
        range->receipts = engine_receipts(range_state_engine(slot->state));
    }
    if (cluster->system_group != NULL) {
        struct range_answer *range = &list[count++];
        *range = (struct range_answer){.range = GROUP_SYSTEM};
        group_view(cluster->system_group, &range->group);
        range->digest = system_state_digest(cluster->system);
    }
    struct query_reply *reply = query_new_reply(cluster, STATUS_OK);
    reply->ranges.list = list;
    reply->ranges.count = count;
    query_answer(cluster, query->token, reply);
}

/* A barrier of our own shows that we still lead, and what was committed before it was asked. */
static void wait_for_barrier(struct cluster *cluster, struct slot *slot, const struct query *query)
{
    const struct record record = {
        .kind = RECORD_BARRIER,
        .stamp = hlc_now(&cluster->hlc, cluster->now.physical_us),
        .uncertainty_us = cluster->now.uncertainty_us,
    };
    struct waiting_query *waiting = malloc(sizeof *waiting);
    if (waiting == NULL ||
        groups_submit(cluster, slot->group, &record, &waiting->index) != STATUS_OK) {
        free(waiting);
        query_answer(cluster, query->token, query_new_reply(cluster, STATUS_NOT_LEADER));
        return;
    }
    waiting->term = group_term(slot->group);
    waiting->query = *query;
    waiting->next = slot->waiting;
    slot->waiting = waiting;
}

void query_take(struct cluster *cluster, const struct query *query)
{
    if (query->kind == QUERY_RANGES) {
        answer_ranges(cluster, query);
        return;
    }
    if (query->kind == QUERY_AWARDS || query->kind == QUERY_AROUND) {
        query_take_all(cluster, query);
        return;
    }
    struct slot *slot = slot_to_read(cluster, &query->player);
    if (slot == NULL)
        query_answer(cluster, query->token, query_new_reply(cluster, STATUS_NOT_LEADER));
    else if (query->consistent)
        wait_for_barrier(cluster, slot, query);
    else
        answer_now(cluster, slot, query);
}

void query_applied(struct cluster *cluster, struct slot *slot, uint64_t index, uint64_t term)
{
    struct waiting_query **link = &slot->waiting;
    while (*link != NULL) {
        struct waiting_query *waiting = *link;
        if (waiting->index != index) {
            link = &waiting->next;
            continue;
        }
        *link = waiting->next;
        if (waiting->term == term)
            answer_now(cluster, slot, &waiting->query);
        else
            query_answer(cluster, waiting->query.token,
                         query_new_reply(cluster, STATUS_NOT_LEADER));
        free(waiting);
    }
}

void query_check_term(struct cluster *cluster, struct slot *slot)
{
    const bool leads = group_role(slot->group) == GROUP_LEADER;
    const uint64_t term = group_term(slot->group);
    struct waiting_query **link = &slot->waiting;
    while (*link != NULL && cluster_has_room(cluster)) {
        struct waiting_query *waiting = *link;
        if (leads && waiting->term == term) {
            link = &waiting->next;
            continue;
        }
        *link = waiting->next;
        query_answer(cluster, waiting->query.token, query_new_reply(cluster, STATUS_NOT_LEADER));
        free(waiting);
    }
}

void query_free(struct slot *slot)
{
    while (slot->waiting != NULL) {
        struct waiting_query *waiting = slot->waiting;
        slot->waiting = waiting->next;
        free(waiting);
    }
}
