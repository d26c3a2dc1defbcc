/* tests/unit/test_frame_lz4.c -- LZ4 frames from strangers: what fits is decoded, nothing else. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <lz4frame.h>

#include "proto/frame_lz4.h"

#define CAPACITY   ((size_t)1 << 16)
#define FRAME_ROOM ((size_t)17 << 20)

static uint8_t decoded[CAPACITY];
static uint8_t frame[FRAME_ROOM];

static enum status decode(const void *bytes, size_t count, size_t *ret_bytes)
{
    return frame_lz4_decode(decoded, CAPACITY, bytes, count, ret_bytes);
}

static void assert_refused(const void *bytes, size_t count, enum status status)
{
    size_t made = 77;
    /* A copy of exactly that size, so that a sanitizer sees each byte read beyond it. */
    uint8_t *copy = malloc(count + (count == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, count);
    assert_int_equal(decode(copy, count, &made), status);
    assert_int_equal(made, 77);
    free(copy);
}

/* A frame of so many zeros; `declares` their number. */
static size_t zeros(size_t count, bool declares)
{
    uint8_t *data = calloc(count, 1);
    assert_non_null(data);
    LZ4F_preferences_t wanted = LZ4F_INIT_PREFERENCES;
    wanted.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    wanted.frameInfo.contentSize = declares ? count : 0;
    const size_t bytes = LZ4F_compressFrame(frame, sizeof frame, data, count, &wanted);
    assert_false(LZ4F_isError(bytes));
    free(data);
    return bytes;
}

static void what_was_encoded_is_decoded(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 57, 5000, CAPACITY - 1, CAPACITY};
    static uint8_t data[CAPACITY];
    for (size_t i = 0; i < CAPACITY; i++)
        data[i] = (uint8_t)(i * i >> 5);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t made = 0;
        assert_true(frame_lz4_bytes_max(sizes[i]) <= sizeof frame);
        const size_t bytes = frame_lz4_encode(frame, sizeof frame, data, sizes[i]);
        assert_true(bytes > 0);
        assert_int_equal(decode(frame, bytes, &made), STATUS_OK);
        assert_int_equal(made, sizes[i]);
        assert_memory_equal(decoded, data, sizes[i]);
    }
}

static void content_may_fill_the_buffer_but_not_exceed_it(void **state)
{
    (void)state;
    for (int declares = 0; declares < 2; declares++) {
        size_t made = 0;
        size_t bytes = zeros(CAPACITY, declares != 0);
        assert_int_equal(decode(frame, bytes, &made), STATUS_OK);
        assert_int_equal(made, CAPACITY);
        bytes = zeros(CAPACITY + 1, declares != 0);
        assert_refused(frame, bytes, STATUS_TOO_LARGE);
    }
}

static void a_bomb_is_too_large(void **state)
{
    (void)state;
    const size_t bytes = zeros((size_t)16 << 20, false);
    assert_true(bytes < ((size_t)16 << 20) / 200);
    assert_refused(frame, bytes, STATUS_TOO_LARGE);
}

static void a_declared_size_is_refused_before_anything_is_decoded(void **state)
{
    (void)state;
    const size_t bytes = zeros(CAPACITY + 1, true);
    memset(decoded, 0x55, sizeof decoded);
    assert_refused(frame, bytes, STATUS_TOO_LARGE);
    assert_int_equal(decoded[0], 0x55);
}

static void a_frame_cut_short_is_refused_wherever_it_ends(void **state)
{
    (void)state;
    static const char text[] = "the ships come in, the ships go out, the ships come in";
    const size_t bytes = frame_lz4_encode(frame, sizeof frame, text, sizeof text);
    for (size_t cut = 0; cut < bytes; cut++)
        assert_refused(frame, cut, STATUS_INVALID);
}

static void bytes_or_a_second_frame_after_the_first_are_refused(void **state)
{
    (void)state;
    static uint8_t doubled[256];
    const size_t bytes = frame_lz4_encode(frame, sizeof frame, "harbour", 7);
    memcpy(doubled, frame, bytes);
    memcpy(doubled + bytes, frame, bytes);
    assert_refused(doubled, bytes + 1, STATUS_INVALID);
    assert_refused(doubled, 2 * bytes, STATUS_INVALID);
}

static void what_is_no_frame_is_refused(void **state)
{
    (void)state;
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
    static const uint8_t legacy[] = {0x02, 0x21, 0x4c, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
    assert_refused("{\"hunt\":\"harbour\",\"claims\":[]}", 30, STATUS_INVALID);
    assert_refused(skippable, sizeof skippable, STATUS_INVALID);
    assert_refused(legacy, sizeof legacy, STATUS_INVALID);
}

static void a_dictionary_is_refused(void **state)
{
    (void)state;
    LZ4F_preferences_t wanted = LZ4F_INIT_PREFERENCES;
    wanted.frameInfo.dictID = 7;
    const size_t bytes = LZ4F_compressFrame(frame, sizeof frame, "harbour", 7, &wanted);
    assert_false(LZ4F_isError(bytes));
    assert_refused(frame, bytes, STATUS_INVALID);
}

static void no_damage_does_harm(void **state)
{
    (void)state;
    static uint8_t data[600];
    static uint8_t damaged[1024];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i % 7 * i % 31);
    const size_t bytes = frame_lz4_encode(frame, sizeof frame, data, sizeof data);
    assert_true(bytes <= sizeof damaged);
    for (size_t at = 0; at < bytes; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            size_t made = 0;
            memcpy(damaged, frame, bytes);
            damaged[at] ^= (uint8_t)(1U << bit);
            /* Without a checksum some damage stays unseen, but never more bytes than declared. */
            if (decode(damaged, bytes, &made) == STATUS_OK)
                assert_int_equal(made, sizeof data);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_encoded_is_decoded),
        cmocka_unit_test(content_may_fill_the_buffer_but_not_exceed_it),
        cmocka_unit_test(a_bomb_is_too_large),
        cmocka_unit_test(a_declared_size_is_refused_before_anything_is_decoded),
        cmocka_unit_test(a_frame_cut_short_is_refused_wherever_it_ends),
        cmocka_unit_test(bytes_or_a_second_frame_after_the_first_are_refused),
        cmocka_unit_test(what_is_no_frame_is_refused),
        cmocka_unit_test(a_dictionary_is_refused),
        cmocka_unit_test(no_damage_does_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
