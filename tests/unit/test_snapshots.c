/* tests/unit/test_snapshots.c -- What is stored of a snapshot comes back to the byte, or is
 * refused; and of what is not finished or not wanted any more nothing stays. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/base/rng.h"
#include "cluster/values/effects.h"
#include "node/snapshots.h"

#define CONTENT_BYTES_MAX (4 * SNAPSHOT_CHUNK_BYTES_MAX)

/* What the worker reported. */
struct witness {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct snapshot_report written, stored, kept;
    unsigned stored_calls, kept_calls;
    bool held; /* keeps the worker in its report */
    bool waiting;
};

struct fixture {
    char folder[64], path[80];
    struct snapshots *snapshots;
    struct snapshots_error error;
    struct witness witness;
    /* What snapshots_read gave. */
    uint8_t *content;
    size_t bytes;
    uint32_t chunks;
    bool last;
};

static const struct snapshot_id some = {
    .cluster = 77, .node = 5, .group = 3, .index = 1000, .term = 9};

static void note(void *context, const struct snapshot_report *report)
{
    struct witness *witness = context;
    (void)pthread_mutex_lock(&witness->mutex);
    if (report->news == SNAPSHOT_NEWS_WRITTEN)
        witness->written = *report;
    if (report->news == SNAPSHOT_NEWS_STORED) {
        witness->stored = *report;
        witness->stored_calls++;
    }
    if (report->news == SNAPSHOT_NEWS_KEPT) {
        witness->kept = *report;
        witness->kept_calls++;
    }
    (void)pthread_cond_broadcast(&witness->changed);
    while (witness->held) {
        witness->waiting = true;
        (void)pthread_cond_broadcast(&witness->changed);
        (void)pthread_cond_wait(&witness->changed, &witness->mutex);
    }
    witness->waiting = false;
    (void)pthread_mutex_unlock(&witness->mutex);
}

static struct snapshot_report wait_stored(struct fixture *fixture, unsigned calls)
{
    struct witness *witness = &fixture->witness;
    (void)pthread_mutex_lock(&witness->mutex);
    while (witness->stored_calls < calls)
        (void)pthread_cond_wait(&witness->changed, &witness->mutex);
    const struct snapshot_report report = witness->stored;
    (void)pthread_mutex_unlock(&witness->mutex);
    return report;
}

static struct snapshot_report wait_kept(struct fixture *fixture, unsigned calls)
{
    struct witness *witness = &fixture->witness;
    (void)pthread_mutex_lock(&witness->mutex);
    while (witness->kept_calls < calls)
        (void)pthread_cond_wait(&witness->changed, &witness->mutex);
    const struct snapshot_report report = witness->kept;
    (void)pthread_mutex_unlock(&witness->mutex);
    return report;
}

/* Of the writing that was begun last. */
static void wait_written(struct fixture *fixture, uint32_t chunks)
{
    struct witness *witness = &fixture->witness;
    (void)pthread_mutex_lock(&witness->mutex);
    while (!snapshots_is_current(fixture->snapshots, &witness->written) ||
           witness->written.sum.chunks < chunks)
        (void)pthread_cond_wait(&witness->changed, &witness->mutex);
    (void)pthread_mutex_unlock(&witness->mutex);
}

static void hold(struct fixture *fixture, bool held)
{
    struct witness *witness = &fixture->witness;
    (void)pthread_mutex_lock(&witness->mutex);
    witness->held = held;
    (void)pthread_cond_broadcast(&witness->changed);
    (void)pthread_mutex_unlock(&witness->mutex);
}

static void wait_until_held(struct fixture *fixture)
{
    struct witness *witness = &fixture->witness;
    (void)pthread_mutex_lock(&witness->mutex);
    while (!witness->waiting)
        (void)pthread_cond_wait(&witness->changed, &witness->mutex);
    (void)pthread_mutex_unlock(&witness->mutex);
}

