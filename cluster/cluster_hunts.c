/* One epoch for all ranges: how a new version of a hunt becomes active everywhere at once.
 *
 *   PUT -> DEFINE in the system group's log: the version has its number, and is undecided
 *       -> each range's leader logs LEARN(v, text) in its range and tells the system group's leader
 *          its promise p: no epoch after p opens in this range before RESOLVE
 *       -> with all promises: ACTIVATE(v, max p + 1) in the system group's log;
 *          after DECIDE_MS without all: CANCEL
 *       -> each range's leader logs RESOLVE(v, epoch or none) in its range.
 *
 * Only what stands in a range's own log moves its replicas. Whatever is lost on the way is sent
 * again: LEARN and RESOLVE once in each term, promises every REPORT_MS until they are answered. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

#define DECIDE_MS 5000
#define REPORT_MS 100

static void reply_defined(struct cluster *cluster, struct defining *defining,
                          const struct effect *what)
{
    struct effect *effect = effects_add(cluster->effects, EFFECT_DEFINED);
    effect->defined = what->defined;
    effect->defined.token = defining->token;
    effect->defined.version = defining->version;
    defining->in_use = false;
}

static void reply_status(struct cluster *cluster, struct defining *defining, enum status status)
{
    struct effect what = {0};
    what.defined.status = status;
    reply_defined(cluster, defining, &what);
}

static void refuse_define(struct cluster *cluster, const struct event *event, enum status status)
{
    struct defining defining = {.token = event->define.token};
    reply_status(cluster, &defining, status);
}

static struct defining *free_defining(struct cluster *cluster)
{
    for (uint32_t i = 0; i < DEFINING_MAX; i++) {
        if (!cluster->defining[i].in_use)
            return &cluster->defining[i];
    }
    return NULL;
}

/* The canonical form, in the turn's memory. */
static const uint8_t *encode_definition(struct cluster *cluster,
                                        const struct definition *definition, size_t *ret_bytes)
{
    const size_t bytes = definition_bytes(definition);
    uint8_t *data = arena_take(&cluster->arena, bytes);
    struct writer writer;
    writer_init(&writer, data, bytes);
    definition_encode(definition, &writer);
    CHECK(writer_ok(&writer));
    CHECK(writer.used == bytes);
    *ret_bytes = bytes;
    return data;
}

void hunts_define(struct cluster *cluster, const struct event *event)
{
    struct group *group = cluster->system_group;
    struct defining *defining = free_defining(cluster);
    if (group == NULL || cluster->stopping || !group_leads(group) ||
        system_state_settings(cluster->system) == NULL) {
        refuse_define(cluster, event, STATUS_NOT_LEADER);
        return;
    }
    if (defining == NULL) {
        refuse_define(cluster, event, STATUS_CONFLICT);
        return;
    }
    struct record record = {
        .kind = RECORD_DEFINE,
        .stamp = hlc_now(&cluster->hlc, cluster->now.physical_us),
        .uncertainty_us = cluster->now.uncertainty_us,
    };
    record.body = encode_definition(cluster, event->define.definition, &record.body_bytes);
    uint64_t index;
    const enum status status = groups_submit(cluster, group, &record, &index);
    if (status != STATUS_OK) {
        refuse_define(cluster, event, status == STATUS_TOO_LARGE ? status : STATUS_NOT_LEADER);
        return;
    }
    *defining = (struct defining){
        .in_use = true, .token = event->define.token, .index = index, .term = group_term(group)};
}

/* The ranges whose promise for this version is not in. */
static void list_missing(struct cluster *cluster, const struct learning *learning,
                         struct effect *what)
{
    const uint32_t ranges = system_state_settings(cluster->system)->ranges;
    uint32_t *missing = arena_take(&cluster->arena, ranges * sizeof *missing);
    uint32_t count = 0;
    for (uint32_t i = 0; i < ranges; i++) {
        if (!learning->reported[i])
            missing[count++] = i;
    }
    what->defined.missing = missing;
    what->defined.missing_count = count;
}

static void reply_decided(struct cluster *cluster, const struct system_change *change)
{
    const struct hunt *hunt = system_state_hunt(cluster->system, change->hunt);
    const struct hunt_version *version = hunt_version(hunt, change->version);
    struct effect what = {0};
    if (version->state == VERSION_ACTIVE) {
        what.defined.active_from_epoch = version->active_from_epoch;
    } else {
        what.defined.status = STATUS_NOT_FOUND;
        if (cluster->learning[change->hunt] != NULL)
            list_missing(cluster, cluster->learning[change->hunt], &what);
    }
    for (uint32_t i = 0; i < DEFINING_MAX; i++) {
        struct defining *defining = &cluster->defining[i];
        if (defining->in_use && defining->applied && defining->hunt == change->hunt &&
            defining->version == change->version)
            reply_defined(cluster, defining, &what);
    }
}

