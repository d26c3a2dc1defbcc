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
    pthread_cond_t wake; /* for the second thread: there is something to do, or it is to end */
    pthread_cond_t idle; /* for the first: a job has been worked on */
    struct queue due, dropped;
    const struct aside_job *begun; /* whose work has; until it is dropped */
    struct aside_job *worked;      /* the same, from the end of its work until it is done */
    bool ending;
    int news; /* readable: a job came into `worked` */
    /* The first thread's alone. */
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
    aside->begun = job;
    (void)pthread_mutex_unlock(&aside->mutex);
    job->work(job->context);
    (void)pthread_mutex_lock(&aside->mutex);
    aside->worked = job;
    (void)pthread_cond_signal(&aside->idle);
    (void)eventfd_write(aside->news, 1);
}

/* Likewise. Afterwards there may be no such job any more. */
static void drop(struct aside *aside, struct aside_job *job)
{
    if (aside->begun == job)
        aside->begun = NULL;
    (void)pthread_mutex_unlock(&aside->mutex);
    job->drop(job->context);
    (void)pthread_mutex_lock(&aside->mutex);
}

static void *run(void *context)
{
    struct aside *aside = context;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
    (void)pthread_mutex_lock(&aside->mutex);
    for (;;) {
        if (aside->dropped.first != NULL)
            drop(aside, take(&aside->dropped));
        else if (aside->due.first != NULL && aside->begun == NULL)
            work_on(aside, take(&aside->due));
        else if (aside->ending)
            break;
        else
            (void)pthread_cond_wait(&aside->wake, &aside->mutex);
    }
    (void)pthread_mutex_unlock(&aside->mutex);
    return NULL;
}

/* --- The first thread ------------------------------------------------------------------------- */

static void put_and_wake(struct aside *aside, struct queue *queue, struct aside_job *job)
{
    (void)pthread_mutex_lock(&aside->mutex);
    put(queue, job);
    (void)pthread_cond_signal(&aside->wake);
    (void)pthread_mutex_unlock(&aside->mutex);
}

static struct aside_job *take_worked(struct aside *aside)
{
    (void)pthread_mutex_lock(&aside->mutex);
    struct aside_job *job = aside->worked;
    aside->worked = NULL;
    (void)pthread_mutex_unlock(&aside->mutex);
    return job;
}

/* None: it was called off. */
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
    put_and_wake(aside, &aside->dropped, job);
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

/* The thread is not there, or has ended. */
static void dismantle(struct aside *aside)
{
    loop_event_free(aside->reader);
    if (aside->news >= 0)
        (void)close(aside->news);
    (void)pthread_cond_destroy(&aside->idle);
    (void)pthread_cond_destroy(&aside->wake);
    (void)pthread_mutex_destroy(&aside->mutex);
    free(aside);
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
    queue_init(&aside->dropped);
    aside->news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (aside->news >= 0)
        aside->reader = loop_reader_new(base, aside->news, LOOP_REQUESTS, read_news, aside);
    if (aside->reader != NULL && start_thread(aside))
        return aside;
    dismantle(aside);
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
    dismantle(aside);
}

void aside_run(struct aside *aside, struct aside_job *job)
{
    CHECK(job->done != NULL);
    CHECK(job->drop != NULL);
    aside->waiting++;
    put_and_wake(aside, &aside->due, job);
}

unsigned aside_waiting(const struct aside *aside)
{
    return aside->waiting;
}

void aside_call_off(struct aside *aside, struct aside_job *job)
{
    (void)pthread_mutex_lock(&aside->mutex);
    while (aside->begun == job && aside->worked != job)
        (void)pthread_cond_wait(&aside->idle, &aside->mutex);
    const bool found = aside->worked == job || take_out(&aside->due, job);
    if (aside->worked == job)
        aside->worked = NULL;
    (void)pthread_mutex_unlock(&aside->mutex);
    CHECK(found);
    aside->waiting--;
    put_and_wake(aside, &aside->dropped, job);
}
