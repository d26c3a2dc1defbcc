#include <stdlib.h>
#include <string.h>

#include "cluster/base/bytes.h"
#include "cluster/base/hash.h"
#include "cluster/ranges/snapshot.h"

void snapshot_reader_init(struct snapshot_reader *reader)
{
    *reader = (struct snapshot_reader){0};
}

void snapshot_reader_fini(struct snapshot_reader *reader)
{
    free(reader->joined);
    snapshot_reader_init(reader);
}

struct header {
    uint8_t section;
    bool ends;
};

static bool section_ok(uint8_t section)
{
    return (section >= SECTION_HEAD && section <= SECTION_SUMMARY) ||
           (section >= SECTION_LIST && section < SECTION_LIST + ENGINE_LISTS) ||
           section == SECTION_END;
}

/* Whether this is the chunk that comes next, as it was written. */
static bool header_ok(struct snapshot_reader *reader, const uint8_t *chunk, size_t bytes,
                      struct header *ret_header)
{
    if (reader->ended || bytes <= SNAPSHOT_HEADER_BYTES || bytes > SNAPSHOT_CHUNK_BYTES_MAX)
        return false;
    struct reader header;
    reader_init(&header, chunk, SNAPSHOT_HEADER_BYTES);
    const uint8_t version = take_u8(&header);
    const uint8_t section = take_u8(&header);
    const uint8_t ends = take_u8(&header);
    const uint8_t zero = take_u8(&header);
    const uint32_t number = take_u32(&header);
    const uint64_t digest = take_u64(&header);
    if (version != SNAPSHOT_VERSION || ends > 1 || zero != 0 || number != reader->chunks ||
        !section_ok(section))
        return false;
    uint64_t expected = hash_chain(reader->digest, chunk, 8);
    expected = hash_chain(expected, chunk + SNAPSHOT_HEADER_BYTES, bytes - SNAPSHOT_HEADER_BYTES);
    if (digest != expected)
        return false;
    reader->digest = digest;
    *ret_header = (struct header){.section = section, .ends = ends == 1};
    return true;
}

/* As much memory is taken as has come, twice over at most. */
static enum status join(struct snapshot_reader *reader, const uint8_t *payload, size_t bytes)
{
    const size_t needed = reader->joined_bytes + bytes;
    if (needed > SNAPSHOT_ITEM_BYTES_MAX)
        return STATUS_CORRUPT;
    if (needed > reader->joined_room) {
        const size_t room = 2 * needed;
        uint8_t *joined = realloc(reader->joined, room);
        if (joined == NULL)
            return STATUS_NO_MEMORY;
        reader->joined = joined;
        reader->joined_room = room;
    }
    memcpy(reader->joined + reader->joined_bytes, payload, bytes);
    reader->joined_bytes = needed;
    return STATUS_OK;
}

static bool end_ok(const struct snapshot_reader *reader, const struct snapshot_item *item)
{
    struct reader payload;
    reader_init(&payload, item->data, item->size);
    return take_u32(&payload) == reader->chunks && reader_done(&payload);
}

enum status snapshot_take(struct snapshot_reader *reader, const void *chunk, size_t bytes,
                          struct snapshot_item *ret_item)
{
    *ret_item = (struct snapshot_item){0};
    struct header header;
    if (!header_ok(reader, chunk, bytes, &header))
        return STATUS_CORRUPT;
    if (reader->joining ? header.section != reader->section : header.section < reader->section)
        return STATUS_CORRUPT;

    struct snapshot_item item = {
        .whole = header.ends,
        .section = (enum snapshot_section)header.section,
        .data = (const uint8_t *)chunk + SNAPSHOT_HEADER_BYTES,
        .size = bytes - SNAPSHOT_HEADER_BYTES,
    };
    if (!reader->joining)
        reader->joined_bytes = 0;
    if (reader->joining || !header.ends) {
        const enum status status = join(reader, item.data, item.size);
        if (status != STATUS_OK)
            return status;
        item.data = reader->joined;
        item.size = reader->joined_bytes;
    }
    item.ended = header.section == SECTION_END;
    if (item.ended && (!item.whole || !end_ok(reader, &item)))
        return STATUS_CORRUPT;
    reader->chunks++;
    reader->section = header.section;
    reader->joining = !header.ends;
    reader->ended = item.ended;
    if (item.whole)
        *ret_item = item;
    return STATUS_OK;
}
