/* tests/unit/test_base.c -- Ids, names, canonical bytes, hashes, chance, and words for what went
 * wrong: the ground that everything replicated stands on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/bytes.h"
#include "cluster/base/hash.h"
#include "cluster/base/ids.h"
#include "cluster/base/rng.h"
#include "cluster/base/status.h"
#include "cluster/base/wide.h"

static const char text[] = "4be0643f-1d98-573b-97cd-ca98a65347dd";
static const struct player_id player = {{0x4b, 0xe0, 0x64, 0x3f, 0x1d, 0x98, 0x57, 0x3b, 0x97, 0xcd,
                                         0xca, 0x98, 0xa6, 0x53, 0x47, 0xdd}};

/* ---- Ids. */

static void a_player_is_read_and_written(void **state)
{
    (void)state;
    struct player_id read;
    assert_int_equal(player_id_parse(&read, text, PLAYER_TEXT_LENGTH), STATUS_OK);
    assert_memory_equal(read.bytes, player.bytes, sizeof read.bytes);
    char written[PLAYER_TEXT_LENGTH + 1];
    player_id_format(written, &read);
    assert_string_equal(written, text);
}

static void a_player_may_be_written_in_capitals(void **state)
{
    (void)state;
    char capitals[sizeof text];
    for (size_t i = 0; i < sizeof text; i++)
        capitals[i] = (char)toupper((unsigned char)text[i]);
    struct player_id read;
    assert_int_equal(player_id_parse(&read, capitals, PLAYER_TEXT_LENGTH), STATUS_OK);
    assert_true(player_id_equal(&read, &player));
}

static void every_other_character_in_a_player_is_refused(void **state)
{
    (void)state;
    for (size_t at = 0; at < PLAYER_TEXT_LENGTH; at++) {
        for (int c = 0; c < 256; c++) {
            char wrong[sizeof text];
            memcpy(wrong, text, sizeof text);
            wrong[at] = (char)c;
            struct player_id read = {{0xee}};
            const bool right = text[at] == '-' ? c == '-' : isxdigit(c) != 0;
            assert_int_equal(player_id_parse(&read, wrong, PLAYER_TEXT_LENGTH),
                             right ? STATUS_OK : STATUS_INVALID);
            if (!right)
                assert_int_equal(read.bytes[0], 0xee);
        }
    }
}

static void a_player_of_another_length_is_refused(void **state)
{
    (void)state;
    struct player_id read;
    for (size_t length = 0; length < PLAYER_TEXT_LENGTH; length++)
        assert_int_equal(player_id_parse(&read, text, length), STATUS_INVALID);
    assert_int_equal(player_id_parse(&read, "4be0643f-1d98-573b-97cd-ca98a65347dd0", 37),
                     STATUS_INVALID);
    assert_int_equal(player_id_parse(&read, "4be0643f1d98573b97cdca98a65347dd", 32),
                     STATUS_INVALID);
}

static void players_are_ordered_by_their_bytes(void **state)
{
    (void)state;
    struct player_id other = player;
    assert_int_equal(player_id_compare(&player, &other), 0);
    other.bytes[15]++;
    assert_true(player_id_compare(&player, &other) < 0);
    assert_false(player_id_equal(&player, &other));
    other.bytes[0] = 0x4a;
    assert_true(player_id_compare(&player, &other) > 0);
    other.bytes[0] = 0x80; /* as numbers, not as signed characters */
    assert_true(player_id_compare(&player, &other) < 0);
}

static void a_name_has_1_to_63_small_letters_digits_and_dashes(void **state)
{
    (void)state;
    char longest[NAME_LENGTH_MAX + 1];
    memset(longest, 'a', sizeof longest);
    struct name name;
    assert_int_equal(name_set(&name, longest, NAME_LENGTH_MAX), STATUS_OK);
    assert_int_equal(strlen(name.text), NAME_LENGTH_MAX);
    assert_int_equal(name_set(&name, "a", 1), STATUS_OK);
    assert_string_equal(name.text, "a");
    assert_int_equal(name_set(&name, longest, NAME_LENGTH_MAX + 1), STATUS_INVALID);
    assert_int_equal(name_set(&name, "", 0), STATUS_INVALID);
    assert_string_equal(name.text, "a");
    for (int c = 0; c < 256; c++) {
        const char wrong[3] = {'x', (char)c, 'y'};
        const bool right = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        assert_int_equal(name_set(&name, wrong, 3), right ? STATUS_OK : STATUS_INVALID);
    }
}

