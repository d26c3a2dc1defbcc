/* What peers send: a body of pieces. Each is a message or not; what is one has no list over its
 * limit, and written again it is the same bytes, but for gossip. */
#include "cluster/values/effects.h"
#include "proto/peer_group.h"
#include "proto/peer_message.h"
#include "tests/fuzz/fuzz.h"

static void check_group(const struct group_message *group)
{
    if (group->type != GROUP_APPEND)
        return;
    CHECK(group->append.count <= PEER_ENTRIES_MAX);
    for (uint32_t i = 0; i < group->append.count; i++)
        CHECK(group->append.entries[i].bytes <= PEER_ENTRY_BYTES_MAX);
}

static void check_limits(const struct message *message)
{
    if (message->kind == MESSAGE_GROUP)
        check_group(&message->group);
    if (message->kind == MESSAGE_FORWARD)
        CHECK(message->forward.count >= 1 && message->forward.count <= FORWARD_ACTIONS_MAX);
    if (message->kind == MESSAGE_RESULTS)
        CHECK(message->results.count >= 1 && message->results.count <= FORWARD_ACTIONS_MAX);
    if (message->kind == MESSAGE_SNAPSHOT)
        CHECK(message->snapshot.bytes >= 1 && message->snapshot.bytes <= SNAPSHOT_CHUNK_BYTES_MAX);
}

static void check_written(const struct message *message, const struct peer_piece *piece)
{
    const size_t room = peer_message_bytes_max(message);
    uint8_t *data = malloc(room);
    CHECK(data != NULL);
    struct writer writer;
    writer_init(&writer, data, room);
    peer_message_write(message, &writer);
    CHECK(writer_ok(&writer));
    CHECK(data[0] == piece->kind);
    if (message->kind != MESSAGE_GOSSIP) { /* protobuf has many forms: fuzz_gossip */
        CHECK(writer.used == PEER_PIECE_HEAD + piece->bytes);
        CHECK(memcmp(data + PEER_PIECE_HEAD, piece->data, piece->bytes) == 0);
    }
    free(data);
}

static void read_piece(struct arena *arena, const struct peer_piece *piece)
{
    struct message message;
    const enum status status = peer_message_read(&message, arena, piece);
    CHECK(status == STATUS_OK || status == STATUS_INVALID || status == STATUS_UNSUPPORTED);
    if (status != STATUS_OK)
        return;
    CHECK(message.kind == (enum message_kind)piece->kind);
    check_limits(&message);
    check_written(&message, piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    size_t bytes;
    uint8_t *copy = fuzz_bytes(&input, size, &bytes);
    struct arena arena;
    arena_init(&arena);
    struct reader body;
    struct peer_piece piece;
    reader_init(&body, copy, bytes);
    while (peer_piece_next(&body, &piece))
        read_piece(&arena, &piece);
    CHECK(!reader_ok(&body) || reader_done(&body));
    arena_fini(&arena);
    free(copy);
    return 0;
}
