/* From an action to its entry in the log, and back to its reply.
 *
 * A range's leader gathers actions into a batch; EVENT_FLUSH turns each batch into one entry. Who
 * waits for an entry stands in a flight, in log order. When the entry is applied in the term it was
 * made in, its results are the replies; when leadership is lost first, nothing is known of them,
 * and the client asks again with the same seq. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/cluster_internal.h"

/* Actions of one range that may wait at a time, gathered and in the log. */
#define WAITING_MAX (8 * ENTRY_ACTIONS_MAX)

void actions_reply(struct cluster *cluster, struct origin origin, const struct result *result)
{
    CHECK(origin.node == 0);
    struct reply *reply = arena_take(&cluster->arena, sizeof *reply);
    *reply = (struct reply){.token = origin.token, .place = origin.place, .result = *result};
    struct effect *effect = NULL;
    /* Neighbours in memory share an effect: a refused request is one piece, not a thousand. */
    if (cluster->effects->count > 0) {
        struct effect *last = &cluster->effects->list[cluster->effects->count - 1];
        if (last->kind == EFFECT_REPLY && last->reply.replies + last->reply.count == reply)
            effect = last;
    }
    if (effect == NULL) {
        effect = effects_add(cluster->effects, EFFECT_REPLY);
        effect->reply.replies = reply;
    }
    effect->reply.count++;
}

static void refuse(struct cluster *cluster, const struct action *action, struct origin origin,
                   enum outcome outcome)
{
    const struct result result = {
        .player = action->player,
        .seq = action->seq,
        .outcome = outcome,
        .treasure = TREASURE_NONE,
        .final = true,
    };
    actions_reply(cluster, origin, &result);
}

/* Makes room for one more action; false: no memory. */
static bool batch_grow(struct batch *batch)
{
    if (batch->count == batch->room) {
        const uint32_t room = batch->room == 0 ? 64 : 2 * batch->room;
        struct action_key *keys = realloc(batch->keys, room * sizeof *keys);
        if (keys == NULL)
            return false;
        batch->keys = keys;
        struct origin *origins = realloc(batch->origins, room * sizeof *origins);
        if (origins == NULL)
            return false;
        batch->origins = origins;
        batch->room = room;
    }
    if (batch->capacity - batch->used < ACTION_BYTES_MAX) {
        const size_t capacity = batch->capacity == 0 ? 4096 : 2 * batch->capacity;
        uint8_t *bytes = realloc(batch->bytes, capacity);
        if (bytes == NULL)
            return false;
        batch->bytes = bytes;
        batch->capacity = capacity;
    }
    return true;
}

static void batch_add(struct batch *batch, const struct action *action, struct origin origin)
{
    struct writer writer;
    writer_init(&writer, batch->bytes + batch->used, batch->capacity - batch->used);
    action_encode(action, &writer);
    CHECK(writer_ok(&writer));
    batch->used += writer.used;
    batch->keys[batch->count] = (struct action_key){.player = action->player, .seq = action->seq};
    batch->origins[batch->count] = origin;
    batch->count++;
}

static uint32_t range_of(const struct cluster *cluster, const struct action *action)
{
    const struct settings *settings = system_state_settings(cluster->system);
    CHECK(settings != NULL);
    return hash_range(hash_player(&action->player), settings->ranges);
}

static enum taken refused(enum outcome outcome, enum outcome *ret_outcome)
{
    *ret_outcome = outcome;
    return TAKEN_REFUSED;
}

enum taken actions_take_one(struct cluster *cluster, const struct action *action,
                            struct origin origin, enum outcome *ret_outcome)
{
    if (system_state_settings(cluster->system) == NULL)
        return TAKEN_ELSEWHERE;
    const uint32_t range = range_of(cluster, action);
    struct slot *slot = range < cluster->slot_count ? cluster->slots[range] : NULL;
    if (slot == NULL || slot->state == NULL || !group_leads(slot->group) || cluster->stopping)
        return TAKEN_ELSEWHERE;
    if (!engine_has_room(range_state_engine(slot->state), action->hunt, &action->player))
        return refused(OUTCOME_FULL, ret_outcome);
    if (action->kind == ACTION_REACTION && engine_ledger_full(range_state_engine(slot->state)))
        return refused(OUTCOME_UNAVAILABLE, ret_outcome);

    struct batch *batch = &slot->batch;
    if (batch->count == ENTRY_ACTIONS_MAX)
        actions_flush(cluster, slot);
    if (batch->count == ENTRY_ACTIONS_MAX || slot->flying + batch->count >= WAITING_MAX)
        return refused(OUTCOME_UNAVAILABLE, ret_outcome);
    if (!batch_grow(batch))
        return refused(OUTCOME_UNAVAILABLE, ret_outcome);
    batch_add(batch, action, origin);
    return TAKEN;
}

/* One of our clients' actions: into our own batch, or on its way to whoever leads its range. */
static void take(struct cluster *cluster, const struct action *action, struct origin origin)
{
    enum outcome outcome = OUTCOME_UNAVAILABLE;
    const enum taken taken = actions_take_one(cluster, action, origin, &outcome);
    if (taken == TAKEN_REFUSED)
        refuse(cluster, action, origin, outcome);
    if (taken != TAKEN_ELSEWHERE)
        return;
    /* A node that stops takes nothing new. */
    if (cluster->stopping || system_state_settings(cluster->system) == NULL ||
        !forward_take(cluster, range_of(cluster, action), action, origin))
        refuse(cluster, action, origin, OUTCOME_UNAVAILABLE);
}

void actions_take(struct cluster *cluster, const struct event *event)
{
    CHECK(event->actions.count <= ACTIONS_PER_REQUEST_MAX);
    for (uint32_t i = 0; i < event->actions.count; i++) {
        const struct origin origin = {.token = event->actions.token, .place = i};
        take(cluster, &event->actions.list[i], origin);
    }
}

