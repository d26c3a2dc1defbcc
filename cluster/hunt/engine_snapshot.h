/* cluster/hunt/engine_snapshot.h -- The engine's part of a snapshot: its hunts and its lists, as
 * they were at one moment, written little by little while it goes on judging; and an engine made of
 * them again.
 *
 * What is derived is not written: the players' index, boards, places, supplies and candidates. They
 * are built again, and a board that is built again is the same board, as it follows from the
 * players alone.
 *
 * Layouts (little-endian; references and slots count as in the lists: they follow from the log):
 *
 *   head      u64 first epoch not settled, u64 settled_digest, then u32 for each list: how many
 *   hunt      u16 number, u32 version that judges (0: none), u16 emoji, each: u8 length, text;
 *             u16 treasures, each: u8 length (0: no name), name, u32 awarded, u32 first and last of
 *             its awards, u64 first epoch in which it was active plus 1 (0: never was)
 *   a player  u16 hunt, u8 flags (1 has_bucket, 2 has_place), 16 bytes id, u64 joined, i64 score,
 *             u64 score_hlc, u64 score_from, u64 units and u64 at_us of the bucket, u64 place_us,
 *             i32 x, i32 y, u32 reactions, u32 receipts, u32 received; u8 judged seqs, the highest
 *             first, each: u32 seq, u32 content, u64 hlc, u16 treasure, u8 outcome; u8 click
 *             patterns, the newest first, each: u16 treasure, u64 last_us, u8 clicks, u32 for each
 *             but the last: how long before it
 *   a receipt u64 hlc, u64 log index, u32 seq, u32 content, u32 points, u32 version,
 *             u32 final_after, u32 next, u16 treasure, u8 outcome
 *   a claim   u32 receipt, u32 player, u32 uncertainty
 *   an award  u32 receipt, u32 player, u32 place, u32 uncertainty, u32 next
 *   received  u32 count, u32 next, u16 emoji
 *   given     16 bytes player, u16 hunt, u8 length, emoji, u32 count
 *
 * One thread. */
#ifndef CAIRN_CLUSTER_HUNT_ENGINE_SNAPSHOT_H
#define CAIRN_CLUSTER_HUNT_ENGINE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/bytes.h"
#include "cluster/base/status.h"
#include "cluster/hunt/engine.h"

enum engine_list {
    ENGINE_PLAYERS,
    ENGINE_RECEIPTS,
    ENGINE_CLAIMS, /* pending */
    ENGINE_AWARDS,
    ENGINE_RECEIVED,
    ENGINE_GIVEN, /* in the open epoch */
    ENGINE_LISTS,
};

/* ---- Writing. */

/* From now on the lists are kept as they are, at the cost of copies of what changes.
 * STATUS_NO_MEMORY: they are not. */
MUST_USE enum status engine_cut(struct engine *engine);
/* The end of it, whether all was written or not. */
void engine_cut_end(struct engine *engine);

/* There was no memory for a copy: what is written from now on is wrong. */
bool engine_cut_failed(const struct engine *engine);

#define ENGINE_HEAD_BYTES (2 * 8 + ENGINE_LISTS * 4)
void engine_put_head(const struct engine *engine, struct writer *writer);

/* A hunt as it is now; 0 bytes: it is not known. */
size_t engine_hunt_bytes(const struct engine *engine, uint16_t hunt);
void engine_put_hunt(const struct engine *engine, uint16_t hunt, struct writer *writer);

/* Elements of a list that are not written yet. */
uint32_t engine_cut_left(const struct engine *engine, enum engine_list list);

/* Puts the next block of a list, a fixed number of elements or what is left of them. */
#define ENGINE_BLOCK_BYTES_MAX (UINT32_C(240) << 10)
void engine_put_block(struct engine *engine, enum engine_list list, struct writer *writer);

/* ---- Reading, from anywhere: every number is checked. Into an engine that is new; the head comes
 * first, then the hunts, then the lists, each in order. Where something is refused the engine is of
 * no use any more. STATUS_CORRUPT: no snapshot of such an engine; STATUS_NO_MEMORY. */

struct engine_restore {
    struct engine *engine;         /* the caller's */
    uint32_t ranges;               /* of the cluster */
    uint64_t settle_next;          /* the first epoch that the range has not settled */
    uint64_t last_hlc, last_index; /* of the range: nothing is later */
    uint32_t expected[ENGINE_LISTS];
    uint32_t judging[HUNTS_MAX]; /* version; 0: none */
    uint64_t known_hunts;        /* a bit for each that was restored */
};

MUST_USE enum status engine_restore_head(struct engine_restore *restore, struct reader *reader);
MUST_USE enum status engine_restore_hunt(struct engine_restore *restore, struct reader *reader);

/* A definition that is the caller's, as with engine_activate: the one that judges, which the hunt
 * named; or one to come, whose treasures must be known. */
MUST_USE enum status engine_restore_judging(struct engine_restore *restore, uint16_t hunt,
                                            uint32_t version, const struct definition *definition);
MUST_USE enum status engine_restore_coming(struct engine_restore *restore, uint16_t hunt,
                                           const struct definition *definition);

/* A block, all that is left of the reader. */
MUST_USE enum status engine_restore_block(struct engine_restore *restore, enum engine_list list,
                                          struct reader *reader);

/* All is there: what holds between the lists is checked, and the rest built. */
MUST_USE enum status engine_restore_finish(struct engine_restore *restore);

#endif
