/* tests/unit/test_store.c -- What the log store promises while its disk behaves, and that it stops
 * when the disk does not. Damage is the matter of tests/integration/test_store_flip.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ftw.h>

#include "node/store.h"
#include "node/store_parts.h"
#include "node/store_framing.h"

/* What the log thread reported; `held` keeps it inside its callback. */
struct witness {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t ticket;
    enum status status;
    unsigned calls;
    bool held;
    bool waiting; /* in the callback, while held */
};

struct fixture {
    char directory[64]; /* removed at the end */
    char path[80];
    struct store_settings settings;
    struct store *store;
    struct witness witness;
    struct store_error error;
};

static void note_completed(void *context, uint64_t ticket, enum status status)
{
    struct witness *witness = context;
    (void)pthread_mutex_lock(&witness->mutex);
    witness->ticket = ticket;
    witness->status = status;
    witness->calls++;
    (void)pthread_cond_broadcast(&witness->changed);
    while (witness->held) {
        witness->waiting = true;
        (void)pthread_cond_broadcast(&witness->changed);
        (void)pthread_cond_wait(&witness->changed, &witness->mutex);
    }
    witness->waiting = false;
    (void)pthread_mutex_unlock(&witness->mutex);
}

static void witness_hold(struct witness *witness)
{
    (void)pthread_mutex_lock(&witness->mutex);
    witness->held = true;
    (void)pthread_mutex_unlock(&witness->mutex);
}

static void witness_wait_until_held(struct witness *witness)
{
    (void)pthread_mutex_lock(&witness->mutex);
    while (!witness->waiting)
        (void)pthread_cond_wait(&witness->changed, &witness->mutex);
    (void)pthread_mutex_unlock(&witness->mutex);
}

static void witness_release(struct witness *witness)
{
    (void)pthread_mutex_lock(&witness->mutex);
    witness->held = false;
    (void)pthread_cond_broadcast(&witness->changed);
    (void)pthread_mutex_unlock(&witness->mutex);
}

static enum status fixture_open(struct fixture *fixture)
{
    memset(fixture->error.text, 0, sizeof fixture->error.text);
    return store_open(&fixture->store, &fixture->settings, &fixture->error);
}

static void fixture_close(struct fixture *fixture)
{
    store_close(fixture->store);
    fixture->store = NULL;
}

static void fixture_reopen(struct fixture *fixture)
{
    fixture_close(fixture);
    assert_int_equal(fixture_open(fixture), STATUS_OK);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return -1;
    (void)snprintf(fixture->directory, sizeof fixture->directory, "/tmp/cairn-store-XXXXXX");
    if (mkdtemp(fixture->directory) == NULL)
        return -1;
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/log", fixture->directory);
    (void)pthread_mutex_init(&fixture->witness.mutex, NULL);
    (void)pthread_cond_init(&fixture->witness.changed, NULL);
    fixture->settings = (struct store_settings){
        .path = fixture->path,
        .backlog_bytes_max = 1 << 20,
        .memtable_bytes = 1 << 20,
        .completed = note_completed,
        .context = &fixture->witness,
    };
    *state = fixture;
    return fixture_open(fixture) == STATUS_OK ? 0 : -1;
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
    fixture_close(fixture);
    (void)nftw(fixture->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)pthread_cond_destroy(&fixture->witness.changed);
    (void)pthread_mutex_destroy(&fixture->witness.mutex);
    free(fixture);
    return 0;
}

static void submit_and_wait(struct fixture *fixture, uint64_t ticket)
{
    assert_int_equal(store_submit(fixture->store, ticket), STATUS_OK);
    assert_int_equal(store_drain(fixture->store), STATUS_OK);
}

static void append_text(struct store *store, uint32_t group, uint64_t index, uint64_t term,
                        const char *text)
{
    const struct store_entry entry = {.term = term, .type = 1, .data = text, .bytes = strlen(text)};
    store_append(store, group, index, &entry, 1);
}

/* Drops the log through there, for a snapshot taken there. */
static void compact(struct store *store, uint32_t group, uint64_t through)
{
    const struct store_compaction compaction = {
        .through = through,
        .snapshot = {.index = through, .term = 1, .bytes = 100, .digest = 7},
    };
    store_compact(store, group, &compaction);
}

