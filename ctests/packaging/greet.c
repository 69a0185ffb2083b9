/* Sends a message to itself, then prints the file that the library's code is in. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

int main(void)
{
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    if (ZMQ_MAKE_VERSION(major, minor, patch) != ZMQ_VERSION) {
        fprintf(stderr, "the library says %d.%d.%d\n", major, minor, patch);
        return 1;
    }

    void *context = zmq_ctx_new();
    void *left = zmq_socket(context, ZMQ_PAIR);
    void *right = zmq_socket(context, ZMQ_PAIR);
    char text[6] = "";
    int ok = zmq_bind(left, "inproc://greeting") == 0
        && zmq_connect(right, "inproc://greeting") == 0
        && zmq_send(right, "hello", 5, 0) == 5
        && zmq_recv(left, text, 5, 0) == 5
        && strcmp(text, "hello") == 0
        && zmq_close(left) == 0
        && zmq_close(right) == 0
        && zmq_ctx_term(context) == 0;
    if (!ok) {
        fprintf(stderr, "no greeting: %s\n", zmq_strerror(zmq_errno()));
        return 1;
    }

    Dl_info library;
    if (dladdr((void *) zmq_version, &library) == 0) {
        fprintf(stderr, "the loader does not know zmq_version\n");
        return 1;
    }
    puts(library.dli_fname);
    return 0;
}
