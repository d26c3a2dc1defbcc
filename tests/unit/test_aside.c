/* tests/unit/test_aside.c -- What is worked on beside the loop, and where it comes back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "node/aside.h"
#include "node/loop.h"

#define JOBS 5

struct scene;

struct task {
    struct aside_job job;
    struct scene *scene;
    bool waits; /* for the scene's `go` */
    pthread_t worked_on, done_on;
    atomic_bool worked;
    unsigned done_as; /* 0: not */
};

struct scene {
    struct event_base *base;
    struct aside *aside;
    sem_t begun, go;
    unsigned done, wanted;
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
    atomic_store(&task->worked, true);
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
        scene.tasks[i].job =
            (struct aside_job){.work = work, .done = done, .context = &scene.tasks[i]};
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
}

static void what_nobody_asks_for_is_worked_on_before_the_end(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < JOBS; i++) {
        scene->tasks[i].job.done = NULL;
        aside_run(scene->aside, &scene->tasks[i].job);
    }
    assert_int_equal(aside_waiting(scene->aside), 0);
    aside_free(scene->aside);
    scene->aside = NULL;
    for (size_t i = 0; i < JOBS; i++)
        assert_true(scene->tasks[i].worked);
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
        TEST(what_nobody_asks_for_is_worked_on_before_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
