/* node/hunt_file.h -- Reading a hunt file, YAML or JSON, into a definition.
 *
 * Every fault is reported with the line and the field that it is about, but a syntax fault ends the
 * reading and is then the only one. How the two notations are read:
 *
 * - Of YAML 1.1 only what JSON could say as well: no anchors, aliases, tags, directives, merge keys
 *   or further documents. A plain scalar is a text where a text is expected (`id: 7` is the id
 * "7"), but nothing, ~ and null are no value anywhere.
 * - Whole numbers are decimal, as in JSON: no 0x, 0o, leading zeros, underscores, + or 1.0; and not
 *   in quotes.
 * - Degrees are decimal with or without an exponent, taken digit by digit (never through floating
 *   point) and rounded to 1e-7 degrees, halves away from zero.
 * - Times are RFC 3339 with T and Z or an offset, quoted or not; digits beyond milliseconds must be
 *   zeros; no leap seconds; years 1970 to 9999.
 * - An empty title or hint is none. A byte order mark is skipped. */
#ifndef CAIRN_NODE_HUNT_FILE_H
#define CAIRN_NODE_HUNT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/ids.h"
#include "cluster/base/status.h"
#include "cluster/hunt/definition.h"
#include "node/hunt_file_fault.h"

enum hunt_file_format {
    HUNT_FILE_YAML,
    HUNT_FILE_JSON,
};

/* A file as it came; all of it stays the caller's. */
struct hunt_file {
    const char *text;
    size_t size;
    enum hunt_file_format format;
    const struct name *hunt; /* the hunt that it must be of; NULL: any */
};

/* Reads the file into a new definition that passes definition_check, with treasures in the file's
 * order and without numbers. STATUS_INVALID: *faults says why; STATUS_TOO_LARGE: more than
 * HUNT_FILE_BYTES_MAX bytes; STATUS_NO_MEMORY. */
MUST_USE enum status hunt_file_read(struct definition **ret_definition,
                                    const struct hunt_file *file, struct hunt_faults *faults);

/* Adds what was found wrong with the definition of a file elsewhere (definition_check_change), each
 * with the line of its field. Reads the file's structure again when there is anything to add. */
void hunt_file_add(const struct hunt_file *file, const struct definition_faults *found,
                   struct hunt_faults *faults);

#endif
