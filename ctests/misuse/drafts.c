/*
 * Pollers, timers and thread-safe sockets: closed, destroyed and mixed up, and calls from where none
 * are expected.
 */
#include "misuse.h"

static void *left, *right;
static int calls_from_free;

/* Runs while the socket that it calls is at work. */
static void on_free (void *data, void *hint)
{
    zmq_pollitem_t item = {left, 0, ZMQ_POLLIN, 0};
    (void) data;
    (void) hint;
    calls_from_free++;
    zmq_send (left, "x", 1, ZMQ_DONTWAIT);
    zmq_send (right, "x", 1, ZMQ_DONTWAIT);
    zmq_poll (&item, 1, 0);
    zmq_join (left, "group");
}

static void free_functions (void *context)
{
    enum { MESSAGES = 50, SIZE = 100000 };
    static char data[SIZE];
    section ("calls from a free function");
    left = open_socket (context, ZMQ_CLIENT);
    right = open_socket (context, ZMQ_SERVER);
    MUST (set_int (left, ZMQ_SNDTIMEO, 1));
    MUST (set_int (left, ZMQ_SNDHWM, 5));
    MUST (set_int (right, ZMQ_RCVHWM, 5));
    MUST (zmq_bind (right, "inproc://free"));
    MUST (zmq_connect (left, "inproc://free"));
    for (int i = 0; i < MESSAGES; i++) {
        zmq_msg_t message;
        MUST (zmq_msg_init_data (&message, data, SIZE, on_free, NULL));
        if (zmq_msg_send (&message, left, 0) == -1)
            MUST (zmq_msg_close (&message));
        if (i % 3 == 0)
            zmq_recv (right, NULL, 0, ZMQ_DONTWAIT);
    }
    SURVIVED (zmq_disconnect (left, "inproc://free"));
    SURVIVED (zmq_close (right));
    SURVIVED (zmq_close (left));
    for (int i = 0; i < PATIENCE_MS && calls_from_free < MESSAGES; i++)
        sleep_ms (1);
    printf ("%d calls\n", calls_from_free);
    complaints += calls_from_free != MESSAGES;
}

static void closed_in_a_poller (void *context, int kind)
{
    zmq_poller_event_t event, events[2];
    section ("%s closed in a poller", kind_name (kind));
    void *poller = zmq_poller_new ();
    void *closed = open_socket (context, kind);
    void *other = open_socket (context, kind);
    MUST (zmq_poller_add (poller, closed, NULL, ZMQ_POLLIN));
    MUST (zmq_poller_add (poller, other, NULL, ZMQ_POLLIN));
    MUST (zmq_close (closed));
    REFUSED (zmq_poller_wait (poller, &event, -1));
    REFUSED (zmq_poller_wait_all (poller, events, 2, -1));
    REFUSED (zmq_poller_modify (poller, closed, ZMQ_POLLOUT));
    REFUSED (zmq_poller_remove (poller, closed));
    REFUSED (zmq_poller_wait (poller, &event, 0));
    printf ("%s\n", errno_name (zmq_errno ()));
    complaints += zmq_errno () != EAGAIN;
    SURVIVED (zmq_poller_remove (poller, other));
    MUST (zmq_close (other));
    SURVIVED (zmq_poller_destroy (&poller));
}

static void *close_soon (void *socket)
{
    sleep_ms (20);
    zmq_close (socket);
    return NULL;
}

static void closed_while_waiting (void *context, int kind)
{
    pthread_t thread;
    zmq_poller_event_t event;
    section ("%s closed while a poller waits", kind_name (kind));
    void *poller = zmq_poller_new ();
    void *s = open_socket (context, kind);
    MUST (zmq_poller_add (poller, s, NULL, ZMQ_POLLIN));
    pthread_create (&thread, NULL, close_soon, s);
    REFUSED (zmq_poller_wait (poller, &event, -1));
    pthread_join (thread, NULL);
    SURVIVED (zmq_poller_destroy (&poller));
}

static int stop;

static void *wait_all_the_time (void *poller)
{
    zmq_poller_event_t event;
    while (!__atomic_load_n (&stop, __ATOMIC_SEQ_CST))
        zmq_poller_wait (poller, &event, 100);
    return NULL;
}

