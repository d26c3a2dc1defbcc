/* The log of the system group: records as the input has them, some with a sound header. Two
 * replicas apply the same and must agree; the settings are within the contract, and every
 * definition that was taken is a good one. */
#include "cluster/ranges/system_state.h"
#include "tests/fuzz/fuzz.h"

#define RECORDS_MAX 64

static void apply(struct system_state *const states[2], const uint8_t *data, size_t bytes)
{
    struct system_change changes[2];
    for (size_t at = 0; at < 2; at++)
        system_state_apply(states[at], data, bytes, &changes[at]);
    CHECK(changes[0].status == changes[1].status);
    CHECK(system_state_digest(states[0]) == system_state_digest(states[1]));
}

static void step_raw(struct system_state *const states[2], struct fuzz_input *input)
{
    size_t bytes;
    uint8_t *data = fuzz_bytes(input, fuzz_u16(input) % 4096, &bytes);
    apply(states, data, bytes);
    free(data);
}

static void step_sound(struct system_state *const states[2], struct fuzz_input *input)
{
    static const enum record_kind kinds[] = {RECORD_FOUND,  RECORD_DEFINE, RECORD_ACTIVATE,
                                             RECORD_CANCEL, RECORD_MEMBER, RECORD_BARRIER};
    const uint8_t how = fuzz_u8(input);
    struct record record = {.kind = kinds[how % 6],
                            .stamp = 1,
                            .hunt = fuzz_u8(input) % 4,
                            .version = fuzz_u8(input) % 8,
                            .epoch = 1000U + fuzz_u8(input)};
    uint8_t *body = NULL;
    if (record.kind == RECORD_FOUND || record.kind == RECORD_DEFINE || record.kind == RECORD_MEMBER)
        body = fuzz_bytes(input, fuzz_u16(input) % 4096, &record.body_bytes);
    record.body = body;
    const size_t bytes = record_bytes(&record);
    uint8_t *data = malloc(bytes);
    CHECK(data != NULL);
    CHECK(record_encode(&record, data, bytes) == STATUS_OK);
    apply(states, data, bytes);
    free(data);
    free(body);
}

static void check_hunt(const struct hunt *hunt)
{
    struct definition_faults faults = {0};
    CHECK(hunt->version_count <= HUNT_VERSIONS_KEPT);
    for (uint32_t i = 0; i < hunt->version_count; i++) {
        const struct hunt_version *version = &hunt->versions[i];
        CHECK(version->version >= 1 && version->version <= hunt->newest);
        if (version->definition == NULL)
            continue;
        definition_check(version->definition, &faults);
        CHECK(name_equal(&version->definition->hunt, &hunt->name));
    }
    CHECK(faults.count == 0);
}

static void check_state(const struct system_state *state)
{
    const struct settings *settings = system_state_settings(state);
    CHECK(settings == NULL || settings_valid(settings));
    CHECK(system_state_members(state) <= NODES_MAX);
    CHECK(system_state_hunts(state) <= HUNTS_MAX);
    for (uint32_t i = 0; i < system_state_hunts(state); i++)
        check_hunt(system_state_hunt(state, i));
}

/* What was founded can be written again, as the same bytes. */
static void read_found(const uint8_t *data, size_t size)
{
    static struct member members[NODES_MAX];
    static uint8_t again[FOUND_BYTES_MAX];
    struct settings settings;
    uint32_t count;
    struct reader reader;
    struct writer writer;
    reader_init(&reader, data, size);
    if (!found_decode(&settings, members, &count, &reader))
        return;
    CHECK(reader_done(&reader));
    CHECK(settings_valid(&settings));
    writer_init(&writer, again, sizeof again);
    found_encode(&settings, members, count, &writer);
    CHECK(writer_ok(&writer));
    CHECK(writer.used == size);
    CHECK(memcmp(again, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct system_state *const states[2] = {system_state_new(), system_state_new()};
    CHECK(states[0] != NULL && states[1] != NULL);
    read_found(data, size);
    for (size_t i = 0; i < RECORDS_MAX && input.left > 0; i++) {
        if (fuzz_u8(&input) % 2 == 0)
            step_raw(states, &input);
        else
            step_sound(states, &input);
    }
    check_state(states[0]);
    system_state_free(states[0]);
    system_state_free(states[1]);
    return 0;
}
