/* Messages between nodes: what is sealed opens for whom it is meant, and for nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "cluster/base/rng.h"
#include "proto/envelope.h"

static uint8_t message[ENVELOPE_MESSAGE_MAX];
static uint8_t plain[ENVELOPE_BODY_MAX];
static uint8_t room[ENVELOPE_ROOM];

static const struct seal_ring no_keys;

static struct seal_ring keys(uint8_t first, uint32_t count)
{
    struct seal_ring ring = {.count = count};
    for (uint32_t i = 0; i < count; i++) {
        memset(ring.keys[i].bytes, first + (int)i, SEAL_KEY_BYTES);
        ring.keys[i].id = seal_key_id(ring.keys[i].bytes);
    }
    return ring;
}

static const struct envelope sent = {
    .cluster = 77,
    .node = 1001,
    .boot = 3,
    .number = 12345,
    .to_node = 2002,
    .to_boot = 9,
    .heard = 54321,
    .stamp = UINT64_C(7331840000000000001),
};

static struct envelope_reader receiver(const struct seal_ring *ring)
{
    return (struct envelope_reader){.cluster = 77, .node = 2002, .boot = 9, .ring = ring};
}

static enum envelope_fault open_as(const struct envelope_reader *reader, size_t bytes)
{
    struct envelope envelope;
    size_t body_bytes;
    return envelope_open(&envelope, reader, message, bytes, room, &body_bytes);
}

static void comes_through(const struct seal_ring *ring, size_t body_bytes)
{
    const struct envelope_reader reader = receiver(ring);
    const size_t bytes = envelope_close(&sent, ring, plain, body_bytes, message);
    assert_true(bytes <= envelope_bytes_max(body_bytes));
    struct envelope envelope;
    size_t opened;
    assert_int_equal(ENVELOPE_OK, envelope_open(&envelope, &reader, message, bytes, room, &opened));
    assert_memory_equal(&envelope, &sent, sizeof sent);
    assert_int_equal(opened, body_bytes);
    assert_memory_equal(room, plain, body_bytes);
}

static void a_body_of_any_length_comes_through(void **state)
{
    (void)state;
    static const size_t lengths[] = {
        0, 1, ENVELOPE_LZ4_BYTES - 1, ENVELOPE_LZ4_BYTES, 100000, ENVELOPE_BODY_MAX};
    const struct seal_ring ring = keys(1, 1);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memset(plain, 'a', lengths[i]); /* shrinks */
        comes_through(&no_keys, lengths[i]);
        comes_through(&ring, lengths[i]);
        struct rng rng;
        rng_init(&rng, i);
        for (size_t at = 0; at < lengths[i]; at++)
            plain[at] = (uint8_t)rng_next(&rng); /* does not */
        comes_through(&no_keys, lengths[i]);
        comes_through(&ring, lengths[i]);
    }
}

static void a_long_body_of_the_same_is_sent_in_less(void **state)
{
    (void)state;
    memset(plain, 'a', 100000);
    assert_true(envelope_close(&sent, &no_keys, plain, 100000, message) < 2000);
}

static void whoever_it_is_not_for_does_not_open_it(void **state)
{
    (void)state;
    const struct seal_ring ring = keys(1, 1);
    const size_t bytes = envelope_close(&sent, &ring, "hello", 5, message);
    struct envelope_reader reader = receiver(&ring);
    reader.cluster = 78;
    assert_int_equal(ENVELOPE_OTHER_CLUSTER, open_as(&reader, bytes));
    reader = receiver(&ring);
    reader.node = 2003;
    assert_int_equal(ENVELOPE_OTHER_NODE, open_as(&reader, bytes));
    reader = receiver(&ring);
    reader.boot = 10;
    assert_int_equal(ENVELOPE_OTHER_NODE, open_as(&reader, bytes));
    reader = receiver(&ring);
    reader.node = sent.node;
    assert_int_equal(ENVELOPE_OTHER_NODE, open_as(&reader, bytes));
}

static void a_first_contact_names_neither_cluster_nor_receiver(void **state)
{
    (void)state;
    const struct envelope contact = {.node = 1001, .boot = 3, .number = 1};
    const size_t bytes = envelope_close(&contact, &no_keys, "join", 4, message);
    const struct envelope_reader reader = receiver(&no_keys);
    assert_int_equal(ENVELOPE_OK, open_as(&reader, bytes));
    struct envelope_reader outsider = receiver(&no_keys);
    outsider.cluster = 0;
    const size_t answer = envelope_close(&sent, &no_keys, "welcome", 7, message);
    assert_int_equal(ENVELOPE_OK, open_as(&outsider, answer));
}

