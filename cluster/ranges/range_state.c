#include "cluster/ranges/range_state.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/clock/hlc.h"
#include "cluster/ranges/range_state_internal.h"
#include "cluster/ranges/range_summary.h"

/* Where the record that is applied stands, and memory until the end of the turn. */
struct place {
    uint64_t index, term;
    struct arena *arena;
};

/* An equal share, rounded up, plus a sixteenth: players spread over ranges by hash, not evenly. */
static uint32_t players_share(const struct settings *settings)
{
    const uint64_t equal =
        ((uint64_t)settings->players_max + settings->ranges - 1) / settings->ranges;
    return (uint32_t)(equal + equal / 16);
}

struct range_state *range_state_new(const struct settings *settings, uint32_t range,
                                    uint64_t index_secret)
{
    CHECK(range < settings->ranges);
    struct range_state *state = calloc(1, sizeof *state);
    if (state == NULL)
        return NULL;
    const uint32_t players = players_share(settings);
    const struct engine_config config = {
        .range = range,
        .players_max = players,
        .receipts_max = players * RECEIPTS_PER_PLAYER,
        .epoch_ms = settings->epoch_ms,
        .index_secret = index_secret,
    };
    state->engine = engine_new(&config);
    if (state->engine == NULL) {
        free(state);
        return NULL;
    }
    state->range = range;
    state->epoch_ms = settings->epoch_ms;
    state->open_epoch = settings->first_epoch;
    state->settle_next = settings->first_epoch;
    settling_init(&state->settling);
    /* The last stamp before the first epoch, so that the first action may have its first. */
    const uint64_t start = epoch_start(settings->first_epoch, settings->epoch_ms);
    state->last_hlc = start > 0 ? start - 1 : 0;
    return state;
}

void range_state_free(struct range_state *state)
{
    if (state == NULL)
        return;
    engine_free(state->engine);
    settling_fini(&state->settling);
    range_kept_fini(&state->kept);
    graveyard_close(&state->graveyard);
    for (uint32_t i = 0; i < state->coming_count; i++)
        definition_free(state->coming[i].definition);
    for (uint32_t i = 0; i < HUNTS_MAX; i++)
        definition_free(state->judging[i]);
    free(state);
}

uint64_t range_state_promise(const struct range_state *state)
{
    uint64_t promise = PROMISE_NONE;
    for (uint32_t i = 0; i < state->coming_count; i++) {
        if (state->coming[i].promise < promise)
            promise = state->coming[i].promise;
    }
    return promise;
}

static void drop_coming(struct range_state *state, uint32_t at)
{
    state->coming_count--;
    memmove(&state->coming[at], &state->coming[at + 1],
            (state->coming_count - at) * sizeof state->coming[0]);
}

/* Versions whose epoch has come start judging, in the order in which they were learned. */
static enum status activate_due(struct range_state *state)
{
    uint32_t at = 0;
    while (at < state->coming_count) {
        const struct coming due = state->coming[at];
        if (due.promise != PROMISE_NONE || due.active_from > state->open_epoch) {
            at++;
            continue;
        }
        const enum status status =
            engine_activate(state->engine, due.hunt, due.version, due.definition, due.active_from);
        if (status != STATUS_OK)
            return status;
        graveyard_take(&state->graveyard, state->judging[due.hunt]);
        state->judging[due.hunt] = due.definition;
        drop_coming(state, at);
    }
    return STATUS_OK;
}

/* Every entry that counts moves the range's clock, whatever it carries. */
static void move_hlc(struct range_state *state, uint64_t stamp)
{
    const uint64_t next = hlc_add(state->last_hlc, 1);
    state->last_hlc = stamp > next ? stamp : next;
}

/* How far a run that begins with the open epoch may go towards `epoch`: no further than the same
 * versions judge, though nothing is judged in it but at its beginning. What its summary says of how
 * ties are broken must hold in each of its epochs, for other ranges end their runs elsewhere. */
static uint64_t run_end(const struct range_state *state, uint64_t epoch)
{
    uint64_t end = epoch;
    for (uint32_t i = 0; i < state->coming_count; i++) {
        const struct coming *coming = &state->coming[i];
        if (coming->promise != PROMISE_NONE)
            continue;
        CHECK(coming->active_from > state->open_epoch);
        if (coming->active_from - 1 < end)
            end = coming->active_from - 1;
    }
    return end;
}

