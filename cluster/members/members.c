#include "cluster/members/members.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/members/members_internal.h"

/* Life. */

static bool take_memory(struct members *members)
{
    const uint32_t max = members->members_max;
    members->entries = calloc(max, sizeof *members->entries);
    members->details = calloc(max, sizeof *members->details);
    members->hints = calloc(max, sizeof *members->hints);
    members->by_id = calloc(max, sizeof *members->by_id);
    members->ring = calloc(max, sizeof *members->ring);
    members->pending = calloc(max, sizeof *members->pending);
    members->removed = calloc(MEMBERS_REMOVED_MAX, sizeof *members->removed);
    return members->entries != NULL && members->details != NULL && members->hints != NULL &&
           members->by_id != NULL && members->ring != NULL && members->pending != NULL &&
           members->removed != NULL;
}

static void enter_self(struct members *members, const struct members_config *config)
{
    CHECK(roster_add(members, config->id, &config->details) == SELF);
    const struct life life = {.boot = config->boot, .liveness = LIVENESS_ALIVE};
    roster_live(members, SELF, &life, NULL);
}

struct members *members_new(const struct members_config *config)
{
    CHECK(config->id != 0);
    CHECK(config->boot > 0);
    CHECK(config->members_max > 0);
    CHECK(config->members_max <= MEMBERS_MAX);
    struct members *members = calloc(1, sizeof *members);
    if (members == NULL)
        return NULL;
    members->members_max = config->members_max;
    if (!take_memory(members)) {
        members_free(members);
        return NULL;
    }
    rng_init(&members->rng, config->seed);
    enter_self(members, config);
    return members;
}

void members_free(struct members *members)
{
    if (members == NULL)
        return;
    free(members->entries);
    free(members->details);
    free(members->hints);
    free(members->by_id);
    free(members->ring);
    free(members->pending);
    free(members->removed);
    free(members);
}

/* Events. */

static void output_init(struct members_output *output)
{
    output->send_count = output->change_count = output->rumour_count = 0;
    output->dials_changed = false;
}

/* What was missed while we did not run speaks against nobody. */
static void wake(struct members *members, const struct now *now)
{
    CHECK(now->monotonic_us >= members->last_us);
    const uint64_t gap_us = now->monotonic_us - members->last_us;
    const bool first = members->last_us == 0;
    members->last_us = now->monotonic_us;
    if (first || gap_us <= MEMBERS_LATE_US)
        return;
    members->probe.active = false;
    suspect_delay(members, gap_us);
    suspect_health(members, 1);
}

/* Probes start at a moment of a node's own, so that not all of a cluster's fall together. */
static void first_times(struct members *members, uint64_t now_us)
{
    members->next_probe_us = now_us + rng_below(&members->rng, MEMBERS_PERIOD_US);
    members->next_touch_us = now_us + rng_below(&members->rng, MEMBERS_PERIOD_US);
}

static void begin(struct members *members, const struct now *now, struct members_output *output)
{
    output_init(output);
    wake(members, now);
    if (members->next_probe_us == 0)
        first_times(members, now->monotonic_us);
}

void members_tick(struct members *members, const struct now *now, struct members_output *output)
{
    begin(members, now, output);
    if (!members->leaving) {
        suspect_expire(members, output);
        probe_tick(members, now, output);
        sync_tick(members, output);
    }
    news_flush(members, output);
}

/* An earlier boot of the node is gone, whatever is still on its way from it. */
static bool is_stale(const struct members *members, struct members_sender sender)
{
    const uint32_t place = roster_place(members, sender.id);
    return place != PLACE_NONE && sender.boot < members->entries[place].life.boot;
}

static void answer(struct members *members, const struct now *now, uint64_t from,
                   const struct gossip *message, struct members_output *output)
{
    switch (message->kind) {
    case GOSSIP_PING:
        probe_ping(members, now, from, message, output);
        break;
    case GOSSIP_ACK:
        probe_ack(members, now, from, message, output);
        break;
    case GOSSIP_PING_REQ:
        probe_request(members, now, from, message, output);
        break;
    case GOSSIP_NACK:
        probe_nack(members, message);
        break;
    case GOSSIP_NEWS:
        break;
    case GOSSIP_JOIN:
        sync_join(members, from, output);
        break;
    case GOSSIP_PULL:
        sync_pull(members, from, message, output);
        break;
    case GOSSIP_VIEW:
        sync_view(members, from, message, output);
        break;
    default: /* a kind of a later version */
        break;
    }
}

void members_receive(struct members *members, const struct now *now, struct members_sender sender,
                     const struct gossip *message, struct members_output *output)
{
    begin(members, now, output);
    if (sender.id == 0 || sender.id == members->entries[SELF].id ||
        members_removed(members, sender.id) || is_stale(members, sender))
        return;
    enum merge_from from = MERGE_NEWS;
    if (message->kind == GOSSIP_VIEW)
        from = message->rumour_count > MESSAGE_NEWS_MAX ? MERGE_BULK : MERGE_VIEW;
    for (uint32_t i = 0; i < message->rumour_count && i < GOSSIP_RUMOURS_MAX; i++)
        merge_rumour(members, &message->rumours[i], from, output);
    answer(members, now, sender.id, message, output);
}

