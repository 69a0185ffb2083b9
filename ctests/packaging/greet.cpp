// The C program's greeting from C++, with two parts over tcp.
#include <dlfcn.h>
#include <iostream>
#include <stdexcept>
#include <string>
#include <zmq.h>

static void must(bool good)
{
    if (!good)
        throw std::runtime_error(zmq_strerror(zmq_errno()));
}

class Socket
{
  public:
    Socket(void *context, int kind) : handle(zmq_socket(context, kind)) { must(handle != nullptr); }
    Socket(const Socket &) = delete;
    ~Socket() { zmq_close(handle); }

    void *const handle;
};

static std::string receive(const Socket &socket)
{
    zmq_msg_t message;
    must(zmq_msg_init(&message) == 0);
    must(zmq_msg_recv(&message, socket.handle, 0) >= 0);
    const std::string text(static_cast<char *>(zmq_msg_data(&message)), zmq_msg_size(&message));
    must(zmq_msg_close(&message) == 0);
    return text;
}

static void greet(void *context)
{
    const Socket reply(context, ZMQ_REP), request(context, ZMQ_REQ);
    must(zmq_bind(reply.handle, "tcp://127.0.0.1:*") == 0);
    char endpoint[64];
    size_t size = sizeof endpoint;
    must(zmq_getsockopt(reply.handle, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    must(zmq_connect(request.handle, endpoint) == 0);
    must(zmq_send(request.handle, "hello", 5, ZMQ_SNDMORE) == 5);
    must(zmq_send(request.handle, "world", 5, 0) == 5);
    const std::string first = receive(reply);
    if (first + receive(reply) != "helloworld")
        throw std::runtime_error("another greeting came");
}

int main()
{
    try {
        void *context = zmq_ctx_new();
        greet(context);
        must(zmq_ctx_term(context) == 0);
        Dl_info library;
        must(dladdr(reinterpret_cast<void *>(zmq_version), &library) != 0);
        std::cout << library.dli_fname << std::endl;
    } catch (const std::exception &error) {
        std::cerr << error.what() << std::endl;
        return 1;
    }
}
