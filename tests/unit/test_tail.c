/* tests/unit/test_tail.c -- The newest entries in memory, the terms of all, and waiting messages.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/ranges/outbox.h"
#include "cluster/ranges/tail.h"
#include "cluster/ranges/terms.h"

/* Appends entries of 8 bytes that share one block; their bytes spell their index. */
static void append(struct tail *tail, uint32_t count, uint64_t term)
{
    uint8_t *block = tail_block(count * 8);
    assert_non_null(block);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index = tail_last(tail) + 1;
        memcpy(block + 8 * (size_t)i, &index, 8);
        const struct log_entry entry = {
            .term = term, .type = ENTRY_COMMAND, .data = block + 8 * (size_t)i, .bytes = 8};
        tail_append(tail, &entry, block);
    }
}

static void assert_holds(const struct tail *tail, uint64_t first, uint64_t last)
{
    struct log_entry entry;
    assert_int_equal(tail->first, first);
    assert_int_equal(tail_last(tail), last);
    assert_false(tail_get(tail, first - 1, &entry));
    assert_false(tail_get(tail, last + 1, &entry));
    for (uint64_t index = first; index <= last; index++) {
        uint64_t spelt;
        assert_true(tail_get(tail, index, &entry));
        memcpy(&spelt, entry.data, 8);
        assert_int_equal(spelt, index);
    }
    assert_int_equal(tail_bytes(tail), 8 * (last + 1 - first));
}

static void entries_leave_at_both_ends(void **state)
{
    (void)state;
    struct tail tail;
    tail_init(&tail, 5);
    assert_int_equal(tail_last(&tail), 4);
    append(&tail, 10, 1);
    append(&tail, 10, 1);
    assert_holds(&tail, 5, 24);
    tail_evict(&tail, 100, 8 * 17, 1000);
    assert_holds(&tail, 8, 24);
    tail_evict(&tail, 9, 0, 0); /* no further than may leave */
    assert_holds(&tail, 10, 24);
    tail_evict(&tail, 100, 1000, 12);
    assert_holds(&tail, 13, 24);
    tail_truncate(&tail, 20);
    assert_holds(&tail, 13, 19);
    append(&tail, 1, 2);
    assert_holds(&tail, 13, 20);
    tail_fini(&tail);
}

static void a_truncation_below_the_tail_empties_it(void **state)
{
    (void)state;
    struct tail tail;
    tail_init(&tail, 1);
    append(&tail, 10, 1);
    tail_evict(&tail, 6, 0, 0);
    tail_truncate(&tail, 3);
    assert_int_equal(tail.count, 0);
    assert_int_equal(tail_last(&tail), 2);
    append(&tail, 2, 2);
    assert_holds(&tail, 3, 4);
    tail_fini(&tail);
}

static void bytes_are_counted_from_any_index(void **state)
{
    (void)state;
    struct tail tail;
    tail_init(&tail, 1);
    assert_int_equal(tail_bytes_after(&tail, 0), 0);
    append(&tail, 10, 1);
    tail_evict(&tail, 4, 0, 0);
    assert_int_equal(tail_bytes_after(&tail, 0), 48);
    assert_int_equal(tail_bytes_after(&tail, 4), 48);
    assert_int_equal(tail_bytes_after(&tail, 5), 40);
    assert_int_equal(tail_bytes_after(&tail, 10), 0);
    assert_int_equal(tail_bytes_after(&tail, 99), 0);
    tail_fini(&tail);
}

/* Effects of the turn may still point at it. */
static void what_left_stays_readable_until_it_is_released(void **state)
{
    (void)state;
    struct tail tail;
    tail_init(&tail, 1);
    append(&tail, 3, 1);
    struct log_entry entry;
    assert_true(tail_get(&tail, 2, &entry));
    tail_truncate(&tail, 1);
    uint64_t spelt;
    memcpy(&spelt, entry.data, 8);
    assert_int_equal(spelt, 2);
    assert_int_equal(tail.released_count, 1); /* one block, whatever was in it */
    tail_release(&tail);
    assert_int_equal(tail.released_count, 0);
    tail_fini(&tail);
}

