/* Servers that get many requests at once, and answer them one after the other: whatever a server does in
 * between, the answers it has given arrive. */
#include "lifetimes.h"

#include <semaphore.h>

enum { MOST = 12 };

static void *context;
static char endpoint[ENDPOINT_SIZE];
static sem_t arrived;

/* One round: so many requests, after so many answers of which the server waits for the client to have them. */
struct round {
    int requests;
    int answers;
};

static int rounds(void)
{
    return getenv("LIFETIMES_SMALL") ? 20 : 400;
}

static struct round next_round(unsigned *dice)
{
    struct round round = {.requests = 1 + rand_r(dice) % MOST};
    round.answers = rand_r(dice) % (round.requests + 1);
    return round;
}

/* Receives a request with all parts that stand before it, and sends it back. */
static void answer(void *socket)
{
    char part[64];
    int more;
    do {
        int size = zmq_recv(socket, part, sizeof part, 0);
        CHECK(size >= 0);
        more = int_of(socket, ZMQ_RCVMORE);
        CHECK(zmq_send(socket, part, (size_t)size, more ? ZMQ_SNDMORE : 0) == size);
    } while (more);
}

static void *serve(void *socket)
{
    unsigned dice = 1;
    for (int i = 0; i < rounds(); ++i) {
        struct round round = next_round(&dice);
        for (int k = 0; k < round.answers; ++k)
            answer(socket);
        CHECK(sem_wait(&arrived) == 0);
        for (int k = round.answers; k < round.requests; ++k)
            answer(socket);
    }
    /* The last answers are on their way. */
    CHECK(zmq_close(socket) == 0);
    return NULL;
}

static void expect(void *socket, int number)
{
    int received = -1;
    CHECK(zmq_recv(socket, &received, sizeof received, 0) == sizeof received);
    CHECK(received == number);
}

static void ask(int kind, const char *wildcard)
{
    unsigned dice = 1;
    context = zmq_ctx_new();
    CHECK(sem_init(&arrived, 0, 0) == 0);
    void *server = new_socket(context, kind), *client = new_socket(context, ZMQ_DEALER);
    bind_any(server, wildcard, endpoint);
    CHECK(zmq_connect(client, endpoint) == 0);
    pthread_t thread = start_thread(serve, server);
    int sent = 0, received = 0;
    for (int i = 0; i < rounds(); ++i) {
        struct round round = next_round(&dice);
        for (int k = 0; k < round.requests; ++k, ++sent)
            CHECK(zmq_send(client, &sent, sizeof sent, 0) == sizeof sent);
        for (int k = 0; k < round.answers; ++k, ++received)
            expect(client, received);
        CHECK(sem_post(&arrived) == 0);
        for (; received < sent; ++received)
            expect(client, received);
    }
    join(thread);
    CHECK(zmq_close(client) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void router_over_tcp(void)
{
    ask(ZMQ_ROUTER, "tcp://127.0.0.1:*");
}

static void router_over_ipc(void)
{
    ask(ZMQ_ROUTER, "ipc://*");
}

static void dealer_over_tcp(void)
{
    ask(ZMQ_DEALER, "tcp://127.0.0.1:*");
}

static void dealer_over_inproc(void)
{
    ask(ZMQ_DEALER, "inproc://here");
}

CASES({"router_over_tcp", router_over_tcp},
      {"router_over_ipc", router_over_ipc},
      {"dealer_over_tcp", dealer_over_tcp},
      {"dealer_over_inproc", dealer_over_inproc})
