/* zmq_poll and zmq_ppoll: items of every sort, timeouts, readiness, signals, errors; ZMQ_FD. */
#include "observe.h"

#include <signal.h>
#include <sys/time.h>

static char buffer[64];

static void empty (void)
{
    section ("no items");
    zmq_pollitem_t item = {NULL, 0, 0, 0};
    SHOW (zmq_poll (NULL, 0, 0));
    SHOW (zmq_poll (NULL, 0, 10));
    SHOW (zmq_poll (&item, 0, 0));
}

static void sockets (void *context)
{
    section ("sockets");
    char endpoint[128];
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    zmq_pollitem_t items[3] = {{push, 0, ZMQ_POLLOUT, 9}, {pull, 0, ZMQ_POLLIN, 9}, {pull, 0, 0, 9}};
    SHOW (zmq_poll (items, 3, 0));
    printf ("%d %d %d\n", items[0].revents, items[1].revents, items[2].revents);
    MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
    MUST (zmq_connect (push, endpoint));
    SHOW (zmq_poll (items, 3, 0));
    printf ("%d %d %d\n", items[0].revents, items[1].revents, items[2].revents);
    MUST (send_text (push, "x", 0));
    SHOW (zmq_poll (items, 3, -1));
    printf ("%d %d %d\n", items[0].revents, items[1].revents, items[2].revents);
    SHOW (zmq_poll (items + 1, 2, 1000));
    printf ("%d %d\n", items[1].revents, items[2].revents);
    items[2].events = ZMQ_POLLIN;
    SHOW (zmq_poll (items, 3, 0));
    printf ("the same socket twice: %d %d\n", items[1].revents, items[2].revents);
    items[1].events = ZMQ_POLLOUT;
    SHOW (zmq_poll (items + 1, 1, 10));
    MUST (zmq_recv (pull, buffer, sizeof buffer, 0));
    items[1].events = ZMQ_POLLIN | ZMQ_POLLOUT | ZMQ_POLLERR | ZMQ_POLLPRI;
    items[0].events = ZMQ_POLLIN | ZMQ_POLLOUT | ZMQ_POLLERR | ZMQ_POLLPRI;
    SHOW (zmq_poll (items, 2, 10));
    printf ("%d %d\n", items[0].revents, items[1].revents);
    zmq_close (push);
    zmq_close (pull);
}

static void descriptors (void *context)
{
    section ("descriptors");
    int fds[2], other[2];
    if (pipe (fds) || pipe (other))
        give_up ("pipe");
    zmq_pollitem_t items[3] = {{NULL, fds[0], ZMQ_POLLIN, 9}, {NULL, fds[1], ZMQ_POLLOUT, 9}, {NULL, other[0], ZMQ_POLLIN | ZMQ_POLLOUT, 9}};
    SHOW (zmq_poll (items, 1, 0));
    SHOW (zmq_poll (items, 3, 0));
    printf ("%d %d %d\n", items[0].revents, items[1].revents, items[2].revents);
    if (write (fds[1], "x", 1) != 1)
        give_up ("write");
    SHOW (zmq_poll (items, 3, -1));
    printf ("%d %d %d\n", items[0].revents, items[1].revents, items[2].revents);
    close (other[1]);
    SHOW (zmq_poll (items, 3, -1));
    printf ("hung up: %d\n", items[2].revents);
    close (other[0]);
    SHOW (zmq_poll (items, 3, 0));
    printf ("closed: %d\n", items[2].revents);
    items[2].fd = -1;
    SHOW (zmq_poll (items, 3, 0));
    printf ("negative: %d\n", items[2].revents);
    section ("descriptors and sockets together");
    void *pull = open_socket (context, ZMQ_PULL);
    void *push = open_socket (context, ZMQ_PUSH);
    char endpoint[128];
    BIND_TCP (pull, endpoint);
    MUST (zmq_connect (push, endpoint));
    zmq_pollitem_t mixed[2] = {{pull, fds[0], ZMQ_POLLIN, 9}, {NULL, fds[0], ZMQ_POLLIN, 9}};
    SHOW (zmq_poll (mixed, 2, 1000));
    printf ("%d %d\n", mixed[0].revents, mixed[1].revents);
    if (read (fds[0], buffer, 1) != 1)
        give_up ("read");
    MUST (send_text (push, "x", 0));
    SHOW (zmq_poll (mixed, 2, -1));
    printf ("%d %d\n", mixed[0].revents, mixed[1].revents);
    if (write (fds[1], "x", 1) != 1)
        give_up ("write");
    SHOW (zmq_poll (mixed, 2, -1));
    printf ("%d %d\n", mixed[0].revents, mixed[1].revents);
    zmq_close (pull);
    zmq_close (push);
    close (fds[0]);
    close (fds[1]);
}

