/* Membership's messages: what is read can be written and is then read as the same, and a node that
 * hears it lives on. */
#include "cluster/members/members.h"
#include "proto/gossip.h"
#include "tests/fuzz/fuzz.h"

static struct members_output output;

static struct gossip_bytes check_canonical(struct arena *arena, const struct gossip *message)
{
    struct gossip again;
    const struct gossip_bytes first = gossip_write(arena, message);
    CHECK(gossip_read(&again, arena, first) == STATUS_OK);
    const struct gossip_bytes second = gossip_write(arena, &again);
    CHECK(first.bytes == second.bytes);
    CHECK(memcmp(first.data, second.data, first.bytes) == 0);
    return second;
}

/* Twice, from somebody, and time passes. */
static void hear(const struct gossip *message)
{
    const struct members_config config = {
        .id = 1, .boot = 1, .details = {.name = {"n1"}}, .members_max = 8, .seed = 1};
    struct members *members = members_new(&config);
    CHECK(members != NULL);
    struct now now = {.monotonic_us = 1000000, .physical_us = 2000000};
    for (uint32_t i = 0; i < 2; i++) {
        members_receive(members, &now, (struct members_sender){2, 1}, message, &output);
        now.monotonic_us += 90000;
        members_tick(members, &now, &output);
    }
    CHECK(members_count(members) <= 8);
    CHECK(members_at(members, 0).life.boot == 1);
    members_free(members);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct gossip message;
    size_t bytes;
    struct fuzz_input input = {data, size};
    uint8_t *copy = fuzz_bytes(&input, SIZE_MAX, &bytes);
    arena_init(&arena);
    const enum status status = gossip_read(&message, &arena, (struct gossip_bytes){copy, bytes});
    CHECK(status == STATUS_OK || status == STATUS_INVALID || status == STATUS_TOO_LARGE);
    if (status == STATUS_OK) {
        (void)check_canonical(&arena, &message);
        hear(&message);
    }
    arena_fini(&arena);
    free(copy);
    return 0;
}
