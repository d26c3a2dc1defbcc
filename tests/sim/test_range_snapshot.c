/* tests/sim/test_range_snapshot.c -- A range's state as a snapshot, and back: the same bytes
 * however much changes meanwhile, the same state however it came to be, and no bytes but those that
 * were written. A failure prints its seed=. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/base/hash.h"
#include "cluster/epochs/settle.h"
#include "cluster/ranges/range_snapshot.h"
#include "cluster/ranges/snapshot.h"
#include "tests/sim/range_play.h"

#define SEEDS 12

/* A snapshot as it lies in a file. */
struct file {
    struct {
        uint8_t *data;
        uint32_t bytes;
    } chunks[256];
    uint32_t count;
};

static void file_clear(struct file *file)
{
    for (uint32_t i = 0; i < file->count; i++)
        free(file->chunks[i].data);
    *file = (struct file){0};
}

/* False: that was all. */
static bool write_chunk(struct snapshot_writer *writer, struct file *file)
{
    static uint8_t chunk[SNAPSHOT_CHUNK_BYTES_MAX];
    const uint32_t bytes = snapshot_next(writer, chunk);
    assert_false(snapshot_failed(writer));
    if (bytes == 0)
        return false;
    assert_true(file->count < 256);
    assert_true(bytes <= SNAPSHOT_CHUNK_BYTES_MAX);
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    memcpy(data, chunk, bytes);
    file->chunks[file->count].data = data;
    file->chunks[file->count++].bytes = bytes;
    return true;
}

static void write_file(struct range_state *state, const struct settings *settings,
                       const struct group_base *base, struct file *file)
{
    struct snapshot_writer *writer;
    assert_int_equal(range_snapshot_begin(state, settings, base, &writer), STATUS_OK);
    while (write_chunk(writer, file))
        continue;
    range_snapshot_end(state, writer);
}

static void write_now(struct range_play *play, struct file *file)
{
    const struct group_base base = range_play_base(play);
    write_file(play->state, &play->settings, &base, file);
}

/* What is made of the file; NULL: it is refused. */
static struct range_state *read_file(const struct file *file, struct group_base *ret_base)
{
    struct range_restore *restore = range_restore_new(0, 99);
    assert_non_null(restore);
    struct snapshot_reader reader;
    snapshot_reader_init(&reader);
    bool ended = false;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < file->count && status == STATUS_OK; i++) {
        struct snapshot_item item;
        status = snapshot_take(&reader, file->chunks[i].data, file->chunks[i].bytes, &item);
        if (status == STATUS_OK && item.whole)
            status = range_restore_item(restore, &item);
        ended = item.ended;
    }
    assert_true(status == STATUS_OK || status == STATUS_CORRUPT);
    struct settings settings;
    struct range_state *state =
        status == STATUS_OK && ended ? range_restore_take(restore, &settings, ret_base) : NULL;
    snapshot_reader_fini(&reader);
    range_restore_free(restore);
    return state;
}

static bool same_bytes(const struct file *a, const struct file *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = a->chunks[i].bytes == b->chunks[i].bytes &&
               memcmp(a->chunks[i].data, b->chunks[i].data, a->chunks[i].bytes) == 0;
    return same;
}

static void play_records(struct range_play *play, uint32_t records)
{
    for (uint32_t i = 0; i < records; i++)
        range_play_next(play);
}

static void assert_same_state(struct range_state *a, struct range_state *b, uint64_t seed)
{
    if (range_state_digest(a) != range_state_digest(b) ||
        engine_digest(range_state_engine(a)) != engine_digest(range_state_engine(b)))
        fail_msg("seed=%llu: not the same state", (unsigned long long)seed);
}

/* ---- The same state. */

