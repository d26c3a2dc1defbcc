#include <stdlib.h>

#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"
#include "cluster/ranges/range_snapshot.h"
#include "cluster/ranges/range_snapshot_internal.h"
#include "cluster/ranges/range_state_internal.h"
#include "cluster/ranges/snapshot_head.h"

struct range_restore {
    uint32_t range;
    uint64_t index_secret;
    struct range_state *state; /* NULL before the head */
    struct snapshot_head head;
    struct engine_restore engine;
    uint32_t hunts, judging, coming, parts, summaries; /* that the head names */
    uint32_t hunts_seen, judging_seen;
};

struct range_restore *range_restore_new(uint32_t range, uint64_t index_secret)
{
    struct range_restore *restore = calloc(1, sizeof *restore);
    if (restore == NULL)
        return NULL;
    restore->range = range;
    restore->index_secret = index_secret;
    return restore;
}

void range_restore_free(struct range_restore *restore)
{
    if (restore == NULL)
        return;
    range_state_free(restore->state);
    free(restore);
}

static void take_counts(struct range_restore *restore, struct reader *reader)
{
    restore->hunts = take_u16(reader);
    restore->judging = take_u16(reader);
    restore->coming = take_u16(reader);
    restore->parts = take_u32(reader);
    restore->summaries = take_u32(reader);
}

static void take_state(struct range_state *state, struct reader *reader)
{
    state->last_hlc = take_u64(reader);
    state->open_epoch = take_u64(reader);
    state->digest = take_u64(reader);
    state->settle_next = take_u64(reader);
    state->kept.all_settled_next = take_u64(reader);
    state->settling.term = take_u64(reader);
    for (uint32_t i = 0; i < HUNTS_MAX; i++)
        state->learned[i] = take_u32(reader);
}

/* Epochs go up from the first, those that are settled are closed, and one can still be opened. */
static bool epochs_fit(const struct range_restore *restore)
{
    const struct range_state *state = restore->state;
    const uint64_t first = restore->head.settings.first_epoch;
    if (state->open_epoch < first || state->settle_next < first ||
        state->settle_next > state->open_epoch || state->kept.all_settled_next > state->open_epoch)
        return false;
    const uint64_t start = epoch_start(state->open_epoch, state->epoch_ms);
    return epoch_start(hlc_add(state->open_epoch, 1), state->epoch_ms) > start;
}

static enum status restore_head(struct range_restore *restore, const struct snapshot_item *item)
{
    struct reader reader;
    reader_init(&reader, item->data, item->size);
    struct snapshot_head *head = &restore->head;
    if (restore->state != NULL || !snapshot_head_take(head, &reader) ||
        head->kind != SNAPSHOT_RANGE || head->group != restore->range ||
        restore->range >= head->settings.ranges)
        return STATUS_CORRUPT;
    restore->state = range_state_new(&head->settings, restore->range, restore->index_secret);
    if (restore->state == NULL)
        return STATUS_NO_MEMORY;
    restore->engine =
        (struct engine_restore){.engine = restore->state->engine, .ranges = head->settings.ranges};
    take_state(restore->state, &reader);
    restore->engine.settle_next = restore->state->settle_next;
    restore->engine.last_hlc = restore->state->last_hlc;
    restore->engine.last_index = head->base.index;
    take_counts(restore, &reader);
    const enum status status = engine_restore_head(&restore->engine, &reader);
    if (status != STATUS_OK)
        return status;
    const bool fits = reader_done(&reader) && epochs_fit(restore) && restore->hunts <= HUNTS_MAX &&
                      restore->judging <= restore->hunts && restore->coming <= COMING_MAX;
    return fits ? STATUS_OK : STATUS_CORRUPT;
}

static enum status restore_hunt(struct range_restore *restore, const struct snapshot_item *item)
{
    struct reader reader;
    reader_init(&reader, item->data, item->size);
    restore->hunts_seen++;
    return engine_restore_hunt(&restore->engine, &reader);
}

/* Takes the definition over where it is OK. */
static enum status restore_judging(struct range_restore *restore, const struct coming *version)
{
    struct range_state *state = restore->state;
    if (state->coming_count > 0 || version->promise != 0 || version->active_from != 0 ||
        version->version > state->learned[version->hunt])
        return STATUS_CORRUPT;
    const enum status status = engine_restore_judging(&restore->engine, version->hunt,
                                                      version->version, version->definition);
    if (status != STATUS_OK)
        return status;
    state->judging[version->hunt] = version->definition;
    restore->judging_seen++;
    return STATUS_OK;
}

