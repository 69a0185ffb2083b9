/* Ends the program with a message when a ZeroMQ call fails. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

static inline int check (int rc, const char *call)
{
    if (rc == -1) {
        fprintf (stderr, "%s: %s\n", call, zmq_strerror (zmq_errno ()));
        exit (1);
    }
    return rc;
}

#endif