static void a_shorter_name_leaves_nothing_of_a_longer_one(void **state)
{
    (void)state;
    struct name name, other;
    assert_int_equal(name_set(&name, "harbour-night", 13), STATUS_OK);
    assert_int_equal(name_set(&name, "gate", 4), STATUS_OK);
    assert_int_equal(name_set(&other, "gate", 4), STATUS_OK);
    assert_true(name_equal(&name, &other));
    assert_memory_equal(&name, &other, sizeof name);
    assert_int_equal(name_set(&other, "gates", 5), STATUS_OK);
    assert_false(name_equal(&name, &other));
}

/* ---- Bytes. */

static void numbers_lie_little_end_first(void **state)
{
    (void)state;
    uint8_t data[27];
    struct writer writer;
    writer_init(&writer, data, sizeof data);
    put_u8(&writer, 0x01);
    put_u16(&writer, 0x0302);
    put_u32(&writer, 0x07060504);
    put_u64(&writer, UINT64_C(0x0f0e0d0c0b0a0908));
    put_i32(&writer, -2);
    put_i64(&writer, INT64_MIN);
    assert_true(writer_ok(&writer));
    assert_int_equal(writer.used, sizeof data);
    for (uint8_t i = 0; i < 15; i++)
        assert_int_equal(data[i], i + 1);

    struct reader reader;
    reader_init(&reader, data, sizeof data);
    assert_int_equal(take_u8(&reader), 0x01);
    assert_int_equal(take_u16(&reader), 0x0302);
    assert_int_equal(take_u32(&reader), 0x07060504);
    assert_true(take_u64(&reader) == UINT64_C(0x0f0e0d0c0b0a0908));
    assert_int_equal(take_i32(&reader), -2);
    assert_true(take_i64(&reader) == INT64_MIN);
    assert_true(reader_done(&reader));
}

static void a_writer_without_room_remembers_it(void **state)
{
    (void)state;
    uint8_t data[8] = {0};
    struct writer writer;
    writer_init(&writer, data, 7);
    put_u32(&writer, 1);
    put_u32(&writer, 2);
    assert_false(writer_ok(&writer));
    put_u8(&writer, 3); /* would fit, but the record is spoilt already */
    assert_false(writer_ok(&writer));
    assert_int_equal(writer.used, 4);
    assert_int_equal(data[4], 0);
    assert_int_equal(data[7], 0);
}

static void a_reader_past_the_end_fails_and_gives_zeros(void **state)
{
    (void)state;
    const uint8_t data[7] = {1, 2, 3, 4, 5, 6, 7};
    struct reader reader;
    reader_init(&reader, data, sizeof data);
    (void)take_u32(&reader);
    assert_int_equal(take_u32(&reader), 0);
    assert_false(reader_ok(&reader));
    assert_false(reader_done(&reader));
    assert_int_equal(reader_left(&reader), 0);
    assert_int_equal(take_u8(&reader), 0);
    assert_null(take_bytes(&reader, 0));
    assert_true(take_varint(&reader) == 0);
}

static void bytes_of_any_size_up_to_the_end_are_taken(void **state)
{
    (void)state;
    const uint8_t data[4] = {1, 2, 3, 4};
    struct reader reader;
    reader_init(&reader, data, sizeof data);
    assert_ptr_equal(take_bytes(&reader, 3), data);
    assert_int_equal(reader_left(&reader), 1);
    assert_null(take_bytes(&reader, SIZE_MAX));
    reader_init(&reader, data, sizeof data);
    assert_ptr_equal(take_bytes(&reader, 4), data);
    assert_non_null(take_bytes(&reader, 0));
    assert_true(reader_done(&reader));
    reader_init(&reader, NULL, 0);
    assert_non_null(take_bytes(&reader, 0));
    assert_true(reader_done(&reader));
}

