/* tests/unit/test_ledger.c -- What is left to be settled comes back as it was written, and bytes
 * that no range would write are not believed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/epochs/ledger.h"
#include "tests/unit/made_ledger.h"

static void assert_same_claims(const struct ledger_treasure *a, const struct ledger_treasure *b)
{
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->supply, b->supply);
    assert_int_equal(a->claim_count, b->claim_count);
    for (uint32_t i = 0; i < a->claim_count; i++) {
        assert_true(player_id_equal(&a->claims[i].player, &b->claims[i].player));
        assert_int_equal(a->claims[i].seq, b->claims[i].seq);
        assert_int_equal(a->claims[i].hlc, b->claims[i].hlc);
        assert_int_equal(a->claims[i].log_index, b->claims[i].log_index);
        assert_int_equal(a->claims[i].uncertainty_us, b->claims[i].uncertainty_us);
    }
}

static void assert_same(const struct ledger *a, const struct ledger *b)
{
    assert_int_equal(a->settled_any, b->settled_any);
    assert_int_equal(a->settled_through, b->settled_through);
    assert_int_equal(a->settled_digest, b->settled_digest);
    assert_int_equal(a->hunt_count, b->hunt_count);
    for (uint32_t i = 0; i < a->hunt_count; i++) {
        const struct ledger_hunt *one = &a->hunts[i], *other = &b->hunts[i];
        assert_int_equal(one->hunt, other->hunt);
        assert_int_equal(one->version, other->version);
        assert_int_equal(one->treasure_count, other->treasure_count);
        assert_int_equal(one->reaction_count, other->reaction_count);
        for (uint32_t j = 0; j < one->treasure_count; j++)
            assert_same_claims(&one->treasures[j], &other->treasures[j]);
        for (uint32_t j = 0; j < one->reaction_count; j++) {
            assert_int_equal(ledger_reaction_compare(&one->reactions[j], &other->reactions[j]), 0);
            assert_string_equal(one->reactions[j].emoji.text, other->reactions[j].emoji.text);
            assert_int_equal(one->reactions[j].count, other->reactions[j].count);
        }
    }
}

static void a_ledger_comes_back_as_it_was_written(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct made made;
        made_fill(&made, &rng, seed);
        made.ledger.settled_any = seed % 2 == 0;
        made.ledger.settled_through = made.ledger.settled_any ? seed - 1 : 0;
        made.ledger.settled_digest = made.ledger.settled_any ? rng_next(&rng) : 0;
        size_t size = 0;
        uint8_t *bytes = made_bytes(&made.ledger, &size);
        struct ledger *read = NULL;
        assert_int_equal(ledger_decode(&read, bytes, size), STATUS_OK);
        assert_same(read, &made.ledger);
        free(read);
        free(bytes);
    }
}

static void an_outline_counts_what_the_ledger_holds(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 5);
    struct made made;
    made_fill(&made, &rng, 40);
    size_t size = 0;
    uint8_t *bytes = made_bytes(&made.ledger, &size);
    struct ledger_outline outline;
    assert_int_equal(ledger_check(&outline, bytes, size), STATUS_OK);
    uint32_t treasures = 0, claims = 0, reactions = 0;
    for (uint32_t i = 0; i < made.ledger.hunt_count; i++) {
        treasures += made.hunts[i].treasure_count;
        reactions += made.hunts[i].reaction_count;
        for (uint32_t j = 0; j < made.hunts[i].treasure_count; j++)
            claims += made.treasures[i][j].claim_count;
    }
    assert_true(claims > 0);
    assert_int_equal(outline.hunts, made.ledger.hunt_count);
    assert_int_equal(outline.treasures, treasures);
    assert_int_equal(outline.claims, claims);
    assert_int_equal(outline.reactions, reactions);
    free(bytes);
}

static void an_empty_ledger_has_a_header_only(void **state)
{
    (void)state;
    const struct ledger nothing = {.settled_any = false};
    assert_true(ledger_empty(&nothing));
    size_t size = 0;
    uint8_t *bytes = made_bytes(&nothing, &size);
    assert_int_equal(size, LEDGER_HEADER_BYTES);
    struct ledger *read = NULL;
    assert_int_equal(ledger_decode(&read, bytes, size), STATUS_OK);
    assert_true(ledger_empty(read));
    free(read);
    free(bytes);
}

static enum status decode_exact(struct ledger **ret_ledger, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    const enum status status = ledger_decode(ret_ledger, copy, size);
    free(copy);
    return status;
}

static void every_shortened_or_lengthened_ledger_is_refused(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 8);
    struct made made;
    made_fill(&made, &rng, 8);
    size_t size = 0;
    uint8_t *bytes = made_bytes(&made.ledger, &size);
    for (size_t left = 0; left < size; left++) {
        struct ledger *read = NULL;
        assert_int_equal(decode_exact(&read, bytes, left), STATUS_INVALID);
        assert_null(read);
    }
    uint8_t *longer = calloc(1, size + 1);
    assert_non_null(longer);
    memcpy(longer, bytes, size);
    struct ledger *read = NULL;
    assert_int_equal(ledger_decode(&read, longer, size + 1), STATUS_INVALID);
    assert_null(read);
    free(longer);
    free(bytes);
}

/* Whoever prints an emoji takes it for a C string. */
static void assert_emojis_are_text(const struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->hunt_count; i++) {
        for (uint32_t j = 0; j < ledger->hunts[i].reaction_count; j++) {
            const struct emoji *emoji = &ledger->hunts[i].reactions[j].emoji;
            assert_int_equal(strlen(emoji->text), emoji->length);
        }
    }
}

