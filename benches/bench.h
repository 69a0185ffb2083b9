/* What the benchmark programs share: failing, options, sockets. */
#ifndef BENCH_H
#define BENCH_H

#define _GNU_SOURCE
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

#define LIMIT_SECONDS 60

struct options
{
    const char *transport;
    size_t size;
    int hwm;
    int messages_api;
    int count;
    int drop;
    int curve;
    int pin;
    double seconds;
    double warm_up;
};

static struct options options = {"tcp", 64, 1000, 0, 8, 0, 0, 0, 0.5, 0.15};

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
}

static void read_options (int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp (name, "--transport") == 0)
            options.transport = value;
        else if (strcmp (name, "--size") == 0)
            options.size = strtoul (value, NULL, 10);
        else if (strcmp (name, "--hwm") == 0)
            options.hwm = atoi (value);
        else if (strcmp (name, "--api") == 0)
            options.messages_api = strcmp (value, "msg") == 0;
        else if (strcmp (name, "--count") == 0)
            options.count = atoi (value);
        else if (strcmp (name, "--drop") == 0)
            options.drop = atoi (value);
        else if (strcmp (name, "--curve") == 0)
            options.curve = atoi (value);
        else if (strcmp (name, "--pin") == 0)
            options.pin = atoi (value);
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

#endif