static void timeouts (void *context)
{
    section ("timeouts");
    void *pull = open_socket (context, ZMQ_PULL);
    zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
    for (int wanted = 0; wanted <= 100; wanted += 50) {
        const long long begin = now_ms ();
        SHOW (zmq_poll (&item, 1, wanted));
        printf ("%d ms waited: %s\n", wanted, now_ms () - begin >= wanted - 1 ? "yes" : "no");
    }
    const long long begin = now_ms ();
    MUST (set_int (pull, ZMQ_RCVTIMEO, 50));
    SHOW (zmq_recv (pull, buffer, 1, 0));
    printf ("50 ms waited: %s\n", now_ms () - begin >= 49 ? "yes" : "no");
    zmq_close (pull);
}

/* The descriptor of a socket: readable when its events may have changed, quiet once they were read. */
static void descriptor_of_socket (void *context)
{
    section ("ZMQ_FD");
    char endpoint[128];
    void *pull = open_socket (context, ZMQ_PULL);
    void *push = open_socket (context, ZMQ_PUSH);
    int fd = -1, again = -1, short_value = 0;
    size_t size = sizeof fd;
    SHOW (zmq_getsockopt (pull, ZMQ_FD, &fd, &size));
    SHOW (size);
    SHOW (fd >= 0);
    SHOW (zmq_getsockopt (pull, ZMQ_FD, &again, &size));
    SHOW (fd == again);
    size = 2;
    SHOW (zmq_getsockopt (pull, ZMQ_FD, &short_value, &size));
    size = 8;
    long long_value = -1;
    SHOW (zmq_getsockopt (pull, ZMQ_FD, &long_value, &size));
    SHOW (size);
    SHOW (set_int (pull, ZMQ_FD, 1));
    BIND_TCP (pull, endpoint);
    MUST (zmq_connect (push, endpoint));
    for (int turn = 0; turn < 20; turn++) {
        struct pollfd ready = {fd, POLLIN, 0};
        MUST (send_text (push, "x", 0));
        /* Each wake-up may be for something else; reading the events makes the descriptor quiet. */
        while (!(integer_option (pull, ZMQ_EVENTS) & ZMQ_POLLIN))
            if (poll (&ready, 1, PATIENCE_MS) <= 0) {
                printf ("NO WAKE-UP in turn %d\n", turn);
                break;
            }
        MUST (zmq_recv (pull, buffer, sizeof buffer, ZMQ_DONTWAIT));
        integer_option (pull, ZMQ_EVENTS);
    }
    printf ("woken by the descriptor\n");
    show_events ("PULL", pull);
    struct pollfd ready = {fd, POLLIN, 0};
    int quiet = 0;
    for (int i = 0; i < 1000 && !quiet; i++) {
        integer_option (pull, ZMQ_EVENTS);
        quiet = poll (&ready, 1, 20) == 0;
    }
    SHOW (quiet);
    zmq_close (push);
    zmq_close (pull);
}

static void on_signal (int number)
{
    (void) number;
}

struct patient {
    pthread_t target;
    int stop;
};

/* Signals again and again, so that one comes while the call waits. */
static void *send_signals (void *argument)
{
    struct patient *patient = argument;
    while (!__atomic_load_n (&patient->stop, __ATOMIC_SEQ_CST)) {
        pthread_kill (patient->target, SIGUSR1);
        sleep_ms (10);
    }
    return NULL;
}

static void signals (void *context)
{
    section ("signals");
    struct sigaction action;
    memset (&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction (SIGUSR1, &action, NULL);
    void *pull = open_socket (context, ZMQ_PULL);
    void *push = open_socket (context, ZMQ_PUSH);
    zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
    for (int call = 0; call < 4; call++) {
        pthread_t thread;
        struct patient patient = {pthread_self (), 0};
        if (pthread_create (&thread, NULL, send_signals, &patient))
            give_up ("thread");
        if (call == 0)
            SHOW (zmq_poll (&item, 1, -1));
        else if (call == 1)
            SHOW (zmq_recv (pull, buffer, 1, 0));
        else if (call == 2)
            SHOW (zmq_send (push, "x", 1, 0));
        else
            SHOW (zmq_poll (NULL, 0, 5000));
        __atomic_store_n (&patient.stop, 1, __ATOMIC_SEQ_CST);
        pthread_join (thread, NULL);
    }
    section ("zmq_ppoll");
    SHOW (zmq_ppoll (NULL, 0, 0, NULL));
    SHOW (zmq_ppoll (&item, 1, 10, NULL));
    SHOW (zmq_ppoll (NULL, 1, 0, NULL));
    SHOW (zmq_ppoll (&item, -1, 0, NULL));
    sigset_t blocked, during;
    sigemptyset (&blocked);
    sigaddset (&blocked, SIGUSR1);
    sigemptyset (&during);
    pthread_sigmask (SIG_BLOCK, &blocked, NULL);
    raise (SIGUSR1);
    SHOW (zmq_ppoll (&item, 1, 20, &blocked));
    SHOW (zmq_ppoll (&item, 1, -1, &during));
    pthread_sigmask (SIG_UNBLOCK, &blocked, NULL);
    zmq_close (pull);
    zmq_close (push);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    empty ();
    sockets (context);
    descriptors (context);
    timeouts (context);
    descriptor_of_socket (context);
    signals (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
