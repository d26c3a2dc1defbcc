/* tests/unit/test_ledgers.c -- A node knows which epochs it can settle, whatever order the ranges'
 * summaries come in, and its memory for them is bounded. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/epochs/ledgers.h"
#include "tests/unit/made_ledger.h"

#define RANGES 4
#define PLENTY ((size_t)1 << 30)

/* What a range settled before. */
struct settled {
    bool any;
    uint64_t through, digest;
};

static struct summary *summary_of(uint32_t range, uint64_t from, uint64_t through,
                                  const struct ledger *ledger, struct settled settled)
{
    struct ledger whole = ledger != NULL ? *ledger : (struct ledger){.hunt_count = 0};
    whole.settled_any = settled.any;
    whole.settled_through = settled.through;
    whole.settled_digest = settled.digest;
    const struct summary_input input = {
        .range = range, .from = from, .through = through, .ledger = &whole};
    struct summary *summary = summary_build(&input);
    assert_non_null(summary);
    return summary;
}

static enum status add(struct ledgers *ledgers, uint32_t range, uint64_t from, uint64_t through,
                       const struct ledger *ledger)
{
    const struct settled none = {.any = false};
    struct summary *summary = summary_of(range, from, through, ledger, none);
    const enum status status = ledgers_add(ledgers, summary);
    summary_release(summary);
    return status;
}

static enum status say_settled(struct ledgers *ledgers, uint32_t range, uint64_t epoch,
                               uint64_t through, uint64_t digest)
{
    const struct settled settled = {.any = true, .through = through, .digest = digest};
    struct summary *summary = summary_of(range, epoch, epoch, NULL, settled);
    const enum status status = ledgers_add(ledgers, summary);
    summary_release(summary);
    return status;
}

/* A ledger of one claim. */
struct small {
    struct ledger ledger;
    struct ledger_hunt hunt;
    struct ledger_treasure treasure;
    struct ledger_claim claim;
};

static const struct ledger *small_ledger(struct small *small, uint64_t hlc)
{
    memset(small, 0, sizeof *small);
    small->claim = (struct ledger_claim){.seq = 1, .hlc = hlc, .log_index = 1};
    small->treasure =
        (struct ledger_treasure){.supply = 2, .claim_count = 1, .claims = &small->claim};
    small->hunt =
        (struct ledger_hunt){.version = 1, .treasure_count = 1, .treasures = &small->treasure};
    small->ledger = (struct ledger){.hunt_count = 1, .hunts = &small->hunt};
    return &small->ledger;
}

static uint64_t hlc_of(const struct ledger *ledger)
{
    assert_non_null(ledger);
    return ledger->hunts[0].treasures[0].claims[0].hlc;
}

static void an_epoch_is_had_when_every_range_has_said_it(void **state)
{
    (void)state;
    struct ledgers *ledgers = ledgers_new(RANGES, 10, PLENTY);
    assert_non_null(ledgers);
    uint64_t through = 0;
    assert_false(ledgers_have_all(ledgers, 10, &through));
    for (uint32_t range = 0; range < RANGES; range++) {
        assert_false(ledgers_have_all(ledgers, 10, &through));
        assert_int_equal(ledgers_unknown(ledgers, range, 10), 10);
        assert_int_equal(add(ledgers, range, 10, 10, NULL), STATUS_OK);
        assert_int_equal(ledgers_unknown(ledgers, range, 10), 11);
    }
    assert_true(ledgers_have_all(ledgers, 10, &through));
    assert_int_equal(through, 10);
    assert_false(ledgers_have_all(ledgers, 11, &through));
    ledgers_free(ledgers);
}