static void a_restored_range_is_the_same_and_goes_on_the_same(void **state)
{
    (void)state;
    uint64_t settled = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct range_play play;
        range_play_init(&play, seed, 40);
        for (uint32_t round = 0; round < 6; round++) {
            play_records(&play, 100);
            struct file file = {0}, again = {0};
            write_now(&play, &file);
            range_state_free(play.twin);
            struct group_base base;
            play.twin = read_file(&file, &base);
            assert_non_null(play.twin);
            assert_int_equal(base.index, play.index);
            assert_int_equal(base.term, 3);
            assert_same_state(play.state, play.twin, seed);
            base = range_play_base(&play);
            write_file(play.twin, &play.settings, &base, &again);
            if (!same_bytes(&file, &again))
                fail_msg("seed=%llu: restored, it writes other bytes", (unsigned long long)seed);
            file_clear(&file);
            file_clear(&again);
        }
        play_records(&play, 300);
        assert_false(play.differed);
        assert_same_state(play.state, play.twin, seed);
        settled += play.settled;
        assert_true(play.actions > 1000);
        assert_true(play.epochs > 10);
        range_play_fini(&play);
    }
    assert_true(settled > SEEDS);
}

static void a_board_that_is_built_again_is_the_same_board(void **state)
{
    (void)state;
    static struct board_entry before[BOARD_TOP], after[BOARD_TOP];
    struct range_play play;
    /* More players than the top list has room for. */
    range_play_init(&play, 3, 3 * BOARD_TOP);
    play_records(&play, 1500);
    struct file file = {0};
    write_now(&play, &file);
    struct group_base base;
    struct range_state *twin = read_file(&file, &base);
    assert_non_null(twin);
    uint64_t scorers = 0;
    for (uint16_t hunt = 0; hunt < RANGE_PLAY_HUNTS; hunt++) {
        struct board *a = engine_board(range_state_engine(play.state), hunt);
        struct board *b = engine_board(range_state_engine(twin), hunt);
        assert_int_equal(board_players(a), board_players(b));
        assert_int_equal(board_buckets(a), board_buckets(b));
        static struct board_bucket left[4096], right[4096];
        const uint32_t scores = board_buckets_after(a, -1, left, 4096);
        assert_true(scores < 4096);
        assert_int_equal(scores, board_buckets_after(b, -1, right, 4096));
        for (uint32_t i = 0; i < scores; i++) {
            assert_true(left[i].score == right[i].score);
            assert_int_equal(left[i].players, right[i].players);
        }
        const uint32_t count = board_top(a, before);
        assert_int_equal(count, board_top(b, after));
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(board_entry_compare(&before[i], &after[i]), 0);
        scorers += count;
    }
    assert_true(scorers > 100);
    file_clear(&file);
    range_state_free(twin);
    range_play_fini(&play);
}

static void what_is_half_settled_stays_half_settled(void **state)
{
    (void)state;
    struct range_play play;
    range_play_init(&play, 5, 20);
    do
        range_play_next(&play);
    while (play.epochs < 3 ||
           range_state_settle_next(play.state) >= range_state_open_epoch(play.state));
    range_play_half_settle(&play);
    struct file file = {0};
    write_now(&play, &file);
    struct group_base base;
    play.twin = read_file(&file, &base);
    assert_non_null(play.twin);
    play_records(&play, 400);
    assert_false(play.differed);
    assert_same_state(play.state, play.twin, 5);
    file_clear(&file);
    range_play_fini(&play);
}

/* ---- While it changes. */

static void changes_meanwhile_change_no_byte(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct range_play play;
        range_play_init(&play, seed, 700);
        play_records(&play, 300);
        struct file still = {0}, moving = {0};
        write_now(&play, &still);

        const struct group_base base = range_play_base(&play);
        struct snapshot_writer *writer;
        assert_int_equal(range_snapshot_begin(play.state, &play.settings, &base, &writer),
                         STATUS_OK);
        do
            play_records(&play, 1 + (uint32_t)(seed % 4) * 20);
        while (write_chunk(writer, &moving));
        range_snapshot_end(play.state, writer);
        if (!same_bytes(&still, &moving))
            fail_msg("seed=%llu: a change got into the snapshot", (unsigned long long)seed);
        file_clear(&still);
        file_clear(&moving);
        range_play_fini(&play);
    }
}

