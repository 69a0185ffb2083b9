/* zmq_poller_*: what is refused, what is reported and in which order. */
#include "observe.h"

#include <fcntl.h>

static char buffer[64];
static void *socket_names[8];
static int socket_count;

static void show_event (const zmq_poller_event_t *event)
{
    int number = -1;
    for (int i = 0; i < socket_count; i++)
        if (socket_names[i] == event->socket)
            number = i;
    if (event->socket)
        printf ("  socket %d", number);
    else
        printf ("  %s", event->fd >= 0 ? "descriptor" : "nothing");
    printf (", events %d, data [%s]\n", event->events,
            event->user_data ? (const char *) event->user_data : "");
}

static void wait_all (void *poller, int capacity, long timeout)
{
    zmq_poller_event_t events[8];
    memset (events, 0x55, sizeof events);
    errno = 0;
    const int found = zmq_poller_wait_all (poller, events, capacity, timeout);
    printf ("wait_all %d %ld -> %d %s\n", capacity, timeout, found,
            found == -1 ? errno_name (zmq_errno ()) : "");
    for (int i = 0; found != -1 && i < capacity; i++)
        show_event (&events[i]);
}

static void wait_one (void *poller, long timeout)
{
    zmq_poller_event_t event;
    memset (&event, 0x55, sizeof event);
    errno = 0;
    const int rc = zmq_poller_wait (poller, &event, timeout);
    printf ("wait %ld -> %d %s\n", timeout, rc, rc == -1 ? errno_name (zmq_errno ()) : "");
    show_event (&event);
}

static void refusals (void *context)
{
    int fd = -1;
    zmq_poller_event_t event;
    section ("refusals");
    void *none = NULL;
    void *s = open_socket (context, ZMQ_PAIR);
    void *poller = zmq_poller_new ();
    SHOW (zmq_poller_destroy (NULL));
    SHOW (zmq_poller_destroy (&none));
    SHOW (zmq_poller_size (NULL));
    SHOW (zmq_poller_add (NULL, s, NULL, 0));
    SHOW (zmq_poller_add (NULL, NULL, NULL, 99));
    SHOW (zmq_poller_add (poller, NULL, NULL, 99));
    SHOW (zmq_poller_add (poller, s, NULL, 16));
    SHOW (zmq_poller_add (poller, s, NULL, -1));
    SHOW (zmq_poller_add_fd (poller, -1, NULL, 99));
    SHOW (zmq_poller_add_fd (poller, 0, NULL, 99));
    SHOW (zmq_poller_modify (poller, s, ZMQ_POLLIN));
    SHOW (zmq_poller_modify (poller, s, 99));
    SHOW (zmq_poller_modify (poller, NULL, 0));
    SHOW (zmq_poller_modify_fd (poller, 0, ZMQ_POLLIN));
    SHOW (zmq_poller_modify_fd (poller, -1, 99));
    SHOW (zmq_poller_remove (poller, s));
    SHOW (zmq_poller_remove (poller, NULL));
    SHOW (zmq_poller_remove_fd (poller, 0));
    SHOW (zmq_poller_remove_fd (poller, -1));
    SHOW (zmq_poller_wait (poller, NULL, 0));
    SHOW (zmq_poller_wait (NULL, &event, 0));
    SHOW (zmq_poller_wait_all (poller, NULL, 1, 0));
    SHOW (zmq_poller_wait_all (poller, &event, -1, 0));
    SHOW (zmq_poller_fd (NULL, &fd));
    SHOW (zmq_poller_fd (poller, &fd));
    wait_one (poller, 0);
    wait_one (poller, 5);
    wait_one (poller, -1);
    SHOW (zmq_poller_add (poller, s, NULL, 0));
    SHOW (zmq_poller_size (poller));
    SHOW (zmq_poller_add (poller, s, NULL, ZMQ_POLLIN));
    wait_one (poller, 0);
    wait_one (poller, 5);
    wait_one (poller, -1);
    SHOW (zmq_poller_fd (poller, &fd));
    SHOW (zmq_poller_remove (poller, s));
    SHOW (zmq_poller_remove (poller, s));
    SHOW (zmq_poller_size (poller));
    zmq_close (s);
    SHOW (zmq_poller_destroy (&poller));
    printf ("%d\n", poller == NULL);
}

