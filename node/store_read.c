#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/bytes.h"
#include "cluster/base/check.h"
#include "node/store_format.h"
#include "node/store_parts.h"

/* --- Small values ------------------------------------------------------------------------------
 */

struct small_value {
    const uint8_t *payload; /* into `stored` */
    size_t bytes;
    char *stored;
};

static void small_free(struct small_value *value)
{
    if (value->stored != NULL)
        rocksdb_free(value->stored);
}

/* STATUS_NOT_FOUND, STATUS_CORRUPT, STATUS_IO; the caller frees the value in any case. */
static enum status small_get(struct store *store, const struct store_key *key,
                             struct small_value *ret_value, struct store_error *error)
{
    char *message = NULL;
    size_t size = 0;
    *ret_value = (struct small_value){0};
    ret_value->stored = rocksdb_get(store->db, store->get_options, (const char *)key->bytes,
                                    key->size, &size, &message);
    const enum status status = store_rocksdb_status(message, store->path, error);
    if (status != STATUS_OK)
        return status;
    if (ret_value->stored == NULL)
        return STATUS_NOT_FOUND;
    return store_small_read(&ret_value->payload, &ret_value->bytes, key, ret_value->stored, size);
}

enum status store_get_meta(struct store *store, const char *name, void *value, size_t capacity,
                           size_t *ret_bytes)
{
    const struct store_key key = store_key_meta(name);
    struct small_value stored;
    enum status status = small_get(store, &key, &stored, NULL);
    if (status == STATUS_OK && stored.bytes > capacity)
        status = STATUS_TOO_LARGE;
    if (status == STATUS_OK) {
        if (stored.bytes > 0)
            memcpy(value, stored.payload, stored.bytes);
        *ret_bytes = stored.bytes;
    }
    small_free(&stored);
    return status;
}

/* --- A walk over keys --------------------------------------------------------------------------
 */

struct walk {
    rocksdb_readoptions_t *options;
    rocksdb_iterator_t *iterator;
    struct store_key end; /* the options point to it */
};

/* Stands on the first key that is not below `from`. Keys before `end`. */
static void walk_open(struct walk *walk, struct store *store, const struct store_key *from,
                      const struct store_key *end)
{
    walk->end = *end;
    walk->options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(walk->options, 0);
    rocksdb_readoptions_set_iterate_upper_bound(walk->options, (const char *)walk->end.bytes,
                                                walk->end.size);
    walk->iterator = rocksdb_create_iterator(store->db, walk->options);
    rocksdb_iter_seek(walk->iterator, (const char *)from->bytes, from->size);
}

static void walk_close(struct walk *walk)
{
    rocksdb_iter_destroy(walk->iterator);
    rocksdb_readoptions_destroy(walk->options);
}

static bool walk_valid(const struct walk *walk)
{
    return rocksdb_iter_valid(walk->iterator) != 0;
}

/* Why the walk ended: at its end, or because RocksDB could not read on. */
static enum status walk_status(const struct walk *walk, const struct store *store,
                               struct store_error *error)
{
    char *message = NULL;
    rocksdb_iter_get_error(walk->iterator, &message);
    return store_rocksdb_status(message, store->path, error);
}

static enum status corrupt_group(const struct store *store, uint32_t group, const char *what,
                                 struct store_error *error)
{
    store_explain(error, "%s: group %" PRIu32 ": %s is damaged or missing", store->path, group,
                  what);
    return STATUS_CORRUPT;
}

/* --- Groups ------------------------------------------------------------------------------------
 */

/* False: no compaction can say this. */
static bool take_compaction(struct store_group *group, const struct small_value *value)
{
    struct reader reader;
    reader_init(&reader, value->payload, value->bytes);
    group->compacted_through = take_u64(&reader);
    group->snapshot.index = take_u64(&reader);
    group->snapshot.term = take_u64(&reader);
    group->snapshot.bytes = take_u64(&reader);
    group->snapshot.digest = take_u64(&reader);
    return reader_done(&reader) && group->snapshot.index > 0 &&
           group->snapshot.index < UINT64_MAX && group->compacted_through <= group->snapshot.index;
}

static enum status read_compacted(struct store *store, struct store_group *group,
                                  struct store_error *error)
{
    const struct store_key key = store_key_group(STORE_KEY_COMPACTED, group->group);
    struct small_value value;
    enum status status = small_get(store, &key, &value, error);
    if (status == STATUS_NOT_FOUND)
        status = STATUS_OK;
    else if (status == STATUS_CORRUPT || (status == STATUS_OK && !take_compaction(group, &value)))
        status = corrupt_group(store, group->group, "its compaction", error);
    small_free(&value);
    return status;
}

