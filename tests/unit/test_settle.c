/* tests/unit/test_settle.c -- The earliest claims of the whole cluster win, no more than there are,
 * and every way of cutting epochs into runs and a range's share into parts says the same. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/epochs/settle.h"
#include "tests/unit/made_ledger.h"

/* --- What happened in a few epochs ------------------------------------------------------------ */

#define STORY_RANGES 5
#define STORY_EPOCHS 12
#define STORY_FROM   20
#define AWARDED_MAX  64
#define LIST_MAX     4096

struct story {
    struct made made[STORY_EPOCHS][STORY_RANGES];
    bool silent[STORY_EPOCHS][STORY_RANGES]; /* not even an empty ledger is handed in */
};

static struct story *story_new(uint64_t seed)
{
    struct story *story = calloc(1, sizeof *story);
    assert_non_null(story);
    struct rng rng;
    rng_init(&rng, seed);
    for (uint32_t epoch = 0; epoch < STORY_EPOCHS; epoch++) {
        for (uint32_t range = 0; range < STORY_RANGES; range++) {
            struct made *made = &story->made[epoch][range];
            if (rng_chance(&rng, 2, 3))
                made_fill(made, &rng, STORY_FROM + epoch);
            story->silent[epoch][range] = ledger_empty(&made->ledger) && rng_chance(&rng, 1, 2);
        }
    }
    return story;
}

static uint32_t story_list(const struct story *story, uint32_t from, uint32_t through,
                           struct settle_ledger *list)
{
    uint32_t count = 0;
    for (uint32_t epoch = from; epoch <= through; epoch++) {
        for (uint32_t range = 0; range < STORY_RANGES; range++) {
            if (story->silent[epoch][range])
                continue;
            const struct ledger *ledger = &story->made[epoch][range].ledger;
            list[count++] = (struct settle_ledger){.epoch = STORY_FROM + epoch,
                                                   .range = range,
                                                   .digest = made_digest(ledger),
                                                   .ledger = ledger};
        }
    }
    return count;
}

/* What the cluster has come to after some runs. */
struct standing {
    struct settle_awarded awarded[AWARDED_MAX];
    uint32_t awarded_count;
    uint64_t digest;
};

static uint32_t *standing_of(struct standing *standing, uint16_t hunt, uint16_t treasure)
{
    uint32_t at = 0;
    while (at < standing->awarded_count &&
           (standing->awarded[at].hunt < hunt ||
            (standing->awarded[at].hunt == hunt && standing->awarded[at].treasure < treasure)))
        at++;
    struct settle_awarded *place = &standing->awarded[at];
    if (at == standing->awarded_count || place->hunt != hunt || place->treasure != treasure) {
        assert_true(standing->awarded_count < AWARDED_MAX);
        memmove(place + 1, place, (standing->awarded_count - at) * sizeof *place);
        *place = (struct settle_awarded){.hunt = hunt, .treasure = treasure};
        standing->awarded_count++;
    }
    return &place->awarded;
}

static void standing_apply(struct standing *standing, const struct settlement *settlement)
{
    for (uint32_t i = 0; i < settlement->awarded_count; i++) {
        const struct settle_awarded *awarded = &settlement->awarded[i];
        *standing_of(standing, awarded->hunt, awarded->treasure) = awarded->awarded;
    }
    standing->digest = settlement->settled_digest;
}

static struct settlement *settle(const struct story *story, const struct standing *standing,
                                 uint32_t from, uint32_t through)
{
    struct settle_ledger list[STORY_EPOCHS * STORY_RANGES];
    const struct settle_input input = {
        .from = STORY_FROM + from,
        .through = STORY_FROM + through,
        .ranges = STORY_RANGES,
        .ledgers = list,
        .ledger_count = story_list(story, from, through, list),
        .awarded = standing->awarded,
        .awarded_count = standing->awarded_count,
        .settled_digest = standing->digest,
    };
    struct settlement *settlement = NULL;
    assert_int_equal(settle_compute(&input, &settlement), STATUS_OK);
    return settlement;
}

/* --- The same, as simply as it can be said ---------------------------------------------------- */

struct naive {
    struct settle_winner candidates[LIST_MAX]; /* place 0: has not won */
    uint32_t supplies[LIST_MAX];
    uint32_t candidate_count;
    struct settle_reaction reactions[LIST_MAX];
    uint32_t reaction_count;
};

static void naive_react(struct naive *naive, uint16_t hunt, const struct ledger_reaction *reaction)
{
    for (uint32_t i = 0; i < naive->reaction_count; i++) {
        struct settle_reaction *known = &naive->reactions[i];
        if (known->hunt != hunt || ledger_reaction_compare(&known->reaction, reaction) != 0)
            continue;
        const uint64_t sum = (uint64_t)known->reaction.count + reaction->count;
        known->reaction.count = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
        return;
    }
    naive->reactions[naive->reaction_count++] =
        (struct settle_reaction){.hunt = hunt, .reaction = *reaction};
}

