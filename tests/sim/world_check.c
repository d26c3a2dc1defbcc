/* What must be true of a simulated world.
 *
 * After every step of a node: nobody else leads the same range in the same term, terms and clocks
 * do not fall, and a range's state after an index is the same wherever that index is applied (P10).
 *
 * At the end the committed logs are played to the independent model: every answer that a client was
 * given is the model's for an occurrence of that action in the log (P1, P2), every player's page
 * and receipts are the model's on the node that leads, and every node's newest complete board is
 * the model's, down to each rank (P6). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/clock/hlc.h"
#include "cluster/ranges/range_state.h"
#include "tests/sim/model.h"
#include "tests/sim/world_internal.h"

/* ---- After each step. */

static void check_digest(struct world *world, const struct node *node, uint32_t range)
{
    const struct range_state *state = cluster_range_state(node->core, range);
    const uint64_t index = cluster_applied(node->core, range);
    if (state == NULL || index == 0)
        return;
    if (index >= world->digest_count[range]) {
        const uint64_t count = 2 * index + 64;
        world->digests[range] =
            realloc(world->digests[range], count * sizeof *world->digests[range]);
        CHECK(world->digests[range] != NULL);
        memset(world->digests[range] + world->digest_count[range], 0,
               (count - world->digest_count[range]) * sizeof *world->digests[range]);
        world->digest_count[range] = count;
    }
    const uint64_t digest = range_state_digest(state) | 1;
    uint64_t *known = &world->digests[range][index];
    if (*known == 0)
        *known = digest;
    else if (*known != digest)
        world_fail(world, "P10: range %u after index %" PRIu64 ": node %u has another state", range,
                   index, node->number);
}

static void check_leader(struct world *world, const struct node *node, uint32_t place,
                         uint32_t group)
{
    uint64_t term;
    if (!cluster_leads(node->core, group, &term))
        return;
    if (term > world->leader_term[place]) {
        world->leader_term[place] = term;
        world->leader_node[place] = node->id;
        world->report->elections++;
    } else if (term == world->leader_term[place] && world->leader_node[place] != node->id) {
        world_fail(world,
                   "election safety: nodes %" PRIu64 " and %" PRIu64
                   " both lead group %u in term %" PRIu64,
                   world->leader_node[place], node->id, group, term);
    }
}

void check_step(struct world *world, struct node *node)
{
    for (uint32_t range = 0; range < world->settings.ranges; range++) {
        check_digest(world, node, range);
        check_leader(world, node, range, range);
    }
    check_leader(world, node, WORLD_RANGES_MAX, GROUP_SYSTEM);
}

/* ---- At the end: the logs, played to the model. */

/* One time that an action stands in a log, and what the model says of it. */
struct occurrence {
    struct player_id player;
    uint16_t hunt;
    uint32_t seq;
    uint64_t content;
    bool voided;
    struct result expected;
};

struct verdict {
    struct world *world;
    struct model *model;
    struct occurrence *list;
    size_t count, room;
    /* The range that is being read: versions learned and not resolved. */
    struct {
        uint16_t hunt;
        uint32_t version;
        uint64_t promise;
        struct definition *definition;
    } learned[8];
    uint32_t learned_count;
    uint32_t newest_learned[HUNTS_MAX];
    uint64_t open_epoch;
};

static void add_occurrence(struct verdict *verdict, const struct action *action,
                           const struct result *expected, bool voided)
{
    if (verdict->count == verdict->room) {
        verdict->room = verdict->room == 0 ? 1024 : 2 * verdict->room;
        verdict->list = realloc(verdict->list, verdict->room * sizeof *verdict->list);
        CHECK(verdict->list != NULL);
    }
    struct occurrence *occurrence = &verdict->list[verdict->count++];
    *occurrence = (struct occurrence){
        .player = action->player,
        .hunt = action->hunt,
        .seq = action->seq,
        .content = action_content(action),
        .voided = voided,
    };
    if (!voided) {
        occurrence->expected = *expected;
        occurrence->expected.treasure_id = NULL;
    }
}

static uint64_t lowest_promise(const struct verdict *verdict)
{
    uint64_t promise = UINT64_MAX;
    for (uint32_t i = 0; i < verdict->learned_count; i++) {
        if (verdict->learned[i].promise < promise)
            promise = verdict->learned[i].promise;
    }
    return promise;
}

