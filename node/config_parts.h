/* node/config_parts.h -- What the parts of the configuration share. Nobody else includes it.
 *
 *   config.c          the table of keys; from texts to values; printing
 *   config_yaml.c     from YAML to texts, and where in the file a key stands
 *   config_check.c    what more than one key, or more than its text, decides
 *
 * libcyaml checks the shape of the file: sections, keys, lists. It takes "5x" for 5 and any word
 * for true, so every scalar comes as a text and is judged by the table, as are those of --set. */
#ifndef CAIRN_NODE_CONFIG_PARTS_H
#define CAIRN_NODE_CONFIG_PARTS_H

#include "node/config.h"

enum config_kind {
    CONFIG_TEXT,
    CONFIG_NUMBER,
    CONFIG_FLAG,
    CONFIG_LEVEL,
    CONFIG_FORMAT,
    CONFIG_LIST,
};

struct config_field {
    const char *section, *key;
    enum config_kind kind;
    size_t offset;        /* in struct config */
    const char *standard; /* when left out; NULL: must be given; "" for lists */
    uint32_t min, max;    /* CONFIG_NUMBER */
};

#define CONFIG_FIELDS 26
extern const struct config_field config_fields[CONFIG_FIELDS];

/* Finds a key; CONFIG_FIELDS: there is none. */
size_t config_find(const char *section, const char *key);

/* What one YAML file says, by field: NULL where it says nothing. Empty once it is zeroed. */
struct config_layer {
    char *texts[CONFIG_FIELDS];
    struct {
        char **items;
        unsigned count;
    } lists[CONFIG_FIELDS];
};

/* *ret_layer is NULL where the file says nothing at all. STATUS_INVALID, STATUS_NO_MEMORY. */
MUST_USE enum status config_yaml_load(struct config_layer **ret_layer,
                                      const struct config_source *source,
                                      struct config_fault *fault);
void config_yaml_free(struct config_layer *layer);

/* Where a key stands. `item`: the place in its list, or below 0. */
struct config_place {
    const char *section, *key;
    long item;
};

/* "NAME:LINE:COLUMN: section.key", with what is known of it. */
void config_yaml_locate(char *text, size_t capacity, const struct config_source *source,
                        const struct config_place *place);

/* A configuration that is being made. */
struct config_making {
    struct config *config;
    const struct config_source *source;
    const char *set_by[CONFIG_FIELDS]; /* the --set that gave the value; NULL: the file or nobody */
    struct config_fault *fault;
};

/* Tells a fault in a field, with its place; always STATUS_INVALID. */
PRINTF_LIKE(4, 5)
enum status config_fail(const struct config_making *making, size_t field, long item,
                        const char *format, ...);

/* Everything that is more than the range of one key. */
MUST_USE enum status config_check(const struct config_making *making);

#endif