static enum status read_group(struct store *store, const struct walk *walk,
                              struct store_group *ret_group, struct store_error *error)
{
    size_t key_size = 0;
    size_t size = 0;
    const char *key_bytes = rocksdb_iter_key(walk->iterator, &key_size);
    const char *value = rocksdb_iter_value(walk->iterator, &size);
    struct store_group group = {0};
    if (!store_key_group_read(key_bytes, key_size, STORE_KEY_HARD_STATE, &group.group)) {
        store_explain(error, "%s: a key that is not ours", store->path);
        return STATUS_CORRUPT;
    }
    const struct store_key key = store_key_group(STORE_KEY_HARD_STATE, group.group);
    const uint8_t *payload = NULL;
    size_t bytes = 0;
    if (store_small_read(&payload, &bytes, &key, value, size) != STATUS_OK ||
        bytes != STORE_HARD_STATE_BYTES)
        return corrupt_group(store, group.group, "its hard state", error);
    struct reader reader;
    reader_init(&reader, payload, bytes);
    group.term = take_u64(&reader);
    group.vote = take_u64(&reader);
    group.replica = take_u64(&reader);
    const enum status status = read_compacted(store, &group, error);
    if (status == STATUS_OK)
        *ret_group = group;
    return status;
}

/* Entries of a group whose hard state is gone would otherwise be passed over in silence. */
static enum status check_no_strays(struct store *store, uint32_t from, uint32_t to,
                                   struct store_error *error)
{
    const struct store_key first = store_key_entry(from, 0);
    const struct store_key end = store_key_entry(to, 0);
    struct walk walk;
    walk_open(&walk, store, &first, &end);
    enum status status = STATUS_OK;
    if (walk_valid(&walk))
        status = corrupt_group(store, from, "the hard state of this group or a later one", error);
    else
        status = walk_status(&walk, store, error);
    walk_close(&walk);
    return status;
}

enum status store_each_group(struct store *store, struct store_error *error,
                             enum status (*fn)(void *context, const struct store_group *group),
                             void *context)
{
    const struct store_key from = store_key_group(STORE_KEY_HARD_STATE, 0);
    const struct store_key end = {.bytes = {STORE_KEY_HARD_STATE + 1}, .size = 1};
    struct walk walk;
    walk_open(&walk, store, &from, &end);
    enum status status = STATUS_OK;
    uint64_t next_group = 0;
    while (status == STATUS_OK && walk_valid(&walk)) {
        struct store_group group = {0};
        status = read_group(store, &walk, &group, error);
        if (status == STATUS_OK && group.group > next_group)
            status = check_no_strays(store, (uint32_t)next_group, group.group, error);
        if (status == STATUS_OK)
            status = fn(context, &group);
        next_group = (uint64_t)group.group + 1;
        rocksdb_iter_next(walk.iterator);
    }
    if (status == STATUS_OK)
        status = walk_status(&walk, store, error);
    if (status == STATUS_OK && next_group < UINT32_MAX)
        status = check_no_strays(store, (uint32_t)next_group, UINT32_MAX, error);
    walk_close(&walk);
    return status;
}

/* --- Entries -----------------------------------------------------------------------------------
 */

/* The entry that the walk stands on, which must have this index. */
static enum status read_entry(struct store *store, const struct walk *walk,
                              const struct store_key *key, struct store_entry *ret_entry,
                              struct store_error *error)
{
    size_t found_size = 0;
    size_t size = 0;
    const char *found = rocksdb_iter_key(walk->iterator, &found_size);
    const char *value = rocksdb_iter_value(walk->iterator, &size);
    const char *fault = NULL;
    if (found_size != key->size || memcmp(found, key->bytes, key->size) != 0)
        fault = "is missing";
    else if (store_entry_read(ret_entry, key, value, size) != STATUS_OK)
        fault = "is damaged";
    if (fault == NULL)
        return STATUS_OK;
    uint32_t group = 0;
    uint64_t index = 0;
    (void)store_key_entry_read(key->bytes, key->size, &group, &index);
    store_explain(error, "%s: group %" PRIu32 ": entry %" PRIu64 " %s", store->path, group, index,
                  fault);
    return STATUS_CORRUPT;
}

enum status
store_restore(struct store *store, const struct store_group *group, struct store_error *error,
              enum status (*fn)(void *context, uint64_t index, const struct store_entry *entry),
              void *context)
{
    /* From the very first key on: an entry that a compaction should have dropped is a fault too. */
    const struct store_key from = store_key_entry(group->group, 0);
    const struct store_key end = store_key_entry(group->group, UINT64_MAX);
    struct walk walk;
    walk_open(&walk, store, &from, &end);
    enum status status = STATUS_OK;
    uint64_t index = group->compacted_through + 1;
    while (status == STATUS_OK && walk_valid(&walk)) {
        const struct store_key key = store_key_entry(group->group, index);
        struct store_entry entry;
        status = read_entry(store, &walk, &key, &entry, error);
        if (status == STATUS_OK)
            status = fn(context, index, &entry);
        index++;
        rocksdb_iter_next(walk.iterator);
    }
    if (status == STATUS_OK)
        status = walk_status(&walk, store, error);
    walk_close(&walk);
    return status;
}

