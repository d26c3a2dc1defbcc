#include "cluster/ranges/system_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/ranges/snapshot_head.h"
#include "cluster/ranges/system_state_internal.h"

#define FLAG_LIMITED 1
#define FLAG_RETIRED 2

#define HEAD_BYTES_MAX                                                                             \
    (SNAPSHOT_HEAD_BYTES_MAX + 8 + 2 + 2 + NODES_MAX * MEMBER_BYTES_MAX + PLACEMENT_BYTES_MAX)
#define HUNT_BYTES_MAX                                                                             \
    (2 + 1 + NAME_LENGTH_MAX + 4 + 2 + HUNT_VERSIONS_KEPT * 13 + 2 +                               \
     TREASURE_NUMBERS_MAX * (2 + NAME_LENGTH_MAX))

static enum status add_head(const struct system_state *state, const struct snapshot_head *head,
                            struct snapshot_writer *snapshot)
{
    uint8_t *bytes = malloc(HEAD_BYTES_MAX);
    if (bytes == NULL)
        return STATUS_NO_MEMORY;
    struct writer writer;
    writer_init(&writer, bytes, HEAD_BYTES_MAX);
    snapshot_head_put(head, &writer);
    put_u64(&writer, state->digest);
    put_u16(&writer, (uint16_t)state->member_count);
    put_u16(&writer, (uint16_t)state->hunt_count);
    for (uint32_t i = 0; i < state->member_count; i++)
        member_encode(&state->members[i], &writer);
    placement_encode(&state->placement, &writer);
    CHECK(writer_ok(&writer));
    return snapshot_add(snapshot, SECTION_HEAD, bytes, writer.used, NULL);
}

static void put_name(struct writer *writer, const struct name *name)
{
    const size_t length = strlen(name->text);
    put_u8(writer, (uint8_t)length);
    put_bytes(writer, name->text, length);
}

static void put_hunt(struct writer *writer, const struct hunt *hunt)
{
    put_u16(writer, hunt->number);
    put_name(writer, &hunt->name);
    put_u32(writer, hunt->newest);
    put_u16(writer, (uint16_t)hunt->version_count);
    for (uint32_t i = 0; i < hunt->version_count; i++) {
        put_u32(writer, hunt->versions[i].version);
        put_u8(writer, (uint8_t)hunt->versions[i].state);
        put_u64(writer, hunt->versions[i].active_from_epoch);
    }
    put_u16(writer, hunt->names.count);
    for (uint16_t i = 0; i < hunt->names.count; i++) {
        put_name(writer, &hunt->names.names[i]);
        put_u8(writer, (uint8_t)(hunt->names.limited[i] | hunt->names.retired[i] << 1));
    }
}

static enum status add_hunt(const struct hunt *hunt, struct snapshot_writer *snapshot)
{
    uint8_t *bytes = malloc(HUNT_BYTES_MAX);
    if (bytes == NULL)
        return STATUS_NO_MEMORY;
    struct writer writer;
    writer_init(&writer, bytes, HUNT_BYTES_MAX);
    put_hunt(&writer, hunt);
    CHECK(writer_ok(&writer));
    return snapshot_add(snapshot, SECTION_HUNT, bytes, writer.used, NULL);
}

static enum status add_version(const struct hunt *hunt, const struct hunt_version *version,
                               struct snapshot_writer *snapshot)
{
    enum { PREFIX_BYTES = 2 + 4 };
    uint8_t *bytes = malloc(PREFIX_BYTES);
    if (bytes == NULL)
        return STATUS_NO_MEMORY;
    struct writer writer;
    writer_init(&writer, bytes, PREFIX_BYTES);
    put_u16(&writer, hunt->number);
    put_u32(&writer, version->version);
    return snapshot_add(snapshot, SECTION_DEFINITION, bytes, writer.used, version->definition);
}

static enum status add_all(const struct system_state *state, const struct snapshot_head *head,
                           struct snapshot_writer *snapshot)
{
    enum status status = add_head(state, head, snapshot);
    for (uint32_t i = 0; i < state->hunt_count && status == STATUS_OK; i++)
        status = add_hunt(state->hunts[i], snapshot);
    for (uint32_t i = 0; i < state->hunt_count; i++) {
        const struct hunt *hunt = state->hunts[i];
        for (uint32_t j = 0; j < hunt->version_count && status == STATUS_OK; j++)
            status = add_version(hunt, &hunt->versions[j], snapshot);
    }
    return status;
}

