#include "tests/sim/model.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/status.h"
#include "tests/sim/model_state.h"

#define COUNTER_BITS 12

void *model_list_grow(void *list, uint32_t count, size_t size)
{
    /* Room is doubled at each power of two, so that no list needs a capacity beside its count. */
    if (count > 0 && (count & (count - 1)) != 0)
        return list;
    void *grown = realloc(list, (count == 0 ? 1 : (size_t)count * 2) * size);
    CHECK(grown != NULL);
    return grown;
}

struct model *model_new(uint32_t ranges, uint32_t epoch_ms)
{
    CHECK(ranges > 0);
    CHECK(epoch_ms > 0);
    struct model *model = calloc(1, sizeof *model);
    CHECK(model != NULL);
    model->ranges = ranges;
    model->epoch_ms = epoch_ms;
    model->logs = calloc(ranges, sizeof *model->logs);
    CHECK(model->logs != NULL);
    return model;
}

static void record_fini(struct record *record)
{
    for (uint32_t i = 0; i < record->pattern_count; i++)
        free(record->patterns[i].clicks_us);
    free(record->standings);
    free(record->judged);
}

void model_free(struct model *model)
{
    if (model == NULL)
        return;
    for (uint32_t i = 0; i < model->record_count; i++)
        record_fini(&model->records[i]);
    for (uint32_t i = 0; i < model->version_count; i++)
        free(model->versions[i].definition.treasures);
    free(model->awarded);
    free(model->records);
    free(model->versions);
    free(model->logs);
    free(model);
}