static void padding_is_zeros_up_to_the_boundary(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 16; size++) {
        uint8_t data[24];
        memset(data, 0xee, sizeof data);
        struct writer writer;
        writer_init(&writer, data, sizeof data);
        put_bytes(&writer, "abcdefghijklmnop", size);
        put_padding(&writer, 8);
        assert_int_equal(writer.used, (size + 7) / 8 * 8);
        struct reader reader;
        reader_init(&reader, data, writer.used);
        (void)take_bytes(&reader, size);
        take_padding(&reader, 8);
        assert_true(reader_done(&reader));
        for (size_t at = size; at < writer.used; at++) {
            data[at] = 1;
            reader_init(&reader, data, writer.used);
            (void)take_bytes(&reader, size);
            take_padding(&reader, 8);
            assert_false(reader_ok(&reader));
            data[at] = 0;
        }
    }
}

static const struct {
    uint64_t value;
    size_t bytes;
} varints[] = {
    {0, 1},
    {1, 1},
    {127, 1},
    {128, 2},
    {16383, 2},
    {16384, 3},
    {UINT32_MAX, 5},
    {(UINT64_C(1) << 56) - 1, 8},
    {UINT64_C(1) << 56, 9},
    {(UINT64_C(1) << 63) - 1, 9},
    {UINT64_C(1) << 63, 10},
    {UINT64_MAX, 10},
};

static void a_varint_has_its_shortest_form_and_no_shorter_one_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof varints / sizeof varints[0]; i++) {
        uint8_t data[10];
        struct writer writer;
        writer_init(&writer, data, sizeof data);
        put_varint(&writer, varints[i].value);
        assert_true(writer_ok(&writer));
        assert_int_equal(writer.used, varints[i].bytes);
        uint8_t narrow[10];
        for (size_t room = 0; room < sizeof narrow; room++) {
            struct writer tight;
            writer_init(&tight, narrow, room);
            put_varint(&tight, varints[i].value);
            assert_true(writer_ok(&tight) == (room >= varints[i].bytes));
            if (writer_ok(&tight))
                assert_memory_equal(narrow, data, varints[i].bytes);
        }
        struct reader reader;
        reader_init(&reader, data, writer.used);
        assert_true(take_varint(&reader) == varints[i].value);
        assert_true(reader_done(&reader));
        for (size_t size = 0; size < writer.used; size++) {
            reader_init(&reader, data, size);
            assert_true(take_varint(&reader) == 0);
            assert_false(reader_ok(&reader));
        }
    }
}

static void assert_no_varint(const uint8_t *data, size_t size)
{
    struct reader reader;
    reader_init(&reader, data, size);
    assert_true(take_varint(&reader) == 0);
    assert_false(reader_ok(&reader));
}

static void longer_forms_of_a_varint_are_refused(void **state)
{
    (void)state;
    /* Each value once more, with an empty last byte. */
    for (size_t i = 0; i < sizeof varints / sizeof varints[0]; i++) {
        uint8_t data[11];
        struct writer writer;
        writer_init(&writer, data, sizeof data);
        put_varint(&writer, varints[i].value);
        data[writer.used - 1] |= 0x80;
        data[writer.used] = 0;
        assert_no_varint(data, writer.used + 1);
    }
    /* 2^64, and eleven bytes. */
    const uint8_t too_large[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02};
    assert_no_varint(too_large, sizeof too_large);
    const uint8_t too_long[] = {0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81, 0x00};
    assert_no_varint(too_long, sizeof too_long);
}

static void what_reads_as_a_varint_is_written_the_same_way(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 3);
    uint32_t read = 0;
    for (int round = 0; round < 50000; round++) {
        uint8_t data[11], again[11];
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (uint8_t)(rng_next(&rng) >> rng_below(&rng, 57));
        struct reader reader;
        reader_init(&reader, data, sizeof data);
        const uint64_t value = take_varint(&reader);
        if (!reader_ok(&reader))
            continue;
        read++;
        struct writer writer;
        writer_init(&writer, again, sizeof again);
        put_varint(&writer, value);
        assert_int_equal(writer.used, reader.at);
        assert_memory_equal(again, data, writer.used);
    }
    assert_true(read > 10000);
}

/* ---- Hashes. */

