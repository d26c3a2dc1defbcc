/* chaos/bad_parts.h -- What the parts of chaos/bad_requests share. Not for anybody else. */
#ifndef CAIRN_CHAOS_BAD_PARTS_H
#define CAIRN_CHAOS_BAD_PARTS_H

#include <stddef.h>

#include "chaos/bad_requests.h"
#include "cluster/base/status.h"

#define BAD_PLAYER "4be0643f-1d98-573b-97cd-ca98a65347dd"
#define BAD_OTHER  "0b7a2f6e-93e1-4f6e-9d8e-0c4f5a1b2c3d"

#define BAD_BODY_BYTES_MAX   ((size_t)1 << 20) /* the defaults of the node's limits */
#define BAD_HEADER_BYTES_MAX 8192

/* What a request is answered with. */
struct bad_answer {
    int status;
    const char *code, *field;
};

/* Adds a request with a copy of these bytes. */
struct bad_request *bad_add(struct bad_requests *requests, const char *name,
                            const struct bad_answer *answer, const void *bytes, size_t count);

/* Adds a text. */
PRINTF_LIKE(4, 5)
struct bad_request *bad_add_text(struct bad_requests *requests, const char *name,
                                 const struct bad_answer *answer, const char *format, ...);

/* Adds a request with a body; `head` is its request line and headers without those of its length,
 * each with its line's end. */
struct bad_body {
    const char *head;
    const void *bytes;
    size_t count;
};
struct bad_request *bad_add_body(struct bad_requests *requests, const char *name,
                                 const struct bad_answer *answer, const struct bad_body *body);

/* A string of `count` times the byte; the caller frees it. */
char *bad_run(char byte, size_t count);

/* The parts. */
void bad_add_heads(struct bad_requests *requests);    /* bad_heads.c */
void bad_add_chunks(struct bad_requests *requests);   /* the same */
void bad_add_routes(struct bad_requests *requests);   /* bad_routes.c */
void bad_add_json(struct bad_requests *requests);     /* bad_json.c */
void bad_add_protobuf(struct bad_requests *requests); /* bad_protobuf.c */
void bad_add_lz4(struct bad_requests *requests);      /* bad_lz4.c */
void bad_add_hunts(struct bad_requests *requests);    /* bad_hunts.c */

#endif
