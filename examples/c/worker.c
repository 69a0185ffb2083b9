/*
 * Second of three stages: works on tasks (it squares numbers) until it is ended from outside.
 *
 *     worker [ENDPOINT OF VENTILATOR] [ENDPOINT OF SINK]
 */
#include "check.h"

int main (int argc, char **argv)
{
    const char *ventilator = argc > 1 ? argv[1] : "tcp://localhost:5557";
    const char *sink = argc > 2 ? argv[2] : "tcp://localhost:5558";
    void *context = zmq_ctx_new ();
    void *tasks = zmq_socket (context, ZMQ_PULL);
    void *results = zmq_socket (context, ZMQ_PUSH);
    check (zmq_connect (tasks, ventilator), "zmq_connect");
    check (zmq_connect (results, sink), "zmq_connect");

    for (;;) {
        char text[32];
        int size = check (zmq_recv (tasks, text, sizeof text - 1, 0), "zmq_recv");
        text[size < (int) sizeof text ? size : (int) sizeof text - 1] = 0;
        const long number = atol (text);
        size = snprintf (text, sizeof text, "%ld", number * number);
        check (zmq_send (results, text, (size_t) size, 0), "zmq_send");
    }
}
