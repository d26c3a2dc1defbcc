#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/ranges/snapshot.h"

#define PAYLOAD_BYTES_MAX (SNAPSHOT_CHUNK_BYTES_MAX - SNAPSHOT_HEADER_BYTES)
_Static_assert(ENGINE_BLOCK_BYTES_MAX <= PAYLOAD_BYTES_MAX, "a block fits into a chunk");

struct item {
    enum snapshot_section section;
    uint8_t *bytes;
    size_t size;
    const struct definition *definition; /* NULL: none, or it is in the bytes by now */
    struct summary *summary;             /* NULL: the bytes */
};

struct snapshot_writer {
    struct item *items;
    uint32_t count, room, next;
    size_t at; /* in the item that is next */
    struct engine *engine;
    uint32_t chunks;
    uint64_t digest;
    bool ended, failed;
};

struct snapshot_writer *snapshot_writer_new(void)
{
    return calloc(1, sizeof(struct snapshot_writer));
}

static void item_clear(struct item *item)
{
    free(item->bytes);
    item->bytes = NULL;
    summary_release(item->summary);
    item->summary = NULL;
}

void snapshot_writer_free(struct snapshot_writer *writer)
{
    if (writer == NULL)
        return;
    for (uint32_t i = writer->next; i < writer->count; i++)
        item_clear(&writer->items[i]);
    if (writer->engine != NULL)
        engine_cut_end(writer->engine);
    free(writer->items);
    free(writer);
}

static struct item *add_item(struct snapshot_writer *writer, enum snapshot_section section)
{
    CHECK(writer->chunks == 0);
    CHECK(writer->count == 0 || writer->items[writer->count - 1].section <= section);
    if (writer->count == writer->room) {
        const uint32_t room = writer->room == 0 ? 16 : 2 * writer->room;
        struct item *items = realloc(writer->items, room * sizeof *items);
        if (items == NULL)
            return NULL;
        writer->items = items;
        writer->room = room;
    }
    struct item *item = &writer->items[writer->count++];
    *item = (struct item){.section = section};
    return item;
}

enum status snapshot_add(struct snapshot_writer *writer, enum snapshot_section section,
                         uint8_t *bytes, size_t size, const struct definition *definition)
{
    struct item *item = bytes != NULL ? add_item(writer, section) : NULL;
    if (item == NULL) {
        free(bytes);
        return STATUS_NO_MEMORY;
    }
    CHECK(size > 0);
    item->bytes = bytes;
    item->size = size;
    item->definition = definition;
    return STATUS_OK;
}

enum status snapshot_add_summary(struct snapshot_writer *writer, struct summary *summary)
{
    struct item *item = add_item(writer, SECTION_SUMMARY);
    if (item == NULL)
        return STATUS_NO_MEMORY;
    item->summary = summary_hold(summary);
    item->size = summary->size;
    return STATUS_OK;
}

void snapshot_add_lists(struct snapshot_writer *writer, struct engine *engine)
{
    writer->engine = engine;
}

bool snapshot_failed(const struct snapshot_writer *writer)
{
    return writer->failed;
}

uint32_t snapshot_chunks(const struct snapshot_writer *writer)
{
    return writer->chunks;
}

/* The definition is written when its turn has come: most of the work of a snapshot's small items is
 * theirs. */
static bool write_out(struct item *item)
{
    if (item->definition == NULL)
        return true;
    const size_t bytes = definition_bytes(item->definition);
    uint8_t *all = realloc(item->bytes, item->size + bytes);
    if (all == NULL)
        return false;
    item->bytes = all;
    struct writer writer;
    writer_init(&writer, all + item->size, bytes);
    definition_encode(item->definition, &writer);
    CHECK(writer_ok(&writer));
    item->size += bytes;
    item->definition = NULL;
    return true;
}

/* The payload stands in the chunk already. */
static uint32_t seal(struct snapshot_writer *writer, uint8_t *chunk, unsigned section, bool ends,
                     size_t payload)
{
    CHECK(payload > 0);
    CHECK(payload <= PAYLOAD_BYTES_MAX);
    struct writer header;
    writer_init(&header, chunk, SNAPSHOT_HEADER_BYTES);
    put_u8(&header, SNAPSHOT_VERSION);
    put_u8(&header, (uint8_t)section);
    put_u8(&header, ends);
    put_u8(&header, 0);
    put_u32(&header, writer->chunks);
    writer->digest = hash_chain(writer->digest, chunk, header.used);
    writer->digest = hash_chain(writer->digest, chunk + SNAPSHOT_HEADER_BYTES, payload);
    put_u64(&header, writer->digest);
    CHECK(header.used == SNAPSHOT_HEADER_BYTES);
    writer->chunks++;
    return (uint32_t)(SNAPSHOT_HEADER_BYTES + payload);
}

static uint32_t fail(struct snapshot_writer *writer)
{
    writer->failed = true;
    return 0;
}

static uint32_t next_of_item(struct snapshot_writer *writer, uint8_t *chunk)
{
    struct item *item = &writer->items[writer->next];
    if (!write_out(item) || item->size > SNAPSHOT_ITEM_BYTES_MAX)
        return fail(writer);
    const uint8_t *bytes = item->summary != NULL ? item->summary->bytes : item->bytes;
    const size_t left = item->size - writer->at;
    const bool ends = left <= PAYLOAD_BYTES_MAX;
    const size_t payload = ends ? left : PAYLOAD_BYTES_MAX;
    memcpy(chunk + SNAPSHOT_HEADER_BYTES, bytes + writer->at, payload);
    writer->at += payload;
    const enum snapshot_section section = item->section;
    if (ends) {
        item_clear(item);
        writer->next++;
        writer->at = 0;
    }
    return seal(writer, chunk, section, ends, payload);
}

/* The next block of the first list that has one; 0: all lists are out. */
static uint32_t next_of_lists(struct snapshot_writer *writer, uint8_t *chunk)
{
    if (engine_cut_failed(writer->engine))
        return fail(writer);
    for (unsigned list = 0; list < ENGINE_LISTS; list++) {
        if (engine_cut_left(writer->engine, (enum engine_list)list) == 0)
            continue;
        struct writer payload;
        writer_init(&payload, chunk + SNAPSHOT_HEADER_BYTES, PAYLOAD_BYTES_MAX);
        engine_put_block(writer->engine, (enum engine_list)list, &payload);
        CHECK(writer_ok(&payload));
        return seal(writer, chunk, SECTION_LIST + list, true, payload.used);
    }
    return 0;
}

uint32_t snapshot_next(struct snapshot_writer *writer, uint8_t *chunk)
{
    if (writer->failed || writer->ended)
        return 0;
    if (writer->next < writer->count)
        return next_of_item(writer, chunk);
    const uint32_t bytes = writer->engine != NULL ? next_of_lists(writer, chunk) : 0;
    if (bytes > 0 || writer->failed)
        return bytes;
    writer->ended = true;
    struct writer payload;
    writer_init(&payload, chunk + SNAPSHOT_HEADER_BYTES, sizeof writer->chunks);
    put_u32(&payload, writer->chunks);
    return seal(writer, chunk, SECTION_END, true, payload.used);
}

bool snapshot_ended(const struct snapshot_writer *writer)
{
    return writer->ended;
}
