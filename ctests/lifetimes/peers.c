/* The end of one connection among many: zmq_disconnect_peer, which libzmq 4.3.5 does not have. */
#define ZMQ_BUILD_DRAFT_API
#include "lifetimes.h"

static void *context;
static char endpoint[ENDPOINT_SIZE];

static int send_to(void *socket, uint32_t routing_id, const char *text)
{
    zmq_msg_t message;
    CHECK(zmq_msg_init_buffer(&message, text, strlen(text)) == 0);
    CHECK(zmq_msg_set_routing_id(&message, routing_id) == 0);
    int sent = zmq_msg_send(&message, socket, ZMQ_DONTWAIT);
    int error = errno;
    CHECK(zmq_msg_close(&message) == 0);
    errno = error;
    return sent;
}

static uint32_t receive_from(void *socket, const char *text)
{
    zmq_msg_t message;
    CHECK(zmq_msg_init(&message) == 0);
    CHECK(zmq_msg_recv(&message, socket, 0) == (int)strlen(text));
    CHECK(memcmp(zmq_msg_data(&message), text, strlen(text)) == 0);
    uint32_t routing_id = zmq_msg_routing_id(&message);
    CHECK(zmq_msg_close(&message) == 0);
    return routing_id;
}

/* Waits for an event of a monitor. */
static void await_event(void *monitor, int wanted)
{
    for (int event = 0; event != wanted;) {
        unsigned char frame[6];
        CHECK(zmq_recv(monitor, frame, sizeof frame, 0) == sizeof frame);
        event = frame[0] | frame[1] << 8;
        CHECK(zmq_recv(monitor, NULL, 0, 0) >= 0);
    }
}

static void *watch_events(void *socket, const char *name, int events)
{
    void *monitor = new_socket(context, ZMQ_PAIR);
    CHECK(zmq_socket_monitor(socket, name, events) == 0);
    CHECK(zmq_connect(monitor, name) == 0);
    return monitor;
}

/* The binder ends a connection that was made to it. */
static void ended_by_the_binder(void)
{
    for (int kind = 0; kind < 2; ++kind)
        for (int i = 0; i < TRANSPORTS; ++i) {
            context = zmq_ctx_new();
            void *server = new_socket(context, kind ? ZMQ_PEER : ZMQ_SERVER), *clients[2], *monitor;
            uint32_t ids[2];
            bind_any(server, wildcards[i], endpoint);
            for (int k = 0; k < 2; ++k) {
                clients[k] = new_socket(context, kind ? ZMQ_PEER : ZMQ_CLIENT);
                /* Late enough for the connection to stay away, and what it brought to be received. */
                set_int(clients[k], ZMQ_RECONNECT_IVL, 1000000);
                if (k == 0)
                    monitor = watch_events(clients[0], "inproc://monitor", ZMQ_EVENT_DISCONNECTED);
                uint32_t id = 1;
                if (kind)
                    CHECK((id = zmq_connect_peer(clients[k], endpoint)) != 0);
                else
                    CHECK(zmq_connect(clients[k], endpoint) == 0);
                CHECK(send_to(clients[k], id, "hello") == 5);
                ids[k] = receive_from(server, "hello");
            }
            REFUSED(EHOSTUNREACH, zmq_disconnect_peer(server, ids[0] + ids[1]));
            REFUSED(EHOSTUNREACH, zmq_disconnect_peer(server, 0));
            /* What was sent before still arrives. */
            CHECK(send_to(server, ids[0], "last") == 4);
            CHECK(zmq_disconnect_peer(server, ids[0]) == 0);
            REFUSED(EHOSTUNREACH, send_to(server, ids[0], "gone"));
            REFUSED(EHOSTUNREACH, zmq_disconnect_peer(server, ids[0]));
            receive_from(clients[0], "last");
            if (i > 0)
                await_event(monitor, ZMQ_EVENT_DISCONNECTED);
            CHECK(send_to(server, ids[1], "still there") == 11);
            receive_from(clients[1], "still there");
            for (int k = 0; k < 2; ++k)
                CHECK(zmq_close(clients[k]) == 0);
            CHECK(zmq_close(monitor) == 0);
            CHECK(zmq_close(server) == 0);
            CHECK(zmq_ctx_term(context) == 0);
        }
}

