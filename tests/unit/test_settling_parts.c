/* tests/unit/test_settling_parts.c -- Which SETTLE records of a log make up a settlement, and what
 * they say together. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/ranges/settling.h"

#define NEXT 500 /* the first epoch that the range has not settled */
#define TERM 7

static const struct settle_part RUN = {
    .from = NEXT,
    .through = NEXT + 3,
    .part = 1,
    .parts = 3,
    .inputs_digest = 11,
    .settled_digest = 22,
    .all_settled_next = NEXT - 5,
};

/* A part and its lists, in the one block that settling_take takes over. */
struct block {
    struct settle_part part;
    struct settle_awarded awarded[2];
    struct settle_own_winner winners[2];
    struct settle_reaction reactions[2];
};

/* Each list has as many items as the header says, numbered from `first` up. */
static struct settle_part *part_of(const struct settle_part *header, uint16_t first)
{
    struct block *block = calloc(1, sizeof *block);
    assert_non_null(block);
    block->part = *header;
    block->part.awarded = block->awarded;
    block->part.winners = block->winners;
    block->part.reactions = block->reactions;
    for (uint16_t i = 0; i < 2; i++) {
        const uint8_t number = (uint8_t)(first + i);
        block->awarded[i] =
            (struct settle_awarded){.hunt = 1, .treasure = number, .awarded = 10U + number};
        block->winners[i] = (struct settle_own_winner){.hunt = 2,
                                                       .treasure = number,
                                                       .place = 20U + number,
                                                       .player = {.bytes = {number}},
                                                       .seq = 30U + number,
                                                       .uncertainty_us = 40U + number};
        block->reactions[i] =
            (struct settle_reaction){.hunt = 3,
                                     .reaction = {.to = {.bytes = {number}},
                                                  .emoji = {.length = 1, .text = "e"},
                                                  .count = 50U + number}};
    }
    return &block->part;
}

/* True: it counted. */
static bool take(struct settling *settling, const struct settle_part *header, uint64_t term)
{
    bool ignored = true;
    assert_int_equal(settling_take(settling, part_of(header, 0), term, NEXT, &ignored), STATUS_OK);
    return !ignored;
}

static bool take_number(struct settling *settling, uint32_t number)
{
    struct settle_part header = RUN;
    header.part = number;
    return take(settling, &header, TERM);
}

static void finish(struct settling *settling)
{
    struct arena arena;
    arena_init(&arena);
    struct engine_settlement settlement;
    uint64_t all_settled_next;
    settling_finish(settling, &arena, &settlement, &all_settled_next);
    arena_fini(&arena);
}

static void one_part_of_one_is_whole_at_once(void **state)
{
    (void)state;
    struct settling settling;
    settling_init(&settling);
    assert_false(settling_whole(&settling));
    struct settle_part header = RUN;
    header.parts = 1;
    assert_true(take(&settling, &header, TERM));
    assert_true(settling_whole(&settling));
    settling_fini(&settling);
}

static void parts_in_their_order_are_whole_with_the_last(void **state)
{
    (void)state;
    struct settling settling;
    settling_init(&settling);
    struct settle_part header = RUN;
    header.parts = 20;
    for (header.part = 1; header.part <= 20; header.part++) {
        assert_true(take(&settling, &header, TERM));
        assert_int_equal(settling_whole(&settling), header.part == 20);
    }
    settling_fini(&settling);
}

static void the_first_part_begins_where_the_range_has_settled_to(void **state)
{
    (void)state;
    struct settling settling;
    settling_init(&settling);
    const uint64_t wrong[] = {0, NEXT - 1, NEXT + 1};
    for (uint32_t i = 0; i < 3; i++) {
        struct settle_part header = RUN;
        header.parts = 1;
        header.from = wrong[i];
        assert_false(take(&settling, &header, TERM));
        assert_false(settling_whole(&settling));
    }
    settling_fini(&settling);
}

static void a_part_without_those_before_it_is_ignored(void **state)
{
    (void)state;
    struct settling settling;
    settling_init(&settling);
    assert_false(take_number(&settling, 2));
    assert_false(take_number(&settling, 3));
    assert_true(take_number(&settling, 1));
    assert_false(take_number(&settling, 3));
    assert_true(take_number(&settling, 2));
    assert_false(take_number(&settling, 2));
    assert_true(take_number(&settling, 3));
    assert_true(settling_whole(&settling));
    settling_fini(&settling);
}

static void a_part_of_another_term_is_ignored(void **state)
{
    (void)state;
    struct settling settling;
    settling_init(&settling);
    assert_true(take_number(&settling, 1));
    struct settle_part header = RUN;
    header.part = 2;
    assert_false(take(&settling, &header, TERM + 1));
    assert_false(take(&settling, &header, TERM - 1));
    assert_true(take(&settling, &header, TERM));
    settling_fini(&settling);
}

static void a_part_of_another_run_is_ignored(void **state)
{
    (void)state;
    struct settling settling;
    settling_init(&settling);
    assert_true(take_number(&settling, 1));
    struct settle_part others[6];
    for (uint32_t i = 0; i < 6; i++) {
        others[i] = RUN;
        others[i].part = 2;
    }
    others[0].from++;
    others[1].through++;
    others[2].parts++;
    others[3].inputs_digest++;
    others[4].settled_digest++;
    others[5].all_settled_next++;
    for (uint32_t i = 0; i < 6; i++)
        assert_false(take(&settling, &others[i], TERM));
    assert_true(take_number(&settling, 2));
    assert_true(take_number(&settling, 3));
    assert_true(settling_whole(&settling));
    settling_fini(&settling);
}

