#include "node/transport.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>

#include "cluster/base/check.h"

/* A peer that was restarted is there again some 20 ms later; one that is gone is asked for five
 * times a second. */
#define REDIAL_MS_MIN 20
#define REDIAL_MS_MAX 200

/* Closing takes milliseconds when all is well. */
#define CLOSE_US INT64_C(2000000)

/* Closed sockets that may wait for it at a time. */
#define CLOSING_MAX 256

/* A link, or the socket that listens, or what is left of it on its way to being closed. */
struct transport_link {
    struct transport *transport;
    nng_socket socket;
    nng_aio *aio;
    atomic_bool sending; /* the aio's callback has not come yet */
    atomic_bool wanted;  /* it was asked for meanwhile */
    atomic_bool up, down;
};

/* The thread that closes. It outlives a transport that could not be closed in time, with whatever
 * blocks it. */
struct closer {
    pthread_mutex_t mutex;
    pthread_cond_t wake, idle;
    pthread_t thread;
    struct transport_link *waiting[CLOSING_MAX];
    uint32_t count;
    bool busy, ended;
    int64_t since_us; /* when the present one was begun */
    uint32_t stuck;   /* replaced threads: each is blocked in a closing */
    uint64_t generation;
};

struct transport {
    void (*wake)(void *context);
    void *context;
    struct transport_link *listener;
    uint16_t port;
    struct closer *closer;

    /* The mutex guards what follows. */
    pthread_mutex_t mutex;
    struct nng_msg *inbox[TRANSPORT_INBOX_MAX]; /* a ring */
    uint32_t head, count;
    bool receiving; /* the aio is under way */
    bool closed;
};

static int64_t monotonic_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- Closing ---------------------------------------------------------------------------------- */

/* A thread that is blocked in a closing is replaced: its generation is over, and it ends when it
 * comes back, if ever. */
struct closer_thread {
    struct closer *closer;
    uint64_t generation;
};

static void close_link(struct transport_link *link)
{
    (void)nng_close(link->socket);
    if (link->aio != NULL) {
        nng_aio_stop(link->aio);
        nng_aio_free(link->aio);
    }
    free(link);
}

static void *run_closer(void *argument)
{
    const struct closer_thread self = *(struct closer_thread *)argument;
    struct closer *closer = self.closer;
    free(argument);
    (void)pthread_mutex_lock(&closer->mutex);
    while (closer->generation == self.generation) {
        if (closer->count > 0) {
            struct transport_link *link = closer->waiting[--closer->count];
            closer->busy = true;
            closer->since_us = monotonic_us();
            (void)pthread_mutex_unlock(&closer->mutex);
            close_link(link);
            (void)pthread_mutex_lock(&closer->mutex);
            if (closer->generation == self.generation)
                closer->busy = false;
        } else if (closer->ended) {
            break;
        } else {
            (void)pthread_cond_signal(&closer->idle);
            (void)pthread_cond_wait(&closer->wake, &closer->mutex);
        }
    }
    (void)pthread_cond_signal(&closer->idle);
    (void)pthread_mutex_unlock(&closer->mutex);
    return NULL;
}

static enum status start_closer_thread(struct closer *closer)
{
    struct closer_thread *self = malloc(sizeof *self);
    if (self == NULL)
        return STATUS_NO_MEMORY;
    *self = (struct closer_thread){.closer = closer, .generation = closer->generation};
    if (pthread_create(&closer->thread, NULL, run_closer, self) != 0) {
        free(self);
        return STATUS_IO;
    }
    return STATUS_OK;
}

static struct closer *closer_new(void)
{
    struct closer *closer = calloc(1, sizeof *closer);
    if (closer == NULL)
        return NULL;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&closer->mutex, NULL);
    (void)pthread_cond_init(&closer->wake, NULL);
    (void)pthread_cond_init(&closer->idle, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (start_closer_thread(closer) == STATUS_OK)
        return closer;
    free(closer);
    return NULL;
}

/* A closing that takes too long is left to its thread, and another thread goes on. */
static void look_after_closer(struct closer *closer)
{
    if (!closer->busy || monotonic_us() - closer->since_us < CLOSE_US)
        return;
    closer->stuck++;
    closer->busy = false;
    closer->generation++;
    (void)pthread_detach(closer->thread);
    const enum status started = start_closer_thread(closer);
    CHECK(started == STATUS_OK);
}

uint32_t transport_stuck(struct transport *transport)
{
    struct closer *closer = transport->closer;
    (void)pthread_mutex_lock(&closer->mutex);
    look_after_closer(closer);
    const uint32_t stuck = closer->stuck;
    (void)pthread_mutex_unlock(&closer->mutex);
    return stuck;
}

void transport_hang_up(struct transport_link *link)
{
    if (link == NULL)
        return;
    struct closer *closer = link->transport->closer;
    (void)pthread_mutex_lock(&closer->mutex);
    look_after_closer(closer);
    CHECK(closer->count < CLOSING_MAX); /* each would be stuck, and three end the process */
    closer->waiting[closer->count++] = link;
    (void)pthread_cond_signal(&closer->wake);
    (void)pthread_mutex_unlock(&closer->mutex);
}

