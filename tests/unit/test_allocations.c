/* tests/unit/test_allocations.c -- Whatever asks the allocator is counted, by whichever name, on
 * whichever thread, and gets what it asked for. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "node/allocations.h"

#define EXIT_SKIPPED 77
#define OF_A_THREAD  1000

/* Read through this, so that no compiler leaves out a block that nobody looks at. */
static void *volatile kept;

static void *keep(void *block)
{
    kept = block;
    return kept;
}

static void each_way_to_ask_counts_once(void **state)
{
    (void)state;
    uint64_t before = allocations_count();
    char *block = keep(malloc(100));
    assert_int_equal(allocations_count() - before, 1);
    block = keep(realloc(block, 5000));
    assert_int_equal(allocations_count() - before, 2);
    free(block);
    free(keep(calloc(10, 10)));
    assert_int_equal(allocations_count() - before, 3);
    free(keep(aligned_alloc(64, 640)));
    assert_int_equal(allocations_count() - before, 4);
    free(keep(memalign(64, 640)));
    assert_int_equal(allocations_count() - before, 5);
    void *aligned = NULL;
    assert_int_equal(posix_memalign(&aligned, 64, 640), 0);
    free(keep(aligned));
    assert_int_equal(allocations_count() - before, 6);
}

static void a_library_that_asks_is_counted(void **state)
{
    (void)state;
    const uint64_t before = allocations_count();
    free(keep(strdup("a copy that libc makes")));
    assert_int_equal(allocations_count() - before, 1);
}

static void blocks_are_what_was_asked_for(void **state)
{
    (void)state;
    unsigned char *zeros = calloc(1000, 7);
    assert_non_null(zeros);
    for (size_t i = 0; i < 7000; i++)
        assert_int_equal(zeros[i], 0);
    memset(zeros, 5, 7000);
    unsigned char *more = realloc(zeros, 70000);
    assert_non_null(more);
    assert_int_equal(more[6999], 5);
    free(more);
    for (size_t alignment = sizeof(void *); alignment <= 4096; alignment *= 2) {
        void *block = NULL;
        assert_int_equal(posix_memalign(&block, alignment, 100), 0);
        assert_int_equal((uintptr_t)block % alignment, 0);
        free(block);
        block = aligned_alloc(alignment, alignment);
        assert_int_equal((uintptr_t)block % alignment, 0);
        free(block);
    }
}

static void an_alignment_that_is_none_is_refused(void **state)
{
    (void)state;
    static const volatile size_t wrong[] = {0, 4, 24, 100};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        void *block = &block;
        errno = 0;
        assert_int_equal(posix_memalign(&block, wrong[i], 100), EINVAL);
        assert_ptr_equal(block, &block);
        assert_int_equal(errno, 0);
    }
}

static void more_than_there_is_is_refused(void **state)
{
    (void)state;
    static const volatile size_t too_much = SIZE_MAX / 2;
    void *block = NULL;
    assert_null(keep(malloc(too_much)));
    assert_null(keep(calloc(too_much, 3)));
    errno = 0;
    assert_int_equal(posix_memalign(&block, 64, too_much), ENOMEM);
    assert_int_equal(errno, 0);
}

static void *ask_often(void *context)
{
    (void)context;
    for (int i = 0; i < OF_A_THREAD; i++)
        free(keep(malloc(32)));
    return NULL;
}

static void other_threads_are_counted_nearly_to_the_last(void **state)
{
    (void)state;
    pthread_t thread;
    const uint64_t before = allocations_count();
    assert_int_equal(pthread_create(&thread, NULL, ask_often, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    const uint64_t counted = allocations_count() - before;
    assert_true(counted >= OF_A_THREAD - ALLOCATIONS_UNTOLD);
    assert_true(counted <= OF_A_THREAD + ALLOCATIONS_UNTOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_ask_counts_once),
        cmocka_unit_test(a_library_that_asks_is_counted),
        cmocka_unit_test(blocks_are_what_was_asked_for),
        cmocka_unit_test(an_alignment_that_is_none_is_refused),
        cmocka_unit_test(more_than_there_is_is_refused),
        cmocka_unit_test(other_threads_are_counted_nearly_to_the_last),
    };
    if (!ALLOCATIONS_COUNTED)
        return EXIT_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