static void a_ledger_belongs_to_the_first_epoch_of_its_run(void **state)
{
    (void)state;
    struct small small;
    struct ledgers *ledgers = ledgers_new(RANGES, 0, PLENTY);
    assert_int_equal(add(ledgers, 2, 5, 9, small_ledger(&small, 50)), STATUS_OK);
    assert_int_equal(hlc_of(ledgers_get(ledgers, 5, 2)), 50);
    assert_null(ledgers_get(ledgers, 4, 2));
    assert_null(ledgers_get(ledgers, 6, 2));
    assert_null(ledgers_get(ledgers, 5, 1));
    assert_int_equal(ledgers_unknown(ledgers, 2, 5), 10);
    assert_int_equal(ledgers_unknown(ledgers, 2, 7), 10);
    assert_int_equal(ledgers_unknown(ledgers, 2, 4), 4);
    ledgers_free(ledgers);
}

static void a_range_away_for_360_epochs_comes_back_with_one_run(void **state)
{
    (void)state;
    struct small small;
    struct ledgers *ledgers = ledgers_new(RANGES, 100, PLENTY);
    for (uint64_t epoch = 100; epoch < 460; epoch++) {
        for (uint32_t range = 0; range < RANGES - 1; range++)
            assert_int_equal(add(ledgers, range, epoch, epoch, small_ledger(&small, epoch)),
                             STATUS_OK);
    }
    uint64_t through = 0;
    assert_false(ledgers_have_all(ledgers, 100, &through));
    assert_int_equal(add(ledgers, RANGES - 1, 100, 459, small_ledger(&small, 7)), STATUS_OK);
    assert_true(ledgers_have_all(ledgers, 100, &through));
    assert_int_equal(through, 459);

    struct settle_ledger *list = NULL;
    uint32_t count = 0;
    assert_int_equal(ledgers_gather(ledgers, 100, 459, &list, &count), STATUS_OK);
    assert_int_equal(count, 360 * (RANGES - 1) + 1);
    for (uint32_t i = 1; i < count; i++)
        assert_true(list[i - 1].epoch < list[i].epoch ||
                    (list[i - 1].epoch == list[i].epoch && list[i - 1].range < list[i].range));
    assert_int_equal(list[RANGES - 1].range, RANGES - 1);
    assert_int_equal(hlc_of(list[RANGES - 1].ledger), 7);
    free(list);
    ledgers_free(ledgers);
}

static void a_run_of_60_hours_costs_what_one_epoch_costs(void **state)
{
    (void)state;
    struct ledgers *ledgers = ledgers_new(1, 0, PLENTY);
    assert_int_equal(add(ledgers, 0, 0, 0, NULL), STATUS_OK);
    const size_t one = ledgers_bytes(ledgers);
    assert_int_equal(add(ledgers, 0, 1, 21600, NULL), STATUS_OK);
    assert_int_equal(ledgers_bytes(ledgers), one);
    for (uint64_t epoch = 21601; epoch < 22000; epoch++)
        assert_int_equal(add(ledgers, 0, epoch, epoch, NULL), STATUS_OK);
    assert_int_equal(ledgers_bytes(ledgers), one);
    uint64_t through = 0;
    assert_true(ledgers_have_all(ledgers, 3, &through));
    assert_int_equal(through, 21999);
    struct settle_ledger *list = NULL;
    uint32_t count = 1;
    assert_int_equal(ledgers_gather(ledgers, 0, through, &list, &count), STATUS_OK);
    assert_int_equal(count, 0);
    free(list);
    ledgers_free(ledgers);
}

