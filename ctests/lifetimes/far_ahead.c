/* Blocking senders of large messages below the high-water mark: whatever their peer does, each send
 * returns, and all messages arrive in order. */
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

static void send_all(int as_messages)
{
    static char body[SIZE];
    for (int i = 0, count = messages(); i < count; ++i) {
        memcpy(body, &i, sizeof i);
        memcpy(body + SIZE - sizeof i, &i, sizeof i);
        if (!as_messages) {
            CHECK(zmq_send(push, body, SIZE, 0) == SIZE);
            continue;
        }
        zmq_msg_t message;
        CHECK(zmq_msg_init_size(&message, SIZE) == 0);
        memcpy(zmq_msg_data(&message), body, SIZE);
        CHECK(zmq_msg_send(&message, push, 0) == SIZE);
    }
}

static void receive(int number)
{
    static char body[SIZE];
    CHECK(zmq_recv(pull, body, SIZE, 0) == SIZE);
    CHECK(memcmp(body, &number, sizeof number) == 0);
    CHECK(memcmp(body + SIZE - sizeof number, &number, sizeof number) == 0);
}

static void *receive_all(void *pause)
{
    struct timespec moment = {0, 3000000};
    for (int i = 0, count = messages(); i < count; ++i) {
        receive(i);
        if (pause && i % 2)
            nanosleep(&moment, NULL);
    }
    return NULL;
}

/* Nobody reads until all is sent. */
static void of_nobody(void)
{
    for (int i = 0; i < 2 * TRANSPORTS; ++i) {
        join_sockets(i / 2);
        send_all(i % 2);
        receive_all(NULL);
        end();
    }
}

static void of_a_reader(void *pause)
{
    for (int i = 0; i < 2 * TRANSPORTS; ++i) {
        join_sockets(i / 2);
        pthread_t thread = start_thread(receive_all, pause);
        send_all(i % 2);
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

CASES({"of_nobody", of_nobody}, {"of_a_quick_reader", of_a_quick_reader}, {"of_a_slow_reader", of_a_slow_reader})