/* Any other byte anywhere: refused, or another ledger, of which these are the only bytes. */
static void what_is_read_is_written_in_the_same_bytes(void **state)
{
    (void)state;
    uint32_t refused = 0, accepted = 0;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct made made;
        made_fill(&made, &rng, seed);
        size_t size = 0;
        uint8_t *bytes = made_bytes(&made.ledger, &size);
        for (size_t at = 0; at < size; at++) {
            for (unsigned change = 1; change < 256; change++) {
                bytes[at] ^= (uint8_t)change;
                struct ledger *read = NULL;
                if (ledger_decode(&read, bytes, size) == STATUS_OK) {
                    assert_emojis_are_text(read);
                    size_t again_size = 0;
                    uint8_t *again = made_bytes(read, &again_size);
                    assert_int_equal(again_size, size);
                    assert_memory_equal(again, bytes, size);
                    free(again);
                    accepted++;
                } else {
                    assert_null(read);
                    refused++;
                }
                free(read);
                bytes[at] ^= (uint8_t)change;
            }
        }
        free(bytes);
    }
    assert_true(refused > 0);
    assert_true(accepted > 0);
}

/* A ledger written by hand: one hunt with two treasures and two reactions. Each test bends one of
 * the numbers. */
struct forged {
    uint8_t version, settled;
    uint16_t hunts, hunt, second_hunt;
    uint64_t through, digest;
    uint64_t treasures;
    uint16_t numbers[2];
    uint32_t supply;
    uint64_t claims; /* of each treasure */
    uint32_t seq;
    uint64_t hlcs[2], indexes[2];
    uint64_t reactions;
    uint8_t receivers[2];
    const char *emojis[2];
    uint8_t lengths[2]; /* 0: as long as the text */
    uint64_t count;
    bool bare, stretched;
};

static struct forged sound(void)
{
    return (struct forged){
        .version = LEDGER_VERSION,
        .settled = 1,
        .hunts = 1,
        .hunt = 4,
        .second_hunt = 5,
        .through = 7,
        .digest = 99,
        .treasures = 2,
        .numbers = {1, 2},
        .supply = 5,
        .claims = 2,
        .seq = 1,
        .hlcs = {10, 11},
        .indexes = {3, 3},
        .reactions = 2,
        .receivers = {1, 1},
        .emojis = {"x", "xy"},
        .count = 1,
    };
}

static void put_forged_reactions(struct writer *writer, const struct forged *forged)
{
    put_varint(writer, forged->reactions);
    for (unsigned i = 0; i < 2 && i < forged->reactions; i++) {
        const struct player_id to = made_player(forged->receivers[i]);
        const size_t length = strlen(forged->emojis[i]);
        put_bytes(writer, to.bytes, sizeof to.bytes);
        put_u8(writer, forged->lengths[i] != 0 ? forged->lengths[i] : (uint8_t)length);
        put_bytes(writer, forged->emojis[i], length);
        put_varint(writer, forged->count);
    }
}

static void put_forged_hunt(struct writer *writer, const struct forged *forged, uint16_t number)
{
    put_u16(writer, number);
    put_u32(writer, 1);
    if (forged->stretched) {
        put_u8(writer, 0x82); /* 2, in two bytes */
        put_u8(writer, 0);
    } else {
        put_varint(writer, forged->treasures);
    }
    for (unsigned i = 0; i < 2 && i < forged->treasures; i++) {
        put_u16(writer, forged->numbers[i]);
        put_u32(writer, forged->supply);
        put_varint(writer, forged->claims);
        for (unsigned j = 0; j < 2 && j < forged->claims; j++) {
            const struct player_id player = made_player(j);
            put_bytes(writer, player.bytes, sizeof player.bytes);
            put_u32(writer, forged->seq);
            put_u64(writer, forged->hlcs[j]);
            put_u64(writer, forged->indexes[j]);
            put_u32(writer, 20);
        }
    }
    put_forged_reactions(writer, forged);
}