static enum status close_run(struct range_state *state, uint64_t through, struct arena *arena,
                             struct range_applied *applied)
{
    CHECK(through >= state->open_epoch);
    const struct range_run run = {
        .range = state->range,
        .from = state->open_epoch,
        .through = through,
        .last_hlc = state->last_hlc,
    };
    struct summary *summary = range_summary(state->engine, &run, arena);
    if (summary == NULL)
        return STATUS_NO_MEMORY;
    applied->summaries[applied->summary_count++] = summary;
    const enum status kept = range_kept_add(&state->kept, summary);
    if (kept != STATUS_OK)
        return kept;

    engine_close_epoch(state->engine);
    state->open_epoch = through + 1;
    state->digest = hash_chain(state->digest, &summary->digest, sizeof(uint64_t));
    return activate_due(state);
}

static enum status close_through(struct range_state *state, uint64_t epoch, struct arena *arena,
                                 struct range_applied *applied)
{
    CHECK(epoch >= state->open_epoch);
    CHECK(applied->summary_count == 0);
    /* Each run but the last one ends where a version becomes active. */
    const size_t runs_max = state->coming_count + 1;
    applied->summaries = arena_take(arena, runs_max * sizeof(struct summary *));
    enum status status = STATUS_OK;
    while (status == STATUS_OK && state->open_epoch <= epoch) {
        CHECK(applied->summary_count < runs_max);
        status = close_run(state, run_end(state, epoch), arena, applied);
    }
    while (status != STATUS_OK && applied->summary_count > 0)
        summary_release(applied->summaries[--applied->summary_count]);
    return status;
}

/* The stamp of the first of n actions. */
static uint64_t base_stamp(const struct range_state *state, uint64_t stamp, uint32_t n)
{
    const uint64_t next = hlc_add(state->last_hlc, 1);
    const uint64_t base = stamp > next ? stamp : next;
    const uint64_t last_epoch = epoch_of(hlc_add(base, n - 1), state->epoch_ms);
    if (epoch_of(base, state->epoch_ms) != last_epoch)
        return epoch_start(last_epoch, state->epoch_ms);
    return base;
}

/* The actions of a record; 0: they do not decode, or there are more than fit. */
static uint32_t decode_actions(const struct record *record, struct action *actions)
{
    struct reader reader;
    reader_init(&reader, record->body, record->body_bytes);
    for (uint32_t i = 0; i < record->count; i++) {
        if (!action_decode(&actions[i], &reader))
            return 0;
    }
    return reader_done(&reader) ? record->count : 0;
}

static void fold_result(struct range_state *state, const struct result *result)
{
    const uint64_t folded[4] = {
        result->hlc,
        (uint64_t)result->outcome << 32 | result->points,
        (uint64_t)result->score,
        (uint64_t)result->seq << 32 | (uint64_t)result->treasure << 1 | result->replayed,
    };
    state->digest = hash_32(state->digest, folded);
}

static void judge_all(struct range_state *state, struct moment moment, const struct action *actions,
                      struct range_applied *applied)
{
    const uint32_t n = applied->count;
    engine_judge_all(state->engine, actions, n, &moment, applied->results);
    for (uint32_t i = 0; i < n; i++)
        fold_result(state, &applied->results[i]);
    state->last_hlc = moment.hlc + n - 1;
}

static void void_results(struct range_applied *applied, const struct action *actions)
{
    applied->ignored = true;
    for (uint32_t i = 0; i < applied->count; i++) {
        applied->results[i] = (struct result){
            .player = actions[i].player,
            .seq = actions[i].seq,
            .outcome = OUTCOME_UNAVAILABLE,
            .treasure = TREASURE_NONE,
            .final = true,
        };
    }
}

static enum status apply_actions(struct range_state *state, const struct place *place,
                                 const struct record *record, struct range_applied *applied)
{
    if (record->count == 0 || record->count > ENTRY_ACTIONS_MAX) {
        applied->ignored = true;
        return STATUS_OK;
    }
    struct action *actions = arena_take(place->arena, record->count * sizeof *actions);
    if (decode_actions(record, actions) == 0) {
        applied->ignored = true;
        return STATUS_OK;
    }
    applied->count = record->count;
    applied->results = arena_take(place->arena, record->count * sizeof *applied->results);

    const struct moment moment = {
        .hlc = base_stamp(state, record->stamp, record->count),
        .epoch = epoch_of(base_stamp(state, record->stamp, record->count), state->epoch_ms),
        .log_index = place->index,
        .uncertainty_us = record->uncertainty_us,
    };
    const uint64_t promise = range_state_promise(state);
    const bool past_promise = promise != PROMISE_NONE && moment.epoch > promise;
    /* At the end of all stamps there is none left for each of them; only a broken leader goes
     * there. */
    const bool too_late =
        moment.hlc <= state->last_hlc || moment.hlc > UINT64_MAX - (record->count - 1);
    if (past_promise || too_late) {
        void_results(applied, actions);
        return STATUS_OK;
    }
    if (moment.epoch > state->open_epoch) {
        const enum status status = close_through(state, moment.epoch - 1, place->arena, applied);
        if (status != STATUS_OK)
            return status;
    }
    judge_all(state, moment, actions, applied);
    return STATUS_OK;
}

