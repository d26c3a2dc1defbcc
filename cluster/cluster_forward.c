/* Actions of ranges that other nodes lead: there and back.
 *
 *   taken -> [ waiting ] -- a leader is known ---------------> [ sent ] -- judged --> answered
 *               |  ^                                             |
 *               |  '-- another leads, or no answer in RESEND_MS -'
 *               '-- HOLD_MS have passed --> unavailable
 *
 * Sending an action again is safe: whoever leads finds its seq and gives the stored answer. So a
 * lost message costs time, and a leader that dies costs an election; a client sees neither unless
 * it takes longer than HOLD_MS. Nothing is forwarded twice: whoever gets an action that he does not
 * lead says so, and who does. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/cluster_internal.h"

/* Actions that may be on their way at a time; one more is unavailable at once. */
#define FORWARDS_MAX UINT32_C(65536) /* a place has 16 bits */

/* So long an action waits for a range to have a leader: an election, and one more. */
#define HOLD_MS 3000

/* An answer that has not come is asked for again. */
#define RESEND_MS 1000

/* Whoever has just said that he does not lead is not asked at once again. */
#define REFUSED_MS 20

/* --- Places ----------------------------------------------------------------------------------- */

enum status forward_begin(struct cluster *cluster)
{
    cluster->router = malloc(sizeof *cluster->router);
    cluster->forwards.places = calloc(FORWARDS_MAX, sizeof *cluster->forwards.places);
    if (cluster->router == NULL || cluster->forwards.places == NULL)
        return STATUS_NO_MEMORY;
    router_init(cluster->router);
    return STATUS_OK;
}

void forward_free(struct cluster *cluster)
{
    free(cluster->router);
    free(cluster->forwards.places);
}

static void list_add(struct forward_list *list, struct forward *forward)
{
    forward->next = NULL;
    forward->previous = list->last;
    if (list->last != NULL)
        list->last->next = forward;
    else
        list->first = forward;
    list->last = forward;
}

static void list_remove(struct forward_list *list, struct forward *forward)
{
    if (forward->previous != NULL)
        forward->previous->next = forward->next;
    else
        list->first = forward->next;
    if (forward->next != NULL)
        forward->next->previous = forward->previous;
    else
        list->last = forward->previous;
}

static struct forward *place_take(struct forwards *forwards)
{
    struct forward *forward = forwards->unused;
    if (forward != NULL)
        forwards->unused = forward->next;
    else if (forwards->touched < FORWARDS_MAX)
        forward = &forwards->places[forwards->touched++];
    else
        return NULL;
    CHECK(!forward->in_use);
    forward->in_use = true;
    forward->generation++;
    forwards->count++;
    return forward;
}

/* It is in no list any more. */
static void place_give(struct forwards *forwards, struct forward *forward)
{
    CHECK(forward->in_use);
    forward->in_use = false;
    forward->next = forwards->unused;
    forwards->unused = forward;
    forwards->count--;
}

/* Names the place, this use of it, and this start of the node: an answer to something that was
 * asked before, or before a restart, finds nobody.
 *
 *   24 bits boot | 24 bits generation | 16 bits place */
static uint64_t number_of(const struct cluster *cluster, const struct forward *forward)
{
    const uint64_t place = (uint64_t)(forward - cluster->forwards.places);
    const uint64_t boot = cluster->config.self.boot & 0xffffff;
    return boot << 40 | (uint64_t)(forward->generation & 0xffffff) << 16 | place;
}

/* NULL: nobody waits under this number. */
static struct forward *find_number(const struct cluster *cluster, uint64_t number)
{
    const uint32_t place = number & 0xffff;
    if (place >= cluster->forwards.touched)
        return NULL;
    struct forward *forward = &cluster->forwards.places[place];
    return forward->in_use && number_of(cluster, forward) == number ? forward : NULL;
}

/* --- Who leads -------------------------------------------------------------------------------- */

static struct slot *slot_of(const struct cluster *cluster, uint32_t range)
{
    return range < cluster->slot_count ? cluster->slots[range] : NULL;
}

uint64_t forward_leader(const struct cluster *cluster, uint32_t range)
{
    const struct slot *slot = slot_of(cluster, range);
    if (slot != NULL) {
        const uint64_t node = group_leader_node(slot->group);
        /* A replica of ours hears of elections first. */
        if (node != 0 && group_term(slot->group) >= router_term(cluster->router, range))
            return node;
    }
    return router_leader(cluster->router, range);
}