static void what_was_dropped_is_not_taken_again(void **state)
{
    (void)state;
    struct small small;
    struct ledgers *ledgers = ledgers_new(1, 0, PLENTY);
    assert_int_equal(add(ledgers, 0, 3, 8, small_ledger(&small, 30)), STATUS_OK);
    assert_int_equal(add(ledgers, 0, 9, 9, small_ledger(&small, 90)), STATUS_OK);
    ledgers_drop_before(ledgers, 6);
    assert_int_equal(ledgers_unknown(ledgers, 0, 5), 5);
    assert_int_equal(ledgers_unknown(ledgers, 0, 6), 10);
    assert_int_equal(hlc_of(ledgers_get(ledgers, 9, 0)), 90);
    const size_t bytes = ledgers_bytes(ledgers);
    assert_int_equal(add(ledgers, 0, 3, 8, small_ledger(&small, 30)), STATUS_OK);
    assert_int_equal(add(ledgers, 0, 2, 2, small_ledger(&small, 20)), STATUS_OK);
    assert_null(ledgers_get(ledgers, 3, 0));
    assert_null(ledgers_get(ledgers, 2, 0));
    assert_int_equal(ledgers_bytes(ledgers), bytes);
    ledgers_drop_before(ledgers, 4);
    assert_int_equal(ledgers_unknown(ledgers, 0, 6), 10);
    ledgers_drop_before(ledgers, 1000);
    assert_int_equal(ledgers_bytes(ledgers), 0);
    assert_int_equal(ledgers_unknown(ledgers, 0, 9), 9);
    ledgers_free(ledgers);
}

static void a_second_copy_is_nothing_new_and_another_one_a_conflict(void **state)
{
    (void)state;
    struct small small;
    struct ledgers *ledgers = ledgers_new(2, 0, PLENTY);
    assert_int_equal(add(ledgers, 0, 5, 7, small_ledger(&small, 50)), STATUS_OK);
    assert_int_equal(add(ledgers, 0, 8, 8, NULL), STATUS_OK);
    assert_int_equal(add(ledgers, 0, 9, 9, small_ledger(&small, 90)), STATUS_OK);
    const size_t bytes = ledgers_bytes(ledgers);
    assert_int_equal(add(ledgers, 0, 5, 7, small_ledger(&small, 50)), STATUS_OK);
    assert_int_equal(add(ledgers, 0, 8, 8, NULL), STATUS_OK);
    assert_int_equal(ledgers_bytes(ledgers), bytes);

    assert_int_equal(add(ledgers, 0, 5, 7, small_ledger(&small, 51)), STATUS_CONFLICT);
    assert_int_equal(add(ledgers, 0, 5, 7, NULL), STATUS_CONFLICT);
    assert_int_equal(add(ledgers, 0, 8, 8, small_ledger(&small, 80)), STATUS_CONFLICT);
    assert_int_equal(add(ledgers, 0, 6, 6, small_ledger(&small, 60)), STATUS_CONFLICT);
    assert_int_equal(add(ledgers, 0, 8, 9, NULL), STATUS_CONFLICT);
    assert_int_equal(add(ledgers, 0, 9, 10, small_ledger(&small, 90)), STATUS_CONFLICT);
    assert_int_equal(add(ledgers, 0, 4, 5, NULL), STATUS_CONFLICT);
    assert_int_equal(add(ledgers, 0, 1, 20, NULL), STATUS_CONFLICT);
    assert_int_equal(hlc_of(ledgers_get(ledgers, 5, 0)), 50);
    assert_int_equal(ledgers_bytes(ledgers), bytes);
    assert_int_equal(add(ledgers, 2, 5, 5, NULL), STATUS_INVALID);
    ledgers_free(ledgers);
}

