/* tests/unit/test_summary.c -- What a range says of its boards comes back as it was said, and
 * nothing that no range would say is believed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/base/bytes.h"
#include "cluster/base/hash.h"
#include "cluster/base/rng.h"
#include "cluster/epochs/summary.h"
#include "tests/unit/made_ledger.h"

#define RANGE 5

static struct player_id player_of(uint32_t number)
{
    struct player_id player = {.bytes = {7, (uint8_t)number, (uint8_t)(number >> 8)}};
    return player;
}

/* A board of so many players, of whom most have scored once or twice. */
static struct board *some_board(struct rng *rng, uint32_t players, uint64_t points_max)
{
    struct board *board = board_new(RANGE);
    assert_non_null(board);
    for (uint32_t slot = 0; slot < players; slot++) {
        board_join(board);
        int64_t score = 0;
        for (uint64_t claims = rng_below(rng, 4); claims > 0; claims--) {
            const struct board_change change = {
                .slot = slot,
                .player = player_of(slot),
                .before = score,
                .after = score + (int64_t)rng_between(rng, 1, points_max),
                .hlc = 1000 + 4 * slot + claims,
            };
            board_score(board, &change);
            score = change.after;
        }
    }
    return board;
}

static struct summary *build_with(const struct summary_source *sources, uint32_t count,
                                  const struct ledger *ledger)
{
    const struct summary_input input = {
        .range = RANGE,
        .from = 70,
        .through = 70,
        .last_hlc = 123456789,
        .sources = sources,
        .count = count,
        .ledger = ledger,
    };
    struct summary *summary = summary_build(&input);
    assert_non_null(summary);
    return summary;
}

static struct summary *build(const struct summary_source *sources, uint32_t count)
{
    return build_with(sources, count, NULL);
}

static void assert_says_what_the_board_says(const struct summary *summary, uint16_t number,
                                            struct board *board)
{
    const struct summary_hunt *hunt = summary_hunt(summary, number);
    assert_non_null(hunt);
    assert_int_equal(hunt->players, board_players(board));

    struct summary_cursor cursor;
    struct board_bucket said, meant = {.score = -1};
    summary_buckets(&cursor, summary, hunt);
    while (board_buckets_after(board, meant.score, &meant, 1) > 0) {
        assert_true(summary_next_bucket(&cursor, &said));
        assert_int_equal(said.score, meant.score);
        assert_int_equal(said.players, meant.players);
    }
    assert_false(summary_next_bucket(&cursor, &said));

    static struct board_entry top[BOARD_TOP];
    const uint32_t count = board_top(board, top);
    struct board_entry entry;
    summary_entries(&cursor, summary, hunt);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(summary_next_entry(&cursor, &entry));
        assert_int_equal(board_entry_compare(&entry, &top[i]), 0);
    }
    assert_false(summary_next_entry(&cursor, &entry));
}

static void a_summary_comes_back_as_it_was_made(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 1, 10, 999, 1500, 2500};
    static const uint64_t points[] = {1, 50, POINTS_MAX};
    struct rng rng;
    rng_init(&rng, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t j = 0; j < sizeof points / sizeof points[0]; j++) {
            struct board *board = some_board(&rng, sizes[i], points[j]);
            const struct summary_source source = {.hunt = 9, .board = board};
            struct summary *made = build(&source, 1);
            struct summary *read = NULL;
            assert_int_equal(summary_decode(&read, made->bytes, made->size), STATUS_OK);
            assert_int_equal(read->size, made->size);
            assert_memory_equal(read->bytes, made->bytes, made->size);
            assert_int_equal(read->digest, made->digest);
            assert_says_what_the_board_says(read, 9, board);
            /* What is noted while it is made is what reading finds. */
            assert_int_equal(read->hunts[0].players, made->hunts[0].players);
            assert_int_equal(read->hunts[0].entries, made->hunts[0].entries);
            assert_int_equal(read->hunts[0].buckets, made->hunts[0].buckets);
            assert_int_equal(read->hunts[0].entries_at, made->hunts[0].entries_at);
            assert_int_equal(read->hunts[0].buckets_at, made->hunts[0].buckets_at);
            assert_int_equal(read->hunts[0].ties, made->hunts[0].ties);
            assert_int_equal(read->hunt_count, made->hunt_count);
            assert_int_equal(read->range, made->range);
            assert_int_equal(read->last_hlc, made->last_hlc);
            summary_release(read);
            summary_release(made);
            board_free(board);
        }
    }
}