static void reports (void *context, int kind)
{
    enum { PAIRS = 3 };
    char endpoint[128], data[PAIRS][8];
    void *near[PAIRS], *far[PAIRS];
    section ("reports of %s", kind_name (kind));
    void *poller = zmq_poller_new ();
    socket_count = PAIRS;
    for (int i = 0; i < PAIRS; i++) {
        socket_names[i] = near[i] = open_socket (context, kind);
        far[i] = open_socket (context, kind);
        MUST (zmq_bind (near[i], INPROC_NAME (endpoint)));
        MUST (zmq_connect (far[i], endpoint));
        snprintf (data[i], sizeof data[i], "data %d", i);
    }
    SHOW (zmq_poller_add (poller, near[2], data[2], ZMQ_POLLIN));
    SHOW (zmq_poller_add (poller, near[0], NULL, ZMQ_POLLIN | ZMQ_POLLERR | ZMQ_POLLPRI));
    SHOW (zmq_poller_add (poller, near[1], data[1], ZMQ_POLLIN | ZMQ_POLLOUT));
    wait_all (poller, 4, 0);
    SHOW (zmq_poller_modify (poller, near[1], ZMQ_POLLIN));
    wait_all (poller, 4, 5);
    for (int i = 0; i < PAIRS; i++)
        MUST (send_text (far[i], "message", 0));
    wait_all (poller, 4, -1);
    wait_all (poller, 2, -1);
    wait_one (poller, -1);
    wait_one (poller, -1);
    SHOW (zmq_recv (near[2], buffer, sizeof buffer, ZMQ_DONTWAIT));
    wait_all (poller, 4, -1);
    SHOW (zmq_poller_remove (poller, near[0]));
    SHOW (zmq_poller_add (poller, near[0], data[0], ZMQ_POLLIN));
    wait_all (poller, 4, -1);
    SHOW (zmq_poller_modify (poller, near[0], 0));
    wait_all (poller, 4, -1);
    SHOW (zmq_poller_modify (poller, near[0], ZMQ_POLLOUT));
    wait_all (poller, 4, -1);
    SHOW (zmq_recv (near[1], buffer, sizeof buffer, ZMQ_DONTWAIT));
    SHOW (zmq_poller_remove (poller, near[0]));
    wait_all (poller, 4, 5);
    /* Connecting makes a socket ready without any news from outside. */
    void *lonely = open_socket (context, ZMQ_PUSH);
    socket_names[socket_count++] = lonely;
    SHOW (zmq_poller_add (poller, lonely, NULL, ZMQ_POLLOUT));
    wait_all (poller, 4, 5);
    MUST (zmq_connect (lonely, FREE_ENDPOINT (endpoint)));
    wait_all (poller, 4, -1);
    SHOW (zmq_poller_destroy (&poller));
    zmq_close (lonely);
    for (int i = 0; i < PAIRS; i++) {
        zmq_close (near[i]);
        zmq_close (far[i]);
    }
}

/* Its own sending decides what a REQ socket may be received from. */
static void states (void *context)
{
    char endpoint[128];
    section ("a socket whose own calls change what it is ready for");
    void *rep = open_socket (context, ZMQ_REP);
    void *req = open_socket (context, ZMQ_REQ);
    void *poller = zmq_poller_new ();
    socket_names[0] = rep;
    socket_names[1] = req;
    socket_count = 2;
    MUST (zmq_bind (rep, INPROC_NAME (endpoint)));
    MUST (zmq_connect (req, endpoint));
    MUST (zmq_poller_add (poller, rep, NULL, ZMQ_POLLIN | ZMQ_POLLOUT));
    MUST (zmq_poller_add (poller, req, NULL, ZMQ_POLLIN | ZMQ_POLLOUT));
    for (int i = 0; i < 2; i++) {
        wait_all (poller, 3, -1);
        MUST (send_text (req, "request", 0));
        wait_all (poller, 3, -1);
        MUST (zmq_recv (rep, buffer, sizeof buffer, 0));
        wait_all (poller, 3, -1);
        MUST (send_text (rep, "reply", 0));
        wait_all (poller, 3, -1);
        MUST (zmq_recv (req, buffer, sizeof buffer, 0));
    }
    SHOW (zmq_poller_destroy (&poller));
    zmq_close (req);
    zmq_close (rep);
}

