/*
 * Datagrams that the original ends the process with: longer than its buffer, or with a group whose
 * length does not fit a signed byte. And an endpoint for datagrams can be taken down, and says so
 * when its port is taken, which the original does not.
 */
#include "misuse.h"

#include "../differential/observe/datagrams.h"

static char endpoint[64];

static void expect (const char *what, int holds)
{
    printf ("%s: %s\n", what, holds ? "yes" : "NO");
    complaints += !holds;
}

static void send_group (void *radio, const void *bytes, size_t size)
{
    zmq_msg_t message;
    MUST (zmq_msg_init_size (&message, size));
    memcpy (zmq_msg_data (&message), bytes, size);
    MUST (zmq_msg_set_group (&message, "TV"));
    MUST (zmq_msg_send (&message, radio, 0));
}

static size_t next_datagram (int fd)
{
    static char bytes[70000];
    struct pollfd ready = {fd, POLLIN, 0};
    if (poll (&ready, 1, PATIENCE_MS) <= 0)
        return 0;
    return (size_t) recv (fd, bytes, sizeof bytes, 0);
}

static void oversized (void *context)
{
    static const char bytes[100000];
    static const size_t sizes[] = {7936, 8192, 20000, 65504};
    const int fd = udp_socket ();
    void *radio = open_socket (context, ZMQ_RADIO);
    snprintf (endpoint, sizeof endpoint, "udp://127.0.0.1:%d", port_of_socket (fd));
    MUST (zmq_connect (radio, endpoint));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        send_group (radio, bytes, sizes[i]);
        expect ("a long datagram comes whole", next_datagram (fd) == sizes[i] + 3);
    }
    /* Longer than datagrams can be: lost, and nothing else. */
    send_group (radio, bytes, 65505);
    send_group (radio, bytes, 65537);
    send_group (radio, bytes, sizeof bytes);
    send_group (radio, "short", 5);
    expect ("the next one comes", next_datagram (fd) == 8);
    close (fd);
    zmq_close (radio);
}

static void malformed (void *context)
{
    static char bytes[65507] = {(char) 0xff};
    static const struct {
        const char *bytes;
        size_t size;
    } datagrams[] = {{"", 0}, {"\x80", 1}, {"\xff", 1}, {"\x80group", 6}, {"\xffgroup", 6}, {"\6group", 6}};
    const int fd = udp_socket ();
    const int port = free_udp_port ();
    void *dish = open_socket (context, ZMQ_DISH);
    snprintf (endpoint, sizeof endpoint, "udp://127.0.0.1:%d", port);
    MUST (set_int (dish, ZMQ_RCVTIMEO, PATIENCE_MS));
    MUST (zmq_bind (dish, endpoint));
    MUST (zmq_join (dish, "TV"));
    memset (bytes + 1, 'g', 255);
    bytes[256] = 0;
    char group[256];
    memset (group, 'g', 255);
    group[255] = 0;
    MUST (zmq_join (dish, group));
    for (size_t i = 0; i < sizeof datagrams / sizeof *datagrams; i++)
        send_to (fd, port, datagrams[i].bytes, datagrams[i].size);
    send_to (fd, port, bytes, sizeof bytes);
    zmq_msg_t message;
    MUST (zmq_msg_init (&message));
    expect ("the longest group and datagram", zmq_msg_recv (&message, dish, 0) == 65507 - 256);
    expect ("with its group", strcmp (zmq_msg_group (&message), group) == 0);
    send_to (fd, port, "\2TVlast", 7);
    expect ("and what follows", zmq_msg_recv (&message, dish, 0) == 4);
    zmq_msg_close (&message);
    /* The port is free again. */
    MUST (zmq_unbind (dish, endpoint));
    REFUSED (zmq_unbind (dish, endpoint));
    zmq_close (dish);
    close (fd);
}

/* A peer that floods a socket nobody receives from. */
static void flood (void *context)
{
    static char bytes[1000] = {2, 'T', 'V'};
    const int fd = udp_socket ();
    const int port = free_udp_port ();
    void *dish = open_socket (context, ZMQ_DISH);
    snprintf (endpoint, sizeof endpoint, "udp://127.0.0.1:%d", port);
    MUST (set_int (dish, ZMQ_RCVHWM, 10));
    MUST (zmq_bind (dish, endpoint));
    MUST (zmq_join (dish, "TV"));
    for (int i = 0; i < 5000; i++)
        send_to (fd, port, bytes, sizeof bytes);
    zmq_msg_t message;
    MUST (zmq_msg_init (&message));
    for (int i = 0; i < 20; i++)
        expect ("a message of the flood", zmq_msg_recv (&message, dish, 0) == (int) sizeof bytes - 3);
    zmq_msg_close (&message);
    SURVIVED (zmq_close (dish));
    close (fd);
}

static void taken (void *context)
{
    const int fd = udp_socket ();
    void *dish = open_socket (context, ZMQ_DISH);
    snprintf (endpoint, sizeof endpoint, "udp://127.0.0.1:%d", port_of_socket (fd));
    REFUSED (zmq_bind (dish, endpoint));
    REFUSED (zmq_bind (dish, "udp://192.0.2.1:5555"));
    close (fd);
    zmq_close (dish);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    oversized (context);
    malformed (context);
    flood (context);
    taken (context);
    MUST (zmq_ctx_term (context));
    return verdict ();
}
