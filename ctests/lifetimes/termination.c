/* The end of contexts and sockets: who waits for whom, and what blocking calls say. */
#include "lifetimes.h"

static void *context;

/* Everybody has a socket. */
static pthread_barrier_t ready;

enum blocking_call { SEND, RECV, POLL, EVENTS_POLL, PROXY };

static void *block(void *argument)
{
    enum blocking_call call = *(enum blocking_call *)argument;
    void *socket = new_socket(context, call == PROXY ? ZMQ_ROUTER : ZMQ_DEALER);
    set_int(socket, ZMQ_LINGER, 0);
    char byte;
    zmq_pollitem_t items[2] = {{socket, 0, ZMQ_POLLIN, 0}, {NULL, -1, ZMQ_POLLIN, 0}};
    int ends[2];
    CHECK(pipe(ends) == 0);
    items[1].fd = ends[0];
    pthread_barrier_wait(&ready);
    switch (call) {
        case SEND: REFUSED(ETERM, zmq_send(socket, "x", 1, 0)); break;
        case RECV: REFUSED(ETERM, zmq_recv(socket, &byte, 1, 0)); break;
        case POLL: REFUSED(ETERM, zmq_poll(items, 1, -1)); break;
        case EVENTS_POLL: REFUSED(ETERM, zmq_poll(items, 2, -1)); break;
        case PROXY: REFUSED(ETERM, zmq_proxy(socket, socket, NULL)); break;
    }
    REFUSED(ETERM, zmq_send(socket, "x", 1, ZMQ_DONTWAIT));
    close(ends[0]);
    close(ends[1]);
    CHECK(zmq_close(socket) == 0);
    return NULL;
}

static void end_while_others_block(int (*end)(void *), int delay)
{
    enum blocking_call calls[] = {SEND, RECV, POLL, EVENTS_POLL, PROXY};
    enum { CALLS = sizeof calls / sizeof *calls };
    pthread_t threads[CALLS];
    context = zmq_ctx_new();
    /* The context has its threads before the others start, whoever is first. */
    CHECK(zmq_close(new_socket(context, ZMQ_PAIR)) == 0);
    void *anchor = new_socket(context, ZMQ_PAIR);
    CHECK(pthread_barrier_init(&ready, NULL, CALLS + 1) == 0);
    for (int i = 0; i < CALLS; ++i)
        threads[i] = start_thread(block, &calls[i]);
    pthread_barrier_wait(&ready);
    pause_ms(delay);
    if (end == zmq_ctx_shutdown) {
        CHECK(zmq_ctx_shutdown(context) == 0);
        REFUSED(ETERM, zmq_send(anchor, "x", 1, 0));
    }
    for (int i = 0; i < CALLS && end == zmq_ctx_shutdown; ++i)
        join(threads[i]);
    CHECK(zmq_close(anchor) == 0);
    CHECK(zmq_ctx_term(context) == 0);
    for (int i = 0; i < CALLS && end != zmq_ctx_shutdown; ++i)
        join(threads[i]);
    CHECK(pthread_barrier_destroy(&ready) == 0);
}

static void shutdown_ends_blocking_calls(void)
{
    for (int i = 0; i < 20; ++i)
        end_while_others_block(zmq_ctx_shutdown, 20);
}

static void term_ends_blocking_calls(void)
{
    for (int i = 0; i < 20; ++i)
        end_while_others_block(zmq_ctx_term, 20);
}

