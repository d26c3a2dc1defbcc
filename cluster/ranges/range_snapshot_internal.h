/* cluster/ranges/range_snapshot_internal.h -- What writing and reading a range's snapshot share.
 * Only for those two files. */
#ifndef CAIRN_CLUSTER_RANGES_RANGE_SNAPSHOT_INTERNAL_H
#define CAIRN_CLUSTER_RANGES_RANGE_SNAPSHOT_INTERNAL_H

/* Numbers are stored. */
enum definition_role {
    DEFINITION_JUDGES = 1,
    DEFINITION_COMES = 2,
};

#define DEFINITION_PREFIX_BYTES (1 + 2 + 4 + 8 + 8)

#endif
