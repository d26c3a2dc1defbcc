/* A disk that fills up, for real: a small file system of its own under the data directory. Claims
 * are refused while there is room left, everything else goes on, and when there is room again they
 * are taken; nothing is lost on the way.
 *
 * Needs the right to mount (77 without). The mounts are in a namespace of this process, so that
 * they go with it, however it ends. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/integration/process_compare.h"
#include "tests/integration/process_http.h"
#include "tests/integration/process_single.h"
#include "tests/unit/metrics_page.h"

#define EXIT_SKIPPED  77
#define DISK_OPTIONS  "size=192m"
#define RESERVE_BYTES (UINT64_C(48) << 20)
#define RESERVE       "disk.reserve_bytes=50331648"
#define WITHIN_MS     20000

struct test {
    struct single single;
    struct link link;
};

static int setup(void **state)
{
    static struct test test;
    single_init(&test.single);
    link_init(&test.link);
    assert_int_equal(mkdir(process_path(&test.single.process, "data"), 0700), 0);
    assert_int_equal(
        mount("none", process_path(&test.single.process, "data"), "tmpfs", 0, DISK_OPTIONS), 0);
    *state = &test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    link_fini(&test->link);
    if (test->single.process.pid != 0)
        process_kill(&test->single.process);
    (void)umount2(process_path(&test->single.process, "data"), MNT_DETACH);
    single_fini(&test->single);
    return 0;
}

static uint64_t free_bytes(const struct test *test)
{
    struct statvfs space;
    assert_int_equal(statvfs(process_path(&test->single.process, "data"), &space), 0);
    return (uint64_t)space.f_bavail * space.f_frsize;
}

/* A file of ours grows or shrinks until so much is free. */
static void leave_free(const struct test *test, uint64_t bytes)
{
    const int fd =
        open(process_path(&test->single.process, "data/ballast"), O_RDWR | O_CREAT, 0600);
    struct stat about;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &about), 0);
    const uint64_t left = free_bytes(test);
    const uint64_t size = (uint64_t)about.st_size;
    if (left > bytes)
        assert_int_equal(posix_fallocate(fd, 0, (off_t)(size + left - bytes)), 0);
    else
        assert_int_equal(ftruncate(fd, (off_t)(size > bytes - left ? size - (bytes - left) : 0)),
                         0);
    assert_int_equal(close(fd), 0);
}

static struct answer ask(struct test *test, const char *method, const char *target,
                         const char *body)
{
    return http_ask(&test->link, test->single.process.port, method, target, body);
}

static double metric(struct test *test, const char *name)
{
    const struct answer answer = ask(test, "GET", "/metrics", "");
    assert_int_equal(answer.status, 200);
    return page_value(answer.body, name);
}

static void wait_for_metric(struct test *test, const char *name, double value)
{
    const uint64_t start = process_now_ms();
    while (metric(test, name) != value) {
        if (process_now_ms() - start > WITHIN_MS)
            fail_msg("%s does not become %g; the node said: %s", name, value,
                     process_said(&test->single.process));
        (void)poll(NULL, 0, 20);
    }
}

static void assert_refused(struct test *test, const char *method, const char *target,
                           const char *body)
{
    const struct answer answer = ask(test, method, target, body);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body, "\"code\":\"disk_full\""));
}

static const char *const settings[] = {"--set=" RESERVE, NULL};

static void start(struct test *test)
{
    process_launch(&test->single.process, settings);
    process_wait_ready(&test->single.process);
}

/* Until each client has asked anew since. */
static void take_what_was_sent_before(struct test *test)
{
    const uint64_t now_ms = process_now_ms();
    for (uint32_t i = 0; i < LOAD_CLIENTS; i++) {
        while (test->single.load.clients[i].again_at_ms <= now_ms) {
            assert_true(process_now_ms() - now_ms < WITHIN_MS);
            load_run(&test->single.load, &test->single.process, 20);
        }
    }
}

static void check_that_reading_goes_on(struct test *test)
{
    char target[128];
    (void)snprintf(target, sizeof target, "/v1/hunts/field/players/%s",
                   test->single.players.list[0].id);
    assert_int_equal(ask(test, "GET", target, "").status, 200);
    assert_int_equal(ask(test, "GET", "/v1/hunts/field/leaderboard", "").status, 200);
    /* Epochs close: the log's own entries have their room. */
    const double lag = metric(test, "cairn_epoch_lag_seconds");
    const double epoch = metric(test, "cairn_epoch");
    const uint64_t start_ms = process_now_ms();
    while (metric(test, "cairn_epoch") < epoch + 3) {
        assert_true(process_now_ms() - start_ms < WITHIN_MS);
        (void)poll(NULL, 0, 20);
    }
    assert_true(metric(test, "cairn_epoch_lag_seconds") < lag + 2);
}