static void mixed_up (void *context)
{
    pthread_t thread;
    zmq_poller_event_t events[2];
    int fd;
    section ("mixed up");
    void *poller = zmq_poller_new ();
    void *timers = zmq_timers_new ();
    void *client = open_socket (context, ZMQ_CLIENT);
    void *poller_copy = poller, *timers_copy = timers;
    REFUSED (zmq_poller_size (client));
    REFUSED (zmq_poller_size (timers));
    REFUSED (zmq_poller_size (context));
    REFUSED (zmq_timers_timeout (poller));
    REFUSED (zmq_timers_execute (client));
    REFUSED (zmq_send (poller, "x", 1, 0));
    REFUSED (zmq_close (timers));
    REFUSED (zmq_poller_add (poller, poller, NULL, ZMQ_POLLIN));
    REFUSED (zmq_poller_add (poller, context, NULL, ZMQ_POLLIN));
    REFUSED (zmq_poller_fd (poller, NULL));
    REFUSED (zmq_join (client, NULL));
    REFUSED (zmq_leave (NULL, "group"));
    REFUSED (zmq_disconnect_peer (NULL, 1));
    REFUSED (zmq_disconnect_peer (client, 1));
    SURVIVED (zmq_connect_peer (NULL, "inproc://x"));
    SURVIVED (zmq_connect_peer (client, NULL));
    MUST (zmq_poller_add (poller, client, NULL, ZMQ_POLLIN));
    REFUSED (zmq_poller_wait_all (poller, events, 0, -1));
    REFUSED (zmq_poller_wait_all (poller, events, 0, 1));
    section ("a poller in two threads");
    pthread_create (&thread, NULL, wait_all_the_time, poller);
    while (zmq_poller_size (poller) != -1)
        sleep_ms (1);
    printf ("%s\n", errno_name (zmq_errno ()));
    SURVIVED (zmq_poller_wait (poller, events, 0));
    SURVIVED (zmq_poller_remove (poller, client));
    SURVIVED (zmq_poller_fd (poller, &fd));
    __atomic_store_n (&stop, 1, __ATOMIC_SEQ_CST);
    pthread_join (thread, NULL);
    section ("destroyed");
    MUST (zmq_poller_destroy (&poller));
    MUST (zmq_timers_destroy (&timers));
    REFUSED (zmq_poller_destroy (&poller));
    REFUSED (zmq_timers_destroy (&timers));
    REFUSED (zmq_poller_size (poller_copy));
    REFUSED (zmq_timers_timeout (timers_copy));
    MUST (zmq_close (client));
    REFUSED (zmq_close (client));
    REFUSED (zmq_send (client, "x", 1, 0));
    REFUSED (zmq_getsockopt (client, ZMQ_TYPE, &fd, &(size_t){sizeof fd}));
}

static void end_of_the_context (int kind)
{
    zmq_poller_event_t event;
    section ("%s in a poller at the end of its context", kind_name (kind));
    void *context = zmq_ctx_new ();
    void *s = open_socket (context, kind);
    void *poller = zmq_poller_new ();
    MUST (zmq_ctx_shutdown (context));
    SURVIVED (zmq_poller_add (poller, s, NULL, ZMQ_POLLIN));
    REFUSED (zmq_poller_wait (poller, &event, -1));
    SURVIVED (zmq_poller_modify (poller, s, ZMQ_POLLOUT));
    REFUSED (zmq_poller_wait (poller, &event, -1));
    MUST (zmq_close (s));
    MUST (zmq_ctx_term (context));
    REFUSED (zmq_poller_wait (poller, &event, -1));
    SURVIVED (zmq_poller_destroy (&poller));
}

int main (void)
{
    void *context = zmq_ctx_new ();
    free_functions (context);
    closed_in_a_poller (context, ZMQ_PAIR);
    closed_in_a_poller (context, ZMQ_CHANNEL);
    closed_while_waiting (context, ZMQ_PAIR);
    closed_while_waiting (context, ZMQ_CHANNEL);
    mixed_up (context);
    MUST (zmq_ctx_term (context));
    end_of_the_context (ZMQ_PAIR);
    end_of_the_context (ZMQ_CHANNEL);
    return verdict ();
}