static void naive_read(struct naive *naive, uint64_t epoch, uint32_t range,
                       const struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->hunt_count; i++) {
        const struct ledger_hunt *hunt = &ledger->hunts[i];
        for (uint32_t j = 0; j < hunt->reaction_count; j++)
            naive_react(naive, hunt->hunt, &hunt->reactions[j]);
        for (uint32_t j = 0; j < hunt->treasure_count; j++) {
            const struct ledger_treasure *treasure = &hunt->treasures[j];
            for (uint32_t k = 0; k < treasure->claim_count; k++) {
                naive->supplies[naive->candidate_count] = treasure->supply;
                naive->candidates[naive->candidate_count++] =
                    (struct settle_winner){.hunt = hunt->hunt,
                                           .treasure = treasure->number,
                                           .range = range,
                                           .epoch = epoch,
                                           .claim = treasure->claims[k]};
            }
        }
    }
}

static bool claimed_earlier(const struct settle_winner *a, const struct settle_winner *b)
{
    if (a->claim.hlc != b->claim.hlc)
        return a->claim.hlc < b->claim.hlc;
    if (a->range != b->range)
        return a->range < b->range;
    return a->claim.log_index < b->claim.log_index;
}

/* Gives away all that is left of one treasure in one epoch, one by one to the earliest claim. */
static void naive_give(struct naive *naive, uint64_t epoch, uint16_t hunt, uint16_t treasure,
                       uint32_t *awarded)
{
    for (;;) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < naive->candidate_count; i++) {
            const struct settle_winner *next = &naive->candidates[i];
            if (next->epoch != epoch || next->hunt != hunt || next->treasure != treasure ||
                next->place != 0)
                continue;
            if (best == UINT32_MAX || claimed_earlier(next, &naive->candidates[best]))
                best = i;
        }
        if (best == UINT32_MAX || *awarded >= naive->supplies[best])
            return;
        naive->candidates[best].place = ++*awarded;
    }
}

static const struct settle_winner *naive_winner(const struct naive *naive,
                                                const struct settle_winner *like)
{
    for (uint32_t i = 0; i < naive->candidate_count; i++) {
        const struct settle_winner *winner = &naive->candidates[i];
        if (winner->hunt == like->hunt && winner->treasure == like->treasure &&
            winner->place == like->place)
            return winner;
    }
    return NULL;
}

static void assert_winners_in_order(const struct settlement *settlement)
{
    for (uint32_t i = 1; i < settlement->winner_count; i++) {
        const struct settle_winner *last = &settlement->winners[i - 1], *next = last + 1;
        const uint64_t a =
            (uint64_t)last->hunt << 48 | (uint64_t)last->treasure << 32 | last->place;
        const uint64_t b =
            (uint64_t)next->hunt << 48 | (uint64_t)next->treasure << 32 | next->place;
        assert_true(a < b);
        if (last->hunt == next->hunt && last->treasure == next->treasure)
            assert_int_equal(next->place, last->place + 1);
    }
}

static void assert_as_naive(const struct settlement *settlement, const struct naive *naive)
{
    uint32_t won = 0;
    for (uint32_t i = 0; i < naive->candidate_count; i++)
        won += naive->candidates[i].place != 0;
    assert_int_equal(settlement->winner_count, won);
    for (uint32_t i = 0; i < settlement->winner_count; i++) {
        const struct settle_winner *winner = &settlement->winners[i];
        const struct settle_winner *meant = naive_winner(naive, winner);
        assert_non_null(meant);
        assert_int_equal(winner->epoch, meant->epoch);
        assert_int_equal(winner->range, meant->range);
        assert_int_equal(winner->claim.hlc, meant->claim.hlc);
        assert_int_equal(winner->claim.log_index, meant->claim.log_index);
        assert_int_equal(winner->claim.seq, meant->claim.seq);
        assert_int_equal(winner->claim.uncertainty_us, meant->claim.uncertainty_us);
        assert_true(player_id_equal(&winner->claim.player, &meant->claim.player));
    }
    assert_winners_in_order(settlement);
    assert_int_equal(settlement->reaction_count, naive->reaction_count);
    for (uint32_t i = 0; i < settlement->reaction_count; i++) {
        const struct settle_reaction *sum = &settlement->reactions[i];
        assert_int_equal(settlement->reaction_ranges[i],
                         hash_range(hash_player(&sum->reaction.to), settlement->ranges));
        uint32_t like = 0;
        while (naive->reactions[like].hunt != sum->hunt ||
               ledger_reaction_compare(&naive->reactions[like].reaction, &sum->reaction) != 0)
            assert_true(++like < naive->reaction_count);
        assert_int_equal(sum->reaction.count, naive->reactions[like].reaction.count);
        if (i > 0 && sum[-1].hunt == sum->hunt)
            assert_true(ledger_reaction_compare(&sum[-1].reaction, &sum->reaction) < 0);
        else if (i > 0)
            assert_true(sum[-1].hunt < sum->hunt);
    }
}

static void naive_settle(struct naive *naive, const struct story *story, struct standing *standing,
                         uint32_t from, uint32_t through)
{
    memset(naive, 0, sizeof *naive);
    for (uint32_t epoch = from; epoch <= through; epoch++) {
        for (uint32_t range = 0; range < STORY_RANGES; range++)
            naive_read(naive, STORY_FROM + epoch, range, &story->made[epoch][range].ledger);
        for (uint16_t hunt = 0; hunt < MADE_HUNTS; hunt++) {
            for (uint16_t treasure = 0; treasure < MADE_TREASURES; treasure++)
                naive_give(naive, STORY_FROM + epoch, (uint16_t)(hunt * 20), treasure,
                           standing_of(standing, (uint16_t)(hunt * 20), treasure));
        }
    }
}

