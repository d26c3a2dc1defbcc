/* Power cuts of the real thing: the node's data are on a file system of their own (ext4 in a file),
 * which is shut down in the middle of it all, so that everything vanishes that no sync has made
 * durable; kill -9 never does that. Whatever was acknowledged before is there afterwards, snapshots
 * and all.
 *
 * The process is stopped first, as it is by a real cut: a sync that is under way while the file
 * system is shut down may return success although nothing is durable, and nobody must hear of that.
 *
 * Needs the right to mount, a loop device and mkfs.ext4 (77 without). The mounts are in a namespace
 * of this process, so that they go with it, however it ends. CAIRN_CUTS: how many; CAIRN_SEED. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/process_compare.h"
#include "tests/integration/process_single.h"

#define EXIT_SKIPPED 77
#define CUTS_DEFAULT 12
#define DISK_BYTES   (INT64_C(192) << 20)
#define ENDS_MS      30000

/* From the kernel's fs/ext4/ext4.h: the file system stops, and its journal is not written out. */
#define SHUTDOWN            _IOR('X', 125, uint32_t)
#define SHUTDOWN_NO_JOURNAL UINT32_C(2)

/* --- The disk --------------------------------------------------------------------------------- */

struct disk {
    char image[PROCESS_PATH_BYTES + 64], mount[PROCESS_PATH_BYTES + 64];
};

static struct disk disk_of(const struct single *test)
{
    struct disk disk;
    (void)snprintf(disk.image, sizeof disk.image, "%s/disk", test->process.folder);
    (void)snprintf(disk.mount, sizeof disk.mount, "%s/data", test->process.folder);
    return disk;
}

/* False: that cannot be done here. */
static bool disk_make(struct disk *disk)
{
    const int fd = open(disk->image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, DISK_BYTES) != 0 || close(fd) != 0)
        return false;
    const char *const arguments[] = {"mkfs.ext4", "-q", "-F", disk->image, NULL};
    return mkdir(disk->mount, 0700) == 0 && process_run(arguments) == 0;
}

static bool disk_mount(struct disk *disk)
{
    const char *const arguments[] = {"mount", "-o",        "loop",      "-t",
                                     "ext4",  disk->image, disk->mount, NULL};
    return process_run(arguments) == 0;
}

static void disk_unmount(struct disk *disk)
{
    assert_int_equal(umount2(disk->mount, 0), 0);
}

/* All that is in memory only is lost. */
static void disk_cut(struct disk *disk)
{
    uint32_t how = SHUTDOWN_NO_JOURNAL;
    const int fd = open(disk->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, SHUTDOWN, &how), 0);
    assert_int_equal(close(fd), 0);
}

/* Its thinking thread stands still; others may be inside of a sync. */
static void stand_still(const struct process *process)
{
    char path[64];
    char text[512];
    const uint64_t start_ms = process_now_ms();
    (void)snprintf(path, sizeof path, "/proc/%ld/task/%ld/stat", (long)process->pid,
                   (long)process->pid);
    process_signal(process, SIGSTOP);
    for (;;) {
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        const size_t used = fread(text, 1, sizeof text - 1, file);
        (void)fclose(file);
        text[used] = '\0';
        const char *name_end = strrchr(text, ')'); /* then a space, and its state */
        assert_non_null(name_end);
        if (name_end[2] == 'T')
            return;
        assert_true(process_now_ms() - start_ms < ENDS_MS);
    }
}

/* --- The test --------------------------------------------------------------------------------- */

static int setup(void **state)
{
    static struct single test;
    single_init(&test);
    struct disk disk = disk_of(&test);
    assert_true(disk_make(&disk));
    assert_true(disk_mount(&disk));
    *state = &test;
    return 0;
}

static int teardown(void **state)
{
    struct single *test = *state;
    struct disk disk = disk_of(test);
    if (test->process.pid != 0)
        process_kill(&test->process);
    (void)umount2(disk.mount, MNT_DETACH);
    single_fini(test);
    return 0;
}

static const char *const settings[] = {"--set=disk.snapshot_bytes=4096", NULL};

static void start(struct single *test)
{
    process_launch(&test->process, settings);
    process_wait_ready(&test->process);
}

static void cut_under_load(struct single *test)
{
    struct disk disk = disk_of(test);
    load_run(&test->load, &test->process, rng_between(&test->rng, 50, 800));
    stand_still(&test->process);
    disk_cut(&disk);
    process_kill(&test->process);
    load_take_rest(&test->load);
    disk_unmount(&disk);
    assert_true(disk_mount(&disk));
}

static void a_power_cut_loses_nothing_acknowledged(void **state)
{
    struct single *test = *state;
    char digest[DIGEST_BYTES];
    const uint64_t cuts = process_number("CAIRN_CUTS", CUTS_DEFAULT);
    start(test);
    load_put_hunt(&test->process);
    for (uint64_t i = 0; i < cuts; i++) {
        cut_under_load(test);
        start(test);
        if (i % 4 != 3)
            continue;
        load_finish(&test->load, &test->process);
        compare_all(&test->players, &test->process, digest);
    }
    load_finish(&test->load, &test->process);
    compare_all(&test->players, &test->process, digest);
    assert_true(test->players.finds > 0);
    process_signal(&test->process, SIGTERM);
    assert_int_equal(process_wait(&test->process, PROCESS_WAIT_MS), 0);
}

/* False: no such disk can be made, or cut, here. */
static bool may_cut(void)
{
    struct single test = {.process = {.folder = "/tmp/cairn-test-power-XXXXXX"}};
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mkdtemp(test.process.folder) == NULL)
        return false;
    struct disk disk = disk_of(&test);
    uint32_t how = SHUTDOWN_NO_JOURNAL;
    const bool mounted = disk_make(&disk) && disk_mount(&disk);
    const int fd = mounted ? open(disk.mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    const bool may = fd >= 0 && ioctl(fd, SHUTDOWN, &how) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (mounted)
        (void)umount2(disk.mount, MNT_DETACH);
    (void)rmdir(disk.mount);
    (void)unlink(disk.image);
    (void)rmdir(test.process.folder);
    return may;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_power_cut_loses_nothing_acknowledged, setup, teardown),
    };
    if (!may_cut()) {
        (void)fprintf(stderr,
                      "skipped: no ext4 in a loop file can be mounted and shut down here\n");
        return EXIT_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
