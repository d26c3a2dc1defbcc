/* tests/unit/test_record.c -- What stands in the logs reads back as it was written, or not at all.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/values/record.h"

static const uint8_t body[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static const struct record samples[] = {
    {.kind = RECORD_ACTIONS,
     .stamp = 77,
     .uncertainty_us = 9,
     .count = 2,
     .body = body,
     .body_bytes = sizeof body},
    {.kind = RECORD_CLOSE, .stamp = 78, .epoch = 179000000},
    {.kind = RECORD_LEARN, .hunt = 63, .version = 5, .body = body, .body_bytes = 8},
    {.kind = RECORD_RESOLVE, .hunt = 1, .version = 5, .epoch = RECORD_NO_EPOCH},
    {.kind = RECORD_BARRIER, .stamp = UINT64_MAX},
    {.kind = RECORD_FOUND, .body = body, .body_bytes = 3},
    {.kind = RECORD_DEFINE, .body = body, .body_bytes = sizeof body},
    {.kind = RECORD_ACTIVATE, .hunt = 2, .version = UINT32_MAX, .epoch = 1},
    {.kind = RECORD_CANCEL, .hunt = 2, .version = 1},
    {.kind = RECORD_MEMBER, .body = body, .body_bytes = 1},
};

#define SAMPLES (sizeof samples / sizeof samples[0])

static void assert_same(const struct record *a, const struct record *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->stamp, b->stamp);
    assert_int_equal(a->uncertainty_us, b->uncertainty_us);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->hunt, b->hunt);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->body_bytes, b->body_bytes);
    if (a->body_bytes > 0)
        assert_memory_equal(a->body, b->body, a->body_bytes);
}

static void every_kind_reads_back_as_it_was_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        uint8_t data[128];
        const size_t bytes = record_bytes(&samples[i]);
        assert_int_equal(bytes % 8, 0);
        assert_int_equal(record_encode(&samples[i], data, bytes), STATUS_OK);
        struct record read;
        assert_int_equal(record_decode(&read, data, bytes), STATUS_OK);
        assert_same(&samples[i], &read);
    }
}

static void a_record_needs_all_its_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        uint8_t data[128];
        assert_int_equal(record_encode(&samples[i], data, record_bytes(&samples[i]) - 1),
                         STATUS_FULL);
    }
}

static void a_cut_or_longer_record_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        uint8_t data[136] = {0};
        const size_t bytes = record_bytes(&samples[i]);
        assert_int_equal(record_encode(&samples[i], data, sizeof data), STATUS_OK);
        struct record read;
        for (size_t cut = 0; cut < bytes; cut++)
            assert_int_equal(record_decode(&read, data, cut), STATUS_INVALID);
        assert_int_equal(record_decode(&read, data, bytes + 8), STATUS_INVALID);
    }
}

/* Whatever a changed byte makes of it, a record that reads is one that writes the same bytes. */
static void a_changed_record_is_canonical_or_none(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 11);
    for (int round = 0; round < 20000; round++) {
        uint8_t data[128];
        const struct record *sample = &samples[rng_below(&rng, SAMPLES)];
        const size_t bytes = record_bytes(sample);
        assert_int_equal(record_encode(sample, data, bytes), STATUS_OK);
        data[rng_below(&rng, bytes)] ^= (uint8_t)rng_between(&rng, 1, 255);
        struct record read;
        if (record_decode(&read, data, bytes) != STATUS_OK)
            continue;
        uint8_t again[128];
        assert_int_equal(record_bytes(&read), bytes);
        assert_int_equal(record_encode(&read, again, bytes), STATUS_OK);
        assert_memory_equal(again, data, bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_reads_back_as_it_was_written),
        cmocka_unit_test(a_record_needs_all_its_room),
        cmocka_unit_test(a_cut_or_longer_record_is_none),
        cmocka_unit_test(a_changed_record_is_canonical_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
