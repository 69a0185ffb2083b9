/* Blocking senders of large messages below the high-water mark, and publishers at it that drop nothing:
 * whatever their peers do, each send returns, and all messages arrive in order. */
#include "lifetimes.h"

enum { SIZE = 1 << 20 };

static void *context, *push, *pull;
static char endpoint[ENDPOINT_SIZE];

static int messages(void)
{
    return getenv("LIFETIMES_SMALL") ? 50 : 150;
}

static void join_sockets(int transport)
{
    context = zmq_ctx_new();
    push = new_socket(context, ZMQ_PUSH);
    pull = new_socket(context, ZMQ_PULL);
    bind_any(pull, wildcards[transport], endpoint);
    CHECK(zmq_connect(push, endpoint) == 0);
}

static void end(void)
{
    CHECK(zmq_close(push) == 0);
    CHECK(zmq_close(pull) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void send_all(void *socket, int as_messages)
{
    static char body[SIZE];
    for (int i = 0, count = messages(); i < count; ++i) {
        memcpy(body, &i, sizeof i);
        memcpy(body + SIZE - sizeof i, &i, sizeof i);
        if (!as_messages) {
            CHECK(zmq_send(socket, body, SIZE, 0) == SIZE);
            continue;
        }
        zmq_msg_t message;
        CHECK(zmq_msg_init_size(&message, SIZE) == 0);
        memcpy(zmq_msg_data(&message), body, SIZE);
        CHECK(zmq_msg_send(&message, socket, 0) == SIZE);
    }
}

static void receive(void *socket, char *body, int number)
{
    CHECK(zmq_recv(socket, body, SIZE, 0) == SIZE);
    CHECK(memcmp(body, &number, sizeof number) == 0);
    CHECK(memcmp(body + SIZE - sizeof number, &number, sizeof number) == 0);
}

static void receive_from(void *socket, int pauses)
{
    struct timespec moment = {0, 3000000};
    char *body = malloc(SIZE);
    CHECK(body);
    for (int i = 0, count = messages(); i < count; ++i) {
        receive(socket, body, i);
        if (pauses && i % 2)
            nanosleep(&moment, NULL);
    }
    free(body);
}

static void *receive_all(void *pause)
{
    receive_from(pull, pause != NULL);
    return NULL;
}

static void *receive_slowly(void *socket)
{
    receive_from(socket, 1);
    return NULL;
}

static void *receive_quickly(void *socket)
{
    receive_from(socket, 0);
    return NULL;
}

/* Nobody reads until all is sent. */
static void of_nobody(void)
{
    for (int i = 0; i < 2 * TRANSPORTS; ++i) {
        join_sockets(i / 2);
        send_all(push, i % 2);
        receive_all(NULL);
        end();
    }
}

static void of_a_reader(void *pause)
{
    for (int i = 0; i < 2 * TRANSPORTS; ++i) {
        join_sockets(i / 2);
        pthread_t thread = start_thread(receive_all, pause);
        send_all(push, i % 2);
        join(thread);
        end();
    }
}

static void of_a_quick_reader(void)
{
    of_a_reader(NULL);
}

static void of_a_slow_reader(void)
{
    of_a_reader(&context);
}

/* Sixteen megabytes under way at most, to each. */
static void *new_publishing_socket(int type)
{
    void *socket = new_socket(context, type);
    set_int(socket, ZMQ_SNDHWM, 16);
    set_int(socket, ZMQ_RCVHWM, 16);
    return socket;
}

static void of_two_subscribers(void)
{
    for (int i = 0; i < 2 * TRANSPORTS; ++i) {
        char subscription[2];
        void *subscribers[2];
        context = zmq_ctx_new();
        void *xpub = new_publishing_socket(ZMQ_XPUB);
        set_int(xpub, ZMQ_XPUB_NODROP, 1);
        set_int(xpub, ZMQ_XPUB_VERBOSE, 1);
        bind_any(xpub, wildcards[i / 2], endpoint);
        for (int k = 0; k < 2; ++k) {
            subscribers[k] = new_publishing_socket(ZMQ_SUB);
            CHECK(zmq_setsockopt(subscribers[k], ZMQ_SUBSCRIBE, "", 0) == 0);
            CHECK(zmq_connect(subscribers[k], endpoint) == 0);
            CHECK(zmq_recv(xpub, subscription, sizeof subscription, 0) == 1);
        }
        pthread_t slow = start_thread(receive_slowly, subscribers[0]);
        pthread_t quick = start_thread(receive_quickly, subscribers[1]);
        send_all(xpub, i % 2);
        join(slow);
        join(quick);
        for (int k = 0; k < 2; ++k)
            CHECK(zmq_close(subscribers[k]) == 0);
        CHECK(zmq_close(xpub) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

CASES({"of_nobody", of_nobody}, {"of_a_quick_reader", of_a_quick_reader}, {"of_a_slow_reader", of_a_slow_reader},
      {"of_two_subscribers", of_two_subscribers})
