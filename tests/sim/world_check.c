/* What must be true of a simulated world.
 *
 * After every step of a node: nobody else leads the same range in the same term, its stamps and
 * epochs do not fall while it runs, its stamps are not ahead of what it may believe (P7), and a
 * range's state after an index is the same wherever that index is applied (P10).
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
#include "tests/sim/world_play.h"

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
    uint64_t digest = range_state_digest(state) | 1;
    if (node->number == 1 && index % 8 == 0 && world_lies(world, WORLD_ALTER_STATE))
        digest ^= 2;
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

void check_boot(struct node *node)
{
    node->stamp = 0;
    node->complete_next = 0;
    memset(node->open_epochs, 0, sizeof node->open_epochs);
}

/* Of a clock that runs well, where all can be heard from the start. */
static bool believes_too_much(struct world *world, const struct node *node, uint64_t stamp)
{
    if (world->rough.grows || node->ran_off || world->options.nodes == 1)
        return false;
    const struct now now = node_now(world, node);
    if (world_lies(world, WORLD_RUN_AHEAD))
        stamp += hlc_from_us(1000000);
    return stamp >> 12 > now.physical_us + HLC_MAX_OFFSET_US + 1000;
}

static void check_clock(struct world *world, struct node *node)
{
    uint64_t stamp = world->effects.stamp;
    if (node->stamp > 0 && world_lies(world, WORLD_TURN_BACK))
        stamp = node->stamp - 1;
    if (stamp < node->stamp)
        world_fail(world, "node %u: its stamps have turned back", node->number);
    if (believes_too_much(world, node, stamp))
        world_fail(world, "P7: node %u has taken over a time that is too far ahead", node->number);
    node->stamp = world->effects.stamp;
}

static void check_epochs(struct world *world, struct node *node)
{
    for (uint32_t range = 0; range < world->settings.ranges; range++) {
        const struct range_state *state = cluster_range_state(node->core, range);
        const uint64_t open = state != NULL ? range_state_open_epoch(state) : 0;
        if (open < node->open_epochs[range])
            world_fail(world, "node %u: an epoch of range %u is open again", node->number, range);
        node->open_epochs[range] = open;
    }
    uint64_t complete;
    const struct merge *merge = cluster_merge(node->core);
    if (merge == NULL || !merge_complete(merge, &complete))
        return;
    if (complete + 1 < node->complete_next)
        world_fail(world, "node %u: its newest complete epoch has gone", node->number);
    node->complete_next = complete + 1;
}

void check_step(struct world *world, struct node *node)
{
    check_clock(world, node);
    check_epochs(world, node);
    for (uint32_t range = 0; range < world->settings.ranges; range++) {
        archive_add(world, node, range);
        check_digest(world, node, range);
        check_state_bytes(world, node, range);
        check_leader(world, node, range, range);
    }
    check_leader(world, node, WORLD_RANGES_MAX, GROUP_SYSTEM);
}

/* ---- At the end. */

#define AWARDS_CHECKED 64 /* treasures of a hunt */

struct verdict {
    struct world *world;
    struct play *play;
    struct model *model; /* the play's */
    const struct occurrence *list;
    size_t count;
};

/* ---- What the clients were told. */

static const struct occurrence *first_occurrence(const struct verdict *verdict,
                                                 const struct occurrence *wanted)
{
    size_t low = 0;
    size_t high = verdict->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (occurrence_compare(&verdict->list[middle], wanted) < 0)
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
         each != NULL && each < end && occurrence_compare(each, &wanted) == 0; each++) {
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
        if (cluster_serves(world->nodes[i].core, range))
            return &world->nodes[i];
    }
    return NULL;
}

static bool in_set(const struct model_set *set, uint16_t number)
{
    for (uint16_t i = 0; i < set->count; i++) {
        if (set->numbers[i] == number)
            return true;
    }
    return false;
}

/* Lost and not pending or won since. */
static uint16_t still_lost(const struct model_page *page)
{
    uint16_t count = 0;
    for (uint16_t i = 0; i < page->lost.count; i++) {
        const uint16_t number = page->lost.numbers[i];
        count = (uint16_t)(count + (!in_set(&page->pending, number) &&
                                    !in_set(&page->won, number) && !in_set(&page->found, number)));
    }
    return count;
}