static void the_header_names_range_run_and_last_hlc(void **state)
{
    (void)state;
    const struct summary_input input = {
        .range = RANGES_MAX - 1, .from = 100, .through = 21700, .last_hlc = UINT64_MAX};
    struct summary *made = summary_build(&input);
    assert_non_null(made);
    struct summary *read = NULL;
    assert_int_equal(summary_decode(&read, made->bytes, made->size), STATUS_OK);
    assert_int_equal(read->range, RANGES_MAX - 1);
    assert_int_equal(read->from, 100);
    assert_int_equal(read->through, 21700);
    assert_int_equal(read->last_hlc, UINT64_MAX);
    assert_int_equal(read->hunt_count, 0);
    assert_int_equal(read->size, SUMMARY_HEADER_BYTES);
    assert_int_equal(read->digest, hash_bytes(read->bytes, read->size));
    assert_null(summary_hunt(read, 0));
    summary_release(read);
    summary_release(made);
}

static void every_hunt_keeps_its_own_board(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 2);
    struct summary_source sources[HUNTS_MAX];
    for (uint16_t i = 0; i < HUNTS_MAX; i++)
        sources[i] =
            (struct summary_source){.hunt = (uint16_t)(3 * i), .board = some_board(&rng, i, 100)};
    struct summary *summary = build(sources, HUNTS_MAX);
    assert_int_equal(summary->hunt_count, HUNTS_MAX);
    for (uint16_t i = 0; i < HUNTS_MAX; i++)
        assert_says_what_the_board_says(summary, sources[i].hunt, sources[i].board);
    assert_null(summary_hunt(summary, 1));
    summary_release(summary);
    for (uint16_t i = 0; i < HUNTS_MAX; i++)
        board_free(sources[i].board);
}

static struct ledger *ledger_in(const struct summary *summary)
{
    struct ledger *ledger = NULL;
    assert_int_equal(summary_ledger(summary, &ledger), STATUS_OK);
    assert_non_null(ledger);
    return ledger;
}

static void a_ledger_comes_back_beside_the_boards(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 12);
    struct board *board = some_board(&rng, 30, 100);
    const struct summary_source source = {.hunt = 9, .board = board};
    struct made made;
    made_fill(&made, &rng, 70);
    assert_false(ledger_empty(&made.ledger));
    made.ledger.settled_any = true;
    made.ledger.settled_through = 69;
    made.ledger.settled_digest = 1234;
    struct summary *summary = build_with(&source, 1, &made.ledger);
    assert_says_what_the_board_says(summary, 9, board);
    assert_true(summary->settled_any);
    assert_int_equal(summary->settled_through, 69);
    assert_int_equal(summary->settled_digest, 1234);
    assert_int_equal(summary->ledger_hunts, made.ledger.hunt_count);
    assert_int_equal(summary->ledger_bytes, ledger_bytes(&made.ledger));

    struct ledger *ledger = ledger_in(summary);
    assert_int_equal(made_digest(ledger), made_digest(&made.ledger));
    assert_int_equal(hash_bytes(summary->bytes + SUMMARY_HEADER_BYTES, summary->ledger_bytes),
                     made_digest(&made.ledger));
    free(ledger);
    summary_release(summary);
    board_free(board);
}

