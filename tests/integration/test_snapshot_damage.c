/* A snapshot that is not what was written: changed bytes, a lost end, no file at all, another
 * group's, an older one. The node refuses to start with 74, names the file, and leaves everything
 * as it is; with the right file back it starts, and nothing is lost. What nothing refers to is no
 * fault, and is removed.
 *
 * CAIRN_SEED: of claims, and of what is damaged. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/process_compare.h"
#include "tests/integration/process_single.h"

#define EXIT_DISK      74
#define FILES_MAX      16
#define NAME_BYTES     64
#define FILE_BYTES_MAX (1 << 20)
#define CHANGES        12
#define WITHIN_MS      30000

struct test {
    struct single single;
    char names[FILES_MAX][NAME_BYTES]; /* of the snapshots, sorted */
    uint32_t count;
};

static int setup(void **state)
{
    static struct test test;
    single_init(&test.single);
    *state = &test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    single_fini(&test->single);
    return 0;
}

/* --- Files ------------------------------------------------------------------------------------ */

struct file {
    uint8_t bytes[FILE_BYTES_MAX];
    size_t size;
};

static const char *path_of(const struct test *test, const char *name)
{
    char relative[NAME_BYTES + 32];
    (void)snprintf(relative, sizeof relative, "data/snapshots/%s", name);
    return process_path(&test->single.process, relative);
}

static void load_file(const struct test *test, const char *name, struct file *file)
{
    FILE *stream = fopen(path_of(test, name), "rb");
    assert_non_null(stream);
    file->size = fread(file->bytes, 1, sizeof file->bytes, stream);
    assert_in_range(file->size, 1, sizeof file->bytes - 1);
    assert_int_equal(fclose(stream), 0);
}

