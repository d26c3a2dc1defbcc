/* Summaries between nodes: pushed by the leader of a range when its epochs are over, and pulled by
 * whoever lacks one, for what was sent may not have come.
 *
 * A node that holds all ranges makes all summaries itself; what others push is then compared with
 * its own, and a difference is the alarm that a range has diverged. */
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

/* What is missing is asked for so often, and so many ranges' at a time. */
#define PULL_MS  250
#define PULL_MAX 64

/* After the boundary the leaders have so long to push. */
#define PUSH_US UINT64_C(300000)

static void send_summary(struct cluster *cluster, uint64_t node, const struct summary *summary,
                         bool whole)
{
    struct message *message = arena_take(&cluster->arena, sizeof *message);
    *message = (struct message){
        .kind = MESSAGE_SUMMARY,
        .summary = {.whole = whole, .data = summary->bytes, .bytes = (uint32_t)summary->size},
    };
    struct effect *effect = effects_add(cluster->effects, EFFECT_SEND);
    effect->send.node = node;
    effect->send.message = message;
}

/* The range's state keeps a reference at least until it is settled, so for longer than this turn.
 */
void exchange_push(struct cluster *cluster, const struct slot *slot,
                   const struct range_applied *applied)
{
    if (!group_leads(slot->group))
        return;
    for (uint32_t i = 0; i < applied->summary_count; i++) {
        for (uint32_t at = 0; at < system_state_members(cluster->system); at++) {
            const uint64_t node = system_state_member(cluster->system, at)->id;
            /* What has no room now is pulled. */
            if (node != cluster->config.node && effects_room(cluster->effects, GROUP_EFFECTS_MAX))
                send_summary(cluster, node, applied->summaries[i], true);
        }
    }
}

/* --- Asked ------------------------------------------------------------------------------------ */

/* The range's summary that covers the epoch, from what its replica here keeps. */
static const struct summary *find_kept(const struct cluster *cluster,
                                       const struct pull_message *pull, bool *ret_whole)
{
    const struct slot *slot =
        pull->range < cluster->slot_count ? cluster->slots[pull->range] : NULL;
    if (slot == NULL || slot->state == NULL)
        return NULL;
    uint32_t count, whole;
    struct summary *const *kept = range_state_kept(slot->state, &count, &whole);
    for (uint32_t i = 0; i < count; i++) {
        if (kept[i]->from <= pull->epoch && pull->epoch <= kept[i]->through) {
            *ret_whole = i >= whole;
            return kept[i];
        }
    }
    return NULL;
}

void exchange_pulled(struct cluster *cluster, uint64_t node, const struct pull_message *pull)
{
    const struct settings *settings = system_state_settings(cluster->system);
    if (settings == NULL || pull->range >= settings->ranges || node == 0)
        return;
    bool whole = true;
    const struct summary *summary = find_kept(cluster, pull, &whole);
    if (summary == NULL)
        summary = merge_summary(cluster->merge, pull->epoch, pull->range);
    if (summary != NULL)
        send_summary(cluster, node, summary, whole);
}

/* --- Answered --------------------------------------------------------------------------------- */

/* Nobody's epoch is over before it is by a clock that we believe. */
static bool can_be_over(const struct cluster *cluster, const struct summary *summary)
{
    const uint32_t epoch_ms = system_state_settings(cluster->system)->epoch_ms;
    const uint64_t latest = hlc_from_us(cluster->now.physical_us + HLC_MAX_OFFSET_US);
    return summary->through < epoch_of(latest, epoch_ms);
}

enum status exchange_received(struct cluster *cluster, const struct summary_message *message)
{
    const struct settings *settings = system_state_settings(cluster->system);
    if (settings == NULL)
        return STATUS_OK;
    struct summary *summary;
    const enum status decoded = summary_decode(&summary, message->data, message->bytes);
    if (decoded != STATUS_OK)
        return decoded == STATUS_NO_MEMORY ? decoded : STATUS_OK;
    enum status status = STATUS_OK;
    if (summary->range < settings->ranges && can_be_over(cluster, summary))
        status = epochs_received(cluster, summary, message->whole);
    summary_release(summary);
    return status;
}

/* --- Asking ----------------------------------------------------------------------------------- */

/* The leader, who has it first, and every other time one of those who hold the range: whom this
 * node takes for the leader may be dead, and nothing but claims would tell it. 0: nobody this time.
 */