static void descriptors (void *context)
{
    int ends[2], other[2];
    char endpoint[128];
    section ("descriptors");
    void *near = open_socket (context, ZMQ_PAIR);
    void *far = open_socket (context, ZMQ_PAIR);
    void *poller = zmq_poller_new ();
    socket_names[0] = near;
    socket_count = 1;
    MUST (zmq_bind (near, INPROC_NAME (endpoint)));
    MUST (zmq_connect (far, endpoint));
    MUST (socketpair (AF_UNIX, SOCK_STREAM, 0, ends));
    MUST (pipe (other));
    const int file = open ("/dev/null", O_RDWR);
    SHOW (zmq_poller_add_fd (poller, ends[0], "first", ZMQ_POLLIN));
    SHOW (zmq_poller_add_fd (poller, ends[0], "again", ZMQ_POLLIN));
    SHOW (zmq_poller_add (poller, near, "socket", ZMQ_POLLIN));
    SHOW (zmq_poller_add_fd (poller, other[0], "last", ZMQ_POLLIN));
    SHOW (zmq_poller_size (poller));
    wait_all (poller, 4, 5);
    MUST (write (ends[1], "x", 1));
    wait_all (poller, 4, -1);
    MUST (send_text (far, "message", 0));
    MUST (write (other[1], "x", 1));
    wait_all (poller, 4, -1);
    wait_all (poller, 2, -1);
    wait_one (poller, -1);
    SHOW (zmq_poller_modify_fd (poller, ends[0], ZMQ_POLLOUT));
    wait_all (poller, 4, -1);
    SHOW (zmq_poller_modify_fd (poller, ends[0], ZMQ_POLLOUT | ZMQ_POLLIN));
    wait_all (poller, 4, -1);
    SHOW (zmq_poller_modify_fd (poller, ends[0], 0));
    wait_all (poller, 4, -1);
    SHOW (zmq_poller_modify_fd (poller, ends[0], ZMQ_POLLERR));
    close (other[1]);
    wait_all (poller, 4, -1);
    MUST (read (other[0], buffer, 1));
    wait_all (poller, 4, -1);
    close (other[0]);
    wait_all (poller, 4, -1);
    SHOW (zmq_poller_remove_fd (poller, other[0]));
    SHOW (zmq_poller_remove_fd (poller, other[0]));
    SHOW (zmq_poller_add_fd (poller, file, "file", ZMQ_POLLIN | ZMQ_POLLOUT));
    wait_all (poller, 4, -1);
    SHOW (zmq_poller_remove_fd (poller, file));
    SHOW (zmq_recv (near, buffer, sizeof buffer, 0));
    close (ends[1]);
    wait_all (poller, 4, -1);
    SHOW (zmq_poller_destroy (&poller));
    close (ends[0]);
    close (file);
    zmq_close (near);
    zmq_close (far);
}

static void own_descriptor (void *context)
{
    int fd = -1;
    section ("the poller's descriptor");
    void *client = open_socket (context, ZMQ_CLIENT);
    void *pair = open_socket (context, ZMQ_PAIR);
    void *poller = zmq_poller_new ();
    SHOW (zmq_poller_add (poller, pair, NULL, ZMQ_POLLIN));
    SHOW (zmq_poller_fd (poller, &fd));
    SHOW (zmq_poller_add (poller, client, NULL, ZMQ_POLLIN));
    SHOW (zmq_poller_fd (poller, &fd));
    SHOW (fd >= 0);
    SHOW (zmq_poller_remove (poller, client));
    SHOW (zmq_poller_fd (poller, &fd));
    SHOW (zmq_poller_destroy (&poller));
    zmq_close (client);
    zmq_close (pair);
}

static void *shut_down (void *context)
{
    sleep_ms (20);
    zmq_ctx_shutdown (context);
    return NULL;
}

static void end_of_context (int kind)
{
    pthread_t thread;
    section ("%s and the end of its context", kind_name (kind));
    void *context = zmq_ctx_new ();
    void *s = open_socket (context, kind);
    void *poller = zmq_poller_new ();
    MUST (zmq_poller_add (poller, s, NULL, ZMQ_POLLIN));
    pthread_create (&thread, NULL, shut_down, context);
    wait_one (poller, -1);
    pthread_join (thread, NULL);
    wait_one (poller, -1);
    wait_all (poller, 3, 0);
    SHOW (zmq_poller_modify (poller, s, ZMQ_POLLOUT));
    SHOW (zmq_poller_remove (poller, s));
    /* Waiting now ends the original with an assertion. */
    SHOW (zmq_poller_add (poller, s, NULL, ZMQ_POLLIN));
    SHOW (zmq_poller_destroy (&poller));
    zmq_close (s);
    SHOW (zmq_ctx_term (context));
}

int main (void)
{
    void *context = zmq_ctx_new ();
    refusals (context);
    reports (context, ZMQ_PAIR);
    reports (context, ZMQ_CHANNEL);
    states (context);
    descriptors (context);
    own_descriptor (context);
    SHOW (zmq_ctx_term (context));
    end_of_context (ZMQ_PAIR);
    end_of_context (ZMQ_CHANNEL);
    return 0;
}