static void winners_are_those_of_the_plain_definition(void **state)
{
    (void)state;
    struct naive *naive = malloc(sizeof *naive);
    assert_non_null(naive);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct story *story = story_new(seed);
        struct standing standing = {.digest = 0}, meant = {.digest = 0};
        for (uint32_t from = 0; from < STORY_EPOCHS; from += 4) {
            struct settlement *settlement = settle(story, &standing, from, from + 3);
            naive_settle(naive, story, &meant, from, from + 3);
            assert_as_naive(settlement, naive);
            standing_apply(&standing, settlement);
            for (uint32_t i = 0; i < meant.awarded_count; i++) {
                const struct settle_awarded *awarded = &meant.awarded[i];
                assert_int_equal(*standing_of(&standing, awarded->hunt, awarded->treasure),
                                 awarded->awarded);
            }
            settlement_free(settlement);
        }
        free(story);
    }
    free(naive);
}

/* Winners of several settlements in one list. */
struct winners {
    struct settle_winner list[LIST_MAX];
    uint32_t count;
};

static int order_of_winners(const void *left, const void *right)
{
    const struct settle_winner *a = left, *b = right;
    const uint64_t one = (uint64_t)a->hunt << 48 | (uint64_t)a->treasure << 32 | a->place;
    const uint64_t other = (uint64_t)b->hunt << 48 | (uint64_t)b->treasure << 32 | b->place;
    return (one > other) - (one < other);
}

static struct standing settle_in_runs(const struct story *story, uint32_t length,
                                      struct winners *winners)
{
    struct standing standing = {.digest = 0};
    winners->count = 0;
    for (uint32_t from = 0; from < STORY_EPOCHS; from += length) {
        const uint32_t end = from + length < STORY_EPOCHS ? from + length : STORY_EPOCHS;
        struct settlement *settlement = settle(story, &standing, from, end - 1);
        for (uint32_t i = 0; i < settlement->winner_count; i++)
            winners->list[winners->count++] = settlement->winners[i];
        standing_apply(&standing, settlement);
        settlement_free(settlement);
    }
    qsort(winners->list, winners->count, sizeof winners->list[0], order_of_winners);
    return standing;
}

static void runs_of_any_length_come_to_the_same(void **state)
{
    (void)state;
    struct winners *single = malloc(sizeof *single), *runs = malloc(sizeof *runs);
    assert_non_null(single);
    assert_non_null(runs);
    for (uint64_t seed = 100; seed < 130; seed++) {
        struct story *story = story_new(seed);
        const struct standing meant = settle_in_runs(story, 1, single);
        assert_true(single->count > 0);
        assert_true(meant.digest != 0);
        for (uint32_t length = 2; length <= STORY_EPOCHS; length++) {
            const struct standing standing = settle_in_runs(story, length, runs);
            assert_int_equal(standing.digest, meant.digest);
            assert_int_equal(standing.awarded_count, meant.awarded_count);
            for (uint32_t i = 0; i < meant.awarded_count; i++)
                assert_int_equal(standing.awarded[i].awarded, meant.awarded[i].awarded);
            assert_int_equal(runs->count, single->count);
            for (uint32_t i = 0; i < runs->count; i++) {
                const struct settle_winner *a = &runs->list[i], *b = &single->list[i];
                assert_int_equal(a->epoch, b->epoch);
                assert_int_equal(a->range, b->range);
                assert_int_equal(a->place, b->place);
                assert_int_equal(a->claim.hlc, b->claim.hlc);
            }
        }
        free(story);
    }
    free(single);
    free(runs);
}

/* --- One treasure, told by hand --------------------------------------------------------------- */

/* A range's claims of one treasure in one epoch. */
struct told {
    struct ledger ledger;
    struct ledger_hunt hunt;
    struct ledger_treasure treasure;
    struct ledger_claim claims[8];
};

static void tell(struct told *told, uint32_t supply, uint32_t count, const uint64_t *hlcs)
{
    memset(told, 0, sizeof *told);
    for (uint32_t i = 0; i < count; i++)
        told->claims[i] = (struct ledger_claim){
            .player = made_player((uint32_t)hlcs[i]), .seq = 1, .hlc = hlcs[i], .log_index = 5};
    told->treasure = (struct ledger_treasure){
        .number = 3, .supply = supply, .claim_count = count, .claims = told->claims};
    told->hunt = (struct ledger_hunt){
        .hunt = 2, .version = 1, .treasure_count = 1, .treasures = &told->treasure};
    told->ledger = (struct ledger){.hunt_count = 1, .hunts = &told->hunt};
}

static struct settle_ledger heard(uint64_t epoch, uint32_t range, const struct told *told)
{
    return (struct settle_ledger){.epoch = epoch,
                                  .range = range,
                                  .digest = made_digest(&told->ledger),
                                  .ledger = &told->ledger};
}

static struct settlement *settle_list(const struct settle_ledger *list, uint32_t count)
{
    const struct settle_input input = {
        .from = 1, .through = 100, .ranges = 1024, .ledgers = list, .ledger_count = count};
    struct settlement *settlement = NULL;
    assert_int_equal(settle_compute(&input, &settlement), STATUS_OK);
    return settlement;
}

