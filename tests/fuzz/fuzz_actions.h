/* tests/fuzz/fuzz_actions.h -- What must hold of actions that were read, whatever they were written
 * in: they keep the contract's limits, and go through the log and through protobuf unchanged. */
#ifndef CAIRN_TESTS_FUZZ_FUZZ_ACTIONS_H
#define CAIRN_TESTS_FUZZ_FUZZ_ACTIONS_H

#include "cluster/hunt/definition.h"
#include "proto/actions.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_HUNT 7

static inline void check_same_action(const struct action *a, const struct action *b)
{
    CHECK(a->kind == b->kind);
    CHECK(a->hunt == b->hunt);
    CHECK(a->seq == b->seq);
    CHECK(a->time_ms == b->time_ms);
    CHECK(player_id_equal(&a->player, &b->player));
    CHECK(a->x == b->x);
    CHECK(a->y == b->y);
    CHECK(player_id_equal(&a->to, &b->to));
    CHECK(emoji_equal(&a->emoji, &b->emoji));
}

static inline void check_limits(const struct action *action, enum plane plane)
{
    CHECK(action->hunt == FUZZ_HUNT);
    CHECK(action->seq >= SEQ_MIN);
    if (action->kind == ACTION_REACTION) {
        CHECK(action->emoji.length >= 1);
        CHECK(action->emoji.length <= EMOJI_BYTES_MAX);
        CHECK(strlen(action->emoji.text) == action->emoji.length);
        CHECK(utf8_prefix(action->emoji.text, action->emoji.length) == action->emoji.length);
        return;
    }
    CHECK(action->kind == ACTION_CLAIM);
    const int32_t x_max = plane == PLANE_GEO ? LONGITUDE_MAX : COORDINATE_MAX;
    const int32_t y_max = plane == PLANE_GEO ? LATITUDE_MAX : COORDINATE_MAX;
    CHECK(action->x >= -x_max && action->x <= x_max);
    CHECK(action->y >= -y_max && action->y <= y_max);
}

static inline void check_log_form(const struct action *action)
{
    uint8_t bytes[ACTION_BYTES_MAX];
    uint8_t again[ACTION_BYTES_MAX];
    struct writer writer;
    struct reader reader;
    struct action decoded;
    writer_init(&writer, bytes, sizeof bytes);
    action_encode(action, &writer);
    CHECK(writer_ok(&writer));
    reader_init(&reader, bytes, writer.used);
    CHECK(action_decode(&decoded, &reader));
    CHECK(reader_done(&reader));
    check_same_action(action, &decoded);
    const size_t used = writer.used;
    writer_init(&writer, again, sizeof again);
    action_encode(&decoded, &writer);
    CHECK(writer.used == used);
    CHECK(memcmp(bytes, again, used) == 0);
}

/* Written in protobuf they are read as the same actions, and written again as the same bytes. */
static inline void check_protobuf_form(const struct request_actions *actions, enum plane plane)
{
    struct arena arena;
    struct request_fault fault;
    struct actions_request request;
    struct request_actions again;
    arena_init(&arena);
    const struct actions_bytes bytes = actions_request_write(&arena, "h", actions);
    CHECK(actions_request_read(&request, &arena, bytes, true, &fault) == STATUS_OK);
    CHECK(strcmp(request.hunt.text, "h") == 0);
    CHECK(actions_read(&again, &request, FUZZ_HUNT, plane, &fault) == STATUS_OK);
    CHECK(again.count == actions->count);
    for (uint32_t i = 0; i < again.count; i++)
        check_same_action(&actions->list[i], &again.list[i]);
    const struct actions_bytes second = actions_request_write(&arena, "h", &again);
    CHECK(second.bytes == bytes.bytes);
    CHECK(memcmp(second.data, bytes.data, bytes.bytes) == 0);
    free(again.list);
    arena_fini(&arena);
}

static inline void check_actions(const struct request_actions *actions, enum plane plane)
{
    CHECK(actions->count >= 1);
    CHECK(actions->count <= ACTIONS_PER_REQUEST_MAX);
    for (uint32_t i = 0; i < actions->count; i++) {
        uint32_t same = 0;
        check_limits(&actions->list[i], plane);
        check_log_form(&actions->list[i]);
        for (uint32_t k = 0; k <= i; k++)
            same += player_id_equal(&actions->list[i].player, &actions->list[k].player) ? 1 : 0;
        CHECK(same <= ACTIONS_PER_PLAYER_MAX);
    }
    check_protobuf_form(actions, plane);
}

static inline void check_fault(const struct request_fault *fault)
{
    CHECK(fault->status == 400 || fault->status == 422);
    CHECK(fault->code != NULL && fault->code[0] != '\0');
    CHECK(memchr(fault->field, 0, sizeof fault->field) != NULL);
    CHECK(memchr(fault->detail, 0, sizeof fault->detail) != NULL);
    CHECK(fault->detail[0] != '\0');
    /* They stand in the answer as they are. */
    CHECK(utf8_prefix(fault->field, strlen(fault->field)) == strlen(fault->field));
    CHECK(utf8_prefix(fault->detail, strlen(fault->detail)) == strlen(fault->detail));
}

#endif
