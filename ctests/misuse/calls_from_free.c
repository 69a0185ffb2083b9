/*
 * A free function that itself calls the library, from whatever thread runs it: it sends on a socket
 * of its own under a lock, as garbage collectors of bindings do, also when that socket is closed.
 */
#include "misuse.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *notice;
static int freed, refused;

static void on_free (void *data, void *hint)
{
    (void) data;
    (void) hint;
    pthread_mutex_lock (&lock);
    freed++;
    if (zmq_send (notice, "freed", 5, ZMQ_DONTWAIT) == -1 && zmq_errno () == ENOTSOCK)
        refused++;
    pthread_mutex_unlock (&lock);
}

static int count (const int *number)
{
    pthread_mutex_lock (&lock);
    const int value = *number;
    pthread_mutex_unlock (&lock);
    return value;
}

int main (void)
{
    enum { MESSAGES = 200, SIZE = 100000 };
    static char data[SIZE];
    char endpoint[128];
    void *context = zmq_ctx_new ();
    void *listener = open_socket (context, ZMQ_PULL);
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    notice = open_socket (context, ZMQ_PUSH);
    MUST (zmq_bind (listener, "inproc://notice"));
    MUST (zmq_connect (notice, "inproc://notice"));
    BIND_TCP (pull, endpoint);
    MUST (zmq_connect (push, endpoint));
    for (int half = 0; half < 2; half++) {
        section (half ? "the other socket is closed" : "the other socket is open");
        for (int i = 0; i < MESSAGES; i++) {
            zmq_msg_t message;
            MUST (zmq_msg_init_data (&message, data, SIZE, on_free, NULL));
            MUST (zmq_msg_send (&message, push, 0));
            await_events (pull, ZMQ_POLLIN);
            MUST (zmq_recv (pull, NULL, 0, 0));
        }
        for (int i = 0; i < PATIENCE_MS && count (&freed) < (half + 1) * MESSAGES; i++)
            sleep_ms (1);
        printf ("freed %d, refused %d\n", count (&freed), count (&refused));
        complaints += count (&freed) != (half + 1) * MESSAGES || count (&refused) != half * MESSAGES;
        if (!half) {
            pthread_mutex_lock (&lock);
            MUST (zmq_close (notice));
            pthread_mutex_unlock (&lock);
        }
    }
    zmq_close (push);
    zmq_close (pull);
    zmq_close (listener);
    MUST (zmq_ctx_term (context));
    return verdict ();
}