static void of_equal_stamps_the_lower_range_stands_first(void **state)
{
    (void)state;
    struct told low, high;
    tell(&low, 3, 2, (const uint64_t[]){50, 60});
    tell(&high, 3, 2, (const uint64_t[]){50, 55});
    const struct settle_ledger list[] = {heard(1, 7, &low), heard(1, 9, &high)};
    struct settlement *settlement = settle_list(list, 2);
    assert_int_equal(settlement->winner_count, 3);
    assert_int_equal(settlement->winners[0].range, 7);
    assert_int_equal(settlement->winners[1].range, 9);
    assert_int_equal(settlement->winners[1].claim.hlc, 50);
    assert_int_equal(settlement->winners[2].claim.hlc, 55);
    settlement_free(settlement);
}

static void a_supply_lowered_below_what_was_given_leaves_none_until_it_is_raised(void **state)
{
    (void)state;
    struct told first, lowered, raised;
    tell(&first, 3, 3, (const uint64_t[]){1, 2, 3});
    tell(&lowered, 2, 2, (const uint64_t[]){11, 12});
    tell(&raised, 4, 4, (const uint64_t[]){21, 22, 23, 24});
    const struct settle_ledger list[] = {heard(1, 0, &first), heard(2, 0, &lowered),
                                         heard(3, 0, &raised)};
    struct settlement *settlement = settle_list(list, 3);
    assert_int_equal(settlement->winner_count, 4);
    assert_int_equal(settlement->winners[3].claim.hlc, 21);
    assert_int_equal(settlement->winners[3].epoch, 3);
    assert_int_equal(settlement->winners[3].place, 4);
    assert_int_equal(settlement->awarded_count, 1);
    assert_int_equal(settlement->awarded[0].hunt, 2);
    assert_int_equal(settlement->awarded[0].treasure, 3);
    assert_int_equal(settlement->awarded[0].awarded, 4);
    settlement_free(settlement);
}

static void what_was_given_before_counts(void **state)
{
    (void)state;
    struct told told;
    tell(&told, 3, 3, (const uint64_t[]){1, 2, 3});
    const struct settle_ledger list[] = {heard(1, 0, &told)};
    const struct settle_awarded awarded[] = {{2, 2, 50}, {2, 3, 2}, {2, 4, 60}};
    struct settle_input input = {.from = 1,
                                 .through = 1,
                                 .ranges = 1,
                                 .ledgers = list,
                                 .ledger_count = 1,
                                 .awarded = awarded,
                                 .awarded_count = 3};
    struct settlement *settlement = NULL;
    assert_int_equal(settle_compute(&input, &settlement), STATUS_OK);
    assert_int_equal(settlement->winner_count, 1);
    assert_int_equal(settlement->winners[0].place, 3);
    settlement_free(settlement);
    input.awarded_count = 1;
    assert_int_equal(settle_compute(&input, &settlement), STATUS_OK);
    assert_int_equal(settlement->winner_count, 3);
    settlement_free(settlement);
}

static void ranges_that_disagree_on_a_supply_or_a_version_are_not_settled(void **state)
{
    (void)state;
    struct told one, other;
    tell(&one, 3, 1, (const uint64_t[]){1});
    tell(&other, 4, 1, (const uint64_t[]){2});
    const struct settle_ledger list[] = {heard(1, 0, &one), heard(1, 1, &other)};
    const struct settle_ledger later[] = {heard(1, 0, &one), heard(2, 1, &other)};
    struct settle_input input = {
        .from = 1, .through = 2, .ranges = 2, .ledgers = list, .ledger_count = 2};
    struct settlement *settlement = NULL;
    assert_int_equal(settle_compute(&input, &settlement), STATUS_CORRUPT);
    input.ledgers = later;
    assert_int_equal(settle_compute(&input, &settlement), STATUS_OK);
    settlement_free(settlement);
    settlement = NULL;
    other.treasure.supply = 3;
    other.hunt.version = 2;
    assert_int_equal(settle_compute(&input, &settlement), STATUS_OK);
    settlement_free(settlement);
    settlement = NULL;
    input.ledgers = list;
    assert_int_equal(settle_compute(&input, &settlement), STATUS_CORRUPT);
    assert_null(settlement);
    other.hunt.version = 1;
    assert_int_equal(settle_compute(&input, &settlement), STATUS_OK);
    settlement_free(settlement);
}

static uint64_t inputs_digest_of(const struct settle_input *input)
{
    struct settlement *settlement = NULL;
    assert_int_equal(settle_compute(input, &settlement), STATUS_OK);
    const uint64_t digest = settlement->inputs_digest;
    settlement_free(settlement);
    return digest;
}

