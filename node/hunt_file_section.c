#include "node/hunt_file_section.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/check.h"
#include "node/hunt_file_scalar.h"

const char *quoted(char text[QUOTED_BYTES], const char *from)
{
    const size_t length = strlen(from);
    const size_t kept = length < QUOTED_BYTES ? length : QUOTED_BYTES - 1;
    const size_t whole = utf8_prefix(from, kept);
    memcpy(text, from, whole);
    text[whole] = '\0';
    for (size_t i = 0; i < whole; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    }
    return text;
}

void section_fault(const struct section *section, uint32_t line, const char *key,
                   const char *detail, ...)
{
    char field[sizeof((struct hunt_fault *)0)->field];
    char text[sizeof((struct hunt_fault *)0)->detail];
    char shown[QUOTED_BYTES];
    (void)snprintf(field, sizeof field, "%s%s", section->path, quoted(shown, key));
    va_list arguments;
    va_start(arguments, detail);
    (void)vsnprintf(text, sizeof text, detail, arguments);
    va_end(arguments);
    hunt_fault(section->faults, line, field, "%s", text);
}

void section_keys(const struct section *section, const char *const *known)
{
    /* Kept, and not looked up again for each: a file may repeat a key ten thousand times. */
    const struct node *first[SECTION_KEYS_MAX] = {0};
    for (const struct node *node = section->map->first; node != NULL; node = node->next) {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], node->key) != 0)
            i++;
        CHECK(i < SECTION_KEYS_MAX);
        if (known[i] == NULL)
            section_fault(section, node->line, node->key, "is no key that belongs here");
        else if (first[i] != NULL)
            section_fault(section, node->line, node->key, "is given again, after line %u",
                          (unsigned)first[i]->line);
        else
            first[i] = node;
    }
}

void section_require(const struct section *section, const char *key)
{
    if (node_member(section->map, key) == NULL)
        section_fault(section, section->map->line, key, "is missing");
}

/* YAML's ways to write nothing, and JSON's. */
static bool is_null(const struct node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; node->plain && i < sizeof nulls / sizeof nulls[0]; i++) {
        if (strcmp(node->text, nulls[i]) == 0)
            return true;
    }
    return false;
}

const char *section_text(const struct section *section, const struct node *node)
{
    if (node->kind != NODE_SCALAR || is_null(node) || (section->json && node->plain))
        return NULL;
    return node->text;
}

enum got section_get_text(const struct section *section, const char *key, const char **ret_text)
{
    const struct node *node = node_member(section->map, key);
    if (node == NULL)
        return GOT_NOTHING;
    *ret_text = section_text(section, node);
    if (*ret_text != NULL)
        return GOT_VALUE;
    section_fault(section, node->line, key, "must be a text");
    return GOT_FAULT;
}

static enum got get_whole(const struct section *section, const char *key, struct limits limits,
                          int64_t *ret_value)
{
    const struct node *node = node_member(section->map, key);
    if (node == NULL)
        return GOT_NOTHING;
    int64_t value;
    if (node->kind == NODE_SCALAR && node->plain && scalar_whole(node->text, &value) == STATUS_OK &&
        value >= limits.low && value <= limits.high) {
        *ret_value = value;
        return GOT_VALUE;
    }
    section_fault(section, node->line, key, "must be a whole number from %lld to %lld",
                  (long long)limits.low, (long long)limits.high);
    return GOT_FAULT;
}

enum got section_get_number(const struct section *section, const char *key, struct limits limits,
                            uint32_t *ret_value)
{
    int64_t value;
    const enum got got = get_whole(section, key, limits, &value);
    if (got == GOT_VALUE)
        *ret_value = (uint32_t)value;
    return got;
}

enum got section_get_coordinate(const struct section *section, const char *key, int32_t *ret_value)
{
    int64_t value;
    section_require(section, key);
    const enum got got =
        get_whole(section, key, (struct limits){-COORDINATE_MAX, COORDINATE_MAX}, &value);
    if (got == GOT_VALUE)
        *ret_value = (int32_t)value;
    return got;
}

