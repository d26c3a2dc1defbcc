/* Questions to all ranges at once: who won the limited treasures, and who stands near a player.
 * They are answered where a replica of each range is. */
#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/cluster_internal.h"
#include "cluster/hunt/nearest.h"

bool cluster_settled(const struct cluster *cluster, uint64_t *ret_epoch)
{
    const struct settings *settings = system_state_settings(cluster->system);
    if (settings == NULL)
        return false;
    uint64_t next = UINT64_MAX;
    for (uint32_t range = 0; range < settings->ranges; range++) {
        const struct slot *slot = range < cluster->slot_count ? cluster->slots[range] : NULL;
        /* Of those that are elsewhere it is known how far all have come. */
        const bool here = slot != NULL && slot->state != NULL;
        const uint64_t own =
            here ? range_state_settle_next(slot->state) : cluster->all_settled_next;
        next = own < next ? own : next;
    }
    if (next <= settings->first_epoch)
        return false;
    *ret_epoch = next - 1;
    return true;
}

/* A replica of each range is here, and hears from a leader: what is settled is settled on it, and
 * what is present is behind by a heartbeat at most. */
static bool holds_all(const struct cluster *cluster)
{
    const struct settings *settings = system_state_settings(cluster->system);
    if (settings == NULL || cluster->slot_count < settings->ranges)
        return false;
    for (uint32_t range = 0; range < settings->ranges; range++) {
        const struct slot *slot = cluster->slots[range];
        if (slot == NULL || slot->state == NULL || forward_leader(cluster, range) == 0)
            return false;
    }
    return true;
}

static bool is_placed_whole(const struct placement *placement, uint64_t node)
{
    uint64_t number;
    for (uint32_t place = 0; place + 1 < placement->group_count; place++) {
        if (!placement_find(placement, place, node, &number))
            return false;
    }
    return true;
}

uint64_t cluster_whole_node(const struct cluster *cluster)
{
    if (system_state_settings(cluster->system) == NULL)
        return 0;
    if (holds_all(cluster))
        return cluster->config.node;
    const struct placement *placement = system_state_placement(cluster->system);
    for (uint32_t i = 0; i < system_state_members(cluster->system); i++) {
        const uint64_t node = system_state_member(cluster->system, i)->id;
        if (node != cluster->config.node && is_placed_whole(placement, node))
            return node;
    }
    return 0;
}

static const struct engine *engine_of(const struct cluster *cluster, uint32_t range)
{
    return range_state_engine(cluster->slots[range]->state);
}

/* ---- Awards. */

/* What is gathered from range after range. */
struct gathering {
    struct cluster *cluster;
    const struct query *query;
    uint64_t through;           /* claims of later epochs are left out */
    const struct engine *level; /* find_level */
    uint32_t room;              /* of each list: one more than is asked for */
    struct award_winner *list;  /* the first so many, in order */
    uint32_t count;
    struct award_winner *merged; /* where the next list is made */
    struct engine_award *own;    /* of one range */
};

static bool stands_before(const struct engine_award *a, const struct engine_award *b)
{
    return a->treasure != b->treasure ? a->treasure < b->treasure : a->place < b->place;
}

/* Puts one range's winners among those gathered so far. */
static void merge_winners(struct gathering *gathering, uint32_t range, uint32_t own_count)
{
    uint32_t at = 0, own = 0, count = 0;
    while (count < gathering->room && (at < gathering->count || own < own_count)) {
        const bool takes_own =
            own < own_count && (at == gathering->count ||
                                stands_before(&gathering->own[own], &gathering->list[at].award));
        gathering->merged[count++] =
            takes_own ? (struct award_winner){.range = range, .award = gathering->own[own++]}
                      : gathering->list[at++];
    }
    struct award_winner *list = gathering->merged;
    gathering->merged = gathering->list;
    gathering->list = list;
    gathering->count = count;
}

/* Drops the claims of later epochs; returns how many are left. */
static uint32_t keep_settled(const struct gathering *gathering, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (gathering->own[i].epoch <= gathering->through)
            gathering->own[kept++] = gathering->own[i];
    }
    return kept;
}

/* One read gives all that can be of use, unless the range has settled further than the others. */
static void gather_range(struct gathering *gathering, uint32_t range)
{
    const struct engine *engine = engine_of(gathering->cluster, range);
    const struct query *query = gathering->query;
    struct engine_award_position after = query->after;
    uint32_t read = gathering->room, kept = 0;
    while (read == gathering->room && kept < gathering->room) {
        read = engine_awards(engine, query->hunt, after, gathering->own, gathering->room);
        if (read == 0)
            return;
        const struct engine_award *last = &gathering->own[read - 1];
        after = (struct engine_award_position){last->treasure, last->place};
        const uint32_t good = keep_settled(gathering, read);
        kept += good;
        merge_winners(gathering, range, good);
    }
}

