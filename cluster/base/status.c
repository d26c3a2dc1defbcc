#include "cluster/base/status.h"

#include <stddef.h>

const char *status_name(enum status status)
{
    static const char *const names[] = {
        "ok",        "invalid",   "truncated",   "too large",  "full",
        "not found", "conflict",  "not leader",  "clock skew", "corrupt",
        "i/o error", "no memory", "unsupported",
    };
    const size_t at = (size_t)status;
    return at < sizeof names / sizeof names[0] ? names[at] : "unknown";
}