/* True when all is closed. */
static bool closer_finish(struct closer *closer)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CLOSE_US / 1000000;
    (void)pthread_mutex_lock(&closer->mutex);
    int late = 0;
    while ((closer->count > 0 || closer->busy) && late == 0)
        late = pthread_cond_timedwait(&closer->idle, &closer->mutex, &until);
    const bool clean = closer->count == 0 && !closer->busy && closer->stuck == 0;
    closer->ended = true;
    (void)pthread_cond_signal(&closer->wake);
    (void)pthread_mutex_unlock(&closer->mutex);
    if (!clean)
        (void)pthread_detach(closer->thread);
    else
        (void)pthread_join(closer->thread, NULL);
    return clean;
}

static void closer_free(struct closer *closer)
{
    (void)pthread_cond_destroy(&closer->wake);
    (void)pthread_cond_destroy(&closer->idle);
    (void)pthread_mutex_destroy(&closer->mutex);
    free(closer);
}

/* --- Receiving -------------------------------------------------------------------------------- */

/* The next message is asked for when there is room for it. With the mutex. */
static bool may_receive(const struct transport *transport)
{
    return !transport->receiving && !transport->closed && transport->count < TRANSPORT_INBOX_MAX;
}

/* nng's thread. */
static void on_received(void *context)
{
    struct transport *transport = context;
    const bool failed = nng_aio_result(transport->listener->aio) != 0;
    (void)pthread_mutex_lock(&transport->mutex);
    transport->receiving = false;
    if (!failed) {
        const uint32_t at = (transport->head + transport->count) % TRANSPORT_INBOX_MAX;
        transport->inbox[at] = nng_aio_get_msg(transport->listener->aio);
        transport->count++;
    }
    const bool first = transport->count == 1;
    const bool again = !failed && may_receive(transport);
    transport->receiving = again;
    (void)pthread_mutex_unlock(&transport->mutex);
    if (again)
        nng_recv_aio(transport->listener->socket, transport->listener->aio);
    if (!failed && first)
        transport->wake(transport->context);
}

bool transport_take(struct transport *transport, struct parcel *ret_parcel)
{
    (void)pthread_mutex_lock(&transport->mutex);
    nng_msg *message = NULL;
    if (transport->count > 0) {
        message = transport->inbox[transport->head];
        transport->head = (transport->head + 1) % TRANSPORT_INBOX_MAX;
        transport->count--;
    }
    const bool again = may_receive(transport);
    if (again)
        transport->receiving = true;
    (void)pthread_mutex_unlock(&transport->mutex);
    if (again)
        nng_recv_aio(transport->listener->socket, transport->listener->aio);
    if (message == NULL)
        return false;
    *ret_parcel = (struct parcel){
        .message = message, .data = nng_msg_body(message), .bytes = nng_msg_len(message)};
    return true;
}

enum status parcel_new(struct parcel *ret_parcel, size_t bytes)
{
    nng_msg *message;
    if (nng_msg_alloc(&message, bytes) != 0)
        return STATUS_NO_MEMORY;
    *ret_parcel =
        (struct parcel){.message = message, .data = nng_msg_body(message), .bytes = bytes};
    return STATUS_OK;
}

void parcel_free(struct parcel *parcel)
{
    if (parcel->message != NULL)
        nng_msg_free(parcel->message);
    *parcel = (struct parcel){0};
}

/* --- Links ------------------------------------------------------------------------------------ */

/* nng's thread. */
static void on_sent(void *context)
{
    struct transport_link *link = context;
    if (nng_aio_result(link->aio) != 0) {
        /* Only closing does this: the message was not taken. */
        nng_msg_free(nng_aio_get_msg(link->aio));
        nng_aio_set_msg(link->aio, NULL);
        return;
    }
    atomic_store(&link->sending, false);
    if (atomic_exchange(&link->wanted, false))
        link->transport->wake(link->transport->context);
}

