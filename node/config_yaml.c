#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "cluster/base/check.h"
#include "node/config_parts.h"

#define SECTIONS_MAX     8
#define KEYS_MAX         8
#define TEXT_BYTES_MAX   4096
#define PATH_BYTES       128
#define PATH_PARTS_MAX   8
#define FIELD_FLAGS      (enum cyaml_flag)(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define MAPPING_IN_PLACE CYAML_FLAG_OPTIONAL

/* --- Where things stand ------------------------------------------------------------------------
 * libcyaml tells the place of the event before the wrong one, so places are looked up in the
 * document once more. */

/* The pair of a mapping with this key, the last where there are two; NULL: none. */
static const yaml_node_pair_t *find_pair(yaml_document_t *document, const yaml_node_t *mapping,
                                         const char *key)
{
    const yaml_node_pair_t *found = NULL;
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(document, pair->key);
        if (name != NULL && name->type == YAML_SCALAR_NODE &&
            strcmp((const char *)name->data.scalar.value, key) == 0)
            found = pair;
    }
    return found;
}

/* Follows the place as far as the document goes; false: not even the section is there. */
static bool find_mark(yaml_document_t *document, const struct config_place *place,
                      yaml_mark_t *ret_mark)
{
    const yaml_node_t *root = yaml_document_get_root_node(document);
    const yaml_node_pair_t *section = find_pair(document, root, place->section);
    if (section == NULL)
        return false;
    *ret_mark = yaml_document_get_node(document, section->key)->start_mark;
    const yaml_node_t *inside = yaml_document_get_node(document, section->value);
    const yaml_node_pair_t *pair =
        place->key[0] != '\0' ? find_pair(document, inside, place->key) : NULL;
    if (pair == NULL)
        return place->key[0] == '\0';
    const yaml_node_t *value = yaml_document_get_node(document, pair->value);
    *ret_mark = yaml_document_get_node(document, pair->key)->start_mark;
    if (place->item >= 0 && value->type == YAML_SEQUENCE_NODE) {
        const yaml_node_item_t *item = value->data.sequence.items.start + place->item;
        if (item < value->data.sequence.items.top)
            *ret_mark = yaml_document_get_node(document, *item)->start_mark;
    }
    return true;
}

static bool locate(const struct config_source *source, const struct config_place *place,
                   yaml_mark_t *ret_mark)
{
    yaml_parser_t parser;
    yaml_document_t document;
    bool found = false;
    if (yaml_parser_initialize(&parser) == 0)
        return false;
    yaml_parser_set_input_string(&parser, (const unsigned char *)source->text, source->bytes);
    if (yaml_parser_load(&parser, &document) != 0) {
        found = find_mark(&document, place, ret_mark);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return found;
}

void config_yaml_locate(char *text, size_t capacity, const struct config_source *source,
                        const struct config_place *place)
{
    yaml_mark_t mark;
    const char *dot = place->key[0] != '\0' ? "." : "";
    if (locate(source, place, &mark))
        (void)snprintf(text, capacity, "%.120s:%zu:%zu: %.40s%s%.40s", source->name, mark.line + 1,
                       mark.column + 1, place->section, dot, place->key);
    else
        (void)snprintf(text, capacity, "%.120s: %.40s%s%.40s", source->name, place->section, dot,
                       place->key);
}

/* --- Syntax ----------------------------------------------------------------------------------- */

static enum status fail_at(struct config_fault *fault, const struct config_source *source,
                           yaml_mark_t mark, const char *what)
{
    (void)snprintf(fault->text, sizeof fault->text, "%.120s:%zu:%zu: %.200s", source->name,
                   mark.line + 1, mark.column + 1, what);
    return STATUS_INVALID;
}

/* One document, without a fault in its syntax, and without aliases, by which one node could be in
 * many places, or in itself. */
static enum status check_syntax(const struct config_source *source, struct config_fault *fault)
{
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0)
        return STATUS_NO_MEMORY;
    yaml_parser_set_input_string(&parser, (const unsigned char *)source->text, source->bytes);
    enum status status = STATUS_OK;
    unsigned documents = 0;
    bool end = false;
    while (status == STATUS_OK && !end) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            status = fail_at(fault, source, parser.problem_mark,
                             parser.problem != NULL ? parser.problem : "this is not YAML");
            break;
        }
        if (event.type == YAML_ALIAS_EVENT)
            status = fail_at(fault, source, event.start_mark, "aliases are not allowed here");
        if (event.type == YAML_DOCUMENT_START_EVENT && documents++ > 0)
            status = fail_at(fault, source, event.start_mark, "a second document");
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return status;
}

/* --- Shape ------------------------------------------------------------------------------------ */

/* libcyaml's own form of the table: a mapping of sections, all of whose fields lie in one
 * config_layer. */
struct schema {
    cyaml_schema_value_t top, item;
    cyaml_schema_field_t sections[SECTIONS_MAX + 1];
    cyaml_schema_field_t keys[SECTIONS_MAX][KEYS_MAX + 1];
};