/* All groups and entries as text: "7: term 3 vote 2 replica 11 after 0: 1:1=a 2:1=b\n". */
struct dump {
    struct store *store;
    char text[4096];
    size_t used;
};

static void dump_add(struct dump *dump, const char *format, ...) PRINTF_LIKE(2, 3);
static void dump_add(struct dump *dump, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length =
        vsnprintf(dump->text + dump->used, sizeof dump->text - dump->used, format, arguments);
    va_end(arguments);
    assert_true(length >= 0 && (size_t)length < sizeof dump->text - dump->used);
    dump->used += (size_t)length;
}

static enum status dump_entry(void *context, uint64_t index, const struct store_entry *entry)
{
    dump_add(context, " %llu:%llu=%.*s", (unsigned long long)index, (unsigned long long)entry->term,
             (int)entry->bytes, (const char *)entry->data);
    return STATUS_OK;
}

static enum status dump_group(void *context, const struct store_group *group)
{
    struct dump *dump = context;
    dump_add(dump, "%u: term %llu vote %llu replica %llu after %llu:", group->group,
             (unsigned long long)group->term, (unsigned long long)group->vote,
             (unsigned long long)group->replica, (unsigned long long)group->compacted_through);
    struct store_error error;
    const enum status status = store_restore(dump->store, group, &error, dump_entry, dump);
    dump_add(dump, "\n");
    return status;
}

static void assert_holds(struct fixture *fixture, const char *expected)
{
    struct dump dump = {.store = fixture->store};
    assert_int_equal(store_each_group(fixture->store, &fixture->error, dump_group, &dump),
                     STATUS_OK);
    assert_string_equal(dump.text, expected);
}

static enum status no_entry(void *context, uint64_t index, const struct store_entry *entry)
{
    (void)context;
    (void)index;
    (void)entry;
    return STATUS_OK;
}

static enum status restore(struct fixture *fixture, uint32_t group, uint64_t compacted_through)
{
    const struct store_group about = {.group = group, .compacted_through = compacted_through};
    return store_restore(fixture->store, &about, &fixture->error, no_entry, NULL);
}

/* --- Turns -------------------------------------------------------------------------------------
 */

static void a_new_store_is_empty(void **state)
{
    assert_holds(*state, "");
}

static void what_was_submitted_is_there_after_reopening(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 7, 3, 2, 11);
    append_text(fixture->store, 7, 1, 1, "a");
    append_text(fixture->store, 7, 2, 3, "b");
    store_hard_state(fixture->store, 900, 1, UINT64_MAX, UINT64_MAX - 1);
    submit_and_wait(fixture, 1);
    store_hard_state(fixture->store, 7, 4, 0, 11);
    append_text(fixture->store, 7, 3, 4, "c");
    submit_and_wait(fixture, 2);
    fixture_reopen(fixture);

    assert_holds(fixture,
                 "7: term 4 vote 0 replica 11 after 0: 1:1=a 2:3=b 3:4=c\n"
                 "900: term 1 vote 18446744073709551615 replica 18446744073709551614 after 0:\n");
}

static void closing_writes_what_was_submitted_and_drops_what_was_not(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 1, 1, 1, 11);
    assert_int_equal(store_submit(fixture->store, 1), STATUS_OK);
    store_hard_state(fixture->store, 1, 2, 2, 11);
    fixture_reopen(fixture);

    assert_holds(fixture, "1: term 1 vote 1 replica 11 after 0:\n");
}

static void an_append_behind_a_truncation_in_one_turn_leaves_the_new_entry(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 1, 1, 1, 11);
    append_text(fixture->store, 1, 1, 1, "a");
    append_text(fixture->store, 1, 2, 1, "old");
    append_text(fixture->store, 1, 3, 1, "gone");
    submit_and_wait(fixture, 1);
    store_truncate(fixture->store, 1, 2);
    append_text(fixture->store, 1, 2, 2, "new");
    submit_and_wait(fixture, 2);

    assert_holds(fixture, "1: term 1 vote 1 replica 11 after 0: 1:1=a 2:2=new\n");
    fixture_reopen(fixture);
    assert_holds(fixture, "1: term 1 vote 1 replica 11 after 0: 1:1=a 2:2=new\n");
}