/* nng's thread. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct transport_link *link = context;
    (void)pipe;
    atomic_store(event == NNG_PIPE_EV_ADD_POST ? &link->up : &link->down, true);
    link->transport->wake(link->transport->context);
}

static int set_up_dialing(struct transport_link *link, const char *address)
{
    int failed = nng_socket_set_ms(link->socket, NNG_OPT_RECONNMINT, REDIAL_MS_MIN);
    if (failed == 0)
        failed = nng_socket_set_ms(link->socket, NNG_OPT_RECONNMAXT, REDIAL_MS_MAX);
    if (failed == 0)
        failed = nng_pipe_notify(link->socket, NNG_PIPE_EV_ADD_POST, on_pipe, link);
    if (failed == 0)
        failed = nng_pipe_notify(link->socket, NNG_PIPE_EV_REM_POST, on_pipe, link);
    if (failed == 0)
        failed = nng_aio_alloc(&link->aio, on_sent, link);
    if (failed == 0) {
        nng_aio_set_timeout(link->aio, NNG_DURATION_INFINITE);
        failed = nng_dial(link->socket, address, NULL, NNG_FLAG_NONBLOCK);
        if (failed != 0)
            nng_aio_free(link->aio);
    }
    return failed;
}

struct transport_link *transport_dial(struct transport *transport, const char *address)
{
    struct transport_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    link->transport = transport;
    if (nng_push0_open(&link->socket) != 0) {
        free(link);
        return NULL;
    }
    if (set_up_dialing(link, address) != 0) {
        (void)nng_close(link->socket);
        free(link);
        return NULL;
    }
    return link;
}

bool transport_idle(struct transport_link *link)
{
    if (!atomic_load(&link->sending))
        return true;
    atomic_store(&link->wanted, true);
    /* The callback may have come before it could see that. */
    return !atomic_load(&link->sending);
}

void transport_send(struct transport_link *link, struct parcel *parcel, size_t bytes)
{
    CHECK(transport_idle(link));
    CHECK(bytes <= parcel->bytes);
    (void)nng_msg_chop(parcel->message, parcel->bytes - bytes);
    atomic_store(&link->sending, true);
    nng_aio_set_msg(link->aio, parcel->message);
    *parcel = (struct parcel){0};
    nng_send_aio(link->socket, link->aio);
}

struct transport_news transport_news(struct transport_link *link)
{
    return (struct transport_news){
        .down = atomic_exchange(&link->down, false),
        .up = atomic_exchange(&link->up, false),
    };
}

/* --- Life ------------------------------------------------------------------------------------- */

static uint16_t bound_port(nng_listener listener)
{
    nng_sockaddr address;
    if (nng_listener_get_addr(listener, NNG_OPT_LOCADDR, &address) != 0)
        return 0;
    if (address.s_family == NNG_AF_INET)
        return ntohs(address.s_in.sa_port);
    return address.s_family == NNG_AF_INET6 ? ntohs(address.s_in6.sa_port) : 0;
}

/* The bound on messages must be there before the first byte can come. */
static enum status start_listening(struct transport *transport,
                                   const struct transport_settings *settings)
{
    nng_listener listener;
    if (nng_socket_set_size(transport->listener->socket, NNG_OPT_RECVMAXSZ,
                            settings->message_bytes_max) != 0)
        return STATUS_IO;
    if (nng_aio_alloc(&transport->listener->aio, on_received, transport) != 0)
        return STATUS_NO_MEMORY;
    nng_aio_set_timeout(transport->listener->aio, NNG_DURATION_INFINITE);
    if (nng_listen(transport->listener->socket, settings->listen, &listener, 0) != 0)
        return STATUS_IO;
    transport->port = bound_port(listener);
    transport->receiving = true;
    nng_recv_aio(transport->listener->socket, transport->listener->aio);
    return transport->port != 0 ? STATUS_OK : STATUS_IO;
}

enum status transport_open(struct transport **ret_transport,
                           const struct transport_settings *settings)
{
    struct transport *transport = calloc(1, sizeof *transport);
    if (transport == NULL)
        return STATUS_NO_MEMORY;
    transport->wake = settings->wake;
    transport->context = settings->context;
    (void)pthread_mutex_init(&transport->mutex, NULL);
    transport->closer = closer_new();
    transport->listener = calloc(1, sizeof *transport->listener);
    if (transport->closer == NULL || transport->listener == NULL ||
        nng_pull0_open(&transport->listener->socket) != 0) {
        if (transport->closer != NULL && closer_finish(transport->closer))
            closer_free(transport->closer);
        free(transport->listener);
        (void)pthread_mutex_destroy(&transport->mutex);
        free(transport);
        return STATUS_NO_MEMORY;
    }
    transport->listener->transport = transport;
    const enum status status = start_listening(transport, settings);
    if (status != STATUS_OK) {
        (void)transport_close(transport);
        return status;
    }
    *ret_transport = transport;
    return STATUS_OK;
}

uint16_t transport_port(const struct transport *transport)
{
    return transport->port;
}

static void drop_inbox(struct transport *transport)
{
    for (uint32_t i = 0; i < transport->count; i++)
        nng_msg_free(transport->inbox[(transport->head + i) % TRANSPORT_INBOX_MAX]);
    transport->count = 0;
}

bool transport_close(struct transport *transport)
{
    if (transport == NULL)
        return true;
    (void)pthread_mutex_lock(&transport->mutex);
    transport->closed = true;
    (void)pthread_mutex_unlock(&transport->mutex);
    transport_hang_up(transport->listener);
    /* Sockets wake us until they are closed. What blocks keeps its memory. */
    if (!closer_finish(transport->closer))
        return false;
    drop_inbox(transport);
    closer_free(transport->closer);
    (void)pthread_mutex_destroy(&transport->mutex);
    free(transport);
    return true;
}
