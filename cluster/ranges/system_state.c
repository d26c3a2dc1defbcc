#include "cluster/ranges/system_state.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/ranges/system_state_internal.h"

struct system_state *system_state_new(void)
{
    return calloc(1, sizeof(struct system_state));
}

static void hunt_free(struct hunt *hunt)
{
    if (hunt == NULL)
        return;
    for (uint32_t i = 0; i < hunt->version_count; i++)
        definition_free(hunt->versions[i].definition);
    free(hunt);
}

void system_state_free(struct system_state *state)
{
    if (state == NULL)
        return;
    for (uint32_t i = 0; i < state->hunt_count; i++)
        hunt_free(state->hunts[i]);
    graveyard_close(&state->graveyard);
    free(state);
}

const struct settings *system_state_settings(const struct system_state *state)
{
    return state->founded ? &state->settings : NULL;
}

uint32_t system_state_members(const struct system_state *state)
{
    return state->member_count;
}

const struct member *system_state_member(const struct system_state *state, uint32_t at)
{
    CHECK(at < state->member_count);
    return &state->members[at];
}

const struct member *system_state_find_member(const struct system_state *state, uint64_t id)
{
    for (uint32_t i = 0; i < state->member_count; i++) {
        if (state->members[i].id == id)
            return &state->members[i];
    }
    return NULL;
}

uint32_t system_state_hunts(const struct system_state *state)
{
    return state->hunt_count;
}

const struct hunt *system_state_hunt(const struct system_state *state, uint32_t number)
{
    return number < state->hunt_count ? state->hunts[number] : NULL;
}

const struct hunt *system_state_find_hunt(const struct system_state *state, const char *name)
{
    for (uint32_t i = 0; i < state->hunt_count; i++) {
        if (strcmp(state->hunts[i]->name.text, name) == 0)
            return state->hunts[i];
    }
    return NULL;
}

const struct hunt_version *hunt_undecided(const struct hunt *hunt)
{
    if (hunt->version_count == 0)
        return NULL;
    const struct hunt_version *newest = &hunt->versions[hunt->version_count - 1];
    return newest->state == VERSION_DEFINED ? newest : NULL;
}

const struct hunt_version *hunt_newest_active(const struct hunt *hunt)
{
    for (uint32_t i = hunt->version_count; i-- > 0;) {
        if (hunt->versions[i].state == VERSION_ACTIVE)
            return &hunt->versions[i];
    }
    return NULL;
}

const struct hunt_version *hunt_active_in(const struct hunt *hunt, uint64_t epoch)
{
    for (uint32_t i = hunt->version_count; i-- > 0;) {
        const struct hunt_version *version = &hunt->versions[i];
        if (version->state == VERSION_ACTIVE && version->active_from_epoch <= epoch)
            return version;
    }
    return NULL;
}

const struct hunt_version *hunt_version(const struct hunt *hunt, uint32_t version)
{
    for (uint32_t i = 0; i < hunt->version_count; i++) {
        if (hunt->versions[i].version == version)
            return &hunt->versions[i];
    }
    return NULL;
}

static bool apply_found(struct system_state *state, const struct record *record)
{
    if (state->founded)
        return false;
    struct reader reader;
    reader_init(&reader, record->body, record->body_bytes);
    if (!found_decode(&state->settings, state->members, &state->member_count, &reader)) {
        state->member_count = 0;
        return false;
    }
    uint64_t nodes[REPLICAS_MAX];
    if (state->member_count > REPLICAS_MAX) {
        state->member_count = 0;
        return false;
    }
    for (uint32_t i = 0; i < state->member_count; i++)
        nodes[i] = state->members[i].id;
    placement_found(&state->placement, state->settings.ranges, nodes, state->member_count);
    state->founded = true;
    return true;
}

const struct placement *system_state_placement(const struct system_state *state)
{
    return &state->placement;
}

