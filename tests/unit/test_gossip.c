/* tests/unit/test_gossip.c -- Membership's messages in protobuf: what is taken and what is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "cluster/base/rng.h"
#include "proto/gossip.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct member_details details;
static struct member_hints hints;
static struct rumour rumours[GOSSIP_RUMOURS_MAX + 1];
static uint64_t buckets[GOSSIP_BUCKETS];

/* Everything at its largest. */
static struct gossip full(uint32_t rumour_count)
{
    memset(&details, 'a', sizeof details);
    details.name.text[NAME_LENGTH_MAX] = details.zone.text[NAME_LENGTH_MAX] = '\0';
    details.peer[ADDRESS_LENGTH_MAX] = details.http[ADDRESS_LENGTH_MAX] = '\0';
    memset(&hints, 0xff, sizeof hints);
    hints.skewed = true;
    for (uint32_t i = 0; i < rumour_count; i++) {
        rumours[i] = (struct rumour){
            .id = UINT64_MAX - i,
            .life = {UINT64_MAX, INCARNATION_MAX, LIVENESS_SUSPECT},
            .accusation_count = OBSERVERS_MAX,
            .details = &details,
            .hints = &hints,
        };
        for (uint32_t j = 0; j < OBSERVERS_MAX; j++)
            rumours[i].accusations[j] = (struct accusation){UINT64_MAX - j, j % 2 == 1};
    }
    for (uint32_t i = 0; i < GOSSIP_BUCKETS; i++)
        buckets[i] = UINT64_MAX - i;
    return (struct gossip){
        .kind = GOSSIP_VIEW,
        .probe = UINT32_MAX,
        .target = UINT64_MAX,
        .digest = UINT64_MAX - 1,
        .physical_us = UINT64_MAX - 2,
        .wanted = UINT64_MAX - 3,
        .buckets = buckets,
        .rumours = rumours,
        .rumour_count = rumour_count,
    };
}

static void assert_rumour(const struct rumour *a, const struct rumour *b)
{
    assert_true(a->id == b->id);
    assert_int_equal(life_compare(&a->life, &b->life), 0);
    assert_int_equal(a->accusation_count, b->accusation_count);
    for (uint32_t i = 0; i < a->accusation_count; i++) {
        assert_true(a->accusations[i].observer == b->accusations[i].observer);
        assert_int_equal(a->accusations[i].refused, b->accusations[i].refused);
    }
    assert_int_equal(a->details == NULL, b->details == NULL);
    assert_int_equal(a->hints == NULL, b->hints == NULL);
    if (a->details != NULL && b->details != NULL) {
        assert_string_equal(a->details->name.text, b->details->name.text);
        assert_string_equal(a->details->zone.text, b->details->zone.text);
        assert_string_equal(a->details->peer, b->details->peer);
        assert_string_equal(a->details->http, b->details->http);
    }
    if (a->hints != NULL && b->hints != NULL) {
        assert_int_equal(a->hints->version, b->hints->version);
        assert_int_equal(a->hints->actions_per_s, b->hints->actions_per_s);
        assert_int_equal(a->hints->players, b->hints->players);
        assert_int_equal(a->hints->clock_offset_us, b->hints->clock_offset_us);
        assert_int_equal(a->hints->clock_error_us, b->hints->clock_error_us);
        assert_int_equal(a->hints->skewed, b->hints->skewed);
        assert_memory_equal(a->hints->leads, b->hints->leads, sizeof a->hints->leads);
    }
}

static void assert_comes_back(const struct gossip *message)
{
    struct gossip read;
    assert_int_equal(gossip_read(&read, &arena, gossip_write(&arena, message)), STATUS_OK);
    assert_int_equal(read.kind, message->kind);
    assert_int_equal(read.probe, message->probe);
    assert_true(read.target == message->target);
    assert_true(read.digest == message->digest);
    assert_true(read.physical_us == message->physical_us);
    assert_true(read.wanted == message->wanted);
    assert_int_equal(read.buckets == NULL, message->buckets == NULL);
    if (read.buckets != NULL)
        assert_memory_equal(read.buckets, message->buckets, sizeof buckets);
    assert_int_equal(read.rumour_count, message->rumour_count);
    for (uint32_t i = 0; i < read.rumour_count && message->rumours != NULL; i++)
        assert_rumour(&read.rumours[i], &message->rumours[i]);
}

