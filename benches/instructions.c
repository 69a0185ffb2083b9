/* What a message costs in the calling thread, in instructions: for scripts/check-instructions, which
   runs this under callgrind and counts inside `measured_send` and `measured_receive` only.

   `instructions CASE buffers|messages`. In each case the calling thread's way through the library is
   the same at every run, whatever other threads do meanwhile:
   - inproc: one thread fills a pipe and empties it, again and again;
   - queued: a PUSH whose tcp peer reads nothing, so that the I/O thread has nothing to do either;
   - single: a PUSH whose tcp peer has received each message, and whose I/O thread sleeps, before the next
     one is sent;
   - waiting: a PULL whose messages have all come over tcp before the first one is received;
   - routed: a ROUTER that gets messages from many inproc peers in turn, and answers each: with the routing
     ids, received and sent as parts of their own.
   The peers over tcp are plain descriptors. */
#include "bench.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define SIZE 64
/* A message of SIZE bytes with its header. */
#define FRAME_SIZE (SIZE + 2)
#define MESSAGES 10000
#define BATCH 400
/* Where each message takes time. */
#define FEW 1000
#define WARM_UP_ROUNDS 5
/* The size of the system's buffers. */
#define LITTLE 65536
#define LIMIT_SECONDS 60
#define PEERS 64
#define ID_SIZE 5

static int use_messages;
static char payload[SIZE];

__attribute__ ((noinline)) static void measured_send (void *socket)
{
    if (!use_messages) {
        CHECK (zmq_send (socket, payload, SIZE, 0));
        return;
    }
    zmq_msg_t message;
    CHECK (zmq_msg_init_size (&message, SIZE));
    CHECK (zmq_msg_send (&message, socket, 0));
}

__attribute__ ((noinline)) static void measured_receive (void *socket)
{
    if (!use_messages) {
        CHECK (zmq_recv (socket, payload, SIZE, 0));
        return;
    }
    zmq_msg_t message;
    CHECK (zmq_msg_init (&message));
    CHECK (zmq_msg_recv (&message, socket, 0));
    CHECK (zmq_msg_close (&message));
}

/* The same, with the routing id in front. */
static char routing_id[ID_SIZE];

__attribute__ ((noinline)) static void measured_send_routed (void *socket)
{
    if (!use_messages)
        CHECK (zmq_send (socket, routing_id, ID_SIZE, ZMQ_SNDMORE));
    else {
        zmq_msg_t message;
        CHECK (zmq_msg_init_size (&message, ID_SIZE));
        memcpy (zmq_msg_data (&message), routing_id, ID_SIZE);
        CHECK (zmq_msg_send (&message, socket, ZMQ_SNDMORE));
    }
    measured_send (socket);
}

__attribute__ ((noinline)) static void measured_receive_routed (void *socket)
{
    if (!use_messages)
        CHECK (zmq_recv (socket, routing_id, ID_SIZE, 0));
    else {
        zmq_msg_t message;
        CHECK (zmq_msg_init (&message));
        CHECK (zmq_msg_recv (&message, socket, 0));
        memcpy (routing_id, zmq_msg_data (&message), ID_SIZE);
        CHECK (zmq_msg_close (&message));
    }
    measured_receive (socket);
}

/* Before anything is counted: the same calls, from somewhere else. */
static void send_before (void *socket, int count)
{
    zmq_msg_t message;
    for (int i = 0; i < count; i += 2) {
        CHECK (zmq_send (socket, payload, SIZE, 0));
        CHECK (zmq_msg_init_size (&message, SIZE));
        CHECK (zmq_msg_send (&message, socket, 0));
    }
}

static void receive_before (void *socket, int count)
{
    for (int i = 0; i < count; i++)
        CHECK (zmq_recv (socket, payload, SIZE, 0));
}