void model_limit_players(struct model *model, uint32_t players)
{
    model->players_max = players;
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

int64_t model_us_of_ms(int64_t time_ms)
{
    const int64_t limit_ms = INT64_C(1) << 53;
    if (time_ms > limit_ms)
        return limit_ms * 1000;
    if (time_ms < -limit_ms)
        return -limit_ms * 1000;
    return time_ms * 1000;
}

uint64_t model_epoch_of(uint64_t hlc, uint32_t epoch_ms)
{
    return (hlc >> COUNTER_BITS) / ((uint64_t)epoch_ms * 1000);
}

/* The first stamp of an epoch, or the last of all stamps where none is left for it. */
static uint64_t epoch_start(uint64_t epoch, uint32_t epoch_ms)
{
    const uint64_t epoch_us = (uint64_t)epoch_ms * 1000;
    if (epoch > (UINT64_MAX >> COUNTER_BITS) / epoch_us)
        return UINT64_MAX;
    return epoch * epoch_us << COUNTER_BITS;
}

uint64_t model_base(uint64_t stamp, uint64_t last_hlc, uint32_t actions, uint32_t epoch_ms)
{
    CHECK(actions > 0);
    const uint64_t base = larger(stamp, saturating_add(last_hlc, 1));
    const uint64_t last_epoch = model_epoch_of(saturating_add(base, actions - 1), epoch_ms);
    if (model_epoch_of(base, epoch_ms) == last_epoch)
        return base;
    return epoch_start(last_epoch, epoch_ms);
}

uint64_t model_entry(struct model *model, uint32_t range, uint64_t stamp, uint32_t actions)
{
    CHECK(range < model->ranges);
    struct range_log *log = &model->logs[range];
    const uint32_t stamps = actions == 0 ? 1 : actions;
    const uint64_t base = model_base(stamp, log->last_hlc, stamps, model->epoch_ms);
    log->last_hlc = saturating_add(base, stamps - 1);
    return base;
}

void model_close(struct model *model, uint32_t range, uint64_t stamp, uint64_t epoch)
{
    CHECK(range < model->ranges);
    struct range_log *log = &model->logs[range];
    const uint64_t moved = larger(stamp, saturating_add(log->last_hlc, 1));
    log->last_hlc = larger(moved, epoch_start(saturating_add(epoch, 1), model->epoch_ms));
}

uint64_t model_last_hlc(const struct model *model, uint32_t range)
{
    CHECK(range < model->ranges);
    return model->logs[range].last_hlc;
}

void model_version(struct model *model, const struct model_version *version,
                   const struct definition *definition)
{
    CHECK(version->range < model->ranges);
    CHECK(version->version > 0);
    model->versions =
        model_list_grow(model->versions, model->version_count, sizeof *model->versions);
    struct version *copy = &model->versions[model->version_count++];
    *copy = (struct version){.what = *version, .definition = *definition};

    const size_t bytes = definition->treasure_count * sizeof *definition->treasures;
    copy->definition.treasures = malloc(bytes == 0 ? 1 : bytes);
    CHECK(copy->definition.treasures != NULL);
    if (bytes > 0)
        memcpy(copy->definition.treasures, definition->treasures, bytes);
    for (uint32_t i = 0; i < definition->treasure_count; i++)
        copy->definition.treasures[i].hint = NULL;
    copy->definition.title = NULL;
    copy->definition.texts = NULL;
}

const struct version *model_version_active(const struct model *model, uint32_t range, uint16_t hunt,
                                           uint64_t epoch)
{
    const struct version *active = NULL;
    for (uint32_t i = 0; i < model->version_count; i++) {
        const struct model_version *what = &model->versions[i].what;
        if (what->range != range || what->hunt != hunt || what->active_from_epoch > epoch)
            continue;
        if (active == NULL || what->version > active->what.version)
            active = &model->versions[i];
    }
    return active;
}

const char *model_treasure_name(const struct model *model, uint16_t hunt, uint16_t number)
{
    for (uint32_t i = 0; i < model->version_count; i++) {
        const struct version *version = &model->versions[i];
        if (version->what.hunt != hunt)
            continue;
        for (uint32_t j = 0; j < version->definition.treasure_count; j++)
            if (version->definition.treasures[j].number == number)
                return version->definition.treasures[j].id.text;
    }
    return NULL;
}

struct record *model_record_find(const struct model *model, uint16_t hunt,
                                 const struct player_id *player)
{
    for (uint32_t i = 0; i < model->record_count; i++) {
        struct record *record = &model->records[i];
        if (record->hunt == hunt &&
            memcmp(record->player.bytes, player->bytes, sizeof player->bytes) == 0)
            return record;
    }
    return NULL;
}

const struct judged *model_judged_find(const struct record *record, uint32_t seq)
{
    for (uint32_t i = 0; i < record->judged_count; i++)
        if (record->judged[i].action.seq == seq)
            return &record->judged[i];
    return NULL;
}

bool model_window_holds(const struct record *record, uint32_t seq)
{
    uint32_t above = 0;
    for (uint32_t i = 0; i < record->judged_count; i++)
        above += record->judged[i].action.seq > seq;
    return above < WINDOW_SEQS;
}

const struct standing *model_standing_now(const struct record *record)
{
    CHECK(record->standing_count > 0);
    return &record->standings[record->standing_count - 1];
}

void model_standing_add(struct record *record, uint64_t epoch, uint32_t points, uint64_t claim_hlc)
{
    struct standing standing = {.epoch = epoch};
    if (record->standing_count > 0) {
        standing.score = model_standing_now(record)->score + points;
        standing.score_hlc = model_standing_now(record)->score_hlc;
    }
    if (points > 0)
        standing.score_hlc = larger(standing.score_hlc, claim_hlc);
    record->standings =
        model_list_grow(record->standings, record->standing_count, sizeof *record->standings);
    record->standings[record->standing_count++] = standing;
}

uint32_t model_awarded_so_far(const struct model *model, uint32_t range, uint16_t hunt,
                              uint16_t treasure)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < model->awarded_count; i++) {
        const struct awarded *awarded = &model->awarded[i];
        if (awarded->range == range && awarded->hunt == hunt && awarded->treasure == treasure)
            count = awarded->count; /* later ones overrule */
    }
    return count;
}

void model_settle_awarded(struct model *model, uint32_t range, uint16_t hunt, uint16_t treasure,
                          uint32_t awarded)
{
    CHECK(range < model->ranges);
    CHECK(awarded >= model_awarded_so_far(model, range, hunt, treasure));
    model->awarded = model_list_grow(model->awarded, model->awarded_count, sizeof *model->awarded);
    model->awarded[model->awarded_count++] = (struct awarded){
        .range = range,
        .hunt = hunt,
        .treasure = treasure,
        .count = awarded,
    };
}

