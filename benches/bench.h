/* What the benchmark programs share: failing, options, sockets. */
#ifndef BENCH_H
#define BENCH_H

#define _GNU_SOURCE
/* For ZMQ_BUSY_POLL and pollers. */
#define ZMQ_BUILD_DRAFT_API 1
#include <zmq.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum api
{
    BUFFERS,
    MESSAGES,
    REFERENCES
};

struct options
{
    const char *transport;
    const char *kind;
    size_t size;
    int hwm;
    enum api api;
    int count;
    int topics;
    int in_flight;
    int busy_poll;
    int drop;
    int curve;
    int pin;
    /* After this many seconds something is wrong. */
    int limit;
    double seconds;
    double warm_up;
};

static struct options options = {
    .transport = "tcp",
    .kind = "",
    .size = 64,
    .hwm = 1000,
    .count = 8,
    .in_flight = 16,
    .limit = 20,
    .seconds = 0.5,
    .warm_up = 0.1,
};

static void fail (const char *what)
{
    fprintf (stderr, "%s: %s\n", what, zmq_strerror (zmq_errno ()));
    exit (1);
}

/* Ends the program when a call failed. */
static int check (int rc, const char *what)
{
    if (rc == -1)
        fail (what);
    return rc;
}

#define CHECK(call) check ((call), #call)

static int64_t now (void)
{
    struct timespec time;
    clock_gettime (CLOCK_MONOTONIC, &time);
    return (int64_t) time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Processor time this process has used, in nanoseconds. */
static int64_t cpu_time (void)
{
    struct rusage usage;
    getrusage (RUSAGE_SELF, &usage);
    const struct timeval *user = &usage.ru_utime, *system = &usage.ru_stime;
    return ((int64_t) user->tv_sec + system->tv_sec) * 1000000000
           + ((int64_t) user->tv_usec + system->tv_usec) * 1000;
}

static void set_int (void *socket, int option, int value)
{
    CHECK (zmq_setsockopt (socket, option, &value, sizeof value));
}

/* A socket that neither lingers nor waits for ever, so that the end of a run is one. */
static void *open_socket (void *context, int type)
{
    void *socket = zmq_socket (context, type);
    if (!socket)
        fail ("zmq_socket");
    set_int (socket, ZMQ_LINGER, 0);
    set_int (socket, ZMQ_SNDHWM, options.hwm);
    set_int (socket, ZMQ_RCVHWM, options.hwm);
    set_int (socket, ZMQ_SNDTIMEO, 100);
    set_int (socket, ZMQ_RCVTIMEO, 100);
    if (options.busy_poll)
        set_int (socket, ZMQ_BUSY_POLL, options.busy_poll);
    return socket;
}

/* Encrypts a socket's connections, with keys that are no secret. */
static void encrypt (void *socket, int server)
{
    static const char server_public[] = "{ufPF5rL3#[uFR$B^(6}NA<3]O1{Y}6PnmH2AP3g";
    static const char server_secret[] = "I@*WFUXU>c[PPPb2nNXE)Mo1^j64LIpAZl!FOS@e";
    static const char client_public[] = "uTR![ssH{]rkLtK3Y{RTJ3Ma4qxZJ41k]{xr0]fJ";
    static const char client_secret[] = ".B5yGbAl!#2}8x>C26dx6>NDfu$SNk4J/!wANB^[";
    if (!options.curve)
        return;
    if (server) {
        set_int (socket, ZMQ_CURVE_SERVER, 1);
        CHECK (zmq_setsockopt (socket, ZMQ_CURVE_SECRETKEY, server_secret, 41));
        return;
    }
    CHECK (zmq_setsockopt (socket, ZMQ_CURVE_SERVERKEY, server_public, 41));
    CHECK (zmq_setsockopt (socket, ZMQ_CURVE_PUBLICKEY, client_public, 41));
    CHECK (zmq_setsockopt (socket, ZMQ_CURVE_SECRETKEY, client_secret, 41));
}

static void allow_descriptors (void)
{
    struct rlimit limit;
    if (getrlimit (RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit (RLIMIT_NOFILE, &limit);
    }
}

static void *new_context (void)
{
    void *context = zmq_ctx_new ();
    if (!context)
        fail ("zmq_ctx_new");
    CHECK (zmq_ctx_set (context, ZMQ_MAX_SOCKETS, 16384));
    return context;
}

/* Which library did the work: whoever compares two of them wants to be sure. */
static void print_library (void)
{
    Dl_info info;
    if (dladdr ((void *) (uintptr_t) zmq_version, &info) != 0 && info.dli_fname)
        printf ("library=%s\n", info.dli_fname);
    fflush (stdout);
}

static enum api api_called (const char *name)
{
    if (strcmp (name, "msg") == 0)
        return MESSAGES;
    return strcmp (name, "reference") == 0 ? REFERENCES : BUFFERS;
}

static void read_options (int argc, char **argv)
{
    const struct
    {
        const char *name;
        int *place;
    } numbers[] = {
        {"--hwm", &options.hwm},
        {"--count", &options.count},
        {"--topics", &options.topics},
        {"--in-flight", &options.in_flight},
        {"--busy-poll", &options.busy_poll},
        {"--drop", &options.drop},
        {"--curve", &options.curve},
        {"--pin", &options.pin},
    };
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        int known = 0;
        for (size_t j = 0; j < sizeof numbers / sizeof *numbers; j++) {
            if (strcmp (name, numbers[j].name) == 0) {
                *numbers[j].place = atoi (value);
                known = 1;
            }
        }
        if (known)
            continue;
        if (strcmp (name, "--transport") == 0)
            options.transport = value;
        else if (strcmp (name, "--kind") == 0)
            options.kind = value;
        else if (strcmp (name, "--size") == 0)
            options.size = strtoul (value, NULL, 10);
        else if (strcmp (name, "--api") == 0)
            options.api = api_called (value);
        else if (strcmp (name, "--seconds") == 0)
            options.seconds = atof (value);
        else if (strcmp (name, "--warm-up") == 0)
            options.warm_up = atof (value);
        else {
            fprintf (stderr, "unknown option %s\n", name);
            exit (2);
        }
    }
}

static int in_order (const void *left, const void *right)
{
    const int64_t a = *(const int64_t *) left, b = *(const int64_t *) right;
    return (a > b) - (a < b);
}

static void sort_times (int64_t *times, int count)
{
    qsort (times, count, sizeof *times, in_order);
}

#endif
