/* UDP: endpoints of RADIO, DISH and DGRAM, and their datagrams byte by byte. */
#include "observe.h"
#include "observe/datagrams.h"

static char endpoint[256];

static void show_datagram (int fd)
{
    static char bytes[65536];
    struct pollfd ready = {fd, POLLIN, 0};
    if (poll (&ready, 1, PATIENCE_MS) <= 0) {
        printf ("no datagram\n");
        return;
    }
    const ssize_t size = recv (fd, bytes, sizeof bytes, 0);
    print_bytes (bytes, size < 0 ? 0 : (size_t) size);
    printf ("\n");
}

static void show_last_endpoint (void *socket)
{
    size_t size = sizeof endpoint;
    endpoint[0] = 0;
    zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
    printf ("last endpoint %s\n", endpoint);
}

static void endpoints (void *context)
{
    static const char *const addresses[] = {
      "udp://127.0.0.1:*", "udp://*:*",  "udp://239.0.0.1:*",      "udp://127.0.0.1;239.0.0.1:*",
      "udp://127.0.0.1",   "udp://",     "udp://127.0.0.1;127.0.0.1:*", "udp://239.0.0.2;239.0.0.1:*",
      "udp://lo;239.0.0.1:*", "udp://no-such-host;239.0.0.1:*",
    };
    static const int kinds[] = {ZMQ_DISH, ZMQ_DGRAM, ZMQ_RADIO, ZMQ_PUB};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        section ("kind %d", kinds[k]);
        for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
            void *s = open_socket (context, kinds[k]);
            printf ("%s: ", addresses[i]);
            SHOW (zmq_bind (s, addresses[i]));
            show_last_endpoint (s);
            zmq_close (s);
        }
        static const char *const connects[] = {"udp://127.0.0.1:5555", "udp://239.0.0.1:5555",
                                               "udp://127.0.0.1:*", "udp://*:5555",
                                               "udp://lo;239.0.0.1:5555", "udp://127.0.0.1:0"};
        for (size_t i = 0; i < sizeof connects / sizeof *connects; i++) {
            void *s = open_socket (context, kinds[k]);
            printf ("%s: ", connects[i]);
            SHOW (zmq_connect (s, connects[i]));
            show_last_endpoint (s);
            SHOW (zmq_disconnect (s, connects[i]));
            zmq_close (s);
        }
    }
}

static void send_group (void *radio, const char *group, const void *bytes, size_t size)
{
    zmq_msg_t message;
    MUST (zmq_msg_init_size (&message, size));
    memcpy (zmq_msg_data (&message), bytes, size);
    MUST (zmq_msg_set_group (&message, group));
    SHOW (zmq_msg_send (&message, radio, 0));
}

static void radio (void *context)
{
    static const char body[1000];
    section ("RADIO");
    const int fd = udp_socket ();
    void *s = open_socket (context, ZMQ_RADIO);
    snprintf (endpoint, sizeof endpoint, "udp://127.0.0.1:%d", port_of_socket (fd));
    MUST (zmq_connect (s, endpoint));
    send_group (s, "TV", "Friends", 7);
    show_datagram (fd);
    send_group (s, "", "to all", 6);
    show_datagram (fd);
    send_group (s, "A group", "", 0);
    show_datagram (fd);
    send_group (s, "large", body, sizeof body);
    show_datagram (fd);
    /* With nobody there, datagrams are lost. */
    close (fd);
    send_group (s, "TV", "Nobody", 6);
    send_group (s, "TV", "Nobody", 6);
    zmq_close (s);
}

static void show_group_message (void *dish)
{
    zmq_msg_t message;
    zmq_msg_init (&message);
    MUST (zmq_msg_recv (&message, dish, 0));
    printf ("%s: ", zmq_msg_group (&message));
    print_bytes (zmq_msg_data (&message), zmq_msg_size (&message));
    printf ("\n");
    zmq_msg_close (&message);
}

static void dish (void *context)
{
    section ("DISH");
    const int fd = udp_socket ();
    const int port = free_udp_port ();
    void *s = open_socket (context, ZMQ_DISH);
    snprintf (endpoint, sizeof endpoint, "udp://127.0.0.1:%d", port);
    MUST (zmq_join (s, "TV"));
    MUST (zmq_bind (s, endpoint));
    MUST (zmq_join (s, "Movies"));
    /* The original binds in its I/O thread: what comes earlier is lost. */
    for (int ready = 0; !ready;) {
        zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
        send_to (fd, port, "\2TVready", 8);
        ready = zmq_poll (&item, 1, 50) == 1;
    }
    show_group_message (s);
    send_to (fd, port, "\6Movies1", 8);
    send_to (fd, port, "\2TV", 3);
    send_to (fd, port, "\5Radio2", 7);
    /* No group, or one that is longer than all of it: ignored. */
    send_to (fd, port, "\7TV", 3);
    send_to (fd, port, "\2TVlast", 7);
    show_group_message (s);
    show_group_message (s);
    show_group_message (s);
    MUST (zmq_leave (s, "TV"));
    send_to (fd, port, "\2TV3", 4);
    send_to (fd, port, "\6Movies4", 8);
    show_group_message (s);
    close (fd);
    zmq_close (s);
}

static void dgram (void *context)
{
    section ("DGRAM");
    const int fd = udp_socket ();
    const int port = free_udp_port ();
    char mine[64];
    snprintf (mine, sizeof mine, "127.0.0.1:%d", port_of_socket (fd));
    void *s = open_socket (context, ZMQ_DGRAM);
    snprintf (endpoint, sizeof endpoint, "udp://127.0.0.1:%d", port);
    MUST (zmq_bind (s, endpoint));
    SHOW (zmq_send (s, mine, strlen (mine), ZMQ_SNDMORE));
    SHOW (zmq_send (s, "hello", 5, 0));
    show_datagram (fd);
    section ("without an address, and to nowhere");
    SHOW (zmq_send (s, "x", 1, 0));
    SHOW (zmq_send (s, "nowhere", 7, ZMQ_SNDMORE));
    SHOW (zmq_send (s, "lost", 4, 0));
    SHOW (zmq_send (s, "127.0.0.1:0", 11, ZMQ_SNDMORE));
    SHOW (zmq_send (s, "lost", 4, 0));
    SHOW (zmq_send (s, mine, strlen (mine) + 1, ZMQ_SNDMORE));
    SHOW (zmq_send (s, "", 0, 0));
    show_datagram (fd);
    section ("what comes");
    send_to (fd, port, "\xffquestion", 9);
    char address[64], body[64];
    const int size = zmq_recv (s, address, sizeof address, 0);
    printf ("the address is ours with a NUL: %s, more %d\n",
            size == (int) strlen (mine) + 1 && memcmp (address, mine, (size_t) size) == 0 ? "yes" : "no",
            integer_option (s, ZMQ_RCVMORE));
    const int length = zmq_recv (s, body, sizeof body, 0);
    print_bytes (body, length < 0 ? 0 : (size_t) length);
    printf (" more %d\n", integer_option (s, ZMQ_RCVMORE));
    close (fd);
    zmq_close (s);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    endpoints (context);
    radio (context);
    dish (context);
    dgram (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
