/* node/store_format.h -- Keys and values in the database.
 *
 *     key                                    value
 *     'c' group                              version  compaction                  checksum
 *     'e' group index                        the entry, see below
 *     'h' group                              version  term u64  vote u64  replica u64  checksum
 *     'm' name                               version  bytes                       checksum
 *     'w'                                    version  number u64                  checksum
 * "CairnEnd"
 *
 * In keys group (u32) and index (u64) are big-endian, so that RocksDB's order is ours; in values
 * all is little-endian. A checksum is XXH3-64 over key and value, so that a value under a wrong key
 * is found too. An entry's value:
 *
 *     version u8  type u8  zero u16  bytes u32  term u64  checksum u64  data
 *
 * A compaction: through u64, and of the snapshot index u64  term u64  bytes u64  digest u64.
 *
 * 'w' is the marker of a write, its last operation: `number` grows by one each time. Its last
 * bytes are a word that is not zero and can be searched for: store_recovery.c says why. */
#ifndef CAIRN_NODE_STORE_FORMAT_H
#define CAIRN_NODE_STORE_FORMAT_H

#include "node/store.h"

#define STORE_KEY_COMPACTED  'c'
#define STORE_KEY_ENTRY      'e'
#define STORE_KEY_HARD_STATE 'h'
#define STORE_KEY_META       'm'
#define STORE_KEY_MARKER     'w'

#define STORE_GROUP_KEY_BYTES  5
#define STORE_ENTRY_KEY_BYTES  13
#define STORE_META_KEY_MAX     (1 + STORE_META_NAME_MAX)
#define STORE_ENTRY_HEAD_BYTES 24
#define STORE_HARD_STATE_BYTES 24 /* term, vote, replica */
#define STORE_COMPACTION_BYTES 40
#define STORE_SMALL_BYTES_MAX  (1 + STORE_META_BYTES_MAX + 8)
#define STORE_MARKER_BYTES     25
#define STORE_MARKER_WORD      "CairnEnd"

struct store_key {
    uint8_t bytes[STORE_META_KEY_MAX];
    size_t size;
};

struct store_key store_key_group(char kind, uint32_t group);
struct store_key store_key_entry(uint32_t group, uint64_t index);
struct store_key store_key_meta(const char *name);
struct store_key store_key_marker(void);

/* False: not a key of that kind. */
bool store_key_group_read(const void *key, size_t size, char kind, uint32_t *ret_group);
bool store_key_entry_read(const void *key, size_t size, uint32_t *ret_group, uint64_t *ret_index);

/* The part of an entry's value before its data. */
void store_entry_head(uint8_t head[STORE_ENTRY_HEAD_BYTES], const struct store_key *key,
                      const struct store_entry *entry);
/* `ret_entry` points into the value. STATUS_CORRUPT: not what was written under this key. */
MUST_USE enum status store_entry_read(struct store_entry *ret_entry, const struct store_key *key,
                                      const void *value, size_t size);

/* A small value: version, payload, checksum. Returns its size, that of the payload and 9. */
size_t store_small_write(uint8_t value[STORE_SMALL_BYTES_MAX], const struct store_key *key,
                         const void *payload, size_t bytes);
/* `ret_payload` points into the value. STATUS_CORRUPT. */
MUST_USE enum status store_small_read(const uint8_t **ret_payload, size_t *ret_bytes,
                                      const struct store_key *key, const void *value, size_t size);

void store_marker_write(uint8_t value[STORE_MARKER_BYTES], uint64_t number);
/* STATUS_CORRUPT: these bytes are no marker. */
MUST_USE enum status store_marker_read(uint64_t *ret_number,
                                       const uint8_t value[STORE_MARKER_BYTES]);

#endif
