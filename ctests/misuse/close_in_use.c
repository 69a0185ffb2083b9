/* A socket closed, or its context shut down, while another thread is inside a call on it. */
#include "misuse.h"

struct user {
    void *s;
    int call;
    int inside;
};

static void *use (void *argument)
{
    struct user *user = argument;
    char byte;
    zmq_pollitem_t item = {user->s, 0, ZMQ_POLLIN, 0};
    __atomic_store_n (&user->inside, 1, __ATOMIC_SEQ_CST);
    switch (user->call) {
        case 0:
            zmq_recv (user->s, &byte, 1, 0);
            break;
        case 1:
            zmq_poll (&item, 1, -1);
            break;
        case 2:
            zmq_send (user->s, "x", 1, 0);
            break;
        case 3:
            while (zmq_send (user->s, "x", 1, ZMQ_DONTWAIT) != -1 || zmq_errno () == EAGAIN) {
            }
            break;
        case 4:
            zmq_proxy (user->s, user->s, NULL);
            break;
    }
    return NULL;
}

int main (void)
{
    for (int call = 0; call < 5; call++)
        for (int how = 0; how < 2; how++) {
            section ("call %d, %s", call, how ? "closed" : "shut down");
            pthread_t thread;
            void *context = zmq_ctx_new ();
            struct user user = {open_socket (context, ZMQ_DEALER), call, 0};
            MUST (zmq_bind (user.s, "inproc://in use"));
            if (pthread_create (&thread, NULL, use, &user))
                give_up ("thread");
            while (!__atomic_load_n (&user.inside, __ATOMIC_SEQ_CST))
                sleep_ms (1);
            sleep_ms (20);
            if (how)
                SURVIVED (zmq_close (user.s));
            SURVIVED (zmq_ctx_shutdown (context));
            pthread_join (thread, NULL);
            SURVIVED (zmq_close (user.s));
            SURVIVED (zmq_ctx_term (context));
        }
    return verdict ();
}