static void save_file(const struct test *test, const char *name, const struct file *file)
{
    FILE *stream = fopen(path_of(test, name), "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(file->bytes, 1, file->size, stream), file->size);
    assert_int_equal(fclose(stream), 0);
}

static void assert_file(const struct test *test, const char *name, const struct file *expected)
{
    static struct file found;
    load_file(test, name, &found);
    assert_int_equal(found.size, expected->size);
    assert_memory_equal(found.bytes, expected->bytes, expected->size);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void list_files(struct test *test)
{
    DIR *directory = opendir(process_path(&test->single.process, "data/snapshots"));
    assert_non_null(directory);
    const struct dirent *entry = NULL;
    test->count = 0;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        assert_true(test->count < FILES_MAX);
        (void)snprintf(test->names[test->count++], NAME_BYTES, "%.63s", entry->d_name);
    }
    (void)closedir(directory);
    qsort(test->names, test->count, NAME_BYTES, compare_names);
}

static bool has_file(const struct test *test, const char *name)
{
    return access(path_of(test, name), F_OK) == 0;
}

/* --- The node --------------------------------------------------------------------------------- */

static const char *const snapping[] = {"--set=disk.snapshot_bytes=4096", NULL};

/* It leaves the snapshots as they are. */
static const char *const resting[] = {"--set=disk.snapshot_bytes=1073741824", NULL};

/* Plays until some groups have snapshots, and stops. */
static void make_snapshots(struct test *test)
{
    const uint64_t start_ms = process_now_ms();
    process_launch(&test->single.process, snapping);
    process_wait_ready(&test->single.process);
    load_put_hunt(&test->single.process);
    do {
        assert_true(process_now_ms() - start_ms < WITHIN_MS);
        load_run(&test->single.load, &test->single.process, 200);
        list_files(test);
    } while (test->count < 6);
    load_finish(&test->single.load, &test->single.process);
    process_kill(&test->single.process);
    /* What was under way is removed by this start, so that all that is there counts. */
    process_launch(&test->single.process, resting);
    process_wait_ready(&test->single.process);
    process_signal(&test->single.process, SIGTERM);
    assert_int_equal(process_wait(&test->single.process, PROCESS_WAIT_MS), 0);
    list_files(test);
    assert_true(test->count >= 2);
}

static void assert_refused(struct test *test, const char *name, const char *why)
{
    const size_t before = strlen(process_said(&test->single.process));
    process_launch(&test->single.process, resting);
    assert_int_equal(process_wait(&test->single.process, PROCESS_WAIT_MS), EXIT_DISK);
    /* The last that it said, as there were starts before. */
    const char *said = strstr(process_said(&test->single.process) + before, "cannot be restored");
    if (said == NULL || strstr(said, name) == NULL || strstr(said, why) == NULL)
        fail_msg("not '%s' and '%s' in: %s", name, why,
                 process_said(&test->single.process) + before);
}

static void start_and_compare(struct test *test)
{
    char digest[DIGEST_BYTES];
    process_launch(&test->single.process, resting);
    process_wait_ready(&test->single.process);
    compare_all(&test->single.players, &test->single.process, digest);
    process_kill(&test->single.process);
}

static const char *any_name(struct test *test)
{
    return test->names[rng_below(&test->single.rng, test->count)];
}

/* --- The tests -------------------------------------------------------------------------------- */

static void a_damaged_snapshot_refuses_to_start_and_stays_as_it_is(void **state)
{
    struct test *test = *state;
    static struct file right;
    static struct file wrong;
    make_snapshots(test);
    for (uint32_t i = 0; i < CHANGES; i++) {
        const char *name = any_name(test);
        load_file(test, name, &right);
        wrong = right;
        wrong.bytes[rng_below(&test->single.rng, right.size)] ^=
            (uint8_t)rng_between(&test->single.rng, 1, 255);
        if (rng_chance(&test->single.rng, 1, 3))
            wrong.size = rng_between(&test->single.rng, 1, right.size - 1);
        save_file(test, name, &wrong);
        assert_refused(test, name, "is damaged at byte");
        assert_file(test, name, &wrong);
        save_file(test, name, &right);
    }
    start_and_compare(test);
}

static void a_missing_snapshot_refuses_to_start(void **state)
{
    struct test *test = *state;
    static struct file right;
    make_snapshots(test);
    const char *name = any_name(test);
    load_file(test, name, &right);
    assert_int_equal(unlink(path_of(test, name)), 0);
    assert_refused(test, name, "is missing, and the log that it replaces is gone");
    save_file(test, name, &right);
    start_and_compare(test);
}

static void two_groups_snapshots_do_not_stand_for_each_other(void **state)
{
    struct test *test = *state;
    static struct file first;
    static struct file second;
    make_snapshots(test);
    load_file(test, test->names[0], &first);
    load_file(test, test->names[1], &second);
    save_file(test, test->names[0], &second);
    save_file(test, test->names[1], &first);
    assert_refused(test, test->names[0], "another group's snapshot");
    save_file(test, test->names[0], &first);
    save_file(test, test->names[1], &second);
    start_and_compare(test);
}

/* Of an old backup: whole, of this node and group, but the log goes on from a later place. */
static void an_older_snapshot_does_not_stand_for_the_one_referred_to(void **state)
{
    struct test *test = *state;
    static struct file old;
    static struct file right;
    char older[NAME_BYTES];
    make_snapshots(test);
    (void)snprintf(older, sizeof older, "%s", test->names[0]);
    load_file(test, older, &old);
    const uint64_t start_ms = process_now_ms();
    process_launch(&test->single.process, snapping);
    process_wait_ready(&test->single.process);
    while (has_file(test, older)) {
        assert_true(process_now_ms() - start_ms < WITHIN_MS);
        load_run(&test->single.load, &test->single.process, 100);
    }
    load_finish(&test->single.load, &test->single.process);
    process_kill(&test->single.process);
    process_launch(&test->single.process, resting); /* removes what is left over */
    process_wait_ready(&test->single.process);
    process_kill(&test->single.process);
    list_files(test);
    const char *name = test->names[0];
    assert_int_equal(strncmp(name, older, 8), 0); /* of the same group */
    load_file(test, name, &right);
    save_file(test, name, &old);
    assert_refused(test, name, "a snapshot of another place in the log");
    save_file(test, older, &old);
    assert_int_equal(unlink(path_of(test, name)), 0);
    assert_refused(test, name, "is missing");
    assert_true(has_file(test, older));
    save_file(test, name, &right);
    start_and_compare(test);
    assert_false(has_file(test, older));
}

static void what_nothing_refers_to_is_ignored_and_removed(void **state)
{
    struct test *test = *state;
    static struct file file;
    make_snapshots(test);
    load_file(test, test->names[0], &file);
    save_file(test, "00000000-00000000ffffffff.snapshot", &file); /* newer than all */
    save_file(test, "00000000-00000000fffffffe.snapshot.partial", &file);
    start_and_compare(test);
    assert_false(has_file(test, "00000000-00000000ffffffff.snapshot"));
    assert_false(has_file(test, "00000000-00000000fffffffe.snapshot.partial"));
}

#define DAMAGE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DAMAGE_TEST(a_damaged_snapshot_refuses_to_start_and_stays_as_it_is),
        DAMAGE_TEST(a_missing_snapshot_refuses_to_start),
        DAMAGE_TEST(two_groups_snapshots_do_not_stand_for_each_other),
        DAMAGE_TEST(an_older_snapshot_does_not_stand_for_the_one_referred_to),
        DAMAGE_TEST(what_nothing_refers_to_is_ignored_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