uint64_t forward_holder(const struct cluster *cluster, uint32_t range)
{
    const uint64_t leader = forward_leader(cluster, range);
    if (leader != 0 && !membership_gone(cluster, leader))
        return leader;
    const uint32_t turn = (uint32_t)(cluster_now_ms(cluster) / REFUSED_MS);
    /* What is said of leaders may be old: every other time those are asked who must know. */
    const uint64_t hinted = turn % 2 == 0 ? membership_hint(cluster, range) : 0;
    if (hinted != 0)
        return hinted;
    const struct placed *placed = &system_state_placement(cluster->system)->groups[range];
    if (placed->count == 0)
        return 0;
    for (uint32_t i = 0; i < placed->count; i++) {
        const uint64_t node = placed->list[(turn / 2 + i) % placed->count].node;
        if (!membership_gone(cluster, node))
            return node;
    }
    return placed->list[turn / 2 % placed->count].node;
}

/* A node that holds no replica of the range may not have heard who leads: whoever holds one knows.
 * 0: there is nobody to ask. */
static uint64_t whom_to_ask(const struct cluster *cluster, uint32_t range)
{
    return slot_of(cluster, range) != NULL ? forward_leader(cluster, range)
                                           : forward_holder(cluster, range);
}

/* What this node can say of who leads, for others. */
static void tell_leader(const struct cluster *cluster, uint32_t range,
                        struct forwarded_result *answer)
{
    answer->leader.node = forward_leader(cluster, range);
    answer->leader.term = router_term(cluster->router, range);
    const struct slot *slot = slot_of(cluster, range);
    if (slot != NULL && group_term(slot->group) >= answer->leader.term)
        answer->leader.term = group_term(slot->group);
    /* Ourselves, when we have been elected and cannot take anything yet. */
    if (answer->leader.node == 0)
        answer->leader.term = 0;
}

/* --- There ------------------------------------------------------------------------------------ */

bool forward_take(struct cluster *cluster, uint32_t range, const struct action *action,
                  struct origin origin)
{
    CHECK(origin.node == 0);
    struct forward *forward = place_take(&cluster->forwards);
    if (forward == NULL)
        return false;
    forward->range = range;
    forward->node = 0;
    forward->deadline_ms = cluster_now_ms(cluster) + HOLD_MS;
    forward->not_before_ms = 0;
    forward->origin = origin;
    forward->action = *action;
    list_add(&cluster->forwards.waiting, forward);
    cluster->forwards.fresh = true;
    return true;
}

static void give_up(struct cluster *cluster, struct forward *forward, enum outcome outcome)
{
    const struct result result = {
        .player = forward->action.player,
        .seq = forward->action.seq,
        .outcome = outcome,
        .treasure = TREASURE_NONE,
        .final = true,
    };
    actions_reply(cluster, forward->origin, &result);
    place_give(&cluster->forwards, forward);
}

/* What goes to one node in this flush. */
struct outgoing {
    uint64_t node;
    struct forwarded_action *list;
    uint32_t count, room;
};

struct outgoings {
    struct outgoing list[NODES_MAX];
    uint32_t count;
};

static void send_outgoing(struct cluster *cluster, struct outgoing *outgoing)
{
    if (outgoing->count == 0)
        return;
    struct message *message = arena_take(&cluster->arena, sizeof *message);
    *message = (struct message){
        .kind = MESSAGE_FORWARD,
        .forward = {.list = outgoing->list, .count = outgoing->count},
    };
    struct effect *effect = effects_add(cluster->effects, EFFECT_SEND);
    effect->send.node = outgoing->node;
    effect->send.message = message;
    outgoing->list = NULL;
    outgoing->count = 0;
    outgoing->room = 0;
}

/* NULL: too many nodes for one flush. */
static struct outgoing *find_outgoing(struct outgoings *outgoings, uint64_t node)
{
    for (uint32_t i = 0; i < outgoings->count; i++) {
        if (outgoings->list[i].node == node)
            return &outgoings->list[i];
    }
    if (outgoings->count == NODES_MAX)
        return NULL;
    struct outgoing *outgoing = &outgoings->list[outgoings->count++];
    *outgoing = (struct outgoing){.node = node};
    return outgoing;
}

static void add_outgoing(struct cluster *cluster, struct outgoing *outgoing,
                         const struct forward *forward)
{
    if (outgoing->count == outgoing->room) {
        const uint32_t room = outgoing->room == 0 ? 32 : 2 * outgoing->room;
        struct forwarded_action *list = arena_take(&cluster->arena, room * sizeof *list);
        if (outgoing->count > 0)
            memcpy(list, outgoing->list, outgoing->count * sizeof *list);
        outgoing->list = list;
        outgoing->room = room;
    }
    outgoing->list[outgoing->count++] =
        (struct forwarded_action){.number = number_of(cluster, forward), .action = forward->action};
    if (outgoing->count == FORWARD_ACTIONS_MAX)
        send_outgoing(cluster, outgoing);
}

