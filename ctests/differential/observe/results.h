/* Printing what calls return: numbers, errno names, bytes, masked endpoints. */
#ifndef RESULTS_H
#define RESULTS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef ZMQ_BUILD_DRAFT_API
#define ZMQ_BUILD_DRAFT_API
#endif

#include <zmq.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#if defined __GNUC__
#pragma GCC diagnostic ignored "-Wunused-function"
#endif

/* How long to wait for what must happen; only reached when a library fails. */
#define PATIENCE_MS 10000
/* How long to watch that nothing happens. */
#define QUIET_MS 60

/* What was printed before a crash or a time limit must reach the runner. */
__attribute__ ((constructor)) static void print_at_once (void)
{
    setvbuf (stdout, NULL, _IOLBF, 0);
}

/* ------------------------------------------------------------------ results */

static const char *errno_name (int number)
{
    static char other[32];
    switch (number) {
        case 0:
            return "-";
#define NAME(x)                                                                                    \
    case x:                                                                                        \
        return #x;
            NAME (EAGAIN)
            NAME (EINVAL)
            NAME (EFAULT)
            NAME (EINTR)
            NAME (ENOMEM)
            NAME (EMFILE)
            NAME (ENODEV)
            NAME (ENOENT)
            NAME (ENOTDIR)
            NAME (EISDIR)
            NAME (EBUSY)
            NAME (EPERM)
            NAME (EACCES)
            NAME (EBADF)
            NAME (EPIPE)
            NAME (ENOTSUP)
            NAME (ENOTSOCK)
            NAME (EPROTO)
            NAME (EPROTONOSUPPORT)
            NAME (ENOBUFS)
            NAME (ENETDOWN)
            NAME (ENETUNREACH)
            NAME (EADDRINUSE)
            NAME (EADDRNOTAVAIL)
            NAME (ECONNREFUSED)
            NAME (ECONNRESET)
            NAME (ECONNABORTED)
            NAME (EINPROGRESS)
            NAME (EMSGSIZE)
            NAME (EAFNOSUPPORT)
            NAME (ENOTCONN)
            NAME (ETIMEDOUT)
            NAME (EHOSTUNREACH)
            NAME (ENETRESET)
            NAME (ENAMETOOLONG)
            NAME (ENOPROTOOPT)
            NAME (ENOSYS)
            NAME (ENXIO)
            NAME (EFSM)
            NAME (ENOCOMPATPROTO)
            NAME (ETERM)
            NAME (EMTHREAD)
#undef NAME
        default:
            snprintf (other, sizeof other, "errno %d", number);
            return other;
    }
}

/* A heading between groups of observations. */
static void section (const char *format, ...)
{
    va_list arguments;
    printf ("== ");
    va_start (arguments, format);
    vprintf (format, arguments);
    va_end (arguments);
    printf ("\n");
}

/* The machine (not the library) refused something the program needs. */
static void give_up (const char *what)
{
    printf ("CANNOT GO ON: %s: %s\n", what, strerror (errno));
    exit (99);
}

/* Prints a call's text, its result and, where it failed, its errno. */
#define SHOW(call)                                                                                 \
    do {                                                                                           \
        errno = 0;                                                                                 \
        const long shown = (long) (call);                                                          \
        const int shown_errno = zmq_errno ();                                                      \
        printf ("%s -> %ld%s%s\n", #call, shown, shown == -1 ? " " : "",                           \
                shown == -1 ? errno_name (shown_errno) : "");                                      \
    } while (0)

/* The same for calls that return a pointer. */
#define SHOW_POINTER(call)                                                                         \
    do {                                                                                           \
        errno = 0;                                                                                 \
        const void *shown = (call);                                                                \
        const int shown_errno = zmq_errno ();                                                      \
        printf ("%s -> %s%s\n", #call, shown ? "something" : "NULL ",                              \
                shown ? "" : errno_name (shown_errno));                                            \
    } while (0)

/* A step that must work for the rest to make sense. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        errno = 0;                                                                                 \
        if ((call) == -1) {                                                                        \
            printf ("%s FAILED with %s (line %d)\n", #call, errno_name (zmq_errno ()), __LINE__);  \
            exit (98);                                                                             \
        }                                                                                          \
    } while (0)

/* ------------------------------------------------------------------ bytes */

/* Bytes as text: runs of one long repeated character are shortened, the rest is escaped. */
static void print_bytes (const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    size_t i = 0;
    printf ("[");
    while (i < size) {
        size_t run = 1;
        while (i + run < size && at[i + run] == at[i])
            run++;
        const size_t times = run > 8 ? 1 : run;
        for (size_t k = 0; k < times; k++) {
            if (isprint (at[i]) && at[i] != '\\')
                putchar (at[i]);
            else
                printf ("\\x%02x", at[i]);
        }
        if (run > 8)
            printf ("{%zu}", run);
        i += run;
    }
    printf ("]");
}

/* Every run of digits behind the last ':' becomes PORT. */
static const char *mask_port (const char *endpoint)
{
    static char masked[4][512];
    static int turn;
    char *out = masked[turn = (turn + 1) % 4];
    const char *colon = strrchr (endpoint, ':');
    if (!colon || !isdigit ((unsigned char) colon[1]))
        snprintf (out, 512, "%s", endpoint);
    else
        snprintf (out, 512, "%.*s:PORT", (int) (colon - endpoint), endpoint);
    return out;
}

#endif