/* A side that ends what it connected does not connect again, and can do so anew. */
static void ended_by_who_connected(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        context = zmq_ctx_new();
        void *bound = new_socket(context, ZMQ_PEER), *peer = new_socket(context, ZMQ_PEER);
        bind_any(bound, wildcards[i], endpoint);
        void *monitor = watch_events(bound, "inproc://monitor", ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_ACCEPTED);
        set_int(peer, ZMQ_RECONNECT_IVL, 1);
        for (int round = 0; round < 3; ++round) {
            uint32_t id = zmq_connect_peer(peer, endpoint);
            CHECK(id != 0);
            CHECK(send_to(peer, id, "hello") == 5);
            receive_from(bound, "hello");
            CHECK(zmq_disconnect_peer(peer, id) == 0);
            REFUSED(EHOSTUNREACH, send_to(peer, id, "gone"));
            if (i > 0) {
                await_event(monitor, ZMQ_EVENT_DISCONNECTED);
                REFUSED(ENOENT, zmq_disconnect(peer, endpoint));
            }
        }
        if (i > 0) {
            /* Nobody came in the meantime who was not asked to. */
            pause_ms(50);
            REFUSED(EAGAIN, zmq_recv(monitor, NULL, 0, ZMQ_DONTWAIT));
        }
        CHECK(zmq_close(monitor) == 0);
        CHECK(zmq_close(peer) == 0);
        CHECK(zmq_close(bound) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static void of_other_kinds(void)
{
    context = zmq_ctx_new();
    for (int kind = ZMQ_PAIR; kind <= ZMQ_CHANNEL; ++kind) {
        void *socket = new_socket(context, kind);
        if (kind == ZMQ_SERVER || kind == ZMQ_PEER)
            REFUSED(EHOSTUNREACH, zmq_disconnect_peer(socket, 1));
        else
            REFUSED(ENOTSUP, zmq_disconnect_peer(socket, 1));
        CHECK(zmq_close(socket) == 0);
    }
    CHECK(zmq_ctx_term(context) == 0);
}

/* As messages are on their way in both directions. */
static void in_full_traffic(void)
{
    context = zmq_ctx_new();
    void *server = new_socket(context, ZMQ_SERVER);
    bind_any(server, "tcp://127.0.0.1:*", endpoint);
    for (int round = 0; round < 100; ++round) {
        void *client = new_socket(context, ZMQ_CLIENT);
        zmq_msg_t message;
        set_int(client, ZMQ_LINGER, 0);
        CHECK(zmq_connect(client, endpoint) == 0);
        for (int k = 0; k < 50; ++k)
            CHECK(zmq_send(client, "request", 7, 0) == 7);
        CHECK(zmq_msg_init(&message) == 0);
        CHECK(zmq_msg_recv(&message, server, 0) == 7);
        uint32_t id = zmq_msg_routing_id(&message);
        CHECK(zmq_msg_close(&message) == 0);
        for (int k = 0; k < 50; ++k)
            send_to(server, id, "reply");
        /* It may have been one of an earlier round, whose connection is over. */
        if (zmq_disconnect_peer(server, id) == -1)
            CHECK(errno == EHOSTUNREACH);
        CHECK(zmq_close(client) == 0);
    }
    CHECK(zmq_close(server) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

CASES({"ended_by_the_binder", ended_by_the_binder},
      {"ended_by_who_connected", ended_by_who_connected},
      {"of_other_kinds", of_other_kinds},
      {"in_full_traffic", in_full_traffic})
