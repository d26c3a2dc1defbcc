/* tests/unit/test_action.c -- What stands in the log must read back as what was written, and
 * nothing else may read as an action. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/values/action.h"

static const struct player_id ann = {{0x4b, 0xe0, 0x64, 0x3f, 0x1d, 0x98, 0x57, 0x3b, 0x97, 0xcd,
                                      0xca, 0x98, 0xa6, 0x53, 0x47, 0xdd}};
static const struct player_id bob = {{9, 8, 7}};

static struct action a_claim(void)
{
    return (struct action){.kind = ACTION_CLAIM,
                           .hunt = 0x1234,
                           .seq = 0x89abcdef,
                           .player = ann,
                           .time_ms = -2,
                           .x = 1200,
                           .y = -340};
}

static struct action a_reaction(void)
{
    struct action action = {.kind = ACTION_REACTION,
                            .hunt = 7,
                            .seq = 1,
                            .player = ann,
                            .time_ms = INT64_MAX,
                            .to = bob};
    action.emoji.length =
        (uint8_t)snprintf(action.emoji.text, sizeof action.emoji.text, "\U0001F525");
    return action;
}

static void assert_same_action(const struct action *a, const struct action *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->hunt, b->hunt);
    assert_int_equal(a->seq, b->seq);
    assert_true(player_id_equal(&a->player, &b->player));
    assert_true(a->time_ms == b->time_ms);
    assert_int_equal(a->x, b->x);
    assert_int_equal(a->y, b->y);
    assert_true(player_id_equal(&a->to, &b->to));
    assert_true(emoji_equal(&a->emoji, &b->emoji));
}

static size_t encode(const struct action *action, uint8_t bytes[ACTION_BYTES_MAX])
{
    struct writer writer;
    writer_init(&writer, bytes, ACTION_BYTES_MAX);
    action_encode(action, &writer);
    assert_true(writer_ok(&writer));
    return writer.used;
}

static bool decodes(const uint8_t *bytes, size_t size, struct action *ret_action)
{
    struct reader reader;
    reader_init(&reader, bytes, size);
    const bool decoded = action_decode(ret_action, &reader);
    assert_int_equal(decoded, reader_ok(&reader));
    return decoded && reader_done(&reader);
}

static void assert_round_trip(const struct action *action)
{
    uint8_t bytes[ACTION_BYTES_MAX];
    const size_t size = encode(action, bytes);
    struct action decoded;
    assert_true(decodes(bytes, size, &decoded));
    assert_same_action(action, &decoded);
}

static void the_layout_of_a_claim_is_fixed(void **state)
{
    (void)state;
    static const uint8_t expected[] = {1,    0x34, 0x12, 0xef, 0xcd, 0xab, 0x89, 0x4b, 0xe0, 0x64,
                                       0x3f, 0x1d, 0x98, 0x57, 0x3b, 0x97, 0xcd, 0xca, 0x98, 0xa6,
                                       0x53, 0x47, 0xdd, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xb0, 0x04, 0,    0,    0xac, 0xfe, 0xff, 0xff};
    const struct action action = a_claim();
    uint8_t bytes[ACTION_BYTES_MAX];
    assert_int_equal(encode(&action, bytes), sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
}

static void claims_read_back_at_the_ends_of_their_ranges(void **state)
{
    (void)state;
    struct action action = a_claim();
    assert_round_trip(&action);
    action.x = COORDINATE_MAX;
    action.y = -COORDINATE_MAX;
    action.seq = SEQ_MAX;
    action.hunt = UINT16_MAX;
    action.time_ms = INT64_MIN;
    assert_round_trip(&action);
    action.seq = SEQ_MIN;
    action.time_ms = INT64_MAX;
    assert_round_trip(&action);
}

static void reactions_read_back_with_the_shortest_and_the_longest_emoji(void **state)
{
    (void)state;
    struct action action = a_reaction();
    assert_round_trip(&action);
    action.emoji = (struct emoji){.length = 1, .text = "x"};
    assert_round_trip(&action);
    action.emoji.length = EMOJI_BYTES_MAX;
    memset(action.emoji.text, 'y', EMOJI_BYTES_MAX);
    assert_round_trip(&action);
}

static void what_cannot_be_an_action_is_refused(void **state)
{
    (void)state;
    const struct action claim = a_claim(), reaction = a_reaction();
    const struct action untouched = {.seq = 77};
    struct action decoded = untouched;
    uint8_t bytes[ACTION_BYTES_MAX];

    size_t size = encode(&claim, bytes);
    for (unsigned kind = 0; kind <= UINT8_MAX; kind++) {
        bytes[0] = (uint8_t)kind;
        if (kind != ACTION_CLAIM && kind != ACTION_REACTION)
            assert_false(decodes(bytes, size, &decoded));
    }
    encode(&claim, bytes);
    memset(bytes + 3, 0, 4); /* seq 0 */
    assert_false(decodes(bytes, size, &decoded));
    for (size_t at = 31; at <= 35; at += 4) { /* x, then y of -2^31 */
        encode(&claim, bytes);
        memcpy(bytes + at, "\0\0\0\x80", 4);
        assert_false(decodes(bytes, size, &decoded));
    }
    size = encode(&reaction, bytes);
    bytes[47] = 0; /* an emoji without bytes */
    assert_false(decodes(bytes, size, &decoded));
    memset(bytes, 'z', sizeof bytes);
    encode(&reaction, bytes);
    bytes[47] = EMOJI_BYTES_MAX + 1;
    assert_false(decodes(bytes, sizeof bytes, &decoded));
    encode(&reaction, bytes);
    bytes[49] = 0; /* a zero inside */
    assert_false(decodes(bytes, size, &decoded));
    assert_same_action(&decoded, &untouched);
}