static void the_newest_go_where_an_older_one_needs_their_room(void **state)
{
    (void)state;
    struct small small;
    struct ledgers *ledgers = ledgers_new(1, 0, PLENTY);
    assert_int_equal(add(ledgers, 0, 0, 0, small_ledger(&small, 1)), STATUS_OK);
    const size_t one = ledgers_bytes(ledgers);
    ledgers_free(ledgers);

    ledgers = ledgers_new(2, 0, 4 * one + one / 2);
    for (uint64_t epoch = 0; epoch < 4; epoch++)
        assert_int_equal(add(ledgers, 0, epoch, epoch, small_ledger(&small, epoch)), STATUS_OK);
    assert_int_equal(add(ledgers, 0, 4, 4, small_ledger(&small, 4)), STATUS_FULL);
    assert_int_equal(ledgers_unknown(ledgers, 0, 0), 4);
    assert_int_equal(add(ledgers, 0, 4, 4, NULL), STATUS_OK); /* costs nothing */
    assert_int_equal(ledgers_unknown(ledgers, 0, 0), 5);

    assert_int_equal(add(ledgers, 1, 0, 0, small_ledger(&small, 100)), STATUS_OK);
    assert_int_equal(ledgers_unknown(ledgers, 0, 0), 3);
    assert_int_equal(add(ledgers, 1, 1, 4, small_ledger(&small, 101)), STATUS_OK);
    assert_int_equal(ledgers_unknown(ledgers, 0, 0), 2);
    assert_int_equal(add(ledgers, 1, 5, 5, small_ledger(&small, 105)), STATUS_FULL);
    assert_true(ledgers_bytes(ledgers) <= 4 * one + one / 2);
    uint64_t through = 0;
    assert_true(ledgers_have_all(ledgers, 0, &through));
    assert_int_equal(through, 1);

    ledgers_drop_before(ledgers, 2);
    assert_int_equal(add(ledgers, 0, 2, 2, small_ledger(&small, 2)), STATUS_OK);
    assert_int_equal(add(ledgers, 0, 3, 3, small_ledger(&small, 3)), STATUS_OK);
    assert_true(ledgers_have_all(ledgers, 2, &through));
    assert_int_equal(through, 3);
    ledgers_free(ledgers);
}

static void one_that_never_fits_gives_up_nothing(void **state)
{
    (void)state;
    struct small small;
    struct ledgers *ledgers = ledgers_new(1, 0, PLENTY);
    assert_int_equal(add(ledgers, 0, 3, 3, small_ledger(&small, 1)), STATUS_OK);
    const size_t needed = ledgers_bytes(ledgers);
    ledgers_free(ledgers);

    ledgers = ledgers_new(1, 0, needed - 1);
    assert_int_equal(add(ledgers, 0, 5, 5, NULL), STATUS_OK);
    assert_int_equal(add(ledgers, 0, 7, 7, NULL), STATUS_OK);
    assert_int_equal(add(ledgers, 0, 3, 3, small_ledger(&small, 1)), STATUS_FULL);
    assert_int_equal(ledgers_unknown(ledgers, 0, 5), 6);
    assert_int_equal(ledgers_unknown(ledgers, 0, 7), 8);
    ledgers_free(ledgers);
}

static void all_have_settled_what_the_last_of_them_has(void **state)
{
    (void)state;
    struct ledgers_settled settled;
    struct ledgers *ledgers = ledgers_new(3, 0, PLENTY);
    assert_int_equal(say_settled(ledgers, 0, 20, 17, 5), STATUS_OK);
    assert_int_equal(say_settled(ledgers, 1, 20, 18, 6), STATUS_OK);
    ledgers_settled(ledgers, &settled);
    assert_int_equal(settled.next, 0);
    assert_int_equal(add(ledgers, 2, 20, 20, NULL), STATUS_OK);
    ledgers_settled(ledgers, &settled);
    assert_int_equal(settled.next, 0);
    assert_int_equal(say_settled(ledgers, 2, 21, 17, 5), STATUS_OK);
    ledgers_settled(ledgers, &settled);
    assert_int_equal(settled.next, 18);
    assert_int_equal(say_settled(ledgers, 0, 21, 18, 6), STATUS_OK);
    assert_int_equal(say_settled(ledgers, 2, 22, 18, 6), STATUS_OK);
    assert_int_equal(say_settled(ledgers, 2, 19, 16, 4), STATUS_OK); /* late */
    ledgers_settled(ledgers, &settled);
    assert_int_equal(settled.next, 19);
    assert_false(settled.differs);
    ledgers_free(ledgers);
}