static void reopen(struct fixture *fixture)
{
    snapshots_close(fixture->snapshots);
    fixture->snapshots = NULL;
    assert_int_equal(snapshots_open(&fixture->snapshots, fixture->path, note, &fixture->witness,
                                    &fixture->error),
                     STATUS_OK);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/cairn-snapshots-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/snapshots", fixture->folder);
    (void)pthread_mutex_init(&fixture->witness.mutex, NULL);
    (void)pthread_cond_init(&fixture->witness.changed, NULL);
    fixture->content = malloc(CONTENT_BYTES_MAX);
    assert_non_null(fixture->content);
    reopen(fixture);
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    snapshots_close(fixture->snapshots);
    (void)nftw(fixture->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)pthread_cond_destroy(&fixture->witness.changed);
    (void)pthread_mutex_destroy(&fixture->witness.mutex);
    free(fixture->content);
    free(fixture);
    return 0;
}

/* --- Files ------------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Everything in the directory, sorted, one behind the other with a space. */
static void assert_files(const struct fixture *fixture, const char *expected)
{
    char names[16][64];
    char text[1024] = "";
    size_t count = 0;
    size_t used = 0;
    DIR *directory = opendir(fixture->path);
    assert_non_null(directory);
    const struct dirent *entry = NULL;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        assert_true(count < 16);
        (void)snprintf(names[count++], sizeof names[0], "%.63s", entry->d_name);
    }
    (void)closedir(directory);
    qsort(names, count, sizeof names[0], compare_names);
    for (size_t i = 0; i < count; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? " " : "", names[i]);
    assert_true(used < sizeof text);
    assert_string_equal(text, expected);
}

static const char *path_of(const struct fixture *fixture, const char *name)
{
    static char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", fixture->path, name);
    return path;
}

static size_t load(const char *path, uint8_t *bytes, size_t capacity)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t used = fread(bytes, 1, capacity, file);
    assert_true(used < capacity);
    assert_int_equal(fclose(file), 0);
    return used;
}

