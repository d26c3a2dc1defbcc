/* tests/unit/test_peer_message.c -- What nodes say to each other survives as bytes; what is cut,
 * changed or too much is refused, and costs nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/values/effects.h"
#include "proto/peer_group.h"
#include "proto/peer_message.h"

static uint8_t blob[64] = "eight by eight bytes that nobody looks into, but which must come";

static const struct log_entry entries[] = {
    {.term = 7, .type = ENTRY_COMMAND, .data = blob, .bytes = 16},
    {.term = 7, .type = ENTRY_BARRIER, .data = blob, .bytes = 0},
    {.term = 8, .type = ENTRY_CHANGE, .data = blob, .bytes = 24},
};

static const struct forwarded_action actions[] = {
    {.number = 1,
     .action = {.kind = ACTION_CLAIM,
                .hunt = HUNTS_MAX - 1,
                .seq = 4,
                .player = {.bytes = {1}},
                .time_ms = -5,
                .x = -COORDINATE_MAX,
                .y = INT32_MAX}},
    {.number = UINT64_MAX,
     .action = {.kind = ACTION_REACTION,
                .seq = 5,
                .player = {.bytes = {2}},
                .time_ms = 6,
                .to = {.bytes = {3}},
                .emoji = {.length = 4, .text = "\xf0\x9f\x94\xa5"}}},
};

static const struct forwarded_result results[] = {
    {.number = 3, .leader = {.node = 12, .term = 4}},
    {.number = 4,
     .judged = true,
     .result = {.player = {.bytes = {4}},
                .seq = 9,
                .outcome = OUTCOME_WON,
                .treasure = TREASURE_NUMBERS_MAX - 1,
                .points = 100,
                .score = INT64_MIN,
                .epoch = 5,
                .hlc = UINT64_MAX,
                .range = 3,
                .log_index = 8,
                .definition_version = 2,
                .final_epoch = 6,
                .final = true}},
    {.number = 5,
     .judged = true,
     .result = {.outcome = OUTCOME_UNAVAILABLE, .treasure = TREASURE_NONE, .replayed = true}},
};

#define GROUP(how, ...)                                                                            \
    {                                                                                              \
        .kind = MESSAGE_GROUP, .group = {                                                          \
            .group = 5,                                                                            \
            .type = how,                                                                           \
            .from = 1,                                                                             \
            .to = 2,                                                                               \
            .from_node = 3,                                                                        \
            .term = 4,                                                                             \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

/* One of each. */
static const struct message samples[] = {
    GROUP(GROUP_APPEND, .append = {.previous_index = 6,
                                   .previous_term = 5,
                                   .commit = 4,
                                   .everywhere = 3,
                                   .entries = entries,
                                   .count = 3}),
    GROUP(GROUP_APPEND, .append = {.commit = 1}),
    GROUP(GROUP_APPEND_RESULT, .append_result = {.rejected = 9, .last_index = 10}),
    GROUP(GROUP_VOTE, .vote = {.last_index = 11, .last_term = 12, .disrupt_leader = true}),
    GROUP(GROUP_VOTE, .vote = {.last_index = 11, .last_term = 12, .pre_vote = true}),
    GROUP(GROUP_VOTE_RESULT, .vote_result = {.granted = true}),
    GROUP(GROUP_VOTE_RESULT, .vote_result = {.pre_vote = true}),
    GROUP(GROUP_TIMEOUT_NOW, .timeout_now = {.last_index = 13, .last_term = 14}),
    {.kind = MESSAGE_LEARNED,
     .learned = {.range = 1, .hunt = 2, .version = 3, .promise = UINT64_MAX}},
    {.kind = MESSAGE_FORWARD, .forward = {.list = actions, .count = 2}},
    {.kind = MESSAGE_RESULTS, .results = {.list = results, .count = 3}},
    {.kind = MESSAGE_SUMMARY, .summary = {.whole = true, .data = blob, .bytes = 64}},
    {.kind = MESSAGE_SUMMARY, .summary = {.data = blob, .bytes = 1}},
    {.kind = MESSAGE_PULL, .pull = {.range = 7, .epoch = 8}},
    {.kind = MESSAGE_JOIN, .join = {.member = blob, .bytes = 40}},
    {.kind = MESSAGE_REFUSED, .refused = {.status = STATUS_CONFLICT}},
    {.kind = MESSAGE_REFUSED, .refused = {.status = STATUS_FULL}},
    {.kind = MESSAGE_SYSTEM_PULL, .system_pull = {.have = 1, .index = 2, .chunk = 3}},
    {.kind = MESSAGE_SNAPSHOT,
     .snapshot = {.group = 1,
                  .to = 2,
                  .from_node = 3,
                  .raft_term = 4,
                  .index = 5,
                  .term = 6,
                  .chunk = 7,
                  .last = true,
                  .data = blob,
                  .bytes = 33}},
    {.kind = MESSAGE_SNAPSHOT_TAKEN,
     .snapshot_taken = {.group = 1, .from = 2, .to = 3, .index = 4, .chunks = 5}},
};
#define SAMPLES (sizeof samples / sizeof samples[0])