static void a_ledger_that_says_nothing_takes_no_bytes(void **state)
{
    (void)state;
    const struct ledger nothing = {.settled_any = false};
    struct summary *without = build(NULL, 0), *with = build_with(NULL, 0, &nothing);
    assert_int_equal(with->size, SUMMARY_HEADER_BYTES);
    assert_int_equal(with->digest, without->digest);
    struct ledger *ledger = ledger_in(without);
    assert_true(ledger_empty(ledger));
    assert_false(ledger->settled_any);
    free(ledger);
    summary_release(with);
    summary_release(without);
}

static void an_empty_ledger_says_what_was_settled(void **state)
{
    (void)state;
    const struct ledger settled = {.settled_any = true, .settled_digest = 8};
    struct summary *summary = build_with(NULL, 0, &settled);
    assert_int_equal(summary->size, SUMMARY_HEADER_BYTES + LEDGER_HEADER_BYTES);
    assert_true(summary->settled_any);
    assert_int_equal(summary->settled_through, 0);
    assert_int_equal(summary->settled_digest, 8);
    assert_int_equal(summary->ledger_hunts, 0);
    struct ledger *ledger = ledger_in(summary);
    assert_true(ledger_empty(ledger));
    assert_int_equal(ledger->settled_digest, 8);
    free(ledger);
    summary_release(summary);
}

/* Two replicas whose players came to the same scores by other steps say the same bytes. */
static void the_same_standings_have_the_same_bytes(void **state)
{
    (void)state;
    struct board *steps = board_new(RANGE), *leap = board_new(RANGE);
    for (uint32_t slot = 0; slot < 50; slot++) {
        board_join(steps);
        board_join(leap);
    }
    for (uint32_t i = 0; i < 50; i++) {
        const uint32_t back = 49 - i;
        const struct board_change first = {i, player_of(i), 0, 1 + i, 50 + i};
        const struct board_change second = {i, player_of(i), 1 + i, 5000 + i, 100 + i};
        const struct board_change once = {back, player_of(back), 0, 5000 + back, 100 + back};
        board_score(steps, &first);
        board_score(steps, &second);
        board_score(leap, &once);
    }
    const struct summary_source a = {.hunt = 1, .board = steps}, b = {.hunt = 1, .board = leap};
    struct summary *one = build(&a, 1), *other = build(&b, 1);
    assert_int_equal(one->digest, other->digest);
    assert_int_equal(one->size, other->size);
    assert_memory_equal(one->bytes, other->bytes, one->size);
    summary_release(one);
    summary_release(other);
    board_free(steps);
    board_free(leap);
}

static struct summary *small_summary(void)
{
    struct rng rng;
    rng_init(&rng, 3);
    struct board *first = some_board(&rng, 15, 300), *second = some_board(&rng, 5, POINTS_MAX);
    const struct summary_source sources[] = {{.hunt = 2, .board = first},
                                             {.hunt = 4, .board = second}};
    struct made made;
    made_fill(&made, &rng, 70);
    struct summary *summary = build_with(sources, 2, &made.ledger);
    board_free(first);
    board_free(second);
    return summary;
}

/* Into memory of its exact size, so that the sanitizers see a read past the end. */
static enum status decode_exact(struct summary **ret_summary, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    const enum status status = summary_decode(ret_summary, copy, size);
    free(copy);
    return status;
}

static void every_shortened_summary_is_refused(void **state)
{
    (void)state;
    struct summary *whole = small_summary();
    for (size_t size = 0; size < whole->size; size++) {
        struct summary *read = NULL;
        assert_int_equal(decode_exact(&read, whole->bytes, size), STATUS_INVALID);
        assert_null(read);
    }
    summary_release(whole);
}

static void assert_is_consistent(const struct summary *summary)
{
    struct ledger *ledger = ledger_in(summary);
    assert_int_equal(ledger->hunt_count, summary->ledger_hunts);
    assert_int_equal(ledger->settled_through, summary->settled_through);
    assert_true(!summary->settled_any || summary->settled_through < summary->from);
    free(ledger);
    for (uint32_t i = 0; i < summary->hunt_count; i++) {
        const struct summary_hunt *hunt = &summary->hunts[i];
        struct summary_cursor cursor;
        struct board_bucket bucket;
        uint64_t players = 0, scored = 0;
        summary_buckets(&cursor, summary, hunt);
        while (summary_next_bucket(&cursor, &bucket)) {
            players += bucket.players;
            scored += bucket.score > 0 ? bucket.players : 0;
        }
        assert_int_equal(players, hunt->players);
        assert_int_equal(hunt->entries, scored < BOARD_TOP ? scored : BOARD_TOP);
    }
}