static void play_actions(struct verdict *verdict, uint32_t range, uint64_t index,
                         const struct record *record)
{
    struct model *model = verdict->model;
    const uint32_t epoch_ms = verdict->world->settings.epoch_ms;
    const uint64_t last = model_last_hlc(model, range);
    const uint64_t base = model_base(record->stamp, last, record->count, epoch_ms);
    const bool voided = model_epoch_of(base, epoch_ms) > lowest_promise(verdict);
    if (!voided)
        (void)model_entry(model, range, record->stamp, record->count);

    struct reader reader;
    reader_init(&reader, record->body, record->body_bytes);
    for (uint32_t i = 0; i < record->count; i++) {
        struct action action;
        CHECK(action_decode(&action, &reader));
        struct result expected;
        if (!voided) {
            const struct model_place place = {.range = range,
                                              .log_index = index,
                                              .at = i,
                                              .hlc = base + i,
                                              .uncertainty_us = record->uncertainty_us};
            (void)model_judge(model, &place, &action, NULL, &expected);
        }
        add_occurrence(verdict, &action, &expected, voided);
    }
}

/* As the design says: the open epoch, or the next where less than a quarter of it remains. */
static uint64_t promise_of(const struct verdict *verdict, uint32_t range, uint64_t stamp)
{
    const uint64_t length_us = UINT64_C(1000) * verdict->world->settings.epoch_ms;
    const uint64_t last = model_last_hlc(verdict->model, range);
    const uint64_t us = (stamp > last ? stamp : last) >> 12;
    const uint64_t left_us = length_us - us % length_us;
    return us / length_us + (left_us < length_us / 4 ? 1 : 0);
}

static void play_learn(struct verdict *verdict, uint32_t range, const struct record *record)
{
    for (uint32_t i = 0; i < verdict->learned_count; i++) {
        if (verdict->learned[i].hunt == record->hunt &&
            verdict->learned[i].version >= record->version)
            return;
    }
    if (verdict->newest_learned[record->hunt] >= record->version)
        return;
    verdict->newest_learned[record->hunt] = record->version;
    CHECK(verdict->learned_count < 8);
    struct definition *definition = NULL;
    CHECK(definition_decode(&definition, record->body, record->body_bytes) == STATUS_OK);
    const uint32_t at = verdict->learned_count++;
    verdict->learned[at].hunt = record->hunt;
    verdict->learned[at].version = record->version;
    verdict->learned[at].promise = promise_of(verdict, range, record->stamp);
    verdict->learned[at].definition = definition;
    (void)model_entry(verdict->model, range, record->stamp, 0);
}

static void play_resolve(struct verdict *verdict, uint32_t range, const struct record *record)
{
    for (uint32_t i = 0; i < verdict->learned_count; i++) {
        if (verdict->learned[i].hunt != record->hunt ||
            verdict->learned[i].version != record->version)
            continue;
        if (record->epoch != RECORD_NO_EPOCH) {
            const struct model_version version = {.range = range,
                                                  .hunt = record->hunt,
                                                  .version = record->version,
                                                  .active_from_epoch = record->epoch};
            if (record->epoch <= verdict->learned[i].promise)
                world_fail(verdict->world, "range %u: version %u is active within its promise",
                           range, record->version);
            model_version(verdict->model, &version, verdict->learned[i].definition);
        }
        definition_free(verdict->learned[i].definition);
        verdict->learned[i] = verdict->learned[--verdict->learned_count];
        (void)model_entry(verdict->model, range, record->stamp, 0);
        return;
    }
}

static void play_record(struct verdict *verdict, uint32_t range, uint64_t index,
                        const struct record *record)
{
    switch (record->kind) {
    case RECORD_ACTIONS:
        play_actions(verdict, range, index, record);
        break;
    case RECORD_CLOSE:
        if (record->epoch >= lowest_promise(verdict) || record->epoch < verdict->open_epoch)
            break;
        model_close(verdict->model, range, record->stamp, record->epoch);
        break;
    case RECORD_LEARN:
        play_learn(verdict, range, record);
        break;
    case RECORD_RESOLVE:
        play_resolve(verdict, range, record);
        break;
    case RECORD_BARRIER:
        (void)model_entry(verdict->model, range, record->stamp, 0);
        break;
    default:
        world_fail(verdict->world, "range %u: record of kind %d", range, (int)record->kind);
        break;
    }
    /* The open epoch is at least the one of the last stamp; CLOSE moves the clock past its own. */
    const uint64_t open =
        model_epoch_of(model_last_hlc(verdict->model, range), verdict->world->settings.epoch_ms);
    if (record->kind == RECORD_ACTIONS || record->kind == RECORD_CLOSE)
        verdict->open_epoch = open > verdict->open_epoch ? open : verdict->open_epoch;
}

