/* Settling: the input as a ledger and as a part of a settlement from a log; and ledgers made of a
 * few bytes each, from which the winners are computed. Never more win than the supply, places have
 * no gaps, the parts say the whole, and it makes no difference how the epochs are cut into runs. */
#include "cluster/base/hash.h"
#include "cluster/epochs/settle.h"
#include "tests/fuzz/fuzz.h"

#define RANGES    3
#define EPOCHS    3
#define TREASURES 2
#define CLAIMS    4
#define HUNT      5

/* --- Bytes from anywhere ---------------------------------------------------------------------- */

static void read_ledger(const uint8_t *data, size_t size)
{
    struct ledger_outline outline;
    struct ledger *ledger;
    const enum status checked = ledger_check(&outline, data, size);
    const enum status status = ledger_decode(&ledger, data, size);
    CHECK(checked == status);
    if (status != STATUS_OK)
        return;
    CHECK(size >= LEDGER_HEADER_BYTES);
    CHECK(ledger_bytes(ledger) == size);
    uint8_t *again = malloc(size);
    struct writer writer;
    CHECK(again != NULL);
    writer_init(&writer, again, size);
    ledger_encode(ledger, &writer);
    CHECK(writer_ok(&writer));
    CHECK(memcmp(again, data, size) == 0);
    free(again);
    free(ledger);
}

static void read_part(const uint8_t *data, size_t size)
{
    struct settle_part *part;
    const enum status status = settle_decode_part(&part, data, size);
    CHECK(status == STATUS_OK || status == STATUS_INVALID);
    if (status != STATUS_OK)
        return;
    CHECK(part->from <= part->through);
    CHECK(part->part >= 1 && part->part <= part->parts);
    for (uint32_t i = 0; i < part->winner_count; i++)
        CHECK(part->winners[i].place >= 1 && part->winners[i].seq >= SEQ_MIN);
    for (uint32_t i = 0; i < part->reaction_count; i++)
        CHECK(strlen(part->reactions[i].reaction.emoji.text) ==
              part->reactions[i].reaction.emoji.length);
    free(part);
}

/* --- Made ledgers ----------------------------------------------------------------------------- */

struct made {
    struct ledger ledger;
    struct ledger_hunt hunt;
    struct ledger_treasure treasures[TREASURES];
    struct ledger_claim claims[TREASURES][CLAIMS];
    struct ledger_reaction reaction;
};

struct scene {
    struct made made[EPOCHS][RANGES];
    struct settle_ledger list[EPOCHS * RANGES];
    uint32_t count;
    uint32_t supply[EPOCHS][TREASURES];
    struct settle_awarded awarded[TREASURES];
};

static uint32_t make_claims(struct made *made, size_t treasure, uint32_t most, uint8_t how,
                            uint64_t epoch)
{
    const uint32_t wanted = how % (CLAIMS + 1);
    const uint32_t count = wanted < most ? wanted : most;
    for (uint32_t i = 0; i < count; i++) {
        made->claims[treasure][i] = (struct ledger_claim){
            .player = {.bytes = {how, (uint8_t)i}},
            .seq = i + 1,
            .hlc = epoch * 1000 + (uint64_t)(how / 5 % 4) + i * 2,
            .log_index = epoch * 10 + 1 + i,
        };
    }
    return count;
}

static void make_ledger(struct scene *scene, uint32_t epoch, uint32_t range,
                        struct fuzz_input *input)
{
    struct made *made = &scene->made[epoch][range];
    uint32_t treasures = 0;
    for (uint16_t i = 0; i < TREASURES; i++) {
        const uint32_t supply = scene->supply[epoch][i];
        const uint32_t count = make_claims(made, i, supply, fuzz_u8(input), epoch);
        if (count > 0)
            made->treasures[treasures++] =
                (struct ledger_treasure){i, supply, count, made->claims[i]};
    }
    made->reaction = (struct ledger_reaction){
        .to = {.bytes = {fuzz_u8(input)}}, .emoji = {1, "a"}, .count = UINT32_MAX / 2 + 1};
    made->hunt = (struct ledger_hunt){.hunt = HUNT,
                                      .version = 1 + epoch,
                                      .treasure_count = treasures,
                                      .reaction_count = 1,
                                      .treasures = made->treasures,
                                      .reactions = &made->reaction};
    made->ledger = (struct ledger){.hunt_count = 1, .hunts = &made->hunt};
    scene->list[scene->count++] = (struct settle_ledger){
        .epoch = epoch, .range = range, .digest = epoch * 16 + range, .ledger = &made->ledger};
}

