/* A hunt file: a byte of flags (JSON or YAML, and whether a hunt is asked for), then its text. */
#include <jansson.h>

#include "node/hunt_file.h"
#include "node/hunt_json.h"
#include "tests/fuzz/fuzz.h"

static uint8_t *encode(const struct definition *definition, size_t *ret_bytes)
{
    const size_t bytes = definition_bytes(definition);
    uint8_t *data = malloc(bytes);
    struct writer writer;
    CHECK(data != NULL);
    writer_init(&writer, data, bytes);
    definition_encode(definition, &writer);
    CHECK(writer_ok(&writer));
    CHECK(writer.used == bytes);
    *ret_bytes = bytes;
    return data;
}

static void check_equal(const struct definition *a, const struct definition *b)
{
    size_t a_bytes;
    size_t b_bytes;
    uint8_t *a_data = encode(a, &a_bytes);
    uint8_t *b_data = encode(b, &b_bytes);
    CHECK(a_bytes == b_bytes);
    CHECK(memcmp(a_data, b_data, a_bytes) == 0);
    free(a_data);
    free(b_data);
}

/* What GET answers can be put again. */
static void check_json_form(const struct definition *definition)
{
    struct hunt_faults faults = {0};
    struct definition *again;
    json_t *object = hunt_json(definition);
    CHECK(object != NULL);
    char *text = json_dumps(object, JSON_REAL_PRECISION(HUNT_JSON_DIGITS));
    CHECK(text != NULL);
    const struct hunt_file file = {.text = text, .size = strlen(text), .format = HUNT_FILE_JSON};
    CHECK(hunt_file_read(&again, &file, &faults) == STATUS_OK);
    check_equal(definition, again);
    definition_free(again);
    free(text);
    json_decref(object);
}

/* As it is logged: with numbers. */
static void check_log_form(struct definition *definition)
{
    struct definition *again;
    size_t bytes;
    struct definition_names *names = calloc(1, sizeof *names);
    CHECK(names != NULL);
    CHECK(definition_number(definition, names) == STATUS_OK);
    uint8_t *data = encode(definition, &bytes);
    CHECK(definition_decode(&again, data, bytes) == STATUS_OK);
    check_equal(definition, again);
    definition_free(again);
    free(data);
    free(names);
}

static void check_faults(const struct hunt_faults *faults, const char *text, size_t size)
{
    uint32_t lines = 1;
    uint32_t before = 0;
    /* YAML knows line ends that C does not: none is shorter than a byte. */
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n' || text[i] == '\r' || (text[i] & 0x80) != 0 ? 1 : 0;
    CHECK(faults->count > 0);
    CHECK(faults->listed > 0);
    CHECK(faults->listed <= HUNT_FAULTS_MAX);
    for (uint32_t i = 0; i < faults->listed; i++) {
        const struct hunt_fault *fault = &faults->list[i];
        CHECK(fault->line >= before);
        CHECK(fault->line <= lines);
        CHECK(fault->detail[0] != '\0');
        CHECK(utf8_prefix(fault->field, strlen(fault->field)) == strlen(fault->field));
        CHECK(utf8_prefix(fault->detail, strlen(fault->detail)) == strlen(fault->detail));
        before = fault->line;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct hunt_faults faults = {0};
    struct definition *definition;
    struct name hunt;
    CHECK(name_set(&hunt, "h", 1) == STATUS_OK);
    const uint8_t flags = fuzz_u8(&input);
    struct hunt_file file = {.format = (flags & 1) != 0 ? HUNT_FILE_JSON : HUNT_FILE_YAML,
                             .hunt = (flags & 2) != 0 ? &hunt : NULL};
    uint8_t *text = fuzz_bytes(&input, SIZE_MAX, &file.size);
    file.text = (const char *)text;
    const enum status status = hunt_file_read(&definition, &file, &faults);
    if (status == STATUS_OK) {
        struct definition_faults none = {0};
        definition_check(definition, &none);
        CHECK(none.count == 0);
        CHECK(file.hunt == NULL || name_equal(&definition->hunt, &hunt));
        check_json_form(definition);
        check_log_form(definition);
        definition_free(definition);
    } else {
        CHECK(status == STATUS_INVALID);
        check_faults(&faults, file.text, file.size);
    }
    hunt_faults_fini(&faults);
    free(text);
    return 0;
}
