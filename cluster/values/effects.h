/* cluster/values/effects.h -- What the core wants done: a bounded list of values.
 *
 * One call of cluster_step fills the list anew; the caller carries it out in order before the next
 * call. Everything an effect points to stays as it is until cluster_turn_end(). */
#ifndef CAIRN_CLUSTER_VALUES_EFFECTS_H
#define CAIRN_CLUSTER_VALUES_EFFECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/values/log_entry.h"
#include "cluster/values/message.h"
#include "cluster/values/result.h"

/* Founding a cluster of RANGES_MAX ranges is one step with three effects a range. */
#define EFFECTS_MAX 4096

enum effect_kind {
    EFFECT_SEND = 1,        /* a message to a node; it may be lost */
    EFFECT_HARD_STATE,      /* write a group's term and vote */
    EFFECT_APPEND,          /* write entries of a group */
    EFFECT_TRUNCATE,        /* drop a group's entries from an index on */
    EFFECT_READ_LOG,        /* read entries back, answer with EVENT_LOG_READ */
    EFFECT_REPLY,           /* results of actions */
    EFFECT_DEFINED,         /* what became of EVENT_DEFINE */
    EFFECT_QUERIED,         /* the answer to EVENT_QUERY */
    EFFECT_PUBLISH,         /* a new global board; the reference is the receiver's */
    EFFECT_SNAPSHOT_BEGIN,  /* a snapshot of a group begins: chunks follow */
    EFFECT_SNAPSHOT_CHUNK,  /* one more chunk; answer with EVENT_SNAPSHOT_WRITTEN */
    EFFECT_SNAPSHOT_COMMIT, /* it is whole: make it durable, answer with EVENT_SNAPSHOT_STORED */
    EFFECT_SNAPSHOT_ABORT,  /* it will not be finished: drop what is there of it */
    EFFECT_COMPACT, /* write: the group's snapshot is this one, and the log behind it goes */
    EFFECT_DIAL,    /* link to a node at an address, from now on */
    EFFECT_NOTE,    /* something to log */
};

/* The result of the action at `place` of the request `token`. */
struct reply {
    uint64_t token;
    uint32_t place;
    struct result result;
};

/* A snapshot of a group is known by the index at which it was taken: the state is a function of the
 * log, so there is one for each index. Chunks are at most this long, canonical and not compressed.
 * At most so many are on their way to the file: further ones wait for EVENT_SNAPSHOT_WRITTEN. */
#define SNAPSHOT_CHUNK_BYTES_MAX (UINT32_C(256) << 10)
#define SNAPSHOT_CHUNKS_AHEAD    8

enum note_level {
    NOTE_DEBUG,
    NOTE_INFO,
    NOTE_WARNING,
    NOTE_ERROR,
};

struct effect {
    enum effect_kind kind;
    uint32_t group;  /* HARD_STATE, APPEND, TRUNCATE, READ_LOG, SNAPSHOT_*, COMPACT */
    uint64_t ticket; /* HARD_STATE, APPEND, TRUNCATE, COMPACT: all writes of one ticket become
                      * durable together, in order, and EVENT_PERSISTED says so */
    union {
        struct {
            uint64_t node;
            const struct message *message;
        } send;
        struct hard_state hard_state;
        struct {
            uint64_t first; /* index of the first */
            const struct log_entry *entries;
            uint32_t count;
        } append;
        struct {
            uint64_t from;
        } truncate;
        struct {
            uint64_t first, last; /* both included; fewer may be given, at least one */
            uint32_t bytes_max;
        } read_log;
        struct {
            const struct reply *replies;
            uint32_t count;
        } reply;
        struct {
            uint64_t token;
            enum status
                status; /* OK; CONFLICT: another change of it is under way; NOT_LEADER; FULL:
                         * no room for a hunt or its numbers; INVALID: what may not change;
                         * NOT_FOUND: not all ranges took it in time, it was cancelled */
            uint32_t version;
            uint64_t active_from_epoch;
            const uint32_t *missing; /* NOT_FOUND: the ranges that did not take it */
            uint32_t missing_count;
        } defined;
        struct {
            uint64_t token;
            const struct query_reply *reply; /* ranges/query.h */
        } queried;
        struct {
            struct global_board *board; /* epochs/merge.h */
        } publish;
        struct {
            uint64_t index, term; /* of the last entry that the snapshot contains */
            const uint8_t *data;  /* CHUNK */
            uint32_t bytes;       /* CHUNK: 1 to SNAPSHOT_CHUNK_BYTES_MAX */
            uint32_t chunk;       /* CHUNK: its number, from 0; COMMIT: how many there are */
        } snapshot;               /* SNAPSHOT_* */
        struct {
            uint64_t index, term; /* of the snapshot, which is stored */
            uint64_t through;     /* entries up to and including this one go; at most index */
        } compact;
        struct {
            uint64_t node;
            const char *address; /* "tcp://..." */
        } dial;
        struct {
            enum note_level level;
            const char *text;
        } note;
    };
};

struct effects {
    uint32_t count;
    bool more;      /* carry these out, end the turn, and step EVENT_CONTINUE */
    uint64_t stamp; /* our HLC: goes with every message of this step */
    struct effect list[EFFECTS_MAX];
};

/* Room for at least `n` more. */
bool effects_room(const struct effects *effects, uint32_t n);

/* The next effect, zeroed but for its kind. There must be room. */
struct effect *effects_add(struct effects *effects, enum effect_kind kind);

#endif
