#include "cluster/ranges/snapshot_head.h"

void snapshot_head_put(const struct snapshot_head *head, struct writer *writer)
{
    put_u8(writer, (uint8_t)head->kind);
    put_u32(writer, head->group);
    settings_encode(&head->settings, writer);
    group_base_put(&head->base, writer);
}

bool snapshot_head_take(struct snapshot_head *head, struct reader *reader)
{
    struct snapshot_head taken;
    const uint8_t kind = take_u8(reader);
    taken.group = take_u32(reader);
    if (!settings_decode(&taken.settings, reader) || !group_base_take(&taken.base, reader))
        return false;
    if (kind != SNAPSHOT_RANGE && kind != SNAPSHOT_SYSTEM)
        return false;
    taken.kind = (enum snapshot_kind)kind;
    *head = taken;
    return true;
}