static void save(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* --- Writing and reading ---------------------------------------------------------------------- */

static void begin(struct fixture *fixture, uint32_t group, uint64_t index)
{
    struct snapshot_id id = some;
    id.group = group;
    id.index = index;
    snapshots_begin(fixture->snapshots, &id);
}

/* Stores one whose content is these texts, a chunk each. */
static struct snapshot_sum store_texts(struct fixture *fixture, uint32_t group, uint64_t index,
                                       const char *const *texts)
{
    const unsigned calls = fixture->witness.stored_calls;
    begin(fixture, group, index);
    for (uint32_t i = 0; texts[i] != NULL; i++)
        snapshots_chunk(fixture->snapshots, texts[i], (uint32_t)strlen(texts[i]));
    snapshots_commit(fixture->snapshots);
    const struct snapshot_report report = wait_stored(fixture, calls + 1);
    assert_int_equal(report.status, STATUS_OK);
    assert_int_equal(report.id.group, group);
    assert_int_equal(report.id.index, index);
    return report.sum;
}

static const char *const three[] = {"the first chunk", "another, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                    "and the end", NULL};

static enum status gather(void *context, uint32_t chunk, bool last, const uint8_t *data,
                          uint32_t bytes)
{
    struct fixture *fixture = context;
    assert_int_equal(chunk, fixture->chunks);
    assert_false(fixture->last);
    assert_true(fixture->bytes + bytes <= CONTENT_BYTES_MAX);
    memcpy(fixture->content + fixture->bytes, data, bytes);
    fixture->bytes += bytes;
    fixture->chunks++;
    fixture->last = last;
    return STATUS_OK;
}

static enum status read_back(struct fixture *fixture, const struct snapshot_id *id,
                             const struct snapshot_sum *sum)
{
    fixture->bytes = 0;
    fixture->chunks = 0;
    fixture->last = false;
    fixture->error.text[0] = '\0';
    return snapshots_read(fixture->snapshots, id, sum, &fixture->error, gather, fixture);
}

static void assert_refused(struct fixture *fixture, const struct snapshot_id *id,
                           const struct snapshot_sum *sum, const char *why)
{
    assert_int_equal(read_back(fixture, id, sum), STATUS_CORRUPT);
    if (strstr(fixture->error.text, why) == NULL)
        fail_msg("not '%s' in: %s", why, fixture->error.text);
    assert_non_null(strstr(fixture->error.text, ".snapshot "));
    assert_non_null(strstr(fixture->error.text, "rebuild this node from its peers"));
}

static void chunks_come_back_as_they_were(void **state)
{
    struct fixture *fixture = *state;
    const struct snapshot_sum sum = store_texts(fixture, some.group, some.index, three);
    assert_int_equal(sum.chunks, 3);
    assert_files(fixture, "00000003-00000000000003e8.snapshot");
    reopen(fixture);
    assert_int_equal(read_back(fixture, &some, &sum), STATUS_OK);
    assert_true(fixture->last);
    assert_int_equal(fixture->chunks, 3);
    assert_int_equal(fixture->bytes, sum.content_bytes);
    assert_memory_equal(fixture->content,
                        "the first chunkanother, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaand the end",
                        fixture->bytes);
}

/* One byte, and the most there may be, of what LZ4 makes small and of what it does not. */
static void chunks_of_every_size_come_back(void **state)
{
    struct fixture *fixture = *state;
    uint8_t *random = malloc(SNAPSHOT_CHUNK_BYTES_MAX);
    uint8_t *zeros = calloc(1, SNAPSHOT_CHUNK_BYTES_MAX);
    assert_non_null(random);
    assert_non_null(zeros);
    struct rng rng;
    rng_init(&rng, 1);
    for (uint32_t i = 0; i < SNAPSHOT_CHUNK_BYTES_MAX; i++)
        random[i] = (uint8_t)rng_below(&rng, 256);
    begin(fixture, some.group, some.index);
    snapshots_chunk(fixture->snapshots, random, 1);
    snapshots_chunk(fixture->snapshots, random, SNAPSHOT_CHUNK_BYTES_MAX);
    snapshots_chunk(fixture->snapshots, zeros, SNAPSHOT_CHUNK_BYTES_MAX);
    snapshots_chunk(fixture->snapshots, zeros, 1);
    snapshots_commit(fixture->snapshots);
    const struct snapshot_report report = wait_stored(fixture, 1);
    assert_int_equal(report.status, STATUS_OK);
    assert_int_equal(report.sum.content_bytes, 2 * SNAPSHOT_CHUNK_BYTES_MAX + 2);
    assert_in_range(report.sum.file_bytes, SNAPSHOT_CHUNK_BYTES_MAX,
                    SNAPSHOT_CHUNK_BYTES_MAX + 8192);

    assert_int_equal(read_back(fixture, &some, &report.sum), STATUS_OK);
    assert_int_equal(fixture->bytes, report.sum.content_bytes);
    assert_memory_equal(fixture->content, random, 1);
    assert_memory_equal(fixture->content + 1, random, SNAPSHOT_CHUNK_BYTES_MAX);
    assert_memory_equal(fixture->content + 1 + SNAPSHOT_CHUNK_BYTES_MAX, zeros,
                        SNAPSHOT_CHUNK_BYTES_MAX);
    free(random);
    free(zeros);
}

static enum status refuse_second(void *context, uint32_t chunk, bool last, const uint8_t *data,
                                 uint32_t bytes)
{
    (void)context;
    (void)last;
    (void)data;
    (void)bytes;
    return chunk == 1 ? STATUS_NO_MEMORY : STATUS_OK;
}

static void a_readers_own_status_ends_the_reading(void **state)
{
    struct fixture *fixture = *state;
    const struct snapshot_sum sum = store_texts(fixture, some.group, some.index, three);
    assert_int_equal(
        snapshots_read(fixture->snapshots, &some, &sum, &fixture->error, refuse_second, NULL),
        STATUS_NO_MEMORY);
}

/* --- Damage ----------------------------------------------------------------------------------- */

#define FILE_BYTES_MAX 4096

static void every_changed_byte_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t bytes[FILE_BYTES_MAX];
    static uint8_t after[FILE_BYTES_MAX];
    const struct snapshot_sum sum = store_texts(fixture, some.group, some.index, three);
    const char *path = path_of(fixture, "00000003-00000000000003e8.snapshot");
    const size_t size = load(path, bytes, sizeof bytes);
    assert_int_equal(size, sum.file_bytes);
    const int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (size_t at = 0; at < size; at++) {
        for (unsigned change = 1; change < 256; change = 2 * change + 1) {
            const uint8_t changed = bytes[at] ^ (uint8_t)change;
            assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
            assert_refused(fixture, &some, &sum, "damaged at byte");
        }
        assert_int_equal(pwrite(fd, &bytes[at], 1, (off_t)at), 1);
    }
    assert_int_equal(close(fd), 0);
    assert_int_equal(load(path, after, sizeof after), size);
    assert_memory_equal(after, bytes, size); /* nothing was written */
    assert_int_equal(read_back(fixture, &some, &sum), STATUS_OK);
}

static void every_lost_or_added_byte_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct snapshot_sum sum = store_texts(fixture, some.group, some.index, three);
    const char *path = path_of(fixture, "00000003-00000000000003e8.snapshot");
    const size_t size = sum.file_bytes;
    assert_int_equal(truncate(path, (off_t)size + 1), 0);
    assert_refused(fixture, &some, &sum, "damaged at byte");
    assert_int_equal(truncate(path, (off_t)size), 0);
    assert_int_equal(read_back(fixture, &some, &sum), STATUS_OK);
    for (size_t left = size; left-- > 0;) {
        assert_int_equal(truncate(path, (off_t)left), 0);
        assert_refused(fixture, &some, &sum, "damaged at byte");
    }
    assert_files(fixture, "00000003-00000000000003e8.snapshot");
}

