/* Messages from other nodes: the input as it came; and a good message, sealed or not, of which some
 * bytes are changed. What is opened can be closed again; what was changed is never opened. */
#include <sodium.h>

#include "proto/envelope.h"
#include "tests/fuzz/fuzz.h"

#define CLUSTER  7
#define NODE     11
#define BOOT     3
#define BODY_MAX 2048

static uint8_t body[ENVELOPE_ROOM];

static struct seal_ring ring_of(bool sealed)
{
    struct seal_ring ring = {0};
    if (!sealed)
        return ring;
    ring.count = 1;
    memset(ring.keys[0].bytes, 0x5a, sizeof ring.keys[0].bytes);
    ring.keys[0].id = seal_key_id(ring.keys[0].bytes);
    return ring;
}

static struct envelope_reader reader_of(const struct seal_ring *ring)
{
    return (struct envelope_reader){.cluster = CLUSTER, .node = NODE, .boot = BOOT, .ring = ring};
}

static void check_good(const struct envelope *envelope, const struct seal_ring *ring,
                       const uint8_t *data, size_t bytes)
{
    struct envelope again;
    size_t again_bytes = SIZE_MAX;
    const struct envelope_reader reader = reader_of(ring);
    uint8_t *message = malloc(envelope_bytes_max(bytes));
    CHECK(message != NULL);
    const size_t used = envelope_close(envelope, ring, data, bytes, message);
    CHECK(used <= envelope_bytes_max(bytes));
    CHECK(envelope_open(&again, &reader, message, used, body, &again_bytes) == ENVELOPE_OK);
    CHECK(again_bytes == bytes);
    CHECK(bytes == 0 || memcmp(body, data, bytes) == 0);
    CHECK(again.node == envelope->node && again.boot == envelope->boot);
    CHECK(again.number == envelope->number && again.heard == envelope->heard);
    CHECK(again.stamp == envelope->stamp && again.to_node == envelope->to_node);
    free(message);
}

static void open_raw(struct fuzz_input *input)
{
    struct envelope envelope;
    size_t bytes;
    size_t opened = SIZE_MAX;
    const struct seal_ring ring = ring_of(fuzz_u8(input) % 2 == 1);
    const struct envelope_reader reader = reader_of(&ring);
    uint8_t *message = fuzz_bytes(input, SIZE_MAX, &bytes);
    const enum envelope_fault fault =
        envelope_open(&envelope, &reader, message, bytes, body, &opened);
    CHECK(fault < ENVELOPE_FAULTS);
    CHECK(envelope_fault_name(fault)[0] != '\0');
    if (fault == ENVELOPE_OK) {
        CHECK(opened <= ENVELOPE_BODY_MAX);
        uint8_t *copy = malloc(opened > 0 ? opened : 1);
        CHECK(copy != NULL);
        memcpy(copy, body, opened);
        check_good(&envelope, &ring, copy, opened);
        free(copy);
    }
    free(message);
}

/* Changes as many bytes as the input says; returns whether any is another one now. */
static bool damage(struct fuzz_input *input, uint8_t *message, size_t bytes)
{
    uint8_t *before = malloc(bytes);
    CHECK(before != NULL);
    memcpy(before, message, bytes);
    for (unsigned i = fuzz_u8(input) % 4; i > 0; i--) {
        const size_t at = fuzz_u16(input) % bytes;
        message[at] ^= fuzz_u8(input);
    }
    const bool changed = memcmp(before, message, bytes) != 0;
    free(before);
    return changed;
}

static void open_damaged(struct fuzz_input *input)
{
    size_t bytes;
    size_t opened;
    const struct seal_ring ring = ring_of(fuzz_u8(input) % 2 == 1);
    const struct envelope_reader reader = reader_of(&ring);
    struct envelope envelope = {.cluster = CLUSTER,
                                .node = 100U + fuzz_u8(input),
                                .boot = fuzz_u8(input),
                                .to_node = NODE,
                                .to_boot = BOOT,
                                .stamp = 1};
    envelope.number = fuzz_u64(input) | 1;
    uint8_t *data = fuzz_bytes(input, fuzz_u16(input) % BODY_MAX, &bytes);
    check_good(&envelope, &ring, data, bytes);
    uint8_t *message = malloc(envelope_bytes_max(bytes));
    CHECK(message != NULL);
    const size_t used = envelope_close(&envelope, &ring, data, bytes, message);
    const bool changed = damage(input, message, used);
    const enum envelope_fault fault =
        envelope_open(&envelope, &reader, message, used, body, &opened);
    CHECK(changed == (fault != ENVELOPE_OK));
    CHECK(envelope_open(&envelope, &reader, message, used - 1, body, &opened) != ENVELOPE_OK);
    free(message);
    free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    CHECK(sodium_init() >= 0);
    if (fuzz_u8(&input) % 2 == 0)
        open_raw(&input);
    else
        open_damaged(&input);
    return 0;
}
