/* cluster/base/status.h -- What can go wrong outside of us. Outputs are untouched on failure. */
#ifndef CAIRN_CLUSTER_BASE_STATUS_H
#define CAIRN_CLUSTER_BASE_STATUS_H

#define MUST_USE                         __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

enum status {
    STATUS_OK = 0,
    STATUS_INVALID,   /* malformed, out of range, or of another version */
    STATUS_TRUNCATED, /* ends before it is complete */
    STATUS_TOO_LARGE, /* over one of our limits */
    STATUS_FULL,      /* a bounded place has no room */
    STATUS_NOT_FOUND,
    STATUS_CONFLICT,   /* clashes with what is there */
    STATUS_NOT_LEADER, /* somebody else leads, or nobody does */
    STATUS_SKEW,       /* a clock is too far from ours */
    STATUS_CORRUPT,    /* stored bytes are not what was written */
    STATUS_IO,         /* the operating system refused */
    STATUS_NO_MEMORY,
    STATUS_UNSUPPORTED,
};

/* A lower-case word for logs: "ok", "invalid", ... */
const char *status_name(enum status status);

#endif