static void a_missing_file_is_named(void **state)
{
    struct fixture *fixture = *state;
    const struct snapshot_sum sum = store_texts(fixture, some.group, some.index, three);
    assert_int_equal(unlink(path_of(fixture, "00000003-00000000000003e8.snapshot")), 0);
    assert_refused(fixture, &some, &sum, "00000003-00000000000003e8.snapshot is missing");
}

/* The file of another group, under the name of this one. */
static void another_groups_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct snapshot_sum sum = store_texts(fixture, some.group, some.index, three);
    (void)store_texts(fixture, some.group + 1, some.index, three);
    char from[200];
    (void)snprintf(from, sizeof from, "%s", path_of(fixture, "00000004-00000000000003e8.snapshot"));
    assert_int_equal(rename(from, path_of(fixture, "00000003-00000000000003e8.snapshot")), 0);
    assert_refused(fixture, &some, &sum, "another group's");
}

static void an_older_snapshot_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct snapshot_sum sum = store_texts(fixture, some.group, some.index, three);
    (void)store_texts(fixture, some.group, some.index - 1, three);
    char from[200];
    (void)snprintf(from, sizeof from, "%s", path_of(fixture, "00000003-00000000000003e7.snapshot"));
    assert_int_equal(rename(from, path_of(fixture, "00000003-00000000000003e8.snapshot")), 0);
    assert_refused(fixture, &some, &sum, "another place in the log");
}

static void whose_it_is_counts(void **state)
{
    struct fixture *fixture = *state;
    const struct snapshot_sum sum = store_texts(fixture, some.group, some.index, three);
    struct snapshot_id id = some;
    id.cluster++;
    assert_refused(fixture, &id, &sum, "another cluster's");
    id = some;
    id.node++;
    assert_refused(fixture, &id, &sum, "another node's");
    id = some;
    id.term++;
    assert_refused(fixture, &id, &sum, "another place in the log");
}

/* A whole and valid file of the same place with other content. */
static void a_file_that_the_log_does_not_refer_to_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const char *const other[] = {"the last chunk?", three[1], three[2], NULL};
    const struct snapshot_sum sum = store_texts(fixture, some.group, some.index, three);
    const struct snapshot_sum others = store_texts(fixture, some.group, some.index, other);
    assert_int_equal(others.content_bytes, sum.content_bytes);
    assert_refused(fixture, &some, &sum, "not the file that the log refers to");
    assert_int_equal(read_back(fixture, &some, &others), STATUS_OK);
}

/* --- What stays and what goes ----------------------------------------------------------------- */

static void an_abort_before_the_commit_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 1, 10);
    snapshots_chunk(fixture->snapshots, "x", 1);
    wait_written(fixture, 1);
    assert_files(fixture, "00000001-000000000000000a.snapshot.partial");
    snapshots_abort(fixture->snapshots, 1, 10);
    (void)store_texts(fixture, 2, 1, three); /* the worker is past the abort */
    assert_files(fixture, "00000002-0000000000000001.snapshot");
    assert_int_equal(fixture->witness.stored_calls, 1);
}

