/* node/hunt_file_section.h -- One map of a hunt file being read: typed values by key, every fault
 * reported where it stands. How strictly values are read is said in hunt_file.h. */
#ifndef CAIRN_NODE_HUNT_FILE_SECTION_H
#define CAIRN_NODE_HUNT_FILE_SECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/ids.h"
#include "cluster/base/status.h"
#include "cluster/hunt/definition.h"
#include "node/hunt_file_fault.h"
#include "node/hunt_file_tree.h"

/* The longest path before a key, "treasures[60000].window.", and its zero. */
#define SECTION_PATH_BYTES 40

/* Keys that one map may know, and the NULL after them. */
#define SECTION_KEYS_MAX 16

/* The longest piece of the file that a fault quotes, with a zero. */
#define QUOTED_BYTES 40

struct section {
    const struct node *map;
    struct hunt_faults *faults;
    struct definition *definition; /* what is being filled */
    bool json;
    char path[SECTION_PATH_BYTES]; /* "treasures[3].window."; "" at the top */
};

/* Outputs are touched by GOT_VALUE only. */
enum got {
    GOT_NOTHING, /* the key is not there */
    GOT_FAULT,   /* its value is of no use, which was reported */
    GOT_VALUE,
};

struct limits {
    int64_t low, high; /* both allowed */
};

/* A piece of the file for a message: cut at a character, without control characters. Returns
 * `text`. */
const char *quoted(char text[QUOTED_BYTES], const char *from);

/* Reports a fault of the member `key`; a name that is no word is shortened. */
PRINTF_LIKE(4, 5)
void section_fault(const struct section *section, uint32_t line, const char *key,
                   const char *detail, ...);

/* Reports members that are not among the known (the last is NULL) and those that come again; the
 * first one counts. */
void section_keys(const struct section *section, const char *const *known);

/* Reports that there is no such member. */
void section_require(const struct section *section, const char *key);

/* A scalar as a text; NULL: it is none in this notation. */
const char *section_text(const struct section *section, const struct node *node);

enum got section_get_text(const struct section *section, const char *key, const char **ret_text);
enum got section_get_number(const struct section *section, const char *key, struct limits limits,
                            uint32_t *ret_value);
enum got section_get_time(const struct section *section, const char *key, int64_t *ret_time_ms);

/* One of two words: 0 or 1. */
enum got section_get_word(const struct section *section, const char *key,
                          const char *const words[2], unsigned *ret_which);

void section_get_flag(const struct section *section, const char *key, bool *ret_flag);

/* These are required. */
enum got section_get_coordinate(const struct section *section, const char *key, int32_t *ret_value);
void section_get_degrees(const struct section *section, const char *key, int32_t limit,
                         int32_t *ret_value);
void section_get_name(const struct section *section, const char *key, struct name *ret_name);

/* Two required numbers that only make sense together. Faulty or missing: both become 0, so that no
 * check stumbles over one of them. True: both are there. */
struct pair {
    const char *key;
    struct limits limits;
    uint32_t *value;
};
bool section_get_pair(const struct section *section, const struct pair pair[2]);

/* A text for people, copied into the definition; an empty one is none. STATUS_NO_MEMORY. */
MUST_USE enum status section_get_prose(const struct section *section, const char *key,
                                       const char **ret_prose);

/* The map below `key`. False: there is none; if something else is there, that was reported. */
bool section_enter(const struct section *outer, const char *key, struct section *ret_inner);

/* The list below `key`; NULL: there is none; if something else is there, that was reported. */
const struct node *section_get_list(const struct section *section, const char *key);

#endif