static void it_behaves_like_a_list_of_indexes(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    struct tail tail;
    tail_init(&tail, 1);
    uint64_t first = 1, last = 0;
    for (int i = 0; i < 20000; i++) {
        const uint64_t what = rng_below(&rng, 10);
        if (what < 5) {
            const uint32_t count = (uint32_t)rng_between(&rng, 1, 5);
            append(&tail, count, 1);
            last += count;
        } else if (what < 7 && last > 0) {
            const uint64_t from = rng_between(&rng, last > 10 ? last - 10 : 1, last);
            tail_truncate(&tail, from);
            last = from - 1;
            first = from < first ? from : first;
        } else if (what < 9) {
            const uint64_t through = first + rng_below(&rng, 6);
            tail_evict(&tail, through, 0, 0);
            while (first <= through && first <= last)
                first++;
        } else {
            tail_release(&tail);
        }
        if (i % 16 == 0)
            assert_holds(&tail, first, last);
    }
    tail_fini(&tail);
}

static void terms_of_a_log_are_runs(void **state)
{
    (void)state;
    struct terms terms;
    terms_init(&terms);
    assert_int_equal(terms_last(&terms), 0);
    assert_int_equal(terms_of(&terms, 0), 0);
    assert_int_equal(terms_of(&terms, 1), 0);
    for (uint64_t i = 0; i < 1000; i++)
        terms_append(&terms, 1 + i / 10 * 3);
    assert_int_equal(terms.count, 100);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(terms_of(&terms, i + 1), 1 + i / 10 * 3);
    assert_int_equal(terms_of(&terms, 1001), 0);
    terms_truncate(&terms, 2000);
    assert_int_equal(terms.last_index, 1000);
    terms_truncate(&terms, 501);
    assert_int_equal(terms.count, 50);
    assert_int_equal(terms_of(&terms, 501), 0);
    terms_truncate(&terms, 496);
    assert_int_equal(terms_last(&terms), 1 + 49 * 3);
    terms_append(&terms, 1000);
    assert_int_equal(terms_of(&terms, 496), 1000);
    terms_truncate(&terms, 1);
    assert_int_equal(terms.last_index, 0);
    assert_int_equal(terms_last(&terms), 0);
    terms_fini(&terms);
}

static void hold(struct outbox *outbox, enum group_message_type type, uint64_t to, uint64_t term)
{
    const struct held_message held = {.message = {.type = type, .to = to, .term = term}};
    outbox_add(outbox, &held);
}

static void the_oldest_append_of_a_peer_makes_room(void **state)
{
    (void)state;
    struct outbox outbox;
    outbox_init(&outbox);
    hold(&outbox, GROUP_VOTE_RESULT, 2, 1);
    hold(&outbox, GROUP_APPEND, 3, 2);
    for (uint64_t i = 0; i < OUTBOX_PEER_MAX + 5; i++)
        hold(&outbox, GROUP_APPEND, 2, 100 + i);
    assert_int_equal(outbox.overflowed, 6);
    assert_int_equal(outbox.count, OUTBOX_PEER_MAX + 1);
    assert_int_equal(outbox.list[0].message.type, GROUP_VOTE_RESULT);
    assert_int_equal(outbox.list[1].message.to, 3);
    assert_int_equal(outbox.list[2].message.term, 106);
    assert_int_equal(outbox.list[outbox.count - 1].message.term, 100 + OUTBOX_PEER_MAX + 4);
    outbox_clear(&outbox);
    for (uint64_t i = 0; i < OUTBOX_PEER_MAX + 5; i++)
        hold(&outbox, GROUP_VOTE_RESULT, 2, 100 + i);
    assert_int_equal(outbox.list[0].message.term, 105); /* else simply the oldest */
    outbox_fini(&outbox);
}

static void all_peers_together_are_bounded(void **state)
{
    (void)state;
    struct outbox outbox;
    outbox_init(&outbox);
    for (uint64_t i = 0; i < 10 * OUTBOX_MAX; i++)
        hold(&outbox, i % 3 == 0 ? GROUP_APPEND : GROUP_VOTE_RESULT, 1 + i % 50, i);
    assert_int_equal(outbox.count, OUTBOX_MAX);
    assert_int_equal(outbox.overflowed, 9 * OUTBOX_MAX);
    assert_int_equal(outbox.list[OUTBOX_MAX - 1].message.term, 10 * OUTBOX_MAX - 1);
    outbox_fini(&outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_leave_at_both_ends),
        cmocka_unit_test(a_truncation_below_the_tail_empties_it),
        cmocka_unit_test(bytes_are_counted_from_any_index),
        cmocka_unit_test(what_left_stays_readable_until_it_is_released),
        cmocka_unit_test(it_behaves_like_a_list_of_indexes),
        cmocka_unit_test(terms_of_a_log_are_runs),
        cmocka_unit_test(the_oldest_append_of_a_peer_makes_room),
        cmocka_unit_test(all_peers_together_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
