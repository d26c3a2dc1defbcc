/* Membership in the core: who is alive, and where.
 *
 * members/ decides all of it; here its messages become effects, its verdicts notes, and its
 * addresses links. What the core does with a verdict is small, and never a change of ownership: it
 * asks nothing of a node that is gone, and looks for leaders where they say they are. Elections,
 * placement and joining go their own ways, by logs.
 *
 *   EVENT_TICK, EVENT_LINK, MESSAGE_GOSSIP --> members --> EFFECT_SEND, EFFECT_NOTE
 *   the system group's list ---------------> members --> EFFECT_DIAL, at the newest address
 *
 * members' own joining by address is not used: a node joins by the system group's log
 * (cluster_join.c), and from then on is on everybody's list. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

/* A node that stops goes on for so long after it has said so: five rounds of news, to four members
 * each. It says so when its work is done, at the latest this long after it was told to stop. */
#define LEAVE_US        UINT64_C(100000)
#define LEAVE_LATEST_MS 3000

enum status membership_begin(struct cluster *cluster)
{
    struct membership *membership = &cluster->membership;
    const struct member *self = &cluster->config.self;
    struct members_config config = {
        .id = self->id,
        .boot = self->boot,
        .details = {.name = self->name},
        .members_max = MEMBERS_MAX,
        .seed = cluster->config.seed,
    };
    memcpy(config.details.peer, self->peer, sizeof config.details.peer);
    memcpy(config.details.http, self->http, sizeof config.details.http);
    membership->members = members_new(&config);
    membership->output = malloc(sizeof *membership->output);
    return membership->members != NULL && membership->output != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void membership_free(struct cluster *cluster)
{
    members_free(cluster->membership.members);
    free(cluster->membership.output);
}

/* --- What members wants done ------------------------------------------------------------------ */

static void *copy(struct cluster *cluster, const void *from, size_t bytes)
{
    void *to = arena_take(&cluster->arena, bytes);
    memcpy(to, from, bytes);
    return to;
}

/* What messages point to changes with the next call of members; effects last until the end of the
 * turn. */
static const struct rumour *copy_rumours(struct cluster *cluster)
{
    const struct members_output *output = cluster->membership.output;
    if (output->rumour_count == 0)
        return NULL;
    struct rumour *rumours =
        copy(cluster, output->rumours, output->rumour_count * sizeof output->rumours[0]);
    for (uint32_t i = 0; i < output->rumour_count; i++) {
        struct rumour *rumour = &rumours[i];
        if (rumour->details != NULL)
            rumour->details = copy(cluster, rumour->details, sizeof *rumour->details);
        if (rumour->hints != NULL)
            rumour->hints = copy(cluster, rumour->hints, sizeof *rumour->hints);
    }
    return rumours;
}

static void send_one(struct cluster *cluster, const struct members_send *send,
                     const struct rumour *rumours)
{
    CHECK(send->to != 0); /* it has no contacts */
    struct gossip *gossip = copy(cluster, &send->message, sizeof *gossip);
    if (gossip->rumour_count > 0)
        gossip->rumours = rumours + (send->message.rumours - cluster->membership.output->rumours);
    if (gossip->buckets != NULL)
        gossip->buckets =
            copy(cluster, gossip->buckets, GOSSIP_BUCKETS * sizeof gossip->buckets[0]);
    struct message *message = arena_take(&cluster->arena, sizeof *message);
    *message = (struct message){.kind = MESSAGE_GOSSIP, .gossip = gossip};
    struct effect *effect = effects_add(cluster->effects, EFFECT_SEND);
    effect->send.node = send->to;
    effect->send.message = message;
    cluster->membership.sent++;
}

static const char *what_happened(const struct members_change *change)
{
    switch (change->after.liveness) {
    case LIVENESS_SUSPECT:
        return "is suspected";
    case LIVENESS_FAILED:
        return "failed";
    case LIVENESS_LEFT:
        return "left";
    default:
        break;
    }
    switch (change->before.liveness) {
    case LIVENESS_SUSPECT:
        return "is alive after all";
    case LIVENESS_FAILED:
    case LIVENESS_LEFT:
        return "is back";
    default:
        return "is alive";
    }
}

static void tell_change(struct cluster *cluster, const struct members_change *change)
{
    struct members_view view;
    if (!members_find(cluster->membership.members, change->id, &view))
        return;
    const bool failed = change->after.liveness == LIVENESS_FAILED;
    cluster->membership.failures += failed;
    cluster_note(cluster, failed ? NOTE_WARNING : NOTE_INFO, "node %s %s", view.details->name.text,
                 what_happened(change));
}

static bool is_gone(const struct members_view *view)
{
    return view->life.liveness == LIVENESS_FAILED || view->life.liveness == LIVENESS_LEFT;
}

static void count_gone(struct cluster *cluster)
{
    struct membership *membership = &cluster->membership;
    membership->gone = 0;
    for (uint32_t i = 1; i < members_count(membership->members); i++) {
        const struct members_view view = members_at(membership->members, i);
        membership->gone += is_gone(&view);
    }
    /* What was sent to them is sent to others now. */
    if (membership->gone > 0 && cluster->forwards.count > 0)
        cluster->forwards.fresh = true;
}

static void carry_out(struct cluster *cluster)
{
    struct membership *membership = &cluster->membership;
    const struct members_output *output = membership->output;
    const struct rumour *rumours = copy_rumours(cluster);
    for (uint32_t i = 0; i < output->send_count; i++)
        send_one(cluster, &output->sends[i], rumours);
    for (uint32_t i = 0; i < output->change_count; i++)
        tell_change(cluster, &output->changes[i]);
    if (output->change_count > 0)
        count_gone(cluster);
    if (members_usurped(membership->members) && !membership->usurped_told) {
        membership->usurped_told = true;
        cluster_note(cluster, NOTE_ERROR,
                     "another process runs as this node and started later: stop this one");
    }
}

/* --- Where they are --------------------------------------------------------------------------- */

/* A link to the member, where his newest life is not linked to yet: the address that he said
 * himself, unless the list knows of a later start. */
static void follow(struct cluster *cluster, const struct member *member, struct dialled *dialled)
{
    if (member->id == cluster->config.node)
        return;
    struct members_view view;
    const bool heard = members_find(cluster->membership.members, member->id, &view) &&
                       view.life.boot > 0 && view.life.boot >= member->boot;
    const struct dialled wanted = {
        .node = member->id,
        .boot = heard ? view.life.boot : member->boot,
        .incarnation = heard ? view.life.incarnation : 0,
    };
    if (wanted.node == dialled->node && wanted.boot == dialled->boot &&
        wanted.incarnation == dialled->incarnation)
        return;
    *dialled = wanted;
    const char *address = heard ? view.details->peer : member->peer;
    struct effect *effect = effects_add(cluster->effects, EFFECT_DIAL);
    effect->dial.node = member->id;
    effect->dial.address = copy(cluster, address, strlen(address) + 1);
}

static void follow_all(struct cluster *cluster)
{
    const uint32_t count = system_state_members(cluster->system);
    CHECK(count <= NODES_MAX);
    for (uint32_t i = 0; i < count; i++)
        follow(cluster, system_state_member(cluster->system, i), &cluster->membership.dialled[i]);
}

void membership_list(struct cluster *cluster)
{
    struct membership *membership = &cluster->membership;
    const uint32_t count = system_state_members(cluster->system);
    if (count == 0)
        return;
    struct members_listed *list = arena_take(&cluster->arena, count * sizeof *list);
    for (uint32_t i = 0; i < count; i++) {
        const struct member *member = system_state_member(cluster->system, i);
        list[i] = (struct members_listed){.id = member->id, .details = {.name = member->name}};
        memcpy(list[i].details.peer, member->peer, sizeof list[i].details.peer);
        memcpy(list[i].details.http, member->http, sizeof list[i].details.http);
    }
    if (members_list(membership->members, &cluster->now, list, count, membership->output) !=
        STATUS_OK)
        cluster_note(cluster, NOTE_WARNING, "more nodes are talked of than can be known");
    carry_out(cluster);
    follow_all(cluster);
}

/* --- Events ----------------------------------------------------------------------------------- */

/* Our work is done, or others have not taken it over in time: we say that we go. */
static void leave(struct cluster *cluster)
{
    struct membership *membership = &cluster->membership;
    const uint64_t stopping_ms = cluster_now_ms(cluster) - cluster->stopping_ms;
    if (membership->left_us != 0 || (cluster_has_work(cluster) && stopping_ms < LEAVE_LATEST_MS))
        return;
    membership->left_us = cluster->now.monotonic_us;
    members_leave(membership->members);
}

bool membership_leaving(const struct cluster *cluster)
{
    const struct membership *membership = &cluster->membership;
    if (!cluster->started || !cluster->stopping)
        return false;
    if (membership->left_us != 0)
        return cluster->now.monotonic_us < membership->left_us + LEAVE_US;
    return members_live(membership->members) > 1;
}

void membership_tick(struct cluster *cluster)
{
    struct membership *membership = &cluster->membership;
    const uint64_t now_us = cluster->now.monotonic_us;
    if (!cluster->started || now_us < membership->tick_us)
        return;
    membership->tick_us = now_us + MEMBERS_TICK_US;
    if (cluster->stopping)
        leave(cluster);
    membership_judge_clocks(cluster);
    membership_say_hints(cluster);
    members_tick(membership->members, &cluster->now, membership->output);
    carry_out(cluster);
    follow_all(cluster);
}

void membership_received(struct cluster *cluster, const struct event *event)
{
    struct membership *membership = &cluster->membership;
    if (!cluster->started)
        return;
    const struct members_sender sender = {event->received.node, event->received.boot};
    membership->received++;
    members_receive(membership->members, &cluster->now, sender, event->received.message->gossip,
                    membership->output);
    carry_out(cluster);
}

void membership_link(struct cluster *cluster, const struct event *event)
{
    struct membership *membership = &cluster->membership;
    if (!cluster->started)
        return;
    members_link(membership->members, &cluster->now, event->link.node, event->link.what,
                 membership->output);
    carry_out(cluster);
}

/* --- Reading ---------------------------------------------------------------------------------- */

bool membership_gone(const struct cluster *cluster, uint64_t node)
{
    struct members_view view;
    return cluster->membership.gone > 0 && node != cluster->config.node &&
           members_find(cluster->membership.members, node, &view) && is_gone(&view);
}

uint64_t membership_hint(const struct cluster *cluster, uint32_t range)
{
    const struct members *members = cluster->membership.members;
    for (uint32_t i = 1; i < members_count(members); i++) {
        const struct members_view view = members_at(members, i);
        if (view.routable && view.listed && member_hints_lead(view.hints, range))
            return view.id;
    }
    return 0;
}

static uint32_t count_leads(const struct member_hints *hints)
{
    uint32_t leads = 0;
    for (uint32_t range = 0; range < RANGES_MAX; range++)
        leads += member_hints_lead(hints, range);
    return leads;
}

static uint32_t count_replicas(const struct cluster *cluster, uint64_t node)
{
    const struct placement *placement = system_state_placement(cluster->system);
    const uint32_t ranges = system_state_settings(cluster->system)->ranges;
    uint32_t replicas = 0;
    for (uint32_t range = 0; range < ranges; range++) {
        uint64_t number;
        replicas += placement_find(placement, range, node, &number);
    }
    return replicas;
}

static void describe(const struct cluster *cluster, const struct member *member,
                     struct cluster_member *described)
{
    *described = (struct cluster_member){
        .id = member->id,
        .boot = member->boot,
        .name = member->name.text,
        .http = member->http,
        .peer = member->peer,
        .liveness = LIVENESS_SUSPECT,
        .replicas = count_replicas(cluster, member->id),
    };
    struct members_view view;
    if (!members_find(cluster->membership.members, member->id, &view) || view.life.boot == 0)
        return;
    described->boot = view.life.boot;
    described->http = view.details->http;
    described->peer = view.details->peer;
    described->liveness = view.life.liveness;
    described->leads = is_gone(&view) ? 0 : count_leads(view.hints);
    described->players = view.hints->players;
    described->actions_per_s = view.hints->actions_per_s;
    described->skewed = view.hints->skewed;
    described->measured = view.measured;
    described->clock_offset_us = view.clock_offset_us;
    described->clock_error_us = view.clock_error_us;
    if (member->id != cluster->config.node)
        return;
    described->measured = cluster->membership.measured;
    described->clock_offset_us = -cluster->membership.own.offset_us;
    described->clock_error_us = cluster->membership.own.error_us;
}

uint32_t cluster_members(const struct cluster *cluster, struct cluster_member *list)
{
    if (system_state_settings(cluster->system) == NULL)
        return 0;
    const uint32_t count = system_state_members(cluster->system);
    for (uint32_t i = 0; i < count; i++)
        describe(cluster, system_state_member(cluster->system, i), &list[i]);
    return count;
}

void cluster_membership(const struct cluster *cluster, struct cluster_membership *ret_membership)
{
    const struct membership *membership = &cluster->membership;
    *ret_membership = (struct cluster_membership){
        .live = members_live(membership->members),
        .gone = membership->gone,
        .health = members_health(membership->members),
        .failures = membership->failures,
        .sent = membership->sent,
        .received = membership->received,
        .messages_refused = cluster->skewed_messages,
        .skew = membership->skew.verdict,
        .clocks_apart = membership->apart,
        .usurped = members_usurped(membership->members),
    };
}