/* The range has come to this node meanwhile, or seems to be led by it and cannot be yet. */
static void take_here(struct cluster *cluster, struct forward *forward)
{
    enum outcome outcome;
    const enum taken taken = actions_take_one(cluster, &forward->action, forward->origin, &outcome);
    if (taken == TAKEN_ELSEWHERE)
        return;
    list_remove(&cluster->forwards.waiting, forward);
    if (taken == TAKEN_REFUSED)
        give_up(cluster, forward, outcome);
    else
        place_give(&cluster->forwards, forward);
}

static void try_one(struct cluster *cluster, struct outgoings *outgoings, struct forward *forward)
{
    const uint64_t now_ms = cluster_now_ms(cluster);
    const uint64_t leader = whom_to_ask(cluster, forward->range);
    if (now_ms >= forward->deadline_ms) {
        list_remove(&cluster->forwards.waiting, forward);
        give_up(cluster, forward, OUTCOME_UNAVAILABLE);
    } else if (leader == cluster->config.node) {
        take_here(cluster, forward);
    } else if (leader != 0 && now_ms >= forward->not_before_ms &&
               !membership_gone(cluster, leader)) {
        struct outgoing *outgoing = find_outgoing(outgoings, leader);
        if (outgoing == NULL)
            return;
        forward->node = leader;
        forward->sent_ms = now_ms;
        add_outgoing(cluster, outgoing, forward);
        list_remove(&cluster->forwards.waiting, forward);
        list_add(&cluster->forwards.sent, forward);
    }
}

static void wait_again(struct cluster *cluster, struct forward *forward)
{
    list_remove(&cluster->forwards.sent, forward);
    forward->node = 0;
    list_add(&cluster->forwards.waiting, forward);
    cluster->forwards.fresh = true;
}

/* Whoever was asked has been silent, or does not lead any more, or is gone. */
static void recall(struct cluster *cluster)
{
    const uint64_t now_ms = cluster_now_ms(cluster);
    struct forward *forward = cluster->forwards.sent.first;
    while (forward != NULL) {
        struct forward *next = forward->next;
        const uint64_t leader = forward_leader(cluster, forward->range);
        const bool silent =
            now_ms - forward->sent_ms >= RESEND_MS || membership_gone(cluster, forward->node);
        if (silent)
            router_forget(cluster->router, forward->range, forward->node);
        if (silent || now_ms >= forward->deadline_ms || (leader != 0 && leader != forward->node))
            wait_again(cluster, forward);
        forward = next;
    }
}

void forward_flush(struct cluster *cluster)
{
    struct forwards *forwards = &cluster->forwards;
    if (forwards->count == 0)
        return;
    recall(cluster);
    struct outgoings *outgoings = arena_take(&cluster->arena, sizeof *outgoings);
    outgoings->count = 0;
    forwards->fresh = false;
    struct forward *forward = forwards->waiting.first;
    while (forward != NULL && cluster_has_room(cluster)) {
        struct forward *next = forward->next;
        try_one(cluster, outgoings, forward);
        forward = next;
    }
    for (uint32_t i = 0; i < outgoings->count; i++)
        send_outgoing(cluster, &outgoings->list[i]);
}

/* --- At the leader ---------------------------------------------------------------------------- */

static void send_results(struct cluster *cluster, uint64_t node,
                         const struct forwarded_result *list, uint32_t count)
{
    struct message *message = arena_take(&cluster->arena, sizeof *message);
    *message = (struct message){.kind = MESSAGE_RESULTS, .results = {.list = list, .count = count}};
    struct effect *effect = effects_add(cluster->effects, EFFECT_SEND);
    effect->send.node = node;
    effect->send.message = message;
}

/* False: it was taken, and is answered later. */
static bool refuse_one(struct cluster *cluster, uint64_t node,
                       const struct forwarded_action *forwarded, struct forwarded_result *answer)
{
    const struct origin origin = {.node = node, .token = forwarded->number};
    const struct action *action = &forwarded->action;
    enum outcome outcome;
    const enum taken taken = actions_take_one(cluster, action, origin, &outcome);
    if (taken == TAKEN)
        return false;
    *answer = (struct forwarded_result){.number = forwarded->number};
    if (taken == TAKEN_REFUSED) {
        answer->judged = true;
        answer->result = (struct result){.player = action->player,
                                         .seq = action->seq,
                                         .outcome = outcome,
                                         .treasure = TREASURE_NONE,
                                         .final = true};
        return true;
    }
    const struct settings *settings = system_state_settings(cluster->system);
    if (settings != NULL)
        tell_leader(cluster, hash_range(hash_player(&action->player), settings->ranges), answer);
    return true;
}