/* A body in a heap block of just its size, so that a sanitizer sees a read past its end. */
struct body {
    uint8_t *data;
    size_t bytes;
};

static struct body copy_of(const void *data, size_t bytes)
{
    struct body body = {.data = malloc(bytes > 0 ? bytes : 1), .bytes = bytes};
    assert_non_null(body.data);
    if (bytes > 0)
        memcpy(body.data, data, bytes);
    return body;
}

static struct body written(const struct message *message)
{
    const size_t room = peer_message_bytes_max(message);
    uint8_t *data = malloc(room);
    assert_non_null(data);
    struct writer writer;
    writer_init(&writer, data, room);
    peer_message_write(message, &writer);
    assert_true(writer_ok(&writer));
    const struct body body = copy_of(data, writer.used);
    free(data);
    return body;
}

/* The only piece of a body, or what there is instead. */
static enum status read_body(const struct body *body, struct arena *arena, struct message *ret)
{
    struct reader reader;
    struct peer_piece piece;
    reader_init(&reader, body->data, body->bytes);
    if (!peer_piece_next(&reader, &piece))
        return STATUS_INVALID;
    return peer_message_read(ret, arena, &piece);
}

static enum status read_message(const struct message *message)
{
    struct body body = written(message);
    struct arena arena;
    arena_init(&arena);
    struct message read = {0};
    const enum status status = read_body(&body, &arena, &read);
    arena_fini(&arena);
    free(body.data);
    return status;
}

/* Equal bytes are equal messages: the layouts leave nothing out, as the next test shows. */
static void every_kind_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct body body = written(&samples[i]);
        struct arena arena;
        arena_init(&arena);
        struct message read = {0};
        assert_int_equal(STATUS_OK, read_body(&body, &arena, &read));
        assert_int_equal(samples[i].kind, read.kind);
        struct body again = written(&read);
        assert_int_equal(body.bytes, again.bytes);
        assert_memory_equal(body.data, again.data, body.bytes);
        free(again.data);
        arena_fini(&arena);
        free(body.data);
    }
}

static void nothing_of_an_append_is_left_out(void **state)
{
    (void)state;
    struct body body = written(&samples[0]);
    struct arena arena;
    arena_init(&arena);
    struct message read = {0};
    assert_int_equal(STATUS_OK, read_body(&body, &arena, &read));
    assert_int_equal(5, read.group.group);
    assert_int_equal(1, read.group.from);
    assert_int_equal(2, read.group.to);
    assert_int_equal(3, read.group.from_node);
    assert_int_equal(4, read.group.term);
    assert_int_equal(6, read.group.append.previous_index);
    assert_int_equal(5, read.group.append.previous_term);
    assert_int_equal(4, read.group.append.commit);
    assert_int_equal(3, read.group.append.everywhere);
    assert_int_equal(3, read.group.append.count);
    for (uint32_t i = 0; i < 3; i++) {
        const struct log_entry *entry = &read.group.append.entries[i];
        assert_int_equal(entries[i].term, entry->term);
        assert_int_equal(entries[i].type, entry->type);
        assert_int_equal(entries[i].bytes, entry->bytes);
        assert_memory_equal(blob, entry->data, entry->bytes);
    }
    arena_fini(&arena);
    free(body.data);
}