static void an_abort_behind_the_commit_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    (void)store_texts(fixture, 1, 10, three);
    snapshots_abort(fixture->snapshots, 1, 10);
    (void)store_texts(fixture, 2, 1, three);
    assert_files(fixture, "00000002-0000000000000001.snapshot");
}

static void an_aborted_writing_is_not_current_even_where_the_next_has_its_place(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 1, 10);
    snapshots_chunk(fixture->snapshots, "x", 1);
    wait_written(fixture, 1);
    const struct snapshot_report report = fixture->witness.written;
    assert_true(snapshots_is_current(fixture->snapshots, &report));
    snapshots_abort(fixture->snapshots, 1, 10);
    assert_false(snapshots_is_current(fixture->snapshots, &report));
    begin(fixture, 1, 10);
    assert_false(snapshots_is_current(fixture->snapshots, &report));
}

/* While the worker is stuck, what was begun and aborted takes no room, and neither do keeps. */
static void aborts_and_keeps_without_end_find_room(void **state)
{
    struct fixture *fixture = *state;
    hold(fixture, true);
    begin(fixture, 1, 10);
    snapshots_chunk(fixture->snapshots, "x", 1);
    wait_until_held(fixture);
    for (uint64_t index = 10; index < 5000; index++) {
        snapshots_abort(fixture->snapshots, 1, index);
        begin(fixture, 1, index + 1);
        for (uint32_t i = 0; i < SNAPSHOT_CHUNKS_AHEAD; i++)
            snapshots_chunk(fixture->snapshots, "y", 1);
        snapshots_commit(fixture->snapshots);
        snapshots_keep(fixture->snapshots, 7, index, index);
    }
    hold(fixture, false);
    assert_int_equal(wait_stored(fixture, 1).id.index, 5000);
    assert_int_equal(wait_kept(fixture, 1).through, 4999);
    assert_files(fixture, "00000001-0000000000001388.snapshot");
}

static void a_keep_removes_what_is_older_of_its_group_only(void **state)
{
    struct fixture *fixture = *state;
    (void)store_texts(fixture, 1, 10, three);
    (void)store_texts(fixture, 2, 5, three);
    (void)store_texts(fixture, 1, 20, three);
    (void)store_texts(fixture, 1, 30, three); /* not referred to yet */
    snapshots_keep(fixture->snapshots, 1, 20, 17);
    const struct snapshot_report report = wait_kept(fixture, 1);
    assert_int_equal(report.id.group, 1);
    assert_int_equal(report.id.index, 20);
    assert_int_equal(report.through, 17);
    assert_files(fixture, "00000001-0000000000000014.snapshot "
                          "00000001-000000000000001e.snapshot "
                          "00000002-0000000000000005.snapshot");
}

static bool wants_the_fifth(void *context, uint32_t group, uint64_t index)
{
    (void)context;
    return group == 2 && index == 5;
}

static void what_nothing_refers_to_is_removed_at_the_start(void **state)
{
    struct fixture *fixture = *state;
    (void)store_texts(fixture, 1, 10, three);
    (void)store_texts(fixture, 2, 5, three);
    (void)store_texts(fixture, 2, 6, three); /* newer, and stray */
    save(path_of(fixture, "00000002-0000000000000005.snapshot.partial"), (const uint8_t *)"x", 1);
    save(path_of(fixture, "somebody-elses"), (const uint8_t *)"x", 1);
    save(path_of(fixture, "00000002-6.snapshot"), (const uint8_t *)"x", 1);
    reopen(fixture);
    assert_int_equal(snapshots_clean(fixture->snapshots, wants_the_fifth, NULL), 3);
    assert_files(fixture, "00000002-0000000000000005.snapshot 00000002-6.snapshot somebody-elses");
}

static void closing_finishes_what_is_committed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 1, 10);
    snapshots_chunk(fixture->snapshots, "x", 1);
    snapshots_commit(fixture->snapshots);
    reopen(fixture);
    assert_files(fixture, "00000001-000000000000000a.snapshot");
    assert_int_equal(fixture->witness.stored_calls, 1);
}

static void closing_drops_what_is_not_committed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 1, 10);
    snapshots_chunk(fixture->snapshots, "x", 1);
    reopen(fixture);
    assert_files(fixture, "");
    assert_int_equal(fixture->witness.stored_calls, 0);
}