/* Any other byte anywhere: refused, or another summary that is sound in itself. */
static void a_changed_byte_never_gets_past_the_rules(void **state)
{
    (void)state;
    struct summary *whole = small_summary();
    uint8_t *bytes = malloc(whole->size);
    assert_non_null(bytes);
    memcpy(bytes, whole->bytes, whole->size);
    uint32_t refused = 0, accepted = 0;
    for (size_t at = 0; at < whole->size; at++) {
        for (unsigned change = 1; change < 256; change++) {
            bytes[at] = (uint8_t)(whole->bytes[at] ^ change);
            struct summary *read = NULL;
            if (decode_exact(&read, bytes, whole->size) != STATUS_OK) {
                refused++;
                continue;
            }
            accepted++;
            assert_true(read->digest != whole->digest);
            assert_is_consistent(read);
            summary_release(read);
        }
        bytes[at] = whole->bytes[at];
    }
    assert_true(refused > 0);
    assert_true(accepted > 0);
    free(bytes);
    summary_release(whole);
}

/* A summary written by hand: two players, one with 30 points and one with 5, and a third without.
 * Each test bends one of the numbers. */
struct forged {
    uint16_t version, hunts, hunt, second_hunt;
    uint32_t range, ledger_bytes;
    uint64_t from, through;
    uint8_t ties;
    uint64_t players, entries, buckets;
    uint64_t scores[2], hlcs[2];
    uint32_t names[2];
    uint64_t gaps[3], counts[3];
    bool trailing;
    const struct ledger *ledger; /* NULL: none, whatever ledger_bytes says */
};

static struct forged sound(void)
{
    return (struct forged){
        .version = SUMMARY_VERSION,
        .hunts = 1,
        .hunt = 6,
        .range = RANGE,
        .from = 3,
        .through = 4,
        .players = 3,
        .entries = 2,
        .buckets = 3,
        .scores = {30, 5},
        .hlcs = {100, 50},
        .names = {1, 2},
        .gaps = {0, 4, 24},
        .counts = {1, 1, 1},
    };
}

static void put_hunt(struct writer *writer, const struct forged *forged, uint16_t number)
{
    put_u16(writer, number);
    put_u8(writer, forged->ties);
    put_varint(writer, forged->players);
    put_varint(writer, forged->entries);
    for (unsigned i = 0; i < 2 && i < forged->entries; i++) {
        const struct player_id player = player_of(forged->names[i]);
        put_varint(writer, forged->scores[i]);
        put_u64(writer, forged->hlcs[i]);
        put_bytes(writer, player.bytes, sizeof player.bytes);
    }
    put_varint(writer, forged->buckets);
    for (unsigned i = 0; i < 3 && i < forged->buckets; i++) {
        put_varint(writer, forged->gaps[i]);
        put_varint(writer, forged->counts[i]);
    }
}

static enum status decode_forged(const struct forged *forged)
{
    uint8_t bytes[512];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    put_u16(&writer, forged->version);
    put_u16(&writer, forged->hunts);
    put_u32(&writer, forged->range);
    put_u64(&writer, forged->from);
    put_u64(&writer, forged->through);
    put_u64(&writer, 999);
    put_u32(&writer, forged->ledger_bytes);
    if (forged->ledger != NULL)
        ledger_encode(forged->ledger, &writer);
    put_hunt(&writer, forged, forged->hunt);
    if (forged->hunts > 1)
        put_hunt(&writer, forged, forged->second_hunt);
    if (forged->trailing)
        put_u8(&writer, 0);
    assert_true(writer_ok(&writer));
    struct summary *summary = NULL;
    const enum status status = decode_exact(&summary, bytes, writer.used);
    summary_release(summary);
    return status;
}

