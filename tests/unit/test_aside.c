/* tests/unit/test_aside.c -- What is worked on beside the loop, and where it comes back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "node/aside.h"
#include "node/loop.h"

#define JOBS 5

struct scene;

struct task {
    struct aside_job job;
    struct scene *scene;
    bool waits; /* for the scene's `go` */
    pthread_t worked_on, done_on, dropped_on;
    atomic_bool worked;
    unsigned dropped; /* how often */
    unsigned done_as; /* 0: not */
};

struct scene {
    struct event_base *base;
    struct aside *aside;
    sem_t begun, go;
    unsigned done, wanted;
    bool requested;
    atomic_uint out, out_max; /* worked on and not dropped */
    unsigned drops;           /* jobs dropped */
    struct task tasks[JOBS];
};

static void work(void *context)
{
    struct task *task = context;
    task->worked_on = pthread_self();
    if (task->waits) {
        assert_int_equal(sem_post(&task->scene->begun), 0);
        assert_int_equal(sem_wait(&task->scene->go), 0);
    }
    const unsigned out = atomic_fetch_add(&task->scene->out, 1) + 1;
    if (out > atomic_load(&task->scene->out_max))
        atomic_store(&task->scene->out_max, out);
    atomic_store(&task->worked, true);
}

static void drop(void *context)
{
    struct task *task = context;
    task->dropped_on = pthread_self();
    task->dropped++;
    task->scene->drops++;
    if (atomic_load(&task->worked))
        (void)atomic_fetch_sub(&task->scene->out, 1);
}

static void done(void *context)
{
    struct task *task = context;
    task->done_on = pthread_self();
    task->done_as = ++task->scene->done;
    if (task->scene->done == task->scene->wanted)
        loop_stop(task->scene->base);
}

static int setup(void **state)
{
    static struct scene scene;
    scene = (struct scene){.base = loop_new()};
    assert_non_null(scene.base);
    scene.aside = aside_new(scene.base);
    assert_non_null(scene.aside);
    assert_int_equal(sem_init(&scene.begun, 0, 0), 0);
    assert_int_equal(sem_init(&scene.go, 0, 0), 0);
    for (size_t i = 0; i < JOBS; i++) {
        scene.tasks[i].scene = &scene;
        scene.tasks[i].job = (struct aside_job){
            .work = work, .done = done, .drop = drop, .context = &scene.tasks[i]};
    }
    *state = &scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    aside_free(scene->aside);
    loop_free(scene->base);
    return 0;
}

static void run_until_done(struct scene *scene, unsigned wanted)
{
    scene->wanted = wanted;
    loop_run(scene->base);
    assert_int_equal(scene->done, wanted);
}

/* Ends the thread, after which it is known what was dropped. */
static void assert_dropped(struct scene *scene, unsigned jobs)
{
    aside_free(scene->aside);
    scene->aside = NULL;
    assert_int_equal(scene->drops, jobs);
    for (size_t i = 0; i < JOBS; i++)
        assert_true(scene->tasks[i].dropped <= 1);
}

static void jobs_are_worked_on_elsewhere_and_done_here_in_order(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < JOBS; i++)
        aside_run(scene->aside, &scene->tasks[i].job);
    assert_int_equal(aside_waiting(scene->aside), JOBS);
    run_until_done(scene, JOBS);
    assert_int_equal(aside_waiting(scene->aside), 0);
    for (size_t i = 0; i < JOBS; i++) {
        assert_true(scene->tasks[i].worked);
        assert_int_equal(scene->tasks[i].done_as, i + 1);
        assert_false(pthread_equal(scene->tasks[i].worked_on, pthread_self()));
        assert_true(pthread_equal(scene->tasks[i].done_on, pthread_self()));
    }
    assert_dropped(scene, JOBS);
    for (size_t i = 0; i < JOBS; i++)
        assert_true(pthread_equal(scene->tasks[i].dropped_on, scene->tasks[i].worked_on));
}

/* The loop goes on while a job takes its time. */
static void end_wait(void *context)
{
    struct scene *scene = context;
    assert_int_equal(scene->done, 0);
    assert_int_equal(sem_post(&scene->go), 0);
}

static void the_loop_does_not_wait_for_a_job(void **state)
{
    struct scene *scene = *state;
    struct loop_event *timer = loop_timer_new(scene->base, LOOP_REQUESTS, end_wait, scene);
    assert_non_null(timer);
    scene->tasks[0].waits = true;
    aside_run(scene->aside, &scene->tasks[0].job);
    loop_timer_after(timer, 1000);
    run_until_done(scene, 1);
    loop_event_free(timer);
}