static void every_shorter_form_is_refused(void **state)
{
    (void)state;
    const struct action actions[] = {a_claim(), a_reaction()};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[ACTION_BYTES_MAX];
        const size_t size = encode(&actions[i], bytes);
        for (size_t shorter = 0; shorter < size; shorter++) {
            struct action decoded;
            assert_false(decodes(bytes, shorter, &decoded));
        }
    }
}

/* There is one form for each action, so whatever still reads writes the same bytes. */
static void damaged_forms_are_refused_or_are_another_action(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 20);
    const struct action actions[] = {a_claim(), a_reaction()};
    uint32_t still_valid = 0;
    for (uint32_t round = 0; round < 20000; round++) {
        uint8_t bytes[ACTION_BYTES_MAX], again[ACTION_BYTES_MAX];
        const size_t size = encode(&actions[round % 2], bytes);
        const size_t at = rng_below(&rng, size);
        bytes[at] ^= (uint8_t)rng_between(&rng, 1, UINT8_MAX);
        struct action decoded;
        if (!decodes(bytes, size, &decoded))
            continue;
        still_valid++;
        assert_int_equal(encode(&decoded, again), size);
        assert_memory_equal(bytes, again, size);
    }
    assert_in_range(still_valid, 10000, 19999);
}

static void a_writer_without_room_says_so(void **state)
{
    (void)state;
    const struct action actions[] = {a_claim(), a_reaction()};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[ACTION_BYTES_MAX];
        const size_t size = encode(&actions[i], bytes);
        struct writer writer;
        writer_init(&writer, bytes, size - 1);
        action_encode(&actions[i], &writer);
        assert_false(writer_ok(&writer));
    }
}

static void the_content_is_what_was_done_and_when(void **state)
{
    (void)state;
    const struct action claim = a_claim(), reaction = a_reaction();
    struct action same = claim;
    same.seq = 1;
    same.hunt = 1;
    same.player = bob;
    assert_true(action_content(&same) == action_content(&claim));

    struct action other[7] = {claim, claim, claim, reaction, reaction, reaction, reaction};
    other[0].x++;
    other[1].y++;
    other[2].time_ms++;
    other[3].to.bytes[15]++;
    other[4].time_ms--;
    other[5].emoji.text[0]++;
    other[6].emoji.length--;
    for (size_t i = 0; i < 7; i++) {
        const struct action *was = i < 3 ? &claim : &reaction;
        assert_true(action_content(&other[i]) != action_content(was));
    }
}

static void contents_do_not_change_from_one_build_to_the_next(void **state)
{
    (void)state;
    const struct action claim = a_claim(), reaction = a_reaction();
    assert_true(action_content(&claim) == UINT64_C(0x528d2633bbdeb5ed));
    assert_true(action_content(&reaction) == UINT64_C(0x5d69cb5a0780d926));
}

static void each_outcome_has_its_word(void **state)
{
    (void)state;
    static const char *const words[] = {
        "none",     "found",        "pending",    "won",        "lost",     "tap",
        "nothing",  "already",      "sold_out",   "closed",     "not_open", "ended",
        "too_fast", "rate_limited", "clock_skew", "expired",    "reacted",  "invalid",
        "stale",    "conflict",     "full",       "unavailable"};
    assert_int_equal(sizeof words / sizeof words[0], OUTCOME_COUNT);
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        assert_string_equal(outcome_name((enum outcome)i), words[i]);
}

static void four_outcomes_are_accepted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
        const enum outcome outcome = (enum outcome)i;
        const bool expected = outcome == OUTCOME_FOUND || outcome == OUTCOME_PENDING ||
                              outcome == OUTCOME_WON || outcome == OUTCOME_LOST;
        assert_int_equal(outcome_accepted(outcome), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout_of_a_claim_is_fixed),
        cmocka_unit_test(claims_read_back_at_the_ends_of_their_ranges),
        cmocka_unit_test(reactions_read_back_with_the_shortest_and_the_longest_emoji),
        cmocka_unit_test(what_cannot_be_an_action_is_refused),
        cmocka_unit_test(every_shorter_form_is_refused),
        cmocka_unit_test(damaged_forms_are_refused_or_are_another_action),
        cmocka_unit_test(a_writer_without_room_says_so),
        cmocka_unit_test(the_content_is_what_was_done_and_when),
        cmocka_unit_test(contents_do_not_change_from_one_build_to_the_next),
        cmocka_unit_test(each_outcome_has_its_word),
        cmocka_unit_test(four_outcomes_are_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