void model_settle_claim(struct model *model, const struct model_ruling *ruling)
{
    struct record *record = model_record_find(model, ruling->hunt, &ruling->player);
    CHECK(record != NULL);
    const struct judged *found = model_judged_find(record, ruling->seq);
    CHECK(found != NULL);
    CHECK(found->outcome == OUTCOME_PENDING);

    struct judged *judged = &record->judged[found - record->judged];
    judged->outcome = ruling->won ? OUTCOME_WON : OUTCOME_LOST;
    judged->points = ruling->won ? judged->points : 0;
    judged->final_epoch = ruling->final_epoch;
    if (ruling->won)
        model_standing_add(record, ruling->applied_epoch, judged->points, judged->place.hlc);
}

bool model_settle_reactions(struct model *model, uint16_t hunt, const struct player_id *player,
                            const struct emoji *emoji, uint32_t count)
{
    struct record *record = model_record_find(model, hunt, player);
    if (record == NULL)
        return false;
    uint32_t at = 0;
    while (at < record->received_count && strcmp(record->received[at].emoji.text, emoji->text) != 0)
        at++;
    if (at == record->received_count) {
        CHECK(at < sizeof record->received / sizeof record->received[0]);
        record->received[record->received_count++] = (struct received){.emoji = *emoji};
    }
    record->received[at].count += count;
    return true;
}

void model_settle_through(struct model *model, uint32_t range, uint64_t epoch)
{
    CHECK(range < model->ranges);
    model->logs[range].settled_any = true;
    model->logs[range].settled_through = epoch;
}

PRINTF_LIKE(3, 4)
static bool differs(char *why, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, size, format, arguments);
    va_end(arguments);
    return false;
}

/* A field as a number, so that all are compared and reported alike. */
struct field {
    const char *name;
    uint64_t expected, actual;
};

static bool compare_names(const struct result *expected, const struct result *actual, char *why,
                          size_t size)
{
    if (actual->treasure_id == NULL)
        return true;
    if (expected->treasure_id != NULL && strcmp(expected->treasure_id, actual->treasure_id) == 0)
        return true;
    return differs(why, size, "treasure_id: expected %s, got %s",
                   expected->treasure_id == NULL ? "none" : expected->treasure_id,
                   actual->treasure_id);
}

bool model_compare_result(const struct result *expected, const struct result *actual, char *why,
                          size_t size)
{
    const struct field fields[] = {
        {"seq", expected->seq, actual->seq},
        {"replayed", expected->replayed, actual->replayed},
        {"treasure", expected->treasure, actual->treasure},
        {"points", expected->points, actual->points},
        {"score", (uint64_t)expected->score, (uint64_t)actual->score},
        {"final", expected->final, actual->final},
        {"epoch", expected->epoch, actual->epoch},
        {"hlc", expected->hlc, actual->hlc},
        {"range", expected->range, actual->range},
        {"log_index", expected->log_index, actual->log_index},
        {"definition_version", expected->definition_version, actual->definition_version},
        {"final_epoch", expected->final_epoch, actual->final_epoch},
    };
    if (memcmp(expected->player.bytes, actual->player.bytes, sizeof actual->player.bytes) != 0)
        return differs(why, size, "player: the answer is for another one");
    if (expected->outcome != actual->outcome)
        return differs(why, size, "outcome: expected %s, got %s (seq %" PRIu32 ")",
                       outcome_name(expected->outcome), outcome_name(actual->outcome),
                       expected->seq);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].expected != fields[i].actual)
            return differs(why, size,
                           "%s: expected %" PRIu64 ", got %" PRIu64 " (%s, seq %" PRIu32 ")",
                           fields[i].name, fields[i].expected, fields[i].actual,
                           outcome_name(expected->outcome), expected->seq);
    return compare_names(expected, actual, why, size);
}
