/* u32 count, each: u64 number, u8 flags (1 judged, 2 final, 4 replayed), then
 *   judged      16 bytes player, u32 seq, u8 outcome, u16 treasure, u32 points, i64 score, u64
 * epoch, u64 hlc, u32 range, u64 log index, u32 version, u64 final epoch not judged  u64 leader's
 * node, u64 its term */
#include "proto/peer_results.h"

#include <string.h>

#include "cluster/base/check.h"

#define FLAG_JUDGED   1
#define FLAG_FINAL    2
#define FLAG_REPLAYED 4

static void write_result(const struct result *result, struct writer *writer)
{
    put_bytes(writer, result->player.bytes, sizeof result->player.bytes);
    put_u32(writer, result->seq);
    put_u8(writer, (uint8_t)result->outcome);
    put_u16(writer, result->treasure);
    put_u32(writer, result->points);
    put_i64(writer, result->score);
    put_u64(writer, result->epoch);
    put_u64(writer, result->hlc);
    put_u32(writer, result->range);
    put_u64(writer, result->log_index);
    put_u32(writer, result->definition_version);
    put_u64(writer, result->final_epoch);
}

static void write_one(const struct forwarded_result *forwarded, struct writer *writer)
{
    put_u64(writer, forwarded->number);
    if (!forwarded->judged) {
        put_u8(writer, 0);
        put_u64(writer, forwarded->leader.node);
        put_u64(writer, forwarded->leader.term);
        return;
    }
    const struct result *result = &forwarded->result;
    put_u8(writer, (uint8_t)(FLAG_JUDGED | (result->final ? FLAG_FINAL : 0) |
                             (result->replayed ? FLAG_REPLAYED : 0)));
    write_result(result, writer);
}

void peer_results_write(const struct results_message *message, struct writer *writer)
{
    CHECK(message->count <= FORWARD_ACTIONS_MAX);
    put_u32(writer, message->count);
    for (uint32_t i = 0; i < message->count; i++)
        write_one(&message->list[i], writer);
}

static bool read_result(struct result *result, uint8_t flags, struct reader *reader)
{
    *result = (struct result){.final = (flags & FLAG_FINAL) != 0,
                              .replayed = (flags & FLAG_REPLAYED) != 0};
    const uint8_t *player = take_bytes(reader, sizeof result->player.bytes);
    if (player == NULL)
        return false;
    memcpy(result->player.bytes, player, sizeof result->player.bytes);
    result->seq = take_u32(reader);
    const uint8_t outcome = take_u8(reader);
    result->treasure = take_u16(reader);
    result->points = take_u32(reader);
    result->score = take_i64(reader);
    result->epoch = take_u64(reader);
    result->hlc = take_u64(reader);
    result->range = take_u32(reader);
    result->log_index = take_u64(reader);
    result->definition_version = take_u32(reader);
    result->final_epoch = take_u64(reader);
    if (outcome == OUTCOME_NONE || outcome >= OUTCOME_COUNT ||
        (result->treasure >= TREASURE_NUMBERS_MAX && result->treasure != TREASURE_NONE))
        return false;
    result->outcome = (enum outcome)outcome;
    return true;
}

static bool read_one(struct forwarded_result *forwarded, struct reader *reader)
{
    *forwarded = (struct forwarded_result){.number = take_u64(reader)};
    const uint8_t flags = take_u8(reader);
    if (flags == 0) {
        forwarded->leader.node = take_u64(reader);
        forwarded->leader.term = take_u64(reader);
        return true;
    }
    forwarded->judged = true;
    return (flags & FLAG_JUDGED) != 0 && flags < 8 &&
           read_result(&forwarded->result, flags, reader);
}

bool peer_results_read(struct results_message *message, struct arena *arena, struct reader *reader)
{
    const uint32_t count = take_u32(reader);
    if (!reader_ok(reader) || count == 0 || count > FORWARD_ACTIONS_MAX)
        return false;
    struct forwarded_result *list = arena_take(arena, count * sizeof *list);
    for (uint32_t i = 0; i < count; i++) {
        if (!read_one(&list[i], reader))
            return false;
    }
    message->list = list;
    message->count = count;
    return true;
}