enum status system_snapshot_begin(struct system_state *state, uint32_t group,
                                  const struct group_base *base,
                                  struct snapshot_writer **ret_writer)
{
    CHECK(state->founded);
    CHECK(!state->graveyard.open);
    struct snapshot_writer *snapshot = snapshot_writer_new();
    if (snapshot == NULL)
        return STATUS_NO_MEMORY;
    const struct snapshot_head head = {
        .kind = SNAPSHOT_SYSTEM, .group = group, .settings = state->settings, .base = *base};
    const enum status status = add_all(state, &head, snapshot);
    if (status != STATUS_OK) {
        snapshot_writer_free(snapshot);
        return status;
    }
    graveyard_open(&state->graveyard);
    *ret_writer = snapshot;
    return STATUS_OK;
}

void system_snapshot_end(struct system_state *state, struct snapshot_writer *writer)
{
    snapshot_writer_free(writer);
    graveyard_close(&state->graveyard);
}

/* ---- Reading. */

struct system_restore {
    uint32_t group;
    struct system_state *state; /* NULL before the head */
    struct group_base base;
    uint32_t hunts;         /* that the head names */
    uint32_t hunt, version; /* places of the definition that is next */
};

struct system_restore *system_restore_new(uint32_t group)
{
    struct system_restore *restore = calloc(1, sizeof *restore);
    if (restore != NULL)
        restore->group = group;
    return restore;
}

void system_restore_free(struct system_restore *restore)
{
    if (restore == NULL)
        return;
    system_state_free(restore->state);
    free(restore);
}

static enum status restore_head(struct system_restore *restore, const struct snapshot_item *item)
{
    struct reader reader;
    reader_init(&reader, item->data, item->size);
    struct snapshot_head head;
    if (restore->state != NULL || !snapshot_head_take(&head, &reader) ||
        head.kind != SNAPSHOT_SYSTEM || head.group != restore->group)
        return STATUS_CORRUPT;
    restore->state = system_state_new();
    if (restore->state == NULL)
        return STATUS_NO_MEMORY;
    struct system_state *state = restore->state;
    restore->base = head.base;
    state->founded = true;
    state->settings = head.settings;
    state->digest = take_u64(&reader);
    const uint16_t members = take_u16(&reader);
    restore->hunts = take_u16(&reader);
    if (!reader_ok(&reader) || members < 1 || members > NODES_MAX || restore->hunts > HUNTS_MAX)
        return STATUS_CORRUPT;
    while (state->member_count < members) {
        if (!member_decode(&state->members[state->member_count], &reader))
            return STATUS_CORRUPT;
        state->member_count++;
    }
    if (!placement_decode(&state->placement, state->settings.ranges, &reader))
        return STATUS_CORRUPT;
    return reader_done(&reader) ? STATUS_OK : STATUS_CORRUPT;
}

static bool take_name(struct reader *reader, struct name *name)
{
    const uint8_t length = take_u8(reader);
    const uint8_t *text = take_bytes(reader, length);
    return text != NULL && name_set(name, (const char *)text, length) == STATUS_OK;
}

/* Versions rise, and only the newest may be undecided. */
static bool take_versions(struct reader *reader, struct hunt *hunt)
{
    hunt->newest = take_u32(reader);
    const uint16_t count = take_u16(reader);
    if (count < 1 || count > HUNT_VERSIONS_KEPT)
        return false;
    uint32_t before = 0;
    for (uint16_t i = 0; i < count; i++) {
        struct hunt_version *version = &hunt->versions[i];
        version->version = take_u32(reader);
        const uint8_t state = take_u8(reader);
        version->active_from_epoch = take_u64(reader);
        if (!reader_ok(reader) || state > VERSION_CANCELLED || version->version <= before ||
            (state == VERSION_DEFINED && i + 1 < count))
            return false;
        version->state = (enum version_state)state;
        before = version->version;
    }
    hunt->version_count = count;
    return before == hunt->newest;
}

