/* Peers that come and go at a socket that waits for messages only, and is not woken for them. The peers
   are plain descriptors, since it is the socket whose threads are looked at. */
#define ZMQ_BUILD_DRAFT_API
#include "lifetimes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define ROUNDS 40
#define CROWD 100

static const char greeting[64] = "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL";
static char endpoint[ENDPOINT_SIZE];

static void *bound(void *context, int kind)
{
    void *socket = new_socket(context, kind);
    bind_any(socket, "tcp://127.0.0.1:*", endpoint);
    return socket;
}

static int come(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd != -1 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

static void say(int fd, const void *bytes, size_t size)
{
    CHECK(send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void hear(int fd, char *bytes, size_t size)
{
    CHECK(recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size);
}

/* Shakes hands as a socket of this type. The peer's READY is one short command. */
static void shake_hands(int fd, const char *type)
{
    char ready[] = "\x04\x1a\x05READY\x0bSocket-Type\0\0\0\4????", theirs[256];
    size_t size = sizeof ready - 5 + strlen(type);
    ready[1] = (char)(size - 2);
    ready[size - strlen(type) - 1] = (char)strlen(type);
    memcpy(ready + size - strlen(type), type, strlen(type));
    say(fd, greeting, sizeof greeting);
    say(fd, ready, size);
    hear(fd, theirs, sizeof greeting + 2);
    hear(fd, theirs, (unsigned char)theirs[sizeof greeting + 1]);
}

static void *receive(void *socket)
{
    char byte;
    for (int i = 0; i < ROUNDS; ++i) {
        CHECK(zmq_recv(socket, &byte, 1, 0) == 1 && byte == '?');
        if (int_of(socket, ZMQ_TYPE) == ZMQ_REP)
            CHECK(zmq_send(socket, "!", 1, 0) == 1);
    }
    return NULL;
}

static void messages_wake(int kind, const char *peer, const char *message, size_t size)
{
    void *context = zmq_ctx_new();
    void *socket = bound(context, kind);
    pthread_t receiver = start_thread(receive, socket);
    for (int i = 0; i < ROUNDS; ++i) {
        int fd = come();
        shake_hands(fd, peer);
        if (i % 2)
            pause_ms(5);
        say(fd, message, size);
        char answer[5];
        if (kind == ZMQ_REP)
            hear(fd, answer, sizeof answer);
        else if (i % 4 == 0)
            pause_ms(5);
        close(fd);
    }
    join(receiver);
    CHECK(zmq_close(socket) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void the_first_message_wakes_a_pull(void)
{
    messages_wake(ZMQ_PULL, "PUSH", "\0\1?", 3);
}

static void the_first_message_wakes_a_rep(void)
{
    messages_wake(ZMQ_REP, "REQ", "\1\0\0\1?", 5);
}

static void *receive_nothing(void *socket)
{
    char byte;
    REFUSED(ETERM, zmq_recv(socket, &byte, 1, 0));
    CHECK(zmq_close(socket) == 0);
    return NULL;
}

/* What is to be said to a new peer is said although nothing was received. */
static void a_new_peer_is_probed(void)
{
    void *context = zmq_ctx_new();
    void *socket = bound(context, ZMQ_REP);
    set_int(socket, ZMQ_PROBE_ROUTER, 1);
    pthread_t receiver = start_thread(receive_nothing, socket);
    pause_ms(20);
    int fd = come();
    char probe[2];
    shake_hands(fd, "REQ");
    hear(fd, probe, sizeof probe);
    CHECK(memcmp(probe, "\0", 2) == 0);
    close(fd);
    CHECK(zmq_ctx_term(context) == 0);
    join(receiver);
}

/* Nobody looks at the socket while a crowd is there, and it ends with them. */
static void a_socket_ends_before_its_peers(void)
{
    for (int i = 0; i < 4; ++i) {
        void *context = zmq_ctx_new();
        void *socket = bound(context, i % 2 ? ZMQ_PULL : ZMQ_REP);
        int fds[CROWD];
        for (int k = 0; k < CROWD; ++k) {
            fds[k] = come();
            if (k % 3)
                shake_hands(fds[k], i % 2 ? "PUSH" : "REQ");
        }
        CHECK(zmq_close(socket) == 0);
        CHECK(zmq_ctx_term(context) == 0);
        for (int k = 0; k < CROWD; ++k)
            close(fds[k]);
    }
}

/* A connection is cut when its endpoint is taken down, whatever the socket has heard of it. */
static void an_endpoint_ends_with_its_connections(void)
{
    void *context = zmq_ctx_new();
    for (int i = 0; i < ROUNDS; ++i) {
        void *socket = bound(context, ZMQ_PULL);
        int fd = come();
        char byte;
        if (i % 2)
            shake_hands(fd, "PUSH");
        CHECK(zmq_unbind(socket, endpoint) == 0);
        while (recv(fd, &byte, 1, 0) > 0)
            ;
        close(fd);
        CHECK(zmq_close(socket) == 0);
    }
    CHECK(zmq_ctx_term(context) == 0);
}

/* Many that came and went while nobody looked leave the socket as it was. */
static void who_was_missed_is_not_missing(void)
{
    void *context = zmq_ctx_new();
    void *socket = bound(context, ZMQ_PULL);
    for (int i = 0; i < 5 * CROWD; ++i) {
        int fd = come();
        if (i % 3)
            shake_hands(fd, "PUSH");
        if (i % 5 == 1)
            say(fd, "\0\1?", 3);
        close(fd);
    }
    char byte;
    for (int i = 0; i < CROWD; ++i)
        if ((5 * i + 1) % 3)
            CHECK(zmq_recv(socket, &byte, 1, 0) == 1);
    pause_ms(20);
    REFUSED(EAGAIN, zmq_recv(socket, &byte, 1, ZMQ_DONTWAIT));
    CHECK(zmq_close(socket) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

/* What is asked of all pipes is asked of those, too, that the socket has not heard of. */
static void a_silent_peer_counts(void)
{
    void *context = zmq_ctx_new();
    void *socket = bound(context, ZMQ_PULL);
    const uint64_t events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_PIPES_STATS;
    CHECK(zmq_socket_monitor_versioned(socket, "inproc://events", events, 2, ZMQ_PAIR) == 0);
    void *monitor = new_socket(context, ZMQ_PAIR);
    CHECK(zmq_connect(monitor, "inproc://events") == 0);
    int fd = come();
    shake_hands(fd, "PUSH");
    uint64_t event;
    CHECK(zmq_recv(monitor, &event, sizeof event, 0) == sizeof event);
    CHECK(event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    CHECK(zmq_socket_monitor_pipes_stats(socket) == 0);
    close(fd);
    CHECK(zmq_close(monitor) == 0 && zmq_close(socket) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

CASES({"the_first_message_wakes_a_pull", the_first_message_wakes_a_pull},
      {"the_first_message_wakes_a_rep", the_first_message_wakes_a_rep},
      {"a_new_peer_is_probed", a_new_peer_is_probed},
      {"a_socket_ends_before_its_peers", a_socket_ends_before_its_peers},
      {"an_endpoint_ends_with_its_connections", an_endpoint_ends_with_its_connections},
      {"a_silent_peer_counts", a_silent_peer_counts},
      {"who_was_missed_is_not_missing", who_was_missed_is_not_missing})