static uint64_t whom_to_ask(const struct cluster *cluster, uint32_t range)
{
    const uint64_t leader = forward_leader(cluster, range);
    const uint64_t turn = cluster_now_ms(cluster) / PULL_MS;
    if (leader == cluster->config.node)
        return 0;
    if (leader != 0 && turn % 2 == 0)
        return leader;
    const struct placed *placed = &system_state_placement(cluster->system)->groups[range];
    const uint64_t node = placed->list[turn / 2 % placed->count].node;
    return node != cluster->config.node ? node : 0;
}

static bool ask(struct cluster *cluster, uint32_t range, uint64_t epoch)
{
    const uint64_t node = whom_to_ask(cluster, range);
    if (node == 0)
        return false;
    struct message *message = arena_take(&cluster->arena, sizeof *message);
    *message = (struct message){.kind = MESSAGE_PULL, .pull = {.range = range, .epoch = epoch}};
    struct effect *effect = effects_add(cluster->effects, EFFECT_SEND);
    effect->send.node = node;
    effect->send.message = message;
    return true;
}

/* The epochs whose boards this node should have by now: the newest is over for long enough for the
 * pushes to have come. False: there is none. */
static bool epochs_due(const struct cluster *cluster, uint64_t *ret_oldest, uint64_t *ret_newest)
{
    const struct settings *settings = system_state_settings(cluster->system);
    const uint64_t length_us = UINT64_C(1000) * settings->epoch_ms;
    const uint64_t patience_us = PUSH_US < length_us / 2 ? PUSH_US : length_us / 2;
    const uint64_t over_us =
        cluster->now.physical_us > patience_us ? cluster->now.physical_us - patience_us : 0;
    const uint64_t present = over_us / length_us;
    if (present <= settings->first_epoch)
        return false;
    const uint64_t oldest = present > BOARDS_KEPT ? present - BOARDS_KEPT : 0;
    *ret_oldest = oldest > settings->first_epoch ? oldest : settings->first_epoch;
    *ret_newest = present - 1;
    return true;
}

/* Boards: of each range the newest epoch that is missing. A range that is silent lacks the newest,
 * so it is asked for once, and one that was missed while it was pushed is made up for later. */
static uint32_t pull_boards(struct cluster *cluster)
{
    uint64_t oldest, newest;
    if (!epochs_due(cluster, &oldest, &newest))
        return 0;
    bool *seen = arena_take(&cluster->arena, RANGES_MAX * sizeof *seen);
    uint32_t *missing = arena_take(&cluster->arena, RANGES_MAX * sizeof *missing);
    memset(seen, 0, RANGES_MAX * sizeof *seen);
    uint32_t asked = 0;
    for (uint64_t epoch = newest + 1; epoch-- > oldest;) {
        const uint32_t count = merge_missing(cluster->merge, epoch, missing);
        for (uint32_t i = 0; i < count && asked < PULL_MAX; i++) {
            if (!seen[missing[i]])
                asked += ask(cluster, missing[i], epoch);
            seen[missing[i]] = true;
        }
    }
    return asked;
}

/* The first epoch that a range of this node has not settled; false: it holds none. */
static bool first_unsettled(const struct cluster *cluster, uint64_t *ret_epoch)
{
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        const struct slot *slot = cluster->slots[i];
        if (slot != NULL && slot->state != NULL && range_state_settle_next(slot->state) < first)
            first = range_state_settle_next(slot->state);
    }
    *ret_epoch = first;
    return first != UINT64_MAX;
}

/* Ledgers: of each range the first that is not known, from where the ranges here must settle on. */
static void pull_ledgers(struct cluster *cluster, uint32_t asked)
{
    const uint32_t ranges = system_state_settings(cluster->system)->ranges;
    uint64_t from, newest;
    if (!first_unsettled(cluster, &from) || !merge_newest(cluster->merge, &newest))
        return;
    for (uint32_t range = 0; range < ranges && asked < PULL_MAX; range++) {
        const uint64_t unknown = ledgers_unknown(cluster->ledgers, range, from);
        if (unknown <= newest)
            asked += ask(cluster, range, unknown);
    }
}

void exchange_tick(struct cluster *cluster)
{
    const uint64_t now_ms = cluster_now_ms(cluster);
    if (cluster->merge == NULL || now_ms < cluster->pull_ms || !cluster_has_room(cluster))
        return;
    cluster->pull_ms = now_ms + PULL_MS;
    pull_ledgers(cluster, pull_boards(cluster));
}
