/* Memory and descriptors: everything comes back, and running out of them is an errno. */
#include "lifetimes.h"

#include <sys/resource.h>

enum { ROUNDS = 4, BYTES_PER_RUN = 16 };

/* Sockets end in the background: waits until nothing moves any more. */
static void settle(void)
{
    size_t heap = 0;
    int descriptors = 0;
    for (int quiet = 0, tries = 0; quiet < 3 && tries < 500; ++tries) {
        pause_ms(10);
        quiet = heap == heap_in_use() && descriptors == open_descriptors() ? quiet + 1 : 0;
        heap = heap_in_use();
        descriptors = open_descriptors();
    }
}

/* Runs `body` in rounds. No round may leave a descriptor behind, and in some round the heap grows by
 * less than the least that a block of memory left behind by each run would take. */
static void leaves_nothing(void (*body)(int), int runs)
{
    size_t heap[ROUNDS + 1];
    int descriptors[ROUNDS + 1], steady = 0;
    for (int round = 0; round <= ROUNDS; ++round) {
        for (int i = 0; i < runs; ++i)
            body(i);
        settle();
        heap[round] = heap_in_use();
        descriptors[round] = open_descriptors();
        steady |= round > 0 && heap[round] < heap[round - 1] + (size_t)(runs * BYTES_PER_RUN);
    }
    CHECK(descriptors[ROUNDS] == descriptors[0]);
    if (!steady)
        for (int round = 0; round <= ROUNDS; ++round)
            fprintf(stderr, "heap after %d runs: %zu\n", (round + 1) * runs, heap[round]);
    CHECK(steady);
}

static void *context;

static int scaled(int runs)
{
    return getenv("LIFETIMES_SMALL") ? (runs + 9) / 10 : getenv("LIFETIMES_FULL") ? runs * 10 : runs;
}

static const int kinds[] = {ZMQ_PAIR, ZMQ_PUB,  ZMQ_SUB,  ZMQ_REQ,  ZMQ_REP,  ZMQ_DEALER,
                            ZMQ_ROUTER, ZMQ_PULL, ZMQ_PUSH, ZMQ_XPUB, ZMQ_XSUB, ZMQ_STREAM};
#define KINDS ((int)(sizeof kinds / sizeof *kinds))

static void make_context(int number)
{
    void *one = zmq_ctx_new();
    if (number % 3)
        CHECK(zmq_close(new_socket(one, kinds[number % KINDS])) == 0);
    CHECK(zmq_ctx_term(one) == 0);
}

static void contexts_leave_nothing(void)
{
    leaves_nothing(make_context, scaled(600));
}

static void make_socket(int number)
{
    CHECK(zmq_close(new_socket(context, kinds[number % KINDS])) == 0);
}

static void sockets_leave_nothing(void)
{
    context = zmq_ctx_new();
    leaves_nothing(make_socket, scaled(3000));
    CHECK(zmq_ctx_term(context) == 0);
}

static void use_sockets(int number)
{
    char endpoint[ENDPOINT_SIZE], body[3000] = "";
    void *one = zmq_ctx_new();
    void *dealer = new_socket(one, ZMQ_DEALER);
    void *router = new_socket(one, ZMQ_ROUTER);
    bind_any(router, wildcards[number % TRANSPORTS], endpoint);
    CHECK(zmq_connect(dealer, endpoint) == 0);
    for (int i = 0; i < 3; ++i) {
        CHECK(zmq_send(dealer, body, sizeof body, ZMQ_SNDMORE) == sizeof body);
        CHECK(zmq_send(dealer, body, 10, 0) == 10);
    }
    for (int i = 0; i < 6; ++i)
        CHECK(zmq_recv(router, body, sizeof body, 0) >= 0);
    /* The rest is never read. */
    set_int(dealer, ZMQ_LINGER, number % 2 ? 0 : 10);
    if (number % 3 == 0)
        CHECK(zmq_disconnect(dealer, endpoint) == 0);
    if (number % 5 == 0)
        CHECK(zmq_unbind(router, endpoint) == 0);
    CHECK(zmq_close(number % 2 ? dealer : router) == 0);
    CHECK(zmq_close(number % 2 ? router : dealer) == 0);
    CHECK(zmq_ctx_term(one) == 0);
}