static void a_truncation_behind_an_append_in_one_turn_drops_it(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 1, 1, 1, 11);
    append_text(fixture->store, 1, 1, 1, "a");
    append_text(fixture->store, 1, 2, 1, "b");
    store_truncate(fixture->store, 1, 2);
    submit_and_wait(fixture, 1);

    assert_holds(fixture, "1: term 1 vote 1 replica 11 after 0: 1:1=a\n");
}

static void a_truncation_leaves_other_groups_alone(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t group = 1; group <= 3; group++) {
        store_hard_state(fixture->store, group, 1, 1, 11);
        append_text(fixture->store, group, 1, 1, "a");
    }
    store_truncate(fixture->store, 2, 1);
    submit_and_wait(fixture, 1);

    assert_holds(fixture, "1: term 1 vote 1 replica 11 after 0: 1:1=a\n"
                          "2: term 1 vote 1 replica 11 after 0:\n"
                          "3: term 1 vote 1 replica 11 after 0: 1:1=a\n");
}

static void a_compaction_drops_what_is_before_it(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 1, 1, 1, 11);
    append_text(fixture->store, 1, 1, 1, "a");
    append_text(fixture->store, 1, 2, 1, "b");
    append_text(fixture->store, 1, 3, 1, "c");
    submit_and_wait(fixture, 1);
    compact(fixture->store, 1, 2);
    submit_and_wait(fixture, 2);
    fixture_reopen(fixture);

    assert_holds(fixture, "1: term 1 vote 1 replica 11 after 2: 3:1=c\n");
}

static void a_compaction_may_lie_behind_the_last_entry(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 1, 1, 1, 11);
    append_text(fixture->store, 1, 1, 1, "a");
    compact(fixture->store, 1, 50);
    append_text(fixture->store, 1, 51, 9, "z");
    submit_and_wait(fixture, 1);

    assert_holds(fixture, "1: term 1 vote 1 replica 11 after 50: 51:9=z\n");
}

static enum status take_group(void *context, const struct store_group *group)
{
    struct store_group *taken = context;
    *taken = *group;
    return STATUS_OK;
}

static void a_reference_to_a_snapshot_comes_back(void **state)
{
    struct fixture *fixture = *state;
    const struct store_compaction first = {
        .through = 0, .snapshot = {.index = 2, .term = 5, .bytes = 4711, .digest = UINT64_MAX}};
    const struct store_compaction second = {
        .through = 1, .snapshot = {.index = 3, .term = 6, .bytes = 4712, .digest = 1}};
    struct store_group group = {0};
    store_hard_state(fixture->store, 1, 1, 1, 11);
    for (uint64_t index = 1; index <= 3; index++)
        append_text(fixture->store, 1, index, 1, "a");
    submit_and_wait(fixture, 1);
    assert_int_equal(store_each_group(fixture->store, &fixture->error, take_group, &group),
                     STATUS_OK);
    assert_int_equal(group.snapshot.index, 0);
    assert_int_equal(group.compacted_through, 0);

    /* It may leave the whole log. */
    store_compact(fixture->store, 1, &first);
    submit_and_wait(fixture, 2);
    fixture_reopen(fixture);
    assert_int_equal(store_each_group(fixture->store, &fixture->error, take_group, &group),
                     STATUS_OK);
    assert_memory_equal(&group.snapshot, &first.snapshot, sizeof first.snapshot);
    assert_holds(fixture, "1: term 1 vote 1 replica 11 after 0: 1:1=a 2:1=a 3:1=a\n");

    store_compact(fixture->store, 1, &second);
    submit_and_wait(fixture, 3);
    assert_int_equal(store_each_group(fixture->store, &fixture->error, take_group, &group),
                     STATUS_OK);
    assert_memory_equal(&group.snapshot, &second.snapshot, sizeof second.snapshot);
    assert_holds(fixture, "1: term 1 vote 1 replica 11 after 1: 2:1=a 3:1=a\n");
}

