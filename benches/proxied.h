/* A process that joins two sockets with zmq_proxy until the benchmark ends. */
#ifndef PROXIED_H
#define PROXIED_H

#include "sides.h"

/* Where each socket of the proxy is bound. */
enum place
{
    FRONT,
    BACK
};

/* Counts the proxy's processor time, and ends it by shutting its context down. */
static void *end_proxy (void *context)
{
    while (go_on ())
        usleep (1000);
    zmq_ctx_shutdown (context);
    return NULL;
}

static void *open_proxy_socket (void *context, int type, enum place place)
{
    void *socket = open_socket (context, type);
    set_int (socket, ZMQ_SNDTIMEO, -1);
    set_int (socket, ZMQ_RCVTIMEO, -1);
    if (type == ZMQ_XPUB)
        set_int (socket, ZMQ_XPUB_NODROP, 1);
    bind_place (socket, place);
    return socket;
}

static void run_proxy (void *context, int front_type, int back_type)
{
    void *front = open_proxy_socket (context, front_type, FRONT);
    void *back = open_proxy_socket (context, back_type, BACK);
    pthread_t thread;
    if (pthread_create (&thread, NULL, end_proxy, context) != 0)
        fail ("pthread_create");
    zmq_proxy (front, back, NULL);
    if (phase () != END)
        fail ("zmq_proxy");
    pthread_join (thread, NULL);
    leave ();
    zmq_close (front);
    zmq_close (back);
}

#endif
