#include "proto/gossip.h"

#include <string.h>

#include "cluster/base/bytes.h"
#include "cluster/base/check.h"
#include "proto/gossip_scan.h"
#include "proto/peer.pb-c.h"

/* Memory for the unpacker, which gives nothing back. */

static void *take(void *arena, size_t bytes)
{
    return arena_take(arena, bytes);
}

static void give_back(void *arena, void *bytes)
{
    (void)arena;
    (void)bytes;
}

/* Writing. The library's messages hold pointers to what may change, though packing changes nothing.
 */

static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static Cairn__Peer__V1__MemberDetails *write_details(struct arena *arena,
                                                     const struct member_details *details)
{
    Cairn__Peer__V1__MemberDetails *message = arena_take(arena, sizeof *message);
    cairn__peer__v1__member_details__init(message);
    message->name = text_of(details->name.text);
    message->zone = text_of(details->zone.text);
    message->peer = text_of(details->peer);
    message->http = text_of(details->http);
    return message;
}

/* A node leads some ranges side by side: most of the map is zeros, before and after. */
static void write_leads(Cairn__Peer__V1__MemberHints *message, const struct member_hints *hints)
{
    uint32_t from = 0, to = sizeof hints->leads;
    while (to > 0 && hints->leads[to - 1] == 0)
        to--;
    while (from < to && hints->leads[from] == 0)
        from++;
    message->leads_from = from;
    message->leads = (ProtobufCBinaryData){to - from, (uint8_t *)(uintptr_t)hints->leads + from};
}

static Cairn__Peer__V1__MemberHints *write_hints(struct arena *arena,
                                                 const struct member_hints *hints)
{
    Cairn__Peer__V1__MemberHints *message = arena_take(arena, sizeof *message);
    cairn__peer__v1__member_hints__init(message);
    message->version = hints->version;
    message->actions_per_s = hints->actions_per_s;
    message->players = hints->players;
    message->clock_offset_us = hints->clock_offset_us;
    message->clock_error_us = hints->clock_error_us;
    message->skewed = hints->skewed;
    write_leads(message, hints);
    return message;
}

static Cairn__Peer__V1__Rumour *write_rumour(struct arena *arena, const struct rumour *rumour)
{
    CHECK(rumour->accusation_count <= OBSERVERS_MAX);
    Cairn__Peer__V1__Rumour *message = arena_take(arena, sizeof *message);
    cairn__peer__v1__rumour__init(message);
    message->id = rumour->id;
    message->boot = rumour->life.boot;
    message->incarnation = rumour->life.incarnation;
    message->liveness = (Cairn__Peer__V1__Liveness)rumour->life.liveness;
    message->n_accusations = rumour->accusation_count;
    message->accusations = arena_take(arena, OBSERVERS_MAX * sizeof(Cairn__Peer__V1__Accusation *));
    for (uint32_t i = 0; i < rumour->accusation_count; i++) {
        message->accusations[i] = arena_take(arena, sizeof(Cairn__Peer__V1__Accusation));
        cairn__peer__v1__accusation__init(message->accusations[i]);
        message->accusations[i]->observer = rumour->accusations[i].observer;
        message->accusations[i]->refused = rumour->accusations[i].refused;
    }
    if (rumour->details != NULL)
        message->details = write_details(arena, rumour->details);
    if (rumour->hints != NULL)
        message->hints = write_hints(arena, rumour->hints);
    return message;
}

static ProtobufCBinaryData write_buckets(struct arena *arena, const uint64_t *buckets)
{
    const size_t bytes = GOSSIP_BUCKETS * sizeof *buckets;
    struct writer writer;
    writer_init(&writer, arena_take(arena, bytes), bytes);
    for (uint32_t i = 0; i < GOSSIP_BUCKETS; i++)
        put_u64(&writer, buckets[i]);
    CHECK(writer_ok(&writer));
    return (ProtobufCBinaryData){bytes, writer.data};
}

struct gossip_bytes gossip_write(struct arena *arena, const struct gossip *message)
{
    CHECK(message->rumour_count <= GOSSIP_RUMOURS_MAX);
    Cairn__Peer__V1__Gossip gossip = CAIRN__PEER__V1__GOSSIP__INIT;
    gossip.kind = (Cairn__Peer__V1__GossipKind)message->kind;
    gossip.probe = message->probe;
    gossip.target = message->target;
    gossip.digest = message->digest;
    gossip.physical_us = message->physical_us;
    gossip.wanted = message->wanted;
    if (message->buckets != NULL)
        gossip.buckets = write_buckets(arena, message->buckets);
    gossip.n_rumours = message->rumour_count;
    gossip.rumours =
        arena_take(arena, (message->rumour_count + 1) * sizeof(Cairn__Peer__V1__Rumour *));
    for (uint32_t i = 0; i < message->rumour_count; i++)
        gossip.rumours[i] = write_rumour(arena, &message->rumours[i]);
    const size_t bytes = cairn__peer__v1__gossip__get_packed_size(&gossip);
    uint8_t *data = arena_take(arena, bytes + 1);
    CHECK(cairn__peer__v1__gossip__pack(&gossip, data) == bytes);
    return (struct gossip_bytes){data, bytes};
}