static void gather(struct gathering *gathering)
{
    struct arena *arena = &gathering->cluster->arena;
    const uint32_t ranges = system_state_settings(gathering->cluster->system)->ranges;
    gathering->room = gathering->query->limit + 1;
    gathering->list = arena_take(arena, gathering->room * sizeof *gathering->list);
    gathering->merged = arena_take(arena, gathering->room * sizeof *gathering->merged);
    gathering->own = arena_take(arena, gathering->room * sizeof *gathering->own);
    for (uint32_t range = 0; range < ranges; range++)
        gather_range(gathering, range);
}

/* A range that has settled exactly so far; NULL: all have gone on. */
static const struct engine *find_level(const struct gathering *gathering)
{
    const struct cluster *cluster = gathering->cluster;
    const uint32_t ranges = system_state_settings(cluster->system)->ranges;
    for (uint32_t range = 0; range < ranges; range++) {
        if (range_state_settle_next(cluster->slots[range]->state) == gathering->through + 1)
            return engine_of(cluster, range);
    }
    return NULL;
}

/* What the cluster had awarded by then: a range that stands there knows it; else the highest place
 * that was given tells. */
static uint32_t awarded_by_then(const struct gathering *gathering, uint16_t treasure)
{
    const struct cluster *cluster = gathering->cluster;
    const uint32_t ranges = system_state_settings(cluster->system)->ranges;
    const uint16_t hunt = gathering->query->hunt;
    uint32_t awarded = 0;
    if (gathering->level != NULL)
        return engine_awarded(gathering->level, hunt, treasure);
    for (uint32_t range = 0; range < ranges; range++) {
        const uint32_t own =
            engine_awarded_through(engine_of(cluster, range), hunt, treasure, gathering->through);
        awarded = own > awarded ? own : awarded;
    }
    return awarded;
}

/* The treasures of a page reach from the one it goes on after to the one of its last winner, on the
 * last page to the end. */
static void list_treasures(const struct gathering *gathering, struct awards_answer *awards)
{
    struct cluster *cluster = gathering->cluster;
    const struct query *query = gathering->query;
    const struct engine *engine = engine_of(cluster, 0);
    const uint32_t end = awards->more
                             ? awards->winners[awards->winner_count - 1].award.treasure + 1U
                             : TREASURE_NUMBERS_MAX;
    struct treasure_awards *list = arena_take(&cluster->arena, TREASURE_NUMBERS_MAX * sizeof *list);
    uint32_t winner = 0;
    for (uint32_t number = query->after.treasure; number < end; number++) {
        struct treasure_awards *treasure = &list[awards->treasure_count];
        *treasure = (struct treasure_awards){.treasure = (uint16_t)number, .first = winner};
        while (winner < awards->winner_count && awards->winners[winner].award.treasure == number)
            winner++;
        treasure->winners = winner - treasure->first;
        treasure->supply = engine_supply(engine, query->hunt, treasure->treasure);
        if (awards->settled)
            treasure->awarded = awarded_by_then(gathering, treasure->treasure);
        const bool told_before = number == query->after.treasure && query->after.place > 0;
        if (treasure->winners > 0 ||
            (!told_before && (treasure->supply > 0 || treasure->awarded > 0)))
            awards->treasure_count++;
    }
    awards->treasures = list;
}

static void answer_awards(struct cluster *cluster, const struct query *query)
{
    struct query_reply *reply = query_new_reply(cluster, STATUS_OK);
    struct awards_answer *awards = &reply->awards;
    struct gathering gathering = {.cluster = cluster, .query = query};
    awards->settled = cluster_settled(cluster, &awards->settled_through);
    if (query->pinned && (!awards->settled || query->epoch > awards->settled_through)) {
        reply->status = STATUS_NOT_FOUND;
        query_answer(cluster, query->token, reply);
        return;
    }
    if (query->pinned)
        awards->settled_through = query->epoch;
    gathering.through = awards->settled_through;
    if (awards->settled) {
        gathering.level = find_level(&gathering);
        gather(&gathering);
    }
    awards->more = gathering.count > query->limit;
    awards->winners = gathering.list;
    awards->winner_count = awards->more ? query->limit : gathering.count;
    list_treasures(&gathering, awards);
    query_answer(cluster, query->token, reply);
}

