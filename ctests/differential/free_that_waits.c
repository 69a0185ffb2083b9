/*
 * Free functions that wait, in whatever thread runs them: for room in a pipe of their own, and for the
 * answer of another thread. So do garbage collectors of bindings.
 */
#include "observe.h"

enum { MESSAGES = 5000, SIZE = 100000 };

static char data[SIZE];
static void *notice;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void tell (void *body, void *hint)
{
    (void) body;
    (void) hint;
    pthread_mutex_lock (&lock);
    MUST (zmq_send (notice, "freed", 5, 0));
    pthread_mutex_unlock (&lock);
}

static void ask (void *body, void *hint)
{
    char answer[8];
    tell (body, hint);
    pthread_mutex_lock (&lock);
    MUST (zmq_recv (notice, answer, sizeof answer, 0));
    pthread_mutex_unlock (&lock);
}

struct collector
{
    void *socket;
    int answers, heard;
};

static void *collect (void *argument)
{
    struct collector *collector = argument;
    char buffer[8];
    while (collector->heard < MESSAGES) {
        MUST (zmq_recv (collector->socket, buffer, sizeof buffer, 0));
        collector->heard++;
        if (collector->answers)
            MUST (zmq_send (collector->socket, "good", 4, 0));
    }
    return NULL;
}

static void give_up_many (void *context, const char *name, zmq_free_fn *free_function)
{
    const int without_end = 0, at_once = 0;
    char endpoint[128];
    pthread_t thread;
    struct collector collector = {open_socket (context, ZMQ_PAIR), free_function == ask, 0};
    void *nobody = open_socket (context, ZMQ_PULL);
    void *push = open_socket (context, ZMQ_PUSH);
    notice = open_socket (context, ZMQ_PAIR);
    MUST (zmq_bind (collector.socket, name));
    MUST (zmq_connect (notice, name));
    MUST (zmq_setsockopt (push, ZMQ_SNDHWM, &without_end, sizeof without_end));
    MUST (zmq_setsockopt (push, ZMQ_LINGER, &at_once, sizeof at_once));
    BIND_TCP (nobody, endpoint);
    MUST (zmq_unbind (nobody, endpoint));
    MUST (zmq_connect (push, endpoint));
    pthread_create (&thread, NULL, collect, &collector);
    for (int i = 0; i < MESSAGES; i++) {
        zmq_msg_t message;
        MUST (zmq_msg_init_data (&message, data, SIZE, free_function, NULL));
        MUST (zmq_msg_send (&message, push, 0));
    }
    MUST (zmq_close (push));
    pthread_join (thread, NULL);
    printf ("heard of %d\n", collector.heard);
    pthread_mutex_lock (&lock);
    MUST (zmq_close (notice));
    pthread_mutex_unlock (&lock);
    MUST (zmq_close (nobody));
    MUST (zmq_close (collector.socket));
}

int main (void)
{
    void *context = zmq_ctx_new ();
    section ("waiting for room");
    give_up_many (context, "inproc://told", tell);
    section ("waiting for an answer");
    give_up_many (context, "inproc://asked", ask);
    MUST (zmq_ctx_term (context));
    return 0;
}
