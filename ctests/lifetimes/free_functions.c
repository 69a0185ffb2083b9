/* The free function of zmq_msg_init_data is called exactly once, however the message ends. */
#include "lifetimes.h"

static void *context;
static char endpoint[ENDPOINT_SIZE];

/* Bodies of every way of travelling: copied, by reference, and in between. */
static const size_t sizes[] = {1, 40, 300, 9000, 40000, 300000};
#define SIZES ((int)(sizeof sizes / sizeof *sizes))

struct body {
    int freed;
    unsigned char bytes[];
};

static struct body *bodies[100000];
static int made;

static void release(void *data, void *hint)
{
    struct body *body = hint;
    CHECK(data == body->bytes);
    __atomic_add_fetch(&body->freed, 1, __ATOMIC_SEQ_CST);
}

static void make(zmq_msg_t *message, size_t size)
{
    struct body *body = malloc(sizeof *body + size);
    CHECK(body);
    body->freed = 0;
    memset(body->bytes, made, size);
    bodies[made++] = body;
    CHECK(zmq_msg_init_data(message, body->bytes, size, release, body) == 0);
}

/* Everything that was made is freed now, and once. */
static void all_freed(void)
{
    for (int i = 0; i < made; ++i) {
        CHECK(__atomic_load_n(&bodies[i]->freed, __ATOMIC_SEQ_CST) == 1);
        free(bodies[i]);
    }
    made = 0;
}

static int send_one(void *socket, size_t size, int flags)
{
    zmq_msg_t message;
    make(&message, size);
    int sent = zmq_msg_send(&message, socket, flags);
    if (sent == -1) {
        CHECK(bodies[made - 1]->freed == 0);
        CHECK(zmq_msg_close(&message) == 0);
        CHECK(bodies[made - 1]->freed == 1);
    }
    return sent;
}

static void closed_and_copied(void)
{
    for (int i = 0; i < SIZES; ++i) {
        zmq_msg_t message, copy, third;
        make(&message, sizes[i]);
        zmq_msg_init(&copy);
        zmq_msg_init(&third);
        CHECK(zmq_msg_copy(&copy, &message) == 0);
        CHECK(zmq_msg_move(&third, &message) == 0);
        CHECK(zmq_msg_close(&message) == 0);
        CHECK(bodies[made - 1]->freed == 0);
        CHECK(zmq_msg_close(&copy) == 0);
        CHECK(bodies[made - 1]->freed == 0);
        CHECK(zmq_msg_close(&third) == 0);
        CHECK(bodies[made - 1]->freed == 1);
    }
    all_freed();
}

static void sent_and_received(void)
{
    for (int transport = 0; transport < TRANSPORTS; ++transport) {
        context = zmq_ctx_new();
        void *pull = new_socket(context, ZMQ_PULL);
        void *push = new_socket(context, ZMQ_PUSH);
        bind_any(pull, wildcards[transport], endpoint);
        CHECK(zmq_connect(push, endpoint) == 0);
        for (int i = 0; i < 200; ++i) {
            zmq_msg_t message;
            CHECK(send_one(push, sizes[i % SIZES], i % 4 == 0 ? ZMQ_SNDMORE : 0) != -1);
            zmq_msg_init(&message);
            if (i % 4 == 0)
                continue;
            for (int part = i % 4 == 1 ? 2 : 1; part > 0; --part)
                CHECK(zmq_msg_recv(&message, pull, 0) >= 0);
            CHECK(zmq_msg_close(&message) == 0);
        }
        CHECK(zmq_close(push) == 0);
        CHECK(zmq_close(pull) == 0);
        CHECK(zmq_ctx_term(context) == 0);
        all_freed();
    }
}

