/* ZMQ_FD as event loops use it: watched for edges, asked with ZMQ_EVENTS, and no message missed. */
#include "lifetimes.h"

#include <sys/epoll.h>

static void *context;
static char endpoint[ENDPOINT_SIZE];

static int messages(void)
{
    return getenv("LIFETIMES_SMALL") ? 2000 : getenv("LIFETIMES_FULL") ? 1000000 : 150000;
}

static int watch(void *socket)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    CHECK(epoll >= 0);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, int_of(socket, ZMQ_FD), &event) == 0);
    return epoll;
}

static void next_edge(int epoll)
{
    struct epoll_event event;
    int count;
    while ((count = epoll_wait(epoll, &event, 1, -1)) == -1 && errno == EINTR)
        ;
    CHECK(count == 1);
}

/* Sends as fast as there is room; sleeps on the edge when there is none. */
static void *produce(void *kind)
{
    void *push = new_socket(context, *(int *)kind);
    set_int(push, ZMQ_SNDHWM, 100);
    CHECK(zmq_connect(push, endpoint) == 0);
    int epoll = watch(push);
    for (int i = 0, count = messages(); i < count;) {
        if (zmq_send(push, &i, sizeof i, ZMQ_DONTWAIT) == sizeof i) {
            ++i;
            continue;
        }
        CHECK(errno == EAGAIN);
        while (!(int_of(push, ZMQ_EVENTS) & ZMQ_POLLOUT))
            next_edge(epoll);
    }
    close(epoll);
    CHECK(zmq_close(push) == 0);
    return NULL;
}

/* After an edge: asks for events and receives until told that there is nothing. */
static void consume_all(void *pull)
{
    int epoll = watch(pull);
    for (int expected = 0, count = messages(); expected < count;) {
        while (!(int_of(pull, ZMQ_EVENTS) & ZMQ_POLLIN))
            next_edge(epoll);
        int number = -1;
        while (zmq_recv(pull, &number, sizeof number, ZMQ_DONTWAIT) == sizeof number) {
            CHECK(number == expected);
            ++expected;
        }
        CHECK(errno == EAGAIN);
    }
    close(epoll);
}

/* One message per look at the events, as event loops with callbacks do. */
static void consume_singly(void *pull)
{
    int epoll = watch(pull);
    for (int expected = 0, count = messages(); expected < count; ++expected) {
        while (!(int_of(pull, ZMQ_EVENTS) & ZMQ_POLLIN))
            next_edge(epoll);
        int number = -1;
        CHECK(zmq_recv(pull, &number, sizeof number, ZMQ_DONTWAIT) == sizeof number);
        CHECK(number == expected);
    }
    close(epoll);
}

/* Without asking for events: receiving until EAGAIN is enough to be told of what comes next. */
static void consume_blindly(void *pull)
{
    int epoll = watch(pull);
    for (int expected = 0, count = messages(); expected < count;) {
        int number = -1;
        if (zmq_recv(pull, &number, sizeof number, ZMQ_DONTWAIT) == sizeof number) {
            CHECK(number == expected);
            ++expected;
        } else {
            CHECK(errno == EAGAIN);
            next_edge(epoll);
        }
    }
    close(epoll);
}

/* zmq_poll before every message. */
static void consume_polled(void *pull)
{
    for (int expected = 0, count = messages(); expected < count; ++expected) {
        zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
        CHECK(zmq_poll(&item, 1, -1) == 1 && item.revents == ZMQ_POLLIN);
        int number = -1;
        CHECK(zmq_recv(pull, &number, sizeof number, ZMQ_DONTWAIT) == sizeof number);
        CHECK(number == expected);
    }
}

