/* tests/integration/test_store_space.c -- What is dropped from the log gives its room on the disk
 * back. RocksDB marks a dropped range and deletes it where it merges tables that hold it; that
 * alone lets the directory grow with everything ever written, because groups write behind what they
 * dropped and never over it. Everything here is a 64th of what a node has: memtables, levels, and
 * how much of its log a group keeps. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cluster/base/rng.h"
#include "node/store.h"

#define GROUPS         17
#define MEMTABLE_BYTES (STORE_MEMTABLE_BYTES / 64)
#define KEPT_BYTES     (UINT64_C(1) << 20) /* of a group's log */
#define WRITTEN_BYTES  (UINT64_C(300) << 20)
#define ENTRY_BYTES    8192

/* Merging needs as much again as it merges, for a while; the logs ahead are four memtables. */
#define BOUND_BYTES (3 * GROUPS * KEPT_BYTES + 16 * (uint64_t)MEMTABLE_BYTES)

struct group {
    uint64_t index, behind; /* bytes since its compaction */
};

struct fixture {
    char folder[64], path[80];
    struct store *store;
    struct group groups[GROUPS];
    uint8_t data[ENTRY_BYTES];
    struct rng rng;
    uint64_t written, ticket, largest;
};

static void ignore(void *context, uint64_t ticket, enum status status)
{
    (void)context;
    (void)ticket;
    (void)status;
}

/* What the files of the directory take. */
static uint64_t used_bytes(const char *path)
{
    uint64_t used = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    const struct dirent *entry = NULL;
    while ((entry = readdir(directory)) != NULL) {
        char file[400];
        struct stat about;
        (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (stat(file, &about) == 0 && S_ISREG(about.st_mode))
            used += (uint64_t)about.st_blocks * 512;
    }
    (void)closedir(directory);
    return used;
}

static void append_random(struct fixture *fixture, uint32_t number)
{
    struct group *group = &fixture->groups[number];
    const struct store_entry entry = {
        .term = 1,
        .type = 1,
        .data = fixture->data,
        .bytes = rng_between(&fixture->rng, ENTRY_BYTES / 2, ENTRY_BYTES),
    };
    store_append(fixture->store, number, ++group->index, &entry, 1);
    group->behind += entry.bytes;
    fixture->written += entry.bytes;
}

/* The first group that has kept its share drops its log, but for the last entry; GROUPS: none. */
static uint32_t compact_one(struct fixture *fixture)
{
    for (uint32_t i = 0; i < GROUPS; i++) {
        struct group *group = &fixture->groups[i];
        if (group->behind < KEPT_BYTES)
            continue;
        const struct store_compaction compaction = {
            .through = group->index - 1,
            .snapshot = {.index = group->index, .term = 1, .bytes = 1, .digest = 1},
        };
        store_compact(fixture->store, i, &compaction);
        group->behind = 0;
        return i;
    }
    return GROUPS;
}

static void write_turn(struct fixture *fixture)
{
    for (uint32_t i = 0; i < GROUPS; i++)
        append_random(fixture, i);
    const uint32_t compacted = compact_one(fixture);
    assert_int_equal(store_submit(fixture->store, ++fixture->ticket), STATUS_OK);
    assert_int_equal(store_drain(fixture->store), STATUS_OK);
    if (compacted == GROUPS)
        return;
    store_reclaim(fixture->store, compacted, fixture->groups[compacted].index - 1);
    const uint64_t used = used_bytes(fixture->path);
    if (used > fixture->largest)
        fixture->largest = used;
}

static enum status count_entry(void *context, uint64_t index, const struct store_entry *entry)
{
    uint64_t *next = context;
    (void)entry;
    assert_int_equal(index, *next);
    (*next)++;
    return STATUS_OK;
}

static enum status check_group(void *context, const struct store_group *group)
{
    struct fixture *fixture = context;
    struct store_error error = {.text = ""};
    uint64_t next = group->compacted_through + 1;
    assert_int_equal(store_restore(fixture->store, group, &error, count_entry, &next), STATUS_OK);
    assert_int_equal(next, fixture->groups[group->group].index + 1);
    return STATUS_OK;
}

static void a_log_that_is_dropped_gives_its_room_back(void **state)
{
    struct fixture *fixture = *state;
    struct store_error error = {.text = ""};
    const struct store_settings settings = {
        .path = fixture->path, .memtable_bytes = MEMTABLE_BYTES, .completed = ignore};
    assert_int_equal(store_open(&fixture->store, &settings, &error), STATUS_OK);
    rng_init(&fixture->rng, 1);
    for (size_t i = 0; i < ENTRY_BYTES; i++)
        fixture->data[i] = (uint8_t)rng_below(&fixture->rng, 256);
    for (uint32_t i = 0; i < GROUPS; i++) {
        store_hard_state(fixture->store, i, 1, 1, 1);
        fixture->groups[i].behind = i * (KEPT_BYTES / GROUPS); /* out of step */
    }
    while (fixture->written < WRITTEN_BYTES)
        write_turn(fixture);
    print_message("written %llu MB, kept at most %llu MB, on the disk at most %llu MB\n",
                  (unsigned long long)(fixture->written >> 20),
                  (unsigned long long)(GROUPS * KEPT_BYTES >> 20),
                  (unsigned long long)(fixture->largest >> 20));
    assert_true(fixture->largest > KEPT_BYTES);
    assert_true(fixture->largest <= BOUND_BYTES);

    /* And no more than what was dropped. */
    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(store_open(&fixture->store, &settings, &error), STATUS_OK);
    assert_int_equal(store_each_group(fixture->store, &error, check_group, fixture), STATUS_OK);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

static int setup(void **state)
{
    static struct fixture fixture = {.folder = "/tmp/cairn-space-XXXXXX"};
    assert_non_null(mkdtemp(fixture.folder));
    (void)snprintf(fixture.path, sizeof fixture.path, "%s/log", fixture.folder);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    return nftw(fixture->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_log_that_is_dropped_gives_its_room_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