static void a_snapshot_that_is_given_up_leaves_nothing_behind(void **state)
{
    (void)state;
    struct range_play play;
    range_play_init(&play, 8, 50);
    play_records(&play, 200);
    for (uint32_t chunks = 0; chunks < 8; chunks++) {
        const struct group_base base = range_play_base(&play);
        struct snapshot_writer *writer;
        struct file file = {0};
        assert_int_equal(range_snapshot_begin(play.state, &play.settings, &base, &writer),
                         STATUS_OK);
        for (uint32_t i = 0; i < chunks && write_chunk(writer, &file); i++)
            play_records(&play, 10);
        play_records(&play, 10);
        range_snapshot_end(play.state, writer);
        file_clear(&file);
    }
    range_play_fini(&play);
}

/* ---- Damage. */

/* A small one with something of everything. */
static void small_file(struct range_play *play, struct file *file)
{
    range_play_init(play, 2, 6);
    do
        range_play_next(play);
    while (play->settled < 2 || play->actions < 200 ||
           engine_pending(range_state_engine(play->state)) == 0 ||
           range_state_settle_next(play->state) >= range_state_open_epoch(play->state));
    range_play_half_settle(play);
    write_now(play, file);
}

static void a_flipped_bit_is_refused_wherever_it_is(void **state)
{
    (void)state;
    struct range_play play;
    struct file file = {0};
    small_file(&play, &file);
    struct group_base base;
    for (uint32_t i = 0; i < file.count; i++) {
        for (uint32_t at = 0; at < file.chunks[i].bytes; at++) {
            file.chunks[i].data[at] ^= (uint8_t)(1U << at % 8);
            assert_null(read_file(&file, &base));
            file.chunks[i].data[at] ^= (uint8_t)(1U << at % 8);
        }
    }
    struct range_state *whole = read_file(&file, &base);
    assert_non_null(whole);
    range_state_free(whole);
    file_clear(&file);
    range_play_fini(&play);
}

/* Makes the digests right again, as only a liar would. */
static void seal_again(struct file *file)
{
    uint64_t digest = 0;
    for (uint32_t i = 0; i < file->count; i++) {
        uint8_t *data = file->chunks[i].data;
        digest = hash_chain(digest, data, 8);
        digest = hash_chain(digest, data + SNAPSHOT_HEADER_BYTES,
                            file->chunks[i].bytes - SNAPSHOT_HEADER_BYTES);
        for (uint32_t b = 0; b < 8; b++)
            data[8 + b] = (uint8_t)(digest >> (8 * b));
    }
}

static void apply(struct range_play *play, struct range_state *made, struct record *record)
{
    record->stamp = range_state_last_hlc(made);
    const size_t bytes = record_bytes(record);
    uint8_t *data = arena_take(&play->arena, bytes);
    assert_int_equal(record_encode(record, data, bytes), STATUS_OK);
    const struct log_entry entry = {
        .term = 3, .type = ENTRY_COMMAND, .data = data, .bytes = (uint32_t)bytes};
    struct range_applied applied;
    assert_int_equal(range_state_apply(made, 1 << 20, &entry, &play->arena, &applied), STATUS_OK);
    for (uint32_t i = 0; i < applied.summary_count; i++)
        summary_release(applied.summaries[i]);
}

/* It judges, closes and settles on. */
static void exercise(struct range_play *play, struct range_state *made)
{
    arena_reset(&play->arena, (size_t)4 << 20);
    uint8_t *body = arena_take(&play->arena, SETTLE_PART_BYTES_MAX);
    struct writer writer;
    writer_init(&writer, body, SETTLE_PART_BYTES_MAX);
    for (uint32_t i = 0; i < 30; i++) {
        struct action action;
        generate_action(play->hunts[i % 2].players, &play->rng, (int64_t)(play->now_us / 1000),
                        &action);
        action_encode(&action, &writer);
    }
    struct record acts = {
        .kind = RECORD_ACTIONS, .count = 30, .body = body, .body_bytes = writer.used};
    apply(play, made, &acts);
    struct record closes = {.kind = RECORD_CLOSE, .epoch = range_state_open_epoch(made)};
    apply(play, made, &closes);
    const struct settle_part part = {
        .from = range_state_settle_next(made),
        .through = range_state_open_epoch(made) - 1,
        .part = 1,
        .parts = 1,
    };
    writer_init(&writer, body, SETTLE_PART_BYTES_MAX);
    settle_put_part(&part, &writer);
    struct record settles = {.kind = RECORD_SETTLE, .body = body, .body_bytes = writer.used};
    apply(play, made, &settles);
}