static void ranges_that_settled_differently_are_found(void **state)
{
    (void)state;
    struct ledgers_settled settled;
    struct ledgers *ledgers = ledgers_new(3, 0, PLENTY);
    /* Range 2 is always a step behind, so no two newest summaries can be compared. */
    for (uint64_t epoch = 10; epoch < 200; epoch++) {
        for (uint32_t range = 0; range < 3; range++) {
            const uint64_t through = epoch - 3 - (range == 2);
            const bool wrong = range == 2 && through >= 150;
            assert_int_equal(say_settled(ledgers, range, epoch, through, through * 7 + wrong),
                             STATUS_OK);
        }
        ledgers_settled(ledgers, &settled);
        assert_int_equal(settled.differs, epoch >= 154);
    }
    assert_int_equal(settled.range, 2);
    assert_int_equal(settled.other, 0);
    assert_int_equal(settled.epoch, 150);
    ledgers_free(ledgers);
}

/* --- Against a table of what is known --------------------------------------------------------- */

#define EPOCHS 60

struct story {
    struct summary *summaries[RANGES][EPOCHS]; /* that covers the epoch */
    uint64_t hlcs[RANGES][EPOCHS];             /* of the ledger; 0: empty */
};

static struct story *story_new(struct rng *rng)
{
    struct story *story = calloc(1, sizeof *story);
    assert_non_null(story);
    for (uint32_t range = 0; range < RANGES; range++) {
        for (uint64_t from = 0; from < EPOCHS;) {
            uint64_t through = from + (rng_chance(rng, 1, 4) ? rng_below(rng, 9) : 0);
            through = through < EPOCHS ? through : EPOCHS - 1;
            struct small small;
            const bool any = rng_chance(rng, 1, 2);
            const struct settled none = {.any = false};
            story->hlcs[range][from] = any ? rng_between(rng, 1, 1000) : 0;
            struct summary *summary =
                summary_of(range, from, through,
                           any ? small_ledger(&small, story->hlcs[range][from]) : NULL, none);
            for (; from <= through; from++)
                story->summaries[range][from] = summary_hold(summary);
            summary_release(summary);
        }
    }
    return story;
}

static void story_free(struct story *story)
{
    for (uint32_t range = 0; range < RANGES; range++) {
        for (uint64_t epoch = 0; epoch < EPOCHS; epoch++)
            summary_release(story->summaries[range][epoch]);
    }
    free(story);
}

static void assert_knows(const struct ledgers *ledgers, const struct story *story,
                         bool known[RANGES][EPOCHS + 1])
{
    for (uint64_t from = 0; from < EPOCHS; from++) {
        uint64_t all = EPOCHS;
        for (uint32_t range = 0; range < RANGES; range++) {
            uint64_t unknown = from;
            while (known[range][unknown])
                unknown++;
            assert_int_equal(ledgers_unknown(ledgers, range, from), unknown);
            all = unknown < all ? unknown : all;
            const struct ledger *ledger = ledgers_get(ledgers, from, range);
            if (known[range][from] && story->hlcs[range][from] != 0)
                assert_int_equal(hlc_of(ledger), story->hlcs[range][from]);
            else
                assert_null(ledger);
        }
        uint64_t through = 0;
        assert_int_equal(ledgers_have_all(ledgers, from, &through), all > from);
        if (all > from)
            assert_int_equal(through, all - 1);
    }
}

static void assert_gathers(const struct ledgers *ledgers, const struct story *story,
                           bool known[RANGES][EPOCHS + 1])
{
    struct settle_ledger *list = NULL;
    uint32_t count = 0, at = 0;
    assert_int_equal(ledgers_gather(ledgers, 10, 40, &list, &count), STATUS_OK);
    for (uint64_t epoch = 10; epoch <= 40; epoch++) {
        for (uint32_t range = 0; range < RANGES; range++) {
            if (!known[range][epoch] || story->hlcs[range][epoch] == 0)
                continue;
            assert_true(at < count);
            assert_int_equal(list[at].epoch, epoch);
            assert_int_equal(list[at].range, range);
            assert_int_equal(list[at].digest, made_digest(list[at].ledger));
            assert_int_equal(hlc_of(list[at++].ledger), story->hlcs[range][epoch]);
        }
    }
    assert_int_equal(at, count);
    free(list);
}

