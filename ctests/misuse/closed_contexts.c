/* Contexts that were terminated: again, from two threads at once, and with sockets left in them. */
#include "misuse.h"

static void use (void *context)
{
    int value = 0;
    size_t size = sizeof value;
    REFUSED (zmq_ctx_term (context));
    REFUSED (zmq_term (context));
    REFUSED (zmq_ctx_destroy (context));
    REFUSED (zmq_ctx_shutdown (context));
    REFUSED (zmq_ctx_set (context, ZMQ_IO_THREADS, 1));
    REFUSED (zmq_ctx_get (context, ZMQ_IO_THREADS));
    REFUSED (zmq_ctx_set_ext (context, ZMQ_IO_THREADS, &value, size));
    REFUSED (zmq_ctx_get_ext (context, ZMQ_IO_THREADS, &value, &size));
    REFUSED_POINTER (zmq_socket (context, ZMQ_PAIR));
}

static void *terminate (void *context)
{
    return (void *) (long) zmq_ctx_term (context);
}

static void *close_later (void *s)
{
    sleep_ms (50);
    zmq_close (s);
    return NULL;
}

int main (void)
{
    section ("without sockets");
    void *context = zmq_ctx_new ();
    MUST (zmq_ctx_term (context));
    use (context);

    section ("after use");
    context = zmq_ctx_new ();
    void *s = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (s, "tcp://127.0.0.1:*"));
    MUST (zmq_close (s));
    MUST (zmq_ctx_term (context));
    use (context);
    sleep_ms (20);
    use (context);

    section ("terminated by several threads at once");
    for (int turn = 0; turn < 20; turn++) {
        pthread_t threads[4], closer;
        int succeeded = 0;
        context = zmq_ctx_new ();
        s = open_socket (context, ZMQ_PULL);
        for (int i = 0; i < 4; i++)
            if (pthread_create (&threads[i], NULL, terminate, context))
                give_up ("thread");
        if (pthread_create (&closer, NULL, close_later, s))
            give_up ("thread");
        for (int i = 0; i < 4; i++) {
            void *rc;
            pthread_join (threads[i], &rc);
            succeeded += rc == NULL;
        }
        pthread_join (closer, NULL);
        if (succeeded == 0) {
            printf ("NOBODY SUCCEEDED\n");
            complaints++;
        }
    }

    section ("shut down, then used and terminated");
    context = zmq_ctx_new ();
    s = open_socket (context, ZMQ_PULL);
    MUST (zmq_ctx_shutdown (context));
    REFUSED_POINTER (zmq_socket (context, ZMQ_PAIR));
    MUST (zmq_close (s));
    REFUSED (zmq_close (s));
    MUST (zmq_ctx_term (context));
    REFUSED (zmq_ctx_term (context));
    return verdict ();
}