static void defined(struct cluster *cluster, uint64_t index, uint64_t term,
                    const struct system_change *change)
{
    for (uint32_t i = 0; i < DEFINING_MAX; i++) {
        struct defining *defining = &cluster->defining[i];
        if (!defining->in_use || defining->applied || defining->index != index)
            continue;
        if (defining->term != term) {
            reply_status(cluster, defining, STATUS_NOT_LEADER);
        } else if (change->status != STATUS_OK) {
            reply_status(cluster, defining, change->status);
        } else {
            defining->applied = true;
            defining->hunt = change->hunt;
            defining->version = change->version;
        }
    }
}

void hunts_applied(struct cluster *cluster, uint64_t index, uint64_t term,
                   const struct system_change *change)
{
    if (change->kind == RECORD_DEFINE)
        defined(cluster, index, term, change);
    else if (change->status == STATUS_OK &&
             (change->kind == RECORD_ACTIVATE || change->kind == RECORD_CANCEL))
        reply_decided(cluster, change);
}

uint64_t hunts_promise(const struct slot *slot)
{
    const uint64_t promise = range_state_promise(slot->state);
    /* One of ours that is not applied yet will promise at least the epoch of its stamp. */
    if (slot->learn_index != 0 && slot->learn_epoch < promise)
        return slot->learn_epoch;
    return promise;
}

static void put_learn(struct cluster *cluster, struct slot *slot, const struct hunt *hunt,
                      const struct hunt_version *version)
{
    struct record record = {
        .kind = RECORD_LEARN,
        .stamp = hlc_now(&cluster->hlc, cluster->now.physical_us),
        .uncertainty_us = cluster->now.uncertainty_us,
        .hunt = hunt->number,
        .version = version->version,
    };
    record.body = encode_definition(cluster, version->definition, &record.body_bytes);
    uint64_t index;
    if (groups_submit(cluster, slot->group, &record, &index) != STATUS_OK)
        return;
    slot->learn_version[hunt->number] = version->version;
    slot->learn_index = index;
    slot->learn_epoch = epoch_of(record.stamp, system_state_settings(cluster->system)->epoch_ms);
}

/* What this range has not heard of goes into its log. */
static void learn_new(struct cluster *cluster, struct slot *slot)
{
    for (uint32_t i = 0; i < system_state_hunts(cluster->system); i++) {
        const struct hunt *hunt = system_state_hunt(cluster->system, i);
        const struct hunt_version *version = hunt_undecided(hunt);
        if (version == NULL || slot->learn_index != 0 || !cluster_has_room(cluster))
            continue;
        if (range_state_learned(slot->state, hunt->number) < version->version &&
            slot->learn_version[i] < version->version)
            put_learn(cluster, slot, hunt, version);
    }
}

static void put_resolve(struct cluster *cluster, struct slot *slot,
                        const struct range_learned *learned, const struct hunt_version *version)
{
    const bool active = version != NULL && version->state == VERSION_ACTIVE;
    const struct record record = {
        .kind = RECORD_RESOLVE,
        .stamp = hlc_now(&cluster->hlc, cluster->now.physical_us),
        .uncertainty_us = cluster->now.uncertainty_us,
        .hunt = learned->hunt,
        .version = learned->version,
        .epoch = active ? version->active_from_epoch : RECORD_NO_EPOCH,
    };
    uint64_t index;
    if (groups_submit(cluster, slot->group, &record, &index) == STATUS_OK)
        slot->resolve_version[learned->hunt] = learned->version;
}

static void report(struct cluster *cluster, const struct slot *slot,
                   const struct range_learned *learned)
{
    const struct learned_message report = {
        .range = slot->range,
        .hunt = learned->hunt,
        .version = learned->version,
        .promise = learned->promise,
    };
    const uint64_t leader = join_system_node(cluster);
    if (leader == cluster->config.node) {
        hunts_received(cluster, &report);
        return;
    }
    if (leader == 0)
        return;
    struct message *message = arena_take(&cluster->arena, sizeof *message);
    *message = (struct message){.kind = MESSAGE_LEARNED, .learned = report};
    struct effect *effect = effects_add(cluster->effects, EFFECT_SEND);
    effect->send.node = leader;
    effect->send.message = message;
}

/* A version of this range that is not resolved: its end is logged, or its promise told again. */
static void settle_learned(struct cluster *cluster, struct slot *slot,
                           const struct range_learned *learned, bool reports_due)
{
    const struct hunt *hunt = system_state_hunt(cluster->system, learned->hunt);
    if (hunt == NULL || learned->version > hunt->newest)
        return;
    /* One that is forgotten was cancelled: for any other this range's promise was needed. */
    const struct hunt_version *version = hunt_version(hunt, learned->version);
    if (version != NULL && version->state == VERSION_DEFINED) {
        if (reports_due)
            report(cluster, slot, learned);
    } else if (slot->resolve_version[learned->hunt] < learned->version) {
        put_resolve(cluster, slot, learned, version);
    }
}