static void make_scene(struct scene *scene, struct fuzz_input *input)
{
    *scene = (struct scene){0};
    for (uint16_t i = 0; i < TREASURES; i++)
        scene->awarded[i] = (struct settle_awarded){HUNT, i, fuzz_u8(input) % 8};
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        for (size_t i = 0; i < TREASURES; i++)
            scene->supply[epoch][i] = 1 + fuzz_u8(input) % 10U;
        for (uint32_t range = 0; range < RANGES; range++)
            make_ledger(scene, epoch, range, input);
    }
}

static struct settlement *settle(const struct scene *scene, uint64_t from, uint64_t through,
                                 const struct settle_awarded *awarded, uint64_t digest)
{
    struct settlement *settlement;
    const struct settle_input input = {
        .from = from,
        .through = through,
        .ranges = RANGES,
        .ledgers = &scene->list[from * RANGES],
        .ledger_count = (uint32_t)(through - from + 1) * RANGES,
        .awarded = awarded,
        .awarded_count = TREASURES,
        .settled_digest = digest,
    };
    CHECK(settle_compute(&input, &settlement) == STATUS_OK);
    return settlement;
}

/* --- What must hold --------------------------------------------------------------------------- */

static void check_winners(const struct scene *scene, const struct settlement *settlement)
{
    uint32_t awarded[TREASURES];
    for (size_t i = 0; i < TREASURES; i++)
        awarded[i] = scene->awarded[i].awarded;
    for (uint32_t i = 0; i < settlement->winner_count; i++) {
        const struct settle_winner *winner = &settlement->winners[i];
        CHECK(winner->treasure < TREASURES);
        CHECK(winner->epoch < EPOCHS);
        CHECK(winner->place == ++awarded[winner->treasure]);
        CHECK(winner->place <= scene->supply[winner->epoch][winner->treasure]);
    }
}

/* The shares of all ranges, part by part, name each winner once. */
static void check_parts(const struct settlement *settlement)
{
    static uint8_t bytes[SETTLE_PART_BYTES_MAX];
    uint32_t winners = 0;
    uint32_t reactions = 0;
    for (uint32_t range = 0; range < RANGES; range++) {
        const struct settle_share share = {.settlement = settlement, .range = range};
        const uint32_t parts = settle_parts(&share);
        for (uint32_t number = 1; number <= parts; number++) {
            struct writer writer;
            struct settle_part *part;
            writer_init(&writer, bytes, sizeof bytes);
            settle_encode_part(&share, number, &writer);
            CHECK(writer_ok(&writer));
            CHECK(settle_decode_part(&part, bytes, writer.used) == STATUS_OK);
            CHECK(part->part == number && part->parts == parts);
            CHECK(part->settled_digest == settlement->settled_digest);
            winners += part->winner_count;
            reactions += part->reaction_count;
            free(part);
        }
    }
    CHECK(winners == settlement->winner_count);
    CHECK(reactions == settlement->reaction_count);
}

static void check_cut(const struct scene *scene, const struct settlement *whole)
{
    struct settle_awarded awarded[TREASURES];
    memcpy(awarded, scene->awarded, sizeof awarded);
    struct settlement *first = settle(scene, 0, 0, awarded, 7);
    for (uint32_t i = 0; i < first->awarded_count; i++)
        awarded[first->awarded[i].treasure] = first->awarded[i];
    struct settlement *rest = settle(scene, 1, EPOCHS - 1, awarded, first->settled_digest);
    CHECK(rest->settled_digest == whole->settled_digest);
    CHECK(first->winner_count + rest->winner_count == whole->winner_count);
    settlement_free(first);
    settlement_free(rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    static struct scene scene;
    size_t bytes;
    const uint8_t how = fuzz_u8(&input);
    if (how % 3 == 0) {
        make_scene(&scene, &input);
        struct settlement *settlement = settle(&scene, 0, EPOCHS - 1, scene.awarded, 7);
        check_winners(&scene, settlement);
        check_parts(settlement);
        check_cut(&scene, settlement);
        settlement_free(settlement);
        return 0;
    }
    uint8_t *rest = fuzz_bytes(&input, SIZE_MAX, &bytes);
    if (how % 3 == 1)
        read_ledger(rest, bytes);
    else
        read_part(rest, bytes);
    free(rest);
    return 0;
}
