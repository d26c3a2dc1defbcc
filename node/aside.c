#include "node/aside.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "node/loop.h"

#define NICENESS 5

/* First in, first out. */
struct queue {
    struct aside_job *first;
    struct aside_job **end; /* where the next is linked to */
};

struct aside {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* for the second thread: there is work, or it is to end */
    pthread_cond_t idle; /* for the first: a job has been worked on */
    struct queue due, worked;
    const struct aside_job *current; /* of those that somebody asks for */
    bool ending;
    /* The first thread's alone. */
    int news; /* a semaphore: jobs that came into `worked` */
    struct loop_event *reader;
    unsigned waiting;
};

/* --- Queues, with the mutex held ---------------------------------------------------------------
 */

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

static void put(struct queue *queue, struct aside_job *job)
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
}

static struct aside_job *take(struct queue *queue)
{
    struct aside_job *job = queue->first;
    if (job == NULL)
        return NULL;
    queue->first = job->next;
    if (queue->first == NULL)
        queue->end = &queue->first;
    return job;
}

/* False: it is not in there. */
static bool take_out(struct queue *queue, const struct aside_job *job)
{
    struct aside_job **at = &queue->first;
    while (*at != NULL && *at != job)
        at = &(*at)->next;
    if (*at == NULL)
        return false;
    *at = job->next;
    if (*at == NULL)
        queue->end = at;
    return true;
}

/* --- The second thread ------------------------------------------------------------------------ */

/* With the mutex held, but not during the work. */
static void work_on(struct aside *aside, struct aside_job *job)
{
    /* Without `done` it is gone when its work has begun. */
    const bool asked = job->done != NULL;
    if (asked)
        aside->current = job;
    (void)pthread_mutex_unlock(&aside->mutex);
    job->work(job->context);
    (void)pthread_mutex_lock(&aside->mutex);
    if (!asked)
        return;
    aside->current = NULL;
    put(&aside->worked, job);
    (void)pthread_cond_signal(&aside->idle);
    (void)eventfd_write(aside->news, 1);
}

static void *run(void *context)
{
    struct aside *aside = context;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
    (void)pthread_mutex_lock(&aside->mutex);
    while (aside->due.first != NULL || !aside->ending) {
        if (aside->due.first == NULL)
            (void)pthread_cond_wait(&aside->wake, &aside->mutex);
        else
            work_on(aside, take(&aside->due));
    }
    (void)pthread_mutex_unlock(&aside->mutex);
    return NULL;
}

/* --- The first thread ------------------------------------------------------------------------- */

static struct aside_job *take_worked(struct aside *aside)
{
    (void)pthread_mutex_lock(&aside->mutex);
    struct aside_job *job = take(&aside->worked);
    (void)pthread_mutex_unlock(&aside->mutex);
    return job;
}

/* One at a time, so that the loop comes to other things between. None: it was called off. */
static void read_news(void *context)
{
    struct aside *aside = context;
    eventfd_t count;
    (void)eventfd_read(aside->news, &count);
    struct aside_job *job = take_worked(aside);
    if (job == NULL)
        return;
    aside->waiting--;
    job->done(job->context);
}

/* Signals are the first thread's. */
static bool start_thread(struct aside *aside)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&aside->thread, NULL, run, aside) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

struct aside *aside_new(struct event_base *base)
{
    struct aside *aside = calloc(1, sizeof *aside);
    if (aside == NULL)
        return NULL;
    (void)pthread_mutex_init(&aside->mutex, NULL);
    (void)pthread_cond_init(&aside->wake, NULL);
    (void)pthread_cond_init(&aside->idle, NULL);
    queue_init(&aside->due);
    queue_init(&aside->worked);
    aside->news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE);
    if (aside->news >= 0)
        aside->reader = loop_reader_new(base, aside->news, read_news, aside);
    if (aside->reader != NULL && start_thread(aside))
        return aside;
    loop_event_free(aside->reader);
    if (aside->news >= 0)
        (void)close(aside->news);
    free(aside);
    return NULL;
}

void aside_free(struct aside *aside)
{
    if (aside == NULL)
        return;
    CHECK(aside->waiting == 0);
    (void)pthread_mutex_lock(&aside->mutex);
    aside->ending = true;
    (void)pthread_cond_signal(&aside->wake);
    (void)pthread_mutex_unlock(&aside->mutex);
    (void)pthread_join(aside->thread, NULL);
    loop_event_free(aside->reader);
    (void)close(aside->news);
    (void)pthread_cond_destroy(&aside->idle);
    (void)pthread_cond_destroy(&aside->wake);
    (void)pthread_mutex_destroy(&aside->mutex);
    free(aside);
}

void aside_run(struct aside *aside, struct aside_job *job)
{
    aside->waiting += job->done != NULL ? 1 : 0;
    (void)pthread_mutex_lock(&aside->mutex);
    put(&aside->due, job);
    (void)pthread_cond_signal(&aside->wake);
    (void)pthread_mutex_unlock(&aside->mutex);
}

unsigned aside_waiting(const struct aside *aside)
{
    return aside->waiting;
}

void aside_call_off(struct aside *aside, struct aside_job *job)
{
    CHECK(job->done != NULL);
    (void)pthread_mutex_lock(&aside->mutex);
    while (aside->current == job)
        (void)pthread_cond_wait(&aside->idle, &aside->mutex);
    const bool found = take_out(&aside->due, job) || take_out(&aside->worked, job);
    (void)pthread_mutex_unlock(&aside->mutex);
    CHECK(found);
    aside->waiting--;
}
