/* cluster/members/members_sync.c -- Where views differ, and what is done about it.
 *
 *      A                             B
 *      | <--- ping, digest of B ---- |    the digests differ
 *      | ---- pull, digests of A's 64 parts ---> |
 *      | <--- view: B's members in the parts that differ; bits of those parts ----
 *      | ---- view: A's members in them, but for what B has just told -----------> |
 *
 * A part is what a hash of the ids makes of them: in a view of a thousand one missing member costs
 * sixteen records, not a thousand. */
#include "cluster/base/check.h"
#include "cluster/members/members_internal.h"

/* Where many members are, digests differ while news are on their way; nobody asks before our view
 * has been at rest for a while, unless it never is. */
#define FEW_MEMBERS 16
#define REST_US     UINT64_C(500000)
#define RESTLESS_US UINT64_C(2000000)
#define PULL_US     UINT64_C(100000)
#define JOIN_US     UINT64_C(500000)

#define ALL_BUCKETS UINT64_MAX

static bool is_time(const struct members *members)
{
    const uint64_t pulled_us = members->last_us - members->pulled_us;
    if (members->pull_number > 0 && pulled_us < PULL_US)
        return false;
    return members->count <= FEW_MEMBERS || members->last_us - members->changed_us >= REST_US ||
           pulled_us >= RESTLESS_US;
}

void sync_compare(struct members *members, uint64_t with, uint64_t digest,
                  struct members_output *output)
{
    if (digest == members_digest(members) || !is_time(members))
        return;
    members->pulled_us = members->last_us;
    members->pull_number++;
    const struct gossip message = {.kind = GOSSIP_PULL, .buckets = members->buckets};
    news_send(output, with, &message);
}

/* Our members in these parts, in as many messages as they need. */
static void send_view(const struct members *members, uint64_t to, struct gossip view,
                      uint64_t parts, struct members_output *output)
{
    const uint64_t wanted = view.wanted;
    uint32_t first = output->rumour_count;
    for (uint32_t i = 0; i < members->count; i++) {
        const struct entry *entry = &members->entries[i];
        const bool told =
            wanted == 0 && parts != ALL_BUCKETS && i != SELF && entry->echo == members->pull_number;
        if ((parts >> entry->bucket & 1) == 0 || told || entry->life.liveness == LIVENESS_UNHEARD ||
            !news_record(members, i, output))
            continue;
        if (output->rumour_count - first < GOSSIP_RUMOURS_MAX)
            continue;
        view.wanted = 0;
        view.rumours = &output->rumours[first];
        view.rumour_count = output->rumour_count - first;
        news_send(output, to, &view);
        first = output->rumour_count;
    }
    /* The last one asks, when all has been told. */
    view.wanted = wanted;
    view.rumours = &output->rumours[first];
    view.rumour_count = output->rumour_count - first;
    if (view.rumour_count > 0 || wanted != 0)
        news_send(output, to, &view);
}

void sync_pull(struct members *members, uint64_t from, const struct gossip *message,
               struct members_output *output)
{
    if (message->buckets == NULL)
        return;
    uint64_t parts = 0;
    for (uint32_t i = 0; i < GOSSIP_BUCKETS; i++)
        parts |= (uint64_t)(message->buckets[i] != members->buckets[i]) << i;
    if (parts != 0)
        send_view(members, from, (struct gossip){.kind = GOSSIP_VIEW, .wanted = parts}, parts,
                  output);
}

void sync_view(struct members *members, uint64_t from, const struct gossip *message,
               struct members_output *output)
{
    members->joined = true;
    if (message->wanted != 0)
        send_view(members, from, (struct gossip){.kind = GOSSIP_VIEW}, message->wanted, output);
}

void sync_join(struct members *members, uint64_t from, struct members_output *output)
{
    send_view(members, from, (struct gossip){.kind = GOSSIP_VIEW}, ALL_BUCKETS, output);
}

void sync_tick(struct members *members, struct members_output *output)
{
    if (members->joined || members->contact_count == 0 ||
        members->last_us < members->next_join_us || output->send_count == MEMBERS_SENDS_MAX)
        return;
    members->next_join_us = members->last_us + JOIN_US;
    const uint32_t first = output->rumour_count;
    if (!news_record(members, SELF, output))
        return;
    output->sends[output->send_count++] = (struct members_send){
        .address = members->contacts[members->contact_at++ % members->contact_count].address,
        .message = {.kind = GOSSIP_JOIN, .rumours = &output->rumours[first], .rumour_count = 1},
    };
}
