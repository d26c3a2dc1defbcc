/* Settling: who has won, logged by each range for itself.
 *
 * There is no coordinator. Every node collects the ledgers of all ranges; when all are in through
 * an epoch, each range's leader computes the same settlement from them and logs its own share:
 * SETTLE, which its replicas apply without ever seeing a ledger of another range. Ledgers are
 * forgotten when all ranges have settled. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"
#include "cluster/hunt/given.h"

/* Ledgers that wait to be settled; what does not fit is found missing, and waits for room. But all
 * ledgers of one epoch are needed at once, and a range whose own one was turned away has nobody to
 * ask again: so each range has room for all the reactions that it may take in an epoch. */
#define LEDGER_BYTES_SHARED ((size_t)64 << 20)
#define LEDGER_BYTES_RANGE  ((size_t)4 << 20)
_Static_assert(GIVEN_MAX * sizeof(struct ledger_reaction) < LEDGER_BYTES_RANGE,
               "the reactions of an epoch fit");

enum status settle_begin(struct cluster *cluster)
{
    const struct settings *settings = system_state_settings(cluster->system);
    const size_t budget = LEDGER_BYTES_SHARED + settings->ranges * LEDGER_BYTES_RANGE;
    cluster->ledgers = ledgers_new(settings->ranges, settings->first_epoch, budget);
    cluster->settle_body = malloc(SETTLE_PART_BYTES_MAX);
    const bool made = cluster->ledgers != NULL && cluster->settle_body != NULL;
    return made ? STATUS_OK : STATUS_NO_MEMORY;
}

void settle_diverged(struct cluster *cluster, uint32_t range, uint64_t epoch)
{
    if (cluster->diverged)
        return;
    cluster->diverged = true;
    cluster_note(cluster, NOTE_ERROR, "range %u has diverged in epoch %llu: nothing is settled",
                 range, (unsigned long long)epoch);
}

static enum status taken(struct cluster *cluster, const struct summary *summary, enum status status)
{
    if (status == STATUS_CONFLICT)
        settle_diverged(cluster, summary->range, summary->from);
    if (status == STATUS_FULL)
        cluster_note(cluster, NOTE_WARNING, "no room for the ledger of range %u, epoch %llu",
                     summary->range, (unsigned long long)summary->from);
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}

enum status settle_summary(struct cluster *cluster, const struct summary *summary)
{
    return taken(cluster, summary, ledgers_add(cluster->ledgers, summary));
}

enum status settle_fill(struct cluster *cluster, const struct summary *summary)
{
    return taken(cluster, summary, ledgers_fill(cluster->ledgers, summary));
}

void settle_forget_before(struct cluster *cluster, uint64_t epoch)
{
    ledgers_drop_before(cluster->ledgers, epoch);
}

void settle_applied(struct cluster *cluster, const struct range_applied *applied)
{
    if (applied->all_settled_next > 0)
        ledgers_drop_before(cluster->ledgers, applied->all_settled_next);
}

void settle_tick(struct cluster *cluster)
{
    if (cluster->ledgers == NULL)
        return;
    struct ledgers_settled settled;
    ledgers_settled(cluster->ledgers, &settled);
    if (settled.differs)
        settle_diverged(cluster, settled.range, settled.epoch);
    cluster->all_settled_next = settled.next;
    ledgers_drop_before(cluster->ledgers, settled.next);
}

/* What this range knows as awarded, in the turn's memory. */
static void list_awarded(struct cluster *cluster, const struct engine *engine,
                         struct settle_input *input)
{
    const uint32_t count = engine_awarded_list(engine, NULL, 0);
    struct engine_awarded *known = arena_take(&cluster->arena, (count + 1) * sizeof *known);
    (void)engine_awarded_list(engine, known, count);
    struct settle_awarded *list = arena_take(&cluster->arena, (count + 1) * sizeof *list);
    for (uint32_t i = 0; i < count; i++) {
        list[i] = (struct settle_awarded){
            .hunt = known[i].hunt, .treasure = known[i].treasure, .awarded = known[i].awarded};
    }
    input->awarded = list;
    input->awarded_count = count;
}