static bool take_ids(struct reader *reader, struct definition_names *names)
{
    const uint16_t count = take_u16(reader);
    if (count > TREASURE_NUMBERS_MAX)
        return false;
    for (uint16_t i = 0; i < count; i++) {
        if (!take_name(reader, &names->names[i]))
            return false;
        const uint8_t flags = take_u8(reader);
        names->limited[i] = (flags & FLAG_LIMITED) != 0;
        names->retired[i] = (flags & FLAG_RETIRED) != 0;
        if (flags > (FLAG_LIMITED | FLAG_RETIRED))
            return false;
    }
    names->count = count;
    return reader_done(reader);
}

static enum status restore_hunt(struct system_restore *restore, const struct snapshot_item *item)
{
    struct system_state *state = restore->state;
    struct reader reader;
    reader_init(&reader, item->data, item->size);
    if (state->hunt_count >= restore->hunts)
        return STATUS_CORRUPT;
    struct hunt *hunt = calloc(1, sizeof *hunt);
    if (hunt == NULL)
        return STATUS_NO_MEMORY;
    hunt->number = take_u16(&reader);
    const bool named = take_name(&reader, &hunt->name);
    const bool ok = named && hunt->number == state->hunt_count &&
                    system_state_find_hunt(state, hunt->name.text) == NULL &&
                    take_versions(&reader, hunt) && take_ids(&reader, &hunt->names);
    if (!ok) {
        free(hunt);
        return STATUS_CORRUPT;
    }
    state->hunts[state->hunt_count++] = hunt;
    return STATUS_OK;
}

/* The hunt's ids have its treasures under the same numbers. */
static bool definition_fits(const struct hunt *hunt, const struct definition *definition)
{
    if (!name_equal(&hunt->name, &definition->hunt))
        return false;
    for (uint32_t i = 0; i < definition->treasure_count; i++) {
        const struct treasure *treasure = &definition->treasures[i];
        if (treasure->number >= hunt->names.count ||
            !name_equal(&hunt->names.names[treasure->number], &treasure->id))
            return false;
    }
    return true;
}

static enum status restore_definition(struct system_restore *restore,
                                      const struct snapshot_item *item)
{
    struct system_state *state = restore->state;
    struct reader reader;
    reader_init(&reader, item->data, item->size);
    const uint16_t number = take_u16(&reader);
    const uint32_t of = take_u32(&reader);
    if (!reader_ok(&reader) || state->hunt_count != restore->hunts ||
        restore->hunt >= restore->hunts || number != restore->hunt)
        return STATUS_CORRUPT;
    struct hunt *hunt = state->hunts[number];
    struct hunt_version *version = &hunt->versions[restore->version];
    if (version->version != of)
        return STATUS_CORRUPT;
    struct definition *definition;
    const enum status status =
        definition_decode(&definition, item->data + reader.at, item->size - reader.at);
    if (status != STATUS_OK)
        return status == STATUS_NO_MEMORY ? status : STATUS_CORRUPT;
    version->definition = definition;
    if (!definition_fits(hunt, definition))
        return STATUS_CORRUPT;
    restore->version++;
    if (restore->version == hunt->version_count) {
        restore->version = 0;
        restore->hunt++;
    }
    return STATUS_OK;
}

enum status system_restore_item(struct system_restore *restore, const struct snapshot_item *item)
{
    if ((restore->state == NULL) != (item->section == SECTION_HEAD))
        return STATUS_CORRUPT;
    switch (item->section) {
    case SECTION_HEAD:
        return restore_head(restore, item);
    case SECTION_HUNT:
        return restore_hunt(restore, item);
    case SECTION_DEFINITION:
        return restore_definition(restore, item);
    case SECTION_END: {
        const bool complete =
            restore->state->hunt_count == restore->hunts && restore->hunt == restore->hunts;
        return complete ? STATUS_OK : STATUS_CORRUPT;
    }
    default:
        return STATUS_CORRUPT;
    }
}

struct system_state *system_restore_take(struct system_restore *restore,
                                         struct group_base *ret_base)
{
    struct system_state *state = restore->state;
    CHECK(state != NULL);
    restore->state = NULL;
    *ret_base = restore->base;
    return state;
}
