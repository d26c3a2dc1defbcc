/* The answer to an action, and what it leaves behind. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "tests/sim/model_trial.h"

void model_receipt_fill(const struct model *model, const struct record *record,
                        const struct judged *judged, struct result *ret_receipt)
{
    const struct range_log *log = &model->logs[record->range];
    const uint64_t epoch = model_epoch_of(judged->place.hlc, model->epoch_ms);
    const bool delivered = log->settled_any && epoch <= log->settled_through;
    const bool accepted = outcome_accepted(judged->outcome);
    *ret_receipt = (struct result){
        .player = record->player,
        .seq = judged->action.seq,
        .outcome = judged->outcome,
        .treasure = judged->treasure,
        .final =
            judged->outcome == OUTCOME_REACTED ? delivered : judged->outcome != OUTCOME_PENDING,
        .replayed = true,
        .points = judged->points,
        .score = model_standing_now(record)->score,
        .epoch = epoch,
        .hlc = judged->place.hlc,
        .range = record->range,
        .log_index = accepted ? judged->place.log_index : 0,
        .definition_version = accepted ? judged->version : 0,
        .final_epoch = judged->final_epoch,
    };
    if (judged->treasure != TREASURE_NONE)
        ret_receipt->treasure_id = model_treasure_name(model, record->hunt, judged->treasure);
}

static void result_fill(const struct trial *trial, struct result *ret_result)
{
    if (trial->stored != NULL) {
        model_receipt_fill(trial->model, trial->record, trial->stored, ret_result);
        return;
    }
    const bool has_treasure = trial->treasure != NULL;
    const bool brings_points = trial->outcome == OUTCOME_FOUND;
    *ret_result = (struct result){
        .player = trial->action->player,
        .seq = trial->action->seq,
        .outcome = trial->outcome,
        .treasure = has_treasure ? trial->treasure->number : TREASURE_NONE,
        .treasure_id = has_treasure ? trial->treasure->id.text : NULL,
        .final = trial->outcome != OUTCOME_PENDING && trial->outcome != OUTCOME_REACTED,
        .points = trial->points,
    };
    if (trial->outcome == OUTCOME_FULL)
        return;
    ret_result->score = (trial->known ? model_standing_now(trial->record)->score : 0) +
                        (brings_points ? (int64_t)trial->points : 0);
    ret_result->epoch = trial->epoch;
    ret_result->hlc = trial->place->hlc;
    ret_result->range = trial->place->range;
    ret_result->log_index = trial->place->log_index;
    ret_result->definition_version = trial->version == NULL ? 0 : trial->version->what.version;
}

static void pattern_drop(struct record *record, uint32_t at)
{
    free(record->patterns[at].clicks_us);
    record->patterns[at] = record->patterns[--record->pattern_count];
    record->patterns[record->pattern_count] = (struct pattern){0};
}

static uint32_t pattern_oldest(const struct record *record)
{
    uint32_t oldest = 0;
    uint64_t oldest_us = UINT64_MAX;
    for (uint32_t i = 0; i < record->pattern_count; i++) {
        const struct pattern *pattern = &record->patterns[i];
        const uint64_t last_us = pattern->clicks_us[pattern->click_count - 1];
        if (last_us < oldest_us) {
            oldest = i;
            oldest_us = last_us;
        }
    }
    return oldest;
}

static void note_click(struct record *record, uint16_t treasure, uint64_t t_us)
{
    uint32_t at = 0;
    while (at < record->pattern_count && record->patterns[at].treasure != treasure)
        at++;
    if (at == PATTERNS_MAX) {
        pattern_drop(record, pattern_oldest(record));
        at = record->pattern_count;
    }
    if (at == record->pattern_count)
        record->patterns[record->pattern_count++] = (struct pattern){.treasure = treasure};
    struct pattern *pattern = &record->patterns[at];
    pattern->clicks_us =
        model_list_grow(pattern->clicks_us, pattern->click_count, sizeof *pattern->clicks_us);
    pattern->clicks_us[pattern->click_count++] = t_us;
}

static void forget_clicks(struct record *record, uint16_t treasure)
{
    for (uint32_t i = record->pattern_count; i-- > 0;)
        if (record->patterns[i].treasure == treasure)
            pattern_drop(record, i);
}

static struct record *record_make(struct model *model, const struct trial *trial)
{
    struct record *record = model_record_find(model, trial->action->hunt, &trial->action->player);
    if (record != NULL)
        return record;
    model->records = model_list_grow(model->records, model->record_count, sizeof *model->records);
    record = &model->records[model->record_count++];
    *record = (struct record){
        .player = trial->action->player,
        .hunt = trial->action->hunt,
        .range = trial->place->range,
    };
    model_standing_add(record, trial->epoch, 0, 0);
    return record;
}

/* Does the action take a place in the window? */
static bool is_new(const struct trial *trial)
{
    return trial->line > 1;
}

static void write_down(struct model *model, const struct trial *trial)
{
    struct record *record = record_make(model, trial);
    CHECK(record->range == trial->place->range);
    CHECK(model_judged_find(record, trial->action->seq) == NULL);

    if (trial->line > 3 && trial->version->definition.rate_claims != 0) {
        record->bucket_units =
            model_wide_subtract(model_bucket_units(trial), model_bucket_token(trial));
        record->bucket_us = trial->t_us;
        record->bucket_used = true;
    }
    if (trial->outcome == OUTCOME_TAP)
        note_click(record, trial->treasure->number, trial->t_us);
    if (outcome_accepted(trial->outcome))
        forget_clicks(record, trial->treasure->number);
    if (trial->outcome == OUTCOME_FOUND)
        model_standing_add(record, trial->epoch, trial->points, trial->place->hlc);

    record->judged = model_list_grow(record->judged, record->judged_count, sizeof *record->judged);
    record->judged[record->judged_count++] = (struct judged){
        .action = *trial->action,
        .place = *trial->place,
        .outcome = trial->outcome,
        .treasure = trial->treasure == NULL ? TREASURE_NONE : trial->treasure->number,
        .points = trial->points,
        .version = trial->version->what.version,
    };
}

static struct trial trial_of(const struct model *model, const struct model_place *place,
                             const struct action *action)
{
    static const struct record nobody;
    const struct record *record = model_record_find(model, action->hunt, &action->player);
    const uint64_t epoch = model_epoch_of(place->hlc, model->epoch_ms);
    return (struct trial){
        .model = model,
        .place = place,
        .action = action,
        .record = record == NULL ? &nobody : record,
        .known = record != NULL,
        .version = model_version_active(model, place->range, action->hunt, epoch),
        .epoch = epoch,
        .t_us = place->hlc >> 12,
    };
}

bool model_judge(struct model *model, const struct model_place *place, const struct action *action,
                 const struct result *actual, struct result *ret_expected)
{
    CHECK(place->range < model->ranges);
    struct trial computed = trial_of(model, place, action);
    model_try_action(&computed);
    result_fill(&computed, ret_expected);
    const bool either = computed.chooser.used > 0;

    struct trial taken = computed;
    char why[200];
    for (uint32_t bits = 1; actual != NULL && bits < UINT32_C(1) << computed.chooser.used; bits++) {
        if (model_compare_result(ret_expected, actual, why, sizeof why))
            break;
        struct trial other = trial_of(model, place, action);
        other.chooser.bits = bits;
        model_try_action(&other);
        struct result result;
        result_fill(&other, &result);
        if (!model_compare_result(&result, actual, why, sizeof why))
            continue;
        *ret_expected = result;
        taken = other;
    }
    if (is_new(&taken))
        write_down(model, &taken);
    return either;
}