/* Reading: what the scan let through. */

static bool read_name(struct name *name, const char *text)
{
    return name_set(name, text, strlen(text)) == STATUS_OK;
}

static const struct member_details *read_details(struct arena *arena,
                                                 const Cairn__Peer__V1__MemberDetails *message)
{
    struct member_details *details = arena_take(arena, sizeof *details);
    *details = (struct member_details){0};
    if (!read_name(&details->name, message->name))
        return NULL;
    if (message->zone[0] != '\0' && !read_name(&details->zone, message->zone))
        return NULL;
    memcpy(details->peer, message->peer, strlen(message->peer));
    memcpy(details->http, message->http, strlen(message->http));
    return details;
}

static const struct member_hints *read_hints(struct arena *arena,
                                             const Cairn__Peer__V1__MemberHints *message)
{
    struct member_hints *hints = arena_take(arena, sizeof *hints);
    *hints = (struct member_hints){
        .version = message->version,
        .actions_per_s = message->actions_per_s,
        .players = message->players,
        .clock_offset_us = message->clock_offset_us,
        .clock_error_us = message->clock_error_us,
        .skewed = message->skewed != 0,
    };
    const size_t bytes = message->leads.len;
    if (message->leads_from > sizeof hints->leads ||
        bytes > sizeof hints->leads - message->leads_from)
        return NULL;
    if (bytes > 0)
        memcpy(hints->leads + message->leads_from, message->leads.data, bytes);
    return hints;
}

static bool read_rumour(struct arena *arena, const Cairn__Peer__V1__Rumour *message,
                        struct rumour *rumour)
{
    CHECK(message->n_accusations <= OBSERVERS_MAX);
    *rumour = (struct rumour){
        .id = message->id,
        .life = {.boot = message->boot, .incarnation = message->incarnation},
        .accusation_count = (uint32_t)message->n_accusations,
    };
    if ((unsigned)message->liveness >= LIVENESS_COUNT)
        return false;
    rumour->life.liveness = (enum liveness)message->liveness;
    for (uint32_t i = 0; i < rumour->accusation_count; i++) {
        const Cairn__Peer__V1__Accusation *accusation = message->accusations[i];
        rumour->accusations[i] = (struct accusation){.observer = accusation->observer,
                                                     .refused = accusation->refused != 0};
    }
    if (message->details != NULL) {
        rumour->details = read_details(arena, message->details);
        if (rumour->details == NULL)
            return false;
    }
    if (message->hints != NULL) {
        rumour->hints = read_hints(arena, message->hints);
        if (rumour->hints == NULL)
            return false;
    }
    return true;
}

static const uint64_t *read_buckets(struct arena *arena, const ProtobufCBinaryData *bytes)
{
    uint64_t *buckets = arena_take(arena, GOSSIP_BUCKETS * sizeof *buckets);
    struct reader reader;
    reader_init(&reader, bytes->data, bytes->len);
    for (uint32_t i = 0; i < GOSSIP_BUCKETS; i++)
        buckets[i] = take_u64(&reader);
    return reader_done(&reader) ? buckets : NULL;
}

static bool read_gossip(struct arena *arena, const Cairn__Peer__V1__Gossip *message,
                        struct gossip *gossip)
{
    *gossip = (struct gossip){
        .kind = (enum gossip_kind)message->kind,
        .probe = message->probe,
        .target = message->target,
        .digest = message->digest,
        .physical_us = message->physical_us,
        .wanted = message->wanted,
        .rumour_count = (uint32_t)message->n_rumours,
    };
    if (message->buckets.len > 0) {
        gossip->buckets = read_buckets(arena, &message->buckets);
        if (gossip->buckets == NULL)
            return false;
    }
    struct rumour *rumours = arena_take(arena, (message->n_rumours + 1) * sizeof *rumours);
    for (size_t i = 0; i < message->n_rumours; i++) {
        if (!read_rumour(arena, message->rumours[i], &rumours[i]))
            return false;
    }
    gossip->rumours = rumours;
    return true;
}

enum status gossip_read(struct gossip *ret_message, struct arena *arena, struct gossip_bytes bytes)
{
    if (bytes.bytes > GOSSIP_BYTES_MAX)
        return STATUS_TOO_LARGE;
    if (!gossip_scan(bytes.data, bytes.bytes))
        return STATUS_INVALID;
    ProtobufCAllocator allocator = {.alloc = take, .free = give_back, .allocator_data = arena};
    const Cairn__Peer__V1__Gossip *message =
        cairn__peer__v1__gossip__unpack(&allocator, bytes.bytes, bytes.data);
    if (message == NULL)
        return STATUS_INVALID;
    struct gossip gossip;
    if (!read_gossip(arena, message, &gossip))
        return STATUS_INVALID;
    *ret_message = gossip;
    return STATUS_OK;
}
