/* A disk that refuses: system calls of the real process fail as they do when a device is dying. A
 * node whose log or snapshot could not be made durable stops with 74, never tries the sync again,
 * and nothing that it acknowledged is lost; a snapshot that finds no room only fails.
 *
 * strace makes the calls fail (its counts are each thread's own); 77 where it is not to be had, or
 * may not trace. CAIRN_SEED: of moments and claims. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "node/snapshots.h"
#include "tests/integration/process_compare.h"
#include "tests/integration/process_single.h"

#define EXIT_SKIPPED 77
#define EXIT_DISK    74
#define STORE_ONE    "--store-one"
#define FAILURES     5
#define SYNCS_MIN    8 /* those of the start aside */
#define SYNCS_MAX    80
#define WITHIN_MS    30000

static const char *own_path; /* of this program */

/* --- One snapshot, in a process of its own ---------------------------------------------------- */

struct outcome {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum status status;
    bool stored;
};

static void note(void *context, const struct snapshot_report *report)
{
    struct outcome *outcome = context;
    (void)pthread_mutex_lock(&outcome->mutex);
    if (report->news == SNAPSHOT_NEWS_STORED) {
        outcome->stored = true;
        outcome->status = report->status;
    }
    (void)pthread_cond_signal(&outcome->changed);
    (void)pthread_mutex_unlock(&outcome->mutex);
}

/* Stores one and ends with the status it came to. Nothing runs at the exit: the sanitizers' last
 * checks do not work while they are traced. */
static _Noreturn void store_one(const char *path)
{
    static struct outcome outcome = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                     .changed = PTHREAD_COND_INITIALIZER};
    const struct snapshot_id id = {.cluster = 1, .node = 1, .group = 1, .index = 10, .term = 1};
    struct snapshots *snapshots = NULL;
    struct snapshots_error error;
    if (snapshots_open(&snapshots, path, note, &outcome, &error) != STATUS_OK)
        _exit(100);
    snapshots_begin(snapshots, &id);
    for (int i = 0; i < 5; i++)
        snapshots_chunk(snapshots, "some content", 12);
    snapshots_commit(snapshots);
    (void)pthread_mutex_lock(&outcome.mutex);
    while (!outcome.stored)
        (void)pthread_cond_wait(&outcome.changed, &outcome.mutex);
    (void)pthread_mutex_unlock(&outcome.mutex);
    snapshots_close(snapshots);
    _exit((int)outcome.status);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

static uint32_t count_files(const char *path)
{
    uint32_t count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    const struct dirent *entry = NULL;
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    (void)closedir(directory);
    return count;
}

