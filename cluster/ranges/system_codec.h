/* cluster/ranges/system_codec.h -- The bodies of the system group's records, but for definitions.
 */
#ifndef CAIRN_CLUSTER_RANGES_SYSTEM_CODEC_H
#define CAIRN_CLUSTER_RANGES_SYSTEM_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/bytes.h"
#include "cluster/base/ids.h"

/* Decided once, when the cluster is founded. */
struct settings {
    uint64_t cluster_id;
    uint64_t first_epoch; /* no epoch before it exists */
    uint32_t ranges;
    uint32_t replicas;
    uint32_t epoch_ms;
    uint32_t replace_after_ms;
    uint32_t players_max;
};

struct member {
    uint64_t id;   /* random, kept in the node's data directory; above 0 */
    uint64_t boot; /* how many times it has started */
    struct name name;
    char http[ADDRESS_LENGTH_MAX + 1];
    char peer[ADDRESS_LENGTH_MAX + 1];
};

/* The limits of the contract. */
bool settings_valid(const struct settings *settings);

bool settings_equal(const struct settings *a, const struct settings *b);

/* Their canonical form. False: malformed, or against the contract; nothing has changed. */
#define SETTINGS_BYTES (2 * 8 + 5 * 4)
void settings_encode(const struct settings *settings, struct writer *writer);
bool settings_decode(struct settings *settings, struct reader *reader);

/* Bytes that found_encode writes at most, and member_encode for one member. */
#define MEMBER_BYTES_MAX (16 + 3 + NAME_LENGTH_MAX + 2 * ADDRESS_LENGTH_MAX)
#define FOUND_BYTES_MAX  (64 + NODES_MAX * MEMBER_BYTES_MAX)

/* u32 group, u64 node. */
#define PLACE_BYTES 12
void place_encode(uint32_t group, uint64_t node, struct writer *writer);
bool place_decode(uint32_t *ret_group, uint64_t *ret_node, struct reader *reader);

void member_encode(const struct member *member, struct writer *writer);
void found_encode(const struct settings *settings, const struct member *members, uint32_t count,
                  struct writer *writer);

/* False: malformed; outputs may be half written. `members` has room for NODES_MAX. The reader must
 * be used up by found_decode. */
bool member_decode(struct member *member, struct reader *reader);
bool found_decode(struct settings *settings, struct member *members, uint32_t *ret_count,
                  struct reader *reader);

#endif
