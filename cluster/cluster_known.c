/* Where the members were when this node was last alive.
 *
 * A node that starts knows what its snapshot of the system group says, and no more: what stands in
 * the log behind it is applied when it is known to be committed, and it takes a leader to say so.
 * But nobody is elected, and no leader answered, before the nodes can reach each other. So the
 * addresses that the restored log names are taken as hints, committed or not: they are dialled, and
 * told that this node is back and where. Where a hint is wrong nobody hears us there; then whoever
 * has a link to us says where he is (join_introduce), and whatever is applied later replaces it. */
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

static void note_member(struct known *known, const struct member *member)
{
    uint32_t at = 0;
    while (at < known->count && known->list[at].id != member->id)
        at++;
    if (at == NODES_MAX)
        return;
    if (at == known->count)
        known->count++;
    known->list[at].id = member->id;
    known->list[at].boot = member->boot;
    memcpy(known->list[at].peer, member->peer, sizeof member->peer);
}

void known_note(struct cluster *cluster, const struct record *record)
{
    struct settings settings;
    struct member members[NODES_MAX];
    uint32_t count = 0;
    struct reader reader;
    CHECK(!cluster->started);
    reader_init(&reader, record->body, record->body_bytes);
    if (record->kind == RECORD_FOUND) {
        if (!found_decode(&settings, members, &count, &reader))
            count = 0;
    } else if (record->kind == RECORD_JOIN || record->kind == RECORD_MEMBER) {
        count = member_decode(&members[0], &reader) ? 1 : 0;
    }
    for (uint32_t i = 0; i < count; i++)
        note_member(&cluster->known, &members[i]);
}

void known_founders(struct cluster *cluster, const struct member *members, uint32_t count)
{
    CHECK(count <= NODES_MAX);
    for (uint32_t i = 0; i < count; i++)
        note_member(&cluster->known, &members[i]);
    cluster->known.due = count > 1;
}

void known_begin(struct cluster *cluster)
{
    struct known *known = &cluster->known;
    CHECK(cluster->contact_count == 0);
    /* What the log says is newer than the snapshot. */
    const uint32_t noted = known->count;
    for (uint32_t i = 0; i < system_state_members(cluster->system); i++) {
        const struct member *member = system_state_member(cluster->system, i);
        uint32_t at = 0;
        while (at < noted && known->list[at].id != member->id)
            at++;
        if (at == noted)
            note_member(known, member);
    }
    for (uint32_t i = 0; i < known->count && cluster->contact_count < CONTACTS_MAX; i++) {
        if (known->list[i].id != cluster->config.node)
            cluster->contacts[cluster->contact_count++] = known->list[i].id;
    }
    known->due = known->count > 0;
}

static void dial(struct cluster *cluster, uint32_t at)
{
    const struct known *known = &cluster->known;
    if (known->list[at].id == cluster->config.node)
        return;
    struct effect *effect = effects_add(cluster->effects, EFFECT_DIAL);
    effect->dial.node = known->list[at].id;
    effect->dial.address = known->list[at].peer; /* it stays as it is until the next step */
}

void known_dial(struct cluster *cluster)
{
    struct known *known = &cluster->known;
    if (!known->due || !cluster_has_room(cluster))
        return;
    known->due = false;
    for (uint32_t i = 0; i < known->count; i++)
        dial(cluster, i);
}

void known_heard(struct cluster *cluster, const struct member *member)
{
    struct known *known = &cluster->known;
    for (uint32_t i = 0; i < known->count; i++) {
        if (known->list[i].id != member->id || known->list[i].boot >= member->boot)
            continue;
        note_member(known, member);
        dial(cluster, i);
    }
}
