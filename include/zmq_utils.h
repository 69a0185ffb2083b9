/* SPDX-License-Identifier: MPL-2.0 */

/* Everything is in zmq.h now; this file is for programs that still ask for it. */
#include "zmq.h"
