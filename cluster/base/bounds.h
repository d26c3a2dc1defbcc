/* cluster/base/bounds.h -- Every limit of the core in one place. The public ones are the
 * contract's; the others bound memory and time. */
#ifndef CAIRN_CLUSTER_BASE_BOUNDS_H
#define CAIRN_CLUSTER_BASE_BOUNDS_H

#include <stdint.h>

/* Actions. */
#define ACTIONS_PER_REQUEST_MAX 1000
#define ACTIONS_PER_PLAYER_MAX  16 /* of one player in one request */
#define SEQ_MIN                 1
#define SEQ_MAX                 UINT32_MAX
#define COORDINATE_MAX          INT32_MAX /* flat hunts: -(2^31 - 1) to 2^31 - 1 */
#define WINDOW_SEQS             16 /* highest judged seqs kept with their results, per player and hunt */

/* Hunts. */
#define HUNTS_MAX            64
#define TREASURES_MAX        1024 /* in one version of a hunt */
#define TREASURE_NUMBERS_MAX 4096 /* ever used by one hunt, over all its versions */
#define HUNT_FILE_BYTES_MAX  (UINT32_C(1) << 20)
#define TITLE_BYTES_MAX      200
#define HINT_BYTES_MAX       500
#define RADIUS_MIN           1
#define RADIUS_MAX           1000000
#define POINTS_MAX           1000000
#define SUPPLY_MIN           1
#define SUPPLY_MAX           1000000
#define TAPS_MIN             2
#define TAPS_MAX             16
#define TAPS_WITHIN_MS_MAX   3600000
#define REQUIRES_MAX         16
#define EMOJI_MAX            16
#define EMOJI_BYTES_MAX      32

/* Cluster. */
#define RANGES_MAX          1024
#define RANGES_DEFAULT      16
#define REPLICAS_MAX        7
#define NODES_MAX           64
#define SPREAD_AFTER_MS     3000 /* whoever was elected in place of a failed node may fail too */
#define EPOCH_MS_MIN        100
#define EPOCH_MS_MAX        600000
#define EPOCH_MS_DEFAULT    10000
#define PLAYERS_MAX_DEFAULT 1000000
#define PLAYERS_MAX_LIMIT   100000000
#define RECEIPTS_PER_PLAYER 16 /* average room; memory is touched only as it fills */

/* Membership. */
#define MEMBERS_MAX         1024  /* that one node can know; the simulator runs 1000 */
#define MEMBERS_REMOVED_MAX 16384 /* ids that may never come back */
#define CONTACTS_MAX        16    /* addresses to join by */
#define OBSERVERS_MAX       4     /* that are named with a suspicion */
#define GOSSIP_RUMOURS_MAX  64    /* in one message */
#define GOSSIP_BUCKETS      64    /* parts of a view that are compared */
#define INCARNATION_MAX     (UINT64_C(1) << 48)
#define ADDRESS_LENGTH_MAX  255

/* Boards. */
#define BOARD_TOP   1000
#define BOARDS_KEPT 16

/* Log. */
#define ENTRY_BYTES_MAX    (UINT32_C(2) << 20) /* payload of one Raft entry */
#define ENTRY_ACTIONS_MAX  8192                /* actions in one entry */
#define TAIL_BYTES_MAX     (UINT32_C(2) << 20) /* entries a group keeps in memory */
#define LOG_READ_BYTES_MAX (UINT32_C(1) << 20) /* asked for by one READ_LOG */

/* Snapshots. */
#define SNAPSHOT_LOG_BYTES (UINT64_C(16) << 20) /* of a group's log, for which one is taken */

#endif