static enum status apply_close(struct range_state *state, const struct place *place,
                               const struct record *record, struct range_applied *applied)
{
    const uint64_t promise = range_state_promise(state);
    const bool opens_too_far = promise != PROMISE_NONE && record->epoch >= promise;
    /* An epoch beyond the clock's end would leave no epoch to open. */
    const bool too_late = epoch_start(hlc_add(record->epoch, 1), state->epoch_ms) == UINT64_MAX;
    if (record->epoch < state->open_epoch || opens_too_far || too_late) {
        applied->ignored = true;
        return STATUS_OK;
    }
    const enum status status = close_through(state, record->epoch, place->arena, applied);
    move_hlc(state, record->stamp);
    move_hlc(state, epoch_start(state->open_epoch, state->epoch_ms));
    return status;
}

/* No epoch after this opens before the version is resolved: the present one, or the next where less
 * than a quarter of the present one remains, so that the answer need not hurry. */
static uint64_t promise_at(const struct range_state *state, uint64_t stamp)
{
    const uint64_t latest = stamp > state->last_hlc ? stamp : state->last_hlc;
    const uint64_t stamped = epoch_of(latest, state->epoch_ms);
    const uint64_t epoch = stamped > state->open_epoch ? stamped : state->open_epoch;
    const uint64_t end = epoch_start(hlc_add(epoch, 1), state->epoch_ms);
    const uint64_t quarter = hlc_from_us(UINT64_C(250) * state->epoch_ms);
    return end > latest && end - latest < quarter ? epoch + 1 : epoch;
}

static enum status apply_learn(struct range_state *state, const struct record *record,
                               struct range_applied *applied)
{
    if (record->hunt >= HUNTS_MAX || record->version <= state->learned[record->hunt] ||
        state->coming_count == COMING_MAX) {
        applied->ignored = true;
        return STATUS_OK;
    }
    struct definition *definition;
    enum status status = definition_decode(&definition, record->body, record->body_bytes);
    if (status == STATUS_NO_MEMORY)
        return status;
    if (status != STATUS_OK) {
        applied->ignored = true;
        return STATUS_OK;
    }
    status = engine_learn(state->engine, record->hunt, definition);
    if (status != STATUS_OK) {
        definition_free(definition);
        applied->ignored = true;
        return status == STATUS_NO_MEMORY ? status : STATUS_OK;
    }
    state->learned[record->hunt] = record->version;
    state->coming[state->coming_count++] = (struct coming){
        .hunt = record->hunt,
        .version = record->version,
        .promise = promise_at(state, record->stamp),
        .definition = definition,
    };
    return STATUS_OK;
}

static enum status apply_resolve(struct range_state *state, const struct record *record,
                                 struct range_applied *applied)
{
    for (uint32_t at = 0; at < state->coming_count; at++) {
        struct coming *coming = &state->coming[at];
        if (coming->hunt != record->hunt || coming->version != record->version ||
            coming->promise == PROMISE_NONE)
            continue;
        if (record->epoch == RECORD_NO_EPOCH) {
            graveyard_take(&state->graveyard, coming->definition);
            drop_coming(state, at);
            return STATUS_OK;
        }
        coming->promise = PROMISE_NONE;
        coming->active_from = record->epoch;
        return activate_due(state);
    }
    applied->ignored = true;
    return STATUS_OK;
}

static enum status settle_whole(struct range_state *state, struct arena *arena,
                                struct range_applied *applied)
{
    struct engine_settlement settlement;
    settling_finish(&state->settling, arena, &settlement, &applied->all_settled_next);
    settlement.final_epoch = state->open_epoch;
    if (engine_settle(state->engine, &settlement) != STATUS_OK) {
        applied->ignored = true;
        return STATUS_OK;
    }
    state->settle_next = settlement.through + 1;
    /* Nobody else has settled what is not settled here, whatever a leader wrote. */
    const uint64_t next = applied->all_settled_next < state->settle_next ? applied->all_settled_next
                                                                         : state->settle_next;
    range_kept_settled(&state->kept, next);
    state->digest = hash_chain(state->digest, &settlement.settled_digest, sizeof(uint64_t));
    return STATUS_OK;
}