static void claims_are_refused_before_the_disk_is_full_and_taken_again(void **state)
{
    struct test *test = *state;
    char digest[DIGEST_BYTES];
    start(test);
    load_put_hunt(&test->single.process);
    load_run(&test->single.load, &test->single.process, 500);
    assert_int_equal(metric(test, "cairn_disk_full"), 0);
    assert_int_equal(metric(test, "cairn_disk_reserve_bytes"), RESERVE_BYTES);

    leave_free(test, RESERVE_BYTES - (UINT64_C(1) << 20));
    wait_for_metric(test, "cairn_disk_full", 1);
    assert_refused(test, "POST", "/hunt", "{\"hunt\":\"field\",\"claims\":[]}");
    assert_refused(test, "PUT", "/v1/hunts/other",
                   "{\"hunt\":\"other\",\"plane\":\"flat\",\"treasures\":[{\"id\":\"a\","
                   "\"at\":{\"x\":0,\"y\":0},\"radius\":1,\"points\":1}]}");
    take_what_was_sent_before(test);
    const uint64_t answers = test->single.load.answers;
    const uint64_t left = free_bytes(test);
    load_run(&test->single.load, &test->single.process, 1000);
    assert_int_equal(test->single.load.answers, answers);
    assert_true(test->single.load.refused > 0);
    check_that_reading_goes_on(test);
    /* Those who are refused cost the disk nothing; the log's own entries little. */
    assert_true(free_bytes(test) + (UINT64_C(4) << 20) >= left);

    /* A little more than the reserve is not enough: the next file of the log would take it. */
    leave_free(test, RESERVE_BYTES + (UINT64_C(2) << 20));
    const double free_then = (double)free_bytes(test);
    wait_for_metric(test, "cairn_disk_free_bytes", free_then);
    for (uint32_t i = 0; i < 20; i++) {
        assert_refused(test, "POST", "/hunt", "{\"hunt\":\"field\",\"claims\":[]}");
        (void)poll(NULL, 0, 20);
    }

    leave_free(test, 2 * RESERVE_BYTES);
    wait_for_metric(test, "cairn_disk_full", 0);
    load_finish(&test->single.load, &test->single.process);
    assert_true(test->single.load.answers > answers);
    compare_all(&test->single.players, &test->single.process, digest);
}

/* Restarted by its operator before he made room. */
static void a_node_starts_on_a_disk_that_is_nearly_full(void **state)
{
    struct test *test = *state;
    char digest[DIGEST_BYTES];
    start(test);
    load_put_hunt(&test->single.process);
    load_run(&test->single.load, &test->single.process, 500);
    leave_free(test, RESERVE_BYTES / 2);
    process_kill(&test->single.process);
    load_take_rest(&test->single.load);
    start(test);
    assert_int_equal(metric(test, "cairn_disk_full"), 1);
    assert_refused(test, "POST", "/hunt", "{\"hunt\":\"field\",\"claims\":[]}");

    leave_free(test, 2 * RESERVE_BYTES);
    wait_for_metric(test, "cairn_disk_full", 0);
    load_finish(&test->single.load, &test->single.process);
    compare_all(&test->single.players, &test->single.process, digest);
    process_signal(&test->single.process, SIGTERM);
    assert_int_equal(process_wait(&test->single.process, PROCESS_WAIT_MS), 0);
}

#define LARGE_TREASURES 1000
#define LARGE_BYTES     (LARGE_TREASURES * 512)

/* A hunt that takes half a megabyte in the log of each range, and is another one each time. */
static char *write_large_hunt(uint32_t points)
{
    char *text = malloc(LARGE_BYTES + 512);
    assert_non_null(text);
    int used = snprintf(text, 512, "hunt: large\nplane: flat\ntreasures:\n");
    for (uint32_t i = 0; i < LARGE_TREASURES; i++)
        used += snprintf(text + used, 512,
                         "  - { id: t%u, at: { x: %u, y: 0 }, radius: 1, points: %u, hint: '%0*u' "
                         "}\n",
                         i, i * 10, points, 400, i);
    return text;
}

/* Puts one hunt after the other, and hears no answer where the node dies of it. */
static void put_until_it_ends(struct test *test)
{
    const uint64_t start_ms = process_now_ms();
    for (uint32_t points = 1; !process_ended(&test->single.process); points++) {
        if (process_now_ms() - start_ms > WITHIN_MS)
            fail_msg("the node goes on without room; it said: %s",
                     process_said(&test->single.process));
        char *hunt = write_large_hunt(points);
        char *request = malloc(LARGE_BYTES + 1024);
        assert_non_null(request);
        const int bytes = snprintf(request, LARGE_BYTES + 1024,
                                   "PUT /v1/hunts/large HTTP/1.1\r\nHost: x\r\nContent-Type: "
                                   "application/yaml\r\nContent-Length: %zu\r\n\r\n%s",
                                   strlen(hunt), hunt);
        struct answer answer;
        link_close(&test->link);
        if (link_open(&test->link, test->single.process.port) &&
            link_send(&test->link, request, (size_t)bytes)) {
            while (link_receive(&test->link, &answer) == LINK_WAITS)
                (void)poll(NULL, 0, 5);
        }
        free(request);
        free(hunt);
    }
    link_close(&test->link);
}

/* Nothing was left in time: somebody else took the last byte. */
static void a_log_that_finds_no_room_stops_the_node_and_loses_nothing(void **state)
{
    struct test *test = *state;
    char digest[DIGEST_BYTES];
    process_start(&test->single.process); /* it keeps no room */
    load_put_hunt(&test->single.process);
    load_run(&test->single.load, &test->single.process, 300);
    leave_free(test, 0);
    put_until_it_ends(test);
    assert_int_equal(process_wait(&test->single.process, PROCESS_WAIT_MS), 74);
    load_take_rest(&test->single.load);
    assert_non_null(strstr(process_said(&test->single.process), "the disk refused a write"));

    leave_free(test, 2 * RESERVE_BYTES);
    start(test);
    load_finish(&test->single.load, &test->single.process);
    compare_all(&test->single.players, &test->single.process, digest);
}

/* False: this process may not mount. */
static bool may_mount(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(claims_are_refused_before_the_disk_is_full_and_taken_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_node_starts_on_a_disk_that_is_nearly_full, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_log_that_finds_no_room_stops_the_node_and_loses_nothing,
                                        setup, teardown),
    };
    if (!may_mount()) {
        (void)fprintf(stderr, "skipped: no right to mount here: %s\n", strerror(errno));
        return EXIT_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
