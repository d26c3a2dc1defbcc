/* node/option.h -- What the options of our programs share, on top of argp. */
#ifndef CAIRN_NODE_OPTION_H
#define CAIRN_NODE_OPTION_H

#include <argp.h>
#include <stdint.h>

/* Decimal digits, from `low` to `high`; anything else is told on stderr, and ends the program. */
uint64_t option_number(const char *text, uint64_t low, uint64_t high, struct argp_state *state);

/* The same up to UINT32_MAX. */
uint32_t option_number32(const char *text, uint32_t low, uint32_t high, struct argp_state *state);

#endif
