/* chaos/bad_requests.h -- Requests that a node must refuse, each with the answer that the contract
 * gives it: malformed heads and ways to smuggle requests, bodies of every type cut, grown and
 * garbled, LZ4 bombs, values beyond each limit, queries and paths, hunt files with every kind of
 * fault. None of them may change anything, so they can be sent over and over, beside others.
 *
 * They name the hunts BAD_FLAT_HUNT (flat, with a treasure "gate" that is not limited) and
 * BAD_GEO_HUNT (geo), and a node with the default limits; a node that lacks these hunts refuses
 * them too, but some for another reason.
 *
 * Aborts when there is no memory. One thread. */
#ifndef CAIRN_CHAOS_BAD_REQUESTS_H
#define CAIRN_CHAOS_BAD_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>

#define BAD_FLAT_HUNT "bad-flat"
#define BAD_GEO_HUNT  "bad-geo"

struct bad_request {
    char name[64];
    int status;
    const char *code;
    const char *field; /* that the answer names; NULL: none. Of a hunt file's faults, one of them */
    bool closes;       /* the node closes the connection after its answer */
    bool ends;         /* the client is to close its half after the request */
    char *bytes;
    size_t count;
};

struct bad_requests {
    struct bad_request *list;
    size_t count, capacity;
};

void bad_requests_init(struct bad_requests *requests);
void bad_requests_fini(struct bad_requests *requests);

/* The two hunts as YAML, for PUT. */
extern const char bad_flat_hunt[], bad_geo_hunt[];

#endif
