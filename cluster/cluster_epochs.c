/* Closing epochs in the logs, and making the global boards of what the ranges closed. */
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

/* After the boundary of an epoch its board may wait this long for the last range, at most half an
 * epoch; then it is shown with the missing ranges named. */
#define PARTIAL_AFTER_US 1000000

enum status epochs_begin(struct cluster *cluster)
{
    const struct settings *settings = system_state_settings(cluster->system);
    cluster->merge = merge_new(settings->ranges, settings->first_epoch);
    return cluster->merge != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

/* A quiet range logs CLOSE when the clock has passed the boundary. */
void epochs_tick_range(struct cluster *cluster, struct slot *slot)
{
    const uint32_t epoch_ms = system_state_settings(cluster->system)->epoch_ms;
    const uint64_t now = epoch_of(hlc_from_us(cluster->now.physical_us), epoch_ms);
    const uint64_t open = range_state_open_epoch(slot->state);
    if (now <= open)
        return;
    uint64_t through = now - 1;
    const uint64_t promise = hunts_promise(slot);
    if (promise != PROMISE_NONE && through >= promise) {
        if (promise <= open)
            return;
        through = promise - 1;
    }
    if (slot->close_through >= through)
        return;
    const struct record record = {
        .kind = RECORD_CLOSE,
        .stamp = hlc_now(&cluster->hlc, cluster->now.physical_us),
        .uncertainty_us = cluster->now.uncertainty_us,
        .epoch = through,
    };
    uint64_t index;
    if (groups_submit(cluster, slot->group, &record, &index) == STATUS_OK)
        slot->close_through = through;
}

static void publish(struct cluster *cluster, uint64_t epoch)
{
    struct global_board *board;
    const enum status status = merge_board(cluster->merge, epoch, &board);
    if (status == STATUS_CORRUPT)
        cluster_note(cluster, NOTE_ERROR,
                     "a range has diverged: not all break ties alike in epoch %llu",
                     (unsigned long long)epoch);
    if (status != STATUS_OK)
        return;
    cluster->published_epoch = epoch;
    cluster->published_any = true;
    effects_add(cluster->effects, EFFECT_PUBLISH)->publish.board = board;
}

static enum status take_summary(struct cluster *cluster, struct summary *summary)
{
    const enum status added = merge_add(cluster->merge, summary);
    /* Boards that differ come of claims that do, so what would be settled is in doubt as well. */
    if (added == STATUS_CONFLICT)
        settle_diverged(cluster, summary->range, summary->from);
    const enum status settled = settle_summary(cluster, summary);
    return added == STATUS_NO_MEMORY ? added : settled;
}

/* The newest complete epoch, or one before the first. */
static uint64_t complete_next(const struct cluster *cluster)
{
    uint64_t complete;
    return merge_complete(cluster->merge, &complete) ? complete + 1 : 0;
}

static void publish_news(struct cluster *cluster, uint64_t before)
{
    const uint64_t next = complete_next(cluster);
    if (next > before)
        publish(cluster, next - 1);
}

enum status epochs_received(struct cluster *cluster, struct summary *summary, bool whole)
{
    if (!whole)
        return settle_fill(cluster, summary);
    const uint64_t before = complete_next(cluster);
    const enum status status = take_summary(cluster, summary);
    if (status == STATUS_OK)
        publish_news(cluster, before);
    return status;
}

enum status epochs_applied(struct cluster *cluster, const struct slot *slot,
                           const struct range_applied *applied)
{
    const uint64_t before = complete_next(cluster);
    exchange_push(cluster, slot, applied);
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < applied->summary_count; i++) {
        if (status == STATUS_OK)
            status = take_summary(cluster, applied->summaries[i]);
        summary_release(applied->summaries[i]);
    }
    if (status == STATUS_OK)
        publish_news(cluster, before);
    return status;
}

/* Boards are made of those that have them, and what is not settled everywhere is known again. */
static enum status take_kept(struct cluster *cluster, const struct range_state *state)
{
    uint32_t count, whole;
    struct summary *const *kept = range_state_kept(state, &count, &whole);
    for (uint32_t i = 0; i < count; i++) {
        enum status status = settle_summary(cluster, kept[i]);
        if (status == STATUS_OK && i >= whole)
            status = merge_add(cluster->merge, kept[i]);
        if (status != STATUS_OK)
            return status == STATUS_NO_MEMORY ? status : STATUS_CORRUPT;
    }
    return STATUS_OK;
}

enum status epochs_restored(struct cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        if (cluster->slots[i] != NULL)
            settle_forget_before(cluster, range_state_all_settled_next(cluster->slots[i]->state));
    }
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        if (cluster->slots[i] == NULL)
            continue;
        const enum status status = take_kept(cluster, cluster->slots[i]->state);
        if (status != STATUS_OK)
            return status;
    }
    uint64_t complete;
    if (merge_complete(cluster->merge, &complete))
        publish(cluster, complete);
    return STATUS_OK;
}

enum status epochs_adopted(struct cluster *cluster, const struct slot *slot)
{
    const uint64_t before = complete_next(cluster);
    settle_forget_before(cluster, range_state_all_settled_next(slot->state));
    uint32_t count, whole;
    struct summary *const *kept = range_state_kept(slot->state, &count, &whole);
    for (uint32_t i = 0; i < count; i++) {
        /* Where boards are gone, runs may begin and end elsewhere than those that were heard of. */
        const enum status status =
            i >= whole ? take_summary(cluster, kept[i]) : settle_fill(cluster, kept[i]);
        if (status != STATUS_OK)
            return status;
    }
    publish_news(cluster, before);
    return STATUS_OK;
}

void epochs_tick(struct cluster *cluster)
{
    if (cluster->merge == NULL)
        return;
    const struct settings *settings = system_state_settings(cluster->system);
    const uint64_t length_us = UINT64_C(1000) * settings->epoch_ms;
    const uint64_t now = cluster->now.physical_us / length_us;
    const uint64_t since_us = cluster->now.physical_us % length_us;
    const uint64_t patience_us =
        PARTIAL_AFTER_US < length_us / 2 ? PARTIAL_AFTER_US : length_us / 2;
    if (now <= settings->first_epoch || since_us < patience_us)
        return;
    uint64_t complete = 0;
    const bool any = merge_complete(cluster->merge, &complete);
    if ((any && complete >= now - 1) || cluster->partial_epoch == now - 1)
        return;
    cluster->partial_epoch = now - 1;
    publish(cluster, now - 1);
}

struct global_board *cluster_board(const struct cluster *cluster, uint64_t epoch)
{
    if (cluster->merge == NULL)
        return NULL;
    struct global_board *board;
    return merge_board(cluster->merge, epoch, &board) == STATUS_OK ? board : NULL;
}