static void what_is_submitted_counts_as_taken(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t before = store_taken(fixture->store);
    append_text(fixture->store, 1, 1, 1, "some text");
    assert_int_equal(store_taken(fixture->store), before);
    submit_and_wait(fixture, 1);
    assert_in_range(store_taken(fixture->store), before + strlen("some text"), before + 100);
}

/* Only what the compaction dropped. */
static void reclaiming_leaves_everything_else(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t group = 0; group <= 2; group++) {
        store_hard_state(fixture->store, group, 1, 1, 11);
        append_text(fixture->store, group, 1, 1, "a");
        append_text(fixture->store, group, 2, 1, "b");
    }
    submit_and_wait(fixture, 1);
    fixture_reopen(fixture); /* what is recovered goes into tables */
    compact(fixture->store, 1, 1);
    submit_and_wait(fixture, 2);
    fixture_reopen(fixture);
    store_reclaim(fixture->store, 1, 1);
    fixture_reopen(fixture);

    assert_holds(fixture, "0: term 1 vote 1 replica 11 after 0: 1:1=a 2:1=b\n"
                          "1: term 1 vote 1 replica 11 after 1: 2:1=b\n"
                          "2: term 1 vote 1 replica 11 after 0: 1:1=a 2:1=b\n");
}

static void turns_that_wait_together_are_one_write(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 1, 1, 1, 11);
    witness_hold(&fixture->witness);
    assert_int_equal(store_submit(fixture->store, 1), STATUS_OK);
    witness_wait_until_held(&fixture->witness);
    for (uint64_t index = 1; index <= 5; index++) {
        append_text(fixture->store, 1, index, 1, "x");
        assert_int_equal(store_submit(fixture->store, 1 + index), STATUS_OK);
    }
    assert_true(store_backlog(fixture->store) > 0);
    witness_release(&fixture->witness);
    assert_int_equal(store_drain(fixture->store), STATUS_OK);

    struct store_measures measures;
    store_measure(fixture->store, &measures);
    assert_int_equal(measures.turns, 6);
    assert_int_equal(measures.writes, 2);
    assert_int_equal(measures.backlog_bytes, 0);
    assert_int_equal(fixture->witness.calls, 2);
    assert_int_equal(fixture->witness.ticket, 6);
    assert_int_equal(fixture->witness.status, STATUS_OK);
    assert_holds(fixture, "1: term 1 vote 1 replica 11 after 0: 1:1=x 2:1=x 3:1=x 4:1=x 5:1=x\n");
}

static void an_empty_turn_is_reported_without_a_write(void **state)
{
    struct fixture *fixture = *state;
    submit_and_wait(fixture, 12);

    struct store_measures measures;
    store_measure(fixture->store, &measures);
    assert_int_equal(measures.writes, 0);
    assert_int_equal(fixture->witness.ticket, 12);
}

static void what_rocksdb_says_of_stalls_is_understood(void **state)
{
    const struct fixture *fixture = *state;
    uint64_t stalled_us = 7;
    assert_false(store_stall_us("\nCumulative stall: nothing H:M:S", &stalled_us));
    assert_false(store_stall_us("\nInterval stall: 00:00:1.000 H:M:S", &stalled_us));
    assert_int_equal(stalled_us, 7);
    assert_true(store_stall_us("** DB Stats **\nUptime(secs): 0.0 total\n"
                               "Cumulative stall: 102:03:4.056 H:M:S, 0.1 percent\n"
                               "Interval stall: 00:00:1.000 H:M:S, 0.0 percent\n",
                               &stalled_us));
    assert_int_equal(stalled_us, ((102 * UINT64_C(60) + 3) * 60 + 4) * 1000000 + 56000);

    char *text = rocksdb_property_value(fixture->store->db, "rocksdb.dbstats");
    assert_true(store_stall_us(text, &stalled_us));
    assert_int_equal(stalled_us, 0);
    rocksdb_free(text);
}

static void the_callers_memory_is_free_after_the_call(void **state)
{
    struct fixture *fixture = *state;
    char text[] = "before";
    store_hard_state(fixture->store, 1, 1, 1, 11);
    append_text(fixture->store, 1, 1, 1, text);
    memcpy(text, "after!", sizeof text);
    submit_and_wait(fixture, 1);

    assert_holds(fixture, "1: term 1 vote 1 replica 11 after 0: 1:1=before\n");
}

