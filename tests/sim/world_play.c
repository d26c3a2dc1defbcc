#include "tests/sim/world_play.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/epochs/settle.h"
#include "cluster/ranges/group.h"
#include "cluster/values/record.h"

/* A claim that waits for its epoch, of any range. */
struct pending_claim {
    uint16_t hunt, treasure;
    uint64_t epoch, hlc;
    uint32_t range, seq;
    struct player_id player;
    uint32_t supply; /* in its epoch */
    bool won;        /* counts once its epoch's winners are chosen */
};

/* A reaction that travels until its epoch is settled. */
struct travelling {
    uint16_t hunt;
    uint64_t epoch;
    struct player_id to;
    struct emoji emoji;
};

struct learned_version {
    uint16_t hunt;
    uint32_t version;
    uint64_t promise;
    struct definition *definition;
};

/* A version that some range resolved; all resolve it alike. */
struct resolved_version {
    uint16_t hunt;
    uint32_t version;
    uint64_t from;
    struct definition *definition;
};

/* One range's log, and how far it is played. */
struct reading {
    uint32_t range;
    const struct disk_group *log;
    uint64_t applied, index; /* the next to play */
    uint64_t open_epoch, settle_next;
    struct learned_version learned[8];
    uint32_t learned_count;
    uint32_t newest_learned[HUNTS_MAX];
    uint32_t awarded[WORLD_HUNTS_MAX][TREASURE_NUMBERS_MAX]; /* as settled here */
    uint32_t parts;                                          /* of an unfinished settlement */
    uint64_t parts_term, parts_through;
};

struct play {
    struct world *world;
    struct model *model;
    struct reading readings[WORLD_RANGES_MAX];
    struct occurrence *list;
    size_t count, room;
    struct pending_claim *claims;
    size_t claim_count, claim_room;
    struct travelling *travelling;
    size_t travelling_count, travelling_room;
    struct resolved_version resolved[64];
    uint32_t resolved_count;
    uint64_t chosen_next; /* the first epoch whose winners are not chosen */
    uint32_t awarded[WORLD_HUNTS_MAX][TREASURE_NUMBERS_MAX]; /* through the epochs before */
};

static void *grow(void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return list;
    *room = *room == 0 ? 256 : 2 * *room;
    void *grown = realloc(list, *room * size);
    CHECK(grown != NULL);
    return grown;
}

/* ---- Versions. */

static uint64_t lowest_promise(const struct reading *reading)
{
    uint64_t promise = UINT64_MAX;
    for (uint32_t i = 0; i < reading->learned_count; i++) {
        if (reading->learned[i].promise < promise)
            promise = reading->learned[i].promise;
    }
    return promise;
}

/* As the design says: the open epoch, or the next where less than a quarter of it remains. */
static uint64_t promise_of(const struct play *play, uint32_t range, uint64_t stamp)
{
    const uint64_t length_us = UINT64_C(1000) * play->world->settings.epoch_ms;
    const uint64_t last = model_last_hlc(play->model, range);
    const uint64_t latest = stamp > last ? stamp : last;
    const uint64_t epoch = (latest >> 12) / length_us;
    /* In stamps, not microseconds: the counter counts too. */
    const uint64_t left = ((epoch + 1) * length_us << 12) - latest;
    return epoch + (left < length_us / 4 << 12 ? 1 : 0);
}

static void play_learn(struct play *play, struct reading *reading, const struct record *record)
{
    if (reading->newest_learned[record->hunt] >= record->version)
        return;
    reading->newest_learned[record->hunt] = record->version;
    CHECK(reading->learned_count < 8);
    struct definition *definition = NULL;
    CHECK(definition_decode(&definition, record->body, record->body_bytes) == STATUS_OK);
    reading->learned[reading->learned_count++] = (struct learned_version){
        .hunt = record->hunt,
        .version = record->version,
        .promise = promise_of(play, reading->range, record->stamp),
        .definition = definition,
    };
    (void)model_entry(play->model, reading->range, record->stamp, 0);
}

