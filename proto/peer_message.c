#include "proto/peer_message.h"

#include <string.h>

#include "cluster/base/check.h"
#include "cluster/values/effects.h"
#include "proto/gossip.h"
#include "proto/peer_group.h"
#include "proto/peer_results.h"

/* What a message with nothing but numbers takes, head included. */
#define NUMBERS_BYTES 128

/* A rumour with the longest texts, all hints and accusations takes less than this. */
#define RUMOUR_BYTES 1024

size_t peer_message_bytes_max(const struct message *message)
{
    switch (message->kind) {
    case MESSAGE_GROUP:
        return PEER_PIECE_HEAD + peer_group_bytes(&message->group);
    case MESSAGE_FORWARD:
        return NUMBERS_BYTES + message->forward.count * (sizeof(uint64_t) + ACTION_BYTES_MAX);
    case MESSAGE_RESULTS:
        return NUMBERS_BYTES + message->results.count * (size_t)PEER_RESULT_BYTES;
    case MESSAGE_SUMMARY:
        return NUMBERS_BYTES + message->summary.bytes;
    case MESSAGE_JOIN:
        return NUMBERS_BYTES + message->join.bytes;
    case MESSAGE_SNAPSHOT:
        return NUMBERS_BYTES + message->snapshot.bytes;
    case MESSAGE_GOSSIP:
        return 2 * NUMBERS_BYTES + GOSSIP_BUCKETS * sizeof(uint64_t) +
               message->gossip->rumour_count * (size_t)RUMOUR_BYTES;
    default:
        return NUMBERS_BYTES;
    }
}

void peer_piece_write(const struct peer_piece *piece, struct writer *writer)
{
    put_u8(writer, piece->kind);
    put_u32(writer, piece->bytes);
    put_bytes(writer, piece->data, piece->bytes);
}

/* u32 range, u16 hunt, u32 version, u64 promise */
static void write_learned(const struct learned_message *learned, struct writer *writer)
{
    put_u32(writer, learned->range);
    put_u16(writer, learned->hunt);
    put_u32(writer, learned->version);
    put_u64(writer, learned->promise);
}

static void read_learned(struct learned_message *learned, struct reader *reader)
{
    learned->range = take_u32(reader);
    learned->hunt = take_u16(reader);
    learned->version = take_u32(reader);
    learned->promise = take_u64(reader);
}

/* u32 count, each: u64 number, the action (action_encode) */
static void write_forward(const struct forward_message *forward, struct writer *writer)
{
    put_u32(writer, forward->count);
    for (uint32_t i = 0; i < forward->count; i++) {
        put_u64(writer, forward->list[i].number);
        action_encode(&forward->list[i].action, writer);
    }
}

static bool read_forward(struct forward_message *forward, struct arena *arena,
                         struct reader *reader)
{
    const uint32_t count = take_u32(reader);
    if (!reader_ok(reader) || count == 0 || count > FORWARD_ACTIONS_MAX)
        return false;
    struct forwarded_action *list = arena_take(arena, count * sizeof *list);
    for (uint32_t i = 0; i < count; i++) {
        list[i].number = take_u64(reader);
        if (!action_decode(&list[i].action, reader) || list[i].action.hunt >= HUNTS_MAX)
            return false;
    }
    forward->list = list;
    forward->count = count;
    return true;
}

/* u32 group, u64 to, u64 from node, u64 leader's term, u64 index, u64 term, u32 chunk, u8 last, the
 * chunk */
static void write_snapshot(const struct snapshot_message *snapshot, struct writer *writer)
{
    put_u32(writer, snapshot->group);
    put_u64(writer, snapshot->to);
    put_u64(writer, snapshot->from_node);
    put_u64(writer, snapshot->raft_term);
    put_u64(writer, snapshot->index);
    put_u64(writer, snapshot->term);
    put_u32(writer, snapshot->chunk);
    put_u8(writer, snapshot->last);
    put_bytes(writer, snapshot->data, snapshot->bytes);
}

static bool read_snapshot(struct snapshot_message *snapshot, struct reader *reader)
{
    snapshot->group = take_u32(reader);
    snapshot->to = take_u64(reader);
    snapshot->from_node = take_u64(reader);
    snapshot->raft_term = take_u64(reader);
    snapshot->index = take_u64(reader);
    snapshot->term = take_u64(reader);
    snapshot->chunk = take_u32(reader);
    const uint8_t last = take_u8(reader);
    const size_t bytes = reader_left(reader);
    if (!reader_ok(reader) || last > 1 || bytes == 0 || bytes > SNAPSHOT_CHUNK_BYTES_MAX)
        return false;
    snapshot->last = last == 1;
    snapshot->bytes = (uint32_t)bytes;
    snapshot->data = take_bytes(reader, bytes);
    return true;
}

/* u32 group, u64 from, u64 to, u64 index, u32 chunks */
static void write_taken(const struct snapshot_taken_message *taken, struct writer *writer)
{
    put_u32(writer, taken->group);
    put_u64(writer, taken->from);
    put_u64(writer, taken->to);
    put_u64(writer, taken->index);
    put_u32(writer, taken->chunks);
}

static void read_taken(struct snapshot_taken_message *taken, struct reader *reader)
{
    taken->group = take_u32(reader);
    taken->from = take_u64(reader);
    taken->to = take_u64(reader);
    taken->index = take_u64(reader);
    taken->chunks = take_u32(reader);
}

/* In protobuf, drawn in peer.proto: its later fields are for nodes of other versions. */
static void write_gossip(const struct gossip *gossip, struct writer *writer)
{
    struct arena arena;
    arena_init(&arena);
    const struct gossip_bytes bytes = gossip_write(&arena, gossip);
    put_bytes(writer, bytes.data, bytes.bytes);
    arena_fini(&arena);
}

