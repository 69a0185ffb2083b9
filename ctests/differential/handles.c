/* NULL, closed and wrong handles, where the original says what it does with them. */
#include "observe.h"

static void nulls (void)
{
    section ("NULL");
    int value = 0;
    size_t size = sizeof value;
    char byte;
    zmq_msg_t message;
    zmq_pollitem_t item = {NULL, -1, ZMQ_POLLIN, 0};
    zmq_msg_init (&message);
    SHOW (zmq_ctx_term (NULL));
    SHOW (zmq_ctx_destroy (NULL));
    SHOW (zmq_term (NULL));
    SHOW (zmq_ctx_shutdown (NULL));
    SHOW (zmq_ctx_set (NULL, ZMQ_IO_THREADS, 1));
    SHOW (zmq_ctx_get (NULL, ZMQ_IO_THREADS));
    SHOW (zmq_ctx_set_ext (NULL, ZMQ_IO_THREADS, &value, size));
    SHOW (zmq_ctx_get_ext (NULL, ZMQ_IO_THREADS, &value, &size));
    SHOW_POINTER (zmq_socket (NULL, ZMQ_PAIR));
    SHOW (zmq_close (NULL));
    SHOW (zmq_setsockopt (NULL, ZMQ_LINGER, &value, size));
    SHOW (zmq_getsockopt (NULL, ZMQ_LINGER, &value, &size));
    SHOW (zmq_bind (NULL, "inproc://x"));
    SHOW (zmq_connect (NULL, "inproc://x"));
    SHOW (zmq_unbind (NULL, "inproc://x"));
    SHOW (zmq_disconnect (NULL, "inproc://x"));
    SHOW (zmq_send (NULL, "x", 1, 0));
    SHOW (zmq_send_const (NULL, "x", 1, 0));
    SHOW (zmq_recv (NULL, &byte, 1, 0));
    SHOW (zmq_msg_send (&message, NULL, 0));
    SHOW (zmq_msg_recv (&message, NULL, 0));
    SHOW (zmq_sendmsg (NULL, &message, 0));
    SHOW (zmq_recvmsg (NULL, &message, 0));
    SHOW (zmq_sendiov (NULL, NULL, 0, 0));
    SHOW (zmq_recviov (NULL, NULL, NULL, 0));
    SHOW (zmq_join (NULL, "g"));
    SHOW (zmq_leave (NULL, "g"));
    SHOW (zmq_socket_monitor (NULL, "inproc://x", 1));
    SHOW (zmq_socket_monitor_versioned (NULL, "inproc://x", 1, 2, ZMQ_PAIR));
    SHOW (zmq_socket_monitor_pipes_stats (NULL));
    SHOW (zmq_socket_get_peer_state (NULL, "x", 1));
    SHOW (zmq_connect_peer (NULL, "inproc://x"));
    SHOW (zmq_poll (&item, 1, 0));
    SHOW (zmq_proxy (NULL, NULL, NULL));
    zmq_msg_close (&message);
}

/* Memory that never was a socket or a context: the tags tell. */
static void foreign_memory (void)
{
    section ("memory that is no handle");
    static uint64_t memory[2048];
    char byte;
    int value = 0;
    size_t size = sizeof value;
    SHOW (zmq_close (memory));
    SHOW (zmq_bind (memory, "inproc://x"));
    SHOW (zmq_send (memory, "x", 1, 0));
    SHOW (zmq_recv (memory, &byte, 1, 0));
    SHOW (zmq_setsockopt (memory, ZMQ_LINGER, &value, size));
    SHOW (zmq_getsockopt (memory, ZMQ_LINGER, &value, &size));
    SHOW (zmq_ctx_term (memory));
    SHOW (zmq_ctx_shutdown (memory));
    SHOW (zmq_ctx_set (memory, ZMQ_IO_THREADS, 1));
    SHOW (zmq_ctx_get (memory, ZMQ_IO_THREADS));
    SHOW_POINTER (zmq_socket (memory, ZMQ_PAIR));
}

/* Each kind of handle where the other belongs. */
static void mixed_up (void)
{
    section ("a context as a socket and a socket as a context");
    void *context = zmq_ctx_new ();
    void *s = open_socket (context, ZMQ_PAIR);
    char byte;
    SHOW (zmq_close (context));
    SHOW (zmq_bind (context, "inproc://x"));
    SHOW (zmq_send (context, "x", 1, 0));
    SHOW (zmq_recv (context, &byte, 1, 0));
    SHOW (zmq_ctx_term (s));
    SHOW (zmq_ctx_shutdown (s));
    SHOW (zmq_ctx_get (s, ZMQ_IO_THREADS));
    SHOW_POINTER (zmq_socket (s, ZMQ_PAIR));
    SHOW (zmq_unbind (s, NULL));
    SHOW (zmq_disconnect (s, NULL));
    SHOW (zmq_close (s));
    SHOW (zmq_ctx_term (context));
}

static void utilities (void)
{
    section ("versions, errors and what the library has");
    int major = 0, minor = 0, patch = 0;
    zmq_version (&major, &minor, &patch);
    printf ("%d.%d.%d\n", major, minor, patch);
    static const int errors[] = {0, EAGAIN, EINVAL, ENOTSUP, EPROTONOSUPPORT, ENOBUFS, ENETDOWN, EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, EINPROGRESS, ENOTSOCK, EMSGSIZE, EAFNOSUPPORT, EHOSTUNREACH, EFSM, ENOCOMPATPROTO, ETERM, EMTHREAD};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        printf ("%s: %s\n", errno_name (errors[i]), zmq_strerror (errors[i]));
    static const char *const capabilities[] = {"ipc", "inproc", "tcp", "draft", "nonsense", "", "IPC", "pgm", "norm", "tipc", "gssapi"};
    for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++)
        if (strcmp (capabilities[i], "tipc") != 0)
            printf ("has %s: %d\n", capabilities[i], zmq_has (capabilities[i]));
    section ("counters");
    void *counter = zmq_atomic_counter_new ();
    SHOW (zmq_atomic_counter_value (counter));
    SHOW (zmq_atomic_counter_inc (counter));
    SHOW (zmq_atomic_counter_inc (counter));
    SHOW (zmq_atomic_counter_value (counter));
    SHOW (zmq_atomic_counter_dec (counter));
    SHOW (zmq_atomic_counter_dec (counter));
    zmq_atomic_counter_set (counter, 100);
    SHOW (zmq_atomic_counter_value (counter));
    zmq_atomic_counter_destroy (&counter);
    SHOW (counter == NULL);
    section ("stopwatch and sleep");
    void *watch = zmq_stopwatch_start ();
    SHOW (watch != NULL);
    const unsigned long middle = zmq_stopwatch_intermediate (watch);
    const unsigned long end = zmq_stopwatch_stop (watch);
    SHOW (end >= middle);
}

static void thread_body (void *argument)
{
    *(int *) argument = 42;
}

static void threads (void)
{
    section ("threads");
    int result = 0;
    void *thread = zmq_threadstart (thread_body, &result);
    SHOW (thread != NULL);
    zmq_threadclose (thread);
    SHOW (result);
}

int main (void)
{
    nulls ();
    foreign_memory ();
    mixed_up ();
    utilities ();
    threads ();
    return 0;
}