static void any_order_of_summaries_comes_to_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct story *story = story_new(&rng);
        struct ledgers *ledgers = ledgers_new(RANGES, 0, PLENTY);
        bool known[RANGES][EPOCHS + 1] = {{false}};
        uint64_t floor = 0;
        for (uint32_t step = 0; step < 300; step++) {
            const uint32_t range = (uint32_t)rng_below(&rng, RANGES);
            const struct summary *summary = story->summaries[range][rng_below(&rng, EPOCHS)];
            assert_int_equal(ledgers_add(ledgers, summary), STATUS_OK);
            for (uint64_t epoch = summary->from; epoch <= summary->through; epoch++)
                known[range][epoch] = epoch >= floor;
            if (step % 100 == 50) {
                floor += rng_below(&rng, 12);
                ledgers_drop_before(ledgers, floor);
                for (uint32_t i = 0; i < RANGES; i++)
                    memset(known[i], 0, floor);
            }
            if (step % 10 == 0) {
                assert_knows(ledgers, story, known);
                assert_gathers(ledgers, story, known);
            }
        }
        ledgers_free(ledgers);
        story_free(story);
    }
}

/* However small the room: what is missing is pulled again, and settling gets to the end. */
static void settling_gets_through_a_small_room(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct story *story = story_new(&rng);
        const size_t budget = 1600;
        struct ledgers *ledgers = ledgers_new(RANGES, 0, budget);
        uint64_t from = 0;
        for (uint32_t round = 0; from < EPOCHS; round++) {
            assert_true(round < 1000);
            /* Pushed: in any order. Pulled: what is missing. */
            for (uint32_t i = 0; i < 10; i++) {
                const enum status status = ledgers_add(
                    ledgers, story->summaries[rng_below(&rng, RANGES)][rng_below(&rng, EPOCHS)]);
                assert_true(status == STATUS_OK || status == STATUS_FULL);
            }
            for (uint32_t range = 0; range < RANGES; range++) {
                const uint64_t missing = ledgers_unknown(ledgers, range, from);
                if (missing == from)
                    assert_int_equal(ledgers_add(ledgers, story->summaries[range][missing]),
                                     STATUS_OK);
            }
            assert_true(ledgers_bytes(ledgers) <= budget);
            uint64_t through = 0;
            if (!ledgers_have_all(ledgers, from, &through))
                continue;
            for (uint64_t epoch = from; epoch <= through; epoch++) {
                for (uint32_t range = 0; range < RANGES; range++) {
                    const struct ledger *ledger = ledgers_get(ledgers, epoch, range);
                    assert_int_equal(ledger != NULL ? hlc_of(ledger) : 0,
                                     story->hlcs[range][epoch]);
                }
            }
            from = through + 1;
            ledgers_drop_before(ledgers, from);
        }
        ledgers_free(ledgers);
        story_free(story);
    }
}

/* --- Filling ---------------------------------------------------------------------------------- */

static enum status fill(struct ledgers *ledgers, uint32_t range, uint64_t from, uint64_t through,
                        const struct ledger *ledger)
{
    const struct settled none = {.any = false};
    struct summary *summary = summary_of(range, from, through, ledger, none);
    const enum status status = ledgers_fill(ledgers, summary);
    summary_release(summary);
    return status;
}

/* A run as somebody tells it: its first epoch has a ledger with this stamp, or none. */
struct told {
    uint64_t from, through;
    uint64_t hlc; /* 0: empty */
};

static enum status take_told(struct ledgers *ledgers, const struct told *told, bool as_fill)
{
    struct small small;
    const struct ledger *ledger = told->hlc > 0 ? small_ledger(&small, told->hlc) : NULL;
    return as_fill ? fill(ledgers, 0, told->from, told->through, ledger)
                   : add(ledgers, 0, told->from, told->through, ledger);
}