/* The first range that resolves a version hands its definition over; the others must agree. */
static void note_resolved(struct play *play, struct learned_version *learned, uint64_t from)
{
    for (uint32_t i = 0; i < play->resolved_count; i++) {
        const struct resolved_version *known = &play->resolved[i];
        if (known->hunt != learned->hunt || known->version != learned->version)
            continue;
        if (known->from != from)
            world_fail(play->world, "version %u of hunt %u is active from two epochs",
                       learned->version, learned->hunt);
        definition_free(learned->definition);
        return;
    }
    CHECK(play->resolved_count < sizeof play->resolved / sizeof play->resolved[0]);
    play->resolved[play->resolved_count++] = (struct resolved_version){
        .hunt = learned->hunt,
        .version = learned->version,
        .from = from,
        .definition = learned->definition,
    };
}

static void play_resolve(struct play *play, struct reading *reading, const struct record *record)
{
    for (uint32_t i = 0; i < reading->learned_count; i++) {
        struct learned_version *learned = &reading->learned[i];
        if (learned->hunt != record->hunt || learned->version != record->version)
            continue;
        if (record->epoch == RECORD_NO_EPOCH) {
            definition_free(learned->definition);
        } else {
            const struct model_version version = {.range = reading->range,
                                                  .hunt = record->hunt,
                                                  .version = record->version,
                                                  .active_from_epoch = record->epoch};
            if (record->epoch <= learned->promise)
                world_fail(play->world, "range %u: version %u is active within its promise",
                           reading->range, record->version);
            model_version(play->model, &version, learned->definition);
            note_resolved(play, learned, record->epoch);
        }
        reading->learned[i] = reading->learned[--reading->learned_count];
        (void)model_entry(play->model, reading->range, record->stamp, 0);
        return;
    }
}

static uint32_t supply_in(const struct play *play, uint16_t hunt, uint16_t treasure, uint64_t epoch)
{
    const struct resolved_version *active = NULL;
    for (uint32_t i = 0; i < play->resolved_count; i++) {
        const struct resolved_version *each = &play->resolved[i];
        if (each->hunt == hunt && each->from <= epoch &&
            (active == NULL || each->version > active->version))
            active = each;
    }
    CHECK(active != NULL);
    for (uint16_t i = 0; i < active->definition->treasure_count; i++) {
        if (active->definition->treasures[i].number == treasure)
            return active->definition->treasures[i].supply;
    }
    CHECK(false);
}

/* ---- Actions. */

