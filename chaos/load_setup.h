/* chaos/load_setup.h -- What a run of the load generator has to know before its clock starts. */
#ifndef CAIRN_CHAOS_LOAD_SETUP_H
#define CAIRN_CHAOS_LOAD_SETUP_H

#include "chaos/load.h"
#include "chaos/load_hunt.h"
#include "chaos/load_players.h"
#include "cluster/base/status.h"

struct event_base;

/* Where it goes wrong, `report->trouble` says how; statuses as for load_run. */

/* Asks the first target that answers for the hunt and its places. */
MUST_USE enum status load_setup_hunt(struct load_hunt *ret_hunt, const struct load_options *options,
                                     struct event_base *base, struct load_report *report);

/* Asks for every player's page, so that he goes on where he stopped. */
MUST_USE enum status load_setup_players(struct load_players *players,
                                        const struct load_options *options, struct event_base *base,
                                        struct load_report *report);

/* Sets `trouble` unless it is set. */
PRINTF_LIKE(2, 3)
void load_trouble(struct load_report *report, const char *sentence, ...);

/* The same from an answer that is none of the hoped-for ones: what failed, or what the problem
 * says. */
void load_trouble_answer(struct load_report *report, const char *url, const char *target,
                         const struct http_response *response);

#endif