static void a_job_that_is_called_off_in_time_is_not_worked_on(void **state)
{
    struct scene *scene = *state;
    scene->tasks[0].waits = true;
    for (size_t i = 0; i < 3; i++)
        aside_run(scene->aside, &scene->tasks[i].job);
    assert_int_equal(sem_wait(&scene->begun), 0);
    aside_call_off(scene->aside, &scene->tasks[2].job); /* the last one */
    aside_run(scene->aside, &scene->tasks[3].job);
    aside_call_off(scene->aside, &scene->tasks[1].job); /* one in the middle */
    assert_int_equal(sem_post(&scene->go), 0);
    run_until_done(scene, 2);
    assert_int_equal(scene->tasks[3].done_as, 2);
    assert_false(scene->tasks[1].worked);
    assert_false(scene->tasks[2].worked);
    assert_dropped(scene, 4);
}

static void one_that_is_under_way_is_waited_for_and_not_done(void **state)
{
    struct scene *scene = *state;
    scene->tasks[0].waits = true;
    aside_run(scene->aside, &scene->tasks[0].job);
    assert_int_equal(sem_wait(&scene->begun), 0);
    assert_int_equal(sem_post(&scene->go), 0);
    aside_call_off(scene->aside, &scene->tasks[0].job);
    assert_true(scene->tasks[0].worked);
    aside_run(scene->aside, &scene->tasks[1].job);
    run_until_done(scene, 1);
    assert_int_equal(scene->tasks[0].done_as, 0);
    assert_dropped(scene, 2);
}

/* The news of it is on its way already. */
static void one_that_is_worked_on_may_still_be_called_off(void **state)
{
    struct scene *scene = *state;
    aside_run(scene->aside, &scene->tasks[0].job);
    while (!atomic_load(&scene->tasks[0].worked))
        (void)sched_yield();
    aside_call_off(scene->aside, &scene->tasks[0].job);
    aside_run(scene->aside, &scene->tasks[1].job);
    run_until_done(scene, 1);
    assert_int_equal(scene->tasks[0].done_as, 0);
    assert_dropped(scene, 2);
}

/* Long enough for the other thread to go on, if it did. */
static void let_it_run(void)
{
    for (unsigned i = 0; i < 1000; i++)
        (void)sched_yield();
}

static void no_job_begins_before_the_last_one_is_dropped(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < JOBS; i++)
        aside_run(scene->aside, &scene->tasks[i].job);
    while (!atomic_load(&scene->tasks[0].worked))
        (void)sched_yield();
    let_it_run();
    assert_false(atomic_load(&scene->tasks[1].worked));
    aside_call_off(scene->aside, &scene->tasks[0].job);
    run_until_done(scene, JOBS - 1);
    assert_int_equal(atomic_load(&scene->out_max), 1);
    assert_dropped(scene, JOBS);
}

static void be_requested(void *context)
{
    struct scene *scene = context;
    scene->requested = true;
}

static void what_is_worked_on_comes_behind_the_requests_that_are_there(void **state)
{
    struct scene *scene = *state;
    struct loop_event *request = loop_timer_new(scene->base, LOOP_REQUESTS, be_requested, scene);
    assert_non_null(request);
    aside_run(scene->aside, &scene->tasks[0].job);
    while (!atomic_load(&scene->tasks[0].worked))
        (void)sched_yield();
    let_it_run();
    loop_timer_now(request);
    run_until_done(scene, 1); /* which stops the loop */
    assert_true(scene->requested);
    loop_event_free(request);
}

static void without_a_descriptor_there_is_none(void **state)
{
    struct scene *scene = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {.rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct aside *aside = aside_new(scene->base);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_null(aside);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(jobs_are_worked_on_elsewhere_and_done_here_in_order),
        TEST(the_loop_does_not_wait_for_a_job),
        TEST(a_job_that_is_called_off_in_time_is_not_worked_on),
        TEST(one_that_is_under_way_is_waited_for_and_not_done),
        TEST(one_that_is_worked_on_may_still_be_called_off),
        TEST(no_job_begins_before_the_last_one_is_dropped),
        TEST(what_is_worked_on_comes_behind_the_requests_that_are_there),
        TEST(without_a_descriptor_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
