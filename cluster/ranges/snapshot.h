/* cluster/ranges/snapshot.h -- A group's state as a run of chunks, and back.
 *
 * A snapshot is a list of items, each of one section, sections in rising order. What an item says
 * is the state machines' business (range_snapshot.h, system_snapshot.h); here items are cut into
 * chunks and put together again. Every chunk names its place and carries a digest over itself and
 * all before it, so one that is missing, damaged, moved or of another snapshot is refused before it
 * is looked into, and the last one says how many there were.
 *
 * A chunk (little-endian):
 *
 *    0  u8   version (SNAPSHOT_VERSION)
 *    1  u8   section
 *    2  u8   1: the item ends with this chunk; 0: the next one goes on with it
 *    3  u8   zero
 *    4  u32  its number, from 0
 *    8  u64  digest: XXH3 over bytes 0 to 7 and then the payload, each seeded with what is before;
 *            before the first chunk is 0
 *   16       payload, at least a byte
 *
 * The last item, of SECTION_END, is the u32 number of chunks before it. An item of a list is one
 * block of the engine's lists and has a chunk of its own; others are cut where a chunk is full.
 *
 * The bytes follow from the state and its index alone: no order of tables, no address, no clock.
 * One thread. */
#ifndef CAIRN_CLUSTER_RANGES_SNAPSHOT_H
#define CAIRN_CLUSTER_RANGES_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/epochs/summary.h"
#include "cluster/hunt/definition.h"
#include "cluster/hunt/engine_snapshot.h"
#include "cluster/values/effects.h"

#define SNAPSHOT_VERSION      1
#define SNAPSHOT_HEADER_BYTES 16

/* Far above what any state has in one piece. */
#define SNAPSHOT_ITEM_BYTES_MAX ((size_t)1 << 30)

enum snapshot_section {
    SECTION_HEAD = 1,       /* what the state needs first; one */
    SECTION_HUNT = 2,       /* a hunt */
    SECTION_DEFINITION = 3, /* a version of one */
    SECTION_PART = 4,       /* of a settlement that is not whole yet */
    SECTION_SUMMARY = 5,    /* of epochs that are closed */
    SECTION_LIST = 16,      /* + enum engine_list: a block of the list */
    SECTION_END = 255,
};

/* ---- Writing. */

struct snapshot_writer;

/* NULL: no memory. */
struct snapshot_writer *snapshot_writer_new(void);
void snapshot_writer_free(struct snapshot_writer *writer);

/* Items, in the order of their sections. `bytes` is a heap block that is taken over in any case,
 * and a definition is written behind it, when its turn comes: it must stay until then. A summary is
 * held. STATUS_NO_MEMORY. */
MUST_USE enum status snapshot_add(struct snapshot_writer *writer, enum snapshot_section section,
                                  uint8_t *bytes, size_t size, const struct definition *definition);
MUST_USE enum status snapshot_add_summary(struct snapshot_writer *writer, struct summary *summary);
/* The lists of an engine that is cut; they come after all else. */
void snapshot_add_lists(struct snapshot_writer *writer, struct engine *engine);

/* Writes the next chunk into SNAPSHOT_CHUNK_BYTES_MAX bytes; returns how many it has, 0: all are
 * out, or it failed. */
uint32_t snapshot_next(struct snapshot_writer *writer, uint8_t *chunk);

/* There was no memory; nothing of it is of use. */
bool snapshot_failed(const struct snapshot_writer *writer);
uint32_t snapshot_chunks(const struct snapshot_writer *writer); /* so far */
bool snapshot_ended(const struct snapshot_writer *writer);      /* the last one is out */

/* ---- Reading. */

struct snapshot_reader {
    uint32_t chunks; /* so far */
    uint64_t digest;
    uint8_t section; /* of the last one */
    bool joining;    /* an item goes on */
    bool ended;
    uint8_t *joined; /* what there is of it */
    size_t joined_bytes, joined_room;
};

/* What a chunk completed. */
struct snapshot_item {
    bool whole; /* false: the item goes on; nothing else is set */
    bool ended; /* it was the last one: all chunks were there */
    enum snapshot_section section;
    const uint8_t *data; /* until the next call */
    size_t size;
};

void snapshot_reader_init(struct snapshot_reader *reader);
void snapshot_reader_fini(struct snapshot_reader *reader);

/* The next chunk, from anywhere. STATUS_CORRUPT, STATUS_NO_MEMORY. */
MUST_USE enum status snapshot_take(struct snapshot_reader *reader, const void *chunk, size_t bytes,
                                   struct snapshot_item *ret_item);

#endif
