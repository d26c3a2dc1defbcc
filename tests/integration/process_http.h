/* tests/integration/process_http.h -- HTTP as bare as can be: one request at a time on a connection
 * that the test sees break. node/http_client.h hides what these tests are about: how a connection
 * ended, and whether an answer was cut.
 *
 * An answer that is not HTTP as our server speaks it fails the test. One thread. */
#ifndef CAIRN_TESTS_INTEGRATION_PROCESS_HTTP_H
#define CAIRN_TESTS_INTEGRATION_PROCESS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link {
    int fd;   /* -1: none */
    char *in; /* what was received and is not taken yet */
    size_t used, capacity;
};

struct answer {
    int status;
    uint32_t retry_after_s; /* 0: it does not say */
    bool problem;           /* it is application/problem+json */
    bool last;              /* the server closes the connection after it */
    const char *body;
    size_t bytes; /* followed by a zero that is not counted */
};

void link_init(struct link *link);

/* Closes too. */
void link_fini(struct link *link);

/* False: nobody listens on the port of this machine. */
bool link_open(struct link *link, uint16_t port);

/* The same in another network namespace; 0: in the test's own. */
bool link_open_in(struct link *link, int network, uint16_t port);

/* What was received is dropped. */
void link_close(struct link *link);

/* False: the connection is broken. `text` is a whole request. */
bool link_send(struct link *link, const char *text, size_t bytes);

enum link_state {
    LINK_WAITS,  /* no complete answer yet */
    LINK_ANSWER, /* *ret_answer is set; valid until the link is used again */
    LINK_ENDED,  /* closed or reset, between answers */
    LINK_CUT,    /* closed or reset in the middle of one */
};

/* Takes what is there, without waiting. */
enum link_state link_receive(struct link *link, struct answer *ret_answer);

/* Waits for the answer; fails the test, naming `what` was asked, when there is none. */
struct answer link_await(struct link *link, const char *what);

/* Writes a request; how long it is. */
size_t http_write(char *text, size_t capacity, const char *method, const char *target,
                  const char *body);

/* Opens the link when it is closed, asks, and waits for the answer; fails the test when there is
 * none. */
struct answer http_ask(struct link *link, uint16_t port, const char *method, const char *target,
                       const char *body);

#endif