enum status system_state_admits(const struct system_state *state, const struct member *member)
{
    for (uint32_t i = 0; i < state->member_count; i++) {
        if (state->members[i].id == member->id ||
            strcmp(state->members[i].name.text, member->name.text) == 0)
            return STATUS_CONFLICT;
    }
    return state->member_count < NODES_MAX ? STATUS_OK : STATUS_FULL;
}

static enum status apply_join(struct system_state *state, const struct record *record)
{
    struct reader reader;
    struct member member;
    reader_init(&reader, record->body, record->body_bytes);
    if (!state->founded || !member_decode(&member, &reader) || !reader_done(&reader))
        return STATUS_INVALID;
    const enum status status = system_state_admits(state, &member);
    if (status == STATUS_OK)
        state->members[state->member_count++] = member;
    return status;
}

static bool apply_place(struct system_state *state, const struct record *record)
{
    struct reader reader;
    uint32_t group;
    uint64_t node, number;
    reader_init(&reader, record->body, record->body_bytes);
    if (!state->founded || !place_decode(&group, &node, &reader) ||
        system_state_find_member(state, node) == NULL)
        return false;
    const uint32_t place = group == UINT32_MAX ? state->settings.ranges : group;
    if (group != UINT32_MAX && group >= state->settings.ranges)
        return false;
    return placement_add(&state->placement, place, node, &number) == STATUS_OK;
}

static bool apply_member(struct system_state *state, const struct record *record)
{
    struct reader reader;
    reader_init(&reader, record->body, record->body_bytes);
    struct member member;
    if (!member_decode(&member, &reader) || !reader_done(&reader))
        return false;
    for (uint32_t i = 0; i < state->member_count; i++) {
        if (state->members[i].id != member.id)
            continue;
        if (member.boot < state->members[i].boot)
            return false;
        state->members[i] = member;
        return true;
    }
    return false;
}

/* What a new version must not change is what the newest version that is or was to be active has. */
static const struct hunt_version *version_before(const struct hunt *hunt)
{
    return hunt == NULL ? NULL : hunt_newest_active(hunt);
}

void system_state_check(const struct system_state *state, const struct definition *definition,
                        struct definition_faults *faults)
{
    const struct hunt *hunt = system_state_find_hunt(state, definition->hunt.text);
    definition_check(definition, faults);
    const struct hunt_version *before = version_before(hunt);
    if (before != NULL && before->definition != NULL)
        definition_check_change(before->definition, definition, &hunt->names, faults);
}

static enum status define_allowed(const struct system_state *state,
                                  const struct definition *definition)
{
    const struct hunt *hunt = system_state_find_hunt(state, definition->hunt.text);
    if (hunt == NULL)
        return state->hunt_count < HUNTS_MAX ? STATUS_OK : STATUS_FULL;
    if (hunt_undecided(hunt) != NULL)
        return STATUS_CONFLICT;
    struct definition_faults faults = {0};
    system_state_check(state, definition, &faults);
    return faults.count == 0 ? STATUS_OK : STATUS_INVALID;
}

/* The oldest cancelled version goes first: what is or was played stays known, however many changes
 * failed since. */
static void forget_version(struct system_state *state, struct hunt *hunt)
{
    uint32_t at = 0;
    while (at < hunt->version_count && hunt->versions[at].state != VERSION_CANCELLED)
        at++;
    if (at == hunt->version_count)
        at = 0;
    graveyard_take(&state->graveyard, hunt->versions[at].definition);
    hunt->version_count--;
    memmove(&hunt->versions[at], &hunt->versions[at + 1],
            (hunt->version_count - at) * sizeof hunt->versions[0]);
}

static struct hunt *enter_hunt(struct system_state *state, const struct definition *definition)
{
    struct hunt *hunt = calloc(1, sizeof *hunt);
    /* A replica that cannot follow the log must stop; after a restart it tries again. */
    CHECK(hunt != NULL);
    hunt->number = (uint16_t)state->hunt_count;
    hunt->name = definition->hunt;
    state->hunts[state->hunt_count++] = hunt;
    return hunt;
}