static uint64_t told_hlc(const struct told *told, uint64_t epoch)
{
    return epoch == told->from ? told->hlc : 0;
}

static bool tells(const struct told *told, uint64_t epoch)
{
    return told->from <= epoch && epoch <= told->through;
}

static bool told_alike(const struct told *a, const struct told *b)
{
    for (uint64_t epoch = a->from; epoch <= a->through; epoch++) {
        if (tells(b, epoch) && told_hlc(a, epoch) != told_hlc(b, epoch))
            return false;
    }
    return true;
}

static void assert_tells(const struct ledgers *ledgers, uint64_t epoch, bool known, uint64_t hlc)
{
    assert_int_equal(ledgers_unknown(ledgers, 0, epoch) > epoch, known);
    const struct ledger *ledger = ledgers_get(ledgers, epoch, 0);
    assert_int_equal(ledger != NULL ? hlc_of(ledger) : 0, known ? hlc : 0);
}

/* One run is known and another is filled in: it is taken where both say the same of what both tell,
 * and else it is a conflict that changes nothing. */
static void try_two(const struct told *known, const struct told *filled)
{
    struct ledgers *ledgers = ledgers_new(1, 0, PLENTY);
    assert_non_null(ledgers);
    assert_int_equal(STATUS_OK, take_told(ledgers, known, false));
    const bool alike = told_alike(known, filled);
    assert_int_equal(alike ? STATUS_OK : STATUS_CONFLICT, take_told(ledgers, filled, true));
    for (uint64_t epoch = 0; epoch < 8; epoch++) {
        const bool first = tells(known, epoch);
        const bool second = alike && tells(filled, epoch);
        assert_tells(ledgers, epoch, first || second,
                     first ? told_hlc(known, epoch) : told_hlc(filled, epoch));
    }
    /* The other one again is nothing new. */
    assert_int_equal(STATUS_OK, take_told(ledgers, known, false));
    ledgers_free(ledgers);
}

/* Their ledgers: none, that of the epoch, another one. */
static void try_ledgers(struct told known, struct told filled)
{
    const uint64_t hlcs[] = {0, 100, 200};
    for (unsigned kinds = 0; kinds < 6; kinds++) {
        const uint64_t left = hlcs[kinds % 2], right = hlcs[kinds / 2];
        known.hlc = left > 0 ? left + known.from : 0;
        filled.hlc = right > 0 ? right + filled.from : 0;
        try_two(&known, &filled);
    }
}

static void what_is_filled_in_agrees_in_every_arrangement(void **state)
{
    (void)state;
    const uint64_t ends = 6;
    for (uint64_t i = 0; i < ends * ends * ends * ends; i++) {
        const struct told known = {.from = i % ends, .through = i / ends % ends};
        const struct told filled = {.from = i / (ends * ends) % ends,
                                    .through = i / (ends * ends * ends)};
        if (known.from <= known.through && filled.from <= filled.through)
            try_ledgers(known, filled);
    }
}

#define STORY_RUNS_MAX 24

/* A range's log, and what is kept of it: neighbours without ledgers are one. */
struct telling {
    struct told runs[STORY_RUNS_MAX], kept[STORY_RUNS_MAX];
    uint32_t run_count, kept_count;
    uint64_t end;
};

static void tell(struct telling *telling, struct rng *rng)
{
    *telling = (struct telling){.run_count = (uint32_t)rng_between(rng, 3, STORY_RUNS_MAX)};
    for (uint32_t i = 0; i < telling->run_count; i++) {
        struct told *run = &telling->runs[i];
        run->from = telling->end;
        run->through = telling->end + rng_below(rng, 3);
        run->hlc = rng_chance(rng, 1, 3) ? 100 + run->from : 0;
        telling->end = run->through + 1;
        struct told *last =
            telling->kept_count > 0 ? &telling->kept[telling->kept_count - 1] : NULL;
        if (last != NULL && last->hlc == 0 && run->hlc == 0)
            last->through = run->through;
        else
            telling->kept[telling->kept_count++] = *run;
    }
}