static void assert_refused(const struct forged *forged)
{
    assert_int_equal(decode_forged(forged), STATUS_INVALID);
}

static void what_is_written_by_the_rules_is_read(void **state)
{
    (void)state;
    struct forged forged = sound();
    assert_int_equal(decode_forged(&forged), STATUS_OK);
    forged.hunts = 2;
    forged.second_hunt = 7;
    assert_int_equal(decode_forged(&forged), STATUS_OK);
}

static void a_header_against_the_rules_is_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.version = SUMMARY_VERSION + 1;
    assert_refused(&forged);
    forged = sound();
    forged.range = RANGES_MAX;
    assert_refused(&forged);
    forged = sound();
    forged.from = 5;
    assert_refused(&forged);
    forged = sound();
    forged.through = UINT64_MAX;
    assert_refused(&forged);
    forged = sound();
    forged.ledger_bytes = 1;
    assert_refused(&forged);
    forged = sound();
    forged.trailing = true;
    assert_refused(&forged);
    forged = sound();
    forged.hunts = HUNTS_MAX + 1;
    assert_refused(&forged);
}

static void a_ledger_against_the_rules_is_refused(void **state)
{
    (void)state;
    struct ledger ledger = {.settled_any = true, .settled_through = 2};
    struct forged forged = sound();
    forged.ledger = &ledger;
    forged.ledger_bytes = LEDGER_HEADER_BYTES;
    assert_int_equal(decode_forged(&forged), STATUS_OK);
    forged.ledger_bytes--;
    assert_refused(&forged);
    forged.ledger_bytes += 2;
    assert_refused(&forged);
    forged.ledger_bytes = UINT32_MAX;
    assert_refused(&forged);
    forged.ledger_bytes = LEDGER_HEADER_BYTES;
    ledger.settled_through = 3; /* of the epochs 3 and 4, which are just being closed */
    assert_refused(&forged);
    ledger = (struct ledger){.settled_any = false}; /* has no bytes */
    assert_refused(&forged);
}

static void hunts_that_do_not_rise_are_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.hunts = 2;
    forged.second_hunt = 6;
    assert_refused(&forged);
    forged.second_hunt = 5;
    assert_refused(&forged);
}

static void how_ties_are_broken_comes_back_for_each_hunt(void **state)
{
    (void)state;
    struct board *board = board_new(RANGE);
    const struct summary_source sources[] = {
        {.hunt = 1, .ties = TIES_SHARED, .board = board},
        {.hunt = 2, .ties = TIES_FIRST, .board = board},
        {.hunt = 3, .ties = TIES_SHARED, .board = board},
    };
    struct summary *summary = build(sources, 3);
    assert_int_equal(summary_hunt(summary, 1)->ties, TIES_SHARED);
    assert_int_equal(summary_hunt(summary, 2)->ties, TIES_FIRST);
    assert_int_equal(summary_hunt(summary, 3)->ties, TIES_SHARED);

    const struct summary_source other = {.hunt = 1, .ties = TIES_FIRST, .board = board};
    struct summary *shared = build(sources, 1), *first = build(&other, 1);
    assert_true(shared->digest != first->digest);
    summary_release(summary);
    summary_release(shared);
    summary_release(first);
    board_free(board);
}

static void ties_that_no_hunt_has_are_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.ties = TIES_SHARED;
    assert_int_equal(decode_forged(&forged), STATUS_OK);
    forged.ties = TIES_SHARED + 1;
    assert_refused(&forged);
    forged.ties = UINT8_MAX;
    assert_refused(&forged);
}

