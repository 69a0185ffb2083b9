/* zmq_timers_*: numbers, order, what a timer's function may do, and what is refused. */
#include "observe.h"

static void *timers;
static int own;

static void note (int id, void *argument)
{
    printf ("  timer %d [%s]\n", id, (const char *) argument);
}

static void add_another (int id, void *argument)
{
    printf ("  timer %d adds %d\n", id, zmq_timers_add (timers, 1000000, note, argument));
}

static void cancel_own (int id, void *argument)
{
    (void) argument;
    printf ("  timer %d cancels itself: %d\n", id, zmq_timers_cancel (timers, id));
}

static void cancel_other (int id, void *argument)
{
    printf ("  timer %d cancels %d: %d\n", id, *(int *) argument, zmq_timers_cancel (timers, *(int *) argument));
}

/* Executes what is due within the time, however late the machine is. */
static void execute (void)
{
    long left;
    while ((left = zmq_timers_timeout (timers)) > 0 && left < 1000)
        sleep_ms ((int) left);
    SHOW (zmq_timers_execute (timers));
}

int main (void)
{
    void *none = NULL;
    section ("refusals");
    timers = zmq_timers_new ();
    SHOW (zmq_timers_destroy (&none));
    SHOW (zmq_timers_add (NULL, 1, note, NULL));
    SHOW (zmq_timers_add (timers, 1, NULL, NULL));
    SHOW (zmq_timers_cancel (NULL, 1));
    SHOW (zmq_timers_cancel (timers, 1));
    SHOW (zmq_timers_set_interval (NULL, 1, 1));
    SHOW (zmq_timers_set_interval (timers, 1, 1));
    SHOW (zmq_timers_reset (NULL, 1));
    SHOW (zmq_timers_reset (timers, 1));
    SHOW (zmq_timers_timeout (NULL));
    SHOW (zmq_timers_timeout (timers));
    SHOW (zmq_timers_execute (NULL));
    SHOW (zmq_timers_execute (timers));

    section ("numbers and order");
    SHOW (zmq_timers_add (timers, 1000000, note, "never"));
    SHOW (zmq_timers_add (timers, 20, note, "second"));
    SHOW (zmq_timers_add (timers, 1, note, "first"));
    SHOW (zmq_timers_timeout (timers) <= 1);
    sleep_ms (25);
    SHOW (zmq_timers_timeout (timers));
    SHOW (zmq_timers_execute (timers));
    SHOW (zmq_timers_timeout (timers) <= 1);
    SHOW (zmq_timers_cancel (timers, 3));
    SHOW (zmq_timers_cancel (timers, 3));
    SHOW (zmq_timers_timeout (timers) > 1);
    SHOW (zmq_timers_set_interval (timers, 2, 1000000));
    SHOW (zmq_timers_timeout (timers) > 900000);
    SHOW (zmq_timers_set_interval (timers, 2, 1));
    execute ();
    SHOW (zmq_timers_set_interval (timers, 2, 1000000));
    SHOW (zmq_timers_reset (timers, 1));
    SHOW (zmq_timers_cancel (timers, 1));
    SHOW (zmq_timers_cancel (timers, 2));
    SHOW (zmq_timers_timeout (timers));
    SHOW (zmq_timers_reset (timers, 1));

    section ("what functions do");
    SHOW (zmq_timers_add (timers, 1, add_another, "added"));
    execute ();
    SHOW (zmq_timers_cancel (timers, 4));
    SHOW (zmq_timers_timeout (timers) > 900000);
    SHOW (zmq_timers_add (timers, 1, cancel_own, NULL));
    execute ();
    SHOW (zmq_timers_timeout (timers) > 900000);
    own = zmq_timers_add (timers, 1000000, note, "to be cancelled");
    SHOW (zmq_timers_add (timers, 1, cancel_other, &own));
    execute ();
    SHOW (zmq_timers_cancel (timers, own));
    SHOW (zmq_timers_destroy (&timers));
    SHOW (timers == NULL);
    return 0;
}
