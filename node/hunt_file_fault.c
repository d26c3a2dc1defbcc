#include "node/hunt_file_fault.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

void hunt_faults_fini(struct hunt_faults *faults)
{
    free(faults->list);
    *faults = (struct hunt_faults){0};
}

static bool faults_grow(struct hunt_faults *faults)
{
    if (faults->listed < faults->capacity)
        return true;
    if (faults->capacity >= HUNT_FAULTS_MAX)
        return false;
    uint32_t capacity = faults->capacity > 0 ? faults->capacity * 2 : 8;
    capacity = capacity < HUNT_FAULTS_MAX ? capacity : HUNT_FAULTS_MAX;
    struct hunt_fault *list = realloc(faults->list, capacity * sizeof *list);
    if (list == NULL)
        return false;
    faults->list = list;
    faults->capacity = capacity;
    return true;
}

void hunt_fault(struct hunt_faults *faults, uint32_t line, const char *field, const char *detail,
                ...)
{
    faults->count++;
    if (!faults_grow(faults))
        return;
    uint32_t at = faults->listed++;
    for (; at > 0 && faults->list[at - 1].line > line; at--)
        faults->list[at] = faults->list[at - 1];
    struct hunt_fault *fault = &faults->list[at];
    fault->line = line;
    (void)snprintf(fault->field, sizeof fault->field, "%s", field);
    va_list arguments;
    va_start(arguments, detail);
    (void)vsnprintf(fault->detail, sizeof fault->detail, detail, arguments);
    va_end(arguments);
}
