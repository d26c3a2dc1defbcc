/* The cluster's keys come from files that only their owner can read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/key_ring.h"

#define FILES (SEAL_KEYS_MAX + 1)

/* 32 bytes, and 31. */
#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define SHORT "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=="

static char folder[64];
static char *paths[FILES];

static void write_file(uint32_t at, const char *text, mode_t mode)
{
    FILE *file = fopen(paths[at], "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(0, fclose(file));
    assert_int_equal(0, chmod(paths[at], mode));
}

static enum status load(uint32_t count, struct seal_ring *ring)
{
    struct key_ring_fault fault = {.text = ""};
    const enum status status = key_ring_load(ring, paths, count, &fault);
    assert_true((status == STATUS_OK) == (fault.text[0] == '\0'));
    return status;
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/cairn-keys-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    for (uint32_t i = 0; i < FILES; i++) {
        paths[i] = malloc(96);
        if (paths[i] == NULL)
            return 1;
        (void)snprintf(paths[i], 96, "%s/%u", folder, i);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < FILES; i++) {
        (void)unlink(paths[i]);
        free(paths[i]);
    }
    return rmdir(folder);
}

static void no_files_are_no_keys(void **state)
{
    (void)state;
    struct seal_ring ring = {.count = 5};
    assert_int_equal(STATUS_OK, load(0, &ring));
    assert_int_equal(0, ring.count);
}

static void the_first_file_seals_and_all_are_there(void **state)
{
    (void)state;
    struct seal_ring ring;
    write_file(0, KEY_B "\n", 0600);
    write_file(1, KEY_A, 0640);
    assert_int_equal(STATUS_OK, load(2, &ring));
    assert_int_equal(2, ring.count);
    assert_int_equal(1, ring.keys[0].bytes[31]);
    assert_int_equal(0, ring.keys[1].bytes[31]);
    assert_int_not_equal(ring.keys[0].id, ring.keys[1].id);
}

static void what_holds_no_key_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n", "secret", SHORT, KEY_A "AAAA", KEY_A KEY_B};
    struct seal_ring ring = {.count = 5};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_file(0, texts[i], 0600);
        assert_int_equal(STATUS_INVALID, load(1, &ring));
    }
    (void)unlink(paths[0]);
    assert_int_equal(STATUS_IO, load(1, &ring));
    assert_int_equal(5, ring.count);
}

static void a_file_that_everybody_reads_is_refused(void **state)
{
    (void)state;
    struct seal_ring ring;
    write_file(0, KEY_A, 0604);
    assert_int_equal(STATUS_INVALID, load(1, &ring));
}

static void the_same_key_twice_is_refused(void **state)
{
    (void)state;
    struct seal_ring ring;
    write_file(0, KEY_A, 0600);
    write_file(1, KEY_A, 0600);
    assert_int_equal(STATUS_INVALID, load(2, &ring));
}

static void eight_keys_are_taken_and_nine_are_not(void **state)
{
    (void)state;
    struct seal_ring ring;
    for (uint32_t i = 0; i < FILES; i++) {
        char text[] = KEY_A;
        text[0] = (char)('A' + i);
        write_file(i, text, 0600);
    }
    assert_int_equal(STATUS_OK, load(SEAL_KEYS_MAX, &ring));
    assert_int_equal(STATUS_FULL, load(SEAL_KEYS_MAX + 1, &ring));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_files_are_no_keys),
        cmocka_unit_test(the_first_file_seals_and_all_are_there),
        cmocka_unit_test(what_holds_no_key_is_refused),
        cmocka_unit_test(a_file_that_everybody_reads_is_refused),
        cmocka_unit_test(the_same_key_twice_is_refused),
        cmocka_unit_test(eight_keys_are_taken_and_nine_are_not),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
