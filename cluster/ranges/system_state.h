/* cluster/ranges/system_state.h -- The state machine of the system group: what the cluster is.
 *
 * Its log founds the cluster (settings, first members, where the replicas are), takes in members
 * and places replicas, and carries every version of every hunt: DEFINE enters one and gives it its
 * number, ACTIVATE says from which epoch it counts, CANCEL drops it. At most one version of a hunt
 * is undecided at a time. What is logged but not allowed is void, in the same way on every replica.
 * One thread. */
#ifndef CAIRN_CLUSTER_RANGES_SYSTEM_STATE_H
#define CAIRN_CLUSTER_RANGES_SYSTEM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/status.h"
#include "cluster/hunt/definition.h"
#include "cluster/ranges/placement.h"
#include "cluster/ranges/system_codec.h"
#include "cluster/values/record.h"

/* Versions of a hunt whose text is kept; older ones are gone. */
#define HUNT_VERSIONS_KEPT 16

enum version_state {
    VERSION_DEFINED, /* the ranges are learning it */
    VERSION_ACTIVE,  /* counts from `active_from_epoch` */
    VERSION_CANCELLED,
};

struct hunt_version {
    uint32_t version;
    enum version_state state;
    uint64_t active_from_epoch;
    struct definition *definition; /* numbered; NULL once the text is not kept any more */
};

struct hunt {
    uint16_t number;
    struct name name;
    uint32_t newest; /* the newest version's number */
    uint32_t version_count;
    struct hunt_version versions[HUNT_VERSIONS_KEPT]; /* oldest first */
    struct definition_names names;
};

struct system_state;

/* NULL: no memory. */
struct system_state *system_state_new(void);
void system_state_free(struct system_state *state);

/* What applying a record did. */
struct system_change {
    enum record_kind kind;
    enum status status; /* DEFINE: OK, CONFLICT, INVALID, FULL; JOIN: OK, CONFLICT, FULL; else OK or
                         * INVALID (void) */
    uint16_t hunt;      /* DEFINE, ACTIVATE, CANCEL */
    uint32_t version;
};
void system_state_apply(struct system_state *state, const void *data, size_t size,
                        struct system_change *ret_change);

/* NULL before the cluster is founded. */
const struct settings *system_state_settings(const struct system_state *state);

uint32_t system_state_members(const struct system_state *state);
const struct member *system_state_member(const struct system_state *state, uint32_t at);
const struct member *system_state_find_member(const struct system_state *state, uint64_t id);

/* Whether such a member could join. CONFLICT: another one has its name, or it is there; FULL. */
enum status system_state_admits(const struct system_state *state, const struct member *member);

/* Where replicas are to be; of use once the cluster is founded. */
const struct placement *system_state_placement(const struct system_state *state);

uint32_t system_state_hunts(const struct system_state *state);
/* By number, which is also its place; NULL: none. */
const struct hunt *system_state_hunt(const struct system_state *state, uint32_t number);
const struct hunt *system_state_find_hunt(const struct system_state *state, const char *name);

/* The version that is undecided; NULL: none. */
const struct hunt_version *hunt_undecided(const struct hunt *hunt);
/* The newest that is or will be active; NULL: none. */
const struct hunt_version *hunt_newest_active(const struct hunt *hunt);
/* The one that judges in an epoch; NULL: none. */
const struct hunt_version *hunt_active_in(const struct hunt *hunt, uint64_t epoch);
/* NULL: never there, or its text is gone. */
const struct hunt_version *hunt_version(const struct hunt *hunt, uint32_t version);

/* Every fault that would make DEFINE void, for the PUT that is about to log it. */
void system_state_check(const struct system_state *state, const struct definition *definition,
                        struct definition_faults *faults);

/* A digest over everything, equal on every replica. */
uint64_t system_state_digest(const struct system_state *state);

#endif