static void hashes_are_those_of_xxh3(void **state)
{
    (void)state;
    /* Once in a log, a hash must never change. */
    assert_true(hash_bytes("", 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(hash_player(&player) == UINT64_C(0xd4dea3a4edcd015c));
    assert_true(hash_bytes(player.bytes, sizeof player.bytes) == hash_player(&player));
    assert_true(hash_chain(0, player.bytes, sizeof player.bytes) == hash_player(&player));
    assert_true(hash_chain(1, player.bytes, sizeof player.bytes) != hash_player(&player));
    const uint8_t bytes[32] = {1, 2, 3, [15] = 4, [16] = 5, [31] = 6};
    for (uint64_t seed = 0; seed < 10; seed++) {
        assert_true(hash_16(seed, bytes) == hash_chain(seed, bytes, 16));
        assert_true(hash_32(seed, bytes) == hash_chain(seed, bytes, 32));
    }
}

/* The definition, in whole numbers: range r begins at the smallest x with x ranges / 65536 >= r. */
static void assert_slices(uint32_t ranges)
{
    for (uint32_t range = 0; range < ranges; range++) {
        const uint64_t first = ((uint64_t)range * 65536 + ranges - 1) / ranges;
        const uint64_t next = ((uint64_t)(range + 1) * 65536 + ranges - 1) / ranges;
        assert_true(first < next);
        assert_int_equal(hash_range(first << 48, ranges), range);
        assert_int_equal(hash_range((next << 48) - 1, ranges), range);
        if (range > 0)
            assert_int_equal(hash_range((first << 48) - 1, ranges), range - 1);
    }
    assert_int_equal(hash_range(0, ranges), 0);
    assert_int_equal(hash_range(UINT64_MAX, ranges), ranges - 1);
}

static void ranges_are_slices_of_the_top_16_bits(void **state)
{
    (void)state;
    const uint32_t counts[] = {1, 2, 3, 16, 17, 1000, RANGES_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        assert_slices(counts[i]);
    assert_int_equal(hash_range(UINT64_C(4095) << 48, 16), 0);
    assert_int_equal(hash_range(UINT64_C(4096) << 48, 16), 1);
    assert_int_equal(hash_range(UINT64_C(65535) << 48, 16), 15);
    assert_int_equal(hash_range(UINT64_C(21845) << 48, 3), 0);
    assert_int_equal(hash_range(UINT64_C(21846) << 48, 3), 1);
    assert_int_equal(hash_range(UINT64_C(43690) << 48, 3), 1);
    assert_int_equal(hash_range(UINT64_C(43691) << 48, 3), 2);
    assert_int_equal(hash_range(UINT64_C(63) << 48, 1024), 0);
    assert_int_equal(hash_range(UINT64_C(64) << 48, 1024), 1);
    assert_int_equal(hash_range(UINT64_C(65535) << 48, 1024), 1023);
}

/* ---- Chance. */

static void a_seed_gives_the_same_numbers_everywhere(void **state)
{
    (void)state;
    /* From another implementation of xoshiro256** and splitmix64. */
    static const struct {
        uint64_t seed, numbers[3];
    } known[] = {
        {0,
         {UINT64_C(0x99ec5f36cb75f2b4), UINT64_C(0xbf6e1f784956452a),
          UINT64_C(0x1a5f849d4933e6e0)}},
        {1,
         {UINT64_C(0xb3f2af6d0fc710c5), UINT64_C(0x853b559647364cea),
          UINT64_C(0x92f89756082a4514)}},
    };
    for (size_t i = 0; i < 2; i++) {
        struct rng rng;
        rng_init(&rng, known[i].seed);
        for (size_t j = 0; j < 3; j++)
            assert_true(rng_next(&rng) == known[i].numbers[j]);
    }
}

static void numbers_stay_below_their_bound_and_reach_it(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 5);
    for (uint64_t bound = 1; bound <= 20; bound++) {
        uint32_t drawn[20] = {0};
        for (int i = 0; i < 4000; i++)
            drawn[rng_below(&rng, bound)]++;
        for (uint64_t i = 0; i < 20; i++)
            assert_true(i < bound ? drawn[i] > 4000 / bound / 2 : drawn[i] == 0);
    }
    const uint64_t large = UINT64_MAX / 2 + 2;
    for (int i = 0; i < 1000; i++) {
        assert_true(rng_below(&rng, large) < large);
        assert_true(rng_below(&rng, UINT64_MAX) < UINT64_MAX);
    }
}

static void both_ends_of_a_span_are_drawn(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 6);
    uint32_t low = 0;
    uint32_t high = 0;
    for (int i = 0; i < 1000; i++) {
        const uint64_t drawn = rng_between(&rng, 7, 9);
        assert_true(drawn >= 7 && drawn <= 9);
        low += drawn == 7;
        high += drawn == 9;
    }
    assert_true(low > 200 && high > 200);
    assert_true(rng_between(&rng, 4, 4) == 4);
    assert_true(rng_between(&rng, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}

static void a_chance_comes_true_as_often_as_it_says(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    uint32_t hits = 0;
    for (int i = 0; i < 10000; i++) {
        hits += rng_chance(&rng, 3, 10);
        assert_false(rng_chance(&rng, 0, 10));
        assert_true(rng_chance(&rng, 10, 10));
    }
    assert_true(hits > 2700 && hits < 3300);
}

/* ---- Wide products. */

static void wide_products_are_exact(void **state)
{
    (void)state;
    const struct wide largest = wide_square(UINT64_MAX);
    assert_true(largest.high == UINT64_MAX - 1 && largest.low == 1);
    /* (2^32 + 1) (2^32 - 1) = 2^64 - 1, and one more carries. */
    struct wide product = wide_multiply((UINT64_C(1) << 32) + 1, (UINT64_C(1) << 32) - 1);
    assert_true(product.high == 0 && product.low == UINT64_MAX);
    product = wide_add(product, (struct wide){.low = 1});
    assert_true(product.high == 1 && product.low == 0);
    assert_true(wide_above(product, (struct wide){.low = UINT64_MAX}));
    assert_false(wide_above(product, product));
    assert_true(wide_shift(product, 1) == UINT64_C(1) << 63);
    assert_true(wide_shift(product, 63) == 2);
    struct rng rng;
    rng_init(&rng, 8);
    for (int round = 0; round < 10000; round++) {
        const uint64_t a = rng_next(&rng) >> rng_below(&rng, 64);
        const uint64_t b = rng_next(&rng) >> rng_below(&rng, 64);
        const uint64_t c = rng_next(&rng) >> 1;
        /* a (b + c) = a b + a c */
        const struct wide whole = wide_multiply(a, (b >> 1) + c);
        const struct wide parts = wide_add(wide_multiply(a, b >> 1), wide_multiply(a, c));
        assert_true(whole.high == parts.high && whole.low == parts.low);
        assert_true(whole.low == a * ((b >> 1) + c));
    }
}

/* ---- Words. */

static void every_status_has_a_word_of_its_own(void **state)
{
    (void)state;
    for (int a = STATUS_OK; a <= STATUS_UNSUPPORTED; a++) {
        assert_true(strlen(status_name((enum status)a)) > 0);
        for (int b = STATUS_OK; b < a; b++)
            assert_string_not_equal(status_name((enum status)a), status_name((enum status)b));
    }
    assert_string_equal(status_name(STATUS_OK), "ok");
    assert_string_equal(status_name(STATUS_NOT_LEADER), "not leader");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_player_is_read_and_written),
        cmocka_unit_test(a_player_may_be_written_in_capitals),
        cmocka_unit_test(every_other_character_in_a_player_is_refused),
        cmocka_unit_test(a_player_of_another_length_is_refused),
        cmocka_unit_test(players_are_ordered_by_their_bytes),
        cmocka_unit_test(a_name_has_1_to_63_small_letters_digits_and_dashes),
        cmocka_unit_test(a_shorter_name_leaves_nothing_of_a_longer_one),
        cmocka_unit_test(numbers_lie_little_end_first),
        cmocka_unit_test(a_writer_without_room_remembers_it),
        cmocka_unit_test(a_reader_past_the_end_fails_and_gives_zeros),
        cmocka_unit_test(bytes_of_any_size_up_to_the_end_are_taken),
        cmocka_unit_test(padding_is_zeros_up_to_the_boundary),
        cmocka_unit_test(a_varint_has_its_shortest_form_and_no_shorter_one_reads),
        cmocka_unit_test(longer_forms_of_a_varint_are_refused),
        cmocka_unit_test(what_reads_as_a_varint_is_written_the_same_way),
        cmocka_unit_test(hashes_are_those_of_xxh3),
        cmocka_unit_test(ranges_are_slices_of_the_top_16_bits),
        cmocka_unit_test(a_seed_gives_the_same_numbers_everywhere),
        cmocka_unit_test(numbers_stay_below_their_bound_and_reach_it),
        cmocka_unit_test(both_ends_of_a_span_are_drawn),
        cmocka_unit_test(a_chance_comes_true_as_often_as_it_says),
        cmocka_unit_test(wide_products_are_exact),
        cmocka_unit_test(every_status_has_a_word_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