void forward_received(struct cluster *cluster, uint64_t node, const struct forward_message *message)
{
    if (message->count == 0 || message->count > FORWARD_ACTIONS_MAX || node == 0)
        return;
    struct forwarded_result *answers =
        arena_take(&cluster->arena, message->count * sizeof *answers);
    uint32_t count = 0;
    for (uint32_t i = 0; i < message->count; i++)
        count += refuse_one(cluster, node, &message->list[i], &answers[count]);
    if (count > 0)
        send_results(cluster, node, answers, count);
}

static struct forwarded_result answer_of(const struct flight *flight, uint32_t at,
                                         const struct result *results)
{
    struct forwarded_result answer = {.number = flight->origins[at].token, .judged = true};
    if (results != NULL)
        answer.result = results[at];
    else
        answer.result = (struct result){.player = flight->keys[at].player,
                                        .seq = flight->keys[at].seq,
                                        .outcome = OUTCOME_UNAVAILABLE,
                                        .treasure = TREASURE_NONE,
                                        .final = true};
    answer.result.treasure_id = NULL;
    return answer;
}

/* All of one node's from `first` on; marks them in `done`. */
static void answer_node(struct cluster *cluster, const struct flight *flight,
                        const struct result *results, uint32_t first, bool *done)
{
    const uint64_t node = flight->origins[first].node;
    struct forwarded_result *list = NULL;
    uint32_t count = 0;
    for (uint32_t i = first; i < flight->count; i++) {
        if (done[i] || flight->origins[i].node != node)
            continue;
        if (list == NULL) {
            const uint32_t left = flight->count - i;
            const uint32_t room = left < FORWARD_ACTIONS_MAX ? left : FORWARD_ACTIONS_MAX;
            list = arena_take(&cluster->arena, room * sizeof *list);
        }
        list[count++] = answer_of(flight, i, results);
        done[i] = true;
        if (count == FORWARD_ACTIONS_MAX) {
            send_results(cluster, node, list, count);
            list = NULL;
            count = 0;
        }
    }
    if (count > 0)
        send_results(cluster, node, list, count);
}

void forward_answer(struct cluster *cluster, const struct flight *flight,
                    const struct result *results)
{
    bool *done = NULL;
    for (uint32_t i = 0; i < flight->count; i++) {
        if (flight->origins[i].node == 0 || (done != NULL && done[i]))
            continue;
        if (done == NULL) {
            done = arena_take(&cluster->arena, flight->count * sizeof *done);
            memset(done, 0, flight->count * sizeof *done);
        }
        answer_node(cluster, flight, results, i, done);
    }
}

/* --- And back --------------------------------------------------------------------------------- */

/* The name goes with the number; it lies in the system's state. */
static const char *treasure_name(const struct cluster *cluster, uint16_t hunt_number,
                                 uint16_t treasure)
{
    const struct hunt *hunt = system_state_hunt(cluster->system, hunt_number);
    if (hunt == NULL || treasure >= hunt->names.count)
        return NULL;
    return hunt->names.names[treasure].text;
}

static void answered(struct cluster *cluster, struct forward *forward,
                     const struct forwarded_result *answer)
{
    struct result result = answer->result;
    if (!player_id_equal(&result.player, &forward->action.player) ||
        result.seq != forward->action.seq)
        return; /* no answer to this; it will be asked for again */
    result.treasure_id = result.treasure != TREASURE_NONE
                             ? treasure_name(cluster, forward->action.hunt, result.treasure)
                             : NULL;
    list_remove(&cluster->forwards.sent, forward);
    actions_reply(cluster, forward->origin, &result);
    place_give(&cluster->forwards, forward);
}

void forward_answered(struct cluster *cluster, uint64_t node, const struct results_message *message)
{
    for (uint32_t i = 0; i < message->count; i++) {
        const struct forwarded_result *answer = &message->list[i];
        struct forward *forward = find_number(cluster, answer->number);
        if (forward == NULL || forward->node != node || node == 0)
            continue;
        if (answer->judged) {
            answered(cluster, forward, answer);
            continue;
        }
        router_forget(cluster->router, forward->range, node);
        if (answer->leader.node != node)
            router_learn(cluster->router, forward->range, answer->leader.node, answer->leader.term);
        /* The leader that was named may be gone, so that the same node would be asked again. */
        const uint64_t next = whom_to_ask(cluster, forward->range);
        if (next == 0 || next == node)
            forward->not_before_ms = cluster_now_ms(cluster) + REFUSED_MS;
        wait_again(cluster, forward);
    }
}
