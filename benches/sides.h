/* The two sides of a benchmark, a server and a client, and what they say to each other.

   For inproc they are threads of one process, for everything else processes, forked before any
   context exists. They meet in a page of shared memory: the server leaves its endpoint there, and
   the measuring side tells in which phase they are. So every run lasts the same time whatever the
   library's speed, nothing of starting up or ending is measured, and both sides count their
   processor time over the same stretch. */
#ifndef SIDES_H
#define SIDES_H

#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

enum phase
{
    WARM_UP,
    MEASURE,
    END
};

/* The page both sides see. */
struct meeting
{
    _Atomic int phase;
    _Atomic int bound;
    _Atomic int left;
    char endpoint[512];
    /* Processor time of the side that does not measure, if it is another process. */
    _Atomic int64_t other_cpu;
};

static struct meeting *meeting;

static int in_one_process (void)
{
    return strcmp (options.transport, "inproc") == 0;
}

static enum phase phase (void)
{
    return (enum phase) atomic_load_explicit (&meeting->phase, memory_order_relaxed);
}

static void enter (enum phase next)
{
    atomic_store (&meeting->phase, next);
}

/* Puts the calling thread, and the threads it will start, on one CPU of those allowed. */
static void pin (int wanted)
{
    cpu_set_t allowed, one;
    if (!options.pin || sched_getaffinity (0, sizeof allowed, &allowed) != 0)
        return;
    wanted %= CPU_COUNT (&allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET (cpu, &allowed) && wanted-- == 0) {
            CPU_ZERO (&one);
            CPU_SET (cpu, &one);
            sched_setaffinity (0, sizeof one, &one);
            return;
        }
    }
}

static void bind_server (void *socket)
{
    char wanted[64];
    encrypt (socket, 1);
    if (strcmp (options.transport, "tcp") == 0)
        snprintf (wanted, sizeof wanted, "tcp://127.0.0.1:*");
    else
        snprintf (wanted, sizeof wanted, "%s://bench-%d", options.transport, (int) getpid ());
    CHECK (zmq_bind (socket, wanted));
    size_t size = sizeof meeting->endpoint;
    CHECK (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, meeting->endpoint, &size));
    atomic_store (&meeting->bound, 1);
}

static void wait_for_server (void)
{
    while (!atomic_load (&meeting->bound))
        usleep (200);
}

static void connect_client (void *socket)
{
    wait_for_server ();
    encrypt (socket, 0);
    CHECK (zmq_connect (socket, meeting->endpoint));
}

/* One side of a benchmark; it uses the context and leaves it open. */
typedef void side_fn (void *context);

struct other
{
    side_fn *side;
    void *context;
};

static void *other_thread (void *argument)
{
    struct other *other = argument;
    pin (0);
    other->side (other->context);
    return NULL;
}

/* Runs the measuring side here and the other one in a thread or in another process. */
static void run_sides (side_fn *measuring, side_fn *other)
{
    meeting = mmap (NULL, sizeof *meeting, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (meeting == MAP_FAILED)
        fail ("mmap");
    alarm (LIMIT_SECONDS);
    if (in_one_process ()) {
        struct other start = {other, new_context ()};
        pthread_t thread;
        if (pthread_create (&thread, NULL, other_thread, &start) != 0)
            fail ("pthread_create");
        pin (1);
        measuring (start.context);
        pthread_join (thread, NULL);
        zmq_ctx_term (start.context);
        return;
    }
    const pid_t child = fork ();
    if (child == -1)
        fail ("fork");
    if (child == 0)
        prctl (PR_SET_PDEATHSIG, SIGKILL);
    pin (child == 0 ? 0 : 1);
    void *context = new_context ();
    (child == 0 ? other : measuring) (context);
    zmq_ctx_term (context);
    if (child == 0)
        exit (0);
    int status = 0;
    waitpid (child, &status, 0);
    if (status != 0) {
        fprintf (stderr, "the other side ended with status %d\n", status);
        exit (1);
    }
}

/* For the side that does not measure, to call once per step: false when the end has come. */
static int go_on (void)
{
    static _Thread_local int seen = WARM_UP;
    static _Thread_local int64_t start;
    const int current = phase ();
    if (current != seen) {
        seen = current;
        if (current == MEASURE)
            start = cpu_time ();
        else if (!in_one_process () && start)
            atomic_store (&meeting->other_cpu, cpu_time () - start);
    }
    return current != END;
}

static void leave (void)
{
    atomic_store (&meeting->left, 1);
}

static int other_left (void)
{
    return atomic_load (&meeting->left);
}

#endif
