/* node/hunt_json.h -- A definition as JSON, in the shape of a hunt file: what GET
 * /v1/hunts/{hunt} answers. Reading it back gives the same definition. */
#ifndef CAIRN_NODE_HUNT_JSON_H
#define CAIRN_NODE_HUNT_JSON_H

#include <jansson.h>

#include "cluster/hunt/definition.h"

/* Digits that show degrees of 1e-7 as they were given: dump with
 * JSON_REAL_PRECISION(HUNT_JSON_DIGITS). With jansson's 17 they still read back the same. */
#define HUNT_JSON_DIGITS 15

/* A new object, the caller's; what is absent is left out, empty lists and defaults are there. The
 * definition must be one that definition_check finds nothing in. NULL: no memory. */
json_t *hunt_json(const struct definition *definition);

#endif