static bool read_gossip(struct message *message, struct arena *arena, struct reader *reader)
{
    const size_t bytes = reader_left(reader);
    const uint8_t *data = take_bytes(reader, bytes);
    struct gossip *gossip = arena_take(arena, sizeof *gossip);
    message->gossip = gossip;
    return gossip_read(gossip, arena, (struct gossip_bytes){data, bytes}) == STATUS_OK;
}

static void write_content(const struct message *message, struct writer *writer)
{
    switch (message->kind) {
    case MESSAGE_GROUP:
        peer_group_write(&message->group, writer);
        return;
    case MESSAGE_LEARNED:
        write_learned(&message->learned, writer);
        return;
    case MESSAGE_FORWARD:
        write_forward(&message->forward, writer);
        return;
    case MESSAGE_RESULTS:
        peer_results_write(&message->results, writer);
        return;
    case MESSAGE_SUMMARY:
        put_u8(writer, message->summary.whole);
        put_bytes(writer, message->summary.data, message->summary.bytes);
        return;
    case MESSAGE_PULL:
        put_u32(writer, message->pull.range);
        put_u64(writer, message->pull.epoch);
        return;
    case MESSAGE_JOIN:
        put_bytes(writer, message->join.member, message->join.bytes);
        return;
    case MESSAGE_REFUSED:
        put_u8(writer, (uint8_t)message->refused.status);
        return;
    case MESSAGE_SYSTEM_PULL:
        put_u64(writer, message->system_pull.have);
        put_u64(writer, message->system_pull.index);
        put_u32(writer, message->system_pull.chunk);
        return;
    case MESSAGE_SNAPSHOT:
        write_snapshot(&message->snapshot, writer);
        return;
    case MESSAGE_SNAPSHOT_TAKEN:
        write_taken(&message->snapshot_taken, writer);
        return;
    case MESSAGE_GOSSIP:
        write_gossip(message->gossip, writer);
        return;
    }
    UNREACHABLE();
}

void peer_message_write(const struct message *message, struct writer *writer)
{
    put_u8(writer, (uint8_t)message->kind);
    const size_t length_at = writer->used;
    put_u32(writer, 0);
    write_content(message, writer);
    CHECK(writer_ok(writer));
    struct writer length;
    writer_init(&length, writer->data + length_at, sizeof(uint32_t));
    put_u32(&length, (uint32_t)(writer->used - length_at - sizeof(uint32_t)));
}

bool peer_piece_next(struct reader *body, struct peer_piece *ret_piece)
{
    if (reader_done(body))
        return false;
    const uint8_t kind = take_u8(body);
    const uint32_t bytes = take_u32(body);
    const uint8_t *data = take_bytes(body, bytes);
    if (!reader_ok(body))
        return false;
    *ret_piece = (struct peer_piece){.kind = kind, .data = data, .bytes = bytes};
    return true;
}

static bool take_rest(struct reader *reader, const uint8_t **ret_data, uint32_t *ret_bytes)
{
    *ret_bytes = (uint32_t)reader_left(reader);
    *ret_data = take_bytes(reader, *ret_bytes);
    return *ret_bytes > 0;
}

static bool read_summary(struct summary_message *summary, struct reader *reader)
{
    const uint8_t whole = take_u8(reader);
    summary->whole = whole == 1;
    return whole <= 1 && take_rest(reader, &summary->data, &summary->bytes);
}

/* Only what says why somebody cannot join. */
static bool read_refused(struct refused_message *refused, struct reader *reader)
{
    const uint8_t status = take_u8(reader);
    refused->status = (enum status)status;
    return status == STATUS_CONFLICT || status == STATUS_FULL;
}

/* False: it is malformed, though the reader may be well. */
static bool read_content(struct message *message, struct arena *arena, struct reader *reader)
{
    switch (message->kind) {
    case MESSAGE_GROUP:
        return peer_group_read(&message->group, arena, reader);
    case MESSAGE_LEARNED:
        read_learned(&message->learned, reader);
        return true;
    case MESSAGE_FORWARD:
        return read_forward(&message->forward, arena, reader);
    case MESSAGE_RESULTS:
        return peer_results_read(&message->results, arena, reader);
    case MESSAGE_SUMMARY:
        return read_summary(&message->summary, reader);
    case MESSAGE_PULL:
        message->pull.range = take_u32(reader);
        message->pull.epoch = take_u64(reader);
        return true;
    case MESSAGE_JOIN:
        return take_rest(reader, &message->join.member, &message->join.bytes);
    case MESSAGE_REFUSED:
        return read_refused(&message->refused, reader);
    case MESSAGE_SYSTEM_PULL:
        message->system_pull.have = take_u64(reader);
        message->system_pull.index = take_u64(reader);
        message->system_pull.chunk = take_u32(reader);
        return true;
    case MESSAGE_SNAPSHOT:
        return read_snapshot(&message->snapshot, reader);
    case MESSAGE_SNAPSHOT_TAKEN:
        read_taken(&message->snapshot_taken, reader);
        return true;
    case MESSAGE_GOSSIP:
        return read_gossip(message, arena, reader);
    }
    UNREACHABLE();
}

enum status peer_message_read(struct message *ret_message, struct arena *arena,
                              const struct peer_piece *piece)
{
    if (piece->kind < MESSAGE_GROUP || piece->kind > MESSAGE_GOSSIP)
        return STATUS_UNSUPPORTED;
    struct message message = {.kind = (enum message_kind)piece->kind};
    struct reader reader;
    reader_init(&reader, piece->data, piece->bytes);
    if (!read_content(&message, arena, &reader) || !reader_done(&reader))
        return STATUS_INVALID;
    *ret_message = message;
    return STATUS_OK;
}