static void nothing_of_a_result_is_left_out(void **state)
{
    (void)state;
    struct body body = written(&samples[10]);
    struct arena arena;
    arena_init(&arena);
    struct message read = {0};
    assert_int_equal(STATUS_OK, read_body(&body, &arena, &read));
    assert_int_equal(3, read.results.count);
    assert_false(read.results.list[0].judged);
    assert_int_equal(12, read.results.list[0].leader.node);
    assert_int_equal(4, read.results.list[0].leader.term);
    const struct result *wanted = &results[1].result;
    const struct result *result = &read.results.list[1].result;
    assert_true(player_id_equal(&wanted->player, &result->player));
    assert_int_equal(wanted->seq, result->seq);
    assert_int_equal(wanted->outcome, result->outcome);
    assert_int_equal(wanted->treasure, result->treasure);
    assert_int_equal(wanted->points, result->points);
    assert_true(wanted->score == result->score);
    assert_int_equal(wanted->epoch, result->epoch);
    assert_true(wanted->hlc == result->hlc);
    assert_int_equal(wanted->range, result->range);
    assert_int_equal(wanted->log_index, result->log_index);
    assert_int_equal(wanted->definition_version, result->definition_version);
    assert_int_equal(wanted->final_epoch, result->final_epoch);
    assert_true(result->final && !result->replayed);
    assert_true(read.results.list[2].result.replayed && !read.results.list[2].result.final);
    arena_fini(&arena);
    free(body.data);
}

/* Kinds whose content ends with bytes of any length are messages when they are cut there too. */
static bool may_be_shorter(enum message_kind kind)
{
    return kind == MESSAGE_SUMMARY || kind == MESSAGE_JOIN || kind == MESSAGE_SNAPSHOT;
}

static void what_is_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct body body = written(&samples[i]);
        for (size_t bytes = 0; bytes < body.bytes; bytes++) {
            struct body cut = copy_of(body.data, bytes);
            struct arena arena;
            arena_init(&arena);
            struct message read = {0};
            /* The piece says more than there is ... */
            assert_int_equal(STATUS_INVALID, read_body(&cut, &arena, &read));
            /* ... or no more than that. */
            if (bytes >= PEER_PIECE_HEAD) {
                const size_t left = bytes - PEER_PIECE_HEAD;
                for (unsigned k = 0; k < 4; k++)
                    cut.data[1 + k] = (uint8_t)(left >> (8 * k));
                const enum status status = read_body(&cut, &arena, &read);
                assert_true(status == STATUS_INVALID || may_be_shorter(samples[i].kind));
            }
            arena_fini(&arena);
            free(cut.data);
        }
        free(body.data);
    }
}

static void what_goes_on_after_its_end_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        if (may_be_shorter(samples[i].kind))
            continue;
        struct body body = written(&samples[i]);
        struct body longer = {.data = calloc(1, body.bytes + 1), .bytes = body.bytes + 1};
        assert_non_null(longer.data);
        memcpy(longer.data, body.data, body.bytes);
        longer.data[1]++;
        struct arena arena;
        arena_init(&arena);
        struct message read = {0};
        assert_int_equal(STATUS_INVALID, read_body(&longer, &arena, &read));
        arena_fini(&arena);
        free(longer.data);
        free(body.data);
    }
}

/* What every receiver may take for granted. */
static void assert_within_limits(const struct message *message, size_t bytes)
{
    switch (message->kind) {
    case MESSAGE_GROUP:
        if (message->group.type != GROUP_APPEND)
            break;
        assert_true(message->group.append.count <= PEER_ENTRIES_MAX);
        for (uint32_t i = 0; i < message->group.append.count; i++)
            assert_true(message->group.append.entries[i].bytes <= PEER_ENTRY_BYTES_MAX);
        break;
    case MESSAGE_FORWARD:
        assert_in_range(message->forward.count, 1, FORWARD_ACTIONS_MAX);
        for (uint32_t i = 0; i < message->forward.count; i++)
            assert_true(message->forward.list[i].action.hunt < HUNTS_MAX);
        break;
    case MESSAGE_RESULTS:
        assert_in_range(message->results.count, 1, FORWARD_ACTIONS_MAX);
        for (uint32_t i = 0; i < message->results.count; i++) {
            const struct forwarded_result *each = &message->results.list[i];
            assert_true(!each->judged || (each->result.outcome > OUTCOME_NONE &&
                                          each->result.outcome < OUTCOME_COUNT));
        }
        break;
    case MESSAGE_SUMMARY:
        assert_in_range(message->summary.bytes, 1, bytes);
        break;
    case MESSAGE_JOIN:
        assert_in_range(message->join.bytes, 1, bytes);
        break;
    case MESSAGE_SNAPSHOT:
        assert_in_range(message->snapshot.bytes, 1, SNAPSHOT_CHUNK_BYTES_MAX);
        break;
    default:
        break;
    }
}