/* --- Bounds ------------------------------------------------------------------------------------
 */

static void append_zeros(struct store *store, uint64_t index, size_t bytes)
{
    void *zeros = calloc(1, bytes);
    assert_non_null(zeros);
    const struct store_entry entry = {.term = 1, .type = 1, .data = zeros, .bytes = bytes};
    store_append(store, 1, index, &entry, 1);
    free(zeros);
}

static void a_full_store_keeps_the_turn_for_a_later_submit(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 1, 1, 1, 11);
    witness_hold(&fixture->witness);
    assert_int_equal(store_submit(fixture->store, 1), STATUS_OK);
    witness_wait_until_held(&fixture->witness);
    append_zeros(fixture->store, 1, 600000);
    assert_int_equal(store_submit(fixture->store, 2), STATUS_OK);
    append_zeros(fixture->store, 2, 600000);
    assert_int_equal(store_submit(fixture->store, 3), STATUS_FULL);
    assert_int_equal(store_submit(fixture->store, 3), STATUS_FULL);
    witness_release(&fixture->witness);
    assert_int_equal(store_drain(fixture->store), STATUS_OK);
    assert_int_equal(fixture->witness.ticket, 2);

    append_zeros(fixture->store, 3, 10);
    submit_and_wait(fixture, 3);
    assert_int_equal(fixture->witness.ticket, 3);
    const struct store_span span = {.group = 1, .first_index = 1, .bytes_max = 2 << 20};
    struct store_entries entries;
    assert_int_equal(store_read(fixture->store, &span, &entries, NULL), STATUS_OK);
    assert_int_equal(entries.count, 3);
    assert_int_equal(entries.entries[1].bytes, 600000);
    store_entries_free(&entries);
}

static void a_turn_over_the_bound_is_never_written_in_part(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 1, 1, 1, 11);
    append_zeros(fixture->store, 1, 1 << 20);
    append_text(fixture->store, 1, 2, 1, "small");
    assert_int_equal(store_submit(fixture->store, 1), STATUS_TOO_LARGE);
    assert_int_equal(store_submit(fixture->store, 2), STATUS_IO);
    assert_int_equal(store_drain(fixture->store), STATUS_IO);
    fixture_reopen(fixture);

    assert_holds(fixture, "");
}

/* --- Reading -----------------------------------------------------------------------------------
 */

static void a_read_gives_what_fits_and_aligns_it(void **state)
{
    struct fixture *fixture = *state;
    append_text(fixture->store, 1, 1, 1, "");
    append_text(fixture->store, 1, 2, 1, "seven77");
    append_text(fixture->store, 1, 3, 2, "nine99999");
    append_text(fixture->store, 1, 4, 2, "more");
    submit_and_wait(fixture, 1);

    const struct store_span span = {.group = 1, .first_index = 1, .bytes_max = 16};
    struct store_entries entries;
    assert_int_equal(store_read(fixture->store, &span, &entries, NULL), STATUS_OK);
    assert_int_equal(entries.count, 3);
    assert_int_equal(entries.entries[0].bytes, 0);
    assert_memory_equal(entries.entries[1].data, "seven77", 7);
    assert_memory_equal(entries.entries[2].data, "nine99999", 9);
    assert_int_equal(entries.entries[2].term, 2);
    assert_int_equal((uintptr_t)entries.entries[2].data % 8, 0);
    store_entries_free(&entries);
}

static void the_first_entry_comes_even_if_it_is_over_the_bound(void **state)
{
    struct fixture *fixture = *state;
    append_text(fixture->store, 1, 1, 1, "long enough");
    append_text(fixture->store, 1, 2, 1, "b");
    submit_and_wait(fixture, 1);

    const struct store_span span = {.group = 1, .first_index = 1, .bytes_max = 3};
    struct store_entries entries;
    assert_int_equal(store_read(fixture->store, &span, &entries, NULL), STATUS_OK);
    assert_int_equal(entries.count, 1);
    store_entries_free(&entries);
}

