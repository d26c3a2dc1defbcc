/* Joining, and knowing what the cluster is.
 *
 * A node without a cluster asks its contacts to be entered (JOIN), again and again. Whoever is
 * asked passes it on to the system group's leader, who logs it; and when the member is on the list,
 * its next JOIN brings the beginning of the system group's state, and SYSTEM_PULL the rest. From
 * then on the node is a member: it takes claims and forwards them, and makes the replicas that are
 * placed on it.
 *
 * Nodes that hold no replica of the system group ask some member for its state, as one document,
 * where that is newer than theirs (SYSTEM_PULL); it comes as the chunks of a snapshot. A node that
 * is given a replica of the system group goes on with the document until its own replica is as new.
 */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

/* A joining node asks so often, and a member without the system group for news. */
#define ASK_MS 200

/* A refusal is told so often. */
#define REFUSED_TOLD_MS 5000

static struct effect *add_message(struct cluster *cluster, uint64_t node, enum message_kind kind,
                                  struct message **ret_message)
{
    struct message *message = arena_take(&cluster->arena, sizeof *message);
    *message = (struct message){.kind = kind};
    struct effect *effect = effects_add(cluster->effects, EFFECT_SEND);
    effect->send.node = node;
    effect->send.message = message;
    *ret_message = message;
    return effect;
}

static void send_member(struct cluster *cluster, uint64_t node, const struct member *member)
{
    uint8_t *body = arena_take(&cluster->arena, MEMBER_BYTES_MAX);
    struct writer writer;
    writer_init(&writer, body, MEMBER_BYTES_MAX);
    member_encode(member, &writer);
    CHECK(writer_ok(&writer));
    struct message *message;
    (void)add_message(cluster, node, MESSAGE_JOIN, &message);
    message->join = (struct join_message){.member = body, .bytes = (uint32_t)writer.used};
}

/* --- Who is where ----------------------------------------------------------------------------- */

static void dial(struct cluster *cluster, const struct member *member)
{
    if (member->id == cluster->config.node)
        return;
    const size_t bytes = strlen(member->peer) + 1;
    char *address = arena_take(&cluster->arena, bytes);
    memcpy(address, member->peer, bytes);
    struct effect *effect = effects_add(cluster->effects, EFFECT_DIAL);
    effect->dial.node = member->id;
    effect->dial.address = address;
}

uint64_t join_system_node(const struct cluster *cluster)
{
    if (cluster->system_group != NULL) {
        struct group_view view;
        group_view(cluster->system_group, &view);
        if (view.leader_node != 0)
            return view.leader_node;
    }
    const struct settings *settings = system_state_settings(cluster->system);
    if (settings == NULL)
        return 0;
    const struct placed *placed =
        &system_state_placement(cluster->system)->groups[settings->ranges];
    const uint32_t turn = (uint32_t)(cluster_now_ms(cluster) / ASK_MS);
    for (uint32_t i = 0; i < placed->count; i++) {
        const uint64_t node = placed->list[(turn + i) % placed->count].node;
        if (node != cluster->config.node)
            return node;
    }
    return 0;
}

/* --- What this node knows
 * -----------------------------------------------------------------------*/

enum status join_adopt(struct cluster *cluster, struct system_state *state, uint64_t index)
{
    const bool first = system_state_settings(cluster->system) == NULL;
    system_state_free(cluster->system);
    cluster->system = state;
    cluster->system_index = index;
    cluster->dial_due = true;
    cluster->replicas_due = true;
    if (first)
        cluster_note(cluster, NOTE_INFO, "in the cluster now, one of %u members",
                     system_state_members(state));
    return first ? restore_states(cluster) : STATUS_OK;
}

struct system_state *join_replica_state(struct cluster *cluster)
{
    return cluster->system_next != NULL ? cluster->system_next : cluster->system;
}

enum status join_applied(struct cluster *cluster, uint64_t index)
{
    if (cluster->system_next == NULL || index < cluster->system_index)
        return STATUS_OK;
    system_state_free(cluster->system);
    cluster->system = cluster->system_next;
    cluster->system_next = NULL;
    cluster->system_index = 0;
    cluster->dial_due = true;
    cluster->replicas_due = true;
    return STATUS_OK;
}

enum status join_restored(struct cluster *cluster, struct system_state *state, uint64_t index)
{
    if (cluster->system_next != NULL) {
        system_state_free(cluster->system_next);
        cluster->system_next = state;
        return join_applied(cluster, index);
    }
    const bool first = system_state_settings(cluster->system) == NULL;
    system_state_free(cluster->system);
    cluster->system = state;
    cluster->dial_due = true;
    cluster->replicas_due = true;
    return first ? restore_states(cluster) : STATUS_OK;
}

/* --- Asking ----------------------------------------------------------------------------------- */

static bool is_listed(const struct cluster *cluster, const struct member *member)
{
    const struct member *known = system_state_find_member(cluster->system, member->id);
    return known != NULL && known->boot == member->boot && strcmp(known->http, member->http) == 0 &&
           strcmp(known->peer, member->peer) == 0;
}

/* This node wants to be on the list as it is now. */
static void announce(struct cluster *cluster)
{
    const struct member *self = &cluster->config.self;
    if (system_state_settings(cluster->system) == NULL) {
        if (cluster->contact_count == 0 || document_coming(cluster))
            return;
        const uint32_t turn = (uint32_t)(cluster_now_ms(cluster) / ASK_MS);
        send_member(cluster, cluster->contacts[turn % cluster->contact_count], self);
        return;
    }
    if (is_listed(cluster, self))
        return;
    const uint64_t node = join_system_node(cluster);
    if (cluster->system_group != NULL && group_leads(cluster->system_group))
        join_received(cluster, cluster->config.node, self);
    else if (node != 0 && node != cluster->config.node)
        send_member(cluster, node, self);
}

