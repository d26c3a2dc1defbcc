#include "node/inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "cluster/base/check.h"

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

/* With the mutex held; gives it back. */
static void announce(struct inbox *inbox)
{
    const bool first = !inbox->any;
    inbox->any = true;
    (void)pthread_mutex_unlock(&inbox->mutex);
    if (first)
        (void)eventfd_write(inbox->wake, 1); /* cannot overflow: once per take */
}

void inbox_written(struct inbox *inbox, uint64_t ticket, enum status status)
{
    (void)pthread_mutex_lock(&inbox->mutex);
    if (status != STATUS_OK && inbox->news.status == STATUS_OK)
        inbox->news.status = status;
    if (status == STATUS_OK && ticket > inbox->news.ticket)
        inbox->news.ticket = ticket;
    announce(inbox);
}

void inbox_snapshot(struct inbox *inbox, const struct snapshot_report *report)
{
    CHECK(report->news != SNAPSHOT_NEWS_KEPT);
    (void)pthread_mutex_lock(&inbox->mutex);
    if (report->news == SNAPSHOT_NEWS_WRITTEN) {
        inbox->news.written = *report;
        inbox->news.written_any = true;
    } else {
        inbox->news.stored = *report;
        inbox->news.stored_any = true;
    }
    announce(inbox);
}

bool inbox_take(struct inbox *inbox, struct inbox_news *ret_news)
{
    eventfd_t count;
    (void)eventfd_read(inbox->wake, &count);
    (void)pthread_mutex_lock(&inbox->mutex);
    const bool any = inbox->any;
    inbox->any = false;
    *ret_news = inbox->news;
    inbox->news.written_any = false;
    inbox->news.stored_any = false;
    (void)pthread_mutex_unlock(&inbox->mutex);
    return any;
}
