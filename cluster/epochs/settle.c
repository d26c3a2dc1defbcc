#include "cluster/epochs/settle.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"

/* A claim that may win; once it has, with its place. */
struct candidate {
    uint64_t epoch;
    const struct ledger_claim *claim;
    uint32_t range, supply, place;
    uint16_t hunt, treasure;
};

/* The reactions of one kind in one ledger; once added up, of all. */
struct tally {
    const struct ledger_reaction *reaction;
    uint32_t count;
    uint16_t hunt;
};

struct scratch {
    struct candidate *candidates;
    struct tally *tallies;
    uint32_t candidate_count, tally_count;
};

static int order_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static uint32_t treasure_key(const struct candidate *candidate)
{
    return (uint32_t)candidate->hunt << 16 | candidate->treasure;
}

/* Each treasure's candidates in the order in which it is given away: by epochs, then as published.
 */
static int order_of_giving(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = order_u64(treasure_key(a), treasure_key(b));
    if (order == 0)
        order = order_u64(a->epoch, b->epoch);
    if (order == 0)
        order = order_u64(a->claim->hlc, b->claim->hlc);
    if (order == 0)
        order = order_u64(a->range, b->range);
    return order != 0 ? order : order_u64(a->claim->log_index, b->claim->log_index);
}

/* The order of the award list that the digest goes over. */
static int order_of_awards(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = order_u64(a->epoch, b->epoch);
    if (order == 0)
        order = order_u64(treasure_key(a), treasure_key(b));
    return order != 0 ? order : order_u64(a->place, b->place);
}

static int compare_tallies(const struct tally *a, const struct tally *b)
{
    const int hunts = order_u64(a->hunt, b->hunt);
    return hunts != 0 ? hunts : ledger_reaction_compare(a->reaction, b->reaction);
}

/* Equal ones are added up, so their order makes no difference. */
static int order_of_tallies(const void *left, const void *right)
{
    return compare_tallies(left, right);
}

/* The ledgers of one epoch must agree on the version of each hunt. */
static bool versions_agree(const struct settle_input *input)
{
    uint64_t known_epoch_next[HUNTS_MAX] = {0}; /* the epoch of the version, plus 1 */
    uint32_t versions[HUNTS_MAX] = {0};
    for (uint32_t i = 0; i < input->ledger_count; i++) {
        const struct settle_ledger *from = &input->ledgers[i];
        for (uint32_t j = 0; j < from->ledger->hunt_count; j++) {
            const struct ledger_hunt *hunt = &from->ledger->hunts[j];
            if (hunt->hunt >= HUNTS_MAX)
                return false;
            if (known_epoch_next[hunt->hunt] == from->epoch + 1 &&
                versions[hunt->hunt] != hunt->version)
                return false;
            known_epoch_next[hunt->hunt] = from->epoch + 1;
            versions[hunt->hunt] = hunt->version;
        }
    }
    return true;
}