void join_introduce(struct cluster *cluster, const struct event *event)
{
    if (cluster->started && event->link.what == MEMBERS_LINK_UP && cluster_has_room(cluster) &&
        system_state_settings(cluster->system) != NULL)
        send_member(cluster, event->link.node, &cluster->config.self);
}

static void pull(struct cluster *cluster)
{
    if (cluster->system_group != NULL && cluster->system_next == NULL)
        return; /* our own replica tells */
    /* A node that joins knows nobody but whoever began to tell it what the cluster is. */
    const bool joins = system_state_settings(cluster->system) == NULL;
    const uint64_t node = joins ? cluster->document.giver : join_system_node(cluster);
    if ((joins && !document_coming(cluster)) || node == 0 || node == cluster->config.node)
        return;
    cluster->document.asked = cluster->document.reader.chunks;
    struct message *message;
    (void)add_message(cluster, node, MESSAGE_SYSTEM_PULL, &message);
    message->system_pull = (struct system_pull_message){
        .have = cluster->system_index,
        .index = cluster->document.reading_index,
        .chunk = cluster->document.reader.chunks,
    };
}

void join_begin(struct cluster *cluster, const struct event *event)
{
    CHECK(event->join.count >= 1);
    CHECK(event->join.count <= CONTACTS_MAX);
    const uint32_t kept = CONTACTS_MAX - event->join.count < cluster->contact_count
                              ? CONTACTS_MAX - event->join.count
                              : cluster->contact_count;
    memcpy(cluster->contacts + kept, event->join.contacts,
           event->join.count * sizeof cluster->contacts[0]);
    cluster->contact_count = kept + event->join.count;
    cluster->started = true;
}

void join_tick(struct cluster *cluster)
{
    known_dial(cluster);
    if (cluster->dial_due && cluster_has_room(cluster)) {
        cluster->dial_due = false;
        membership_list(cluster);
    }
    const uint64_t now_ms = cluster_now_ms(cluster);
    if (now_ms < cluster->ask_ms || cluster->stopping)
        return;
    cluster->ask_ms = now_ms + ASK_MS;
    announce(cluster);
    pull(cluster);
}

/* --- At the members ----------------------------------------------------------------------------
 */

static void refuse(struct cluster *cluster, uint64_t node, enum status status)
{
    struct message *message;
    (void)add_message(cluster, node, MESSAGE_REFUSED, &message);
    message->refused.status = status;
}

/* The system group's leader: the member is entered, or its entry changed. */
static void log_member(struct cluster *cluster, const struct member *member, enum record_kind kind)
{
    if (cluster->join_index > group_applied(cluster->system_group))
        return; /* one at a time: it is asked for again */
    uint8_t body[MEMBER_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    member_encode(member, &writer);
    CHECK(writer_ok(&writer));
    const struct record record = {
        .kind = kind,
        .stamp = hlc_now(&cluster->hlc, cluster->now.physical_us),
        .uncertainty_us = cluster->now.uncertainty_us,
        .body = body,
        .body_bytes = writer.used,
    };
    const enum status logged =
        groups_submit(cluster, cluster->system_group, &record, &cluster->join_index);
    (void)logged; /* what could not be logged is asked for again */
}

static void enter(struct cluster *cluster, const struct member *member)
{
    const struct member *known = system_state_find_member(cluster->system, member->id);
    if (known != NULL) {
        if (known->boot <= member->boot)
            log_member(cluster, member, RECORD_MEMBER);
        return;
    }
    const enum status admitted = system_state_admits(cluster->system, member);
    if (admitted == STATUS_OK)
        log_member(cluster, member, RECORD_JOIN);
    else
        refuse(cluster, member->id, admitted);
}

static void pass_on(struct cluster *cluster, const struct member *member)
{
    const uint64_t node = join_system_node(cluster);
    if (node != 0 && node != member->id && node != cluster->config.node)
        send_member(cluster, node, member);
}

void join_received(struct cluster *cluster, uint64_t from, const struct member *member)
{
    const bool own = from == member->id;
    if (own)
        known_heard(cluster, member);
    if (system_state_settings(cluster->system) == NULL ||
        (!own && system_state_find_member(cluster->system, from) == NULL))
        return;
    const bool holds = cluster->system_group != NULL && cluster->system_next == NULL;
    if (holds && is_listed(cluster, member)) {
        dial(cluster, member); /* whoever asks can be answered */
        document_send(cluster, member->id, &(struct system_pull_message){0});
    } else if (holds && group_leads(cluster->system_group)) {
        dial(cluster, member);
        enter(cluster, member);
    } else if (own) {
        /* One that came back elsewhere may be what a quorum wants, so nobody leads and enters it.
         */
        const struct member *known = system_state_find_member(cluster->system, member->id);
        if (known != NULL && known->boot < member->boot)
            dial(cluster, member);
        pass_on(cluster, member);
    }
}

void join_message(struct cluster *cluster, uint64_t from, const struct join_message *message)
{
    struct member member;
    struct reader reader;
    reader_init(&reader, message->member, message->bytes);
    if (member_decode(&member, &reader) && reader_done(&reader) && from != 0)
        join_received(cluster, from, &member);
}

void join_refused(struct cluster *cluster, const struct refused_message *message)
{
    if (system_state_settings(cluster->system) != NULL ||
        cluster_now_ms(cluster) < cluster->refused_ms)
        return;
    cluster->refused_ms = cluster_now_ms(cluster) + REFUSED_TOLD_MS;
    cluster_note(cluster, NOTE_ERROR,
                 message->status == STATUS_CONFLICT
                     ? "the cluster does not take this node in: a member has its name already"
                     : "the cluster does not take this node in: it has as many members as it may");
}
