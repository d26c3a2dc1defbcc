/* cluster/ranges/snapshot_head.h -- How every snapshot begins: which group's, of which cluster, at
 * which entry. The settings are in each group's, so that a range can be restored before anything is
 * known of the system group.
 *
 * Layout: u8 kind, u32 group, the settings (system_codec.h), the base (group_base.h). */
#ifndef CAIRN_CLUSTER_RANGES_SNAPSHOT_HEAD_H
#define CAIRN_CLUSTER_RANGES_SNAPSHOT_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bytes.h"
#include "cluster/ranges/group_base.h"
#include "cluster/ranges/system_codec.h"

enum snapshot_kind {
    SNAPSHOT_RANGE = 1,
    SNAPSHOT_SYSTEM = 2,
};

struct snapshot_head {
    enum snapshot_kind kind;
    uint32_t group;
    struct settings settings;
    struct group_base base;
};

#define SNAPSHOT_HEAD_BYTES_MAX (1 + 4 + SETTINGS_BYTES + GROUP_BASE_BYTES_MAX)

void snapshot_head_put(const struct snapshot_head *head, struct writer *writer);
/* False: malformed. */
bool snapshot_head_take(struct snapshot_head *head, struct reader *reader);

#endif
