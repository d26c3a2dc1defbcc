#include "cluster/ranges/replica_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/bytes.h"
#include "cluster/base/check.h"

#define LAYOUT_VERSION 1

_Static_assert((REPLICA_SET_MAX * (8 + REPLICA_ADDRESS_BYTES + 1) + 9 + 7) / 8 * 8 <=
                   REPLICA_SET_BYTES_MAX,
               "the largest set fits");

enum status replica_set_make(struct replica_set *set, const struct replica *replicas,
                             uint32_t count)
{
    if (count == 0 || count > REPLICA_SET_MAX)
        return STATUS_INVALID;
    struct replica_set made = {0};
    for (uint32_t i = 0; i < count; i++) {
        const struct replica *replica = &replicas[i];
        if (replica->number == 0 || replica->number >= RAFT_NUMBER_LIMIT || replica->node == 0)
            return STATUS_INVALID;
        if (replica->role != REPLICA_LEARNER && replica->role != REPLICA_VOTER)
            return STATUS_INVALID;
        if (replica_set_find(&made, replica->number) != NULL)
            return STATUS_INVALID;
        made.list[made.count++] = *replica;
    }
    *set = made;
    return STATUS_OK;
}

const struct replica *replica_set_find(const struct replica_set *set, uint64_t number)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->list[i].number == number)
            return &set->list[i];
    }
    return NULL;
}

uint32_t replica_set_voters(const struct replica_set *set)
{
    uint32_t voters = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->list[i].role == REPLICA_VOTER)
            voters++;
    }
    return voters;
}

bool replica_set_sole_voter(const struct replica_set *set, uint64_t number)
{
    const struct replica *replica = replica_set_find(set, number);
    return replica != NULL && replica->role == REPLICA_VOTER && replica_set_voters(set) == 1;
}

/* Copies what stays, with its new role, and counts what differs. */
static uint32_t keep_present(const struct replica_set *present, const struct replica_set *wanted,
                             struct replica_set *next)
{
    uint32_t differences = 0;
    for (uint32_t i = 0; i < present->count; i++) {
        const struct replica *now = &present->list[i];
        const struct replica *then = replica_set_find(wanted, now->number);
        if (then == NULL) {
            differences++;
            continue;
        }
        if (then->node != now->node || then->role < now->role)
            differences += 2; /* a replica does not move, and a voter stays one */
        else if (then->role != now->role)
            differences++;
        next->list[next->count++] = *then;
    }
    return differences;
}

enum status replica_set_change(const struct replica_set *present, const struct replica_set *wanted,
                               struct replica_set *next)
{
    struct replica_set made = {0};
    uint32_t differences = keep_present(present, wanted, &made);
    for (uint32_t i = 0; i < wanted->count; i++) {
        if (replica_set_find(present, wanted->list[i].number) != NULL)
            continue;
        differences++;
        if (made.count < REPLICA_SET_MAX)
            made.list[made.count++] = wanted->list[i];
    }
    if (differences != 1)
        return STATUS_INVALID;

    /* A sole voter needs nobody to elect itself, so a group that had more never becomes one. */
    const uint32_t voters = replica_set_voters(&made);
    if (voters == 0 || (voters == 1 && replica_set_voters(present) > 1))
        return STATUS_INVALID;
    *next = made;
    return STATUS_OK;
}

uint32_t replica_set_encode(const struct replica_set *set, uint8_t data[REPLICA_SET_BYTES_MAX])
{
    CHECK(set->count > 0);
    CHECK(set->count <= REPLICA_SET_MAX);
    struct writer writer;
    writer_init(&writer, data, REPLICA_SET_BYTES_MAX);
    put_u8(&writer, LAYOUT_VERSION);
    put_u64(&writer, set->count);
    for (uint32_t i = 0; i < set->count; i++) {
        char address[REPLICA_ADDRESS_BYTES];
        replica_address_format(address, set->list[i].number, set->list[i].node);
        put_u64(&writer, set->list[i].number);
        put_bytes(&writer, address, strlen(address) + 1);
        put_u8(&writer, (uint8_t)set->list[i].role);
    }
    put_padding(&writer, 8);
    CHECK(writer_ok(&writer));
    return (uint32_t)writer.used;
}

static enum status decode_replica(struct reader *reader, struct replica *replica)
{
    replica->number = take_u64(reader);
    const size_t left = reader_left(reader);
    const uint8_t *start = take_bytes(reader, 0);
    const uint8_t *end = start != NULL ? memchr(start, 0, left) : NULL;
    if (end == NULL)
        return STATUS_INVALID;
    const size_t length = (size_t)(end - start);
    uint64_t number;
    if (replica_address_parse((const char *)start, length, &number, &replica->node) != STATUS_OK ||
        number != replica->number)
        return STATUS_INVALID;
    (void)take_bytes(reader, length + 1);
    const uint8_t role = take_u8(reader);
    if (role != REPLICA_LEARNER && role != REPLICA_VOTER)
        return STATUS_INVALID;
    replica->role = role;
    return reader_ok(reader) ? STATUS_OK : STATUS_INVALID;
}

enum status replica_set_decode(struct replica_set *set, const uint8_t *data, size_t bytes)
{
    struct reader reader;
    reader_init(&reader, data, bytes);
    const uint8_t version = take_u8(&reader);
    const uint64_t count = take_u64(&reader);
    if (!reader_ok(&reader) || version != LAYOUT_VERSION || count > REPLICA_SET_MAX)
        return STATUS_INVALID;
    struct replica replicas[REPLICA_SET_MAX];
    for (uint64_t i = 0; i < count; i++) {
        const enum status status = decode_replica(&reader, &replicas[i]);
        if (status != STATUS_OK)
            return status;
    }
    take_padding(&reader, 8);
    if (!reader_done(&reader))
        return STATUS_INVALID;
    return replica_set_make(set, replicas, (uint32_t)count);
}

void replica_address_format(char text[REPLICA_ADDRESS_BYTES], uint64_t number, uint64_t node)
{
    const int length =
        snprintf(text, REPLICA_ADDRESS_BYTES, "%" PRIu64 "@%016" PRIx64, number, node);
    CHECK(length > 0);
    CHECK(length < REPLICA_ADDRESS_BYTES);
}

static bool parse_decimal(const char *text, size_t length, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || value > RAFT_NUMBER_LIMIT / 10)
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *ret = value;
    return length > 0;
}

static bool parse_hex(const char *text, size_t length, uint64_t *ret)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        const char *digit = text[i] != 0 ? strchr(digits, text[i]) : NULL;
        if (digit == NULL)
            return false;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *ret = value;
    return length == 16;
}

enum status replica_address_parse(const char *text, size_t length, uint64_t *ret_number,
                                  uint64_t *ret_node)
{
    const char *at = memchr(text, '@', length);
    if (at == NULL)
        return STATUS_INVALID;
    const size_t number_length = (size_t)(at - text);
    uint64_t number, node;
    if (!parse_decimal(text, number_length, &number) ||
        !parse_hex(at + 1, length - number_length - 1, &node))
        return STATUS_INVALID;
    /* Zeros in front would make two texts of one number. */
    if (text[0] == '0' || node == 0)
        return STATUS_INVALID;
    *ret_number = number;
    *ret_node = node;
    return STATUS_OK;
}
