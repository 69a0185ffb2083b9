/*
 * What every differential program shares: calling a function and printing what came of it.
 *
 * A differential program runs once on the original libzmq and once on ours; the two outputs must
 * be the same. So nothing that varies between two runs may be printed: ports are masked, generated
 * routing ids are masked, and every step waits for the state it needs instead of for time to pass.
 * Only "nothing happens" is waited for with a clock, and there a longer wait changes nothing.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

#include "observe/results.h"

#include "observe/sockets.h"

#include "observe/peers.h"

#endif
