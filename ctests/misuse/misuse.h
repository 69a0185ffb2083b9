/*
 * What the misuse programs share. They do what the manual forbids and what makes the original crash
 * or hang. Ours must give an error, or at least carry on; afterwards the library must still work.
 */
#ifndef MISUSE_H
#define MISUSE_H

#include "../differential/observe.h"

static int complaints;

/* The call must fail: with -1 and some errno. */
#define REFUSED(call)                                                                              \
    do {                                                                                           \
        errno = 0;                                                                                 \
        const long result = (long) (call);                                                         \
        const int error = zmq_errno ();                                                            \
        printf ("%s -> %ld %s\n", #call, result, errno_name (error));                              \
        if (result != -1 || error == 0) {                                                          \
            printf ("  SHOULD HAVE BEEN REFUSED\n");                                               \
            complaints++;                                                                          \
        }                                                                                          \
    } while (0)

/* The same for calls that return a pointer. */
#define REFUSED_POINTER(call)                                                                      \
    do {                                                                                           \
        errno = 0;                                                                                 \
        const void *result = (call);                                                               \
        const int error = zmq_errno ();                                                            \
        printf ("%s -> %s %s\n", #call, result ? "something" : "NULL", errno_name (error));        \
        if (result) {                                                                              \
            printf ("  SHOULD HAVE BEEN REFUSED\n");                                               \
            complaints++;                                                                          \
        }                                                                                          \
    } while (0)

/* The call may do what it likes, but it must return. */
#define SURVIVED(call)                                                                             \
    do {                                                                                           \
        printf ("%s", #call);                                                                      \
        fflush (stdout);                                                                           \
        (void) (call);                                                                             \
        printf (" returned\n");                                                                    \
    } while (0)

/* For functions without a result. */
#define SURVIVED_VOID(call)                                                                        \
    do {                                                                                           \
        printf ("%s", #call);                                                                      \
        fflush (stdout);                                                                           \
        call;                                                                                      \
        printf (" returned\n");                                                                    \
    } while (0)

/* Whatever happened before, a new context still carries a message. */
static void still_works (void)
{
    char endpoint[128], buffer[16];
    void *context = zmq_ctx_new ();
    void *pull = open_socket (context, ZMQ_PULL);
    void *push = open_socket (context, ZMQ_PUSH);
    BIND_TCP (pull, endpoint);
    MUST (zmq_connect (push, endpoint));
    MUST (zmq_send (push, "works", 5, 0));
    if (!await_events (pull, ZMQ_POLLIN) || zmq_recv (pull, buffer, sizeof buffer, 0) != 5) {
        printf ("THE LIBRARY NO LONGER WORKS\n");
        complaints++;
    }
    zmq_close (push);
    zmq_close (pull);
    MUST (zmq_ctx_term (context));
}

static int verdict (void)
{
    still_works ();
    printf ("%d complaints\n", complaints);
    return complaints ? 1 : 0;
}

#endif