/* A limit on the size of files stands for a disk that refuses (EFBIG, not ENOSPC). */
static void what_the_disk_refuses_is_reported_once_and_removed(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = before;
    small.rlim_cur = 100;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    begin(fixture, 1, 10);
    for (uint32_t i = 0; i < SNAPSHOT_CHUNKS_AHEAD; i++)
        snapshots_chunk(fixture->snapshots, "0123456789", 10);
    snapshots_commit(fixture->snapshots);
    const struct snapshot_report report = wait_stored(fixture, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(report.status, STATUS_IO);
    (void)store_texts(fixture, 2, 1, three);
    assert_files(fixture, "00000002-0000000000000001.snapshot");
    assert_int_equal(fixture->witness.stored_calls, 2);
}

/* The window of chunks is there for the next one while those of the one that failed still wait. */
static void what_failed_leaves_its_room_to_the_next(void **state)
{
    struct fixture *fixture = *state;
    char name[200];
    (void)snprintf(name, sizeof name, "%s",
                   path_of(fixture, "00000001-000000000000000a.snapshot.partial"));
    assert_int_equal(mkdir(name, 0700), 0); /* so it cannot be opened */
    hold(fixture, true);
    begin(fixture, 1, 10);
    wait_until_held(fixture); /* in its report of the failure */
    for (uint32_t i = 0; i < SNAPSHOT_CHUNKS_AHEAD; i++)
        snapshots_chunk(fixture->snapshots, "y", 1);
    snapshots_commit(fixture->snapshots);
    begin(fixture, 2, 1);
    for (uint32_t i = 0; i < SNAPSHOT_CHUNKS_AHEAD; i++)
        snapshots_chunk(fixture->snapshots, "z", 1);
    snapshots_commit(fixture->snapshots);
    hold(fixture, false);
    assert_int_equal(wait_stored(fixture, 2).sum.chunks, SNAPSHOT_CHUNKS_AHEAD);
    assert_int_equal(rmdir(name), 0);
    assert_files(fixture, "00000002-0000000000000001.snapshot");
}

static void a_directory_that_cannot_be_made_is_an_io_error(void **state)
{
    struct fixture *fixture = *state;
    struct snapshots *none = NULL;
    assert_int_equal(
        snapshots_open(&none, "/proc/nowhere/snapshots", note, &fixture->witness, &fixture->error),
        STATUS_IO);
    assert_non_null(strstr(fixture->error.text, "/proc/nowhere/snapshots"));
}

#define SNAPSHOT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SNAPSHOT_TEST(chunks_come_back_as_they_were),
        SNAPSHOT_TEST(chunks_of_every_size_come_back),
        SNAPSHOT_TEST(a_readers_own_status_ends_the_reading),
        SNAPSHOT_TEST(every_changed_byte_is_refused),
        SNAPSHOT_TEST(every_lost_or_added_byte_is_refused),
        SNAPSHOT_TEST(a_missing_file_is_named),
        SNAPSHOT_TEST(another_groups_file_is_refused),
        SNAPSHOT_TEST(an_older_snapshot_is_refused),
        SNAPSHOT_TEST(whose_it_is_counts),
        SNAPSHOT_TEST(a_file_that_the_log_does_not_refer_to_is_refused),
        SNAPSHOT_TEST(an_abort_before_the_commit_leaves_nothing),
        SNAPSHOT_TEST(an_abort_behind_the_commit_leaves_nothing),
        SNAPSHOT_TEST(an_aborted_writing_is_not_current_even_where_the_next_has_its_place),
        SNAPSHOT_TEST(aborts_and_keeps_without_end_find_room),
        SNAPSHOT_TEST(a_keep_removes_what_is_older_of_its_group_only),
        SNAPSHOT_TEST(what_nothing_refers_to_is_removed_at_the_start),
        SNAPSHOT_TEST(closing_finishes_what_is_committed),
        SNAPSHOT_TEST(closing_drops_what_is_not_committed),
        SNAPSHOT_TEST(what_the_disk_refuses_is_reported_once_and_removed),
        SNAPSHOT_TEST(what_failed_leaves_its_room_to_the_next),
        SNAPSHOT_TEST(a_directory_that_cannot_be_made_is_an_io_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