static void assert_harmless(const struct body *body)
{
    struct body copy = copy_of(body->data, body->bytes);
    struct arena arena;
    arena_init(&arena);
    struct message read = {0};
    const enum status status = read_body(&copy, &arena, &read);
    if (status == STATUS_OK) {
        assert_within_limits(&read, copy.bytes);
        struct body again = written(&read);
        assert_memory_equal(copy.data, again.data, again.bytes);
        free(again.data);
    } else {
        assert_true(status == STATUS_INVALID || status == STATUS_UNSUPPORTED);
    }
    arena_fini(&arena);
    free(copy.data);
}

static void a_changed_byte_never_does_harm(void **state)
{
    (void)state;
    static const uint8_t others[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    for (size_t i = 0; i < SAMPLES; i++) {
        struct body body = written(&samples[i]);
        for (size_t at = 0; at < body.bytes; at++) {
            const uint8_t right = body.data[at];
            for (unsigned bit = 0; bit < 8; bit++) {
                body.data[at] = (uint8_t)(right ^ (1U << bit));
                assert_harmless(&body);
            }
            for (size_t k = 0; k < sizeof others; k++) {
                body.data[at] = others[k];
                assert_harmless(&body);
            }
            body.data[at] = right;
        }
        free(body.data);
    }
}

/* ---- Limits: at and above; below is in the samples. */

static enum status read_actions(uint32_t count)
{
    struct forwarded_action *list = calloc(count, sizeof *list);
    assert_non_null(list);
    for (uint32_t i = 0; i < count; i++)
        list[i] = actions[0];
    const struct message message = {.kind = MESSAGE_FORWARD,
                                    .forward = {.list = list, .count = count}};
    const enum status status = read_message(&message);
    free(list);
    return status;
}

static void actions_in_a_message_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(STATUS_OK, read_actions(FORWARD_ACTIONS_MAX - 1));
    assert_int_equal(STATUS_OK, read_actions(FORWARD_ACTIONS_MAX));
    assert_int_equal(STATUS_INVALID, read_actions(FORWARD_ACTIONS_MAX + 1));
    const struct message none = {.kind = MESSAGE_FORWARD};
    assert_int_equal(STATUS_INVALID, read_message(&none));
}

/* Nobody writes more, so the count is changed in the bytes. */
static enum status read_results(uint32_t count)
{
    struct forwarded_result *list = calloc(FORWARD_ACTIONS_MAX, sizeof *list);
    assert_non_null(list);
    const uint32_t fit = count < FORWARD_ACTIONS_MAX ? count : FORWARD_ACTIONS_MAX;
    const struct message message = {.kind = MESSAGE_RESULTS,
                                    .results = {.list = list, .count = fit}};
    struct body body = written(&message);
    const size_t each = sizeof(uint64_t) + 1 + 2 * sizeof(uint64_t);
    const size_t content = sizeof(uint32_t) + count * each;
    uint8_t *data = calloc(1, PEER_PIECE_HEAD + content);
    assert_non_null(data);
    memcpy(data, body.data, body.bytes);
    for (unsigned k = 0; k < 4; k++) {
        data[1 + k] = (uint8_t)(content >> (8 * k));
        data[PEER_PIECE_HEAD + k] = (uint8_t)(count >> (8 * k));
    }
    free(body.data);
    body = (struct body){.data = data, .bytes = PEER_PIECE_HEAD + content};
    struct arena arena;
    arena_init(&arena);
    struct message read = {0};
    const enum status status = read_body(&body, &arena, &read);
    arena_fini(&arena);
    free(data);
    free(list);
    return status;
}

