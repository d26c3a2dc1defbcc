#include "node/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"
#include "node/config_parts.h"

/* A member's path cannot stand in parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
#define TEXT(section, key, standard)                                                               \
    {                                                                                              \
#section, #key, CONFIG_TEXT, offsetof(struct config, section.key), (standard), 0, 0        \
    }
#define LIST(section, key)                                                                         \
    {                                                                                              \
#section, #key, CONFIG_LIST, offsetof(struct config, section.key), "", 0, 0                \
    }
#define NUMBER(section, key, standard, min, max)                                                   \
    {                                                                                              \
#section, #key, CONFIG_NUMBER, offsetof(struct config, section.key), (standard), (min),    \
            (max)                                                                                  \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

/* In the order of the contract, sections together. The defaults are the contract's. */
const struct config_field config_fields[CONFIG_FIELDS] = {
    TEXT(node, name, NULL),
    TEXT(node, data, NULL),
    TEXT(node, zone, ""),
    TEXT(http, listen, "127.0.0.1:7801"),
    NUMBER(http, threads, "0", 0, 64),
    TEXT(http, admin_token_file, ""),
    LIST(http, cors),
    TEXT(peer, listen, "tcp://127.0.0.1:7901"),
    TEXT(peer, advertise, ""),
    LIST(peer, keys),
    LIST(cluster, join),
    {"cluster", "found", CONFIG_FLAG, offsetof(struct config, cluster.found), "false", 0, 0},
    NUMBER(cluster, ranges, "16", 1, RANGES_MAX),
    NUMBER(cluster, replicas, "3", 1, REPLICAS_MAX),
    NUMBER(cluster, epoch_ms, "10000", EPOCH_MS_MIN, EPOCH_MS_MAX),
    NUMBER(cluster, replace_after_ms, "30000", 1000, 86400000),
    NUMBER(cluster, players_max, "1000000", 1, PLAYERS_MAX_LIMIT),
    NUMBER(limits, body_bytes, "1048576", 1, 64 << 20),
    NUMBER(limits, header_bytes, "8192", 256, 65000),
    NUMBER(limits, request_ms, "10000", 1, 600000),
    NUMBER(limits, connections, "10000", 1, 1000000),
    NUMBER(limits, waiting_actions, "50000", 1, 1000000),
    NUMBER(disk, snapshot_bytes, "16777216", 4096, 1 << 30),
    NUMBER(disk, reserve_bytes, "671088640", 0, UINT32_MAX),
    {"log", "level", CONFIG_LEVEL, offsetof(struct config, log.level), "info", 0, 0},
    {"log", "format", CONFIG_FORMAT, offsetof(struct config, log.format), "text", 0, 0},
};

size_t config_find(const char *section, const char *key)
{
    for (size_t i = 0; i < CONFIG_FIELDS; i++) {
        if (strcmp(config_fields[i].section, section) == 0 &&
            strcmp(config_fields[i].key, key) == 0)
            return i;
    }
    return CONFIG_FIELDS;
}