static void inproc (void *context)
{
    void *from = open_socket (context, ZMQ_PUSH), *to = open_socket (context, ZMQ_PULL);
    CHECK (zmq_bind (to, "inproc://instructions"));
    CHECK (zmq_connect (from, "inproc://instructions"));
    for (int round = 0; round < WARM_UP_ROUNDS; round++) {
        send_before (from, BATCH);
        receive_before (to, BATCH);
    }
    for (int round = 0; round < MESSAGES / BATCH; round++) {
        for (int i = 0; i < BATCH; i++)
            measured_send (from);
        for (int i = 0; i < BATCH; i++)
            measured_receive (to);
    }
}

static void read_all (int descriptor, void *place, size_t size)
{
    if (recv (descriptor, place, size, MSG_WAITALL) != (ssize_t) size)
        fail ("the peer");
}

/* A greeting of ZMTP 3.0, and READY with the type of the socket, of four letters. */
static const char greeting[64] = "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL";
static const char ready[] = "\x04\x1a\x05READY\x0bSocket-Type\0\0\0\4";

/* Connects to a socket that it binds, and does the handshake of its peer. */
static int plain_peer (void *socket_of_library, const char *type)
{
    char endpoint[256], hello[sizeof greeting + sizeof ready - 1 + 4], answer[sizeof greeting + 2], rest[256];
    size_t size = sizeof endpoint;
    CHECK (zmq_bind (socket_of_library, "tcp://127.0.0.1:*"));
    CHECK (zmq_getsockopt (socket_of_library, ZMQ_LAST_ENDPOINT, endpoint, &size));
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
        .sin_port = htons (atoi (strrchr (endpoint, ':') + 1)),
    };
    const int descriptor = socket (AF_INET, SOCK_STREAM, 0);
    const int little = LITTLE;
    setsockopt (descriptor, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    if (descriptor == -1 || connect (descriptor, (const struct sockaddr *) &address, sizeof address) == -1)
        fail ("connect");
    memcpy (hello, greeting, sizeof greeting);
    memcpy (hello + sizeof greeting, ready, sizeof ready - 1);
    memcpy (hello + sizeof hello - 4, type, 4);
    if (send (descriptor, hello, sizeof hello, 0) != (ssize_t) sizeof hello)
        fail ("send");
    read_all (descriptor, answer, sizeof answer);
    read_all (descriptor, rest, (unsigned char) answer[sizeof answer - 1]);
    return descriptor;
}

/* Bytes that the system holds on the way from one end to the other: sent and not received yet. */
static long underway (int descriptor)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    char line[512];
    long waiting = 0;
    getsockname (descriptor, (struct sockaddr *) &own, &size);
    FILE *table = fopen ("/proc/self/net/tcp", "r");
    while (table && fgets (line, sizeof line, table)) {
        unsigned own_port, other_port, out, in;
        if (sscanf (line, " %*d: %*x:%x %*x:%x %*x %x:%x", &own_port, &other_port, &out, &in) != 4)
            continue;
        if (own_port == ntohs (own.sin_port))
            waiting += out;
        if (other_port == ntohs (own.sin_port))
            waiting += in;
    }
    if (table)
        fclose (table);
    return waiting;
}

/* Waits until the system has the same amount under way for a while: nobody moves anything. */
static void wait_for_rest (int descriptor)
{
    long before = -1;
    for (int same = 0; same < 5;) {
        const long after = underway (descriptor);
        same = after == before ? same + 1 : 0;
        before = after;
        usleep (20000);
    }
}

static void queued (void *context)
{
    void *from = open_socket (context, ZMQ_PUSH);
    set_int (from, ZMQ_SNDHWM, 0);
    set_int (from, ZMQ_SNDBUF, LITTLE);
    const int peer = plain_peer (from, "PULL");
    /* Much more than the system takes; the rest stays in the library. */
    send_before (from, 100 * LITTLE / FRAME_SIZE);
    wait_for_rest (peer);
    for (int i = 0; i < MESSAGES; i++)
        measured_send (from);
}