void hunts_tick_range(struct cluster *cluster, struct slot *slot)
{
    learn_new(cluster, slot);
    const uint64_t now_ms = cluster_now_ms(cluster);
    const bool reports_due = now_ms >= slot->reports_due_ms;
    struct range_learned learned;
    bool any = false;
    for (uint32_t at = 0; range_state_unresolved(slot->state, at, &learned); at++) {
        if (!cluster_has_room(cluster))
            return;
        settle_learned(cluster, slot, &learned, reports_due);
        any = true;
    }
    if (any && reports_due)
        slot->reports_due_ms = now_ms + REPORT_MS;
    else if (!any)
        slot->reports_due_ms = 0; /* the next one is told at once */
}

/* The gathering of one hunt's undecided version; made when first needed. */
static struct learning *learning_of(struct cluster *cluster, const struct hunt *hunt)
{
    struct learning *learning = cluster->learning[hunt->number];
    if (learning == NULL) {
        learning = calloc(1, sizeof *learning);
        if (learning == NULL)
            return NULL;
        cluster->learning[hunt->number] = learning;
    }
    if (learning->version != hunt->newest) {
        *learning = (struct learning){.version = hunt->newest, .since_ms = cluster_now_ms(cluster)};
    }
    return learning;
}

void hunts_received(struct cluster *cluster, const struct learned_message *message)
{
    const struct settings *settings = system_state_settings(cluster->system);
    if (settings == NULL || message->range >= settings->ranges || cluster->system_group == NULL ||
        !group_leads(cluster->system_group))
        return;
    const struct hunt *hunt = system_state_hunt(cluster->system, message->hunt);
    const struct hunt_version *undecided = hunt != NULL ? hunt_undecided(hunt) : NULL;
    if (undecided == NULL || undecided->version != message->version)
        return;
    struct learning *learning = learning_of(cluster, hunt);
    if (learning == NULL)
        return;
    /* A new leader of the range may have learned it again, later: the largest promise counts. */
    if (message->promise > learning->promise)
        learning->promise = message->promise;
    if (!learning->reported[message->range]) {
        learning->reported[message->range] = true;
        learning->reported_count++;
    }
}

static void decide(struct cluster *cluster, const struct hunt *hunt, struct learning *learning,
                   enum record_kind kind)
{
    const struct record record = {
        .kind = kind,
        .stamp = hlc_now(&cluster->hlc, cluster->now.physical_us),
        .uncertainty_us = cluster->now.uncertainty_us,
        .hunt = hunt->number,
        .version = learning->version,
        .epoch = kind == RECORD_ACTIVATE ? hlc_add(learning->promise, 1) : 0,
    };
    uint64_t index;
    if (groups_submit(cluster, cluster->system_group, &record, &index) == STATUS_OK)
        learning->decided = true;
}

static void tick_hunt(struct cluster *cluster, const struct hunt *hunt)
{
    if (hunt_undecided(hunt) == NULL)
        return;
    struct learning *learning = learning_of(cluster, hunt);
    if (learning == NULL || learning->decided)
        return;
    if (learning->reported_count == system_state_settings(cluster->system)->ranges)
        decide(cluster, hunt, learning, RECORD_ACTIVATE);
    else if (cluster_now_ms(cluster) - learning->since_ms >= DECIDE_MS)
        decide(cluster, hunt, learning, RECORD_CANCEL);
}

/* Whoever waits for a DEFINE of a leadership that is over does not know what becomes of it. It may
 * be over in the same term: a leader without a quorum steps down. */
static void drop_defining(struct cluster *cluster)
{
    const bool leads = group_role(cluster->system_group) == GROUP_LEADER;
    const uint64_t term = group_term(cluster->system_group);
    for (uint32_t i = 0; i < DEFINING_MAX; i++) {
        struct defining *defining = &cluster->defining[i];
        if (defining->in_use && (!leads || defining->term != term))
            reply_status(cluster, defining, STATUS_NOT_LEADER);
    }
}

void hunts_tick_system(struct cluster *cluster)
{
    const uint64_t term = group_term(cluster->system_group);
    if (cluster->learning_term != term) {
        cluster->learning_term = term;
        for (uint32_t i = 0; i < HUNTS_MAX; i++) {
            free(cluster->learning[i]);
            cluster->learning[i] = NULL;
        }
    }
    drop_defining(cluster);
    if (system_state_settings(cluster->system) == NULL || !group_leads(cluster->system_group))
        return;
    grow_tick_system(cluster);
    for (uint32_t i = 0; i < system_state_hunts(cluster->system); i++) {
        if (!cluster_has_room(cluster))
            return;
        tick_hunt(cluster, system_state_hunt(cluster->system, i));
    }
}

void hunts_free(struct cluster *cluster)
{
    for (uint32_t i = 0; i < HUNTS_MAX; i++)
        free(cluster->learning[i]);
}