static void results_in_a_message_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(STATUS_INVALID, read_results(0));
    assert_int_equal(STATUS_OK, read_results(1));
    assert_int_equal(STATUS_OK, read_results(FORWARD_ACTIONS_MAX - 1));
    assert_int_equal(STATUS_OK, read_results(FORWARD_ACTIONS_MAX));
    assert_int_equal(STATUS_INVALID, read_results(FORWARD_ACTIONS_MAX + 1));
}

static enum status read_entries(uint32_t count, uint32_t bytes)
{
    struct log_entry *list = calloc(count, sizeof *list);
    uint8_t *data = calloc(1, bytes);
    assert_non_null(list);
    assert_non_null(data);
    for (uint32_t i = 0; i < count; i++)
        list[i] =
            (struct log_entry){.term = 1, .type = ENTRY_COMMAND, .data = data, .bytes = bytes};
    const struct message message = GROUP(GROUP_APPEND, .append = {.entries = list, .count = count});
    const enum status status = read_message(&message);
    free(data);
    free(list);
    return status;
}

static void entries_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(STATUS_OK, read_entries(PEER_ENTRIES_MAX - 1, 8));
    assert_int_equal(STATUS_OK, read_entries(PEER_ENTRIES_MAX, 8));
    assert_int_equal(STATUS_INVALID, read_entries(PEER_ENTRIES_MAX + 1, 8));
    assert_int_equal(STATUS_OK, read_entries(1, PEER_ENTRY_BYTES_MAX - 8));
    assert_int_equal(STATUS_OK, read_entries(1, PEER_ENTRY_BYTES_MAX));
    assert_int_equal(STATUS_INVALID, read_entries(1, PEER_ENTRY_BYTES_MAX + 8));
}

static enum status read_chunk(uint32_t bytes)
{
    uint8_t *data = calloc(1, bytes + 1);
    assert_non_null(data);
    const struct message message = {.kind = MESSAGE_SNAPSHOT,
                                    .snapshot = {.data = data, .bytes = bytes}};
    const enum status status = read_message(&message);
    free(data);
    return status;
}

static void chunks_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(STATUS_INVALID, read_chunk(0));
    assert_int_equal(STATUS_OK, read_chunk(1));
    assert_int_equal(STATUS_OK, read_chunk(SNAPSHOT_CHUNK_BYTES_MAX - 1));
    assert_int_equal(STATUS_OK, read_chunk(SNAPSHOT_CHUNK_BYTES_MAX));
    assert_int_equal(STATUS_INVALID, read_chunk(SNAPSHOT_CHUNK_BYTES_MAX + 1));
}

static void an_action_of_a_hunt_that_cannot_be_is_refused(void **state)
{
    (void)state;
    struct forwarded_action one = actions[0];
    const struct message message = {.kind = MESSAGE_FORWARD, .forward = {.list = &one, .count = 1}};
    assert_int_equal(STATUS_OK, read_message(&message));
    one.action.hunt = HUNTS_MAX;
    assert_int_equal(STATUS_INVALID, read_message(&message));
}

/* ---- Gossip, which is protobuf inside (test_gossip). */

static void fill(char *text, size_t bytes)
{
    memset(text, 'x', bytes - 1);
    text[bytes - 1] = '\0';
}