/* An entry with these actions must not be stamped now: the epoch it falls in may not open yet. */
static bool must_hold(const struct cluster *cluster, const struct slot *slot, uint64_t stamp)
{
    const uint64_t promise = hunts_promise(slot);
    if (promise == PROMISE_NONE)
        return false;
    const uint32_t epoch_ms = system_state_settings(cluster->system)->epoch_ms;
    const uint64_t last = range_state_last_hlc(slot->state);
    const uint64_t first = stamp > last ? stamp : hlc_add(last, 1);
    return epoch_of(hlc_add(first, slot->batch.count), epoch_ms) > promise;
}

/* The batch's keys and origins go over to the flight. NULL: no memory. */
static struct flight *make_flight(const struct batch *batch)
{
    const size_t keys = batch->count * sizeof(struct action_key);
    const size_t origins = batch->count * sizeof(struct origin);
    struct flight *flight = malloc(sizeof *flight + origins + keys);
    if (flight == NULL)
        return NULL;
    *flight = (struct flight){.count = batch->count};
    flight->origins = (struct origin *)(void *)(flight + 1);
    flight->keys = (struct action_key *)(void *)(flight->origins + batch->count);
    memcpy(flight->origins, batch->origins, origins);
    memcpy(flight->keys, batch->keys, keys);
    return flight;
}

void actions_flush(struct cluster *cluster, struct slot *slot)
{
    struct batch *batch = &slot->batch;
    if (batch->count == 0 || slot->state == NULL || !group_leads(slot->group))
        return;
    const uint64_t stamp = hlc_now(&cluster->hlc, cluster->now.physical_us);
    if (must_hold(cluster, slot, stamp))
        return;
    struct flight *flight = make_flight(batch);
    if (flight == NULL)
        return;
    const struct record record = {
        .kind = RECORD_ACTIONS,
        .stamp = stamp,
        .uncertainty_us = cluster->now.uncertainty_us,
        .count = batch->count,
        .body = batch->bytes,
        .body_bytes = batch->used,
    };
    if (groups_submit(cluster, slot->group, &record, &flight->index) != STATUS_OK) {
        /* Full, or handing over: they stay gathered until the next flush. */
        free(flight);
        return;
    }
    flight->term = group_term(slot->group);
    *slot->flights_end = flight;
    slot->flights_end = &flight->next;
    slot->flying += flight->count;
    batch->count = 0;
    batch->used = 0;
}

/* Those of this node's own requests. */
static void reply_to_requests(struct cluster *cluster, const struct flight *flight,
                              const struct result *results)
{
    struct reply *replies = arena_take(&cluster->arena, flight->count * sizeof *replies);
    uint32_t count = 0;
    for (uint32_t i = 0; i < flight->count; i++) {
        if (flight->origins[i].node != 0)
            continue;
        struct reply *reply = &replies[count++];
        reply->token = flight->origins[i].token;
        reply->place = flight->origins[i].place;
        reply->result = results != NULL ? results[i]
                                        : (struct result){.player = flight->keys[i].player,
                                                          .seq = flight->keys[i].seq,
                                                          .outcome = OUTCOME_UNAVAILABLE,
                                                          .treasure = TREASURE_NONE,
                                                          .final = true};
    }
    if (count == 0)
        return;
    struct effect *effect = effects_add(cluster->effects, EFFECT_REPLY);
    effect->reply.replies = replies;
    effect->reply.count = count;
}

static void reply_to_flight(struct cluster *cluster, const struct flight *flight,
                            const struct result *results)
{
    reply_to_requests(cluster, flight, results);
    forward_answer(cluster, flight, results);
}

static struct flight *pop_flight(struct slot *slot)
{
    struct flight *flight = slot->flights;
    slot->flights = flight->next;
    if (slot->flights == NULL)
        slot->flights_end = &slot->flights;
    slot->flying -= flight->count;
    return flight;
}

void actions_applied(struct cluster *cluster, struct slot *slot, uint64_t index, uint64_t term,
                     const struct range_applied *applied)
{
    while (slot->flights != NULL && slot->flights->index <= index) {
        struct flight *flight = pop_flight(slot);
        const bool ours =
            flight->index == index && flight->term == term && applied->count == flight->count;
        cluster->membership.actions += flight->count;
        reply_to_flight(cluster, flight, ours ? applied->results : NULL);
        free(flight);
        if (!effects_room(cluster->effects, GROUP_EFFECTS_MAX))
            break;
    }
}

/* Gathered actions that were never put into the log are as unknown to their clients as others. */
static void drop_batch(struct cluster *cluster, struct slot *slot)
{
    struct batch *batch = &slot->batch;
    if (batch->count == 0)
        return;
    const struct flight flight = {
        .count = batch->count, .keys = batch->keys, .origins = batch->origins};
    reply_to_flight(cluster, &flight, NULL);
    batch->count = 0;
    batch->used = 0;
}

void actions_check_term(struct cluster *cluster, struct slot *slot)
{
    const bool leads = group_role(slot->group) == GROUP_LEADER;
    const uint64_t term = group_term(slot->group);
    while (slot->flights != NULL && (!leads || slot->flights->term != term)) {
        if (!cluster_has_room(cluster))
            return;
        struct flight *flight = pop_flight(slot);
        reply_to_flight(cluster, flight, NULL);
        free(flight);
    }
    if (!leads && cluster_has_room(cluster))
        drop_batch(cluster, slot);
}

void actions_free(struct slot *slot)
{
    while (slot->flights != NULL)
        free(pop_flight(slot));
    free(slot->batch.bytes);
    free(slot->batch.keys);
    free(slot->batch.origins);
}
