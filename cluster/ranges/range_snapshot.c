#include "cluster/ranges/range_snapshot.h"

#include <stdlib.h>

#include "cluster/base/check.h"
#include "cluster/ranges/range_snapshot_internal.h"
#include "cluster/ranges/range_state_internal.h"
#include "cluster/ranges/snapshot_head.h"

#define HEAD_BYTES_MAX                                                                             \
    (SNAPSHOT_HEAD_BYTES_MAX + 6 * 8 + HUNTS_MAX * 4 + 3 * 2 + 2 * 4 + ENGINE_HEAD_BYTES)

static uint16_t count_hunts(const struct range_state *state)
{
    uint16_t count = 0;
    for (uint16_t hunt = 0; hunt < HUNTS_MAX; hunt++)
        count = (uint16_t)(count + (engine_hunt_bytes(state->engine, hunt) > 0));
    return count;
}

static uint16_t count_judging(const struct range_state *state)
{
    uint16_t count = 0;
    for (uint16_t hunt = 0; hunt < HUNTS_MAX; hunt++)
        count = (uint16_t)(count + (state->judging[hunt] != NULL));
    return count;
}

static enum status add_head(const struct range_state *state, const struct snapshot_head *head,
                            struct snapshot_writer *snapshot)
{
    uint8_t *bytes = malloc(HEAD_BYTES_MAX);
    if (bytes == NULL)
        return STATUS_NO_MEMORY;
    struct writer writer;
    writer_init(&writer, bytes, HEAD_BYTES_MAX);
    snapshot_head_put(head, &writer);
    put_u64(&writer, state->last_hlc);
    put_u64(&writer, state->open_epoch);
    put_u64(&writer, state->digest);
    put_u64(&writer, state->settle_next);
    put_u64(&writer, state->kept.all_settled_next);
    put_u64(&writer, state->settling.term);
    for (uint32_t i = 0; i < HUNTS_MAX; i++)
        put_u32(&writer, state->learned[i]);
    put_u16(&writer, count_hunts(state));
    put_u16(&writer, count_judging(state));
    put_u16(&writer, (uint16_t)state->coming_count);
    put_u32(&writer, state->settling.count);
    put_u32(&writer, state->kept.count);
    engine_put_head(state->engine, &writer);
    CHECK(writer_ok(&writer));
    return snapshot_add(snapshot, SECTION_HEAD, bytes, writer.used, NULL);
}

static enum status add_hunts(const struct range_state *state, struct snapshot_writer *snapshot)
{
    enum status status = STATUS_OK;
    for (uint16_t hunt = 0; hunt < HUNTS_MAX && status == STATUS_OK; hunt++) {
        const size_t size = engine_hunt_bytes(state->engine, hunt);
        if (size == 0)
            continue;
        uint8_t *bytes = malloc(size);
        if (bytes == NULL)
            return STATUS_NO_MEMORY;
        struct writer writer;
        writer_init(&writer, bytes, size);
        engine_put_hunt(state->engine, hunt, &writer);
        CHECK(writer_ok(&writer));
        CHECK(writer.used == size);
        status = snapshot_add(snapshot, SECTION_HUNT, bytes, size, NULL);
    }
    return status;
}

static enum status add_definition(struct snapshot_writer *snapshot, enum definition_role role,
                                  const struct coming *version)
{
    uint8_t *bytes = malloc(DEFINITION_PREFIX_BYTES);
    if (bytes == NULL)
        return STATUS_NO_MEMORY;
    struct writer writer;
    writer_init(&writer, bytes, DEFINITION_PREFIX_BYTES);
    put_u8(&writer, (uint8_t)role);
    put_u16(&writer, version->hunt);
    put_u32(&writer, version->version);
    put_u64(&writer, version->promise);
    put_u64(&writer, version->active_from);
    CHECK(writer_ok(&writer));
    return snapshot_add(snapshot, SECTION_DEFINITION, bytes, writer.used, version->definition);
}

static enum status add_definitions(const struct range_state *state,
                                   struct snapshot_writer *snapshot)
{
    enum status status = STATUS_OK;
    for (uint16_t hunt = 0; hunt < HUNTS_MAX && status == STATUS_OK; hunt++) {
        struct coming judging = {.hunt = hunt};
        judging.definition = state->judging[hunt];
        if (judging.definition == NULL)
            continue;
        (void)engine_definition(state->engine, hunt, &judging.version);
        status = add_definition(snapshot, DEFINITION_JUDGES, &judging);
    }
    for (uint32_t i = 0; i < state->coming_count && status == STATUS_OK; i++)
        status = add_definition(snapshot, DEFINITION_COMES, &state->coming[i]);
    return status;
}

static enum status add_parts(const struct range_state *state, struct snapshot_writer *snapshot)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < state->settling.count && status == STATUS_OK; i++) {
        uint8_t *bytes = malloc(SETTLE_PART_BYTES_MAX);
        if (bytes == NULL)
            return STATUS_NO_MEMORY;
        struct writer writer;
        writer_init(&writer, bytes, SETTLE_PART_BYTES_MAX);
        settle_put_part(state->settling.parts[i], &writer);
        CHECK(writer_ok(&writer));
        status = snapshot_add(snapshot, SECTION_PART, bytes, writer.used, NULL);
    }
    return status;
}

static enum status add_summaries(const struct range_state *state, struct snapshot_writer *snapshot)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < state->kept.count && status == STATUS_OK; i++)
        status = snapshot_add_summary(snapshot, state->kept.list[i]);
    return status;
}

static enum status add_all(const struct range_state *state, const struct snapshot_head *head,
                           struct snapshot_writer *snapshot)
{
    enum status status = add_head(state, head, snapshot);
    if (status == STATUS_OK)
        status = add_hunts(state, snapshot);
    if (status == STATUS_OK)
        status = add_definitions(state, snapshot);
    if (status == STATUS_OK)
        status = add_parts(state, snapshot);
    return status == STATUS_OK ? add_summaries(state, snapshot) : status;
}

enum status range_snapshot_begin(struct range_state *state, const struct settings *settings,
                                 const struct group_base *base, struct snapshot_writer **ret_writer)
{
    CHECK(!state->graveyard.open);
    struct snapshot_writer *snapshot = snapshot_writer_new();
    if (snapshot == NULL)
        return STATUS_NO_MEMORY;
    const struct snapshot_head head = {
        .kind = SNAPSHOT_RANGE, .group = state->range, .settings = *settings, .base = *base};
    enum status status = add_all(state, &head, snapshot);
    if (status == STATUS_OK)
        status = engine_cut(state->engine);
    if (status != STATUS_OK) {
        snapshot_writer_free(snapshot);
        return status;
    }
    snapshot_add_lists(snapshot, state->engine);
    graveyard_open(&state->graveyard);
    *ret_writer = snapshot;
    return STATUS_OK;
}

void range_snapshot_end(struct range_state *state, struct snapshot_writer *writer)
{
    snapshot_writer_free(writer);
    graveyard_close(&state->graveyard);
}
