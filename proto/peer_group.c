/* u32 group, u8 type, u64 from, u64 to, u64 from node, u64 term, then by type:
 *   append         u64 previous index, u64 previous term, u64 commit, u64 everywhere, u32 count,
 * each entry: u64 term, u8 type, u32 bytes, its data append result  u64 rejected, u64 last index
 *   vote           u64 last index, u64 last term, u8 flags (1 disrupt leader, 2 pre-vote)
 *   vote result    u8 flags (1 granted, 2 pre-vote)
 *   timeout now    u64 last index, u64 last term */
#include "proto/peer_group.h"

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"

#define HEAD_BYTES  80 /* more than any message without its entries takes */
#define ENTRY_BYTES 13

size_t peer_group_bytes(const struct group_message *message)
{
    size_t bytes = HEAD_BYTES;
    if (message->type != GROUP_APPEND)
        return bytes;
    for (uint32_t i = 0; i < message->append.count; i++)
        bytes += ENTRY_BYTES + message->append.entries[i].bytes;
    return bytes;
}

static void write_append(const struct group_message *message, struct writer *writer)
{
    put_u64(writer, message->append.previous_index);
    put_u64(writer, message->append.previous_term);
    put_u64(writer, message->append.commit);
    put_u64(writer, message->append.everywhere);
    put_u32(writer, message->append.count);
    for (uint32_t i = 0; i < message->append.count; i++) {
        const struct log_entry *entry = &message->append.entries[i];
        put_u64(writer, entry->term);
        put_u8(writer, (uint8_t)entry->type);
        put_u32(writer, entry->bytes);
        put_bytes(writer, entry->data, entry->bytes);
    }
}

void peer_group_write(const struct group_message *message, struct writer *writer)
{
    put_u32(writer, message->group);
    put_u8(writer, (uint8_t)message->type);
    put_u64(writer, message->from);
    put_u64(writer, message->to);
    put_u64(writer, message->from_node);
    put_u64(writer, message->term);
    switch (message->type) {
    case GROUP_APPEND:
        write_append(message, writer);
        return;
    case GROUP_APPEND_RESULT:
        put_u64(writer, message->append_result.rejected);
        put_u64(writer, message->append_result.last_index);
        return;
    case GROUP_VOTE:
        put_u64(writer, message->vote.last_index);
        put_u64(writer, message->vote.last_term);
        put_u8(writer, (uint8_t)(message->vote.disrupt_leader | message->vote.pre_vote << 1));
        return;
    case GROUP_VOTE_RESULT:
        put_u8(writer,
               (uint8_t)(message->vote_result.granted | message->vote_result.pre_vote << 1));
        return;
    case GROUP_TIMEOUT_NOW:
        put_u64(writer, message->timeout_now.last_index);
        put_u64(writer, message->timeout_now.last_term);
        return;
    }
    UNREACHABLE();
}

static bool read_entry(struct log_entry *entry, struct reader *reader)
{
    entry->term = take_u64(reader);
    const uint8_t type = take_u8(reader);
    entry->bytes = take_u32(reader);
    if (type < ENTRY_COMMAND || type > ENTRY_CHANGE || entry->bytes > PEER_ENTRY_BYTES_MAX)
        return false;
    entry->type = (enum entry_type)type;
    entry->data = take_bytes(reader, entry->bytes);
    return reader_ok(reader);
}

static bool read_append(struct group_message *message, struct arena *arena, struct reader *reader)
{
    message->append.previous_index = take_u64(reader);
    message->append.previous_term = take_u64(reader);
    message->append.commit = take_u64(reader);
    message->append.everywhere = take_u64(reader);
    const uint32_t count = take_u32(reader);
    if (!reader_ok(reader) || count > PEER_ENTRIES_MAX)
        return false;
    struct log_entry *entries = arena_take(arena, (count + 1) * sizeof *entries);
    for (uint32_t i = 0; i < count; i++) {
        if (!read_entry(&entries[i], reader))
            return false;
    }
    message->append.entries = entries;
    message->append.count = count;
    return true;
}

/* Two flags; false: there are others. */
static bool read_flags(struct reader *reader, bool *ret_first, bool *ret_second)
{
    const uint8_t flags = take_u8(reader);
    *ret_first = (flags & 1) != 0;
    *ret_second = (flags & 2) != 0;
    return flags <= 3;
}

static bool read_by_type(struct group_message *message, struct arena *arena, struct reader *reader)
{
    switch (message->type) {
    case GROUP_APPEND:
        return read_append(message, arena, reader);
    case GROUP_APPEND_RESULT:
        message->append_result.rejected = take_u64(reader);
        message->append_result.last_index = take_u64(reader);
        return true;
    case GROUP_VOTE:
        message->vote.last_index = take_u64(reader);
        message->vote.last_term = take_u64(reader);
        return read_flags(reader, &message->vote.disrupt_leader, &message->vote.pre_vote);
    case GROUP_VOTE_RESULT:
        return read_flags(reader, &message->vote_result.granted, &message->vote_result.pre_vote);
    case GROUP_TIMEOUT_NOW:
        message->timeout_now.last_index = take_u64(reader);
        message->timeout_now.last_term = take_u64(reader);
        return true;
    }
    return false;
}

bool peer_group_read(struct group_message *message, struct arena *arena, struct reader *reader)
{
    *message = (struct group_message){.group = take_u32(reader)};
    message->type = (enum group_message_type)take_u8(reader);
    message->from = take_u64(reader);
    message->to = take_u64(reader);
    message->from_node = take_u64(reader);
    message->term = take_u64(reader);
    return reader_ok(reader) && read_by_type(message, arena, reader);
}