static void run(void (*consume)(void *))
{
    static int kinds[][2] = {{ZMQ_PULL, ZMQ_PUSH}, {ZMQ_PAIR, ZMQ_PAIR}, {ZMQ_DEALER, ZMQ_DEALER}};
    for (int i = 0; i < TRANSPORTS; ++i) {
        context = zmq_ctx_new();
        void *pull = new_socket(context, kinds[i][0]);
        set_int(pull, ZMQ_RCVHWM, 100);
        bind_any(pull, wildcards[i], endpoint);
        pthread_t thread = start_thread(produce, &kinds[i][1]);
        consume(pull);
        join(thread);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

static void events_then_all_messages(void)
{
    run(consume_all);
}

static void events_before_each_message(void)
{
    run(consume_singly);
}

static void receiving_until_again(void)
{
    run(consume_blindly);
}

static void polling_before_each_message(void)
{
    run(consume_polled);
}

/* Request and reply over one descriptor each, where both directions share the edges. */
static void *answer(void *unused)
{
    (void)unused;
    void *rep = new_socket(context, ZMQ_REP);
    CHECK(zmq_connect(rep, endpoint) == 0);
    int epoll = watch(rep);
    for (int i = 0, count = messages() / 10; i < count; ++i) {
        int number;
        while (zmq_recv(rep, &number, sizeof number, ZMQ_DONTWAIT) == -1) {
            CHECK(errno == EAGAIN);
            if (!(int_of(rep, ZMQ_EVENTS) & ZMQ_POLLIN))
                next_edge(epoll);
        }
        while (!(int_of(rep, ZMQ_EVENTS) & ZMQ_POLLOUT))
            next_edge(epoll);
        CHECK(zmq_send(rep, &number, sizeof number, ZMQ_DONTWAIT) == sizeof number);
    }
    close(epoll);
    CHECK(zmq_close(rep) == 0);
    return NULL;
}

static void requests_and_replies(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        context = zmq_ctx_new();
        void *req = new_socket(context, ZMQ_REQ);
        bind_any(req, wildcards[i], endpoint);
        pthread_t thread = start_thread(answer, NULL);
        int epoll = watch(req);
        for (int k = 0, count = messages() / 10; k < count; ++k) {
            int number = -1;
            while (!(int_of(req, ZMQ_EVENTS) & ZMQ_POLLOUT))
                next_edge(epoll);
            CHECK(zmq_send(req, &k, sizeof k, ZMQ_DONTWAIT) == sizeof k);
            while (!(int_of(req, ZMQ_EVENTS) & ZMQ_POLLIN))
                next_edge(epoll);
            CHECK(zmq_recv(req, &number, sizeof number, ZMQ_DONTWAIT) == sizeof number);
            CHECK(number == k);
        }
        close(epoll);
        join(thread);
        CHECK(zmq_close(req) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

/* An idle socket's descriptor is quiet once its events were asked for. */
static void idle_descriptors_are_quiet(void)
{
    for (int i = 0; i < TRANSPORTS; ++i) {
        context = zmq_ctx_new();
        void *pull = new_socket(context, ZMQ_PULL);
        bind_any(pull, wildcards[i], endpoint);
        void *push = new_socket(context, ZMQ_PUSH);
        CHECK(zmq_connect(push, endpoint) == 0);
        for (int k = 0; k < 50; ++k) {
            char byte;
            CHECK(zmq_send(push, "x", 1, 0) == 1);
            CHECK(zmq_recv(pull, &byte, 1, 0) == 1);
            struct pollfd item = {.fd = int_of(pull, ZMQ_FD), .events = POLLIN};
            /* News may still be on its way, but it ends. */
            do
                CHECK(int_of(pull, ZMQ_EVENTS) == 0);
            while (poll(&item, 1, 0) != 0);
        }
        CHECK(zmq_close(push) == 0);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }
}

CASES({"events_then_all_messages", events_then_all_messages},
      {"events_before_each_message", events_before_each_message},
      {"receiving_until_again", receiving_until_again},
      {"polling_before_each_message", polling_before_each_message},
      {"requests_and_replies", requests_and_replies},
      {"idle_descriptors_are_quiet", idle_descriptors_are_quiet})