static void the_digest_of_the_inputs_knows_all_of_them(void **state)
{
    (void)state;
    struct told told;
    tell(&told, 3, 1, (const uint64_t[]){1});
    const struct ledger nothing = {.settled_any = false};
    struct settle_ledger list[] = {heard(1, 0, &told),
                                   {.epoch = 1, .range = 1, .digest = 4, .ledger = &nothing}};
    struct settle_input input = {
        .from = 1, .through = 1, .ranges = 2, .ledgers = list, .ledger_count = 1};
    const uint64_t digest = inputs_digest_of(&input);
    input.ledger_count = 2;
    assert_int_equal(inputs_digest_of(&input), digest); /* an empty one makes no difference */
    input.through = 2;
    assert_true(inputs_digest_of(&input) != digest);
    input.through = 1;
    input.settled_digest = 1;
    assert_true(inputs_digest_of(&input) != digest);
    input.settled_digest = 0;
    list[0].digest++;
    assert_true(inputs_digest_of(&input) != digest);
    list[0].digest--;
    input.ledger_count = 1;
    list[0].range = 1;
    assert_true(inputs_digest_of(&input) != digest);
}

static void the_chain_knows_every_award(void **state)
{
    (void)state;
    struct told told;
    tell(&told, 3, 2, (const uint64_t[]){5, 6});
    const struct settle_ledger list[] = {heard(1, 0, &told)};
    struct settlement *settlement = settle_list(list, 1);
    const uint64_t digest = settlement->settled_digest;
    settlement_free(settlement);
    told.claims[1].uncertainty_us++;
    settlement = settle_list(list, 1);
    assert_true(settlement->settled_digest != digest);
    settlement_free(settlement);
    settlement = settle_list(list, 0);
    assert_int_equal(settlement->settled_digest, 0);
    assert_int_equal(settlement->winner_count, 0);
    assert_int_equal(settlement->awarded_count, 0);
    settlement_free(settlement);
}

/* Hundreds claim in all of 1024 ranges at once; exactly the earliest get what there is. */
static void hundreds_exhaust_a_supply_in_one_epoch_and_the_earliest_win(void **state)
{
    (void)state;
    struct told *told = calloc(RANGES_MAX, sizeof *told);
    struct settle_ledger *list = calloc(RANGES_MAX, sizeof *list);
    assert_non_null(told);
    assert_non_null(list);
    struct rng rng;
    rng_init(&rng, 77);
    /* Of the stamps 1 to 2048 every range has two, shuffled. */
    uint64_t stamps[2 * RANGES_MAX];
    for (uint64_t i = 0; i < 2 * RANGES_MAX; i++) {
        const uint64_t swap = rng_below(&rng, i + 1);
        stamps[i] = stamps[swap];
        stamps[swap] = i + 1;
    }
    uint32_t owner[2 * RANGES_MAX + 1];
    for (uint32_t range = 0; range < RANGES_MAX; range++) {
        uint64_t *pair = &stamps[(size_t)2 * range];
        if (pair[0] > pair[1]) {
            const uint64_t lower = pair[1];
            pair[1] = pair[0];
            pair[0] = lower;
        }
        owner[pair[0]] = range;
        owner[pair[1]] = range;
        tell(&told[range], 700, 2, pair);
        list[range] = heard(1, range, &told[range]);
    }
    struct settlement *settlement = settle_list(list, RANGES_MAX);
    assert_int_equal(settlement->winner_count, 700);
    for (uint32_t i = 0; i < 700; i++) {
        assert_int_equal(settlement->winners[i].claim.hlc, i + 1);
        assert_int_equal(settlement->winners[i].place, i + 1);
        assert_int_equal(settlement->winners[i].range, owner[i + 1]);
    }
    assert_int_equal(settlement->awarded[0].awarded, 700);
    settlement_free(settlement);
    free(list);
    free(told);
}

static void sixty_hours_of_silence_cost_what_was_said(void **state)
{
    (void)state;
    struct told told;
    tell(&told, 3, 1, (const uint64_t[]){5});
    const struct settle_ledger list[] = {heard(10, 1, &told), heard(21600, 0, &told)};
    const struct settle_input input = {
        .from = 1, .through = UINT64_MAX - 1, .ranges = 1024, .ledgers = list, .ledger_count = 2};
    struct settlement *settlement = NULL;
    assert_int_equal(settle_compute(&input, &settlement), STATUS_OK);
    assert_int_equal(settlement->winner_count, 2);
    assert_int_equal(settlement->winners[0].epoch, 10);
    assert_int_equal(settlement->winners[1].epoch, 21600);
    settlement_free(settlement);
}

/* --- Parts ------------------------------------------------------------------------------------ */

/* A settlement as big as wanted, of two ranges. */
struct big {
    struct settlement settlement;
    struct settle_awarded *awarded;
    struct settle_winner *winners;
    struct settle_reaction *reactions;
    uint32_t *ranges;
};