enum status config_fail(const struct config_making *making, size_t field, long item,
                        const char *format, ...)
{
    char place[256];
    char what[200];
    if (making->set_by[field] != NULL) {
        (void)snprintf(place, sizeof place, "--set %s", making->set_by[field]);
    } else {
        const struct config_place at = {
            .section = config_fields[field].section,
            .key = config_fields[field].key,
            .item = item,
        };
        config_yaml_locate(place, sizeof place, making->source, &at);
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(making->fault->text, sizeof making->fault->text, "%s: %s", place, what);
    return STATUS_INVALID;
}

/* --- From texts to values --------------------------------------------------------------------- */

static void *field_at(const struct config_making *making, size_t field)
{
    return (char *)making->config + config_fields[field].offset;
}

static enum status set_text(const struct config_making *making, size_t field, const char *text)
{
    char **place = field_at(making, field);
    char *copy = strdup(text);
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    free(*place);
    *place = copy;
    return STATUS_OK;
}

static enum status set_number(const struct config_making *making, size_t field, const char *text)
{
    const struct config_field *about = &config_fields[field];
    uint64_t number = 0;
    const size_t length = strlen(text);
    bool valid = length >= 1 && length <= 10;
    for (size_t i = 0; i < length && valid; i++) {
        valid = text[i] >= '0' && text[i] <= '9';
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    if (!valid || number < about->min || number > about->max)
        return config_fail(making, field, -1,
                           "must be a whole number from %" PRIu32 " to %" PRIu32 ", is '%.40s'",
                           about->min, about->max, text);
    uint32_t *place = field_at(making, field);
    *place = (uint32_t)number;
    return STATUS_OK;
}

static enum status set_flag(const struct config_making *making, size_t field, const char *text)
{
    const bool value = strcmp(text, "true") == 0;
    if (!value && strcmp(text, "false") != 0)
        return config_fail(making, field, -1, "must be true or false, is '%.40s'", text);
    bool *place = field_at(making, field);
    *place = value;
    return STATUS_OK;
}

static enum status set_scalar(const struct config_making *making, size_t field, const char *text)
{
    switch (config_fields[field].kind) {
    case CONFIG_TEXT:
        return set_text(making, field, text);
    case CONFIG_NUMBER:
        return set_number(making, field, text);
    case CONFIG_FLAG:
        return set_flag(making, field, text);
    case CONFIG_LEVEL:
        if (log_level_parse(field_at(making, field), text) != STATUS_OK)
            return config_fail(making, field, -1,
                               "must be debug, info, warning or error, is '%.40s'", text);
        return STATUS_OK;
    case CONFIG_FORMAT:
        if (log_format_parse(field_at(making, field), text) != STATUS_OK)
            return config_fail(making, field, -1, "must be text or json, is '%.40s'", text);
        return STATUS_OK;
    case CONFIG_LIST:
        break;
    }
    UNREACHABLE();
}

static void list_free(struct config_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct config_list){.count = 0};
}

static enum status list_add(struct config_list *list, const char *text, size_t length)
{
    char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (items == NULL)
        return STATUS_NO_MEMORY;
    list->items = items;
    char *item = strndup(text, length);
    if (item == NULL)
        return STATUS_NO_MEMORY;
    items[list->count++] = item;
    return STATUS_OK;
}

/* "[a, b]", "[]" or just "a". */
static enum status set_list(const struct config_making *making, size_t field, const char *text)
{
    struct config_list *list = field_at(making, field);
    const char *end = text + strlen(text);
    list_free(list);
    if (text[0] == '[' && end[-1] == ']') {
        text++;
        end--;
    }
    while (text < end) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *next = comma != NULL ? comma + 1 : end;
        size_t length = (size_t)((comma != NULL ? comma : end) - text);
        for (; length > 0 && text[0] == ' '; length--)
            text++;
        while (length > 0 && text[length - 1] == ' ')
            length--;
        if (length == 0 && (comma != NULL || list->count > 0))
            return config_fail(making, field, -1, "has an empty member");
        if (list->count == CONFIG_LIST_MAX)
            return config_fail(making, field, -1, "has more than %d members", CONFIG_LIST_MAX);
        const enum status status = length > 0 ? list_add(list, text, length) : STATUS_OK;
        if (status != STATUS_OK)
            return status;
        text = next;
    }
    return STATUS_OK;
}