static enum status restore_coming(struct range_restore *restore, const struct coming *version)
{
    struct range_state *state = restore->state;
    const bool resolved = version->promise == PROMISE_NONE;
    const bool ok =
        state->coming_count < restore->coming &&
        version->version <= state->learned[version->hunt] && version->version > 0 &&
        (resolved ? version->active_from > state->open_epoch : version->active_from == 0);
    if (!ok)
        return STATUS_CORRUPT;
    const enum status status =
        engine_restore_coming(&restore->engine, version->hunt, version->definition);
    if (status == STATUS_OK)
        state->coming[state->coming_count++] = *version;
    return status;
}

static enum status restore_definition(struct range_restore *restore,
                                      const struct snapshot_item *item)
{
    struct reader reader;
    reader_init(&reader, item->data, item->size);
    struct coming version = {0};
    const uint8_t role = take_u8(&reader);
    version.hunt = take_u16(&reader);
    version.version = take_u32(&reader);
    version.promise = take_u64(&reader);
    version.active_from = take_u64(&reader);
    if (!reader_ok(&reader) || version.hunt >= HUNTS_MAX ||
        (role != DEFINITION_JUDGES && role != DEFINITION_COMES))
        return STATUS_CORRUPT;
    enum status status =
        definition_decode(&version.definition, item->data + reader.at, item->size - reader.at);
    if (status != STATUS_OK)
        return status == STATUS_NO_MEMORY ? status : STATUS_CORRUPT;
    status = role == DEFINITION_JUDGES ? restore_judging(restore, &version)
                                       : restore_coming(restore, &version);
    if (status != STATUS_OK)
        definition_free(version.definition);
    return status;
}

/* A run that is whole has taken effect and is gone. */
static enum status restore_part(struct range_restore *restore, const struct snapshot_item *item)
{
    struct range_state *state = restore->state;
    struct settle_part *part;
    enum status status = settle_decode_part(&part, item->data, item->size);
    if (status != STATUS_OK)
        return status == STATUS_NO_MEMORY ? status : STATUS_CORRUPT;
    if (part->part != state->settling.count + 1 || part->through >= state->open_epoch) {
        free(part);
        return STATUS_CORRUPT;
    }
    bool ignored = false;
    status =
        settling_take(&state->settling, part, state->settling.term, state->settle_next, &ignored);
    if (status != STATUS_OK)
        return status;
    return ignored || settling_whole(&state->settling) ? STATUS_CORRUPT : STATUS_OK;
}

static enum status restore_summary(struct range_restore *restore, const struct snapshot_item *item)
{
    struct summary *summary;
    enum status status = summary_decode(&summary, item->data, item->size);
    if (status != STATUS_OK)
        return status == STATUS_NO_MEMORY ? status : STATUS_CORRUPT;
    status = range_kept_restore(&restore->state->kept, restore->range, summary);
    if (status != STATUS_OK)
        summary_release(summary);
    return status;
}

static enum status restore_block(struct range_restore *restore, const struct snapshot_item *item)
{
    struct reader reader;
    reader_init(&reader, item->data, item->size);
    return engine_restore_block(&restore->engine, (enum engine_list)(item->section - SECTION_LIST),
                                &reader);
}

/* The summaries end where the open epoch begins; there is none before the first close. */
static bool is_complete(const struct range_restore *restore)
{
    const struct range_state *state = restore->state;
    const struct range_kept *kept = &state->kept;
    const uint64_t next = kept->count > 0 ? kept->list[kept->count - 1]->through + 1
                                          : restore->head.settings.first_epoch;
    return restore->hunts_seen == restore->hunts && restore->judging_seen == restore->judging &&
           state->coming_count == restore->coming && state->settling.count == restore->parts &&
           kept->count == restore->summaries && next == state->open_epoch;
}

static enum status restore_end(struct range_restore *restore)
{
    if (!is_complete(restore))
        return STATUS_CORRUPT;
    return engine_restore_finish(&restore->engine);
}

enum status range_restore_item(struct range_restore *restore, const struct snapshot_item *item)
{
    if ((restore->state == NULL) != (item->section == SECTION_HEAD))
        return STATUS_CORRUPT;
    switch (item->section) {
    case SECTION_HEAD:
        return restore_head(restore, item);
    case SECTION_HUNT:
        return restore_hunt(restore, item);
    case SECTION_DEFINITION:
        return restore_definition(restore, item);
    case SECTION_PART:
        return restore_part(restore, item);
    case SECTION_SUMMARY:
        return restore_summary(restore, item);
    case SECTION_END:
        return restore_end(restore);
    default:
        return restore_block(restore, item);
    }
}

struct range_state *range_restore_take(struct range_restore *restore, struct settings *ret_settings,
                                       struct group_base *ret_base)
{
    struct range_state *state = restore->state;
    CHECK(state != NULL);
    restore->state = NULL;
    *ret_settings = restore->head.settings;
    *ret_base = restore->head.base;
    return state;
}