static void the_largest_message_comes_back(void **state)
{
    (void)state;
    const struct gossip message = full(GOSSIP_RUMOURS_MAX);
    assert_true(gossip_write(&arena, &message).bytes <= GOSSIP_BYTES_MAX);
    assert_comes_back(&message);
}

static void the_smallest_messages_come_back(void **state)
{
    (void)state;
    for (int kind = GOSSIP_PING; kind <= GOSSIP_VIEW; kind++) {
        const struct gossip message = {.kind = (enum gossip_kind)kind};
        assert_comes_back(&message);
    }
    /* An idle ping is about as small as its number and its digest. */
    const struct gossip ping = {.kind = GOSSIP_PING, .probe = 1000, .digest = UINT64_MAX};
    assert_int_equal(gossip_write(&arena, &ping).bytes, 14);
}

static void the_map_of_ranges_comes_back_wherever_it_is_set(void **state)
{
    (void)state;
    struct gossip message = full(1);
    for (uint32_t range = 0; range < RANGES_MAX; range += 17) {
        memset(hints.leads, 0, sizeof hints.leads);
        hints.leads[range / 8] |= (uint8_t)(1 << range % 8);
        assert_comes_back(&message);
        hints.leads[0] |= 1;
        assert_comes_back(&message);
    }
    memset(hints.leads, 0, sizeof hints.leads);
    assert_comes_back(&message);
    assert_false(member_hints_lead(&hints, 9));
    hints.leads[1] = 2;
    assert_true(member_hints_lead(&hints, 9));
}

/* Bytes by hand. */

struct body {
    uint8_t data[GOSSIP_BYTES_MAX + 1];
    size_t used;
};

static struct body body;

static void put_number(uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        body.data[body.used++] = (uint8_t)(value | 0x80);
    body.data[body.used++] = (uint8_t)value;
}

static void put_whole(uint32_t tag, uint64_t value)
{
    put_number((uint64_t)tag << 3);
    put_number(value);
}

/* A field of bytes, all of them `fill`. */
static void put_block(uint32_t tag, size_t bytes, int fill)
{
    put_number((uint64_t)tag << 3 | 2);
    put_number(bytes);
    memset(body.data + body.used, fill, bytes);
    body.used += bytes;
}

static enum status read_body(void)
{
    struct gossip message;
    const enum status status =
        gossip_read(&message, &arena, (struct gossip_bytes){body.data, body.used});
    body.used = 0;
    return status;
}

static void put_rumour(const uint8_t *data, size_t bytes)
{
    put_number(8 << 3 | 2);
    put_number(bytes);
    memcpy(body.data + body.used, data, bytes);
    body.used += bytes;
}

/* A rumour with one field of one field: details (6) or hints (7), whose field `tag` has so many
 * bytes. */
static enum status read_inner(uint32_t outer, uint32_t tag, size_t bytes, int fill)
{
    body.used = 0;
    put_block(tag, bytes, fill);
    uint8_t inner[1024], rumour[2048];
    const size_t inner_bytes = body.used;
    memcpy(inner, body.data, inner_bytes);
    body.used = 0;
    if (outer == 6 && tag != 1)
        put_block(1, 1, 'n');
    const size_t name_bytes = body.used;
    memcpy(rumour, body.data, name_bytes);
    memcpy(rumour + name_bytes, inner, inner_bytes);
    body.used = 0;
    put_number((uint64_t)outer << 3 | 2);
    put_number(name_bytes + inner_bytes);
    memcpy(body.data + body.used, rumour, name_bytes + inner_bytes);
    body.used += name_bytes + inner_bytes;
    const size_t all = body.used;
    memcpy(rumour, body.data, all);
    body.used = 0;
    put_rumour(rumour, all);
    return read_body();
}

