/*  The original's fuzzing programs include libFuzzer's header of this name, and
 *  use nothing of it. GCC has none.  */