static void assert_stores(const char *inject, enum status status, uint32_t files)
{
    char folder[] = "/tmp/cairn-disk-XXXXXX";
    char path[64];
    char injection[96];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/snapshots", folder);
    (void)snprintf(injection, sizeof injection, "inject=%s", inject);
    const char *const arguments[] = {"strace",  "-f",     "-o",      "/dev/null", "-e",
                                     injection, own_path, STORE_ONE, path,        NULL};
    const int code = process_run(arguments);
    if (code != (int)status)
        fail_msg("%s: it came to %d, not %d", inject, code, (int)status);
    assert_int_equal(count_files(path), files);
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void a_snapshot_that_the_disk_refuses_leaves_nothing(void **state)
{
    (void)state;
    assert_stores("fdatasync:error=EIO:when=2", STATUS_OK, 1); /* there is no second one */
    assert_stores("fdatasync:error=EIO:when=1", STATUS_IO, 0);
    assert_stores("renameat,renameat2:error=EIO:when=1", STATUS_IO, 0);
    /* Of its directory: the main thread's first one is that of the directory above. */
    assert_stores("fsync:error=EIO:when=1", 100, 0);
    assert_stores("fsync:error=EIO:when=2", STATUS_OK, 1);
}

static void a_snapshot_that_finds_no_room_leaves_nothing(void **state)
{
    (void)state;
    for (int call = 1; call <= 7; call++) { /* head, chunks, end */
        char inject[64];
        (void)snprintf(inject, sizeof inject, "write:error=ENOSPC:when=%d", call);
        assert_stores(inject, STATUS_FULL, 0);
    }
    assert_stores("write:error=EDQUOT:when=3", STATUS_FULL, 0);
    assert_stores("write:error=EIO:when=3", STATUS_IO, 0);
    assert_stores("write:error=EINTR:when=3", STATUS_OK, 1);
    assert_stores("fdatasync:error=ENOSPC:when=1", STATUS_FULL, 0);
}

/* --- A node ----------------------------------------------------------------------------------- */

static const char *const snapping[] = {"--set=disk.snapshot_bytes=4096", NULL};

/* Runs it under load with a call that fails, until it has stopped for that. */
static void run_until_it_stops(struct single *test, const char *inject, const char *says)
{
    char injection[96];
    (void)snprintf(injection, sizeof injection, "inject=%s", inject);
    /* -D: it is our own child that is traced. */
    const char *const strace[] = {"strace", "-D", "-f", "-o", "/dev/null", "-e", injection, NULL};
    test->process.before = strace;
    process_launch(&test->process, snapping);
    process_wait_ready(&test->process);
    test->process.before = NULL;
    load_run(&test->load, &test->process, WITHIN_MS);
    if (!process_ended(&test->process))
        fail_msg("%s: it goes on; it said: %s", inject, process_said(&test->process));
    assert_int_equal(process_wait(&test->process, PROCESS_WAIT_MS), EXIT_DISK);
    load_take_rest(&test->load);
    if (strstr(process_said(&test->process), says) == NULL)
        fail_msg("%s: not '%s' in: %s", inject, says, process_said(&test->process));
}

static void check_that_nothing_is_lost(struct single *test)
{
    char digest[DIGEST_BYTES];
    process_start(&test->process);
    load_finish(&test->load, &test->process);
    compare_all(&test->players, &test->process, digest);
    process_signal(&test->process, SIGTERM);
    assert_int_equal(process_wait(&test->process, PROCESS_WAIT_MS), 0);
}

/* One sync fails, and the next would succeed: whoever tried again would lose what the kernel had
 * dropped. */
static void a_log_that_cannot_be_synced_stops_the_node_and_loses_nothing(void **state)
{
    struct single *test = *state;
    process_start(&test->process);
    load_put_hunt(&test->process);
    process_kill(&test->process);
    for (uint32_t i = 0; i < FAILURES; i++) {
        char inject[64];
        (void)snprintf(inject, sizeof inject, "fdatasync:error=EIO:when=%u",
                       (unsigned)rng_between(&test->rng, SYNCS_MIN, SYNCS_MAX));
        run_until_it_stops(test, inject, "the disk refused a write");
        check_that_nothing_is_lost(test);
    }
    assert_true(test->players.finds > 0);
}

/* The calls of the snapshots' thread alone: nobody else renames in this way. */
static void a_snapshot_that_cannot_be_stored_stops_the_node_and_loses_nothing(void **state)
{
    struct single *test = *state;
    process_start(&test->process);
    load_put_hunt(&test->process);
    process_kill(&test->process);
    for (uint32_t i = 1; i <= 3; i++) {
        char inject[64];
        (void)snprintf(inject, sizeof inject, "renameat,renameat2:error=EIO:when=%u", i);
        run_until_it_stops(test, inject, "the disk refused a snapshot");
        check_that_nothing_is_lost(test);
    }
    assert_true(test->players.finds > 0);
}

/* It is dropped, and another one is written when some time has passed; the log is kept. */
static void a_snapshot_without_room_is_tried_again(void **state)
{
    struct single *test = *state;
    const char *const strace[] = {"strace",
                                  "-D",
                                  "-f",
                                  "-o",
                                  "/dev/null",
                                  "-e",
                                  "inject=renameat,renameat2:error=ENOSPC:when=1",
                                  NULL};
    const uint64_t start_ms = process_now_ms();
    test->process.before = strace;
    process_launch(&test->process, snapping);
    process_wait_ready(&test->process);
    test->process.before = NULL;
    load_put_hunt(&test->process);
    do {
        if (process_now_ms() - start_ms > WITHIN_MS)
            fail_msg("no snapshot is stored; it said: %s", process_said(&test->process));
        load_run(&test->load, &test->process, 200);
    } while (count_files(process_path(&test->process, "data/snapshots")) < 4);
    assert_non_null(strstr(process_said(&test->process), "a snapshot could not be stored"));
    process_kill(&test->process);
    load_take_rest(&test->load);
    check_that_nothing_is_lost(test);
}

static bool may_trace(void)
{
    const char *const arguments[] = {
        "strace", "-f", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true", NULL};
    return process_run(arguments) == 0;
}

int main(int argument_count, char **arguments)
{
    if (argument_count == 3 && strcmp(arguments[1], STORE_ONE) == 0)
        store_one(arguments[2]);
    own_path = arguments[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_that_the_disk_refuses_leaves_nothing),
        cmocka_unit_test(a_snapshot_that_finds_no_room_leaves_nothing),
        cmocka_unit_test_setup_teardown(
            a_log_that_cannot_be_synced_stops_the_node_and_loses_nothing, single_setup,
            single_teardown),
        cmocka_unit_test_setup_teardown(
            a_snapshot_that_cannot_be_stored_stops_the_node_and_loses_nothing, single_setup,
            single_teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_without_room_is_tried_again, single_setup,
                                        single_teardown),
    };
    if (!may_trace()) {
        (void)fprintf(stderr, "skipped: strace is missing or may not trace here\n");
        return EXIT_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
