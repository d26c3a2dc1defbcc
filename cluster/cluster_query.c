/* Reading a player's state where it is led, and the groups' present state. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/cluster_internal.h"

static void answer(struct cluster *cluster, uint64_t token, const struct query_reply *reply)
{
    struct effect *effect = effects_add(cluster->effects, EFFECT_QUERIED);
    effect->queried.token = token;
    effect->queried.reply = reply;
}

static struct query_reply *new_reply(struct cluster *cluster, enum status status)
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

/* His rank on the newest complete board, by the score he had when that epoch ended. */
static void rank_player(const struct cluster *cluster, const struct slot *slot,
                        const struct query *query, struct player_answer *player)
{
    uint64_t epoch;
    if (!player->page.known || !merge_complete(cluster->merge, &epoch))
        return;
    struct global_board *board = cluster_board(cluster, epoch);
    if (board == NULL)
        return;
    const uint32_t epoch_ms = system_state_settings(cluster->system)->epoch_ms;
    const int64_t score = engine_score_before(range_state_engine(slot->state), query->hunt,
                                              &query->player, epoch_start(epoch + 1, epoch_ms));
    player->rank = global_board_rank(board, query->hunt, score, &query->player);
    player->rank_epoch = epoch;
    player->ranked = player->rank > 0;
    global_board_release(board);
}

static void answer_player(struct cluster *cluster, const struct slot *slot,
                          const struct query *query)
{
    struct query_reply *reply = new_reply(cluster, STATUS_OK);
    struct player_answer *player = &reply->player;
    const struct engine *engine = range_state_engine(slot->state);
    const uint64_t now = hlc_from_us(cluster->now.physical_us);
    const uint64_t last = range_state_last_hlc(slot->state);
    engine_player(engine, query->hunt, &query->player, now > last ? now : last, &player->page);
    player->definition = engine_definition(engine, query->hunt, &player->version);
    player->epoch = range_state_open_epoch(slot->state);
    rank_player(cluster, slot, query, player);
    answer(cluster, query->token, reply);
}

static void answer_receipt(struct cluster *cluster, const struct slot *slot,
                           const struct query *query)
{
    struct result result;
    const enum status status = engine_receipt(range_state_engine(slot->state), query->hunt,
                                              &query->player, query->seq, &result);
    struct query_reply *reply = new_reply(cluster, status);
    if (status == STATUS_OK)
        reply->receipt = result;
    answer(cluster, query->token, reply);
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
    struct query_reply *reply = new_reply(cluster, STATUS_OK);
    reply->ranges.list = list;
    reply->ranges.count = count;
    answer(cluster, query->token, reply);
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
        answer(cluster, query->token, new_reply(cluster, STATUS_NOT_LEADER));
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
    struct slot *slot = slot_to_read(cluster, &query->player);
    if (slot == NULL)
        answer(cluster, query->token, new_reply(cluster, STATUS_NOT_LEADER));
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
            answer(cluster, waiting->query.token, new_reply(cluster, STATUS_NOT_LEADER));
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
        answer(cluster, waiting->query.token, new_reply(cluster, STATUS_NOT_LEADER));
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
