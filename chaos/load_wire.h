/* chaos/load_wire.h -- Claims as JSON, and what the answers say. */
#ifndef CAIRN_CHAOS_LOAD_WIRE_H
#define CAIRN_CHAOS_LOAD_WIRE_H

#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "chaos/load_players.h"
#include "cluster/base/status.h"
#include "cluster/values/action.h"
#include "node/json_text.h"

/* Writes the body of POST /hunt with these claims into `text`, from its beginning. */
void load_wire_request(struct json_text *text, const char *hunt, const struct load_players *players,
                       const struct load_claim *const *claims, uint32_t count);

/* The outcome in one member of `results`; OUTCOME_NONE: a word that is not known here.
 * STATUS_INVALID: it is no result of this claim. */
MUST_USE enum status load_wire_result(enum outcome *ret_outcome, int32_t *ret_treasure,
                                      const json_t *result, const struct load_players *players,
                                      const struct load_claim *claim);

/* One line of the record. */
struct load_wire_record {
    const char *node;                 /* where it was answered, or sent last */
    uint64_t invoked_us, returned_us; /* since 1970, by a clock that does not jump in a run */
    const json_t *result;             /* NULL: unknown, and never returned */
};

/* Appends the line to a file, whose error flag tells about failures. */
void load_wire_record(FILE *file, struct json_text *text, const struct load_players *players,
                      const struct load_claim *claim, const struct load_wire_record *record);

#endif