static struct big big_new(uint32_t awarded, uint32_t winners, uint32_t reactions)
{
    struct big big = {
        .awarded = calloc(awarded + 1, sizeof *big.awarded),
        .winners = calloc(winners + 1, sizeof *big.winners),
        .reactions = calloc(reactions + 1, sizeof *big.reactions),
        .ranges = calloc(reactions + 1, sizeof *big.ranges),
    };
    assert_non_null(big.awarded);
    assert_non_null(big.winners);
    assert_non_null(big.reactions);
    assert_non_null(big.ranges);
    for (uint32_t i = 0; i < awarded; i++)
        big.awarded[i] = (struct settle_awarded){.hunt = (uint16_t)(i / TREASURE_NUMBERS_MAX),
                                                 .treasure = i % TREASURE_NUMBERS_MAX,
                                                 .awarded = 1 + i};
    for (uint32_t i = 0; i < winners; i++)
        big.winners[i] =
            (struct settle_winner){.hunt = 1,
                                   .treasure = (uint16_t)(i / 1000),
                                   .range = i % 2,
                                   .place = 1 + i,
                                   .epoch = 70,
                                   .claim = {.player = made_player(i), .seq = 1 + i, .hlc = i}};
    for (uint32_t i = 0; i < reactions; i++) {
        big.reactions[i] = (struct settle_reaction){
            .hunt = 3,
            .reaction = {.to = made_player(i), .emoji = made_emoji("x"), .count = 1 + i}};
        big.ranges[i] = i % 2;
    }
    big.settlement = (struct settlement){
        .from = 60,
        .through = 70,
        .ranges = 2,
        .inputs_digest = 12,
        .settled_digest = 34,
        .awarded_count = awarded,
        .awarded = big.awarded,
        .winner_count = winners,
        .winners = big.winners,
        .reaction_count = reactions,
        .reactions = big.reactions,
        .reaction_ranges = big.ranges,
    };
    return big;
}

static void big_free(struct big *big)
{
    free(big->awarded);
    free(big->winners);
    free(big->reactions);
    free(big->ranges);
}

/* What the parts of a share have said so far. */
struct joined {
    uint32_t awarded, winners, reactions;
};

static void join(struct joined *joined, const struct settle_part *part,
                 const struct settlement *settlement, uint32_t range)
{
    for (uint32_t i = 0; i < part->awarded_count; i++)
        assert_memory_equal(&part->awarded[i], &settlement->awarded[joined->awarded++],
                            sizeof part->awarded[i]);
    for (uint32_t i = 0; i < part->winner_count; i++) {
        while (settlement->winners[joined->winners].range != range)
            joined->winners++;
        const struct settle_winner *meant = &settlement->winners[joined->winners++];
        assert_int_equal(part->winners[i].hunt, meant->hunt);
        assert_int_equal(part->winners[i].treasure, meant->treasure);
        assert_int_equal(part->winners[i].place, meant->place);
        assert_int_equal(part->winners[i].seq, meant->claim.seq);
        assert_int_equal(part->winners[i].uncertainty_us, meant->claim.uncertainty_us);
        assert_true(player_id_equal(&part->winners[i].player, &meant->claim.player));
    }
    for (uint32_t i = 0; i < part->reaction_count; i++) {
        while (settlement->reaction_ranges[joined->reactions] != range)
            joined->reactions++;
        const struct settle_reaction *meant = &settlement->reactions[joined->reactions++];
        assert_int_equal(part->reactions[i].hunt, meant->hunt);
        assert_int_equal(part->reactions[i].reaction.count, meant->reaction.count);
        assert_string_equal(part->reactions[i].reaction.emoji.text, meant->reaction.emoji.text);
        assert_int_equal(ledger_reaction_compare(&part->reactions[i].reaction, &meant->reaction),
                         0);
    }
}

/* Nothing of this range is left over. */
static void assert_all_joined(const struct joined *joined, const struct settlement *settlement,
                              uint32_t range)
{
    assert_int_equal(joined->awarded, settlement->awarded_count);
    for (uint32_t i = joined->winners; i < settlement->winner_count; i++)
        assert_true(settlement->winners[i].range != range);
    for (uint32_t i = joined->reactions; i < settlement->reaction_count; i++)
        assert_true(settlement->reaction_ranges[i] != range);
}

/* Encodes and reads all parts; returns how many, and the size of the last. */
static uint32_t through_parts(const struct settlement *settlement, uint32_t range,
                              size_t *ret_last_size)
{
    const struct settle_share share = {
        .settlement = settlement, .range = range, .all_settled_next = 58};
    const uint32_t parts = settle_parts(&share);
    struct joined joined = {0, 0, 0};
    uint8_t *bytes = malloc(SETTLE_PART_BYTES_MAX);
    assert_non_null(bytes);
    for (uint32_t number = 1; number <= parts; number++) {
        struct writer writer;
        writer_init(&writer, bytes, SETTLE_PART_BYTES_MAX);
        settle_encode_part(&share, number, &writer);
        assert_true(writer_ok(&writer));
        struct settle_part *part = NULL;
        assert_int_equal(settle_decode_part(&part, bytes, writer.used), STATUS_OK);
        assert_int_equal(part->from, settlement->from);
        assert_int_equal(part->through, settlement->through);
        assert_int_equal(part->part, number);
        assert_int_equal(part->parts, parts);
        assert_int_equal(part->inputs_digest, settlement->inputs_digest);
        assert_int_equal(part->settled_digest, settlement->settled_digest);
        assert_int_equal(part->all_settled_next, 58);
        join(&joined, part, settlement, range);
        free(part);
        *ret_last_size = writer.used;
    }
    free(bytes);
    assert_all_joined(&joined, settlement, range);
    return parts;
}

static void an_empty_settlement_is_one_part(void **state)
{
    (void)state;
    struct big big = big_new(0, 0, 0);
    size_t size = 0;
    assert_int_equal(through_parts(&big.settlement, 1, &size), 1);
    assert_int_equal(size, 72);
    big_free(&big);
}