static void check_page(struct verdict *verdict, uint16_t hunt, const struct player_id *player)
{
    struct world *world = verdict->world;
    const uint32_t range = hash_range(hash_player(player), world->settings.ranges);
    struct node *leader = leader_of(world, range);
    if (leader == NULL) {
        world_fail(world, "liveness: nobody serves range %u", range);
        return;
    }
    const struct query query = {.kind = QUERY_PLAYER, .hunt = hunt, .player = *player};
    const struct query_reply *reply = node_ask(world, leader, query);
    struct model_page page;
    const bool known = model_player(verdict->model, hunt, player, &page);
    if (reply == NULL || reply->status != STATUS_OK || !known) {
        world_fail(world, "a player's page is not answered by n%u: %s%s", leader->number + 1,
                   reply != NULL ? status_name(reply->status) : "no reply",
                   known ? "" : " (the model does not know the hunt)");
        return;
    }
    const struct player_page *shown = &reply->player.page;
    const bool lie = reply->player.ranked && world_lies(world, WORLD_ALTER_RANK);
    const uint64_t shown_rank = reply->player.rank + (lie ? 1 : 0);
    const uint64_t epoch = reply->player.rank_epoch;
    const uint64_t rank = epoch > 0 ? model_rank(verdict->model, hunt, epoch, player) : 0;
    if (shown->pending_count != page.pending.count || shown->won_count != page.won.count ||
        shown->lost_count != still_lost(&page) || shown->reactions != page.reactions)
        world_fail(world,
                   "P3/P4: a player's page has %u pending, %u won, %u lost and %u reactions, not "
                   "%u, %u, %u and %" PRIu64,
                   shown->pending_count, shown->won_count, shown->lost_count, shown->reactions,
                   page.pending.count, page.won.count, still_lost(&page), page.reactions);
    if (shown->score != page.score || shown->last_seq != page.last_seq ||
        shown->score_hlc != page.score_hlc || shown->found_count != page.found.count)
        world_fail(world,
                   "a player's page has score %" PRId64 " and %u finds, not %" PRId64 " and %u",
                   shown->score, shown->found_count, page.score, page.found.count);
    /* 0: he had no record when that epoch ended, and has no rank. */
    if (rank != shown_rank)
        world_fail(world, "P6: rank %" PRIu64 " in epoch %" PRIu64 " is shown as %" PRIu64, rank,
                   epoch, shown_rank);
}

/* Some of a player's receipts, as they stand now. */
static void check_receipts(struct verdict *verdict, uint16_t hunt, const struct player_id *player)
{
    struct world *world = verdict->world;
    struct node *leader = leader_of(world, hash_range(hash_player(player), world->settings.ranges));
    if (leader == NULL || world->report->failed)
        return;
    for (uint32_t seq = 1; seq <= 60 && !world->report->failed; seq++) {
        const struct query query = {
            .kind = QUERY_RECEIPT, .hunt = hunt, .player = *player, .seq = seq};
        const struct query_reply *reply = node_ask(world, leader, query);
        struct result expected;
        const enum model_receipt kept = model_receipt(verdict->model, hunt, player, seq, &expected);
        char why[200] = "it should be there or not be there";
        const bool there = reply != NULL && reply->status == STATUS_OK;
        if (there != (kept == MODEL_RECEIPT_KEPT) ||
            (there && !model_compare_result(&expected, &reply->receipt, why, sizeof why)))
            world_fail(world, "a receipt of seq %u is wrong: %s", seq, why);
    }
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
            const bool lie = node->number == 0 && world_lies(world, WORLD_ALTER_PLACE);
            if (place->rank + (lie ? 1 : 0) != right->rank || place->entry.score != right->score ||
                place->entry.hlc != right->hlc || place->entry.range != right->range ||
                !player_id_equal(&place->entry.player, &right->player))
                world_fail(world, "P6: place %u of hunt %u in epoch %" PRIu64 " is wrong", i, hunt,
                           epoch);
        }
        const bool lie = node->number == 1 && world_lies(world, WORLD_ALTER_BOARD);
        const uint64_t told = shown->digest ^ (lie ? 1 : 0);
        if (*digest != 0 && *digest != told)
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

static void check_awarded(struct verdict *verdict, struct range_state *state, uint16_t hunt,
                          uint16_t treasure)
{
    struct world *world = verdict->world;
    const uint32_t right = play_awarded(verdict->play, hunt, treasure);
    uint32_t awarded = engine_awarded(range_state_engine(state), hunt, treasure);
    if (awarded > 0 && awarded == right && world_lies(world, WORLD_AWARD_TOO_MANY))
        awarded++;
    if (awarded > right)
        world_fail(world, "P3: treasure %u of hunt %u is awarded %u times, not %u", treasure, hunt,
                   awarded, right);
}

/* What the ranges say of how many have won is never more than the logs give. */
static void check_awards(struct verdict *verdict)
{
    const struct world *world = verdict->world;
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        for (uint32_t range = 0; range < world->settings.ranges; range++) {
            struct range_state *state = cluster_range_state(world->nodes[i].core, range);
            for (uint32_t at = 0; at < world->hunt_count * AWARDS_CHECKED; at++)
                check_awarded(verdict, state, (uint16_t)(at / AWARDS_CHECKED),
                              (uint16_t)(at % AWARDS_CHECKED));
        }
    }
}

void check_end(struct world *world)
{
    lies_tell(world);
    struct verdict verdict = {.world = world, .play = play_new(world)};
    verdict.model = play_model(verdict.play);
    verdict.list = play_occurrences(verdict.play, &verdict.count);
    for (uint32_t i = 0; i < world->acknowledged && !world->report->failed; i++)
        check_acknowledgement(&verdict, &world->acknowledgements[i]);
    for (uint32_t i = 0; i < model_records(verdict.model) && !world->report->failed; i++) {
        uint16_t hunt;
        struct player_id player;
        model_record_at(verdict.model, i, &hunt, &player);
        check_page(&verdict, hunt, &player);
        check_receipts(&verdict, hunt, &player);
    }
    if (!world->report->failed)
        check_boards(&verdict);
    if (!world->report->failed)
        check_awards(&verdict);
    play_free(verdict.play);
}