static void texts_have_limits(void **state)
{
    (void)state;
    for (uint32_t tag = 1; tag <= 2; tag++) {
        assert_int_equal(read_inner(6, tag, NAME_LENGTH_MAX, 'a'), STATUS_OK);
        assert_int_equal(read_inner(6, tag, NAME_LENGTH_MAX + 1, 'a'), STATUS_INVALID);
        assert_int_equal(read_inner(6, tag, 3, 'A'), STATUS_INVALID);
        assert_int_equal(read_inner(6, tag, 3, '\0'), STATUS_INVALID);
    }
    for (uint32_t tag = 3; tag <= 4; tag++) {
        assert_int_equal(read_inner(6, tag, ADDRESS_LENGTH_MAX, 'a'), STATUS_OK);
        assert_int_equal(read_inner(6, tag, ADDRESS_LENGTH_MAX + 1, 'a'), STATUS_INVALID);
        assert_int_equal(read_inner(6, tag, 3, '\0'), STATUS_INVALID);
    }
    assert_int_equal(read_inner(6, 1, 0, 'a'), STATUS_INVALID); /* no name */
    assert_int_equal(read_inner(7, 8, RANGES_MAX / 8, 1), STATUS_OK);
    assert_int_equal(read_inner(7, 8, RANGES_MAX / 8 + 1, 1), STATUS_INVALID);
}

static void counts_have_limits(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < GOSSIP_RUMOURS_MAX; i++)
        put_block(8, 0, 0);
    assert_int_equal(read_body(), STATUS_OK);
    for (uint32_t i = 0; i < GOSSIP_RUMOURS_MAX + 1; i++)
        put_block(8, 0, 0);
    assert_int_equal(read_body(), STATUS_INVALID);

    uint8_t accusations[2 * (OBSERVERS_MAX + 1)];
    for (uint32_t i = 0; i <= OBSERVERS_MAX; i++) {
        accusations[2 * i] = 5 << 3 | 2;
        accusations[2 * i + 1] = 0;
    }
    put_rumour(accusations, 2 * OBSERVERS_MAX);
    assert_int_equal(read_body(), STATUS_OK);
    put_rumour(accusations, sizeof accusations);
    assert_int_equal(read_body(), STATUS_INVALID);

    put_block(6, GOSSIP_BUCKETS * 8, 1);
    assert_int_equal(read_body(), STATUS_OK);
    put_block(6, GOSSIP_BUCKETS * 8 - 1, 1);
    assert_int_equal(read_body(), STATUS_INVALID);
    put_block(6, GOSSIP_BUCKETS * 8 + 1, 1);
    assert_int_equal(read_body(), STATUS_INVALID);
}

static void the_map_of_ranges_must_fit(void **state)
{
    (void)state;
    /* leads_from 127 and one byte; then two. */
    const uint8_t fits[] = {7 << 3 | 2, 5, 7 << 3, 127, 8 << 3 | 2, 1, 1};
    put_rumour(fits, sizeof fits);
    assert_int_equal(read_body(), STATUS_OK);
    const uint8_t over[] = {7 << 3 | 2, 6, 7 << 3, 127, 8 << 3 | 2, 2, 1, 1};
    put_rumour(over, sizeof over);
    assert_int_equal(read_body(), STATUS_INVALID);
    const uint8_t far[] = {7 << 3 | 2, 3, 7 << 3, 0x81, 1};
    put_rumour(far, sizeof far);
    assert_int_equal(read_body(), STATUS_INVALID);
}

