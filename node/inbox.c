#include "node/inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum status inbox_init(struct inbox *inbox)
{
    *inbox = (struct inbox){.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (inbox->wake < 0)
        return STATUS_IO;
    if (pthread_mutex_init(&inbox->mutex, NULL) != 0) {
        (void)close(inbox->wake);
        return STATUS_IO;
    }
    return STATUS_OK;
}

void inbox_fini(struct inbox *inbox)
{
    (void)close(inbox->wake);
    (void)pthread_mutex_destroy(&inbox->mutex);
}

void inbox_written(struct inbox *inbox, uint64_t ticket, enum status status)
{
    (void)pthread_mutex_lock(&inbox->mutex);
    if (status != STATUS_OK && inbox->status == STATUS_OK)
        inbox->status = status;
    if (status == STATUS_OK && ticket > inbox->ticket)
        inbox->ticket = ticket;
    const bool first = !inbox->any;
    inbox->any = true;
    (void)pthread_mutex_unlock(&inbox->mutex);
    if (first)
        (void)eventfd_write(inbox->wake, 1); /* cannot overflow: once per take */
}

bool inbox_take(struct inbox *inbox, struct inbox_news *ret_news)
{
    eventfd_t count;
    (void)eventfd_read(inbox->wake, &count);
    (void)pthread_mutex_lock(&inbox->mutex);
    const bool any = inbox->any;
    inbox->any = false;
    *ret_news = (struct inbox_news){.ticket = inbox->ticket, .status = inbox->status};
    (void)pthread_mutex_unlock(&inbox->mutex);
    return any;
}