/* The node whose log of this group is applied furthest. */
static struct node *reader_of(struct world *world, uint32_t range)
{
    struct node *best = &world->nodes[0];
    for (uint32_t i = 1; i < world->options.nodes; i++) {
        struct node *node = &world->nodes[i];
        if (cluster_applied(node->core, range) > cluster_applied(best->core, range))
            best = node;
    }
    return best;
}

static void play_range(struct verdict *verdict, uint32_t range)
{
    struct world *world = verdict->world;
    struct node *node = reader_of(world, range);
    const struct disk_group *group = disk_find(&node->disk, range);
    const uint64_t applied = cluster_applied(node->core, range);
    verdict->open_epoch = world->settings.first_epoch;
    memset(verdict->newest_learned, 0, sizeof verdict->newest_learned);
    for (uint64_t index = 1; index <= applied && index <= group->count; index++) {
        const struct log_entry *entry = &group->entries[index - 1];
        world_fold(world, entry->term);
        if (entry->type != ENTRY_COMMAND)
            continue;
        struct record record;
        CHECK(record_decode(&record, entry->data, entry->bytes) == STATUS_OK);
        play_record(verdict, range, index, &record);
        world->report->entries++;
    }
    while (verdict->learned_count > 0)
        definition_free(verdict->learned[--verdict->learned_count].definition);
}

/* ---- What the clients were told. */

static int by_action(const void *left, const void *right)
{
    const struct occurrence *a = left;
    const struct occurrence *b = right;
    const int players = player_id_compare(&a->player, &b->player);
    if (players != 0)
        return players;
    if (a->seq != b->seq)
        return a->seq < b->seq ? -1 : 1;
    if (a->content != b->content)
        return a->content < b->content ? -1 : 1;
    if (a->hunt != b->hunt)
        return a->hunt < b->hunt ? -1 : 1;
    return 0;
}