void section_get_degrees(const struct section *section, const char *key, int32_t limit,
                         int32_t *ret_value)
{
    section_require(section, key);
    const struct node *node = node_member(section->map, key);
    if (node == NULL)
        return;
    if (node->kind == NODE_SCALAR && node->plain &&
        scalar_degrees(node->text, limit, ret_value) == STATUS_OK)
        return;
    section_fault(section, node->line, key, "must be degrees from -%d to %d, as 43.6942",
                  (int)(limit / 10000000), (int)(limit / 10000000));
}

enum got section_get_time(const struct section *section, const char *key, int64_t *ret_time_ms)
{
    const struct node *node = node_member(section->map, key);
    if (node == NULL)
        return GOT_NOTHING;
    /* Of JSON's plain words none has a time's form. */
    const char *text = node->kind == NODE_SCALAR ? node->text : "";
    switch (scalar_time(text, ret_time_ms)) {
    case STATUS_OK:
        return GOT_VALUE;
    case STATUS_TOO_LARGE:
        section_fault(section, node->line, key, "must lie in the years 1970 to 9999");
        return GOT_FAULT;
    default:
        section_fault(section, node->line, key,
                      "must be a time as 2026-12-01T18:00:00Z, no finer than milliseconds");
        return GOT_FAULT;
    }
}

void section_get_flag(const struct section *section, const char *key, bool *ret_flag)
{
    const struct node *node = node_member(section->map, key);
    if (node == NULL)
        return;
    const bool plain = node->kind == NODE_SCALAR && node->plain;
    if (plain && strcmp(node->text, "true") == 0)
        *ret_flag = true;
    else if (!plain || strcmp(node->text, "false") != 0)
        section_fault(section, node->line, key, "must be true or false");
}

enum got section_get_word(const struct section *section, const char *key,
                          const char *const words[2], unsigned *ret_which)
{
    const struct node *node = node_member(section->map, key);
    if (node == NULL)
        return GOT_NOTHING;
    const char *text = section_text(section, node);
    for (unsigned i = 0; text != NULL && i < 2; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret_which = i;
            return GOT_VALUE;
        }
    }
    section_fault(section, node->line, key, "must be %s or %s", words[0], words[1]);
    return GOT_FAULT;
}

void section_get_name(const struct section *section, const char *key, struct name *ret_name)
{
    const char *text;
    section_require(section, key);
    if (section_get_text(section, key, &text) != GOT_VALUE)
        return;
    if (name_set(ret_name, text, strlen(text)) != STATUS_OK)
        section_fault(section, node_member(section->map, key)->line, key,
                      "must be 1 to %d of a-z 0-9 -", NAME_LENGTH_MAX);
}

enum status section_get_prose(const struct section *section, const char *key,
                              const char **ret_prose)
{
    const char *text;
    if (section_get_text(section, key, &text) != GOT_VALUE || text[0] == '\0')
        return STATUS_OK;
    const char *copy = definition_text(section->definition, text, strlen(text));
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    *ret_prose = copy;
    return STATUS_OK;
}

bool section_enter(const struct section *outer, const char *key, struct section *ret_inner)
{
    const struct node *node = node_member(outer->map, key);
    if (node == NULL)
        return false;
    if (node->kind != NODE_MAP) {
        section_fault(outer, node->line, key, "must be a mapping of keys to values");
        return false;
    }
    struct section inner = *outer;
    inner.map = node;
    const int length = snprintf(inner.path, sizeof inner.path, "%s%s.", outer->path, key);
    CHECK(length > 0 && length < SECTION_PATH_BYTES);
    *ret_inner = inner;
    return true;
}

const struct node *section_get_list(const struct section *section, const char *key)
{
    const struct node *node = node_member(section->map, key);
    if (node != NULL && node->kind == NODE_LIST)
        return node;
    if (node != NULL)
        section_fault(section, node->line, key, "must be a list");
    return NULL;
}

bool section_get_pair(const struct section *section, const struct pair pair[2])
{
    bool whole = true;
    for (unsigned i = 0; i < 2; i++) {
        section_require(section, pair[i].key);
        whole &=
            section_get_number(section, pair[i].key, pair[i].limits, pair[i].value) == GOT_VALUE;
    }
    for (unsigned i = 0; i < 2 && !whole; i++)
        *pair[i].value = 0;
    return whole;
}