static void the_longest_gossip_has_room(void **state)
{
    (void)state;
    struct member_details details = {0};
    fill(details.name.text, sizeof details.name.text);
    fill(details.zone.text, sizeof details.zone.text);
    fill(details.peer, sizeof details.peer);
    fill(details.http, sizeof details.http);
    struct member_hints hints = {UINT32_MAX, UINT32_MAX, UINT32_MAX, INT32_MIN,
                                 UINT32_MAX, true,       {0}};
    memset(hints.leads, 0xff, sizeof hints.leads);
    static struct rumour rumours[GOSSIP_RUMOURS_MAX];
    for (uint32_t i = 0; i < GOSSIP_RUMOURS_MAX; i++) {
        rumours[i] = (struct rumour){
            .id = UINT64_MAX - i,
            .life = {UINT64_MAX, INCARNATION_MAX, LIVENESS_SUSPECT},
            .accusation_count = OBSERVERS_MAX,
            .details = &details,
            .hints = &hints,
        };
        for (uint32_t j = 0; j < OBSERVERS_MAX; j++)
            rumours[i].accusations[j] = (struct accusation){UINT64_MAX, true};
    }
    uint64_t buckets[GOSSIP_BUCKETS];
    memset(buckets, 0xff, sizeof buckets);
    const struct gossip gossip = {
        .kind = GOSSIP_VIEW,
        .probe = UINT32_MAX,
        .target = UINT64_MAX,
        .digest = UINT64_MAX,
        .physical_us = UINT64_MAX,
        .buckets = buckets,
        .wanted = UINT64_MAX,
        .rumours = rumours,
        .rumour_count = GOSSIP_RUMOURS_MAX,
    };
    const struct message message = {.kind = MESSAGE_GOSSIP, .gossip = &gossip};
    struct body body = written(&message);
    struct arena arena;
    arena_init(&arena);
    struct message read = {0};
    assert_int_equal(STATUS_OK, read_body(&body, &arena, &read));
    assert_int_equal(GOSSIP_RUMOURS_MAX, read.gossip->rumour_count);
    assert_int_equal(UINT64_MAX - 63, read.gossip->rumours[63].id);
    assert_memory_equal(hints.leads, read.gossip->rumours[63].hints->leads, sizeof hints.leads);
    body.data[PEER_PIECE_HEAD] = 0xff; /* no field */
    assert_int_equal(STATUS_INVALID, read_body(&body, &arena, &read));
    arena_fini(&arena);
    free(body.data);
}

/* ---- Bodies of several pieces. */

static void kinds_that_are_not_known_are_passed_over(void **state)
{
    (void)state;
    uint8_t data[200];
    struct writer writer;
    writer_init(&writer, data, sizeof data);
    const uint8_t strange[] = {0, MESSAGE_GOSSIP + 1, PEER_PIECE_NODE, 255};
    for (size_t i = 0; i < sizeof strange; i++) {
        const struct peer_piece piece = {.kind = strange[i], .data = blob, .bytes = (uint32_t)i};
        peer_piece_write(&piece, &writer);
    }
    peer_message_write(&samples[SAMPLES - 1], &writer);
    assert_true(writer_ok(&writer));

    struct reader body;
    struct peer_piece piece;
    struct message read = {0};
    struct arena arena;
    arena_init(&arena);
    reader_init(&body, data, writer.used);
    for (size_t i = 0; i < sizeof strange; i++) {
        assert_true(peer_piece_next(&body, &piece));
        assert_int_equal(strange[i], piece.kind);
        assert_int_equal(i, piece.bytes);
        assert_int_equal(STATUS_UNSUPPORTED, peer_message_read(&read, &arena, &piece));
    }
    assert_true(peer_piece_next(&body, &piece));
    assert_int_equal(STATUS_OK, peer_message_read(&read, &arena, &piece));
    assert_int_equal(MESSAGE_SNAPSHOT_TAKEN, read.kind);
    assert_false(peer_piece_next(&body, &piece));
    assert_true(reader_ok(&body));
    arena_fini(&arena);
}

static void a_body_that_ends_within_a_piece_has_failed(void **state)
{
    (void)state;
    struct body body = written(&samples[SAMPLES - 1]);
    for (size_t bytes = 1; bytes < body.bytes; bytes++) {
        struct reader reader;
        struct peer_piece piece;
        reader_init(&reader, body.data, bytes);
        assert_false(peer_piece_next(&reader, &piece));
        assert_false(reader_ok(&reader));
    }
    free(body.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back_as_it_was),
        cmocka_unit_test(nothing_of_an_append_is_left_out),
        cmocka_unit_test(nothing_of_a_result_is_left_out),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(what_goes_on_after_its_end_is_refused),
        cmocka_unit_test(a_changed_byte_never_does_harm),
        cmocka_unit_test(actions_in_a_message_are_bounded),
        cmocka_unit_test(results_in_a_message_are_bounded),
        cmocka_unit_test(entries_are_bounded),
        cmocka_unit_test(chunks_are_bounded),
        cmocka_unit_test(an_action_of_a_hunt_that_cannot_be_is_refused),
        cmocka_unit_test(the_longest_gossip_has_room),
        cmocka_unit_test(kinds_that_are_not_known_are_passed_over),
        cmocka_unit_test(a_body_that_ends_within_a_piece_has_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
