/* node/hunt_file_fault.h -- What is wrong with a hunt file, and on which line. */
#ifndef CAIRN_NODE_HUNT_FILE_FAULT_H
#define CAIRN_NODE_HUNT_FILE_FAULT_H

#include <stdint.h>

#include "cluster/base/status.h"

/* So many faults are kept; further ones are only counted. */
#define HUNT_FAULTS_MAX 1000

struct hunt_fault {
    uint32_t line;    /* from 1; 0: no line of the file */
    char field[80];   /* "treasures[3].radius"; "": the file as a whole */
    char detail[160]; /* a sentence for people, UTF-8 */
};

/* Faults by line, then as they were found. All zeros: none. */
struct hunt_faults {
    struct hunt_fault *list; /* its own; hunt_faults_fini frees it */
    uint32_t listed;
    uint32_t capacity;
    uint32_t count; /* above `listed`: there were more, about so many */
};

void hunt_faults_fini(struct hunt_faults *faults);

PRINTF_LIKE(4, 5)
void hunt_fault(struct hunt_faults *faults, uint32_t line, const char *field, const char *detail,
                ...);

#endif
