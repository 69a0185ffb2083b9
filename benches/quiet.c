/* Processor time that a library takes in a second in which nothing happens: there are connections, there
   was traffic, and threads wait in zmq_recv and in zmq_poll. */
#include "sides.h"

#define MESSAGES_EACH 100

static void *wait_in_receive (void *socket)
{
    char byte;
    set_int (socket, ZMQ_RCVTIMEO, -1);
    if (zmq_recv (socket, &byte, 1, 0) != -1)
        fail ("a message that nobody sent");
    return NULL;
}

static void *wait_in_poll (void *sockets)
{
    void **each = sockets;
    zmq_pollitem_t items[] = {{each[0], 0, ZMQ_POLLIN, 0}, {each[1], 0, ZMQ_POLLIN, 0}};
    zmq_poll (items, 2, -1);
    return NULL;
}

/* A PULL with connections that each have carried messages. */
static void *used_server (void *context)
{
    void *server = open_socket (context, ZMQ_PULL);
    char endpoint[256];
    size_t size = sizeof endpoint;
    CHECK (zmq_bind (server, "tcp://127.0.0.1:*"));
    CHECK (zmq_getsockopt (server, ZMQ_LAST_ENDPOINT, endpoint, &size));
    set_int (server, ZMQ_RCVTIMEO, 5000);
    for (int i = 0; i < options.count; i++) {
        void *client = open_socket (context, ZMQ_PUSH);
        char byte = 0;
        CHECK (zmq_connect (client, endpoint));
        for (int sent = 0; sent < MESSAGES_EACH; sent++)
            CHECK (zmq_send (client, &byte, 1, 0));
        for (int received = 0; received < MESSAGES_EACH; received++)
            CHECK (zmq_recv (server, &byte, 1, 0));
    }
    return server;
}

static void start (void *function (void *), void *argument)
{
    pthread_t thread;
    if (pthread_create (&thread, NULL, function, argument) != 0)
        fail ("pthread_create");
    pthread_detach (thread);
}

int main (int argc, char **argv)
{
    options.count = 16;
    read_options (argc, argv);
    print_library ();
    alarm (options.limit + (unsigned) (options.seconds * 4));
    void *context = new_context ();
    /* A single connection is waited for in another way than many. */
    void *many = used_server (context);
    options.count = 1;
    void *one = used_server (context);
    void *polled[] = {used_server (context), used_server (context)};
    start (wait_in_receive, many);
    start (wait_in_receive, one);
    start (wait_in_poll, polled);
    usleep ((useconds_t) (options.warm_up * 1e6) + 100000);
    const int64_t begin = now (), cpu_before = cpu_time ();
    usleep ((useconds_t) (options.seconds * 2e6));
    const int64_t cpu = cpu_time () - cpu_before;
    printf ("idle=%.1f\n", cpu * 1e9 / (now () - begin));
    fflush (stdout);
    /* Threads of this program are still inside. */
    _exit (0);
}