static enum status decode_forged(const struct forged *forged)
{
    uint8_t bytes[1024];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    put_u8(&writer, forged->version);
    put_u8(&writer, forged->settled);
    put_u16(&writer, forged->hunts);
    put_u64(&writer, forged->through);
    put_u64(&writer, forged->digest);
    if (!forged->bare && forged->hunts > 0)
        put_forged_hunt(&writer, forged, forged->hunt);
    if (!forged->bare && forged->hunts > 1)
        put_forged_hunt(&writer, forged, forged->second_hunt);
    assert_true(writer_ok(&writer));
    struct ledger *ledger = NULL;
    const enum status status = decode_exact(&ledger, bytes, writer.used);
    free(ledger);
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
    assert_int_equal(decode_forged(&forged), STATUS_OK);
    forged = sound();
    forged.treasures = 0;
    assert_int_equal(decode_forged(&forged), STATUS_OK);
    forged = sound();
    forged.reactions = 0;
    assert_int_equal(decode_forged(&forged), STATUS_OK);
}

static void a_header_against_the_rules_is_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.version++;
    assert_refused(&forged);
    forged = sound();
    forged.settled = 2;
    assert_refused(&forged);
    forged = sound();
    forged.settled = 0;
    assert_refused(&forged);
    forged.through = 0;
    assert_refused(&forged); /* a digest is left */
    forged.digest = 0;
    assert_int_equal(decode_forged(&forged), STATUS_OK);
    forged.through = 1;
    assert_refused(&forged);
    forged = sound();
    forged.bare = true;
    forged.hunts = HUNTS_MAX + 1;
    assert_refused(&forged);
}

static void hunts_and_treasures_that_do_not_rise_are_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.hunts = 2;
    forged.second_hunt = forged.hunt;
    assert_refused(&forged);
    forged = sound();
    forged.hunt = HUNTS_MAX;
    assert_refused(&forged);
    forged = sound();
    forged.numbers[1] = forged.numbers[0];
    assert_refused(&forged);
    forged = sound();
    forged.numbers[1] = TREASURE_NUMBERS_MAX;
    assert_refused(&forged);
}

static void a_hunt_without_claims_and_reactions_is_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.treasures = 0;
    forged.reactions = 0;
    assert_refused(&forged);
}

static void claims_against_the_rules_are_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.supply = 0;
    assert_refused(&forged);
    forged = sound();
    forged.supply = 1; /* for two claims */
    assert_refused(&forged);
    forged.supply = SUPPLY_MAX + 1;
    assert_refused(&forged);
    forged = sound();
    forged.claims = 0;
    assert_refused(&forged);
    forged = sound();
    forged.seq = 0;
    assert_refused(&forged);
    forged = sound();
    forged.hlcs[1] = forged.hlcs[0];
    assert_refused(&forged);
    forged = sound();
    forged.indexes[1] = 2;
    assert_refused(&forged);
}

static void reactions_against_the_rules_are_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.count = 0;
    assert_refused(&forged);
    forged.count = UINT64_C(1) << 32;
    assert_refused(&forged);
    forged.count--;
    assert_int_equal(decode_forged(&forged), STATUS_OK);
    forged = sound();
    forged.emojis[1] = "x";
    assert_refused(&forged);
    forged.emojis[1] = "w";
    assert_refused(&forged);
    forged.receivers[1] = 2;
    assert_int_equal(decode_forged(&forged), STATUS_OK);
    forged = sound();
    forged.emojis[1] = "";
    assert_refused(&forged);
    forged = sound();
    forged.emojis[1] = "xyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxy"; /* 32 */
    assert_int_equal(decode_forged(&forged), STATUS_OK);
    forged.emojis[1] = "xyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyx";
    assert_refused(&forged);
    forged = sound();
    forged.lengths[1] = 3; /* takes in the count, leaving none */
    assert_refused(&forged);
}

static void counts_beyond_what_is_there_are_refused(void **state)
{
    (void)state;
    struct forged forged = sound();
    forged.treasures = UINT64_MAX;
    assert_refused(&forged);
    forged = sound();
    forged.claims = SUPPLY_MAX;
    forged.supply = SUPPLY_MAX;
    assert_refused(&forged);
    forged = sound();
    forged.reactions = UINT32_MAX;
    assert_refused(&forged);
    forged = sound();
    forged.stretched = true;
    assert_refused(&forged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ledger_comes_back_as_it_was_written),
        cmocka_unit_test(an_outline_counts_what_the_ledger_holds),
        cmocka_unit_test(an_empty_ledger_has_a_header_only),
        cmocka_unit_test(every_shortened_or_lengthened_ledger_is_refused),
        cmocka_unit_test(what_is_read_is_written_in_the_same_bytes),
        cmocka_unit_test(what_is_written_by_the_rules_is_read),
        cmocka_unit_test(a_header_against_the_rules_is_refused),
        cmocka_unit_test(hunts_and_treasures_that_do_not_rise_are_refused),
        cmocka_unit_test(a_hunt_without_claims_and_reactions_is_refused),
        cmocka_unit_test(claims_against_the_rules_are_refused),
        cmocka_unit_test(reactions_against_the_rules_are_refused),
        cmocka_unit_test(counts_beyond_what_is_there_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
