/* cluster/ranges/replica_set.h -- Who replicates a group: what a CHANGE entry says.
 *
 * The payload is libraft's own encoding of a configuration, because libraft reads it too; its
 * reader trusts every byte, so replica_set_decode must have accepted a payload before libraft sees
 * it. A replica's address is the text "NUMBER@NODE" (decimal, 16 hex digits): unique, since the
 * number is, and it says which node holds the replica.
 *
 *   u8 version = 1 | u64 count | count x { u64 number | address | 0 | u8 role } | zeros to 8 bytes
 */
#ifndef CAIRN_CLUSTER_RANGES_REPLICA_SET_H
#define CAIRN_CLUSTER_RANGES_REPLICA_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/status.h"

/* While replicas are exchanged one by one, the new ones come before the old ones go. */
#define REPLICA_SET_MAX (REPLICAS_MAX * 2)

/* Replica numbers, terms and indexes stay below this, so that sums of them cannot overflow. */
#define RAFT_NUMBER_LIMIT (UINT64_C(1) << 62)

/* "18446744073709551615@ffffffffffffffff" and a zero. */
#define REPLICA_ADDRESS_BYTES 38

#define REPLICA_SET_BYTES_MAX 672

/* Numbers are stored; they equal libraft's. */
enum replica_role {
    REPLICA_LEARNER, /* receives the log, has no vote */
    REPLICA_VOTER,
};

struct replica {
    uint64_t number; /* its Raft id; 1 to RAFT_NUMBER_LIMIT - 1 */
    uint64_t node;   /* the node that holds it; above 0 */
    enum replica_role role;
};

struct replica_set {
    uint32_t count;
    struct replica list[REPLICA_SET_MAX];
};

/* STATUS_INVALID: nobody, too many, a number twice, or a number, node or role out of range. */
MUST_USE enum status replica_set_make(struct replica_set *set, const struct replica *replicas,
                                      uint32_t count);

/* NULL: not there. */
const struct replica *replica_set_find(const struct replica_set *set, uint64_t number);
uint32_t replica_set_voters(const struct replica_set *set);
bool replica_set_sole_voter(const struct replica_set *set, uint64_t number);

/* `next` becomes `present` with the one difference that `wanted` shows: a replica added, removed or
 * made a voter. The others keep their places, because libraft tells a leader's followers apart by
 * place when their number stays the same.
 *
 * A voter leaves by being removed: made a learner, it could hold the CHANGE that says so before the
 * others do, and then refuse its vote to shorter logs without being able to lead itself.
 *
 * STATUS_INVALID: no difference or more than one, a replica moved to another node, a voter made a
 * learner, no voter left, or one left of several. */
MUST_USE enum status replica_set_change(const struct replica_set *present,
                                        const struct replica_set *wanted, struct replica_set *next);

/* Returns the number of bytes, a multiple of 8. */
uint32_t replica_set_encode(const struct replica_set *set, uint8_t data[REPLICA_SET_BYTES_MAX]);

/* STATUS_INVALID: anything that replica_set_encode does not write. */
MUST_USE enum status replica_set_decode(struct replica_set *set, const uint8_t *data, size_t bytes);

void replica_address_format(char text[REPLICA_ADDRESS_BYTES], uint64_t number, uint64_t node);
/* `length` without the zero. STATUS_INVALID: anything that replica_address_format does not write.
 */
MUST_USE enum status replica_address_parse(const char *text, size_t length, uint64_t *ret_number,
                                           uint64_t *ret_node);

#endif