/* The header takes 72 bytes, an award 8, a winner 32 and a reaction with one letter 24. */
static void a_part_is_filled_to_its_last_byte_and_not_beyond(void **state)
{
    (void)state;
    const uint32_t fit = ((256 << 10) - 72) / 8;
    size_t size = 0;
    for (uint32_t awarded = fit - 1; awarded <= fit + 1; awarded++) {
        struct big big = big_new(awarded, 0, 0);
        const uint32_t parts = through_parts(&big.settlement, 0, &size);
        assert_int_equal(parts, awarded <= fit ? 1 : 2);
        if (awarded == fit)
            assert_int_equal(size, SETTLE_PART_BYTES_MAX);
        if (awarded == fit + 1)
            assert_int_equal(size, 72 + 8);
        big_free(&big);
    }
}

static void parts_together_say_all_of_a_share_once(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 2, 8189, 8190, 16378, 16380, 16381, 40000};
    static const uint32_t awards[] = {0, 3, 32758, 33000};
    size_t size = 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (size_t j = 0; j < sizeof awards / sizeof awards[0]; j++) {
            struct big big = big_new(awards[j], counts[i], counts[(i + j) % 9]);
            const uint32_t own = (counts[i] + 1) / 2, sums = (counts[(i + j) % 9] + 1) / 2;
            const uint64_t items = (uint64_t)awards[j] * 8 + (uint64_t)own * 32 + sums * 24U;
            const uint32_t parts = through_parts(&big.settlement, 0, &size);
            assert_true((uint64_t)parts * (SETTLE_PART_BYTES_MAX - 72) >= items);
            /* At the end of a part less than an item's room is lost. */
            assert_true((uint64_t)(parts - 1) * (SETTLE_PART_BYTES_MAX - 72 - 31) <= items);
            through_parts(&big.settlement, 1, &size);
            big_free(&big);
        }
    }
}

static void a_computed_settlement_goes_through_parts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct story *story = story_new(seed);
        const struct standing standing = {.digest = 0};
        struct settlement *settlement = settle(story, &standing, 0, STORY_EPOCHS - 1);
        size_t size = 0;
        for (uint32_t range = 0; range < STORY_RANGES; range++)
            assert_int_equal(through_parts(settlement, range, &size), 1);
        settlement_free(settlement);
        free(story);
    }
}

/* --- Bytes from anywhere ---------------------------------------------------------------------- */

static size_t small_part(uint8_t bytes[1024])
{
    struct big big = big_new(3, 4, 4);
    const struct settle_share share = {.settlement = &big.settlement, .range = 1};
    struct writer writer;
    writer_init(&writer, bytes, 1024);
    settle_encode_part(&share, 1, &writer);
    assert_true(writer_ok(&writer));
    big_free(&big);
    return writer.used;
}

static enum status decode_exact(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct settle_part *part = NULL;
    const enum status status = settle_decode_part(&part, copy, size);
    assert_true((status == STATUS_OK) == (part != NULL));
    free(part);
    free(copy);
    return status;
}

static void a_shortened_or_lengthened_part_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[1024] = {0};
    const size_t size = small_part(bytes);
    assert_int_equal(decode_exact(bytes, size), STATUS_OK);
    for (size_t left = 0; left < size; left++)
        assert_int_equal(decode_exact(bytes, left), STATUS_INVALID);
    assert_int_equal(decode_exact(bytes, size + 1), STATUS_INVALID);
}

static uint32_t put_again(const struct settle_part *part, struct writer *writer)
{
    struct big big = big_new(part->awarded_count, part->winner_count, part->reaction_count);
    for (uint32_t i = 0; i < part->winner_count; i++) {
        const struct settle_own_winner *winner = &part->winners[i];
        big.winners[i] =
            (struct settle_winner){.hunt = winner->hunt,
                                   .treasure = winner->treasure,
                                   .place = winner->place,
                                   .claim = {.player = winner->player,
                                             .seq = winner->seq,
                                             .uncertainty_us = winner->uncertainty_us}};
    }
    for (uint32_t i = 0; i < part->reaction_count; i++) {
        big.reactions[i] = part->reactions[i];
        big.ranges[i] = 0;
    }
    for (uint32_t i = 0; i < part->awarded_count; i++)
        big.awarded[i] = part->awarded[i];
    big.settlement.from = part->from;
    big.settlement.through = part->through;
    big.settlement.inputs_digest = part->inputs_digest;
    big.settlement.settled_digest = part->settled_digest;
    const struct settle_share share = {.settlement = &big.settlement,
                                       .all_settled_next = part->all_settled_next};
    settle_encode_part(&share, 1, writer);
    const uint32_t parts = settle_parts(&share);
    big_free(&big);
    return parts;
}