static void runs_and_what_is_kept_of_them_come_to_the_same_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct rng rng;
        struct telling telling;
        rng_init(&rng, seed);
        tell(&telling, &rng);
        struct ledgers *right = ledgers_new(1, 0, PLENTY);
        struct ledgers *ledgers = ledgers_new(1, 0, PLENTY);
        for (uint32_t i = 0; i < telling.run_count; i++)
            assert_int_equal(STATUS_OK, take_told(right, &telling.runs[i], false));
        while (ledgers_unknown(ledgers, 0, 0) < telling.end) {
            const bool kept = rng_chance(&rng, 1, 2);
            const uint32_t at =
                (uint32_t)rng_below(&rng, kept ? telling.kept_count : telling.run_count);
            assert_int_equal(
                STATUS_OK, take_told(ledgers, kept ? &telling.kept[at] : &telling.runs[at], kept));
        }
        for (uint64_t epoch = 0; epoch <= telling.end; epoch++) {
            const struct ledger *ledger = ledgers_get(right, epoch, 0);
            assert_tells(ledgers, epoch, epoch < telling.end, ledger != NULL ? hlc_of(ledger) : 0);
        }
        /* However it came together, it costs the same. */
        assert_int_equal(ledgers_bytes(right), ledgers_bytes(ledgers));
        ledgers_free(right);
        ledgers_free(ledgers);
    }
}

static void filling_keeps_to_the_room_and_to_what_is_not_dropped(void **state)
{
    (void)state;
    struct small small;
    struct ledgers *ledgers = ledgers_new(2, 0, 1);
    assert_int_equal(STATUS_FULL, fill(ledgers, 0, 0, 5, NULL));
    assert_int_equal(STATUS_INVALID, fill(ledgers, 2, 0, 5, NULL));
    assert_int_equal(0, ledgers_bytes(ledgers));
    ledgers_free(ledgers);

    ledgers = ledgers_new(2, 0, PLENTY);
    ledgers_drop_before(ledgers, 4);
    assert_int_equal(STATUS_OK, fill(ledgers, 0, 0, 3, small_ledger(&small, 9)));
    assert_int_equal(4, ledgers_unknown(ledgers, 0, 4));
    assert_int_equal(STATUS_OK, fill(ledgers, 0, 2, 6, small_ledger(&small, 9)));
    assert_null(ledgers_get(ledgers, 2, 0));
    assert_int_equal(7, ledgers_unknown(ledgers, 0, 4));
    ledgers_free(ledgers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_is_had_when_every_range_has_said_it),
        cmocka_unit_test(a_ledger_belongs_to_the_first_epoch_of_its_run),
        cmocka_unit_test(a_range_away_for_360_epochs_comes_back_with_one_run),
        cmocka_unit_test(a_run_of_60_hours_costs_what_one_epoch_costs),
        cmocka_unit_test(what_was_dropped_is_not_taken_again),
        cmocka_unit_test(a_second_copy_is_nothing_new_and_another_one_a_conflict),
        cmocka_unit_test(the_newest_go_where_an_older_one_needs_their_room),
        cmocka_unit_test(one_that_never_fits_gives_up_nothing),
        cmocka_unit_test(all_have_settled_what_the_last_of_them_has),
        cmocka_unit_test(ranges_that_settled_differently_are_found),
        cmocka_unit_test(any_order_of_summaries_comes_to_the_same),
        cmocka_unit_test(settling_gets_through_a_small_room),
        cmocka_unit_test(what_is_filled_in_agrees_in_every_arrangement),
        cmocka_unit_test(runs_and_what_is_kept_of_them_come_to_the_same_in_any_order),
        cmocka_unit_test(filling_keeps_to_the_room_and_to_what_is_not_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