static void take_refusal(struct members *members, uint32_t place, struct members_output *output)
{
    struct entry *entry = &members->entries[place];
    const bool first = entry->answered;
    entry->answered = false;
    /* What he has refuted once is no news: something between us and him refuses, not he. */
    if (!first && entry->own_evidence == 0)
        return;
    suspect_accuse(members, place, true, output);
    if (first)
        probe_confirm(members, entry->id, output);
}

void members_link(struct members *members, const struct now *now, uint64_t id,
                  enum members_link link, struct members_output *output)
{
    begin(members, now, output);
    const uint32_t place = roster_place(members, id);
    if (place == PLACE_NONE || place == SELF || members->leaving)
        return;
    if (link == MEMBERS_LINK_REFUSED)
        take_refusal(members, place, output);
    else if (link == MEMBERS_LINK_DOWN)
        members->look_at = id;
    else
        probe_touch(members, now, id, output);
    news_flush(members, output);
}

/* What we are told by our own node. */

static enum status list_one(struct members *members, const struct members_listed *listed)
{
    CHECK(listed->id != 0);
    uint32_t place = roster_place(members, listed->id);
    if (place == SELF || members_removed(members, listed->id))
        return STATUS_OK;
    if (place == PLACE_NONE)
        place = roster_add(members, listed->id, &listed->details);
    if (place == PLACE_NONE)
        return STATUS_FULL;
    members->entries[place].listed = true;
    return STATUS_OK;
}

/* Who was known from an earlier list only. */
static void drop_unknown(struct members *members)
{
    for (uint32_t i = members->count - 1; i > SELF; i--) {
        const struct entry *entry = &members->entries[i];
        if (!entry->listed && entry->life.liveness == LIVENESS_UNHEARD)
            roster_drop(members, i);
    }
}

enum status members_list(struct members *members, const struct now *now,
                         const struct members_listed *list, uint32_t count,
                         struct members_output *output)
{
    begin(members, now, output);
    output->dials_changed = true;
    for (uint32_t i = 0; i < members->count; i++)
        members->entries[i].listed = false;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < count; i++) {
        if (list_one(members, &list[i]) != STATUS_OK)
            status = STATUS_FULL;
    }
    drop_unknown(members);
    return status;
}

enum status members_contacts(struct members *members, const char *const *addresses, uint32_t count)
{
    if (count > CONTACTS_MAX)
        return STATUS_TOO_LARGE;
    for (uint32_t i = 0; i < count; i++) {
        if (strlen(addresses[i]) > ADDRESS_LENGTH_MAX)
            return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < count; i++)
        memcpy(members->contacts[i].address, addresses[i], strlen(addresses[i]) + 1);
    members->contact_count = count;
    return STATUS_OK;
}

/* How many removed ids are below this one. */
static uint32_t removed_rank(const struct members *members, uint64_t id)
{
    uint32_t low = 0, high = members->removed_count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (members->removed[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool members_removed(const struct members *members, uint64_t id)
{
    const uint32_t rank = removed_rank(members, id);
    return rank < members->removed_count && members->removed[rank] == id;
}

enum status members_remove(struct members *members, const struct now *now, uint64_t id,
                           struct members_output *output)
{
    begin(members, now, output);
    if (id == members->entries[SELF].id)
        return STATUS_CONFLICT;
    if (members_removed(members, id))
        return STATUS_OK;
    if (members->removed_count == MEMBERS_REMOVED_MAX)
        return STATUS_FULL;
    const uint32_t rank = removed_rank(members, id);
    memmove(&members->removed[rank + 1], &members->removed[rank],
            (members->removed_count - rank) * sizeof members->removed[0]);
    members->removed[rank] = id;
    members->removed_count++;
    const uint32_t place = roster_place(members, id);
    if (place != PLACE_NONE) {
        roster_drop(members, place);
        output->dials_changed = true;
    }
    return STATUS_OK;
}

void members_set_details(struct members *members, const struct member_details *details)
{
    members->details[SELF] = *details;
    merge_raise(members, members->entries[SELF].life.incarnation);
}

static bool hints_equal(const struct member_hints *a, const struct member_hints *b)
{
    return a->actions_per_s == b->actions_per_s && a->players == b->players &&
           a->clock_offset_us == b->clock_offset_us && a->clock_error_us == b->clock_error_us &&
           a->skewed == b->skewed && memcmp(a->leads, b->leads, sizeof a->leads) == 0;
}

void members_set_hints(struct members *members, const struct member_hints *hints)
{
    struct member_hints *own = &members->hints[SELF];
    if (own->version > 0 && hints_equal(own, hints))
        return;
    const uint32_t version = own->version + 1;
    *own = *hints;
    own->version = version;
    news_arm_hints(members, SELF);
}

void members_leave(struct members *members)
{
    if (members->leaving)
        return;
    members->leaving = true;
    struct life life = members->entries[SELF].life;
    life.liveness = LIVENESS_LEFT;
    roster_live(members, SELF, &life, NULL);
}