/* Takes the definition over where it returns STATUS_OK. */
static enum status enter_version(struct system_state *state, struct definition *definition,
                                 struct system_change *change)
{
    const enum status allowed = define_allowed(state, definition);
    if (allowed != STATUS_OK)
        return allowed;

    const struct hunt *known = system_state_find_hunt(state, definition->hunt.text);
    static const struct definition_names no_names;
    struct definition_names *names = malloc(sizeof *names);
    CHECK(names != NULL);
    *names = known != NULL ? known->names : no_names;
    const enum status numbered = definition_number(definition, names);
    if (numbered != STATUS_OK) {
        free(names);
        return STATUS_FULL;
    }

    struct hunt *hunt = known != NULL ? state->hunts[known->number] : enter_hunt(state, definition);
    hunt->names = *names;
    free(names);
    if (hunt->version_count == HUNT_VERSIONS_KEPT)
        forget_version(state, hunt);
    hunt->newest++;
    hunt->versions[hunt->version_count++] = (struct hunt_version){
        .version = hunt->newest, .state = VERSION_DEFINED, .definition = definition};
    change->hunt = hunt->number;
    change->version = hunt->newest;
    return STATUS_OK;
}

static enum status apply_define(struct system_state *state, const struct record *record,
                                struct system_change *change)
{
    struct definition *definition;
    const enum status decoded = definition_decode(&definition, record->body, record->body_bytes);
    CHECK(decoded != STATUS_NO_MEMORY);
    if (decoded != STATUS_OK)
        return STATUS_INVALID;
    const enum status status = enter_version(state, definition, change);
    if (status != STATUS_OK)
        definition_free(definition);
    return status;
}

/* ACTIVATE and CANCEL decide the undecided version, and only that one. */
static enum status apply_decision(struct system_state *state, const struct record *record,
                                  struct system_change *change)
{
    change->hunt = record->hunt;
    change->version = record->version;
    if (record->hunt >= state->hunt_count)
        return STATUS_INVALID;
    struct hunt *hunt = state->hunts[record->hunt];
    if (hunt_undecided(hunt) == NULL || hunt->newest != record->version)
        return STATUS_INVALID;
    struct hunt_version *version = &hunt->versions[hunt->version_count - 1];
    if (record->kind == RECORD_ACTIVATE) {
        const struct hunt_version *before = hunt_newest_active(hunt);
        if (before != NULL)
            definition_retire(before->definition, version->definition, &hunt->names);
        version->state = VERSION_ACTIVE;
        version->active_from_epoch = record->epoch;
    } else {
        version->state = VERSION_CANCELLED;
    }
    return STATUS_OK;
}

void system_state_apply(struct system_state *state, const void *data, size_t size,
                        struct system_change *ret_change)
{
    struct record record;
    *ret_change = (struct system_change){.status = STATUS_INVALID};
    if (record_decode(&record, data, size) != STATUS_OK)
        return;

    ret_change->kind = record.kind;
    switch (record.kind) {
    case RECORD_FOUND:
        ret_change->status = apply_found(state, &record) ? STATUS_OK : STATUS_INVALID;
        break;
    case RECORD_MEMBER:
        ret_change->status = apply_member(state, &record) ? STATUS_OK : STATUS_INVALID;
        break;
    case RECORD_JOIN:
        ret_change->status = apply_join(state, &record);
        break;
    case RECORD_PLACE:
        ret_change->status = apply_place(state, &record) ? STATUS_OK : STATUS_INVALID;
        break;
    case RECORD_DEFINE:
        ret_change->status = apply_define(state, &record, ret_change);
        break;
    case RECORD_ACTIVATE:
    case RECORD_CANCEL:
        ret_change->status = apply_decision(state, &record, ret_change);
        break;
    default:
        return;
    }
    if (ret_change->status == STATUS_OK)
        state->digest = hash_chain(state->digest, data, size);
}

uint64_t system_state_digest(const struct system_state *state)
{
    return state->digest;
}