static enum status scratch_init(struct scratch *scratch, const struct settle_input *input)
{
    uint64_t candidates = 0, tallies = 0;
    for (uint32_t i = 0; i < input->ledger_count; i++) {
        const struct ledger *ledger = input->ledgers[i].ledger;
        for (uint32_t j = 0; j < ledger->hunt_count; j++) {
            const struct ledger_hunt *hunt = &ledger->hunts[j];
            tallies += hunt->reaction_count;
            for (uint32_t k = 0; k < hunt->treasure_count; k++)
                candidates += hunt->treasures[k].claim_count;
        }
    }
    *scratch = (struct scratch){.candidates = NULL};
    if (candidates > UINT32_MAX || tallies > UINT32_MAX)
        return STATUS_NO_MEMORY;
    /* One more than needed, as malloc(0) may answer NULL. */
    scratch->candidates = malloc((size_t)(candidates + 1) * sizeof(struct candidate));
    scratch->tallies = malloc((size_t)(tallies + 1) * sizeof(struct tally));
    return scratch->candidates != NULL && scratch->tallies != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

static void scratch_fini(struct scratch *scratch)
{
    free(scratch->candidates);
    free(scratch->tallies);
}

static void gather_claims(struct scratch *scratch, const struct settle_ledger *from,
                          const struct ledger_hunt *hunt)
{
    for (uint32_t i = 0; i < hunt->treasure_count; i++) {
        const struct ledger_treasure *treasure = &hunt->treasures[i];
        for (uint32_t j = 0; j < treasure->claim_count; j++) {
            scratch->candidates[scratch->candidate_count++] = (struct candidate){
                .epoch = from->epoch,
                .claim = &treasure->claims[j],
                .range = from->range,
                .supply = treasure->supply,
                .hunt = hunt->hunt,
                .treasure = treasure->number,
            };
        }
    }
}

static void gather(struct scratch *scratch, const struct settle_input *input)
{
    for (uint32_t i = 0; i < input->ledger_count; i++) {
        const struct settle_ledger *from = &input->ledgers[i];
        for (uint32_t j = 0; j < from->ledger->hunt_count; j++) {
            const struct ledger_hunt *hunt = &from->ledger->hunts[j];
            gather_claims(scratch, from, hunt);
            for (uint32_t k = 0; k < hunt->reaction_count; k++) {
                scratch->tallies[scratch->tally_count++] = (struct tally){
                    .reaction = &hunt->reactions[k],
                    .count = hunt->reactions[k].count,
                    .hunt = hunt->hunt,
                };
            }
        }
    }
}

/* The awards before the run; treasures are asked for upwards, so *at only moves on. */
static uint32_t awarded_before(const struct settle_input *input, uint32_t key, uint32_t *at)
{
    for (; *at < input->awarded_count; (*at)++) {
        const struct settle_awarded *awarded = &input->awarded[*at];
        const uint32_t found = (uint32_t)awarded->hunt << 16 | awarded->treasure;
        if (found >= key)
            return found == key ? awarded->awarded : 0;
    }
    return 0;
}

/* Leaves the winners in the scratch, by (hunt, treasure, place). False: supplies disagree. */
static bool give_away(struct scratch *scratch, const struct settle_input *input)
{
    struct candidate *list = scratch->candidates;
    if (scratch->candidate_count > 0)
        qsort(list, scratch->candidate_count, sizeof *list, order_of_giving);
    struct candidate last = {.claim = NULL};
    uint32_t won = 0, awarded = 0, before_at = 0;
    for (uint32_t i = 0; i < scratch->candidate_count; i++) {
        const struct candidate next = list[i];
        const bool same_treasure = last.claim != NULL && treasure_key(&last) == treasure_key(&next);
        if (!same_treasure)
            awarded = awarded_before(input, treasure_key(&next), &before_at);
        else if (last.epoch == next.epoch && last.supply != next.supply)
            return false;
        if (awarded < next.supply) {
            list[won] = next;
            list[won++].place = ++awarded;
        }
        last = next;
    }
    scratch->candidate_count = won;
    return true;
}

static void add_up(struct scratch *scratch)
{
    struct tally *list = scratch->tallies;
    if (scratch->tally_count > 0)
        qsort(list, scratch->tally_count, sizeof *list, order_of_tallies);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < scratch->tally_count; i++) {
        if (kept == 0 || compare_tallies(&list[kept - 1], &list[i]) != 0) {
            list[kept++] = list[i];
            continue;
        }
        const uint32_t room = UINT32_MAX - list[kept - 1].count;
        list[kept - 1].count += list[i].count < room ? list[i].count : room;
    }
    scratch->tally_count = kept;
}

/* What is hashed is written out byte by byte, so that it is the same on every machine. */
static uint64_t digest_inputs(const struct settle_input *input)
{
    uint8_t bytes[32];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    put_u64(&writer, input->from);
    put_u64(&writer, input->through);
    put_u32(&writer, input->ranges);
    uint64_t digest = hash_chain(input->settled_digest, bytes, writer.used);
    for (uint32_t i = 0; i < input->ledger_count; i++) {
        const struct settle_ledger *from = &input->ledgers[i];
        if (ledger_empty(from->ledger))
            continue;
        writer_init(&writer, bytes, sizeof bytes);
        put_u64(&writer, from->epoch);
        put_u32(&writer, from->range);
        put_u64(&writer, from->digest);
        digest = hash_chain(digest, bytes, writer.used);
    }
    return digest;
}

static uint64_t chain_award(uint64_t digest, const struct candidate *winner)
{
    uint8_t bytes[64];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    put_u64(&writer, winner->epoch);
    put_u16(&writer, winner->hunt);
    put_u16(&writer, winner->treasure);
    put_u32(&writer, winner->place);
    put_u32(&writer, winner->range);
    put_bytes(&writer, winner->claim->player.bytes, sizeof winner->claim->player.bytes);
    put_u32(&writer, winner->claim->seq);
    put_u32(&writer, winner->claim->uncertainty_us);
    put_u64(&writer, winner->claim->hlc);
    put_u64(&writer, winner->claim->log_index);
    CHECK(writer_ok(&writer));
    return hash_chain(digest, bytes, writer.used);
}

/* Brings the winners into the order of the award list. */
static uint64_t digest_awards(struct scratch *scratch, uint64_t digest)
{
    struct candidate *list = scratch->candidates;
    if (scratch->candidate_count > 0)
        qsort(list, scratch->candidate_count, sizeof *list, order_of_awards);
    for (uint32_t i = 0; i < scratch->candidate_count; i++)
        digest = chain_award(digest, &list[i]);
    return digest;
}

/* Whether place i of the list of winners is its treasure's last. */
static bool last_of_treasure(const struct scratch *scratch, uint32_t i)
{
    const struct candidate *list = scratch->candidates;
    return i + 1 == scratch->candidate_count ||
           treasure_key(&list[i]) != treasure_key(&list[i + 1]);
}

