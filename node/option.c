#include "node/option.h"

#include <errno.h>
#include <stdlib.h>

uint64_t option_number(const char *text, uint64_t low, uint64_t high, struct argp_state *state)
{
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || value < low || value > high)
        argp_error(state, "'%s' is not a number from %llu to %llu", text, (unsigned long long)low,
                   (unsigned long long)high);
    return value;
}

uint32_t option_number32(const char *text, uint32_t low, uint32_t high, struct argp_state *state)
{
    return (uint32_t)option_number(text, low, high, state);
}