static void used_sockets_leave_nothing(void)
{
    leaves_nothing(use_sockets, scaled(200));
}

static void *trier;

/* Nobody is there, and nothing is sent: what waits for a name goes with its socket, or before. */
static void try_a_name(int number)
{
    void *socket = number % 2 ? trier : new_socket(context, number % 4 ? ZMQ_PAIR : ZMQ_DEALER);
    char endpoint[ENDPOINT_SIZE];
    snprintf(endpoint, sizeof endpoint, "inproc://nobody.%d", number % 3 ? 0 : number);
    CHECK(zmq_connect(socket, endpoint) == 0);
    if (number % 2)
        CHECK(zmq_disconnect(socket, endpoint) == 0);
    else
        CHECK(zmq_close(socket) == 0);
}

static void tries_of_a_name_leave_nothing(void)
{
    context = zmq_ctx_new();
    trier = new_socket(context, ZMQ_PUSH);
    leaves_nothing(try_a_name, scaled(500));
    CHECK(zmq_close(trier) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void *hub;
static char hub_endpoint[TRANSPORTS][ENDPOINT_SIZE];

/* One context and one acceptor for all: what a connection leaves behind would stay. */
static void come_and_go(int number)
{
    const char *endpoint = hub_endpoint[number % TRANSPORTS];
    char body[10];
    void *dealer = new_socket(context, ZMQ_DEALER);
    set_int(dealer, ZMQ_LINGER, 0);
    CHECK(zmq_connect(dealer, endpoint) == 0);
    CHECK(zmq_send(dealer, "hello", 5, 0) == 5);
    CHECK(zmq_recv(hub, body, sizeof body, 0) == 5);
    CHECK(zmq_recv(hub, body, sizeof body, 0) == 5);
    if (number % 2)
        CHECK(zmq_disconnect(dealer, endpoint) == 0);
    CHECK(zmq_close(dealer) == 0);
}

static void connections_leave_nothing(void)
{
    context = zmq_ctx_new();
    hub = new_socket(context, ZMQ_ROUTER);
    for (int i = 0; i < TRANSPORTS; ++i)
        bind_any(hub, wildcards[i], hub_endpoint[i]);
    leaves_nothing(come_and_go, scaled(600));
    CHECK(zmq_close(hub) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void *bind_again;

static void bind_and_unbind(int number)
{
    char endpoint[ENDPOINT_SIZE];
    bind_any(bind_again, wildcards[number % TRANSPORTS], endpoint);
    CHECK(zmq_connect(bind_again, endpoint) == 0);
    CHECK(zmq_disconnect(bind_again, endpoint) == 0);
    if (zmq_unbind(bind_again, endpoint) == -1)
        CHECK(errno == ENOENT);
}

static void binding_in_a_loop(void)
{
    context = zmq_ctx_new();
    bind_again = new_socket(context, ZMQ_DEALER);
    set_int(bind_again, ZMQ_LINGER, 0);
    for (int i = 0; i < scaled(3000); ++i)
        bind_and_unbind(i);
    CHECK(zmq_close(bind_again) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void many_at_once(void)
{
    enum { MANY = 900 };
    void *sockets[MANY];
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 4 * MANY)
        return;
    for (int round = 0; round < 3; ++round) {
        char endpoint[ENDPOINT_SIZE];
        context = zmq_ctx_new();
        void *pull = new_socket(context, ZMQ_PULL);
        bind_any(pull, wildcards[round], endpoint);
        for (int i = 0; i < MANY; ++i) {
            sockets[i] = new_socket(context, ZMQ_PUSH);
            CHECK(zmq_connect(sockets[i], endpoint) == 0);
            CHECK(zmq_send(sockets[i], &i, sizeof i, 0) == sizeof i);
        }
        char seen[MANY] = {0};
        for (int i = 0; i < MANY; ++i) {
            int number;
            CHECK(zmq_recv(pull, &number, sizeof number, 0) == sizeof number);
            CHECK(!seen[number]++);
        }
        for (int i = 0; i < MANY; ++i)
            CHECK(zmq_close(sockets[i]) == 0);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

/* --- no descriptors left --- */

static int hoarded[5000], hoard_size;

static void hoard(int leave)
{
    int fd;
    while ((fd = dup(0)) >= 0)
        hoarded[hoard_size++] = fd;
    CHECK(errno == EMFILE);
    while (leave-- > 0 && hoard_size > 0)
        close(hoarded[--hoard_size]);
}

static void let_go(void)
{
    while (hoard_size > 0)
        close(hoarded[--hoard_size]);
}

static void few_descriptors(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = 256;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void creation_without_descriptors_fails(void)
{
    few_descriptors();
    for (int leave = 0; leave < 12; ++leave) {
        hoard(leave);
        void *one = zmq_ctx_new();
        if (!one) {
            CHECK(errno == EMFILE);
        } else {
            void *sockets[16];
            int count = 0;
            while (count < 16 && (sockets[count] = zmq_socket(one, ZMQ_DEALER)))
                ++count;
            CHECK(count < 16 && errno == EMFILE);
            if (count > 0) {
                REFUSED(EMFILE, zmq_bind(sockets[0], "tcp://127.0.0.1:*"));
                REFUSED(EMFILE, zmq_bind(sockets[0], "ipc://*"));
                CHECK(zmq_bind(sockets[0], "inproc://still") == 0);
                CHECK(zmq_connect(sockets[0], "tcp://127.0.0.1:1") == 0);
            }
            let_go();
            void *late = new_socket(one, ZMQ_PULL);
            char endpoint[ENDPOINT_SIZE];
            bind_any(late, "tcp://127.0.0.1:*", endpoint);
            CHECK(zmq_close(late) == 0);
            while (count > 0) {
                set_int(sockets[--count], ZMQ_LINGER, 0);
                CHECK(zmq_close(sockets[count]) == 0);
            }
            CHECK(zmq_ctx_term(one) == 0);
        }
        let_go();
    }
}

static void connections_without_descriptors_come_later(void)
{
    few_descriptors();
    for (int transport = 1; transport < TRANSPORTS; ++transport) {
        char endpoint[ENDPOINT_SIZE];
        context = zmq_ctx_new();
        void *pull = new_socket(context, ZMQ_PULL);
        void *push[3];
        bind_any(pull, wildcards[transport], endpoint);
        for (int i = 0; i < 3; ++i)
            push[i] = new_socket(context, ZMQ_PUSH);
        /* Enough for one half of one connection, so that one of connect and accept fails. */
        hoard(1);
        for (int i = 0; i < 3; ++i) {
            CHECK(zmq_connect(push[i], endpoint) == 0);
            CHECK(zmq_send(push[i], &i, sizeof i, 0) == sizeof i);
        }
        int number;
        set_int(pull, ZMQ_RCVTIMEO, 150);
        int early = zmq_recv(pull, &number, sizeof number, 0);
        CHECK(early == sizeof number || errno == EAGAIN);
        let_go();
        set_int(pull, ZMQ_RCVTIMEO, -1);
        for (int i = early == sizeof number; i < 3; ++i)
            CHECK(zmq_recv(pull, &number, sizeof number, 0) == sizeof number);
        for (int i = 0; i < 3; ++i)
            CHECK(zmq_close(push[i]) == 0);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

CASES({"contexts_leave_nothing", contexts_leave_nothing},
      {"sockets_leave_nothing", sockets_leave_nothing},
      {"used_sockets_leave_nothing", used_sockets_leave_nothing},
      {"tries_of_a_name_leave_nothing", tries_of_a_name_leave_nothing},
      {"connections_leave_nothing", connections_leave_nothing},
      {"binding_in_a_loop", binding_in_a_loop},
      {"many_at_once", many_at_once},
      {"creation_without_descriptors_fails", creation_without_descriptors_fails},
      {"connections_without_descriptors_come_later", connections_without_descriptors_come_later})