/* ---- Neighbours. */

/* Of each range those that stand nearest, and of those the nearest. */
static void find_nearest(struct cluster *cluster, uint16_t hunt, struct nearest *nearest)
{
    const uint32_t ranges = system_state_settings(cluster->system)->ranges;
    const uint32_t limit = nearest->above.limit;
    const size_t bytes = (limit + 1) * sizeof(struct board_entry);
    struct engine_neighbours own = {.limit = limit};
    own.above = arena_take(&cluster->arena, bytes);
    own.below = arena_take(&cluster->arena, bytes);
    nearest->above.entries = arena_take(&cluster->arena, bytes);
    nearest->below.entries = arena_take(&cluster->arena, bytes);
    for (uint32_t range = 0; range < ranges; range++) {
        engine_neighbours(engine_of(cluster, range), hunt, &nearest->place, &own);
        for (uint32_t i = 0; i < own.above_count; i++)
            nearest_offer(nearest, &own.above[i]);
        for (uint32_t i = 0; i < own.below_count; i++)
            nearest_offer(nearest, &own.below[i]);
    }
    nearest_finish(nearest);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Himself in the middle; what one side has not, the other fills. */
static struct around_entry *list_around(struct cluster *cluster, const struct nearest *nearest,
                                        uint32_t limit, uint32_t *ret_count)
{
    struct around_entry *list = arena_take(&cluster->arena, limit * sizeof *list);
    const uint32_t half = least(nearest->above.count, limit / 2);
    const uint32_t below = least(nearest->below.count, limit - 1 - half);
    const uint32_t above = least(nearest->above.count, limit - 1 - below);
    uint32_t count = 0;
    for (uint32_t i = nearest->above.count - above; i < nearest->above.count; i++)
        list[count++].entry = nearest->above.entries[i];
    list[count++].entry = nearest->place;
    for (uint32_t i = 0; i < below; i++)
        list[count++].entry = nearest->below.entries[i];
    CHECK(count <= limit);
    *ret_count = count;
    return list;
}

static void fill_around(struct cluster *cluster, const struct query *query,
                        const struct standings *standings, struct nearest *nearest,
                        struct around_answer *around)
{
    find_nearest(cluster, query->hunt, nearest);
    struct around_entry *list = list_around(cluster, nearest, query->limit, &around->count);
    for (uint32_t i = 0; i < around->count; i++) {
        const struct board_entry *entry = &list[i].entry;
        list[i].rank =
            query_rank(standings, engine_of(cluster, entry->range), query->hunt, &entry->player);
        if (player_id_equal(&entry->player, &query->player))
            around->rank = list[i].rank;
    }
    around->entries = list;
}

/* False: the player is unknown in the hunt. */
static bool find_place(const struct cluster *cluster, const struct query *query,
                       struct board_entry *ret_place)
{
    const struct settings *settings = system_state_settings(cluster->system);
    const uint32_t range = hash_range(hash_player(&query->player), settings->ranges);
    return engine_place(engine_of(cluster, range), query->hunt, &query->player, ret_place);
}

static void answer_around(struct cluster *cluster, const struct query *query)
{
    struct standings standings;
    if (!query_standings_open(cluster, &standings)) {
        query_answer(cluster, query->token, query_new_reply(cluster, STATUS_NOT_FOUND));
        return;
    }
    struct query_reply *reply = query_new_reply(cluster, STATUS_OK);
    struct around_answer *around = &reply->around;
    const struct global_hunt *played = global_board_hunt(standings.board, query->hunt);
    around->epoch = standings.epoch;
    around->players = played != NULL ? played->players : 0;
    struct nearest nearest = {.above.limit = query->limit - 1, .below.limit = query->limit - 1};
    if (find_place(cluster, query, &nearest.place))
        fill_around(cluster, query, &standings, &nearest, around);
    query_standings_close(&standings);
    query_answer(cluster, query->token, reply);
}

void query_take_all(struct cluster *cluster, const struct query *query)
{
    CHECK(query->limit >= 1);
    CHECK(query->limit <= QUERY_LIMIT_MAX);
    if (!holds_all(cluster))
        query_answer(cluster, query->token, query_new_reply(cluster, STATUS_NOT_LEADER));
    else if (query->kind == QUERY_AWARDS)
        answer_awards(cluster, query);
    else
        answer_around(cluster, query);
}