static void every_key_of_the_ring_opens_and_no_other(void **state)
{
    (void)state;
    const struct seal_ring old = keys(1, 1);
    const struct seal_ring both = keys(0, 2); /* seals with 0, opens 0 and 1 */
    const struct seal_ring other = keys(50, SEAL_KEYS_MAX);
    const size_t bytes = envelope_close(&sent, &old, "hello", 5, message);
    struct envelope_reader reader = receiver(&both);
    assert_int_equal(ENVELOPE_OK, open_as(&reader, bytes));
    reader = receiver(&other);
    assert_int_equal(ENVELOPE_OTHER_KEY, open_as(&reader, bytes));
    struct seal_ring liar = other;
    liar.keys[3].id = old.keys[0].id;
    reader = receiver(&liar);
    assert_int_equal(ENVELOPE_FORGED, open_as(&reader, bytes));
}

static void sealed_and_plain_do_not_mix(void **state)
{
    (void)state;
    const struct seal_ring ring = keys(1, 1);
    size_t bytes = envelope_close(&sent, &no_keys, "hello", 5, message);
    struct envelope_reader reader = receiver(&ring);
    assert_int_equal(ENVELOPE_NOT_SEALED, open_as(&reader, bytes));
    bytes = envelope_close(&sent, &ring, "hello", 5, message);
    reader = receiver(&no_keys);
    assert_int_equal(ENVELOPE_NOT_SEALED, open_as(&reader, bytes));
}

static void another_version_is_told_from_garbage(void **state)
{
    (void)state;
    const struct envelope_reader reader = receiver(&no_keys);
    const size_t bytes = envelope_close(&sent, &no_keys, "hello", 5, message);
    message[3]++;
    assert_int_equal(ENVELOPE_OTHER_VERSION, open_as(&reader, bytes));
    message[0]++;
    assert_int_equal(ENVELOPE_GARBAGE, open_as(&reader, bytes));
    assert_int_equal(ENVELOPE_GARBAGE, open_as(&reader, 0));
    assert_int_equal(ENVELOPE_GARBAGE, open_as(&reader, ENVELOPE_BYTES - 1));
}

/* Flips each bit, and cuts at each length: nothing of it may open. */
static void damage_is_refused(const struct seal_ring *ring, size_t body_bytes)
{
    const struct envelope_reader reader = receiver(ring);
    const size_t bytes = envelope_close(&sent, ring, plain, body_bytes, message);
    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        message[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_not_equal(ENVELOPE_OK, open_as(&reader, bytes));
        message[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t cut = 0; cut < bytes; cut++)
        assert_int_not_equal(ENVELOPE_OK, open_as(&reader, cut));
    assert_int_equal(ENVELOPE_OK, open_as(&reader, bytes));
}

static void damage_anywhere_is_refused(void **state)
{
    (void)state;
    const struct seal_ring ring = keys(1, 1);
    memset(plain, 'x', 1000);
    plain[0] = 'h';
    damage_is_refused(&no_keys, 5);
    damage_is_refused(&ring, 5);
    damage_is_refused(&no_keys, 1000); /* compressed */
    damage_is_refused(&ring, 1000);
    damage_is_refused(&no_keys, 0);
    damage_is_refused(&ring, 0);
}

static void a_body_that_would_grow_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    const struct envelope_reader reader = receiver(&no_keys);
    const size_t bytes = envelope_close(&sent, &no_keys, "hello", 5, message);
    const uint32_t declared = ENVELOPE_BODY_MAX + 1;
    memcpy(message + 72, &declared, sizeof declared);
    assert_int_equal(ENVELOPE_GARBAGE, open_as(&reader, bytes));
    assert_int_equal(ENVELOPE_GARBAGE, open_as(&reader, ENVELOPE_MESSAGE_MAX + 1));
}

static void every_fault_has_a_name(void **state)
{
    (void)state;
    for (int fault = 0; fault < ENVELOPE_FAULTS; fault++)
        assert_non_null(envelope_fault_name((enum envelope_fault)fault));
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_any_length_comes_through),
        cmocka_unit_test(a_long_body_of_the_same_is_sent_in_less),
        cmocka_unit_test(whoever_it_is_not_for_does_not_open_it),
        cmocka_unit_test(a_first_contact_names_neither_cluster_nor_receiver),
        cmocka_unit_test(every_key_of_the_ring_opens_and_no_other),
        cmocka_unit_test(sealed_and_plain_do_not_mix),
        cmocka_unit_test(another_version_is_told_from_garbage),
        cmocka_unit_test(damage_anywhere_is_refused),
        cmocka_unit_test(a_body_that_would_grow_beyond_the_limit_is_refused),
        cmocka_unit_test(every_fault_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