static int first_number (const char *format, const char *name)
{
    char path[64];
    int number = -1;
    snprintf (path, sizeof path, format, name);
    FILE *file = fopen (path, "r");
    if (file && fscanf (file, "%d", &number) != 1)
        number = -1;
    if (file)
        fclose (file);
    return number;
}

static int waits_for_events (const char *thread)
{
    const int call = first_number ("/proc/self/task/%.20s/syscall", thread);
#ifdef SYS_epoll_wait
    if (call == SYS_epoll_wait)
        return 1;
#endif
    return call == SYS_epoll_pwait;
}

/* Waits until the I/O thread and the reaper sleep. */
static void wait_for_sleep (void)
{
    for (int asleep = 0; asleep < 2; usleep (10)) {
        DIR *threads = opendir ("/proc/self/task");
        const struct dirent *thread;
        asleep = 0;
        while (threads && (thread = readdir (threads)))
            asleep += waits_for_events (thread->d_name);
        closedir (threads);
    }
}

static void single (void *context)
{
    void *from = open_socket (context, ZMQ_PUSH);
    char frame[FRAME_SIZE];
    const int peer = plain_peer (from, "PULL");
    for (int i = 0; i < FEW; i += 2) {
        send_before (from, 2);
        read_all (peer, frame, sizeof frame);
        read_all (peer, frame, sizeof frame);
    }
    for (int i = 0; i < FEW; i++) {
        wait_for_sleep ();
        measured_send (from);
        read_all (peer, frame, sizeof frame);
    }
}

static void waiting (void *context)
{
    void *to = open_socket (context, ZMQ_PULL);
    set_int (to, ZMQ_RCVHWM, 0);
    const int peer = plain_peer (to, "PUSH");
    char frame[FRAME_SIZE] = {0, SIZE};
    for (int i = 0; i < BATCH + MESSAGES; i++)
        if (send (peer, frame, sizeof frame, 0) != (ssize_t) sizeof frame)
            fail ("send");
    zmq_pollitem_t item = {to, 0, ZMQ_POLLIN, 0};
    CHECK (zmq_poll (&item, 1, -1));
    while (underway (peer) > 0)
        usleep (1000);
    wait_for_rest (peer);
    receive_before (to, BATCH);
    for (int i = 0; i < MESSAGES; i++)
        measured_receive (to);
}

static void routed (void *context)
{
    void *router = open_socket (context, ZMQ_ROUTER), *peers[PEERS];
    CHECK (zmq_bind (router, "inproc://instructions"));
    for (int i = 0; i < PEERS; i++) {
        peers[i] = open_socket (context, ZMQ_DEALER);
        CHECK (zmq_connect (peers[i], "inproc://instructions"));
    }
    for (int round = 0; round < MESSAGES / BATCH; round++) {
        for (int i = 0; i < BATCH; i++)
            CHECK (zmq_send (peers[i % PEERS], payload, SIZE, 0));
        for (int i = 0; i < BATCH; i++) {
            measured_receive_routed (router);
            measured_send_routed (router);
        }
        for (int i = 0; i < BATCH; i++)
            CHECK (zmq_recv (peers[i % PEERS], payload, SIZE, 0));
    }
}

int main (int argc, char **argv)
{
    const struct
    {
        const char *name;
        void (*run) (void *context);
        int messages;
    } cases[] = {
        {"inproc", inproc, MESSAGES},
        {"queued", queued, MESSAGES},
        {"single", single, FEW},
        {"waiting", waiting, MESSAGES},
        {"routed", routed, MESSAGES},
    };
    if (argc != 3) {
        fprintf (stderr, "usage: instructions inproc|queued|single|waiting|routed buffers|messages\n");
        return 2;
    }
    use_messages = strcmp (argv[2], "messages") == 0;
    print_library ();
    alarm (LIMIT_SECONDS);
    void *context = new_context ();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (strcmp (argv[1], cases[i].name) == 0) {
            cases[i].run (context);
            printf ("messages=%d\n", cases[i].messages);
        }
    }
    fflush (stdout);
    /* Unread messages are the process's to clean up. */
    _exit (0);
}
