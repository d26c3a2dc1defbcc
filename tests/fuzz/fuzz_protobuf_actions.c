/* POST /hunt in protobuf: a byte of flags, then the body; and an answer, as clients read it. */
#include "proto/actions.h"
#include "tests/fuzz/fuzz_actions.h"

static void read_actions(const struct actions_request *request, enum plane plane)
{
    struct request_actions actions;
    struct request_fault fault;
    const enum status status = actions_read(&actions, request, FUZZ_HUNT, plane, &fault);
    if (status != STATUS_OK) {
        CHECK(status == STATUS_INVALID);
        check_fault(&fault);
        return;
    }
    check_actions(&actions, plane);
    free(actions.list);
}

static void read_request(struct actions_bytes body, bool names_hunt)
{
    struct arena arena;
    struct actions_request request;
    struct request_fault fault;
    arena_init(&arena);
    const enum status status = actions_request_read(&request, &arena, body, names_hunt, &fault);
    if (status == STATUS_OK) {
        CHECK(!names_hunt || request.hunt.text[0] != '\0');
        read_actions(&request, PLANE_FLAT);
        read_actions(&request, PLANE_GEO);
    } else {
        CHECK(status == STATUS_INVALID);
        check_fault(&fault);
    }
    arena_fini(&arena);
}

/* What a client made of it, written as a server would, is read as the same. */
static void read_reply(struct actions_bytes body)
{
    struct arena arena;
    struct actions_results results;
    struct actions_results again;
    arena_init(&arena);
    if (actions_reply_read(&results, &arena, body) == STATUS_OK) {
        const struct actions_bytes bytes =
            actions_reply_write(&arena, results.list, (uint32_t)results.count);
        CHECK(actions_reply_read(&again, &arena, bytes) == STATUS_OK);
        CHECK(again.count == results.count);
        for (size_t i = 0; i < again.count; i++) {
            CHECK(player_id_equal(&again.list[i].player, &results.list[i].player));
            CHECK(again.list[i].seq == results.list[i].seq);
            CHECK(again.list[i].outcome == results.list[i].outcome);
            CHECK(again.list[i].points == results.list[i].points);
        }
    }
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    size_t bytes;
    const uint8_t flags = fuzz_u8(&input);
    uint8_t *body = fuzz_bytes(&input, SIZE_MAX, &bytes);
    if ((flags & 2) != 0)
        read_reply((struct actions_bytes){body, bytes});
    else
        read_request((struct actions_bytes){body, bytes}, (flags & 1) == 0);
    free(body);
    return 0;
}
