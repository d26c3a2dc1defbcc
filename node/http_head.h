/* node/http_head.h -- The head of a request: where it ends, and what it says.
 *
 * Two steps. The scan finds the end and looks at the raw line endings, which the http-parser
 * library takes lightly in the build that Debian ships: a bare LF that we took for a line's end and
 * a proxy before us did not is how requests are smuggled. The parse runs the library over the whole
 * head in one contiguous piece, then applies our own rules about what frames the body. */
#ifndef CAIRN_NODE_HTTP_HEAD_H
#define CAIRN_NODE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "node/http.h"

/* More than any browser or proxy sends; over it 431. */
#define HTTP_FIELDS_MAX 100

/* A reason to refuse a request; always a constant. */
struct http_fault {
    int status;
    const char *code;
    const char *detail;
};

/* All zero at the start of a request. */
struct http_scan {
    size_t seen;    /* bytes looked at before */
    size_t line_at; /* where the line that is not finished begins */
    bool started;   /* the request line is behind us */
};

/* Looks at `data`, which is what it had the last time and more.
 * STATUS_OK: the head is the first *ret_bytes. STATUS_TRUNCATED: it goes on.
 * STATUS_INVALID: a bare CR or LF, a zero, or a folded line. */
MUST_USE enum status http_head_scan(struct http_scan *scan, const char *data, size_t size,
                                    size_t *ret_bytes);

/* Offsets into the head; both texts are zero terminated by the parse. */
struct http_field {
    uint16_t name_at;
    uint16_t name_bytes;
    uint16_t value_at;
    uint16_t value_bytes;
};

struct http_head {
    enum http_verb verb;
    const char *method; /* a constant */
    uint16_t path_at;   /* offsets, as the head may move; 0: not read */
    uint16_t query_at;
    uint64_t content_length;
    bool version_1_0;
    bool keeps_alive;
    bool chunked;
    bool has_length;
    bool expects_continue;
    uint16_t fields_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};

/* A request of which nothing is known yet. */
void http_head_init(struct http_head *head);

/* Reads one complete head and writes zeros between its parts.
 * NULL: acceptable. Otherwise why not, and *ret_head says verb, version and fields as far as they
 * were read. */
MUST_USE const struct http_fault *http_head_parse(struct http_head *ret_head, char *block,
                                                  size_t bytes);

/* Equal but for the case of ASCII letters; no locale. */
bool http_text_equal(const char *a, size_t a_bytes, const char *b);

#endif
