/* kill -9 at the moments that matter to a snapshot, under claims that are retried: when its file
 * appears, grows, gets its name, and when the one before it is removed; each at once or shortly
 * after. Nothing acknowledged is lost, nothing counts twice, and what is left over is removed by
 * the next start. A thread that is told of such moments by the kernel does the killing.
 *
 * CAIRN_KILLS: of each moment; CAIRN_SEED: of the rest. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "tests/integration/process_compare.h"
#include "tests/integration/process_single.h"

#define KILLS_DEFAULT 5 /* of each moment */
#define COMES_MS      30000
#define LATER_US_MAX  4000
#define START_MS_MAX  10000 /* however slow the machine: all but nothing is to be read */

struct moment {
    uint32_t mask;
    const char *ending; /* of the file's name */
    const char *what;
};

static const struct moment moments[] = {
    {IN_CREATE, ".partial", "a snapshot begins"},
    {IN_MODIFY, ".partial", "a chunk is written"},
    {IN_MOVED_TO, ".snapshot", "it has its name, and nothing refers to it yet"},
    {IN_DELETE, ".snapshot", "the log refers to it, and the older one is gone"},
};
#define MOMENTS (sizeof moments / sizeof moments[0])

/* The thread that waits for a moment. */
struct killer {
    pthread_t thread;
    int watch, cancel;
    const struct moment *moment;
    pid_t pid;
    useconds_t later_us;
    bool killed;
};

/* --- Killing ---------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *ending)
{
    const size_t length = strlen(name);
    return length >= strlen(ending) && strcmp(name + length - strlen(ending), ending) == 0;
}

/* Reads what has happened; true: the moment is among it. */
static bool has_come(const struct killer *killer)
{
    _Alignas(struct inotify_event) char bytes[4096];
    const ssize_t got = read(killer->watch, bytes, sizeof bytes);
    for (ssize_t at = 0; at < got;) {
        struct inotify_event event;
        memcpy(&event, bytes + at, sizeof event);
        const char *name = bytes + at + (ssize_t)sizeof event;
        if ((event.mask & killer->moment->mask) != 0 && event.len > 0 &&
            ends_with(name, killer->moment->ending))
            return true;
        at += (ssize_t)(sizeof event + event.len);
    }
    return false;
}

static void *wait_and_kill(void *argument)
{
    struct killer *killer = argument;
    struct pollfd waits[] = {{.fd = killer->watch, .events = POLLIN},
                             {.fd = killer->cancel, .events = POLLIN}};
    while (poll(waits, 2, -1) > 0 && waits[1].revents == 0) {
        if (!has_come(killer))
            continue;
        if (killer->later_us > 0)
            (void)usleep(killer->later_us);
        killer->killed = kill(killer->pid, SIGKILL) == 0;
        break;
    }
    return NULL;
}

static void killer_start(struct killer *killer, struct single *test, const struct moment *moment)
{
    *killer = (struct killer){.moment = moment, .pid = test->process.pid};
    if (rng_chance(&test->rng, 1, 2))
        killer->later_us = (useconds_t)rng_below(&test->rng, LATER_US_MAX);
    killer->watch = inotify_init1(IN_CLOEXEC);
    killer->cancel = eventfd(0, EFD_CLOEXEC);
    assert_true(killer->watch >= 0 && killer->cancel >= 0);
    assert_true(inotify_add_watch(killer->watch, process_path(&test->process, "data/snapshots"),
                                  moment->mask) >= 0);
    assert_int_equal(pthread_create(&killer->thread, NULL, wait_and_kill, killer), 0);
}

static void killer_stop(struct killer *killer)
{
    (void)eventfd_write(killer->cancel, 1);
    assert_int_equal(pthread_join(killer->thread, NULL), 0);
    (void)close(killer->watch);
    (void)close(killer->cancel);
}

/* --- The test --------------------------------------------------------------------------------- */

static const char *const settings[] = {"--set=disk.snapshot_bytes=4096", NULL};

static void start(struct single *test)
{
    const uint64_t begun_ms = process_now_ms();
    process_launch(&test->process, settings);
    process_wait_ready(&test->process);
    assert_true(process_now_ms() - begun_ms < START_MS_MAX);
}

static uint32_t count_files(struct single *test)
{
    uint32_t count = 0;
    DIR *directory = opendir(process_path(&test->process, "data/snapshots"));
    assert_non_null(directory);
    const struct dirent *entry = NULL;
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    (void)closedir(directory);
    return count;
}

static void kill_at(struct single *test, const struct moment *moment)
{
    struct killer killer;
    start(test);
    killer_start(&killer, test, moment);
    load_run(&test->load, &test->process, COMES_MS);
    killer_stop(&killer);
    if (!killer.killed)
        fail_msg("it never comes to it that %s", moment->what);
    assert_int_equal(process_wait(&test->process, PROCESS_WAIT_MS), PROCESS_KILLED_BY + SIGKILL);
    load_take_rest(&test->load);
}

static void kill_9_around_a_snapshot_loses_nothing(void **state)
{
    struct single *test = *state;
    char digest[DIGEST_BYTES];
    char digest_again[DIGEST_BYTES];
    const uint64_t kills = process_number("CAIRN_KILLS", KILLS_DEFAULT);
    start(test);
    load_put_hunt(&test->process);
    process_kill(&test->process);
    for (uint64_t i = 0; i < kills; i++) {
        for (size_t moment = 0; moment < MOMENTS; moment++)
            kill_at(test, &moments[moment]);
    }
    start(test);
    load_finish(&test->load, &test->process);
    compare_all(&test->players, &test->process, digest);

    /* The same from the disk alone; and the groups are nine. */
    process_kill(&test->process);
    process_start(&test->process);
    assert_in_range(count_files(test), 1, 9);
    compare_all(&test->players, &test->process, digest_again);
    assert_string_equal(digest_again, digest);
    process_signal(&test->process, SIGTERM);
    assert_int_equal(process_wait(&test->process, PROCESS_WAIT_MS), 0);
    assert_true(test->players.finds > 0);
    assert_true(test->load.unanswered >= kills * MOMENTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kill_9_around_a_snapshot_loses_nothing, single_setup,
                                        single_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