static struct settlement *settlement_new(const struct scratch *scratch)
{
    uint32_t treasures = 0;
    for (uint32_t i = 0; i < scratch->candidate_count; i++)
        treasures += last_of_treasure(scratch, i);
    const size_t winners_bytes = scratch->candidate_count * sizeof(struct settle_winner);
    const size_t awarded_bytes = treasures * sizeof(struct settle_awarded);
    const size_t reactions_bytes = scratch->tally_count * sizeof(struct settle_reaction);
    struct settlement *settlement =
        malloc(sizeof *settlement + winners_bytes + awarded_bytes + reactions_bytes +
               scratch->tally_count * sizeof(uint32_t));
    if (settlement == NULL)
        return NULL;
    unsigned char *place = (unsigned char *)(settlement + 1);
    *settlement = (struct settlement){
        .winners = (void *)place,
        .awarded = (void *)(place + winners_bytes),
        .reactions = (void *)(place + winners_bytes + awarded_bytes),
        .reaction_ranges = (void *)(place + winners_bytes + awarded_bytes + reactions_bytes),
    };
    return settlement;
}

_Static_assert(sizeof(struct settlement) % _Alignof(struct settle_winner) == 0, "winners follow");
_Static_assert(_Alignof(struct settle_winner) % _Alignof(struct settle_awarded) == 0,
               "awarded follow");
_Static_assert(_Alignof(struct settle_awarded) % _Alignof(struct settle_reaction) == 0,
               "reactions follow");
_Static_assert(_Alignof(struct settle_reaction) % _Alignof(uint32_t) == 0, "ranges follow");

static void fill_winners(struct settlement *settlement, const struct scratch *scratch)
{
    for (uint32_t i = 0; i < scratch->candidate_count; i++) {
        const struct candidate *winner = &scratch->candidates[i];
        settlement->winners[settlement->winner_count++] = (struct settle_winner){
            .hunt = winner->hunt,
            .treasure = winner->treasure,
            .range = winner->range,
            .place = winner->place,
            .epoch = winner->epoch,
            .claim = *winner->claim,
        };
        if (!last_of_treasure(scratch, i))
            continue;
        settlement->awarded[settlement->awarded_count++] = (struct settle_awarded){
            .hunt = winner->hunt, .treasure = winner->treasure, .awarded = winner->place};
    }
}

static void fill_reactions(struct settlement *settlement, const struct scratch *scratch)
{
    for (uint32_t i = 0; i < scratch->tally_count; i++) {
        const struct tally *tally = &scratch->tallies[i];
        settlement->reactions[i] =
            (struct settle_reaction){.hunt = tally->hunt, .reaction = *tally->reaction};
        settlement->reactions[i].reaction.count = tally->count;
        settlement->reaction_ranges[i] =
            hash_range(hash_player(&tally->reaction->to), settlement->ranges);
    }
    settlement->reaction_count = scratch->tally_count;
}

static void check_input(const struct settle_input *input)
{
    CHECK(input->ranges > 0);
    CHECK(input->ranges <= RANGES_MAX);
    CHECK(input->from <= input->through);
    CHECK(input->through < UINT64_MAX);
    for (uint32_t i = 0; i < input->ledger_count; i++) {
        const struct settle_ledger *ledger = &input->ledgers[i];
        CHECK(ledger->epoch >= input->from);
        CHECK(ledger->epoch <= input->through);
        CHECK(ledger->range < input->ranges);
        CHECK(i == 0 || ledger[-1].epoch < ledger->epoch ||
              (ledger[-1].epoch == ledger->epoch && ledger[-1].range < ledger->range));
    }
}

enum status settle_compute(const struct settle_input *input, struct settlement **ret_settlement)
{
    check_input(input);
    if (!versions_agree(input))
        return STATUS_CORRUPT;
    struct scratch scratch;
    struct settlement *settlement = NULL;
    enum status status = scratch_init(&scratch, input);
    if (status != STATUS_OK)
        goto out;
    gather(&scratch, input);
    add_up(&scratch);
    status = give_away(&scratch, input) ? STATUS_OK : STATUS_CORRUPT;
    if (status != STATUS_OK)
        goto out;
    settlement = settlement_new(&scratch);
    if (settlement == NULL) {
        status = STATUS_NO_MEMORY;
        goto out;
    }
    settlement->from = input->from;
    settlement->through = input->through;
    settlement->ranges = input->ranges;
    fill_winners(settlement, &scratch);
    fill_reactions(settlement, &scratch);
    settlement->inputs_digest = digest_inputs(input);
    settlement->settled_digest = digest_awards(&scratch, input->settled_digest);
    *ret_settlement = settlement;
out:
    scratch_fini(&scratch);
    return status;
}

void settlement_free(struct settlement *settlement)
{
    free(settlement);
}