/* A first part that is itself void leaves an unfinished run as it is. */
static void a_first_part_drops_an_unfinished_run_if_it_counts(void **state)
{
    (void)state;
    struct settling settling;
    settling_init(&settling);
    assert_true(take_number(&settling, 1));
    assert_true(take_number(&settling, 2));
    struct settle_part header = RUN;
    header.from = NEXT + 1;
    assert_false(take(&settling, &header, TERM + 1));
    header = RUN;
    assert_true(take(&settling, &header, TERM + 1));
    assert_false(take_number(&settling, 3)); /* of the run that was dropped */
    for (header.part = 2; header.part <= 3; header.part++) {
        assert_false(settling_whole(&settling));
        assert_true(take(&settling, &header, TERM + 1));
    }
    assert_true(settling_whole(&settling));
    assert_int_equal(settling.count, 3);
    settling_fini(&settling);
}

static void what_is_finished_is_forgotten(void **state)
{
    (void)state;
    struct settling settling;
    settling_init(&settling);
    for (uint32_t number = 1; number <= 3; number++)
        assert_true(take_number(&settling, number));
    finish(&settling);
    assert_false(settling_whole(&settling));
    assert_false(take_number(&settling, 2));
    assert_false(take_number(&settling, 3));

    /* The next run needs the next epoch. */
    bool ignored = true;
    struct settle_part header = RUN;
    header.parts = 1;
    assert_int_equal(settling_take(&settling, part_of(&header, 0), TERM, NEXT + 4, &ignored),
                     STATUS_OK);
    assert_true(ignored);
    header.from = NEXT + 4;
    header.through = NEXT + 4;
    assert_int_equal(settling_take(&settling, part_of(&header, 0), TERM, NEXT + 4, &ignored),
                     STATUS_OK);
    assert_false(ignored);
    assert_true(settling_whole(&settling));
    settling_fini(&settling);
}

static void assert_joined(const struct engine_settlement *settlement)
{
    assert_int_equal(settlement->awarded_count, 3);
    assert_int_equal(settlement->winner_count, 3);
    assert_int_equal(settlement->reaction_count, 3);
    for (uint16_t i = 0; i < 3; i++) {
        const struct engine_awarded *awarded = &settlement->awarded[i];
        assert_int_equal(awarded->hunt, 1);
        assert_int_equal(awarded->treasure, i);
        assert_int_equal(awarded->awarded, 10 + i);
        const struct engine_winner *winner = &settlement->winners[i];
        assert_int_equal(winner->hunt, 2);
        assert_int_equal(winner->treasure, i);
        assert_int_equal(winner->place, 20 + i);
        assert_int_equal(winner->player.bytes[0], i);
        assert_int_equal(winner->seq, 30 + i);
        assert_int_equal(winner->uncertainty_us, 40 + i);
        const struct engine_reaction *reaction = &settlement->reactions[i];
        assert_int_equal(reaction->hunt, 3);
        assert_int_equal(reaction->to.bytes[0], i);
        assert_string_equal(reaction->emoji.text, "e");
        assert_int_equal(reaction->count, 50 + i);
    }
}

static void the_lists_of_all_parts_are_joined_in_their_order(void **state)
{
    (void)state;
    struct settling settling;
    settling_init(&settling);
    /* Items 0 and 1, none, and item 2. */
    const uint32_t counts[] = {2, 0, 1};
    for (uint32_t i = 0; i < 3; i++) {
        struct settle_part header = RUN;
        header.part = i + 1;
        header.awarded_count = header.winner_count = header.reaction_count = counts[i];
        bool ignored;
        struct settle_part *part = part_of(&header, i == 2 ? 2 : 0);
        assert_int_equal(settling_take(&settling, part, TERM, NEXT, &ignored), STATUS_OK);
        assert_false(ignored);
    }
    struct arena arena;
    arena_init(&arena);
    struct engine_settlement settlement;
    uint64_t all_settled_next = 0;
    settling_finish(&settling, &arena, &settlement, &all_settled_next);
    assert_true(settlement.through == NEXT + 3);
    assert_true(settlement.settled_digest == 22);
    assert_true(all_settled_next == NEXT - 5);
    assert_joined(&settlement);
    arena_fini(&arena);
    settling_fini(&settling);
}

static void a_settlement_may_say_nothing(void **state)
{
    (void)state;
    struct settling settling;
    settling_init(&settling);
    struct settle_part header = RUN;
    header.parts = 1;
    assert_true(take(&settling, &header, TERM));
    struct arena arena;
    arena_init(&arena);
    struct engine_settlement settlement;
    uint64_t all_settled_next;
    settling_finish(&settling, &arena, &settlement, &all_settled_next);
    assert_int_equal(settlement.awarded_count, 0);
    assert_int_equal(settlement.winner_count, 0);
    assert_int_equal(settlement.reaction_count, 0);
    arena_fini(&arena);
    settling_fini(&settling);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_part_of_one_is_whole_at_once),
        cmocka_unit_test(parts_in_their_order_are_whole_with_the_last),
        cmocka_unit_test(the_first_part_begins_where_the_range_has_settled_to),
        cmocka_unit_test(a_part_without_those_before_it_is_ignored),
        cmocka_unit_test(a_part_of_another_term_is_ignored),
        cmocka_unit_test(a_part_of_another_run_is_ignored),
        cmocka_unit_test(a_first_part_drops_an_unfinished_run_if_it_counts),
        cmocka_unit_test(what_is_finished_is_forgotten),
        cmocka_unit_test(the_lists_of_all_parts_are_joined_in_their_order),
        cmocka_unit_test(a_settlement_may_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