static void refused_and_dropped_at_the_mark(void)
{
    for (int transport = 0; transport < TRANSPORTS; ++transport) {
        context = zmq_ctx_new();
        void *push = new_socket(context, ZMQ_PUSH);
        REFUSED(EAGAIN, send_one(push, 1000, ZMQ_DONTWAIT));
        void *publisher = new_socket(context, ZMQ_PUB);
        void *subscriber = new_socket(context, ZMQ_SUB);
        set_int(publisher, ZMQ_SNDHWM, 2);
        set_int(publisher, ZMQ_LINGER, 0);
        set_int(subscriber, ZMQ_RCVHWM, 2);
        CHECK(zmq_setsockopt(subscriber, ZMQ_SUBSCRIBE, "", 0) == 0);
        bind_any(publisher, wildcards[transport], endpoint);
        /* Nobody subscribed yet: dropped. */
        for (int i = 0; i < 10; ++i)
            CHECK(send_one(publisher, sizes[i % SIZES], 0) != -1);
        CHECK(zmq_connect(subscriber, endpoint) == 0);
        char byte;
        do
            CHECK(send_one(publisher, 1, 0) == 1);
        while (zmq_recv(subscriber, &byte, 1, ZMQ_DONTWAIT) != 1);
        /* Far more than the marks and the system's buffers hold. */
        for (int i = 0; i < 200; ++i)
            CHECK(send_one(publisher, sizes[i % SIZES], 0) != -1);
        CHECK(zmq_close(publisher) == 0);
        CHECK(zmq_close(subscriber) == 0);
        CHECK(zmq_close(push) == 0);
        CHECK(zmq_ctx_term(context) == 0);
        all_freed();
    }
}

/* How the receiver's side ends while messages are on their way. */
enum ending { NO_LINGER, PEER_GONE_FIRST, PEER_READS_LATE, PARTS_UNFINISHED, DISCONNECTED, ENDINGS };

static void end_under_way(int transport, enum ending ending)
{
    context = zmq_ctx_new();
    void *context_of_peer = transport == 0 ? context : zmq_ctx_new();
    void *pull = new_socket(context_of_peer, ZMQ_PULL);
    void *push = new_socket(context, ZMQ_PUSH);
    set_int(push, ZMQ_LINGER, 0);
    set_int(push, ZMQ_SNDTIMEO, 1);
    set_int(pull, ZMQ_RCVHWM, 5);
    set_int(push, ZMQ_SNDHWM, 20);
    bind_any(pull, wildcards[transport], endpoint);
    CHECK(zmq_connect(push, endpoint) == 0);
    for (int i = 0; i < 40; ++i) {
        send_one(push, sizes[(i + (int)ending) % SIZES], i % 5 == 0 ? ZMQ_SNDMORE : 0);
        if (i == 20 && ending == PEER_GONE_FIRST) {
            CHECK(zmq_close(pull) == 0);
            pull = NULL;
        }
        if (i == 30 && ending == DISCONNECTED)
            CHECK(zmq_disconnect(push, endpoint) == 0);
    }
    if (ending == PARTS_UNFINISHED)
        for (int i = 0; i < 10; ++i)
            send_one(push, sizes[i % SIZES], ZMQ_SNDMORE);
    if (ending == PEER_READS_LATE) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        set_int(pull, ZMQ_RCVTIMEO, 20);
        while (zmq_msg_recv(&message, pull, 0) != -1)
            ;
        CHECK(zmq_msg_close(&message) == 0);
    }
    CHECK(zmq_close(push) == 0);
    if (pull)
        CHECK(zmq_close(pull) == 0);
    CHECK(zmq_ctx_term(context) == 0);
    if (transport != 0)
        CHECK(zmq_ctx_term(context_of_peer) == 0);
    all_freed();
}

static void ended_under_way(void)
{
    for (int i = 0; i < 3; ++i)
        for (int transport = 0; transport < TRANSPORTS; ++transport)
            for (int ending = 0; ending < ENDINGS; ++ending)
                end_under_way(transport, (enum ending)ending);
}

static void waiting_for_a_name_never_bound(void)
{
    for (int i = 0; i < 20; ++i) {
        context = zmq_ctx_new();
        void *push = new_socket(context, ZMQ_PUSH);
        CHECK(zmq_connect(push, "inproc://nobody") == 0);
        CHECK(zmq_connect(push, "ipc:///nonexistent/socket") == 0);
        for (int k = 0; k < 2 * SIZES; ++k)
            CHECK(send_one(push, sizes[k % SIZES], 0) != -1);
        set_int(push, ZMQ_LINGER, i % 2 ? 0 : 5);
        CHECK(zmq_close(push) == 0);
        CHECK(zmq_ctx_term(context) == 0);
        all_freed();
    }
}