/* Most ranges settle the same run at the same time: it is computed once. */
static bool settled_before(const struct cluster *cluster, const struct settle_input *input)
{
    const struct settlement *kept = cluster->settlement;
    return kept != NULL && kept->from == input->from && kept->through == input->through &&
           cluster->settlement_after == input->settled_digest;
}

/* NULL: it cannot be had now. */
static const struct settlement *settlement_for(struct cluster *cluster, const struct slot *slot,
                                               uint64_t through)
{
    const struct engine *engine = range_state_engine(slot->state);
    struct settle_input input = {
        .from = range_state_settle_next(slot->state),
        .through = through,
        .ranges = system_state_settings(cluster->system)->ranges,
        .settled_digest = engine_settled_digest(engine),
    };
    if (settled_before(cluster, &input))
        return cluster->settlement;
    struct settle_ledger *ledgers;
    if (ledgers_gather(cluster->ledgers, input.from, through, &ledgers, &input.ledger_count) !=
        STATUS_OK)
        return NULL;
    input.ledgers = ledgers;
    list_awarded(cluster, engine, &input);
    struct settlement *computed = NULL;
    const enum status status = settle_compute(&input, &computed);
    free(ledgers);
    if (status == STATUS_CORRUPT)
        settle_diverged(cluster, slot->range, input.from);
    if (status != STATUS_OK)
        return NULL;
    settlement_free(cluster->settlement);
    cluster->settlement = computed;
    cluster->settlement_after = input.settled_digest;
    return computed;
}

/* Logs the parts of the run that are not in the log yet, as many as there is room for: what waits
 * for the disk is bounded, and a share is not. */
static void log_parts(struct cluster *cluster, struct slot *slot, const struct settle_share *share)
{
    struct settle_run *run = &slot->settle_run;
    while (run->logged < run->parts && cluster_has_room(cluster)) {
        struct writer writer;
        writer_init(&writer, cluster->settle_body, SETTLE_PART_BYTES_MAX);
        settle_encode_part(share, run->logged + 1, &writer);
        CHECK(writer_ok(&writer));
        const struct record record = {
            .kind = RECORD_SETTLE,
            .stamp = hlc_now(&cluster->hlc, cluster->now.physical_us),
            .uncertainty_us = cluster->now.uncertainty_us,
            .body = cluster->settle_body,
            .body_bytes = writer.used,
        };
        if (groups_submit(cluster, slot->group, &record, &run->index) != STATUS_OK)
            return;
        run->logged++;
    }
}

/* Some parts of the range's next run are in the log, and others are not. */
static bool half_logged(const struct slot *slot)
{
    const struct settle_run *run = &slot->settle_run;
    return run->logged < run->parts && run->from == range_state_settle_next(slot->state);
}

/* The end of the run that is to be logged now: of the one that is half in the log, else of all that
 * is complete. False: there is nothing to do. */
static bool choose_run(const struct cluster *cluster, const struct slot *slot,
                       uint64_t *ret_through)
{
    const struct settle_run *run = &slot->settle_run;
    uint64_t through;
    if (!ledgers_have_all(cluster->ledgers, range_state_settle_next(slot->state), &through))
        return false;
    if (half_logged(slot)) {
        *ret_through = run->through;
        return run->through <= through;
    }
    *ret_through = through;
    return run->index <= group_applied(slot->group) && run->through < through &&
           through < range_state_open_epoch(slot->state);
}

void settle_tick_range(struct cluster *cluster, struct slot *slot)
{
    struct settle_run *run = &slot->settle_run;
    uint64_t through;
    if (cluster->diverged || !choose_run(cluster, slot, &through))
        return;
    const struct settlement *settlement = settlement_for(cluster, slot, through);
    if (settlement == NULL)
        return;
    struct settle_share share = {
        .settlement = settlement,
        .range = slot->range,
        .all_settled_next = cluster->all_settled_next,
    };
    /* All parts of a run say the same of all ranges. */
    if (half_logged(slot))
        share.all_settled_next = run->all_settled_next;
    else
        *run = (struct settle_run){
            .from = settlement->from,
            .through = through,
            .all_settled_next = share.all_settled_next,
            .parts = settle_parts(&share),
        };
    log_parts(cluster, slot, &share);
}

void settle_free(struct cluster *cluster)
{
    settlement_free(cluster->settlement);
    ledgers_free(cluster->ledgers);
    free(cluster->settle_body);
}
