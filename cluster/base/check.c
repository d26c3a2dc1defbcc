#include "cluster/base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "cairn: CHECK failed: %s (%s:%d)\n", condition, file, line);
    abort();
}
