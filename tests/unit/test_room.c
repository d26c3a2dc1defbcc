/* tests/unit/test_room.c -- When a disk counts as full, and when it does not any more. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node/room.h"
#include "node/store.h"

static void a_disk_is_full_below_the_reserve(void **state)
{
    (void)state;
    assert_false(room_is_full(false, 1001, 1000));
    assert_false(room_is_full(false, 1000, 1000));
    assert_true(room_is_full(false, 999, 1000));
    assert_true(room_is_full(false, 0, 1000));
}

static void a_full_one_stays_so_until_a_quarter_more_is_free(void **state)
{
    (void)state;
    assert_true(room_is_full(true, 999, 1000));
    assert_true(room_is_full(true, 1249, 1000));
    assert_false(room_is_full(true, 1250, 1000));
    assert_false(room_is_full(true, 1251, 1000));
}

static void without_a_reserve_no_disk_is_full(void **state)
{
    (void)state;
    assert_false(room_is_full(false, 0, 0));
    assert_false(room_is_full(true, 0, 0));
}

static void the_largest_numbers_do_not_overflow(void **state)
{
    (void)state;
    assert_false(room_is_full(true, UINT64_MAX, UINT32_MAX));
    assert_true(room_is_full(true, UINT64_MAX - 1, UINT64_MAX));
    assert_true(room_is_full(false, 0, UINT64_MAX));
}

static void ignore(void *context, uint64_t ticket, enum status status)
{
    (void)context;
    (void)ticket;
    (void)status;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

static void the_file_system_is_asked(void **state)
{
    (void)state;
    char folder[] = "/tmp/cairn-room-XXXXXX";
    char path[64];
    struct store *store = NULL;
    struct room *room = NULL;
    struct store_error error;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/log", folder);
    const struct store_settings settings = {.path = path, .completed = ignore};
    assert_int_equal(store_open(&store, &settings, &error), STATUS_OK);
    assert_int_equal(room_start(&room, "/proc/nowhere", store), STATUS_IO);
    assert_int_equal(room_start(&room, folder, store), STATUS_OK);
    assert_true(room_free(room) > 0);
    room_stop(room);
    store_close(store);
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_is_full_below_the_reserve),
        cmocka_unit_test(a_full_one_stays_so_until_a_quarter_more_is_free),
        cmocka_unit_test(without_a_reserve_no_disk_is_full),
        cmocka_unit_test(the_largest_numbers_do_not_overflow),
        cmocka_unit_test(the_file_system_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