/* Any other byte anywhere: refused, or another part, of which these are the only bytes. */
static void what_is_read_of_a_part_is_written_in_the_same_bytes(void **state)
{
    (void)state;
    uint8_t bytes[1024] = {0}, again[1024] = {0};
    const size_t size = small_part(bytes);
    uint32_t refused = 0, accepted = 0;
    for (size_t at = 0; at < size; at++) {
        for (unsigned change = 1; change < 256; change++) {
            bytes[at] ^= (uint8_t)change;
            struct settle_part *part = NULL;
            if (settle_decode_part(&part, bytes, size) == STATUS_OK) {
                accepted++;
                struct writer writer;
                writer_init(&writer, again, sizeof again);
                /* One part alone does not tell how many there are. */
                assert_int_equal(put_again(part, &writer), 1);
                memcpy(again + 24, bytes + 24, 8);
                assert_int_equal(writer.used, size);
                assert_memory_equal(again, bytes, size);
            } else {
                assert_null(part);
                refused++;
            }
            free(part);
            bytes[at] ^= (uint8_t)change;
        }
    }
    assert_true(refused > 0);
    assert_true(accepted > 0);
}

static enum status decode_bent(size_t at, uint8_t value)
{
    uint8_t bytes[1024] = {0};
    const size_t size = small_part(bytes);
    assert_true(bytes[at] != value);
    bytes[at] = value;
    return decode_exact(bytes, size);
}

/* The places are those of the layout: three awards at 72, two winners at 96, two reactions at 160.
 */
static void a_part_against_the_rules_is_refused(void **state)
{
    (void)state;
    assert_int_equal(decode_bent(0, 2), STATUS_INVALID);     /* version */
    assert_int_equal(decode_bent(7, 1), STATUS_INVALID);     /* zeros */
    assert_int_equal(decode_bent(16, 59), STATUS_INVALID);   /* through before from */
    assert_int_equal(decode_bent(24, 0), STATUS_INVALID);    /* part 0 */
    assert_int_equal(decode_bent(24, 2), STATUS_INVALID);    /* part 2 of 1 */
    assert_int_equal(decode_bent(28, 2), STATUS_OK);         /* part 1 of 2 */
    assert_int_equal(decode_bent(59, 0xff), STATUS_INVALID); /* far too many awards */
    assert_int_equal(decode_bent(68, 1), STATUS_INVALID);    /* zeros */
    assert_int_equal(decode_bent(72, HUNTS_MAX), STATUS_INVALID);
    assert_int_equal(decode_bent(75, 0x10), STATUS_INVALID); /* treasure 4096 */
    assert_int_equal(decode_bent(76, 0), STATUS_INVALID);    /* awarded nothing */
    assert_int_equal(decode_bent(82, 0), STATUS_INVALID);    /* the same treasure again */
    assert_int_equal(decode_bent(100, 0), STATUS_INVALID);   /* place 0 */
    assert_int_equal(decode_bent(132, 1), STATUS_INVALID);   /* an earlier place */
    assert_int_equal(decode_bent(120, 0), STATUS_INVALID);   /* seq 0 */
    assert_int_equal(decode_bent(178, 0), STATUS_INVALID);   /* no emoji */
    assert_int_equal(decode_bent(178, 33), STATUS_INVALID);  /* too long a one */
    assert_int_equal(decode_bent(179, 0), STATUS_INVALID);   /* with a zero */
    assert_int_equal(decode_bent(180, 0), STATUS_INVALID);   /* no reaction at all */
    assert_int_equal(decode_bent(201, 0), STATUS_INVALID);   /* an earlier receiver */
    uint8_t *large = calloc(1, SETTLE_PART_BYTES_MAX + 1);
    assert_non_null(large);
    assert_int_equal(decode_exact(large, SETTLE_PART_BYTES_MAX + 1), STATUS_INVALID);
    free(large);
}

static void of_several_parts_none_is_empty(void **state)
{
    (void)state;
    struct big big = big_new(0, 0, 0);
    const struct settle_share share = {.settlement = &big.settlement};
    uint8_t bytes[72];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    settle_encode_part(&share, 1, &writer);
    assert_int_equal(decode_exact(bytes, writer.used), STATUS_OK);
    bytes[28] = 2;
    assert_int_equal(decode_exact(bytes, writer.used), STATUS_INVALID);
    big_free(&big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(winners_are_those_of_the_plain_definition),
        cmocka_unit_test(runs_of_any_length_come_to_the_same),
        cmocka_unit_test(of_equal_stamps_the_lower_range_stands_first),
        cmocka_unit_test(a_supply_lowered_below_what_was_given_leaves_none_until_it_is_raised),
        cmocka_unit_test(what_was_given_before_counts),
        cmocka_unit_test(ranges_that_disagree_on_a_supply_or_a_version_are_not_settled),
        cmocka_unit_test(the_digest_of_the_inputs_knows_all_of_them),
        cmocka_unit_test(the_chain_knows_every_award),
        cmocka_unit_test(hundreds_exhaust_a_supply_in_one_epoch_and_the_earliest_win),
        cmocka_unit_test(sixty_hours_of_silence_cost_what_was_said),
        cmocka_unit_test(an_empty_settlement_is_one_part),
        cmocka_unit_test(a_part_is_filled_to_its_last_byte_and_not_beyond),
        cmocka_unit_test(parts_together_say_all_of_a_share_once),
        cmocka_unit_test(a_computed_settlement_goes_through_parts),
        cmocka_unit_test(a_shortened_or_lengthened_part_is_refused),
        cmocka_unit_test(what_is_read_of_a_part_is_written_in_the_same_bytes),
        cmocka_unit_test(a_part_against_the_rules_is_refused),
        cmocka_unit_test(of_several_parts_none_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