/* What a read gathers; both arrays grow by doubling. */
struct gathering {
    uint8_t *data;
    size_t used;
    size_t capacity;
    struct store_entry *entries; /* `data` is set at the end, since the data move while they grow */
    size_t count;
    size_t room;
};

static bool gathering_grow(struct gathering *gathering, size_t bytes)
{
    if (gathering->count == gathering->room) {
        const size_t room = gathering->room == 0 ? 64 : 2 * gathering->room;
        struct store_entry *entries = realloc(gathering->entries, room * sizeof *entries);
        if (entries == NULL)
            return false;
        gathering->entries = entries;
        gathering->room = room;
    }
    if (bytes > gathering->capacity - gathering->used) {
        const size_t capacity = 2 * gathering->capacity + bytes;
        uint8_t *data = realloc(gathering->data, capacity);
        if (data == NULL)
            return false;
        gathering->data = data;
        gathering->capacity = capacity;
    }
    return true;
}

static bool gathering_add(struct gathering *gathering, const struct store_entry *entry)
{
    const size_t padded = (entry->bytes + 7) / 8 * 8;
    if (!gathering_grow(gathering, padded))
        return false;
    if (padded > 0) {
        uint8_t *place = gathering->data + gathering->used;
        memset(place + entry->bytes, 0, padded - entry->bytes);
        memcpy(place, entry->data, entry->bytes);
    }
    gathering->used += padded;
    gathering->entries[gathering->count++] = *entry;
    return true;
}

static void gathering_give(struct gathering *gathering, struct store_entries *ret_entries)
{
    const uint8_t *at = gathering->data;
    for (size_t i = 0; i < gathering->count; i++) {
        struct store_entry *entry = &gathering->entries[i];
        entry->data = entry->bytes > 0 ? at : NULL;
        if (entry->bytes > 0)
            at += (entry->bytes + 7) / 8 * 8;
    }
    *ret_entries = (struct store_entries){
        .entries = gathering->entries, .count = gathering->count, .block = gathering->data};
}

static enum status gather(struct store *store, const struct walk *walk,
                          const struct store_span *span, struct gathering *gathering,
                          struct store_error *error)
{
    uint64_t index = span->first_index;
    size_t bytes = 0;
    for (; walk_valid(walk); rocksdb_iter_next(walk->iterator)) {
        const struct store_key key = store_key_entry(span->group, index);
        struct store_entry entry;
        const enum status status = read_entry(store, walk, &key, &entry, error);
        if (status != STATUS_OK)
            return status;
        if (gathering->count > 0 &&
            (bytes >= span->bytes_max || entry.bytes > span->bytes_max - bytes))
            return STATUS_OK;
        if (!gathering_add(gathering, &entry))
            return STATUS_NO_MEMORY;
        bytes += entry.bytes;
        index++;
    }
    return walk_status(walk, store, error);
}

/* A read that begins before the group's first entry asks for what a compaction dropped, which is
 * not a fault of the disk. */
static bool stands_on(const struct walk *walk, const struct store_key *key)
{
    size_t size = 0;
    if (!walk_valid(walk))
        return false;
    const char *found = rocksdb_iter_key(walk->iterator, &size);
    return size == key->size && memcmp(found, key->bytes, size) == 0;
}

enum status store_read(struct store *store, const struct store_span *span,
                       struct store_entries *ret_entries, struct store_error *error)
{
    CHECK(span->first_index > 0);
    const struct store_key first = store_key_entry(span->group, span->first_index);
    const struct store_key end = store_key_entry(span->group, UINT64_MAX);
    struct gathering gathering = {0};
    struct walk walk;
    walk_open(&walk, store, &first, &end);
    enum status status = STATUS_OK;
    if (stands_on(&walk, &first)) {
        status = gather(store, &walk, span, &gathering, error);
    } else {
        status = walk_status(&walk, store, error);
        if (status == STATUS_OK)
            status = STATUS_NOT_FOUND;
    }
    walk_close(&walk);
    if (status == STATUS_OK) {
        gathering_give(&gathering, ret_entries);
        return STATUS_OK;
    }
    free(gathering.entries);
    free(gathering.data);
    return status;
}

void store_entries_free(struct store_entries *entries)
{
    free(entries->entries);
    free(entries->block);
    *entries = (struct store_entries){0};
}
