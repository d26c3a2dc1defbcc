/* cluster/hunt/definition.h -- One version of a hunt: its rules and treasures.
 *
 * The file is parsed in node/ into this struct, checked here, and replicated in the canonical form
 * of definition_encode; the same definition has the same bytes everywhere. Times are ms since 1970
 * UTC. A definition owns its texts and treasures and does not change once it is in the log. */
#ifndef CAIRN_CLUSTER_HUNT_DEFINITION_H
#define CAIRN_CLUSTER_HUNT_DEFINITION_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/bytes.h"
#include "cluster/base/ids.h"
#include "cluster/base/status.h"
#include "cluster/values/action.h"

/* Limits that the contract leaves to us; the others are in bounds.h. Far above what hunts need, and
 * low enough that a token bucket's claims x per_ms x 1000 units fit into 64 bits. */
#define CLAIM_TTL_MS_MAX       86400000 /* a day */
#define CLOCK_TOLERANCE_MS_MAX 86400000 /* a day */
#define SPEED_MAX              1000000  /* units or metres a second */
#define RATE_CLAIMS_MAX        1000000  /* in per_ms */
#define RATE_PER_MS_MAX        3600000  /* an hour */
#define UNLOCK_REACTIONS_MAX   1000000
#define DECAY_PER_MS_MAX       604800000 /* a week */
#define LATITUDE_MAX           900000000 /* 1e-7 degrees, either side */
#define LONGITUDE_MAX          1800000000
#define MOMENT_MS_MAX          INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z; from 0 on */

enum plane {
    PLANE_FLAT = 0, /* integer units */
    PLANE_GEO = 1,  /* 1e-7 degrees; distances in metres */
};

enum ties {
    TIES_FIRST = 0,
    TIES_SHARED = 1,
};

struct treasure {
    struct name id;
    uint16_t number; /* in its hunt, over all versions; given by definition_number, until then 0 */
    int32_t x, y;    /* geo: longitude, latitude in 1e-7 degrees */
    uint32_t radius; /* units or metres */
    uint32_t points;
    uint32_t supply; /* 0: unlimited, everyone once */
    bool shown;
    const char *hint; /* NULL: none; belongs to the definition */
    uint16_t requires_count;
    uint16_t requires[REQUIRES_MAX]; /* places in the definition's list of treasures */
    bool has_window;
    int64_t window_from_ms, window_to_ms; /* in it: from <= t < to */
    uint32_t taps_count;                  /* 0: a single click */
    uint32_t taps_within_ms;
    uint32_t unlock_reactions; /* 0: none */
    uint32_t decay_per_ms;     /* 0: no decay */
    uint32_t decay_points;
    uint32_t decay_floor;
};

struct definition {
    struct name hunt;
    const char *title; /* NULL: none */
    enum plane plane;
    enum ties ties;
    bool has_opens_at, has_closes_at;
    int64_t opens_at_ms, closes_at_ms;
    uint32_t claim_ttl_ms;       /* 0: off */
    uint32_t clock_tolerance_ms; /* 0: off */
    uint32_t max_speed;          /* units or metres a second; 0: off */
    uint32_t rate_claims;        /* 0: off */
    uint32_t rate_per_ms;
    uint16_t emoji_count;
    struct emoji emoji[EMOJI_MAX];
    uint16_t treasure_count;
    struct treasure *treasures;

    struct definition_texts *texts; /* storage of title and hints */
};

/* A zeroed definition with `treasures` zeroed treasures. NULL: no memory. */
struct definition *definition_new(uint16_t treasures);
void definition_free(struct definition *definition);

/* Copies a text into the definition and ends it with a zero; NULL: no memory. The pointer stays
 * valid until free. A text with a zero inside would end there: the caller refuses it. */
const char *definition_text(struct definition *definition, const char *text, size_t length);

/* How many of the bytes, from the first on, are UTF-8 (RFC 3629); `length` when all are. */
size_t utf8_prefix(const char *text, size_t length);

/* A fault in a definition: where, and what about it. */
struct definition_fault {
    char field[80];   /* "treasures[3].radius" */
    char detail[160]; /* a sentence for people */
};

struct definition_faults {
    struct definition_fault *list; /* the caller's */
    uint32_t capacity;
    uint32_t count; /* may exceed the capacity: so many were found */
};

/* Adds a fault; past the capacity it is counted only. */
PRINTF_LIKE(3, 4)
void definition_fault(struct definition_faults *faults, const char *field, const char *detail, ...);

/* Finds every fault that the definition shows by itself: limits, characters, order of times, double
 * ids, and `requires` that name nothing, themselves, twice the same or each other in a circle. No
 * fault: it may be logged. Of more than TREASURES_MAX treasures only so many are looked at. */
void definition_check(const struct definition *definition, struct definition_faults *faults);

/* Every id that a hunt's versions have ever used: names[i] has the number i. One that was entered
 * by a version that never became active keeps its number and may be used again; one that was in an
 * active version and left it is retired, for good. All zeros: a new hunt. */
struct definition_names {
    uint16_t count;
    struct name names[TREASURE_NUMBERS_MAX];
    bool limited[TREASURE_NUMBERS_MAX]; /* in the last version that was numbered */
    bool retired[TREASURE_NUMBERS_MAX];
};

/* Finds what may not change against the version before it: the hunt, the plane, whether a treasure
 * is limited, retired ids used again, more numbers than there are. `before` is the active version;
 * NULL: there is none yet. Both have passed definition_check. */
void definition_check_change(const struct definition *before, const struct definition *after,
                             const struct definition_names *names,
                             struct definition_faults *faults);

/* Gives each treasure its number: the one its id has in `names`, else the next free one, which is
 * entered. STATUS_FULL: TREASURE_NUMBERS_MAX do not suffice; nothing has changed. */
MUST_USE enum status definition_number(struct definition *definition,
                                       struct definition_names *names);

/* `after` has become active in place of `before`: retires the ids that only `before` has. */
void definition_retire(const struct definition *before, const struct definition *after,
                       struct definition_names *names);

/* The canonical form: equal definitions have equal bytes. Numbers belong to it. Meant for what
 * definition_check has nothing to say about. */
size_t definition_bytes(const struct definition *definition);
void definition_encode(const struct definition *definition, struct writer *writer);

/* Reads the canonical form into a new definition that passes definition_check; encoded again it
 * gives the same bytes. STATUS_INVALID: it is none; STATUS_NO_MEMORY. */
MUST_USE enum status definition_decode(struct definition **ret_definition, const void *data,
                                       size_t size);

#endif