static void add_occurrence(struct play *play, const struct action *action,
                           const struct result *expected, bool voided)
{
    play->list = grow(play->list, play->count, &play->room, sizeof *play->list);
    struct occurrence *occurrence = &play->list[play->count++];
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

/* What is left to be settled of an action that was judged just now. */
static void add_unsettled(struct play *play, const struct action *action,
                          const struct result *result)
{
    if (result->replayed)
        return;
    if (result->outcome == OUTCOME_PENDING) {
        play->claims =
            grow(play->claims, play->claim_count, &play->claim_room, sizeof *play->claims);
        play->claims[play->claim_count++] = (struct pending_claim){
            .hunt = action->hunt,
            .treasure = result->treasure,
            .epoch = result->epoch,
            .hlc = result->hlc,
            .range = result->range,
            .seq = action->seq,
            .player = action->player,
            .supply = supply_in(play, action->hunt, result->treasure, result->epoch),
        };
    } else if (result->outcome == OUTCOME_REACTED) {
        play->travelling = grow(play->travelling, play->travelling_count, &play->travelling_room,
                                sizeof *play->travelling);
        play->travelling[play->travelling_count++] = (struct travelling){
            .hunt = action->hunt, .epoch = result->epoch, .to = action->to, .emoji = action->emoji};
    }
}

static void play_actions(struct play *play, struct reading *reading, const struct record *record)
{
    const uint32_t epoch_ms = play->world->settings.epoch_ms;
    const uint64_t last = model_last_hlc(play->model, reading->range);
    const uint64_t base = model_base(record->stamp, last, record->count, epoch_ms);
    const bool voided = model_epoch_of(base, epoch_ms) > lowest_promise(reading);
    if (!voided)
        (void)model_entry(play->model, reading->range, record->stamp, record->count);

    struct reader reader;
    reader_init(&reader, record->body, record->body_bytes);
    for (uint32_t i = 0; i < record->count; i++) {
        struct action action;
        CHECK(action_decode(&action, &reader));
        struct result expected;
        if (!voided) {
            const struct model_place place = {.range = reading->range,
                                              .log_index = reading->index,
                                              .at = i,
                                              .hlc = base + i,
                                              .uncertainty_us = record->uncertainty_us};
            (void)model_judge(play->model, &place, &action, NULL, &expected);
            add_unsettled(play, &action, &expected);
        }
        add_occurrence(play, &action, &expected, voided);
    }
}

/* ---- Settling. */

/* The published order: epoch by epoch, of each treasure by hlc, then range. */
static int by_order(const void *left, const void *right)
{
    const struct pending_claim *a = *(const struct pending_claim *const *)left;
    const struct pending_claim *b = *(const struct pending_claim *const *)right;
    if (a->hlc != b->hlc)
        return a->hlc < b->hlc ? -1 : 1;
    return a->range < b->range ? -1 : a->range > b->range;
}

static void choose_epoch(struct play *play, uint64_t epoch)
{
    struct pending_claim **candidates = calloc(play->claim_count + 1, sizeof(void *));
    CHECK(candidates != NULL);
    size_t count = 0;
    for (size_t i = 0; i < play->claim_count; i++) {
        if (play->claims[i].epoch == epoch)
            candidates[count++] = &play->claims[i];
    }
    qsort(candidates, count, sizeof(void *), by_order);
    for (size_t i = 0; i < count; i++) {
        struct pending_claim *claim = candidates[i];
        uint32_t *awarded = &play->awarded[claim->hunt][claim->treasure];
        claim->won = *awarded < claim->supply;
        if (claim->won)
            play->world->report->settled_won++;
        else
            play->world->report->settled_lost++;
        *awarded += claim->won;
    }
    free(candidates);
}

static void rule_claims(struct play *play, const struct reading *reading, uint64_t through)
{
    for (size_t i = 0; i < play->claim_count; i++) {
        const struct pending_claim *claim = &play->claims[i];
        if (claim->range != reading->range || claim->epoch < reading->settle_next ||
            claim->epoch > through)
            continue;
        const struct model_ruling ruling = {
            .hunt = claim->hunt,
            .player = claim->player,
            .seq = claim->seq,
            .won = claim->won,
            .final_epoch = reading->open_epoch,
            .applied_epoch = reading->open_epoch,
        };
        model_settle_claim(play->model, &ruling);
    }
}

static void tell_awarded(struct play *play, struct reading *reading, uint64_t through)
{
    for (size_t i = 0; i < play->claim_count; i++) {
        const struct pending_claim *claim = &play->claims[i];
        if (!claim->won || claim->epoch < reading->settle_next || claim->epoch > through)
            continue;
        const uint32_t awarded = ++reading->awarded[claim->hunt][claim->treasure];
        model_settle_awarded(play->model, reading->range, claim->hunt, claim->treasure, awarded);
    }
}

static void deliver(struct play *play, const struct reading *reading, uint64_t through)
{
    for (size_t i = 0; i < play->travelling_count; i++) {
        const struct travelling *each = &play->travelling[i];
        if (each->epoch < reading->settle_next || each->epoch > through ||
            hash_range(hash_player(&each->to), play->world->settings.ranges) != reading->range)
            continue;
        (void)model_settle_reactions(play->model, each->hunt, &each->to, &each->emoji, 1);
    }
}

static void settle(struct play *play, struct reading *reading, uint64_t through)
{
    for (; play->chosen_next <= through; play->chosen_next++)
        choose_epoch(play, play->chosen_next);
    rule_claims(play, reading, through);
    tell_awarded(play, reading, through);
    deliver(play, reading, through);
    model_settle_through(play->model, reading->range, through);
    reading->settle_next = through + 1;
}

/* Whether the part counts, by the rules of the design. */
static bool part_counts(const struct reading *reading, const struct settle_part *part,
                        uint64_t term)
{
    if (part->through >= reading->open_epoch)
        return false;
    if (part->part == 1)
        return part->from == reading->settle_next;
    return reading->parts + 1 == part->part && reading->parts_term == term &&
           reading->parts_through == part->through;
}

/* False: other ranges must be played further first. */
static bool play_settle(struct play *play, struct reading *reading, uint64_t term,
                        const struct record *record)
{
    struct settle_part *part = NULL;
    CHECK(settle_decode_part(&part, record->body, record->body_bytes) == STATUS_OK);
    const bool counts = part_counts(reading, part, term);
    const bool whole = counts && part->part == part->parts;
    const uint64_t through = part->through;
    bool ready = true;
    for (uint32_t i = 0; whole && i < play->world->settings.ranges; i++)
        ready = ready && play->readings[i].open_epoch > through;
    if (ready && counts) {
        reading->parts = part->part;
        reading->parts_term = term;
        reading->parts_through = through;
        if (whole) {
            settle(play, reading, through);
            reading->parts = 0;
        }
        (void)model_entry(play->model, reading->range, record->stamp, 0);
    }
    free(part);
    return ready;
}

/* ---- The logs. */

static void raise_open_epoch(struct play *play, struct reading *reading)
{
    const uint64_t open =
        model_epoch_of(model_last_hlc(play->model, reading->range), play->world->settings.epoch_ms);
    if (open > reading->open_epoch)
        reading->open_epoch = open;
}

/* False: it must wait for other ranges. */
static bool play_record(struct play *play, struct reading *reading, uint64_t term,
                        const struct record *record)
{
    switch (record->kind) {
    case RECORD_ACTIONS:
        play_actions(play, reading, record);
        raise_open_epoch(play, reading);
        return true;
    case RECORD_CLOSE:
        if (record->epoch >= lowest_promise(reading) || record->epoch < reading->open_epoch)
            return true;
        model_close(play->model, reading->range, record->stamp, record->epoch);
        reading->open_epoch = record->epoch + 1;
        return true;
    case RECORD_LEARN:
        play_learn(play, reading, record);
        return true;
    case RECORD_RESOLVE:
        play_resolve(play, reading, record);
        return true;
    case RECORD_SETTLE:
        return play_settle(play, reading, term, record);
    case RECORD_BARRIER:
        (void)model_entry(play->model, reading->range, record->stamp, 0);
        return true;
    default:
        world_fail(play->world, "range %u: record of kind %d", reading->range, (int)record->kind);
        return true;
    }
}

/* What a node never had, because it began behind another one's snapshot, is in the archive. */
static const struct log_entry *entry_at(const struct world *world, const struct reading *reading)
{
    const struct log_entry *entry = &reading->log->entries[reading->index - 1];
    if (entry->data != NULL)
        return entry;
    CHECK(reading->index <= world->archive_count[reading->range]);
    return &world->archive[reading->range][reading->index - 1];
}

/* Plays on until the end or a settlement that must wait; false: nothing could be played. */
static bool play_on(struct play *play, struct reading *reading)
{
    bool any = false;
    while (reading->index <= reading->applied && reading->index <= reading->log->count) {
        const struct log_entry *entry = entry_at(play->world, reading);
        struct record record;
        if (entry->type == ENTRY_COMMAND &&
            !lies_drop(play->world, reading->range, reading->index)) {
            CHECK(record_decode(&record, entry->data, entry->bytes) == STATUS_OK);
            if (!play_record(play, reading, entry->term, &record))
                return any;
            play->world->report->entries++;
        }
        world_fold(play->world, entry->term);
        reading->index++;
        any = true;
    }
    return any;
}

static bool all_played(const struct play *play)
{
    for (uint32_t i = 0; i < play->world->settings.ranges; i++) {
        const struct reading *reading = &play->readings[i];
        if (reading->index <= reading->applied && reading->index <= reading->log->count)
            return false;
    }
    return true;
}

static uint64_t readable(const struct node *node, uint32_t range)
{
    if (node->core == NULL)
        return 0;
    /* An entry may be applied by a replica whose disk does not have it yet. */
    const uint64_t applied = cluster_applied(node->core, range);
    const struct disk_group *group = disk_find(&node->disk, range);
    const uint64_t stored = group != NULL ? group->count : 0;
    return applied < stored ? applied : stored;
}

/* The node whose log of this range can be read furthest. */
static const struct node *best_reader(const struct world *world, uint32_t range)
{
    const struct node *best = &world->nodes[0];
    for (uint32_t i = 1; i < world->options.nodes; i++) {
        if (readable(&world->nodes[i], range) > readable(best, range))
            best = &world->nodes[i];
    }
    return best;
}

bool play_can_read_all(const struct world *world)
{
    for (uint32_t range = 0; range < world->settings.ranges; range++) {
        const uint64_t most = readable(best_reader(world, range), range);
        for (uint32_t i = 0; i < world->options.nodes; i++) {
            const struct cluster *core = world->nodes[i].core;
            if (core != NULL && cluster_applied(core, range) > most)
                return false;
        }
    }
    return true;
}

static void open_log(struct play *play, uint32_t range)
{
    struct world *world = play->world;
    const struct node *best = best_reader(world, range);
    play->readings[range] = (struct reading){
        .range = range,
        .log = disk_find(&best->disk, range),
        .applied = readable(best, range),
        .index = 1,
        .open_epoch = world->settings.first_epoch,
        .settle_next = world->settings.first_epoch,
    };
}

int occurrence_compare(const void *left, const void *right)
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

struct play *play_new(struct world *world)
{
    struct play *play = calloc(1, sizeof *play);
    CHECK(play != NULL);
    play->world = world;
    play->model = model_new(world->settings.ranges, world->settings.epoch_ms);
    play->chosen_next = world->settings.first_epoch;
    for (uint32_t range = 0; range < world->settings.ranges; range++)
        open_log(play, range);
    bool any = true;
    while (any && !world->report->failed) {
        any = false;
        for (uint32_t range = 0; range < world->settings.ranges; range++)
            any = play_on(play, &play->readings[range]) || any;
    }
    if (!all_played(play))
        world_fail(world, "a range settled an epoch that another one has not closed");
    if (play->count > 0)
        qsort(play->list, play->count, sizeof *play->list, occurrence_compare);
    return play;
}

void play_free(struct play *play)
{
    model_free(play->model);
    for (uint32_t range = 0; range < play->world->settings.ranges; range++) {
        struct reading *reading = &play->readings[range];
        while (reading->learned_count > 0)
            definition_free(reading->learned[--reading->learned_count].definition);
    }
    while (play->resolved_count > 0)
        definition_free(play->resolved[--play->resolved_count].definition);
    free(play->list);
    free(play->claims);
    free(play->travelling);
    free(play);
}

struct model *play_model(const struct play *play)
{
    return play->model;
}

const struct occurrence *play_occurrences(const struct play *play, size_t *ret_count)
{
    *ret_count = play->count;
    return play->list;
}

uint32_t play_awarded(const struct play *play, uint16_t hunt, uint16_t treasure)
{
    return play->awarded[hunt][treasure];
}