static enum status set_from_layer(const struct config_making *making, size_t field,
                                  const struct config_layer *layer)
{
    if (config_fields[field].kind != CONFIG_LIST)
        return layer->texts[field] != NULL ? set_scalar(making, field, layer->texts[field])
                                           : STATUS_OK;
    struct config_list *list = field_at(making, field);
    for (unsigned i = 0; i < layer->lists[field].count; i++) {
        const char *item = layer->lists[field].items[i];
        const enum status status = list_add(list, item, strlen(item));
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* "section.key=value" */
static enum status set_from_command(struct config_making *making, const char *setting)
{
    char section[32];
    char key[32];
    const size_t section_length = strcspn(setting, ".=");
    const char *key_at = setting + section_length + (setting[section_length] != '\0');
    const size_t key_length = strcspn(key_at, "=");
    const bool shaped = setting[section_length] == '.' && key_at[key_length] == '=';
    if (shaped && section_length < sizeof section && key_length < sizeof key) {
        memcpy(section, setting, section_length);
        section[section_length] = '\0';
        memcpy(key, key_at, key_length);
        key[key_length] = '\0';
        const size_t field = config_find(section, key);
        if (field < CONFIG_FIELDS) {
            const char *value = key_at + key_length + 1;
            making->set_by[field] = setting;
            return config_fields[field].kind == CONFIG_LIST ? set_list(making, field, value)
                                                            : set_scalar(making, field, value);
        }
    }
    (void)snprintf(making->fault->text, sizeof making->fault->text, "--set %.200s: %s", setting,
                   shaped ? "there is no such key" : "must be section.key=value");
    return STATUS_INVALID;
}

static enum status set_standards(const struct config_making *making)
{
    for (size_t i = 0; i < CONFIG_FIELDS; i++) {
        if (config_fields[i].kind == CONFIG_LIST)
            continue;
        const char *standard = config_fields[i].standard;
        const enum status status = set_scalar(making, i, standard != NULL ? standard : "");
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* A key that is given in both is judged in both, so that a file is either right or not. */
static enum status make(struct config_making *making, const struct config_layer *layer)
{
    enum status status = set_standards(making);
    for (size_t i = 0; i < CONFIG_FIELDS && layer != NULL && status == STATUS_OK; i++)
        status = set_from_layer(making, i, layer);
    for (size_t i = 0; i < making->source->settings_count && status == STATUS_OK; i++)
        status = set_from_command(making, making->source->settings[i]);
    return status == STATUS_OK ? config_check(making) : status;
}

enum status config_parse(struct config *ret_config, const struct config_source *source,
                         struct config_fault *fault)
{
    struct config config = {.node = {.name = NULL}};
    struct config_making making = {.config = &config, .source = source, .fault = fault};
    struct config_layer *layer = NULL;
    (void)snprintf(fault->text, sizeof fault->text, "%s: no memory", source->name);
    enum status status = config_yaml_load(&layer, source, fault);
    if (status == STATUS_OK)
        status = make(&making, layer);
    config_yaml_free(layer);
    if (status == STATUS_OK)
        *ret_config = config;
    else
        config_fini(&config);
    return status;
}

/* Reads a file of up to CONFIG_FILE_BYTES_MAX. */
static enum status read_file(const char *path, char **ret_text, size_t *ret_bytes,
                             struct config_fault *fault)
{
    enum status status = STATUS_OK;
    char *text = malloc(CONFIG_FILE_BYTES_MAX + 1);
    FILE *file = text != NULL ? fopen(path, "rbe") : NULL;
    size_t bytes = 0;
    if (text == NULL) {
        status = STATUS_NO_MEMORY;
    } else if (file != NULL) {
        bytes = fread(text, 1, CONFIG_FILE_BYTES_MAX + 1, file);
    }
    if (text != NULL && (file == NULL || ferror(file) != 0)) {
        (void)snprintf(fault->text, sizeof fault->text, "%.200s: %s", path, strerror(errno));
        status = STATUS_IO;
    } else if (bytes > CONFIG_FILE_BYTES_MAX) {
        (void)snprintf(fault->text, sizeof fault->text, "%.200s: longer than 1 MiB", path);
        status = STATUS_INVALID;
    }
    if (file != NULL)
        (void)fclose(file);
    if (status != STATUS_OK) {
        free(text);
        return status;
    }
    *ret_text = text;
    *ret_bytes = bytes;
    return STATUS_OK;
}

enum status config_load(struct config *ret_config, const char *path, const char *const *settings,
                        size_t settings_count, struct config_fault *fault)
{
    char *text = NULL;
    size_t bytes = 0;
    enum status status = read_file(path, &text, &bytes, fault);
    if (status != STATUS_OK)
        return status;
    const struct config_source source = {
        .name = path,
        .text = text,
        .bytes = bytes,
        .settings = settings,
        .settings_count = settings_count,
    };
    status = config_parse(ret_config, &source, fault);
    free(text);
    return status;
}

void config_fini(struct config *config)
{
    const struct config_making making = {.config = config};
    for (size_t i = 0; i < CONFIG_FIELDS; i++) {
        if (config_fields[i].kind == CONFIG_LIST)
            list_free(field_at(&making, i));
        if (config_fields[i].kind == CONFIG_TEXT) {
            char **place = field_at(&making, i);
            free(*place);
            *place = NULL;
        }
    }
}

/* --- Printing --------------------------------------------------------------------------------- */

/* A double-quoted scalar (YAML 1.1, 5.7), which can hold anything. */
static void print_text(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            (void)fprintf(out, "\\x%02x", c);
        else
            (void)fputc(c, out);
    }
    (void)fputc('"', out);
}

static void print_list(FILE *out, const struct config_list *list)
{
    (void)fputc('[', out);
    for (uint32_t i = 0; i < list->count; i++) {
        if (i > 0)
            (void)fputs(", ", out);
        print_text(out, list->items[i]);
    }
    (void)fputc(']', out);
}

static void print_value(const struct config *config, const struct config_field *field, FILE *out)
{
    const void *at = (const char *)config + field->offset;
    switch (field->kind) {
    case CONFIG_TEXT:
        print_text(out, *(char *const *)at);
        return;
    case CONFIG_NUMBER:
        (void)fprintf(out, "%" PRIu32, *(const uint32_t *)at);
        return;
    case CONFIG_FLAG:
        (void)fputs(*(const bool *)at ? "true" : "false", out);
        return;
    case CONFIG_LEVEL:
        (void)fputs(log_level_name(*(const enum log_level *)at), out);
        return;
    case CONFIG_FORMAT:
        (void)fputs(log_format_name(*(const enum log_format *)at), out);
        return;
    case CONFIG_LIST:
        print_list(out, at);
        return;
    }
    UNREACHABLE();
}

void config_print(const struct config *config, FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < CONFIG_FIELDS; i++) {
        const struct config_field *field = &config_fields[i];
        if (strcmp(section, field->section) != 0) {
            section = field->section;
            (void)fprintf(out, "%s:\n", section);
        }
        (void)fprintf(out, "  %s: ", field->key);
        print_value(config, field, out);
        (void)fputc('\n', out);
    }
}