static const struct occurrence *first_occurrence(const struct verdict *verdict,
                                                 const struct occurrence *wanted)
{
    size_t low = 0;
    size_t high = verdict->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (by_action(&verdict->list[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < verdict->count ? &verdict->list[low] : NULL;
}

static void check_acknowledgement(struct verdict *verdict, const struct acknowledgement *told)
{
    const struct occurrence wanted = {
        .player = told->action.player,
        .hunt = told->action.hunt,
        .seq = told->action.seq,
        .content = action_content(&told->action),
    };
    char why[200] = "it stands in no log";
    const struct occurrence *end = verdict->list + verdict->count;
    for (const struct occurrence *each = first_occurrence(verdict, &wanted);
         each != NULL && each < end && by_action(each, &wanted) == 0; each++) {
        if (each->voided)
            continue;
        if (model_compare_result(&each->expected, &told->result, why, sizeof why))
            return;
    }
    char player[PLAYER_TEXT_LENGTH + 1];
    player_id_format(player, &told->action.player);
    world_fail(verdict->world, "P1/P2: player %s seq %u was told %s (hlc %" PRIu64 "), but %s",
               player, told->action.seq, outcome_name(told->result.outcome), told->result.hlc, why);
}

/* ---- What the nodes show. */

static struct node *leader_of(struct world *world, uint32_t range)
{
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        uint64_t term;
        if (cluster_leads(world->nodes[i].core, range, &term))
            return &world->nodes[i];
    }
    return NULL;
}

static void check_page(struct verdict *verdict, uint16_t hunt, const struct player_id *player)
{
    struct world *world = verdict->world;
    const uint32_t range = hash_range(hash_player(player), world->settings.ranges);
    struct node *leader = leader_of(world, range);
    if (leader == NULL) {
        world_fail(world, "liveness: nobody leads range %u", range);
        return;
    }
    const struct query query = {.kind = QUERY_PLAYER, .hunt = hunt, .player = *player};
    const struct query_reply *reply = node_ask(world, leader, query);
    struct model_page page;
    const bool known = model_player(verdict->model, hunt, player, &page);
    if (reply == NULL || reply->status != STATUS_OK || !known) {
        world_fail(world, "a player's page is not answered");
        return;
    }
    const struct player_page *shown = &reply->player.page;
    const uint64_t rank = reply->player.ranked
                              ? model_rank(verdict->model, hunt, reply->player.rank_epoch, player)
                              : 0;
    if (shown->score != page.score || shown->last_seq != page.last_seq ||
        shown->score_hlc != page.score_hlc || shown->found_count != page.found.count)
        world_fail(world,
                   "a player's page has score %" PRId64 " and %u finds, not %" PRId64 " and %u",
                   shown->score, shown->found_count, page.score, page.found.count);
    /* 0: he had no record when that epoch ended; then his rank is that of a newcomer. */
    if (rank != 0 && rank != reply->player.rank)
        world_fail(world, "P6: rank %" PRIu64 " in epoch %" PRIu64 " is shown as %" PRIu64, rank,
                   reply->player.rank_epoch, reply->player.rank);
}

static void check_board(struct verdict *verdict, struct node *node, uint16_t hunt, uint64_t epoch,
                        uint64_t *digest)
{
    struct world *world = verdict->world;
    struct global_board *board = cluster_board(node->core, epoch);
    if (board == NULL) {
        world_fail(world, "node %u has no board of epoch %" PRIu64, node->number, epoch);
        return;
    }
    const struct global_hunt *shown = global_board_hunt(board, hunt);
    struct model_board *expected = calloc(1, sizeof *expected);
    CHECK(expected != NULL);
    model_board(verdict->model, hunt, epoch, expected);
    if (shown == NULL || !board->complete || shown->players != expected->players ||
        shown->entry_count != expected->count) {
        world_fail(world, "P6: node %u shows %u places of hunt %u in epoch %" PRIu64 ", not %u",
                   node->number, shown != NULL ? shown->entry_count : 0, hunt, epoch,
                   expected->count);
    } else {
        for (uint32_t i = 0; i < expected->count; i++) {
            const struct model_board_entry *right = &expected->entries[i];
            const struct global_entry *place = &shown->entries[i];
            if (place->rank != right->rank || place->entry.score != right->score ||
                place->entry.hlc != right->hlc || place->entry.range != right->range ||
                !player_id_equal(&place->entry.player, &right->player))
                world_fail(world, "P6: place %u of hunt %u in epoch %" PRIu64 " is wrong", i, hunt,
                           epoch);
        }
        if (*digest != 0 && *digest != shown->digest)
            world_fail(world, "P5: node %u has another board of epoch %" PRIu64, node->number,
                       epoch);
        *digest = shown->digest;
        world_fold(world, shown->digest);
    }
    free(expected);
    global_board_release(board);
}

/* The newest epoch that is complete on every node. */
static uint64_t common_epoch(const struct world *world)
{
    uint64_t common = UINT64_MAX;
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        uint64_t complete = 0;
        if (!merge_complete(cluster_merge(world->nodes[i].core), &complete))
            return 0;
        if (complete < common)
            common = complete;
    }
    return common;
}

static void check_boards(struct verdict *verdict)
{
    struct world *world = verdict->world;
    const uint64_t newest = common_epoch(world);
    world->report->epochs = newest - world->settings.first_epoch;
    for (uint64_t back = 0; back < 4 && newest - back >= world->settings.first_epoch; back++) {
        for (uint32_t h = 0; h < world->hunt_count; h++) {
            const struct played_hunt *hunt = &world->hunts[h];
            struct model_board *any = calloc(1, sizeof *any);
            CHECK(any != NULL);
            if (hunt->known)
                model_board(verdict->model, hunt->number, newest - back, any);
            const bool played = any->players > 0;
            free(any);
            uint64_t digest = 0;
            for (uint32_t i = 0; played && i < world->options.nodes; i++)
                check_board(verdict, &world->nodes[i], hunt->number, newest - back, &digest);
        }
    }
}

void check_end(struct world *world)
{
    struct verdict *verdict = calloc(1, sizeof *verdict);
    CHECK(verdict != NULL);
    verdict->world = world;
    verdict->model = model_new(world->settings.ranges, world->settings.epoch_ms);
    for (uint32_t range = 0; range < world->settings.ranges && !world->report->failed; range++)
        play_range(verdict, range);

    if (verdict->count > 0)
        qsort(verdict->list, verdict->count, sizeof *verdict->list, by_action);
    for (uint32_t i = 0; i < world->acknowledged && !world->report->failed; i++)
        check_acknowledgement(verdict, &world->acknowledgements[i]);
    for (uint32_t i = 0; i < model_records(verdict->model) && !world->report->failed; i++) {
        uint16_t hunt;
        struct player_id player;
        model_record_at(verdict->model, i, &hunt, &player);
        check_page(verdict, hunt, &player);
    }
    if (!world->report->failed)
        check_boards(verdict);
    model_free(verdict->model);
    free(verdict->list);
    free(verdict);
}