static void other_types_and_repeated_fields_are_refused(void **state)
{
    (void)state;
    put_whole(1, GOSSIP_PING);
    put_whole(1, GOSSIP_PING);
    assert_int_equal(read_body(), STATUS_INVALID);
    put_block(1, 1, 1);
    assert_int_equal(read_body(), STATUS_INVALID);
    put_whole(3, 1);
    assert_int_equal(read_body(), STATUS_INVALID);
    put_whole(2, UINT32_MAX);
    assert_int_equal(read_body(), STATUS_OK);
    put_whole(2, UINT64_C(1) << 32);
    assert_int_equal(read_body(), STATUS_INVALID);
    const uint8_t liveness[] = {4 << 3, LIVENESS_COUNT};
    put_rumour(liveness, sizeof liveness);
    assert_int_equal(read_body(), STATUS_INVALID);
    const uint8_t twice[] = {6 << 3 | 2, 3, 1 << 3 | 2, 1, 'a', 6 << 3 | 2, 3, 1 << 3 | 2, 1, 'a'};
    put_rumour(twice, 5);
    assert_int_equal(read_body(), STATUS_OK);
    put_rumour(twice, sizeof twice);
    assert_int_equal(read_body(), STATUS_INVALID);
}

static void fields_of_later_versions_are_passed_over(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 16; i++)
        put_whole(100 + i, 1);
    assert_int_equal(read_body(), STATUS_OK);
    for (uint32_t i = 0; i < 17; i++)
        put_whole(100 + i, 1);
    assert_int_equal(read_body(), STATUS_INVALID);
    put_whole(1, 1000); /* a kind of a later version */
    assert_int_equal(read_body(), STATUS_OK);
}

static void a_message_that_is_too_long_is_not_looked_at(void **state)
{
    (void)state;
    put_block(100, GOSSIP_BYTES_MAX - 5, 1);
    assert_int_equal(body.used, GOSSIP_BYTES_MAX);
    assert_int_equal(read_body(), STATUS_OK);
    memset(body.data, 0, sizeof body.data);
    body.used = GOSSIP_BYTES_MAX + 1;
    assert_int_equal(read_body(), STATUS_TOO_LARGE);
}

static void what_is_cut_short_is_refused_or_less(void **state)
{
    (void)state;
    const struct gossip message = full(3);
    const struct gossip_bytes bytes = gossip_write(&arena, &message);
    uint32_t refused = 0;
    for (size_t i = 0; i < bytes.bytes; i++) {
        struct gossip read;
        refused += gossip_read(&read, &arena, (struct gossip_bytes){bytes.data, i}) != STATUS_OK;
        arena_reset(&arena, 1 << 24);
    }
    /* It may end where a field does. */
    assert_true(refused > bytes.bytes - 20);
}

static void damaged_bytes_are_harmless(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    const struct gossip message = full(2);
    const struct gossip_bytes bytes = gossip_write(&arena, &message);
    static uint8_t kept[8192], copy[8192];
    assert_true(bytes.bytes <= sizeof kept);
    const size_t size = bytes.bytes;
    memcpy(kept, bytes.data, size);
    for (uint32_t round = 0; round < 20000; round++) {
        memcpy(copy, kept, size);
        for (uint64_t flips = rng_between(&rng, 1, 4); flips > 0; flips--) {
            const uint64_t at = rng_below(&rng, size);
            copy[at] = (uint8_t)rng_next(&rng);
        }
        struct gossip read;
        const size_t some = rng_chance(&rng, 1, 2) ? size : (size_t)rng_below(&rng, size);
        if (gossip_read(&read, &arena, (struct gossip_bytes){copy, some}) == STATUS_OK)
            (void)gossip_write(&arena, &read);
        arena_reset(&arena, 1 << 24);
    }
}

#define FACT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(the_largest_message_comes_back),
        FACT(the_smallest_messages_come_back),
        FACT(the_map_of_ranges_comes_back_wherever_it_is_set),
        FACT(texts_have_limits),
        FACT(counts_have_limits),
        FACT(the_map_of_ranges_must_fit),
        FACT(other_types_and_repeated_fields_are_refused),
        FACT(fields_of_later_versions_are_passed_over),
        FACT(a_message_that_is_too_long_is_not_looked_at),
        FACT(what_is_cut_short_is_refused_or_less),
        FACT(damaged_bytes_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
