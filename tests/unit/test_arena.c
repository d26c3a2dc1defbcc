/* tests/unit/test_arena.c -- Memory of a turn: aligned, stable until the reset, kept between turns.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

#include "cluster/base/arena.h"
#include "cluster/base/rng.h"

#define LARGE ((size_t)1 << 20) /* more than a block */

static void every_piece_is_aligned_for_any_type(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    for (size_t size = 0; size <= 100; size++)
        assert_int_equal((uintptr_t)arena_take(&arena, size) % alignof(max_align_t), 0);
    assert_int_equal((uintptr_t)arena_take(&arena, LARGE + 1) % alignof(max_align_t), 0);
    assert_int_equal((uintptr_t)arena_take(&arena, 1) % alignof(max_align_t), 0);
    arena_fini(&arena);
}

static void pieces_do_not_overlap_and_stay_as_they_are(void **state)
{
    (void)state;
    enum { PIECES = 600 };
    struct arena arena;
    arena_init(&arena);
    struct rng rng;
    rng_init(&rng, 1);
    static uint8_t *places[PIECES];
    static size_t sizes[PIECES];
    for (int turn = 0; turn < 4; turn++) {
        size_t asked = 0;
        for (size_t i = 0; i < PIECES; i++) {
            sizes[i] = (size_t)rng_below(&rng, rng_chance(&rng, 1, 100) ? LARGE : 2000);
            asked += sizes[i];
            places[i] = arena_take(&arena, sizes[i]);
            memset(places[i], (int)(i % 251), sizes[i]);
        }
        assert_true(arena.used >= asked);
        for (size_t i = 0; i < PIECES; i++) {
            for (size_t at = 0; at < sizes[i]; at++)
                assert_int_equal(places[i][at], i % 251);
        }
        arena_reset(&arena, LARGE);
        assert_int_equal(arena.used, 0);
    }
    arena_fini(&arena);
}

static void a_reset_keeps_what_it_may_keep(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    void *first = arena_take(&arena, 100);
    (void)arena_take(&arena, 100);
    arena_reset(&arena, LARGE);
    assert_non_null(arena.first);
    assert_ptr_equal(arena_take(&arena, 100), first);
    arena_fini(&arena);
}

static void a_reset_frees_what_is_beyond(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    (void)arena_take(&arena, 100);
    (void)arena_take(&arena, 5 * LARGE);
    arena_reset(&arena, LARGE);
    /* One block is left; the next turn may still ask for anything. */
    assert_non_null(arena.first);
    memset(arena_take(&arena, 5 * LARGE), 1, 5 * LARGE);
    memset(arena_take(&arena, 100), 2, 100);
    arena_reset(&arena, 0);
    assert_null(arena.first);
    memset(arena_take(&arena, 100), 3, 100);
    arena_fini(&arena);
}

static void a_turn_like_the_last_one_takes_no_new_memory(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    enum { PIECES = 20 };
    void *places[PIECES];
    for (int turn = 0; turn < 5; turn++) {
        for (size_t i = 0; i < PIECES; i++) {
            void *place = arena_take(&arena, 50000);
            if (turn > 0)
                assert_ptr_equal(place, places[i]);
            places[i] = place;
        }
        arena_reset(&arena, 8 * LARGE);
    }
    arena_fini(&arena);
}

static void all_blocks_are_counted_used_or_not(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(arena_bytes(&arena), 0);
    (void)arena_take(&arena, 5 * LARGE);
    const size_t large = arena_bytes(&arena);
    assert_true(large >= 5 * (size_t)LARGE);
    (void)arena_take(&arena, 100);
    assert_true(arena_bytes(&arena) > large);
    arena_reset(&arena, large);
    assert_int_equal(arena_bytes(&arena), large);
    arena_reset(&arena, 0);
    assert_int_equal(arena_bytes(&arena), 0);
    arena_fini(&arena);
}

static void closing_an_arena_that_was_never_used_is_allowed(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    arena_reset(&arena, 0);
    arena_fini(&arena);
    arena_fini(&arena);
    assert_int_equal(arena.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_is_aligned_for_any_type),
        cmocka_unit_test(pieces_do_not_overlap_and_stay_as_they_are),
        cmocka_unit_test(a_reset_keeps_what_it_may_keep),
        cmocka_unit_test(a_reset_frees_what_is_beyond),
        cmocka_unit_test(a_turn_like_the_last_one_takes_no_new_memory),
        cmocka_unit_test(all_blocks_are_counted_used_or_not),
        cmocka_unit_test(closing_an_arena_that_was_never_used_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
