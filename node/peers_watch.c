/* Links that are lost. nng does not say that a peer's process is gone, and may lose a link for
 * good; a connect() of our own tells the one from the other. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "node/address.h"
#include "node/peers_parts.h"

/* A link is not looked at more often, however often it is lost. */
#define LOOK_MS        1000
#define LOOK_AGAIN_MS  50
#define CONNECT_MS_MAX 1000

void peers_watch_end(struct link *link)
{
    if (link->connecting == NULL)
        return;
    loop_event_free(link->connecting);
    link->connecting = NULL;
    (void)close(link->connecting_fd);
}

static void tell(struct peers *peers, const struct link *link, enum peer_news news)
{
    peers->settings.news(peers->settings.context, link->peer, news);
}

/* The peer listens and the link is not there: nng has lost it. */
static void replace_socket(struct peers *peers, struct link *link)
{
    struct transport_link *fresh = transport_dial(peers->transport, link->address);
    if (fresh == NULL)
        return; /* no memory now: looked at again */
    transport_hang_up(link->transport);
    link->transport = fresh;
    link->up = false;
    link->since_ms = 0;
    peers->measures.replaced++;
}

/* What came of our own connect(). `error` is an errno; 0: somebody listens. */
static void connected(struct peers *peers, struct link *link, int error, uint64_t now_ms)
{
    if (error == ECONNREFUSED) {
        tell(peers, link, PEER_REFUSED);
        return;
    }
    const bool silent = link->since_ms != 0 && now_ms - link->since_ms >= PEERS_SILENT_MS;
    if (error == 0 && silent)
        replace_socket(peers, link);
    else if (silent)
        tell(peers, link, PEER_DOWN);
}

static int take_error(int fd)
{
    int error = 0;
    socklen_t bytes = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 ? error : errno;
}

static void on_connected(void *context)
{
    struct link *link = context;
    const int error = take_error(link->connecting_fd);
    struct peers *peers = link->peers;
    peers_watch_end(link);
    connected(peers, link, error, peers_now_ms());
}

/* A numeric address only: looking names up would hold the thinking thread up. */
static bool resolve(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_bytes)
{
    struct address address;
    if (address_parse_peer(&address, text) != STATUS_OK || !address.numeric)
        return false;
    char port[8];
    (void)snprintf(port, sizeof port, "%u", (unsigned)address.port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *list;
    if (getaddrinfo(address.host, port, &hints, &list) != 0)
        return false;
    CHECK(list->ai_addrlen <= sizeof *ret_address);
    memcpy(ret_address, list->ai_addr, list->ai_addrlen);
    *ret_bytes = list->ai_addrlen;
    freeaddrinfo(list);
    return true;
}

static void look(struct peers *peers, struct link *link, uint64_t now_ms)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    link->look = false;
    link->looked_ms = now_ms;
    if (!resolve(link->address, &address, &bytes)) {
        /* Behind a name nobody refuses; silence is all there is to go by. */
        connected(peers, link, 0, now_ms);
        return;
    }
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    const int failed = connect(fd, (const struct sockaddr *)&address, bytes) == 0 ? 0 : errno;
    if (failed != EINPROGRESS) {
        (void)close(fd);
        connected(peers, link, failed, now_ms);
        return;
    }
    link->connecting_fd = fd;
    link->connecting_ms = now_ms;
    link->connecting = loop_writer_new(peers->base, fd, on_connected, link);
    if (link->connecting == NULL)
        (void)close(fd);
}

void peers_watch_news(struct peers *peers, struct link *link, uint64_t now_ms)
{
    const struct transport_news news = transport_news(link->transport);
    if (news.down) {
        link->up = false;
        link->look = true;
        tell(peers, link, PEER_DOWN);
    }
    if (news.up && link->in_use) {
        link->up = true;
        link->look = false;
        link->owes_ms = now_ms; /* whoever has started anew makes its boot known */
        tell(peers, link, PEER_UP);
    }
    if (link->in_use) /* whoever was told may have ended it */
        peers_watch_tick(peers, link, now_ms);
}

void peers_watch_tick(struct peers *peers, struct link *link, uint64_t now_ms)
{
    if (link->connecting != NULL) {
        if (now_ms - link->connecting_ms < CONNECT_MS_MAX)
            return;
        peers_watch_end(link);
        connected(peers, link, ETIMEDOUT, now_ms);
        return;
    }
    const uint64_t passed_ms = now_ms - link->looked_ms;
    const bool silent = link->since_ms != 0 && now_ms - link->since_ms >= PEERS_SILENT_MS;
    if ((link->look && passed_ms >= LOOK_AGAIN_MS) || (silent && passed_ms >= LOOK_MS))
        look(peers, link, now_ms);
}