/* Takes effect with the last part of a run. Epochs that are still open here cannot be settled. */
static enum status apply_settle(struct range_state *state, const struct place *place,
                                const struct record *record, struct range_applied *applied)
{
    struct settle_part *part;
    enum status status = settle_decode_part(&part, record->body, record->body_bytes);
    if (status == STATUS_NO_MEMORY)
        return status;
    if (status != STATUS_OK) {
        applied->ignored = true;
        return STATUS_OK;
    }
    if (part->through >= state->open_epoch) {
        free(part);
        applied->ignored = true;
        return STATUS_OK;
    }
    status =
        settling_take(&state->settling, part, place->term, state->settle_next, &applied->ignored);
    if (status != STATUS_OK || applied->ignored || !settling_whole(&state->settling))
        return status;
    return settle_whole(state, place->arena, applied);
}

static enum status apply_record(struct range_state *state, const struct place *place,
                                const struct record *record, struct range_applied *applied)
{
    switch (record->kind) {
    case RECORD_ACTIONS:
        return apply_actions(state, place, record, applied);
    case RECORD_CLOSE:
        return apply_close(state, place, record, applied);
    case RECORD_LEARN:
        return apply_learn(state, record, applied);
    case RECORD_RESOLVE:
        return apply_resolve(state, record, applied);
    case RECORD_SETTLE:
        return apply_settle(state, place, record, applied);
    case RECORD_BARRIER:
        return STATUS_OK;
    default:
        applied->ignored = true;
        return STATUS_OK;
    }
}

/* Actions and CLOSE move it themselves, to where they end. */
static bool moves_clock_here(enum record_kind kind)
{
    return kind == RECORD_LEARN || kind == RECORD_RESOLVE || kind == RECORD_BARRIER ||
           kind == RECORD_SETTLE;
}

enum status range_state_apply(struct range_state *state, uint64_t index,
                              const struct log_entry *entry, struct arena *arena,
                              struct range_applied *ret_applied)
{
    *ret_applied = (struct range_applied){0};
    struct record record;
    if (record_decode(&record, entry->data, entry->bytes) != STATUS_OK) {
        ret_applied->ignored = true;
        return STATUS_OK;
    }
    ret_applied->kind = record.kind;
    const struct place place = {.index = index, .term = entry->term, .arena = arena};
    const enum status status = apply_record(state, &place, &record, ret_applied);
    if (status == STATUS_OK && !ret_applied->ignored && moves_clock_here(record.kind))
        move_hlc(state, record.stamp);
    if (status == STATUS_OK) {
        const uint64_t folded[2] = {index, (uint64_t)record.kind << 1 | ret_applied->ignored};
        state->digest = hash_chain(state->digest, folded, sizeof folded);
    }
    return status;
}

uint64_t range_state_open_epoch(const struct range_state *state)
{
    return state->open_epoch;
}

uint64_t range_state_settle_next(const struct range_state *state)
{
    return state->settle_next;
}

uint64_t range_state_last_hlc(const struct range_state *state)
{
    return state->last_hlc;
}

bool range_state_unresolved(const struct range_state *state, uint32_t at,
                            struct range_learned *ret_learned)
{
    for (uint32_t i = 0; i < state->coming_count; i++) {
        const struct coming *coming = &state->coming[i];
        if (coming->promise == PROMISE_NONE)
            continue;
        if (at > 0) {
            at--;
            continue;
        }
        *ret_learned = (struct range_learned){
            .hunt = coming->hunt, .version = coming->version, .promise = coming->promise};
        return true;
    }
    return false;
}

uint32_t range_state_learned(const struct range_state *state, uint16_t hunt)
{
    return hunt < HUNTS_MAX ? state->learned[hunt] : 0;
}

struct summary *const *range_state_kept(const struct range_state *state, uint32_t *ret_count,
                                        uint32_t *ret_whole)
{
    *ret_count = state->kept.count;
    *ret_whole = range_kept_whole(&state->kept);
    return state->kept.list;
}

uint64_t range_state_all_settled_next(const struct range_state *state)
{
    return state->kept.all_settled_next;
}

struct engine *range_state_engine(struct range_state *state)
{
    return state->engine;
}

uint64_t range_state_digest(const struct range_state *state)
{
    return state->digest;
}