static void a_read_of_what_is_not_there_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    append_text(fixture->store, 1, 1, 1, "a");
    append_text(fixture->store, 1, 2, 1, "b");
    compact(fixture->store, 1, 1);
    append_text(fixture->store, 3, 5, 1, "another group's");
    submit_and_wait(fixture, 1);

    struct store_entries entries;
    struct store_span span = {.group = 1, .first_index = 1, .bytes_max = 100};
    assert_int_equal(store_read(fixture->store, &span, &entries, NULL), STATUS_NOT_FOUND);
    span.first_index = 3;
    assert_int_equal(store_read(fixture->store, &span, &entries, NULL), STATUS_NOT_FOUND);
    span = (struct store_span){.group = 2, .first_index = 5, .bytes_max = 100};
    assert_int_equal(store_read(fixture->store, &span, &entries, NULL), STATUS_NOT_FOUND);
}

static void meta_values_come_back(void **state)
{
    struct fixture *fixture = *state;
    char value[16];
    size_t bytes = 0;
    assert_int_equal(store_get_meta(fixture->store, "node", value, sizeof value, &bytes),
                     STATUS_NOT_FOUND);
    store_put_meta(fixture->store, "node", "first", 5);
    store_put_meta(fixture->store, "node", "second", 6);
    store_put_meta(fixture->store, "nodes", NULL, 0);
    submit_and_wait(fixture, 1);
    fixture_reopen(fixture);

    assert_int_equal(store_get_meta(fixture->store, "node", value, sizeof value, &bytes),
                     STATUS_OK);
    assert_int_equal(bytes, 6);
    assert_memory_equal(value, "second", 6);
    assert_int_equal(store_get_meta(fixture->store, "node", value, 5, &bytes), STATUS_TOO_LARGE);
    assert_int_equal(store_get_meta(fixture->store, "nodes", value, 0, &bytes), STATUS_OK);
    assert_int_equal(bytes, 0);
}

/* --- Faults ------------------------------------------------------------------------------------
 */

static void a_second_opening_is_a_conflict(void **state)
{
    struct fixture *fixture = *state;
    struct store *second = NULL;
    assert_int_equal(store_open(&second, &fixture->settings, &fixture->error), STATUS_CONFLICT);
    assert_null(second);
    assert_non_null(strstr(fixture->error.text, "in use"));
}

static void a_missing_entry_is_named(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 4, 1, 1, 11);
    append_text(fixture->store, 4, 1, 1, "a");
    append_text(fixture->store, 4, 3, 1, "c");
    submit_and_wait(fixture, 1);

    assert_int_equal(restore(fixture, 4, 0), STATUS_CORRUPT);
    assert_non_null(strstr(fixture->error.text, "group 4: entry 2 is missing"));
    const struct store_span span = {.group = 4, .first_index = 1, .bytes_max = 100};
    struct store_entries entries;
    assert_int_equal(store_read(fixture->store, &span, &entries, NULL), STATUS_CORRUPT);
}

static void a_missing_first_entry_is_corruption(void **state)
{
    struct fixture *fixture = *state;
    append_text(fixture->store, 4, 2, 1, "b");
    submit_and_wait(fixture, 1);

    assert_int_equal(restore(fixture, 4, 0), STATUS_CORRUPT);
    assert_int_equal(restore(fixture, 4, 1), STATUS_OK);
    assert_int_equal(restore(fixture, 4, 2), STATUS_CORRUPT);
}

static enum status any_group(void *context, const struct store_group *group)
{
    (void)context;
    (void)group;
    return STATUS_OK;
}

static void entries_without_a_hard_state_are_corruption(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 4, 1, 1, 11);
    store_hard_state(fixture->store, 6, 1, 1, 11);
    append_text(fixture->store, 5, 1, 1, "a");
    submit_and_wait(fixture, 1);

    assert_int_equal(store_each_group(fixture->store, &fixture->error, any_group, NULL),
                     STATUS_CORRUPT);
}

static enum status refuse_group(void *context, const struct store_group *group)
{
    unsigned *calls = context;
    (void)group;
    ++*calls;
    return STATUS_CONFLICT;
}