static void *terminate(void *ended)
{
    CHECK(zmq_ctx_term(context) == 0);
    __atomic_store_n((int *)ended, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void term_waits_for_sockets(void)
{
    int ended = 0;
    context = zmq_ctx_new();
    void *socket = new_socket(context, ZMQ_PULL);
    char byte;
    pthread_t thread = start_thread(terminate, &ended);
    REFUSED(ETERM, zmq_recv(socket, &byte, 1, 0));
    CHECK(zmq_socket(context, ZMQ_PUSH) == NULL && errno == ETERM);
    CHECK(!__atomic_load_n(&ended, __ATOMIC_SEQ_CST));
    CHECK(zmq_close(socket) == 0);
    join(thread);
    CHECK(ended);
}

static void signals_interrupt_blocking_calls(void)
{
    let_interrupt(SIGUSR1);
    context = zmq_ctx_new();
    void *push = new_socket(context, ZMQ_PUSH);
    void *pull = new_socket(context, ZMQ_PULL);
    char byte;
    zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
    struct tormentor tormentor = {.victim = pthread_self(), .pause_us = 1000};
    pthread_t thread = start_thread(torment, &tormentor);
    for (int i = 0; i < 20; ++i) {
        REFUSED(EINTR, zmq_send(push, "x", 1, 0));
        REFUSED(EINTR, zmq_recv(pull, &byte, 1, 0));
        REFUSED(EINTR, zmq_poll(&item, 1, -1));
        REFUSED(EINTR, zmq_proxy(pull, push, NULL));
    }
    /* A signal does not end a context; the call is repeated. */
    int stopped = 0;
    void *socket = new_socket(context, ZMQ_PAIR);
    CHECK(zmq_close(push) == 0);
    CHECK(zmq_close(pull) == 0);
    for (int i = 0; i < 5; ++i)
        REFUSED(EINTR, zmq_ctx_term(context));
    CHECK(zmq_close(socket) == 0);
    while (zmq_ctx_term(context) == -1) {
        CHECK(errno == EINTR);
        ++stopped;
    }
    tormentor.stop = 1;
    join(thread);
}

/* Messages in numbers that no buffer of the system holds, so that a socket closes in the middle of
 * one. Their bytes are such as would mean something at the front of a frame. */
enum { MANY = 1000, FEW = 5, LARGE = 20000, FILLING = 0xaa };

static void fill(void *socket, int count)
{
    char *body = malloc(LARGE);
    memset(body, FILLING, LARGE);
    for (int i = 0; i < count; ++i) {
        memcpy(body, &i, sizeof i);
        CHECK(zmq_send(socket, body, LARGE, 0) == LARGE);
    }
    free(body);
}

static void drain(void *socket, int count)
{
    char *body = malloc(LARGE);
    for (int i = 0; i < count; ++i) {
        int number;
        CHECK(zmq_recv(socket, body, LARGE, 0) == LARGE);
        memcpy(&number, body, sizeof number);
        CHECK(number == i);
        for (int k = sizeof number; k < LARGE; ++k)
            CHECK((unsigned char)body[k] == FILLING);
    }
    free(body);
}

static void *context_of_push;

static void push_so_many_and_end(const char *endpoint, int count)
{
    void *push = new_socket(context_of_push, ZMQ_PUSH);
    CHECK(zmq_connect(push, endpoint) == 0);
    fill(push, count);
    CHECK(zmq_close(push) == 0);
    CHECK(zmq_ctx_term(context_of_push) == 0);
}

static void *push_and_end(void *endpoint)
{
    push_so_many_and_end(endpoint, MANY);
    return NULL;
}

static void infinite_linger_delivers_everything(void)
{
    for (int transport = 1; transport < TRANSPORTS; ++transport) {
        char endpoint[ENDPOINT_SIZE];
        context = zmq_ctx_new();
        context_of_push = zmq_ctx_new();
        void *pull = new_socket(context, ZMQ_PULL);
        bind_any(pull, wildcards[transport], endpoint);
        pthread_t thread = start_thread(push_and_end, endpoint);
        drain(pull, MANY);
        join(thread);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

/* The sender is long gone when the receiver has room for what the system holds. */
static void what_the_system_holds_is_received(void)
{
    for (int transport = 1; transport < TRANSPORTS; ++transport) {
        char endpoint[ENDPOINT_SIZE];
        context = zmq_ctx_new();
        context_of_push = zmq_ctx_new();
        void *pull = new_socket(context, ZMQ_PULL);
        set_int(pull, ZMQ_RCVHWM, 1);
        bind_any(pull, wildcards[transport], endpoint);
        push_so_many_and_end(endpoint, FEW);
        drain(pull, FEW);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static void linger_waits_for_a_late_peer(void)
{
    char endpoint[ENDPOINT_SIZE];
    context = zmq_ctx_new();
    context_of_push = zmq_ctx_new();
    void *pull = new_socket(context, ZMQ_PULL);
    bind_any(pull, "tcp://127.0.0.1:*", endpoint);
    CHECK(zmq_unbind(pull, endpoint) == 0);
    pthread_t thread = start_thread(push_and_end, endpoint);
    pause_ms(200);
    while (zmq_bind(pull, endpoint) == -1)
        CHECK(errno == EADDRINUSE);
    drain(pull, MANY);
    join(thread);
    CHECK(zmq_close(pull) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

/* Linger in milliseconds; the end has to come although nobody reads. */
static void close_unread(int linger, int peer)
{
    for (int transport = 0; transport < TRANSPORTS; ++transport) {
        char endpoint[ENDPOINT_SIZE];
        context = zmq_ctx_new();
        void *pull = new_socket(context, ZMQ_PULL);
        void *push = new_socket(context, ZMQ_PUSH);
        set_int(push, ZMQ_LINGER, linger);
        set_int(push, ZMQ_SNDHWM, 0);
        bind_any(pull, wildcards[transport], endpoint);
        if (!peer)
            CHECK(zmq_close(pull) == 0);
        /* A name goes some time after its socket, so that of a closed one is no good for this. */
        int alone = !peer && transport == 0;
        CHECK(zmq_connect(push, alone ? "inproc://nobody" : endpoint) == 0);
        fill(push, MANY);
        CHECK(zmq_close(push) == 0);
        if (peer)
            CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static void no_linger_drops(void)
{
    for (int i = 0; i < 10; ++i) {
        close_unread(0, 1);
        close_unread(0, 0);
    }
}

static void short_linger_ends(void)
{
    for (int i = 0; i < 10; ++i) {
        close_unread(30, 1);
        close_unread(30, 0);
    }
}

/* The peer goes away for good while the lingering side has unread input and unsent output. */
static void linger_with_unread_input_and_no_peer(void)
{
    char endpoint[ENDPOINT_SIZE];
    context = zmq_ctx_new();
    void *context_of_peer = zmq_ctx_new();
    void *peer = new_socket(context_of_peer, ZMQ_DEALER);
    void *dealer = new_socket(context, ZMQ_DEALER);
    set_int(peer, ZMQ_LINGER, 0);
    bind_any(dealer, "tcp://127.0.0.1:*", endpoint);
    CHECK(zmq_connect(peer, endpoint) == 0);
    fill(peer, 500);
    fill(dealer, MANY);
    CHECK(zmq_close(dealer) == 0);
    CHECK(zmq_close(peer) == 0);
    CHECK(zmq_ctx_term(context_of_peer) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void dead_addresses(void)
{
    int lingers[] = {0, 20, 0, 40};
    for (int i = 0; i < 4; ++i) {
        char endpoint[ENDPOINT_SIZE];
        context = zmq_ctx_new();
        dead_endpoint(context, endpoint);
        for (int k = 0; k < 50; ++k) {
            void *socket = new_socket(context, k % 2 ? ZMQ_DEALER : ZMQ_PUSH);
            set_int(socket, ZMQ_LINGER, lingers[i]);
            set_int(socket, ZMQ_RECONNECT_IVL, k % 3);
            CHECK(zmq_connect(socket, endpoint) == 0);
            CHECK(zmq_connect(socket, "ipc:///nonexistent/directory/socket") == 0);
            CHECK(zmq_connect(socket, "inproc://nobody") == 0);
            for (int n = 0; n < 10; ++n)
                CHECK(zmq_send(socket, "x", 1, 0) == 1);
            if (k % 5 == 0)
                CHECK(zmq_disconnect(socket, endpoint) == 0);
            CHECK(zmq_close(socket) == 0);
        }
        CHECK(zmq_ctx_term(context) == 0);
    }
}

/* Connections come in at the very moment their acceptor closes or unbinds. */
static void *knock(void *endpoint)
{
    void *mine = zmq_ctx_new();
    for (int i = 0; i < 4; ++i) {
        void *socket = new_socket(mine, ZMQ_DEALER);
        set_int(socket, ZMQ_LINGER, 0);
        CHECK(zmq_connect(socket, endpoint) == 0);
        zmq_send(socket, "x", 1, 0);
        pause_ms(1);
        CHECK(zmq_close(socket) == 0);
    }
    CHECK(zmq_ctx_term(mine) == 0);
    return NULL;
}

static void closing_while_peers_arrive(void)
{
    for (int i = 0; i < 60; ++i) {
        char endpoint[ENDPOINT_SIZE];
        pthread_t threads[4];
        context = zmq_ctx_new();
        if (i % 2)
            CHECK(zmq_ctx_set(context, ZMQ_IO_THREADS, 3) == 0);
        void *router = new_socket(context, ZMQ_ROUTER);
        bind_any(router, wildcards[1 + i % 2], endpoint);
        for (int k = 0; k < 4; ++k)
            threads[k] = start_thread(knock, endpoint);
        pause_ms(i % 5);
        if (i % 3 == 0)
            CHECK(zmq_unbind(router, endpoint) == 0);
        CHECK(zmq_close(router) == 0);
        CHECK(zmq_ctx_term(context) == 0);
        for (int k = 0; k < 4; ++k)
            join(threads[k]);
    }
}

static void monitors_end_with_their_sockets(void)
{
    for (int i = 0; i < 60; ++i) {
        char endpoint[ENDPOINT_SIZE];
        context = zmq_ctx_new();
        void *router = new_socket(context, ZMQ_ROUTER);
        CHECK(zmq_socket_monitor(router, "inproc://events", ZMQ_EVENT_ALL) == 0);
        void *events = new_socket(context, ZMQ_PAIR);
        CHECK(zmq_connect(events, "inproc://events") == 0);
        bind_any(router, "tcp://127.0.0.1:*", endpoint);
        void *dealer = new_socket(context, ZMQ_DEALER);
        set_int(dealer, ZMQ_LINGER, 0);
        CHECK(zmq_connect(dealer, endpoint) == 0);
        if (i % 2)
            pause_ms(2);
        if (i % 3 == 0)
            CHECK(zmq_socket_monitor(router, NULL, 0) == 0);
        if (i % 5 == 0)
            CHECK(zmq_ctx_shutdown(context) == 0);
        CHECK(zmq_close(i % 4 ? router : events) == 0);
        CHECK(zmq_close(i % 4 ? events : router) == 0);
        CHECK(zmq_close(dealer) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

CASES({"shutdown_ends_blocking_calls", shutdown_ends_blocking_calls},
      {"term_ends_blocking_calls", term_ends_blocking_calls},
      {"term_waits_for_sockets", term_waits_for_sockets},
      {"signals_interrupt_blocking_calls", signals_interrupt_blocking_calls},
      {"infinite_linger_delivers_everything", infinite_linger_delivers_everything},
      {"what_the_system_holds_is_received", what_the_system_holds_is_received},
      {"linger_waits_for_a_late_peer", linger_waits_for_a_late_peer},
      {"no_linger_drops", no_linger_drops},
      {"short_linger_ends", short_linger_ends},
      {"linger_with_unread_input_and_no_peer", linger_with_unread_input_and_no_peer},
      {"dead_addresses", dead_addresses},
      {"closing_while_peers_arrive", closing_while_peers_arrive},
      {"monitors_end_with_their_sockets", monitors_end_with_their_sockets})