static void a_liars_snapshot_is_refused_or_makes_a_state_that_works(void **state)
{
    (void)state;
    struct range_play play;
    struct file file = {0};
    small_file(&play, &file);
    uint32_t refused = 0, taken = 0;
    for (uint32_t i = 0; i < file.count; i++) {
        for (uint32_t at = 0; at < file.chunks[i].bytes; at++) {
            const uint8_t before = file.chunks[i].data[at];
            file.chunks[i].data[at] = (uint8_t)(before + (at % 3 == 0 ? 1 : 0x80));
            seal_again(&file);
            struct group_base base;
            struct range_state *made = read_file(&file, &base);
            refused += made == NULL;
            taken += made != NULL;
            if (made != NULL) {
                (void)engine_digest(range_state_engine(made));
                struct file again = {0};
                write_file(made, &play.settings, &base, &again);
                file_clear(&again);
                exercise(&play, made);
                range_state_free(made);
            }
            file.chunks[i].data[at] = before;
        }
    }
    seal_again(&file);
    assert_true(refused > 1000);
    assert_true(taken > 0);
    file_clear(&file);
    range_play_fini(&play);
}

static void a_missing_moved_or_repeated_chunk_is_refused(void **state)
{
    (void)state;
    struct range_play play;
    struct file file = {0};
    small_file(&play, &file);
    assert_true(file.count > 4);
    struct group_base base;
    for (uint32_t without = 0; without < file.count; without++) {
        struct file cut = file;
        cut.count--;
        for (uint32_t i = without; i < cut.count; i++)
            cut.chunks[i] = file.chunks[i + 1];
        assert_null(read_file(&cut, &base));
    }
    for (uint32_t at = 0; at + 1 < file.count; at++) {
        struct file moved = file, twice = file;
        moved.chunks[at] = file.chunks[at + 1];
        moved.chunks[at + 1] = file.chunks[at];
        assert_null(read_file(&moved, &base));
        twice.chunks[at + 1] = file.chunks[at];
        assert_null(read_file(&twice, &base));
    }
    struct file longer = file;
    longer.chunks[longer.count++] = file.chunks[file.count - 1];
    assert_null(read_file(&longer, &base));
    file_clear(&file);
    range_play_fini(&play);
}

static void a_chunk_of_another_snapshot_is_refused(void **state)
{
    (void)state;
    struct range_play play;
    struct file file = {0}, later = {0};
    small_file(&play, &file);
    play_records(&play, 20);
    write_now(&play, &later);
    struct group_base base;
    const uint32_t least = file.count < later.count ? file.count : later.count;
    for (uint32_t i = 0; i < least; i++) {
        struct file mixed = file;
        mixed.chunks[i] = later.chunks[i];
        assert_null(read_file(&mixed, &base));
    }
    file_clear(&file);
    file_clear(&later);
    range_play_fini(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_range_is_the_same_and_goes_on_the_same),
        cmocka_unit_test(a_board_that_is_built_again_is_the_same_board),
        cmocka_unit_test(what_is_half_settled_stays_half_settled),
        cmocka_unit_test(changes_meanwhile_change_no_byte),
        cmocka_unit_test(a_snapshot_that_is_given_up_leaves_nothing_behind),
        cmocka_unit_test(a_flipped_bit_is_refused_wherever_it_is),
        cmocka_unit_test(a_liars_snapshot_is_refused_or_makes_a_state_that_works),
        cmocka_unit_test(a_missing_moved_or_repeated_chunk_is_refused),
        cmocka_unit_test(a_chunk_of_another_snapshot_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
