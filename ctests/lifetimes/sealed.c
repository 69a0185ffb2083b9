/* Connections with CURVE: whoever seals a message, the session or the thread that sends it, all of
 * them arrive, whole and in order, and those on their way when the sender closes as well. */
#include "lifetimes.h"

static void *context;
static char endpoint[ENDPOINT_SIZE];
static char server_public[41], server_secret[41];

static unsigned dice;

static uint32_t random_below(uint32_t limit)
{
    return (uint32_t)rand_r(&dice) % limit;
}

static int rounds(void)
{
    return getenv("LIFETIMES_SMALL") ? 5 : getenv("LIFETIMES_FULL") ? 2000 : 60;
}

/* From nothing to far more than the system takes at once. */
enum { LARGEST = 2 * 1024 * 1024 };

static size_t random_size(void)
{
    static const size_t borders[] = {0, 255, 32767, 32768, 65536, 200000, LARGEST};
    uint32_t kind = random_below(8);
    if (kind == 0)
        return borders[random_below(sizeof borders / sizeof *borders)];
    return random_below(kind == 1 ? 100000 : 300);
}

static void send_numbered(void *socket, uint32_t number, size_t size)
{
    zmq_msg_t message;
    CHECK(zmq_msg_init_size(&message, size + sizeof number) == 0);
    memset(zmq_msg_data(&message), (int)(number * 31), size + sizeof number);
    memcpy(zmq_msg_data(&message), &number, sizeof number);
    CHECK(zmq_msg_send(&message, socket, 0) == (int)(size + sizeof number));
}

static void receive_numbered(void *socket, uint32_t expected)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    CHECK(zmq_msg_recv(&message, socket, 0) >= (int)sizeof expected);
    const unsigned char *body = zmq_msg_data(&message);
    CHECK(memcmp(body, &expected, sizeof expected) == 0);
    for (size_t i = sizeof expected; i < zmq_msg_size(&message); ++i)
        CHECK(body[i] == (unsigned char)(expected * 31));
    zmq_msg_close(&message);
}

static void open_server(void *socket, const char *wildcard)
{
    set_int(socket, ZMQ_CURVE_SERVER, 1);
    CHECK(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, server_secret, 40) == 0);
    bind_any(socket, wildcard, endpoint);
}

static void open_client(void *socket)
{
    char public[41], secret[41];
    CHECK(zmq_curve_keypair(public, secret) == 0);
    CHECK(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, 40) == 0);
    CHECK(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public, 40) == 0);
    CHECK(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, 40) == 0);
    CHECK(zmq_connect(socket, endpoint) == 0);
}

/* What either end has sent and the other has not received. */
static void receive_rest(void *ends[2], const uint32_t sent[2], uint32_t received[2])
{
    for (int from = 0; from < 2; ++from)
        while (received[from] < sent[from])
            receive_numbered(ends[1 - from], received[from]++);
}

/* Asks and answers, with quiet connections in between, and bursts that keep the session busy. */
static void answers_and_bursts(void)
{
    for (int i = 1; i < TRANSPORTS; ++i) {
        context = zmq_ctx_new();
        void *ends[2] = {new_socket(context, ZMQ_PAIR), new_socket(context, ZMQ_PAIR)};
        open_server(ends[0], wildcards[i]);
        open_client(ends[1]);
        uint32_t sent[2] = {0, 0}, received[2] = {0, 0};
        for (int round = 0; round < rounds() * 4; ++round) {
            int from = (int)random_below(2);
            int burst = random_below(4) == 0 ? 50 : 1;
            for (int k = 0; k < burst; ++k)
                send_numbered(ends[from], sent[from]++, random_size());
            if (random_below(3) == 0)
                continue;
            receive_rest(ends, sent, received);
        }
        receive_rest(ends, sent, received);
        CHECK(zmq_close(ends[0]) == 0 && zmq_close(ends[1]) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

/* The sender's last messages are still in its hands when it closes. */
static void closing_behind_the_last(void)
{
    for (int round = 0; round < rounds(); ++round) {
        context = zmq_ctx_new();
        void *pull = new_socket(context, ZMQ_PULL), *push = new_socket(context, ZMQ_PUSH);
        open_server(pull, wildcards[1 + round % 2]);
        open_client(push);
        uint32_t sent = 0, received = 0;
        for (uint32_t quiet = 1 + random_below(4); quiet > 0; --quiet) {
            send_numbered(push, sent++, random_size());
            receive_numbered(pull, received++);
        }
        for (uint32_t last = 1 + random_below(4); last > 0; --last)
            send_numbered(push, sent++, random_below(2) ? LARGEST : random_size());
        CHECK(zmq_close(push) == 0);
        while (received < sent)
            receive_numbered(pull, received++);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        {"answers_and_bursts", answers_and_bursts},
        {"closing_behind_the_last", closing_behind_the_last},
    };
    if (!zmq_has("curve"))
        return 0;
    const char *seed = getenv("LIFETIMES_SEED");
    dice = seed ? (unsigned)atoi(seed) : 1;
    CHECK(zmq_curve_keypair(server_public, server_secret) == 0);
    return run_cases(cases, sizeof cases / sizeof *cases, argc, argv);
}
