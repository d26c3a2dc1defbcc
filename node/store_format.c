#include "node/store_format.h"

#include <string.h>

#include "cluster/base/bytes.h"
#include "cluster/base/check.h"
#include "cluster/base/hash.h"

#define FORMAT_VERSION 1

static void put_big_endian(struct store_key *key, uint64_t value, size_t size)
{
    CHECK(key->size + size <= sizeof key->bytes);
    for (size_t i = 0; i < size; i++)
        key->bytes[key->size + i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    key->size += size;
}

static uint64_t take_big_endian(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

struct store_key store_key_group(char kind, uint32_t group)
{
    struct store_key key = {.bytes = {(uint8_t)kind}, .size = 1};
    put_big_endian(&key, group, 4);
    return key;
}

struct store_key store_key_entry(uint32_t group, uint64_t index)
{
    struct store_key key = store_key_group(STORE_KEY_ENTRY, group);
    put_big_endian(&key, index, 8);
    return key;
}

struct store_key store_key_meta(const char *name)
{
    const size_t length = strlen(name);
    CHECK(length > 0);
    CHECK(length <= STORE_META_NAME_MAX);
    struct store_key key = {.bytes = {STORE_KEY_META}, .size = 1 + length};
    memcpy(key.bytes + 1, name, length);
    return key;
}

struct store_key store_key_marker(void)
{
    return (struct store_key){.bytes = {STORE_KEY_MARKER}, .size = 1};
}

bool store_key_group_read(const void *key, size_t size, char kind, uint32_t *ret_group)
{
    const uint8_t *bytes = key;
    if (size != STORE_GROUP_KEY_BYTES || bytes[0] != (uint8_t)kind)
        return false;
    *ret_group = (uint32_t)take_big_endian(bytes + 1, 4);
    return true;
}

bool store_key_entry_read(const void *key, size_t size, uint32_t *ret_group, uint64_t *ret_index)
{
    const uint8_t *bytes = key;
    if (size != STORE_ENTRY_KEY_BYTES || bytes[0] != STORE_KEY_ENTRY)
        return false;
    *ret_group = (uint32_t)take_big_endian(bytes + 1, 4);
    *ret_index = take_big_endian(bytes + 5, 8);
    return true;
}

#define HEAD_SUMMED 16 /* bytes of an entry's head before its checksum */

static uint64_t entry_checksum(const struct store_key *key, const uint8_t *head, const void *data,
                               size_t bytes)
{
    uint64_t sum = hash_chain(0, key->bytes, key->size);
    sum = hash_chain(sum, head, HEAD_SUMMED);
    return bytes > 0 ? hash_chain(sum, data, bytes) : sum;
}

void store_entry_head(uint8_t head[STORE_ENTRY_HEAD_BYTES], const struct store_key *key,
                      const struct store_entry *entry)
{
    CHECK(entry->bytes <= UINT32_MAX);
    CHECK(entry->data != NULL || entry->bytes == 0);
    struct writer writer;
    writer_init(&writer, head, STORE_ENTRY_HEAD_BYTES);
    put_u8(&writer, FORMAT_VERSION);
    put_u8(&writer, entry->type);
    put_u16(&writer, 0);
    put_u32(&writer, (uint32_t)entry->bytes);
    put_u64(&writer, entry->term);
    put_u64(&writer, entry_checksum(key, head, entry->data, entry->bytes));
    CHECK(writer_ok(&writer));
}

enum status store_entry_read(struct store_entry *ret_entry, const struct store_key *key,
                             const void *value, size_t size)
{
    struct reader reader;
    reader_init(&reader, value, size);
    const uint8_t version = take_u8(&reader);
    const uint8_t type = take_u8(&reader);
    const uint16_t zero = take_u16(&reader);
    const uint32_t bytes = take_u32(&reader);
    const uint64_t term = take_u64(&reader);
    const uint64_t checksum = take_u64(&reader);
    const uint8_t *data = take_bytes(&reader, bytes);
    if (!reader_done(&reader) || version != FORMAT_VERSION || zero != 0)
        return STATUS_CORRUPT;
    if (checksum != entry_checksum(key, value, data, bytes))
        return STATUS_CORRUPT;
    *ret_entry = (struct store_entry){.term = term, .type = type, .data = data, .bytes = bytes};
    return STATUS_OK;
}

static uint64_t small_checksum(const struct store_key *key, const void *value, size_t bytes)
{
    return hash_chain(hash_chain(0, key->bytes, key->size), value, bytes);
}

size_t store_small_write(uint8_t value[STORE_SMALL_BYTES_MAX], const struct store_key *key,
                         const void *payload, size_t bytes)
{
    CHECK(bytes <= STORE_META_BYTES_MAX);
    struct writer writer;
    writer_init(&writer, value, STORE_SMALL_BYTES_MAX);
    put_u8(&writer, FORMAT_VERSION);
    put_bytes(&writer, payload, bytes);
    put_u64(&writer, small_checksum(key, value, writer.used));
    CHECK(writer_ok(&writer));
    return writer.used;
}

enum status store_small_read(const uint8_t **ret_payload, size_t *ret_bytes,
                             const struct store_key *key, const void *value, size_t size)
{
    if (size < 9)
        return STATUS_CORRUPT;
    const size_t summed = size - 8;
    struct reader reader;
    reader_init(&reader, value, size);
    const uint8_t version = take_u8(&reader);
    const uint8_t *payload = take_bytes(&reader, summed - 1);
    if (take_u64(&reader) != small_checksum(key, value, summed) || version != FORMAT_VERSION)
        return STATUS_CORRUPT;
    *ret_payload = payload;
    *ret_bytes = summed - 1;
    return STATUS_OK;
}

void store_marker_write(uint8_t value[STORE_MARKER_BYTES], uint64_t number)
{
    const struct store_key key = store_key_marker();
    struct writer writer;
    writer_init(&writer, value, STORE_MARKER_BYTES);
    put_u8(&writer, FORMAT_VERSION);
    put_u64(&writer, number);
    put_u64(&writer, small_checksum(&key, value, writer.used));
    put_bytes(&writer, STORE_MARKER_WORD, strlen(STORE_MARKER_WORD));
    CHECK(writer_ok(&writer));
    CHECK(writer.used == STORE_MARKER_BYTES);
}

enum status store_marker_read(uint64_t *ret_number, const uint8_t value[STORE_MARKER_BYTES])
{
    const struct store_key key = store_key_marker();
    const size_t word = strlen(STORE_MARKER_WORD);
    struct reader reader;
    reader_init(&reader, value, STORE_MARKER_BYTES);
    const uint8_t version = take_u8(&reader);
    const uint64_t number = take_u64(&reader);
    const uint64_t checksum = take_u64(&reader);
    if (memcmp(take_bytes(&reader, word), STORE_MARKER_WORD, word) != 0)
        return STATUS_CORRUPT;
    if (version != FORMAT_VERSION || checksum != small_checksum(&key, value, 9))
        return STATUS_CORRUPT;
    *ret_number = number;
    return STATUS_OK;
}