static void a_readers_own_status_ends_the_reading(void **state)
{
    struct fixture *fixture = *state;
    store_hard_state(fixture->store, 4, 1, 1, 11);
    store_hard_state(fixture->store, 5, 1, 1, 11);
    submit_and_wait(fixture, 1);

    unsigned calls = 0;
    assert_int_equal(store_each_group(fixture->store, NULL, refuse_group, &calls), STATUS_CONFLICT);
    assert_int_equal(calls, 1);
}

/* Changes one byte of the value under `key`, behind the store's back. */
static void damage_value(const char *path, const char *key, size_t key_bytes, size_t at)
{
    char *message = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_readoptions_t *reading = rocksdb_readoptions_create();
    rocksdb_writeoptions_t *writing = rocksdb_writeoptions_create();
    rocksdb_t *db = rocksdb_open(options, path, &message);
    assert_null(message);
    size_t bytes = 0;
    char *value = rocksdb_get(db, reading, key, key_bytes, &bytes, &message);
    assert_non_null(value);
    assert_true(at < bytes);
    value[at] = (char)(value[at] ^ 0x10);
    rocksdb_put(db, writing, key, key_bytes, value, bytes, &message);
    assert_null(message);
    rocksdb_flushoptions_t *flushing = rocksdb_flushoptions_create();
    rocksdb_flush(db, flushing, &message);
    assert_null(message);
    rocksdb_flushoptions_destroy(flushing);
    rocksdb_free(value);
    rocksdb_close(db);
    rocksdb_writeoptions_destroy(writing);
    rocksdb_readoptions_destroy(reading);
    rocksdb_options_destroy(options);
}

static void a_damaged_entry_is_named(void **state)
{
    struct fixture *fixture = *state;
    static const char key[] = "e\0\0\0\4\0\0\0\0\0\0\0\2";
    store_hard_state(fixture->store, 4, 1, 1, 11);
    append_text(fixture->store, 4, 1, 1, "a");
    append_text(fixture->store, 4, 2, 1, "b");
    submit_and_wait(fixture, 1);
    fixture_close(fixture);

    for (size_t at = 0; at < 25; at++) {
        damage_value(fixture->path, key, sizeof key - 1, at);
        assert_int_equal(fixture_open(fixture), STATUS_OK);
        assert_int_equal(restore(fixture, 4, 0), STATUS_CORRUPT);
        assert_non_null(strstr(fixture->error.text, "group 4: entry 2 is damaged"));
        fixture_close(fixture);
        damage_value(fixture->path, key, sizeof key - 1, at);
    }
    assert_int_equal(fixture_open(fixture), STATUS_OK);
    assert_int_equal(restore(fixture, 4, 0), STATUS_OK);
}

static void a_damaged_hard_state_is_corruption(void **state)
{
    struct fixture *fixture = *state;
    static const char key[] = "h\0\0\0\4";
    store_hard_state(fixture->store, 4, 1, 1, 11);
    submit_and_wait(fixture, 1);
    fixture_close(fixture);
    damage_value(fixture->path, key, sizeof key - 1, 3);

    assert_int_equal(fixture_open(fixture), STATUS_OK);
    assert_int_equal(store_each_group(fixture->store, &fixture->error, any_group, NULL),
                     STATUS_CORRUPT);
    assert_non_null(strstr(fixture->error.text, "group 4: its hard state"));
}

static void a_database_without_its_manifest_is_not_founded_anew(void **state)
{
    struct fixture *fixture = *state;
    char current[PATH_MAX];
    store_hard_state(fixture->store, 4, 1, 1, 11);
    submit_and_wait(fixture, 1);
    fixture_close(fixture);
    (void)snprintf(current, sizeof current, "%s/CURRENT", fixture->path);
    assert_int_equal(unlink(current), 0);

    assert_int_equal(fixture_open(fixture), STATUS_CORRUPT);
}

