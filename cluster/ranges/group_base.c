#include "cluster/ranges/group_base.h"

#include "cluster/base/check.h"

void group_base_put(const struct group_base *base, struct writer *writer)
{
    CHECK(base->index > 0);
    uint8_t payload[REPLICA_SET_BYTES_MAX];
    const uint32_t bytes = replica_set_encode(&base->replicas, payload);
    put_u64(writer, base->index);
    put_u64(writer, base->term);
    put_u64(writer, base->replicas_index);
    put_u32(writer, bytes);
    put_bytes(writer, payload, bytes);
}

bool group_base_take(struct group_base *base, struct reader *reader)
{
    struct group_base taken = {0};
    taken.index = take_u64(reader);
    taken.term = take_u64(reader);
    taken.replicas_index = take_u64(reader);
    const uint32_t bytes = take_u32(reader);
    const uint8_t *payload = bytes <= REPLICA_SET_BYTES_MAX ? take_bytes(reader, bytes) : NULL;
    if (payload == NULL || replica_set_decode(&taken.replicas, payload, bytes) != STATUS_OK)
        return false;
    if (taken.index == 0 || taken.index >= RAFT_NUMBER_LIMIT || taken.term == 0 ||
        taken.term >= RAFT_NUMBER_LIMIT || taken.replicas_index == 0 ||
        taken.replicas_index > taken.index)
        return false;
    *base = taken;
    return true;
}
