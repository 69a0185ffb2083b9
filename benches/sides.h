/* The sides of a benchmark, a server and a client and sometimes somebody between or beside them, and
   what they say to each other.

   For inproc they are threads of one process, for everything else processes, forked before any
   context exists. They meet in a page of shared memory: the server leaves its endpoint there, and
   the measuring side tells in which phase they are. So every run lasts the same time whatever the
   library's speed, nothing of starting up or ending is measured, and all sides count their
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

/* Endpoints that one benchmark has. */
#define PLACES 2

/* The page all sides see. */
struct meeting
{
    _Atomic int phase;
    _Atomic int bound[PLACES];
    char endpoint[PLACES][512];
    /* Sides besides the one that measures, and how many of them have ended. */
    int others;
    _Atomic int left;
    /* Their processor time, where they are other processes. */
    _Atomic int64_t other_cpu;
    /* Memory that one of them measured. */
    _Atomic int64_t other_bytes;
    /* How far a side has come, for those that wait for it. */
    _Atomic int64_t progress;
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

static void bind_place (void *socket, int place)
{
    char wanted[64];
    encrypt (socket, 1);
    if (strcmp (options.transport, "tcp") == 0)
        snprintf (wanted, sizeof wanted, "tcp://127.0.0.1:*");
    else
        snprintf (wanted, sizeof wanted, "%s://bench-%d-%d", options.transport, (int) getpid (), place);
    CHECK (zmq_bind (socket, wanted));
    size_t size = sizeof meeting->endpoint[place];
    CHECK (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, meeting->endpoint[place], &size));
    atomic_store (&meeting->bound[place], 1);
}

static void bind_server (void *socket)
{
    bind_place (socket, 0);
}

static const char *endpoint_of (int place)
{
    while (!atomic_load (&meeting->bound[place]))
        usleep (200);
    return meeting->endpoint[place];
}

static void connect_place (void *socket, int place)
{
    encrypt (socket, 0);
    CHECK (zmq_connect (socket, endpoint_of (place)));
}

static void connect_client (void *socket)
{
    connect_place (socket, 0);
}

/* One side of a benchmark; it uses the context and leaves it open. */
typedef void side_fn (void *context);

struct other
{
    side_fn *side;
    void *context;
    pid_t process;
    pthread_t thread;
};

static void *other_thread (void *argument)
{
    struct other *other = argument;
    pin (0);
    other->side (other->context);
    return NULL;
}

static void start_process (struct other *other)
{
    other->process = fork ();
    if (other->process == -1)
        fail ("fork");
    if (other->process > 0)
        return;
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    pin (0);
    void *context = new_context ();
    other->side (context);
    zmq_ctx_term (context);
    exit (0);
}

static void wait_for_process (const struct other *other)
{
    int status = 0;
    waitpid (other->process, &status, 0);
    if (status != 0) {
        fprintf (stderr, "another side ended with status %d\n", status);
        exit (1);
    }
}

static void run_threads (side_fn *measuring, struct other *others)
{
    void *context = new_context ();
    for (int i = 0; i < meeting->others; i++) {
        others[i].context = context;
        if (pthread_create (&others[i].thread, NULL, other_thread, &others[i]) != 0)
            fail ("pthread_create");
    }
    pin (1);
    measuring (context);
    for (int i = 0; i < meeting->others; i++)
        pthread_join (others[i].thread, NULL);
    zmq_ctx_term (context);
}

static void run_processes (side_fn *measuring, struct other *others)
{
    for (int i = 0; i < meeting->others; i++)
        start_process (&others[i]);
    pin (1);
    void *context = new_context ();
    measuring (context);
    zmq_ctx_term (context);
    for (int i = 0; i < meeting->others; i++)
        wait_for_process (&others[i]);
}

/* Runs the measuring side here and the others, of which the second may be missing, in threads or in
   processes of their own. */
static void run_sides (side_fn *measuring, side_fn *first, side_fn *second)
{
    struct other others[] = {{.side = first}, {.side = second}};
    meeting = mmap (NULL, sizeof *meeting, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (meeting == MAP_FAILED)
        fail ("mmap");
    meeting->others = second ? 2 : 1;
    print_library ();
    alarm (options.limit + (unsigned) (options.seconds * 4));
    (in_one_process () ? run_threads : run_processes) (measuring, others);
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
            atomic_fetch_add (&meeting->other_cpu, cpu_time () - start);
    }
    return current != END;
}

static void leave (void)
{
    atomic_fetch_add (&meeting->left, 1);
}

static int others_left (void)
{
    return atomic_load (&meeting->left) == meeting->others;
}

/* Waits until all other sides have ended. */
static void await_others (void)
{
    while (!others_left ())
        usleep (200);
}

/* What the measuring side has to tell: how many of what it counts there were, and for how long. */
static void print_rate (int64_t count, int64_t elapsed, int64_t cpu)
{
    if (count == 0) {
        fprintf (stderr, "nothing came\n");
        exit (1);
    }
    printf ("rate=%.1f\n", count * 1e9 / elapsed);
    printf ("cpu=%.2f\n", (double) (cpu + atomic_load (&meeting->other_cpu)) / count);
}

/* Half of the median round trip, and of the one that only one in a thousand exceeds. */
static void print_round_trips (int64_t *times, int count)
{
    sort_times (times, count);
    printf ("latency=%.1f\nslowest=%.1f\n", times[count / 2] / 2.0, times[count - 1 - count / 1000] / 2.0);
}

#endif