/* The file system refuses to let a file grow, as a full disk does. */
static void a_failed_write_kills_the_store_and_loses_nothing_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {.rlim_cur = 100000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    store_hard_state(fixture->store, 1, 1, 1, 11);
    uint64_t acknowledged = 0;
    for (uint64_t index = 1; index <= 10; index++) {
        append_zeros(fixture->store, index, 30000);
        if (store_submit(fixture->store, index) != STATUS_OK ||
            store_drain(fixture->store) != STATUS_OK)
            break;
        acknowledged = index;
    }
    assert_int_equal(acknowledged, 3);
    assert_int_equal(fixture->witness.status, STATUS_IO);
    assert_int_equal(fixture->witness.ticket, 4);
    assert_int_equal(fixture->witness.calls, 4);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

    /* The disk is well again; the store stays dead. */
    assert_int_equal(store_submit(fixture->store, 11), STATUS_IO);
    assert_int_equal(store_drain(fixture->store), STATUS_IO);
    assert_int_equal(fixture->witness.calls, 4);
    fixture_reopen(fixture);
    const struct store_span span = {.group = 1, .first_index = 1, .bytes_max = 1 << 20};
    struct store_entries entries;
    assert_int_equal(store_read(fixture->store, &span, &entries, NULL), STATUS_OK);
    assert_int_equal(entries.count, 3);
    store_entries_free(&entries);
}

static void a_path_that_cannot_be_made_is_an_io_error(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(fixture);
    fixture->settings.path = "/proc/nowhere/log";
    assert_int_equal(fixture_open(fixture), STATUS_IO);
    assert_non_null(strstr(fixture->error.text, "/proc/nowhere/log"));
}

static void the_checksum_is_castagnolis(void **state)
{
    (void)state;
    static struct framing_crc crc;
    framing_crc_init(&crc);
    const uint8_t digits[] = "123456789";
    assert_int_equal(framing_crc32c(&crc, 0, digits, 9), 0xe3069283);
    const uint32_t half = framing_crc32c(&crc, 0, digits, 4);
    assert_int_equal(framing_crc32c(&crc, half, digits + 4, 5), 0xe3069283);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_new_store_is_empty),
        STORE_TEST(what_was_submitted_is_there_after_reopening),
        STORE_TEST(what_rocksdb_says_of_stalls_is_understood),
        STORE_TEST(closing_writes_what_was_submitted_and_drops_what_was_not),
        STORE_TEST(an_append_behind_a_truncation_in_one_turn_leaves_the_new_entry),
        STORE_TEST(a_truncation_behind_an_append_in_one_turn_drops_it),
        STORE_TEST(a_truncation_leaves_other_groups_alone),
        STORE_TEST(a_compaction_drops_what_is_before_it),
        STORE_TEST(a_compaction_may_lie_behind_the_last_entry),
        STORE_TEST(a_reference_to_a_snapshot_comes_back),
        STORE_TEST(what_is_submitted_counts_as_taken),
        STORE_TEST(reclaiming_leaves_everything_else),
        STORE_TEST(turns_that_wait_together_are_one_write),
        STORE_TEST(an_empty_turn_is_reported_without_a_write),
        STORE_TEST(the_callers_memory_is_free_after_the_call),
        STORE_TEST(a_full_store_keeps_the_turn_for_a_later_submit),
        STORE_TEST(a_turn_over_the_bound_is_never_written_in_part),
        STORE_TEST(a_read_gives_what_fits_and_aligns_it),
        STORE_TEST(the_first_entry_comes_even_if_it_is_over_the_bound),
        STORE_TEST(a_read_of_what_is_not_there_is_not_found),
        STORE_TEST(meta_values_come_back),
        STORE_TEST(a_second_opening_is_a_conflict),
        STORE_TEST(a_missing_entry_is_named),
        STORE_TEST(a_missing_first_entry_is_corruption),
        STORE_TEST(entries_without_a_hard_state_are_corruption),
        STORE_TEST(a_readers_own_status_ends_the_reading),
        STORE_TEST(a_damaged_entry_is_named),
        STORE_TEST(a_damaged_hard_state_is_corruption),
        STORE_TEST(a_database_without_its_manifest_is_not_founded_anew),
        STORE_TEST(a_failed_write_kills_the_store_and_loses_nothing_acknowledged),
        STORE_TEST(a_path_that_cannot_be_made_is_an_io_error),
        cmocka_unit_test(the_checksum_is_castagnolis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