static void counts_beyond_what_is_there_are_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.players = UINT64_C(1) << 32;
    assert_refused(&forged);
    forged = sound();
    forged.players = 4;
    assert_refused(&forged);
    forged = sound();
    forged.players = 2;
    assert_refused(&forged);
    forged = sound();
    forged.players = UINT32_MAX;
    forged.buckets = UINT32_MAX;
    assert_refused(&forged);
    forged = sound();
    forged.entries = 3;
    assert_refused(&forged);
    forged = sound();
    forged.players = UINT32_MAX;
    forged.entries = UINT64_MAX;
    assert_refused(&forged);
}

static void a_top_list_that_the_histogram_does_not_bear_out_is_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.scores[0] = 31;
    assert_refused(&forged);
    forged = sound();
    forged.scores[1] = 0;
    assert_refused(&forged);
    forged = sound();
    forged.gaps[1] = 5;
    forged.gaps[2] = 23;
    assert_refused(&forged);
    forged = sound();
    forged.gaps[0] = 1; /* three have scored, two are listed */
    forged.gaps[1] = 3;
    assert_refused(&forged);
}

static void a_top_list_out_of_order_is_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.scores[0] = 5;
    forged.scores[1] = 30;
    assert_refused(&forged);
    forged = sound();
    forged.scores[1] = 30;
    forged.buckets = 2;
    forged.gaps[1] = 29;
    forged.counts[1] = 2;
    assert_refused(&forged); /* of equal scores the later stamp stands first */
    forged.hlcs[1] = 101;
    assert_int_equal(decode_forged(&forged), STATUS_OK);
}

static void a_player_listed_twice_is_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.names[1] = forged.names[0];
    assert_refused(&forged);
}

static void buckets_against_the_rules_are_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.counts[1] = 0;
    forged.counts[0] = 2;
    assert_refused(&forged);
    forged = sound();
    forged.counts[2] = UINT64_MAX;
    assert_refused(&forged);
    forged = sound();
    forged.gaps[2] = UINT64_MAX - 5;
    assert_refused(&forged);
    forged = sound();
    forged.scores[0] = (uint64_t)BOARD_SCORE_MAX + 1;
    forged.gaps[2] = (uint64_t)BOARD_SCORE_MAX - 5;
    assert_refused(&forged);
    forged.scores[0]--;
    forged.gaps[2]--;
    assert_int_equal(decode_forged(&forged), STATUS_OK);
}

static void a_held_summary_outlives_its_first_holder(void **state)
{
    (void)state;
    struct summary *summary = small_summary();
    struct summary *second = summary_hold(summary);
    summary_release(summary);
    assert_int_equal(second->digest, hash_bytes(second->bytes, second->size));
    summary_release(second);
    summary_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_summary_comes_back_as_it_was_made),
        cmocka_unit_test(the_header_names_range_run_and_last_hlc),
        cmocka_unit_test(every_hunt_keeps_its_own_board),
        cmocka_unit_test(a_ledger_comes_back_beside_the_boards),
        cmocka_unit_test(a_ledger_that_says_nothing_takes_no_bytes),
        cmocka_unit_test(an_empty_ledger_says_what_was_settled),
        cmocka_unit_test(the_same_standings_have_the_same_bytes),
        cmocka_unit_test(every_shortened_summary_is_refused),
        cmocka_unit_test(a_changed_byte_never_gets_past_the_rules),
        cmocka_unit_test(what_is_written_by_the_rules_is_read),
        cmocka_unit_test(a_header_against_the_rules_is_refused),
        cmocka_unit_test(a_ledger_against_the_rules_is_refused),
        cmocka_unit_test(hunts_that_do_not_rise_are_refused),
        cmocka_unit_test(how_ties_are_broken_comes_back_for_each_hunt),
        cmocka_unit_test(ties_that_no_hunt_has_are_refused),
        cmocka_unit_test(counts_beyond_what_is_there_are_refused),
        cmocka_unit_test(a_top_list_that_the_histogram_does_not_bear_out_is_refused),
        cmocka_unit_test(a_top_list_out_of_order_is_refused),
        cmocka_unit_test(a_player_listed_twice_is_refused),
        cmocka_unit_test(buckets_against_the_rules_are_refused),
        cmocka_unit_test(a_held_summary_outlives_its_first_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