static void copies_to_many(void)
{
    enum { MANY = 8 };
    for (int transport = 0; transport < TRANSPORTS; ++transport) {
        void *subscribers[MANY];
        char topic[1];
        context = zmq_ctx_new();
        void *publisher = new_socket(context, ZMQ_XPUB);
        bind_any(publisher, wildcards[transport], endpoint);
        set_int(publisher, ZMQ_XPUB_VERBOSE, 1);
        for (int i = 0; i < MANY; ++i) {
            subscribers[i] = new_socket(context, ZMQ_SUB);
            CHECK(zmq_setsockopt(subscribers[i], ZMQ_SUBSCRIBE, "", 0) == 0);
            CHECK(zmq_connect(subscribers[i], endpoint) == 0);
            CHECK(zmq_recv(publisher, topic, 1, 0) == 1);
        }
        for (int i = 0; i < 60; ++i)
            CHECK(send_one(publisher, sizes[i % SIZES], 0) != -1);
        for (int i = 0; i < MANY / 2; ++i) {
            for (int k = 0; k < 60; ++k) {
                zmq_msg_t message;
                zmq_msg_init(&message);
                CHECK(zmq_msg_recv(&message, subscribers[i], 0) == (int)sizes[k % SIZES]);
                CHECK(*(unsigned char *)zmq_msg_data(&message) == (unsigned char)k);
                CHECK(zmq_msg_close(&message) == 0);
            }
        }
        for (int i = 0; i < MANY; ++i)
            CHECK(zmq_close(subscribers[i]) == 0);
        set_int(publisher, ZMQ_LINGER, 0);
        CHECK(zmq_close(publisher) == 0);
        CHECK(zmq_ctx_term(context) == 0);
        all_freed();
    }
}

/* As pyzmq does: the free function sends on another socket, from whichever thread it runs in. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *collector;
static int told;
/* Another thread may use the collector without the lock: EBUSY is for the one that comes second. */
static int is_unlocked;

static int is_gone(void)
{
    return errno == ENOTSOCK || errno == ETERM || (is_unlocked && errno == EBUSY);
}

static void tell(void *data, void *hint)
{
    (void)hint;
    pthread_mutex_lock(&lock);
    CHECK(zmq_send(collector, &data, sizeof data, 0) == sizeof data || is_gone());
    ++told;
    pthread_mutex_unlock(&lock);
    free(data);
}

static void free_functions_that_send(void)
{
    for (int transport = 0; transport < TRANSPORTS; ++transport) {
        enum { COUNT = 300 };
        context = zmq_ctx_new();
        told = 0;
        void *listener = new_socket(context, ZMQ_PULL);
        set_int(listener, ZMQ_RCVHWM, 0);
        CHECK(zmq_bind(listener, "inproc://collector") == 0);
        collector = new_socket(context, ZMQ_PUSH);
        set_int(collector, ZMQ_SNDHWM, 0);
        CHECK(zmq_connect(collector, "inproc://collector") == 0);
        void *pull = new_socket(context, ZMQ_PULL);
        void *push = new_socket(context, ZMQ_PUSH);
        set_int(push, ZMQ_LINGER, 0);
        bind_any(pull, wildcards[transport], endpoint);
        CHECK(zmq_connect(push, endpoint) == 0);
        for (int i = 0; i < COUNT; ++i) {
            zmq_msg_t message;
            size_t size = sizes[i % SIZES];
            void *data = calloc(1, size);
            CHECK(zmq_msg_init_data(&message, data, size, tell, NULL) == 0);
            CHECK(zmq_msg_send(&message, push, 0) == (int)size);
            if (i < COUNT / 2) {
                zmq_msg_init(&message);
                CHECK(zmq_msg_recv(&message, pull, 0) == (int)size);
                CHECK(zmq_msg_close(&message) == 0);
            }
        }
        CHECK(zmq_close(push) == 0);
        CHECK(zmq_close(pull) == 0);
        if (transport % 2) {
            pthread_mutex_lock(&lock);
            CHECK(zmq_close(collector) == 0);
            pthread_mutex_unlock(&lock);
        } else {
            CHECK(zmq_ctx_shutdown(context) == 0);
            pthread_mutex_lock(&lock);
            is_unlocked = 1;
            pthread_mutex_unlock(&lock);
            while (zmq_close(collector) == -1)
                CHECK(errno == EBUSY);
        }
        CHECK(zmq_close(listener) == 0);
        CHECK(zmq_ctx_term(context) == 0);
        CHECK(told == COUNT);
        is_unlocked = 0;
    }
}

CASES({"closed_and_copied", closed_and_copied},
      {"sent_and_received", sent_and_received},
      {"refused_and_dropped_at_the_mark", refused_and_dropped_at_the_mark},
      {"ended_under_way", ended_under_way},
      {"waiting_for_a_name_never_bound", waiting_for_a_name_never_bound},
      {"copies_to_many", copies_to_many},
      {"free_functions_that_send", free_functions_that_send})
