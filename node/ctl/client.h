/* node/ctl/client.h -- cairnctl's side of the conversation with a node: questions, their JSON, and
 * what is said when one fails. One thread. */
#ifndef CAIRN_NODE_CTL_CLIENT_H
#define CAIRN_NODE_CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "cluster/base/status.h"
#include "node/http_client.h"

struct event_base;

struct ctl {
    struct http_url url;
    const char *token; /* NULL: none */
    bool json;         /* print one JSON object on one line and nothing else */
    struct event_base *base;
    struct http_client *client;
};

/* `ctl` has url, token and json set, and stays where it is. STATUS_NO_MEMORY. */
MUST_USE enum status ctl_open(struct ctl *ctl);
void ctl_close(struct ctl *ctl);

struct ctl_question {
    const char *method;
    const char *target;
    const char *content_type; /* NULL: no body */
    const void *body;
    size_t body_bytes;
};

/* What came of it. `json` is the caller's to release: the answer's object, or the problem's; where
 * there was none, NULL or one of our own that says what failed. */
struct ctl_answer {
    bool ok;    /* 2xx with a JSON object */
    int status; /* 0: no answer */
    json_t *json;
};

struct ctl_answer ctl_ask(struct ctl *ctl, const struct ctl_question *question);
struct ctl_answer ctl_get(struct ctl *ctl, const char *target);

/* An answer of our own: a problem that no server had to be asked about. */
struct ctl_answer ctl_problem(const char *detail);

/* Says what went wrong: as sentences on stderr, and with --json the problem itself on stdout.
 * `file` is what its faults lie in; NULL: there is none. */
void ctl_complain(const struct ctl *ctl, const struct ctl_answer *answer, const char *file);

/* The end of most commands: prints the answer, by `show` or as JSON, or complains, and releases it.
 * Returns the exit code. */
int ctl_finish(const struct ctl *ctl, struct ctl_answer *answer,
               void (*show)(const json_t *object));

/* Room for a target made of words that came from the command line. */
#define CTL_TARGET_BYTES 1024

/* Puts "/v1/hunts/{}/players/{}" together, each {} with the next word, percent-encoded. The words
 * end with NULL. False: it does not fit. */
bool ctl_target(char ret_target[CTL_TARGET_BYTES], const char *pattern, const char *const *words);

/* ctl_get of such a target. */
struct ctl_answer ctl_get_at(struct ctl *ctl, const char *pattern, const char *const *words);

#endif