static cyaml_schema_field_t field_schema(const struct schema *schema, size_t field)
{
    const struct config_field *about = &config_fields[field];
    if (about->kind != CONFIG_LIST)
        return (cyaml_schema_field_t){
            .key = about->key,
            .data_offset =
                (uint32_t)(offsetof(struct config_layer, texts) + field * sizeof(char *)),
            .value = {.type = CYAML_STRING,
                      .flags = FIELD_FLAGS,
                      .data_size = sizeof(char),
                      .string = {.min = 0, .max = TEXT_BYTES_MAX}},
        };
    const size_t list =
        offsetof(struct config_layer, lists) + field * sizeof((struct config_layer *)0)->lists[0];
    const size_t count = offsetof(struct config_layer, lists[0].count) -
                         offsetof(struct config_layer, lists[0].items);
    return (cyaml_schema_field_t){
        .key = about->key,
        .data_offset = (uint32_t)list,
        .count_offset = (uint32_t)(list + count),
        .count_size = sizeof(unsigned),
        .value = {.type = CYAML_SEQUENCE,
                  .flags = FIELD_FLAGS,
                  .data_size = sizeof(char *),
                  .sequence = {.entry = &schema->item, .min = 0, .max = CONFIG_LIST_MAX}},
    };
}

static void schema_fill(struct schema *schema)
{
    size_t sections = 0;
    size_t keys = 0;
    *schema = (struct schema){
        .top = {.type = CYAML_MAPPING,
                .flags = CYAML_FLAG_POINTER,
                .data_size = sizeof(struct config_layer),
                .mapping = {.fields = schema->sections}},
        .item = {.type = CYAML_STRING,
                 .flags = CYAML_FLAG_POINTER,
                 .data_size = sizeof(char),
                 .string = {.min = 1, .max = TEXT_BYTES_MAX}},
    };
    for (size_t i = 0; i < CONFIG_FIELDS; i++) {
        const char *name = config_fields[i].section;
        if (sections == 0 || strcmp(schema->sections[sections - 1].key, name) != 0) {
            CHECK(sections < SECTIONS_MAX);
            schema->sections[sections] = (cyaml_schema_field_t){
                .key = name,
                .value = {.type = CYAML_MAPPING,
                          .flags = MAPPING_IN_PLACE,
                          .data_size = sizeof(struct config_layer),
                          .mapping = {.fields = schema->keys[sections]}},
            };
            sections++;
            keys = 0;
        }
        CHECK(keys < KEYS_MAX);
        schema->keys[sections - 1][keys++] = field_schema(schema, i);
    }
}

/* What libcyaml says about a fault: a message, then a backtrace from the inside outwards. */
struct complaint {
    char message[200];
    char path[PATH_PARTS_MAX][PATH_BYTES];
    size_t parts;
};

/* The quoted part of "  in mapping field 'ranges' (line: 3, column: 6)". */
static void note_backtrace(struct complaint *complaint, const char *line)
{
    const char *open = strchr(line, '\'');
    const char *close = open != NULL ? strchr(open + 1, '\'') : NULL;
    if (close == NULL || complaint->parts == PATH_PARTS_MAX || close - open >= PATH_BYTES)
        return;
    char *part = complaint->path[complaint->parts++];
    memcpy(part, open + 1, (size_t)(close - open - 1));
    part[close - open - 1] = '\0';
}

PRINTF_LIKE(3, 0)
static void on_complaint(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    static const char load[] = "Load: ";
    struct complaint *complaint = context;
    char line[256];
    (void)level;
    (void)vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, load, sizeof load - 1) != 0)
        note_backtrace(complaint, line);
    else if (complaint->message[0] == '\0')
        (void)snprintf(complaint->message, sizeof complaint->message, "%.190s",
                       line + sizeof load - 1);
}

/* The outermost part of the path comes last. */
static enum status report(const struct complaint *complaint, const struct config_source *source,
                          struct config_fault *fault)
{
    static const char unknown[] = "Unexpected key: ";
    const char *parts[PATH_PARTS_MAX + 1] = {NULL};
    size_t count = 0;
    for (size_t i = complaint->parts; i > 0; i--)
        parts[count++] = complaint->path[i - 1];
    const char *what = complaint->message;
    if (strncmp(what, unknown, sizeof unknown - 1) == 0) {
        parts[count++] = what + sizeof unknown - 1;
        what = "there is no such key";
    }
    const struct config_place place = {
        .section = count > 0 ? parts[0] : "",
        .key = count > 1 ? parts[1] : "",
        .item = count > 2 ? strtol(parts[2], NULL, 10) : -1,
    };
    char at[256];
    if (count > 0)
        config_yaml_locate(at, sizeof at, source, &place);
    else
        (void)snprintf(at, sizeof at, "%.120s:1:1", source->name);
    (void)snprintf(fault->text, sizeof fault->text, "%s: %s", at, what);
    return STATUS_INVALID;
}

static const cyaml_config_t cyaml_settings = {
    .mem_fn = cyaml_mem,
    .log_level = CYAML_LOG_WARNING,
    .flags = CYAML_CFG_NO_ALIAS,
};

enum status config_yaml_load(struct config_layer **ret_layer, const struct config_source *source,
                             struct config_fault *fault)
{
    const enum status syntax = check_syntax(source, fault);
    if (syntax != STATUS_OK)
        return syntax;
    struct schema schema;
    struct complaint complaint = {.parts = 0};
    cyaml_config_t settings = cyaml_settings;
    settings.log_fn = on_complaint;
    settings.log_ctx = &complaint;
    cyaml_data_t *data = NULL;
    schema_fill(&schema);
    const cyaml_err_t error = cyaml_load_data((const uint8_t *)source->text, source->bytes,
                                              &settings, &schema.top, &data, NULL);
    if (error == CYAML_ERR_OOM)
        return STATUS_NO_MEMORY;
    if (error != CYAML_OK)
        return report(&complaint, source, fault);
    *ret_layer = data;
    return STATUS_OK;
}

void config_yaml_free(struct config_layer *layer)
{
    struct schema schema;
    if (layer == NULL)
        return;
    schema_fill(&schema);
    (void)cyaml_free(&cyaml_settings, &schema.top, layer, 0);
}
